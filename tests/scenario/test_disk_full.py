# SPDX-License-Identifier: Apache-2.0
"""A disk that takes nothing: commands are not acknowledged, the bridge says why, and when there is room again it goes on
by itself. tests/fault/shim.c makes the disk full, for the journal alone and as long as a file exists."""

import errno
import os

import pytest

from harness import eventually
from harness.process import log_text


class Disk:
    """Full while it is told to be."""

    def __init__(self, site, number):
        self._flag = os.path.join(site.folder, "disk-full")
        self.env = site.failing_journal("write,pwrite,truncate,fsync", number, times=0, **{"while": self._flag})

    def fill(self):
        open(self._flag, "w", encoding="utf-8").close()

    def empty(self):
        os.unlink(self._flag)


def pubacks(site):
    """How many commands the bridge has acknowledged to the broker."""
    return log_text(site.broker.log_path).count("Received PUBACK from jobbridge")


@pytest.mark.slow
@pytest.mark.parametrize("error", ["ENOSPC", "EROFS", "EIO"])
def test_full_and_empty_again(site, error):
    disk = Disk(site, getattr(errno, error))
    site.start_around()
    site.start_bridge(env=disk.env)
    first = site.send("execute")
    first.final()
    eventually(lambda: pubacks(site) == 1, "the first command is acknowledged")

    disk.fill()
    held = [site.send("execute", {"templateContext": {"i": i}}) for i in range(3)]
    status = site.wait_bridge_state("degraded")
    assert "journal cannot be written" in status["reason"]
    site.wait_bridge_state("degraded", after=len(site.client.on(site.bridge_topic)))  # it is tried again
    assert pubacks(site) == 1
    assert len(site.api.executions()) == 1
    assert not any(command.messages("accepted") for command in held)

    before = len(site.client.on(site.bridge_topic))
    disk.empty()
    for command in held:
        assert command.final()["outcome"] == "succeeded"
    site.wait_bridge_state("online", after=before)
    assert len(site.api.executions()) == 4
    eventually(lambda: pubacks(site) == 4, "all commands are acknowledged")


def test_full_while_runs_are_followed(site):
    """What the API did while the disk was full is told when it is not any more, each change once and in order."""
    disk = Disk(site, errno.ENOSPC)
    site.start_around(run_ms=2000)
    site.start_bridge(env=disk.env)
    command = site.send("execute")
    command.wait_state("inProgress")
    disk.fill()
    site.wait_bridge_state("degraded")
    eventually(lambda: site.api.executions()[0]["status"] == "completed", "the run has ended")
    assert command.states()[-1]["state"] != "completed"
    disk.empty()
    assert command.final()["outcome"] == "succeeded"


def test_killed_while_full(site):
    disk = Disk(site, errno.ENOSPC)
    site.start_around()
    site.start_bridge(env=disk.env)
    disk.fill()
    command = site.send("execute")
    site.wait_bridge_state("degraded")
    site.bridge.kill()
    disk.empty()
    site.start_bridge(env=disk.env)
    assert command.final()["outcome"] == "succeeded"
    assert len(site.api.executions()) == 1
