# SPDX-License-Identifier: GPL-2.0-or-later
"""run -- COMMAND: its descendants and nobody else, its output and its exit status untouched."""

import json
import os
import re
import signal
import subprocess

import pytest

from lab import FAULT, PATIENCE_S, free_port
from program import SOCKWHY, Schema

pytestmark = pytest.mark.usefixtures("needs_agent")


def run(lab, *args, wrap=(), env=None, ns=None):
    return subprocess.run((ns or lab.host).command(*wrap, SOCKWHY, "run", *args), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=False, env=env)


def findings(path):
    parsed = [json.loads(line) for line in path.read_text().splitlines()]
    check = Schema().validate
    for line in parsed:
        check(line)
    return [o for o in parsed if o["type"] == "finding" and o["state"] == "final"]


def test_refused(lab, family):
    port = free_port()
    here = "::1" if family == 6 else "127.0.0.1"
    done = run(lab, "--", FAULT, "connect", here, port)
    assert done.returncode == 0 and json.loads(done.stdout)["errno"] == "ECONNREFUSED"
    assert "connect-refused-local" in done.stderr and str(port) in done.stderr
    assert re.search(r"packet .*SYN", done.stderr) and re.search(r"socket .*SYN_SENT", done.stderr), done.stderr
    assert re.search(r"packet .*RST", done.stderr), done.stderr


def test_healthy_is_quiet(lab):
    port = free_port()
    lab.serve("127.0.0.1", port)
    done = run(lab, "--", FAULT, "connect", "127.0.0.1", port)
    assert done.returncode == 0 and "SYN_SENT" not in done.stderr and "error" not in done.stderr
    done = run(lab, "-v", "--", FAULT, "connect", "127.0.0.1", port)
    assert done.returncode == 0 and "ESTABLISHED" in done.stderr and re.search(r"packet .*SYN", done.stderr), done.stderr


def test_counts_are_the_commands(lab, family):
    """The summary counts what the command tried, whatever others on the host try meanwhile."""
    port, here = free_port(), "::1" if family == 6 else "127.0.0.1"
    script = f"for i in 1 2 3 4; do {FAULT} connect {here} {port}; done"
    # the fault runs where the command waits for it, and is no descendant of it
    go, done = lab.dir / "go", lab.dir / "done"
    os.mkfifo(go)
    os.mkfifo(done)
    beside = subprocess.Popen(lab.host.command("sh", "-c", f"read x < {go}; {script}; echo > {done}"), stdout=subprocess.DEVNULL)
    told = run(lab, "--json", "-o", lab.dir / "told", "--", "sh", "-c",
               f"echo > {go}; read x < {done}; {FAULT} connect {here} {port}")
    assert told.returncode == 0 and beside.wait(PATIENCE_S) == 0, told.stderr
    last = json.loads((lab.dir / "told").read_text().splitlines()[-1])
    assert last["type"] == "summary" and [last[key] for key in ("attempts", "failures", "connections")] == [1, 1, 1], last


def test_a_command_that_fails_otherwise(lab, family):
    """No connection failed, and yet the command did: what was not looked at is said. Nearest miss: it works."""
    port = free_port()
    here = "::1" if family == 6 else "127.0.0.1"
    lab.serve(here, port)
    script = f"{FAULT} connect {here} {port}; exit "
    done = run(lab, "--", "sh", "-c", script + "22")
    assert done.returncode == 22 and "no connection failed; 1 connection attempt seen" in done.stderr, done.stderr
    assert "the command ended with status 22 all the same; of what was said on connections that worked only" in done.stderr, done.stderr
    assert "hint: sockwhy run -w FILE.pcapng --snaplen 2048" in done.stderr and "an answer says" not in done.stderr
    done = run(lab, "--", "sh", "-c", "exit 3")
    assert "status 3 all the same; Unix sockets" in done.stderr, done.stderr
    done = run(lab, "--", "sh", "-c", script + "0")
    assert done.returncode == 0 and "all the same" not in done.stderr and "not looked at" not in done.stderr


@pytest.mark.parametrize("command,status", [
    (["true"], 0), (["sh", "-c", "exit 7"], 7), (["sh", "-c", "kill -TERM $$"], 128 + 15),
    (["sh", "-c", "kill -KILL $$"], 128 + 9), (["/nonexistent/program"], 127), (["no-such-program-anywhere"], 127)],
    ids=lambda v: " ".join(v) if isinstance(v, list) else str(v))
def test_exit_status(lab, command, status):
    assert run(lab, "--", *command).returncode == status


