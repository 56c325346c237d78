# SPDX-License-Identifier: GPL-2.0-or-later
"""client - router - server in namespaces, without a way out; real traffic in them, captured on both sides of the router."""

import concurrent.futures
import ctypes
import os
import socket
import subprocess
import threading

from capture import Capture
from lab import PATIENCE_S, Lab, sh
from program import findings

CLONE_NEWNET = 0x40000000

NGINX = """
daemon off; master_process off; pid {dir}/nginx.pid; error_log {dir}/error.log;
events {{ worker_connections 256; }}
http {{
	access_log off; default_type text/plain; keepalive_timeout 60s;
	client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
	ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate {dir}/cert.pem; ssl_certificate_key {dir}/key.pem;
	server {{
		listen 80; listen [::]:80; listen 443 ssl http2; listen [::]:443 ssl http2;
		root {dir}/www;
		location = /silent {{ return 444; }}
		location = /proxied {{ proxy_pass http://127.0.0.1:9; keepalive_timeout 0; }}
		location = /closed {{ return 200 "closed\\n"; keepalive_timeout 0; }}
		location = /missing {{ return 404; keepalive_timeout 0; }}
		location = /kept {{ return 200 "kept\\n"; keepalive_timeout 1s; }}
		location / {{ }}
	}}
	server {{ listen 81; listen [::]:81; client_header_timeout 1s; return 200; }}
}}
"""


class Ended:
    """A program that is ended with its network."""

    def __init__(self, popen):
        self.popen = popen

    def close(self):
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.communicate()


