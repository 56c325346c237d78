# SPDX-License-Identifier: GPL-2.0-or-later
"""read: what stands in a recording is judged again, in every form of output."""

import contextlib
import fcntl
import os
import pty
import re
import select
import stat
import struct
import subprocess
import termios
import time

import pytest

from program import CASES, SOCKWHY, sockwhy

NAMES = sorted(path.stem for path in CASES.glob("*.events"))


def lines_of(done, schema):
    return [schema.check(line) for line in done.out.splitlines()]


def verdicts(expected):
    """(state, finding, confidence) of every verdict in an .expected file."""
    return [tuple(line.split()[:3]) for line in expected.splitlines() if line and line[0] not in "\t#"
            and line != "nothing"]


@pytest.mark.parametrize("name", NAMES)
def test_case(case, schema, name):
    """Every replay case through the whole program: the verdicts that stand beside it, valid lines, one summary."""
    done = sockwhy("read", "--json", "--all", "-vv", case(name))
    assert done.returncode == 0, done.err
    lines = lines_of(done, schema)
    assert [line["type"] for line in lines].count("summary") == 1 and lines[-1]["type"] == "summary"
    found = [line for line in lines if line["type"] == "finding"]
    wanted = verdicts((CASES / f"{name}.expected").read_text())
    # repeats of a group are counted, not printed: what is printed stands in the list, and the counts make it whole
    assert {(f["state"], f["finding"], f["confidence"]) for f in found} == set(wanted)
    assert sum(f["count"] for f in found if f["state"] == "final") == sum(state == "final" for state, *_ in wanted)


@pytest.mark.parametrize("name", ["connect-refused", "connect-no-answer", "local-port-in-use", "accept-queue-full"])
def test_text_says_the_same(case, name):
    """Text and brief name the finding; brief has one line each."""
    wanted = verdicts((CASES / f"{name}.expected").read_text())
    text, brief = sockwhy("read", case(name)), sockwhy("read", "--brief", case(name))
    assert text.returncode == brief.returncode == 0
    for state, finding, confidence in wanted:
        assert finding in text.out and finding in brief.out
        early = rf"^\d.*; {confidence}: \S.* {finding} pending$"
        assert re.search(early if state == "pending" else rf"^      {confidence} +\S", text.out, re.M)
    assert len(brief.out.splitlines()) == len(wanted)
    assert "\033" not in text.out + brief.out


@pytest.mark.parametrize("name", ["accept-wrong-bind", "accept-no-listener"])
def test_no_process_where_nobody_listens(case, name):
    """Who asked is another machine, and what it asked for nobody has."""
    for form in ([], ["--brief"]):
        done = sockwhy("read", "--all", *form, case(name))
        assert name in done.out and "unknown process" not in done.out, done.out


def test_text_layout(case):
    """The layout of the manual: head, labels in their order, offsets, arrows; ASCII where the locale is not UTF-8."""
    path = case("connect-refused")
    done = sockwhy("read", "--utc", path)
    lines = done.out.splitlines()
    assert re.match(r"2026-11-20 10:31:07\.\d{3}Z error  curl\[4121\]( \S+)? could not connect to "
                    r"10\.0\.0\.2:8080: ECONNREFUSED after 0\.\d\d ms   connect-refused$", lines[0]), lines[0]
    labels = [line[6:14].strip() for line in lines[1:] if line[:6] == " " * 6 and line[6] != " "]
    assert labels == ["likely", "check", "what", "seen", "path"]  # the scope of one says nothing new
    assert any(re.match(r" {14}\+0\.0\d\d ms packet → SYN ", line) for line in lines)
    plain = sockwhy("read", "--utc", path, env={"LC_ALL": "C"})
    assert plain.out.isascii() and plain.err.isascii()
    assert " -> " in plain.out and len(plain.out.splitlines()) == len(lines)
    assert " seq " not in done.out and " win 64240 mss 1460" in sockwhy("read", "-v", path).out  # for who asks


