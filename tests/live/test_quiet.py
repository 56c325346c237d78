# SPDX-License-Identifier: GPL-2.0-or-later
"""A healthy host hears nothing: ten thousand connections of several kinds, not one finding."""

import itertools

import pytest

from harness import describe
from lab import Process, free_port, sh

NGINX = """
daemon off; master_process off; pid {dir}/nginx.pid; error_log stderr; worker_processes 1;
events {{ worker_connections 512; }}
http {{
  access_log off; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;
  uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s; keepalive_requests 100000;
  server {{ listen {address}:{port} backlog=4096; location / {{ return 200 "hello\\n"; }} }}
}}
"""


class Program:
    """A server that is not ours: started in a namespace, ready when its port is open."""

    def __init__(self, lab, ns, argv, port):
        self.proc = Process(ns.command(*argv))
        lab.processes.append(self.proc)
        for _ in itertools.count():
            assert self.proc.popen.poll() is None, self.proc.popen.stderr.read().decode()
            if ns.run(f"ss -Hlntu sport = :{port}").strip():
                return


def private_etc(lab, **files):
    """A prefix that runs a command with files of its own in /etc."""
    script = ""
    for name, text in files.items():
        path = lab.dir / name
        path.write_text(text)
        path.chmod(0o644)
        script += f"mount --bind {path} /etc/{name.replace('_', '.')}; "
    return "unshare", "-m", "sh", "-ec", script + 'exec "$@"', "-"


def nothing(agent):
    """Not even an info: this is what the default level shows."""
    if not hasattr(agent, "pid"):
        return
    agent.quiesce()
    assert not agent.findings(), describe(agent.findings())
    summary = agent.stop()
    assert summary is not None


@pytest.mark.parametrize("kind,count", [("brief", 2500), ("nonblock", 1500), ("check", 1500), ("hold9", 300), ("alive", 3000)])
def test_connections(lab, watch, place, kind, count):
    port, there = free_port(), place.address(4)
    place.serve(4, port, "echo", "-b", 512)
    agent = watch()
    assert lab.fault(kind, count, there, port, exe=lab.healthy)["good"] == count
    nothing(agent)


@pytest.mark.parametrize("kind,count", [("brief", 1000), ("nonblock", 500), ("check", 500)])
def test_connections_v6(lab, watch, place, kind, count):
    port, there = free_port(), place.address(6)
    place.serve(6, port, "echo", "-b", 512)
    agent = watch()
    assert lab.fault(kind, count, there, port, exe=lab.healthy)["good"] == count
    nothing(agent)


def test_connections_mapped(lab, watch, place):
    port, there = free_port(), place.address(4)
    place.ns.sysctl("net.ipv6.bindv6only", 0)
    lab.serve("::", port, "echo", "-b", 512, ns=place.ns)
    agent = watch()
    assert lab.fault("brief", 1000, f"::ffff:{there}", port, exe=lab.healthy)["good"] == 1000
    nothing(agent)


def test_nginx_keep_alive(lab, watch, place):
    port, there = free_port(), place.address(4)
    conf = lab.dir / "nginx.conf"
    conf.write_text(NGINX.format(dir=lab.dir, address=there, port=port))
    Program(lab, place.ns, ["nginx", "-p", lab.dir, "-c", conf], port)
    agent = watch()
    sh(*lab.host.command("curl", "-s", "-o", "/dev/null", f"http://{there}:{port}/[1-1000]"))
    for _ in range(20):
        sh(*lab.host.command("curl", "-s", "-o", "/dev/null", f"http://{there}:{port}/"))
    nothing(agent)


def test_datagrams_one_way(lab, watch, place, family):
    """statsd, syslog: nobody answers, nobody minds. Nobody listens either."""
    agent = watch()
    lab.fault("send", 1000, place.address(family), free_port(), exe=lab.healthy)
    if hasattr(agent, "pid"):
        agent.silent(allow=("udp-port-unreachable",))


def test_lookups_on_an_ipv4_host(lab, watch):
    """A thousand getaddrinfo() of a name with A and AAAA where IPv6 has no route, and as many visits."""
    port = free_port()
    far = lab.link()
    lab.serve(far.v4, port, "echo", "-b", 512, ns=far)
    lab.host.ip(f"addr del {lab.host.v6}/64 dev {lab.host.device}")
    Program(lab, lab.host, ["dnsmasq", "-k", "-C", "/dev/null", "--listen-address=127.0.0.1", "--bind-interfaces", "--no-resolv",
                            "--no-hosts", "--user=root", "--pid-file=", f"--address=/dual.test/{far.v4}",
                            "--address=/dual.test/2001:db8:77::7"], 53)
    etc = private_etc(lab, resolv_conf="nameserver 127.0.0.1\n", nsswitch_conf="hosts: files dns\n")
    agent = watch()
    assert lab.fault("lookup", 1000, "dual.test", port, exe=lab.healthy, wrap=etc)["good"] == 1000
    assert lab.fault("visit", 500, "dual.test", port, exe=lab.healthy, wrap=etc)["good"] == 500
    nothing(agent)


def test_localhost_in_both_families(lab, watch):
    """localhost is ::1 first; the server has 127.0.0.1 only."""
    port = free_port()
    lab.serve("127.0.0.1", port, "echo", "-b", 512)
    etc = private_etc(lab, hosts="::1 localhost\n127.0.0.1 localhost\n", nsswitch_conf="hosts: files\n", gai_conf="")
    agent = watch()
    assert lab.fault("visit", 500, "localhost", port, exe=lab.healthy, wrap=etc)["good"] == 500
    nothing(agent)


def test_refused_all_counted(lab, watch, place, family):
    """Two thousand in a row are one group, and its total says two thousand."""
    port, there = free_port(), place.address(family)
    agent = watch()
    saw = lab.fault("refused", 2000, there, port, exe=lab.healthy)
    assert saw["good"] == 2000
    agent.quiesce()
    agent.stop()
    found = [f for f in agent.findings(state="final") if f["connection"]["remote"]["port"] == port]
    assert {f["finding"] for f in found} == {"connect-refused-local"} and len({f["group"] for f in found}) == 1
    assert sum(f["count"] for f in found) == 2000 and found[-1]["total"] == 2000
    assert len(found) < 20, "repeats are to be counted, not printed"
