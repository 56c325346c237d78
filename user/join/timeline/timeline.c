// SPDX-License-Identifier: GPL-2.0-or-later
/* timeline.c - what every socket of a command went through, kept until it is told */

#include "join/timeline/timeline.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/address.h"
#include "util/tcp.h"
#include "util/time.h"

/* One packet passes several interfaces within this. */
#define COPY_NS NS_PER_MS

/* A timeline has three keys in one table: item 3i by its cookie, 3i + 1 by its socket, 3i + 2 by its ends. */
enum key { KEY_COOKIE, KEY_SOCKET, KEY_ENDS, KEY_COUNT };

struct timelines {
	struct hash hash;
	struct timeline at[TIMELINES_MAX];
	size_t count;
	__u64 untold;
	struct moment waits[TIMELINE_WAITS];
	__u64 waits_count;
};

int timelines_new(struct timelines **out)
{
	struct timelines *timelines = calloc(1, sizeof(*timelines));

	if (!timelines)
		return -ENOMEM;
	if (hash_new(&timelines->hash, (size_t)TIMELINES_MAX * KEY_COUNT)) {
		free(timelines);
		return -ENOMEM;
	}
	*out = timelines;
	return 0;
}

void timelines_free(struct timelines *timelines)
{
	if (!timelines)
		return;
	for (size_t i = 0; i < timelines->count; i++)
		free(timelines->at[i].moments);
	hash_free(&timelines->hash);
	free(timelines);
}

/* ---- found by its keys ---- */

static __u64 hash_of(__u64 value, enum key key)
{
	return hash_mix(key, value);
}

static __u64 hash_of_ends(const struct event_tuple *tuple)
{
	return ends_of(tuple->local, tuple->local_port, tuple->remote, tuple->remote_port).hash;
}

static void set_key(struct timelines *timelines, const struct timeline *timeline, enum key key,
		    __u64 value)
{
	__u32 item = (__u32)(timeline - timelines->at) * KEY_COUNT + key;

	hash_remove(&timelines->hash, item);
	if (value)
		hash_add(&timelines->hash, hash_of(value, key), item);
}

/* By its cookie or its socket. */
static struct timeline *find(struct timelines *timelines, enum key key, __u64 value)
{
	__u32 item = value ? hash_first(&timelines->hash, hash_of(value, key)) : HASH_END;

	for (; item != HASH_END; item = hash_next(&timelines->hash, item)) {
		struct timeline *timeline = &timelines->at[item / KEY_COUNT];

		if (item % KEY_COUNT == key &&
		    (key == KEY_COOKIE ? timeline->cookie : timeline->socket) == value)
			return timeline;
	}
	return NULL;
}

static bool has_local(const struct event_tuple *tuple)
{
	return tuple->local_port && tuple->remote_port;
}

static void learn_tuple(struct timelines *timelines, struct timeline *timeline,
			const struct event_tuple *tuple)
{
	/* what was bound or connected gives its port back at its end */
	if (!tuple->local_port && timeline->tuple.local_port)
		return;
	if (!tuple->remote_port && timeline->tuple.remote_port)
		return;
	timeline->tuple = *tuple;
	if (has_local(tuple))
		set_key(timelines, timeline, KEY_ENDS, hash_of_ends(tuple));
}

static void learn_cookie(struct timelines *timelines, struct timeline *timeline, __u64 cookie)
{
	if (!cookie || timeline->cookie)
		return;
	timeline->cookie = cookie;
	set_key(timelines, timeline, KEY_COOKIE, cookie);
}

static void learn_socket(struct timelines *timelines, struct timeline *timeline, __u64 socket)
{
	timeline->socket = socket;
	set_key(timelines, timeline, KEY_SOCKET, socket);
}

static struct timeline *begin(struct timelines *timelines, const struct event_owner *owner)
{
	struct timeline *timeline;

	if (timelines->count == TIMELINES_MAX) {
		timelines->untold++;
		return NULL;
	}
	timeline = &timelines->at[timelines->count];
	timeline->moments = calloc(TIMELINE_HEAD + TIMELINE_TAIL, sizeof(struct moment));
	if (!timeline->moments) {
		timelines->untold++;
		return NULL;
	}
	timelines->count++;
	timeline->owner = *owner;
	return timeline;
}

/* ---- moments ---- */

static struct moment *place_of(const struct timeline *timeline, __u64 index)
{
	if (index < TIMELINE_HEAD)
		return &timeline->moments[index];
	return &timeline->moments[TIMELINE_HEAD + (index - TIMELINE_HEAD) % TIMELINE_TAIL];
}

static void add(struct timeline *timeline, const struct moment *moment)
{
	*place_of(timeline, timeline->count) = *moment;
	timeline->count++;
}

/* What @from has is told as part of @to: they are one socket. */
static void merge(struct timelines *timelines, struct timeline *to, struct timeline *from)
{
	__u64 kept = from->count < TIMELINE_HEAD ? from->count : TIMELINE_HEAD;
	__u64 socket = from->socket;

	for (__u64 i = 0; i < kept; i++)
		add(to, place_of(from, i));
	to->count += from->count - kept;
	to->wanted |= from->wanted;
	from->merged = true;
	learn_socket(timelines, from, 0);
	learn_socket(timelines, to, socket);
}

