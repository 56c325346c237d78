// SPDX-License-Identifier: GPL-2.0-or-later
/* fragment.c - datagrams put together from fragments (RFC 791 3.2, RFC 8200 4.5) */

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "decode/fragment.h"
#include "util/time.h"

#define DATAGRAM_MAX 65535
#define UNIT 8 /* fragments begin at multiples of it */
#define HEADER_ROOM 320 /* of the packet: before the fragment header in IPv6 */
#define EXTENSIONS_MAX 8
#define WAIT_NS (30 * NS_PER_S) /* ip_frag_time of Linux: after that the receiver gives up */
#define AGAIN_NS NS_PER_S /* copies of a fragment come at once; identifiers return later */

#define UNITS ((DATAGRAM_MAX + 1) / UNIT)
#define KEPT_UNITS (FRAGMENT_KEPT / UNIT)

struct key {
	__u8 source[16];
	__u8 destination[16];
	__u32 id;
	__u8 protocol; /* IPv4 only: IPv6 numbers all protocols together */
	__u8 version;
	__u8 pad[2];
};

/* One fragment, as its headers tell. */
struct piece {
	struct key key;
	const __u8 *header;
	size_t header_bytes; /* what comes before the payload, without an IPv6 fragment header */
	size_t next_at; /* IPv6: where in the header the protocol of the payload stands */
	__u8 next;
	const __u8 *payload;
	size_t captured; /* of the payload */
	size_t bytes; /* the payload's own length */
	size_t offset;
	bool more;
};

struct datagram {
	struct key key;
	bool used;
	bool whole; /* and given */
	bool first; /* the header is there */
	__u16 header_bytes;
	__u32 total; /* of the payload, 0 unknown */
	__u32 units; /* that have come */
	__u64 ts_ns; /* of the fragment that came first; of a whole one: last */
	__u64 come[UNITS / 64];
	__u64 kept[KEPT_UNITS / 64]; /* whose bytes are there */
	__u8 bytes[HEADER_ROOM + FRAGMENT_KEPT]; /* the header ends where the payload begins */
};

struct fragments {
	__u64 partial; /* datagrams that are not whole, now or when their place was taken */
	struct datagram datagrams[FRAGMENTS_MAX];
};

int fragments_new(struct fragments **out)
{
	*out = calloc(1, sizeof(**out)); /* pages that are never touched cost nothing */
	return *out ? 0 : -ENOMEM;
}

void fragments_free(struct fragments *fragments)
{
	free(fragments);
}

__u64 fragments_abandoned(const struct fragments *fragments)
{
	return fragments->partial;
}

static __u16 be16(const __u8 *at)
{
	return (__u16)(at[0] << 8 | at[1]);
}

static bool bit_is_set(const __u64 *bits, size_t index)
{
	return bits[index / 64] >> (index % 64) & 1;
}

static void bit_set(__u64 *bits, size_t index)
{
	bits[index / 64] |= 1ull << (index % 64);
}

/* ---- what a fragment says ---- */

static enum fragment_result read_ipv4(const struct link *link, struct piece *piece)
{
	const __u8 *at = link->at;
	size_t header = (size_t)(at[0] & 0x0f) * 4, total = be16(at + 2);
	__u16 field = be16(at + 6);

	piece->more = field & 0x2000;
	piece->offset = (size_t)(field & 0x1fff) * UNIT;
	if (!piece->more && !piece->offset)
		return FRAGMENT_NONE;
	if (header < 20 || total <= header || link->captured < header)
		return FRAGMENT_BAD;
	piece->key.version = 4;
	piece->key.protocol = at[9];
	piece->key.id = be16(at + 4);
	memcpy(piece->key.source, at + 12, 4);
	memcpy(piece->key.destination, at + 16, 4);
	piece->header = at;
	piece->header_bytes = header;
	piece->payload = at + header;
	piece->captured = link->captured - header;
	piece->bytes = total - header;
	return FRAGMENT_HELD;
}

/* Where the fragment header stands; 0 there is none. */
static size_t find_fragment_header(const struct link *link, size_t *next_at)
{
	size_t at = 40;

	*next_at = 6;
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		switch (link->at[*next_at]) {
		case IPPROTO_FRAGMENT:
			return at + 8 <= link->captured ? at : 0;
		case IPPROTO_HOPOPTS:
		case IPPROTO_DSTOPTS:
		case IPPROTO_ROUTING:
			break;
		default:
			return 0;
		}
		if (at + 8 > link->captured)
			return 0;
		*next_at = at;
		at += ((size_t)link->at[at + 1] + 1) * 8;
	}
	return 0;
}

static enum fragment_result read_ipv6(const struct link *link, struct piece *piece)
{
	const __u8 *at = link->at;
	size_t fragment = find_fragment_header(link, &piece->next_at);
	size_t payload = be16(at + 4);

	if (!fragment)
		return FRAGMENT_NONE;
	piece->more = at[fragment + 3] & 1;
	piece->offset = be16(at + fragment + 2) & 0xfff8;
	if (!piece->more && !piece->offset)
		return FRAGMENT_NONE; /* an atomic one (RFC 6946) */
	if (payload + 40 <= fragment + 8 || fragment > HEADER_ROOM)
		return FRAGMENT_BAD;
	piece->key.version = 6;
	memcpy(&piece->key.id, at + fragment + 4, sizeof(piece->key.id));
	memcpy(piece->key.source, at + 8, 16);
	memcpy(piece->key.destination, at + 24, 16);
	piece->header = at;
	piece->header_bytes = fragment;
	piece->next = at[fragment];
	piece->payload = at + fragment + 8;
	piece->captured = link->captured - fragment - 8;
	piece->bytes = payload + 40 - fragment - 8;
	return FRAGMENT_HELD;
}

