# SPDX-License-Identifier: Apache-2.0
"""Following runs to their end: one poll per job, no run hidden, every way a run can end, and those that never do."""

import math

import pytest

from harness import JOB_IDS, eventually


@pytest.mark.sanitizers
def test_fifty_runs_cost_one_poll_per_interval(site):
    interval_ms = 500
    site.config["follow"].update(interval_ms=interval_ms, max_interval_ms=interval_ms)
    site.start(run_ms=4000, iterations=10)
    commands = [site.send("execute") for _ in range(50)]
    for command in commands:
        command.accepted(timeout=30)
    for command in commands:
        assert command.final(timeout=40)["outcome"] == "succeeded"

    polls = [request["at"] for request in site.api.requests("logs")]
    assert len(polls) >= 3
    assert len(polls) <= math.ceil((polls[-1] - polls[0]) / interval_ms) + 2


def test_runs_of_several_jobs(site):
    site.add_jobs(5)
    site.start(run_ms=500)
    commands = [site.send("execute", job=f"job-{i % 5}") for i in range(20)]
    for i, command in enumerate(commands):
        final = command.final()
        assert (final["outcome"], final["job"]) == ("succeeded", f"job-{i % 5}")


@pytest.mark.parametrize("excess", ["clamp", "reject"])
def test_no_run_hides_behind_another(site, excess):
    site.start(run_ms=1500)
    site.api.settings(maxLimit=80, limitExcess=excess)
    commands = [site.send("execute") for _ in range(25)]
    for command in commands:
        command.accepted()
    for _ in range(40):
        site.api.start_run(JOB_IDS[0])  # newer ones of somebody else
    for command in commands:
        command.final(timeout=30)


@pytest.mark.parametrize("since_means", ["start", "change"])
@pytest.mark.parametrize("order", ["newest", "shuffled"])
def test_whatever_since_and_order_mean(site, since_means, order):
    site.start(run_ms=600)
    site.api.settings(sinceMeans=since_means, logOrder=order)
    commands = [site.send("execute") for _ in range(10)]
    for command in commands:
        assert command.final()["outcome"] == "succeeded"


@pytest.mark.parametrize("offset_ms", [-3600_000, 3600_000], ids=["slow", "fast"])
def test_with_an_api_clock_that_is_wrong(site, offset_ms):
    site.start()
    site.api.settings(clockOffsetMs=offset_ms)
    assert site.send("execute").final()["outcome"] == "succeeded"


def test_a_run_that_shows_late(site):
    site.start(run_ms=300, log_delay_ms=1500)
    command = site.send("execute")
    command.accepted()
    assert command.final()["outcome"] == "succeeded"
    assert command.states()[0]["state"] == "queued"


@pytest.mark.sanitizers
@pytest.mark.parametrize("how", ["never ends", "never appears"])
def test_a_run_without_an_end_becomes_unknown(site, how):
    site.config["follow"]["timeout_s"] = 2
    site.start(log_delay_ms=0 if how == "never ends" else 3600_000)
    site.api.settings(ends="never")
    command = site.send("execute")
    final = command.final()
    assert (final["state"], final["outcome"]) == ("unknown", "unknown")
    assert command.accepted()


@pytest.mark.sanitizers
@pytest.mark.parametrize("settings, state, outcome", [
    ({}, "completed", "succeeded"),
    ({"failed": 1}, "completed", "partial"),
    ({"timedOut": 1}, "completed", "partial"),
    ({"failed": 4}, "completed", "partial"),
    ({"ends": "errored"}, "errored", "failed"),
])
def test_how_a_run_ends(site, settings, state, outcome):
    site.start(run_ms=200)
    site.api.settings(**settings)
    final = site.send("execute").final()
    assert (final["state"], final["outcome"]) == (state, outcome)


def test_a_run_that_somebody_else_cancels(site):
    site.start(run_ms=60000)
    command = site.send("execute")
    execution = command.accepted()["executionId"]
    command.wait_state("inProgress")
    site.api.shape_run(execution, status="canceling")
    command.wait_state("canceling")
    site.api.shape_run(execution, status="canceled")
    final = command.final()
    assert (final["state"], final["outcome"]) == ("canceled", "canceled")


def test_a_word_that_the_api_adds_one_day_passes_unchanged(site):
    site.start(run_ms=60000)
    command = site.send("execute")
    execution = command.accepted()["executionId"]
    command.wait_state("inProgress")
    site.api.shape_run(execution, status="pausedByOperator")
    assert "outcome" not in command.wait_state("pausedByOperator")
    site.api.shape_run(execution, status="completed")
    assert command.final()["outcome"] in ("succeeded", "partial")


@pytest.mark.sanitizers
def test_the_log_fails_while_a_run_is_open(site):
    site.start(run_ms=800)
    site.api.fault("logs", "status", status=503, times=3)
    site.api.fault("logs", "garbage", times=2)
    site.api.fault("logs", "truncate", times=2)
    assert site.send("execute").final(timeout=40)["outcome"] == "succeeded"


def test_the_job_is_deleted_while_a_run_is_open(site):
    site.config["follow"]["timeout_s"] = 4
    site.start(run_ms=60000)
    command = site.send("execute", job="tune")
    command.wait_state("inProgress")
    site.send("delete", job="tune").accepted()
    assert command.final(timeout=30)["outcome"] == "unknown"


@pytest.fixture
def watching(site):
    """A site that publishes the runs of others, on a route whose topics need nothing but the job."""
    site.config["jobs"][0]["watch"] = True
    site.config["routes"] = [{"name": "jobs", "filter": "jobs/{job}/cmd/{action}", "replies": "jobs/{job}"}]
    return site


def test_runs_of_others_are_published_when_watched(watching):
    watching.start(run_ms=600)
    run = watching.api.start_run(JOB_IDS[0], templateContext='{"n":1}')["executionId"]
    final = watching.client.wait_message("bridges/jobbridge/jobs/recalibrate/status",
                                         lambda m: m.json["executionId"] == run and "outcome" in m.json).json
    assert (final["state"], final["outcome"]) == ("completed", "succeeded")
    watching.client.wait_message("bridges/jobbridge/jobs/recalibrate/log", lambda m: m.json["executionId"] == run)
    finals = [m for m in watching.client.on("bridges/jobbridge/jobs/recalibrate/status") if "outcome" in m.json]
    assert len({m.json["seq"] for m in finals}) == 1


def test_a_run_of_others_counts_from_the_start_of_watching(watching):
    """Not from the first reading of the log that was answered, which a slow API has a second later and more."""
    watching.start_around(run_ms=600)
    watching.api.fault("logs", "delay", ms=2500, times=1)
    watching.start_bridge()
    run = watching.api.start_run(JOB_IDS[0], templateContext='{"n":1}')["executionId"]
    watching.client.wait_message("bridges/jobbridge/jobs/recalibrate/status",
                                 lambda m: m.json["executionId"] == run and "outcome" in m.json)


def test_runs_of_others_are_silent_when_not_watched(site):
    site.start(run_ms=200)
    other = site.api.start_run(JOB_IDS[0])["executionId"]
    site.send("execute").final()
    eventually(lambda: all(e["status"] == "completed" for e in site.api.executions()), "both runs have ended")
    site.send("execute").final()
    assert not [m for m in site.client.messages if other in m.text]
