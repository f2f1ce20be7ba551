# SPDX-License-Identifier: Apache-2.0
"""Connections that break under the hand of whoever writes: the MQTT library must live through it, and nothing that waits
to be published is lost. The version in Debian 12 frees a message twice there, and crashes some time later."""

import os

import pytest

from harness import eventually, ScriptedBroker
from harness.certificates import Certificates

MESSAGES = 150
BREAKS = 12


@pytest.mark.sanitizers
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
def test_a_connection_that_breaks_while_much_is_published(site, tls):
    certificates = Certificates(os.path.join(site.folder, "tls")) if tls else None
    broker = ScriptedBroker(certificates).start()
    site.config["broker"]["tls"] = {"ca_file": certificates.ca if tls else ""}
    site.config["broker"].update(uri=broker.uri, protocol="3.1.1", reconnect_min_ms=10, reconnect_max_ms=50)
    site.api.start()
    site.launch_bridge()
    broker.wait_subscribed(1)
    broker.session_present = True
    try:
        broker.on_publish = "ignore"
        for number in range(1, MESSAGES + 1):
            broker.deliver("devices/d1/jobs/recalibrate/cmd/nothing", f'{{"requestId":"r{number}"}}', number)
        for number in range(1, MESSAGES + 1):
            broker.wait_acknowledged(number)
        broker.on_publish = "reset"
        broker.drop()
        for count in range(2, BREAKS + 2):
            broker.wait_subscribed(count)
        broker.on_publish = "acknowledge"
        eventually(lambda: len({reply["requestId"] for reply in broker.replies("rejected")}) == MESSAGES,
                   "every rejection", 30)
        assert site.bridge.alive
    finally:
        broker.stop()
