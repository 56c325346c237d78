# SPDX-License-Identifier: GPL-2.0-or-later
"""--journal: what a real journald keeps of findings, and what journalctl says of them."""

import json
import shutil
import subprocess
import time

import pytest

from harness import Agent, PATIENCE_S
from program import ROOT, sockwhy

JOURNALD = "/usr/lib/systemd/systemd-journald"
# A journal of its own: a namespace of mounts in which nothing of the host's journal is to be seen.
HOUSE = f"""
mount --make-rprivate /
for folder in /run/systemd /run/log /var/log /var/lib/systemd /usr/lib/systemd/catalog; do
    mkdir -p $folder; mount -t tmpfs none $folder
done
mkdir -p /run/systemd/journal /run/log/journal
mount --bind /run/log /var/log
cp {ROOT}/packaging/sockwhy.catalog /usr/lib/systemd/catalog
journalctl --update-catalog
ln -s ../journal.lab/socket /run/systemd/journal/socket
exec {JOURNALD} lab
"""
# What is refused, and then lives on: its journal entry is to name it.
LIVING = "import socket, sys\nfor port in map(int, sys.argv[2:]):\n" \
    "  try: socket.create_connection((sys.argv[1], port))\n  except OSError: pass\nsys.stdin.read()"


@pytest.fixture
def journal():
    assert shutil.which(JOURNALD), "systemd is missing: make setup"
    popen = subprocess.Popen(["unshare", "--mount", "sh", "-ec", HOUSE], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    house = ("nsenter", f"--mount=/proc/{popen.pid}/ns/mnt")
    end = time.monotonic() + PATIENCE_S
    while subprocess.run([*house, "test", "-S", "/run/systemd/journal/socket"], check=False).returncode:
        assert popen.poll() is None and time.monotonic() < end, popen.stderr.read()
        time.sleep(0.01)
    yield house
    popen.terminate()
    popen.wait(PATIENCE_S)
    popen.stderr.close()


def entries(house, *words, form="json"):
    done = subprocess.run([*house, "journalctl", "--file=/run/log/journal/*/*.journal", "--no-pager", "-o", form, "SYSLOG_IDENTIFIER=sockwhy",
                           *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=PATIENCE_S, check=False)
    return [json.loads(line) for line in done.stdout.splitlines()] if form == "json" else done.stdout


def wait_for(house, *words):
    end = time.monotonic() + PATIENCE_S
    while not (found := entries(house, *words)):
        assert time.monotonic() < end, f"no entry with {words}"
        time.sleep(0.05)
    return found


def test_entries(lab, journal):
    """An entry a finding with the number that the catalog has, beside JSON lines that say the same; -x explains it."""
    lab.link()
    agent = Agent(lab, "--journal", wrap=journal)
    pids = {"127.0.0.1": lab.fault("connect", "127.0.0.1", 9)["pid"], "::1": lab.fault("connect", "::1", 9)["pid"]}
    number = json.loads(sockwhy("explain", "--json", "connect-refused-local").out)["message_id"]
    for address, pid in pids.items():
        told = agent.wait_for(finding="connect-refused-local", pid=pid)
        entry = wait_for(journal, f"SOCKWHY_ATTEMPT={told['attempt']}")[0]
        assert entry["MESSAGE_ID"] == number and entry["PRIORITY"] == "3"
        assert {"FINDING": told["finding"], "CONFIDENCE": told["confidence"], "STATE": "final", "PID": str(pid), "COMM": "fault",
                "REMOTE_ADDRESS": address, "REMOTE_PORT": "9", "ERRNO": "ECONNREFUSED", "GROUP": told["group"],
                "CAUSE": told["cause"], "TIME": told["time"], "STAGE": "connect"}.items() <= \
            {name[8:]: value for name, value in entry.items() if name.startswith("SOCKWHY_")}.items()
        assert entry["ERRNO"] == "111" and f"fault[{pid}] could not connect to" in entry["MESSAGE"]
        assert told["cause"] in entry["MESSAGE"] and entry["MESSAGE"].endswith("[connect-refused-local]")
        assert [line for line in entry["SOCKWHY_EVIDENCE"] if "SYN_SENT" in line]
        assert entry["_COMM"] == "sockwhy" and entry["_TRANSPORT"] == "journal"
        assert "OBJECT_PID" not in entry  # it has ended: who bears its number now is somebody else
    said = entries(journal, f"MESSAGE_ID={number}", "-x", form="short")
    assert "Subject: " in said and "Defined-By: sockwhy" in said and "sockwhy explain connect-refused-local" in said
    assert f"local: {told['check'][0]['run']}" in said


def test_living_process(lab, journal):
    """Of a process that lives journald adds what it knows; without a form or a file nothing stands on standard output."""
    agent = Agent(lab, command=["--journal"], wrap=journal)
    with subprocess.Popen(lab.host.command("python3", "-c", LIVING, "127.0.0.1", 9), stdin=subprocess.PIPE) as living:
        entry = wait_for(journal, f"SOCKWHY_PID={living.pid}")[0]
        living.stdin.close()
    assert entry["OBJECT_PID"] == str(living.pid) and entry["OBJECT_COMM"] == "python3"
    agent.popen.terminate()
    agent.popen.wait(PATIENCE_S)
    for reader in agent.readers:
        reader.join(PATIENCE_S)
    assert agent.lines == [] and any("; found " in line for line in agent.stderr), agent.stderr


def test_heartbeat(lab, journal):
    """--heartbeat: an entry of its own kind, which no finding has, and what it took."""
    Agent(lab, "--journal", "--heartbeat", "1s", wrap=journal)
    entry = wait_for(journal, "PRIORITY=6", "SOCKWHY_LOST=0")[0]
    assert entry["MESSAGE"].startswith("alive for ") and "SOCKWHY_FINDING" not in entry
    assert int(entry["SOCKWHY_RECORDS"]) > 0 and int(entry["SOCKWHY_MEMORY_BYTES"]) > 1 << 20
    numbers = {json.loads(line)["message_id"] for line in sockwhy("explain", "--json").out.splitlines() if '"message_id"' in line}
    assert len(numbers) > 10 and entry["MESSAGE_ID"] not in numbers
