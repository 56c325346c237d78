# SPDX-License-Identifier: GPL-2.0-or-later
"""run has every packet of its command's connections: what those tell, and the sockets do not, is said as read says it."""

import json
import re
import subprocess
import sys

import pytest

from lab import PATIENCE_S, free_port
from program import SOCKWHY, Schema

pytestmark = pytest.mark.usefixtures("needs_agent")

# asks as often as its third argument says, hears all of each answer, and closes in order
CLIENT = """
import socket, sys
client = socket.create_connection((sys.argv[1], int(sys.argv[2])))
for _ in range(int(sys.argv[3])):
    client.sendall(b"please\\r\\n")
    client.recv(99)
client.close()
"""


class Server:
    """In another namespace, or at the host's own loopback; answers a request after so many seconds: that is the fault."""

    def __init__(self, place, family, delays_s):
        self.address, self.port, self.delays_s = place.address(family), free_port(), delays_s
        script = ("import socket, sys, time; l = socket.create_server((sys.argv[1], int(sys.argv[2])), "
                  "family=socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET); print('ready', flush=True); s = l.accept()[0]\n"
                  "for delay in sys.argv[3:]: s.recv(99); time.sleep(float(delay)); s.sendall(b'answer')\n"
                  "s.recv(99)")
        argv = [sys.executable, "-c", script, self.address, str(self.port), *map(str, delays_s)]
        self.popen = subprocess.Popen(place.ns.command(*argv), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        assert self.popen.stdout.readline() == "ready\n"

    def close(self):
        self.popen.kill()
        self.popen.communicate(timeout=PATIENCE_S)


def judged(lab, place, family, delays_s, *options):
    """What run says of a client of such a server: its findings, and the recording of it."""
    server = Server(place, family, delays_s)
    out, recording = lab.dir / "out", lab.dir / "rec"
    try:
        done = subprocess.run(lab.host.command(SOCKWHY, "run", "--json", "-o", out, "--record", recording, *options, "--", sys.executable, "-c",
                                               CLIENT, server.address, server.port, len(delays_s)),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S,
                              check=False)
    finally:
        server.close()
    assert done.returncode == 0, done.stderr
    lines = [line for line in out.read_text().splitlines() if '"type":"finding"' in line]
    check = Schema().validate
    for line in lines:
        check(json.loads(line))
    replayed = subprocess.run([SOCKWHY, "read", "--json", recording], check=True, capture_output=True, text=True)
    assert [line for line in replayed.stdout.splitlines() if '"type":"finding"' in line] == lines
    return [json.loads(line) for line in lines], server


def test_slow_answer(lab, place, family):
    """The second of three answers takes 1.5 s; the connection ends in order, of which no socket tells."""
    found, server = judged(lab, place, family, (0, 1.5, 0))
    assert [(f["finding"], f["state"], f["confidence"]) for f in found] == [("conn-slow-peer", "final", "possible")], found
    told = found[0]
    assert told["connection"]["remote"] == {"address": server.address, "port": server.port}
    assert told["connection"]["role"] == "client" and told["process"]["comm"].startswith("python3")
    assert re.search(r" spoke (1\.[45]|[1-9]\.\d) s after ", told["summary"]), told["summary"]
    assert [e["event"] for e in told["evidence"]].count("data") >= 2


def test_quick_answers(lab, place, family):
    """Nearest miss: as long in all, no answer slow."""
    found, _ = judged(lab, place, family, (0.4, 0.4, 0.4))
    assert found == []


def measure(lab, place, family, *options, wrap=()):
    """iperf3 against a server of one test there; its client's exit status."""
    address, port = place.address(family), free_port()
    server = subprocess.Popen(place.ns.command("iperf3", "-s", "-1", "--forceflush", "-B", address, "-p", port), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, text=True)
    try:
        assert any("Server listening" in line for line in server.stdout)
        done = subprocess.run(lab.host.command(*wrap, "iperf3", "-c", address, "-p", port, "-t", "1", *options), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=False)
        server.communicate(timeout=PATIENCE_S)
    finally:
        server.kill()
        server.communicate(timeout=PATIENCE_S)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.mark.parametrize("options", [(), ("-R",), ("--bidir",)], ids=["up", "down", "both"])
def test_a_measurement_that_is_over(lab, watch, place, family, options):
    """Healthy: whoever receives closes with data under way, and is answered to with resets that nobody hears of."""
    agent, out = watch(), lab.dir / "out"
    done = measure(lab, place, family, *options, wrap=(SOCKWHY, "run", "--json", "-o", out, "--"))
    found = [json.loads(line) for line in out.read_text().splitlines() if '"type":"finding"' in line]
    assert [f for f in found if f["severity"] != "info"] == [], done.stderr
    agent.silent()
