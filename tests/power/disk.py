# SPDX-License-Identifier: Apache-2.0
"""A recorded trace, and the disks that a power cut at any place of it can leave behind.

A disk keeps what was written to a file before a sync of that file began that has succeeded, and the names that were
made, changed or removed before such a sync of their folder. Of everything else it may have any part: nothing, all of
it, all but the rest of the last write, or any sectors of it, since a disk and its cache write in the order they like. A
sector is written whole or not at all. Changes of names keep their order among each other, as in the journal of a file
system, but not with the data. A sync of a file does not keep its name: that is more than most file systems would lose."""

import collections
import hashlib
import os
import random
import struct

SECTOR_BYTES = 512
HEAD = struct.Struct("=IB3xQqqQII")
MAGIC = 0x504F5752

Record = collections.namedtuple("Record", "kind inode offset at_ns number path data")


def read_trace(path):
    """The records of a trace file. One that a kill has cut short at its end is left out."""
    with open(path, "rb") as file:
        raw = file.read()
    records, at = [], 0
    while at + HEAD.size <= len(raw):
        magic, kind, inode, offset, at_ns, number, path_bytes, data_bytes = HEAD.unpack_from(raw, at)
        assert magic == MAGIC, f"no record at {at}"
        at += HEAD.size
        end = at + path_bytes + data_bytes
        if end > len(raw):
            break
        records.append(Record(chr(kind), inode, offset, at_ns, number, raw[at:at + path_bytes].decode(),
                              raw[at + path_bytes:end]))
        at = end
    return records


class Content:
    """The bytes of a file, as the disk has them for sure, and what it may or may not have on top."""

    def __init__(self, durable=b""):
        self.durable = bytearray(durable)
        self.pending = []  # (offset, bytes) or (size, None) for a truncation
        self.applied = 0   # operations that became durable, ever
        self.syncs = {}

    def begin_sync(self, number):
        self.syncs[number] = self.applied + len(self.pending)

    def end_sync(self, number):
        count = self.syncs.pop(number) - self.applied
        if count > 0:
            for operation in self.pending[:count]:
                change(self.durable, operation)
            del self.pending[:count]
            self.applied += count


def change(content, operation):
    """Applies one write or truncation to a bytearray."""
    offset, data = operation
    if data is None:
        if len(content) > offset:
            del content[offset:]
        else:
            content.extend(bytes(offset - len(content)))
        return
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset:offset + len(data)] = data


def sectors(operation):
    """A write in pieces that lie in one sector each."""
    offset, data = operation
    if data is None:
        return [operation]
    pieces, at = [], 0
    while at < len(data):
        size = min(len(data) - at, SECTOR_BYTES - (offset + at) % SECTOR_BYTES)
        pieces.append((offset + at, data[at:at + size]))
        at += size
    return pieces


class Disk:
    """The folder of a journal while a trace is played. base: the folder as it was when the trace began. What a process
    finds when it begins counts as written anew: what was not synced before is not now."""

    def __init__(self, base=None):
        self.by_inode = {}
        self.names = {}    # durable: name -> Content
        self.pending = []  # changes of names: ("link", name, Content), ("rename", from, to), ("unlink", name)
        self.applied = 0
        self.syncs = {}
        self.running = {}  # names as the program sees them
        self.found = set() # names that the program found when it began
        self.writes = collections.Counter()
        for name in os.listdir(base) if base else ():
            path = os.path.join(base, name)
            if not name.endswith("-shm") and os.path.isfile(path):
                with open(path, "rb") as file:
                    content = Content(file.read())
                self.by_inode[os.stat(path).st_ino] = self.names[name] = self.running[name] = content

    def play(self, record):
        """Takes in one record."""
        kind = record.kind
        if kind == "c":
            self.by_inode[record.inode] = content = Content()
            self._change_name(("link", record.path, content))
        elif kind == "b":
            self.found = set()
        elif kind == "e":
            for name in set(self.running) - self.found:
                self._change_name(("unlink", name))
        elif kind == "o":
            if record.path not in self.running:
                self.by_inode[record.inode] = content = Content()
                self._change_name(("link", record.path, content))
            self.found.add(record.path)
            assert self.by_inode.get(record.inode) is self.running[record.path], f"{record.path} is another file"
        elif kind == "w":
            self.by_inode[record.inode].pending.append((record.offset, record.data))
            self.writes[self._name_of(record.inode)] += 1
        elif kind == "t":
            self.by_inode[record.inode].pending.append((record.offset, None))
        elif kind == "s":
            self.by_inode[record.inode].begin_sync(record.number)
        elif kind == "S":
            self.by_inode[record.inode].end_sync(record.number)
        elif kind == "d":
            self.syncs[record.number] = self.applied + len(self.pending)
        elif kind == "D":
            count = max(self.syncs.pop(record.number) - self.applied, 0)
            for operation in self.pending[:count]:
                self._rename(self.names, operation)
            del self.pending[:count]
            self.applied += count
        elif kind == "r":
            self._change_name(("rename", record.path, record.data.decode()))
        elif kind == "u":
            self._change_name(("unlink", record.path))
        assert kind != "m", "a file that is not the index was mapped for writing: the trace does not see such writes"

    def _name_of(self, inode):
        content = self.by_inode[inode]
        return next((name for name, other in self.running.items() if other is content), "?")

    def _change_name(self, operation):
        self.pending.append(operation)
        self._rename(self.running, operation)

    @staticmethod
    def _rename(names, operation):
        if operation[0] == "link":
            names[operation[1]] = operation[2]
        elif operation[0] == "rename":
            if operation[1] in names:
                names[operation[2]] = names.pop(operation[1])
        else:
            names.pop(operation[1], None)

    @property
    def is_clean(self):
        """Nothing is pending: every cut here leaves the same disk."""
        return not self.pending and not any(content.pending for content in self.running.values())

    def image(self, way, seed=0):
        """The disk after a power cut: name -> bytes. way: none, all, names, data, torn, or reordered with a seed."""
        chance = random.Random(seed)
        names = dict(self.names)
        count = {"none": 0, "data": 0, "reordered": chance.randint(0, len(self.pending))}.get(way, len(self.pending))
        for operation in self.pending[:count]:
            self._rename(names, operation)
        return {name: self._part(content, way, chance) for name, content in sorted(names.items())}

    @staticmethod
    def _part(content, way, chance):
        result = bytearray(content.durable)
        if way in ("all", "data"):
            kept = content.pending
        elif way == "torn" and content.pending:
            last = sectors(content.pending[-1])
            kept = content.pending[:-1] + last[:chance.randrange(max(len(last), 1))]
        elif way == "reordered":
            kept = [piece for operation in content.pending for piece in sectors(operation) if chance.random() < 0.5]
        else:
            kept = []
        for operation in kept:
            change(result, operation)
        return bytes(result)


def write_image(image, folder):
    """Puts the files of an image into a folder, and nothing else."""
    os.makedirs(folder, exist_ok=True)
    for name in os.listdir(folder):
        os.unlink(os.path.join(folder, name))
    for name, content in image.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)


def digest(image):
    """Equal images have equal digests."""
    total = hashlib.sha256()
    for name, content in sorted(image.items()):
        total.update(f"{name} {len(content)} ".encode())
        total.update(content)
    return total.digest()
