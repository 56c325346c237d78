# SPDX-License-Identifier: GPL-2.0-or-later
"""compare: captures taken on both sides of a router that drops, delays, translates, rewrites and resets."""

import pathlib
import re
import struct
import subprocess

import pytest

from lab import PATIENCE_S, free_port
from router import Compared, Path, changes, kinds


@pytest.fixture
def path(lab):
    return Path(lab)


def provoke(path, family, rule, **how):
    """A connection that works, the fault with its own connection, and one more that works."""
    path.capture()
    path.control(family)
    if rule:
        path.drop(rule.format(port=path.port))
    told = path.connect(family, **how)
    if rule:
        path.heal()
    path.control(family)
    compared = Compared(*path.stop())
    compared.others_passed(told["port"])
    return told, compared.of(told["port"]), compared


def test_routed(path, family):
    """Nothing but a router between: all is in both, one hop, clocks that are one are told as one."""
    told, found, compared = provoke(path, family, None, send=100, receive=True, close="orderly")
    assert "error" not in told
    assert (found["verdict"], found["severity"], found["near_client"], found["order_by"]) == ("passed", "info", "a", "times")
    assert found["client"]["both"] >= 4 and found["server"]["both"] >= 3
    for way, ttl in (("client", ("64", "63")), ("server", ("63", "64"))):
        assert changes(found[way]) == {"ttl": ttl}
        assert "only_a" not in found[way] and "only_b" not in found[way]
        assert 0 <= found[way]["delay_ns"]["most"] < 100_000_000
    clock = compared.summary["clock"]
    assert clock["known"] and abs(clock["offset_ns"]) <= clock["uncertainty_ns"] + 1000 and "drift_ppb" not in clock
    assert compared.summary["a"]["udp"] == compared.summary["b"]["udp"] == 1  # the mark: counted, not compared
    assert compared.summary["connections"] == compared.summary["pairs"] == 3
    plain = Compared.run("--json", *[path.lab.dir / f"{side}.pcap" for side in "ab"]).stdout.splitlines()
    assert len(plain) == 1  # healthy ones are shown on request only
    assert Compared.run("--fail-on", "warning", path.lab.dir / "a.pcap", path.lab.dir / "b.pcap").returncode == 0


def test_sides_given_in_the_other_order(path):
    """B is nearer to the client: told by times, and the verdict names the sides as they are."""
    path.capture()
    path.control()
    path.drop(f"tcp dport {path.port} drop")
    told = path.connect(timeout=1.5)
    path.heal()
    path.control()
    compared = Compared(*reversed(path.stop()))
    found = compared.of(told["port"], "b")
    assert (found["verdict"], found["near_client"], found["confidence"]) == ("syn-lost", "b", "likely")
    assert "left B" in found["summary"] and "never reached A" in found["summary"]


@pytest.mark.parametrize("rule,verdict,what", [
    ("tcp dport {port} drop", "syn-lost", "never reached B"),
    ("tcp dport {port} reject with tcp reset", "syn-rejected", "a reset came back to A"),
    ("tcp dport {port} reject with icmpx admin-prohibited", "syn-rejected", "ICMP"),
], ids=["dropped", "reset", "icmp"])
def test_syn(path, family, rule, verdict, what):
    told, found, compared = provoke(path, family, rule, timeout=1.5)
    assert told["error"]
    assert (found["verdict"], found["severity"], found["confidence"]) == (verdict, "error", "likely")
    assert what in found["summary"] and "unsure" not in found and "b" not in found
    assert kinds(found["client"], "a")["SYN"] >= 1
    assert Compared.run("--fail-on", "error", path.lab.dir / "a.pcap", path.lab.dir / "b.pcap").returncode == 3
    assert compared.summary["verdicts"] == {"passed": 2, verdict: 1}


def test_answer_lost(path, family):
    told, found, _ = provoke(path, family, "tcp sport {port} drop", timeout=1.5)
    assert (found["verdict"], found["confidence"]) == ("answer-lost", "likely")
    assert "A never got it" in found["summary"]
    assert kinds(found["server"], "b")["SYN/ACK"] >= 1 and found["client"]["both"] >= 1


def test_last_ack_lost(path, family):
    told, found, _ = provoke(path, family, "tcp dport {port} tcp flags & (syn | ack) == ack drop", timeout=1.5, close="reset")
    assert "error" not in told
    assert (found["verdict"], found["confidence"]) == ("ack-lost", "likely")
    assert kinds(found["client"], "a")["ACK"] >= 1


