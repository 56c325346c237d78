# SPDX-License-Identifier: GPL-2.0-or-later
"""flows without a file: what the sockets of this host say of their connections, against what was really done."""

import csv
import io
import pathlib
import re
import signal
import socket
import subprocess
import sys

import pytest

from harness import Agent
from lab import PATIENCE_S, free_port
from program import SOCKWHY

pytestmark = pytest.mark.usefixtures("needs_agent")

PEER = pathlib.Path(__file__).parents[1] / "helpers/peer.py"
START = re.compile(r"sockwhy: (\d+) connections? open already.*on Ctrl-C$")


class Flows(Agent):
    """`sockwhy flows --json ARGS`; its lines are rows."""

    def __init__(self, lab, *args, form="--json", **kwargs):
        super().__init__(lab, command=["flows", form, *args], start_line=False, **kwargs)
        self.before = int(START.match(self.wait_stderr(START.match, "start line")).group(1))

    def rows(self, ns=None, **want):
        """Rows of a namespace of the lab (any of them) so far, those with all these keys."""
        inodes = {n.inode for n in ([ns] if ns else self.lab.namespaces)}
        return [row for row in self.objects() if row["netns"] in inodes and all(row.get(k) == v for k, v in want.items())]

    def wait_row(self, ns, **want):
        return self._wait(f"row {want}", lambda: next(iter(self.rows(ns, **want)), None), PATIENCE_S)

    def row(self, ns, **want):
        found = self.rows(ns, **want)
        assert len(found) == 1, f"{want}: {len(found)} of {self.rows()}"
        return found[0]


class Pair:
    """Two processes of ours: `there` listens, `here` connects. Names: c of the client, s of the server's socket."""

    def __init__(self, lab, place, family):
        self.lab, self.place = lab, place
        self.address, self.port = place.address(family), free_port()
        self.here = lab.start(PEER, exe=sys.executable)
        self.there = lab.start(PEER, exe=sys.executable, ns=place.ns)
        self.there.ask(do="listen", name="l", address=self.address, port=self.port)

    def connect(self, n=""):
        port = self.here.ask(do="connect", name=f"c{n}", address=self.address, port=self.port)["port"]
        assert self.there.ask(do="accept", name="l", **{"as": f"s{n}"})["port"] == port
        return port

    def move(self, up=0, down=0, n=""):
        """So many bytes each way, and they have arrived."""
        for size, source, sink in ((up, (self.here, "c"), (self.there, "s")), (down, (self.there, "s"), (self.here, "c"))):
            if size:
                source[0].ask(do="send", name=source[1] + n, bytes=size)
                sink[0].ask(do="receive", name=sink[1] + n, bytes=size)

    def close(self, first="here", n=""):
        ends = [(self.here, f"c{n}"), (self.there, f"s{n}")]
        if first == "there":
            ends.reverse()
        ends[0][0].ask(do="close", name=ends[0][1])
        ends[1][0].ask(do="end", name=ends[1][1])
        ends[1][0].ask(do="close", name=ends[1][1])


@pytest.fixture
def pair(lab, place, family):
    return Pair(lab, place, family)


@pytest.fixture
def lo(lab):
    class Here:
        ns = lab.host

        @staticmethod
        def address(_family):
            return "127.0.0.1"
    return Pair(lab, Here, 4)


@pytest.fixture
def far(lab):
    """The other end in a namespace of its own, by IPv4."""
    class There:
        ns = lab.link()

        @classmethod
        def address(cls, _family):
            return cls.ns.v4
    return Pair(lab, There, 4)


