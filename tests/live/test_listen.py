# SPDX-License-Identifier: GPL-2.0-or-later
"""--listen: counters over HTTP, for a real Prometheus and for those who do not behave; and what the process that answers can still do."""

import http.client
import json
import os
import signal
import socket
import subprocess
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from harness import Agent, PATIENCE_S
from lab import free_port
from program import sockwhy
from test_fences import capabilities

SCRAPE = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - {{job_name: sockwhy, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}
"""


def child(agent):
    """The process that answers."""
    return int(open(f"/proc/{agent.pid}/task/{agent.pid}/children").read())


class Client(http.client.HTTPConnection):
    """HTTP in a lab's namespace or over a Unix socket: `connected` is the socket."""

    def __init__(self, connected):
        super().__init__("lab", timeout=PATIENCE_S)
        self.sock = connected

    def ask(self, method, target):
        self.request(method, target)
        answer = self.getresponse()
        return answer.status, answer.read().decode(), answer.headers


@pytest.fixture
def unix(lab):
    """An agent that listens on a path: whoever is in which namespace reaches that."""
    path = lab.dir / "metrics"
    agent = Agent(lab, "--config", "none", "--listen", f"unix:{path}")

    def connect():
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(PATIENCE_S)
        client.connect(str(path))
        return client
    return agent, connect, path


def test_prometheus(lab):
    """It finds the target up, and the findings that JSON tells; promtool has nothing to say."""
    port, web = free_port(), free_port()
    agent = Agent(lab, "--config", "none", "--listen", str(port))
    conf = lab.dir / "prometheus.yml"
    conf.write_text(SCRAPE.format(port=port))
    pids = [lab.fault("connect", address, free_port())["pid"] for address in ("127.0.0.1", "::1")]
    found = [agent.wait_for(state="final", pid=pid)["finding"] for pid in pids]
    prometheus = subprocess.Popen(lab.host.command("prometheus", f"--config.file={conf}", f"--storage.tsdb.path={lab.dir / 'tsdb'}",
                                                   f"--web.listen-address=127.0.0.1:{web}"),
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        def query(words):
            done = subprocess.run(lab.host.command("curl", "-sfG", "--data-urlencode", f"query={words}",
                                                   f"http://127.0.0.1:{web}/api/v1/query"),
                                  stdout=subprocess.PIPE, text=True, check=False)
            return [sample["value"][1] for sample in json.loads(done.stdout)["data"]["result"]] if done.returncode == 0 else []
        end = time.monotonic() + PATIENCE_S
        while not (counts := query(f'sum(sockwhy_findings_total{{finding="{found[0]}"}})')):
            assert time.monotonic() < end and prometheus.poll() is None, "nothing was scraped"
            time.sleep(0.1)  # another program's clock
        assert int(counts[0]) >= 2 and found == [found[0]] * 2
        assert query(f'up{{instance="127.0.0.1:{port}"}}') == ["1"]
    finally:
        prometheus.kill()
        prometheus.wait(PATIENCE_S)
    said = subprocess.run(lab.host.command("curl", "-sf", f"http://127.0.0.1:{port}/metrics"), stdout=subprocess.PIPE, check=True)
    checked = subprocess.run(["promtool", "check", "metrics"], input=said.stdout, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             check=False)
    assert (checked.returncode, checked.stdout) == (0, b""), checked.stdout
    # nowhere else than it was told
    refused = subprocess.run(lab.host.command("curl", "-s", f"http://[::1]:{port}/metrics"), check=False)
    assert refused.returncode == 7


@pytest.mark.parametrize("where", ["127.0.0.9:{}", "[::1]:{}"])
def test_address(lab, where):
    where = where.format(free_port())
    agent = Agent(lab, "--config", "none", "--listen", where)
    said = subprocess.run(lab.host.command("curl", "-sf", f"http://{where}/metrics"), stdout=subprocess.PIPE, text=True, check=True)
    assert any(family.name == "sockwhy_build_info" for family in text_string_to_metric_families(said.stdout))
    agent.stop()


def test_answers(lab, unix):
    """Only GET and HEAD of /metrics; the same text as --metrics; the socket is gone when the agent is."""
    agent, connect, path = unix
    status, text, headers = Client(connect()).ask("GET", "/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4") and text.endswith("\n")
    status, nothing, headers = Client(connect()).ask("HEAD", "/metrics")
    assert (status, nothing, int(headers["Content-Length"])) == (200, "", len(text))
    assert [Client(connect()).ask("GET", target)[:2] for target in ("/", "/metrics/x", "/-/quit")] == [(404, "")] * 3
    status, _, headers = Client(connect()).ask("POST", "/metrics")
    assert status == 405 and headers["Allow"] == "GET, HEAD"
    long = connect()
    long.sendall(b"GET /metrics HTTP/1.1\r\nA: " + b"a" * 5000)
    assert long.recv(100).startswith(b"HTTP/1.1 400 ")
    agent.stop()
    assert not path.exists()


def test_hanging_clients(lab, unix):
    """More clients than there are places say nothing: the next one is answered at once, and so is SIGTERM."""
    agent, connect, _ = unix
    silent = [connect() for _ in range(40)]
    silent[-1].sendall(b"GET /met")
    begun = time.monotonic()
    assert Client(connect()).ask("GET", "/metrics")[0] == 200
    assert time.monotonic() - begun < 2
    assert silent[0].recv(1) == b""  # the oldest went
    begun = time.monotonic()
    for client in silent[30:]:
        assert client.recv(1) == b""  # and those that stay have their time
    assert time.monotonic() - begun < 8
    hangs = connect()
    hangs.sendall(b"GET /metrics HTTP/1.1\r\n")
    begun = time.monotonic()
    agent.stop(signal.SIGTERM)
    assert time.monotonic() - begun < 3 and hangs.recv(1) == b""


def test_slow_reader(lab, unix):
    """An answer that is taken byte by byte is whole."""
    _, connect, _ = unix
    client, got = connect(), b""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    for byte in b"GET /metrics HTTP/1.0\r\n\r\n":
        client.send(bytes([byte]))
    while part := client.recv(7):
        got += part
    head, body = got.split(b"\r\n\r\n", 1)
    assert f"Content-Length: {len(body)}\r\n".encode() in head and body.endswith(b"\n")


def test_fences(lab, unix):
    """Who answers is nobody, has no capability, no file and a filter; it holds nothing of the kernel side, and goes with the agent."""
    agent, connect, path = unix
    pid = child(agent)
    assert Client(connect()).ask("GET", "/metrics")[0] == 200
    has = capabilities(pid)
    assert {has[name] for name in ("CapEff", "CapPrm", "CapInh", "CapAmb")} == {0}
    assert has["NoNewPrivs"] == 1 and has["Seccomp"] == 2
    uids = next(line for line in open(f"/proc/{pid}/status") if line.startswith("Uid:")).split()[1:]
    assert uids == ["65534"] * 4
    end = time.monotonic() + PATIENCE_S
    while (held := sorted(os.readlink(f"/proc/{pid}/fd/{fd}").split(":")[0] for fd in os.listdir(f"/proc/{pid}/fd") if int(fd) > 2)) \
            != ["/memfd", "socket", "socket"]:
        assert held == ["/memfd", "socket", "socket", "socket"] and time.monotonic() < end, held  # until it sees that its client left
        time.sleep(0.01)
    agent.popen.kill()
    end = time.monotonic() + PATIENCE_S
    while os.path.exists(f"/proc/{pid}") and open(f"/proc/{pid}/stat").read().split(") ")[1][0] != "Z":
        assert time.monotonic() < end
        time.sleep(0.01)  # a process that is no child of ours
    # what was left of it is in nobody's way
    later = Agent(lab, "--config", "none", "--listen", f"unix:{path}")
    assert Client(connect()).ask("GET", "/metrics")[0] == 200
    later.stop()


def test_it_dies(lab, unix):
    """The agent goes on without it, says so once, and waits for nobody."""
    agent, _, _ = unix
    os.kill(child(agent), signal.SIGKILL)
    agent.wait_stderr(lambda line: "nobody answers there any more" in line, "line")
    agent.wait_for(state="final", pid=lab.fault("connect", "127.0.0.1", free_port())["pid"])
    agent.stop()
    assert sum("nobody answers" in line for line in agent.stderr) == 1


def test_taken(lab):
    """A port that somebody has is said before anything is attached."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = sockwhy("--config", "none", "--listen", str(server.getsockname()[1]))
    assert done.returncode == 1 and "Address already in use" in done.err


@pytest.mark.parametrize("where", ["", "0", "65536", "http", "localhost:9435", ":9435", "::1:9435", "[::1]", "[::1:9435", "127.0.0.1:",
                                   "unix:", "unix:metrics", "unix:/" + "a" * 120])
def test_no_address(where):
    done = sockwhy("--config", "none", "--listen", where)
    assert done.returncode == 1 and f"sockwhy: --listen {where}: Invalid argument" in done.err
