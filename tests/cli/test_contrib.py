# SPDX-License-Identifier: GPL-2.0-or-later
"""contrib/: what it asks of the counters exists and is PromQL, and what it reads is what the program is told to write."""

import json
import re
import subprocess
import tomllib

import pytest

from program import ROOT, sockwhy

CONTRIB = ROOT / "contrib"
DASHBOARD = json.loads((CONTRIB / "grafana/sockwhy.json").read_text())
VARIABLES = {"$__rate_interval": "5m", "$__range": "6h", "$instance": ".*"}
HEADS = re.compile(r'print_(?:head|gauge|total|kinds)\(\s*file, "(\w+)"')


def expressions():
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def known():
    names = set(HEADS.findall((ROOT / "user/sinks/metrics.c").read_text()))
    return {f"sockwhy_{name}{end}" for name in names for end in ("", *(("_bucket", "_sum", "_count") if name.endswith("seconds") else ()))}


def test_metrics_exist():
    """Of the dashboard and of the alert rules; and no panel is left over from a metric that is gone."""
    asked = {name for _, words in expressions() for name in re.findall(r"sockwhy_\w+", words)}
    alerts = set(re.findall(r"sockwhy_\w+", re.sub(r"sockwhy\.rules\S*", "", (CONTRIB / "prometheus/sockwhy.rules.yml").read_text())))
    assert len(asked) > 10 and asked <= known(), asked - known()
    assert alerts and alerts <= known(), alerts - known()


def test_promql(tmp_path):
    """promtool takes each expression, with values for Grafana's variables."""
    rules = []
    for n, (title, words) in enumerate(expressions()):
        for variable, value in VARIABLES.items():
            words = words.replace(variable, value)
        assert "$" not in words, (title, words)
        rules.append({"record": f"panel:{n}", "expr": words})
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))  # YAML, too
    done = subprocess.run(["promtool", "check", "rules", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0 and f"{len(rules)} rules found" in done.stdout, done.stdout


def test_panels():
    """No two lie upon each other, and each asks the data source that is chosen above."""
    taken = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken and at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells
        assert {panel["datasource"]["uid"], *(target["datasource"]["uid"] for target in panel["targets"])} == {"${datasource}"}
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


@pytest.mark.parametrize("name", ["vector.toml", "fluent-bit.conf", "otel-collector.yaml"])
def test_files_are_those_that_are_written(case, tmp_path, name):
    """The options of its head make a file of the name that it reads."""
    words = (CONTRIB / name).read_text()
    options = re.search(r"OPTIONS=(.*)", words)[1].split()
    pattern, = set(re.findall(r"/var/log/sockwhy/[\w.*-]+", words)) - {options[options.index("-o") + 1]}
    options[options.index("-o") + 1] = tmp_path / "findings.jsonl"
    done = sockwhy("read", *options, case("connect-refused"))
    assert done.returncode == 0, done.err
    written = list(tmp_path.glob(pattern.rsplit("/", 1)[1]))
    assert [json.loads(line) for path in written for line in path.read_text().splitlines()]


def test_vector_is_toml():
    tables = tomllib.loads((CONTRIB / "vector.toml").read_text())
    named = {name for kind in tables.values() for name in kind}
    assert all(entry in named for kind in tables.values() for part in kind.values() for entry in part.get("inputs", []))
