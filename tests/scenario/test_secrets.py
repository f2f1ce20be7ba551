# SPDX-License-Identifier: Apache-2.0
"""Token and password are nowhere but in their files: not in what the bridge says, stores, publishes, or is called
with."""

import os

import pytest

TOKEN = "secret-token-5f3a9c"
PASSWORD = "secret-password-7b21e4"


def files_with(folder, secret):
    """The files below the folder in which the secret's bytes are."""
    found = []
    for place, _, names in os.walk(folder):
        for path in (os.path.join(place, name) for name in names):
            if not os.path.isfile(path):
                continue  # the control socket
            with open(path, "rb") as file:
                if secret.encode() in file.read():
                    found.append(path)
    return found


@pytest.mark.sanitizers
@pytest.mark.parametrize("source", ["file", "environment"])
def test_secrets_stay_where_they_are(site, source):
    site.broker.users = {"bridge": PASSWORD, "test": "test"}
    site.api.token = TOKEN
    secrets = os.path.join(site.folder, "secrets")
    os.mkdir(secrets)
    password_file = os.path.join(secrets, "password")
    with open(password_file, "w", encoding="utf-8") as file:
        file.write(PASSWORD)
    site.config["broker"].update(username="bridge", password_file=password_file)
    site.token_path = os.path.join(secrets, "token")
    site.write_token(TOKEN)
    environment = None
    if source == "file":
        site.config["api"]["token_file"] = site.token_path
    else:
        del site.config["api"]["token_file"]
        site.config["api"]["token_env"] = "SCENARIO_TOKEN"
        environment = {"SCENARIO_TOKEN": TOKEN}

    site.broker.start()
    site.api.start()
    site.client = site.connect(persistent=True, username="test", password="test")
    site.start_bridge(env=environment)
    with open(f"/proc/{site.bridge.pid}/cmdline", "rb") as file:
        command_line = file.read()

    # What is likely to quote a request: success, refusal, lost answer, refused token.
    site.send("execute").final()
    site.api.fault("get", "status", status=422, times=1)
    site.send("get").rejected()
    site.api.fault("execute", "actThenDrop", times=1)
    site.send("execute").final()
    site.api.fault("get", "status", status=401, times=3)
    site.send("get").answer(timeout=30)

    for secret in (TOKEN, PASSWORD):
        assert secret.encode() not in command_line
        assert secret not in site.bridge.log
        assert not [m for m in site.client.messages if secret in m.text]
        assert files_with(os.path.join(site.folder, "bridge"), secret) == []


def test_a_token_that_is_no_token_is_refused_without_being_quoted(site):
    site.write_token("secret\x01with-a-control-character")
    site.start_around()
    site.launch_bridge()
    site.bridge.wait_log("token")
    assert "with-a-control" not in site.bridge.log
    site.bridge.kill()
