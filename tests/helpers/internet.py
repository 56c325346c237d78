# SPDX-License-Identifier: GPL-2.0-or-later
"""The far side of a tap or tun device: packets given to it have left the kernel, and it answers as told.

Runs inside the namespace under test. One JSON command a line on standard input, one JSON answer a line on standard
output; it ends with standard input. Behaviour is looked up by the address that is spoken to:

    syn     silent, accept, reset, icmp, challenge (a bare ACK), accept-reset (SYN/ACK, then a reset of the ACK)
    delay   seconds before that answer          ignore  so many SYNs get no answer first
    icmp    [type, code]                        router  the address the ICMP error comes from
    badsum  spoil the TCP checksum of answers   data    ack, close, reset or stray: what follows received data, once it is acknowledged
    ttl     hop limit of what follows data      most    bytes of the longest segment that arrives
    deaf    resets are not heard

Established connections need no state: what a segment acknowledges is our next sequence number. But one that was reset is
known no more. A stray lies far out of the window.
"""

import fcntl
import heapq
import json
import os
import select
import socket
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_TAP, IFF_NO_PI = 1, 2, 0x1000
SIOCGIFHWADDR = 0x8927
GATEWAY_MAC = bytes.fromhex("020000000001")
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
ISN = 1_000_000
STRAY = 1 << 30
TTL = 57


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip_packet(src, dst, proto, payload, ttl=TTL):
    if len(src) == 4:
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0x4000, ttl, proto, 0) + src + dst
        return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload
    return struct.pack("!IHBB", 6 << 28, len(payload), proto, ttl) + src + dst + payload


def pseudo(src, dst, proto, length):
    if len(src) == 4:
        return src + dst + struct.pack("!BBH", 0, proto, length)
    return src + dst + struct.pack("!II", length, proto)


def tcp_packet(src, dst, sport, dport, seq, ack, flags, badsum=False, ttl=TTL, payload=b""):
    options = struct.pack("!BBHBBBB", 2, 4, 1400, 1, 3, 3, 7) if flags & SYN else b""
    offset = (20 + len(options)) // 4
    head = struct.pack("!HHIIBBHHH", sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, offset << 4, flags, 64240, 0, 0)
    segment = head + options + payload
    value = checksum(pseudo(src, dst, 6, len(segment)) + segment)
    if badsum:
        value ^= 0x5555
    return ip_packet(src, dst, 6, segment[:16] + struct.pack("!H", value) + segment[18:], ttl)


def icmp_packet(router, packet, kind, code):
    """An ICMP error about `packet`, sent by `router` to its source."""
    if packet[0] >> 4 == 4:
        dst, proto, quoted = packet[12:16], 1, packet[:28]
        body = struct.pack("!BBHI", kind, code, 0, 0) + quoted
        value = checksum(body)
    else:
        dst, proto, quoted = packet[8:24], 58, packet[:1232]
        body = struct.pack("!BBHI", kind, code, 0, 0) + quoted
        value = checksum(pseudo(router, dst, proto, len(body)) + body)
    return ip_packet(router, dst, proto, body[:2] + struct.pack("!H", value) + body[4:])


def aton(text):
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


class Segment:
    """A TCP segment taken apart; None-like when the packet is something else."""

    def __init__(self, packet):
        self.packet = packet
        version = packet[0] >> 4
        if version == 4:
            start, self.proto = (packet[0] & 15) * 4, packet[9]
            self.src, self.dst, end = packet[12:16], packet[16:20], struct.unpack("!H", packet[2:4])[0]
        else:
            start, self.proto = 40, packet[6]
            self.src, self.dst, end = packet[8:24], packet[24:40], 40 + struct.unpack("!H", packet[4:6])[0]
        self.is_tcp = self.proto == 6
        if not self.is_tcp:
            return
        self.sport, self.dport, self.seq, self.ack, offset, self.flags = struct.unpack("!HHIIBB", packet[start:start + 14])
        self.length = end - start - (offset >> 4) * 4


