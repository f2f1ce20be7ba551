# SPDX-License-Identifier: Apache-2.0
"""jobbridge queue: what it lists and shows, beside the running bridge and after it; what retry and drop do in each
state, and that neither breaks a promise."""

import os
import signal

import pytest

from harness import APPLICATION_ID, JOB_IDS, eventually
from harness.program import call_site


def queue(site, *arguments, **more):
    return call_site(site, "queue", *arguments, **more)


def ids(site, *arguments):
    done = queue(site, "list", "--json", *arguments)
    assert done.code == 0, done
    return [row["requestId"] for row in done.lines]


def row(site, command):
    """What the journal says of a command."""
    done = queue(site, "show", command.request_id, "--json")
    assert done.code == 0, done
    return done.json


def wait_state(site, command, state):
    return eventually(lambda: (found := row(site, command))["state"] == state and found, f"the journal has it {state}")


@pytest.mark.sanitizers
def test_list_and_its_filters(site):
    site.start(run_ms=60000)
    first = site.send("execute")
    first.accepted()
    second = site.send("get", job="tune")
    second.accepted()
    third = site.send("get", {"bogus": 1}, job="tune")
    third.rejected()  # it never was a command: the journal does not have it
    middle = row(site, second)["arrived"]
    assert ids(site) == [second.request_id, first.request_id]
    assert ids(site, "--limit", "1") == [second.request_id]
    assert ids(site, "--job", "recalibrate") == [first.request_id]
    assert ids(site, "--state", "following") == ids(site, "--state", "open") == [first.request_id]
    assert ids(site, "--state", "done") == [second.request_id]
    assert ids(site, "--since", middle) == [second.request_id]
    assert ids(site, "--until", middle) == [first.request_id]
    assert ids(site, "--since", "1h") == [second.request_id, first.request_id]
    assert ids(site, "--until", "1h") == []
    lines = queue(site, "list").out.splitlines()
    assert lines[0].split() == ["ID", "AGE", "JOB", "ACTION", "STATE", "RUN", "REQUEST", "RESULT"]
    assert len(lines) == 3 and first.request_id in lines[2] and "following" in lines[2]


def test_after_the_bridge(site):
    site.start()
    command = site.send("execute")
    command.final()
    assert site.bridge.terminate() == 0
    assert ids(site) == [command.request_id]
    assert row(site, command)["outcome"] == "succeeded"


@pytest.mark.sanitizers
def test_show_tells_everything_but_secrets(site):
    site.start(run_ms=60000)
    command = site.send("execute", {"templateContext": {"n": 12345678901234567890}})
    accepted = command.accepted()
    site.broker.stop()  # so that something waits to be published
    site.api.shape_run(accepted["executionId"], status="canceled")
    shown = wait_state(site, command, "finished")
    assert shown["executionId"] == accepted["executionId"]
    assert (shown["job"], shown["action"], shown["runState"]) == ("recalibrate", "execute", "canceled")
    assert shown["applicationId"] == APPLICATION_ID and shown["resourceJobId"] == JOB_IDS[0]
    assert shown["topics"]["status"] == f"{command.base}/status"
    waiting = [message["payload"]["state"] for message in shown["outbox"] if message["topic"].endswith("/status")]
    assert "canceled" in waiting
    assert queue(site, "show", str(shown["id"]), "--json").json["id"] == shown["id"]
    assert queue(site, "show", shown["marker"], "--json").json["id"] == shown["id"]
    text = queue(site, "show", command.request_id)
    assert text.code == 0 and accepted["executionId"] in text.out and site.api.token not in text.out


def test_what_is_not_there(site):
    missing = queue(site, "list")
    assert missing.code == 66 and "no journal" in missing.err
    site.start()
    for arguments in (["show", "4711"], ["show", "nobody"], ["drop", "4711"], ["show", "D9"]):
        assert queue(site, *arguments).code == 66, arguments
    assert queue(site, "retry", "D9").code == 69
    for arguments in (["explode"], ["list", "more"], ["show"], ["list", "--state", "tired"], ["list", "--limit", "0"],
                      ["list", "--since", "yesterday"]):
        assert queue(site, *arguments).code == 64, arguments


