// SPDX-License-Identifier: GPL-2.0-or-later
/* tls.c - the records and handshake messages of one side of a TLS connection */

#include <string.h>

#include "decode/tls.h"
#include "util/seq.h"

/* RFC 5246 6.2.3: 2^14 bytes of content, and what encryption may add */
enum { BODY_MOST = (1 << 14) + 2048 };

static __u16 load_u16(const __u8 *at)
{
	return (__u16)(at[0] << 8 | at[1]);
}

static void count(__u16 *counter)
{
	if (*counter < 0xffff)
		(*counter)++;
}

/* Only application data may be empty (RFC 8446 5.1). */
bool tls_record_parse(const __u8 *bytes, size_t captured, struct tls_record *record)
{
	if (captured < TLS_HEADER_BYTES)
		return false;
	record->type = bytes[0];
	record->version = load_u16(bytes + 1);
	record->bytes = load_u16(bytes + 3);
	if (record->type < TLS_TYPE_FIRST || record->type >= TLS_TYPE_FIRST + TLS_TYPE_COUNT)
		return false;
	if (record->version < 0x0300 || record->version > TLS_1_3 || record->bytes > BODY_MOST)
		return false;
	return record->bytes || record->type == TLS_DATA;
}

bool tls_begins_in_clear(const __u8 *bytes, size_t captured, size_t wire)
{
	struct tls_record record;

	if (!tls_record_parse(bytes, captured, &record))
		return false;
	if (record.type == TLS_ALERT)
		return record.bytes == 2;
	if (record.type != TLS_HANDSHAKE)
		return false;
	if (wire == TLS_HEADER_BYTES) /* some send a record's header by itself */
		return true;
	return captured > TLS_HEADER_BYTES && (bytes[TLS_HEADER_BYTES] == TLS_CLIENT_HELLO ||
					       bytes[TLS_HEADER_BYTES] == TLS_SERVER_HELLO);
}

/* RFC 8446 4.1.2: a message of less than 64 KiB, then a version. */
bool tls_begins_client_hello(const __u8 *bytes, size_t captured)
{
	enum { VERSION_AT = TLS_HEADER_BYTES + TLS_MESSAGE_HEADER_BYTES };
	const __u8 *message = bytes + TLS_HEADER_BYTES;
	struct tls_record record;

	return captured > VERSION_AT && bytes[0] == TLS_HANDSHAKE &&
	       tls_record_parse(bytes, captured, &record) && message[0] == TLS_CLIENT_HELLO &&
	       !message[1] && bytes[VERSION_AT] == TLS_1_2 >> 8;
}

/*
 * Length of 2 bytes with the highest bit set, then of the client: type 1, a version (RFC 5246 E.2); of
 * the server: type 4, whether a session goes on, 0 or 1, and the kind of its certificate, of which 1 is
 * the only one; or its error: 3 bytes, type 0, a number up to 6 (draft-hickman-netscape-ssl-00).
 */
bool tls_is_ssl2_hello(const __u8 *bytes, size_t captured)
{
	if (captured < TLS_HEADER_BYTES || !(bytes[0] & 0x80))
		return false;
	switch (bytes[2]) {
	case 1:
		return (bytes[3] == 3 && bytes[4] <= 3) || (bytes[3] == 0 && bytes[4] == 2);
	case 4:
		return bytes[3] <= 1 && bytes[4] <= 1;
	case 0:
		return bytes[0] == 0x80 && bytes[1] == 3 && !bytes[3] && bytes[4] >= 1 &&
		       bytes[4] <= 6;
	default:
		return false;
	}
}

/* ---- handshake messages ---- */

static bool is_message(unsigned int type)
{
	/* RFC 8446 4, and IANA's registry of TLS HandshakeType */
	static const __u32 known = 1U << 0 | 1U << 1 | 1U << 2 | 1U << 4 | 1U << 5 | 1U << 8 |
				   1U << 11 | 1U << 12 | 1U << 13 | 1U << 14 | 1U << 15 | 1U << 16 |
				   1U << 20 | 1U << 21 | 1U << 22 | 1U << 23 | 1U << 24 | 1U << 25;

	return type < 32 && known & 1U << type;
}

static bool is_hello(unsigned int type)
{
	return type == TLS_CLIENT_HELLO || type == TLS_SERVER_HELLO;
}

