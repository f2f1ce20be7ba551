# SPDX-License-Identifier: Apache-2.0
"""The pages for machines: health, readiness, the state, and who may ask for them."""

import base64
import os
import socket
import stat

import pytest

from harness import eventually, free_port

POLICY = "default-src 'none'"


@pytest.mark.sanitizers
def test_health_and_readiness(site):
    web = site.serve_web()
    site.start()
    assert (web.get("/healthz").status, web.get("/healthz").text) == (200, "ok\n")
    assert (web.get("/readyz").status, web.get("/readyz").text) == (200, "ready\n")


@pytest.mark.sanitizers
def test_not_ready_without_the_broker(site):
    web = site.serve_web()
    site.start()
    site.broker.kill()
    answer = eventually(lambda: (a := web.get("/readyz")).status == 503 and a, "not ready")
    assert answer.text.startswith("the broker is not connected")
    assert web.get("/healthz").status == 200
    assert web.status()["state"] == "offline"
    site.broker.start()
    eventually(lambda: web.get("/readyz").status == 200, "ready again")


def test_not_ready_before_the_broker_was_ever_there(site):
    web = site.serve_web()
    site.api.start()
    site.launch_bridge()
    answer = eventually(lambda: site.bridge.alive and "jobbridge started" in site.bridge.log and web.get("/readyz"),
                        "an answer")
    assert answer.status == 503 and answer.text.startswith("the broker is not connected")


def test_not_ready_while_the_api_is_held(site):
    web = site.serve_web()
    site.start()
    site.api.fault("get", "status", status=429, retryAfter="60", times=1)
    site.send("get")
    answer = eventually(lambda: (a := web.get("/readyz")).status == 503 and a, "not ready")
    assert answer.text.startswith("calls of the API are held: ")
    eventually(lambda: [(command["action"], command["reason"]) for command in web.status()["waiting"]]
               == [("get", "calls of the API are held")], "a command that waits, and why")
    samples = web.metrics()
    assert samples["jobbridge_api_holds_total", None] == 1
    assert 0 < samples["jobbridge_api_held_seconds", None] <= 60


def test_not_ready_while_the_journal_cannot_be_written(site):
    """A disk whose syncs begin to fail."""
    web = site.serve_web()
    site.start_around()
    site.start_bridge(wrapper=["strace", "-f", "-qq", "--seccomp-bpf", "-o", site.folder + "/strace.log", "-e",
                               "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=30+"])

    def not_ready():
        site.send("execute", wait=False)  # how many share a sync is not known
        answer = web.get("/readyz")
        return answer.status == 503 and answer
    answer = eventually(not_ready, "not ready")
    assert "the journal cannot be written: " in answer.text
    samples = web.metrics()
    assert samples["jobbridge_journal_writable", None] == 0
    assert samples["jobbridge_journal_commit_failures_total", None] > 0
    assert web.status()["journal"]["writable"] is False
    site.bridge.kill()


def test_state_as_json(site):
    web = site.serve_web()
    site.put_gate()
    site.start()
    done = site.send("execute", {"templateContext": {"n": 1}})
    done.final()
    site.gate.close()
    held = site.send("execute", {"templateContext": {"n": 2}})
    held.wait_state("pending")
    state = web.status()
    assert web.get("/status.json").headers["Content-Type"] == "application/json"
    assert state["commands"] == {"received": 2, "accepted": 1, "rejected": 0, "pending": 1}
    assert state["runsEnded"]["succeeded"] == 1
    assert [job["name"] for job in state["jobs"]] == ["recalibrate", "tune"]
    assert [command["requestId"] for command in state["waiting"]] == [held.request_id]
    run = next(run["run"] for run in state["runs"] if run["run"]["requestId"] == done.request_id)
    assert run["state"] == "completed" and run["outcome"] == "succeeded" and run["summary"]["succeeded"] == 4
    site.gate.open()
    held.final(timeout=30)
    assert web.status()["waiting"] == []


def test_dead_letters(site):
    site.config["routes"][0]["replies"] = "r/{device}" + "/x" * 60
    site.config["routes"][0]["filter"] = "devices/{device}/jobs/{job}/cmd/{action}"
    web = site.serve_web()
    site.start()
    topic = "devices/" + "d" * 65300 + "/jobs/recalibrate/cmd/execute"
    site.client.publish(topic, b"<b>\xff", wait=False)
    letters = eventually(lambda: web.status()["deadletters"], "a dead letter")
    assert letters[0]["topic"] == topic[:512] and letters[0]["payload"].startswith("<b>")
    assert letters[0]["id"] == "D1"  # by which `jobbridge queue` knows it
    assert web.metrics()["jobbridge_messages_received_total", 'result="deadletter"'] == 1


@pytest.mark.parametrize("path", ["/", "/app.js", "/app.css", "/healthz", "/readyz", "/metrics", "/status.json",
                                  "/events", "/nowhere"])
def test_headers_and_methods(site, path):
    web = site.serve_web()
    site.start()
    head = web.get(path, "HEAD")
    assert head.status == (404 if path == "/nowhere" else 200) and head.body == b""
    assert head.headers["Content-Security-Policy"].startswith(POLICY)
    assert "unsafe" not in head.headers["Content-Security-Policy"]
    assert head.headers["X-Content-Type-Options"] == "nosniff"
    assert head.headers["Referrer-Policy"] == "no-referrer"
    for method, body in (("POST", "x" * 100000), ("PUT", "{}"), ("DELETE", None), ("OPTIONS", None), ("PATCH", "")):
        answer = web.get(path, method, body)
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD"), method


