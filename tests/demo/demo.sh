#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# demo.sh SOCKWHY - eight real connections that fail, each in another way, and two that work, with
# what sockwhy says of them as it says it.
#
# Two network namespaces joined by a veth pair, real programs in both, no other network. Everything
# goes away at the end, however it ends. Exit 1 if a failure was not explained as expected, or if
# one of the connections that work was complained of.
set -uo pipefail

# One more word, for whoever works on the demo: show the faults alone, without the agent.
sockwhy=${1:?usage: demo.sh SOCKWHY [--faults-only]}
faults_only=${2:-}
# Two demos at once do not touch or see each other: names and addresses of their own.
name=sockwhy-demo-$$
client=$name-client
server=$name-server
number=$(($$ % 250 + 1))
net=10.77.$number
client_ip=$net.1
server_ip=$net.2
absent_ip=$net.99              # on the link, but nobody is there
far_ip=198.51.100.$number      # behind an uplink that swallows packets
unrouted_ip=203.0.113.$number  # no route covers it
work=$(mktemp -d /tmp/sockwhy-demo.XXXXXX)
pids=()
agent=
wrong=0

if [ "$(id -u)" != 0 ]; then
	echo "demo: needs root, to make network namespaces and to trace" >&2
	echo "hint: sudo make demo" >&2
	exit 1
fi

