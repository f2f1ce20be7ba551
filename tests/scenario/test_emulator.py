# SPDX-License-Identifier: Apache-2.0
"""The emulator, seen from its two addresses: every operation, every bound of the schemas, every fault as a client meets it.

Nothing but the standard library and pytest: the emulator is judged by another HTTP than the bridge's. One behaviour per
test; each test has a job of its own, so that none sees another's runs.
"""
import email.utils
import http.client
import itertools
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
from datetime import datetime, timezone

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
EMULATOR = os.environ.get("EMULATOR", str(ROOT / "build/dev/losant-emulator"))
BOUND_S = 10
APP = "575ec8687ae143cd83dc4a97"
SEEDED = "6328c6c026517badf9142116"
UNKNOWN = "f" * 24
TOKEN = "secret"
job_numbers = itertools.count(1)


class Answer:
    def __init__(self, status, headers, text):
        self.status, self.headers, self.text = status, headers, text

    @property
    def json(self):
        return json.loads(self.text)

    @property
    def type(self):
        return self.json["type"]

    @property
    def message(self):
        return self.json["message"]


class Client:
    """One kept connection."""

    def __init__(self, url, context=None):
        self.secure = url.startswith("https")
        self.host, port = url.split("//")[1].rsplit(":", 1)
        self.port, self.context = int(port), context
        self.connection = self.connect()

    def connect(self, timeout=BOUND_S):
        if self.secure:
            return http.client.HTTPSConnection(self.host, self.port, timeout=timeout, context=self.context)
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def call(self, method, path, body=None, headers=None):
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body, ensure_ascii=False)
        if isinstance(body, str):
            body = body.encode()
        try:
            self.connection.request(method, path, body, headers or {})
            response = self.connection.getresponse()
            return Answer(response.status, response.headers, response.read().decode())
        except BaseException:
            self.connection.close()
            self.connection = self.connect()
            raise


class Emulator:
    def __init__(self, *options, env_context=None):
        self.process = subprocess.Popen(
            [EMULATOR, "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", *options], stdout=subprocess.PIPE, text=True)
        self.line = self.process.stdout.readline()
        urls = json.loads(self.line)
        self.url = urls["api"]
        self.client = Client(urls["api"], env_context)
        self.controls = Client(urls["control"])

    def control(self, method, path, body=None, ok=True):
        headers = {} if body is None else {"Content-Type": "application/json"}
        answer = self.controls.call(method, path, body, headers)
        if ok:
            assert answer.status == 200, answer.text
            return answer.json
        return answer

    def settings(self, **settings):
        return self.control("PUT", "/settings", settings)

    def fault(self, **fault):
        return self.control("POST", "/faults", fault)["id"]

    def audit(self):
        return self.control("GET", "/audit")

    def count(self):
        return self.control("GET", "/audit/count")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(BOUND_S)
        self.process.stdout.close()
        return code


class Job:
    """One job and the calls on it."""

    def __init__(self, emulator, ident, client=None):
        self.emulator, self.id, self.client = emulator, ident, client or emulator.client
        self.path = f"/applications/{APP}/resource-jobs/{ident}"

    def call(self, method, tail="", body=None, token=TOKEN, content_type="application/json", client=None):
        headers = {}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if body is not None and content_type is not None:
            headers["Content-Type"] = content_type
        return (client or self.client).call(method, self.path + tail, body, headers)

    def execute(self, body=None, **more):
        return self.call("POST", "/execute", {} if body is None else body, **more)

    def run(self, body=None):
        answer = self.execute(body)
        assert answer.status == 200, answer.text
        return answer.json["executionId"]

    def logs(self, query="?limit=1000"):
        answer = self.call("GET", "/logs" + query)
        assert answer.status == 200, answer.text
        return answer.json

    def entry(self, execution):
        return next((e for e in self.logs() if e["resourceJobExecutionId"] == execution), None)

    def cancel(self, execution):
        return self.call("POST", f"/cancelExecution?executionId={execution}")

    def executions(self):
        return [e for e in self.emulator.audit()["executions"] if e["resourceJobId"] == self.id]


def wait_for(look, what):
    """Looks again and again until it sees something, at most BOUND_S."""
    end = time.monotonic() + BOUND_S
    while time.monotonic() < end:
        seen = look()
        if seen:
            return seen
    raise AssertionError(f"not within {BOUND_S} s: {what}")


def ms_of(text):
    return round(datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc).timestamp() * 1000)


@pytest.fixture(scope="module")
def running():
    emulator = Emulator("--token", TOKEN, "--job", f"{APP}/{SEEDED}", "--seed", "7")
    defaults = emulator.control("GET", "/settings")
    yield emulator, defaults
    assert emulator.stop() == 0


@pytest.fixture
def emulator(running):
    emulator, defaults = running
    emulator.settings(**defaults)
    emulator.control("DELETE", "/faults")
    emulator.control("DELETE", "/audit")
    return emulator


def new_job(emulator, **fields):
    ident = f"{next(job_numbers):024x}"
    emulator.control("POST", "/jobs", {"applicationId": APP, "resourceJobId": ident, **fields})
    return Job(emulator, ident)


@pytest.fixture
def job(emulator):
    return new_job(emulator)


# ---- execute -------------------------------------------------------------------------------------------------------------


def test_execute_gives_an_execution_id(job):
    answer = job.execute({})
    assert answer.status == 200 and answer.json["success"] is True
    assert re.fullmatch("[0-9a-f]{24}", answer.json["executionId"])


def test_each_execute_is_a_run_of_its_own(job):
    assert len({job.run() for _ in range(5)}) == 5
    assert len(job.executions()) == 5


def test_execute_without_body_is_refused(job):
    answer = job.call("POST", "/execute")
    assert (answer.status, answer.type) == (400, "Validation") and "body" in answer.message


def test_digits_of_big_numbers_are_kept(job):
    context = '{ "n" : 12345678901234567890, "e":1e400 ,"d": 0.10000000000000000000001}'
    execution = job.run({"templateContext": context})
    assert job.executions()[0]["templateContext"] == context
    assert job.entry(execution)["templateContext"] == context


def test_context_is_kept_byte_for_byte(job):
    context = '{"b":1,\t"a" : "\\u00e9 \u00e9 \\/ \U0001f600 {{x}}","b":2}\n'
    job.run(json.dumps({"templateContext": context}, ensure_ascii=False))
    assert job.executions()[0]["templateContext"] == context


def test_without_context_the_default_context_counts(emulator):
    job = new_job(emulator, defaultContext='{"from": "job"}')
    execution = job.run()
    assert job.entry(execution)["templateContext"] == '{"from": "job"}'
    assert job.executions()[0]["contextGiven"] is False


def test_a_given_context_replaces_the_default_context(emulator):
    job = new_job(emulator, defaultContext='{"from": "job"}')
    job.run({"templateContext": "{}"})
    assert job.executions()[0]["templateContext"] == "{}"


def test_without_any_context_there_is_none(job):
    assert "templateContext" not in job.entry(job.run())


def test_query_and_data_table_of_a_run_are_audited(job):
    job.run({"queryJson": '{"a": {{b}}}', "dataTableId": "{{table}}"})
    seen = job.executions()[0]
    assert (seen["queryJson"], seen["dataTableId"], seen["token"]) == ('{"a": {{b}}}', "{{table}}", TOKEN)


def context_of(code_points):
    return '{"a":"' + "\U0001f600" * (code_points - 8) + '"}'


