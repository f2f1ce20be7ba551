# SPDX-License-Identifier: Apache-2.0
"""Every kind of bad command is rejected with the name of what is wrong, costs no call, and harms no later one. One
bridge meets them all, one after the other."""

import itertools
import json

import pytest

from harness import Site

LONG_CONTEXT = json.dumps({"x": "y" * 32767})
LONG_QUERY = json.dumps({"x": "y" * 8192})

# action, payload, what the message must name
BAD = {
    "not JSON": ("execute", "{", ""),
    "not an object": ("execute", "[1]", ""),
    "trailing bytes": ("execute", '{"ttl":5} x', ""),
    "two objects": ("execute", "{}{}", ""),
    "a NUL at the end": ("execute", b"{}\x00", ""),
    "invalid UTF-8": ("execute", b'{"requestId":"\xff\xfe"}', ""),
    "invalid UTF-8 deep inside": ("execute", b'{"templateContext":{"a":["\xc3\x28"]}}', ""),
    "nested without end": ("execute", '{"templateContext":' + '{"a":' * 5000 + "1" + "}" * 5001, ""),
    "unknown field": ("execute", '{"contextTemplate":{}}', "contextTemplate"),
    "field of another action": ("execute", '{"limit":5}', "limit"),
    "context is a number": ("execute", '{"templateContext":5}', "templateContext"),
    "context is an array": ("execute", '{"templateContext":[1]}', "templateContext"),
    "context is null": ("execute", '{"templateContext":null}', "templateContext"),
    "context is a string of no JSON": ("execute", '{"templateContext":"hot"}', "templateContext"),
    "context is a string of an array": ("execute", '{"templateContext":"[1]"}', "templateContext"),
    "context is too long": ("execute", f'{{"templateContext":{LONG_CONTEXT}}}', "templateContext"),
    "query is a number": ("execute", '{"queryJson":5}', "queryJson"),
    "query is too long": ("execute", f'{{"queryJson":{LONG_QUERY}}}', "queryJson"),
    "data table id is a number": ("execute", '{"dataTableId":5}', "dataTableId"),
    "data table id is neither id nor template": ("execute", '{"dataTableId":"no-table"}', "dataTableId"),
    "data table id is too long": ("execute", json.dumps({"dataTableId": "{{x}}" * 52}), "dataTableId"),
    "request id is a number": ("execute", '{"requestId":5}', "requestId"),
    "request id is empty": ("execute", '{"requestId":""}', "requestId"),
    "request id is too long": ("execute", json.dumps({"requestId": "x" * 129}), "requestId"),
    "request id has a control character": ("execute", '{"requestId":"a\\u0007b"}', "requestId"),
    "ttl is a string": ("execute", '{"ttl":"5"}', "ttl"),
    "ttl is negative": ("execute", '{"ttl":-1}', "ttl"),
    "ttl is a fraction": ("execute", '{"ttl":1.5}', "ttl"),
    "cancel of nothing": ("cancelExecution", "{}", "executionId"),
    "cancel of two things": ("cancelExecution", json.dumps({"executionId": "a" * 24, "of": "x"}), "of"),
    "execution id is no id": ("cancelExecution", '{"executionId":"../../devices"}', "executionId"),
    "execution id is too short": ("cancelExecution", json.dumps({"executionId": "a" * 23}), "executionId"),
    "of is a number": ("cancelExecution", '{"of":5}', "of"),
    "get takes no field": ("get", '{"limit":1}', "limit"),
    "limit is zero": ("logs", '{"limit":0}', "limit"),
    "limit is a string": ("logs", '{"limit":"10"}', "limit"),
    "limit is a fraction": ("logs", '{"limit":1.5}', "limit"),
    "since is a string": ("logs", '{"since":"yesterday"}', "since"),
    "since is negative": ("logs", '{"since":-1}', "since"),
    "patch of an unknown field": ("patch", '{"resourceType":"device"}', "resourceType"),
    "patch with an empty name": ("patch", '{"name":""}', "name"),
    "patch with a long name": ("patch", json.dumps({"name": "n" * 256}), "name"),
    "patch of the concurrency": ("patch", '{"maxIterationConcurrency":5}', "maxIterationConcurrency"),
    "patch of the delay": ("patch", '{"iterationDelay":60001}', "iterationDelay"),
    "patch of the timeout, low": ("patch", '{"iterationTimeout":59999}', "iterationTimeout"),
    "patch of the timeout, high": ("patch", '{"iterationTimeout":900001}', "iterationTimeout"),
    "patch of the retries": ("patch", '{"maxIterationRetries":6}', "maxIterationRetries"),
    "patch of the retry delay": ("patch", '{"retryDelay":30001}', "retryDelay"),
    "patch of a flag": ("patch", '{"retryOnTimeout":"yes"}', "retryOnTimeout"),
    "patch of the default context": ("patch", json.dumps({"defaultContext": "x" * 32768}), "defaultContext"),
    "patch of the query": ("patch", json.dumps({"queryJson": "x" * 8193}), "queryJson"),
    "delete with a wrong flag": ("delete", '{"includeWorkflows":"maybe"}', "includeWorkflows"),
    "status takes no field": ("status", '{"limit":1}', "limit"),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    place = Site(tmp_path_factory.mktemp("rejections"))
    place.start()
    yield place
    place.stop()


_devices = itertools.count(1)


def rejection(site, action, payload, job="tune", **more):
    """Sends on a device of its own; returns the rejection after a good command on the same topics has worked."""
    device = f"bad-{next(_devices)}"
    base = f"devices/{device}/jobs/{job}"
    executed = len(site.api.executions())
    changed = len(site.api.requests("patch")) + len(site.api.requests("delete"))
    site.client.publish(f"{base}/cmd/{action}", payload, **more)
    rejected = site.client.wait_message(base + "/rejected").json

    followed = site.send("get", device=device)
    followed.accepted()
    assert len(site.api.executions()) == executed
    assert len(site.api.requests("patch")) + len(site.api.requests("delete")) == changed
    answers = [message.request_id for message in site.client.on(base + "/accepted")]
    assert set(answers) <= {followed.request_id}
    assert (rejected["action"], rejected["job"]) == (action, job)
    assert "requestId" in rejected and rejected["at"]
    return rejected


@pytest.mark.sanitizers
@pytest.mark.parametrize("case", BAD)
def test_a_bad_payload_is_rejected_by_name(site, case):
    action, payload, field = BAD[case]
    error = rejection(site, action, payload)["error"]
    assert error["type"] == "InvalidCommand"
    assert field in error["message"] and error["message"]


def test_the_request_id_of_a_bad_command_is_in_its_rejection(site):
    assert rejection(site, "execute", '{"requestId":"mine","ttl":"x"}')["requestId"] == "mine"
    assert rejection(site, "execute", '{"ttl":"x","requestId":"mine too"}')["requestId"] == "mine too"


def test_an_unknown_job(site):
    assert rejection(site, "execute", "{}", job="nobody")["error"]["type"] == "UnknownJob"


@pytest.mark.parametrize("action", ["patch", "delete", "explode", "Execute"])
def test_an_action_that_is_not_allowed(site, action):
    assert rejection(site, action, "{}", job="recalibrate")["error"]["type"] == "ActionNotAllowed"


def test_a_payload_that_is_too_large(site):
    payload = json.dumps({"templateContext": {"x": "y" * (300 * 1024)}})
    assert rejection(site, "execute", payload)["error"]["type"] == "PayloadTooLarge"


@pytest.mark.sanitizers
def test_a_retained_command_that_waits_for_the_bridge(tmp_path):
    place = Site(tmp_path)
    try:
        place.start_around()
        place.client.publish("devices/d1/jobs/recalibrate/cmd/execute", '{"requestId":"old"}', retain=True)
        place.start_bridge()
        rejected = place.client.wait_message("devices/d1/jobs/recalibrate/rejected").json
        assert (rejected["requestId"], rejected["error"]["type"]) == ("old", "Retained")
        place.send("get").accepted()
        assert place.api.executions() == []
    finally:
        place.stop()
