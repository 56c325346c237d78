# SPDX-License-Identifier: GPL-2.0-or-later
"""flows of a recording: what sockets told, without a kernel. One line of a table for each end of a connection."""

import csv
import io
import json
import os
import subprocess

import pytest

from program import ASSEMBLE, SOCKWHY, Schema

SCHEMA = Schema()

BEGIN = """
set netns=4026531840
0 start pid=900 kernel_version=0x6122c version=0.1.0 release=6.18.44 machine=x86_64 host=web1 arguments="flows" known=flow
0 clock
0 hook name=state state=attached
0 hook name=reset-sent state=attached
"""
WAY = "tuple=10.0.0.1:45678>10.0.0.2:80"
COUNTS = ("flow.bytes_sent=150 flow.bytes_again=50 flow.bytes_delivered=100 flow.bytes_received=700 flow.packets_out=7 "
          "flow.packets_in=6 flow.segments_out=3 flow.segments_in=1 flow.retransmits=1 flow.timeouts=1 flow.srtt_us=250 "
          "flow.rttvar_us=40 flow.rtt_least_us=200 flow.mss_local=1460 flow.mss_remote=1400 flow.snd_wnd=500 "
          "flow.rcv_wnd=600 flow.cwnd=10 flow.unacked_bytes=0 flow.unread_bytes=3 flow.how=0x38 flow.wscale_local=7 "
          "flow.wscale_remote=9 flow.dsacks=2 flow.out_of_order=4 flow.mss=1388")
# what every socket record carries has names of its own there
STATE_NAMES = {"flow.bytes_delivered": "bytes_sent", "flow.bytes_received": "bytes_received",
               "flow.retransmits": "total_retransmits", "flow.srtt_us": "srtt_us", "flow.snd_wnd": "snd_wnd",
               "flow.unacked_bytes": "unsent_bytes", "flow.unread_bytes": "unread_bytes"}
STATE_COUNTS = " ".join("=".join((STATE_NAMES.get(name, name), value))
                        for name, value in (word.split("=") for word in COUNTS.split()))
OPENING = f"100 open cookie=7 {WAY} owner=curl[4121]\n100.4 state cookie=7 {WAY} state=SYN_SENT>ESTABLISHED\n"


def record(tmp_path, text, begin=BEGIN):
    source, recording = tmp_path / "case.events", tmp_path / "case.rec"
    source.write_text(begin + text)
    subprocess.run([ASSEMBLE, source, recording], check=True)
    return recording


