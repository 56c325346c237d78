# SPDX-License-Identifier: GPL-2.0-or-later
"""Who reset a connection of this host, by which deed: a case each, of one process and beside one agent."""

import pathlib
import platform
import signal
import sys

import pytest

from lab import free_port

PEER = pathlib.Path(__file__).parents[1] / "helpers/peer.py"


class Pair:
    """`there` listens in another namespace, `here` connects; each connection to a port of its own, so that each is a group."""

    def __init__(self, lab, family):
        self.lab, self.family, self.ns = lab, family, lab.link()
        self.there = lab.start(PEER, exe=sys.executable, ns=self.ns)
        self.here = None

    def connect(self):
        self.here = self.here or self.lab.start(PEER, exe=sys.executable)
        port = free_port()
        address = self.ns.address(self.family)
        self.there.ask(do="listen", name="l", address=address, port=port)
        self.here.ask(do="connect", name="c", address=address, port=port)
        self.there.ask(do="accept", name="l", **{"as": "s"})
        return address, port

    def exchange(self):
        remote = self.connect()
        for sender, name, receiver, other in ((self.here, "c", self.there, "s"), (self.there, "s", self.here, "c")):
            sender.ask(do="send", name=name, bytes=100)
            receiver.ask(do="receive", name=other, bytes=100)
        return remote

    def unread(self):
        """More has come than the process reads."""
        remote = self.exchange()
        self.there.ask(do="send", name="s", bytes=5000)
        self.here.ask(do="receive", name="c", bytes=1000)
        return remote


@pytest.fixture
def pair(lab, family):
    return Pair(lab, family)


def told(agent, remote, finding="conn-reset-by-us"):
    found = agent.wait_for(finding=finding, state="final", remote=remote)
    return found["severity"], found["summary"], found["cause"]


def has_reasons():
    """The kernel names the reason of a reset since 6.10."""
    return tuple(int(part) for part in platform.release().split(".")[:2]) >= (6, 10)


def test_by_us(watch, pair):
    """Deeds of the application, each with the kernel's reason; information where nothing was lost.

    Whoever is reset because it writes to who has closed tells it itself: conn-broken-pipe.
    """
    agent = watch("--severity", "info")
    remote = pair.unread()
    pair.here.ask(do="close", name="c")
    severity, what, why = told(agent, remote)
    assert severity == "info" and "4000 bytes of it were unread" in what, what
    assert "the process closed the socket with 4000 bytes unread" in why, why
    assert not has_reasons() or "(TCP_ABORT_ON_CLOSE)" in what, what

    remote = pair.exchange()
    pair.here.ask(do="reset", name="c")
    severity, what, why = told(agent, remote)
    assert severity == "info" and "SO_LINGER of 0" in why and "unread" not in what, (what, why)
    assert not has_reasons() or "(TCP_STATE)" in what, what

    remote = pair.unread()
    pair.here.kill(signal.SIGKILL)
    severity, what, why = told(agent, remote)
    assert severity == "info" and "4000 bytes unread" in why and "it was ending by signal 9" in why, (what, why)
    agent.silent()


def test_by_hand(watch, pair):
    """ss -K: a warning, whoever was the process."""
    agent = watch()
    remote = pair.exchange()
    pair.lab.host.run(f"ss -KtnH dport = :{remote[1]}")
    if not pair.here.ask(do="error", name="c")["errno"] == "ECONNABORTED":
        pytest.skip("this kernel destroys no sockets (CONFIG_INET_DIAG_DESTROY)")
    severity, what, why = told(agent, remote)
    assert severity == "warning" and what.startswith("this host reset") and "somebody destroyed the socket" in why, (what, why)


def test_healthy_ends(watch, pair):
    """Nearest miss: everything was read, and a FIN goes each way; by an exit, too."""
    agent = watch("--severity", "info")
    pair.exchange()
    pair.here.ask(do="close", name="c")
    pair.there.ask(do="close", name="s")
    pair.exchange()
    pair.here.release()
    agent.quiesce()
    assert not agent.findings(finding="conn-reset-by-us") and not agent.findings(finding="conn-reset-by-peer")


def gone(ns, port):
    """Returns when no socket to that port stands any more, whoever still has it open."""
    ns.run(f"until ! ss -tnH dport = :{port} | grep -q .; do :; done")


def test_nobody_heard(watch, pair):
    """As of a measurement that is over: the client closes behind the reset, and no call of it was told. An info, on request."""
    agent = watch("--severity", "info")
    remote = pair.connect()
    pair.here.ask(do="send", name="c", bytes=5000)
    pair.there.ask(do="receive", name="s", bytes=1000)
    pair.there.ask(do="close", name="s")
    gone(pair.lab.host, remote[1])
    pair.here.ask(do="close", name="c")
    severity, what, _ = told(agent, remote, "conn-reset-by-peer")
    assert severity == "info" and "closed it without having heard of that" in what, what
    agent.silent()


@pytest.mark.parametrize("ask", ["error", "receive", "send"])
def test_somebody_heard(watch, pair, ask):
    """Nearest miss: a call of it was told, whichever asks, and then it closes."""
    agent = watch()
    remote = pair.connect()
    pair.here.ask(do="send", name="c", bytes=100)
    pair.there.ask(do="reset", name="s")
    gone(pair.lab.host, remote[1])
    pair.here.ask(do=ask, name="c", **({"bytes": 1} if ask != "error" else {}))
    pair.here.ask(do="close", name="c")
    severity, what, _ = told(agent, remote, "conn-reset-by-peer")
    assert severity == "error" and "without having heard" not in what, what
