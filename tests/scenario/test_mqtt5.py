# SPDX-License-Identifier: Apache-2.0
"""What a client of MQTT 5 may ask for with properties, and what it finds on the replies."""

import paho.mqtt.client as mqtt
import pytest


@pytest.fixture
def answers(site):
    """A site whose route allows response topics below answers/."""
    site.config["routes"][0]["response_topics"] = "answers/#"
    site.start()
    return site


@pytest.mark.sanitizers
def test_a_response_topic_gets_the_answer(answers):
    answers.send("execute", {"requestId": "r"},
                 properties={"ResponseTopic": "answers/me", "CorrelationData": b"\x00\x01\xff"})
    message = answers.client.wait_for(
        lambda: next((m for m in answers.client.messages if m.topic.startswith("answers/me") and "executionId" in m.json
                      and "action" in m.json), None), "the accepted reply on the response topic")
    assert message.json["requestId"] == "r"
    assert message.properties.CorrelationData == b"\x00\x01\xff"
    assert answers.client.on("devices/d1/jobs/recalibrate/accepted") == []


def test_a_rejection_goes_to_the_response_topic_too(answers):
    answers.send("execute", '{"ttl":"x"}', properties={"ResponseTopic": "answers/me"})
    message = answers.client.wait_for(
        lambda: next((m for m in answers.client.messages if m.topic.startswith("answers/me")), None), "an answer")
    assert message.json["error"]["type"] == "InvalidCommand"


@pytest.mark.parametrize("topic", ["elsewhere/me", "answer/s", "devices/d1/jobs/recalibrate/cmd/execute"])
def test_a_response_topic_that_is_not_allowed(answers, topic):
    command = answers.send("execute", {}, properties={"ResponseTopic": topic, "CorrelationData": b"c"})
    error = command.error()
    assert error["type"] == "InvalidCommand"
    assert "esponse" in error["message"]
    assert [m for m in answers.client.on(topic) if m.json and "error" in m.json] == []
    answers.send("get").accepted()
    assert answers.api.executions() == []


def test_without_a_filter_no_response_topic_is_allowed(site):
    site.start()
    command = site.send("execute", {}, properties={"ResponseTopic": "answers/me"})
    assert command.error()["type"] == "InvalidCommand"
    assert site.api.executions() == []


@pytest.mark.sanitizers
def test_correlation_data_is_echoed_on_the_usual_topics(site):
    site.start()
    command = site.send("execute", {}, properties={"CorrelationData": b"\xfe\x00id"})
    command.final()
    [accepted] = command.messages("accepted")
    assert accepted.properties.CorrelationData == b"\xfe\x00id"


def test_replies_say_what_they_are(site):
    site.start()
    command = site.send("execute")
    command.final()
    for kind in ("accepted", "status", "log"):
        for message in command.messages(kind):
            assert message.properties.ContentType == "application/json"
            assert message.properties.PayloadFormatIndicator == 1


@pytest.mark.sanitizers
def test_message_expiry_counts_as_ttl(site):
    site.put_gate()
    site.start()
    site.gate.close()
    command = site.send("execute", {}, properties={"MessageExpiryInterval": 1})
    assert command.error(timeout=10)["type"] == "Expired"


def test_the_shorter_of_ttl_and_message_expiry_counts(site):
    site.put_gate()
    site.start()
    site.gate.close()
    command = site.send("execute", {"ttl": 1}, properties={"MessageExpiryInterval": 3600})
    other = site.send("execute", {"ttl": 3600}, properties={"MessageExpiryInterval": 1})
    assert command.error(timeout=10)["type"] == "Expired"
    assert other.error(timeout=10)["type"] == "Expired"


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
def test_each_protocol_on_its_own(site, protocol):
    site.config["broker"]["protocol"] = protocol
    site.start()
    old = site.connect(topics=(), protocol=mqtt.MQTTv311)
    command = site.send("execute", client=old)
    assert command.final()["outcome"] == "succeeded"
    content_type = command.messages("accepted")[0].properties.json().get("ContentType")
    assert (content_type == "application/json") == (protocol == "5")
