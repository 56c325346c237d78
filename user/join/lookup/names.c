// SPDX-License-Identifier: GPL-2.0-or-later
/* names.c - which name gave an address to whom */

#include "join/lookup/names.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/address.h"
#include "util/time.h"

#define SETS 2048 /* a power of two */
#define WAYS 4
#define ADDRESSES_MAX 16 /* of one answer */
/* Two names that gave a process one address within this are both still to be connected to. */
#define TOGETHER_NS NS_PER_S

struct named {
	__u64 key; /* of whom and address; 0 none */
	__u64 ts_ns; /* the last answer */
	char name[DNS_NAME_SIZE];
};

struct names {
	struct named sets[SETS][WAYS];
};

int names_new(struct names **out)
{
	*out = calloc(1, sizeof(**out)); /* a page that holds no name is never touched */
	return *out ? 0 : -ENOMEM;
}

void names_free(struct names *names)
{
	free(names);
}

__u64 names_place(__u32 netns)
{
	return hash_mix(2, netns);
}

__u64 names_place_of_client(const __u8 *client)
{
	return address_hash(client);
}

static __u64 key_of(__u64 whose, const __u8 *address)
{
	return hash_mix(whose, address_hash(address)) | 1;
}

static void note(struct names *names, __u64 whose, const __u8 *address, const struct dns *dns,
		 __u64 ts_ns)
{
	__u64 key = key_of(whose, address);
	struct named *set = names->sets[key >> 32 & (SETS - 1)], *slot = set;

	for (int i = 0; i < WAYS; i++) {
		if (set[i].key == key && !strcmp(set[i].name, dns->name)) {
			slot = &set[i];
			break;
		}
		if (set[i].ts_ns < slot->ts_ns)
			slot = &set[i];
	}
	slot->key = key;
	slot->ts_ns = ts_ns;
	memcpy(slot->name, dns->name, strlen(dns->name) + 1);
}

void names_note(struct names *names, __u64 asker, __u64 place, const struct dns *dns, __u64 ts_ns)
{
	__u8 addresses[ADDRESSES_MAX][EVENT_ADDRESS_SIZE];
	size_t count = dns_addresses(dns, addresses, ADDRESSES_MAX);

	for (size_t i = 0; i < count; i++) {
		if (asker)
			note(names, asker, addresses[i], dns, ts_ns);
		note(names, place, addresses[i], dns, ts_ns);
	}
}

/* @apart_ns: another name must be older by so much, or have been given later. */
static const char *find(const struct names *names, __u64 whose, const __u8 *address, __u64 until_ns,
			__u64 apart_ns)
{
	__u64 key = key_of(whose, address);
	const struct named *set = names->sets[key >> 32 & (SETS - 1)], *last = NULL;

	for (int i = 0; i < WAYS; i++)
		if (set[i].key == key && set[i].ts_ns <= until_ns &&
		    (!last || set[i].ts_ns > last->ts_ns))
			last = &set[i];
	for (int i = 0; last && i < WAYS; i++)
		if (&set[i] != last && set[i].key == key && set[i].ts_ns <= until_ns &&
		    last->ts_ns - set[i].ts_ns < apart_ns)
			return NULL;
	return last ? last->name : NULL;
}

const char *names_of(const struct names *names, __u64 asker, __u64 place, const __u8 *address,
		     __u64 until_ns)
{
	const char *own = asker ? find(names, asker, address, until_ns, TOGETHER_NS) : NULL;

	return own ? own : find(names, place, address, until_ns, UINT64_MAX);
}
