# SPDX-License-Identifier: Apache-2.0
"""The emulator: its control address, its command line, TLS, many clients at once."""
import http.client
import json
import re
import signal
import ssl
import subprocess
import threading

import pytest

from emulator_client import (  # noqa: F401
    APP, BOUND_S, Client, Collection, EMULATOR, Emulator, Job, SEEDED, TOKEN, UNKNOWN, emulator, fault, job, names,
    raw_execute, running, wait_for)


def test_settings_come_back_as_they_were_put(emulator):
    wanted = {"runMs": 1, "iterations": 20, "failed": 3, "timedOut": 4, "ends": "never", "cancelMs": 5, "logDelayMs": 6,
              "sinceMeans": "change", "maxLimit": 7, "limitExcess": "reject", "clockOffsetMs": -8, "reserialise": True,
              "logOrder": "shuffled", "latencyMs": 0}
    assert emulator.settings(**wanted) == wanted == emulator.control("GET", "/settings")


@pytest.mark.parametrize("body, named", [
    ({"nonsense": 1}, "nonsense"), ({"runMs": -1}, "runMs"), ({"runMs": "5"}, "runMs"), ({"runMs": 0.5}, "runMs"),
    ({"ends": "badly"}, "ends"), ({"reserialise": 1}, "reserialise"), ({"maxLimit": 0}, "maxLimit"),
    ({"failed": 6, "timedOut": 5}, "failed"), ({"clockOffsetMs": 1e13}, "clockOffsetMs"), ({"sinceMeans": 1}, "sinceMeans"),
])
def test_wrong_settings_are_refused_named_and_change_nothing(emulator, body, named):
    before = emulator.control("GET", "/settings")
    answer = emulator.control("PUT", "/settings", {"logDelayMs": 99, **body}, ok=False)
    assert answer.status == 400 and f'"{named}"' in answer.message
    assert emulator.control("GET", "/settings") == before


def test_the_count_counts(job):
    job.cancel(job.run())
    job.call("PATCH", "", {})
    job.call("GET")
    seen = job.emulator.count()
    assert {key: seen[key] for key in ("executions", "cancels", "patches", "deletes", "creates", "requests")} == {
        "executions": 1, "cancels": 1, "patches": 1, "deletes": 0, "creates": 0, "requests": 4}


def test_every_request_is_listed(job):
    before = job.emulator.count()["lastSeq"]
    fault(job, "drop", times=1, cut="close")
    raw_execute(job)
    job.execute({"x": 1})
    job.client.call("GET", "/nothing")
    seen = job.emulator.control("GET", f"/audit/requests?since={before}")
    assert [(r["op"], r["status"], r.get("fault"), r.get("job")) for r in seen] == [
        ("execute", 0, "drop", job.id), ("execute", 400, None, job.id), ("none", 404, None, None)]
    assert [r["seq"] for r in seen] == [before + 1, before + 2, before + 3]
    assert seen[0]["connection"] != seen[1]["connection"] == seen[2]["connection"]


def test_a_cleared_audit_is_empty_and_seq_goes_on(job):
    execution = job.run()
    last = job.emulator.count()["lastSeq"]
    job.emulator.control("DELETE", "/audit")
    assert job.executions() == [] and job.emulator.control("GET", "/audit/requests") == []
    assert job.emulator.count() == {"executions": 0, "cancels": 0, "patches": 0, "deletes": 0, "creates": 0, "requests": 0,
                                    "lastSeq": last}
    assert job.entry(execution) is not None


def test_somebody_elses_run_is_in_the_log_but_not_in_the_audit(job):
    body = {"applicationId": APP, "resourceJobId": job.id, "templateContext": '{"n": 12345678901234567890}'}
    execution = job.emulator.control("POST", "/runs", body)["executionId"]
    assert job.entry(execution)["templateContext"] == body["templateContext"]
    assert job.entry(execution)["sourceType"] == "flow"
    assert job.executions() == [] and job.emulator.count()["executions"] == 0


def test_a_run_can_be_forced_into_a_state(job):
    execution = job.run()
    job.emulator.control("PUT", f"/runs/{execution}", {"status": "errored", "summary": {"failed": 4, "remaining": 1}})
    entry = job.entry(execution)
    assert (entry["status"], entry["executionSummary"]["failed"], entry["executionSummary"]["remaining"]) == ("errored", 4, 1)
    assert "runCompletedAt" in entry


def test_a_run_can_be_forced_into_a_state_of_the_future(job):
    execution = job.run()
    job.emulator.control("PUT", f"/runs/{execution}", {"status": "paused"})
    assert job.entry(execution)["status"] == "paused" and "runCompletedAt" not in job.entry(execution)


