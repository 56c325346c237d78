# SPDX-License-Identifier: GPL-2.0-or-later
"""The program under test, what it is fed with, and its JSON lines held against the schema."""

import functools
import json
import os
import pathlib
import subprocess

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOCKWHY = pathlib.Path(os.environ.get("SOCKWHY", ROOT / "build/sockwhy")).resolve()  # make static builds another
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


def findings(schema, path, *args):
    """What read says of a capture, the findings alone."""
    done = sockwhy("read", "-q", "--json", *args, path)
    assert done.returncode == 0 and not done.err, done.err
    lines = [schema.check(line) for line in done.out.splitlines()]
    return [line for line in lines if line["type"] == "finding"]


def pairs_in_order(text):
    """JSON with the order of keys, twice the same key refused."""
    def collect(pairs):
        keys = [key for key, _ in pairs]
        assert len(keys) == len(set(keys)), f"a key twice: {keys}"
        return dict(pairs)
    return json.loads(text, object_pairs_hook=collect)


@functools.cache
def validators():
    """The schema, the branch of each type, and validators of branches: to look whether it is a schema takes 0.3 s."""
    schema = json.loads(SCHEMA.read_text())
    cls = jsonschema.validators.validator_for(schema)
    cls.check_schema(schema)
    names = [branch["$ref"].rsplit("/", 1)[1] for branch in schema["oneOf"]]
    branches = {schema["$defs"][name]["properties"]["type"]["const"]: name for name in names}
    return schema, branches, {name: cls({**schema, "oneOf": [{"$ref": f"#/$defs/{name}"}]}) for name in names}


class Schema:
    """schema/sockwhy.schema.json, each line against the branch of its own type: whose fault it is stays readable."""

    def __init__(self):
        self.schema, self.branches, self.validators = validators()

    def validate(self, obj):
        """A parsed line is what the schema says of its type."""
        name = self.branches.get(obj["type"])
        assert name, f"no line is of type {obj['type']}"
        if not self.validators[name].is_valid(obj):
            error = jsonschema.exceptions.best_match(self.validators[name].iter_errors(obj))
            while error.context:
                error = max(error.context, key=lambda e: len(e.absolute_path))
            raise AssertionError(f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}\n{json.dumps(obj)[:2000]}")

    def check(self, line):
        """The line is an object of its type, keys in the schema's order, and fits a buffer of 16 KiB."""
        assert len(line.encode()) <= 16384
        obj = pairs_in_order(line)
        self.validate(obj)
        order = [key for key in self.schema["$defs"][self.branches[obj["type"]]]["properties"] if key in obj]
        assert list(obj) == order
        return obj
