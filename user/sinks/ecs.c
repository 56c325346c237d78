// SPDX-License-Identifier: GPL-2.0-or-later
/* ecs.c - a finding as a document of the Elastic Common Schema: docs/ecs.md has the table */

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "sinks/json_parts.h"
#include "sinks/sink.h"
#include "sinks/text.h"
#include "util/address.h"
#include "util/time.h"

#define ECS_VERSION "8.11.0"

/* What Elastic's own rules give to low, medium and high. */
static const __u64 severities[] = { 21, 47, 73 };

_Static_assert(SEVERITY_INFO == 0 && SEVERITY_ERROR == 2, "severities is indexed by it");

static void put_list(struct json *json, const char *key, const char *value)
{
	json_key(json, key);
	json_open(json, '[');
	json_string(json, value);
	json_close(json, ']');
}

static void put_event(struct json *json, const struct join *join, const struct finding *finding)
{
	bool protocol = finding->stage == STAGE_LOOKUP || finding->stage == STAGE_TLS;

	json_key(json, "event");
	json_open(json, '{');
	json_pair(json, "kind", "event");
	put_list(json, "category", "network");
	put_list(json, "type", protocol ? "protocol" : "connection");
	json_pair(json, "outcome", say_outcome(finding));
	json_pair(json, "module", "sockwhy");
	json_pair(json, "dataset", "sockwhy.finding");
	json_pair(json, "code", rule_id(finding->rule));
	json_put_hex(json, "id", finding->attempt);
	json_pair_unsigned(json, "severity", severities[finding->severity]);
	json_put_time(json, "start", join, finding->started_ns);
	if (finding->duration_known)
		json_pair_unsigned(json, "duration", finding->duration_us * NS_PER_US);
	json_pair_of(json, "reason", finding->cause, sizeof(finding->cause));
	json_close(json, '}');
}

/* Of what worked in the end there is none. */
static void put_error(struct json *json, const struct finding *finding)
{
	if (!strcmp(say_outcome(finding), "success"))
		return;
	json_key(json, "error");
	json_open(json, '{');
	json_put_errno(json, "code", finding->error);
	json_pair(json, "type", rule_id(finding->rule));
	json_pair_of(json, "message", finding->cause, sizeof(finding->cause));
	json_close(json, '}');
}

/* ---- who and where ---- */

static void put_host(struct json *json, const struct join *join)
{
	char buffer[40];
	struct text boot_id = text_of(buffer);

	if (!json_open_host(json, join, &boot_id))
		return;
	json_key(json, "boot");
	json_open(json, '{');
	json_pair(json, "id", buffer);
	json_close(json, '}');
	json_close(json, '}');
}

static void put_process(struct json *json, const struct join *join, const struct finding *finding)
{
	const struct event_owner *owner = &finding->owner;
	const struct ev_process *process = &finding->process;
	const struct event_parent *parent = &process->parents[0];
	char uid[16];
	struct text text = text_of(uid);

	json_key(json, "process");
	json_open(json, '{');
	json_pair_unsigned(json, "pid", owner->tgid);
	json_pair_of(json, "name", owner->leader[0] ? owner->leader : owner->comm,
		     sizeof(owner->comm));
	json_pair_of(json, "executable", process->exe[0] ? process->exe : owner->exe,
		     process->exe[0] ? sizeof(process->exe) : sizeof(owner->exe));
	json_pair_of(json, "command_line", process->command, sizeof(process->command));
	if (owner->start_ns)
		json_put_real_time(json, "start",
				   join_realtime_of_boottime_ns(join, owner->start_ns));
	json_key(json, "thread");
	json_open(json, '{');
	json_pair_unsigned(json, "id", owner->tid);
	json_pair_of(json, "name", owner->comm, sizeof(owner->comm));
	json_close(json, '}');
	json_key(json, "parent");
	json_open(json, '{');
	json_pair_unsigned(json, "pid", parent->tgid ? parent->tgid : owner->ppid);
	json_pair_of(json, "name", parent->comm, sizeof(parent->comm));
	json_close(json, '}');
	json_close(json, '}');
	json_key(json, "user");
	json_open(json, '{');
	json_pair(json, "id", text_add(&text, "%u", owner->uid));
	json_close(json, '}');
}

static void put_container(struct json *json, const struct ev_process *process)
{
	if (process->container[0]) {
		json_key(json, "container");
		json_open(json, '{');
		json_pair_of(json, "id", process->container, sizeof(process->container));
		json_pair_of(json, "name", process->container_name,
			     sizeof(process->container_name));
		json_close(json, '}');
	}
	if (!process->pod[0] && !process->pod_uid[0])
		return;
	json_key(json, "orchestrator");
	json_open(json, '{');
	json_pair(json, "type", "kubernetes");
	json_pair_of(json, "namespace", process->pod_namespace, sizeof(process->pod_namespace));
	json_key(json, "resource");
	json_open(json, '{');
	json_pair(json, "type", "pod");
	json_pair_of(json, "name", process->pod, sizeof(process->pod));
	json_pair_of(json, "id", process->pod_uid, sizeof(process->pod_uid));
	json_close(json, '}');
	json_close(json, '}');
}

/* ---- the connection ---- */

struct end {
	const __u8 *address;
	__u16 port;
	const char *name; /* NULL or "" unknown */
	const __u8 *nat; /* what it was translated to; NULL it was not */
	__u16 nat_port;
};

