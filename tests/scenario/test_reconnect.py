# SPDX-License-Identifier: Apache-2.0
"""Broker and API may be away at the start, go and come back; nothing is lost and nothing is done twice."""

import json
import os
import re

import pytest

from harness import Client, eventually


@pytest.mark.sanitizers
def test_the_broker_is_away_at_the_start(site):
    site.api.start()
    site.launch_bridge()
    site.bridge.wait_log("\n")  # it has said something, so it has tried
    site.broker.start()
    site.client = site.connect(persistent=True)
    site.client.wait_message(site.bridge_topic, lambda m: m.json["state"] == "online")
    assert site.send("execute").final()["outcome"] == "succeeded"


def test_the_api_is_away_at_the_start(site):
    gate = site.put_gate()
    gate.close()
    site.start_around()
    site.launch_bridge()
    site.client.wait_message(site.bridge_topic, lambda m: m.json["state"] in ("online", "degraded"))
    command = site.send("execute")
    command.wait_state("pending")
    gate.open()
    assert command.final(timeout=30)["outcome"] == "succeeded"
    assert len(site.api.executions()) == 1


@pytest.mark.sanitizers
def test_the_broker_is_restarted_while_commands_flow(site):
    site.start(run_ms=400)
    site.api.settings(latencyMs=20)
    commands = []
    for count in (10, 20, 30):
        while len(commands) < count:
            commands.append(site.send("execute", {"templateContext": {"i": len(commands)}}))
        if count < 30:
            site.client.wait_for(lambda: any(c.messages("accepted") for c in commands[-10:]), "one of them accepted")
            site.broker.restart()
    for command in commands:
        assert command.final(timeout=30)["outcome"] == "succeeded"
    executions = {json.loads(e["templateContext"])["i"]: e["executionId"] for e in site.api.executions()}
    assert len(site.api.executions()) == len(executions) == 30
    for i, command in enumerate(commands):
        assert {m.json["executionId"] for m in command.messages("accepted")} == {executions[i]}


@pytest.mark.sanitizers
def test_a_run_ends_while_the_broker_is_away(site):
    site.start(run_ms=1000)
    command = site.send("execute")
    command.wait_state("inProgress")
    site.broker.stop()
    eventually(lambda: site.api.executions()[0]["status"] == "completed", "the run has ended")
    site.broker.start()
    assert command.final(timeout=30)["outcome"] == "succeeded"
    assert command.messages("accepted")


def test_a_broker_that_has_forgotten_everything(site):
    site.start()
    site.send("execute").final()
    before = len(site.client.on(site.bridge_topic))
    site.broker.kill()
    data = os.path.join(site.broker.folder, "mosquitto.db")
    if os.path.exists(data):
        os.remove(data)
    site.broker.start()
    site.wait_bridge_state("online", after=before, timeout=30)
    assert site.send("execute").final()["outcome"] == "succeeded"


def test_the_api_goes_and_comes_back(site):
    site.put_gate()
    site.start(run_ms=400)
    commands = []
    for _ in range(3):
        commands.append(site.send("execute", {"templateContext": {"i": len(commands)}}))
        commands[-1].wait_state("queued", "inProgress", timeout=30)
        site.gate.close()
        commands.append(site.send("execute", {"templateContext": {"i": len(commands)}}))
        commands[-1].wait_state("pending")
        site.gate.open()
    for command in commands:
        assert command.final(timeout=40)["outcome"] == "succeeded"
    assert len(site.api.executions()) == 6


def test_both_are_away(site):
    site.put_gate()
    site.start()
    site.gate.close()
    commands = [site.send("execute", {"templateContext": {"i": i}}) for i in range(5)]
    commands[-1].wait_state("pending")
    site.broker.stop()
    site.gate.open()
    site.api.wait_executions(5, timeout=30)
    site.broker.start()
    for command in commands:
        assert command.final(timeout=30)["outcome"] == "succeeded"
    assert len(site.api.executions()) == 5


@pytest.mark.sanitizers
def test_the_broker_tells_when_the_bridge_has_died(site):
    site.start()
    online = site.client.on(site.bridge_topic)[-1].json
    assert {"state", "since", "version", "pending"} <= set(online)
    site.bridge.kill()
    site.wait_bridge_state("offline")
    late = Client(site.broker.port, topics=(site.bridge_topic,))
    message = late.wait_message(site.bridge_topic)
    late.close()
    assert message.retain and message.json["state"] == "offline"


def test_a_wrong_password_is_told_and_waited_for(site):
    site.broker.users = {"bridge": "right", "test": "test"}
    site.broker.start()
    site.api.start()
    site.client = site.connect(persistent=True, username="test", password="test")
    password = os.path.join(site.folder, "password")
    with open(password, "w", encoding="utf-8") as file:
        file.write("wrong\n")
    site.config["broker"].update(username="bridge", password_file=password)
    site.launch_bridge()
    eventually(lambda: re.search("authori|refused|bad user|password", site.bridge.log, re.IGNORECASE),
               "the bridge says that it was refused")
    assert site.bridge.alive
    site.bridge.terminate()
    with open(password, "w", encoding="utf-8") as file:
        file.write("right\n")
    site.start_bridge()
    assert site.send("execute").final()["outcome"] == "succeeded"
