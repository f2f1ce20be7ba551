# SPDX-License-Identifier: Apache-2.0
"""The stream of events: a run from queued to its end, going on after an absence, and readers that do not read."""

import json
import socket

import pytest

from harness import eventually

READERS_MAX = 8


def of(command):
    return lambda data: data.get("run", data.get("log", {}))["requestId"] == command.request_id


@pytest.mark.sanitizers
def test_a_run_from_queued_to_its_end(site):
    web = site.serve_web()
    site.start()
    events = web.events()
    assert events.headers["Content-Type"].startswith("text/event-stream")
    first = events.wait("snapshot")["data"]
    assert first["state"] == "online" and first["runs"] == []
    command = site.send("execute", {"templateContext": {"n": 1}})
    command.final()
    last = events.wait("run", lambda data: of(command)(data) and data["run"].get("outcome"))["data"]
    runs = [event["data"]["run"] for event in events.named("run")]
    assert runs == command.states()  # the same as on the topic, each once
    assert runs[0]["state"] == "queued" and runs[-1]["outcome"] == "succeeded" and last["id"] == 1
    assert [event["data"]["log"]["entry"] for event in events.named("log")] == command.entries()
    events.wait("status", lambda data: data["runsEnded"]["succeeded"] == 1 and data["runsOpen"] == 0)
    assert "runs" not in events.named("status")[0]["data"]
    events.close()
    eventually(lambda: web.metrics()["jobbridge_event_readers", None] == 0, "nobody reading")


def test_waiting_commands_are_told(site):
    web = site.serve_web()
    site.put_gate()
    site.start()
    site.gate.close()
    events = web.events()
    command = site.send("execute", {"templateContext": {}})
    events.wait("status", lambda data: [c["requestId"] for c in data["waiting"]] == [command.request_id])
    events.wait("run", lambda data: of(command)(data) and data["run"]["state"] == "pending")
    site.gate.open()
    events.wait("status", lambda data: data["waiting"] == [] and data["runsOpen"] + data["runsEnded"]["succeeded"] > 0,
                timeout=30)


def test_who_comes_back_gets_what_was_missed(site):
    web = site.serve_web()
    site.start()
    events = web.events()
    one = site.send("execute", {"templateContext": {}})
    one.final()
    events.wait("run", lambda data: of(one)(data) and data["run"].get("outcome"))
    seen = events.events[-1]["id"]
    events.close()
    two = site.send("execute", {"templateContext": {}})
    two.final()
    again = web.events(Last_Event_ID=seen)
    again.wait("run", lambda data: of(two)(data) and data["run"].get("outcome"))
    assert [event["data"]["run"] for event in again.named("run")] == two.states()
    assert again.named("snapshot") == []
    ids = [event["id"] for event in events.events + again.events]
    assert ids == sorted(ids) and len(set(ids)) == len(ids)


@pytest.mark.parametrize("last", ["", "1", "x-y", "0-0", "ffffffffffffffff-ffffffffffffffff", "{boot}-0000000000000003",
                                  "{boot}-00000000ffffffff", "-", "9" * 500])
def test_an_id_that_is_not_ours_gives_a_snapshot(site, last):
    web = site.serve_web()
    site.start()
    events = web.events()
    events.wait("snapshot")
    site.send("execute", {"templateContext": {}}).final()
    again = web.events(Last_Event_ID=last.replace("{boot}", events.events[0]["id"].partition("-")[0]))
    assert again.wait("snapshot")["data"]["runs"]


def test_a_restart_gives_a_snapshot(site):
    web = site.serve_web()
    site.start()
    events = web.events()
    seen = events.wait("snapshot")["id"]
    site.bridge.terminate()
    events.wait_end()
    site.start_bridge()
    again = web.events(Last_Event_ID=seen)
    again.wait("snapshot")


def test_there_are_only_so_many_readers(site):
    web = site.serve_web()
    site.start()
    readers = [web.events() for _ in range(READERS_MAX)]
    for reader in readers:
        reader.wait("snapshot")
    assert web.get("/events").status == 503
    assert web.metrics()["jobbridge_event_readers", None] == READERS_MAX
    readers[3].close()
    eventually(lambda: web.metrics()["jobbridge_event_readers", None] == READERS_MAX - 1, "one place free")
    web.events().wait("snapshot")


@pytest.mark.sanitizers
def test_a_reader_that_does_not_read_is_dropped(site):
    """One whose buffers are full, beside one that reads all the time and misses nothing."""
    web = site.serve_web()
    site.start(run_ms=50)
    port = int(web.listen.rpartition(":")[2])
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(("127.0.0.1", port))
    slow.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert slow.recv(100).startswith(b"HTTP/1.1 200")
    quick = web.events()
    quick.wait("snapshot")
    commands = []

    def dropped():
        command = site.send("execute", {"templateContext": {"x": "y" * 20000}})
        command.final()
        commands.append(command)
        return web.metrics()["jobbridge_event_readers_dropped_total", None] == 1
    eventually(dropped, "the slow reader's end", timeout=60)
    quick.wait("run", lambda data: of(commands[-1])(data) and data["run"].get("outcome"))
    for command in commands:
        assert [event["data"]["run"] for event in quick.named("run") if of(command)(event["data"])] == command.states()
    assert web.metrics()["jobbridge_event_readers", None] == 1
    slow.close()


def test_an_entry_too_long_to_show_comes_as_its_length(site):
    web = site.serve_web()
    site.start(run_ms=50)
    events = web.events()
    events.wait("snapshot")
    command = site.send("execute", {"templateContext": {"x": "\"" * 15000}})  # quotes double in the API's text
    command.final()
    event = events.wait("log")["data"]
    assert event == {"id": 1, "bytes": len(command.messages("log")[0].payload)}


def test_line_breaks_in_an_entry_do_not_break_the_stream(site):
    """A foreign run whose entry is spread over lines cannot end its event early."""
    web = site.serve_web()
    site.start()
    events = web.events()
    command = site.send("execute", {"templateContext": {"a": "line\nbreak\r\nevent: fake\n\ndata: {}"}})
    command.final()
    entry = events.wait("log", of(command))["data"]["log"]["entry"]
    assert json.loads(entry["templateContext"])["a"] == "line\nbreak\r\nevent: fake\n\ndata: {}"
    assert events.named("fake") == []
