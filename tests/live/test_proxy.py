# SPDX-License-Identifier: GPL-2.0-or-later
"""A connection to an address that nobody asked for: a variable of the process names a proxy there."""

import pytest

from lab import free_port


def url(address, port):
    return f"http://jane:hunter2@{f'[{address}]' if ':' in address else address}:{port}/"


@pytest.mark.parametrize("variable", ["http_proxy", "HTTPS_PROXY", "all_proxy"])
def test_proxy_of_the_environment(lab, watch, family, variable):
    port, there = free_port(), lab.internet().host(family)
    agent = watch()
    saw = lab.fault("-N", "-t", 2500, "connect", there, port, wrap=("env", f"{variable}={url(there, port)}"))
    assert saw["gave_up"]
    found = agent.assert_only("connect-no-answer", pid=saw["pid"], remote=(there, port))
    if found:
        assert f"it is the proxy that {variable} in the environment of fault names" in found["cause"], found["cause"]
        fact = [e["text"] for e in found["evidence"] if e["event"] == "proxy"]
        assert len(fact) == 1 and variable in fact[0] and there in fact[0], fact
        assert "jane" not in str(agent.lines) and "hunter2" not in str(agent.lines)


def test_another_proxy(lab, watch, family):
    """Nearest miss: that proxy has another port, or another address."""
    port, net = free_port(), lab.internet()
    there, other = net.host(family), net.host(family)
    agent = watch()
    saw = lab.fault("-N", "-t", 2500, "connect", there, port,
                    wrap=("env", f"http_proxy={url(there, port + 1)}", f"https_proxy={url(other, port)}"))
    found = agent.assert_only("connect-no-answer", pid=saw["pid"], remote=(there, port))
    if found:
        assert "proxy" not in found["cause"] and not [e for e in found["evidence"] if e["event"] == "proxy"], found
