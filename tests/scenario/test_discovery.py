# SPDX-License-Identifier: Apache-2.0
"""Home Assistant discovery: every job shows as a button and two sensors, in the words of Home Assistant's manual; the
button works; what goes is taken back, also over a restart; the birth message brings everything again."""

import json
import re
import signal

import pytest

from harness import eventually
from harness.program import call_site

# From Home Assistant's manual (MQTT button, MQTT sensor, discovery): what must be there, and what may.
REQUIRED = {"button": {"command_topic"}, "sensor": {"state_topic"}}
COMMON = {"name", "unique_id", "icon", "qos", "availability_topic", "availability_template", "device", "origin"}
ALLOWED = {"button": {"command_topic", "payload_press"} | COMMON,
           "sensor": {"state_topic", "value_template", "unit_of_measurement", "state_class",
                      "json_attributes_topic"} | COMMON}
CONFIG_TOPIC = re.compile(r"^homeassistant/(button|sensor)/([a-zA-Z0-9_-]+)/([a-zA-Z0-9_-]+)/config$")


def discovered(client):
    """{topic: message} of what a Home Assistant would know now."""
    known = {}
    for message in client.messages:
        if CONFIG_TOPIC.match(message.topic):
            known[message.topic] = message.json
            if not message.payload:
                del known[message.topic]
    return known


def fresh(site, count):
    """What somebody who comes now gets: retained messages only."""
    newcomer = site.connect(topics=["homeassistant/#"])
    newcomer.wait_for(lambda: len(discovered(newcomer)) >= count, f"{count} announcements")
    return discovered(newcomer)


def hang_up(site):
    before = len(site.bridge.log)
    site.bridge.write_configuration(site.config)
    site.bridge.signal(signal.SIGHUP)
    eventually(lambda: "configuration reloaded" in site.bridge.log[before:], "the reload")


@pytest.fixture
def home(site):
    site.config["discovery"] = {"prefix": "homeassistant"}
    return site.start()


def render(template, payload):
    """As Home Assistant would, for the two kinds of templates that are used."""
    value = json.loads(payload)
    simple = re.fullmatch(r"\{\{ value_json\.(\w+) \}\}", template)
    if simple:
        return str(value[simple.group(1)])
    chosen = re.fullmatch(r"\{\{ '(\w+)' if value_json\.(\w+) == '(\w+)' else '(\w+)' \}\}", template)
    return chosen.group(1) if value[chosen.group(2)] == chosen.group(3) else chosen.group(4)


def test_each_job_is_a_button_and_two_sensors(home):
    found = fresh(home, 6)
    assert len(found) == 6
    ids = set()
    for topic, payload in found.items():
        component, node, _ = CONFIG_TOPIC.match(topic).groups()
        assert node == "jobbridge"
        assert REQUIRED[component] <= set(payload) <= ALLOWED[component], topic
        assert payload["device"]["identifiers"] == ["jobbridge_jobbridge"] and payload["origin"]["name"] == "jobbridge"
        assert payload["availability_topic"] == home.bridge_topic
        ids.add(payload["unique_id"])
    assert len(ids) == 6
    assert {payload["name"] for payload in found.values()} == {
        "recalibrate", "recalibrate state", "recalibrate progress", "tune", "tune state", "tune progress"}


@pytest.mark.sanitizers
def test_pressing_the_button_shows_in_the_sensors(home):
    found = fresh(home, 6)
    button = found["homeassistant/button/jobbridge/recalibrate_execute/config"]
    state = found["homeassistant/sensor/jobbridge/recalibrate_state/config"]
    progress = found["homeassistant/sensor/jobbridge/recalibrate_progress/config"]
    home.client.publish(button["command_topic"], button["payload_press"])
    home.client.wait_message(state["state_topic"], lambda m: m.json.get("outcome") == "succeeded")
    states = [render(state["value_template"], m.payload) for m in home.client.on(state["state_topic"])]
    assert states[0] == "queued" and states[-1] == "completed"
    numbers = [render(progress["value_template"], m.payload) for m in home.client.on(progress["state_topic"])]
    assert numbers[-1] == "100" and all(number.isdigit() for number in numbers)
    # A second press is a second run: nothing of the first makes it a repetition.
    home.client.publish(button["command_topic"], button["payload_press"])
    home.api.wait_executions(2)


def test_availability(home):
    payload = fresh(home, 6)["homeassistant/sensor/jobbridge/tune_state/config"]

    def available():
        return render(payload["availability_template"], home.client.on(payload["availability_topic"])[-1].payload)
    assert available() == "online"
    home.api.fault("get", "status", status=503, times=8)
    command = home.send("get")
    home.wait_bridge_state("degraded", after=1)
    assert available() == "online", "what is asked for waits, and is done"
    command.accepted(timeout=30)
    home.bridge.terminate()
    home.wait_bridge_state("offline")
    assert available() == "offline"


