# SPDX-License-Identifier: GPL-2.0-or-later
"""TLS handshakes of real programs that fail, each told for what it is, and those that work, of which nothing is said."""

import contextlib
import http.server
import socket
import socketserver
import subprocess
import threading

import pytest

from program import sockwhy
from tls_tap import Pcap, Server, Tap, openssl

CERTIFICATE = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
               "-subj", "/CN=db.internal", "-addext", "subjectAltName=DNS:db.internal")
OWN, OTHER = ("-verify_return_error", "-CAfile", "own.crt"), ("-verify_return_error", "-CAfile", "other.crt")
VERSIONS = ["-tls1_2", "-tls1_3"]
CLIENT_CERTIFICATE = ("-Verify", "1", "-verify_return_error", "-CAfile", "own.crt")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("tls")
    for name in ("own", "other"):
        out = openssl(*CERTIFICATE, "-keyout", f"{name}.key", "-out", f"{name}.crt", folder=path)
        assert (path / f"{name}.crt").exists(), out
    return path


def client(folder, tap, *args, say=None, hear=None):
    """s_client until the server ends it, or (hear) until it has heard that and closes, or (say alone) closes at once."""
    command = ["openssl", "s_client", "-connect", f"{tap.address[0]}:{tap.address[1]}", "-quiet", "-no_ign_eof",
               "-servername", "db.internal", *map(str, args)]
    with subprocess.Popen(command, cwd=folder, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as process:
        timer = threading.Timer(20, process.kill)
        timer.start()
        if say is not None:
            with contextlib.suppress(BrokenPipeError):  # it may be gone: a server that refuses it ends it
                process.stdin.write(say)
        if hear:
            for line in process.stdout:
                if hear in line:
                    break
        if say is not None:
            process.stdin.close()
        process.wait()
        timer.cancel()


def handshake(folder, server_args, *client_args, **kwargs):
    with Server(folder, "-cert", "own.crt", "-key", "own.key", *server_args) as server:
        tap = Tap(server.address)
        client(folder, tap, *client_args, **kwargs)
        return tap.finish()


def stub(answer):
    """A server of its own: answer(connection) is called with the one connection it takes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = listener.accept()
        with listener, connection:
            answer(connection)
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return listener.getsockname()


@pytest.fixture
def findings(tmp_path, schema):
    """findings(said, …): of a capture of it, (finding, confidence, summary, cause)."""
    def read(said, name="a.pcap", mss=1400, acked=True, **kwargs):
        path = tmp_path / name
        path.write_bytes(Pcap(**kwargs).connection(said, mss, acked).out)
        done = sockwhy("read", "--json", path)
        assert done.returncode == 0 and not [line for line in done.err.splitlines() if "damaged" in line], done.err
        lines = [schema.check(line) for line in done.out.splitlines()]
        return [(line["finding"], line["confidence"], line["summary"], line["cause"]) for line in lines
                if line["type"] == "finding"]
    return read


def only(found, finding, confidence, *words):
    assert len(found) == 1, found
    assert found[0][:2] == (finding, confidence), found
    for word in words:
        assert word in found[0][2] + " | " + found[0][3], (word, found)


def both_families(findings, said, *expected):
    for number, ipv6 in enumerate((False, True)):
        only(findings(said, f"{number}.pcap", ipv6=ipv6), *expected)


# ---- alerts in clear ----

@pytest.mark.parametrize("version", VERSIONS)
def test_unknown_authority(folder, findings, version):
    said = handshake(folder, [version], *OTHER)
    both_families(findings, said, "tls-alert", "likely", ":40000 ended the TLS handshake with alert unknown_ca (48, fatal)",
                  "name db.internal", "the client does not trust the authority")


def test_version(folder, findings):
    said = handshake(folder, ["-tls1_3"], "-tls1_2")
    only(findings(said), "tls-alert", "likely", "10.0.0.2:443 ended the TLS handshake with alert protocol_version (70",
         "at most TLS 1.2", "none of the versions")


def test_protocol(folder, findings):
    said = handshake(folder, ["-alpn", "h2"], "-alpn", "imap,pop3")
    only(findings(said), "tls-alert", "likely", "no_application_protocol (120, fatal)", "ALPN imap, pop3",
         "none of the protocols")


def test_name(folder, findings):
    said = handshake(folder, ["-servername", "www", "-cert2", "other.crt", "-key2", "other.key", "-servername_fatal"])
    only(findings(said), "tls-alert", "likely", "unrecognized_name (112, fatal)", "name db.internal", "serves no such name")


@pytest.mark.parametrize("given", [False, True])
def test_client_certificate_1_2(folder, findings, given):
    args = ("-cert", "other.crt", "-key", "other.key") if given else ()
    said = handshake(folder, ["-tls1_2", *CLIENT_CERTIFICATE], *OWN, *args)
    only(findings(said), "tls-alert", "likely", "unknown_ca (48" if given else "handshake_failure (40",
         "authority behind the client's certificate" if given else "asked for a certificate of the client")


def test_events(folder, tmp_path, schema):
    """read -v: a line for each alert in clear, with its frame."""
    path = tmp_path / "a.pcap"
    path.write_bytes(Pcap().connection(handshake(folder, ["-tls1_3"], *OTHER)).out)
    lines = [schema.check(line) for line in sockwhy("read", "--json", "-v", path).out.splitlines()]
    alerts = [line for line in lines if line.get("event") == "alert"]
    assert len(alerts) == 1 and alerts[0]["frame"] == 8, alerts
    fields = alerts[0]["fields"]
    assert (fields["layer"], fields["level"], fields["alert"], fields["from"]) == ("tls", 2, "unknown_ca", "client")
    assert " event alert  frame 8 " in sockwhy("read", "-v", path).out
    assert "event alert" not in sockwhy("read", path).out


# ---- what TLS 1.3 hides ----

@pytest.mark.parametrize("given", [False, True])
def test_client_certificate_1_3(folder, findings, given):
    args = ("-cert", "other.crt", "-key", "other.key") if given else ()
    said = handshake(folder, ["-tls1_3", *CLIENT_CERTIFICATE], *OWN, *args)
    both_families(findings, said, "tls-rejected", "likely", ":443 answered the client's Finished",
                  "one encrypted record of 19 bytes", "accept the client's certificate" if given else "has none to give")


@pytest.mark.parametrize("version,last", [("-tls1_2", b""), ("-tls1_3", b""), ("-tls1_3", b"\x17\x03\x03\x00\x13" + bytes(19))],
                         ids=["1.2", "1.3", "1.3-short-record"])
@pytest.mark.parametrize("end", ["F", "R"])
def test_client_that_says_nothing(folder, findings, version, last, end):
    """What Node (a bare FIN) and Java (one short record) do with a certificate they do not trust."""
    said = handshake(folder, [version], *OTHER)
    cut = next(i for i, (_, server, what) in enumerate(said) if not server and i and isinstance(what, bytes))
    at = said[cut][0]
    ended = said[:cut] + ([(at, False, last)] if last else []) + [(at + .001, False, end), (at + .002, True, "F")]
    only(findings(ended), "tls-rejected", "likely", "10.0.0.1:40000 " + ("closed" if end == "F" else "reset"),
         version[4:].replace("_", "."), "never sent its Finished", "does not accept the server's certificate")
    # the nearest misses: a Finished was sent; the server closed first; the client waited first
    finished = said[:cut] + [(at, False, b"\x17\x03\x03\x00\x35" + bytes(53)), (at + .001, False, "F")]
    if version == "-tls1_3":
        assert not [found for found in findings(finished) if found[0].startswith("tls-")]
    first = said[:cut] + [(at, True, "F"), (at + .001, False, end)]
    assert not [found for found in findings(first) if found[0].startswith("tls-")]
    late = said[:cut] + [(at + 3, False, end), (at + 3.001, True, "F")]
    only(findings(late), "tls-rejected", "possible")


# ---- no ServerHello ----

@pytest.fixture(scope="module")
def hello(folder):
    """A ClientHello of openssl s_client."""
    taken = []
    tap = Tap(stub(lambda connection: taken.append(connection.recv(65536))))
    client(folder, tap)
    tap.finish()
    return taken[0]


def test_close(folder, findings, hello):
    said = handshake_with_stub(folder, lambda connection: connection.recv(65536))
    both_families(findings, said, "tls-no-server-hello", "likely", ":443 closed", "after the ClientHello",
                  f"({len(hello)} bytes in 1 segment, all acknowledged)", "without a backend")


def handshake_with_stub(folder, answer, *args):
    tap = Tap(stub(answer))
    client(folder, tap, *args)
    return tap.finish()


def test_reset(folder, findings):
    """A server that closes without reading: the kernel resets."""
    said = handshake_with_stub(folder, lambda connection: connection.recv(1))
    assert said[-1][2] == "R" or said[-2][2] == "R", said
    only(findings(said), "tls-no-server-hello", "likely", "reset the connection", "without reading it")


@pytest.mark.parametrize("acked", [True, False])
def test_reset_instead_of_an_acknowledgment(findings, hello, acked):
    """Something on the way: its reset is the first answer to the ClientHello."""
    only(findings([(0, False, hello), (.004, True, "R")], acked=acked), "tls-no-server-hello", "likely",
         "10.0.0.2:443 reset the connection", "acknowledged")


@pytest.mark.parametrize("wait,end", [(5, True), (5, False), (.9, True)])
def test_silence(findings, hello, wait, end):
    said = [(0, False, hello)] + ([(wait, False, "F"), (wait + .1, True, "F")] if end else [])
    if wait < 1:
        assert not findings(said)
        return
    found = findings(said if end else said + [(wait, True, b"")])
    if not end:  # the capture ends with the hello: nobody can say what came then
        assert not found
        return
    only(found, "tls-no-server-hello", "likely", "said nothing for", "then the client gave up",
         "its application does not answer")


def grow(hello):
    """The same hello with a padding extension (RFC 7685) of 1,200 bytes: two segments."""
    extension = b"\x00\x15\x04\xb0" + bytes(1200)
    record = bytearray(hello + extension)
    record[3:5] = (len(record) - 5).to_bytes(2, "big")
    record[6:9] = (len(record) - 9).to_bytes(3, "big")
    at = 9 + 2 + 32
    at += 1 + record[at]
    at += 2 + int.from_bytes(record[at:at + 2], "big")
    at += 1 + record[at]
    record[at:at + 2] = (int.from_bytes(record[at:at + 2], "big") + len(extension)).to_bytes(2, "big")
    return bytes(record)


@pytest.mark.parametrize("snaplen", [65535, 700])
def test_large_hello(findings, hello, snaplen):
    """In two segments, and with a snap length that cuts both: the name is still there."""
    large = grow(hello)
    said = [(0, False, large), (5, False, "F"), (5.1, True, "F")]
    only(findings(said, mss=1300, snaplen=snaplen), "tls-no-server-hello", "likely",
         f"({len(large)} bytes in 2 segments, all acknowledged)", "name db.internal")


def test_second_half_of_a_large_hello_is_lost(tmp_path, schema, hello):
    large, pcap = grow(hello), Pcap()
    pcap.connection([])
    pcap.packet(1, 0, "A", large[:1400])
    pcap.packet(1.0001, 0, "PA", large[1400:])
    seq = list(pcap.seq)
    pcap.seq[0] = 1001 + 1400
    pcap.packet(1.0002, 1, "A")
    pcap.seq = seq
    pcap.packet(4, 0, "FA")
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap.out)
    lines = [schema.check(line) for line in sockwhy("read", "--json", path).out.splitlines()]
    found = [(line["finding"], line["confidence"], line["summary"], line["cause"]) for line in lines
             if line["type"] == "finding"]
    only(found, "tls-no-server-hello", "likely", f"({len(large)} bytes in 2 segments, 1400 acknowledged)",
         "only the first part")


# ---- one side is plain ----

class Quiet(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass


class Plain(Quiet):
    protocol_version = "HTTP/1.1"

    def parse_request(self):
        self.requestline, self.request_version, self.command = "", "HTTP/1.1", ""
        self.close_connection = True
        self.send_error(400)
        return False


@pytest.mark.parametrize("handler,words", [(Plain, "answers with HTTP 400"), (Quiet, "answers with text")])
def test_tls_to_a_plain_port(folder, findings, handler, words):
    with socketserver.TCPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        tap = Tap(server.server_address)
        client(folder, tap)
        said = tap.finish()
    both_families(findings, said, "tls-not-tls", "likely", "begins with TLS", words, "something without TLS")


def test_tls_to_a_mail_server(findings, hello):
    """Who speaks first, and STARTTLS; a client that asks for it is another matter (test_starttls.py)."""
    greeting, refusal = b"220 mail.internal ESMTP\r\n", b"502 5.5.2 not recognized\r\n"
    end = [(.004, True, "F"), (.005, False, "F")]
    only(findings([(0, True, greeting), (.001, False, hello), (.002, True, refusal)] + end), "tls-not-tls", "likely",
         "10.0.0.2:443 began with SMTP 220", "STARTTLS")


@pytest.mark.parametrize("server,client_said,words", [
    (b"HTTP/1.1 400 Bad Request\r\n\r\nThe plain HTTP request was sent to HTTPS port", b"GET / HTTP/1.1\r\n\r\n",
     "begins with HTTP GET, 10.0.0.2:443 answers HTTP 400, saying that it wants TLS"),
    (b"\x15\x03\x01\x00\x02\x02\x46", b"GET / HTTP/1.1\r\n\r\n", "answers with a TLS alert"),
    (b"\x15\x03\x01\x00\x02\x02\x0a", b"*1\r\n$4\r\nPING\r\n", "begins with Redis command"),
])
def test_plain_to_a_port_of_tls(findings, server, client_said, words):
    only(findings([(0, False, client_said), (.001, True, server), (.002, True, "F"), (.003, False, "F")]),
         "tls-not-tls", "likely", words, "that port serves TLS")


def test_plain_to_s_server(folder, findings):
    """OpenSSL says nothing of it in clear but what it says: whatever that is, it is told once."""
    with Server(folder, "-cert", "own.crt", "-key", "own.key") as server:
        tap = Tap(server.address)
        with socket.create_connection(tap.address) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: db.internal\r\n\r\n")
            while connection.recv(4096):
                pass
        said = tap.finish()
    answered = any(server and isinstance(what, bytes) for _, server, what in said)
    found = findings(said)
    assert len(found) == 1 and found[0][0] == ("tls-not-tls" if answered else "conn-closed-early"), (found, said)


def test_plain_400_of_another_kind(findings):
    """The nearest miss: a 400 that has nothing to do with TLS."""
    said = [(0, False, b"GET / HTTP/1.1\r\n\r\n"), (.001, True, b"HTTP/1.1 400 Bad Request\r\n\r\nno Host"),
            (.002, True, "F"), (.003, False, "F")]
    assert not [found for found in findings(said) if found[0].startswith("tls-")]


# ---- what works ----

@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["data", "no-data", "protocol", "client-certificate"])
def test_healthy(folder, findings, version, kind):
    server, args, talk = [version, "-rev"], [*OWN], {"say": b"hello\n", "hear": b"olleh"}
    if kind == "no-data":
        talk = {"say": b""}
    if kind == "protocol":
        server, args = server + ["-alpn", "h2"], args + ["-alpn", "h2,http/1.1"]
    if kind == "client-certificate":
        server, args = server + [*CLIENT_CERTIFICATE], args + ["-cert", "own.crt", "-key", "own.key"]
    said = handshake(folder, server, *args, **talk)
    for number, how in enumerate(({}, {"ipv6": True}, {"mss": 100}, {"snaplen": 96}, {"acked": False})):
        assert not [found for found in findings(said, f"{number}.pcap", **how) if found[0].startswith("tls-")], said


@pytest.mark.parametrize("version", VERSIONS)
def test_healthy_resumption(folder, findings, version):
    with Server(folder, "-cert", "own.crt", "-key", "own.key", version, "-rev") as server:
        for session in ("-sess_out", "-sess_in"):
            tap = Tap(server.address)
            client(folder, tap, *OWN, session, "session.pem", say=b"hello\n", hear=b"olleh")
            said = tap.finish()
    assert not findings(said)


@pytest.mark.parametrize("version", VERSIONS)
def test_cut_at_every_length(folder, findings, version):
    """A snap length hides what it hides: never another finding than the whole capture gives."""
    said = handshake(folder, [version], *OTHER)
    for snaplen in range(41, 120, 7):
        found = findings(said, f"{snaplen}.pcap", snaplen=snaplen)
        assert not found or [entry[0] for entry in found] == ["tls-alert"], (snaplen, found)
