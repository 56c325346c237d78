# SPDX-License-Identifier: GPL-2.0-or-later
"""TCP comes under memory pressure. The limits are the host's: the one where pressure begins is lowered for the moment of
one transfer, the one beyond which packets are dropped stays; who else transfers meanwhile has smaller windows."""

import pathlib
import subprocess
import sys

import pytest

from lab import free_port

LIMITS = pathlib.Path("/proc/sys/net/ipv4/tcp_mem")
TRIES = 20  # the namespace whose socket is the first to meet it counts it: another may have been faster

# In the namespace: sends to itself what it does not read until no more is taken, and then all of it.
SEND = """
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
client = socket.create_connection(server.getsockname())
client.setblocking(False)
taken = server.accept()[0]
try:
    for _ in range(64):
        client.send(bytes(1 << 16))
except BlockingIOError:
    pass
client.shutdown(socket.SHUT_WR)
while taken.recv(1 << 20):
    pass
"""


def pressures(ns):
    names, numbers = (line.split() for line in ns.run("grep ^TcpExt: /proc/self/net/netstat").splitlines())
    return int(dict(zip(names, numbers))["TCPMemoryPressures"])


@pytest.fixture
def limits():
    before = LIMITS.read_text()
    yield before.split()
    LIMITS.write_text(before)


def send(ns):
    subprocess.run(ns.command(sys.executable, "-c", SEND, free_port()), check=True)


def test_tcp_is_short_of_memory(lab, watch, limits):
    """Nearest miss: a socket whose own buffer is full, as in every try."""
    agent = watch("--set", "host-look=1")
    send(lab.host)
    agent.silent()
    before = pressures(lab.host)
    for _ in range(TRIES):
        try:
            LIMITS.write_text(f"0 1 {limits[2]}")
            send(lab.host)
        finally:
            LIMITS.write_text(" ".join(limits))
        if pressures(lab.host) > before:
            break
        send(lab.host)  # ends the pressure that another namespace has counted
    assert pressures(lab.host) > before
    found = agent.assert_only("host-socket-memory", severity="warning", confidence="certain")
    if found:
        assert found["connection"]["netns"] == lab.host.inode and "pages now" in found["cause"], found
