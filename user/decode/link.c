// SPDX-License-Identifier: GPL-2.0-or-later
/* link.c - link layers: what stands before the IP header in a frame */

#include <linux/if_ether.h>
#include <stdint.h>

#include "decode/link.h"

#define IPV4_HEADER 20
#define IPV6_HEADER 40
#define ETHERTYPE_MIN 0x0600 /* below it is a length (IEEE 802.3 3.2.6) */
#define LAYERS_MAX 16 /* tags, labels and headers of one frame; more are a loop or an attack */
#define LABELS_MAX 16
#define ARPHRD_NETLINK 824

/* linux/if_packet.h, as cooked captures carry them */
enum { PACKET_TYPE_OTHER = 3, PACKET_TYPE_OUT = 4 };

static __u16 be16(const __u8 *at)
{
	return (__u16)(at[0] << 8 | at[1]);
}

static bool link_skip(struct link *link, size_t bytes)
{
	if (link->captured < bytes)
		return false;
	link->at += bytes;
	link->captured -= bytes;
	link->wire -= bytes;
	return true;
}

void link_limit(struct link *link, size_t bytes)
{
	if (link->wire > bytes)
		link->wire = bytes;
	if (link->captured > bytes)
		link->captured = bytes;
}

/* Nothing of the link layer is left: is it an IP header, and enough of it? */
static enum event_unread arrive(const struct link *link)
{
	if (!link->captured)
		return UNREAD_CUT;
	switch (link->at[0] >> 4) {
	case 4:
		return link->captured < IPV4_HEADER ? UNREAD_CUT : UNREAD_NONE;
	case 6:
		return link->captured < IPV6_HEADER ? UNREAD_CUT : UNREAD_NONE;
	}
	return UNREAD_MALFORMED;
}

/* RFC 3032 2.1: labels of 4 bytes up to the one with the bottom bit; what follows is not named. */
static enum event_unread unwrap_mpls(struct link *link)
{
	for (int i = 0; i < LABELS_MAX; i++) {
		bool bottom;

		if (link->captured < 4)
			return UNREAD_CUT;
		bottom = link->at[2] & 1;
		link_skip(link, 4);
		if (!bottom)
			continue;
		if (!link->captured)
			return UNREAD_CUT;
		/* RFC 4928 3: only IP begins with 4 or 6 */
		if (link->at[0] >> 4 != 4 && link->at[0] >> 4 != 6)
			return UNREAD_NOT_IP;
		return arrive(link);
	}
	return UNREAD_MALFORMED;
}

enum event_unread link_unwrap_ppp(struct link *link)
{
	__u16 protocol;

	/* RFC 1662 3.1: address and control may be left out by negotiation */
	if (link->captured >= 2 && link->at[0] == 0xff && link->at[1] == 0x03)
		link_skip(link, 2);
	if (link->captured < 2)
		return UNREAD_CUT;
	if (link->at[0] & 1) { /* RFC 1661 6.5: a protocol of one byte */
		protocol = link->at[0];
		link_skip(link, 1);
	} else {
		protocol = be16(link->at);
		link_skip(link, 2);
	}
	switch (protocol) {
	case 0x0021:
	case 0x0057:
		return arrive(link);
	case 0x0281:
	case 0x0283:
		return unwrap_mpls(link);
	}
	return UNREAD_NOT_IP;
}

/*
 * RFC 2516 4: version and type 1, code 0 is the session, 6 bytes in all. Behind its length stands
 * what fills an Ethernet frame up.
 */
static enum event_unread unwrap_pppoe(struct link *link)
{
	size_t length;
	__u8 code;

	if (link->captured < 6)
		return UNREAD_CUT;
	code = link->at[1];
	length = be16(link->at + 4);
	if (link->at[0] != 0x11)
		return UNREAD_MALFORMED;
	link_skip(link, 6);
	link_limit(link, length);
	return code ? UNREAD_NOT_IP : link_unwrap_ppp(link);
}

/*
 * IEEE 802.2: SNAP without an organisation carries an Ethernet type (RFC 1042), service access point
 * 6 is IP (RFC 948).
 */
static bool unwrap_snap(struct link *link, __u16 *ethertype)
{
	if (link->captured >= 3 && be16(link->at) == 0x0606 && link->at[2] == 3) {
		*ethertype = ETH_P_IP;
		return link_skip(link, 3);
	}
	if (link->captured < 8 || be16(link->at) != 0xaaaa || link->at[2] != 3 || link->at[3] ||
	    be16(link->at + 4) != 0)
		return false;
	*ethertype = be16(link->at + 6);
	return link_skip(link, 8);
}

