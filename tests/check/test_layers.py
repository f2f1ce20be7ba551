# SPDX-License-Identifier: Apache-2.0
"""Who may include whom. The folders of bridge/ are the order of dependence, and an include only points back in it: read
from the include lines themselves, so that a diagram cannot lie."""

import collections
import os
import re

from tree import c_files, complain, files, text

ORDER = ["base", "rules", "io", "flow", "daemon", "cli", "main"]
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
# What belongs to the C library and the kernel; any other header in angle brackets is somebody's library.
LIBC = set("""
    aio alloca assert byteswap complex ctype dirent dlfcn elf endian err errno execinfo fcntl fenv float fnmatch
    getopt glob grp iconv ifaddrs inttypes langinfo libgen limits link locale malloc math mqueue netdb obstack
    paths poll printf pthread pwd regex sched search semaphore setjmp signal spawn stdalign stdarg stdatomic
    stdbool stddef stdint stdio stdlib stdnoreturn string strings sysexits syslog termios threads time uchar
    ucontext unistd utime wchar wctype
""".split())
LIBC_FOLDERS = ("arpa/", "asm/", "linux/", "net/", "netinet/", "sys/")
IMPURE_HEADERS = re.compile(r"^(pthread|threads|unistd|fcntl|poll|signal|dirent|netdb|semaphore|spawn)\.h$|/")
IMPURE_CALLS = re.compile(r"\b(time|clock_gettime|gettimeofday|getenv|fopen|open|printf|fprintf|rand|random)\(")
MUTABLE = re.compile(r"^(?:static |extern )?(?!static|extern|const\b|typedef\b|enum\b|return\b|out:)[a-z][\w ]*[ *]\w+"
                     r"(?:\[[^\]]*\])*(?: =.*|;)$", re.MULTILINE)


def includes(name):
    """Pairs of "<" or '"' and what stands between the marks."""
    return INCLUDE.findall(text(name))


def layer(name):
    """Where a file of bridge/ stands in the order."""
    first = os.path.splitext(name.split("/")[1])[0]
    return ORDER.index(first)


def family(name):
    """The module that a file belongs to: config_schema.c and config.c are one."""
    return os.path.splitext(os.path.basename(name))[0].split("_")[0]


def resolve(name, wanted):
    """The file that an include in quotes means."""
    beside = os.path.normpath(os.path.join(os.path.dirname(name), wanted))
    return next((path for path in ("bridge/" + wanted, beside) if path in files()), None)


def test_every_source_is_in_the_order():
    complain([name for name in c_files("bridge/") if os.path.splitext(name.split("/")[1])[0] not in ORDER])


def test_includes_point_back_only():
    problems = []
    for name in c_files("bridge/"):
        for mark, wanted in includes(name):
            target = resolve(name, wanted) if mark == '"' else None
            if mark == '"' and not target:
                problems.append(f"{name} includes \"{wanted}\", which is not there")
            elif target and not target.startswith("bridge/"):
                problems.append(f"{name} includes {target}, from outside bridge/")
            elif target and layer(target) > layer(name):
                problems.append(f"{name} includes {target}, which stands after it: {' <- '.join(ORDER)}")
    complain(problems)


def test_neighbours_in_io_and_flow_do_not_know_each_other():
    """What all of a folder share is in a module of the folder's name, which again knows none of them."""
    problems = []
    for name in c_files("bridge/io/", "bridge/flow/"):
        for mark, wanted in includes(name):
            target = resolve(name, wanted) if mark == '"' else None
            folder = os.path.dirname(name)
            if target and os.path.dirname(target) == folder and family(target) not in (family(name),
                                                                                       os.path.basename(folder)):
                problems.append(f"{name} includes {target}")
    complain(problems)


def test_each_library_is_hidden_in_one_module():
    users = collections.defaultdict(set)
    for name in c_files("bridge/"):
        for mark, wanted in includes(name):
            if mark == "<" and os.path.splitext(wanted)[0] not in LIBC and not wanted.startswith(LIBC_FOLDERS):
                users[wanted].add(f"{os.path.dirname(name)}/{family(name)}")
    complain([f"<{header}> is included by {', '.join(sorted(modules))}"
              for header, modules in users.items() if len(modules) > 1])


def test_rules_are_pure():
    problems = []
    for name in c_files("bridge/rules/"):
        problems += [f"{name} includes <{wanted}>" for mark, wanted in includes(name)
                     if mark == "<" and IMPURE_HEADERS.search(wanted)]
        code = re.sub(r"//[^\n]*", "", text(name))
        problems += [f"{name} calls {call}()" for call in IMPURE_CALLS.findall(code)]
        if name.endswith(".c"):
            problems += [f"{name} has a global that changes: {match.group()}" for match in MUTABLE.finditer(code)]
    complain(problems)


def test_each_source_has_its_header():
    """Its own, or, for a part of a module in several files, the module's."""
    complain([name for name in c_files("bridge/") if name.endswith(".c") and name != "bridge/main.c"
              and name[:-2] + ".h" not in files() and f"{os.path.dirname(name)}/{family(name)}.h" not in files()])


def test_the_emulator_knows_nothing_of_the_bridge():
    problems = []
    for name in c_files("tests/emulator/"):
        for mark, wanted in includes(name):
            if mark == '"' and f"tests/emulator/{wanted}" not in files():
                problems.append(f"{name} includes \"{wanted}\"")
    complain(problems)
