# SPDX-License-Identifier: Apache-2.0
"""One short life of a bridge with something of everything: commands that wait for it and commands that come while it
works, four jobs, a retry, two lost answers, a barrier, a repeated and a contradicting requestId, a cancelExecution, runs
followed to their end, a reload that makes a new connection, an orderly end. Whatever kills the bridge on the way, it is
started again and the life goes on; what came of it is for verdict.py to judge."""

import contextlib
import copy
import json
import os
import signal
import sqlite3
import time

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from harness import APPLICATION_ID, Api, Bridge, Client, JOB_IDS, eventually
from harness.site import ALL_ACTIONS, CONFIG

JOBS = {"alpha": JOB_IDS[0], "beta": JOB_IDS[1], "plain": JOB_IDS[2], "tune": JOB_IDS[3]}
FINAL = {"completed", "errored", "canceled", "rejected", "expired", "unknown"}
RUN_MS, ITERATIONS = 120, 2
STEP_BOUND_S = 15.0  # for what takes well under a second
STARTS_MAX = 12


class Stuck(Exception):
    """What was waited for did not come. again: a restart brought it, so that it was late and not lost."""


class Order:
    """One command: on a device of its own, so that its replies are known by their topic even without a requestId."""

    def __init__(self, name, action, job, payload, route="devices"):
        self.name = name
        self.action = action
        self.job = job
        self.payload = payload
        self.route = route


def execute(name, job, **more):
    return Order(name, "execute", job, json.dumps({"requestId": name, "templateContext": {"c": name}, **more}))


WAITING = [  # before the bridge is there
    execute("a1", "alpha"), execute("a2", "alpha"), execute("b1", "beta"), execute("t1", "tune"),
    Order("tp", "patch", "tune", json.dumps({"requestId": "tp", "name": "other"})),
    Order("tg", "get", "tune", json.dumps({"requestId": "tg"})), execute("t2", "tune")]
WORKING = [  # while it works
    execute("b2", "beta"), Order("p1", "execute", "plain", ""), execute("a3", "alpha"),
    Order("st", "status", "alpha", ""), Order("lg", "logs", "alpha", '{"requestId":"lg","limit":3}')]
RELOADED = [execute("a4", "alpha"), Order("r1", None, "alpha", '{"heat":12345678901234567890}', route="extra")]
FOLLOWED = {"a1", "a2", "a3", "a4", "b1", "b2", "p1", "t1", "t2", "r1"}


