# SPDX-License-Identifier: GPL-2.0-or-later
"""The cases of tests/replay/cases as recordings through the program itself: the same verdicts, in valid JSON."""

import json
import os
import re
import subprocess

import pytest

from program import ASSEMBLE, CASES, ROOT, SOCKWHY, Schema

SCHEMA = Schema()
NAMES = sorted(path.stem for path in CASES.glob("*.events"))


def assemble(tmp_path, name, kernel, attempts=()):
    """A recording of a case; facts, up to the next `done`, carry the id of their attempt, the same in every replay."""
    text, nth = (CASES / f"{name}.events").read_text(), 0
    if attempts:
        lines = text.split("\n")
        for i, line in enumerate(lines):
            if line.startswith("+0 "):
                lines[i] += f" request=0x{attempts[min(nth, len(attempts) - 1)]}"
                nth += line == "+0 $done"
        text = "\n".join(lines)
    here = os.path.relpath(ROOT / "tests/replay", tmp_path)
    source, recording = tmp_path / "case.events", tmp_path / "case.rec"
    kernel = "capture" if name.startswith("capture-") else kernel
    source.write_text(f"include {here}/preamble-{kernel}.events\ninclude {here}/common.events\n{text}")
    subprocess.run([ASSEMBLE, source, recording], check=True)
    return recording


def read(recording, *options):
    """What `sockwhy read` says, as it says it, and its findings."""
    done = subprocess.run([SOCKWHY, "read", recording, "--json", "--all", *options], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    for line in lines:
        SCHEMA.validate(line)
    return done.stdout, [line for line in lines if line["type"] == "finding"]


def expected(name, kernel):
    """[(verdict, what, why)] of a case's expectation."""
    path = CASES / f"{name}.{kernel}.expected"
    text = (path if path.exists() else CASES / f"{name}.expected").read_text()
    found = []
    for line in text.splitlines():
        if line == "nothing":
            continue
        if line[0] != "\t":
            found.append([line, None, None])
        elif line.startswith("\twhat"):
            found[-1][1] = line[9:]
        elif line.startswith("\twhy"):
            found[-1][2] = line[9:]
    return [tuple(f) for f in found]


def verdict(finding):
    ended = finding.get("ended", "-")
    words = [finding["state"], finding["finding"], finding["confidence"], finding["severity"],
             str(finding.get("process", {}).get("pid", 0)), finding.get("errno", "-"), ended,
             ",".join(finding.get("blind", [])) or "-"]
    return " ".join(words), finding["summary"], finding["cause"]


def without_end(item):
    """The program has no word for the exit of a process without a signal but "canceled"; cleared is one."""
    words = item[0].split(" ")
    return (" ".join(words[:6] + words[7:]), *item[1:])


@pytest.mark.parametrize("name, kernel", [(n, k) for n in NAMES for k in ["6.18", "6.1"]
                                          if k == "6.18" or not n.startswith("capture-")])
def test_case(tmp_path, name, kernel):
    recording = assemble(tmp_path, name, kernel)
    output, findings = read(recording)
    facts = re.findall(r"^\+0 .*", (CASES / f"{name}.events").read_text(), flags=re.M)
    if facts and findings:
        attempts = list(dict.fromkeys(finding["attempt"] for finding in findings))
        assert len(attempts) in (1, facts.count("+0 $done")), "facts of each attempt in turn, or all of one"
        recording = assemble(tmp_path, name, kernel, attempts)
        output, findings = read(recording)
    told = expected(name, kernel)
    assert [without_end(verdict(f))[0] for f in findings] == [without_end(e)[0] for e in told]
    # a repeat of a group is counted, and told in the words of the one before
    assert [verdict(f)[1:] for f in findings if f["total"] == 1] == [
        e[1:] for f, e in zip(findings, told) if f["total"] == 1]
    assert read(recording)[0] == output, "the same records give the same output, byte for byte"


@pytest.mark.parametrize("name", [n for n in NAMES if n.endswith("-near")])
def test_near_misses_alarm_nobody(tmp_path, name):
    """What fires instead of the finding is said at its own level; the finding itself never above info."""
    _output, findings = read(assemble(tmp_path, name, "6.18"), "--severity", "warning")
    assert name[:-len("-near")].removeprefix("capture-") not in [finding["finding"] for finding in findings]


def test_a_listener_that_went(tmp_path):
    """Told beside a finding of its port, also where that is the port of the server; not beside those of another."""
    went = ["10 open cookie=2 how=listen tuple=0.0.0.0:{0}>0.0.0.0 owner=gunicorn[800]",
            "40 state cookie=2 tuple=0.0.0.0:{0}>0.0.0.0 state=LISTEN>CLOSE"]
    case = (CASES / "accept-queue-full-listener.events").read_text()
    for port, told in ((8080, ["listener 0.0.0.0:8080 of gunicorn[800] closed"]), (51001, []), (80, [])):
        source, recording = tmp_path / "case.events", tmp_path / "case.rec"
        here = os.path.relpath(ROOT / "tests/replay", tmp_path)
        head = [f"include {here}/preamble-6.18.events", f"include {here}/common.events"]
        source.write_text("\n".join([*head, *(line.format(port) for line in went), case]))
        subprocess.run([ASSEMBLE, source, recording], check=True)
        _output, (finding,) = read(recording)
        assert [change["text"] for change in finding.get("changed", ())] == told, port
