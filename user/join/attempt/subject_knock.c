// SPDX-License-Identifier: GPL-2.0-or-later
/* subject_knock.c - clients of other machines that this host does not let in */

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "join/attempt/attempt.h"
#include "join/conn/opening.h"
#include "join/host/listener.h"
#include "join/host/loss.h"
#include "util/address.h"
#include "util/array.h"

/*
 * What one client of this machine asks for has a verdict of its own. So whoever knocks is looked for
 * among the openings twice: when the packet came, and when its episode is over, for an opening may
 * learn late what its packets look like (wire.c).
 *
 * Ports that somebody has are few. Those that nobody has are many, and so are the addresses that ask
 * for them: these are followed one client at a time, a bounded number of them.
 */

static struct knocking *knocking_of(struct join *join, const struct attempt_slot *slot)
{
	return &attempt_extra(join, slot)->knocking;
}

static __u64 port_key(__u32 netns, __u16 port, enum knock_what what)
{
	return hash_mix(hash_mix(2, what), (__u64)netns << 16 | port);
}

static __u64 stranger_key(__u32 netns, const __u8 *address)
{
	return hash_mix(hash_mix(3, netns), address_hash(address));
}

static bool is_open(const struct attempt_slot *slot, __u32 netns)
{
	return slot->attempt.subject == &subject_knock && slot->timer == TIMER_KNOCK &&
	       slot->attempt.netns == netns;
}

static struct attempt_slot *find_port(struct join *join, __u32 netns, __u16 port,
				      enum knock_what what)
{
	struct attempt_slot *slot = attempt_first(join, port_key(netns, port, what));

	for (; slot; slot = attempt_next(join, slot)) {
		const struct knocking *knocking = knocking_of(join, slot);

		if (is_open(slot, netns) && !knocking->stranger && knocking->knock.what == what &&
		    knocking->knock.tuple.local_port == port)
			return slot;
	}
	return NULL;
}

static struct attempt_slot *find_stranger(struct join *join, __u32 netns, const __u8 *address)
{
	struct attempt_slot *slot = attempt_first(join, stranger_key(netns, address));

	for (; slot; slot = attempt_next(join, slot)) {
		const struct knocking *knocking = knocking_of(join, slot);

		if (is_open(slot, netns) && knocking->stranger &&
		    address_equal(knocking->knock.tuple.remote, address))
			return slot;
	}
	return NULL;
}

static struct attempt_slot *begin(struct join *join, const struct evidence *evidence,
				  enum knock_what what, const struct listener *listener,
				  __u64 number)
{
	const struct event_owner *owner = listener ? listener->owner : NULL;
	struct attempt_slot *slot = attempt_take(join, &subject_knock, owner, owner,
						 evidence->netns, number, evidence->ts_ns);
	struct knocking *knocking;

	if (!slot)
		return NULL;
	knocking = knocking_of(join, slot);
	memset(knocking, 0, sizeof(*knocking));
	knocking->knock.what = what;
	knocking->knock.netns = evidence->netns;
	slot->attempt.state = ATTEMPT_SETTLING;
	slot->attempt.knock = &knocking->knock;
	if (listener) {
		listener_copy(join, &knocking->listener, listener);
		knocking->knock.listener = &knocking->listener;
	}
	attempt_set_timer(join, slot, TIMER_KNOCK, evidence->ts_ns + join->limits.episode_ns);
	return slot;
}

static struct attempt_slot *at_port(struct join *join, const struct sighting *sighting,
				    enum knock_what what, const struct listener *listener)
{
	const struct evidence *evidence = &sighting->evidence;
	__u16 port = sighting->destination_port;
	__u64 key = port_key(evidence->netns, port, what);
	struct attempt_slot *slot = find_port(join, evidence->netns, port, what);

	if (slot)
		return slot;
	slot = begin(join, evidence, what, listener, key);
	if (slot)
		attempt_set_key(join, slot, key);
	return slot;
}

static struct attempt_slot *of_stranger(struct join *join, const struct sighting *sighting)
{
	const struct evidence *evidence = &sighting->evidence;
	__u64 key = stranger_key(evidence->netns, sighting->source);
	struct attempt_slot *slot = find_stranger(join, evidence->netns, sighting->source);

