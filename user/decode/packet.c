// SPDX-License-Identifier: GPL-2.0-or-later
/* packet.c - headers of one packet, from the IP header on */

#include <netinet/in.h>
#include <string.h>

#include "decode/decode.h"
#include "util/address.h"
#include "util/array.h"
#include "util/hot.h"
#include "util/seq.h"

#define IPV4_HEADER 20
#define IPV6_HEADER 40
#define TCP_HEADER 20
#define UDP_HEADER 8
#define ICMP_HEADER 8
#define FRAGMENT_OFFSET_MASK 0x1fff /* IPv4, of 8 bytes each */

/* Bytes that are there; every fetch goes through span_has(). */
struct span {
	const __u8 *at;
	size_t left;
};

/* Where the upper layer stands, as the IP headers tell. */
struct upper {
	struct span span;
	size_t wire_bytes; /* from the upper header to the end of the datagram */
	__u8 protocol;
	__u8 ttl;
	__u16 ip_id;
	bool later_fragment;
	bool cut; /* the capture ends inside an IP header */
};

static bool span_has(const struct span *span, size_t bytes)
{
	return span->left >= bytes;
}

static void span_skip(struct span *span, size_t bytes)
{
	span->at += bytes;
	span->left -= bytes;
}

static void span_limit(struct span *span, size_t bytes)
{
	if (span->left > bytes)
		span->left = bytes;
}

static __u16 be16(const __u8 *at)
{
	return (__u16)(at[0] << 8 | at[1]);
}

static __u32 be32(const __u8 *at)
{
	return (__u32)at[0] << 24 | (__u32)at[1] << 16 | (__u32)at[2] << 8 | at[3];
}

/*
 * RFC 791. The total length is 0 in a segment that is yet to be cut by the interface and longer
 * than 65,535 bytes; then the wire length counts.
 * Returns false if this is no IPv4 header.
 */
INLINED bool parse_ipv4(struct span span, size_t wire, __u8 *source, __u8 *destination,
			struct upper *upper)
{
	size_t header, total;

	if (!span_has(&span, IPV4_HEADER) || span.at[0] >> 4 != 4)
		return false;
	header = (size_t)(span.at[0] & 0x0f) * 4;
	total = be16(span.at + 2);
	if (!total)
		total = wire;
	if (header < IPV4_HEADER || total < header)
		return false;
	if (total > wire && wire >= header)
		total = wire; /* it was cut on its way: there is no more payload than that */
	address_from_ipv4(source, span.at + 12);
	address_from_ipv4(destination, span.at + 16);
	upper->protocol = span.at[9];
	upper->ttl = span.at[8];
	upper->ip_id = be16(span.at + 4);
	upper->later_fragment = be16(span.at + 6) & FRAGMENT_OFFSET_MASK;
	upper->wire_bytes = total - header;
	upper->cut = !span_has(&span, header);
	if (upper->cut)
		return true;
	span_limit(&span, total); /* what follows is padding of the link (RFC 894) */
	span_skip(&span, header);
	upper->span = span;
	return true;
}

/* Length of an IPv6 extension header, 0: @protocol is none (RFC 8200 4, RFC 4302 2.2). */
static size_t extension_length(__u8 protocol, const __u8 *at)
{
	switch (protocol) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
	case IPPROTO_MH:
	case 139: /* Host Identity Protocol, RFC 7401 */
	case 140: /* Shim6, RFC 5533 */
		return ((size_t)at[1] + 1) * 8;
	case IPPROTO_FRAGMENT:
		return 8;
	case IPPROTO_AH:
		return ((size_t)at[1] + 2) * 4;
	}
	return 0;
}

static bool is_extension(__u8 protocol)
{
	static const __u8 shortest[2];

	return extension_length(protocol, shortest);
}

/*
 * RFC 8200. A payload length of 0 before a hop-by-hop header is a jumbogram or a segment that is
 * yet to be cut (RFC 2675); then the wire length counts.
 */
INLINED bool parse_ipv6(struct span span, size_t wire, __u8 *source, __u8 *destination,
			struct upper *upper)
{
	size_t payload;

