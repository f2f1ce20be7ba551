# SPDX-License-Identifier: Apache-2.0
"""A journal of every schema that was released is taken over and finished by today's program. journals/ has one of each,
with a command in every state."""

import glob
import os
import re
import sqlite3
import time

import pytest

from harness import APPLICATION_ID, JOB_IDS

JOURNALS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "journals")
SCHEMAS = sorted(os.path.basename(path)[:-len(".sql")] for path in glob.glob(os.path.join(JOURNALS, "schema-*.sql")))
TIMES = ("arrived_ms", "expires_ms", "sent_ms", "server_ms", "done_ms", "ended_ms")


def build(path, schema):
    """The journal as it was, but for its times: it was left a moment ago."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = WAL")
    with open(os.path.join(JOURNALS, schema + ".sql"), encoding="utf-8") as file:
        database.executescript(file.read())
    newest = database.execute("SELECT max(arrived_ms) FROM commands").fetchone()[0]
    for name in TIMES:
        database.execute(f"UPDATE commands SET {name} = {name} + ? WHERE {name} > 0",
                         (int(time.time() * 1000) - newest,))
    database.commit()
    database.close()


def tables(path):
    """Name -> SQL of what a journal consists of."""
    database = sqlite3.connect(path)
    found = {name: re.sub(r"\s", "", sql or "")
             for name, sql in database.execute("SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'")}
    found["version"] = database.execute("PRAGMA user_version").fetchone()[0]
    database.close()
    return found


def states(path):
    database = sqlite3.connect(path)
    found = dict(database.execute("SELECT request_id, state FROM commands"))
    database.close()
    return found


@pytest.fixture
def upgraded(site):
    """A site around a journal of an old schema, not started yet."""
    site.config["jobs"].append({"name": "serial", "application_id": APPLICATION_ID, "resource_job_id": JOB_IDS[2],
                                "overlap": "queue"})
    site.config["follow"]["timeout_s"] = 2  # the API has forgotten the run that was followed
    return site


def test_there_is_one_of_each_schema():
    assert SCHEMAS == [f"schema-{number}" for number in range(1, len(SCHEMAS) + 1)] and SCHEMAS


@pytest.mark.parametrize("schema", SCHEMAS)
def test_it_has_a_command_in_every_state(tmp_path, schema):
    build(str(tmp_path / "journal.db"), schema)
    assert set(states(tmp_path / "journal.db").values()) == set(range(1, 12))


@pytest.mark.parametrize("schema", SCHEMAS)
def test_everything_is_finished(upgraded, schema):
    site = upgraded
    build(site.journal_path, schema)
    site.start()
    wait = site.client.wait_for
    replies = site.client.replies
    for name in ("ready", "sent", "ambiguous", "retryWait"):
        wait(lambda: replies.get(("accepted", name)), f"accepted {name}", 30)
    wait(lambda: replies.get(("status", "following")), "a status of the run that was followed", 30)
    wait(lambda: any(m.json["state"] == "unknown" for m in replies[("status", "following")]), "its end", 30)
    for name in ("ready", "sent", "ambiguous"):
        wait(lambda: any(m.json.get("outcome") for m in replies.get(("status", name), ())), f"the end of {name}", 30)
    assert len(site.api.executions()) == 3
    # What was answered then is answered the same way now.
    assert site.send("get", request_id="done").accepted()["status"] == 200
    assert site.send("execute", {"templateContext": {}}, request_id="unknown").error()["type"] == "OutcomeUnknown"
    assert not glob.glob(site.journal_path + ".damaged-*")
    assert site.bridge.terminate() == 0
    final = states(site.journal_path)
    assert min(final.values()) > 5, final


@pytest.mark.parametrize("schema", SCHEMAS)
def test_it_becomes_what_a_new_journal_is(upgraded, schema, tmp_path):
    """Who changes a table must write a migration: a schema that was released stays what it was."""
    site = upgraded
    site.start()
    assert site.bridge.terminate() == 0
    fresh = tables(site.journal_path)
    os.unlink(site.journal_path)
    build(site.journal_path, schema)
    site.start_bridge()
    assert site.bridge.terminate() == 0
    assert tables(site.journal_path) == fresh
