# SPDX-License-Identifier: Apache-2.0
"""A damaged journal is found at the start, kept under another name as it was, reported, and replaced by a new one; what a
power cut may leave is no damage, and what is no journal of ours is left alone."""

import errno
import glob
import os
import random
import sqlite3

import pytest

from harness import eventually

PAGE_BYTES = 4096
FRAME_BYTES = PAGE_BYTES + 24


def put(path, offset, data):
    """Overwrites some bytes of a file."""
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def flip(path, offset):
    """One wrong bit."""
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0x10]))


def page_with(path, kind):
    """The number, from 1, of a page in the middle whose b-tree is of that kind."""
    with open(path, "rb") as file:
        data = file.read()
    numbers = [at // PAGE_BYTES for at in range(PAGE_BYTES, len(data), PAGE_BYTES) if data[at] == kind]
    assert numbers
    return numbers[len(numbers) // 2] + 1


def table_page(path):
    put(path, (page_with(path, 0x0D) - 1) * PAGE_BYTES + 3, b"\xff\xff\xff\xff")


def index_page(path):
    put(path, (page_with(path, 0x0A) - 1) * PAGE_BYTES, random.Random(1).randbytes(PAGE_BYTES))


def garbage(path):
    put(path, 0, random.Random(2).randbytes(os.path.getsize(path)))


# Of a journal that was closed in order: one file.
FILE = {
    "first bytes": lambda path: put(path, 0, b"not a data base"),
    "page size": lambda path: put(path, 16, b"\x03\x21"),
    "schema version": lambda path: put(path, 60, bytes(4)),
    "table of tables": lambda path: put(path, 100, b"\xee" * 40),
    "name of a table": lambda path: put(path, open(path, "rb").read().index(b"CREATE TABLE meta"), b"CREATE TABLE mEtb"),
    "a page of a table": table_page,
    "a page of an index": index_page,
    "cut in the middle": lambda path: os.truncate(path, os.path.getsize(path) // 2 // PAGE_BYTES * PAGE_BYTES),
    "cut within a page": lambda path: os.truncate(path, os.path.getsize(path) - 1000),
    "only the beginning": lambda path: os.truncate(path, 50),
    "empty": lambda path: os.truncate(path, 0),
}
# Of one whose bridge was killed: nearly everything is in the log.
LOG = {
    "garbage": garbage,
    "a bit of the head": lambda path: flip(path, 17),
    "a bit of an early frame": lambda path: flip(path, 32 + 2 * FRAME_BYTES + 1000),
    "the head of an early frame": lambda path: put(path, 32 + 2 * FRAME_BYTES, bytes(24)),
    "a hole": lambda path: put(path, 32 + FRAME_BYTES, bytes(3 * FRAME_BYTES)),
    "its file is gone": lambda path: os.unlink(path[:-len("-wal")]),
}


def contents(path):
    """Name -> bytes of the files of a journal."""
    found = {}
    for suffix in ("", "-wal"):
        if os.path.exists(path + suffix):
            with open(path + suffix, "rb") as file:
                found[suffix] = file.read()
    return found


def fill(site):
    site.start(run_ms=50)
    commands = [site.send("execute", {"templateContext": {"text": "x" * 500, "i": i}}) for i in range(12)]
    for command in commands:
        command.final()


def check_set_aside(site, before):
    """The start after the damage."""
    heard = len(site.client.on(site.bridge_topic))
    site.launch_bridge()
    status = site.wait_bridge_state("degraded", "online", after=heard)
    assert status["state"] == "degraded" and "damaged" in status["reason"], status
    [kept] = [name for name in glob.glob(site.journal_path + ".damaged-*") if not name.endswith("-wal")] or \
        [name[:-len("-wal")] for name in glob.glob(site.journal_path + ".damaged-*-wal")]
    assert kept in status["reason"] or kept + "-wal" in status["reason"]
    assert contents(kept) == before
    assert "journal is damaged, set aside" in site.bridge.log
    command = site.send("execute")
    command.accepted()
    command.final()


@pytest.mark.parametrize("damage", FILE)
def test_damage_of_the_file(site, damage):
    fill(site)
    assert site.bridge.terminate() == 0
    assert not os.path.exists(site.journal_path + "-wal")
    FILE[damage](site.journal_path)
    check_set_aside(site, contents(site.journal_path))


@pytest.mark.parametrize("damage", LOG)
def test_damage_of_the_log(site, damage):
    fill(site)
    site.bridge.kill()
    assert os.path.getsize(site.journal_path + "-wal") > 20 * FRAME_BYTES
    LOG[damage](site.journal_path + "-wal")
    check_set_aside(site, contents(site.journal_path))


# The last transaction may be torn, and behind the end may be anything of earlier logs.
TORN = {
    "a frame cut short": lambda path: os.truncate(path, os.path.getsize(path) - 1000),
    "a bit of the last frame": lambda path: flip(path, os.path.getsize(path) - 100),
    "rubbish behind the end": lambda path: put(path, os.path.getsize(path), random.Random(3).randbytes(9000)),
}


@pytest.mark.parametrize("way", TORN)
def test_what_a_power_cut_leaves_is_no_damage(site, way):
    fill(site)
    site.bridge.kill()
    TORN[way](site.journal_path + "-wal")
    heard = len(site.client.on(site.bridge_topic))
    site.launch_bridge()
    assert site.wait_bridge_state("degraded", "online", after=heard)["state"] == "online"
    assert not glob.glob(site.journal_path + ".damaged-*")
    site.send("execute").accepted()


@pytest.mark.parametrize("end", ["closed", "killed"])
def test_what_cannot_be_read_is_no_damage(site, end):
    """A read that fails, once or for a while, at any place of a start: the next start has all that waited."""
    fill(site)
    site.api.kill()
    waiting = site.send("execute")
    eventually(lambda: waiting.states(), "it waits")
    if end == "killed":
        site.bridge.kill()
    else:
        assert site.bridge.terminate() == 0
    exits = set()
    for at in range(1, 60, 2):
        heard = len(site.client.on(site.bridge_topic))
        site.launch_bridge(env=site.failing_journal("pread", errno.EIO, 1 if at % 4 == 1 else 1000, at=at))
        eventually(lambda: not site.bridge.alive or len(site.client.on(site.bridge_topic)) > heard,
                   "it ended, or is up")
        if not site.bridge.alive:
            exits.add(site.bridge.process.wait())
        site.bridge.kill()
        assert not glob.glob(site.journal_path + ".damaged-*"), (at, site.bridge.log[-2000:])
    assert exits == {74}
    site.api.start(run_ms=50)
    site.start_bridge()
    waiting.accepted()


def check_refused(site, words):
    """It ends with EX_DATAERR, says why, and has changed nothing."""
    before = contents(site.journal_path)
    site.launch_bridge()
    assert site.bridge.process.wait() == 65
    assert words in site.bridge.log
    after = contents(site.journal_path)
    assert after[""] == before[""] and not after.get("-wal")
    assert not glob.glob(site.journal_path + ".damaged-*")


def test_a_newer_journal_is_refused(site):
    site.start()
    site.send("execute").accepted()
    assert site.bridge.terminate() == 0
    with sqlite3.connect(site.journal_path) as database:
        database.execute("PRAGMA user_version = 4711")
    database.close()
    check_refused(site, "the journal has schema 4711, newer than the 1 of this jobbridge: upgrade jobbridge")


def test_somebody_elses_database_is_refused(site):
    site.start_around()
    os.makedirs(os.path.dirname(site.journal_path), exist_ok=True)
    with sqlite3.connect(site.journal_path) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE recipes(name TEXT)")
    database.close()
    check_refused(site, "the file is a database, but no journal of jobbridge")


def test_a_journal_that_was_never_finished_is_made_anew(site):
    site.start_around()
    with open(site.journal_path + ".new", "wb") as file:
        file.write(b"half a journal")
    site.start_bridge()
    site.send("execute").accepted()
    assert not glob.glob(site.journal_path + ".new*") and not glob.glob(site.journal_path + ".damaged-*")
    assert os.stat(site.journal_path).st_mode & 0o777 == 0o600
