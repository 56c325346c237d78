# SPDX-License-Identifier: GPL-2.0-or-later
"""The harness itself: several tests run on one kernel, and each must fail and pass by its own faults alone."""

import pytest

from harness import Agent
from lab import Lab, free_port

pytestmark = pytest.mark.usefixtures("needs_agent")


@pytest.fixture
def neighbour():
    """What another test has that runs at the same time."""
    made = Lab()
    yield made
    made.close()


def heard(agent, pid):
    """Returns when the agent has judged what this process did, whoever's it is."""
    agent._wait(f"word of {pid}", lambda: any(
        o["type"] == "finding" and o["state"] == "final" and o.get("process", {}).get("pid") == pid
        for o in agent.objects()), 8)


def test_the_fault_of_another_test_fails_none(lab, neighbour, watch):
    agent = watch()
    heard(agent, neighbour.fault("connect", "127.0.0.1", free_port())["pid"])
    agent.silent()


def test_the_fault_of_another_test_satisfies_none(lab, neighbour, watch):
    agent = watch()
    heard(agent, neighbour.fault("connect", "127.0.0.1", free_port())["pid"])
    with pytest.raises(AssertionError, match="no final finding"):
        agent.assert_only("connect-refused-local")


def test_beside_the_same_fault_of_another_test(lab, neighbour, watch):
    """The same address, the same port, at the same time: one finding each."""
    port = free_port()
    agent = watch()
    others, mine = (there.fault("connect", "127.0.0.1", port)["pid"] for there in (neighbour, lab))
    heard(agent, others)
    agent.assert_only("connect-refused-local", pid=mine, remote=("127.0.0.1", port))


@pytest.mark.parametrize("wrong", [{"finding": "connect-no-answer"}, {"errno": "ETIMEDOUT"}, {"pid": 1}, {"confidence": "possible"},
                                   {"severity": "warning"}, {"local_port": 1}, {"remote": ("127.0.0.2", 9)}],
                         ids=lambda wrong: next(iter(wrong)))
def test_a_wrong_expectation_fails(lab, watch, wrong):
    agent = watch()
    lab.fault("connect", "127.0.0.1", free_port())
    with pytest.raises(AssertionError):
        agent.assert_only(**{"finding": "connect-refused-local", **wrong})


def test_more_than_one_fault_fails(lab, watch):
    agent = watch()
    for address in ("127.0.0.1", "::1"):
        lab.fault("connect", address, free_port())
    agent.quiesce()
    with pytest.raises(AssertionError):
        agent.assert_only("connect-refused-local")


def test_a_fault_is_not_silence(lab, watch):
    agent = watch()
    lab.fault("connect", "127.0.0.1", free_port())
    with pytest.raises(AssertionError):
        agent.silent()


def test_what_comes_after_the_verdict_fails(lab):
    """Looked at when the agent has ended."""
    agent = Agent(lab)
    lab.fault("connect", "127.0.0.1", free_port())
    agent.assert_only("connect-refused-local")
    lab.fault("connect", "::1", free_port())
    with pytest.raises(AssertionError):
        agent.finish()
