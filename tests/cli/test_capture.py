# SPDX-License-Identifier: GPL-2.0-or-later
"""read: capture files of every format, packed, misnamed, cut short, merged, cut to a window of time."""

import gzip
import json
import os
import struct
import subprocess

import pytest

from program import SOCKWHY, sockwhy

START = 1795170667  # 2026-11-20T10:31:07Z


def tcp(flags, source=45678, destination=8080, payload=b"", last=1):
    header = struct.pack(">HHIIBBHHH", source, destination, 1000, 0, 0x50, flags, 64240, 0, 0)
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(payload), 7, 0x4000, 64, 6, 0, bytes((10, 0, 0, last)),
                       bytes((10, 0, 0, 2))) + header + payload


def ethernet(packet, kind=0x0800):
    return bytes(range(12)) + struct.pack(">H", kind) + packet


ARP = ethernet(bytes(28), 0x0806)


def pcap(frames, order="<", nano=False, link=1, snaplen=65535, version=(2, 4), changed=False):
    """frames: (seconds since START, bytes); changed: the length on the wire first"""
    out = struct.pack(order + "IHHiIII", 0xa1b23c4d if nano else 0xa1b2c3d4, *version, 0, 0, 65535, link)
    for offset, frame in frames:
        ns = round((START + offset) * 10**9)
        lengths = min(len(frame), snaplen), len(frame)
        out += struct.pack(order + "IIII", ns // 10**9, ns % 10**9 // (1 if nano else 1000),
                           *(lengths[::-1] if changed else lengths))
        out += frame[:snaplen]
    return out


def block(order, kind, body):
    body += bytes(-len(body) % 4)
    return struct.pack(order + "II", kind, 12 + len(body)) + body + struct.pack(order + "I", 12 + len(body))


def option(order, code, value):
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def pcapng(interfaces, frames, order="<", blocks=b""):
    """interfaces: (link, name), frames: (seconds since START, interface, bytes)"""
    out = block(order, 0x0a0d0d0a, struct.pack(order + "IHHq", 0x1a2b3c4d, 1, 0, -1))
    for link, name in interfaces:
        out += block(order, 1, struct.pack(order + "HHI", link, 0, 0) + option(order, 2, name))
    for offset, interface, frame in frames:
        us = round((START + offset) * 10**6)
        out += block(order, 6, struct.pack(order + "IIIII", interface, us >> 32, us & 0xffffffff, len(frame),
                                           len(frame)) + frame + bytes(-len(frame) % 4)
                     + option(order, 1, b"a comment") + option(order, 0, b""))
    return out + blocks


def zstd(content):
    """A frame of raw blocks: RFC 8878 3.1.1."""
    out = bytes.fromhex("28b52ffda0") + struct.pack("<I", len(content))
    blocks = [content[at:at + 100000] for at in range(0, len(content), 100000)]
    for number, part in enumerate(blocks):
        out += (len(part) << 3 | (number == len(blocks) - 1)).to_bytes(3, "little") + part
    return out


FRAMES = [(n * 0.5, ethernet(tcp(2, source=1000 + n))) for n in range(10)]
PLAIN = pcap(FRAMES)


@pytest.fixture
def capture(tmp_path):
    def make(content, name="a.pcap"):
        path = tmp_path / name
        path.write_bytes(content)
        return path
    return make


def read(schema, *args, status=0, data=None):
    """The lines of read --json; what it says of the captures is in the summary, the last of them."""
    done = sockwhy("read", "--json", *args, data=data)
    assert done.returncode == status, done.err
    lines = [schema.check(line) for line in done.out.splitlines()]
    assert lines[-1]["type"] == "summary"
    return lines, lines[-1]["capture"], done


def ports(lines):
    return [line["packet"]["source"]["port"] for line in lines if line.get("event") == "frame" and "packet" in line]


ALL = list(range(1000, 1010))


@pytest.mark.parametrize("content", [
    PLAIN, pcap(FRAMES, ">"), pcap(FRAMES, "<", True), pcap(FRAMES, ">", True),
    pcapng([(1, b"eth0")], [(at, 0, frame) for at, frame in FRAMES]),
    pcapng([(1, b"eth0")], [(at, 0, frame) for at, frame in FRAMES], ">"),
    gzip.compress(PLAIN), zstd(PLAIN), gzip.compress(PLAIN[:100]) + gzip.compress(PLAIN[100:])],
    ids=["us", "us-big", "ns", "ns-big", "pcapng", "pcapng-big", "gzip", "zstd", "gzip-twice"])
