# SPDX-License-Identifier: GPL-2.0-or-later
"""Network namespaces, links and an internet made of them, for one test; everything goes away with close()."""

import itertools
import json
import os
import pathlib
import select
import shutil
import subprocess
import sys
import tempfile
import time

from program import ROOT, SOCKWHY

FAULT = ROOT / "build/tests/live/fault"
DENY = ROOT / "build/tests/live/deny"
HEALTHY = ROOT / "build/tests/live/healthy"
URING = ROOT / "build/tests/live/uring"
INTERNET = pathlib.Path(__file__).with_name("internet.py")
PREFIX = "swl"
PATIENCE_S = 30  # an upper bound only: nothing sleeps for it

_run = int(os.environ.setdefault("SWL_RUN", str(os.getpid())))  # workers inherit it: one name for everything of a run
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
_labs = itertools.count()
_share = 4000 // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))  # of the ports, below those that the kernel gives out
_ports = itertools.cycle(range(2000 + _run % 7 * 4000 + _share * _worker, 2000 + _run % 7 * 4000 + _share * (_worker + 1)))


def free_port():
    """A port number nobody else in this run of the suite uses: findings of two tests never share a group."""
    return next(_ports)


def sh(*args, **kwargs):
    """Runs a command that must succeed; its output is part of the failure."""
    done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **kwargs)
    assert done.returncode == 0, f"{' '.join(map(str, args))}: {done.stdout}"
    return done.stdout


class Namespace:
    """One network namespace; `v4` and `v6` are its address on the link made last."""

    def __init__(self, name):
        self.name = name
        self.path = f"/run/netns/{name}"
        sh("ip", "netns", "add", name)
        self.inode = os.stat(self.path).st_ino
        self.v4 = self.v6 = None
        self.run("ip link set lo up; "
                 "echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad; "
                 "echo 0 > /proc/sys/net/ipv6/conf/default/router_solicitations; "
                 "echo 1 > /proc/sys/net/ipv4/tcp_syn_retries")

    def command(self, *args):
        """The argument vector that runs `args` in here. nsenter replaces itself, so the pid stays."""
        return ["nsenter", f"--net={self.path}", *map(str, args)]

    def run(self, script):
        """A shell script in here; it must succeed."""
        return sh(*self.command("sh", "-ec", script))

    def ip(self, *lines):
        """ip(8) commands in here, in one batch."""
        return sh("ip", "-n", self.name, "-batch", "-", input="\n".join(lines) + "\n")

    def sysctl(self, key, value):
        self.run(f"echo {value} > /proc/sys/{key.replace('.', '/')}")

    def nft(self, chain, *rules):
        """A chain of table inet lab, hooked where it is named, with these rules."""
        text = f"add table inet lab\nadd chain inet lab {chain} {{ type filter hook {chain} priority 0; }}\n"
        text += "".join(f"add rule inet lab {chain} {rule}\n" for rule in rules)
        sh(*self.command("nft", "-f", "-"), input=text)

    def nft_packets(self):
        """Packets counted by the rules of table inet lab that have a counter."""
        rules = json.loads(sh(*self.command("nft", "-j", "list", "table", "inet", "lab")))["nftables"]
        return sum(e["counter"]["packets"] for r in rules for e in r.get("rule", {}).get("expr", []) if "counter" in e)

    def address(self, family):
        return self.v6 if family == 6 else self.v4

    def delete(self):
        subprocess.run(["ip", "netns", "del", self.name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       check=False)


class Process:
    """A program that prints JSON lines and goes on until its standard input ends."""

    def __init__(self, argv, env=None):
        self.argv = argv
        self.popen = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      env={**os.environ, **(env or {})})
        self.pid = self.popen.pid
        self.buffer = b""

    def line(self, timeout=PATIENCE_S):
        """The next line it prints, parsed."""
        end = time.monotonic() + timeout
        while b"\n" not in self.buffer:
            ready, _, _ = select.select([self.popen.stdout], [], [], max(0, end - time.monotonic()))
            assert ready, f"{self.argv}: no line within {timeout} s"
            got = os.read(self.popen.stdout.fileno(), 65536)
            assert got, f"{self.argv}: ended: {self.popen.stderr.read().decode()}"
            self.buffer += got
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def tell(self, command):
        self.popen.stdin.write(json.dumps(command).encode() + b"\n")
        self.popen.stdin.flush()

    def ask(self, **command):
        self.tell(command)
        return self.line()

    def kill(self, signal):
        self.popen.send_signal(signal)
        self.popen.wait(PATIENCE_S)

    def release(self):
        """Ends its standard input and waits until it is gone; returns what it printed and nobody read."""
        self.popen.stdin.close()
        self.popen.wait(PATIENCE_S)
        self.buffer += self.popen.stdout.read()
        return [json.loads(line) for line in self.buffer.splitlines()]

    def close(self):
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait(PATIENCE_S)
        for pipe in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
            if not pipe.closed:
                try:
                    pipe.close()
                except BrokenPipeError:
                    pass


