// SPDX-License-Identifier: GPL-2.0-or-later
/* community.c - Community ID flow hashing (github.com/corelight/community-id-spec), version 1 */

#include <arpa/inet.h>
#include <string.h>

#include "sinks/community.h"
#include "util/address.h"

static __u32 rotate_left(__u32 value, int bits)
{
	return value << bits | value >> (32 - bits);
}

/* RFC 3174 6.1 */
static void sha1_block(__u32 hash[5], const __u8 *block)
{
	__u32 w[80], a = hash[0], b = hash[1], c = hash[2], d = hash[3], e = hash[4];

	for (int t = 0; t < 16; t++)
		w[t] = (__u32)block[t * 4] << 24 | (__u32)block[t * 4 + 1] << 16 |
		       (__u32)block[t * 4 + 2] << 8 | block[t * 4 + 3];
	for (int t = 16; t < 80; t++)
		w[t] = rotate_left(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
	for (int t = 0; t < 80; t++) {
		__u32 f = t < 20 ? (b & c) | (~b & d) :
			  t < 40 ? b ^ c ^ d :
			  t < 60 ? (b & c) | (b & d) | (c & d) :
				   b ^ c ^ d;
		__u32 k = t < 20 ? 0x5a827999 :
			  t < 40 ? 0x6ed9eba1 :
			  t < 60 ? 0x8f1bbcdc :
				   0xca62c1d6;
		__u32 next = rotate_left(a, 5) + f + e + w[t] + k;

		e = d;
		d = c;
		c = rotate_left(b, 30);
		b = a;
		a = next;
	}
	hash[0] += a;
	hash[1] += b;
	hash[2] += c;
	hash[3] += d;
	hash[4] += e;
}

void community_sha1(const __u8 *bytes, size_t size, __u8 digest[20])
{
	__u32 hash[5] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 };
	__u8 padded[128] = { 0 };
	size_t blocks = (size + 8) / 64 + 1;

	memcpy(padded, bytes, size);
	padded[size] = 0x80;
	padded[blocks * 64 - 2] = (__u8)(size * 8 >> 8);
	padded[blocks * 64 - 1] = (__u8)(size * 8);
	for (size_t i = 0; i < blocks; i++)
		sha1_block(hash, padded + i * 64);
	for (int i = 0; i < 5; i++) {
		digest[i * 4] = (__u8)(hash[i] >> 24);
		digest[i * 4 + 1] = (__u8)(hash[i] >> 16);
		digest[i * 4 + 2] = (__u8)(hash[i] >> 8);
		digest[i * 4 + 3] = (__u8)hash[i];
	}
}

/* RFC 4648 4 */
static void base64_print(struct text *text, const __u8 *bytes, size_t size)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < size; i += 3) {
		__u32 group = (__u32)bytes[i] << 16;

		group |= i + 1 < size ? (__u32)bytes[i + 1] << 8 : 0;
		group |= i + 2 < size ? bytes[i + 2] : 0;
		text_add(text, "%c%c%c%c", digits[group >> 18], digits[group >> 12 & 63],
			 i + 1 < size ? digits[group >> 6 & 63] : '=',
			 i + 2 < size ? digits[group & 63] : '=');
	}
}

void community_print(struct text *text, const struct event_tuple *tuple)
{
	bool v4 = address_is_ipv4(tuple->local) && address_is_ipv4(tuple->remote);
	size_t width = v4 ? 4 : 16, at = 2; /* two bytes of seed: 0 */
	int order = memcmp(tuple->local, tuple->remote, EVENT_ADDRESS_SIZE);
	bool local_first = order < 0 || (!order && tuple->local_port <= tuple->remote_port);
	const __u8 *low = local_first ? tuple->local : tuple->remote;
	const __u8 *high = local_first ? tuple->remote : tuple->local;
	__be16 low_port = htons(local_first ? tuple->local_port : tuple->remote_port);
	__be16 high_port = htons(local_first ? tuple->remote_port : tuple->local_port);
	__u8 flow[2 + 32 + 2 + 4] = { 0 }, digest[20];

	memcpy(flow + at, low + EVENT_ADDRESS_SIZE - width, width);
	at += width;
	memcpy(flow + at, high + EVENT_ADDRESS_SIZE - width, width);
	at += width;
	flow[at++] = (__u8)tuple->protocol;
	flow[at++] = 0;
	memcpy(flow + at, &low_port, sizeof(low_port));
	memcpy(flow + at + 2, &high_port, sizeof(high_port));
	at += 4;
	community_sha1(flow, at, digest);
	text_add(text, "1:");
	base64_print(text, digest, sizeof(digest));
}
