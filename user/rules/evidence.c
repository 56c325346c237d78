// SPDX-License-Identifier: GPL-2.0-or-later
/* evidence.c - one thing that was seen, in words */

#include <errno.h>

#include "rules/words.h"
#include "util/address.h"
#include "util/tcp.h"

static bool is_dns(const struct evidence *evidence)
{
	return evidence->kind == EVENT_PACKET && evidence->dns;
}

const char *evidence_layer(const struct evidence *evidence)
{
	switch (evidence->kind) {
	case EVENT_PACKET:
		return is_dns(evidence) ? "dns" : "packet";
	case EVENT_FRAME:
		return "packet";
	case EVENT_DROP:
		return "drop";
	case EVENT_SYSCALL:
		return "syscall";
	case EVENT_OPEN:
	case EVENT_STATE:
	case EVENT_ERROR:
	case EVENT_RETRANSMIT:
	case EVENT_RESET_RECEIVED:
	case EVENT_SOCKET:
		return "socket";
	default:
		return "host";
	}
}

static const char *packet_event(const struct evidence *evidence)
{
	if (is_dns(evidence))
		return evidence->dns == EVIDENCE_QUERY ? "query" : "answer";
	if (evidence->packet_what == PACKET_ICMP)
		return "icmp";
	if (evidence->packet_what == PACKET_UDP)
		return "datagram";
	if (evidence->packet_what != PACKET_TCP)
		return "packet";
	if (evidence->tcp_flags & TCP_F_RST)
		return "reset";
	if (evidence->tcp_flags & TCP_F_SYN)
		return evidence->tcp_flags & TCP_F_ACK ? "syn-ack" : "syn";
	if (evidence->tcp_flags & TCP_F_FIN)
		return "fin";
	return evidence->payload_bytes ? "data" : "ack";
}

const char *evidence_event(const struct evidence *evidence)
{
	const char *name;

	switch (evidence->kind) {
	case EVENT_PACKET:
		return packet_event(evidence);
	case EVENT_FRAME:
		return "claim";
	case EVENT_OPEN:
		return evidence->count ? "question" : "state";
	case EVENT_SOCKET:
		return "look";
	case EVENT_SYSCALL:
		name = decode_syscall_name(evidence->call);
		return name ? name : "call";
	default:
		name = decode_kind_name(evidence->kind);
		return name ? name : "event";
	}
}

static void add_error(struct text *text, const char *before, __s32 error)
{
	const char *name;

	if (!error)
		return;
	error = error < 0 ? -error : error; /* of a send it is its result */
	name = decode_errno_name(error);
	if (name)
		text_add(text, "%s%s", before, name);
	else
		text_add(text, "%s%d", before, error);
}

static void add_state(struct text *text, __u8 state)
{
	const char *name = decode_state_name(state);

	if (name)
		text_add(text, "%s", name);
	else
		text_add(text, "state %u", state);
}

/* Whereto: known where the attempt had several openings. */
static void add_remote(struct text *text, const struct evidence *evidence, __u8 state)
{
	if (state != TCP_STATE_SYN_SENT || address_is_any(evidence->address))
		return;
	text_add(text, " to ");
	address_print(text, evidence->address);
}

static void add_direction(struct text *text, const struct evidence *evidence, bool ascii)
{
	if (evidence->direction == DIRECTION_OUT)
		text_add(text, ascii ? "-> " : "→ ");
	else if (evidence->direction == DIRECTION_IN)
		text_add(text, ascii ? "<- " : "← ");
}

static void add_tcp_flags(struct text *text, __u8 flags)
{
	static const struct {
		__u8 flag;
		const char *name;
	} names[] = { { TCP_F_SYN, "SYN" }, { TCP_F_RST, "RST" }, { TCP_F_FIN, "FIN" },
		      { TCP_F_PSH, "PSH" }, { TCP_F_ACK, "ACK" }, { TCP_F_URG, "URG" } };
	const char *comma = "";

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!(flags & names[i].flag))
			continue;
		text_add(text, "%s%s", comma, names[i].name);
		comma = ",";
	}
	if (!*comma)
		text_add(text, "no flags");
}

static void add_options(struct text *text, const struct evidence *evidence)
{
	text_add(text, "  seq %u", evidence->seq);
	if (evidence->tcp_flags & TCP_F_ACK)
		text_add(text, " ack %u", evidence->ack);
	text_add(text, " win %u", evidence->window);
	if (evidence->packet_flags & PACKET_F_MSS)
		text_add(text, " mss %u", evidence->mss);
	if (evidence->packet_flags & PACKET_F_SACK)
		text_add(text, " sack");
	if (evidence->packet_flags & PACKET_F_TIMESTAMPS)
		text_add(text, " ts");
	if (evidence->packet_flags & PACKET_F_WSCALE)
		text_add(text, " wscale %u", evidence->wscale);
}

