# SPDX-License-Identifier: GPL-2.0-or-later
"""The short part of make faults: those scenarios of it that stand in docs/accuracy.md as right must still be right."""

import os

import pytest

import form
import lab as lab_module
import page
from faults import Round


def pytest_sessionstart(session):
    if not session.config.option.collectonly and os.geteuid() != 0:
        raise pytest.UsageError("tests/faults needs root: namespaces, BPF")


def pytest_sessionfinish(session):
    lab_module.session_finish(session)


def right_today():
    """(variant, mode) of the short part that the page calls right."""
    told = page.Page.read()
    return [(v, mode) for v in form.load() if v.get("short") for mode in v.judges if told.verdict(v.name, mode) == "right"]


@pytest.fixture(scope="session")
def outcomes():
    """All of them are played at once, in one network; each test looks at its own."""
    rounds = Round([v for v in dict.fromkeys(v for v, _ in right_today())])
    try:
        played = rounds.run()
    finally:
        rounds.close()
    return {(o.variant.name, o.mode): o for o in played}


def pytest_generate_tests(metafunc):
    if "pair" in metafunc.fixturenames:
        pairs = right_today()
        metafunc.parametrize("pair", pairs, ids=[f"{v.name}-{mode}" for v, mode in pairs])
