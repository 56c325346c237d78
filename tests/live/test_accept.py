# SPDX-License-Identifier: GPL-2.0-or-later
"""Listeners that do not keep up: the accept queue is full."""

import pytest

from harness import describe
from lab import free_port


def full_listener(place, family, port, backlog):
    """A listener that never accepts, its queue filled to the last place: backlog + 1 clients are in."""
    server = place.serve(family, port, "never", "-b", backlog)
    clients = place.lab.start("-k", "-n", backlog + 1, "-t", 2000, "fill", place.address(family), port)
    assert clients.line()["in"] == backlog + 1
    return server, clients


def named(finding, server, client):
    """Client and listener are both named, one as the process, the other in related."""
    pids = {finding["process"]["pid"]} | {r["process"]["pid"] for r in finding.get("related", ()) if "process" in r}
    assert {server, client} <= pids


@pytest.mark.parametrize("backlog", [0, 1, 5])
def test_full(lab, watch, place, family, backlog):
    port, there = free_port(), place.address(family)
    server, _ = full_listener(place, family, port, backlog)
    agent = watch()
    saw = lab.fault("-U", 1500, "connect", there, port)
    assert saw["errno"] == "ETIMEDOUT"
    found = agent.assert_only("accept-queue-full", errno="ETIMEDOUT", confidence="certain")
    if found:
        named(found, server.pid, saw["pid"])


def test_full_client_gives_up(lab, watch, place, family):
    port, there = free_port(), place.address(family)
    server, _ = full_listener(place, family, port, 1)
    agent = watch()
    saw = lab.fault("-N", "-t", 1400, "connect", there, port)
    assert saw["gave_up"]
    found = agent.assert_only("accept-queue-full")
    if found:
        named(found, server.pid, saw["pid"])


def test_full_before_the_port_is_known(lab, watch, family):
    """The agent is in the listener's namespace; the client's one SYN comes by before its socket says what port it has."""
    server_ns, port = lab.link(), free_port()
    there = server_ns.address(family)
    server = lab.serve(there, port, "never", "-b", 1, ns=server_ns)
    assert lab.fault("-k", "-n", 2, "-t", 2000, "fill", there, port)["in"] == 2
    agent = watch(ns=server_ns)
    saw = lab.fault("-N", "-t", 700, "connect", there, port)
    assert saw["gave_up"]
    found = agent.assert_only("accept-queue-full", pid=saw["pid"])
    if found:
        named(found, server.pid, saw["pid"])


def test_full_seen_while_it_fills(lab, watch, place, family):
    """The agent sees the listener from its beginning."""
    port, there = free_port(), place.address(family)
    agent = watch()
    server = place.serve(family, port, "never", "-b", 1)
    saw = lab.fault("-n", 9, "-t", 1400, "fill", there, port)
    assert saw["in"] == 2 and saw["gave_up"]
    found = agent.assert_only("accept-queue-full")
    if found:
        named(found, server.pid, saw["pid"])


def test_full_for_a_client_elsewhere(lab, watch, family):
    """The client is another machine: only the listener's side is here."""
    net, port = lab.internet(), free_port()
    here = lab.host.inet6 if family == 6 else lab.host.inet4
    server = lab.serve(here, port, "never", "-b", 0)
    assert lab.fault("-k", "-n", 1, "-t", 2000, "fill", here, port)["in"] == 1
    client = net.host(family)
    agent = watch()
    net.open(client, 45000, here, port, syns=2)
    found = agent.assert_only("accept-queue-full", pid=server.pid) if hasattr(agent, "pid") else None
    assert net.heard(client, 45000) == [], "the SYNs were to get no answer"
    if found:
        assert client in str(found), "who suffered is not named"


def test_queue_with_room(lab, watch, place, family):
    """Nearest miss: one place left, and taken."""
    port, there = free_port(), place.address(family)
    place.serve(family, port, "never", "-b", 1)
    agent = watch()
    saw = lab.fault("-n", 2, "-t", 2000, "fill", there, port)
    assert saw["in"] == 2 and not saw["gave_up"]
    agent.silent(allow=("accept-slow", "accept-listener-closed"))


