# SPDX-License-Identifier: GPL-2.0-or-later
"""Real captures of others, read in place: what is known to be in each, and nothing else, is found."""

import json
import subprocess

import pytest

from program import ROOT, SOCKWHY, Schema

SCHEMA = Schema()
PCAPS = next((p for p in (parent / "shared/pcaps" for parent in ROOT.parents) if p.is_dir()), None)

pytestmark = pytest.mark.skipif(not PCAPS, reason="no shared/pcaps beside the project: real captures not read")

ZEEK = "zeek+zeek/testing/btest/Traces/"
PCPP = "seladb+PcapPlusPlus/Tests/Pcap++Test/PcapExamples/"
ARKIME = "arkime+arkime/tests/pcap/"

# file: (finding, confidence, client, server, how often)
EXPECTED = {
    # a SYN, and then nothing of its direction for half a year
    ZEEK + "conn-size.pcap": [("connect-no-answer", "possible", "141.42.64.125", "125.190.109.199:12345", 1)],
    # SYNs of the last 0.7 s are nobody's failure
    ZEEK + "nmap-vsn.pcap": [
        ("connect-no-answer", "possible", "192.168.1.71", "192.168.1.63:80", 1),
        ("connect-no-answer", "possible", "192.168.1.71", "192.168.1.68:80", 1),
        ("connect-refused", "likely", "192.168.1.71", "192.168.1.1:80", 1),
        ("connect-refused", "likely", "192.168.1.71", "192.168.1.50:80", 1),
        ("connect-refused", "likely", "192.168.1.71", "192.168.1.65:443", 2),
        ("connect-refused", "likely", "192.168.1.71", "192.168.1.65:80", 2)],
    # ::1 refuses twice, 127.0.0.1 works
    ZEEK + "redis/attr.pcap": [("connect-fallback", "likely", "127.0.0.1", "127.0.0.1:6379", 2)],
    "OISF+suricata-verify/tests/output-multi-eve/input.pcap": [
        ("connect-refused", "likely", "172.16.238.10", "10.10.10.31:9001", 1)],
    # SYN/ACK three times, never acknowledged; a plain ACK to the SYN; the client's own reset (info)
    ARKIME + "tcp_handshake_synthetic.pcap": [
        ("accept-unfinished", "likely", "192.0.2.10", "198.51.100.5:8080", 1),
        ("connect-failed", "possible", "192.0.2.10", "198.51.100.5:8080", 1),
        ("connect-stale-peer", "likely", "192.0.2.10", "198.51.100.5:8080", 1)],
    # a reset without ACK refuses nothing: the SYN was sent again, and there the capture ends
    "packetdrill-run/ligurio_reset_rst-syn-sent.pcap": [],
    # host unreachable about the SYN/ACK decides nothing; the server's reset after the handshake does
    "packetdrill-run/google_tcp_fastopen_server_icmp-baseline.pcap": [
        ("connect-reset-in-handshake", "likely", "192.0.2.1", "192.168.0.1:8080", 1)],
    # two thirds of it have damaged times: of the one SYN before them nobody knows how long it waited
    PCPP + "pcapng-example.pcapng": [
        ("connect-refused", "likely", "198.202.88.52", "130.217.250.13:8810", 1)],
}

# Lookups and datagrams: (finding, severity, client, server, how often)
DATAGRAMS = {
    # PTR only
    ZEEK + "nmap-vsn.pcap": [("dns-nxdomain", "info", "192.168.1.71", "192.168.1.1:53", 6)],
    ZEEK + "conn-size.pcap": [("udp-port-unreachable", "warning", "192.150.186.15", "192.150.186.169:111", 2)],
    # asked three times, SERVFAIL twice, and the last answer came after the asker had gone
    "OISF+suricata-verify/tests/flow-drop-iponly-02/input.pcap": [
        ("dns-servfail", "error", "192.168.10.31", "192.168.10.10:53", 1),
        ("udp-port-unreachable", "info", "192.168.10.10", "192.168.10.31:58186", 1)],
    # A and AAAA are warnings, SRV is not; one name was asked for twice
    ARKIME + "dns-wiresharkrepo.pcap": [
        ("dns-nxdomain", "info", "192.168.170.56", "217.13.4.24:53", 2),
        ("dns-nxdomain", "warning", "192.168.170.56", "217.13.4.24:53", 2),
        ("dns-nxdomain", "warning", "192.168.170.8", "192.168.170.20:53", 1)],
    # three steps of a traceroute; an answer after 5.3 s (frame 136) finds that nobody waits any more
    ARKIME + "v6.pcap": [
        ("dns-slow", "warning", "3ffe:507:0:1:200:86ff:fe05:80da", "3ffe:501:4819::42:53", 1),
        ("udp-port-unreachable", "info", "3ffe:501:4819::42", "3ffe:507:0:1:200:86ff:fe05:80da:2410", 1),
        *[("udp-port-unreachable", "info", "3ffe:507:0:1:200:86ff:fe05:80da",
           f"3ffe:501:410:0:2c0:dfff:fe47:33e:{port}", 1) for port in (33444, 33445, 33446)]],
    # inside GRE; the type is A6
    ZEEK + "tunnels/gre-sample.pcap": [("dns-server-down", "info", "66.59.111.190", "172.28.2.3:53", 1)],
    # an LLMNR answer
    ZEEK + "smb/smb_v2_only_non_zero_reserved1.pcap": [
        ("udp-port-unreachable", "info", "172.31.112.17", "172.31.112.16:52272", 1)],
    # 124 lookups that all worked, one of them after its repetition (frames 330, 703, 710)
    PCPP + "example2.pcap": [("dns-slow", "warning", "10.0.0.1", "10.0.0.138:53", 1)],
    PCPP + "raw_ip.pcap": [],
}

