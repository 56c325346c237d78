# SPDX-License-Identifier: GPL-2.0-or-later
"""Established connections that real programs break in namespaces, captured by tcpdump: one finding each, none for its nearest miss."""

import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

from network import PATIENCE_S, Network, Slow, receive

FIN, RST, ACK = 1, 4, 16
REQUEST = b"GET /kept HTTP/1.1\r\nHost: server\r\n\r\n"
LAST_REQUEST = REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
NOTHING = None


@pytest.fixture(scope="module")
def network():
    made = Network()
    try:
        made.serve()
        yield made
    finally:
        made.close()


@pytest.fixture
def net(network):
    yield network
    network.reset()


def linger(sock):
    """Its close() will be a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def ask(net, family, port=80, request=REQUEST):
    """A kept connection to nginx whose first request was answered."""
    sock = net.connect(family, port)
    sock.sendall(request)
    assert receive(sock).startswith(b"HTTP/1.1 200")
    return sock


def exchange(near, far, question=REQUEST, answer=ANSWER):
    near.sendall(question)
    assert receive(far, len(question)) == question
    far.sendall(answer)
    assert receive(near, len(answer)) == answer


def goodbye(*socks):
    for sock in socks:
        sock.close()


def closed(net):
    """Until both FINs were acknowledged, or a reset ended it, as the client sees it."""
    def over():
        packets = net.captures["client"].packets()
        fins = {packet.sport: packet.seq + packet.payload + 1 for packet in packets if packet.flags & FIN}
        acked = {packet.sport for packet in packets if packet.flags & ACK and packet.ack == fins.get(packet.dport)}
        return len(acked) == 2 or any(packet.flags & RST for packet in packets)
    capture = net.captures["client"]
    with capture.changed:
        assert capture.changed.wait_for(over, PATIENCE_S), capture.packets()[-20:]


def is_fin(port):
    return lambda packet: packet.sport == port and packet.flags & FIN


def is_reset(packet):
    return packet.flags & RST


# ---- conn-keepalive-race, conn-broken-pipe ----

def test_keepalive_race(net, judge, family):
    """The router loses nginx' FIN while the client sends its next request: they cross."""
    _, server = net.capture()
    sock = ask(net, family)
    net.nft("tcp sport 80 tcp flags & fin == fin drop")
    server.wait(is_fin(80))
    sock.sendall(REQUEST)
    with pytest.raises(ConnectionResetError):
        sock.recv(1)
    judge("conn-keepalive-race", "error", "likely", r":80 closed the connection, idle for 1\.\d+ s, while a request of "
          rf"{len(REQUEST)} bytes was on its way", where=["server"])
    sock.close()


def test_keepalive_in_time(net, judge, family):
    """The next request comes before the time-out; then the client lets nginx close."""
    net.capture()
    sock = ask(net, family)
    sock.sendall(REQUEST)
    assert receive(sock) and sock.recv(1) == b""
    sock.close()
    closed(net)
    judge(NOTHING)


def test_broken_pipe(net, judge, family):
    """A client that does not look before it writes on a kept connection."""
    net.capture()
    sock = ask(net, family)
    assert sock.recv(1, socket.MSG_PEEK) == b""
    sock.sendall(REQUEST)
    net.captures["client"].wait(is_reset)
    sock.close()
    judge("conn-broken-pipe", "warning", "certain", rf"wrote {len(REQUEST)} bytes .* after .*:80 had closed, and was reset")


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_goodbye_after_fin(net, judge, version, family):
    """nginx lets go of a TLS client, which answers with a close_notify that is reset."""
    net.capture()
    host = net.server.address(family)
    popen = net.start(net.client, "openssl", "s_client", version, "-quiet", "-connect", f"{f'[{host}]' if family == 6 else host}:443",
                      stdin=subprocess.PIPE)
    popen.stdin.write(REQUEST)
    popen.stdin.flush()
    popen.wait(PATIENCE_S)
    closed(net)
    judge(NOTHING)


def test_half_close(net, judge, family):
    """The client closes its side behind its request and reads the answer: nobody wrote too late."""
    net.capture()
    near, far = net.pair(family)
    near.sendall(REQUEST)
    near.shutdown(socket.SHUT_WR)
    assert receive(far, len(REQUEST) + 1) == REQUEST
    far.sendall(ANSWER)
    far.close()
    assert receive(near, len(ANSWER) + 1) == ANSWER
    near.close()
    closed(net)
    judge(NOTHING)


# ---- conn-app-timeout, conn-client-gave-up, conn-slow-peer ----

