# SPDX-License-Identifier: Apache-2.0
"""A sample of tests/power/replay: no power cut loses what was acknowledged, or makes the bridge forget what it told; and
the recorder sees everything that it must see for that to mean anything."""

import collections
import re

import pytest

import disk
import promises
import replay
import workload

WATCHED = ("pwrite64", "write", "ftruncate", "fsync", "fdatasync", "unlink", "rename")
UNSEEN = ("pwritev", "pwritev2", "writev", "fallocate", "copy_file_range", "sendfile", "splice", "truncate", "link",
          "linkat", "renameat", "renameat2", "unlinkat", "sync_file_range", "io_uring_enter")


def play(site, **more):
    """The replay of a site that has ended."""
    records = disk.read_trace(site.trace_path)
    facts = promises.facts(records, site.broker.port, site.api.port)
    return records, facts, replay.replay(records, facts, **more)


def check_kept(report):
    problems = "\n".join(report.problems)
    assert (report.damaged, report.lost, report.forgotten) == (0, 0, 0), problems


def test_nothing_is_lost(make_site):
    site = make_site("power")
    site.start()
    workload.work(site, 3)
    site.stop()
    records, facts, report = play(site, durability="power", reordered=1)
    check_kept(report)
    kinds = collections.Counter(fact.kind for fact in facts)
    # That much was at stake: the workload has reached every kind of promise, and the log's way into the file.
    assert kinds["acknowledged"] == 21 and kinds["accepted"] >= 15 and kinds["rejected"] >= 3
    assert kinds["request"] >= 12 and kinds["status"] >= 20
    assert report.images > 700 and report.distinct > 250
    assert report.writes["journal.db"] > 20 and report.writes["journal.db-wal"] > 500

    # A disk that lies about its syncs loses commands, and that must show.
    lying = [record for record in records if record.kind not in "SD"]
    facts = promises.facts(lying, site.broker.port, site.api.port)
    assert replay.replay(lying, facts, durability="power", reordered=0, part=0.05).lost > 0


def test_process_loses_a_moment_only(make_site):
    site = make_site("process")
    site.start()
    workload.work(site, 2, ("terminate", None))
    site.stop()
    _, _, report = play(site, durability="process", reordered=2)
    assert report.damaged == 0, "\n".join(report.problems)
    assert report.lost > 0, "it syncs every commit: then it should cost as much as durability power"
    assert report.oldest_ms < replay.PROCESS_BOUND_MS, "\n".join(report.problems)


def under_strace(site, tmp_path, *options):
    """A wrapper that records the bridge, but not strace."""
    preload = [f"-E{name}={value}" for name, value in site.recording().items()]
    return ["strace", "-f", "-qq", "-o", str(tmp_path / "strace"), *preload, *options]


@pytest.mark.parametrize("sync", [1, 3, 5])
def test_killed_in_a_sync(make_site, tmp_path, sync):
    """The next process finds what was written in the system's cache, and must not take it for what is on the disk."""
    site = make_site("power")
    site.start()
    assert site.bridge.terminate() == 0
    commands = [site.send("execute", {"templateContext": {"i": i}}) for i in range(3)]
    site.launch_unrecorded(under_strace(site, tmp_path, "-e", "trace=fdatasync",
                                        "-e", f"inject=fdatasync:signal=KILL:when={sync}"))
    site.bridge.process.wait(20)
    site.start_bridge()
    for command in commands:
        command.answer(timeout=30)
    site.stop()
    assert len(site.ended_executions) == 3
    _, _, report = play(site, durability="power", reordered=2)
    check_kept(report)


@pytest.mark.parametrize("sync", [3, 4])  # the first two are of the head of the log, and of its name
def test_a_message_that_comes_again_is_on_the_disk(make_site, tmp_path, sync):
    """It is in the journal that the killed process left, so that nothing needs a commit: but was that one synced?"""
    site = make_site("power")
    site.put_gate()
    site.start()
    assert site.bridge.terminate() == 0
    site.gate.close()  # without the job's defaults no execute leaves: no commit but those of the intake
    commands = [site.send("execute") for _ in range(2)]
    site.launch_unrecorded(under_strace(site, tmp_path, "-e", "trace=fdatasync",
                                        "-e", f"inject=fdatasync:signal=KILL:when={sync}"))
    site.bridge.process.wait(20)
    site.start_bridge()
    for command in commands:
        command.wait_state("pending")
    site.bridge.kill()
    site.stop()
    _, facts, report = play(site, durability="power", reordered=1)
    assert sum(fact.kind == "acknowledged" for fact in facts) >= 2
    check_kept(report)


@pytest.mark.parametrize("call, count", [("fdatasync", 2), ("fdatasync", 4), ("fsync", 2)])
def test_killed_at_the_first_start(make_site, tmp_path, call, count):
    """A journal that is being made is whole or not there."""
    site = make_site("power")
    site.start_around()
    site.launch_unrecorded(under_strace(site, tmp_path, "-e", f"trace={call}",
                                        "-e", f"inject={call}:signal=KILL:when={count}"))
    site.bridge.process.wait(20)
    site.start_bridge()
    site.send("execute").accepted()
    assert site.wait_bridge_state("online")
    site.stop()
    _, _, report = play(site, durability="power", reordered=2, every_write=True, part=0.34)
    check_kept(report)


def test_the_recorder_sees_everything(make_site, tmp_path):
    """strace counts the same calls on the journal's folder, and none of the other ways of writing a file."""
    site = make_site("power")
    site.start_around()
    calls = ",".join("?" + name for name in WATCHED + UNSEEN)
    site.start_unrecorded(under_strace(site, tmp_path, "-y", "-s", "0", "-e", f"trace={calls}"))
    for command in workload.send_some(site, 1):
        command.answer(timeout=30)
    site.stop()
    seen = collections.Counter()
    for line in (tmp_path / "strace").read_text().splitlines():
        call = re.match(r"\d+ +(\w+)\((.*)\) += 0x?\w*|\d+ +(\w+)\((.*)", line)
        name, arguments = (call.group(1) or call.group(3), call.group(2) or call.group(4)) if call else ("", "")
        if site.journal_folder in arguments and "-shm" not in arguments and " = -1 " not in line:
            seen[name] += 1
    assert not [name for name in seen if name in UNSEEN], seen
    records = disk.read_trace(site.trace_path)
    begun = [record.kind for record in records].index("e") # up to there it has only looked
    kinds = collections.Counter(record.kind for record in records[begun:])
    assert seen["pwrite64"] + seen["write"] == kinds["w"] > 100
    assert seen["ftruncate"] == kinds["t"]
    assert seen["fsync"] + seen["fdatasync"] == kinds["S"] + kinds["D"] > 10
    assert seen["rename"] == kinds["r"] == 1
    assert seen["unlink"] == kinds["u"]
