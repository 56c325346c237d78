# SPDX-License-Identifier: GPL-2.0-or-later
"""TLS handshakes that fail, with real programs: one verdict, with the process that suffered; and handshakes that work."""

import json
import subprocess
import sys

import pytest

from lab import PATIENCE_S, free_port, sh
from program import SOCKWHY
from test_quiet import Program, nothing


class Secure:
    """A server at a far place or, over lo, beside its client."""

    def __init__(self, lab, place, family):
        self.lab, self.place, self.address, self.port = lab, place, place.address(family), free_port()
        self.host = f"[{self.address}]" if family == 6 else self.address
        self.cert, self.key = lab.dir / "cert.pem", lab.dir / "key.pem"
        sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.key, "-out",
           self.cert, "-subj", "/CN=example.test", "-addext", f"subjectAltName=DNS:example.test,IP:{self.address}")

    def serve(self, *options):
        self.program("openssl", "s_server", "-accept", f"{self.host}:{self.port}", "-cert", self.cert, "-key", self.key, "-www",
                     "-quiet", *options)

    def program(self, *argv):
        Program(self.lab, self.place.ns, argv, self.port)

    def client(self, *argv):
        return subprocess.run(self.lab.host.command(*argv), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=PATIENCE_S, check=False).returncode

    def curl(self, *options, scheme="https"):
        return self.client("curl", "-sS", "--max-time", "10", *options, f"{scheme}://{self.host}:{self.port}/")

    def told(self, agent, finding, program, *words, **want):
        if not hasattr(agent, "pid"):
            return
        found = agent.assert_only(finding, comm=None, remote=(self.address, self.port), **want)
        assert found["process"]["comm"].startswith(program), found
        assert found["connection"]["role"] == "client" and not found.get("blind"), found
        for word in words:
            assert word in found["summary"], found["summary"]


@pytest.fixture
def secure(lab, place, family):
    return Secure(lab, place, family)


# ---- tls-alert ----

def test_unknown_authority(watch, secure):
    secure.serve()
    agent = watch()
    assert secure.curl() == 60
    secure.told(agent, "tls-alert", "curl", "alert unknown_ca (48, fatal); the client offers TLS 1.0 to TLS 1.3, ALPN h2, http/1.1")


def test_known_authority(watch, secure):
    """Near: the same client knows who signed."""
    secure.serve()
    agent = watch()
    assert secure.curl("--cacert", secure.cert) == 0
    assert secure.curl("--cacert", secure.cert, "--tls-max", "1.2") == 0
    agent.silent()


def test_no_common_version(watch, secure):
    secure.serve("-tls1_3")
    agent = watch()
    assert secure.curl("--tls-max", "1.2") == 35
    secure.told(agent, "tls-alert", "curl", "alert protocol_version (70, fatal); the client offers at most TLS 1.2")


def test_client_without_a_certificate_before_1_3(watch, secure):
    """The server says so in clear, behind a flight that was told of in part."""
    secure.serve("-Verify", "1", "-CAfile", secure.cert, "-tls1_2")
    agent = watch()
    assert secure.curl("--cacert", secure.cert) == 35
    secure.told(agent, "tls-alert", "curl", "alert handshake_failure (40, fatal)")


def test_client_with_a_certificate_before_1_3(watch, secure):
    secure.serve("-Verify", "1", "-CAfile", secure.cert, "-tls1_2")
    agent = watch()
    assert secure.curl("--cacert", secure.cert, "--cert", secure.cert, "--key", secure.key) == 0
    agent.silent()


# ---- tls-rejected ----

def test_alert_that_nobody_can_read(watch, secure):
    """GnuTLS says why it refuses a certificate when it has keys already."""
    secure.serve()
    agent = watch()
    assert secure.client("gnutls-cli", "-p", secure.port, secure.address) == 1
    secure.told(agent, "tls-rejected", "gnutls-cli", "never sent its Finished", "TLS 1.3")


def test_nothing_to_object(watch, secure):
    secure.serve()
    agent = watch()
    assert secure.client("gnutls-cli", "--x509cafile", secure.cert, "--sni-hostname", "example.test", "--verify-hostname",
                         "example.test", "-p", secure.port, secure.address) == 0
    agent.silent()


def test_client_without_a_certificate(watch, secure):
    """The server says what it misses when the client believes that all is done, and where nobody can read it."""
    secure.serve("-Verify", "1", "-CAfile", secure.cert, "-tls1_3")
    agent = watch()
    # it waits for the server's end: who closes at the alert does so before or behind it, as it happens
    script = """if True:
        import select, socket, ssl, sys
        context = ssl.create_default_context(cafile=sys.argv[3])
        with context.wrap_socket(socket.create_connection((sys.argv[1], int(sys.argv[2]))), server_hostname="example.test") as sock:
            end = select.poll()
            end.register(sock, select.POLLRDHUP)
            try:
                sock.recv(1)
            except ssl.SSLError as error:
                assert "CERTIFICATE_REQUIRED" in str(error), error
                assert end.poll(8000)
                sys.exit(56)
    """
    assert secure.client("/usr/bin/python3", "-c", script, secure.address, secure.port, secure.cert) == 56
    secure.told(agent, "tls-rejected", "python3", "ended the connection when it had the client's Finished, with 24 bytes", "TLS 1.3")


