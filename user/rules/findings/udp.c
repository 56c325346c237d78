// SPDX-License-Identifier: GPL-2.0-or-later
/* udp.c - datagrams that nobody took, that were too big, that another address answered, or nobody */

#include "rules/look.h"
#include "rules/words.h"
#include "util/address.h"

static void blind_of(const struct lookup *lookup, struct guess *guess)
{
	if (lookup->blind_lost)
		guess->blind |= BLIND_LOST_RECORDS;
}

/* "a datagram of 10.0.0.1 to 10.0.0.2:514" */
static void add_datagram(struct text *text, const struct lookup *lookup)
{
	text_add(text, "a datagram");
	if (!address_is_any(lookup->client)) { /* of a socket that is bound to no one address */
		text_add(text, " of ");
		address_print(text, lookup->client);
	}
	text_add(text, " to ");
	address_print_port(text, lookup->server, lookup->server_port);
}

/* ---- udp-port-unreachable ---- */

/* Whether the kernel gave an error to the socket: the socket's own records say so. */
static bool knows_told(const struct lookup *lookup)
{
	return lookup->sources & SOURCE_SOCKET;
}

static bool match_unreachable(const struct view *view, struct guess *guess)
{
	const struct lookup *lookup = view->attempt->lookup;

	if (lookup->about != LOOKUP_UNREACHABLE)
		return false;
	blind_of(lookup, guess);
	/* an answer that came too late finds a closed socket: the asker has moved on */
	if (lookup_kind_of(lookup) != DATAGRAM_QUESTION)
		guess->severity = SEVERITY_INFO;
	else if (knows_told(lookup) && !lookup->at_home && !lookup->told && !lookup->again)
		guess->severity =
			SEVERITY_INFO; /* who asks many, as peers do, expects some to be gone */
	else if (lookup->at_home || !lookup->awaited)
		guess->severity = SEVERITY_WARNING; /* whether anybody waits for it is not known */
	/* anybody can forge it, but for this host's own kernel on the loopback device */
	guess->confidence = lookup->at_home ? CONFIDENCE_CERTAIN : CONFIDENCE_LIKELY;
	return true;
}

/* Of a socket of this host: who hears of it, and who does not. */
static void add_heard(struct text *text, const struct view *view)
{
	const struct lookup *lookup = view->attempt->lookup;

	if (lookup->again) {
		text_add(text, ", ");
		words_count(text, lookup->again + 1, "time", "times");
		text_add(text, " in ");
		words_duration(text, ns_between(lookup->started_ns, lookup->ended_ns));
	}
	if (lookup->told)
		text_add(text, "; the socket's next call says ECONNREFUSED");
	else if (knows_told(lookup))
		text_add(text, "; the socket is not connected, so that nobody is told");
}

/* The ICMP error came from another address than was asked. */
static bool is_elsewhere(const struct lookup *lookup)
{
	return !address_is_any(lookup->sender) && !address_equal(lookup->sender, lookup->server);
}

static void tell_unreachable(const struct view *view, struct finding *finding)
{
	const struct lookup *lookup = view->attempt->lookup;
	enum lookup_kind kind = lookup_kind_of(lookup);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	if (!address_is_any(lookup->sender)) {
		address_print(&what, lookup->sender);
		text_add(&what, " answered ");
		add_datagram(&what, lookup);
		text_add(&what, " with ICMP port unreachable");
	} else {
		add_datagram(&what, lookup);
		text_add(&what, " brought ICMP port unreachable, as the kernel tells its socket");
	}
	add_heard(&what, view);
	if (kind == DATAGRAM_TRACE)
		text_add(&why, "as traceroute asks for it: the far end was reached");
	else if (kind == DATAGRAM_ANSWER)
		text_add(&why, "an answer to a port that its asker has closed, or too late");
	else if (is_elsewhere(lookup))
		text_add(&why, "a packet filter there refuses for that address");
	else if (lookup->at_home)
		text_add(&why, "no program has UDP port %u open on this host at that address",
			 lookup->server_port);
	else
		text_add(&why, "no program has UDP port %u open there, or a filter refuses for it",
			 lookup->server_port);
	if (is_elsewhere(lookup)) {
		check = words_check_at(finding, lookup->sender);
		text_add(&check.run, "nft list ruleset");
		words_check_end(&check, "which rule rejects UDP port %u", lookup->server_port);
		return;
	}
	check = lookup->at_home ? words_check(view, finding, lookup->netns) :
				  words_check_remote(finding);
	text_add(&check.run, "ss -lunp 'sport = :%u'", lookup->server_port);
	words_check_end(&check, "what has that port open, on which address");
}

