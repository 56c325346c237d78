# SPDX-License-Identifier: GPL-2.0-or-later
"""Resolvers and forwarders of several makes: whatever stands between a wish and its server, there is one verdict, and it names both."""

import os
import shutil
import subprocess
import sys

import pytest

from harness import describe
from lab import PATIENCE_S, Process
from program import ROOT
from test_flows import PEER
from test_names import FINAL_S, GLIBC, Names, told
from test_quiet import Program, private_etc

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


# ---- unbound ----

UNBOUND = """server:
  interface: {here}
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{dir}"
  pidfile: ""
  use-syslog: no
  module-config: "iterator"
  access-control: 0.0.0.0/0 allow
  access-control: ::0/0 allow
  do-not-query-localhost: no
  local-zone: "test." nodefault
forward-zone:
  name: "."
  forward-addr: {there}
remote-control:
  control-enable: no
"""


def serve_names(lab, ns, address, tcp=True):
    """A name server of ours; what it answers is in the name."""
    lab.start(PEER, exe=sys.executable, ns=ns).ask(do="names", address=address, tcp=tcp)


@pytest.mark.parametrize("name, finding, severity", [("silent.test", "dns-no-answer", "error"), ("servfail.test", "dns-servfail", "error"),
                                                     ("nx.test", "dns-nxdomain", "warning"), ("ok.test", None, None)])
def test_unbound(lab, watch, family, name, finding, severity):
    """A resolver that asks elsewhere for its client, as systemd-resolved's stub does: what ails it is told with the client's lookup."""
    here, far = "::1" if family == 6 else "127.0.0.53", lab.link()
    serve_names(lab, far, far.address(family))
    config = lab.dir / "unbound.conf"
    config.write_text(UNBOUND.format(here=here, dir=lab.dir, there=far.address(family)))
    Program(lab, lab.host, ["unbound", "-d", "-c", config], 53)
    agent = watch()
    etc = private_etc(lab, resolv_conf=f"nameserver {here}\noptions timeout:2 attempts:1\n", nsswitch_conf="hosts: dns\n")
    done = subprocess.run(lab.host.command(*etc, sys.executable, "-c", GLIBC, name), stdout=subprocess.PIPE, text=True, check=True,
                          timeout=PATIENCE_S)
    assert done.stdout == ("0\n" if finding else "1\n")
    if not finding:
        agent.silent()
        return
    found = told(agent, finding, severity=severity)
    assert found["connection"]["remote"]["address"] == here, describe([found])
    if finding != "dns-nxdomain":  # who does not exist is not looked for elsewhere
        assert "unbound[" in found["cause"] and far.address(family) in found["cause"], describe([found])


# ---- resolvers that are not the C library's ----

STYLES = ("go", "musl", "cares")
# what the name server does, and what its client is told
WISHES = {"nx": "dns-nxdomain", "servfail": "dns-servfail", "refused": "dns-servfail", "silent": "dns-no-answer", "tc": "dns-truncated",
          "down": "dns-server-down", "ok": None}


@pytest.fixture(scope="module")
def resolver(tmp_path_factory):
    """tests/helpers/resolver.c"""
    path = tmp_path_factory.mktemp("resolver") / "resolver"
    subprocess.run(["gcc", "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror", "-o", path,
                    ROOT / "tests/helpers/resolver.c"], check=True, timeout=60)
    return path


def test_of_their_own(lab, watch, family, resolver):
    """As Go, musl and c-ares ask: each of their wishes that fails has the one right verdict, and the one that does not has none."""
    far = lab.link()
    there = far.address(family)
    for limit in ("net.ipv4.icmp_ratelimit", "net.ipv6.icmp.ratelimit"):  # every query to the shut port is answered
        far.sysctl(limit, 0)
    serve_names(lab, far, there, tcp=False)
    shut = there.replace("::2", "::3") if family == 6 else there[:-1] + "3"
    far.ip(f"addr add {shut}/{64 if family == 6 else 24} dev {far.device} {'nodad' if family == 6 else ''}")
    agent = watch()
    asked = {}
    for style in STYLES:
        for wish in WISHES:
            proc = lab.start(style, f"{wish}-{style}.test", shut if wish == "down" else there, 500, 2, exe=resolver)
            asked[proc.pid] = (style, wish, proc)
    for style, wish, proc in asked.values():
        line, = proc.release()
        assert (line["addresses"] > 0) == (wish == "ok") and (line["rcode"] == 3) == (wish == "nx"), (style, wish, line)
    wanted = {pid: WISHES[wish] for pid, (_, wish, _) in asked.items() if WISHES[wish]}
    for pid in wanted:
        agent.wait_for(FINAL_S, pid=pid, state="final")
    agent.quiesce(slow=False)
    told_of = sorted((f["process"]["pid"], f["finding"]) for f in agent.loud_finals())
    assert told_of == sorted(wanted.items()), [(asked.get(pid, "?")[:2], finding) for pid, finding in told_of
                                               if (pid, finding) not in wanted.items()] + [
        asked[pid][:2] for pid in wanted if pid not in dict(told_of)]


