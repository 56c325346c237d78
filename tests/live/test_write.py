# SPDX-License-Identifier: GPL-2.0-or-later
"""-w: what is written live is read back by tshark: comments, interfaces, direction, order; files, masks, secrets."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import threading

import pytest

from harness import Agent
from lab import FAULT, PATIENCE_S, free_port, sh
from program import SOCKWHY

pytestmark = pytest.mark.usefixtures("needs_agent")

OUT, IN = "0x00000002", "0x00000001"  # epb_flags, bits 0 and 1
FIELDS = ("frame.interface_name", "frame.packet_flags_direction", "ip.src", "ip.dst", "tcp.srcport", "tcp.dstport",
          "tcp.flags.str", "frame.comment", "frame.time_epoch", "frame.len", "frame.cap_len", "_ws.expert.message",
          "systemd_journal.message")


def tshark(path, *args):
    return subprocess.run(["tshark", "-n", "-r", path, *args], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True, timeout=PATIENCE_S, check=True).stdout


# Those that free_port() gives: to tshark some belong to a protocol, which would find what is sent there malformed.
PORTS_ARE_FREE = ("-d", "tcp.port==2000-29999,data")


def frames(path, display="frame"):
    """Every frame as a dictionary of FIELDS."""
    args = [word for field in FIELDS for word in ("-e", field)]
    lines = tshark(path, *PORTS_ARE_FREE, "-T", "fields", "-E", "separator=\t", "-E", "aggregator=|", "-Y", display, *args).splitlines()
    found = [dict(zip(FIELDS, line.split("\t"))) for line in lines]
    assert not any("Malformed" in frame["_ws.expert.message"] for frame in found)
    return found


def of_port(path, port):
    return frames(path, f"tcp.port == {port}")


def run(lab, *args, wait=True):
    done = subprocess.Popen(lab.host.command(SOCKWHY, "run", *args), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)
    out, err = done.communicate(timeout=PATIENCE_S) if wait else (None, None)
    return done.returncode, out, err


def test_refused(lab):
    """SYN out, reset in, each with its process and the finding, at the interface where it was seen, in order."""
    far, path, port = lab.link(), lab.dir / "out.pcapng", free_port()
    agent = Agent(lab, "-w", path)
    saw = lab.fault("connect", far.v4, port)
    found = agent.wait_for(pid=saw["pid"], state="final")
    agent.stop()
    assert path.stat().st_mode & 0o777 == 0o600
    assert any(line.startswith(f"sockwhy: {path}: ") and "packets" in line for line in agent.stderr)
    syn, reset = of_port(path, port)
    assert syn["frame.packet_flags_direction"] == OUT and reset["frame.packet_flags_direction"] == IN
    assert (syn["ip.src"], syn["ip.dst"], reset["ip.src"]) == (lab.host.v4, far.v4, far.v4)
    assert syn["tcp.flags.str"].strip("·") == "S" and "R" in reset["tcp.flags.str"]
    for frame, party in ((syn, "from"), (reset, "to")):
        assert frame["frame.interface_name"] == lab.host.device
        assert f"process {party} fault[{saw['pid']}]" in frame["frame.comment"]
        assert f"error {found['finding']} ({found['confidence']}): {found['summary']}" in frame["frame.comment"]
    assert float(syn["frame.time_epoch"]) < float(reset["frame.time_epoch"])


def test_interfaces_of_other_namespaces(lab):
    """The same packet at both ends of a veth pair, each at its own interface."""
    far, path, port = lab.link(), lab.dir / "out.pcapng", free_port()
    agent = Agent(lab, "--netns", far.path, "-w", path)
    saw = lab.fault("connect", far.v4, port)
    agent.wait_for(pid=saw["pid"], state="final")
    agent.stop()
    seen = [(f["frame.interface_name"], f["frame.packet_flags_direction"], "R" in f["tcp.flags.str"])
            for f in of_port(path, port)]
    here, there = lab.host.device, f"{far.name}/{far.device}"
    assert seen == [(here, OUT, False), (there, IN, False), (there, OUT, True), (here, IN, True)]
    assert all("connect-refused" in f["frame.comment"] for f in of_port(path, port))


def test_no_route_stands_for_itself(lab):
    """A finding without a packet is an entry that Wireshark lists, at its time."""
    path = lab.dir / "out.pcapng"
    agent = Agent(lab, "-w", path)
    saw = lab.fault("connect", "203.0.113.9", free_port())
    found = agent.wait_for(pid=saw["pid"], state="final")
    agent.stop()
    assert found["finding"] == "local-no-route"
    entries = [f for f in frames(path, "systemd_journal") if found["summary"] in f["systemd_journal.message"]]
    assert len(entries) == 1 and "error local-no-route (certain)" in entries[0]["systemd_journal.message"]


def test_dropped_here(lab):
    """What the firewall of this host ate never reached an interface: it stands at one of its own."""
    far, path, port = lab.link(), lab.dir / "out.pcapng", free_port()
    lab.host.nft("output", f"tcp dport {port} drop")
    agent = Agent(lab, "-w", path)
    saw = lab.fault("-U", 1500, "connect", far.v4, port)
    agent.wait_for(pid=saw["pid"], state="final")
    agent.stop()
    dropped = of_port(path, port)
    assert dropped and all(f["frame.interface_name"].startswith("drop") for f in dropped)
    assert all("dropped by this host" in f["frame.comment"] for f in dropped)
    assert "local-firewall" in dropped[-1]["frame.comment"]


def test_late_verdict(lab):
    """The early word is a comment of the SYNs; the last one, when they are long written, an entry."""
    net, path, port = lab.internet(), lab.dir / "out.pcapng", free_port()
    there = net.host(4)
    agent = Agent(lab, "-w", path)
    saw = lab.fault("-U", 5800, "connect", there, port)
    agent.wait_for(pid=saw["pid"], state="final")
    agent.stop()
    syns = of_port(path, port)
    assert len(syns) >= 2 and "pending error connect-no-answer" in syns[0]["frame.comment"]
    said = [f["systemd_journal.message"] for f in frames(path, "systemd_journal")]
    assert any(line.startswith("error connect-no-answer") for line in said) or \
        any(word.startswith("error connect-no-answer") for word in syns[-1]["frame.comment"].split("|"))


def test_run_has_every_packet(lab):
    """The whole connection of the command, headers alone, from and to its process; a stranger's is not in it."""
    far, path, port, other = lab.link(), lab.dir / "out.pcapng", free_port(), free_port()
    lab.serve(far.v4, port, "hello", ns=far)
    lab.serve(far.v4, other, "hello", ns=far)
    # it reads to the end: who closes before is reset, or not, as it happens
    script = 'exec 3<>"/dev/tcp/$0/$1"; while read -r -N 1 -u 3; do :; done'
    code, _, err = run(lab, "-w", path, "--", "bash", "-c", script, far.v4, port)
    assert code == 0, err
    seen = of_port(path, port)
    flags = [f["tcp.flags.str"].strip("·").replace("·", "") for f in seen]
    assert flags[:3] == ["S", "AS", "A"] and any("F" in f for f in flags), flags
    assert all("bash[" in f["frame.comment"] for f in seen)
    assert any(int(f["frame.len"]) > int(f["frame.cap_len"]) for f in seen), "the payload is not in it"
    assert not of_port(path, other)


