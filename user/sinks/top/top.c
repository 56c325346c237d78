// SPDX-License-Identifier: GPL-2.0-or-later
/* top.c - processes and destinations, and what is counted of them */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sinks/top/top_model.h"
#include "util/address.h"
#include "util/array.h"
#include "util/hash.h"
#include "util/tcp.h"
#include "util/time.h"

/* Sets of this many places: looked up, and what is of least use in one of them gives way. */
#define WAYS 16

_Static_assert(TOP_ROWS_MOST % WAYS == 0, "whole sets");

int top_new(struct top **out, const struct top_options *options)
{
	struct top *top = calloc(1, sizeof(*top));
	bool failed = !top;

	for (int i = 0; top && i < TOP_TABLE_COUNT; i++) {
		top->rows[i] = calloc(TOP_ROWS_MOST, sizeof(struct top_row));
		failed |= !top->rows[i];
	}
	if (!failed) {
		top->options = *options;
		failed = top_findings_open(top);
	}
	if (failed) {
		top_free(top);
		return -ENOMEM;
	}
	*out = top;
	return 0;
}

void top_free(struct top *top)
{
	if (!top)
		return;
	top_findings_close(top);
	for (int i = 0; i < TOP_TABLE_COUNT; i++)
		free(top->rows[i]);
	free(top);
}

/* ---- keys ---- */

struct top_whose top_whose_of(const struct event_owner *owner, const struct event_tuple *tuple,
			      bool client, __u32 netns)
{
	return (struct top_whose){
		.owner = owner,
		.address = client ? tuple->remote : tuple->local,
		.port = client ? tuple->remote_port : tuple->local_port,
		.client = client,
		.netns = netns,
	};
}

static __u64 process_key(const struct event_owner *owner)
{
	__u64 key;

	if (!owner)
		return 1;
	key = hash_bytes(0, owner->leader[0] ? owner->leader : owner->comm, sizeof(owner->leader));
	key = hash_mix(key, owner->cgroup_id);
	return key > 1 ? key : 2;
}

/* Neither address nor port: where it would have gone is not known. */
static __u64 destination_key(const struct top_whose *whose)
{
	__u64 key;

	if (address_is_any(whose->address) && !whose->port)
		return 0;
	key = hash_bytes(0, whose->address, EVENT_ADDRESS_SIZE);
	key = hash_mix(key, (__u64)whose->port << 32 | whose->netns);
	key = hash_mix(key, whose->client);
	return key ? key : 1;
}

__u64 top_key(enum top_table table, const struct top_whose *whose)
{
	return table == TOP_PROCESSES ? process_key(whose->owner) : destination_key(whose);
}

/* ---- rows ---- */

/* What failed or is open is of use, and what was told of last. */
static bool is_worth_less(const struct top_row *one, const struct top_row *other)
{
	bool used = one->failed || one->open, other_used = other->failed || other->open;

	return used == other_used ? one->last_ns < other->last_ns : !used;
}

static struct top_row *find_row(struct top *top, enum top_table table, __u64 key, bool make)
{
	struct top_row *set = &top->rows[table][hash_mix(0, key) % (TOP_ROWS_MOST / WAYS) * WAYS];
	struct top_row *least = set;

	for (int i = 0; i < WAYS; i++) {
		if (set[i].key == key)
			return &set[i];
		if (!set[i].key) {
			least = &set[i];
			break;
		}
		if (is_worth_less(&set[i], least))
			least = &set[i];
	}
	if (!make)
		return NULL;
	top->gone += least->key != 0;
	*least = (struct top_row){ .key = key };
	return least;
}

/* "curl[4121] web.service"; of several "curl web.service" */
static void name_process(struct top_row *row, const struct join *join,
			 const struct event_owner *owner)
{
	struct text text = text_of(row->name);
	const struct ev_process *process = NULL;

	if (!owner) {
		text_add(&text, "unknown process");
		return;
	}
	process = join_process(join, owner->tgid, owner->start_ns);
	if (row->several)
		text_add_foreign(&text, owner->leader[0] ? owner->leader : owner->comm,
				 sizeof(owner->leader));
	else
		say_process(&text, owner);
	row->placed = process && (process->unit[0] || process->container[0]);
	if (row->placed)
		say_place(&text, process);
}

static void touch_process(struct top_row *row, const struct join *join,
			  const struct event_owner *owner)
{
	if (owner && row->pid != owner->tgid) {
		row->several |= row->pid != 0;
		row->pid = owner->tgid;
		name_process(row, join, owner);
	} else if (!row->name[0] || !row->placed) {
		name_process(row, join, owner);
	}
}

/* Of the agent's own, and where that is not known, nothing is said. */
static void add_namespace(struct text *text, const struct join *join, __u32 netns)
{
	__u32 own = join_netns_own(join);

	if (!own || !netns || netns == own)
		return;
	text_add(text, " in ");
	say_namespace(text, join, netns);
}

