# SPDX-License-Identifier: Apache-2.0
"""A broker for one client that does what the test says: which packet id, whether DUP, whether it knows the session.
It speaks MQTT 3.1.1 (OASIS standard of 29 October 2014, chapters 2 and 3), acknowledges what it is sent, and keeps it.
For the cases in which a real broker can't be made to do the same thing each time."""

import json
import socket
import ssl
import struct
import threading

from .ports import free_port
from .waiting import eventually

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PINGREQ, PINGRESP, DISCONNECT = 1, 2, 3, 4, 8, 9, 12, 13, 14


def _text(text):
    data = text.encode()
    return len(data).to_bytes(2, "big") + data


def _packet(kind, flags, body):
    length, head = len(body), bytes([kind << 4 | flags])
    while True:
        length, digit = divmod(length, 128)
        head += bytes([digit | (0x80 if length else 0)])
        if not length:
            return head + body


def _exactly(connection, count):
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise ConnectionError("closed")
        data += more
    return data


def _read_packet(connection):
    first = _exactly(connection, 1)[0]
    length, shift = 0, 0
    while True:
        digit = _exactly(connection, 1)[0]
        length |= (digit & 0x7f) << shift
        shift += 7
        if not digit & 0x80:
            return first >> 4, first & 0x0f, _exactly(connection, length)


class ScriptedBroker:
    def __init__(self, certificates=None):
        self.port = free_port()
        self.uri = f"{'ssl' if certificates else 'tcp'}://127.0.0.1:{self.port}"
        self._tls = None
        if certificates:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(certificates.cert, certificates.key)
        self.refused = ()  # filters that may not be subscribed to
        self.session_present = False  # what the next CONNACK says
        self.on_publish = "acknowledge"  # or "ignore", or "reset": what is done with a publication
        self.published = []  # (topic, payload) of the client, in order
        self.acknowledged = []  # packet ids
        self.subscriptions = 0
        self._connection = None
        self._listener = None

    def start(self):
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def stop(self):
        self._listener.close()
        self.drop()

    def deliver(self, topic, payload, packet_id, dup=False):
        body = _text(topic) + packet_id.to_bytes(2, "big") + payload.encode()
        self._connection.sendall(_packet(PUBLISH, (8 if dup else 0) | 2, body))

    def drop(self):
        """Ends the connection, as a network does."""
        try:
            if self._connection:
                self._connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has ended already

    def wait_subscribed(self, count):
        eventually(lambda: self.subscriptions >= count, f"subscription number {count}")

    def wait_acknowledged(self, packet_id, count=1):
        eventually(lambda: self.acknowledged.count(packet_id) >= count, f"PUBACK {packet_id}, {count} times")

    def replies(self, kind):
        """The JSON of what the client has published on topics that end in kind."""
        return [json.loads(payload) for topic, payload in list(self.published) if topic.endswith(f"/{kind}") and payload]

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            try:
                if self._tls:
                    connection = self._tls.wrap_socket(connection, server_side=True)
                self._connection = connection
                while self._answer(connection, *_read_packet(connection)):
                    pass
            except OSError:
                pass
            connection.close()

    def _answer(self, connection, kind, flags, body):
        if kind == CONNECT:
            connection.sendall(_packet(CONNACK, 0, bytes([self.session_present, 0])))
        elif kind == SUBSCRIBE:
            codes, at = b"", 2
            while at < len(body):
                end = at + 2 + int.from_bytes(body[at:at + 2], "big")
                codes += b"\x80" if body[at + 2:end].decode() in self.refused else b"\1"
                at = end + 1
            connection.sendall(_packet(SUBACK, 0, body[:2] + codes))
            self.subscriptions += 1
        elif kind == PUBLISH and self.on_publish != "acknowledge":
            if self.on_publish == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
        elif kind == PUBLISH:
            length = int.from_bytes(body[:2], "big")
            rest = 2 + length
            if flags & 6:
                connection.sendall(_packet(PUBACK, 0, body[rest:rest + 2]))
                rest += 2
            self.published.append((body[2:2 + length].decode(), body[rest:].decode()))
        elif kind == PUBACK:
            self.acknowledged.append(int.from_bytes(body[:2], "big"))
        elif kind == PINGREQ:
            connection.sendall(_packet(PINGRESP, 0, b""))
        return kind != DISCONNECT
