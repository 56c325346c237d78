// SPDX-License-Identifier: GPL-2.0-or-later
/* json_lines.c - events, what was lost and the summary as lines of JSON */

#include <string.h>

#include "sinks/json_parts.h"
#include "sinks/text.h"
#include "util/time.h"

static void put_field(struct json *json, const struct field *field, const struct event *event)
{
	const char *body = (const char *)event + sizeof(event->head);
	char buffer[600];
	struct text text = text_of(buffer);
	__u64 number = 0;

	switch ((enum field_type)field->type) {
	case FIELD_RAW:
	case FIELD_BYTES:
	case FIELD_TYPE_COUNT:
		return;
	case FIELD_U8:
	case FIELD_U16:
	case FIELD_U32:
	case FIELD_U64:
		memcpy(&number, body + field->offset, field->size <= 8 ? field->size : 8);
		json_pair_unsigned(json, field->name, number);
		return;
	case FIELD_S32:
	case FIELD_S64: {
		__s32 narrow = 0;
		__s64 wide = 0;

		if (field->size == sizeof(narrow)) {
			memcpy(&narrow, body + field->offset, sizeof(narrow));
			wide = narrow;
		} else {
			memcpy(&wide, body + field->offset, sizeof(wide));
		}
		json_key(json, field->name);
		json_number(json, wide);
		return;
	}
	case FIELD_TEXT:
		json_pair_of(json, field->name, body + field->offset, field->size);
		return;
	case FIELD_ADDRESS:
	case FIELD_STATE:
	case FIELD_ERRNO:
	case FIELD_FLAGS:
	case FIELD_NAME:
		field_print(&text, field, body);
		json_pair(json, field->name, buffer);
		return;
	}
}

static void put_packet(struct json *json, const struct packet *packet)
{
	char buffer[200];
	struct text text = text_of(buffer);

	json_key(json, "packet");
	json_open(json, '{');
	json_put_end(json, "source", packet->source, packet->source_port);
	json_put_end(json, "destination", packet->destination, packet->destination_port);
	packet_print(&text, packet);
	json_pair(json, "text", buffer);
	json_close(json, '}');
}

static void json_event(struct sink *sink, const struct join *join, const struct event *event)
{
	const struct field *field = decode_fields(event->head.kind);
	const struct interface *interface = NULL;
	char line[LINE_MOST];
	struct json json = json_in(line, sizeof(line) / (sink->options.mask ? 2 : 1));

	if (event->head.ifindex)
		interface = join_interface(join, event->head.netns, event->head.ifindex);
	json_put_begin(&json, join, "event", event->head.ts_ns);
	json_pair(&json, "event", decode_kind_name(event->head.kind));
	if (event->head.kind == EVENT_FRAME)
		json_pair_unsigned(&json, "frame", event->frame.frame);
	json_pair(&json, "vantage", decode_vantage_name(event->head.vantage));
	if (event->head.netns)
		json_pair_unsigned(&json, "netns", event->head.netns);
	if (event->head.cookie)
		json_pair_unsigned(&json, "cookie", event->head.cookie);
	if (interface)
		json_pair_of(&json, "interface", interface->name, sizeof(interface->name));
	if (event->packet.what != PACKET_NONE)
		put_packet(&json, &event->packet);
	json_key(&json, "fields");
	json_open(&json, '{');
	for (; field && field->name; field++)
		if (!field->known || (event->head.known & field->known))
			put_field(&json, field, event);
	json_close(&json, '}');
	json_close(&json, '}');
	if (!json.cut)
		fprintf(sink->options.file, "%s\n", line);
}

static void json_look(struct sink *sink, const struct join *join, const struct event *event,
		      unsigned int flag)
{
	const struct stream_look *look = join_look(join);
	const struct stream *stream = look->stream;
	const struct interface *interface = NULL;
	char line[2048];
	struct json json = json_in(line, sizeof(line));

	if (event->head.ifindex)
		interface = join_interface(join, event->head.netns, event->head.ifindex);
	json_put_begin(&json, join, "event", event->head.ts_ns);
	json_pair(&json, "event", flag == LOOK_ALERT ? "alert" : stream_flag_name(flag));
	if (event->head.kind == EVENT_FRAME)
		json_pair_unsigned(&json, "frame", event->frame.frame);
	json_pair(&json, "vantage", decode_vantage_name(event->head.vantage));
	if (event->head.netns)
		json_pair_unsigned(&json, "netns", event->head.netns);
	if (interface)
		json_pair_of(&json, "interface", interface->name, sizeof(interface->name));
	put_packet(&json, &event->packet);
	json_key(&json, "fields");
	json_open(&json, '{');
	if (event->head.kind == EVENT_FRAME)
		json_pair_unsigned(&json, "file", event->frame.file);
	json_pair_unsigned(&json, "stream", stream->number);
	if (stream->ends->client_known)
		json_pair(&json, "from", look->from == stream->ends->client ? "client" : "server");
	if (look->copy)
		json_pair_unsigned(&json, "copy", 1);
	if (flag == LOOK_ALERT) {
		const __u8 *alert = join_tls_alert(join)->alert_bytes;

		json_pair(&json, "layer", "tls");
		json_pair_unsigned(&json, "level", alert[0]);
		json_pair(&json, "alert", tls_alert_name(alert[1]));
	}
	json_close(&json, '}');
	json_close(&json, '}');
	fprintf(sink->options.file, "%s\n", line);
}

