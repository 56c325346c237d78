# SPDX-License-Identifier: GPL-2.0-or-later
"""How much memory the program takes while a capture of any number of connections passes through it."""

import pathlib
import os
import re
import subprocess
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOCKWHY = ROOT / "build/sockwhy"
ENDLESS = ROOT / "build/tests/bench/endless"


def peak_mib(pid):
    """The most memory a process had so far."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^VmHWM:\s+(\d+) kB$", status, re.M).group(1)) / 1024


def peaks(arguments, connections, step, seconds=60):
    """Peak MiB after every step, and what the program said at its end. Nothing is stored on the way."""
    with subprocess.Popen([ENDLESS, str(connections), str(step)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, bufsize=0) as source:
        with subprocess.Popen([SOCKWHY, *arguments], stdin=source.stdout, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE) as reader:
            source.stdout.close()
            found = {}
            watchdog = threading.Timer(seconds, reader.kill)
            watchdog.start()
            for mark in source.stderr:  # it waits meanwhile; no more than a pipe's 64 KiB are not read yet
                found[int(mark)] = peak_mib(reader.pid)
                source.stdin.write(b"\n")
            said = reader.stderr.read().decode()
        watchdog.cancel()
    assert source.returncode == 0 and reader.returncode == 0, (found, said)
    return found, said


def peak_of_file(arguments, path):
    """Peak MiB of one that needs a file, because it reads it twice."""
    with tempfile.TemporaryDirectory(prefix="sockwhy-bench-", dir="/var/tmp") as folder:
        argv = [str(SOCKWHY), *arguments, f"{folder}/out.pcapng", path]
        pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=[
            (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0), (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0)])
        _, status, usage = os.wait4(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0, argv
        return usage.ru_maxrss / 1024


def endless():
    """A table: of what reads standard input to ten million connections, of what needs a file to a million."""
    marks = (100_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000)
    rows = ["| peak MiB after so many connections | " + " | ".join(f"{mark:,}" for mark in marks) + " |",
            "|---|" + "---|" * len(marks)]

    def row(arguments, found):
        rows.append(f"| `sockwhy {' '.join(arguments)}` | " +
                    " | ".join(f"{found[mark]:.1f}" if mark in found else "" for mark in marks) + " |")
        print(rows[-1], flush=True)

    with tempfile.TemporaryDirectory(prefix="sockwhy-bench-", dir="/var/tmp") as folder:
        for arguments, most in ((["read", "-"], marks[4]), (["flows", "-"], marks[2]), (["flows", "--sort", "bytes", "-"], marks[2]),
                                (["read", "--mask", "-"], marks[1]), (["read", "--report", "R.html", "-"], marks[1])):
            given = [f"{folder}/{word}" if word == "R.html" else word for word in arguments]
            row(arguments, peaks(given, most, marks[0], 1200)[0])
        found = {}
        for mark in marks[:2]:
            path = f"{folder}/capture.pcap"
            with open(path, "wb") as file:
                subprocess.run([ENDLESS, str(mark)], stdout=file, check=True)
            found[mark] = peak_of_file(["read", "-w"], path)
        row(["read", "-w", "OUT", "FILE"], found)
    return rows