	if (!span_has(&span, IPV6_HEADER) || span.at[0] >> 4 != 6)
		return false;
	payload = be16(span.at + 4);
	if ((!payload || payload > wire - IPV6_HEADER) && wire > IPV6_HEADER)
		payload = wire - IPV6_HEADER;
	address_from_ipv6(source, span.at + 8);
	address_from_ipv6(destination, span.at + 24);
	upper->protocol = span.at[6];
	upper->ttl = span.at[7];
	span_skip(&span, IPV6_HEADER);
	span_limit(&span, payload);
	while (is_extension(upper->protocol)) {
		__u8 next;
		size_t length;

		if (!span_has(&span, 8)) {
			upper->cut = true;
			break;
		}
		length = extension_length(upper->protocol, span.at);
		if (length > payload)
			return false; /* the chain leaves the packet */
		next = span.at[0];
		if (upper->protocol == IPPROTO_FRAGMENT)
			upper->later_fragment = be16(span.at + 2) & 0xfff8;
		if (!span_has(&span, length)) {
			upper->cut = true;
			break;
		}
		payload -= length;
		span_skip(&span, length);
		upper->protocol = next;
		if (upper->later_fragment)
			break; /* what follows is the middle of something (RFC 8200 4.5) */
	}
	upper->wire_bytes = payload;
	upper->span = span;
	return true;
}

INLINED bool parse_ip(struct span span, size_t wire, __u8 *source, __u8 *destination,
		      struct upper *upper)
{
	*upper = (struct upper){ 0 };
	if (!span_has(&span, 1))
		return false;
	if (span.at[0] >> 4 == 6)
		return parse_ipv6(span, wire, source, destination, upper);
	return parse_ipv4(span, wire, source, destination, upper);
}

/*
 * RFC 2883 4: the first block tells of a duplicate if it ends at or before the acknowledgment, or
 * lies inside the second. Sequence numbers are compared modulo 2^32.
 */
static bool is_dsack(const __u8 *blocks, size_t count, __u32 ack)
{
	__u32 left = be32(blocks), right = be32(blocks + 4);

	if (!seq_before(left, right))
		return false;
	if (!seq_before(ack, right))
		return true;
	return count > 1 && !seq_before(left, be32(blocks + 8)) &&
	       !seq_before(be32(blocks + 12), right);
}

/* RFC 8684 3: a subtype in four bits; DSS is 2, whose flags say whether 4 or 8 bytes acknowledge. */
static void parse_mptcp(const __u8 *option, size_t length, struct packet *packet)
{
	size_t last = length >= 4 && option[3] & 2 ? 8 : 4;

	if (option[2] >> 4 != 2) {
		packet->flags |= PACKET_F_MPTCP;
	} else if (length >= last + 4 && option[3] & 1) {
		packet->data_ack = be32(option + last);
		packet->flags |= PACKET_F_DATA_ACK;
	}
}

/* RFC 9293 3.1, RFC 7323, RFC 2018. */
static void parse_tcp_option(const __u8 *option, size_t length, struct packet *packet)
{
	bool syn = packet->tcp_flags & TCP_F_SYN;

	switch (option[0]) {
	case 2:
		if (syn && length == 4) {
			packet->mss = be16(option + 2);
			packet->flags |= PACKET_F_MSS;
		}
		break;
	case 3:
		if (syn && length == 3) {
			/* RFC 7323 2.3: more than 14 means 14 */
			packet->wscale = option[2] > 14 ? 14 : option[2];
			packet->flags |= PACKET_F_WSCALE;
		}
		break;
	case 4:
		if (syn && length == 2)
			packet->flags |= PACKET_F_SACK;
		break;
	case 5:
		if (length >= 10 && length % 8 == 2 &&
		    is_dsack(option + 2, (length - 2) / 8, packet->ack))
			packet->flags |= PACKET_F_DSACK;
		break;
	case 30:
		if (length >= 3)
			parse_mptcp(option, length, packet);
		break;
	case 8:
		if (length == 10) {
			packet->ts_value = be32(option + 2);
			packet->ts_echo = be32(option + 6);
			packet->flags |= PACKET_F_TIMESTAMPS;
		}
		break;
	}
}

/* @left: bytes of options that the data offset promises. */
static void parse_tcp_options(struct span span, size_t left, struct packet *packet)
{
	while (left) {
		size_t length;

		if (!span_has(&span, 1))
			goto cut;
		if (span.at[0] == 0)
			return;
		if (span.at[0] == 1) {
			span_skip(&span, 1);
			left--;
			continue;
		}
		if (left < 2)
			return;
		if (!span_has(&span, 2))
			goto cut;
		length = span.at[1];
		if (length < 2 || length > left)
			return; /* malformed: what was read before stands */
		if (!span_has(&span, length))
			goto cut;
		parse_tcp_option(span.at, length, packet);
		span_skip(&span, length);
		left -= length;
	}
	return;
cut:
	packet->flags |= PACKET_F_CUT;
}