@pytest.mark.parametrize("late", [True, False], ids=["late", "never"])
def test_client_gives_up(net, judge, family, late):
    """curl waits 1.2 s. Seen at the client it is a time-out of its own, seen at the server a client that gave up."""
    def serve(sock):
        assert sock.recv(1) == b""
        if late:
            sock.sendall(ANSWER)
            net.captures["client"].wait(is_reset)
    net.capture()
    slow = Slow(net, family, serve)
    net.curl("--max-time", "1.2", net.url(family, "", slow.port), status=28)
    slow.join()
    if not late:
        closed(net)
    words = r"closed the connection 1\.\d+ s after its last \d+ bytes, which .* had acknowledged and not answered" + ("; the answer" if late else "$")
    judge("conn-app-timeout", "warning", "likely", words, where=["client"])
    judge("conn-client-gave-up", "warning", "likely", words, where=["server"])


def test_slow_peer(net, judge, family):
    """An answer after 1.2 s; the client waits for it."""
    def serve(sock):
        time.sleep(1.2)  # this is the fault
        sock.sendall(ANSWER)
    net.capture()
    slow = Slow(net, family, serve)
    net.curl("--max-time", "20", net.url(family, "", slow.port))
    slow.join()
    closed(net)
    judge("conn-slow-peer", "warning", "likely", r"spoke 1\.2\d* s after its host had acknowledged the client.s last word")


def test_answered_in_time(net, judge, family):
    """The nearest miss of the three: a quarter of the wait."""
    def serve(sock):
        time.sleep(0.3)
        sock.sendall(ANSWER)
    net.capture()
    slow = Slow(net, family, serve)
    net.curl("--max-time", "20", net.url(family, "", slow.port))
    slow.join()
    closed(net)
    judge(NOTHING)


# ---- conn-closed-early ----

@pytest.mark.parametrize("path,severity,words", [
    ("silent", "error", r"without a word, .* after the client's first \d+ bytes"),
    ("proxied", "warning", r"later with HTTP 502, .* after the client's first \d+ bytes"),
], ids=["silent", "proxied"])
def test_closed_early_by_nginx(net, judge, family, path, severity, words):
    """It has no answer, or no backend; the client waits until it closes."""
    net.capture()
    with net.connect(family, 80) as sock:
        sock.sendall(REQUEST.replace(b"kept", path.encode()))
        receive(sock, 100000)
    closed(net)
    judge("conn-closed-early", severity, "likely", words)


@pytest.mark.parametrize("said,severity,confidence,words", [
    (b"", "info", "possible", "without a word$"),  # a port check ends so, too
    (b"-ERR max number of clients reached\r\n", "error", "likely", "later with "),
    (b"421 4.3.2 too many connections\r\n", "error", "likely", "later with "),
], ids=["nothing", "redis", "smtp"])
def test_turned_away(net, judge, family, said, severity, confidence, words):
    """A server that accepts and closes at once, with or without its reason."""
    net.capture()
    near, far = net.pair(family)
    far.sendall(said)
    far.close()
    assert receive(near, len(said) + 1) == said
    near.close()
    closed(net)
    judge("conn-closed-early", severity, confidence, words)


@pytest.mark.parametrize("path", ["missing", "closed"])
def test_answered_and_closed(net, judge, family, path):
    """HTTP 404 is an answer, as 200 is, and who has answered may close."""
    net.capture()
    net.curl(net.url(family, path))
    closed(net)
    judge(NOTHING)


def test_one_way(net, judge, family):
    """A client that only delivers and closes first is owed no answer."""
    net.capture()
    host = net.server.address(family)
    with net.listen(family) as listener:
        popen = net.start(net.client, "nc", "-N", host, str(listener.getsockname()[1]), stdin=subprocess.PIPE)
        popen.stdin.write(b"metric 1\n" * 10)
        popen.stdin.close()
        with listener.accept()[0] as far:
            far.settimeout(PATIENCE_S)
            assert receive(far, 1000) == b"metric 1\n" * 10
    popen.wait(PATIENCE_S)
    closed(net)
    judge(NOTHING)


def test_idle_client_let_go(net, judge, family):
    """A client that says nothing is closed by nginx after client_header_timeout: it was its turn."""
    net.capture()
    sock = net.connect(family, 81)
    receive(sock, 100000)
    sock.close()
    closed(net)
    judge(NOTHING)


# ---- conn-reset-by-peer ----

