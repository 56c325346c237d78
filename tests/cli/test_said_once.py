# SPDX-License-Identifier: GPL-2.0-or-later
"""The text of every finding, as a stranger reads it: nothing stands there twice, and no line is empty of news."""

import json
import re

import pytest

from program import CASES, sockwhy

NAMES = [json.loads(line)["name"] for line in sockwhy("explain", "--json").out.splitlines()
         if json.loads(line)["of"] == "finding"]


def blocks_of(text):
    """The lines of each final finding, by their labels: {"": head, "certain": cause, "host": [lines] …}."""
    block, label = {}, ""
    for line in text.splitlines():
        if not line.startswith(" "):
            if block:
                yield block
            block, label = {"": [line]}, ""
            continue
        label = line[6:14].strip() or label
        block.setdefault(label, []).append(line[14:])
    if block:
        yield block


@pytest.mark.parametrize("name", NAMES)
def test_nothing_twice(case, name):
    captured = not (CASES / f"{name}.events").exists()
    path = case(f"capture-{name}", kernel="capture") if captured else case(name)
    blocks = [block for block in blocks_of(sockwhy("read", "--all", path).out) if name in block[""][0]]
    assert blocks
    for block in blocks:
        head, = block[""]
        assert not re.search(r" (\S+)\[\d+\][^:]*: \1[ \[]", head), head  # "curl[4121]: curl does not read"
        why = " ".join(line for label in ("certain", "likely", "possible") for line in block.get(label, ()))
        for fact in block.get("host", ()):
            assert fact not in why, (fact, why)
            for number in re.findall(r"(?<![\w.])\d{2,}(?![\w.])", fact):
                assert not re.search(rf"(?<![\w.]){number}(?![\w.])", why), (fact, why)
        for line in block.get("between", ()):
            assert " → " in line or " ← " in line, line
        assert not re.search(r"\b(0 times|1 times|1 connections|1 packets|1 bytes|1 segments)\b", "\n".join(sum(block.values(), [])))
