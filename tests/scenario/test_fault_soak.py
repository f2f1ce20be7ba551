# SPDX-License-Identifier: Apache-2.0
"""A short piece of tests/fault/soak, whose whole length nobody waits for here."""

import os
import subprocess
import sys

import pytest

SOAK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fault", "soak")
SEED = os.environ.get("SWEEP_SEED", "1")


@pytest.mark.slow
def test_a_piece_of_the_soak():
    done = subprocess.run([SOAK, "--minutes", "0.6", "--rate", "100", "--seed", SEED], capture_output=True, text=True,
                          check=False)
    sys.stdout.write(done.stdout[-8000:])
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]
