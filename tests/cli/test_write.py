# SPDX-License-Identifier: GPL-2.0-or-later
"""read -w, --mask, --rotate, --keylog: what is written from recordings and captures, and what is refused."""

import gzip
import json
import os
import re
import shutil
import stat
import struct
import subprocess

import pytest

from program import ROOT, sockwhy
from written import blocks, missing, packets

SECRET = "CLIENT_RANDOM " + "ab" * 32 + " " + "cd" * 48 + "\n"


def pcap(path, *frames, link=101):
    """A capture file of IP packets, a second apart."""
    data = struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link)
    for second, frame in enumerate(frames):
        data += struct.pack("=IIII", 1700000000 + second, 0, len(frame), len(frame)) + frame
    path.write_bytes(data)
    return path


def tcp(payload=b"", flags=0x18, source=1, destination=2, ports=(40000, 80)):
    ip = struct.pack("!BBHHHBBH4B4B", 0x45, 0, 40 + len(payload), 1, 0, 64, 6, 0, 10, 0, 0, source, 10, 0, 0, destination)
    return ip + struct.pack("!HHIIBBHHH", *ports, 1000, 0, 5 << 4, flags, 512, 0, 0) + payload


@pytest.mark.parametrize("name,count", [("connect-refused", 2), ("connect-no-answer", 3), ("local-firewall", 2)])
def test_packets_of_findings(case, tmp_path, name, count):
    """Every packet of the connection, with its process and every word that was said of it."""
    path = tmp_path / "out.pcapng"
    done = sockwhy("read", "-w", path, case(name))
    assert done.returncode == 0, done.err
    assert re.search(rf"out\.pcapng: {count} packets$", done.err, re.M)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = packets(path)
    assert len(found) == count
    for data, wire, options in found:
        assert data[0] >> 4 == 4 and wire >= len(data)
        assert b"curl[4121]" in options and f"error {name} (".encode() in options
    assert [kind for kind, _ in blocks(path)].count(1) == 1


@pytest.mark.parametrize("name,finding,count,all_of_it", [
    ("conn-reset-by-peer", "conn-reset-by-peer", 10, 10), ("tls-alert", "tls-alert", 11, 11),
    ("dns-nxdomain", "dns-nxdomain", 2, 6), ("dns-slow-two-servers", "dns-slow", 6, 6),
    ("dns-truncated-mute", "dns-truncated", 7, 7), ("udp-port-unreachable", "udp-port-unreachable", 2, 2),
    ("udp-reply-from-other-address", "udp-reply-from-other-address", 4, 4),
    ("host-duplicate-address-both", "host-duplicate-address", 2, 2)])
def test_packets_of_what_captures_tell(case, tmp_path, name, finding, count, all_of_it):
    """Of connections, lookups, datagrams and claims, too: what belongs is written with its words, and nothing else."""
    path, whole = tmp_path / "out.pcapng", tmp_path / "whole.pcapng"
    events = case("capture-" + name)
    assert sockwhy("read", "--all", "-w", path, events).returncode == 0
    assert sockwhy("read", "--all", "-v", "-w", whole, events).returncode == 0
    assert len(packets(path)) == count and len(packets(whole)) == all_of_it
    assert all(f" {finding} (".encode() in options for *_, options in packets(path))
    assert sum(b" (" in options for *_, options in packets(whole)) == count
    assert not [body for kind, body in blocks(path) if kind == 9], "packets and an entry say the same"


def named_after_their_finding():
    """Replays that are named after the finding they make, of records and of captures."""
    done = sockwhy("explain", "--json")
    ids = [line["name"] for line in map(json.loads, done.out.splitlines()) if line.get("of") == "finding"]
    names = [name for finding in ids for name in (finding, f"capture-{finding}")]
    return [name for name in names if (ROOT / f"tests/replay/cases/{name}.events").exists()]


def test_every_finding_is_written(case, schema, tmp_path):
    """A packet of each where one was seen, else an entry."""
    names, absent = named_after_their_finding(), []
    for name in names:
        path = tmp_path / f"{name}.pcapng"
        done = sockwhy("read", "--all", "--json", "-w", path, case(name))
        found = [schema.check(line) for line in done.out.splitlines()]
        finals = [line for line in found if line["type"] == "finding" and line["state"] == "final"]
        assert done.returncode == 0 and finals, name
        absent += [(name, finding["finding"]) for finding in missing(path, finals)]
    assert len(names) > 90 and not absent


