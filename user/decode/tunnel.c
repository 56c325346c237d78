// SPDX-License-Identifier: GPL-2.0-or-later
/* tunnel.c - packets that carry packets */

#include <linux/if_ether.h>
#include <netinet/in.h>

#include "decode/tunnel.h"

enum {
	PORT_VXLAN = 4789,
	PORT_VXLAN_LINUX = 8472, /* the kernel's default, older than the number from IANA */
	PORT_GENEVE = 6081,
};

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

/* What stands behind the datagram's end is padding. */
static void limit(struct link *link, size_t bytes)
{
	if (link->wire > bytes)
		link->wire = bytes;
	if (link->captured > bytes)
		link->captured = bytes;
}

/* Takes the IP header off. Returns the protocol behind it; 0: a fragment, or no whole header. */
static __u8 take_ipv4(struct link *link)
{
	size_t header = (size_t)(link->at[0] & 0x0f) * 4, total = be16(link->at + 2);
	__u8 protocol = link->at[9];

	if (be16(link->at + 6) & IPV4_FRAGMENT)
		return 0;
	if (total) /* 0: a segment that the interface is yet to cut */
		limit(link, total);
	return skip(link, header) ? protocol : 0;
}

static __u8 take_ipv6(struct link *link)
{
	size_t payload = be16(link->at + 4);
	__u8 protocol = link->at[6];

	if (!skip(link, 40))
		return 0;
	if (payload)
		limit(link, payload);
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

static bool take_udp(struct link *link)
{
	__u16 port;

	if (link->captured < 8)
		return false;
	port = be16(link->at + 2); /* the destination: the source is chosen to spread the load */
	if (!skip(link, 8))
		return false;
	if (port == PORT_VXLAN || port == PORT_VXLAN_LINUX)
		return take_vxlan(link);
	return port == PORT_GENEVE && take_geneve(link);
}

bool tunnel_unwrap(struct link *link)
{
	struct link inner = *link;
	bool unwrapped = false;

	switch (link->at[0] >> 4 == 6 ? take_ipv6(&inner) : take_ipv4(&inner)) {
	case IPPROTO_UDP:
		unwrapped = take_udp(&inner);
		break;
	case IPPROTO_IPIP:
		unwrapped = !link_unwrap_ethertype(&inner, ETH_P_IP);
		break;
	case IPPROTO_IPV6:
		unwrapped = !link_unwrap_ethertype(&inner, ETH_P_IPV6);
		break;
	case IPPROTO_GRE:
		unwrapped = take_gre(&inner);
		break;
	}
	if (unwrapped)
		*link = inner;
	return unwrapped;
}
