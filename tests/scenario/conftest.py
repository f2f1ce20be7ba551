# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the scenarios. Where a test has failed, what bridge, broker and API said is added to its report."""

import pytest

from harness import Site


@pytest.fixture
def site(tmp_path):
    """An installation that is not started yet; the end of the test ends it, and checks that the bridge ends well."""
    place = Site(tmp_path)
    yield place
    place.stop()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    place = getattr(item, "funcargs", {}).get("site")
    if report.failed and place is not None:
        try:
            report.sections.extend(place.report())
        except Exception as error:  # the report of a failure must not hide the failure
            report.sections.append(("report", repr(error)))
