# SPDX-License-Identifier: GPL-2.0-or-later
"""make bench: what the agent costs, beside the tools people use today.

Every figure with a tool is paired with one without, measured just before; the table shows the median of the ratios.
The loads run in namespaces of their own, over lo and over a veth pair; no other traffic is touched.
"""

import argparse
import collections
import contextlib
import json
import os
import pathlib
import platform
import re
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/helpers"))
from lab import Namespace, sh  # noqa: E402
import steady  # noqa: E402
from endless import endless  # noqa: E402
from offline import offline  # noqa: E402

LOAD = ROOT / "build/tests/bench/load"
SHAKE = pathlib.Path(__file__).with_name("shake.py")
SOCKWHY = ROOT / "build/sockwhy"
REPORT = ROOT / "docs/performance.md"
BEGIN, END = "<!-- begin: written by make bench -->", "<!-- end: written by make bench -->"

# load: (how its row in the page's table of budgets begins, CPU of the server); the table says what is wanted
LOADS = {
    "stream": ("one-way bulk stream", 1),
    "rr": ("1-byte request/response", 0),
    "connect": ("connect and close", 0),
    "refused": ("refused connects", 0),
    "lookup": ("UDP lookups", 1),
    "tls": ("TLS handshakes", 1),
    "getppid": ("a system call that has nothing to do with sockets", 0),
}
PATHS = {"getppid": ("lo",)}  # the others: over both
ROUNDS_MOST = 3  # times as many pairs as were asked for, while the median is not known well enough
SPREAD = 0.03  # half of what the median is within, by the median
TICKS = os.sysconf("SC_CLK_TCK")
DEVNULL = subprocess.DEVNULL
# the libbpf-tools want tracefs mounted, which not every host has: a mount of their own does
WITH_TRACEFS = ["unshare", "-m", "sh", "-ec",
                "mountpoint -q /sys/kernel/tracing || mount -t tracefs none /sys/kernel/tracing; exec \"$@\"", "-"]


class Tool:
    """A program that watches while a load runs; ready when it has said so or its events flow."""

    def __init__(self, name, argv, ready=None):
        self.name, self.argv, self.ready = name, argv, ready

    @contextlib.contextmanager
    def running(self, ns, out=DEVNULL):
        proc = subprocess.Popen(ns.command(*self.argv), stdin=DEVNULL, stdout=out, stderr=subprocess.PIPE)
        try:
            self.wait_ready(proc)
            yield proc
        finally:
            proc.send_signal(signal.SIGINT)
            try:
                proc.stderr.read()
                proc.wait(20)
            except subprocess.TimeoutExpired:
                proc.kill()
                proc.wait()
            proc.stderr.close()

    def wait_ready(self, proc):
        if self.ready is None:
            # the BPF tools say nothing when they are ready: they are when their programs are attached
            end = time.monotonic() + 20
            while not any("bpf_link" in link or "bpf-link" in link or "perf_event" in link for link in links(proc.pid)):
                assert proc.poll() is None, f"{self.name} does not start: {proc.stderr.read().decode()}"
                assert time.monotonic() < end, f"{self.name} does not start"
                time.sleep(0.02)
            return
        said = b""
        while not re.search(self.ready, said):
            ready, _, _ = select.select([proc.stderr], [], [], 20)
            got = os.read(proc.stderr.fileno(), 4096) if ready else b""
            assert got, f"{self.name} does not start: {said.decode()}"
            said += got