def test_client_with_a_certificate(watch, secure):
    secure.serve("-Verify", "1", "-CAfile", secure.cert, "-tls1_3")
    agent = watch()
    assert secure.curl("--cacert", secure.cert, "--cert", secure.cert, "--key", secure.key) == 0
    agent.silent()


# ---- tls-no-server-hello ----

def deaf(secure):
    """Takes connections, reads, and says nothing."""
    kind = "TCP6-LISTEN" if ":" in secure.address else "TCP4-LISTEN"
    secure.program("socat", "-u", f"{kind}:{secure.port},bind={secure.host},fork,reuseaddr", "OPEN:/dev/null")


def test_no_answer(watch, secure):
    deaf(secure)
    agent = watch()
    assert secure.curl("--max-time", "3.5") == 28
    secure.told(agent, "tls-no-server-hello", "curl", "after the ClientHello (517 bytes, all acknowledged), then the client gave up")
    early = agent.findings(state="pending")
    assert [f["finding"] for f in early] == ["tls-no-server-hello"], early


def test_impatient(watch, secure):
    """Near: who closes after half a second had a reason of its own."""
    deaf(secure)
    agent = watch()
    assert secure.curl("--max-time", "0.5") == 28
    agent.silent()


# ---- tls-not-tls ----

def plain(secure):
    secure.program(sys.executable, "-m", "http.server", "--bind", secure.address, secure.port)


def test_plain_http(watch, secure):
    plain(secure)
    agent = watch()
    assert secure.curl() == 35
    secure.told(agent, "tls-not-tls", "curl", "begins with TLS", "bytes of something else")


def test_plain_http_to_who_wants_it(watch, secure):
    plain(secure)
    agent = watch()
    assert secure.curl(scheme="http") == 0
    agent.silent()


def test_plain_words_to_who_speaks_tls(watch, secure):
    """OpenSSL reads a record's header, sees that it is none, and says nothing: socat, nginx's streams, Python close then."""
    kind = "OPENSSL-LISTEN:{},bind={},pf=ip6" if ":" in secure.address else "OPENSSL-LISTEN:{},bind={}"
    secure.program("socat", f"{kind.format(secure.port, secure.host)},cert={secure.cert},key={secure.key},verify=0,fork,reuseaddr",
                   "OPEN:/dev/null")
    agent = watch()
    assert secure.curl(scheme="http") == 56
    secure.told(agent, "tls-not-tls", "curl", "begins without TLS", "read 5 of them")


# ---- run, and offline ----

def test_run(lab, secure):
    """Under run the same verdict; and of its recording byte for byte what was said live."""
    secure.serve()
    out, record = lab.dir / "run.json", lab.dir / "run.rec"
    assert secure.client(SOCKWHY, "run", "--json", "-o", out, "--record", record, "--", "curl", "-sS",
                         f"https://{secure.host}:{secure.port}/") == 60
    live = [json.loads(line) for line in out.read_text().splitlines()]
    assert [f["finding"] for f in live if f["type"] == "finding"] == ["tls-alert"], live
    read = subprocess.run([SOCKWHY, "read", "--json", record], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    again = [json.loads(line) for line in read.stdout.splitlines()]
    assert [f for f in again if f["type"] == "finding"] == [f for f in live if f["type"] == "finding"]


# ---- healthy ----

def test_healthy(watch, secure):
    """Both versions, sessions that go on and sessions made anew, certificates of the client, connections that stay."""
    secure.serve("-verify", "1", "-CAfile", secure.cert)
    agent = watch()
    mine = "--cert", secure.cert, "--key", secure.key
    for version in "1.2", "1.3":
        for options in (), ("--no-sessionid",), mine:
            assert secure.client("curl", "-sS", "--cacert", secure.cert, "--tls-max", version, "-H", "Connection: close", "-o",
                                 "/dev/null", *options, f"https://{secure.host}:{secure.port}/?n=[1-50]") == 0
    nothing(agent)


# ---- who leaves ----

LEAVES = """if True:
    import os, socket, sys
    sock = socket.create_connection((sys.argv[1], int(sys.argv[2])))
    sock.sendall(bytes.fromhex(sys.argv[3]))
    if sys.argv[4] == "killed":
        os.kill(os.getpid(), 9)
    if sys.argv[4] == "half":
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(100):
            pass
"""


def test_leaves(watch, secure):
    """Near: OpenSSL's server answers with an alert, too, who leaves in the middle of its ClientHello, or without a byte of it."""
    secure.serve()
    agent = watch()
    for words in "", "1603", "16030100c8", "16030100c8010000c40303" + "00" * 20:
        for how in "killed", "half", "closed":
            secure.client("/usr/bin/python3", "-c", LEAVES, secure.address, secure.port, words, how)
    agent.silent()
