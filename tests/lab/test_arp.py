# SPDX-License-Identifier: GPL-2.0-or-later
"""Who claims an address: two namespaces that have the same one, captured by tcpdump."""

import pytest

from bridge import Bridge
from program import findings


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
