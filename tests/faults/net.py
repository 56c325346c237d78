# SPDX-License-Identifier: GPL-2.0-or-later
"""client - router - server, or client - machine: all scenarios share them, each with addresses of its own.

The agent lives at the client. A scenario's findings are known by its addresses, so many of them run at a time, and one
watch hears all.
"""

import itertools
import json
import pathlib
import subprocess
import sys
import threading
import time

from lab import PATIENCE_S, Lab, Process, sh
from machine import Machine

HELPERS = pathlib.Path(__file__).parents[1] / "helpers"
PEER = HELPERS / "peer.py"
WIRE = pathlib.Path(__file__).with_name("wire.py")
EACH = 3  # addresses that a variant has


class Net:
    """What both have: the client, certificates, the addresses of servers."""

    def __init__(self):
        self.lab = Lab()
        self.dir, self.captures = self.lab.dir, itertools.count()
        self.client = self.lab.host
        self.certificates()

    def address(self, family, n):
        """The nth of the servers' addresses."""
        number = self.lab.number
        return f"10.{number}.{128 + n // 250}.{n % 250 + 1}" if family == 4 else f"fd00:{number:x}:80::{n + 1:x}"

    def certificates(self):
        """Two that do not know each other: {cert} is the servers' own, with its key; {other} trusts somebody else."""
        for name in ("cert", "other"):
            path = self.dir / f"{name}.pem"
            sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=example.test",
               "-addext", "subjectAltName=DNS:example.test", "-keyout", self.dir / f"{name}.key", "-out", path)
            path.write_text(path.read_text() + (self.dir / f"{name}.key").read_text())
        self.dir.chmod(0o755)

    def peer(self, who, wrap=(), prefix=()):
        """A peer at the client or the server, ready for commands."""
        ns = self.client if who == "client" else self.server
        proc = Process(ns.command(*prefix, *wrap, sys.executable, PEER))
        self.lab.processes.append(proc)
        return proc

    def leave(self, proc):
        """It may end, and has."""
        try:
            proc.popen.stdin.close()
            proc.popen.wait(PATIENCE_S)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            pass
        proc.close()
        self.lab.processes.remove(proc)

    def nft(self, who, text):
        sh(*self.named(who).command("nft", "-f", "-"), input=text)

    def rule(self, who, table, chain, text):
        """An nftables rule in a table of the scenario."""
        self.nft(who, f"add table inet {table}\n"
                 f"add chain inet {table} {chain} {{ type filter hook {chain} priority 0; }}\nadd rule inet {table} {chain} {text}\n")

    def wait_packets(self, who, table, count):
        """Returns when the rules of a scenario there have met so many packets."""
        end = time.monotonic() + PATIENCE_S
        while self.packets(who, table) < count:
            assert time.monotonic() < end, f"{table}: not {count} packets at the {who}"

    def packets(self, who, table):
        rules = json.loads(self.named(who).run(f"nft -j list table inet {table}"))["nftables"]
        return sum(e["counter"]["packets"] for r in rules for e in r.get("rule", {}).get("expr", []) if "counter" in e)

    def forget(self, who, table):
        """Its rules there are gone, if there were any."""
        subprocess.run(self.named(who).command("nft", "delete", "table", "inet", table), stderr=subprocess.DEVNULL, check=False)

    def close(self):
        self.lab.close()


