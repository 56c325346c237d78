# SPDX-License-Identifier: GPL-2.0-or-later
"""One end, or both ends, of connections that do exactly what a test says, step by step.

Reads one JSON command a line from standard input and answers each with one JSON line when it is done; it ends with
standard input. {"do": VERB, PARAMETER: VALUE, …} or {"do": VERB, "words": ["VALUE", …, "PARAMETER=VALUE", …]}. Sockets have
the names that the commands give them. The answer's "result" is ok, the name of an errno, or what the verb says. What is not
given is the address and the port of the scene, the listener "l", the connection "c" and the datagram socket "u".

A name server is one of the verbs: see names.py. Needs nothing but Python, so that it runs on a small machine, too.
"""

import errno
import inspect
import json
import os
import pathlib
import select
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

import names as name_server

scene = {"address": None, "port": None}
sockets, started, kept, sessions = {}, [], [], {}


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def place(address, port):
    return address or scene["address"], scene["port"] if port is None else port


def setting(address, port):
    """Address and port of the scene: what is meant when a command does not say."""
    scene.update(address=address, port=port)


# ---- TCP ----

def listen(name="l", address=None, port=None, backlog=100):
    address, port = place(address, port)
    sock = socket.socket(family(address))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sockets[name] = sock
    sock.bind((address, port))
    sock.listen(backlog)


def claim(name="l", address=None, port=None):
    """A port without SO_REUSEADDR, and without a listen()."""
    address, port = place(address, port)
    sockets[name] = socket.socket(family(address))
    sockets[name].bind((address, port))


def accept(name="l", **more):
    sockets[more.get("as", "c")], there = sockets[name].accept()
    return {"port": there[1]}


def connect(name="c", address=None, port=None, wait=True, timeout=None):
    """With a time-out it gives up after so many seconds and closes."""
    address, port = place(address, port)
    sock = sockets[name] = sockets.get(name) or socket.socket(family(address))
    sock.setblocking(wait)
    sock.settimeout(timeout if timeout else None if wait else 0)
    try:
        err = sock.connect_ex((address, port))
    except TimeoutError:
        err = errno.EAGAIN
    if timeout and err == errno.EAGAIN:
        close(name)
        return {"result": "timeout"}
    if err and err != errno.EINPROGRESS:
        return {"errno": errno.errorcode[err], "result": errno.errorcode[err]}
    return {"port": sock.getsockname()[1], "operations": 1}


def visit(host, port=None, timeout=None):
    """As create_connection() does: a lookup, then every address in turn until one works."""
    sockets["c"] = socket.create_connection((host, place(None, port)[1]), timeout)
    return {"operations": 1}


def socket_for(name="c", address=None):
    sockets[name] = socket.socket(family(place(address, None)[0]))


def send(what=None, name="c", **more):
    """So many bytes, or a text in which \\r and \\n are written so."""
    what = more.get("bytes", what)
    data = b"x" * what if isinstance(what, int) else what.encode().decode("unicode_escape").encode("latin-1")
    sockets[name].sendall(data)


def assure(bytes, name="c"):  # pylint: disable=redefined-builtin
    """Sends so many bytes, and the other host has acknowledged them: the kernel tells the time of that (SO_TIMESTAMPING)."""
    sock, stamps, ack, software = sockets[name], 37, 1 << 9, 1 << 4
    sock.setsockopt(socket.SOL_SOCKET, stamps, ack | software)
    sock.sendall(b"x" * bytes)
    poll = select.poll()
    poll.register(sock, 0)
    assert poll.poll(30000), "not acknowledged within 30 s"
    sock.recvmsg(65536, 1024, socket.MSG_ERRQUEUE)
    sock.setsockopt(socket.SOL_SOCKET, stamps, 0)


def receive(bytes=None, name="c", timeout=None):  # pylint: disable=redefined-builtin
    """Exactly so many bytes; without a number whatever comes first. result: ok, end, timeout or an errno."""
    sock, left = sockets[name], bytes or 1
    sock.settimeout(timeout)
    try:
        while left > 0:
            got = len(sock.recv(min(left, 65536) if bytes else 65536))
            if not got:
                return {"result": "end", "missing": left}
            left -= got
    finally:
        sock.settimeout(None)
    return None


