# SPDX-License-Identifier: GPL-2.0-or-later
"""Conntrack has no room: its table is full (filled by ctnetlink), or NAT has no port left; in namespaces of the lab."""

import pathlib
import subprocess
import sys

import pytest

from lab import free_port

PEER = pathlib.Path(__file__).parents[1] / "helpers/peer.py"
MOST = pathlib.Path("/proc/sys/net/netfilter/nf_conntrack_max")
ENTRIES_MOST = 300_000  # more would take a while to make

# Made in the namespace, because a netlink socket belongs to where it was opened.
FILL = """
import socket, struct, sys
count = int(sys.argv[1])
CT_NEW, REQUEST_CREATE, NESTED = 1 << 8, 1 | 0x400, 0x8000
def attribute(kind, data):
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)
def tuple_of(kind, source, target, sport, dport):
    return attribute(kind | NESTED, attribute(1 | NESTED, attribute(1, source) + attribute(2, target))
                     + attribute(2 | NESTED, attribute(1, b"\\6") + attribute(2, struct.pack("!H", sport)) + attribute(3, struct.pack("!H", dport))))
def message(server, port):
    client = bytes([198, 51, 100, 9])
    body = struct.pack("=BBH", 2, 0, 0) + tuple_of(1, client, server, port, 80) + tuple_of(2, server, client, 80, port)
    body += attribute(3, struct.pack("!I", 4 | 2 | 8)) + attribute(7, struct.pack("!I", 3600))
    body += attribute(4 | NESTED, attribute(1 | NESTED, attribute(1, b"\\3")))
    return struct.pack("=IHHII", 16 + len(body), CT_NEW, REQUEST_CREATE, 0, 0) + body
netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
netlink.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
for hundred in range((count + 99) // 100):
    server, base = struct.pack("!I", 0xC0000200 + hundred // 600), 1024 + hundred % 600 * 100
    made = message(server, 0xABCD)
    netlink.send(b"".join(made.replace(b"\\xab\\xcd", struct.pack("!H", base + i)) for i in range(min(100, count - 100 * hundred))))
"""


def fill(ns, count):
    subprocess.run(ns.command(sys.executable, "-c", FILL, count), check=True)
    return int(ns.run("cat /proc/sys/net/netfilter/nf_conntrack_count"))


@pytest.fixture
def most():
    if not MOST.exists() or int(MOST.read_text()) > ENTRIES_MOST:
        pytest.skip("no conntrack, or a table that takes long to fill")
    return int(MOST.read_text())


@pytest.fixture
def tracked(lab):
    """Every packet of this namespace is looked up, and nothing is dropped by a rule."""
    lab.host.nft("output", "ct state established counter", "ct state new counter")
    return lab.host


@pytest.mark.parametrize("family,dropped", [(4, False), (6, False), (4, True)], ids=["v4", "v6", "and a rule"])
def test_the_table_is_full(lab, watch, tracked, most, family, dropped):
    """Nearest miss: it is full as well, and a rule that comes before it drops the SYN."""
    port, far = free_port(), lab.link()
    there = far.address(family)
    lab.serve(there, port, ns=far)
    if dropped:
        tracked.run("nft add chain inet lab early '{ type filter hook output priority -300; }'; "
                    f"nft add rule inet lab early tcp dport {port} counter drop")
    assert fill(tracked, most) >= most
    agent = watch("--mute", "host-conntrack-filling")  # which is told of the host, whoever suffers
    saw = lab.fault("-U", 1500, "connect", there, port)
    assert saw["errno"] == "ETIMEDOUT"
    if dropped:
        agent.assert_only("local-firewall", pid=saw["pid"], errno="ETIMEDOUT", remote=(there, port))
        return
    found = agent.assert_only("host-conntrack-full", pid=saw["pid"], errno="ETIMEDOUT", remote=(there, port))
    if found:
        assert f"{most} of {most}" in found["cause"] and "198.51.100.9" in found["cause"], found["cause"]
        assert "ESTABLISHED" in found["cause"] and found["confidence"] == "certain"


# Connections that stand until standard input ends.
HOLD = """
import socket, sys
held = [socket.create_connection((sys.argv[1], int(sys.argv[2])), 5) for _ in range(int(sys.argv[3]))]
print("{}", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("case", ["forwarded", "own", "room"])
def test_nat_without_a_free_port(lab, watch, family, case):
    """Nearest miss: the same translation with ports to spare, and a chain behind it that drops."""
    port, low, net = free_port(), free_port(), lab.internet()
    there = net.host(family, "accept")
    client = lab.host
    if case != "own":
        client = lab.namespace()
        lab.link(lab.host, client)
        lab.host.sysctl("net.ipv6.conf.all.forwarding" if family == 6 else "net.ipv4.ip_forward", 1)
        client.ip(f"route add {there} via {lab.host.address(family)}")
    most = low + (9 if case == "room" else 2)
    lab.host.run("nft add table inet nat; nft add chain inet nat post '{ type nat hook postrouting priority 100; }'; "
                 f"nft add rule inet nat post tcp dport {port} masquerade to :{low}-{most}")
    holder = lab.start("-c", HOLD, there, port, 3, ns=client, exe=sys.executable)
    holder.line()
    if case == "room":
        lab.host.run("nft add chain inet nat late '{ type filter hook postrouting priority 300; }'; "
                     f"nft add rule inet nat late tcp dport {port} ct state new counter drop")
    agent = watch()
    saw = lab.fault("-U", 1500, "connect", there, port, ns=client)
    assert saw["errno"] == "ETIMEDOUT"
    if case == "room":
        agent.assert_only("local-forward-dropped", pid=saw["pid"], errno="ETIMEDOUT", remote=(there, port))
        return
    found = agent.assert_only("host-nat-ports-exhausted", pid=saw["pid"], errno="ETIMEDOUT", remote=(there, port))
    if found:
        # what the client's own interface saw is out of sight where it is in another namespace
        assert f"all of {low} to {most}" in found["cause"], found["cause"]
        assert found["confidence"] == ("certain" if case == "own" else "likely")


def behind(lab, family, *there):
    """A namespace behind the lab's host, from which the way there leads through that."""
    client = lab.namespace()
    lab.link(lab.host, client)
    lab.host.sysctl("net.ipv6.conf.all.forwarding" if family == 6 else "net.ipv4.ip_forward", 1)
    client.ip(*(f"route add {address} via {lab.host.address(family)}" for address in there))
    return client


