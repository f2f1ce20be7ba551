# SPDX-License-Identifier: Apache-2.0
"""The bounds one may set: requests in flight, requests to the API, and messages to a broker that counts them."""

import pytest


def fits(times_ms, count, window_ms, slack_ms):
    """Whether no more than count of the times lie in any window. The slack is for what was held up on the way."""
    times_ms = sorted(times_ms)
    return all(later - earlier >= window_ms - slack_ms for earlier, later in zip(times_ms, times_ms[count:]))


@pytest.mark.sanitizers
def test_requests_in_flight(site):
    site.config["api"]["max_in_flight"] = 3
    site.add_jobs(6)
    site.start(run_ms=50)
    site.api.settings(latencyMs=100)
    commands = [site.send("get", job=f"job-{i % 6}") for i in range(30)]
    for command in commands:
        command.accepted(timeout=30)
    requests = site.api.requests("get")
    assert len({request["connection"] for request in requests}) <= 3, "connections are kept, and as few as requests"
    assert fits([request["at"] for request in requests], 3, 100, 20)


@pytest.mark.sanitizers
def test_the_rate_of_requests(site):
    site.config["api"]["rate"] = "5/1s"
    site.start()
    commands = [site.send("get") for _ in range(16)]
    for command in commands:
        command.accepted(timeout=30)
    assert fits([request["at"] for request in site.api.requests()], 5, 1000, 300)


def test_the_rate_of_messages_to_a_topic(site):
    site.config["broker"]["publish_rate"] = {"per_topic": "4/2s"}
    site.start(run_ms=3000, iterations=30)
    commands = [site.send("execute") for _ in range(3)]
    topic = commands[0].base + "/status"
    for command in commands:
        command.wait_state("completed", timeout=40)
        assert [s for s in command.states() if "outcome" in s], "progress may be left out, the end never"
    for name in {message.topic for message in site.client.messages if not message.topic.endswith("/execute")}:
        assert fits([m.at_ms for m in site.client.on(name)], 4, 2000, 600), name
    assert len(site.client.on(topic)) >= 3


def test_the_rate_of_messages_of_a_client(site):
    site.config["broker"]["publish_rate"] = {"per_client": "10/1s"}
    site.start(run_ms=500)
    commands = [site.send("execute", device=f"d{i}") for i in range(8)]
    for command in commands:
        command.wait_state("completed", timeout=40)
    mine = [m.at_ms for m in site.client.messages if not m.topic.endswith("/execute")]
    assert fits(mine, 10, 1000, 300)


def test_without_retained_messages(site):
    site.config["broker"]["retain"] = False
    site.broker.options["retain_available"] = "false"
    site.start()
    command = site.send("execute")
    assert command.final()["outcome"] == "succeeded"
    assert not [m for m in site.client.messages if m.retain]


def test_a_clean_session_of_the_old_protocol(site):
    site.config["broker"].update(protocol="3.1.1", clean_start=True, retain=False)
    site.start()
    assert site.send("execute").final()["outcome"] == "succeeded"


def test_a_shared_subscription(site):
    site.config["broker"]["share_group"] = "bridges"
    site.start()
    assert site.send("execute").final()["outcome"] == "succeeded"
    assert "$share/bridges/" in open(site.broker.log_path, encoding="utf-8").read()
