# SPDX-License-Identifier: GPL-2.0-or-later
"""A datagram of a local process meets trouble: which process, where to, why; and what looks like it and is healthy."""

import subprocess
import sys

import pytest

from harness import describe
from lab import PATIENCE_S, free_port
from test_names import GLIBC, Names, names  # noqa: F401  (a fixture)

# sends so many datagrams of a size to a port, connected or not, and says what its calls say; lives until told
SEND = r'''
import errno, socket, sys
address, port, size, count, connect = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5] == "connect"
sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
said = set()
def call(what, *args):
    try: what(*args)
    except OSError as error: said.add(errno.errorcode.get(error.errno, str(error)))
if connect:
    sock.connect((address, port))
sock.settimeout(0.01)
for _ in range(count):
    call(sock.send, b"x" * size) if connect else call(sock.sendto, b"x" * size, (address, port))
    call(sock.recv, 100)
print(*sorted(said), flush=True)
sys.stdin.read()
'''


class Sender:
    """What it said, while it lives on."""

    def __init__(self, lab, *argv, code=SEND, ns=None):
        self.popen = subprocess.Popen((ns or lab.host).command(sys.executable, "-c", code, *map(str, argv)), stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)
        lab.processes.append(self)
        self.said = self.popen.stdout.readline().split()

    def close(self):
        self.popen.stdin.close()
        self.popen.wait(PATIENCE_S)
        self.popen.stdout.close()


def told(agent, finding, **fields):
    if not hasattr(agent, "pid"):
        return None
    agent.wait_for(finding=finding, state="final")
    found = agent.assert_only(finding, **{"comm": None, **fields})
    assert found["process"]["comm"].startswith("python"), describe([found])
    assert found["connection"]["protocol"] == "udp", describe([found])
    return found


@pytest.mark.parametrize("connect", ["connect", "alone"])
def test_port_unreachable(lab, watch, place, family, connect):
    """Nobody has the port: one finding for all datagrams, whether or not the kernel tells the socket."""
    there, port = place.address(family), 9
    agent = watch()
    sender = Sender(lab, there, port, 10, 3, connect)
    assert ("ECONNREFUSED" in sender.said) == (connect == "connect"), sender.said
    found = told(agent, "udp-port-unreachable", severity="warning", confidence="certain" if place.kind == "lo" else "likely")
    if found:
        assert found["connection"]["remote"] == {"address": there, "port": port}, describe([found])
        words = "says ECONNREFUSED" if connect == "connect" else "nobody is told"
        assert words in found["summary"], describe([found])


def test_traces_and_late_answers_are_healthy(lab, watch, place, family):
    """traceroute asks ports that nobody has so that it hears of the end; an asker that has gone hears nothing."""
    there = place.address(family)
    agent = watch()
    for port in (33434, 33435):
        assert "ECONNREFUSED" in Sender(lab, there, port, 10, 1, "connect").said
    agent.silent()


# no fragments, of either family; a size each
DO_NOT_FRAGMENT = r'''
import errno, socket, sys
address, port, sizes = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
ipv6 = ":" in address
sock = socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.IPPROTO_IPV6 if ipv6 else socket.IPPROTO_IP, 23 if ipv6 else 10, 2)
said = []
for size in sizes:
    try: sock.sendto(b"x" * int(size), (address, port))
    except OSError as error: said.append(errno.errorcode[error.errno])
print(*said, flush=True)
sys.stdin.read()
'''

# a server that does not read, and whose buffer is small
DEAF = r'''
import socket, sys
address, port = sys.argv[1], int(sys.argv[2])
sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
sock.bind((address, port))
print("ready", flush=True)
sys.stdin.read()
'''


# asks a connected or a free socket, waits for each answer or only sends; an answering server hears the second question
ASK = r'''
import select, socket, sys
address, port, connect, wait = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "connect", sys.argv[4] == "wait"
sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
if connect:
    sock.connect((address, port))
sock.settimeout(0.6)
said = "nothing"
for _ in range(5):
    sock.sendto(b"?", (address, port)) if not connect else sock.send(b"?")
    if wait:
        try: said = sock.recv(100).decode()
        except OSError: pass
    else:
        select.select([], [], [], 0.6)
print(said, flush=True)
sys.stdin.read()
'''

# hears what comes, and answers from the second question on: from another socket when an address is given; silent: never
ANSWER = r'''
import socket, sys, threading
address, port, other = sys.argv[1], int(sys.argv[2]), sys.argv[3]
family = socket.AF_INET6 if ":" in address else socket.AF_INET
sock = socket.socket(family, socket.SOCK_DGRAM)
sock.bind((address, port))
via = sock
if other not in ("same", "silent"):
    via = socket.socket(family, socket.SOCK_DGRAM)
    via.bind((other, port))
def serve():
    sock.recvfrom(100)
    while other != "silent":
        via.sendto(b"answer", sock.recvfrom(100)[1])
threading.Thread(target=serve, daemon=True).start()
print("ready", flush=True)
sys.stdin.read()
'''


def test_no_reply(lab, watch, place, family):
    """It asks again and again, and waits each time: one finding."""
    there, port = place.address(family), free_port()
    Sender(lab, there, port, "silent", code=ANSWER, ns=place.ns)
    agent = watch()
    assert Sender(lab, there, port, "connect" if place.kind == "lo" else "alone", "wait", code=ASK).said == ["nothing"]
    found = told(agent, "udp-no-reply", severity="warning", confidence="likely")
    if found:
        assert found["connection"]["remote"] == {"address": there, "port": port}, describe([found])
        assert "answered none of 3 datagrams" in found["summary"], describe([found])


