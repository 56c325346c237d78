# SPDX-License-Identifier: GPL-2.0-or-later
"""A name cannot be looked up: which server, whose wish, one verdict; and what looks like it and is healthy."""

import re
import subprocess
import sys
import threading

import pytest

from harness import describe
from lab import PATIENCE_S
from program import SOCKWHY
from test_quiet import Program, private_etc

FINAL_S = 25  # ten seconds after the last query

# getaddrinfo() of each name, in turn; says for how many it found addresses
GLIBC = "import socket, sys\n" \
    "def look(name):\n" \
    "    try: return bool(socket.getaddrinfo(name, 80, 0, socket.SOCK_STREAM))\n" \
    "    except OSError: return False\n" \
    "print(sum(look(name) for name in sys.argv[1:]))\n"

# as musl does: one socket that is never connected, A and AAAA to the server, again after a second
RAW = r'''
import os, select, socket, struct, sys
server, name, tries, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
def query(number, kind):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">HHHHHH", number, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", kind, 1)
good = 0
for n in range(count):
    sock = socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM)
    left = {2 * n % 65536: 1, (2 * n + 1) % 65536: 28}
    for _ in range(tries):
        for number, kind in left.items():
            sock.sendto(query(number, kind), (server, 53))
        while left and select.select([sock], [], [], 1)[0]:
            left.pop(struct.unpack(">H", sock.recv(4096)[:2])[0], None)
        if not left:
            break
    good += not left
    sock.close()
print(good)
'''

TCP = r'''
import socket, struct, sys
sock = socket.create_connection((sys.argv[1], 53))
labels = b"".join(bytes([len(label)]) + label.encode() for label in sys.argv[2].split("."))
query = struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", 1, 1)
sock.sendall(struct.pack(">H", len(query)) + query)
print(len(sock.recv(4096)) > 12)
'''


class Names:
    """A client in the lab's own namespace, a name server at a far one or, over lo, beside it."""

    def __init__(self, lab, place):
        self.lab, self.place = lab, place

    def serve(self, address, *options, ns=None):
        Program(self.lab, ns or self.place.ns, [
            "dnsmasq", "-k", "-C", "/dev/null", f"--listen-address={address}", "--bind-interfaces", "--no-resolv", "--no-hosts",
            "--user=root", "--pid-file=", "--host-record=both.test,10.99.1.3,2001:db8::3", "--host-record=four.test,10.99.1.1",
            "--txt-record=mail.test,hello", "--host-record=here.two.test,10.99.1.2", *options], 53)

    def etc(self, *servers, options="timeout:1 attempts:2", search=""):
        text = "".join(f"nameserver {server}\n" for server in servers) + search + f"options {options}\n"
        return private_etc(self.lab, resolv_conf=text, nsswitch_conf="hosts: dns\n")

    def client(self, *argv, wrap=()):
        done = subprocess.run(self.lab.host.command(*wrap, sys.executable, "-c", *map(str, argv)), stdout=subprocess.PIPE, text=True,
                              timeout=PATIENCE_S + FINAL_S, check=True)
        return int(done.stdout) if done.stdout.strip().isdigit() else done.stdout.strip()


@pytest.fixture
def names(lab, place):
    return Names(lab, place)


def told(agent, finding, **fields):
    """That one finding, with the process that suffered."""
    if not hasattr(agent, "pid"):
        return None
    agent.wait_for(FINAL_S, finding=finding, state="final")
    found = agent.assert_only(finding, **{"comm": None, **fields})
    assert re.match(r"python", found["process"]["comm"]), describe([found])
    assert found["connection"]["remote"]["port"] == 53 and found["connection"]["protocol"] == "udp", describe([found])
    return found


def test_server_down(names, watch, family):
    """Nobody listens on port 53: one finding, and no udp-port-unreachable beside it."""
    there = names.place.address(family)
    agent = watch()
    assert names.client(GLIBC, "both.test", wrap=names.etc(there)) == 0
    found = told(agent, "dns-server-down", confidence="certain" if names.place.kind == "lo" else "likely")
    if found:
        assert found["connection"]["remote"]["address"] == there and "both.test" in found["summary"], describe([found])


def test_no_answer(names, watch, family):
    """The queries are dropped on the way; early and final are one attempt."""
    there = names.place.address(family)
    names.serve(there)
    names.place.ns.nft("input", "udp dport 53 drop")
    agent = watch()
    assert names.client(GLIBC, "both.test", wrap=names.etc(there)) == 0
    found = told(agent, "dns-no-answer", confidence="likely")
    if found:
        early = agent.findings(state="pending")
        assert [f["finding"] for f in early] == ["dns-no-answer"] and early[0]["attempt"] == found["attempt"], describe(early)
        assert "it is name server 1 of 1 in that process's resolv.conf" in early[0]["cause"], describe(early)


def test_no_answer_to_a_socket_that_is_not_connected(names, watch, family):
    there = names.place.address(family)
    names.serve(there)
    names.place.ns.nft("input", "udp dport 53 drop")
    agent = watch()
    assert names.client(RAW, there, "both.test", 2, 1, wrap=names.etc("192.0.2.9")) == 0
    if told(agent, "dns-no-answer", confidence="likely"):
        early = agent.findings(state="pending")
        assert "resolv.conf does not name it, but 192.0.2.9" in early[0]["cause"], describe(early)


