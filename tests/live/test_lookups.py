# SPDX-License-Identifier: GPL-2.0-or-later
"""read: captures of real resolvers, name servers and datagrams between a client and a server behind a router."""

import collections
import json
import subprocess
import sys

import pytest

from capture import Capture
from lab import PATIENCE_S, Process, free_port
from program import SOCKWHY, Schema
from test_quiet import Program, private_etc

# Does as told, one JSON command a line.
CLIENT = r'''
import errno, json, select, socket, struct, sys
held = {}
def lookup(name, family="unspec"):
    found = socket.getaddrinfo(name, 80, {"unspec": 0, "v4": socket.AF_INET}[family], socket.SOCK_STREAM)
    return {"addresses": len(found)}
def datagrams(to, port, count=1, size=40, wait=0.6, discover=None):
    """Asks until it is answered; who asks gives up after so many seconds."""
    ipv6 = ":" in to
    with socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        if discover is not None: # IP_MTU_DISCOVER, IPV6_MTU_DISCOVER
            sock.setsockopt(socket.IPPROTO_IPV6 if ipv6 else socket.IPPROTO_IP, 23 if ipv6 else 10, discover)
        sock.connect((to, port))
        sock.settimeout(wait)
        for n in range(count):
            try:
                sock.send(bytes(size))
                return {"got": len(sock.recv(65536)), "asked": n + 1}
            except OSError:
                select.select([], [], [], wait if discover is not None else 0)
    return {"asked": count}
def connect(to, port, source, name):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("", source))
    sock.settimeout(20)
    held[name] = sock
    sock.connect((to, port))
    sock.sendall(b"hello")
    return {"got": len(sock.recv(100))}
def reset(name):
    held[name].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    held.pop(name).close()
    return {}
def mark(to, text, silence=0):
    select.select([], [], [], silence) # it is the silence that the capture has to show
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(text.encode(), (to, 9))
    return {}
def serve(port, echo):
    """One address is bound to, or all of them."""
    import threading
    def run(sock):
        while True:
            data, peer = sock.recvfrom(65536)
            sock.sendto(data[:60], peer)
    for family, any in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        sock = socket.socket(family, socket.SOCK_DGRAM)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((any, port))
        if echo:
            threading.Thread(target=run, args=(sock,), daemon=True).start()
        held[any] = sock
    listener = socket.create_server(("0.0.0.0", port))
    def accept():
        while True:
            conn, _ = listener.accept()
            conn.sendall(b"welcome")
            held[conn.getpeername()] = conn
    threading.Thread(target=accept, daemon=True).start()
    return {}
for line in sys.stdin:
    ask = json.loads(line)
    try:
        answer = globals()[ask.pop("do")](**ask)
    except OSError as fault:
        answer = {"error": errno.errorcode.get(fault.errno, str(fault.errno))}
    print(json.dumps(answer), flush=True)
'''

HOSTS = "".join(f"10.99.0.{n} big.test\n" for n in range(1, 61))


