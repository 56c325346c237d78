# SPDX-License-Identifier: GPL-2.0-or-later
"""The service's unit, as systemd reads it."""

import json
import os
import re
import shutil
import subprocess

import pytest

from program import ROOT, sockwhy


@pytest.fixture(scope="module")
def unit(tmp_path_factory):
    folder = tmp_path_factory.mktemp("installed")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    subprocess.run(["make", "-s", "-o", "all", "install", f"PREFIX={folder}/usr", f"SYSCONFDIR={folder}/etc"], cwd=ROOT,
                   env=environment, check=True, timeout=120)
    return folder / "usr/lib/systemd/system/sockwhy.service"


def analyze(*words):
    assert shutil.which("systemd-analyze"), "systemd is missing: make setup"
    run = subprocess.run(["systemd-analyze", *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         timeout=60, check=False)
    return run.returncode, run.stdout


def test_verify(unit):
    assert analyze("verify", "--man=no", unit) == (0, "")


def test_security(unit):
    """As exposed as docs/service.md says, and no more."""
    status, said = analyze("security", "--no-pager", "--offline=yes", unit)
    level = re.search(r"exposure level for sockwhy.service: ([\d.]+)", said)[1]
    assert status == 0 and f"exposure level {level} " in (ROOT / "docs/service.md").read_text(), said


def test_capabilities(unit):
    """What doctor names, and what its hint for a file grants, are the unit's."""
    names = re.search(r"^CapabilityBoundingSet=(.*)$", unit.read_text(), re.M)[1].split()
    source = (ROOT / "user/attach/probe.c").read_text()
    assert sorted(names) == sorted(re.findall(r'^\t\{ CAP_\w+, "(CAP_\w+)"', source, re.M))
    assert sorted(names) == sorted(f"CAP_{name}".upper() for name in re.findall(r"cap_(\w+?)(?=[,+])", source))


def test_metrics_of_others(tmp_path):
    """What stands there already and is no file of metrics is not replaced, nor is what a link leads to."""
    path = tmp_path / "a.prom"
    link = tmp_path / "link.prom"
    path.write_text("# HELP node_x\n")
    link.symlink_to(path)
    for name, words in ((path, "File exists"), (link, "symbolic links"), (tmp_path / "no/dir/a.prom", "No such file"),
                        (tmp_path, "exists")):
        done = sockwhy("--metrics", name)
        assert done.returncode == 1 and done.out == "" and words in done.err and str(name) in done.err, done.err
    assert path.read_text() == "# HELP node_x\n"


def test_journal_beside_others(tmp_path):
    """What is masked is no matter of the journal or of what is like it; a wrong catalog would be told by the journal's own program."""
    for args in (("--journal",), ("--syslog", tmp_path / "log")):
        done = sockwhy(*args, "--mask")
        assert done.returncode == 2 and f"--mask, {args[0]}: only one of them" in done.err
    done = sockwhy("read", "--journal", tmp_path)
    assert done.returncode == 2 and "--journal: not an option of read" in done.err
    catalog = (ROOT / "packaging/sockwhy.catalog").read_text()
    numbers = re.findall(r"^-- ([0-9a-f]{32})$", catalog, re.M)
    rows = [json.loads(line) for line in sockwhy("explain", "--json").out.splitlines()]
    assert numbers == [row["message_id"] for row in rows if row["of"] == "finding"] and len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("words, status, said", [
    (["--flight-to", "."], 2, "nothing is kept"), (["--mask", "--flight", "1M"], 2, "not with --flight"),
    (["--mask", "--exec", "/bin/true"], 2, "not with --exec"), (["--flight", "1k"], 2, "--flight"), (["--flight", "1M", "--flight-to", "no/dir"], 1, "no/dir")])
def test_flight_of_nothing(words, status, said):
    done = sockwhy("--config", "none", *words)
    assert done.returncode == status and said in done.err and not done.out, done.err


def test_alert_rules():
    """contrib/prometheus: as Prometheus' own tool reads and plays them."""
    assert shutil.which("promtool"), "prometheus is missing: make setup"
    for words in (("check", "rules", "sockwhy.rules.yml"), ("test", "rules", "sockwhy.rules.test.yml")):
        done = subprocess.run(["promtool", *words], cwd=ROOT / "contrib/prometheus", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout
