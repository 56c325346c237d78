# SPDX-License-Identifier: GPL-2.0-or-later
"""Connects whose other end is this very machine, over lo and over veth: what its own kernel did decides."""

import pytest

from lab import DENY, FAULT, free_port

# What a firewall of this host does to the SYN: rule, and what the application sees in IPv4 and in IPv6.
REFUSALS = {
    "drop": ("drop", "ETIMEDOUT", "ETIMEDOUT"),
    "reset": ("reject with tcp reset", "ECONNREFUSED", "ECONNREFUSED"),
    "port": ("reject with icmpx type port-unreachable", "ECONNREFUSED", "ECONNREFUSED"),
    "admin": ("reject with icmpx type admin-prohibited", "EHOSTUNREACH", "EACCES"),
}


def related(finding, role):
    return [r for r in finding["related"] if r["role"] == role]


def test_refused(lab, watch, place, family, blocking):
    port, there = free_port(), place.address(family)
    agent = watch()
    saw = lab.fault(*blocking, "connect", there, port)
    assert saw["errno"] == "ECONNREFUSED"
    agent.assert_only("connect-refused-local", pid=saw["pid"], errno="ECONNREFUSED", remote=(there, port),
                      local_port=saw["local"][1], confidence="certain", ended="errno")


def test_refused_from_a_chosen_port(lab, watch, place, family):
    port, mine, there = free_port(), free_port(), place.address(family)
    agent = watch()
    saw = lab.fault("-p", mine, "connect", there, port)
    assert saw["errno"] == "ECONNREFUSED"
    agent.assert_only("connect-refused-local", pid=saw["pid"], remote=(there, port), local_port=mine)


def test_refused_mapped(lab, watch, place):
    """An IPv6 socket that speaks IPv4."""
    port, there = free_port(), place.address(4)
    agent = watch()
    saw = lab.fault("connect", f"::ffff:{there}", port)
    assert saw["errno"] == "ECONNREFUSED"
    agent.assert_only("connect-refused-local", pid=saw["pid"], errno="ECONNREFUSED", remote=(there, port))


def test_refused_names_the_other_address(lab, watch, family):
    """Served on loopback only, asked for at the address of the interface."""
    port = free_port()
    lab.link()
    here = lab.host.address(family)
    server = lab.serve("::1" if family == 6 else "127.0.0.1", port)
    agent = watch()
    saw = lab.fault("connect", here, port)
    assert saw["errno"] == "ECONNREFUSED"
    found = agent.assert_only("connect-refused-local", pid=saw["pid"], errno="ECONNREFUSED", remote=(here, port))
    if found:
        assert [r["process"]["pid"] for r in related(found, "listener")] == [server.pid]


def test_refused_names_the_other_family(lab, watch, family):
    port = free_port()
    server = lab.serve("127.0.0.1" if family == 6 else "::1", port, "keep", "-6")
    agent = watch()
    saw = lab.fault("connect", "::1" if family == 6 else "127.0.0.1", port)
    assert saw["errno"] == "ECONNREFUSED"
    found = agent.assert_only("connect-refused-local", pid=saw["pid"], errno="ECONNREFUSED")
    if found:
        assert [r["process"]["pid"] for r in related(found, "listener")] == [server.pid]


def test_refused_names_the_other_namespace(lab, watch, family):
    port = free_port()
    far = lab.link()
    server = lab.serve(far.address(family), port, ns=far)
    agent = watch()
    saw = lab.fault("connect", "::1" if family == 6 else "127.0.0.1", port)
    assert saw["errno"] == "ECONNREFUSED"
    found = agent.assert_only("connect-refused-local", pid=saw["pid"], errno="ECONNREFUSED")
    if found:
        listener = related(found, "listener")[0]
        assert listener["process"]["pid"] == server.pid and listener["connection"]["netns"] == far.inode


@pytest.mark.parametrize("kind", REFUSALS)
@pytest.mark.parametrize("where", ["lo", "veth", "tap"])
def test_firewall_output(lab, watch, family, where, kind):
    port = free_port()
    if where == "tap":
        there = lab.internet().host(family, "accept")
    elif where == "veth":
        there = lab.link().address(family)
    else:
        there = "::1" if family == 6 else "127.0.0.1"
    rule, *errnos = REFUSALS[kind]
    lab.host.nft("output", f"tcp dport {port} counter {rule}")
    agent = watch()
    saw = lab.fault("-U", 1500, "connect", there, port)
    assert saw["errno"] == errnos[family == 6] and lab.host.nft_packets() >= 1
    agent.assert_only("local-firewall", pid=saw["pid"], errno=saw["errno"], remote=(there, port),
                      local_port=saw["local"][1])


@pytest.mark.parametrize("kind", REFUSALS)
def test_firewall_input(lab, watch, place, family, kind):
    """The other end's own firewall, on this machine: in the same namespace or in the other."""
    port, there = free_port(), place.address(family)
    rule, *errnos = REFUSALS[kind]
    place.serve(family, port)
    place.ns.nft("input", f"tcp dport {port} counter {rule}")
    agent = watch()
    saw = lab.fault("-U", 1500, "connect", there, port)
    assert saw["errno"] == errnos[family == 6] and place.ns.nft_packets() >= 1
    agent.assert_only("local-firewall", pid=saw["pid"], errno=saw["errno"], remote=(there, port))


def test_firewall_nonblocking(lab, watch, place, family):
    port, there = free_port(), place.address(family)
    lab.host.nft("output", f"tcp dport {port} counter drop")
    agent = watch()
    saw = lab.fault("-N", "-t", 1400, "connect", there, port)
    assert saw["gave_up"]
    agent.assert_only("local-firewall", pid=saw["pid"], remote=(there, port), ended="canceled")


def test_firewall_of_tc(lab, watch, family):
    """Somebody's TC filter drops at egress of the veth: classic BPF, answers TC_ACT_SHOT."""
    port = free_port()
    there = lab.link().address(family)
    dev = lab.host.device
    kind = 0x86DD if family == 6 else 0x0800
    lab.host.run(f"tc qdisc add dev {dev} clsact; tc filter add dev {dev} egress pref 5 "
                 f"bpf da bytecode '4,40 0 0 12,21 0 1 {kind},6 0 0 2,6 0 0 4294967295,'")
    # neighbour discovery is IPv6 too: what it would find is given
    far = lab.namespaces[-1]
    mac = far.run(f"cat /sys/class/net/{far.device}/address 2>/dev/null || ip -br link show dev {far.device}").split()
    mac = next(word for word in mac if word.count(":") == 5)
    lab.host.ip(f"neigh replace {there} lladdr {mac} nud permanent dev {dev}")
    agent = watch()
    saw = lab.fault("-U", 1500, "connect", there, port)
    assert saw["errno"] == "ETIMEDOUT"
    agent.assert_only("local-firewall", pid=saw["pid"], errno="ETIMEDOUT", remote=(there, port))


def test_firewall_of_cgroup(lab, watch, place, family):
    """What IPAddressDeny= does: a cgroup program drops at egress."""
    port, there = free_port(), place.address(family)
    place.serve(family, port)
    group = lab.cgroup()
    assert lab.start("egress", group, exe=DENY).line()["op"] == "denying"
    agent = watch()
    saw = lab.fault("-U", 1500, "connect", there, port, wrap=("sh", "-c", f'echo $$ > {group}/cgroup.procs; exec "$@"', "-"))
    assert saw["errno"] == "ETIMEDOUT"
    agent.assert_only("local-firewall", pid=saw["pid"], errno="ETIMEDOUT", remote=(there, port))


def test_firewall_that_accepts(lab, watch, place, family):
    """Nearest miss: the rules count and let pass, the port is just closed."""
    port, there = free_port(), place.address(family)
    lab.host.nft("output", f"tcp dport {port} counter accept", "tcp dport 1 drop")
    lab.host.nft("input", "counter accept")
    agent = watch()
    saw = lab.fault("connect", there, port)
    assert saw["errno"] == "ECONNREFUSED" and lab.host.nft_packets() >= 2
    agent.assert_only("connect-refused-local", pid=saw["pid"], errno="ECONNREFUSED", remote=(there, port))


def test_reply_dropped(lab, watch, place, family):
    """The SYN arrived and was answered; the answer was dropped on its way in."""
    port, there = free_port(), place.address(family)
    place.serve(family, port)
    lab.host.nft("input", f"tcp sport {port} counter drop")
    agent = watch()
    saw = lab.fault("-U", 1500, "connect", there, port)
    assert saw["errno"] == "ETIMEDOUT" and lab.host.nft_packets() >= 1
    agent.assert_only("connect-reply-dropped", pid=saw["pid"], errno="ETIMEDOUT", remote=(there, port),
                      confidence="certain")


def test_reset_in_handshake(lab, watch, place, family):
    """The server accepts and closes with SO_LINGER 0 before a byte is said."""
    port, there = free_port(), place.address(family)
    place.serve(family, port, "linger0")
    agent = watch()
    proc = lab.start("-g", "-k", "connect", there, port)
    saw = proc.line()
    assert saw["errno"] in ("0", "ECONNRESET")
    agent.assert_only("connect-reset-in-handshake", pid=saw["pid"], remote=(there, port))
    proc.release()


