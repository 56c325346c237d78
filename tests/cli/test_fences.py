# SPDX-License-Identifier: GPL-2.0-or-later
"""What somebody who has broken into the reader of a file can still do: a library loaded into it tries."""

import errno
import os
import re
import subprocess

import pytest

from program import ROOT, sockwhy
from test_capture import pcap

NAMES = ("user", "capabilities", "privileges", "files", "syscalls")
EVERY = {"read-file", "make-file", "remove-file", "socket", "fork", "exec", "trace", "code", "terminal", "root", "program"}


@pytest.fixture(scope="module")
def escape(tmp_path_factory):
    """Its library, and where it makes and removes a file."""
    folder = tmp_path_factory.mktemp("escape")
    folder.chmod(0o777)
    for parent in folder.parents[:2]:
        parent.chmod(parent.stat().st_mode | 0o011)
    subprocess.run(["gcc", "-shared", "-fPIC", "-Wall", "-Werror", "-D_GNU_SOURCE", "-o", folder / "escape.so",
                    ROOT / "tests/helpers/escape.c"], check=True, timeout=60)
    return folder


def tries(escape, *words):
    """What -> 0 or the errno of each try, of what user, and what the program said besides."""
    (escape / "victim").touch()
    (escape / "victim").chmod(0o666)
    done = sockwhy(*words, env={"LD_PRELOAD": str(escape / "escape.so"), "ESCAPE_MADE": str(escape / "made"),
                                "ESCAPE_VICTIM": str(escape / "victim")})
    (escape / "made").unlink(missing_ok=True)
    said = dict(re.findall(r"^escape ([a-z-]+) (\d+)$", done.err, re.M))
    user = int(said.pop("uid"))
    return {what: int(result) for what, result in said.items()}, user, done


@pytest.fixture
def packets(tmp_path):
    """A capture that nobody else may read."""
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap([(1, bytes(60)), (2, bytes(60))]))
    path.chmod(0o600)
    return path


def own_uid():
    return 65534 if os.getuid() == 0 else os.getuid()


@pytest.mark.parametrize("words", [("read",), ("read", "--json", "-v"), ("flows",), ("compare",)])
def test_no_way_out(escape, packets, words):
    files = (packets, packets) if words[0] == "compare" else (packets,)
    got, user, done = tries(escape, *words, *files)
    assert set(got) == EVERY and set(got.values()) == {errno.EPERM}, got
    assert user == own_uid() and done.returncode == 0


def test_what_each_keeps(escape, packets):
    """Without one the others still hold; without all of them the tries work, or fail for other reasons."""
    got, user, done = tries(escape, "read", "--no-fence", "syscalls", packets)
    assert user == own_uid() and done.returncode == 0
    assert all(got[what] == errno.EACCES for what in ("read-file", "make-file", "remove-file")), got
    assert got["root"] == errno.EPERM and got["program"] in (errno.EPERM, errno.EACCES) and got["fork"] == got["code"] == 0
    got, user, done = tries(escape, "read", "--no-fence", "user,files,syscalls", packets)
    assert user == os.getuid() and done.returncode == 0
    assert got["program"] == errno.EPERM and got["read-file"] == got["make-file"] == got["socket"] == 0  # no capability
    got, user, done = tries(escape, "read", "--no-fence", ",".join(NAMES), packets)
    assert user == os.getuid() and not any(got[what] for what in ("read-file", "make-file", "remove-file", "socket", "fork", "code"))
    assert got["exec"] == errno.ENOENT and done.returncode == 0
    if os.getuid() == 0:
        assert got["root"] == 0 and got["program"] not in (0, errno.EPERM)


def test_what_is_written(escape, packets, tmp_path):
    """Files that are asked for are made, also one after the other, and belong to who asked."""
    for words in (("-o", "a", "--json", "-v"), ("-w", "b.pcapng"), ("--report", "c.html"), ("-f", "port https")):
        assert sockwhy("read", *words, packets, cwd=tmp_path).returncode == 0
    assert sockwhy("read", "--mask", packets, cwd=tmp_path).returncode == 0
    made = [tmp_path / name for name in ("a", "b.pcapng", "c.html")]
    assert all(path.stat().st_uid == os.getuid() for path in made)
    packets.write_bytes(pcap([(n, bytes.fromhex("ffffffffffff0200000000010806") + bytes(46)) for n in range(2000)]))
    done = sockwhy("read", "-w", "d.pcapng", "--rotate", "64k", "-v", packets, cwd=tmp_path)
    got, user, _ = tries(escape, "read", "-o", tmp_path / "e", "--rotate", "64k", packets)
    assert done.returncode == 0 and user == os.getuid()  # nobody could make no file there
    assert got["read-file"] == got["make-file"] == got["remove-file"] == errno.EACCES and got["socket"] == errno.EPERM


def test_words():
    done = sockwhy("read", "--no-fence", "garden", "x")
    assert done.returncode == 2 and "there is no such fence" in done.err and ", ".join(NAMES) in done.err
