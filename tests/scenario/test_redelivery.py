# SPDX-License-Identifier: Apache-2.0
"""Commands without a requestId that the broker delivers again, because a connection broke before it had the PUBACK:
each runs once. And what looks alike but is another command: each runs."""

import pytest

from harness import ScriptedBroker

TOPIC = "devices/d1/jobs/recalibrate/cmd/execute"


@pytest.fixture
def scripted(site):
    """The bridge with a scripted broker, connected for the first time."""
    broker = ScriptedBroker().start()
    site.config["broker"].update(uri=broker.uri, protocol="3.1.1")
    site.api.start()
    site.launch_bridge()
    broker.wait_subscribed(1)
    broker.session_present = True
    yield broker
    broker.stop()


def reconnect(broker):
    count = broker.subscriptions
    broker.drop()
    broker.wait_subscribed(count + 1)


def check_executions(site, broker, count):
    """After one more command, which is done last, there are just so many."""
    broker.deliver("devices/d9/jobs/recalibrate/cmd/execute", '{"requestId":"last"}', 60000)
    executions = site.api.wait_executions(count + 1)
    broker.wait_acknowledged(60000)
    assert len(executions) == len(site.api.executions()) == count + 1


@pytest.mark.parametrize("restart", [False, True], ids=["connection lost", "killed"])
@pytest.mark.sanitizers
def test_the_same_message_again_runs_once(site, scripted, restart):
    scripted.deliver(TOPIC, "{}", 7)
    scripted.wait_acknowledged(7)  # the broker of this test has not noticed
    if restart:
        site.bridge.kill()
        count = scripted.subscriptions
        site.launch_bridge()
        scripted.wait_subscribed(count + 1)
    else:
        reconnect(scripted)
    scripted.deliver(TOPIC, "{}", 7, dup=True)
    scripted.wait_acknowledged(7, 2)
    check_executions(site, scripted, 1)


def test_again_and_again(site, scripted):
    scripted.deliver(TOPIC, "{}", 7)
    scripted.wait_acknowledged(7)
    for times in (2, 3, 4):
        reconnect(scripted)
        scripted.deliver(TOPIC, "{}", 7, dup=True)
        scripted.wait_acknowledged(7, times)
    check_executions(site, scripted, 1)


def test_what_was_not_committed_before_runs(site, scripted):
    """DUP says that the broker has sent it before, not that we have it."""
    reconnect(scripted)
    scripted.deliver(TOPIC, "{}", 7, dup=True)
    scripted.wait_acknowledged(7)
    check_executions(site, scripted, 1)


@pytest.mark.parametrize("topic, payload, packet_id, dup", [
    (TOPIC, "{}", 8, True),
    (TOPIC, "{}", 7, False),
    (TOPIC, '{"templateContext":{}}', 7, True),
    ("devices/d2/jobs/recalibrate/cmd/execute", "{}", 7, True),
], ids=["another packet id", "no DUP", "another payload", "another topic"])
def test_what_only_looks_alike_runs(site, scripted, topic, payload, packet_id, dup):
    scripted.deliver(TOPIC, "{}", 7)
    scripted.wait_acknowledged(7)
    reconnect(scripted)
    scripted.deliver(topic, payload, packet_id, dup=dup)
    scripted.wait_acknowledged(packet_id, 1 if packet_id != 7 else 2)
    check_executions(site, scripted, 2)


def test_another_action_with_the_same_reply_topics_runs(site, scripted):
    scripted.deliver(TOPIC, "{}", 7)
    scripted.wait_acknowledged(7)
    reconnect(scripted)
    scripted.deliver("devices/d1/jobs/recalibrate/cmd/get", "{}", 7, dup=True)
    site.api.wait_requests("get", 1)
    check_executions(site, scripted, 1)


def test_a_packet_id_that_was_used_again_means_the_later_command(site, scripted):
    scripted.deliver(TOPIC, "{}", 7)
    scripted.deliver(TOPIC, '{"templateContext":{"n":1}}', 7)
    scripted.wait_acknowledged(7, 2)
    reconnect(scripted)
    scripted.deliver(TOPIC, "{}", 7, dup=True)
    scripted.wait_acknowledged(7, 3)
    check_executions(site, scripted, 3)


@pytest.mark.parametrize("restart", [False, True], ids=["connected", "killed"])
def test_packet_ids_begin_anew_with_a_new_session(site, scripted, restart):
    """The broker has forgotten everything: what has number 7 now is not what had it before."""
    scripted.deliver(TOPIC, "{}", 7)
    scripted.wait_acknowledged(7)
    scripted.session_present = False
    reconnect(scripted)
    scripted.session_present = True
    if restart:
        site.bridge.kill()
        count = scripted.subscriptions
        site.launch_bridge()
        scripted.wait_subscribed(count + 1)
    else:
        reconnect(scripted)
    scripted.deliver(TOPIC, "{}", 7, dup=True)
    scripted.wait_acknowledged(7, 2)
    check_executions(site, scripted, 2)
