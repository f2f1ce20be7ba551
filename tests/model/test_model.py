# SPDX-License-Identifier: Apache-2.0
"""The protocol's model, checked by spin in every order of steps: what must hold holds, and where the protocol is broken
on purpose, or the API breaks the assumption, spin finds the run that shows it. Needs spin and gcc; about half a minute.

By hand, with the run that shows a defect:
  spin -a -DPOLICY_RETRY protocol.pml && gcc -w -O2 -DSAFETY -o pan pan.c && ./pan -m100000; spin -t -p -DPOLICY_RETRY protocol.pml
"""

import os
import re
import subprocess

import pytest

MODEL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "protocol.pml")
MEMORY_MIB = 2048
DEPTH = 1000000
TIMEOUT_S = 240  # a bound for a machine that is busy; the longest takes some seconds

# The protocol as it is, for each way of configuring api.reconcile that keeps the promise.
HOLDS = {
    "one command, four crashes, four faults": ["-DN=1", "-DCRASHES=4", "-DFAULTS=4"],
    "three readings of the log": ["-DN=1", "-DCRASHES=3", "-DFAULTS=4", "-DCHECKS=3"],
    "two commands": ["-DN=2", "-DCRASHES=1", "-DFAULTS=2"],
    "policy fail": ["-DN=1", "-DCRASHES=3", "-DFAULTS=3", "-DPOLICY_FAIL"],
    "no marker": ["-DN=1", "-DCRASHES=3", "-DFAULTS=3", "-DNO_MARKER"],
}
# Defect or broken assumption -> the assertion that fails.
BREAKS = {
    "SENT is not committed before the request leaves": (["-DSENT_AFTER_REQUEST"], "runs[c]<=1"),
    "SENT is taken for READY after a crash": (["-DKEEP_SENT"], "runs[c]<=1"),
    "the log is read before the settle time": (["-DREAD_AT_ONCE"], "runs[c]<=1"),
    "policy retry, which needs no marker": (["-DPOLICY_RETRY"], "runs[c]<=1"),
    "a run shows after the settle times": (["-DSHOW_MAX=3"], "runs[c]<=1"),
    "what is being sent is dropped": (["-DDROP_BLINDLY"], "state[c]==9"),
    "PUBACK before the commit": (["-DPUBACK_FIRST"], "state[c]!=0"),
    "a run is taken without looking at its marker": (["-DN=2", "-DCRASHES=1", "-DFAULTS=1", "-DGUESS_RUN"], "execution[c]"),
}
# The same for what must happen in the end.
NEVER_ANSWERED = {
    "the reply is committed after the state": ["-DREPLY_APART"],
    "a message is forgotten when it is handed over": ["-DFORGET_AT_SEND"],
}


def run(folder, *argv):
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    return done.returncode, done.stdout + done.stderr


def check(folder, flags, *, liveness=False, large=False, all_errors=False):
    """What spin's verifier says of the model with these flags. large: it works longer than gcc does to optimise it."""
    flags = flags + ["-DLIVENESS"] if liveness else flags
    code, said = run(folder, "spin", "-a", *flags, MODEL)
    assert code == 0, said
    # -w: gcc warns of generated code.
    code, said = run(folder, "gcc", "-w", "-O2" if large else "-O0", f"-DMEMLIM={MEMORY_MIB}", "-DCOLLAPSE",
                     *(["-DNFAIR=4"] if liveness else ["-DSAFETY"]), "-o", "pan", "pan.c")
    assert code == 0, said
    code, said = run(folder, "./pan", f"-m{DEPTH}", *(["-a", "-f"] if liveness else []),
                     *(["-c0"] if all_errors else []))
    assert "states, stored" in said and "out of memory" not in said, said
    assert "max search depth too small" not in said, said
    return said


def errors(said):
    return int(re.search(r"errors: (\d+)", said).group(1))


@pytest.mark.parametrize("name", HOLDS)
def test_it_holds(tmp_path, name):
    said = check(tmp_path, HOLDS[name], large="-DN=2" in HOLDS[name])
    assert errors(said) == 0, said


def test_every_step_is_taken(tmp_path):
    """A model in which a step is never taken has proved nothing about it."""
    said = check(tmp_path, HOLDS["one command, four crashes, four faults"])
    unreached = re.findall(r"protocol\.pml:\d+, state \d+, \"(.*)\"", said)
    # Every process stands in its loop for ever, so that their ends are out of reach.
    assert [step for step in unreached if step != "-end-"] == [], said


def test_every_command_is_answered(tmp_path):
    said = check(tmp_path, ["-DN=1", "-DCRASHES=2", "-DFAULTS=2"], liveness=True)
    assert errors(said) == 0, said


@pytest.mark.parametrize("name", BREAKS)
def test_a_defect_is_found(tmp_path, name):
    flags, assertion = BREAKS[name]
    said = check(tmp_path, ["-DN=1", *flags] if "-DN=2" not in flags else flags, all_errors=True)
    assert errors(said) > 0, said[-3000:]
    violated = set(re.findall(r"assertion violated (.*) \(at depth", said))
    assert any(assertion in text.replace(" ", "") for text in violated), violated


@pytest.mark.parametrize("name", NEVER_ANSWERED)
def test_a_command_without_an_answer_is_found(tmp_path, name):
    said = check(tmp_path, ["-DN=1", *NEVER_ANSWERED[name]], liveness=True)
    assert errors(said) > 0, said
    assert "acceptance cycle" in said, said