@pytest.mark.sanitizers
def test_drop_of_one_that_was_not_sent(site):
    site.config["api"]["retry"] = {"base_ms": 3600000, "max_ms": 3600000}  # it stays in its back-off
    gate = site.put_gate()
    site.start()
    site.send("get").accepted()  # the API's clock is known, so that its own call comes first
    gate.close()
    command = site.send("execute", {"templateContext": {}})
    wait_state(site, command, "retryWait")
    done = queue(site, "drop", command.request_id)
    assert done.code == 0 and "Canceled" in done.out
    assert command.error()["type"] == "Canceled"
    assert command.final()["state"] == "canceled"
    assert queue(site, "drop", command.request_id).code == 69
    assert queue(site, "retry", command.request_id).code == 69
    gate.open()
    site.send("execute").final()
    assert len(site.api.executions()) == 1
    assert len(command.messages("rejected")) == 1


@pytest.mark.sanitizers
def test_retry_ends_the_waiting(site):
    site.config["api"]["retry"] = {"base_ms": 3600000, "max_ms": 3600000}
    site.start()
    site.api.fault("get", "status", status=503, times=1)
    command = site.send("get")
    wait_state(site, command, "retryWait")
    assert queue(site, "retry", command.request_id).code == 0
    command.accepted()


def test_one_at_the_api_is_left_alone(site):
    site.start()
    site.api.fault("get", "delay", ms=1500)
    command = site.send("get")
    wait_state(site, command, "sent")
    for verb in ("drop", "retry"):
        done = queue(site, verb, command.request_id, "--json")
        assert done.code == 69 and done.json["ok"] is False
    command.accepted()


@pytest.mark.sanitizers
def test_an_ambiguous_one_can_only_be_given_up(site):
    site.config["api"]["reconcile"]["settle_ms"] = 600000
    site.start(run_ms=50)
    site.api.fault("execute", "actThenDrop", times=1)
    command = site.send("execute")
    wait_state(site, command, "ambiguous")
    assert queue(site, "retry", command.request_id).code == 69
    assert queue(site, "drop", command.request_id).code == 0
    assert command.error()["type"] == "OutcomeUnknown"
    assert command.final()["outcome"] == "unknown"
    site.send("execute").final()
    assert len(site.api.executions()) == 2


def test_an_ambiguous_one_that_was_dropped_is_settled_in_the_line(site):
    """The bridge still has it in mind when it is gone from the journal; it must not stumble over that."""
    site.config["api"]["reconcile"]["settle_ms"] = 1500
    site.config["jobs"][0]["overlap"] = "queue"
    site.start(run_ms=50)
    site.api.fault("execute", "actThenDrop", times=1)
    command = site.send("execute")
    wait_state(site, command, "ambiguous")
    assert queue(site, "drop", command.request_id).code == 0
    site.send("execute").final()


@pytest.mark.sanitizers
def test_a_run_that_is_not_followed_any_more(site):
    site.start(run_ms=600000)
    command = site.send("execute")
    command.wait_state("inProgress")
    assert queue(site, "retry", command.request_id).code == 69
    assert queue(site, "drop", command.request_id).code == 0
    assert command.final()["state"] == "unknown"
    assert len(command.messages("accepted")) == 1 and not command.messages("rejected")


@pytest.mark.sanitizers
def test_drop_after_the_bridge(site):
    site.config["api"]["retry"] = {"base_ms": 3600000, "max_ms": 3600000}  # it stays in its back-off
    gate = site.put_gate()
    site.start()
    site.send("get").accepted()  # the API's clock is known, so that its own call comes first
    gate.close()
    command = site.send("execute", {"templateContext": {}})
    wait_state(site, command, "retryWait")
    site.bridge.kill()
    assert queue(site, "retry", command.request_id).code == 0
    assert queue(site, "drop", command.request_id).code == 0
    assert row(site, command)["state"] == "canceled"
    gate.open()
    site.start_bridge()
    assert command.error()["type"] == "Canceled"
    assert site.api.executions() == []


