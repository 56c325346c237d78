#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The first process of the machine that boot.py starts: runs the commands of /commands (a name, a tab, a command), and says of each on the
# console when it begins and how it ended. Then the machine goes off.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
ln -sf /proc/self/fd /dev/fd
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /run/netns /run/lock /run/user
ip link set lo up
modprobe -aq veth tun dummy nf_tables nft_reject_inet nft_ct nft_nat nft_chain_nat sch_ingress cls_bpf sch_netem inet_diag tcp_diag
# what the tests would build where it is older than its source
find /src/build -type f -exec touch {} +
cd /src || exit 1
while IFS=$'\t' read -r name command <&3; do
	echo "@begin $name"
	bash -c "$command" </dev/null 2>&1
	echo "@end $name $?"
done 3</commands
sync
echo o >/proc/sysrq-trigger
read -r _ </dev/zero