def test_reset_instead_of_answer(net, judge, family):
    net.capture()
    near, far = net.pair(family)
    near.sendall(REQUEST)
    assert receive(far) == REQUEST
    linger(far)
    far.close()
    with pytest.raises(ConnectionResetError):
        near.recv(1)
    near.close()
    judge("conn-reset-by-peer", "error", "likely", rf"reset the connection instead of an answer, .* after the client's last {len(REQUEST)} bytes")


def test_killed_download(net, judge, family):
    """Its kernel resets for what the killed client had not read. All that was sent had arrived, so it is an info."""
    client, _ = net.capture()
    popen = net.start(net.client, "curl", "-s", "--limit-rate", "1000", "-o", "/dev/null", net.url(family, "large"))
    client.wait(lambda packet: packet.sport == 80 and packet.payload > 1000, 2)
    popen.send_signal(signal.SIGKILL)
    popen.wait(PATIENCE_S)
    client.wait(is_reset)
    judge("conn-reset-by-peer", "info", "likely", r"reset the connection .* after the last data")


def test_health_check(net, judge, family):
    """Connects and resets at once: that is all it wanted to know."""
    net.capture()
    near, far = net.pair(family)
    linger(near)
    near.close()
    with pytest.raises(ConnectionResetError):
        far.recv(1)
    far.close()
    judge(NOTHING)


# ---- conn-idle-dropped, conn-silent ----

def idle(net, family):
    """A connection with a question and an answer, then silent for long-idle=1."""
    near, far = net.pair(family)
    exchange(near, far)
    time.sleep(1.3)  # the idle time is the fault
    return near, far


def test_idle_reset(net, judge, family):
    """The router forgets the idle connection and refuses what comes for it."""
    net.capture()
    near, far = idle(net, family)
    net.nft(f"tcp dport {near.getpeername()[1]} reject with tcp reset")
    near.sendall(REQUEST)
    with pytest.raises(ConnectionResetError):
        near.recv(1)
    judge("conn-idle-dropped", "error", "possible", r"spoke after a silence of 1\.\d+ s and was reset as if there were no such connection",
          where=["client"], args=["--set", "long-idle=1"])
    goodbye(near, far)


def test_idle_dropped(net, judge, family):
    """The same, and it drops silently."""
    client, _ = net.capture()
    near, far = idle(net, family)
    port = near.getpeername()[1]
    net.nft(f"tcp dport {port} drop")
    near.sendall(REQUEST)
    client.wait(lambda packet: packet.dport == port and packet.payload, 5)
    judge("conn-idle-dropped", "error", "possible", r"spoke after a silence of 1\.\d+ s and heard nothing, though it sent that again \d times",
          where=["client"], args=["--set", "long-idle=1"])
    goodbye(near, far)


def test_idle_kept(net, judge, family):
    """Nothing on the way forgets it."""
    net.capture()
    near, far = idle(net, family)
    exchange(near, far)
    goodbye(near, far)
    closed(net)
    judge(NOTHING, args=["--set", "long-idle=1"])


def test_silent(net, judge, family):
    """Both wait for the other's first word; nothing is told where the silence is shorter than the threshold."""
    net.capture()
    near, far = net.pair(family)
    time.sleep(1.2)  # the silence is the fault
    goodbye(near, far)
    closed(net)
    judge("conn-silent", "warning", "likely", r"neither side said a word for 1\.\d+ s", args=["--set", "silence=1"])
    judge(NOTHING)


# ---- conn-mtu-blackhole ----

@pytest.mark.parametrize("family,offload,path,confidence,words", [
    (4, True, "100k", "possible", "; it was the first large one, and .*, heard right before it, is silent since"), (6, False, "100k", "possible", "; it was the first large one, and .*, heard right before it, is silent since"),
    (6, True, "3k", "likely", ", while smaller ones behind it did"), (4, False, "3k", "likely", ", while smaller ones behind it did"),
])
def test_mtu_blackhole(net, judge, family, offload, path, confidence, words):
    """A narrow link behind the router, whose ICMP message is filtered. On its far side large ones are never seen."""
    net.narrow(offload)
    net.nft("icmp type destination-unreachable drop", "icmpv6 type packet-too-big drop", chain="output")
    _, server = net.capture()
    popen = net.start(net.client, "curl", "-s", "-o", "/dev/null", net.url(family, path))
    server.wait(lambda packet: packet.sport == 80 and packet.payload and packet.seq == first_data(server), 5)
    judge("conn-mtu-blackhole", "error", confidence, rf":80 sent a segment of 14\d\d bytes again \d times and it never arrived{words}",
          where=["server"])
    if path == "3k":  # what stands behind the hole came: the receiver can tell
        # likely where the server was heard a second later, which is a matter of its time-outs
        judge("conn-mtu-blackhole", "error", "likely|possible", r"bytes of .*:80 never arrived in \d.* s, though what stands behind them did",
              where=["client"])
    else:
        judge(NOTHING, where=["client"])
    popen.kill()


