// SPDX-License-Identifier: GPL-2.0-or-later
/* options_table.c - every option, a row each */

#include "agent/options/options_table.h"
#include "attach/attach.h"
#include "rules/rules.h"
#include "util/array.h"

enum {
	W = BIT(COMMAND_WATCH),
	R = BIT(COMMAND_RUN),
	O = BIT(COMMAND_READ),
	S = BIT(COMMAND_STATES),
	F = BIT(COMMAND_FLOWS),
	T = BIT(COMMAND_TOP),
	C = BIT(COMMAND_COMPARE),
	E = BIT(COMMAND_EXPLAIN),
	D = BIT(COMMAND_DOCTOR),
	LIVE = W | R,
	JUDGES = W | R | O,
	TABLES = JUDGES | F,
	VERDICTS_OF = JUDGES | C,
	OUTPUTS = TABLES | C,
	SCREENS = S | T,
	EVERY = W | R | O | S | F | T | C | E | D,
};

static const char *const severity_names[] = { "info", "warning", "error", NULL };
static const char *const color_names[] = { "auto", "always", "never", NULL };
static const char *const packets_names[] = { "tc", "cgroup", "none", NULL };

_Static_assert(SEVERITY_INFO == 0 && SEVERITY_ERROR == 2, "severity_names is indexed by it");
_Static_assert(PACKETS_TC == 0 && PACKETS_NONE == 2, "packets_names is indexed by it");

#define NONE_GIVEN (-1)

/* Where the value goes; does not compile when the member's type is not the row's. */
#define INTO(member, c_type)                         \
	.offset = offsetof(struct options, member) + \
		  0 * sizeof((c_type *)0 == &((struct options *)0)->member)
#define FLAG(member) .type = OPTION_FLAG, INTO(member, bool)
#define COUNT(member) .type = OPTION_COUNT, INTO(member, unsigned int)
#define TEXT(member, meta) .type = OPTION_TEXT, .value = meta, INTO(member, const char *)
#define WORDS(member, meta) .type = OPTION_WORDS, .value = meta, INTO(member, struct words)
#define LIST(member, meta) .type = OPTION_LIST, .value = meta, INTO(member, struct words)
#define TIME(member) .type = OPTION_TIME, .value = "TIME", INTO(member, __u64)
#define WHEN(member) .type = OPTION_WHEN, .value = "TIME", INTO(member, struct when)
#define CHOICE(member, meta, list, first) \
	.type = OPTION_CHOICE, .value = meta, .names = list, .preset = first, INTO(member, int)
#define NUMBER(member, first, low, high)                                                  \
	.type = OPTION_NUMBER, .value = "N", .preset = first, .least = low, .most = high, \
	INTO(member, __u64)
#define BYTES(member, first, low, high)                                                      \
	.type = OPTION_BYTES, .value = "BYTES", .preset = first, .least = low, .most = high, \
	INTO(member, __u64)

