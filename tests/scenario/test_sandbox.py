# SPDX-License-Identifier: Apache-2.0
"""Under systemd the bridge may do only what its unit allows. A test has no systemd, so every system call of a whole life
(start, commands, followed runs, pages, reload, end) is recorded, and compared with what the unit would refuse."""

import os
import re
import signal
import subprocess

from harness.api import ROOT

UNIT = os.path.join(ROOT, "deploy", "systemd", "jobbridge.service")
CALL = re.compile(r"^\d+ +(\w+)\((.*)$", re.MULTILINE)


def unit_values(key):
    with open(UNIT, encoding="utf-8") as file:
        return [line.strip().partition("=")[2] for line in file if line.startswith(key + "=")]


def call_sets():
    """{@name: names of calls and other sets}, as systemd knows them."""
    text = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager"], capture_output=True, text=True,
                          check=True).stdout
    sets, name = {}, None
    for line in text.splitlines():
        if line.startswith("@"):
            name = line.strip()
            sets[name] = []
        elif line.startswith("    ") and name and not line.strip().startswith("#"):
            sets[name].append(line.strip())
    return sets


def expand(sets, names):
    found = set()
    for name in names:
        found |= expand(sets, sets[name]) if name.startswith("@") else {name}
    return found


def test_a_whole_life_needs_nothing_that_the_unit_refuses(site):
    trace = os.path.join(site.folder, "trace")
    web = site.serve_web()
    site.start_around()
    site.start_bridge(wrapper=("strace", "-f", "-qq", "-s", "200", "-o", trace), timeout=60)
    site.send().final(timeout=60)
    site.send("get").accepted(timeout=30)
    assert web.get("/").status == web.get("/metrics").status == 200
    site.config["broker"]["keepalive_s"] = 29
    site.bridge.write_configuration(site.config)
    site.bridge.signal(signal.SIGHUP)
    site.wait_bridge_state("online", after=1, timeout=30)
    site.bridge.signal(signal.SIGTERM)
    site.bridge.process.wait(30)
    with open(trace, encoding="utf-8", errors="replace") as file:
        calls = CALL.findall(file.read())
    names = {name for name, _ in calls}
    assert {"execve", "socket", "mmap", "fdatasync"} <= names, "the recording is not whole"

    sets = call_sets()
    allow, deny = unit_values("SystemCallFilter")
    assert not allow.startswith("~") and deny.startswith("~")
    allowed = expand(sets, ["@default", *allow.split()]) - expand(sets, deny[1:].split())
    if os.geteuid() == 0:
        names.discard("fchown")  # SQLite gives new files the owner of the database, but only as root (robustFchown)
    assert names - allowed == set()

    families = {re.match(r"\w+", rest).group() for name, rest in calls if name == "socket"}
    assert families <= set(unit_values("RestrictAddressFamilies")[0].split())

    assert unit_values("MemoryDenyWriteExecute") == ["yes"]
    for name, rest in calls:
        if name == "mprotect":
            assert "PROT_EXEC" not in rest, rest
        if name == "mmap":
            assert not ("PROT_WRITE" in rest and "PROT_EXEC" in rest), rest
    opened = [re.search(r'"([^"]*)"', rest).group(1) for name, rest in calls
              if name == "openat" and re.search(r"O_(WRONLY|RDWR|CREAT)", rest)]
    assert opened and all(path.startswith(os.path.join(site.folder, "bridge")) for path in opened
                          if path != "/dev/null"), opened
