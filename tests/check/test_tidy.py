# SPDX-License-Identifier: GPL-2.0-or-later
"""clang-tidy has nothing to say of user/: `make check` asks it of what changed, `make test` of everything."""
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def git(root, *arguments):
    run = subprocess.run(["git", "-C", str(root), *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                         text=True, check=False)
    return run.stdout.split() if run.returncode == 0 else []


def changed(root):
    """What is not committed yet, and what the last commit changed."""
    return {*git(root, "diff", "--name-only", "--diff-filter=d", "HEAD"), *git(root, "ls-files", "-o", "--exclude-standard"),
            *git(root, "diff", "--name-only", "--diff-filter=d", "HEAD~1", "HEAD")}


def sources_of(root, paths):
    """The sources of user/ among them, and of each header one that includes it: clang-tidy looks into both."""
    sources = {path for path in paths if path.startswith("user/") and path.endswith(".c")}
    for header in sorted(path for path in paths if path.startswith(("user/", "include/")) and path.endswith(".h")):
        line = f'#include "{header.split("/", 1)[1]}"'
        including = [path for path in git(root, "grep", "-lF", line, "--", "user/*.c")]
        if not sources & set(including):
            sources.update(including[:1])
    return sorted(sources)


def test_tidy():
    what = os.environ.get("TIDY")
    if what not in ("all", "changed"):
        pytest.skip("TIDY is not set, as tests/run.sh does")
    if what == "changed" and (ROOT / ".git").exists():
        wanted = [f"build/tidy/{path[:-2]}.ok" for path in sources_of(ROOT, changed(ROOT))]
    else:
        wanted = ["tidy"]
    if not wanted:
        return
    run = subprocess.run(["make", "-k", f"-j{os.cpu_count()}", *wanted], cwd=ROOT, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, check=False)
    assert run.returncode == 0, run.stdout


def test_what_changed_is_found(tmp_path):
    """A file that is changed, one that is new, one of the last commit; of a header one that includes it."""
    def commit(**files):
        for name, text in files.items():
            (tmp_path / "user" / f"{name[:-2]}.{name[-1]}").write_text(text)
        git(tmp_path, "add", "-A")
        git(tmp_path, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "one")

    (tmp_path / "user").mkdir()
    git(tmp_path, "init", "-q")
    commit(old_c="int old;\n", first_c='#include "top.h"\n', second_c='#include "top.h"\n', top_h="", edited_c="int a;\n")
    commit(last_c="int last;\n")
    (tmp_path / "user" / "edited.c").write_text("int b;\n")
    (tmp_path / "user" / "new.c").write_text("int c;\n")
    assert sources_of(tmp_path, changed(tmp_path)) == ["user/edited.c", "user/last.c", "user/new.c"]
    (tmp_path / "user" / "top.h").write_text("int d;\n")
    assert sources_of(tmp_path, changed(tmp_path)) == ["user/edited.c", "user/first.c", "user/last.c", "user/new.c"]
