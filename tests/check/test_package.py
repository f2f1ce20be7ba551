# SPDX-License-Identifier: Apache-2.0
"""The Debian package of the release build: what lintian says of it, what is in it, what its scripts do."""

import json
import os
import re
import socket
import subprocess
import threading

import pytest

from tree import ROOT, text

FOLDER = os.path.join("build", "package")
INSIDE = {
    "/etc/jobbridge/jobbridge.conf": 0o644,
    "/usr/bin/jobbridge": 0o755,
    "/usr/lib/systemd/system/jobbridge.service": 0o644,
    "/usr/lib/sysusers.d/jobbridge.conf": 0o644,
    "/usr/share/bash-completion/completions/jobbridge": 0o644,
    "/usr/share/doc/jobbridge/changelog.gz": 0o644,
    "/usr/share/doc/jobbridge/copyright": 0o644,
    "/usr/share/doc/jobbridge/examples/credentials.conf": 0o644,
    "/usr/share/doc/jobbridge/examples/grafana.json": 0o644,
    "/usr/share/doc/jobbridge/examples/jobbridge.conf": 0o644,
    "/usr/share/doc/jobbridge/examples/node-red.json": 0o644,
    "/usr/share/man/man1/jobbridge.1.gz": 0o644,
    "/usr/share/man/man5/jobbridge.conf.5.gz": 0o644,
}


def run(*argv, **more):
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, **more)
    assert done.returncode == 0, " ".join(argv) + "\n" + done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def package():
    run("bash", "-c", f'. deploy/lib.sh && make_package build/release {FOLDER}')
    found = [name for name in os.listdir(os.path.join(ROOT, FOLDER)) if name.endswith(".deb")]
    assert len(found) == 1
    return os.path.join(ROOT, FOLDER, found[0])


