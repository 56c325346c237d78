// SPDX-License-Identifier: GPL-2.0-or-later
/* dns.c - a name could not be looked up, or late */

#include <string.h>

#include "rules/look.h"
#include "rules/words.h"
#include "util/address.h"

/* Of the rows: live it takes the owner of the socket, which every kernel with cgroup v2 hooks gives. */
#define KERNELS                                                                                   \
	"live where packets are seen and cgroup hooks attach (a cgroup v2 tree; hook 'lookup'); " \
	"captures need neither"

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

/*
 * Names come from the wire and never stand inside a command: the reader asks for the name that
 * `what` quotes.
 */
static void check_server(const struct view *view, struct finding *finding, const char *why)
{
	const struct lookup *lookup = view->attempt->lookup;
	struct words_check check = words_check(view, finding, 0);

	text_add(&check.run, "dig @");
	address_print(&check.run, lookup->upstream.how ? lookup->upstream.server : lookup->server);
	text_add(&check.run, " . SOA");
	words_check_end(&check, "%s", why);
}

static void check_resolvers(const struct view *view, struct finding *finding, const char *why)
{
	struct words_check check = words_check(view, finding, 0);

	text_add(&check.run, "cat /etc/resolv.conf");
	words_check_end(&check, "%s", why);
}

/* A lookup that failed. */
static bool is_lookup(const struct lookup *lookup)
{
	return lookup->about == LOOKUP_NAME && !lookup->worked;
}

/*
 * What the lookup of other types than addresses brings breaks less, and so does what block lists
 * answer.
 */
static void guess_of(const struct view *view, struct guess *guess)
{
	const struct lookup *lookup = view->attempt->lookup;

	if (!asks_addresses(lookup) || look_is_list_query(lookup->name))
		guess->severity = SEVERITY_INFO;
	if (lookup->blind_lost)
		guess->blind |= BLIND_LOST_RECORDS;
	if (lookup->blind_late)
		guess->blind |= BLIND_STARTED_LATE;
	/* of what is not answered this host may have dropped the query, or its answer */
	if (!lookup_is_captured(lookup) && !lookup->answer_ns &&
	    !join_hook_attached(view->join, "drop"))
		guess->blind |= BLIND_HOOK_MISSING;
}

/* What its server asks others for, and hears, may be out of sight. */
static void note_veil(const struct lookup *lookup, struct guess *guess)
{
	if (lookup->blind_upstream)
		guess->blind |= BLIND_LOOKUP_NOT_ON_WIRE;
}

static void add_veil(struct text *text, const struct lookup *lookup)
{
	if (lookup->blind_upstream)
		text_add(text, "; beside it other servers are asked over TLS (port 853): what they "
			       "say is not seen");
}

/* ---- dns-no-answer ---- */

static bool match_no_answer(const struct view *view, struct guess *guess)
{
	const struct lookup *lookup = view->attempt->lookup;

	if (!is_lookup(lookup) || lookup->rcode || lookup->unreachable || lookup->empty ||
	    lookup->truncated)
		return false;
	guess_of(view, guess);
	guess->absence = true;
	guess->confidence = CONFIDENCE_LIKELY;
	if (lookup->blind_wire)
		guess->blind |= BLIND_PACKETS_OUT_OF_SIGHT;
	note_veil(lookup, guess);
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
	text_add(&what, lookup->exists ? " brought only that one type has no record; watched for " :
					 " got no answer; watched for ");
	words_duration(&what, ns_between(lookup->started_ns, lookup->ended_ns));
	if (lookup->blind_wire)
		text_add(&what, lookup_is_captured(lookup) ?
					", and the capture shows no packet to the client" :
					", and not all packets to it are in sight");
	if (words_upstream(&why, lookup, finding)) {
		text_add(&why, ": the trouble is there, or on the way to it");
	} else if (lookup->too_big) {
		text_add(&why, "the answer is too big for the path: ICMP errors about it tell so");
	} else {
		text_add(&why, "the query or its answer is lost or dropped on the way, or ");
		address_print(&why, lookup->server);
		text_add(&why, " is off, serves no DNS or waits in vain for another server");
	}
	add_veil(&why, lookup);
	words_place_of_server(view, &why);
	check_server(view, finding, "whether that server answers at all");
	check_resolvers(view, finding, "whether that server is the one meant");
}

