# SPDX-License-Identifier: GPL-2.0-or-later
"""What could not be seen of one attempt: a code in its `blind` and less confidence, and nothing of it in the attempt beside it.

Every kind of wish meets every cause, before, while and after: a connect, a lookup, a connection that stands, its TLS handshake.
"""

import json

import pytest

from program import sockwhy

FLOW = "flow.segments_out=4 flow.segments_in=1 flow.sent_ns=1002600000000 flow.received_ns=1001100000000 flow.heard_ns=1001150000000"
OPENS = ("100 open cookie=7 tuple={here}>{there}:8080 owner=app[4121]\n"
         '100.02 packet cookie=7 ifindex=2 out packet="{here}:45678 > {there}:8080 SYN seq 1000 win 64240 mss 1440 sack ts wscale 7"\n')
WORKS = ('100.31 packet ifindex=2 in packet="{there}:8080 > {here}:45678 SYN,ACK seq 5000 ack 1001 win 65160 mss 1440 sack ts wscale 7 ttl 63"\n'
         "100.34 state cookie=7 tuple={here}:45678>{there}:8080 state=SYN_SENT>ESTABLISHED isn=1000 total_retransmits=0\n")
WAY = "cookie=7 tuple={here}:45678>{there}:8080"
KINDS = {
    "connect": ("connect-no-answer", "likely", OPENS + f"@\n1110 retransmit {WAY} state=SYN_SENT isn=1000 error=0 retransmits=1\n"
                f"3110 retransmit {WAY} state=SYN_SENT isn=1000 error=0 retransmits=2\n"
                f"7220 state {WAY} state=SYN_SENT>CLOSE isn=1000 error=ETIMEDOUT retransmits=2\ntick 7600\n"),
    "lookup": ("dns-no-answer", "likely", "set ifindex=2\n99.9 open cookie=7 how=lookup tuple={here}:40000>{there}:53 protocol=17 owner=app[4121]\n"
               '100 packet cookie=7 out packet="{here}:40000 > {there}:53 UDP id 1 dns 1,A,db.internal"\n@\n'
               "tick 1200\ntick 5000\ntick 10200\n"),
    "connection": ("conn-timed-out", "certain", OPENS + WORKS + "tick 1500\n@\n"
                   f"2600 retransmit {WAY} state=ESTABLISHED bytes_sent=120 bytes_received=900 unsent_bytes=200 retransmits=3 {FLOW} known=+flow,+timeouts,+times\n"
                   f"7100 state {WAY} state=ESTABLISHED>CLOSE isn=1000 error=ETIMEDOUT bytes_sent=120 bytes_received=900 unsent_bytes=200 "
                   f"flow.bytes_sent=320 retransmits=5 {FLOW} known=+flow,+timeouts,+times\ntick 8000\n"),
    "handshake": ("tls-no-server-hello", "likely", OPENS + WORKS +
                  '101 packet cookie=7 ifindex=2 out packet="{here}:45678 > {there}:8080 PSH,ACK seq 1001 ack 5001 tls hello,db.internal"\n@\n'
                  f"tick 4100\n4101 state {WAY} state=FIN_WAIT2>CLOSE isn=1000 bytes_sent=81 bytes_received=0 unsent_bytes=0 flow.bytes_sent=81 "
                  "flow.segments_out=1 flow.segments_in=0 flow.sent_ns=1001300000000 flow.received_ns=0 flow.heard_ns=0 "
                  "known=+flow,+timeouts,+times\ntick 4500\n"),
}
INTERFACE = "20 interface ifindex=2 name=eth0 mtu=1500 flags=up,carrier{}\n"
# what comes before, what while it lasts, the code, and what is sure of whom: absence, or what the kernel itself says
CAUSES = {
    "nothing": ("", "", None),
    "lost": ("", "2000 lost packet=3\n", "lost-records"),
    "shed": ("", "2000 suppressed packet=3\n", "lost-records"),
    "lost-before": ("10 lost packet=3\n10 suppressed open=5\n", "", None),
    "no-hook": ("0 hook name=drop state=left-out\n", "", "hook-missing"),
    "no-interface": (INTERFACE.format(""), "", "packets-out-of-sight"),
    "late": (INTERFACE.format(""), "500 interface ifindex=2 name=eth0 mtu=1500 flags=up,carrier,tc-in,tc-out\n", "started-late"),
}
FAMILIES = pytest.mark.parametrize("here, there", [("10.0.0.1", "10.0.0.2"), ("[fd00::1]", "[fd00::2]")], ids=["v4", "v6"])


def finals(path, schema):
    found = [schema.check(line) for line in sockwhy("read", "--json", path).out.splitlines()]
    return [line for line in found if line["type"] == "finding" and line["state"] == "final"]


@FAMILIES
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cause", CAUSES)
def test_one_attempt(record, schema, here, there, kind, cause):
    finding, confidence, text = KINDS[kind]
    before, meanwhile, code = CAUSES[cause]
    if cause in ("no-interface", "late"):
        if kind in ("connection", "handshake"):
            code = None  # its socket tells, and that its SYN/ACK passed was seen
        if kind == "connect":  # .. of this one nobody saw a packet
            text = "".join(line for line in text.splitlines(keepends=True) if " packet " not in line)
    text = before + "tick 50\n" + text.format(here=here, there=there).replace("@\n", meanwhile)
    told, = finals(record(text), schema)
    assert told["finding"] == finding, json.dumps(told)
    assert (code in told["blind"]) if code else ("blind" not in told), json.dumps(told)
    if code is None:
        assert told["confidence"] == confidence, json.dumps(told)
    else:  # never as sure as with all in sight; where absence is what it rests on, possible
        rests_on_absence = kind in ("connect", "lookup") or code == "lost-records"
        assert told["confidence"] == ("possible" if rests_on_absence else "likely"), json.dumps(told)