enum event_unread link_unwrap_ethertype(struct link *link, __u16 ethertype)
{
	for (int i = 0; i < LAYERS_MAX; i++) {
		if (ethertype < ETHERTYPE_MIN && !unwrap_snap(link, &ethertype))
			return UNREAD_NOT_IP;
		switch (ethertype) {
		case ETH_P_IP:
		case ETH_P_IPV6:
			return arrive(link);
		case ETH_P_8021Q:
		case ETH_P_8021AD:
		case ETH_P_QINQ1:
		case ETH_P_QINQ2:
			if (link->captured < 4)
				return UNREAD_CUT;
			if (!link->vlan)
				link->vlan = be16(link->at) & 0x0fff;
			ethertype = be16(link->at + 2);
			link_skip(link, 4);
			break;
		case ETH_P_MPLS_UC:
		case ETH_P_MPLS_MC:
			return unwrap_mpls(link);
		case ETH_P_PPP_SES:
			return unwrap_pppoe(link);
		case ETH_P_ARP:
			link->arp = true;
			return UNREAD_NOT_IP;
		default:
			return UNREAD_NOT_IP;
		}
	}
	return UNREAD_MALFORMED;
}

/*
 * The address family of the system that captured, in its own byte order (null) or the network's
 * (loop): 2 is IPv4 everywhere, IPv6 is 10 on Linux, 24, 28 or 30 on the BSDs and macOS.
 */
static enum event_unread unwrap_family(struct link *link)
{
	__u32 family;

	if (link->captured < 4)
		return UNREAD_CUT;
	family = link->at[0] ? link->at[0] : link->at[3];
	if (link->at[1] || link->at[2] || (link->at[0] && link->at[3]))
		return UNREAD_NOT_IP;
	link_skip(link, 4);
	switch (family) {
	case 2:
	case 10:
	case 24:
	case 28:
	case 30:
		return arrive(link);
	}
	return UNREAD_NOT_IP;
}

/* Who sent it, of the packet types of if_packet.h: 0 to us … 3 to another, 4 by us. */
static void note_direction(struct link *link, unsigned int packet_type)
{
	link->direction_known = packet_type != PACKET_TYPE_OTHER && packet_type <= PACKET_TYPE_OUT;
	link->out = packet_type == PACKET_TYPE_OUT;
}

static enum event_unread unwrap_cooked(struct link *link, bool second)
{
	const __u8 *at = link->at;
	size_t size = second ? 20 : 16;
	__u16 hardware, ethertype;

	if (link->captured < size)
		return UNREAD_CUT;
	note_direction(link, second ? at[10] : be16(at));
	hardware = be16(at + (second ? 8 : 2));
	ethertype = be16(at + (second ? 0 : 14));
	link_skip(link, size);
	if (hardware == ARPHRD_NETLINK)
		return UNREAD_NOT_IP;
	return link_unwrap_ethertype(link, ethertype);
}

static enum event_unread unwrap_ethernet(struct link *link)
{
	__u16 ethertype;

	if (link->captured < ETH_HLEN)
		return UNREAD_CUT;
	ethertype = be16(link->at + 12);
	link_skip(link, ETH_HLEN);
	return link_unwrap_ethertype(link, ethertype);
}

static enum event_unread unwrap_802_2(struct link *link)
{
	return link->captured < 8 ? UNREAD_CUT : link_unwrap_ethertype(link, 0);
}

/* Frame control (LLC frames begin with 0x5), two addresses of 6 bytes, IEEE 802.2. */
static enum event_unread unwrap_fddi(struct link *link)
{
	if (link->captured < 13)
		return UNREAD_CUT;
	if (link->at[0] >> 4 != 5)
		return UNREAD_NOT_IP;
	link_skip(link, 13);
	return unwrap_802_2(link);
}

/*
 * Access and frame control (LLC frames begin with 01), two addresses; the first bit of the source
 * says that a route follows, whose length stands in its own first five bits (IEEE 802.5 3.2, 3.3).
 */
static enum event_unread unwrap_token_ring(struct link *link)
{
	size_t route = 0;

	if (link->captured < 16)
		return UNREAD_CUT;
	if (link->at[1] >> 6 != 1)
		return UNREAD_NOT_IP;
	if (link->at[8] & 0x80)
		route = link->at[14] & 0x1f;
	if (link->captured < 14 + route)
		return UNREAD_CUT;
	link_skip(link, 14 + route);
	return unwrap_802_2(link);
}

/* ---- headers in the byte order of the machine that captured ---- */

static __u32 either16(const __u8 *at, bool big)
{
	return big ? (__u32)be16(at) : (__u32)(at[1] << 8 | at[0]);
}

static __u32 either32(const __u8 *at, bool big)
{
	return big ? either16(at, true) << 16 | either16(at + 2, true) :
		     either16(at + 2, false) << 16 | either16(at, false);
}

#define NFLOG_HEADER 4 /* family, version 0, group */
#define NFLOG_PAYLOAD 9 /* NFULA_PAYLOAD of linux/netfilter/nfnetlink_log.h */
#define NFLOG_TYPES 64

/* Where the attribute of the packet begins; 0: the attributes make no sense in this byte order. */
static size_t find_nflog_payload(const struct link *link, bool big, size_t *length)
{
	size_t at = NFLOG_HEADER;

	while (at + 4 <= link->captured) {
		size_t size = either16(link->at + at, big);
		__u32 type = either16(link->at + at + 2, big) & 0x7fff; /* the flag "nested" */

		if (size < 4 || type > NFLOG_TYPES)
			return 0;
		*length = size - 4;
		if (type == NFLOG_PAYLOAD)
			return at + 4;
		at += (size + 3) & ~(size_t)3;
	}
	return 0;
}