def test_figures(lab, pair):
    """Both ends of a connection, to the byte; over lo both are flows of their own."""
    for ns in {lab.host, pair.place.ns}:  # on a busy machine answers are late, and probes of the tail count as well
        ns.sysctl("net.ipv4.tcp_early_retrans", 0)
    agent = Flows(lab)
    port = pair.connect()
    pair.move(300000, 12345)
    pair.move(7, 1)
    pair.close()
    agent.stop()
    client, server = agent.row(lab.host, role="client"), agent.row(pair.place.ns, role="server")
    for row, proc, own in ((client, pair.here, "client"), (server, pair.there, "server")):
        assert (row["client"]["address"], row["client"]["port"]) == (
            pair.address if pair.place.kind == "lo" else lab.host.address(6 if ":" in pair.address else 4), port)
        assert (row["server"]["address"], row["server"]["port"]) == (pair.address, pair.port)
        assert row["client"]["bytes"] == row["client"]["bytes_delivered"] == 300007
        assert row["server"]["bytes"] == row["server"]["bytes_delivered"] == 12346
        assert row["bytes"] == 312353 and row["packets"] >= 8
        assert (row["ended"], row["closed_first"]) == ("closed", "client")
        assert (row["handshake"], row["pid"], row["uid"]) == ("whole", proc.pid, 0)
        assert row["comm"].startswith("python3") and "errno" not in row and "reset_by" not in row
        mine = row[own]
        assert mine["retransmissions"] == mine["bytes_retransmitted"] == row["retransmissions"] == 0
        assert mine["bytes_unacknowledged"] == mine["bytes_unread"] == 0
        assert 0 < mine["rtt_least_us"] <= 10 ** 6 and 0 < mine["rtt_smoothed_us"] <= 10 ** 6
        assert row["duration_us"] > 0 and row["time"]
        other = row["server" if own == "client" else "client"]
        for key in ("retransmissions", "timeouts", "rtt_smoothed_us", "bytes_unread", "congestion_window"):
            assert key not in other, "what the other end counts is not known here"
    assert client["handshake_us"] > 0 and "handshake_us" not in server
    mss = {"lo": 65535, "veth": 1500}[pair.place.kind] - (60 if ":" in pair.address else 40)
    for row in (client, server):
        for side in ("client", "server"):
            assert (row[side]["sack"], row[side]["timestamps"]) == (True, True)
            assert row[side]["mss"] in (mss, mss + 1), "of lo's 65536 bytes IPv4 can say one less"


def test_open_before(lab, pair):
    """The kernel has counted since the begin; who opened it is known by the bytes that were acknowledged."""
    for n in ("1", "2"):
        pair.connect(n)
        pair.move(5000, 300, n)
    agent = Flows(lab)
    assert agent.before >= 4 if pair.place.kind == "lo" else agent.before >= 2
    pair.move(10, 0, "1")
    pair.close("there", "1")
    for ns, role in ((lab.host, "client"), (pair.place.ns, "server")):
        agent.wait_row(ns, ended="closed", role=role)
    pair.move(1, 1, "2")
    pair.here.ask(do="send", name="c2", bytes=9)
    pair.there.ask(do="option", name="s2", level=socket.IPPROTO_TCP, option=socket.TCP_NODELAY, value=1)
    agent.stop()
    for ns, role, proc in ((lab.host, "client", pair.here), (pair.place.ns, "server", pair.there)):
        ended, still = agent.row(ns, role=role, ended="closed"), agent.row(ns, role=role, ended="open")
        assert (ended["client"]["bytes"], ended["server"]["bytes"], ended["closed_first"]) == (5010, 300, "server")
        assert (still["client"]["bytes"], still["server"]["bytes"], still["state"]) == (5010, 301, "ESTABLISHED")
        for row in (ended, still):
            assert row["pid"] == proc.pid and row["handshake"] == "none"
            assert not {"time", "duration_us", "handshake_us"} & set(row)
        assert still["idle_now_us"] < PATIENCE_S * 10 ** 6 and "idle_now_us" not in ended
    assert agent.row(pair.place.ns, role="server", ended="open")["server"]["bytes_unread"] == 9


