# SPDX-License-Identifier: Apache-2.0
"""One child process: started, watched, ended by its id. It dies with the test run, whatever ends that."""

import ctypes
import os
import signal
import subprocess

from .waiting import patient

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """A running program whose output goes to the end of log_path; stdout=PIPE keeps standard output readable."""

    def __init__(self, name, argv, log_path, env=None, stdout=None):
        self.name = name
        self.log_path = log_path
        with open(log_path, "ab") as log:
            self._child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=stdout or log, stderr=log,
                                           env={**os.environ, **(env or {})}, preexec_fn=_die_with_parent)

    @property
    def pid(self):
        return self._child.pid

    @property
    def stdout(self):
        return self._child.stdout

    @property
    def alive(self):
        return self._child.poll() is None

    @property
    def exit_code(self):
        return self._child.poll()

    def signal(self, number):
        self._child.send_signal(number)

    def wait(self, timeout=10):
        """The exit code; fails when the process has not ended in time."""
        try:
            return self._child.wait(patient(timeout))
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} (pid {self.pid}) has not ended within {patient(timeout):g} s") from None

    def terminate(self, timeout=10):
        self.signal(signal.SIGTERM)
        return self.wait(timeout)

    def kill(self):
        """kill -9; does nothing to a process that has ended."""
        if self.alive:
            self._child.kill()
        self._child.wait()
        if self._child.stdout:
            self._child.stdout.close()


def log_text(path):
    """What a log file has so far, "" where there is none."""
    try:
        with open(path, "rb") as log:
            return log.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def tail(text, lines):
    return "\n".join(text.splitlines()[-lines:])
