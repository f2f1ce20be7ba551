# SPDX-License-Identifier: Apache-2.0
"""The programs that tests/bench measures and what they are measured with: one broker, one API server for all.

Each subject is a context manager that yields a machine.Process which answers commands. Each start is a fresh one.
"""

import contextlib
import json
import os
import shutil
import subprocess

from machine import Failed, Process, free_port, listens, wait_until

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
HERE = os.path.join(ROOT, "tests", "bench")
WORK = os.path.join(ROOT, "build", "bench")
PROGRAMS = os.path.join(ROOT, "build", "release")
APPLICATION = "575ec8687ae143cd83dc4a97"
JOB = "6328c6c026517badf9142116"
EXECUTE = f"/applications/{APPLICATION}/resource-jobs/{JOB}/execute"

MOSQUITTO = """listener {port} 127.0.0.1
allow_anonymous true
max_queued_messages 0
persistence false
set_tcp_nodelay true
log_dest stderr
log_type error
"""

# The answers of the two calls that are made; the execution ids differ, as those of the API do.
NGINX = """daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    keepalive_requests 1000000000;
    default_type application/json;
    map $request_id $execution {{ "~^(?<first>.{{24}})" $first; }}
    server {{
        listen 127.0.0.1:{port};
        location ~ /execute$ {{ return 200 '{{"success":true,"executionId":"$execution"}}'; }}
        location ~ /logs$ {{ return 200 '[]'; }}
        location / {{ return 200 '{{"id":"{job}","resourceJobId":"{job}","name":"bench"}}'; }}
    }}
}}
"""

BRIDGE = """broker = {{ uri = "tcp://127.0.0.1:{mqtt}"; {broker} }};
api = {{ base_url = "http://127.0.0.1:{api}"; token_file = "{folder}/token"; {calls} }};
journal = {{ path = "{folder}/journal.db"; durability = "{durability}"; max_commands = 10000000; }};
follow = {{ {follow} }};
http = {{ listen = ""; }};
jobs = ( {jobs} );
routes = ( {{ name = "devices"; filter = "devices/{{device}}/jobs/{{job}}/cmd/{{action}}";
             replies = "devices/{{device}}/jobs/{{job}}"; }} );
"""


def folder_for(name):
    """An empty folder for one run."""
    path = os.path.join(WORK, "run", name)
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


class Site:
    """Broker and API server on ports of their own."""

    def __init__(self):
        self.mqtt = free_port()
        self.api = free_port()
        self.folder = folder_for("site")
        self._stack = contextlib.ExitStack()
        self.broker = None

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            conf = os.path.join(self.folder, "mosquitto.conf")
            write(conf, MOSQUITTO.format(port=self.mqtt))
            self.broker = stack.enter_context(
                Process(["/usr/sbin/mosquitto", "-c", conf], os.path.join(self.folder, "mosquitto.log")))
            conf = os.path.join(self.folder, "nginx.conf")
            write(conf, NGINX.format(port=self.api, folder=self.folder, job=JOB))
            stack.enter_context(Process(["/usr/sbin/nginx", "-p", self.folder, "-c", conf],
                                        os.path.join(self.folder, "nginx.log")))
            wait_until(lambda: listens(self.mqtt), "the broker")
            wait_until(lambda: listens(self.api), "the API server")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.api}{EXECUTE}"

    def load(self, check=True, **options):
        """Runs the load generator; its figures."""
        command = [os.path.join(PROGRAMS, "bench-load"), "-p", str(self.mqtt)]
        for name, value in options.items():
            command += ["-" + name[0], str(value)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not done.stdout or (check and done.returncode != 0):
            raise Failed(f"load: {done.stderr.strip() or done.stdout.strip()}")
        return json.loads(done.stdout)

    def wait_ready(self, process, seconds=60):
        """Until a command is answered."""
        def answered():
            if not process.alive:
                raise Failed("it ended at its start; see its log below build/bench/run")
            return self.load(check=False, number=1, timeout=1)["answered"] == 1
        wait_until(answered, "the first answer", seconds)


def job_text(name, resource_job_id, follow):
    return (f'{{ name = "{name}"; application_id = "{APPLICATION}"; resource_job_id = "{resource_job_id}"; '
            f'follow = {"true" if follow else "false"}; ttl_s = 86400; }}')


def bridge_conf(folder, site, durability="power", jobs=1, follow=False, api=None, **groups):
    """Writes a configuration; its path. groups: more text for broker, calls (api) and follow."""
    if jobs == 1:
        texts = [job_text("recalibrate", JOB, follow)]
    else:
        texts = [job_text(f"job{i}", f"{i:024x}", follow) for i in range(jobs)]
    write(os.path.join(folder, "token"), "bench\n")
    path = os.path.join(folder, "jobbridge.conf")
    write(path, BRIDGE.format(mqtt=site.mqtt, api=api or site.api, folder=folder, durability=durability,
                              broker=groups.get("broker", ""), calls=groups.get("calls", ""),
                              follow=groups.get("follow", ""), jobs=",\n         ".join(texts)))
    return path


def bridge_process(folder, conf, wrapper=()):
    return Process([*wrapper, os.path.join(PROGRAMS, "jobbridge"), "run", "-c", conf],
                   os.path.join(folder, "jobbridge.log"))


@contextlib.contextmanager
def jobbridge(site, durability, **options):
    folder = folder_for("jobbridge")
    with bridge_process(folder, bridge_conf(folder, site, durability, **options)) as process:
        site.wait_ready(process)
        yield process


@contextlib.contextmanager
def node_red(site):
    folder = folder_for("node-red")
    modules = os.path.join(WORK, "node-red", "node_modules")
    shutil.copy(os.path.join(HERE, "node-red", "flows.json"), folder)
    write(os.path.join(folder, "settings.js"),
          'module.exports = {uiHost: "127.0.0.1", logging: {console: {level: "warn"}}, flowFile: "flows.json",'
          ' telemetry: {enabled: false}, diagnostics: {enabled: false}};\n')
    env = {"BENCH_MQTT_PORT": str(site.mqtt), "BENCH_API_URL": site.url, "NODE_RED_ENABLE_TELEMETRY": "false"}
    command = ["node", os.path.join(modules, "node-red", "red.js"), "-u", folder, "-p", str(free_port())]
    with Process(command, os.path.join(folder, "node-red.log"), env=env) as process:
        site.wait_ready(process)
        yield process


@contextlib.contextmanager
def script(site):
    folder = folder_for("script")
    command = ["/usr/bin/python3", os.path.join(HERE, "peer_script.py"), str(site.mqtt), site.url]
    with Process(command, os.path.join(folder, "script.log")) as process:
        site.wait_ready(process)
        yield process


SUBJECTS = {
    "jobbridge-power": lambda site: jobbridge(site, "power"),
    "jobbridge-process": lambda site: jobbridge(site, "process"),
    "node-red": node_red,
    "script": script,
}
