#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# vm.sh ROOT KERNEL.deb COMMAND… - run a command as root under another kernel; ends with its status.
#
# ROOT is a folder with a Debian user space (debootstrap makes one; root.sh says with what).
# KERNEL.deb is a Debian kernel image package with its modules (cloud flavour boots fastest). This
# checkout, with its build/, is /src in there; COMMAND runs in it, and what it leaves in
# /src/build/vm comes back to build/vm/out here.
#
# Needs qemu-system-x86, busybox-static, e2fsprogs, kmod. Emulated unless VM_KVM=1 is given: nested KVM does not work everywhere.
set -euo pipefail

if [ $# -lt 3 ]; then
	echo "usage: $0 ROOT KERNEL.deb COMMAND…" >&2
	exit 2
fi
root=$(readlink -f "$1")
package=$(readlink -f "$2")
shift 2
cd "$(dirname "$(readlink -f "$0")")/../.."
work=$(mktemp -d "${TMPDIR:-/tmp}/sockwhy-vm.XXXXXX")
trap 'rm -rf "$work"' EXIT

dpkg-deb --extract "$package" "$work/kernel"
release=$(basename "$work"/kernel/lib/modules/*)
depmod -b "$work/kernel" "$release" 2>/dev/null

# The initramfs loads the disk's driver and hands over to the root file system.
mkdir -p "$work/initramfs"/{bin,dev,proc,newroot,modules}
cp /bin/busybox "$work/initramfs/bin/"
for module in virtio_pci virtio_blk ext4; do
	# built in: nothing to load
	modprobe --set-version "$release" --dirname "$work/kernel" --show-depends "$module" || true
done 2>/dev/null | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$work/modules"
number=100
while read -r module; do
	number=$((number + 1))
	cp "$module" "$work/initramfs/modules/$number-$(basename "$module")"
done <"$work/modules"
cat >"$work/initramfs/init" <<-'END'
	#!/bin/busybox sh
	/bin/busybox mount -t proc proc /proc
	/bin/busybox mount -t devtmpfs dev /dev
	for module in /modules/*; do
		case $module in
		*.xz) /bin/busybox xz -dc $module > /module.ko && /bin/busybox insmod /module.ko ;;
		*) /bin/busybox insmod $module ;;
		esac
	done
	/bin/busybox mount -t ext4 -o rw /dev/vda /newroot
	exec /bin/busybox switch_root /newroot /sbin/vm-init
END
chmod +x "$work/initramfs/init"
(cd "$work/initramfs" && find . | /bin/busybox cpio -o -H newc 2>/dev/null) >"$work/initramfs.cpio"

# The root disk: the user space, the kernel's modules, this checkout, and what to run.
cp -a "$root" "$work/root"
mkdir -p "$work/root/src" "$work/root/lib/modules"
cp -a "$work/kernel/lib/modules/$release" "$work/root/lib/modules/"
tar -c --exclude=.git --exclude=build/clang --exclude=build/fuzz --exclude=build/san --exclude=build/tidy --exclude=build/vm . |
	tar -x -C "$work/root/src"
printf '%q ' "$@" >"$work/root/command"
cat >"$work/root/sbin/vm-init" <<-'END'
	#!/bin/bash
	export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8
	mount -t proc proc /proc
	mount -t sysfs sys /sys
	mount -t devtmpfs dev /dev 2>/dev/null
	mkdir -p /dev/pts /dev/shm
	ln -s /proc/self/fd /dev/fd
	mount -t devpts devpts /dev/pts
	mount -t tmpfs tmpfs /dev/shm
	mount -t tmpfs tmpfs /run
	mount -t tmpfs tmpfs /tmp
	mount -t cgroup2 cgroup2 /sys/fs/cgroup
	mkdir -p /run/netns
	ip link set lo up
	modprobe -a veth tun nf_tables nft_reject_inet nft_ct sch_ingress cls_bpf inet_diag 2>/dev/null
	cd /src
	mkdir -p build/vm
	echo VM-BEGIN
	eval "$(cat /command)" </dev/null 2>&1
	echo "VM-STATUS $?"
	mkdir -p /out
	tar -c -C /src/build vm > /dev/vdb 2>/dev/null
	sync
	echo o > /proc/sysrq-trigger
	sleep 10
END
chmod +x "$work/root/sbin/vm-init"
mke2fs -q -t ext4 -O ^has_journal -d "$work/root" "$work/disk" 3G >/dev/null
rm -rf "$work/root"
truncate -s 256M "$work/out"

# cx16=off: QEMU 7.2's emulation of cmpxchg16b corrupts the slab of 6.12 kernels
accelerator=(-accel tcg -cpu max,cx16=off)
[ "${VM_KVM:-}" != 1 ] || accelerator=(-accel kvm -cpu max,arch-capabilities=off)
qemu-system-x86_64 "${accelerator[@]}" -m 2048 -smp 2 -nographic -no-reboot -nodefaults \
	-serial stdio -kernel "$work"/kernel/boot/vmlinuz-* -initrd "$work/initramfs.cpio" \
	-append "console=ttyS0 quiet panic=-1 loglevel=3" \
	-drive file="$work/disk",if=virtio,format=raw,cache=unsafe \
	-drive file="$work/out",if=virtio,format=raw,cache=unsafe </dev/null |
	stdbuf -oL tr -d '\r' | tee "$work/console" | sed -un '/VM-BEGIN/,/VM-STATUS/p'
grep -q VM-BEGIN "$work/console" || tail -n 40 "$work/console" >&2

mkdir -p build/vm/out
tar -x -C build/vm/out -f "$work/out" 2>/dev/null || true
status=$(sed -n 's/.*VM-STATUS //p' "$work/console" | tail -n 1)
exit "${status:-1}"
