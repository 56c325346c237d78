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


@pytest.mark.parametrize("v4,v6,finding", [([3, 13], [1, 1], "connect-rejected"), ([3, 1], [1, 3], "connect-unreachable")],
                         ids=["admin", "host"])
def test_forwarded_and_an_error_comes_back(lab, watch, container, family, v4, v6, finding):
    """The ICMP error quotes the SYN as it was masqueraded: it is about the container's connection all the same."""
    net, port = container.internet, free_port()
    there = net.host(family, "icmp", icmp=v6 if family == 6 else v4)
    lab.host.run("nft add table inet nat; nft add chain inet nat post '{ type nat hook postrouting priority 100; }'; "
                 "nft add rule inet nat post oifname inet0 masquerade")
    agent = watch()
    saw = lab.fault("-U", 1500, "connect", there, port, ns=container)
    assert net.syns(there) and saw["errno"] != "ETIMEDOUT"
    found = agent.assert_only(finding, pid=saw["pid"], errno=saw["errno"], remote=(there, port))
    if found:
        assert found["connection"]["netns"] == container.inode


@pytest.fixture
def published(lab, family):
    """A container whose port 80 this host publishes at an address of its own: (container, address, port)."""
    inside, port = lab.namespace(), free_port()
    lab.link(lab.host, inside)
    here = "fd00:5ee::1" if family == 6 else "198.51.100.1"
    there = inside.address(family)
    inside.ip(f"route add default via {lab.host.address(family)}")
    lab.host.ip(f"addr add {here}/{128 if family == 6 else 32} dev lo")
    to = f"[{there}]:80" if family == 6 else f"{there}:80"
    lab.host.run("nft add table inet nat; nft add chain inet nat out '{ type nat hook output priority -100; }'; "
                 f"nft add rule inet nat out {'ip6' if family == 6 else 'ip'} daddr {here} tcp dport {port} dnat to {to}")
    lab.serve(there, 80, ns=inside)
    return inside, here, port


@pytest.mark.parametrize("rule", ["drop", "reject with tcp reset"], ids=["drop", "reset"])
def test_published_port_and_a_filter_inside(lab, watch, family, published, rule):
    """The container's own input chain refuses it: nothing was to be forwarded there."""
    inside, here, port = published
    inside.nft("input", f"tcp dport 80 counter {rule}")
    agent = watch()
    saw = lab.fault("-U", 1500, "connect", here, port)
    assert inside.nft_packets() and saw["errno"] == ("ETIMEDOUT" if rule == "drop" else "ECONNREFUSED")
    found = agent.assert_only("local-firewall", pid=saw["pid"], errno=saw["errno"], remote=(here, port))
    if found:
        assert inside.name in found["cause"] and "forward" not in found["cause"], found["cause"]


def test_published_port(lab, watch, published):
    """Nearest miss: the same without that rule."""
    _, here, port = published
    agent = watch()
    assert lab.fault("-d", 10, "connect", here, port)["errno"] == "0"
    agent.silent()


@pytest.mark.parametrize("mode", [1, 2])
def test_reverse_path_filter_of_a_server(lab, watch, mode):
    """The way back leads out of another interface of the server; mode 2, the nearest miss, takes any way."""
    server, other, port = lab.namespace(), lab.namespace(), free_port()
    lab.link(lab.host, server)
    there, came = server.v4, server.device
    lab.link(other, server)
    back = server.device
    client = "198.51.100.7"
    mac = server.run(f"ip -o link show {came}").split("link/ether ")[1].split()[0]
    # an ARP request with that source would not be answered either
    lab.host.ip(f"addr add {client}/32 dev lo", f"neigh replace {there} lladdr {mac} dev {came} nud permanent")
    server.ip(f"route add {client} dev {back}")
    server.sysctl("net.ipv4.conf.all.rp_filter", 0)
    server.sysctl(f"net.ipv4.conf.{came}.rp_filter", mode)
    agent = watch()
    lab.serve(there, port, ns=server)
    saw = lab.fault("-s", client, "-U", 1500, "connect", there, port)
    if mode == 2:
        assert saw["errno"] != "0"  # the answer takes the way that leads nowhere
        return
    assert saw["errno"] == "ETIMEDOUT"
    found = agent.assert_only("local-forward-dropped", pid=saw["pid"], errno="ETIMEDOUT", remote=(there, port))
    if found:
        assert f"net/ipv4/conf/{came}/rp_filter=1" in found["cause"] and f"leads out of {back}" in found["cause"], found["cause"]
        assert "ip_forward" not in found["cause"]


def test_forwarded_to_a_neighbour_that_is_not_there(lab, watch, container, family):
    """The next hop fails on the far interface of the namespace that forwards, not on the container's own."""
    near = lab.host.address(family)
    far = lab.link()
    there = far.address(family)[:-1] + "77"
    container.ip(f"route add {there}/{128 if family == 6 else 32} via {near}")
    agent = watch()
    saw = lab.fault("-U", 6000, "connect", there, free_port(), ns=container)
    assert saw["errno"] == "EHOSTUNREACH"
    found = agent.assert_only("local-neighbor-failed", pid=saw["pid"], errno="EHOSTUNREACH")
    if found:
        assert there in found["summary"] and near not in found["summary"], found["summary"]
