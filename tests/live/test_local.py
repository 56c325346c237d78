# SPDX-License-Identifier: GPL-2.0-or-later
"""Attempts that this host itself cannot make: routes, neighbours, ports, addresses."""

import pytest

from lab import free_port

ROUTES = [(4, "unreachable", "EHOSTUNREACH"), (4, "prohibit", "EACCES"), (4, "blackhole", "EINVAL"),
          (6, "unreachable", "EHOSTUNREACH"), (6, "prohibit", "EACCES"), (6, "blackhole", "EINVAL")]


def elsewhere(lab, family):
    """An address no route of the lab leads to, another in every test, and the network it is in."""
    if family == 6:
        return f"2001:db8:dead:{lab.number:x}::1", f"2001:db8:dead:{lab.number:x}::/64"
    return f"203.0.113.{lab.number}", "203.0.113.0/24"


def holders(finding):
    return [r["process"]["pid"] for r in finding["related"] if r["role"] == "holder"]


# ---- routes ----

def test_no_route(lab, watch, family, blocking):
    port = free_port()
    there, _ = elsewhere(lab, family)
    lab.link()
    agent = watch()
    saw = lab.fault(*blocking, "connect", there, port)
    assert saw["errno"] == "ENETUNREACH"
    agent.assert_only("local-no-route", pid=saw["pid"], errno="ENETUNREACH", remote=(there, port),
                      confidence="certain", ended="errno")


@pytest.mark.parametrize("off", [1, 0])
def test_a_family_is_switched_off(lab, watch, off):
    """Nearest miss: on, and no address either."""
    lab.host.sysctl("net.ipv6.conf.all.disable_ipv6", off)
    agent = watch()
    saw = lab.fault("connect", "2001:db8::1", free_port())
    assert saw["errno"] in ("EADDRNOTAVAIL", "ENETUNREACH")
    finding = "local-no-route" if saw["errno"] == "ENETUNREACH" else "local-address-absent"
    found = agent.assert_only(finding, pid=saw["pid"], errno=saw["errno"])
    if found:
        assert ("net.ipv6.conf.all.disable_ipv6=1" in found["cause"]) == bool(off), found["cause"]


def test_no_route_since_the_link_is_down(lab, watch, family):
    port = free_port()
    there = lab.link().address(family)
    lab.host.ip(f"link set {lab.host.device} down")
    agent = watch()
    saw = lab.fault("connect", there, port)
    assert saw["errno"] == "ENETUNREACH"
    agent.assert_only("local-no-route", pid=saw["pid"], errno="ENETUNREACH", remote=(there, port))


def test_address_sorting_is_no_attempt(lab, watch):
    """Nearest miss: connect() of a datagram socket asks for a route; getaddrinfo() sorts addresses so."""
    lab.link()
    agent = watch()
    saw = lab.fault("sort", 20, 53, "203.0.113.7", "2001:db8:dead::1", exe=lab.healthy)
    assert saw["good"] == 40
    agent.silent()


def test_family_without_a_route_is_no_failure(lab, watch):
    """Nearest miss: IPv6 has no route, IPv4 works at once."""
    net, port = lab.internet(), free_port()
    there = net.host(4, "accept")
    agent = watch()
    saw = lab.fault("fallback", port, "2001:db8:dead::1", there)
    assert [line["errno"] for line in saw["lines"]] == ["ENETUNREACH", "0"]
    agent.silent()


@pytest.mark.parametrize("family,kind,errno", ROUTES)
def test_route_rejects(lab, watch, blocking, family, kind, errno):
    port = free_port()
    there, network = elsewhere(lab, family)
    lab.host.ip(f"route add {kind} {network}")
    agent = watch()
    saw = lab.fault(*blocking, "connect", there, port)
    assert saw["errno"] == errno
    found = agent.assert_only("local-route-rejects", pid=saw["pid"], errno=errno, remote=(there, port), confidence="certain")
    if found:
        assert kind in str(found), "the route is not quoted"


def test_route_throws(lab, watch, family):
    """A throw route in a table of its own ends the look-up there; nothing else leads on."""
    port = free_port()
    there, network = elsewhere(lab, family)
    lab.host.run(f"ip -{family} rule add pref 7 lookup 77; ip route add throw {network} table 77")
    agent = watch()
    saw = lab.fault("connect", there, port)
    assert saw["errno"] == "ENETUNREACH"
    agent.quiesce()
    found = agent.findings(state="final")
    assert [f["finding"] for f in found] in (["local-route-rejects"], ["local-no-route"])
    assert found[0]["process"]["pid"] == saw["pid"]


