# SPDX-License-Identifier: Apache-2.0
"""A whole installation in one folder: broker, API, bridge, and one client that listens to everything. A test changes
site.config and site.api before start(), then sends commands and looks at what comes back."""

import copy
import itertools
import json
import os

from .api import APPLICATION_ID, Api, JOB_IDS, ROOT
from .bridge import Bridge
from .broker import Broker
from .client import Client
from .gate import Gate
from .ports import free_port
from .process import log_text, tail
from .web import Web

SHIM = os.environ.get("FAULT_SHIM", os.path.join(ROOT, "build", "dev", "libfault-shim.so"))
FINAL_STATES = {"completed", "errored", "canceled", "rejected", "expired", "unknown"}
ALL_ACTIONS = ["execute", "cancelExecution", "get", "logs", "patch", "delete"]

# Everything that waits waits for a fraction of a second, so that a test takes about as long as its steps.
CONFIG = {
    "broker": {"uri": None, "client_id": "jobbridge", "reconnect_min_ms": 100, "reconnect_max_ms": 500},
    "api": {
        "base_url": None, "token_file": None, "connect_timeout_ms": 2000, "request_timeout_ms": 3000,
        "retry": {"base_ms": 50, "max_ms": 500},
        "reconcile": {"policy": "reconcile", "settle_ms": 200, "checks": 3},
    },
    "journal": {"path": None},
    "follow": {"interval_ms": 100, "max_interval_ms": 400, "timeout_s": 60},
    "http": {"listen": ""},
    "log": {"level": "debug"},
    "jobs": [{"name": "recalibrate", "application_id": APPLICATION_ID, "resource_job_id": JOB_IDS[0]},
             {"name": "tune", "application_id": APPLICATION_ID, "resource_job_id": JOB_IDS[1], "actions": ALL_ACTIONS}],
    "routes": [{"name": "devices", "filter": "devices/{device}/jobs/{job}/cmd/{action}",
                "replies": "devices/{device}/jobs/{job}"}],
}


class Command:
    """A command that was sent, and what has been heard of it."""

    def __init__(self, client, base, request_id):
        self.client = client
        self.base = base
        self.request_id = request_id

    def messages(self, kind):
        """What has come on the reply topic so far: kind is accepted, rejected, status or log."""
        return list(self.client.replies.get((kind, self.request_id), ()))

    def answer(self, timeout=15):
        """The first of accepted and rejected, as a message."""
        return self.client.wait_for(lambda: next(iter(self.messages("accepted") + self.messages("rejected")), None),
                                    f"an answer to {self.request_id}", timeout)

    def accepted(self, timeout=15):
        answer = self.answer(timeout)
        assert answer.topic == f"{self.base}/accepted", f"not accepted: {answer}"
        return answer.json

    def rejected(self, timeout=15):
        answer = self.answer(timeout)
        assert answer.topic == f"{self.base}/rejected", f"not rejected: {answer}"
        return answer.json

    def error(self, timeout=15):
        return self.rejected(timeout)["error"]

    def states(self):
        """Each new state of the run, in order, repeats (of the same seq) dropped."""
        seen, states = set(), []
        for message in self.messages("status"):
            if message.json["seq"] not in seen:
                seen.add(message.json["seq"])
                states.append(message.json)
        return states

    def wait_state(self, *states, timeout=15):
        return self.client.wait_for(
            lambda: next((s for s in self.states() if s["state"] in states), None),
            f"{self.request_id} is {' or '.join(states)}", timeout)

    def final(self, timeout=20):
        """The final status; fails when there are two different ones, or when seq does not grow by one."""
        self.wait_state(*FINAL_STATES, timeout=timeout)
        states = self.states()
        finals = [state for state in states if state["state"] in FINAL_STATES]
        assert len(finals) == 1 and states[-1] is finals[0], f"not one final status at the end: {states}"
        numbers = [state["seq"] for state in states]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), f"seq does not grow by one: {numbers}"
        return finals[0]

    def entries(self):
        """The log entries as they were published."""
        return [message.json["entry"] for message in self.messages("log")]


