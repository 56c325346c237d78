# SPDX-License-Identifier: GPL-2.0-or-later
"""Live tests need root and a built agent. Each test gets a lab of its own; nothing may be left of it."""

import os
import pathlib
import re
import subprocess

import pytest
from _pytest.runner import runtestprotocol

import harness
import lab as lab_module
from witness import Witness

RUNS_MAX = 3
witness_key = pytest.StashKey()


def pytest_addoption(parser):
    parser.addoption("--lab-only", action="store_true", default=False,
                     help="provoke the faults and check what the application sees, without the agent (to work on the lab)")


def build(target, source):
    """What the Makefile builds too; made here when somebody runs pytest by hand."""
    newest = max(source.stat().st_mtime, source.with_name("fault.h").stat().st_mtime)
    if not target.exists() or target.stat().st_mtime < newest:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = target.with_name(f"{target.name}.{os.getpid()}")
        subprocess.run(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-pthread",
                        "-o", scratch, source], check=True)
        scratch.rename(target)


def pytest_sessionstart(session):
    if hasattr(session.config, "workerinput") or session.config.option.collectonly:
        return
    if os.geteuid() != 0:
        raise pytest.UsageError("tests/live needs root: namespaces, BPF")
    for program in (lab_module.FAULT, lab_module.DENY, lab_module.HEALTHY, lab_module.URING):
        build(program, pathlib.Path(__file__).with_name(f"{program.name}.c"))
    if not session.config.getoption("--lab-only"):
        assert harness.SOCKWHY.exists(), "build/sockwhy is not built: make"


def pytest_runtest_protocol(item, nextitem):
    """Runs a failed test again if hooks fired that no program can have seen: see witness.py."""
    stash = item.config.stash
    if witness_key not in stash:
        stash[witness_key] = Witness(f"{lab_module.PREFIX}{os.environ['SWL_RUN']}p{os.getpid()}")
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for run in range(RUNS_MAX):
        stash[witness_key].clear()
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        failed = next((report for report in reports if report.failed), None)
        unseen = stash[witness_key].seen()
        if not failed or not unseen or run == RUNS_MAX - 1:
            break
        first = re.search(r": (\w+): ", unseen[0])
        item.user_properties.append(("run again", f"{failed.longreprtext.splitlines()[-1]}; no program can have seen "
                                     f"{len(unseen)} hooks, {first.group(1) if first else unseen[0]} the first"))
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_terminal_summary(terminalreporter):
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "call":
                for name, why in report.user_properties:
                    terminalreporter.write_line(f"{name}: {report.nodeid}: {why}")


def pytest_sessionfinish(session):
    if witness_key in session.config.stash:
        session.config.stash[witness_key].close()
    lab_module.session_finish(session)


@pytest.fixture
def lab():
    made = lab_module.Lab()
    yield made
    made.close()


class NoAgent:
    """--lab-only: says nothing and finds nothing."""

    def __init__(self, lab, *args, **kwargs):
        self.lab = lab

    def assert_only(self, finding, **kwargs):
        pass

    def silent(self, allow=()):
        pass

    def quiesce(self, slow=True):
        pytest.skip("without the agent (--lab-only)")

    def stop(self):
        pass

    def finish(self):
        pass


@pytest.fixture
def watch(lab, request):
    """Starts the agent in a namespace of the lab: watch(*args, ns=…). Of tests of IPv6 it writes a file of packets, too."""
    kind = NoAgent if request.config.getoption("--lab-only") else harness.Agent
    agents = []

    def start(*args, **kwargs):
        params = getattr(request.node, "callspec", None)
        if params and params.params.get("family") == 6 and "command" not in kwargs and "-w" not in args:
            kwargs["write"] = lab.dir / f"findings{len(agents)}.pcapng"
        agents.append(kind(lab, *args, **kwargs))
        return agents[-1]

    yield start
    for agent in agents:
        agent.finish()


@pytest.fixture
def needs_agent(request):
    if request.config.getoption("--lab-only"):
        pytest.skip("without the agent (--lab-only)")


@pytest.fixture(params=[4, 6], ids=["v4", "v6"])
def family(request):
    return request.param


@pytest.fixture(params=[(), ("-N",)], ids=["blocking", "nonblocking"])
def blocking(request):
    return request.param


class Place:
    """Where the other end is: in the same namespace over lo, or in another one over veth."""

    def __init__(self, lab, kind):
        self.kind = kind
        self.ns = lab.host if kind == "lo" else lab.link()
        self.lab = lab

    def address(self, family):
        if self.kind == "lo":
            return "::1" if family == 6 else "127.0.0.1"
        return self.ns.address(family)

    def serve(self, family, port, mode="keep", *options):
        return self.lab.serve(self.address(family), port, mode, *options, ns=self.ns)


@pytest.fixture(params=["lo", "veth"])
def place(request, lab):
    return Place(lab, request.param)