@pytest.mark.parametrize("body", [
    {"templateContext": context_of(32767)},
    {"templateContext": '{"a":"{{ b }}"}'},
    {"templateContext": " {} "},
    {"queryJson": ""},
    {"queryJson": "é" * 8192},
    {"dataTableId": "0123456789abcdefABCDEF00"},
    {"dataTableId": "{{x}}"},
    {"dataTableId": "{{}}}"},
    {"dataTableId": "é" * 250 + "{{x}}"},
])
def test_execute_accepts(job, body):
    assert job.execute(body).status == 200


@pytest.mark.parametrize("body, names", [
    ({"templateContext": context_of(32768)}, "templateContext"),
    ({"templateContext": {}}, "templateContext"),
    ({"templateContext": None}, "templateContext"),
    ({"templateContext": ""}, "templateContext"),
    ({"templateContext": "[]"}, "templateContext"),
    ({"templateContext": "{"}, "templateContext"),
    ({"templateContext": '{"a":01}'}, "templateContext"),
    ({"templateContext": '{"a":1,}'}, "templateContext"),
    ({"templateContext": '{"a":"\x01"}'}, "templateContext"),
    ({"templateContext": '{"a":1.}'}, "templateContext"),
    ({"templateContext": '{"a":NaN}'}, "templateContext"),
    ({"templateContext": "{}{}"}, "templateContext"),
    ({"templateContext": '{"a":{{b}}}'}, "templateContext"),
    ({"queryJson": "é" * 8193}, "queryJson"),
    ({"queryJson": {}}, "queryJson"),
    ({"dataTableId": "0" * 23}, "dataTableId"),
    ({"dataTableId": "0" * 25}, "dataTableId"),
    ({"dataTableId": "0" * 23 + "g"}, "dataTableId"),
    ({"dataTableId": "{{}}"}, "dataTableId"),
    ({"dataTableId": "{{\n}}"}, "dataTableId"),
    ({"dataTableId": "é" * 251 + "{{x}}"}, "dataTableId"),
    ({"dataTableId": 5}, "dataTableId"),
    ({"templatecontext": "{}"}, "templatecontext"),
    ({"name": "x"}, "name"),
    ([], "object"),
    ("null", "object"),
    ('{"queryJson":"a"', "JSON"),
    ('{"queryJson":"a"} x', "JSON"),
    ('{"queryJson":"a",}', "JSON"),
    (b'{"queryJson":"\xff"}', "JSON"),
    (b'{"queryJson":"\xed\xa0\x80"}', "JSON"),
    ('{"queryJson":"\\ud800"}', "JSON"),
    ('{"queryJson":"a","queryJson":"b"}', "queryJson"),
])
def test_execute_refuses_and_names(job, body, names):
    answer = job.execute(body)
    assert (answer.status, answer.type) == (400, "Validation") and names in answer.message
    assert job.executions() == []


def test_a_context_may_be_nested_deep_but_not_without_end(job):
    def nested(depth):
        return '{"a":' * (depth - 1) + "{}" + "}" * (depth - 1)
    assert job.execute({"templateContext": nested(1000)}).status == 200
    assert job.execute({"templateContext": nested(1001)}).status == 400


# ---- the front: tokens, paths, methods, types, sizes ---------------------------------------------------------------------

CALLS = [("POST", "/execute", {}), ("POST", f"/cancelExecution?executionId={UNKNOWN}", None), ("GET", "", None),
         ("GET", "/logs", None), ("PATCH", "", {}), ("DELETE", "", None)]


@pytest.mark.parametrize("method, tail, body", CALLS)
@pytest.mark.parametrize("token", [None, "wrong"])
def test_without_a_known_token_every_call_is_401(job, method, tail, body, token):
    answer = job.call(method, tail, body, token=token)
    assert (answer.status, answer.type) == (401, "Unauthorized")


def test_a_header_that_is_not_bearer_is_401(job):
    assert job.client.call("GET", job.path, None, {"Authorization": TOKEN}).status == 401


OPERATIONS = {
    "resourceJob.execute": ("POST", "/execute", {}, 200),
    "resourceJob.cancelExecution": ("POST", f"/cancelExecution?executionId={UNKNOWN}", None, 404),
    "resourceJob.get": ("GET", "", None, 200),
    "resourceJob.logs": ("GET", "/logs", None, 200),
    "resourceJob.patch": ("PATCH", "", {}, 201),
    "resourceJob.delete": ("DELETE", "", None, 200),
    "resourceJobs.get": ("GET", None, None, 200),
    "resourceJobs.post": ("POST", None, {"name": "n", "resourceType": "device"}, 201),
}
READS = {"resourceJob.get", "resourceJob.logs", "resourceJobs.get"}


def call_operation(job, own, token):
    method, tail, body, good = OPERATIONS[own]
    if tail is None:
        collection = Job(job.emulator, "")
        collection.path = f"/applications/{APP}/resource-jobs"
        return collection.call(method, "", body, token=token), good
    return job.call(method, tail, body, token=token), good


@pytest.mark.parametrize("own", OPERATIONS)
def test_scopes_allow_what_is_documented_and_no_more(job, own):
    def allowed(scope):
        job.emulator.control("PUT", "/tokens", {"token": "scoped", "scopes": ["device.get", scope]})
        answer, good = call_operation(job, own, "scoped")
        assert answer.status in (good, 403), answer.text
        if answer.status == 403:
            assert answer.type == "Forbidden"
        return answer.status == good
    others = [scope for scope in OPERATIONS if scope != own]
    group = own.split(".")[0] + ".*"
    other_group = "resourceJobs.*" if group == "resourceJob.*" else "resourceJob.*"
    for scope in others + [other_group, "all.device", "all.Application.cli"]:
        assert not allowed(scope), scope
    for kind in ("Application", "Organization", "User"):
        if own != "resourceJob.delete":
            assert allowed(f"all.{kind}.read") == (own in READS), kind
    if own != "resourceJob.delete":  # a job can be deleted once
        for scope in (group, "all.Application", "all.Organization", "all.User"):
            assert allowed(scope), scope
    assert allowed(own)


def test_a_revoked_token_is_401(job):
    job.emulator.control("PUT", "/tokens", {"token": "brief/one", "scopes": ["all.User"]})
    assert job.call("GET", token="brief/one").status == 200
    job.emulator.control("DELETE", "/tokens/brief/one")
    assert job.call("GET", token="brief/one").status == 401


@pytest.mark.parametrize("method, tail, body", CALLS)
def test_an_unknown_job_is_404(emulator, method, tail, body):
    answer = Job(emulator, UNKNOWN).call(method, tail, body)
    assert (answer.status, answer.type) == (404, "NotFound")


def test_a_job_of_another_application_is_404(job):
    other = UNKNOWN[:-1] + "0"
    job.emulator.control("POST", "/jobs", {"applicationId": other, "resourceJobId": f"{next(job_numbers):024x}"})
    answer = job.client.call("GET", job.path.replace(APP, other), None, {"Authorization": f"Bearer {TOKEN}"})
    assert answer.status == 404 and "Resource Job" in answer.message


def test_an_unknown_application_is_404(job):
    answer = job.client.call("GET", job.path.replace(APP, UNKNOWN), None, {"Authorization": f"Bearer {TOKEN}"})
    assert answer.status == 404 and "Application" in answer.message


def test_an_id_that_is_none_is_400(emulator):
    assert Job(emulator, "nonsense").call("GET").status == 400