def test_how_it_ended(lab, far):
    """A reset from either side, unread data thrown away, a refusal, an end in order from the server."""
    agent = Flows(lab)
    ports = {n: far.connect(n) for n in ("reset", "answered", "unread", "server", "open")}
    far.here.ask(do="reset", name="creset")
    far.there.ask(do="reset", name="sanswered")
    far.move(40, 0, "open")
    far.here.ask(do="send", name="cunread", bytes=6)
    far.there.ask(do="socket", name="x", address="127.0.0.1")
    while agent_unread(far) < 6:
        pass
    far.there.ask(do="close", name="sunread")
    far.close("there", "server")
    refused = far.here.ask(do="connect", name="r", address=far.address, port=free_port())
    assert refused["errno"] == "ECONNREFUSED"
    agent.wait_row(lab.host, ended="refused")
    agent.stop()

    def told(n, ns):
        row, = [r for r in agent.rows(ns) if r["client"]["port"] == ports[n]]
        return {key: row[key] for key in ("ended", "closed_first", "reset_by", "errno", "state") if key in row}
    assert told("reset", lab.host) == {"ended": "reset", "closed_first": "client", "reset_by": "client"}
    assert told("reset", far.place.ns) == {"ended": "reset", "closed_first": "client", "reset_by": "client",
                                           "errno": "ECONNRESET"}
    for n in ("answered", "unread"):
        assert told(n, lab.host) == {"ended": "reset", "closed_first": "server", "reset_by": "server",
                                     "errno": "ECONNRESET"}
        assert told(n, far.place.ns) == {"ended": "reset", "closed_first": "server", "reset_by": "server"}
    for ns in (lab.host, far.place.ns):
        assert told("server", ns) == {"ended": "closed", "closed_first": "server"}
        assert told("open", ns) == {"ended": "open", "state": "ESTABLISHED"}
    row = agent.row(lab.host, ended="refused")
    assert (row["errno"], row["handshake"], row["reset_by"], row["pid"]) == (
        "ECONNREFUSED", "part", "server", far.here.pid)
    assert not {"mss", "window"} & set(row["server"]), "a reset has neither"


def agent_unread(far):
    """Bytes that wait in sockets of the far namespace, as ss counts them."""
    lines = far.place.ns.run("ss -tHn state established").splitlines()
    return sum(int(line.split()[0]) for line in lines)


def test_gave_up(lab):
    """No answer at all: the kernel's time-out, the application's patience, a connect that still hangs."""
    net = lab.internet()
    silent, port = net.host(4), free_port()
    proc = lab.start(PEER, exe=sys.executable)
    agent = Flows(lab)
    proc.ask(do="socket", name="t", address=silent)
    proc.ask(do="option", name="t", level=socket.IPPROTO_TCP, option=18, value=1500)  # TCP_USER_TIMEOUT
    for name in ("t", "c", "h"):
        proc.ask(do="connect", name=name, address=silent, port=port, wait=False)
    proc.ask(do="close", name="c")
    assert proc.ask(do="error", name="t")["errno"] == "ETIMEDOUT"
    agent.wait_row(lab.host, ended="canceled")
    row = agent.wait_row(lab.host, ended="unanswered")
    assert row["errno"] == "ETIMEDOUT" and row["retransmissions"] > 0 and row["server"]["bytes"] == 0
    agent.stop()
    hangs = agent.row(lab.host, ended="connecting")
    assert hangs["state"] == "SYN_SENT" and hangs["role"] == "client" and hangs["pid"] == proc.pid