@pytest.mark.parametrize("name", ["a.pcap", "a.txt.gz", "recording"])
def test_formats(capture, schema, content, name):
    """By their first bytes, whatever they are called; the same packets at the same times."""
    lines, summary, done = read(schema, "-vv", capture(content, name))
    frames = [line for line in lines if line.get("event") == "frame"]
    assert ports(lines) == ALL
    assert [line["fields"]["frame"] for line in frames] == list(range(1, 11))
    assert frames[0]["time"] == "2026-11-20T10:31:07.000000000Z"
    assert frames[9]["time"] == "2026-11-20T10:31:11.500000000Z"
    assert all(line["vantage"] == "file" for line in frames) and "host" not in lines[-1]
    assert summary == {"files": 1, "damaged": 0, "packets": 10, "outside": 0, "opaque": 0, "cut": 0, "partial": 0,
                       "unread": {"link": 0, "not-ip": 0, "cut": 0, "malformed": 0, "fragment": 0}}
    assert "10 packets;" in done.err and "lost" not in done.err


@pytest.mark.parametrize("version,changed", [((2, 2), True), ((2, 3), True), ((2, 3), False), ((543, 0), True), ((2, 4), False)])
def test_old_versions(capture, schema, version, changed):
    """Until 2.2 the two lengths stood the other way round, and not everybody agreed since when."""
    frames = [(n, ethernet(tcp(0x02, source=1000 + n, payload=bytes(100)))) for n in range(3)]
    for order in "<>":
        lines, summary, done = read(schema, "-v", capture(pcap(frames, order, snaplen=60, version=version, changed=changed)))
        assert summary["packets"] == 3 and not done.err.count("damaged"), done.err


def test_tunnel_that_is_not_read(capture, schema):
    """Counted and said, and so is none where none is."""
    esp = bytes.fromhex("4500002c00000000403200000a0000010a000002") + bytes(range(24))
    _, summary, done = read(schema, capture(pcap([(0, ethernet(esp)), (1, ethernet(tcp(0x02)))])))
    assert summary["opaque"] == 1 and "1 with another inside that is not read" in done.err
    _, summary, done = read(schema, capture(pcap([(1, ethernet(tcp(0x02)))])))
    assert summary["opaque"] == 0 and "inside" not in done.err


def test_names_are_escaped_once(capture, schema):
    """A blank, a backslash and a byte that is no UTF-8 in a name that does not exist."""
    def message(flags, ports):
        datagram = struct.pack(">HHHHHH", 7, flags, 1, 0, 0, 0) + b"\x08my print\x02a\\\x02\xffb\0" + b"\0\1\0\1"
        datagram = struct.pack(">HHHH", *ports, 8 + len(datagram), 0) + datagram
        return ethernet(struct.pack(">BBHHHBBH8s", 0x45, 0, 20 + len(datagram), 7, 0, 64, 17, 0, bytes(8)) + datagram)
    path = capture(pcap([(0, message(0x0100, (4444, 53))), (1, message(0x8183, (53, 4444)))]))
    text = sockwhy("read", "-v", path).out
    assert text.count(r"my\032print.a\092.\255b") == 3 and "x5c" not in text
    lines, _, _ = read(schema, "-v", path)
    assert lines[0]["fields"]["name"] == r"my\032print.a\092.\255b" and r" my\032print.a\092.\255b " in lines[2]["summary"]


