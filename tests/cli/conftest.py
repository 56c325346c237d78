# SPDX-License-Identifier: GPL-2.0-or-later
"""The program as a user without privileges meets it: no kernel side, recordings made from text."""

import os
import subprocess

import pytest

from program import ASSEMBLE, ROOT, Schema


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
