# SPDX-License-Identifier: Apache-2.0
"""Every configuration key stands in conf/jobbridge.conf with its default, and the samples pass their own check.

The table of keys comes from `jobbridge check --schema`. JOBBRIDGE names the binary; by default that of the dev build.
"""
import json
import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("JOBBRIDGE", str(ROOT / "build" / "dev" / "jobbridge"))
TIMEOUT_S = 30

# Keys that a sample must give but that have no default, or another one: they are marked REQUIRED.
PLACEHOLDERS = {"api.token_file"}

TOKEN = re.compile(
    r"""\s+ | \#[^\n]* | (?P<text>"(?:[^"\\]|\\.)*") | (?P<word>[A-Za-z][A-Za-z0-9_]*) | (?P<number>-?\d+)
    | (?P<mark>[{}()\[\]=;,])""",
    re.VERBOSE,
)


def tokens(text):
    at = 0
    while at < len(text):
        match = TOKEN.match(text, at)
        assert match, f"cannot read {text[at:at + 40]!r}"
        at = match.end()
        if match.lastgroup:
            yield match.lastgroup, match.group()
    yield "end", ""


class Sample:
    """As much of libconfig's syntax as the samples use, read without libconfig."""

    def __init__(self, text):
        self.rest = list(tokens(text))

    def take(self, mark=None):
        kind, text = self.rest.pop(0)
        assert mark is None or text == mark, f"{text!r} where {mark!r} should be"
        return kind, text

    def peek(self):
        return self.rest[0][1]

    def group(self, end):
        members = {}
        while self.peek() != end:
            name = self.take()[1]
            self.take("=")
            assert name not in members
            members[name] = self.value()
            self.take(";")
        self.take(end)
        return members

    def series(self, end):
        elements = []
        while self.peek() != end:
            elements.append(self.value())
            if self.peek() == ",":
                self.take()
        self.take(end)
        return elements

    def value(self):
        kind, text = self.take()
        if text == "{":
            return self.group("}")
        if text in "([":
            return self.series(")" if text == "(" else "]")
        if kind == "word":
            assert text in ("true", "false")
            return text == "true"
        return json.loads(text)


def flatten(group, prefix=""):
    for name, value in group.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{name}.")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            assert len(value) == 1, "the sample shows one of each"
            yield from flatten(value[0], f"{prefix}{name}[].")
        else:
            yield prefix + name, value


def jobbridge(*args):
    return subprocess.run([BINARY, *args], capture_output=True, text=True, timeout=TIMEOUT_S, check=False)


@pytest.fixture(scope="module")
def schema():
    result = jobbridge("check", "--schema")
    assert result.returncode == 0, result.stderr
    rows = json.loads(result.stdout)
    assert len(rows) > 50
    return {row["path"]: row for row in rows}


@pytest.fixture(scope="module")
def sample():
    return dict(flatten(Sample((ROOT / "conf" / "jobbridge.conf").read_text()).group("")))


def test_every_key_is_in_the_sample(schema, sample):
    assert sorted(schema) == sorted(sample)


def test_the_sample_shows_the_defaults(schema, sample):
    wrong = {
        path: (sample[path], row["default"])
        for path, row in schema.items()
        if not row["required"] and path not in PLACEHOLDERS and sample.get(path) != row["default"]
    }
    assert wrong == {}


def test_required_keys_are_marked(schema):
    lines = (ROOT / "conf" / "jobbridge.conf").read_text().splitlines()
    for path, row in schema.items():
        name = path.split(".")[-1]
        here = [line for line in lines if re.match(rf"\s*{name}\s*=", line)]
        assert here, path
        if row["required"] or path in PLACEHOLDERS:
            assert any("REQUIRED" in line for line in here), path


def test_every_row_explains_itself(schema):
    for path, row in schema.items():
        assert row["help"].endswith("."), path
        assert row["required"] or "default" in row, path
        if row["type"] == "int":
            assert row["min"] <= row["default"] <= row["max"], path
        if row["type"] == "enum":
            assert row["default"] in row["words"].split("|"), path


@pytest.mark.parametrize("name", ["jobbridge.conf", "minimal.conf", "losant-broker.conf"])
def test_the_sample_passes_with_its_secrets_in_place(name, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    text = (ROOT / "conf" / name).read_text()
    text, count = re.subn(r'"/etc/jobbridge/[a-z-]+"', f'"{secret}"', text)
    assert count > 0
    path = tmp_path / name
    path.write_text(text)
    result = jobbridge("check", "-c", str(path))
    assert (result.returncode, result.stdout, result.stderr) == (0, "ok\n", "")


@pytest.mark.parametrize("name", ["jobbridge.conf", "minimal.conf", "losant-broker.conf"])
def test_the_sample_lacks_nothing_but_secrets(name, tmp_path):
    text = (ROOT / "conf" / name).read_text().replace("/etc/jobbridge/", f"{tmp_path}/nowhere/")
    path = tmp_path / name
    path.write_text(text)
    result = jobbridge("check", "--json", "-c", str(path))
    assert result.returncode == 78
    report = json.loads(result.stdout)
    assert report["ok"] is False
    assert {problem["key"] for problem in report["problems"]} <= {"api.token_file", "broker.password_file"}
    for problem in report["problems"]:
        assert "No such file" in problem["text"]
        assert text.splitlines()[problem["line"] - 1].split("=")[0].split("{")[-1].strip() in problem["key"] or (
            problem["key"].split(".")[-1] in text.splitlines()[problem["line"] - 1]
        )


def test_problems_are_one_line_each(tmp_path):
    path = tmp_path / "bad.conf"
    path.write_text('broker = {\n  uri = "x";\n  keepalive = 3;\n};\n')
    result = jobbridge("check", "-c", str(path))
    assert result.returncode == 78
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert [line.split(": ")[0] for line in lines] == [f"{path}:{n}" for n in (0, 0, 0, 2, 3)]
    assert lines[4] == f"{path}:3: broker.keepalive: is no key that is known here, did you mean keepalive_s?"


def test_the_front_door():
    assert jobbridge("--version").stdout.startswith("jobbridge ")
    assert "check" in jobbridge("--help").stdout
    assert "Usage: jobbridge check" in jobbridge("check", "--help").stdout
    near = jobbridge("chek")
    assert (near.returncode, near.stdout) == (64, "")
    assert "did you mean check?" in near.stderr
    assert jobbridge().returncode == 64
    assert jobbridge("check", "--nonsense").returncode == 64
    assert jobbridge("check", "-c").returncode == 64
    assert jobbridge("check", "word").returncode == 64
