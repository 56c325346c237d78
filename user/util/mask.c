// SPDX-License-Identifier: GPL-2.0-or-later
/* mask.c - addresses and names replaced by a keyed hash */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "util/address.h"
#include "util/array.h"
#include "util/mask.h"
#include "util/mask_key.h"
#include "util/text.h"

#define CACHE_SLOTS 4096 /* an address costs 32 to 128 hashes: some µs */
#define LABEL_MAX 63

int mask_new(struct mask **out)
{
	struct mask *mask = calloc(1, sizeof(*mask));

	if (!mask)
		return -ENOMEM;
	mask->cache = calloc(CACHE_SLOTS, sizeof(*mask->cache));
	mask->names = calloc(MASK_NAMES_MAX, sizeof(*mask->names));
	if (!mask->cache || !mask->names || hash_new(&mask->by_name, MASK_NAMES_MAX)) {
		mask_free(mask);
		return -ENOMEM;
	}
	if (getrandom(mask->key, sizeof(mask->key), 0) != sizeof(mask->key)) {
		mask_free(mask);
		return -EIO;
	}
	*out = mask;
	return 0;
}

void mask_free(struct mask *mask)
{
	if (!mask)
		return;
	for (size_t i = 0; i < mask->name_count; i++)
		free(mask->names[i].name);
	hash_free(&mask->by_name);
	free(mask->cache);
	free(mask->names);
	explicit_bzero(mask->key, sizeof(mask->key));
	free(mask);
}

/* ---- SipHash-2-4 (Aumasson, Bernstein 2012) ---- */

static __u64 rotate(__u64 word, int bits)
{
	return word << bits | word >> (64 - bits);
}

