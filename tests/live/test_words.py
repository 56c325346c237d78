# SPDX-License-Identifier: GPL-2.0-or-later
"""Servers that turn a client away in words, or do not turn to TLS; and the same words where they mean something else."""

import json
import subprocess
import sys

from harness import describe
from lab import PATIENCE_S, free_port
from test_quiet import Program

# plays steps on connections: "say" bytes, "hear" up to some bytes, "end" waits for the other's end, "reset" instead of a close
PLAY = r'''
import json, socket, struct, sys
who, address, port, steps = sys.argv[1], sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4])
def play(sock):
    sock.settimeout(10)
    for step, word in steps:
        if step == "say":
            sock.sendall(bytes.fromhex(word))
        while step in ("hear", "end"):
            try:
                heard = sock.recv(4096)
            except ConnectionResetError:
                break
            if not heard or (step == "hear" and bytes.fromhex(word) in heard):
                break
    if steps[-1][0] == "reset":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
family = socket.AF_INET6 if ":" in address else socket.AF_INET
if who == "client":
    play(socket.create_connection((address, port)))
else:
    with socket.create_server((address, port), family=family) as server:
        while True:
            play(server.accept()[0])
'''
STARTUP = bytes.fromhex("0000001500030000") + b"user\0me\0\0\0\0\0\0"
REFUSED = b"SFATAL\0VFATAL\0C53300\0Msorry, too many clients already\0\0"
HOST = b"\xff\x69\4Host is not allowed"
# its length is the letter that PostgreSQL's errors begin with
NOBODY = b"\xff\x6a\4Host 'db.example.c' is not allowed to connect to this MySQL server"
# what the client says first, what the server answers, and what is told of that
AWAY = {
    "smtp": (b"", b"421 4.7.0 too many connections\r\n", "with SMTP 421"),
    "imap": (b"", b"* BYE too many connections\r\n", "with IMAP BYE"),
    "pop3": (b"", b"-ERR [IN-USE] not now\r\n", "with -ERR"),
    "redis": (b"*1\r\n$4\r\nPING\r\n", b"-ERR max number of clients reached\r\n", "with Redis error"),
    "ssh": (b"SSH-2.0-me\r\n", b"Exceeded MaxStartups\r\n", "with SSH refusal (MaxStartups exceeded)"),
    "mysql": (b"", len(HOST).to_bytes(3, "little") + b"\0" + HOST, "with MySQL error 1129"),
    "mysql-letter": (b"", len(NOBODY).to_bytes(3, "little") + b"\0" + NOBODY, "with MySQL error 1130"),
    "postgresql": (STARTUP, b"E" + (len(REFUSED) + 4).to_bytes(4, "big") + REFUSED, "with PostgreSQL error 53300"),
}


def steps(*moves):
    return json.dumps([(step, word.hex()) for step, word in moves])


class Pair:
    def __init__(self, lab, place, family):
        self.lab, self.place, self.address = lab, place, place.address(family)

    def serve(self, *moves):
        port = free_port()
        Program(self.lab, self.place.ns, (sys.executable, "-c", PLAY, "server", self.address, port, steps(*moves)), port)
        return port

    def run(self, *argv, status=0):
        done = subprocess.run(self.lab.host.command(*map(str, argv)), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=PATIENCE_S, check=False)
        assert done.returncode == status, (argv, done)

    def client(self, port, *moves):
        self.run(sys.executable, "-c", PLAY, "client", self.address, port, steps(*moves))

    def told(self, agent, finding, port, confidence, *words):
        if not hasattr(agent, "pid"):
            return
        found = agent.wait_for(finding=finding, state="final", remote=(self.address, port))
        assert found["confidence"] == confidence and not found.get("blind"), describe([found])
        assert found["connection"]["role"] == "client" and found["process"]["comm"].startswith(("python", "curl")), describe([found])
        for word in words:
            assert word in found["summary"], found["summary"]


