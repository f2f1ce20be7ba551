# SPDX-License-Identifier: Apache-2.0
"""What tests/bench measures. Each function makes one run and returns its figures as a dictionary.

Must bound every run in count and time. The names of the figures end with their unit.
"""

import contextlib
import json
import os
import re
import sqlite3
import subprocess
import threading
import time
import urllib.request

import paho.mqtt.client
import subjects
from machine import Failed, Process, free_port, wait_until

IN_FLIGHT = 32
WARM_UP = 300


def helper(name, *arguments):
    done = subprocess.run([os.path.join(subjects.PROGRAMS, "bench-" + name), *map(str, arguments)],
                          capture_output=True, text=True, check=False, timeout=120)
    if done.returncode != 0:
        raise Failed(f"{name}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def throughput(site, process, count):
    """As fast as it goes: from the first publication to the last answer."""
    process.settle()
    cpu, broker, written = process.cpu_s(), site.broker.cpu_s(), process.written_bytes()
    run = site.load(check=False, number=count, timeout=120)
    process.settle()
    if run["answered"] == 0:
        raise Failed("no command was answered")
    return {"commands_per_s": run["answered"] / run["seconds"], "cpu_us": (process.cpu_s() - cpu) / count * 1e6,
            "broker_cpu_us": (site.broker.cpu_s() - broker) / count * 1e6,
            "written_bytes": (process.written_bytes() - written) / count, "lost": count - run["answered"],
            "load_kib": process.resident_kib(peak=True)}


def latency(site, rate, count):
    """From the time a command was due to its answer, at a given rate."""
    run = site.load(check=False, number=count, rate=rate, timeout=count / rate + 30)
    return {f"{name}_at_{rate}_us": run[f"{name}_us"] for name in ("p50", "p99", "p999")}


def floor(site, count):
    """The bare parts, and how fast the broker with the load alone is."""
    curl = helper("floor-curl", site.url, count, IN_FLIGHT)
    one = helper("floor-curl", site.url, count // 4, 1)
    full = helper("floor-sqlite", subjects.folder_for("floor"), count // 4, 1, "FULL")
    grouped = helper("floor-sqlite", subjects.folder_for("floor"), count, 16, "FULL")
    process = helper("floor-sqlite", subjects.folder_for("floor"), count, 16, "NORMAL")
    direct = site.load(mode="direct", number=count * 4)
    with Process([os.path.join(subjects.PROGRAMS, "bench-floor-paho"), str(site.mqtt)],
                 os.path.join(site.folder, "floor-paho.log")) as paho:
        site.wait_ready(paho)
        before = paho.cpu_s()
        run = site.load(number=count * 2)
        paho.settle()
        paho_us = (paho.cpu_s() - before) / count / 2 * 1e6
    return {"curl_per_s": curl["rate"], "curl_cpu_us": curl["cpu_us"], "post_p50_us": one["p50_us"],
            "post_p99_us": one["p99_us"], "commit_p50_us": full["commit_p50_us"],
            "commit_p99_us": full["commit_p99_us"], "sqlite_single_cpu_us": full["cpu_us"],
            "sqlite_power_cpu_us": grouped["cpu_us"], "sqlite_process_cpu_us": process["cpu_us"],
            "broker_per_s": direct["answered"] / direct["seconds"], "paho_cpu_us": paho_us,
            "paho_per_s": run["answered"] / run["seconds"]}


def start(site, folder, conf, wrapper=()):
    """Starts the bridge; the process, and the ms until its birth was heard: it takes commands from then on."""
    born, subscribed = threading.Event(), threading.Event()

    def take(_client, _data, message):
        if not message.retain and json.loads(message.payload)["state"] != "offline":
            born.set()

    listener = paho.mqtt.client.Client()
    listener.on_message = take
    listener.on_subscribe = lambda *_: subscribed.set()
    listener.connect("127.0.0.1", site.mqtt)
    listener.subscribe("bridges/jobbridge/status", 1)
    listener.loop_start()
    try:
        if not subscribed.wait(10):
            raise Failed("the broker does not answer")
        begun = time.monotonic()
        process = subjects.bridge_process(folder, conf, wrapper)
        if not born.wait(60):
            process.end()
            raise Failed("never ready")
        return process, (time.monotonic() - begun) * 1000
    finally:
        listener.loop_stop()
        listener.disconnect()


def fsyncs(site, durability, count):
    """Syncs of the disk a command at full load. strace slows everything down, so nothing else is taken from this run."""
    with subjects.jobbridge(site, durability) as process:
        site.load(number=WARM_UP)
        process.settle()
        report = os.path.join(site.folder, "strace.txt")
        with Process(["strace", "-c", "-f", "-e", "trace=fsync,fdatasync", "-o", report, "-p", str(process.pid)],
                     os.path.join(site.folder, "strace.log")) as tracer:
            wait_until(lambda: b"attached" in open(os.path.join(site.folder, "strace.log"), "rb").read(), "strace")
            site.load(number=count, timeout=120)
            process.settle()
            os.kill(tracer.pid, 2)
            wait_until(lambda: not tracer.alive, "the end of strace")
    with open(report, encoding="ascii") as file:
        calls = sum(int(match.group(1)) for match in
                    re.finditer(r"^\s*\S+\s+\S+\s+\S+\s+(\d+)\s.*(?:fsync|fdatasync)$", file.read(), re.MULTILINE))
    return {"fsyncs": calls / count}


def told(path):
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return db.execute("SELECT count(*) FROM commands WHERE state < 6 AND seq > 0").fetchone()[0] > 0


def fill_journal(path, waiting):
    """Makes one real waiting row into many: the same row but for its id, its request and the order of arrival."""
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA synchronous = OFF")
        columns = [row[1] for row in db.execute("PRAGMA table_info(commands)")]
        given = {"id": "id + n", "request_id": "'filled-' || n", "digest": "digest + n", "packet_id": "NULL",
                 "state": "1", "attempts": "0", "sent_ms": "NULL"}
        chosen = ", ".join(given.get(name, name) for name in columns)
        db.execute(f"""WITH RECURSIVE many(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n < {waiting - 1})
                       INSERT INTO commands({", ".join(columns)}) SELECT {chosen} FROM commands, many
                       WHERE commands.id = (SELECT max(id) FROM commands WHERE state < 6)""")
        db.execute("DELETE FROM outbox")
        found = db.execute("SELECT count(*) FROM commands WHERE state < 6").fetchone()[0]
        if found != waiting:
            raise Failed(f"the journal has {found} waiting commands instead of {waiting}")


def prepare_backlog(site, folder, waiting):
    """A journal with so many waiting commands, of a bridge whose API is away; its configuration and the API's port."""
    port = free_port()
    conf = subjects.bridge_conf(folder, site, api=port, calls="retry = { base_ms = 50; max_ms = 100; };")
    process, _ = start(site, folder, conf)
    with process:
        site.load(mode="publish", number=1)
        # Its status `pending` is told: those that it is multiplied into are no news to anybody either.
        wait_until(lambda: told(os.path.join(folder, "journal.db")), "the status of what waits")
        process.settle()
    fill_journal(os.path.join(folder, "journal.db"), waiting)
    os.sync()  # else the bridge's first sync would write all of that
    return conf, port


def backlog(site, waiting, count):
    """With so many commands waiting: start, memory, the cost of one more, and of answering when the API is back."""
    folder = subjects.folder_for("backlog")
    conf, port = prepare_backlog(site, folder, waiting)
    process, ready_ms = start(site, folder, conf)
    with process:
        process.settle()
        figures = {"ready_ms": ready_ms, "resident_kib": process.resident_kib()}
        cpu = process.cpu_s()
        site.load(mode="publish", number=count)
        process.settle()
        figures["intake_cpu_us"] = (process.cpu_s() - cpu) / count * 1e6
        listener = subprocess.Popen([os.path.join(subjects.PROGRAMS, "bench-load"), "-p", str(site.mqtt), "-m",
                                     "listen", "-n", str(min(count, waiting)), "-t", "60"], stdout=subprocess.PIPE)
        conf = os.path.join(folder, "nginx.conf")
        subjects.write(conf, subjects.NGINX.format(port=port, folder=folder, job=subjects.JOB))
        cpu = process.cpu_s()
        with Process(["/usr/sbin/nginx", "-p", folder, "-c", conf], os.path.join(folder, "nginx.log")):
            heard = json.loads(listener.communicate()[0])
            figures["answer_cpu_us"] = (process.cpu_s() - cpu) / max(heard["stray"], 1) * 1e6
            figures["answers_per_s"] = heard["stray"] / heard["seconds"]
        figures["peak_kib"] = process.resident_kib(peak=True)
    return figures


@contextlib.contextmanager
def emulator(folder, jobs):
    """The emulator with runs that never end; its two addresses."""
    log = os.path.join(folder, "emulator.log")
    job_file = os.path.join(folder, "job.json")
    subjects.write(job_file, json.dumps({"name": "bench"}))
    ids = [subjects.JOB] if jobs == 1 else [f"{i:024x}" for i in range(jobs)]
    command = [os.path.join(subjects.PROGRAMS, "losant-emulator"), "--token", "bench", "--listen", "127.0.0.1:0",
               "--control", "127.0.0.1:0"]
    for name in ids:
        command += ["--job", f"{subjects.APPLICATION}/{name}={job_file}"]
    with Process(command, log) as process:
        line = wait_until(lambda: re.search(r"\{.*\}", open(log, encoding="utf-8").read()), "the emulator")
        addresses = json.loads(line.group(0))
        yield process, int(addresses["api"].rsplit(":", 1)[1]), addresses["control"]


def ask(url, body=None):
    request = urllib.request.Request(url, data=json.dumps(body).encode() if body else None,
                                     method="PUT" if body else "GET", headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def open_runs(site, runs, jobs, seconds, count):
    """With so many runs open: requests a minute, the CPU of following them, and of one command more."""
    folder = subjects.folder_for("open-runs")
    with emulator(folder, jobs) as (_, port, control):
        ask(control + "/settings", {"ends": "never"})
        conf = subjects.bridge_conf(folder, site, jobs=jobs, follow=True, api=port)
        process, _ = start(site, folder, conf)
        with process:
            site.load(number=runs, jobs=jobs, timeout=120)
            time.sleep(6)  # the first look at the log
            process.settle()
            before, cpu = ask(control + "/audit/count")["requests"], process.cpu_s()
            time.sleep(seconds)
            figures = {"gets_per_min": (ask(control + "/audit/count")["requests"] - before) * 60 / seconds,
                       "follow_cpu_ms_per_min": (process.cpu_s() - cpu) * 60000 / seconds}
            cpu = process.cpu_s()
            site.load(number=count, jobs=jobs)
            figures["cpu_us"] = (process.cpu_s() - cpu) / count * 1e6
            figures["resident_kib"] = process.resident_kib()
    return figures
