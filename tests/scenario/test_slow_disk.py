# SPDX-License-Identifier: Apache-2.0
"""A disk that takes ten milliseconds longer for every sync, and commands that pour in: the replies must not wait for
the intake."""

import json
import os
import subprocess

import pytest

from harness import eventually
from harness.process import log_text
from harness.site import Command

JOBS, COMMANDS_A_JOB = 5, 100
COMMANDS = JOBS * COMMANDS_A_JOB
SYNC_US = 10000
DELAY_MAX_MS = 200
SHARE = 0.95
# strace 6.1 stops a thread at every call until the first one that it traces, whatever --seccomp-bpf says: rseq is what
# each thread begins with. Else every call of the process would cost fifty times as much, and not only the syncs.
SLOW_SYNCS = ["strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync,rseq",
              "-e", f"inject=fsync,fdatasync:delay_exit={SYNC_US}"]


def arrivals(path):
    """When each execution's `accepted` was received, in ms, by a subscriber that is not slow itself: nothing but these,
    and no Python."""
    seen = {}
    with open(path, encoding="utf-8") as file:
        for line in file.read().splitlines():
            time_s, payload = line.split(" ", 1)
            seen.setdefault(json.loads(payload)["executionId"], float(time_s) * 1000)
    return seen


def pour_in(site):
    """All at once, by senders that cost next to nothing; the commands."""
    commands, senders = [], []
    for job in range(JOBS):
        base = f"devices/d1/jobs/job-{job}"
        ids = [f"r-{job}-{i}" for i in range(COMMANDS_A_JOB)]
        senders.append(subprocess.Popen(["mosquitto_pub", "-p", str(site.broker.port), "-q", "1", "-l", "-t",
                                         f"{base}/cmd/execute"], stdin=subprocess.PIPE, text=True))
        senders[-1].stdin.write("".join(json.dumps({"requestId": name}) + "\n" for name in ids))
        commands += [Command(site.client, base, name) for name in ids]
    for sender in senders:
        sender.stdin.close()
    for sender in senders:
        assert sender.wait(60) == 0
    return commands


@pytest.mark.slow
def test_intake_does_not_starve_the_replies(site):
    site.add_jobs(JOBS)
    site.start_around(run_ms=500)
    site.start_bridge(wrapper=SLOW_SYNCS)
    path = os.path.join(site.folder, "accepted")
    with open(path, "w", encoding="utf-8") as file:
        listener = subprocess.Popen(["mosquitto_sub", "-p", str(site.broker.port), "-i", "listener", "-q", "1", "-t",
                                     "devices/+/jobs/+/accepted", "-F", "%U %p"], stdout=file)
    try:
        eventually(lambda: "Sending SUBACK to listener" in log_text(site.broker.log_path), "the listener listens")
        commands = pour_in(site)
        for command in commands:
            command.accepted(timeout=120)
        eventually(lambda: len(arrivals(path)) == COMMANDS, "the listener has them all", 30)
    finally:
        listener.terminate()
        listener.wait()

    made = {execution["executionId"]: execution["at"] for execution in site.api.executions()}
    seen = arrivals(path)
    assert len(made) == COMMANDS
    delays = sorted(seen[execution] - made[execution] for execution in made)
    print(f"accepted after the API's answer: median {delays[COMMANDS // 2]:.0f} ms, "
          f"95 of 100 within {delays[int(COMMANDS * SHARE)]:.0f} ms, at most {delays[-1]:.0f} ms")
    assert delays[int(COMMANDS * SHARE) - 1] <= DELAY_MAX_MS
    for command in commands:
        command.final(timeout=60)
