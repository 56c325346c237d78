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
from endless import endless  # noqa: E402
from offline import offline  # noqa: E402

LOAD = ROOT / "build/tests/bench/load"
SOCKWHY = ROOT / "build/sockwhy"
REPORT = ROOT / "docs/performance.md"
BEGIN, END = "<!-- begin: written by make bench -->", "<!-- end: written by make bench -->"

# load: (what it is, the design's budget, CPU of the server)
LOADS = {
    "stream": ("one-way bulk stream", 0.98, 1),
    "rr": ("1-byte request/response, both ends on one CPU", 0.95, 0),
    "connect": ("connect and close, one client", 0.90, 0),
    "refused": ("refused connects, one client", 0.85, 0),
}
TICKS = os.sysconf("SC_CLK_TCK")
DEVNULL = subprocess.DEVNULL
# the libbpf-tools want tracefs mounted, which not every host has: a mount of their own does
WITH_TRACEFS = ["unshare", "-m", "sh", "-ec", 'mount -t tracefs none /sys/kernel/tracing; exec "$@"', "-"]


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
                assert proc.poll() is None and time.monotonic() < end, f"{self.name} does not start"
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
        self.port = 5000

    def close(self):
        self.near.delete()
        self.far.delete()

    def place(self, path):
        return (self.near, "127.0.0.1") if path == "lo" else (self.far, "10.9.9.2")

    @contextlib.contextmanager
    def server(self, path, cpu):
        ns, address = self.place(path)
        self.port += 1
        proc = subprocess.Popen(ns.command(LOAD, "serve", address, self.port, cpu), stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE)
        proc.stdout.readline()
        self.server_cpu_us = 0
        try:
            yield address, self.port
        finally:
            proc.stdin.close()
            self.server_cpu_us = json.loads(proc.stdout.read())["cpu_us"]
            proc.wait(20)
            proc.stdout.close()

    def load(self, kind, address, port, cpu, amount):
        done = subprocess.run(self.near.command(LOAD, kind, address, port, cpu, amount), stdin=DEVNULL,
                              stdout=subprocess.PIPE, check=True)
        return json.loads(done.stdout)

    def once(self, kind, path, milliseconds):
        """One run of a load: rounds each second, and CPU microseconds of both ends each round."""
        if kind == "refused":
            ran, server = self.load(kind, self.place(path)[1], 4999, 0, milliseconds), 0
        else:
            with self.server(path, LOADS[kind][2]) as (address, port):
                ran = self.load(kind, address, port, 0, milliseconds)
            server = self.server_cpu_us
        return ran["per_second"], (ran["cpu_us"] + server) / ran["count"]


def compare(field, tools, rounds, milliseconds):
    """(load, path, tool) -> [(without, with, CPU seconds of the tool)], each (rounds a second, CPU us a round)."""
    rows = collections.defaultdict(list)
    for kind in LOADS:
        for path in ("lo", "veth"):
            field.once(kind, path, 200)
            for n in range(rounds):
                for tool in tools if n % 2 else reversed(tools):
                    without = field.once(kind, path, milliseconds)
                    with tool.running(field.near) as proc:
                        before = cpu_seconds(proc.pid)
                        with_it = field.once(kind, path, milliseconds)
                        cpu = cpu_seconds(proc.pid) - before
                    rows[kind, path, tool.name].append((without, with_it, cpu))
            print(f"{kind} over {path}: " + ", ".join(
                f"{t.name} {statistics.median(w[0] / o[0] for o, w, _ in rows[kind, path, t.name]):.3f}" for t in tools), flush=True)
    return rows


def quantity(kind, value):
    return f"{value * 8 / 1e9:.1f} Gbit/s" if kind == "stream" else f"{value / 1e3:.1f} k/s"


def compare_table(rows, tools, milliseconds):
    names = [tool.name for tool in tools]
    out = ["| load | over | without | budget | " + " | ".join(names) + " | sockwhy's CPU |",
           "|---|---|---|---|" + "---|" * (len(names) + 1)]
    for kind, (what, budget, _) in LOADS.items():
        for path in ("lo", "veth"):
            base = statistics.median(o[0] for name in names for o, _, _ in rows[kind, path, name])
            ratios = []
            for name in names:
                pairs = rows[kind, path, name]
                by_cpu = statistics.median(o[1] for o, _, _ in pairs) / statistics.median(w[1] for _, w, _ in pairs)
                ratios.append(f"{statistics.median(w[0] / o[0] for o, w, _ in pairs):.3f} ({by_cpu:.2f})")
            cpu = statistics.median(c for _, _, c in rows[kind, path, names[0]]) / (milliseconds / 1e3)
            out.append(f"| {what} | {path} | {quantity(kind, base)} | {budget:.2f} | " + " | ".join(ratios) + f" | {cpu:.2f} |")
    return out


