# SPDX-License-Identifier: GPL-2.0-or-later
"""top in a real terminal, of recordings: keys, sizes, many rows, hostile names, how it ends; live: tests/live/test_top.py."""

import os
import re
import signal
import time

import pytest

from program import SOCKWHY, sockwhy
from terminal import Terminal

FIRST_PORT = 20000


def refused(number, remote, owner="curl[4121]", comm="", at=100):
    """A connect that is refused, so many ms after the begin."""
    cookie, tuple_ = 1000 + number, f"10.0.0.1:{1024 + number % 60000}>{remote}"
    return (f'{at} open cookie={cookie} tuple={tuple_} owner={owner} {comm}\n'
            f"{at + .3:.1f} reset-received cookie={cookie} tuple={tuple_} state=SYN_SENT\n"
            f"{at + .4:.1f} state cookie={cookie} tuple={tuple_} state=SYN_SENT>CLOSE error=ECONNREFUSED how=2\n")


@pytest.fixture
def terminal(tmp_path):
    """terminal(ARGS…): sockwhy top with these, in a terminal."""
    opened = []

    def start(*args, **kwargs):
        opened.append(Terminal(tmp_path, " ".join(map(str, (SOCKWHY, "top", *args))), **kwargs))
        return opened[-1]
    yield start
    for each in opened:
        each.close()


@pytest.fixture
def two(record):
    """Two processes at two destinations, 20 s apart."""
    return record(refused(1, "10.0.0.2:8080") + refused(2, "10.0.0.2:8080", at=150) + "tick 600\n"
                  + "".join(f"tick {ms}\n" for ms in range(1000, 20001, 500))
                  + refused(3, "10.0.0.3:443", owner="app[77]", at=20100)
                  + "tick 20600\ntick 21000\n")


def test_keys(terminal, two):
    top = terminal("-r", two)
    top.wait_for("PROCESSES 0")
    top.press("End")
    top.wait_for("its end")
    assert top.wait_for("curl[4121]").split()[1:3] == ["2", "2"]
    assert top.wait_for("app[77]").split()[1:3] == ["1", "1"]
    top.press("Tab")
    top.wait_for("DESTINATIONS 2")
    assert top.wait_for("10.0.0.2:8080  ").split()[1:3] == ["2", "2"]
    top.press("Enter")
    top.wait_for("OPEN CONNECTIONS: 0")
    top.press("Enter")
    top.wait_for("connecting to 10.0.0.2:8080 failed with ECONNREFUSED")
    top.wait_for("seen    +0.000 ms socket SYN_SENT")
    top.press("?")
    top.wait_for("segments that were sent again")
    top.press("Escape", "Escape", "Escape")
    top.wait_for("DESTINATIONS 2")
    top.press("f")
    top.type("10.0.0.3")
    top.press("Enter")
    top.wait_for("DESTINATIONS 1 of 2")
    top.wait_for("only what has 10.0.0.3")
    top.press("q")
    top.ended(0)


def test_time_keys(terminal, two):
    """Stopped, on, back, begin, end, faster: what is shown is what had happened by then."""
    top = terminal("-r", two)
    top.press("Space")
    top.wait_for("PAUSED")
    top.press("Home")
    top.wait_for("+0.0 s")
    top.press("Right")
    top.wait_for("+10.0 s")
    top.wait_for("PROCESSES 1")
    top.press("Right")
    top.wait_for("+20.0 s")
    top.wait_for("PROCESSES 1")
    top.press("Right")
    top.wait_for("PROCESSES 2")
    top.press("Left")
    top.wait_for("PROCESSES 1")
    top.press("Home")
    top.wait_for("+0.0 s")
    top.wait_for("PROCESSES 0")
    top.press("+", "+", "+", "+", "Space")
    top.wait_for("16 times as fast")
    top.wait_for("its end")  # 21 s in 1.3 s
    top.wait_for("PROCESSES 2")
    top.press("q")
    top.ended(0)


@pytest.mark.parametrize("sizes", [[(200, 50), (40, 10), (5, 3), (80, 24)]])
def test_sizes(terminal, two, sizes):
    top = terminal("-r", two)
    top.press("End")
    top.wait_for("its end")
    for width, height in sizes:
        top.resize(width, height)
        top.wait(lambda lines, size=(width, height): len(lines) <= size[1] and all(len(line) <= size[0] for line in lines)
                 and "sockwhy"[:size[0]] in lines[0], f"{width}x{height}")
        if width == 200:
            top.wait_for("NEWEST FINDING")
            top.wait_for("FINDINGS, the newest first: 2")
        elif width == 40:
            top.wait_gone("OPEN")
            top.wait_for("TRIES")
            top.wait_for("curl[4121]")
    top.wait_for("FINDINGS, the newest first: 2")
    top.press("q")
    top.ended(0)


