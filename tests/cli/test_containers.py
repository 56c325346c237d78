# SPDX-License-Identifier: GPL-2.0-or-later
"""Who it was, in a container: its name where its engine keeps one, else its id."""

import pytest

from program import findings, sockwhy

ID = "9f2c7e1a4b5d6c8e0f1a2b3c4d5e6f708192a3b4c5d6e7f80123456789abcdef"
UID = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
POD = f'container_name="cart" pod="web-7d9f" pod_namespace="shop" pod_uid="{UID}"'


@pytest.fixture
def contained(record):
    """contained(more): a refused connect of a process in that container."""
    def make(more):
        return record(f"""
91 process tgid=4121 start_ns=4121000000 uid=1000 exe="/usr/bin/curl" container="{ID}" cgroup="/docker/{ID}" {more}
100    $begin
100.02 $syn
100.31 $rst
100.34 $ends error=ECONNREFUSED how=2
tick 1000
""")
    return make


@pytest.mark.parametrize("more, words, container, pod", [
    ("", f"curl[4121] in container {ID[:12]}", {"id": ID}, None),
    ('container_name="web"', "curl[4121] in container web", {"id": ID, "name": "web"}, None),
    ('unit="nginx.service" container_name="web"', "curl[4121] nginx.service in container web", {"id": ID, "name": "web"}, None),
    (POD, "curl[4121] in pod shop/web-7d9f container cart", {"id": ID, "name": "cart"},
     {"namespace": "shop", "name": "web-7d9f", "uid": UID}),
    (f'pod_uid="{UID}"', f"curl[4121] in container {ID[:12]}", {"id": ID}, {"uid": UID})],
    ids=["id", "name", "unit-inside", "pod", "pod-of-no-name"])
def test_said(contained, schema, more, words, container, pod):
    path = contained(more)
    assert f" {words} could not connect to 10.0.0.2:8080: ECONNREFUSED" in sockwhy("read", path).out
    assert words[:30] in sockwhy("read", "--brief", path).out
    found, = findings(schema, path)
    assert found["container"] == container and found.get("pod") == pod


def test_chosen(contained):
    path = contained(POD)
    for word, count in (("cart", 1), ("c*", 1), (ID[:8], 1), ("web", 0), ("cart2", 0), (ID[1:9], 0)):
        assert sockwhy("read", "--brief", "--container", word, path).out.count("\n") == count, word


def test_pod_chosen(contained):
    path = contained(POD)
    for word, count in (("web-7d9f", 1), ("web-*", 1), ("shop/web-7d9f", 1), ("shop/*", 1), ("shop", 0), ("cart", 0), ("other/*", 0)):
        assert sockwhy("read", "--brief", "--pod", word, path).out.count("\n") == count, word
    assert not sockwhy("read", "--brief", "--pod", "*", contained("")).out  # who is in none is in no such


PARENTS = " ".join(f'parent{n}.tgid={4000 - n} parent{n}.comm="{name}"' for n, name in enumerate(("bash", "sshd", "sshd", "systemd")))


@pytest.mark.parametrize("more, parents", [
    (PARENTS, [(4000, "bash"), (3999, "sshd"), (3998, "sshd"), (3997, "systemd")]),
    ('parent0.tgid=4000 parent0.comm="bash" parent1.tgid=1 parent1.comm="systemd"', [(4000, "bash"), (1, "systemd")]),
    ("", None)], ids=["four", "two", "unknown"])
def test_lineage(contained, schema, more, parents):
    found, = findings(schema, contained(more))
    want = parents and [{"pid": pid, "comm": comm} for pid, comm in parents]
    assert found["process"].get("parents") == want
    assert found["process"]["found"] == "call"


def test_masked(contained):
    path = contained(POD)
    for form in ([], ["--json"], ["--brief"], ["--json", "-v", "--all"]):
        out = sockwhy("read", "--mask", *form, path).out
        assert out and not any(word in out for word in ("shop", "web-7d9f", ID, UID, "cart")), out
