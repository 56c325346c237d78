/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tls.h - one direction of a TLS connection, as far as it is in clear: records, hellos, alerts */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "event.h"

/*
 * Theory of operation
 *
 * A side is fed with what it sent, in the order of the stream, in whatever pieces. It needs the five
 * bytes of every record header (RFC 8446 5.1, RFC 5246 6.2.1) and walks from one to the next by
 * their lengths, so that bodies may be cut by a snap length or absent. Where a header is not in the
 * capture, or is none, the side is lost and says so: it never searches for the next one.
 *
 * Handshake messages are read until the side changes its cipher or sends encrypted records. A hello
 * is read into a struct tls_hello piece by piece: what stands in it is kept, its length does not
 * matter, and a piece that is missing ends the reading only where something would have been read.
 *
 * The result depends on the bytes of the stream alone, never on how they were cut into segments.
 */

enum tls_type {
	TLS_CHANGE_CIPHER = 20,
	TLS_ALERT = 21,
	TLS_HANDSHAKE = 22,
	TLS_DATA = 23, /* in TLS 1.3 whatever is encrypted */
	TLS_HEARTBEAT = 24,
};

enum { TLS_TYPE_FIRST = TLS_CHANGE_CIPHER, TLS_TYPE_COUNT = 5 };

enum tls_message { /* RFC 8446 4, RFC 5246 7.4 */
		   TLS_CLIENT_HELLO = 1,
		   TLS_SERVER_HELLO = 2,
		   TLS_CERTIFICATE = 11,
		   TLS_CERTIFICATE_REQUEST = 13,
		   TLS_SERVER_HELLO_DONE = 14,
		   TLS_CERTIFICATE_VERIFY = 15,
		   TLS_CLIENT_KEY_EXCHANGE = 16,
		   TLS_FINISHED = 20,
};

enum { TLS_1_0 = 0x0301, TLS_1_2 = 0x0303, TLS_1_3 = 0x0304 };

enum { TLS_WARNING = 1, TLS_FATAL = 2 }; /* levels of alerts, RFC 8446 6 */

enum tls_alert {
	TLS_CLOSE_NOTIFY = 0,
	TLS_UNEXPECTED_MESSAGE = 10,
	TLS_HANDSHAKE_FAILURE = 40,
	TLS_BAD_CERTIFICATE = 42,
	TLS_UNSUPPORTED_CERTIFICATE = 43,
	TLS_CERTIFICATE_REVOKED = 44,
	TLS_CERTIFICATE_EXPIRED = 45,
	TLS_CERTIFICATE_UNKNOWN = 46,
	TLS_UNKNOWN_CA = 48,
	TLS_ACCESS_DENIED = 49,
	TLS_DECODE_ERROR = 50,
	TLS_PROTOCOL_VERSION = 70,
	TLS_INSUFFICIENT_SECURITY = 71,
	TLS_INTERNAL_ERROR = 80,
	TLS_USER_CANCELED = 90,
	TLS_UNRECOGNIZED_NAME = 112,
	TLS_CERTIFICATE_REQUIRED = 116,
	TLS_NO_APPLICATION_PROTOCOL = 120,
};

/*
 * The shortest record of TLS 1.3 that can carry a Finished: header and hash of 4 + 32 bytes, the
 * type, the tag of 16 (RFC 8446 4.4.4, 5.2). An alert has 2 + 1 + 16.
 */
enum { TLS_FINISHED_BYTES = 53, TLS_ALERT_BYTES = 19 };

enum { TLS_HEADER_BYTES = 5, TLS_MESSAGE_HEADER_BYTES = 4 };

struct tls_record {
	__u8 type; /* enum tls_type */
	__u16 version; /* of the record layer: 0x0301 to 0x0303 whatever is negotiated */
	__u16 bytes; /* of the body */
};

/* False: @bytes do not begin with a record header that TLS allows, or are too few. */
bool tls_record_parse(const __u8 *bytes, size_t captured, struct tls_record *record);

/*
 * Do @bytes begin with what a handshake says in clear: a hello, or an alert? The kernel side tells of
 * such segments alone (bpf/hello.h), whose payload has @wire bytes.
 */
bool tls_begins_in_clear(const __u8 *bytes, size_t captured, size_t wire);

/* Do @bytes begin with a ClientHello, as far as its first fields tell? Not every one in pieces does. */
bool tls_begins_client_hello(const __u8 *bytes, size_t captured);

/* A hello of SSL 2, of either side, or its error: it is told from others, not read. */
bool tls_is_ssl2_hello(const __u8 *bytes, size_t captured);

/* ---- hellos ---- */

enum tls_hello_flag {
	TLS_HELLO_WHOLE = 1 << 0, /* read to its end */
	TLS_HELLO_CUT = 1 << 1, /* something that would have been read is not in the capture */
	TLS_HELLO_BAD = 1 << 2, /* its lengths contradict each other */
	TLS_HELLO_NAME = 1 << 3, /* .name is set */
	TLS_HELLO_EARLY_DATA = 1 << 4,
	TLS_HELLO_RETRY = 1 << 5, /* server: asks for another ClientHello (RFC 8446 4.1.4) */
	TLS_HELLO_VERSIONS = 1 << 6, /* has a supported_versions extension */
	TLS_HELLO_MORE_PROTOCOLS = 1 << 7, /* than fit into .protocols */
};

