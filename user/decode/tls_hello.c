// SPDX-License-Identifier: GPL-2.0-or-later
/* tls_hello.c - ClientHello and ServerHello, read piece by piece */

#include <string.h>

#include "decode/tls.h"
#include "util/text.h"

/*
 * Both begin alike (RFC 8446 4.1.2 and 4.1.3): version, random, session. Then come lists that are
 * passed over, and the extensions, of which few are read. A step wants some bytes, whole, before
 * anything is done; what is passed over before them needs not be captured.
 */
enum step {
	STEP_BEGIN,
	STEP_CIPHERS,
	STEP_COMPRESSIONS,
	STEP_CHOSEN, /* server: cipher and compression */
	STEP_EXTENSIONS,
	STEP_EXTENSION,
	STEP_NAME_HEAD,
	STEP_NAME,
	STEP_PROTOCOLS,
	STEP_PROTOCOL_LENGTH,
	STEP_PROTOCOL,
	STEP_VERSIONS,
	STEP_VERSION,
	STEP_END,
};

enum { BEGIN_BYTES = 2 + 32 + 1, RANDOM_AT = 2, RANDOM_BYTES = 32 };

enum extension {
	EXTENSION_SERVER_NAME = 0,
	EXTENSION_PROTOCOLS = 16,
	EXTENSION_EARLY_DATA = 42,
	EXTENSION_VERSIONS = 43,
};

