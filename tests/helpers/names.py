# SPDX-License-Identifier: GPL-2.0-or-later
"""A name server whose answer is in the name that it is asked: the first label says what happens.

    ok          A and AAAA: the server's own address of either family, as far as it has one
    v4          an address of IPv4 only         v6          of IPv6 only
    nx          NXDOMAIN                        nodata      the name exists, without an address
    servfail, refused, formerr, notimp          that code
    silent      nothing                         half        an answer for A, nothing for AAAA
    once        nothing the first time, then ok
    slowN       ok after N ms                   tc          over UDP truncated, over TCP ok
"""

import heapq
import select
import socket
import struct
import threading
import time

CODES = {"nx": 3, "servfail": 2, "refused": 5, "formerr": 1, "notimp": 4}
A, AAAA = 1, 28


def question(query):
    """(name's first label, type, the end of the question)."""
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode("latin-1"))
        at += 1 + query[at]
    return labels[0].lower(), struct.unpack("!H", query[at + 1:at + 3])[0], at + 5


def reply(query, addresses, over_tcp, seen):
    """(delay in seconds, message), or None."""
    label, kind, end = question(query)
    how = label.rstrip("0123456789") if label.startswith("slow") else label.split("-")[0]
    if how == "silent" or how == "half" and kind == AAAA:
        return None
    if how == "once":
        key = (label, kind)
        seen[key] = seen.get(key, 0) + 1
        if seen[key] == 1:
            return None
    flags, answers = 0x8180 | CODES.get(how, 0), b""
    address = addresses.get(kind)
    if how == "tc" and not over_tcp:
        flags |= 0x0200
    elif address and how not in CODES and how != "nodata" and how != {A: "v6", AAAA: "v4"}.get(kind):
        answers = struct.pack("!HHHIH", 0xC00C, kind, 1, 60, len(address)) + address
    head = query[:2] + struct.pack("!HHHHH", flags, 1, 1 if answers else 0, 0, 0)
    return int(label[4:] or 0) / 1000 if how == "slow" else 0, head + query[12:end] + answers


def serve_datagrams(sock, addresses, seen):
    waiting, order = [], 0
    while True:
        ready, _, _ = select.select([sock], [], [], max(0, waiting[0][0] - time.monotonic()) if waiting else None)
        if ready:
            query, there = sock.recvfrom(65536)
            told = reply(query, addresses, False, seen)
            if told:
                order += 1
                heapq.heappush(waiting, (time.monotonic() + told[0], order, told[1], there))
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, message, there = heapq.heappop(waiting)
            sock.sendto(message, there)


def serve_stream(listener, addresses, seen):
    while True:
        conn, _ = listener.accept()
        threading.Thread(target=serve_one, args=(conn, addresses, seen), daemon=True).start()


def serve_one(conn, addresses, seen):
    with conn:
        while len(head := conn.recv(2)) == 2:
            told = reply(conn.recv(struct.unpack("!H", head)[0]), addresses, True, seen)
            if told:
                time.sleep(told[0])
                conn.sendall(struct.pack("!H", len(told[1])) + told[1])


def start(address, port=53, tcp=True):
    """Serves in threads of its own from now on."""
    kind = socket.AF_INET6 if ":" in address else socket.AF_INET
    addresses, seen = {}, {}
    addresses[AAAA if kind == socket.AF_INET6 else A] = socket.inet_pton(kind, address)
    addresses.setdefault(A, socket.inet_aton("192.0.2.1"))
    addresses.setdefault(AAAA, socket.inet_pton(socket.AF_INET6, "2001:db8::1"))
    sock = socket.socket(kind, socket.SOCK_DGRAM)
    sock.bind((address, port))
    threading.Thread(target=serve_datagrams, args=(sock, addresses, seen), daemon=True).start()
    if tcp:
        listener = socket.create_server((address, port), family=kind)
        threading.Thread(target=serve_stream, args=(listener, addresses, seen), daemon=True).start()
