# SPDX-License-Identifier: Apache-2.0
"""A broker that takes messages, answers pings, and never acknowledges: nothing is taken for published, and the
connection is made anew instead of waiting for ever."""

import socket
import threading

import pytest

from harness import Bridge, Site, eventually

CONNECT, PUBLISH, SUBSCRIBE, PINGREQ = 1, 3, 8, 12


class SilentBroker:
    """MQTT 3.1.1, as little of it as the bridge needs to be online."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.published = []  # (number of the connection, topic)
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(peer.makefile("rwb", buffering=0), self.connections),
                             daemon=True).start()

    @staticmethod
    def _read_packet(stream):
        first = stream.read(1)
        length, shift = 0, 0
        while first:
            byte = stream.read(1)[0]
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                body = b""
                while len(body) < length:
                    body += stream.read(length - len(body))
                return first[0] >> 4, body
        raise EOFError

    def _serve(self, stream, number):
        try:
            while True:
                kind, body = self._read_packet(stream)
                if kind == CONNECT:
                    stream.write(b"\x20\x02\x00\x00")
                elif kind == SUBSCRIBE:
                    stream.write(b"\x90\x03" + body[:2] + b"\x01")
                elif kind == PINGREQ:
                    stream.write(b"\xd0\x00")
                elif kind == PUBLISH:
                    self.published.append((number, body[2:2 + int.from_bytes(body[:2], "big")].decode()))
        except (EOFError, OSError, IndexError):
            stream.close()

    def close(self):
        self._listener.close()


@pytest.fixture
def silent():
    broker = SilentBroker()
    yield broker
    broker.close()


def test_what_is_not_acknowledged_is_sent_again(tmp_path, silent):
    site = Site(tmp_path)
    site.config["broker"].update(uri=f"tcp://127.0.0.1:{silent.port}", protocol="3.1.1", keepalive_s=1)
    bridge = Bridge(str(tmp_path))
    bridge.write_configuration(site.config)
    bridge.launch()
    try:
        eventually(lambda: len({number for number, topic in silent.published if topic == site.bridge_topic}) >= 3,
                   "the bridge's status on three connections")
        assert "no acknowledgement within keepalive_s" in bridge.log
    finally:
        bridge.kill()
    bridge.check_log()