/* A number where there is no name: one type per key, so both are text. */
static void put_named(struct json *json, const char *key, const char *name, unsigned int number)
{
	char buffer[16];
	struct text text = text_of(buffer);

	text_add(&text, "%u", number);
	json_pair(json, key, name ? name : buffer);
}

static void put_dns(struct json *json, const struct dns *dns)
{
	json_pair_unsigned(json, "id", dns->id);
	json_pair_of(json, "name", dns->name, sizeof(dns->name));
	put_named(json, "type", dns_type_name(dns->type), dns->type);
	if (dns->response)
		put_named(json, "rcode", dns_rcode_name(dns->rcode), dns->rcode);
	if (dns->truncated)
		json_pair_unsigned(json, "truncated", 1);
}

static void put_icmp(struct json *json, const struct packet *packet)
{
	json_pair_unsigned(json, "icmp_type", packet->icmp_type);
	json_pair_unsigned(json, "icmp_code", packet->icmp_code);
	if (packet->icmp_mtu)
		json_pair_unsigned(json, "mtu", packet->icmp_mtu);
	json_pair_unsigned(json, "protocol", packet->inner.protocol);
	json_put_address(json, "source", packet->inner.source);
	json_pair_unsigned(json, "source_port", packet->inner.source_port);
	json_put_address(json, "destination", packet->inner.destination);
	json_pair_unsigned(json, "destination_port", packet->inner.destination_port);
}

static void json_message(struct sink *sink, const struct join *join, const struct event *event,
			 const struct dns *dns)
{
	char line[4096];
	struct json json = json_in(line, sizeof(line));

	json_put_begin(&json, join, "event", event->head.ts_ns);
	json_pair(&json, "event", say_message(dns));
	json_pair_unsigned(&json, "frame", event->frame.frame);
	json_pair(&json, "vantage", decode_vantage_name(event->head.vantage));
	put_packet(&json, &event->packet);
	json_key(&json, "fields");
	json_open(&json, '{');
	json_pair_unsigned(&json, "file", event->frame.file);
	if (dns)
		put_dns(&json, dns);
	else
		put_icmp(&json, &event->packet);
	json_close(&json, '}');
	json_close(&json, '}');
	fprintf(sink->options.file, "%s\n", line);
}

static void put_kinds(struct json *json, const char *key, const __u64 *by_kind)
{
	json_key(json, key);
	json_open(json, '{');
	for (unsigned int kind = 0; kind < EVENT_KIND_COUNT; kind++)
		if (by_kind[kind] && decode_kind_name(kind))
			json_pair_unsigned(json, decode_kind_name(kind), by_kind[kind]);
	json_close(json, '}');
}

static void json_lost(struct sink *sink, const struct join *join, const struct event *event,
		      __u64 total)
{
	char line[2048];
	struct json json = json_in(line, sizeof(line));

	json.mask = sink->options.mask;
	json_put_begin(&json, join, "lost", event->head.ts_ns);
	json_put_host(&json, join);
	json_pair(&json, "why", event->head.kind == EVENT_LOST ? "full" : "shed");
	json_pair_unsigned(&json, "records", total);
	put_kinds(&json, "by_kind", event->lost.by_kind);
	json_close(&json, '}');
	fprintf(sink->options.file, "%s\n", line);
}

static void put_holds(struct json *json, const struct capture_summary *capture)
{
	if (!capture->handshakes && !capture->findings)
		return;
	json_key(json, "holds");
	json_open(json, '[');
	if (capture->handshakes)
		json_string(json, "handshakes");
	if (capture->findings)
		json_string(json, "findings");
	json_close(json, ']');
}