	if (slot || join->attempts->strangers >= ATTEMPT_STRANGERS_MAX)
		return slot;
	slot = begin(join, evidence, KNOCK_REFUSED, NULL, key);
	if (!slot)
		return NULL;
	attempt_set_key(join, slot, key);
	/* twice as long: whoever asks the others for a port of theirs meanwhile is known for what it is */
	attempt_set_timer(join, slot, TIMER_KNOCK, evidence->ts_ns + 2 * join->limits.episode_ns);
	knocking_of(join, slot)->stranger = true;
	join->attempts->strangers++;
	return slot;
}

/* ---- what comes of it ---- */

static void note_client(struct knocking *knocking, const struct sighting *sighting)
{
	struct knock *knock = &knocking->knock;
	struct client *client;
	__u32 i = 0;

	while (i < knock->clients && !address_equal(knocking->clients[i].address, sighting->source))
		i++;
	if (i == ATTEMPT_CLIENTS_MAX)
		return;
	client = &knocking->clients[i];
	if (i == knock->clients) {
		knock->clients++;
		memcpy(client->address, sighting->source, sizeof(client->address));
	}
	client->port = sighting->source_port;
	client->isn = sighting->seq;
	client->count++;
}

static void note_port(struct knocking *knocking, __u16 port)
{
	struct knock *knock = &knocking->knock;

	for (__u32 i = 0; i < knock->ports; i++)
		if (knocking->ports[i] == port)
			return;
	if (knock->ports < ATTEMPT_PORTS_MAX)
		knocking->ports[knock->ports++] = port;
}

static bool is_scanner(struct join *join, __u32 netns, const __u8 *address)
{
	enum { PORTS_OF_A_SCAN = 3 };
	const struct attempt_slot *slot = find_stranger(join, netns, address);

	return slot && knocking_of(join, slot)->knock.ports >= PORTS_OF_A_SCAN;
}

static void note(struct join *join, struct attempt_slot *slot, const struct sighting *sighting)
{
	struct knocking *knocking = knocking_of(join, slot);
	struct knock *knock = &knocking->knock;
	struct event_tuple *tuple = &knock->tuple;
	struct evidence evidence = sighting->evidence;

	memcpy(tuple->local, sighting->destination, sizeof(tuple->local));
	memcpy(tuple->remote, sighting->source, sizeof(tuple->remote));
	tuple->local_port = sighting->destination_port;
	tuple->remote_port = sighting->source_port;
	tuple->protocol = IPPROTO_TCP;
	tuple->family = address_is_ipv4(tuple->local) ? AF_INET : AF_INET6;
	knock->syns++;
	note_client(knocking, sighting);
	if (knocking->stranger)
		note_port(knocking, tuple->local_port);
	else
		knock->scanned |= is_scanner(join, knock->netns, tuple->remote);
	if (knock->what == KNOCK_DROPPED)
		wire_note_drop(&knock->drop, sighting);
	slot->attempt.ended_ns = evidence.ts_ns;
	evidence.direction = DIRECTION_IN;
	evidence_add(join->evidence, &slot->seen, &evidence);
}

/* This host's own wish, however little was seen of it. */
static bool is_own(const struct sighting *sighting)
{
	return address_is_loopback(sighting->source) ||
	       address_equal(sighting->source, sighting->destination);
}

void attempt_knock(struct join *join, const struct sighting *sighting)
{
	bool refused = sighting->evidence.kind == EVENT_RESET_SENT ||
		       wire_is_reason(join, sighting, "NO_SOCKET");
	struct event_tuple asked = { .remote_port = sighting->destination_port };
	const struct listener *listener = NULL;
	struct attempt_slot *slot;

	if (is_own(sighting))
		return;
	memcpy(asked.remote, sighting->destination, sizeof(asked.remote));
	if (!refused) {
		listener = join_listener_for(join, sighting->evidence.netns, &asked);
		if (!listener)
			return; /* for nobody: it is no loss */
		slot = at_port(join, sighting, KNOCK_DROPPED, listener);
	} else if (listener_has_port(join, sighting->destination_port)) {
		slot = at_port(join, sighting, KNOCK_REFUSED, NULL);
	} else {
		slot = of_stranger(join, sighting);
	}
	if (slot)
		note(join, slot, sighting);
}

/*
 * The second repetition, three seconds after the SYN: a client that is slow or was unlucky once has
 * answered by then. As many handshakes as there may be are told at once, and why they do not finish.
 */
