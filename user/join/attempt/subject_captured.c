// SPDX-License-Identifier: GPL-2.0-or-later
/* subject_captured.c - what is judged at once: connections of a capture, claims of an address */

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "join/attempt/attempt.h"
#include "join/talk/talk_table.h"
#include "util/address.h"

bool subject_frame(const struct evidence *evidence, size_t count, size_t index,
		   struct packet_span *span)
{
	for (size_t i = 0; i < count; i++) {
		if (!evidence[i].frame || index--)
			continue;
		*span = (struct packet_span){
			.frame = evidence[i].frame,
			.from_ns = evidence[i].ts_ns,
			.until_ns = evidence[i].ts_ns,
		};
		return true;
	}
	return false;
}

/* ---- an established connection ---- */

void attempt_talk(struct join *join, const struct talk *talk)
{
	const struct stream *stream = talk->stream;
	struct attempt_slot *slot =
		attempt_take_nobodys(join, &subject_connection,
				     hash_bytes(stream->ends->port[0], stream->ends->address[0],
						sizeof(stream->ends->address[0])),
				     hash_bytes(stream->ends->port[1], stream->ends->address[1],
						sizeof(stream->ends->address[1])),
				     stream->first_ns);

	if (!slot) {
		talks_give_back(join->talks, talk);
		return;
	}
	slot->attempt.talk = talk;
	slot->attempt.ended_ns = talk->ended_ns;
	attempt_judge(join, slot, talk->ended_ns);
}

static void captured_about(const struct attempt *attempt, struct subject_about *about)
{
	talk_tuple(attempt->talk, &about->tuple);
	about->sources = SOURCE_CAPTURE;
	about->lasted = true;
}

static void captured_key(const struct attempt *attempt, const struct opening *opening,
			 __u8 severity, struct subject_key *key)
{
	struct event_tuple tuple;

	(void)opening;
	talk_tuple(attempt->talk, &tuple);
	subject_key_add(key, tuple.local, sizeof(tuple.local));
	subject_key_add(key, tuple.remote, sizeof(tuple.remote));
	subject_key_add(key, &tuple.remote_port, sizeof(tuple.remote_port));
	subject_key_add(key, &severity, sizeof(severity));
}

static size_t captured_evidence(const struct attempt *attempt, struct evidence *evidence,
				size_t room, size_t *omitted)
{
	*omitted = 0;
	return room < TALK_EVIDENCE ? 0 : talk_evidence(attempt->talk, evidence);
}

static void captured_outcome(const struct join *join, const struct attempt *attempt,
			     struct outcome *outcome)
{
	const struct talk *talk = attempt->talk;

	outcome_take_talk(outcome, talk, handshake_of(join, talk));
}

static bool captured_packets(const struct attempt *attempt, size_t index, struct packet_span *span)
{
	if (index)
		return false;
	*span = (struct packet_span){
		.from_ns = attempt->started_ns,
		.until_ns = attempt->ended_ns,
	};
	subject_tuple(attempt, &span->tuple);
	return true;
}

static void captured_released(struct join *join, const struct attempt *attempt)
{
	talks_give_back(join->talks, attempt->talk);
}

const struct subject subject_connection = {
	.name = "connection",
	.role = "client",
	.number = 5,
	.wakes = WAKE_CONNECTION,
	.uncounted = true,
	.about = captured_about,
	.key = captured_key,
	.evidence = captured_evidence,
	.outcome = captured_outcome,
	.packets = captured_packets,
	.release = captured_released,
};

/* ---- an address that two machines have ---- */

bool attempt_claims(struct join *join, const struct address_claims *claims)
{
	__u64 number = hash_bytes(claims->vlan, claims->address, sizeof(claims->address));
	struct attempt_slot *slot = attempt_take_nobodys(join, &subject_claims, number,
							 claims->ifindex, claims->first_ns);

	if (!slot)
		return false;
	slot->attempt.netns = claims->netns;
	slot->attempt.claims = claims;
	slot->attempt.ended_ns = claims->last_ns;
	attempt_judge(join, slot, claims->last_ns);
	return true;
}

static void claims_about(const struct attempt *attempt, struct subject_about *about)
{
	const struct address_claims *claims = attempt->claims;
	bool ipv4 = address_is_ipv4(claims->address);

	about->sources = claims->netns ? SOURCE_SOME_PACKETS : SOURCE_CAPTURE;
	memcpy(about->tuple.local, claims->address, sizeof(about->tuple.local));
	about->tuple.family = ipv4 ? AF_INET : AF_INET6;
	about->tuple.protocol = ipv4 ? ETH_P_ARP : IPPROTO_ICMPV6;
}

static void claims_key(const struct attempt *attempt, const struct opening *opening, __u8 severity,
		       struct subject_key *key)
{
	const struct address_claims *claims = attempt->claims;

	(void)opening;
	(void)severity;
	subject_key_add(key, claims->address, sizeof(claims->address));
	subject_key_add(key, &claims->vlan, sizeof(claims->vlan));
	subject_key_add(key, &claims->ifindex, sizeof(claims->ifindex));
}

static size_t claims_evidence(const struct attempt *attempt, struct evidence *evidence, size_t room,
			      size_t *omitted)
{
	const struct address_claims *claims = attempt->claims;
	size_t n = claims->seen_count < JOIN_CLAIMS_KEPT ? claims->seen_count : JOIN_CLAIMS_KEPT;

	*omitted = 0;
	n = n < room ? n : room;
	for (size_t i = 0; i < n; i++) {
		const struct claim_seen *seen =
			&claims->seen[(claims->seen_count - n + i) % JOIN_CLAIMS_KEPT];
		size_t at = i;

		for (; at && evidence[at - 1].ts_ns > seen->ts_ns; at--) /* files disagree */
			evidence[at] = evidence[at - 1];
		evidence[at] = (struct evidence){
			.ts_ns = seen->ts_ns,
			.frame = seen->frame,
			.kind = claims->netns ? EVENT_CLAIM : EVENT_FRAME,
			.vantage = seen->vantage,
			.netns = claims->netns,
			.ifindex = claims->ifindex,
		};
		memcpy(evidence[at].mac, seen->mac, sizeof(seen->mac));
		memcpy(evidence[at].address, claims->address, sizeof(claims->address));
	}
	return n;
}

static bool claims_packets(const struct attempt *attempt, size_t index, struct packet_span *span)
{
	struct evidence seen[JOIN_CLAIMS_KEPT];
	size_t omitted, count = claims_evidence(attempt, seen, JOIN_CLAIMS_KEPT, &omitted);

	return subject_frame(seen, count, index, span);
}

const struct subject subject_claims = {
	.name = "claims",
	.role = "neighbor",
	.checks_on = "its network", /* not where the address is */
	.number = 6,
	.wakes = WAKE_CLAIMS,
	.uncounted = true,
	.about = claims_about,
	.key = claims_key,
	.evidence = claims_evidence,
	.packets = claims_packets,
};
