// SPDX-License-Identifier: GPL-2.0-or-later
/* otlp.c - a finding as a log record of OpenTelemetry, in the JSON of OTLP: docs/otlp.md has the table */

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "sinks/json_parts.h"
#include "sinks/sink.h"
#include "sinks/text.h"
#include "util/address.h"

/* SeverityNumber: INFO, WARN, ERROR. */
static const struct {
	__u64 number;
	const char *text;
} severities[] = { { 9, "INFO" }, { 13, "WARN" }, { 17, "ERROR" } };

_Static_assert(SEVERITY_INFO == 0 && SEVERITY_ERROR == 2, "severities is indexed by it");

/* How much of a finding is told: a line that is too long gives up evidence, then what to check. */
enum room { ROOM_WHOLE, ROOM_SOME, ROOM_LEAST, ROOM_COUNT };

#define EVIDENCE_OF_SOME 8

/* ---- attributes: unknown is absent ---- */

static void open_attribute(struct json *json, const char *key)
{
	json_open(json, '{');
	json_pair(json, "key", key);
	json_key(json, "value");
	json_open(json, '{');
}

static void close_attribute(struct json *json)
{
	json_close(json, '}');
	json_close(json, '}');
}

static void put_text_of(struct json *json, const char *key, const char *value, size_t size)
{
	if (!value || !size || !value[0])
		return;
	open_attribute(json, key);
	json_pair_of(json, "stringValue", value, size);
	close_attribute(json);
}

#define put_array(json, key, value) put_text_of(json, key, value, sizeof(value))

static void put_text(struct json *json, const char *key, const char *value)
{
	put_text_of(json, key, value, value ? strlen(value) : 0);
}

/* 64 bits are text in JSON (the mapping of Protocol Buffers). */
static void put_number_text(struct json *json, const char *key, __u64 value)
{
	char buffer[24];
	struct text text = text_of(buffer);

	json_pair(json, key, text_add(&text, "%llu", value));
}

static void put_number(struct json *json, const char *key, __u64 value)
{
	open_attribute(json, key);
	put_number_text(json, "intValue", value);
	close_attribute(json);
}

static void put_hex(struct json *json, const char *key, __u64 value)
{
	open_attribute(json, key);
	json_put_hex(json, "stringValue", value);
	close_attribute(json);
}

static void put_end(struct json *json, const char *address_key, const char *port_key,
		    const __u8 *address, __u16 port)
{
	char buffer[64];
	struct text text = text_of(buffer);

	if (address_is_any(address) && !port)
		return;
	address_print(&text, address);
	if (json_address_set(address))
		put_text(json, address_key, buffer);
	if (port)
		put_number(json, port_key, port);
}

static void open_list(struct json *json, const char *key)
{
	open_attribute(json, key);
	json_key(json, "arrayValue");
	json_open(json, '{');
	json_key(json, "values");
	json_open(json, '[');
}

static void put_entry(struct json *json, const char *value)
{
	json_open(json, '{');
	json_pair(json, "stringValue", value);
	json_close(json, '}');
}

static void close_list(struct json *json)
{
	json_close(json, ']');
	json_close(json, '}');
	close_attribute(json);
}

/* ---- the resource ---- */

static void put_resource(struct json *json, const struct join *join)
{
	char name[sizeof(((struct ev_start *)0)->host)], buffer[40];
	struct text boot_id = text_of(buffer);

	json_key(json, "resource");
	json_open(json, '{');
	json_key(json, "attributes");
	json_open(json, '[');
	put_text(json, "service.name", "sockwhy");
	if (json_say_host(json, join, name, &boot_id)) {
		put_array(json, "host.name", name);
		put_text(json, "sockwhy.boot_id", buffer);
	}
	json_close(json, ']');
	json_close(json, '}');
}

/* ---- a finding ---- */

