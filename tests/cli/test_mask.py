# SPDX-License-Identifier: GPL-2.0-or-later
"""--mask: no original name in any output, whatever characters it has."""

import re
import struct

import pytest

from program import sockwhy

NAMES = [["payroll", "zzsecret", "com"], ["*", "zzsecret", "example"], ["Jane Zzsecret's Printer", "_ipp", "_tcp", "local"],
         ["\u00fc-zzsecret", "de"], ["a\\b\"zzsecret", "x"], ["zzsecret`$(id)", "y"]]
FORMS = {"text": [], "verbose": ["-v"], "json": ["--json"], "ecs": ["--ecs"], "otlp": ["--otlp-json"], "json-v": ["--json", "-v"], "brief": ["--brief"]}


def ipv4(protocol, payload, back=False):
    ends = bytes((10, 0, 0, 1, 10, 0, 0, 2)) if not back else bytes((10, 0, 0, 2, 10, 0, 0, 1))
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 7, 0, 64, protocol, 0) + ends + payload


def dns(labels, ident, answer):
    name = b"".join(bytes((len(label.encode()),)) + label.encode() for label in labels) + b"\0"
    message = struct.pack(">HHHHHH", ident, 0x8183 if answer else 0x0100, 1, 0, 0, 0) + name + struct.pack(">HH", 1, 1)
    ports = (53, 30000 + ident) if answer else (30000 + ident, 53)
    return ipv4(17, struct.pack(">HHHH", *ports, 8 + len(message), 0) + message, answer)


def hello(labels):
    name = ".".join(labels).encode()
    server_name = struct.pack(">HHHBH", 0, len(name) + 5, len(name) + 3, 0, len(name)) + name
    body = b"\3\3" + bytes(32) + b"\0" + b"\0\2\x13\1" + b"\1\0" + struct.pack(">H", len(server_name)) + server_name
    return b"\x16\3\1" + struct.pack(">H", len(body) + 4) + b"\1" + len(body).to_bytes(3, "big") + body


def tcp(port, flags, seq, ack, payload=b"", back=False):
    ports = (443, port) if back else (port, 443)
    return ipv4(6, struct.pack(">HHIIBBHHH", *ports, seq, ack, 0x50, flags, 64240, 0, 0) + payload, back)


def handshake(port, labels):
    said = hello(labels)
    alert = b"\x15\3\3\0\2\2\x70"
    return [tcp(port, 2, 1000, 0), tcp(port, 0x12, 5000, 1001, back=True), tcp(port, 0x10, 1001, 5001),
            tcp(port, 0x18, 1001, 5001, said), tcp(port, 0x18, 5001, 1001 + len(said), alert, True),
            tcp(port, 0x14, 5008, 1001 + len(said), back=True)]


@pytest.fixture
def odd(tmp_path):
    frames = []
    for n, labels in enumerate(NAMES):
        frames += [dns(labels, n, False), dns(labels, n, True), *handshake(40000 + n, labels)]
    path = tmp_path / "odd.pcap"
    path.write_bytes(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101)
                     + b"".join(struct.pack("<IIII", 1700000000 + n // 8, n % 8 * 1000, len(f), len(f)) + f
                                for n, f in enumerate(frames)))
    return path


def leaks(words):
    return re.findall(rb".{0,40}(?i:zzsecret).{0,20}", words)


def test_no_original_in_text(odd):
    for name, args in FORMS.items():
        plain = sockwhy("read", "--all", *args, odd)
        assert name == "brief" or leaks(plain.stdout), name  # it is in there
        done = sockwhy("read", "--mask", "--all", *args, odd)
        assert not leaks(done.stdout + done.stderr), (name, leaks(done.stdout))


def test_no_original_in_files(odd, tmp_path):
    for name in ("report.html", "report.md"):
        sockwhy("read", "--mask", "--all", "--report", tmp_path / name, "-w", tmp_path / f"{name}.pcapng", odd)
        for path in (tmp_path / name, tmp_path / f"{name}.pcapng"):
            assert path.stat().st_size > 500 and not leaks(path.read_bytes()), (path.name, leaks(path.read_bytes()))


def test_no_names_of_this_host(record):
    """A recording holds what a capture never has: paths, units, cgroups, namespaces."""
    recording = record('''
90 netns netns=4026532999 name=zzsecret-space
91 process tgid=4121 start_ns=4121000000 uid=1000 exe=/srv/zzsecret/bin/curl unit=zzsecret.service cgroup=/system.slice/zzsecret.service
set netns=4026532999
100    $begin
100.02 $syn
100.31 $rst
100.35 $ends error=ECONNREFUSED how=2
tick 1000
''')
    assert b"zzsecret" in sockwhy("read", "-v", "--json", "--all", recording).stdout
    for args in FORMS.values():
        done = sockwhy("read", "--mask", "--all", "-v", *args, recording)
        assert done.returncode == 0 and b"connect-refused" in done.stdout, done
        assert not leaks(done.stdout), leaks(done.stdout)


def test_no_path_of_a_unix_socket(record):
    """Its folders may say whose it is; they stand in what happened, and in the commands to check it."""
    recording = record('''
100    syscall call=connect error=ENOENT type=stream owner=app[4123] owner.uid=1000 mntns=4026531841 path=/srv/zzsecret/run/app.sock
tick 1500
''')
    assert b"zzsecret" in sockwhy("read", "-v", "--json", "--all", recording).stdout
    for args in FORMS.values():
        done = sockwhy("read", "--mask", "--all", "-v", *args, recording)
        assert done.returncode == 0 and b"unix-connect-failed" in done.stdout, done
        assert b"app.sock" in done.stdout and not leaks(done.stdout), leaks(done.stdout)
