# SPDX-License-Identifier: Apache-2.0
"""What an operator reads: one line for each command's decision, with its ids; trouble that repeats told once with a
count; lines that a machine can read; the journal's priorities."""

import json
import os
import re
import subprocess

import pytest

from harness import eventually, patient
from harness.bridge import PROGRAM

FIELD = re.compile(r'([a-z_]+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))(?: |$)')


def parse(line):
    """A line of either format, as {key: text}. Fails on anything that is not wholly fields."""
    if line.startswith("{"):
        return {key: str(value) for key, value in json.loads(line).items()}
    assert FIELD.sub("", line) == "", line
    return {key: text if text or not word else word for key, text, word in FIELD.findall(line)}


def lines_of(site, event):
    return [fields for fields in map(parse, site.bridge.log.splitlines()) if fields["event"] == event]


def decisions(site):
    """{requestId: its lines}."""
    found = {}
    for event in ("command accepted", "command rejected"):
        for fields in lines_of(site, event):
            found.setdefault(fields["request"], []).append({"event": event, **fields})
    return found


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_one_line_for_each_decision(site, form):
    site.config["log"]["format"] = form
    site.start()
    execute = site.send()
    execute.final()
    read = site.send("get")
    read.accepted()
    own = site.send("status")
    own.accepted()
    wrong = site.send("execute", {"requestId": 'wrong "one"', "nonsense": 1})
    wrong.rejected()
    site.api.fault("get", "status", status=404, times=1)
    refused = site.send("get")
    refused.rejected()
    without = site.send_text("{}", None)
    execution = site.api.wait_executions(2)[1]
    eventually(lambda: len(decisions(site)) >= 6, "all decisions in the log")
    found = decisions(site)
    assert all(len(lines) == 1 for lines in found.values()), found
    accepted = found[execute.request_id][0]
    assert accepted["event"] == "command accepted" and accepted["job"] == "recalibrate"
    assert accepted["action"] == "execute" and accepted["execution"] == execute.accepted()["executionId"]
    assert int(accepted["id"]) > 0
    assert found[read.request_id][0]["status"] == "200"
    assert found[own.request_id][0]["action"] == "status"
    line = found['wrong "one"' if form == "json" else 'wrong \\"one\\"'][0]
    assert (line["event"], line["type"], line["route"]) == ("command rejected", "InvalidCommand", "devices")
    assert "nonsense" in line["why"] and line["job"] == "recalibrate"
    line = found[refused.request_id][0]
    assert (line["event"], line["type"], line["status"]) == ("command rejected", "NotFound", "404")
    own_id = [lines[0] for lines in found.values() if lines[0].get("execution") == execution["executionId"]]
    assert len(own_id) == 1 and own_id[0]["request"], "without a requestId the bridge's own"
    assert without.request_id is None
    ended = lines_of(site, "run ended")
    assert (ended[0]["request"], ended[0]["outcome"]) == (execute.request_id, "succeeded")


def test_repeated_trouble_is_told_once_with_a_count(site):
    site.start()
    site.api.fault("get", "status", status=503, times=12)
    for command in [site.send("get") for _ in range(3)]:
        command.accepted(timeout=30)
    assert site.bridge.terminate() == 0
    failed = lines_of(site, "call failed, trying again")
    assert "repeated" not in failed[0] and failed[0]["level"] == "warning"
    told = len([line for line in failed if "job" in line]) + sum(int(line.get("repeated", 0)) for line in failed)
    assert told == 12 and len(failed) <= 3, failed


def test_the_journal_gets_priorities(site):
    """As under systemd: standard error is what JOURNAL_STREAM names."""
    site.start_around()
    with open(site.bridge.log_path, "w", encoding="utf-8"):
        pass
    about = os.stat(site.bridge.log_path)
    site.launch_bridge(env={"JOURNAL_STREAM": f"{about.st_dev}:{about.st_ino}"})
    site.wait_bridge_state("online")
    site.api.fault("get", "status", status=503, times=1)
    site.send("get").accepted(timeout=30)
    lines = site.bridge.log.splitlines()
    assert lines and all(re.match(r"<[3467]>level=(error|warning|info|debug) event=", line) for line in lines), lines
    assert any(line.startswith("<4>level=warning") for line in lines)
    assert not any("time=" in line for line in lines)


@pytest.mark.parametrize("command", ["run", "check"])
def test_the_journal_gets_a_wrong_configuration_as_errors(site, command):
    """At a start as in `systemctl reload`: journalctl -p err is where somebody looks for it."""
    site.config["broker"]["keepalive"] = 30
    site.config["api"]["max_in_flight"] = 0
    site.bridge.write_configuration(site.config)
    with open(os.path.join(site.folder, "journal"), "w+", encoding="utf-8") as journal:
        about = os.fstat(journal.fileno())
        done = subprocess.run([PROGRAM, command, "-c", site.bridge.path], stdout=journal, stderr=journal,
                              env={**os.environ, "JOURNAL_STREAM": f"{about.st_dev}:{about.st_ino}"},
                              timeout=patient(10), check=False)
        journal.seek(0)
        lines = journal.read().splitlines()
    assert done.returncode == 78
    assert len(lines) == 2 and all(line.startswith(f"<3>{site.bridge.path}:") for line in lines), lines


def test_a_stream_that_is_not_ours_gets_none(site):
    site.start_around()
    site.launch_bridge(env={"JOURNAL_STREAM": "1:1"})
    site.wait_bridge_state("online")
    assert all(line.startswith("time=") for line in site.bridge.log.splitlines())


def test_what_comes_in_cannot_forge_a_line(site):
    """Quotes in topics, newlines and terminal escapes in payloads stay inside their field."""
    site.start()
    evil = 'x\nlevel=error event="forged" \x1b[31m'
    site.client.publish('devices/d" level=error event="forged/jobs/nowhere/cmd/execute', json.dumps({"requestId": "r"}))
    site.send("execute", {"nonsense\n level=error event=forged": evil}).rejected()
    eventually(lambda: len(lines_of(site, "command rejected")) >= 2, "both decisions")
    assert all(line.startswith("time=") for line in site.bridge.log.splitlines())
    assert "\x1b" not in site.bridge.log and not lines_of(site, "forged")
