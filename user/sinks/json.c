// SPDX-License-Identifier: GPL-2.0-or-later
/* json.c - a finding as one line of JSON */

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "sinks/community.h"
#include "sinks/json_parts.h"
#include "sinks/sink.h"
#include "util/array.h"
#include "util/time.h"

#define FACTS_MOST 12
#define ENTRIES_MOST (JOIN_EVIDENCE_MAX + FACTS_MOST)

_Static_assert(ARRAY_SIZE(((struct finding *)0)->facts) <= FACTS_MOST, "room for every fact");

static const char *const found_by[] = { "call", "socket-file", "listener" };

_Static_assert(OWNER_BY_CALL == 0 && OWNER_BY_LISTENER == 2 &&
		       ARRAY_SIZE(found_by) == OWNER_BY_COUNT,
	       "found_by is indexed by it");

/* ---- the parts of a finding ---- */

static void put_parents(struct json *json, const struct ev_process *process)
{
	if (!process->parents[0].tgid)
		return;
	json_key(json, "parents");
	json_open(json, '[');
	for (size_t i = 0; i < EVENT_PARENTS_MAX && process->parents[i].tgid; i++) {
		const struct event_parent *parent = &process->parents[i];

		json_open(json, '{');
		json_pair_unsigned(json, "pid", parent->tgid);
		json_pair_of(json, "comm", parent->comm, sizeof(parent->comm));
		json_close(json, '}');
	}
	json_close(json, ']');
}

/* @found: how it is known that it is this one; NULL nobody asks */
static void put_process(struct json *json, const struct join *join, const struct event_owner *owner,
			const char *exe, size_t exe_size, const struct ev_process *process,
			const char *found)
{
	json_key(json, "process");
	json_open(json, '{');
	json_pair_unsigned(json, "pid", owner->tgid);
	json_pair_unsigned(json, "tid", owner->tid);
	json_pair_unsigned(json, "ppid", owner->ppid);
	if (owner->start_ns)
		json_put_real_time(json, "start_time",
				   join_realtime_of_boottime_ns(join, owner->start_ns));
	json_pair_unsigned(json, "uid", owner->uid);
	json_pair_of(json, "comm", owner->comm, sizeof(owner->comm));
	json_pair_of(json, "name", owner->leader, sizeof(owner->leader));
	json_pair_of(json, "exe", exe, exe_size);
	if (process) {
		json_pair_of(json, "cgroup", process->cgroup, sizeof(process->cgroup));
		json_pair_of(json, "command", process->command, sizeof(process->command));
		put_parents(json, process);
	}
	json_pair(json, "found", found);
	json_close(json, '}');
}

const char *json_protocol(const struct event_tuple *tuple)
{
	if (tuple->family == AF_UNIX)
		return "unix";
	switch (tuple->protocol) {
	case IPPROTO_UDP:
		return "udp";
	case ETH_P_ARP:
		return "arp";
	case IPPROTO_ICMPV6:
		return "icmpv6";
	case IPPROTO_RAW: /* of all */
		return "ip";
	}
	return "tcp";
}

void json_put_community(struct json *json, const struct event_tuple *tuple)
{
	struct event_tuple shown = *tuple;
	char buffer[48];
	struct text text = text_of(buffer);

	if (!tuple->local_port || !tuple->remote_port || !json_address_set(tuple->local) ||
	    !json_address_set(tuple->remote))
		return;
	if (json->mask) { /* a hash that has no key: of what is shown */
		mask_address(json->mask, tuple->local, shown.local);
		mask_address(json->mask, tuple->remote, shown.remote);
	}
	community_print(&text, &shown);
	json_pair(json, "community_id", buffer);
}

static void put_connection(struct json *json, const struct join *join, const char *role,
			   __u32 netns, __u64 cookie, const struct event_tuple *tuple,
			   const struct finding *whole)
{
	const char *name = netns ? join_netns_name(join, netns) : NULL;

	json_key(json, "connection");
	json_open(json, '{');
	json_pair(json, "protocol", json_protocol(tuple));
	json_pair(json, "role", role);
	if (netns)
		json_pair_unsigned(json, "netns", netns);
	json_pair(json, "netns_name", name);
	if (cookie)
		json_pair_unsigned(json, "cookie", cookie);
	json_put_end(json, "local", tuple->local, tuple->local_port);
	json_put_end_named(json, "remote", tuple->remote, tuple->remote_port,
			   whole && !whole->asked_known ? whole->name : NULL);
	if (whole && whole->asked_known)
		json_put_end_named(json, "asked", whole->asked, whole->asked_port, whole->name);
	if (whole && whole->translated_known) {
		json_key(json, "translated");
		json_open(json, '{');
		json_put_end(json, "local", whole->translated.local, whole->translated.local_port);
		json_put_end(json, "remote", whole->translated.remote,
			     whole->translated.remote_port);
		json_close(json, '}');
	}
	if (whole) {
		json_pair_of(json, "path", whole->socket_path, sizeof(whole->socket_path));
		json_pair_of(json, "interface", whole->interface, sizeof(whole->interface));
	}
	json_put_community(json, tuple);
	json_close(json, '}');
}

