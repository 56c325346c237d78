/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mask_packet.h - a packet of which addresses, names and payload are gone */
#pragma once

#include <stddef.h>

#include "util/mask.h"

/*
 * Replaces addresses in the IP header, in what ICMP errors quote and in DNS messages, and names in
 * DNS messages and TLS hellos; checksums follow (RFC 1624), so that a right one is right and a
 * wrong one wrong afterwards. Whatever else could tell is cut off or emptied: other payload, IP
 * options, MPTCP's addresses, DNS data of other types. Learns the names it replaces.
 * @bytes: from the IP header on, changed in place. Returns how many of them are left.
 */
size_t mask_packet(struct mask *mask, __u8 *bytes, size_t captured);

/* Learns the names in it (DNS, ClientHello), so that text about it can be masked. */
void mask_learn_packet(struct mask *mask, const __u8 *bytes, size_t captured);