/* RFC 8446 4.1.3: the SHA-256 of "HelloRetryRequest" */
static const __u8 retry_random[RANDOM_BYTES] = {
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
	0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
	0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

static __u16 load_u16(const __u8 *at)
{
	return (__u16)(at[0] << 8 | at[1]);
}

static bool is_over(const struct tls_hello *hello)
{
	return hello->flags & (TLS_HELLO_WHOLE | TLS_HELLO_CUT | TLS_HELLO_BAD);
}

/* ---- what comes next: in the message, in an extension ---- */

static void next(struct tls_hello *hello, enum step step, __u16 want)
{
	bool may_end = step == STEP_EXTENSIONS || step == STEP_EXTENSION;

	hello->have = 0;
	if (may_end && !hello->message_left) {
		hello->step = STEP_END;
		hello->want = 0;
		return;
	}
	if (want > hello->message_left) {
		hello->flags |= TLS_HELLO_BAD;
		return;
	}
	hello->message_left -= want;
	hello->step = step;
	hello->want = want;
}

/* Passes over @bytes first. */
static void next_behind(struct tls_hello *hello, __u16 bytes, enum step step, __u16 want)
{
	if (bytes > hello->message_left) {
		hello->flags |= TLS_HELLO_BAD;
		return;
	}
	hello->message_left -= bytes;
	hello->skip = bytes;
	next(hello, step, want);
}

/* The rest of an extension is of no use, or makes no sense. */
static void leave_extension(struct tls_hello *hello)
{
	hello->skip = hello->extension_left;
	hello->extension_left = 0;
	next(hello, STEP_EXTENSION, 4);
}

static void next_inside(struct tls_hello *hello, enum step step, __u16 want)
{
	if (!want || want > hello->extension_left) {
		leave_extension(hello);
		return;
	}
	hello->extension_left -= want;
	hello->step = step;
	hello->want = want;
	hello->have = 0;
}

/* ---- what a step has read ---- */

static void add_version(struct tls_hello *hello, __u16 version)
{
	if (version < 0x0300 || version > TLS_1_3)
		return; /* drafts, and values that mean nothing (RFC 8701) */
	if (!hello->version_least || version < hello->version_least)
		hello->version_least = version;
	if (version > hello->version_most)
		hello->version_most = version;
}

/* A ClientHello without the extension offers all up to its version (RFC 5246 E.1). */
static void take_legacy_version(struct tls_hello *hello)
{
	if (hello->flags & TLS_HELLO_VERSIONS)
		return;
	hello->version_most = hello->version_legacy;
	if (hello->kind == TLS_SERVER_HELLO)
		hello->version_least = hello->version_legacy;
}

static void take_begin(struct tls_hello *hello)
{
	const __u8 *field = hello->field;

	hello->version_legacy = load_u16(field);
	if (hello->version_legacy < TLS_1_2) /* else the extension may follow */
		take_legacy_version(hello);
	if (!memcmp(field + RANDOM_AT, retry_random, RANDOM_BYTES))
		hello->flags |= TLS_HELLO_RETRY;
	if (hello->kind == TLS_CLIENT_HELLO)
		next_behind(hello, field[BEGIN_BYTES - 1], STEP_CIPHERS, 2);
	else
		next_behind(hello, field[BEGIN_BYTES - 1], STEP_CHOSEN, 3);
}

static void take_extension(struct tls_hello *hello)
{
	__u16 type = load_u16(hello->field), bytes = load_u16(hello->field + 2);
	bool client = hello->kind == TLS_CLIENT_HELLO;

	if (bytes > hello->message_left) {
		hello->flags |= TLS_HELLO_BAD;
		return;
	}
	hello->message_left -= bytes;
	hello->extension_left = bytes;
	if (type == EXTENSION_SERVER_NAME && client && !(hello->flags & TLS_HELLO_NAME)) {
		next_inside(hello, STEP_NAME_HEAD, 5);
	} else if (type == EXTENSION_PROTOCOLS && !hello->protocols[0]) {
		next_inside(hello, STEP_PROTOCOLS, 2);
	} else if (type == EXTENSION_VERSIONS && !(hello->flags & TLS_HELLO_VERSIONS)) {
		/* the versions of the header mean nothing beside it (RFC 8446 4.2.1) */
		hello->flags |= TLS_HELLO_VERSIONS;
		hello->version_least = hello->version_most = 0;
		next_inside(hello, client ? STEP_VERSIONS : STEP_VERSION, client ? 1 : 2);
	} else {
		if (type == EXTENSION_EARLY_DATA)
			hello->flags |= TLS_HELLO_EARLY_DATA;
		leave_extension(hello);
	}
}

/* List, type of the name, length. Only host names exist (RFC 6066 3). */
static void take_name_head(struct tls_hello *hello)
{
	__u16 bytes = load_u16(hello->field + 3);

	if (hello->field[2] || bytes >= TLS_NAME_SIZE)
		leave_extension(hello);
	else
		next_inside(hello, STEP_NAME, bytes);
}

static void take_protocol(struct tls_hello *hello)
{
	const __u8 *field = hello->field;
	char piece[TLS_FIELD_SIZE * 4 + 1];
	struct text escaped = text_of(piece), text;
	size_t old = strlen(hello->protocols);

	text_add_foreign(&escaped, (const char *)field, hello->want);
	/* two equal halves that end in A: reserved to mean nothing (RFC 8701 3.1) */
	if (hello->want == 2 && field[0] == field[1] && (field[0] & 0x0f) == 0x0a)
		return;
	if (old + 2 + escaped.length >= TLS_PROTOCOLS_SIZE) {
		hello->flags |= TLS_HELLO_MORE_PROTOCOLS;
		return;
	}
	text = text_in(hello->protocols + old, TLS_PROTOCOLS_SIZE - old);
	text_add(&text, "%s%s", old ? ", " : "", piece);
}

static void take_in_extension(struct tls_hello *hello)
{
	__u8 length = hello->field[0];

	switch ((enum step)hello->step) {
	case STEP_NAME_HEAD:
		take_name_head(hello);
		break;
	case STEP_NAME:
		hello->name[hello->want] = '\0';
		hello->flags |= TLS_HELLO_NAME;
		leave_extension(hello);
		break;
	case STEP_PROTOCOL_LENGTH:
		if (length <= TLS_FIELD_SIZE) {
			next_inside(hello, STEP_PROTOCOL, length);
			break;
		}
		hello->flags |= TLS_HELLO_MORE_PROTOCOLS;
		leave_extension(hello);
		break;
	case STEP_PROTOCOL:
		take_protocol(hello);
		__attribute__((fallthrough));
	case STEP_PROTOCOLS:
		next_inside(hello, STEP_PROTOCOL_LENGTH, 1);
		break;
	case STEP_VERSION:
		add_version(hello, load_u16(hello->field));
		__attribute__((fallthrough));
	default: /* STEP_VERSIONS */
		next_inside(hello, STEP_VERSION, 2);
	}
}

static void take_step(struct tls_hello *hello)
{
	const __u8 *field = hello->field;

	switch ((enum step)hello->step) {
	case STEP_BEGIN:
		take_begin(hello);
		break;
	case STEP_CIPHERS:
		next_behind(hello, load_u16(field), STEP_COMPRESSIONS, 1);
		break;
	case STEP_COMPRESSIONS:
		next_behind(hello, field[0], STEP_EXTENSIONS, 2);
		break;
	case STEP_CHOSEN:
		next(hello, STEP_EXTENSIONS, 2);
		break;
	case STEP_EXTENSIONS:
		if (load_u16(field) != hello->message_left)
			hello->flags |= TLS_HELLO_BAD;
		else
			next(hello, STEP_EXTENSION, 4);
		break;
	case STEP_EXTENSION:
		take_extension(hello);
		break;
	default:
		take_in_extension(hello);
	}
}

/* ---- pieces ---- */

void tls_hello_begin(struct tls_hello *hello, enum tls_message kind, __u32 bytes)
{
	memset(hello, 0, sizeof(*hello));
	hello->kind = kind;
	hello->bytes = TLS_MESSAGE_HEADER_BYTES + bytes;
	hello->message_left = bytes;
	next(hello, STEP_BEGIN, BEGIN_BYTES);
}

/* Returns how many of @captured it used. */
static size_t take_some(struct tls_hello *hello, const __u8 *bytes, size_t captured)
{
	size_t room = hello->skip ? hello->skip : (size_t)hello->want - hello->have;
	size_t some = captured < room ? captured : room;
	__u8 *to = hello->step == STEP_NAME ? (__u8 *)hello->name : hello->field;

	if (hello->skip) {
		hello->skip -= some;
		return some;
	}
	memcpy(to + hello->have, bytes, some);
	hello->have += some;
	if (hello->have == hello->want)
		take_step(hello);
	return some;
}

static void end_hello(struct tls_hello *hello)
{
	hello->flags |= TLS_HELLO_WHOLE;
	take_legacy_version(hello);
}

void tls_hello_take(struct tls_hello *hello, const __u8 *bytes, size_t captured, size_t missing)
{
	while (captured && !is_over(hello)) {
		size_t used = take_some(hello, bytes, captured);

		bytes += used;
		captured -= used;
		if (hello->step == STEP_END && !hello->skip)
			end_hello(hello);
	}
	if (!missing || is_over(hello))
		return;
	if (missing > hello->skip)
		hello->flags |= TLS_HELLO_CUT;
	hello->skip -= missing < hello->skip ? missing : hello->skip;
	if (!is_over(hello) && hello->step == STEP_END && !hello->skip)
		end_hello(hello);
}
