# SPDX-License-Identifier: GPL-2.0-or-later
"""Calls that this host does not permit: programs of the cgroup, seccomp, Landlock, IPsec, routes, low ports."""

import errno
import socket

import pytest

from lab import DENY, FAULT, free_port

LOOPBACK = {4: "127.0.0.1", 6: "::1"}


def inside(group):
    """Starts a command in a cgroup."""
    return "sh", "-c", f'echo $$ > {group}/cgroup.procs; exec "$@"', "-"


def denying(lab, what):
    """A cgroup whose program refuses @what."""
    group = lab.cgroup()
    assert lab.start(what, group, exe=DENY).line()["op"] == "denying"
    return group


def test_connect_by_a_cgroup(lab, watch, place, family, blocking):
    port, there = free_port(), place.address(family)
    place.serve(family, port)
    group = denying(lab, f"connect{family}")
    agent = watch()
    saw = lab.fault(*blocking, "connect", there, port, wrap=inside(group))
    assert saw["errno"] == "EPERM"
    found = agent.assert_only("local-denied", pid=saw["pid"], errno="EPERM", remote=(there, port), confidence="likely")
    if found:
        assert found["cause"].startswith("the BPF program deny (id "), found["cause"]
        assert found["cause"].endswith(" refused the call")


def test_connect_of_the_other_family(lab, watch, place, family):
    """Nearest miss: the program is asked about the other family only; the port is just closed."""
    port, there = free_port(), place.address(family)
    group = denying(lab, f"connect{10 - family}")
    agent = watch()
    saw = lab.fault("connect", there, port, wrap=inside(group))
    assert saw["errno"] == "ECONNREFUSED"
    agent.silent(allow=("connect-refused", "connect-refused-local"))


def test_connect_by_seccomp(lab, watch, place, family):
    """A filter answers in the kernel's place, and nobody else can have done it."""
    port, there = free_port(), place.address(family)
    agent = watch()
    saw = lab.fault("errno", 1, "connect", FAULT, "connect", there, port, exe=DENY)
    assert saw["errno"] == "EPERM"
    found = agent.assert_only("local-denied", pid=saw["pid"], errno="EPERM", remote=(there, port))
    if found:
        assert found["cause"].startswith("a seccomp filter of the process"), found["cause"]


def test_connect_by_either(lab, watch, place, family):
    """A program of the cgroup refuses, and the process has a filter as well, which lets pass: both are named."""
    port, there = free_port(), place.address(family)
    group = denying(lab, f"connect{family}")
    agent = watch()
    saw = lab.fault("errno", 1, "fsopen", FAULT, "connect", there, port, exe=DENY, wrap=inside(group))
    assert saw["errno"] == "EPERM"
    found = agent.assert_only("local-denied", pid=saw["pid"], errno="EPERM", remote=(there, port), confidence="possible")
    if found:
        assert found["cause"].startswith("either the BPF program deny (id ") and " or a seccomp filter" in found["cause"]


def test_connect_by_landlock(lab, watch, place, family):
    """Nobody outside the process knows of its rules: who did it stays open."""
    port, there = free_port(), place.address(family)
    agent = watch()
    saw = lab.fault("landlock", FAULT, "connect", there, port, exe=DENY)
    assert saw["errno"] == "EACCES"
    found = agent.assert_only("local-denied", pid=saw["pid"], errno="EACCES", remote=(there, port), confidence="possible")
    if found:
        assert "security module" in found["cause"], found["cause"]


def test_connect_blocked_by_ipsec(lab, watch, family):
    """EPERM as well, and the process has a filter that has no part in it."""
    port, there = free_port(), lab.link().address(family)
    lab.host.run(f"ip xfrm policy add dir out src {'::/0' if family == 6 else '0.0.0.0/0'} dst {there} action block")
    agent = watch()
    saw = lab.fault("errno", 1, "fsopen", FAULT, "connect", there, port, exe=DENY)
    assert saw["errno"] == "EPERM"
    found = agent.assert_only("local-denied", pid=saw["pid"], errno="EPERM", remote=(there, port), confidence="possible")
    if found:
        assert "an IPsec policy that blocks" in found["cause"], found["cause"]


def test_filter_that_lets_pass(lab, watch, place, family):
    """Nearest miss: the process has a filter, and the port is closed."""
    port, there = free_port(), place.address(family)
    agent = watch()
    saw = lab.fault("errno", 1, "fsopen", FAULT, "connect", there, port, exe=DENY)
    assert saw["errno"] == "ECONNREFUSED"
    agent.silent(allow=("connect-refused", "connect-refused-local"))


def test_route_prohibits_a_filtered_process(lab, watch, family):
    """Nearest miss: EACCES of a route, and the process has a filter."""
    port, there = free_port(), "2001:db8:dead::1" if family == 6 else "203.0.113.7"
    lab.host.ip(f"route add prohibit {there}")
    agent = watch()
    saw = lab.fault("errno", 1, "fsopen", FAULT, "connect", there, port, exe=DENY)
    assert saw["errno"] == "EACCES"
    agent.assert_only("local-route-rejects", pid=saw["pid"], errno="EACCES", confidence="certain")