@pytest.mark.parametrize("mode", ["close", "hello"])
def test_closed_at_once_is_no_reset(lab, watch, place, family, mode):
    """Nearest miss: the server closes in the regular way, with or without a word."""
    port, there = free_port(), place.address(family)
    place.serve(family, port, mode)
    agent = watch()
    saw = lab.fault("-g", "connect", there, port)
    assert saw["errno"] == "0"
    agent.silent(allow=("conn-closed-early",))


def test_health_check_is_no_reset(lab, watch, place, family):
    """Nearest miss: it is the client that resets, as balancers check."""
    port, there = free_port(), place.address(family)
    place.serve(family, port, "keep")
    agent = watch()
    saw = lab.fault("-l", "connect", there, port)
    assert saw["errno"] == "0"
    agent.silent()


def test_self_connect(lab, watch, family):
    """Source port and destination port are the same: the connection meets itself."""
    port = free_port()
    agent = watch()
    saw = lab.fault("-p", port, "connect", "::1" if family == 6 else "127.0.0.1", port)
    assert saw["errno"] == "0"
    agent.silent()


def test_retried_on_one_socket(lab, watch, place, family):
    """Each connect() on the refused socket is a try of its own; together they are one caller's wish."""
    port, there = free_port(), place.address(family)
    agent = watch()
    saw = lab.fault("-n", 3, "connect", there, port)
    assert [line["errno"] for line in saw["lines"]] == ["ECONNREFUSED"] * 3
    agent.quiesce()
    found = agent.findings(state="final")
    agent.stop()
    if found:
        found = agent.findings(state="final")
        assert {f["finding"] for f in found} == {"connect-refused-local"}
        assert {f["process"]["pid"] for f in found} == {saw["pid"]}
        assert found[-1]["total"] in (1, 3), "one attempt of three tries, or three attempts"


def test_interrupted(lab, watch, family):
    """A signal handler interrupts connect(): it goes on, and ends well."""
    net, port = lab.internet(), free_port()
    there = net.host(family, "accept", delay=0.3)
    agent = watch()
    saw = lab.fault("-E", 100, "connect", there, port)
    assert saw["first_errno"] == "EINTR" and saw["errno"] == "0"
    agent.silent()


def test_interrupted_then_refused(lab, watch, family):
    net, port = lab.internet(), free_port()
    there = net.host(family, "reset", delay=0.3)
    agent = watch()
    saw = lab.fault("-E", 100, "connect", there, port)
    assert saw["first_errno"] == "EINTR" and saw["errno"] == "ECONNREFUSED"
    agent.assert_only("connect-refused", pid=saw["pid"], remote=(there, port), errno="ECONNREFUSED")


def test_two_pairs_with_the_same_addresses(lab, watch):
    """Containers have the same addresses in every bridge: tuples alone must not join them."""
    port = free_port()
    far = [lab.link(lab.namespace(), net=("10.250.7", "fd00:250:7:")) for _ in range(2)]
    near = [ns for ns in lab.namespaces if ns.v4 == "10.250.7.1"]
    far[1].nft("input", f"tcp dport {port} counter drop")
    programs = []
    for n in range(2):
        programs.append(lab.dir / f"app{n}")
        programs[n].write_bytes(FAULT.read_bytes())
        programs[n].chmod(0o755)
    agent = watch()
    procs = [lab.start("-p", 40000, "-U", 1500, "connect", "10.250.7.2", port, ns=near[n], exe=programs[n]) for n in range(2)]
    assert [proc.release()[0]["errno"] for proc in procs] == ["ECONNREFUSED", "ETIMEDOUT"]
    agent.quiesce()
    said = {(f["finding"], f["process"]["pid"], f["process"]["comm"], f["connection"]["netns"])
            for f in agent.findings(state="final")}
    assert said == {("connect-refused-local", procs[0].pid, "app0", near[0].inode),
                    ("local-firewall", procs[1].pid, "app1", near[1].inode)}


def test_what_changed_is_told(lab, watch, place, family):
    """A rule was added a moment before: the finding says so."""
    port, there = free_port(), place.address(family)
    place.serve(family, port)
    agent = watch()
    assert lab.fault("connect", there, port)["errno"] == "0"
    lab.host.nft("output", f"tcp dport {port} counter drop")
    saw = lab.fault("-U", 1500, "connect", there, port)
    assert saw["errno"] == "ETIMEDOUT"
    found = agent.assert_only("local-firewall", pid=saw["pid"], errno="ETIMEDOUT", remote=(there, port))
    if found:
        assert found["changed"], "the new rule is not told"
        assert found["scope"]["attempts"] >= 1
