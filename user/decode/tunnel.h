/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tunnel.h - from an IP packet to the one that it carries; for frame.c */
#pragma once

#include "decode/link.h"

#define TUNNELS_MAX 8 /* one in the other; deeper ones stay as they are */

/*
 * @link: at an IP header. If the packet carries another IP packet, moves on to that one's header;
 * else leaves @link alone. Known are IP in IP (RFC 2003, RFC 4213, RFC 2473), GRE (RFC 2784, RFC
 * 2890, of PPTP RFC 2637, ERSPAN), VXLAN (RFC 7348), Geneve (RFC 8926) and GTP-U (3GPP TS 29.281).
 * What is no IP inside leaves the outer packet as the one that counts.
 *
 * TUNNEL_OPAQUE: it carries something that is not read, also in IPsec, L2TP, EtherIP, MPLS in IP or
 * UDP, Teredo and WireGuard. ARP in a VXLAN is read.
 */
enum tunnel { TUNNEL_NONE, TUNNEL_UNWRAPPED, TUNNEL_OPAQUE };

enum tunnel tunnel_unwrap(struct link *link);
