# SPDX-License-Identifier: GPL-2.0-or-later
"""Lookup and connections of one caller are one wish: its name, and one verdict."""

import subprocess

import pytest

from harness import describe
from lab import PATIENCE_S, free_port
from program import SOCKWHY
from test_names import Names

# Looks up, then connects to each address in turn, as most clients do; says how it ended
CLIENT = r'''
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), float(sys.argv[3]) if sys.argv[3:] else 20).close()
    print("connected")
except OSError as fault:
    print(type(fault).__name__)
'''


@pytest.fixture
def names(lab, place):
    return Names(lab, place)


def test_name_is_shown(names, watch, family):
    """Refused, by an address that a lookup gave: the finding has the name, and --name chooses it."""
    there, port = names.place.address(family), free_port()
    names.serve(there, f"--host-record=web.test,{there}", f"--host-record=other.test,{there}")
    agent = watch("--name", "WEB.*")
    etc = names.etc(there)
    assert names.client(CLIENT, "web.test", port, wrap=etc) == "ConnectionRefusedError"
    names.client(CLIENT, there, port, wrap=etc)  # without a lookup of its own: the namespace's
    names.client(CLIENT, "nosuch.test", port, wrap=etc)
    if not hasattr(agent, "pid"):
        return
    agent.wait_for(10, state="final")
    agent.stop()
    found = agent.findings(state="final")
    assert {f["finding"] for f in found} <= {"connect-refused", "connect-refused-local"} and found, describe(found)
    for finding in found:
        remote = finding["connection"]["remote"]
        assert remote == {"address": there, "port": port, "name": "web.test"}, describe(found)
    assert sum(f["count"] for f in found) == 2, describe(found)


# Asks a socket of this host, which somebody serves, then connects
VEILED = r'''
import os, socket, sys
path, there, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
os.makedirs(os.path.dirname(path))
listener, asker = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen()
asker.connect(path)
try:
    socket.create_connection((there, port))
except OSError as fault:
    print(type(fault).__name__)
'''


def test_name_asked_of_a_socket(names, watch, family):
    """nscd's or systemd-resolved's: of what follows it is said that its lookup was out of sight; any other socket says nothing."""
    there = names.place.address(family)
    wrap = "unshare", "-m", "sh", "-ec", 'mount -t tmpfs none /run; exec "$@"', "-"
    asked = {path: free_port() for path in ("/run/systemd/resolve/io.systemd.Resolve", "/var/run/nscd/socket", "/run/nscd/sockets")}
    agent = watch()
    for path, port in asked.items():
        assert names.client(VEILED, path, there, port, wrap=wrap) == "ConnectionRefusedError"
    if not hasattr(agent, "pid"):
        return
    found = [agent.wait_for(PATIENCE_S, state="final", remote=(there, port)) for port in asked.values()]
    assert [f.get("blind") for f in found] == [["lookup-not-on-wire"], ["lookup-not-on-wire"], None], describe(found)
    assert len({f["confidence"] for f in found}) == 1, describe(found)


def test_run_shows_the_name(names, needs_agent, family):
    """.. in the text of run, with a client that is no script of ours."""
    there, port = names.place.address(family), free_port()
    names.serve(there, f"--host-record=web.test,{there}")
    argv = names.lab.host.command(*names.etc(there), SOCKWHY, "run", "--", "curl", "-sS", f"http://web.test:{port}/")
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=False)
    target = f"web.test ([{there}]:{port})" if family == 6 else f"web.test ({there}:{port})"
    assert done.returncode == 7 and f"could not connect to {target}: ECONNREFUSED" in done.stderr, done.stderr
    assert done.stderr.count("could not connect") == 1, done.stderr
