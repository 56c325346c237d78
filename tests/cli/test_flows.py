# SPDX-License-Identifier: GPL-2.0-or-later
"""flows and the events of read -v: what the program makes of a capture's TCP connections."""

import csv
import io
import json
import struct

import pytest

from program import sockwhy

FLAGS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16}
MSS = struct.pack(">BBH", 2, 4, 1460)
SCALE = b"\3\3\7\0"


def frame(time_us, from_server, flags, seq, ack, length=0, window=1000, options=b"", port=40000, ident=0, ipv6=False):
    """One pcap record: Ethernet, IP, TCP."""
    ends = [(b"\x0a\0\0\1", port), (b"\x0a\0\0\2", 80)]
    (source, source_port), (destination, destination_port) = reversed(ends) if from_server else ends
    tcp = struct.pack(">HHIIBBHHH", source_port, destination_port, seq, ack, (20 + len(options)) // 4 << 4,
                      sum(FLAGS[flag] for flag in flags), window, 0, 0) + options + b"x" * length
    if ipv6:
        source, destination = (b"\xfd" + b"\0" * 11 + end for end in (source, destination))
        packet = b"\x60\0\0\0" + struct.pack(">HBB", len(tcp), 6, 64) + source + destination + tcp
    else:
        packet = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), ident, 0, 64, 6, 0, source, destination) + tcp
    whole = b"\0" * 12 + (b"\x86\xdd" if ipv6 else b"\x08\0") + packet
    return struct.pack("<IIII", 1700000000 + time_us // 1000000, time_us % 1000000, len(whole), len(whole)) + whole


def pcap(tmp_path, *frames, name="test.pcap"):
    path = tmp_path / name
    path.write_bytes(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1) + b"".join(frames))
    return path


def connection(start_us=0, size=100, port=40000, ipv6=False):
    """Handshake of 20 ms, a request of so many bytes, an answer, closed by the server."""
    more = {"port": port, "ipv6": ipv6}
    steps = ((0, 0, "S", 1000, 0, 0), (10000, 1, "SA", 5000, 1001, 0), (20000, 0, "A", 1001, 5001, 0),
             (20100, 0, "PA", 1001, 5001, size), (30000, 1, "A", 5001, 1001 + size, 0),
             (40000, 1, "PA", 5001, 1001 + size, 700), (50000, 0, "A", 1001 + size, 5701, 0),
             (60000, 1, "FA", 5701, 1001 + size, 0), (70000, 0, "FA", 1001 + size, 5702, 0),
             (80000, 1, "A", 5702, 1002 + size, 0))
    return [frame(start_us + at, side, flags, seq, ack, length, options=MSS + SCALE if "S" in flags else b"", **more)
            for at, side, flags, seq, ack, length in steps]


def flows(schema, *args):
    done = sockwhy("flows", "--json", *args)
    assert done.returncode == 0, done.err
    return [schema.check(line) for line in done.out.splitlines()]


@pytest.mark.parametrize("ipv6", [False, True])
def test_figures(tmp_path, schema, ipv6):
    flow, = flows(schema, pcap(tmp_path, *connection(ipv6=ipv6)))
    assert flow["client"]["address"] == ("fd00::a00:1" if ipv6 else "10.0.0.1")
    assert (flow["client"]["port"], flow["server"]["port"]) == (40000, 80)
    assert flow["time"] == "2023-11-14T22:13:20.000000000Z"
    wanted = {"stream": 0, "duration_us": 80000, "first_frame": 1, "last_frame": 10, "handshake": "whole",
              "handshake_us": 20000, "packets": 10, "bytes": 800, "retransmissions": 0, "lost_segments": 0,
              "ended": "closed", "closed_first": "server", "closed_at_once": False}
    assert {key: flow[key] for key in wanted} == wanted
    assert "reset_by" not in flow
    client = {"packets": 5, "segments": 1, "bytes": 100, "mss": 1460, "window_scale": 7, "sack": False, "syns": 1,
              "fin_at_us": 70000, "rtt_samples": 3, "longest_segment": 100, "window_most": 128000}
    assert {key: flow["client"][key] for key in client} == client
    assert flow["server"]["bytes"] == 700
    assert "timestamps" in flow["server"]


def test_what_is_unknown_is_absent(tmp_path, schema):
    """The middle of a connection: no option of a handshake, no round trip of it, no side that closed."""
    flow, = flows(schema, pcap(tmp_path, frame(0, 0, "A", 1, 1, 10)))
    assert flow["handshake"] == "none"
    for key in ("handshake_us", "closed_first", "closed_at_once", "reset_by", "idle_longest_at_us"):
        assert key not in flow
    for key in ("mss", "window_scale", "sack", "fin_at_us", "rtt_mean_us"):
        assert key not in flow["client"]


