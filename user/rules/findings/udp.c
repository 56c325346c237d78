// SPDX-License-Identifier: GPL-2.0-or-later
/* udp.c - datagrams that nobody took, that were too big, that another address answered */

#include "rules/look.h"
#include "rules/words.h"
#include "util/address.h"
#include "util/port.h"

static void blind_of(const struct lookup *lookup, struct guess *guess)
{
	if (lookup->blind_lost)
		guess->blind |= BLIND_LOST_RECORDS;
}

/* "a datagram of 10.0.0.1 to 10.0.0.2:514" */
static void add_datagram(struct text *text, const struct lookup *lookup)
{
	text_add(text, "a datagram of ");
	address_print(text, lookup->client);
	text_add(text, " to ");
	address_print_port(text, lookup->server, lookup->server_port);
}

/* ---- udp-port-unreachable ---- */

enum datagram { DATAGRAM_QUESTION, DATAGRAM_ANSWER, DATAGRAM_TRACE };

/* What the ports tell of the datagram that found nobody. */
static enum datagram kind_of(const struct lookup *lookup)
{
	enum { SERVERS = 1024 }; /* RFC 6335 6 */
	enum { TRACE_FIRST = 33434, TRACE_LAST = 33534 }; /* traceroute(8): so its end is known */
	__u16 from = lookup->client_port, to = lookup->server_port;

	if (to >= TRACE_FIRST && to <= TRACE_LAST)
		return DATAGRAM_TRACE;
	if (to >= SERVERS &&
	    (from < SERVERS || from == PORT_MDNS || from == PORT_LLMNR || from == PORT_SSDP))
		return DATAGRAM_ANSWER;
	return DATAGRAM_QUESTION;
}

static bool match_unreachable(const struct view *view, struct guess *guess)
{
	const struct lookup *lookup = view->attempt->lookup;

	if (lookup->about != LOOKUP_UNREACHABLE)
		return false;
	blind_of(lookup, guess);
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
	text_add(&what, " answered ");
	add_datagram(&what, lookup);
	text_add(&what, " with ICMP port unreachable");
	if (kind == DATAGRAM_TRACE)
		text_add(&why, "as traceroute asks for it: the far end was reached");
	else if (kind == DATAGRAM_ANSWER)
		text_add(&why, "an answer to a port that its asker has closed, or too late");
	else if (!address_equal(lookup->sender, lookup->server))
		text_add(&why, "a packet filter there refuses for that address");
	else
		text_add(&why, "no program has UDP port %u open there, or a filter refuses for it",
			 lookup->server_port);
	if (!address_equal(lookup->sender, lookup->server)) {
		check = words_check_at(finding, lookup->sender);
		text_add(&check.run, "nft list ruleset");
		words_check_end(&check, "which rule rejects UDP port %u", lookup->server_port);
		return;
	}
	check = words_check_remote(finding);
	text_add(&check.run, "ss -lunp 'sport = :%u'", lookup->server_port);
	words_check_end(&check, "what has that port open, on which address");
}

