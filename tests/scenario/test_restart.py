# SPDX-License-Identifier: Apache-2.0
"""kill -9 at every stage of a command's life: nothing is lost, nothing is done twice, everything is told."""

import json

import pytest

from harness import eventually


def check_exactly_once(site, commands):
    """Each command has one execution, the right id, and one final status."""
    executions = {json.loads(e["templateContext"])["i"]: e["executionId"] for e in site.api.executions()}
    assert len(site.api.executions()) == len(executions) == len(commands)
    for i, command in enumerate(commands):
        assert {m.json["executionId"] for m in command.messages("accepted")} == {executions[i]}
        assert command.final(timeout=40)["outcome"] == "succeeded"


@pytest.mark.sanitizers
def test_killed_with_commands_in_all_stages(site):
    site.start(run_ms=400)
    site.api.settings(latencyMs=30)
    commands = []
    for seen in (5, 15, 25):
        while len(commands) < seen + 10:
            commands.append(site.send("execute", {"templateContext": {"i": len(commands)}}))
        site.client.wait_for(lambda: sum(bool(c.messages("accepted")) for c in commands) >= seen,
                             f"{seen} accepted", 30)
        site.bridge.kill()
        site.start_bridge()
    for command in commands:
        command.accepted(timeout=40)
    check_exactly_once(site, commands)


@pytest.mark.sanitizers
def test_sent_and_executed_but_not_answered(site):
    site.start()
    site.api.fault("execute", "actThenDelay", ms=60000, times=1)
    command = site.send("execute")
    [execution] = site.api.wait_executions(1)
    site.bridge.kill()
    site.start_bridge()
    assert command.accepted()["executionId"] == execution["executionId"]
    assert command.final()["outcome"] == "succeeded"
    assert len(site.api.executions()) == 1


def test_sent_and_not_executed(site):
    site.start()
    site.api.fault("execute", "hang", times=1)
    command = site.send("execute")
    site.api.wait_requests("execute", 1)
    site.bridge.kill()
    site.start_bridge()
    command.accepted(timeout=30)
    assert len(site.api.executions()) == 1


def test_journaled_and_not_sent(site):
    site.put_gate()
    site.start()
    site.gate.close()
    commands = [site.send("execute", {"templateContext": {"i": i}}) for i in range(5)]
    for command in commands:
        command.wait_state("pending")
    site.bridge.kill()
    site.gate.open()
    site.start_bridge()
    for command in commands:
        command.accepted(timeout=30)
    check_exactly_once(site, commands)


@pytest.mark.sanitizers
def test_a_run_is_followed_on(site):
    site.start(run_ms=3000, iterations=10)
    command = site.send("execute")
    command.wait_state("inProgress")
    site.bridge.kill()
    site.start_bridge()
    assert command.final()["outcome"] == "succeeded"
    assert len(command.messages("accepted")) >= 1


def test_a_run_that_ended_while_the_bridge_was_away(site):
    site.start(run_ms=500)
    command = site.send("execute")
    command.wait_state("queued", "inProgress")
    site.bridge.kill()
    eventually(lambda: site.api.executions()[0]["status"] == "completed", "the run has ended")
    site.start_bridge()
    assert command.final()["outcome"] == "succeeded"


def test_commands_while_the_bridge_is_away(site):
    site.start()
    site.bridge.kill()
    commands = [site.send("execute", {"templateContext": {"i": i}}) for i in range(50)]
    site.start_bridge()
    for command in commands:
        command.accepted(timeout=30)
    check_exactly_once(site, commands)


def test_what_is_told_is_not_told_for_ever(site):
    """A restart repeats at most what was not acknowledged, never the whole past."""
    site.start(run_ms=50)
    commands = [site.send("execute") for _ in range(20)]
    for command in commands:
        command.final()
    site.bridge.terminate()
    before = len(site.client.messages)
    site.start_bridge()
    site.send("get").accepted()
    repeated = [m for m in site.client.messages[before:] if m.request_id in {c.request_id for c in commands}]
    assert repeated == []


@pytest.mark.slow
def test_killed_again_and_again(site):
    """Each life is only as long as one more reply."""
    site.start(run_ms=200)
    commands = []
    for life in range(12):
        commands += [site.send("execute", {"templateContext": {"i": len(commands)}}) for _ in range(1)]
        commands += [site.send("execute", {"templateContext": {"i": len(commands)}}) for _ in range(1)]
        before = len(site.client.messages)
        site.client.wait_for(lambda: len(site.client.messages) > before, "any message")
        site.bridge.kill()
        site.start_bridge()
    for command in commands:
        command.accepted(timeout=40)
    check_exactly_once(site, commands)