void attempt_unfinished(struct join *join, const struct event *event,
			const struct sighting *sighting)
{
	enum { REPEATED = 2 };
	const struct ev_listener *told = &event->listener;
	const struct listener *listener = listener_by_cookie(join, event->head.cookie);
	bool flooded = (event->head.known & EVENT_K_PENDING) && told->backlog_max &&
		       told->pending >= told->backlog_max;
	struct attempt_slot *slot;
	struct knock *knock;

	if (!listener || is_own(sighting) || (!flooded && told->retransmits != REPEATED))
		return;
	if (flooded)
		listener_note_flooded(join, listener->cookie, event->head.ts_ns);
	if (told->retransmits == REPEATED)
		listener_note_unfinished(join, listener->cookie, event->head.ts_ns);
	slot = at_port(join, sighting, flooded ? KNOCK_FLOODED : KNOCK_UNFINISHED, listener);
	if (!slot)
		return;
	note(join, slot, sighting);
	knock = &knocking_of(join, slot)->knock;
	if (told->pending > knock->pending)
		knock->pending = told->pending;
	knock->pending_max = told->backlog_max;
}

/* Of a client that is an opening of this machine nothing is told here, however often it tried. */
void attempt_knock_due(struct join *join, struct attempt_slot *slot, __u64 now_ns)
{
	struct knocking *knocking = knocking_of(join, slot);
	struct knock *knock = &knocking->knock;
	__u32 clients = knock->clients;
	const struct client *other = NULL;
	const struct listener *listener;

	for (__u32 i = 0; i < clients; i++) {
		const struct client *client = &knocking->clients[i];

		knock->scanned |=
			!knocking->stranger && is_scanner(join, knock->netns, client->address);
		if (!attempt_client_conn(join, client, &knock->tuple)) {
			other = client;
			continue;
		}
		knock->syns -= client->count;
		knock->clients--;
	}
	if (other && knock->clients < clients) {
		memcpy(knock->tuple.remote, other->address, sizeof(other->address));
		knock->tuple.remote_port = other->port;
	}
	listener = knock->listener ? listener_by_cookie(join, knock->listener->cookie) : NULL;
	if (listener) /* as it is by now */
		listener_copy(join, &knocking->listener, listener);
	knock->unseen = loss_since(join, slot->attempt.started_ns);
	if (knock->syns)
		attempt_judge(join, slot, now_ns);
	else
		attempt_release(join, slot);
}

/* ---- what is told of it ---- */

static void knock_about(const struct attempt *attempt, struct subject_about *about)
{
	about->tuple = attempt->knock->tuple;
	about->sources = SOURCE_SOCKET;
	if (!attempt->knock->listener)
		return;
	about->cookie = attempt->knock->listener->cookie;
	about->owner = attempt->knock->listener->owner;
}

/* What is asked for makes the group; of ports that nobody has it is who asks. */
static void knock_key(const struct attempt *attempt, const struct opening *opening, __u8 severity,
		      struct subject_key *key)
{
	const struct knock *knock = attempt->knock;
	const struct event_tuple *tuple = &knock->tuple;

	(void)opening;
	subject_key_add(key, &severity, sizeof(severity));
	if (knock->ports) {
		subject_key_add(key, tuple->remote, sizeof(tuple->remote));
	} else {
		subject_key_add(key, tuple->local, sizeof(tuple->local));
		subject_key_add(key, &tuple->local_port, sizeof(tuple->local_port));
	}
}

/* The clients are many: the last one's packets stand for them. */
static bool knock_packets(const struct attempt *attempt, size_t index, struct packet_span *span)
{
	if (index)
		return false;
	*span = (struct packet_span){
		.tuple = attempt->knock->tuple,
		.netns = attempt->netns,
		.from_ns = attempt->started_ns,
		.until_ns = attempt->due_ns,
	};
	return true;
}

static void knock_released(struct join *join, const struct attempt *attempt)
{
	struct knocking *knocking = knocking_of(join, (const struct attempt_slot *)attempt);

	listener_copy(join, &knocking->listener, NULL);
	join->attempts->strangers -= knocking->stranger;
}

const struct subject subject_knock = {
	.name = "knock",
	.role = "listener",
	.number = 18,
	.wakes = WAKE_KNOCK,
	.uncounted = true, /* how many are let in is not known */
	.about = knock_about,
	.key = knock_key,
	.evidence = subject_listed,
	.packets = knock_packets,
	.release = knock_released,
};
