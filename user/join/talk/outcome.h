/* SPDX-License-Identifier: GPL-2.0-or-later */
/* outcome.h - what became of an established connection: the facts that rules judge */
#pragma once

#include <stdbool.h>

#include "decode/decode.h"
#include "join/segment/figures.h"
#include "join/talk/handshake.h"

/*
 * Theory of operation
 *
 * An outcome is made when a connection is to be judged, out of whatever is known of it: what it was
 * counted by (figures.h: packets or a socket of this host) and, where every packet came, what was
 * said (talk.h) and the TLS handshake. Every fact has a bit, or shares it with those that come
 * from the same source. A rule names the bits that it needs and is not asked without them; so it
 * never asks where a fact comes from. What is not known is zero.
 *
 * Sides have the indexes that they have in the figures.
 */

struct standing;

enum outcome_known {
	OUTCOME_ENDED = 1 << 0, /* .closed_first, .reset_by */
	OUTCOME_ESTABLISHED = 1 << 1, /* .established_ns */
	OUTCOME_ANSWER = 1 << 2, /* .answer_ns, .answer_owed */
	OUTCOME_TLS = 1 << 3, /* .tls: a handshake that did not come to its end */
	/* of a side, and with it in the outcome's: */
	OUTCOME_RESETS = 1 << 4, /* .reset_ns */
	OUTCOME_SPOKE = 1 << 5, /* .spoke */
	OUTCOME_ACKED = 1 << 6, /* .acked_bytes */
	OUTCOME_UNACKED = 1 << 7, /* .unacked_bytes */
	OUTCOME_STUCK = 1 << 8, /* .stuck */
	OUTCOME_PROBES = 1 << 9, /* .probes */
	/* what needs every packet of both sides: */
	OUTCOME_SEGMENTS = 1 << 10, /* .closed_window_ns; .figures' .flagged and its like */
	OUTCOME_WORDS = 1 << 11, /* who spoke when: .words to .wait, .first_*, .data_*, FINs */
	OUTCOME_ORDER = 1 << 12, /* what a host had heard when it spoke, closed or reset */
	OUTCOME_REPEATS = 1 << 13, /* .stuck_*, .again_ns, .probes_ns */
	OUTCOME_HOPS = 1 << 14, /* .hops* */
	/* what the socket itself tells, of this host: side [0] is it */
	OUTCOME_SOCKET = 1 << 15, /* .standing, .mirrored; .figures' .error */
};

/* What one side sends without a word from the other and without a pause. */
struct outcome_word {
	__u64 first_ns;
	__u64 last_ns;
	__u64 idle_ns; /* since the last word of either side before it; 0: it is the first */
	__u32 bytes;
	__u8 side;
	bool tls; /* begins with a record of TLS: a goodbye of those is an alert */
	bool owed; /* what begins so is owed an answer: a request of a known protocol */
	bool leave; /* takes leave in the words of its protocol (first_is_goodbye()) */
};

/*
 * Who has the last word and gets no answer. A goodbye (a close_notify or a GOAWAY right before the
 * FIN) is not a last word: the one before it is.
 */
struct outcome_wait {
	__u64 since_ns; /* its last byte */
	__u64 until_ns; /* its FIN or RST, the other side's, or the end */
	__u32 bytes;
	__u8 side; /* who waits */
	bool owed;
	bool acked; /* the other host has acknowledged all of it */
};

struct outcome_side {
	__u32 known; /* OUTCOME_* */
	bool spoke; /* sent a byte of payload, seen or not */
	__u32 acked_bytes; /* of payload, that the other side has acknowledged */
	__u32 unacked_bytes; /* .. and that it has not */
	__u32 unseen_bytes; /* its FIN or reset proves them, nobody captured them: OUTCOME_WORDS */
	__u64 closed_window_ns; /* how long its window was 0, in all, to the end */

	struct first first_word; /* what its first bytes are; behind an interim answer, the next */
	bool interim; /* there was one: HTTP 1xx, PostgreSQL's no to TLS */
	__u64 first_ns; /* the first packet with payload; 0: none */
	__u32 first_bytes;
	__u32 data_bytes; /* the last packet with payload that was not sent before */
	__u64 data_ns;
	__u64 fin_ns;
	__u64 reset_ns; /* the first that ends the connection */
	__u64 closed_ns; /* the first of the two; 0: neither */
	/*
	 * Its last word is a goodbye: short, and its FIN or RST follows at once, or it is an alert of
	 * TLS or says so (first_is_goodbye()), and the other side has closed or resets before it can close.
	 */
	bool goodbye;

