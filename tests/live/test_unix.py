# SPDX-License-Identifier: GPL-2.0-or-later
"""connect() to a Unix socket that fails, and who looks for one that need not be there."""

import os
import socket
import sys

import pytest

# Connects to each path it is given, and says how that ended; -m: as nobody
CLIENT = r'''
import errno, os, socket, sys
paths = sys.argv[1:]
if paths[0] == "-m":
    paths.pop(0)
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
for path in paths:
    asker = socket.socket(socket.AF_UNIX)
    asker.setblocking(False)
    got = asker.connect_ex("\0" + path[1:] if path[0] == "@" else path)
    print('{"errno": "%s", "pid": %d}' % (errno.errorcode.get(got, "0"), os.getpid()), flush=True)
sys.stdin.read()
'''

LISTENER = r'''
import os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o666)
listener.listen(0)
print('{}', flush=True)
sys.stdin.read()
'''


@pytest.fixture
def ask(lab):
    def run(*paths):
        client = lab.start("-c", CLIENT, *paths, exe=sys.executable)
        return client, [client.line()["errno"] for _ in paths if _ != "-m"]

    return run


@pytest.fixture
def listener(lab):
    """A process that listens at app.sock, and whom everybody may ask; its queue is full with one."""
    os.chmod(lab.dir, 0o755)
    listener = lab.start("-c", LISTENER, lab.dir / "app.sock", exe=sys.executable)
    listener.line()
    return listener


def told(agent, client, errno_name, *words, confidence="certain"):
    found = agent.assert_only("unix-connect-failed", pid=client.pid, comm=None, errno=errno_name, confidence=confidence, ended="errno")
    if found:
        assert found["connection"]["protocol"] == "unix"
        for word in words:
            assert str(word) in found["cause"], found["cause"]


def test_nobody_listens(lab, watch, ask, listener):
    listener.close()
    agent = watch()
    client, saw = ask(lab.dir / "app.sock")
    assert saw == ["ECONNREFUSED"]
    told(agent, client, "ECONNREFUSED", "left the file")


def test_no_directory(lab, watch, ask):
    agent = watch()
    client, saw = ask(lab.dir / "run" / "app.sock")
    assert saw == ["ENOENT"]
    told(agent, client, "ENOENT", f"there is no {lab.dir}/run, the directory")


def test_a_directory_refuses(lab, watch, ask, listener):
    os.chmod(lab.dir, 0o700)
    agent = watch()
    client, saw = ask("-m", lab.dir / "app.sock")
    assert saw == ["EACCES"]
    told(agent, client, "EACCES", f"{lab.dir} (directory, mode 0700, of uid 0 and gid 0) does not let uid 65534 pass", confidence="likely")


def test_queue_is_full(lab, watch, ask, listener):
    path = str(lab.dir / "app.sock")
    waits = socket.socket(socket.AF_UNIX)
    waits.connect(path)
    agent = watch()
    client, saw = ask(path)
    assert saw == ["EAGAIN"]
    told(agent, client, "EAGAIN", f"[{listener.pid}] was full", "maximum 0")
    waits.close()


def test_abstract_name(lab, watch, ask):
    agent = watch()
    client, saw = ask(f"@{lab.id}")
    assert saw == ["ECONNREFUSED"]
    told(agent, client, "ECONNREFUSED", "abstract name")


def test_who_need_not_be_there(lab, watch, ask, listener):
    """One that works, the bus, a session's helper, and a name service: nothing is told."""
    agent = watch()
    _, saw = ask(lab.dir / "app.sock", "/run/dbus/absent", lab.dir / ".gnupg" / "S.agent", "/var/run/nscd/socket")
    assert saw[0] == "0" and set(saw[1:]) <= {"ENOENT", "ECONNREFUSED"}
    if hasattr(agent, "silent"):
        agent.silent()
