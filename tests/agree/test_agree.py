# SPDX-License-Identifier: GPL-2.0-or-later
"""sockwhy beside tshark 4.0, frame by frame, and beside tcptrace, connection by connection."""

import shutil

import agree
import made
import messages
import pytest

AGREE_LEAST = 99.5  # per cent of the frames with a flag

# Where tcptrace counts otherwise, and why; docs/agreement.md says more.
TCPTRACE_DIFFERS = {
    "socks5-http-302-frag.pcap": "does not put fragments together",
    "tcp_handshake_synthetic.pcap": "takes a SYN with another number for the same connection sooner",
    "wireshark-retrans.pcap": "takes copies of a packet for packets",
    "example2.pcap": "takes keep-alives of one byte for retransmissions",
    "smb_v2_only_non_zero_reserved1.pcap": "takes keep-alives of one byte for retransmissions",
    "206_example_b.pcap": "takes overtaken segments for in order where a hole is filled",
    "kerberos_tso.pcapng": "skips packets of total length 0 (TSO)",
    "reassembly.pcap": "believes the IP length of frames that are shorter",
}


def need(tool):
    if not shutil.which(tool):
        pytest.skip(f"{tool} is not installed: make setup")


@pytest.fixture(scope="module")
def shared_files():
    files, absent = agree.shared()
    if absent:
        pytest.skip(absent)
    return [(path.name, path) for path in files]


@pytest.fixture(scope="module")
def made_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    return [*made.captures(folder), *messages.captures(folder)]


def check(tally):
    print(tally.table())
    assert not tally.streams, "connections: (file, ours, tshark's)"
    assert not tally.unexplained(), tally.table()
    for flag in agree.COMPARED:
        assert tally.agreement(flag) >= AGREE_LEAST, tally.table()


def test_shared_captures(shared_files):
    need("tshark")
    check(agree.compare(shared_files))


def test_made_captures(made_files):
    need("tshark")
    tally = agree.compare(made_files)
    check(tally)
    # what never occurs agrees easily
    assert not [flag for flag in agree.COMPARED if tally.both[flag] < 10 and flag not in messages.BY_PROGRAMS], tally.table()


def test_comparison_sees_a_difference(made_files):
    """One frame more, one less, one in another class: each must be told, and nothing explained away."""
    need("tshark")
    name, path = made_files[0]
    ours, theirs = agree.ours(path), agree.theirs(path)
    taken = ours[0]["retransmission"].pop()
    ours[0]["window-full"].add(999999)
    moved = next(iter(ours[0]["duplicate-ack"] & theirs[0]["duplicate-ack"]))
    ours[0]["duplicate-ack"].remove(moved)
    ours[0]["keep-alive-ack"].add(moved)
    tally = agree.Tally()
    tally.add(name, (ours[0], ours[1] + 1), theirs)
    assert sorted(tally.unexplained()) == sorted([
        ("retransmission", name, taken), ("window-full", name, 999999), ("duplicate-ack", name, moved),
        ("keep-alive-ack", name, moved)])
    assert tally.streams == [(name, ours[1] + 1, ours[1])]


def initial_rtts(path):
    known = ((row["tcp.stream"], row["tcp.analysis.initial_rtt"]) for row in agree.looked_at(path))
    return {int(stream): round(float(rtt) * 1e6) for stream, rtt in known if rtt and "," not in stream}


def test_initial_rtt(shared_files):
    """Where both know it: tshark also takes it from a SYN that was repeated, or captured twice."""
    need("tshark")
    compared = 0
    for _name, path in shared_files:
        theirs = initial_rtts(path)
        for flow in agree.flows(path):
            copied = flow["client"]["copies"] or flow["server"]["copies"]
            if flow["stream"] in theirs and "handshake_us" in flow and not copied:
                compared += 1
                assert abs(flow["handshake_us"] - theirs[flow["stream"]]) <= 1, (path.name, flow["stream"])
    assert compared > 100


def test_tcptrace_on_shared_captures(shared_files):
    need("tcptrace")
    compared, differ = 0, set()
    for name, path in shared_files:
        result = agree.tcptrace_differences(path)
        if result is None:
            continue
        compared += result[0]
        if result[1]:
            differ.add(name)
            assert name in TCPTRACE_DIFFERS, (name, result[1])
    assert compared > 100
    assert differ == set(TCPTRACE_DIFFERS), "a difference is gone: take it off the list"


@pytest.mark.parametrize("seed", range(3))
def test_tcptrace_on_transfers(seed, tmp_path):
    """Packets, segments and bytes everywhere; what is sent again only where every segment is seen."""
    need("tcptrace")
    for near in (True, False):
        path = made.Transfer(seed, near).run().save(tmp_path / f"{near}.pcap")
        compared, found = agree.tcptrace_differences(path)
        assert compared == 1
        assert not [entry for entry in found if near or entry[2] != "retransmissions"]
