// SPDX-License-Identifier: GPL-2.0-or-later
/* packet_print.c - one packet in words, without its addresses: the connection's line has them */

#include <netinet/in.h>

#include "decode/decode.h"
#include "decode/names.h"
#include "util/address.h"
#include "util/array.h"

/* SYN, FIN and RST first: what the segment is about, then how. */
static void print_tcp_flags(struct text *text, unsigned int flags)
{
	static const struct {
		const char *name;
		__u8 flag;
	} names[] = {
		{ "SYN", TCP_F_SYN }, { "FIN", TCP_F_FIN }, { "RST", TCP_F_RST },
		{ "PSH", TCP_F_PSH }, { "ACK", TCP_F_ACK }, { "URG", TCP_F_URG },
	};
	_Static_assert(ARRAY_SIZE(names) == 6, "the flags of struct packet");
	bool any = false;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!(flags & names[i].flag))
			continue;
		text_add(text, "%s%s", any ? "," : "", names[i].name);
		any = true;
	}
	if (!any)
		text_add(text, "no flags");
}

static void print_tcp(struct text *text, const struct packet *packet)
{
	print_tcp_flags(text, packet->tcp_flags);
	if (packet->payload_bytes)
		text_add(text, " len %u", packet->payload_bytes);
	text_add(text, " seq %u", packet->seq);
	if (packet->tcp_flags & TCP_F_ACK)
		text_add(text, " ack %u", packet->ack);
	if (!(packet->tcp_flags & TCP_F_RST))
		text_add(text, " win %u", packet->window); /* means nothing in a reset */
	if (packet->flags & PACKET_F_MSS)
		text_add(text, " mss %u", packet->mss);
	if (packet->flags & PACKET_F_SACK)
		text_add(text, " sack");
	if ((packet->flags & PACKET_F_TIMESTAMPS) && (packet->tcp_flags & TCP_F_SYN))
		text_add(text, " ts");
	if (packet->flags & PACKET_F_WSCALE)
		text_add(text, " wscale %u", packet->wscale);
}

static void print_inner(struct text *text, const struct packet *packet)
{
	const char *protocol = decode_protocol_name(packet->inner.protocol);

	text_add(text, " of ");
	if (protocol)
		text_add(text, "%s ", protocol);
	else
		text_add(text, "protocol %u ", packet->inner.protocol);
	address_print_port(text, packet->inner.source, packet->inner.source_port);
	text_add(text, " > ");
	address_print_port(text, packet->inner.destination, packet->inner.destination_port);
	if (packet->flags & PACKET_F_INNER_SEQ)
		text_add(text, " seq %u", packet->inner.seq);
}

static void print_icmp(struct text *text, const struct packet *packet)
{
	bool ipv6 = packet->protocol == IPPROTO_ICMPV6;
	const char *name = decode_icmp_name(ipv6, packet->icmp_type, packet->icmp_code);

	text_add(text, "%s %u/%u", ipv6 ? "ICMPv6" : "ICMP", packet->icmp_type, packet->icmp_code);
	if (name)
		text_add(text, " %s", name);
	if (packet->icmp_mtu)
		text_add(text, " mtu %u", packet->icmp_mtu);
	if (packet->flags & PACKET_F_INNER)
		print_inner(text, packet);
}

static void print_other(struct text *text, const struct packet *packet)
{
	const char *protocol = decode_protocol_name(packet->protocol);

	if (packet->flags & PACKET_F_FRAGMENT)
		text_add(text, "later fragment of ");
	if (protocol)
		text_add(text, "%s", protocol);
	else
		text_add(text, "protocol %u", packet->protocol);
	text_add(text, " len %u", packet->payload_bytes);
}

void packet_print(struct text *text, const struct packet *packet)
{
	switch ((enum packet_what)packet->what) {
	case PACKET_NONE:
		return;
	case PACKET_UNPARSED:
		text_add(text, "packet that could not be parsed");
		return;
	case PACKET_TCP:
		print_tcp(text, packet);
		break;
	case PACKET_UDP:
		text_add(text, "UDP len %u", packet->payload_bytes);
		break;
	case PACKET_ICMP:
		print_icmp(text, packet);
		break;
	case PACKET_OTHER:
		print_other(text, packet);
		break;
	}
	text_add(text, " ttl %u", packet->ttl);
	if (packet->flags & PACKET_F_CUT)
		text_add(text, " (cut short)");
}