const struct rule rule_dns_no_answer = {
	.id = "dns-no-answer",
	.stage = STAGE_LOOKUP,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_LIKELY,
	.wakes = WAKE_LOOKUP,
	.facts = BIT(FACT_RESOLVER),
	.match = match_no_answer,
	.tell = tell_no_answer,
	.means = "queries for a name got no answer",
	.evidence =
		"no answer to any query of that client for that name, of whatever server, until 10 s after the last one or the end of the capture",
	.gate = "queries of the last join.unanswered of a capture are none; other types than A and AAAA are info; a lookup over TLS, HTTPS or a socket of this host (nscd, varlink) is not seen, but named in blind where it is known of, nor is, of a capture, one over TCP",
	.general_check = "dig @SERVER NAME from the client; a capture at the server",
	.kernels = KERNELS,
};

/* ---- dns-server-down ---- */

/* RFC 792, RFC 4443 3.1: who hears of it has reached the host, and no program on it. */
static bool is_port_closed(const struct lookup *lookup)
{
	return lookup->icmp_code == (address_is_ipv4(lookup->server) ? 3 : 4);
}

static bool match_server_down(const struct view *view, struct guess *guess)
{
	const struct lookup *lookup = view->attempt->lookup;

	if (!is_lookup(lookup) || !lookup->unreachable || lookup->rcode || lookup->empty ||
	    lookup->truncated)
		return false;
	guess_of(view, guess);
	/* anybody can forge it, but for this host's own kernel on the loopback device */
	guess->confidence = lookup->at_home && is_port_closed(lookup) &&
					    address_equal(lookup->sender, lookup->server) ?
				    CONFIDENCE_CERTAIN :
				    CONFIDENCE_LIKELY;
	return true;
}

static void tell_server_down(const struct view *view, struct finding *finding)
{
	const struct lookup *lookup = view->attempt->lookup;
	bool ipv6 = !address_is_ipv4(lookup->server);
	const char *name = decode_icmp_name(ipv6, ipv6 ? 1 : 3, lookup->icmp_code);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	add_queries(&what, lookup);
	text_add(&what, " to ");
	add_server(&what, lookup);
	text_add(&what, " got ICMP %s", name ? name : "destination unreachable");
	if (!address_equal(lookup->sender, lookup->server)) {
		text_add(&what, " from ");
		address_print(&what, lookup->sender);
	}
	if (is_port_closed(lookup) && !address_equal(lookup->sender, lookup->server)) {
		text_add(&why, "a packet filter at ");
		address_print(&why, lookup->sender);
		text_add(&why, " refuses queries to that server");
		check = words_check_at(finding, lookup->sender);
		text_add(&check.run, "nft list ruleset");
		words_check_end(&check, "which rule rejects port 53");
	} else if (is_port_closed(lookup)) {
		text_add(&why, "no DNS server runs on port 53 of ");
		address_print(&why, lookup->server);
		if (!lookup->at_home)
			text_add(&why, ", or a packet filter refuses for it");
		check = lookup->at_home ? words_check(view, finding, 0) :
					  words_check_remote(finding);
		text_add(&check.run, "ss -lunp 'sport = :53'");
		words_check_end(&check, "what listens there, on which address");
	} else {
		address_print(&why, lookup->sender);
		text_add(&why, " has no way to that server, or may not let the query pass");
		check = words_check(view, finding, 0);
		text_add(&check.run, "ip %sroute get ", ipv6 ? "-6 " : "");
		address_print(&check.run, lookup->server);
		words_check_end(&check, "which way queries take");
	}
	words_place_of_server(view, &why);
	check_resolvers(view, finding, "whether that server is the one meant");
}

