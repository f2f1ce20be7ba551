# SPDX-License-Identifier: Apache-2.0
"""The orderly end, and that one journal has one bridge."""

import copy
import signal
import subprocess
import time

import pytest

from harness import patient
from harness.bridge import PROGRAM, Bridge

BOUND_S = 10


def end(site, number=signal.SIGTERM):
    """Seconds from the signal to the end; the exit code must be 0."""
    begun = time.monotonic()
    site.bridge.signal(number)
    assert site.bridge.process.wait(BOUND_S) == 0
    return time.monotonic() - begun


def run_to_end(path):
    """A bridge that is expected to end by itself."""
    return subprocess.run([PROGRAM, "run", "-c", path], capture_output=True, text=True, timeout=patient(10),
                          check=False)


@pytest.mark.sanitizers
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_zero(site, number):
    site.start()
    assert end(site, number) < patient(3)
    site.client.wait_message(site.bridge_topic, lambda m: m.json["state"] == "offline")


def test_before_it_ever_reached_the_broker(site):
    site.launch_bridge()
    site.bridge.wait_log("\n")
    end(site)


@pytest.mark.sanitizers
def test_what_is_in_flight_is_finished(site):
    site.start(run_ms=100)
    site.api.fault("execute", "actThenDelay", ms=700, times=1)
    command = site.send("execute")
    site.api.wait_executions(1)
    end(site)
    assert command.messages("accepted") or not command.messages("rejected")
    site.start_bridge()
    assert command.final()["outcome"] == "succeeded"
    assert len(site.api.executions()) == 1


@pytest.mark.parametrize("on", ["execute", "logs"])
def test_an_api_that_hangs_does_not_hold_the_end(site, on):
    site.config["api"]["request_timeout_ms"] = 60000
    site.start()
    site.api.fault(on, "hang", times=1)
    command = site.send("execute")
    site.api.wait_requests(on, 1)
    end(site)
    site.start_bridge()
    assert command.final(timeout=30)["outcome"] == "succeeded"
    assert len(site.api.executions()) == 1


def test_a_broker_that_is_away_does_not_hold_the_end(site):
    site.start(run_ms=300)
    command = site.send("execute")
    command.wait_state("queued", "inProgress")
    site.broker.stop()
    end(site)
    site.broker.start()
    site.start_bridge()
    assert command.final(timeout=30)["outcome"] == "succeeded"


@pytest.mark.sanitizers
def test_a_second_bridge_on_the_same_journal_refuses(site):
    site.start()
    config = copy.deepcopy(site.config)
    config["broker"]["client_id"] = "another"
    second = Bridge(site.folder + "/second")
    second.write_configuration(config)
    done = run_to_end(second.path)
    assert done.returncode > 0
    assert str(site.bridge.pid) in done.stderr
    assert site.send("execute").final()["outcome"] == "succeeded"


def test_a_journal_left_by_a_killed_bridge_is_free(site):
    site.start()
    site.bridge.kill()
    site.start_bridge()
    site.send("get").accepted()


def test_a_wrong_configuration_is_named(site):
    site.config["api"]["no_such_key"] = 1
    site.bridge.write_configuration(site.config)
    done = run_to_end(site.bridge.path)
    assert done.returncode == 78
    assert "no_such_key" in done.stderr
