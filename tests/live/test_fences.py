# SPDX-License-Identifier: GPL-2.0-or-later
"""What somebody who has broken into the live agent can still do; and that the command of run is not held by its fences."""

import errno
import re
import subprocess

from harness import Agent, PATIENCE_S
from program import ROOT, SOCKWHY

CALLS = ("socket", "fork", "exec", "trace", "code", "terminal", "root", "program")


def escape(lab):
    path = lab.dir / "escape.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", path, ROOT / "tests/helpers/escape.c"], check=True, timeout=60)
    return path


def capabilities(pid):
    lines = dict(line.split(":\t") for line in open(f"/proc/{pid}/status").read().splitlines() if line[:3] in ("Cap", "NoN", "Sec"))
    return {name: int(value, 16) for name, value in lines.items()}


def test_no_way_out(lab):
    """It goes on watching, with seven capabilities (of the unit), and no call works that it does not need."""
    agent = Agent(lab, "--utc", env={"LD_PRELOAD": str(escape(lab))})
    pid = lab.fault("connect", "127.0.0.1", 9)["pid"]
    agent.wait_for(finding="connect-refused-local", pid=pid)
    said = dict(re.findall(r"^escape ([a-z-]+) (\d+)$", "\n".join(agent.stderr), re.M))
    assert {int(said[what]) for what in CALLS} == {errno.EPERM}, said
    has = capabilities(agent.pid)
    assert bin(has["CapEff"]).count("1") == 7 and has["CapPrm"] == has["CapBnd"] == has["CapEff"] and not has["CapInh"]
    assert has["NoNewPrivs"] == 1 and has["Seccomp"] == 2
    agent.stop()


def test_command_is_free(lab):
    """What run starts has all that it would have without it, and signals reach it."""
    words = ("grep", "-E", "^(NoNewPrivs|Seccomp|CapEff|CapBnd):", "/proc/self/status")
    alone = subprocess.run(lab.host.command(*words), stdout=subprocess.PIPE, text=True, check=True, timeout=PATIENCE_S)
    done = subprocess.run(lab.host.command(SOCKWHY, "run", "-q", "--", *words), stdout=subprocess.PIPE, text=True, check=True,
                          timeout=PATIENCE_S)
    assert done.stdout == alone.stdout and "Seccomp:\t0" in alone.stdout
    with subprocess.Popen(lab.host.command(SOCKWHY, "run", "-q", "-u", "65534", "--", "sh", "-c", "echo on; exec sleep 60"),
                          stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout.readline() == "on\n"
        running.terminate()
        assert running.wait(PATIENCE_S) == 128 + 15
