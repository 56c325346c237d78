# SPDX-License-Identifier: GPL-2.0-or-later
"""Who claims an address: two namespaces that have the same one, captured by tcpdump."""

import json
import struct

import pytest

from capture import Capture
from lab import PATIENCE_S, sh
from program import findings


class Bridge:
    """Three namespaces at one bridge; the third asks, and is captured."""

    def __init__(self, lab):
        self.lab = lab
        self.switch = self.lab.host
        self.switch.ip("link add br0 type bridge", "link set br0 up")
        self.first, self.second, self.asker = (self.plug(n) for n in range(3))
        self.asker.ip("addr add 10.9.0.9/24 dev eth0")
        self.capture = Capture(self.lab, self.asker, "arp")

    def plug(self, n):
        ns = self.lab.namespace()
        sh("ip", "link", "add", "eth0", "netns", ns.name, "type", "veth", "peer", "name", f"p{n}", "netns", self.switch.name)
        self.switch.ip(f"link set p{n} master br0", f"link set p{n} up")
        ns.ip("link set eth0 up")
        ns.device = "eth0"
        return ns

    def send(self, text, to="10.9.0.5"):
        self.asker.run(f"echo {text} | timeout {PATIENCE_S} bash -c 'cat > /dev/udp/{to}/9'")

    def ask(self, answers):
        """Asks once; until so many answers were captured in all."""
        self.asker.run("ip neigh flush dev eth0")
        self.send("ask")
        reply = struct.pack(">HHHBBH", 0x0806, 1, 0x0800, 6, 4, 2)
        with self.capture.changed:
            assert self.capture.changed.wait_for(lambda: self.capture.data.count(reply) >= answers, PATIENCE_S)

    def link_address(self, ns):
        return json.loads(ns.run("ip -j link show dev eth0"))[0]["address"]


@pytest.fixture
def bridge(lab):
    return Bridge(lab)


def test_two_namespaces_have_one_address(bridge, schema):
    for ns in (bridge.first, bridge.second):
        ns.ip("addr add 10.9.0.5/24 dev eth0")
    bridge.ask(2)
    told, = [f for f in findings(schema, bridge.capture.stop("mark", lambda: bridge.send("mark"))) if f["finding"].startswith("host-")]
    assert told["finding"] == "host-duplicate-address" and told["connection"]["local"]["address"] == "10.9.0.5"
    assert all(bridge.link_address(ns) in told["summary"] for ns in (bridge.first, bridge.second)), told


def test_an_address_moves(bridge, schema):
    bridge.first.ip("addr add 10.9.0.5/24 dev eth0")
    bridge.ask(1)
    bridge.first.ip("addr del 10.9.0.5/24 dev eth0")
    bridge.second.ip("addr add 10.9.0.5/24 dev eth0")
    bridge.second.run("echo 1 > /proc/sys/net/ipv4/conf/eth0/arp_notify; ip link set eth0 down; ip link set eth0 up")
    bridge.ask(2)
    told = findings(schema, bridge.capture.stop("mark", lambda: bridge.send("mark")))
    assert not [f for f in told if f["finding"].startswith("host-")], told
