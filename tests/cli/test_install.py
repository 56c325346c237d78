# SPDX-License-Identifier: GPL-2.0-or-later
"""make install and uninstall: what stands where, and that nothing stays."""

import os
import subprocess

import pytest

from program import ROOT


def make(*words):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    subprocess.run(["make", "-s", "-o", "all", *words], cwd=ROOT, env=environment, check=True, timeout=120)


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


@pytest.mark.parametrize("prefix,zsh", [("/usr", "vendor-completions"), ("/usr/local", "site-functions")])
def test_install(tmp_path, prefix, zsh):
    make("install", f"DESTDIR={tmp_path}", f"PREFIX={prefix}")
    below = tmp_path / prefix[1:]
    wanted = {"sbin/sockwhy", "share/man/man8/sockwhy.8", "share/man/man7/sockwhy-findings.7",
              "share/man/man5/sockwhy.conf.5",
              "lib/systemd/system/sockwhy.service", "share/bash-completion/completions/sockwhy", f"share/zsh/{zsh}/_sockwhy",
              "share/fish/vendor_completions.d/sockwhy.fish", "lib/systemd/catalog/sockwhy.catalog", "share/doc/sockwhy/GPL-2.0.txt"}
    assert wanted <= files(below)
    done = subprocess.run([below / "sbin/sockwhy", "--version"], stdout=subprocess.PIPE, text=True, check=True, timeout=30)
    assert done.stdout.startswith("sockwhy ")
    modes = {path: (below / path).stat().st_mode & 0o777 for path in wanted}
    assert modes.pop("sbin/sockwhy") == 0o755 and set(modes.values()) == {0o644}
    pages = subprocess.run(["man", "-M", below / "share/man", "7", "sockwhy-findings"], stdout=subprocess.PIPE, text=True,
                           env={**os.environ, "MANPAGER": "cat", "LC_ALL": "C.UTF-8"}, check=True, timeout=30)
    assert "connect-refused" in pages.stdout
    conf = tmp_path / "etc/sockwhy/sockwhy.conf"
    assert conf.stat().st_mode & 0o777 == 0o644
    other = below / "share/doc/sockwhy/mine"
    other.write_text("kept")
    make("uninstall", f"DESTDIR={tmp_path}", f"PREFIX={prefix}")
    assert files(tmp_path) == {str(other.relative_to(tmp_path))}
    conf.parent.mkdir()
    conf.write_text("severity = error\n")
    make("install", f"DESTDIR={tmp_path}", f"PREFIX={prefix}")
    assert conf.read_text() == "severity = error\n"  # what its owner wrote stays, there and back
    make("uninstall", f"DESTDIR={tmp_path}", f"PREFIX={prefix}")
    assert files(tmp_path) == {str(path.relative_to(tmp_path)) for path in (conf, other)}