def test_ids_do_not_mind_the_case_of_their_digits(emulator):
    job = Job(emulator, "abcdef" + f"{next(job_numbers):018x}")
    emulator.control("POST", "/jobs", {"applicationId": APP, "resourceJobId": job.id})
    assert Job(emulator, job.id.upper()).call("GET").json["id"] == job.id


@pytest.mark.parametrize("path", ["/", "/applications", f"/applications/{APP}", f"/applications/{APP}/devices",
                                  f"/applications/{APP}/resource-jobs/{SEEDED}/nothing",
                                  f"/applications/{APP}/resource-jobs/{SEEDED}/logs/more"])
def test_an_unknown_path_is_404(emulator, path):
    answer = emulator.client.call("GET", path, None, {"Authorization": f"Bearer {TOKEN}"})
    assert (answer.status, answer.type) == (404, "NotFound")


@pytest.mark.parametrize("method, tail, allow", [
    ("GET", "/execute", "POST"), ("PUT", "", "DELETE, GET, PATCH"), ("POST", "/logs", "GET"), ("POST", "", "DELETE, GET, PATCH"),
])
def test_a_wrong_method_is_405_and_names_the_right_ones(job, method, tail, allow):
    answer = job.call(method, tail)
    assert (answer.status, answer.headers["Allow"]) == (405, allow)


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonx"])
def test_a_body_that_does_not_call_itself_json_is_415(job, content_type):
    assert job.execute(b"{}", content_type=content_type).status == 415
    assert job.executions() == []


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "APPLICATION/JSON;charset=utf-8"])
def test_json_with_a_charset_is_json(job, content_type):
    assert job.execute("{}", content_type=content_type).status == 200


@pytest.mark.parametrize("size, status", [(262144, 200), (262145, 413), (1000000, 413)])
def test_a_body_over_256_kb_is_413(job, size, status):
    assert job.execute("{}" + " " * (size - 2)).status == status


@pytest.mark.parametrize("method, tail", [("GET", ""), ("GET", "/logs"), ("DELETE", ""),
                                          ("POST", f"/cancelExecution?executionId={UNKNOWN}")])
def test_a_body_where_none_belongs_is_400(job, method, tail):
    assert job.call(method, tail, {}).status == 400


@pytest.mark.parametrize("method, tail, body", CALLS)
def test_every_call_takes_the_clients_own_parameters(job, method, tail, body):
    more = "_actions=false&_links=true&_embedded=true"
    answer = job.call(method, tail + ("&" if "?" in tail else "?") + more, body)
    assert answer.status in (200, 201) or (answer.status == 404 and "Execution" in answer.message)


@pytest.mark.parametrize("method, tail, body", CALLS)
@pytest.mark.parametrize("query", ["nonsense=1", "_links=1", "_actions", "_links=true&_links=true"])
def test_a_parameter_that_is_not_the_calls_is_400(job, method, tail, body, query):
    answer = job.call(method, tail + ("&" if "?" in tail else "?") + query, body)
    assert (answer.status, answer.type) == (400, "Validation")
    assert query.split("=")[0].split("&")[0] in answer.message


def test_every_answer_has_a_date(job):
    for answer in (job.call("GET"), job.call("GET", "/logs?x=1"), job.call("GET", token=None)):
        seen = email.utils.parsedate_to_datetime(answer.headers["Date"]).timestamp()
        assert abs(seen - time.time()) < 5


def test_a_message_stays_utf8_whatever_it_repeats(job):
    answer = job.execute({"é" * 200: 1})
    assert answer.status == 400 and "?" in answer.message
    assert job.call("GET", "/logs?%ff=1").status == 400


def test_many_calls_share_a_connection(job):
    before = job.emulator.count()["lastSeq"]
    for _ in range(5):
        job.call("GET")
    requests = job.emulator.control("GET", f"/audit/requests?since={before}")
    assert len({r["connection"] for r in requests}) == 1 and len(requests) == 5


# ---- get, patch, delete, list, create ------------------------------------------------------------------------------------


def test_get_gives_the_job_with_the_defaults(job):
    seen = job.call("GET").json
    assert seen["id"] == seen["resourceJobId"] == job.id and seen["applicationId"] == APP
    assert (seen["maxIterationConcurrency"], seen["iterationDelay"], seen["iterationTimeout"]) == (1, 0, 60000)
    assert "lastExecutionRequested" not in seen and "defaultContext" not in seen
    assert seen["creationDate"] == seen["lastUpdated"]


def test_get_tells_when_the_last_execution_was_requested(job):
    execution = job.run()
    assert job.call("GET").json["lastExecutionRequested"] == job.entry(execution)["runStartedAt"]


JOB_GOOD = [
    ("name", "x"), ("name", "\U0001f600" * 255), ("description", ""), ("description", "é" * 32767),
    ("dataTableId", "0" * 24), ("dataTableId", "{{x}}"), ("queryJson", ""), ("queryJson", "é" * 8192),
    ("maxIterationConcurrency", 1), ("maxIterationConcurrency", 10), ("iterationDelay", 0), ("iterationDelay", 60000),
    ("iterationTimeout", 60000), ("iterationTimeout", 900000), ("iterationTimeout", 60000.0), ("defaultContext", ""),
    ("defaultContext", "é" * 32767), ("retryOnTimeout", True), ("retryOnFailure", False), ("maxIterationRetries", 1),
    ("maxIterationRetries", 5), ("retryDelay", 0), ("retryDelay", 30000),
]
JOB_BAD = [
    ("name", ""), ("name", "\U0001f600" * 256), ("name", 1), ("description", "é" * 32768), ("description", None),
    ("dataTableId", "0" * 23), ("dataTableId", "{{}}"), ("dataTableId", "é" * 251 + "{{x}}"), ("queryJson", "é" * 8193),
    ("maxIterationConcurrency", 0), ("maxIterationConcurrency", 2), ("maxIterationConcurrency", 9),
    ("maxIterationConcurrency", 11), ("maxIterationConcurrency", "1"), ("iterationDelay", -1), ("iterationDelay", 60001),
    ("iterationDelay", 0.5), ("iterationTimeout", 59999), ("iterationTimeout", 900001), ("defaultContext", "é" * 32768),
    ("defaultContext", {}), ("retryOnTimeout", 1), ("retryOnFailure", "true"), ("maxIterationRetries", 0),
    ("maxIterationRetries", 6), ("retryDelay", -1), ("retryDelay", 30001), ("id", "0" * 24), ("resourceJobId", "0" * 24),
    ("applicationId", APP), ("creationDate", "2022-09-19T19:45:04.453Z"), ("templateContext", "{}"), ("nonsense", 1),
]


@pytest.mark.parametrize("field, value", JOB_GOOD)
def test_patch_accepts_and_changes(job, field, value):
    answer = job.call("PATCH", "", {field: value})
    assert answer.status == 201 and answer.json[field] == value
    assert job.call("GET").json == answer.json


@pytest.mark.parametrize("field, value", JOB_BAD + [("resourceType", "device")])
def test_patch_refuses_and_names(job, field, value):
    before = job.call("GET").json
    answer = job.call("PATCH", "", {"description": "new", field: value})
    assert (answer.status, answer.type) == (400, "Validation") and f'"{field}"' in answer.message
    assert job.call("GET").json == before