/* The same packet at another interface. */
static bool is_copy(const struct timeline *timeline, const struct moment *moment)
{
	const struct moment *last =
		timeline->count ? place_of(timeline, timeline->count - 1) : NULL;
	const struct evidence *a, *b;

	if (!last || last->is_call)
		return false;
	a = &last->seen;
	b = &moment->seen;
	return a->kind == EVENT_PACKET && b->kind == EVENT_PACKET && a->seq == b->seq &&
	       a->ack == b->ack && a->tcp_flags == b->tcp_flags && a->direction == b->direction &&
	       a->payload_bytes == b->payload_bytes &&
	       (a->ifindex != b->ifindex || a->netns != b->netns) &&
	       ns_between(a->ts_ns, b->ts_ns) < COPY_NS;
}

static void add_seen(struct timeline *timeline, const struct event *event,
		     enum evidence_direction direction, bool wanted)
{
	struct moment moment = { .at_ns = event->head.ts_ns, .seen = join_evidence(event) };

	moment.seen.direction = direction;
	timeline->wanted |= wanted;
	if (!is_copy(timeline, &moment))
		add(timeline, &moment);
}

/* ---- records ---- */

static struct moment moment_of_call(const struct event *event)
{
	const struct ev_syscall *call = &event->syscall;
	struct moment moment = {
		.at_ns = call->began_ns,
		.tid = call->owner.tid,
		.is_call = true,
		.call = {
			.took_ns = ns_between(call->began_ns, event->head.ts_ns),
			.call = call->call,
			.error = call->error,
			.result = (__u32)call->result,
			.bytes = call->bytes,
			.count = call->count,
			.type = call->type,
		},
	};

	if (call->call == SYSCALL_CLOSE)
		moment.call.took_ns = 0;
	if (!(event->head.known & EVENT_K_ASKED))
		return moment;
	moment.call.asked_known = true;
	moment.call.asked_port = call->asked_port;
	memcpy(moment.call.asked, call->asked, sizeof(moment.call.asked));
	return moment;
}

/* socket() and accept() give a new one, whatever had its number before. */
static bool gives_socket(const struct ev_syscall *call)
{
	return !call->error && (call->call == SYSCALL_SOCKET || call->call == SYSCALL_ACCEPT);
}

static struct timeline *timeline_of_call(struct timelines *timelines, const struct event *event)
{
	const struct ev_syscall *call = &event->syscall;
	struct timeline *by_cookie = find(timelines, KEY_COOKIE, event->head.cookie);
	struct timeline *by_socket = find(timelines, KEY_SOCKET, call->socket);

	if (by_socket && gives_socket(call) && by_socket != by_cookie) {
		learn_socket(timelines, by_socket, 0);
		by_socket = NULL;
	}
	if (by_cookie && by_socket && by_cookie != by_socket)
		merge(timelines, by_cookie, by_socket);
	if (by_cookie)
		return by_cookie;
	return by_socket ? by_socket : begin(timelines, &call->owner);
}

static void take_call(struct timelines *timelines, const struct event *event, bool wanted)
{
	const struct ev_syscall *call = &event->syscall;
	struct moment moment = moment_of_call(event);
	struct timeline *timeline;

	if (!call->socket && call->call != SYSCALL_SOCKET) {
		timelines->waits[timelines->waits_count++ % TIMELINE_WAITS] = moment;
		return;
	}
	timeline = timeline_of_call(timelines, event);
	if (!timeline)
		return;
	learn_cookie(timelines, timeline, event->head.cookie);
	learn_tuple(timelines, timeline, &call->tuple);
	learn_socket(timelines, timeline, call->call == SYSCALL_CLOSE ? 0 : call->socket);
	timeline->wanted |= wanted;
	timeline->accepted |= call->call == SYSCALL_ACCEPT && !call->error;
	add(timeline, &moment);
}

/* connect() or listen() has just begun: what it comes to is told before it returns. */
static void take_open(struct timelines *timelines, const struct event *event)
{
	struct timeline *timeline = find(timelines, KEY_COOKIE, event->head.cookie);

	if (!(event->head.flags & EVENT_F_FOLLOWED) ||
	    (event->open.how != OPEN_CONNECT && event->open.how != OPEN_LISTEN))
		return;
	if (!timeline)
		timeline = begin(timelines, &event->open.owner);
	if (!timeline)
		return;
	learn_cookie(timelines, timeline, event->head.cookie);
	learn_tuple(timelines, timeline, &event->open.tuple);
	add_seen(timeline, event, DIRECTION_NONE, false);
}

static void take_socket(struct timelines *timelines, const struct event *event)
{
	struct timeline *timeline = find(timelines, KEY_COOKIE, event->head.cookie);

	if (!timeline)
		return;
	learn_tuple(timelines, timeline, &event->socket.tuple);
	/* close() after shutdown() says once more what it has been since then */
	if (event->head.kind == EVENT_STATE && event->socket.old_state == event->socket.new_state)
		return;
	add_seen(timeline, event, DIRECTION_NONE, false);
}

