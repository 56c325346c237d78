# SPDX-License-Identifier: GPL-2.0-or-later
"""Words from outside drive no terminal and dress up as no other word, in any output."""

import re

import pytest

from program import sockwhy

ODD = r"=\x1b[31m\xe2\x80\xaegnp\xc2\x9b\x07<b>&"  # a colour, U+202E, a C1 control, a bell, a tag
NAMES = " ".join(f'{key}="{ODD}"' for key in ("container_name", "pod", "pod_namespace", "pod_uid"))
RECORDING = f"""
80 interface ifindex=7 netns=4026532999 name="=\\x1b[1m\\xe2\\x80\\xae" type="=\\x1b[1m\\xe2\\x80\\xae" mtu=1500 flags=up
90 netns netns=4026532999 name="{ODD}"
91 process tgid=4121 start_ns=4121000000 uid=1000 exe="/{ODD}" unit="{ODD}" container="{ODD}" cgroup="/{ODD}" {NAMES}
set netns=4026532999
100    open cookie=7 tuple=10.0.0.1>10.0.0.2:8080 owner=curl[4121] owner.comm="=\\x1b[1m\\xe2\\x80\\xae" owner.exe="{ODD}"
100.02 $syn
100.021 $syn ifindex=7
100.31 $rst
100.35 $ends error=ECONNREFUSED how=2
+0 fact what=holder name="{ODD}" text="{ODD}"
+0 fact what=ruleset name="{ODD}" text="{ODD}"
+0 fact what=route name="{ODD}" text="{ODD}"
+0 $done
tick 1000
"""
FORMS = [[], ["-v"], ["--json"], ["--json", "-v"], ["--brief"], ["--mask"], ["--mask", "--json"]]
RAW = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\x8b-\x8f\xa8-\xae]|\xe2\x81[\xa0-\xaf]")


def test_nothing_raw(record, tmp_path):
    recording = record(RECORDING)
    outputs = {" ".join(form): sockwhy("read", "--all", *form, recording).stdout for form in FORMS}
    for suffix in ("html", "md"):
        path = tmp_path / f"report.{suffix}"
        assert sockwhy("read", "--all", "--report", path, recording).returncode == 0
        outputs[suffix] = path.read_bytes()
    path = tmp_path / "packets.pcapng"
    assert sockwhy("read", "--all", "-w", path, recording).returncode == 0
    words = path.read_bytes()
    assert b"namespace 4026532999, =" in words and b"\x1b[" not in words and b"\xe2\x80\xae" not in words
    assert any(b"31m" in words for words in outputs.values())
    for name, words in outputs.items():
        assert b"connect-refused" in words, name
        assert not RAW.search(words), (name, RAW.search(words))
    assert b"<b>" not in outputs["html"]


ODD_NAME = "=\x1b[31m\u202egnp\n\x9b"
LINES = (
    ["read", f"/nowhere/{ODD_NAME}"], ["read", "-r", f"/nowhere/{ODD_NAME}"], ["read", "-o", f"/nowhere/{ODD_NAME}", "/dev/null"],
    ["read", "-w", f"/nowhere/{ODD_NAME}.pcapng", "/dev/null"], ["read", "--report", f"/nowhere/{ODD_NAME}.html", "/dev/null"],
    ["compare", f"/nowhere/{ODD_NAME}", "/dev/null"], ["flows", f"/nowhere/{ODD_NAME}"],
    ["watch", "--config", f"/nowhere/{ODD_NAME}"], ["doctor", "--config", f"/nowhere/{ODD_NAME}"], ["explain", ODD_NAME],
    ["read", "--severity", ODD_NAME, "/dev/null"], [ODD_NAME], ["run", "-u", ODD_NAME, "--", "true"],
)


@pytest.mark.parametrize("args", LINES, ids=lambda args: "-".join(args[:2]).replace(ODD_NAME, "odd").replace("/nowhere/", ""))
def test_diagnostics(args):
    diagnosed(sockwhy(*args))


def test_diagnostics_of_values(case):
    recording = case("connect-refused")
    for option in ("-f", "--set", "--finding"):
        diagnosed(sockwhy("read", option, ODD_NAME, recording))


def diagnosed(run):
    assert run.returncode
    assert b"[31m" in run.stderr
    assert not RAW.search(run.stdout + run.stderr), run.stderr
    assert all(line.startswith((b"sockwhy: ", b"hint: ")) for line in run.stderr.splitlines()), run.stderr


def test_what_a_configuration_file_says(tmp_path):
    path = tmp_path / ODD_NAME
    path.write_text("mute = dns-slow because \u202egnp\n", encoding="utf-8")
    run = sockwhy("doctor", "--config", path)
    assert not RAW.search(run.stdout + run.stderr), run.stdout
    assert rb": \xe2\x80\xaegnp" in run.stdout and rb"=\x1b[31m" in run.stdout
