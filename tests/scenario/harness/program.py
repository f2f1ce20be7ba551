# SPDX-License-Identifier: Apache-2.0
"""The subcommands that end by themselves: called with the site's configuration, with what they printed."""

import json
import os
import subprocess

from .bridge import PROGRAM
from .waiting import patient


class Done:
    """A call that has ended."""

    def __init__(self, code, out, err):
        self.code = code
        self.out = out
        self.err = err

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def lines(self):
        """Standard output as JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    def __repr__(self):
        return f"<code {self.code}\nstdout {self.out}\nstderr {self.err}>"


def call_program(*arguments, timeout=30, env=None, stdin=None):
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=patient(timeout), check=False,
                          input=stdin, env={**os.environ, **(env or {})})
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


def call_site(site, command, *arguments, timeout=30, env=None, stdin=None):
    """jobbridge COMMAND -c (the site's configuration) ARGUMENT..."""
    site.bridge.write_configuration(site.config)
    return call_program(command, "-c", site.bridge.path, *arguments, timeout=timeout, env=env, stdin=stdin)