static void sip_round(__u64 v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

__u64 mask_hash(const __u64 key[2], const void *bytes, size_t size)
{
	__u64 v[4] = { key[0] ^ 0x736f6d6570736575ull, key[1] ^ 0x646f72616e646f6dull,
		       key[0] ^ 0x6c7967656e657261ull, key[1] ^ 0x7465646279746573ull };
	const __u8 *at = bytes;
	__u64 word, last = (__u64)size << 56;

	for (; size >= 8; size -= 8, at += 8) {
		memcpy(&word, at, 8);
		v[3] ^= word;
		sip_round(v);
		sip_round(v);
		v[0] ^= word;
	}
	for (size_t i = 0; i < size; i++)
		last |= (__u64)at[i] << 8 * i;
	v[3] ^= last;
	sip_round(v);
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

__u64 mask_number(const struct mask *mask, __u64 number)
{
	const __u64 words[2] = { 0x6e756d626572ull, number };

	return mask_hash(mask->key, words, sizeof(words));
}

/* ---- addresses ---- */

#define ALL 128

/* How many leading bits stay, by what an address is for. IPv4 is counted in its mapped form. */
static const struct {
	__u8 prefix[4];
	__u8 bits;
	__u8 keep;
} ipv4_classes[] = {
	{ { 0 }, 8, ALL }, /* RFC 1122: this host */
	{ { 10 }, 8, 96 + 8 }, /* RFC 1918 */
	{ { 100, 64 }, 10, 96 + 10 }, /* RFC 6598: behind the provider's NAT */
	{ { 127 }, 8, ALL },
	{ { 169, 254 }, 16, 96 + 16 }, /* RFC 3927 */
	{ { 172, 16 }, 12, 96 + 12 },
	{ { 192, 168 }, 16, 96 + 16 },
	{ { 224 }, 3, ALL }, /* multicast, reserved, broadcast */
}, ipv6_classes[] = {
	{ { 0xfc }, 7, 8 }, /* RFC 4193 */
	{ { 0xfe, 0x80 }, 10, 64 },
	{ { 0xff }, 8, ALL },
};

static unsigned int bits_kept(const __u8 *address)
{
	if (address_is_ipv4(address)) {
		for (size_t i = 0; i < ARRAY_SIZE(ipv4_classes); i++)
			if (address_begins(address + 12, ipv4_classes[i].prefix,
					   ipv4_classes[i].bits))
				return ipv4_classes[i].keep;
		return 96;
	}
	if (address_is_any(address) || address_is_loopback(address))
		return ALL;
	for (size_t i = 0; i < ARRAY_SIZE(ipv6_classes); i++)
		if (address_begins(address, ipv6_classes[i].prefix, ipv6_classes[i].bits))
			return ipv6_classes[i].keep;
	return 3; /* RFC 4291 2.4: global unicast stays global unicast */
}

static void flip_bits(const struct mask *mask, unsigned int from, __u8 *address)
{
	struct {
		__u8 prefix[EVENT_ADDRESS_SIZE];
		__u64 length;
	} message;
	__u8 original[EVENT_ADDRESS_SIZE];

	memcpy(original, address, sizeof(original));
	memset(&message, 0, sizeof(message));
	for (unsigned int i = 0; i < 128; i++) {
		__u8 bit = 0x80 >> i % 8;

		message.length = i;
		if (i >= from && (mask_hash(mask->key, &message, sizeof(message)) & 1))
			address[i / 8] ^= bit;
		message.prefix[i / 8] |= original[i / 8] & bit;
	}
}

void mask_address(struct mask *mask, const __u8 *address, __u8 *masked)
{
	struct masked_address *slot;
	unsigned int keep = bits_kept(address);
	__u8 result[EVENT_ADDRESS_SIZE];

	if (keep == ALL) {
		memmove(masked, address, EVENT_ADDRESS_SIZE);
		return;
	}
	slot = &mask->cache[mask_hash(mask->key, address, EVENT_ADDRESS_SIZE) % CACHE_SLOTS];
	if (!slot->used || !address_equal(slot->address, address)) {
		memcpy(result, address, sizeof(result));
		/* what the flipping is, is one to one: walking on ends within the class it began in */
		do
			flip_bits(mask, keep, result);
		while (bits_kept(result) != keep);
		memcpy(slot->address, address, sizeof(slot->address));
		memcpy(slot->masked, result, sizeof(slot->masked));
		slot->used = true;
	}
	memcpy(masked, slot->masked, EVENT_ADDRESS_SIZE);
}

/* ---- names ---- */

static void mask_label(const struct mask *mask, const char *label, size_t size, char *masked)
{
	struct {
		char text[LABEL_MAX + 1];
		__u64 part;
	} message;
	__u64 hash = 0;

	memset(&message, 0, sizeof(message));
	for (size_t i = 0; i < size && i < LABEL_MAX; i++)
		message.text[i] = mask_lower(label[i]);
	for (size_t i = 0; i < size; i++) {
		if (i % 12 == 0) { /* 26^12 of 2^64: hardly a letter is likelier than another */
			message.part = i / 12 + 1;
			hash = mask_hash(mask->key, &message, sizeof(message));
		}
		masked[i] = (char)('a' + hash % 26);
		hash /= 26;
	}
}

void mask_name(const struct mask *mask, const char *name, size_t size, char *masked)
{
	size_t begin = 0;

	for (size_t i = 0; i <= size; i++) {
		if (i < size && name[i] != '.')
			continue;
		mask_label(mask, name + begin, i - begin, masked + begin);
		if (i < size)
			masked[i] = '.';
		begin = i + 1;
	}
}

bool mask_knows(const struct mask *mask, __u64 h, const char *lower, size_t size)
{
	const struct hash *table = &mask->by_name;

	h = hash_mix(h, size);
	for (__u32 i = hash_first(table, h); i != HASH_END; i = hash_next(table, i))
		if (mask->names[i].size == size && !memcmp(mask->names[i].name, lower, size))
			return true;
	return false;
}

bool mask_is_full(const struct mask *mask)
{
	return mask->full;
}

static void learn(struct mask *mask, const char *name, size_t size)
{
	char lower[MASK_NAME_SIZE], *kept;
	__u64 h = 0;

	/* a word so short is one of any text, too */
	if (size < 3 || size >= MASK_NAME_SIZE)
		return;
	for (size_t i = 0; i < size; i++) {
		lower[i] = mask_lower(name[i]);
		h = mask_name_hash(h, lower[i]);
	}
	if (mask->full || mask_knows(mask, h, lower, size))
		return;
	kept = mask->name_count < MASK_NAMES_MAX ? malloc(size) : NULL;
	if (!kept) {
		mask->full = true;
		return;
	}
	memcpy(kept, lower, size);
	for (size_t i = 0; i < size; i++)
		mask->in_names[(__u8)lower[i]] = true;
	mask->longest = size > mask->longest ? size : mask->longest;
	mask->names[mask->name_count] = (struct masked_name){ .name = kept, .size = size };
	hash_add(&mask->by_name, hash_mix(h, size), mask->name_count++);
}

/* RFC 4343 2.1: as names of DNS messages are decoded, a byte that is no letter of a name is \\DDD. */
static void put_presentation(struct text *text, const char *name, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)name[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
			     (c >= '0' && c <= '9') || c == '-' || c == '_';

		if (plain)
			text_put(text, name + i, 1);
		else
			text_add(text, "\\%03u", c);
	}
}

/* A backslash in front of each of @odd: as JSON has it, and as Markdown does. */
static void learn_escaped(struct mask *mask, const char *name, size_t size, const char *odd)
{
	char buffer[MASK_NAME_SIZE];
	struct text text = text_of(buffer);

	for (size_t i = 0; i < size; i++) {
		if (name[i] && strchr(odd, name[i]))
			text_put(&text, "\\", 1);
		text_put(&text, name + i, 1);
	}
	if (!text.cut && text.length != size)
		learn(mask, buffer, text.length);
}

static void learn_written(struct mask *mask, const char *name, size_t size)
{
	learn(mask, name, size);
	learn_escaped(mask, name, size, "\\\"");
	learn_escaped(mask, name, size, "\\`*_[]#~!|$^@{}");
}

void mask_learn_name(struct mask *mask, const char *name, size_t size)
{
	char escaped[MASK_NAME_SIZE], safe[MASK_NAME_SIZE];
	struct text text = text_of(escaped), prose = text_of(safe);

	while (size && name[size - 1] == '.')
		size--;
	if (size >= MASK_NAME_SIZE)
		return;
	learn_written(mask, name, size);
	text_add_foreign(&prose, name, size);
	if (prose.length != size)
		learn_written(mask, safe, prose.length);
	put_presentation(&text, name, size);
	if (text.length == size)
		return;
	learn_written(mask, escaped, text.length);
	prose = text_of(safe);
	text_add_foreign(&prose, escaped, text.length);
	learn_written(mask, safe, prose.length);
}

/* ---- names of files and units ---- */

/* Directories that every machine has, and what systemd and containers make groups of. */
static const char *const common_parts[] = {
	"bin",	   "boot",    "dev",	"etc",	   "home",	 "lib",	      "lib64",
	"libexec", "local",   "mnt",	"opt",	   "proc",	 "root",      "run",
	"sbin",	   "share",   "snap",	"srv",	   "sys",	 "tmp",	      "usr",
	"var",	   "app",     "system", "user",	   "init",	 "machine",   "kubepods",
	"docker",  "session", "libpod", "kubelet", "containerd", "burstable", "besteffort",
};

static bool is_common(const char *part, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(common_parts); i++)
		if (strlen(common_parts[i]) == size && !memcmp(common_parts[i], part, size))
			return true;
	return false;
}