def test_patch_is_audited_verbatim(job):
    body = '{ "name" : "n\\u0065w",  "iterationDelay":6e1 }'
    job.call("PATCH", "", body)
    seen = job.emulator.audit()["patches"]
    assert [(p["resourceJobId"], p["body"], p["token"]) for p in seen] == [(job.id, body, TOKEN)]
    assert job.call("GET").json["iterationDelay"] == 60


def test_delete_removes_the_job(job):
    assert job.call("DELETE").json == {"success": True}
    assert job.call("GET").status == 404 and job.execute({}).status == 404
    assert [d["resourceJobId"] for d in job.emulator.audit()["deletes"]] == [job.id]


@pytest.mark.parametrize("value, status", [("true", 200), ("false", 200), ("1", 400), ("", 400)])
def test_delete_takes_include_workflows(job, value, status):
    assert job.call("DELETE", f"?includeWorkflows={value}").status == status


class Collection(Job):
    def __init__(self, emulator, application):
        super().__init__(emulator, "")
        self.path = f"/applications/{application}/resource-jobs"


@pytest.fixture
def collection(emulator):
    application = f"a{next(job_numbers):023x}"
    for number, (name, kind) in enumerate([("beta", "device"), ("alpha", "experienceUser"), ("Gamma", "device")]):
        emulator.control("POST", "/jobs", {"applicationId": application, "resourceJobId": f"{number}{application[1:]}",
                                           "name": name, "resourceType": kind})
    return Collection(emulator, application)


def names(answer):
    assert answer.status == 200, answer.text
    return [item["name"] for item in answer.json["items"]]


def test_list_gives_the_jobs_by_name(collection):
    answer = collection.call("GET")
    assert names(answer) == ["alpha", "beta", "Gamma"]
    assert {key: answer.json[key] for key in ("count", "totalCount", "page", "perPage", "sortField", "sortDirection")} == {
        "count": 3, "totalCount": 3, "page": 0, "perPage": 100, "sortField": "name", "sortDirection": "asc"}


@pytest.mark.parametrize("query, expected", [
    ("sortDirection=desc", ["Gamma", "beta", "alpha"]), ("sortField=id", ["beta", "alpha", "Gamma"]),
    ("sortField=resourceType&sortDirection=DESC", ["alpha", "Gamma", "beta"]), ("perPage=2", ["alpha", "beta"]),
    ("perPage=2&page=1", ["Gamma"]), ("perPage=2&page=2", []), ("filterField=name&filter=*a*a", ["alpha", "Gamma"]),
    ("filterField=resourceType&filter=device", ["beta", "Gamma"]), ("filterField=&filter=x", ["alpha", "beta", "Gamma"]),
])
def test_list_sorts_pages_and_filters(collection, query, expected):
    assert names(collection.call("GET", "?" + query)) == expected


@pytest.mark.parametrize("query", ["sortField=description", "sortDirection=up", "page=-1", "page=x", "perPage=0", "perPage=1001",
                                   "filterField=id", "filter=%ff", "limit=1"])
def test_list_refuses(collection, query):
    assert collection.call("GET", "?" + query).status == 400


def test_list_of_an_unknown_application_is_404(emulator):
    assert Collection(emulator, UNKNOWN).call("GET").status == 404


@pytest.mark.parametrize("field, value", JOB_GOOD + [("resourceType", kind) for kind in
                                                     ("dataTableRow", "device", "experienceGroup", "experienceUser")])
def test_create_accepts(collection, field, value):
    answer = collection.call("POST", "", {"name": "n", "resourceType": "device", field: value})
    assert answer.status == 201 and answer.json[field] == value


@pytest.mark.parametrize("field, value", JOB_BAD + [("resourceType", "gateway"), ("resourceType", None)])
def test_create_refuses_and_names(collection, field, value):
    answer = collection.call("POST", "", {"name": "n", "resourceType": "device", field: value})
    assert answer.status == 400 and f'"{field}"' in answer.message


@pytest.mark.parametrize("missing", ["name", "resourceType"])
def test_create_requires(collection, missing):
    body = {"name": "n", "resourceType": "device"}
    del body[missing]
    answer = collection.call("POST", "", body)
    assert answer.status == 400 and missing in answer.message


def test_a_created_job_is_there_to_be_executed(collection):
    created = collection.call("POST", "", {"name": "new", "resourceType": "device"}).json
    job = Job(collection.emulator, created["id"])
    job.path = f"{collection.path}/{created['id']}"
    assert job.call("GET").json == created and job.run()
    assert [c["resourceJobId"] for c in job.emulator.audit()["creates"]] == [created["id"]]


# ---- runs and the log ----------------------------------------------------------------------------------------------------


def follow(job, execution):
    """All different looks of a run until it has ended."""
    looks = []

    def ended():
        entry = job.entry(execution)
        if entry and (not looks or looks[-1] != entry):
            looks.append(entry)
        return entry and entry["status"] in ("completed", "errored", "canceled")
    wait_for(ended, "the end of the run")
    return looks


def test_a_run_advances_to_completed(job):
    job.emulator.settings(runMs=300, iterations=20)
    looks = follow(job, job.run())
    done = [look["executionSummary"]["succeeded"] for look in looks]
    assert done == sorted(done) and done[0] < 20 and len(done) > 3
    assert {sum(look["executionSummary"].values()) for look in looks} == {20}
    assert [look["status"] for look in looks] == ["inProgress"] * (len(looks) - 1) + ["completed"]
    assert looks[-1]["executionSummary"] == {"succeeded": 20, "failed": 0, "timedOut": 0, "inProgress": 0, "remaining": 0}


def test_times_and_report_come_with_the_end(job):
    job.emulator.settings(runMs=50)
    looks = follow(job, job.run())
    assert all("runCompletedAt" not in look and "executionReportUrl" not in look for look in looks[:-1])
    assert ms_of(looks[-1]["runCompletedAt"]) - ms_of(looks[-1]["runStartedAt"]) == 50
    assert looks[-1]["executionReportUrl"].endswith(".csv")


def test_a_completed_run_can_have_failures(job):
    job.emulator.settings(runMs=0, iterations=10, failed=3, timedOut=2)
    entry = job.entry(job.run())
    assert entry["status"] == "completed"
    assert entry["executionSummary"] == {"succeeded": 5, "failed": 3, "timedOut": 2, "inProgress": 0, "remaining": 0}


def test_a_run_can_end_errored(job):
    job.emulator.settings(runMs=300, ends="errored")
    looks = follow(job, job.run())
    order = [status for status, _ in itertools.groupby(look["status"] for look in looks)]
    assert order == ["inProgress", "erroring", "errored"]
    assert looks[-1]["executionSummary"]["remaining"] > 0 and looks[-1]["executionSummary"]["inProgress"] == 0


def test_a_run_can_last_for_ever(job):
    job.emulator.settings(runMs=0, iterations=3, ends="never")
    entry = job.entry(job.run())
    assert entry["status"] == "inProgress" and entry["executionSummary"]["inProgress"] == 1


def test_settings_of_a_run_are_those_of_its_start(job):
    job.emulator.settings(runMs=86400000)
    execution = job.run()
    job.emulator.settings(runMs=0)
    assert job.entry(execution)["status"] == "inProgress"


def test_concurrency_shows_in_the_summary(emulator):
    job = new_job(emulator, maxIterationConcurrency=10)
    emulator.settings(runMs=86400000, iterations=30)
    entry = job.entry(job.run())
    assert entry["executionSummary"] == {"succeeded": 0, "failed": 0, "timedOut": 0, "inProgress": 10, "remaining": 20}
    assert "accumulator" not in entry


