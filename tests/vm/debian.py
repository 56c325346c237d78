# SPDX-License-Identifier: GPL-2.0-or-later
"""Packages of any suite and architecture of Debian, unpacked into a folder, from the mirror that this machine uses.

apt keeps its lists, its cache and its status in a folder of ours: what is configured and installed here is read, and not touched.
"""

import pathlib
import re
import subprocess

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def run(*argv, **kwargs):
    return subprocess.run([str(word) for word in argv], check=True, stdout=subprocess.PIPE, text=True, **kwargs).stdout


def mirrors():
    """Where this machine has Debian's own packages from: {"main": address, "security": address}."""
    found = {}
    for line in run("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages").splitlines():
        address, release, component = line.split()
        if component == "main" and re.fullmatch(r"[a-z]+(-security)?", release):
            found.setdefault("security" if release.endswith("-security") else "main", address)
    assert "main" in found, "apt knows no suite of Debian here"
    return found


class Suite:
    """What `suite` has for `arch`; `folder` is where apt keeps what it needs for that."""

    def __init__(self, folder, suite, arch):
        self.arch = arch
        known = mirrors()
        mirror = known.get("security" if suite.endswith("-security") else "main")
        assert mirror, f"apt knows no mirror that could have {suite}"
        state = (folder / f"apt-{suite}-{arch}").resolve()
        for name in ("lists/partial", "cache/archives/partial"):
            (state / name).mkdir(parents=True, exist_ok=True)
        (state / "status").touch()
        (state / "sources.list").write_text(f"deb [signed-by={KEYRING}] {mirror} {suite} main\n")
        (state / "apt.conf").write_text("".join(f'{name} "{value}";\n' for name, value in {
            "Dir::State": state, "Dir::State::lists": state / "lists", "Dir::State::status": state / "status",
            "Dir::Cache": state / "cache", "Dir::Etc::SourceList": state / "sources.list", "Dir::Etc::SourceParts": "/dev/null",
            "Dir::Etc::Preferences": "/dev/null", "Dir::Etc::PreferencesParts": "/dev/null",
            "APT::Architecture": arch, "APT::Architectures": arch, "APT::Sandbox::User": "root",
            "APT::Install-Recommends": "false", "APT::Get::Assume-Yes": "true"}.items()))
        self.environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "APT_CONFIG": str(state / "apt.conf")}
        self.state = state
        self.apt("apt-get", "-q", "update")

    def apt(self, *argv):
        return run(*argv, env=self.environment, cwd=self.state / "cache/archives", stdin=subprocess.DEVNULL)

    def with_all_they_need(self, *names):
        """The packages' files, and those of all that they depend on."""
        self.apt("apt-get", "-q", "install", "--download-only", *names)
        return sorted((self.state / "cache/archives").glob("*.deb"))

    def kernel(self):
        """The newest kernel for virtual machines: since 6.17 its image, its modules and their list are packages of their own."""
        told = self.apt("apt-cache", "depends", "--recurse", "--no-recommends", "--no-suggests", "--no-conflicts", "--no-breaks",
                        "--no-replaces", "--no-enhances", f"linux-image-cloud-{self.arch}")
        names = {name for name in re.findall(r"^(linux-(?:image|binary|modules|base)-[0-9]\S*)$", told, re.M)}
        assert names, f"no kernel in {self.state.name}"
        before = set((self.state / "cache/archives").glob("*.deb"))
        self.apt("apt-get", "-q", "download", *sorted(names))
        return sorted(set((self.state / "cache/archives").glob("*.deb")) - before) or sorted(before)


def unpack(packages, folder):
    """Without their scripts. Folders that a merged /usr has as links stay links."""
    for name in ("bin", "sbin", "lib", "lib64"):
        (folder / "usr" / name).mkdir(parents=True, exist_ok=True)
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"usr/{name}")
    for package in packages:
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as tar:
            run("tar", "-x", "--keep-directory-symlink", "-C", folder, stdin=tar.stdout)
        assert tar.returncode == 0, package
    return pathlib.Path(folder)
