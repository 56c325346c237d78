# SPDX-License-Identifier: GPL-2.0-or-later
"""The Debian package in user spaces of their own: installed, run, booted as a service, upgraded, purged. Root."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from program import ASSEMBLE, CASES, ROOT

DEB = ROOT / "build/deb"
ROOTS = ROOT / "build/roots"
SUITES = ["bookworm", "trixie", "noble"]
# what a run leaves that is no part of any package
NOT_OURS = re.compile(r"^(var/(lib/(dpkg|apt|systemd)|cache|log)|tmp|run|proc|sys|dev|etc/ld\.so\.cache|etc/machine-id)(/|$)")

TRIAL = """#!/bin/sh
systemctl is-enabled sockwhy
systemctl start sockwhy; echo "start $?"
systemctl is-active sockwhy
bash -c 'echo > /dev/tcp/127.0.0.1/9'
until journalctl -u sockwhy -o cat | grep -q connect-refused-local; do :; done
systemctl reload sockwhy; echo "reload $?"
grep -E 'CapBnd|Seccomp:|NoNewPrivs' /proc/$(systemctl show -P MainPID sockwhy)/status
begun=$(date +%s%N); systemctl stop sockwhy; echo "stopped after $((($(date +%s%N) - begun) / 1000000)) ms"
systemctl show sockwhy -p Result -p NRestarts
journalctl -u sockwhy -o cat
journalctl -b -o cat | grep -i 'unknown key.*sockwhy\\|sockwhy.*unknown key'
echo end
"""
UNIT = """[Unit]
After=multi-user.target
[Service]
Type=oneshot
StandardOutput=file:/trial.out
StandardError=file:/trial.out
ExecStart=/bin/sh /trial.sh
ExecStopPost=/bin/systemctl poweroff --force
[Install]
WantedBy=multi-user.target
"""


def said(*command, **kwargs):
    return subprocess.run([*map(str, command)], check=True, stdout=subprocess.PIPE, text=True, timeout=600, **kwargs).stdout


@pytest.fixture(scope="session")
def package():
    found = list(DEB.glob("sockwhy_*.deb"))
    assert os.geteuid() == 0 and len(found) == 1, "root, and make deb first"
    return found[0]


@pytest.fixture(scope="session", params=SUITES)
def user_space(request, package):
    """An archive of the suite with what the package depends on; kept, because it takes a minute."""
    names = re.sub(r"\([^)]*\)|\s", "", said("dpkg-deb", "-f", package, "Depends")).split(",")
    archive = ROOTS / f"{request.param}.tar"
    if not archive.exists():
        ROOTS.mkdir(parents=True, exist_ok=True)
        scratch = archive.with_suffix(".part.tar")
        run = subprocess.run(["mmdebstrap", "--variant=minbase", f"--include={','.join([*names, 'systemd', 'systemd-sysv'])}",
                              request.param, scratch], stderr=subprocess.PIPE, text=True, timeout=1200, check=False)
        if run.returncode and request.param == "noble":
            errors = re.findall(r"^E: (.*)$", run.stderr, re.M)
            pytest.skip(f"no Ubuntu whose signature can be checked here: {errors[:1]}")
        assert run.returncode == 0, run.stderr
        scratch.rename(archive)
    return archive


@pytest.fixture
def root(user_space, tmp_path):
    folder = tmp_path / "root"
    folder.mkdir()
    said("tar", "-x", "-f", user_space, "-C", folder, "--exclude=./dev/*")
    (folder / "etc/machine-id").write_text("")
    yield folder
    shutil.rmtree(folder)


def inside(root, *command):
    return said("chroot", root, *command, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive",
                                               "LC_ALL": "C.UTF-8"}, stderr=subprocess.STDOUT)


def files(root):
    paths = (str(path.relative_to(root)) for path in root.rglob("*"))
    return {path for path in paths if not NOT_OURS.match(path)}


def later_version(package, folder):
    """The same with a higher version."""
    said("dpkg-deb", "-R", package, folder / "later")
    control = folder / "later/DEBIAN/control"
    control.write_text(re.sub(r"^Version: .*$", r"\g<0>+later", control.read_text(), flags=re.M))
    said("dpkg-deb", "-b", folder / "later", folder / "later.deb")
    return folder / "later.deb"


def test_lintian(package):
    """Nothing to say, and nothing overridden."""
    changes, = DEB.glob("sockwhy_*.changes")
    run = subprocess.run(["lintian", "--no-cfg", "--allow-root", "--tag-display-limit", "0", changes], stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, timeout=900, check=False)
    assert (run.returncode, run.stdout) == (0, "")


def test_tarball(root):
    """Unpacked in / it runs without a library of the host; its checksum is right, and licences come with it."""
    tarball, = ROOT.glob("build/static/sockwhy-*.tar.gz")
    assert said("sha256sum", "-c", f"{tarball.name}.sha256", cwd=tarball.parent) == f"{tarball.name}: OK\n"
    said("tar", "-x", "-z", "-f", tarball, "-C", root)
    needed = re.findall(r"\(NEEDED\).*\[(lib(?!c\.)[^.\]]*)", said("readelf", "-d", ROOT / "build/sockwhy"))
    for path in root.glob("usr/lib/*/lib*.so*"):
        if path.name.split(".")[0] in needed:
            path.unlink()
    assert inside(root, "/usr/local/sbin/sockwhy", "--version").startswith("sockwhy ")
    assert "the defaults hold" in inside(root, "/usr/local/sbin/sockwhy", "doctor", "--config")
    doc = root / "usr/local/share/doc/sockwhy"
    assert (doc / "sockwhy.conf").exists() and (doc / "GPL-2.0.txt").exists()
    assert len(list(doc.glob("linked/*.copyright"))) >= len(needed) > 4
    assert "/usr/local/sbin/sockwhy watch" in (root / "usr/local/lib/systemd/system/sockwhy.service").read_text()


def test_life(root, package, tmp_path):
    before = files(root)
    shutil.copy(package, root / "tmp/sockwhy.deb")
    inside(root, "dpkg", "-i", "/tmp/sockwhy.deb")
    assert inside(root, "sockwhy", "--version").startswith("sockwhy ")
    assert "/etc/sockwhy/sockwhy.conf: read" in inside(root, "sockwhy", "doctor", "--config")
    assert "disabled" in subprocess.run(["chroot", root, "systemctl", "is-enabled", "sockwhy"], stdout=subprocess.PIPE,
                                        text=True, check=False).stdout
    (tmp_path / "a.events").write_text(f"include {os.path.relpath(CASES.parent, tmp_path)}/preamble-6.18.events\n"
                                       f"include {os.path.relpath(CASES.parent, tmp_path)}/common.events\n"
                                       f"include {os.path.relpath(CASES, tmp_path)}/connect-refused.events\n")
    said(ASSEMBLE, tmp_path / "a.events", root / "tmp/a.rec")
    assert "connect-refused" in inside(root, "sockwhy", "read", "/tmp/a.rec")
    for path in ("usr/share/man/man8/sockwhy.8.gz", "usr/share/bash-completion/completions/sockwhy",
                 "usr/share/zsh/vendor-completions/_sockwhy", "usr/share/fish/vendor_completions.d/sockwhy.fish",
                 "usr/share/doc/sockwhy/copyright", "etc/logrotate.d/sockwhy"):
        assert (root / path).exists(), path
    # what its owner wrote survives an upgrade and a removal, and goes with a purge
    conf = root / "etc/sockwhy/sockwhy.conf"
    conf.write_text("severity = error\n")
    shutil.copy(later_version(package, tmp_path), root / "tmp/later.deb")
    inside(root, "dpkg", "-i", "/tmp/later.deb")
    assert conf.read_text() == "severity = error\n" and "+later" in inside(root, "dpkg-query", "-W", "sockwhy")
    inside(root, "dpkg", "-r", "sockwhy")
    assert conf.exists() and not (root / "usr/sbin/sockwhy").exists()
    (root / "var/log/sockwhy").mkdir()
    inside(root, "dpkg", "-P", "sockwhy")
    assert files(root) - before == set() and not (root / "var/log/sockwhy").exists()


@pytest.fixture
def cgroups_as_before():
    """systemd-nspawn leaves its control groups where no systemd runs beside it."""
    def groups():
        return {path for hierarchy in (Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").glob("*/"))
                for name in ("payload", "supervisor") for path in (hierarchy / name,) if path.is_dir()}
    before = groups()
    yield
    for group in groups() - before:
        for folder in sorted((path for path in (group, *group.rglob("*")) if path.is_dir()), reverse=True):
            folder.rmdir()


def test_service(root, package, cgroups_as_before):
    """systemd of that user space runs the unit with all its fences, on this kernel and in a network of its own."""
    shutil.copy(package, root / "tmp/sockwhy.deb")
    inside(root, "dpkg", "-i", "/tmp/sockwhy.deb")
    (root / "trial.sh").write_text(TRIAL)
    (root / "etc/systemd/system/trial.service").write_text(UNIT)
    wants = root / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(exist_ok=True)
    (wants / "trial.service").symlink_to("../trial.service")
    (root / "etc/systemd/system/console-getty.service").symlink_to("/dev/null")
    run = subprocess.run(["systemd-nspawn", "--keep-unit", "--register=no", "-D", root, "--private-network", "--capability=all",
                          "--system-call-filter=bpf perf_event_open", "-b"], stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
    out = root / "trial.out"
    assert out.exists() and out.read_text().endswith("end\n"), run.stdout[-2000:]
    text = out.read_text()
    assert text.startswith("disabled\nstart 0\nactive\n") and "\nreload 0\n" in text and "\nResult=success\n" in text, text
    assert "NRestarts=0" in text and "configuration read again" in text and "no record lost" in text, text
    assert re.search(r"NoNewPrivs:\t1\nSeccomp:\t2\n", text) and re.search(r"CapBnd:\t000000c400281004\n", text), text
    assert "hook" not in text and "nknown key" not in text, text
    assert int(re.search(r"stopped after (\d+) ms", text)[1]) < 3000, text