const struct rule rule_udp_port_unreachable = {
	.id = "udp-port-unreachable",
	.stage = STAGE_REQUEST,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_LOOKUP,
	.match = match_unreachable,
	.tell = tell_unreachable,
	.means = "a datagram was answered with ICMP port unreachable",
	.evidence =
		"ICMP 3/3 or ICMPv6 1/4 about a UDP datagram, or ECONNREFUSED that the kernel gives its socket. Error where somebody waits at that socket, else a warning, and over the loopback device; certain there, because the host itself says so",
	.gate = "info about what looks like an answer (from a port below 1024 to one above) or like traceroute; a DNS query's is the lookup's: dns-server-down; live, one error about a socket that is not connected is info, and an error about a datagram of no process of this host is none",
	.general_check = "ss -lunp on the host that sent the ICMP error",
	.kernels =
		"the socket's own error: 5.14 on; by the packet alone: all, where packets are seen; whose it is: 5.11 on",
};

/* ---- udp-too-big ---- */

/*
 * Live what fits is not seen: whoever looks for the path's MTU has one error at a size that a link
 * might have taken, or smaller and smaller ones.
 */
static bool match_too_big_live(const struct lookup *lookup, struct guess *guess)
{
	enum { LINK_BYTES = 1500 }; /* Ethernet's; RFC 8899 probes no further by default */

	guess->confidence = lookup->told ? CONFIDENCE_CERTAIN : CONFIDENCE_LIKELY;
	if (!lookup->again && (lookup->later || lookup->bytes <= LINK_BYTES))
		guess->severity = SEVERITY_INFO;
	return true;
}

static bool match_too_big(const struct view *view, struct guess *guess)
{
	const struct lookup *lookup = view->attempt->lookup;

	if (lookup->about != LOOKUP_TOO_BIG)
		return false;
	blind_of(lookup, guess);
	if (lookup->sources & SOURCE_SOCKET)
		return match_too_big_live(lookup, guess);
	guess->confidence = CONFIDENCE_LIKELY; /* anybody can forge it */
	if (lookup->again)
		return true; /* the sender does not learn */
	guess->severity = lookup->later ? SEVERITY_INFO : SEVERITY_WARNING;
	return true;
}

static void add_path_check(const struct view *view, struct finding *finding)
{
	const struct lookup *lookup = view->attempt->lookup;
	struct words_check check = words_check(view, finding, lookup->netns);

	text_add(&check.run, "ip %sroute get ", address_is_ipv4(lookup->server) ? "" : "-6 ");
	address_print(&check.run, lookup->server);
	words_check_end(&check, "the MTU that the sender has learned for that path");
}

/* The largest UDP payload of IPv4 with its header (RFC 768); of IPv6 it is that without its own. */
enum { DATAGRAM_BYTES_MAX = 65535, IPV6_HEADER_BYTES = 40 };

static void tell_too_big_live(const struct view *view, struct text *what, struct text *why)
{
	const struct lookup *lookup = view->attempt->lookup;
	const struct ev_fact *route = attempt_fact(view->join, view->attempt, FACT_ROUTE, 0);
	bool ipv6 = !address_is_ipv4(lookup->server);
	__u32 most = DATAGRAM_BYTES_MAX + (ipv6 ? IPV6_HEADER_BYTES : 0);

	if (lookup->mtu) {
		address_print(what, lookup->sender);
		text_add(what, " dropped ");
		add_datagram(what, lookup);
		text_add(what, " of %u bytes as too big: the link behind it takes %u",
			 lookup->bytes, lookup->mtu);
	} else {
		text_add(what, "send() of ");
		add_datagram(what, lookup);
		if (lookup->bytes)
			text_add(what, " of %u bytes with its headers", lookup->bytes);
		text_add(what, " failed with EMSGSIZE");
	}
	if (lookup->again) {
		text_add(what, "; ");
		words_count(what, lookup->again, "further one", "further ones");
		text_add(what, " met the same");
	}
	if (lookup->bytes > most)
		text_add(why, "no datagram can be that long");
	else
		text_add(why, "the socket forbids fragments (IP_MTU_DISCOVER), and the path takes "
			      "less than that");
	if (route && !(route->flags & FACT_F_ABSENT) && route->number)
		text_add(why, "; the route's MTU is %lld", (long long)route->number);
}

static void want_too_big(const struct view *view, struct fact_request *wanted)
{
	struct subject_about about = { .cookie = 0 };

	view->attempt->subject->about(view->attempt, &about);
	wanted->tuple = about.tuple;
	if (lookup_is_captured(view->attempt->lookup))
		wanted->wanted = 0;
}

