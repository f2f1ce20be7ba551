# SPDX-License-Identifier: Apache-2.0
"""Routes: captures, a fixed job and action, contexts made from a template, and reply topics of one's own."""

import re

import pytest

OVERHEAT = {"name": "overheat", "filter": "plant/{line}/alarm/overheat", "job": "recalibrate", "action": "execute",
            "context": '{ "line": "{line}", "alarm": {payload} }', "replies": "plant/{line}/jobs/{job}"}


def alarm(site, payload, line="7"):
    """The context that an alarm became."""
    before = len(site.api.executions())
    site.client.publish(f"plant/{line}/alarm/overheat", payload)
    site.client.wait_message(f"plant/{line}/jobs/recalibrate/accepted")
    return site.api.wait_executions(before + 1)[-1]["templateContext"]


@pytest.mark.sanitizers
@pytest.mark.parametrize("payload, expected", [
    ("21.50", "21.50"), ("12345678901234567890", "12345678901234567890"), ('{"t": 1e400}', '{"t": 1e400}'),
    ('"hot"', '"hot"'), ("[1, 2]", "[1, 2]"), ("very hot", '"very hot"'), ('a "quote"\n', '"a \\"quote\\"\\n"'),
])
def test_a_context_from_the_payload(site, payload, expected):
    site.config["routes"].append(OVERHEAT)
    site.start()
    context = alarm(site, payload)
    assert re.search(r'"line" *: *"7"', context)
    assert expected in context


def test_an_alarm_is_told_to_its_end(site):
    site.config["routes"].append(OVERHEAT)
    site.start()
    alarm(site, "80")
    final = site.client.wait_message("plant/7/jobs/recalibrate/status", lambda m: "outcome" in m.json).json
    assert final["outcome"] == "succeeded"


def test_a_capture_cannot_break_out_of_its_quotes(site):
    site.config["routes"].append(OVERHEAT)
    site.start()
    line = '7","admin":"yes'
    context = alarm(site, "1", line)
    assert '"admin":"yes"' not in context and "admin" in context


def test_a_payload_that_is_not_text_is_rejected(site):
    site.config["routes"].append(OVERHEAT)
    site.start()
    site.client.publish("plant/7/alarm/overheat", b"\xff\xfe")
    rejected = site.client.wait_message("plant/7/jobs/recalibrate/rejected").json
    assert rejected["error"]["type"] == "InvalidCommand"
    assert site.api.executions() == []


OWN_TOPICS = {"name": "own", "filter": "own/{device}/run", "job": "recalibrate", "action": "execute",
              "replies": "unused/{device}", "accepted": "own/{device}/ok/{requestId}",
              "rejected": "own/{device}/no/{requestId}",
              "status": "own/{device}/runs/{executionId}/state", "log": "own/{device}/runs/{executionId}/entries"}


@pytest.mark.sanitizers
def test_topics_of_ones_own(site):
    site.config["routes"].append(OWN_TOPICS)
    site.start()
    site.client.publish("own/d9/run", '{"requestId":"r-1"}')
    accepted = site.client.wait_message("own/d9/ok/r-1").json
    run = f"own/d9/runs/{accepted['executionId']}"
    site.client.wait_message(run + "/state", lambda m: m.json.get("outcome") == "succeeded")
    site.client.wait_message(run + "/entries")

    site.client.publish("own/d9/run", '{"requestId":"r-2","bad":1}')
    assert site.client.wait_message("own/d9/no/r-2").json["error"]["type"] == "InvalidCommand"
    assert not [m for m in site.client.messages if m.topic.startswith("unused/")]


def test_a_request_id_cannot_change_the_levels_of_a_topic(site):
    site.config["routes"].append(OWN_TOPICS)
    site.start()
    site.client.publish("own/d9/run", '{"requestId":"a/b+c#d"}')
    accepted = site.client.wait_for(
        lambda: next((m for m in site.client.messages if m.topic.startswith("own/d9/ok/")), None), "accepted")
    assert accepted.json["requestId"] == "a/b+c#d"
    assert accepted.topic.count("/") == 3 and not set("+#") & set(accepted.topic)


def test_a_status_with_the_execution_in_its_topic_is_cleared(site):
    site.config["routes"].append(OWN_TOPICS)
    site.config["journal"]["keep_done_s"] = 1
    site.start(run_ms=50)
    site.client.publish("own/d9/run", '{"requestId":"r-1"}')
    topic = f"own/d9/runs/{site.client.wait_message('own/d9/ok/r-1').json['executionId']}/state"
    site.client.wait_message(topic, lambda m: m.json and "outcome" in m.json)

    site.client.wait_message(topic, lambda m: m.payload == b"", "the status is cleared", timeout=20)
    late = site.connect(topics=("own/#", "last"))
    late.publish("last", "x")
    late.wait_message("last")
    assert late.on(topic) == []


def test_a_command_that_no_route_can_answer_is_a_dead_letter(site):
    site.config["routes"].append({"name": "twice", "filter": "twice/{device}", "job": "recalibrate",
                                  "action": "execute", "replies": "told/{device}/{device}"})
    site.start()
    topic = "twice/" + "x" * 40000  # the reply's would be longer than a topic can be
    site.client.publish(topic, '{"requestId":"nowhere"}')
    dead = site.client.wait_message(site.bridge_topic.replace("/status", "/deadletter")).json
    assert (dead["topic"], dead["payload"]) == (topic, '{"requestId":"nowhere"}')
    assert dead["reason"] and dead["at"]
    site.send("get").accepted()
    assert site.api.executions() == []


def test_two_routes_are_apart(site):
    site.config["routes"].append({"name": "lines", "filter": "lines/{line}/{job}/{action}",
                                  "replies": "told/{line}"})
    site.start()
    site.client.publish("lines/3/tune/get", '{"requestId":"same"}')
    site.client.wait_message("told/3/accepted")
    site.send("get", {"requestId": "same"}, job="tune")
    site.client.wait_message("devices/d1/jobs/tune/accepted")