def one_verdict_each(agent, wanted):
    """`wanted`: pid -> finding. All of them were told, once, and nothing else; returns what was."""
    for pid in wanted:
        agent.wait_for(FINAL_S, pid=pid, state="final")
    agent.quiesce()
    finals = agent.loud_finals()
    assert sorted((f["process"]["pid"], f["finding"]) for f in finals) == sorted(wanted.items()), describe(finals)
    return finals


# ---- programs with resolvers of their own ----

SPEC = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror"]
HTTP = """
daemon off; master_process off; pid {dir}/nginx.pid; error_log stderr; worker_processes 1; user root;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u;
  scgi_temp_path {dir}/s; server {{ listen 80; listen [::]:80; location / {{ return 200 "{{}}"; }} }}
}}
"""


@pytest.fixture(scope="module")
def wishers(tmp_path_factory):
    """By name the command that looks up what follows it: gron is Go's net/http, wish.c what it is linked with."""
    folder, source = tmp_path_factory.mktemp("wish"), ROOT / "tests/helpers/wish.c"
    for argv in (["musl-gcc", "-static", "-o", folder / "musl", source], ["gcc", "-DCARES", "-o", folder / "cares", source, "-lcares"]):
        subprocess.run([argv[0], *SPEC, *argv[1:]], check=True, timeout=60)
    return {"gron": lambda name: ["env", "GODEBUG=netdns=go", "gron", f"http://{name}/"], "musl": lambda name: [folder / "musl", name],
            "cares": lambda name: [folder / "cares", name]}


def test_real_programs(lab, watch, family, wishers):
    """Go, musl and c-ares themselves: one verdict a wish, with the name and with whose it was, and none for what works."""
    far = lab.link()
    there = far.address(family)
    for limit in ("net.ipv4.icmp_ratelimit", "net.ipv6.icmp.ratelimit"):
        far.sysctl(limit, 0)
    serve_names(lab, far, there, tcp=False)
    shut = there.replace("::2", "::3") if family == 6 else there[:-1] + "3"
    far.ip(f"addr add {shut}/{64 if family == 6 else 24} dev {far.device} {'nodad' if family == 6 else ''}")
    conf = lab.dir / "nginx.conf"
    conf.write_text(HTTP.format(dir=lab.dir))
    Program(lab, far, ["nginx", "-e", "stderr", "-c", conf], 80)
    etc = {}
    for server in (there, shut):  # private_etc() has one file of a name; c-ares has words of its own
        path = lab.dir / f"resolv.{server}"
        path.write_text(f"nameserver {server}\noptions timeout:1 attempts:2 retrans:1000 retry:2\n")
        etc[server] = ("unshare", "-m", "sh", "-ec", f'mount --bind {path} /etc/resolv.conf; exec "$@"', "-")
    agent = watch()
    asked = {}
    for program, command in wishers.items():
        for wish in WISHES:
            proc = Process(lab.host.command(*etc[shut if wish == "down" else there], *command(f"{wish}-{program}.test")))
            lab.processes.append(proc)
            lab.pids.add(proc.pid)
            asked[proc.pid] = (program, wish, proc)
    for program, wish, proc in asked.values():
        assert (proc.popen.wait(PATIENCE_S) == 0) == (wish == "ok"), (program, wish, proc.popen.stderr.read())
    for found in one_verdict_each(agent, {pid: WISHES[wish] for pid, (_, wish, _) in asked.items() if WISHES[wish]}):
        program, wish, _ = asked[found["process"]["pid"]]
        assert found["process"]["comm"] == program and f"{wish}-{program}.test" in found["summary"], describe([found])


# ---- systemd-resolved ----

RESOLVED = shutil.which("systemd-resolved", path=os.pathsep.join(
    ("/lib/systemd", "/var/lib/sockwhy-tests/systemd-resolved/lib/systemd")))  # installed, or unpacked by setup.sh