class Internet(Process):
    """internet.py behind device inet0 of a namespace. Hosts out there are made with host()."""

    def __init__(self, ns, number, tap):
        super().__init__(ns.command(sys.executable, INTERNET, "inet0", "tap" if tap else "tun"))
        self.ns = ns
        mac = self.line()["mac"]
        self.number = number
        self.hosts = itertools.count(1)
        net4, net6 = f"100.{64 + number // 256}.{number % 256}", f"2001:db8:{number:x}"
        ns.inet4, ns.inet6 = f"{net4}.2", f"{net6}::2"
        self.gateway4, self.gateway6 = f"{net4}.1", f"{net6}::1"
        lines = [f"addr add {net4}.2/24 dev inet0", f"addr add {net6}::2/64 dev inet0 nodad", "link set inet0 up"]
        if tap:
            lines += [f"neigh add {net4}.1 lladdr {mac} nud permanent dev inet0",
                      f"neigh add {net6}::1 lladdr {mac} nud permanent dev inet0"]
        lines += [f"route add 198.18.{number % 256}.0/24 via {net4}.1", f"route add 2001:db8:{number:x}:f::/64 via {net6}::1"]
        ns.ip(*lines)
        self.ask(gateway=[self.gateway4, self.gateway6])

    def host(self, family, syn="silent", **behaviour):
        """The address of a new machine out there that treats what is sent to it like this."""
        n = next(self.hosts)
        address = f"198.18.{self.number % 256}.{n}" if family == 4 else f"2001:db8:{self.number:x}:f::{n:x}"
        self.set(address, syn=syn, **behaviour)
        return address

    def set(self, address, **behaviour):
        self.ask(set=address, behaviour=behaviour)

    def syns(self, address):
        """(time, source port) of each SYN that came out to `address`."""
        return self.ask(stats=address)["syns"]

    def wait_syns(self, address, count):
        self.ask(wait=address, syns=count)

    def open(self, address, port, to, dport, syns=1, **then):
        """That machine sends so many SYNs to the host, a second apart.

        Where it is let in it asks (bytes=), and leaves (leave="close" or "reset") so many seconds later (after=).
        """
        self.ask(open=address, port=port, to=to, dport=dport, syns=syns, **then)

    def stray(self, address, port, to, dport):
        """That machine sends data of a connection that there is not."""
        self.ask(stray=address, port=port, to=to, dport=dport)

    def heard(self, address, port):
        """TCP flags of what that machine got as an answer."""
        return self.ask(heard=address, port=port)["flags"]

    def others(self, address):
        return self.ask(stats=address)["others"]


