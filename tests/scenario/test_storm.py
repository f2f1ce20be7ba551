# SPDX-License-Identifier: Apache-2.0
"""Everything goes wrong at once, and still: a thousand commands make a thousand executions, a thousand right answers,
and a thousand ends."""

import json
import threading

import pytest

COMMANDS, JOBS, CLIENTS = 1000, 10, 20
KILLS_AT = (80, 250, 420, 590, 760)  # so many accepted
RESTARTS_AT = (160, 680)
PATIENCE_S = 240


def publish_all(site, client, numbers, commands):
    """One sender: the next command after the broker's acknowledgement of the last one."""
    for i in numbers:
        payload = {"requestId": f"storm-{i}", "templateContext": {"i": i}}
        commands[i] = site.send("execute", payload, job=f"job-{i % JOBS}", device=f"d{i % CLIENTS}", client=client)


def wait_accepted(site, count):
    """Counts each command once, however often its answer came."""
    def probe():
        return sum(1 for kind, _ in list(site.client.replies) if kind == "accepted") >= count
    site.client.wait_for(probe, f"{count} accepted", PATIENCE_S)


@pytest.mark.slow
@pytest.mark.parametrize("acted", [0, 5], ids=["answers lost", "answers lost after acting"])
def test_a_thousand_commands(site, acted):
    site.add_jobs(JOBS)
    site.start_around(run_ms=200, iterations=2)
    site.api.fault("*", "status", status=503, percent=10)
    site.api.fault("*", "drop", cut="close", percent=5)
    site.api.fault("*", "drop", cut="reset", percent=5)
    if acted:
        site.api.fault("execute", "actThenDrop", percent=acted)
    site.start_bridge()

    commands = [None] * COMMANDS
    senders = [threading.Thread(target=publish_all, daemon=True, args=(
        site, site.connect(topics=(), persistent=True), range(n, COMMANDS, CLIENTS), commands)) for n in range(CLIENTS)]
    for sender in senders:
        sender.start()
    for count in sorted(KILLS_AT + RESTARTS_AT):
        wait_accepted(site, count)
        if count in KILLS_AT:
            site.bridge.kill()
            site.start_bridge()
        else:
            site.broker.restart()
    for sender in senders:
        sender.join(PATIENCE_S)
        assert not sender.is_alive(), "a sender is stuck"
    wait_accepted(site, COMMANDS)

    executions = site.api.executions()
    made = {json.loads(execution["templateContext"])["i"]: execution["executionId"] for execution in executions}
    assert len(executions) == COMMANDS and len(made) == COMMANDS
    for i, command in enumerate(commands):
        assert command.messages("rejected") == []
        assert {message.json["executionId"] for message in command.messages("accepted")} == {made[i]}
        final = command.final(timeout=PATIENCE_S)
        assert (final["outcome"], final["executionId"]) == ("succeeded", made[i])