def test_csv_says_the_same(tmp_path, schema):
    path = pcap(tmp_path, *connection(), *connection(200000, 50, 40001)[:4])
    done = sockwhy("flows", "--csv", path)
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert done.returncode == 0 and len(rows) == 2
    for row, flow in zip(rows, flows(schema, path)):
        assert row["started"] == flow["time"]
        for prefix, part in (("", flow), ("client_", flow["client"]), ("server_", flow["server"])):
            for key, value in part.items():
                if not isinstance(value, dict) and key not in ("type", "schema", "time"):
                    shown = str(value).lower() if isinstance(value, bool) else str(value)
                    assert row[prefix + key] == shown, key
    assert rows[1]["closed_first"] == ""


def test_text(tmp_path):
    done = sockwhy("flows", "--utc", pcap(tmp_path, *connection()))
    head, line = done.out.splitlines()
    assert head.split()[:2] == ["started", "duration"]
    assert line.split()[:2] == ["2023-11-14", "22:13:20.000Z"]
    for word in ("5/5", "100/700", "closed by server", "10.0.0.1:40000 → 10.0.0.2:80"):
        assert word in line
    assert "1 connection" in done.err and "10 packets" in done.err
    done = sockwhy("flows", pcap(tmp_path, frame(0, 0, "A", 1, 1, 10)), env={"LC_ALL": "C"})
    assert done.out.isascii() and "(begin not seen)" in done.out


@pytest.mark.parametrize("ipv6", [False, True])
def test_its_verdict(tmp_path, schema, ipv6):
    """The row of a connection that read has a finding of names that; of one that is in order nothing."""
    refused = [frame(0, 0, "S", 1000, 0, port=41000, ipv6=ipv6), frame(300, 1, "RA", 0, 1001, port=41000, ipv6=ipv6)]
    gave_nothing = [step for step in connection(10000, 100, 42000, ipv6)[:4]]
    gave_nothing += [frame(40000 + n * 400000 * 2 ** n, 0, "PA", 1001, 5001, 100, port=42000, ipv6=ipv6) for n in range(6)]
    path = pcap(tmp_path, *sorted(refused + gave_nothing + connection(5000, ipv6=ipv6), key=lambda at: struct.unpack("<II", at[:8])))
    found = {line["connection"]["local"]["port"]: line for line in map(json.loads, sockwhy("read", "--json", "--all", path).out.splitlines())
             if line["type"] == "finding" and line["state"] == "final"}
    rows = {row["client"]["port"]: row for row in flows(schema, path)}
    assert found.keys() == {41000, 42000} and rows.keys() == {40000, 41000, 42000}
    for port, row in rows.items():
        assert [row.get(key) for key in ("finding", "severity", "confidence", "attempt")] == [
            found.get(port, {}).get(key) for key in ("finding", "severity", "confidence", "attempt")]
    assert rows[41000]["finding"] == "connect-refused" and rows[42000]["finding"].startswith("conn-")


def test_sort_and_count(tmp_path, schema):
    frames = [step for i, size in enumerate((30, 500, 7, 500)) for step in connection(i * 100000, size, 40000 + i)]
    path = pcap(tmp_path, *frames)

    def streams(*args):
        return [flow["stream"] for flow in flows(schema, *args, path)]
    assert streams() == [0, 1, 2, 3]
    assert streams("--sort", "bytes") == [1, 3, 0, 2]
    assert streams("--sort", "client_bytes", "-c", "2") == [1, 3]
    assert streams("--sort", "started") == [0, 1, 2, 3]
    assert streams("--sort", "server_port") == [0, 1, 2, 3]
    assert streams("-f", "port 40002") == [2]
    assert "2 not shown" in sockwhy("flows", "-c", "2", path).err
    for field in ("nonsense", "ended", "client_", "client_nonsense", ""):
        done = sockwhy("flows", "--sort", field, path)
        assert (done.returncode, done.out) == (2, "")
        assert "duration_us" in done.err


def test_sorted_in_bounded_memory(tmp_path, schema):
    """Of more rows than are kept the greatest remain, also of connections that left the table."""
    sizes = [(i * 37) % 101 + 1 for i in range(100)]
    frames = [step for i, size in enumerate(sizes) for step in connection(i * 100000, size, 40000 + i)]
    done = sockwhy("flows", "--json", "--sort", "client_bytes", "--max-connections", "16", pcap(tmp_path, *frames))
    kept = [json.loads(line)["client"]["bytes"] for line in done.out.splitlines()]
    assert kept == sorted(sizes, reverse=True)[:16]
    assert "100 connections, 84 not shown; 84 made room" in done.err