/* Every packet of the files is in one of these numbers. */
static void put_capture(struct json *json, const struct summary *summary)
{
	const struct join_counters *counters = summary->counters;

	json_key(json, "capture");
	json_open(json, '{');
	json_pair_unsigned(json, "files", summary->capture.files);
	json_pair_unsigned(json, "damaged", summary->capture.damaged);
	json_pair_unsigned(json, "packets", counters->frames + summary->capture.outside);
	json_pair_unsigned(json, "outside", summary->capture.outside);
	json_key(json, "unread");
	json_open(json, '{');
	for (unsigned int i = UNREAD_NONE + 1; i < UNREAD_COUNT; i++)
		json_pair_unsigned(json, decode_unread_name(i), counters->unread[i]);
	json_close(json, '}');
	json_pair_unsigned(json, "opaque", counters->opaque);
	json_pair_unsigned(json, "cut", counters->cut);
	json_pair_unsigned(json, "partial", summary->capture.partial);
	put_holds(json, &summary->capture);
	json_close(json, '}');
}

static void put_findings(struct json *json, const __u64 *findings)
{
	json_key(json, "findings");
	json_open(json, '{');
	for (int severity = SEVERITY_ERROR; severity >= 0; severity--)
		json_pair_unsigned(json, severity_name(severity), findings[severity]);
	json_close(json, '}');
}

static void json_heartbeat(struct sink *sink, const struct join *join,
			   const struct heartbeat *heartbeat)
{
	const struct join_counters *counters = heartbeat->counters;
	char line[1024];
	struct json json = json_in(line, sizeof(line));

	json.mask = sink->options.mask;
	json_put_begin(&json, join, "heartbeat", heartbeat->time_ns);
	json_put_host(&json, join);
	put_findings(&json, heartbeat->findings);
	json_pair_unsigned(&json, "duration_us", heartbeat->duration_ns / NS_PER_US);
	json_pair_unsigned(&json, "every_us", heartbeat->every_ns / NS_PER_US);
	json_pair_unsigned(&json, "records", counters->records);
	json_pair_unsigned(&json, "attempts", heartbeat->counted.attempts);
	json_pair_unsigned(&json, "failures", heartbeat->counted.failures);
	json_pair_unsigned(&json, "lost", counters->lost);
	json_pair_unsigned(&json, "suppressed", counters->suppressed);
	json_pair_unsigned(&json, "evicted", counters->evicted);
	json_pair_unsigned(&json, "failed_writes", heartbeat->failed_writes);
	if (heartbeat->memory_bytes)
		json_pair_unsigned(&json, "memory_bytes", heartbeat->memory_bytes);
	json_pair_unsigned(&json, "cpu_us", heartbeat->cpu_ns / NS_PER_US);
	json_close(&json, '}');
	fprintf(sink->options.file, "%s\n", line);
}

static void json_summary(struct sink *sink, const struct join *join, const struct summary *summary)
{
	const struct join_counters *counters = summary->counters;
	char line[2048];
	struct json json = json_in(line, sizeof(line));

	json.mask = sink->options.mask;
	json_put_begin(&json, join, "summary", join_now_ns(join));
	json_put_host(&json, join);
	put_findings(&json, summary->findings);
	json_pair_unsigned(&json, "duration_us", summary->duration_ns / NS_PER_US);
	json_pair_unsigned(&json, "records", counters->records);
	json_pair_unsigned(&json, "attempts", summary->counted.attempts);
	json_pair_unsigned(&json, "failures", summary->counted.failures);
	json_pair_unsigned(&json, "connections", summary->counted.openings);
	if (join_follows_segments(join))
		json_pair_unsigned(&json, "streams", conns_streams_seen(join_conns(join)));
	json_pair_unsigned(&json, "lost", counters->lost);
	json_pair_unsigned(&json, "suppressed", counters->suppressed);
	json_pair_unsigned(&json, "bad", counters->bad);
	json_pair_unsigned(&json, "evicted", counters->evicted);
	json_pair_unsigned(&json, "expired", counters->expired);
	if (storms_waiting_untold(sink->state))
		json_pair_unsigned(&json, "waiting_untold", storms_waiting_untold(sink->state));
	json_key(&json, "early_end");
	json_bool(&json, summary->early_end);
	if (summary->capture.files)
		put_capture(&json, summary);
	json_close(&json, '}');
	fprintf(sink->options.file, "%s\n", line);
}

/* Every failure is told, or counted in its group; of a storm of what only waits the first. */
static void json_told(struct sink *sink, const struct join *join, const struct finding *finding)
{
	if (!storms_take(sink->state, finding) || finding->state == FINDING_FINAL)
		json_finding(sink, join, finding);
}

const struct sink_ops sink_json_ops = {
	.open = text_open_storms,
	.close = text_close_storms,
	.event = json_event,
	.look = json_look,
	.message = json_message,
	.lost = json_lost,
	.finding = json_told,
	.heartbeat = json_heartbeat,
	.summary = json_summary,
};
