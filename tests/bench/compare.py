# SPDX-License-Identifier: Apache-2.0
"""The comparison itself, called by tests/bench/run when everything is installed and built: rounds of interleaved runs,
then what only the bridge is measured for, then table, JSON and plot. A failed measurement is told and left out.
"""

import argparse
import json
import os
import sys
import time

import measures
import report
import subjects
from machine import Failed

METRICS = ("throughput", "latency", "floor", "fsyncs", "start", "backlog", "open-runs", "binary")
COLUMNS = (("commands_per_s", "commands/s to the last accepted"), ("cpu_us", "CPU a command, µs"),
           ("p50_at_10_us", "p50 at 10/s, µs"), ("p99_at_10_us", "p99 at 10/s, µs"),
           ("p50_at_100_us", "p50 at 100/s, µs"), ("p99_at_100_us", "p99 at 100/s, µs"),
           ("p999_at_100_us", "p99.9 at 100/s, µs"), ("p50_at_1000_us", "p50 at 1000/s, µs"),
           ("p99_at_1000_us", "p99 at 1000/s, µs"), ("p999_at_1000_us", "p99.9 at 1000/s, µs"),
           ("idle_kib", "memory when idle, KiB"), ("load_kib", "memory under load, KiB"),
           ("written_bytes", "bytes to disk a command"), ("lost", "commands without an answer"))
CHARTS = (("commands_per_s", "Commands a second, more is better"), ("cpu_us", "CPU a command in µs, less is better"),
          ("p99_at_100_us", "p99 from publish to accepted at 100/s in µs, less is better"),
          ("load_kib", "Memory under load in KiB, less is better"))