def dead_letter(site, text='{"requestId":"late"}', number=1):
    """A message whose reply topic would begin with a dollar: the broker's own, so nobody can be answered there."""
    site.client.publish("alarm/$pump/recalibrate/execute", text)
    return site.client.wait_for(lambda: len(site.client.on("bridges/jobbridge/deadletter")) >= number
                                and site.client.on("bridges/jobbridge/deadletter")[number - 1].json, "a dead letter")


@pytest.fixture
def mute(site):
    """A site with a route that cannot answer every topic."""
    site.config["routes"].append({"name": "alarm", "filter": "alarm/{pump}/{job}/{action}", "replies": "{pump}/told"})
    return site


@pytest.mark.sanitizers
def test_a_dead_letter_is_kept_and_told(mute):
    mute.start()
    told = dead_letter(mute, "\x1b[31m not JSON")
    assert (told["topic"], told["payload"]) == ("alarm/$pump/recalibrate/execute", "\x1b[31m not JSON")
    letters = queue(mute, "list", "--dead", "--json").lines
    assert [letter["id"] for letter in letters] == ["D1"]
    assert letters[0]["reason"] == told["reason"] and letters[0]["payload"] == told["payload"]
    assert queue(mute, "list", "--dead", "--until", "1h", "--json").lines == []
    assert "D1" in queue(mute, "list", "--dead").out
    shown = queue(mute, "show", "D1")
    assert shown.code == 0 and "\x1b" not in shown.out and "[31m not JSON" in shown.out


@pytest.mark.sanitizers
def test_retry_of_a_dead_letter(mute):
    mute.start(run_ms=50)
    dead_letter(mute)
    still = queue(mute, "retry", "D1")
    assert still.code == 69 and "still" in still.err
    mute.config["routes"][-1]["replies"] = "told/{pump}"
    mute.bridge.write_configuration(mute.config)
    mute.bridge.signal(signal.SIGHUP)
    mute.bridge.wait_log("configuration reloaded")
    assert queue(mute, "retry", "D1").code == 0
    mute.client.wait_message("told/$pump/accepted", lambda message: message.request_id == "late")
    assert queue(mute, "list", "--dead", "--json").lines == []
    assert queue(mute, "retry", "D1").code == 69
    assert len(mute.api.wait_executions(1)) == 1


def test_retry_of_a_dead_letter_after_the_bridge(mute):
    mute.start(run_ms=50)
    dead_letter(mute, "{}")
    assert mute.bridge.terminate() == 0
    mute.config["routes"][-1]["replies"] = "told/{pump}"
    assert queue(mute, "retry", "D1").code == 0
    assert queue(mute, "list", "--dead", "--json").lines == []
    mute.start_bridge()
    mute.client.wait_message("told/$pump/accepted")
    assert len(mute.api.executions()) == 1


def test_a_dead_letter_that_is_dropped_never_gives_its_number_to_another(mute):
    mute.start()
    dead_letter(mute)
    assert queue(mute, "drop", "D1").code == 0
    assert queue(mute, "drop", "D1").code == 69
    dead_letter(mute, number=2)
    assert [letter["id"] for letter in queue(mute, "list", "--dead", "--json").lines] == ["D2"]


def test_the_bound_of_dead_letters(mute):
    mute.config["journal"]["max_dead"] = 3
    mute.start()
    for number in range(1, 6):
        dead_letter(mute, f"{number}", number)
    assert [letter["payload"] for letter in queue(mute, "list", "--dead", "--json").lines] == ["5", "4", "3"]


def test_what_is_over_goes_after_its_time(mute):
    mute.config["journal"]["keep_done_s"] = 1
    mute.start(run_ms=10)
    dead_letter(mute)
    commands = [mute.send("get") for _ in range(300)]  # more than one pruning change looks at
    for command in commands:
        command.accepted()
    eventually(lambda: ids(mute) == [] and queue(mute, "list", "--dead", "--json").lines == [], "the journal is empty")


def test_only_its_own_user_may_ask(site):
    site.start()
    assert os.stat(site.journal_path + ".control").st_mode & 0o777 == 0o600
    site.bridge.terminate()
    assert not os.path.exists(site.journal_path + ".control")
