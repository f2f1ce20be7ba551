# SPDX-License-Identifier: Apache-2.0
"""jobbridge probe: all is well, and each thing broken in turn; each finding has a row, a remedy, and no secret in it."""

import base64
import json
import os
import time

import pytest

from harness import ScriptedBroker
from harness.certificates import Certificates
from harness.program import call_site


def probe(site, *arguments, **more):
    """The rows by their names, after a look at what holds for every answer."""
    done = call_site(site, "probe", "--json", *arguments, **more)
    for secret in (site.api.token, "broker-secret"):
        assert secret not in done.out + done.err
    answer = done.json
    rows = {row["check"]: row for row in answer["rows"]}
    bad = [row for row in answer["rows"] if row["verdict"] == "bad"]
    assert len(rows) == len(answer["rows"]) and answer["ok"] == (not bad)
    assert done.code == (69 if bad else 0), done
    assert all(row["remedy"] and row["text"] for row in bad), bad
    return rows


def bad(rows):
    return [name for name, row in rows.items() if row["verdict"] == "bad"]


@pytest.mark.sanitizers
def test_all_is_well_beside_the_running_bridge(site):
    site.start(run_ms=50)
    rows = probe(site)
    assert bad(rows) == [], rows
    assert list(rows) == ["journal", "broker CA store", "API CA store", "broker reach", "broker TLS", "broker login",
                          "route devices", "API reach", "API TLS", "clock", "token", "job recalibrate", "job tune",
                          "token expiry"]
    # The bridge was not thrown out, and does what it did before; nothing was executed.
    assert site.api.executions() == []
    assert [message.json["state"] for message in site.client.on(site.bridge_topic)] == ["online"]
    site.send("execute").final()
    assert len(site.api.executions()) == 1


def test_the_table(site):
    site.start()
    done = call_site(site, "probe")
    assert done.code == 0 and done.err == "", done
    assert done.out.splitlines()[0].split()[:2] == ["ok", "journal"]
    site.api.drop_token(site.api.token)
    done = call_site(site, "probe")
    assert done.code == 69 and "-> make an API token" in done.out and "1 of 13 checks are bad" in done.err, done


@pytest.mark.sanitizers
def test_no_broker(site):
    site.start_around()
    site.broker.kill()
    rows = probe(site)
    assert bad(rows) == ["broker reach"]
    assert rows["broker login"]["verdict"] == "skipped" and rows["job tune"]["verdict"] == "ok"


def test_a_name_that_is_none(site):
    site.config["broker"]["uri"] = "tcp://broker.invalid"
    site.start_around()
    rows = probe(site)
    assert bad(rows) == ["broker reach"] and "name" in rows["broker reach"]["remedy"]


@pytest.mark.parametrize("protocol", ["auto", "3.1.1", "5"])
def test_a_wrong_password(site, protocol):
    site.broker.users = {"bridge": "broker-secret", "listener": "listener-secret"}
    password = os.path.join(site.folder, "password")
    with open(password, "w", encoding="utf-8") as file:
        file.write("broker-secret")
    site.config["broker"].update(username="bridge", password_file=password, protocol=protocol)
    site.broker.start()
    site.api.start()
    assert bad(probe(site)) == []
    with open(password, "w", encoding="utf-8") as file:
        file.write("wrong")
    rows = probe(site)
    assert bad(rows) == ["broker login"]
    assert "password_file" in rows["broker login"]["remedy"], rows["broker login"]
    assert rows["subscriptions"]["verdict"] == "skipped"


@pytest.mark.parametrize("filters, names", [(["secret/+"], ["route secret"]),
                                            (["secret/+", "devices/+/jobs/+/cmd/+"], ["route devices", "route secret"])])
def test_a_subscription_that_is_refused(site, filters, names):
    site.config["routes"].append({"name": "secret", "filter": "secret/{job}", "action": "get", "replies": "told/{job}"})
    broker = ScriptedBroker().start()
    broker.refused = filters
    site.config["broker"].update(uri=broker.uri, protocol="3.1.1")
    site.api.start()
    rows = probe(site)
    broker.stop()
    assert bad(rows) == names and rows["broker login"]["verdict"] == "ok", rows


@pytest.mark.sanitizers
def test_over_tls(secured):
    secured.start_around()
    rows = probe(secured)
    assert bad(rows) == [], rows
    for name in ("broker CA store", "API CA store", "broker TLS", "API TLS"):
        assert rows[name]["verdict"] == "ok", rows[name]


