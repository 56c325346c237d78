#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# root.sh DIR - make a small Debian 12 user space for vm.sh with what the bpf and live tests need.
# Needs debootstrap and root.
set -eu

dir=${1:?usage: root.sh DIR}
packages=iproute2,nftables,nginx-light,curl,netcat-openbsd,dnsmasq-base,socat,procps,kmod,bpftool
packages=$packages,python3-pytest,python3-pytest-xdist,python3-jsonschema
packages=$packages,libbpf1,libelf1,libpcap0.8,libnl-3-200,libcmocka0,make,gcc,libc6-dev
exec debootstrap --variant=minbase --include="$packages" bookworm "$dir"
