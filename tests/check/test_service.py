# SPDX-License-Identifier: Apache-2.0
"""The unit of systemd: understood by systemd as it is in Debian, and as closed as the last time that somebody looked."""

import os
import re
import shutil
import subprocess

from tree import ROOT, text

UNIT = "deploy/systemd/jobbridge.service"
DROP_IN = "deploy/systemd/credentials.conf"
EXPOSURE_MAX = 12  # tenths of systemd's 0 (closed) to 10 (exposed); the network must stay open


def settings(path=UNIT):
    """Pairs of section.key and value, in the order of the file."""
    section, pairs = "", []
    for line in re.sub(r"\\\n *", "", text(path)).splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            pairs.append((f"{section}.{key}", value))
    return pairs


def test_systemd_understands_the_unit(tmp_path):
    program = os.path.join(ROOT, "build", "dev", "jobbridge")
    unit = tmp_path / "jobbridge.service"
    unit.write_text(text(UNIT).replace("=jobbridge run", f"={program} run").replace("=jobbridge check", f"={program} check"))
    assert unit.read_text().count(program) == 2
    # Its manuals are not installed where a test looks.
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True,
                          check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def test_the_sandbox_stays_closed(tmp_path):
    shutil.copy(os.path.join(ROOT, UNIT), tmp_path)
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE_MAX}",
                           str(tmp_path / "jobbridge.service")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Overall exposure level" in done.stdout


def test_the_program_speaks_what_the_unit_expects():
    pairs = dict(settings())
    assert pairs["Service.Type"] == "notify" and int(pairs["Service.WatchdogSec"].rstrip("s")) >= 30
    for word in ("READY=1", "RELOADING=1", "STOPPING=1", "WATCHDOG=1"):
        assert word in text("bridge/io/service.c")
    assert "EX_CONFIG" in text("bridge/cli/cli_config.c") and pairs["Service.RestartPreventExitStatus"] == "64 78"


def test_the_drop_in_names_what_systemd_provides():
    lines = text(DROP_IN).splitlines()
    loads = [line.lstrip("#").partition("=")[2] for line in lines if "LoadCredential=" in line]
    assert len(loads) == 2
    for load in loads:
        name, path = load.split(":")
        assert f"/run/credentials/jobbridge.service/{name}" in "".join(lines) and path == f"/etc/jobbridge/{name}"


def test_a_reload_checks_before_it_signals_also_with_credentials():
    """systemd 252 lets only the service itself see its credentials, not the commands of a reload: with them the check
    must be in its mount namespace, and as its user, or every reload fails."""
    own = [value for key, value in settings() if key == "Service.ExecReload"]
    assert own[0].startswith("jobbridge check ") and own[1:] == ["kill -HUP $MAINPID"]
    drop_in = [value for key, value in settings(DROP_IN) if key == "Service.ExecReload"]
    assert drop_in[::2] == ["", own[1]] and drop_in[1].endswith(" " + own[0])
    assert drop_in[1].startswith("+nsenter --target=${MAINPID} --mount setpriv --reuid=jobbridge --regid=jobbridge ")


def test_systemd_understands_the_drop_in(tmp_path):
    folder = tmp_path / "jobbridge.service.d"
    folder.mkdir()
    program = os.path.join(ROOT, "build", "dev", "jobbridge")
    for path, name in ((UNIT, "../jobbridge.service"), (DROP_IN, "credentials.conf")):
        (folder / name).write_text(re.sub(r"^(Exec\w+=\+?)jobbridge ", rf"\1{program} ", text(path), flags=re.MULTILINE))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(tmp_path / "jobbridge.service")],
                          capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
