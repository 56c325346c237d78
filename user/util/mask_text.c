// SPDX-License-Identifier: GPL-2.0-or-later
/* mask_text.c - finds addresses and learned names in text and replaces them */

#include <arpa/inet.h>
#include <string.h>

#include "util/address.h"
#include "util/mask.h"
#include "util/mask_key.h"

#define LINK_ADDRESS_SIZE 17 /* "02:42:ac:11:00:02" */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_word(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (c & 0x80);
}

/* Bits behind a slash, right after an address; -1: none. */
static int prefix_bits(const char *at, const char *end)
{
	int bits = 0;

	if (at + 1 >= end || at[0] != '/' || !is_digit(at[1]))
		return -1;
	for (at++; at < end && is_digit(*at) && bits <= 128; at++)
		bits = bits * 10 + (*at - '0');
	return bits <= 128 ? bits : -1;
}

/* A network stays one: the bits behind its prefix were zero and are so again. */
static void clear_host_bits(const __u8 *original, __u8 *masked, int bits)
{
	for (int i = bits; i < 128; i++)
		if (original[i / 8] & 0x80 >> i % 8)
			return;
	for (int i = bits; i < 128; i++)
		masked[i / 8] &= ~(0x80 >> i % 8);
}

static void put_address(struct mask *mask, struct text *text, const __u8 *address, int bits)
{
	__u8 masked[EVENT_ADDRESS_SIZE];

	mask_address(mask, address, masked);
	if (bits >= 0)
		clear_host_bits(address, masked, address_is_ipv4(address) ? bits + 96 : bits);
	address_print(text, masked);
}

/* Each of these returns how many bytes of @at it replaced, 0: there is no such thing here. */

static size_t replace_ipv4(struct mask *mask, const char *at, const char *end, struct text *text)
{
	const char *from = at;
	__u8 four[4], address[EVENT_ADDRESS_SIZE];

	for (int i = 0; i < 4; i++) {
		unsigned int number = 0;
		int digits = 0;

		if (i && (at == end || *at++ != '.'))
			return 0;
		for (; at < end && is_digit(*at) && digits < 4; at++, digits++)
			number = number * 10 + (unsigned int)(*at - '0');
		if (!digits || digits > 3 || number > 255)
			return 0;
		four[i] = (__u8)number;
	}
	if (at < end && (is_word(*at) || (*at == '.' && at + 1 < end && is_digit(at[1]))))
		return 0;
	address_from_ipv4(address, four);
	put_address(mask, text, address, prefix_bits(at, end));
	return at - from;
}

static size_t replace_ipv6(struct mask *mask, const char *at, const char *end, struct text *text)
{
	char copy[48];
	size_t size = 0, colons = 0;
	__u8 address[EVENT_ADDRESS_SIZE];

	while (at + size < end && size < sizeof(copy) - 1 &&
	       (is_hex(at[size]) || at[size] == ':' || at[size] == '.'))
		colons += at[size++] == ':';
	/* what ends a sentence, or introduces what follows */
	while (size &&
	       (at[size - 1] == '.' || (at[size - 1] == ':' && !(size > 1 && at[size - 2] == ':'))))
		colons -= at[--size] == ':';
	if (colons < 2 || (at + size < end && is_word(at[size])))
		return 0;
	memcpy(copy, at, size);
	copy[size] = 0;
	if (inet_pton(AF_INET6, copy, address) != 1)
		return 0;
	put_address(mask, text, address, prefix_bits(at + size, end));
	return size;
}

static size_t replace_link_address(struct mask *mask, const char *at, const char *end,
				   struct text *text)
{
	__u64 hash;

	if (end - at < LINK_ADDRESS_SIZE)
		return 0;
	for (int i = 0; i < LINK_ADDRESS_SIZE; i++)
		if (i % 3 == 2 ? at[i] != ':' : !is_hex(at[i]))
			return 0;
	if (at + LINK_ADDRESS_SIZE < end &&
	    (is_word(at[LINK_ADDRESS_SIZE]) || at[LINK_ADDRESS_SIZE] == ':'))
		return 0;
	hash = mask_hash(mask->key, at, LINK_ADDRESS_SIZE);
	/* locally administered, not of a group */
	text_add(text, "02:%02x:%02x:%02x:%02x:%02x", (__u8)hash, (__u8)(hash >> 8),
		 (__u8)(hash >> 16), (__u8)(hash >> 24), (__u8)(hash >> 32));
	return LINK_ADDRESS_SIZE;
}

static size_t replace_name(struct mask *mask, const char *at, const char *end, struct text *text)
{
	char lower[MASK_NAME_SIZE], masked[MASK_NAME_SIZE];
	size_t best = 0, most = end - at;
	__u64 h = 0;

	most = most < mask->longest ? most : mask->longest;
	for (size_t i = 0; i < most; i++) {
		lower[i] = mask_lower(at[i]);
		if (!mask->in_names[(__u8)lower[i]])
			break;
		h = mask_name_hash(h, lower[i]);
		if (at + i + 1 < end && is_word(at[i + 1]))
			continue;
		if (mask_knows(mask, h, lower, i + 1))
			best = i + 1;
	}
	if (!best)
		return 0;
	mask_name(mask, at, best, masked);
	text_put(text, masked, best);
	return best;
}

/* May an IPv6 address begin here: not in the middle of one, or of a time, but behind "via:"? */
static bool begins_colons(const char *in, const char *at)
{
	const char *run = at;

	while (run > in && (is_hex(run[-1]) || run[-1] == ':'))
		run--;
	return run == at || (run > in && is_word(run[-1]));
}

/* The sink's own word, whatever a name is called. */
static bool is_key(const char *in, const char *at, size_t size, const char *end)
{
	return at > in && at[-1] == '"' && end - at > (ptrdiff_t)size + 1 && at[size] == '"' &&
	       at[size + 1] == ':';
}

static size_t replace(struct mask *mask, const char *in, const char *at, const char *end,
		      struct text *text)
{
	size_t gone = 0;

	if ((is_hex(*at) || *at == ':') && begins_colons(in, at)) {
		gone = replace_link_address(mask, at, end, text);
		gone = gone ? gone : replace_ipv6(mask, at, end, text);
	}
	if (!gone && is_digit(*at))
		gone = replace_ipv4(mask, at, end, text);
	/* a name may begin with an asterisk, or with what stands for an odd byte */
	return gone || (unsigned char)*at <= ' ' ? gone : replace_name(mask, at, end, text);
}

size_t mask_text(struct mask *mask, const char *in, size_t size, bool json, char *out, size_t room)
{
	struct text text = text_in(out, room);
	const char *at = in, *end = in + size, *plain = in;

	while (at < end) {
		char before = at > in ? at[-1] : ' ', buffer[MASK_NAME_SIZE];
		struct text piece = text_of(buffer);
		size_t gone = 0;

		if (!is_word(before) && before != '.')
			gone = replace(mask, in, at, end, &piece);
		if (json && gone && is_key(in, at, gone, end))
			gone = 0;
		at += gone ? gone : 1;
		if (!gone)
			continue;
		text_add(&text, "%.*s%s", (int)(at - gone - plain), plain, buffer);
		plain = at;
	}
	text_add(&text, "%.*s", (int)(end - plain), plain);
	return text.length;
}
