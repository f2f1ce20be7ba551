# SPDX-License-Identifier: Apache-2.0
"""clang-tidy over everything that is compiled, by .clang-tidy. Needs a build folder with compile_commands.json."""

import concurrent.futures
import json
import os
import subprocess

import pytest

from tree import ROOT, c_files

JOBS = 2
BUILDS = ("clang", "dev")


def database():
    """The folder of the first build that can say how a file is compiled."""
    for build in BUILDS:
        folder = os.path.join(ROOT, "build", build)
        if os.path.exists(os.path.join(folder, "compile_commands.json")):
            return folder
    raise AssertionError("no build folder: cmake --preset dev makes one")


def lint(folder, name):
    done = subprocess.run(["clang-tidy", "--quiet", "-p", folder, name], cwd=ROOT, capture_output=True, text=True,
                          check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.slow
def test_clang_tidy():
    folder = database()
    with open(os.path.join(folder, "compile_commands.json"), encoding="utf-8") as file:
        compiled = {os.path.relpath(entry["file"], ROOT) for entry in json.load(file)}
    names = [name for name in c_files() if name in compiled]
    assert names
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        complaints = [text for text in pool.map(lambda name: lint(folder, name), names) if text]
    assert not complaints, "\n".join(complaints)[:30000]
