# SPDX-License-Identifier: Apache-2.0
"""The manual pages and the completion tell the truth: keys with their types, defaults and bounds come from the schema
(called as a program, this prints them for the page), options come from --help, and mandoc finds nothing to say."""

import json
import os
import re
import subprocess
import textwrap

import pytest

from tree import ROOT, complain, text

BINARY = os.environ.get("JOBBRIDGE", os.path.join(ROOT, "build", "dev", "jobbridge"))
PAGES = ("deploy/man/jobbridge.1", "deploy/man/jobbridge.conf.5")
COMPLETION = os.path.join(ROOT, "deploy", "completion", "jobbridge")
COMMANDS = ["run", "check", "probe", "call", "queue"]
WIDTH = 78
TYPES = {"text": "text", "path": "file name", "bool": "true or false", "rate": "rate", "actions": "list of actions"}


def jobbridge(*arguments):
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=30, check=True).stdout


def literal(value):
    return json.dumps(value)


def summary(row):
    """What stands behind a key: its type, its bounds, its default."""
    if row["type"] == "int":
        words = f"whole number from {row['min']} to {row['max']}"
    elif row["type"] == "enum":
        words = "one of " + ", ".join(f'"{word}"' for word in row["words"].split("|"))
    else:
        words = TYPES[row["type"]]
    return f"{words}; " + ("required" if row["required"] else f"default {literal(row['default'])}")


def roff(sentence):
    """Text in lines that begin with nothing that roff would take for a request."""
    return ["\\&" + line if line[0] in ".'" else line for line in textwrap.wrap(sentence, WIDTH, break_on_hyphens=False)]


def entry(row):
    lines = [f".It Ic {row['path']}", *roff(f"({summary(row)})")]
    for sentence in re.split(r"(?<=[.?]) (?=[A-Z])", row["help"]):
        lines += roff(sentence)
    return lines


def schema():
    return json.loads(jobbridge("check", "--schema"))


def test_every_key_with_its_type_default_and_bounds():
    page = text(PAGES[1])
    rows = schema()
    complain([f"{row['path']} should read\n" + "\n".join(entry(row)) for row in rows
              if "\n".join(entry(row)) + "\n" not in page])
    assert re.findall(r"^\.It Ic (\S+)", page, re.MULTILINE) == [row["path"] for row in rows]


@pytest.mark.parametrize("page", PAGES)
def test_mandoc_is_content(page):
    done = subprocess.run(["mandoc", "-Tlint", "-Wstyle", os.path.join(ROOT, page)], capture_output=True, text=True,
                          check=False)
    # Which other manuals this machine has says nothing about ours.
    complain([line for line in (done.stdout + done.stderr).splitlines()
              if "referenced manual not found" not in line and "mandoc.db" not in line])
    shown = subprocess.run(["mandoc", "-Tutf8", os.path.join(ROOT, page)], capture_output=True, text=True, check=True)
    assert len(shown.stdout.splitlines()) > 100


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_in_the_manual(command):
    page = text(PAGES[0])
    found = [name for line in re.findall(r"^  .*", jobbridge(command, "--help"), re.MULTILINE)
             for name in re.findall(r"^ +(?:-\w, )?--([a-z-]+) ", line)]
    assert "config" in found and "help" in found
    complain([f"{command} --{name} is not in {PAGES[0]}" for name in found if f"Fl -{name}" not in page])


def test_help_names_every_command():
    assert re.findall(r"^  ([a-z]+) ", jobbridge("--help"), re.MULTILINE) == COMMANDS
    for command in COMMANDS:
        told = jobbridge(command, "--help")
        assert "Example" in told and f"jobbridge {command}" in told
        assert re.search(rf"^\.It Cm {command}$", text(PAGES[0]), re.MULTILINE)


def complete(*words):
    """What the completion offers for the last of the words."""
    script = f'. "{COMPLETION}"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _jobbridge; printf "%s\\n" "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "-uc", script, "bash", BINARY, *words], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize("command", COMMANDS)
def test_completion_knows_the_options(command):
    shown = re.findall(r"^  (?:-\w, |    )--([a-z-]+)", jobbridge(command, "--help"), re.MULTILINE)
    assert sorted(complete(command, "--")) == sorted(f"--{name}" for name in shown)


def test_completion_of_words(tmp_path):
    sample = tmp_path / "my.conf"
    sample.write_text(text("conf/minimal.conf").replace("/etc/jobbridge/", f"{tmp_path}/"))
    jobs = jobbridge("check", "--jobs", "-c", str(sample)).split()
    assert jobs
    assert complete("") == COMMANDS
    assert complete("c") == ["check", "call"]
    assert complete("--v") == ["--version"]
    assert complete("call", "-c", str(sample), "") == jobs
    assert complete("call", "-c", str(sample), "--capture", "a=b", jobs[0], "can") == ["cancelExecution"]
    assert complete("queue", "-c", str(sample), "list", "--job", "") == jobs
    assert complete("queue", "re") == ["retry"]
    assert complete("queue", "list", "--state", "a") == ["ambiguous"]
    assert complete("call", "-c", str(tmp_path / "nowhere"), "") == []


def test_completion_knows_every_state():
    source = text("bridge/rules/command.c")
    states = re.findall(r"\[COMMAND_\w+\] = *\{\"(\w+)\"", source)
    assert len(states) >= 11
    assert sorted(complete("queue", "list", "--state", "")) == sorted(["open", *states])


if __name__ == "__main__":
    print("\n".join(line for found in schema() for line in entry(found)))