def first_data(capture):
    return next((packet.seq for packet in capture.packets() if packet.sport == 80 and packet.payload), None)


def test_mtu_discovered(net, judge, family):
    """The message passes, the sender shortens its segments."""
    net.narrow(True)
    net.capture()
    net.curl(net.url(family, "100k"))
    closed(net)
    judge(NOTHING)


# ---- accept-unfinished ----

@pytest.mark.parametrize("where", ["client", "server"])
def test_unfinished(net, judge, family, where):
    """The SYN/ACK is lost on the way: beyond that place nothing answers, before it nobody finishes."""
    net.capture()
    net.curl(net.url(family, "closed"))  # so that the capture shows packets to the client, too
    net.nft("tcp sport 80 tcp flags & (syn | ack) == syn | ack drop")
    net.start(net.client, "curl", "-s", "--connect-timeout", "4.5", net.url(family, "")).wait(PATIENCE_S)
    if where == "server":
        judge("accept-unfinished", "warning", "likely", r":80 answered the SYN with \d SYN/ACKs in .* acknowledged none of them",
              where=["server"])
    else:
        judge("connect-no-answer", "error", "likely", "no answer", where=["client"])


# ---- conn-keepalive-timeout, conn-timed-out ----

def probing(net, family):
    near, far = net.pair(family)
    for option, value in ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1), (socket.TCP_KEEPCNT, 3)):
        near.setsockopt(socket.IPPROTO_TCP, option, value)
    exchange(near, far)
    near.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return near, far


@pytest.mark.parametrize("family", [4])
def test_keepalive_timeout(net, judge, family):
    net.capture()
    near, far = probing(net, family)
    net.nft(f"tcp dport {near.getpeername()[1]} drop")
    with pytest.raises(TimeoutError):
        near.recv(1)
    judge("conn-keepalive-timeout", "error", "likely", r"3 keep-alives of .* got no answer in [23]\.\d+ s; nothing was heard", where=["client"])
    goodbye(near, far)


@pytest.mark.parametrize("family", [6])
def test_keepalive_answered(net, judge, family):
    client, _ = net.capture()
    near, far = probing(net, family)
    port = near.getpeername()[1]
    client.wait(lambda packet: packet.sport == port and not packet.payload, 5)  # SYN/ACK, ACK, three of keep-alives
    goodbye(near, far)
    closed(net)
    judge(NOTHING)


@pytest.mark.parametrize("family", [6])
def test_timed_out(net, judge, family):
    net.capture()
    near, far = net.pair(family)
    exchange(near, far)
    near.setsockopt(socket.IPPROTO_TCP, 18, 2500)  # TCP_USER_TIMEOUT
    net.nft(f"tcp dport {near.getpeername()[1]} drop")
    near.sendall(REQUEST)
    with pytest.raises(TimeoutError):
        near.recv(1)
    judge("conn-timed-out", "error", "likely", rf"{len(REQUEST)} bytes of .* were sent again [34] times in .* and never acknowledged", where=["client"])
    goodbye(near, far)


def test_not_taken(net, judge, family):
    """The accept queue has filled between a SYN and its ACK: the server ignores what comes, and repeats its SYN/ACK."""
    net.capture()
    with net.listen(family) as listener:
        listener.listen(0)
        port = listener.getsockname()[1]
        net.nft(f"tcp dport {port} tcp flags & (syn | ack) == ack drop")
        late = net.connect(family, port)
        net.heal()
        first = net.connect(family, port)
        late.setsockopt(socket.IPPROTO_TCP, 18, 2500)  # TCP_USER_TIMEOUT
        late.sendall(REQUEST)
        with pytest.raises(TimeoutError):
            late.recv(1)
        with listener.accept()[0] as far:
            exchange(first, far)
    judge("conn-timed-out", "error", "likely", rf"{len(REQUEST)} bytes of .* never acknowledged; all that .*:{port} sent .* is its SYN/ACK")
    goodbye(first, late)


