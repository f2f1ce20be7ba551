# SPDX-License-Identifier: Apache-2.0
"""The Grafana dashboard: it asks for metrics that the bridge has, in PromQL that Prometheus takes, and every panel says
what it shows in which unit."""

import json
import os
import re
import subprocess

import pytest

from harness.api import ROOT

PATH = os.path.join(ROOT, "deploy", "grafana", "jobbridge.json")


@pytest.fixture(scope="module")
def dashboard():
    with open(PATH, encoding="utf-8") as file:
        return json.load(file)


def expressions(dashboard):
    found = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    return found + [entry["expr"] for entry in dashboard["annotations"]["list"]]


def test_every_metric_in_it_is_there(site, dashboard):
    web = site.serve_web()
    site.start()
    site.send("execute").final()
    site.send("get").accepted()
    names = {name for name, _ in web.metrics()} | set(re.findall(r"^# TYPE (\w+)", web.get("/metrics").text, re.MULTILINE))
    text = json.dumps(dashboard)
    used = set(re.findall(r"jobbridge_\w+", text))
    assert len(used) > 20 and used - names == set()
    labels = {"jobbridge_commands_received_total": "action", "jobbridge_runs_ended_total": "outcome"}
    for metric, label in labels.items():
        assert any(name == metric and f"{label}=" in shown for name, shown in web.metrics()), metric


def test_prometheus_takes_its_questions(dashboard, tmp_path):
    rules = [{"record": f"check:{index}", "expr": expr.replace("$__rate_interval", "1m").replace("$instance", ".*")}
             for index, expr in enumerate(expressions(dashboard))]
    assert len(rules) > 30 and not any("$" in rule["expr"] for rule in rules)
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = subprocess.run(["promtool", "check", "rules", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and f"{len(rules)} rules found" in done.stdout, done.stdout + done.stderr


def test_every_panel_says_what_it_shows(dashboard):
    titles = [panel["title"] for panel in dashboard["panels"]]
    assert all(titles) and len(set(titles)) == len(titles)
    taken = set()
    for panel in dashboard["panels"]:
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["type"] in ("timeseries", "stat") and panel["targets"], panel["title"]
        assert all(target["legendFormat"] for target in panel["targets"]), panel["title"]
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert place["x"] + place["w"] <= 24 and not cells & taken, f"{panel['title']} lies upon another"
        taken |= cells
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(titles)


def test_it_is_tied_to_nobodys_installation(dashboard):
    """The data source is chosen at the import, and there is no id of a database row."""
    assert "id" not in dashboard and dashboard["uid"] == "jobbridge"
    sources = {json.dumps(panel["datasource"]) for panel in dashboard["panels"]}
    assert sources == {json.dumps({"type": "prometheus", "uid": "${datasource}"})}
    assert {variable["name"] for variable in dashboard["templating"]["list"]} == {"datasource", "instance"}
