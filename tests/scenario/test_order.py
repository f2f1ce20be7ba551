# SPDX-License-Identifier: Apache-2.0
"""The order of one job's commands: they start as they arrived; patch and delete wait, and are waited for."""

import json

import pytest

from harness import JOB_IDS


def numbers_at_the_api(site, job_id):
    return [json.loads(execution["templateContext"])["i"] for execution in site.api.executions()
            if execution["resourceJobId"] == job_id]


@pytest.mark.sanitizers
def test_commands_of_a_job_start_as_they_arrived(site):
    site.config["api"]["max_in_flight"] = 1
    site.start(run_ms=50)
    commands = [site.send("execute", {"templateContext": {"i": i}}, job=job)
                for i in range(20) for job in ("recalibrate", "tune")]
    for command in commands:
        command.accepted()
    assert numbers_at_the_api(site, JOB_IDS[0]) == list(range(20))
    assert numbers_at_the_api(site, JOB_IDS[1]) == list(range(20))


def test_a_retry_keeps_its_place(site):
    site.config["api"]["max_in_flight"] = 1
    site.start(run_ms=50)
    site.api.fault("execute", "status", status=429, times=3)
    commands = [site.send("execute", {"templateContext": {"i": i}}) for i in range(10)]
    for command in commands:
        command.accepted()
    assert numbers_at_the_api(site, JOB_IDS[0]) == list(range(10))


def test_executes_overlap(site):
    site.start(run_ms=50)
    site.api.settings(latencyMs=500)
    commands = [site.send("execute") for _ in range(8)]
    answers = [command.answer() for command in commands]
    # One after the other, they would take four seconds.
    assert max(a.at_ms for a in answers) - min(a.at_ms for a in answers) < 2000


@pytest.mark.sanitizers
@pytest.mark.parametrize("barrier", ["patch", "delete"])
def test_a_barrier_waits_and_is_waited_for(site, barrier):
    site.start(run_ms=50)
    site.api.fault("execute", "actThenDelay", ms=700, times=1)
    first = site.send("execute", job="tune")
    middle = site.send(barrier, {"name": "Tuned"} if barrier == "patch" else {}, job="tune")
    last = site.send("get", job="tune")

    first.accepted()
    middle.accepted()
    last.answer()

    order = [(request["op"], request["at"]) for request in site.api.requests()
             if request["job"] == JOB_IDS[1] and request["op"] in ("execute", barrier, "get")]
    # The bridge may itself have asked for the job's default context, before the execute.
    order = order[[op for op, _ in order].index("execute"):]
    assert [op for op, _ in order] == ["execute", barrier, "get"]
    assert order[1][1] - site.api.executions()[0]["at"] >= 650


def test_a_barrier_holds_no_other_job(site):
    site.start(run_ms=50)
    site.api.fault("patch", "delay", ms=2500, times=1)
    patch = site.send("patch", {"name": "Tuned"}, job="tune")
    behind = site.send("execute", job="tune")
    site.send("execute").accepted()
    assert not patch.messages("accepted") and not behind.messages("accepted")
    patch.accepted()
    behind.accepted()


def test_a_patch_counts_for_the_execute_behind_it(site):
    site.start(run_ms=50)
    site.send("execute", job="tune")
    site.send("patch", {"defaultContext": '{"limit":20.50}'}, job="tune")
    site.send("execute", job="tune").accepted()
    assert '"limit":20.50' in site.api.executions()[-1]["templateContext"]
