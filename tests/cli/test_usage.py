# SPDX-License-Identifier: GPL-2.0-or-later
"""Usage: help, catalogue, and one clear line with a hint for everything that is wrong."""

import re

import pytest

from program import ROOT, sockwhy


def complains(status, *args, words=(), **kwargs):
    """One line, perhaps a hint, nothing on standard output."""
    done = sockwhy(*args, **kwargs)
    lines = done.err.splitlines()
    assert done.returncode == status, (done.returncode, done.err)
    assert done.out == "" and lines and lines[0].startswith("sockwhy: ")
    assert len(lines) == 1 or (len(lines) == 2 and lines[1].startswith("hint: ")), done.err
    for word in words:
        assert word in done.err, f"{word!r} is not in: {done.err}"


def test_help():
    done = sockwhy("--help")
    assert done.returncode == 0 and done.err == ""
    for word in ("watch", "run", "read", "explain", "doctor", "--json", "--record", "-f, --filter EXPR", "Exit status"):
        assert word in done.out
    run = sockwhy("run", "--help").out
    assert "-u USER" in run and "--dry-run" not in run and "-c N" not in run
    assert "--dry-run" in sockwhy("doctor", "--help").out


def test_help_names_every_option_once():
    words = re.findall(r"^  (?:(-\w), )?(--[a-z-]+|-\w)\b", sockwhy("--help").out, re.M)
    names = [name for pair in words for name in pair if name]
    assert len(names) > 30 and len(names) == len(set(names))


def test_version():
    assert re.fullmatch(r"sockwhy \d+\.\d+\.\d+\n", sockwhy("--version").out)


@pytest.mark.parametrize("args,words", [
    (["--jsn"], ["--jsn", "--json"]),
    (["-Z"], ["-Z"]),
    (["-c"], ["-c"]), (["-c", "0"], ["'0'"]), (["-c", "1x"], ["1x"]), (["-c", "-1"], ["-1"]),
    (["--json=yes"], ["--json"]),
    (["--json", "--brief"], ["--brief"]),
    (["--duration", "soon"], ["soon"]), (["--duration", "-1s"], ["-1s"]),
    (["--ring-size", "12"], ["12"]),
    (["--color", "pink"], ["pink", "always"]),
    (["--severity", "fatal"], ["fatal", "warning"]),
    (["--finding", "connect-refuse"], ["connect-refuse", "did you mean connect-refused"]),
    (["--finding", "nonsense"], ["nonsense", "explain"]),
    (["--mute", "x,connect-slow"], ["--mute x"]),
    (["--set", "slow-handshake"], ["slow-handshake"]), (["--set", "slow=1"], ["slow=1"]),
    (["--set", "slow-handshake=-4"], ["slow-handshake=-4"]),
    (["--set", "join.settle"], ["join.settle"]), (["--set", "join.settle=0"], ["join.settle=0"]),
    (["--set", "join.settle=99999999999"], ["join.settle=99999999999"]), (["--set", "join.x=1"], ["join.x=1"]),
    (["-p", "init"], ["init"]), (["--uid", "no-such-user"], ["no-such-user"]),
    (["watch", "--dry-run"], ["--dry-run", "watch"]), (["run", "-c", "2", "--", "true"], ["-c", "run"]),
    (["run"], ["run"]), (["run", "--"], ["run"]), (["read"], ["read"]),
    (["explain", "connect-refusd"], ["connect-refused"]), (["explain", "ECONREFUSED"], ["ECONNREFUSED"]),
    (["explain", "zzz"], ["zzz"]),
    (["doctor", "now"], ["doctor"]), (["doctor", "--dry-run"], ["--clean"]),
    (["curl", "http://example.test/"], ["curl", "run -- curl"]),
    (["ssh"], ["ssh", "run -- ssh"]),
    (["raed", "x.pcap"], ["'raed' is no command", "did you mean read?"]), (["explian"], ["did you mean explain?"]),
    (["hlep"], ["did you mean help?"]), (["tpo"], ["did you mean top?"]), (["rnu", "--", "true"], ["did you mean run?"]),
    (["-p", "4194303"], ["-p 4194303: no such process", "--comm"]), (["flows", "-p", "4194303"], ["no such process"]),
    (["--finding", "conx-*"], ["conx-*", "explain"]), (["--severity", "x"], ["x", "warning"]),
    (["flows", "port", "nonsense-port"], ["nonsense-port"]),
], ids=" ".join)
def test_wrong(args, words):
    complains(2, *args, words=words)


