# SPDX-License-Identifier: Apache-2.0
"""Starts the emulator and talks to its two addresses: what its tests have in common.

Nothing but the standard library and pytest: the emulator is judged by another HTTP than the bridge's. Each test has a job of
its own, so that none sees another's runs.
"""
import http.client
import itertools
import json
import os
import pathlib
import signal
import socket
import subprocess
import time
from datetime import datetime, timezone

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
EMULATOR = os.environ.get("EMULATOR", str(ROOT / "build/dev/losant-emulator"))
BOUND_S = 10
APP = "575ec8687ae143cd83dc4a97"
SEEDED = "6328c6c026517badf9142116"
UNKNOWN = "f" * 24
TOKEN = "secret"
CALLS = [("POST", "/execute", {}), ("POST", f"/cancelExecution?executionId={UNKNOWN}", None), ("GET", "", None),
         ("GET", "/logs", None), ("PATCH", "", {}), ("DELETE", "", None)]
job_numbers = itertools.count(1)


class Answer:
    def __init__(self, status, headers, text):
        self.status, self.headers, self.text = status, headers, text

    @property
    def json(self):
        return json.loads(self.text)

    @property
    def type(self):
        return self.json["type"]

    @property
    def message(self):
        return self.json["message"]


class Client:
    """One kept connection."""

    def __init__(self, url, context=None):
        self.secure = url.startswith("https")
        self.host, port = url.split("//")[1].rsplit(":", 1)
        self.port, self.context = int(port), context
        self.connection = self.connect()

    def connect(self, timeout=BOUND_S):
        if self.secure:
            return http.client.HTTPSConnection(self.host, self.port, timeout=timeout, context=self.context)
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def call(self, method, path, body=None, headers=None):
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body, ensure_ascii=False)
        if isinstance(body, str):
            body = body.encode()
        try:
            self.connection.request(method, path, body, headers or {})
            response = self.connection.getresponse()
            return Answer(response.status, response.headers, response.read().decode())
        except BaseException:
            self.connection.close()
            self.connection = self.connect()
            raise


class Emulator:
    def __init__(self, *options, env_context=None):
        self.process = subprocess.Popen(
            [EMULATOR, "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", *options], stdout=subprocess.PIPE, text=True)
        self.line = self.process.stdout.readline()
        urls = json.loads(self.line)
        self.url = urls["api"]
        self.client = Client(urls["api"], env_context)
        self.controls = Client(urls["control"])

    def control(self, method, path, body=None, ok=True):
        headers = {} if body is None else {"Content-Type": "application/json"}
        answer = self.controls.call(method, path, body, headers)
        if ok:
            assert answer.status == 200, answer.text
            return answer.json
        return answer

    def settings(self, **settings):
        return self.control("PUT", "/settings", settings)

    def fault(self, **fault):
        return self.control("POST", "/faults", fault)["id"]

    def audit(self):
        return self.control("GET", "/audit")

    def count(self):
        return self.control("GET", "/audit/count")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(BOUND_S)
        self.process.stdout.close()
        return code


class Job:
    """One job and the calls on it."""

    def __init__(self, emulator, ident, client=None):
        self.emulator, self.id, self.client = emulator, ident, client or emulator.client
        self.path = f"/applications/{APP}/resource-jobs/{ident}"

    def call(self, method, tail="", body=None, token=TOKEN, content_type="application/json", client=None):
        headers = {}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if body is not None and content_type is not None:
            headers["Content-Type"] = content_type
        return (client or self.client).call(method, self.path + tail, body, headers)

    def execute(self, body=None, **more):
        return self.call("POST", "/execute", {} if body is None else body, **more)

    def run(self, body=None):
        answer = self.execute(body)
        assert answer.status == 200, answer.text
        return answer.json["executionId"]

    def logs(self, query="?limit=1000"):
        answer = self.call("GET", "/logs" + query)
        assert answer.status == 200, answer.text
        return answer.json

    def entry(self, execution):
        return next((e for e in self.logs() if e["resourceJobExecutionId"] == execution), None)

    def cancel(self, execution):
        return self.call("POST", f"/cancelExecution?executionId={execution}")

    def executions(self):
        return [e for e in self.emulator.audit()["executions"] if e["resourceJobId"] == self.id]


def wait_for(look, what):
    """Looks again and again until it sees something, at most BOUND_S."""
    end = time.monotonic() + BOUND_S
    while time.monotonic() < end:
        seen = look()
        if seen:
            return seen
    raise AssertionError(f"not within {BOUND_S} s: {what}")


def ms_of(text):
    return round(datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc).timestamp() * 1000)


@pytest.fixture(scope="module")
def running():
    emulator = Emulator("--token", TOKEN, "--job", f"{APP}/{SEEDED}", "--seed", "7")
    defaults = emulator.control("GET", "/settings")
    yield emulator, defaults
    assert emulator.stop() == 0


@pytest.fixture
def emulator(running):
    emulator, defaults = running
    emulator.settings(**defaults)
    emulator.control("DELETE", "/faults")
    emulator.control("DELETE", "/audit")
    return emulator


def new_job(emulator, **fields):
    ident = f"{next(job_numbers):024x}"
    emulator.control("POST", "/jobs", {"applicationId": APP, "resourceJobId": ident, **fields})
    return Job(emulator, ident)


@pytest.fixture
def job(emulator):
    return new_job(emulator)


class Collection(Job):
    def __init__(self, emulator, application):
        super().__init__(emulator, "")
        self.path = f"/applications/{application}/resource-jobs"


@pytest.fixture
def collection(emulator):
    application = f"a{next(job_numbers):023x}"
    for number, (name, kind) in enumerate([("beta", "device"), ("alpha", "experienceUser"), ("Gamma", "device")]):
        emulator.control("POST", "/jobs", {"applicationId": application, "resourceJobId": f"{number}{application[1:]}",
                                           "name": name, "resourceType": kind})
    return Collection(emulator, application)


def names(answer):
    assert answer.status == 200, answer.text
    return [item["name"] for item in answer.json["items"]]


def fault(job, do, on="execute", **more):
    return job.emulator.fault(on=on, do=do, job=job.id, **more)


def raw_execute(job, bound=BOUND_S):
    """Sends an execute on a connection of its own and gives all bytes until the end of the stream."""
    request = (f"POST {job.path}/execute HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
               "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
    with socket.create_connection((job.client.host, job.client.port), timeout=bound) as connection:
        connection.sendall(request.encode())
        got = b""
        while True:
            piece = connection.recv(65536)
            if not piece:
                return got
            got += piece
