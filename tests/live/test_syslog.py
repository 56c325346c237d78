# SPDX-License-Identifier: GPL-2.0-or-later
"""--syslog: what a real rsyslog understands of findings, with the configuration that is in contrib/."""

import json
import re
import shutil
import socket
import subprocess
import time

import pytest

from harness import Agent
from lab import PATIENCE_S, free_port
from program import ROOT, sockwhy


def settled(look, what):
    end = time.monotonic() + PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < end, what
        time.sleep(0.05)  # another program's file
    return found


@pytest.fixture
def rsyslog(lab):
    """rsyslogd with contrib/rsyslog.conf, in the lab's folder: its socket, and the lines of its file so far."""
    assert shutil.which("rsyslogd"), "rsyslog is missing: make setup"
    path, lines, conf = lab.dir / "socket", lab.dir / "sockwhy.jsonl", lab.dir / "rsyslog.conf"
    words = (ROOT / "contrib/rsyslog.conf").read_text()
    for there, here in (("/run/sockwhy-syslog", path), ("/var/log/sockwhy.jsonl", lines), ('load="imuxsock"', 'load="imuxsock" SysSock.Use="off"')):
        assert there in words
        words = words.replace(there, str(here))
    conf.write_text(words)
    checked = subprocess.run(["rsyslogd", "-N1", "-f", conf], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    with subprocess.Popen(["rsyslogd", "-n", "-f", conf, "-i", lab.dir / "pid"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True) as popen:
        try:
            settled(lambda: path.exists() or popen.poll() is not None, "rsyslogd makes no socket")
            assert popen.poll() is None, popen.stderr.read()
            yield path, lambda: [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []
        finally:
            popen.kill()


def test_told(lab, rsyslog):
    """Each finding is one message, and its members are what JSON has. IPv4 and IPv6."""
    path, lines = rsyslog
    port = free_port()
    agent = Agent(lab, "--config", "none", "--syslog", path, f"port {port}")
    server = lab.serve("127.0.0.1", port, ns=lab.host)
    lab.fault("connect", "127.0.0.1", port)
    server.close()
    want = [agent.wait_for(state="final", pid=lab.fault("connect", address, port)["pid"]) for address in ("127.0.0.1", "::1")]
    agent.stop()
    told = settled(lambda: lines() if len(lines()) >= 2 else None, "no two lines")
    assert [line["finding"] for line in told] == [found["finding"] for found in want]  # of what worked nothing
    for line, found in zip(told, want):
        members, connection = line["members"], found["connection"]
        assert line["host"] == found["host"]["name"] and line["time"][:23] == found["time"][:23]
        assert found["cause"] in line["text"] and f"fault[{found['process']['pid']}]" in line["text"]
        assert {name: members[name] for name in ("severity", "confidence", "state", "attempt", "errno", "role", "comm")} == \
            {**{name: found[name] for name in ("severity", "confidence", "state", "attempt", "errno")}, "role": connection["role"],
             "comm": found["process"]["comm"]}
        assert (members["remote_address"], members["remote_port"]) == (connection["remote"]["address"], str(port))


def test_heartbeat(lab):
    path = lab.dir / "socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as there:
        there.bind(str(path))
        there.settimeout(PATIENCE_S)
        Agent(lab, "--config", "none", "--syslog", path, "--heartbeat", "1s", "port 1")
        said = there.recv(4096).decode()
    assert re.fullmatch(r"<30>1 \S+Z \S+ sockwhy \d+ heartbeat - \ufeffalive for \S+ s: \d+ records, .* of CPU", said), said


def test_nobody_listens(lab):
    done = sockwhy("--config", "none", "--syslog", lab.dir / "none")
    assert done.returncode == 1 and f"sockwhy: --syslog {lab.dir / 'none'}: No such file" in done.err