/* clang-format off */
const struct option_row option_rows[] = {
	{ "filter", 'f', .group = GROUP_WHICH, .commands = OUTPUTS | SCREENS, TEXT(expression, "EXPR"),
	  .what = "the filter as an option: a pcap-filter expression over addresses and ports" },
	{ NULL, 'p', .group = GROUP_WHICH, .commands = W | O | S | F | T, LIST(pids, "PID"),
	  .what = "connections of this process and its descendants" },
	{ "comm", 0, .group = GROUP_WHICH, .commands = TABLES | SCREENS, WORDS(comms, "NAME"),
	  .what = "of processes with this command name (* and ? as in the shell)" },
	{ "name", 0, .group = GROUP_WHICH, .commands = JUDGES | T, WORDS(names, "GLOB"),
	  .what = "of this name, as it was looked up or as TLS asks for it (* and ?)" },
	{ "uid", 0, .group = GROUP_WHICH, .commands = TABLES | SCREENS, WORDS(uids, "UID"),
	  .what = "of processes of this user" },
	{ "unit", 0, .group = GROUP_WHICH, .commands = TABLES | SCREENS, WORDS(units, "UNIT"),
	  .what = "of this systemd unit (* and ?)" },
	{ "container", 0, .group = GROUP_WHICH, .commands = TABLES | SCREENS, WORDS(containers, "NAME|ID"),
	  .what = "of the container of this name (* and ?), or whose id begins so" },
	{ "pod", 0, .group = GROUP_WHICH, .commands = TABLES | SCREENS, WORDS(pods, "[NAMESPACE/]POD"),
	  .what = "of processes in this pod (* and ?)" },
	{ "cgroup", 0, .group = GROUP_WHICH, .commands = TABLES | SCREENS, WORDS(cgroups, "PREFIX"),
	  .what = "of processes whose cgroup path begins so" },
	{ "netns", 0, .group = GROUP_WHICH, .commands = LIVE | SCREENS | F, WORDS(netns, "PATH|all"),
	  .what = "also the packets (flows, states: sockets) of this network namespace, by path or ip-netns name" },
	{ "interface", 'i', .group = GROUP_WHICH, .commands = TABLES | T, WORDS(interfaces, "IFACE"),
	  .what = "only the packets of this interface (repeatable)" },
	{ "since", 0, .group = GROUP_WHICH, .commands = O | F, WHEN(since),
	  .what = "of captures: packets from then on (2026-11-20T10:31:07Z, or 90s: after the first)" },
	{ "until", 0, .group = GROUP_WHICH, .commands = O | F, WHEN(until),
	  .what = "of captures: packets up to then" },

	{ "finding", 0, .group = GROUP_FINDINGS, .commands = JUDGES | T, LIST(findings, "ID[,ID...]"),
	  .what = "only these, also those that are made on request only" },
	{ "severity", 0, .group = GROUP_FINDINGS, .commands = VERDICTS_OF | T,
	  CHOICE(severity, "X", severity_names, NONE_GIVEN),
	  .what = "error, warning or info: this one and worse" },
	{ "mute", 0, .group = GROUP_FINDINGS, .commands = JUDGES | T, LIST(mutes, "ID"),
	  .what = "not these" },
	{ "all", 0, .group = GROUP_FINDINGS, .commands = VERDICTS_OF | T, FLAG(all),
	  .what = "also findings of severity info and those that are made on request only" },
	{ "set", 0, .group = GROUP_FINDINGS, .commands = JUDGES | SCREENS, WORDS(thresholds, "THRESHOLD=VALUE"),
	  .what = "change a number that a rule compares with; explain lists them" },

	{ "text", 0, .group = GROUP_OUTPUT, .commands = EVERY, FLAG(text), .form = true,
	  .what = "text for people (the default)" },
	{ "brief", 0, .group = GROUP_OUTPUT, .commands = VERDICTS_OF, FLAG(brief), .form = true,
	  .what = "one line a finding, or a connection" },
	{ "json", 0, .group = GROUP_OUTPUT, .commands = OUTPUTS | S | E | D, FLAG(json), .form = true,
	  .what = "JSON lines" },
	{ "ecs", 0, .group = GROUP_OUTPUT, .commands = JUDGES, FLAG(ecs), .form = true,
	  .what = "findings as JSON lines of the Elastic Common Schema" },
	{ "otlp-json", 0, .group = GROUP_OUTPUT, .commands = JUDGES, FLAG(otlp_json), .form = true,
	  .what = "findings as log records of OpenTelemetry: OTLP JSON lines" },
	{ "csv", 0, .group = GROUP_OUTPUT, .commands = F, FLAG(csv), .form = true,
	  .what = "comma-separated values, with a first line of names" },
	{ "sort", 0, .group = GROUP_OUTPUT, .commands = F, TEXT(sort, "FIELD"),
	  .what = "the greatest first: bytes, retransmissions, duration_us, server_rtt_mean_us ..." },
	{ "verbose", 'v', .group = GROUP_OUTPUT, .commands = JUDGES | S, COUNT(verbose),
	  .what = "events beside findings; -vv: every packet of a capture; run: what each socket went through; states: each socket" },
	{ "quiet", 'q', .group = GROUP_OUTPUT, .commands = OUTPUTS, FLAG(quiet),
	  .what = "only findings and errors" },
	{ "output", 'o', .group = GROUP_OUTPUT, .commands = OUTPUTS | S, TEXT(output, "FILE"),
	  .what = "write findings to a new file of mode 0600, or - to standard output" },
	{ "record", 0, .group = GROUP_OUTPUT, .commands = LIVE | F | T, TEXT(record, "FILE"),
	  .what = "keep every record in a new file, for read" },
	{ "write", 'w', .group = GROUP_OUTPUT, .commands = JUDGES, TEXT(write, "FILE"),
	  .what = "packets into a new pcapng file; read: those of findings (-v: every one)" },
	{ "snaplen", 0, .group = GROUP_OUTPUT, .commands = JUDGES, BYTES(snap_bytes, 0, 16, 262144),
	  .what = "-w: so many bytes of a packet (headers, DNS, TLS hellos); whole: 262144" },
	{ "keylog", 0, .group = GROUP_OUTPUT, .commands = R | O, TEXT(keylog, "FILE"),
	  .what = "-w: embed a TLS key log, so that Wireshark decrypts; run: as it grows" },
	{ "mask", 0, .group = GROUP_OUTPUT, .commands = JUDGES, FLAG(mask),
	  .what = "other addresses and names, the same for the same: output to be shared" },
	{ "rotate", 0, .group = GROUP_OUTPUT, .commands = JUDGES, BYTES(rotate_bytes, 0, 1 << 16, 1ll << 50),
	  .what = "-o, -w, --record: FILE.00001, FILE.00002, ... of so many bytes" },
	{ "files", 0, .group = GROUP_OUTPUT, .commands = JUDGES, NUMBER(files_max, 0, 2, 10000),
	  .what = "--rotate: keep the last so many" },
	{ "report", 0, .group = GROUP_OUTPUT, .commands = JUDGES, TEXT(report, "FILE.html|FILE.md"),
	  .what = "write a report to a new file: findings, evidence drawn, causes, what to do" },
	{ "metrics", 0, .group = GROUP_OUTPUT, .commands = W, TEXT(metrics, "FILE.prom"),
	  .what = "counters for Prometheus, every 15 s, for node exporter's textfile collector" },
	{ "listen", 0, .group = GROUP_OUTPUT, .commands = W, TEXT(listen, "[ADDRESS:]PORT|unix:PATH"),
	  .what = "the same counters by HTTP, GET /metrics: on 127.0.0.1 unless an address is named" },
	{ "exec", 0, .group = GROUP_OUTPUT, .commands = W, TEXT(exec, "PROGRAM"),
	  .what = "start it for each finding: the JSON line on its standard input; no arguments, no shell, 10 a minute" },
	{ "flight", 0, .group = GROUP_OUTPUT, .commands = W, BYTES(flight_bytes, 0, 1 << 20, 1 << 30),
	  .what = "the last so many bytes of records in memory; a bundle of them when an error is new, or on SIGUSR1" },
	{ "flight-to", 0, .group = GROUP_OUTPUT, .commands = W, TEXT(flight_to, "FOLDER"),
	  .what = "--flight: where bundles are made (" FLIGHT_FOLDER ")" },
	{ "journal", 0, .group = GROUP_OUTPUT, .commands = W, FLAG(journal),
	  .what = "findings into systemd's journal, for standard output unless a form or -o is asked for" },
	{ "syslog", 0, .group = GROUP_OUTPUT, .commands = W, TEXT(syslog, "SOCKET"),
	  .what = "findings as messages of syslog (RFC 5424) to this socket, instead of standard output likewise" },
	{ "force", 0, .group = GROUP_OUTPUT, .commands = OUTPUTS | SCREENS, FLAG(force),
	  .what = "overwrite the files of -o, -w, --record, --report and --metrics" },
	{ "heartbeat", 0, .group = GROUP_OUTPUT, .commands = W, TIME(heartbeat_ns),
	  .what = "say so often (1m, 1h) that it lives: records taken and lost, findings, memory" },
	{ "utc", 0, .group = GROUP_OUTPUT, .commands = OUTPUTS | T, FLAG(utc),
	  .what = "times in UTC" },
	{ "color", 0, .group = GROUP_OUTPUT, .commands = VERDICTS_OF | SCREENS,
	  CHOICE(color, "auto|always|never", color_names, COLOR_AUTO),
	  .what = "colour: on a terminal, unless NO_COLOR is set (auto)" },

	{ NULL, 'c', .group = GROUP_HOW, .commands = W | O | F, NUMBER(findings_max, 0, 1, 1000000000),
	  .what = "end after so many findings, or rows of flows" },
	{ "duration", 0, .group = GROUP_HOW, .commands = W | F | T, TIME(duration_ns),
	  .what = "end after so long (30s, 5m, 8h)" },
	{ "fail-on", 0, .group = GROUP_HOW, .commands = VERDICTS_OF,
	  CHOICE(fail_on, "SEVERITY", severity_names, NONE_GIVEN),
	  .what = "exit with status 3 if such a finding, or a worse one, was made" },
	{ NULL, 'u', .group = GROUP_HOW, .commands = R, TEXT(user, "USER"),
	  .what = "start the command as this user, with its environment as su(1) makes it" },
	{ NULL, 'r', .group = GROUP_HOW, .commands = W | O | T, TEXT(file, "FILE"),
	  .what = "as read FILE; top: plays a recording" },
	{ "packets", 0, .group = GROUP_HOW, .commands = LIVE | F | T | D,
	  CHOICE(packets, "tc|cgroup|none", packets_names, PACKETS_TC),
	  .what = "where packets are watched (tc)" },
	{ "without", 0, .group = GROUP_HOW, .commands = LIVE | F | T | D, LIST(without, "HOOK[,HOOK...]"),
	  .what = "leave hooks out, as if the kernel lacked them; doctor lists them" },
	{ "no-fence", 0, .group = GROUP_HOW, .commands = OUTPUTS | T, LIST(no_fences, "FENCE[,FENCE...]"),
	  .what = "leave fences out behind which it works; doctor lists them" },
	{ "ring-size", 0, .group = GROUP_HOW, .commands = LIVE | F | T,
	  BYTES(ring_bytes, 4 << 20, 4096, 256 << 20),
	  .what = "the buffer between kernel and program (4M)" },
	{ "max-connections", 0, .group = GROUP_HOW, .commands = OUTPUTS | T,
	  NUMBER(connections_max, 65536, 16, 4 << 20),
	  .what = "connections held in memory at once (65536)" },

	{ "clean", 0, .group = GROUP_DOCTOR, .commands = D, FLAG(clean),
	  .what = "list and remove what ended agents left behind" },
	{ "dry-run", 0, .group = GROUP_DOCTOR, .commands = D, FLAG(dry_run),
	  .what = "with --clean: only list" },

	{ "config", 0, .group = GROUP_HOW, .commands = JUDGES | D, TEXT(config, "FILE|none"),
	  .line_only = true, .lone = true,
	  .what = "options from this file; watch: from /etc/sockwhy/sockwhy.conf; doctor: check them" },

	{ "help", 'h', .group = GROUP_HOW, .commands = EVERY, FLAG(help), .line_only = true,
	  .what = "this text" },
	{ "version", 0, .group = GROUP_HOW, .commands = EVERY, FLAG(version), .line_only = true,
	  .what = "the version" },
};
/* clang-format on */

const size_t option_rows_count = ARRAY_SIZE(option_rows);

_Static_assert(ARRAY_SIZE(option_rows) <= OPTIONS_MAX, "the parser notes each row that is given");
