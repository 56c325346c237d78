# SPDX-License-Identifier: GPL-2.0-or-later
# Made by make docs from the program's tables.

_sockwhy()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local command= options i
	local findings='local-fd-limit local-ports-exhausted local-tuple-in-use local-port-in-use local-port-privileged local-address-absent local-route-rejects local-no-route local-denied local-family-unsupported unix-connect-failed local-neighbor-failed connect-refused-local accept-queue-full host-conntrack-full host-nat-ports-exhausted local-forward-dropped local-firewall connect-reply-dropped connect-reset-in-handshake connect-rejected connect-unreachable connect-refused connect-stale-peer connect-fallback connect-slow connect-no-answer accept-unfinished connect-canceled dns-truncated dns-server-down dns-no-answer dns-servfail dns-nxdomain dns-no-data dns-slow udp-port-unreachable udp-too-big udp-receive-buffer-full udp-reply-from-other-address udp-no-reply accept-listener-closed tls-not-tls tls-alert tls-rejected tls-no-server-hello conn-local-drop conn-nat-bypassed conn-mtu-blackhole conn-reader-stalled conn-keepalive-timeout conn-keepalive-race conn-app-timeout conn-client-gave-up conn-broken-pipe conn-idle-dropped conn-closed-early conn-timed-out conn-reset-by-peer conn-reset-by-us conn-peer-window-zero conn-loss conn-reordered conn-slow-peer conn-silent close-wait-leak close-fin-wait-stuck close-last-ack-stuck accept-firewall accept-syn-flood accept-wrong-bind accept-no-listener host-duplicate-address host-conntrack-filling host-socket-memory connect-failed bind-failed'
	local thresholds='slow-handshake slow-factor fallback-info dns-slow accept-failed dropped-datagrams change-window reset-young service-young answer-wait closed-at-once keepalive-idle long-idle stuck keepalive-probes window-closed window-stalled closed-half kept-served kept-pool loss-percent loss-segments loss-time slow-answer conntrack-fill conntrack-soon host-look silence join.settle join.settle-reset join.settle-bind join.fallback join.stagger join.proven join.episode join.unanswered join.expire'

	# --option=value comes as three words
	if [ "$cur" = = ]; then
		cur=
	elif [ "$prev" = = ] && [ "$COMP_CWORD" -gt 1 ]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--) break ;;
		=) i=$((i + 1)) ;;
		-f | --filter | -p | --comm | --name | --uid | --unit | --container | --pod | --cgroup | --netns | -i | --interface | --since | --until | --finding | --severity | --mute | --set | --sort | -o | --output | --record | -w | --write | --snaplen | --keylog | --rotate | --files | --report | --metrics | --listen | --exec | --flight | --flight-to | --syslog | --heartbeat | --color | -c | --duration | --fail-on | -u | -r | --packets | --without | --no-fence | --ring-size | --max-connections | --config) [ "${COMP_WORDS[i + 1]}" = = ] || i=$((i + 1)) ;;
		-*) ;;
		*) command=${COMP_WORDS[i]} && break ;;
		esac
	done
	# what follows the command of run is the command's own
	if [ "$command" = run ]; then
		for ((i = i + 1; i < COMP_CWORD; i++)); do
			case ${COMP_WORDS[i]} in
			--) i=$((i + 1)) && break ;;
			-f | --filter | -p | --comm | --name | --uid | --unit | --container | --pod | --cgroup | --netns | -i | --interface | --since | --until | --finding | --severity | --mute | --set | --sort | -o | --output | --record | -w | --write | --snaplen | --keylog | --rotate | --files | --report | --metrics | --listen | --exec | --flight | --flight-to | --syslog | --heartbeat | --color | -c | --duration | --fail-on | -u | -r | --packets | --without | --no-fence | --ring-size | --max-connections | --config) i=$((i + 1)) ;;
			-*) ;;
			*) break ;;
			esac
		done
		if [ "$i" -lt "$COMP_CWORD" ]; then
			compopt -o default
			return
		elif [ "${COMP_WORDS[i - 1]}" = -- ]; then
			COMPREPLY=($(compgen -c -- "$cur"))
			return
		fi
	fi

	case $prev in
	-f | --filter | --comm | --name | --unit | --container | --pod | --cgroup | --since | --until | --sort | --snaplen | --rotate | --files | --listen | --exec | --flight | --flight-to | --syslog | --heartbeat | -c | --duration | --without | --no-fence | --ring-size | --max-connections)
		:
		return
		;;
	-p)
		COMPREPLY=($(cd /proc && compgen -G "$cur*" | grep -x '[0-9]*'))
		return
		;;
	--uid | -u)
		COMPREPLY=($(compgen -u -- "$cur"))
		return
		;;
	--netns)
		COMPREPLY=($(compgen -W "all $(ls /run/netns 2>/dev/null)" -- "$cur"))
		return
		;;
	-i | --interface)
		COMPREPLY=($(cd /sys/class/net && compgen -W '*' -- "$cur"))
		return
		;;
	--finding | --mute)
		COMPREPLY=($(compgen -P "${cur%"${cur##*,}"}" -W "$findings" -- "${cur##*,}"))
		return
		;;
	--severity | --fail-on)
		COMPREPLY=($(compgen -W 'info warning error' -- "$cur"))
		return
		;;
	--set)
		compopt -o nospace && COMPREPLY=($(compgen -W "$thresholds" -S = -- "$cur"))
		return
		;;
	-o | --output | --record | -w | --write | --keylog | --report | --metrics | -r | --config)
		compopt -o filenames && COMPREPLY=($(compgen -f -- "$cur"))
		return
		;;
	--color)
		COMPREPLY=($(compgen -W 'auto always never' -- "$cur"))
		return
		;;
	--packets)
		COMPREPLY=($(compgen -W 'tc cgroup none' -- "$cur"))
		return
		;;
	esac

	case ${command:-watch} in
	watch) options='-f --filter -p --comm --name --uid --unit --container --pod --cgroup --netns -i --interface --finding --severity --mute --all --set --text --brief --json --ecs --otlp-json -v --verbose -q --quiet -o --output --record -w --write --snaplen --mask --rotate --files --report --metrics --listen --exec --flight --flight-to --journal --syslog --force --heartbeat --utc --color -c --duration --fail-on -r --packets --without --no-fence --ring-size --max-connections --config -h --help --version' ;;
	run) options='-f --filter --comm --name --uid --unit --container --pod --cgroup --netns -i --interface --finding --severity --mute --all --set --text --brief --json --ecs --otlp-json -v --verbose -q --quiet -o --output --record -w --write --snaplen --keylog --mask --rotate --files --report --force --utc --color --fail-on -u --packets --without --no-fence --ring-size --max-connections --config -h --help --version' ;;
	read) options='-f --filter -p --comm --name --uid --unit --container --pod --cgroup -i --interface --since --until --finding --severity --mute --all --set --text --brief --json --ecs --otlp-json -v --verbose -q --quiet -o --output -w --write --snaplen --keylog --mask --rotate --files --report --force --utc --color -c --fail-on -r --no-fence --max-connections --config -h --help --version' ;;
	states) options='-f --filter -p --comm --uid --unit --container --pod --cgroup --netns --set --text --json -v --verbose -o --output --force --color -h --help --version' ;;
	flows) options='-f --filter -p --comm --uid --unit --container --pod --cgroup --netns -i --interface --since --until --text --json --csv --sort -q --quiet -o --output --record --force --utc -c --duration --packets --without --no-fence --ring-size --max-connections -h --help --version' ;;
	top) options='-f --filter -p --comm --name --uid --unit --container --pod --cgroup --netns -i --interface --finding --severity --mute --all --set --text --record --force --utc --color --duration -r --packets --without --no-fence --ring-size --max-connections -h --help --version' ;;
	compare) options='-f --filter --severity --all --text --brief --json -q --quiet -o --output --force --utc --color --fail-on --no-fence --max-connections -h --help --version' ;;
	explain) options='--text --json -h --help --version' ;;
	doctor) options='--text --json --packets --without --config -h --help --version --clean --dry-run' ;;
	*) options= ;;
	esac
	case $cur in
	-*) COMPREPLY=($(compgen -W "$options" -- "$cur")) ;;
	*)
		case $command in
		'') COMPREPLY=($(compgen -W 'watch run read states flows top compare explain doctor' -- "$cur")) ;;
		read | flows | compare) compopt -o filenames && COMPREPLY=($(compgen -f -- "$cur")) ;;
		explain) COMPREPLY=($(compgen -W "$findings" -- "$cur")) ;;
		esac
		;;
	esac
}
complete -F _sockwhy sockwhy
