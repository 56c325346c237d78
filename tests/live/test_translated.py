# SPDX-License-Identifier: GPL-2.0-or-later
"""NAT of this host: what was asked for, and what became of it."""

import pytest

from lab import free_port

SERVICE = {4: "10.96.0.10", 6: "fd00:96::10"}
ENDS = [("silent", "connect-no-answer", "ETIMEDOUT"), ("reset", "connect-refused", "ECONNREFUSED")]


def bracketed(address):
    return f"[{address}]" if ":" in address else address


def nat(ns, family, hook, priority, *rules):
    ip = "ip6" if family == 6 else "ip"
    ns.run(f"nft add table {ip} nat; nft add chain {ip} nat {hook} '{{ type nat hook {hook} priority {priority}; }}'; "
           + "; ".join(f"nft add rule {ip} nat {hook} {rule}" for rule in rules))


def dnat(family, there, port):
    return f"ip{'6' * (family == 6)} daddr {SERVICE[family]} tcp dport 80 dnat to {bracketed(there)}:{port}"


def told_of_backend(found, there, port):
    assert found["connection"]["translated"]["remote"] == {"address": there, "port": port}, found["connection"]
    assert not any(service in found["summary"] + found["cause"] for service in SERVICE.values()), found
    checks = {c["on"]: c["run"] for c in found["check"]}
    assert str(port) in checks[there] and "remote" not in checks, checks


@pytest.mark.parametrize("answer,finding,errno", ENDS)
def test_own_destination(lab, watch, family, answer, finding, errno):
    net, port = lab.internet(), free_port()
    there = net.host(family, answer)
    lab.host.run(f"ip -{family} route add {SERVICE[family]} dev lo")
    nat(lab.host, family, "output", -100, dnat(family, there, port))
    nat(lab.host, family, "postrouting", 100, "oifname inet0 masquerade")
    agent = watch()
    saw = lab.fault("-U", 1500, "connect", SERVICE[family], 80)
    assert saw["errno"] == errno and net.syns(there)
    found = agent.assert_only(finding, pid=saw["pid"], errno=errno, remote=(SERVICE[family], 80))
    if found:
        told_of_backend(found, there, port)


@pytest.mark.parametrize("answer,finding,errno", ENDS)
def test_destination_of_a_container(lab, watch, family, answer, finding, errno):
    """The host translates what it forwards: destination and source."""
    container, net, port = lab.namespace(), lab.internet(), free_port()
    lab.link(lab.host, container)
    container.run(f"ip -{family} route add default via {lab.host.address(family)}")
    lab.host.run("echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding")
    there = net.host(family, answer)
    nat(lab.host, family, "prerouting", -100, dnat(family, there, port))
    nat(lab.host, family, "postrouting", 100, "oifname inet0 masquerade")
    agent = watch()
    saw = lab.fault("-U", 1500, "connect", SERVICE[family], 80, ns=container)
    assert saw["errno"] == errno and net.syns(there)
    found = agent.assert_only(finding, pid=saw["pid"], errno=errno, remote=(SERVICE[family], 80))
    if found:
        told_of_backend(found, there, port)
        mine = lab.host.inet6 if family == 6 else lab.host.inet4
        assert found["connection"]["translated"]["local"]["address"] == mine, found["connection"]


def test_as_it_was_asked(lab, watch, family):
    """Nearest miss: connections are tracked, and this one is not translated."""
    net, port = lab.internet(), free_port()
    there = net.host(family, "reset")
    nat(lab.host, family, "output", -100, dnat(family, there, port))
    agent = watch()
    saw = lab.fault("connect", there, port)
    found = agent.assert_only("connect-refused", pid=saw["pid"], errno="ECONNREFUSED", remote=(there, port))
    if found:
        assert "translated" not in found["connection"] and there in found["summary"], found
