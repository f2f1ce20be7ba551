# SPDX-License-Identifier: Apache-2.0
"""What the promises say of one life: every list here must stay empty. Compares what the API really did with all that a
subscriber saw, and looks into the journal that was left."""

import json
import sqlite3

from workload import FINAL, FOLLOWED, JOBS


class Verdict:
    def __init__(self, life):
        self.life = life
        self.commands = len(life.orders) + 2  # the cancelExecution and the contradiction have no device of their own
        self.lost = []
        self.doubled = []
        self.disordered = []
        self.wrong = []
        audit = life.api.audit()
        self._check_answers()
        self._check_executions(audit["executions"])
        self._check_barrier(audit)
        for name in sorted(FOLLOWED):
            self._check_run(name)
        self._check_bridge_status()
        self._check_journal()

    @property
    def problems(self):
        return self.lost + self.doubled + self.disordered + self.wrong

    def _check_answers(self):
        for name in self.life.orders:
            by_request = {}
            for message in self.life.heard(name, "accepted", "rejected"):
                kind = message.topic.rsplit("/", 1)[-1]
                if kind == "rejected" and message.json["error"]["type"] == "Conflict":
                    kind = "conflict"
                by_request.setdefault(message.request_id, {}).setdefault(kind, set()).add(message.payload)
            wanted = 2 if name == "a2" else 1
            if len(by_request) != wanted:
                self.lost.append(f"{name}: answers for {sorted(map(str, by_request))}")
            for request, kinds in by_request.items():
                self._check_answer(name, request, kinds)

    def _check_answer(self, name, request, kinds):
        conflict = kinds.pop("conflict", set())
        if bool(conflict) != (name == "a1"):
            self.wrong.append(f"{name}: conflict {len(conflict)}")
        if set(kinds) == {"accepted", "rejected"}:
            self.wrong.append(f"{name}: both accepted and rejected")
        if "rejected" in kinds and request != "ca2":
            self.wrong.append(f"{name}: {kinds['rejected']}")
        said = {payload for payloads in kinds.values() for payload in payloads}
        if len(said) != 1:
            self.wrong.append(f"{name} {request}: {len(said)} different answers: {said}")

    def _check_executions(self, executions):
        by_name = {}
        for execution in executions:
            context = json.loads(execution["templateContext"]) if execution.get("templateContext") else {}
            name = "p1" if execution["resourceJobId"] == JOBS["plain"] else context.get("c")
            by_name.setdefault(name, []).append(execution)
        for name in sorted(FOLLOWED | set(map(str, by_name))):
            made = by_name.get(name, [])
            if name not in FOLLOWED:
                self.wrong.append(f"an execution of nobody: {made}")
            elif len(made) > 1:
                self.doubled.append(f"{name}: {len(made)} executions")
            elif not made:
                self.lost.append(f"{name}: no execution")
            else:
                told = {m.json["executionId"] for m in self.life.heard(name, "accepted") if m.request_id != "ca2"}
                if told != {made[0]["executionId"]}:
                    self.wrong.append(f"{name}: told {told}, made {made[0]['executionId']}")

    def _check_barrier(self, audit):
        """tune: t1, then the patch, then t2."""
        at = {json.loads(e["templateContext"]).get("c"): e["at"] for e in audit["executions"]
              if e["resourceJobId"] == JOBS["tune"]}
        patches = [patch["at"] for patch in audit["patches"]]
        if not patches:
            self.lost.append("tp: no patch")
        elif at.get("t1", 0) > min(patches) or at.get("t2", max(patches)) < max(patches):
            self.disordered.append(f"tune: {at}, patches {patches}")

    def _check_run(self, name):
        statuses = self.life.heard(name, "status")
        seen = {}
        for message in statuses:
            seq = message.json["seq"]
            if seq not in seen:
                if seen and seq != max(seen) + 1 or not seen and seq != 1:
                    self.disordered.append(f"{name}: seq {seq} after {sorted(seen)}")
                seen[seq] = message
            elif seen[seq].payload != message.payload:
                self.wrong.append(f"{name}: seq {seq} says two things")
        finals = [m for m in seen.values() if m.json["state"] in FINAL]
        if not finals:
            self.lost.append(f"{name}: no final status")
        elif len(finals) > 1 or seen[max(seen)] is not finals[0]:
            self.disordered.append(f"{name}: {[m.json['state'] for m in seen.values()]}")
        elif statuses[-1].payload != finals[0].payload:
            self.disordered.append(f"{name}: the retained status is {statuses[-1]}")
        entries = self.life.heard(name, "log")
        if not any(m.json["entry"]["status"] in FINAL for m in entries):
            self.lost.append(f"{name}: the last log entry")

    def _check_bridge_status(self):
        said = self.life.states()
        if not said or said[-1] != "offline":
            self.wrong.append(f"the bridge's status at the end: {said[-3:]}")
        if any(m.topic.endswith("/deadletter") for m in self.life.device.messages):
            self.wrong.append("a dead letter")

    def _check_journal(self):
        with sqlite3.connect(self.life.journal) as journal:
            whole = journal.execute("PRAGMA integrity_check").fetchone()[0]
            if whole != "ok":
                self.wrong.append(f"journal: {whole}")
            for what, query in (("unfinished commands", "SELECT count(*) FROM commands WHERE state < 6"),
                                ("messages in the outbox", "SELECT count(*) FROM outbox")):
                count = journal.execute(query).fetchone()[0]
                if count:
                    self.lost.append(f"journal: {count} {what} at the end")
        journal.close()
