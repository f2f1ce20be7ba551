# SPDX-License-Identifier: Apache-2.0
"""A TCP relay in front of a server, to take the server away and bring it back without its losing what it knows: the
emulated API keeps its audit while the bridge finds its port closed."""

import socket
import struct
import threading

from .ports import free_port

CHUNK = 65536
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def _reset(connection):
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    connection.close()


class Gate:
    """Closed at first: connections are refused until open() is called."""

    def __init__(self, target_port):
        self.target_port = target_port
        self.port = free_port()
        self._listener = None
        self._lock = threading.Lock()
        self._open_connections = set()

    def open(self):
        """Lets connections in."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(128)
        self._listener = listener
        threading.Thread(target=self._accept_all, args=(listener,), daemon=True).start()
        return self

    def close(self):
        """Refuses connections from now on and resets those there are."""
        if self._listener:
            try:
                self._listener.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self._listener.close()
            self._listener = None
        self.reset()

    def reset(self):
        """Resets the connections that are open now."""
        with self._lock:
            connections, self._open_connections = self._open_connections, set()
        for connection in connections:
            _reset(connection)

    def _accept_all(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target_port), timeout=5)
            except OSError:
                _reset(client)
                continue
            server.settimeout(None)
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._open_connections.update((client, server))
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._relay, args=(source, sink), daemon=True).start()

    def _relay(self, source, sink):
        try:
            while True:
                data = source.recv(CHUNK)
                if not data:
                    break
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            with self._lock:
                self._open_connections -= {source, sink}
            _reset(source)
            _reset(sink)
