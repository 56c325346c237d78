# SPDX-License-Identifier: GPL-2.0-or-later
"""--report of live runs: the finding is in it, with its picture where the packets were in sight."""

import subprocess

import pytest

from harness import Agent
from lab import FAULT, PATIENCE_S, free_port
from program import SOCKWHY

pytestmark = pytest.mark.usefixtures("needs_agent")


def test_run_draws_the_connection(lab, family):
    port, path = free_port(), lab.dir / "why.html"
    here = "::1" if family == 6 else "127.0.0.1"
    done = subprocess.run(lab.host.command(SOCKWHY, "run", "--report", path, "--", FAULT, "connect", here, port),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=PATIENCE_S, check=False)
    page = path.read_text()
    assert done.returncode == 0 and "connect-refused-local" in done.stderr
    assert path.stat().st_mode & 0o777 == 0o600
    assert "connect-refused-local" in page and str(port) in page and "<svg" in page and "RST" in page
    assert page.rstrip().endswith("</html>")


def test_watch_tells_the_finding(lab):
    port, path = free_port(), lab.dir / "why.md"
    agent = Agent(lab, "--report", path)
    saw = lab.fault("connect", "127.0.0.1", port)
    agent.wait_for(pid=saw["pid"], state="final")
    agent.stop()
    page = path.read_text()
    assert "connect-refused-local" in page and f"127.0.0.1:{port}" in page and "RST" in page


def test_masked(lab):
    """The page has the mask's addresses only, the same as the lines beside it."""
    far, port, path = lab.link(), free_port(), lab.dir / "why.html"
    agent = Agent(lab, "--mask", "--report", path)
    lab.fault("connect", far.v4, port)
    found = agent._wait("finding", lambda: next((o for o in agent.objects() if o["type"] == "finding"
                                                 and o["connection"].get("remote", {}).get("port") == port), None), PATIENCE_S)
    agent.stop()
    page = path.read_text()
    assert far.v4 not in page and lab.host.v4 not in page
    assert found["connection"]["remote"]["address"] in page and found["finding"] in page
