# SPDX-License-Identifier: GPL-2.0-or-later
"""Captures made here of uploads that nobody answers."""

import struct

import pytest

from program import sockwhy

CLIENT, SERVER = 0, 1


def upload(total, payload=65000):
    """A capture of headers: so many bytes of a client that nobody answers, each acknowledged; then both close."""
    frames, now = [struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 40, 101)], 0
    ends = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])
    numbers = [1000, 5000]

    def frame(side, flags, length=0):
        nonlocal now
        now += 20
        ack = numbers[1 - side] if flags & 0x10 else 0
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + length, now // 20 & 0xffff, 0x4000, 6 if side else 64, 6, 0, ends[side], ends[1 - side])
        tcp = struct.pack(">HHIIBBHHH", *((40000, 5201), (5201, 40000))[side], numbers[side], ack, 0x50, flags, 65535, 0, 0)
        frames.append(struct.pack("<IIII", now // 1000000, now % 1000000, 40, 40 + length) + ip + tcp)
        numbers[side] = (numbers[side] + length + bool(flags & 3)) % 2**32

    frame(CLIENT, 0x02)
    frame(SERVER, 0x12)
    frame(CLIENT, 0x10)
    for sent in range(0, total, payload):
        frame(CLIENT, 0x10, min(payload, total - sent))
        frame(SERVER, 0x10)
    frame(SERVER, 0x11)
    frame(CLIENT, 0x11)
    frame(SERVER, 0x10)
    return b"".join(frames)


@pytest.mark.parametrize("total, severity", [(30000, "error"), (100000, "info"), (2**31 + 2**29, "info"), (2**32 + 1000, "info")])
def test_upload_without_an_answer(tmp_path, schema, total, severity):
    """Whoever takes so much and says nothing may be one that never does; numbers come round behind 4 GiB."""
    path = tmp_path / "a.pcap"
    path.write_bytes(upload(total))
    done = sockwhy("read", "--all", "--json", path)
    found = [line for line in map(schema.check, done.out.splitlines()) if line["type"] == "finding"]
    assert [(line["finding"], line["severity"]) for line in found] == [("conn-closed-early", severity)], done.out