def test_the_birth_message_brings_everything_again(home):
    fresh(home, 6)
    before = len(home.client.messages)
    home.client.publish("homeassistant/status", "offline")
    home.client.publish("homeassistant/status", "online")
    home.client.wait_for(lambda: len({m.topic for m in home.client.messages[before:]
                                      if CONFIG_TOPIC.match(m.topic) and m.payload}) == 6, "six announcements again")
    assert home.client.on("bridges/jobbridge/deadletter") == []


def test_a_job_that_goes_is_taken_back(home):
    fresh(home, 6)
    home.config["jobs"] = home.config["jobs"][:1]
    before = len(home.client.messages)
    hang_up(home)
    # Topics, as what the broker has not acknowledged yet when the reload reconnects comes twice.
    home.client.wait_for(lambda: len({m.topic for m in home.client.messages[before:] if not m.payload}) == 3,
                         "taken back")
    told = {m.topic for m in home.client.messages[before:] if CONFIG_TOPIC.match(m.topic)}
    assert len(told) == 3 and all("/tune_" in topic for topic in told), "what stays is not told again"
    assert len(fresh(home, 3)) == 3


def test_also_while_the_bridge_was_away(home):
    fresh(home, 6)
    home.bridge.kill()
    del home.config["discovery"]
    home.start_bridge()
    home.client.wait_for(lambda: discovered(home.client) == {}, "everything taken back")
    home.bridge.terminate()
    before = len(home.client.messages)
    home.start_bridge()
    home.send("get").accepted()
    assert not [m for m in home.client.messages[before:] if CONFIG_TOPIC.match(m.topic)], "once is enough"


def test_a_restart_tells_nothing_new(home):
    fresh(home, 6)
    home.bridge.terminate()
    before = len(home.client.messages)
    home.start_bridge()
    home.send("get").accepted()
    assert not [m for m in home.client.messages[before:] if CONFIG_TOPIC.match(m.topic)]


def test_a_broker_that_forgot_is_told_again(home):
    """mosquitto without persistence has neither session nor retained messages after a restart."""
    fresh(home, 6)
    home.broker.restart()
    home.wait_bridge_state("online", after=1)
    assert len(fresh(home, 6)) == 6


def test_a_route_with_other_captures_and_a_fixed_job(site):
    site.config["routes"] = [
        {"name": "devices", "filter": "devices/{device}/jobs/{job}/cmd/{action}", "replies": "devices/{device}/jobs/{job}"},
        {"name": "wall", "filter": "walls/{wall}/{row}/press", "job": "tune", "action": "execute",
         "replies": "walls/{wall}/{row}/{job}"}]
    site.config["discovery"] = {"prefix": "homeassistant", "route": "wall", "device": "ha"}
    site.start()
    found = fresh(site, 3)
    assert {payload["name"] for payload in found.values()} == {"tune", "tune state", "tune progress"}
    button = found["homeassistant/button/jobbridge/tune_execute/config"]
    assert button["command_topic"] == "walls/ha/ha/press"
    site.client.publish(button["command_topic"], button["payload_press"])
    site.client.wait_message(found["homeassistant/sensor/jobbridge/tune_state/config"]["state_topic"],
                             lambda m: m.json.get("outcome") == "succeeded")


def test_what_may_not_be_executed_or_followed(site):
    site.config["discovery"] = {"prefix": "homeassistant"}
    site.config["jobs"][0]["actions"] = ["get"]
    site.config["jobs"][1]["follow"] = False
    site.start()
    assert [payload["name"] for payload in fresh(site, 1).values()] == ["tune"]


def test_off_by_default(site):
    site.start()
    site.client.publish("homeassistant/status", "online")
    site.send("get").accepted()
    assert not [m for m in site.client.messages if CONFIG_TOPIC.match(m.topic)]


@pytest.mark.parametrize("change, key, part", [
    ({"broker": {"retain": False}}, "discovery.prefix", "broker.retain is false"),
    ({"discovery": {"prefix": "a/+"}}, "discovery.prefix", "no topic"),
    ({"discovery": {"prefix": "homeassistant", "route": "nowhere"}}, "discovery.route", "name of a route"),
    ({"discovery": {"prefix": "homeassistant", "device": "a/b"}}, "discovery.device", "one level"),
    ({"routes": {"filter": "devices/+/jobs/{job}/cmd/{action}", "replies": "replies/{job}"}}, "discovery.prefix",
     "cannot fill in"),
    ({"routes": {"status": "devices/{device}/{requestId}/status"}}, "discovery.prefix", "a topic for each run"),
    ({"routes": {"filter": "{a}/{device}/{job}/{action}/config", "replies": "r/{job}"}}, "discovery.prefix",
     "takes for a command"),
])
def test_what_cannot_work_is_a_mistake(site, change, key, part):
    site.config["discovery"] = {"prefix": "homeassistant"}
    for group, values in change.items():
        (site.config["routes"][0] if group == "routes" else site.config[group]).update(values)
    done = call_site(site, "check")
    assert done.code == 78 and done.out.count("\n") == 1, done
    assert f": {key}: " in done.out and part in done.out
