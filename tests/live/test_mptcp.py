# SPDX-License-Identifier: GPL-2.0-or-later
"""MPTCP: a connection is told as one, by its first subflow; further ones are the kernel's own business."""

import sys
import time

import pytest

from lab import PATIENCE_S, free_port

SERVER = """
import json, socket, sys
s = socket.socket({6: socket.AF_INET6, 4: socket.AF_INET}[int(sys.argv[1])], socket.SOCK_STREAM, 262)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("", int(sys.argv[2])))
s.listen()
print(json.dumps({"op": "listening"}), flush=True)
c, _ = s.accept()
while c.recv(99):
    c.send(b"x")
"""
CLIENT = """
import json, os, socket, sys
s = socket.socket({6: socket.AF_INET6, 4: socket.AF_INET}[int(sys.argv[1])], socket.SOCK_STREAM, 262)
s.settimeout(float(sys.argv[4]))
error = 0
try:
    s.connect((sys.argv[2], int(sys.argv[3])))
    s.send(b"a")
    s.recv(9)
except OSError as e:
    error = e.errno or -1
print(json.dumps({"pid": os.getpid(), "error": error}), flush=True)
sys.stdin.read()
if not error:
    s.send(b"b")
    s.recv(9)
"""


@pytest.fixture
def two_ways(lab, family):
    """A server with two links; its second address is signalled, and a rule there counts what is sent to it."""
    server = lab.link()
    first, port = server.address(family), free_port()
    lab.link(lab.host, server)
    for ns in (lab.host, server):
        ns.run("ip mptcp limits set subflow 4 add_addr_accepted 4")
    server.run(f"ip mptcp endpoint add {server.address(family)} dev {server.device} signal")
    listening = lab.start("-c", SERVER, family, port, ns=server, exe=sys.executable)
    assert listening.line()["op"] == "listening"
    return server, first, port


def await_subflow(server):
    end = time.monotonic() + PATIENCE_S
    while not server.nft_packets():
        assert time.monotonic() < end, "no further subflow came"


def client(lab, family, there, port, timeout=10):
    return lab.start("-c", CLIENT, family, there, port, timeout, exe=sys.executable)


@pytest.mark.parametrize("rule", ["reject with tcp reset", "drop", ""], ids=["rejected", "dropped", "works"])
def test_a_further_subflow(lab, watch, family, two_ways, rule):
    """Whether it fails or works, as their nearest miss does: both end with their connection."""
    server, first, port = two_ways
    ip = "ip6" if family == 6 else "ip"
    server.nft("input", f"{ip} daddr {server.address(family)} tcp dport {port} counter {rule}")
    agent = watch()
    app = client(lab, family, first, port)
    assert app.line()["error"] == 0
    await_subflow(server)
    app.release()
    agent.silent()


def test_the_first_one_is_refused(lab, watch, family):
    server, port = lab.link(), free_port()
    there = server.address(family)
    agent = watch()
    saw = client(lab, family, there, port).line()
    found = agent.assert_only("connect-refused-local", pid=saw["pid"], comm=None, errno="ECONNREFUSED", remote=(there, port))
    assert not found or saw["error"] == 111


def test_the_first_one_gets_no_answer(lab, watch, family):
    there, port = lab.internet().host(family), free_port()
    agent = watch()
    app = client(lab, family, there, port, timeout=1.5)
    saw = app.line()
    app.release()
    agent.assert_only("connect-no-answer", pid=saw["pid"], comm=None, remote=(there, port), ended="canceled")