def test_turned_away(lab, watch, place, family):
    """Near: the same words where they are not the first."""
    pair = Pair(lab, place, family)
    ports = {name: pair.serve(*([("hear", asked)] if asked else []), ("say", words)) for name, (asked, words, _) in AWAY.items()}
    later = {name: pair.serve(("say", b"220 ready, or something like it\r\n"), ("hear", b"next"), ("say", words))
             for name, (_, words, _) in AWAY.items()}
    agent = watch()
    for name, (asked, _, _) in AWAY.items():
        pair.client(ports[name], *([("say", asked)] if asked else []), ("end", b""))
        pair.client(later[name], ("hear", b"220"), ("say", b"next"), ("end", b""))
    for name, (_, _, words) in AWAY.items():
        pair.told(agent, "conn-closed-early", ports[name], "likely", "accepted the connection and closed it " + words)
    if hasattr(agent, "pid"):
        agent.only_allowed(("conn-closed-early",))
        assert {f["connection"]["remote"]["port"] for f in agent.loud_finals()} == set(ports.values()), describe(agent.loud_finals())


SSL_REQUEST = bytes.fromhex("0000000804d2162f")


def test_turned_away_and_left(lab, watch, place, family):
    """Behind these words there is no session: the client closes before the server does. PostgreSQL's come behind its no to TLS.
    Near: a client that leaves behind an error that ends one command only."""
    pair = Pair(lab, place, family)
    error = AWAY["postgresql"][1]
    ports = {name: pair.serve(*([("hear", AWAY[name][0])] if AWAY[name][0] else []), ("say", AWAY[name][1]), ("end", b""))
             for name in ("ssh", "mysql", "postgresql")}
    behind_no = pair.serve(("hear", SSL_REQUEST), ("say", b"N"), ("hear", STARTUP), ("say", error), ("end", b""))
    command = pair.serve(("hear", b"RETR"), ("say", b"550 no such file\r\n"), ("end", b""))
    agent = watch()
    for name, port in ports.items():
        asked, words, _ = AWAY[name]
        pair.client(port, *([("say", asked)] if asked else []), ("hear", words))
    pair.client(behind_no, ("say", SSL_REQUEST), ("hear", b"N"), ("say", STARTUP), ("hear", error))
    pair.client(command, ("say", b"RETR file\r\n"), ("hear", b"550"))
    for name, port in (*ports.items(), ("postgresql", behind_no)):
        pair.told(agent, "conn-closed-early", port, "likely", "accepted the connection and refused the session " + AWAY[name][2])
    if hasattr(agent, "pid"):
        agent.only_allowed(("conn-closed-early",))
        told_of = {f["connection"]["remote"]["port"] for f in agent.loud_finals()}
        assert told_of == {*ports.values(), behind_no}, describe(agent.loud_finals())


def test_no_tls_there(lab, watch, place, family):
    """Near: who goes on without."""
    pair = Pair(lab, place, family)
    host = f"[{pair.address}]" if family == 6 else pair.address
    smtp = pair.serve(("say", b"220 db.internal ESMTP\r\n"), ("hear", b"EHLO"), ("say", b"250-db.internal\r\n250 STARTTLS\r\n"),
                      ("hear", b"STARTTLS"), ("say", b"454 4.7.0 TLS not available\r\n"), ("end", b""))
    postgresql = pair.serve(("hear", SSL_REQUEST), ("say", b"N"), ("end", b""))
    goes_on = pair.serve(("hear", SSL_REQUEST), ("say", b"N"), ("hear", STARTUP), ("say", b"R\0\0\0\x08\0\0\0\0"), ("end", b""))
    agent = watch()
    pair.run("curl", "-sS", "-m", 10, "--ssl-reqd", f"smtp://{host}:{smtp}/", status=64)
    pair.client(postgresql, ("say", SSL_REQUEST), ("hear", b"N"))
    pair.client(goes_on, ("say", SSL_REQUEST), ("hear", b"N"), ("say", STARTUP), ("hear", b"R"))
    pair.told(agent, "tls-not-tls", smtp, "likely", "answers STARTTLS with 454, and the client leaves")
    pair.told(agent, "tls-not-tls", postgresql, "possible", "answers SSLRequest (PostgreSQL) with one byte, and the client leaves")
    if hasattr(agent, "pid"):
        agent.only_allowed(("tls-not-tls",))
        assert {f["connection"]["remote"]["port"] for f in agent.loud_finals()} == {smtp, postgresql}, describe(agent.loud_finals())