@pytest.mark.parametrize("how", ["one-way", "answered"])
def test_what_needs_no_reply_or_has_one(lab, watch, family, how):
    """syslog and statsd send and hear nothing; a lost question is asked again and answered."""
    ns, port = lab.link(), free_port()
    there = ns.address(family)
    Sender(lab, there, port, "silent" if how == "one-way" else "same", code=ANSWER, ns=ns)
    agent = watch()
    asker = Sender(lab, there, port, "connect", "send" if how == "one-way" else "wait", code=ASK)
    assert asker.said == ["nothing" if how == "one-way" else "answer"]
    agent.silent()


@pytest.mark.parametrize("connect", ["connect", "alone"])
def test_reply_from_other_address(lab, watch, family, connect):
    """A server with two addresses answers from the wrong one: a connected socket takes nothing from it, any other does."""
    ns, port = lab.link(), free_port()
    there = ns.address(family)
    other = there[:-1] + "3"
    ns.ip(f"addr add {other}/{24 if family == 4 else 64} dev {ns.device}" + (" nodad" if family == 6 else ""))
    Sender(lab, there, port, other, code=ANSWER, ns=ns)
    agent = watch()
    assert Sender(lab, there, port, connect, "wait", code=ASK).said == ["nothing" if connect == "connect" else "answer"]
    if connect == "alone":
        agent.silent()
        return
    found = told(agent, "udp-reply-from-other-address", severity="error", confidence="likely")
    if found:
        assert found["connection"]["remote"] == {"address": there, "port": port}, describe([found])
        assert found["summary"].startswith(f"{other} answered"), describe([found])


def test_too_big(lab, watch, place, family):
    there = place.address(family)
    agent = watch()
    assert Sender(lab, there, 9, 70000, code=DO_NOT_FRAGMENT).said == ["EMSGSIZE"]
    found = told(agent, "udp-too-big", confidence="certain")
    if found:
        assert found["connection"]["remote"] == {"address": there, "port": 9}, describe([found])


def test_path_mtu_discovery_is_healthy(lab, watch, family):
    """As QUIC does: smaller until it fits (RFC 8899)."""
    ns, port = lab.link(), free_port()
    there = ns.address(family)
    Sender(lab, there, port, code=DEAF, ns=ns)
    agent = watch()
    assert Sender(lab, there, port, 1490, 1480, 1200, code=DO_NOT_FRAGMENT).said == ["EMSGSIZE"] * 2
    agent.silent()


@pytest.mark.parametrize("count", [200, 20])
def test_receive_buffer_full(lab, watch, place, family, count):
    """It does not read: more than a burst is lost; of 20 datagrams too few are."""
    there, port = place.address(family), free_port()
    Sender(lab, there, port, code=DEAF, ns=place.ns)
    agent = watch()
    Sender(lab, there, port, 1000, count, "alone", code=SEND.replace("sock.settimeout(0.01)", "sock.settimeout(0)"))
    if count == 20:
        agent.silent()
        return
    agent.wait_for(finding="udp-receive-buffer-full", state="final")
    found = agent.assert_only("udp-receive-buffer-full", comm=None, severity="warning", confidence="certain")
    assert found["connection"]["role"] == "server" and found["connection"]["local"]["port"] == port, describe([found])
    assert found["process"]["comm"].startswith("python"), describe([found])


def test_sends_that_a_filter_drops(lab, watch, place, family):
    """send() says EPERM, and which rule; what it lets pass is healthy."""
    there, port = place.address(family), free_port()
    Sender(lab, there, port, code=DEAF, ns=place.ns)
    lab.host.nft("output", f"udp dport {port + 1} drop")
    agent = watch()
    assert not [word for word in Sender(lab, there, port, 10, 1, "connect").said if word == "EPERM"]
    assert "EPERM" in Sender(lab, there, port + 1, 10, 1, "alone").said
    found = told(agent, "local-firewall", confidence="certain", errno="EPERM")
    if found:
        assert "lab/output" in found["cause"] and f"dport {port + 1}" in found["cause"], describe([found])


def test_queries_that_a_filter_drops(names, watch, family):  # noqa: F811
    """The rule is the cause, and one finding for A and AAAA of each try."""
    there = names.place.address(family)
    names.lab.host.nft("output", "udp dport 53 drop")
    agent = watch()
    assert names.client(GLIBC, "both.test", wrap=names.etc(there)) == 0
    told(agent, "local-firewall", confidence="certain", errno="EPERM")


@pytest.mark.parametrize("how", ["connect", "send"])
def test_queries_without_a_route(lab, watch, family, how):
    """No route to the only server; with a second one that answers nothing is wrong. glibc connects first, musl sends at once."""
    ns = lab.link()
    there = ns.address(family)
    nowhere = "2001:db8:ffff::53" if family == 6 else "198.51.100.53"
    names = Names(lab, type("Place", (), {"ns": ns, "lab": lab, "kind": "veth"})())  # noqa: F811
    names.serve(there)
    agent = watch()
    assert names.client(GLIBC, "both.test", wrap=names.etc(nowhere, there)) == 1
    agent.silent()
    if how == "connect":
        assert names.client(GLIBC, "both.test", wrap=names.etc(nowhere)) == 0
    else:
        Sender(lab, nowhere, 53, 12, 1, "alone")
    found = told(agent, "local-no-route", errno="ENETUNREACH")
    if found:
        assert f"{how}() of a query" in found["summary"], describe([found])
