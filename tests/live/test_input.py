# SPDX-License-Identifier: GPL-2.0-or-later
"""What is wrong is said in one line on standard error, with a hint where one is known."""

import errno
import os
import shutil
import signal
import struct
import subprocess

import pytest

from harness import START_LINE, Agent
from lab import DENY, PATIENCE_S, free_port
from program import SOCKWHY

pytestmark = pytest.mark.usefixtures("needs_agent")

MANY_S = 120  # to attach to 500 interfaces took 18 s on a quiet machine, and 40 s beside another that did so


def run(lab, *args, wrap=(), exe=SOCKWHY, **kwargs):
    return subprocess.run(lab.host.command(*wrap, exe, *args), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=False, **kwargs)


def one_line(done, status, *words):
    """One line, perhaps a hint below it; the words are in it; nothing on standard output."""
    lines = done.stderr.splitlines()
    assert done.returncode == status, (done.returncode, done.stderr)
    assert len(lines) in (1, 2) and (len(lines) == 1 or lines[1].startswith("hint:")), done.stderr
    assert done.stdout == ""
    for word in words:
        assert word.lower() in done.stderr.lower(), f"{word!r} is not in: {done.stderr}"


@pytest.mark.parametrize("args,words", [
    (["curl", "http://example.test/"], ["curl", "run --"]),
    (["--no-such-option"], ["--no-such-option"]),
    (["-c"], ["-c"]),
    (["-c", "many"], ["many"]),
    (["--finding", "connect-refuzed"], ["connect-refuzed"]),
    (["--mute", "nonsense"], ["nonsense"]),
    (["--severity", "fatal"], ["fatal"]),
    (["--set", "no.such.threshold=1"], ["no.such.threshold"]),
    (["--packets=all"], ["all"]),
    (["--without", "no-such-hook"], ["no-such-hook"]),
    (["port", "http-but-not-really"], ["http-but-not-really"]),
    (["tcp", "portt", "80"], ["portt"]),
    (["host", "db.internal"], ["db.internal"]),
    (["ether host 00:11:22:33:44:55"], ["link"]),
    (["ip[8] == 64"], ["offset"]),
    (["run"], ["run"]),
    (["run", "--"], ["run"]),
    (["read"], ["read"]),
    (["explain", "no-such-thing"], ["no-such-thing"]),
], ids=" ".join)
def test_usage(lab, args, words):
    one_line(run(lab, *args), 2, *words)


@pytest.mark.parametrize("args,words", [
    (["-i", "nosuchif0"], ["nosuchif0"]),
    (["--netns", "/run/netns/nosuchns"], ["/run/netns/nosuchns"]),
    (["-o", "/nonexistent/findings"], ["/nonexistent/findings", "No such file"]),
    (["--record", "/nonexistent/rec"], ["/nonexistent/rec", "No such file"]),
    (["read", "/nonexistent/rec"], ["/nonexistent/rec", "No such file"]),
], ids=" ".join)
def test_cannot(lab, args, words):
    done = run(lab, *args)
    one_line(done, done.returncode, *words)
    assert done.returncode in (1, 2)


@pytest.mark.parametrize("option", ["-o", "--record"])
def test_file_is_never_overwritten(lab, option):
    path = lab.dir / "kept"
    path.write_text("mine\n")
    one_line(run(lab, option, path, "--duration", "1s"), 1, str(path), "--force")
    assert path.read_text() == "mine\n"


@pytest.mark.parametrize("option", ["-o", "--record"])
def test_link_is_never_followed(lab, option):
    target, link = lab.dir / "target", lab.dir / "link"
    target.write_text("mine\n")
    link.symlink_to(target)
    one_line(run(lab, option, link, "--force", "--duration", "1s"), 1, str(link))
    assert target.read_text() == "mine\n"


@pytest.mark.parametrize("option", ["-o", "--record"])
def test_file_is_private(lab, option):
    path = lab.dir / "new"
    done = run(lab, option, path, "--duration", "1s")
    assert done.returncode == 0 and path.stat().st_mode & 0o777 == 0o600


def test_not_root(lab):
    done = run(lab, wrap=("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"))
    one_line(done, 1, "CAP_", "hint:", "chgrp GROUP", "chmod 750", "setcap")  # not for everybody


