# SPDX-License-Identifier: Apache-2.0
"""The faults: what may be injected where. A fault is a line of text, "kill fsync 20", "EIO pwrite 7", "ENOSPC pwrite 7
x10", which is also how one is repeated by hand. The counts are those of tests/fault/shim.c, over all threads."""

import dataclasses
import errno
import os
import random
import struct

from harness.api import ROOT

KINDS = ["write", "writev", "pwrite", "fsync", "truncate", "send", "recv", "read", "pread", "connect", "socket", "open",
         "rename", "unlink", "mmap", "malloc"]  # in the order of the shim's state file
KILLED = [kind for kind in KINDS if kind != "malloc"]
# What a call may really answer: see the ERRORS of its manual page.
FAILING = {
    "EIO": ["write", "pwrite", "fsync", "read", "pread", "truncate", "open", "unlink"],
    "ENOSPC": ["write", "pwrite", "fsync", "truncate", "open"],
    "EINTR": ["write", "writev", "pwrite", "fsync", "send", "recv", "read", "pread", "connect", "open"],
    "EMFILE": ["socket", "open"],
    "ENOMEM": ["send", "recv", "open", "socket", "mmap", "malloc"],
    "ECONNRESET": ["writev", "send", "recv"],
    "ECONNREFUSED": ["connect"],
    # Not read: it is for the signals, too, which come whole or not at all.
    "short": ["write", "writev", "pwrite", "send", "recv", "pread"],
}
RUNS = [1, 8]  # once, and for a while: a connection that fails costs Paho a second, and a life waits for fifteen
SHIM = os.environ.get("FAULT_SHIM", os.path.join(ROOT, "build", "dev", "libfault-shim.so"))


@dataclasses.dataclass(frozen=True, order=True)
class Fault:
    do: str  # kill, short, or an errno by its name
    kind: str
    at: int
    times: int = 1

    def __str__(self):
        return f"{self.do} {self.kind} {self.at}" + (f" x{self.times}" if self.times != 1 else "")

    @staticmethod
    def parse(text):
        words = text.replace(":", " ").split()
        if len(words) == 2:  # "fsync:20"
            words.insert(0, "kill")
        do, kind, at = words[:3]
        if kind not in KINDS or do not in ("kill", "short") and not hasattr(errno, do):
            raise ValueError(f"no such fault: {text}")
        return Fault(do, kind, int(at), int(words[3].lstrip("x")) if len(words) > 3 else 1)

    def env(self, state):
        do = self.do if self.do in ("kill", "short") else str(getattr(errno, self.do))
        return {"LD_PRELOAD": SHIM, "FAULT_STATE": state, "FAULT_CALL": self.kind, "FAULT_AT": str(self.at),
                "FAULT_TIMES": str(self.times), "FAULT_DO": do}


def counting_env(state):
    return {"LD_PRELOAD": SHIM, "FAULT_STATE": state}


def read_state(path):
    """How often the fault fired, and the calls of each kind."""
    with open(path, "rb") as file:
        fired, *calls = struct.unpack(f"{len(KINDS) + 1}Q", file.read())
    return fired, dict(zip(KINDS, calls))


def kills(counts):
    """Every call of every kind."""
    return [Fault("kill", kind, n) for kind in KILLED for n in range(1, counts[kind] + 1)]


def failures(counts, every):
    """Each failure at every `every`-th call of its kinds, and at each of the first ones; once and for a while."""
    points = []
    for do, kinds in FAILING.items():
        for kind in kinds:
            step = every * (50 if kind == "malloc" else 1)
            for times in RUNS:
                points += [Fault(do, kind, n, times) for n in range(1, counts[kind] + 1, step)]
    return points


def sample(points, size, seed):
    """A choice of them in which every pair of fault and kind has its share."""
    chance = random.Random(seed)
    groups = {}
    for point in points:
        groups.setdefault((point.do, point.kind), []).append(point)
    for group in groups.values():
        chance.shuffle(group)
    chosen = []
    while len(chosen) < min(size, len(points)):
        for key in sorted(groups):
            if groups[key] and len(chosen) < size:
                chosen.append(groups[key].pop())
    chance.shuffle(chosen)
    return chosen
