#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# kernel.sh FOLDER - unpack Debian's cloud kernel into FOLDER, unless it is there: boot/vmlinuz-RELEASE, lib/modules/RELEASE.
# It is not installed: this machine goes on booting what it boots.
set -eu

folder=${1:?usage: kernel.sh FOLDER}
[ -z "$(find "$folder/boot" -name 'vmlinuz-*' 2>/dev/null)" ] || exit 0
mkdir -p "$folder"
cd "$folder"

kernel_download()
{
	package=$(apt-cache depends linux-image-cloud-amd64 | awk '$1 == "Depends:" { print $2; exit }')
	[ -n "$package" ] && apt-get download -q "$package" </dev/null
}

# The lists of a fresh image are empty, those of an old one name versions that are gone.
kernel_download || { apt-get update -q && kernel_download; }
dpkg-deb --extract linux-image-*.deb .
rm -f linux-image-*.deb
release=$(basename lib/modules/*)
depmod -b "$PWD" "$release"
