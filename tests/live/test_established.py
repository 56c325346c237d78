# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections that stand and then fail: one verdict, of the end that suffered; and what only looks like it."""

import pathlib
import signal
import socket
import subprocess
import sys

import pytest

from lab import PATIENCE_S, free_port

PEER = pathlib.Path(__file__).parents[1] / "helpers/peer.py"


def give_up_after(ms):
    return socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, ms


class Pair:
    """`there` listens in the place's namespace, `here` connects from the host's. Names: c of the client, s of the server."""

    def __init__(self, lab, place, family, **options):
        self.lab, self.place, self.address, self.port = lab, place, place.address(family), free_port()
        self.here = lab.start(PEER, exe=sys.executable)
        self.there = lab.start(PEER, exe=sys.executable, ns=place.ns)
        self.there.ask(do="listen", name="l", address=self.address, port=self.port)
        if "receive_buffer" in options:
            self.there.ask(do="option", name="l", level=socket.SOL_SOCKET, option=socket.SO_RCVBUF,
                           value=options["receive_buffer"])

    def connect(self, *options):
        port = self.here.ask(do="connect", name="c", address=self.address, port=self.port)["port"]
        assert self.there.ask(do="accept", name="l", **{"as": "s"})["port"] == port
        for level, option, value in options:
            self.here.ask(do="option", name="c", level=level, option=option, value=value)
        return port

    def up(self, size):
        self.here.ask(do="send", name="c", bytes=size)
        self.there.ask(do="receive", name="s", bytes=size)

    def down(self, size):
        self.there.ask(do="send", name="s", bytes=size)
        self.here.ask(do="receive", name="c", bytes=size)

    def request(self, *options):
        self.connect(*options)
        self.up(100)

    def exchange(self, *options):
        self.request(*options)
        self.down(100)

    def error(self):
        return self.here.ask(do="error", name="c")["errno"]

    def cut(self):
        """The far host is gone from one moment to the next: another interface has its place, for which nothing is."""
        self.place.ns.ip(f"link set {self.place.ns.device} address 02:00:00:00:00:99")

    def there_waits(self):
        """The far FIN is acknowledged: else that host sends it again, asks for our link address and tells its own so."""
        self.place.ns.run(f"until ss -tnH state fin-wait-2 sport = :{self.port} | grep -q .; do :; done")

    def only(self, agent, finding, **want):
        found = agent.assert_only(finding, **want)
        assert found["process"]["pid"] == self.here.pid
        assert found["connection"]["role"] == "client"
        assert found["connection"]["remote"] == {"address": self.address, "port": self.port}
        return found


@pytest.fixture
def pair(lab, place, family):
    return Pair(lab, place, family)


# ---- resets ----

def test_reset_instead_of_an_answer(watch, pair):
    agent = watch()
    pair.request()
    pair.there.ask(do="reset", name="s")
    assert pair.error() == "ECONNRESET"
    pair.only(agent, "conn-reset-by-peer", errno="ECONNRESET", confidence="likely")


def test_reset_after_the_answer(watch, pair):
    """Near: a browser closes an idle connection so, a balancer too."""
    agent = watch()
    pair.request()
    pair.down(5000)
    pair.there.ask(do="reset", name="s")
    assert pair.error() == "ECONNRESET"
    agent.silent()


def test_reset_without_a_word(watch, pair):
    """Near: a health check. (The server's own reset as early as that is connect-reset-in-handshake.)"""
    agent = watch()
    pair.connect()
    pair.here.ask(do="reset", name="c")
    agent.silent()


def test_reset_by_us_loses_what_was_written(lab, watch, place, family):
    pair = Pair(lab, place, family, receive_buffer=4096)
    agent = watch()
    pair.connect((socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20))
    pair.here.ask(do="send", name="c", bytes=200000)
    pair.here.ask(do="reset", name="c")
    pair.only(agent, "conn-reset-by-us", severity="warning", confidence="certain")


def test_answer_that_nobody_wants(watch, pair):
    """Near: closed with something unread, as every client does that has read enough."""
    agent = watch()
    pair.request()
    pair.there.ask(do="send", name="s", bytes=5000)
    pair.here.ask(do="receive", name="c", bytes=100)
    pair.here.ask(do="close", name="c")
    agent.silent()


# ---- closed ----

def test_broken_pipe(watch, pair):
    agent = watch()
    pair.exchange()
    pair.there.ask(do="close", name="s")
    pair.here.ask(do="send", name="c", bytes=2000)
    assert pair.error() == "EPIPE"
    pair.only(agent, "conn-broken-pipe", errno="EPIPE", severity="warning")


def test_signal_of_a_broken_pipe(watch, pair):
    """Who writes on without having asked to be spared dies of it: the shell's own write()s, small as they are."""
    agent = watch()
    script = f"exec 3<>/dev/tcp/{pair.address}/{pair.port} && read -u 3; while printf hello >&3; do :; done"
    shell = subprocess.Popen(pair.lab.host.command("bash", "-c", script), stderr=subprocess.DEVNULL)
    pair.there.ask(do="accept", name="l", **{"as": "s"})
    pair.there.ask(do="close", name="s")
    assert shell.wait(PATIENCE_S) == -signal.SIGPIPE
    found = agent.assert_only("conn-broken-pipe", comm="bash", remote=(pair.address, pair.port), errno="EPIPE",
                              severity="warning")
    assert "got EPIPE" in found["summary"] and "the signal ends it" in found["cause"], found


