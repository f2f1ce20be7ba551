# SPDX-License-Identifier: Apache-2.0
"""What a service manager hears: systemd is not here, but its protocol is one datagram socket."""

import os
import signal
import socket

import pytest

from harness import eventually


class Manager:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind(path)
        self.heard = []

    def listen(self):
        while True:
            try:
                self.heard.append(dict(line.split("=", 1) for line in self.socket.recv(4096).decode().split("\n")))
            except BlockingIOError:
                return self.heard

    @property
    def status(self):
        return next((said["STATUS"] for said in reversed(self.listen()) if "STATUS" in said), None)

    def count(self, key):
        return sum(key in said for said in self.listen())

    def wait_status(self, *words):
        return eventually(lambda: all(word in (self.status or "") for word in words) and self.status, f"{words}")


@pytest.fixture
def manager(site):
    path = os.path.join(site.folder, "notify")
    site.start_around()
    found = Manager(path)
    site.launch_bridge(env={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "300000"})
    yield found
    found.socket.close()


def test_the_status_is_the_brokers_and_what_else_is_wrong(site, manager):
    """After a reload it is again what it was before: not for ever that there was one."""
    manager.wait_status("connected to the broker")
    assert manager.count("READY") == 1
    with open(site.bridge.path, encoding="utf-8") as file:
        right = file.read()
    with open(site.bridge.path, "a", encoding="utf-8") as file:
        file.write("nonsense = 1;\n")
    site.bridge.signal(signal.SIGHUP)
    manager.wait_status("connected to the broker; degraded: the new configuration is wrong", "nonsense")
    with open(site.bridge.path, "w", encoding="utf-8") as file:
        file.write(right)
    site.bridge.signal(signal.SIGHUP)
    eventually(lambda: manager.count("READY") == 3 and manager.status == "connected to the broker", "the end of both")
    assert manager.count("RELOADING") == 2
    site.broker.stop()
    manager.wait_status("broker away: ")
    site.broker.start()
    manager.wait_status("connected to the broker")


def test_an_end_is_told(site, manager):
    manager.wait_status("connected to the broker")
    eventually(lambda: manager.count("WATCHDOG") >= 2, "that the loop turns")
    assert site.bridge.terminate() == 0
    assert manager.count("STOPPING") == 1 and manager.status == "ended"
