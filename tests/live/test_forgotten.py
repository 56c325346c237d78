# SPDX-License-Identifier: GPL-2.0-or-later
"""A far host, or what is on the way to it, forgets a connection, loses its large segments, resets in its name, or gives up."""

import pathlib
import re
import socket
import sys
import time

import pytest

from lab import free_port

PEER = pathlib.Path(__file__).parents[1] / "helpers/peer.py"
LONG_IDLE_S = 1
IDLE = ("--set", f"long-idle={LONG_IDLE_S}")
GIVE_UP = (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 2500)


class Far:
    """A machine out there that takes connections and acknowledges what it gets; a process here that has one to it."""

    def __init__(self, lab, family):
        self.net, self.port = lab.internet(), free_port()
        self.address = self.net.host(family, "accept")
        self.here = lab.start(PEER, exe=sys.executable)

    def connect(self, *options):
        self.here.ask(do="connect", name="c", address=self.address, port=self.port)
        for level, option, value in options:
            self.here.ask(do="option", name="c", level=level, option=option, value=value)
        # what it hears of later is another machine
        self.here.ask(do="assure", name="c", bytes=100)

    def becomes(self, syn="accept", **behaviour):
        self.net.set(self.address, syn=syn, **behaviour)

    def send(self, size):
        self.here.ask(do="send", name="c", bytes=size)

    def error(self):
        return self.here.ask(do="error", name="c")["errno"]

    def only(self, agent, finding, **want):
        found = agent.assert_only(finding, comm=None, **want)
        assert found["process"]["pid"] == self.here.pid
        assert found["connection"]["remote"] == {"address": self.address, "port": self.port}
        return found


@pytest.fixture
def far(lab, family):
    return Far(lab, family)


def idle():
    """Being idle is what it is about."""
    time.sleep(LONG_IDLE_S + 0.5)


# ---- forgotten while it was idle ----

def test_forgotten_and_reset(watch, far):
    agent = watch(*IDLE)
    far.connect()
    idle()
    far.becomes("accept-reset")
    far.send(200)
    assert far.error() == "ECONNRESET"
    found = far.only(agent, "conn-idle-dropped", errno="ECONNRESET", confidence="possible")
    assert "and was reset" in found["summary"] and re.search("after a silence of (1.5|at least 1.[23])", found["summary"]), found


def test_reset_while_it_is_used(watch, far):
    """Near: it was not idle."""
    agent = watch(*IDLE)
    far.connect()
    far.becomes("accept-reset")
    far.send(200)
    assert far.error() == "ECONNRESET"
    far.only(agent, "conn-reset-by-peer", errno="ECONNRESET", confidence="likely")


def test_forgotten_in_silence(watch, far):
    agent = watch(*IDLE)
    far.connect(GIVE_UP)
    idle()
    far.becomes("silent")
    far.send(200)
    assert far.error() == "ETIMEDOUT"
    found = far.only(agent, "conn-idle-dropped", errno="ETIMEDOUT", confidence="possible")
    assert "heard nothing" in found["summary"], found


# ---- large segments ----

def test_large_segments_are_lost(watch, far):
    agent = watch()
    far.connect(GIVE_UP)
    far.becomes(most=1000)
    far.send(3 * 1400)  # the far end keeps no state: what it acknowledged is acknowledged with all before it
    assert far.error() == "ETIMEDOUT"
    found = far.only(agent, "conn-mtu-blackhole", errno="ETIMEDOUT", confidence="possible")
    assert found["summary"].startswith("a segment of 1400 bytes"), found


def test_small_segments_are_lost(watch, far):
    """Near: those that pass everywhere are lost, too: nobody is there any more, idle or not."""
    agent = watch(*IDLE)
    far.connect(GIVE_UP)
    far.becomes("silent")
    far.send(500)
    assert far.error() == "ETIMEDOUT"
    far.only(agent, "conn-timed-out", errno="ETIMEDOUT", confidence="certain")


