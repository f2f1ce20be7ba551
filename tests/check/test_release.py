# SPDX-License-Identifier: Apache-2.0
"""The released program: small, and hardened as its build says. Needs build/release, which tests/run makes."""

import os
import subprocess

import pytest

from tree import ROOT

PROGRAM = os.path.join(ROOT, "build", "release", "jobbridge")
BYTES_MAX = 300 * 1024


def readelf(*arguments):
    return subprocess.run(["readelf", "-W", *arguments, PROGRAM], capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_size():
    assert os.path.getsize(PROGRAM) < BYTES_MAX


@pytest.mark.slow
def test_hardening():
    assert "DYN (" in readelf("-h"), "not position independent"
    assert "GNU_RELRO" in readelf("-l") and "BIND_NOW" in readelf("-d"), "not fully read-only after linking"
    stack = next(line for line in readelf("-l").splitlines() if "GNU_STACK" in line)
    assert "RWE" not in stack, "the stack is executable"
    symbols = readelf("--dyn-syms")
    assert "__stack_chk_fail" in symbols, "no stack protector"
    assert "_chk@" in symbols, "no fortified functions"


@pytest.mark.slow
def test_nothing_for_debugging_is_left():
    assert ".debug_info" not in readelf("-S") and ".symtab" not in readelf("-S")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["poll", "writev", "SSL_write"])
def test_the_librarys_calls_arrive_here(name):
    """What the bridge puts before the MQTT library's calls (bridge/io/mqtt_fair.c, mqtt_write.c) must be found first."""
    exported = [line.split() for line in readelf("--dyn-syms").splitlines() if line.split()[-1:] == [name]]
    assert any(words[6] != "UND" for words in exported), f"{name} is not exported"
