# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of the lab need root: real programs talk in namespaces, tcpdump captures them, and the program reads that."""

import os
import re

import pytest

import lab as lab_module
from program import SOCKWHY, Schema


def pytest_sessionstart(session):
    if hasattr(session.config, "workerinput") or session.config.option.collectonly:
        return
    if os.geteuid() != 0:
        raise pytest.UsageError("tests/lab needs root: network namespaces")
    assert SOCKWHY.exists(), "build/sockwhy is not built: make"


def pytest_sessionfinish(session):
    lab_module.session_finish(session)


@pytest.fixture(scope="session")
def schema():
    return Schema()


@pytest.fixture
def lab():
    made = lab_module.Lab()
    yield made
    made.close()


@pytest.fixture(params=[4, 6], ids=["v4", "v6"])
def family(request):
    return request.param


@pytest.fixture
def judge(net, schema):
    """Of `net`, the test's network: ends the captures; judge(id, severity, confidence, pattern, …): told of them, and nothing else, not even on request."""
    def check(*expected, where=("client", "server"), args=()):
        net.stop()
        for place in where:
            found = net.read(schema, place, "--all", *args)
            told = [f'{line["finding"]}: {line["summary"]}' for line in found]
            assert [line["finding"] for line in found] == [expected[0]] * bool(expected[0]), (place, told)
            if expected[0]:
                line = found[0]
                assert line["severity"] == expected[1] and line["confidence"] in expected[2].split("|"), line
                assert re.search(expected[3], line["summary"]), (place, line["summary"])
    return check
