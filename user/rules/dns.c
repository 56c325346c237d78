// SPDX-License-Identifier: GPL-2.0-or-later
/* dns.c - a name could not be looked up; a datagram that nobody took */

#include "rules/rule.h"
#include "util/address.h"

static bool asks_addresses(const struct lookup *lookup)
{
	return lookup->asked & (LOOKUP_A | LOOKUP_AAAA);
}

static void add_name(struct text *text, const struct lookup *lookup)
{
	text_add_foreign(text, lookup->name, sizeof(lookup->name));
}

/* "3 queries of 10.0.0.1 for db.internal (A and AAAA)" */
static void add_queries(struct text *text, const struct lookup *lookup)
{
	const char *type = dns_type_name(lookup->type);

	words_count(text, lookup->queries, "query", "queries");
	text_add(text, " of ");
	address_print(text, lookup->client);
	text_add(text, " for ");
	add_name(text, lookup);
	if ((lookup->asked & LOOKUP_A) && (lookup->asked & LOOKUP_AAAA))
		text_add(text, " (A and AAAA)");
	else if (type)
		text_add(text, " (%s)", type);
}

static void add_server(struct text *text, const struct lookup *lookup)
{
	address_print(text, lookup->server);
	if (lookup->other_servers)
		text_add(text, ", the last of several servers,");
}

static __u64 since_first_ns(const struct lookup *lookup, __u64 end_ns)
{
	return end_ns > lookup->started_ns ? end_ns - lookup->started_ns : 0;
}

/*
 * Names come from the wire and never stand inside a command: the reader asks for the name that
 * `what` quotes.
 */
static void check_server(const struct view *view, struct finding *finding, const char *why)
{
	struct words_check check = words_check(view, finding, 0);

	text_add(&check.run, "dig @");
	address_print(&check.run, view->attempt->lookup->server);
	text_add(&check.run, " . SOA");
	words_check_end(&check, "%s", why);
}

static void check_resolvers(const struct view *view, struct finding *finding, const char *why)
{
	struct words_check check = words_check(view, finding, 0);

	text_add(&check.run, "cat /etc/resolv.conf");
	words_check_end(&check, "%s", why);
}

static bool is_lookup(const struct lookup *lookup)
{
	return lookup->name[0];
}

/* What the lookup of other types than addresses brings breaks less. */
static void guess_of(const struct view *view, struct guess *guess)
{
	const struct lookup *lookup = view->attempt->lookup;

	if (!asks_addresses(lookup))
		guess->severity = SEVERITY_INFO;
	if (lookup->blind_lost)
		guess->blind |= BLIND_LOST_RECORDS;
}

/* ---- dns-no-answer ---- */

static bool match_no_answer(const struct view *view, struct guess *guess)
{
	const struct lookup *lookup = view->attempt->lookup;

	if (!is_lookup(lookup) || lookup->rcode || lookup->unreachable)
		return false;
	guess_of(view, guess);
	guess->absence = true;
	guess->confidence = CONFIDENCE_LIKELY;
	if (lookup->blind_wire)
		guess->blind |= BLIND_PACKETS_OUT_OF_SIGHT;
	return true;
}

static void tell_no_answer(const struct view *view, struct finding *finding)
{
	const struct lookup *lookup = view->attempt->lookup;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	add_queries(&what, lookup);
	text_add(&what, " to ");
	add_server(&what, lookup);
	text_add(&what, " got no answer; watched for ");
	words_duration(&what, since_first_ns(lookup, lookup->ended_ns));
	if (lookup->blind_wire)
		text_add(&what, ", and the capture shows no packet to the client");
	text_add(&why, "the query or its answer is lost or dropped on the way, or ");
	address_print(&why, lookup->server);
	text_add(&why, " is off, serves no DNS or waits in vain for another server");
	check_server(view, finding, "whether that server answers at all");
	check_resolvers(view, finding, "whether that server is the one meant");
}

const struct rule rule_dns_no_answer = {
	.id = "dns-no-answer",
	.stage = "dns",
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_LIKELY,
	.rank = 212,
	.wakes = WAKE_LOOKUP,
	.match = match_no_answer,
	.tell = tell_no_answer,
	.means = "queries for a name got no answer",
	.evidence =
		"no answer to any query of that client for that name, of whatever server, until 10 s after the last one or the end of the capture; so far of captures only",
	.gate = "queries of the last join.unanswered of a capture are none; other types than A and AAAA are info; a lookup over TCP, TLS or HTTPS is not seen",
	.general_check = "dig @SERVER NAME from the client; a capture at the server",
	.kernels = "captures only so far: live, lookups are not joined yet",
};

