# SPDX-License-Identifier: GPL-2.0-or-later
"""The agent as a guest: what it leaves, who else is there, what it says when it could not see."""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys

import pytest

from harness import Agent, describe
from lab import FAULT, free_port, sh
from program import SOCKWHY

SILENT_DROP = "bpf da bytecode '1,6 0 0 4294967295,'"  # lets everything pass: TC_ACT_UNSPEC
QUERY = """
import ctypes, socket, sys
class Attr(ctypes.Structure):
    _fields_ = [("target", ctypes.c_uint32), ("type", ctypes.c_uint32), ("flags", ctypes.c_uint32), ("aflags", ctypes.c_uint32),
                ("ids", ctypes.c_uint64), ("count", ctypes.c_uint32), ("pad", ctypes.c_uint32 * 32)]
attr = Attr(target=socket.if_nametoindex(sys.argv[1]), type=int(sys.argv[2]))
r = ctypes.CDLL(None, use_errno=True).syscall(321, 16, ctypes.byref(attr), ctypes.sizeof(attr))
print(attr.count if r == 0 else -ctypes.get_errno())
"""
TCX_INGRESS, TCX_EGRESS = 46, 47

pytestmark = pytest.mark.usefixtures("needs_agent")


def tcx_programs(ns, device):
    """How many programs stand in the TC links of a device, both ways."""
    return sum(int(sh(*ns.command(sys.executable, "-c", QUERY, device, kind))) for kind in (TCX_INGRESS, TCX_EGRESS))


def filters(ns, device):
    return ns.run(f"tc filter show dev {device} ingress 2>/dev/null || true; tc filter show dev {device} egress 2>/dev/null || true")


def qdiscs(ns, device):
    return ns.run(f"tc qdisc show dev {device}")


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda s: s.name)
def test_links_go_with_the_process(lab, sig):
    lab.link()
    agent = Agent(lab)
    assert tcx_programs(lab.host, lab.host.device) == 2 and tcx_programs(lab.host, "lo") >= 1
    agent.stop(sig, status=-sig if sig == signal.SIGKILL else 0)
    assert tcx_programs(lab.host, lab.host.device) == 0 and tcx_programs(lab.host, "lo") == 0
    assert "clsact" not in qdiscs(lab.host, lab.host.device)


def test_hangup_ends_no_daemon(lab):
    agent = Agent(lab)
    agent.popen.send_signal(signal.SIGHUP)
    saw = lab.fault("connect", "127.0.0.1", free_port())
    agent.wait_for(pid=saw["pid"], state="final")
    agent.stop()


def test_hangup_of_the_terminal_ends_it(lab):
    pid, terminal = os.forkpty()
    if not pid:
        os.execvp("nsenter", lab.host.command(SOCKWHY, "--brief"))
    said = b""
    while b"Ctrl-C ends" not in said:
        said += os.read(terminal, 4096)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) in (0, 1)
    assert tcx_programs(lab.host, "lo") == 0


@pytest.mark.parametrize("quiet", [False, True])
def test_status_line(quiet):
    """watch on a terminal shows that it lives, one line that is gone at the end; -q, and a pipe, show none."""
    ours, theirs = os.openpty()
    with subprocess.Popen([SOCKWHY, "watch", "--duration", "3s", *(["-q"] if quiet else [])], stdout=subprocess.PIPE,
                          stderr=theirs) as agent:
        os.close(theirs)
        said = b""
        with contextlib.suppress(OSError):  # EIO: it has ended
            while got := os.read(ours, 65536):
                said += got
        os.close(ours)
        assert agent.wait(30) == 0 and b"\r" not in agent.stdout.read()
    shown = re.findall(rb"\r\033\[K(\d+ attempts? to connect or listen, \d+ failed, \d+ records lost)", said)
    assert bool(shown) != quiet, said
    if not quiet:
        assert re.fullmatch(rb"sockwhy: .* found .*", said.rsplit(b"\033[K", 1)[1].strip()), said[-200:]


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM], ids=lambda s: s.name)
def test_filters_are_taken_back(lab, sig):
    """Kernels without TC links: our filters and the clsact we made go when we end."""
    lab.link()
    agent = Agent(lab, "--without", "tcx")
    assert filters(lab.host, lab.host.device).count(f"sockwhy:{agent.pid}:") == 2
    agent.stop(sig)
    assert filters(lab.host, lab.host.device) == "" and "clsact" not in qdiscs(lab.host, lab.host.device)


