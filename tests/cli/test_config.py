# SPDX-License-Identifier: GPL-2.0-or-later
"""The configuration file: what it says holds, the command line wins, and a bad line is one clear error."""

import os
import re
import subprocess

import pytest

from program import SOCKWHY, findings, sockwhy


@pytest.fixture
def conf(tmp_path):
    def make(text, name="a.conf"):
        path = tmp_path / name
        path.write_text(text)
        path.chmod(0o644)
        return path
    return make


def ids(schema, path, *args):
    return [line["finding"] for line in findings(schema, path, *args)]


def test_mute(schema, case, conf):
    """A mute of a file holds to the end of its day by the clock of the records, and yields to --finding."""
    path = case("connect-refused")
    assert ids(schema, path) == ["connect-refused"]
    day = findings(schema, path)[0]["time"][:10]
    year = int(day[:4])
    for mute, told in ((f"connect-ref* until {day} because it is known", False), ("connect-refused", False),
                       (f"conn-loss,connect-refused until {year + 1}-01-01", False),
                       (f"connect-refused until {year - 1}-12-30 because it was known", True), ("conn-loss", True)):
        given = "--config", conf(f"# known\n\nmute = {mute}\n")
        assert ids(schema, path, *given) == ["connect-refused"] * told, mute
        assert ids(schema, path, "--finding", "connect-*", *given) == ["connect-refused"]


def test_command_line_wins(case, conf):
    path = case("connect-refused")
    given = conf("brief\nutc = yes\nquiet\n")
    brief = sockwhy("read", "--config", given, path)
    assert brief.err == "" and len(brief.out.splitlines()) == 1 and re.match(r"\S+Z? ", brief.out)
    assert brief.out == sockwhy("read", "-q", "--brief", "--utc", path).out
    assert sockwhy("read", "--config", given, "--json", path).out == sockwhy("read", "-q", "--utc", "--json", path).out
    assert sockwhy("read", "--config", conf("severity = warning\nquiet\n"), "--severity", "info", path).out \
        == sockwhy("read", "-q", "--severity", "info", path).out
    # thresholds of both hold, the later one is the command line's
    given = conf("set = join.settle=100\nset = slow-handshake=7\n")
    assert sockwhy("read", "--config", given, "--set", "slow-handshake=9", path).returncode == 0
    assert sockwhy("read", "--config", "none", path).out == sockwhy("read", path).out
    # what the command does not take is left out
    assert sockwhy("read", "--config", conf("ring-size = 8M\nduration = 1s\n"), path).returncode == 0


@pytest.mark.parametrize("line,words", [
    ("severity = fatal", ["--severity", "'fatal'", "warning"]),
    ("severty = error", ["'severty'", "did you mean severity?"]),
    ("mute = connect-refusd", ["connect-refusd", "connect-refused"]),
    ("mute = conn-loss until 2026-02-30", ["'2026-02-30'"]),
    ("mute = conn-loss until tomorrow", ["'tomorrow'"]),
    ("mute = conn-loss for fun", ["'for fun'", "because"]), ("mute", ["its value is missing"]),
    ("finding = nonsense", ["nonsense"]), ("set = slow=1", ["slow=1"]), ("set = join.settle=x", ["join.settle"]),
    ("filter = host db.internal", ["db.internal", "address"]), ("filter = portt 80", ["syntax error"]),
    ("max-connections = 3", ["'3'"]), ("duration = soon", ["soon"]), ("uid = no-such-user", ["no-such-user"]),
    ("json = maybe", ["'maybe'", "yes"]), ("severity", ["its value is missing"]), ("severity =", ["its value is missing"]),
    ("config = x", ["'config'"]), ("help", ["'help'"]), ("o = x", ["'o'"]), ("dry-run", ["'dry-run'"]),
    ("[section]", ["'[section]'"]), ("utc\x1b[31m", ["control character"]), ("utc\0", ["control character"]),
    ("mute = conn-loss because old\rnew", ["control character"]),
])
def test_bad_line(conf, line, words):
    """One line with file and number, a hint, no other; and doctor says the same."""
    path = conf(f"# first\nutc\n  {line}  \nsnaplen = 100\n")
    for command in ("watch", "doctor", "run"):
        done = sockwhy(command, "--config", path, *(["--", "true"] if command == "run" else []))
        lines = done.err.splitlines()
        assert done.returncode == 2 and done.out == "" and len(lines) == 2, done.err
        assert lines[0].startswith(f"sockwhy: {path}:3: ") and lines[1].startswith("hint: "), done.err
        for word in words:
            assert word in done.err
        assert "\x1b" not in done.err


