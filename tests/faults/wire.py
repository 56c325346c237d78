# SPDX-License-Identifier: GPL-2.0-or-later
"""wire.py NAMESPACE DEVICE NAMESPACE DEVICE - a wire between two tap devices that loses, delays and invents packets as told.

What happens to a packet on it no kernel knows. One JSON command a line on standard input, one JSON answer a line:

    {"do": "rule", "id": ID, "action": ACTION, "words": [WORD, …]}    {"do": "met", "id": ID}: how many packets its rules met
    {"do": "heal", "id": ID}: its rules are gone

ACTION is drop, delay, double, unreachable (an ICMP error from the address in at=, of type= and code=), reset (to who sent it,
as if from who was to get it), reset-both. WORDs, all of which a packet must match: to=ADDRESS, from=ADDRESS, tcp, udp, port=PORT
(either), syn, synack, data, ack (without data), fin, rst, longer=BYTES (the IP packet), away, back (the direction). count=N: only the first N,
every=N: only each Nth, after=N: not the first N, ms=N: so long a delay, for action delay; idle=SECONDS: only once the flow
has been silent for so long, and from then on.
"""

import ctypes
import fcntl
import heapq
import json
import os
import select
import struct
import sys
import time

import internet

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 2, 0x1000
CLONE_NEWNET = 0x40000000


def tap_open(namespace, name):
    with open(namespace, encoding="ascii") as file:
        assert ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH14x", name.encode(), IFF_TAP | IFF_NO_PI))
    return fd


class Packet:
    """What a rule asks of a frame. `ip` is None when it carries no IP."""

    def __init__(self, frame, side):
        self.frame, self.side, self.ip = frame, side, None
        self.sport = self.dport = self.flags = 0
        self.proto = self.data = None
        kind = frame[12:14]
        if kind == b"\x08\x00":
            self.ip = frame[14:14 + struct.unpack("!H", frame[16:18])[0]]
            start, self.proto, self.src, self.dst = (frame[14] & 15) * 4, frame[23], frame[26:30], frame[30:34]
            if struct.unpack("!H", frame[20:22])[0] & 0x1FFF:
                return
        elif kind == b"\x86\xdd":
            self.ip = frame[14:54 + struct.unpack("!H", frame[18:20])[0]]
            start, self.proto, self.src, self.dst = 40, frame[20], frame[22:38], frame[38:54]
        else:
            return
        if self.proto in (6, 17):
            self.sport, self.dport = struct.unpack("!HH", self.ip[start:start + 4])
        if self.proto == 6:
            self.seq, self.ack, offset, self.flags = struct.unpack("!IIBB", self.ip[start + 4:start + 14])
            self.data = len(self.ip) - start - (offset >> 4) * 4


class Rule:
    def __init__(self, ident, action, words):
        self.ident, self.action, self.met, self.acted = ident, action, 0, 0
        self.flows, self.cut = {}, set()
        named = dict(word.split("=", 1) for word in words if "=" in word)
        self.bare = [word for word in words if "=" not in word]
        self.ends = {key: internet.aton(named[key]) for key in ("to", "from", "at") if key in named}
        self.numbers = {key: float(value) for key, value in named.items() if key not in self.ends}
        unknown = set(self.bare) - set(BARE) | set(self.numbers) - {"port", "longer", "count", "every", "after", "ms", "idle", "type", "code"}
        assert not unknown, unknown

    def matches(self, packet):
        if packet.ip is None or self.ends.get("to", packet.dst) != packet.dst or self.ends.get("from", packet.src) != packet.src:
            return False
        if self.numbers.get("port", packet.dport) not in (packet.sport, packet.dport):
            return False
        if len(packet.ip) <= self.numbers.get("longer", 0) or not all(BARE[word](packet) for word in self.bare):
            return False
        return "idle" not in self.numbers or self.idle(packet)

    def idle(self, packet):
        """Was the flow of this packet silent for too long, now or before?"""
        flow, now = frozenset(((packet.src, packet.sport), (packet.dst, packet.dport))), time.monotonic()
        if now - self.flows.get(flow, now) > self.numbers["idle"]:
            self.cut.add(flow)
        self.flows[flow] = now
        return flow in self.cut

    def acts(self):
        """A packet matched: is it one of those that are meant?"""
        self.met += 1
        if self.met <= self.numbers.get("after", 0) or self.met % self.numbers.get("every", 1):
            return False
        self.acted += 1
        return self.acted <= self.numbers.get("count", 1e9)