def test_refused(path, family):
    """Nothing listens: the server's reset is in both."""
    path.capture()
    path.control(family)
    told = path.connect(family, port=path.port + 1)
    path.control(family)
    found = Compared(*path.stop()).of(told["port"])
    assert told["error"] == "ECONNREFUSED"
    assert (found["verdict"], found["confidence"]) == ("server-refused", "likely")
    assert found["client"]["both"] == found["server"]["both"] == 1


def test_refusal_lost(path):
    path.capture()
    path.control()
    path.drop("tcp flags & rst == rst drop")
    told = path.connect(port=path.port + 1, timeout=1.5)
    path.heal()
    path.control()
    found = Compared(*path.stop()).of(told["port"])
    assert (found["verdict"], found["confidence"]) == ("reset-lost", "likely")
    assert kinds(found["server"], "b")["RST"] >= 1


def test_server_silent(path, family):
    """The SYN is captured at the server, whose own firewall then drops it."""
    path.capture()
    path.control(family)
    path.server.nft("input", f"tcp dport {path.port} drop")
    told = path.connect(family, timeout=1.5)
    path.server.run("nft delete table inet lab")
    path.control(family)
    found = Compared(*path.stop()).of(told["port"])
    assert (found["verdict"], found["severity"]) == ("server-silent", "error")
    assert "reached B" in found["summary"] and found["client"]["both"] >= 1 and found["server"]["both"] == 0


# ---- resets ----

def test_reset_injected(path, family):
    """The router resets an established connection in the server's name; the server never knows."""
    path.capture()
    path.control(family)
    told = path.connect(family, send=100, receive=True)
    path.drop(f"tcp dport {path.port} reject with tcp reset")
    assert path.peers["client"].ask(send=100, hear=True, close="close")["error"] == "ECONNRESET"
    path.heal()
    path.control(family)
    found = Compared(*path.stop()).of(told["port"])
    assert (found["verdict"], found["severity"], found["confidence"]) == ("reset-between", "error", "likely")
    assert "A got a reset in the server's name that B never saw" in found["summary"]
    assert kinds(found["server"], "a") == {"RST": 1} and kinds(found["client"], "a")["data"] == 1


@pytest.mark.parametrize("who", ["client", "server"])
def test_reset_by(path, family, who):
    path.capture()
    path.control(family)
    if who == "client":
        told = path.connect(family, send=100, receive=True, close="reset")
    else:
        path.peers["server"].ask(listen=path.server.address(family), port=path.port + 1, mode="reset")
        told = path.connect(family, port=path.port + 1, hear=True, close="close")
    path.control(family)
    found = Compared(*path.stop()).of(told["port"])
    assert (found["verdict"], found["severity"], found["confidence"]) == (f"reset-by-{who}", "error", "likely")
    assert f"first seen at {'A' if who == 'client' else 'B'}" in found["summary"]


# ---- loss, delay ----

def test_path_died(path, family):
    """From some time on nothing gets through; the client gives up with a reset that is lost, too."""
    path.capture()
    path.control(family)
    told = path.connect(family, timeout=2.5, send=100, receive=True)
    path.drop(f"tcp dport {path.port} drop")
    path.peers["client"].ask(send=100, receive=True, close="reset")  # after 2.5 s of retransmissions
    path.heal()
    path.control(family)
    found = Compared(*path.stop()).of(told["port"])
    assert (found["verdict"], found["severity"], found["confidence"]) == ("path-died", "error", "likely")
    assert kinds(found["client"], "a")["data"] >= 3


def test_one_segment_lost(path, family):
    """Lost once, sent again: counted as lost once, and the second sending is not taken for the first."""
    path.capture()
    path.control(family)
    path.drop(f"tcp dport {path.port} meta length > 900 limit rate 1/hour burst 1 packets counter drop")
    told = path.connect(family, send=1000, receive=True, close="orderly")
    path.heal()
    path.control(family)
    compared = Compared(*path.stop())
    found = compared.of(told["port"])
    assert "error" not in told
    assert (found["verdict"], found["severity"], found["confidence"]) == ("lossy", "warning", "likely")
    assert kinds(found["client"], "a") == {"data": 1} and found["client"]["only_a"]["bytes"] == 1000
    assert "only_b" not in found["client"] and "only_a" not in found["server"]
    assert found["client"]["delay_ns"]["most"] < 100_000_000  # not the time of the retransmission
    compared.others_passed(told["port"])


