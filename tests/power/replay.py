# SPDX-License-Identifier: Apache-2.0
"""Cuts the power of a recorded bridge at every place where it matters, and looks into every journal that could be left:
is it undamaged, does it have every command that was acknowledged by then, and does it still know what was told and sent?

Prefixes end before each sync succeeds, when most is in the air, and after each promise, when most is owed; with
every_write after each write, too."""

import collections
import os
import re
import subprocess
import tempfile

import disk as disks
import promises
from workload import BUILD

LOOK = os.path.join(BUILD, "journal-look")
PROCESS_BOUND_MS = 500  # STORE_SYNC_MS of io/store.h (50), the sync itself, and a machine with much other work
WAYS = ("none", "all", "data", "torn")

Report = collections.namedtuple("Report", "prefixes images distinct damaged lost forgotten oldest_ms problems writes")


class Looker:
    """One process that looks into many journals, and remembers those it has seen."""

    def __init__(self, durability):
        self._child = subprocess.Popen([LOOK, durability], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self._place = tempfile.TemporaryDirectory(dir=base)
        self._seen = {}

    def close(self):
        self._child.stdin.close()
        self._child.wait()
        self._child.stdout.close()
        self._place.cleanup()

    @property
    def distinct(self):
        return len(self._seen)

    def look(self, image):
        """Verdict, rows and unpublished answers of the journal in an image."""
        key = disks.digest(image)
        if key not in self._seen:
            self._seen[key] = self._open(image)
        return self._seen[key]

    def _open(self, image):
        disks.write_image(image, self._place.name)
        self._child.stdin.write(os.path.join(self._place.name, "journal.db") + "\n")
        self._child.stdin.flush()
        rows, waiting = [], set()
        while True:
            line = self._child.stdout.readline()
            assert line, "journal-look has ended"
            word, _, rest = line.rstrip("\n").partition(" ")
            if word == "command":
                number, state, attempts, seq, execution_id, request_id = rest.split(" ", 5)
                rows.append(promises.Row(int(number), state, int(attempts), int(seq), execution_id, request_id))
            elif word == "message":
                topic, _, payload = rest.partition(" ")
                name = re.match(r'{"requestId":"([^"]*)"', payload)
                if name:
                    waiting.add((topic.rsplit("/", 1)[-1], name.group(1)))
            else:
                return (word if word == "opened" else f"{word} {rest}"), rows, waiting


def places(records, facts, every_write):
    """How many records are on the disk, or on their way to it, when the power fails."""
    wanted = {index for index, record in enumerate(records) if record.kind in "SD"}
    wanted |= {fact.index + 1 for fact in facts}
    if every_write:
        wanted |= {index + 1 for index, record in enumerate(records) if record.kind in "wtcru"}
    return sorted(wanted | {len(records)})


def replay(records, facts, *, durability, seed=1, reordered=2, every_write=False, part=1.0):
    """part: of the prefixes, spread evenly. Returns a Report; problems are texts, the first hundred."""
    looker = Looker(durability)
    disk = disks.Disk()
    tally = collections.Counter()
    problems, oldest_ns, played = [], 0, 0
    cuts = places(records, facts, every_write)
    step = max(1, round(1 / part))
    try:
        for number, cut in enumerate(cuts):
            while played < cut:
                disk.play(records[played])
                played += 1
            if number % step:
                continue
            tally["prefixes"] += 1
            known = [fact for fact in facts if fact.index < cut]
            now_ns = records[min(cut, len(records) - 1)].at_ns
            ways = [("none", 0)] if disk.is_clean else [(way, seed + cut) for way in WAYS]
            ways += [] if disk.is_clean else [("reordered", seed + cut * 1000 + i) for i in range(reordered)]
            for way, chance in ways:
                tally["images"] += 1
                verdict, rows, waiting = looker.look(disk.image(way, chance))
                where = f"after {cut} records, {way}, seed {chance}"
                if verdict != "opened":
                    tally["damaged"] += 1
                    problems.append(f"{where}: {verdict}")
                    continue
                for kind, fact in promises.broken(known, rows, waiting):
                    tally[kind] += 1
                    oldest_ns = max(oldest_ns, now_ns - fact.at_ns)
                    problems.append(f"{where}: {kind}: {fact}")
    finally:
        looker.close()
    return Report(tally["prefixes"], tally["images"], looker.distinct, tally["damaged"], tally["lost"],
                  tally["forgotten"], oldest_ns / 1e6, problems[:100], disk.writes)


HEADING = f"{'durability':<12}{'prefixes':>9}{'images':>9}{'distinct':>9}{'damaged':>9}{'lost':>7}{'forgotten':>11}" \
          f"{'oldest ms':>11}"


def row(durability, report):
    """A line of the table."""
    return f"{durability:<12}{report.prefixes:>9}{report.images:>9}{report.distinct:>9}{report.damaged:>9}" \
           f"{report.lost:>7}{report.forgotten:>11}{report.oldest_ms:>11.1f}"
