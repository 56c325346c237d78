# SPDX-License-Identifier: GPL-2.0-or-later
"""What a file of -w says of itself, live: across rotation, and after mergecap and editcap."""

import json
import subprocess
import sys

import pytest

from harness import Agent
from lab import PATIENCE_S, free_port, sh
from program import SOCKWHY

pytestmark = pytest.mark.usefixtures("needs_agent")

# So many connections, one after the other: a question, an answer, an end.
ASK = """
import socket, sys
for i in range(int(sys.argv[3])):
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), 5) as peer:
        peer.sendall(b"question %d" % i)
        assert peer.recv(100).startswith(b"question")
"""


def read(port, *paths):
    done = subprocess.run([SOCKWHY, "read", "--all", "--json", "-f", f"port {port}", *paths], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return [line["finding"] for line in lines if line["type"] == "finding"], lines[-1]["capture"]["holds"]


def test_healthy_connections(lab, family):
    """They have no data and no FIN in such a file: nothing is concluded from that, in whichever way it was cut and put together."""
    far, path, port = lab.link(), lab.dir / "out.pcapng", free_port()
    there = far.address(family)
    lab.serve(there, port, "echo", ns=far)
    agent = Agent(lab, "--rotate", "64k", "-w", path)
    sh(*lab.host.command(sys.executable, "-c", ASK, there, port, 300))
    agent.quiesce()
    agent.stop()
    parts = sorted(lab.dir.glob("out.*.pcapng"))
    assert len(parts) > 1, parts
    for part in parts:
        assert read(port, part) == ([], ["handshakes"]), part
    assert read(port, *parts) == ([], ["handshakes"])
    sh("mergecap", "-w", lab.dir / "merged.pcapng", *parts)
    sh("editcap", "-r", parts[0], lab.dir / "cut.pcapng", "1-20")
    for name in ("merged.pcapng", "cut.pcapng"):
        assert read(port, lab.dir / name) == ([], ["handshakes"]), name
