# SPDX-License-Identifier: GPL-2.0-or-later
"""Who it was: lineage, how that is known, and where it ran though it was gone before anybody looked."""

import os
import subprocess
import uuid

import pytest

from lab import PATIENCE_S, free_port

# a process that fails to connect and is gone at once, below one that lives on in its cgroup
GONE = 'echo $$ > "$1/cgroup.procs"; echo ready; read -r _; (exec 3<>"/dev/tcp/$2/$3") 2>&-; read -r _'


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"], ids=["ipv4", "ipv6"])
def test_gone(lab, watch, address):
    """Its parent's container is its own, for it was in the same cgroup."""
    identity = uuid.uuid4().hex * 2
    cgroup = lab.cgroup() / f"docker-{identity}.scope"
    cgroup.mkdir()
    agent, port = watch(), free_port()
    with subprocess.Popen(lab.host.command("bash", "-c", GONE, "-", cgroup, address, port), stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdout.readline() == "ready\n"
        shell.stdin.write("\n")
        shell.stdin.flush()

        def told():
            return next((f for f in agent.objects() if f["type"] == "finding" and f["state"] == "final"
                         and f.get("process", {}).get("ppid") == shell.pid), None)
        found = agent._wait("its finding", told, PATIENCE_S)
        shell.stdin.close()
        shell.wait(PATIENCE_S)
    cgroup.rmdir()
    parents = found["process"]["parents"]
    assert parents[0] == {"pid": shell.pid, "comm": "bash"} and parents[1]["pid"] == os.getpid()
    assert found["process"]["found"] == "call" and found["container"] == {"id": identity}
    assert found["connection"]["remote"] == {"address": address, "port": port}