class Network:
    def __init__(self):
        self.lab = Lab()
        self.dir = self.lab.dir
        self.router = self.lab.host
        self.threads = {}
        self.client = self.lab.link(self.router)
        to_client = (self.router.v4, self.router.v6, self.router.device)
        self.server = self.lab.link(self.router)
        to_server = (self.router.v4, self.router.v6, self.router.device)
        self.to_client, self.to_server = to_client[2], to_server[2]
        for ns, via in ((self.client, to_client), (self.server, to_server)):
            ns.ip(f"route add default via {via[0]}", f"route add ::/0 via {via[1]}")
        self.router.run("echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding")
        self.server.run("echo 0 > /proc/sys/net/ipv4/tcp_mtu_probing")
        self.marked = self.inside(self.router, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self.marked.bind(("0.0.0.0", 9))  # takes the marks of stop(): refused they would be a finding
        self.captures = {}
        self.count = 0

    # ---- programs ----

    def serve(self):
        """nginx at the server; returns when it listens."""
        (self.dir / "www").mkdir()
        for name, size in (("small", 1000), ("3k", 3000), ("100k", 100_000), ("large", 5_000_000)):
            (self.dir / "www" / name).write_bytes(bytes(i % 251 for i in range(1000)) * (size // 1000))
        sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=server",
           "-keyout", self.dir / "key.pem", "-out", self.dir / "cert.pem")
        os.chmod(self.dir, 0o755)
        config = self.dir / "nginx.conf"
        config.write_text(NGINX.format(dir=self.dir))
        self.start(self.server, "nginx", "-c", config)
        while not self.server.run("ss -Hltn 'sport = :81'").strip():
            pass

    def start(self, ns, *args, **how):
        popen = subprocess.Popen(ns.command(*args), stdin=how.pop("stdin", subprocess.DEVNULL), stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL, **how)
        self.lab.processes.append(Ended(popen))
        return popen

    def curl(self, *args, status=0):
        outputs = [word for arg in args if "://" in arg for word in ("-o", "/dev/null")]
        done = subprocess.run(self.client.command("curl", "-sSk", *outputs, *args), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False, timeout=PATIENCE_S)
        assert done.returncode == status, (done.returncode, done.stderr)

    def url(self, family, path, port=80, scheme="http"):
        host = self.server.address(family)
        return f"{scheme}://{f'[{host}]' if family == 6 else host}:{port}/{path}"

    # ---- sockets ----

    def inside(self, ns, call):
        """Calls it in a thread that lives in that namespace: what sockets it makes belong there."""
        if ns.name not in self.threads:
            def enter():
                with open(ns.path, encoding="ascii") as file:
                    assert ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
            self.threads[ns.name] = concurrent.futures.ThreadPoolExecutor(1, initializer=enter)
        return self.threads[ns.name].submit(call).result(PATIENCE_S)

    def listen(self, family):
        """A listener at the server."""
        kind = socket.AF_INET6 if family == 6 else socket.AF_INET
        sock = self.inside(self.server, lambda: socket.create_server((self.server.address(family), 0), family=kind))
        sock.settimeout(PATIENCE_S)
        return sock

    def connect(self, family, port):
        """A socket of the client, connected to the server."""
        def call():
            sock = socket.create_connection((self.server.address(family), port), PATIENCE_S)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        return self.inside(self.client, call)

    def pair(self, family):
        """(client's socket, server's socket)."""
        with self.listen(family) as listener:
            near = self.connect(family, listener.getsockname()[1])
            far = listener.accept()[0]
        far.settimeout(PATIENCE_S)
        return near, far

    # ---- faults ----

    def nft(self, *rules, chain="forward"):
        """Rules of the router, until heal()."""
        self.router.nft(chain, *rules)

    def heal(self):
        self.router.run("nft destroy table inet lab 2>/dev/null || nft delete table inet lab 2>/dev/null || true")

    def narrow(self, offload):
        """The link to the client carries 1300 bytes; both its ends, and the client's MSS, know nothing of it."""
        self.router.ip(f"link set dev {self.to_client} mtu 1300")
        self.wide(offload)

    def wide(self, offload):
        """Without offload every segment that the server sends is a packet."""
        self.server.ip(f"link set dev {self.server.device} gso_max_segs {65535 if offload else 1}")

    def slow_queue(self, rule):
        """What the rule matches of the server leaves through a queue of its own, half a millisecond a packet."""
        link, priority = f"dev {self.server.device}", "meta priority set 1:20"
        self.server.run(f"tc qdisc add {link} root handle 1: htb default 10; "
                        f"tc class add {link} parent 1: classid 1:10 htb rate 10gbit; "
                        f"tc class add {link} parent 1: classid 1:20 htb rate 24mbit burst 1600 cburst 1600")
        self.server.nft("output", f"{rule} {priority}")

    # ---- captures ----

    def capture(self):
        """Returns (at the client, at the server), both capturing."""
        self.count += 1
        for name, ns in (("client", self.client), ("server", self.server)):
            self.captures[name] = Capture(self.lab, ns, f"{name}{self.count}", "-B", "8192", "-s", "256")
        return self.captures["client"], self.captures["server"]

    def stop(self):
        """Ends the captures when all that was sent before is in them."""
        for name, ns in (("client", self.client), ("server", self.server)):
            mark, to = f"the end of {name} {self.count}", (ns.v4.rsplit(".", 1)[0] + ".1", 9)
            with self.inside(ns, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
                self.captures[name].stop(mark, lambda s=sock, m=mark, t=to: s.sendto(m.encode(), t))

    def read(self, schema, where, *args):
        """The findings of a capture."""
        return findings(schema, self.captures[where].path, *args)

    def reset(self):
        """After a test: nothing of it is left for the next."""
        self.heal()
        self.router.ip(f"link set dev {self.to_client} mtu 1500")
        self.wide(True)
        self.server.run(f"tc qdisc del dev {self.server.device} root 2>/dev/null || true; nft flush ruleset")
        for ns in (self.client, self.server):  # what is left of connections, and what was learned of the path
            ns.run("ss -Kt >/dev/null; ip tcp_metrics flush; ip route flush cache; ip -6 route flush cache")
        for capture in self.captures.values():
            capture.close()
            self.lab.processes.remove(capture)
        self.captures = {}

    def close(self):
        self.marked.close()
        for executor in self.threads.values():
            executor.shutdown()
        self.lab.close()


def receive(sock, count=1):
    got = b""
    while len(got) < count and (part := sock.recv(65536)):
        got += part
    return got


class Slow:
    """An HTTP server: what it does with its one connection."""

    def __init__(self, net, family, serve):
        self.listener = net.listen(family)
        self.port = self.listener.getsockname()[1]
        self.serve = serve
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        with self.listener, self.listener.accept()[0] as sock:
            sock.settimeout(PATIENCE_S)
            receive(sock)
            self.serve(sock)

    def join(self):
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive()
