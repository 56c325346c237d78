# SPDX-License-Identifier: GPL-2.0-or-later
"""A small machine of its own, with a kernel of its own, on a tap device of a namespace: qemu, and no more inside than it takes.

Its kernel is Debian's (tests/vm/kernel.sh), its user space what runs peer.py here, copied: Python with the modules that peer
imports, nft, ip, openssl and a busybox. Behind it there is another network (a namespace in it), to which it forwards.
"""

import contextlib
import itertools
import json
import pathlib
import queue
import select
import shutil
import socket
import subprocess
import sys
import threading

from lab import PATIENCE_S, sh
from program import ROOT

HELPERS = pathlib.Path(__file__).parents[1] / "helpers"
INSIDE = pathlib.Path(__file__).with_name("inside.py")
KERNEL = ROOT / "build/kernel"
PYTHON = "/usr/bin/python3"
PROGRAMS = ("nft", "ip", "openssl")
MODULES = ("virtio_pci", "virtio_net", "veth", "nf_tables", "nf_conntrack", "nft_ct", "nft_reject_inet", "nft_limit", "nft_numgen")
BOOT_S = 120  # emulated, on a host that does other things as well
FORGETS_S = 3  # seconds that its firewall remembers an idle connection
NARROW = 1280  # bytes of the link to what is behind it: the least that IPv6 allows

INIT = """#!/bin/dash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/ LC_ALL=C.UTF-8
/bin/busybox --install -s /bin
ln -sf dash /bin/sh
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev; mount -t tmpfs run /run; mount -t tmpfs tmp /tmp
exec 2> /dev/ttyS0
stty -F /dev/ttyS1 raw -echo
mkdir -p /run/netns {dir}
cp /certificates/* {dir}
for module in /modules/*; do insmod $module; done
for key in ipv4/ip_forward ipv6/conf/all/forwarding ipv6/ip_nonlocal_bind ipv4/ip_nonlocal_bind; do echo 1 > /proc/sys/net/$key; done
for key in ipv4/icmp_ratelimit ipv6/icmp/ratelimit netfilter/nf_conntrack_tcp_loose ipv6/conf/default/accept_dad; do
	echo 0 > /proc/sys/net/$key
done
echo {forgets} > /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established
ip link set lo up
ip netns add behind
ip link add narrow type veth peer name wide netns behind
ip -batch - <<END
addr add {v4}/24 dev eth0
addr add {v6}/64 dev eth0 nodad
link set eth0 up
addr add 192.0.2.1/24 dev narrow
addr add 2001:db8::1/64 dev narrow nodad
link set narrow mtu {narrow} up
route add local {own4} dev lo
route add local {own6} dev lo
route add {behind4} via 192.0.2.2
route add {behind6} via 2001:db8::2
END
ip -n behind -batch - <<END
link set lo up
addr add 192.0.2.2/24 dev wide
addr add 2001:db8::2/64 dev wide nodad
link set wide up
route add default via 192.0.2.1
route add ::/0 via 2001:db8::1
route add local {behind4} dev lo
route add local {behind6} dev lo
END
ip netns exec behind sh -c 'echo 1 > /proc/sys/net/ipv6/ip_nonlocal_bind; echo 1 > /proc/sys/net/ipv4/ip_nonlocal_bind'
exec {python} -B -S /helpers/inside.py < /dev/null > /dev/ttyS0
"""


def libraries(path):
    """What a program loads: the loader and libraries, by the names under which they are looked for."""
    words = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout.split()
    return [word for word in words if word.startswith("/")]


def python_files():
    """The files of the modules that peer.py and inside.py import, with all that those import."""
    names = "import inside, json, sys, encodings.idna, encodings.latin_1, encodings.ascii, encodings.unicode_escape, resource; "
    told = subprocess.run([PYTHON, "-B", "-S", "-c", names + "print(json.dumps([m.__file__ for m in sys.modules.values() "
                           "if getattr(m, '__file__', None)]))"], env={"PYTHONPATH": f"{HELPERS}:{INSIDE.parent}"},
                          capture_output=True, text=True, check=True).stdout
    return [path for path in json.loads(told) if path.startswith("/usr/")]


class Image:
    """The initramfs."""

    def __init__(self, root, certificates, words):
        self.root = root
        for name in ("bin", "dev", "proc", "sys", "run", "tmp", "modules", "helpers", "certificates", "etc"):
            (root / name).mkdir(parents=True)
        self.copy("/bin/busybox")
        self.copy("/bin/dash")  # a busybox is its own shell's every program
        for program in PROGRAMS:
            self.copy(shutil.which(program))
        self.copy(PYTHON)
        for path in python_files():
            self.copy(path)
        for path in (INSIDE, HELPERS / "peer.py", HELPERS / "names.py"):
            shutil.copy(path, root / "helpers")
        for path in certificates:
            shutil.copy(path, root / "certificates")
        self.modules()
        (root / "init").write_text(INIT.format(python=PYTHON, **words))
        (root / "init").chmod(0o755)

    def copy(self, path):
        to = self.root / str(path).lstrip("/")
        if to.exists():
            return
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, to)
        if pathlib.Path(path).stat().st_mode & 0o111 or ".so" in path:
            for library in libraries(path):
                self.copy(library)

    def modules(self):
        """Those that are not built in, each behind what it needs."""
        release = next((KERNEL / "lib/modules").iterdir()).name
        done = []
        for name in MODULES:
            told = subprocess.run(["modprobe", "--set-version", release, "--dirname", KERNEL, "--show-depends", name],
                                  capture_output=True, text=True, check=True).stdout
            done += [words[1] for line in told.splitlines() if (words := line.split())[0] == "insmod" and words[1] not in done]
        for number, path in enumerate(done):
            shutil.copy(path, self.root / f"modules/{number:03}-{pathlib.Path(path).name}")

    def pack(self, path):
        with open(path, "wb") as out:
            subprocess.run("find . | busybox cpio -o -H newc", shell=True, cwd=self.root, stdout=out, stderr=subprocess.DEVNULL, check=True)
        shutil.rmtree(self.root)


