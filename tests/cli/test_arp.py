# SPDX-License-Identifier: GPL-2.0-or-later
"""Who claims an address: captures made by hand."""

import socket
import struct

import pytest

from program import findings, sockwhy
from test_capture import capture, pcap  # noqa: F401  (a fixture)

A, B, C, D = (bytes((2, 0, 0, 0, 0, n)) for n in (0xa, 0xb, 0xc, 0xd))
FIVE = "10.0.0.5"
NOBODY, ALL = bytes(6), b"\xff" * 6


def arp(op, sender, sender_ip, target, target_ip, vlan=None):
    head = (ALL if op == 1 else target) + sender + (struct.pack(">HH", 0x8100, vlan) if vlan else b"")
    return (head + struct.pack(">HHHBBH", 0x0806, 1, 0x0800, 6, 4, op) + sender + socket.inet_aton(sender_ip) + target
            + socket.inet_aton(target_ip) + bytes(18))


def ask(asker, address=FIVE, asker_ip="10.0.0.9", **how):
    return arp(1, asker, asker_ip, NOBODY, address, **how)


def answer(sender, asker, address=FIVE, asker_ip="10.0.0.9", **how):
    return arp(2, sender, address, asker, asker_ip, **how)


def announce(sender, address=FIVE, op=1):
    return arp(op, sender, address, NOBODY if op == 1 else ALL, address)


def in_turn(*senders, every=2, say=announce):
    return [(n * every, say(sender)) for n, sender in enumerate(senders)]


def cooked(frame):
    return struct.pack(">HHH8sH", 0, 1, 6, frame[6:12] + bytes(2), 0x0806) + frame[14:]


TWO_ANSWERS = [(1, ask(C)), (1.001, answer(A, C)), (1.4, answer(B, C))]


@pytest.mark.parametrize("frames, words", [
    (TWO_ANSWERS, ["02:00:00:00:00:0a (1 time)", "02:00:00:00:00:0b (1 time)", "both answered one question"]),
    (in_turn(A, B, A, B, A), ["10.0.0.5 was claimed by 02:00:00:00:00:0a (3 times) and 02:00:00:00:00:0b (2 times) in turn within 8.0 s"]),
    (in_turn(A, A, B, A, B, say=lambda mac: announce(mac, op=2)), ["0a (2 times)", "0b (2 times)", "within 6.0 s"]),
    # one asker, each time another answer
    ([frame for n, mac in enumerate((A, B, A, B)) for frame in ((3 * n, ask(C)), (3 * n + 0.001, answer(mac, C)))],
     ["0a (2 times)", "0b (2 times)"]),
    # a VLAN is named
    ([(1, ask(C, vlan=7)), (1.1, answer(A, C, vlan=7)), (1.2, answer(B, C, vlan=7))], ["in VLAN 7"]),
    # a tester's probe is answered by both (arping -D)
    ([(1, ask(C, asker_ip="0.0.0.0")), (1.001, answer(A, C, asker_ip="0.0.0.0")), (1.002, answer(B, C, asker_ip="0.0.0.0"))],
     ["both answered one question"]),
])
def test_two_machines(capture, schema, frames, words):  # noqa: F811
    path = capture(pcap(frames))
    told, = findings(schema, path)
    assert (told["finding"], told["severity"], told["confidence"]) == ("host-duplicate-address", "warning", "likely")
    assert all(word in told["summary"] for word in words), told
    assert told["connection"] == {"protocol": "arp", "role": "neighbor", "local": {"address": FIVE}}
    assert [c["run"] for c in told["check"]] == ["ip neigh show 10.0.0.5", "arping -D -c 3 -I DEV 10.0.0.5"]
    assert told["evidence"][-1]["event"] == "claim" and f"frame {len(frames)}" in told["evidence"][-1]["text"]
    assert "on its network: ip neigh show 10.0.0.5 " in sockwhy("read", "-q", path).out
    hidden, = findings(schema, path, "--mask")
    assert not any(word in str(hidden) for word in ("02:00:00:00:00:0a", "02:00:00:00:00:0b", FIVE)), hidden


def test_of_all_interfaces_it_is_possible(capture, schema):  # noqa: F811
    """Networks mix there."""
    told, = findings(schema, capture(pcap([(t, cooked(frame)) for t, frame in TWO_ANSWERS], link=113)))
    assert told["confidence"] == "possible" and "two networks" in told["cause"]


def test_once_an_address(capture, schema):  # noqa: F811
    """However long it goes on; another address is another finding."""
    frames = in_turn(*(A, B) * 30)
    assert len(findings(schema, capture(pcap(frames)))) == 1
    frames += [(t + 200, answer(mac, C, address="10.0.0.6")) for t, mac in ((0, A), (0.5, D))]
    assert [told["connection"]["local"]["address"] for told in findings(schema, capture(pcap(frames)))] == [FIVE, "10.0.0.6"]


VIRTUAL = bytes((0, 0, 0x5e, 0, 1, 7))


@pytest.mark.parametrize("frames", [
    in_turn(A, A, B, B, B),  # a failover, a new network card
    in_turn(A, B, A),  # .. and its end
    in_turn(A, B, A, B, every=59),  # not within a minute
    [(1, ask(C)), (1.001, answer(A, C)), (1.002, answer(A, C)), (1.5, ask(C)), (1.501, answer(B, C))],  # two questions
    [(1, ask(C)), (1.001, answer(A, C)), (2.2, answer(B, C))],  # long after
    # a bond that balances: every asker has one of its link addresses
    [frame for n in range(6) for frame in ((3 * n, answer(A, C)), (3 * n + 0.1, answer(B, D, asker_ip="10.0.0.8")))],
    # virtual routers beside the machines that make them
    in_turn(VIRTUAL, A, VIRTUAL, A, VIRTUAL, A),
    # proxy ARP: D answers for everybody
    [(n + late, answer(mac, C, address=f"10.0.0.{n}")) for n in range(1, 6) for late, mac in ((0, bytes((2, 0, 0, 0, 1, n))), (0.5, D))],
    # probes, and somebody who gives way
    [(1, announce(A)), (2, ask(B, asker_ip="0.0.0.0")), (2.001, answer(A, B, asker_ip="0.0.0.0")), (3, ask(B, asker_ip="0.0.0.0")),
     (3.001, answer(A, B, asker_ip="0.0.0.0"))],
    # two VLANs may have the same addresses
    [(1 + n, answer(mac, C, vlan=vlan)) for n, (mac, vlan) in enumerate([(A, 7), (B, 8)] * 4)],
    # too short
    [(t, frame[:40]) for t, frame in TWO_ANSWERS],
])
def test_one_machine(capture, schema, frames):  # noqa: F811
    assert not findings(schema, capture(pcap(frames)))