def test_an_entry_has_the_documented_fields(job):
    job.call("PATCH", "", {"maxIterationRetries": 2, "retryDelay": 5, "retryOnFailure": True})
    job.emulator.settings(runMs=0)
    entry = job.entry(job.run({"templateContext": "{}"}))
    assert set(entry) == {
        "id", "applicationId", "resourceJobExecutionId", "resourceJobId", "accumulator", "status", "queryJson", "resourceType",
        "sourceType", "sourceId", "runStartedAt", "runCompletedAt", "executionReportUrl", "templateContext", "iterationDelay",
        "iterationTimeout", "maxIterationConcurrency", "executionSummary", "retryOnTimeout", "retryOnFailure",
        "maxIterationRetries", "retryDelay"}
    assert entry["sourceType"] == "apiToken" and entry["applicationId"] == APP and entry["resourceJobId"] == job.id
    assert entry["id"] != entry["resourceJobExecutionId"]


def test_a_new_run_shows_after_the_log_delay(job):
    job.emulator.settings(logDelayMs=300, runMs=86400000)
    execution = job.run()
    asked = time.monotonic()
    assert job.logs() == []
    entry = wait_for(lambda: job.entry(execution), "the entry")
    assert time.monotonic() - asked > 0.25 and entry["status"] == "inProgress"
    assert ms_of(entry["runStartedAt"]) == job.executions()[0]["at"]


def test_logs_give_one_entry_unless_asked_for_more(job):
    job.run()
    newest = job.run()
    assert [e["resourceJobExecutionId"] for e in job.logs("")] == [newest]


def test_logs_give_the_newest_first(job):
    runs = [job.run() for _ in range(4)]
    assert [e["resourceJobExecutionId"] for e in job.logs("?limit=3")] == runs[:0:-1]


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=x", "limit=1.0", "limit=", "limit=%201", "limit=99999999999999999999",
                                   "since=-1", "since=2023-01-01", "limit=1&limit=2", "page=1", "executionId=" + UNKNOWN])
def test_logs_refuse(job, query):
    assert job.call("GET", "/logs?" + query).status == 400


def test_a_limit_over_the_largest_is_clamped(job):
    job.emulator.settings(maxLimit=2)
    for _ in range(3):
        job.run()
    assert len(job.logs("?limit=3")) == 2


def test_a_limit_over_the_largest_can_be_refused(job):
    job.emulator.settings(maxLimit=2, limitExcess="reject")
    assert job.call("GET", "/logs?limit=2").status == 200
    assert job.call("GET", "/logs?limit=3").status == 400


def later_than(first, entry):
    return entry if entry["runStartedAt"] > first["runStartedAt"] else None


def two_runs_apart(job):
    """Two runs that do not start in the same millisecond."""
    first = job.entry(job.run())
    second = wait_for(lambda: later_than(first, job.entry(job.run())), "a later start")
    return ms_of(first["runStartedAt"]), ms_of(second["runStartedAt"]), second["resourceJobExecutionId"]


def test_since_asks_for_the_start(job):
    first, second, execution = two_runs_apart(job)
    assert [e["resourceJobExecutionId"] for e in job.logs(f"?limit=9&since={second}")] == [execution]
    assert len(job.logs(f"?limit=9&since={first}")) >= 2
    assert job.logs(f"?limit=9&since={second + 1}") == []


def test_since_can_mean_any_change(job):
    job.emulator.settings(sinceMeans="change", runMs=200, iterations=1)
    execution = job.run()
    started = ms_of(job.entry(execution)["runStartedAt"])
    query = f"?limit=9&since={started + 150}"
    assert job.logs(query) == []
    assert wait_for(lambda: job.logs(query), "the change")[0]["status"] == "completed"
    job.emulator.settings(sinceMeans="start")
    assert job.logs(query) == []


def test_entries_can_come_shuffled(job):
    job.emulator.settings(logOrder="shuffled")
    runs = [job.run() for _ in range(20)]
    seen = [e["resourceJobExecutionId"] for e in job.logs("?limit=15")]
    assert sorted(seen) == sorted(runs[5:]) and seen != runs[:4:-1]


def test_contexts_can_come_reserialised(job):
    context = '{"a":12345678901234567890,"b":{"c":[1, "x,y"],"d":{}},"e":[]}'
    job.emulator.settings(reserialise=True)
    seen = job.entry(job.run({"templateContext": context}))["templateContext"]
    assert seen != context and json.loads(seen) == json.loads(context) and "12345678901234567890" in seen
    assert list(json.loads(seen)) == ["e", "b", "a"]
    assert job.executions()[0]["templateContext"] == context


def test_the_apis_clock_can_be_wrong(job):
    job.emulator.settings(clockOffsetMs=-3600000)
    entry = job.entry(job.run())
    assert abs(ms_of(entry["runStartedAt"]) / 1000 - time.time() + 3600) < 5
    date = email.utils.parsedate_to_datetime(job.call("GET").headers["Date"]).timestamp()
    assert abs(date - time.time() + 3600) < 5
    assert abs(job.executions()[0]["at"] / 1000 - time.time()) < 5


def test_a_clock_set_back_keeps_the_order_by_start(job):
    late = job.run()
    job.emulator.settings(clockOffsetMs=-60000)
    early = job.run()
    assert [e["resourceJobExecutionId"] for e in job.logs()] == [late, early]


# ---- cancelling ----------------------------------------------------------------------------------------------------------


def test_a_canceled_run_goes_through_canceling(job):
    job.emulator.settings(runMs=86400000, cancelMs=200)
    execution = job.run()
    assert job.cancel(execution).json == {"success": True}
    looks = follow(job, execution)
    assert [status for status, _ in itertools.groupby(look["status"] for look in looks)] == ["canceling", "canceled"]
    assert looks[-1]["cancelSourceType"] == "apiToken" and looks[-1]["cancelSourceId"] == looks[-1]["sourceId"]
    assert looks[-1]["executionSummary"]["inProgress"] == 0 and "runCompletedAt" in looks[-1]


def test_a_cancel_is_audited(job):
    execution = job.run()
    job.cancel(execution)
    assert [(c["executionId"], c["resourceJobId"]) for c in job.emulator.audit()["cancels"]] == [(execution, job.id)]


def test_cancelling_what_has_ended_changes_nothing(job):
    job.emulator.settings(runMs=0)
    execution = job.run()
    assert job.cancel(execution).status == 200
    assert job.entry(execution)["status"] == "completed"


def test_cancelling_an_unknown_execution_is_404(job):
    answer = job.cancel(UNKNOWN)
    assert (answer.status, answer.type) == (404, "NotFound") and "Execution" in answer.message


def test_cancelling_by_another_job_is_404(job):
    execution = job.run()
    assert new_job(job.emulator).cancel(execution).status == 404


@pytest.mark.parametrize("query", ["", "?executionId", "?executionId=", "?executionId=xyz", "?executionid=" + UNKNOWN])
def test_cancelling_requires_an_execution_id(job, query):
    answer = job.call("POST", "/cancelExecution" + query)
    assert (answer.status, answer.type) == (400, "Validation")


# ---- faults, from the client's side --------------------------------------------------------------------------------------


def fault(job, do, on="execute", **more):
    return job.emulator.fault(on=on, do=do, job=job.id, **more)