def claim(mac, opcode=2):
    """An ARP frame in which MAC claims 10.0.0.9."""
    head = b"\x02" * 6 + bytes([2, 0, 0, 0, 0, mac]) + b"\x08\x06" + struct.pack("!HHBBH", 1, 0x0800, 6, 4, opcode)
    return head + bytes([2, 0, 0, 0, 0, mac, 10, 0, 0, 9]) + b"\x02" * 6 + bytes([10, 0, 0, 1])


def test_no_ip_packet(tmp_path):
    """ARP stands in no file of IP packets: the finding has an entry instead."""
    source, path = tmp_path / "in.pcap", tmp_path / "out.pcapng"
    pcap(source, *(claim(1 + i % 2) for i in range(12)), link=1)
    done = sockwhy("read", "-w", path, source)
    assert done.returncode == 0 and "host-duplicate-address" in done.out, done.out
    assert not packets(path) and [kind for kind, _ in blocks(path)].count(9) == 1


def test_finding_without_a_packet(case, tmp_path):
    path = tmp_path / "out.pcapng"
    assert sockwhy("read", "-w", path, case("local-no-route")).returncode == 0
    entries = [body for kind, body in blocks(path) if kind == 9]
    assert not packets(path) and len(entries) == 1 and b"MESSAGE=error local-no-route (certain): " in entries[0]


def test_healthy_is_not_written(case, tmp_path):
    """The nearest miss of a refused connect: nothing is found, so nothing is written, but with -v everything."""
    path, whole = tmp_path / "out.pcapng", tmp_path / "whole.pcapng"
    events = case("connect-refused")
    done = sockwhy("read", "--mute", "connect-refused", "-w", path, events)
    assert done.returncode == 0 and not packets(path)
    assert sockwhy("read", "-v", "--mute", "connect-refused", "-w", whole, events).returncode == 0
    assert len(packets(whole)) == 2 and all(b"connect-refused" not in options for _, _, options in packets(whole))


def test_several_files_into_one(case, tmp_path):
    """Each file's findings speak of its own packets."""
    path = tmp_path / "out.pcapng"
    done = sockwhy("read", "-w", path, case("connect-refused"), case("connect-no-answer"))
    assert done.returncode == 0 and len(packets(path)) == 5
    assert sum(b"error connect-refused" in options for *_, options in packets(path)) == 2


def test_capture(tmp_path):
    """Without payload; with it by --snaplen; a filter chooses; the file is read to where it is damaged, told once."""
    source = pcap(tmp_path / "in.pcap", tcp(), tcp(b"secret" * 9), tcp(b"other", source=3))
    path = tmp_path / "out.pcapng"
    assert sockwhy("read", "-w", path, source).returncode == 0
    assert not packets(path)
    assert sockwhy("read", "-v", "--force", "-w", path, source).returncode == 0
    assert [(len(data), wire) for data, wire, _ in packets(path)] == [(40, 40), (40, 94), (40, 45)]
    assert sockwhy("read", "-v", "--snaplen", "50", "--force", "-w", path, "-f", "host 10.0.0.1", source).returncode == 0
    assert [len(data) for data, *_ in packets(path)] == [40, 50]
    source.write_bytes(source.read_bytes()[:-10])
    done = sockwhy("read", "-v", "--force", "-w", path, source)
    assert done.returncode == 1 and len(packets(path)) == 2
    assert len([line for line in done.err.splitlines() if "in.pcap" in line]) == 1, done.err


@pytest.mark.parametrize("file", [False, True], ids=["pipe", "file"])
def test_standard_input(case, tmp_path, file):
    """It is read twice like a file: recordings and captures, packed ones too; nothing of it is left behind."""
    folder, path, plain = tmp_path / "tmp", tmp_path / "out.pcapng", tmp_path / "plain.pcapng"
    folder.mkdir()
    capture = pcap(tmp_path / "in.pcap", tcp(), *(tcp(bytes(1400)) for _ in range(400)))
    packed = tmp_path / "in.pcap.gz"
    packed.write_bytes(gzip.compress(capture.read_bytes()))
    for source in (case("connect-refused"), capture, packed):
        known = sockwhy("read", "-v", "--force", "-w", plain, source)
        with source.open("rb") as stdin:
            given = {"stdin": stdin} if file else {"data": source.read_bytes()}
            done = sockwhy("read", "-v", "--force", "-w", path, "-", env={"TMPDIR": str(folder)}, **given)
        assert done.returncode == known.returncode == 0 and done.out == known.out, done.err
        assert packets(path) == packets(plain) and packets(path)
        assert not list(folder.iterdir())
    source = capture.read_bytes()[:-10]
    done = sockwhy("read", "-v", "--force", "-w", path, "-", data=source)
    assert done.returncode == 1 and "standard input: " in done.err and "/proc/" not in done.err