def test_full_but_dropped_before(lab, watch, place, family):
    """Nearest miss: the queue is full, but it is a firewall that drops the SYN before it gets there."""
    port, there = free_port(), place.address(family)
    full_listener(place, family, port, 1)
    place.ns.nft("input", f"tcp dport {port} tcp flags syn counter drop")
    agent = watch()
    saw = lab.fault("-U", 1500, "connect", there, port)
    assert saw["errno"] == "ETIMEDOUT" and place.ns.nft_packets() >= 2
    agent.assert_only("local-firewall", pid=saw["pid"], errno="ETIMEDOUT", remote=(there, port))


def leaking(lab, place, family, port, limit, backlog):
    """A server that never closes a connection, and may have `limit` descriptors."""
    server = lab.start("-m", "leak", "-b", backlog, "serve", place.address(family), port, ns=place.ns,
                       wrap=("prlimit", f"--nofile={limit}:{limit}"))
    server.line()
    return server


def test_out_of_descriptors(lab, watch, place, family):
    """accept() fails with EMFILE: who leaks is told, and the client that met the full queue names it."""
    port, there = free_port(), place.address(family)
    agent = watch()
    server = leaking(lab, place, family, port, 8, backlog=4)
    assert lab.fault("-n", 5, "-t", 2000, "fill", there, port)["in"] == 5
    if hasattr(agent, "pid"):
        agent.wait_for(finding="local-fd-limit")  # four were accepted, and the fifth waits
    saw = lab.fault("-n", 9, "-t", 1400, "fill", there, port)
    assert saw["gave_up"] and saw["in"] < 9
    if not hasattr(agent, "pid"):
        return
    own = agent.wait_for(finding="accept-queue-full", state="final")
    named(own, server.pid, saw["pid"])
    assert "EMFILE" in own["cause"] and "8 of at most 8 files" in own["cause"] and "CLOSE_WAIT" in own["cause"]
    agent.quiesce()
    finals = agent.loud_finals()
    assert {f["finding"] for f in finals} == {"accept-queue-full", "local-fd-limit"}, describe(finals)
    limit = next(f for f in finals if f["finding"] == "local-fd-limit")
    assert limit["process"]["pid"] == server.pid and limit["confidence"] == "certain" and limit["errno"] == "EMFILE"
    assert "8 of at most 8 files" in limit["cause"] and "4 of them" in limit["cause"]


def test_descriptors_just_enough(lab, watch, place, family):
    """Nearest miss: the last descriptor is taken, and nobody asks for another one."""
    port, there = free_port(), place.address(family)
    agent = watch()
    leaking(lab, place, family, port, 8, backlog=8)
    assert lab.fault("-n", 4, "-t", 2000, "fill", there, port)["in"] == 4
    agent.silent()


def test_socket_without_a_descriptor(lab, watch):
    agent = watch()
    lab.host.run("prlimit --nofile=16:16 python3 -c '\nimport socket\nheld = []\ntry:\n  while 1: held.append(socket.socket())\n"
                 "except OSError as e: assert e.errno == 24'")
    found = agent.assert_only("local-fd-limit", errno="EMFILE", confidence="certain") if hasattr(agent, "pid") else None
    if found:
        assert found["process"]["comm"] == "python3"


def test_full_at_the_last_ack(lab, watch, place, family):
    """Both clients are connected by their own account; the queue has room for one when their first data comes."""
    port, there = free_port(), place.address(family)
    agent = watch()
    server = place.serve(family, port, "never", "-b", 0, "-a")
    clients = lab.start("-k", "-n", 2, "-d", 4, "-t", 2000, "fill", there, port)
    assert clients.line()["in"] == 2
    found = agent.wait_for(finding="accept-queue-full", state="final") if hasattr(agent, "pid") else None
    if found:
        named(found, server.pid, server.pid)
        assert {f["finding"] for f in agent.loud_finals()} == {"accept-queue-full"}
    assert place.ns.run("nstat -az TcpExtListenOverflows").split()[-2] != "0"
