/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link.h - from the link layer of a frame to its IP packet; for frame.c and tunnel.c */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "event.h"

/*
 * Numbers of tcpdump's registry of link types (LINKTYPE_*), which differ from the DLT_* of some
 * systems: raw IP has three.
 */
enum {
	LINK_NULL = 0,
	LINK_ETHERNET = 1,
	LINK_TOKEN_RING = 6,
	LINK_PPP = 9,
	LINK_FDDI = 10,
	LINK_DLT_RAW = 12,
	LINK_DLT_RAW_OPENBSD = 14,
	LINK_PPP_HDLC = 50,
	LINK_PPP_ETHER = 51,
	LINK_ATM_RFC1483 = 100, /* IEEE 802.2 at once */
	LINK_RAW = 101,
	LINK_C_HDLC = 104,
	LINK_LOOP = 108,
	LINK_LINUX_SLL = 113,
	LINK_PPP_PPPD = 166,
	LINK_PPP_WITH_DIR = 204,
	LINK_MPLS = 219,
	LINK_IPV4 = 228,
	LINK_IPV6 = 229,
	LINK_NFLOG = 239,
	LINK_PKTAP = 258,
	LINK_LINUX_SLL2 = 276,
};

/* What is left of a frame; each layer that is taken off moves .at on. */
struct link {
	const __u8 *at;
	size_t captured; /* bytes that are there */
	size_t wire; /* bytes that were on the wire, at least .captured */
	__u32 vlan; /* outermost VLAN tag, 0 none */
	bool direction_known;
	bool arp; /* not IP: .at is an ARP header */
	bool out; /* the machine that captured sent it */
};

/*
 * Takes off what stands before the IP header in a frame of that LINKTYPE_*.
 * Returns UNREAD_NONE: .at is an IPv4 or IPv6 header of which at least the fixed part is there.
 */
enum event_unread link_unwrap(struct link *link, __u16 type);

/* The same for what an Ethernet type announces. */
enum event_unread link_unwrap_ethertype(struct link *link, __u16 ethertype);

/* The same for PPP, from its protocol field or the address field before it on. */
enum event_unread link_unwrap_ppp(struct link *link);

/* What stands behind so many bytes is padding. */
void link_limit(struct link *link, size_t bytes);
