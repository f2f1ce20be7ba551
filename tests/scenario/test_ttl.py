# SPDX-License-Identifier: Apache-2.0
"""A command whose time runs out before it could be sent is answered, and never sent."""

import pytest


@pytest.fixture
def cut_off(site):
    """A site whose API is away."""
    site.put_gate()
    site.config["jobs"][1]["ttl_s"] = 1
    site.start()
    site.gate.close()
    return site


@pytest.mark.sanitizers
def test_an_expired_command_is_answered_and_not_sent(cut_off):
    command = cut_off.send("execute", {"ttl": 2})
    error = command.error(timeout=10)
    assert error["type"] == "Expired"
    assert command.final()["state"] in ("expired", "rejected")

    cut_off.gate.open()
    cut_off.send("get").accepted(timeout=30)
    assert cut_off.api.executions() == []


def test_the_jobs_own_time(cut_off):
    assert cut_off.send("execute", job="tune").error(timeout=10)["type"] == "Expired"


def test_a_commands_time_goes_before_the_jobs(cut_off):
    command = cut_off.send("execute", {"ttl": 600}, job="tune")
    shorter = cut_off.send("execute", {"ttl": 3}, job="tune")
    assert shorter.error(timeout=10)["type"] == "Expired"
    cut_off.gate.open()
    command.accepted(timeout=30)


def test_in_time(cut_off):
    command = cut_off.send("execute", {"ttl": 60})
    command.wait_state("pending")
    cut_off.gate.open()
    assert command.final(timeout=30)["outcome"] == "succeeded"


def test_the_time_runs_on_while_the_bridge_is_down(cut_off):
    command = cut_off.send("execute", {"ttl": 2})
    other = cut_off.send("execute", {"ttl": 600})
    command.wait_state("pending")
    other.wait_state("pending")
    cut_off.bridge.kill()
    cut_off.start_bridge()
    assert command.error(timeout=10)["type"] == "Expired"
    cut_off.gate.open()
    other.accepted(timeout=30)
    assert len(cut_off.api.executions()) == 1


def test_a_run_that_was_sent_does_not_expire(site):
    site.start(run_ms=2500)
    command = site.send("execute", {"ttl": 1})
    command.accepted()
    assert command.final()["outcome"] == "succeeded"


@pytest.mark.parametrize("acted", [True, False], ids=["acted", "not acted"])
def test_the_time_ends_while_it_is_not_known_whether_it_was_done(site, acted):
    """What was done is told; what was not is not sent any more."""
    site.start()
    site.api.fault("logs", "status", status=503)
    site.api.fault("execute", "actThenDrop" if acted else "drop", times=1)
    command = site.send("execute", {"ttl": 1})
    sent = site.api.wait_requests("execute", 1)[0]["at"]
    site.client.wait_for(lambda: site.api.requests("logs")[-1:] and site.api.requests("logs")[-1]["at"] > sent + 1500,
                         "readings of the log after the time's end", 30)
    assert not command.messages("accepted") and not command.messages("rejected")
    site.api.clear_faults()
    if acted:
        assert command.accepted(timeout=30)["executionId"] == site.api.executions()[0]["executionId"]
        assert command.final()["outcome"] == "succeeded"
    else:
        assert command.error(timeout=30)["type"] == "Expired"
        assert command.final()["state"] == "expired"
    assert len(site.api.requests("execute")) == 1


def test_the_time_ends_while_a_wrong_token_holds_everything(site):
    site.start()
    site.api.drop_token(site.api.token)
    command = site.send("execute", {"ttl": 2})
    site.wait_bridge_state("degraded")
    assert command.error(timeout=15)["type"] == "Expired"
    site.api.put_token(site.api.token)
    site.write_token(site.api.token)
    site.send("get").accepted(timeout=30)
    assert site.api.executions() == []


def test_the_time_ends_behind_a_run(site):
    site.config["jobs"][0]["overlap"] = "queue"
    site.start(run_ms=60000)
    site.send("execute").accepted()
    command = site.send("execute", {"ttl": 1})
    assert command.error()["type"] == "Expired"
    assert len(site.api.executions()) == 1