const struct rule rule_dns_server_down = {
	.id = "dns-server-down",
	.stage = STAGE_LOOKUP,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_LOOKUP,
	.facts = BIT(FACT_RESOLVER),
	.match = match_server_down,
	.tell = tell_server_down,
	.means = "the DNS server's port is closed, or there is no way to it",
	.evidence =
		"ICMP destination unreachable about a query, and no server answered that lookup. Certain where the server is this host itself, which refused over its own loopback device",
	.gate = "a server that is down while another one answers is none",
	.general_check = "ss -lunp 'sport = :53' on the server; the client's resolv.conf",
	.kernels = KERNELS,
};

/* ---- dns-servfail ---- */

static bool match_servfail(const struct view *view, struct guess *guess)
{
	const struct lookup *lookup = view->attempt->lookup;

	if (!is_lookup(lookup) || !lookup->rcode || lookup->rcode == DNS_NXDOMAIN || lookup->empty)
		return false;
	guess_of(view, guess);
	guess->confidence = CONFIDENCE_LIKELY; /* what ails the server, it does not say */
	note_veil(lookup, guess);
	return true;
}

/* RFC 1035 4.1.1; RFC 4035 5.5: a bad signature is told as SERVFAIL. A forwarder's, where it heard nothing, is its own. */
static const char *meaning_of_rcode(const struct lookup *lookup)
{
	if (lookup->rcode == DNS_REFUSED)
		return "the server does not serve this client or this name";
	if (lookup->rcode != DNS_SERVFAIL)
		return "the server does not understand or support the query";
	if (lookup->upstream.how == LOOKUP_UPSTREAM_UNREACHABLE)
		return "no name server listens at that address, or there is no way to it";
	if (lookup->upstream.how == LOOKUP_UPSTREAM_ASKED)
		return "so it had none to give";
	return "the resolver could not get an answer from the name's own servers, "
	       "or its signatures (DNSSEC) do not hold";
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
	words_duration(&what, ns_between(lookup->started_ns, lookup->answer_ns));
	if (words_upstream(&why, lookup, finding))
		text_add(&why, "; ");
	text_add(&why, "%s", meaning_of_rcode(lookup));
	add_veil(&why, lookup);
	check_server(view, finding, "whether that server resolves anything");
	check_resolvers(view, finding, "whether that server is the one meant");
}

const struct rule rule_dns_servfail = {
	.id = "dns-servfail",
	.stage = STAGE_LOOKUP,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_LOOKUP,
	.match = match_servfail,
	.tell = tell_servfail,
	.means = "the DNS server failed or refused to answer",
	.evidence =
		"every query of the lookup was answered, none without error, and no other server did better: SERVFAIL, REFUSED, NOTIMP, FORMERR; live, with what the forwarder heard that was asked (dnsmasq, a stub)",
	.gate = "an error that another server, a repetition or another name of the search list makes good is none; other types than A and AAAA are info",
	.general_check = "dig @SERVER NAME, then dig +trace NAME and dig +cd NAME",
	.kernels = KERNELS,
};

/* ---- dns-nxdomain ---- */

static bool match_nxdomain(const struct view *view, struct guess *guess)
{
	const struct lookup *lookup = view->attempt->lookup;

	if (!is_lookup(lookup) || lookup->rcode != DNS_NXDOMAIN || lookup->empty)
		return false;
	guess_of(view, guess);
	return true;
}

/* What the rest of the search list came to. */
static void add_expansions(struct text *text, const struct lookup *lookup)
{
	if (lookup->expansions) {
		text_add(text, "; ");
		words_count(text, lookup->expansions, "expansion", "expansions");
		text_add(text, " of it, asked before, %s not exist",
			 lookup->expansions == 1 ? "does" : "do");
	}
	if (lookup->expansions_empty) {
		text_add(text, "; ");
		words_count(text, lookup->expansions_empty, "expansion", "expansions");
		text_add(text, " of it, asked before, %s no address",
			 lookup->expansions_empty == 1 ? "has" : "have");
	}
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
	add_expansions(&why, lookup);
	check_resolvers(view, finding, "the servers and the search list");
}

