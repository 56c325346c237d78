/* SPDX-License-Identifier: GPL-2.0-or-later */
/* handshake.h - the TLS handshake of a connection: who got how far */
#pragma once

#include <stdbool.h>

#include "decode/decode.h"

/*
 * Theory of operation
 *
 * A connection whose first word, of either side, is TLS has a struct handshake out of a table
 * (handshakes.h) until both sides have proven that they are content: the client by its Finished, the
 * server by what it says after that. From then on nothing of TLS is in clear and a packet of the
 * connection costs no more than one of another protocol. What is still there when the connection is judged
 * did not come to its end. Where the table has no room left the oldest is forgotten, and nothing is
 * said of its TLS. Live that proof is not told: there the socket's figures stand for it.
 *
 * TLS 1.3 encrypts everything behind the ServerHello but alerts that a side sends before it has
 * keys. What remains to be seen are lengths and order (tls.h): a record that can hold a Finished,
 * one that is as long as an alert, and who closed first.
 *
 * What turns to TLS later (STARTTLS of mail, FTP, LDAP and XMPP, PostgreSQL's and MySQL's SSLRequest,
 * CONNECT through a proxy, a PROXY header in front) begins with words of another protocol. Which one does not
 * matter: the handshake begins where a segment of the client begins with a ClientHello, or with what may
 * stand right in front of one (upgrade_header_bytes()), and is judged as if nothing stood before; how much did, is kept.
 */

struct handshake {
	__u8 client; /* index of the side that sent the ClientHello, or should have */
	__u8 alert_from; /* index; valid with .alert_ns */
	bool finished; /* the client's Finished was seen */
	bool heard; /* live: what comes to the client is seen, too, and .before is known */
	__u32 before[2]; /* bytes that a side had sent before it turned to TLS */
	__u16 hello_segments; /* that the ClientHello came in */
	/* live: so much of the client's the server had when it sent the alert, the end counts as one; 0 unknown */
	__u32 alert_acks;
	__u64 hello_ns; /* the ClientHello's first byte */
	__u64 hello_end_ns; /* .. and its last segment */
	__u64 answer_ns; /* the ServerHello */
	__u64 finished_ns;
	__u64 reply_ns; /* the server's first record behind it */
	__u64 alert_ns; /* the first alert in clear that is an error */
	struct tls_side side[2]; /* by index of the stream's sides */
	struct tls_hello hello[2];
};

/*
 * The next payload of the side @from, in the order of its stream; @offset: of its first byte, from the
 * side's first.
 */
void handshake_take(struct handshake *handshake, const struct event *event, __u32 offset,
		    __u8 from);

/* Both sides have proven that the other's part is enough for them: it came to its end. */
bool handshake_is_content(const struct handshake *handshake);

/* From now on its client has that index. */
void handshake_turn(struct handshake *handshake, __u8 client);

/* Something else was said before it. */
static inline bool handshake_is_upgrade(const struct handshake *handshake)
{
	return handshake->before[0] || handshake->before[1];
}

/* The negotiated version, 0 while it is not known. */
__u16 handshake_version(const struct handshake *handshake);

/*
 * The server has sent its certificate, as far as that can be seen: in TLS 1.2 in clear, in TLS 1.3 an
 * encrypted record that is long enough; without one, a session goes on that was made before.
 */
bool handshake_has_certificate(const struct handshake *handshake);

/*
 * The client has sent something in front of its Finished in TLS 1.3, which is a certificate or the
 * statement that it has none: its Finished would come first, in a record of that length only.
 */
bool handshake_client_certificate(const struct handshake *handshake);
