# SPDX-License-Identifier: Apache-2.0
"""Which answers are tried again, and when; what a dead API or a refused token does to the commands that wait."""

import email.utils
import time

import pytest


def gap_ms(site, op="get"):
    """Between the first two requests of an operation."""
    first, second = site.api.requests(op)[:2]
    return second["at"] - first["at"]


@pytest.mark.sanitizers
@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("action", ["get", "execute"])
def test_a_passing_trouble_is_tried_again(site, action, status):
    site.start(run_ms=50)
    site.api.fault(action, "status", status=status, times=2)
    site.send(action).accepted()
    assert len(site.api.executions()) == (action == "execute")
    assert len(site.api.requests(action)) >= 3


@pytest.mark.parametrize("action, what", [
    ("get", "drop"), ("get", "truncate"), ("get", "garbage"), ("patch", "actThenDrop"), ("patch", "drop"),
    ("delete", "actThenDrop"), ("logs", "drop")])
def test_what_may_be_repeated_is_repeated(site, action, what):
    site.start()
    site.api.fault(action, what, times=1)
    site.send(action, {"name": "Again"} if action == "patch" else {}, job="tune").accepted()
    assert len(site.api.requests(action)) == 2


@pytest.mark.sanitizers
def test_retry_after_in_seconds(site):
    site.start()
    site.api.fault("get", "status", status=429, retryAfter="2", times=1)
    site.send("get").accepted()
    assert 1900 <= gap_ms(site) <= 6000


def test_retry_after_as_a_date(site):
    site.start()
    site.api.fault("get", "status", status=503, times=1,
                   retryAfter=email.utils.formatdate(time.time() + 3, usegmt=True))
    site.send("get").accepted()
    assert 1500 <= gap_ms(site) <= 7000


@pytest.mark.parametrize("value", ["soon", "-5", "", "99999999999999999999999"])
def test_retry_after_without_sense(site, value):
    site.start()
    site.api.fault("get", "status", status=429, times=1, **({"retryAfter": value} if value else {}))
    command = site.send("get", {"ttl": 5})
    command.answer(timeout=20)  # accepted, or expired where the value is a very long time


@pytest.mark.sanitizers
@pytest.mark.parametrize("status", [400, 403, 404, 409, 410, 422])
def test_a_refusal_is_final(site, status):
    site.start()
    site.api.fault("execute", "status", status=status)
    error = site.send("execute").error()
    assert error["status"] == status and error["type"] and error["message"]
    assert len(site.api.requests("execute")) == 1


def test_the_apis_own_words_for_a_refusal(site):
    site.config["jobs"][0]["resource_job_id"] = "f" * 24
    site.start()
    error = site.send("get").error()
    assert (error["type"], error["status"]) == ("NotFound", 404)
    assert error["message"]


def test_a_refused_run_that_was_pending_is_not_left_pending(site):
    site.start()
    site.api.fault("execute", "delay", ms=1500, times=1)
    site.config["jobs"][0]["resource_job_id"] = "f" * 24
    site.bridge.terminate()
    site.start_bridge()
    command = site.send("execute")
    command.rejected()
    if command.messages("status"):
        assert command.final()["state"] == "rejected"


@pytest.mark.sanitizers
def test_a_new_token_in_the_file_is_taken(site):
    site.start()
    site.send("get").accepted()
    site.api.drop_token(site.api.token)
    site.api.put_token("another-token")
    site.write_token("another-token")
    site.send("execute").accepted()
    assert len(site.api.executions()) == 1


@pytest.mark.sanitizers
def test_a_refused_token_holds_the_commands(site):
    site.write_token("wrong-token")
    site.start()
    command = site.send("execute")
    degraded = site.wait_bridge_state("degraded")
    assert degraded["reason"]
    assert not command.messages("accepted") and not command.messages("rejected")

    before = len(site.client.on(site.bridge_topic))
    site.write_token(site.api.token)
    command.accepted(timeout=30)
    site.wait_bridge_state("online", after=before)
    assert len(site.api.executions()) == 1


def test_a_missing_scope_is_told(site):
    site.api.token = "only-reads"
    site.write_token("only-reads")
    site.start_around()
    site.api.put_token("only-reads", scopes=["resourceJob.get", "resourceJob.logs"])
    site.start_bridge()
    site.send("get").accepted()
    command = site.send("execute", {"ttl": 3})
    assert command.error()["type"]
    assert site.api.executions() == []


@pytest.mark.sanitizers
def test_an_api_that_is_away_is_waited_for(site):
    site.put_gate()
    site.start()
    site.gate.close()
    commands = [site.send("execute") for _ in range(5)]
    degraded = site.wait_bridge_state("degraded")
    assert degraded["reason"] and degraded["pending"] >= 1
    before = len(site.client.on(site.bridge_topic))

    site.gate.open()
    for command in commands:
        command.accepted(timeout=30)
    site.wait_bridge_state("online", after=before)
    assert len(site.api.executions()) == 5


def test_a_dead_api_is_not_hammered(site):
    site.config["api"]["max_in_flight"] = 4
    site.add_jobs(10)
    site.start()
    site.api.fault("*", "status", status=500)
    commands = [site.send("get", job=f"job-{i % 10}") for i in range(60)]
    site.wait_bridge_state("degraded")
    tried = len(site.api.requests())
    site.api.wait_requests(None, tried + 5, timeout=30)  # it keeps looking
    site.api.clear_faults()
    for command in commands:
        command.accepted(timeout=60)
    failed = [request for request in site.api.requests() if request["status"] == 500]
    assert len(failed) < 40, "more failed requests than a breaker lets through"


def test_a_breaker_spends_no_ttl(site):
    site.put_gate()
    site.start()
    site.gate.close()
    command = site.send("execute", {"ttl": 60})
    site.wait_bridge_state("degraded")
    site.gate.open()
    command.accepted(timeout=20)
