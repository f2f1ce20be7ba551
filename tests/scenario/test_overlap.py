# SPDX-License-Identifier: Apache-2.0
"""What an execute does while a run of its job is open: the four words of the key overlap."""

import pytest


def start(site, overlap, **api):
    site.config["jobs"][0]["overlap"] = overlap
    site.start(**api)


def test_parallel(site):
    start(site, "parallel", run_ms=60000)
    for command in [site.send("execute") for _ in range(3)]:
        command.accepted()
    assert len(site.api.executions()) == 3


@pytest.mark.sanitizers
def test_queue(site):
    start(site, "queue", run_ms=600)
    commands = [site.send("execute") for _ in range(3)]
    for command in commands:
        assert command.final(timeout=30)["outcome"] == "succeeded"
    at = [execution["at"] for execution in site.api.executions()]
    assert len(at) == 3 and all(later - earlier >= 600 for earlier, later in zip(at, at[1:]))


@pytest.mark.sanitizers
def test_skip(site):
    start(site, "skip", run_ms=1200)
    first = site.send("execute")
    first.accepted()
    assert site.send("execute").error()["type"] == "Overlap"
    first.final()
    site.send("execute").accepted()
    assert len(site.api.executions()) == 2


@pytest.mark.sanitizers
def test_cancel_previous(site):
    start(site, "cancel-previous", run_ms=60000)
    first = site.send("execute")
    execution = first.accepted()["executionId"]
    first.wait_state("inProgress")
    second = site.send("execute")
    second.accepted(timeout=30)
    final = first.final()
    assert (final["state"], final["outcome"]) == ("canceled", "canceled")
    assert [cancel["executionId"] for cancel in site.api.audit()["cancels"]] == [execution]
    assert len(site.api.executions()) == 2


def test_the_queue_survives_a_kill(site):
    start(site, "queue", run_ms=800)
    commands = [site.send("execute") for _ in range(3)]
    commands[0].wait_state("inProgress")
    site.bridge.kill()
    site.start_bridge()
    for command in commands:
        assert command.final(timeout=30)["outcome"] == "succeeded"
    assert len(site.api.executions()) == 3


def test_other_actions_do_not_wait_for_a_run(site):
    start(site, "queue", run_ms=60000)
    site.send("execute").accepted()
    site.send("get").accepted()
    site.send("logs").accepted()


@pytest.mark.sanitizers
@pytest.mark.parametrize("by", ["executionId", "of"])
def test_what_is_queued_does_not_hold_the_cancel_of_the_run_it_waits_for(site, by):
    start(site, "queue", run_ms=60000)
    first = site.send("execute")
    execution = first.accepted()["executionId"]
    queued = [site.send("execute") for _ in range(40)]
    site.send("get").accepted()
    site.send("cancelExecution", {by: execution if by == "executionId" else first.request_id}).accepted()
    assert first.final()["outcome"] == "canceled"
    queued[0].accepted()
    assert len(site.api.executions()) == 2


def test_nothing_overtakes_a_barrier(site):
    site.config["jobs"][1]["overlap"] = "queue"
    site.start(run_ms=1500)
    first = site.send("execute", job="tune")
    first.accepted()
    second = site.send("execute", job="tune")
    patch = site.send("patch", {"name": "after"}, job="tune")
    behind = site.send("get", job="tune")
    assert behind.accepted()["body"]["name"] == "after"
    assert first.final()["outcome"] == "succeeded"
    second.accepted()
    patch.accepted()


@pytest.mark.parametrize("overlap", ["skip", "cancel-previous"])
def test_a_kill_changes_nothing_about_it(site, overlap):
    start(site, overlap, run_ms=60000)
    first = site.send("execute")
    first.wait_state("inProgress")
    site.bridge.kill()
    second = site.send("execute")
    site.start_bridge()
    if overlap == "skip":
        assert second.error()["type"] == "Overlap"
        assert len(site.api.executions()) == 1
    else:
        second.accepted(timeout=30)
        assert first.final()["outcome"] == "canceled"
        assert len(site.api.executions()) == 2


def test_a_command_that_is_cancelled_in_its_back_off_holds_nothing(site):
    site.config["api"]["retry"] = {"base_ms": 3600000, "max_ms": 3600000}
    gate = site.put_gate()
    site.start()
    site.send("get").accepted()  # the API's clock is known, so that its own call comes first
    gate.close()
    first = site.send("execute", {"templateContext": {}})
    first.wait_state("pending")
    site.send("cancelExecution", {"of": first.request_id}).accepted()
    gate.open()
    site.send("execute", {"templateContext": {}}).accepted(timeout=30)
    assert len(site.api.executions()) == 1