def test_snaplen(lab):
    """As much payload as was asked for, and no more."""
    far, path, port = lab.link(), lab.dir / "out.pcapng", free_port()
    lab.serve(far.v4, port, "hello", ns=far)
    code, _, err = run(lab, "--snaplen", 256, "-w", path, "--", FAULT, "connect", far.v4, port)
    assert code == 0, err
    assert any(f["frame.len"] == f["frame.cap_len"] and int(f["frame.len"]) > 52 for f in of_port(path, port))
    short = lab.dir / "short.pcapng"
    code, _, err = run(lab, "--snaplen", 40, "-w", short, "--", FAULT, "connect", far.v4, port)
    assert code == 0 and {f["frame.cap_len"] for f in of_port(short, port)} == {"40"}


def test_masked(lab):
    """Neither file nor findings hold an address of the lab; both speak of the same ones, checksums are as they were."""
    far, path, out, port = lab.link(), lab.dir / "out.pcapng", lab.dir / "out.json", free_port()
    lab.host.run(f"ethtool -K {lab.host.device} tx off >/dev/null 2>&1 || true")
    agent = Agent(lab, "--mask", "-w", path)
    saw = lab.fault("connect", far.v4, port)
    found = agent.wait_for(pid=saw["pid"], state="final")
    agent.stop()
    said = "".join(agent.lines)
    out.write_text(said)
    assert f'"name":"{socket.gethostname()}"' not in said
    for secret in (lab.host.v4, far.v4):
        assert secret not in said
        assert secret.encode() not in path.read_bytes()
    for raw in (lab.host.v4, far.v4):
        assert socket.inet_aton(raw) not in path.read_bytes()
    syn, reset = of_port(path, port)
    there = found["connection"]["remote"]["address"]
    assert syn["ip.dst"] == reset["ip.src"] == there and there in syn["frame.comment"]
    # private addresses stay private, of one network
    assert there.startswith("10.") and syn["ip.src"].rsplit(".", 1)[0] == there.rsplit(".", 1)[0]
    # the reset is the kernel's own, its checksums are filled in
    checks = tshark(path, "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-T", "fields",
                    "-e", "ip.checksum.status", "-Y", f"tcp.srcport == {port}")
    assert set(checks.split()) == {"1"}