	bool spoke_after_fin; /* after the other's FIN had arrived at its host */
	bool crossed_fin; /* its last word crossed the other's FIN: neither host had the other's packet */
	bool fin_unprovoked; /* its FIN is no answer to the other's: that came later, or was not heard of */
	bool reset_acks; /* its reset has an acknowledgment; else its host knows no such connection */
	bool reset_unheard; /* .. of nothing of the other's last packet with payload */
	bool reset_of_last; /* has none, and takes its number from that packet (RFC 9293 3.10.7.1) */

	__u32 stuck; /* the same was sent again so often, and no byte of it acknowledged to the end */
	__u32 stuck_bytes; /* of payload, the longest one */
	__u64 stuck_ns; /* the first repetition */
	__u64 again_ns; /* the last packet that was sent again */
	bool stuck_silent; /* nothing came from the other side since the first repetition */
	bool stuck_till_fin; /* .. until, behind the last one, its FIN, which does not acknowledge it */
	bool stuck_longest; /* it is as long as the longest one, and none of those ever arrived */
	bool stuck_asked_for; /* the other side asks for it again (RFC 5681 2): what came after it arrived */

	/*
	 * What never arrived at the other side, though something behind it did: it acknowledges up to there
	 * and has spoken since.
	 */
	__u32 hole_bytes;
	__u64 hole_ns; /* since when */

	__u64 stray_ns; /* its last segment far out of the window; 0: none */
	__u32 stray_bytes; /* so far behind what the other side had acknowledged */

	__u32 probes; /* keep-alives in a row without a packet of the other side, to the end */
	__u64 probes_ns; /* the first of them */

	__u8 hops; /* the hop limit of its SYN, or of its first payload; 0 unknown */
	__u8 hops_data; /* of its last payload */
	__u8 hops_reset;
};

struct outcome {
	__u32 known; /* OUTCOME_*: of either side or of the connection */
	bool unseen; /* a side acknowledged what was not seen; of a socket: records were lost */
	/*
	 * Who sent the first FIN, or the reset that ended it; FIGURES_NEITHER: nobody did. Where every
	 * packet came, a reset out of the window ends nothing (RFC 9293 3.5.3), though it is in the
	 * figures: they tell what was seen.
	 */
	__s8 closed_first;
	__s8 reset_by;
	__u64 established_ns; /* the handshake was answered */
	__u32 syn_acks_again; /* SYN/ACKs that came again behind the client's acknowledgment */
	__u64 ended_ns; /* the last packet, or the end of what was seen */

	__u32 words; /* so many in all */
	struct outcome_word last; /* word */
	struct outcome_word before; /* it */
	bool waits; /* .wait: somebody does; else the last word was answered, or nothing was said */
	struct outcome_wait wait;
	/* the longest time to an answer of the server whose host had acknowledged the question before */
	__u64 answer_ns;
	bool answer_owed;

	/* the server's answer ends before it is as long as it said (HTTP/1): OUTCOME_WORDS */
	bool cut_short;
	__u32 announced_bytes; /* of its body; 0: in chunks, the last of which did not come */
	__u32 body_bytes; /* that came */

	__u8 asked; /* enum upgrade_kind: what the client asked for last before TLS */
	/* what it asked for and did not get, and left: OUTCOME_WORDS */
	__u8 refused; /* enum upgrade_kind; UPGRADE_NONE: nothing */
	struct upgrade_refusal refusal;
	bool refusal_unseen; /* PostgreSQL: an answer of one byte came, and which is not known */

	const struct standing *standing; /* NULL: no socket of this host tells it */
	bool unheard; /* its process on this host closed, and no call of it had taken the error of the reset */
	bool mirrored; /* its other end is on this host, too, and tells what both met with */
	__u32 peer_read_bytes; /* .. its process had read so many when it closed; */
	__u32 peer_unread_bytes; /* .. and left so many; 0: none, or it is elsewhere */
	bool peer_unaccepted; /* .. or none ever had it, and it ended with its listener */
	const struct handshake *tls; /* NULL: none, or both sides were content. By the same indexes */
	struct figures figures;
	struct outcome_side side[2];
};

/* What was counted tells, whoever counted. The facts that need more are not known after it. */
void outcome_take_figures(struct outcome *outcome, const struct figures *figures);

/* And what was said, where every packet came. @tls: its handshake, NULL none. */
struct talk;
void outcome_take_talk(struct outcome *outcome, const struct talk *talk,
		       const struct handshake *tls);
