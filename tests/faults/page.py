# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/accuracy.md: what was expected, what was said. The page is its own memory: what stood there is read again."""

import collections
import re

import form
from net import Far, Wired
from program import ROOT

PATH = ROOT / "docs/accuracy.md"
CONNECTIONS_A_DAY = 86_400  # of a simulated host: one a second
CELLS = 3 + 2 * len(form.JUDGES)
HEAD = "| scenario | expected | watch said | | run said | | read said | | first word |"

TEXT = """<!-- SPDX-License-Identifier: GPL-2.0-or-later -->
# Accuracy

`make faults` plays every scenario of `tests/faults/scenarios` beside a live agent and writes this page: {count} scenarios
({kinds} kinds, by family), on Linux {kernel}. What is expected follows from the fault, never from what is
said: a finding that does not exist live yet is expected all the same, and silence about it is wrong. A scenario is right in
a mode when one of its findings is final and nothing else was said.

| mode | scenarios | right | wrong, because nothing was said | wrong, because something else was said | did not happen |
|---|---|---|---|---|---|
{modes}

Not all rows are of one run: `make faults ONLY=NAME` plays some and keeps the others.

Those named machine-* have another machine at the other end: an emulated one with a kernel of its own (Debian's) on a link of the
client's, whose sockets, rules and drops nobody here sees. In the others client, router and server are network namespaces of one
kernel, the server's own words are those of this host, too, and the wire between client and router is a program, so what is
lost on it no kernel knows. `watch` is one agent for all of them; `run` starts the client and hears what is its own: {at_a_time}
of them at a time (beside a machine {at_a_time_far}), each an agent of its own. It tells of its command also what is normal but worth knowing (severity info):
that counts only where it is expected. `read` plays nothing: tcpdump captured the client's interface beside watch, and read
judges that capture; where packets cannot tell what sockets can, other findings (or none) are expected of it, and
[limits.md](limits.md) says why. The first word is the time from the scenario's first step, waits of its own included,
to the first finding about it, pending or final.

## Findings

All modes together. Precision: of the times it was said, how often it was right. Recall: of the times it alone, or another
for the same, was to be said, how often it, or that other, was.

| finding | expected | said | said rightly | precision | recall |
|---|---|---|---|---|---|
{findings}

## Healthy loads

{loads}

| load | operations | false findings |
|---|---|---|
{healthy}

### At scale

`make healthy` runs these beside a watch of its own each, at the default level, which shows findings of every severity:

| load | operations | findings |
|---|---|---|
{scale}

## Scenarios

{head}
|---|---|---|---|---|---|---|---|---|
{rows}
"""


class Row:
    """A line of the last table. Cells: expected; by mode what was said and how that is judged; the first word."""

    def __init__(self, name, cells):
        self.name, self.cells = name, cells

    def cell(self, mode, which):
        return self.cells[1 + 2 * form.JUDGES.index(mode) + which]

    def said(self, mode):
        text = self.cell(mode, 0)
        return [] if text in ("", "nothing") else [word.strip() for word in text.split(",")]

    def verdict(self, mode):
        return self.cell(mode, 1)

    def text(self):
        return f"| {self.name} | {' | '.join(self.cells)} |"


