# SPDX-License-Identifier: Apache-2.0
"""The bridge's own pages as a client sees them: over TCP or a Unix socket, whole answers and the stream of events."""

import http.client
import json
import re
import socket
import threading

from .waiting import eventually, patient

SAMPLE = re.compile(r'^(jobbridge_\w+)(?:\{(.*)\})? (\S+)$')


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=patient())
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def text(self):
        return self.body.decode("utf-8")

    @property
    def json(self):
        return json.loads(self.body)


class Web:
    """listen: as in the configuration."""

    def __init__(self, listen, headers=None):
        self.listen = listen
        self.headers = dict(headers or {})

    def connect(self):
        if self.listen.startswith("unix:"):
            return _UnixConnection(self.listen[len("unix:"):])
        host, _, port = self.listen.rpartition(":")
        return http.client.HTTPConnection("127.0.0.1" if host == "0.0.0.0" else host, int(port), timeout=patient())

    def get(self, path, method="GET", body=None, **headers):
        """headers: names with _ for -."""
        connection = self.connect()
        try:
            connection.request(method, path, body, {**self.headers,
                                                    **{name.replace("_", "-"): value for name, value in headers.items()}})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def status(self):
        answer = self.get("/status.json")
        assert answer.status == 200, answer.text
        return answer.json

    def metrics(self):
        """Every sample: {(name, labels): number}; labels as they stand in the text."""
        answer = self.get("/metrics")
        assert answer.status == 200, answer.text
        samples = {}
        for line in answer.text.splitlines():
            if not line.startswith("#"):
                name, labels, number = SAMPLE.match(line).groups()
                assert (name, labels) not in samples, line
                samples[name, labels] = float(number)
        return samples

    def total(self, name, samples=None):
        return sum(number for (sample, _), number in (samples or self.metrics()).items() if sample == name)

    def events(self, **headers):
        return Events(self, {name.replace("_", "-"): value for name, value in headers.items()})


class Events:
    """A reader of /events that keeps everything; close() ends it."""

    def __init__(self, web, headers=None):
        self.events = []
        self.ended = False
        self._connection = web.connect()
        self._connection.request("GET", "/events", headers={**web.headers, **(headers or {})})
        self._socket = self._connection.sock
        self._response = self._connection.getresponse()
        self.status = self._response.status
        self.headers = self._response.headers
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        event = {}
        try:
            for line in self._response:
                name, _, value = line.decode("utf-8").rstrip("\n").partition(": ")
                if name in ("id", "event", "data"):
                    event[name] = json.loads(value) if name == "data" else value
                elif not name and event:
                    if "id" in event:  # a sign of life has none
                        self.events.append(event)
                    event = {}
        except (OSError, http.client.HTTPException, ValueError):
            pass
        self.ended = True

    def named(self, name):
        return [event for event in list(self.events) if event["event"] == name]

    def wait(self, name, check=lambda data: True, timeout=15):
        """The first event of that name that passes the check."""
        return eventually(lambda: next((e for e in self.named(name) if check(e["data"])), None),
                          f"an event {name}", timeout)

    def wait_end(self, timeout=15):
        eventually(lambda: self.ended, "the end of the events", timeout)

    def close(self):
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._thread.join(patient())
        self._connection.close()
