# SPDX-License-Identifier: GPL-2.0-or-later
"""--report: one file, whole, safe to open, and shown by a real browser."""

import html.parser
import re
import shutil
import stat
import struct
import subprocess

import pytest

from program import SOCKWHY, sockwhy

FORMATS = ["html", "md"]
SECTIONS = ["Summary", "Findings", "Actions taken"]
CHROMIUM = shutil.which("chromium")
# HTML's own elements without an end
VOID = {"meta", "link", "br", "hr", "img", "input"}
TAGS = {"html", "head", "meta", "link", "title", "style", "body", "main", "footer", "section", "div", "h1", "h2", "h3",
        "h4", "p", "a", "span", "strong", "em", "pre", "table", "caption", "thead", "tbody", "tr", "th", "td", "figure",
        "figcaption", "svg", "desc", "g", "path", "rect", "circle", "text"}


class Page(html.parser.HTMLParser):
    """What a browser would make of it, strictly: every element closed where it was opened."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.texts, self.style = [], [], [], ""
        self.feed(text)
        self.close()
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            self.style += data
        else:
            self.texts.append(data)

    def all(self, *tags):
        return [attrs for tag, attrs in self.elements if tag in tags]


def report(tmp_path, form, *files, args=(), name="report"):
    path = tmp_path / f"{name}.{form}"
    done = sockwhy("read", "--utc", "--report", path, *args, *files)
    assert done.returncode == 0, done.err
    return path.read_text()


def long_way():
    """A connect that is slow, then data with a loss, a closed window and a reset, all of it followed."""
    lines = ["1000 $begin"]

    def see(time, out, words):
        ends = "10.0.0.1:45678 > 10.0.0.2:8080" if out else "10.0.0.2:8080 > 10.0.0.1:45678"
        lines.append(f'{time:.3f} packet cookie=7 ifindex=2 {"out" if out else "in"} followed packet="{ends} {words}"')
    see(1000.02, 1, "SYN seq 1000 win 64240 mss 1460 sack ts wscale 7")
    lines.append("2010 $again retransmits=1")
    see(2010.1, 1, "SYN seq 1000 win 64240 mss 1460 sack ts wscale 7")
    see(2010.6, 0, "SYN,ACK seq 5000 ack 1001 win 65160 mss 1460 sack ts wscale 7 ttl 63")
    lines.append("2010.7 $works total_retransmits=1")
    see(2010.75, 1, "ACK seq 1001 ack 5001 win 502")
    seq = 5001
    for number in range(60):
        if number != 20:
            see(2012 + number, 0, f"ACK seq {seq} ack 1001 win 509 len 1448")
            see(2012.1 + number, 1, f"ACK seq 1001 ack {33961 if 20 < number < 26 else seq + 1448} "
                f" win {400 if 20 < number < 26 else 500 - 4 * number}")
        if number == 25:
            see(2012.2 + number, 0, "ACK seq 33961 ack 1001 win 509 len 1448")
        seq += 1448
    see(2080, 1, f"ACK seq 1001 ack {seq} win 0")
    see(2110, 0, f"ACK seq {seq - 1} ack 1001 win 509")
    see(2110.2, 1, f"ACK seq 1001 ack {seq} win 0")
    see(2180, 0, f"RST,ACK seq {seq} ack 1001 win 0")
    return "\n".join(lines) + "\ntick 2500\ntick 4500\n"


def headings(form, text):
    if form == "md":
        return re.findall(r"^## (.*)$", text, re.M)
    return re.findall(r"<h2[^>]*>([^<]*)</h2>", text)


@pytest.mark.parametrize("form", FORMATS)
def test_recordings(case, tmp_path, form):
    """Sections in the order of practice; findings with evidence, causes and checks; the gravest first."""
    text = report(tmp_path, form, case("connect-slow"), case("connect-no-answer"))
    assert headings(form, text) == SECTIONS
    assert stat.S_IMODE((tmp_path / f"report.{form}").stat().st_mode) == 0o600
    assert "1 error, 1 warning." in text and "web1, Linux 6.18" in text
    assert 0 < text.find("1. connect-no-answer") < text.find("2. connect-slow")
    plain = sockwhy("read", "--utc", case("connect-no-answer")).out
    plain = plain[plain.rindex(" could not connect to "):]  # the final one
    for label in ("what", "likely", "scope", "changed", "path"):
        words = re.search(rf"^ +{label} +(.*)$", plain, re.M)[1]
        assert re.sub(", from port .*", "", words) in text, label
    command = re.search(r"^ +check +(.*?)(   #.*)?$", plain, re.M)[1]
    assert command.replace("on 10.0.0.2: ", "").replace("'", "&#39;" if form == "html" else "'") in text
    assert text.count("sent again") >= 4 and "ETIMEDOUT" in text
    cause = re.search(r"^ +likely +(.*)$", plain, re.M)[1]
    row = next(line for line in text.splitlines() if "Severity" not in line and "connect-no-answer" in line and "| 1 |" in line) \
        if form == "md" else text[text.index("Findings, the gravest first"):text.index("</tbody>")]
    assert cause in row and "none found" not in text


@pytest.mark.parametrize("form", FORMATS)
def test_time_sequence(record, tmp_path, form):
    """Retransmissions, windows and resets stand in the table, and in the pictures of a page."""
    text = report(tmp_path, form, record(long_way()))
    for words in ("retransmission", "lost segment", "duplicate ack", "fast retransmission", "zero window",
                  "zero window probe", "reset", "packets of this connection not shown", "len 1448", "SYN,ACK"):
        assert words in text, words
    if form == "md":
        assert "<svg" not in text
        return
    page = Page(text)
    assert [svg["class"] for svg in page.all("svg")] == ["ladder", "graph"]
    classes = [attrs.get("class") for attrs in page.all("g", "path", "rect", "circle")]
    for mark in ("again", "reset", "win", "odd", "data", "acks", "window", "zero", "pause"):
        assert mark in classes, mark
    assert "◆ sent again: 1" in text and "✕ reset: 1" in text and "● window closed: 2" in text
    for number in re.findall(r'[ "](?:x|y|cx|cy|d)="([^"]*)"', text):
        assert re.fullmatch(r"[MmLlHhVvz0-9 .-]+", number), number


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_found(record, tmp_path, form):
    text = report(tmp_path, form, record("tick 100\n"))
    assert headings(form, text) == ["Summary", "Actions taken"]
    assert "no finding." in text and "<svg" not in text


def pcap(path, packets):
    """packets: (seconds, IPv4 bytes)"""
    data = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101)
    for seconds, raw in packets:
        data += struct.pack("<IIII", int(seconds), int(seconds % 1 * 1e6), len(raw), len(raw)) + raw
    path.write_bytes(data)
    return path


def segment(out, flags, seq, ack, port=45678):
    ends = [(b"\x0a\0\0\1", port), (b"\x0a\0\0\2", 80)]
    (source, source_port), (destination, destination_port) = ends if out else ends[::-1]
    tcp = struct.pack(">HHIIBBHHH", source_port, destination_port, seq, ack, 0x50, flags, 1000, 0, 0)
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40, 1, 0, 64, 6, 0, source, destination) + tcp


@pytest.mark.parametrize("form", FORMATS)
def test_captures(tmp_path, form):
    """A capture: what it held is told, also that it is damaged; a connection without a finding is not drawn."""
    works = [(1, segment(1, 2, 1, 0)), (1.01, segment(0, 18, 1, 2)), (1.02, segment(1, 16, 2, 2)),
             (1.1, segment(1, 17, 2, 2)), (1.2, segment(0, 17, 2, 3)), (1.3, segment(1, 16, 3, 3))]
    whole = pcap(tmp_path / "whole.pcap", works)
    text = report(tmp_path, form, whole)
    assert "6 packets, 1 TCP connection" in text and "1970-01-01 00:00:01" in text and "no finding." in text
    assert "<svg" not in text and "10.0.0.2" not in text
    broken = tmp_path / "broken.pcap"
    broken.write_bytes(whole.read_bytes()[:-20])
    path = tmp_path / f"broken.{form}"
    done = sockwhy("read", "--report", path, broken)
    assert done.returncode == 1 and "the capture ends early" in path.read_text()
    path = tmp_path / f"absent.{form}"
    assert sockwhy("read", "--report", path, tmp_path / "no").returncode == 1
    assert "Nothing could be read." in path.read_text()


def test_file(case, tmp_path):
    """Never over a file without --force, never through a link; standard output stays what it is."""
    path, out = case("connect-refused"), tmp_path / "r.html"
    done = sockwhy("read", "--report", out, path)
    assert done.returncode == 0 and done.out == sockwhy("read", path).out
    before = out.read_bytes()
    again = sockwhy("read", "--report", out, path)
    assert again.returncode == 1 and str(out) in again.err and "--force" in again.err
    assert out.read_bytes() == before
    assert sockwhy("read", "--report", out, "--force", path).returncode == 0 and out.read_bytes() == before
    link = tmp_path / "link.html"
    link.symlink_to(out)
    assert sockwhy("read", "--report", link, "--force", path).returncode == 1
    (tmp_path / "hard.html").hardlink_to(out)
    assert sockwhy("read", "--report", out, "--force", path).returncode == 1
    assert out.read_bytes() == before


def test_name(case, tmp_path):
    """The name says the form."""
    path = case("connect-refused")
    for name in ("report", "r.txt", ".md", ".html", "r.html.gz"):
        done = sockwhy("read", "--report", name, path, cwd=tmp_path)
        assert done.returncode == 2 and "--report" in done.err and ".md" in done.err, name
        assert not (tmp_path / name).exists()
    assert sockwhy("flows", "--report", "r.html", path, cwd=tmp_path).returncode == 2
    assert sockwhy("read", "--report", "R.HTM", path, cwd=tmp_path).returncode == 0
    assert (tmp_path / "R.HTM").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize("form", FORMATS)
def test_full_disk(case, tmp_path, form):
    """What does not fit is told, with status 1: on a file system that is full, and at a limit of the shell."""
    path = case("connect-refused")
    script = 'ulimit -f 1; trap "" XFSZ; exec "$0" read --report "$1" "$2"'
    done = subprocess.run(["bash", "-c", script, SOCKWHY, tmp_path / f"limit.{form}", path], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=30, check=False)
    assert done.returncode == 1 and b"File too large" in done.stderr and b"not whole" in done.stderr
    assert done.stdout.decode().count("connect-refused") == 1
    script = ('mount -t tmpfs -o size=4k tmpfs "$1" && head -c 4096 /dev/zero >"$1/all" && '
              'exec "$0" read --report "$1/r.$3" "$2"')
    (tmp_path / "small").mkdir()
    done = subprocess.run(["unshare", "--map-root-user", "--mount", "sh", "-c", script, SOCKWHY, tmp_path / "small",
                           path, form], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30, check=False)
    if b"unshare" in done.stderr or b"mount:" in done.stderr:
        pytest.skip(f"no file system of one's own here: {done.stderr.decode().strip()}")
    assert done.returncode == 1 and done.stderr.count(b"No space left") == 1


def test_closed_pipe(case, tmp_path):
    """Who reads standard output may go; the report is whole all the same."""
    refused, wanted = case("connect-refused"), tmp_path / "wanted.md"
    late = case("connect-slow")
    assert sockwhy("read", "--utc", "--report", wanted, refused, late).returncode == 0
    broken = tmp_path / "broken.md"
    shell = '"$0" read --utc --report "$1" "$2" "$3" | true; exit "${PIPESTATUS[0]}"'
    done = subprocess.run(["bash", "-c", shell, SOCKWHY, broken, refused, late], timeout=30, check=False)
    assert done.returncode == 0 and broken.read_text() == wanted.read_text()


EVIL = "<script>a()"
EVIL_FILE = "<img src=x onerror=document.title='owned'>|`*.rec"


@pytest.fixture
def hostile(record, tmp_path):
    """Names that are HTML and Markdown: a process, its executable, a namespace, a change, the file itself."""
    path = record(f'90 netns netns=77 name="<b>|x|"\n95 change what=ruleset text="<img src=x onerror=evil()>"\n'
                  f'100 open cookie=7 tuple=10.0.0.1>10.0.0.2:8080 owner={EVIL}[4121]\n100.02 $syn\n100.31 $rst\n'
                  f"100.33 $ends error=ECONNREFUSED how=2\ntick 500\n")
    return path.rename(tmp_path / EVIL_FILE)


def test_hostile_html(hostile, tmp_path):
    text = report(tmp_path, "html", hostile)
    page = Page(text)
    assert {tag for tag, _ in page.elements} <= TAGS
    shown = "".join(page.texts)
    assert EVIL[:15] in shown and "onerror=document.title" in shown
    for tag, attrs in page.elements:
        for name, value in attrs.items():
            assert not name.startswith("on") and name not in ("src", "style", "xlink:href"), (tag, name)
            assert name != "href" or value == "data:," or re.fullmatch(r"#f\d+", value), value


def test_hostile_markdown(hostile, tmp_path):
    """Outside of fences nothing is an element, and no cell ends early."""
    text = re.sub(r"^(`{3,})\n.*?^\1\n", "", report(tmp_path, "md", hostile), flags=re.M | re.S)
    assert "<" not in text and "&lt;img" in text and "\\|\\`\\*" in text
    tables = re.findall(r"(?:^\|.*\n)+", text, re.M)
    assert len(tables) >= 4
    for table in tables:
        columns = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(columns) == 1, table


def test_bounded(record, case, tmp_path):
    """Of 130 findings 100 are told and 25 drawn, and the report says so."""
    path = record("".join(f"{100 + n * 3000} syscall cookie=7 call=bind asked=10.0.0.1 asked_port={80 + n} "
                          f"error=EADDRINUSE owner=web[{500 + n}]\ntick {1800 + n * 3000}\n" for n in range(130)))
    text = report(tmp_path, "html", path)
    assert text.count('<section class="finding') == 100 and text.count("<svg") == 25
    assert "Left out: 30 more findings" in text and text.count("Not drawn:") == 75
    assert "130 errors." in text
    refused = case("connect-refused")
    for form in FORMATS:
        text = report(tmp_path, form, *[refused] * 18, name="many")
        assert "Left out: 2 more recordings." in text and "18 times" in text


def test_accessible(record, case, tmp_path):
    """Language, title, headings without gaps, scoped headers, captions, pictures with name and description."""
    text = report(tmp_path, "html", record(long_way()), case("connect-refused"), case("local-port-in-use"))
    page = Page(text)
    assert page.all("html")[0]["lang"] == "en" and "<title>Connection report" in text
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    for _, attrs in page.elements:
        for id_ in attrs.get("aria-labelledby", "").split():
            assert id_ in ids, id_
        assert attrs.get("href", "#")[0] != "#" or attrs.get("href", "#" + ids[0])[1:] in ids
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1 and all(b <= a + 1 for a, b in zip(levels, levels[1:]))
    assert all(attrs.get("scope") in ("row", "col") for attrs in page.all("th"))
    assert all(svg["role"] == "img" and "aria-labelledby" in svg for svg in page.all("svg"))
    assert len(page.all("desc")) == len(page.all("svg")) == text.count("<title id=") == 4


def luminance(color):
    color = color.lstrip("#")
    parts = [int(color[i:i + 2], 16) / 255 for i in (0, 2, 4)] if len(color) == 6 else \
        [int(c * 2, 16) / 255 for c in color]
    return sum(weight * (part / 12.92 if part <= .03928 else ((part + .055) / 1.055) ** 2.4)
               for weight, part in zip((.2126, .7152, .0722), parts))


def test_contrast(case, tmp_path):
    """Every colour of text and lines against both grounds, light, dark and on paper: at least 4.5 (WCAG 1.4.3)."""
    style = Page(report(tmp_path, "html", case("connect-refused"))).style
    schemes = [dict(re.findall(r"--(\w+):(#\w+)", block)) for block in re.findall(r":root\{([^}]*)\}", style)]
    assert len(schemes) == 3 and len({tuple(sorted(scheme)) for scheme in schemes}) == 1
    for scheme in schemes:
        for name in scheme.keys() - {"ground", "card", "rule"}:
            for ground in ("ground", "card"):
                a, b = sorted((luminance(scheme[name]), luminance(scheme[ground])))
                assert (b + .05) / (a + .05) >= 4.5, (name, scheme[name], ground)


def browse(tmp_path, page, *args):
    """Chromium shows the page: what it prints, and the lines of its console."""
    done = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
         "--disable-component-update", "--no-first-run", f"--user-data-dir={tmp_path}/profile",
         "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", *args, page.as_uri()],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode(), re.findall(r".*CONSOLE.*", done.stderr.decode())


@pytest.mark.skipif(not CHROMIUM, reason="no chromium here: apt-get install --no-install-recommends chromium")
def test_browser(record, hostile, tmp_path):
    """A real browser shows all of it, runs nothing, asks nobody and complains of nothing."""
    path = tmp_path / "page.html"
    text = report(tmp_path, "html", record(long_way()), hostile, name="page")
    assert not re.search(r"(?:https?:)?//\w", text), "an address that a browser could ask"
    dom, console = browse(tmp_path, path, "--dump-dom")
    assert console == []
    for words in (*SECTIONS, "connect-slow", "connect-refused", "&lt;script&gt;", "zero window probe"):
        assert words in dom, words
    assert "<title>Connection report" in dom and "<script" not in dom and "<img" not in dom
    assert dom.count("<svg") == text.count("<svg") == 3
    shot = tmp_path / "shot.png"
    browse(tmp_path, path, f"--screenshot={shot}", "--window-size=1000,3000")
    png = shot.read_bytes()
    # an empty page of that size packs into a few kB
    assert png[:8] == b"\x89PNG\r\n\x1a\n" and struct.unpack(">II", png[16:24]) == (1000, 3000) and len(png) > 60000
    # the nearest miss: the same page with one thing more is complained of
    spoiled = tmp_path / "spoiled.html"
    spoiled.write_text(text.replace("</main>", "<script>document.title = 'owned'</script></main>"))
    dom, console = browse(tmp_path, spoiled, "--dump-dom")
    assert console and "<title>Connection report" in dom, "the page's own policy lets no script run"