def raw_execute(job, bound=BOUND_S):
    """Sends an execute on a connection of its own and gives all bytes until the end of the stream."""
    request = (f"POST {job.path}/execute HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
               "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
    with socket.create_connection((job.client.host, job.client.port), timeout=bound) as connection:
        connection.sendall(request.encode())
        got = b""
        while True:
            piece = connection.recv(65536)
            if not piece:
                return got
            got += piece


def test_status_answers_without_acting(job):
    fault(job, "status", status=503)
    answer = job.execute({})
    assert answer.status == 503 and set(answer.json) == {"type", "message"} and answer.headers["Retry-After"] is None
    assert job.executions() == []


@pytest.mark.parametrize("retry_after", ["7", "Wed, 21 Oct 2026 07:28:00 GMT", "soon", "-1"])
def test_retry_after_is_sent_verbatim(job, retry_after):
    fault(job, "status", status=429, retryAfter=retry_after)
    assert job.execute({}).headers["Retry-After"] == retry_after


def test_drop_resets_the_connection_before_acting(job):
    fault(job, "drop")
    with pytest.raises(ConnectionResetError):
        raw_execute(job)
    assert job.executions() == []


def test_drop_can_close_in_order(job):
    fault(job, "drop", cut="close")
    assert raw_execute(job) == b""
    assert job.executions() == []


def test_act_then_drop_acts_and_resets(job):
    fault(job, "actThenDrop")
    with pytest.raises(ConnectionResetError):
        raw_execute(job)
    assert len(job.executions()) == 1


def test_act_then_drop_can_close_in_order(job):
    fault(job, "actThenDrop", cut="close")
    assert raw_execute(job) == b""
    assert len(job.executions()) == 1


def test_a_drop_on_a_kept_connection_is_seen_too(job):
    fault(job, "actThenDrop")
    job.call("GET")
    with pytest.raises(ConnectionResetError):
        job.execute({})
    assert len(job.executions()) == 1


def test_delay_acts_late(job):
    fault(job, "delay", ms=200)
    asked = time.time()
    assert job.execute({}).status == 200
    assert job.executions()[0]["at"] >= (asked + 0.19) * 1000


def test_act_then_delay_answers_late(job):
    fault(job, "actThenDelay", ms=200)
    asked = time.time()
    assert job.execute({}).status == 200
    assert time.time() - asked >= 0.19 and job.executions()[0]["at"] < (asked + 0.15) * 1000


def test_a_delay_holds_nobody_else(job):
    fault(job, "delay", ms=86400, on="execute")
    slow = threading.Thread(target=lambda: pytest.raises(OSError, raw_execute, job, 1))
    slow.start()
    wait_for(lambda: job.emulator.control("GET", "/faults")[0]["fired"], "the delayed request")
    assert all(job.call("GET").status == 200 for _ in range(20))
    slow.join()


def test_truncate_acts_and_cuts_the_body_short(job):
    fault(job, "truncate")
    with pytest.raises(http.client.IncompleteRead) as caught:
        job.execute({})
    assert caught.value.expected > 0 and caught.value.partial.startswith(b'{"success":true')
    assert len(job.executions()) == 1


def test_garbage_acts_and_answers_what_is_no_json(job):
    fault(job, "garbage")
    answer = job.execute({})
    assert answer.status == 200
    with pytest.raises(ValueError):
        json.loads(answer.text)
    assert len(job.executions()) == 1


def test_no_id_acts_and_does_not_tell_which(job):
    fault(job, "noId")
    answer = job.execute({})
    assert answer.status == 200 and answer.json == {"success": True}
    assert len(job.executions()) == 1


def test_hang_answers_nothing_and_does_not_act(job):
    fault(job, "hang", times=1)
    with pytest.raises(TimeoutError):
        raw_execute(job, 0.3)
    assert job.executions() == [] and job.execute({}).status == 200


def test_hanging_ends_when_the_client_closes_its_side(job):
    fault(job, "hang")
    request = (f"POST {job.path}/execute HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").encode()
    with socket.create_connection((job.client.host, job.client.port), timeout=BOUND_S) as connection:
        connection.sendall(request)
        wait_for(lambda: job.emulator.control("GET", "/faults")[0]["fired"], "the hanging request")
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b""


@pytest.mark.parametrize("on, call", [
    ("execute", ("POST", "/execute", {})), ("cancelExecution", ("POST", f"/cancelExecution?executionId={UNKNOWN}", None)),
    ("get", ("GET", "", None)), ("logs", ("GET", "/logs", None)), ("patch", ("PATCH", "", {})), ("delete", ("DELETE", "", None)),
])
def test_a_fault_hits_its_operation_only(job, on, call):
    fault(job, "status", on=on, status=500)
    assert job.call(*call).status == 500
    other = ("GET", "", None) if on != "get" else ("GET", "/logs", None)
    assert job.call(*other).status == 200


@pytest.mark.parametrize("on, method", [("list", "GET"), ("create", "POST")])
def test_faults_hit_the_collection_too(collection, on, method):
    collection.emulator.fault(on=on, do="status", status=500)
    body = {"name": "n", "resourceType": "device"} if method == "POST" else None
    assert collection.call(method, "", body).status == 500
    assert collection.emulator.audit()["creates"] == []


def test_a_star_hits_every_operation(job):
    fault(job, "status", on="*", status=500)
    assert {job.call(*call).status for call in CALLS} == {500}


def test_a_fault_of_a_job_spares_the_others(job):
    fault(job, "status", status=500)
    assert new_job(job.emulator).execute({}).status == 200 and job.execute({}).status == 500


def test_a_fault_ends_after_its_times(job):
    fault(job, "status", status=500, times=2)
    assert [job.execute({}).status for _ in range(3)] == [500, 500, 200]


def test_the_first_fault_that_fits_fires(job):
    fault(job, "status", status=500, times=1)
    fault(job, "status", status=501, times=1)
    fault(job, "status", status=502, percent=0)
    assert [job.execute({}).status for _ in range(3)] == [500, 501, 200]
    assert [f["fired"] for f in job.emulator.control("GET", "/faults")] == [1, 1, 0]


def test_percent_hits_about_that_share(job):
    fault(job, "status", status=500, percent=30)
    hits = [job.call("POST", "/execute", {}).status for _ in range(400)].count(500)
    assert 70 < hits < 170 and len(job.executions()) == 400 - hits


def test_one_seed_gives_one_sequence():
    def sequence(seed):
        emulator = Emulator("--token", TOKEN, "--job", f"{APP}/{SEEDED}", "--seed", seed)
        emulator.fault(on="get", do="status", status=500, percent=50)
        seen = [Job(emulator, SEEDED).call("GET").status for _ in range(30)]
        assert emulator.stop() == 0
        return seen
    assert sequence("3") == sequence("3") != sequence("4")


def test_deleted_faults_are_gone(job):
    fault(job, "status", status=500)
    job.emulator.control("DELETE", "/faults")
    assert job.execute({}).status == 200 and job.emulator.control("GET", "/faults") == []


def test_latency_holds_every_answer(job):
    job.emulator.settings(latencyMs=150)
    asked = time.monotonic()
    assert job.call("GET").status == 200
    assert time.monotonic() - asked >= 0.14


@pytest.mark.parametrize("body, named", [
    ({"do": "drop"}, "on"), ({"on": "execute"}, "do"), ({"on": "x", "do": "drop"}, "on"), ({"on": "execute", "do": "x"}, "do"),
    ({"on": "execute", "do": ""}, "do"), ({"on": "execute", "do": "status"}, "status"),
    ({"on": "execute", "do": "status", "status": 199}, "status"), ({"on": "execute", "do": "status", "status": 600}, "status"),
    ({"on": "execute", "do": "drop", "status": 500}, "status"), ({"on": "execute", "do": "delay"}, "ms"),
    ({"on": "execute", "do": "drop", "ms": 5}, "ms"), ({"on": "execute", "do": "delay", "ms": -1}, "ms"),
    ({"on": "execute", "do": "drop", "retryAfter": "1"}, "retryAfter"),
    ({"on": "execute", "do": "status", "status": 503, "retryAfter": "1\r\nX: y"}, "retryAfter"),
    ({"on": "execute", "do": "status", "status": 503, "retryAfter": 1}, "retryAfter"),
    ({"on": "execute", "do": "drop", "percent": 101}, "percent"), ({"on": "execute", "do": "drop", "times": 1.5}, "times"),
    ({"on": "execute", "do": "drop", "job": "x"}, "job"), ({"on": "execute", "do": "drop", "jobs": "x"}, "jobs"),
    ({"on": "get", "do": "noId"}, "noId"), ({"on": "execute", "do": "garbage", "cut": "reset"}, "cut"),
])
def test_a_wrong_fault_is_refused_and_named(emulator, body, named):
    answer = emulator.control("POST", "/faults", body, ok=False)
    assert answer.status == 400 and f'"{named}"' in answer.message
    assert emulator.control("GET", "/faults") == []


# ---- the control address -------------------------------------------------------------------------------------------------


def test_settings_come_back_as_they_were_put(emulator):
    wanted = {"runMs": 1, "iterations": 20, "failed": 3, "timedOut": 4, "ends": "never", "cancelMs": 5, "logDelayMs": 6,
              "sinceMeans": "change", "maxLimit": 7, "limitExcess": "reject", "clockOffsetMs": -8, "reserialise": True,
              "logOrder": "shuffled", "latencyMs": 0}
    assert emulator.settings(**wanted) == wanted == emulator.control("GET", "/settings")


@pytest.mark.parametrize("body, named", [
    ({"nonsense": 1}, "nonsense"), ({"runMs": -1}, "runMs"), ({"runMs": "5"}, "runMs"), ({"runMs": 0.5}, "runMs"),
    ({"ends": "badly"}, "ends"), ({"reserialise": 1}, "reserialise"), ({"maxLimit": 0}, "maxLimit"),
    ({"failed": 6, "timedOut": 5}, "failed"), ({"clockOffsetMs": 1e13}, "clockOffsetMs"), ({"sinceMeans": 1}, "sinceMeans"),
])
def test_wrong_settings_are_refused_named_and_change_nothing(emulator, body, named):
    before = emulator.control("GET", "/settings")
    answer = emulator.control("PUT", "/settings", {"logDelayMs": 99, **body}, ok=False)
    assert answer.status == 400 and f'"{named}"' in answer.message
    assert emulator.control("GET", "/settings") == before


def test_the_count_counts(job):
    job.cancel(job.run())
    job.call("PATCH", "", {})
    job.call("GET")
    seen = job.emulator.count()
    assert {key: seen[key] for key in ("executions", "cancels", "patches", "deletes", "creates", "requests")} == {
        "executions": 1, "cancels": 1, "patches": 1, "deletes": 0, "creates": 0, "requests": 4}


def test_every_request_is_listed(job):
    before = job.emulator.count()["lastSeq"]
    fault(job, "drop", times=1, cut="close")
    raw_execute(job)
    job.execute({"x": 1})
    job.client.call("GET", "/nothing")
    seen = job.emulator.control("GET", f"/audit/requests?since={before}")
    assert [(r["op"], r["status"], r.get("fault"), r.get("job")) for r in seen] == [
        ("execute", 0, "drop", job.id), ("execute", 400, None, job.id), ("none", 404, None, None)]
    assert [r["seq"] for r in seen] == [before + 1, before + 2, before + 3]
    assert seen[0]["connection"] != seen[1]["connection"] == seen[2]["connection"]


def test_a_cleared_audit_is_empty_and_seq_goes_on(job):
    execution = job.run()
    last = job.emulator.count()["lastSeq"]
    job.emulator.control("DELETE", "/audit")
    assert job.executions() == [] and job.emulator.control("GET", "/audit/requests") == []
    assert job.emulator.count() == {"executions": 0, "cancels": 0, "patches": 0, "deletes": 0, "creates": 0, "requests": 0,
                                    "lastSeq": last}
    assert job.entry(execution) is not None


def test_somebody_elses_run_is_in_the_log_but_not_in_the_audit(job):
    body = {"applicationId": APP, "resourceJobId": job.id, "templateContext": '{"n": 12345678901234567890}'}
    execution = job.emulator.control("POST", "/runs", body)["executionId"]
    assert job.entry(execution)["templateContext"] == body["templateContext"]
    assert job.entry(execution)["sourceType"] == "flow"
    assert job.executions() == [] and job.emulator.count()["executions"] == 0


def test_a_run_can_be_forced_into_a_state(job):
    execution = job.run()
    job.emulator.control("PUT", f"/runs/{execution}", {"status": "errored", "summary": {"failed": 4, "remaining": 1}})
    entry = job.entry(execution)
    assert (entry["status"], entry["executionSummary"]["failed"], entry["executionSummary"]["remaining"]) == ("errored", 4, 1)
    assert "runCompletedAt" in entry


def test_a_run_can_be_forced_into_a_state_of_the_future(job):
    execution = job.run()
    job.emulator.control("PUT", f"/runs/{execution}", {"status": "paused"})
    assert job.entry(execution)["status"] == "paused" and "runCompletedAt" not in job.entry(execution)


def test_a_run_can_be_hidden_from_the_log(job):
    execution = job.run()
    job.emulator.control("PUT", f"/runs/{execution}", {"hidden": True})
    assert job.logs() == [] and job.executions()[0]["visible"] is False
    job.emulator.control("PUT", f"/runs/{execution}", {"hidden": False})
    assert job.entry(execution)["status"] == "inProgress"


def test_a_forced_run_can_still_be_canceled(job):
    job.emulator.settings(cancelMs=0)
    execution = job.run()
    job.emulator.control("PUT", f"/runs/{execution}", {"status": "inProgress", "summary": {"succeeded": 77}})
    job.cancel(execution)
    assert job.entry(execution)["status"] == "canceled" and job.entry(execution)["executionSummary"]["succeeded"] == 77


def test_a_job_can_be_removed_by_control(job):
    job.emulator.control("DELETE", f"/jobs/{job.id}")
    assert job.call("GET").status == 404 and job.emulator.count()["deletes"] == 0


@pytest.mark.parametrize("method, path, body, status", [
    ("GET", "/nothing", None, 404), ("POST", "/settings", {}, 405), ("PUT", "/runs/" + UNKNOWN, {}, 404),
    ("PUT", "/runs/x", {}, 404), ("DELETE", "/jobs/" + UNKNOWN, None, 404), ("DELETE", "/tokens/none", None, 404),
    ("GET", "/audit/requests?since=x", None, 400), ("GET", "/audit?since=1", None, 400), ("GET", "/audit/requests?until=1", None, 400),
    ("PUT", "/tokens", {"token": "x"}, 400), ("PUT", "/tokens", {"token": "x", "scopes": [1]}, 400),
    ("PUT", "/tokens", {"token": "", "scopes": []}, 400), ("PUT", "/tokens", {"token": "x", "scopes": [], "y": 1}, 400),
    ("POST", "/jobs", {"resourceJobId": UNKNOWN}, 400), ("POST", "/jobs", {"applicationId": APP, "resourceJobId": UNKNOWN, "x": 1}, 400),
    ("POST", "/runs", {"applicationId": APP, "resourceJobId": UNKNOWN}, 404),
    ("POST", "/runs", {"applicationId": APP, "resourceJobId": SEEDED, "context": "{}"}, 400),
    ("PUT", "/settings", "[]", 400), ("PUT", "/settings", "{", 400), ("PUT", "/settings", '{"runMs":1,"runMs":2}', 400),
    ("DELETE", "/faults", {}, 400),
])
def test_control_refuses(emulator, method, path, body, status):
    answer = emulator.control(method, path, body, ok=False)
    assert answer.status == status and set(answer.json) == {"type", "message"}


def test_control_wants_its_json_called_json(emulator):
    assert emulator.controls.call("PUT", "/settings", "{}", {"Content-Type": "text/plain"}).status == 415


# ---- the program ---------------------------------------------------------------------------------------------------------


def run_program(*options):
    return subprocess.run([EMULATOR, *options], capture_output=True, text=True, timeout=BOUND_S)


def test_help_teaches():
    done = run_program("--help")
    assert done.returncode == 0 and "--log-delay-ms" in done.stdout and "curl" in done.stdout and done.stderr == ""


def test_version():
    done = run_program("--version")
    assert done.returncode == 0 and re.match(r"losant-emulator \d+\.\d+\.\d+ .*1\.30\.0", done.stdout)


@pytest.mark.parametrize("options, named", [
    (["--nonsense"], "--nonsense"), (["extra"], "extra"), (["--run-ms", "x"], "--run-ms"), (["--seed"], "--seed"),
    (["--tls-cert", "x"], "--tls-key"), (["--listen", "nowhere"], "nowhere"), (["--listen", "127.0.0.1:70000"], "70000"),
    (["--listen", "127.0.0.1:0", "--control", "0.0.0.0:0"], "loopback"), (["--job", "x"], "--job"),
    (["--job", f"{APP}/{SEEDED}=/nowhere"], "/nowhere"), (["--token", "=x"], "--token"), (["--token", "x="], "--token"),
    (["--application", "x"], "--application"), (["--tls-cert", "/nowhere", "--tls-key", "/nowhere"], "/nowhere"),
])
def test_a_wrong_command_line_is_refused_and_named(options, named):
    done = run_program(*options)
    assert done.returncode not in (0, -signal.SIGSEGV, -signal.SIGABRT) and named in done.stderr and done.stdout == ""


def test_a_taken_port_is_named(emulator):
    address = emulator.url.split("//")[1]
    done = run_program("--listen", address)
    assert done.returncode != 0 and address in done.stderr


def test_options_fill_the_world(tmp_path):
    document = {"id": SEEDED, "applicationId": APP, "name": "From a file", "resourceType": "device",
                "defaultContext": '{"n": 12345678901234567890}', "creationDate": "2022-09-19T19:45:04.453Z"}
    (tmp_path / "job.json").write_text(json.dumps(document))
    other = "a" * 24
    emulator = Emulator("--token", "narrow=resourceJob.get,resourceJob.execute", "--token", TOKEN, "--application", other,
                        "--job", f"{APP}/{SEEDED}={tmp_path}/job.json", "--run-ms", "12", "--iterations", "3",
                        "--log-delay-ms", "9")
    try:
        job = Job(emulator, SEEDED)
        assert job.call("GET", token="narrow").json["name"] == "From a file"
        assert job.call("GET", "/logs", token="narrow").status == 403
        job.run()
        assert job.executions()[0]["templateContext"] == document["defaultContext"]
        assert names(Collection(emulator, other).call("GET")) == []
        settings = emulator.control("GET", "/settings")
        assert (settings["runMs"], settings["iterations"], settings["logDelayMs"]) == (12, 3, 9)
    finally:
        assert emulator.stop() == 0


def test_a_job_file_of_another_job_is_refused(tmp_path):
    (tmp_path / "job.json").write_text(json.dumps({"id": UNKNOWN}))
    done = run_program("--job", f"{APP}/{SEEDED}={tmp_path}/job.json")
    assert done.returncode != 0 and '"id"' in done.stderr


def test_it_prints_one_line_and_ends_on_a_signal_with_requests_held():
    emulator = Emulator("--token", TOKEN, "--job", f"{APP}/{SEEDED}")
    job = Job(emulator, SEEDED)
    assert set(json.loads(emulator.line)) == {"api", "control"}
    fault(job, "hang", times=2)
    fault(job, "delay", ms=3600000)
    ended = []
    held = [threading.Thread(target=lambda: ended.append(ends_unanswered(job))) for _ in range(4)]
    for thread in held:
        thread.start()
    wait_for(lambda: sum(f["fired"] for f in emulator.control("GET", "/faults")) == 4, "four held requests")
    assert emulator.stop() == 0
    for thread in held:
        thread.join(BOUND_S)
    assert ended == [True] * 4


def ends_unanswered(job):
    """Whether the connection of an execute ends without an answer, in whatever way."""
    try:
        return raw_execute(job) == b""
    except ConnectionError:
        return True


# ---- TLS -----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key.pem",
                    "-out", folder / "cert.pem"], check=True, capture_output=True)
    emulator = Emulator("--tls-cert", str(folder / "cert.pem"), "--tls-key", str(folder / "key.pem"), "--token", TOKEN,
                        "--job", f"{APP}/{SEEDED}",
                        env_context=ssl.create_default_context(cafile=str(folder / "cert.pem")))
    yield emulator
    assert emulator.stop() == 0


