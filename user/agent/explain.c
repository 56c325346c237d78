// SPDX-License-Identifier: GPL-2.0-or-later
/* explain.c - the catalogue of findings, and what an errno or a TCP state means */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/agent.h"
#include "agent/explain.h"
#include "agent/options/limits.h"
#include "decode/decode.h"
#include "rules/rules.h"
#include "sinks/json_write.h"
#include "sinks/message_id.h"
#include "util/array.h"
#include "util/log.h"
#include "util/text.h"

#define WIDTH 96
#define JSON_BYTES 16384 /* most of a line, as of every other */

/* Which findings end a call with that errno; the order is from the likely to the rare. */
static const struct explain_errno errno_rows[] = {
	{ ECONNREFUSED,
	  { "connect-refused", "connect-refused-local", "connect-rejected", "local-firewall" },
	  "ss -ltn on the machine that was asked, for the port that was asked" },
	{ ETIMEDOUT,
	  { "connect-no-answer", "accept-queue-full", "connect-reply-dropped", "local-firewall",
	    "local-forward-dropped", "connect-stale-peer", "conn-timed-out",
	    "conn-keepalive-timeout", "conn-idle-dropped", "conn-mtu-blackhole" },
	  "nstat -az TcpExtTCPTimeouts; ss -tn state syn-sent; a capture on both machines" },
	{ EHOSTUNREACH,
	  { "local-neighbor-failed", "connect-unreachable", "connect-rejected",
	    "local-route-rejects", "local-firewall" },
	  "ip route get ADDRESS; ip neigh" },
	{ ENETUNREACH,
	  { "local-no-route", "connect-unreachable", "connect-rejected", "local-route-rejects" },
	  "ip route get ADDRESS; ip route; ip -6 route" },
	{ EACCES,
	  { "local-port-privileged", "local-route-rejects", "local-denied", "connect-rejected" },
	  "sysctl net.ipv4.ip_unprivileged_port_start; ip route get ADDRESS" },
	{ EINVAL, { "local-route-rejects" }, "ip route get ADDRESS" },
	{ EADDRINUSE, { "local-port-in-use", "local-ports-exhausted" }, "ss -tanp 'sport = :PORT'" },
	{ EADDRNOTAVAIL,
	  { "local-address-absent", "local-ports-exhausted", "local-tuple-in-use" },
	  "ip addr; sysctl net.ipv4.ip_local_port_range; ss -s" },
	{ ECONNRESET,
	  { "connect-reset-in-handshake", "conn-reset-by-peer", "conn-keepalive-race",
	    "conn-closed-early", "conn-broken-pipe", "conn-idle-dropped", "conn-client-gave-up",
	    "accept-queue-full", "tls-rejected", "tls-not-tls" },
	  "the log of the server, or of the proxy or balancer in front of it" },
	{ EPIPE,
	  { "conn-broken-pipe", "conn-keepalive-race", "conn-closed-early", "conn-reset-by-peer" },
	  "who closed first: the log of the other side at that time; ss -tnp state close-wait" },
	{ EMFILE,
	  { "local-fd-limit", "accept-queue-full" },
	  "ls -l /proc/PID/fd; grep 'open files' /proc/PID/limits" },
	{ ENFILE, { "local-fd-limit", "accept-queue-full" }, "sysctl fs.file-nr fs.file-max" },
	{ EPERM,
	  { "local-denied", "local-firewall" },
	  "bpftool cgroup tree; nft list ruleset; systemctl show UNIT" },
	{ EAFNOSUPPORT,
	  { "local-family-unsupported" },
	  "cat /sys/module/ipv6/parameters/disable; systemctl show -p RestrictAddressFamilies UNIT" },
	{ ENOPROTOOPT, { "connect-rejected" }, "the firewall in front of the machine" },
	{ EHOSTDOWN, { "connect-unreachable" }, "the router that says so" },
	{ EOPNOTSUPP, { "connect-unreachable" }, "the router that says so" },
	{ ENONET, { "connect-unreachable" }, "the router that says so" },
	{ 0, { NULL }, NULL },
};

const struct explain_errno *explain_errno_row(size_t index)
{
	return index < ARRAY_SIZE(errno_rows) - 1 ? &errno_rows[index] : NULL;
}