def links(pid):
    """What the file descriptors of a process are."""
    found = []
    for fd in pathlib.Path(f"/proc/{pid}/fd").glob("*"):
        with contextlib.suppress(OSError):
            found.append(os.readlink(fd))
    return found


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Field:
    """Two namespaces and a veth pair; the tools run in the first, which is also where clients run."""

    def __init__(self):
        self.near, self.far = Namespace(f"swlb{os.getpid()}a"), Namespace(f"swlb{os.getpid()}b")
        sh("ip", "link", "add", "v1", "netns", self.near.name, "type", "veth", "peer", "name", "v1", "netns", self.far.name)
        for ns, n in ((self.near, 1), (self.far, 2)):
            ns.ip(f"addr add 10.9.9.{n}/24 dev v1", "link set v1 up")
        for ns in (self.near, self.far):
            ns.sysctl("net.ipv4.tcp_max_syn_backlog", 8192)
            ns.sysctl("net.core.somaxconn", 8192)
            ns.sysctl("net.ipv4.tcp_tw_reuse", 1)
        self.port = 5000

    def close(self):
        self.near.delete()
        self.far.delete()

    def place(self, path):
        return (self.near, "127.0.0.1") if path == "lo" else (self.far, "10.9.9.2")

    def server_command(self, kind, address, cpu):
        """How the server of a load is started; it says a line, or "started", when it is there."""
        if kind == "lookup":
            return ["taskset", "-c", cpu, "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root", "--pid-file=",
                    "--bind-interfaces", f"--listen-address={address}", "--except-interface=none", "--address=/bench.test/10.9.9.9"]
        if kind == "tls":
            return ["/usr/bin/python3", "-B", SHAKE, "serve", address, self.port, cpu]
        return [LOAD, "serve", address, self.port, cpu]

    @contextlib.contextmanager
    def server(self, path, cpu, kind="connect"):
        ns, address = self.place(path)
        self.port += 1
        proc = subprocess.Popen(ns.command(*self.server_command(kind, address, cpu)), stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = proc.stdout.readline()
        assert b"ready" in said or b"started" in said, said
        begin, self.server_cpu_us = cpu_seconds(proc.pid), 0
        try:
            yield address, 53 if kind == "lookup" else self.port
        finally:
            self.server_cpu_us = (cpu_seconds(proc.pid) - begin) * 1e6
            if kind == "lookup":
                proc.terminate()
            proc.stdin.close()
            proc.stdout.read()
            proc.wait(20)
            proc.stdout.close()

    def load(self, kind, address, port, cpu, amount):
        argv = ["/usr/bin/python3", "-B", SHAKE, "shake"] if kind == "tls" else [LOAD, kind]
        done = subprocess.run(self.near.command(*argv, address, port, cpu, amount), stdin=DEVNULL,
                              stdout=subprocess.PIPE, check=True)
        return json.loads(done.stdout)

    def once(self, kind, path, milliseconds):
        """One run of a load: rounds each second, CPU microseconds of both ends each round, and rounds."""
        if kind in ("refused", "getppid"):
            ran, server = self.load(kind, self.place(path)[1], 4999, 0, milliseconds), 0
        else:
            with self.server(path, LOADS[kind][1], kind) as (address, port):
                ran = self.load(kind, address, port, 0, milliseconds)
            server = self.server_cpu_us
        return ran["per_second"], (ran["cpu_us"] + server) / ran["count"], ran["count"]


def spread(pairs):
    """Half of what the median ratio is within, 19 times of 20 (order statistics), by the median."""
    ratios = sorted(w[0] / o[0] for o, w, _ in pairs)
    k = max(0, int((len(ratios) - 1.96 * len(ratios) ** 0.5) / 2))
    return (ratios[-1 - k] - ratios[k]) / 2 / statistics.median(ratios)


def cases():
    return [(kind, path) for kind in LOADS for path in PATHS.get(kind, ("lo", "veth"))]


def budget(kind):
    """What the page's table wants of a load, as it stands there."""
    return re.search(rf"^\| {re.escape(LOADS[kind][0])}[^|]*\| ([0-9.]+)", REPORT.read_text(), re.M).group(1)


def pair(field, tool, kind, path, milliseconds):
    without = field.once(kind, path, milliseconds)
    with tool.running(field.near) as proc:
        before = cpu_seconds(proc.pid)
        with_it = field.once(kind, path, milliseconds)
        return without, with_it, cpu_seconds(proc.pid) - before


def compare(field, tools, rounds, milliseconds):
    """(load, path, tool) -> [(without, with, CPU seconds of the tool)]; the first tool's median is to be known within SPREAD."""
    rows = collections.defaultdict(list)
    for kind, path in cases():
        field.once(kind, path, 200)
        for n in range(rounds):
            for tool in tools if n % 2 else reversed(tools):
                rows[kind, path, tool.name].append(pair(field, tool, kind, path, milliseconds))
        ours = rows[kind, path, tools[0].name]
        while spread(ours) > SPREAD and len(ours) < rounds * ROUNDS_MOST:
            ours.append(pair(field, tools[0], kind, path, milliseconds))
        print(f"{kind} over {path}: " + ", ".join(
            f"{t.name} {statistics.median(w[0] / o[0] for o, w, _ in rows[kind, path, t.name]):.3f}" for t in tools), flush=True)
    return rows


def quantity(kind, value):
    if kind == "stream":
        return f"{value * 8 / 1e9:.1f} Gbit/s"
    return f"{value:.0f}/s" if value < 1e3 else f"{value / 1e3:.1f} k/s"


def compare_row(rows, names, kind, path, milliseconds):
    base = statistics.median(o[0] for name in names for o, _, _ in rows[kind, path, name])
    ours, ratios = rows[kind, path, names[0]], []
    for name in names:
        pairs = rows[kind, path, name]
        by_cpu = statistics.median(o[1] for o, _, _ in pairs) / statistics.median(w[1] for _, w, _ in pairs)
        ratios.append(f"{statistics.median(w[0] / o[0] for o, w, _ in pairs):.3f} ({by_cpu:.2f})")
    within = f"{spread(ours) * 100:.1f} % of {len(ours)}" + (", not known" if spread(ours) > SPREAD else "")
    cpu = statistics.median(c for _, _, c in ours) / (milliseconds / 1e3)
    return f"| {LOADS[kind][0]} | {path} | {quantity(kind, base)} | {budget(kind)} | {ratios[0]} | {within} | " + " | ".join([*ratios[1:], f"{cpu:.2f}"])


def compare_table(rows, tools, milliseconds, costs):
    """@costs: (load, path) -> (kernel nanoseconds an operation, instructions a record or None)."""
    names = [tool.name for tool in tools]
    out = ["| load | over | without | budget | sockwhy | within | " + " | ".join(names[1:]) + " | sockwhy's CPU | kernel ns | instructions |",
           "|---|---|---|---|---|---|---|---|" + "---|" * len(names)]
    for kind, path in cases():
        ns, each = costs[kind, path]
        out.append(compare_row(rows, names, kind, path, milliseconds) + f" | {ns:,.0f} | {f'{each:,.0f}' if each else ''} |")
    return out


def costs_of(field, sockwhy, found, milliseconds):
    """(load, path) -> kernel nanoseconds an operation, and instructions of user space a record."""
    def recorder(*more):
        return Tool("sockwhy", [SOCKWHY, "--json", *more], sockwhy.ready)

    return {case: (steady.an_operation(found[case]), steady.user_space(field, recorder, SOCKWHY, case, milliseconds)) for case in found}


LOADS_INTRO = """Throughput with the tool by throughput without: median of at least {rounds} pairs of {ms} ms, and in
brackets the same by CPU time of both ends, which a noisy neighbour disturbs less; 1.000 is no cost. Within: so near the median is
known (19 times of 20) after so many pairs; a row whose pairs scatter too much for 3 % says that it is not known. CPU: seconds of
the agent's own user space for each second of load. What no neighbour disturbs: nanoseconds of all programs of the kernel side for
each operation (of a stream: each burst of 64 KiB), and instructions of user space for each record (callgrind, `read` of a recording)."""


def loads(field, tools, args):
    """Sections of the loads, and of where their time goes."""
    found, taken = steady.kernel_side(field, tools[0], cases(), args.ms)
    costs = costs_of(field, tools[0], found, min(args.ms, 300))
    rows = compare(field, tools, args.rounds, args.ms)
    return ["### Loads with and without", "", LOADS_INTRO.format(rounds=args.rounds, ms=args.ms), ""] \
        + compare_table(rows, tools, args.ms, costs) + ["", "### Where the time goes", ""] + steady.table(found, taken)


def summary_of(out):
    """The summary line of an agent that has ended; `out` is its standard output."""
    out.seek(0)
    lines = [json.loads(line) for line in out]
    return next(o for o in reversed(lines) if o["type"] == "summary"), lines


SMALL_RINGS = ("1M", "256K", "64K", "16K")


def ring(field, seconds):
    """Refuse storms from one and from two CPUs, and rings made smaller until one loses: carried each second, and lost."""
    rows = ["| ring | storm | refused each second | records each second | lost or shed | counted in findings |",
            "|---|---|---|---|---|---|"]
    for clients, size, seconds in ((1, "4M", seconds), (2, "4M", seconds), *((2, s, seconds / 3) for s in SMALL_RINGS)):
        with tempfile.TemporaryFile("w+") as out:
            argv = [SOCKWHY, "--json", "--ring-size", size]
            with Tool("sockwhy", argv, rb"Ctrl-C ends").running(field.near, out):
                begin = time.monotonic()
                procs = [subprocess.Popen(field.near.command(LOAD, "refused", "127.0.0.1", 4999, n, int(seconds * 1e3)),
                                          stdin=DEVNULL, stdout=subprocess.PIPE) for n in range(clients)]
                made = sum(json.loads(p.communicate()[0])["count"] for p in procs)
                took = time.monotonic() - begin
            summary, lines = summary_of(out)
        counted = sum(o["count"] for o in lines if o["type"] == "finding" and o["state"] == "final"
                      and o["connection"].get("remote", {}).get("port") == 4999)
        records, lost = summary["records"], summary["lost"] + summary["suppressed"]
        rows.append(f"| {size} | {clients} client{'s' * (clients > 1)} for {seconds:.0f} s | {made / took:,.0f} | {records / took:,.0f} | {lost:,} | "
                    f"{counted:,} of {made:,} |")
        print(rows[-1], flush=True)
    return rows


def first_event(field, times):
    """From exec to the start line, and to the first event line, while a connect is refused every millisecond."""
    starts, events = [], []
    for _ in range(times):
        storm = subprocess.Popen(field.near.command(LOAD, "trickle", "127.0.0.1", 4999, 1, 60000), stdin=DEVNULL, stdout=DEVNULL)
        begin = time.monotonic()
        proc = subprocess.Popen(field.near.command(SOCKWHY, "--json", "-v"), stdin=DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)
        waiting = {proc.stdout: events, proc.stderr: starts}
        while waiting:
            for pipe in select.select(list(waiting), [], [], 20)[0]:
                line = os.read(pipe.fileno(), 65536)
                if pipe is proc.stderr or b'"type":"event"' in line:
                    waiting.pop(pipe).append((time.monotonic() - begin) * 1e3)
        storm.kill()
        storm.wait()
        proc.send_signal(signal.SIGINT)
        proc.communicate()
    return statistics.median(starts), statistics.median(events)


def resident(field, tool, count):
    """Resident memory with so many open connections: opened before the agent, and under its eyes."""
    figures = []
    for before in (True, False):
        with contextlib.ExitStack() as stack:
            address, port = stack.enter_context(field.server("lo", 0))
            proc = None if before else stack.enter_context(tool.running(field.near))
            client = subprocess.Popen(field.near.command(LOAD, "open", address, port, 0, count), stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE)
            client.stdout.readline()
            if before:
                proc = stack.enter_context(tool.running(field.near))
            field.load("trickle", "127.0.0.1", 4999, 1, 500)
            status = pathlib.Path(f"/proc/{proc.pid}/status").read_text()
            figures.append([int(re.search(rf"{key}:\s+(\d+)", status).group(1)) / 1024 for key in ("VmHWM", "VmRSS")])
            client.communicate()
            client.stdout.close()
    return figures


def held():
    """What decode and join alone take for connections: resident MiB of 10,000 and 100,000, ns a record of each."""
    found = []
    for count in (10000, 100000):
        runs = [subprocess.run([ROOT / "build/tests/bench/held", str(count)], capture_output=True, text=True, check=True).stdout for _ in range(3)]
        taken = [re.search(r": ([0-9.]+) MiB resident, (\d+) ns", run).groups() for run in runs]
        found.append((statistics.median(float(mib) for mib, _ in taken), min(int(ns) for _, ns in taken)))
    (few, few_ns), (many, many_ns) = found
    return [f"In decode and join alone (`tests/bench/held.c`): {few:.1f} MiB at 10,000 proven connections and {many:.1f} at 100,000, "
            f"{(many - few) * 2**20 / 90000:.0f} bytes each (budget 500); {few_ns} and {many_ns} ns of CPU a record."]


def machine():
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text()).group(1)
    return f"{platform.system()} {platform.release()} {platform.machine()}, {os.cpu_count()} CPUs ({cpu})"


