# SPDX-License-Identifier: GPL-2.0-or-later
"""compare on captures made here: forms of output, options, exit statuses, files that are not what they should be."""

import gzip
import struct

import pytest

from program import sockwhy

SYN, RST, ACK = 2, 4, 16


def frame(ms, port, flags, from_server=False, ttl=64, ident=1, udp=False):
    """One pcap record: Ethernet, IPv4, TCP without options."""
    client, server = (b"\x0a\0\0\1", port), (b"\x0a\0\0\2", 80)
    (source, sport), (target, dport) = (server, client) if from_server else (client, server)
    if udp:
        upper = struct.pack(">HHHH", sport, 53, 8, 0)
    else:
        seq, ack = (port * 7919 + (not flags & SYN), 5000 + port) if not from_server else (4999 + port, port * 7919 + 1)
        upper = struct.pack(">HHIIBBHHH", sport, dport, seq, ack if flags & ACK else 0, 0x50, flags, 500, 0, 0)
    packet = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(upper), ident, 0, ttl, 17 if udp else 6, 0, source, target)
    whole = b"\0" * 12 + b"\x08\0" + packet + upper
    return struct.pack("<IIII", 1700000000 + ms // 1000, ms % 1000 * 1000, len(whole), len(whole)) + whole


def handshake(ms, port, late=0, hop=0):
    return [frame(ms + late, port, SYN, ttl=64 - hop, ident=port),
            frame(ms + 10 - late, port, SYN | ACK, True, ttl=63 + hop, ident=port + 1),
            frame(ms + 20 + late, port, ACK, ttl=64 - hop, ident=port + 2)]


@pytest.fixture
def pair(tmp_path):
    """A client's capture and a server's: two handshakes, between them a SYN that is lost; one datagram."""
    paths = []
    for name, late, middle in (("a", 0, [frame(1000, 5000, SYN), frame(1500, 1, 0, udp=True)]), ("b", 1, [])):
        frames = handshake(0, 4000, late, late) + middle + handshake(9000, 4001, late, late)
        paths.append(tmp_path / f"{name}.pcap")
        paths[-1].write_bytes(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1) + b"".join(frames))
    return paths


def lines_of(schema, *args, status=0):
    done = sockwhy("compare", "--json", *args)
    assert done.returncode == status, done.err
    lines = [schema.check(line) for line in done.out.splitlines()]
    assert lines[-1]["type"] == "comparison-summary"
    return lines[:-1], lines[-1]


def test_json(schema, pair):
    lines, summary = lines_of(schema, *pair)
    assert [(line["verdict"], line["severity"], line["confidence"]) for line in lines] == [("syn-lost", "error", "likely")]
    assert lines[0]["near_client"] == "a" and lines[0]["order_by"] == "others" and "b" not in lines[0]
    assert lines[0]["client"]["only_a"]["kinds"] == [{"kind": "SYN", "packets": 1, "first_frame": 4}]
    assert summary["verdicts"] == {"passed": 2, "syn-lost": 1} and summary["untold"] == 2
    assert (summary["a"]["udp"], summary["b"]["udp"]) == (1, 0)
    assert summary["clock"]["known"] and abs(summary["clock"]["offset_ns"]) <= summary["clock"]["uncertainty_ns"] == 1000000
    lines, summary = lines_of(schema, "--all", *pair)
    assert [line["verdict"] for line in lines] == ["passed", "syn-lost", "passed"] and summary["untold"] == 0
    assert {c["what"]: (c["a"], c["b"]) for c in lines[0]["client"]["changed"]} == {"ttl": ("64", "63")}
    assert lines[0]["client"]["delay_ns"]["most"] == 1000000


