# SPDX-License-Identifier: Apache-2.0
"""A journal that may take no more: what is in it is kept, what comes is refused or left with the broker, never
dropped."""

import json

import pytest


@pytest.mark.sanitizers
def test_a_full_journal_drops_nothing(site):
    site.config["journal"]["max_commands"] = 5
    site.put_gate()
    site.start(run_ms=50)
    site.gate.close()
    first = [site.send("execute", {"templateContext": {"i": i}}) for i in range(5)]
    for command in first:
        command.wait_state("pending")
    more = [site.send("execute", {"templateContext": {"i": i}}) for i in range(5, 12)]

    site.gate.open()
    for command in first:
        command.accepted(timeout=30)
    accepted = 5
    for command in more:
        answer = command.answer(timeout=40).json
        assert "executionId" in answer or answer["error"]["type"] == "JournalFull"
        accepted += "executionId" in answer
    executed = [json.loads(execution["templateContext"])["i"] for execution in site.api.executions()]
    assert len(executed) == len(set(executed)) == accepted


def test_a_full_journal_is_told(site):
    site.config["journal"]["max_commands"] = 3
    site.put_gate()
    site.start(run_ms=50)
    site.gate.close()
    commands = [site.send("execute", wait=True) for _ in range(6)]
    site.client.wait_for(
        lambda: any(c.messages("rejected") for c in commands) or [
            m for m in site.client.on(site.bridge_topic)
            if m.json["state"] == "degraded" and "ournal" in m.json["reason"]],
        "the full journal is told to the sender or in the bridge's status")
    site.gate.open()
    for command in commands[:3]:
        command.accepted(timeout=30)