def test_standard_input(capture, schema):
    """Redirected and as a pipe that gives little at a time."""
    lines, _, done = read(schema, "-vv", "-", data=gzip.compress(PLAIN))
    assert ports(lines) == ALL
    with subprocess.Popen([SOCKWHY, "read", "--json", "-vv", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        for at in range(0, len(PLAIN), 7):
            process.stdin.write(PLAIN[at:at + 7])
            process.stdin.flush()
        out, _ = process.communicate(timeout=30)
    assert out.decode() == done.out
    lines, _, _ = read(schema, "-vv", "-", data=capture(PLAIN).read_bytes())
    assert ports(lines) == ALL


def test_merged_by_time(capture, schema):
    """Several files are one stream; which file and which of its frames stands in each event."""
    halves = [capture(pcap(FRAMES[0::2]), "even"),
              capture(gzip.compress(pcapng([(1, b"eth7")], [(at, 0, f) for at, f in FRAMES[1::2]])), "odd")]
    lines, summary, done = read(schema, "-vv", *halves)
    frames = [line for line in lines if line.get("event") == "frame"]
    assert ports(lines) == ALL and summary["files"] == 2 and summary["packets"] == 10
    assert [line["fields"]["file"] for line in frames] == [0, 1] * 5
    assert [line["fields"]["frame"] for line in frames] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert [line.get("interface") for line in frames] == [None, "eth7"] * 5
    assert "10 packets in 2 files" in done.err


def test_mixed_interfaces(capture, schema):
    """What libpcap refuses: interfaces of other link types in one file, sections of other byte orders."""
    first = pcapng([(1, b"eth0"), (101, b"tun0")], [(0, 1, tcp(2)), (1, 0, ethernet(tcp(2)))])
    second = pcapng([(113, b"any")], [(2, 0, struct.pack(">HHH8sH", 4, 1, 6, bytes(8), 0x0800) + tcp(2))], ">")
    lines, summary, _ = read(schema, "-vv", capture(first + second))
    frames = [line for line in lines if line.get("event") == "frame"]
    assert [(f["interface"], f["fields"]["link"], f["fields"]["interface"]) for f in frames] == [
        ("tun0", 101, 1), ("eth0", 1, 0), ("any", 113, 2)]
    assert summary["packets"] == 3


def test_still_being_written(capture, schema):
    """To the end that is there; what is half written is told in one line."""
    path = capture(PLAIN)
    for cut in range(1, 16 + 54):
        path.write_bytes(PLAIN[:-cut])
        lines, summary, done = read(schema, "-vv", path, status=1)
        assert ports(lines) == ALL[:-1] and summary["damaged"] == 1 and lines[-1]["early_end"]
        told = [line for line in done.err.splitlines() if str(path) in line]
        assert len(told) == 1 and "truncated after packet 9: " in told[0]
        assert "hint: the 9 packets before that were read" in done.err
    path.write_bytes(PLAIN[:-70])  # between two packets: nothing is missing
    assert ports(read(schema, "-vv", path)[0]) == ALL[:-1]


def test_damaged(capture, schema):
    """Everything up to the damage, one line, exit 1; other files are read to their end."""
    bad = bytearray(PLAIN)
    bad[24 + 5 * 70 + 8:24 + 5 * 70 + 12] = b"\xff\xff\xff\x7f"
    packed = bytearray(gzip.compress(PLAIN))
    packed[-6] ^= 0xff
    for content, given, words in (
            (bytes(bad), 5, "damaged after packet 5: the next packet is longer than a packet can be"),
            (gzip.compress(PLAIN)[:-5], 10, "truncated after packet 10: its packed data ends early"),
            (zstd(PLAIN)[:-5], 9, "truncated after packet 9: its packed data ends early"),
            (bytes(packed), 10, "damaged after packet 10: its gzip data is damaged"),
            (pcapng([(1, b"")], [(0, 0, ARP)], blocks=bytes(12)), 1, "damaged after packet 1: a block")):
        path = capture(content, "bad")
        good = capture(pcap([(20, ethernet(tcp(2, source=7)))]), "good")
        lines, summary, done = read(schema, "-vv", path, good, status=1)
        assert len([line for line in lines if line.get("event") == "frame"]) >= given
        assert summary["damaged"] == 1 and ports(lines)[-1] == 7
        assert len([line for line in done.err.splitlines() if words in line]) == 1, done.err
        assert "the capture ends early" in done.err
    short = sockwhy("read", capture(PLAIN[:20]))
    assert short.returncode == 1 and "truncated: it ends inside its own header" in short.err


def test_not_a_capture(capture, tmp_path):
    for content, words in ((b"", "empty"), (b"#!/bin/sh\n", "neither a capture nor a recording"),
                           (gzip.compress(b"some text"), "neither a capture nor a recording")):
        done = sockwhy("read", capture(content))
        assert done.returncode == 1 and words in done.err and "hint:" in done.err and not done.out
    for path in (tmp_path / "absent", tmp_path):
        done = sockwhy("read", path, capture(PLAIN))
        assert done.returncode == 1 and str(path) in done.err and "10 packets" in done.err
    empty = sockwhy("read", capture(PLAIN[:24]))
    assert empty.returncode == 0 and "no packet;" in empty.err


def test_what_is_not_read(capture, schema):
    """Counted by reason, in both summaries, and shown under -v; nothing is skipped in silence."""
    other = capture(pcap([(0, b"\0" * 40)], link=105), "wifi")
    content = pcap(FRAMES + [(6, ARP), (7, ARP), (8, ethernet(tcp(2)[:12])), (9, ethernet(b"\x75" * 8 + tcp(2)))])
    content += pcap([(10, ethernet(tcp(2)))], snaplen=44)[24:]
    lines, summary, done = read(schema, "-v", capture(content), other)
    assert summary["unread"] == {"link": 1, "not-ip": 2, "cut": 1, "malformed": 1, "fragment": 0}
    assert summary["packets"] == 16 and summary["cut"] == 1
    shown = [line["fields"]["unread"] for line in lines if line.get("event") == "frame"]
    assert sorted(shown) == ["cut", "link", "malformed", "not-ip", "not-ip"]
    assert "16 packets in 2 files, 1 of an unknown link type, 2 not IP, 1 cut short before the IP header" in done.err


def test_fragments_and_tunnels(capture, schema):
    """A datagram in three parts is told with the last, in whatever order; one that lacks a part is counted."""
    def part(ident, offset, more, data):
        return ethernet(struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(data), ident, more << 13 | offset // 8, 64, 17, 0,
                                    bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))) + data)
    data = struct.pack(">HHHH", 5353, 53, 2400, 0) + bytes(2392)
    whole = [part(1, 1600, 0, data[1600:]), part(1, 0, 1, data[:800]), part(1, 800, 1, data[800:1600])]
    inner = tcp(2, source=4242)
    outer = ethernet(struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(inner), 7, 0, 64, 4, 0, bytes((192, 0, 2, 1)),
                                 bytes((192, 0, 2, 2))) + inner)
    path = capture(pcap([(n, f) for n, f in enumerate(whole + [part(2, 0, 1, data[:800]), outer])]))
    lines, summary, done = read(schema, "-vv", path)
    read_ones = [line for line in lines if line.get("event") == "frame" and "packet" in line]
    assert [(line["fields"]["frame"], line["packet"]["source"]["port"]) for line in read_ones] == [(3, 5353), (5, 4242)]
    assert "len 2392" in read_ones[0]["packet"]["text"]
    assert read_ones[1]["packet"]["source"]["address"] == "10.0.0.1"
    assert summary["unread"]["fragment"] == 3 and summary["partial"] == 1
    assert "3 fragments of others, 1 without some fragment" in done.err


