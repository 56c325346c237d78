# SPDX-License-Identifier: GPL-2.0-or-later
"""The part of make bench that reads captures: sockwhy beside tcpdump's plain copy, tshark and tcptrace."""

import os
import pathlib
import statistics
import struct
import subprocess
import tempfile
import time

# name, connections, data packets of each, bytes of data in a packet
CAPTURES = [("small packets", 17000, 70, 60), ("large packets, 1 GB", 700, 1100, 1400)]
ETHERNET = bytes.fromhex("020000000002020000000001") + b"\x08\x00"
SYN, SYN_ACK, ACK, DATA, FIN = 0x02, 0x12, 0x10, 0x18, 0x11


def packet(connection, from_server, flags, seq, ack, length, payload):
    """Ethernet, IPv4, TCP; checksums are left out, as offload leaves them."""
    client = struct.pack("!4B", 10, connection >> 14 & 255, connection >> 7 & 127, 1 + (connection & 127))
    server = b"\x0a\xff\x00\x01"
    source, destination = (server, client) if from_server else (client, server)
    ports = (443, 40000) if from_server else (40000, 443)
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 40 + length, seq & 0xffff, 0x4000, 64, 6, 0) + source + destination
    tcp = struct.pack("!HHIIBBHHH", *ports, seq & 0xffffffff, ack & 0xffffffff, 0x50, flags, 1000, 0, 0)
    return ETHERNET + ip + tcp + payload[:length]


def connection_packets(number, packets, size, payload):
    client, server = 1000 + number, 5000 + number
    yield packet(number, False, SYN, client, 0, 0, payload)
    yield packet(number, True, SYN_ACK, server, client + 1, 0, payload)
    yield packet(number, False, ACK, client + 1, server + 1, 0, payload)
    for i in range(packets):
        yield packet(number, True, DATA, server + 1 + i * size, client + 1, size, payload)
        if i % 10 == 9:
            yield packet(number, False, ACK, client + 1, server + 1 + (i + 1) * size, 0, payload)
    end = server + 1 + packets * size
    yield packet(number, True, FIN, end, client + 1, 0, payload)
    yield packet(number, False, FIN, client + 1, end + 1, 0, payload)
    yield packet(number, True, ACK, end + 1, client + 2, 0, payload)


def write_capture(path, connections, packets, size):
    """A hundred connections at a time take turns. Returns how many packets there are."""
    payload, count, us = bytes(size), 0, 0
    with open(path, "wb", buffering=1 << 20) as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for first in range(0, connections, 100):
            turns = [connection_packets(n, packets, size, payload) for n in range(first, min(first + 100, connections))]
            for together in zip(*turns):
                for data in together:
                    us += 10
                    file.write(struct.pack("<IIII", 1700000000 + us // 1000000, us % 1000000, len(data), len(data)) + data)
                    count += 1
    return count


def timed(argv):
    """Seconds, CPU seconds and peak MiB of one run."""
    begin = time.monotonic()
    pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=[
        (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0), (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0)])
    _, status, usage = os.wait4(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, argv
    return time.monotonic() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def which(name):
    return subprocess.run(["sh", "-c", f"command -v {name}"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def offline(sockwhy, rounds):
    rows = ["| capture | program | seconds | of them CPU | peak MiB | times as long as sockwhy |", "|---|---|---|---|---|---|"]
    for name, connections, packets, size in CAPTURES:
        with tempfile.TemporaryDirectory(prefix="sockwhy-bench-", dir="/var/tmp") as folder:
            path = str(pathlib.Path(folder, "capture.pcap"))
            count = write_capture(path, connections, packets, size)
            tools = [("sockwhy read", [str(sockwhy), "read", "--json", path], rounds),
                     ("tcpdump -w /dev/null", [which("tcpdump"), "-r", path, "-w", "/dev/null"], rounds),
                     ("tshark -z expert", [which("tshark"), "-n", "-q", "-r", path, "-z", "expert"], 1),
                     ("tcptrace", [which("tcptrace"), "-n", path], 1)]
            ours = None
            for tool, argv, runs in tools:
                runs = [timed(argv) for _ in range(runs)]
                wall, cpu, peak = (statistics.median(run[i] for run in runs) for i in range(3))
                ours = ours or wall
                rows.append(f"| {name}: {count:,} packets, {connections:,} connections | `{tool}` | {wall:.2f} | {cpu:.2f} | "
                            f"{peak:.0f} | {wall / ours:.2f} |")
                print(rows[-1], flush=True)
    return rows
