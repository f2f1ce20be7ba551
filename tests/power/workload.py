# SPDX-License-Identifier: Apache-2.0
"""Starts a bridge under the recorder, and gives it something of everything to do: commands of several kinds and jobs,
lost answers, refusals, runs that are followed, and every way of ending it."""

import os
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tests", "scenario"))

from harness import Site  # noqa: E402  pylint: disable=wrong-import-position

BUILD = os.path.dirname(os.environ.get("JOBBRIDGE", os.path.join(ROOT, "build", "dev", "jobbridge")))
RECORDER = os.path.join(BUILD, "power-recorder.so")
LARGE_BYTES = 30000


class PowerSite(Site):
    """A site whose bridge is recorded. The journal has a folder of its own."""

    def __init__(self, folder, durability="power"):
        super().__init__(folder)
        self.journal_folder = os.path.join(self.folder, "journal")
        self.trace_path = os.path.join(self.folder, "trace")
        os.makedirs(self.journal_folder)
        self.journal_path = os.path.join(self.journal_folder, "journal.db")
        self.config["journal"] = {"path": self.journal_path, "durability": durability}
        self.config["api"]["request_timeout_ms"] = 800

        self.ended_executions = None

    def recording(self):
        """The environment that records a bridge."""
        return {"LD_PRELOAD": RECORDER, "POWER_FOLDER": self.journal_folder, "POWER_TRACE": self.trace_path}

    def launch_bridge(self, wrapper=(), env=None):
        super().launch_bridge(wrapper, {**self.recording(), **(env or {})})

    def launch_unrecorded(self, wrapper):
        """Under a wrapper that records the bridge, but is not recorded itself."""
        super().launch_bridge(wrapper)

    def start_unrecorded(self, wrapper):
        self.launch_unrecorded(wrapper)
        self.wait_bridge_state("online")

    def stop(self):
        """As in Site, once; what the API has done is kept for those who come later."""
        if self.api.process and self.api.process.alive:
            self.ended_executions = self.api.executions()
        super().stop()

    def restart(self, how):
        """how: kill or terminate."""
        if how == "kill":
            self.bridge.kill()
        else:
            assert self.bridge.terminate() == 0
        self.start_bridge()


def send_some(site, number):
    """One command of each kind; number makes them differ."""
    commands = [site.send("execute", {"templateContext": {"i": number}}),
                site.send("execute", {"templateContext": {"i": number}}, job="tune", device=f"d{number}"),
                site.send("execute"),
                site.send("get"),
                site.send("patch", {"description": f"number {number}"}, job="tune"),
                site.send("execute", {"templateContext": {"large": "x" * LARGE_BYTES}}, job="tune"),
                site.send("execute", {"noSuchField": 1})]
    return commands


def work(site, rounds, ends=("kill", "terminate", None)):
    """Rounds of commands, each with another fault and another end of the bridge."""
    faults = [{"do": "actThenDrop"}, {"do": "status", "status": 429}, {"do": "drop"}, {"do": "status", "status": 404},
              {"do": "status", "status": 503}, None]
    for number in range(rounds):
        fault = faults[number % len(faults)]
        if fault:
            site.api.fault("execute", times=1, **fault)
        commands = send_some(site, number)
        end = ends[number % len(ends)]
        if end:
            commands[0].answer(timeout=30)
            site.restart(end)
        for command in commands:
            command.answer(timeout=30)
        for command in commands[:3]:
            if command.messages("accepted"):
                command.final(timeout=30)
