# SPDX-License-Identifier: Apache-2.0
"""Free loopback ports. Below the range from which the kernel takes ports for outgoing connections, so that a port stays
free between being handed out and being listened on, also while its listener is restarted. Each worker of a parallel run
has a range of its own."""

import itertools
import os
import socket

LOWEST, PER_WORKER, WORKERS_MAX = 12000, 2000, 9
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % WORKERS_MAX

_next = itertools.count(int.from_bytes(os.urandom(2), "big"))


def free_port():
    """A port of 127.0.0.1 on which nobody listens; never the same twice in a row."""
    for _ in range(PER_WORKER):
        port = LOWEST + WORKER * PER_WORKER + next(_next) % PER_WORKER
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port")
