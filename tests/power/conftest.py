# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the power cuts: sites whose bridge is recorded."""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import workload  # noqa: E402  pylint: disable=wrong-import-position


@pytest.fixture
def make_site(tmp_path):
    """make_site(durability): a site that is not started yet; the end of the test ends it."""
    made = []

    def make(durability="power"):
        made.append(workload.PowerSite(tmp_path / f"site-{len(made)}", durability))
        return made[-1]
    yield make
    for site in made:
        site.stop()
