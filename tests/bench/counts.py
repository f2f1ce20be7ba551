# SPDX-License-Identifier: Apache-2.0
"""What one command costs in numbers that do not depend on the machine's mood: instructions by library, allocations,
system calls. Two runs of different length are compared, so that start and end cancel out. One command at a time, so
that nothing depends on how many happen to share a commit.

Run as a program it prints the counts; with --set it makes them the new budget: do that when more work is meant, and say
why in the commit.
"""

import json
import os
import re
import sys

import measures
import subjects
from machine import wait_until

BUDGET = os.path.join(subjects.HERE, "budget.json")
SHORT, LONG = 50, 200
LIBRARIES = ("jobbridge", "libsqlite3", "libcurl", "libpaho-mqtt3as")
ALLOCATIONS = ("malloc", "calloc", "realloc")
# futex and poll are left out: how often a thread sleeps is the scheduler's affair.
CALLS = ("fdatasync", "fsync", "pwrite64", "pread64", "fcntl", "writev", "sendto", "recvfrom", "brk", "mmap")
FEW, MANY = 1000, 51000  # commands that wait at a start


class Profile:
    """The self costs by library and the calls of the allocator in a file of callgrind (format: the Valgrind manual)."""

    def __init__(self, path):
        self.instructions = dict.fromkeys(LIBRARIES, 0)
        self.allocations = 0
        self._names = {"ob": {}, "fn": {}}
        self._read(path)

    def _name(self, kind, text):
        number, _, name = text.partition(" ")
        if name:
            self._names[kind][number] = name
        return self._names[kind].get(number, text)

    def _read(self, path):
        library, called, skip = None, None, False
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                line = line.rstrip("\n")
                if line.startswith("ob="):
                    name = os.path.basename(self._name("ob", line[3:]))
                    library = next((known for known in LIBRARIES if name.startswith(known)), None)
                elif line.startswith("cob="):
                    self._name("ob", line[4:])
                elif line.startswith("fn="):
                    self._name("fn", line[3:])
                elif line.startswith("cfn="):
                    called = self._name("fn", line[4:])
                elif line.startswith("calls="):
                    if called in ALLOCATIONS:
                        self.allocations += int(line[6:].split()[0])
                    skip = True  # the next line is what the called function cost
                elif line[:1].isdigit() or line[:1] in "+-*":
                    costs = line.split()[1:]  # none: nothing
                    if not skip and library and costs:
                        self.instructions[library] += int(costs[0])
                    skip = False


def profile(site, commands):
    path = os.path.join(site.folder, f"callgrind-{commands}")
    run_once(site, ["valgrind", "--tool=callgrind", f"--callgrind-out-file={path}"], commands)
    return Profile(path)


def run_once(site, tool, commands):
    """The bridge under a tool, from its start to its end, with so many commands."""
    folder = subjects.folder_for("counts")
    conf = subjects.bridge_conf(folder, site)
    with subjects.bridge_process(folder, conf, tool) as process:
        site.wait_ready(process, 60)
        site.load(number=commands, open=1, timeout=60)


# -D: the tracer is the grandchild, so that signals and the pid are the bridge's own.
COUNT = ["strace", "-D", "-f", "-c", "-o"]


def system_calls(site, commands):
    path = os.path.join(site.folder, f"strace-{commands}")
    run_once(site, [*COUNT, path], commands)
    return read_report(path)


def start_calls(site, waiting):
    """With so many commands waiting, from the start to the birth, and to the end."""
    folder = subjects.folder_for("counts")
    path = os.path.join(site.folder, f"strace-start-{waiting}")
    conf, _ = measures.prepare_backlog(site, folder, waiting)
    process, _ = measures.start(site, folder, conf, [*COUNT, path])
    process.end()
    return read_report(path)


def read_report(path):
    wait_until(lambda: os.path.exists(path) and os.path.getsize(path) > 0, "the report of strace")
    counts = dict.fromkeys(CALLS, 0)
    with open(path, encoding="ascii") as file:
        for line in file:
            match = re.match(r"^\s*\S+\s+\S+\s+\S+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", line)
            if match and match.group(2) in counts:
                counts[match.group(2)] = int(match.group(1))
    return counts


def measure():
    """The counts of one command."""
    counts = {}
    with subjects.Site() as site:
        short, long = profile(site, SHORT), profile(site, LONG)
        for name in LIBRARIES:
            counts[f"instructions of {name}"] = (long.instructions[name] - short.instructions[name]) / (LONG - SHORT)
        counts["allocations"] = (long.allocations - short.allocations) / (LONG - SHORT)
        short, long = system_calls(site, SHORT), system_calls(site, LONG)
        for name in CALLS:
            counts[f"calls of {name}"] = (long[name] - short[name]) / (LONG - SHORT)
        few, many = start_calls(site, FEW), start_calls(site, MANY)
        counts["calls of pread64 at the start with 1000 more waiting"] = ((many["pread64"] - few["pread64"]) * 1000
                                                                          / (MANY - FEW))
    return counts


def main():
    counts = measure()
    for name, value in counts.items():
        print(f"{value:12.2f} {name}")
    if "--set" in sys.argv[1:]:
        budget = {name: float(f"{value * 1.1 + 0.1:.3g}") for name, value in counts.items()}
        with open(BUDGET, "w", encoding="utf-8") as file:
            json.dump(budget, file, indent=4)
            file.write("\n")


if __name__ == "__main__":
    main()