# What became of established connections: (finding, severity, client, server, how often)
CONNECTIONS = {
    ZEEK + "http/206_example_b.pcap": [("conn-timed-out", "error", "192.168.72.14", "65.54.95.206:80", 1)],
    # the server takes all that comes for 14 s after its FIN, of which 17 of 51 segments had to be sent again
    ZEEK + "tcp/reassembly.pcap": [("conn-loss", "warning", "63.193.213.194", "128.3.97.175:80", 1)],
    ZEEK + "smb/smb_v2_only_non_zero_reserved1.pcap": [
        ("conn-reset-by-peer", "info", "172.31.112.17", "172.31.112.16:445", 4)],
    ZEEK + "krb/kerberos_tso.pcapng": [
        ("conn-reset-by-peer", "info", "172.16.0.211", "172.16.0.100:445", 2),
        ("conn-reset-by-peer", "info", "172.16.0.211", "172.16.0.5:445", 2)],
    PCPP + "example2.pcap": [
        ("conn-app-timeout", "info", "10.0.0.1", "172.224.37.171:443", 1),
        ("conn-reset-by-peer", "info", "10.0.0.1", "168.61.58.14:80", 1),
        ("conn-reset-by-peer", "info", "10.0.0.1", "66.117.29.38:80", 1),
        ("conn-slow-peer", "warning", "10.0.0.1", "173.194.112.43:80", 1)],
    # HTTP 503, then the server's FIN
    PCPP + "one_http_stream_rst.pcap": [("conn-closed-early", "warning", "10.3.65.35", "185.8.212.46:80", 1)],
    "packetdrill-run/google_tcp_slow_start_slow-start-after-win-update.pcap": [
        ("conn-reset-by-peer", "warning", "192.0.2.1", "192.168.0.1:8080", 1)],
    ARKIME + "wireshark-retrans.pcap": [],
    ZEEK + "mixed-vlan-mpls.pcap": [],
    ZEEK + "nmap-vsn.pcap": [],
}

# Connections that were answered: of these some are one-sided (raw_ip, mixed-vlan-mpls), in one a
# mirror port shows every packet up to three times (wireshark-retrans), one has 126 of them.
ANSWERED = [
    ZEEK + "mixed-vlan-mpls.pcap", ZEEK + "http/206_example_b.pcap", ZEEK + "tcp/reassembly.pcap",
    ZEEK + "krb/kerberos_tso.pcapng", ZEEK + "smb/smb_v2_only_non_zero_reserved1.pcap",
    ZEEK + "tunnels/vxlan-encapsulated-http.pcap", ZEEK + "tunnels/gre-sample.pcap",
    ZEEK + "ipv6-http-atomic-frag.pcap", ZEEK + "tls/tls-1.2-handshake-failure.pcap",
    ARKIME + "wireshark-retrans.pcap", ARKIME + "socks5-http-302-frag.pcap", ARKIME + "v6.pcap",
    PCPP + "raw_ip.pcap", PCPP + "example2.pcap", PCPP + "one_http_stream_rst.pcap",
    "lwerdna+filesamples/simple_http_sll2.pcap",
    "packetdrill-run/google_tcp_slow_start_slow-start-after-win-update.pcap",
]


def read(path):
    """The findings of a file in valid JSON, the last line of each group, which counts its repeats."""
    done = subprocess.run([SOCKWHY, "read", path, "--json", "--all"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, done.stderr
    groups = {}
    for line in done.stdout.splitlines():
        line = json.loads(line)
        SCHEMA.validate(line)
        if line["type"] == "finding":
            groups[line["group"]] = line
    return list(groups.values())


def told(finding):
    local, remote = finding["connection"]["local"], finding["connection"]["remote"]
    return (finding["finding"], finding["confidence"], local["address"],
            f"{remote['address']}:{remote['port']}", finding["total"])


def of_connecting(findings):
    return sorted(told(f) for f in findings if f["finding"].startswith(("connect-", "accept-")))


@pytest.mark.parametrize("name", EXPECTED)
def test_what_is_in_it_is_found(name):
    assert of_connecting(read(PCAPS / name)) == EXPECTED[name]


@pytest.mark.parametrize("name", ANSWERED)
def test_who_was_answered_is_left_in_peace(name):
    assert not of_connecting(read(PCAPS / name))


def by_severity(findings, kinds):
    found = {}
    for finding in findings:
        if finding["finding"].startswith(kinds):
            key = told(finding)
            key = (key[0], finding["severity"], *key[2:4])
            found[key] = found.get(key, 0) + finding["total"]
    return sorted((*key, total) for key, total in found.items())


@pytest.mark.parametrize("name", CONNECTIONS)
def test_established_connections(name):
    assert by_severity(read(PCAPS / name), ("conn-", "tls-")) == CONNECTIONS[name]


@pytest.mark.parametrize("name", DATAGRAMS)
def test_lookups_and_datagrams(name):
    assert by_severity(read(PCAPS / name), ("dns-", "udp-")) == DATAGRAMS[name]


@pytest.mark.parametrize("name", sorted({*EXPECTED, *ANSWERED, *DATAGRAMS, *CONNECTIONS}))
def test_a_capture_knows_no_host(name):
    """No process, no errno, none of the findings about this host, and none of its commands."""
    for finding in read(PCAPS / name):
        assert not {"process", "errno", "path"} & finding.keys()
        assert not finding["finding"].startswith("local-")
        assert "this host" not in finding["summary"] + finding["cause"]
        assert all(check["on"] != "local" for check in finding["check"])
