# SPDX-License-Identifier: GPL-2.0-or-later
"""watch as a service: what it tells its manager, what signals do, and that the unit's capabilities suffice."""

import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from harness import Agent, PATIENCE_S
from lab import free_port
from program import ROOT, SOCKWHY, sockwhy
from test_names import GLIBC
from test_quiet import private_etc
from test_resolvers import serve_names

ALIVE = re.compile(r"\S+ \S+ alive for \S+ s: (\d+) records, 0 lost, 0 shed; findings: error (\d+) warning 0 info 0; \S+ MiB, .* of CPU")
UNIT = (ROOT / "packaging/sockwhy.service.in").read_text()


class Manager:
    """The end of a service manager: a datagram socket."""

    def __init__(self, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(name)
        self.socket.settimeout(PATIENCE_S)

    def hear(self, skip="WATCHDOG=1"):
        """The variables of the next datagram, watchdog's aside."""
        while True:
            said = self.socket.recv(4096).decode()
            if said != skip:
                return dict(line.split("=", 1) for line in said.splitlines())


def test_notify(lab):
    """Ready when it watches, alive from then on, reloading and stopping when asked; it ends soon, with the summary."""
    name = str(lab.dir / "notify")
    manager = Manager(name)
    agent = Agent(lab, "--config", "none", env={"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "200000"})
    assert manager.hear()["READY"] == "1"
    begun = time.monotonic()
    assert [manager.hear(skip=None) for _ in range(5)] == [{"WATCHDOG": "1"}] * 5
    assert 0.25 < time.monotonic() - begun < 5  # every 100 ms, the first one perhaps at once
    agent.popen.send_signal(signal.SIGHUP)
    said = manager.hear()
    assert said["RELOADING"] == "1" and int(said["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    assert manager.hear()["READY"] == "1"
    begun = time.monotonic()
    agent.popen.send_signal(signal.SIGTERM)
    assert manager.hear()["STOPPING"] == "1"
    assert "attempts" in agent.stop()
    assert time.monotonic() - begun < 3  # 0.6 to 0.8 s, of which 0.3 are for verdicts that still settle; more under load


def test_notify_of_others(lab):
    """A watchdog that waits for another process is not answered; a socket that is none is said, and changes nothing."""
    manager = Manager(str(lab.dir / "notify"))
    agent = Agent(lab, env={"NOTIFY_SOCKET": str(lab.dir / "notify"), "WATCHDOG_USEC": "50000", "WATCHDOG_PID": "1"})
    assert manager.hear()["READY"] == "1"
    agent.quiesce()
    agent.stop()
    assert "STOPPING" in manager.hear(skip=None)
    agent = Agent(lab, env={"NOTIFY_SOCKET": "nonsense"})
    assert any("NOTIFY_SOCKET: Invalid argument" in line for line in agent.stderr)


def test_reload(lab):
    """SIGHUP takes over the mutes of a changed file; a file with a wrong line changes none."""
    conf, numbers = lab.dir / "a.conf", itertools.count(1)

    def write(text):
        conf.write_text(text)
        conf.chmod(0o644)
        count = len(agent.stderr)
        agent.popen.send_signal(signal.SIGHUP)
        agent._wait("reload", lambda: any("read again" in line or "stay as they were" in line
                                          for line in agent.stderr[count:]), PATIENCE_S)

    def told():
        # of its own destination each: a repeat would be counted, and told later
        pid = lab.fault("connect", f"192.0.2.{next(numbers)}", 80)["pid"]
        agent.quiesce(slow=False)
        return [f["finding"] for f in agent.findings(state="final", pid=pid)]

    lab.link()
    conf.write_text("severity = warning\n")
    conf.chmod(0o644)
    agent = Agent(lab, "--config", conf)
    assert told() == ["local-no-route"]
    write("mute = local-no-route until 2099-12-31 because it has none\n")
    assert told() == []
    write("mute = local-no-rout\n")
    assert any(f"{conf}:1: --mute local-no-rout: no such finding" in line for line in agent.stderr)
    assert told() == []
    write("mute = local-no-route until 2026-01-01 because it was so\n")
    assert told() == ["local-no-route"]
    write("\n")
    assert told() == ["local-no-route"]


def test_metrics(lab):
    """The file is there from the start, whole at any moment, readable for the collector, and has the last word at the end."""
    path = lab.dir / "sockwhy.prom"
    path.write_text("# HELP sockwhy_build_info of an earlier run\n")
    agent = Agent(lab, "--metrics", path)
    numbers = itertools.count(1)
    agent._wait("metrics", lambda: "sockwhy_attempts_total" in path.read_text(), PATIENCE_S)
    lab.link()
    pids = [lab.fault("connect", f"192.0.2.{next(numbers)}", 80)["pid"] for _ in range(3)]
    pids += [lab.fault("connect", "2001:db8::1", 80)["pid"]]
    agent.quiesce(slow=False)
    wanted = [f for f in agent.findings(state="final") if f["process"]["pid"] in pids]
    assert wanted and all(f["finding"] in ("local-no-route", "local-address-absent") for f in wanted)
    summary = agent.stop()
    assert path.stat().st_mode & 0o777 == 0o644 and [p.name for p in lab.dir.glob("sockwhy.prom*")] == ["sockwhy.prom"]
    families = {family.name: family for family in text_string_to_metric_families(path.read_text())}
    told = {}
    for sample in families["sockwhy_findings"].samples:
        told[sample.labels["finding"]] = told.get(sample.labels["finding"], 0) + sample.value
    counts = [sum(f["count"] for f in agent.objects() if f["type"] == "finding" and f["state"] == "final"
                  and f["finding"] == id_) for id_ in told]
    assert list(told.values()) == counts and sum(told.values()) == sum(summary["findings"].values())
    value = {name: family.samples[0].value for name, family in families.items() if len(family.samples) == 1}
    assert value["sockwhy_attempts"] == summary["attempts"] and value["sockwhy_writes_failed"] == 0
    assert value["sockwhy_up"] == 0 and value["sockwhy_last_turn_timestamp_seconds"] == pytest.approx(time.time(), abs=60)
    assert value["sockwhy_start_time_seconds"] == pytest.approx(time.time(), abs=300)
    assert any(sample.labels["kind"] == "error" or sample.value for sample in families["sockwhy_records"].samples)


def test_durations(lab):
    """How long connects took, those that worked and those that failed; what promtool says of all of it. IPv4 and IPv6."""
    path, port = lab.dir / "sockwhy.prom", free_port()
    agent = Agent(lab, "--config", "none", "--metrics", path, "-p", os.getpid())
    for address in ("127.0.0.1", "::1"):
        server = lab.serve(address, port, ns=lab.host)
        lab.fault("connect", address, port)
        server.close()
        agent.wait_for(state="final", pid=lab.fault("connect", address, port)["pid"])
    agent.quiesce()  # one that works has proven itself after a second
    agent.stop()
    families = {family.name: family for family in text_string_to_metric_families(path.read_text())}
    durations = families["sockwhy_connect_duration_seconds"]
    for result, count in (("worked", 2), ("failed", 3)):  # quiesce() has one that fails
        samples = [sample for sample in durations.samples if sample.labels["result"] == result]
        buckets = [sample.value for sample in samples if sample.name.endswith("_bucket")]
        assert buckets == sorted(buckets) and buckets[-1] == count and samples[-1].value == count, samples
        assert buckets[3] == count, "over lo, within 0.1 s"
    fates = {(sample.labels["subject"], sample.labels["result"]): sample.value
             for sample in families["sockwhy_attempts_by_subject"].samples}
    assert (fates["connect", "worked"], fates["connect", "failed"], fates["connect", "unknown"]) == (2, 3, 0)
    assert sum(fates.values()) == families["sockwhy_attempts"].samples[0].value
    held, limit = (families[f"sockwhy_{name}"].samples[0].value for name in ("connections", "connections_limit"))
    assert held <= limit == 65536
    checked = subprocess.run(["promtool", "check", "metrics"], input=path.read_bytes(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             check=False)
    assert (checked.returncode, checked.stdout) == (0, b""), checked.stdout


def without_agents(words):
    """What doctor says of this kernel: agents of other tests come and go."""
    return [line for line in words.splitlines() if "records, " not in line]


def test_capabilities(lab):
    """With the capabilities of the unit and no other nothing is lost, and a failure is explained."""
    names = re.search(r"^CapabilityBoundingSet=(.*)$", UNIT, re.M)[1].lower().replace("cap_", "").split()
    fence = ("setpriv", "--bounding-set", ",".join(["-all", *(f"+{name}" for name in names)]), "--no-new-privs")
    done = subprocess.run([*fence, SOCKWHY, "doctor"], stdout=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=True)
    whole = subprocess.run([SOCKWHY, "doctor"], stdout=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=True)
    assert without_agents(done.stdout) == without_agents(whole.stdout)
    agent = Agent(lab, wrap=fence)
    pid = lab.fault("connect", "127.0.0.1", 9)["pid"]
    agent.wait_for(finding="connect-refused-local", pid=pid)


@pytest.mark.parametrize("address", ["127.0.0.53", "::1"])
def test_lookups(lab, address):
    """How long lookups took, those that worked, once each though two types were asked for, and the one that failed."""
    path = lab.dir / "sockwhy.prom"
    serve_names(lab, lab.host, address)
    agent = Agent(lab, "--config", "none", "--metrics", path, ns=lab.host)
    etc = private_etc(lab, resolv_conf=f"nameserver {address}\noptions timeout:2 attempts:1\n", nsswitch_conf="hosts: dns\n")
    for name, status in (("ok.test", "1"), ("ok.test", "1"), ("servfail.test", "0")):
        done = subprocess.run(lab.host.command(*etc, sys.executable, "-c", GLIBC, name), stdout=subprocess.PIPE, text=True, check=True,
                              timeout=PATIENCE_S)
        assert done.stdout.strip() == status
    agent.wait_for(finding="dns-servfail", state="final")
    agent.stop()
    families = {family.name: family for family in text_string_to_metric_families(path.read_text())}
    lookups = families["sockwhy_lookup_duration_seconds"].samples
    counts = {sample.labels["result"]: sample.value for sample in lookups if sample.name.endswith("_count")}
    assert counts == {"worked": 2, "failed": 1}, lookups
    within = [sample.value for sample in lookups if sample.labels == {"result": "worked", "le": "0.500000"}]
    assert within == [2]


def test_heartbeat(lab):
    """A line at intervals, quiet or not; it counts what was found, and is silent where none is asked for."""
    port = free_port()
    agent = Agent(lab, "--config", "none", "-q", "--heartbeat", "1s", f"port {port}", start_line=False)
    first = agent.beats(1)[0]
    assert first["every_us"] == 1_000_000 <= first["duration_us"] and first["lost"] == first["attempts"] == 0
    assert first["memory_bytes"] > 1 << 20 and first["cpu_us"] > 0
    pid = lab.fault("connect", "127.0.0.1", port)["pid"]
    agent.wait_for(state="final", pid=pid)
    last = agent.beats(len(agent.beats(1)) + 1)[-1]
    assert (last["attempts"], last["failures"], last["findings"]["error"]) == (1, 1, 1) and last["records"] > first["records"]
    assert round((last["duration_us"] - first["duration_us"]) / 1e6) == len(agent.beats(1)) - 1
    agent.stop()
    without = Agent(lab, "--config", "none")
    without.quiesce()
    assert not [line for line in without.lines if "heartbeat" in line]


@pytest.mark.parametrize("form", ["--text", "--brief"])
def test_heartbeat_for_people(lab, form):
    done = subprocess.run(lab.host.command(SOCKWHY, "--config", "none", form, "--heartbeat", "1s", "--duration", "2500ms", "port 1"),
                          stdout=subprocess.PIPE, text=True, check=True, timeout=PATIENCE_S)
    lines = done.stdout.splitlines()
    assert 2 <= len(lines) <= 3 and all(map(ALIVE.fullmatch, lines)), done.stdout  # the third is due half a second after the end


def agents_of(schema, pid):
    """What doctor says of one agent, None when it finds none."""
    lines = [schema.check(line) for line in sockwhy("doctor", "--json").out.splitlines()]
    return next((line for line in lines if line["type"] == "agent" and line["pid"] == pid), None)


def test_doctor_finds_agents(lab):
    """One that runs, with what it found; one that stands still; none that was killed."""
    port = free_port()
    agent = Agent(lab, "--config", "none", f"port {port}")
    agent.wait_for(state="final", pid=lab.fault("connect", "127.0.0.1", port)["pid"])
    end = time.monotonic() + PATIENCE_S
    while not (said := agents_of(agent.schema, agent.pid)) or not said["findings"]["error"]:
        assert time.monotonic() < end, said
        time.sleep(0.1)  # it says so once a second, to who asks
    assert said["ok"] and said["findings"] == {"error": 1, "warning": 0, "info": 0} and said["lost"] == 0 < said["records"]
    assert f"sockwhy[{agent.pid}] since " in sockwhy("doctor").out
    os.kill(agent.pid, signal.SIGSTOP)
    while (said := agents_of(agent.schema, agent.pid))["ok"]:
        assert time.monotonic() < end + 10, said
        time.sleep(0.2)
    assert said["turned_us_ago"] > 5_000_000 and re.search(rf"sockwhy\[{agent.pid}\] .* STANDS STILL", sockwhy("doctor").out)
    agent.popen.kill()
    agent.popen.wait(PATIENCE_S)
    while agents_of(agent.schema, agent.pid):  # the kernel frees a map of the dead a little later
        assert time.monotonic() < end + 20
        time.sleep(0.1)
