# SPDX-License-Identifier: GPL-2.0-or-later
"""TLS handshakes as fast as one client and one server can.

shake.py serve ADDRESS PORT CPU            takes handshakes until standard input ends
shake.py shake ADDRESS PORT CPU MS         makes them; prints what load.c prints
"""

import json
import os
import pathlib
import resource
import select
import socket
import ssl
import subprocess
import sys
import tempfile
import time


def cpu_us():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return round((used.ru_utime + used.ru_stime) * 1e6)


def server_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        key, certificate = pathlib.Path(folder, "key"), pathlib.Path(folder, "certificate")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=bench.test",
                        "-days", "2", "-keyout", key, "-out", certificate], check=True, stderr=subprocess.DEVNULL)
        context.load_cert_chain(certificate, key)
    return context


def serve(address, port):
    context = server_context()
    with socket.create_server((address, port), backlog=4096) as listener:
        print("ready", flush=True)
        while sys.stdin not in (readable := select.select([sys.stdin, listener], [], [])[0]):
            if listener not in readable:
                continue
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with context.wrap_socket(connection, server_side=True) as secure:
                secure.sendall(secure.recv(1))
                secure.recv(1)  # the client ends it
    print(json.dumps({"cpu_us": cpu_us()}), flush=True)


def shake(address, port, seconds):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    start, rounds = time.monotonic(), 0
    while time.monotonic() < start + seconds:
        connection = socket.create_connection((address, port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with context.wrap_socket(connection, server_hostname="bench.test") as secure:
            secure.sendall(b"x")
            assert secure.recv(1) == b"x"
        rounds += 1
    print(json.dumps({"per_second": rounds / (time.monotonic() - start), "count": rounds, "cpu_us": cpu_us()}), flush=True)


if __name__ == "__main__":
    os.sched_setaffinity(0, {int(sys.argv[4])})
    if sys.argv[1] == "serve":
        serve(sys.argv[2], int(sys.argv[3]))
    else:
        shake(sys.argv[2], int(sys.argv[3]), int(sys.argv[5]) / 1e3)
