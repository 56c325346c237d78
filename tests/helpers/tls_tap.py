# SPDX-License-Identifier: GPL-2.0-or-later
"""Real TLS programs talk through a tap on loopback; what they said, and when who closed, becomes a capture."""

import select
import socket
import struct
import subprocess
import threading
import time

START = 1795170667  # 2026-11-20T10:31:07Z
FLAGS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16}
PORTS = (40000, 443)


class Tap:
    """Passes one connection on to a server and keeps what passes: (seconds, from_server, bytes or "F" or "R")."""

    def __init__(self, server):
        self.server, self.said = server, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        client, _ = self.listener.accept()
        self.listener.close()
        server = socket.create_connection(self.server)
        ends, open_ends, began = [client, server], [client, server], time.monotonic()
        while open_ends:
            # what both said lies in order only if one is asked after the other
            for end in select.select(open_ends, [], [], 20)[0]:
                other = ends[1 - ends.index(end)]
                try:
                    data = end.recv(65536)
                except ConnectionResetError:
                    data = None
                self.said.append((time.monotonic() - began, end is server, data or ("F" if data == b"" else "R")))
                if not self._pass(data, other):
                    open_ends.remove(end)
                if data is None:
                    open_ends = []
        for end in ends:
            end.close()

    @staticmethod
    def _pass(data, other):
        """False: nothing more comes from that end."""
        try:
            if data is None:
                other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif data:
                other.sendall(data)
            else:
                other.shutdown(socket.SHUT_WR)
        except OSError:  # it is gone: what it says about that is still read
            pass
        return bool(data)

    def finish(self):
        self.thread.join(20)
        assert not self.thread.is_alive(), self.said
        return self.said


class Pcap:
    """The segments of one connection: handshake, what was said in pieces of mss, each acknowledged at once."""

    def __init__(self, ipv6=False, snaplen=65535):
        self.ipv6, self.snaplen, self.seq, self.ident = ipv6, snaplen, [1000, 9000], 0
        self.out = struct.pack("<IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, snaplen, 101)

    def packet(self, at, side, flags, payload=b""):
        ports = PORTS[::-1] if side else PORTS
        ack = self.seq[1 - side] if "A" in flags else 0
        tcp = struct.pack(">HHIIBBHHH", *ports, self.seq[side], ack, 0x50, sum(FLAGS[f] for f in flags), 64240, 0, 0)
        self.ident += 1
        if self.ipv6:
            ends = [b"\xfd" + bytes(14) + bytes([last]) for last in ((2, 1) if side else (1, 2))]
            ip = struct.pack(">IHBB", 6 << 28, 20 + len(payload), 6, 64) + b"".join(ends)
        else:
            ends = [bytes((10, 0, 0, last)) for last in ((2, 1) if side else (1, 2))]
            ip = struct.pack(">BBHHHBBH", 0x45, 0, 40 + len(payload), self.ident, 0x4000, 64, 6, 0) + b"".join(ends)
        frame, ns = ip + tcp + payload, int((START + at) * 10**9)
        self.out += struct.pack("<IIII", ns // 10**9, ns % 10**9, min(len(frame), self.snaplen), len(frame))
        self.out += frame[:self.snaplen]
        self.seq[side] += len(payload) + ("S" in flags) + ("F" in flags)

    def connection(self, said, mss=1400, acked=True):
        self.packet(0, 0, "S")
        self.packet(.0001, 1, "SA")
        self.packet(.0002, 0, "A")
        for at, side, what in said:
            at += .001
            for begin in range(0, len(what), mss) if isinstance(what, bytes) else ():
                self.packet(at, side, "PA", what[begin:begin + mss])
                if acked:
                    self.packet(at + .00001, 1 - side, "A")
                at += .00002
            if what == "F":
                self.packet(at, side, "FA")
                self.packet(at + .00001, 1 - side, "A")
            elif what == "R":
                self.packet(at, side, "RA")
        return self


def openssl(*args, folder, stdin=subprocess.DEVNULL):
    done = subprocess.run(["openssl", *map(str, args)], cwd=folder, stdin=stdin, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=30, check=False)
    return done.stdout.decode(errors="replace")


class Server:
    """openssl s_server on a port of its own choice."""

    def __init__(self, folder, *args):
        self.process = subprocess.Popen(
            ["openssl", "s_server", "-accept", "127.0.0.1:0", *map(str, args)], cwd=folder, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for line in self.process.stdout:
            if line.startswith(b"ACCEPT "):
                self.address = ("127.0.0.1", int(line.rsplit(b":", 1)[1]))
                return
        raise AssertionError("s_server ended")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()
