# SPDX-License-Identifier: GPL-2.0-or-later
"""Three namespaces at one bridge: two that may have the same address, and one that asks for it and is captured."""

import ipaddress
import json
import struct

from capture import Capture
from lab import PATIENCE_S, sh

ARP_REPLY = struct.pack(">HHHBBH", 0x0806, 1, 0x0800, 6, 4, 2)
SOLICITED_OVERRIDE = b"\x60\0\0\0"  # RFC 4861 4.4


class Bridge:
    """`first` and `second` have no address yet, the asker is 10.9.0.9 and fd09::9."""

    def __init__(self, lab):
        self.lab = lab
        self.switch = self.lab.host
        self.switch.ip("link add br0 type bridge", "link set br0 up")
        self.first, self.second, self.asker = (self.plug(n) for n in range(3))
        self.asker.ip("addr add 10.9.0.9/24 dev eth0", "addr add fd09::9/64 dev eth0 nodad")
        self.capture = Capture(self.lab, self.asker, "arp")

    def plug(self, n):
        ns = self.lab.namespace()
        sh("ip", "link", "add", "eth0", "netns", ns.name, "type", "veth", "peer", "name", f"p{n}", "netns", self.switch.name)
        self.switch.ip(f"link set p{n} master br0", f"link set p{n} up")
        ns.ip("link set eth0 up")
        ns.device = "eth0"
        return ns

    def send(self, text, to="10.9.0.5"):
        self.asker.run(f"echo {text} | timeout {PATIENCE_S} bash -c 'cat > /dev/udp/{to}/9'")

    def ask(self, answers, to="10.9.0.5"):
        """Asks once; until so many answers were captured in all."""
        self.asker.run("ip neigh flush dev eth0")
        self.send("ask", to)
        address = ipaddress.ip_address(to)
        answer = ARP_REPLY if address.version == 4 else SOLICITED_OVERRIDE + address.packed
        self.await_captured(answer, answers)

    def await_captured(self, part, count):
        with self.capture.changed:
            assert self.capture.changed.wait_for(lambda: self.capture.data.count(part) >= count, PATIENCE_S)

    def link_address(self, ns):
        return json.loads(ns.run("ip -j link show dev eth0"))[0]["address"]