def test_not_root_may_explain(lab):
    nobody = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
    for word in ("ECONNREFUSED", "connect-refused", "SYN_SENT"):
        done = run(lab, "explain", word, wrap=nobody)
        assert done.returncode == 0 and done.stderr == "" and len(done.stdout.splitlines()) > 3
    done = run(lab, "doctor", wrap=nobody)
    assert done.returncode == 1 and "CAP_" in done.stdout


def test_no_btf(lab):
    """The kernel's type information is hidden by a mount of our own."""
    done = run(lab, wrap=("unshare", "-m", "sh", "-ec", "mount -t tmpfs none /sys/kernel/btf; exec \"$@\"", "-"))
    one_line(done, 1, "BTF")


HIDE_TRACEFS = ("unshare", "-m", "sh", "-ec", "mount -t tmpfs none /sys/kernel/debug || true; "
                "mount -t tmpfs none /sys/kernel/tracing; exec \"$@\"", "-")
NO_FSOPEN = (DENY, "errno", errno.EPERM, "fsopen")


def test_no_tracefs(lab):
    """Neither mounted nor to be had: said at the start, per hook and by doctor; what other hooks see is still told."""
    agent = Agent(lab, "-vv", wrap=(*HIDE_TRACEFS, *NO_FSOPEN))
    assert "5 hooks missing (see doctor)" in agent.start_line
    lab.fault("connect", "127.0.0.1", free_port())
    agent.wait_for(finding="connect-refused-local", state="final")
    agent.stop()
    missing = [o["fields"] for o in agent.objects() if o["type"] == "event" and o["event"] == "hook"
               and o["fields"]["state"] == "missing"]
    assert {hook["name"] for hook in missing} == {f"syscall-{c}" for c in ("socket", "bind", "listen", "connect", "accept")}
    assert all("no tracefs" in hook["why"] for hook in missing)
    doctor = run(lab, "doctor", wrap=(*HIDE_TRACEFS, *NO_FSOPEN))
    assert "mount -t tracefs" in doctor.stdout


def test_tracefs_needs_no_mount(lab):
    """Nearest miss: not mounted, but to be had: nothing is missing."""
    agent = Agent(lab, wrap=HIDE_TRACEFS)
    assert "missing" not in agent.start_line
    lab.fault("bind", "192.0.2.1", free_port())
    agent.wait_for(finding="local-address-absent", state="final")
    agent.stop()


def test_memory_lock_limit(lab):
    """A kernel before 5.11 refuses the maps: its name and its answer are made here, the limit is real."""
    old = ("setarch", "--uname-2.6", "prlimit", "--memlock=65536", "setpriv", "--bounding-set", "-sys_resource",
           "--inh-caps", "-sys_resource")
    done = run(lab, wrap=(*old, DENY, "errno", errno.EPERM, "map-create"))
    one_line(done, 1, "memory lock limit", "64 KiB", "hint:", "ulimit -l")


@pytest.mark.parametrize("hard", [1024, 4096])
def test_many_interfaces(lab, hard):
    """500 interfaces: the soft limit is raised; where the hard one is too low that is said once, and is a blind spot."""
    lab.host.ip(*(f"link add d{n} type veth peer name e{n}" for n in range(250)))
    lab.link()  # comes last
    wrap = ("prlimit", f"--nofile=1024:{hard}")
    agent = Agent(lab, "--json", "-v", wrap=wrap, start_line=False)
    agent.start_line = agent.wait_stderr(START_LINE.match, "start line", MANY_S)
    told = [line for line in agent.stderr if "no file descriptor is left" in line]
    seen = int(agent.start_line.split()[1])
    assert len(told) == (hard == 1024) and (350 < seen < 502 if told else seen == 502), agent.stderr
    lab.host.ip("link add later type veth peer name latest")
    port = free_port()
    saw = lab.fault("connect", "127.0.0.1", port)
    agent.wait_for(pid=saw["pid"], state="final", finding="connect-refused-local")
    agent.popen.send_signal(signal.SIGINT)
    agent.popen.wait(MANY_S)
    agent.stop()
    assert len([line for line in agent.stderr if "no file descriptor is left" in line]) == len(told)


def test_no_descriptors_at_all(lab):
    """By its name: not a hook that the kernel refuses, nor a kernel without types."""
    done = run(lab, "--duration", "1s", wrap=("prlimit", "--nofile=12:12"))
    assert done.returncode == 1 and "Too many open files" in done.stderr, done.stderr
    assert "BTF" not in done.stderr