def request(bytes, timeout, name="c"):  # pylint: disable=redefined-builtin
    """Says so much, waits so long for the first byte of an answer, and closes when none came, all without a pause."""
    sockets[name].sendall(b"x" * bytes)
    try:
        return receive(None, name, timeout)
    except TimeoutError:
        close(name)
        raise


def end(name="c"):
    while sockets[name].recv(65536):
        pass


def fill(name="c", still=0.5):
    """Sends until nothing more fits, and nothing more has for so many seconds: the other host has no room left, either."""
    sock = sockets[name]
    sock.setblocking(False)
    sent = 0
    while select.select([], [sock], [], still)[1]:
        try:
            sent += sock.send(b"x" * 65536)
        except BlockingIOError:
            pass
    sock.setblocking(True)
    return {"bytes": sent}


def trade(bytes, name="c"):  # pylint: disable=redefined-builtin
    """Sends so many and receives so many, both at once."""
    sender = threading.Thread(target=send, args=(bytes, name), daemon=True)
    sender.start()
    told = receive(bytes, name)
    sender.join()
    return told


def error(name="c"):
    """An error that the kernel reports: at once or when a time-out has passed."""
    poll = select.poll()
    poll.register(sockets[name], 0)
    poll.poll(30000)
    err = errno.errorcode.get(sockets[name].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), "none")
    return {"errno": err, "result": err}


def close(name="c"):
    sockets.pop(name).close()


def reset(name="c"):
    sockets[name].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    close(name)


def shutdown(name="c"):
    sockets[name].shutdown(socket.SHUT_WR)


def option(level, option, value, name="c"):  # pylint: disable=redefined-outer-name
    """Numbers, or names of the socket module."""
    level, option = (getattr(socket, word) if isinstance(word, str) else word for word in (level, option))
    sockets[name].setsockopt(level, option, value)


def rounds(count, bytes=100, name="c", pause=0):  # pylint: disable=redefined-builtin,redefined-outer-name
    """So many requests of so many bytes, each answered by as many."""
    for _ in range(count):
        sockets[name].sendall(b"x" * bytes)
        receive(bytes, name)
        select.select([], [], [], pause)
    return {"operations": count}


def echo(name="c"):
    """Sends back what comes until the other side has ended."""
    while data := sockets[name].recv(65536):
        sockets[name].sendall(data)


def again(count, bytes=100, how="close", address=None, port=None, pause=0):  # pylint: disable=redefined-builtin,redefined-outer-name
    """So many connections one after the other, each with one exchange: ended by close or reset."""
    for _ in range(count):
        connect("again", address, port)
        if bytes:
            rounds(1, bytes, "again")
        (reset if how == "reset" else close)("again")
        select.select([], [], [], pause)
    return {"operations": count}


def serve(name="l", mode="echo"):
    """From now on in the background: every connection is echoed, closed at once, or kept."""
    threading.Thread(target=serve_all, args=(sockets[name], mode), daemon=True).start()


def serve_all(listener, mode):
    while True:
        try:
            conn, _ = listener.accept()
        except OSError as fault:
            if fault.errno != errno.EMFILE:
                return
            select.select([], [], [], 0.05)
            continue
        if mode == "close":
            conn.close()
        elif mode == "keep":
            kept.append(conn)
        else:
            threading.Thread(target=serve_echo, args=(conn,), daemon=True).start()


def serve_echo(conn):
    with conn:
        try:
            while data := conn.recv(65536):
                conn.sendall(data)
        except OSError:
            pass


# ---- datagrams ----

def bind(name="u", address=None, port=None):
    address, port = place(address, port)
    sockets[name] = socket.socket(family(address), socket.SOCK_DGRAM)
    sockets[name].bind((address, port))


