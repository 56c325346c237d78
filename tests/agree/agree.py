# SPDX-License-Identifier: GPL-2.0-or-later
"""
What sockwhy and tshark say of the same frames, flag by flag; what tcptrace counts in the same files.

agree.py [FILE...] prints per flag how many frames both flag, only sockwhy, only tshark. Without a
file: the captures of ../shared/pcaps, where they are, and the ones that made.py makes.
"""

import csv
import functools
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import made
import messages

ROOT = Path(__file__).resolve().parents[2]
SOCKWHY = ROOT / "build/sockwhy"
SHARED = ROOT.parent / "shared/pcaps"

FLAGS = ("retransmission", "fast-retransmission", "spurious-retransmission", "out-of-order", "lost-segment",
         "ack-lost-segment", "duplicate-ack", "zero-window", "window-full", "window-update", "keep-alive",
         "keep-alive-ack", "zero-window-probe", "zero-window-probe-ack", "reused-ports")
COMPARED = FLAGS + messages.FLAGS
ANALYSIS = tuple("tcp.analysis." + flag.replace("-", "_") for flag in FLAGS)


def shared():
    """The captures that are not ours, or why there are none. SOCKWHY_PCAPS names another folder."""
    here = Path(os.environ.get("SOCKWHY_PCAPS", SHARED))
    files = [path for path in sorted(here.rglob("*")) if path.is_file() and path.suffix not in (".csv", ".md")]
    return files, None if files else "no captures: ../shared/pcaps is absent (SOCKWHY_PCAPS=FOLDER names another)"


def run(*command):
    return subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False, timeout=300).stdout


def ours(path):
    """Flag to frames, and the number of TCP connections."""
    frames = defaultdict(set)
    lines = map(json.loads, run(SOCKWHY, "read", "--json", "-v", path).splitlines())
    events = [line for line in lines if line["type"] == "event"]
    for event in events:
        if event["event"] in FLAGS:
            frames[event["event"]].add(event["frame"])
    frames.update(messages.ours(events))
    return frames, len(run(SOCKWHY, "flows", "--json", path).splitlines())


def tshark(path, display, fields, *options):
    """A dict of fields for each frame that a filter takes; several values of one field stand between commas."""
    told = run("tshark", *options, "-n", "-r", path, "-Y", display, "-T", "fields", *(word for field in fields for word in ("-e", field)))
    return [dict(zip(fields, line.split("\t"))) for line in told.splitlines()]


@functools.cache
def looked_at(path):
    """All that is asked of one look at a file, by whoever asks: to start it takes tshark most of its time."""
    return tshark(path, f"tcp || {messages.ICMP_ERRORS} || tls.alert_message.desc",
                  ("tcp.stream", "tcp.analysis.initial_rtt", *ANALYSIS, *messages.FIELDS))


def theirs(path):
    """The same of tshark. A fast or spurious retransmission counts in its own class only."""
    frames, streams = defaultdict(set), set()
    for row in looked_at(path):
        if row["icmp.type"] or row["icmpv6.type"]:
            continue
        streams.update(filter(None, row["tcp.stream"].split(",")))
        for flag, field in zip(FLAGS, ANALYSIS):
            if row[field]:
                frames[flag].add(int(row["frame.number"]))
    frames["retransmission"] -= frames["fast-retransmission"] | frames["spurious-retransmission"]
    # of two passes: what answers a query is known at the query
    dns = tshark(path, "udp.port == 53 && dns && !icmp && !icmpv6", messages.DNS_FIELDS, "-2")
    frames.update(messages.theirs(looked_at(path), dns))
    return frames, len(streams)


def explained(flag, frame, us, them):
    """
    The name of the deliberate difference that this frame belongs to, as docs/agreement.md calls it; None
    if there is none.
    """
    if (flag in ("keep-alive", "zero-window-probe") and frame in us["zero-window-probe"]
            and frame in them["keep-alive"]):
        return "window probe of Linux"
    if flag == "zero-window-probe-ack" and frame in us[flag] and frame in them["zero-window"]:
        return "answer to a window probe"
    if (flag in ("keep-alive-ack", "duplicate-ack") and frame in us["duplicate-ack"]
            and frame in them["keep-alive-ack"]):
        return "answer to a window probe"
    return messages.explained(flag, frame, us, them)


