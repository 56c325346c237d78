# SPDX-License-Identifier: GPL-2.0-or-later
"""DNS messages over UDP, ICMP errors and TLS alerts in clear: what sockwhy and tshark say of each, and captures of them by dice."""

import datetime
import random
import struct

import made

# What is compared: sets of (frame, what it is).
FLAGS = ("dns-rcode", "dns-unanswered", "dns-repeated", "icmp-error", "tls-alert")
BY_PROGRAMS = ("tls-alert",)  # not by dice: test_alerts.py

RCODES = ("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET",
          "NOTAUTH", "NOTZONE")
DNS_FIELDS = ("frame.number", "dns.flags.response", "dns.flags.rcode", "dns.response_in", "dns.retransmit_request")
ICMP_FIELDS = ("frame.number", "icmp.type", "icmp.code", "icmpv6.type", "icmpv6.code", "ip.src", "ip.dst", "ipv6.src",
               "ipv6.dst", "tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport")
REPEATED_S = 5  # what comes later is another query, to tshark: dns.retransmission_timer, RFC 1536
ICMP_ERROR_TYPES, ICMPV6_ERROR_TYPES = {"3", "4", "5", "11", "12"}, {"1", "2", "3", "4"}
ICMP_ERRORS = "icmp.type in {3,4,5,11,12} || icmpv6.type in {1,2,3,4}"
ALERT = "tls.alert_message.desc"
FIELDS = (*ICMP_FIELDS, ALERT)


def seconds(event):
    whole, fraction = event["time"].rstrip("Z").split(".")
    return datetime.datetime.fromisoformat(whole + "+00:00").timestamp() + int(fraction) / 10 ** 9


class Queries:
    """A query is answered by the first answer with its id, name and type between its ends."""

    def __init__(self):
        self.waiting, self.unanswered, self.repeated = {}, set(), set()

    def query(self, key, frame, time):
        first, frames = self.waiting.get(key, (time, set()))
        if time - first > REPEATED_S:
            self.unanswered |= frames
            first, frames = time, set()
        elif frames:
            self.repeated.add((frame,))
        self.waiting[key] = first, frames | {(frame,)}

    def answer(self, key):
        self.waiting.pop(key, None)

    def end(self):
        """Frames of queries without an answer, and of those that repeat one."""
        return self.unanswered.union(*(frames for _, frames in self.waiting.values())), self.repeated


def ours(events):
    """@events: those of read --json -v."""
    frames = {flag: set() for flag in FLAGS}
    queries = Queries()
    for event in events:
        fields, packet = event["fields"], event.get("packet")
        if event["event"] == "icmp":
            ends = tuple(fields.get(key, "") for key in ("source", "source_port", "destination", "destination_port"))
            frames["icmp-error"].add((event["frame"], fields["icmp_type"], fields["icmp_code"], *ends))
        if event["event"] == "alert":
            frames["tls-alert"].add((event["frame"],))
        if event["event"] not in ("query", "answer"):
            continue
        ends = [tuple(packet[end].values()) for end in ("source", "destination")]
        answer = event["event"] == "answer"
        key = (fields["id"], *(reversed(ends) if answer else ends), fields["name"], fields["type"])
        if answer:
            frames["dns-rcode"].add((event["frame"], fields["rcode"]))
            queries.answer(key)
        else:
            queries.query(key, event["frame"], seconds(event))
    frames["dns-unanswered"], frames["dns-repeated"] = queries.end()
    return frames


def rcode(number):
    return RCODES[number] if number < len(RCODES) else str(number)


def innermost(row, *fields):
    """Of each field the last value."""
    return [row[field].rsplit(",", 1)[-1] for field in fields]


def is_icmp_error(row):
    return bool(set(row["icmp.type"].split(",")) & ICMP_ERROR_TYPES or set(row["icmpv6.type"].split(",")) & ICMPV6_ERROR_TYPES)


