# SPDX-License-Identifier: Apache-2.0
"""The numbers for Prometheus: well-formed by promtool's judgement, documented, and adding up."""

import os
import re
import subprocess

import pytest

from harness import eventually
from harness.api import ROOT

RECEIVED, ACCEPTED = "jobbridge_commands_received_total", "jobbridge_commands_accepted_total"
REJECTED, PENDING = "jobbridge_commands_rejected_total", "jobbridge_commands_pending"
TYPE = re.compile(r"^# TYPE (jobbridge_\w+) (\w+)$", re.MULTILINE)
ROW = re.compile(r"^\| `(jobbridge_\w+)`(?:[^|]*)\| (\w+) \|", re.MULTILINE)


def check_sums(web):
    samples = web.metrics()
    received, accepted = web.total(RECEIVED, samples), web.total(ACCEPTED, samples)
    rejected, pending = web.total(REJECTED, samples), web.total(PENDING, samples)
    assert received == accepted + rejected + pending, (received, accepted, rejected, pending)
    return received, accepted, rejected, pending


def test_promtool_finds_nothing_to_say(site):
    web = site.serve_web()
    site.config["jobs"][0]["name"] = "calibrate éè 'x'"
    site.start()
    site.send("execute", job="calibrate éè 'x'").final()
    text = web.get("/metrics")
    assert text.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    done = subprocess.run(["promtool", "check", "metrics"], input=text.body, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b""), done
    assert 'job="calibrate éè \'x\'"' in text.text


def test_the_readme_has_every_metric(site):
    web = site.serve_web()
    site.start()
    served = dict(TYPE.findall(web.get("/metrics").text))
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
        documented = dict(ROW.findall(file.read()))
    assert documented == served


@pytest.mark.sanitizers
def test_the_numbers_add_up(site):
    """Good, bad, expired, refused, repeated, lost and waiting commands, and a restart among them."""
    web = site.serve_web()
    site.put_gate()
    site.start(run_ms=100)
    good = [site.send("execute", {"templateContext": {"i": i}}) for i in range(3)]
    for command in good:
        command.final()
    site.send("execute", {"requestId": good[0].request_id, "templateContext": {"i": 0}})
    site.send("get").accepted()
    site.send("status").accepted()
    site.send("execute", {"templateContext": 7}).rejected()
    for action in ("dance", "delete"):  # neither is allowed
        site.send(action)
        site.client.wait_message("devices/d1/jobs/recalibrate/rejected", lambda m, a=action: m.json["action"] == a)
    site.send("cancelExecution", {"executionId": "0" * 24}).rejected()
    assert check_sums(web) == (9, 5, 4, 0)

    site.api.fault("execute", "actThenDrop", times=1)
    site.send("execute", {"templateContext": {"i": 9}}).final(timeout=30)
    samples = web.metrics()
    assert samples["jobbridge_commands_ambiguous_total", None] == 1
    assert samples["jobbridge_reconciliations_total", 'result="found"'] == 1

    site.gate.close()
    waiting = [site.send("execute", {"templateContext": {"i": i}}) for i in range(10, 14)]
    site.send("execute", {"ttl": 1, "templateContext": {"i": 20}}).rejected()
    for command in waiting:
        command.wait_state("pending")
    assert check_sums(web) == (15, 6, 5, 4)
    samples = web.metrics()
    assert samples[REJECTED, 'action="execute",reason="expired"'] == 1
    assert samples["jobbridge_messages_received_total", 'result="repeated"'] == 1
    assert samples["jobbridge_messages_received_total", 'result="rejected"'] == 3

    site.bridge.kill()
    site.start_bridge()
    # Counters count since the start; what the journal held without an answer is received once more.
    assert check_sums(web) == (4, 0, 0, 4)
    assert web.metrics()["jobbridge_commands_resumed", None] == 4
    site.gate.open()
    for command in waiting:
        command.final(timeout=30)
    assert check_sums(web) == (4, 4, 0, 0)


def test_calls_and_their_times(site):
    web = site.serve_web()
    site.start(run_ms=100)
    site.api.fault("get", "status", status=503, times=2)
    site.send("get").accepted()
    site.send("execute", {"templateContext": {}}).final()
    samples = web.metrics()
    assert samples["jobbridge_api_requests_total", 'call="get",result="2xx"'] == 1
    assert samples["jobbridge_api_requests_total", 'call="get",result="5xx"'] == 2
    assert samples["jobbridge_api_requests_total", 'call="execute",result="2xx"'] == 1
    assert samples["jobbridge_command_retries_total", None] == 2
    assert samples["jobbridge_api_polls_total", None] >= 1
    assert samples["jobbridge_runs_ended_total", 'outcome="succeeded"'] == 1
    assert samples["jobbridge_last_error_timestamp_seconds", 'source="api"'] > 1e9
    name = "jobbridge_api_request_duration_seconds"
    assert samples[name + "_count", 'call="get"'] == 3 == samples[name + "_bucket", 'call="get",le="+Inf"']
    buckets = [number for (sample, labels), number in samples.items()
               if sample == name + "_bucket" and 'call="get"' in labels]
    assert buckets == sorted(buckets)
    assert 0 < samples[name + "_sum", 'call="get"'] < 60


def test_what_the_gauges_say(site):
    web = site.serve_web()
    site.start(run_ms=60000)
    site.send("execute", {"templateContext": {}}).accepted()
    eventually(lambda: web.metrics()["jobbridge_runs_open", None] == 1, "an open run")
    samples = web.metrics()
    assert samples["jobbridge_job_runs_open", 'job="recalibrate"'] == 1
    assert samples["jobbridge_job_runs_open", 'job="tune"'] == 0
    assert samples["jobbridge_broker_connected", None] == 1
    assert samples["jobbridge_journal_commits_total", None] == samples["jobbridge_journal_syncs_total", None] > 0
    site.broker.kill()
    eventually(lambda: web.metrics()["jobbridge_broker_connected", None] == 0, "the broker's loss")
    assert web.metrics()["jobbridge_last_error_timestamp_seconds", 'source="broker"'] > 1e9