/* "10.0.0.2:8080 db.internal", "at 10.0.0.1:443" */
static void touch_destination(struct top_row *row, const struct join *join,
			      const struct top_whose *whose)
{
	struct text text = text_of(row->name);

	if (row->placed || (row->name[0] && !whose->name))
		return;
	text_add(&text, "%s", whose->client ? "" : "at ");
	address_print_port(&text, whose->address, whose->port);
	if (whose->name) {
		text_add(&text, " ");
		text_add_foreign(&text, whose->name, strlen(whose->name));
		row->placed = true;
	}
	add_namespace(&text, join, whose->netns);
}

struct top_row *top_row_of(struct top *top, enum top_table table, const struct join *join,
			   const struct top_whose *whose, __u64 now_ns)
{
	__u64 key = top_key(table, whose);
	struct top_row *row;

	if (!key)
		return NULL;
	row = find_row(top, table, key, true);
	row->last_ns = now_ns;
	if (table == TOP_PROCESSES)
		touch_process(row, join, whose->owner);
	else
		touch_destination(row, join, whose);
	return row;
}

/* ---- attempts ---- */

struct top_whose top_whose_of_attempt(const struct join *join, const struct attempt *attempt,
				      struct event_tuple *tuple)
{
	struct top_whose whose;

	subject_tuple(attempt, tuple);
	whose = top_whose_of(attempt->owner_known ? attempt->owner : NULL, tuple,
			     subject_role_asks(attempt->subject->role), attempt->netns);
	if (whose.client)
		whose.name = attempt_remote_name(join, attempt, attempt_decider(attempt));
	return whose;
}

static void take_attempt(struct sink *sink, const struct join *join, const struct attempt *attempt)
{
	struct top *top = sink->state;
	struct event_tuple tuple;
	struct top_whose whose;

	if (attempt->subject->uncounted || attempt->unknown)
		return;
	whose = top_whose_of_attempt(join, attempt, &tuple);
	for (int i = 0; i < TOP_TABLE_COUNT; i++) {
		struct top_row *row = top_row_of(top, i, join, &whose, attempt->due_ns);

		if (!row)
			continue;
		row->tries++;
		row->failed += !attempt->worked;
	}
}

static void take_verdict(struct sink *sink, const struct join *join, const struct attempt *attempt,
			 const struct verdict *verdict, const struct finding *finding)
{
	struct top *top = sink->state;
	struct event_tuple tuple;
	struct top_whose whose;
	bool failed = verdict->state == FINDING_FINAL && verdict->severity == SEVERITY_ERROR;

	if (verdict->state == FINDING_CLEARED)
		return;
	if (verdict->state == FINDING_FINAL && !finding)
		top_findings_count(top, rules_group(join, attempt, verdict));
	whose = top_whose_of_attempt(join, attempt, &tuple);
	for (int i = 0; i < TOP_TABLE_COUNT; i++) {
		struct top_row *row = top_row_of(top, i, join, &whose, attempt->due_ns);

		if (!row)
			continue;
		/* the others were counted as attempts */
		row->failed += failed && attempt->subject->uncounted;
		row->rule = verdict->rule;
		row->severity = verdict->severity;
	}
}

static void take_finding(struct sink *sink, const struct join *join, const struct finding *finding)
{
	struct top_whose whose =
		top_whose_of(finding->owner_known ? &finding->owner : NULL, &finding->tuple,
			     subject_role_asks(finding->role), finding->netns);
	__u64 keys[TOP_TABLE_COUNT];

	for (int i = 0; i < TOP_TABLE_COUNT; i++)
		keys[i] = top_key(i, &whose);
	top_findings_take(sink->state, join, finding, keys);
}

const struct sink_ops sink_top_ops = {
	.attempt = take_attempt,
	.verdict = take_verdict,
	.finding = take_finding,
};

/* ---- figures of sockets ---- */

struct growth {
	__u64 bytes;
	__u64 again;
};

/* Since the look before; of one that was open before anybody looked nothing is known. */
static struct growth growth_of(const struct flow *flow)
{
	const struct event_flow *counts = &flow->counts;
	const struct flow_counted *looked = &flow->looked;

	if (!(flow->known & EVENT_K_FLOW) || !(flow->looked_known || flow->opened_ns))
		return (struct growth){ 0 };
	return (struct growth){
		.bytes = ns_between(looked->sent_bytes, counts->bytes_delivered) +
			 ns_between(looked->received_bytes, counts->bytes_received),
		.again = ns_between(looked->again, counts->retransmits),
	};
}

static struct top_whose whose_of_flow(const struct join *join, const struct flow *flow)
{
	bool client = !flow->role_known || flow->client;
	struct top_whose whose = top_whose_of(flow->owner, &flow->tuple, client, flow->netns);

	if (client)
		whose.name =
			join_looked_up(join, flow->owner, flow->netns, &flow->tuple, flow->seen_ns);
	return whose;
}

