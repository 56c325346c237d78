/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nft_rule.h - a rule of nftables as a dump gives it, in the words of nft(8) */
#pragma once

#include <stdbool.h>

#include <netlink/attr.h>

#include "event.h"
#include "util/text.h"

enum nft_end {
	NFT_END_OTHER, /* accepts, counts, jumps, maps …: nothing that ends a packet by itself */
	NFT_END_DROP,
	NFT_END_REJECT,
};

enum { NFT_WAY_OUT = 1 << 0, NFT_WAY_IN = 1 << 1 };

struct nft_rule {
	enum nft_end end;
	unsigned int ways; /* NFT_WAY_*: in which direction a packet of the tuple could match */
	bool whole; /* every condition was understood */
	const struct nlattr *calls; /* the chain that it jumps or goes to, NULL none */
};

/*
 * Reads the expressions of a rule. Appends its conditions and verdict: "tcp dport 81 drop"; a
 * condition that is not understood stands there as "[name]".
 * @family: NFPROTO_* of the table. @ways: the directions its chain sees.
 */
struct nft_rule nft_rule_read(const struct nlattr *expressions, unsigned int family,
			      const struct event_tuple *tuple, unsigned int ways,
			      struct text *text);
