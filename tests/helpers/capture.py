# SPDX-License-Identifier: GPL-2.0-or-later
"""tcpdump in a namespace; what it writes is read as it comes, so that packets and its end can be awaited."""

import struct
import subprocess
import threading
from typing import NamedTuple

from lab import PATIENCE_S

FIN, SYN, RST, ACK = 1, 2, 4, 16


class Packet(NamedTuple):
    """A TCP segment."""
    sport: int
    dport: int
    seq: int
    ack: int
    flags: int
    payload: int
    window: int


def tcp_of(frame):
    """The TCP segment in an Ethernet frame, or None."""
    kind, ip = int.from_bytes(frame[12:14], "big"), frame[14:]
    if kind == 0x0800 and ip[9] == 6:
        tcp, size = ip[(ip[0] & 15) * 4:], int.from_bytes(ip[2:4], "big") - (ip[0] & 15) * 4
    elif kind == 0x86DD and ip[6] == 6:
        tcp, size = ip[40:], int.from_bytes(ip[4:6], "big")
    else:
        return None
    sport, dport, seq, ack, offset, flags, window = struct.unpack_from("!HHIIBBH", tcp)
    return Packet(sport, dport, seq, ack, flags, size - (offset >> 4) * 4, window)


class Capture:
    """Capturing from the constructor's end on, into `path`."""

    def __init__(self, lab, ns, name, *args):
        self.path, self.ns = lab.dir / f"{name}.pcap", ns
        self.data, self.changed = bytearray(), threading.Condition()
        self.tcp, self.at = [], 24  # segments, and up to where they were looked for
        # each packet takes a place of the snapshot's size, 256 KiB: by default there are eight, and a busy machine loses some
        self.popen = subprocess.Popen(ns.command("tcpdump", "-i", ns.device, "--immediate-mode", "-U", "-n", "-B", "32768", "-w", "-",
                                                 *args), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        lab.processes.append(self)
        line = self.popen.stderr.readline()
        assert b"listening on" in line, line
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        while got := self.popen.stdout.read1(65536):
            with self.changed:
                self.data += got
                self.changed.notify_all()

    def packets(self):
        """The TCP segments that were captured so far."""
        while self.at + 16 <= len(self.data):
            end = self.at + 16 + struct.unpack_from("=I", self.data, self.at + 8)[0]
            if end > len(self.data):
                break
            self.tcp.append(tcp_of(self.data[self.at + 16:end]))
            self.at = end
        return [packet for packet in self.tcp if packet]

    def wait(self, what, count=1):
        """Until so many segments were captured of which `what` is true."""
        with self.changed:
            assert self.changed.wait_for(lambda: len([1 for packet in self.packets() if what(packet)]) >= count, PATIENCE_S), self.packets()[-20:]

    def stop(self, mark, send):
        """Ends when the datagram with this text was captured; it is sent again where the first got no address."""
        for _ in range(PATIENCE_S // 2):
            send()
            with self.changed:
                if self.changed.wait_for(lambda: mark.encode() in self.data, 2):
                    break
        else:
            raise AssertionError(f"the mark was not captured; tcpdump ended with {self.popen.poll()}")
        self.close()
        self.path.write_bytes(self.data)
        return self.path

    def close(self):
        if self.popen.poll() is None:
            self.popen.terminate()
        self.popen.wait(PATIENCE_S)
        self.reader.join(PATIENCE_S)
        self.popen.stdout.close()
        self.popen.stderr.close()
