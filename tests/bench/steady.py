# SPDX-License-Identifier: GPL-2.0-or-later
"""The figures of make bench that a neighbour does not move: nanoseconds of the kernel side, instructions of user space."""

import contextlib
import json
import pathlib
import re
import subprocess
import tempfile

from lab import sh

SWITCH = pathlib.Path("/proc/sys/kernel/bpf_stats_enabled")
UNFENCED = ["--no-fence", "syscalls"]  # valgrind's own calls are not those of the program
RUNS_LEAST = 1000  # of a program that is shown, and records that instructions are shared among


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


def counted(field, tool, kind, path, milliseconds):
    """Program -> (runs, runs an operation, ns a run), of one run of a load. A stream's operation is a burst of 64 KiB."""
    with tool.running(field.near) as proc:
        start = program_counts(proc.pid)
        rounds = field.once(kind, path, milliseconds)[2] / (65536 if kind == "stream" else 1)
        end = program_counts(proc.pid)
    found = {}
    for name, (runs, ns) in end.items():
        runs, ns = runs - start.get(name, (0, 0))[0], ns - start.get(name, (0, 0))[1]
        if runs >= max(RUNS_LEAST, rounds / 100):
            found[name] = (runs, runs / rounds, ns / runs)
    return found


def kernel_side(field, tool, cases, milliseconds):
    """((load, path) -> program -> (runs, runs an operation, ns a run less what counting takes), what counting takes)."""
    before = SWITCH.read_text()
    SWITCH.write_text("1\n")
    try:
        found = {case: counted(field, tool, *case, milliseconds) for case in cases}
    finally:
        SWITCH.write_text(before)
    # the quickest looks at one number and returns
    taken = min((ns for programs in found.values() for _, _, ns in programs.values()), default=0)
    return {case: {name: (runs, each, ns - taken) for name, (runs, each, ns) in programs.items()}
            for case, programs in found.items()}, taken


def an_operation(programs):
    """Nanoseconds of all programs together."""
    return sum(each * ns for _, each, ns in programs.values())


def instructions(argv):
    done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *map(str, argv)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=True)
    records = sum(json.loads(line)["records"] for line in done.stdout.splitlines() if '"type":"summary"' in line)
    return int(re.search(r"Collected : (\d+)", done.stderr).group(1)), records


def user_space(field, make_tool, sockwhy, case, milliseconds):
    """Instructions a record, start and end of the program left out; None: too few records to say."""
    with tempfile.TemporaryDirectory(prefix="sockwhy-bench-", dir="/var/tmp") as folder:
        empty, full = pathlib.Path(folder, "empty"), pathlib.Path(folder, "full")
        with make_tool("--record", empty).running(field.near):
            pass
        with make_tool("--record", full).running(field.near):
            field.once(*case, milliseconds)
        least, start = instructions([sockwhy, "read", *UNFENCED, "--json", empty])
        most, end = instructions([sockwhy, "read", *UNFENCED, "--json", full])
    return (most - least) / (end - start) if end - start >= RUNS_LEAST else None


def table(found, taken):
    rows = [f"By the kernel's BPF statistics, less the {taken:.0f} ns that these take (the quickest program, which looks at one number).", "",
            "| load | over | program | runs | per operation | ns each |", "|---|---|---|---|---|---|"]
    for (kind, path), programs in found.items():
        for name, (runs, each, ns) in sorted(programs.items(), key=lambda item: -item[1][1] * item[1][2]):
            rows.append(f"| {kind} | {path} | {name} | {runs} | {each:.2f} | {ns:.0f} |")
    return rows
