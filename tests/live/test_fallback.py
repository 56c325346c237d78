# SPDX-License-Identifier: GPL-2.0-or-later
"""Several addresses of one name: the attempt is judged by the try that worked, or by the last that failed."""

from lab import free_port


def test_fallback_after_a_wait(lab, watch):
    net, port = lab.internet(), free_port()
    first, second = net.host(6), net.host(4, "accept")
    agent = watch()
    saw = lab.fault("-t", 300, "fallback", port, first, second)
    assert [line["errno"] for line in saw["lines"]] == ["0", "0"] and saw["lines"][0]["gave_up"]
    found = agent.assert_only("connect-fallback", pid=saw["pid"], severity="warning", confidence="certain")
    if found:
        assert first in str(found) and second in str(found), "the addresses are not listed"


def test_fallback_after_a_slow_refusal(lab, watch):
    net, port = lab.internet(), free_port()
    first, second = net.host(6, "icmp", icmp=[1, 0], delay=0.2), net.host(4, "accept")
    agent = watch()
    saw = lab.fault("fallback", port, first, second)
    assert [line["errno"] for line in saw["lines"]] == ["ENETUNREACH", "0"]
    agent.assert_only("connect-fallback", pid=saw["pid"], severity="warning", confidence="certain")


def test_fallback_at_once_is_no_warning(lab, watch):
    """Nearest miss: ::1 refused, 127.0.0.1 answers, a fraction of a millisecond lost."""
    port = free_port()
    lab.serve("127.0.0.1", port)
    agent = watch()
    saw = lab.fault("fallback", port, "::1", "127.0.0.1")
    assert [line["errno"] for line in saw["lines"]] == ["ECONNREFUSED", "0"]
    agent.silent()


def test_all_addresses_fail(lab, watch):
    """One attempt, one verdict: that of the last try."""
    net, port = lab.internet(), free_port()
    first, second = net.host(6, "reset"), net.host(4, "icmp", icmp=[3, 13])
    agent = watch()
    saw = lab.fault("fallback", port, first, second)
    assert [line["errno"] for line in saw["lines"]] == ["ECONNREFUSED", "EHOSTUNREACH"]
    agent.assert_only("connect-rejected", pid=saw["pid"], errno="EHOSTUNREACH", remote=(second, port))


def test_happy_eyeballs_loser(lab, watch):
    """Nearest miss: the second address answers sooner; the first was never needed."""
    net, port = lab.internet(), free_port()
    first, second = net.host(6, "accept", delay=0.6), net.host(4, "accept")
    agent = watch()
    saw = lab.fault("race", port, first, second)
    assert saw["op"] == "winner" and saw["remote"][0] == second
    agent.silent(allow=("connect-fallback",))
    for found in agent.findings() if hasattr(agent, "pid") else ():
        assert found["severity"] != "error"


def test_happy_eyeballs_first_wins(lab, watch):
    net, port = lab.internet(), free_port()
    first, second = net.host(6, "accept"), net.host(4, "accept")
    agent = watch()
    saw = lab.fault("race", port, first, second)
    assert saw["op"] == "winner" and saw["remote"][0] == first
    agent.silent()


def test_happy_eyeballs_all_fail(lab, watch):
    """Overlapping tries of one wish: one verdict."""
    net, port = lab.internet(), free_port()
    first, second = net.host(6), net.host(4, "reset", delay=0.1)
    agent = watch()
    saw = lab.fault("-t", 1500, "-U", 1200, "race", port, first, second)
    assert {line["errno"] for line in saw["lines"]} == {"ECONNREFUSED", "ETIMEDOUT"}
    agent.quiesce()
    assert [f["finding"] for f in agent.findings(state="final") if f["severity"] == "error"] == ["connect-no-answer"]
