// SPDX-License-Identifier: GPL-2.0-or-later
/* fact_socket.c - who holds a port, who listens, what uses up the ephemeral ports */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collect/facts/fact.h"
#include "collect/host/process.h"
#include "collect/tell.h"
#include "util/address.h"
#include "util/hash.h"
#include "util/own.h"
#include "util/tcp.h"

#define DESTINATIONS_MAX 1024 /* told apart while counting; later ones are not seen */

static const char *const state_names[] = {
#define X(name, number) [number] = #name,
	TCP_STATES(X)
#undef X
};

struct found_socket {
	int score; /* 0: no entry */
	__u32 netns;
	__u64 cookie;
	bool owned;
	struct ev_snapshot body;
};

struct destination {
	__u32 count;
	__u16 port;
	__u8 address[EVENT_ADDRESS_SIZE];
};

struct survey {
	struct fetch *fetch;
	bool owners; /* this pass is over the processes' sockets */
	__u16 listener_port;
	struct found_socket holders[FACT_SOCKETS_MAX];
	struct found_socket listeners[FACT_SOCKETS_MAX];
	/* port use */
	unsigned int first_port, last_port;
	__u32 total;
	__u32 by_state[ARRAY_SIZE(state_names)];
	struct destination destinations[DESTINATIONS_MAX];
	__u32 destinations_count;
	struct hash destinations_by;
	__u8 bound_ports[65536 / 8]; /* a bound socket may be in several processes' hands */
};

/* ---- holders and listeners ---- */

static bool overlap(const __u8 *a, const __u8 *b)
{
	return address_is_any(a) || address_is_any(b) || address_equal(a, b);
}

/* How well a socket explains that the port was not to be had; 0: not at all. */
static int score_holder(const struct survey *survey, const struct found_socket *found)
{
	const struct event_tuple *asked = &survey->fetch->request->tuple;
	const struct event_tuple *own = &found->body.tuple;
	int score = 10;

	if (!asked->local_port || own->local_port != asked->local_port ||
	    found->netns != survey->fetch->request->netns || !overlap(own->local, asked->local))
		return 0;
	if (asked->remote_port && own->remote_port == asked->remote_port &&
	    address_equal(own->remote, asked->remote))
		score += 100;
	if (found->body.state == TCP_STATE_LISTEN)
		score += 40;
	if (found->body.state == TCP_STATE_CLOSE)
		score += 30;
	return score + (found->owned ? 5 : 0);
}

/* How near a listener is to the one that was looked for. */
static int score_listener(const struct survey *survey, const struct found_socket *found)
{
	const struct event_tuple *asked = &survey->fetch->request->tuple;
	const struct event_tuple *own = &found->body.tuple;
	const __u8 *address = asked->remote_port ? asked->remote : asked->local;
	int score = 10;

	if (found->body.state != TCP_STATE_LISTEN || !survey->listener_port ||
	    own->local_port != survey->listener_port)
		return 0;
	if (found->netns == survey->fetch->request->netns)
		score += 40;
	if (address_equal(own->local, address))
		score += 20;
	else if (address_is_any(own->local))
		score += 10;
	return score + (found->owned ? 5 : 0);
}

static bool same_socket(const struct found_socket *a, const struct found_socket *b)
{
	if (a->cookie || b->cookie)
		return a->cookie == b->cookie;
	return a->netns == b->netns && a->body.state == b->body.state &&
	       !memcmp(&a->body.tuple, &b->body.tuple, sizeof(a->body.tuple));
}

/* Keeps the best, best first; of one socket in many hands the first owner seen. */
static void keep(struct found_socket *list, const struct found_socket *found)
{
	size_t at = FACT_SOCKETS_MAX;

	for (size_t i = 0; i < FACT_SOCKETS_MAX && list[i].score; i++)
		if (same_socket(&list[i], found))
			return;
	while (at > 0 && list[at - 1].score < found->score)
		at--;
	if (at == FACT_SOCKETS_MAX)
		return;
	memmove(&list[at + 1], &list[at], (FACT_SOCKETS_MAX - 1 - at) * sizeof(*list));
	list[at] = *found;
}

/* ---- port use ---- */

/* NULL: one too many. */
static struct destination *find_destination(struct survey *survey, const __u8 *address, __u16 port)
{
	__u64 hash = hash_mix(address_hash(address), port);
	struct destination *at;