def test_certificates_of_others(secured):
    other = Certificates(os.path.join(secured.folder, "other"))
    secured.config["broker"]["tls"]["ca_file"] = other.ca
    secured.config["api"]["tls"]["ca_file"] = other.ca
    secured.start_around()
    rows = probe(secured)
    assert bad(rows) == ["broker TLS", "API TLS"]
    assert "certificate" in rows["broker TLS"]["text"] and "certificate" in rows["API TLS"]["text"]
    assert secured.api.requests() == []  # the token did not leave


def test_certificates_that_are_none(secured):
    empty = os.path.join(secured.folder, "empty.pem")
    with open(empty, "w", encoding="utf-8") as file:
        file.write("nothing\n")
    secured.config["api"]["tls"]["ca_file"] = empty
    secured.start_around()
    rows = probe(secured)
    assert "API CA store" in bad(rows) and rows["broker CA store"]["verdict"] == "ok"


def test_a_port_that_speaks_no_tls(site):
    site.config["broker"]["uri"] = site.broker.uri.replace("tcp", "ssl")
    site.start_around()
    rows = probe(site)
    assert rows["broker reach"]["verdict"] == "ok" and "broker TLS" in bad(rows)


def test_something_that_is_no_broker(site):
    site.start_around()
    site.config["broker"]["uri"] = f"tcp://127.0.0.1:{site.api.port}"
    rows = probe(site, timeout=60)
    assert bad(rows) == ["broker login"]


def test_no_api(site):
    site.start_around()
    site.api.kill()
    rows = probe(site)
    assert bad(rows) == ["API reach"] and rows["jobs"]["verdict"] == "skipped"


@pytest.mark.sanitizers
def test_a_token_that_is_refused(site):
    site.start_around()
    site.api.drop_token(site.api.token)
    rows = probe(site)
    assert bad(rows) == ["token"] and rows["clock"]["verdict"] == "ok"


def test_a_token_that_may_too_little(site):
    site.start_around()
    site.api.put_token(site.api.token, scopes=["resourceJob.get"])
    rows = probe(site)
    assert rows["token"]["verdict"] == "ok"
    assert bad(rows) == ["job recalibrate", "job tune"] and "resourceJob.logs" in rows["job tune"]["remedy"]


def test_a_job_that_is_not_there(site):
    site.config["jobs"][1]["resource_job_id"] = "0123456789abcdef01234567"
    site.start_around()
    rows = probe(site)
    assert bad(rows) == ["job tune"] and "resource_job_id" in rows["job tune"]["remedy"]


@pytest.mark.parametrize("offset_ms, word", [(600000, "behind"), (-600000, "ahead")])
def test_a_clock_that_is_wrong(site, offset_ms, word):
    site.start_around()
    site.api.settings(clockOffsetMs=offset_ms)
    rows = probe(site)
    assert bad(rows) == ["clock"] and word in rows["clock"]["text"]


def json_web_token(**claims):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
    return f"{part({'alg': 'HS256'})}.{part(claims)}.c2lnbmF0dXJl"


@pytest.mark.parametrize("days, verdict, word", [(365, "ok", "expires"), (3, "bad", "expires"), (-1, "bad", "expired"),
                                                 (None, "ok", "does not expire")])
def test_when_the_token_expires(site, days, verdict, word):
    token = json_web_token(sub="x", **({} if days is None else {"exp": int(time.time()) + days * 86400}))
    site.api.token = token
    site.write_token(token)
    site.start_around()
    rows = probe(site)
    assert rows["token expiry"]["verdict"] == verdict and word in rows["token expiry"]["text"], rows["token expiry"]


def test_a_journal_that_cannot_be(site):
    site.config["journal"]["path"] = os.path.join(site.folder, "nowhere", "journal.db")
    site.start_around()
    rows = probe(site)
    assert bad(rows) == ["journal"] and "make the folder" in rows["journal"]["remedy"]


def test_a_wrong_configuration(site):
    site.config["api"]["token_file"] = os.path.join(site.folder, "nowhere")
    done = call_site(site, "probe")
    assert done.code == 78 and "token_file" in done.err


@pytest.mark.sanitizers
def test_a_shared_group_loses_nothing(site):
    """A probe that joined the group would take every second command away."""
    site.config["broker"]["share_group"] = "g"
    site.start(run_ms=10)
    assert bad(probe(site)) == []
    commands = [site.send("get") for _ in range(5)]
    for command in commands:
        command.accepted()
