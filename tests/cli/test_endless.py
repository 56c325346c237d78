# SPDX-License-Identifier: GPL-2.0-or-later
"""Input without end: what is held does not grow with what has passed."""

import pytest

from endless import peaks

CONNECTIONS = 300_000  # the tables, of 65,536 connections each, are full long before a third of them
MORE_MIB = 4  # 20 bytes kept of every connection would be as much


@pytest.mark.parametrize("arguments, says", [
    (["read", "-"], f"2395800 packets; {CONNECTIONS} attempts to connect or listen, 592 failed"),
    (["flows", "-"], "2395800 packets; "),
], ids=["read", "flows"])
def test_memory_stays_the_same(arguments, says):
    found, said = peaks(arguments, CONNECTIONS, CONNECTIONS // 3)
    assert says in said
    third, _, last = found.values()
    assert third > 30  # it is the tables that are measured
    assert last - third < MORE_MIB, found