/* RFC 9293 section 3.3.2 */
static const struct {
	const char *name;
	const char *means;
	const char *check;
} states[] = {
	{ "LISTEN", "a process waits for connections to this address and port.",
	  "ss -ltnp: Recv-Q is how many wait to be accepted, Send-Q how many may" },
	{ "SYN_SENT",
	  "this side asked for a connection and has no answer yet. The SYN is sent again after 1, 3, "
	  "7, 15, 31 and 63 s; after 127 s the kernel gives up (net.ipv4.tcp_syn_retries).",
	  "ss -tnp state syn-sent; sockwhy tells why each of them fails" },
	{ "SYN_RECV",
	  "the other side asked, the answer went out, and its last word of the handshake is awaited.",
	  "ss -tn state syn-recv; many of one source that never finish are a flood or a lost way back" },
	{ "ESTABLISHED", "both sides may send.",
	  "ss -tinp: rto, retrans, lastrcv, and the queues on both sides" },
	{ "FIN_WAIT1", "this side closed; its FIN is not acknowledged yet.",
	  "ss -tnp state fin-wait-1: data that waits with it is lost if the peer is gone" },
	{ "FIN_WAIT2",
	  "this side closed and the peer knows; the peer has not closed yet. Without a process the "
	  "kernel waits net.ipv4.tcp_fin_timeout, 60 s.",
	  "ss -tn state fin-wait-2; why does the peer not close?" },
	{ "CLOSE_WAIT",
	  "the peer closed; the process on this side has not. It ends only when that "
	  "process closes the socket.",
	  "ss -tnp state close-wait: the process named there leaks sockets if they age" },
	{ "CLOSING", "both closed at the same time; the peer's acknowledgement is awaited.", "" },
	{ "LAST_ACK", "both closed; the peer's last acknowledgement is awaited.",
	  "ss -tn state last-ack" },
	{ "TIME_WAIT",
	  "the side that closed first keeps the pair of addresses for 60 s, so that late segments "
	  "find no newer connection. It is normal and costs little.",
	  "matters only when source ports run short: ss -s, sysctl net.ipv4.ip_local_port_range" },
	{ "CLOSE", "no connection: a new socket, or one whose connection ended.", "" },
	{ "NEW_SYN_RECV", "the kernel's name of SYN_RECV before a socket is made for it.", "" },
};

/* Text in lines of WIDTH, each behind @indent blanks; the first after @label. */
static void print_wrapped(const char *label, const char *text)
{
	int column, indent = 10;

	if (!text || !text[0])
		return;
	column = printf("  %-8s", label);
	while (*text) {
		int length = (int)strcspn(text, " \n");

		if (column > indent && column + 1 + length > WIDTH) {
			printf("\n%*s", indent, "");
			column = indent;
		} else if (column > indent) {
			column += printf(" ");
		}
		column += printf("%.*s", length, text);
		text += length;
		text += *text ? 1 : 0;
	}
	putchar('\n');
}

/* ---- JSON: one object for each, with the same words ---- */

static struct json explanation(char *line, const char *of, const char *name)
{
	struct json json = json_in(line, JSON_BYTES);

	json_open(&json, '{');
	json_pair(&json, "type", "explanation");
	json_pair_unsigned(&json, "schema", 1);
	json_pair(&json, "of", of);
	json_pair(&json, "name", name);
	return json;
}

static void print_explanation(struct json *json)
{
	json_close(json, '}');
	puts(json->at);
}

static void explain_rule_json(const struct rule *rule)
{
	char line[JSON_BYTES];
	struct json json = explanation(line, "finding", rule_id(rule));
	char id[40];
	struct text text = text_of(id);

	message_id_print(&text, rule_id(rule));
	json_pair(&json, "severity", severity_name(rule_severity(rule)));
	json_pair(&json, "most_confident", confidence_name(rule_cap(rule)));
	json_pair(&json, "stage", stage_name(rule_stage(rule)));
	json_pair(&json, "message_id", id);
	json_pair(&json, "means", rule_means(rule));
	json_pair(&json, "decides", rule_evidence(rule));
	json_pair(&json, "silent", rule_gate(rule));
	json_pair(&json, "check", rule_check(rule));
	json_pair(&json, "kernels", rule_kernels(rule));
	print_explanation(&json);
}