def on_terminal(columns, *args):
    """What a terminal of so many columns is given."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    env = {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC", "NO_COLOR": ""}
    with subprocess.Popen([SOCKWHY, *args], stdout=theirs, stderr=subprocess.DEVNULL, env=env) as child:
        os.close(theirs)
        said = b""
        with contextlib.suppress(OSError):  # EIO: nobody writes any more
            while got := os.read(ours, 65536):
                said += got
        os.close(ours)
        assert child.wait(30) == 0
    return re.sub(r"\033\[\d*m", "", said.decode().replace("\r\n", "\n"))


@pytest.mark.parametrize("name", ["accept-queue-full", "connect-refused", "capture-tls-rejected", "bind-failed"])
def test_terminal(case, name):
    """A terminal's lines end at its width, between words, and go on below their words; a command stays in one piece;
    a pipe is given whole lines of the same words."""
    path = case(name)
    whole = sockwhy("read", "--all", path, env={"TZ": "UTC"}).out
    narrow = on_terminal(80, "read", "--all", path)
    wide = on_terminal(4000, "read", "--all", path)
    assert wide == "2026-11-20\n" + whole.replace("2026-11-20 ", "")  # the day once, where nobody greps
    assert re.sub(r"\s+", " ", narrow) == re.sub(r"\s+", " ", wide)
    commands = [command for command in re.findall(r"^ {6}(?:check  | {8})( *\S.*?)   # ", whole, re.M)]
    for command in commands:
        assert command.strip() in narrow
    for line in narrow.splitlines():
        assert len(line) <= 80 or any(command.strip() in line for command in commands), line


def test_one_zone(case):
    """Every time has the offset of its zone, and all of them one."""
    path = case("connect-no-answer")
    for zone, offset in (("UTC", "+00:00"), ("Europe/Berlin", "+01:00"), ("America/St_Johns", "-03:30")):
        for form in ((), ("--brief",)):
            out = sockwhy("read", *form, path, env={"TZ": zone}).out
            times = re.findall(r"\d\d:\d\d:\d\d(?:\.\d{3})?(\S*)", out)
            assert times and {time.rstrip(";,") for time in times} == {offset}, out


def test_pending_is_one_line(case):
    """An early word is one line with its cause; the final's block follows, and a brief line keeps to 120 columns."""
    path = case("connect-no-answer")
    lines = sockwhy("read", "--utc", path).out.splitlines()
    assert re.match(r"\S+ 10:31:\S+ error  curl\[4121\] is still connecting to 10\.0\.0\.2:8080: waiting for \S+ s; "
                    r"\w+: .* connect-no-answer pending$", lines[0]), lines[0]
    assert re.match(r"\S+ 10:31:\S+ error  curl\[4121\] could not connect to .* connect-no-answer$", lines[1]), lines[1]
    for line in sockwhy("read", "--brief", path).out.splitlines():
        assert len(line) <= 120
        assert re.match(r"\S+ \S+ error connect-no-answer curl\[4121\] → 10\.0\.0\.2:8080( \(pending\))?: the SYN or ", line), line
    wide, narrow = (on_terminal(columns, "read", "--brief", path).splitlines() for columns in (240, 80))
    assert any(line.endswith("does not answer on port 8080") and 120 < len(line) <= 240 for line in wide), wide
    assert all(len(line) <= 120 for line in narrow), narrow


@pytest.mark.parametrize("name, words", [
    ("udp-receive-buffer-full", "drop a packet  dropped: SOCKET_RCVBUFF  7 times, for 5.00 ms"),
    ("conn-local-drop", "drop → PSH,ACK  len 200  ttl 64  dropped: NETFILTER_DROP  4 times, for 1.4 s")])
def test_lines_without_news_are_one(case, name, words):
    """The same evidence again and again is one line with how often and for how long; -v shows each. Nearest miss: what differs."""
    path = case(name)
    assert words in sockwhy("read", path).out
    assert "times, for" not in sockwhy("read", "-v", path).out
    assert "times, for" not in sockwhy("read", case("local-firewall")).out


