# SPDX-License-Identifier: GPL-2.0-or-later
"""A connection to an address that a lookup gave shows the name, and --name chooses by it."""

import json

import pytest

from program import findings, sockwhy

# Who asked, in which namespace; when; of what name; which address it was given, by IPv4 or IPv6.
LOOKUP = """
{at} open cookie={cookie} how=lookup tuple=10.0.0.1:{port}>10.0.0.53:53 protocol=17 owner={owner}
{at}.1 packet cookie={cookie} ifindex=2 out packet="10.0.0.1:{port} > 10.0.0.53:53 UDP dns 1,{kind},{name}"
{at}.9 packet ifindex=2 in packet="10.0.0.53:53 > 10.0.0.1:{port} UDP dns 1,{kind},NOERROR,{name},{address}"
"""
REFUSED = """
9500 $begin
9500.02 $syn
9500.31 $rst
9500.34 $ends error=ECONNREFUSED how=2
tick 9900
"""
REFUSED6 = """
9500 $begin6
9500.02 $syn6
9500.31 packet ifindex=2 in packet="[fd00::2]:8080 > [fd00::1]:45678 RST,ACK seq 0 ack 1001 win 0"
9500.34 $ends6 error=ECONNREFUSED how=2
tick 9900
"""


def asked(name, address="10.0.0.2", at=100, cookie=9, owner="curl[4121]"):
    return LOOKUP.format(name=name, address=address, kind="AAAA" if ":" in address else "A", at=at, cookie=cookie,
                         port=40000 + cookie, owner=owner)


@pytest.fixture
def told(record, schema):
    """told(lines): the one finding about the connection."""
    def read(*lines, after=REFUSED):
        found = findings(schema, record("".join(lines) + after))
        assert [finding["finding"] for finding in found] == ["connect-refused"]
        return found[0]["connection"]
    return read


def name_of(connection):
    return connection["remote"].get("name")


def test_of_the_process(told):
    assert name_of(told(asked("db.internal"))) == "db.internal"
    assert name_of(told(asked("db.internal", "fd00::2"), after=REFUSED6)) == "db.internal"


def test_the_last_one_counts(told):
    """Two names of one address: the last that this process was given; given together, it may be either."""
    assert name_of(told(asked("old.internal"), asked("db.internal", at=2000, cookie=10))) == "db.internal"
    assert name_of(told(asked("old.internal", at=9300), asked("db.internal", at=9400, cookie=10))) is None
    assert name_of(told(asked("db.internal"), asked("DB.internal", at=200, cookie=10))) == "db.internal"


def test_of_somebody_else(told):
    """A daemon may have asked for the process: one name alone is told, and the process's own weighs more."""
    other = "nscd[77]"
    assert name_of(told(asked("db.internal", owner=other))) == "db.internal"
    assert name_of(told(asked("db.internal", owner=other), asked("x.internal", at=3000, cookie=10, owner=other))) is None
    assert name_of(told(asked("db.internal"), asked("x.internal", at=3000, cookie=10, owner=other))) == "db.internal"


def test_not_what_came_later_or_elsewhere(told):
    """Another address, another namespace, and an answer after the connection had begun, give no name."""
    assert name_of(told(asked("db.internal", "10.0.0.3"))) is None
    assert name_of(told("set netns=4026532900\n", asked("db.internal", owner="nscd[77]"), "set netns=4026531840\n")) is None
    late = REFUSED.replace("9500.31", asked("db.internal", at=9505, owner="nscd[77]").strip() + "\n9510.31").replace("9500.34", "9510.34")
    assert name_of(told(after=late)) is None


def test_of_what_was_asked_for(told):
    """Where something rewrote the address, the name is of what the application asked for."""
    asks = REFUSED.replace("$begin", "$begin asked=10.96.0.1:80")
    connection = told(asked("db.internal", "10.96.0.1"), after=asks)
    assert connection["asked"]["name"] == "db.internal" and name_of(connection) is None


def test_text(record):
    done = sockwhy("read", record(asked("db.internal") + REFUSED))
    assert "curl[4121] could not connect to db.internal (10.0.0.2:8080): ECONNREFUSED" in done.out, done.out
    brief = sockwhy("read", "--brief", record(asked("db.internal") + REFUSED, "brief"))
    assert "curl[4121] → db.internal (10.0.0.2:8080): " in brief.out, brief.out


@pytest.mark.parametrize("form", [(), ("--brief",), ("--json", "--all", "-v"), ("--report", "r.html"), ("--report", "r.md")])
def test_mask(record, tmp_path, form):
    """Not one of its labels is in anything that is masked."""
    path = record(asked("pay-roll.zzsecret.example") + REFUSED)
    form = [str(tmp_path / word) if word.startswith("r.") else word for word in form]
    done = sockwhy("read", "--mask", *form, path)
    assert done.returncode == 0, done.err
    out = done.out + "".join(file.read_text() for file in tmp_path.glob("r.*"))
    assert out and "zzsecret" not in out and "pay-roll" not in out


CAPTURE = """
100 frame packet="10.0.0.1:40000 > 10.0.0.53:53 UDP dns 1,A,db.internal id 1"
101 frame packet="10.0.0.53:53 > 10.0.0.1:40000 UDP dns 1,A,NOERROR,db.internal,10.0.0.2 id 2"
200 frame packet="{client}:45678 > 10.0.0.2:8080 SYN seq 1000 win 64240 mss 1460 id 3"
201 frame packet="10.0.0.2:8080 > {client}:45678 RST,ACK seq 0 ack 1001 win 0 ttl 63"
tick 500
"""


def test_of_a_capture(record, schema):
    """There the client is its address, and another client's lookups say nothing."""
    own = findings(schema, record(CAPTURE.format(client="10.0.0.1"), kernel="capture"))
    other = findings(schema, record(CAPTURE.format(client="10.0.0.9"), "other", kernel="capture"))
    assert [name_of(finding["connection"]) for finding in own + other] == ["db.internal", None]


def ids(done):
    return [line["finding"] for line in map(json.loads, done.out.splitlines()) if line["type"] == "finding"]


@pytest.mark.parametrize("glob, chosen", [("db.internal", True), ("*.INTERNAL", True), ("d?.*", True), ("db", False), ("*.example", False)])
def test_filter(record, case, glob, chosen):
    """By the name that gave the address, that was looked up, or that TLS asks for; what has none is not chosen."""
    read = "read", "-q", "--json", "--all", "--name", glob
    assert ids(sockwhy(*read, record(asked("db.internal") + REFUSED))) == (["connect-refused"] if chosen else [])
    assert set(ids(sockwhy(*read, case("dns-no-answer")))) == ({"dns-no-answer"} if chosen else set())
    assert ids(sockwhy(*read, case("capture-tls-alert"))) == (["tls-alert"] if chosen else [])
    assert not ids(sockwhy(*read, record(REFUSED, "nameless")))


def test_several_globs(record):
    """One of them must fit; the summary counts what was chosen."""
    path = record(asked("db.internal") + REFUSED)
    done = sockwhy("read", "--name", "nosuch.*", "--name", "db.*", path)
    assert "connect-refused" in done.out and "1 attempt" in done.err, done.err
    assert "0 attempts" in sockwhy("read", "--name", "nosuch.*", path).err