/* ---- dns-server-down ---- */

static bool match_server_down(const struct view *view, struct guess *guess)
{
	const struct lookup *lookup = view->attempt->lookup;

	if (!is_lookup(lookup) || !lookup->unreachable || lookup->rcode)
		return false;
	guess_of(view, guess);
	guess->confidence = CONFIDENCE_LIKELY; /* anybody can forge it */
	return true;
}

static void tell_server_down(const struct view *view, struct finding *finding)
{
	const struct lookup *lookup = view->attempt->lookup;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	add_queries(&what, lookup);
	text_add(&what, " to ");
	add_server(&what, lookup);
	text_add(&what, " got ICMP port unreachable");
	text_add(&why, "no DNS server runs on port 53 of ");
	address_print(&why, lookup->server);
	text_add(&why, ", or a packet filter refuses for it");
	check = words_check_remote(finding);
	text_add(&check.run, "ss -lunp 'sport = :53'");
	words_check_end(&check, "what listens there, on which address");
	check_resolvers(view, finding, "whether that server is the one meant");
}

const struct rule rule_dns_server_down = {
	.id = "dns-server-down",
	.stage = "dns",
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_LIKELY,
	.rank = 211,
	.wakes = WAKE_LOOKUP,
	.match = match_server_down,
	.tell = tell_server_down,
	.means = "the DNS server's port is closed",
	.evidence =
		"ICMP port unreachable about a query, and no server answered that lookup; so far of captures only",
	.gate = "a server that is down while another one answers is none",
	.general_check = "ss -lunp 'sport = :53' on the server; the client's resolv.conf",
	.kernels = "captures only so far: live, lookups are not joined yet",
};

/* ---- dns-servfail ---- */

static bool match_servfail(const struct view *view, struct guess *guess)
{
	const struct lookup *lookup = view->attempt->lookup;

	if (!is_lookup(lookup) || !lookup->rcode || lookup->rcode == DNS_NXDOMAIN)
		return false;
	guess_of(view, guess);
	guess->confidence = CONFIDENCE_LIKELY; /* what ails the server, it does not say */
	return true;
}

static void tell_servfail(const struct view *view, struct finding *finding)
{
	const struct lookup *lookup = view->attempt->lookup;
	const char *rcode = dns_rcode_name(lookup->rcode);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	address_print(&what, lookup->server);
	if (rcode)
		text_add(&what, " answered %s to ", rcode);
	else
		text_add(&what, " answered rcode %u to ", lookup->rcode);
	add_queries(&what, lookup);
	text_add(&what, " after ");
	words_duration(&what, since_first_ns(lookup, lookup->answer_ns));
	/* RFC 1035 4.1.1; RFC 4035 5.5: a bad signature is told as SERVFAIL */
	switch (lookup->rcode) {
	case DNS_SERVFAIL:
		text_add(&why, "the resolver could not get an answer from the name's own servers, "
			       "or its signatures (DNSSEC) do not hold");
		break;
	case DNS_REFUSED:
		text_add(&why, "the server does not serve this client or this name");
		break;
	default:
		text_add(&why, "the server does not understand or support the query");
		break;
	}
	check_server(view, finding, "whether that server resolves anything");
	check_resolvers(view, finding, "whether that server is the one meant");
}

const struct rule rule_dns_servfail = {
	.id = "dns-servfail",
	.stage = "dns",
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_CERTAIN,
	.rank = 213,
	.wakes = WAKE_LOOKUP,
	.match = match_servfail,
	.tell = tell_servfail,
	.means = "the DNS server failed or refused to answer",
	.evidence =
		"every query of the lookup was answered, none without error, and no other server did better: SERVFAIL, REFUSED, NOTIMP, FORMERR; so far of captures only",
	.gate = "an error that another server or a repetition makes good is none; other types than A and AAAA are info",
	.general_check = "dig @SERVER NAME, then dig +trace NAME and dig +cd NAME",
	.kernels = "captures only so far: live, lookups are not joined yet",
};

/* ---- dns-nxdomain ---- */

static bool match_nxdomain(const struct view *view, struct guess *guess)
{
	const struct lookup *lookup = view->attempt->lookup;

	if (!is_lookup(lookup) || lookup->rcode != DNS_NXDOMAIN)
		return false;
	guess_of(view, guess);
	return true;
}

