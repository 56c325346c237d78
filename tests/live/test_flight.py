# SPDX-License-Identifier: GPL-2.0-or-later
"""--flight: nothing is written until something fails, then a bundle from which it can be understood."""

import json
import os
import pathlib
import select
import signal
import stat

import pytest

from harness import Agent
from lab import PATIENCE_S, free_port
from program import Schema, findings, sockwhy

HOLDS = {"flight.rec", "report.html", "findings.txt", "summary.txt", "packets.pcapng", "doctor.json"}


@pytest.fixture
def flight(lab):
    """An agent that tells of two ports alone, its folder, and how to await its next bundle."""
    folder = lab.dir / "flight"
    folder.mkdir()
    ports = free_port(), free_port()
    agent = Agent(lab, "--config", "none", "--flight", "4M", "--flight-to", folder, f"port {ports[0]} or port {ports[1]}")

    def bundle(number):
        line = agent.wait_stderr(lambda line: line.startswith("sockwhy: bundle: ") and line.endswith(f"-{number}"), f"bundle {number}")
        return pathlib.Path(line.split()[-1])
    return agent, folder, ports, bundle


def refused(lab, agent, address, port):
    pid = lab.fault("connect", address, port)["pid"]
    return agent.wait_for(state="final", pid=pid)


@pytest.mark.parametrize("address, other", [("127.0.0.1", "::1"), ("::1", "127.0.0.1")], ids=["ipv4", "ipv6"])
def test_bundle(lab, flight, address, other):
    """The first error makes one, the next soon after none, SIGUSR1 one more."""
    agent, folder, (port, second), bundle = flight
    server = lab.serve(address, port, ns=lab.host)
    lab.fault("connect", address, port)
    server.close()
    assert not list(folder.iterdir())  # of what works nothing is written
    found = refused(lab, agent, address, port)
    made = bundle(1)
    assert {path.name for path in made.iterdir()} == HOLDS and made.parent == folder
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in made.iterdir()) and stat.S_IMODE(made.stat().st_mode) == 0o700
    kept = [f for f in findings(Schema(), made / "flight.rec") if f["attempt"] == found["attempt"]]
    assert [f["finding"] for f in kept] == [found["finding"]]
    assert f":{port}: ECONNREFUSED" in (made / "findings.txt").read_text() and "ECONNREFUSED" in (made / "report.html").read_text()
    assert "attempts to connect or listen" in (made / "summary.txt").read_text()
    assert json.loads((made / "doctor.json").read_text().splitlines()[0])
    assert f":{port} " in sockwhy("read", "-vv", made / "packets.pcapng").out

    refused(lab, agent, other, second)
    agent.popen.send_signal(signal.SIGUSR1)
    asked = bundle(2)
    assert f":{second}: ECONNREFUSED" in (asked / "findings.txt").read_text()
    agent.stop()
    assert sorted(folder.iterdir()) == sorted([made, asked])


def test_ends_with_the_agent(lab, flight):
    """However that ends: the process beside it goes, and nothing was written."""
    agent, folder, _, _ = flight
    child, = map(int, pathlib.Path(f"/proc/{agent.pid}/task/{agent.pid}/children").read_text().split())
    gone = os.pidfd_open(child)
    agent.popen.kill()
    assert select.select([gone], [], [], PATIENCE_S)[0], "it is still there"
    os.close(gone)
    assert not list(folder.iterdir())