/* The first one that a socket sends shows the port that the kernel has chosen for it. */
static void learn_ends(struct timelines *timelines, const struct event *event,
		       const struct event_tuple *from)
{
	struct timeline *timeline = find(timelines, KEY_COOKIE, event->head.cookie);
	struct event_tuple tuple;

	if (!timeline || event->head.kind != EVENT_PACKET || has_local(&timeline->tuple) ||
	    event->packet.what != PACKET_TCP || timeline->tuple.remote_port != from->remote_port ||
	    !address_equal(timeline->tuple.remote, from->remote))
		return;
	tuple = timeline->tuple;
	memcpy(tuple.local, from->local, sizeof(tuple.local));
	tuple.local_port = from->local_port;
	learn_tuple(timelines, timeline, &tuple);
}

/* Of the sockets at its two ends each the youngest. */
static void take_packet(struct timelines *timelines, const struct event *event,
			const struct event_tuple *from, bool wanted)
{
	__u64 ends = hash_of(hash_of_ends(from), KEY_ENDS);
	bool sent = false, received = false;
	__u32 item;

	learn_ends(timelines, event, from);
	item = hash_first(&timelines->hash, ends);
	for (; item != HASH_END && !(sent && received); item = hash_next(&timelines->hash, item)) {
		struct timeline *timeline = &timelines->at[item / KEY_COUNT];
		const struct event_tuple *tuple = &timeline->tuple;
		bool out = tuple->local_port == from->local_port &&
			   tuple->remote_port == from->remote_port &&
			   address_equal(tuple->local, from->local) &&
			   address_equal(tuple->remote, from->remote);
		bool in = tuple->local_port == from->remote_port &&
			  tuple->remote_port == from->local_port &&
			  address_equal(tuple->local, from->remote) &&
			  address_equal(tuple->remote, from->local);

		if (item % KEY_COUNT != KEY_ENDS || timeline->merged || !(out || in) ||
		    (out ? sent : received))
			continue;
		add_seen(timeline, event, out ? DIRECTION_OUT : DIRECTION_IN, wanted);
		sent |= out;
		received |= in;
	}
}

void timelines_take(struct timelines *timelines, const struct event *event, bool wanted)
{
	struct event_tuple tuple;

	switch (event->head.kind) {
	case EVENT_SYSCALL:
		if (event->head.known & EVENT_K_TIMELINE)
			take_call(timelines, event, wanted);
		break;
	case EVENT_OPEN:
		take_open(timelines, event);
		break;
	case EVENT_STATE:
	case EVENT_ERROR:
	case EVENT_RETRANSMIT:
	case EVENT_RESET_RECEIVED:
		take_socket(timelines, event);
		break;
	case EVENT_PACKET:
	case EVENT_DROP:
		if (packet_tuple(&event->packet, &tuple) && has_local(&tuple))
			take_packet(timelines, event, &tuple, wanted);
		break;
	}
}

/* ---- told ---- */

const struct timeline *timelines_next(const struct timelines *timelines, size_t *at)
{
	while (*at < timelines->count) {
		const struct timeline *timeline = &timelines->at[(*at)++];

		if (timeline->wanted && !timeline->merged)
			return timeline;
	}
	return NULL;
}

__u64 timelines_untold(const struct timelines *timelines)
{
	return timelines->untold;
}

static bool calls_by(const struct moment *moments, size_t count, __u32 tid)
{
	for (size_t i = 0; i < count; i++)
		if (moments[i].is_call && moments[i].tid == tid)
			return true;
	return false;
}

static int compare(const void *a, const void *b)
{
	const struct moment *left = a, *right = b;

	return (left->at_ns > right->at_ns) - (left->at_ns < right->at_ns);
}

size_t timeline_moments(const struct timelines *timelines, const struct timeline *timeline,
			struct moment **moments, __u64 *omitted)
{
	__u64 most = TIMELINE_HEAD + TIMELINE_TAIL;
	size_t kept = timeline->count < most ? timeline->count : most, count = kept;
	size_t waits =
		timelines->waits_count < TIMELINE_WAITS ? timelines->waits_count : TIMELINE_WAITS;
	struct moment *list = calloc(kept + waits + 1, sizeof(*list));
	__u64 first_ns = UINT64_MAX, last_ns = 0;

	if (!list)
		return 0;
	memcpy(list, timeline->moments, kept * sizeof(*list));
	for (size_t i = 0; i < kept; i++) {
		first_ns = list[i].at_ns < first_ns ? list[i].at_ns : first_ns;
		last_ns = list[i].at_ns > last_ns ? list[i].at_ns : last_ns;
	}
	for (size_t i = 0; i < waits; i++) {
		const struct moment *wait = &timelines->waits[i];

		if (wait->at_ns + wait->call.took_ns > first_ns && wait->at_ns < last_ns &&
		    calls_by(list, kept, wait->tid))
			list[count++] = *wait;
	}
	qsort(list, count, sizeof(*list), compare);
	*moments = list;
	*omitted = timeline->count - kept;
	return count;
}
