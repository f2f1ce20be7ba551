# SPDX-License-Identifier: Apache-2.0
"""A disk that takes ten milliseconds for every sync, and commands that pour in: the replies must not wait for the
intake."""

import json

import pytest

COMMANDS, CLIENTS = 500, 10
SYNC_US = 10000
SLOW_DISK = ["strace", "-f", "-qq", "--seccomp-bpf", "-e", "trace=fsync,fdatasync", "-e", "signal=none",
             "-e", f"inject=fsync,fdatasync:delay_exit={SYNC_US}"]
DELAY_MAX_MS = 200
SHARE = 0.95


@pytest.mark.slow
def test_intake_does_not_starve_the_replies(site):
    site.add_jobs(5)
    site.start_around(run_ms=500)
    site.start_bridge(wrapper=[*SLOW_DISK, "-o", site.folder + "/strace.log"])
    senders = [site.connect(topics=()) for _ in range(CLIENTS)]
    commands = [site.send("execute", {"templateContext": {"i": i}}, job=f"job-{i % 5}", client=senders[i % CLIENTS],
                          wait=False) for i in range(COMMANDS)]
    for command in commands:
        command.accepted(timeout=120)

    made = {json.loads(e["templateContext"])["i"]: e["at"] for e in site.api.executions()}
    assert len(made) == COMMANDS
    delays = sorted(command.messages("accepted")[0].at_ms - made[i] for i, command in enumerate(commands))
    print(f"accepted after the API's answer: median {delays[COMMANDS // 2]:.0f} ms, "
          f"95 of 100 within {delays[int(COMMANDS * SHARE)]:.0f} ms, at most {delays[-1]:.0f} ms")
    assert delays[int(COMMANDS * SHARE) - 1] <= DELAY_MAX_MS
    for command in commands:
        command.final(timeout=60)