static void tell_too_big(const struct view *view, struct finding *finding)
{
	const struct lookup *lookup = view->attempt->lookup;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	if (lookup->sources & SOURCE_SOCKET) {
		tell_too_big_live(view, &what, &why);
		add_path_check(view, finding);
		return;
	}
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
	add_path_check(view, finding);
}

const struct rule rule_udp_too_big = {
	.id = "udp-too-big",
	.stage = STAGE_REQUEST,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_LOOKUP,
	.match = match_too_big,
	.tell = tell_too_big,
	.facts = BIT(FACT_ROUTE),
	.want = want_too_big,
	.means = "a datagram was too big for its path, and fragments were not allowed",
	.evidence =
		"ICMP 3/4 or ICMPv6 2/0 about a UDP datagram: its size, the MTU that the error offers, who sent it; error where further ones met the same, else a warning. Live also EMSGSIZE of the call itself, with the MTU of the route (certain)",
	.gate = "path MTU discovery that works is none: an answer to a datagram that was sent after the error (QUIC, RFC 8899); info where later ones met no error and no answer was to be seen, and live of one error of up to 1500 bytes, or of smaller and smaller ones. An answer to a DNS query is the lookup's: dns-no-answer",
	.general_check =
		"tracepath ADDRESS; the MTU of tunnels on the way; whether ICMP reaches the sender",
	.kernels =
		"errno of the call: all (6.3 on of every call, before of sendto, sendmsg, sendmmsg); ICMP: all, where packets are seen",
};

/* ---- udp-receive-buffer-full ---- */

static bool is_multicast(const __u8 *address)
{
	return address_is_ipv4(address) ? address[12] >= 224 && address[12] < 240 :
					  address[0] == 0xff;
}

static bool match_full(const struct view *view, struct guess *guess)
{
	const struct lookup *lookup = view->attempt->lookup;

	if (lookup->about != LOOKUP_QUEUE_FULL)
		return false;
	guess->silent = lookup->dropped < view->thresholds->value[THRESHOLD_DROPPED];
	/* each socket of a group gets a copy, and others may have read theirs */
	if (is_multicast(lookup->client))
		guess->severity = SEVERITY_INFO;
	return true;
}

static void tell_full(const struct view *view, struct finding *finding)
{
	const struct lookup *lookup = view->attempt->lookup;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	char memory[64];
	struct text text = text_of(memory);
	struct words_check check;

	text_add(&what, "this host dropped at least ");
	words_count(&what, lookup->dropped, "datagram", "datagrams");
	text_add(&what, " to UDP port %u in ", lookup->client_port);
	words_duration(&what, ns_between(lookup->started_ns, lookup->ended_ns));
	text_add(&what, ": the socket's receive buffer is full, %u of %u bytes",
		 lookup->queue_bytes, lookup->queue_max);
	words_who(&why, view->attempt);
	text_add(&why, " does not read as fast as they come, or the buffer is too small for them");
	if (words_sysctl(&text, view, "net.core.rmem_default"))
		text_add(&why, " (%s)", memory);
	check = words_check(view, finding, lookup->netns);
	text_add(&check.run, "ss -lunmp 'sport = :%u'", lookup->client_port);
	words_check_end(&check, "Recv-Q, the buffer (rb) and the drops (d): whether they go on");
	check = words_check(view, finding, lookup->netns);
	text_add(&check.run, "sysctl net.core.rmem_default net.core.rmem_max");
	words_check_end(&check, "what a socket gets, and the most that SO_RCVBUF may ask for");
}

const struct rule rule_udp_receive_buffer_full = {
	.id = "udp-receive-buffer-full",
	.stage = STAGE_REQUEST,
	.severity = SEVERITY_WARNING,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_LOOKUP,
	.match = match_full,
	.tell = tell_full,
	.facts = BIT(FACT_SYSCTL),
	.sysctls = { "net.core.rmem_default", "net.core.rmem_max" },
	.means = "datagrams were dropped because their receiver does not read fast enough",
	.evidence =
		"the kernel found no room for them in the socket's receive buffer: its size, what it held, how many, whose it is",
	.gate = "fewer than dropped-datagrams within 10 s are a burst; info of multicast, of which each socket has a copy",
	.general_check = "ss -lunm: Recv-Q, rb, d; what the process does instead of reading",
	.kernels =
		"udp_fail_queue_rcv_skb: all; for whom the datagram was: not before 6.2, by 6.12",
};

/* ---- udp-reply-from-other-address ---- */