def resolved(lab, upstream):
    """The daemon, in lab.host, without D-Bus and with a configuration of its own; returns when its stub listens."""
    conf = lab.dir / "resolved.conf"
    conf.write_text(f"[Resolve]\nDNS={upstream}\nFallbackDNS=\nLLMNR=no\nMulticastDNS=no\nDNSSEC=no\nCache=no\n")
    caps = "+net_bind_service,+net_raw,+setpcap"
    script = f"mount -t tmpfs none /run; mkdir -p /run/systemd/resolve; chmod 777 /run/systemd/resolve; mount -t tmpfs none /etc/systemd; " \
        f"cp {conf} /etc/systemd/; exec setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps {caps} --ambient-caps {caps} {RESOLVED}"
    Program(lab, lab.host, ["unshare", "-m", "sh", "-ec", script], 53)


@pytest.mark.skipif(not RESOLVED, reason="no systemd-resolved here: make setup unpacks it")
def test_systemd_resolved(lab, watch, family):
    """Its stub at 127.0.0.53 and what it asks upstream: one verdict a wish, which names both; and none for what works."""
    far = lab.link()
    there = far.address(family)
    serve_names(lab, far, there)
    resolved(lab, there)
    agent = watch()
    etc = private_etc(lab, resolv_conf="nameserver 127.0.0.53\noptions timeout:2 attempts:1\n", nsswitch_conf="hosts: dns\n")
    wishes = {"nx": "dns-nxdomain", "servfail": "dns-servfail", "refused": "dns-servfail", "silent": "dns-no-answer", "ok": None}
    asked = {}
    for wish in wishes:
        proc = lab.start("-c", GLIBC, f"{wish}.test", exe=sys.executable, wrap=etc)
        asked[proc.pid] = (wish, proc)
    for wish, proc in asked.values():
        assert proc.release() == [int(wish == "ok")], wish
    for found in one_verdict_each(agent, {pid: wishes[wish] for pid, (wish, _) in asked.items() if wishes[wish]}):
        wish = asked[found["process"]["pid"]][0]
        assert f"{wish}.test" in found["summary"] and found["connection"]["remote"]["address"] == "127.0.0.53", describe([found])
        if wish != "nx":
            assert "systemd-resolve[" in found["cause"] and there in found["cause"], describe([found])


@pytest.mark.skipif(not RESOLVED, reason="no systemd-resolved here: make setup unpacks it")
def test_systemd_resolved_server_down(lab, watch, family):
    """Nobody listens where the stub asks: that is the cause of the SERVFAIL that its client heard, and nothing else is guessed."""
    far = lab.link()
    there = far.address(family)
    resolved(lab, there)
    agent = watch()
    etc = private_etc(lab, resolv_conf="nameserver 127.0.0.53\noptions timeout:5 attempts:1\n", nsswitch_conf="hosts: dns\n")
    assert lab.start("-c", GLIBC, "ok.test", exe=sys.executable, wrap=etc).release() == [0]
    found = told(agent, "dns-servfail")
    assert "ok.test" in found["summary"] and "systemd-resolve[" in found["cause"] and there in found["cause"], describe([found])
    assert "unreachable" in found["cause"] and "DNSSEC" not in found["cause"], describe([found])


# ---- whose wish it is ----

def test_a_connect_whose_lookup_failed(lab, watch, family):
    """curl's wish to talk to a name that does not exist has the lookup's verdict, and no other."""
    far = lab.link()
    there = far.address(family)
    serve_names(lab, far, there)
    agent = watch()
    etc = private_etc(lab, resolv_conf=f"nameserver {there}\n", nsswitch_conf="hosts: dns\n")
    done = subprocess.run(lab.host.command(*etc, "curl", "-s", "--max-time", "9", "http://nx.test:8080/"), check=False, timeout=PATIENCE_S)
    assert done.returncode == 6
    found = agent.assert_only("dns-nxdomain", comm="curl", severity="warning")
    assert found["stage"] == "lookup" and "nx.test" in found["summary"], describe([found])


def test_chosen_by_name(lab, watch, family):
    """--name: of two wishes that fail only that one is told; the other is known to the agent beside."""
    far = lab.link()
    there = far.address(family)
    serve_names(lab, far, there)
    chosen, beside = watch("--name", "NX*.test"), watch()
    etc = private_etc(lab, resolv_conf=f"nameserver {there}\noptions attempts:1\n", nsswitch_conf="hosts: dns\n")
    subprocess.run(lab.host.command(*etc, sys.executable, "-c", GLIBC, "servfail.test", "nx.test"), check=True, timeout=PATIENCE_S,
                   stdout=subprocess.DEVNULL)
    for finding in ("dns-servfail", "dns-nxdomain"):
        beside.wait_for(finding=finding, state="final")
    chosen.wait_for(finding="dns-nxdomain", state="final")
    chosen.stop()
    assert {f["finding"] for f in chosen.findings()} == {"dns-nxdomain"}, describe(chosen.findings())
