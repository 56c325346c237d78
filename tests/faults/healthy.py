# SPDX-License-Identifier: GPL-2.0-or-later
"""healthy.py [--scale F] [--seconds N] [GLOB…] - a million of what is in order beside a live agent, which has nothing to say.

Without GLOB all loads; with it docs/accuracy.md keeps the lines of the others. --scale: so much of each. --seconds: a load
that takes longer ends then, and the page tells how many it came to. Exit 1 if anything was said at the default level.
"""

import argparse
import collections
import fnmatch
import itertools
import json
import pathlib
import subprocess
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).parents[1] / folder) for folder in ("helpers", "live")]

# pylint: disable=wrong-import-position
import page
from harness import Agent, describe
from lab import FAULT, HEALTHY, Lab, Process, free_port, sh

ADDRESSES = 40  # of a server: as many as a client needs that leaves its ports in TIME_WAIT
NGINX = """
daemon off; master_process off; pid {dir}/nginx.pid; error_log stderr; worker_processes 1; user root;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;
  uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  server {{ listen {port} backlog=4096; listen [::]:{port} backlog=4096; location / {{ return 200 "hello\\n"; }} }}
  server {{ listen {port2} ssl backlog=4096; listen [::]:{port2} ssl backlog=4096; ssl_certificate {dir}/cert.pem;
            ssl_certificate_key {dir}/cert.pem; ssl_protocols TLSv1.2 TLSv1.3; location / {{ return 200 "hello\\n"; }} }}
}}
"""


class Place:
    """Client and server on one host, over lo, or on two, over a veth pair."""

    def __init__(self, lab, name):
        self.lab, self.name = lab, name
        self.server = lab.host if name == "lo" else lab.link()
        self.device = "lo" if name == "lo" else self.server.device
        self.server.ip(*(f"addr add {self.address(f, n)}/{32 if f == 4 else 128} dev lo" + (" nodad" if f == 6 else "")
                         for n in range(ADDRESSES) for f in (4, 6)))
        if name != "lo":
            for family in (4, 6):
                lab.host.ip(f"route add {self.net(family)} via {self.server.address(family)}")

    def net(self, family):
        third = 1 if self.name == "lo" else 2
        return f"198.18.{third}.0/24" if family == 4 else f"2001:db8:{third}::/64"

    def address(self, family, n):
        third, n = 1 if self.name == "lo" else 2, n % ADDRESSES + 1
        return f"198.18.{third}.{n}" if family == 4 else f"2001:db8:{third}::{n:x}"

    def start(self, port, *argv):
        """A server; returns when its port is open."""
        proc = Process(self.server.command(*argv))
        self.lab.processes.append(proc)
        while not self.server.run(f"ss -Hlntu sport = :{port}").strip():
            assert proc.popen.poll() is None, proc.popen.stderr.read().decode()