class Site:
    def __init__(self, folder):
        self.folder = str(folder)
        self.config = copy.deepcopy(CONFIG)
        self.broker = Broker(os.path.join(self.folder, "broker"))
        self.api = Api(os.path.join(self.folder, "api"))
        self.bridge = Bridge(os.path.join(self.folder, "bridge"))
        self.gate = None
        self.clients = []
        self.client = None
        self.token_path = os.path.join(self.folder, "token")
        self.journal_path = os.path.join(self.folder, "bridge", "journal.db")
        self._numbers = itertools.count(1)
        self.write_token(self.api.token)
        self.config["broker"]["uri"] = self.broker.uri
        self.config["api"]["base_url"] = f"http://127.0.0.1:{self.api.port}"  # no TLS: on loopback that is allowed
        self.config["api"]["token_file"] = self.token_path
        self.config["journal"]["path"] = self.journal_path

    @property
    def bridge_topic(self):
        return f"bridges/{self.config['broker']['client_id']}/status"

    def write_token(self, token):
        with open(self.token_path, "w", encoding="utf-8") as file:
            file.write(token + "\n")
        os.chmod(self.token_path, 0o600)

    def put_gate(self):
        """From now on the bridge reaches the API through a gate, which is open."""
        self.gate = Gate(self.api.port).open()
        self.config["api"]["base_url"] = f"http://127.0.0.1:{self.gate.port}"
        return self.gate

    def serve_web(self, listen=None, **more):
        """The bridge's pages, from its next start or reload on."""
        listen = listen or f"127.0.0.1:{free_port()}"
        self.config["http"] = {"listen": listen, **more}
        return Web(listen)

    def add_jobs(self, count, **more):
        """Replaces the jobs by count of them, named job-0 and so on."""
        self.config["jobs"] = [{"name": f"job-{index}", "application_id": APPLICATION_ID,
                                "resource_job_id": JOB_IDS[index], **more} for index in range(count)]

    def start_around(self, **api):
        """Broker, API and the listening client, without the bridge."""
        self.broker.start()
        self.api.start(**api)
        self.client = self.connect(persistent=True)
        return self

    def start(self, **api):
        """Everything; returns when the bridge is online."""
        self.start_around(**api)
        self.start_bridge()
        return self

    def launch_bridge(self, wrapper=(), env=None):
        self.bridge.write_configuration(self.config)
        self.bridge.launch(wrapper, env)

    def failing_journal(self, calls, error, times=1, **more):
        """The environment of a bridge whose calls on its journal fail with an errno; see tests/fault/shim.c."""
        return {"LD_PRELOAD": SHIM, "FAULT_STATE": os.path.join(self.folder, "state"), "FAULT_CALL": calls,
                "FAULT_DO": str(error), "FAULT_TIMES": str(times), "FAULT_PATH": "journal.db",
                **{f"FAULT_{name.upper()}": str(value) for name, value in more.items()}}

    def start_bridge(self, wrapper=(), env=None, timeout=20):
        before = self.client.on(self.bridge_topic)
        self.launch_bridge(wrapper, env)
        # A bridge whose API is away is up as well, and says so.
        self.wait_bridge_state("online", "degraded", after=len(before), timeout=timeout)

    def wait_bridge_state(self, *states, after=0, timeout=15):
        """The first bridge status of one of these states beyond the first `after` ones."""
        def probe():
            if self.bridge.process and not self.bridge.alive and "offline" not in states:
                raise AssertionError(f"the bridge ended with {self.bridge.process.exit_code}:\n"
                                     + tail(self.bridge.log, 30))
            return next((m.json for m in self.client.on(self.bridge_topic)[after:] if m.json["state"] in states), None)
        return self.client.wait_for(probe, f"the bridge is {' or '.join(states)}", timeout)

    def connect(self, **options):
        """A further client of the broker, closed with the site."""
        return self.connect_to(self.broker, **options)

    def connect_to(self, broker, **options):
        """A client of another broker, closed with the site."""
        client = Client(broker.port, **options)
        self.clients.append(client)
        return client

    def new_id(self):
        return f"request-{next(self._numbers)}"

    def send(self, action="execute", payload=None, job="recalibrate", device="d1", request_id=None, client=None,
             properties=None, wait=True):
        """Publishes a command on the route "devices". payload: a dictionary, which gets a requestId, or text as is."""
        if payload is None:
            payload = {}
        if isinstance(payload, dict):
            request_id = payload.get("requestId") or request_id or self.new_id()
            payload = json.dumps({"requestId": request_id, **payload})
        base = f"devices/{device}/jobs/{job}"
        (client or self.client).publish(f"{base}/cmd/{action}", payload, properties=properties, wait=wait)
        return Command(self.client, base, request_id)

    def send_text(self, text, request_id, action="execute", **more):
        """A command whose payload is exactly this text (or these bytes); request_id: what its replies will carry."""
        return self.send(action, text, request_id=request_id, **more)

    def stop(self):
        """The orderly end of everything: the bridge must end on SIGTERM with 0 and without a sanitizer's complaint."""
        try:
            if self.bridge.alive:
                code = self.bridge.terminate()
                assert code == 0, f"the bridge ended with {code} on SIGTERM"
            self.bridge.check_log()
        finally:
            self.bridge.kill()
            for client in self.clients:
                client.close()
            if self.gate:
                self.gate.close()
            self.api.kill()
            self.broker.kill()

    def report(self):
        """What one wants to see when a test has failed: title and text pairs."""
        yield "bridge", tail(self.bridge.log, 60)
        yield "broker", tail(log_text(self.broker.log_path), 25)
        if self.client:
            yield "messages", "\n".join(repr(message)[:300] for message in self.client.messages[-30:])
        if self.api.process and self.api.process.alive:
            executions = self.api.executions()
            yield "audit", f"{len(executions)} executions\n" + "\n".join(map(json.dumps, executions[-15:]))
