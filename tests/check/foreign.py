# SPDX-License-Identifier: GPL-2.0-or-later
"""Text from outside (names of processes, hosts, interfaces, cgroups, what a packet asked for) is told through the
function that escapes it, and no other way.

What is from outside is a type: the arrays of characters in the bodies of records, and in what join, rules and
decode keep of them. Each expression that is printed is resolved by the declarations of its function.
"""
import re
from pathlib import Path

import checks

# Whose members are from outside, if they are arrays of characters. Those of include/ are records' bodies.
OUTSIDE_HEADERS = ("include/", "user/join/", "user/decode/")
OUTSIDE_MEMBERS = {
    ("finding", "name"), ("finding", "interface"), ("party", "exe"), ("attach_leftover", "netns"),
    ("attach_leftover", "interface"), ("mute", "pattern"), ("mute", "until"), ("mute", "reason"),
}
# Functions whose result is such text, or what they print into their argument.
OUTSIDE_CALLS = ("attempt_remote_name", "join_looked_up", "join_netns_name", "config_path")
# Of the words of a table, and what decode escaped as it read it.
OWN_MEMBERS = {("first", "state"), ("tls_hello", "protocols")}
# These print what they are given, as it is; util/log.c escapes whatever it is given.
PRINTERS = re.compile(r"\b(text_add|text_put|\w*printf|fputs|puts|fwrite)\(")
# Those that tell. What fills records keeps the text as it is.
PRINTING = ("user/join/", "user/rules/", "user/sinks/", "user/agent/")
ARRAY_OF_CHARACTERS = re.compile(r"(?:unsigned |signed )?char (\w+)\[[^\]]+\]$")
DECLARED = re.compile(r"\bstruct (\w+) (?:\*+ ?(?:const )?)?(\w+)\b(?!\()")
PATH = re.compile(r"(?<![\w.>\"])&?\(?\*?([a-z_]\w*)((?:\[[^\]]*\])?(?:(?:->|\.)\w+(?:\[[^\]]*\])?)*)")


def structs_of(text):
    """(name, {member: struct's name, "char[]" or None}) of each struct; anonymous ones inside are their owner's."""
    for found in re.finditer(r"\bstruct (\w+) \{", text):
        depth, at = 1, found.end()
        while depth and at < len(text):
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            at += 1
        yield found[1], members_of(text[found.end():at - 1])


def members_of(body):
    """Members by name, those of anonymous structs and unions as well."""
    members = {}
    body = re.sub(r"\b(struct|union)( \w+)? \{", ";", body)
    for line in re.split(r"[;}]", body):
        line = " ".join(line.split())
        array = ARRAY_OF_CHARACTERS.search(line)
        if array:
            members[array[1]] = "char[]"
            continue
        declared = re.search(r"struct (\w+) \**(\w+)(?:\[[^\]]*\])*$", line)
        if declared:
            members[declared[2]] = declared[1]
    return members


def types_of(root):
    """{struct: {member: type}} of all headers and sources, and the set of (struct, member) from outside."""
    types, outside = {}, set(OUTSIDE_MEMBERS)
    for path in checks.sources(root, "include/", "user/"):
        text = checks.without_comments(checks.read(root, path))
        for name, members in structs_of(text):
            types.setdefault(name, {}).update(members)
            if path.startswith(OUTSIDE_HEADERS):
                outside |= {(name, member) for member, kind in members.items() if kind == "char[]"}
    return types, outside - OWN_MEMBERS


def functions_of(text):
    """(line number of its head, text) of each function; kernel style: its braces stand in column 0."""
    lines, head = text.splitlines(), 0
    start = None
    for number, line in enumerate(lines):
        if re.match(r"[a-z]", line) and not line.endswith(";"):
            head = number
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            yield head + 1, "\n".join(lines[head:number + 1])
            start = None


def arguments_at(text, at):
    """What stands in the parentheses that were opened before AT, calls of others in it blanked."""
    depth, end = 1, at
    while depth and end < len(text):
        depth += {"(": 1, ")": -1}.get(text[end], 0)
        end += 1
    inside = text[at:end - 1]
    called = re.compile(r"\b(?!sizeof\b)(\w+)\((?:[^()]|\([^()]*\))*\)")
    blanked = re.compile(r"\b(?:" + "|".join(OUTSIDE_CALLS) + r")$")
    return called.sub(lambda m: m[1] + "()" if blanked.match(m[1]) else " " * len(m[0]), inside)


class Scope:
    """The variables of a function, and which of them point to text from outside."""

    def __init__(self, types, outside, text):
        self.types, self.outside = types, outside
        self.variables = {name: kind for kind, name in DECLARED.findall(text)}
        self.foreign = set()
        for name, value in re.findall(r"\bchar \*(\w+) = ([^;]*);", text) + re.findall(r"\n\t+(\w+) = ([^;]*);", text):
            if re.search(r"\bchar \*(?:\w+[^;]*, \*)?" + name + r"\b", text) and any(self.paths(value)):
                self.foreign.add(name)

    def paths(self, expression):
        """What in EXPRESSION is text from outside, as it is."""
        for call in OUTSIDE_CALLS:
            if re.search(r"\b" + call + r"\(", expression):
                yield call + "()"
        unquoted = re.sub(r'"(?:\\.|[^"\\])*"', '""', expression)
        unquoted = re.sub(r"\b\w+\((?:[^()]|\([^()]*\))*\)", "", unquoted)
        unquoted = re.sub(r"[\w>.-]+ \?(?!:)", "", unquoted)  # whether there is any
        for found in PATH.finditer(unquoted):
            if self.is_outside(found[1], found[2]):
                yield found[0].lstrip("&(*")

    def is_outside(self, variable, steps):
        if not steps:
            return variable in self.foreign
        kind = self.variables.get(variable)
        names = re.findall(r"(?:->|\.)(\w+)", steps)
        if steps.endswith("]") and names:  # one character of it, or an array's item that is no text
            return False
        for name in names[:-1]:
            kind = self.types.get(kind, {}).get(name)
        return bool(names) and (kind, names[-1]) in self.outside


def check_foreign(root):
    """Text from outside is never printed as it is."""
    types, outside = types_of(root)
    complaints = []
    for path in checks.sources(root, *PRINTING):
        if path.endswith(".h"):
            continue
        for line, text in functions_of(checks.without_comments(checks.read(root, path))):
            scope = Scope(types, outside, text)
            for call in PRINTERS.finditer(text):
                number = line + text.count("\n", 0, call.start())
                arguments = arguments_at(text, call.end())
                if call[1].startswith("s"):  # where it is put
                    arguments = arguments.partition(",")[2]
                for what in scope.paths(arguments):
                    complaints.append(f"{path}:{number}: {call[1]}() prints {what} as it is: text_add_foreign()")
    return complaints
