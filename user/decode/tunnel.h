/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tunnel.h - from an IP packet to the one that it carries; for frame.c */
#pragma once

#include "decode/link.h"

#define TUNNELS_MAX 8 /* one in the other; deeper ones stay as they are */

/*
 * @link: at an IP header. If the packet carries another IP packet, moves on to that one's header
 * and returns true; else leaves @link alone. Known are IP in IP (RFC 2003, RFC 4213, RFC 2473),
 * GRE (RFC 2784, RFC 2890, of PPTP RFC 2637, ERSPAN), VXLAN (RFC 7348) and Geneve (RFC 8926). What
 * is no IP inside (ARP in a VXLAN) leaves the outer packet as the one that counts.
 */
bool tunnel_unwrap(struct link *link);