# ---- neighbours ----

@pytest.mark.parametrize("what", ["host", "gateway"])
@pytest.mark.parametrize("where", ["veth", "tap"])
def test_neighbor_failed(lab, watch, family, blocking, where, what):
    port = free_port()
    if where == "veth":
        lab.link()
        device, network = lab.host.device, lab.host.address(family)
    else:
        lab.internet()
        device, network = "inet0", lab.host.inet6 if family == 6 else lab.host.inet4
    silent = network[:-1] + "99"
    lab.host.sysctl(f"net.ipv{family}.neigh.{device}.retrans_time_ms", 200)
    if what == "host":
        there = silent
    else:
        there, net = elsewhere(lab, family)
        lab.host.ip(f"route add {net} via {silent} dev {device}")
    agent = watch()
    saw = lab.fault(*blocking, "connect", there, port)
    assert saw["errno"] == "EHOSTUNREACH"
    found = agent.assert_only("local-neighbor-failed", pid=saw["pid"], errno="EHOSTUNREACH", remote=(there, port),
                              local_port=saw["local"][1])
    if found:
        said = found["summary"] + found["cause"] + str(found["path"])
        assert silent in said and device in said, "next hop and interface are not named"


def test_neighbor_answers_but_not_the_host(lab, watch, family):
    """Nearest miss: the gateway's link address is known, the SYN leaves, nothing comes back."""
    net, port = lab.internet(), free_port()
    there = net.host(family)
    agent = watch()
    saw = lab.fault("-U", 1500, "connect", there, port)
    assert saw["errno"] == "ETIMEDOUT"
    agent.assert_only("connect-no-answer", pid=saw["pid"], remote=(there, port))


# ---- ports ----

def test_ports_exhausted(lab, watch, place, family, blocking):
    port, there = free_port(), place.address(family)
    place.serve(family, port)
    lab.host.sysctl("net.ipv4.ip_local_port_range", "40000\t40003")
    agent = watch()
    saw = lab.fault(*blocking, "-n", 9, "exhaust", there, port)
    assert saw["errno"] == "EADDRNOTAVAIL" and saw["held"] == 4
    found = agent.assert_only("local-ports-exhausted", pid=saw["pid"], errno="EADDRNOTAVAIL", remote=(there, port),
                              confidence="certain")
    if found:
        assert "40000" in str(found) and "40003" in str(found), "the range is not quoted"


def test_ports_exhausted_at_bind(lab, watch, family):
    """EADDRINUSE of a bind to port 0, the source address chosen."""
    lab.host.sysctl("net.ipv4.ip_local_port_range", "40000\t40003")
    agent = watch()
    saw = lab.fault("-n", 9, "-m", "bind", "exhaust", "::1" if family == 6 else "127.0.0.1", 0)
    assert saw["errno"] == "EADDRINUSE" and saw["held"] == 4
    agent.assert_only("local-ports-exhausted", pid=saw["pid"], errno="EADDRINUSE", confidence="certain")


def test_ports_enough(lab, watch, place, family):
    """Nearest miss: the last port of the range is still free."""
    port, there = free_port(), place.address(family)
    place.serve(family, port)
    lab.host.sysctl("net.ipv4.ip_local_port_range", "40000\t40003")
    agent = watch()
    saw = lab.fault("-n", 4, "exhaust", there, port)
    assert saw["errno"] == "0" and saw["held"] == 4
    # the marker's connection needs a port of its own
    lab.host.sysctl("net.ipv4.ip_local_port_range", "32768\t60999")
    agent.silent()


def test_tuple_in_use(lab, watch, place, family, blocking):
    port, mine, there = free_port(), free_port(), place.address(family)
    place.serve(family, port)
    first = lab.start("-R", "-k", "-p", mine, "connect", there, port)
    assert first.line()["errno"] == "0"
    agent = watch()
    saw = lab.fault(*blocking, "-R", "-p", mine, "connect", there, port)
    assert saw["errno"] == "EADDRNOTAVAIL"
    found = agent.assert_only("local-tuple-in-use", pid=saw["pid"], errno="EADDRNOTAVAIL", remote=(there, port),
                              confidence="certain")
    if found:
        assert found["connection"]["local"]["port"] == mine
        assert holders(found) == [first.pid]