static void explain_threshold_json(const char *name, __u64 value, const char *unit,
				   const char *what)
{
	char line[JSON_BYTES];
	struct json json = explanation(line, "threshold", name);

	json_pair_unsigned(&json, "value", value);
	json_pair(&json, "unit", unit);
	json_pair(&json, "means", what);
	print_explanation(&json);
}

static void explain_errno_json(int error, const struct explain_errno *row)
{
	char line[JSON_BYTES];
	struct json json = explanation(line, "errno", decode_errno_name(error));

	json_pair_unsigned(&json, "number", (__u64)error);
	json_pair(&json, "means", decode_errno_meaning(error));
	if (row) {
		json_key(&json, "causes");
		json_open(&json, '[');
		for (size_t i = 0; row->findings[i]; i++)
			json_string(&json, row->findings[i]);
		json_close(&json, ']');
		json_pair(&json, "check", row->check);
	}
	print_explanation(&json);
}

static void explain_state_json(const char *name, const char *means, const char *check)
{
	char line[JSON_BYTES];
	struct json json = explanation(line, "state", name);

	json_pair(&json, "means", means);
	json_pair(&json, "check", check);
	print_explanation(&json);
}

static void explain_catalogue_json(void)
{
	const struct threshold_row *threshold;
	const struct limit_row *limit;
	const struct rule *rule;

	for (size_t i = 0; (rule = rules_row(i)); i++)
		explain_rule_json(rule);
	for (size_t i = 0; (threshold = threshold_row(i)); i++)
		explain_threshold_json(threshold->name, threshold->value, threshold->unit,
				       threshold->what);
	for (size_t i = 0; (limit = limits_row(i)); i++)
		explain_threshold_json(limit->name, limits_value(&join_limits_default, limit),
				       limit->unit, limit->what);
}

/* ---- text ---- */

static void explain_rule(const struct rule *rule)
{
	const char *stage = stage_name(rule_stage(rule));

	printf("%s  (%s, at most %s%s%s)\n", rule_id(rule), severity_name(rule_severity(rule)),
	       confidence_name(rule_cap(rule)), stage ? ", stage " : "", stage ? stage : "");
	print_wrapped("means", rule_means(rule));
	print_wrapped("decides", rule_evidence(rule));
	print_wrapped("silent", rule_gate(rule));
	print_wrapped("check", rule_check(rule));
	print_wrapped("kernels", rule_kernels(rule));
}

static void explain_threshold(const char *name, __u64 value, const char *unit, const char *what)
{
	char setting[48];
	struct text text = text_of(setting);

	printf("  %-28s %-8s %s\n", text_add(&text, "%s=%llu", name, value), unit, what);
}

static void explain_catalogue(void)
{
	const struct threshold_row *threshold;
	const struct limit_row *limit;
	const struct rule *rule;

	puts("Findings (sockwhy explain ID tells more):\n");
	for (size_t i = 0; (rule = rules_row(i)); i++)
		printf("  %-28s %-8s %s\n", rule_id(rule), severity_name(rule_severity(rule)),
		       rule_means(rule));
	puts("\nThresholds (--set NAME=VALUE):\n");
	for (size_t i = 0; (threshold = threshold_row(i)); i++)
		explain_threshold(threshold->name, threshold->value, threshold->unit,
				  threshold->what);
	for (size_t i = 0; (limit = limits_row(i)); i++)
		explain_threshold(limit->name, limits_value(&join_limits_default, limit),
				  limit->unit, limit->what);
	puts("\nAn errno (ECONNREFUSED, 111, \"Connection refused\"), a TCP state (SYN_SENT) and a word (timeout)\n"
	     "can be asked for, too.");
}

static const struct explain_errno *find_errno_row(int error)
{
	for (const struct explain_errno *row = errno_rows; row->error; row++)
		if (row->error == error)
			return row;
	return NULL;
}

static void print_causes(const char *const *findings)
{
	for (size_t i = 0; findings[i]; i++) {
		const struct rule *rule = rules_find(findings[i]);

		if (rule)
			printf("  %-8s%-28s %s\n", i ? "" : "causes", rule_id(rule),
			       rule_means(rule));
	}
}

