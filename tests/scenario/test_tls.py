# SPDX-License-Identifier: Apache-2.0
"""TLS to broker and API: with the right authority it works, with a wrong one neither token nor password leaves."""

import os

import pytest

from harness.certificates import Certificates


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