static enum fragment_result read_piece(const struct link *link, struct piece *piece)
{
	enum fragment_result result;

	/* nearly every one: nothing below is to be cleared for it */
	if (link->at[0] >> 4 == 4 ? !(be16(link->at + 6) & 0x3fff) : link->at[6] == IPPROTO_UDP)
		return FRAGMENT_NONE;
	memset(piece, 0, sizeof(*piece));
	result = link->at[0] >> 4 == 6 ? read_ipv6(link, piece) : read_ipv4(link, piece);
	if (result != FRAGMENT_HELD)
		return result;
	if (piece->captured > piece->bytes)
		piece->captured = piece->bytes; /* padding of the link */
	if (piece->offset + piece->bytes + piece->header_bytes > DATAGRAM_MAX)
		return FRAGMENT_BAD;
	/* only the last may end elsewhere than at a multiple of 8 */
	return piece->more && piece->bytes % UNIT ? FRAGMENT_BAD : FRAGMENT_HELD;
}

/* ---- datagrams ---- */

static void begin(struct fragments *fragments, struct datagram *datagram, const struct key *key,
		  __u64 now_ns)
{
	fragments->partial++;
	memset(datagram, 0, offsetof(struct datagram, bytes));
	datagram->used = true;
	datagram->key = *key;
	datagram->ts_ns = now_ns;
}

static bool has_aged(const struct datagram *datagram, __u64 now_ns)
{
	return now_ns > datagram->ts_ns &&
	       now_ns - datagram->ts_ns > (datagram->whole ? AGAIN_NS : WAIT_NS);
}

/* The datagram that the fragment belongs to; a new one takes a free place or that of the oldest. */
static struct datagram *find(struct fragments *fragments, const struct piece *piece, __u64 now_ns)
{
	struct datagram *oldest = &fragments->datagrams[0];

	for (size_t i = 0; i < FRAGMENTS_MAX; i++) {
		struct datagram *datagram = &fragments->datagrams[i];

		if (datagram->used && !memcmp(&datagram->key, &piece->key, sizeof(piece->key))) {
			if (has_aged(datagram, now_ns) || (datagram->whole && !piece->offset))
				begin(fragments, datagram, &piece->key, now_ns);
			return datagram;
		}
		if (!datagram->used ? oldest->used :
				      oldest->used && datagram->ts_ns < oldest->ts_ns)
			oldest = datagram;
	}
	begin(fragments, oldest, &piece->key, now_ns);
	return oldest;
}

static void keep_header(struct datagram *datagram, const struct piece *piece)
{
	__u8 *header = datagram->bytes + HEADER_ROOM - piece->header_bytes;

	datagram->first = true;
	datagram->header_bytes = (__u16)piece->header_bytes;
	memcpy(header, piece->header, piece->header_bytes);
	if (piece->key.version == 6)
		header[piece->next_at] = piece->next;
	else
		memset(header + 6, 0, 2);
}

/* Notes what has come; the bytes that came first stay, as in most receivers. */
static void keep_payload(struct datagram *datagram, const struct piece *piece)
{
	for (size_t at = 0; at < piece->bytes; at += UNIT) {
		size_t unit = (piece->offset + at) / UNIT;
		size_t length = piece->bytes - at < UNIT ? piece->bytes - at : UNIT;

		if (!bit_is_set(datagram->come, unit)) {
			bit_set(datagram->come, unit);
			datagram->units++;
		}
		if (unit >= KEPT_UNITS || at + length > piece->captured ||
		    bit_is_set(datagram->kept, unit))
			continue;
		bit_set(datagram->kept, unit);
		memcpy(datagram->bytes + HEADER_ROOM + unit * UNIT, piece->payload + at, length);
	}
}

/* Bytes of the payload from its beginning on that are there. */
static size_t kept_bytes(const struct datagram *datagram)
{
	size_t unit = 0;

	while (unit < KEPT_UNITS && bit_is_set(datagram->kept, unit))
		unit++;
	return unit * UNIT < datagram->total ? unit * UNIT : datagram->total;
}

static void give(struct datagram *datagram, struct link *link, __u64 now_ns)
{
	__u8 *header = datagram->bytes + HEADER_ROOM - datagram->header_bytes;
	size_t length = datagram->header_bytes + datagram->total;
	size_t field = datagram->key.version == 6 ? length - 40 : length;
	__u8 *at = header + (datagram->key.version == 6 ? 4 : 2);

	at[0] = (__u8)(field >> 8);
	at[1] = (__u8)field;
	datagram->whole = true;
	datagram->ts_ns = now_ns;
	link->at = header;
	link->captured = datagram->header_bytes + kept_bytes(datagram);
	link->wire = length;
}

enum fragment_result fragment_take(struct fragments *fragments, struct link *link, __u64 now_ns)
{
	struct datagram *datagram;
	struct piece piece;
	enum fragment_result result;

	if (!fragments)
		return FRAGMENT_NONE;
	result = read_piece(link, &piece);
	if (result != FRAGMENT_HELD)
		return result;
	datagram = find(fragments, &piece, now_ns);
	if (datagram->whole)
		return FRAGMENT_HELD;
	if (!piece.offset && !datagram->first)
		keep_header(datagram, &piece);
	if (!piece.more && !datagram->total)
		datagram->total = (__u32)(piece.offset + piece.bytes);
	keep_payload(datagram, &piece);
	if (!datagram->first || !datagram->total ||
	    datagram->units < (datagram->total + UNIT - 1) / UNIT ||
	    datagram->header_bytes + datagram->total > DATAGRAM_MAX)
		return FRAGMENT_HELD;
	give(datagram, link, now_ns);
	fragments->partial--;
	return FRAGMENT_WHOLE;
}