class Tally:
    def __init__(self):
        self.both = defaultdict(int)
        self.only_us = defaultdict(list)
        self.only_them = defaultdict(list)
        self.explained = defaultdict(list)
        self.streams = []

    def add(self, name, us, them):
        (our_frames, our_streams), (their_frames, their_streams) = us, them
        if our_streams != their_streams:
            self.streams.append((name, our_streams, their_streams))
        for flag in COMPARED:
            self.both[flag] += len(our_frames[flag] & their_frames[flag])
            for mine, frames in ((True, our_frames[flag] - their_frames[flag]),
                                 (False, their_frames[flag] - our_frames[flag])):
                for frame in sorted(frames):
                    why = explained(flag, frame, our_frames, their_frames)
                    (self.only_us if mine else self.only_them)[flag].append((name, frame, why))
                    if why:
                        self.explained[why].append((name, frame))

    def unexplained(self):
        return [(flag, *entry[:2]) for only in (self.only_us, self.only_them) for flag in COMPARED
                for entry in only[flag] if not entry[2]]

    def agreement(self, flag):
        """Per cent of the frames that either flags, explained differences left out; 100 of none."""
        other = sum(1 for only in (self.only_us, self.only_them) for entry in only[flag] if not entry[2])
        whole = self.both[flag] + other
        return 100 * self.both[flag] / whole if whole else 100

    def table(self):
        lines = [f"{'flag':24} {'both':>7} {'only us':>8} {'only tshark':>12} {'explained':>10} {'agree':>8}"]
        for flag in COMPARED:
            entries = self.only_us[flag] + self.only_them[flag]
            lines.append(f"{flag:24} {self.both[flag]:7} {len(self.only_us[flag]):8} "
                         f"{len(self.only_them[flag]):12} {sum(1 for entry in entries if entry[2]):10} "
                         f"{self.agreement(flag):7.2f}%")
        lines += [f"{name}: {us} connections, tshark {them}" for name, us, them in self.streams]
        lines += [f"{why}: {len(frames)} frames, the first {frames[0][0]} {frames[0][1]}"
                  for why, frames in sorted(self.explained.items())]
        lines += [f"unexplained: {flag} {name} {frame}" for flag, name, frame in self.unexplained()]
        return "\n".join(lines)


def compare(files):
    """@files: (name, path). Two at a time: tshark takes a second to start."""
    tally = Tally()
    with ThreadPoolExecutor(2) as pool:
        for name, us, them in pool.map(lambda file: (file[0], ours(file[1]), theirs(file[1])), files):
            tally.add(name, us, them)
    return tally


# ---- tcptrace ----

# Ours to theirs, each a sum: what is late and what was sent again is told apart by another convention.
TCPTRACE_FIGURES = {
    ("packets",): ("total_packets",),
    ("segments",): ("actual_data_pkts",),
    ("bytes",): ("actual_data_bytes",),
    ("retransmissions", "out_of_order"): ("rexmt_data_pkts", "outoforder_pkts"),
    ("resets",): ("resets_sent",),
}


def tcptrace(path):
    """Its connections in order, or None for a file that it does not read to the end."""
    done = subprocess.run(["tcptrace", "-n", "-l", "--csv", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False, timeout=300)
    if "did not understand" in done.stderr or "PCAP error" in done.stderr:
        return None
    rows = [line for line in done.stdout.splitlines() if line.strip() and not line.startswith("#")]
    return [{key: value.strip() for key, value in row.items() if key}
            for row in csv.DictReader(io.StringIO("\n".join(rows)))]


def flows(path):
    return [json.loads(line) for line in run(SOCKWHY, "flows", "--json", path).splitlines()]


def tcptrace_differences(path):
    """(connections compared, [(stream, side, figure, ours, theirs)]); None where tcptrace cannot read."""
    table = tcptrace(path)
    if table is None:
        return None
    known = {}
    for flow in flows(path):
        ends = tuple((flow[side]["address"], str(flow[side]["port"])) for side in ("client", "server"))
        known.setdefault(frozenset(ends), []).append(flow)
    compared, found = 0, []
    for row in table:
        ends = ((row["host_a"], row["port_a"]), (row["host_b"], row["port_b"]))
        candidates = known.get(frozenset(ends))
        if not candidates:
            continue
        flow = candidates.pop(0)
        compared += 1
        for side, way in (("client", "a2b"), ("server", "b2a")):
            if (flow["client"]["address"], str(flow["client"]["port"])) != ends[0]:
                way = "b2a" if way == "a2b" else "a2b"
            for mine, names in TCPTRACE_FIGURES.items():
                us, them = sum(flow[side][name] for name in mine), sum(int(row[f"{name}_{way}"]) for name in names)
                if us != them:
                    found.append((flow["stream"], side, mine[0], us, them))
    return compared, found


def main(arguments):
    missing = [tool for tool in ("tshark", "tcptrace") if not shutil.which(tool)]
    if missing:
        sys.exit(f"agree: {', '.join(missing)} missing: make setup")
    with tempfile.TemporaryDirectory() as folder:
        if arguments:
            groups = {"files": [(Path(name).name, Path(name)) for name in arguments]}
        else:
            files, absent = shared()
            if absent:
                print(absent)
            groups = {"../shared/pcaps": [(path.name, path) for path in files],
                      "captures made here": [*made.captures(Path(folder)), *messages.captures(Path(folder))]}
        for title, files in groups.items():
            if not files:
                continue
            print(f"== {title}: {len(files)} files\n{compare(files).table()}")
            compared = [(name, tcptrace_differences(path)) for name, path in files]
            read = [(name, result) for name, result in compared if result is not None]
            print(f"tcptrace: {sum(result[0] for _, result in read)} connections in {len(read)} files")
            for name, (_, found) in read:
                for stream, side, figure, us, them in found[:4]:
                    print(f"  {name} stream {stream} {side} {figure}: {us}, tcptrace {them}")
                if len(found) > 4:
                    print(f"  {name}: {len(found) - 4} more")


if __name__ == "__main__":
    main(sys.argv[1:])
