# SPDX-License-Identifier: GPL-2.0-or-later
"""top beside real connections, in a real terminal: a failure and what works, figures, a recording of it, a crash."""

import os
import pathlib
import signal

import pytest

from lab import free_port
from program import SOCKWHY, sockwhy
from terminal import Terminal
from test_flows import Pair

pytestmark = pytest.mark.usefixtures("needs_agent")


@pytest.fixture
def pair(lab, place, family):
    return Pair(lab, place, family)


@pytest.fixture
def terminal(lab):
    """terminal(ARGS…): sockwhy top with these in the lab's namespace, at its first screen."""
    opened = []

    def start(*args, **kwargs):
        opened.append(Terminal(lab.dir, " ".join(map(str, (SOCKWHY, "top", *args))), wrap=lab.host.command(), **kwargs))
        opened[-1].wait_for("PROCESSES")
        return opened[-1]
    yield start
    for each in opened:
        each.close()


def cells(line):
    """FAILED, TRIES, AGAIN, RESETS, RTT, RATE, OPEN of a row: a figure and its unit are one."""
    for unit in (" ms", " s", " B/s", " kB/s", " MB/s", " GB/s"):
        line = line.replace(f"{unit} ", f"{unit[1:]} ")
    return line.split()[-7:]


def test_failure_and_what_works(lab, pair, terminal):
    """A refused connect is a failure of its process, with its cause behind it; one that works is none, and has figures."""
    shut, record = free_port(), lab.dir / "top.rec"
    top = terminal("--record", record, f"'port {shut} or port {pair.port}'", width=100)
    pair.connect()
    pair.move(up=100000, down=5000)
    failed = lab.start("connect", pair.address, shut)
    failed.release()
    row = cells(top.wait_for(f"fault[{failed.pid}]"))
    assert row[:2] == ["1", "1"], row
    here = "python3 "  # both ends: processes of one name are a row

    def both_ends(lines):
        """OPEN comes of a look at sockets, TRIES of an attempt that is over: neither waits for the other."""
        row = next((cells(line) for line in lines if line.startswith(here)), None)
        return row if row and row[1] == "1" and row[4] != "-" and row[6] == "2" else None
    row = top.wait(both_ends, here)
    # what the kernel sends again on a busy host is no failure
    assert row[0] == row[3] == "0" and row[4].endswith("ms"), row
    pair.move(up=1000000)
    top.wait(lambda lines: any(line.startswith(here) and "B/s" in line and " 0 B/s" not in line for line in lines), "its rate")
    top.press("Enter")
    top.wait_for("FINDINGS: 1, OPEN CONNECTIONS: 0")
    top.press("Enter")
    top.wait_for("connect-refused")
    top.wait_for("socket SYN_SENT")
    top.press("Escape")
    top.wait_for("FINDINGS: 1")
    top.press("Escape")
    top.wait_for("PROCESSES")
    top.type("/python3")
    top.press("Enter", "Enter")
    top.wait_for("FINDINGS: 0, OPEN CONNECTIONS: 2")
    top.press("Enter")
    top.wait_for("that the peer acknowledged")
    top.press("q")
    top.wait_for("FINDINGS: 0")
    top.press("q")
    top.wait_for("PROCESSES")
    top.press("q")
    top.ended(0)
    # what it kept tells the same
    told = sockwhy("read", "--brief", "-f", f"port {shut}", record)
    assert len(told.out.splitlines()) == 1 and "connect-refused" in told.out, told.out
    again = sockwhy("flows", "--json", record)
    assert any(f'"port":{pair.port}' in line for line in again.out.splitlines()), again.out


@pytest.mark.parametrize("sent, status", [(signal.SIGSEGV, 139), (signal.SIGTERM, 0)])
def test_ends(terminal, sent, status):
    """It is behind its fences, and gives the terminal back all the same; nothing is left on the host."""
    top = terminal("port", free_port())
    pid = top.program()
    assert "Seccomp:\t2" in pathlib.Path(f"/proc/{pid}/status").read_text()
    os.kill(pid, sent)
    top.ended(status)
