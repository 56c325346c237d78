#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# tarball.sh FOLDER NAME - pack FOLDER (what make install put there, with the static program) as NAME.tar.gz beside it,
# with the licences of what is linked in, and its checksum as NAME.tar.gz.sha256. The same content gives the same bytes.
set -eu

folder=$1
name=$2
licences=$folder/usr/local/share/doc/sockwhy/linked
packages=$(dirname "$0")/packages.txt

mkdir -p "$licences"
# unpacked once more it must not lie over what its owner has changed
mv "$folder/etc/sockwhy/sockwhy.conf" "$folder/usr/local/share/doc/sockwhy/"
rmdir -p --ignore-fail-on-non-empty "$folder/etc/sockwhy"
# every library that the build needs is linked in
for package in $(awk '$2 == "build" && $1 ~ /-dev$/ { print $1 }' "$packages"); do
	cp "/usr/share/doc/$package/copyright" "$licences/$package.copyright" || {
		echo "tarball: what is linked in has to come with its licence: $package" >&2
		exit 1
	}
done
find "$folder" -type d -exec chmod 755 {} +
tar -C "$folder" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@${SOURCE_DATE_EPOCH:-0}" -cf - . |
	gzip -9n >"$folder/../$name.tar.gz"
cd "$folder/.."
sha256sum "$name.tar.gz" >"$name.tar.gz.sha256"