static bool match_other_address(const struct view *view, struct guess *guess)
{
	const struct lookup *lookup = view->attempt->lookup;

	if (lookup->about != LOOKUP_OTHER_ADDRESS)
		return false;
	blind_of(lookup, guess);
	if (lookup->sources &
	    SOURCE_SOCKET) { /* it says whom it asked, and its kernel refused the other */
		guess->confidence = CONFIDENCE_LIKELY;
		if (!lookup->again)
			guess->severity = SEVERITY_WARNING;
		return true;
	}
	guess->absence = true; /* of an answer of the one that was asked */
	/* who of two asks and who answers is told by ports alone */
	guess->confidence = lookup->server_port < 1024 ? CONFIDENCE_LIKELY : CONFIDENCE_POSSIBLE;
	if (!lookup->again)
		guess->severity = SEVERITY_WARNING; /* the client may have taken it */
	return true;
}

/* Live: what the one that was asked says is not seen, but what its socket takes is known. */
static void tell_refused(const struct lookup *lookup, struct text *what)
{
	text_add(what, ", from the same port; this host refused that");
	if (lookup->again) {
		text_add(what, ", ");
		words_count(what, lookup->again + 1, "time", "times");
	}
	text_add(what, ": the socket is connected, and takes datagrams of ");
	address_print(what, lookup->server);
	text_add(what, " alone");
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
	if (lookup->sources & SOURCE_SOCKET) {
		tell_refused(lookup, &what);
	} else {
		text_add(&what, " after ");
		words_duration(&what, ns_between(lookup->started_ns, lookup->answer_ns));
		text_add(&what, ", from the same port; ");
		address_print(&what, lookup->server);
		text_add(&what, " itself did not");
		if (lookup->again)
			text_add(&what, ", though it was asked again");
	}
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
		"the same two ports, another source address, within 2 s; the address that was asked is silent until 2 s later. Error where the client asks again, else a warning; possible where the service's port is 1024 or more. Live: this host refuses the answer (ICMP port unreachable), because the socket that has the port is connected to another address",
	.gate = "none where that port asked both addresses (two DNS servers, a packet seen before and after its translation), or more than one other answers; nor of multicast, of what may be a broadcast address, of 127/8, of STUN and Teredo, or where the ports do not tell who asks",
	.general_check = "the server's addresses and routes; its program's listen address",
	.kernels =
		"live of connected sockets, where packets are seen: 5.11 on. One that is not connected takes what comes, and what a packet filter drops before it is not seen",
};

/* ---- udp-no-reply ---- */

static bool match_no_reply(const struct view *view, struct guess *guess)
{
	const struct lookup *lookup = view->attempt->lookup;

	if (lookup->about != LOOKUP_NO_REPLY)
		return false;
	blind_of(lookup, guess);
	return true;
}

static void tell_no_reply(const struct view *view, struct finding *finding)
{
	const struct lookup *lookup = view->attempt->lookup;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	address_print_port(&what, lookup->server, lookup->server_port);
	text_add(&what, " answered none of %u datagrams", lookup->queries);
	if (!address_is_any(lookup->client)) {
		text_add(&what, " of ");
		address_print(&what, lookup->client);
	}
	text_add(&what, " in ");
	words_duration(&what, ns_between(lookup->started_ns, lookup->ended_ns));
	text_add(&what,
		 ", each sent after a pause; nothing had ever come to their socket when the next "
		 "was sent");
	text_add(&why, "a filter or a full queue drops them, or what would answer, without a word, "
		       "or the program there does not answer such a request");
	check = lookup->at_home ? words_check(view, finding, lookup->netns) :
				  words_check_remote(finding);
	text_add(&check.run, "ss -lunmp 'sport = :%u'", lookup->server_port);
	words_check_end(&check, "what has that port open, whether it reads (Recv-Q), what was "
				"dropped there (d)");
}

const struct rule rule_udp_no_reply = {
	.id = "udp-no-reply",
	.stage = STAGE_REQUEST,
	.severity = SEVERITY_WARNING,
	.cap = CONFIDENCE_LIKELY,
	.wakes = WAKE_LOOKUP,
	.match = match_no_reply,
	.tell = tell_no_reply,
	.means = "a UDP socket asked again and again, and nothing ever came to it",
	.evidence =
		"three datagrams of one socket and then a fourth to the same address and port, each 200 ms or more after the one before, and nothing that was ever received at that socket, as its memory shows; a call that waits for the answer (recv(), or poll() or select() of at most two files), or a service whose every request is answered (Kerberos, NTP, SNMP, QUIC, IKE, RADIUS)",
	.gate = "none of who only sends (syslog, statsd, streams), for whom no call waits; none of who is told an ICMP error, of multicast, of a socket that may broadcast (SO_BROADCAST), of port 53 (dns-no-answer), of a socket that asks several; not told where each request has a socket of its own, where epoll waits for another service's answer, and where interfaces of the socket's namespace are not watched",
	.general_check = "ss -lunmp on the server; a capture of the port at both ends",
	.kernels = "5.11 on, where packets are seen",
};