static bool is_icmpv6(const struct evidence *evidence)
{
	/* ICMPv6 errors are types below 128 (RFC 4443 2.1), and IPv4 has none of type 1 */
	return (evidence->flags & EVENT_F_IPV6) || evidence->icmp_type == 1;
}

static void add_icmp(struct text *text, const struct evidence *evidence)
{
	const char *name =
		decode_icmp_name(is_icmpv6(evidence), evidence->icmp_type, evidence->icmp_code);

	text_add(text, "%s %u/%u", is_icmpv6(evidence) ? "ICMPv6" : "ICMP", evidence->icmp_type,
		 evidence->icmp_code);
	if (name)
		text_add(text, " %s", name);
}

static void add_dns(struct text *text, const struct evidence *evidence)
{
	const char *type = dns_type_name(evidence->dns_type);
	const char *rcode = dns_rcode_name(evidence->dns_rcode);
	bool query = evidence->dns == EVIDENCE_QUERY;

	text_add(text, "%s ", query ? "query" : "answer");
	if (type)
		text_add(text, "%s", type);
	else
		text_add(text, "type %u", evidence->dns_type);
	if (!query && rcode)
		text_add(text, " %s", rcode);
	else if (!query)
		text_add(text, " rcode %u", evidence->dns_rcode);
	if (!query && evidence->dns_content == EVIDENCE_TRUNCATED)
		text_add(text, ", truncated");
	else if (!query && evidence->dns_content == DNS_CONTENT_NONE)
		text_add(text, " without a record");
	else if (!query && evidence->dns_content == DNS_CONTENT_REFERRAL)
		text_add(text, ", a referral");
	if (query)
		return; /* to whom is in the head; an answer may come from any server */
	text_add(text, " from ");
	address_print(text, evidence->address);
}

static void add_packet(struct text *text, const struct evidence *evidence, unsigned int how)
{
	add_direction(text, evidence, how & EVIDENCE_ASCII);
	if (evidence->packet_what == PACKET_TCP) {
		add_tcp_flags(text, evidence->tcp_flags);
		if ((evidence->tcp_flags & TCP_F_SYN) && !(how & EVIDENCE_SHORT))
			add_options(text, evidence);
		if (evidence->payload_bytes)
			text_add(text, "  len %u", evidence->payload_bytes);
	} else if (evidence->packet_what == PACKET_ICMP) {
		add_icmp(text, evidence);
		text_add(text, " from ");
		address_print(text, evidence->address);
	} else if (is_dns(evidence)) {
		add_dns(text, evidence);
	} else if (evidence->packet_what == PACKET_UDP) {
		text_add(text, "UDP  len %u", evidence->payload_bytes);
		if (evidence->direction == DIRECTION_IN) {
			text_add(text, " from ");
			address_print(text, evidence->address);
		}
	} else {
		text_add(text, "a packet");
	}
	if (evidence->ttl)
		text_add(text, "  ttl %u", evidence->ttl);
	if (evidence->kind == EVENT_PACKET && evidence->frame)
		text_add(text, "  frame %llu", evidence->frame);
}

/* Where: only for what was not seen in the agent's own namespace. */
static void add_place(struct text *text, const struct join *join, const struct evidence *evidence)
{
	if (!evidence->netns || !join_netns_own(join) || evidence->netns == join_netns_own(join))
		return;
	text_add(text, "  at ");
	if (evidence->ifindex) {
		words_interface(text, join, evidence->netns, evidence->ifindex);
		text_add(text, " of ");
	}
	words_netns(text, join, evidence->netns);
}

static void add_drop(struct text *text, const struct join *join, const struct evidence *evidence,
		     unsigned int how)
{
	const char *reason = join_name(join, NAME_DROP_REASON, evidence->reason);
	const char *place = join_name(join, NAME_SYMBOL, evidence->location);

	if (evidence->packet_what != PACKET_NONE)
		add_packet(text, evidence, how);
	else
		text_add(text, "a packet");
	text_add(text, "  dropped");
	if ((evidence->known & EVENT_K_REASON) && reason)
		text_add(text, ": %s", reason);
	if (evidence->location && place)
		text_add(text, " in %s", place);
	add_place(text, join, evidence);
}

static void add_reset_sent(struct text *text, const struct join *join,
			   const struct evidence *evidence)
{
	const char *reason = join_name(join, NAME_RESET_REASON, evidence->reason);

	text_add(text, "this host sent a reset");
	if ((evidence->known & EVENT_K_REASON) && reason)
		text_add(text, ": %s", reason);
	add_place(text, join, evidence);
}

static void add_queue(struct text *text, const struct join *join, const struct evidence *evidence)
{
	bool full = evidence->kind == EVENT_LISTEN_FULL;

	text_add(text, full ? "SYN met a full accept queue" : "SYN/ACK sent again");
	if (evidence->known & EVENT_K_BACKLOG)
		text_add(text, "%s: %u of %u", full ? "" : ", accept queue", evidence->count,
			 evidence->limit);
	add_place(text, join, evidence);
}