static void explain_errno(int error, const struct explain_errno *row)
{
	printf("%s  (errno %d)\n", decode_errno_name(error), error);
	print_wrapped("means", decode_errno_meaning(error) ?: "no socket call gives it often.");
	if (!row) {
		printf("  %-8s%s\n", "causes",
		       "no finding of its own: connect-failed or bind-failed tells it");
		return;
	}
	print_causes(row->findings);
	print_wrapped("check", row->check);
}

static bool explain_lookup(const char *word, bool json)
{
	const struct explain_lookup *row = explain_lookup_named(word);

	for (size_t i = 0; row && json && row->findings[i]; i++)
		explain_rule_json(rules_find(row->findings[i]));
	if (!row || json)
		return row;
	printf("%s  (of a lookup)\n", row->name);
	print_wrapped("means", row->means);
	print_causes(row->findings);
	print_wrapped("check", row->check);
	return true;
}

/* "refused", "timeout": every finding that can be behind it. */
static bool explain_word(const char *word, bool json)
{
	const struct rule *rule;
	bool any = false;

	for (size_t i = 0; (rule = rules_row(i)); i++) {
		if (!explain_behind(rule, word))
			continue;
		if (json) {
			explain_rule_json(rule);
		} else {
			if (!any)
				printf("%s can be (sockwhy explain ID tells more):\n", word);
			printf("  %-28s %-8s %s\n", rule_id(rule),
			       severity_name(rule_severity(rule)), rule_means(rule));
		}
		any = true;
	}
	return any;
}

static bool explain_errno_named(const char *name, bool json)
{
	int error = explain_errno_of(name);

	if (!error)
		return false;
	if (json)
		explain_errno_json(error, find_errno_row(error));
	else
		explain_errno(error, find_errno_row(error));
	return true;
}

static bool explain_state_named(const char *name, bool json)
{
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		char dashed[16];

		/* ss(8) writes SYN-SENT */
		snprintf(dashed, sizeof(dashed), "%s", states[i].name);
		for (char *c = dashed; *c; c++)
			*c = *c == '_' ? '-' : *c;
		if (strcasecmp(states[i].name, name) != 0 && strcasecmp(dashed, name) != 0)
			continue;
		if (json) {
			explain_state_json(states[i].name, states[i].means, states[i].check);
			return true;
		}
		printf("%s  (TCP state)\n", states[i].name);
		print_wrapped("means", states[i].means);
		print_wrapped("check", states[i].check);
		return true;
	}
	return false;
}

/* Findings, then what else could have been meant. */
static const char *known_word(void *ctx, size_t index)
{
	size_t rules = 0;

	(void)ctx;
	while (rules_row(rules))
		rules++;
	if (index < rules)
		return rule_id(rules_row(index));
	index -= rules;
	if (index < ARRAY_SIZE(states))
		return states[index].name;
	index -= ARRAY_SIZE(states);
	return index < ARRAY_SIZE(errno_rows) - 1 ? decode_errno_name(errno_rows[index].error) :
						    NULL;
}

int command_explain(const struct options *options)
{
	for (size_t i = 0; i < options->rest_count; i++) {
		const char *word = options->rest[i], *near;
		const struct rule *rule = rules_find(word);

		if (i && !options->json)
			putchar('\n');
		if (rule) {
			(options->json ? explain_rule_json : explain_rule)(rule);
			continue;
		}
		if (explain_errno_named(word, options->json) ||
		    explain_state_named(word, options->json) ||
		    explain_lookup(word, options->json) || explain_word(word, options->json))
			continue;
		near = options_nearest(word, known_word, NULL);
		log_error("%s: no finding, errno, TCP state or word of one", word);
		if (near)
			log_hint("did you mean %s?", near);
		else
			log_hint("sockwhy explain lists the findings");
		return EXIT_USAGE;
	}
	if (!options->rest_count)
		(options->json ? explain_catalogue_json : explain_catalogue)();
	if (fflush(stdout) || ferror(stdout)) { /* an earlier write may have failed */
		log_error_r(-errno, "output: writing");
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}