def test_retransmissions(lab, far):
    """Packets that are dropped on the way are sent again, and counted apart from what arrived."""
    agent = Flows(lab)
    far.connect("drop")
    far.connect("fine")
    far.move(100, 100, "drop")
    far.place.ns.nft("input", f"tcp dport {far.port} counter drop")
    far.here.ask(do="send", name="cdrop", bytes=4000)
    while far.place.ns.nft_packets() < 3:
        pass
    far.place.ns.run("nft flush chain inet lab input")
    far.there.ask(do="receive", name="sdrop", bytes=4000)
    far.move(10, 10, "fine")
    far.close(n="drop")
    far.close(n="fine")
    agent.stop()
    lost, fine = sorted(agent.rows(lab.host, role="client"), key=lambda row: -row["bytes"])
    client = lost["client"]
    assert client["retransmissions"] == lost["retransmissions"] > 0 and client["bytes_retransmitted"] > 0
    assert client["bytes_delivered"] == 4100
    assert client["bytes"] == 4100 + client["bytes_retransmitted"]
    assert fine["retransmissions"] == fine["client"]["bytes_retransmitted"] == 0
    server = [row for row in agent.rows(far.place.ns) if row["client"]["bytes"] == 4100]
    assert len(server) == 1 and server[0]["retransmissions"] == 0


def test_timed_out(lab, far):
    """An established connection whose packets no longer arrive."""
    agent = Flows(lab)
    far.connect()
    far.place.ns.nft("input", f"tcp dport {far.port} counter drop")
    far.here.ask(do="option", name="c", level=socket.IPPROTO_TCP, option=18, value=700)
    far.here.ask(do="send", name="c", bytes=50)
    assert far.here.ask(do="error", name="c")["errno"] == "ETIMEDOUT"
    row = agent.wait_row(lab.host, ended="timed-out")
    assert row["errno"] == "ETIMEDOUT" and row["retransmissions"] > 0
    assert (row["client"]["bytes_unacknowledged"], row["client"]["bytes_delivered"]) == (50, 0)
    assert "reset_by" not in row and "closed_first" not in row
    agent.stop()
    assert agent.row(far.place.ns)["ended"] == "open"


@pytest.mark.parametrize("how", ["-p", "--comm", "-f"])
def test_filters(lab, lo, how):
    """Only what was asked for: other processes on the same machine, at the same time, are not there."""
    other = Pair(lab, lo.place, 4)
    other.connect("before")
    lo.connect("before")
    value = {"-p": lo.here.pid, "--comm": "python3*", "-f": f"port {lo.port} or port 1"}[how]
    agent = Flows(lab, how, value)
    for pair in (other, lo):
        pair.connect()
        pair.move(5, 6)
        pair.close()
    serve = lab.serve("127.0.0.1", free_port(), "close")  # of another name
    lab.fault("connect", "127.0.0.1", serve.argv[-1])
    agent.stop()
    pids = sorted(row["pid"] for row in agent.rows(lab.host))
    wanted = {"-p": [lo.here.pid] * 2, "--comm": [lo.here.pid, lo.there.pid, other.here.pid, other.there.pid] * 2,
              "-f": [lo.here.pid, lo.there.pid] * 2}[how]
    assert pids == sorted(wanted)


def test_descendants(lab, lo):
    """-p follows whom the process starts."""
    shell = lab.start("-c", f"read line; {sys.executable} -c 'import socket; "
                      f"socket.create_connection((\"127.0.0.1\", {lo.port})).send(b\"abc\")'; read line", exe="sh")
    agent = Flows(lab, "-p", shell.pid)
    shell.popen.stdin.write(b"\n")
    shell.popen.stdin.flush()
    lo.there.ask(do="accept", name="l", **{"as": "s"})
    lo.there.ask(do="end", name="s")
    lo.there.ask(do="close", name="s")
    row = agent.wait_row(lab.host, role="client")
    agent.stop()
    assert row["pid"] != shell.pid and row["client"]["bytes"] == 3
    assert len(agent.rows()) == 1


def test_short_ones_are_all_there(lab, place, family):
    """200 connections of a few hundred microseconds: each twice, by both of its ends."""
    port = free_port()
    place.serve(family, port, "echo")
    agent = Flows(lab)
    saw = lab.fault("brief", 200, place.address(family), port, exe=lab.healthy)
    agent.stop()
    assert saw["lines"]
    for ns, role in ((lab.host, "client"), (place.ns, "server")):
        rows = [row for row in agent.rows(ns, role=role) if row["server"]["port"] == port]
        assert len({row["client"]["port"] for row in rows}) == len(rows) == 200
        assert all((row["client"]["bytes"], row["server"]["bytes"]) == (4, 4) for row in rows)
        assert all("pid" in row and row["handshake"] == "whole" for row in rows)
    assert "no record lost" in agent.stderr[-1]


