# SPDX-License-Identifier: Apache-2.0
"""The emulator: every fault as a client meets it."""
import http.client
import json
import socket
import threading
import time

import pytest

from emulator_client import (  # noqa: F401
    APP, BOUND_S, CALLS, Emulator, Job, SEEDED, TOKEN, UNKNOWN, collection, emulator, fault, job, new_job, raw_execute,
    running, wait_for)


def test_status_answers_without_acting(job):
    fault(job, "status", status=503)
    answer = job.execute({})
    assert answer.status == 503 and set(answer.json) == {"type", "message"} and answer.headers["Retry-After"] is None
    assert job.executions() == []


@pytest.mark.parametrize("retry_after", ["7", "Wed, 21 Oct 2026 07:28:00 GMT", "soon", "-1"])
def test_retry_after_is_sent_verbatim(job, retry_after):
    fault(job, "status", status=429, retryAfter=retry_after)
    assert job.execute({}).headers["Retry-After"] == retry_after


def test_drop_resets_the_connection_before_acting(job):
    fault(job, "drop")
    with pytest.raises(ConnectionResetError):
        raw_execute(job)
    assert job.executions() == []


def test_drop_can_close_in_order(job):
    fault(job, "drop", cut="close")
    assert raw_execute(job) == b""
    assert job.executions() == []


def test_act_then_drop_acts_and_resets(job):
    fault(job, "actThenDrop")
    with pytest.raises(ConnectionResetError):
        raw_execute(job)
    assert len(job.executions()) == 1


def test_act_then_drop_can_close_in_order(job):
    fault(job, "actThenDrop", cut="close")
    assert raw_execute(job) == b""
    assert len(job.executions()) == 1


def test_a_drop_on_a_kept_connection_is_seen_too(job):
    fault(job, "actThenDrop")
    job.call("GET")
    with pytest.raises(ConnectionResetError):
        job.execute({})
    assert len(job.executions()) == 1


def test_delay_acts_late(job):
    fault(job, "delay", ms=200)
    asked = time.time()
    assert job.execute({}).status == 200
    assert job.executions()[0]["at"] >= (asked + 0.19) * 1000


def test_act_then_delay_answers_late(job):
    fault(job, "actThenDelay", ms=200)
    asked = time.time()
    assert job.execute({}).status == 200
    assert time.time() - asked >= 0.19 and job.executions()[0]["at"] < (asked + 0.15) * 1000


def test_a_delay_holds_nobody_else(job):
    fault(job, "delay", ms=86400, on="execute")
    slow = threading.Thread(target=lambda: pytest.raises(OSError, raw_execute, job, 1))
    slow.start()
    wait_for(lambda: job.emulator.control("GET", "/faults")[0]["fired"], "the delayed request")
    assert all(job.call("GET").status == 200 for _ in range(20))
    slow.join()


def test_truncate_acts_and_cuts_the_body_short(job):
    fault(job, "truncate")
    with pytest.raises(http.client.IncompleteRead) as caught:
        job.execute({})
    assert caught.value.expected > 0 and caught.value.partial.startswith(b'{"success":true')
    assert len(job.executions()) == 1


def test_garbage_acts_and_answers_what_is_no_json(job):
    fault(job, "garbage")
    answer = job.execute({})
    assert answer.status == 200
    with pytest.raises(ValueError):
        json.loads(answer.text)
    assert len(job.executions()) == 1


def test_no_id_acts_and_does_not_tell_which(job):
    fault(job, "noId")
    answer = job.execute({})
    assert answer.status == 200 and answer.json == {"success": True}
    assert len(job.executions()) == 1


def test_hang_answers_nothing_and_does_not_act(job):
    fault(job, "hang", times=1)
    with pytest.raises(TimeoutError):
        raw_execute(job, 0.3)
    assert job.executions() == [] and job.execute({}).status == 200


def test_hanging_ends_when_the_client_closes_its_side(job):
    fault(job, "hang")
    request = (f"POST {job.path}/execute HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").encode()
    with socket.create_connection((job.client.host, job.client.port), timeout=BOUND_S) as connection:
        connection.sendall(request)
        wait_for(lambda: job.emulator.control("GET", "/faults")[0]["fired"], "the hanging request")
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b""