def theirs(rows, dns):
    """@rows: all of the frames that hold something of FIELDS; @dns: those of DNS_FIELDS."""
    frames = {flag: set() for flag in FLAGS}
    for row in dns:
        number, response, code, answered, repeated = innermost(row, *DNS_FIELDS)
        if response in ("1", "True"):
            frames["dns-rcode"].add((int(number), rcode(int(code))))
        elif not answered:
            frames["dns-unanswered"].add((int(number),))
        if repeated:
            frames["dns-repeated"].add((int(number),))
    for row in filter(is_icmp_error, rows):
        number, *kinds, ip_s, ip_d, ip6_s, ip6_d, tcp_s, tcp_d, udp_s, udp_d = innermost(row, *ICMP_FIELDS)
        kind = kinds[:2] if kinds[0] else kinds[2:]
        addresses = (ip_s, ip_d) if kinds[0] else (ip6_s, ip6_d)
        ports = [int(port or 0) for port in (tcp_s or udp_s, tcp_d or udp_d)]
        frames["icmp-error"].add((int(number), *map(int, kind), addresses[0], ports[0], addresses[1], ports[1]))
    # one that is encrypted has no description
    frames["tls-alert"] = {(int(row["frame.number"]),) for row in rows if row[ALERT]}
    return frames


def explained(flag, entry, us, them):
    """As agree.explained()."""
    if flag == "dns-unanswered" and entry not in us[flag] and entry in us["dns-repeated"] & them["dns-repeated"]:
        return "answer to a repeated query"
    return None


# ---- made ----

NAMES = [b"\2db\10internal\0", b"\3www\7example\3org\0", b"\0"]


class Messages(made.Capture):
    """Queries that are answered, late, asked again, or not answered at all; ICMP errors of every kind about datagrams."""

    def __init__(self, seed):
        super().__init__()
        self.random = random.Random(seed)
        self.hosts = [bytes([10, 0, 0, n]) for n in range(1, 5)]
        self.asked = []

    def ip(self, protocol, source, destination, upper):
        self.identification = self.identification % 65535 + 1
        return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(upper), self.identification, 0, 64, protocol, 0, source,
                           destination) + upper

    def udp(self, source, destination, payload):
        (address, port), (to, to_port) = source, destination
        return self.ip(17, address, to, struct.pack(">HHHH", port, to_port, 8 + len(payload), 0) + payload)

    def put(self, time, packet):
        frame, at = b"\0" * 12 + b"\x08\0" + packet, int(time * 1e9)
        self.records.append(struct.pack("<IIII", at // 10 ** 9, at % 10 ** 9, len(frame), len(frame)) + frame)

    def query(self, time):
        r = self.random
        ends = ((r.choice(self.hosts[:2]), r.randrange(40000, 40500)), (r.choice(self.hosts[2:]), 53))
        message = (r.randrange(65536), r.choice(NAMES) + struct.pack(">HH", r.choice([1, 28, 12, 65]), 1))
        self.asked.append((ends, message))
        self.put(time, self.udp(*ends, struct.pack(">HHHHHH", message[0], 0x0100, 1, 0, 0, 0) + message[1]))

    def repeat(self, time):
        if not self.asked:
            return
        ends, (number, question) = self.random.choice(self.asked)
        self.put(time, self.udp(*ends, struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + question))

    def answer(self, time):
        if not self.asked:
            return
        (client, server), (number, question) = self.asked.pop(self.random.randrange(len(self.asked)))
        code = self.random.choice([0, 0, 0, 1, 2, 3, 3, 5, 9, 11])
        self.put(time, self.udp(server, client, struct.pack(">HHHHHH", number, 0x8180 | code, 1, 0, 0, 0) + question))

    def error(self, time):
        """About a datagram, or a SYN."""
        r = self.random
        source, destination = (r.choice(self.hosts), r.randrange(1024, 65536)), (r.choice(self.hosts), r.randrange(1, 1024))
        inner = self.udp(source, destination, b"x" * r.randrange(4, 60))
        if r.random() < .3:
            inner = self.ip(6, source[0], destination[0], struct.pack(">HHIIBBHHH", source[1], destination[1],
                                                                      r.randrange(2 ** 32), 0, 0x50, 2, 64240, 0, 0))
        kind, code = r.choice([(3, r.randrange(16)), (11, r.randrange(2)), (12, 0), (5, 1), (4, 0)])
        quoted = inner[:r.choice([28, len(inner)])]
        self.put(time, self.ip(1, r.choice(self.hosts), source[0],
                               struct.pack(">BBHHH", kind, code, 0, 0, 1280 if (kind, code) == (3, 4) else 0) + quoted))

    def roll(self, count=400):
        time = 1.0
        for _ in range(count):
            time += self.random.expovariate(5)
            self.random.choices([self.query, self.answer, self.repeat, self.error], [5, 4, 1, 2])[0](time)
        return self


def captures(folder):
    for seed in range(3):
        yield f"messages-{seed}", Messages(seed).roll().save(folder / f"messages-{seed}.pcap")
