#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""matrix.py [RELEASE…] - what works on which kernel: boots Debian's, emulated, runs doctor, the demo, the tests of the kernel side
and a live test for many findings in each, and writes docs/kernels.md. With releases ("5.10"): those, and nothing is written.

Kernels and user space are packages, from the mirror that apt has here; they stay in build/vm, as do the logs.
"""

import concurrent.futures
import json
import pathlib
import re
import shutil
import sys
import tempfile

import boot
import debian

BUILD = boot.ROOT / "build"
KEPT = BUILD / "vm"
PAGE = boot.ROOT / "docs/kernels.md"
MADE, BY_HAND = "<!-- made by make matrix -->", "<!-- by hand -->"
AT_ONCE = 2
SECONDS = 2400  # a machine has to be done by then

# (name, suite whose newest kernel it is, architecture)
KERNELS = (
    ("5.10", "bullseye-security", "amd64"),
    ("6.1", "bookworm-security", "amd64"),
    ("6.12", "trixie-security", "amd64"),
    ("newest", "trixie-backports", "amd64"),
)
USER_SUITE = "bookworm"  # what is built on Debian 12 runs there
USER_PACKAGES = """
    bash coreutils dash findutils gawk grep sed tar util-linux mount hostname libc-bin procps kmod netbase iproute2 nftables
    nginx-light curl netcat-openbsd dnsmasq-base socat openssl python3 python3-pytest python3-pytest-xdist python3-jsonschema
    libbpf1 libelf1 libpcap0.8 libnl-3-200 libseccomp2 libncursesw6 libzstd1 libcmocka0""".split()

# The live test that provokes it, in one of its forms.
LIVE = {
    "local-no-route": "local.py::test_no_route[v4-blocking]",
    "local-route-rejects": "local.py::test_route_rejects[blocking-4-prohibit-EACCES]",
    "local-neighbor-failed": "local.py::test_neighbor_failed[v4-blocking-veth-host]",
    "local-ports-exhausted": "local.py::test_ports_exhausted[veth-v4-blocking]",
    "local-tuple-in-use": "local.py::test_tuple_in_use[veth-v4-blocking]",
    "local-port-in-use": "local.py::test_port_in_use[v4]",
    "local-port-privileged": "local.py::test_port_privileged[v4]",
    "local-address-absent": "local.py::test_address_absent_at_bind[v4]",
    "local-firewall": "connect_host.py::test_firewall_output[v4-veth-drop]",
    "unix-connect-failed": "unix.py::test_nobody_listens",
    "connect-refused-local": "connect_host.py::test_refused[veth-v4-blocking]",
    "connect-reply-dropped": "connect_host.py::test_reply_dropped[veth-v4]",
    "connect-reset-in-handshake": "connect_host.py::test_reset_in_handshake[veth-v4]",
    "connect-refused": "connect_remote.py::test_refused[v4-blocking]",
    "connect-rejected": "connect_remote.py::test_rejected[blocking-4-3.13-EHOSTUNREACH]",
    "connect-unreachable": "connect_remote.py::test_unreachable[blocking-4-3.1-EHOSTUNREACH]",
    "connect-no-answer": "connect_remote.py::test_no_answer_application_gives_up[v4-poll]",
    "connect-slow": "connect_remote.py::test_slow_by_a_lost_syn[v4-blocking]",
    "connect-fallback": "fallback.py::test_fallback_after_a_wait",
    "accept-queue-full": "accept.py::test_full[veth-v4-1]",
    "accept-unfinished": "accept.py::test_full_at_the_last_ack[veth-v4]",
    "accept-wrong-bind": "knock.py::test_wrong_bind[v4]",
    "conn-reset-by-peer": "established.py::test_reset_instead_of_an_answer[veth-v4]",
    "conn-reset-by-us": "established.py::test_reset_by_us_loses_what_was_written[veth-v4]",
    "conn-broken-pipe": "established.py::test_broken_pipe[veth-v4]",
    "conn-closed-early": "established.py::test_closed_early[veth-v4]",
    "conn-timed-out": "established.py::test_timed_out[v4-veth]",
    "conn-keepalive-timeout": "established.py::test_keepalive[v4-veth]",
    "conn-local-drop": "established.py::test_dropped_by_this_host[veth-v4]",
    "conn-app-timeout": "established.py::test_gave_up_waiting[veth-v4]",
    "conn-idle-dropped": "forgotten.py::test_forgotten_and_reset[v4]",
    "conn-mtu-blackhole": "forgotten.py::test_large_segments_are_lost[v4]",
    "conn-client-gave-up": "forgotten.py::test_client_resets_when_it_has_waited[v4]",
    "conn-reader-stalled": "close.py::test_server_does_not_read[veth-v4]",
    "close-wait-leak": "close.py::test_server_does_not_close[veth-v4]",
    "close-fin-wait-stuck": "forgotten.py::test_fin_wait[v4]",
    "close-last-ack-stuck": "established.py::test_last_ack[v4-veth]",
    "dns-server-down": "names.py::test_server_down[v4-veth]",
    "dns-no-answer": "names.py::test_no_answer[v4-veth]",
    "udp-port-unreachable": "datagrams.py::test_port_unreachable[veth-v4-connect]",
    "udp-no-reply": "datagrams.py::test_no_reply[veth-v4]",
    "udp-too-big": "datagrams.py::test_too_big[veth-v4]",
    "udp-receive-buffer-full": "datagrams.py::test_receive_buffer_full[veth-v4-200]",
    "tls-alert": "tls.py::test_unknown_authority[veth-v4]",
    "tls-not-tls": "tls.py::test_plain_http[veth-v4]",
    "tls-no-server-hello": "tls.py::test_no_answer[veth-v4]",
    "io_uring: local-no-route": "uring.py::test_connect_without_a_route[v4-self]",
    "`states`": "states.py::test_states_and_owners[veth-v4]",
    "healthy connections": "holds.py::test_healthy_connections[v4]",
    "healthy ends": "resets.py::test_healthy_ends[v4]",
    "healthy TLS": "tls.py::test_healthy[veth-v4]",
}


PYTEST = "/usr/bin/python3 -B -m pytest -p no:cacheprovider -v -n0 --color=no --tb=short"
AGAIN = r"sed -n 's/^\(tests.live.\)\?\(test_\S*\) \(FAILED\|ERROR\).*/tests\/live\/\2/p' /tmp/live | sort -u"


def commands():
    """What failed live is tried once more: this is an emulated machine, on one that may do other things."""
    tests = " ".join(f"'tests/live/test_{test}'" for test in LIVE.values())
    found = {"doctor": "build/sockwhy doctor --json", "demo": "tests/demo/demo.sh build/sockwhy",
             "live": f"{PYTEST} {tests} | tee /tmp/live", "again": f"{AGAIN} | xargs -r -d '\\n' {PYTEST}"}
    for source in sorted((boot.ROOT / "tests/bpf").glob("*_test.c")):
        found[f"bpf/{source.stem}"] = f"timeout 300 build/tests/bpf/{source.stem}"
    return found


class Told:
    """What one kernel was found to do."""

    def __init__(self, release, results):
        self.release = release
        self.results = results
        status, lines = results["doctor"]
        rows = [json.loads(line) for line in lines if line.startswith("{")]
        self.able = status == 0
        self.missing = {row["name"]: row.get("why") or row.get("detail") for row in rows
                        if row["type"] == "hook" and row["state"] == "missing"
                        or row["type"] in ("check", "fence") and not row["ok"]}

    def outcomes(self, name):
        """{test: whether it passed}, of those that ended."""
        found = {}
        for line in self.results[name][1]:
            if match := re.match(r"(?:tests/live/)?test_(\S+?\.py::\S+) (PASSED|FAILED|ERROR|SKIPPED)", line):
                found[match[1]] = found.get(match[1], True) and match[2] == "PASSED"
        return found

    def demo(self):
        status, lines = self.results["demo"]
        unsaid = re.findall(r"^demo: sockwhy did not say (\S+)$", "\n".join(lines), re.M)
        wrong = sum(line.startswith("demo: ") and " as expected" not in line for line in lines)
        if status is None:
            return "did not end"
        return f"{10 - wrong} of 10" + "".join(f", not `{finding}`" for finding in unsaid)

    def bpf(self):
        """How many of them passed, and the names of those that did not."""
        good, bad = 0, []
        tried = {name: result for name, result in self.results.items() if name.startswith("bpf/") and result[1]}
        for name, (status, lines) in tried.items():
            good += sum(line.startswith("[       OK ]") for line in lines)
            failed = sorted({match[1] for line in lines if (match := re.match(r"\[  FAILED  \] ([a-z_]\w*)$", line))})
            bad += failed or [name.removeprefix("bpf/")] * (status != 0)
        if not tried:
            return "not tried"
        return f"{good} passed" + (", not " + ", ".join(f"`{name}`" for name in bad) if bad else "")

    def count(self):
        return f"{sum(self.word(test) == 'yes' for test in LIVE.values())} of {len(LIVE)}"

    def word(self, test):
        once, again = self.outcomes("live").get(test), self.outcomes("again").get(test)
        if once or again:
            return "yes"
        return "**less**" if again is False else "not tried" if once is None else "failed once"


def play(work, name, suite, arch, user):
    """Boots one kernel and runs everything in it."""
    mirror = debian.Suite(KEPT, suite, arch)
    with tempfile.TemporaryDirectory(dir=work) as folder:
        machine = boot.Machine(pathlib.Path(folder), arch, mirror.kernel(), user)
        told = Told(machine.release, machine.run(commands(), KEPT / f"{name}-{arch}.log", SECONDS))
    print(f"{told.release}: demo {told.demo()}; kernel side {told.bpf()}; live {told.count()}", flush=True)
    return told


def table(head, rows):
    return ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"] + ["| " + " | ".join(row) + " |" for row in rows]


def page(tolds):
    releases = [told.release for told in tolds]
    lines = table(["", *releases], [
        ["`watch` and `run`", *("yes" if told.able else "no" for told in tolds)],
        ["the demo", *(told.demo() for told in tolds)],
        ["tests of the kernel side", *(told.bpf() for told in tolds)],
        ["live tests below", *(told.count() for told in tolds)]])
    names = list(dict.fromkeys(name for told in tolds for name in told.missing))
    why = {name: next(told.missing[name] for told in tolds if name in told.missing) for name in names}
    lines += ["", "What `sockwhy doctor` misses:", ""]
    lines += table(["", *releases, "why"], [[name, *("missing" if name in told.missing else "" for told in tolds), why[name]] for name in names])
    lines += ["", "What was told of the fault that provokes it:", ""]
    needs = {row["name"]: row["kernels"] for row in map(json.loads, debian.run(BUILD / "sockwhy", "explain", "--json").splitlines())
             if row["of"] == "finding"}
    rows = [[finding, *(told.word(test) for told in tolds)] for finding, test in LIVE.items()]
    lines += table(["finding", *releases, "what it takes, where one lacks it"],
                   [[*row, needs.get(row[0], "") if "**less**" in row else ""] for row in rows])
    return lines


def write(lines):
    old = PAGE.read_text(encoding="utf-8")
    before, rest = old.split(MADE + "\n", 1)
    PAGE.write_text(before + MADE + "\n" + "\n".join(lines) + "\n" + BY_HAND + rest.split(BY_HAND, 1)[1], encoding="utf-8")


def main():
    chosen = [kernel for kernel in KERNELS if kernel[0] in sys.argv[1:] or not sys.argv[1:]]
    assert chosen, f"no such kernel: {' '.join(sys.argv[1:])}"
    KEPT.mkdir(parents=True, exist_ok=True)
    work = pathlib.Path(tempfile.mkdtemp(prefix="sockwhy-matrix.", dir="/var/tmp"))
    try:
        user = work / "amd64.cpio"
        boot.user_space(debian.Suite(KEPT, USER_SUITE, "amd64").with_all_they_need(*USER_PACKAGES), BUILD, work / "user", user)
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as machines:  # they mostly wait for timers
            tolds = list(machines.map(lambda kernel: play(work, *kernel, user), chosen))
    finally:
        shutil.rmtree(work)
    if not sys.argv[1:]:
        write(page(tolds))


if __name__ == "__main__":
    main()