def test_goodbye_to_who_has_closed(watch, pair):
    """Near: a close_notify is not missed."""
    agent = watch()
    pair.exchange()
    pair.there.ask(do="close", name="s")
    pair.here.ask(do="send", name="c", bytes=31)
    assert pair.error() == "EPIPE"
    pair.here.ask(do="close", name="c")
    agent.silent()


def test_closed_early(watch, pair):
    agent = watch()
    pair.request()
    pair.there.ask(do="close", name="s")
    pair.here.ask(do="end", name="c")
    pair.here.ask(do="close", name="c")
    pair.only(agent, "conn-closed-early", confidence="likely")


def test_closed_after_the_answer(watch, pair):
    """Near, and half-closed: who says that it has no more to say gets its answer."""
    agent = watch()
    pair.request()
    pair.down(1)
    pair.there.ask(do="close", name="s")
    pair.here.ask(do="end", name="c")
    pair.here.ask(do="close", name="c")
    agent.silent()


# ---- nobody answers any more ----

@pytest.mark.parametrize("place", ["veth"], indirect=True)
def test_timed_out(watch, pair):
    agent = watch()
    pair.exchange(give_up_after(2500))
    pair.cut()
    pair.here.ask(do="send", name="c", bytes=200)
    assert pair.error() == "ETIMEDOUT"
    found = pair.only(agent, "conn-timed-out", errno="ETIMEDOUT", confidence="certain")
    assert found["summary"].startswith("200 bytes to ")
    assert [f["finding"] for f in agent.findings(state="pending")] == ["conn-timed-out"]


@pytest.mark.parametrize("place", ["veth"], indirect=True)
def test_keepalive(watch, pair):
    agent = watch()
    pair.connect((socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1),
                 (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1), (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2))
    pair.up(100)
    pair.cut()
    assert pair.error() == "ETIMEDOUT"
    pair.only(agent, "conn-keepalive-timeout", errno="ETIMEDOUT", confidence="certain")


def test_dropped_by_this_host(lab, watch, pair):
    """A rule that comes while the connection stands."""
    agent = watch()
    pair.exchange(give_up_after(3000))
    lab.host.nft("output", f"tcp dport {pair.port} drop")
    pair.here.ask(do="send", name="c", bytes=200)
    assert pair.error() == "ETIMEDOUT"
    pair.only(agent, "conn-local-drop", errno="ETIMEDOUT", confidence="certain")


# ---- a server's process ----

def test_server_is_killed(lab, watch, pair):
    """The client tells it, once, although both ends are here."""
    agent = watch()
    pair.connect()
    pair.here.ask(do="send", name="c", bytes=100)
    pair.there.kill(signal.SIGKILL)
    assert pair.error() == "ECONNRESET"
    pair.only(agent, "conn-reset-by-peer", errno="ECONNRESET")


# ---- nobody answers ----

def test_gave_up_waiting(watch, pair):
    """The request arrived, and the client's own time-out ends before the server says a word."""
    agent = watch()
    pair.connect()
    assert pair.here.ask(do="request", name="c", bytes=100, timeout=2)["result"] == "timeout"
    pair.there.ask(do="receive", name="s", bytes=100)
    pair.only(agent, "conn-app-timeout", severity="warning", confidence="likely")


def test_one_way(watch, pair):
    """Near: who writes logs never hears a word."""
    agent = watch()
    pair.connect((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1))
    for _ in range(10):
        pair.up(100)
    assert pair.here.ask(do="receive", name="c", timeout=2)["result"] == "timeout"
    pair.here.ask(do="close", name="c")
    agent.silent()


def test_ended_while_it_waited(watch, pair):
    """Near: Ctrl-C is no time-out."""
    agent = watch()
    pair.request()
    assert pair.here.ask(do="receive", name="c", timeout=2)["result"] == "timeout"
    pair.here.kill(signal.SIGTERM)
    agent.silent()


@pytest.mark.parametrize("place", ["veth"], indirect=True)
def test_dropped_by_the_other_namespace(watch, pair):
    """Its rule is this host's: nothing of it is the far side's fault."""
    agent = watch()
    pair.exchange(give_up_after(3000))
    pair.place.ns.nft("input", f"tcp dport {pair.port} drop")
    pair.here.ask(do="send", name="c", bytes=200)
    assert pair.error() == "ETIMEDOUT"
    pair.only(agent, "conn-local-drop", errno="ETIMEDOUT", confidence="certain")


@pytest.mark.parametrize("place", ["veth"], indirect=True)
def test_dropped_and_closed(lab, watch, pair):
    """The application closes, and what it had written is never sent."""
    agent = watch()
    pair.exchange()
    lab.host.nft("output", f"tcp dport {pair.port} drop")
    pair.here.ask(do="send", name="c", bytes=200)
    agent.wait_for(finding="conn-local-drop", state="pending")
    pair.here.ask(do="reset", name="c")
    pair.only(agent, "conn-local-drop", confidence="certain")


@pytest.mark.parametrize("place", ["veth"], indirect=True)
def test_last_ack(watch, pair):
    """The peer has closed and is gone before our FIN reaches it: information, for nothing is lost."""
    agent = watch("--severity", "info")
    pair.exchange(give_up_after(2500))
    pair.there.ask(do="close", name="s")
    pair.here.ask(do="end", name="c")
    pair.there_waits()
    pair.cut()
    pair.here.ask(do="close", name="c")
    found = agent.wait_for(finding="close-last-ack-stuck", state="final")
    assert found["severity"] == "info"
    agent.silent()
