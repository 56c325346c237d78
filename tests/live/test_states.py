# SPDX-License-Identifier: GPL-2.0-or-later
"""states: the TCP sockets of this host by state, owner and age, against what two processes really hold."""

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios

import pytest

from lab import PATIENCE_S, free_port
from program import SOCKWHY, Schema
from test_flows import PEER, Pair

pytestmark = pytest.mark.usefixtures("needs_agent")


def states(lab, *args, ns=None, status=0):
    """Its JSON lines, each as the schema wants it; of groups and sockets those of the lab's processes and namespaces."""
    done = subprocess.run((ns or lab.host).command(SOCKWHY, "states", "--json", *args), capture_output=True, text=True,
                          timeout=PATIENCE_S, check=False)
    assert done.returncode == status, done.stderr
    schema = Schema()
    lines = [schema.check(line) for line in done.stdout.splitlines()]
    inodes = {n.inode for n in lab.namespaces}
    return [line for line in lines if line["type"] == "states" or line.get("netns") in inodes]


def only(lines, **want):
    found = [line for line in lines if all(line.get(key) == value for key, value in want.items())]
    assert len(found) == 1, f"{want}: {len(found)} of {json.dumps(lines, indent=1)}"
    return found[0]


@pytest.fixture
def pair(lab, place, family):
    return Pair(lab, place, family)


def test_states_and_owners(lab, pair):
    """Open, half closed and closed connections, a listener with one that waits: whose they are, which ends, how many bytes."""
    port = pair.connect()
    pair.connect("2")
    pair.here.ask(do="send", name="c", bytes=1000)
    pair.there.ask(do="close", name="s2")
    waits = pair.here.ask(do="connect", name="c3", address=pair.address, port=pair.port)["port"]
    lines = states(lab, "-v", "--netns", f"/proc/{pair.there.pid}/ns/net")
    sockets = [line for line in lines if line["type"] == "socket"]
    server = only(sockets, pid=pair.there.pid, state="ESTABLISHED")
    assert server["remote"]["port"] == port and server["local"] == {"address": pair.address, "port": pair.port}
    assert server["unread_bytes"] == 1000 and server["unsent_bytes"] == 0 and "mark" not in server
    assert 0 <= server["quiet_us"] < 60 * 10 ** 6
    listener = only(sockets, pid=pair.there.pid, state="LISTEN")
    assert (listener["backlog"], listener["backlog_max"]) == (1, 100) and "remote" not in listener
    half = only(sockets, pid=pair.here.pid, state="CLOSE_WAIT")
    assert half["remote"]["port"] == pair.port and "mark" not in half, "closed just now: nothing is wrong"
    # what nobody holds: an end that was closed, and what nobody has accepted
    other = only([line for line in sockets if line["state"] in ("FIN_WAIT2", "TIME_WAIT")],
                 netns=pair.place.ns.inode)
    assert "pid" not in other and other["local"]["port"] == pair.port
    unaccepted = only([line for line in sockets if line.get("remote", {}).get("port") == waits], state="ESTABLISHED")
    assert "pid" not in unaccepted
    groups = [line for line in lines if line["type"] == "sockets"]
    assert only(groups, pid=pair.here.pid, state="ESTABLISHED")["count"] == 2
    total = only(lines, type="states")
    assert total["sockets"] == sum(total["states"].values()) >= len(sockets)


def test_marks(lab, pair):
    """The peer has closed and we have not, nobody reads, a full queue; just before, none of that."""
    pair.connect()
    pair.connect("2")
    pair.here.ask(do="send", name="c", bytes=7)
    pair.there.ask(do="close", name="s2")
    args = ["--netns", f"/proc/{pair.there.pid}/ns/net", "--set", "closed-half=1"]
    while True:  # an event of the kernel's clock is all that is waited for
        lines = states(lab, *args)
        half = only(lines, type="sockets", pid=pair.here.pid, state="CLOSE_WAIT")
        unread = only([line for line in lines if line.get("unread_bytes")], pid=pair.there.pid)
        assert ("mark" in half) == (half["quiet_us"] >= 10 ** 6)
        assert ("mark" in unread) == (unread["quiet_us"] >= 10 ** 6)
        if "mark" in half and "mark" in unread:
            break
    assert (half["mark"], unread["mark"]) == ("not-closed", "not-read")
    assert all("mark" not in line for line in lines if line not in (half, unread))
    for line in states(lab, "--netns", f"/proc/{pair.there.pid}/ns/net"):
        assert "mark" not in line, "a minute is what closed-half allows"


