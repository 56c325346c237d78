#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# deb.sh FOLDER VERSION [FLAG...] - build the Debian package of what git tracks here, as it is now, into FOLDER
set -eu

here=$(dirname "$(readlink -f "$0")")/..
folder=$1
version=$2
shift 2
for tool in dpkg-buildpackage dh; do
	command -v $tool >/dev/null || {
		echo "deb: $tool is missing" >&2
		echo "hint: apt-get install dpkg-dev debhelper" >&2
		exit 1
	}
done
said=$(sed -n '1s/.*(\(.*\)).*/\1/p' "$here/debian/changelog")
[ "$said" = "$version" ] || {
	echo "deb: debian/changelog speaks of $said, the Makefile of $version" >&2
	exit 1
}

rm -rf "$folder"
mkdir -p "$folder/sockwhy-$version"
(cd "$here" && git ls-files -z | tar -c --null -T -) | tar -x -C "$folder/sockwhy-$version"
cd "$folder/sockwhy-$version"
# the make that called this has options of its own
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES
exec dpkg-buildpackage -us -uc "$@"