def write_report(sections):
    text = REPORT.read_text()
    head, rest = text.split(BEGIN)
    _, tail = rest.split(END)
    REPORT.write_text(head + BEGIN + "\n\n" + "\n".join(sections) + "\n\n" + END + tail)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="pairs a load and tool (default 7)")
    parser.add_argument("--ms", type=int, default=1000, help="milliseconds a run (default 1000)")
    parser.add_argument("--only", help="part to run: loads, steady, ring, start, memory, read, endless; nothing is written")
    args = parser.parse_args()
    sockwhy = Tool("sockwhy", [SOCKWHY, "--json"], rb"Ctrl-C ends")
    tools = [sockwhy, Tool("tcpdump", ["tcpdump", "-i", "any", "-w", "/dev/null", "tcp or udp"], rb"listening on"),
             Tool("tcplife", [*WITH_TRACEFS, "tcplife"]), Tool("tcpstates", [*WITH_TRACEFS, "tcpstates"])]
    field = Field()
    sections = [f"Measured on {time.strftime('%Y-%m-%d', time.gmtime())} by `sudo make bench`, {machine()}.", ""]
    parts = {
        "loads": lambda: loads(field, tools, args),
        "steady": lambda: [] if args.only is None else steady.table(*steady.kernel_side(field, sockwhy, cases(), args.ms)),
        "ring": lambda: ["### Records the ring carries", ""] + ring(field, 10),
        "start": lambda: ["### Start", "", "Median of 9 starts: start line after {:.0f} ms, first event after {:.0f} ms (budget 300 ms)."
                          .format(*first_event(field, 9))],
        "memory": lambda: ["### Memory", "", "At 10,000 open connections (both ends here: 20,000 sockets), peak and now: opened before the "
                           "start {0[0]:.1f} and {0[1]:.1f} MiB, opened later {1[0]:.1f} and {1[1]:.1f} MiB (budget 32 MiB)."
                           .format(*resident(field, sockwhy, 10000))] + held(),
        "read": lambda: ["### Captures", "", "Budgets: within twice the time of tcpdump's plain copy, 30 times as fast as tshark, 50 times as "
                         "fast as tcptrace.", ""] + offline(SOCKWHY, args.rounds),
        "endless": lambda: ["### Captures without end", "", "Ten million connections (80 million packets, 0.3 % of the connections failing) through "
                            "standard input, nothing stored.", ""] + endless(),
    }
    try:
        for name, part in parts.items():
            if args.only in (None, name):
                sections += part() + [""]
    finally:
        field.close()
    print("\n".join(sections))
    if args.only is None:
        write_report(sections[:-1])


if __name__ == "__main__":
    main()