@pytest.mark.slow
def test_lintian_has_nothing_to_say(package):
    # Asked as another user it would not see the file; as root it says that it does not like that.
    done = subprocess.run(["lintian", "--fail-on", "error,warning", package], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


@pytest.mark.slow
def test_what_is_in_it(package, tmp_path):
    run("dpkg-deb", "-x", package, str(tmp_path))
    for name, mode in INSIDE.items():
        assert os.stat(tmp_path / name.lstrip("/")).st_mode & 0o7777 == mode, name
    for line in run("dpkg-deb", "-c", package).splitlines():
        mode, owner = line.split()[:2]
        assert owner == "root/root" and mode in ("drwxr-xr-x", "-rwxr-xr-x", "-rw-r--r--"), line
    assert run(str(tmp_path / "usr/bin/jobbridge"), "--version").startswith("jobbridge ")
    run("bash", "-c", f"zcat {tmp_path}/usr/share/man/man1/jobbridge.1.gz | mandoc -Tascii >/dev/null")


@pytest.mark.slow
def test_what_it_says_of_itself(package):
    fields = dict(re.findall(r"^([\w-]+): (.*)$", run("dpkg-deb", "-f", package), re.MULTILINE))
    version = run(os.path.join(ROOT, "build", "release", "jobbridge"), "--version").split()[1]
    assert fields["Version"] == version and f"({version})" in text("deploy/debian/changelog")
    for library in ("libcurl4", "libmicrohttpd12", "libpaho-mqtt1.3", "libsqlite3-0", "libconfig9"):
        assert library in fields["Depends"]
    assert run("dpkg-deb", "-I", package, "conffiles").split() == ["/etc/jobbridge/jobbridge.conf"]


@pytest.mark.slow
def test_its_configuration_lacks_only_the_token(package, tmp_path):
    """Whoever installs it and starts it unedited hears the one thing that is missing."""
    run("dpkg-deb", "-x", package, str(tmp_path))
    path = tmp_path / "etc/jobbridge/jobbridge.conf"
    token = tmp_path / "token"
    path.write_text(path.read_text().replace("/etc/jobbridge/token", str(token)))
    done = subprocess.run([str(tmp_path / "usr/bin/jobbridge"), "check", "-c", str(path)], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 78 and done.stdout.count("\n") == 1 and "api.token_file" in done.stdout
    token.write_text("token\n")
    assert run(str(tmp_path / "usr/bin/jobbridge"), "check", "-c", str(path)) == "ok\n"


def test_the_container_has_what_the_package_needs():
    """There is no engine here that could build it: at least its lists are those of the build and of the package."""
    lines = text("deploy/container/Containerfile")
    build, final = lines.split("\nFROM ")[1:]
    needed = run("bash", "-c", '. deploy/lib.sh && echo "${NEEDED_TO_BUILD[@]}"').split()
    assert "libcurl4-openssl-dev" in needed
    assert [name for name in needed if name not in build.split() and name != "libcmocka-dev"] == []
    assert "\nUSER jobbridge\n" in final and "VOLUME /var/lib/jobbridge" in final
    # Numbers of its own, not those that happen to be free in the base image: the owner of volume and token knows them.
    assert "groupadd --gid 64000 " in final and "useradd --uid 64000 --gid 64000 " in final


def container_health():
    """The options and the command of HEALTHCHECK."""
    lines = text("deploy/container/Containerfile").replace("\\\n", "")
    options, command = re.search(r"^HEALTHCHECK (.*?) CMD (\[.*\])$", lines, re.M).groups()
    return dict(option.removeprefix("--").split("=") for option in options.split()), json.loads(command)


def ask_health(answer):
    """The exit code of the command when the page answers so; None: it is accepted, and nothing comes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = threading.Event()

        def serve():
            with server.accept()[0] as peer:
                if answer is not None:
                    peer.sendall(answer)
                    peer.shutdown(socket.SHUT_WR)
                done.wait(30)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            argv = container_health()[1]
            argv = [word.replace("/9464", f"/{server.getsockname()[1]}") for word in argv]
            argv[1] = argv[1] if answer is not None else "1"
            return subprocess.run(argv, capture_output=True, check=False, timeout=20).returncode
        finally:
            done.set()
            thread.join()


def test_the_health_of_the_container():
    options, command = container_health()
    # The engine does not end the command itself (podman 4.3), and without a number one failure is enough for it.
    assert command[0] == "timeout" and int(command[1]) < int(options["timeout"].removesuffix("s"))
    assert options["retries"] == "3" and options["start-period"] == "10m"
    assert ask_health(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nok\n") == 0
    assert ask_health(b"HTTP/1.0 401 Unauthorized\r\n\r\n") == 0, "http.token_file: the loop has answered"
    assert ask_health(b"SSH-2.0-OpenSSH\r\n") != 0 and ask_health(b"") != 0
    assert ask_health(None) == 124


@pytest.mark.slow
def test_the_container_has_the_libraries_of_the_package(package):
    depends = re.findall(r"[a-z0-9.+-]+", re.sub(r"\(.*?\)", "", run("dpkg-deb", "-f", package, "Depends")))
    final = text("deploy/container/Containerfile").split("\nFROM ")[2].split()
    assert [name for name in depends if name not in (*final, "adduser", "libc6")] == []


def test_its_scripts():
    scripts = [os.path.join("deploy", "debian", name) for name in ("postinst", "prerm", "postrm")]
    run("shellcheck", "--shell=sh", *scripts)
    for script in scripts:
        lines = text(script).splitlines()
        assert lines[0] == "#!/bin/sh" and "set -e" in lines, script
    # Installing it starts nothing, and leaves what is enabled to the administrator.
    assert "invoke start" not in text(scripts[0]) and "systemctl enable" not in text(scripts[0])
    # What `jobbridge probe` looks for before the first start is there, and systemd hears last of what has changed.
    assert "install -d -m 750 -o jobbridge -g jobbridge /var/lib/jobbridge" in text(scripts[0])
    assert text(scripts[2]).rindex("deb-systemd-helper") < text(scripts[2]).index("daemon-reload")
