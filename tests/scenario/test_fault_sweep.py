# SPDX-License-Identifier: Apache-2.0
"""A sample of tests/fault/sweep: the bridge is killed at, or fails in, calls chosen by a seed. SWEEP_SEED chooses
others; a failure names its fault, and `tests/fault/sweep --only FAULT` repeats it."""

import os
import subprocess
import sys

import pytest

SWEEP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fault", "sweep")
SEED = os.environ.get("SWEEP_SEED", "1")
LIVES, WITHIN_S = 110, 130


@pytest.mark.slow
def test_a_sample_of_the_sweep():
    done = subprocess.run([SWEEP, "--sample", str(LIVES), "--seed", SEED, "--jobs", "2", "--within", str(WITHIN_S)],
                          capture_output=True, text=True, check=False)
    sys.stdout.write(done.stdout[-8000:])
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]
