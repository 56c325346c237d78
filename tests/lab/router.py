# SPDX-License-Identifier: GPL-2.0-or-later
"""A router between client and server, captures on both of its sides, and what compare says of them."""

import json
import subprocess
import sys

from capture import Capture
from lab import PATIENCE_S, Process, free_port
from program import SOCKWHY, Schema

# Serves and connects as told, one JSON command a line; what it connected stays open until it is told to close.
PEER = r'''
import errno, json, socket, struct, sys, threading
def serve(sock, mode):
    while True:
        conn, _ = sock.accept()
        if mode == "reset":
            conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            conn.close()
            continue
        threading.Thread(target=echo, args=(conn,), daemon=True).start()
def echo(conn):
    try:
        while conn.recv(65536):
            conn.sendall(b"thank you")
    except OSError:
        pass
    conn.close()
def fresh(family):
    """A socket with a port that none before it had: tests find their connections by it."""
    while True:
        sock = socket.socket(family)
        sock.bind(("", 0))
        port = sock.getsockname()[1]
        if port not in used:
            used.add(port)
            return sock, port
        sock.close()
held, kept, used = None, [], set()
for line in sys.stdin:
    ask, answer = json.loads(line), {}
    if "listen" in ask:
        sock = socket.create_server((ask["listen"], ask["port"]),
                                    family=socket.AF_INET6 if ":" in ask["listen"] else socket.AF_INET)
        kept.append(sock)
        threading.Thread(target=serve, args=(sock, ask.get("mode")), daemon=True).start()
    try:
        if "connect" in ask:
            family = socket.AF_INET6 if ":" in ask["connect"] else socket.AF_INET
            held, answer["port"] = fresh(family)
            held.settimeout(ask.get("timeout", 20))
            held.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            held.connect((ask["connect"], ask["port"]))
        if "send" in ask:
            held.sendall(bytes(i * 7 % 251 for i in range(ask["send"])))
        if ask.get("receive"):
            answer["got"] = len(held.recv(65536))
        if ask.get("hear"):
            while held.recv(65536):
                pass
    except OSError as fault:
        answer["error"] = errno.errorcode.get(fault.errno, "timeout")
    if ask.get("close") == "reset":
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if ask.get("close"):
        if ask["close"] == "orderly":
            held.shutdown(socket.SHUT_WR)
            while held.recv(65536):
                pass
        held.close()
    if "datagram" in ask:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(ask["mark"].encode(), (ask["datagram"], 9))
    print(json.dumps(answer), flush=True)
'''


class Path:
    """client - router - server, with a listener at the server that every test talks to before and after its fault."""

    def __init__(self, lab):
        self.lab, self.router = lab, lab.host
        self.client = lab.link(self.router)
        to_client = (self.router.v4, self.router.v6, self.router.device)
        self.server = lab.link(self.router)
        to_server = (self.router.v4, self.router.v6, self.router.device)
        self.device = to_server[2]
        for ns, via in ((self.client, to_client), (self.server, to_server)):
            ns.ip(f"route add default via {via[0]}", f"route add ::/0 via {via[1]}")
        self.router.sysctl("net.ipv4.ip_forward", 1)
        self.router.sysctl("net.ipv6.conf.all.forwarding", 1)
        self.port = free_port()
        self.peers = {}
        for name, ns in (("client", self.client), ("server", self.server)):
            self.peers[name] = Process(ns.command(sys.executable, "-c", PEER))
            lab.processes.append(self.peers[name])
        for address in ("0.0.0.0", self.server.v6):
            self.peers["server"].ask(listen=address, port=self.port)
        self.filters = ([], [])
        self.captures = None

    def capture(self, which=(0, 1)):
        made = list(self.captures or (None, None))
        for side in which:
            ns = (self.client, self.server)[side]
            made[side] = Capture(self.lab, ns, "ab"[side], *self.filters[side])
        self.captures = made

    def connect(self, family=4, port=None, address=None, **how):
        return self.peers["client"].ask(connect=address or self.server.address(family), port=port or self.port, **how)

    def control(self, family=4, port=None, address=None):
        """A connection that works."""
        told = self.connect(family, port, address, send=100, receive=True, close="orderly")
        assert "error" not in told, told
        return told["port"]

    def nft(self, *lines):
        self.router.run("nft -f - <<'END'\n" + "\n".join(("add table inet lab",
                        "add chain inet lab forward { type filter hook forward priority 0; }",
                        "add chain inet lab pre { type nat hook prerouting priority -100; }",
                        "add chain inet lab post { type nat hook postrouting priority 100; }") + lines) + "\nEND")

    def drop(self, rule):
        self.nft(f"add rule inet lab forward {rule}")

    def heal(self):
        self.router.run("nft delete table inet lab")

    def stop(self):
        paths = []
        for name, ns, capture in (("client", self.client, self.captures[0]), ("server", self.server, self.captures[1])):
            mark = f"the end of {ns.name}"
            # seen where it is sent, whatever the router does to it
            to = ns.v4.rsplit(".", 1)[0] + ".1"
            paths.append(capture.stop(mark, lambda: self.peers[name].ask(datagram=to, mark=mark)))
        return paths


class Compared:
    """What compare says as JSON, every line valid; text and --brief must name the same verdicts."""

    def __init__(self, *args, status=0):
        schema = Schema()
        done = self.run("--json", "--all", *args)
        assert done.returncode == status, (done.returncode, done.stderr)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        for line in lines:
            schema.validate(line)
        assert [line["type"] for line in lines].count("comparison-summary") == 1
        assert lines[-1]["type"] == "comparison-summary"
        self.summary, self.lines, self.err = lines[-1], lines[:-1], done.stderr
        for form in ("--text", "--brief"):
            told = self.run(form, "--all", "--utc", *args).stdout
            for line in self.lines:
                assert f" {line['severity']} {line['verdict']}  " in told, told
                assert line["summary"] in told, told

    @staticmethod
    def run(*args):
        return subprocess.run([SOCKWHY, "compare", *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, check=False, timeout=PATIENCE_S)

    def of(self, port, side="a"):
        """The one connection of this client port."""
        found = [line for line in self.lines if line.get(side, {}).get("client", {}).get("port") == port]
        assert len(found) == 1, (port, self.lines)
        return found[0]

    def others_passed(self, *ports):
        """Nothing is wrong with any other connection."""
        wrong = [line for line in self.lines if line["verdict"] != "passed" and line["a"]["client"]["port"] not in ports]
        assert not wrong, wrong


def changes(way):
    return {change["what"]: (change.get("a"), change.get("b")) for change in way.get("changed", [])}


def kinds(way, side):
    return {kind["kind"]: kind["packets"] for kind in way.get(f"only_{side}", {}).get("kinds", [])}