enum { TLS_NAME_SIZE = 256, TLS_PROTOCOLS_SIZE = 48, TLS_FIELD_SIZE = 36 };

struct tls_hello {
	__u8 kind; /* TLS_CLIENT_HELLO or TLS_SERVER_HELLO, 0: none was begun */
	__u8 flags; /* enum tls_hello_flag */
	__u16 version_legacy; /* of the message; 0: not even that was captured */
	__u16 version_least; /* offered, or chosen by the server; 0 unknown */
	__u16 version_most;
	__u32 bytes; /* of the message with its header */
	char name[TLS_NAME_SIZE]; /* asked for (RFC 6066 3); as on the wire: foreign text */
	char protocols[TLS_PROTOCOLS_SIZE]; /* "h2, http/1.1" (RFC 7301), escaped; empty none */

	/* private: what comes next */
	__u8 step;
	__u16 want; /* bytes of it */
	__u16 have;
	__u16 skip; /* to pass over before */
	__u16 extension_left; /* behind what is wanted and skipped */
	__u32 message_left;
	__u8 field[TLS_FIELD_SIZE];
};

/* Begins to read a hello of @bytes behind its message header. */
void tls_hello_begin(struct tls_hello *hello, enum tls_message kind, __u32 bytes);

/* The next @captured bytes, and behind them @missing that were not captured. */
void tls_hello_take(struct tls_hello *hello, const __u8 *bytes, size_t captured, size_t missing);

/* ---- a side ---- */

enum tls_side_flag {
	TLS_SIDE_BEGUN = 1 << 0, /* its first bytes are a record */
	TLS_SIDE_NOT_TLS = 1 << 1, /* they are not */
	TLS_SIDE_SSL2 = 1 << 2, /* it began with a hello of SSL 2: lost, too */
	TLS_SIDE_LOST = 1 << 3, /* where the next record begins is not known */
	TLS_SIDE_MESSAGES_LOST = 1 << 4, /* the same for handshake messages; not for records */
	TLS_SIDE_CHANGED_CIPHER = 1 << 5,
	TLS_SIDE_HANDSHAKE_AFTER = 1
				   << 6, /* and sent a handshake record then: Finished in TLS 1.2 */
	TLS_SIDE_ALERT_HIDDEN = 1 << 7, /* an alert that is encrypted or was not captured */
};

enum { TLS_SIZES_KEPT = 4 };

struct tls_side {
	__u32 next; /* offset in the stream of the next byte */
	__u32 messages; /* BIT(enum tls_message) of those seen in clear */
	__u16 records[TLS_TYPE_COUNT]; /* begun, by type - TLS_TYPE_FIRST; they saturate */
	__u16 last_bytes; /* the last record's body */
	__u16 body_left; /* of it, still to come */
	__u16 data_count; /* records of type 23 since tls_side_mark(), or since the begin */
	__u16 data_longest;
	__u16 data_bytes[TLS_SIZES_KEPT]; /* the first of them */
	__u8 last_type;
	__u8 flags; /* enum tls_side_flag */
	__u8 alerts; /* in clear */
	__u8 alert_level; /* of the first that is an error, else of the last; 0 none */
	__u8 alert; /* enum tls_alert */
	__u8 alert_bytes[2]; /* level and enum tls_alert of the last one */

	/* private */
	__u8 header_have;
	__u8 header[TLS_HEADER_BYTES];
	__u8 message_have;
	__u8 message_header[TLS_MESSAGE_HEADER_BYTES];
	__u32 message_left;
};

_Static_assert(sizeof(struct tls_side) <= 96, "one of them per side of every connection");

/*
 * The next piece of what the side sent. Zeroed memory is a side that sent nothing yet.
 * @offset: of its first byte, from the first byte of the stream. What was taken before is passed
 * over; what was left out before it counts as not captured.
 * @wire: its length, at least @captured.
 * @hello: takes the side's first hello; NULL: none is read. The same at every call.
 */
void tls_side_take(struct tls_side *side, __u32 offset, const __u8 *bytes, size_t captured,
		   size_t wire, struct tls_hello *hello);

/* What comes next begins with a record, at @offset; what stands before it was not told. */
void tls_side_resume(struct tls_side *side, __u32 offset);

/* From here on .data_*: the other side said something that gives them another meaning. */
void tls_side_mark(struct tls_side *side);

static inline bool tls_side_sent(const struct tls_side *side, enum tls_message message)
{
	return side->messages & 1U << message;
}

/* ---- names ---- */

const char *tls_alert_name(unsigned int alert); /* "unknown_ca"; NULL unknown */
const char *tls_version_name(unsigned int version); /* "TLS 1.2"; NULL unknown */
/* Alerts that end a connection without an error: close_notify, user_canceled (RFC 8446 6.1). */
bool tls_alert_is_closure(unsigned int alert);