def unanswered(at_ms, number, port=8080, address="10.0.0.2", here="10.0.0.1"):
    """The records of a try of curl that fails without a cause to be seen."""
    def bracketed(address):
        return f"[{address}]" if ":" in address else address
    whereto = f"{bracketed(address)}:{port}"
    return (f"{at_ms} open cookie={1000 + number} tuple={here}>{whereto} $curl\n"
            f"{at_ms}.2 state cookie={1000 + number} tuple={bracketed(here)}:{20000 + number}>{whereto} "
            f"state=SYN_SENT>CLOSE isn={number} error=ETIMEDOUT\n")


def test_repeats_are_one_line(record):
    """A repeat is one line however slowly it comes, with how many there were and since when."""
    path = record("".join(unanswered(at, number) + f"tick {at + 500}\n" for number, at in enumerate((100, 300100, 600100))))
    for line in (lines := sockwhy("read", "--utc", path).out.splitlines()):
        assert not re.match(r"\d.* again: ", line) or re.search(
            r"again: curl\[4121\] could not connect to 10\.0\.0\.2:8080: ETIMEDOUT after .*; [23] in all since 10:31:07Z   connect-failed$", line)
    assert sum(line.endswith("connect-failed") for line in lines) == 3 and sum(" again: " in line for line in lines) == 2
    assert sum(line.startswith("      check") for line in lines) == 1


@pytest.mark.parametrize("there,prefix", [("10.0.0.1", "10.1."), ("fd00::1", "fd00:1::")])
def test_storm(record, schema, there, prefix):
    """Many destinations that one owner cannot reach for one cause are one line, refreshed; JSON has every one of them.
    Its nearest miss, eight of them, are told one by one."""
    def path(count, name):
        separator = ":" if ":" in prefix else "."
        return record("".join(unanswered(100 + number, number, 1000 + number,  # one port would be one attempt
                                         f"{prefix}{number // 250 + 1}{separator}{number % 250 + 1}", there)
                              for number in range(count)) + f"tick {count + 1000}\n", name)
    storm, few = path(1000, "storm"), path(8, "few")
    said = sockwhy("read", "--utc", storm)
    assert len(re.findall("^\\d", said.out, re.M)) < 15, said.out
    assert re.search(r"error  curl could not connect to 1000 destinations \(\S+, \S+, \S+ …\): 1000 in all since 10:31:07Z   connect", said.out)
    assert "1000 failed" in said.err and "found 1000 errors" in said.err
    assert len(sockwhy("read", "--brief", storm).out.splitlines()) < 15
    assert "1000 destinations" in sockwhy("read", "--brief", storm).out
    assert " 3072 destinations" in sockwhy("read", "--brief", path(3072, "full")).out
    assert "more than 3072 destinations" in sockwhy("read", "--brief", path(3073, "over")).out
    found = [line for line in lines_of(sockwhy("read", "--json", storm), schema) if line["type"] == "finding"]
    assert len({line["connection"]["remote"]["address"] for line in found}) == 1000
    assert sum(line["count"] for line in found if line["state"] == "final") == 1000
    assert len(re.findall("^      check", sockwhy("read", few).out, re.M)) == 8
    assert "destinations" not in sockwhy("read", few).out