static void grow(struct top_row *row, const struct growth *growth)
{
	row->counted = true;
	row->again += growth->again;
	row->bytes += growth->bytes;
}

void top_take_ended(struct top *top, const struct join *join, const struct flow *flow)
{
	struct top_whose whose = whose_of_flow(join, flow);
	struct growth growth = growth_of(flow);

	/* one that never stood is an attempt, and nobody counts a refusal as a reset as well */
	if (flow->state == TCP_STATE_SYN_SENT)
		return;
	for (int i = 0; i < TOP_TABLE_COUNT; i++) {
		struct top_row *row = top_row_of(top, i, join, &whose, flow->ended_ns);

		if (!row)
			continue;
		grow(row, &growth);
		row->resets += flow->reset_received || flow->reset_sent;
	}
}

void top_look_begin(struct top *top)
{
	top->connections = 0;
	top->connections_seen = 0;
	for (int i = 0; i < TOP_TABLE_COUNT; i++) {
		for (size_t k = 0; k < TOP_ROWS_MOST; k++) {
			struct top_row *row = &top->rows[i][k];

			if (!row->counted)
				continue;
			row->open_now = 0;
			row->rtt_sum_us = 0;
			row->rtt_count = 0;
		}
	}
}

static void keep_connection(struct top *top, const struct join *join, const struct flow *flow)
{
	struct top_connection *connection = &top->kept[top->connections];
	struct text text = text_of(connection->name);
	bool client = !flow->role_known || flow->client;
	const char *arrow =
		top->options.ascii ? (client ? " -> " : " <- ") : (client ? " → " : " ← ");

	top->connections_seen++;
	if (top->connections == TOP_CONNECTIONS_MOST)
		return;
	top->connections++;
	*connection = (struct top_connection){
		.cookie = flow->cookie,
		.state = flow->state,
		.again = flow->counts.retransmits,
		.rtt_us = flow->counts.srtt_us,
		.sent_bytes = flow->counts.bytes_delivered,
		.received_bytes = flow->counts.bytes_received,
		.opened_ns = flow->opened_ns,
		.unread_bytes = flow->counts.unread_bytes,
		.unacked_bytes = flow->counts.unacked_bytes,
	};
	if (flow->owner && !(top->followed_table == TOP_PROCESSES)) {
		say_process(&text, flow->owner);
		text_add(&text, " ");
	}
	address_print_port(&text, flow->tuple.local, flow->tuple.local_port);
	text_add(&text, "%s", arrow);
	address_print_port(&text, flow->tuple.remote, flow->tuple.remote_port);
	add_namespace(&text, join, flow->netns);
}

void top_look_take(struct top *top, const struct join *join, const struct flow *flow)
{
	struct top_whose whose = whose_of_flow(join, flow);
	struct growth growth = growth_of(flow);

	for (int i = 0; i < TOP_TABLE_COUNT; i++) {
		struct top_row *row = top_row_of(top, i, join, &whose, top->looked_ns);

		if (!row)
			continue;
		grow(row, &growth);
		row->open_now++;
		if (flow->counts.srtt_us && (flow->known & EVENT_K_FLOW)) {
			row->rtt_sum_us += flow->counts.srtt_us;
			row->rtt_count++;
		}
		if (top->followed == row->key && top->followed_table == (enum top_table)i)
			keep_connection(top, join, flow);
	}
}

void top_look_end(struct top *top, __u64 now_ns)
{
	__u64 ns = top->looked_ns ? ns_between(top->looked_ns, now_ns) : 0;

	for (int i = 0; i < TOP_TABLE_COUNT; i++) {
		for (size_t k = 0; k < TOP_ROWS_MOST; k++) {
			struct top_row *row = &top->rows[i][k];

			if (!row->counted)
				continue;
			row->open = row->open_now;
			row->rtt_us =
				row->rtt_count ? (__u32)(row->rtt_sum_us / row->rtt_count) : 0;
			row->rate_known = ns;
			row->rate =
				ns ? row->bytes * 1000 / (ns / NS_PER_MS ? ns / NS_PER_MS : 1) : 0;
			row->bytes = 0;
		}
	}
	top->looked_ns = now_ns;
}

void top_follow(struct top *top, enum top_table table, __u64 key)
{
	top->followed_table = table;
	top->followed = key;
	top->connections = 0;
	top->connections_seen = 0;
}

/* ---- walks ---- */

const struct top_row *top_row_next(const struct top *top, enum top_table table, size_t *at)
{
	while (*at < TOP_ROWS_MOST) {
		const struct top_row *row = &top->rows[table][(*at)++];

		if (row->key)
			return row;
	}
	return NULL;
}

const struct top_connection *top_connection_at(const struct top *top, size_t index)
{
	return index < top->connections ? &top->kept[index] : NULL;
}

__u64 top_connections_seen(const struct top *top)
{
	return top->connections_seen;
}

__u64 top_gone(const struct top *top)
{
	return top->gone;
}
