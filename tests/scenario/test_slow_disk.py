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
ROUNDS = 3  # the best of them counts: another process that takes the processor says nothing of the bridge
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


def pour_in(site, round_number):
    """All at once, by senders that cost next to nothing; the commands."""
    commands, senders = [], []
    for job in range(JOBS):
        base = f"devices/d1/jobs/job-{job}"
        ids = [f"r-{round_number}-{job}-{i}" for i in range(COMMANDS_A_JOB)]
        senders.append(subprocess.Popen(["mosquitto_pub", "-p", str(site.broker.port), "-q", "1", "-l", "-t",
                                         f"{base}/cmd/execute"], stdin=subprocess.PIPE, text=True))
        senders[-1].stdin.write("".join(json.dumps({"requestId": name}) + "\n" for name in ids))
        commands += [Command(site.client, base, name) for name in ids]
    for sender in senders:
        sender.stdin.close()
    for sender in senders:
        assert sender.wait(60) == 0
    return commands


def delays_of_a_round(site, path, round_number):
    """From each answer of the API to its `accepted`, in ms, the shortest first; all runs have ended."""
    commands = pour_in(site, round_number)
    for command in commands:
        command.final(timeout=120)
    eventually(lambda: len(arrivals(path)) == COMMANDS * round_number, "the listener has them all", 30)
    executions, seen = site.api.executions(), arrivals(path)
    assert len(executions) == COMMANDS * round_number
    delays = sorted(seen[made["executionId"]] - made["at"] for made in executions[-COMMANDS:])
    print(f"accepted after the API's answer: median {delays[COMMANDS // 2]:.0f} ms, "
          f"95 of 100 within {delays[int(COMMANDS * SHARE)]:.0f} ms, at most {delays[-1]:.0f} ms")
    return delays


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
        for round_number in range(1, ROUNDS + 1):
            within = delays_of_a_round(site, path, round_number)[int(COMMANDS * SHARE) - 1]
            if within <= DELAY_MAX_MS:
                break
    finally:
        listener.terminate()
        listener.wait()
    assert within <= DELAY_MAX_MS
