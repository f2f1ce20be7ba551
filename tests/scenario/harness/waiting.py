# SPDX-License-Identifier: Apache-2.0
"""Waiting for something to become true, always with a bound. A sanitizer build is slower: SCENARIO_PATIENCE multiplies
every bound, and nothing else."""

import os
import time

PATIENCE = float(os.environ.get("SCENARIO_PATIENCE", "1"))
DEFAULT_S = 15.0
POLL_S = 0.01


def patient(seconds=DEFAULT_S):
    """A bound in seconds, stretched for slow builds."""
    return seconds * PATIENCE


def eventually(probe, what, timeout=DEFAULT_S):
    """Polls probe until it returns something true, and returns that. For what cannot tell by itself that it changed."""
    end = time.monotonic() + patient(timeout)
    while True:
        result = probe()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"not within {patient(timeout):g} s: {what}")
        time.sleep(POLL_S)
