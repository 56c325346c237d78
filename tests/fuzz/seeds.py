#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""seeds.py - writes the seeds of capture_fuzz, link_fuzz, tunnel_fuzz, tls_fuzz and join_fuzz beside itself.

They are built from the formats' descriptions, so that what stands in them is known; run it again
after changing it, and commit what it wrote.
"""
import gzip
import pathlib
import struct

HERE = pathlib.Path(__file__).resolve().parent / "seeds"


def write(target, name, content):
    folder = HERE / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


# ---- packets ----

def ipv4(protocol, payload, fragment=0, ident=7):
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), ident, fragment, 64, protocol, 0,
                       bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))) + payload


def ipv6(protocol, payload):
    return struct.pack(">IHBB16s16s", 6 << 28, len(payload), protocol, 64, b"\xfe\x80" + bytes(13) + b"\1",
                       b"\xfe\x80" + bytes(13) + b"\2") + payload


def udp(port, payload):
    return struct.pack(">HHHH", 40000, port, 8 + len(payload), 0) + payload


TCP = struct.pack(">HHIIBBHHH", 45678, 8080, 1000, 0, 0x80, 2, 64240, 0, 0) + bytes.fromhex("020405b40402010303070101")
SYN4, SYN6 = ipv4(6, TCP), ipv6(6, TCP)
MACS = bytes.fromhex("020000000001020000000002")


def ethernet(ethertype, payload):
    return MACS + struct.pack(">H", ethertype) + payload


SLL = struct.pack(">HHH8s", 4, 1, 6, MACS[:8])
SLL2 = struct.pack(">HIHBB8s", 0, 2, 1, 4, 6, MACS[:8])
LABEL, LAST = bytes.fromhex("00010040"), bytes.fromhex("00010140")

LINKS = {
    "ethernet": (1, ethernet(0x0800, SYN4)),
    "ethernet-v6": (1, ethernet(0x86dd, SYN6)),
    "vlan": (1, ethernet(0x8100, b"\0\7\x08\0" + SYN4)),
    "qinq": (1, ethernet(0x88a8, b"\0\7\x81\0\0\x08\x86\xdd" + SYN6)),
    "snap": (1, ethernet(60, b"\xaa\xaa\3\0\0\0\x08\0" + SYN4)),
    "mpls": (1, ethernet(0x8847, LABEL + LAST + SYN4)),
    "pppoe": (1, ethernet(0x8864, b"\x11\0\0\1\0\x2a\0\x21" + SYN4)),
    "arp": (1, ethernet(0x0806, bytes(28))),
    "null": (0, b"\2\0\0\0" + SYN4),
    "loop": (108, b"\0\0\0\x1e" + SYN6),
    "raw": (101, SYN4),
    "raw-v6": (229, SYN6),
    "sll": (113, SLL + b"\x08\0" + SYN4),
    "sll2": (276, b"\x08\0" + SLL2 + SYN4),
    "ppp": (9, b"\xff\3\0\x21" + SYN4),
    "ppp-hdlc": (50, b"\xff\3\x57" + SYN6),
    "ppp-ether": (51, b"\x11\0\0\1\0\x2a\0\x21" + SYN4),
    "ppp-direction": (204, b"\1\xff\3\0\x21" + SYN4),
    "pppd": (166, b"\0\3\0\x21" + SYN4),
    "c-hdlc": (104, b"\x0f\0\x08\0" + SYN4),
    "mpls-alone": (219, LAST + SYN4),
    "fddi": (10, bytes([0x50]) + bytes(12) + b"\xaa\xaa\3\0\0\0\x08\0" + SYN4),
    "token-ring": (6, b"\x10\x40" + bytes(6) + b"\x80" + bytes(5) + b"\4\0\1\2\xaa\xaa\3\0\0\0\x08\0" + SYN4),
    "nflog": (239, struct.pack("<BB2sHHHHHH", 2, 0, b"\0\5", 8, 1, 8, 1, 4 + len(SYN4), 9) + SYN4),
    "pktap": (258, struct.pack("<III24sI4x", 44, 1, 12, b"en0", 1) + SYN4),
}

VXLAN = bytes.fromhex("0800000000002a00")
GENEVE = bytes.fromhex("01006558000000010102030400")[:8] + bytes(4)
FIRST, SECOND = udp(53, bytes(range(200)))[:104], udp(53, bytes(range(200)))[104:]


def fragment6(offset, more, payload):
    return ipv6(44, struct.pack(">BBHI", 17, 0, offset | more, 9) + payload)


TUNNELS = {
    "ip-in-ip": [ipv4(4, SYN4)],
    "6in4": [ipv4(41, SYN6)],
    "gre": [ipv4(47, b"\xb0\0\x08\0" + bytes(12) + SYN4)],
    "gre-ethernet": [ipv6(47, b"\0\0\x65\x58" + ethernet(0x0800, SYN4))],
    "pptp": [ipv4(47, b"\x30\x81\x88\x0b" + bytes(12) + b"\xff\3\0\x21" + SYN4)],
    "erspan": [ipv4(47, b"\x10\0\x88\xbe" + bytes(12) + ethernet(0x0800, SYN4))],
    "vxlan": [ipv4(17, udp(4789, VXLAN + ethernet(0x0800, SYN4)))],
    "vxlan-v6": [ipv6(17, udp(8472, VXLAN + ethernet(0x86dd, SYN6)))],
    "geneve": [ipv4(17, udp(6081, GENEVE + ethernet(0x0800, SYN4)))],
    "gtp-u": [ipv4(17, udp(2152, struct.pack(">BBHI4sBHB", 0x34, 255, 8 + len(SYN4), 1, b"\0\0\0\x85", 1, 9, 0) + SYN4))],
    "esp": [ipv4(50, bytes(range(24)))],
    "deep": [ipv4(4, ipv4(47, b"\0\0\x86\xdd" + ipv6(4, ipv4(17, udp(4789, VXLAN + ethernet(0x0800, SYN4))))))],
    "fragments": [ipv4(17, FIRST, 0x2000), ipv4(17, SECOND, 104 // 8)],
    "fragments-back": [ipv4(17, SECOND, 104 // 8), ipv4(17, FIRST, 0x2000)],
    "fragments-v6": [fragment6(0, 1, FIRST), fragment6(104, 0, SECOND)],
    "fragments-inside": [ipv4(4, ipv4(17, FIRST, 0x2000)), ipv4(4, ipv4(17, SECOND, 104 // 8))],
    "fragments-outside": [ipv4(4, SYN4[:24], 0x2000), ipv4(4, SYN4[24:], 3)],
    "fragment-alone": [ipv4(17, FIRST, 0x2000), SYN4],
    "extensions": [ipv6(0, bytes((60, 0, 1, 4, 0, 0, 0, 0)) + bytes((6, 0, 1, 4, 0, 0, 0, 0)) + TCP)],
}

# ---- files ----


def pcap(order, magic, link, frames):
    out = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link)
    for number, frame in enumerate(frames):
        out += struct.pack(order + "IIII", 1700000000 + number, number, len(frame), len(frame)) + frame
    return out


def option(order, code, value):
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def block(order, kind, body):
    body += bytes(-len(body) % 4)
    return struct.pack(order + "II", kind, 12 + len(body)) + body + struct.pack(order + "I", 12 + len(body))


def section(order, interfaces, blocks):
    out = block(order, 0x0a0d0d0a, struct.pack(order + "IHHq", 0x1a2b3c4d, 1, 0, -1) + option(order, 1, b"comment"))
    for link, options in interfaces:
        out += block(order, 1, struct.pack(order + "HHI", link, 0, 96) + options)
    return out + b"".join(blocks)


def packet(order, interface, stamp, frame, options=b""):
    body = struct.pack(order + "IIIII", interface, stamp >> 32, stamp & 0xffffffff, len(frame), len(frame))
    return block(order, 6, body + frame + bytes(-len(frame) % 4) + options)


def pcapng(order):
    frame = LINKS["ethernet"][1]
    interfaces = [(1, option(order, 2, b"eth0") + option(order, 9, b"\x09")),
                  (113, option(order, 9, b"\x8a") + option(order, 14, struct.pack(order + "q", 5)))]
    return section(order, interfaces, [
        packet(order, 0, 1700000000 * 10**9, frame, option(order, 2, struct.pack(order + "I", 2)) + option(order, 0, b"")),
        packet(order, 1, 1700000000 * 1024, LINKS["sll"][1]),
        block(order, 3, struct.pack(order + "I", len(frame)) + frame),
        block(order, 2, struct.pack(order + "HHIIII", 0, 1, 1, 1, 20, 20) + frame[:20]),
        block(order, 5, struct.pack(order + "III", 0, 0, 0) + option(order, 5, struct.pack(order + "Q", 3))),
        block(order, 4, bytes(4)),
    ])


def zstd(content):
    """One frame with one raw block: RFC 8878 3.1.1."""
    return bytes.fromhex("28b52ffd60") + struct.pack("<H", len(content) - 256) + (
        len(content) << 3 | 1).to_bytes(3, "little") + content


FRAMES = [frame for link, frame in LINKS.values() if link == 1]
FILES = {
    "micro": pcap("<", 0xa1b2c3d4, 1, FRAMES),
    "micro-big": pcap(">", 0xa1b2c3d4, 1, FRAMES[:2]),
    "nano": pcap("<", 0xa1b23c4d, 1, FRAMES[:2]),
    "nano-big": pcap(">", 0xa1b23c4d, 101, [SYN4]),
    "cut": pcap("<", 0xa1b2c3d4, 1, FRAMES)[:-5],
    "pcapng": pcapng("<"),
    "pcapng-big": pcapng(">"),
    "pcapng-sections": pcapng("<") + pcapng(">"),
    "gzip": gzip.compress(pcap("<", 0xa1b2c3d4, 1, FRAMES), mtime=0),
    "zstd": zstd(pcapng("<")),
}

# ---- TLS ----


def field(width, content):
    return len(content).to_bytes(width, "big") + content


def tls(kind, body):
    return bytes((kind, 3, 3)) + field(2, body)


def extension(kind, content):
    return struct.pack(">H", kind) + field(2, content)


def hello(kind, middle, *extensions):
    return tls(22, bytes((kind,)) + field(3, b"\3\3" + bytes(32) + field(1, bytes(32)) + middle
                                          + field(2, b"".join(extensions))))


CLIENT_HELLO = hello(1, field(2, b"\x13\1") + field(1, b"\0"),
                     extension(0, field(2, b"\0" + field(2, b"db.internal"))),
                     extension(16, field(2, field(1, b"h2") + field(1, b"http/1.1"))),
                     extension(51, bytes(120)), extension(43, field(1, b"\3\4\3\3")))
SERVER_HELLO = hello(2, b"\x13\1\0", extension(43, b"\3\4"), extension(16, field(2, field(1, b"h2"))))
DONE = tls(20, b"\1")
STREAMS = {
    "client": CLIENT_HELLO + DONE + tls(23, bytes(53)) + tls(23, bytes(19)),
    "server": SERVER_HELLO + DONE + tls(23, bytes(300)) + tls(23, bytes(53)),
    "server-12": hello(2, b"\xc0\x2f\0") + tls(22, b"\x0b" + field(3, bytes(99)) + b"\x0e\0\0\0") + DONE
    + tls(22, bytes(40)),
    "alert": CLIENT_HELLO + tls(21, b"\1\0") + tls(21, b"\2\x30"),
    "ssl2": b"\x80\x2e\1\3\1" + bytes(43),
    "postgresql": b"E" + (24).to_bytes(4, "big") + b"SFATAL\0C53300\0Mtoo\0\0",
    "mysql": b"\x17\0\0\0\xff\x10\4Too many connections",
    "http": b"HTTP/1.1 400 Bad Request\r\n\r\nsent an HTTP request to an HTTPS server",
    "mail": b"421 4.7.0 too many connections\r\n",
    "redis": b"-ERR max number of clients reached\r\n",
    "starttls": b"a001 STARTTLS\r\n",
    "starttls-no": b"a001 NO not now\r\n",
    "ldap": b"\x30\x1d\x02\1\1\x77\x18\x80\x16" + b"1.3.6.1.4.1.1466.20037",
    "ldap-no": b"\x30\x0c\x02\1\1\x78\x07\x0a\1\x34\4\0\4\0",
    "xmpp": b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    "sslrequest": b"\0\0\0\x08\4\xd2\x16\x2f",
    "connect": b"CONNECT db.internal:443 HTTP/1.1\r\n\r\n",
    "proxy-1": b"PROXY TCP4 192.0.2.1 10.0.0.2 4711 443\r\n" + CLIENT_HELLO,
    "proxy-2": b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12) + CLIENT_HELLO,
}


def record(body):
    """A frame record: include/event.h."""
    head = struct.pack("<QQIIIIHHHBB", 10**9, 0, 0, 1, 0, 1 << 6 if len(body) > 24 else 0, 29, 40 + len(body), 0, 8, 0)
    return head + body


write("decode", "frame", record(struct.pack("<QIIIHBBIHH", 1, 0, 0, 7, 1, 0, 1, len(SYN4), len(SYN4), 0) + SYN4))
write("decode", "frame-unread", record(struct.pack("<QIIIHBB", 2, 0, 0, 0, 1, 2, 0)))
# of format 1 (user/collect/files/record_old.c): the end of a connection, whole, and the end of the recording
_end = bytes(range(40)) + bytes(64) + bytes((1, 7, 2, 0, 2, 0, 0, 0))
write("record", "old-state", b"\3\0"
      + struct.pack("<QQIIIIHHHBB", 1, 7, 1, 0, 0, 0x501b, 2, 40 + 224, 0, 1, 0) + _end.ljust(224, b"\1")
      + struct.pack("<QQIIIIHHHBB", 1, 7, 1, 0, 0, 0x101b, 2, 40 + 104, 0, 1, 0) + _end[:104].ljust(104, b"\1")
      + struct.pack("<QQIIIIHHHBBQQ", 2, 0, 0, 0, 0, 0, 29, 56, 0, 0, 0, 2, 0))
for _name, (_link, _frame) in LINKS.items():
    write("link", _name, struct.pack(">HH", _link, 0) + _frame)
for _name, _frames in TUNNELS.items():
    write("tunnel", _name, b"".join(struct.pack(">HBB", len(f), 0, 1) + f for f in _frames))
for _name, _file in FILES.items():
    write("capture", _name, struct.pack(">H", len(_file)) + _file)
write("capture", "two", struct.pack(">H", len(FILES["micro"])) + FILES["micro"] + FILES["pcapng"])
for _name, _stream in STREAMS.items():
    write("tls", _name, struct.pack(">HBBBBBB", 150, 90, 60, 2, 13, 0, 1) + _stream)


# ---- join_fuzz: steps of ten bytes, see write_packet() there ----

def step(out, flags, seq, ack, wait=1, word=7, payload=b"", server=1, again=0):
    """seq, ack: under 64, of the base 1000; wait: index of the pause; word: which first words stand before the payload."""
    has_payload = 0x40 if payload or word != 7 else 0
    return bytes((int(out) | server << 4, flags | (has_payload or 0x80), 1 | seq << 2, 0, 1 | ack << 2, 0, 1,
                  wait | (again + 1) << 4 & 0xf0, word | 0x20 << 3 & 0xf8, len(payload))) + payload


SYN, ACK, FIN, RST, PSH = 2, 16, 1, 4, 8
OPEN = step(1, SYN, 0, 0, 0) + step(0, SYN | ACK, 0, 1) + step(1, ACK, 1, 1)
TALKS = {
    "refused": step(1, SYN, 0, 0) + step(0, RST | ACK, 0, 1),
    "silent": step(1, SYN, 0, 0) + step(1, SYN, 0, 0, 4, again=1) + step(1, SYN, 0, 0, 4, again=2),
    "answered": OPEN + step(1, PSH | ACK, 1, 1, word=0) + step(0, PSH | ACK, 1, 19, word=1) + step(0, FIN | ACK, 18, 19)
    + step(1, FIN | ACK, 19, 19) + step(0, ACK, 19, 20),
    "closed-early": OPEN + step(1, PSH | ACK, 1, 1, word=0) + step(0, FIN | ACK, 1, 19) + step(1, FIN | ACK, 19, 2)
    + step(0, ACK, 2, 20),
    "gave-up": OPEN + step(1, PSH | ACK, 1, 1, word=0) + step(0, ACK, 1, 19) + step(1, FIN | ACK, 19, 1, 4)
    + step(0, PSH | ACK, 1, 20, 4, 1) + step(1, RST, 20, 0),
    "race": OPEN + step(1, PSH | ACK, 1, 1, word=0) + step(0, PSH | ACK, 1, 19, word=1) + step(0, FIN | ACK, 18, 19, 4)
    + step(1, PSH | ACK, 19, 18, word=0) + step(0, RST, 19, 0),
    "idle": OPEN + step(1, PSH | ACK, 1, 1, word=0) + step(0, PSH | ACK, 1, 19, word=1) + step(1, PSH | ACK, 19, 18, 5, 0)
    + step(0, RST, 18, 0),
    "stuck": OPEN + step(1, PSH | ACK, 1, 1, word=0) + b"".join(step(1, PSH | ACK, 1, 1, 3, 0, again=n) for n in range(5)),
    "probes": OPEN + step(1, PSH | ACK, 1, 1, word=0) + step(0, ACK, 1, 19)
    + b"".join(step(1, ACK, 18, 1, 5, again=n) for n in range(4)),
    "alert": OPEN + step(1, PSH | ACK, 1, 1, word=4, server=2) + step(0, PSH | ACK, 1, 12, word=5, server=2)
    + step(0, FIN | ACK, 8, 12, server=2),
}


def claim(how, machine, wait=4):
    """See send_claim() there; a tick follows."""
    return bytes((0x0c, how, machine, 5, 1, 0, 0, wait | 8, 0, 0))


ASKED, ANSWERED, ANNOUNCED = 0, 1, 2
CLAIMS = {
    "claims-in-turn": b"".join(claim(ANNOUNCED, 1 + n % 2) for n in range(4)) + claim(ANNOUNCED, 3) + claim(ANNOUNCED, 1, 5),
    "claims-both": claim(ASKED, 3) + claim(ANSWERED, 1, 1) + claim(ANSWERED, 2, 1) + claim(ANSWERED, 1, 5),
}
for name, steps in {**TALKS, **CLAIMS}.items():
    write("join", name, steps)
