// SPDX-License-Identifier: GPL-2.0-or-later
/* tunnel.c - packets that carry packets */

#include <linux/if_ether.h>
#include <netinet/in.h>

#include "decode/tunnel.h"

enum {
	PORT_VXLAN = 4789,
	PORT_VXLAN_LINUX = 8472, /* the kernel's default, older than the number from IANA */
	PORT_GENEVE = 6081,
	PORT_GTP_U = 2152,
	/* not read */
	PORT_L2TP = 1701,
	PORT_TEREDO = 3544,
	PORT_ESP = 4500,
	PORT_MPLS = 6635,
	PORT_WIREGUARD = 51820, /* what nearly everybody gives it */
};

enum { PROTOCOL_ETHERIP = 97, PROTOCOL_L2TP = 115, PROTOCOL_MPLS = 137 };

enum {
	PROTOCOL_ETHERNET = 0x6558, /* transparent Ethernet bridging */
	PROTOCOL_ERSPAN = 0x88be,
	PROTOCOL_PPP = 0x880b,
};

enum {
	GRE_CHECKSUM = 0x8000,
	GRE_ROUTING = 0x4000,
	GRE_KEY = 0x2000,
	GRE_SEQUENCE = 0x1000,
	GRE_ACKNOWLEDGE = 0x0080,
	GRE_VERSION = 0x0007,
};

#define IPV4_FRAGMENT 0x3fff /* more fragments, or an offset */
#define EXTENSIONS_MAX 8

static __u16 be16(const __u8 *at)
{
	return (__u16)(at[0] << 8 | at[1]);
}

static bool skip(struct link *link, size_t bytes)
{
	if (link->captured < bytes || link->wire < bytes)
		return false;
	link->at += bytes;
	link->captured -= bytes;
	link->wire -= bytes;
	return true;
}

/* Takes the IP header off. Returns the protocol behind it; 0: a fragment, or no whole header. */
static __u8 take_ipv4(struct link *link)
{
	size_t header = (size_t)(link->at[0] & 0x0f) * 4, total = be16(link->at + 2);
	__u8 protocol = link->at[9];

	if (be16(link->at + 6) & IPV4_FRAGMENT)
		return 0;
	if (total) /* 0: a segment that the interface is yet to cut */
		link_limit(link, total); /* behind it is padding */
	return skip(link, header) ? protocol : 0;
}

static __u8 take_ipv6(struct link *link)
{
	size_t payload = be16(link->at + 4);
	__u8 protocol = link->at[6];

	if (!skip(link, 40))
		return 0;
	if (payload)
		link_limit(link, payload);
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		if (protocol != IPPROTO_HOPOPTS && protocol != IPPROTO_DSTOPTS &&
		    protocol != IPPROTO_ROUTING)
			return protocol;
		if (link->captured < 2)
			return 0;
		protocol = link->at[0];
		if (!skip(link, ((size_t)link->at[1] + 1) * 8))
			return 0;
	}
	return 0;
}

static bool take_ethernet(struct link *link)
{
	__u16 ethertype;

	if (link->captured < ETH_HLEN)
		return false;
	ethertype = be16(link->at + 12);
	return skip(link, ETH_HLEN) && !link_unwrap_ethertype(link, ethertype);
}

static bool take_protocol(struct link *link, __u16 protocol)
{
	if (protocol == PROTOCOL_ETHERNET)
		return take_ethernet(link);
	if (protocol == PROTOCOL_PPP)
		return !link_unwrap_ppp(link);
	return !link_unwrap_ethertype(link, protocol);
}

static bool take_gre(struct link *link)
{
	size_t header = 4;
	__u16 flags, protocol;

	if (link->captured < 4)
		return false;
	flags = be16(link->at);
	protocol = be16(link->at + 2);
	if ((flags & GRE_ROUTING) || (flags & GRE_VERSION) > 1)
		return false;
	header += flags & GRE_CHECKSUM ? 4 : 0;
	header += flags & GRE_KEY ? 4 : 0;
	header += flags & GRE_SEQUENCE ? 4 : 0;
	if (flags & GRE_VERSION) /* RFC 2637 4.1; one that only acknowledges carries nothing */
		header += flags & GRE_ACKNOWLEDGE ? 4 : 0;
	if (!skip(link, header))
		return false;
	if (protocol != PROTOCOL_ERSPAN)
		return take_protocol(link, protocol);
	/* draft-foschiano-erspan: type I has no header of its own and no sequence number */
	if ((flags & GRE_SEQUENCE) && !skip(link, 8))
		return false;
	return take_ethernet(link);
}

static bool take_vxlan(struct link *link)
{
	/* RFC 7348 5: the network's number must be valid; other bits have got meanings since */
	return link->captured >= 8 && (link->at[0] & 0x08) && skip(link, 8) && take_ethernet(link);
}