class Loads:
    """Each is a function that runs a piece of it, against the nth address, and returns how many operations that were."""

    def __init__(self, lab):
        self.lab, self.made = lab, {}
        cert = lab.dir / "cert.pem"
        sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=example.test",
           "-keyout", lab.dir / "key.pem", "-out", cert)
        cert.write_text(cert.read_text() + (lab.dir / "key.pem").read_text())
        self.places = {name: Place(lab, name) for name in ("lo", "veth")}

    def server(self, place, kind):
        """The port of a server of this kind there, started when it is first asked for."""
        if (place, kind) not in self.made:
            self.made[place, kind] = getattr(self, f"start_{kind}")(self.places[place])
        return self.made[place, kind]

    def start_echo4(self, place, any_address="0.0.0.0"):
        port = free_port()
        place.start(port, FAULT, "-m", "echo", "-b", 4096, "serve", any_address, port)
        return port

    def start_echo6(self, place):
        return self.start_echo4(place, "::")

    def start_nginx(self, place):
        port, port2 = free_port(), free_port()
        conf = self.lab.dir / f"nginx-{place.name}.conf"
        conf.write_text(NGINX.format(dir=self.lab.dir, port=port, port2=port2))
        place.start(port2, "nginx", "-e", "stderr", "-c", conf)
        return port, port2

    def start_redis(self, place):
        port = free_port()
        place.start(port, "redis-server", "--port", port, "--bind", "0.0.0.0", "::", "--protected-mode", "no", "--save", "",
                    "--tcp-backlog", 4096, "--dir", self.lab.dir)
        return port

    def start_names(self, place):
        place.start(53, "dnsmasq", "-k", "-C", "/dev/null", "--no-resolv", "--no-hosts", "--user=root", "--pid-file=", "--local=/test/",
                    "--address=/both.test/192.0.2.1", "--address=/both.test/2001:db8::1", "--address=/four.test/192.0.2.1",
                    "--cache-size=1000")
        return 53

    def client(self, *argv, wrap=()):
        done = subprocess.run(self.lab.host.command(*wrap, *argv), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{argv}: {done.stdout[-300:]} {done.stderr[-300:]}"
        return done.stdout

    def own(self, kind, count, place, family, n):
        port = self.server(place, f"echo{family}")
        told = json.loads(self.client(HEALTHY, kind, count, self.places[place].address(family, n), port))
        assert told["good"] == count, told
        return count

    def curl(self, count, place, family, n):
        address = self.places[place].address(family, n)
        host = f"[{address}]" if family == 6 else address
        self.client("curl", "-sZ", "--parallel-max", 10, "-H", "Connection: close", "-o", "/dev/null",
                    f"http://{host}:{self.server(place, 'nginx')[0]}/[1-{count}]".replace(host, host.replace("[", "\\[").replace("]", "\\]")))
        return count

    def redis(self, count, place, family, n):
        self.client("redis-benchmark", "-q", "-h", self.places[place].address(family, n), "-p", self.server(place, "redis"), "-k", 0,
                    "-c", 10, "-n", count, "-t", "ping_mbulk")
        return count

    def lookup(self, name, count, place, family, n):
        path = self.lab.dir / f"resolv-{place}{family}"
        self.server(place, "names")
        path.write_text(f"nameserver {self.places[place].address(family, n)}\n")
        script = f'mount --bind {path} /etc/resolv.conf; exec "$@"'
        told = json.loads(self.client(HEALTHY, "lookup", count, name, 80, wrap=("unshare", "-m", "sh", "-ec", script, "-")))
        assert told["good"] == count, told
        return count

    def tls(self, count, place, family, n, version):
        address = self.places[place].address(family, n)
        host = f"[{address}]" if family == 6 else address
        told = self.client("openssl", "s_time", "-connect", f"{host}:{self.server(place, 'nginx')[1]}", "-new", f"-{version}", "-www", "/",
                           "-time", max(1, count // 1000))
        return int(told.split(" connections in ")[0].rsplit(None, 1)[1])


# name: unit, how many in all, how many a piece, the piece
LOADS = {}
for _place, _family in itertools.product(("lo", "veth"), (4, 6)):
    for _kind, _total in (("brief", 100_000), ("nonblock", 70_000), ("check", 50_000)):
        LOADS[f"{_kind}-{_place}-v{_family}"] = ("connections", _total, 10_000, Loads.own, _kind)
    LOADS[f"redis-benchmark-{_place}-v{_family}"] = ("connections", 20_000, 10_000, Loads.redis)
    LOADS[f"curl-nginx-{_place}-v{_family}"] = ("connections", 10_000, 2_000, Loads.curl)
    LOADS[f"lookups-{_place}-v{_family}"] = ("lookups", 150_000, 10_000, Loads.lookup, "both.test")
    LOADS[f"lookups-of-one-family-{_place}-v{_family}"] = ("lookups", 100_000, 10_000, Loads.lookup, "four.test")
    LOADS[f"tls-{_place}-v{_family}"] = ("handshakes", 25_000, 5_000, Loads.tls, None)


def run(loads, name, total, seconds):
    """Operations that were made of a load, and the seconds that they took."""
    _, _, piece, load, *args = LOADS[name]
    place, family = name.rsplit("-", 2)[1:]
    began, done = time.monotonic(), 0
    for n in itertools.count():
        if done >= total or time.monotonic() - began > seconds:
            return done, time.monotonic() - began
        count = min(piece, total - done)
        if load is Loads.tls:
            done += load(loads, count, place, int(family[1:]), n, ("tls1_2", "tls1_3")[n % 2])
        else:
            done += load(loads, *args, count, place, int(family[1:]), n)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("globs", nargs="*", metavar="GLOB")
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--seconds", type=float, default=1e9)
    args = parser.parse_args()
    lab, said = Lab(), collections.Counter()
    results = page.Scale.read()
    try:
        loads = Loads(lab)
        for name in LOADS:
            if args.globs and not any(fnmatch.fnmatch(name, g) for g in args.globs):
                continue
            unit, total = LOADS[name][:2]
            agent = Agent(lab)
            done, took = run(loads, name, int(total * args.scale), args.seconds)
            agent.quiesce()
            found, summary = agent.findings(), agent.stop()
            said.update(f["finding"] for f in found)
            results.rows[name] = (done, unit, len(found))
            print(f"{name}: {done} {unit} in {took:.0f} s, {len(found)} findings, {summary['lost']} records lost"
                  f"{describe(found)[:2000] if found else ''}", flush=True)
            if args.scale == 1:
                results.write(LOADS)
    finally:
        lab.close()
    print(f"said: {dict(said) or 'nothing'}")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