def test_tuple_not_in_use(lab, watch, place, family):
    """Nearest miss: the same source port to another port works."""
    port, other, mine, there = free_port(), free_port(), free_port(), place.address(family)
    place.serve(family, port)
    place.serve(family, other)
    first = lab.start("-R", "-k", "-p", mine, "connect", there, port)
    assert first.line()["errno"] == "0"
    agent = watch()
    assert lab.fault("-R", "-p", mine, "connect", there, other)["errno"] == "0"
    agent.silent()


# ---- bind and listen ----

def test_port_in_use(lab, watch, family):
    port = free_port()
    here = "::1" if family == 6 else "127.0.0.1"
    holder = lab.serve(here, port)
    agent = watch()
    saw = lab.fault("bind", here, port)
    assert saw["errno"] == "EADDRINUSE"
    found = agent.assert_only("local-port-in-use", pid=saw["pid"], errno="EADDRINUSE", confidence="certain")
    if found:
        assert holders(found) == [holder.pid]
        assert found["connection"]["local"] == {"address": here, "port": port}


def test_port_in_use_by_both_families(lab, watch):
    """[::]:port without IPV6_V6ONLY takes 0.0.0.0:port too."""
    port = free_port()
    holder = lab.serve("::", port)
    agent = watch()
    saw = lab.fault("bind", "0.0.0.0", port)
    assert saw["errno"] == "EADDRINUSE"
    found = agent.assert_only("local-port-in-use", pid=saw["pid"], errno="EADDRINUSE")
    if found:
        assert holders(found) == [holder.pid]


def test_port_in_use_at_listen(lab, watch, family):
    """Both may bind with SO_REUSEADDR; the second to listen may not."""
    port = free_port()
    here = "::1" if family == 6 else "127.0.0.1"
    late = lab.start("-R", "-m", "late", "-b", 1, "bind", here, port)
    assert late.line()["errno"] == "0"
    holder = lab.serve(here, port, "keep", "-R")
    agent = watch()
    assert [(line["op"], line["errno"]) for line in late.release()] == [("listen", "EADDRINUSE")]
    found = agent.assert_only("local-port-in-use", pid=late.pid, errno="EADDRINUSE")
    if found:
        assert holders(found) == [holder.pid]


def test_port_in_use_by_time_wait(lab, watch, family):
    port = free_port()
    here = "::1" if family == 6 else "127.0.0.1"
    server = lab.serve(here, port, "close", "-R")
    assert lab.fault("-g", "connect", here, port)["errno"] == "0"
    server.release()
    agent = watch()
    saw = lab.fault("bind", here, port)
    assert saw["errno"] == "EADDRINUSE"
    found = agent.assert_only("local-port-in-use", pid=saw["pid"], errno="EADDRINUSE")
    if found:
        assert "TIME_WAIT" in str(found) and "SO_REUSEADDR" in str(found)
    assert lab.fault("-R", "-b", 1, "bind", here, port)["errno"] == "0"


@pytest.mark.parametrize("reuse", [(), ("-R",)], ids=["plain", "reuseaddr"])
def test_port_in_use_by_an_outgoing_connection(lab, watch, place, family, reuse):
    """The port lies in the ephemeral range, and the kernel gave it to a client: SO_REUSEADDR does not help."""
    port, there = free_port(), place.address(family)
    place.serve(family, port)
    lab.host.sysctl("net.ipv4.ip_local_port_range", "40000\t40100")
    first = lab.start("-k", "connect", there, port)
    mine = first.line()["local"]
    agent = watch()
    saw = lab.fault(*reuse, "bind", *mine)
    assert saw["errno"] == "EADDRINUSE"
    found = agent.assert_only("local-port-in-use", pid=saw["pid"], errno="EADDRINUSE", confidence="certain")
    if found:
        assert holders(found) == [first.pid]
        assert f"[{there}]:{port}" in found["cause"] or f"{there}:{port}" in found["cause"]
        assert "it is an outgoing connection, whose port the kernel chose from net.ipv4.ip_local_port_range=40000 40100" in found["cause"]
        assert "SO_REUSEADDR, set before bind(), would do" not in found["cause"]


def test_port_in_use_by_an_accepted_connection(lab, watch, family):
    """Nearest miss: the port lies in the range as well, and a listener that is gone took that connection."""
    here = "::1" if family == 6 else "127.0.0.1"
    lab.host.sysctl("net.ipv4.ip_local_port_range", "40000\t40100")
    server = lab.serve(here, 40101, "keep", "-R")
    first = lab.start("-k", "connect", here, 40101)
    assert first.line()["errno"] == "0"
    lab.host.sysctl("net.ipv4.ip_local_port_range", "40000\t40102")
    agent = watch()
    saw = lab.fault("bind", here, 40101)
    assert saw["errno"] == "EADDRINUSE"
    found = agent.assert_only("local-port-in-use", pid=saw["pid"], errno="EADDRINUSE")
    if found:
        assert "outgoing" not in found["cause"] and holders(found) == [server.pid]