static void put_process(struct json *json, const struct finding *finding)
{
	const struct event_owner *owner = &finding->owner;
	const struct ev_process *process = &finding->process;

	if (finding->owner_known) {
		put_number(json, "process.pid", owner->tgid);
		if (owner->ppid)
			put_number(json, "process.parent_pid", owner->ppid);
		if (owner->leader[0])
			put_array(json, "process.executable.name", owner->leader);
		else
			put_array(json, "process.executable.name", owner->comm);
		if (process->exe[0])
			put_array(json, "process.executable.path", process->exe);
		else
			put_array(json, "process.executable.path", owner->exe);
		put_array(json, "process.command_line", process->command);
		put_number(json, "process.user.id", owner->uid);
		put_number(json, "thread.id", owner->tid);
		put_array(json, "thread.name", owner->comm);
	}
	put_array(json, "container.id", process->container);
	put_array(json, "container.name", process->container_name);
	put_array(json, "k8s.namespace.name", process->pod_namespace);
	put_array(json, "k8s.pod.name", process->pod);
	put_array(json, "k8s.pod.uid", process->pod_uid);
	put_array(json, "sockwhy.unit", process->unit);
}

/* network.*: the ends as they are; server.*: whereto, as the process knows it */
static void put_connection(struct json *json, const struct finding *finding)
{
	const struct event_tuple *tuple = &finding->tuple;
	bool arp = strcmp(json_protocol(tuple), "arp") == 0;
	bool local_socket = tuple->family == AF_UNIX;

	put_text(json, "network.transport",
		 local_socket ? "unix" :
		 arp	      ? NULL :
				json_protocol(tuple));
	if (!local_socket && !arp)
		put_text(json, "network.type", tuple->family == AF_INET6 ? "ipv6" : "ipv4");
	if (finding->stage == STAGE_LOOKUP)
		put_text(json, "network.protocol.name", "dns");
	put_end(json, "network.local.address", "network.local.port", tuple->local,
		tuple->local_port);
	put_end(json, "network.peer.address", "network.peer.port", tuple->remote,
		tuple->remote_port);
	put_array(json, "sockwhy.socket_path", finding->socket_path);
	if (!subject_role_asks(finding->role))
		return;
	if (finding->asked_known)
		put_end(json, "sockwhy.asked.address", "sockwhy.asked.port", finding->asked,
			finding->asked_port);
	put_array(json, "server.address", finding->name);
}

static void put_evidence(struct json *json, const struct join *join, const struct finding *finding,
			 enum room room)
{
	size_t most = room == ROOM_WHOLE ? finding->evidence_count :
		      room == ROOM_SOME	 ? EVIDENCE_OF_SOME :
					   0;
	size_t count = finding->evidence_count < most ? finding->evidence_count : most;
	size_t omitted = finding->evidence_omitted + finding->evidence_count - count;

	if (count) {
		open_list(json, "sockwhy.evidence");
		for (size_t i = 0; i < count; i++) {
			const struct evidence *seen = &finding->evidence[i];
			char buffer[400];
			struct text text = text_of(buffer);

			text_add_offset(&text, seen->ts_ns, finding->started_ns);
			text_add(&text, "%s ", evidence_layer(seen));
			evidence_print(join, seen, 0, &text);
			put_entry(json, buffer);
		}
		for (size_t i = 0; i < finding->facts_count && room == ROOM_WHOLE; i++) {
			char buffer[320];
			struct text text = text_of(buffer);

			text_add(&text, "host ");
			say_fact(&text, &finding->facts[i]);
			put_entry(json, buffer);
		}
		close_list(json);
	}
	if (omitted)
		put_number(json, "sockwhy.omitted", omitted);
}

static void put_checks(struct json *json, const struct finding *finding)
{
	open_list(json, "sockwhy.check");
	for (size_t i = 0; i < finding->checks_count; i++) {
		const struct check *check = &finding->checks[i];
		char buffer[sizeof(*check) + 16];
		struct text text = text_of(buffer);

		put_entry(json, text_add(&text, "%s on %s: %s", check->run, check->on, check->why));
	}
	close_list(json);
}