static void put_end(struct json *json, const char *key, const struct end *end)
{
	if (address_is_any(end->address) && !end->port)
		return;
	json_key(json, key);
	json_open(json, '{');
	json_put_address(json, "address", end->address);
	json_put_address(json, "ip", end->address);
	if (end->port)
		json_pair_unsigned(json, "port", end->port);
	json_pair(json, "domain", end->name);
	if (end->nat) {
		json_key(json, "nat");
		json_open(json, '{');
		json_put_address(json, "ip", end->nat);
		if (end->nat_port)
			json_pair_unsigned(json, "port", end->nat_port);
		json_close(json, '}');
	}
	json_close(json, '}');
}

/* Who began is the source. */
static void put_ends(struct json *json, const struct finding *finding)
{
	const struct event_tuple *tuple = &finding->tuple;
	const struct end local = { .address = tuple->local, .port = tuple->local_port };
	struct end remote = { tuple->remote, tuple->remote_port, finding->name, NULL, 0 };
	bool client = subject_role_asks(finding->role);

	if (finding->asked_known) {
		remote.address = finding->asked;
		remote.port = finding->asked_port;
		remote.nat = tuple->remote;
		remote.nat_port = tuple->remote_port;
	}
	put_end(json, "source", client ? &local : &remote);
	put_end(json, "destination", client ? &remote : &local);
}

/* Of a Unix socket there is none; ARP has no transport. */
static void put_network(struct json *json, const struct finding *finding)
{
	const struct event_tuple *tuple = &finding->tuple;
	bool ip = tuple->protocol == IPPROTO_TCP || tuple->protocol == IPPROTO_UDP ||
		  tuple->protocol == IPPROTO_ICMPV6;

	if (tuple->family == AF_UNIX)
		return;
	json_key(json, "network");
	json_open(json, '{');
	json_pair(json, "type", !ip ? "arp" : tuple->family == AF_INET6 ? "ipv6" : "ipv4");
	if (ip)
		json_pair(json, "transport",
			  tuple->protocol == IPPROTO_ICMPV6 ? "ipv6-icmp" : json_protocol(tuple));
	if (finding->stage == STAGE_LOOKUP)
		json_pair(json, "protocol", "dns");
	if (!finding->captured)
		json_pair(json, "direction",
			  subject_role_asks(finding->role) ? "egress" : "ingress");
	json_put_community(json, tuple);
	json_close(json, '}');
}

/* ---- what the schema has no field for ---- */

static void put_own(struct json *json, const struct join *join, const struct finding *finding,
		    bool checks)
{
	json_key(json, "sockwhy");
	json_open(json, '{');
	json_pair_of(json, "summary", finding->summary, sizeof(finding->summary));
	json_pair(json, "stage", stage_name((enum stage)finding->stage));
	json_pair(json, "confidence", confidence_name(finding->confidence));
	json_pair(json, "state", finding_state_name(finding->state));
	json_pair(json, "ended", say_ended(finding));
	json_put_group(json, finding);
	if (finding->signal)
		json_pair(json, "signal", decode_signal_name(finding->signal));
	json_pair_of(json, "unit", finding->process.unit, sizeof(finding->process.unit));
	json_pair_of(json, "cgroup", finding->process.cgroup, sizeof(finding->process.cgroup));
	json_pair(json, "role", finding->role);
	if (finding->netns) {
		json_pair_unsigned(json, "netns", finding->netns);
		json_pair(json, "netns_name", join_netns_name(join, finding->netns));
	}
	json_pair_of(json, "interface", finding->interface, sizeof(finding->interface));
	json_pair_of(json, "socket_path", finding->socket_path, sizeof(finding->socket_path));
	if (checks)
		json_put_checks(json, finding);
}

static void put_head(struct json *json, const struct join *join, const struct finding *finding,
		     bool checks)
{
	char message[700];
	struct text headline = text_of(message);

	text_headline(&headline, join, finding);
	json_open(json, '{');
	json_put_time(json, "@timestamp", join, finding->time_ns);
	json_key(json, "ecs");
	json_open(json, '{');
	json_pair(json, "version", ECS_VERSION);
	json_close(json, '}');
	json_pair(json, "message", message);
	json_key(json, "log");
	json_open(json, '{');
	json_pair(json, "level", severity_name(finding->severity));
	json_close(json, '}');
	put_event(json, join, finding);
	put_error(json, finding);
	put_host(json, join);
	if (finding->owner_known)
		put_process(json, join, finding);
	put_container(json, &finding->process);
	put_ends(json, finding);
	put_network(json, finding);
	put_own(json, join, finding, checks);
}

static void put_tail(struct json *json, const struct finding *finding)
{
	json_put_counts(json, finding);
	json_close(json, '}');
	json_close(json, '}');
}

/* As many of a storm as JSON tells. */
static void ecs_told(struct sink *sink, const struct join *join, const struct finding *finding)
{
	static const struct json_shape shape = { put_head, put_tail };

	if (!storms_take(sink->state, finding) || finding->state == FINDING_FINAL)
		json_finding_as(sink, join, finding, &shape);
}

const struct sink_ops sink_ecs_ops = {
	.open = text_open_storms,
	.close = text_close_storms,
	.finding = ecs_told,
};
