# SPDX-License-Identifier: GPL-2.0-or-later
"""One end, or both ends, of TCP connections that do exactly what a test says, step by step.

Reads one JSON command a line from standard input and answers each with one JSON line when it is done; it ends with
standard input. Sockets have the names that the commands give them.

    {"do": "listen", "name", "address", "port"}            {"do": "accept", "name", "as"}
    {"do": "connect", "name", "address", "port"}           answers {"port"} or {"errno"}; with "wait": false at once
    {"do": "send", "name", "bytes"}                        {"do": "receive", "name", "bytes"}: exactly so many
    {"do": "end", "name"}: reads until the peer closes     {"do": "close", "name"}   {"do": "reset", "name"}
    {"do": "option", "name", "level", "option", "value"}   {"do": "error", "name"}: waits for it, answers {"errno"}
"""

import errno
import json
import select
import socket
import struct
import sys

sockets = {}


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def listen(name, address, port):
    sock = socket.socket(family(address))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((address, port))
    sock.listen(100)
    sockets[name] = sock


def accept(name, **more):
    sockets[more["as"]], there = sockets[name].accept()
    return {"port": there[1]}


def connect(name, address, port, wait=True):
    sock = sockets[name] = sockets.get(name) or socket.socket(family(address))
    sock.setblocking(wait)
    err = sock.connect_ex((address, port))
    if err and err != errno.EINPROGRESS:
        return {"errno": errno.errorcode[err]}
    return {"port": sock.getsockname()[1]}


def socket_for(name, address):
    sockets[name] = socket.socket(family(address))


def send(name, **more):
    sockets[name].sendall(b"x" * more["bytes"])


def receive(name, **more):
    left = more["bytes"]
    while left:
        got = len(sockets[name].recv(min(left, 65536)))
        assert got, f"{name}: closed with {left} bytes missing"
        left -= got


def end(name):
    while sockets[name].recv(65536):
        pass


def error(name):
    """An error that the kernel reports: at once or when a time-out has passed."""
    poll = select.poll()
    poll.register(sockets[name], 0)
    poll.poll(30000)
    return {"errno": errno.errorcode.get(sockets[name].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), "none")}


def close(name):
    sockets.pop(name).close()


def reset(name):
    sockets[name].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    close(name)


def option(name, level, option, value):
    sockets[name].setsockopt(level, option, value)


COMMANDS = {"listen": listen, "accept": accept, "connect": connect, "send": send, "receive": receive, "end": end,
            "close": close, "reset": reset, "option": option, "error": error, "socket": socket_for}


def main():
    for line in sys.stdin:
        command = json.loads(line)
        answer = COMMANDS[command.pop("do")](**command)
        print(json.dumps(answer or {}), flush=True)


main()