def test_port_shared(lab, watch, family):
    """Nearest miss: SO_REUSEPORT on both sides."""
    port = free_port()
    here = "::1" if family == 6 else "127.0.0.1"
    lab.serve(here, port, "keep", "-P")
    agent = watch()
    assert lab.fault("-P", "-b", 1, "bind", here, port)["errno"] == "0"
    agent.silent()


def test_port_in_use_then_another(lab, watch, family):
    """Nearest miss: the process takes the next port at once, as many do; worth an info at most."""
    port = free_port()
    here = "::1" if family == 6 else "127.0.0.1"
    lab.serve(here, port)
    agent = watch()
    saw = lab.fault("-b", 1, "-f", free_port(), "bind", here, port)
    assert [line["errno"] for line in saw["lines"]] == ["EADDRINUSE", "0"]
    agent.silent()


def test_address_absent_at_bind(lab, watch, family):
    port = free_port()
    absent, _ = elsewhere(lab, family)
    agent = watch()
    saw = lab.fault("bind", absent, port)
    assert saw["errno"] == "EADDRNOTAVAIL"
    found = agent.assert_only("local-address-absent", pid=saw["pid"], errno="EADDRNOTAVAIL", confidence="certain")
    if found:
        assert absent in found["summary"]


def test_address_absent_before_connect(lab, watch, place, family):
    port = free_port()
    absent, _ = elsewhere(lab, family)
    agent = watch()
    saw = lab.fault("-s", absent, "connect", place.address(family), port)
    assert saw["op"] == "bind" and saw["errno"] == "EADDRNOTAVAIL"
    agent.assert_only("local-address-absent", pid=saw["pid"], errno="EADDRNOTAVAIL")


def test_address_still_tentative(lab, watch):
    """Duplicate address detection is under way: the address is there and cannot be used yet."""
    port = free_port()
    lab.link()
    device, address = lab.host.device, f"fd00:{lab.number:x}:77::1"
    lab.host.sysctl(f"net.ipv6.conf.{device}.accept_dad", 1)
    lab.host.sysctl(f"net.ipv6.conf.{device}.dad_transmits", 60)
    agent = watch()
    lab.host.ip(f"addr add {address}/64 dev {device}")
    saw = lab.fault("bind", address, port)
    assert saw["errno"] == "EADDRNOTAVAIL"
    found = agent.assert_only("local-address-absent", pid=saw["pid"], errno="EADDRNOTAVAIL")
    if found:
        assert "tentative" in str(found)


def test_no_ipv6_then_ipv4(lab, watch):
    """Nearest miss: ::1 is not there, the process binds 127.0.0.1 instead."""
    lab.host.sysctl("net.ipv6.conf.lo.disable_ipv6", 1)
    agent = watch()
    saw = lab.fault("fallbind", free_port(), "::1", "127.0.0.1")
    assert [line["errno"] for line in saw["lines"]] == ["EADDRNOTAVAIL", "0"]
    agent.silent()


def test_port_privileged(lab, watch, family):
    agent = watch()
    saw = lab.fault("-u", 65534, "bind", "::" if family == 6 else "0.0.0.0", 80)
    assert saw["errno"] == "EACCES"
    found = agent.assert_only("local-port-privileged", pid=saw["pid"], errno="EACCES", confidence="certain")
    if found:
        assert "ip_unprivileged_port_start" in str(found) and found["process"]["uid"] == 65534


def test_port_not_privileged(lab, watch, family):
    """Nearest miss: the namespace allows it."""
    lab.host.sysctl("net.ipv4.ip_unprivileged_port_start", 80)
    agent = watch()
    assert lab.fault("-u", 65534, "bind", "::" if family == 6 else "0.0.0.0", 80)["errno"] == "0"
    agent.silent()


def test_bind_failed(lab, watch, family):
    """Bound twice: EINVAL, no cause of this catalogue."""
    agent = watch()
    saw = lab.fault("-T", "bind", "::1" if family == 6 else "127.0.0.1", free_port())
    assert saw["errno"] == "EINVAL"
    agent.assert_only("bind-failed", pid=saw["pid"], errno="EINVAL", confidence="possible")
