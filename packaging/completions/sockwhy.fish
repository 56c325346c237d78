# SPDX-License-Identifier: GPL-2.0-or-later
# Made by make docs from the program's tables.

# the command that the line names; watch where it names none
function __sockwhy_command
    for word in (commandline -opc)[2..]
        switch $word
            case watch run read states flows top compare explain doctor
                echo $word
                return
            case '-*'
            case '*'
                break
        end
    end
    echo watch
end

function __sockwhy_takes
    contains -- (__sockwhy_command) $argv
end

function __sockwhy_begins
    test (count (commandline -opc)) = 1
end

function __sockwhy_findings
    # of a list the last one
    set -l begun (string replace -r '[^,=]*$' '' -- (commandline -ct | string replace -r '^--[a-z-]+=' ''))
    printf "$begun%s\n" local-fd-limit local-ports-exhausted local-tuple-in-use local-port-in-use local-port-privileged local-address-absent local-route-rejects local-no-route local-denied local-family-unsupported unix-connect-failed local-neighbor-failed connect-refused-local accept-queue-full host-conntrack-full host-nat-ports-exhausted local-forward-dropped local-firewall connect-reply-dropped connect-reset-in-handshake connect-rejected connect-unreachable connect-refused connect-stale-peer connect-fallback connect-slow connect-no-answer accept-unfinished connect-canceled dns-truncated dns-server-down dns-no-answer dns-servfail dns-nxdomain dns-no-data dns-slow udp-port-unreachable udp-too-big udp-receive-buffer-full udp-reply-from-other-address udp-no-reply accept-listener-closed tls-not-tls tls-alert tls-rejected tls-no-server-hello conn-local-drop conn-nat-bypassed conn-mtu-blackhole conn-reader-stalled conn-keepalive-timeout conn-keepalive-race conn-app-timeout conn-client-gave-up conn-broken-pipe conn-idle-dropped conn-closed-early conn-timed-out conn-reset-by-peer conn-reset-by-us conn-peer-window-zero conn-loss conn-reordered conn-slow-peer conn-silent close-wait-leak close-fin-wait-stuck close-last-ack-stuck accept-firewall accept-syn-flood accept-wrong-bind accept-no-listener host-duplicate-address host-conntrack-filling host-socket-memory connect-failed bind-failed
end

