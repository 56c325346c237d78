# SPDX-License-Identifier: GPL-2.0-or-later
"""A process in a container: what that is called, by the files that its engine keeps."""

import json
import uuid

import pytest

from harness import describe
from lab import free_port

LABELS = {"io.kubernetes.container.name": "app", "io.kubernetes.pod.name": "web-7d9f", "io.kubernetes.pod.namespace": "shop"}
CRI = {"io.kubernetes.cri.container-name": "app", "io.kubernetes.cri.sandbox-name": "web-7d9f",
       "io.kubernetes.cri.sandbox-namespace": "shop"}
POD = {"namespace": "shop", "name": "web-7d9f"}
STORAGE = "containers/storage/overlay-containers"

# engine: the name of the cgroup, what it keeps in which files, the container's name, its pod
ENGINES = {
    "docker": ("docker-{id}.scope", {"var/lib/docker/containers/{id}/config.v2.json": {"Name": "/web", "Config": {}}}, "web", None),
    "containerd": ("cri-containerd-{id}.scope",
                   {"run/containerd/io.containerd.runtime.v2.task/k8s.io/{id}/config.json": {"annotations": CRI}}, "app", POD),
    "podman": ("libpod-{id}.scope",
               {f"run/{STORAGE}/{{id}}/userdata/config.json": {"annotations": {}},
                f"var/lib/{STORAGE}/containers.json": [{"id": "{id}", "names": ["web"]}]}, "web", None),
    "cri-o": ("crio-{id}.scope", {f"run/{STORAGE}/{{id}}/userdata/config.json": {"annotations": LABELS}}, "app", POD),
    "lxc": ("lxc.payload.box", {}, "box", None),
    "nobody": ("docker-{id}.scope", {}, None, None),  # an id of which no file tells
}


@pytest.fixture
def engines(lab):
    """Containers, each with its cgroup, and a prefix with which an agent finds their engines' files at their places."""
    root, group, made = lab.dir / "engines", lab.cgroup(), {}
    for folder in ("var/lib", "run"):
        (root / folder).mkdir(parents=True)
    for engine, (name, files, called, pod) in ENGINES.items():
        identity = uuid.uuid4().hex * 2
        for path, content in files.items():
            path = root / path.format(id=identity)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content).replace("{id}", identity))
            path.chmod(0o600)
        cgroup = group / name.format(id=identity)
        cgroup.mkdir()
        want = {"id": identity if "{id}" in name else called, **({"name": called} if called else {})}
        made[engine] = (cgroup, want, pod)
    yield made, ("unshare", "-m", "sh", "-ec", f'mount --bind {root}/var/lib /var/lib; mount --bind {root}/run /run; exec "$@"', "-")
    for cgroup, _, _ in made.values():
        cgroup.rmdir()


def test_names(lab, watch, engines):
    """One agent, a refused connect in a container of each engine; its process lives until the verdict is out."""
    made, wrap = engines
    agent = watch(wrap=wrap)
    port = free_port()
    for engine, (cgroup, want, pod) in made.items():
        proc = lab.start("connect", "127.0.0.1", port, wrap=("sh", "-c", f'echo $$ > {cgroup}/cgroup.procs; exec "$@"', "-"))
        if not hasattr(agent, "pid"):
            proc.release()
            continue
        found = agent.wait_for(finding="connect-refused-local", state="final", pid=proc.pid)
        proc.release()
        assert found["container"] == want and found.get("pod") == pod, (engine, describe([found]))