class Bench:
    def __init__(self, options):
        self.options = options
        self.rounds = options.rounds or (2 if options.quick else 5)
        self.runs = {}
        self.failures = []

    def wants(self, subject, metric):
        return not self.options.only or any(
            only in (metric, subject, f"{subject}/{metric}") for only in self.options.only)

    def note(self, group, figures):
        self.runs.setdefault(group, []).append(figures)
        print(f"   {group}: " + ", ".join(f"{name} {report.show(value)}" for name, value in figures.items()),
              flush=True)

    def attempt(self, group, function, *arguments):
        try:
            self.note(group, function(*arguments))
        except (Failed, OSError) as why:
            self.failures.append(f"{group}: {why}")
            print(f"   {group}: FAILED: {why}", flush=True)

    def measure_subject(self, site, name):
        quick = self.options.quick
        count = {"jobbridge-power": 6000, "jobbridge-process": 10000}.get(name, 3000) // (4 if quick else 1)
        with subjects.SUBJECTS[name](site) as process:
            process.settle()
            figures = {"idle_kib": process.resident_kib()}
            site.load(number=measures.WARM_UP)
            if self.wants(name, "throughput"):
                figures.update(measures.throughput(site, process, count))
            if self.wants(name, "latency"):
                for rate, commands in ((10, 60), (100, 500), (1000, 2000)):
                    figures.update(measures.latency(site, rate, commands // (2 if quick else 1)))
        return figures

    def interleaved(self):
        """Everything that is compared, in rounds, so that the machine's mood meets all alike."""
        for number in range(self.rounds):
            print(f"== round {number + 1} of {self.rounds}", flush=True)
            if self.wants("floor", "floor"):
                with subjects.Site() as site:
                    self.attempt("floor", measures.floor, site, 500 if self.options.quick else 2000)
            for name in subjects.SUBJECTS:
                if self.wants(name, "throughput") or self.wants(name, "latency"):
                    with subjects.Site() as site:
                        self.attempt(name, self.measure_subject, site, name)

    def alone(self):
        """What only the bridge is measured for."""
        quick = self.options.quick
        with subjects.Site() as site:
            for durability in ("power", "process"):
                if self.wants(f"jobbridge-{durability}", "fsyncs"):
                    self.attempt(f"fsyncs-{durability}", measures.fsyncs, site, durability, 500 if quick else 2000)
        for _ in range(self.rounds if self.wants("jobbridge", "start") else 0):
            with subjects.Site() as site:
                self.attempt("start", self.start, site)
        sizes = (1000, 10000) if quick else (1000, 10000, 100000, 1000000)
        for waiting in sizes if self.wants("jobbridge", "backlog") else ():
            for _ in range(1 if quick else 3):
                with subjects.Site() as site:
                    self.attempt(f"backlog-{waiting}", measures.backlog, site, waiting, 1000)
        runs = ((1, 1), (10, 10)) if quick else ((1, 1), (100, 1), (100, 10), (1000, 1), (1000, 10), (10000, 10))
        for count, jobs in runs if self.wants("jobbridge", "open-runs") else ():
            with subjects.Site() as site:
                self.attempt(f"open-{count}-of-{jobs}", measures.open_runs, site, count, jobs, 10 if quick else 30, 500)
        if self.wants("jobbridge", "binary"):
            self.note("binary", {"bytes": os.path.getsize(os.path.join(subjects.PROGRAMS, "jobbridge"))})

    @staticmethod
    def start(site):
        folder = subjects.folder_for("start")
        process, ready_ms = measures.start(site, folder, subjects.bridge_conf(folder, site))
        with process:
            return {"ready_ms": ready_ms}

    def finish(self):
        results = {name: report.summarise(runs) for name, runs in self.runs.items()}
        compared = {name: results[name] for name in subjects.SUBJECTS if name in results}
        taken = f"{os.cpu_count()} cores, {time.strftime('%Y-%m-%d')}"
        text = [f"Medians (least–greatest), ×ratio to Node-RED; {taken}", ""]
        if compared:
            text.append(report.table(compared, COLUMNS, "node-red"))
        for group in (name for name in results if name not in compared):
            text += ["", f"{group}:"] + [f"  {name} {report.cell(figure)}" for name, figure in results[group].items()]
        text += ["", *self.goals(results)]
        text += [f"FAILED {failure}" for failure in self.failures]
        out = self.options.out
        os.makedirs(out, exist_ok=True)
        subjects.write(os.path.join(out, "bench.txt"), "\n".join(text) + "\n")
        with open(os.path.join(out, "bench.json"), "w", encoding="utf-8") as file:
            json.dump({"machine": taken, "results": results, "runs": self.runs, "failures": self.failures}, file, indent=1)
        if compared:
            subjects.write(os.path.join(out, "bench.svg"), report.plot(compared, CHARTS, f"jobbridge and peers; {taken}"))
        print("\n".join(text))
        print(f"\n{out}/bench.txt, bench.json, bench.svg")
        return 1 if self.failures else 0

    @staticmethod
    def goals(results):
        """How near the goals of the project are, as far as they were measured."""
        def median(group, name):
            return results.get(group, {}).get(name, {}).get("median")

        lines = ["Goals:"]

        def goal(title, value, limit, at_least=False):
            if value is not None and limit is not None:
                met = value >= limit if at_least else value <= limit
                lines.append(f"  {'met   ' if met else 'MISSED'} {title}: {report.show(value)} "
                             f"({'≥' if at_least else '≤'} {report.show(limit)})")

        for kind, factor in (("power", 5), ("process", 8)):
            peer, rate = median("node-red", "commands_per_s"), median(f"jobbridge-{kind}", "commands_per_s")
            goal(f"throughput, {kind}", rate, peer and factor * peer, True)
            cpu, peer = median(f"jobbridge-{kind}", "cpu_us"), median("node-red", "cpu_us")
            goal(f"CPU a command against Node-RED, {kind}", cpu, peer and peer / 10)
            parts = [median("floor", part) for part in ("paho_cpu_us", "curl_cpu_us", f"sqlite_{kind}_cpu_us")]
            goal(f"CPU a command against its bare parts, {kind}", cpu, 1.5 * sum(parts) if None not in parts else None)
            goal(f"memory under load, {kind}", median(f"jobbridge-{kind}", "load_kib"), 16 * 1024)
        parts = [median("floor", "post_p99_us"), median("floor", "commit_p99_us")]
        goal("p99 at 100/s, power", median("jobbridge-power", "p99_at_100_us"),
             3 * (parts[0] + 2 * parts[1]) if None not in parts else None)
        goal("memory idle", median("jobbridge-power", "idle_kib"), 8 * 1024)
        goal("memory with 1 M waiting", median("backlog-1000000", "peak_kib"), 24 * 1024)
        small = median("backlog-1000", "answer_cpu_us")
        goal("cost at 1 M waiting against 1 k", median("backlog-1000000", "answer_cpu_us"), small and 1.2 * small)
        goal("start to ready, ms", median("start", "ready_ms"), 50)
        goal("start to ready with 1 M waiting, ms", median("backlog-1000000", "ready_ms"), 1000)
        goal("fsyncs a command beside the intake's own", median("fsyncs-power", "fsyncs"), 1.3)
        goal("binary, bytes", median("binary", "bytes"), 200 * 1024)
        return lines


def main():
    parser = argparse.ArgumentParser(prog="tests/bench/run", description="Measures jobbridge beside what people use.")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs; for a first look")
    parser.add_argument("--rounds", type=int, metavar="N", help="interleaved runs of each (5, or 2 with --quick)")
    parser.add_argument("--only", action="append", metavar="SUBJECT/METRIC",
                        help=f"a subject ({', '.join(subjects.SUBJECTS)}, jobbridge, floor), a metric "
                             f"({', '.join(METRICS)}), or both; may be given several times")
    parser.add_argument("--out", default=os.path.join(subjects.WORK, "out"), metavar="FOLDER", help="for the results")
    bench = Bench(parser.parse_args())
    bench.interleaved()
    bench.alone()
    return bench.finish()


if __name__ == "__main__":
    sys.exit(main())
