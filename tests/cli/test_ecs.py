# SPDX-License-Identifier: GPL-2.0-or-later
"""--ecs: documents of the Elastic Common Schema, held against the table of docs/ecs.md, which has its names and types."""

import datetime
import ipaddress
import json
import re

import pytest

from program import ROOT, pairs_in_order, sockwhy
from test_containers import ID, POD
from test_name import asked

TABLE = dict(re.findall(r"^\| `([\w.@]+)` \| (\w+) \|", (ROOT / "docs/ecs.md").read_text(), re.M))
OWN = set(re.search(r"What the schema has no field for.*?\n\n", (ROOT / "docs/ecs.md").read_text(), re.S)[0].replace("\n", " ").split("`"))
CASES = sorted(path.stem for path in (ROOT / "tests/replay/cases").glob("*.events"))
LISTS = {"event.category", "event.type"}  # what ECS normalizes to arrays
ALLOWED = {"event.kind": {"event"}, "event.category": {"network"}, "event.type": {"connection", "protocol"},
           "event.outcome": {"failure", "success", "unknown"}, "network.direction": {"ingress", "egress"}}


def is_long(value):
    return type(value) is int and -2 ** 63 <= value < 2 ** 63  # pylint: disable=unidiomatic-typecheck


def is_date(value):
    return datetime.datetime.fromisoformat(re.sub(r"\.(\d{6})\d*Z$", r".\1+00:00", value))


TYPES = {"keyword": lambda value: isinstance(value, str) and value, "match_only_text": lambda value: isinstance(value, str) and value,
         "wildcard": lambda value: isinstance(value, str) and value, "long": is_long, "ip": ipaddress.ip_address, "date": is_date}


def flat(obj, path=""):
    """(field, value) of all but sockwhy.*"""
    for key, value in obj.items():
        if isinstance(value, dict) and path + key != "sockwhy":
            yield from flat(value, f"{path}{key}.")
        elif path + key != "sockwhy":
            yield path + key, value


def checked(line):
    assert len(line.encode()) <= 16384
    doc = pairs_in_order(line)
    for field, value in flat(doc):
        assert field in TABLE, f"{field} is not in docs/ecs.md"
        assert isinstance(value, list) == (field in LISTS), field
        for one in value if field in LISTS else [value]:
            assert TYPES[TABLE[field]](one), f"{field}: {one!r} is no {TABLE[field]}"
            assert one in ALLOWED.get(field, {one}), f"{field}: {one}"
    assert set(doc["sockwhy"]) <= OWN, set(doc["sockwhy"]) - OWN
    return doc


def documents(*args):
    done = sockwhy("read", "-q", "--all", *args)
    assert done.returncode == 0, done.err
    return [line for line in done.out.splitlines()]


@pytest.mark.parametrize("name", CASES)
def test_every_case(case, name):
    """The same findings as JSON, in order, and what both say is the same."""
    path = case(name, **({"kernel": "6.1"} if "-6.1" in name else {}))
    docs = [checked(line) for line in documents("--ecs", path)]
    told = [obj for obj in map(json.loads, documents("--json", path)) if obj["type"] == "finding"]
    assert len(docs) == len(told)
    for doc, obj in zip(docs, told):
        assert (doc["event"]["code"], doc["event"]["id"], doc["sockwhy"]["state"]) == (obj["finding"], obj["attempt"], obj["state"])
        assert doc.get("@timestamp") == obj.get("time") and doc["event"].get("start") == obj.get("started")
        assert doc.get("error", {}).get("code", obj.get("errno")) == obj.get("errno")
        assert doc["event"].get("duration") == (obj["duration_us"] * 1000 if "duration_us" in obj else None)
        assert doc["log"]["level"] == obj["severity"] and doc["event"]["reason"] == obj["cause"]
        assert {key: doc["sockwhy"].get(key) for key in ("check", "evidence", "scope", "blind", "count", "total", "summary", "group")} == \
            {key: obj.get(key) for key in ("check", "evidence", "scope", "blind", "count", "total", "summary", "group")}
        if obj["state"] == "final" and "errno" in obj:
            assert doc["event"]["outcome"] == "failure"
        if obj["connection"]["role"] == "client":
            for side, end in (("source", "local"), ("destination", "asked" if "asked" in obj["connection"] else "remote")):
                want = obj["connection"].get(end, {})
                assert (doc.get(side, {}).get("ip"), doc.get(side, {}).get("port")) == (want.get("address"), want.get("port"))


WHOLE = f"""
91 process tgid=4121 start_ns=4121000000 uid=1000 exe="/usr/bin/curl" command="curl -s http://db" container="{ID}" cgroup="/docker/{ID}" \
{POD} parent0.tgid=4000 parent0.comm="bash"
100    $begin asked=10.96.0.1:80
100.02 $syn
100.31 $rst
100.34 $ends error=ECONNREFUSED how=2
tick 1000
""".replace("\\\n", " ")


def test_every_field_is_told(case, record):
    """None stands in the table that is never told."""
    seen = {}
    for path in (record(asked("db.internal", "10.96.0.1", at=95) + WHOLE), case("dns-servfail")):
        for line in documents("--ecs", path):
            seen.update(flat(checked(line)))
    assert set(TABLE) == set(seen)
    assert (seen["destination.ip"], seen["destination.port"]) != (seen["destination.nat.ip"], seen["destination.nat.port"])
    assert seen["orchestrator.resource.name"] == "web-7d9f" and seen["container.name"] == "cart" and seen["process.parent.name"] == "bash"


def test_mask(case):
    """What is masked in JSON is masked here: address, name of host and process, and hashes that are made of them."""
    plain, masked = ([checked(line) for line in documents("--ecs", *words, case("connect-refused"))] for words in ((), ("--mask",)))
    assert len(plain) == len(masked) == 1
    was, now = plain[0], masked[0]
    for side in ("source", "destination"):
        assert now[side]["ip"] == now[side]["address"] != was[side]["ip"] and now[side]["ip"] not in json.dumps(was)
        assert was[side]["ip"] not in json.dumps(now)
    assert now["network"]["community_id"] != was["network"]["community_id"] and now["sockwhy"]["group"] != was["sockwhy"]["group"]


def test_one_form():
    done = sockwhy("read", "--ecs", "--json", "x")
    assert done.returncode == 2 and "--json, --ecs, " in done.err and ": only one of them" in done.err
