# SPDX-License-Identifier: Apache-2.0
"""The Node-RED flow, imported into a real Node-RED and driven as its editor would: its buttons execute and cancel, its
page shows the runs. Node-RED comes from npm into build/node-red, once; tests/run leaves this out where there is no npm."""

import http.client
import json
import os
import subprocess

import pytest

from harness import eventually
from harness.api import ROOT
from harness.ports import free_port
from harness.process import Process, log_text
from harness.waiting import patient

VERSION = "4.1.8"
FLOW = os.path.join(ROOT, "deploy", "node-red", "flow.json")
INSTALLED = os.path.join(ROOT, "build", "node-red")
PROGRAM = os.path.join(INSTALLED, "node_modules", "node-red", "red.js")


@pytest.fixture(scope="module")
def program():
    """Node-RED itself; installs it when it is not there."""
    if not os.path.exists(PROGRAM):
        done = subprocess.run(["npm", "install", "--prefix", INSTALLED, "--ignore-scripts", "--omit=optional", "--no-audit",
                               "--no-fund", "--loglevel=error", f"node-red@{VERSION}"], capture_output=True, text=True,
                              check=False)
        assert done.returncode == 0 and os.path.exists(PROGRAM), done.stdout + done.stderr
    return PROGRAM


class NodeRed:
    def __init__(self, program, folder):
        self.port = free_port()
        self.log_path = os.path.join(folder, "node-red.log")
        settings = os.path.join(folder, "settings.js")
        with open(settings, "w", encoding="utf-8") as file:
            file.write('module.exports = { uiHost: "127.0.0.1", uiPort: %d, flowFile: "flows.json", '
                       "credentialSecret: false, telemetry: { enabled: false, updateNotification: false }, "
                       "editorTheme: { tours: false } };\n" % self.port)
        self.process = Process("node-red", ["node", program, "--userDir", folder, "--settings", settings], self.log_path)
        eventually(lambda: "Started flows" in log_text(self.log_path), "Node-RED", 60)

    def request(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=patient())
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8")
        finally:
            connection.close()

    def deploy(self, flow):
        """As the editor's import and deploy."""
        status, text = self.request("POST", "/flows", json.dumps(flow), **{"Content-Type": "application/json",
                                                                          "Node-RED-Deployment-Type": "full"})
        assert status == 204, text

    def press(self, node):
        status, text = self.request("POST", f"/inject/{node}")
        assert status == 200, text

    @property
    def page(self):
        return self.request("GET", "/jobbridge")[1]


def read_flow(port=None):
    with open(FLOW, encoding="utf-8") as file:
        flow = json.load(file)
    for node in flow:
        if node["type"] == "mqtt-broker" and port:
            node["port"] = str(port)
    return flow


@pytest.fixture
def home(site, program, tmp_path):
    site.start(run_ms=400)
    folder = tmp_path / "node-red"
    folder.mkdir()
    place = NodeRed(program, str(folder))
    try:
        place.deploy(read_flow(site.broker.port))
        eventually(lambda: "Connected to broker" in log_text(place.log_path), "Node-RED at the broker", 30)
        yield place
    finally:
        place.process.kill()


@pytest.mark.slow
def test_the_buttons_and_the_page(site, home):
    eventually(lambda: "<h1>online</h1>" in home.page, "the bridge's state on the page")
    home.press("jb-execute")
    [execution] = site.api.wait_executions(1)
    assert json.loads(execution["templateContext"])["from"] == "node-red"
    eventually(lambda: "completed succeeded" in home.page, "the end of the run on the page")
    assert execution["executionId"] in home.page and "value=100" in home.page

    site.api.settings(runMs=60000)
    home.press("jb-execute")
    second = site.api.wait_executions(2)[1]
    eventually(lambda: second["executionId"] in home.page, "the second run on the page")
    home.press("jb-cancel")
    eventually(lambda: "canceled canceled" in home.page, "the canceled run on the page", 30)
    assert site.api.requests("cancelExecution")[0]["status"] == 200

    site.bridge.terminate()
    eventually(lambda: "<h1>offline</h1>" in home.page, "the bridge's end on the page")
    assert "error" not in log_text(home.log_path).lower(), log_text(home.log_path)


@pytest.mark.slow
def test_markup_on_the_page_stays_text(site, home):
    site.send("execute", request_id="<b>bold</b>").final()
    eventually(lambda: "completed succeeded" in home.page, "the run on the page")
    assert "<b>bold" not in home.page and "&#60;b&#62;bold" in home.page


def test_the_flow_is_whole():
    """Every wire leads to a node, every node is one of Node-RED's own, nothing is anybody's secret."""
    flow = read_flow()
    ids = {node["id"] for node in flow}
    assert len(ids) == len(flow)
    own = {"tab", "mqtt-broker", "comment", "inject", "function", "mqtt in", "mqtt out", "debug", "http in",
           "http response"}
    for node in flow:
        assert node["type"] in own and "credentials" not in node
        for target in sum(node.get("wires", []), []):
            assert target in ids, node["id"]
        assert node.get("broker") in (None, "jb-broker", "127.0.0.1")
