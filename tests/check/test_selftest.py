# SPDX-License-Identifier: GPL-2.0-or-later
"""Each check is shown a small bad tree and must complain, and a good one and must not."""
import shutil
import subprocess
from pathlib import Path

import pytest

import checks

ROOT = Path(__file__).resolve().parents[2]
SPDX = "// SPDX-License-Identifier: GPL-2.0-or-later\n"
KERNEL_SPDX = "// SPDX-License-Identifier: GPL-2.0-only\n"


def make_tree(root, contents):
    shutil.copy(ROOT / ".clang-format", root)
    for path, text in contents.items():
        target = Path(root, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return root


HEADERS = {
    "include/event.h": SPDX,
    "user/join/join.h": SPDX + "/* Theory of operation */\nstruct join;\n",
    "user/rules/rules.h": SPDX + "/* Theory of operation */\n",
    "user/util/text.h": SPDX,
}

# check, files of the bad tree, what the complaint must name
BAD = (
    (checks.check_layers, {"user/join/a.c": '#include "rules/rules.h"\n'}, "user/join/a.c:1"),
    (checks.check_layers, {"user/rules/a.c": '#include "join/table.h"\n'}, "join/table.h"),
    (checks.check_layers, {"user/util/a.c": '#include "join/join.h"\n'}, "join/join.h"),
    (checks.check_layers, {"user/rules/a.c": '#include "sockwhy.skel.h"\n'}, "sockwhy.skel.h"),
    (checks.check_layers, {"bpf/a.bpf.c": '#include "join/join.h"\n'}, "bpf/a.bpf.c:1"),
    (checks.check_layers, {"include/event.h": '#include "util/text.h"\n'}, "include/event.h"),
    (checks.check_layers, {"user/rules/a.c": '#include "join/compare/compare_parts.h"\n'}, "compare_parts.h"),
    (checks.check_rooms, {"user/join/host/a.c": '#include "join/conn/conn.h"\n'}, "host may not see conn"),
    (checks.check_rooms, {"user/join/join.c": '#include "join/compare/compare.h"\n'}, "join may not see compare"),
    (checks.check_rooms, {"user/join/talk/a.c": '#include "join/compare/compare.h"\n'}, "talk may not see"),
    (checks.check_rooms, {"user/join/compare/a.c": '#include "join/host/host.h"\n'}, "compare may not see"),
    (checks.check_rooms, {"user/join/new/a.c": '#include "join/host/host.h"\n'}, "new may not see host"),
    (checks.check_must_never_know, {"user/rules/a.c": "#include <stdio.h>\n"}, "stdio.h"),
    (checks.check_must_never_know, {"user/rules/a.c": "\tp = malloc(3);\n"}, "malloc("),
    (checks.check_must_never_know, {"user/decode/a.c": "#include <bpf/btf.h>\n"}, "bpf/btf.h"),
    (checks.check_must_never_know, {"user/decode/a.c": "#include <time.h>\n"}, "time.h"),
    (checks.check_must_never_know, {"user/join/a.c": '\tf = "/proc/1";\n'}, "/proc"),
    (checks.check_must_never_know, {"user/join/a.c": "\tclock_gettime(1, &t);\n"}, "clock_gettime"),
    (checks.check_must_never_know, {"user/join/a.c": '#include "util/clock.h"\n'}, "clock.h"),
    (checks.check_must_never_know, {"user/sinks/a.c": '#include "collect/collect.h"\n'}, "collect/"),
    (checks.check_must_never_know, {"user/sinks/a.c": "\tif (attempt->kind == ATTEMPT_BIND)\n"}, "ATTEMPT_BIND"),
    (checks.check_must_never_know, {"bpf/a.bpf.c": '\tbpf_printk("x");\n'}, "bpf_printk"),
    (checks.check_public_headers, {"user/join/join.h": SPDX}, "theory"),
    (checks.check_public_headers, {"user/sinks/text.c": SPDX}, "no sinks.h"),
    (checks.check_spdx, {"user/join/a.c": "int a;\n"}, "user/join/a.c"),
    (checks.check_spdx, {"bpf/a.bpf.c": SPDX}, "GPL-2.0-only"),
    (checks.check_file_size, {"user/join/a.c": "\n" * 601}, "601 lines"),
    (checks.check_function_size,
     {"user/join/a.c": "int join_a(void)\n{\n" + "\ta();\n" * 71 + "}\n"}, "join_a() has 72"),
    (checks.check_hygiene, {"a.md": "see /" + "work/main\n"}, "a.md:1"),
    (checks.check_hygiene, {"a.c": "/* TO" + "DO: later */\n"}, "a.c:1"),
    (checks.check_hygiene, {"user/a.o": ""}, "user/a.o"),
    (checks.check_format, {"user/a.c": "int  a;\n"}, "user/a.c"),
    (checks.check_names, {"user/join/table.c": "int grow(struct join *join)\n"}, "grow()"),
    (checks.check_names, {"user/join/table.c": "typedef struct a a_t;\n"}, "typedef"),
    (checks.check_keywords, {"user/join/a.c": "int a(int new);\n"}, "new is a keyword"),
    (checks.check_written_once, {"bpf/a.h": "#define PAUSE_NS 200000000ull\n"}, "ns.h"),
    (checks.check_written_once, {"user/util/a.c": "	h *= 16777619u;\n"}, "util/hash.h"),
    (checks.check_rules_listed,
     {"user/rules/catalogue.h": SPDX + "#define RULES(X) X(a)\n",
      "user/rules/b.c": SPDX + "const struct rule rule_b = {\n"}, "rule_b"),
    (checks.check_packages_documented,
     {"packaging/packages.txt": "abc build x\n", "README.md": "`abcd`\n"}, "abc"),
    (checks.check_man_renders, {"man/sockwhy.8": ".TH A 8\n.nosuchmacro\n"}, "nosuchmacro"),
    (checks.check_json_files, {"a.json": "{"}, "a.json"),
)

GOOD = {
    "user/join/a.c": SPDX + '#include "join/join.h"\n#include "decode/decode.h"\n'
                            '#include "event.h"\n#include "util/text.h"\n'
                            "/* never reads /proc, calls no malloc() */\n"
                            "int join_grow(struct join *join)\n{\n\treturn 0;\n}\n",
    "user/join/conn/a.c": SPDX + '#include "join/core.h"\n#include "join/host/host.h"\n#include "join/conn/conn.h"\n',
    "user/join/compare/a.c": SPDX + '#include "join/core.h"\n#include "join/conn/conn.h"\n',
    "user/join/join.c": SPDX + '#include "join/attempt/attempt.h"\n',
    "user/rules/a.c": SPDX + '#include "join/join.h"\n#include "join/compare/compare.h"\n#include <string.h>\n',
    "user/agent/main.c": SPDX + '#include "sinks/sinks.h"\n#include "sockwhy.skel.h"\n',
    "bpf/a.bpf.c": KERNEL_SPDX + '#include "vmlinux.h"\n#include "event.h"\n',
    "README.md": "<!-- SPDX-License-Identifier: GPL-2.0-or-later -->\n`abc`\n",
    "packaging/packages.txt": "# SPDX-License-Identifier: GPL-2.0-or-later\nabc build x\n",
    "man/sockwhy.8": '.\\" SPDX-License-Identifier: GPL-2.0-or-later\n.TH A 8\n.SH NAME\na \\- b\n',
    "a.json": "{}",
}


@pytest.mark.parametrize("number", range(len(BAD)), ids=lambda n: f"{BAD[n][0].__name__}-{n}")
def test_bad_tree(tmp_path, number):
    check, contents, wanted = BAD[number]
    complaints = check(make_tree(tmp_path, {**HEADERS, **contents}))
    assert any(wanted in complaint for complaint in complaints), complaints


@pytest.mark.parametrize("check", sorted({row[0] for row in BAD}, key=lambda c: c.__name__),
                         ids=lambda check: check.__name__)
def test_good_tree(tmp_path, check):
    complaints = check(make_tree(tmp_path, {**HEADERS, **GOOD}))
    assert not complaints


def test_globals(tmp_path):
    source = tmp_path / "a.c"
    source.write_text("int counter; static int kept = 3; const int table[] = {1};\n"
                      "int *a(void) { return &kept; }\n", encoding="utf-8")
    subprocess.run(["gcc", "-c", "a.c"], cwd=tmp_path, check=True)
    subprocess.run(["ar", "rcs", "a.a", "a.o"], cwd=tmp_path, check=True)
    complaints = checks.check_globals(tmp_path, "a.a", allowed=())
    assert len(complaints) == 2
    assert not checks.check_globals(tmp_path, "a.a", allowed=("counter", "kept"))


def test_no_name_service(tmp_path):
    make_tree(tmp_path, {"o/agent/a.c": "int getpwnam(const char *); int a(void) { return getpwnam(0); }\n"})
    subprocess.run(["gcc", "-c", "a.c"], cwd=tmp_path / "o/agent", check=True)
    assert checks.check_no_name_service(tmp_path, "o") == ["agent/a.c: calls getpwnam()"]


def test_stale_docs(tmp_path):
    pages = ("README.md", "docs/findings.md", "docs/records.md", "man/sockwhy.8", "man/sockwhy-findings.7", "man/sockwhy.conf.5",
             "packaging/completions/sockwhy.bash", "packaging/completions/_sockwhy", "packaging/completions/sockwhy.fish",
             "packaging/sockwhy.catalog")
    for path in (*pages, "packaging/docs.py", "packaging/completions.py", "user/rules/catalogue.h", "include/event.h",
                 "user/rules/compare/compare.h", "user/rules/compare/compare_names.c", "user/join/compare/compare_names.c"):
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, target)

    def check():
        run = subprocess.run(["/usr/bin/python3", "-B", "packaging/docs.py", "--check", str(ROOT / "build/sockwhy")],
                             cwd=tmp_path, stdout=subprocess.PIPE, text=True, check=False)
        return run.returncode, run.stdout

    assert check() == (0, "")
    for path, old, new in (("docs/findings.md", "| error | certain |", "| error | likely |"),
                           ("README.md", " `connect-slow`", ""), ("docs/records.md", "`ev_drop`", "`ev_dropped`"),
                           ("man/sockwhy.8", "JSON lines.", "JSON."), ("man/sockwhy.8", "went through, some packets late", "went"),
                           ("packaging/completions/sockwhy.bash", " --brief", "")):
        page = tmp_path / path
        page.write_text(page.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
        status, complaints = check()
        assert status == 1 and f"{path}: " in complaints, complaints
