/* SPDX-License-Identifier: GPL-2.0-or-later */
/* claims.h - who says that an address is his, as the link layer tells */
#pragma once

#include <stdbool.h>

#include "decode/decode.h"
#include "event.h"

#define JOIN_CLAIMS_KEPT 4 /* the last ones, as evidence */

struct claimant {
	__u8 mac[CLAIM_MAC_SIZE];
	__u32 count; /* of its claims, 0: there is none */
	bool own; /* this host made them, at that interface */
};

struct claim_seen {
	__u64 ts_ns;
	__u64 frame;
	__u8 mac[CLAIM_MAC_SIZE];
	__u8 vantage; /* enum event_vantage */
};

/* An address that two link addresses claim, one after the other. */
struct address_claims {
	__u8 address[EVENT_ADDRESS_SIZE];
	__u32 vlan;
	__u32 netns; /* 0: of a capture */
	__u32 ifindex;
	struct claimant by[2];
	__u32 changes; /* from one of them to the other */
	bool both_answered; /* one question, within a second */
	bool mixed; /* captured on all interfaces: perhaps in two networks */
	__u64 first_ns; /* the last claim before the first change */
	__u64 last_ns;
	__u32 seen_count; /* may exceed what is kept */
	struct claim_seen seen[JOIN_CLAIMS_KEPT]; /* a ring */
};
