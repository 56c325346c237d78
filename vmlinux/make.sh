#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# make.sh ARCH PACKAGE.deb - write vmlinux/ARCH/vmlinux.h from a Debian kernel image package.
#
# The committed headers come from Debian bookworm-backports, one version for both architectures:
#
#   vmlinux/make.sh x86_64 linux-image-6.12.95+deb12-cloud-amd64_6.12.95-1~bpo12+1_amd64.deb
#   vmlinux/make.sh arm64  linux-image-6.12.95+deb12-cloud-arm64_6.12.95-1~bpo12+1_arm64.deb
#
# To fetch a package of another suite or architecture without touching this machine's sources, give
# apt a state of its own:
#
#   apt-get -o Dir::State::Lists=DIR/lists -o Dir::Cache=DIR/cache -o Dir::Etc::SourceParts=/dev/null \
#           -o Dir::Etc::SourceList=DIR/sources.list -o APT::Architectures::=amd64 \
#           -o APT::Architectures::=arm64 update      # then: download linux-image-…-cloud-arm64:arm64
#
# Which kernel the types come from matters little: every access is relocated on the running kernel
# (CO-RE). It must be new enough to know the types and enums that bpf/ names.
set -euo pipefail

if [ $# -ne 2 ] || [ ! -f "$2" ]; then
	echo "usage: $0 x86_64|arm64 PACKAGE.deb" >&2
	exit 2
fi
arch=$1
package=$2
here=$(dirname "$(readlink -f "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

dpkg-deb --extract "$package" "$work"
image=$(find "$work" -type f -name "vmlinuz*" -print -quit)
/usr/bin/python3 "$here/cut-btf.py" "$image" "$work/vmlinux.btf"
name=$(dpkg-deb --field "$package" Package)
version=$(dpkg-deb --field "$package" Version)

mkdir -p "$here/$arch"
{
	echo "/* SPDX-License-Identifier: GPL-2.0-only */"
	echo "/* bpftool btf dump file vmlinux.btf format c; the BTF of $name $version */"
	bpftool btf dump file "$work/vmlinux.btf" format c
} > "$work/vmlinux.h"
mv "$work/vmlinux.h" "$here/$arch/vmlinux.h"
wc -l "$here/$arch/vmlinux.h"