def test_exit_status_of_a_file_that_is_no_program(lab):
    path = lab.dir / "no-right-to-run"
    path.write_text("true\n")
    path.chmod(0o644)
    done = run(lab, "--", path)
    assert done.returncode == 126 and str(path) in done.stderr


def test_output_is_the_commands_own(lab):
    script = 'printf "\\000\\001binary\\n"; echo words >&2; "$0" connect 127.0.0.1 9 >/dev/null'
    done = subprocess.run(lab.host.command(SOCKWHY, "run", "--", "sh", "-c", script, FAULT), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False)
    assert done.stdout == b"\0\1binary\n" and b"words\n" in done.stderr


def test_standard_input_is_the_commands_own(lab):
    done = subprocess.run(lab.host.command(SOCKWHY, "run", "--", "cat"), input="from here\n", stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=False)
    assert done.stdout == "from here\n"


def test_descendants_and_nobody_else(lab):
    """fork, exec, setsid, a grandchild whose parent is gone; a process beside it is none of our business."""
    out = lab.dir / "out"
    ports = [free_port() for _ in range(4)]
    script = ('"$0" -c direct connect 127.0.0.1 $1 & setsid "$0" -c session connect 127.0.0.1 $2 & '
              'sh -c "(\\"$0\\" -c orphan connect 127.0.0.1 $3) & exit"; wait; exec "$0" -c replaced connect 127.0.0.1 $4')
    beside = lab.start("-N", "-t", 100, "-n", 5, "connect", "127.0.0.1", free_port())
    done = run(lab, "--json", "-o", out, "--", "sh", "-c", script, FAULT, *ports)
    beside.release()
    seen = [json.loads(line)["pid"] for line in done.stdout.splitlines()]
    assert len(seen) == 4, done
    found = findings(out)
    assert sorted(f["process"]["comm"] for f in found) == ["direct", "orphan", "replaced", "session"]
    assert sorted(f["process"]["pid"] for f in found) == sorted(seen)
    assert sorted(f["connection"]["remote"]["port"] for f in found) == sorted(ports)


def test_replay_has_the_same_scope(lab):
    """A stranger's failure is in the recording; the replay tells of the command alone, byte for byte."""
    out, recording = lab.dir / "out", lab.dir / "rec"
    net, port, closed = lab.internet(), free_port(), free_port()
    there = net.host(4)
    # both give up three seconds after their first SYN, the command, which begins later, after the stranger
    beside = lab.start("connect", there, port)
    net.wait_syns(there, 1)
    script = '"$0" connect 127.0.0.1 $3; exec "$0" connect $1 $2'
    run(lab, "--json", "-o", out, "--record", recording, "--", "sh", "-c", script, FAULT, there, port, closed)
    stranger = beside.popen.pid
    beside.release()

    def replay(*args):
        done = subprocess.run([SOCKWHY, "read", "--json", *args, recording], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=False)
        assert done.returncode == 0, done.stderr
        return [line for line in done.stdout.splitlines() if '"type":"finding"' in line]

    live = [line for line in out.read_text().splitlines() if '"type":"finding"' in line]
    assert len(findings(out)) == 2 and replay() == live
    assert stranger not in [json.loads(line).get("process", {}).get("pid") for line in live]
    # what it is filtered from is there, for whoever names it
    assert {json.loads(line)["process"]["pid"] for line in replay("-p", str(stranger))} == {stranger}


def test_first_connect_is_seen_whole(lab):
    """The command waits until the hooks know it: its very first connect has no blind spot."""
    out = lab.dir / "out"
    net, port = lab.internet(), free_port()
    there = net.host(4)
    run(lab, "--json", "-o", out, "--", FAULT, "-U", 1500, "connect", there, port)
    found = findings(out)
    assert [f["finding"] for f in found] == ["connect-no-answer"] and "blind" not in found[0]
    assert found[0]["confidence"] == "likely"


def test_exec_failure_leaves_nothing(lab):
    done = run(lab, "--", "/nonexistent/program")
    assert done.returncode == 127 and "/nonexistent/program" in done.stderr
    assert "attempt" not in done.stderr


def test_user(lab):
    done = run(lab, "-u", "nobody", "--", "sh", "-c", "id -u; id -G")
    assert done.returncode == 0 and done.stdout == "65534\n65534\n"
    done = run(lab, "-u", "no-such-user", "--", "true")
    assert done.returncode == 125 and "no-such-user" in done.stderr