complete -c sockwhy -f
complete -c sockwhy -n '__sockwhy_takes read flows compare' -F
complete -c sockwhy -n '__sockwhy_takes run' -a '(__fish_complete_command)'
complete -c sockwhy -n '__sockwhy_takes explain' -a '(__sockwhy_findings)'
complete -c sockwhy -n __sockwhy_begins -a watch -d 'findings as they happen (the default)'
complete -c sockwhy -n __sockwhy_begins -a run -d 'start a command, follow it, then explain what failed'
complete -c sockwhy -n __sockwhy_begins -a read -d 'judge captures and recordings, without root'
complete -c sockwhy -n __sockwhy_begins -a states -d 'TCP sockets of this host by state, owner and age'
complete -c sockwhy -n __sockwhy_begins -a flows -d 'a table of TCP connections: of this host, or of captures'
complete -c sockwhy -n __sockwhy_begins -a top -d 'a screen: who fails, where to, and why; or of a recording'
complete -c sockwhy -n __sockwhy_begins -a compare -d 'two captures of the same traffic: lost, delayed, changed between'
complete -c sockwhy -n __sockwhy_begins -a explain -d 'what it means and what to check'
complete -c sockwhy -n __sockwhy_begins -a doctor -d 'what this kernel and these privileges offer'
complete -c sockwhy -n '__sockwhy_takes watch run read states flows top compare' -s f -l filter -x -d 'the filter as an option: a pcap-filter expression over addresses and ports'
complete -c sockwhy -n '__sockwhy_takes watch read states flows top' -s p -x -a '(__fish_complete_pids)' -d 'connections of this process and its descendants'
complete -c sockwhy -n '__sockwhy_takes watch run read states flows top' -l comm -x -d 'of processes with this command name (* and ? as in the shell)'
complete -c sockwhy -n '__sockwhy_takes watch run read top' -l name -x -d 'of this name, as it was looked up or as TLS asks for it (* and ?)'
complete -c sockwhy -n '__sockwhy_takes watch run read states flows top' -l uid -x -a '(__fish_complete_users)' -d 'of processes of this user'
complete -c sockwhy -n '__sockwhy_takes watch run read states flows top' -l unit -x -d 'of this systemd unit (* and ?)'
complete -c sockwhy -n '__sockwhy_takes watch run read states flows top' -l container -x -d 'of the container of this name (* and ?), or whose id begins so'
complete -c sockwhy -n '__sockwhy_takes watch run read states flows top' -l pod -x -d 'of processes in this pod (* and ?)'
complete -c sockwhy -n '__sockwhy_takes watch run read states flows top' -l cgroup -x -d 'of processes whose cgroup path begins so'
complete -c sockwhy -n '__sockwhy_takes watch run states flows top' -l netns -x -a 'all (ls /run/netns 2>/dev/null)' -d 'also the packets (flows, states: sockets) of this network namespace, by path or ip-netns name'
complete -c sockwhy -n '__sockwhy_takes watch run read flows top' -s i -l interface -x -a '(__fish_print_interfaces)' -d 'only the packets of this interface (repeatable)'
complete -c sockwhy -n '__sockwhy_takes read flows' -l since -x -d 'of captures: packets from then on (2026-11-20T10:31:07Z, or 90s: after the first)'
complete -c sockwhy -n '__sockwhy_takes read flows' -l until -x -d 'of captures: packets up to then'
complete -c sockwhy -n '__sockwhy_takes watch run read top' -l finding -x -a '(__sockwhy_findings)' -d 'only these, also those that are made on request only'
complete -c sockwhy -n '__sockwhy_takes watch run read top compare' -l severity -x -a 'info warning error' -d 'error, warning or info: this one and worse'
complete -c sockwhy -n '__sockwhy_takes watch run read top' -l mute -x -a '(__sockwhy_findings)' -d 'not these'
complete -c sockwhy -n '__sockwhy_takes watch run read top compare' -l all -d 'also findings of severity info and those that are made on request only'
complete -c sockwhy -n '__sockwhy_takes watch run read states top' -l set -x -a 'slow-handshake= slow-factor= fallback-info= dns-slow= accept-failed= dropped-datagrams= change-window= reset-young= service-young= answer-wait= closed-at-once= keepalive-idle= long-idle= stuck= keepalive-probes= window-closed= window-stalled= closed-half= kept-served= kept-pool= loss-percent= loss-segments= loss-time= slow-answer= conntrack-fill= conntrack-soon= host-look= silence= join.settle= join.settle-reset= join.settle-bind= join.fallback= join.stagger= join.proven= join.episode= join.unanswered= join.expire=' -d 'change a number that a rule compares with; explain lists them'
complete -c sockwhy -n '__sockwhy_takes watch run read states flows top compare explain doctor' -l text -d 'text for people (the default)'
complete -c sockwhy -n '__sockwhy_takes watch run read compare' -l brief -d 'one line a finding, or a connection'
complete -c sockwhy -n '__sockwhy_takes watch run read states flows compare explain doctor' -l json -d 'JSON lines'
complete -c sockwhy -n '__sockwhy_takes watch run read' -l ecs -d 'findings as JSON lines of the Elastic Common Schema'
complete -c sockwhy -n '__sockwhy_takes watch run read' -l otlp-json -d 'findings as log records of OpenTelemetry: OTLP JSON lines'
complete -c sockwhy -n '__sockwhy_takes flows' -l csv -d 'comma-separated values, with a first line of names'
complete -c sockwhy -n '__sockwhy_takes flows' -l sort -x -d 'the greatest first: bytes, retransmissions, duration_us, server_rtt_mean_us ...'
complete -c sockwhy -n '__sockwhy_takes watch run read states' -s v -l verbose -d 'events beside findings; -vv: every packet of a capture; run: what each socket went through; states: each socket'
complete -c sockwhy -n '__sockwhy_takes watch run read flows compare' -s q -l quiet -d 'only findings and errors'
complete -c sockwhy -n '__sockwhy_takes watch run read states flows compare' -s o -l output -r -F -d 'write findings to a new file of mode 0600, or - to standard output'
complete -c sockwhy -n '__sockwhy_takes watch run flows top' -l record -r -F -d 'keep every record in a new file, for read'
complete -c sockwhy -n '__sockwhy_takes watch run read' -s w -l write -r -F -d 'packets into a new pcapng file; read: those of findings (-v: every one)'
complete -c sockwhy -n '__sockwhy_takes watch run read' -l snaplen -x -d '-w: so many bytes of a packet (headers, DNS, TLS hellos); whole: 262144'
complete -c sockwhy -n '__sockwhy_takes run read' -l keylog -r -F -d '-w: embed a TLS key log, so that Wireshark decrypts; run: as it grows'
complete -c sockwhy -n '__sockwhy_takes watch run read' -l mask -d 'other addresses and names, the same for the same: output to be shared'
complete -c sockwhy -n '__sockwhy_takes watch run read' -l rotate -x -d '-o, -w, --record: FILE.00001, FILE.00002, ... of so many bytes'
complete -c sockwhy -n '__sockwhy_takes watch run read' -l files -x -d '--rotate: keep the last so many'
complete -c sockwhy -n '__sockwhy_takes watch run read' -l report -r -F -d 'write a report to a new file: findings, evidence drawn, causes, what to do'
complete -c sockwhy -n '__sockwhy_takes watch' -l metrics -r -F -d 'counters for Prometheus, every 15 s, for node exporter\'s textfile collector'
complete -c sockwhy -n '__sockwhy_takes watch' -l listen -x -d 'the same counters by HTTP, GET /metrics: on 127.0.0.1 unless an address is named'
complete -c sockwhy -n '__sockwhy_takes watch' -l exec -x -d 'start it for each finding: the JSON line on its standard input; no arguments, no shell, 10 a minute'
complete -c sockwhy -n '__sockwhy_takes watch' -l flight -x -d 'the last so many bytes of records in memory; a bundle of them when an error is new, or on SIGUSR1'
complete -c sockwhy -n '__sockwhy_takes watch' -l flight-to -x -d '--flight: where bundles are made (/var/lib/sockwhy)'
complete -c sockwhy -n '__sockwhy_takes watch' -l journal -d 'findings into systemd\'s journal, for standard output unless a form or -o is asked for'
complete -c sockwhy -n '__sockwhy_takes watch' -l syslog -x -d 'findings as messages of syslog (RFC 5424) to this socket, instead of standard output likewise'
complete -c sockwhy -n '__sockwhy_takes watch run read states flows top compare' -l force -d 'overwrite the files of -o, -w, --record, --report and --metrics'
complete -c sockwhy -n '__sockwhy_takes watch' -l heartbeat -x -d 'say so often (1m, 1h) that it lives: records taken and lost, findings, memory'
complete -c sockwhy -n '__sockwhy_takes watch run read flows top compare' -l utc -d 'times in UTC'
complete -c sockwhy -n '__sockwhy_takes watch run read states top compare' -l color -x -a 'auto always never' -d 'colour: on a terminal, unless NO_COLOR is set (auto)'
complete -c sockwhy -n '__sockwhy_takes watch read flows' -s c -x -d 'end after so many findings, or rows of flows'
complete -c sockwhy -n '__sockwhy_takes watch flows top' -l duration -x -d 'end after so long (30s, 5m, 8h)'
complete -c sockwhy -n '__sockwhy_takes watch run read compare' -l fail-on -x -a 'info warning error' -d 'exit with status 3 if such a finding, or a worse one, was made'
complete -c sockwhy -n '__sockwhy_takes run' -s u -x -a '(__fish_complete_users)' -d 'start the command as this user, with its environment as su(1) makes it'
complete -c sockwhy -n '__sockwhy_takes watch read top' -s r -r -F -d 'as read FILE; top: plays a recording'
complete -c sockwhy -n '__sockwhy_takes watch run flows top doctor' -l packets -x -a 'tc cgroup none' -d 'where packets are watched (tc)'
complete -c sockwhy -n '__sockwhy_takes watch run flows top doctor' -l without -x -d 'leave hooks out, as if the kernel lacked them; doctor lists them'
complete -c sockwhy -n '__sockwhy_takes watch run read flows top compare' -l no-fence -x -d 'leave fences out behind which it works; doctor lists them'
complete -c sockwhy -n '__sockwhy_takes watch run flows top' -l ring-size -x -d 'the buffer between kernel and program (4M)'
complete -c sockwhy -n '__sockwhy_takes watch run read flows top compare' -l max-connections -x -d 'connections held in memory at once (65536)'
complete -c sockwhy -n '__sockwhy_takes watch run read doctor' -l config -r -F -d 'options from this file; watch: from /etc/sockwhy/sockwhy.conf; doctor: check them'
complete -c sockwhy -n '__sockwhy_takes watch run read states flows top compare explain doctor' -s h -l help -d 'this text'
complete -c sockwhy -n '__sockwhy_takes watch run read states flows top compare explain doctor' -l version -d 'the version'
complete -c sockwhy -n '__sockwhy_takes doctor' -l clean -d 'list and remove what ended agents left behind'
complete -c sockwhy -n '__sockwhy_takes doctor' -l dry-run -d 'with --clean: only list'
