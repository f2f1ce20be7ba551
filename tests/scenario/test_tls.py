# SPDX-License-Identifier: Apache-2.0
"""TLS to broker and API: with the right authority it works, with a wrong one neither token nor password leaves."""

import os

import pytest

from harness import Api, free_port
from harness.certificates import Certificates


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


@pytest.mark.sanitizers
def test_both_over_tls(secured):
    secured.start()
    assert secured.send("execute").final()["outcome"] == "succeeded"


def test_an_api_of_another_authority_gets_nothing(secured):
    other = Certificates(os.path.join(secured.folder, "other"))
    secured.config["api"]["tls"]["ca_file"] = other.ca
    secured.start()
    command = secured.send("execute", {"ttl": 3})
    assert secured.wait_bridge_state("degraded")["reason"]
    assert command.error(timeout=10)["type"] == "Expired"
    assert secured.api.requests() == []


def test_a_broker_of_another_authority_is_not_used(secured):
    other = Certificates(os.path.join(secured.folder, "other"))
    secured.config["broker"]["tls"]["ca_file"] = other.ca
    secured.start_around()
    secured.launch_bridge()
    secured.bridge.wait_log("not connected")
    assert secured.client.on(secured.bridge_topic) == []
    assert secured.bridge.alive


def test_without_verification(secured):
    other = Certificates(os.path.join(secured.folder, "other"))
    secured.config["broker"]["tls"] = {"ca_file": other.ca, "verify": False}
    secured.start()
    secured.send("get").accepted()
