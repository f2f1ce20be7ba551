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