static void put_verdict(struct json *json, const struct join *join, const struct finding *finding,
			enum room room)
{
	if (strcmp(say_outcome(finding), "success") != 0)
		put_text(json, "error.type", rule_id(finding->rule));
	put_text(json, "sockwhy.finding", rule_id(finding->rule));
	put_text(json, "sockwhy.stage", stage_name((enum stage)finding->stage));
	put_text(json, "sockwhy.confidence", confidence_name(finding->confidence));
	put_text(json, "sockwhy.state", finding_state_name(finding->state));
	put_text(json, "sockwhy.ended", say_ended(finding));
	if (finding->error > 0)
		put_text(json, "sockwhy.errno", decode_errno_name(finding->error));
	put_hex(json, "sockwhy.attempt", finding->attempt);
	put_hex(json, "sockwhy.group",
		json->mask ? mask_number(json->mask, finding->group) : finding->group);
	put_array(json, "sockwhy.summary", finding->summary);
	put_array(json, "sockwhy.cause", finding->cause);
	put_text(json, "sockwhy.role", finding->role);
	if (finding->duration_known)
		put_number(json, "sockwhy.duration_us", finding->duration_us);
	if (finding->netns)
		put_number(json, "sockwhy.netns", finding->netns);
	put_process(json, finding);
	put_connection(json, finding);
	if (room != ROOM_LEAST && finding->checks_count)
		put_checks(json, finding);
	put_evidence(json, join, finding, room);
	if (finding->blind) {
		open_list(json, "sockwhy.blind");
		for (unsigned int bit = 0; bit < BLIND_COUNT; bit++)
			if (finding->blind & (1u << bit))
				put_entry(json, blind_name(bit));
		close_list(json);
	}
	put_number(json, "sockwhy.count", finding->count);
	put_number(json, "sockwhy.total", finding->total);
}

static void put_record(struct json *json, const struct join *join, const struct finding *finding,
		       enum room room)
{
	__u64 time_ns = join_realtime_ns(join, finding->started_ns);
	__u64 observed_ns = join_realtime_ns(join, finding->time_ns);
	char message[700];
	struct text headline = text_of(message);

	text_headline(&headline, join, finding);
	json_open(json, '{');
	if (time_ns)
		put_number_text(json, "timeUnixNano", time_ns);
	if (observed_ns)
		put_number_text(json, "observedTimeUnixNano", observed_ns);
	json_pair_unsigned(json, "severityNumber", severities[finding->severity].number);
	json_pair(json, "severityText", severities[finding->severity].text);
	json_pair(json, "eventName", "sockwhy.finding");
	json_key(json, "body");
	json_open(json, '{');
	json_pair(json, "stringValue", message);
	json_close(json, '}');
	json_key(json, "attributes");
	json_open(json, '[');
	put_verdict(json, join, finding, room);
	json_close(json, ']');
	json_close(json, '}');
}

static void put_line(struct json *json, const struct join *join, const struct finding *finding,
		     enum room room)
{
	json_open(json, '{');
	json_key(json, "resourceLogs");
	json_open(json, '[');
	json_open(json, '{');
	put_resource(json, join);
	json_key(json, "scopeLogs");
	json_open(json, '[');
	json_open(json, '{');
	json_key(json, "scope");
	json_open(json, '{');
	json_pair(json, "name", "sockwhy");
	json_close(json, '}');
	json_key(json, "logRecords");
	json_open(json, '[');
	put_record(json, join, finding, room);
	json_close(json, ']');
	json_close(json, '}');
	json_close(json, ']');
	json_close(json, '}');
	json_close(json, ']');
	json_close(json, '}');
}

/* As many of a storm as JSON tells. */
static void otlp_told(struct sink *sink, const struct join *join, const struct finding *finding)
{
	char line[LINE_MOST];
	struct json json = { .cut = true };

	if (storms_take(sink->state, finding) && finding->state != FINDING_FINAL)
		return;
	for (enum room room = ROOM_WHOLE; room < ROOM_COUNT && json.cut; room++) {
		json = json_in(line, sizeof(line) / (sink->options.mask ? 2 : 1));
		json.mask = sink->options.mask;
		put_line(&json, join, finding, room);
	}
	if (!json.cut)
		fprintf(sink->options.file, "%s\n", line);
}

const struct sink_ops sink_otlp_ops = {
	.open = text_open_storms,
	.close = text_close_storms,
	.finding = otlp_told,
};