BARE = {"tcp": lambda p: p.proto == 6, "udp": lambda p: p.proto == 17, "syn": lambda p: p.proto == 6 and p.flags & 18 == 2,
        "synack": lambda p: p.proto == 6 and p.flags & 18 == 18, "data": lambda p: bool(p.data),
        "ack": lambda p: p.proto == 6 and p.flags & 23 == 16 and not p.data, "fin": lambda p: bool(p.flags & 1),
        "rst": lambda p: bool(p.flags & 4), "away": lambda p: p.side == 0, "back": lambda p: p.side == 1}


class Wire:
    def __init__(self, taps):
        self.taps, self.rules, self.timers, self.order = taps, [], [], 0

    def write(self, side, frame):
        try:
            os.write(self.taps[side], frame)
        except OSError:
            pass  # the device is down for the moment, or its queue is full

    def invent(self, packet, back, ip):
        """A packet of our own: back to who sent this one, or on to who was to get it."""
        frame = packet.frame
        head = frame[6:12] + frame[:6] + frame[12:14] if back else frame[:14]
        self.write(packet.side if back else 1 - packet.side, head + ip)

    def reset(self, packet, both):
        after = packet.seq + packet.data + bool(packet.flags & 3)
        self.invent(packet, True, internet.tcp_packet(packet.dst, packet.src, packet.dport, packet.sport, packet.ack, after, 20))
        if both:
            self.invent(packet, False, internet.tcp_packet(packet.src, packet.dst, packet.sport, packet.dport, packet.seq, packet.ack, 20))

    def act(self, rule, packet):
        """What becomes of the packet. True: it does not go on."""
        if rule.action == "delay":
            self.order += 1
            heapq.heappush(self.timers, (time.monotonic() + rule.numbers["ms"] / 1000, self.order, 1 - packet.side, packet.frame))
        elif rule.action == "double":
            self.write(1 - packet.side, packet.frame)
            return False
        elif rule.action == "unreachable":
            kind, code = int(rule.numbers["type"]), int(rule.numbers["code"])
            self.invent(packet, True, internet.icmp_packet(rule.ends["at"], packet.ip, kind, code))
        elif rule.action in ("reset", "reset-both"):
            self.reset(packet, rule.action == "reset-both")
        return True

    def pass_on(self, side, frame):
        packet = Packet(frame, side)
        for rule in self.rules:
            if rule.matches(packet) and rule.acts() and self.act(rule, packet):
                return
        self.write(1 - side, frame)

    def command(self, line):
        command = json.loads(line)
        mine = [rule for rule in self.rules if rule.ident == command["id"]]
        if command["do"] == "rule":
            try:
                self.rules.append(Rule(command["id"], command["action"], command["words"]))
            except (OSError, ValueError, AssertionError) as fault:
                return {"error": f"{command}: {fault}"}
        elif command["do"] == "met":
            return {"met": sum(rule.acted for rule in mine)}
        elif command["do"] == "heal":
            self.rules = [rule for rule in self.rules if rule not in mine]
        return {}

    def run(self):
        buffered = b""
        while True:
            timeout = max(0, self.timers[0][0] - time.monotonic()) if self.timers else None
            ready, _, _ = select.select([*self.taps, 0], [], [], timeout)
            while self.timers and self.timers[0][0] <= time.monotonic():
                _, _, side, frame = heapq.heappop(self.timers)
                self.write(side, frame)
            for side in (0, 1):
                if self.taps[side] in ready:
                    self.drain(side)
            if 0 in ready:
                got = os.read(0, 65536)
                if not got:
                    return
                *lines, buffered = (buffered + got).split(b"\n")
                for line in lines:
                    print(json.dumps(self.command(line)), flush=True)

    def drain(self, side):
        for _ in range(64):
            try:
                self.pass_on(side, os.read(self.taps[side], 65536))
            except OSError:
                return  # nothing more, or the device is down


def main():
    taps = [tap_open(sys.argv[1], sys.argv[2]), tap_open(sys.argv[3], sys.argv[4])]
    print(json.dumps({}), flush=True)
    Wire(taps).run()


if __name__ == "__main__":
    main()
