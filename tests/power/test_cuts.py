# SPDX-License-Identifier: Apache-2.0
"""Power cuts of the whole: the bridge is killed, its disk becomes one that a power cut could have left, and it goes on
with the same broker and the same API. Each command is done once and answered."""

import json
import os
import random
import shutil

import pytest

import disk


def cut_power(site, base, chance):
    """Kills the bridge and replaces its journal by what may be left of it."""
    site.bridge.kill()
    before = disk.Disk(base)
    # The files kept their inodes since base was copied from them.
    before.by_inode = {os.stat(os.path.join(site.journal_folder, name)).st_ino: content
                       for name, content in before.names.items()
                       if os.path.exists(os.path.join(site.journal_folder, name))}
    for record in disk.read_trace(site.trace_path):
        before.play(record)
    way = chance.choice(["none", "data", "torn", "reordered"])
    disk.write_image(before.image(way, chance.randrange(1 << 30)), site.journal_folder)
    os.unlink(site.trace_path)
    return way


def live_and_die(site, cuts, seed):
    chance = random.Random(seed)
    base = os.path.join(site.folder, "base")
    commands = []
    os.makedirs(base)
    site.start(run_ms=150)
    for number in range(cuts):
        if number % 2:
            site.api.fault("execute", "actThenDrop", times=1)
        for _ in range(4):
            commands.append(site.send("execute", {"templateContext": {"i": len(commands)}}))
        wanted = chance.randint(len(commands) - 4, len(commands))
        kind = chance.choice(["accepted", "status"])
        site.client.wait_for(lambda: sum(bool(c.messages(kind)) for c in commands) >= wanted, f"{wanted} {kind}", 30)
        cut_power(site, base if number else None, chance)
        shutil.rmtree(base)
        shutil.copytree(site.journal_folder, base)
        site.start_bridge()
    finals = [(command.accepted(timeout=30), command.final(timeout=30)) for command in commands]
    executions = {json.loads(entry["templateContext"])["i"]: entry["executionId"] for entry in site.api.executions()}
    assert len(site.api.executions()) == len(executions) == len(commands)
    for index, (accepted, final) in enumerate(finals):
        assert accepted["executionId"] == final["executionId"] == executions[index]
        assert final["outcome"] == "succeeded"


@pytest.mark.parametrize("seed", [1, 2])
def test_done_once_and_answered(make_site, seed):
    live_and_die(make_site("power"), 4, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 14))
def test_done_once_and_answered_again_and_again(make_site, seed):
    live_and_die(make_site("power"), 15, seed)
