// SPDX-License-Identifier: GPL-2.0-or-later
/* packets_match.c - which packets a verdict speaks of */

#include <string.h>

#include "sinks/packets/packets_table.h"
#include "util/address.h"

/* Two CPUs disagree about the time by less than this (measured: 0.63 ms at worst). */
#define CLOCKS_APART_NS 1000000ull
/* What is sent when all is over: the last ACK, the reset after the close. */
#define AFTERMATH_NS 250000000ull

bool packets_of(const struct event *event, struct packet_of *of)
{
	const struct packet *packet = &event->packet;
	bool quoted = packet->what == PACKET_ICMP && (packet->flags & PACKET_F_INNER);

	memset(of, 0, sizeof(*of));
	of->ts_ns = event->head.ts_ns;
	of->netns = event->head.netns;
	if (packet->what == PACKET_NONE || packet->what == PACKET_UNPARSED)
		return false;
	of->quoted = quoted;
	of->cookie = quoted ? 0 : event->head.cookie;
	of->tcp = quoted ? packet->flags & PACKET_F_INNER_SEQ : packet->what == PACKET_TCP;
	of->seq = quoted ? packet->inner.seq : packet->seq;
	of->ack = quoted ? 0 : packet->ack;
	memcpy(of->source, quoted ? packet->inner.source : packet->source, sizeof(of->source));
	memcpy(of->destination, quoted ? packet->inner.destination : packet->destination,
	       sizeof(of->destination));
	of->source_port = quoted ? packet->inner.source_port : packet->source_port;
	of->destination_port = quoted ? packet->inner.destination_port : packet->destination_port;
	return true;
}

static __u64 hash_end(const __u8 *address, __u16 port)
{
	__u64 words[2], h = port + 1;

	memcpy(words, address, sizeof(words));
	h = (h ^ words[0]) * 0x9e3779b97f4a7c15ull;
	h = (h ^ (h >> 29) ^ words[1]) * 0xbf58476d1ce4e5b9ull;
	return h ^ (h >> 32);
}

/* The same for both directions. */
__u32 packets_bucket(const __u8 *a, __u16 a_port, const __u8 *b, __u16 b_port)
{
	return (__u32)(hash_end(a, a_port) + hash_end(b, b_port)) & (BUCKETS - 1);
}

static bool is_out(const struct packet_of *of, const struct event_tuple *tuple)
{
	return of->source_port == tuple->local_port && of->destination_port == tuple->remote_port &&
	       address_equal(of->source, tuple->local) &&
	       address_equal(of->destination, tuple->remote);
}

static bool is_in(const struct packet_of *of, const struct event_tuple *tuple)
{
	return of->source_port == tuple->remote_port && of->destination_port == tuple->local_port &&
	       address_equal(of->source, tuple->remote) &&
	       address_equal(of->destination, tuple->local);
}

bool packets_match(const struct packet_of *of, const struct chosen *chosen)
{
	bool out = is_out(of, &chosen->tuple);

	if (!out && !is_in(of, &chosen->tuple))
		return false;
	if (of->ts_ns + CLOCKS_APART_NS < chosen->from_ns || of->ts_ns > chosen->until_ns)
		return false;
	if (out && of->cookie && chosen->cookie && of->cookie != chosen->cookie)
		return false;
	if (of->netns == chosen->netns || (out && of->cookie && of->cookie == chosen->cookie))
		return true;
	/* in another namespace of this machine a tuple is not unique: records.md, "Join" */
	if (!of->tcp || !chosen->isn_known)
		return false;
	return out ? of->seq == chosen->isn || of->seq == chosen->isn + 1 :
		     of->ack == chosen->isn + 1;
}

struct chosen packets_chosen_opening(const struct attempt *attempt, const struct opening *opening)
{
	__u64 end_ns = attempt->due_ns > opening->ended_ns ? attempt->due_ns : opening->ended_ns;

	return (struct chosen){
		.tuple = opening->tuple,
		.cookie = opening->cookie,
		.netns = opening->netns,
		.isn = opening->isn,
		.isn_known = opening->isn_known,
		.from_ns = opening->started_ns,
		.until_ns = end_ns + AFTERMATH_NS,
	};
}

/* The clients of an overflow are many: the last one's packets stand for them. */
bool packets_chosen_overflow(const struct attempt *attempt, struct chosen *chosen)
{
	if (attempt->kind != ATTEMPT_OVERFLOW || !attempt->client_port)
		return false;
	*chosen = (struct chosen){
		.tuple = attempt->listener_tuple,
		.netns = attempt->netns,
		.from_ns = attempt->started_ns,
		.until_ns = attempt->due_ns + AFTERMATH_NS,
	};
	memcpy(chosen->tuple.remote, attempt->client, sizeof(chosen->tuple.remote));
	chosen->tuple.remote_port = attempt->client_port;
	return true;
}

void packets_say_verdict(char *buffer, size_t size, const struct verdict *verdict,
			 const struct finding *finding)
{
	struct text text = text_in(buffer, size);

	if (verdict->state != FINDING_FINAL)
		text_add(&text, "%s ", finding_state_name(verdict->state));
	text_add(&text, "%s %s (%s)", severity_name(verdict->severity), rule_id(verdict->rule),
		 confidence_name(verdict->confidence));
	if (!finding) {
		text_add(&text, ": one of several alike");
		return;
	}
	text_add(&text, ": %s", finding->summary);
	if (finding->cause[0])
		text_add(&text, "; %s", finding->cause);
}