def test_full_queue_and_unanswered(lab, pair):
    full = free_port()
    pair.there.ask(do="listen", name="f", address=pair.address, port=full, backlog=1)
    for name in "pqr":  # two wait, the third's SYN is ignored
        pair.here.ask(do="connect", name=name, address=pair.address, port=full, wait=False)
    args = ["--netns", f"/proc/{pair.there.pid}/ns/net"]
    while True:
        lines = states(lab, *args)
        queue = only([line for line in lines if line["type"] == "sockets" and line["local"]["port"] == full], state="LISTEN")
        waits = only(lines, pid=pair.here.pid, state="SYN_SENT")
        if queue["backlog"] == 2 and "mark" in waits:
            break
    assert (queue["mark"], queue["backlog_max"], waits["mark"]) == ("accept-queue-full", 1, "syn-unanswered")


def test_filters(lab, pair):
    pair.connect()
    for args, pids in ((["-p", str(pair.here.pid)], {pair.here.pid}),
                       ([f"dst port {pair.port}"], {pair.here.pid, pair.there.pid}),
                       (["--comm", "no-such-name"], set()), (["port", "1"], set())):
        lines = [line for line in states(lab, *args, "-v") if line["type"] == "socket"]
        assert {line["pid"] for line in lines if "pid" in line} & {pair.here.pid, pair.there.pid} <= pids
        assert bool(pids) == bool(lines)


def test_text_once(lab, pair):
    """In a pipe: once, plain, whole lines."""
    pair.connect()
    done = subprocess.run(lab.host.command(SOCKWHY, "states", "-p", str(pair.here.pid)), capture_output=True, text=True,
                          timeout=PATIENCE_S, check=False)
    assert done.returncode == 0 and not done.stderr
    assert done.stdout.startswith("1 TCP socket: 1 ESTABLISHED\n") and "\033" not in done.stdout
    assert re.search(rf"^  ESTABLISHED +1 +\S.* \S+\[{pair.here.pid}\] +\S+ ↔ \S+:{pair.port}$", done.stdout, re.M), done.stdout


def test_terminal(lab):
    """Drawn again until it is told to end; it follows the terminal's size, and a line is never longer than that."""
    peer = lab.start(PEER, exe=sys.executable)
    ports = [free_port() for _ in range(12)]
    for port in ports:
        peer.ask(do="listen", name=str(port), address="127.0.0.1", port=port)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 60, 0, 0))
    with subprocess.Popen(lab.host.command(SOCKWHY, "states", "--color", "never", "-p", str(peer.pid)), stdout=theirs,
                          stderr=subprocess.PIPE) as popen:
        said = b""
        while said.count(b"\033[H") < 1:
            said += os.read(ours, 65536)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
        while said.count(b"\033[H") < 3:
            said += os.read(ours, 65536)
        popen.send_signal(signal.SIGINT)
        os.close(theirs)
        assert popen.wait(PATIENCE_S) == 0 and not popen.stderr.read()
    os.close(ours)
    screens = [part.decode(errors="replace").replace("\033[2J", "").splitlines() for part in said.split(b"\033[H")]
    small, large = screens[1], screens[2]
    assert len(small) <= 10 and all(len(line) <= 60 for line in small)
    assert any(re.fullmatch(r"  and \d+ sockets in further rows", line) for line in small), small
    assert sum(f":{port}, 0 of 100 wait" in line for line in large for port in ports) == 12, large