# ---- resets in its name ----

@pytest.mark.parametrize("ttl", [60, 57], ids=["another", "its-own"])
def test_hop_limit_of_a_reset(watch, far, ttl):
    """What has another hop limit than the SYN/ACK may be of another's making; nearest miss: the peer's own."""
    agent = watch()
    far.connect()
    far.becomes(data="reset", ttl=ttl)
    far.send(200)
    assert far.error() == "ECONNRESET"
    found = far.only(agent, "conn-reset-by-peer", errno="ECONNRESET", confidence="likely")
    assert ("the reset's hop limit is 60, that of the SYN/ACK was 57" in found["cause"]) == (ttl == 60), found


# ---- its FIN is never acknowledged ----

def test_fin_wait(watch, far):
    """This side has closed, and the other one is gone: information, for nothing is lost."""
    agent = watch("--severity", "info")
    far.connect(GIVE_UP)
    far.becomes("silent")
    far.here.ask(do="close", name="c")
    found = agent.wait_for(finding="close-fin-wait-stuck", state="final")
    assert found["severity"] == "info" and found["process"]["pid"] == far.here.pid
    agent.silent()


# ---- a client there gives up ----

class Visitor:
    """A machine out there that asks a server here, and leaves."""

    def __init__(self, lab, family):
        self.net, self.port = lab.internet(), free_port()
        self.here = lab.start(PEER, exe=sys.executable)
        self.address, self.there = lab.host.inet6 if family == 6 else lab.host.inet4, self.net.host(family)
        self.here.ask(do="listen", name="l", address=self.address, port=self.port)

    def visits(self, leave, after):
        self.net.open(self.there, 33000, self.address, self.port, bytes=100, leave=leave, after=after)
        self.here.ask(do="accept", name="l", **{"as": "c"})
        self.here.ask(do="receive", name="c", bytes=100)

    def error(self):
        return self.here.ask(do="error", name="c")["errno"]


@pytest.fixture
def visitor(lab, family):
    return Visitor(lab, family)


def test_client_resets_when_it_has_waited(watch, visitor):
    agent = watch()
    visitor.visits("reset", 2.0)
    assert visitor.error() == "ECONNRESET"
    found = agent.assert_only("conn-client-gave-up", comm=None, severity="warning", confidence="likely")
    assert found["process"]["pid"] == visitor.here.pid and found["connection"]["role"] == "server"
    assert "had not said a word" in found["summary"], found


def test_answer_comes_too_late(watch, visitor):
    agent = watch()
    visitor.visits("close", 2.0)
    visitor.here.ask(do="end", name="c")
    visitor.here.ask(do="send", name="c", bytes=300)
    assert visitor.error() == "EPIPE"
    found = agent.assert_only("conn-client-gave-up", comm=None, severity="warning", confidence="likely")
    assert "answered the 100 bytes of" in found["summary"] and "the client had closed by then: 300 bytes are lost" in found["summary"], found


def test_client_resets_soon(watch, visitor):
    """Near: it has not waited, it has changed its mind."""
    agent = watch()
    visitor.visits("reset", 0.5)
    assert visitor.error() == "ECONNRESET"
    agent.silent()


# ---- nobody says a word ----

@pytest.mark.parametrize("seconds", [2.6, 0.5], ids=["long", "not-so-long"])
def test_nobody_says_a_word(lab, watch, far, seconds):
    """Information of a client here; the connection of a health check is shorter."""
    agent = watch("--severity", "info", "--set", "silence=2")
    far.here.ask(do="connect", name="c", address=far.address, port=far.port)
    time.sleep(seconds)
    far.here.ask(do="close", name="c")
    agent.quiesce()
    told = agent.findings(finding="conn-silent", state="final", pid=far.here.pid)
    assert [f["severity"] for f in told] == (["info"] if seconds > 2 else []), told
    agent.silent()
