# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the scenarios. Where a test has failed, what bridge, broker and API said is added to its report."""

import os

import pytest

from harness import Api, Site, free_port
from harness.certificates import Certificates


@pytest.fixture
def site(tmp_path):
    """An installation that is not started yet; the end of the test ends it, and checks that the bridge ends well."""
    place = Site(tmp_path)
    yield place
    place.stop()


@pytest.fixture
def secured(site):
    """A site whose bridge reaches both over TLS; the test's own client keeps its plain listener."""
    made = Certificates(os.path.join(site.folder, "tls"))
    port = free_port()
    site.broker.more_lines = [f"listener {port} 127.0.0.1", "allow_anonymous true", f"cafile {made.ca}",
                              f"certfile {made.cert}", f"keyfile {made.key}"]
    site.config["broker"].update(uri=f"ssl://127.0.0.1:{port}", tls={"ca_file": made.ca})
    site.api = Api(site.api.folder, arguments=["--tls-cert", made.cert, "--tls-key", made.key])
    site.config["api"].update(base_url=f"https://127.0.0.1:{site.api.port}", tls={"ca_file": made.ca})
    return site


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    place = getattr(item, "funcargs", {}).get("site")
    if report.failed and place is not None:
        try:
            report.sections.extend(place.report())
        except Exception as error:  # the report of a failure must not hide the failure
            report.sections.append(("report", repr(error)))
