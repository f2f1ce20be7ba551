# SPDX-License-Identifier: Apache-2.0
"""No command costs more than budget.json allows, counted in what does not depend on the machine's mood. See counts.py."""

import json
import os

import pytest

import counts
import subjects


@pytest.fixture(scope="module")
def measured():
    for name in ("jobbridge", "bench-load"):
        assert os.path.exists(os.path.join(subjects.PROGRAMS, name)), f"build/release/{name} is missing; see tests/run"
    return counts.measure()


@pytest.fixture(scope="module")
def budget():
    with open(counts.BUDGET, encoding="utf-8") as file:
        return json.load(file)


def test_within_the_budget(measured, budget):
    over = [f"{name}: {measured[name]:.2f} a command, the budget is {allowed:.2f}"
            for name, allowed in budget.items() if measured[name] > allowed]
    assert not over, ("a command costs more than before:\n  " + "\n  ".join(over) + "\nWhere that is meant, run "
                      "tests/bench/counts.py --set, which allows what is measured and a tenth, and say why in the commit.")


def test_the_budget_is_not_slack(measured, budget):
    # Else a gain could be lost again unseen. Small counts go in steps.
    slack = [f"{name}: {measured[name]:.2f} of {allowed:.2f}" for name, allowed in budget.items()
             if allowed > 10 and measured[name] < allowed * 0.75]
    assert not slack, "less than the budget, which should follow (tests/bench/counts.py --set):\n  " + "\n  ".join(slack)


def test_everything_is_budgeted(measured, budget):
    assert set(measured) == set(budget)
    assert all(measured[f"instructions of {name}"] > 1000 for name in counts.LIBRARIES), "the profile was not understood"
