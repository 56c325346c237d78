# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients of other machines that this host does not let in, told from its side."""

import signal
import sys

import pytest

from harness import describe
from lab import Process, free_port

SYN, RST, ACK = 0x02, 0x04, 0x10


@pytest.fixture
def far(lab, family):
    """This host's address, an internet, and a machine out there."""
    net = lab.internet()
    return (lab.host.inet6 if family == 6 else lab.host.inet4), net, net.host(family)


def lo(family):
    return "::1" if family == 6 else "127.0.0.1"


def knocks(agent):
    return [f for f in agent.findings(state="final") if f["finding"].startswith("accept-")]


def test_wrong_bind(lab, watch, family, far):
    """The service is bound to loopback, and another machine asks for it."""
    here, net, client = far
    port = free_port()
    server = lab.serve(lo(family), port)
    agent = watch()
    net.open(client, 45000, here, port)
    found = agent.assert_only("accept-wrong-bind", severity="warning", confidence="certain")
    assert net.heard(client, 45000) == [RST | ACK]
    if found:
        assert client in found["summary"] and f"listens on {'[::1]' if family == 6 else '127.0.0.1'}:{port} only" in found["cause"]
        assert [r["process"]["pid"] for r in found["related"]] == [server.pid]


def test_right_bind(lab, watch, family, far):
    """Nearest miss: the service listens on that address, too."""
    here, net, client = far
    port = free_port()
    lab.serve(lo(family), port)
    lab.serve(here, port)
    agent = watch()
    net.open(client, 45000, here, port)
    agent.silent()
    assert net.heard(client, 45000)[0] == SYN | ACK


def test_wrong_bind_for_a_client_of_this_machine(lab, watch, family):
    """Nearest miss: who asks is a process of this machine, and has the verdict."""
    there, port = lab.link(), free_port()
    lab.serve(lo(family), port, ns=there)
    agent = watch(ns=there)
    saw = lab.fault("connect", there.address(family), port)
    assert saw["errno"] == "ECONNREFUSED"
    agent.assert_only("connect-refused-local", pid=saw["pid"])
    agent.quiesce()
    assert not knocks(agent), describe(knocks(agent))


def test_no_listener(lab, watch, family, far, needs_agent):
    """Nobody listens there: told on request alone."""
    here, net, client = far
    port = free_port()
    agent, asked = watch(), watch("--finding", "accept-no-listener")
    net.open(client, 45000, here, port)
    found = asked.wait_for(finding="accept-no-listener")
    assert found["severity"] == "info" and found["connection"]["remote"]["address"] == client
    assert found["connection"]["local"] == {"address": here, "port": port}
    agent.silent()


def test_firewall(lab, watch, family, far):
    """This host's own filter drops the SYN of another machine before the listener."""
    here, net, client = far
    port = free_port()
    server = lab.serve(here, port)
    lab.host.nft("input", f"tcp dport {port} tcp flags syn counter drop")
    agent = watch()
    net.open(client, 45000, here, port, syns=2)
    found = agent.assert_only("accept-firewall", pid=server.pid, confidence="certain")
    assert net.heard(client, 45000) == [] and lab.host.nft_packets()
    if found:
        assert client in found["summary"] and f"tcp dport {port}" in found["cause"]


def test_firewall_of_what_is_forwarded(lab, watch, family, far):
    """Nearest miss: a listener takes that port on every address, but the SYN was for somebody behind this host."""
    _, net, client = far
    port, behind = free_port(), lab.link()
    lab.serve("::" if family == 6 else "0.0.0.0", port)
    lab.host.sysctl("net.ipv6.conf.all.forwarding" if family == 6 else "net.ipv4.ip_forward", 1)
    lab.host.nft("forward", f"tcp dport {port} counter drop")
    agent = watch()
    net.open(client, 45000, behind.address(family), port)
    agent.silent()
    assert lab.host.nft_packets()


def test_firewall_before_nobody(lab, watch, family, far):
    """Nearest miss: nobody listens on the port that is dropped."""
    here, net, client = far
    port = free_port()
    lab.host.nft("input", f"tcp dport {port} counter drop")
    agent = watch("--all")
    net.open(client, 45000, here, port)
    agent.silent()
    assert lab.host.nft_packets() and not knocks(agent), describe(knocks(agent))


def test_reverse_path(lab, watch):
    """The way back leads elsewhere, and the reverse path filter drops what comes. IPv6 has none of its own."""
    net, port, client = lab.internet(), free_port(), "198.51.100.7"
    server = lab.serve(lab.host.inet4, port)
    lab.host.sysctl("net.ipv4.conf.all.rp_filter", 0)
    lab.host.sysctl("net.ipv4.conf.inet0.rp_filter", 1)
    lab.link()
    lab.host.ip(f"route add 198.51.100.0/24 dev {lab.host.device}")
    net.set(client)
    agent = watch()
    net.open(client, 45000, lab.host.inet4, port)
    found = agent.assert_only("accept-firewall", pid=server.pid)
    if found:
        assert "inet0/rp_filter=1" in found["cause"] and f"leads out of {lab.host.device}" in found["cause"], found["cause"]


def test_unfinished(lab, watch, family, far):
    """The client never acknowledges the SYN/ACK: told when that was sent for the third time."""
    here, net, client = far
    port = free_port()
    server = lab.serve(here, port)
    agent = watch()
    net.open(client, 45000, here, port, deaf=99)
    found = agent.assert_only("accept-unfinished", pid=server.pid, severity="warning")
    assert net.heard(client, 45000)[:3] == [SYN | ACK] * 3
    if found:
        assert client in found["summary"] and found["connection"]["remote"] == {"address": client, "port": 45000}


