# SPDX-License-Identifier: GPL-2.0-or-later
"""Plays a variant: its steps, one after the other, at the client, the server and the router between them."""

import json
import pathlib
import subprocess
import time

import form
from lab import free_port
from program import SOCKWHY, Schema

LOUD = ("error", "warning")
RUN = [SOCKWHY, "run", "--json"]


class DidNotHappen(Exception):
    """A step came to something else than the scenario says: no verdict can be right or wrong."""


def findings_of(text):
    """The findings among lines of JSON, each of which must be valid."""
    check, lines = Schema(), [json.loads(line) for line in text.splitlines()]
    for line in lines:
        check.validate(line)
    return [line for line in lines if line["type"] == "finding"]


class Said:
    """What the agent said of a variant in a mode. Information that nobody expects is no complaint: see the page's text."""

    def __init__(self, findings, first_ms, right=()):
        self.finals = sorted({f["finding"] for f in findings if f["state"] == "final"
                              and (f["severity"] != "info" or f["finding"] in right)})
        self.first_ms = first_ms  # from the first step to the first word; None when there was none
        self.operations = 0

    def verdict(self, variant, mode):
        right = set(variant.right(mode))
        if set(self.finals) - variant.allowed(mode):
            return "wrong"
        return "right" if not right or right & set(self.finals) else "wrong"


class Play:
    """One variant in one mode. `words` are what its braces stand for."""

    def __init__(self, net, variant, mode, number):
        self.net, self.variant, self.mode, self.number = net, variant, mode, number
        self.table, self.rules, self.operations = f"f{number}", 0, 0
        self.dir = net.dir / self.table
        self.dir.mkdir()
        self.dir.chmod(0o755)
        family = variant.family
        named = net.words(family, number)
        self.addresses = [address for name, address in named.items() if name != "router"]
        port, port2 = free_port(), free_port()
        self.began = None
        self.words = {**named, "port": port, "port2": port2, "client": net.client.address(family), "ip": "ip" if family == 4 else "ip6",
                      "host": f"[{named['server']}]" if family == 6 else named["server"], "dir": self.dir, "faults": pathlib.Path(__file__).parent,
                      "loopback": "127.0.0.1" if family == 4 else "::1", "loopback-host": "127.0.0.1" if family == 4 else "[::1]",
                      "any": "0.0.0.0" if family == 4 else "::",
                      "swapped": port >> 8 | (port & 255) << 8, "6": "" if family == 4 else "6",
                      "cert": net.dir / "cert.pem", "other": net.dir / "other.pem",
                      "f": family, "icmp": "icmp" if family == 4 else "icmpv6",
                      "unreachable": 3 if family == 4 else 1, "port-code": 3 if family == 4 else 4,
                      "admin-code": 13 if family == 4 else 1, "too-big": 3 if family == 4 else 2,
                      "too-big-code": 4 if family == 4 else 0, "ip-level": 0 if family == 4 else 41,
                      "mtu-discover": 10 if family == 4 else 23, "hop-limit": 2 if family == 4 else 16}
        self.peers, self.owed = {}, {}
        self.pids = set()

    def peer(self, who):
        """The client's or the server's program, started when it is first asked for something."""
        if who not in self.peers:
            wrap, prefix = (), ()
            if who == "client":
                wrap = self.private_etc()
                if self.mode == "run":
                    prefix = [*RUN, "-o", self.dir / "run.json", *self.variant.get("args", ()), "--"]
            self.peers[who] = self.net.peer(who, wrap=wrap, prefix=prefix)
            if self.peers[who].pid:
                self.pids.add(self.peers[who].pid)
            there = self.words["behind" if who == "behind" else "server"]
            self.peers[who].tell({"do": "setting", "address": there, "port": self.words["port"]})
            self.hear(who, "ok")
        return self.peers[who]

    def private_etc(self):
        resolv = self.variant.get("resolv")
        if resolv is None:
            return ()
        for name, text in (("resolv.conf", form.fill(resolv, self.words)), ("nsswitch.conf", "hosts: dns\n")):
            (self.dir / name).write_text(text + "\n")
        binds = "".join(f"mount --bind {self.dir}/{name} /etc/{name}; " for name in ("resolv.conf", "nsswitch.conf"))
        return "unshare", "-m", "sh", "-ec", binds + 'exec "$@"', "-"

    def hear(self, who, result, line=""):
        told = self.peers[who].line(self.net.patience_s)
        self.operations += told.get("operations", 0)
        if result != "any" and told["result"] != result:
            raise DidNotHappen(f"{line or who}: {told}")

    def settle(self, who):
        """Hears what a step of this one that was not waited for came to."""
        if who in self.owed:
            result, line = self.owed.pop(who)
            self.hear(who, result, line)

    def step(self, step):
        if step.verb == "seen":
            self.net.wait_packets(step.who, self.table, int(step.words[0]))
        elif step.verb == "heal":
            self.net.heal(self.table)
        elif step.who == "wire":
            self.net.on_wire(do="rule", id=self.table, action=step.verb, words=step.words)
            self.rules += 1
        elif step.verb in ("drop", "rule"):
            chain, text = ("forward", step.words[0]) if step.who == "router" else step.words[0].split(None, 1)
            self.net.rule(step.who, self.table, chain, text + (" counter drop" if step.verb == "drop" else ""))
            self.rules += 1
        elif step.verb == "sh":
            self.net.named(step.who).run(step.words[0])
        elif step.who == "machine":
            self.machine(step.verb, *step.words)
        else:
            self.peer(step.who)
            self.settle(step.who)
            self.peers[step.who].tell({"do": step.verb, "words": step.words})
            line = f"{step.who} {step.verb} {' '.join(step.words)}"
            if step.waits:
                self.hear(step.who, step.result, line)
            else:
                self.owed[step.who] = (step.result, line)

    def machine(self, verb, *words):
        getattr(self.net.machine, verb)(*words)
        if verb == "reboot":  # nobody there is left
            for who in set(self.peers) - {"client"}:
                del self.peers[who]

    def play(self):
        """All steps; afterwards the programs have ended. Raises DidNotHappen."""
        for name, text in self.variant.get("files", {}).items():
            text = form.fill(text, self.words)
            (self.dir / name).write_text(text)
            if self.variant.get("machine"):
                self.net.machine.run(f"mkdir -p {self.dir}; cat > {self.dir}/{name} <<'END'\n{text}\nEND")
        try:
            steps = self.variant.steps(self.words)
            if self.mode == "run":
                self.peer("client")
            self.began = time.time()
            for step in steps:
                self.step(step)
            for who in list(self.owed):
                self.settle(who)
        except (AssertionError, BrokenPipeError, subprocess.SubprocessError) as fault:
            raise DidNotHappen(str(fault)) from fault
        finally:
            if self.variant.alone:
                self.net.machine.go()
            for proc in self.peers.values():
                self.net.leave(proc)
            if self.rules:
                self.net.heal(self.table)

    def run_findings(self):
        """What run wrote of it."""
        path = self.dir / "run.json"
        return findings_of(path.read_text()) if path.exists() else []

    def concerns(self, finding):
        """Is this finding of a watch or a capture about this variant?"""
        connection = finding.get("connection", {})
        ends = (connection.get(side, {}).get("address") for side in ("local", "remote", "asked"))
        process = finding.get("process", {})
        return bool(set(ends) & set(self.addresses)) or bool({process.get("pid"), process.get("ppid")} & self.pids)