@pytest.mark.parametrize("family", [4])
def test_drop_heals(net, judge, family):
    """Lost twice, then it arrives."""
    client, _ = net.capture()
    near, far = net.pair(family)
    exchange(near, far)
    port = near.getpeername()[1]
    net.nft(f"tcp dport {port} drop")
    near.sendall(REQUEST)
    client.wait(lambda packet: packet.dport == port and packet.payload, 4)
    net.heal()
    assert receive(far) == REQUEST
    far.sendall(ANSWER)
    assert receive(near) == ANSWER
    goodbye(near, far)
    closed(net)
    judge(NOTHING)


# ---- conn-peer-window-zero ----

@pytest.mark.parametrize("reads", [False, True], ids=["stalls", "reads"])
def test_window(net, judge, family, reads):
    """A server that reads nothing for more than a second, and one that reads at once."""
    _, server = net.capture()
    near, far = net.pair(family)
    data = bytes(4_000_000)
    sender = threading.Thread(target=near.sendall, args=(data,))
    sender.start()
    if not reads:
        port = near.getpeername()[1]
        server.wait(lambda packet: packet.sport == port and packet.window == 0)
        time.sleep(1.2)  # not reading is the fault
    assert len(receive(far, len(data))) == len(data)
    sender.join()
    far.sendall(b"done")
    assert receive(near) == b"done"
    goodbye(near, far)
    closed(net)
    if reads:
        judge(NOTHING)
    else:
        judge("conn-peer-window-zero", "warning", "certain", r"had no room for data of .* for 1\.\d+ s in all")


# ---- conn-loss; conn-reordered is told of real captures and replays only: disorder that queues make here looks like loss, too ----

@pytest.mark.parametrize("loses", [True, False], ids=["loses", "passes"])
def test_loss(net, judge, family, loses):
    """Every twelfth packet of a download is lost; without offload a packet is a segment, and half a millisecond long."""
    net.wide(False)
    net.slow_queue("tcp sport 80")
    net.capture()
    if loses:
        net.nft("tcp sport 80 numgen inc mod 12 6 drop")
    net.curl("--max-time", "25", net.url(family, "100k"), net.url(family, "100k"))
    net.heal()
    closed(net)
    if loses:
        judge("conn-loss", "warning", "likely", r"\d+ of \d+ segments \(\d+\.\d %\) of .*:80 were sent again")
    else:
        judge(NOTHING)


# ---- nothing is wrong ----

@pytest.mark.parametrize("args", [
    ["http"], ["https", "--tls-max", "1.2", "--http1.1"], ["https", "--http1.1"], ["https", "--http2"],
], ids=lambda args: "".join(args))
def test_healthy_curl(net, judge, family, args):
    """A kept connection with several answers, one of them large."""
    net.capture()
    paths = [net.url(family, path, 443 if args[0] == "https" else 80, args[0]) for path in ("small", "100k", "kept", "large", "small")]
    net.curl(*args[1:], *paths)
    closed(net)
    judge(NOTHING)


def test_healthy_many(net, judge, family):
    """50 short connections."""
    client, _ = net.capture()
    for _ in range(50):
        with net.connect(family, 80) as sock:
            sock.sendall(LAST_REQUEST)
            assert receive(sock, 100000).endswith(b"kept\n")
    client.wait(lambda packet: packet.flags & FIN, 100)
    judge(NOTHING)


def test_healthy_dns(net, judge, family):
    """dnsmasq over TCP: a question of two bytes and its message, and the answer."""
    host = net.server.address(family)
    net.start(net.server, "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-hosts", "--no-resolv", "--port=5353",
              "--pid-file=", "--user=root", "--address=/test.example/192.0.2.1")
    while not net.server.run("ss -Hltn 'sport = :5353'").strip():
        pass
    net.capture()
    query = struct.pack("!6H", 7, 0x100, 1, 0, 0, 0) + b"\4test\7example\0" + struct.pack("!2H", 1, 1)
    with net.connect(family, 5353) as sock:
        sock.sendall(struct.pack("!H", len(query)) + query)
        assert receive(sock, 2 + len(query)).endswith(bytes([192, 0, 2, 1])), host
    closed(net)
    judge(NOTHING)


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_healthy_goodbye(net, judge, family, version):
    """openssl s_client sends its close_notify first."""
    net.capture()
    host = net.server.address(family)
    popen = net.start(net.client, "openssl", "s_client", version, "-connect", f"{f'[{host}]' if family == 6 else host}:443",
                      stdin=subprocess.PIPE)
    popen.stdin.write(b"Q\n")
    popen.stdin.close()
    popen.wait(PATIENCE_S)
    closed(net)
    judge(NOTHING)
