# SPDX-License-Identifier: GPL-2.0-or-later
"""read on real captures of other projects, where they are at hand: ../shared/pcaps beside this project, or the folder
that SOCKWHY_PCAPS names. They are read in place. dev.csv there tells what tshark 4.0 and libpcap say of each."""

import csv
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from program import ROOT, sockwhy

PCAPS = pathlib.Path(os.environ.get("SOCKWHY_PCAPS", ROOT / "../shared/pcaps"))


def rows():
    if not (PCAPS / "dev.csv").exists():
        return []
    with open(PCAPS / "dev.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


ROWS = rows()
TCP_WORDS = re.compile(r"(SYN|FIN|RST|PSH|ACK|URG|no flags)\b.* seq (\d+)")

pytestmark = pytest.mark.skipif(not ROWS, reason=f"no captures in {PCAPS} (SOCKWHY_PCAPS=FOLDER names another)")


def events(path):
    done = sockwhy("read", "--json", "-vv", path)
    assert done.returncode in (0, 1) and "damaged record" not in done.err, done.err
    lines = [json.loads(line) for line in done.out.splitlines()]
    return done, [line for line in lines if line.get("event") == "frame"], lines[-1]["capture"]


@pytest.mark.parametrize("row", ROWS, ids=[row["file"] for row in ROWS])
def test_every_packet_counts(row):
    """As many as tshark counts, each of them told or counted among what could not be read, with a reason."""
    done, frames, summary = events(PCAPS / row["file"])
    assert summary["packets"] == len(frames) == int(row["packets"])
    assert [frame["fields"]["frame"] for frame in frames] == list(range(1, len(frames) + 1))
    unread = [frame for frame in frames if "packet" not in frame]
    assert sum(summary["unread"].values()) == len(unread)
    for reason, count in summary["unread"].items():
        assert sum(frame["fields"]["unread"] == reason for frame in unread) == count
    # no link type, header or fragment among these captures is beyond it, and none is malformed
    assert {reason for reason, count in summary["unread"].items() if count} <= {"not-ip", "fragment"}
    assert summary["partial"] == 0
    # libpcap gives up where an interface has another link type; only a file that is cut short is told as such
    cut = "cut short" in row["tshark_err"]
    assert done.returncode == summary["damaged"] == cut
    if cut:
        assert f"truncated after packet {row['packets']}: " in done.err


@pytest.mark.parametrize("row", ROWS, ids=[row["file"] for row in ROWS])
@pytest.mark.skipif(not shutil.which("tshark"), reason="no tshark here to compare headers with")
def test_headers_agree_with_tshark(row):
    """Ports, sequence number and payload length of every TCP segment, the innermost of tunnels, put together."""
    fields = ["frame.number", "tcp.srcport", "tcp.dstport", "tcp.seq_raw", "tcp.len", "icmp.type", "icmpv6.type"]
    told = subprocess.run(["tshark", "-r", PCAPS / row["file"], "-Y", "tcp", "-T", "fields", "-E", "occurrence=l",
                           *(word for field in fields for word in ("-e", field))],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=60, check=False)
    theirs = {}
    for line in told.stdout.splitlines():
        values = line.split("\t")
        if not values[5] and not values[6]:  # not what an ICMP error quotes
            theirs[int(values[0])] = tuple(map(int, values[1:5]))
    ours = {}
    for frame in events(PCAPS / row["file"])[1]:
        text = frame.get("packet", {}).get("text", "")
        if TCP_WORDS.match(text):
            length = re.search(r" len (\d+)", text)
            ours[frame["fields"]["frame"]] = (frame["packet"]["source"]["port"], frame["packet"]["destination"]["port"],
                                              int(TCP_WORDS.match(text)[2]), int(length[1]) if length else 0)
    assert ours == theirs