def test_lines_that_end_in_two_characters(conf):
    done = sockwhy("doctor", "--config", conf("utc\r\nmute = conn-loss because old\r\n"))
    assert "control character" not in done.err and done.returncode != 2, done.err


def test_many_bad_lines(conf):
    lines = sockwhy("doctor", "--config", conf("x\n" * 10000)).err.splitlines()
    assert [re.match(r"sockwhy: \S+:(\d+): ", line)[1] for line in lines[::2]] == [str(n) for n in range(1, 11)]


def test_forms_of_one_file(conf):
    done = sockwhy("doctor", "--config", conf("brief\njson\n"))
    assert done.returncode == 2 and "only one of them" in done.err


def test_files(conf, tmp_path):
    """What others may write says nothing to root."""
    good = conf("utc\n")
    for make, words in ((lambda path: path.chmod(0o664), "others may write it"), (lambda path: path.chmod(0o646), "others may"),
                        (lambda path: path.write_text("#" * 65537), "64 KiB"), (lambda path: path.unlink(), "No such file")):
        path = conf("utc\n", "bad.conf")
        make(path)
        done = sockwhy("doctor", "--config", path)
        assert done.returncode == 2 and words in done.err and f"sockwhy: {path}: " in done.err
    assert "no plain file" in sockwhy("doctor", "--config", tmp_path).err
    os.mkfifo(tmp_path / "fifo", 0o644)
    assert "no plain file" in sockwhy("doctor", "--config", tmp_path / "fifo").err
    assert sockwhy("doctor", "--config", good).returncode == 0
    assert sockwhy("doctor", "--config", good, "--clean").returncode == 2


def test_doctor(conf):
    done = sockwhy("doctor", "--config", conf("mute = dns-slow until 2026-01-31 because of cold caches\nmute = conn-*\n"))
    assert (done.returncode, done.err) == (0, "")
    assert re.search(r"mute dns-slow +until 2026-01-31, which is over: of cold caches\n", done.out)
    assert re.search(r"mute conn-\* +without end; no reason is given\n", done.out)


def test_usual_files(tmp_path):
    """watch and doctor read /etc/sockwhy, the folder in the order of names; here laid over this host's /etc."""
    folder = tmp_path / "etc/sockwhy/conf.d"
    folder.mkdir(parents=True)
    for name, text in (("sockwhy.conf", "utc\n"), ("conf.d/b.conf", "nonsense\n"), ("conf.d/a.conf", "severity = x\n"),
                       ("conf.d/.c.conf", "x\n"), ("conf.d/d.conf~", "x\n")):
        (folder.parent / name).write_text(text)
        (folder.parent / name).chmod(0o644)
    for command in (["doctor", "--config"], ["watch"], ["watch", "--config", "none", "--color", "x"]):
        run = subprocess.run(["unshare", *([] if os.geteuid() == 0 else ["-Ur"]), "-m", "sh", "-c",
                              'mount -t overlay overlay -o "lowerdir=$1:/etc" /etc && shift && exec "$@"', "sh", tmp_path / "etc",
                              SOCKWHY, *command], stderr=subprocess.PIPE, text=True, timeout=30, check=False)
        if "mount:" in run.stderr or "unshare:" in run.stderr:
            pytest.skip(f"nothing can be laid over /etc: {run.stderr.strip()}")
        places = re.findall(r"^sockwhy: (/etc/sockwhy/\S+:\d+): ", run.stderr, re.M)
        assert run.returncode == 2
        assert places == ([] if "none" in command else ["/etc/sockwhy/conf.d/a.conf:1", "/etc/sockwhy/conf.d/b.conf:1"])