class FarPeer:
    """A peer in the machine, used as a Process is."""

    def __init__(self, machine, number):
        self.machine, self.number, self.told = machine, number, queue.Queue()
        self.pid = None  # no process of this host

    def tell(self, command):
        self.machine.say(to=self.number, command=command)

    def line(self, timeout=PATIENCE_S):
        try:
            return self.told.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError(f"peer {self.number}: no line within {timeout} s") from None

    def leave(self):
        self.machine.say(shut=self.number)


class Machine:
    """Running, until close(). `device` is the tap in the namespace that it is on."""

    device = "vm0"

    def __init__(self, ns, folder, certificates, **words):
        self.ns, self.folder = ns, folder
        self.numbers, self.peers, self.scripts = itertools.count(1), {}, {}
        self.lock, self.up = threading.Lock(), threading.Event()
        sh("sh", ROOT / "tests/vm/kernel.sh", KERNEL)
        Image(folder / "root", certificates, {**words, "dir": folder.parent, "narrow": NARROW, "forgets": FORGETS_S}).pack(folder / "initramfs")
        self.boot()

    def boot(self):
        kernel = next((KERNEL / "boot").glob("vmlinuz-*"))
        # no offloads: what leaves it is what a wire carries. cx16=off: see tests/vm/boot.py
        nic = "virtio-net-pci,netdev=net,romfile=," + ",".join(
            f"{side}_{what}=off" for side in ("guest", "host") for what in ("tso4", "tso6", "ufo", "ecn")) + ",csum=off,gso=off,guest_csum=off"
        self.socket, line = socket.socketpair()
        qmp, monitor = socket.socketpair()
        self.qmp = qmp.makefile("rw")
        argv = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max,cx16=off", "-m", "256", "-nodefaults", "-display", "none",
                "-kernel", kernel, "-initrd", self.folder / "initramfs", "-append", "console=ttyS0 quiet panic=-1 loglevel=3",
                "-netdev", f"tap,id=net,ifname={self.device},script=no,downscript=no", "-device", nic,
                "-serial", f"file:{self.folder}/console",
                "-chardev", f"socket,id=line,fd={line.fileno()}", "-serial", "chardev:line",
                "-chardev", f"socket,id=monitor,fd={monitor.fileno()}", "-mon", "chardev=monitor,mode=control"]
        with open(self.folder / "said", "wb") as said, line, monitor:
            self.popen = subprocess.Popen(self.ns.command(*argv), stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                                          pass_fds=(line.fileno(), monitor.fileno()))
        self.command("qmp_capabilities")
        threading.Thread(target=self.hear, args=(self.socket.makefile("rb"),), daemon=True).start()

    def wait_up(self):
        said = [self.folder / name for name in ("console", "said")]
        assert self.up.wait(BOOT_S), "it did not start: " + "".join(path.read_text(errors="replace")[-2000:] for path in said)

    def hear(self, lines):
        with contextlib.suppress(ConnectionError):  # it is over
            for line in lines:
                self.heard(line)

    def heard(self, line):
        try:
            told = json.loads(line)
        except ValueError:  # cut by a reboot
            return
        if not isinstance(told, dict):
            return
        if "up" in told:
            self.up.set()
        elif "from" in told:
            self.peers[told["from"]].told.put(told["told"])
        elif "id" in told:
            self.scripts[told["id"]].put(told)

    def say(self, **what):
        with self.lock:
            self.socket.sendall(json.dumps(what).encode() + b"\n")

    def run(self, text):
        """A shell script in there; it must succeed."""
        number = next(self.numbers)
        answer = self.scripts[number] = queue.Queue()
        self.say(script=text, id=number)
        try:
            told = answer.get(timeout=PATIENCE_S)
        except queue.Empty:
            raise AssertionError(f"the machine did not answer: {text}") from None
        assert told["status"] == 0, f"{text}: {told['said']}"
        return told["said"]

    def nft(self, text):
        return self.run(f"nft -f - <<'END'\n{text}\nEND")

    def peer(self, behind=False):
        number = next(self.numbers)
        peer = self.peers[number] = FarPeer(self, number)
        self.say(open=number, behind=behind)
        return peer

    def command(self, name):
        """A command of QEMU's monitor; returns when it is done."""
        self.qmp.write(json.dumps({"execute": name}) + "\n")
        self.qmp.flush()
        while "return" not in (told := json.loads(self.qmp.readline())):
            assert "error" not in told, told

    def stop(self):
        """It stands still: nothing is answered, not even who has an address."""
        self.command("stop")

    def go(self):
        self.command("cont")

    @staticmethod
    def pause(seconds):
        """Time goes on for all others."""
        select.select([], [], [], float(seconds))

    def reboot(self):
        """Its power is cut; returns when it is up again, with nothing of what it knew."""
        self.up.clear()
        self.command("system_reset")
        self.wait_up()

    def close(self):
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait(PATIENCE_S)