cleanup()
{
	trap - EXIT INT TERM
	[ -z "$agent" ] || kill -INT "$agent" 2>/dev/null
	[ -z "$agent" ] || wait "$agent" 2>/dev/null
	for pid in ${pids[@]+"${pids[@]}"}; do
		kill -CONT "$pid" 2>/dev/null
		kill "$pid" 2>/dev/null
	done
	wait 2>/dev/null
	ip netns del $client 2>/dev/null
	ip netns del $server 2>/dev/null
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# nsenter, not "ip netns exec": the latter hides the host's /sys from what it starts.
in_client()
{
	nsenter --net=/run/netns/$client "$@"
}

in_server()
{
	nsenter --net=/run/netns/$server "$@"
}

# Start a server of ours and remember it: server_start PORT COMMAND…; returns when it listens.
server_start()
{
	local port=$1 tries
	shift
	nsenter --net=/run/netns/$server "$@" >"$work/server-$port.log" 2>&1 </dev/null &
	pids+=($!)
	for tries in {1..100}; do
		in_server ss -Hltn "sport = :$port" | grep -q . && return
		kill -0 "${pids[-1]}" 2>/dev/null || break
		sleep 0.05
	done
	echo "demo: $1 does not listen on port $port:" >&2
	cat "$work/server-$port.log" >&2
	exit 1
}

lab_make()
{
	local left
	# what demos that were killed left behind
	for left in /run/netns/sockwhy-demo-*-{client,server}; do
		left=${left##*/}
		[[ $left =~ ^sockwhy-demo-([0-9]+)- ]] || continue
		[ -e "/proc/${BASH_REMATCH[1]}" ] || ip netns del "$left"
	done
	set -e
	ip netns add $client
	ip netns add $server
	ip link add lan0 netns $client type veth peer name lan0 netns $server
	ip -n $client link set lo up
	ip -n $server link set lo up
	ip -n $client addr add $client_ip/24 dev lan0
	ip -n $server addr add $server_ip/24 dev lan0
	# no IPv6 addresses that appear a second later and would be named as a change of the host
	in_client sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
	in_server sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
	ip -n $client link set lan0 up
	ip -n $server link set lan0 up
	in_client nft -f - <<-END
		table inet demo {
			chain output {
				type filter hook output priority 0;
				tcp dport 9100 drop
			}
			chain input {
				type filter hook input priority 0;
				tcp sport 9200 drop
			}
		}
	END
	set +e
}

# An uplink behind which nobody answers: whatever is handed to it leaves the kernel and is forgotten.
uplink_start()
{
	nsenter --net=/run/netns/$client socat -u TUN:100.64.0.2/24,tun-name=wan0,iff-no-pi,iff-up \
		OPEN:/dev/null >"$work/uplink.log" 2>&1 </dev/null &
	pids+=($!)
	for _ in {1..100}; do
		ip -n $client route add 198.51.100.0/24 dev wan0 2>/dev/null && return
		kill -0 "${pids[-1]}" 2>/dev/null || break
		sleep 0.05
	done
	echo "demo: socat makes no tun device:" >&2
	cat "$work/uplink.log" >&2
	exit 1
}

servers_start()
{
	mkdir -p "$work/www"
	echo "hello from nginx" > "$work/www/index.html"
	chmod -R a+rX "$work"
	cat > "$work/nginx.conf" <<-END
		daemon off;
		master_process off;
		user nobody nogroup;
		pid $work/nginx.pid;
		error_log stderr;
		events {}
		http {
			access_log off;
			client_body_temp_path $work/body;
			proxy_temp_path $work/proxy;
			fastcgi_temp_path $work/fastcgi;
			uwsgi_temp_path $work/uwsgi;
			scgi_temp_path $work/scgi;
			server {
				listen $server_ip:80;
				listen 127.0.0.1:8080;
				root $work/www;
			}
		}
	END
	server_start 80 nginx -e stderr -c "$work/nginx.conf"
	server_start 53 dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts \
		--user=root --pid-file= --listen-address=$server_ip --bind-interfaces \
		--address=/web.demo/$server_ip
	server_start 9200 socat TCP-LISTEN:9200,bind=$server_ip,fork,reuseaddr EXEC:/bin/true
	# a server that hangs: its accept queue has room for one more than its backlog of 1
	server_start 9300 socat TCP-LISTEN:9300,bind=$server_ip,backlog=1,fork,reuseaddr EXEC:/bin/true
	kill -STOP "${pids[-1]}"
	for _ in 1 2; do
		# -d: stays connected without reading its standard input
		nsenter --net=/run/netns/$client nc -d $server_ip 9300 >/dev/null 2>&1 </dev/null &
		pids+=($!)
	done
	for _ in {1..100}; do
		[ "$(in_server ss -Htn state established "sport = :9300" | wc -l)" -lt 2 ] || break
		sleep 0.05
	done
	printf 'nameserver %s\noptions attempts:1 timeout:2\n' $server_ip > "$work/resolv.conf"
	echo 'hosts: files dns' > "$work/nsswitch.conf"
}

agent_start()
{
	[ -z "$faults_only" ] || return
	local color=(--color never)
	[ ! -t 1 ] || [ -n "${NO_COLOR:-}" ] || color=(--color always)
	mkfifo "$work/out"
	# sockets of every namespace are seen: show those of the demo alone
	nsenter --net=/run/netns/$client "$sockwhy" -f \
		"net $net.0/24 or host $far_ip or host $unrouted_ip" \
		>"$work/out" 2>"$work/err" </dev/null &
	agent=$!
	exec 3<"$work/out"
	# the line at the start says that everything is attached
	until grep -q . "$work/err"; do
		if ! kill -0 "$agent" 2>/dev/null; then
			echo "demo: sockwhy did not start" >&2
			exit 1
		fi
		sleep 0.05
	done
	cat "$work/err"
}

# Print what the agent says until it has said a line with $1 in it, at most $2 seconds without a word.
agent_listen()
{
	local wanted=$1 patience=$2 line heard=1
	[ -z "$faults_only" ] || return 0
	while IFS= read -r -t "$patience" line <&3; do
		printf '%s\n' "$line"
		# the head of a finding is not indented; colours may stand around its id
		if [ "$heard" = 1 ] && [[ $line != " "* && "$line " == *[!a-z-]"$wanted"[!a-z-]* && $line != *pending* ]]; then
			heard=0
			patience=0.3 # the rest of that finding
		fi
	done
	return $heard
}

announce()
{
	local bold= plain= number=$1 story=$2 program=${3%%_*}
	shift 3
	[ -t 1 ] && [ -z "${NO_COLOR:-}" ] && bold=$'\033[1m' plain=$'\033[0m'
	printf '\n%s%s. %s%s\n$ %s\n' "$bold" "$number" "$story" "$plain" "$program $*"
}

# fails N EXPECTED-FINDING "what is wrong" COMMAND…
fails()
{
	local number=$1 finding=$2 story=$3
	shift 3
	announce "$number" "$story" "$@"
	"$@" </dev/null 2>&1 | sed 's/^/  /'
	if [ "${PIPESTATUS[0]}" = 0 ]; then
		echo "demo: this was meant to fail" >&2
		wrong=$((wrong + 1))
	fi
	if ! agent_listen "$finding" 5; then
		echo "demo: sockwhy did not say $finding" >&2
		wrong=$((wrong + 1))
	fi
}

# works N "story" COMMAND…: nothing may be said of it
works()
{
	local number=$1 story=$2 said
	shift 2
	announce "$number" "$story" "$@"
	"$@" </dev/null 2>&1 | sed 's/^/  /'
	if [ "${PIPESTATUS[0]}" != 0 ]; then
		echo "demo: this was meant to work" >&2
		wrong=$((wrong + 1))
	fi
	[ -z "$faults_only" ] || return
	# that a busy host's records were lost is no complaint of this connection
	while IFS= read -r -t 1 said <&3; do
		printf '%s\n' "$said"
		[[ $said == *"records lost"* ]] && continue
		echo "demo: sockwhy complained of a connection that works" >&2
		wrong=$((wrong + 1))
		return
	done
	echo "  (sockwhy is silent: nothing failed)"
}

curl()
{
	in_client curl -sS "$@"
}

# with the demo's name server as this program's resolver
curl_by_name()
{
	in_client unshare --mount sh -c \
		'mount --bind "$0/resolv.conf" /etc/resolv.conf &&
		 mount --bind "$0/nsswitch.conf" /etc/nsswitch.conf && exec "$@"' "$work" curl -sS "$@"
}

nc()
{
	in_client nc "$@"
}

nc_server()
{
	in_server nc "$@"
}

lab_make
uplink_start
servers_start
agent_start

works 1 "A page from nginx." \
	curl http://$server_ip/
works 2 "The same by name; dnsmasq knows it." \
	curl_by_name http://web.demo/
fails 3 connect-refused-local "Another port of nginx, which listens there on 127.0.0.1 only." \
	curl http://$server_ip:8080/
fails 4 local-no-route "An address that no route covers." \
	curl http://$unrouted_ip/
fails 5 local-firewall "A port that this host's own firewall drops on the way out." \
	curl --max-time 2 http://$server_ip:9100/
fails 6 connect-reply-dropped "A server whose answers this host's own firewall drops." \
	curl --max-time 2 http://$server_ip:9200/
fails 7 local-neighbor-failed "An address on the link where nobody is." \
	curl --max-time 5 http://$absent_ip/
fails 8 connect-no-answer "A far host that never answers; nc gives up after 3 s." \
	nc -v -w 3 $far_ip 443
fails 9 accept-queue-full "A server that hangs (SIGSTOP) with a full accept queue." \
	curl --max-time 3 http://$server_ip:9300/
fails 10 local-port-in-use "A second server on nginx's port." \
	nc_server -l $server_ip 80

if [ -n "$agent" ]; then
	kill -INT "$agent"
	wait "$agent"
	agent=
	exec 3<&-
	echo
	tail -n +2 "$work/err"
fi
echo
if [ "$wrong" != 0 ]; then
	echo "demo: $wrong of 10 did not go as expected"
	exit 1
fi
if [ -n "$faults_only" ]; then
	echo "demo: 2 connections worked, 8 failed, as meant; sockwhy was not asked"
else
	echo "demo: 10 of 10 as expected: 2 connections worked in silence, 8 failures explained"
fi