def test_evicted_are_told(tmp_path, schema):
    frames = [step for i in range(100) for step in connection(i * 100000, 10, 40000 + i)]
    rows = flows(schema, "--max-connections", "16", pcap(tmp_path, *frames))
    assert sorted(flow["stream"] for flow in rows) == list(range(100))
    assert all(flow["packets"] == 10 and flow["ended"] == "closed" for flow in rows)


def test_usage(tmp_path):
    done = sockwhy("flows", "--since", "5s")  # no file: of this host
    assert done.returncode == 2 and "of captures" in done.err
    path = pcap(tmp_path, *connection())
    assert sockwhy("flows", "--json", "--csv", path).returncode == 2
    assert sockwhy("read", "--csv", path).returncode == 2
    for args in (("--duration", "5s"), ("--record", tmp_path / "rec"), ("--netns", "all"), ("--without", "state")):
        done = sockwhy("flows", *args, path)
        assert (done.returncode, done.out) == (2, "") and args[0] in done.err and "not of a file" in done.err
    done = sockwhy("flows", tmp_path / "absent")
    assert done.returncode == 1 and "absent" in done.err
    done = sockwhy("flows", "--csv", "-o", tmp_path / "out.csv", path)
    assert done.returncode == 0 and done.out == ""
    assert (tmp_path / "out.csv").read_text().count("\n") == 2
    assert sockwhy("flows", "--csv", "-o", tmp_path / "out.csv", path).returncode == 1


def test_damaged_file_gives_what_is_before_the_damage(tmp_path):
    path = pcap(tmp_path, *connection())
    path.write_bytes(path.read_bytes()[:-10])
    done = sockwhy("flows", "--json", path)
    assert done.returncode == 1
    assert json.loads(done.out)["packets"] == 9


def test_full_disk_is_told(tmp_path):
    with open("/dev/full", "wb") as full:
        done = sockwhy("flows", "--csv", pcap(tmp_path, *connection()), stdout=full)
    assert done.returncode == 1 and "No space left" in done.err


def events(schema, path, *args):
    done = sockwhy("read", "--json", "-v", *args, path)
    assert done.returncode == 0, done.err
    lines = [schema.check(line) for line in done.out.splitlines()]
    return [line for line in lines if line["type"] == "event" and "stream" in line["fields"]]


def test_event_lines(tmp_path, schema):
    """One line a flag, with the frame's number; none without -v; a filter holds for them, too."""
    frames = connection()
    again = frame(400000, 0, "PA", 1001, 5001, 100, ident=9)
    path = pcap(tmp_path, *frames[:4], again, *frames[4:6], frame(500000, 0, "A", 1101, 5701, 0, 0, ident=10))
    told = events(schema, path)
    assert [(line["event"], line["frame"]) for line in told] == [
        ("retransmission", 5), ("zero-window", 8)]
    assert told[0]["fields"] == {"file": 0, "stream": 0, "from": "client"}
    assert told[0]["packet"]["source"] == {"address": "10.0.0.1", "port": 40000}
    assert "retransmission" not in sockwhy("read", "--json", path).out
    assert not events(schema, path, "-f", "port 7")
    text = sockwhy("read", "-v", "--utc", path).out
    assert "event retransmission  frame 5  10.0.0.1:40000 → 10.0.0.2:80" in text


def test_event_of_a_copy(tmp_path, schema):
    """A mirrored packet has its flag, and says that it was captured twice; the figures do not count it."""
    frames = connection()
    data = [frame(at, 0, "PA", 1001, 5001, 100, ident=77) for at in (20100, 20110)]
    path = pcap(tmp_path, *frames[:3], *data, *frames[4:])
    line, = events(schema, path)
    assert (line["event"], line["frame"], line["fields"]["copy"]) == ("retransmission", 5, 1)
    assert "captured twice" in sockwhy("read", "-v", path).out
    flow, = flows(schema, path)
    assert (flow["retransmissions"], flow["client"]["copies"], flow["client"]["bytes"]) == (0, 1, 100)


def test_two_flags_two_lines(tmp_path, schema):
    path = pcap(tmp_path, *connection()[:3], frame(30000, 0, "A", 1101, 5001, 10, 0, ident=5))
    assert [(line["event"], line["frame"]) for line in events(schema, path)] == [
        ("lost-segment", 4), ("zero-window", 4)]