@pytest.mark.parametrize("expression,words", [
    ("host db.internal", ["db.internal", "address"]),
    ("net example", ["example", "address"]),
    ("tcp portt 80", ["syntax error"]),
    ("port http-but-not-really", ["http-but-not-really"]),
    ("host 10.0.0.1 and", ["syntax error"]),
    ("ether host 00:11:22:33:44:55", ["ether", "link layer"]),
    ("vlan 4", ["vlan", "link layer"]), ("arp", ["arp"]), ("ether proto 6", ["ether"]),
    ("tcp[13] & 2 != 0", ["offset"]), ("ip[8] == 64", ["offset"]), ("ip6[6]=6", ["offset"]),
    ("len > 100", ["len"]), ("greater 100", ["greater"]), ("less 64", ["less"]),
    ("inbound", ["inbound"]), ("broadcast", ["broadcast"]), ("ip broadcast", ["broadcast"]),
    ("gateway 10.0.0.1", ["gateway"]),
])
@pytest.mark.parametrize("how", ["option", "words"])
def test_wrong_filter(expression, words, how):
    complains(2, *(["-f", expression] if how == "option" else ["watch", *expression.split()]), words=words)


def test_files_that_cannot_be(tmp_path):
    complains(1, "read", tmp_path / "absent", words=["absent", "No such file"])
    complains(1, "read", tmp_path, words=[str(tmp_path)])
    complains(1, "-o", tmp_path / "no/dir", words=["no/dir", "No such file"])
    complains(1, "--record", tmp_path / "no/dir", words=["no/dir", "No such file"])
    complains(1, "--netns", "no-such-netns", words=["/run/netns/no-such-netns", "No such file"])
    complains(2, "-i", "nosuchif0", words=["nosuchif0", "lo"])


def test_explain_json(schema):
    """An object for every row that the text has, with the same words."""
    done = sockwhy("explain", "--json")
    assert done.returncode == 0
    rows = [schema.check(line) for line in done.out.splitlines()]
    text = sockwhy("explain").out
    for row in rows:
        assert row["of"] in ("finding", "threshold")
        name = row["name"] + ("" if row["of"] == "finding" else f"={row['value']}")
        assert f"  {name} " in text and row["means"] in text
    assert len(rows) == sum(line.startswith("  ") for line in text.splitlines())
    row, = (schema.check(line) for line in sockwhy("explain", "--json", "connect-refused").out.splitlines())
    assert row == next(r for r in rows if r["name"] == "connect-refused")
    assert {"severity", "most_confident", "stage", "decides", "check", "kernels"} <= set(row)
    errno, plain, state = (schema.check(line) for line in
                           sockwhy("explain", "--json", "ECONNREFUSED", "EPIPE", "syn-sent").out.splitlines())
    assert (errno["of"], errno["number"], errno["causes"][0]) == ("errno", 111, "connect-refused")
    assert plain["causes"][0] == "conn-broken-pipe" and (state["of"], state["name"]) == ("state", "SYN_SENT")
    done = sockwhy("explain", "--json", "nonsense")
    assert (done.returncode, done.out) == (2, "")


def test_explain():
    done = sockwhy("explain")
    ids = re.findall(r"^  ([a-z]+(?:-[a-z]+)+) ", done.out, re.M)
    documented = re.findall(r"^\| `([a-z-]+)` \|", (ROOT / "docs/findings.md").read_text(), re.M)
    assert done.returncode == 0 and len(ids) > 23 and ids == documented
    for id_ in ids:
        text = sockwhy("explain", id_).out
        assert text.startswith(id_) and re.search(r"^  means ", text, re.M) and re.search(r"^  check ", text, re.M)
        assert all(len(line) <= 100 for line in text.splitlines())
    for errno, id_ in (("ECONNREFUSED", "connect-refused"), ("etimedout", "connect-no-answer"),
                       ("EADDRINUSE", "local-port-in-use"), ("EMFILE", "local-fd-limit"), ("EADDRNOTAVAIL", "local-ports-exhausted")):
        assert id_ in sockwhy("explain", errno).out
    for state in ("LISTEN", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT1", "FIN_WAIT2", "CLOSE_WAIT", "CLOSING",
                  "LAST_ACK", "TIME_WAIT", "CLOSE"):
        assert sockwhy("explain", state).out.startswith(state)
    assert "SYN_SENT" in sockwhy("explain", "syn-sent").out
    two = sockwhy("explain", "SYN_SENT", "ECONNREFUSED").out
    assert "SYN_SENT" in two and "ECONNREFUSED" in two


