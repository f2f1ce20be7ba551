# SPDX-License-Identifier: Apache-2.0
"""jobbridge call: one command through the broker, from the command line; what it prints and which code it ends with."""

import json
import os
import pty
import subprocess

import pytest

from harness import APPLICATION_ID, JOB_IDS, eventually, patient
from harness.bridge import PROGRAM
from harness.program import call_site

DEVICE = ("--capture", "device=d1")


def call(site, *arguments, **more):
    return call_site(site, "call", *arguments, **more)


@pytest.mark.sanitizers
def test_an_execute_that_is_accepted(site):
    site.start(run_ms=60000)
    done = call(site, *DEVICE, "recalibrate", "execute", '{"templateContext": {"n": 12345678901234567890}}')
    assert done.code == 0, done
    execution = site.api.executions()[0]
    assert done.out == f"accepted: execution {execution['executionId']}\n"
    assert '"n": 12345678901234567890' in execution["templateContext"]
    assert done.err == ""


@pytest.mark.sanitizers
def test_follow_in_a_pipe(site):
    site.start(run_ms=400)
    done = call(site, *DEVICE, "recalibrate", "execute", "--follow")
    assert done.code == 0, done
    lines = done.out.splitlines()
    assert any(line.startswith("accepted: execution ") for line in lines)
    assert lines[-1].startswith("completed 100% succeeded=4") and lines[-1].endswith(": succeeded")
    assert "\r" not in done.out and "\x1b" not in done.out


def test_follow_on_a_terminal(site):
    """One line that is written over; the last one stays."""
    site.start(run_ms=400)
    ours, theirs = pty.openpty()
    with subprocess.Popen([PROGRAM, "call", "-c", site.bridge.path, *DEVICE, "recalibrate", "execute", "--follow"],
                          stdout=theirs, stdin=subprocess.DEVNULL) as child:
        os.close(theirs)
        seen = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            seen += part
        assert child.wait(patient()) == 0
    os.close(ours)
    text = seen.decode()
    assert text.count("\r\x1b[K") >= 2 and "[========================] completed 100%" in text
    assert text.endswith("succeeded\r\n")


@pytest.mark.sanitizers
@pytest.mark.parametrize("settings, word", [({"ends": "errored"}, "failed"), ({"failed": 1}, "partial")])
def test_a_run_that_does_not_succeed(site, settings, word):
    site.start(run_ms=100)
    site.api.settings(**settings)
    done = call(site, *DEVICE, "recalibrate", "execute", "--follow")
    assert done.code == 70 and done.out.splitlines()[-1].endswith(f": {word}"), done


@pytest.mark.sanitizers
def test_json_lines(site):
    site.start(run_ms=200)
    done = call(site, *DEVICE, "recalibrate", "execute", '{"requestId": "mine"}', "--follow", "--json")
    assert done.code == 0, done
    lines = done.lines
    assert {line["reply"] for line in lines} == {"accepted", "status", "log"}
    assert {line["payload"]["requestId"] for line in lines} == {"mine"}
    assert lines[-1]["payload"]["outcome"] == "succeeded"
    assert lines[0]["topic"].startswith("devices/d1/jobs/recalibrate/")


def test_the_answer_of_the_api(site):
    site.start()
    done = call(site, *DEVICE, "recalibrate", "get")
    accepted, body = done.out.splitlines()
    assert (done.code, accepted) == (0, "accepted")
    assert json.loads(body)["resourceJobId"] == JOB_IDS[0]


@pytest.mark.parametrize("arguments, code, words", [
    (["recalibrate", "execute", '{"bogus": 1}'], 65, "InvalidCommand"),
    (["recalibrate", "patch", '{"name": "x"}'], 77, "ActionNotAllowed"),
    (["recalibrate", "explode"], 77, "ActionNotAllowed"),
    (["recalibrate", "cancelExecution", '{"executionId": "0123456789abcdef01234567"}'], 66, "NotFound"),
])
def test_a_rejection(site, arguments, code, words):
    site.start()
    done = call(site, *DEVICE, *arguments)
    assert done.code == code and done.out.startswith("rejected: ") and words in done.out, done