def ask(bytes=40, name="u", address=None, port=None, count=1, pause=0, connected=True):  # pylint: disable=redefined-builtin,redefined-outer-name
    """Sends datagrams from a socket that is made when it is not there yet."""
    address, port = place(address, port)
    if name not in sockets:
        sockets[name] = socket.socket(family(address), socket.SOCK_DGRAM)
        if connected:
            sockets[name].connect((address, port))
    for _ in range(count):
        if connected:
            sockets[name].send(b"x" * bytes)
        else:
            sockets[name].sendto(b"x" * bytes, (address, port))
        select.select([], [], [], pause)
    return {"operations": count}


def hear(name="u", timeout=1.0, answer=0, via=None, room=65536):
    """Waits for a datagram; answers it with so many bytes, from another socket when told so."""
    sock = sockets[name]
    sock.settimeout(timeout)
    _, there = sock.recvfrom(room)
    if answer:
        sockets[via or name].sendto(b"x" * answer, there)


# ---- lookups ----

def lookup(name, family="any", times=1):  # pylint: disable=redefined-outer-name
    """getaddrinfo(): ok, or the name of its error."""
    which = {"any": 0, 4: socket.AF_INET, 6: socket.AF_INET6}[family]
    try:
        for _ in range(times):
            socket.getaddrinfo(name, 80, which, socket.SOCK_STREAM)
    except socket.gaierror as fault:
        return {"result": next((k for k in dir(socket) if k.startswith("EAI_") and getattr(socket, k) == fault.errno), "?")}
    return {"operations": times}


def names(address=None, port=53, tcp=True):
    """A name server from now on; what it answers is in the name that is asked."""
    name_server.start(address or scene["address"], port, tcp)


# ---- TLS ----

def hello(host="example.test", name="c", versions="1.2"):
    """A ClientHello and nothing else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if versions == "1.2":
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    sessions[name] = context.wrap_bio(incoming, outgoing, server_hostname=host)
    try:
        sessions[name].do_handshake()
    except ssl.SSLWantReadError:
        pass
    sockets[name].sendall(outgoing.read())


def secure(host="example.test", name="c", trust=None, ciphers=None, least=None, most=None, alpn=None, mute=False):
    """The TLS handshake of a client; it trusts everybody unless it is given a file. result: ok, or OpenSSL's reason.
    mute: what it does not like it closes without a word, as Node's clients do."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if trust:
        context.load_verify_locations(trust)
    else:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if mute:
        return mute_handshake(context, name, host)
    return handshake(context, name, ciphers, least, most, alpn, server_hostname=host)


def mute_handshake(context, name, host):
    """Says what OpenSSL has to say until it fails, and no alert."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = sessions[name] = context.wrap_bio(incoming, outgoing, server_hostname=host)
    while True:
        try:
            session.do_handshake()
            sockets[name].sendall(outgoing.read())
            return None
        except ssl.SSLWantReadError:
            sockets[name].sendall(outgoing.read())
        except ssl.SSLError as fault:
            close(name)
            return {"result": fault.reason or "end"}
        data = sockets[name].recv(65536)
        if not data:
            return {"result": "end"}
        incoming.write(data)


def secured(cert, name="c", ciphers=None, least=None, most=None, alpn=None, ask_client=False):
    """The TLS handshake of a server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert)
    if ask_client:
        context.load_verify_locations(cert)
        context.verify_mode = ssl.CERT_REQUIRED
    return handshake(context, name, ciphers, least, most, alpn, server_side=True)


def handshake(context, name, ciphers, least, most, alpn, **how):
    if ciphers:
        context.set_ciphers(ciphers)
    if least:
        context.minimum_version = getattr(ssl.TLSVersion, f"TLSv{str(least).replace('.', '_')}")
    if most:
        context.maximum_version = getattr(ssl.TLSVersion, f"TLSv{str(most).replace('.', '_')}")
    if alpn:
        context.set_alpn_protocols(alpn.split(","))
    try:
        sockets[name] = context.wrap_socket(sockets[name], **how)
    except ssl.SSLError as fault:
        sockets.pop(name)  # wrap_socket() has closed it
        return {"result": fault.reason or "end"}
    return None


# ---- programs ----

