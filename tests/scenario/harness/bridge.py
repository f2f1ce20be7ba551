# SPDX-License-Identifier: Apache-2.0
"""The real bridge as a process: its configuration, its start, and every way of ending it."""

import os
import signal
import re

from .api import ROOT
from .process import Process, log_text
from .waiting import eventually

PROGRAM = os.environ.get("JOBBRIDGE", os.path.join(ROOT, "build", "dev", "jobbridge"))
SANITIZER_REPORT = re.compile(r"^.*(ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error: ).*$", re.MULTILINE)


def libconfig(value, depth=0):
    """A Python value in libconfig's words: a dictionary is a group, a list of dictionaries a list, else an array."""
    pad = "  " * (depth + 1)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value}L" if abs(value) > 2**31 - 1 else str(value)
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, dict):
        body = "".join(f"{pad}{key} = {libconfig(item, depth + 1)};\n" for key, item in value.items())
        return body if depth < 0 else "{\n" + body + "  " * depth + "}"
    items = ", ".join(libconfig(item, depth + 1) for item in value)
    return f"( {items} )" if value and isinstance(value[0], dict) else f"[ {items} ]"


class Bridge:
    """Not started yet. It may be started, ended and started again, with the same journal."""

    def __init__(self, folder):
        self.folder = folder
        self.path = os.path.join(folder, "jobbridge.conf")
        self.log_path = os.path.join(folder, "jobbridge.log")
        self.process = None
        self._traced = False
        os.makedirs(folder, exist_ok=True)

    def write_configuration(self, config):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(libconfig(config, -1))

    def launch(self, wrapper=(), env=None):
        """Starts the process and returns at once. wrapper: a command before it, as strace."""
        assert not self.alive, "the bridge runs already"
        self._traced = bool(wrapper)
        self.process = Process("jobbridge", [*wrapper, PROGRAM, "run", "-c", self.path], self.log_path, env=env)

    @property
    def alive(self):
        return self.process is not None and self.process.alive

    @property
    def pid(self):
        """Of the bridge itself, also under a wrapper."""
        if not self._traced:
            return self.process.pid
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        return eventually(lambda: [int(word) for word in log_text(path).split()], "the traced bridge")[0]

    @property
    def log(self):
        return log_text(self.log_path)

    def signal(self, number):
        os.kill(self.pid, number)

    def kill(self):
        """kill -9."""
        if self.alive:
            if self._traced:
                self.signal(signal.SIGKILL)
                self.process.wait()
            self.process.kill()

    def terminate(self, timeout=15):
        """SIGTERM; returns the exit code."""
        self.signal(signal.SIGTERM)
        return self.process.wait(timeout)

    def wait_log(self, text, timeout=15):
        return eventually(lambda: text in self.log, f"{text!r} in the bridge's log", timeout)

    def check_log(self):
        """Fails when a sanitizer has found something."""
        found = SANITIZER_REPORT.search(self.log)
        assert not found, "a sanitizer complains:\n" + self.log[found.start():][:6000]
