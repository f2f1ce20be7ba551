# SPDX-License-Identifier: Apache-2.0
"""An execute whose answer was lost: the bridge finds out before it sends again, and says so where it cannot."""

import json

import pytest

from harness import JOB_IDS

STARTED_BY_THEN_MS = 600  # a settle time in which a busy machine has started 150 runs
LOST = {
    "dropped before it acted": {"do": "drop"},
    "closed before it acted": {"do": "drop", "cut": "close"},
    "acted, answer dropped": {"do": "actThenDrop"},
    "acted, connection closed": {"do": "actThenDrop", "cut": "close"},
    "acted, answer late": {"do": "actThenDelay", "ms": 2500},
    "neither acted nor answered": {"do": "hang"},
    "acted, answer cut short": {"do": "truncate"},
    "acted, answer no JSON": {"do": "garbage"},
    "acted, answer without the id": {"do": "noId"},
    "500": {"do": "status", "status": 500},
    "503": {"do": "status", "status": 503},
    "504": {"do": "status", "status": 504},
}


@pytest.mark.sanitizers
@pytest.mark.parametrize("fault", LOST)
def test_a_lost_answer_makes_one_execution(site, fault):
    site.config["api"]["request_timeout_ms"] = 1000
    site.start()
    site.api.fault("execute", times=1, **LOST[fault])
    command = site.send("execute", {"templateContext": {"n": 1}})
    accepted = command.accepted()
    final = command.final()
    [execution] = site.api.executions()
    assert accepted["executionId"] == execution["executionId"] == final["executionId"]
    assert final["outcome"] == "succeeded"


@pytest.mark.parametrize("since_means", ["start", "change"])
@pytest.mark.parametrize("reserialise", [False, True], ids=["verbatim", "other words"])
def test_a_run_that_shows_late_is_found(site, since_means, reserialise):
    site.start(log_delay_ms=350)
    site.api.settings(sinceMeans=since_means, reserialise=reserialise)
    site.api.fault("execute", "actThenDrop", times=1)
    site.send("execute", {"templateContext": {"n": 1}}).accepted()
    assert len(site.api.executions()) == 1


@pytest.mark.parametrize("offset_ms", [-7200_000, 7200_000], ids=["slow", "fast"])
def test_the_apis_clock_may_be_wrong(site, offset_ms):
    site.start()
    site.api.settings(clockOffsetMs=offset_ms)
    site.send("get").accepted()
    site.api.fault("execute", "actThenDrop", times=1)
    command = site.send("execute")
    command.accepted()
    assert command.final()["outcome"] == "succeeded"
    assert len(site.api.executions()) == 1


def test_each_of_many_finds_its_own_run(site):
    site.start()
    site.api.settings(logOrder="shuffled")
    site.api.fault("execute", "actThenDrop", times=15)
    commands = {i: site.send("execute", {"templateContext": {"i": i}}) for i in range(15)}
    ids = {i: command.accepted(timeout=30)["executionId"] for i, command in commands.items()}
    executions = site.api.executions()
    assert len(executions) == 15
    assert ids == {json.loads(e["templateContext"])["i"]: e["executionId"] for e in executions}


def test_runs_of_others_are_not_taken_for_ones_own(site):
    site.start()
    for _ in range(5):
        site.api.start_run(JOB_IDS[0], templateContext='{"n":1}')
    others = {execution["executionId"] for execution in site.api.executions()}
    site.api.fault("execute", "drop", times=1)
    accepted = site.send("execute", {"templateContext": {"n": 1}}).accepted()
    assert accepted["executionId"] not in others
    assert len(site.api.executions()) == len(others) + 1


def test_a_log_that_fails_too_is_asked_again(site):
    site.start()
    site.api.fault("execute", "actThenDrop", times=1)
    site.api.fault("logs", "status", status=503, times=3)
    site.send("execute").accepted(timeout=30)
    assert len(site.api.executions()) == 1


def test_no_log_no_second_run(site):
    """As long as the log cannot be read, the command stays undecided."""
    site.start()
    site.api.fault("logs", "status", status=503)
    site.api.fault("execute", "actThenDrop", times=1)
    command = site.send("execute")
    site.api.wait_requests("logs", 5, timeout=30)
    assert not command.messages("accepted") and not command.messages("rejected")
    site.api.clear_faults()
    command.accepted(timeout=30)
    assert len(site.api.executions()) == 1


@pytest.mark.parametrize("fault", ["actThenDrop", "drop"])
def test_policy_fail_says_unknown(site, fault):
    site.config["api"]["reconcile"]["policy"] = "fail"
    site.start()
    site.api.fault("execute", fault, times=1)
    command = site.send("execute")
    assert command.error()["type"] == "OutcomeUnknown"
    site.send("get").accepted()
    assert len(site.api.requests("execute")) == 1


@pytest.mark.parametrize("fault, runs", [("actThenDrop", 2), ("drop", 1)])
def test_policy_retry_sends_again(site, fault, runs):
    site.config["api"]["reconcile"]["policy"] = "retry"
    site.start()
    site.api.fault("execute", fault, times=1)
    accepted = site.send("execute").accepted()
    executions = site.api.executions()
    assert len(executions) == runs
    assert accepted["executionId"] == executions[-1]["executionId"]