def run(command, timeout=30, times=1):
    """A shell command to its end. result: ok, or its exit status."""
    for _ in range(times):
        done = subprocess.run(["sh", "-c", command], stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False)
        if done.returncode:
            return {"result": str(done.returncode), "said": (done.stdout + done.stderr).decode(errors="replace")[-400:]}
    return {"operations": times}


def start(command, until=None, address=None):
    """A program that goes on until the scene ends; returns when the port is open there, or at every address."""
    proc = subprocess.Popen(["sh", "-c", "exec " + command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, start_new_session=True)
    os.set_blocking(proc.stderr.fileno(), False)
    started.append(proc)
    address, until = place(address, until)
    limit = time.monotonic() + 25
    while until and not port_open(address, until):
        if proc.poll() is not None or time.monotonic() > limit:
            return {"result": "not started", "said": (proc.stderr.read() or b"").decode(errors="replace")[-400:]}
        select.select([], [], [], 0.01)
    return None


def serve_apart(address=None, port=None):
    """A process of its own that echoes every connection, until it is stopped."""
    address, port = place(address, port)
    proc = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    started.append(proc)
    for command in ({"do": "listen", "address": address, "port": port}, {"do": "serve"}):
        proc.stdin.write(json.dumps(command).encode() + b"\n")
        proc.stdin.flush()
        told = json.loads(proc.stdout.readline())
        if told["result"] != "ok":
            return told
    return None


def port_open(address, port):
    wanted = socket.inet_pton(family(address), address)
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for line in pathlib.Path(f"/proc/self/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state = line.split()[:4]
            there, _, number = local.partition(":")
            words = struct.pack(f"<{len(there) // 8}I", *struct.unpack(f">{len(there) // 8}I", bytes.fromhex(there)))
            if int(number, 16) == port and state in ("0A", "07") and words in (wanted, bytes(len(words))):
                return True
    return False


def stop(signum="SIGTERM"):
    """Ends the program started last."""
    proc = started.pop()
    os.killpg(proc.pid, getattr(signal, signum))
    proc.wait(20)


def limit_files(count):
    """No more than so many files from now on, beside those that are open."""
    import resource
    used = max(int(fd) for fd in os.listdir("/proc/self/fd")) + 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + count - 1, used + count - 1))


def pause(seconds):
    """Time is what the fault is made of: an idle connection, a slow answer."""
    select.select([], [], [], seconds)


VERBS = {"setting": setting, "listen": listen, "claim": claim, "accept": accept, "connect": connect, "visit": visit, "socket": socket_for,
         "send": send, "assure": assure, "receive": receive, "request": request, "end": end, "fill": fill, "trade": trade, "error": error, "close": close,
         "reset": reset, "shutdown": shutdown, "option": option, "rounds": rounds, "echo": echo, "again": again, "serve": serve,
         "serve-apart": serve_apart,
         "bind": bind, "ask": ask, "hear": hear, "lookup": lookup, "names": names,
         "hello": hello, "secure": secure, "secured": secured,
         "run": run, "start": start, "stop": stop, "limit-files": limit_files, "pause": pause}


def value(word):
    """A number where it looks like one."""
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            pass
    return {"yes": True, "no": False}.get(word, word)


def bind_words(verb, words):
    """Words in the order of the verb's parameters, and those with a name."""
    parameters = inspect.signature(verb).parameters
    order = iter(parameters)
    given = {}
    for word in words:
        key, equals, rest = word.partition("=")
        if equals and (key in parameters or key == "as"):
            given[key] = value(rest)
        else:
            given[next(order)] = value(word)
    return given


def answer(command):
    verb = VERBS[command.pop("do")]
    words = command.pop("words", None)
    try:
        return {"result": "ok", **(verb(**(command if words is None else bind_words(verb, words))) or {})}
    except TimeoutError:
        return {"result": "timeout"}
    except OSError as fault:
        return {"result": errno.errorcode.get(fault.errno, str(fault))}


def main():
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
    for proc in started:
        if proc.poll() is None:
            os.killpg(proc.pid, signal.SIGKILL)
            proc.wait()


if __name__ == "__main__":
    main()
