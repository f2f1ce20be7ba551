# SPDX-License-Identifier: Apache-2.0
"""The emulator: every operation with every bound of its schema, tokens and scopes."""
import email.utils
import json
import re
import time

import pytest

from emulator_client import (  # noqa: F401
    APP, CALLS, Collection, Job, SEEDED, TOKEN, UNKNOWN, collection, emulator, job, job_numbers, names, new_job, running)


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