class Wired(Net):
    """The server is a namespace behind a router, which is another, behind a wire."""

    at_a_time, patience_s = 10, 30  # scenarios that are played together: most of it is waiting; seconds for a step

    def __init__(self, count):
        super().__init__()
        self.router = self.lab.namespace()
        self.wire, self.wire_lock = self.wired(), threading.Lock()
        self.to_client = (self.router.v4, self.router.v6)
        self.server = self.lab.link(self.router)
        to_server = (self.router.v4, self.router.v6)
        for ns, via in ((self.client, self.to_client), (self.server, to_server)):
            ns.ip(f"route add default via {via[0]}", f"route add ::/0 via {via[1]}")
        for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
            self.router.sysctl(key, 1)
        for key in ("net.ipv4.icmp_ratelimit", "net.ipv6.icmp.ratelimit"):
            self.router.sysctl(key, 0)
            self.server.sysctl(key, 0)
        number = self.lab.number
        self.router.ip(f"route add 10.{number}.128.0/18 via {self.server.v4}", f"route add fd00:{number:x}:80::/64 via {self.server.v6}")
        self.server.ip(*(f"addr add {self.address(f, n)}/{32 if f == 4 else 128} dev lo" + (" nodad" if f == 6 else "")
                         for n in range(count * EACH) for f in (4, 6)))

    def wired(self):
        """The client's link to the router is a wire that no kernel looks into: to it the packets have left the host."""
        ns4, ns6 = f"10.{self.lab.number}.250", f"fd00:{self.lab.number:x}:250:"
        wire = Process([sys.executable, WIRE, self.client.path, "eth0", self.router.path, "eth0"], env={"PYTHONPATH": str(HELPERS)})
        self.lab.processes.append(wire)
        wire.line()
        for ns, host in ((self.client, 1), (self.router, 2)):
            ns.v4, ns.v6, ns.device = f"{ns4}.{host}", f"{ns6}:{host}", "eth0"
            ns.ip(f"addr add {ns.v4}/24 dev eth0", f"addr add {ns.v6}/64 dev eth0 nodad", "link set eth0 up txqueuelen 10000")
        return wire

    def on_wire(self, **command):
        """A command for the wire: see wire.py."""
        with self.wire_lock:
            assert self.wire.popen.poll() is None, self.wire.popen.stderr.read().decode()
            told = self.wire.ask(**command)
        assert "error" not in told, told
        return told

    def words(self, family, n):
        """Addresses that a scenario may name."""
        server, *others = (self.address(family, n * EACH + i) for i in range(EACH))
        return {"server": server, "server2": others[0], "server3": others[1], "router": self.to_client[family == 6]}

    def named(self, who):
        return {"client": self.client, "router": self.router, "server": self.server}[who]

    def packets(self, who, table):
        return self.on_wire(do="met", id=table)["met"] if who == "wire" else super().packets(who, table)

    def heal(self, table):
        self.on_wire(do="heal", id=table)
        for who in ("client", "router", "server"):
            self.forget(who, table)


class Far(Net):
    """The server is a machine of its own on a tap device of the client's."""

    at_a_time, patience_s = 5, 60  # it is emulated

    def __init__(self, count):
        assert count * EACH < 64 * 250
        super().__init__()
        number = self.lab.number
        self.net4, self.net6 = f"10.{number}.100", f"fd00:{number:x}:100:"
        folder = self.dir / "machine"
        folder.mkdir()
        prefixes = {"own4": f"10.{number}.128.0/18", "own6": f"fd00:{number:x}:80::/64",
                    "behind4": f"10.{number}.192.0/18", "behind6": f"fd00:{number:x}:c0::/64"}
        self.machine = Machine(self.client, folder, [self.dir / f"{name}.pem" for name in ("cert", "other")],
                               v4=f"{self.net4}.2", v6=f"{self.net6}:2", **prefixes)
        self.lab.processes.append(self.machine)
        try:
            self.machine.wait_up()
        except AssertionError:
            self.close()
            raise
        self.client.device, self.client.v4, self.client.v6 = self.machine.device, f"{self.net4}.1", f"{self.net6}:1"
        self.client.ip(f"addr add {self.client.v4}/24 dev vm0", f"addr add {self.client.v6}/64 dev vm0 nodad", "link set vm0 up",
                       *(f"route add {prefixes[key]} via {self.net4 + '.2' if key.endswith('4') else self.net6 + ':2'}" for key in prefixes))

    def words(self, family, n):
        server, *others = (self.address(family, n * EACH + i) for i in range(EACH))
        number = self.lab.number
        behind = f"10.{number}.{192 + n // 250}.{n % 250 + 1}" if family == 4 else f"fd00:{number:x}:c0::{n + 1:x}"
        absent = f"{self.net4}.{3 + n % 250}" if family == 4 else f"{self.net6}:{n + 3:x}"
        return {"server": server, "server2": others[0], "server3": others[1], "behind": behind, "absent": absent,
                "router": f"{self.net4}.2" if family == 4 else f"{self.net6}:2"}

    def named(self, who):
        return {"client": self.client, "server": self.machine}[who]

    def peer(self, who, wrap=(), prefix=()):
        return super().peer(who, wrap, prefix) if who == "client" else self.machine.peer(who == "behind")

    def leave(self, proc):
        if isinstance(proc, Process):
            super().leave(proc)
        else:
            proc.leave()

    def nft(self, who, text):
        if who == "server":
            self.machine.nft(text)
        else:
            super().nft(who, text)

    def heal(self, table):
        self.forget("client", table)
        self.machine.run(f"nft delete table inet {table} 2>/dev/null || true")
