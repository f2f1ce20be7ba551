# SPDX-License-Identifier: Apache-2.0
"""Each of the actions beside execute: the call it becomes, and its answer."""

import json

import pytest

from harness import JOB_IDS


@pytest.mark.sanitizers
def test_get_answers_with_the_job(site):
    site.start()
    accepted = site.send("get").accepted()
    assert (accepted["action"], accepted["job"], accepted["status"]) == ("get", "recalibrate", 200)
    assert accepted["body"]["resourceJobId"] == JOB_IDS[0]
    assert "executionId" not in accepted


def test_an_answer_is_passed_on_verbatim(site):
    site.start()
    context = '{"n":12345678901234567890,"z":1e400,"a":1.50}'
    site.send("patch", {"defaultContext": context}, job="tune").accepted()
    command = site.send("get", job="tune")
    command.accepted()
    [message] = command.messages("accepted")
    assert json.dumps(context) in message.text


def test_logs_takes_limit_and_since(site):
    site.start()
    for _ in range(3):
        site.send("execute").final()
    assert len(site.send("logs", {"limit": 2}).accepted()["body"]) == 2
    assert len(site.send("logs", {"limit": 50}).accepted()["body"]) == 3
    last = max(execution["at"] for execution in site.api.executions())
    assert site.send("logs", {"limit": 50, "since": last + 60000}).accepted()["body"] == []


@pytest.mark.sanitizers
@pytest.mark.parametrize("by", ["executionId", "of"])
def test_cancel_execution(site, by):
    site.start(run_ms=60000)
    run = site.send("execute")
    execution = run.accepted()["executionId"]
    run.wait_state("inProgress")

    accepted = site.send("cancelExecution", {by: execution if by == "executionId" else run.request_id}).accepted()
    final = run.final()

    assert accepted["status"] == 200 and accepted["body"]["success"] is True
    assert (final["state"], final["outcome"]) == ("canceled", "canceled")
    assert [cancel["executionId"] for cancel in site.api.audit()["cancels"]] == [execution]


def test_cancel_of_a_command_that_has_not_left_drops_it(site):
    site.put_gate()
    site.start()
    site.gate.close()
    run = site.send("execute")
    run.wait_state("pending")

    site.send("cancelExecution", {"of": run.request_id}).accepted()
    assert run.error()["type"] == "Canceled"
    assert run.final()["state"] in ("canceled", "rejected")

    site.gate.open()
    site.send("get").accepted(timeout=30)
    assert site.api.executions() == [] and site.api.audit()["cancels"] == []


def test_cancel_of_a_command_that_is_being_sent_waits_for_its_run(site):
    site.start(run_ms=60000)
    site.api.fault("execute", "actThenDelay", ms=1500, times=1)
    run = site.send("execute")
    site.api.wait_executions(1)
    site.send("cancelExecution", {"of": run.request_id}).accepted()
    execution = run.accepted()["executionId"]
    assert run.final()["outcome"] == "canceled"
    assert [cancel["executionId"] for cancel in site.api.audit()["cancels"]] == [execution]


def test_cancel_of_a_command_whose_answer_was_lost_waits_until_it_is_found(site):
    site.start(run_ms=60000)
    site.api.fault("execute", "actThenDrop", times=1)
    run = site.send("execute")
    site.api.wait_executions(1)
    site.send("cancelExecution", {"of": run.request_id}).accepted(timeout=30)
    assert run.final()["outcome"] == "canceled"
    assert len(site.api.executions()) == 1


def test_cancel_of_a_run_that_has_ended_is_the_apis_to_answer(site):
    site.start(run_ms=300)
    run = site.send("execute")
    before = run.final()
    site.send("cancelExecution", {"of": run.request_id}).answer()
    assert [cancel["executionId"] for cancel in site.api.audit()["cancels"]] in ([], [before["executionId"]])
    assert site.api.requests("cancelExecution") and run.final() == before


def test_cancel_of_a_run_that_nobody_knows(site):
    site.start()
    assert site.send("cancelExecution", {"of": "no-such-request"}).rejected()["error"]["type"]
    error = site.send("cancelExecution", {"executionId": "a" * 24}).error()
    assert (error["type"], error["status"]) == ("NotFound", 404)


def test_patch_answers_with_the_changed_job(site):
    site.start()
    fields = {"name": "Tuned", "iterationDelay": 60000, "retryOnFailure": True}
    accepted = site.send("patch", fields, job="tune").accepted()
    assert accepted["status"] == 201 and accepted["body"]["name"] == "Tuned"
    [patch] = site.api.audit()["patches"]
    assert json.loads(patch["body"]) == fields


@pytest.mark.parametrize("payload", [{}, {"includeWorkflows": True}], ids=["alone", "with workflows"])
def test_delete(site, payload):
    site.start()
    accepted = site.send("delete", payload, job="tune").accepted()
    assert accepted["status"] == 200 and accepted["body"] == {"success": True}
    assert [delete["resourceJobId"] for delete in site.api.audit()["deletes"]] == [JOB_IDS[1]]


@pytest.mark.sanitizers
def test_status_answers_from_the_journal(site):
    site.start(run_ms=300)
    done = site.send("execute")
    done.final()
    site.api.settings(runMs=60000)
    open_run = site.send("execute")
    open_run.wait_state("inProgress")
    before = len(site.api.requests("get"))

    command = site.send("status")
    command.accepted()

    [message] = command.messages("accepted")
    assert open_run.accepted()["executionId"] in message.text
    assert done.accepted()["executionId"] in message.text
    assert len(site.api.requests("get")) == before


def test_status_answers_while_the_api_is_away(site):
    site.put_gate()
    site.start()
    site.gate.close()
    site.send("execute")
    site.send("status").accepted()