def test_finished_late(lab, watch, family, far):
    """Nearest miss: the first SYN/ACK is lost, the second is acknowledged."""
    here, net, client = far
    port = free_port()
    lab.serve(here, port)
    agent = watch()
    net.open(client, 45000, here, port, deaf=1)
    agent.silent()
    assert net.heard(client, 45000)[:2] == [SYN | ACK] * 2


def test_syn_flood(lab, watch, family, far, needs_agent):
    """More handshakes wait than the listener may have, and go on to. One alone is test_unfinished, its nearest miss."""
    here, net, _ = far
    port = free_port()
    server = lab.serve(here, port, "keep", "-b", 2)
    agent = watch()
    for _ in range(6):
        net.open(net.host(family), 45000, here, port, deaf=99)
    found = agent.wait_for(finding="accept-syn-flood", state="final")
    assert found["process"]["pid"] == server.pid and found["severity"] == "warning"
    assert "its queue of them takes 2" in found["summary"] and "tcp_syncookies" in found["cause"]
    agent.silent(allow=("accept-syn-flood",))


# Listens, and does what it is told: "accept" one, "close" the listener, "linger": reset what it has accepted, "again": listen once more.
LISTENER = """
import json, socket, struct, sys
address, port, share = sys.argv[1], int(sys.argv[2]), sys.argv[3:] == ["share"]
def listen():
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, share)
    s.bind((address, port))
    s.listen()
    return s
listener, taken = listen(), []
print("{}", flush=True)
for line in sys.stdin:
    what = json.loads(line)
    if what == "accept":
        taken.append(listener.accept()[0])
    elif what == "close":
        listener.close()
    elif what == "linger":
        for s in taken:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.close()
    elif what == "again":
        listener = listen()
    print("{}", flush=True)
"""

CLIENT = """
import errno, json, socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
print("{}", flush=True)
try:
    s.recv(1)
except OSError as err:
    print(json.dumps({"errno": errno.errorcode[err.errno]}), flush=True)
sys.stdin.read()
"""


def listener(lab, address, port, *options):
    proc = Process(lab.host.command(sys.executable, "-c", LISTENER, address, port, *options))
    lab.processes.append(proc)
    proc.line()
    return proc


def do(proc, *what):
    for one in what:
        proc.tell(one)
        proc.line()


@pytest.mark.parametrize("ends", ["close", "again", "kill"])
@pytest.mark.parametrize("sent", [0, 100])
def test_listener_closed(lab, watch, family, far, sent, ends):
    """A client is connected, and the listener closes before it was accepted."""
    here, net, client = far
    port = free_port()
    server = listener(lab, here, port)
    agent = watch()
    net.open(client, 45000, here, port, bytes=sent)
    while len(net.heard(client, 45000)) < 1 + bool(sent):
        pass
    if ends == "kill":
        server.kill(signal.SIGKILL)
    else:
        do(server, "close", *(["again"] if ends == "again" else []))
    found = agent.assert_only("accept-listener-closed", pid=server.pid, confidence="certain", comm=None)
    assert net.heard(client, 45000)[-1] & RST
    if found:
        assert found["connection"]["remote"] == {"address": client, "port": 45000}
        assert ("SIGKILL" in found["cause"]) == (ends == "kill")
        assert ("by now" in found["cause"]) == (ends == "again")
        assert any("listener" == change["what"] for change in found["changed"])


def test_listener_closed_behind_accept(lab, watch, family, far):
    """Nearest miss: the process had accepted it, resets it, and closes its listener at the same time."""
    here, net, client = far
    port = free_port()
    server = listener(lab, here, port)
    agent = watch()
    net.open(client, 45000, here, port)
    do(server, "accept", "close", "linger")
    agent.silent()
    assert net.heard(client, 45000)[-1] & RST


def test_listener_closed_without_that_client(lab, watch, family, far):
    """Nearest miss: the client had reset the connection itself before the listener closed."""
    here, net, client = far
    port = free_port()
    server = listener(lab, here, port)
    agent = watch()
    net.open(client, 45000, here, port, leave="reset", after=0.1)
    while not net.heard(client, 45000) or lab.host.run(f"ss -Htn state established 'sport = :{port}'"):
        pass
    do(server, "close")
    agent.silent()


def test_listener_handed_on(lab, watch, family, far):
    """Nearest miss: another listener of that port takes over what waited (tcp_migrate_req)."""
    here, net, client = far
    port = free_port()
    lab.host.sysctl("net.ipv4.tcp_migrate_req", 1)
    first = listener(lab, here, port, "share")
    agent = watch()
    net.open(client, 45000, here, port)
    while net.heard(client, 45000) != [SYN | ACK]:
        pass
    second = listener(lab, here, port, "share")
    do(first, "close")
    do(second, "accept")
    agent.silent()
    assert net.heard(client, 45000) == [SYN | ACK]


def test_listener_closed_for_a_client_of_this_machine(lab, watch, family):
    """Nearest miss: who waited is a process of this machine, and has the verdict with that cause."""
    port = free_port()
    server = listener(lab, lo(family), port)
    agent = watch()
    client = Process(lab.host.command(sys.executable, "-c", CLIENT, lo(family), port))
    lab.processes.append(client)
    client.line()
    do(server, "close")
    assert client.line() == {"errno": "ECONNRESET"}
    found = agent.assert_only("connect-reset-in-handshake", pid=client.pid, comm=None)
    if found:
        assert f"[{server.pid}] closed its listener" in found["cause"]
    assert not knocks(agent), describe(knocks(agent))