def test_killed_then_cleaned_by_the_next_start(lab):
    lab.link()
    first = Agent(lab, "--without", "tcx")
    first.stop(signal.SIGKILL, status=-signal.SIGKILL)
    assert f"sockwhy:{first.pid}:" in filters(lab.host, lab.host.device), "nothing was left: the test tests nothing"
    second = Agent(lab, "--without", "tcx")
    left = filters(lab.host, lab.host.device)
    assert f"sockwhy:{first.pid}:" not in left and left.count(f"sockwhy:{second.pid}:") == 2
    second.stop()
    assert filters(lab.host, lab.host.device) == "" and "clsact" not in qdiscs(lab.host, lab.host.device)


def test_killed_then_cleaned_by_doctor(lab):
    lab.link()
    first = Agent(lab, "--without", "tcx")
    first.stop(signal.SIGKILL, status=-signal.SIGKILL)
    said = sh(*lab.host.command(SOCKWHY, "doctor", "--clean", "--dry-run"))
    assert lab.host.device in said and str(first.pid) in said
    assert f"sockwhy:{first.pid}:" in filters(lab.host, lab.host.device), "a dry run changed something"
    sh(*lab.host.command(SOCKWHY, "doctor", "--clean"))
    assert filters(lab.host, lab.host.device) == "" and "clsact" not in qdiscs(lab.host, lab.host.device)


def test_filter_of_others_is_left_alone(lab):
    """Another tool had its filter there all the time, and a third took the very place of ours after the kill."""
    lab.link()
    device = lab.host.device
    lab.host.run(f"tc qdisc add dev {device} clsact; tc filter add dev {device} egress pref 7 {SILENT_DROP}")
    first = Agent(lab, "--without", "tcx")
    first.stop(signal.SIGKILL, status=-signal.SIGKILL)
    pref = next(line.split()[line.split().index("pref") + 1] for line in filters(lab.host, device).splitlines()
                if f"sockwhy:{first.pid}:" in line)
    lab.host.run(f"tc filter del dev {device} egress pref {pref}; tc filter add dev {device} egress pref {pref} {SILENT_DROP}")
    Agent(lab, "--without", "tcx").stop()
    left = filters(lab.host, device)
    assert "sockwhy" not in left and f"pref {pref} " in left and "pref 7 " in left
    assert "clsact" in qdiscs(lab.host, device)


@pytest.mark.parametrize("how", [(), ("--without", "tcx")], ids=["links", "filters"])
def test_two_agents(lab, how):
    """Both see the same; one is killed, a third starts: the one that runs is not touched."""
    lab.link()
    first, second = Agent(lab, *how), Agent(lab, *how)
    port = free_port()
    saw = lab.fault("connect", "127.0.0.1", port)
    for agent in (first, second):
        agent.assert_only("connect-refused-local", pid=saw["pid"], remote=("127.0.0.1", port))
    first.stop(signal.SIGKILL, status=-signal.SIGKILL)
    third = Agent(lab, *how)
    if how:
        left = filters(lab.host, lab.host.device)
        assert left.count(f"sockwhy:{second.pid}:") == 2 and left.count(f"sockwhy:{third.pid}:") == 2
        assert f"sockwhy:{first.pid}:" not in left
    far, port = lab.namespaces[1], free_port()
    saw = lab.fault("connect", far.v4, port)
    for agent in (second, third):
        found = agent.wait_for(pid=saw["pid"], state="final")
        assert found["finding"] == "connect-refused-local" and "blind" not in found, describe([found])
    third.stop()
    if how:
        assert filters(lab.host, lab.host.device).count(f"sockwhy:{second.pid}:") == 2
    second.stop()
    assert "clsact" not in qdiscs(lab.host, lab.host.device)