/* Attributes of 2 bytes length and 2 bytes type; the packet is one of them, from its IP header on. */
static enum event_unread unwrap_nflog(struct link *link)
{
	size_t at, length = 0;
	enum event_unread unread;

	if (link->captured < NFLOG_HEADER)
		return UNREAD_CUT;
	if (link->at[1])
		return UNREAD_MALFORMED;
	at = find_nflog_payload(link, false, &length);
	at = at ? at : find_nflog_payload(link, true, &length);
	if (!at)
		return link->captured < link->wire ? UNREAD_CUT : UNREAD_NOT_IP;
	link_skip(link, at);
	link_limit(link, length);
	unread = arrive(link);
	/* the rule may have copied only the begin (nflog-range, snaplen) */
	if (!unread && link->at[0] >> 4 == 4 && be16(link->at + 2) > link->wire)
		link->wire = be16(link->at + 2);
	if (!unread && link->at[0] >> 4 == 6 &&
	    (size_t)be16(link->at + 4) + IPV6_HEADER > link->wire)
		link->wire = (size_t)be16(link->at + 4) + IPV6_HEADER;
	return unread;
}

/* Cisco HDLC: address, control, Ethernet type. */
static enum event_unread unwrap_c_hdlc(struct link *link)
{
	__u16 ethertype;

	if (link->captured < 4)
		return UNREAD_CUT;
	ethertype = be16(link->at + 2);
	link_skip(link, 4);
	return link_unwrap_ethertype(link, ethertype);
}

/* A byte that says who sent it stands before the frame, or in the place of its first byte. */
static enum event_unread unwrap_ppp_direction(struct link *link, bool in_place)
{
	if (link->captured < 2)
		return UNREAD_CUT;
	link->direction_known = true;
	link->out = link->at[0];
	link_skip(link, in_place && link->at[1] == 0x03 ? 2 : 1);
	return link_unwrap_ppp(link);
}

static enum event_unread unwrap_type(struct link *link, __u16 type)
{
	switch (type) {
	case LINK_ETHERNET:
		return unwrap_ethernet(link);
	case LINK_RAW:
	case LINK_DLT_RAW:
	case LINK_DLT_RAW_OPENBSD:
	case LINK_IPV4:
	case LINK_IPV6:
		return arrive(link);
	case LINK_LINUX_SLL:
		return unwrap_cooked(link, false);
	case LINK_LINUX_SLL2:
		return unwrap_cooked(link, true);
	case LINK_NULL:
	case LINK_LOOP:
		return unwrap_family(link);
	case LINK_PPP:
	case LINK_PPP_HDLC:
		return link_unwrap_ppp(link);
	case LINK_PPP_ETHER:
		return unwrap_pppoe(link);
	case LINK_PPP_PPPD:
		return unwrap_ppp_direction(link, true);
	case LINK_PPP_WITH_DIR:
		return unwrap_ppp_direction(link, false);
	case LINK_C_HDLC:
		return unwrap_c_hdlc(link);
	case LINK_MPLS:
		return unwrap_mpls(link);
	case LINK_FDDI:
		return unwrap_fddi(link);
	case LINK_TOKEN_RING:
		return unwrap_token_ring(link);
	case LINK_ATM_RFC1483:
		return unwrap_802_2(link);
	case LINK_NFLOG:
		return unwrap_nflog(link);
	}
	return UNREAD_LINK;
}

#define PKTAP_LEAST 40 /* up to the flags */
#define PKTAP_MOST 1024

/*
 * macOS: a header that tells its length, what follows (1 a packet), the packet's link type, the
 * interface's name of 24 bytes, and flags: 1 inbound, 2 outbound (bsd/net/pktap.h).
 */
static enum event_unread unwrap_pktap(struct link *link)
{
	__u32 length, type, flags;
	bool big;

	if (link->captured < PKTAP_LEAST)
		return UNREAD_CUT;
	big = either32(link->at, false) > PKTAP_MOST;
	length = either32(link->at, big);
	type = either32(link->at + 8, big);
	flags = either32(link->at + 36, big);
	if (length < PKTAP_LEAST || length > PKTAP_MOST)
		return UNREAD_MALFORMED;
	if (either32(link->at + 4, big) != 1)
		return UNREAD_NOT_IP;
	if (length > link->captured)
		return UNREAD_CUT;
	link_skip(link, length);
	link->direction_known = (flags & 3) == 1 || (flags & 3) == 2;
	link->out = (flags & 3) == 2;
	return type > UINT16_MAX || type == LINK_PKTAP ? UNREAD_LINK :
							 unwrap_type(link, (__u16)type);
}

enum event_unread link_unwrap(struct link *link, __u16 type)
{
	return type == LINK_PKTAP ? unwrap_pktap(link) : unwrap_type(link, type);
}