def flows(*args, **env):
    return subprocess.run([SOCKWHY, "flows", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=True,
                          env={**os.environ, **env})


def rows(recording, *args):
    found = [json.loads(line) for line in flows("--json", *args, recording).stdout.splitlines()]
    for row in found:
        SCHEMA.validate(row)
    return found


def end(at, old, more="", counts=STATE_COUNTS):
    return f"{at} state cookie=7 {WAY} state={old}>CLOSE {counts} {more}\n"


def test_figures(tmp_path):
    row, = rows(record(tmp_path, OPENING + end(350, "FIN_WAIT2") + "tick 500\n"))
    assert row == {
        "type": "flow", "schema": 1, "time": "2026-11-20T10:31:07.100000000Z", "stream": 0, "duration_us": 250000,
        "handshake": "whole", "handshake_us": 400, "packets": 13, "bytes": 850, "retransmissions": 1, "ended": "closed",
        "closed_first": "client", "closed_at_once": False, "rtt_us": 250, "role": "client", "netns": 4026531840,
        "cookie": 7, "pid": 4121, "comm": "curl", "uid": 1000,
        "client": {"address": "10.0.0.1", "port": 45678, "packets": 7, "segments": 3, "bytes": 150,
                   "bytes_retransmitted": 50, "retransmissions": 1, "timeouts": 1, "mss": 1460, "window_scale": 7,
                   "sack": True, "timestamps": True, "rtt_least_us": 200, "bytes_delivered": 100,
                   "bytes_unacknowledged": 0, "bytes_unread": 3, "received_out_of_order": 4, "reorderings": 0,
                   "window": 600, "congestion_window": 10, "mss_current": 1388, "rtt_smoothed_us": 250,
                   "rtt_variation_us": 40},
        "server": {"address": "10.0.0.2", "port": 80, "packets": 6, "segments": 1, "bytes": 700, "dsacks": 2, "mss": 1400,
                   "window_scale": 9, "sack": True, "timestamps": True, "bytes_delivered": 700, "window": 500}}


@pytest.mark.parametrize("old,more,wanted", [
    ("FIN_WAIT2", "", ("closed", "client", None)),
    ("LAST_ACK", "", ("closed", "server", None)),
    ("CLOSING", "", ("closed", None, None)),
    ("FIN_WAIT1", "", ("half-closed", "client", None)),
    ("ESTABLISHED", "", ("reset", "client", "client")),
    ("CLOSE_WAIT", "", ("reset", "server", "client")),
    ("ESTABLISHED", "how=2 error=ECONNRESET", ("reset", "server", "server")),
    ("CLOSE_WAIT", "how=2 error=EPIPE", ("reset", "server", "server")),
    ("ESTABLISHED", "error=ECONNRESET", ("reset", "server", "server")),
    ("ESTABLISHED", "error=ECONNABORTED", ("reset", "client", "client")),
    ("FIN_WAIT2", "how=2 error=ECONNRESET", ("reset", "client", "server")),
    ("ESTABLISHED", "error=ETIMEDOUT", ("timed-out", None, None)),
    ("ESTABLISHED", "error=EHOSTUNREACH", ("failed", None, None)),
    ("SYN_SENT", "error=ECONNREFUSED how=2", ("refused", None, "server")),
    ("SYN_SENT", "error=ECONNREFUSED", ("refused", None, None)),
    ("SYN_SENT", "error=ETIMEDOUT", ("unanswered", None, None)),
    ("SYN_SENT", "error=EHOSTUNREACH", ("failed", None, None)),
    ("SYN_SENT", "", ("canceled", None, None)),
])
def test_how_it_ended(tmp_path, old, more, wanted):
    begin = OPENING.splitlines(keepends=True)[0] if old == "SYN_SENT" else OPENING
    row, = rows(record(tmp_path, begin + end(350, old, more) + "tick 500\n"))
    assert tuple(row.get(key) for key in ("ended", "closed_first", "reset_by")) == wanted


def test_reset_of_data_that_nobody_reads(tmp_path):
    """In FIN_WAIT the kernel resets its own socket when data comes: the reset that it sends tells that from one it got."""
    text = OPENING + end(350, "FIN_WAIT2", "how=2 error=ECONNRESET")
    sent = f"350.1 reset-sent cookie=7 {WAY} state=FIN_WAIT2\n"
    assert rows(record(tmp_path, text + "tick 500\n"))[0]["reset_by"] == "server"
    assert rows(record(tmp_path, text + sent + "tick 500\n"))[0]["reset_by"] == "client"
    unknown = record(tmp_path, text + "tick 500\n", BEGIN.replace("0 hook name=reset-sent state=attached\n", ""))
    assert "reset_by" not in rows(unknown)[0]


def test_whose_it_is(tmp_path):
    """The listener's until somebody accepts it; then the one who did."""
    listener = "10 open cookie=3 how=listen tuple=0.0.0.0:45678>0.0.0.0 owner=nginx[10]\n"
    begin = f"100 state cookie=7 {WAY} state=SYN_RECV>ESTABLISHED\n"
    accept = f"101 open cookie=7 {WAY} how=accept owner=worker[11]\n"
    got = [rows(record(tmp_path, text + "tick 500\n"))[0] for text in (
        begin + end(350, "LAST_ACK"), listener + begin + end(350, "LAST_ACK"),
        listener + begin + accept + end(350, "LAST_ACK"), listener + begin + end(100.2, "LAST_ACK") + accept)]
    assert [row.get("pid") for row in got] == [None, 10, 11, 11]
    for row in got:
        assert (row["role"], row["closed_first"], row["handshake"]) == ("server", "client", "whole")
        assert row["server"]["port"] == 45678 and row["server"]["bytes"] == 150
        assert "handshake_us" not in row


SNAPSHOT = f"socket cookie=7 {WAY} state=ESTABLISHED {COUNTS.replace('flow.how=0x38', 'flow.how=0x3b')}"


def test_open_before(tmp_path):
    """The figures of the last snapshot; where it does not hold the connection any more they are unknown."""
    first, again = f"0 {SNAPSHOT} owner=psql[5]\n", f"600 {SNAPSHOT}\n".replace("bytes_sent=150", "bytes_sent=999")
    row, = rows(record(tmp_path, first + "tick 590\n" + again + "tick 610\n"))
    assert (row["client"]["bytes"], row["ended"], row["state"], row["role"], row["pid"]) == (
        999, "open", "ESTABLISHED", "client", 5)
    assert "time" not in row and "duration_us" not in row and row["handshake"] == "none"
    for text in (first + "tick 610\n", first + "tick 590\n600 socket cookie=9 tuple=10.0.0.1:1>10.0.0.2:2 "
                 "state=ESTABLISHED flow.how=0\ntick 610\n"):
        row = rows(record(tmp_path, text))[0]
        assert row["ended"] == "open" and not {"bytes", "state", "packets"} & set(row)
        assert set(row["client"]) == {"address", "port"}


def test_role_unknown(tmp_path):
    """Who is called client is then a guess by port, and no role is told."""
    row, = rows(record(tmp_path, f"0 {SNAPSHOT}\n".replace("how=0x3b", "how=0x38") + "tick 20\n"))
    assert "role" not in row and row["client"]["port"] == 45678


def test_begin_not_seen(tmp_path):
    """The end's figures are whole all the same; a socket that never was a connection is none."""
    row, = rows(record(tmp_path, end(350, "LAST_ACK") + "tick 500\n"))
    assert row["bytes"] == 850 and row["handshake"] == "none" and "time" not in row and "pid" not in row
    assert not rows(record(tmp_path, end(350, "SYN_RECV") + "tick 500\n"))
    assert not rows(record(tmp_path, f"300 state cookie=3 tuple=10.0.0.1:80>0.0.0.0 state=LISTEN>CLOSE {STATE_COUNTS}\ntick 500\n"))


def test_again_on_the_same_socket(tmp_path):
    refused = end(120, "SYN_SENT", "error=ECONNREFUSED how=2")
    second = OPENING.replace("100 ", "130 ").replace("100.4 ", "130.4 ")
    first = OPENING.splitlines(keepends=True)[0]
    found = rows(record(tmp_path, first + refused + second + end(350, "LAST_ACK") + "tick 500\n"))
    assert [row["ended"] for row in found] == ["refused", "closed"]
    found = rows(record(tmp_path, first + second + end(350, "LAST_ACK") + "tick 500\n"))
    assert [row.get("ended") for row in found] == [None, "closed"], "the first one's end was not seen"


def test_foreign_names(tmp_path):
    """What a process calls itself neither ends a cell nor a line, nor acts on a terminal."""
    recording = record(tmp_path, OPENING.replace("owner=curl[4121]", r'owner=x[4121] owner.leader="a,\"b\n\x1b[2J"')
                       + end(350, "LAST_ACK") + "tick 500\n")
    row, = csv.DictReader(io.StringIO(flows("--csv", recording).stdout))
    assert row["comm"] == r'a,"b\n\x1b[2J' or row["comm"] == r'a,\x22b\x0a\x1b[2J'
    assert row["server_bytes"] == "700"
    head, line = flows("--text", recording).stdout.splitlines()
    assert "\x1b" not in line and "process" in head
    assert rows(recording)[0]["comm"].startswith('a,"b')


def test_filters(tmp_path):
    recording = record(tmp_path, OPENING + end(350, "LAST_ACK") + "tick 500\n")
    for args, count in ((("-p", "4121"), 1), (("-p", "4122"), 0), (("--comm", "cu*"), 1), (("--comm", "wget"), 0),
                        (("--uid", "1000"), 1), (("--uid", "0"), 0), (("-f", "port 80"), 1),
                        (("-f", "port 81"), 0), (("--unit", "web"), 0), (("-c", "1"), 1)):
        assert len(rows(recording, *args)) == count, args


def test_sorted(tmp_path):
    text = ""
    for cookie, size, srtt in ((1, 30, 9), (2, 500, 3), (3, 7, 0), (4, 500, 100)):
        text += f"{cookie} open cookie={cookie} tuple=10.0.0.1:{cookie}>10.0.0.2:80 owner=curl[4121]\n"
        text += (f"{cookie + 10} state cookie={cookie} tuple=10.0.0.1:{cookie}>10.0.0.2:80 state=LAST_ACK>CLOSE "
                 f"flow.bytes_sent={size} srtt_us={srtt}\n")
    recording = record(tmp_path, text + "tick 400\n")
    assert [row["client"]["port"] for row in rows(recording)] == [1, 2, 3, 4]
    assert [row["client"]["port"] for row in rows(recording, "--sort", "bytes")] == [2, 4, 1, 3]
    assert [row["client"]["port"] for row in rows(recording, "--sort", "rtt_us", "-c", "2")] == [4, 1]


def test_no_flows_in_other_recordings(tmp_path):
    """A recording of watch has states, too: of some connections, without figures."""
    plain = BEGIN.replace(" known=flow", "").replace('"flows"', '"watch"')
    recording = record(tmp_path, OPENING + f"350 state cookie=7 {WAY} state=ESTABLISHED>CLOSE error=ETIMEDOUT\ntick 500\n", plain)
    assert not rows(recording)
    assert "lost" in flows(recording).stdout.splitlines()[0], "the table of packets"


@pytest.mark.parametrize("begin", "=+-@")
def test_no_formula_in_csv(tmp_path, begin):
    """A spreadsheet takes a cell that begins with one of these for a formula."""
    opening = OPENING.replace("\n", f' owner.leader="{begin}1\\x1b\\xe2\\x80\\xae"\n', 1)
    recording = record(tmp_path, opening + end(350, "FIN_WAIT2") + "tick 500\n")
    table = flows("--csv", recording).stdout
    assert f"'{begin}1\\x1b\\xe2\\x80\\xae" in [cell for row in csv.reader(io.StringIO(table)) for cell in row]
    for words in (table, flows(recording).stdout, flows("--json", recording).stdout):
        assert f"{begin}1" in words and "\x1b" not in words and "\u202e" not in words


WIRE = "set ifindex=2\n0 hook name=drop state=attached\n" + "".join(f"0 hook name={name} state=attached\n" for name in (
    "reset-received", "retransmit", "tcx")) + "0 interface ifindex=2 name=eth0 mtu=1500 type=ether flags=up,carrier,tc-in,tc-out\n"
REFUSED = (f"100 open cookie=7 tuple={{0}}>{{1}}:80 owner=curl[4121]\n"
           '100.1 packet cookie=7 out packet="{2}:45678 > {3}:80 SYN seq 1000 win 64240"\n'
           '100.3 packet in packet="{3}:80 > {2}:45678 RST,ACK seq 0 ack 1001 win 0"\n'
           "100.4 state cookie=7 tuple={2}:45678>{3}:80 state=SYN_SENT>CLOSE isn=1000 error=ECONNREFUSED how=2\n")
FAMILIES = pytest.mark.parametrize("here, there, bare", [
    ("10.0.0.1", "10.0.0.2", ("10.0.0.1", "10.0.0.2")), ("[fd00::1]", "[fd00::2]", ("fd00::1", "[fd00::2]"))], ids=["v4", "v6"])


def findings(recording):
    done = subprocess.run([SOCKWHY, "read", "--json", "--all", recording], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=True)
    return [line for line in map(json.loads, done.stdout.splitlines()) if line["type"] == "finding"]


@FAMILIES
def test_its_verdict(tmp_path, here, there, bare):
    """A row names what its connection came to, in every form, as read tells of the same records; the next one names nothing."""
    healthy = (OPENING + end(350, "FIN_WAIT2")).replace("cookie=7", "cookie=8").replace("10.0.0.1", here).replace("10.0.0.2", there)
    path = record(tmp_path, WIRE + REFUSED.format(*bare, here, there) + healthy + "tick 400\ntick 2500\n")
    told, = [line for line in findings(path) if line["state"] == "final"]
    refused, worked = rows(path)
    assert {key: refused[key] for key in ("finding", "severity", "confidence", "attempt")} == {
        key: told[key] for key in ("finding", "severity", "confidence", "attempt")}
    assert (refused["finding"], refused["finding_state"], refused["ended"]) == ("connect-refused", "final", "refused")
    assert not {"finding", "finding_state", "severity", "confidence", "attempt"} & worked.keys(), worked
    table = list(csv.DictReader(io.StringIO(flows("--csv", path).stdout)))
    assert [(row["finding"], row["attempt"]) for row in table] == [("connect-refused", told["attempt"]), ("", "")]
    assert [line.endswith(f"{there}:80  connect-refused") for line in flows(path).stdout.splitlines()[1:]] == [True, False]
    assert {row.get("finding") for row in rows(path, "--sort", "bytes")} == {"connect-refused", None}


def test_the_verdict_of_each_generation(tmp_path):
    """connect() again on the same socket is another row; what the first came to is not said of the second, nor the other way round."""
    again = REFUSED.format("10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.2")
    worked = OPENING.replace("100 ", "900 ").replace("100.4 ", "900.4 ") + end(950, "FIN_WAIT2")
    assert [row.get("finding") for row in rows(record(tmp_path, WIRE + again + "tick 800\n" + worked + "tick 2500\n"))] == [
        "connect-refused", None]


def test_what_hangs_is_pending(tmp_path):
    """Still connecting at the end: what was said of it so far."""
    text = WIRE + "".join(REFUSED.format("10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.2").splitlines(keepends=True)[:2])
    text += f"1100 retransmit cookie=7 tuple=10.0.0.1:45678>10.0.0.2:80 state=SYN_SENT isn=1000\n"
    row, = rows(record(tmp_path, text + "tick 1200\ntick 1500\n1501 " + SNAPSHOT.replace("ESTABLISHED", "SYN_SENT") + "\ntick 1502\n"))
    assert (row.get("finding"), row.get("finding_state")) == ("connect-no-answer", "pending"), row