class Life:
    """folder: of this life alone. broker: one that runs. prefix: under which all its topics are."""

    def __init__(self, folder, broker, prefix):
        os.makedirs(folder, exist_ok=True)
        self.folder = folder
        self.broker = broker
        self.prefix = prefix
        self.client_id = f"bridge-{prefix}"
        self.api = Api(os.path.join(folder, "api"), jobs=JOBS.values())
        self.bridge = Bridge(folder)
        self.journal = os.path.join(folder, "journal.db")
        self.config = self._configuration()
        self.device = None
        self.orders = {}
        self.exits = []        # how the bridge ended, each time
        self.next_start = {}   # wrapper and env of the first start: the fault
        self.stuck = []        # what only a restart brought about
        self.bound_s = STEP_BOUND_S
        self.may_fail = False  # calls fail: a connection may, at any moment

    def _configuration(self):
        config = copy.deepcopy(CONFIG)
        token = os.path.join(self.folder, "token")
        with open(token, "w", encoding="utf-8") as file:
            file.write(self.api.token + "\n")
        config["broker"].update(uri=self.broker.uri, client_id=self.client_id, reconnect_min_ms=30,
                                reconnect_max_ms=100, keepalive_s=5,
                                bridge_topic=f"{self.prefix}/bridge")
        config["api"].update(base_url=f"http://127.0.0.1:{self.api.port}", token_file=token, request_timeout_ms=1000,
                             retry={"base_ms": 20, "max_ms": 100})
        config["api"]["reconcile"] = {"settle_ms": 50, "checks": 2}
        config["journal"]["path"] = self.journal
        config["follow"] = {"interval_ms": 40, "max_interval_ms": 100, "timeout_s": 60}
        config["log"] = {"level": "info"}
        config["jobs"] = [{"name": name, "application_id": APPLICATION_ID, "resource_job_id": job_id,
                           "actions": ALL_ACTIONS} for name, job_id in JOBS.items()]
        config["routes"] = [{"name": "devices", "filter": self.prefix + "/{device}/jobs/{job}/cmd/{action}",
                             "replies": self.prefix + "/{device}/jobs/{job}"}]
        return config

    def _add_route(self):
        self.config["routes"].append({
            "name": "extra", "filter": self.prefix + "/extra/{device}", "job": "alpha", "action": "execute",
            "context": '{ "c": "{device}", "payload": {payload} }', "replies": self.prefix + "/{device}/jobs/alpha"})
        # A birth on the new topic is surely of a bridge that has the new configuration and its subscription.
        self.config["broker"]["bridge_topic"] = f"{self.prefix}/reloaded"

    def _leave_session(self):
        """The bridge was connected once before: the broker keeps what comes for it."""
        ready = []
        client = mqtt.Client(self.client_id, protocol=mqtt.MQTTv5)
        client.on_connect = lambda *_: client.subscribe(f"{self.prefix}/+/jobs/+/cmd/+", 1)
        client.on_subscribe = lambda *_: ready.append(True)
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 3600
        client.connect("127.0.0.1", self.broker.port, clean_start=False, properties=properties)
        end = time.monotonic() + STEP_BOUND_S
        while not ready and time.monotonic() < end:
            client.loop(0.05)
        client.disconnect()
        client.loop(0.05)
        assert ready, "no session for the bridge"

    # what the driver does

    def send(self, order):
        self.orders[order.name] = order
        base = f"{self.prefix}/{order.name}/jobs/{order.job}"
        topic = f"{self.prefix}/extra/{order.name}" if order.route == "extra" else f"{base}/cmd/{order.action}"
        self.device.publish(topic, order.payload, wait=False)

    def heard(self, name, *kinds):
        """The messages on that command's reply topics, in their order."""
        base = f"{self.prefix}/{name}/jobs/{self.orders[name].job}/"
        return [m for m in list(self.device.messages) if m.topic.startswith(base) and m.topic[len(base):] in kinds]

    def answered(self, *names):
        return all(self.heard(name, "accepted", "rejected") for name in names)

    def finished(self, *names):
        return all(any(m.json["state"] in FINAL for m in self.heard(name, "status")) for name in names)

    def states(self):
        """What the bridge has said of itself, under the topic that it has now."""
        return [m.json["state"] for m in self.device.on(self.config["broker"]["bridge_topic"] + "/status")]

    def births(self):
        return [state for state in self.states() if state in ("online", "degraded")]

    def start_bridge(self):
        assert len(self.exits) < STARTS_MAX, f"the bridge ends again and again: {self.exits}"
        self.bridge.write_configuration(self.config)
        fault, self.next_start = self.next_start, {}
        self.bridge.launch(**fault)

    def _note_end(self):
        self.exits.append(self.bridge.process.wait())

    def wait(self, what, probe):
        """Until probe() is true; a bridge that has ended meanwhile is started again. A bridge that gets no further is
        ended and started again as well, which is noted: it should have got further by itself."""
        end = time.monotonic() + self.bound_s
        with self.device._changed:
            while not probe():
                if not self.bridge.alive:
                    self._note_end()
                    self.start_bridge()
                if time.monotonic() > end:
                    if len(self.stuck) > 2:
                        raise Stuck(what)
                    self.stuck.append(what)
                    self.bridge.kill()
                    self._note_end()
                    self.start_bridge()
                    end = time.monotonic() + self.bound_s
                self.device._changed.wait(0.02)

    def end_bridge(self):
        """SIGTERM. One that was killed instead is started again, for what it may have had left; so is one whose
        connection failed at the very end: what it could not publish then must come with its next life."""
        patience = 1 if self.may_fail else 0
        while True:
            self.bridge.signal(signal.SIGTERM)
            self.exits.append(self.bridge.process.wait(30))
            if self.exits[-1] == 0 and (patience == 0 or not self._outbox()):
                break
            patience -= self.exits[-1] == 0
            births = len(self.births())
            self.start_bridge()
            self.wait("online after an end that was no end", lambda: len(self.births()) > births)
        eventually(lambda: self.states()[-1] == "offline", "the bridge's last word")

    def _outbox(self):
        with contextlib.closing(sqlite3.connect(self.journal)) as journal:
            return journal.execute("SELECT count(*) FROM outbox").fetchone()[0]

    def live(self, **fault):
        """The whole life; fault: wrapper and env of the first start of the bridge."""
        self.next_start = fault
        self.api.start(run_ms=RUN_MS, iterations=ITERATIONS)
        self.api.fault("execute", "status", status=503, times=1, job=JOBS["beta"])
        self.api.fault("execute", "actThenDrop", times=1, job=JOBS["beta"])
        self.api.fault("execute", "status", status=429, times=1, job=JOBS["tune"])
        self.api.fault("get", "status", status=503, times=1, job=JOBS["tune"])
        self._leave_session()
        self.device = Client(self.broker.port, topics=[f"{self.prefix}/#"], persistent=True)
        for order in WAITING:
            self.send(order)
        self.start_bridge()
        self.wait("the first answer", lambda: self.answered("a1"))
        for order in WORKING:
            self.send(order)
        repeated, contradiction = execute("a1", "alpha"), execute("a1", "alpha", ttl=77)
        self.send(repeated)
        self.send(contradiction)
        self.orders["a1"] = repeated
        self.wait("the answer to what is canceled", lambda: self.answered("a2"))  # one that waits is dropped instead
        self.orders["a2"] = Order("a2", "cancelExecution", "alpha", json.dumps({"requestId": "ca2", "of": "a2"}))
        self.send(self.orders["a2"])
        self.wait("answers", lambda: self.answered(*self.orders) and self._all_of_a_answered())
        before = self.config["broker"]["bridge_topic"] + "/status"
        self._add_route()
        self.bridge.write_configuration(self.config)
        self._reload()
        self.wait("online again after the reload", lambda: self._reloaded(before))
        for order in RELOADED:
            self.send(order)
        self.wait("all answers", lambda: self.answered(*self.orders))
        self.wait("all ends", lambda: self.finished(*FOLLOWED))
        self.end_bridge()

    def _reload(self):
        self.reloaded_at = time.monotonic()
        if self.bridge.alive:
            self.bridge.signal(signal.SIGHUP)

    def _reloaded(self, topic):
        """The operator asks again when the bridge says that it could not take the configuration."""
        said = self.device.on(topic)
        refused = said and "configuration" in (said[-1].json.get("reason") or "")
        if refused and time.monotonic() > self.reloaded_at + 1:
            self._reload()
        return self.births()

    def _all_of_a_answered(self):
        """a1 was sent three times: once new, once the same, once with another body. a2 has its cancelExecution."""
        conflict = any(m.json["error"]["type"] == "Conflict" for m in self.heard("a1", "rejected"))
        cancel = any(m.request_id == "ca2" for m in self.heard("a2", "accepted", "rejected"))
        return conflict and cancel

    def close(self):
        self.bridge.kill()
        if self.device:
            self.device.close()
        self.api.kill()
