# SPDX-License-Identifier: Apache-2.0
"""What `cmake --install` puts into place, from the dev build into a folder of the test's."""

import os
import subprocess

from tree import ROOT, complain

BUILD = os.path.join(ROOT, "build", "dev")
INSTALLED = ("bin/jobbridge", "share/man/man1/jobbridge.1.gz", "share/man/man5/jobbridge.conf.5.gz",
             "share/bash-completion/completions/jobbridge", "share/doc/jobbridge/examples/jobbridge.conf",
             "share/doc/jobbridge/examples/minimal.conf", "share/doc/jobbridge/examples/losant-broker.conf")


def test_everything_is_installed(tmp_path):
    subprocess.run(["cmake", "--install", BUILD, "--prefix", str(tmp_path)], check=True, capture_output=True)
    complain([f"{name} is not installed" for name in INSTALLED if not (tmp_path / name).is_file()])
    assert os.access(tmp_path / "bin" / "jobbridge", os.X_OK)
    # The manual is found and shown by what reads manuals, and bash takes the completion.
    shown = subprocess.run(["mandoc", "-Tascii", str(tmp_path / INSTALLED[1])], capture_output=True, text=True, check=True)
    assert "JOBBRIDGE(1)" in shown.stdout
    subprocess.run(["bash", "-n", str(tmp_path / INSTALLED[3])], check=True)
