/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nft_reading.h - how far a rule of nftables was read; private to nft_rule.c and nft_compare.c */
#pragma once

#include "collect/facts/nft_rule.h"

/*
 * A rule is a little program: expressions load fields into registers, compare and mask them, and
 * the first that fails ends it. Registers are followed by what was loaded into them. 16 words of 4
 * bytes, which the four old registers of 16 bytes share (nf_tables_api.c, nft_parse_register).
 */
#define WORDS 20

enum load {
	LOAD_NONE,
	LOAD_UNKNOWN,
	LOAD_PROTOCOL, /* of the upper layer */
	LOAD_NFPROTO,
	LOAD_SOURCE,
	LOAD_DESTINATION,
	LOAD_SOURCE_PORT,
	LOAD_DESTINATION_PORT,
	LOAD_TCP_FLAGS,
	LOAD_MARK,
	LOAD_UID,
	LOAD_GID,
	LOAD_IN_NAME,
	LOAD_OUT_NAME,
	LOAD_CT_STATE,
};

struct loaded {
	enum load what;
	__u8 length;
	bool masked;
	__u8 mask[16];
};

struct reading {
	struct loaded words[WORDS];
	struct loaded nowhere; /* for a register that no kernel has */
	const struct event_tuple *tuple;
	struct text *text;
	struct nft_rule rule;
	unsigned int family;
	__u8 protocol; /* compared before: names the ports */
	bool protocol_waits; /* not printed yet: "tcp dport" will say it */
	bool family_waits;
	__u8 nfproto;
};

__u32 nft_number(const struct nlattr *attribute, __u32 otherwise);

/* What a register holds, by the attribute that names it; never NULL. */
struct loaded *nft_word(struct reading *reading, const struct nlattr *attribute);

/* The nested attributes of @data, all NULL if there are none or they are damaged. */
void nft_parse(const struct nlattr *data, struct nlattr **table, int max);

/* Prints "[name]": a condition that is there and is not known. */
void nft_not_understood(struct reading *reading, const char *name);
const char *nft_protocol_name(unsigned int protocol); /* "tcp", NULL unknown */

/* Prints "tcp " and returns "sport" or "dport". */
const char *nft_port_side(struct reading *reading, enum load what);

/* Expressions "cmp" and "range": print the condition, weigh it against the tuple. */
void nft_read_compare(struct reading *reading, const struct nlattr *data);
void nft_read_range(struct reading *reading, const struct nlattr *data);