def test_environment_of_the_user(lab):
    """As su does it; what leads to root's sessions and agents goes, the rest stays."""
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "USER": "root", "LOGNAME": "root", "SHELL": "/bin/bash",
           "SUDO_USER": "alice", "XDG_RUNTIME_DIR": "/run/user/0", "SSH_AUTH_SOCK": "/run/a", "MAIL": "/var/mail/root",
           "SSLKEYLOGFILE": "/tmp/k", "HTTPS_PROXY": "p:1", "SHELLOPTS2": "x", "LANG": "C"}
    def environment(user):
        done = run(lab, "-u", user, "--", "env", env=env)
        return dict(line.split("=", 1) for line in done.stdout.splitlines() if not line.startswith("_="))
    kept = {key: env[key] for key in ("PATH", "SSLKEYLOGFILE", "HTTPS_PROXY", "SHELLOPTS2", "LANG")}
    assert environment("nobody") == {**kept, "HOME": "/nonexistent", "SHELL": "/usr/sbin/nologin", "USER": "nobody",
                                     "LOGNAME": "nobody"}
    assert environment("54321") == {**kept, "HOME": "/", "SHELL": "/bin/sh"}


def test_signals_and_limits_are_the_commands_own(lab):
    """What the agent sets for itself: SIGXFSZ ignored, more descriptors, no huge pages."""
    wrap = ("prlimit", "--nofile=512:4096")
    done = run(lab, "--", "sh", "-c", "ulimit -Sn; grep -E '^(SigIgn|THP_enabled):' /proc/self/status", wrap=wrap)
    assert done.returncode == 0 and done.stdout.splitlines()[0] == "512", done
    has = dict(line.split(":\t") for line in done.stdout.splitlines()[1:])
    assert int(has["SigIgn"], 16) & (1 << signal.SIGXFSZ - 1) == 0 and has["THP_enabled"] == "1"


def test_hint_at_user_under_sudo(lab):
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SUDO_USER": "alice", "SUDO_UID": "1000", "SUDO_GID": "1000"}
    assert "-u alice" in run(lab, "--", "true", env=env).stderr
    assert "-u alice" not in run(lab, "-u", "nobody", "--", "true", env=env).stderr
    assert "-u " not in run(lab, "--", "true").stderr


@pytest.mark.parametrize("severity,address,code,status", [
    ("error", "127.0.0.1", 0, 3), ("error", "127.0.0.1", 5, 5), ("error", None, 0, 0)])
def test_fail_on(lab, severity, address, code, status):
    port = free_port()
    if address is None:
        lab.serve("127.0.0.1", port, "hello")
    done = run(lab, "--fail-on", severity, "--", "sh", "-c", '"$0" connect 127.0.0.1 $1; exit $2', FAULT, port, code)
    assert done.returncode == status, done.stderr


def test_interrupted(lab):
    """Ctrl-C goes to both; the command's end is the end, its verdicts are told."""
    net, port = lab.internet(), free_port()
    there = net.host(4)
    proc = subprocess.Popen(lab.host.command(SOCKWHY, "run", "--", FAULT, "connect", there, port), stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    net.wait_syns(there, 2)
    os.killpg(proc.pid, signal.SIGINT)
    out, err = proc.communicate(timeout=PATIENCE_S)
    assert proc.returncode == 128 + signal.SIGINT and "connect-no-answer" in err, err


def test_json_apart(lab):
    """JSON lines go to standard error, which is said; with -o - to standard output."""
    port = free_port()
    mixed = run(lab, "--json", "--", FAULT, "connect", "127.0.0.1", port)
    assert "-o - or -o FILE" in mixed.stderr and '"finding":"connect-refused-local"' in mixed.stderr
    apart = run(lab, "--json", "-o", "-", "--", FAULT, "connect", "127.0.0.1", port)
    assert "-o -" not in apart.stderr and '"type":"finding"' not in apart.stderr
    assert "connect-refused-local" in {json.loads(line).get("finding") for line in apart.stdout.splitlines()}


def test_container(lab):
    """The command runs in another namespace than the agent: its sockets are followed all the same."""
    port = free_port()
    inside = lab.namespace()
    done = run(lab, "--", "nsenter", f"--net={inside.path}", FAULT, "connect", "127.0.0.1", port)
    assert json.loads(done.stdout)["errno"] == "ECONNREFUSED" and "connect-refused-local" in done.stderr


def test_descendant_that_hangs(lab):
    """Left behind by the command, its connect unanswered: named, and told as what is still pending."""
    net, port = lab.internet(), free_port()
    there = net.host(4)
    done = run(lab, "--", "sh", "-c", '"$0" -U 9000 connect $1 $2 >/dev/null & exit 3', FAULT, there, port)
    assert done.returncode == 3
    assert re.search(r"still running, no longer watched: fault\[\d+\]", done.stderr), done.stderr
    assert re.search(r"fault\[\d+\] is still connecting to .* connect-no-answer pending$", done.stderr, re.M) and "no connection failed" not in done.stderr