static void add_reported(struct text *text, const struct evidence *evidence)
{
	if (evidence->new_state == TCP_STATE_CLOSE && evidence->error == ECONNRESET)
		add_error(text, "closed, and no call had taken the error ", evidence->error);
	else if (evidence->error || evidence->soft_error)
		add_error(text, "error ", evidence->error ? evidence->error : evidence->soft_error);
	else
		text_add(text, "an ICMP error was reported");
}

/* "conntrack 9300 of 10000" */
static void add_gauge(struct text *text, const struct join *join, const struct evidence *evidence)
{
	const char *name = decode_gauge_name(evidence->reason);

	text_add(text, "%s %u", name ? name : "gauge", evidence->count);
	if (evidence->limit)
		text_add(text, " of %u", evidence->limit);
	add_place(text, join, evidence);
}

static void add_claim(struct text *text, const struct join *join, const struct evidence *evidence)
{
	address_print(text, evidence->address);
	text_add(text, " is at ");
	words_mac(text, evidence->mac);
	if (evidence->frame)
		text_add(text, "  frame %llu", evidence->frame);
	else
		add_place(text, join, evidence);
}

/* What a look at the sockets found. */
static void add_look(struct text *text, const struct evidence *evidence)
{
	if (evidence->look & SNAPSHOT_LOOK_AWAITED) {
		text_add(text, "a call waits for a datagram");
		return;
	}
	if (evidence->count)
		text_add(text, "%u in ", evidence->count);
	add_state(text, evidence->new_state);
	if (evidence->look & SNAPSHOT_LOOK_READER)
		text_add(text, ", own window closed, %u bytes unread", evidence->payload_bytes);
	else if (evidence->look & SNAPSHOT_LOOK_PEER)
		text_add(text, ", the peer's window closed, %u bytes wait",
			 evidence->payload_bytes);
}

void evidence_print_place(const struct join *join, const struct evidence *evidence,
			  struct text *text)
{
	if (evidence->ifindex && join_interface(join, evidence->netns, evidence->ifindex))
		words_interface(text, join, evidence->netns, evidence->ifindex);
	if (!evidence->netns || !join_netns_own(join) || evidence->netns == join_netns_own(join))
		return;
	text_add(text, text->length ? " of " : "in ");
	words_netns(text, join, evidence->netns);
}

void evidence_print(const struct join *join, const struct evidence *evidence, unsigned int how,
		    struct text *text)
{
	switch (evidence->kind) {
	case EVENT_OPEN:
		if (evidence->count) {
			text_add(text, "question %u, and nothing has come", evidence->count);
			break;
		}
		__attribute__((fallthrough));
	case EVENT_STATE:
		add_state(text, evidence->new_state);
		add_remote(text, evidence, evidence->new_state);
		add_error(text, ", error ", evidence->error);
		add_error(text, ", soft error ", evidence->error ? 0 : evidence->soft_error);
		break;
	case EVENT_ERROR:
		add_reported(text, evidence);
		break;
	case EVENT_RETRANSMIT:
		add_state(text, evidence->old_state);
		add_remote(text, evidence, evidence->old_state);
		text_add(text, ", sent again");
		add_error(text, ", error ", evidence->error);
		break;
	case EVENT_RESET_RECEIVED:
		text_add(text, "reset received");
		break;
	case EVENT_SOCKET:
		add_look(text, evidence);
		break;
	case EVENT_SYSCALL:
		text_add(text, "%s()", evidence_event(evidence));
		add_error(text, " = ", evidence->error);
		break;
	case EVENT_PACKET:
		add_packet(text, evidence, how);
		if (!(how & EVIDENCE_SHORT))
			add_place(text, join, evidence);
		break;
	case EVENT_FRAME:
	case EVENT_CLAIM:
		add_claim(text, join, evidence);
		break;
	case EVENT_GAUGE:
		add_gauge(text, join, evidence);
		break;
	case EVENT_DROP:
		add_drop(text, join, evidence, how);
		break;
	case EVENT_RESET_SENT:
		add_reset_sent(text, join, evidence);
		break;
	case EVENT_ICMP_SENT:
		text_add(text, "this host sent ");
		add_icmp(text, evidence);
		add_place(text, join, evidence);
		break;
	case EVENT_NEIGHBOR:
		address_print(text, evidence->address);
		text_add(text, " did not answer as a neighbour");
		add_place(text, join, evidence);
		break;
	case EVENT_SYNACK_RETRANSMIT:
	case EVENT_LISTEN_FULL:
		add_queue(text, join, evidence);
		break;
	default:
		text_add(text, "%s", evidence_event(evidence));
		break;
	}
}
