# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine that lives in memory, emulated: a kernel of Debian's, a user space of its packages, this tree's programs and tests.

It has no network and no disk: both are its initramfs, two archives one behind the other.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading

from debian import run, unpack

ROOT = pathlib.Path(__file__).resolve().parents[2]
INSIDE = pathlib.Path(__file__).with_name("inside.sh")
SHARED = ("tests", "schema", "packaging")  # of this tree, as they are
PROGRAMS = ("sockwhy", "static/sockwhy", "tests/bpf", "tests/live")  # of the folder of what is built

# no_timer_check: a busy host answers too late for it. cx16=off: QEMU 7.2's emulation of cmpxchg16b corrupts the slab of 6.12 kernels
MACHINES = {
    "amd64": ["qemu-system-x86_64", "-cpu", "max,cx16=off", "-append", "console=ttyS0 no_timer_check quiet panic=-1 loglevel=3"],
    "arm64": ["qemu-system-aarch64", "-machine", "virt", "-cpu", "cortex-a72", "-append", "console=ttyAMA0 quiet panic=-1 loglevel=3"],
}


def pack(folder, archive, what="."):
    with open(archive, "wb") as out:
        subprocess.run(f"find {what} | busybox cpio -o -H newc", shell=True, cwd=folder, stdout=out, stderr=subprocess.DEVNULL, check=True)


def account_files(root):
    """What the packages' own scripts would have made."""
    etc = root / "etc"
    (etc / "passwd").write_text("root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
                                "www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n")
    (etc / "group").write_text("root:x:0:\nnogroup:x:65534:\nwww-data:x:33:\n")
    (etc / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
    (etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n")
    (etc / "resolv.conf").touch()
    for name, target in (("sh", "dash"), ("nc", "nc.openbsd"), ("awk", "gawk")):
        if not (root / "usr/bin" / name).exists():
            (root / "usr/bin" / name).symlink_to(target)
    for name in ("proc", "sys", "dev", "run", "tmp", "root", "var/tmp", "var/lib", "src"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in ("doc", "man", "locale", "info"):
        shutil.rmtree(root / "usr/share" / name, ignore_errors=True)
    # with -B nothing keeps what it compiled
    run("/usr/bin/python3", "-m", "compileall", "-q", "-s", root, root / "usr/lib/python3", *root.glob("usr/lib/python3.*"))


def tree(root, build):
    """This checkout as /src, with what was built in `build`."""
    there = root / "src"
    files = run("git", "-C", ROOT, "ls-files", "-z", *SHARED).split("\0")
    wanted = [(ROOT / name, there / name) for name in files if name and (ROOT / name).exists()]
    for program in PROGRAMS:
        for path in [build / program] if (build / program).is_file() else sorted((build / program).glob("*")):
            if os.access(path, os.X_OK):
                wanted.append((path, there / "build" / path.relative_to(build)))
    for path, to in wanted:
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, to)


def user_space(packages, build, folder, archive):
    """An archive of `packages` and of this tree with the programs in `build`, made in `folder`."""
    unpack(packages, folder)
    account_files(folder)
    tree(folder, build)
    shutil.copy(INSIDE, folder / "init")
    (folder / "init").chmod(0o755)
    pack(folder, archive)
    shutil.rmtree(folder)


class Machine:
    """`kernel` are packages' files, `user` an archive of user_space()."""

    def __init__(self, folder, arch, kernel, user):
        self.arch, self.folder, self.user = arch, folder, user
        unpack(kernel, folder)
        modules = next((folder / "usr/lib/modules").iterdir())
        self.release = modules.name
        self.image = next(path for path in (modules / "vmlinuz", folder / f"boot/vmlinuz-{self.release}") if path.exists())
        run("depmod", "-b", folder, self.release, stderr=subprocess.DEVNULL)

    def run(self, commands, log, seconds):
        """Runs {name: command} in there; {name: (status, lines it printed)}, None as the status of one that did not end in time."""
        (self.folder / "commands").write_text("".join(f"{name}\t{command}\n" for name, command in commands.items()))
        pack(self.folder, self.folder / "kernel.cpio", "commands usr/lib/modules")
        initramfs = self.folder / "initramfs"
        with open(initramfs, "wb") as out:
            for part in (self.user, self.folder / "kernel.cpio"):
                with open(part, "rb") as archive:
                    shutil.copyfileobj(archive, out)
        argv = [*MACHINES[self.arch], "-accel", "tcg", "-m", "3072", "-smp", "2", "-nodefaults", "-nographic", "-no-reboot",
                "-serial", "stdio", "-kernel", str(self.image), "-initrd", str(initramfs)]
        said = []
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace") as machine, open(log, "w", encoding="utf-8") as kept:
            patience = threading.Timer(seconds, machine.send_signal, (signal.SIGKILL,))
            patience.start()
            try:
                for line in machine.stdout:
                    kept.write(line)
                    kept.flush()
                    said.append(line.rstrip("\r\n"))
            finally:
                patience.cancel()
                machine.kill()
        return sorted_out(commands, said)


def sorted_out(commands, said):
    results, name, lines = {}, None, []
    for line in said:
        if begun := re.fullmatch(r".*@begin (\S+)", line):
            name, lines = begun.group(1), []
        elif ended := re.fullmatch(r"(.*)@end (\S+) (\d+)", line):
            results[ended.group(2)] = (int(ended.group(3)), lines + [ended.group(1)] * bool(ended.group(1)))
            name = None
        elif name:
            lines.append(line)
    if name:
        results[name] = (None, lines)
    return {name: results.get(name, (None, [])) for name in commands}
