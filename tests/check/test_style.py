# SPDX-License-Identifier: Apache-2.0
"""What a reviewer would otherwise have to say again and again: formatting, head comments, sizes, leftovers."""

import re
import subprocess

from tree import ROOT, c_files, complain, files, lines, scripts, text

LINE_MAX = 140  # C is held to 120 by clang-format
FILE_LINES_MAX = 800
FUNCTION_LINES_MAX = 100
LICENCE = "SPDX-License-Identifier: Apache-2.0"
HEAD_LINES_MIN = 2  # beside the licence's
WITHOUT_HEAD = (".json", ".md", ".gitignore", "debian/changelog", "debian/conffiles",
                "debian/copyright")
# Put together from pieces, so that this file does not find itself.
LEFTOVERS = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b|\bfor" r" now\b")
SOMEBODYS_PATH = re.compile(r"/(home/\w+|ro" r"ot|wo" r"rk|Us" r"ers)/")


def functions(name):
    """Name and number of lines of each function: in this format its braces stand alone in the first column."""
    begun, title = None, ""
    for number, line in enumerate(lines(name), 1):
        if line == "{":
            begun = number
        elif line == "}" and begun:
            yield title, number - begun + 1
            begun = None
        elif begun is None and re.match(r"\w.*\(", line):
            title = line


def head_comment(name):
    """The lines of the first comment or Python text of a file, without a first line that names an interpreter."""
    body = lines(name)
    if body and body[0].startswith("#!"):
        body = body[1:]
    head, quoted = [], False
    for line in body:
        if quoted or line.startswith('"""'):
            head.append(line)
            quoted = line.count('"""') % 2 == (0 if quoted else 1)
            if not quoted:
                break
        elif line.startswith(("//", "#", ".\\\"", "<!--", "--", "/*")):
            head.append(line)
        elif line:
            break
    return head


def test_format():
    done = subprocess.run(["clang-format", "--dry-run", "-Werror", *c_files()], cwd=ROOT, capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stderr[:20000]


def test_licence_line():
    complain([name for name in files() if not name.endswith(WITHOUT_HEAD)
              and LICENCE not in "".join(head_comment(name)[:1])])


def test_head_comment_says_what_a_file_is_for():
    complain([name for name in c_files() if len(head_comment(name)) < 1 + HEAD_LINES_MIN])


def test_no_file_is_too_long():
    complain([f"{name}: {len(lines(name))} lines" for name in files() if not name.endswith(".md")
              and len(lines(name)) > FILE_LINES_MAX])


def test_no_function_is_too_long():
    complain([f"{name}: {title}: {size} lines" for name in c_files() for title, size in functions(name)
              if size > FUNCTION_LINES_MAX])


def test_the_parser_of_functions_sees_them():
    """A check that finds nothing because it reads nothing must not pass."""
    for name in c_files("bridge/"):
        if name.endswith(".c") and "\n}\n" in text(name) and ")\n{\n" in text(name):
            assert list(functions(name)), name


def test_lines_fit_beside_each_other():
    complain([f"{name}:{number}" for name in files() if not name.endswith((".md", ".json"))
              for number, line in enumerate(lines(name), 1) if len(line) > LINE_MAX])


def test_white_space():
    complain([f"{name}:{number}" for name in files() for number, line in enumerate(lines(name), 1)
              if "\t" in line or line != line.rstrip()])
    complain([name for name in files() if text(name) and not text(name).endswith("\n")])


def test_no_leftovers():
    complain([f"{name}:{number}: {line.strip()}" for name in files() for number, line in enumerate(lines(name), 1)
              if LEFTOVERS.search(line)])


def test_no_path_of_somebodys_machine():
    complain([f"{name}:{number}: {line.strip()}" for name in files() for number, line in enumerate(lines(name), 1)
              if SOMEBODYS_PATH.search(line)])


def test_shell_scripts():
    assert scripts()
    done = subprocess.run(["shellcheck", "-x", *scripts()], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
