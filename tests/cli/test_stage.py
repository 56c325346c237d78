# SPDX-License-Identifier: GPL-2.0-or-later
"""Every finding says how far the wish had come."""

import json

import pytest

from program import findings, sockwhy

STAGES = {"lookup", "local", "connect", "accept", "tls", "request", "transfer", "close"}

# What a row fixes, and what follows from how far the connection came: request until both have spoken, transfer after
# that, close where a side had closed before it; where the end itself is told, the stage that it cut off.
CASES = {
    "dns-no-answer": "lookup",
    "local-no-route": "local", "local-port-in-use": "local",
    "connect-refused": "connect", "connect-slow": "connect",
    "accept-queue-full": "accept",
    "capture-udp-port-unreachable": "request",
    "capture-host-duplicate-address": "local",
    "capture-tls-alert": "tls",
    "capture-conn-silent": "request", "conn-closed-early": "request", "capture-conn-closed-early-smtp": "request",
    "conn-reset-by-peer": "request", "capture-conn-reset-by-peer": "transfer",
    "capture-conn-reset-by-peer-goodbye-lost": "close",
    "capture-conn-closed-early-http": "transfer", "capture-conn-keepalive-race": "transfer",
    "conn-timed-out": "transfer", "capture-conn-timed-out": "transfer",
    "conn-broken-pipe": "close", "capture-conn-broken-pipe": "close",
}


@pytest.mark.parametrize("name", CASES)
def test_stage(case, schema, name):
    """.. in JSON, of a pending word and of the final one."""
    found = findings(schema, case(name), "--all")
    assert found and {finding["stage"] for finding in found} == {CASES[name]}, found


def test_explain():
    """What is fixed stands in the catalogue; of established connections it is not."""
    rows = [json.loads(line) for line in sockwhy("explain", "--json").out.splitlines()]
    stages = {row["name"]: row.get("stage") for row in rows if row["of"] == "finding"}
    for name, stage in stages.items():
        assert stage is None if name.startswith("conn-") else stage in STAGES, (name, stage)
    assert "connect-refused  (error, at most certain, stage connect)" in sockwhy("explain", "connect-refused").out
    assert "conn-timed-out  (error, at most certain)" in sockwhy("explain", "conn-timed-out").out
