# SPDX-License-Identifier: GPL-2.0-or-later
"""Two machines claim one address, and what only looks so; a duplicate is told ten seconds later, or when the agent ends."""

import ipaddress
import struct

import pytest

from bridge import Bridge
from lab import sh

ADDRESS = {4: "10.9.0.5", 6: "fd09::5"}
ANNOUNCE = """
import socket, sys
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
raw.bind(("eth0", 0))
raw.send(bytes.fromhex(sys.argv[1]))
"""


@pytest.fixture
def bridge(lab):
    return Bridge(lab)


def give(ns, family):
    """The neighbour's own stack answers from now on."""
    ns.ip(f"addr add {ADDRESS[family]}/24 dev eth0" if family == 4 else f"addr add {ADDRESS[family]}/64 dev eth0 nodad")


def announce(bridge, ns, link_address, address="10.9.0.5"):
    """A gratuitous ARP request (RFC 5227 3), sent from `ns`; returns when the asker's interface had it."""
    mac, ip = bytes.fromhex(link_address.replace(":", "")), ipaddress.ip_address(address).packed
    arp = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1) + mac + ip + bytes(6) + ip
    seen = bridge.capture.data.count(arp)
    sh(*ns.command("/usr/bin/python3", "-c", ANNOUNCE, (b"\xff" * 6 + mac + struct.pack(">H", 0x0806) + arp).hex()))
    bridge.await_captured(arp, seen + 1)


def told(agent):
    """What is told of addresses when the agent has ended: then nothing settles any more."""
    agent.quiesce(slow=False)
    agent.stop()
    return [f for f in agent.loud_finals() if f["finding"].startswith("host-")]


@pytest.mark.parametrize("family", [4, 6])
def test_two_machines_answer(bridge, watch, family):
    """Both answer one question; the bridge, whose ports see it all, tells nothing more of it."""
    for ns in (bridge.first, bridge.second):
        give(ns, family)
    agent = watch("--netns", bridge.switch.path, ns=bridge.asker)
    bridge.ask(2, ADDRESS[family])
    found, = told(agent)
    assert found["finding"] == "host-duplicate-address" and found["severity"] == "warning", found
    assert found["connection"]["local"]["address"] == ADDRESS[family] and found["count"] == 1
    assert all(bridge.link_address(ns) in found["summary"] for ns in (bridge.first, bridge.second)), found
    assert "both answered one question" in found["summary"], found


def test_it_is_told_while_the_agent_runs(bridge, watch):
    for ns in (bridge.first, bridge.second):
        give(ns, 4)
    agent = watch(ns=bridge.asker)
    bridge.ask(2)
    agent.quiesce(slow=False)
    agent.wait_for(finding="host-duplicate-address", state="final")


def test_another_machine_has_ours(bridge, watch):
    """Our own announcements go out, another machine's come in."""
    agent = watch(ns=bridge.asker)
    own, other = bridge.link_address(bridge.asker), bridge.link_address(bridge.first)
    for _ in range(2):
        announce(bridge, bridge.asker, own, "10.9.0.9")
        announce(bridge, bridge.first, other, "10.9.0.9")
    found, = told(agent)
    assert f"{own} of this host (2 times)" in found["summary"] and f"{other} (2 times)" in found["summary"], found


def test_an_address_moves(bridge, watch):
    """keepalived moves it, and back: who had it is silent meanwhile; and one is moved between interfaces of a machine."""
    first, second = bridge.link_address(bridge.first), bridge.link_address(bridge.second)
    agent = watch("--netns", bridge.switch.path, ns=bridge.asker)
    give(bridge.first, 4)
    bridge.ask(1)
    bridge.first.ip("addr del 10.9.0.5/24 dev eth0")
    give(bridge.second, 4)
    for _ in range(5):
        announce(bridge, bridge.second, second)
    bridge.ask(2)
    bridge.second.ip("addr del 10.9.0.5/24 dev eth0")
    give(bridge.first, 4)
    for _ in range(5):
        announce(bridge, bridge.first, first)
    assert not told(agent)


def test_a_proxy_answers_for_many(bridge, watch):
    """Proxy ARP: the router answers for every address behind it, and so do those that are here."""
    bridge.second.run("ip link add d0 type bridge; ip link set d0 up; ip route add 10.9.0.0/28 dev d0; "
                      "for i in all eth0; do echo 1 > /proc/sys/net/ipv4/conf/$i/proxy_arp; done; "
                      "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv4/neigh/eth0/proxy_delay")
    give(bridge.first, 4)
    bridge.first.ip(*(f"addr add 10.9.0.{n}/24 dev eth0" for n in (6, 7)))
    agent = watch(ns=bridge.asker)
    for number, address in enumerate(("10.9.0.5", "10.9.0.6", "10.9.0.7")):
        bridge.ask(2 * number + 2, address)
    bridge.ask(7, "10.9.0.8")  # nobody but the proxy
    assert not told(agent)


def test_redundant_routers_share_a_link_address(bridge, watch):
    """VRRP: a router answers with its own link address, then with the virtual one, and so on."""
    agent = watch(ns=bridge.asker)
    own = bridge.link_address(bridge.first)
    for _ in range(3):
        announce(bridge, bridge.first, own)
        announce(bridge, bridge.first, "00:00:5e:00:01:07")
    assert not told(agent)
