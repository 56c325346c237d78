#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# setup.sh [demo|faults|package|bench] - install the Debian packages of packages.txt that are missing: for building
# and tests, for the demo alone, or for the scenarios of make faults, the Debian package or the benchmarks as well.
#
# Asks nothing, needs root only when something is missing, touches no network when nothing is.
set -eu

here=$(dirname "$0")
case "${1:-}" in
demo) want='^(build|demo)$' ;;
faults) want='^(build|demo|test|faults)$' ;;
package) want='^(build|demo|test|package)$' ;;
bench) want='^(build|demo|test|bench)$' ;;
*) want='^(build|demo|test)$' ;;
esac
packages=$(awk -v want="$want" '!/^#/ && $2 ~ want { print $1 }' "$here/packages.txt")

# A package that stands in for another: nginx of any flavour is a server, and so on.
package_installed()
{
	case "$1" in
	nginx-light) [ -x /usr/sbin/nginx ] && return 0 ;;
	esac
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

if ! command -v dpkg-query >/dev/null 2>&1; then
	echo "setup: no dpkg here; if the build misses something, install what packages.txt names" >&2
	exit 0
fi

missing=
for package in $packages; do
	package_installed "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
	echo "setup: missing packages:$missing" >&2
	echo "hint: run as root: apt-get install -y --no-install-recommends$missing" >&2
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
echo "setup: installing$missing"
# The lists of a fresh image are empty, those of an old one name versions that are gone.
if ! apt-get install -y -q --no-install-recommends $missing </dev/null; then
	apt-get update -q
	apt-get install -y -q --no-install-recommends $missing </dev/null
fi

if [ -d /run/systemd/system ]; then
	for package in $missing; do
		case "$package" in
		nginx-light) systemctl disable --quiet nginx.service || true ;;
		openssh-server) systemctl disable --quiet ssh.service || true ;;
		redis-server | haproxy | iperf3 | unbound) systemctl disable --quiet "$package.service" || true ;;
		esac
	done
fi