const struct rule rule_dns_nxdomain = {
	.id = "dns-nxdomain",
	.stage = STAGE_LOOKUP,
	.severity = SEVERITY_WARNING,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_LOOKUP,
	.match = match_nxdomain,
	.tell = tell_nxdomain,
	.means = "the name that was looked up does not exist",
	.evidence =
		"NXDOMAIN for the name, A and AAAA alike; of the names of one search list the last one is told",
	.gate = "a name of a search list is none when another one of it exists; other types than A and AAAA are info",
	.general_check = "the spelling; the search list; the zone",
	.kernels = KERNELS,
};

/* ---- dns-no-data ---- */

static bool match_no_data(const struct view *view, struct guess *guess)
{
	const struct lookup *lookup = view->attempt->lookup;

	if (!is_lookup(lookup) || !lookup->empty)
		return false;
	guess_of(view, guess);
	return true;
}

static void tell_no_data(const struct view *view, struct finding *finding)
{
	const struct lookup *lookup = view->attempt->lookup;
	bool both = (lookup->asked & LOOKUP_A) && (lookup->asked & LOOKUP_AAAA);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	address_print(&what, lookup->server);
	text_add(&what, " answered ");
	add_queries(&what, lookup);
	text_add(&what, lookup->aliased ? " with an alias and no address" :
					  " without an error and without an address");
	if (lookup->aliased)
		text_add(&why, "the name is an alias (CNAME) of one that has no address");
	else
		text_add(&why, "the name exists, and has no address");
	text_add(&why, both ? "" : " of that family; the other one was not asked for");
	add_expansions(&why, lookup);
	check_resolvers(view, finding, "the servers and the search list");
}

const struct rule rule_dns_no_data = {
	.id = "dns-no-data",
	.stage = STAGE_LOOKUP,
	.severity = SEVERITY_WARNING,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_LOOKUP,
	.match = match_no_data,
	.tell = tell_no_data,
	.means = "the name that was looked up exists, but has no address",
	.evidence =
		"NOERROR without a record of the type (RFC 2308 2.2) to every query for A and AAAA, aliases that end in nothing among them; NXDOMAIN for the one and NOERROR for the other type is the same",
	.gate = "a family that has none while the other one has is none; nor are AAAA alone (A may be known already), other types, referrals, and a name of a search list when another one of it has an address",
	.general_check = "the zone: which records the name has; the search list",
	.kernels = KERNELS,
};

/* ---- dns-slow ---- */

static bool match_slow(const struct view *view, struct guess *guess)
{
	const struct lookup *lookup = view->attempt->lookup;
	__u64 slow_ns = view->thresholds->value[THRESHOLD_DNS_SLOW] * NS_PER_MS;

	if (lookup->about != LOOKUP_NAME || !lookup->worked ||
	    ns_between(lookup->started_ns, lookup->answer_ns) <= slow_ns)
		return false;
	guess_of(view, guess);
	guess->confidence = CONFIDENCE_LIKELY;
	note_veil(lookup, guess);
	return true;
}

static void tell_slow(const struct view *view, struct finding *finding)
{
	const struct lookup *lookup = view->attempt->lookup;
	bool other_first = !address_equal(lookup->first_server, lookup->server);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	text_add(&what, "the %sanswer to ", lookup->queries > 1 ? "last " : "");
	add_queries(&what, lookup);
	text_add(&what, " came after ");
	words_duration(&what, ns_between(lookup->started_ns, lookup->answer_ns));
	text_add(&what, ", from ");
	address_print(&what, lookup->server);
	if (lookup->half_lost) {
		text_add(&why, "one of two queries that one port sent together had no answer until "
			       "asked again: lost on the way (a NAT that confuses the two does "
			       "that), or a server that answers only one of them");
	} else if (other_first) {
		address_print(&why, lookup->first_server);
		text_add(&why, ", asked first, did not answer in time");
	} else if (lookup->truncated) {
		text_add(&why, "the answer did not fit, and the query had to be asked again");
	} else if (lookup->repeats) {
		text_add(&why, "a query or its answer was lost, or ");
		address_print(&why, lookup->server);
		text_add(&why, " is slow: the client asked again");
	} else {
		address_print(&why, lookup->server);
		text_add(&why, " is slow, or waits for other servers");
		if (lookup->upstream.how)
			text_add(&why, ": ");
		words_upstream(&why, lookup, finding);
	}
	add_veil(&why, lookup);
	words_place_of_server(view, &why);
	check_server(view, finding, "how long that server takes");
	check_resolvers(view, finding, "which server is asked first; timeout and attempts");
}