/*
 * The side's one hello: what is read into @hello. A second of them (after HelloRetryRequest) is the
 * same in what is read.
 */
static bool reads_hello(const struct tls_side *side, const struct tls_hello *hello)
{
	return hello && is_hello(side->message_header[0]) &&
	       hello->kind == side->message_header[0] && !(hello->flags & TLS_HELLO_WHOLE);
}

static void begin_message(struct tls_side *side, struct tls_hello *hello)
{
	const __u8 *header = side->message_header;
	__u32 bytes = (__u32)header[1] << 16 | load_u16(header + 2);

	if (!is_message(header[0])) {
		side->flags |= TLS_SIDE_MESSAGES_LOST;
		return;
	}
	if (hello && is_hello(header[0]) && !hello->kind)
		tls_hello_begin(hello, header[0], bytes);
	side->messages |= 1U << header[0];
	side->message_left = bytes;
	if (!bytes)
		side->message_have = 0;
}

static void take_message_body(struct tls_side *side, const __u8 *bytes, size_t captured,
			      size_t missing, struct tls_hello *hello)
{
	if (reads_hello(side, hello))
		tls_hello_take(hello, bytes, captured, missing);
	side->message_left -= captured + missing;
	if (!side->message_left)
		side->message_have = 0;
}

/* The body of handshake records, in clear: messages follow one another across records. */
static void take_messages(struct tls_side *side, const __u8 *bytes, size_t captured,
			  struct tls_hello *hello)
{
	while (captured && !(side->flags & TLS_SIDE_MESSAGES_LOST)) {
		size_t room = TLS_MESSAGE_HEADER_BYTES - side->message_have;
		size_t some;

		if (!room) {
			some = captured < side->message_left ? captured : side->message_left;
			take_message_body(side, bytes, some, 0, hello);
		} else {
			some = captured < room ? captured : room;
			memcpy(side->message_header + side->message_have, bytes, some);
			side->message_have += some;
			if (side->message_have == TLS_MESSAGE_HEADER_BYTES)
				begin_message(side, hello);
		}
		bytes += some;
		captured -= some;
	}
}

static void miss_messages(struct tls_side *side, size_t missing, struct tls_hello *hello)
{
	if (side->flags & TLS_SIDE_MESSAGES_LOST)
		return;
	if (side->message_have == TLS_MESSAGE_HEADER_BYTES) {
		size_t some = missing < side->message_left ? missing : side->message_left;

		take_message_body(side, NULL, 0, some, hello);
		missing -= some;
	}
	if (missing)
		side->flags |= TLS_SIDE_MESSAGES_LOST;
}

/* ---- alerts ---- */

/* An encrypted one is longer than 2 bytes in TLS 1.2, and of another type in TLS 1.3. */
static void take_alert(struct tls_side *side)
{
	const __u8 *alert = side->alert_bytes;

	if ((alert[0] != TLS_WARNING && alert[0] != TLS_FATAL) || !tls_alert_name(alert[1])) {
		side->flags |= TLS_SIDE_ALERT_HIDDEN;
		return;
	}
	if (side->alerts < 0xff)
		side->alerts++;
	if (side->alert_level && !tls_alert_is_closure(side->alert))
		return;
	side->alert_level = alert[0];
	side->alert = alert[1];
}

/* ---- records ---- */

static void begin_record(struct tls_side *side, const struct tls_record *record)
{
	side->last_type = record->type;
	side->last_bytes = record->bytes;
	side->body_left = record->bytes;
	side->header_have = 0;
	count(&side->records[record->type - TLS_TYPE_FIRST]);
	if (record->type == TLS_CHANGE_CIPHER)
		side->flags |= TLS_SIDE_CHANGED_CIPHER;
	else if (record->type == TLS_HANDSHAKE && side->flags & TLS_SIDE_CHANGED_CIPHER)
		side->flags |= TLS_SIDE_HANDSHAKE_AFTER;
	else if (record->type == TLS_ALERT && record->bytes != sizeof(side->alert_bytes))
		side->flags |= TLS_SIDE_ALERT_HIDDEN;
	if (record->type != TLS_DATA)
		return;
	if (side->data_count < TLS_SIZES_KEPT)
		side->data_bytes[side->data_count] = record->bytes;
	if (record->bytes > side->data_longest)
		side->data_longest = record->bytes;
	count(&side->data_count);
}

