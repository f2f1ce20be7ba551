# SPDX-License-Identifier: Apache-2.0
"""A requestId names one command: sent again it gets the stored answer, with another body it is a conflict."""

import pytest

from harness import eventually

BODY = '{"requestId":"once","templateContext":{"n":1}}'
OTHER_BODY = '{"requestId":"once","templateContext":{"n":2}}'


def wait_answers(site, kind, count, request_id="once"):
    return site.client.wait_for(
        lambda: site.client.replies[kind, request_id] if len(site.client.replies[kind, request_id]) >= count else None,
        f"{count} times {kind}")


@pytest.mark.sanitizers
def test_the_same_command_again_gets_the_same_answer(site):
    site.start()
    site.send_text(BODY, "once").accepted()
    site.send_text(BODY, "once")
    answers = wait_answers(site, "accepted", 2)
    assert answers[0].json["executionId"] == answers[1].json["executionId"]
    assert len(site.api.executions()) == 1


def test_another_body_is_a_conflict(site):
    site.start()
    first = site.send_text(BODY, "once")
    first.accepted()
    site.send_text(OTHER_BODY, "once")
    [conflict] = wait_answers(site, "rejected", 1)
    assert conflict.json["error"]["type"] == "Conflict"
    assert first.final()["outcome"] == "succeeded"
    assert len(site.api.executions()) == 1


def test_another_action_is_a_conflict(site):
    site.start()
    site.send_text('{"requestId":"once"}', "once").accepted()
    site.send_text('{"requestId":"once"}', "once", action="get")
    answers = site.client.wait_for(
        lambda: site.client.replies["rejected", "once"] or site.client.replies["accepted", "once"][1:],
        "a second answer")
    # The action is part of the topic's captures: it may also be a command of its own, but never the stored answer.
    assert answers[0].json["action"] == "get"


def test_other_captures_are_another_command(site):
    site.start()
    first = site.send_text(BODY, "once", device="d1")
    first.accepted()
    site.send_text(OTHER_BODY, "once", device="d2")
    site.client.wait_message("devices/d2/jobs/recalibrate/accepted")
    assert len(site.api.executions()) == 2


@pytest.mark.parametrize("end", ["terminate", "kill"])
def test_across_a_restart(site, end):
    site.start()
    first = site.send_text(BODY, "once")
    first.final()
    getattr(site.bridge, end)()
    site.start_bridge()
    site.send_text(BODY, "once")
    answers = wait_answers(site, "accepted", 2)
    assert {answer.json["executionId"] for answer in answers} == {first.accepted()["executionId"]}
    site.send_text(OTHER_BODY, "once")
    assert wait_answers(site, "rejected", 1)[0].json["error"]["type"] == "Conflict"
    assert len(site.api.executions()) == 1


def test_while_the_first_is_on_its_way(site):
    site.start()
    site.api.fault("execute", "delay", ms=700, times=1)
    first = site.send_text(BODY, "once")
    site.send_text(BODY, "once")
    site.send_text(BODY, "once")
    first.accepted()
    site.send("get").accepted()
    assert first.final()["outcome"] == "succeeded"
    assert len({m.json["executionId"] for m in first.messages("accepted")}) == 1
    assert len(site.api.executions()) == 1


def test_a_refusal_is_stored_too(site):
    site.start()
    site.api.fault("execute", "status", status=404, times=1)
    site.send_text(BODY, "once").rejected()
    site.send_text(BODY, "once")
    answers = wait_answers(site, "rejected", 2)
    assert answers[0].json["error"] == answers[1].json["error"]
    assert site.api.executions() == []


def test_a_name_is_free_again_after_keep_done(site):
    site.config["journal"]["keep_done_s"] = 1
    site.start(run_ms=50)
    first = site.send_text(BODY, "once")
    first.final()

    def accepted_anew():
        site.send_text(BODY, "once")
        return len({m.json["executionId"] for m in first.messages("accepted")}) == 2
    eventually(accepted_anew, "the id names a new command", timeout=20)


def test_a_repeated_cancel_gets_the_same_answer(site):
    """To the letter: also when the execution was only known by its requestId."""
    site.start(run_ms=5000)
    command = site.send("execute")
    command.accepted()
    first = site.send("cancelExecution", {"requestId": "c1", "of": command.request_id})
    first.accepted()
    site.send("cancelExecution", {"requestId": "c1", "of": command.request_id})
    site.client.wait_for(lambda: len(first.messages("accepted")) == 2, "the answer again")
    one, two = (message.payload for message in first.messages("accepted"))
    assert one == two
    assert first.messages("accepted")[0].json["executionId"] == command.accepted()["executionId"]
