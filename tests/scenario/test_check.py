# SPDX-License-Identifier: Apache-2.0
"""jobbridge check: every problem at once, each with its place; and what else one may ask the program without a
broker."""

import glob
import os
import re
import subprocess

import pytest

from harness import patient
from harness.api import ROOT
from harness.bridge import PROGRAM


def call(*arguments):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=patient(10), check=False)


def check(site):
    site.bridge.write_configuration(site.config)
    return call("check", "-c", site.bridge.path)


@pytest.mark.sanitizers
def test_a_right_one(site):
    done = check(site)
    assert (done.returncode, done.stdout) == (0, "ok\n")


@pytest.mark.sanitizers
def test_every_problem_at_once(site):
    site.config["broker"]["keepalive"] = 30
    site.config["api"]["max_in_flight"] = 0
    site.config["api"]["base_url"] = "ftp://nowhere"
    site.config["log"]["level"] = "loud"
    site.config["jobs"][0]["resource_job_id"] = "short"
    del site.config["routes"][0]["replies"]
    done = check(site)
    assert done.returncode == 78
    told = done.stdout + done.stderr
    for key in ("keepalive", "max_in_flight", "base_url", "level", "resource_job_id", "replies"):
        assert re.search(rf"^{re.escape(site.bridge.path)}:\d+: [^:]*{key}[^:]*: \S", told, re.MULTILINE), key


def test_the_line_of_a_problem(site):
    site.config["follow"]["interval_ms"] = -1
    done = check(site)
    with open(site.bridge.path, encoding="utf-8") as file:
        line = next(number for number, text in enumerate(file, 1) if "interval_ms = -1" in text)
    assert f"{site.bridge.path}:{line}: follow.interval_ms: " in done.stdout + done.stderr


@pytest.mark.parametrize("route, key", [
    ({"name": "loop", "filter": "loop/#", "job": "recalibrate", "action": "get", "replies": "loop/told"}, "replies"),
    ({"name": "loop", "filter": "a/{x}/cmd", "job": "recalibrate", "action": "get", "replies": "told",
      "accepted": "a/b/cmd"}, "accepted"),
    ({"name": "lost", "filter": "lost/{x}", "job": "recalibrate", "action": "get", "replies": "told/{y}"}, "replies"),
    ({"name": "nobody", "filter": "nobody/{x}", "job": "nobody", "action": "get", "replies": "told"}, "job"),
    ({"name": "explode", "filter": "explode", "job": "tune", "action": "explode", "replies": "told"}, "action"),
    ({"name": "open", "filter": "open/{x}", "action": "get", "replies": "told"}, "job"),
    ({"name": "devices", "filter": "twice/{job}/{action}", "replies": "told"}, "name"),
    ({"name": "hash", "filter": "hash/#/more", "job": "tune", "action": "get", "replies": "told"}, "filter"),
    ({"name": "text", "filter": "text/{x}", "job": "tune", "action": "execute", "context": "{\"a\": {nobody}}",
      "replies": "told"}, "context"),
])
def test_a_route_that_cannot_work(site, route, key):
    site.config["routes"].append(route)
    done = check(site)
    assert done.returncode == 78
    assert key in done.stdout + done.stderr


def test_a_syntax_error_has_its_line(site):
    with open(site.bridge.path, "w", encoding="utf-8") as file:
        file.write("broker = {\n  uri = ;\n};\n")
    done = call("check", "-c", site.bridge.path)
    assert done.returncode == 78
    assert f"{site.bridge.path}:2:" in done.stdout + done.stderr


def test_a_file_that_is_not_there(site):
    done = call("check", "-c", os.path.join(site.folder, "nowhere.conf"))
    assert done.returncode in (66, 78)
    assert "nowhere.conf" in done.stdout + done.stderr


def test_an_include(site):
    site.bridge.write_configuration(site.config)
    outer = os.path.join(site.folder, "outer.conf")
    with open(outer, "w", encoding="utf-8") as file:
        file.write(f'@include "{site.bridge.path}"\n')
    done = call("check", "-c", outer)
    assert (done.returncode, done.stdout) == (0, "ok\n")


def test_the_examples_are_right(tmp_path):
    examples = glob.glob(os.path.join(ROOT, "conf", "*.conf"))
    assert examples
    for path in examples:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        # The secrets that they name are the reader's own; here they are files of the test's.
        secret = tmp_path / "secret"
        secret.write_text("secret\n")
        copy = tmp_path / os.path.basename(path)
        copy.write_text(re.sub(r'((?:token|password)_file *= *)"/[^"]*"', rf'\1"{secret}"', text))
        done = call("check", "-c", str(copy))
        assert (done.returncode, done.stdout) == (0, "ok\n"), path + "\n" + done.stdout + done.stderr


def test_version_and_help():
    version = call("--version")
    assert version.returncode == 0 and re.search(r"\d+\.\d+", version.stdout)
    for arguments in (["--help"], ["run", "--help"], ["check", "--help"]):
        done = call(*arguments)
        assert done.returncode == 0 and "-c" in done.stdout, arguments


@pytest.mark.parametrize("arguments", [[], ["explode"], ["run", "now"], ["run", "-c"], ["check", "--no-such-option"]])
def test_a_wrong_call(arguments):
    done = call(*arguments)
    assert done.returncode == 64
    assert done.stderr and not done.stdout