	for (__u32 i = hash_first(&survey->destinations_by, hash); i != HASH_END;
	     i = hash_next(&survey->destinations_by, i)) {
		at = &survey->destinations[i];
		if (at->port == port && address_equal(at->address, address))
			return at;
	}
	if (survey->destinations_count == DESTINATIONS_MAX)
		return NULL;
	hash_add(&survey->destinations_by, hash, survey->destinations_count);
	at = &survey->destinations[survey->destinations_count++];
	at->port = port;
	memcpy(at->address, address, EVENT_ADDRESS_SIZE);
	return at;
}

static void count_use(struct survey *survey, const struct found_socket *found)
{
	const struct event_tuple *own = &found->body.tuple;
	struct destination *destination;
	__u8 *bound = &survey->bound_ports[own->local_port / 8];

	if (found->netns != survey->fetch->request->netns || own->local_port < survey->first_port ||
	    own->local_port > survey->last_port)
		return;
	/* Sockets that are only bound show in no table of the namespace, only with their process. */
	if (survey->owners != (found->body.state == TCP_STATE_CLOSE))
		return;
	if (survey->owners && (*bound & BIT(own->local_port % 8)))
		return;
	if (survey->owners)
		*bound |= BIT(own->local_port % 8);
	survey->total++;
	if (found->body.state < ARRAY_SIZE(survey->by_state))
		survey->by_state[found->body.state]++;
	if (!own->remote_port)
		return;
	destination = find_destination(survey, own->remote, own->remote_port);
	if (destination)
		destination->count++;
}

/* ---- the walk ---- */

static int take_socket(void *ctx, const void *record, size_t size)
{
	struct survey *survey = ctx;
	__u32 wanted = survey->fetch->request->wanted;
	const size_t plain = offsetof(struct ev_snapshot, flow); /* figures are not asked for */
	struct event_header head;
	struct found_socket found = { 0 };

	if (size < sizeof(head) + plain)
		return 0;
	memcpy(&head, record, sizeof(head));
	if (head.kind != EVENT_SOCKET)
		return 0;
	memcpy(&found.body, (const __u8 *)record + sizeof(head), plain);
	found.netns = head.netns;
	found.cookie = head.cookie;
	found.owned = head.known & EVENT_K_OWNER;
	if (wanted & BIT(FACT_PORT_USE))
		count_use(survey, &found);
	found.score = score_holder(survey, &found);
	if (found.score && (wanted & BIT(FACT_HOLDER)))
		keep(survey->holders, &found);
	found.score = score_listener(survey, &found);
	if (found.score && (wanted & BIT(FACT_LISTENER)))
		keep(survey->listeners, &found);
	return 0;
}

static int walk(struct survey *survey, bool owners)
{
	const struct record_sink sink = { take_socket, survey };
	_cleanup_close_ int fd = -1;

	survey->owners = owners;
	if (!survey->fetch->iterate)
		return -ENOTSUP;
	fd = survey->fetch->iterate(survey->fetch->ctx, owners);
	return fd < 0 ? fd : snapshot_read(fd, &sink);
}

/* ---- telling ---- */

static void fill_owner(struct ev_fact *fact, const struct event_owner *owner)
{
	_cleanup_close_ int dir = process_open(owner->tgid);
	const char *comm = owner->leader[0] ? owner->leader : owner->comm;
	struct process_stat stat;

	fact->pid = owner->tgid;
	memcpy(fact->name, comm, EVENT_COMM_SIZE);
	if (dir >= 0 && !process_read_stat(dir, &stat) && process_is(&stat, owner->start_ns))
		process_read_exe(dir, fact->text, sizeof(fact->text));
}

static void tell_socket(struct fetch *fetch, enum event_fact what, const struct found_socket *found)
{
	struct ev_fact fact = fact_make(what);
	const struct event_tuple *tuple = &found->body.tuple;

	memcpy(fact.address, tuple->local, sizeof(fact.address));
	memcpy(fact.address2, tuple->remote, sizeof(fact.address2));
	fact.port = tuple->local_port;
	fact.limit = tuple->remote_port;
	fact.number = found->body.state;
	fact.flags = (__u32)found->body.flags << 8;
	if (found->owned)
		fill_owner(&fact, &found->body.owner);
	fact_tell_in(fetch, &fact, found->netns);
}