class Net:
    """client - router - server; dnsmasq serves .test at the server."""

    def __init__(self, lab):
        self.lab, self.router = lab, lab.host
        self.client = lab.link(self.router)
        to_client = (self.router.v4, self.router.v6)
        self.server = lab.link(self.router)
        for ns, via in ((self.client, to_client), (self.server, (self.router.v4, self.router.v6))):
            ns.ip(f"route add default via {via[0]}", f"route add ::/0 via {via[1]}")
        self.router.sysctl("net.ipv4.ip_forward", 1)
        self.router.sysctl("net.ipv6.conf.all.forwarding", 1)
        self.link_device, self.capture = self.router.device, None
        self.name_servers = [self.server.v4]
        self.options = ""

    def serve_names(self):
        hosts = self.lab.dir / "hosts"
        hosts.write_text(HOSTS)
        Program(self.lab, self.server, [
            "dnsmasq", "-k", "-C", "/dev/null", f"--listen-address={self.server.v4}", "--bind-interfaces", "--no-resolv",
            "--no-hosts", f"--addn-hosts={hosts}", "--user=root", "--pid-file=", "--local=/test/",
            "--txt-record=mail.test,hello", "--txt-record=here.one.two.test,hello", "--host-record=four.test,10.99.1.1",
            "--host-record=here.two.test,10.99.1.2", "--host-record=both.test,10.99.1.3,2001:db8::3"], 53)

    def start(self, ns=None):
        self.capture = Capture(self.lab, self.client, "client")
        resolv = "".join(f"nameserver {address}\n" for address in self.name_servers) + self.options
        etc = private_etc(self.lab, resolv_conf=resolv, nsswitch_conf="hosts: dns\n")
        self.peer = Process(self.client.command(*etc, sys.executable, "-c", CLIENT))
        self.far = Process(self.server.command(sys.executable, "-c", CLIENT))
        self.lab.processes += [self.peer, self.far]

    def do(self, what, **how):
        return self.peer.ask(do=what, **how)

    def filter(self, *rules):
        self.router.nft("forward", *rules)

    def heal(self):
        self.router.run("nft delete table inet lab")

    def findings(self, silence=0):
        """What read says of all that the client saw: id to findings, counted repeats once."""
        to, check = self.client.v4.rsplit(".", 1)[0] + ".1", Schema().validate
        path = self.capture.stop("the end", lambda: self.do("mark", to=to, text="the end", silence=silence))
        done = subprocess.run([SOCKWHY, "read", "--json", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              check=False, timeout=PATIENCE_S)
        assert done.returncode == 0, done.stderr
        found = collections.defaultdict(list)
        for line in map(json.loads, done.stdout.splitlines()):
            check(line)
            if line["type"] == "finding" and line["connection"]["remote"]["port"] != 9: # nobody takes the mark
                found[line["finding"]].append(line)
        return found


@pytest.fixture
def net(lab):
    return Net(lab)


def only(found, finding, words=(), **fields):
    """That finding alone, once, with these fields and words."""
    assert list(found) == [finding] and len(found[finding]) == 1, json.dumps(found, indent=1)
    told = found[finding][0]
    assert {key: told[key] for key in fields} == fields, told
    for word in words:
        assert word in told["summary"] + told["cause"], told
    return told


def test_no_data(net):
    """mail.test has a TXT record and no address; getaddrinfo() asks for both."""
    net.serve_names()
    net.start()
    assert "error" in net.do("lookup", name="mail.test")
    only(net.findings(), "dns-no-data", ["mail.test (A and AAAA)", "has no address"], severity="warning")


def test_no_data_of_one_family(net):
    """four.test has no AAAA, and that is nobody's trouble; nor is what a search list walks past."""
    net.serve_names()
    net.options = "search one.two.test two.test\n"
    net.start()
    for name in ("four.test", "both.test", "here"):
        assert net.do("lookup", name=name)["addresses"] > 0
    assert not net.findings()


def test_slow_because_the_first_server_is_silent(net):
    net.serve_names()
    net.name_servers = ["10.98.0.1", net.server.v4]
    net.options = "options timeout:2\n"
    net.router.nft("prerouting", "ip daddr 10.98.0.1 drop")
    net.start()
    assert net.do("lookup", name="both.test")["addresses"] == 2
    only(net.findings(), "dns-slow", ["10.98.0.1, asked first"], severity="warning", confidence="likely")


def test_server_that_no_route_leads_to(net):
    """The router says so (ICMP net unreachable)."""
    net.name_servers = ["10.98.0.1"]
    net.start()
    assert "error" in net.do("lookup", name="both.test")
    found = net.findings(silence=1.2)
    told = only(found, "dns-server-down", ["ICMP network unreachable"], severity="error")
    assert "10.98.0.1" in told["summary"]


def test_slow_because_one_of_two_queries_is_lost(net):
    """The second of the two that getaddrinfo() sends together, on a busy host maybe behind the answer to the first."""
    net.serve_names()
    net.options = "options timeout:2\n"
    net.filter("udp dport 53 numgen inc mod 1000 1 drop")
    net.start()
    assert net.do("lookup", name="both.test")["addresses"] == 2
    told = only(net.findings(), "dns-slow", ["(A and AAAA)"], severity="warning")
    entries = [entry["text"].split()[1:3] for entry in told["evidence"]]
    together = entries[:2] == [["query", "A"], ["query", "AAAA"]]
    assert ("one of two queries" in told["cause"]) == together, told


@pytest.mark.parametrize("rule, words", [
    ("tcp dport 53 drop", "was tried and did not answer"),
    ("tcp dport 53 reject with tcp reset", "was tried and refused")], ids=["dropped", "refused"])
def test_truncated(net, rule, words):
    """Sixty addresses fit no plain UDP answer; TCP is filtered, and is the lookup's transport, not another finding."""
    net.serve_names()
    net.options = "options timeout:1 attempts:1\n"
    net.filter(rule)
    net.start()
    net.do("lookup", name="big.test", family="v4")
    only(net.findings(silence=1.2), "dns-truncated", ["big.test", words], severity="warning")


def test_truncated_and_asked_again(net):
    """Over TCP; and over UDP with room for it."""
    net.serve_names()
    net.start()
    assert net.do("lookup", name="big.test", family="v4")["addresses"] == 60
    assert not net.findings(silence=1.2)


@pytest.mark.parametrize("asked, finding", [(77, "udp-reply-from-other-address"), (2, None)], ids=["second", "first"])
def test_reply_from_other_address(net, asked, finding):
    """A server bound to all its addresses answers from the one its route prefers."""
    second = net.server.v4.rsplit(".", 1)[0] + ".77"
    net.server.ip(f"addr add {second}/24 dev {net.server.device}")
    net.start()
    net.far.ask(do="serve", port=161, echo=True)
    told = net.do("datagrams", to=net.server.v4.rsplit(".", 1)[0] + f".{asked}", port=161, count=4)
    found = net.findings()
    if not finding:
        assert told == {"got": 40, "asked": 1} and not found
        return
    assert told == {"asked": 4} # the kernel hands a connected socket nothing from elsewhere
    only(found, finding, [f"{net.server.v4} answered", second], severity="error", confidence="likely")


def test_too_big(net, family):
    """A sender that never fragments and does not heed the router (IP_PMTUDISC_PROBE)."""
    net.router.ip(f"link set {net.link_device} mtu 1280")
    net.start()
    port = free_port()
    net.far.ask(do="serve", port=port, echo=True)
    net.do("datagrams", to=net.server.address(family), port=port, count=3, size=1400, discover=3)
    told = only(net.findings(silence=1.2), "udp-too-big", ["takes 1280", "2 further ones"],
                severity="error")
    assert f"of {1400 + 8 + (40 if family == 6 else 20)} bytes" in told["summary"]


def test_too_big_and_learned(net, family):
    """The kernel cuts what comes after the ICMP error: path MTU discovery, as it is meant to be."""
    net.router.ip(f"link set {net.link_device} mtu 1280")
    net.start()
    port = free_port()
    net.far.ask(do="serve", port=port, echo=True)
    told = net.do("datagrams", to=net.server.address(family), port=port, count=5, size=1400, discover=1)
    assert told["got"] == 60 and told["asked"] > 1
    assert not net.findings(silence=1.2)


def stale(net, rules):
    """The server keeps a connection of which the client's reset was lost; the client asks for the same ports."""
    port, source = free_port(), free_port()
    net.start()
    net.far.ask(do="serve", port=port, echo=False)
    assert net.do("connect", to=net.server.v4, port=port, source=source, name="old") == {"got": 7}
    net.filter("tcp flags & rst == rst drop")
    net.do("reset", name="old")
    if not rules:
        net.heal()
    return net.do("connect", to=net.server.v4, port=port, source=source, name="new")


def test_stale_peer(net):
    assert stale(net, True) == {"error": "ETIMEDOUT"}
    told = only(net.findings(), "connect-stale-peer", ["plain ACK"], severity="error", confidence="likely")
    assert "resets of the client changed nothing" in told["summary"] or "1 reset of" in told["summary"]


def test_stale_peer_that_is_reset(net):
    assert stale(net, False) == {"got": 7}
    only(net.findings(), "connect-slow", ["sent again"], severity="warning")