def test_count_and_duration(lab, lo):
    agent = Flows(lab, "-c", "3")
    for n in "12":
        lo.connect(n)
        lo.close(n=n)
    assert agent.popen.wait(PATIENCE_S) == 0
    agent.close_readers()
    assert len(agent.objects()) == 3
    # of ours alone: the largest of the host may be another test's
    timed = Flows(lab, "--duration", "2s", "--sort", "bytes", "-c", "2", "-f", f"port {lo.port}")
    for n, size in (("1", 10), ("2", 500), ("3", 70)):
        lo.connect(n)
        lo.move(size, 0, n)
    assert timed.popen.wait(PATIENCE_S) == 0
    timed.close_readers()
    assert [row["bytes"] for row in timed.objects()] == [500, 500]
    assert "not shown" in timed.stderr[-1]


def test_csv_and_text(lab, lo):
    table, text = Flows(lab, form="--csv"), Flows(lab, "--utc", form="--text")
    lo.connect()
    lo.move(77, 5)
    lo.close()
    for agent in (table, text):
        agent.popen.send_signal(signal.SIGINT)
        assert agent.popen.wait(PATIENCE_S) == 0
        agent.close_readers()
    rows = [row for row in csv.DictReader(io.StringIO("".join(table.lines))) if row["netns"] == str(lab.host.inode)]
    assert [row["role"] for row in rows].count("client") == 1 and len(rows) == 2
    row = next(row for row in rows if row["role"] == "client")
    assert (row["client_bytes"], row["server_bytes"], row["pid"]) == ("77", "5", str(lo.here.pid))
    assert row["lost_segments"] == row["server_timeouts"] == row["state"] == row["idle_now_us"] == ""
    assert row["comm"].startswith("python3")
    line, = [line for line in text.lines if f"client python3[{lo.here.pid}]" in line or
             (f"[{lo.here.pid}]" in line and "client" in line.split("[")[0])]
    assert "77/5" in line and "closed by client" in line and f"→ 127.0.0.1:{lo.port}" in line
    assert text.lines[0].split()[:2] == ["started", "duration"]


def test_recorded(lab, lo):
    """The same table again from a recording, without root; and a begin and an end cost few records."""
    path = lab.dir / "rec"
    lab.dir.chmod(0o755)
    lo.connect("before")
    agent = Flows(lab, "--record", path)
    lo.connect()
    lo.move(1000, 10)
    lo.close()
    agent.stop()
    path.chmod(0o644)
    nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", str(SOCKWHY)]
    again = subprocess.run([*nobody, "flows", "--json", path], stdout=subprocess.PIPE, text=True, check=True)
    assert again.stdout.splitlines(keepends=True) == agent.lines
    cookies = {row["cookie"] for row in agent.rows(lab.host, ended="closed")}
    assert len(cookies) == 2
    events = subprocess.run([*nobody, "read", "-v", path], stdout=subprocess.PIPE, text=True, check=True).stdout
    mine = [line for line in events.splitlines() if f":{lo.port}" in line and " event " in line]
    assert 4 <= len(mine) <= 8, events  # three at each end, SYN and SYN/ACK