static void tell_sockets(struct fetch *fetch, enum event_fact what, const struct found_socket *list,
			 int error)
{
	if (!list[0].score)
		fact_tell_absent(fetch, what, NULL, error);
	for (size_t i = 0; i < FACT_SOCKETS_MAX && list[i].score; i++)
		tell_socket(fetch, what, &list[i]);
}

static void tell_destination(struct fetch *fetch, const struct destination *destination)
{
	struct ev_fact fact = fact_make(FACT_PORT_USE);

	tell_copy(fact.name, "destination", sizeof(fact.name));
	memcpy(fact.address2, destination->address, sizeof(fact.address2));
	fact.port = destination->port;
	fact.number = destination->count;
	fact_tell(fetch, &fact);
}

/* The destination asked for, then those that hold most. */
static void tell_destinations(struct survey *survey)
{
	struct fetch *fetch = survey->fetch;
	const struct event_tuple *asked = &fetch->request->tuple;

	if (asked->remote_port) {
		struct destination *own =
			find_destination(survey, asked->remote, asked->remote_port);

		if (own)
			tell_destination(fetch, own);
		if (own)
			own->count = 0;
	}
	for (size_t i = 0; i < FACT_DESTINATIONS_MAX; i++) {
		struct destination *most = &survey->destinations[0];

		for (size_t k = 1; k < survey->destinations_count; k++)
			if (survey->destinations[k].count > most->count)
				most = &survey->destinations[k];
		if (!most->count)
			return;
		tell_destination(fetch, most);
		most->count = 0;
	}
}

static void tell_use(struct survey *survey, int error)
{
	struct ev_fact fact = fact_make(FACT_PORT_USE);

	if (error || !survey->last_port) {
		fact_tell_absent(survey->fetch, FACT_PORT_USE, "total", error);
		return;
	}
	tell_copy(fact.name, "total", sizeof(fact.name));
	fact.number = survey->total;
	fact.limit = survey->last_port - survey->first_port + 1;
	fact_tell(survey->fetch, &fact);
	for (size_t i = 0; i < ARRAY_SIZE(survey->by_state); i++) {
		if (!survey->by_state[i] || !state_names[i])
			continue;
		fact = fact_make(FACT_PORT_USE);
		tell_copy(fact.name, i == TCP_STATE_CLOSE ? "bound" : state_names[i],
			  sizeof(fact.name));
		fact.number = survey->by_state[i];
		fact_tell(survey->fetch, &fact);
	}
	tell_destinations(survey);
}

static void read_range(struct survey *survey)
{
	char text[64];

	if (tell_read_file("/proc/sys/net/ipv4/ip_local_port_range", text, sizeof(text)) < 0 ||
	    sscanf(text, "%u %u", &survey->first_port, &survey->last_port) != 2 ||
	    survey->last_port > 65535 || survey->first_port > survey->last_port)
		survey->first_port = survey->last_port = 0;
}

static void tell_nothing(struct fetch *fetch, int error)
{
	static const enum event_fact facts[] = { FACT_HOLDER, FACT_LISTENER, FACT_PORT_USE };

	for (size_t i = 0; i < ARRAY_SIZE(facts); i++)
		if (fetch->request->wanted & BIT(facts[i]))
			fact_tell_absent(fetch, facts[i], NULL, error);
}

void fact_fetch_sockets(struct fetch *fetch)
{
	_cleanup_free_ struct survey *survey = calloc(1, sizeof(*survey));
	const struct event_tuple *asked = &fetch->request->tuple;
	__u32 wanted = fetch->request->wanted;
	int owners_error, error;

	if (!survey || hash_new(&survey->destinations_by, DESTINATIONS_MAX)) {
		tell_nothing(fetch, -ENOMEM);
		return;
	}
	survey->fetch = fetch;
	survey->listener_port = asked->remote_port ?: asked->local_port;
	read_range(survey);
	/* With their owners first: the second walk adds what no process holds any more. */
	owners_error = walk(survey, true);
	error = walk(survey, false);
	if (wanted & BIT(FACT_HOLDER))
		tell_sockets(fetch, FACT_HOLDER, survey->holders, owners_error ?: error);
	if (wanted & BIT(FACT_LISTENER))
		tell_sockets(fetch, FACT_LISTENER, survey->listeners, owners_error ?: error);
	if (wanted & BIT(FACT_PORT_USE))
		tell_use(survey, error);
	hash_free(&survey->destinations_by);
}