@pytest.mark.parametrize("on, call", [
    ("execute", ("POST", "/execute", {})), ("cancelExecution", ("POST", f"/cancelExecution?executionId={UNKNOWN}", None)),
    ("get", ("GET", "", None)), ("logs", ("GET", "/logs", None)), ("patch", ("PATCH", "", {})), ("delete", ("DELETE", "", None)),
])
def test_a_fault_hits_its_operation_only(job, on, call):
    fault(job, "status", on=on, status=500)
    assert job.call(*call).status == 500
    other = ("GET", "", None) if on != "get" else ("GET", "/logs", None)
    assert job.call(*other).status == 200


@pytest.mark.parametrize("on, method", [("list", "GET"), ("create", "POST")])
def test_faults_hit_the_collection_too(collection, on, method):
    collection.emulator.fault(on=on, do="status", status=500)
    body = {"name": "n", "resourceType": "device"} if method == "POST" else None
    assert collection.call(method, "", body).status == 500
    assert collection.emulator.audit()["creates"] == []


def test_a_star_hits_every_operation(job):
    fault(job, "status", on="*", status=500)
    assert {job.call(*call).status for call in CALLS} == {500}


def test_a_fault_of_a_job_spares_the_others(job):
    fault(job, "status", status=500)
    assert new_job(job.emulator).execute({}).status == 200 and job.execute({}).status == 500


def test_a_fault_ends_after_its_times(job):
    fault(job, "status", status=500, times=2)
    assert [job.execute({}).status for _ in range(3)] == [500, 500, 200]


def test_the_first_fault_that_fits_fires(job):
    fault(job, "status", status=500, times=1)
    fault(job, "status", status=501, times=1)
    fault(job, "status", status=502, percent=0)
    assert [job.execute({}).status for _ in range(3)] == [500, 501, 200]
    assert [f["fired"] for f in job.emulator.control("GET", "/faults")] == [1, 1, 0]


def test_percent_hits_about_that_share(job):
    fault(job, "status", status=500, percent=30)
    hits = [job.call("POST", "/execute", {}).status for _ in range(400)].count(500)
    assert 70 < hits < 170 and len(job.executions()) == 400 - hits


def test_one_seed_gives_one_sequence():
    def sequence(seed):
        emulator = Emulator("--token", TOKEN, "--job", f"{APP}/{SEEDED}", "--seed", seed)
        emulator.fault(on="get", do="status", status=500, percent=50)
        seen = [Job(emulator, SEEDED).call("GET").status for _ in range(30)]
        assert emulator.stop() == 0
        return seen
    assert sequence("3") == sequence("3") != sequence("4")


def test_deleted_faults_are_gone(job):
    fault(job, "status", status=500)
    job.emulator.control("DELETE", "/faults")
    assert job.execute({}).status == 200 and job.emulator.control("GET", "/faults") == []


def test_latency_holds_every_answer(job):
    job.emulator.settings(latencyMs=150)
    asked = time.monotonic()
    assert job.call("GET").status == 200
    assert time.monotonic() - asked >= 0.14


@pytest.mark.parametrize("body, named", [
    ({"do": "drop"}, "on"), ({"on": "execute"}, "do"), ({"on": "x", "do": "drop"}, "on"), ({"on": "execute", "do": "x"}, "do"),
    ({"on": "execute", "do": ""}, "do"), ({"on": "execute", "do": "status"}, "status"),
    ({"on": "execute", "do": "status", "status": 199}, "status"), ({"on": "execute", "do": "status", "status": 600}, "status"),
    ({"on": "execute", "do": "drop", "status": 500}, "status"), ({"on": "execute", "do": "delay"}, "ms"),
    ({"on": "execute", "do": "drop", "ms": 5}, "ms"), ({"on": "execute", "do": "delay", "ms": -1}, "ms"),
    ({"on": "execute", "do": "drop", "retryAfter": "1"}, "retryAfter"),
    ({"on": "execute", "do": "status", "status": 503, "retryAfter": "1\r\nX: y"}, "retryAfter"),
    ({"on": "execute", "do": "status", "status": 503, "retryAfter": 1}, "retryAfter"),
    ({"on": "execute", "do": "drop", "percent": 101}, "percent"), ({"on": "execute", "do": "drop", "times": 1.5}, "times"),
    ({"on": "execute", "do": "drop", "job": "x"}, "job"), ({"on": "execute", "do": "drop", "jobs": "x"}, "jobs"),
    ({"on": "get", "do": "noId"}, "noId"), ({"on": "execute", "do": "garbage", "cut": "reset"}, "cut"),
])
def test_a_wrong_fault_is_refused_and_named(emulator, body, named):
    answer = emulator.control("POST", "/faults", body, ok=False)
    assert answer.status == 400 and f'"{named}"' in answer.message
    assert emulator.control("GET", "/faults") == []