def test_standard_input(site):
    site.start()
    done = call(site, *DEVICE, "recalibrate", "execute", "-", stdin='{"requestId": "from-stdin"}')
    assert done.code == 0
    assert site.client.wait_message("devices/d1/jobs/recalibrate/cmd/execute").request_id == "from-stdin"


@pytest.mark.parametrize("arguments, code, words", [
    (["recalibrate", "execute"], 64, "needs --capture NAME=VALUE for device"),
    ([*DEVICE, "recalibrat", "execute"], 66, "did you mean recalibrate?"),
    ([*DEVICE, "recalibrate", "execute", "[1]"], 65, "one JSON object"),
    ([*DEVICE, "recalibrate", "execute", '{"requestId": ""}'], 65, "requestId"),
    (["--capture", "device=d1/d2", "recalibrate", "get"], 64, "does not match"),
    (["--capture", "pump=p1", *DEVICE, "recalibrate", "get"], 64, "has no capture pump"),
    ([*DEVICE, "recalibrate", "get", "--follow"], 64, "--follow is for execute"),
    ([*DEVICE, "recalibrate", "get", "--timeout", "soon"], 64, "--timeout"),
    (["recalibrate"], 64, "an argument is missing"),
])
def test_what_cannot_be_sent(site, arguments, code, words):
    done = call(site, *arguments)
    assert done.code == code and words in done.err and done.out == "", done


def test_the_route_that_fits_is_found(site):
    site.config["routes"] = [
        {"name": "any", "filter": "any/{x}", "job": "recalibrate", "action": "execute", "context": "{\"x\": {payload}}",
         "replies": "told/any"},
        {"name": "tune", "filter": "tune/{action}", "job": "tune", "replies": "told/tune/{action}",
         "status": "told/runs/{executionId}/status"},
        {"name": "fixed", "filter": "do/{job}", "action": "execute", "replies": "told/{job}"},
    ]
    site.start(run_ms=100)
    assert call(site, "recalibrate", "execute", "--follow").code == 0
    assert site.client.on("do/recalibrate")
    assert call(site, "tune", "execute", "--follow").code == 0
    assert site.client.on("tune/execute")
    none = call(site, "recalibrate", "get")
    assert none.code == 64 and "route any" in none.err and "route tune" in none.err and "route fixed" in none.err


@pytest.mark.sanitizers
def test_no_answer_in_time(site):
    site.start()
    site.bridge.terminate()
    done = call(site, *DEVICE, "recalibrate", "execute", "--timeout", "1")
    assert done.code == 75 and "no answer in time" in done.err and "offline" in done.err, done
    site.start_bridge()  # the command was not lost: the bridge's session has it
    assert len(site.api.wait_executions(1)) == 1


def test_no_broker(site):
    site.start_around()
    site.broker.kill()
    done = call(site, *DEVICE, "recalibrate", "get")
    assert done.code == 69 and "no connection to the broker" in done.err, done


def test_the_bridge_keeps_its_session(site):
    site.start()
    assert call(site, *DEVICE, "recalibrate", "get").code == 0
    assert "not connected" not in site.bridge.log
    assert [message.json["state"] for message in site.client.on(site.bridge_topic)] == ["online"]


def test_a_broker_of_the_older_protocol(site):
    site.config["broker"]["protocol"] = "3.1.1"
    site.start(run_ms=50)
    assert call(site, *DEVICE, "recalibrate", "execute", "--follow").code == 0


def test_a_job_that_is_not_followed(site):
    site.config["jobs"] = [{"name": "recalibrate", "application_id": APPLICATION_ID, "resource_job_id": JOB_IDS[0],
                            "follow": False}]
    site.start()
    assert call(site, *DEVICE, "recalibrate", "execute").code == 0
    refused = call(site, *DEVICE, "recalibrate", "execute", "--follow")
    assert refused.code == 64 and "does not follow" in refused.err
    assert eventually(lambda: len(site.api.executions()) == 1, "one execution")