def test_standard_input_without_room(case, tmp_path):
    data = case("connect-refused").read_bytes()
    done = sockwhy("read", "-w", tmp_path / "out", "-", data=data, env={"TMPDIR": str(tmp_path / "none")})
    assert done.returncode == 1 and "standard input" in done.err and "TMPDIR" in done.err and not done.out
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    done = sockwhy("read", "-w", tmp_path / "other", fifo)
    assert done.returncode == 1 and str(fifo) in done.err and "hint: " in done.err


def test_mask(case, tmp_path, schema):
    """The same replacement in packets, comments, text and JSON; what was there is nowhere."""
    path, recording = tmp_path / "out.pcapng", case("connect-refused")
    plain = [schema.check(line) for line in sockwhy("read", "--json", "-vv", recording).out.splitlines()]
    done = sockwhy("read", "--mask", "--json", "-vv", "-w", path, recording)
    lines = [schema.check(line) for line in done.out.splitlines()]
    assert done.returncode == 0
    old = next(line for line in plain if line["type"] == "finding")
    new = next(line for line in lines if line["type"] == "finding")
    there, before = new["connection"]["remote"]["address"], old["connection"]["remote"]["address"]
    assert re.fullmatch(r"10(\.\d+){3}", there) and there != before and there in new["summary"]
    assert new["summary"].replace(there, before) == old["summary"]
    for key in ("group",):
        assert new[key] != old[key]
    assert new["connection"]["community_id"] != old["connection"]["community_id"]
    assert new["host"] != old["host"] and len(new["host"]["name"]) == len(old["host"]["name"])
    for text in (done.out, path.read_bytes().decode("latin-1")):
        assert before not in text and old["connection"]["local"]["address"] not in text and "10.0.0.0" not in text
    raw = bytes(int(part) for part in there.split("."))
    syn, reset = (data for data, *_ in packets(path))
    assert syn[16:20] == raw == reset[12:16]
    assert there.encode() in packets(path)[0][2]
    again = sockwhy("read", "--mask", "--json", recording)
    assert there not in again.out, "another run has another key"
    assert before not in sockwhy("read", "--mask", recording).out


def test_mask_cuts_payload(tmp_path):
    source, path = pcap(tmp_path / "in.pcap", tcp(b"secret" * 9)), tmp_path / "out.pcapng"
    assert sockwhy("read", "-v", "--mask", "--snaplen", "65535", "-w", path, source).returncode == 0
    (data, wire, _), = packets(path)
    assert len(data) == 40 and wire == 94 and b"secret" not in path.read_bytes()


def test_keylog(tmp_path):
    """The secrets stand in front of all packets, without comments; standard error warns, even with -q."""
    source, path, keys = pcap(tmp_path / "in.pcap", tcp()), tmp_path / "out.pcapng", tmp_path / "keys"
    keys.write_text("# SSL/TLS secrets log file\r\n\n" + SECRET.replace("\n", "\r\n") + "CLIENT_RANDOM aa")
    done = sockwhy("read", "-q", "-v", "--keylog", keys, "-w", path, source)
    assert done.returncode == 0 and re.fullmatch(r"sockwhy: .*out\.pcapng holds 1 TLS secret: .*\n", done.err), done.err
    kinds = [kind for kind, _ in blocks(path)]
    assert kinds.index(10) < kinds.index(6)
    body = next(body for kind, body in blocks(path) if kind == 10)
    assert body[:4] == struct.pack("=I", 0x544C534B)
    assert body[8:8 + struct.unpack_from("=I", body, 4)[0]].decode() == SECRET