def test_delayed(path, family):
    """A narrow link: packets queue, large ones are cut; none is lost, none is called lost."""
    path.capture()
    path.control(family)
    path.router.run(f"tc qdisc add dev {path.device} root tbf rate 1mbit burst 4kb limit 400kb")
    told = path.connect(family, send=60000, receive=True, close="orderly")
    path.router.run(f"tc qdisc del dev {path.device} root")
    path.control(family)
    compared = Compared(*path.stop())
    found = compared.of(told["port"])
    assert "error" not in told
    assert "only_a" not in found["client"] and "only_b" not in found["client"]
    assert (found["verdict"], found["severity"]) == ("delayed", "warning")
    assert 100_000_000 < found["client"]["delay_ns"]["most"] < 2_000_000_000
    assert found["client"]["both_bytes"] <= 60000
    assert found["server"]["delay_ns"]["most"] < 100_000_000
    clock = compared.summary["clock"]
    assert clock["known"] and abs(clock["offset_ns"]) <= clock["uncertainty_ns"] + 1000


# ---- what changes ----

def test_source_translated(path):
    path.nft(f"add rule inet lab post ip saddr {path.client.v4} tcp dport {path.port} snat ip to "
             f"{path.server.v4.rsplit('.', 1)[0]}.1:20000-20100")
    path.capture()
    path.control()
    told = path.connect(send=100, receive=True, close="orderly")
    found = Compared(*path.stop()).of(told["port"])
    assert found["verdict"] == "passed" and set(found["found_by"]) >= {"sequence"} and "ends" not in found["found_by"]
    assert 20000 <= found["b"]["client"]["port"] <= 20100
    assert changes(found["client"])["source"] == (path.client.v4, path.server.v4.rsplit(".", 1)[0] + ".1")
    assert changes(found["client"])["source-port"] == (str(told["port"]), str(found["b"]["client"]["port"]))
    assert changes(found["server"])["destination"] == (path.client.v4, path.server.v4.rsplit(".", 1)[0] + ".1")


@pytest.mark.parametrize("fault", [None, "drop", "refused"])
def test_destination_translated(path, fault):
    """A forwarded port: it works; its answers are dropped; the forward leads to a port where nothing listens."""
    front, router = free_port(), path.client.v4.rsplit(".", 1)[0] + ".1"
    to = free_port() if fault == "refused" else path.port
    path.nft(f"add rule inet lab pre tcp dport {front} dnat ip to {path.server.v4}:{to}")
    path.capture()
    path.control()
    if fault == "drop":
        path.drop(f"tcp sport {path.port} drop")
    told = path.connect(port=front, address=router, timeout=1.5, send=100, receive=True, close="close")
    path.heal()
    path.control()
    found = Compared(*path.stop()).of(told["port"])
    assert found["verdict"] == {None: "passed", "drop": "answer-lost", "refused": "server-refused"}[fault]
    assert found["a"]["server"] == {"address": router, "port": front}
    assert found["b"]["server"] == {"address": path.server.v4, "port": to}
    assert changes(found["client"])["destination-port"] == (str(front), str(to))


@pytest.mark.parametrize("rule,what,value", [
    ("tcp option maxseg size set 1000", "mss", ("1460", "1000")),
    ("reset tcp option sack-perm", "sack", ("offered", "none")),
    ("reset tcp option timestamp", "timestamps", ("offered", "none")),
    ("reset tcp option window", "window-scale", None),
], ids=["mss", "sack", "timestamps", "wscale"])
def test_options(path, rule, what, value):
    """Of the client's SYN alone: the server's is left as it is."""
    path.nft(f"add rule inet lab forward tcp dport {path.port} tcp flags syn {rule}")
    path.capture()
    path.control()
    told = path.connect(send=100, receive=True, close="orderly")
    found = Compared(*path.stop()).of(told["port"])
    assert found["verdict"] == "passed"
    seen = changes(found["client"])
    assert set(seen) == {"ttl", what}, seen
    if value:
        assert seen[what] == value
    else:
        assert seen[what][0] != "none" and seen[what][1] == "none"
    assert set(changes(found["server"])) == {"ttl"}


# ---- where a capture does not tell ----

def test_other_side_began_later(path):
    """The SYN was lost before capture B began: that it is not there tells nothing."""
    path.capture((0,))
    path.drop(f"tcp dport {path.port} drop")
    told = path.connect(timeout=1.5)
    path.heal()
    path.capture((1,))
    path.control()
    found = Compared(*path.stop()).of(told["port"])
    assert (found["verdict"], found["unsure_of"]) == ("cannot-tell", "b") and "began-later" in found["unsure"]


