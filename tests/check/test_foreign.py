# SPDX-License-Identifier: GPL-2.0-or-later
"""The check of text from outside: shown ways to print it as it is, and ways that are right."""
from pathlib import Path

import pytest

import foreign

ROOT = Path(__file__).resolve().parents[2]
HEADERS = {
    "include/event.h": "struct event_owner {\n\t__u32 tgid;\n\tchar comm[16];\n\tchar leader[EVENT_COMM_SIZE]; /* of it */\n};\n",
    "user/join/join.h": "struct interface {\n\t__u32 mtu;\n\tchar name[16];\n};\n",
    "user/rules/rules.h": "struct finding {\n\tstruct event_owner owner;\n\tstruct event_owner *holder;\n\tchar summary[9];\n"
                          "\tstruct {\n\t\tstruct interface in;\n\t};\n\tconst struct interface *out[2];\n};\n",
}
BAD = (
    ('text_add(text, "%s", owner->comm);', "owner->comm"),
    ('text_add(text, "%u %.*s", owner->tgid, 3, owner->comm);', "owner->comm"),
    ('text_add(text, "%s", finding->owner.leader);', "finding->owner.leader"),
    ('text_add(text, "%s", finding->holder->leader);', "finding->holder->leader"),
    ('text_add(text, "%s", finding->in.name);', "finding->in.name"),
    ('text_add(text, "%s", finding->out[1]->name);', "finding->out[1]->name"),
    ('text_add(text, "%s", owner->leader[0] ? owner->leader : owner->comm);', "owner->comm"),
    ('text_add(text, "%s", owner->leader ?: "?");', "owner->leader"),
    ("fputs(owner->comm, file);", "fputs"),
    ('fprintf(file, "%s\\n",\n\t\tfinding->in.name);', "finding->in.name"),
    ('snprintf(buffer, 8, "%s", owner->comm);', "owner->comm"),
    ("text_put(text, owner->comm, 3);", "owner->comm"),
    ('const char *name = owner->comm;\n\n\ttext_add(text, "%s", name);', "prints name"),
    ('const char *name;\n\n\tname = owner->comm;\n\ttext_add(text, "%s", name);', "prints name"),
    ('const char *name = join_netns_name(join, 3);\n\n\ttext_add(text, "%s", name ? name : "");', "prints name"),
    ('text_add(text, "%s", join_netns_name(join, 3));', "join_netns_name()"),
)
GOOD = (
    "text_add_foreign(text, owner->comm, sizeof(owner->comm));",
    'text_add(text, "%s", owner->comm[0] ? "it" : "?");',
    'text_add(text, "%s", strcmp(finding->in.name, "lo") ? "it" : "itself");',
    'text_add(text, "%s %u", finding->summary, finding->in.mtu);',
    'snprintf(owner->comm, sizeof(owner->comm), "%s", "x");',
    'text_add(text, "%s", "owner->comm");',
    'log_error("%s: no", owner->comm);',
    'const char *name = join_netns_name(join, 3);\n\n\ttext_add(text, "%s", name ? ", " : "");',
)


def complaints(root, body, folder="user/sinks"):
    function = ("static void say(struct text *text, FILE *file, const struct finding *finding, struct join *join,\n"
                f"\t\tconst struct event_owner *owner)\n{{\n\tchar buffer[8];\n\n\t{body}\n}}\n")
    for path, text in {**HEADERS, f"{folder}/say.c": function}.items():
        target = Path(root, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return foreign.check_foreign(root)


@pytest.mark.parametrize("body, wanted", BAD, ids=range(len(BAD)))
def test_bad(tmp_path, body, wanted):
    found = complaints(tmp_path, body)
    assert any(wanted in complaint for complaint in found), found


@pytest.mark.parametrize("body", GOOD, ids=range(len(GOOD)))
def test_good(tmp_path, body):
    assert not complaints(tmp_path, body)


def test_every_folder_that_tells(tmp_path):
    for folder in ("user/rules/findings", "user/agent", "user/join/host"):
        assert complaints(tmp_path / folder, "fputs(owner->comm, file);", folder), folder
    assert not complaints(tmp_path / "collect", "fputs(owner->comm, file);", "user/collect/host")


def test_it_sees_this_tree():
    """What is from outside here, whichever header it stands in."""
    _types, outside = foreign.types_of(ROOT)
    assert outside >= {("event_owner", "comm"), ("event_owner", "leader"), ("ev_interface", "name"), ("interface", "name"),
                       ("ev_process", "cgroup"), ("ev_process", "command"), ("ev_netns", "name"), ("ev_fact", "text"),
                       ("lookup", "name"), ("tls_hello", "name"), ("dns", "name"), ("change", "text"), ("ev_hook", "why")}
