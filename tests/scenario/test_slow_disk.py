# SPDX-License-Identifier: Apache-2.0
"""A disk that takes ten milliseconds for every sync, and commands that pour in: the replies must not wait for the
intake."""

import json
import os
import subprocess

import pytest

from harness import eventually
from harness.process import log_text

COMMANDS, CLIENTS = 500, 10
SYNC_US = 10000
DELAY_MAX_MS = 200
SHARE = 0.95
HERE = os.path.dirname(os.path.abspath(__file__))


def slow_syncs(folder):
    """The environment that makes them slow."""
    library = os.path.join(folder, "slow_sync.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", library, os.path.join(HERE, "slow_sync.c"), "-ldl"],
                   check=True)
    return {"LD_PRELOAD": library, "SLOW_SYNC_US": str(SYNC_US)}


def arrivals(path):
    """When each execution's `accepted` was received, in ms, by a subscriber that is not slow itself: nothing but these,
    and no Python."""
    seen = {}
    with open(path, encoding="utf-8") as file:
        for line in file.read().splitlines():
            time_s, payload = line.split(" ", 1)
            seen.setdefault(json.loads(payload)["executionId"], float(time_s) * 1000)
    return seen


@pytest.mark.slow
def test_intake_does_not_starve_the_replies(site):
    site.add_jobs(5)
    site.start_around(run_ms=500)
    site.start_bridge(env=slow_syncs(site.folder))
    path = os.path.join(site.folder, "accepted")
    with open(path, "w", encoding="utf-8") as file:
        listener = subprocess.Popen(["mosquitto_sub", "-p", str(site.broker.port), "-i", "listener", "-q", "1", "-t",
                                     "devices/+/jobs/+/accepted", "-F", "%U %p"], stdout=file)
    try:
        eventually(lambda: "Sending SUBACK to listener" in log_text(site.broker.log_path), "the listener listens")
        senders = [site.connect(topics=()) for _ in range(CLIENTS)]
        commands = [site.send("execute", {"templateContext": {"i": i}}, job=f"job-{i % 5}",
                              client=senders[i % CLIENTS], wait=False) for i in range(COMMANDS)]
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