def test_other_side_has_a_filter(path):
    """Capture B leaves that server's port out: the connection worked, and nothing is called lost."""
    other = free_port()
    path.peers["server"].ask(listen="0.0.0.0", port=other)
    path.filters = ([], ["udp", "or", "port", other])
    path.capture()
    path.control(port=other)
    told = path.connect(send=100, receive=True, close="orderly")
    path.drop(f"tcp dport {path.port} drop")
    lost = path.connect(timeout=1.5)
    path.heal()
    path.control(port=other)
    compared = Compared(*path.stop())
    found = compared.of(told["port"])
    assert (found["verdict"], found["severity"], found["unsure"]) == ("one-sided", "info", ["filter"])
    found = compared.of(lost["port"])
    assert (found["verdict"], found["confidence"], found["unsure"]) == ("syn-lost", "possible", ["filter"])


def test_other_side_sees_one_direction(path):
    """Capture A holds what the client sends only: the answers cannot be called lost."""
    path.filters = (["udp", "or", "dst", "port", path.port], [])
    path.capture()
    path.control()
    told = path.connect(send=100, receive=True, close="orderly")
    path.control()
    compared = Compared(*path.stop())
    found = compared.of(told["port"])
    assert "only_b" not in found["server"] or found["server"]["only_b"]["packets"] == 0
    assert found["server"]["only_b"]["cannot_tell"] >= 3
    assert not compared.summary["clock"]["known"]  # one direction bounds the offset on one side only


def test_nothing_in_common(path):
    """Captures of different traffic: no packet of either is called lost."""
    path.filters = ([], ["udp"])
    path.capture()
    path.drop(f"tcp dport {path.port} drop")
    told = path.connect(timeout=1.5)
    path.heal()
    path.control()
    found = Compared(*path.stop()).of(told["port"])
    assert (found["verdict"], found["confidence"]) == ("cannot-tell", "possible") and "nothing-in-common" in found["unsure"]


