# SPDX-License-Identifier: GPL-2.0-or-later
"""What stands in front of TLS: real clients that turn to it later, and servers that fail them then, refuse, or do not."""

import ssl
import subprocess

import pytest

# fixtures of the folder's tests of TLS, and what they share
from test_tls import both_families, client, findings, folder, only, stub  # noqa: F401  pylint: disable=unused-import
from tls_tap import Tap

MYSQL = (b"\x0a8.0.36\0" + bytes((1, 0, 0, 0)) + b"abcdefgh\0" + b"\xff\xff" + b"\x21\x02\0" + b"\xff\xdf" + b"\x15" + bytes(10)
         + b"ijklmnopqrst\0" + b"caching_sha2_password\0")
LDAP_ANSWER = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01%c\x04\x00\x04\x00"
STREAM = (b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='1' "
          b"version='1.0'><stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>")
# what the server says first; then what it waits for, and its answer: the last one agrees
DIALOGS = {
    "smtp": (b"220 db.internal ESMTP\r\n", (b"EHLO", b"250-db.internal\r\n250 STARTTLS\r\n"), (b"STARTTLS", b"220 2.0.0 go on\r\n")),
    "imap": (b"* OK ready\r\n", (b"CAPABILITY", b"* CAPABILITY IMAP4rev1 STARTTLS\r\nTAG OK done\r\n"),
             (b"STARTTLS", b"TAG OK go on\r\n")),
    "pop3": (b"+OK ready\r\n", (b"STLS", b"+OK go on\r\n")),
    "ftp": (b"220 ready\r\n", (b"AUTH TLS", b"234 go on\r\n")),
    "ldap": (b"", (b"1.3.6.1.4.1.1466.20037", LDAP_ANSWER % 0)),
    "xmpp": (b"", (b"stream:stream", STREAM), (b"<starttls", b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")),
    "postgres": (b"", (b"\x04\xd2\x16\x2f", b"S")),
    "mysql": (len(MYSQL).to_bytes(3, "little") + b"\0" + MYSQL, (b"", b"")),
}


def hear(connection, word, keep=0):
    """Up to a segment that holds the word; keep: no more than so many bytes at once."""
    while True:
        heard = connection.recv(keep or 65536)
        if heard == b"CAPA\r\n":
            connection.sendall(b"+OK\r\nSTLS\r\n.\r\n")
        if not heard or word in heard:
            return heard


def server(folder, dialog, then):
    """A server that goes through a dialog, and then: "tls", "close", "plain", or the line with which it refuses."""
    first, *turns = dialog

    def answer(connection):
        connection.sendall(first)
        for number, (word, line) in enumerate(turns):
            # MySQL's SSLRequest has 36 bytes, and the hello may stand right behind it
            heard = hear(connection, word, 36 if dialog is DIALOGS["mysql"] else 0)
            if not heard:
                return
            if isinstance(then, bytes) and number == len(turns) - 1:
                line = then
            connection.sendall(line.replace(b"TAG", heard.split(b" ")[0]))
        if then == "tls":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(folder / "own.crt", folder / "own.key")
            try:
                with context.wrap_socket(connection, server_side=True) as tls:
                    tls.recv(100)
            except (ssl.SSLError, OSError):
                pass
            return
        connection.recv(65536)  # the hello, or a goodbye
        if then == "plain":
            connection.sendall(b"what?\r\n")
    return stub(answer)


def turn(folder, protocol, then, *args):
    tap = Tap(server(folder, DIALOGS[protocol], then))
    client(folder, tap, "-starttls", protocol, *args, say=b"Q\n" if args else None)
    return tap.finish()


OTHER, OWN = ("-verify_return_error", "-CAfile", "other.crt"), ("-verify_return_error", "-CAfile", "own.crt")


@pytest.mark.parametrize("protocol", DIALOGS)
def test_alert_behind_it(folder, findings, protocol):
    said = turn(folder, protocol, "tls", *OTHER)
    both_families(findings, said, "tls-alert", "likely", ":40000 ended the TLS handshake with alert unknown_ca (48, fatal)",
                  "name db.internal")


@pytest.mark.parametrize("protocol", DIALOGS)
def test_content(folder, findings, protocol):
    """Near: the same, and both are content; and whatever is said in clear before is no fault."""
    assert not findings(turn(folder, protocol, "tls", *OWN))


@pytest.mark.parametrize("protocol", DIALOGS)
def test_close_behind_it(folder, findings, protocol):
    said = turn(folder, protocol, "close")
    both_families(findings, said, "tls-no-server-hello", "likely", ":443 closed", "in 1 segment, all acknowledged", "name db.internal")


@pytest.mark.parametrize("protocol", ["smtp", "ldap", "postgres"])
def test_plain_behind_it(folder, findings, protocol):
    said = turn(folder, protocol, "plain")
    both_families(findings, said, "tls-not-tls", "likely", "turns to TLS, ", "goes on without TLS", "name db.internal")


# ---- refused ----

def refuse(folder, protocol, line):
    """A client that wants TLS or nothing, and sees that it does not get it."""
    tap = Tap(server(folder, DIALOGS[protocol], line))
    if protocol in ("ldap", "postgres"):
        client(folder, tap, "-starttls", protocol)
    else:
        subprocess.run(["curl", "-sS", "-m", "10", "--ssl-reqd", f"{protocol}://{tap.address[0]}:{tap.address[1]}/"],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20, check=False)
    return tap.finish()


@pytest.mark.parametrize("protocol,line,words", [
    ("smtp", b"454 4.7.0 TLS not available\r\n", "answers STARTTLS with 454"),
    ("imap", b"TAG NO not now\r\n", "answers STARTTLS (IMAP) with NO"),
    ("pop3", b"-ERR not now\r\n", "answers STLS (POP3) with -ERR"),
    ("ldap", LDAP_ANSWER % 52, "answers StartTLS (LDAP) with result 52"),
    ("postgres", b"N", "answers SSLRequest (PostgreSQL) with N, no TLS"),
])
def test_refusal(folder, findings, protocol, line, words):
    said = refuse(folder, protocol, line)
    both_families(findings, said, "tls-not-tls", "likely", words, "the client leaves", "does not turn to TLS")


@pytest.mark.parametrize("asked,refused,goes_on", [
    (b"STARTTLS\r\n", b"454 4.7.0 TLS not available\r\n", b"MAIL FROM:<a@db.internal>\r\n"),
    (b"\0\0\0\x08\x04\xd2\x16\x2f", b"N", b"\0\0\0\x25\0\3\0\0user\0a\0database\0a\0application_name\0\0"),
    (b"a1 STARTTLS\r\n", b"a1 BAD what?\r\n", b"a2 LOGIN a b\r\n"),
])
def test_goes_on_without(findings, asked, refused, goes_on):
    """Near: TLS is welcome, not wanted."""
    said = [(0, False, asked), (.001, True, refused), (.002, False, goes_on), (.003, True, b"250 well\r\n"), (.004, False, b"QUIT\r\n"),
            (.005, False, "F"), (.006, True, "F")]
    assert not findings(said)


# ---- through a proxy, behind a balancer ----

REQUEST = b"CONNECT db.internal:443 HTTP/1.1\r\nHost: db.internal:443\r\n\r\n"


def tunnel(folder, status, *options):
    """curl asks a proxy for a tunnel, at whose end is TLS."""
    answer = b"HTTP/1.1 %d what\r\n%s\r\n" % (status, b"" if status == 200 else b"Content-Length: 0\r\n")
    tap = Tap(server(folder, (b"", (b"CONNECT", answer)), "tls" if status == 200 else answer))
    subprocess.run(["curl", "-sS", "-m", "10", "-x", f"http://{tap.address[0]}:{tap.address[1]}", *options, "https://db.internal/"],
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20, check=False)
    return tap.finish()


def test_tunnel(folder, findings):
    """Behind a proxy that lets it through the handshake is the matter."""
    both_families(findings, tunnel(folder, 200), "tls-alert", "likely", "alert unknown_ca (48", "name db.internal")


@pytest.mark.parametrize("status,why", [(403, "does not let this client through"), (407, "no name and password"),
                                        (502, "could not reach the host")])
def test_proxy_refuses(folder, findings, status, why):
    said = tunnel(folder, status)
    both_families(findings, said, "conn-closed-early", "likely", f"answers CONNECT with HTTP {status}, and the client leaves", why)


def test_proxy_asks_who(findings):
    """Near: the client says who it is on the same connection."""
    said = [(0, False, REQUEST), (.001, True, b"HTTP/1.1 407 who?\r\nContent-Length: 0\r\n\r\n"),
            (.002, False, REQUEST[:-2] + b"Proxy-Authorization: Basic YTpi\r\n\r\n"), (.003, True, b"HTTP/1.1 200 well\r\n\r\n"),
            (.01, False, b"hello"), (.02, True, b"hello"), (.03, False, "F"), (.04, True, "F")]
    assert not findings(said)


HEADERS = {"1": b"PROXY TCP4 192.0.2.1 10.0.0.2 4711 443\r\n",
           "2": b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes((192, 0, 2, 1, 10, 0, 0, 2, 18, 103, 1, 187))}


@pytest.mark.parametrize("version", HEADERS)
@pytest.mark.parametrize("together", [True, False], ids=["together", "apart"])
def test_proxy_header(folder, findings, version, together):
    """A balancer puts a header in front of what its client says: in a segment of its own, or not."""
    header = HEADERS[version]
    for options, fault in (OTHER, True), (OWN, False):
        tap = Tap(server(folder, (b"",), "tls"))
        client(folder, tap, *options, say=b"Q\n")
        said = tap.finish()
        assert not said[0][1], said
        at, side, hello = said[0]
        said[:1] = [(at, side, header + hello)] if together else [(at, side, header), (at + .0005, side, hello)]
        if fault:
            both_families(findings, said, "tls-alert", "likely", "alert unknown_ca (48", "name db.internal")
        else:
            assert not findings(said)


def test_header_and_nothing_else(folder, findings):
    """A server that gets a PROXY header, a hello, and closes."""
    taken = Tap(server(folder, (b"",), "close"))
    client(folder, taken)
    at, side, hello = taken.finish()[0]
    said = [(at, side, HEADERS["1"] + hello), (at + .01, True, "F"), (at + .02, False, "F")]
    only(findings(said), "tls-no-server-hello", "likely", f"({len(hello)} bytes in 1 segment, all acknowledged)")