@pytest.mark.parametrize("words,wanted", [
    ("111 econnrefused,Connection refused", {"connect-refused", "connect-refused-local"}),
    ("104 ECONNRESET,connection reset by peer", {"conn-reset-by-peer", "connect-reset-in-handshake", "conn-keepalive-race"}),
    ("32 EPIPE,Broken pipe", {"conn-broken-pipe"}), ("110 ETIMEDOUT", {"connect-no-answer", "conn-timed-out"}),
    ("EAI_AGAIN,Temporary failure in name resolution", {"dns-no-answer", "dns-server-down", "dns-servfail"}),
    ("refused", {"connect-refused", "connect-refused-local"}), ("timeout", {"conn-app-timeout", "connect-no-answer"}),
    ("reset", {"conn-reset-by-peer", "connect-reset-in-handshake"}), ("certificate", {"tls-rejected", "tls-alert"}),
])
def test_explain_what_is_in_hand(schema, words, wanted):
    """An error message, its number, its name, a word of it: every finding that can be behind it; the same as JSON."""
    for word in [w for part in words.split(",") for w in ([part] if part[0].isupper() and " " in part or part[0] == "c" else part.split())]:
        text, lines = sockwhy("explain", word), sockwhy("explain", "--json", word)
        assert text.returncode == lines.returncode == 0, word
        told = set(re.findall(r"^  (?:causes  |        )?([a-z]+(?:-[a-z]+)+) ", text.out, re.M))
        assert wanted <= told, word
        rows = [schema.check(line) for line in lines.out.splitlines()]
        assert told == {name for row in rows for name in (row.get("causes") or [row["name"]])}
    assert sockwhy("explain", "zz").returncode == sockwhy("explain", "9999").returncode == 2


def test_help_word():
    assert sockwhy("help").out == sockwhy("--help").out
    assert sockwhy("help", "read").out == sockwhy("read", "--help").out


def test_what_people_mean(case):
    """The beginning of a severity, a pattern of findings, and counts of the summary that are of what was asked for."""
    path = case("connect-refused")
    for args, found in ((["--severity", "warn"], 1), (["--severity", "err"], 1), (["--finding", "connect-*"], 1),
                        (["--finding", "conn-*"], 0), (["--mute", "*-refused"], 0), (["--finding", "conn-*,*refused"], 1)):
        assert len(sockwhy("read", "--brief", *args, path).out.splitlines()) == found, args
    assert "1 attempt to connect or listen, 1 failed" in sockwhy("read", path).err
    assert "1 attempt to connect or listen of those asked for, 1 failed" in sockwhy("read", "-f", "port 8080", path).err
    assert "0 attempts to connect or listen of those asked for, 0 failed" in sockwhy("read", "-f", "port 81", path).err
    assert "0 attempts to connect or listen of those asked for, 0 failed" in sockwhy("read", "--comm", "wget", path).err
    standing = case("conn-reset-by-us")  # one connect that worked; what befell it later is no second one
    for args in ([], ["-f", "tcp"]):
        said = sockwhy("read", *args, standing).err
        assert "1 attempt to connect or listen" in said and ", 0 failed; found 1 warning" in said, said
    assert "-p 1" not in sockwhy("read", "-p", "4194303", path).err  # of a recording: long gone


def test_counts_of_what_was_asked_for(case, schema, tmp_path):
    """The last line of JSON and a report count what the filter leaves, as the text does; what was heard and lost is of all."""
    path = case("connect-refused")
    everybody = [schema.check(line) for line in sockwhy("read", "--json", path).out.splitlines()][-1]
    for args, count in (([], 1), (["-f", "port 8080"], 1), (["-f", "port 81"], 0), (["--comm", "wget"], 0), (["--uid", "4321"], 0),
                        (["--unit", "other"], 0), (["--container", "ff"], 0), (["--cgroup", "/other"], 0), (["--name", "other.*"], 0)):
        last = [schema.check(line) for line in sockwhy("read", "--json", *args, path).out.splitlines()][-1]
        assert [last[key] for key in ("attempts", "failures", "connections")] == [count] * 3, (args, last)
        assert last["records"] == everybody["records"] and last["lost"] == everybody["lost"], (args, last)
        report = tmp_path / "report.md"
        assert sockwhy("read", "-q", "--force", "--report", report, *args, path).returncode == 0
        words = f"{count} attempt{'' if count == 1 else 's'} to connect or listen, {count} of them failed"
        assert words in report.read_text(), (args, report.read_text()[:600])


def test_full_disk():
    for args in (["explain"], ["--help"], ["doctor"]):
        with open("/dev/full", "wb") as full:
            assert sockwhy(*args, stdout=full).returncode == 1, args


def test_doctor_json(schema):
    """Whatever the privileges: valid lines, every check named, status 1 exactly if a needed one is missing."""
    done = sockwhy("doctor", "--json")
    lines = [schema.check(line) for line in done.out.splitlines()]
    checks = [line for line in lines if line["type"] == "check"]
    assert {"BTF", "CAP_BPF", "tracefs"} <= {check["name"] for check in checks}
    missing = [check for check in checks if check["needed"] and not check["ok"]]
    assert done.returncode == (1 if missing else 0)
    assert bool(missing) != any(line["type"] == "hook" for line in lines)
    words = sockwhy("doctor").out
    # agents that run meanwhile come and go
    assert all(line["name"] in words for line in lines if line["type"] not in ("leftover", "agent"))