LDAP = bytes.fromhex("301d02010177188016") + b"1.3.6.1.4.1.1466.20037"
XMPP = b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
# what asks for TLS, what refuses that, how the client leaves, how it goes on without, and what is told
UPGRADES = {
    "imap": (b"a1 STARTTLS\r\n", b"a1 NO not here\r\n", b"a2 LOGOUT\r\n", b"a2 LOGIN me x\r\n", "answers STARTTLS (IMAP) with NO"),
    "imap-bad": (b"HEKF0 STARTTLS\r\n", b"HEKF0 BAD what\r\n", b"", b"HEKF1 LOGIN me x\r\n", "answers STARTTLS (IMAP) with BAD"),
    "ldap": (LDAP, bytes.fromhex("300c02010178070a010204000400"), bytes.fromhex("30050201024200"),
             bytes.fromhex("300c020102600702010304008000"), "answers StartTLS (LDAP) with result 2"),
    "xmpp": (XMPP, b"<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", b"</stream:stream>",
             b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>", "answers starttls (XMPP) with a failure"),
}


def test_no_upgrade(lab, watch, place, family):
    """Near: who goes on without, and a server that agrees to a client which then leaves."""
    pair = Pair(lab, place, family)
    ports = {name: pair.serve(("say", b"hello\r\n"), ("hear", asked), ("say", refused), ("end", b""))
             for name, (asked, refused, *_) in UPGRADES.items()}
    agreed = pair.serve(("say", b"hello\r\n"), ("hear", b"STARTTLS"), ("say", b"a1 OK begin\r\n"), ("end", b""))
    agent = watch()
    for name, (asked, refused, leaves, goes_on, _) in UPGRADES.items():
        begin = ("hear", b"hello\r\n"), ("say", asked), ("hear", refused)
        pair.client(ports[name], *begin, *([("say", leaves)] if leaves else []))
    for name, (_, _, _, _, words) in UPGRADES.items():
        pair.told(agent, "tls-not-tls", ports[name], "likely", words, "and the client leaves")
    before = len(agent.loud_finals()) if hasattr(agent, "pid") else 0
    for name, (asked, refused, leaves, goes_on, _) in UPGRADES.items():
        pair.client(ports[name], ("hear", b"hello\r\n"), ("say", asked), ("hear", refused), ("say", goes_on))
    pair.client(agreed, ("hear", b"hello\r\n"), ("say", b"a1 STARTTLS\r\n"), ("hear", b"OK"))
    if hasattr(agent, "pid"):
        agent.only_allowed(("tls-not-tls",))
        assert len(agent.loud_finals()) == before == len(UPGRADES), describe(agent.loud_finals())


def test_left_unread(lab, watch, place, family):
    """The server answers and closes, and most of the request stands unread, so that it resets. Near: it has read all of it."""
    pair = Pair(lab, place, family)
    early = pair.serve(("hear", b"x"), ("say", b"no\r\n"))
    whole = pair.serve(("hear", b"end"), ("say", b"no\r\n"))
    agent = watch()
    for port in early, whole:
        pair.client(port, ("say", b"x" * 30000 + b"end"), ("end", b""))
    pair.told(agent, "conn-reset-by-peer", early, "likely", "its process had read", "unread")
    if hasattr(agent, "pid"):
        agent.only_allowed(("conn-reset-by-peer",))
        assert {f["connection"]["remote"]["port"] for f in agent.loud_finals()} == {early}, describe(agent.loud_finals())


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000")


def test_http2_in_clear(lab, watch, place, family):
    """As gRPC without TLS to a port of TLS, whose server ends it without a word. Near: a server that speaks it, and leaves."""
    pair = Pair(lab, place, family)
    secure = pair.serve(("hear", PREFACE))
    clear = pair.serve(("hear", PREFACE), ("say", bytes.fromhex("000000040000000000")))
    agent = watch()
    for port in secure, clear:
        pair.client(port, ("say", PREFACE), ("end", b""))
    pair.told(agent, "tls-not-tls", secure, "possible", "begins with HTTP/2", f"closed after {len(PREFACE)} bytes of it")
    if hasattr(agent, "pid"):
        agent.only_allowed(("tls-not-tls",))
        assert {f["connection"]["remote"]["port"] for f in agent.loud_finals()} == {secure}, describe(agent.loud_finals())


REQUEST, HEAD = b"GET / HTTP/1.1\r\nHost: db.internal\r\n\r\n", b"HEAD / HTTP/1.1\r\nHost: db.internal\r\n\r\n"
CONNECT = b"CONNECT db.internal:443 HTTP/1.1\r\nHost: db.internal:443\r\n\r\n"
LENGTH, CHUNKS = b"Content-Length: 5000\r\n", b"Transfer-Encoding: chunked\r\n"
PLAIN = b"<html>\r\n<head><title>400 The plain HTTP request was sent to HTTPS port</title></head>\r\n</html>\r\n"
IN_THE_MIDDLE = "the connection in the middle of its HTTP answer: "


def http(status, field, body=b""):
    return b"HTTP/1.1 %s\r\nServer: db\r\nSet-Cookie: secret=1\r\n%s\r\n%s" % (status, field, body)


# what the client asks, what the server says and does then, and what is told of that; None: nothing
ANSWERS = {
    "length": (REQUEST, [http(b"200 OK", LENGTH, b"half")], "conn-closed-early", f"closed {IN_THE_MIDDLE}4 of 5000 bytes"),
    "reset": (REQUEST, [http(b"200 OK", LENGTH, b"half"), None], "conn-closed-early", f"reset {IN_THE_MIDDLE}4 of 5000 bytes"),
    "chunks": (REQUEST, [http(b"200 OK", CHUNKS, b"4\r\nhalf\r\n")], "conn-closed-early", f"closed {IN_THE_MIDDLE}9 bytes of chunks"),
    "continued": (REQUEST, [b"HTTP/1.1 100 Continue\r\n\r\n" + http(b"200 OK", LENGTH, b"half")], None, ""),
    "unavailable": (REQUEST, [http(b"502 Bad Gateway", b"Content-Length: 3\r\n", b"bad")], "conn-closed-early", "with HTTP 502"),
    "plain": (REQUEST, [http(b"400 Bad Request", b"Content-Length: %d\r\n" % len(PLAIN), PLAIN)], "tls-not-tls", "saying that it wants TLS"),
    "no-tunnel": (CONNECT, [http(b"407 Who are you", b"Content-Length: 3\r\n", b"bad")], "conn-closed-early", "answers CONNECT with HTTP 407"),
    # near: what is whole, has no body, or does not say how long it is
    "whole": (REQUEST, [http(b"200 OK", b"content-length:4\r\n", b"half")], None, ""),
    "all-chunks": (REQUEST, [http(b"200 OK", CHUNKS, b"4\r\nhalf\r\n0\r\n\r\n")], None, ""),
    "split-chunks": (REQUEST, [http(b"200 OK", CHUNKS, b"4\r\nhalf\r\n0\r"), b"\n\r\n"], None, ""),
    "head": (HEAD, [http(b"200 OK", LENGTH)], None, ""),
    "unmodified": (REQUEST, [http(b"304 Not Modified", LENGTH)], None, ""),
    "until-the-end": (REQUEST, [http(b"200 OK", b"", b"all of it")], None, ""),
    "not-there": (REQUEST, [http(b"404 Not Found", b"Content-Length: 3\r\n", b"bad")], None, ""),
    "bad": (REQUEST, [http(b"400 Bad Request", b"Content-Length: 3\r\n", b"bad")], None, ""),
    "tunnel": (CONNECT, [http(b"200 OK", LENGTH), b"what goes through it"], None, ""),
}


def test_http_answers(lab, watch, place, family):
    """Near, beside those that are told of nothing: a client that leaves in the middle of an answer."""
    pair = Pair(lab, place, family)
    ports = {name: pair.serve(("hear", b"\r\n\r\n"), *([("say", word) if word else ("reset", b"") for word in answer]))
             for name, (_, answer, *_) in ANSWERS.items()}
    goes_on = pair.serve(("hear", b"\r\n\r\n"), ("say", http(b"200 OK", LENGTH, b"half")), ("end", b""))
    agent = watch()
    for name, (asked, *_) in ANSWERS.items():
        pair.client(ports[name], ("say", asked), ("end", b""))
    pair.client(goes_on, ("say", REQUEST), ("hear", b"half"))
    wrong = {name: row for name, row in ANSWERS.items() if row[2]}
    for name, (_, _, finding, words) in wrong.items():
        pair.told(agent, finding, ports[name], "likely", words)
    if hasattr(agent, "pid"):
        agent.only_allowed(("conn-closed-early", "tls-not-tls"))
        told = {f["connection"]["remote"]["port"] for f in agent.loud_finals()}
        assert told == {ports[name] for name in wrong}, describe(agent.loud_finals())
