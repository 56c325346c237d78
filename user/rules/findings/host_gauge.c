// SPDX-License-Identifier: GPL-2.0-or-later
/* host_gauge.c - what of the host is full or short, before or while connections suffer from it */

#include "rules/look.h"
#include "rules/words.h"
#include "util/time.h"

static const struct gauge_reading *now_of(const struct gauge *gauge)
{
	return &gauge->readings[gauge->count - 1];
}

static bool is_about(const struct view *view, enum event_gauge what)
{
	return view->attempt->gauge->what == what;
}

/* ---- host-conntrack-filling ---- */

#define TREND_READINGS 3 /* of which two steps went up: one may be a burst */

static bool falls(const struct gauge *gauge)
{
	return gauge->count > 1 && now_of(gauge)->number < now_of(gauge)[-1].number;
}

/* So long until it is full, if it goes on as since the first reading; 0: no trend says that. */
static __u64 full_in_ns(const struct gauge *gauge)
{
	const struct gauge_reading *first = gauge->readings, *now = now_of(gauge);
	__u64 rise, left;

	if (gauge->count < TREND_READINGS || now->number >= now->most)
		return 0;
	for (const struct gauge_reading *at = first; at < now; at++)
		if (at[1].number <= at->number)
			return 0;
	rise = now->number - first->number;
	left = now->most - now->number;
	return (__u64)((double)ns_between(first->ts_ns, now->ts_ns) * (double)left / (double)rise);
}

static bool match_filling(const struct view *view, struct guess *guess)
{
	const struct gauge *gauge = view->attempt->gauge;
	__u64 nearly = view->thresholds->value[THRESHOLD_CONNTRACK_FILL];
	__u64 soon_ns = view->thresholds->value[THRESHOLD_CONNTRACK_SOON] * NS_PER_S;
	__u64 in_ns;

	if (!is_about(view, GAUGE_CONNTRACK) || falls(gauge))
		return false;
	if (now_of(gauge)->number * 100 >= now_of(gauge)->most * nearly)
		return true;
	in_ns = full_in_ns(gauge);
	guess->confidence = CONFIDENCE_LIKELY; /* who knows how it goes on */
	return in_ns && in_ns <= soon_ns;
}

static void tell_filling(const struct view *view, struct finding *finding)
{
	const struct gauge *gauge = view->attempt->gauge;
	const struct gauge_reading *now = now_of(gauge);
	__u64 in_ns = full_in_ns(gauge);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	text_add(&what, "the table of connections (conntrack) of ");
	words_netns(&what, view->join, gauge->netns);
	text_add(&what, " is %llu %% full: %llu of %llu", now->number * 100 / now->most,
		 now->number, now->most);
	if (in_ns) {
		text_add(&what, "; full in ");
		words_duration(&what, in_ns);
		text_add(&what, " if it goes on as in the last ");
		words_duration(&what, ns_between(gauge->readings[0].ts_ns, now->ts_ns));
	}
	text_add(&why, "when it is full new connections are dropped");
	words_conntrack_fill(&why, view);
	check = words_check(view, finding, gauge->netns);
	text_add(&check.run,
		 "sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max");
	words_check_end(&check, "how full it is now");
	words_check_conntrack(view, finding, gauge->netns);
}

const struct rule rule_host_conntrack_filling = {
	.id = "host-conntrack-filling",
	.stage = STAGE_LOCAL,
	.severity = SEVERITY_WARNING,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_GAUGE,
	.match = match_filling,
	.tell = tell_filling,
	.facts = BIT(FACT_COUNTER),
	.counters = { FACT_CONNTRACK_ENTRIES },
	.means = "the table of connections (conntrack) is nearly full, or will be soon",
	.evidence =
		"entries and their limit, read once a minute (host-look) in each watched namespace: conntrack-fill percent or more, or half full and rising at every look, the third at least, so that it is full within conntrack-soon (likely: nobody knows how it goes on)",
	.gate = "nothing while it falls; told once until it is less than half full",
	.general_check =
		"sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max; conntrack -S; which source has so many entries",
	.kernels = "all",
};

/* ---- host-socket-memory ---- */

static __u64 grown(const struct gauge *counter)
{
	return counter && counter->count > 1 ?
		       now_of(counter)->number - counter->readings[0].number :
		       0;
}

static bool match_memory(const struct view *view, struct guess *guess)
{
	(void)guess;
	return is_about(view, GAUGE_TCP_PRESSURES) && grown(view->attempt->gauge);
}

static void tell_memory(const struct view *view, struct finding *finding)
{
	const struct gauge *gauge = view->attempt->gauge;
	const struct gauge *pages = join_gauge(view->join, gauge->netns, GAUGE_TCP_MEMORY);
	__u64 since_ns = ns_between(gauge->readings[0].ts_ns, now_of(gauge)->ts_ns);
	/* counters are told where they grew since the last look, that told or not */
	__u64 look_ns = view->thresholds->value[THRESHOLD_HOST_LOOK] * NS_PER_S;
	__u64 aborted = grown(join_gauge(view->join, gauge->netns, GAUGE_TCP_ABORTED));
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	text_add(&what, "TCP came under memory pressure ");
	words_count(&what, grown(gauge), "time", "times");
	text_add(&what, " within ");
	words_duration(&what, look_ns < since_ns ? look_ns : since_ns);
	words_in_netns(&what, view->join, gauge->netns);
	if (aborted) {
		text_add(&what, "; it ended ");
		words_count(&what, aborted, "connection", "connections");
		text_add(&what, " for want of memory");
	}
	text_add(&why, "all sockets of the host together held more than the second number of "
		       "net.ipv4.tcp_mem: windows shrink, and what arrives is dropped");
	if (pages) {
		text_add(&why, "; they hold %llu pages now", now_of(pages)->number);
		if (now_of(pages)->most)
			text_add(&why, ", %llu at most", now_of(pages)->most);
	}
	check = words_check(view, finding, gauge->netns);
	text_add(&check.run, "nstat -asz 'TcpExt*Memory*' 'TcpExt*Prune*' TcpExtTCPRcvQDrop");
	words_check_end(&check, "how often, and what was dropped for it");
	check = words_check(view, finding, gauge->netns);
	text_add(&check.run, "cat /proc/net/sockstat; sysctl net.ipv4.tcp_mem");
	words_check_end(&check, "how many pages now, and the limits; they are the host's");
	check = words_check(view, finding, gauge->netns);
	text_add(&check.run, "ss -tmp");
	words_check_end(&check, "which sockets hold it: unread (r) or unsent (t) bytes");
}

const struct rule rule_host_socket_memory = {
	.id = "host-socket-memory",
	.stage = STAGE_LOCAL,
	.severity = SEVERITY_WARNING,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_GAUGE,
	.match = match_memory,
	.tell = tell_memory,
	.means = "TCP is short of memory: the limits of net.ipv4.tcp_mem were met",
	.evidence =
		"TcpExt's TCPMemoryPressures has grown between two looks at the host (host-look), in a watched namespace; beside it the pages that TCP holds and connections that were ended for it (TCPAbortOnMemory)",
	.gate = "what was counted before the first look; one socket whose own buffer is full; told once until a look finds no more",
	.general_check = "nstat -asz 'TcpExt*Memory*'; cat /proc/net/sockstat; ss -tmp",
	.kernels =
		"all; the pages and their limit are the host's, the counters those of the namespace whose socket met it first",
};
