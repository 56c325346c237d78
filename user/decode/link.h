/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link.h - from the link layer of a frame to its IP packet; for frame.c and tunnel.c */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "event.h"

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