def test_ten_thousand_rows(terminal, record):
    """All of them, from the first to the last; a key is answered in less than a second, building and drawing it included."""
    many = "".join(refused(n, f"10.{1 + n // 62500}.{n // 250 % 250}.{1 + n % 250}:80", owner=f"curl[{5000 + n}]", at=100 + n // 100)
                   for n in range(10000))
    top = terminal("-r", record(many + "tick 600\ntick 1000\n"), width=120, height=40)
    top.press("End")
    top.wait_for("its end")
    top.press("d")
    top.wait_for("DESTINATIONS 10000")
    top.press("s", "S")
    top.press("G")
    top.wait(lambda lines: sum(bool(re.match(r"10\.\d+\.", line)) for line in lines) > 10, "the last rows")
    top.press("g")
    top.wait_for("10.1.0.100:80 ")
    begun = time.monotonic()
    top.type("/")
    top.type("10.1.39.250:80")
    top.wait_for("search: 10.1.39.250:80")
    top.wait(lambda lines: any(line.startswith("10.1.39.250:80") for line in lines), "the row that is looked for")
    assert time.monotonic() - begun < 10
    top.press("Enter", "q")
    top.ended(0)


def test_hostile_names(terminal, record):
    """What would drive the terminal is shown; wide letters and accents keep their columns."""
    names = [r'"\x1b[2J\x07evil"', r'"漢字漢字"', r'"e\xcc\x81\xcc\x81x"', r'"\xff\xfe\xe2\x80\xaeabc"', r'"a\nb"']
    text = "".join(refused(n, f"10.0.0.2:{8000 + n}", owner=f"x[{50 + n}]", comm=f"owner.leader={name} owner.comm={name}")
                   for n, name in enumerate(names))
    top = terminal("-r", record(text + "tick 600\ntick 1000\n"))
    top.press("End")
    top.wait_for("its end")
    lines = top.wait(lambda lines: lines if sum("  1      1" in line for line in lines) == len(names) else None, "all rows")
    assert any(r"\x1b[2J\x07evil[50]" in line for line in lines), lines
    assert any("漢字漢字[51]" in line for line in lines) and any(r"a\x0ab[54]" in line for line in lines), lines
    # the figures end in one column, whatever stands before them: a wide letter is one of Python's, and two columns
    ends = {line.index("  1      1") + sum(ord(c) > 0x2e80 for c in line) - sum(0x300 <= ord(c) < 0x370 for c in line)
            for line in lines if "  1      1" in line}
    assert len(ends) == 1, lines
    top.press("q")
    top.ended(0)


@pytest.mark.parametrize("sent, status", [(signal.SIGSEGV, 139), (signal.SIGABRT, 134), (signal.SIGBUS, 135),
                                          (signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGHUP, 0)])
def test_ends(terminal, two, sent, status):
    """However it ends, the terminal is as it was."""
    top = terminal("-r", two)
    top.wait_for("PROCESSES")
    os.kill(top.program(), sent)
    top.ended(status)


@pytest.mark.parametrize("env, args, colored", [({}, (), True), ({"NO_COLOR": "1"}, (), False), ({}, ("--color", "never"), False)])
def test_colors(terminal, two, env, args, colored):
    top = terminal("-r", two, *args, env=env)
    top.press("End")
    top.wait_for("curl[4121]")
    said = "\n".join(top.lines("-e"))
    assert bool(re.search(r"\033\[[\d;]*3[1-7]m", said)) == colored
    assert "\033[7m" in said or re.search(r"\033\[[\d;]*7m", said), "a bar and a cursor are no colour"
    top.press("q")
    top.ended(0)


def test_ascii(terminal, two):
    top = terminal("-r", two, env={"LC_ALL": "C"})
    top.press("End")
    top.wait_for("curl[4121] -> 10.0.0.2:8080")
    top.press("q")
    top.ended(0)


def test_unknown_terminal(tmp_path, two):
    top = Terminal(tmp_path, f"TERM=nothing {SOCKWHY} top -r {two}")
    top.wait_for("sockwhy: TERM=nothing: no such terminal is known")
    top.ended(1)
    top.close()


def test_no_terminal(two):
    """One line that says so, a hint, and status 2."""
    for args in ((), ("-r", two)):
        done = sockwhy("top", *args)
        assert done.returncode == 2 and not done.out
        assert done.err.splitlines()[0] == "sockwhy: top: standard input and output have to be a terminal"
        assert done.err.splitlines()[1].startswith("hint: ") and len(done.err.splitlines()) == 2


def test_other_files(terminal, tmp_path):
    other = tmp_path / "other"
    other.write_bytes(b"no recording at all, but long enough to be one")
    top = terminal("-r", other, width=200)
    top.wait_for("other: no recording of sockwhy")
    top.ended(1)