def shifted(source, target, seconds):
    """The same capture by a clock that is ahead."""
    data = bytearray(source.read_bytes())
    assert struct.unpack_from("<I", data)[0] == 0xA1B2C3D4
    at = 24
    while at < len(data):
        second, micro, captured, _ = struct.unpack_from("<IIII", data, at)
        micro += round(seconds * 1_000_000)
        struct.pack_into("<II", data, at, second + micro // 1_000_000, micro % 1_000_000)
        at += 16 + captured
    target.write_bytes(data)
    return target


@pytest.mark.parametrize("seconds", [3600.25, -7.5])
def test_clocks_apart(path, seconds):
    """B's clock is far off: the offset is found, and the verdicts are the same."""
    path.capture()
    path.control()
    path.drop(f"tcp sport {path.port} drop")
    told = path.connect(timeout=1.5)
    path.heal()
    path.control()
    a, b = path.stop()
    plain, moved = Compared(a, b), Compared(a, shifted(b, path.lab.dir / "moved.pcap", seconds))
    clock = moved.summary["clock"]
    assert clock["known"] and abs(clock["offset_ns"] - seconds * 1e9) <= clock["uncertainty_ns"] + 2000
    assert [line["verdict"] for line in moved.lines] == [line["verdict"] for line in plain.lines]
    assert moved.of(told["port"])["verdict"] == "answer-lost"


def test_damaged(path):
    """A file that ends in the middle: what stands before is compared, its end is no evidence, exit 1."""
    path.capture()
    path.control()
    told = path.connect(send=100, receive=True, close="orderly")
    a, b = path.stop()
    whole = Compared(a, b).of(told["port"])
    assert whole["verdict"] == "passed"
    cut = pathlib.Path(path.lab.dir, "cut.pcap")
    data, records, at = b.read_bytes(), [], 24
    while at < len(data):
        records.append(at)
        at += 16 + struct.unpack_from("<I", data, at + 8)[0]
    cut.write_bytes(data[:records[-5] + 20])  # the end of the connection, the mark and what answers it
    compared = Compared(a, cut, status=1)
    assert compared.summary["b"]["damaged"] and not compared.summary["a"]["damaged"]
    found = compared.of(told["port"])
    assert found["verdict"] in ("passed", "cannot-tell") and "only_a" in found["client"] | found["server"]
    assert all(way.get("only_a", {}).get("packets", 0) == 0 for way in (found["client"], found["server"]))


# ---- sequence numbers ----

def tcp_field(path, side, port, field):
    """Of the first SYN/ACK to this port in a capture, as tshark reads it."""
    done = subprocess.run(["tshark", "-n", "-r", path.lab.dir / f"{side}.pcap", "-T", "fields", "-e", field, "-Y",
                           f"tcp.dstport == {port} && tcp.flags.syn == 1"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, check=True, timeout=PATIENCE_S)
    return done.stdout.split()[0]


def syn_proxy(path, ports, timestamps=True):
    """The router answers SYNs itself and connects to the server when the client's ACK has come."""
    path.router.sysctl("net.netfilter.nf_conntrack_tcp_loose", 0)
    if not timestamps:
        for ns in (path.client, path.server):
            ns.sysctl("net.ipv4.tcp_timestamps", 0)
    path.nft("add chain inet lab raw { type filter hook prerouting priority -300; }",
             f"add rule inet lab raw tcp dport {{ {ports} }} tcp flags syn notrack",
             f"add rule inet lab forward tcp dport {{ {ports} }} ct state invalid,untracked synproxy mss 1460 wscale 7 "
             f"{'timestamp ' if timestamps else ''}sack-perm",
             "add rule inet lab forward ct state invalid drop")


def connect_through_proxy(path, family):
    """
    A connection on which nothing is sent twice, and how many were made for it: the proxy's ACK echoes no timestamp of the
    server's, and a server of 6.10 or later takes data only that echoes the very millisecond of its SYN/ACK.
    """
    def sent_twice():
        return path.client.run("nstat -asz TcpRetransSegs").splitlines()[-1].split()[1]
    for count in range(1, 11):
        before = sent_twice()
        told = path.connect(family, send=100, receive=True, close="orderly")
        if sent_twice() == before:
            return told, count
    raise AssertionError("data was sent twice on each of ten connections")


@pytest.mark.parametrize("timestamps", [True, False], ids=["timestamps", "plain"])
def test_syn_proxy(path, family, timestamps):
    """One connection at both sides, told as one, with how far its server's numbers are apart; nothing is lost."""
    syn_proxy(path, path.port, timestamps)
    path.capture()
    path.control(family)
    told, count = connect_through_proxy(path, family)
    path.control(family)
    compared = Compared(*path.stop())
    assert compared.summary["pairs"] == compared.summary["connections"] == 2 + count
    compared.others_passed()
    found = compared.of(told["port"])
    assert (found["verdict"], found["near_client"]) == ("passed", "a")
    assert {"ends", "sequence"} <= set(found["found_by"])
    assert found["client"]["both_bytes"] == 100 and found["server"]["both_bytes"] == 9
    # the server's numbers are the proxy's, the client's are its own
    apart = changes(found["server"])["sequence"][1]
    assert re.fullmatch(r"\+[1-9]\d*", apart) and "sequence" not in changes(found["client"])
    isn = [int(tcp_field(path, side, told["port"], "tcp.seq_raw"), 0) for side in "ab"]
    assert (isn[1] - isn[0]) % 2**32 == int(apart)
    # the proxy says itself that its window is open
    assert "only_b" not in found["server"] and set(kinds(found["server"], "a")) <= {"ACK"}
    # what the proxy answered before the server did is no time of the way between
    clock = compared.summary["clock"]
    for way in (found["client"], found["server"]):
        assert not clock["known"] or way["delay_ns"]["least"] >= -clock["uncertainty_ns"] - 1000, (clock, found)


@pytest.mark.parametrize("fault", ["silent", "refused"])
def test_behind_a_syn_proxy(path, family, fault):
    """The client is connected, to the proxy: the server never answered, or refused."""
    dead = free_port()
    syn_proxy(path, f"{path.port}, {dead}")
    path.capture()
    path.control(family)
    if fault == "silent":
        path.server.nft("input", f"tcp dport {dead} drop")
    told = path.connect(family, port=dead, send=100, timeout=1.5, receive=True, close="reset")
    path.control(family)
    found = Compared(*path.stop()).of(told["port"])
    assert told["error"] == {"silent": "timeout", "refused": "ECONNRESET"}[fault]
    assert (found["verdict"], found["severity"]) == ("answer-between", "error")
    assert "A got a SYN/ACK that B never sent" in found["summary"]
    assert ("B answered the SYN with a reset" in found["summary"]) == (fault == "refused")
    assert kinds(found["server"], "a")["SYN/ACK"] >= 1