/*
 * The next folder of a path that not every machine has: @size letters from @at on, which is 0 at first and
 * then the end of the one before. What has no slash behind it stays.
 */
static bool next_folder(const char *path, size_t end, size_t *at, size_t *size)
{
	for (size_t i = *at; i < end; i++) {
		if (path[i] != '/')
			continue;
		*size = i - *at;
		if (*size && !is_common(path + *at, *size))
			return true;
		*at = i + 1;
	}
	return false;
}

void mask_learn_path(struct mask *mask, const char *path, size_t size)
{
	size_t end = strnlen(path, size), length;

	for (size_t at = 0; next_folder(path, end, &at, &length); at += length)
		mask_learn_name(mask, path + at, length);
}

void mask_path(const struct mask *mask, char *path, size_t size)
{
	size_t end = strnlen(path, size), length;

	for (size_t at = 0; next_folder(path, end, &at, &length); at += length)
		mask_label(mask, path + at, length, path + at);
}

void mask_unit(const struct mask *mask, char *path, size_t size)
{
	size_t end = strnlen(path, size);

	for (size_t begin = 0, i = 0; i <= end; i++) {
		const char *dot;
		size_t length = i - begin;

		if (i < end && path[i] != '/')
			continue;
		dot = memrchr(path + begin, '.', length);
		if (dot) /* ".service" */
			length = dot - (path + begin);
		if (!is_common(path + begin, length))
			mask_label(mask, path + begin, length, path + begin);
		begin = i + 1;
	}
}
