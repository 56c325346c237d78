# SPDX-License-Identifier: GPL-2.0-or-later
"""run of a command that fails though its connections work: what it was answered is said, and what was not looked at."""

import re
import subprocess

import pytest

from lab import PATIENCE_S, free_port
from program import SOCKWHY

pytestmark = pytest.mark.usefixtures("needs_agent")

LO = {4: "127.0.0.1", 6: "::1"}
MYSQL_GREETING = b"\x4a\0\0\0\x0a8.0.1\0" + b"x" * 66
MYSQL_ERROR = b"\x16\0\0\2\xff\x15\x04#28000Access denied"
POSTGRESQL_ERROR = b"E\0\0\0\x26SFATAL\0VFATAL\0C28P01\0Mwrong words\0\0"
HTTP = b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n"

# what the server says, each after the client has said something, and how that is told
ANSWERS = {
    "http-404": ([HTTP % b"404 Not Found"], "HTTP 404"),
    "http-503-second": ([HTTP % b"200 OK", HTTP % b"503 Service Unavailable"], "HTTP 503"),
    "connect-403": ([HTTP % b"403 Forbidden"], "HTTP 403"),
    "postgresql": ([b"N", POSTGRESQL_ERROR], "PostgreSQL error 28P01"),
    "mysql": ([MYSQL_GREETING, MYSQL_ERROR], "MySQL error 1045"),
    "smtp": ([b"220 mail ESMTP\r\n", b"250 mail\r\n", b"550 5.7.1 relaying denied\r\n"], "SMTP 550"),
    "ftp": ([b"220 ftp\r\n", b"331 who\r\n", b"530 not you\r\n"], "reply 530"),
    "redis": ([b"+OK\r\n", b"-WRONGPASS invalid username-password pair\r\n"], "Redis"),
}
# what begins alike and is none: a part of a page, a file, a greeting, a farewell
HARMLESS = {
    "page": [b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", b"550 things and more of them that go on"],
    "http-302": [HTTP % b"302 Found"],
    "postgresql-no": [b"N", b"R\0\0\0\x08\0\0\0\0"],
    "mysql": [MYSQL_GREETING, b"\x07\0\0\2\0\0\0\2\0\0\0"],
    "imap": [b"* OK ready\r\n", b"* BYE logging out\r\n"],
}

TALK = """
import socket, sys
family, port, says, status = sys.argv[1], int(sys.argv[2]), [bytes.fromhex(word) for word in sys.argv[3].split()], int(sys.argv[4])
listening = socket.create_server((family, port), family=socket.AF_INET6 if ":" in family else socket.AF_INET)
client = socket.create_connection((family, port))
server = listening.accept()[0]
for word in says:
    client.sendall(b"please\\r\\n")
    server.recv(99)
    server.sendall(word)
    got = b""
    while len(got) < len(word):
        got += client.recv(999)
client.close()
server.recv(99)
sys.exit(status)
"""


def talk(lab, family, says, status=1, *options):
    done = subprocess.run(lab.host.command(SOCKWHY, "run", *options, "--", "python3", "-c", TALK, LO[family], free_port(),
                                           " ".join(word.hex() for word in says), status),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S,
                          check=False)
    assert done.returncode == status, done.stderr
    return done.stderr


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_is_told(lab, answer):
    says, words = ANSWERS[answer]
    said = talk(lab, 6 if answer in ("mysql", "http-404") else 4, says)
    told = re.findall(r"an answer says that something failed: (.*)", said)
    assert len(told) == 1, said
    assert re.fullmatch(rf"{words}.* from \S+:\d+ to python3\[\d+\]", told[0]), told
    assert said.index("no connection failed") < said.index("an answer says") < said.index("status 1 all the same")


@pytest.mark.parametrize("words", HARMLESS)
def test_what_begins_alike_is_none(lab, words):
    assert "an answer says" not in talk(lab, 4, HARMLESS[words])


def test_answers_of_a_command_that_works(lab):
    """Nearest miss: nobody failed; and of --mask no address is told."""
    says, _ = ANSWERS["http-404"]
    assert "an answer says" not in talk(lab, 4, says, 0)
    masked = talk(lab, 4, says, 1, "--mask")
    assert "an answer says that something failed: HTTP 404 to python3" in masked and LO[4] not in masked


def test_an_info_is_no_reason(lab):
    """The client resets what it has not read, an info; what else failed is said all the same, behind it."""
    port = free_port()
    script = ("import socket, sys; l = socket.create_server(('127.0.0.1', int(sys.argv[1]))); "
              "c = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); s = l.accept()[0]; c.sendall(b'GET / HTTP/1.1\\r\\n\\r\\n'); "
              "s.recv(99); s.sendall(b'HTTP/1.1 500 No\\r\\nContent-Length: 4\\r\\n\\r\\nwhy\\n'); "
              "l.settimeout(0.05); c.recv(3); c.close(); sys.exit(6)")
    done = subprocess.run(lab.host.command(SOCKWHY, "run", "--", "python3", "-c", script, port), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 6
    order = [done.stderr.index(words) for words in ("conn-reset-by-us", "no connection failed; 1 connection attempt seen",
                                                    "HTTP 500 from", "status 6 all the same")]
    assert order == sorted(order), done.stderr
