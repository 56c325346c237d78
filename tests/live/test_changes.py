# SPDX-License-Identifier: GPL-2.0-or-later
"""What changed on this host is told where it concerns the connection, and nowhere else."""

import pytest

from lab import free_port

pytestmark = pytest.mark.usefixtures("needs_agent")


def changed(found):
    return [(c["what"], c["text"]) for c in found.get("changed", [])]


@pytest.fixture
def refused(lab, family):
    """A port of another namespace at which nobody listens: (address, port)."""
    peer, port = lab.link(), free_port()
    return peer.address(family), port


def test_its_own_way(lab, watch, family, refused):
    there, port = refused
    v = "6" if family == 6 else ""
    mask = 128 if family == 6 else 32
    beside = "fd00:77::1/64" if family == 6 else "10.77.0.1/24"
    agent = watch()
    lab.host.run(f"ip addr add {beside} dev {lab.host.device} {'nodad' if v else ''}; ip route add {there}/{mask} dev {lab.host.device}; "
                 f"ip -{family} rule add to {there} lookup main priority 77")
    lab.host.nft("output", "counter")
    saw = lab.fault("connect", there, port)
    found = agent.assert_only("connect-refused-local", pid=saw["pid"], errno="ECONNREFUSED", remote=(there, port))
    what = changed(found)
    assert [w for w, _ in what] == ["ruleset", "route", "route", "address"], what
    assert "by nft[" in what[0][1] and f"to {there}" in what[1][1] and what[2][1].startswith(there), what
    assert what[3][1].startswith(beside), what


def test_of_others(lab, watch, family, refused):
    """Nearest miss: another link, its addresses, a route and a rule to other networks, the other family's default route."""
    there, port = refused
    other = "fd00:77:" if family == 6 else "10.77.0."
    agent = watch()
    lab.host.run(f"ip link add d1 type bridge; ip link set d1 up; ip addr add {other}{':1/64 dev d1 nodad' if family == 6 else '1/24 dev d1'}; "
                 f"ip -{family} route add {'fd00:88::/64' if family == 6 else '10.88.0.0/16'} dev d1; "
                 f"ip -{family} rule add to {'fd00:99::/64' if family == 6 else '10.99.0.0/16'} lookup main priority 77; "
                 f"ip -{10 - family} route add default dev d1")
    lab.link()
    saw = lab.fault("connect", there, port)
    found = agent.assert_only("connect-refused-local", pid=saw["pid"], errno="ECONNREFUSED", remote=(there, port))
    assert not changed(found), changed(found)


def test_where_it_was_forwarded(lab, watch, family):
    """A container's SYN: the ruleset of the namespace that forwards was replaced, and drops it."""
    container, far, port = lab.namespace(), lab.namespace(), free_port()
    lab.link(lab.host, container)
    container.run(f"ip -{family} route add default via {lab.host.address(family)}")
    lab.link(lab.host, far)
    there = far.address(family)
    far.run(f"ip -{family} route add default via {lab.host.address(family)}")
    lab.host.run("echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding")
    agent = watch()
    lab.host.nft("forward", f"tcp dport {port} counter drop")
    saw = lab.fault("-U", 1500, "connect", there, port, ns=container)
    assert saw["errno"] == "ETIMEDOUT"
    found = agent.assert_only("local-forward-dropped", pid=saw["pid"], errno="ETIMEDOUT", remote=(there, port))
    assert [(c["what"], c.get("netns")) for c in found["changed"]] == [("ruleset", lab.host.inode)], found["changed"]