@pytest.mark.parametrize("text", [
    "secret\n", SECRET + "CLIENT_RANDOM 12 34\n", SECRET.replace("ab", "xy"), SECRET.replace(" cd", " d"),
    SECRET.replace("CLIENT", "client"), SECRET.strip() + " more\n", "-----BEGIN PRIVATE KEY-----\n", "", "# nothing\n", SECRET.strip(),
    "A" * 100000 + "\n", "\0" * 100 + "\n",
], ids=range(12))
def test_no_keylog(tmp_path, text):
    """What is no key log is not embedded, and no file is made."""
    source, path, keys = pcap(tmp_path / "in.pcap", tcp()), tmp_path / "out.pcapng", tmp_path / "keys"
    keys.write_text(text)
    done = sockwhy("read", "--keylog", keys, "-w", path, source)
    assert done.returncode == 1 and "keys" in done.err and not path.exists()


def test_keylog_too_long(tmp_path):
    source, path, keys = pcap(tmp_path / "in.pcap", tcp()), tmp_path / "out.pcapng", tmp_path / "keys"
    keys.write_text(SECRET * (1 + (8 << 20) // len(SECRET)))
    done = sockwhy("read", "--keylog", keys, "-w", path, source)
    assert done.returncode == 1 and "too large" in done.err and not path.exists()


@pytest.mark.parametrize("args,words", [
    (["read", "--snaplen", "100", "x"], ["--snaplen", "-w"]),
    (["read", "--snaplen", "1", "-w", "y", "x"], ["--snaplen", "'1'"]),
    (["run", "--snaplen", "262145", "-w", "y", "--", "true"], ["--snaplen", "'262145'"]),
    (["run", "--keylog", "k", "-w", "y", "--", "true"], ["--keylog", "--snaplen"]),
    (["run", "--keylog", "k", "--", "true"], ["--keylog", "-w"]),
    (["run", "--keylog", "y", "--snaplen", "1k", "-w", "y", "--", "true"], ["--keylog", "-w", "the same"]),
    (["read", "--keylog", "k", "x"], ["--keylog", "-w"]),
    (["read", "--keylog", "k", "--mask", "-w", "y", "x"], ["--keylog", "--mask"]),
    (["watch", "--keylog", "k", "-w", "y"], ["--keylog", "watch"]),
    (["watch", "--mask", "--record", "y"], ["--mask", "--record"]),
    (["read", "--rotate", "1M", "x"], ["--rotate", "-o", "-w"]),
    (["read", "--rotate", "1", "-w", "y", "x"], ["--rotate", "'1'"]),
    (["read", "--files", "3", "-w", "y", "x"], ["--files", "--rotate"]),
    (["read", "--rotate", "1M", "--files", "1", "-w", "y", "x"], ["--files", "'1'"]),
    (["read", "-o", "y", "-w", "y", "x"], ["-o", "-w", "the same"]),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_wrong(tmp_path, args, words):
    done = sockwhy(*args, cwd=tmp_path)
    lines = done.err.splitlines()
    assert done.returncode == 2 and done.out == "" and len(lines) == 2 and lines[1].startswith("hint: "), done.err
    assert all(word in done.err for word in words) and not list(tmp_path.iterdir())


def test_never_over_what_is_there(case, tmp_path):
    path, link, recording = tmp_path / "out.pcapng", tmp_path / "link.pcapng", case("connect-refused")
    path.write_text("precious")
    link.symlink_to(path)
    for target in (path, link):
        done = sockwhy("read", "-w", target, recording)
        assert done.returncode == 1 and "File exists" in done.err and "--force" in done.err
    assert sockwhy("read", "--force", "-w", link, recording).returncode == 1
    assert path.read_text() == "precious"
    assert sockwhy("read", "--force", "-w", path, recording).returncode == 0 and packets(path)
    assert sockwhy("read", "-w", tmp_path / "no/dir", recording).returncode == 1


def test_never_over_what_is_read(tmp_path):
    """--force takes a file over, but not the one that is to be read, by whatever name."""
    source, link, keys = pcap(tmp_path / "in.pcap", tcp()), tmp_path / "hard.pcap", tmp_path / "keys"
    link.hardlink_to(source)
    keys.write_text(SECRET)
    before = source.read_bytes()
    for args in (["-w", source], ["-w", link], ["-o", source], ["-w", keys, "--keylog", keys]):
        done = sockwhy("read", "--force", *args, source)
        assert done.returncode == 2 and "overwrite what is to be read" in done.err, done.err
    assert source.read_bytes() == before and keys.read_text() == SECRET


def test_rotation_of_text(case, tmp_path):
    """A finding is never torn apart: every file begins with one."""
    recording = case("connect-refused")
    files = [recording] * 150
    done = sockwhy("read", "--rotate", "64k", "-o", tmp_path / "o.txt", *files)
    assert done.returncode == 0
    made = sorted(tmp_path.glob("o.*.txt"))
    assert len(made) >= 2 and [path.name for path in made] == [f"o.{n:05}.txt" for n in range(1, len(made) + 1)]
    whole = "".join(path.read_text() for path in made)
    assert whole == sockwhy("read", *files).out
    for path in made:
        assert path.stat().st_size <= 65536 and re.match(r"2026-11-20 .* error  .* connect-refused\n", path.read_text())


def test_full_disk(case):
    done = sockwhy("read", "--force", "-w", "/dev/full", case("connect-refused"))
    assert done.returncode == 1 and "No space left" in done.err


# ---- a file says what it holds

SYN, RST, ACK, PSH_ACK, FIN_ACK = 0x02, 0x04, 0x10, 0x18, 0x11
HELLO = b"\x16\x03\x01\x00\x2a\x01\x00\x00\x26\x03\x03" + bytes(32) + b"\x00\x00\x02\x13\x01\x01\x00"


def option(code, value):
    return struct.pack("=HH", code, len(value)) + value + bytes(-len(value) % 4)


def block(kind, body):
    return struct.pack("=II", kind, len(body) + 12) + body + struct.pack("=I", len(body) + 12)


def pcapng(path, holds, *timed, options=b"", statistics=b""):
    """A pcapng of IP packets as sockwhy writes it; `timed`: (seconds, packet)."""
    data = block(0x0A0D0D0A, struct.pack("=IHHq", 0x1A2B3C4D, 1, 0, -1))
    data += block(1, struct.pack("=HHI", 101, 0, 262144) + (option(1, holds.encode()) if holds else b"") + option(9, b"\x09") + option(0, b""))
    for seconds, packet in timed:
        ns = 1700000000 * 10**9 + int(seconds * 10**9)
        body = struct.pack("=IIIII", 0, ns >> 32, ns & 0xFFFFFFFF, len(packet), len(packet))
        data += block(6, body + packet + bytes(-len(packet) % 4) + options)
    path.write_bytes(data + statistics)
    return path


def segment(family, from_client, flags, seq, ack, payload=b"", ports=(40000, 443)):
    ports = ports if from_client else ports[::-1]
    upper = struct.pack("!HHIIBBHHH", *ports, seq, ack, 5 << 4, flags, 512, 0, 0) + payload
    ends = (1, 2) if from_client else (2, 1)
    if family == 4:
        return struct.pack("!BBHHHBBH4B4B", 0x45, 0, 20 + len(upper), 1, 0, 64, 6, 0, 10, 0, 0, ends[0], 10, 0, 0, ends[1]) + upper
    return struct.pack("!IHBB", 6 << 28, len(upper), 6, 64) + b"".join(b"\xfd" + bytes(14) + bytes([end]) for end in ends) + upper


def healthy_tls(family):
    """What `watch -w` has of a session that went well: no record of data, no acknowledgment."""
    return [(0, segment(family, True, SYN, 1000, 0)), (.01, segment(family, False, SYN | ACK, 5000, 1001)),
            (.02, segment(family, True, PSH_ACK, 1001, 5001, HELLO)), (9, segment(family, False, RST, 9000, 0))]


def findings_of(schema, *args):
    done = sockwhy("read", "--json", "--all", *args)
    assert done.returncode == 0, done.err
    lines = [schema.check(line) for line in done.out.splitlines()]
    return [line["finding"] for line in lines if line["type"] == "finding"], lines[-1]["capture"].get("holds", [])


def test_says_what_it_holds(case, tmp_path):
    path = tmp_path / "out.pcapng"
    for args, words in (((), b"sockwhy holds=findings bytes=headers"), (("-v",), b"sockwhy holds=all bytes=headers"),
                        (("-v", "--snaplen", "500"), b"sockwhy holds=all bytes=500")):
        assert sockwhy("read", "--all", "--force", "-w", path, *args, case("capture-conn-reset-by-peer")).returncode == 0
        assert all(option(1, words) in body for kind, body in blocks(path) if kind == 1)
    again = tmp_path / "again.pcapng"  # what a file lacks, one made of it lacks as well
    assert sockwhy("read", "--all", "--force", "-w", path, case("capture-conn-reset-by-peer")).returncode == 0
    assert sockwhy("read", "--all", "-v", "-w", again, path).returncode == 0
    assert option(1, b"sockwhy holds=findings bytes=headers") in again.read_bytes()


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("merged", [False, True])
def test_handshakes_alone(schema, tmp_path, family, merged):
    """Of what such a file cannot hold nothing is missing, after mergecap as well; the same packets of anybody's file tell."""
    plain = pcapng(tmp_path / "plain.pcapng", "", *healthy_tls(family))
    path = pcapng(tmp_path / "some.pcapng", "sockwhy holds=handshakes bytes=headers", *healthy_tls(family))
    if merged:
        if not shutil.which("mergecap"):
            pytest.skip("no mergecap")
        other = pcapng(tmp_path / "other.pcapng", "", (20, tcp(flags=SYN)))
        subprocess.run(["mergecap", "-w", tmp_path / "m.pcapng", path, other], check=True)
        path = tmp_path / "m.pcapng"
    assert findings_of(schema, plain)[0]
    assert findings_of(schema, path) == ([], ["handshakes"])
    assert "without what connections carried" in sockwhy("read", path).err
    assert not sockwhy("flows", "--csv", path).out.count(":443")


@pytest.mark.parametrize("family", [4, 6])
def test_findings_alone(schema, tmp_path, family):
    """A finding of a connect has the begin of a connection: that nothing follows means nothing."""
    begin = [(0, segment(family, True, SYN, 1000, 0)), (.01, segment(family, False, SYN | ACK, 5000, 1001)),
             (.02, segment(family, True, ACK, 1001, 5001)), (90, segment(family, True, SYN, 7, 0, ports=(40001, 80)))]
    begin[3:3] = [(second, segment(family, True, PSH_ACK, 1001, 5001, b"GET / HTTP/1.1\r\n\r\n")) for second in (.03, .3, .9, 2, 4, 8, 16)]
    assert findings_of(schema, pcapng(tmp_path / "a.pcapng", "", *begin))[0] == ["conn-timed-out"]
    assert findings_of(schema, pcapng(tmp_path / "b.pcapng", "sockwhy holds=findings bytes=headers", *begin)) == ([], ["findings"])


def test_compare_of_what_a_file_lacks(schema, tmp_path):
    """What is no SYN, SYN/ACK or reset is not lost on the way to a file that holds no such thing."""
    whole = [(0, segment(4, True, SYN, 1000, 0)), (.01, segment(4, False, SYN | ACK, 5000, 1001)), (.02, segment(4, True, ACK, 1001, 5001)),
             (.03, segment(4, True, PSH_ACK, 1001, 5001, b"x" * 400)), (.04, segment(4, False, PSH_ACK, 5001, 1401, b"y" * 400)),
             (.05, segment(4, True, PSH_ACK, 1401, 5401, b"x" * 400)), (9, segment(4, True, SYN, 1000, 0, ports=(40001, 443)))]
    some = [p for p in whole if p[1][33] & SYN]
    a = pcapng(tmp_path / "a.pcapng", "", *whole)

    def verdicts(holds):
        done = sockwhy("compare", "--json", "--all", a, pcapng(tmp_path / "b.pcapng", holds, *some))
        return [(line["verdict"], line.get("unsure", [])) for line in map(schema.check, done.out.splitlines()) if line["type"] == "comparison"]

    assert verdicts("")[0][0] == "ack-lost"
    assert verdicts("sockwhy holds=handshakes bytes=headers")[0][0] == "cannot-tell"
    assert "some-packets" in verdicts("sockwhy holds=handshakes bytes=headers")[0][1]


def test_packets_that_were_lost(schema, tmp_path):
    """The count in front of a packet outlives merging; with the one at the end it is the same loss."""
    lost, end = option(4, struct.pack("=Q", 5)) + option(0, b""), option(7, struct.pack("=Q", 5)) + option(0, b"")
    for statistics in (b"", block(5, struct.pack("=III", 0, 0, 0) + end)):
        path = pcapng(tmp_path / "x.pcapng", "", (0, tcp()), options=lost, statistics=statistics)
        lines = [schema.check(line) for line in sockwhy("read", "--json", path).out.splitlines()]
        assert [line["by_kind"] for line in lines if line["type"] == "lost"] == [{"frame": 5}]