def test_a_run_can_be_hidden_from_the_log(job):
    execution = job.run()
    job.emulator.control("PUT", f"/runs/{execution}", {"hidden": True})
    assert job.logs() == [] and job.executions()[0]["visible"] is False
    job.emulator.control("PUT", f"/runs/{execution}", {"hidden": False})
    assert job.entry(execution)["status"] == "inProgress"


def test_a_forced_run_can_still_be_canceled(job):
    job.emulator.settings(cancelMs=0)
    execution = job.run()
    job.emulator.control("PUT", f"/runs/{execution}", {"status": "inProgress", "summary": {"succeeded": 77}})
    job.cancel(execution)
    assert job.entry(execution)["status"] == "canceled" and job.entry(execution)["executionSummary"]["succeeded"] == 77


def test_a_job_can_be_removed_by_control(job):
    job.emulator.control("DELETE", f"/jobs/{job.id}")
    assert job.call("GET").status == 404 and job.emulator.count()["deletes"] == 0


@pytest.mark.parametrize("method, path, body, status", [
    ("GET", "/nothing", None, 404), ("POST", "/settings", {}, 405), ("PUT", "/runs/" + UNKNOWN, {}, 404),
    ("PUT", "/runs/x", {}, 404), ("DELETE", "/jobs/" + UNKNOWN, None, 404), ("DELETE", "/tokens/none", None, 404),
    ("GET", "/audit/requests?since=x", None, 400), ("GET", "/audit?since=1", None, 400), ("GET", "/audit/requests?until=1", None, 400),
    ("PUT", "/tokens", {"token": "x"}, 400), ("PUT", "/tokens", {"token": "x", "scopes": [1]}, 400),
    ("PUT", "/tokens", {"token": "", "scopes": []}, 400), ("PUT", "/tokens", {"token": "x", "scopes": [], "y": 1}, 400),
    ("POST", "/jobs", {"resourceJobId": UNKNOWN}, 400), ("POST", "/jobs", {"applicationId": APP, "resourceJobId": UNKNOWN, "x": 1}, 400),
    ("POST", "/runs", {"applicationId": APP, "resourceJobId": UNKNOWN}, 404),
    ("POST", "/runs", {"applicationId": APP, "resourceJobId": SEEDED, "context": "{}"}, 400),
    ("PUT", "/settings", "[]", 400), ("PUT", "/settings", "{", 400), ("PUT", "/settings", '{"runMs":1,"runMs":2}', 400),
    ("DELETE", "/faults", {}, 400),
])
def test_control_refuses(emulator, method, path, body, status):
    answer = emulator.control(method, path, body, ok=False)
    assert answer.status == status and set(answer.json) == {"type", "message"}


def test_control_wants_its_json_called_json(emulator):
    assert emulator.controls.call("PUT", "/settings", "{}", {"Content-Type": "text/plain"}).status == 415


def run_program(*options):
    return subprocess.run([EMULATOR, *options], capture_output=True, text=True, timeout=BOUND_S)


def test_help_teaches():
    done = run_program("--help")
    assert done.returncode == 0 and "--log-delay-ms" in done.stdout and "curl" in done.stdout and done.stderr == ""


def test_version():
    done = run_program("--version")
    assert done.returncode == 0 and re.match(r"losant-emulator \d+\.\d+\.\d+ .*1\.30\.0", done.stdout)


@pytest.mark.parametrize("options, named", [
    (["--nonsense"], "--nonsense"), (["extra"], "extra"), (["--run-ms", "x"], "--run-ms"), (["--seed"], "--seed"),
    (["--tls-cert", "x"], "--tls-key"), (["--listen", "nowhere"], "nowhere"), (["--listen", "127.0.0.1:70000"], "70000"),
    (["--listen", "127.0.0.1:0", "--control", "0.0.0.0:0"], "loopback"), (["--job", "x"], "--job"),
    (["--job", f"{APP}/{SEEDED}=/nowhere"], "/nowhere"), (["--token", "=x"], "--token"), (["--token", "x="], "--token"),
    (["--application", "x"], "--application"), (["--tls-cert", "/nowhere", "--tls-key", "/nowhere"], "/nowhere"),
])
def test_a_wrong_command_line_is_refused_and_named(options, named):
    done = run_program(*options)
    assert done.returncode not in (0, -signal.SIGSEGV, -signal.SIGABRT) and named in done.stderr and done.stdout == ""


