# SPDX-License-Identifier: Apache-2.0
"""An execute on its way: one call, its id, the run's states and log entries to the end, and a context that arrives as
it was sent."""

import json
import re
import time

import pytest

from harness import JOB_IDS, patient

RFC3339_MS = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
MARKER = "_jobbridge"


def context_of(execution):
    """What the API got as context, without the bridge's marker."""
    context = json.loads(execution["templateContext"])
    assert context.pop(MARKER)
    return context


@pytest.mark.sanitizers
def test_a_run_is_told_from_command_to_end(site):
    site.start(run_ms=800, iterations=4)
    command = site.send("execute", {"templateContext": {"line": 7}})

    accepted = command.accepted()
    final = command.final()

    [execution] = site.api.executions()
    assert accepted == {"requestId": command.request_id, "action": "execute", "job": "recalibrate",
                        "at": accepted["at"], "executionId": execution["executionId"]}
    assert RFC3339_MS.match(accepted["at"])
    assert execution["resourceJobId"] == JOB_IDS[0]
    assert context_of(execution) == {"line": 7}
    assert (final["state"], final["outcome"], final["progress"]) == ("completed", "succeeded", 100)
    assert final["summary"]["succeeded"] == 4
    states = [status for status in command.states() if status["state"] != "pending"]
    assert [status["state"] for status in states][:2] == ["queued", "inProgress"]
    assert {status["executionId"] for status in states} == {execution["executionId"]}
    assert all(RFC3339_MS.match(status["at"]) and status["job"] == "recalibrate" for status in states)
    assert not any("outcome" in status for status in states[:-1])
    assert [status["progress"] for status in states[1:]] == sorted(status["progress"] for status in states[1:])


def test_every_new_log_entry_is_published_once(site):
    site.start(run_ms=800, iterations=4)
    command = site.send("execute")
    command.final()

    # The final status may overtake the last entry only if they are not in order; both are on their way by now.
    site.client.wait_for(lambda: [e for e in command.entries() if e["status"] == "completed"], "the last log entry")
    entries = command.entries()
    texts = [json.dumps(entry) for entry in entries]
    assert len(set(texts)) == len(texts)
    assert {entry["resourceJobExecutionId"] for entry in entries} == {command.accepted()["executionId"]}
    assert entries[0]["status"] == "inProgress" and entries[-1]["status"] == "completed"


def test_only_the_status_is_retained(site):
    site.start()
    command = site.send("execute")
    command.final()

    late = site.connect(topics=("devices/#", "last"))
    late.publish("last", "retained messages come before this one", retain=False)
    late.wait_message("last")
    retained = [message for message in late.messages if message.retain]
    assert [message.topic for message in retained] == [command.base + "/status"]
    assert retained[0].json["state"] == "completed"


def test_replies_come_with_quality_of_service_one(site):
    site.start()
    command = site.send("execute")
    command.final()
    assert {message.qos for kind in ("accepted", "status", "log") for message in command.messages(kind)} == {1}


@pytest.mark.sanitizers
def test_twenty_digits_arrive_as_twenty_digits(site):
    site.start()
    site.send_text('{"requestId":"digits","templateContext":{"n":12345678901234567890}}', "digits").accepted()
    [execution] = site.api.executions()
    assert re.search(r'"n" *: *12345678901234567890[,}]', execution["templateContext"])


@pytest.mark.parametrize("context", [
    pytest.param('"b":1e400,"a":-0.0,"c":[1.10,1E+2,0.1e-999]', id="numbers and the order of keys"),
    pytest.param('"name":"caf\\u00e9 \\ud83d\\ude00 \\"quoted\\" \\\\ \\/ é"', id="escapes and UTF-8"),
    pytest.param('"x":{ "y" : [ ] , "z":null }', id="white space inside"),
])
@pytest.mark.parametrize("as_text", [False, True], ids=["as an object", "as a string"])
def test_a_context_is_passed_on_character_by_character(site, context, as_text):
    site.start()
    value = "{" + context + "}"
    value = json.dumps(value) if as_text else value
    site.send_text(f'{{"requestId":"exact","templateContext":{value}}}', "exact").accepted()
    [execution] = site.api.executions()
    assert context in execution["templateContext"]


@pytest.mark.parametrize("as_text", [False, True], ids=["as an object", "as a string"])
def test_a_query_is_passed_on_character_by_character(site, as_text):
    site.start()
    query = '{"$or":[{"b":1.50},{"a":12345678901234567890}]}'
    value = json.dumps(query) if as_text else query
    command = site.send_text(f'{{"requestId":"query","queryJson":{value},"dataTableId":"{JOB_IDS[5]}"}}', "query")
    command.accepted()
    [execution] = site.api.executions()
    assert execution["queryJson"] == query
    assert execution["dataTableId"] == JOB_IDS[5]


@pytest.mark.parametrize("payload", ["", "{}"], ids=["nothing", "an empty object"])
def test_a_command_without_request_id_gets_one(site, payload):
    site.start()
    site.send_text(payload, None)
    accepted = site.client.wait_message("devices/d1/jobs/recalibrate/accepted").json
    assert 1 <= len(accepted["requestId"]) <= 128
    final = site.client.wait_message("devices/d1/jobs/recalibrate/status", lambda m: "outcome" in m.json).json
    assert final["requestId"] == accepted["requestId"]
    assert len(site.api.executions()) == 1


def test_a_job_that_is_not_followed_costs_no_polls(site):
    site.config["jobs"][0]["follow"] = False
    site.start(run_ms=50)
    commands = [site.send("execute") for _ in range(5)]
    for command in commands:
        command.accepted()
    assert len(site.api.executions()) == 5
    assert site.api.requests("logs") == []


def test_a_command_that_waits_is_pending_after_a_second(site):
    site.start()
    site.api.fault("execute", "delay", ms=1800, times=1)
    begun_ms = time.time() * 1000
    sent = site.send("execute")
    pending = sent.wait_state("pending", timeout=5)
    assert "executionId" not in pending or not pending["executionId"]
    final = sent.final(timeout=10)
    assert [status["state"] for status in sent.states()][:2] == ["pending", "queued"]
    assert final["outcome"] == "succeeded"
    assert 1000 <= sent.messages("status")[0].at_ms - begun_ms <= patient(1.7) * 1000
