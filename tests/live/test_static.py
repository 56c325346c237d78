# SPDX-License-Identifier: GPL-2.0-or-later
"""The static binary on another user space: here the barest of all, an empty root with nothing but /proc and /sys."""

import json
import pathlib
import shutil
import subprocess

from lab import free_port
from program import ROOT

STATIC = ROOT / "build/static/sockwhy"
# a private mount namespace, so that nothing is left mounted however this ends
IN_EMPTY_ROOT = ("mount -t proc proc \"$0/proc\" && mount --rbind /sys \"$0/sys\" && exec chroot \"$0\" \"$@\"")


def test_needs_no_library():
    said = subprocess.run(["readelf", "--dynamic", "--program-headers", STATIC], check=True, capture_output=True, text=True)
    assert "NEEDED" not in said.stdout and "INTERP" not in said.stdout


def test_empty_root(lab):
    for folder in ("proc", "sys"):
        pathlib.Path(lab.dir, folder).mkdir()
    shutil.copy(STATIC, lab.dir)
    port = free_port()
    argv = lab.host.command("unshare", "--mount", "sh", "-ec", IN_EMPTY_ROOT, lab.dir,
                            "/sockwhy", "--json", "--duration", "20s", "-c", "1", "-f", f"port {port}")
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as agent:
        # it says one line when everything is attached
        started = agent.stderr.readline()
        assert "Ctrl-C ends" in started, started + agent.stderr.read()
        saw = lab.fault("connect", "127.0.0.1", port)
        said, complaints = agent.communicate(timeout=25)
    assert agent.returncode == 0, complaints
    found = [line for line in map(json.loads, said.splitlines()) if line["type"] == "finding"]
    assert [(f["finding"], f["process"]["pid"]) for f in found] == [("connect-refused-local", saw["pid"])]
