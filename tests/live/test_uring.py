# SPDX-License-Identifier: GPL-2.0-or-later
"""Socket calls as requests of io_uring: no system call is made for them."""

import signal

import pytest

from lab import URING, free_port

LO = {4: "127.0.0.1", 6: "::1"}
NOWHERE = {4: "203.0.113.9", 6: "2001:db8:dead::1"}
HOWS = [(), ("-S",), ("-A",)]  # by the application itself, by a thread of the kernel, by a worker of it


@pytest.fixture(params=HOWS, ids=["self", "thread", "worker"])
def how(request):
    return request.param


def uring(lab, *args, **kwargs):
    return lab.fault(*args, exe=URING, **kwargs)


def test_connect_without_a_route(lab, watch, family, how):
    port, there = free_port(), NOWHERE[family]
    lab.link()
    agent = watch()
    saw = uring(lab, *how, "connect", there, port)
    assert saw["errno"] == "ENETUNREACH"
    agent.assert_only("local-no-route", pid=saw["pid"], comm=None, errno="ENETUNREACH", remote=(there, port),
                      confidence="certain", ended="errno")


def test_connect_denied_by_a_route(lab, watch, family):
    port, there = free_port(), NOWHERE[family]
    lab.host.ip(f"route add prohibit {there}")
    agent = watch()
    saw = uring(lab, "connect", there, port)
    assert saw["errno"] == "EACCES"
    agent.assert_only("local-route-rejects", pid=saw["pid"], comm=None, errno="EACCES", remote=(there, port))


def test_connect_without_a_port(lab, watch, family):
    port, mine, there = free_port(), free_port(), LO[family]
    lab.serve(there, port)
    first = lab.start("-R", "-k", "-p", mine, "connect", there, port)
    assert first.line()["errno"] == "0"
    agent = watch()
    saw = uring(lab, "-p", mine, "connect", there, port)
    assert saw["errno"] == "EADDRNOTAVAIL"
    agent.assert_only("local-tuple-in-use", pid=saw["pid"], comm=None, errno="EADDRNOTAVAIL", remote=(there, port))


def test_connect_refused_is_told_once(lab, watch, family):
    """The state tells it, and the request does not tell it again."""
    port, there = free_port(), LO[family]
    agent = watch()
    saw = uring(lab, "connect", there, port)
    assert saw["errno"] == "ECONNREFUSED"
    agent.assert_only("connect-refused-local", pid=saw["pid"], comm=None, errno="ECONNREFUSED", remote=(there, port))


def test_connect_given_up(lab, watch, family):
    """No answer: pending, and canceled with its ring."""
    port, there = free_port(), lab.internet().host(family)
    agent = watch()
    saw = uring(lab, "-t", 1400, "connect", there, port)
    assert saw["gave_up"]
    agent.assert_only("connect-no-answer", pid=saw["pid"], comm=None, remote=(there, port), ended="canceled")


def test_connect_that_works(lab, watch, family):
    """Nearest miss: done at once, by a thread, by a worker."""
    port = free_port()
    lab.serve(LO[family], port)
    agent = watch()
    for how in HOWS:
        assert uring(lab, *how, "connect", LO[family], port)["errno"] == "0"
    agent.silent()


def test_bind_in_use(lab, watch, family):
    port, here = free_port(), LO[family]
    holder = lab.serve(here, port)
    agent = watch()
    saw = uring(lab, "bind", here, port)
    if saw["errno"] == "EINVAL":
        pytest.skip("io_uring has no bind() (6.11)")
    assert saw["errno"] == "EADDRINUSE"
    found = agent.assert_only("local-port-in-use", pid=saw["pid"], comm=None, errno="EADDRINUSE")
    if found:
        assert found["connection"]["local"] == {"address": here, "port": port}
        assert [r["process"]["pid"] for r in found["related"] if r["role"] == "holder"] == [holder.pid]


def test_accept_without_a_descriptor(lab, watch, family):
    port, there = free_port(), LO[family]
    agent = watch()
    server = lab.start("accept", there, port, exe=URING, wrap=("prlimit", "--nofile=6:6"))
    server.line()
    clients = lab.start("-k", "-n", 1, "-t", 2000, "fill", there, port)
    assert clients.line()["in"] == 1
    assert server.line()["errno"] == "EMFILE"
    agent.assert_only("local-fd-limit", pid=server.pid, comm=None, errno="EMFILE", confidence="certain")


def test_accept_with_a_descriptor_left(lab, watch, family):
    """Nearest miss: the last descriptor is taken; nobody asks for another one before its ring goes."""
    port, there = free_port(), LO[family]
    agent = watch()
    server = lab.start("accept", there, port, exe=URING, wrap=("prlimit", "--nofile=7:7"))
    server.line()
    assert lab.fault("-n", 1, "-t", 2000, "fill", there, port)["in"] == 1
    agent.silent()
    server.kill(signal.SIGKILL)