def test_new_interface_is_watched(lab):
    """An interface that appears while the agent runs gets its hooks; one that goes takes them along."""
    agent = Agent(lab)
    far = lab.link()
    port = free_port()
    far.nft("input", f"tcp dport {port} drop")
    net = lab.internet()
    there = net.host(4)
    # the first SYN may leave before the hooks are there: what matters is that they come
    while tcx_programs(lab.host, lab.host.device) < 2 or tcx_programs(lab.host, "inet0") < 2:
        pass
    saw = lab.fault("-U", 1500, "connect", there, port)
    found = agent.wait_for(pid=saw["pid"], state="final")
    assert found["finding"] == "connect-no-answer" and found["confidence"] == "likely", describe([found])


def test_started_in_the_middle(lab, family):
    """The first SYN was never seen: nothing that rests on absence may be sure."""
    net, port = lab.internet(), free_port()
    there, works = net.host(family), net.host(family, "accept", delay=7)
    lab.host.sysctl("net.ipv4.tcp_syn_retries", 4)
    proc = lab.start("-U", 9000, "connect", there, port)
    good = lab.start("connect", works, port)
    net.wait_syns(there, 1)
    net.wait_syns(works, 1)
    agent = Agent(lab)
    assert proc.release()[0]["errno"] == "ETIMEDOUT"
    assert good.release()[0]["errno"] == "0"
    agent.quiesce()
    finals = agent.findings(state="final")
    assert len(finals) == 1, describe(finals)
    assert finals[0]["connection"]["remote"] == {"address": there, "port": port}
    assert finals[0]["confidence"] == "possible" and "started-late" in finals[0]["blind"], describe(finals)


def test_ring_full(lab):
    """Records were lost while a connect hung: whatever is said of it is a possibility, and the loss is told."""
    net, port = lab.internet(), free_port()
    there = net.host(4)
    agent = Agent(lab, "--ring-size", "64k")
    proc = lab.start("-U", 2500, "connect", there, port)
    net.wait_syns(there, 1)
    os.kill(agent.pid, signal.SIGSTOP)
    try:
        assert lab.fault("refused", 3000, "127.0.0.1", free_port(), exe=lab.healthy)["good"] == 3000
    finally:
        os.kill(agent.pid, signal.SIGCONT)
    assert proc.release()[0]["errno"] == "ETIMEDOUT"
    found = agent.wait_for(remote=(there, port), state="final")
    assert found["confidence"] == "possible" and "lost-records" in found["blind"], describe([found])
    summary = agent.stop()
    assert any(o["type"] == "lost" for o in agent.objects())
    assert sum(summary["lost"].values()) if isinstance(summary.get("lost"), dict) else summary["lost"] > 0
    for f in agent.findings(state="final"):
        assert "lost-records" not in f.get("blind", []) or f["confidence"] == "possible", describe([f])
        if f.get("process", {}).get("comm") == "healthy":
            assert f["finding"] in ("connect-refused-local", "connect-refused", "connect-failed"), describe([f])


@pytest.mark.parametrize("how", [("--packets=none",), ("-i", "lo")], ids=["none", "other"])
@pytest.mark.parametrize("what", ["silent", "accept", "output", "far"])
def test_packets_out_of_sight(lab, how, what):
    """No packet hook where the connection runs: no certainty about anything that packets would tell."""
    net, port = lab.internet(), free_port()
    there = lab.link().v4 if what == "far" else net.host(4, "accept" if what == "accept" else "silent")
    if what == "accept":
        lab.host.nft("input", f"tcp sport {port} counter drop")
    elif what == "output":
        lab.host.nft("output", f"tcp dport {port} counter drop")
    agent = Agent(lab, *how)
    saw = lab.fault("-U", 1500, "connect", there, port)
    found = agent.wait_for(pid=saw["pid"], state="final")
    assert found["confidence"] != "certain" and "packets-out-of-sight" in found["blind"], describe([found])


