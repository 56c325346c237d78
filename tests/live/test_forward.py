# SPDX-License-Identifier: GPL-2.0-or-later
"""A container's connection through this host: the agent runs in the namespace that forwards."""

import pytest

from lab import free_port


@pytest.fixture
def container(lab):
    """A namespace behind the host, which leads to the internet; sockets in there, packets seen on the host's veth."""
    net = lab.internet()
    inside = lab.namespace()
    lab.link(lab.host, inside)
    lab.host.sysctl("net.ipv4.ip_forward", 1)
    lab.host.sysctl("net.ipv6.conf.all.forwarding", 1)
    inside.ip(f"route add 198.18.0.0/15 via {lab.host.v4}", f"route add 2001:db8::/32 via {lab.host.v6}")
    inside.internet = net
    return inside


@pytest.mark.parametrize("rule,v4,v6", [
    ("drop", "ETIMEDOUT", "ETIMEDOUT"), ("reject with icmpx type admin-prohibited", "EHOSTUNREACH", "EACCES"),
    ("reject with icmpx type port-unreachable", "ECONNREFUSED", "ECONNREFUSED"),
    ("reject with tcp reset", "ECONNREFUSED", "ECONNREFUSED")], ids=["drop", "admin", "port", "reset"])
def test_dropped_by_forward_chain(lab, watch, container, family, rule, v4, v6):
    net, port = container.internet, free_port()
    there = net.host(family, "accept")
    lab.host.nft("forward", f"tcp dport {port} counter {rule}")
    agent = watch()
    saw = lab.fault("-U", 1500, "connect", there, port, ns=container)
    assert saw["errno"] == (v6 if family == 6 else v4) and lab.host.nft_packets() >= 1 and not net.syns(there)
    found = agent.assert_only("local-forward-dropped", pid=saw["pid"], errno=saw["errno"], remote=(there, port))
    if found:
        assert found["connection"]["netns"] == container.inode


@pytest.mark.parametrize("kind,v4,v6", [("blackhole", "ETIMEDOUT", "ETIMEDOUT"), ("unreachable", "EHOSTUNREACH", "ENETUNREACH"),
                                        ("prohibit", "EHOSTUNREACH", "EACCES")], ids=lambda v: v if v.islower() else None)
def test_a_route_refuses(lab, watch, container, family, kind, v4, v6):
    """In the namespace that forwards; where it only leads on, test_forwarded is the nearest miss."""
    net, port = container.internet, free_port()
    there = net.host(family, "accept")
    lab.host.ip(f"route add {kind} {there}/{128 if family == 6 else 32}")
    agent = watch()
    saw = lab.fault("-U", 1500, "connect", there, port, ns=container)
    assert saw["errno"] == (v6 if family == 6 else v4) and not net.syns(there)
    found = agent.assert_only("local-forward-dropped", pid=saw["pid"], errno=saw["errno"], remote=(there, port))
    if found:
        # IPv6 answers an unreachable route as it answers none at all
        assert ("no route" if (kind, family) == ("unreachable", 6) else kind) in found["cause"]


def test_forwarding_is_off(lab, watch, container, family):
    net, port = container.internet, free_port()
    there = net.host(family, "accept")
    lab.host.sysctl("net.ipv6.conf.all.forwarding" if family == 6 else "net.ipv4.ip_forward", 0)
    # switching it off flushes the routes that router advertisements or forwarding made; ours stay
    agent = watch()
    saw = lab.fault("-U", 1500, "connect", there, port, ns=container)
    assert saw["errno"] in ("ETIMEDOUT", "EHOSTUNREACH") and not net.syns(there)
    agent.assert_only("local-forward-dropped", pid=saw["pid"], errno=saw["errno"], remote=(there, port))


def test_seen_from_inside(lab, watch, container, family):
    """The agent runs in the container's namespace: the drop in the namespace that forwards is still this machine's."""
    net, port = container.internet, free_port()
    there = net.host(family, "accept")
    lab.host.nft("forward", f"tcp dport {port} counter drop")
    agent = watch(ns=container)
    saw = lab.fault("-U", 1500, "connect", there, port, ns=container)
    assert saw["errno"] == "ETIMEDOUT"
    agent.assert_only("local-forward-dropped", pid=saw["pid"], errno="ETIMEDOUT", remote=(there, port))


@pytest.mark.parametrize("masquerade", [False, True], ids=["routed", "masqueraded"])
@pytest.mark.parametrize("answer,finding,errno", [("silent", "connect-no-answer", "ETIMEDOUT"),
                                                  ("reset", "connect-refused", "ECONNREFUSED")])
def test_forwarded(lab, watch, container, family, masquerade, answer, finding, errno):
    """Nearest miss: forwarded as it should be; what comes of it is decided out there."""
    net, port = container.internet, free_port()
    there = net.host(family, answer)
    if masquerade:
        lab.host.run("nft add table inet nat; nft add chain inet nat post '{ type nat hook postrouting priority 100; }'; "
                     "nft add rule inet nat post oifname inet0 masquerade")
    agent = watch()
    saw = lab.fault("-U", 1500, "connect", there, port, ns=container)
    assert saw["errno"] == errno and net.syns(there)
    found = agent.assert_only(finding, pid=saw["pid"], errno=errno, remote=(there, port))
    if found:
        assert found["connection"]["netns"] == container.inode


def test_forwarded_and_answered(lab, watch, container, family):
    net, port = container.internet, free_port()
    there = net.host(family, "accept")
    agent = watch()
    assert lab.fault("-d", 10, "connect", there, port, ns=container)["errno"] == "0"
    agent.silent()
