#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""docs.py [--check] SOCKWHY - writes what pages say of findings, thresholds and options from the program's tables.

The tables are asked of the program itself (`explain --json`, `--help`), but for those that it does not print: why findings
stand in their order (user/rules/catalogue.h), the kinds of records (include/event.h), the verdicts of compare and why one
is not sure (user/rules/compare, user/join/compare). In a page the parts that are made stand between a line `made by make docs:
PART` and the next line `by hand`; all else is left as it is. In the man page's list of options what stands below
an option's own line `by hand` is kept, too. What shells complete is made whole (completions.py).

With --check nothing is written: it prints which pages are stale, and ends with status 1 if any is.
"""
import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import completions

ROOT = Path(__file__).resolve().parents[1]

# Families as a reader meets them, and how the ids of their findings begin.
FAMILIES = (
    ("before anything leaves", ("local", "unix", "bind")),
    ("connecting", ("connect",)),
    ("being connected to", ("accept",)),
    ("established", ("conn",)),
    ("closing", ("close",)),
    ("names and datagrams", ("dns", "udp")),
    ("the host", ("host",)),
    ("TLS handshakes", ("tls",)),
)
# Where these three take an option, it need not be said who does.
USUAL = {"watch", "run", "read"}
# Options of the command line that no file has: the program refuses them there (tests/cli).
LINE_ONLY = {"--help", "--version", "--config"}


# ---- what the program says ----

def asked(program, *arguments):
    return subprocess.run([program, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


def explained(program, of):
    rows = (json.loads(line) for line in asked(program, "explain", "--json").splitlines())
    return [row for row in rows if row["of"] == of]


def help_options(text):
    """(group, option's name, head, what) of each option that a --help lists."""
    group, rows = None, []
    for line in text.splitlines():
        title = re.fullmatch(r"([A-Za-z][\w ]*):", line)
        option = re.match(r"  (-\S.*?)(?:  +(\S.*))?$", line)
        if title:
            group = title[1]
        elif option and group:
            name = re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", option[1])[-1]  # of -h, --help the latter
            rows.append([group, name, option[1], option[2] or ""])
        elif rows and group and line.startswith(" " * 20):
            rows[-1][3] += line.strip()  # a long head has its words on the next line
        elif not line:
            group = None
    return rows


def commands_of(program):
    """name -> what it does"""
    return dict(re.findall(r"^  sockwhy (\w+) .*?  +(\S.*)$", asked(program, "--help"), flags=re.M))


def options(program):
    """The same with the commands that take it."""
    commands = list(commands_of(program))
    takes = {command: {row[1] for row in help_options(asked(program, command, "--help"))} for command in commands}
    return [(*row, [command for command in commands if row[1] in takes[command]])
            for row in help_options(asked(program, "--help"))]


def catalogue():
    """(reason, ids) of the list of rules, in its order."""
    text = (ROOT / "user/rules/catalogue.h").read_text(encoding="utf-8")
    order = []
    for reason, name in re.findall(r"/\* ([^\n]*?) \*/ *\\|\bX\((\w+)\)", text[text.index("#define RULES(X)"):]):
        if reason:
            order.append((reason, []))
        else:
            order[-1][1].append(name.replace("_", "-"))
    return order


def sentence(text):
    """With a capital, but for the name of a call, and a full stop."""
    return (text if re.match(r"\w+\(", text) else text[0].upper() + text[1:]) + ("" if text.endswith(".") else ".")


def captures_only(row):
    return row["kernels"].startswith("captures only")


def family(row):
    return row["name"].partition("-")[0]


def families(program):
    """(title, findings) of each family that has some."""
    rows = explained(program, "finding")
    known = {begin for _title, begins in FAMILIES for begin in begins}
    homeless = [row["name"] for row in rows if family(row) not in known]
    if homeless:
        raise SystemExit(f"docs.py: no family for {', '.join(homeless)}")
    for title, begins in FAMILIES:
        members = [row for row in rows if family(row) in begins]
        if members:
            yield title, members


# ---- Markdown ----

def ticked(ids):
    return ", ".join(f"`{id_}`" for id_ in ids)


def order_part(program):
    order = catalogue()
    if [id_ for _reason, ids in order for id_ in ids] != [row["name"] for row in explained(program, "finding")]:
        raise SystemExit("docs.py: explain does not list the findings as catalogue.h does")
    return [line for number, (reason, ids) in enumerate(order, 1)
            for line in textwrap.wrap(f"{number}. {reason}: {ticked(ids)}", 119, subsequent_indent="   ",
                                      break_on_hyphens=False, break_long_words=False)]


def overview_part(program):
    lines = ["| finding | severity | most confident | what it means |", "|---|---|---|---|"]
    return lines + [f"| `{row['name']}` | {row['severity']} | {row['most_confident']} | {row['means']} |"
                    for row in explained(program, "finding")]


def stage(row):
    """Where it follows from how far the connection came, a row has none."""
    return f", stage {row['stage']}" if "stage" in row else ""


def details_part(program):
    lines = []
    for row in explained(program, "finding"):
        lines += ["", f"### {row['name']}", "",
                  f"{sentence(row['means'])} *{row['severity']}, at most {row['most_confident']}{stage(row)}*", ""]
        lines += [f"- **{label}**: {row[key]}" for label, key in
                  (("decides", "decides"), ("keeps it silent", "silent"), ("check", "check"), ("kernels", "kernels"))
                  if row.get(key)]
    return lines[1:]


def thresholds_part(program):
    lines = ["| threshold, and its default | unit | what it is |", "|---|---|---|"]
    return lines + [f"| `{row['name']}={row['value']}` | {row['unit']} | {row['means']} |"
                    for row in explained(program, "threshold")]


def stages_part(program):
    lines = ["| when | findings |", "|---|---|"]
    for title, rows in families(program):
        live = [f"`{row['name']}`" for row in rows if not captures_only(row)]
        captured = [f"`{row['name']}`" for row in rows if captures_only(row)]
        if not live:
            title += ", of captures so far"
        elif captured:
            live += ["and of captures so far"]
        lines.append(f"| {title} | {' '.join(live + captured)} |")
    return lines


def kinds_part(_program):
    text = (ROOT / "include/event.h").read_text(encoding="utf-8")
    rows, lines = text[text.index("#define EVENT_KINDS(X)"):text.index("enum event_kind")], []
    for maker, kind, body, what in re.findall(r"/\* made by ([\w ]+) \*/|X\(\w+, \"([\w-]+)\", (\w+), \"(.*?)\"\)", rows):
        lines += ["", f"Made by {maker}:", "", "| kind | body | what it says |", "|---|---|---|"] if maker else \
            [f"| `{kind}` | `{body}` | {what} |"]
    return lines[1:]


# ---- roff ----

def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("...", "\\&.\\|.\\|.")
    return "".join(letter if letter.isascii() else f"\\[u{ord(letter):04X}]" for letter in text)


def paragraph(text, whole=True):
    """A sentence of a table: capital, full stop (unless it goes on from before), options bold, lines not too long."""
    text = sentence(text) if whole else text
    parts = re.split(r"(?<![\w-])(--[a-z][a-z-]+|-[a-zA-Z]{1,2})(?![\w-])", text)
    text = "".join(f"\\fB{roff(part)}\\fP" if number % 2 else roff(part) for number, part in enumerate(parts))
    lines = textwrap.wrap(text, 110, break_on_hyphens=False, break_long_words=False)
    return [("\\&" if line[0] in ".'" else "") + line for line in lines]


def option_head(head):
    """`-h, --help`, `--netns PATH|all`: names bold, the value's words italic."""
    letter, name, value = re.fullmatch(r"(?:(-\w), )?(--?[\w-]+)(?: (\S+))?", head).groups()
    if letter and value:
        return f'.BI "{roff(letter)}\\fR, \\fP{roff(name)}" " {roff(value)}"'
    if letter:
        return f'.BR {roff(letter)} ", " {roff(name)}'
    if not value:
        return f".B {roff(name)}"
    value = re.sub(r"\\&\.\\\|\.\\\|\.|[][|]", r"\\fR\g<0>\\fP", roff(value))
    return f'.BI {roff(name)} " {value}"'


def options_part(program, by_hand):
    group, lines, left = None, [], dict(by_hand)
    for title, name, head, what, commands in options(program):
        if title != group:
            group = title
            lines.append(f'.SS "{title}"')
        lines += [f'.\\" option {name}', ".TP", option_head(head)]
        if not USUAL <= set(commands):
            lines.append("(" + ", ".join(f"\\fB{command}\\fP" for command in commands) + ")")
        lines += paragraph(what) + left.pop(name, [])
    if left:
        raise SystemExit(f"the man page has words of options that are gone: {', '.join(left)}")
    return lines


def man_file_part(program, _by_hand):
    """Long options of watch, as a file has them."""
    lines = []
    for _group, name, head, what, commands in options(program):
        if "watch" not in commands or not name.startswith("--") or name in LINE_ONLY:
            continue
        value = head.partition(name)[2].strip()
        lines += [".TP", f'.BI "{roff(name[2:])} = " "{roff(value)}"' if value else f".B {roff(name[2:])}", *paragraph(what)]
    return lines


def man_findings_part(program, _by_hand):
    lines = []
    for title, rows in families(program):
        lines.append(f'.SS "{title[0].upper()}{title[1:]}"')
        for row in rows:
            lines += [".TP", f'.BR {roff(row["name"])} " ({row["severity"]}, at most {row["most_confident"]}{stage(row)})"',
                      *paragraph(row["means"])]
            for label, key in (("Decides:", "decides"), ("Keeps it silent:", "silent"), ("Check:", "check"),
                               ("Kernels:", "kernels")):
                if row.get(key):
                    lines += [".br", f".I {label}", *paragraph(row[key], whole=False)]
    return lines


def man_thresholds_part(program, _by_hand):
    lines = []
    for row in explained(program, "threshold"):
        lines += [".TP", f'.BR {roff(row["name"])} " ({row["value"]} {row["unit"]})"', *paragraph(row["means"])]
    return lines


def man_list_part(program, _by_hand):
    """Their names alone, a line of each family."""
    lines = []
    for title, rows in families(program):
        lines += [".TP", title[0].upper() + title[1:]]
        lines += [f".BR {roff(row['name'])}" + (' ,' if row is not rows[-1] else "") for row in rows]
    return lines


def man_terms(rows):
    return [line for name, what in rows for line in (".TP", f".B {roff(name)}", *paragraph(what))]


def man_verdicts_part(_program, _by_hand):
    text = (ROOT / "user/rules/compare/compare.h").read_text(encoding="utf-8")
    return man_terms(re.findall(r'X\(\w+, "([\w-]+)", "(.*?)"\)', text))


def man_unsure_part(_program, _by_hand):
    """Why a verdict of compare is not sure: names in join, words in rules, here of capture B."""
    names, words = (dict(re.findall(r'\[(UNSURE_\w+)\] =\s+((?:"[^"]*"\s*)+)',
                                    (ROOT / f"user/{stage}/compare/compare_names.c").read_text(encoding="utf-8")))
                    for stage in ("join", "rules"))
    if names.keys() != words.keys():
        raise SystemExit(f"docs.py: reasons of compare without a name or words: {names.keys() ^ words.keys()}")
    return man_terms((json.loads(name), "".join(re.findall(r'"([^"]*)"', words[id_])).replace("%c", "B"))
                     for id_, name in names.items())


# ---- the journal's catalog ----

def catalog(program):
    """What journalctl -x says of each finding: systemd.io/CATALOG."""
    lines = ["# SPDX-License-Identifier: GPL-2.0-or-later", "# made by make docs: what journalctl -x says below an entry of --journal"]
    for row in explained(program, "finding"):
        lines += ["", f"-- {row['message_id']}", f"Subject: {sentence(row['means'])[:-1]}", "Defined-By: sockwhy",
                  "Documentation: man:sockwhy-findings(7)", ""]
        for label, key in (("Decides", "decides"), ("Keeps it silent", "silent"), ("Check", "check")):
            if row.get(key):
                lines += textwrap.wrap(f"{label}: {row[key]}", 78, break_on_hyphens=False, break_long_words=False)
        lines += ["", "Here and now:", "@SOCKWHY_CAUSE@", "@SOCKWHY_CHECK@", "", f"sockwhy explain {row['name']} says the same."]
    return "".join(line + "\n" for line in lines)


# ---- pages ----

PAGES = {
    "README.md": {"stages": stages_part},
    "docs/findings.md": {"overview": overview_part, "order": order_part, "details": details_part,
                         "thresholds": thresholds_part},
    "docs/records.md": {"kinds": kinds_part},
    "man/sockwhy.8": {"options": options_part, "list": man_list_part, "verdicts": man_verdicts_part,
                      "unsure": man_unsure_part},
    "man/sockwhy.conf.5": {"file": man_file_part},
    "man/sockwhy-findings.7": {"findings": man_findings_part, "thresholds": man_thresholds_part},
}


def kept_of_options(lines):
    """What the man page says of an option by hand, with the line that says so."""
    kept, name = {}, None
    for line in lines:
        option = re.match(r'\.\\" option (\S+)$', line)
        if option or line.startswith(".SS "):
            name, keeping = (option[1] if option else None), False
        elif name and line == '.\\" by hand':
            keeping = True
            kept[name] = [line]
        elif name and keeping:
            kept[name].append(line)
    return kept


def page_anew(program, path, parts):
    markdown = path.endswith(".md")
    begin, end = ("<!-- made by make docs: {} -->", "<!-- by hand -->") if markdown else \
        ('.\\" made by make docs: {}', '.\\" by hand from here')
    text = (ROOT / path).read_text(encoding="utf-8")
    for part, make in parts.items():
        head, mark, rest = text.partition(begin.format(part) + "\n")
        old, close, tail = rest.partition(end + "\n")
        if not mark or not close:
            raise SystemExit(f"{path}: no lines '{begin.format(part)}' and '{end}'")
        lines = make(program) if markdown else make(program, kept_of_options(old.splitlines()))
        text = head + mark + "".join(line + "\n" for line in lines) + close + tail
    return text


def pages_anew(program):
    """(path, what it should say) of every page."""
    for path, parts in PAGES.items():
        yield path, page_anew(program, path, parts)
    yield "packaging/sockwhy.catalog", catalog(program)
    names = {of: [row["name"] for row in explained(program, of)] for of in ("finding", "threshold")}
    yield from completions.pages(options(program), names["finding"], names["threshold"], commands_of(program))


def main(arguments):
    check = arguments[:1] == ["--check"]
    program = str(Path(arguments[-1]).resolve())
    stale = 0
    for path, text in pages_anew(program):
        if (ROOT / path).exists() and text == (ROOT / path).read_text(encoding="utf-8"):
            continue
        stale += 1
        if check:
            print(f"{path}: is not what the tables say; make docs")
        else:
            (ROOT / path).write_text(text, encoding="utf-8")
            print(f"  DOCS     {path}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
