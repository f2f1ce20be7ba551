# SPDX-License-Identifier: Apache-2.0
"""The emulator: how runs advance and are canceled, what the log shows of them."""
import email.utils
import itertools
import json
import time

import pytest

from emulator_client import (  # noqa: F401
    APP, UNKNOWN, emulator, job, ms_of, new_job, running, wait_for)


def follow(job, execution):
    """All different looks of a run until it has ended."""
    looks = []

    def ended():
        entry = job.entry(execution)
        if entry and (not looks or looks[-1] != entry):
            looks.append(entry)
        return entry and entry["status"] in ("completed", "errored", "canceled")
    wait_for(ended, "the end of the run")
    return looks


def test_a_run_advances_to_completed(job):
    job.emulator.settings(runMs=300, iterations=20)
    looks = follow(job, job.run())
    done = [look["executionSummary"]["succeeded"] for look in looks]
    assert done == sorted(done) and done[0] < 20 and len(done) > 3
    assert {sum(look["executionSummary"].values()) for look in looks} == {20}
    assert [look["status"] for look in looks] == ["inProgress"] * (len(looks) - 1) + ["completed"]
    assert looks[-1]["executionSummary"] == {"succeeded": 20, "failed": 0, "timedOut": 0, "inProgress": 0, "remaining": 0}


def test_times_and_report_come_with_the_end(job):
    job.emulator.settings(runMs=50)
    looks = follow(job, job.run())
    assert all("runCompletedAt" not in look and "executionReportUrl" not in look for look in looks[:-1])
    assert ms_of(looks[-1]["runCompletedAt"]) - ms_of(looks[-1]["runStartedAt"]) == 50
    assert looks[-1]["executionReportUrl"].endswith(".csv")


def test_a_completed_run_can_have_failures(job):
    job.emulator.settings(runMs=0, iterations=10, failed=3, timedOut=2)
    entry = job.entry(job.run())
    assert entry["status"] == "completed"
    assert entry["executionSummary"] == {"succeeded": 5, "failed": 3, "timedOut": 2, "inProgress": 0, "remaining": 0}


def test_a_run_can_end_errored(job):
    job.emulator.settings(runMs=300, ends="errored")
    looks = follow(job, job.run())
    order = [status for status, _ in itertools.groupby(look["status"] for look in looks)]
    assert order == ["inProgress", "erroring", "errored"]
    assert looks[-1]["executionSummary"]["remaining"] > 0 and looks[-1]["executionSummary"]["inProgress"] == 0


def test_a_run_can_last_for_ever(job):
    job.emulator.settings(runMs=0, iterations=3, ends="never")
    entry = job.entry(job.run())
    assert entry["status"] == "inProgress" and entry["executionSummary"]["inProgress"] == 1


def test_settings_of_a_run_are_those_of_its_start(job):
    job.emulator.settings(runMs=86400000)
    execution = job.run()
    job.emulator.settings(runMs=0)
    assert job.entry(execution)["status"] == "inProgress"


def test_concurrency_shows_in_the_summary(emulator):
    job = new_job(emulator, maxIterationConcurrency=10)
    emulator.settings(runMs=86400000, iterations=30)
    entry = job.entry(job.run())
    assert entry["executionSummary"] == {"succeeded": 0, "failed": 0, "timedOut": 0, "inProgress": 10, "remaining": 20}
    assert "accumulator" not in entry


def test_an_entry_has_the_documented_fields(job):
    job.call("PATCH", "", {"maxIterationRetries": 2, "retryDelay": 5, "retryOnFailure": True})
    job.emulator.settings(runMs=0)
    entry = job.entry(job.run({"templateContext": "{}"}))
    assert set(entry) == {
        "id", "applicationId", "resourceJobExecutionId", "resourceJobId", "accumulator", "status", "queryJson", "resourceType",
        "sourceType", "sourceId", "runStartedAt", "runCompletedAt", "executionReportUrl", "templateContext", "iterationDelay",
        "iterationTimeout", "maxIterationConcurrency", "executionSummary", "retryOnTimeout", "retryOnFailure",
        "maxIterationRetries", "retryDelay"}
    assert entry["sourceType"] == "apiToken" and entry["applicationId"] == APP and entry["resourceJobId"] == job.id
    assert entry["id"] != entry["resourceJobExecutionId"]


def test_a_new_run_shows_after_the_log_delay(job):
    job.emulator.settings(logDelayMs=300, runMs=86400000)
    execution = job.run()
    asked = time.monotonic()
    assert job.logs() == []
    entry = wait_for(lambda: job.entry(execution), "the entry")
    assert time.monotonic() - asked > 0.25 and entry["status"] == "inProgress"
    assert ms_of(entry["runStartedAt"]) == job.executions()[0]["at"]


def test_logs_give_one_entry_unless_asked_for_more(job):
    job.run()
    newest = job.run()
    assert [e["resourceJobExecutionId"] for e in job.logs("")] == [newest]


def test_logs_give_the_newest_first(job):
    runs = [job.run() for _ in range(4)]
    assert [e["resourceJobExecutionId"] for e in job.logs("?limit=3")] == runs[:0:-1]


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=x", "limit=1.0", "limit=", "limit=%201", "limit=99999999999999999999",
                                   "since=-1", "since=2023-01-01", "limit=1&limit=2", "page=1", "executionId=" + UNKNOWN])