def test_rotation(lab):
    """Recording, findings and packets alike; the files that are kept are whole, in the order of their names."""
    port = free_port()
    agent = Agent(lab, "--rotate", "64k", "--files", 3, "-w", lab.dir / "p.pcapng", "-o", lab.dir / "o.json",
                  "--record", lab.dir / "r.rec", "-v", "--json")
    for _ in range(4):
        lab.fault("refused", 400, "127.0.0.1", port, exe=lab.healthy)
    agent.stop()
    for stem, suffix in (("p", "pcapng"), ("o", "json"), ("r", "rec")):
        files = sorted(lab.dir.glob(f"{stem}.*.{suffix}"))
        assert 2 <= len(files) <= 3, (stem, files)
        assert int(files[-1].name.split(".")[1]) > 3 and not (lab.dir / f"{stem}.{suffix}").exists()
        assert all(f.stat().st_size <= 65536 + 16384 and f.stat().st_mode & 0o777 == 0o600 for f in files)
    times = []
    for path in sorted(lab.dir.glob("p.*.pcapng")):
        times += [float(f["frame.time_epoch"]) for f in frames(path, "tcp")]
    assert len(times) > 100 and max(b - a for a, b in zip(times[1:], times)) < 0.01
    for path in sorted(lab.dir.glob("o.*.json")):
        assert all(json.loads(line) for line in path.read_text().splitlines())
    recordings = sorted(lab.dir.glob("r.*.rec"))
    for path in recordings:
        done = subprocess.run([SOCKWHY, "read", "--json", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=PATIENCE_S, check=False)
        assert done.returncode == 0 and "ends early" not in done.stderr, done.stderr
        # the last one may have been begun when all had failed
        failures = json.loads(done.stdout.splitlines()[-1])["failures"]
        assert failures or path == recordings[-1]
        assert ('"finding":"connect-refused-local"' in done.stdout) == bool(failures)


def test_reopened(lab):
    """logrotate: files that were moved away are whole, and new ones of their names go on; it never ends the agent."""
    names = ("p.pcapng", "o.json", "r.rec")
    agent = Agent(lab, "-w", lab.dir / "p.pcapng", "-o", lab.dir / "o.json", "--record", lab.dir / "r.rec", "--json")
    first = lab.fault("connect", "127.0.0.1", free_port())
    for name in names:
        (lab.dir / name).rename(lab.dir / f"{name}.1")
    agent.popen.send_signal(signal.SIGHUP)
    while not all((lab.dir / name).exists() for name in names):
        assert agent.popen.poll() is None, agent.stderr
    agent.popen.send_signal(signal.SIGHUP)  # they are in their places
    second = lab.fault("connect", "127.0.0.1", free_port())
    agent.stop()
    texts = [(lab.dir / name).read_text() for name in ("o.json.1", "o.json")]
    assert all(json.loads(line) for text in texts for line in text.splitlines())
    assert f'"pid":{second["pid"]}' in texts[1] and f'"pid":{first["pid"]}' in "".join(texts)
    assert frames(lab.dir / "p.pcapng", "tcp") is not None and frames(lab.dir / "p.pcapng.1", "tcp") is not None
    for name in ("r.rec.1", "r.rec"):
        done = subprocess.run([SOCKWHY, "read", "--json", lab.dir / name], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=PATIENCE_S, check=False)
        assert done.returncode == 0 and "ends early" not in done.stderr, done.stderr
    assert f'"pid":{second["pid"]}' in done.stdout


@pytest.mark.parametrize("option,name", [("-w", "p.pcapng"), ("-o", "o.json"), ("--record", "r.rec")])
def test_nearly_full(lab, option, name):
    """On a small file system writing stops before it is full, says so once, counts, and exits with 1."""
    small, path = lab.dir / "small", lab.dir / "small" / name
    small.mkdir()
    sh("mount", "-t", "tmpfs", "-o", "size=512k", "none", small)
    try:
        agent = Agent(lab, option, path, "-v", "--json")
        for _ in range(6):
            lab.fault("refused", 400, "127.0.0.1", free_port(), exe=lab.healthy)
        agent.stop(status=1)
        said = [line for line in agent.stderr if name in line and "nearly full" in line]
        assert len(said) == 1, agent.stderr
        left = int(sh("df", "--output=avail", "-B1", small).splitlines()[-1])
        assert (1 << 19) // 20 - 4096 <= left < 1 << 19
        # what is there can be read
        if option == "-w":
            assert any("NOT written" in line for line in agent.stderr) and len(frames(path, "tcp")) > 1000
        elif option == "-o":
            assert len([json.loads(line) for line in path.read_text().splitlines()]) > 100
        else:
            done = subprocess.run([SOCKWHY, "read", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                  timeout=PATIENCE_S, check=False)
            assert done.returncode == 1 and "ends early" in done.stderr and "connect-refused-local" in done.stdout
    finally:
        sh("umount", small)


def test_standard_input_on_a_small_disk(lab):
    """What does not fit beside the reserve is not read, and nothing is left there."""
    small, path = lab.dir / "small", lab.dir / "out.pcapng"
    small.mkdir()
    sh("mount", "-t", "tmpfs", "-o", "size=512k", "none", small)
    try:
        done = subprocess.run([SOCKWHY, "read", "-w", path, "-"], input=bytes.fromhex("d4c3b2a1") + bytes(1 << 20),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False,
                              env={**os.environ, "TMPDIR": str(small)})
        assert done.returncode == 1 and b"standard input: cannot be kept in" in done.stderr, done.stderr
        assert not list(small.iterdir()) and int(sh("df", "--output=used", "-B1", small).splitlines()[-1]) == 0
    finally:
        sh("umount", small)


def test_killed(lab):
    """SIGKILL: what was written is whole blocks."""
    path = lab.dir / "out.pcapng"
    agent = Agent(lab, "-w", path)
    for _ in range(3):
        lab.fault("refused", 200, "127.0.0.1", free_port(), exe=lab.healthy)
        agent.quiesce()
    agent.stop(signal.SIGKILL, status=-signal.SIGKILL)
    assert len(frames(path, "tcp")) >= 2


# ---- decryption ----

def certificate(lab):
    key, cert = lab.dir / "key.pem", lab.dir / "cert.pem"
    sh("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-subj", "/CN=lab",
       "-days", "2")
    return key, cert


def tls_session(lab, far, port, capture, keylog, version):
    """A real openssl session over the link, captured by tcpdump in the lab's host."""
    key, cert = certificate(lab)
    server = subprocess.Popen(far.command("openssl", "s_server", "-accept", f"{far.v4}:{port}", "-key", key, "-cert", cert,
                                          "-naccept", "1", "-rev"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
    dump = subprocess.Popen(lab.host.command("tcpdump", "-U", "--immediate-mode", "-s", "0", "-i", lab.host.device, "-w", capture, "tcp", "port",
                                             port), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        assert any("listening on" in line for line in iter(dump.stderr.readline, ""))
        assert any(b"ACCEPT" in line for line in iter(server.stdout.readline, b""))
        drain = threading.Thread(target=server.stdout.read, daemon=True)
        drain.start()
        client = subprocess.Popen(lab.host.command("openssl", "s_client", "-connect", f"{far.v4}:{port}", "-servername",
                                                   "db.internal", "-keylogfile", keylog, version),
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        client.stdin.write(b"drowssap eht si siht\n")
        client.stdin.flush()
        for line in iter(client.stdout.readline, b""):
            if b"this is the password" in line:
                break
        else:
            raise AssertionError("no answer from openssl")
        client.stdin.close()
        client.wait(PATIENCE_S)
        client.stdout.close()
        server.wait(PATIENCE_S)
        drain.join(PATIENCE_S)
        while len(tshark(capture, "-Y", "tcp.flags.fin == 1 || tcp.flags.reset == 1").splitlines()) < 2:
            assert dump.poll() is None
    finally:
        server.kill()
        server.wait()
        dump.send_signal(signal.SIGINT)
        dump.wait(PATIENCE_S)
        for pipe in (server.stdin, server.stdout, dump.stderr):
            pipe.close()


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_wireshark_decrypts(lab, version):
    far, port = lab.link(), free_port()
    capture, keylog, plain, opened = (lab.dir / name for name in ("in.pcap", "keys", "plain.pcapng", "opened.pcapng"))
    tls_session(lab, far, port, capture, keylog, version)
    whole = ["-v", "--snaplen", "65535", capture]
    for path, more in ((plain, []), (opened, ["--keylog", keylog])):
        done = subprocess.run([SOCKWHY, "read", "-w", path, *more, *whole], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=PATIENCE_S, check=False)
        assert done.returncode == 0, done.stderr
        assert bool(re.search(r"holds \d+ TLS secret", done.stderr)) == bool(more), done.stderr
    ports = ["-d", f"tcp.port=={port},tls"]

    def said(path):
        texts = tshark(path, *ports, "-T", "fields", "-e", "data.data", "-Y", "data").split()
        return b"".join(bytes.fromhex(part) for text in texts for part in text.split(","))

    assert b"this is the password" not in said(plain)
    assert b"drowssap eht si siht" in said(opened) and b"this is the password" in said(opened)


def test_masked_hello(lab):
    """A capture to be shared: the server's name and every certificate are gone, the hello can still be read."""
    far, port = lab.link(), free_port()
    capture, keylog, path = lab.dir / "in.pcap", lab.dir / "keys", lab.dir / "masked.pcapng"
    tls_session(lab, far, port, capture, keylog, "-tls1_2")
    done = subprocess.run([SOCKWHY, "read", "-v", "--mask", "-w", path, capture], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr
    data = path.read_bytes()
    assert b"db.internal" in capture.read_bytes() and b"db.internal" not in data and b"\x03lab" not in data
    name = tshark(path, "-d", f"tcp.port=={port},tls", "-T", "fields", "-e",
                  "tls.handshake.extensions_server_name", "-Y", "tls.handshake.type == 1").strip()
    assert re.fullmatch(r"[a-z]{2}\.[a-z]{8}", name) and name != "db.internal"


@contextlib.contextmanager
def web_server(lab, ns, address, port):
    """openssl as an HTTPS server of one file, which is longer than any packet. Yields its bytes."""
    key, cert = certificate(lab)
    root = lab.dir / "www"
    root.mkdir()
    content = b"%06x drowssap eht si siht\n" * 40000 % tuple(range(40000))
    (root / "page").write_bytes(content)
    where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    server = subprocess.Popen(ns.command("openssl", "s_server", "-accept", where, "-key", key, "-cert", cert, "-WWW"),
                              cwd=root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        assert any(b"ACCEPT" in line for line in iter(server.stdout.readline, b""))
        drain = threading.Thread(target=server.stdout.read, daemon=True)
        drain.start()
        yield f"https://{where}/page", content
    finally:
        server.kill()
        server.wait()
        drain.join(PATIENCE_S)
        server.stdout.close()


def fetch(lab, path, url, keylog, *args):
    """run -w -- curl: what curl got, and what was said on standard error."""
    got = lab.dir / "got"
    env = {**os.environ, "SSLKEYLOGFILE": str(keylog)}
    done = subprocess.run(lab.host.command(SOCKWHY, "run", "--ring-size", "16M", "-w", path, *args, "--", "curl", "-sSgk", "-o",
                                           got, url), env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr
    return got.read_bytes(), done.stderr


def decrypted(path, port):
    """What is said in the one connection of a file, as tshark reads it with what is in the file alone."""
    lines = tshark(path, "-q", "-d", f"tcp.port=={port},tls", "-z", "follow,tls,raw,0").splitlines()
    return b"".join(bytes.fromhex(line) for line in lines if re.fullmatch(r"\t?([0-9a-f]{2})+", line))


@pytest.mark.parametrize("family", ["v4", "v6"])
@pytest.mark.parametrize("where", ["lo", "veth"])
def test_run_is_decrypted(lab, where, family):
    """What run wrote holds the whole page, in segments that only offload makes, and the secrets that open it."""
    far, port = lab.link(), free_port()
    ns = far if where == "veth" else lab.host
    address = getattr(far, family) if where == "veth" else {"v4": "127.0.0.1", "v6": "::1"}[family]
    path, keys, recording = lab.dir / "open.pcapng", lab.dir / "keys", lab.dir / "r.rec"
    whole = ["--snaplen", 262144]
    with web_server(lab, ns, address, port) as (url, content):
        got, said = fetch(lab, path, url, keys, *whole, "--keylog", keys, "--record", recording)
        assert got == content
        assert re.search(r"will hold the TLS secrets that come to .*keys", said) and "; 5 TLS secrets" in said, said
        assert "cut short" not in said and path.stat().st_mode & 0o777 == 0o600
        seen = of_port(path, port)
        assert all(f["frame.len"] == f["frame.cap_len"] for f in seen)
        assert max(int(f["frame.len"]) for f in seen) > 3000
        assert decrypted(path, port).endswith(content)
        # the recording holds the same packets
        again = lab.dir / "again.pcapng"
        done = subprocess.run([SOCKWHY, "read", "-v", "-w", again, *map(str, whole), "--keylog", keys, recording],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=False)
        assert done.returncode == 0 and decrypted(again, port).endswith(content), done.stderr
        bare = lab.dir / "bare.pcapng"
        subprocess.run([SOCKWHY, "read", "-q", "-v", "-w", bare, recording], stdout=subprocess.DEVNULL, timeout=PATIENCE_S,
                       check=True)
        assert max(int(f["frame.cap_len"]) for f in of_port(bare, port)) <= 1024  # headers, and of a ClientHello so much
        # nearest misses: the same packets without secrets; secrets that were there before; headers alone
        locked, headers = lab.dir / "locked.pcapng", lab.dir / "headers.pcapng"
        fetch(lab, locked, url, keys, *whole)
        assert len(locked.read_bytes()) > len(content) and not decrypted(locked, port)
        _, said = fetch(lab, headers, url, keys)
        kept = [int(f["frame.cap_len"]) for f in of_port(headers, port)]
        hellos = [size for size in kept if size > 100]  # of two sides, on two interfaces at most
        assert min(kept) >= 40 and len(hellos) <= 4 and max(kept) <= 1024, kept
        assert not decrypted(headers, port)


def test_secrets_of_before_are_left_out(lab):
    """A key log of other sessions, to which this command adds nothing: none of it gets into the file."""
    port, path, keys, other = free_port(), lab.dir / "out.pcapng", lab.dir / "keys", lab.dir / "other"
    with web_server(lab, lab.host, "127.0.0.1", port) as (url, content):
        fetch(lab, lab.dir / "first.pcapng", url, keys)
        assert b"CLIENT_HANDSHAKE_TRAFFIC_SECRET" in keys.read_bytes()
        got, said = fetch(lab, path, url, other, "--snaplen", 262144, "--keylog", keys)
    assert got == content and "; 0 TLS secrets" in said and "hint: SSLKEYLOGFILE=" in said, said
    assert b"TRAFFIC_SECRET" not in path.read_bytes() and not decrypted(path, port)