def test_without_any_hook_of_sockets(lab):
    """An older kernel, played: without the reset and drop hooks a refused connect still gets one verdict."""
    port = free_port()
    agent = Agent(lab, "--without", "reset-sent,drop")
    saw = lab.fault("connect", "127.0.0.1", port)
    agent.quiesce()
    finals = agent.findings(state="final")
    assert [f["process"]["pid"] for f in finals] == [saw["pid"]]
    assert finals[0]["finding"] in ("connect-refused", "connect-refused-local", "connect-failed")
    assert finals[0]["confidence"] != "certain" and "hook-missing" in finals[0]["blind"], describe(finals)


def test_filter_expression(lab):
    port, other = free_port(), free_port()
    agent = Agent(lab, f"not port {other}")
    lab.fault("connect", "127.0.0.1", other)
    saw = lab.fault("connect", "127.0.0.1", port)
    agent.quiesce()
    assert [f["process"]["pid"] for f in agent.findings(state="final")] == [saw["pid"]]


def test_filters_by_process(lab):
    port = free_port()
    for option, want in (("--comm", "wanted"), ("--uid", "4242")):
        agent = Agent(lab, option, want)
        lab.fault("-c", "other", "connect", "127.0.0.1", free_port())
        saw = lab.fault("-c", "wanted", "-u", 4242, "connect", "127.0.0.1", port)
        agent.wait_for(pid=saw["pid"], state="final")
        assert {f["process"]["pid"] for f in agent.findings()} == {saw["pid"]}
        agent.stop()


def test_filter_by_pid_and_descendants(lab):
    port = free_port()
    parent = subprocess.Popen(lab.host.command("sh", "-c", 'read x; "$0" connect 127.0.0.1 "$1"; read x', FAULT, str(port)),
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        agent = Agent(lab, "-p", str(parent.pid))
        lab.fault("connect", "127.0.0.1", free_port())
        parent.stdin.write("go\n")
        parent.stdin.flush()
        child = json.loads(parent.stdout.readline())["pid"]
        lab.pids.add(child)
        agent.wait_for(pid=child, state="final")
        assert {f["process"]["pid"] for f in agent.findings()} == {child}
    finally:
        parent.communicate("end\n")


def test_netns_option_shows_packets_of_others(lab):
    """--netns PATH: the packets of another namespace too, so that its connections can be judged surely."""
    inside = lab.namespace()
    net = lab.internet(ns=inside)
    port = free_port()
    there = net.host(4)
    agent = Agent(lab, "--netns", inside.path)
    saw = lab.fault("-U", 1500, "connect", there, port, ns=inside)
    found = agent.wait_for(pid=saw["pid"], state="final")
    assert found["finding"] == "connect-no-answer" and found["confidence"] == "likely", describe([found])
    assert found["connection"]["netns"] == inside.inode


def test_count_ends_it(lab):
    agent = Agent(lab, "-c", "1", "--comm", "counted")
    saw = lab.fault("-c", "counted", "connect", "127.0.0.1", free_port())
    agent.popen.wait(30)
    agent.stop()
    assert [f["process"]["pid"] for f in agent.findings(state="final")] == [saw["pid"]]


def test_memory_follows_the_load(lab):
    """Where the host gives huge pages to whoever has room for one, none is taken."""
    agent = Agent(lab, env={"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"})
    memory = pathlib.Path(f"/proc/{agent.pid}/smaps_rollup").read_text()
    assert re.search(r"^AnonHugePages: +0 kB$", memory, re.M), memory
    assert "THP_enabled:\t0\n" in pathlib.Path(f"/proc/{agent.pid}/status").read_text()
    agent.stop()


def test_its_own_sockets_are_left_out(lab):
    """It asks the kernel by netlink only; nothing it does shows up in its own output."""
    agent = Agent(lab)
    lab.fault("connect", "127.0.0.1", free_port())
    agent.quiesce()
    agent.stop()
    assert not [o for o in agent.objects() if o.get("process", {}).get("pid") == agent.pid]
