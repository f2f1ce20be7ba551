# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: what the configuration changes takes effect and is told, what was accepted before ends as it began, and a
wrong configuration changes nothing."""

import json
import re
import signal

import pytest

from harness import eventually
from harness.api import APPLICATION_ID, JOB_IDS
from harness.broker import Broker

TAKEN = "configuration reloaded"
WRONG = "configuration not taken"


def hang_up(site, outcome=TAKEN):
    """Writes the configuration as it is in site.config, and returns when the bridge has dealt with it: what it logged
    on the way."""
    before = len(site.bridge.log)
    site.bridge.write_configuration(site.config)
    site.bridge.signal(signal.SIGHUP)
    eventually(lambda: outcome in site.bridge.log[before:], f"{outcome!r} in the log")
    return site.bridge.log[before:]


def changes(log):
    """{key: (from, to)} of the lines that tell the difference."""
    found = {}
    for line in log.splitlines():
        if 'event="configuration changed"' in line:
            values = {key: text or word for key, text, word in re.findall(r'(\w+)=(?:"([^"]*)"|(\S+))', line)}
            found[values["key"]] = (values.get("from", ""), values.get("to", ""))
    return found


def one_more_job(site, index=5):
    site.config["jobs"].append({"name": "extra", "application_id": APPLICATION_ID, "resource_job_id": JOB_IDS[index]})


def test_a_job_that_is_added_and_one_that_goes(site):
    site.start()
    assert site.send(job="extra").error()["type"] == "UnknownJob"
    one_more_job(site)
    site.config["jobs"] = [job for job in site.config["jobs"] if job["name"] != "tune"]
    told = changes(hang_up(site))
    assert told == {"jobs[tune]": ("there", ""), "jobs[extra]": ("", "there")}
    assert site.send(job="extra").final()["outcome"] == "succeeded"
    assert site.send(job="tune").error()["type"] == "UnknownJob"
    assert site.send().final()["outcome"] == "succeeded"
    assert len(site.client.on(site.bridge_topic)) == 1, "jobs alone are no reason for a new connection"


@pytest.mark.sanitizers
def test_a_run_outlives_its_job(site):
    site.start(run_ms=1500, iterations=6)
    command = site.send(job="tune")
    command.wait_state("inProgress")
    site.config["jobs"] = site.config["jobs"][:1]
    hang_up(site)
    assert command.final()["outcome"] == "succeeded"
    assert {entry["status"] for entry in command.entries()} >= {"inProgress", "completed"}


def test_what_waits_is_done_under_the_job_it_was_accepted_for(site):
    """The name means another resource job after the reload; the API is only reached then."""
    site.put_gate()
    site.start(run_ms=600)
    early = site.send()
    early.accepted()
    site.gate.close()
    waiting = [site.send(), site.send("execute", {"templateContext": {"n": 1}})]
    for command in waiting:
        command.wait_state("pending")
    site.config["jobs"][0]["resource_job_id"] = JOB_IDS[7]
    assert changes(hang_up(site)) == {"jobs[recalibrate].resource_job_id": (JOB_IDS[0], JOB_IDS[7])}
    site.gate.open()
    late = [site.send() for _ in range(2)]
    for command in (early, *waiting, *late):
        assert command.final(timeout=40)["outcome"] == "succeeded"
    where = {e["executionId"]: e["resourceJobId"] for e in site.api.executions()}
    assert [where[c.accepted()["executionId"]] for c in (early, *waiting)] == [JOB_IDS[0]] * 3
    assert [where[c.accepted()["executionId"]] for c in late] == [JOB_IDS[7]] * 2


def test_runs_of_one_name_and_two_targets_are_followed_after_a_restart(site):
    site.start(run_ms=1500, iterations=6)
    first = site.send()
    first.wait_state("inProgress")
    site.config["jobs"][0]["resource_job_id"] = JOB_IDS[7]
    hang_up(site)
    second = site.send()
    second.wait_state("inProgress")
    site.bridge.kill()
    site.start_bridge()
    assert first.final()["outcome"] == second.final()["outcome"] == "succeeded"


def test_routes_come_and_go(site):
    """With a session that the broker keeps: what it still had of the old route is given up."""
    site.start()
    site.config["routes"] = [{"name": "plants", "filter": "plants/{plant}/{job}/cmd/{action}",
                              "replies": "plants/{plant}/{job}"}]
    told = changes(hang_up(site))
    assert told == {"routes[devices]": ("there", ""), "routes[plants]": ("", "there")}
    site.wait_bridge_state("online", after=1)
    site.client.publish("plants/p1/recalibrate/cmd/execute", json.dumps({"requestId": "p1"}))
    site.client.wait_message("plants/p1/recalibrate/status", lambda m: m.json.get("outcome") == "succeeded")
    site.send()  # on the route that is gone: the broker keeps it from us
    site.client.publish("plants/p1/recalibrate/cmd/get", json.dumps({"requestId": "p2"}))
    site.client.wait_message("plants/p1/recalibrate/accepted", lambda m: m.request_id == "p2")
    assert site.client.on("bridges/jobbridge/deadletter") == []


def test_a_route_that_went_while_the_bridge_was_away(site):
    site.start()
    site.bridge.terminate()
    site.config["routes"][0]["filter"] = "plants/{device}/jobs/{job}/cmd/{action}"
    site.start_bridge()
    site.send()
    site.client.publish("plants/p1/jobs/recalibrate/cmd/get", json.dumps({"requestId": "p2"}))
    site.client.wait_message("devices/p1/jobs/recalibrate/accepted", lambda m: m.request_id == "p2")
    assert site.client.on("bridges/jobbridge/deadletter") == []


def test_limits(site):
    """The rate, the retry and the time to live are those of the new configuration."""
    site.start()
    site.config["api"]["rate"] = "1/24h"
    site.config["jobs"][0].update(ttl_s=1)
    told = changes(hang_up(site))
    assert told == {"api.rate": ("", "1/86400000ms"), "jobs[recalibrate].ttl_s": ("3600", "1")}
    first, second = site.send("get"), site.send("get")
    first.accepted()
    assert second.error()["type"] == "Expired"
    del site.config["api"]["rate"]
    hang_up(site)
    site.send("get").accepted()


def test_level_and_format_of_the_log(site):
    site.start()
    site.config["log"] = {"level": "warning", "format": "json"}
    log = hang_up(site, "key=log.format")
    assert changes(log) == {"log.level": ("debug", "warning"), "log.format": ("logfmt", "json")}
    site.send().final()
    site.config["log"]["level"] = "info"
    log = hang_up(site)
    after = site.bridge.log.split("key=log.format")[1].split("\n", 1)[1]
    assert [json.loads(line)["event"] for line in after.splitlines()] == [TAKEN], "what came before was below the level"
    site.send("get").accepted()
    eventually(lambda: '"event":"command accepted"' in site.bridge.log, "the decision, as JSON")


def test_token_file(site):
    """Another file; then another token in the same file. Neither is shown."""
    site.start()
    other = site.token_path + "-2"
    with open(other, "w", encoding="utf-8") as file:
        file.write("the-second-token\n")
    site.api.put_token("the-second-token")
    site.api.drop_token(site.api.token)
    site.config["api"]["token_file"] = other
    log = hang_up(site)
    assert changes(log) == {"api.token_file": (site.token_path, other)} and "token changed" in log
    site.send("get").accepted()
    with open(other, "w", encoding="utf-8") as file:
        file.write("the-third-token\n")
    site.api.put_token("the-third-token")
    log = hang_up(site)
    assert changes(log) == {} and "token changed" in log
    site.send("get").accepted()
    assert not [r for r in site.api.requests("get") if r["status"] == 401]
    assert "second-token" not in site.bridge.log and "third-token" not in site.bridge.log


def test_password_of_the_broker(site, tmp_path):
    """Read again, and the connection made with it, though its name stays."""
    password_file = tmp_path / "password"
    password_file.write_text("right\n")
    site.broker.users = {"bridge": "right", "test": "test"}
    site.config["broker"].update(username="bridge", password_file=str(password_file))
    site.broker.start()
    site.api.start()
    site.client = site.connect(persistent=True, username="test", password="test")
    site.start_bridge()
    password_file.write_text("wrong-password\n")
    assert "broker password changed" in hang_up(site)
    eventually(lambda: "broker not connected" in site.bridge.log, "the refusal")
    password_file.write_text("right\n")
    before = len(site.client.on(site.bridge_topic))
    hang_up(site)
    site.wait_bridge_state("online", after=before)
    site.send().final()
    assert "wrong-password" not in site.bridge.log


@pytest.mark.sanitizers
def test_another_topic_of_its_own(site):
    site.start()
    site.config["broker"]["bridge_topic"] = "somewhere/else"
    told = changes(hang_up(site))
    assert told == {"broker.bridge_topic": ("bridges/jobbridge", "somewhere/else")}
    site.client.wait_message("somewhere/else/status", lambda m: m.json["state"] == "online")
    assert site.client.on(site.bridge_topic)[-1].json["state"] == "offline"
    site.send().final()


def test_another_broker(site, tmp_path):
    """Also what waits in the outbox goes to the new one."""
    site.start(run_ms=800)
    command = site.send()
    command.wait_state("queued", "inProgress")
    other = Broker(str(tmp_path / "other")).start()
    try:
        there = site.connect_to(other, persistent=True)
        site.config["broker"]["uri"] = other.uri
        hang_up(site)
        there.wait_message(site.bridge_topic, lambda m: m.json["state"] == "online")
        there.wait_message(f"{command.base}/status",
                           lambda m: m.request_id == command.request_id and m.json.get("outcome") == "succeeded")
        site.send(client=there)
        site.api.wait_executions(2)
    finally:
        site.bridge.terminate()
        other.kill()


def test_another_api(site):
    """A call that is under way ends where it began; the next one goes to the new address."""
    site.start()
    site.api.settings(latencyMs=400)
    under_way = site.send()
    site.api.wait_requests("get", 1)
    gate = site.put_gate()
    assert list(changes(hang_up(site))) == ["api.base_url"]
    under_way.final()
    gate.close()
    held = site.send("get")
    eventually(lambda: "call failed" in site.bridge.log, "a failed call")
    gate.open()
    held.accepted()


def test_a_wrong_file_changes_nothing(site):
    site.start()
    site.config["jobs"] = site.config["jobs"][:1]
    site.config["jobs"][0]["ttl_s"] = -1
    site.config["routes"][0]["filter"] = "devices/#/x"
    site.config["broker"]["nonsense"] = True
    hang_up(site, WRONG)
    assert "the old one is in use" in site.wait_bridge_state("degraded", after=1)["reason"]
    eventually(lambda: site.bridge.log.count(WRONG) >= 3, "every problem in the log")
    assert "jobs[0].ttl_s" in site.bridge.log
    assert site.send(job="tune").final()["outcome"] == "succeeded"
    site.config["jobs"][0]["ttl_s"] = 60
    site.config["routes"][0]["filter"] = "devices/{device}/jobs/{job}/cmd/{action}"
    del site.config["broker"]["nonsense"]
    hang_up(site)
    site.wait_bridge_state("online", after=2)
    assert site.send(job="tune").error()["type"] == "UnknownJob"


def test_a_file_that_is_named_and_not_there_is_wrong(site):
    site.start()
    site.config["api"]["token_file"] = site.token_path + "-nowhere"
    log = hang_up(site, WRONG)
    assert "api.token_file" in log
    assert "api.token_file" in site.wait_bridge_state("degraded", after=1)["reason"]
    site.send().final()


def test_no_changes(site):
    site.start()
    log = hang_up(site)
    assert changes(log) == {} and "configuration has no changes" in log
    site.send().final()
    assert len(site.client.on(site.bridge_topic)) == 1


def test_what_needs_a_restart_says_so(site):
    site.start()
    site.config["journal"]["max_commands"] = 7
    site.config["journal"]["max_dead"] = 7
    log = hang_up(site)
    assert log.count("takes effect at a restart only") == 2
    site.send().final()


def test_two_in_a_row(site):
    """The second comes while the first is being worked on."""
    site.start()
    one_more_job(site)
    site.bridge.write_configuration(site.config)
    site.bridge.signal(signal.SIGHUP)
    site.config["jobs"][-1]["name"] = "other"
    site.config["broker"]["keepalive_s"] = 17
    site.bridge.write_configuration(site.config)
    site.bridge.signal(signal.SIGHUP)
    site.bridge.wait_log("broker.keepalive_s")
    site.wait_bridge_state("online", after=1)
    assert site.send(job="other").final()["outcome"] == "succeeded"
    assert site.send(job="extra").error()["type"] == "UnknownJob"


@pytest.mark.sanitizers
def test_in_the_middle_of_a_burst(site):
    """Reloads that make new connections while commands pour in: each is done once, and answered."""
    site.start(run_ms=50)
    commands = []
    for number in range(4):
        before = len(site.bridge.log)
        commands += [site.send("execute", {"templateContext": {"i": len(commands) + i}}, wait=False)
                     for i in range(60)]
        site.config["broker"]["keepalive_s"] = 20 + number
        site.bridge.write_configuration(site.config)
        site.bridge.signal(signal.SIGHUP)
        commands += [site.send("execute", {"templateContext": {"i": len(commands) + i}}, wait=False)
                     for i in range(60)]
        eventually(lambda before=before: TAKEN in site.bridge.log[before:], "the reload")
    for command in commands:
        assert command.final(timeout=60)["outcome"] == "succeeded"
        assert len({m.json["executionId"] for m in command.messages("accepted")}) == 1
    assert len(site.api.executions()) == len(commands)