@pytest.mark.parametrize("there, server", [("10.0.0.1:{}", "10.0.0.53:53"), ("[fd00::1]:{}", "[fd00::53]:53")], ids=["v4", "v6"])
@pytest.mark.parametrize("count, told", [(200, 8), (8, 8)], ids=["storm", "few"])
def test_storm_of_what_waits(record, schema, there, server, count, told):
    """Many lookups that wait: text and JSON tell of the same eight and what came of those, JSON of every failure. Eight are told each."""
    text = "set ifindex=2\n"
    for n in range(count):
        here, name = there.format(30000 + n), f"n{n}.test"
        text += f"{100 + n / 100} open cookie={n + 9} how=lookup tuple={here}>{server} protocol=17 owner=app[4121]\n"
        text += f'+0.001 packet cookie={n + 9} out packet="{here} > {server} UDP id {n + 1} dns {n + 1},A,{name}"\n'
    text += "tick 1300\n"
    for n in range(0, count, 2):  # every other one is answered late, but not so late that it is slow
        text += f'{1310 + n / 100} packet in packet="{server} > {there.format(30000 + n)} UDP id {n + 1} dns {n + 1},A,NOERROR,n{n}.test"\n'
    path = record(text + "tick 1500\ntick 11500\n")
    early = [line for line in sockwhy("read", "--set", "dns-slow=2000", path).out.splitlines() if "pending" in line]
    *found, summary = lines_of(sockwhy("read", "--json", "--set", "dns-slow=2000", path), schema)
    pending = {line["attempt"] for line in found if line["state"] == "pending"}
    cleared = {line["attempt"] for line in found if line["state"] == "cleared"}
    assert len(early) == len(pending) == told and len(cleared) == told // 2 and cleared < pending, (early, found)
    assert sum(line["count"] for line in found if line["state"] == "final") == count // 2 == summary["findings"]["error"]
    assert summary.get("waiting_untold", 0) == count - told


