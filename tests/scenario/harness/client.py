# SPDX-License-Identifier: Apache-2.0
"""An MQTT client that keeps everything it gets and lets a test wait for what it expects, on a condition, not on
time."""

import collections
import itertools
import json
import threading
import time

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from .waiting import patient

LOOK_S = 0.5

_numbers = itertools.count(1)


class Message:
    """One message as it came: at is the wall clock, ms since the epoch."""

    def __init__(self, message):
        self.topic = message.topic
        self.payload = message.payload
        self.qos = message.qos
        self.retain = bool(message.retain)
        self.properties = getattr(message, "properties", None)
        self.at_ms = time.time() * 1000
        try:
            self.json = json.loads(message.payload)
        except (ValueError, RecursionError):
            self.json = None

    @property
    def text(self):
        return self.payload.decode("utf-8", "replace")

    @property
    def request_id(self):
        return self.json.get("requestId") if isinstance(self.json, dict) else None

    def __repr__(self):
        return f"<{self.topic}{' retained' if self.retain else ''} {self.text}>"


class Client:
    """Connected and subscribed when the constructor returns. persistent: the session outlives connections, so that
    nothing is missed while the broker restarts."""

    def __init__(self, port, topics=("#",), protocol=mqtt.MQTTv5, persistent=False, username=None, password=None):
        self._changed = threading.Condition()
        self._ready = False
        self._acknowledged = set()
        self._topics = [(topic, 1) for topic in topics]
        self.messages = []
        self.replies = collections.defaultdict(list)  # (last level of the topic, requestId) -> messages
        name = f"scenario-{next(_numbers)}-{time.monotonic_ns()}"
        self._mqtt = mqtt.Client(name, protocol=protocol, **(
            {} if protocol == mqtt.MQTTv5 else {"clean_session": not persistent}))
        self._mqtt.max_inflight_messages_set(1000)
        self._mqtt.reconnect_delay_set(min_delay=0.1, max_delay=0.2)
        if username:
            self._mqtt.username_pw_set(username, password)
        self._mqtt.on_connect = self._on_connect
        self._mqtt.on_message = self._on_message
        self._mqtt.on_subscribe = self._on_subscribe
        self._mqtt.on_publish = self._on_publish
        more = {}
        if protocol == mqtt.MQTTv5:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = 3600 if persistent else 0
            more = {"clean_start": not persistent, "properties": properties}
        self._mqtt.connect("127.0.0.1", port, keepalive=30, **more)
        self._mqtt.loop_start()
        with self._changed:
            assert self._changed.wait_for(lambda: self._ready, patient()), "the test's own client did not get ready"

    def _on_connect(self, client, userdata, flags, code, *rest):
        if self._topics:
            client.subscribe(self._topics)
        else:
            self._set_ready()

    def _on_subscribe(self, *arguments):
        self._set_ready()

    def _set_ready(self):
        with self._changed:
            self._ready = True
            self._changed.notify_all()

    def _on_publish(self, client, userdata, number):
        with self._changed:
            self._acknowledged.add(number)
            self._changed.notify_all()

    def _on_message(self, client, userdata, raw):
        message = Message(raw)
        with self._changed:
            self.messages.append(message)
            if message.request_id is not None:
                self.replies[message.topic.rsplit("/", 1)[-1], message.request_id].append(message)
            self._changed.notify_all()

    def publish(self, topic, payload=b"", qos=1, retain=False, properties=None, wait=True):
        """Publishes; with wait, returns after the broker's PUBACK. properties: names and values of MQTT 5."""
        packet = None
        if properties:
            packet = Properties(PacketTypes.PUBLISH)
            for name, value in properties.items():
                setattr(packet, name, value)
        info = self._mqtt.publish(topic, payload, qos, retain, packet)
        if wait:
            self.wait_for(lambda: info.mid in self._acknowledged, f"the broker's acknowledgement on {topic}")
        return info.mid

    def acknowledged(self, number):
        """Whether the broker has acknowledged the message that publish() gave this number."""
        return number in self._acknowledged

    def wait_for(self, probe, what, timeout=15):
        """Waits until probe() gives something true, and returns that. Looks after each message, and now and then
        without one: a probe may also fail because the bridge has died."""
        end = time.monotonic() + patient(timeout)
        with self._changed:
            while not (result := probe()):
                left = end - time.monotonic()
                if left <= 0:
                    last = "\n  ".join(repr(message)[:400] for message in self.messages[-15:])
                    raise AssertionError(f"not within {patient(timeout):g} s: {what}; the last messages:\n  {last}")
                self._changed.wait(min(left, LOOK_S))
            return result

    def wait_message(self, topic, check=lambda message: True, what=None, timeout=15):
        """The first message on the topic that passes the check, also one that came before."""
        return self.wait_for(lambda: next((m for m in self.on(topic) if check(m)), None),
                             what or f"a message on {topic}", timeout)

    def on(self, topic):
        """Every message on one topic so far."""
        return [message for message in list(self.messages) if message.topic == topic]

    def close(self):
        self._mqtt.disconnect()
        self._mqtt.loop_stop()