def test_tls_serves(secure):
    job = Job(secure, SEEDED)
    execution = job.run({"templateContext": '{"n": 12345678901234567890}'})
    assert secure.url.startswith("https:") and job.entry(execution)["templateContext"] == '{"n": 12345678901234567890}'


def test_tls_is_verified_by_who_does_not_know_the_certificate(secure):
    with pytest.raises(ssl.SSLCertVerificationError):
        Client(secure.url, ssl.create_default_context()).call("GET", "/")


@pytest.mark.parametrize("do, more, acted", [("drop", {}, 0), ("actThenDrop", {}, 1), ("truncate", {}, 1)])
def test_tls_connections_are_cut_too(secure, do, more, acted):
    secure.control("DELETE", "/audit")
    secure.fault(on="execute", do=do, times=1, **more)
    with pytest.raises((ConnectionError, ssl.SSLError, http.client.HTTPException)):
        Job(secure, SEEDED).execute({})
    assert secure.count()["executions"] == acted


def test_tls_answers_late_too(secure):
    secure.fault(on="get", do="delay", ms=100, times=1)
    assert Job(secure, SEEDED).call("GET").status == 200


# ---- under load ----------------------------------------------------------------------------------------------------------


def test_clients_at_once_lose_and_double_nothing(job):
    def work(client):
        for _ in range(100):
            got.append(job.execute({}, client=client).json["executionId"])
    got = []
    threads = [threading.Thread(target=work, args=[Client(job.emulator.url)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(got)) == 800 and {e["executionId"] for e in job.executions()} == set(got)