void json_put_checks(struct json *json, const struct finding *finding)
{
	json_key(json, "check");
	json_open(json, '[');
	for (size_t i = 0; i < finding->checks_count; i++) {
		const struct check *check = &finding->checks[i];

		json_open(json, '{');
		json_pair_of(json, "on", check->on, sizeof(check->on));
		json_pair_of(json, "run", check->run, sizeof(check->run));
		json_pair_of(json, "why", check->why, sizeof(check->why));
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void put_related(struct json *json, const struct join *join, const struct finding *finding)
{
	if (!finding->related_count)
		return;
	json_key(json, "related");
	json_open(json, '[');
	for (size_t i = 0; i < finding->related_count; i++) {
		const struct party *party = &finding->related[i];
		const struct ev_process *process =
			party->owner_known ?
				join_process(join, party->owner.tgid, party->owner.start_ns) :
				NULL;

		json_open(json, '{');
		json_pair_of(json, "role", party->role, sizeof(party->role));
		if (party->owner_known)
			put_process(json, join, &party->owner, party->exe, sizeof(party->exe),
				    process, NULL);
		put_connection(json, join, NULL, party->netns, 0, &party->tuple, NULL);
		if (party->state)
			json_pair(json, "state", decode_state_name(party->state));
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void put_scope(struct json *json, const struct join *join, const struct finding *finding)
{
	const struct scope *scope = &finding->scope, *other = &finding->scope_other;

	if (!finding->scope_known)
		return;
	json_key(json, "scope");
	json_open(json, '{');
	json_pair_unsigned(json, "attempts", scope->openings);
	json_pair_unsigned(json, "failures", scope->failures);
	json_put_time(json, "failing_since", join, scope->first_failure_ns);
	json_put_time(json, "last_success", join, scope->last_success_ns);
	if (finding->scope_other_port) {
		json_pair_unsigned(json, "other_port", finding->scope_other_port);
		json_pair_unsigned(json, "other_attempts", other->openings);
		json_pair_unsigned(json, "other_failures", other->failures);
	}
	json_pair_of(json, "text", finding->scope_text, sizeof(finding->scope_text));
	json_close(json, '}');
}

static void put_changed(struct json *json, const struct join *join, const struct finding *finding)
{
	if (!finding->changed_count)
		return;
	json_key(json, "changed");
	json_open(json, '[');
	for (size_t i = 0; i < finding->changed_count; i++) {
		const struct change *change = &finding->changed[i];

		json_open(json, '{');
		json_put_time(json, "time", join, change->ts_ns);
		json_pair(json, "what", say_change(change));
		json_key(json, "removed");
		json_bool(json, change->removed);
		if (change->pid)
			json_pair_unsigned(json, "pid", change->pid);
		json_pair_of(json, "text", change->text, sizeof(change->text));
		if (change->netns != finding->netns)
			json_pair_unsigned(json, "netns", change->netns);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void put_path(struct json *json, const struct finding *finding)
{
	const struct ev_fact *route = finding_path_fact(finding, FACT_ROUTE);
	const struct ev_fact *neighbor = finding_path_fact(finding, FACT_NEIGHBOR);
	char buffer[320];
	struct text text = text_of(buffer);

	if (!route)
		return;
	json_key(json, "path");
	json_open(json, '{');
	if (route->flags & FACT_F_ABSENT) {
		json_put_errno(json, "error", route->error < 0 ? -route->error : route->error);
	} else {
		json_pair_of(json, "interface", route->name, sizeof(route->name));
		json_put_address(json, "source",
				 json_address_set(route->address) ? route->address :
								    finding->tuple.local);
		json_put_address(json, "next_hop", route->address2);
		if (neighbor && !(neighbor->flags & FACT_F_ABSENT)) {
			json_pair(json, "neighbor", say_neighbor_state(neighbor->port));
			json_pair_of(json, "link_address", neighbor->text, sizeof(neighbor->text));
		}
		if (route->number > 0)
			json_pair_unsigned(json, "mtu", (__u64)route->number);
		if (route->limit > 0)
			json_pair_unsigned(json, "table", (__u64)route->limit);
		json_pair_of(json, "route", route->text, sizeof(route->text));
	}
	say_path(&text, finding);
	json_pair(json, "text", buffer);
	json_close(json, '}');
}

/* ---- evidence ---- */

/* Entries as finished JSON, so that the middle can give way when the line is full. */
struct entries {
	size_t count;
	size_t end[ENTRIES_MOST]; /* of each, in .text */
	char text[ENTRIES_MOST * 640];
};

static void put_evidence(struct json *json, const struct join *join, const struct finding *finding,
			 const struct evidence *seen)
{
	const struct interface *interface = NULL;
	char buffer[320];
	struct text text = text_of(buffer);
	__u64 offset_ns = ns_between(finding->started_ns, seen->ts_ns);

	if (seen->ifindex)
		interface = join_interface(join, seen->netns, seen->ifindex);
	json_open(json, '{');
	json_pair_unsigned(json, "offset_us", offset_ns / NS_PER_US);
	json_pair(json, "layer", evidence_layer(seen));
	json_pair(json, "event", evidence_event(seen));
	evidence_print(join, seen, 0, &text);
	json_pair(json, "text", buffer);
	if (seen->kind == EVENT_STATE) {
		json_pair(json, "old", decode_state_name(seen->old_state));
		json_pair(json, "new", decode_state_name(seen->new_state));
	}
	if (seen->direction != DIRECTION_NONE)
		json_pair(json, "direction", seen->direction == DIRECTION_OUT ? "out" : "in");
	if (interface)
		json_pair_of(json, "interface", interface->name, sizeof(interface->name));
	json_put_errno(json, "errno", seen->error < 0 ? -seen->error : seen->error);
	json_pair(json, "reason", say_reason(join, seen));
	if (seen->kind == EVENT_DROP && seen->location)
		json_pair(json, "location", join_name(join, NAME_SYMBOL, seen->location));
	json_close(json, '}');
}

static void put_fact(struct json *json, const struct finding *finding, const struct ev_fact *fact)
{
	__u64 offset_ns = ns_between(finding->started_ns, finding->time_ns);
	char buffer[320];
	struct text text = text_of(buffer);

	say_fact(&text, fact);
	json_open(json, '{');
	json_pair_unsigned(json, "offset_us", offset_ns / NS_PER_US);
	json_pair(json, "layer", "host");
	json_pair(json, "event", decode_fact_name(fact->what));
	json_pair(json, "text", buffer);
	json_close(json, '}');
}

static void entries_make(struct entries *entries, const struct join *join,
			 const struct finding *finding)
{
	struct json json = json_in(entries->text, sizeof(entries->text));

	entries->count = 0;
	for (size_t i = 0; i < finding->evidence_count + finding->facts_count; i++) {
		json.comma = false;
		if (i < finding->evidence_count)
			put_evidence(&json, join, finding, &finding->evidence[i]);
		else
			put_fact(&json, finding, &finding->facts[i - finding->evidence_count]);
		entries->end[entries->count++] = json.length;
	}
}

static size_t entry_size(const struct entries *entries, size_t i)
{
	return entries->end[i] - (i ? entries->end[i - 1] : 0);
}

/* Adds what fits in @room bytes, first and last ones before those of the middle. */
static void put_entries(struct json *json, const struct entries *entries, size_t omitted,
			size_t room)
{
	size_t head = 0, tail = entries->count, used = 0;

	while (head < tail) {
		bool front = head <= entries->count - tail;
		size_t i = front ? head : tail - 1;

		if (used + entry_size(entries, i) + 1 > room)
			break;
		used += entry_size(entries, i) + 1;
		head += front;
		tail -= !front;
	}
	json_key(json, "evidence");
	json_open(json, '[');
	for (size_t i = 0; i < entries->count; i++)
		if (i < head || i >= tail)
			json_ready(json, entries->text + entries->end[i] - entry_size(entries, i),
				   entry_size(entries, i));
	json_close(json, ']');
	omitted += tail - head;
	if (omitted)
		json_pair_unsigned(json, "omitted", omitted);
}

/* ---- the line of a finding ---- */

static void put_pod(struct json *json, const struct ev_process *process)
{
	if (!process->pod[0] && !process->pod_uid[0])
		return;
	json_key(json, "pod");
	json_open(json, '{');
	json_pair_of(json, "namespace", process->pod_namespace, sizeof(process->pod_namespace));
	json_pair_of(json, "name", process->pod, sizeof(process->pod));
	json_pair_of(json, "uid", process->pod_uid, sizeof(process->pod_uid));
	json_close(json, '}');
}

void json_put_group(struct json *json, const struct finding *finding)
{
	json_put_hex(json, "group",
		     json->mask ? mask_number(json->mask, finding->group) : finding->group);
}

static void put_head(struct json *json, const struct join *join, const struct finding *finding,
		     bool checks)
{
	json_put_begin(json, join, "finding", finding->time_ns);
	json_put_time(json, "started", join, finding->started_ns);
	json_put_host(json, join);
	json_pair(json, "finding", rule_id(finding->rule));
	json_pair(json, "stage", stage_name((enum stage)finding->stage));
	json_pair(json, "severity", severity_name(finding->severity));
	json_pair(json, "confidence", confidence_name(finding->confidence));
	json_pair(json, "state", finding_state_name(finding->state));
	json_pair(json, "ended", say_ended(finding));
	json_put_hex(json, "attempt", finding->attempt);
	json_put_group(json, finding);
	json_pair_of(json, "summary", finding->summary, sizeof(finding->summary));
	json_pair_of(json, "cause", finding->cause, sizeof(finding->cause));
	if (checks)
		json_put_checks(json, finding);
	json_put_errno(json, "errno", finding->error);
	if (finding->signal)
		json_pair(json, "signal", decode_signal_name(finding->signal));
	if (finding->duration_known)
		json_pair_unsigned(json, "duration_us", finding->duration_us);
	if (finding->owner_known)
		put_process(json, join, &finding->owner,
			    finding->process.exe[0] ? finding->process.exe : finding->owner.exe,
			    finding->process.exe[0] ? sizeof(finding->process.exe) :
						      sizeof(finding->owner.exe),
			    &finding->process, found_by[finding->owner_by]);
	json_pair_of(json, "unit", finding->process.unit, sizeof(finding->process.unit));
	if (finding->process.container[0]) {
		json_key(json, "container");
		json_open(json, '{');
		json_pair_of(json, "id", finding->process.container,
			     sizeof(finding->process.container));
		json_pair_of(json, "name", finding->process.container_name,
			     sizeof(finding->process.container_name));
		json_close(json, '}');
	}
	put_pod(json, &finding->process);
	put_connection(json, join, finding->role, finding->netns, finding->cookie, &finding->tuple,
		       finding);
}

void json_put_counts(struct json *json, const struct finding *finding)
{
	if (finding->blind) {
		json_key(json, "blind");
		json_open(json, '[');
		for (unsigned int bit = 0; bit < BLIND_COUNT; bit++)
			if (finding->blind & (1u << bit))
				json_string(json, blind_name(bit));
		json_close(json, ']');
	}
	json_pair_unsigned(json, "count", finding->count);
	json_pair_unsigned(json, "total", finding->total);
}

static void put_tail(struct json *json, const struct finding *finding)
{
	json_put_counts(json, finding);
	json_close(json, '}');
}

/*
 * Room for the rest of the line, when all that may go has gone. A line that is to be masked gets
 * half: addresses grow by it.
 */
#define TAIL_MOST 400

void json_finding_as(struct sink *sink, const struct join *join, const struct finding *finding,
		     const struct json_shape *shape)
{
	char line[LINE_MOST];
	struct entries entries;
	struct json json;

	entries_make(&entries, join, finding);
	/* names full of control characters grow six times: then the lesser parts give way */
	for (int spare = 0; spare < 3; spare++) {
		json = json_in(line, sizeof(line) / (sink->options.mask ? 2 : 1) - TAIL_MOST);
		json.mask = sink->options.mask;
		shape->head(&json, join, finding, spare < 2);
		if (spare < 1)
			put_related(&json, join, finding);
		if (finding->supersedes)
			json_pair(&json, "supersedes", rule_id(finding->supersedes));
		if (spare < 1) {
			put_scope(&json, join, finding);
			put_changed(&json, join, finding);
			put_path(&json, finding);
		}
		if (!json.cut)
			break;
	}
	put_entries(&json, &entries, finding->evidence_omitted,
		    json.size - json.length > 48 ? json.size - json.length - 48 : 0);
	json.size += TAIL_MOST;
	shape->tail(&json, finding);
	if (!json.cut)
		fprintf(sink->options.file, "%s\n", line);
}

void json_finding(struct sink *sink, const struct join *join, const struct finding *finding)
{
	static const struct json_shape shape = { put_head, put_tail };

	json_finding_as(sink, join, finding, &shape);
}
