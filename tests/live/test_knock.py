# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients of other machines that this host does not let in, told from its side."""

import pytest

from harness import describe
from lab import free_port

SYN, RST, ACK = 0x02, 0x04, 0x10


@pytest.fixture
def far(lab, family):
    """This host's address, an internet, and a machine out there."""
    net = lab.internet()
    return (lab.host.inet6 if family == 6 else lab.host.inet4), net, net.host(family)


def lo(family):
    return "::1" if family == 6 else "127.0.0.1"


def knocks(agent):
    return [f for f in agent.findings(state="final") if f["finding"].startswith("accept-")]


def test_wrong_bind(lab, watch, family, far):
    """The service is bound to loopback, and another machine asks for it."""
    here, net, client = far
    port = free_port()
    server = lab.serve(lo(family), port)
    agent = watch()
    net.open(client, 45000, here, port)
    found = agent.assert_only("accept-wrong-bind", severity="warning", confidence="certain")
    assert net.heard(client, 45000) == [RST | ACK]
    if found:
        assert client in found["summary"] and f"listens on {'[::1]' if family == 6 else '127.0.0.1'}:{port} only" in found["cause"]
        assert [r["process"]["pid"] for r in found["related"]] == [server.pid]


def test_right_bind(lab, watch, family, far):
    """Nearest miss: the service listens on that address, too."""
    here, net, client = far
    port = free_port()
    lab.serve(lo(family), port)
    lab.serve(here, port)
    agent = watch()
    net.open(client, 45000, here, port)
    agent.silent()
    assert net.heard(client, 45000)[0] == SYN | ACK


def test_wrong_bind_for_a_client_of_this_machine(lab, watch, family):
    """Nearest miss: who asks is a process of this machine, and has the verdict."""
    there, port = lab.link(), free_port()
    lab.serve(lo(family), port, ns=there)
    agent = watch(ns=there)
    saw = lab.fault("connect", there.address(family), port)
    assert saw["errno"] == "ECONNREFUSED"
    agent.assert_only("connect-refused-local", pid=saw["pid"])
    agent.quiesce()
    assert not knocks(agent), describe(knocks(agent))


def test_no_listener(lab, watch, family, far, needs_agent):
    """Nobody listens there: told on request alone."""
    here, net, client = far
    port = free_port()
    agent, asked = watch(), watch("--finding", "accept-no-listener")
    net.open(client, 45000, here, port)
    found = asked.wait_for(finding="accept-no-listener")
    assert found["severity"] == "info" and found["connection"]["remote"]["address"] == client
    assert found["connection"]["local"] == {"address": here, "port": port}
    agent.silent()


def test_firewall(lab, watch, family, far):
    """This host's own filter drops the SYN of another machine before the listener."""
    here, net, client = far
    port = free_port()
    server = lab.serve(here, port)
    lab.host.nft("input", f"tcp dport {port} tcp flags syn counter drop")
    agent = watch()
    net.open(client, 45000, here, port, syns=2)
    found = agent.assert_only("accept-firewall", pid=server.pid, confidence="certain")
    assert net.heard(client, 45000) == [] and lab.host.nft_packets()
    if found:
        assert client in found["summary"] and f"tcp dport {port}" in found["cause"]


def test_firewall_of_what_is_forwarded(lab, watch, family, far):
    """Nearest miss: a listener takes that port on every address, but the SYN was for somebody behind this host."""
    _, net, client = far
    port, behind = free_port(), lab.link()
    lab.serve("::" if family == 6 else "0.0.0.0", port)
    lab.host.sysctl("net.ipv6.conf.all.forwarding" if family == 6 else "net.ipv4.ip_forward", 1)
    lab.host.nft("forward", f"tcp dport {port} counter drop")
    agent = watch()
    net.open(client, 45000, behind.address(family), port)
    agent.silent()
    assert lab.host.nft_packets()


def test_firewall_before_nobody(lab, watch, family, far):
    """Nearest miss: nobody listens on the port that is dropped."""
    here, net, client = far
    port = free_port()
    lab.host.nft("input", f"tcp dport {port} counter drop")
    agent = watch("--all")
    net.open(client, 45000, here, port)
    agent.silent()
    assert lab.host.nft_packets() and not knocks(agent), describe(knocks(agent))


def test_reverse_path(lab, watch):
    """The way back leads elsewhere, and the reverse path filter drops what comes. IPv6 has none of its own."""
    net, port, client = lab.internet(), free_port(), "198.51.100.7"
    server = lab.serve(lab.host.inet4, port)
    lab.host.sysctl("net.ipv4.conf.all.rp_filter", 0)
    lab.host.sysctl("net.ipv4.conf.inet0.rp_filter", 1)
    lab.link()
    lab.host.ip(f"route add 198.51.100.0/24 dev {lab.host.device}")
    net.set(client)
    agent = watch()
    net.open(client, 45000, lab.host.inet4, port)
    found = agent.assert_only("accept-firewall", pid=server.pid)
    if found:
        assert "inet0/rp_filter=1" in found["cause"] and f"leads out of {lab.host.device}" in found["cause"], found["cause"]


def test_unfinished(lab, watch, family, far):
    """The client never acknowledges the SYN/ACK: told when that was sent for the third time."""
    here, net, client = far
    port = free_port()
    server = lab.serve(here, port)
    agent = watch()
    net.open(client, 45000, here, port, deaf=99)
    found = agent.assert_only("accept-unfinished", pid=server.pid, severity="warning")
    assert net.heard(client, 45000)[:3] == [SYN | ACK] * 3
    if found:
        assert client in found["summary"] and found["connection"]["remote"] == {"address": client, "port": 45000}


def test_finished_late(lab, watch, family, far):
    """Nearest miss: the first SYN/ACK is lost, the second is acknowledged."""
    here, net, client = far
    port = free_port()
    lab.serve(here, port)
    agent = watch()
    net.open(client, 45000, here, port, deaf=1)
    agent.silent()
    assert net.heard(client, 45000)[:2] == [SYN | ACK] * 2


def test_syn_flood(lab, watch, family, far, needs_agent):
    """More handshakes wait than the listener may have, and go on to. One alone is test_unfinished, its nearest miss."""
    here, net, _ = far
    port = free_port()
    server = lab.serve(here, port, "keep", "-b", 2)
    agent = watch()
    for _ in range(6):
        net.open(net.host(family), 45000, here, port, deaf=99)
    found = agent.wait_for(finding="accept-syn-flood", state="final")
    assert found["process"]["pid"] == server.pid and found["severity"] == "warning"
    assert "its queue of them takes 2" in found["summary"] and "tcp_syncookies" in found["cause"]
    agent.silent(allow=("accept-syn-flood",))