@pytest.mark.parametrize("name, finding, severity", [("nosuch.test", "dns-nxdomain", "warning"), ("mail.test", "dns-no-data", "warning"),
                                                     ("elsewhere.example", "dns-servfail", "error")])
def test_the_server_says_no(names, watch, family, name, finding, severity):
    there = names.place.address(family)
    names.serve(there, "--local=/test/")
    agent = watch()
    assert names.client(GLIBC, name, wrap=names.etc(there)) == 0
    found = told(agent, finding, severity=severity)
    if found:
        assert name in found["summary"] and "duration_us" in found, describe([found])


def test_answers_are_healthy(names, watch, family):
    """One family alone, a search list that finds it in the second place, block lists, and repetitions."""
    there = names.place.address(family)
    names.serve(there, "--local=/test/", "--local=/lists/")
    agent = watch()
    etc = names.etc(there, search="search one.two.test two.test\n")
    assert names.client(GLIBC, "both.test", "four.test", "here", wrap=etc) == 3
    assert names.client(RAW, there, "2.0.0.127.zen.lists", 2, 20) == 20
    assert names.client(RAW, there, "both.test", 2, 1000) == 1000
    agent.silent()


def test_slow(names, watch):
    """The first server is silent, the second answers: late, and no failure."""
    there = names.place.address(4)
    names.serve(there)
    silent = names.lab.link()
    silent.nft("input", "udp dport 53 drop")
    agent = watch()
    assert names.client(GLIBC, "both.test", wrap=names.etc(silent.v4, there, options="timeout:2")) == 1
    found = told(agent, "dns-slow", severity="warning")
    if found:
        assert f"{silent.v4}, asked first" in found["cause"], describe([found])
        assert found["supersedes"] == "dns-no-answer"


def test_forwarder(names, watch, family):
    """dnsmasq asks a server that says nothing: the client's verdict alone, which names both."""
    if names.place.kind != "lo":
        pytest.skip("the forwarder is beside its client")
    here, far = names.place.address(family), names.lab.link()
    far.nft("input", "udp dport 53 drop")
    names.serve(here, f"--server={far.address(family)}")
    agent = watch()
    assert names.client(GLIBC, "far.example", wrap=names.etc(here)) == 0
    found = told(agent, "dns-no-answer")
    if found:
        assert "dnsmasq[" in found["cause"] and far.address(family) in found["cause"], describe([found])
        assert [party["role"] for party in found["related"]] == ["resolver"], describe([found])


def test_strangers_who_ask_for_the_same_name(names, watch, family):
    """Beside the forwarder's client another process asks another server, and a container asks it, too: no forwarder is either."""
    if names.place.kind != "lo":
        pytest.skip("the forwarder is beside its client")
    here, far, contained = names.place.address(family), names.lab.link(), names.lab.link()
    gateway = names.lab.host.address(family)  # of the last link
    for ns in (far, names.lab.host):
        ns.nft("input", f"iifname {ns.device} udp dport 53 drop")
    names.serve(here, f"--server={far.address(family)}")
    agent = watch()
    asked = [here, far.address(family), gateway]
    argv = [names.lab.host.command(*names.etc(here), sys.executable, "-c", GLIBC, "far.example")]
    argv += [ns.command(sys.executable, "-c", RAW, to, "far.example", "2", "1")
             for ns, to in zip((names.lab.host, contained), asked[1:])]
    running = [subprocess.Popen(words, stdout=subprocess.DEVNULL) for words in argv]
    for client in running:
        client.wait(PATIENCE_S)
    if not hasattr(agent, "pid"):
        return
    found = [agent.wait_for(PATIENCE_S, finding="dns-no-answer", state="pending", remote=(to, 53)) for to in asked]
    assert ["dnsmasq[" in pending["cause"] for pending in found] == [True, False, False], describe(found)
    assert len(agent.findings(state="pending")) == 3, describe(agent.findings())
    agent.stop()


def test_run(names, needs_agent):
    """run tells of its command's lookups, and of nobody else's."""
    there = names.place.address(4)
    names.serve(there, "--local=/test/")
    stop = threading.Event()

    def others():
        while not stop.is_set():
            names.client(RAW, there, "stranger.test", 1, 3)

    beside = threading.Thread(target=others)
    beside.start()
    argv = names.lab.host.command(*names.etc(there), SOCKWHY, "run", "--", sys.executable, "-c", GLIBC, "nosuch.test")
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=False)
    stop.set()
    beside.join()
    assert done.returncode == 0 and done.stdout == "0\n"
    assert "dns-nxdomain" in done.stderr and "nosuch.test" in done.stderr and "stranger" not in done.stderr, done.stderr


def test_run_no_answer(names, needs_agent, family):
    there = names.place.address(family)
    names.serve(there)
    names.place.ns.nft("input", "udp dport 53 drop")
    argv = names.lab.host.command(*names.etc(there), SOCKWHY, "run", "--", sys.executable, "-c", GLIBC, "both.test")
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=False)
    assert "dns-no-answer" in done.stderr and "4 queries" in done.stderr, done.stderr


def test_over_tcp(names, watch):
    """An answer over TCP counts like any other, and says no like any other."""
    there = names.place.address(4)
    names.serve(there, "--local=/test/")
    agent = watch()
    assert names.client(TCP, there, "both.test") == "True"
    agent.silent()
    assert names.client(TCP, there, "nosuch.test") == "True"
    found = told(agent, "dns-nxdomain", severity="warning")
    if found:
        assert "nosuch.test" in found["summary"]
