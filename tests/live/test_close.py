# SPDX-License-Identifier: GPL-2.0-or-later
"""What processes leave undone: connections that the other side has closed, data that nobody reads. A look at the sockets tells it."""

import pathlib
import sys
import time

import pytest

from lab import free_port

PEER = pathlib.Path(__file__).parents[1] / "helpers/peer.py"
KEPT = 12
KEPT_MOST = 60
SOON = ("--set", "window-stalled=300", "--set", "closed-half=1")


class Pair:
    """`there` listens in the place's namespace, `here` connects to it from the host's."""

    def __init__(self, lab, place, family):
        self.address, self.port = place.address(family), free_port()
        self.here = lab.start(PEER, exe=sys.executable)
        self.there = lab.start(PEER, exe=sys.executable, ns=place.ns)
        self.there.ask(do="listen", name="l", address=self.address, port=self.port)

    def connect(self, name):
        self.here.ask(do="connect", name=name, address=self.address, port=self.port)
        self.there.ask(do="accept", name="l", **{"as": name})


@pytest.fixture
def pair(lab, place, family):
    return Pair(lab, place, family)


def until_looked(agent, seconds):
    """Looks are made by the clock: time is what a leak is made of."""
    time.sleep(seconds)
    agent.quiesce(slow=False)


# ---- close-wait-leak ----

def test_server_does_not_close(watch, pair):
    agent = watch(*SOON)
    for i in range(KEPT_MOST):
        pair.connect(str(i))
    for i in range(KEPT_MOST):  # a busy machine looks seldom: they become more until it has seen enough
        pair.here.ask(do="close", name=str(i))
        time.sleep(0.25)
        if agent.loud_finals():
            break
    found = agent.assert_only("close-wait-leak", severity="warning", confidence="certain", comm=None)
    assert found["process"]["pid"] == pair.there.pid
    assert found["connection"]["role"] == "server"
    assert found["connection"]["local"]["port"] == pair.port


def test_server_closes_late(watch, pair):
    """Near: as many, each for longer than it should, but not more and more."""
    agent = watch(*SOON)
    for i in range(2 * KEPT):
        pair.connect(str(i))
        pair.here.ask(do="close", name=str(i))
        if i >= 5:
            time.sleep(0.25)
            pair.there.ask(do="close", name=str(i - 5))
    until_looked(agent, 1)
    agent.silent()


def test_pool_of_a_client(watch, pair):
    """Near: a pool finds out when it needs one."""
    agent = watch(*SOON)
    for i in range(KEPT):
        pair.connect(str(i))
    for i in range(KEPT):
        pair.there.ask(do="close", name=str(i))
        time.sleep(0.25)
    until_looked(agent, 1)
    agent.silent()


# ---- conn-reader-stalled, conn-peer-window-zero ----

def test_server_does_not_read(lab, watch, pair):
    agent = watch(*SOON)
    pair.connect("c")
    pair.here.ask(do="fill", name="c")
    found = agent.wait_for(finding="conn-reader-stalled", state="pending")
    assert found["process"]["pid"] == pair.there.pid
    pair.there.kill(9)
    found = agent.assert_only("conn-reader-stalled", severity="warning", confidence="certain", comm=None)
    assert found["process"]["pid"] == pair.there.pid


def test_server_reads_again(watch, pair):
    """Near: a reader that pauses on purpose."""
    agent = watch(*SOON)
    pair.connect("c")
    sent = pair.here.ask(do="fill", name="c")["bytes"]
    agent.wait_for(finding="conn-reader-stalled", state="pending")
    pair.there.ask(do="receive", name="c", bytes=sent)
    agent.wait_for(finding="conn-reader-stalled", state="cleared")
    pair.here.ask(do="close", name="c")
    pair.there.ask(do="close", name="c")
    agent.quiesce()
    assert not agent.loud_finals()


def test_server_pauses(watch, pair):
    """Near: shorter than the threshold."""
    agent = watch()
    pair.connect("c")
    sent = pair.here.ask(do="fill", name="c")["bytes"]
    time.sleep(1)
    pair.there.ask(do="receive", name="c", bytes=sent)
    agent.silent()