def translate(lab, hook, priority, rule):
    lab.host.run(f"nft add table inet nat; nft add chain inet nat {hook} '{{ type nat hook {hook} priority {priority}; }}'; "
                 f"nft add rule inet nat {hook} {rule}")


def until_reset(peer):
    """It asks again and again, and gets no answer, until its connection is reset."""
    for _ in range(40):
        if "ECONNRESET" in (peer.ask(do="send", bytes=100)["result"], peer.ask(do="receive", timeout=0.2)["result"]):
            return True
    return False


@pytest.mark.parametrize("case", ["source", "target", "target of own", "another's"])
def test_an_answer_that_is_not_translated_back(lab, watch, family, case):
    """The other host's data lies out of the window, and the reset of it ends the connection there.

    Nearest miss: what the other host sends between those ends is of another connection.
    """
    port, net = free_port(), lab.internet()
    there, service = net.host(family, "accept", data="stray"), net.host(family)
    client = lab.host if case == "target of own" else behind(lab, family, there, service)
    asked = there if case in ("source", "another's") else service
    if asked == there:
        translate(lab, "postrouting", 100, f"tcp dport {port} masquerade")
    else:
        translate(lab, "output" if client is lab.host else "prerouting", -100,
                  f"ip{'6' * (family == 6)} daddr {service} tcp dport {port} dnat ip{'6' * (family == 6)} to {there}")
    agent, peer = watch(), lab.start(PEER, exe=sys.executable, ns=client)
    peer.ask(do="connect", address=asked, port=port)
    if case == "another's":
        net.set(there, syn="accept")
        peer.ask(do="assure", bytes=100)
        net.set(there, syn="accept-reset")
        net.stray(there, port, lab.host.inet6 if family == 6 else lab.host.inet4, free_port())
        assert until_reset(peer)
        agent.assert_only("conn-reset-by-peer", pid=peer.pid, comm=None, errno="ECONNRESET", remote=(there, port))
        return
    assert until_reset(peer)
    found = agent.assert_only("conn-nat-bypassed", pid=peer.pid, comm=None, errno="ECONNRESET", remote=(asked, port), confidence="certain")
    if found:
        assert "be_liberal=0" in found["cause"] and there in found["summary"], found


@pytest.mark.parametrize("case", ["liberal", "deaf"])
def test_an_answer_that_does_no_harm(lab, watch, family, case):
    """Nearest misses: conntrack takes it for one of the connection; the other host does not believe the reset."""
    port, net = free_port(), lab.internet()
    there = net.host(family, "accept", data="stray", deaf=case == "deaf")
    client = behind(lab, family, there)
    translate(lab, "postrouting", 100, f"tcp dport {port} masquerade")
    lab.host.sysctl("net.netfilter.nf_conntrack_tcp_be_liberal", int(case == "liberal"))
    agent, peer = watch(), lab.start(PEER, exe=sys.executable, ns=client)
    peer.ask(do="connect", address=there, port=port)
    for _ in range(3):
        peer.ask(do="send", bytes=100)
        assert peer.ask(do="receive", timeout=0.2)["result"] == "timeout"
    net.set(there, syn="accept", data="reset")
    peer.ask(do="send", bytes=100)
    assert peer.ask(do="receive", timeout=5)["result"] == "ECONNRESET"
    agent.assert_only("conn-reset-by-peer", pid=peer.pid, comm=None, errno="ECONNRESET", remote=(there, port))


@pytest.mark.parametrize("elsewhere", [False, True], ids=["own", "watched"])
def test_the_table_fills_up(lab, watch, tracked, most, elsewhere):
    """Nine tenths full as the agent looks; nearest miss: the same a little below, and no more comes."""
    fill(tracked, most * 85 // 100)
    agent = watch("--set", "host-look=1", *("--netns", tracked.path) * elsewhere, ns=lab.namespace() if elsewhere else None)
    agent.quiesce(slow=False)
    agent.only_allowed()
    fill(tracked, most * 92 // 100)
    found = agent.assert_only("host-conntrack-filling", severity="warning", confidence="certain")
    if found:
        assert f" of {most}" in found["summary"] and "198.51.100.9" in found["cause"], found
        assert found["connection"]["netns"] == tracked.inode


def test_the_table_will_be_full(lab, watch, tracked, most):
    """From half full on it rises at every look."""
    fill(tracked, most * 51 // 100)
    agent = watch("--set", "host-look=1")
    agent.quiesce(slow=False)
    for percent in range(52, 88):
        fill(tracked, most * percent // 100)
        if agent.findings(state="final"):
            break
    found = agent.assert_only("host-conntrack-filling", severity="warning", confidence="likely")
    assert "full in " in found["summary"], found