def test_a_taken_port_is_named(emulator):
    address = emulator.url.split("//")[1]
    done = run_program("--listen", address)
    assert done.returncode != 0 and address in done.stderr


def test_options_fill_the_world(tmp_path):
    document = {"id": SEEDED, "applicationId": APP, "name": "From a file", "resourceType": "device",
                "defaultContext": '{"n": 12345678901234567890}', "creationDate": "2022-09-19T19:45:04.453Z"}
    (tmp_path / "job.json").write_text(json.dumps(document))
    other = "a" * 24
    emulator = Emulator("--token", "narrow=resourceJob.get,resourceJob.execute", "--token", TOKEN, "--application", other,
                        "--job", f"{APP}/{SEEDED}={tmp_path}/job.json", "--run-ms", "12", "--iterations", "3",
                        "--log-delay-ms", "9")
    try:
        job = Job(emulator, SEEDED)
        assert job.call("GET", token="narrow").json["name"] == "From a file"
        assert job.call("GET", "/logs", token="narrow").status == 403
        job.run()
        assert job.executions()[0]["templateContext"] == document["defaultContext"]
        assert names(Collection(emulator, other).call("GET")) == []
        settings = emulator.control("GET", "/settings")
        assert (settings["runMs"], settings["iterations"], settings["logDelayMs"]) == (12, 3, 9)
    finally:
        assert emulator.stop() == 0


def test_a_job_file_of_another_job_is_refused(tmp_path):
    (tmp_path / "job.json").write_text(json.dumps({"id": UNKNOWN}))
    done = run_program("--job", f"{APP}/{SEEDED}={tmp_path}/job.json")
    assert done.returncode != 0 and '"id"' in done.stderr


def test_it_prints_one_line_and_ends_on_a_signal_with_requests_held():
    emulator = Emulator("--token", TOKEN, "--job", f"{APP}/{SEEDED}")
    job = Job(emulator, SEEDED)
    assert set(json.loads(emulator.line)) == {"api", "control"}
    fault(job, "hang", times=2)
    fault(job, "delay", ms=3600000)
    ended = []
    held = [threading.Thread(target=lambda: ended.append(ends_unanswered(job))) for _ in range(4)]
    for thread in held:
        thread.start()
    wait_for(lambda: sum(f["fired"] for f in emulator.control("GET", "/faults")) == 4, "four held requests")
    assert emulator.stop() == 0
    for thread in held:
        thread.join(BOUND_S)
    assert ended == [True] * 4


def ends_unanswered(job):
    """Whether the connection of an execute ends without an answer, in whatever way."""
    try:
        return raw_execute(job) == b""
    except ConnectionError:
        return True


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem",
                    "-out", folder / "cert.pem"], check=True, capture_output=True)
    emulator = Emulator("--tls-cert", str(folder / "cert.pem"), "--tls-key", str(folder / "key.pem"), "--token", TOKEN,
                        "--job", f"{APP}/{SEEDED}",
                        env_context=ssl.create_default_context(cafile=str(folder / "cert.pem")))
    yield emulator
    assert emulator.stop() == 0


def test_tls_serves(secure):
    job = Job(secure, SEEDED)
    execution = job.run({"templateContext": '{"n": 12345678901234567890}'})
    assert secure.url.startswith("https:") and job.entry(execution)["templateContext"] == '{"n": 12345678901234567890}'


def test_tls_is_verified_by_who_does_not_know_the_certificate(secure):
    with pytest.raises(ssl.SSLCertVerificationError):
        Client(secure.url, ssl.create_default_context()).call("GET", "/")


@pytest.mark.parametrize("do, more, acted", [("drop", {}, 0), ("actThenDrop", {}, 1), ("truncate", {}, 1)])
def test_tls_connections_are_cut_too(secure, do, more, acted):
    secure.control("DELETE", "/audit")
    secure.fault(on="execute", do=do, times=1, **more)
    with pytest.raises((ConnectionError, ssl.SSLError, http.client.HTTPException)):
        Job(secure, SEEDED).execute({})
    assert secure.count()["executions"] == acted


def test_tls_answers_late_too(secure):
    secure.fault(on="get", do="delay", ms=100, times=1)
    assert Job(secure, SEEDED).call("GET").status == 200


def test_clients_at_once_lose_and_double_nothing(job):
    def work(client):
        for _ in range(100):
            got.append(job.execute({}, client=client).json["executionId"])
    got = []
    threads = [threading.Thread(target=work, args=[Client(job.emulator.url)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(got)) == 800 and {e["executionId"] for e in job.executions()} == set(got)
