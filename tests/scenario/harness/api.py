# SPDX-License-Identifier: Apache-2.0
"""The emulated resource-job API as a process, and its control address."""

import http.client
import json
import os
import subprocess
import urllib.parse

from .ports import free_port
from .process import Process, log_text
from .waiting import eventually, patient

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
PROGRAM = os.environ.get("LOSANT_EMULATOR", os.path.join(ROOT, "build", "dev", "losant-emulator"))
APPLICATION_ID = "575ec8687ae143cd83dc4a97"
JOB_IDS = [f"6328c6c026517badf914{index:04x}" for index in range(1, 33)]
TOKEN = "token-of-the-scenarios"


class Api:
    """Not started yet. jobs: ids of the jobs it knows; arguments: further ones of the program."""

    def __init__(self, folder, jobs=JOB_IDS, token=TOKEN, arguments=()):
        self.folder = folder
        self.jobs = list(jobs)
        self.token = token
        self.arguments = list(arguments)
        self.log_path = os.path.join(folder, "emulator.log")
        self.port = free_port()
        self.url = None
        self.control = None
        self.process = None
        os.makedirs(folder, exist_ok=True)

    def start(self, run_ms=300, iterations=4, log_delay_ms=0):
        argv = [PROGRAM, "--listen", f"127.0.0.1:{self.port}", "--control", "127.0.0.1:0", "--token", self.token,
                "--run-ms", str(run_ms), "--iterations", str(iterations), "--log-delay-ms", str(log_delay_ms)]
        for job in self.jobs:
            argv += ["--job", f"{APPLICATION_ID}/{job}"]
        self.process = Process("losant-emulator", argv + self.arguments, self.log_path, stdout=subprocess.PIPE)
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError("the emulator did not start:\n" + log_text(self.log_path))
        addresses = json.loads(line)
        self.url, self.control = addresses["api"], addresses["control"]
        return self

    def kill(self):
        if self.process:
            self.process.kill()

    def request(self, method, path, body=None):
        """One request to the control address; the parsed answer. Fails on any status but 2xx."""
        where = urllib.parse.urlsplit(self.control)
        connection = http.client.HTTPConnection(where.hostname, where.port, timeout=patient())
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"Content-Type": "application/json"} if text else {})
            response = connection.getresponse()
            answer = response.read().decode("utf-8")
        finally:
            connection.close()
        assert 200 <= response.status < 300, f"{method} {path} {text}: {response.status} {answer}"
        return json.loads(answer) if answer.strip() else None

    def settings(self, **values):
        """Changes how the API behaves from now on: settings(runMs=50, ends="errored")."""
        return self.request("PUT", "/settings", values)

    def fault(self, on, do, **more):
        """Adds a fault: fault("execute", "status", status=503, times=2)."""
        return self.request("POST", "/faults", {"on": on, "do": do, **more})["id"]

    def clear_faults(self):
        self.request("DELETE", "/faults")

    def audit(self):
        return self.request("GET", "/audit")

    def executions(self):
        """Every execution that was made, oldest first."""
        return self.audit()["executions"]

    def requests(self, op=None, since=0):
        """Every request that came in, also those that a fault met."""
        answer = self.request("GET", f"/audit/requests?since={since}")
        entries = answer["requests"] if isinstance(answer, dict) else answer
        return [entry for entry in entries if op is None or entry["op"] == op]

    def wait_executions(self, count, timeout=15):
        return eventually(lambda: self._at_least(count), f"{count} executions", timeout)

    def _at_least(self, count):
        executions = self.executions()
        return executions if len(executions) >= count else None

    def wait_requests(self, op, count, timeout=15):
        def enough():
            requests = self.requests(op)
            return requests if len(requests) >= count else None
        return eventually(enough, f"{count} requests {op}", timeout)

    def start_run(self, job, **more):
        """A run that somebody else starts."""
        return self.request("POST", "/runs", {"applicationId": APPLICATION_ID, "resourceJobId": job, **more})

    def shape_run(self, execution_id, **more):
        return self.request("PUT", f"/runs/{execution_id}", more)

    def put_token(self, token, scopes=("resourceJob.*",)):
        self.request("PUT", "/tokens", {"token": token, "scopes": list(scopes)})

    def drop_token(self, token):
        self.request("DELETE", f"/tokens/{token}")