const struct rule rule_dns_slow = {
	.id = "dns-slow",
	.stage = STAGE_LOOKUP,
	.severity = SEVERITY_WARNING,
	.cap = CONFIDENCE_LIKELY,
	.wakes = WAKE_LOOKUP,
	.facts = BIT(FACT_RESOLVER),
	.match = match_slow,
	.tell = tell_slow,
	.means = "a name was looked up, but slowly",
	.evidence =
		"from the first query to the answer of the last address type asked for it took longer than dns-slow; who was asked, how often, and whether one of two queries sent together was answered alone",
	.gate = "a connect of the same process to what it gave that then fails has the verdict of both; 1 s is more than a look-up of a name that no cache knows takes, and no more than one lost query costs (resolvers ask again after 1 to 5 s); other types than A and AAAA are info, and not waited for beside them",
	.general_check = "dig @SERVER NAME, twice: the second time it is cached; losses on the way",
	.kernels = KERNELS,
};

/* ---- dns-truncated ---- */

static bool match_truncated(const struct view *view, struct guess *guess)
{
	const struct lookup *lookup = view->attempt->lookup;

	if (!is_lookup(lookup) || !lookup->truncated || lookup->rcode || lookup->empty)
		return false;
	guess_of(view, guess);
	guess->confidence = CONFIDENCE_LIKELY;
	guess->absence = true;
	if (lookup->blind_tcp)
		guess->blind |= BLIND_PACKETS_OUT_OF_SIGHT;
	return true;
}

static void tell_truncated(const struct view *view, struct finding *finding)
{
	const struct lookup *lookup = view->attempt->lookup;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	address_print(&what, lookup->server);
	text_add(&what, " truncated its answer to ");
	add_queries(&what, lookup);
	text_add(&what, "; ");
	switch ((enum lookup_tcp)lookup->tcp) {
	case LOOKUP_TCP_TRIED:
		text_add(&what, "TCP port 53 was tried and did not answer");
		text_add(&why, "a filter lets DNS pass over UDP alone");
		break;
	case LOOKUP_TCP_REFUSED:
		text_add(&what, "TCP port 53 was tried and refused");
		text_add(&why, "the server does not serve TCP, or a filter refuses it");
		break;
	case LOOKUP_TCP_CONNECTED:
		text_add(&what, "TCP port 53 took the connection and gave no answer");
		text_add(&why, "the server, or what stands before it, serves no DNS over TCP");
		break;
	case LOOKUP_TCP_NONE:
		text_add(&what, "the client did not ask again over TCP, as it should");
		if (lookup->blind_tcp && lookup_is_captured(lookup))
			text_add(&what, ", but the capture holds no TCP at all");
		text_add(&why, "the client's resolver does not use TCP, or is kept from it; it has "
			       "a part of the answer at best");
		break;
	}
	check = words_check(view, finding, 0);
	text_add(&check.run, "dig +tcp @");
	address_print(&check.run, lookup->server);
	text_add(&check.run, " . SOA");
	words_check_end(&check, "whether that server answers over TCP");
}

const struct rule rule_dns_truncated = {
	.id = "dns-truncated",
	.stage = STAGE_LOOKUP,
	.severity = SEVERITY_WARNING,
	.cap = CONFIDENCE_LIKELY,
	.wakes = WAKE_LOOKUP,
	.match = match_truncated,
	.tell = tell_truncated,
	.means = "a truncated DNS answer was not followed by one over TCP",
	.evidence =
		"an answer with the TC bit, and within 10 s no answer on TCP port 53 of that server to that client, nor a whole one over UDP; what became of the TCP connection is told, and belongs to the lookup. A capture without any TCP: possible",
	.gate = "a whole answer to a repetition (EDNS, RFC 6891) or of another server makes it none; what comes on that TCP connection and cannot be read is taken for the answer",
	.general_check = "dig +tcp @SERVER NAME from the client; filters of TCP port 53",
	.kernels = KERNELS,
};