@pytest.mark.sanitizers
def test_strange_hosts_get_nothing(site):
    web = site.serve_web()
    site.start()
    port = web.listen.rpartition(":")[2]
    for host in ("evil.example", f"evil.example:{port}", "127.example.com", "localhost.evil.example", "127.0.0.1.nip.io",
                 "[::2]", "10.0.0.1", ""):
        assert web.get("/status.json", Host=host).status in (400, 403), host
    for host in ("localhost", f"localhost:{port}", "LOCALHOST:1", f"127.0.0.1:{port}", "127.1.2.3", "[::1]:80", "[::1]"):
        assert web.get("/status.json", Host=host).status == 200, host


def token_of(site, text):
    path = os.path.join(site.folder, "web-token")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text + "\n")
    return path


def test_other_machines_need_a_token(site):
    web = site.serve_web(f"0.0.0.0:{free_port()}", token_file=token_of(site, "s3cret:of the web"))
    site.start()
    for path in ("/healthz", "/metrics", "/events", "/", "/nowhere"):
        answer = web.get(path)
        assert answer.status == 401 and answer.headers["WWW-Authenticate"].startswith("Basic "), path
    def basic(text):
        return "Basic " + base64.b64encode(text.encode()).decode()
    for value in ("Bearer s3cret", "Bearer s3cret:of the web ", "Bearer", "Bearer ", "Basic ", "Basic !", "Digest x",
                  basic("s3cret:of the web"), basic("x:wrong"), basic(""), basic("s3cret")):
        assert web.get("/healthz", Authorization=value).status == 401, value
    for value in ("Bearer s3cret:of the web", "bearer s3cret:of the web", basic("anybody:s3cret:of the web"),
                  basic(":s3cret:of the web")):
        answer = web.get("/status.json", Authorization=value, Host="gateway.example")
        assert answer.status == 200 and "s3cret" not in answer.text, value
    assert "s3cret" not in site.bridge.log


def test_without_a_token_the_network_is_refused(site):
    site.serve_web(f"0.0.0.0:{free_port()}")
    site.start_around()
    site.launch_bridge()
    assert site.bridge.process.wait() == 78
    assert "http.token_file" in site.bridge.log


def test_unix_socket(site):
    path = os.path.join(site.folder, "web.sock")
    web = site.serve_web(f"unix:{path}")
    site.start()
    assert web.get("/readyz", Host="whatever").text == "ready\n"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o660
    # What a killed bridge leaves behind is no obstacle, and an orderly end leaves nothing.
    site.bridge.kill()
    assert os.path.exists(path)
    site.start_bridge()
    assert web.get("/readyz").status == 200
    assert site.bridge.terminate() == 0
    assert not os.path.exists(path)


def test_a_taken_port_does_not_keep_the_bridge_from_its_work(site):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        site.serve_web(f"127.0.0.1:{taken.getsockname()[1]}")
        site.start()
        state = site.wait_bridge_state("degraded")
        assert "nothing is served on http.listen" in state["reason"] and "in use" in state["reason"]
        site.send("execute").final()


def test_reload_moves_the_pages(site):
    web = site.serve_web()
    site.start()
    assert web.get("/healthz").status == 200
    moved = site.serve_web()
    site.bridge.write_configuration(site.config)
    site.bridge.signal(1)
    site.bridge.wait_log("configuration reloaded")
    assert moved.get("/readyz").status == 200
    with pytest.raises(OSError):
        web.get("/healthz")
    assert moved.metrics()["jobbridge_config_reloads_total", 'result="taken"'] == 1
    with open(site.bridge.path, "w", encoding="utf-8") as file:
        file.write("nonsense")
    site.bridge.signal(1)
    eventually(lambda: moved.metrics()["jobbridge_config_reloads_total", 'result="wrong"'] == 1, "a wrong reload")
    assert moved.status()["reason"].startswith("the new configuration is wrong; the old one is in use: syntax error")


def test_many_connections_leave_the_bridge_at_work(site):
    """More than it takes, and all of them silent."""
    web = site.serve_web()
    site.start()
    port = int(web.listen.rpartition(":")[2])
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(60)]
    site.send("execute").final()
    for connection in silent:
        connection.close()
    assert eventually(lambda: web.get("/healthz").status == 200, "an answer")


def test_nothing_secret_is_shown(site):
    web = site.serve_web()
    site.start()
    site.send("execute").final()
    site.write_token("another-secret-token")
    for path in ("/metrics", "/status.json", "/readyz", "/"):
        text = web.get(path).text
        assert site.api.token not in text and "another-secret" not in text, path


def test_json_of_everything_is_valid(site):
    """An id of strange characters."""
    web = site.serve_web()
    site.start()
    site.api.fault("execute", "status", status=422)
    site.send("execute", request_id='quote"<b>\\ü').rejected()
    run = web.status()["runs"][0]["run"]
    assert run["requestId"] == 'quote"<b>\\ü' and run["state"] == "rejected" and run["error"]["type"]
