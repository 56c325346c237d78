# SPDX-License-Identifier: GPL-2.0-or-later
"""run -v: what the command's sockets went through, calls, states and packets in one list each."""

import json
import re
import subprocess
import sys

import pytest

from lab import PATIENCE_S, free_port
from program import SOCKWHY, Schema

pytestmark = pytest.mark.usefixtures("needs_agent")

# both ends in one process, the server in a thread of its own
TALK = """
import socket, sys, threading
listener = socket.create_server((sys.argv[1], 0), family=socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
def serve():
    conn, _peer = listener.accept()
    conn.sendall(conn.recv(100) * 3)
    assert conn.recv(10) == b""
    conn.close()
server = threading.Thread(target=serve)
server.start()
conn = socket.create_connection(listener.getsockname()[:2])
conn.sendall(b"hello")
assert len(conn.recv(100)) == 15
conn.shutdown(socket.SHUT_WR)
server.join()
conn.close()
"""

# never blocks, waits in select() and epoll_wait(), and writes where it has said that it will not
WAIT = """
import errno, select, signal, socket, sys
conn = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
conn.setblocking(False)
assert conn.connect_ex((sys.argv[1], int(sys.argv[2]))) == errno.EINPROGRESS
select.select([], [conn], [])
try:
    conn.recv(7)
except BlockingIOError:
    pass
waits = select.epoll()
waits.register(conn, select.EPOLLIN)
assert not waits.poll(0.05)
conn.shutdown(socket.SHUT_WR)
try:
    conn.send(b"x" * 9)
except BrokenPipeError:
    pass
"""


def run(ns, script, *args, options=("-v",)):
    done = subprocess.run(ns.command(SOCKWHY, "run", *options, "--", sys.executable, "-c", script, *map(str, args)),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr
    return done


def timelines(text):
    """Each block's head and its lines."""
    blocks = re.split(r"^[-0-9]+ [0-9:.+]+ socket (.*)\n", text, flags=re.M)[1:]
    return [(head, [line[14:] for line in body.splitlines() if re.match(r" {6}(seen| {4}) +\+", line)])
            for head, body in zip(blocks[::2], blocks[1::2])]


def assert_order(lines, *wanted):
    """Every wanted expression matches a line behind that of the one before."""
    left = iter(lines)
    for want in wanted:
        assert any(re.search(want, line) for line in left), (want, lines)


def test_blocking(lab, family):
    """A client and a server that wait in their calls: everything is in the order in which it was."""
    here = "::1" if family == 6 else "127.0.0.1"
    told = timelines(run(lab.host, TALK, here).stderr)
    listener = next(lines for head, lines in told if "→" not in head and "←" not in head)
    client = next(lines for head, lines in told if "→" in head)
    server = next(lines for head, lines in told if "←" in head)
    assert len(told) == 3
    assert_order(listener, r"socket\(\) TCP", r"bind\(\) to ", r"listen\(\) backlog 128", "LISTEN", r"close\(\)", "CLOSE")
    assert_order(client, r"socket\(\) TCP", r"connect\(\) to .*:\d+", "SYN_SENT", "packet → SYN ", "packet ← SYN,ACK", "ESTABLISHED",
                 r"send\(\) 5 bytes", "packet → PSH,ACK  len 5", r"shutdown\(\) of sending", "FIN_WAIT1", "packet → FIN",
                 r"close\(\)")
    assert_order(client, "packet ← PSH,ACK  len 15", r"shutdown\(\)")
    assert_order(client, r"receive\(\) 15 bytes", r"shutdown\(\)", "packet ← FIN", "CLOSE$")
    assert_order(server, r"accept\(\)", r"receive\(\) 5 bytes", r"send\(\) 15 bytes", "packet → PSH,ACK  len 15", "CLOSE_WAIT",
                 r"close\(\)", "LAST_ACK", "packet → FIN")
    assert_order(server, r"receive\(\) nothing: the peer has closed", "LAST_ACK")
    offsets = [float(re.match(r"\+([0-9.]+) ms", line)[1]) for line in client]
    assert offsets == sorted(offsets) and offsets[0] == 0


def test_waits_and_failures(lab, family):
    """Over a veth, a client that never blocks; what failed stands with its errno, and what it waited for."""
    there, port = lab.link(), free_port()
    lab.serve(there.address(family), port, ns=there)
    (head, lines), = timelines(run(lab.host, WAIT, there.address(family), port).stderr)
    assert re.match(r"python3\S*\[\d+\]  \S+ → \S+:%d$" % port, head), head
    assert_order(lines, r"socket\(\) TCP", r"connect\(\) to \S+:%d = EINPROGRESS" % port, "ESTABLISHED",
                 r"receive\(\) of 7 bytes = EAGAIN", r"epoll_wait\(\) nothing came, after 5\d", r"shutdown\(\) of sending",
                 r"send\(\) of 9 bytes = EPIPE")
    assert sum("→ SYN " in line for line in lines) == 1, "at one interface of two"


def test_json(lab):
    """The same as events; the calls of a failed connection beside its finding, and nobody else's."""
    out, port = lab.dir / "out", free_port()
    beside = lab.start("-N", "-t", 100, "-n", 5, "connect", "127.0.0.1", free_port())
    script = "import socket, sys; print(socket.socket().connect_ex((sys.argv[1], int(sys.argv[2]))))"
    run(lab.host, script, "127.0.0.1", port, options=("-v", "--json", "-o", str(out)))
    beside.release()
    told = [json.loads(line) for line in out.read_text().splitlines()]
    check = Schema().validate
    for line in told:
        check(line)
    calls = [o["fields"] for o in told if o.get("event") == "syscall" and "began_ns" in o["fields"]]
    assert [c["call"] for c in calls] == ["socket", "connect", "close"]
    assert calls[1]["error"] == "ECONNREFUSED" and calls[1]["asked_port"] == port
    assert len({c["socket"] for c in calls}) == 1 and len({c["owner.tgid"] for c in calls}) == 1
    assert [o["finding"] for o in told if o["type"] == "finding"] == ["connect-refused-local"]


def test_without_v_nobody_is_asked(lab):
    """Nearest miss: the hooks of the timelines are attached for run -v alone, and doctor tells of them."""
    out = lab.dir / "out"
    subprocess.run(lab.host.command(SOCKWHY, "run", "--record", out, "--", "true"), check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, timeout=PATIENCE_S)
    done = subprocess.run([SOCKWHY, "read", "-vv", "--json", out], stdout=subprocess.PIPE, text=True, check=True, timeout=PATIENCE_S)
    hooks = {o["fields"]["name"]: o["fields"] for o in map(json.loads, done.stdout.splitlines()) if o.get("event") == "hook"}
    assert hooks["calls"]["state"] == "left-out" and hooks["state"]["state"] == "attached"
    doctor = subprocess.run([SOCKWHY, "doctor"], stdout=subprocess.PIPE, text=True, check=False, timeout=PATIENCE_S).stdout
    assert re.search(r"calls\b.*\n?.*timelines of run -v", doctor), doctor
