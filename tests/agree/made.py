# SPDX-License-Identifier: GPL-2.0-or-later
"""Captures made here: connections that behave, over a path that does not, and segments by dice."""

import heapq
import random
import struct

FLAGS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16}
MASK = 0xffffffff
CLIENT, SERVER = (b"\x0a\0\0\1", 1000), (b"\x0a\0\0\2", 80)
MSS = struct.pack(">BBH", 2, 4, 1460)


def scale(shift):
    return b"\3\3" + bytes([shift])


class Capture:
    """A pcap file of Ethernet and IPv4, times in nanoseconds."""

    def __init__(self):
        self.records = [struct.pack("<IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, 262144, 1)]
        self.identification = 100

    def tcp(self, time, from_server, flags, seq, ack, length, window=1000, options=b"", port=1000, copies=1):
        self.identification = self.identification % 65535 + 1
        ends = [(CLIENT[0], port), SERVER]
        (source, source_port), (destination, destination_port) = reversed(ends) if from_server else ends
        options += b"\1" * (-len(options) % 4)
        segment = struct.pack(">HHIIBBHHH", source_port, destination_port, seq & MASK, ack & MASK,
                              (20 + len(options)) // 4 << 4, sum(FLAGS[flag] for flag in flags), window, 0, 0)
        segment += options + b"x" * length
        packet = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(segment), self.identification, 0, 64, 6, 0,
                             source, destination) + segment
        frame = b"\0" * 12 + b"\x08\0" + packet
        for copy in range(copies):
            at = int(time * 1e9) + copy * 5000
            self.records.append(struct.pack("<IIII", at // 10 ** 9, at % 10 ** 9, len(frame), len(frame)) + frame)

    def save(self, path):
        path.write_bytes(b"".join(self.records))
        return path


class Dice:
    """Segments that fit each other now and then: every branch of an analysis, in any order."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.capture = Capture()
        self.time = 1.0

    def begin(self, port):
        r, capture = self.random, self.capture
        isn = [r.choice([1000, 0, 0xfffffff0, r.randrange(2 ** 32)]),
               r.choice([5000, 0, 0xffffffe0, r.randrange(2 ** 32)])]
        if r.random() < .2:
            return isn, list(isn), [[isn[0]], [isn[1]]]
        for from_server, flags, chance in ((0, "S", 1), (1, "SA", .9), (0, "A", .9)):
            options = b"".join(o for o in (MSS, scale(r.randrange(9))) if r.random() < .7)
            if r.random() < chance:
                capture.tcp(self.time, from_server, flags, isn[from_server] + (flags == "A"),
                            isn[1 - from_server] + 1 if "A" in flags else 0, 0, r.choice([0, 500, 1000]),
                            options if "S" in flags else b"", port)
            self.time += r.random() * .02
        return isn, [isn[0] + 1, isn[1] + 1], [[isn[0], isn[0] + 1], [isn[1], isn[1] + 1]]

    def segment(self, port, isn, following, seen, window):
        r = self.random
        self.time += r.choice([.0001, .001, .002, .01, .019, .021, .05, .3, 1.1])
        if r.random() < .01:
            self.time -= .5
        side = r.randrange(2)
        if r.random() < .2:
            window[side] = r.choice([0, 0, 1, 10, 100, 1000, 2000])
        flags = r.choice(["A"] * 8 + ["PA"] * 4 + ["FA", "S", "SA", "R", "RA", "F", "PA"]
                         if r.random() < .3 else ["A", "PA"])
        seq = r.choices([following[side], following[side] - 1, r.choice(seen[side]),
                         following[side] + r.choice([1, 10, 100]), seen[side][-1], isn[side]],
                        [45, 10, 15, 10, 15, 5])[0]
        length = r.choice([0, 0, 0, 0, 1, 1, 2, 10, 100, 100, window[1 - side]])
        ack = r.choices([following[1 - side], r.choice(seen[1 - side]), following[1 - side] + 100], [50, 40, 10])[0]
        if "S" in flags and r.random() < .7:
            seq, length = isn[side], 0
        self.capture.tcp(self.time, side, flags, seq, ack if "A" in flags else r.choice([0, ack]), length,
                         window[side], b"", port)
        end = seq + length + ("S" in flags or "F" in flags)
        seen[side].append(end & MASK)
        del seen[side][:-8]
        if (end - following[side]) & MASK < 1 << 31:
            following[side] = end & MASK

    def roll(self, connections=40, segments=60):
        for port in range(1000, 1000 + connections):
            isn, following, seen = self.begin(port)
            window = [1000, 1000]
            for _ in range(segments):
                self.segment(port, isn, following, seen, window)
        return self.capture


class Transfer:
    """
    One upload from client to server over a path that loses, delays and overtakes. The sender has a
    fixed window, fast retransmission after three duplicate ACKs and a timer; the receiver acknowledges
    every segment, and stops reading for a while. What is captured is what passes the vantage: before
    the loss (near the sender) or behind it (near the receiver).
    """

    def __init__(self, seed, near_sender, offload=False, copies=1):
        self.random = random.Random(seed)
        self.capture, self.copies, self.near_sender = Capture(), copies, near_sender
        self.size = 5 * 1448 if offload else 1448
        self.events, self.count = [], 0
        self.acked = self.sent = self.got = 0  # bytes: acknowledged, sent, received without hole
        self.held = {}  # received behind a hole: begin -> end
        self.repeats, self.timer, self.closed_until = 0, 0, 0
        self.port = 2000 + seed

    def at(self, time, what, *args):
        self.count += 1
        heapq.heappush(self.events, (time, self.count, what, args))

    def see(self, time, *args, **more):
        self.capture.tcp(time, *args, port=self.port, copies=self.copies, **more)

    def send(self, time, begin):
        end = min(begin + self.size, self.total)
        lost = self.random.random() < .04
        delay = .02 + (.015 if self.random.random() < .03 else 0)
        if self.near_sender:
            self.see(time, 0, "PA", 1001 + begin, 5001, end - begin)
        if not lost:
            self.at(time + delay, self.receive, begin, end)
        self.sent = max(self.sent, end)

    def receive(self, time, begin, end):
        if not self.near_sender:
            self.see(time, 0, "PA", 1001 + begin, 5001, end - begin)
        self.held[begin] = max(self.held.get(begin, 0), end)
        for known in sorted(self.held):
            if known <= self.got:
                self.got = max(self.got, self.held.pop(known))
        if self.random.random() < .01 and not self.closed_until:
            self.closed_until = time + 1.5
            self.at(self.closed_until, self.reopen)
        self.answer(time)

    def reopen(self, time):
        self.closed_until = 0
        self.answer(time)

    def answer(self, time):
        window = 0 if self.closed_until else 512
        if not self.near_sender:
            self.see(time, 1, "A", 5001, 1001 + self.got, 0, window=window)
        if self.random.random() > .01:
            self.at(time + .02, self.ack, self.got, window)

    def ack(self, time, ack, window):
        if self.near_sender:
            self.see(time, 1, "A", 5001, 1001 + ack, 0, window=window)
        self.window = window
        if ack > self.acked:
            self.acked, self.repeats = ack, 0
            self.arm(time)
        elif ack < self.sent:
            self.repeats += 1
            if self.repeats == 3 and window:
                self.send(time + .0001, self.acked)
        self.push(time)

    def arm(self, time):
        self.timer += 1
        self.at(time + .3, self.expire, self.timer)

    def expire(self, time, timer):
        if timer != self.timer or self.acked >= self.total:
            return
        if not self.window:  # a probe as Linux sends it: no byte, the number before the next
            self.see(time, 0, "A", 1000 + self.sent, 5001, 0)
            self.at(time + .04, self.answer)
        else:
            self.send(time, self.acked)
        self.arm(time)

    def push(self, time):
        while self.window and self.sent < self.total and self.sent - self.acked < 20 * 1448:
            time += .0002
            self.send(time, self.sent)

    def run(self, total=400000):
        self.total, self.window = total, 512
        self.see(1, 0, "S", 1000, 0, 0, options=MSS + scale(7))
        self.see(1.02, 1, "SA", 5000, 1001, 0, options=MSS + scale(7))
        self.see(1.04, 0, "A", 1001, 5001, 0)
        self.arm(1.04)
        self.push(1.04)
        time = 1.04
        while self.events and (self.acked < total or self.got < total) and time < 300:
            time, _, what, args = heapq.heappop(self.events)
            what(time, *args)
        for step, (side, flags, seq, ack) in enumerate(((0, "FA", 1001 + total, 5001), (1, "FA", 5001, 1002 + total),
                                                        (0, "A", 1002 + total, 5002))):
            self.see(time + 1 + step * .02, side, flags, seq, ack, 0)
        return self.capture


def captures(folder):
    """Name and path of every capture that is made."""
    for seed in range(6):
        yield f"dice-{seed}", Dice(seed).roll().save(folder / f"dice-{seed}.pcap")
    for seed in range(4):
        for near in (True, False):
            name = f"transfer-{seed}-{'sender' if near else 'receiver'}"
            yield name, Transfer(seed, near).run().save(folder / f"{name}.pcap")
    yield "offload", Transfer(5, True, offload=True).run().save(folder / "offload.pcap")
    yield "mirrored", Transfer(6, True, copies=2).run().save(folder / "mirrored.pcap")