const struct rule rule_udp_port_unreachable = {
	.id = "udp-port-unreachable",
	.stage = STAGE_REQUEST,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_LIKELY,
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

/* ---- udp-too-big ---- */

static bool match_too_big(const struct view *view, struct guess *guess)
{
	const struct lookup *lookup = view->attempt->lookup;

	if (lookup->about != LOOKUP_TOO_BIG)
		return false;
	blind_of(lookup, guess);
	guess->confidence = CONFIDENCE_LIKELY; /* anybody can forge it */
	if (lookup->again)
		return true; /* the sender does not learn */
	guess->severity = lookup->later ? SEVERITY_INFO : SEVERITY_WARNING;
	return true;
}

static void tell_too_big(const struct view *view, struct finding *finding)
{
	const struct lookup *lookup = view->attempt->lookup;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	address_print(&what, lookup->sender);
	text_add(&what, " dropped ");
	add_datagram(&what, lookup);
	text_add(&what, " of %u bytes as too big", lookup->bytes);
	if (lookup->mtu)
		text_add(&what, ": the link behind it takes %u", lookup->mtu);
	if (lookup->again) {
		text_add(&what, "; ");
		words_count(&what, lookup->again, "further one", "further ones");
		text_add(&what, " met the same");
		text_add(&why, "the sender forbids fragments and does not heed the ICMP errors: "
			       "they do not reach it, or it is set to ignore them");
	} else if (lookup->later) {
		text_add(&what, "; no later one did");
		text_add(&why, "the sender learned the path's MTU; that datagram is lost");
	} else {
		text_add(&what, "; the capture shows none after it");
		text_add(&why, "a link on the path has a smaller MTU than the sender's; that "
			       "datagram is lost");
	}
	check = words_check(view, finding, 0);
	text_add(&check.run, "ip %sroute get ", address_is_ipv4(lookup->server) ? "" : "-6 ");
	address_print(&check.run, lookup->server);
	words_check_end(&check, "the MTU that the sender has learned for that path");
}

const struct rule rule_udp_too_big = {
	.id = "udp-too-big",
	.stage = STAGE_REQUEST,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_LOOKUP,
	.match = match_too_big,
	.tell = tell_too_big,
	.means = "a datagram was too big for its path, and fragments were not allowed",
	.evidence =
		"ICMP 3/4 or ICMPv6 2/0 about a UDP datagram: its size, the MTU that the error offers, who sent it; error where further ones met the same, else a warning; of captures only",
	.gate = "path MTU discovery that works is none: an answer to a datagram that was sent after the error (QUIC, RFC 8899); info where later ones met no error and no answer was to be seen. An answer to a DNS query is the lookup's: dns-no-answer",
	.general_check =
		"tracepath ADDRESS; the MTU of tunnels on the way; whether ICMP reaches the sender",
	.kernels = "captures only so far: live, datagrams are not joined yet",
};

/* ---- udp-reply-from-other-address ---- */

static bool match_other_address(const struct view *view, struct guess *guess)
{
	const struct lookup *lookup = view->attempt->lookup;

	if (lookup->about != LOOKUP_OTHER_ADDRESS)
		return false;
	blind_of(lookup, guess);
	guess->absence = true; /* of an answer of the one that was asked */
	/* who of two asks and who answers is told by ports alone */
	guess->confidence = lookup->server_port < 1024 ? CONFIDENCE_LIKELY : CONFIDENCE_POSSIBLE;
	if (!lookup->again)
		guess->severity = SEVERITY_WARNING; /* the client may have taken it */
	return true;
}

static void tell_other_address(const struct view *view, struct finding *finding)
{
	const struct lookup *lookup = view->attempt->lookup;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	address_print(&what, lookup->sender);
	text_add(&what, " answered ");
	add_datagram(&what, lookup);
	text_add(&what, " after ");
	words_duration(&what, lookup->answer_ns > lookup->started_ns ?
				      lookup->answer_ns - lookup->started_ns :
				      0);
	text_add(&what, ", from the same port; ");
	address_print(&what, lookup->server);
	text_add(&what, " itself did not");
	if (lookup->again)
		text_add(&what, ", though it was asked again");
	text_add(&why, "a server with several addresses answers from another one than it was asked "
		       "at, or an address translation on the way does not undo itself; clients "
		       "and stateful filters drop such an answer");
	check = words_check_remote(finding);
	text_add(&check.run, "ip %sroute get ", address_is_ipv4(lookup->client) ? "" : "-6 ");
	address_print(&check.run, lookup->client);
	words_check_end(&check, "on the server: src is the address it answers from");
	check = words_check_remote(finding);
	text_add(&check.run, "ss -lunp 'sport = :%u'", lookup->server_port);
	words_check_end(&check,
			"whether it is bound to the address that is asked, or to all of them");
}

const struct rule rule_udp_reply_from_other_address = {
	.id = "udp-reply-from-other-address",
	.stage = STAGE_REQUEST,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_LIKELY,
	.wakes = WAKE_LOOKUP,
	.match = match_other_address,
	.tell = tell_other_address,
	.means = "a datagram was answered from another address than it was sent to",
	.evidence =
		"the same two ports, another source address, within 2 s; the address that was asked is silent until 2 s later. Error where the client asks again, else a warning; possible where the service's port is 1024 or more; of captures only",
	.gate = "none where that port asked both addresses (two DNS servers, a packet seen before and after its translation), or more than one other answers; nor of multicast, of what may be a broadcast address, of 127/8, of STUN and Teredo, or where the ports do not tell who asks",
	.general_check = "the server's addresses and routes; its program's listen address",
	.kernels = "captures only so far: live, datagrams are not joined yet",
};
