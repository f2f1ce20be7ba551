# SPDX-License-Identifier: Apache-2.0
"""Free loopback ports. Below the range from which the kernel takes ports for outgoing connections, so that a port stays
free between being handed out and being listened on, also while its listener is restarted."""

import itertools
import os
import socket

FIRST, LAST = 12000, 30000

_next = itertools.count(int.from_bytes(os.urandom(2), "big"))


def free_port():
    """A port of 127.0.0.1 on which nobody listens; never the same twice in a row."""
    for _ in range(LAST - FIRST):
        port = FIRST + next(_next) % (LAST - FIRST)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port")
