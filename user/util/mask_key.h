/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mask_key.h - what a mask is made of, private to mask.c and mask_text.c */
#pragma once

#include "util/hash.h"
#include "util/mask.h"

struct masked_address {
	__u8 address[EVENT_ADDRESS_SIZE];
	__u8 masked[EVENT_ADDRESS_SIZE];
	bool used;
};

struct masked_name {
	char *name; /* in lower case, not terminated */
	size_t size;
};

struct mask {
	__u64 key[2];
	struct masked_address *cache;
	struct masked_name *names;
	struct hash by_name;
	size_t name_count;
	size_t longest; /* bytes of a name that was learned */
	bool in_names[256]; /* bytes that learned names have, in lower case */
	bool full;
};

/* The hash of a name is made byte by byte, so that text can be looked through for all names at once. */
static inline char mask_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

static inline __u64 mask_name_hash(__u64 h, char lower)
{
	return hash_stable_byte(h, (__u8)lower);
}

/* The learned name of that hash value and text, in lower case. */
bool mask_knows(const struct mask *mask, __u64 h, const char *lower, size_t size);

/* Keyed hash of 64 bits (SipHash-2-4). */
__u64 mask_hash(const __u64 key[2], const void *bytes, size_t size);