def test_bounded(lab, lo):
    """More connections than there is room for: their ends are told all the same, the summary counts them."""
    agent = Flows(lab, "--max-connections", "16")
    for n in range(40):
        lo.connect(str(n))
    late = Flows(lab, "--max-connections", "16")
    late.stop()
    # what begins on this host in that moment has no room either, and is told if it ends in it
    assert re.search(r"\b16 of them open before; .*more were open than there is room for", late.stderr[-1])
    assert len(late.objects()) >= 16
    for n in range(40):
        lo.move(n + 1, 0, str(n))
        lo.close(n=str(n))
    agent.stop()
    rows = agent.rows(lab.host)
    for role in ("client", "server"):
        sizes = [row["client"]["bytes"] for row in rows if row.get("role") == role]
        assert len(sizes) == len(set(sizes))
    ends = [(row["client"]["port"], row["cookie"]) for row in rows]
    assert len(set(ends)) == 80
    assert re.search(r"\d+ began without room", agent.stderr[-1])


def test_losses_are_told(lab):
    """A ring too small, and nobody who reads it for a while."""
    port = free_port()
    lab.serve("127.0.0.1", port, "echo")
    agent = Flows(lab, "--ring-size", "4096")
    agent.popen.send_signal(signal.SIGSTOP)
    lab.fault("brief", 100, "127.0.0.1", port, exe=lab.healthy)
    agent.popen.send_signal(signal.SIGCONT)
    agent.stop()
    lost = re.search(r"(\d+) records lost.*connections may be missing", agent.stderr[-1])
    assert lost and int(lost.group(1)) > 0


def test_sockets_without_a_process_elsewhere(lab, far):
    """--netns: what no process holds is seen in the namespaces that are looked into."""
    far.connect()
    far.place.ns.nft("output", "tcp sport != 0 drop")
    far.there.ask(do="close", name="s")
    without, within = Flows(lab), Flows(lab, "--netns", far.place.ns.path)
    without.stop()
    within.stop()
    assert not without.rows(far.place.ns)
    row = within.row(far.place.ns)
    assert row["state"] == "FIN_WAIT1" and "pid" not in row


def test_its_verdict(lab, pair):
    """Refused, and reset by the peer: their rows name it; those of what is in order name nothing."""
    agent = Flows(lab)
    shut = free_port()
    refused = lab.fault("connect", pair.address, shut)["pid"]
    ports = {n: pair.connect(n) for n in "12"}
    for n in "12":
        pair.move(300, 500, n)
    pair.close(n="1")
    pair.here.ask(do="send", name="c2", bytes=300)  # nobody reads it
    pair.there.ask(do="reset", name="s2")
    agent.wait_row(lab.host, role="client", pid=refused)
    agent.stop()
    rows = {row["client"]["port"]: row for row in agent.rows(lab.host, role="client", pid=pair.here.pid)}
    row = agent.row(lab.host, role="client", pid=refused)
    assert row["finding"] == "connect-refused-local", row  # both namespaces are of this host
    assert (row["severity"], row["finding_state"], len(row["attempt"])) == ("error", "final", 16)
    assert rows[ports["2"]]["finding"] == "conn-reset-by-peer", rows
    assert "finding" not in rows[ports["1"]] and not any("finding" in row for row in agent.rows(role="server", pid=pair.there.pid)
                                                         if row["client"]["port"] == ports["1"])


def test_its_verdict_without_packets(lab, pair):
    """--packets=none: sockets alone decide, with less certainty where packets are wanted."""
    agent = Flows(lab, "--packets", "none")
    refused = lab.fault("connect", pair.address, free_port())["pid"]
    agent.wait_row(lab.host, role="client", pid=refused)
    agent.stop()
    row = agent.row(lab.host, role="client", pid=refused)
    assert row["finding"] == "connect-refused-local" and row["confidence"] != "certain", row


@pytest.mark.parametrize("args", [("--since", "1s"), ("--until", "1s"), ("-i", "lo"), ("--sort", "nonsense"),
                                  ("--finding", "x"), ("-w", "x.pcapng"), ("--packets", "some")])
def test_usage(args):
    done = subprocess.run([SOCKWHY, "flows", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "") and "hint:" in done.stderr


def test_without_root():
    done = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", SOCKWHY, "flows", "--csv"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "") and "hint:" in done.stderr
