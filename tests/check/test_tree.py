# SPDX-License-Identifier: GPL-2.0-or-later
"""The house rules, applied to this tree."""
import subprocess
from pathlib import Path

import pytest

import checks
import foreign

ROOT = Path(__file__).resolve().parents[2]

TREE_CHECKS = (
    checks.check_layers,
    checks.check_rooms,
    checks.check_must_never_know,
    checks.check_public_headers,
    checks.check_spdx,
    checks.check_file_size,
    checks.check_function_size,
    checks.check_hygiene,
    checks.check_format,
    checks.check_names,
    checks.check_keywords,
    checks.check_written_once,
    checks.check_rules_listed,
    checks.check_packages_documented,
    checks.check_man_renders,
    checks.check_json_files,
    foreign.check_foreign,
)


def no_complaints(complaints):
    assert not complaints, "\n" + "\n".join(complaints)


@pytest.mark.parametrize("check", TREE_CHECKS, ids=lambda check: check.__name__)
def test_tree(check):
    no_complaints(check(ROOT))


def test_globals():
    subprocess.run(["make", "-s", "build/libsockwhy.a"], cwd=ROOT, check=True)
    no_complaints(checks.check_globals(ROOT))


def test_no_name_service():
    assert list(ROOT.glob("build/obj/user/**/*.o")), "nothing is built: run make first"
    no_complaints(checks.check_no_name_service(ROOT))


def test_docs_are_fresh():
    """What pages say of findings and options is what the program's tables say."""
    assert (ROOT / "build" / "sockwhy").exists(), "build/sockwhy is missing: run make first"
    run = subprocess.run(["/usr/bin/python3", "-B", "packaging/docs.py", "--check", "build/sockwhy"], cwd=ROOT,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stdout