class Internet:
    def __init__(self, name, tap):
        self.tap = tap
        self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        flags = (IFF_TAP if tap else IFF_TUN) | IFF_NO_PI
        fcntl.ioctl(self.fd, TUNSETIFF, struct.pack("16sH14x", name.encode(), flags))
        self.mac = b""
        if tap:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                request = fcntl.ioctl(s, SIOCGIFHWADDR, struct.pack("16s16x", name.encode()))
                self.mac = request[18:24]
        self.behaviour = {}
        self.gateway = {}
        self.syns = {}      # address spoken to -> [(time, source port)]
        self.others = {}    # address spoken to -> number of other packets
        self.clients = {}   # our (address, port) of an active open -> flags heard
        self.plans = {}     # .. -> the command that began it
        self.over = set()   # ends of connections that were reset, the host's as it is seen from out there
        self.timers = []
        self.waiting = None
        self.order = 0

    def at(self, delay, action):
        self.order += 1
        heapq.heappush(self.timers, (time.monotonic() + delay, self.order, action))

    def send(self, packet):
        if self.tap:
            kind = b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"
            packet = self.mac + GATEWAY_MAC + kind + packet
        try:
            os.write(self.fd, packet)
        except OSError as err:
            print(f"internet: cannot send: {err}", file=sys.stderr)

    def answer(self, how, seg, flags, seq, ack):
        packet = tcp_packet(seg.dst, seg.src, seg.dport, seg.sport, seq, ack, flags, how.get("badsum", False),
                            how.get("ttl", TTL))
        self.at(how.get("delay", 0) if seg.flags & SYN else 0, lambda: self.send(packet))

    def on_syn(self, how, seg):
        seen = self.syns.setdefault(seg.dst, [])
        seen.append((time.monotonic(), seg.sport))
        count = sum(1 for _, port in seen if port == seg.sport)
        kind = how.get("syn", "silent")
        if count <= how.get("ignore", 0) or kind == "silent":
            return
        if kind in ("accept", "accept-reset"):
            self.answer(how, seg, SYN | ACK, ISN, seg.seq + 1)
        elif kind == "reset":
            self.answer(how, seg, RST | ACK, 0, seg.seq + 1)
        elif kind == "challenge":
            self.answer(how, seg, ACK, ISN, seg.seq - 77_777)
        elif kind == "icmp":
            router = aton(how["router"]) if "router" in how else self.gateway[len(seg.dst)]
            packet = icmp_packet(router, seg.packet, *how["icmp"])
            self.at(how.get("delay", 0), lambda: self.send(packet))

    def on_segment(self, seg):
        how = self.behaviour.get(seg.dst, {})
        client = self.clients.get((seg.dst, seg.dport))
        if client is not None:
            client.append(seg.flags)
            deaf = self.plans[(seg.dst, seg.dport)].get("deaf", 0)
            if seg.flags & (SYN | RST) == SYN and len(client) > deaf:
                self.answer({}, seg, ACK, seg.ack, seg.seq + 1)
                self.ask(seg, self.plans[(seg.dst, seg.dport)])
            elif seg.length and FIN in self.plans[(seg.dst, seg.dport)].get("left", ()):
                self.answer({}, seg, RST, seg.ack, 0)
        elif seg.flags & (SYN | ACK) == SYN:
            self.on_syn(how, seg)
        elif seg.flags & RST:
            if not how.get("deaf"):
                self.over.add((seg.src, seg.sport, seg.dst, seg.dport))
        elif how.get("syn") == "accept-reset" or (seg.src, seg.sport, seg.dst, seg.dport) in self.over:
            self.answer({}, seg, RST, seg.ack, 0)
        elif how.get("syn") == "accept" and seg.length <= how.get("most", seg.length):
            taken = seg.seq + seg.length + (seg.flags & FIN)
            if seg.flags & FIN:
                self.answer({}, seg, FIN | ACK, seg.ack, taken)
            elif seg.length:
                self.answer({}, seg, ACK, seg.ack, taken)
                if how.get("data") == "stray":
                    self.send(tcp_packet(seg.dst, seg.src, seg.dport, seg.sport, seg.ack + STRAY, taken, PSH | ACK, payload=b"x"))
                elif how.get("data", "ack") != "ack":
                    flags = {"close": FIN | ACK, "reset": RST | ACK}[how["data"]]
                    self.answer({"ttl": how.get("ttl", TTL)}, seg, flags, seg.ack, taken)

    def ask(self, seg, plan):
        """A request of so many bytes, if any; then it leaves, if it is to, by a FIN or a reset, so many seconds later."""
        size = plan.pop("bytes", 0)
        ends = seg.dst, seg.src, seg.dport, seg.sport
        if size:
            self.send(tcp_packet(*ends, seg.ack, seg.seq + 1, PSH | ACK, payload=b"x" * size))
        if "leave" not in plan:
            return
        flag = {"close": FIN, "reset": RST}[plan["leave"]]
        plan["left"] = [flag]
        self.at(plan["after"], lambda: self.send(tcp_packet(*ends, seg.ack + size, seg.seq + 1, flag | ACK)))

    def on_packet(self, frame):
        packet = frame[14:] if self.tap else frame
        if self.tap and frame[12:14] not in (b"\x08\x00", b"\x86\xdd"):
            return
        seg = Segment(packet)
        if seg.is_tcp:
            self.on_segment(seg)
        else:
            self.others[seg.dst] = self.others.get(seg.dst, 0) + 1

    def open(self, command):
        """SYNs from an address out there to one on the host: `syns` of them, one second apart; and what the client then does.

        With deaf= it does not hear so many SYN/ACKs.
        """
        src, dst = aton(command["open"]), aton(command["to"])
        sport, dport = command["port"], command["dport"]
        self.clients[(src, sport)], self.plans[(src, sport)] = [], command
        packet = tcp_packet(src, dst, sport, dport, ISN, 0, SYN)
        for i in range(command.get("syns", 1)):
            self.at(float(i), lambda: self.send(packet))

    def command(self, line):
        command = json.loads(line)
        if "set" in command:
            self.behaviour[aton(command["set"])] = command["behaviour"]
            return {}
        if "gateway" in command:
            self.gateway = {len(aton(text)): aton(text) for text in command["gateway"]}
            return {}
        if "stats" in command:
            address = aton(command["stats"])
            return {"syns": self.syns.get(address, []), "others": self.others.get(address, 0)}
        if "wait" in command:
            self.waiting = (aton(command["wait"]), command["syns"])
            return None
        if "open" in command:
            self.open(command)
            return {}
        if "stray" in command:
            ends = aton(command["stray"]), aton(command["to"]), command["port"], command["dport"]
            self.send(tcp_packet(*ends, ISN, ISN, PSH | ACK, payload=b"x"))
            return {}
        if "heard" in command:
            return {"flags": self.clients[(aton(command["heard"]), command["port"])]}
        raise ValueError(line)

    def say(self, answer):
        print(json.dumps(answer), flush=True)

    def check_waiting(self):
        if self.waiting and len(self.syns.get(self.waiting[0], [])) >= self.waiting[1]:
            self.waiting = None
            self.say({})

    def run(self):
        self.say({"mac": GATEWAY_MAC.hex(":")})
        buffered = b""
        while True:
            timeout = max(0, self.timers[0][0] - time.monotonic()) if self.timers else None
            ready, _, _ = select.select([self.fd, 0], [], [], timeout)
            while self.timers and self.timers[0][0] <= time.monotonic():
                heapq.heappop(self.timers)[2]()
            if self.fd in ready:
                try:
                    self.on_packet(os.read(self.fd, 65536))
                except OSError:
                    pass  # the device is down for the moment
            if 0 in ready:
                data = os.read(0, 65536)
                if not data:
                    return
                buffered += data
                while b"\n" in buffered:
                    line, buffered = buffered.split(b"\n", 1)
                    answer = self.command(line)
                    if answer is not None:
                        self.say(answer)
            self.check_waiting()


if __name__ == "__main__":
    Internet(sys.argv[1], sys.argv[2] == "tap").run()