/* RFC 8926 3.4: version 0, and as many options as the low 6 bits tell, in words. */
static bool take_geneve(struct link *link)
{
	__u16 protocol;

	if (link->captured < 8 || link->at[0] >> 6)
		return false;
	protocol = be16(link->at + 2);
	return skip(link, 8 + (size_t)(link->at[0] & 0x3f) * 4) && take_protocol(link, protocol);
}

#define GTP_EXTENSIONS_MAX 8

/*
 * 3GPP TS 29.281 5.1: version 1 of GTP, message 255 carries a packet; four more bytes when any of
 * three flags is set, and then extension headers, of as many words as their first byte tells.
 */
static bool take_gtp_u(struct link *link)
{
	__u8 next;

	if (link->captured < 8 || (link->at[0] & 0xf0) != 0x30 || link->at[1] != 255)
		return false;
	link_limit(link, 8 + (size_t)be16(link->at + 2));
	if (!(link->at[0] & 7))
		return skip(link, 8) && !link_unwrap_ethertype(link, ETH_P_IP);
	if (link->captured < 12)
		return false;
	next = link->at[0] & 4 ? link->at[11] : 0;
	skip(link, 12);
	for (int i = 0; next && i < GTP_EXTENSIONS_MAX; i++) {
		size_t size = link->captured ? (size_t)link->at[0] * 4 : 0;

		if (!size || link->captured < size)
			return false;
		next = link->at[size - 1];
		skip(link, size);
	}
	return !next && !link_unwrap_ethertype(link, ETH_P_IP);
}

static enum tunnel as_tunnel(bool unwrapped, const struct link *inner)
{
	if (unwrapped)
		return TUNNEL_UNWRAPPED;
	return inner->captured && !inner->arp ? TUNNEL_OPAQUE : TUNNEL_NONE;
}

/* Of what is not read: is it data of the tunnel, and no word about it? */
static enum tunnel look_into(const struct link *link, __u16 from, __u16 to)
{
	const __u8 *at = link->at;
	bool data = false;

	if (link->captured < 4)
		return TUNNEL_NONE;
	if (from == PORT_L2TP || to == PORT_L2TP) /* RFC 2661 3.1: the bit T */
		data = !(at[0] & 0x80) && (at[1] & 0x0f) == 2;
	else if (from == PORT_ESP || to == PORT_ESP) /* RFC 3948 2: else it is IKE */
		data = at[0] | at[1] | at[2] | at[3];
	else if (from == PORT_TEREDO || to == PORT_TEREDO)
		data = at[0] >> 4 == 6;
	else if (from == PORT_WIREGUARD ||
		 to == PORT_WIREGUARD) /* of type 4, more than a keepalive */
		data = at[0] == 4 && !(at[1] | at[2] | at[3]) && link->wire > 32;
	else
		data = to == PORT_MPLS;
	return data ? TUNNEL_OPAQUE : TUNNEL_NONE;
}

static enum tunnel take_udp(struct link *link)
{
	__u16 from, to;

	if (link->captured < 8)
		return TUNNEL_NONE;
	from = be16(link->at);
	to = be16(link->at + 2); /* the source is chosen to spread the load */
	link_limit(link, be16(link->at + 4) > 8 ? be16(link->at + 4) : link->wire);
	if (!skip(link, 8))
		return TUNNEL_NONE;
	switch (to) {
	case PORT_VXLAN:
	case PORT_VXLAN_LINUX:
		return as_tunnel(take_vxlan(link), link);
	case PORT_GENEVE:
		return as_tunnel(take_geneve(link), link);
	case PORT_GTP_U:
		if (link->captured < 2 || (link->at[0] & 0xf0) != 0x30 || link->at[1] != 255)
			return TUNNEL_NONE; /* a word about the tunnel */
		return as_tunnel(take_gtp_u(link), link);
	}
	return look_into(link, from, to);
}

enum tunnel tunnel_unwrap(struct link *link)
{
	struct link inner = *link;
	enum tunnel tunnel = TUNNEL_NONE;

	switch (link->at[0] >> 4 == 6 ? take_ipv6(&inner) : take_ipv4(&inner)) {
	case IPPROTO_UDP:
		tunnel = take_udp(&inner);
		break;
	case IPPROTO_IPIP:
		tunnel = as_tunnel(!link_unwrap_ethertype(&inner, ETH_P_IP), &inner);
		break;
	case IPPROTO_IPV6:
		tunnel = as_tunnel(!link_unwrap_ethertype(&inner, ETH_P_IPV6), &inner);
		break;
	case IPPROTO_GRE:
		tunnel = as_tunnel(take_gre(&inner), &inner);
		break;
	case IPPROTO_ESP:
	case IPPROTO_AH:
	case PROTOCOL_MPLS:
	case PROTOCOL_ETHERIP:
	case PROTOCOL_L2TP:
		tunnel = as_tunnel(false, &inner);
		break;
	}
	if (tunnel == TUNNEL_UNWRAPPED)
		*link = inner;
	return tunnel;
}