class Lab:
    """The namespace under test is `host`; everything else is made when a test asks for it."""

    def __init__(self):
        n = next(_labs)
        self.number = 1 + (_run * 41 + 40 * _worker + n % 40) % 250
        self.id = f"{PREFIX}{_run}w{_worker}x{n}"
        self.namespaces, self.processes, self.cgroups = [], [], []
        self.links = itertools.count(1)
        self.pids, self.markers = set(), set()
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix=f"{self.id}-", dir="/tmp"))
        self.host = self.namespace()

    def namespace(self):
        ns = Namespace(f"{self.id}n{len(self.namespaces)}")
        self.namespaces.append(ns)
        return ns

    def link(self, left=None, right=None, net=None):
        """A veth pair with addresses .1 and .2 between two namespaces; right is a new one unless given."""
        left = left or self.host
        right = right or self.namespace()
        n = next(self.links)
        net4, net6 = net or (f"10.{self.number}.{n}", f"fd00:{self.number:x}:{n:x}:")
        name = f"v{n}"
        sh("ip", "link", "add", name, "netns", left.name, "type", "veth", "peer", "name", name, "netns", right.name)
        for ns, host in ((left, 1), (right, 2)):
            ns.v4, ns.v6, ns.device = f"{net4}.{host}", f"{net6}:{host}", name
            ns.ip(f"addr add {ns.v4}/24 dev {name}", f"addr add {ns.v6}/64 dev {name} nodad", f"link set {name} up")
        # even without duplicate detection an address is of use only when the kernel's worker has been there
        while any(ns.run(f"ip -6 -br addr show dev {name} tentative; ip -br link show dev {name} | grep -v LOWER_UP || true").strip()
                  for ns in (left, right)):
            pass
        return right

    def internet(self, ns=None, tap=True):
        net = Internet(ns or self.host, self.number, tap)
        self.processes.append(net)
        return net

    def start(self, *args, ns=None, exe=FAULT, wrap=()):
        """A fault program, running; `wrap` goes before it (setpriv …)."""
        proc = Process((ns or self.host).command(*wrap, exe, *args))
        self.processes.append(proc)
        self.pids.add(proc.pid)
        return proc

    def fault(self, *args, **kwargs):
        """A fault program, run to its end: its last line, and all of them in "lines"."""
        proc = self.start(*args, **kwargs)
        lines = proc.release()
        assert lines and proc.popen.returncode == 0, f"{proc.argv}: {proc.popen.returncode} {proc.popen.stderr.read()}"
        return {**lines[-1], "lines": lines}

    healthy = HEALTHY

    def serve(self, address, port, mode="keep", *options, ns=None):
        """A listener; the one of the far end unless told otherwise. Returns when it listens."""
        proc = self.start("-m", mode, *options, "serve", address, port, ns=ns)
        assert proc.line()["op"] == "listening"
        return proc

    def cgroup(self):
        """A new cgroup below the v2 root."""
        mounts = [line.split() for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()]
        root = next(m[4] for m in mounts if m[m.index("-") + 1] == "cgroup2")
        path = pathlib.Path(root, self.id)
        path.mkdir()
        self.cgroups.append(path)
        return path

    def close(self):
        for proc in reversed(self.processes):
            proc.close()
        for path in self.cgroups:
            path.rmdir()
        for ns in self.namespaces:
            ns.delete()
        shutil.rmtree(self.dir, ignore_errors=True)


def leftovers():
    """Namespaces, processes, cgroups and files of this run's labs that should be gone."""
    mine = f"{PREFIX}{_run}w*"
    found = [f"namespace {p.name}" for p in pathlib.Path("/run/netns").glob(mine)]
    found += [f"file {p}" for p in pathlib.Path("/tmp").glob(mine)]
    found += [f"cgroup {p}" for p in pathlib.Path("/sys/fs/cgroup").glob(f"*/{mine}")]
    for exe in pathlib.Path("/proc").glob("[0-9]*/exe"):
        try:
            target = os.readlink(exe)
        except OSError:
            continue
        if target in (str(FAULT), str(SOCKWHY)) and str(os.getpid()) in ancestry(exe.parent.name):
            found.append(f"process {exe.parent.name} {target}")
    return found


def ancestry(pid):
    """The pids above this one."""
    above = []
    while pid != "0":
        try:
            pid = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1]
        except (OSError, IndexError):
            break
        above.append(pid)
    return above


def session_finish(session):
    """For conftest.py. With pytest-xdist only the controller looks: then every worker is done."""
    if hasattr(session.config, "workerinput") or session.config.option.collectonly:
        return
    left = leftovers()
    if left:
        session.exitstatus = 1
        print("\nleft behind:\n  " + "\n  ".join(left))
