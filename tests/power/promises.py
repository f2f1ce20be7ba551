# SPDX-License-Identifier: Apache-2.0
"""What a bridge has let others rely on by each place of its trace: commands acknowledged, replies published, requests
sent. Read from the bytes on its sockets, not from anything that the bridge says of itself."""

import collections
import json
import re

TAG = re.compile(rb'_jobbridge\\?":\s*\\?"[0-9a-z]+-(\d+)')

Fact = collections.namedtuple("Fact", "index kind name value at_ns")  # true from this record on


class Stream:
    """The bytes of one direction of a connection, and for each byte the record that brought it."""

    def __init__(self):
        self.data = bytearray()
        self.ends = []  # (end in data, record)

    def add(self, data, index):
        self.data += data
        self.ends.append((len(self.data), index))

    def record_at(self, at):
        return next(index for end, index in self.ends if at < end)


def streams(records, ports):
    """Per port: streams in pairs (sent, received), one pair a connection."""
    found = collections.defaultdict(dict)
    life = 0
    for index, record in enumerate(records):
        life += record.kind == "b"
        if record.kind in "ni" and record.offset in ports:
            pair = found[record.offset].setdefault((life, record.inode), (Stream(), Stream()))
            pair[record.kind == "i"].add(record.data, index)
    return {port: list(pairs.values()) for port, pairs in found.items()}


def variable(data, at):
    """A number of MQTT's variable length, and where it ends."""
    number, shift = 0, 0
    while True:
        byte = data[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return number, at


def packets(stream):
    """(type, flags, body, index of the record that completes it) of each MQTT packet."""
    data, at = bytes(stream.data), 0
    while at + 2 <= len(data):
        length, body = variable(data, at + 1)
        if body + length > len(data):
            return
        yield data[at] >> 4, data[at] & 15, data[body:body + length], stream.record_at(body + length - 1)
        at = body + length


def publication(flags, body, v5):
    """Topic, packet id and payload."""
    size = int.from_bytes(body[:2], "big")
    topic, at, packet_id = body[2:2 + size].decode(), 2 + size, 0
    if flags & 6:
        packet_id, at = int.from_bytes(body[at:at + 2], "big"), at + 2
    if v5:
        length, at = variable(body, at)
        at += length
    return topic, packet_id, body[at:]


def parsed(payload):
    try:
        value = json.loads(payload)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def broker_facts(records, pair):
    sent, received = pair
    v5, waiting = False, {}
    events = [("sent", *packet) for packet in packets(sent)] + [("received", *packet) for packet in packets(received)]
    for where, kind, flags, body, index in sorted(events, key=lambda event: event[4]):
        at_ns = records[index].at_ns
        if where == "sent" and kind == 1:
            v5 = body[6] == 5
        elif where == "received" and kind == 3:
            topic, packet_id, payload = publication(flags, body, v5)
            waiting[packet_id] = parsed(payload).get("requestId")
        elif where == "sent" and kind == 4:
            name = waiting.pop(int.from_bytes(body[:2], "big"), None)
            if name:
                yield Fact(index, "acknowledged", name, None, at_ns)
        elif where == "sent" and kind == 3:
            topic, _, payload = publication(flags, body, v5)
            reply = parsed(payload)
            leaf = topic.rsplit("/", 1)[-1]
            if reply.get("requestId") and leaf in ("accepted", "rejected", "status"):
                value = reply.get("seq") if leaf == "status" else reply.get("executionId")
                yield Fact(index, leaf, reply["requestId"], value, at_ns)


def api_facts(records, pair):
    data = bytes(pair[0].data)
    for match in TAG.finditer(data):
        index = pair[0].record_at(match.start())
        yield Fact(index, "request", int(match.group(1)), None, records[index].at_ns)


def facts(records, broker_port, api_port):
    """Everything that was promised, in order."""
    pairs = streams(records, {broker_port, api_port})
    found = [fact for pair in pairs.get(broker_port, ()) for fact in broker_facts(records, pair)]
    found += [fact for pair in pairs.get(api_port, ()) for fact in api_facts(records, pair)]
    return sorted(found, key=lambda fact: fact.index)


Row = collections.namedtuple("Row", "id state attempts seq execution_id request_id")

TOLD_AS = {"accepted": {"following", "done", "finished"},
           "rejected": {"refused", "expired", "canceled", "unknown"}}
ANSWERED = TOLD_AS["accepted"] | TOLD_AS["rejected"]


def is_forgotten(fact, row):
    """Something was told of a command that its row does not know."""
    if fact.kind == "status":
        return row.seq < fact.value
    return fact.kind in TOLD_AS and (row.state not in TOLD_AS[fact.kind] or
                                     bool(fact.value and fact.value != row.execution_id))


def broken(known, rows, waiting):
    """The promises that a journal cannot keep which has these rows, and these answers waiting to be published as (kind,
    requestId): pairs of kind and fact. lost: an acknowledged command, or an answer, that is not there. forgotten: it
    would be told anew, perhaps otherwise, or sent a second time without asking."""
    by_name = {row.request_id: row for row in rows}
    by_id = {row.id: row for row in rows}
    sent = collections.Counter()
    answered = {fact.name for fact in known if fact.kind in TOLD_AS} | {name for kind, name in waiting if kind in TOLD_AS}
    for fact in known:
        row = by_id.get(fact.name) if fact.kind == "request" else by_name.get(fact.name)
        if fact.kind == "request":
            sent[fact.name] += 1
            if not row or row.attempts < sent[fact.name]:
                yield "forgotten", fact
        elif not row:
            if fact.kind == "acknowledged" and fact.name not in answered:  # else it was rejected, and is no command
                yield "lost", fact
        elif is_forgotten(fact, row):
            yield "forgotten", fact
        elif fact.kind == "acknowledged" and row.state in ANSWERED and fact.name not in answered:
            yield "lost", fact
