// SPDX-License-Identifier: GPL-2.0-or-later
/* hash.c - mixing bytes into hash values; the life of a hash table */

#include "util/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

__u64 hash_bytes(__u64 h, const void *bytes, size_t size)
{
	const __u8 *b = bytes;
	__u64 word;

	for (; size >= sizeof(word); size -= sizeof(word), b += sizeof(word)) {
		memcpy(&word, b, sizeof(word));
		h = hash_mix(h, word);
	}
	word = 0;
	memcpy(&word, b, size);
	return size ? hash_mix(h, word) : h;
}

__u64 hash_stable(__u64 h, const void *bytes, size_t size)
{
	const __u8 *b = bytes;

	for (size_t i = 0; i < size; i++)
		h = hash_stable_byte(h, b[i]);
	return h;
}

/*
 * One and a half times as many buckets as items, or up to three times: by chance the longest chain of
 * 65,536 items in 131,072 buckets holds 8.
 */
int hash_new(struct hash *hash, size_t room)
{
	size_t buckets = 64;

	*hash = (struct hash){ 0 };
	while (buckets < room + room / 2)
		buckets *= 2;
	hash->mask = (__u32)(buckets - 1);
	hash->buckets = calloc(buckets, sizeof(*hash->buckets));
	hash->links = calloc(room, sizeof(*hash->links));
	if (hash->buckets && hash->links)
		return 0;
	hash_free(hash);
	return -ENOMEM;
}

void hash_free(struct hash *hash)
{
	free(hash->buckets);
	free(hash->links);
	*hash = (struct hash){ 0 };
}

__u32 hash_overlong(const struct hash *hash, __u64 value, unsigned int most)
{
	unsigned int length = 0;
	__u32 last = HASH_END;

	for (__u32 i = hash_first(hash, value); i != HASH_END; i = hash_next(hash, i), length++)
		last = i;
	return length > most ? last : HASH_END;
}
