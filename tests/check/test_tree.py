# SPDX-License-Identifier: GPL-2.0-or-later
"""The house rules, applied to this tree."""
import subprocess
from pathlib import Path

import pytest

import checks

ROOT = Path(__file__).resolve().parents[2]

TREE_CHECKS = (
    checks.check_layers,
    checks.check_must_never_know,
    checks.check_public_headers,
    checks.check_spdx,
    checks.check_file_size,
    checks.check_function_size,
    checks.check_hygiene,
    checks.check_format,
    checks.check_names,
    checks.check_keywords,
    checks.check_rules_listed,
    checks.check_packages_documented,
    checks.check_man_renders,
    checks.check_json_files,
)


def no_complaints(complaints):
    assert not complaints, "\n" + "\n".join(complaints)


def sockwhy(*arguments):
    """Standard output of the built program."""
    program = ROOT / "build" / "sockwhy"
    assert program.exists(), "build/sockwhy is missing: run make first"
    run = subprocess.run([program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         text=True, check=False, timeout=30)
    assert run.returncode == 0, f"sockwhy {' '.join(arguments)}: {run.returncode}: {run.stderr}"
    return run.stdout


@pytest.mark.parametrize("check", TREE_CHECKS, ids=lambda check: check.__name__)
def test_tree(check):
    no_complaints(check(ROOT))


def test_globals():
    subprocess.run(["make", "-s", "build/libsockwhy.a"], cwd=ROOT, check=True)
    no_complaints(checks.check_globals(ROOT))


def test_no_name_service():
    assert list(ROOT.glob("build/obj/user/**/*.o")), "nothing is built: run make first"
    no_complaints(checks.check_no_name_service(ROOT))


def test_findings_documented():
    ids = checks.catalogue(sockwhy("explain"))
    # the catalogue never shrinks: fewer ids would mean that its printing or its reading broke
    assert len(ids) >= 23, ids
    no_complaints(checks.check_findings_documented(ROOT, ids))


def test_options_documented():
    wanted = checks.options(sockwhy("--help"))
    assert len(wanted) >= 20, wanted
    no_complaints(checks.check_options_documented(checks.man_text(ROOT), wanted))
