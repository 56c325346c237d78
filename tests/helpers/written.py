# SPDX-License-Identifier: GPL-2.0-or-later
"""What a file of -w holds: blocks, packets, and what is said of each finding."""

import struct

SECTION, PACKET, JOURNAL = 0x0A0D0D0A, 6, 9
SEEN_ON_THE_WIRE = ("packet", "drop", "dns", "tls")  # layers of evidence that are packets


def blocks(path):
    """(type, body) of every block; the structure must be right to the last byte."""
    data, at, found = path.read_bytes(), 0, []
    while at < len(data):
        kind, size = struct.unpack_from("=II", data, at)
        assert size % 4 == 0 and size >= 12 and struct.unpack_from("=I", data, at + size - 4)[0] == size
        found.append((kind, data[at + 8:at + size - 4]))
        at += size
    assert at == len(data) and found[0][0] == SECTION
    return found


def packets(path):
    """(bytes, wire length, options) of every packet."""
    found = []
    for kind, body in blocks(path):
        if kind == PACKET:
            captured, wire = struct.unpack_from("=II", body, 12)
            found.append((body[20:20 + captured], wire, body[20 + (captured + 3) // 4 * 4:]))
    return found


def has_packets(finding):
    """Was anything of it seen on the wire? Then the file can hold it, and must. Of some drops only the ends are known."""
    return any(e["layer"] in SEEN_ON_THE_WIRE and not e["text"].startswith("a packet ") for e in finding["evidence"])


def ports(packet):
    """Both ports of an IP packet, in order of their numbers; None where it has no such thing."""
    if not packet or packet[0] >> 4 not in (4, 6):
        return None
    protocol, start = (packet[9], (packet[0] & 15) * 4) if packet[0] >> 4 == 4 else (packet[6], 40)
    if protocol not in (6, 17) or len(packet) < start + 4:
        return None
    return tuple(sorted(struct.unpack_from("!HH", packet, start)))


def is_late(finding, held):
    """Its packets had been written when it was told: an entry says it."""
    connection = finding.get("connection", {})
    return tuple(sorted(connection.get(end, {}).get("port", 0) for end in ("local", "remote"))) in held


def missing(path, findings):
    """Those findings of which the file holds no packet though one was seen, and no entry where none was."""
    said = b"\n".join(options for *_, options in packets(path))
    entries = b"\n".join(body for kind, body in blocks(path) if kind == JOURNAL)
    held, absent = {ports(data) for data, *_ in packets(path)}, []
    for finding in findings:
        words = f"{finding['severity']} {finding['finding']} ({finding['confidence']}): ".encode()
        if words not in said and not (words in entries and (not has_packets(finding) or is_late(finding, held))):
            absent.append(finding)
    return absent
