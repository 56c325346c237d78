#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# database.sh postgres|mariadb DIR ADDRESS PORT [OPTION…] - becomes a server with its data below DIR
#
# What it begins with is made once for all the scenarios of a run, beside DIR: that takes seconds. It trusts its own
# host alone; more is a matter of OPTIONs.
set -eu
kind=$1 dir=$2 address=$3 port=$4
shift 4
first=$dir/../$kind.first
as="setpriv --reuid postgres --regid postgres --clear-groups"
cd /

make_postgres()
{
	bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
	$as "$bin/initdb" -D "$1" -A trust -N >/dev/null
}

make_mariadb()
{
	mariadb-install-db --no-defaults --user=root --datadir="$1" --auth-root-authentication-method=normal --skip-test-db >/dev/null
}

(
	flock 9
	[ ! -e "$first" ] || exit 0
	rm -rf "$first.making" # of one that was stopped
	mkdir "$first.making"
	[ "$kind" = mariadb ] || chown postgres: "$first.making"
	"make_$kind" "$first.making"
	mv "$first.making" "$first"
) 9>>"$first.lock"
cp -a "$first" "$dir/data"

case $kind in
postgres)
	exec $as "$(ls -d /usr/lib/postgresql/*/bin | tail -1)/postgres" -D "$dir/data" -h "$address" -p "$port" \
		-c unix_socket_directories= -c max_wal_senders=0 -c fsync=off -c shared_buffers=1MB "$@"
	;;
mariadb)
	exec mariadbd --no-defaults --user=root --datadir="$dir/data" --bind-address="$address" --port="$port" \
		--socket="$dir/socket" --skip-name-resolve "$@"
	;;
esac