static void take_header(struct tls_side *side)
{
	struct tls_record record;
	bool first = !(side->flags & TLS_SIDE_BEGUN);
	bool plausible = tls_record_parse(side->header, TLS_HEADER_BYTES, &record);

	if (!first) {
		if (plausible)
			begin_record(side, &record);
		else
			side->flags |= TLS_SIDE_LOST;
		return;
	}
	/* nothing else can come first */
	if (plausible && (record.type == TLS_HANDSHAKE || record.type == TLS_ALERT)) {
		side->flags |= TLS_SIDE_BEGUN;
		begin_record(side, &record);
	} else if (tls_is_ssl2_hello(side->header, TLS_HEADER_BYTES)) {
		side->flags |= TLS_SIDE_BEGUN | TLS_SIDE_SSL2 | TLS_SIDE_LOST;
	} else {
		side->flags |= TLS_SIDE_NOT_TLS;
	}
}

static bool is_over(const struct tls_side *side)
{
	return side->flags & (TLS_SIDE_LOST | TLS_SIDE_NOT_TLS);
}

/* Are the handshake records of this side in clear? */
static bool is_clear(const struct tls_side *side)
{
	return !(side->flags & TLS_SIDE_CHANGED_CIPHER) &&
	       !side->records[TLS_DATA - TLS_TYPE_FIRST];
}

static void take_body(struct tls_side *side, const __u8 *bytes, size_t captured,
		      struct tls_hello *hello)
{
	if (side->last_type == TLS_HANDSHAKE && is_clear(side)) {
		take_messages(side, bytes, captured, hello);
	} else if (side->last_type == TLS_ALERT && side->last_bytes == sizeof(side->alert_bytes)) {
		memcpy(side->alert_bytes + (side->last_bytes - side->body_left), bytes, captured);
		if (side->body_left == captured)
			take_alert(side);
	}
	side->body_left -= captured;
}

static void take_captured(struct tls_side *side, const __u8 *bytes, size_t captured,
			  struct tls_hello *hello)
{
	while (captured && !is_over(side)) {
		size_t room, some;

		if (side->body_left) {
			some = captured < side->body_left ? captured : side->body_left;
			take_body(side, bytes, some, hello);
		} else {
			room = TLS_HEADER_BYTES - side->header_have;
			some = captured < room ? captured : room;
			memcpy(side->header + side->header_have, bytes, some);
			side->header_have += some;
			if (side->header_have == TLS_HEADER_BYTES)
				take_header(side);
		}
		bytes += some;
		captured -= some;
	}
}

static void take_missing(struct tls_side *side, size_t missing, struct tls_hello *hello)
{
	size_t some = missing < side->body_left ? missing : side->body_left;

	if (!missing || is_over(side))
		return;
	if (side->last_type == TLS_HANDSHAKE && is_clear(side)) {
		miss_messages(side, some, hello);
	} else if (side->last_type == TLS_ALERT && some) {
		memset(side->alert_bytes, 0, sizeof(side->alert_bytes)); /* no level: none */
		side->flags |= TLS_SIDE_ALERT_HIDDEN;
	}
	side->body_left -= some;
	if (missing > some)
		side->flags |= TLS_SIDE_LOST;
}

void tls_side_take(struct tls_side *side, __u32 offset, const __u8 *bytes, size_t captured,
		   size_t wire, struct tls_hello *hello)
{
	__s32 ahead = seq_distance(side->next, offset);
	size_t old = ahead < 0 ? -(__s64)ahead : 0;

	if (old >= wire)
		return;
	if (ahead > 0)
		take_missing(side, ahead, hello);
	if (old < captured)
		take_captured(side, bytes + old, captured - old, hello);
	else
		captured = old;
	take_missing(side, wire - captured, hello);
	side->next = offset + wire;
}

void tls_side_resume(struct tls_side *side, __u32 offset)
{
	__s32 ahead = seq_distance(side->next, offset);

	if (ahead < 0 || (!ahead && !(side->flags & TLS_SIDE_LOST)))
		return;
	side->next = offset;
	side->body_left = 0;
	side->header_have = 0;
	side->message_have = 0;
	side->message_left = 0;
	side->flags &= ~(TLS_SIDE_LOST | TLS_SIDE_NOT_TLS);
}

void tls_side_mark(struct tls_side *side)
{
	side->data_count = 0;
	side->data_longest = 0;
	memset(side->data_bytes, 0, sizeof(side->data_bytes));
}
