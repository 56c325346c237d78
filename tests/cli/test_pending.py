# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever waits is told of early, when its stage has waited for so long, and its end is of the same attempt."""

import datetime

import pytest

from program import findings

# seconds from the begin of what waits: the attempt's, or of its wait where that is later
STAGES = {
    "connect-no-answer": ("connect-no-answer", 1.01),  # the second SYN
    "dns-no-answer": ("dns-no-answer", 1.0),
    "tls-no-server-hello": ("tls-no-server-hello", 2.0),  # behind the ClientHello
    "conn-timed-out": ("conn-timed-out", None),  # the third time-out in a row, whenever that is
    "conn-reader-stalled": ("conn-reader-stalled", 5.0),  # a window that stays closed, at the next look
}
BEGAN = {"tls-no-server-hello": 0.00066, "conn-reader-stalled": 1.89966}  # s after the attempt's begin


def seconds(line, key):
    return datetime.datetime.fromisoformat(line[key][:26]).timestamp()


@pytest.mark.parametrize("name", STAGES)
def test_early_then_final(case, schema, name):
    finding, after = STAGES[name]
    early, final = findings(schema, case(name))
    assert [(line["finding"], line["state"]) for line in (early, final)] == [(finding, "pending"), (finding, "final")]
    assert early["attempt"] == final["attempt"] and early["started"] == final["started"]
    waited = seconds(early, "time") - seconds(early, "started") - BEGAN.get(name, 0)
    if name == "conn-reader-stalled":
        assert after <= waited < 2 * after + 0.1
    elif after:
        assert waited == pytest.approx(after, abs=0.021)  # a tick


def test_what_goes_on_is_cleared(case, schema):
    early, cleared = findings(schema, case("conn-peer-window-zero-lives"))
    assert (early["state"], cleared["state"]) == ("pending", "cleared") and early["attempt"] == cleared["attempt"]


@pytest.mark.parametrize("there, here", [("10.0.0.53", "10.0.0.1"), ("[fd00::53]", "[fd00::1]")], ids=["v4", "v6"])
@pytest.mark.parametrize("answered, told", [(1090, []), (1210, ["pending", "cleared"])], ids=["soon", "late"])
def test_a_lookup_that_is_answered(record, schema, here, there, answered, told):
    """Just before it is told of, and just after: then it is told that it worked after all."""
    path = record(f"set ifindex=2\n99.9 open cookie=9 how=lookup tuple={here}:40000>{there}:53 protocol=17 owner=app[4121]\n"
                  f'100 packet cookie=9 out packet="{here}:40000 > {there}:53 UDP id 1 dns 1,A,db.internal"\n'
                  + ("tick 1080\n" if answered < 1100 else "tick 1110\n")
                  + f'{answered} packet in packet="{there}:53 > {here}:40000 UDP id 1 dns 1,A,NOERROR,db.internal"\ntick 1300\ntick 12000\n')
    assert [line["state"] for line in findings(schema, path, "--set", "dns-slow=2000")] == told