/* @header: TCP_HEADER bytes. Where the payload begins; 0: no TCP segment of @wire bytes has that. */
static size_t tcp_header_bytes(const __u8 *header, size_t wire)
{
	size_t bytes = (size_t)(header[12] >> 4) * 4;

	return bytes < TCP_HEADER || bytes > wire ? 0 : bytes;
}

INLINED void take_tcp_header(const __u8 *header, struct packet *packet)
{
	packet->what = PACKET_TCP;
	packet->source_port = be16(header);
	packet->destination_port = be16(header + 2);
	packet->seq = be32(header + 4);
	packet->ack = be32(header + 8);
	packet->tcp_flags = header[13] & 0x3f;
	packet->window = be16(header + 14);
}

/* As far as the capture goes; the ports come first and are worth having alone. */
static void parse_short_tcp(struct span span, size_t wire, struct packet *packet)
{
	static const __u8 ends[] = { 4, 8, 12, 13, 14, 16 }; /* of fields */
	__u8 header[TCP_HEADER] = { 0 };
	size_t whole = 0, bytes;

	for (size_t i = 0; i < ARRAY_SIZE(ends) && span_has(&span, ends[i]); i++)
		whole = ends[i];
	memcpy(header, span.at, whole);
	if (whole < 13) {
		packet->payload_at = 0; /* where the options end is not captured */
	} else {
		bytes = tcp_header_bytes(header, wire);
		if (!bytes)
			return;
		packet->payload_bytes = wire - bytes;
		packet->payload_at += (__u32)bytes;
	}
	take_tcp_header(header, packet);
	packet->flags |= PACKET_F_CUT | PACKET_F_SHORT;
}

static void parse_tcp(struct span span, size_t wire, struct packet *packet)
{
	size_t bytes;

	if (wire < TCP_HEADER)
		return; /* no TCP segment is that short: stays PACKET_OTHER */
	if (!span_has(&span, TCP_HEADER)) {
		parse_short_tcp(span, wire, packet);
		return;
	}
	bytes = tcp_header_bytes(span.at, wire);
	if (!bytes)
		return;
	packet->payload_bytes = wire - bytes;
	packet->payload_at += (__u32)bytes;
	take_tcp_header(span.at, packet);
	span_skip(&span, TCP_HEADER);
	parse_tcp_options(span, bytes - TCP_HEADER, packet);
}

static void parse_udp(struct span span, size_t wire, struct packet *packet)
{
	if (wire < UDP_HEADER)
		return;
	packet->what = PACKET_UDP;
	packet->payload_at += UDP_HEADER;
	packet->payload_bytes = wire - UDP_HEADER;
	if (span_has(&span, 4)) {
		packet->source_port = be16(span.at);
		packet->destination_port = be16(span.at + 2);
	}
	if (!span_has(&span, UDP_HEADER))
		packet->flags |= PACKET_F_CUT;
}

/* The quoted packet's whole length, of which the error holds the beginning. */
static __u16 inner_bytes(const struct span *span, bool ipv6)
{
	__u32 bytes = ipv6 ? be16(span->at + 4) + IPV6_HEADER : be16(span->at + 2);

	return bytes > 0xffff ? 0xffff : (__u16)bytes;
}

/* The packet that provoked an ICMP error; RFC 792 promises its first 8 bytes of upper layer. */
static void parse_inner(struct span span, bool ipv6, struct packet *packet)
{
	struct upper upper;

	if (!span_has(&span, 1) || (span.at[0] >> 4 == 6) != ipv6 ||
	    !parse_ip(span, span.left, packet->inner.source, packet->inner.destination, &upper)) {
		memset(&packet->inner, 0, sizeof(packet->inner));
		return;
	}
	packet->flags |= PACKET_F_INNER;
	packet->inner.protocol = upper.protocol;
	packet->inner.bytes = inner_bytes(&span, ipv6);
	if (upper.later_fragment)
		return;
	if (upper.cut) {
		packet->flags |= PACKET_F_CUT;
		return;
	}
	switch (upper.protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		break;
	default:
		return;
	}
	if (!span_has(&upper.span, 4)) {
		packet->flags |= PACKET_F_CUT;
		return;
	}
	packet->inner.source_port = be16(upper.span.at);
	packet->inner.destination_port = be16(upper.span.at + 2);
	if (upper.protocol != IPPROTO_TCP)
		return;
	if (!span_has(&upper.span, 8)) {
		packet->flags |= PACKET_F_CUT;
		return;
	}
	packet->inner.seq = be32(upper.span.at + 4);
	packet->flags |= PACKET_F_INNER_SEQ;
}