@pytest.mark.parametrize("args, wanted", [
    (["--since", "2"], ALL[4:]), (["--since", "2s", "--until", "3"], ALL[4:7]), (["--until", "500ms"], ALL[:2]),
    (["--since", "2026-11-20T10:31:09Z"], ALL[4:]), (["--until", "2026-11-20 10:31:07.999Z"], ALL[:2]),
    (["--since", "2026-11-20T12:31:09+02:00", "--until", "2026-11-20T10:31:10z"], ALL[4:7]),
    (["--since", "1h"], []), (["--since", "0"], ALL), (["--until", "2026-11-19T00:00:00Z"], [])])
def test_window(capture, schema, args, wanted):
    """Of packet time, both ends included; relative times count from the first packet of all files."""
    lines, summary, done = read(schema, "-vv", *args, capture(PLAIN),
                                capture(pcap([(100, ethernet(tcp(2, source=9)))]), "late"))
    assert [port for port in ports(lines) if port != 9] == wanted
    assert summary["packets"] == 11 and summary["outside"] == 11 - len(ports(lines))
    assert summary["outside"] == 0 or f", {summary['outside']} left out by --since" in done.err


def test_window_of_local_time(capture):
    """Without an offset it is the time of this machine, as text shows it."""
    done = sockwhy("read", "-vv", "--since", "2026-11-20T19:31:11", capture(PLAIN), env={"TZ": "Asia/Tokyo"})
    assert "8 left out" in done.err and "19:31:11.000+09:00 event frame" in done.out


