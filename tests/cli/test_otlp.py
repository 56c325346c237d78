# SPDX-License-Identifier: GPL-2.0-or-later
"""--otlp-json: OTLP's JSON, read strictly as opentelemetry-proto's logs.proto and the mapping of Protocol Buffers have it, and against docs/otlp.md."""

import json
import re

import pytest

from program import ROOT, pairs_in_order, sockwhy
from test_ecs import CASES, WHOLE, documents
from test_name import asked

PAGE = (ROOT / "docs/otlp.md").read_text()
TABLE = {name: kind for names, kind in re.findall(r"^\| (`[^|]+`) \| (string|int|array) \|", PAGE, re.M) for name in re.findall(r"`([\w.]+)`", names)}
RESOURCE = {"service.name", "host.name", "sockwhy.boot_id"}
SEVERITIES = {"error": (17, "ERROR"), "warning": (13, "WARN"), "info": (9, "INFO")}
VALUES = {"string": "stringValue", "int": "intValue", "array": "arrayValue"}


def is_64(value, signed):
    assert isinstance(value, str) and re.fullmatch(r"-?\d+" if signed else r"\d+", value), value
    assert -2 ** 63 <= int(value) < 2 ** (63 if signed else 64)
    return int(value)


def exactly(obj, required, optional=()):
    assert isinstance(obj, dict) and set(required) <= set(obj) <= {*required, *optional}, obj
    return obj


def one(values):
    assert isinstance(values, list) and len(values) == 1
    return values[0]


def any_value(value):
    """AnyValue: a oneof."""
    (kind, content), = exactly(value, (), ("stringValue", "intValue", "arrayValue")).items()
    if kind == "intValue":
        return is_64(content, True)
    if kind == "arrayValue":
        return [any_value(entry) for entry in exactly(content, ("values",))["values"]]
    assert isinstance(content, str)
    return content


def attributes(pairs):
    """KeyValue, each key once: repeated ones are undefined (specification of common attributes)."""
    keys = [exactly(pair, ("key", "value"))["key"] for pair in pairs]
    assert len(keys) == len(set(keys)) and all(keys), keys
    return {pair["key"]: (next(iter(pair["value"])), any_value(pair["value"])) for pair in pairs}


def checked(line):
    """(the record, its attributes, those of its resource)"""
    assert len(line.encode()) <= 16384
    logs = exactly(one(exactly(pairs_in_order(line), ("resourceLogs",))["resourceLogs"]), ("resource", "scopeLogs"))
    resource = attributes(exactly(logs["resource"], ("attributes",))["attributes"])
    scope = exactly(one(logs["scopeLogs"]), ("scope", "logRecords"))
    assert scope["scope"] == {"name": "sockwhy"}
    record = exactly(one(scope["logRecords"]), ("severityNumber", "severityText", "eventName", "body", "attributes"),
                     ("timeUnixNano", "observedTimeUnixNano"))
    for time in ("timeUnixNano", "observedTimeUnixNano"):
        assert time not in record or is_64(record[time], False) > 10 ** 18
    assert record["eventName"] == "sockwhy.finding" and any_value(record["body"])
    said = attributes(record["attributes"])
    for name, (kind, value) in said.items():
        assert kind == VALUES.get(TABLE.get(name)), f"{name} is not so in docs/otlp.md"
        assert value not in ("", []), name
    assert {"service.name"} <= set(resource) <= RESOURCE and resource["service.name"][1] == "sockwhy"
    return record, {name: value for name, (_, value) in said.items()}, {name: value for name, (_, value) in resource.items()}


@pytest.mark.parametrize("name", CASES)
def test_every_case(case, name):
    """The same findings as JSON, in order, and what both say is the same."""
    path = case(name, **({"kernel": "6.1"} if "-6.1" in name else {}))
    records = [checked(line) for line in documents("--otlp-json", path)]
    told = [obj for obj in map(json.loads, documents("--json", path)) if obj["type"] == "finding"]
    assert len(records) == len(told)
    for (record, said, resource), obj in zip(records, told):
        connection = obj["connection"]
        assert (record["severityNumber"], record["severityText"]) == SEVERITIES[obj["severity"]]
        assert ("timeUnixNano" in record, resource.get("host.name")) == ("started" in obj, obj.get("host", {}).get("name"))
        assert {key: said.get(f"sockwhy.{key}") for key in ("finding", "attempt", "group", "state", "stage", "confidence", "ended", "errno", "summary",
                                                            "cause", "duration_us", "blind", "count", "total", "unit")} == \
            {key: obj.get(key) for key in ("finding", "attempt", "group", "state", "stage", "confidence", "ended", "errno", "summary",
                                           "cause", "duration_us", "blind", "count", "total", "unit")}
        assert said.get("process.pid") == obj.get("process", {}).get("pid")
        for end, words in (("local", "network.local"), ("remote", "network.peer")):
            where = connection.get(end, {})
            assert (said.get(f"{words}.port"), said.get(f"{words}.address")) == (where.get("port"), where.get("address")), end
        assert len(said.get("sockwhy.evidence", ())) + said.get("sockwhy.omitted", 0) >= len(obj["evidence"])


MANY = """
100    $begin
100.02 $syn
""" + "".join(f"{1100 + 10 * n} $again\n" for n in range(100)) + """
9000.31 $rst
9000.34 $ends error=ECONNREFUSED how=2
tick 9900
"""


def test_every_attribute_is_told(case, record):
    """None stands in the table that is never told; a line that has no room for all evidence says how much is missing."""
    seen, of_resource = set(), set()
    whole = record(asked("db.internal", "10.96.0.1", at=95) + WHOLE.replace(" container=", ' unit="web.service" container='), "whole")
    for path in (whole, record(MANY, "many"), *map(case, ("dns-servfail", "unix-connect-failed-absent", "accept-queue-full-before-port"))):
        for line in documents("--otlp-json", path):
            _, said, resource = checked(line)
            seen.update(said)
            of_resource.update(resource)
    assert set(TABLE) == seen and of_resource == RESOURCE, set(TABLE) - seen


def test_mask(case):
    plain, masked = ([checked(line) for line in documents("--otlp-json", *words, case("connect-refused"))] for words in ((), ("--mask",)))
    (_, was, _), (_, now, _) = *plain, *masked
    for name in ("network.local.address", "network.peer.address", "sockwhy.group"):
        assert was[name] != now[name] and was[name] not in json.dumps(now)
