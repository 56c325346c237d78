# SPDX-License-Identifier: GPL-2.0-or-later
"""--exec: a program for each finding, behind the agent's fences; what it is told, and how often."""

import json

import pytest

from harness import Agent
from lab import PATIENCE_S, free_port
from program import Schema

PROGRAM = """#!/bin/sh
# what it was told, whole or not at all
{ echo "$# $SOCKWHY_FINDING $SOCKWHY_SEVERITY $SOCKWHY_STATE"; cat; } > "$0.$$.part"
mv "$0.$$.part" "$0.$SOCKWHY_ATTEMPT"
"""


@pytest.fixture
def program(lab):
    path = lab.dir / "told; touch x"  # no shell reads that
    path.write_text(PROGRAM)
    path.chmod(0o700)
    return path


def test_told(lab, program):
    """The line that JSON has, on standard input; of what works it is not started. IPv4 and IPv6."""
    port = free_port()
    agent = Agent(lab, "--config", "none", "--exec", program, f"port {port}")
    server = lab.serve("127.0.0.1", port, ns=lab.host)
    lab.fault("connect", "127.0.0.1", port)
    server.close()
    want = {}
    for address in ("127.0.0.1", "::1"):
        found = agent.wait_for(state="final", pid=lab.fault("connect", address, port)["pid"])
        want[found["attempt"]] = found
    agent.stop()
    told = {path.name.rpartition(".")[2]: path.read_text() for path in lab.dir.iterdir() if path.name.startswith(program.name + ".")}
    assert sorted(told) == sorted(want)
    for attempt, found in want.items():
        head, line = told[attempt].split("\n", 1)
        assert head == f"0 {found['finding']} {found['severity']} final"
        assert line.count("\n") == 1 and Schema().check(line) == found and json.loads(line)["attempt"] == attempt
    assert not list(lab.dir.glob("x"))


def test_bounded(lab, program):
    """Ten at once, then one in six seconds; the rest is counted. A program that fails is said, and changes nothing."""
    program.write_text("#!/bin/sh\nread -r line\nexit 3\n")
    ports = [free_port() for _ in range(14)]
    agent = Agent(lab, "--config", "none", "--exec", program, " or ".join(f"port {port}" for port in ports))
    for port in ports:
        agent.wait_for(state="final", pid=lab.fault("connect", "127.0.0.1", port)["pid"])
    agent.stop()
    failed = [line for line in agent.stderr if "status 3" in line]
    unheard, = [int(line.split()[2]) for line in agent.stderr if "had no run" in line]
    assert 10 <= len(failed) <= 12 and len(failed) + unheard == 14


@pytest.mark.parametrize("what", ["", "no/such", "/no/such", "/etc/passwd"])
def test_no_program(lab, what):
    """Told before anything is attached."""
    agent = Agent(lab, "--config", "none", "--exec", what, start_line=False)
    assert agent.popen.wait(PATIENCE_S) == 1
    agent.close_readers()
    assert any(line.startswith(f"sockwhy: --exec {what}") for line in agent.stderr)