def test_text(pair):
    done = sockwhy("compare", "--utc", *pair)
    lines = done.out.splitlines()
    assert lines[0] == "2023-11-14 22:13:21.000Z error syn-lost  10.0.0.1:5000 → 10.0.0.2:80"
    assert lines[1] == "      what    the SYN left A and never reached B"
    assert lines[2] == "      likely  dropped between A and B"
    assert lines[3] == "      client  0 packets in both, 1 in A only (1 SYN; first is frame 4)"
    assert lines[-2].startswith("clock B is 0.000000 s ahead of clock A, give or take 1.000 ms")
    assert lines[-1] == "3 connections, 2 of them in both captures, 2 passed, 1 syn-lost; 2 not shown (--all)"
    plain = sockwhy("compare", "--utc", *pair, env={"LC_ALL": "C"})
    assert plain.out.isascii() and len(plain.out.splitlines()) == len(lines)
    assert "\033[31m" in sockwhy("compare", "--color", "always", *pair).out
    brief = sockwhy("compare", "--brief", "--utc", *pair).out.splitlines()
    assert brief == [lines[0] + "  the SYN left A and never reached B"]


def test_filter_and_status(schema, pair):
    assert [line["verdict"] for line in lines_of(schema, "-f", "port 5000", *pair)[0]] == ["syn-lost"]
    assert lines_of(schema, "-f", "port 4000", *pair)[1]["connections"] == 1
    assert lines_of(schema, "--fail-on", "error", *pair, status=3)
    assert lines_of(schema, "--fail-on", "error", "-f", "port 4000", *pair)
    assert [line["verdict"] for line in lines_of(schema, "--severity", "info", *pair)[0]] == ["passed", "syn-lost", "passed"]


def test_standard_input_and_packed(schema, pair, tmp_path):
    packed = tmp_path / "b.gz"
    packed.write_bytes(gzip.compress(pair[1].read_bytes()))
    done = sockwhy("compare", "--json", "-", packed, data=pair[0].read_bytes())
    assert done.returncode == 0, done.err
    lines = [schema.check(line) for line in done.out.splitlines()]
    assert lines[0]["verdict"] == "syn-lost" and lines[-1]["a"]["file"] == "standard input"


def test_output_file(pair, tmp_path):
    path = tmp_path / "out"
    assert sockwhy("compare", "-o", path, *pair).out == ""
    assert "syn-lost" in path.read_text() and path.stat().st_mode & 0o777 == 0o600
    assert sockwhy("compare", "-o", path, *pair).returncode == 1
    assert sockwhy("compare", "--force", "-o", path, *pair).returncode == 0
    with open("/dev/full", "wb") as full:
        assert sockwhy("compare", *pair, stdout=full).returncode == 1


def test_damaged(schema, pair, tmp_path):
    """What stands before the damage is compared; what comes after it cannot be told; exit 1."""
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(pair[1].read_bytes()[:-3 * 70 + 5])
    lines, summary = lines_of(schema, "--all", pair[0], cut, status=1)
    assert summary["b"]["damaged"]
    by_port = {line["a"]["client"]["port"]: line for line in lines}
    assert by_port[4000]["verdict"] == "passed"
    assert by_port[5000]["verdict"] == "cannot-tell" and "ended-earlier" in by_port[5000]["unsure"]


@pytest.mark.parametrize("args", [[], ["a"], ["a", "b", "c"], ["-", "-"], ["-c", "3", "a", "b"], ["--csv", "a", "b"]], ids=str)
def test_usage(args):
    done = sockwhy("compare", *args)
    assert done.returncode == 2 and done.out == "" and done.err.startswith("sockwhy: ") and "hint:" in done.err


@pytest.mark.parametrize("content", [b"", b"neither\n", None], ids=["empty", "text", "absent"])
def test_not_a_capture(pair, tmp_path, content):
    path = tmp_path / "other"
    if content is not None:
        path.write_bytes(content)
    for files in ((path, pair[0]), (pair[0], path)):
        done = sockwhy("compare", *files)
        assert done.returncode == 1 and done.out == "" and str(path) in done.err


def test_recording_is_refused(pair, case):
    done = sockwhy("compare", case("connect-refused"), pair[0])
    assert done.returncode == 1 and "recording" in done.err