def test_window_refused(capture, case):
    for args in (["--since", "yesterday"], ["--since", "2026-11-31T00:00:00Z"], ["--until", "2026-11-20"],
                 ["--since", "-5"], ["--since", "10", "--until", "5"], ["--until", "2026-11-20T10:31:07+2"],
                 ["--since", "2026-11-20T25:00:00Z"], ["--since", "2026-11-20T10:31:07Zx"]):
        done = sockwhy("read", *args, capture(PLAIN))
        assert done.returncode == 2 and "hint:" in done.err, args
    done = sockwhy("read", "--since", "1", case("connect-refused"))
    assert done.returncode == 2 and "a recording" in done.err


def test_filter(capture, schema):
    """pcap-filter expressions and -i show what matches; the summary counts every packet all the same."""
    path = capture(pcapng([(1, b"eth0"), (1, b"eth1")], [(at, n % 2, f) for n, (at, f) in enumerate(FRAMES)]))
    for expression, wanted in (("port 1003", [1003]), ("src port 1003 or src port 1005", [1003, 1005]),
                               ("host 10.0.0.2", ALL), ("udp", []), ("not portrange 1000-1007", [1008, 1009])):
        lines, summary, _ = read(schema, "-vv", "-f", expression, path)
        assert ports(lines) == wanted and summary["packets"] == 10
    assert sockwhy("read", "-f", "ether host 1", path).returncode == 2


def test_interface(capture, schema):
    """-i: packets of other interfaces are left out, and counted; one without a name is not known to be another."""
    path = capture(pcapng([(1, b"eth0"), (1, b"eth1"), (1, b"")], [(at, n % 3, f) for n, (at, f) in enumerate(FRAMES)]))
    lines, summary, done = read(schema, "-vv", "-i", "eth1", path)
    assert ports(lines) == [1001, 1002, 1004, 1005, 1007, 1008] and summary["outside"] == 4
    assert "4 left out by --since, --until or -i" in done.err
    assert ports(read(schema, "-vv", "-i", "eth1", capture(PLAIN, "plain"))[0]) == ALL


def test_recordings_stay(capture, case, schema):
    """A recording beside captures is judged for itself, packed ones too, and is known by its first bytes."""
    recording = case("connect-refused")
    alone = sockwhy("read", "--json", recording)
    packed = capture(gzip.compress(recording.read_bytes()), "x.pcap")
    assert sockwhy("read", "--json", packed).out == alone.out
    both = sockwhy("read", "--json", recording, capture(PLAIN))
    assert both.out.startswith(alone.out) and both.returncode == 0
    assert json.loads(both.out.splitlines()[-1])["capture"]["packets"] == 10
    assert "capture" not in json.loads(alone.out.splitlines()[-1])


def test_dropped_while_capturing(capture, schema):
    """What the capturing program counted as dropped is told as lost."""
    counts = block("<", 5, struct.pack("<III", 0, 0, 0) + option("<", 5, struct.pack("<Q", 12)))
    lines, _, done = read(schema, capture(pcapng([(1, b"eth0")], [(0, 0, FRAMES[0][1])], blocks=counts)))
    lost = next(line for line in lines if line["type"] == "lost")
    assert lost["by_kind"] == {"frame": 12} and "12 records lost" in done.err


def test_order_of_time(capture, schema):
    """Time may run backwards in a file: every packet is read, in the order of the file."""
    shuffled = [FRAMES[n] for n in (5, 0, 9, 1, 8, 2, 7, 3, 6, 4)]
    lines, summary, _ = read(schema, "-vv", capture(pcap(shuffled)))
    assert ports(lines) == [1005, 1000, 1009, 1001, 1008, 1002, 1007, 1003, 1006, 1004]
    assert summary["packets"] == 10 and lines[-1]["duration_us"] == 2000000


def test_memory_is_flat(capture):
    """A file of 100 MB takes no more memory than one of 1 MB."""
    path = capture(b"", "big")
    peaks = []
    for count in (20, 2000):
        with open(path, "wb") as file:
            file.write(PLAIN[:24])
            piece = PLAIN[24:] * 70
            for _ in range(count):
                file.write(piece)
        with subprocess.Popen([SOCKWHY, "read", "-q", path], stdout=subprocess.DEVNULL) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        peaks.append(usage.ru_maxrss)
    assert peaks[1] < peaks[0] + 1024, peaks