def test_capabilities_of_the_file_open_no_capture(lab):
    """setcap lets a user watch, not read the files of others; read gives capabilities up before it opens them."""
    exe, secret = lab.dir / "sockwhy", lab.dir / "root.pcap"
    lab.dir.chmod(0o755)
    shutil.copy(SOCKWHY, exe)
    exe.chmod(0o755)
    # struct vfs_ns_cap_data, revision 2: CAP_DAC_READ_SEARCH (2), effective
    os.setxattr(exe, "security.capability", struct.pack("<5I", 0x02000001, 1 << 2, 0, 0, 0))
    secret.write_bytes(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
    secret.chmod(0o600)
    nobody = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
    for command in (["read", secret], ["flows", secret], ["compare", secret, secret]):
        done = subprocess.run([*nobody, exe, *command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=PATIENCE_S, check=False)
        assert done.returncode == 1 and "Permission denied" in done.stderr, done


def test_capabilities_of_the_file_open_no_input_of_a_live_command(lab):
    """Nor does a live command read a configuration or secrets of TLS that its user may not. Nearest miss: he may."""
    exe, conf, keys = lab.dir / "sockwhy", lab.dir / "root.conf", lab.dir / "root.keys"
    lab.dir.chmod(0o777)
    shutil.copy(SOCKWHY, exe)
    exe.chmod(0o755)
    low, high = 1 << 2 | 1 << 12 | 1 << 19 | 1 << 21, 1 << 34 - 32 | 1 << 38 - 32 | 1 << 39 - 32  # those of doctor's hint
    os.setxattr(exe, "security.capability", struct.pack("<5I", 0x02000001, low, 0, high, 0))
    conf.write_text("zzsecret\n")
    keys.write_text("CLIENT_RANDOM " + "5a" * 32 + " " + "a5" * 48 + "\n")
    nobody = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
    for mode in (0o600, 0o644):
        for path, args in ((conf, ["watch", "--config", conf]),
                           (keys, ["run", "-w", lab.dir / f"{mode}.pcapng", "--snaplen", "262144", "--keylog", keys, "--", "true"])):
            path.chmod(mode)
            done = run(lab, *args, wrap=nobody, exe=exe)
            assert (f"{path}: Permission denied" in done.stderr) == (mode == 0o600), (args, done.stderr)
            assert ("zzsecret" in done.stderr) == (path == conf and mode == 0o644), done.stderr


def test_output_full(lab):
    """Standard output has no room: said, counted, exit 1."""
    with open("/dev/full", "w") as full:
        agent = Agent(lab, stdout=full)
        lab.fault("connect", "127.0.0.1", free_port())
        agent.wait_stderr(lambda line: "No space left" in line, "word of the full disk")
        if agent.popen.poll() is None:
            agent.popen.send_signal(signal.SIGINT)
        assert agent.popen.wait(PATIENCE_S) == 1


def test_recording_full(lab):
    """The recording's disk has room for a little only, and some is left to others; findings go on, it is told, exit 1."""
    small = lab.dir / "small"
    small.mkdir()
    wrap = ("unshare", "-m", "sh", "-ec", f'mount -t tmpfs -o size=128k none {small}; exec "$@"', "-")
    agent = Agent(lab, command=["--json", "--record", small / "rec"], wrap=wrap)
    lab.fault("refused", 3000, "127.0.0.1", free_port(), exe=lab.healthy)
    agent.wait_stderr(lambda line: "nearly full" in line and "rec" in line, "word of the full disk")
    agent.popen.send_signal(signal.SIGINT)
    assert agent.popen.wait(PATIENCE_S) == 1
    assert sum("nearly full" in line for line in agent.stderr) == 1, "said once"


def test_closed_pipe(lab):
    """sockwhy | head: ends when nobody reads any more, without a complaint."""
    read_end, write_end = os.pipe()
    agent = Agent(lab, stdout=write_end)
    os.close(write_end)
    os.close(read_end)
    lab.fault("connect", "127.0.0.1", free_port())
    agent.popen.wait(PATIENCE_S)
    agent.close_readers()
    assert agent.popen.returncode in (0, 141, -signal.SIGPIPE)
    words = " ".join(agent.stderr).lower()
    assert "pipe" not in words and "error" not in words, agent.stderr


def test_environment_of_a_daemon(lab):
    """Closed standard input, no HOME, no locale, no PATH: runs all the same."""
    done = subprocess.run(lab.host.command("env", "-i", SOCKWHY, "--duration", "1s"), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.isascii()