class Page:
    def __init__(self, rows, operations):
        self.rows, self.operations = rows, operations

    @classmethod
    def read(cls, path=PATH):
        rows, operations = {}, {}
        text = path.read_text() if path.exists() else ""
        for line in text.partition(HEAD)[2].splitlines()[2:]:
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if len(cells) == CELLS:
                rows[cells[0]] = Row(cells[0], cells[1:])
        for name, count in re.findall(r"^\| .*?\(([^)]*/v[46][^)]*)\) \| (\d+) \| \d+ \|$", text, re.M):
            operations[name] = int(count)
        return cls(rows, operations)

    def verdict(self, name, mode):
        row = self.rows.get(name)
        return row and row.verdict(mode)

    def update(self, outcomes, names):
        """Puts what was played in the place of what stood there; scenarios that are no more go."""
        by_name = collections.defaultdict(dict)
        for outcome in outcomes:
            by_name[outcome.variant.name][outcome.mode] = outcome
        for name, modes in by_name.items():
            variant = next(iter(modes.values())).variant
            cells = [expected(variant)]
            for mode in form.JUDGES:
                outcome = modes.get(mode)
                said = "" if outcome is None or outcome.missed else ", ".join(outcome.said.finals) or "nothing"
                cells += [said, outcome.verdict if outcome else ""]
            first = modes["watch"].said.first_ms if "watch" in modes and modes["watch"].said else None
            self.rows[name] = Row(name, [*cells, "" if first is None else f"{first / 1000:.1f} s"])
            self.operations[name] = sum(o.said.operations for o in modes.values() if o.said)
        self.rows = {name: row for name, row in self.rows.items() if name in names}

    def write(self, kernel, path=PATH):
        variants = {v.name: v for v in form.load()}
        rows = [self.rows[name] for name in variants if name in self.rows]
        path.write_text(TEXT.format(
            count=len(rows), kinds=len({variants[r.name].scenario for r in rows}), kernel=kernel, head=HEAD, at_a_time=Wired.at_a_time, at_a_time_far=Far.at_a_time,
            scale=Scale.read(path).text(), modes="\n".join(mode_line(mode, rows) for mode in form.JUDGES),
            findings="\n".join(finding_lines(rows, variants)), rows="\n".join(r.text() for r in rows),
            **self.healthy(rows, variants)))

    def healthy(self, rows, variants):
        lines, total, false = [], 0, 0
        for row in rows:
            kind = variants[row.name].get("healthy")
            if not kind:
                continue
            said = sum(len(set(row.said(mode)) - variants[row.name].allowed(mode)) for mode in form.JUDGES)
            count = self.operations.get(row.name, 0)
            total, false = total + count, false + said
            lines.append(f"| {kind} ({row.name}) | {count} | {said} |")
        days = total / CONNECTIONS_A_DAY
        loads = (f"Nothing is wrong in these. They made {total} operations (connections, exchanges, lookups, datagrams), and {false} "
                 f"findings were said of them at the default level. A simulated host-day is {CONNECTIONS_A_DAY} operations, one a "
                 f"second: {days:.2f} host-days, {false / days if days else 0:.1f} findings per host-day.")
        return {"healthy": "\n".join(lines), "loads": loads}


class Scale:
    """The lines of healthy.py: a load, what it came to, what was said of it."""

    def __init__(self, rows):
        self.rows = rows

    @classmethod
    def read(cls, path=PATH):
        text = path.read_text().partition("### At scale")[2].partition("\n## ")[0] if path.exists() else ""
        return cls({name: (int(count), unit, int(found))
                    for name, count, unit, found in re.findall(r"^\| (\S+) \| (\d+) (\w+) \| (\d+) \|$", text, re.M)})

    def text(self):
        units = collections.Counter()
        for count, unit, _ in self.rows.values():
            units[unit] += count
        lines = [f"| {name} | {count} {unit} | {found} |" for name, (count, unit, found) in self.rows.items()]
        lines.append(f"| all | {', '.join(f'{count} {unit}' for unit, count in units.items())} "
                     f"| {sum(found for *_, found in self.rows.values())} |")
        return "\n".join(lines)

    def write(self, names, path=PATH):
        """Puts the lines into the page, in the order of the names; others go."""
        self.rows = {name: self.rows[name] for name in names if name in self.rows}
        head, mark, rest = path.read_text().partition("### At scale")
        table, heading, rest = rest.partition("\n## ")
        intro = table.partition("|---|---|---|\n")
        path.write_text(f"{head}{mark}{intro[0]}{intro[1]}{self.text()}\n{heading}{rest}")


def expected(variant):
    told = {mode: " or ".join(variant.right(mode)) or "nothing" for mode in variant.judges}
    if len(set(told.values())) == 1:
        return next(iter(told.values()))
    return ", ".join(f"{mode}: {what}" for mode, what in told.items())


def mode_line(mode, rows):
    mine = [r for r in rows if r.verdict(mode)]
    wrong = [r for r in mine if r.verdict(mode) == "wrong"]
    return (f"| {mode} | {len(mine)} | {sum(r.verdict(mode) == 'right' for r in mine)} | {sum(not r.said(mode) for r in wrong)} "
            f"| {sum(bool(r.said(mode)) for r in wrong)} | {sum(r.verdict(mode) == 'did not happen' for r in mine)} |")


def finding_lines(rows, variants):
    expected_count, caught, said, rightly = (collections.Counter() for _ in range(4))
    for row in rows:
        for mode in variants[row.name].judges:
            if row.verdict(mode) not in ("right", "wrong"):
                continue
            right = variants[row.name].right(mode)
            told = set(row.said(mode))
            if right:
                expected_count[right[0]] += 1
                caught[right[0]] += bool(told & set(right))
            for finding in told:
                said[finding] += 1
                rightly[finding] += finding in variants[row.name].allowed(mode)
    for finding in sorted(set(expected_count) | set(said)):
        precision = f"{rightly[finding] / said[finding]:.2f}" if said[finding] else ""
        recall = f"{caught[finding] / expected_count[finding]:.2f}" if expected_count[finding] else ""
        yield (f"| {finding} | {expected_count[finding]} | {said[finding]} | {rightly[finding]} | {precision} | {recall} |")
