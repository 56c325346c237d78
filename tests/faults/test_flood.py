# SPDX-License-Identifier: GPL-2.0-or-later
"""Floods: what an agent holds and says stays bounded, it counts what it does not tell, and a fault beside is told right.

Here and not in tests/live, where other agents would hear them at the same time.
"""

import pathlib
import re
import signal

import pytest
from harness import Agent, describe
from lab import FAULT, Lab, free_port

FLOOD = FAULT.with_name("flood")
MEMORY_MIB = 54  # 18 at the start, with a ring of 4 MiB that counts twice; 47.8 to 49.4 when it has met both floods


def peak_mib(agent):
    status = pathlib.Path(f"/proc/{agent.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) / 1024


@pytest.fixture
def lab():
    made = Lab()
    yield made
    made.close()


@pytest.fixture
def far(lab):
    """A machine that says nothing to what the floods send."""
    far = lab.link()
    far.nft("input", "tcp dport 7777 drop", "udp dport 53 drop")
    return far


def not_told(agent):
    """Records that were shed or lost, by kind."""
    counts = {"shed": {}, "lost": {}}
    for o in agent.objects():
        if o["type"] == "lost":
            why = counts["shed" if o["why"] == "shed" else "lost"]
            for kind, count in o["by_kind"].items():
                why[kind] = why.get(kind, 0) + count
    return counts


def test_unanswered_syns(lab, far):
    """100,000 a second, from no socket: no attempt of anybody here. A connect beside is refused, and told."""
    agent = Agent(lab)
    lab.fault("syn", lab.host.v4, far.v4, 7777, 100000, 100000, exe=FLOOD)
    port = free_port()
    pid = lab.fault("connect", far.v4, port)["pid"]
    agent.assert_only("connect-refused-local", pid=pid, remote=(far.v4, port))
    peak = peak_mib(agent)
    summary = agent.stop()
    shed = not_told(agent)
    assert peak < MEMORY_MIB and len(agent.lines) < 50
    assert set(shed["shed"]) <= {"packet", "drop"} and sum(shed["shed"].values()) == summary["suppressed"]
    assert sum(shed["lost"].values()) == summary["lost"]


def test_sockets_outlive_a_flood(lab, far):
    """The agent stands still, as for want of a CPU: packets and lookups are shed, and what sockets tell finds room."""
    agent = Agent(lab, "--ring-size", "256K")
    agent.popen.send_signal(signal.SIGSTOP)
    lab.fault("syn", lab.host.v4, far.v4, 7777, 5000, 100000, exe=FLOOD)
    lab.fault("lookup", far.v4, 1000, 50000, exe=FLOOD)
    pid = lab.fault("connect", 90, 10000, 20, exe=FLOOD)["pid"]
    agent.popen.send_signal(signal.SIGCONT)
    agent.quiesce(slow=False)
    finals = agent.findings(state="final", pid=pid)
    agent.stop()
    shed = not_told(agent)
    assert len(finals) == 20 and {f["finding"] for f in finals} == {"connect-refused-local"}, describe(finals)
    assert not shed["lost"] and shed["shed"]["packet"] > 1000 and shed["shed"]["open"] > 500, shed
    assert not {"state", "error", "reset-sent", "reset-received"} & set(shed["shed"]), shed


def test_floods_are_one_line(lab, far):
    """50,000 lookups a second that nobody answers, and refused connects to 20,000 destinations: bounded memory, a few lines."""
    out = lab.dir / "out"
    agent = Agent(lab, command=["--utc", "-o", out])
    lab.fault("lookup", far.v4, 25000, 50000, exe=FLOOD)
    lab.fault("connect", 91, 10000, 20000, exe=FLOOD)
    agent._wait("verdict of the lookups", lambda: "dns-no-answer at " in out.read_text(), 30)
    peak = peak_mib(agent)
    agent.stop()
    text = out.read_text()
    assert peak < MEMORY_MIB and len(text.splitlines()) < 500, (peak, len(text.splitlines()))
    assert text.count("dns-no-answer pending") == 8
    refused = re.findall(r"could not connect to more than 3072 destinations \(127\.91\.0\.1:10000, .*?: (\d+) in all", text)
    assert refused and int(refused[-1]) == 20000, text[-2000:]
    assert "let go unjudged" in agent.stderr[-1], agent.stderr
