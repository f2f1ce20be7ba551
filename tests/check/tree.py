# SPDX-License-Identifier: Apache-2.0
"""The files of the project, for the checks: what git has or would take, or everything where there is no git."""

import functools
import os
import subprocess

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
# The plot is made by tests/bench, the lock file by npm, the flow by Node-RED.
NOT_OURS = ("LICENSE", "build/", ".git/", "tests/fuzz/corpus/", "tests/bench/bench.svg", "tests/bench/node-red/")


def _walk():
    for folder, _, names in os.walk(ROOT):
        for name in names:
            yield os.path.relpath(os.path.join(folder, name), ROOT)


@functools.lru_cache(None)
def files():
    """Every file that somebody here has written, relative to the root, sorted."""
    listing = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True,
                             check=False)
    names = listing.stdout.decode().split("\0") if listing.returncode == 0 else list(_walk())
    return sorted(name for name in names
                  if name and not name.startswith(NOT_OURS) and os.path.isfile(os.path.join(ROOT, name)))


@functools.lru_cache(None)
def text(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as file:
        return file.read()


def lines(name):
    return text(name).splitlines()


def c_files(*folders):
    """The C sources and headers in these folders, or all of them."""
    return [name for name in files() if name.endswith((".c", ".h")) and (not folders or name.startswith(folders))]


def scripts():
    """What a shell runs: by its first line, or by its name."""
    return [name for name in files()
            if name.endswith(".sh") or (text(name).startswith("#!") and "sh" in lines(name)[0].split("/")[-1])]


def complain(problems):
    """Fails with all problems at once."""
    assert not problems, f"{len(problems)} problems:\n" + "\n".join(problems)