/* Types that carry the packet they are about: RFC 792, RFC 4443 2.1 (below 128: errors). */
static bool icmp_has_inner(bool ipv6, __u8 type)
{
	if (ipv6)
		return type >= 1 && type <= 4;
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

static void parse_icmp(struct span span, size_t wire, bool ipv6, struct packet *packet)
{
	if (wire < ICMP_HEADER)
		return;
	packet->what = PACKET_ICMP;
	packet->payload_at += ICMP_HEADER;
	packet->payload_bytes = wire - ICMP_HEADER;
	if (span_has(&span, 2)) {
		packet->icmp_type = span.at[0];
		packet->icmp_code = span.at[1];
	}
	if (!span_has(&span, ICMP_HEADER)) {
		packet->flags |= PACKET_F_CUT;
		return;
	}
	if (ipv6 && packet->icmp_type == 2)
		packet->icmp_mtu = be32(span.at + 4); /* RFC 4443 3.2 */
	else if (!ipv6 && packet->icmp_type == 3 && packet->icmp_code == 4)
		packet->icmp_mtu = be16(span.at + 6); /* RFC 1191 4 */
	if (!icmp_has_inner(ipv6, packet->icmp_type))
		return;
	span_skip(&span, ICMP_HEADER);
	parse_inner(span, ipv6, packet);
}

/* In parts that are short enough for plain stores: of more than 96 bytes gcc makes a "rep stos", 15 ns. */
static void clear_packet(struct packet *packet)
{
	const size_t middle = offsetof(struct packet, seq);

	memset(packet, 0, middle);
	memset((__u8 *)packet + middle, 0, offsetof(struct packet, inner) - middle);
	memset(&packet->inner, 0, sizeof(packet->inner));
}

void packet_parse(const __u8 *bytes, size_t captured, size_t wire, struct packet *packet)
{
	struct span span = { bytes, captured };
	struct upper upper;
	bool ipv6 = captured && bytes[0] >> 4 == 6;

	clear_packet(packet);
	if (!parse_ip(span, wire, packet->source, packet->destination, &upper)) {
		memset(packet, 0, sizeof(*packet));
		packet->what = PACKET_UNPARSED;
		return;
	}
	/* a frame that ends before its datagram: what it cannot have held was not sent in it */
	if (!upper.cut && upper.wire_bytes > wire - (size_t)(upper.span.at - bytes))
		upper.wire_bytes = wire - (size_t)(upper.span.at - bytes);
	packet->what = PACKET_OTHER;
	packet->protocol = upper.protocol;
	packet->ttl = upper.ttl;
	packet->ip_id = upper.ip_id;
	packet->payload_bytes = upper.wire_bytes;
	if (upper.later_fragment)
		packet->flags |= PACKET_F_FRAGMENT;
	if (upper.cut)
		packet->flags |= PACKET_F_CUT;
	if (upper.later_fragment || upper.cut)
		return;
	packet->payload_at = (__u32)(upper.span.at - bytes);
	if (upper.protocol == IPPROTO_TCP)
		parse_tcp(upper.span, upper.wire_bytes, packet);
	else if (upper.protocol == IPPROTO_UDP)
		parse_udp(upper.span, upper.wire_bytes, packet);
	else if (upper.protocol == (ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		parse_icmp(upper.span, upper.wire_bytes, ipv6, packet);
}

bool packet_tuple(const struct packet *packet, struct event_tuple *tuple)
{
	bool inner = packet->flags & PACKET_F_INNER;

	if (packet->what == PACKET_NONE || packet->what == PACKET_UNPARSED)
		return false;
	*tuple = (struct event_tuple){
		.local_port = inner ? packet->inner.source_port : packet->source_port,
		.remote_port = inner ? packet->inner.destination_port : packet->destination_port,
		.protocol = inner ? packet->inner.protocol : packet->protocol,
	};
	memcpy(tuple->local, inner ? packet->inner.source : packet->source, sizeof(tuple->local));
	memcpy(tuple->remote, inner ? packet->inner.destination : packet->destination,
	       sizeof(tuple->remote));
	return true;
}

bool packet_says_too_big(const struct packet *packet)
{
	if (packet->protocol == IPPROTO_ICMPV6)
		return packet->icmp_type == 2;
	return packet->icmp_type == 3 && packet->icmp_code == 4;
}

bool packet_says_unreachable(const struct packet *packet)
{
	return packet->icmp_type == (packet->protocol == IPPROTO_ICMPV6 ? 1 : 3) &&
	       !packet_says_too_big(packet);
}

bool packet_says_port_unreachable(const struct packet *packet)
{
	return packet_says_unreachable(packet) &&
	       packet->icmp_code == (packet->protocol == IPPROTO_ICMPV6 ? 4 : 3);
}
