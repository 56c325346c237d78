# SPDX-License-Identifier: GPL-2.0-or-later
"""The program as a user without privileges meets it: no kernel side, recordings made from text."""

import json
import os
import pathlib
import subprocess

import jsonschema
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOCKWHY = ROOT / "build/sockwhy"
ASSEMBLE = ROOT / "build/tests/assemble"
CASES = ROOT / "tests/replay/cases"
SCHEMA = ROOT / "schema/sockwhy.schema.json"


def sockwhy(*args, data=None, stdin=subprocess.DEVNULL, env=None, cwd=None, stdout=subprocess.PIPE):
    """Runs it with an empty standard input; text, UTF-8 locale unless env says otherwise."""
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **(env or {})}
    given = {"input": data} if data is not None else {"stdin": stdin}
    done = subprocess.run([SOCKWHY, *map(str, args)], stdout=stdout, stderr=subprocess.PIPE, env=env, cwd=cwd,
                          timeout=30, check=False, **given)
    done.out = (done.stdout or b"").decode()
    done.err = done.stderr.decode()
    return done


def pairs_in_order(text):
    """JSON with the order of keys, twice the same key refused."""
    def collect(pairs):
        keys = [key for key, _ in pairs]
        assert len(keys) == len(set(keys)), f"a key twice: {keys}"
        return dict(pairs)
    return json.loads(text, object_pairs_hook=collect)


class Schema:
    def __init__(self):
        self.schema = json.loads(SCHEMA.read_text())
        self.cls = jsonschema.validators.validator_for(self.schema)
        self.cls.check_schema(self.schema)
        self.names = {"check": "doctorCheck", "hook": "doctorHook", "leftover": "doctorLeftover"}
        self.validators = {}

    def check(self, line):
        """The line is an object of its type, keys in the schema's order, and fits a buffer of 16 KiB."""
        assert len(line.encode()) <= 16384
        obj = pairs_in_order(line)
        name = self.names.get(obj["type"], obj["type"])
        if name not in self.validators:
            self.validators[name] = self.cls({**self.schema, "oneOf": [{"$ref": f"#/$defs/{name}"}]})
        self.validators[name].validate(obj)
        order = [key for key in self.schema["$defs"][name]["properties"] if key in obj]
        assert list(obj) == order
        return obj


@pytest.fixture(scope="session")
def schema():
    return Schema()


@pytest.fixture
def record(tmp_path):
    """record(text): a recording of these lines, behind the words that all cases share."""
    def make(text, name="rec", kernel="6.18"):
        source, path = tmp_path / f"{name}.events", tmp_path / name
        here = os.path.relpath(ROOT / "tests/replay", tmp_path)  # includes are relative to the file
        source.write_text(f"include {here}/preamble-{kernel}.events\ninclude {here}/common.events\n"
                          + text.replace("@replay", here))
        subprocess.run([ASSEMBLE, source, path], check=True, timeout=30)
        return path
    return make


@pytest.fixture
def case(record):
    """case(name): the recording of a replay case."""
    return lambda name, **kwargs: record(f"include @replay/cases/{name}.events\n", name, **kwargs)