def test_without_a_marker_it_is_unknown(site):
    site.config["api"]["reconcile"]["marker"] = ""
    site.start()
    site.api.fault("execute", "actThenDrop", times=1)
    assert site.send("execute").error(timeout=30)["type"] == "OutcomeUnknown"
    assert len(site.api.requests("execute")) == 1


def test_without_a_marker_nothing_is_added(site):
    site.config["api"]["reconcile"]["marker"] = ""
    site.start()
    site.send_text('{"requestId":"c","templateContext":{ "n" : 1.0 }}', "c").accepted()
    site.send("execute").accepted()
    with_context, without = site.api.executions()
    assert with_context["templateContext"] == '{ "n" : 1.0 }'
    assert without["contextGiven"] is False


@pytest.mark.parametrize("policy", ["reconcile", "fail"])
def test_a_connection_that_never_was_is_not_ambiguous(site, policy):
    site.config["api"]["reconcile"]["policy"] = policy
    site.put_gate()
    site.start()
    site.gate.close()
    command = site.send("execute")
    site.wait_bridge_state("degraded")
    site.gate.open()
    command.accepted(timeout=30)
    assert len(site.api.executions()) == 1


@pytest.mark.sanitizers
def test_the_jobs_default_context_is_not_lost(site):
    site.start()
    site.send("patch", {"defaultContext": '{"limit":20.50,"mode":"slow"}'}, job="tune").accepted()
    site.send("execute", job="tune").accepted()
    site.send("execute", {"templateContext": {"n": 1}}, job="tune").accepted()
    defaults, own = site.api.executions()
    assert '"limit":20.50' in defaults["templateContext"] and '"mode":"slow"' in defaults["templateContext"]
    assert "limit" not in own["templateContext"]


def test_a_job_whose_defaults_cannot_be_read_is_not_run_without_them(site):
    site.start()
    site.send("patch", {"defaultContext": '{"limit":20.50}'}, job="tune").accepted()
    site.bridge.terminate()
    site.start_bridge()
    site.api.fault("get", "status", status=503, times=3)
    site.send("execute", job="tune").accepted(timeout=30)
    [execution] = site.api.executions()
    assert '"limit":20.50' in execution["templateContext"] or execution["contextGiven"] is False


@pytest.mark.parametrize("acted", [True, False], ids=["acted", "not acted"])
def test_a_log_of_more_than_a_page_is_read_to_the_time_of_sending(site, acted):
    site.config["api"]["reconcile"]["settle_ms"] = STARTED_BY_THEN_MS
    site.start(run_ms=60000)
    site.api.fault("execute", "actThenDrop" if acted else "drop", times=1)
    command = site.send("execute", {"templateContext": {"n": 1}})
    site.api.wait_requests("execute", 1)
    for _ in range(150):
        site.api.start_run(JOB_IDS[0], templateContext='{"n":1}')
    execution = command.accepted(timeout=30)["executionId"]
    assert [e["executionId"] for e in site.api.executions()] == [execution]


@pytest.mark.parametrize("most", [50, 100])
@pytest.mark.parametrize("excess", ["clamp", "reject"])
def test_a_log_that_does_not_reach_back_decides_nothing(site, excess, most):
    """The API's largest limit is smaller than what has been run since."""
    site.config["api"]["reconcile"]["settle_ms"] = STARTED_BY_THEN_MS
    site.start(run_ms=60000)
    site.api.settings(maxLimit=most, limitExcess=excess)
    site.api.fault("execute", "drop", times=1)
    command = site.send("execute", {"templateContext": {"n": 1}})
    site.api.wait_requests("execute", 1)
    for _ in range(most + 10):
        site.api.start_run(JOB_IDS[0], templateContext='{"n":1}')
    assert command.error(timeout=60)["type"] == "OutcomeUnknown"
    assert site.api.executions() == []


def test_a_log_that_reaches_further_back_decides(site):
    """Just as many new runs as might be a largest limit: older ones behind them show that it is none."""
    site.start(run_ms=1)
    site.api.settings(clockOffsetMs=-3600_000)
    for _ in range(50):
        site.api.start_run(JOB_IDS[0], templateContext='{"n":1}')
    site.api.settings(clockOffsetMs=0, runMs=60000)
    site.api.fault("execute", "drop", times=1)
    command = site.send("execute", {"templateContext": {"n": 1}})
    site.api.wait_requests("execute", 1)
    for _ in range(50):
        site.api.start_run(JOB_IDS[0], templateContext='{"n":1}')
    assert command.accepted(timeout=30)["executionId"] == site.api.executions()[0]["executionId"]


def test_the_first_call_of_a_process_can_be_looked_for_in_a_long_log(site):
    """Its time by the API's clock is known, though nothing else has been heard of the API: it was asked before."""
    site.start_around(run_ms=1)
    site.api.settings(clockOffsetMs=-2 * 3600_000, maxLimit=100)
    for _ in range(150):
        site.api.start_run(JOB_IDS[0], templateContext='{"n":1}')
    site.api.settings(clockOffsetMs=3600_000)
    site.api.fault("execute", "drop", times=1)
    site.start_bridge()
    execution = site.send("execute", {"templateContext": {"n": 1}}).accepted(timeout=30)["executionId"]
    assert [e["executionId"] for e in site.api.executions()] == [execution]
