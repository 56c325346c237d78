# SPDX-License-Identifier: GPL-2.0-or-later
"""What was recorded says the same again, without root; what was spoilt is refused with a word."""

import json
import signal
import struct
import subprocess

import pytest

from harness import Agent
from lab import PATIENCE_S, free_port
from program import SOCKWHY, Schema

pytestmark = pytest.mark.usefixtures("needs_agent")
NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")


def read(path, *args, data=None):
    return subprocess.run([*NOBODY, SOCKWHY, "read", "--json", *args, path], input=data, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False)


def only_findings(text):
    return [line for line in text.splitlines(keepends=True) if line.startswith('{"type":"finding"')]


@pytest.fixture
def recorded(lab):
    """A recording of several kinds of failure, and what the agent said while it was made."""
    lab.dir.chmod(0o755)
    net, path, port = lab.internet(), lab.dir / "rec", free_port()
    far = lab.link()
    agent = Agent(lab, "--record", path)
    lab.fault("connect", far.v4, port)
    lab.fault("connect", net.host(6, "reset"), port)
    lab.fault("connect", net.host(4, "icmp", icmp=[3, 13]), port)
    lab.fault("-U", 1500, "connect", net.host(4), port)
    lab.fault("connect", net.host(4, "accept", ignore=1), port)
    lab.fault("bind", "203.0.113.9", port)
    lab.fault("connect", "203.0.113.9", port)
    lab.fault("refused", 50, "127.0.0.1", free_port(), exe=lab.healthy)
    agent.quiesce()
    agent.stop()
    path.chmod(0o644)
    return path, agent


def test_the_same_again(recorded):
    path, agent = recorded
    done = read(path)
    assert done.returncode == 0, done.stderr
    live = only_findings("".join(agent.lines))
    assert len(live) >= 9
    assert only_findings(done.stdout.decode()) == live


def test_the_same_from_a_pipe(recorded):
    path, _ = recorded
    first = read(path)
    second = read("-", data=path.read_bytes())
    assert second.returncode == 0 and second.stdout == first.stdout


def test_the_same_as_text(recorded):
    """The text of a replay names the same findings."""
    path, agent = recorded
    done = subprocess.run([*NOBODY, SOCKWHY, "read", "--brief", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0
    for found in agent.findings(state="final"):
        if found["severity"] != "info":
            assert found["finding"] in done.stdout


def test_cut_off(recorded, lab):
    """Cut anywhere: what is there is judged, and the early end is told."""
    path, _ = recorded
    data = path.read_bytes()
    check = Schema().validate
    for size in (len(data) - 1, len(data) // 2, len(data) // 3, 200):
        cut = lab.dir / f"cut{size}"
        cut.write_bytes(data[:size])
        cut.chmod(0o644)
        done = read(cut)
        assert done.returncode in (0, 1), done.stderr
        assert b"ends early" in done.stderr + done.stdout, (size, done.stderr)
        for line in done.stdout.splitlines():
            check(json.loads(line))


@pytest.mark.parametrize("spoil", ["magic", "version", "empty", "text", "zeros", "sizes"])
def test_spoilt(recorded, lab, spoil):
    path, _ = recorded
    data = bytearray(path.read_bytes())
    if spoil == "magic":
        data[0] ^= 0xFF
    elif spoil == "version":
        data[8:12] = struct.pack("<I", 0x7FFFFFFF)
    elif spoil == "empty":
        data = bytearray()
    elif spoil == "text":
        data = bytearray(b"this is no recording\n" * 100)
    elif spoil == "zeros":
        data = bytearray(100_000)
    elif spoil == "sizes":
        data[16:400] = b"\xff" * 384
    bad = lab.dir / "bad"
    bad.write_bytes(data)
    bad.chmod(0o644)
    done = read(bad)
    lines = done.stderr.decode().splitlines()
    assert done.returncode == 1 and len(lines) in (1, 2) and str(bad) in lines[0], (done.returncode, lines)
    assert only_findings(done.stdout.decode()) == []


def test_hostile(recorded, lab):
    """Bytes changed all over: no crash, every line valid, exit 0 or 1."""
    path, _ = recorded
    data = path.read_bytes()
    check = Schema().validate
    for seed in range(40):
        spoilt = bytearray(data)
        for n in range(200):
            spoilt[(seed * 7919 + n * 104729) % len(spoilt)] ^= 1 << (seed + n) % 8
        bad = lab.dir / "hostile"
        bad.write_bytes(spoilt)
        bad.chmod(0o644)
        done = read(bad)
        assert done.returncode in (0, 1), (seed, done.returncode, done.stderr)
        for line in done.stdout.splitlines():
            check(json.loads(line))


def test_killed_while_recording(lab):
    """SIGKILL: the recording ends early and can be read up to there."""
    lab.dir.chmod(0o755)
    path, port = lab.dir / "rec", free_port()
    agent = Agent(lab, "--record", path)
    saw = lab.fault("connect", "127.0.0.1", port)
    agent.wait_for(pid=saw["pid"], state="final")
    agent.quiesce()
    agent.stop(signal.SIGKILL, status=-signal.SIGKILL)
    path.chmod(0o644)
    done = read(path)
    assert done.returncode == 1 and b"ends early" in done.stderr + done.stdout
    assert [line for line in only_findings(done.stdout.decode()) if f'"pid":{saw["pid"]}' in line]
