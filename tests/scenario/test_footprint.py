# SPDX-License-Identifier: Apache-2.0
"""What the bridge takes of a small box: memory when idle and with a backlog."""

import re

import pytest

IDLE_KIB_MAX = 10 * 1024  # 7 here; how much of a library is mapped at a touch is the kernel's choice
BACKLOG = 3000
GROWTH_KIB_MAX = 2 * 1024


def resident_kib(site):
    with open(f"/proc/{site.bridge.pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+) kB", file.read()).group(1))


def test_idle_memory(site):
    """With its pages, and after somebody has looked at them."""
    web = site.serve_web()
    site.start()
    site.send("execute").final()
    assert web.metrics() and web.status()
    assert resident_kib(site) < IDLE_KIB_MAX


@pytest.mark.slow
def test_memory_does_not_grow_with_the_backlog(site):
    site.put_gate()
    site.start()
    site.gate.close()

    def pour(count):
        payload = {"templateContext": {"x": "y" * 1000}}
        commands = [site.send("execute", payload, wait=False) for _ in range(count)]
        commands[-1].wait_state("pending", timeout=60)

    pour(BACKLOG // 3)
    before = resident_kib(site)
    pour(BACKLOG)
    # Each of them has more than a kilobyte of text: in memory they would be three megabytes and more.
    assert resident_kib(site) - before < GROWTH_KIB_MAX