static void tell_nxdomain(const struct view *view, struct finding *finding)
{
	const struct lookup *lookup = view->attempt->lookup;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	address_print(&what, lookup->server);
	text_add(&what, " answered NXDOMAIN to ");
	add_queries(&what, lookup);
	text_add(&why, "that server knows no such name");
	if (lookup->expansions) {
		text_add(&why, "; neither does it know ");
		words_count(&why, lookup->expansions, "expansion", "expansions");
		text_add(&why, " of it, asked before");
	}
	check_resolvers(view, finding, "the servers and the search list");
}

const struct rule rule_dns_nxdomain = {
	.id = "dns-nxdomain",
	.stage = "dns",
	.severity = SEVERITY_WARNING,
	.cap = CONFIDENCE_CERTAIN,
	.rank = 214,
	.wakes = WAKE_LOOKUP,
	.match = match_nxdomain,
	.tell = tell_nxdomain,
	.means = "the name that was looked up does not exist",
	.evidence =
		"NXDOMAIN for the name, A and AAAA alike; of the names of one search list the last one is told; so far of captures only",
	.gate = "a name of a search list is none when another one of it exists; other types than A and AAAA are info",
	.general_check = "the spelling; the search list; the zone",
	.kernels = "captures only so far: live, lookups are not joined yet",
};

/* ---- udp-port-unreachable ---- */

enum datagram { DATAGRAM_QUESTION, DATAGRAM_ANSWER, DATAGRAM_TRACE };

/* What the ports tell of the datagram that found nobody. */
static enum datagram kind_of(const struct lookup *lookup)
{
	enum { SERVERS = 1024 }; /* RFC 6335 6 */
	enum { MDNS = 5353, LLMNR = 5355, SSDP = 1900 };
	enum { TRACE_FIRST = 33434, TRACE_LAST = 33534 }; /* traceroute(8): so its end is known */
	__u16 from = lookup->client_port, to = lookup->server_port;

	if (to >= TRACE_FIRST && to <= TRACE_LAST)
		return DATAGRAM_TRACE;
	if (to >= SERVERS && (from < SERVERS || from == MDNS || from == LLMNR || from == SSDP))
		return DATAGRAM_ANSWER;
	return DATAGRAM_QUESTION;
}

static bool match_unreachable(const struct view *view, struct guess *guess)
{
	const struct lookup *lookup = view->attempt->lookup;

	if (is_lookup(lookup) || !lookup->unreachable)
		return false;
	if (lookup->blind_lost)
		guess->blind |= BLIND_LOST_RECORDS;
	/* an answer that came too late finds a closed socket: the asker has moved on */
	if (kind_of(lookup) != DATAGRAM_QUESTION)
		guess->severity = SEVERITY_INFO;
	else
		guess->severity = SEVERITY_WARNING; /* whether anybody waits for it is not known */
	return true;
}

static void tell_unreachable(const struct view *view, struct finding *finding)
{
	const struct lookup *lookup = view->attempt->lookup;
	enum datagram kind = kind_of(lookup);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	address_print(&what, lookup->sender);
	text_add(&what, " answered a datagram of ");
	address_print(&what, lookup->client);
	text_add(&what, " to ");
	address_print_port(&what, lookup->server, lookup->server_port);
	text_add(&what, " with ICMP port unreachable");
	if (kind == DATAGRAM_TRACE)
		text_add(&why, "as traceroute asks for it: the far end was reached");
	else if (kind == DATAGRAM_ANSWER)
		text_add(&why, "an answer to a port that its asker has closed, or too late");
	else
		text_add(&why, "no program has UDP port %u open there, or a filter refuses for it",
			 lookup->server_port);
	check = words_check_remote(finding);
	text_add(&check.run, "ss -lunp 'sport = :%u'", lookup->server_port);
	words_check_end(&check, "what has that port open, on which address");
}

const struct rule rule_udp_port_unreachable = {
	.id = "udp-port-unreachable",
	.stage = "udp",
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_LIKELY,
	.rank = 215,
	.wakes = WAKE_LOOKUP,
	.match = match_unreachable,
	.tell = tell_unreachable,
	.means = "a datagram was answered with ICMP port unreachable",
	.evidence =
		"ICMP 3/3 or ICMPv6 1/4 about a UDP datagram; so far of captures only, where it is a warning because nobody knows whether a process waits",
	.gate = "info about what looks like an answer (from a port below 1024 to one above) or like traceroute; a DNS query's is the lookup's: dns-server-down",
	.general_check = "ss -lunp on the host that sent the ICMP error",
	.kernels = "captures only so far: live, datagrams are not joined yet",
};