@pytest.mark.parametrize("when", ["bind", "post_bind"])
def test_bind_by_a_cgroup(lab, watch, family, when):
    """What SocketBindDeny= does."""
    group = denying(lab, f"{when}{family}")
    agent = watch()
    saw = lab.fault("bind", LOOPBACK[family], free_port(), wrap=inside(group))
    assert saw["errno"] == "EPERM"
    found = agent.assert_only("local-denied", pid=saw["pid"], errno="EPERM", confidence="likely")
    if found:
        assert found["cause"].startswith("the BPF program deny (id "), found["cause"]


def test_bind_by_seccomp(lab, watch, family):
    agent = watch()
    saw = lab.fault("errno", 1, "bind", FAULT, "bind", LOOPBACK[family], free_port(), exe=DENY)
    assert saw["errno"] == "EPERM"
    found = agent.assert_only("local-denied", pid=saw["pid"], errno="EPERM")
    if found:
        assert found["cause"].startswith("a seccomp filter of the process"), found["cause"]


def test_low_port_of_a_cgroup(lab, watch, family):
    """Nearest miss: the program is asked about connect(); the port is for privileged processes."""
    group = denying(lab, f"connect{family}")
    agent = watch()
    saw = lab.fault("-u", 65534, "bind", "::" if family == 6 else "0.0.0.0", 80, wrap=inside(group))
    assert saw["errno"] == "EACCES"
    agent.assert_only("local-port-privileged", pid=saw["pid"], errno="EACCES")


def test_both_permit(lab, watch, family):
    """Nearest miss: the cgroup's program is asked about something else."""
    group = denying(lab, f"connect{family}")
    agent = watch()
    assert lab.fault("bind", LOOPBACK[family], free_port(), wrap=inside(group))["errno"] == "0"
    agent.silent()


# ---- socket() ----

def test_socket_by_a_cgroup(lab, watch, place, family):
    port, there = free_port(), place.address(family)
    group = denying(lab, "socket")
    agent = watch()
    saw = lab.fault("connect", there, port, wrap=inside(group))
    assert (saw["op"], saw["errno"]) == ("socket", "EPERM")
    found = agent.assert_only("local-denied", pid=saw["pid"], errno="EPERM", confidence="likely")
    if found:
        assert found["cause"].startswith("the BPF program deny (id "), found["cause"]
        assert found["summary"] == f"socket() for IPv{family} failed with EPERM"


def test_socket_by_seccomp(lab, watch, family):
    agent = watch()
    saw = lab.fault("errno", errno.EPERM, f"socket{family}", FAULT, "connect", LOOPBACK[family], free_port(), exe=DENY)
    assert (saw["op"], saw["errno"]) == ("socket", "EPERM")
    found = agent.assert_only("local-denied", pid=saw["pid"], errno="EPERM")
    if found:
        assert found["cause"].startswith("a seccomp filter of the process"), found["cause"]


def test_family_by_seccomp(lab, watch, family):
    """What RestrictAddressFamilies= does."""
    agent = watch()
    saw = lab.fault("errno", errno.EAFNOSUPPORT, f"socket{family}", FAULT, "connect", LOOPBACK[family], free_port(), exe=DENY)
    assert (saw["op"], saw["errno"]) == ("socket", "EAFNOSUPPORT")
    if family == 6:
        agent.silent()  # an info: that is how programs ask whether there is IPv6
        return
    found = agent.assert_only("local-family-unsupported", pid=saw["pid"], confidence="likely")
    if found:
        assert "seccomp filter" in found["cause"]


@pytest.mark.parametrize("forbidden", [4, 6])
def test_family_that_another_replaces(lab, watch, forbidden):
    """Nearest miss: IPv6 cannot be had, IPv4 works at once. The other way round it is told."""
    port, other = free_port(), 10 - forbidden
    lab.serve(LOOPBACK[other], port)
    agent = watch()
    saw = lab.fault("errno", errno.EAFNOSUPPORT, f"socket{forbidden}", FAULT, "fallback", port, LOOPBACK[forbidden], LOOPBACK[other],
                    exe=DENY)
    assert [line["errno"] for line in saw["lines"]] == ["EAFNOSUPPORT", "0"]
    if forbidden == 6:
        agent.silent()
    else:
        agent.assert_only("local-family-unsupported", pid=saw["pid"])


@pytest.mark.parametrize("call", ["connect", "bind"])
def test_address_of_another_family(lab, watch, call):
    """A socket of IPv4, an address of IPv6."""
    agent = watch()
    saw = lab.fault("-F", int(socket.AF_INET), call, "::1", free_port())
    assert (saw["op"], saw["errno"]) == (call, "EAFNOSUPPORT")
    found = agent.assert_only("local-family-unsupported", pid=saw["pid"], errno="EAFNOSUPPORT", confidence="certain")
    if found:
        assert found["cause"] == "the socket is of IPv4, and the address of IPv6"