def program_costs(field, tool, milliseconds):
    """What each BPF program of the agent did under each load, by the kernel's own statistics."""
    switch = pathlib.Path("/proc/sys/kernel/bpf_stats_enabled")
    before = switch.read_text()
    out = ["| load (over lo) | program | runs | per round | ns each |", "|---|---|---|---|---|"]
    switch.write_text("1\n")
    try:
        for kind in LOADS:
            with tool.running(field.near) as proc:
                start = program_counts(proc.pid)
                rounds = field.once(kind, "lo", milliseconds)[0] * milliseconds / 1e3
                end = program_counts(proc.pid)
            for key in sorted(end, key=lambda k: start.get(k, (0, 0))[1] - end[k][1]):
                runs, ns = (end[key][i] - start.get(key, (0, 0))[i] for i in (0, 1))
                if runs > rounds / 100 and kind != "stream" or runs > 1000:
                    out.append(f"| {kind} | {key} | {runs} | {runs / rounds:.2f} | {ns / runs:.0f} |")
    finally:
        switch.write_text(before)
    return out


def program_counts(pid):
    """Program name -> (run_cnt, run_time_ns), from fdinfo of the program's descriptors."""
    counts = {}
    for info in pathlib.Path(f"/proc/{pid}/fdinfo").glob("*"):
        with contextlib.suppress(OSError):
            fields = dict(line.split(":\t", 1) for line in info.read_text().splitlines() if ":\t" in line)
            if "run_cnt" in fields:
                counts[int(fields["prog_id"])] = (int(fields["run_cnt"]), int(fields["run_time_ns"]))
    names = {p["id"]: p.get("name", "?") for p in json.loads(sh("bpftool", "-j", "prog", "show"))}
    by_name = {}
    for number, (runs, ns) in counts.items():
        name = names.get(number, str(number))
        old = by_name.get(name, (0, 0))
        by_name[name] = (old[0] + runs, old[1] + ns)
    return by_name


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
    parser.add_argument("--only", help="part to run: loads, programs, ring, start, memory, read, endless; nothing is written")
    args = parser.parse_args()
    sockwhy = Tool("sockwhy", [SOCKWHY, "--json"], rb"Ctrl-C ends")
    tools = [sockwhy, Tool("tcpdump", ["tcpdump", "-i", "any", "-w", "/dev/null", "tcp"], rb"listening on"),
             Tool("tcplife", [*WITH_TRACEFS, "tcplife"]), Tool("tcpstates", [*WITH_TRACEFS, "tcpstates"])]
    field = Field()
    sections = [f"Measured on {time.strftime('%Y-%m-%d', time.gmtime())} by `sudo make bench`, {machine()}.", ""]
    parts = {
        "loads": lambda: ["### Loads with and without", "", f"Throughput with the tool by throughput without: median of {args.rounds} pairs of {args.ms} ms, and in "
                          "brackets the same by CPU time of both ends, which a noisy neighbour disturbs less; 1.000 is no cost. "
                          "CPU: seconds of the agent's own user space for each second of load.", ""]
        + compare_table(compare(field, tools, args.rounds, args.ms), tools, args.ms),
        "programs": lambda: ["### Where the time goes", "", "The kernel's BPF statistics (they add some 60 ns to each run):", ""]
        + program_costs(field, sockwhy, args.ms),
        "ring": lambda: ["### Records the ring carries", ""] + ring(field, 10),
        "start": lambda: ["### Start", "", "Median of 9 starts: start line after {:.0f} ms, first event after {:.0f} ms (budget 300 ms)."
                          .format(*first_event(field, 9))],
        "memory": lambda: ["### Memory", "", "At 10,000 open connections (both ends here: 20,000 sockets), peak and now: opened before the "
                           "start {0[0]:.1f} and {0[1]:.1f} MiB, opened later {1[0]:.1f} and {1[1]:.1f} MiB (budget 32 MiB)."
                           .format(*resident(field, sockwhy, 10000))],
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
