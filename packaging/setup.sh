#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# setup.sh [demo|faults|matrix|package|bench] - install the Debian packages of packages.txt that are missing: for building
# and tests, for the demo alone, or for the scenarios of make faults, the kernels of make matrix, the Debian package or the benchmarks as well.
#
# Asks nothing, needs root only when something is missing, touches no network when nothing is.
set -eu

here=$(dirname "$0")
case "${1:-}" in
demo) want='^(build|demo)$' ;;
faults) want='^(build|demo|test|machine|faults)$' ;;
matrix) want='^(build|demo|test|machine)$' ;;
package) want='^(build|demo|test|package)$' ;;
bench) want='^(build|demo|test|bench)$' ;;
*) want='^(build|demo|test)$' ;;
esac
packages=$(awk -v want="$want" '!/^#/ && $2 ~ want { print $1 }' "$here/packages.txt")

# systemd-resolved, installed, makes itself the resolver of this machine: it is unpacked here, and tests run it from here.
apart=/var/lib/sockwhy-tests

# A package that stands in for another: nginx of any flavour is a server, and so on.
package_installed()
{
	case "$1" in
	nginx-light) [ -x /usr/sbin/nginx ] && return 0 ;;
	default-jdk-headless) command -v javac >/dev/null && return 0 ;;
	systemd-resolved) [ -x "$apart/$1/lib/systemd/$1" ] && return 0 ;;
	esac
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

if ! command -v dpkg-query >/dev/null 2>&1; then
	echo "setup: no dpkg here; if the build misses something, install what packages.txt names" >&2
	exit 0
fi

# apt-get as -y wants it, with lists that may be those of a fresh image, which are empty, or of an old one, whose versions are gone.
get()
{
	apt-get -q "$@" </dev/null || { apt-get update -q && apt-get -q "$@" </dev/null; }
}

# unpack PACKAGE - below $apart, without its scripts
unpack()
(
	folder=$(mktemp -d)
	chmod 755 "$folder"
	trap 'rm -rf "$folder"' EXIT
	cd "$folder"
	get -o APT::Sandbox::User=root download "$1"
	mkdir -p "$apart/$1"
	dpkg-deb -x ./*.deb "$apart/$1"
)

missing= aside=
for package in $packages; do
	package_installed "$package" && continue
	case "$package" in
	systemd-resolved) aside="$aside $package" ;;
	*) missing="$missing $package" ;;
	esac
done
[ -n "$missing$aside" ] || exit 0

if [ "$(id -u)" != 0 ]; then
	echo "setup: missing packages:$missing$aside" >&2
	echo "hint: run as root: $0 $*" >&2
	exit 1
fi

# Servers are needed as programs, not as services of this machine: keep the packages from starting them
# now (policy-rc.d, Debian's own switch for this) and at the next boot.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	trap 'rm -f "$policy"' EXIT INT TERM
	printf '#!/bin/sh\nexit 101\n' > "$policy"
	chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
echo "setup: installing$missing$aside"
[ -z "$missing" ] || get install -y --no-install-recommends $missing
for package in $aside; do
	unpack "$package"
done

if [ -d /run/systemd/system ]; then
	for package in $missing; do
		case "$package" in
		nginx-light) systemctl disable --quiet nginx.service || true ;;
		openssh-server) systemctl disable --quiet ssh.service || true ;;
		redis-server | haproxy | iperf3 | unbound | postgresql | prometheus | rsyslog) systemctl disable --quiet "$package.service" || true ;;
		esac
	done
fi