def test_logs_refuse(job, query):
    assert job.call("GET", "/logs?" + query).status == 400


def test_a_limit_over_the_largest_is_clamped(job):
    job.emulator.settings(maxLimit=2)
    for _ in range(3):
        job.run()
    assert len(job.logs("?limit=3")) == 2


def test_a_limit_over_the_largest_can_be_refused(job):
    job.emulator.settings(maxLimit=2, limitExcess="reject")
    assert job.call("GET", "/logs?limit=2").status == 200
    assert job.call("GET", "/logs?limit=3").status == 400


def later_than(first, entry):
    return entry if entry["runStartedAt"] > first["runStartedAt"] else None


def two_runs_apart(job):
    """Two runs that do not start in the same millisecond."""
    first = job.entry(job.run())
    second = wait_for(lambda: later_than(first, job.entry(job.run())), "a later start")
    return ms_of(first["runStartedAt"]), ms_of(second["runStartedAt"]), second["resourceJobExecutionId"]


def test_since_asks_for_the_start(job):
    first, second, execution = two_runs_apart(job)
    assert [e["resourceJobExecutionId"] for e in job.logs(f"?limit=9&since={second}")] == [execution]
    assert len(job.logs(f"?limit=9&since={first}")) >= 2
    assert job.logs(f"?limit=9&since={second + 1}") == []


def test_since_can_mean_any_change(job):
    job.emulator.settings(sinceMeans="change", runMs=200, iterations=1)
    execution = job.run()
    started = ms_of(job.entry(execution)["runStartedAt"])
    query = f"?limit=9&since={started + 150}"
    assert job.logs(query) == []
    assert wait_for(lambda: job.logs(query), "the change")[0]["status"] == "completed"
    job.emulator.settings(sinceMeans="start")
    assert job.logs(query) == []


def test_entries_can_come_shuffled(job):
    job.emulator.settings(logOrder="shuffled")
    runs = [job.run() for _ in range(20)]
    seen = [e["resourceJobExecutionId"] for e in job.logs("?limit=15")]
    assert sorted(seen) == sorted(runs[5:]) and seen != runs[:4:-1]


def test_contexts_can_come_reserialised(job):
    context = '{"a":12345678901234567890,"b":{"c":[1, "x,y"],"d":{}},"e":[]}'
    job.emulator.settings(reserialise=True)
    seen = job.entry(job.run({"templateContext": context}))["templateContext"]
    assert seen != context and json.loads(seen) == json.loads(context) and "12345678901234567890" in seen
    assert list(json.loads(seen)) == ["e", "b", "a"]
    assert job.executions()[0]["templateContext"] == context


def test_the_apis_clock_can_be_wrong(job):
    job.emulator.settings(clockOffsetMs=-3600000)
    entry = job.entry(job.run())
    assert abs(ms_of(entry["runStartedAt"]) / 1000 - time.time() + 3600) < 5
    date = email.utils.parsedate_to_datetime(job.call("GET").headers["Date"]).timestamp()
    assert abs(date - time.time() + 3600) < 5
    assert abs(job.executions()[0]["at"] / 1000 - time.time()) < 5


def test_a_clock_set_back_keeps_the_order_by_start(job):
    late = job.run()
    job.emulator.settings(clockOffsetMs=-60000)
    early = job.run()
    assert [e["resourceJobExecutionId"] for e in job.logs()] == [late, early]


def test_a_canceled_run_goes_through_canceling(job):
    job.emulator.settings(runMs=86400000, cancelMs=200)
    execution = job.run()
    assert job.cancel(execution).json == {"success": True}
    looks = follow(job, execution)
    assert [status for status, _ in itertools.groupby(look["status"] for look in looks)] == ["canceling", "canceled"]
    assert looks[-1]["cancelSourceType"] == "apiToken" and looks[-1]["cancelSourceId"] == looks[-1]["sourceId"]
    assert looks[-1]["executionSummary"]["inProgress"] == 0 and "runCompletedAt" in looks[-1]


def test_a_cancel_is_audited(job):
    execution = job.run()
    job.cancel(execution)
    assert [(c["executionId"], c["resourceJobId"]) for c in job.emulator.audit()["cancels"]] == [(execution, job.id)]


def test_cancelling_what_has_ended_changes_nothing(job):
    job.emulator.settings(runMs=0)
    execution = job.run()
    assert job.cancel(execution).status == 200
    assert job.entry(execution)["status"] == "completed"


def test_cancelling_an_unknown_execution_is_404(job):
    answer = job.cancel(UNKNOWN)
    assert (answer.status, answer.type) == (404, "NotFound") and "Execution" in answer.message


def test_cancelling_by_another_job_is_404(job):
    execution = job.run()
    assert new_job(job.emulator).cancel(execution).status == 404


@pytest.mark.parametrize("query", ["", "?executionId", "?executionId=", "?executionId=xyz", "?executionid=" + UNKNOWN])
def test_cancelling_requires_an_execution_id(job, query):
    answer = job.call("POST", "/cancelExecution" + query)
    assert (answer.status, answer.type) == (400, "Validation")
