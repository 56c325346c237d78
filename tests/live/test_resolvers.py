# SPDX-License-Identifier: GPL-2.0-or-later
"""Resolvers and forwarders of several makes: whatever stands between a wish and its server, there is one verdict, and it names both."""

import subprocess
import sys

import pytest

from harness import describe
from lab import PATIENCE_S
from test_names import GLIBC, Names, told
from test_quiet import private_etc

pytestmark = pytest.mark.usefixtures("needs_agent")


class Redirected:
    """container - lab.host, where a forwarder takes what is asked of any server - the server it asks itself."""

    def __init__(self, lab, family):
        self.lab, self.family = lab, family
        self.far, self.container = lab.link(), lab.link()
        self.here = lab.host.address(family)  # of the last link
        self.asked = "2001:db8::53" if family == 6 else "192.0.2.53"
        default = "::/0" if family == 6 else "default"
        self.container.ip(f"route add {default} via {self.here}")
        lab.host.ip(f"route add {self.asked} via {self.far.address(family)}")
        lab.host.sysctl("net.ipv4.ip_forward", 1)
        lab.host.sysctl("net.ipv6.conf.all.forwarding", 1)

    def redirect(self):
        kind = "ip6" if self.family == 6 else "ip"
        self.lab.host.run(f"nft 'add table {kind} lab; add chain {kind} lab pre {{ type nat hook prerouting priority -100; }}; "
                          f"add rule {kind} lab pre iifname {self.container.device} udp dport 53 redirect to :53'")

    def ask(self, name):
        etc = private_etc(self.lab, resolv_conf=f"nameserver {self.asked}\noptions timeout:1 attempts:2\n", nsswitch_conf="hosts: dns\n")
        return subprocess.run(self.container.command(*etc, sys.executable, "-c", GLIBC, name), stdout=subprocess.PIPE, text=True,
                              timeout=PATIENCE_S, check=True).stdout.strip()


@pytest.mark.parametrize("to", ["elsewhere", "asked"])
def test_redirected_forwarder(lab, watch, family, to):
    """Port 53 of every server is redirected to a forwarder, which asks another server, or the very one that was asked: one verdict."""
    net = Redirected(lab, family)
    upstream = net.far.address(family) if to == "elsewhere" else net.asked
    net.far.nft("input", "udp dport 53 drop")
    Names(lab, net).serve(net.here, f"--server={upstream}", ns=lab.host)
    net.redirect()
    agent = watch()
    assert net.ask("far.example") == "0"
    found = told(agent, "dns-no-answer")
    assert "dnsmasq[" in found["cause"] and upstream in found["cause"], describe([found])
    assert found["connection"]["netns"] == net.container.inode, describe([found])
