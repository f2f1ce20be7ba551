# SPDX-License-Identifier: Apache-2.0
"""What tests/bench needs of the machine: processes that are surely ended, by their pid, and what the kernel counts.

Must never touch a process that it did not start, nor listen on anything but loopback.
"""

import os
import signal
import socket
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")
END_WAIT_S = 15


class Failed(Exception):
    """A measurement did not come about; the text says why."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, what, seconds=20.0):
    """Asks again and again until it is true; the answer, or Failed."""
    end = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise Failed(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.005)


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Process:
    """A started program. Use it in a with statement: it ends there, whatever happens."""

    def __init__(self, command, log, env=None):
        self._log = open(log, "ab")
        self._popen = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
                                       env={**os.environ, **(env or {})}, start_new_session=True)
        self.pid = self._popen.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    @property
    def alive(self):
        return self._popen.poll() is None

    def end(self):
        """SIGTERM, and SIGKILL to whoever does not listen."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if not self.alive:
                break
            os.kill(self.pid, number)
            try:
                self._popen.wait(END_WAIT_S)
            except subprocess.TimeoutExpired:
                continue
        self._popen.wait()
        self._log.close()

    def cpu_s(self):
        """User and system time of all its threads."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def resident_kib(self, peak=False):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            for line in file:
                if line.startswith("VmHWM:" if peak else "VmRSS:"):
                    return int(line.split()[1])
        raise Failed("no resident size")

    def written_bytes(self):
        with open(f"/proc/{self.pid}/io", encoding="ascii") as file:
            for line in file:
                if line.startswith("write_bytes:"):
                    return int(line.split()[1])
        raise Failed("no count of bytes")

    def settle(self, seconds=20.0):
        """Waits until it uses no processor for 200 ms: what it had to do is done."""
        end = time.monotonic() + seconds
        before = self.cpu_s()
        while time.monotonic() < end:
            time.sleep(0.2)
            now = self.cpu_s()
            if now - before <= 1 / TICKS:
                return
            before = now