@pytest.mark.parametrize("quiet", [False, True])
def test_progress(quiet):
    """A reading that takes long shows on a terminal how far it is, and leaves nothing there; -q, and a pipe, show nothing."""
    frame = b"\0" * 60
    head = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)
    frames = b"".join(struct.pack("<IIII", 1, n, 60, 60) + frame for n in range(4096))
    ours, theirs = pty.openpty()
    with subprocess.Popen([SOCKWHY, "read", *(["-q"] if quiet else []), "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=theirs) as child:
        os.close(theirs)
        child.stdin.write(head)
        begun, said = time.monotonic(), b""
        while b" packets, " not in said and time.monotonic() < begun + (2 if quiet else 20):
            child.stdin.write(frames)
            if select.select([ours], [], [], 0)[0]:
                said += os.read(ours, 65536)
        child.stdin.close()
        with contextlib.suppress(OSError):  # EIO: nobody writes any more
            while got := os.read(ours, 65536):
                said += got
        os.close(ours)
        out = child.stdout.read()
        assert child.wait(30) == 0 and out == b""
    if quiet:
        assert said == b""
        return
    assert re.match(rb"\r\033\[K\d+ packets, \d+ a second\r", said), said[:200]
    assert re.fullmatch(rb"sockwhy: .*", said.rsplit(b"\033[K", 1)[1].strip())  # the summary, on an empty line


def test_output_dash(case, tmp_path):
    """-o - is standard output, and makes no file of that name."""
    path = case("connect-refused")
    for form in ((), ("--json",)):
        assert sockwhy("read", *form, "-o", "-", path, cwd=tmp_path).out == sockwhy("read", *form, path).out
    assert not (tmp_path / "-").exists()


def test_namespace_named(record, schema):
    """Another namespace than the agent's is named in the first line and in JSON; the agent's own is not."""
    there = unanswered(100, 1).replace(" cookie", " netns=4026532999 cookie")
    path = record("20 netns netns=4026532999 name=web\n" + there + unanswered(700, 2, 81) + "tick 2000\n")
    heads = [line for line in sockwhy("read", path).out.splitlines() if line[0] != " "]
    assert " curl[4121] in namespace web could not connect to 10.0.0.2:8080: " in heads[0]
    assert " curl[4121] could not connect to 10.0.0.2:81: " in heads[1]
    found = [line["connection"] for line in lines_of(sockwhy("read", "--json", path), schema) if line["type"] == "finding"]
    assert [(c["netns"], c.get("netns_name")) for c in found] == [(4026532999, "web"), (4026531840, None)]


def test_long_namespace_brief(record):
    """A long name of a namespace leaves room for where to and why in a brief line."""
    name = "cni-" + "0123456789abcdef" * 3
    for here, there, port in (("10.0.0.1", "10.0.0.2", 8080), ("fd00::1", "fd00::2", 8081)):
        words = unanswered(100, 1, port, there, here).replace(" cookie", " netns=4026532999 cookie")
        path = record(f"20 netns netns=4026532999 name={name}\n{words}tick 2000\n")
        for ascii_only, more in ((False, "…"), (True, "...")):
            env = {"LC_ALL": "C"} if ascii_only else {}
            line = sockwhy("read", "--brief", path, env=env).out.splitlines()[0]
            assert len(line) <= 120
            assert re.search(r" curl\[4121\] in namespace cni-\w+" + re.escape(more) + r" (→|->) \S+:\d+: \w+", line), line


def test_color(case):
    path = case("connect-refused")
    assert "\033[31m" in sockwhy("read", "--color=always", path).out
    assert "\033" not in sockwhy("read", "--color=never", path).out
    assert "\033" not in sockwhy("read", path, env={"NO_COLOR": "1"}).out


def test_filters(case):
    """Each filter shows what matches and hides what does not."""
    path = case("connect-refused")

    def count(*args):
        done = sockwhy("read", "--json", *args, path)
        assert done.returncode == 0, done.err
        return done.out.count('"type":"finding"')

    for args in (["-f", "host 10.0.0.2"], ["-f", "port 8080 and src host 10.0.0.1"], ["-f", "dst port 45678"],
                 ["-f", "net 10.0.0.0/24"], ["-f", "not port 22"], ["-f", "ip"], ["-p", "4121"], ["--comm", "curl"],
                 ["--comm", "c*l"], ["--finding", "connect-refused"], ["--finding", "connect-slow,connect-refused"],
                 ["--severity", "error"], ["--mute", "connect-slow"], ["-i", "eth0"], []):
        assert count(*args) == 1, args
    for args in (["-f", "host 10.0.0.3"], ["-f", "port 22"], ["-f", "udp"], ["-f", "ip6"], ["-p", "4122"],
                 ["--comm", "wget"], ["--uid", "4000000000"], ["--unit", "none"], ["--container", "abc"],
                 ["--cgroup", "/nowhere"], ["--finding", "connect-slow"], ["--mute", "connect-refused"], ["-i", "lo"]):
        assert count(*args) == 0, args


def test_info_is_shown_on_request(case):
    """What is normal but worth knowing is told where somebody asks for it."""
    name = next(name for name in NAMES if " info " in (CASES / f"{name}.expected").read_text())
    path, info = case(name), '"severity":"info"'
    assert info not in sockwhy("read", "--json", path).out
    assert info in sockwhy("read", "--json", "--all", path).out
    assert info in sockwhy("read", "--json", "--severity", "info", path).out
    finding = re.search(r'"finding":"([a-z-]+)"', sockwhy("read", "--json", "--all", path).out).group(1)
    assert info in sockwhy("read", "--json", "--finding", finding, path).out
    assert info not in sockwhy("read", "--json", "--all", "--severity", "warning", path).out


def test_count_and_fail_on(case, record):
    path = record("".join(f"{100 + n * 2000} syscall cookie=7 call=bind asked=10.0.0.1 asked_port={80 + n} "
                          f"error=EADDRINUSE owner=web[{500 + n}]\ntick {1800 + n * 2000}\n" for n in range(4)))
    assert sockwhy("read", "--json", path).out.count('"type":"finding"') == 4
    assert sockwhy("read", "--json", "-c", "2", path).out.count('"type":"finding"') == 2
    refused = case("connect-refused")
    assert sockwhy("read", "--fail-on", "error", refused).returncode == 3
    assert sockwhy("read", "--fail-on", "error", "--mute", "connect-refused", refused).returncode == 0
    canceled = case("connect-canceled")
    assert sockwhy("read", "--fail-on", "warning", canceled).returncode == 3
    assert sockwhy("read", "--fail-on", "error", canceled).returncode == 0


def test_events(case, schema):
    path = case("connect-refused")
    lines = lines_of(sockwhy("read", "--json", "-v", path), schema)
    kinds = {line["event"] for line in lines if line["type"] == "event"}
    assert {"open", "packet", "state"} <= kinds and not kinds & {"tick", "name", "clock"}
    packet = next(line for line in lines if line.get("event") == "packet")
    assert packet["packet"]["source"] == {"address": "10.0.0.1", "port": 45678} and packet["interface"] == "eth0"
    hidden = lines_of(sockwhy("read", "--json", "-v", "-f", "port 22", path), schema)
    assert not [line for line in hidden if line.get("event") in ("open", "packet", "state")]
    text = sockwhy("read", "-v", path).out
    assert re.search(r"event packet  eth0  10\.0\.0\.1:45678 → 10\.0\.0\.2:8080 .*SYN", text)


def test_repeats_are_counted(record, schema):
    """2,000 refusals of one group: few lines, and their counts make 2,000."""
    one = ("{0} $begin\n{1} $syn\n{2} $rst\n{3} $ends error=ECONNREFUSED how=2\n")
    text = "".join(one.format(*(f"{100 + n * 5 + d:.2f}" for d in (0, .02, .31, .34))).replace("cookie=7", f"cookie={n}")
                   for n in range(2000))
    # each connection has a cookie of its own
    text = text.replace("$begin", "open cookie=@ tuple=10.0.0.1>10.0.0.2:8080 $curl").replace(
        "$syn", 'packet cookie=@ ifindex=2 out packet="10.0.0.1:45678 > 10.0.0.2:8080 SYN seq 1000 win 64240"')
    text = text.replace("$ends", "state cookie=@ $way state=SYN_SENT>CLOSE isn=1000")
    parts = text.split("\n")
    numbered = [line.replace("@", str(1000 + index // 4)) for index, line in enumerate(parts)]
    done = sockwhy("read", "--json", record("\n".join(numbered) + "tick 11000\n"))
    lines = [line for line in lines_of(done, schema) if line["type"] == "finding"]
    assert sum(line["count"] for line in lines) == 2000 and lines[-1]["total"] == 2000
    assert len(lines) < 12 and len({line["group"] for line in lines}) == 1
    assert len({line["attempt"] for line in lines}) == len(lines), "an attempt ends once"


def test_several_files_and_standard_input(case):
    one, two = case("connect-refused"), case("connect-canceled")
    both = sockwhy("read", "--json", one, two)
    assert both.out == sockwhy("read", "--json", one).out + sockwhy("read", "--json", two).out
    assert sockwhy("read", "--json", "-", data=one.read_bytes()).out == sockwhy("read", "--json", one).out
    assert sockwhy("-r", one, "--json").out == sockwhy("read", "--json", one).out


def test_environment_does_not_matter(case):
    """Time zone, locale and services never reach JSON."""
    path = case("connect-refused")
    plain = sockwhy("read", "--json", path).out
    assert sockwhy("read", "--json", path, env={"TZ": "Asia/Tokyo", "LC_ALL": "C", "LANG": "de_DE.UTF-8"}).out == plain
    assert sockwhy("read", path, env={"TZ": "Asia/Tokyo"}).out != sockwhy("read", path, env={"TZ": "UTC"}).out


def test_output_file(case, tmp_path):
    path, out = case("connect-refused"), tmp_path / "out"
    done = sockwhy("read", "--json", "-o", out, path)
    assert done.returncode == 0 and done.out == ""
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert out.read_text() == sockwhy("read", "--json", path).out
    again = sockwhy("read", "--json", "-o", out, path)
    assert again.returncode == 1 and str(out) in again.err and "--force" in again.err
    assert sockwhy("read", "-o", out, "--force", path).returncode == 0
    link = tmp_path / "link"
    link.symlink_to(out)
    before = out.read_bytes()
    assert sockwhy("read", "-o", link, "--force", path).returncode == 1 and out.read_bytes() == before


def test_full_disk(case):
    with open("/dev/full", "wb") as full:
        done = sockwhy("read", case("connect-refused"), stdout=full)
    assert done.returncode == 1 and done.err.count("No space left") == 1 and "failed" in done.err


def test_closed_pipe(case):
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "wb") as closed:
        done = sockwhy("read", case("connect-refused"), stdout=closed)
    assert done.returncode == 0 and done.err == ""


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.9])
def test_truncated(case, schema, tmp_path, cut):
    data = case("connect-no-answer").read_bytes()
    short = tmp_path / "short"
    short.write_bytes(data[:int(len(data) * cut)])
    done = sockwhy("read", "--json", short)
    assert done.returncode == 1 and "ends early" in done.err
    assert lines_of(done, schema)[-1]["early_end"] is True


def test_no_recording(tmp_path):
    for content, word in ((b"", "empty"), (b"\x0a\x0d\x0d\x0d" * 100, "recording"), (b"text\n" * 100, "recording")):
        bad = tmp_path / "bad"
        bad.write_bytes(content)
        done = sockwhy("read", bad)
        lines = done.err.splitlines()
        assert done.returncode == 1 and str(bad) in lines[0] and word in done.err
        assert len(lines) == 2 and lines[1].startswith("hint:")


def test_threshold(case, record):
    """--set changes what a rule compares with."""
    path = case("connect-slow")
    assert "connect-slow" in sockwhy("read", "--brief", path).out
    names = re.findall(r"^  ([a-z.-]+)=\d+ ", sockwhy("explain").out, re.M)
    assert "slow-handshake" in names and "join.settle" in names
    for name in names:
        assert sockwhy("read", "--set", f"{name}=1", path).returncode == 0
    # what comes 100 ms after the end is evidence of a verdict that waits for it
    late = record("100 $begin\n100.02 $syn\n100.31 $rst\n100.34 $ends error=ECONNREFUSED how=2\n"
                  "tick 150\n200 error cookie=7 $way state=CLOSE error=ECONNREFUSED\ntick 500\n")
    assert '"event":"error"' in sockwhy("read", "--json", late).out
    assert '"event":"error"' not in sockwhy("read", "--json", "--set", "join.settle=1", late).out


@pytest.mark.parametrize(("command", "said"), [
    ("python3 -u /srv/worker.py --queue mail", "curl[4121] worker.py could not connect"),
    ("python3 -c print(1)", "curl[4121] could not connect"), ("python3", "curl[4121] could not connect"),
    ("", "curl[4121] could not connect")])
def test_script_named(record, schema, command, said):
    """Forty workers are one python3: what it runs tells them apart; a unit does so better."""
    lines = """
91 process tgid=4121 start_ns={start} uid=1000 exe=/usr/bin/python3.11 {unit}{command}
100    $begin
100.02 $syn
100.31 $rst
100.35 $ends error=ECONNREFUSED how=2
tick 1000
"""
    words = f'command="{command}"' if command else ""
    path = record(lines.format(start=4121000000, unit="", command=words))
    assert said in sockwhy("read", path).out
    found = [line for line in lines_of(sockwhy("read", "--json", path), schema) if line["type"] == "finding"]
    assert found[0]["process"].get("command", "") == command
    path = record(lines.format(start=4121000000, unit="unit=web.service ", command=words))
    assert "curl[4121] web.service could not connect" in sockwhy("read", path).out


def test_no_time_runs_on_behind_a_reset(case, schema):
    """The server gave up with a reset out of the window after 26 s; the file goes on for 34 s more, and not its connection."""
    found = [line for line in map(schema.check, sockwhy("read", "--json", case("capture-conn-timed-out-left")).out.splitlines())
             if line["type"] == "finding"]
    assert [line["finding"] for line in found] == ["conn-timed-out"]
    assert found[0]["duration_us"] == 25900000
