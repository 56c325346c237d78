# SPDX-License-Identifier: GPL-2.0-or-later
"""read -w of every replay that tells a finding: packets that are its evidence are in the file, with its words."""

import json
import struct

import pytest

from program import ROOT, sockwhy

CASES = sorted(path.stem for path in (ROOT / "tests/replay/cases").glob("*.events"))


def comments_of(path):
    """What stands at packets, and what stands alone (journal entries)."""
    data, at, packets, entries = path.read_bytes(), 0, [], []
    while at < len(data):
        kind, size = struct.unpack_from("=II", data, at)
        (packets if kind == 6 else entries if kind == 9 else []).append(data[at + 8:at + size - 4])
        at += size
    return packets, entries


def findings_of(out):
    lines = [json.loads(line) for line in out.splitlines()]
    return [line for line in lines if line["type"] == "finding" and line["state"] == "final"]


def is_of_packets(finding):
    return any(entry["layer"] in ("packet", "dns", "tls") for entry in finding["evidence"])


@pytest.mark.parametrize("name", CASES)
def test_its_packets_are_written(case, tmp_path, name):
    path = tmp_path / "out.pcapng"
    kernel = {"kernel": "6.1"} if "-6.1" in name else {}
    done = sockwhy("read", "--json", "--all", "-w", path, case(name, **kernel))
    assert done.returncode == 0, done.err
    packets, entries = comments_of(path)
    for finding in findings_of(done.out):
        words = f" {finding['finding']} (".encode()
        at_packets, alone = [words in body for body in packets], [words in body for body in entries]
        assert any(at_packets) or any(alone), f"{finding['finding']} is nowhere in the file"
        assert any(at_packets) or not is_of_packets(finding), f"{finding['finding']} has packets, and none is in the file"
