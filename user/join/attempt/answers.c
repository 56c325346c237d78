// SPDX-License-Identifier: GPL-2.0-or-later
/* answers.c - answers that say an error, to a command that is followed */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "join/attempt/answers.h"
#include "join/attempt/attempt.h"
#include "join/conn/conn.h"

enum { ANSWERS_MAX = 8, LINE_MOST = 512 };

struct answers {
	struct kept_answer {
		struct answer answer;
		__u64 cookie; /* of the last that said it: one packet is seen at several interfaces */
		__u32 seq;
	} kept[ANSWERS_MAX];
	size_t count;
};

int answers_new(struct answers **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void answers_free(struct answers *answers)
{
	free(answers);
}

const struct answer *join_answer(const struct join *join, size_t index)
{
	return index < join->answers->count ? &join->answers->kept[index].answer : NULL;
}

static bool ends_line(const __u8 *bytes, size_t size)
{
	return size >= 2 && bytes[size - 1] == '\n';
}

/*
 * Is it an answer, and not a part of one that begins alike? A status line is, a line by itself, and what states its own
 * length. A BYE of IMAP takes leave.
 */
static bool says_error(const __u8 *bytes, size_t captured, __u32 payload, struct first *first)
{
	first_parse(bytes, captured, payload, true, first);
	if (!first->error)
		return false;
	switch (first->kind) {
	case FIRST_HTTP:
	case FIRST_MYSQL:
		return true;
	case FIRST_POSTGRESQL:
		return first->state[0];
	case FIRST_REPLY:
	case FIRST_SMTP:
	case FIRST_FTP:
		return captured == payload && ends_line(bytes, captured);
	case FIRST_ERR_LINE:
	case FIRST_REDIS: /* not captured to the end: what was asked may stand there */
		return payload <= LINE_MOST;
	}
	return false;
}

static bool is_same(const struct answer *a, const struct answer *b)
{
	return !memcmp(&a->first, &b->first, sizeof(a->first)) && a->port == b->port &&
	       !memcmp(a->address, b->address, sizeof(a->address)) &&
	       a->owner.tgid == b->owner.tgid && a->owner.start_ns == b->owner.start_ns;
}

/* The last ones are kept. */
static void keep(struct answers *answers, const struct answer *answer, __u64 cookie, __u32 seq)
{
	struct kept_answer *kept;

	for (size_t i = 0; i < answers->count; i++) {
		kept = &answers->kept[i];
		if (!is_same(&kept->answer, answer))
			continue;
		kept->answer.count += kept->cookie != cookie || kept->seq != seq;
		kept->cookie = cookie;
		kept->seq = seq;
		return;
	}
	if (answers->count == ANSWERS_MAX)
		memmove(answers->kept, answers->kept + 1,
			--answers->count * sizeof(answers->kept[0]));
	answers->kept[answers->count++] = (struct kept_answer){ *answer, cookie, seq };
}

void answers_packet(struct join *join, const struct event *event)
{
	const struct packet *packet = &event->packet;
	const __u8 *bytes = event->bytes + packet->payload_at;
	size_t captured = packet_payload_captured(event);
	struct ends ends = ends_of(packet->destination, packet->destination_port, packet->source,
				   packet->source_port);
	const struct event_owner *owner;
	const struct conn *conn;
	struct answer answer = { .port = packet->source_port, .count = 1 };

	if (packet->what != PACKET_TCP || !captured || (packet->flags & PACKET_F_FRAGMENT))
		return;
	conn = conns_sender(join->conns, &ends);
	if (!conn || !conn->cookie || !conn->opened ||
	    !says_error(bytes, captured, packet->payload_bytes, &answer.first))
		return;
	memcpy(answer.address, packet->source, sizeof(answer.address));
	owner = attempt_conn_owner(join, conn);
	if (owner)
		answer.owner = *owner;
	keep(join->answers, &answer, conn->cookie, packet->seq);
}
