/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mask_key.h - what a mask is made of, private to mask.c and mask_text.c */
#pragma once

#include "util/mask.h"

struct masked_address {
	__u8 address[EVENT_ADDRESS_SIZE];
	__u8 masked[EVENT_ADDRESS_SIZE];
	bool used;
};

struct masked_name {
	size_t size; /* 0: free */
	char name[MASK_NAME_SIZE];
};

struct mask {
	__u64 key[2];
	struct masked_address *cache;
	struct masked_name *names;
	size_t names_next;
};

/* Keyed hash of 64 bits (SipHash-2-4). */
__u64 mask_hash(const __u64 key[2], const void *bytes, size_t size);
