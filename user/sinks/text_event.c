// SPDX-License-Identifier: GPL-2.0-or-later
/* text_event.c - events for people, one line each (-v) */

#include <string.h>

#include "sinks/text.h"
#include "util/address.h"

static void print_packet(const struct sink *sink, struct text *text, const struct packet *packet)
{
	text_add(text, "  ");
	address_print_port(text, packet->source, packet->source_port);
	text_add(text, sink->options.ascii ? " -> " : " → ");
	address_print_port(text, packet->destination, packet->destination_port);
	text_add(text, "  ");
	packet_print(text, packet);
}

/* What a kind's table calls by these names is one thing for people: who, and from where to where. */
static bool field_is_part(const struct field *field, const char *whole)
{
	size_t length = strlen(whole);

	return !strncmp(field->name, whole, length) && field->name[length] == '.';
}

static bool is_nothing(const char *value)
{
	return !value[0] || !strcmp(value, "0") || !strcmp(value, "0x0") || !strcmp(value, "::");
}

static void print_owner(struct text *text, const struct event_owner *owner)
{
	text_add(text, "  ");
	say_process(text, owner);
}

static void print_tuple(const struct sink *sink, struct text *text, const struct event_tuple *tuple)
{
	text_add(text, "  ");
	address_print_port(text, tuple->local, tuple->local_port);
	if (!tuple->remote_port && address_is_any(tuple->remote))
		return;
	text_add(text, sink->options.ascii ? " -> " : " → ");
	address_print_port(text, tuple->remote, tuple->remote_port);
}

/* The numbers that only the running kernel can name. */
static const char *kernel_name(const struct join *join, const struct event *event,
			       const struct field *field)
{
	if (!strcmp(field->name, "reason") && event->head.kind == EVENT_DROP)
		return join_name(join, NAME_DROP_REASON, event->drop.reason);
	if (!strcmp(field->name, "location") && event->head.kind == EVENT_DROP)
		return join_name(join, NAME_SYMBOL, event->drop.location);
	if (!strcmp(field->name, "reason") && event->head.kind == EVENT_RESET_SENT)
		return join_name(join, NAME_RESET_REASON, event->reset.reason);
	return NULL;
}

/* The fields of its kind by name; those that hold nothing are left out. */
static void print_fields(const struct sink *sink, const struct join *join, struct text *text,
			 const struct event *event)
{
	const char *body = (const char *)event + sizeof(event->head);
	const struct field *field = decode_fields(event->head.kind);
	bool packet = event->packet.what != PACKET_NONE;
	char buffer[300];

	for (; field && field->name; field++) {
		struct text value = text_of(buffer);
		const char *name = kernel_name(join, event, field);

		if (field->type == FIELD_RAW || field->type == FIELD_BYTES ||
		    (field->known && !(event->head.known & field->known)))
			continue;
		if (!strcmp(field->name, "owner.start_ns")) /* the first of its struct */
			print_owner(text, (const struct event_owner *)(body + field->offset));
		else if (!strcmp(field->name, "tuple.local") && !packet)
			print_tuple(sink, text, (const struct event_tuple *)(body + field->offset));
		if (field_is_part(field, "owner") || field_is_part(field, "tuple"))
			continue;
		field_print(&value, field, body);
		if (name || !is_nothing(buffer))
			text_add(text, "  %s %s", field->name, name ? name : buffer);
	}
}

void text_event(struct sink *sink, const struct join *join, const struct event *event)
{
	const struct interface *interface = NULL;
	char time[40], buffer[1200];
	struct text text = text_of(time);

	if (event->head.ifindex)
		interface = join_interface(join, event->head.netns, event->head.ifindex);
	text_clock(sink, &text, join, event->head.ts_ns);
	text = text_of(buffer);
	if (interface && event->head.kind != EVENT_INTERFACE) {
		text_add(&text, "  ");
		text_add_foreign(&text, interface->name, sizeof(interface->name));
	}
	if (event->packet.what != PACKET_NONE)
		print_packet(sink, &text, &event->packet);
	print_fields(sink, join, &text, event);
	if (event->head.netns && event->head.netns != join_netns_own(join))
		text_add(&text, "  netns %u", event->head.netns);
	fprintf(sink->options.file, "%s%s event %s%s%s\n", text_color(sink, "\033[2m"), time,
		decode_kind_name(event->head.kind), buffer, text_color(sink, "\033[0m"));
}

void text_look(struct sink *sink, const struct join *join, const struct event *event,
	       unsigned int flag)
{
	const struct stream_look *look = join_look(join);
	char time[40], buffer[1200];
	struct text text = text_of(time);

	text_clock(sink, &text, join, event->head.ts_ns);
	text = text_of(buffer);
	if (event->head.kind == EVENT_FRAME)
		text_add(&text, "  frame %llu", event->frame.frame);
	print_packet(sink, &text, &event->packet);
	if (flag == LOOK_ALERT)
		text_add(&text, "  %s", tls_alert_name(join_tls_alert(join)->alert_bytes[1]));
	fprintf(sink->options.file, "%s%s event %s%s%s%s\n", text_color(sink, "\033[2m"), time,
		flag == LOOK_ALERT ? "alert" : stream_flag_name(flag), buffer,
		look->copy ? "  captured twice" : "", text_color(sink, "\033[0m"));
}

void text_message(struct sink *sink, const struct join *join, const struct event *event,
		  const struct dns *dns)
{
	char time[40], buffer[1200];
	struct text text = text_of(time);

	text_clock(sink, &text, join, event->head.ts_ns);
	text = text_of(buffer);
	text_add(&text, "  frame %llu", event->frame.frame);
	print_packet(sink, &text, &event->packet);
	if (dns) {
		const char *type = dns_type_name(dns->type), *rcode = dns_rcode_name(dns->rcode);

		text_add(&text, "  id %u ", dns->id);
		text_add_foreign(&text, dns->name, sizeof(dns->name));
		text_add(&text, " %s", type ? type : "type");
		if (!type)
			text_add(&text, " %u", dns->type);
		if (dns->response && rcode)
			text_add(&text, " %s", rcode);
		else if (dns->response)
			text_add(&text, " rcode %u", dns->rcode);
		if (dns->truncated)
			text_add(&text, " truncated");
	}
	fprintf(sink->options.file, "%s%s event %s%s%s\n", text_color(sink, "\033[2m"), time,
		say_message(dns), buffer, text_color(sink, "\033[0m"));
}

void text_lost(struct sink *sink, const struct join *join, const struct event *event, __u64 total)
{
	char buffer[40];
	struct text text = text_of(buffer);

	text_clock(sink, &text, join, event->head.ts_ns);
	fprintf(sink->options.file, "%s %llu records %s so far:", buffer, total,
		event->head.kind == EVENT_LOST ? "lost" : "shed");
	for (unsigned int kind = 0; kind < EVENT_KIND_COUNT; kind++)
		if (event->lost.by_kind[kind])
			fprintf(sink->options.file, " %s %llu", decode_kind_name(kind) ?: "other",
				event->lost.by_kind[kind]);
	fputc('\n', sink->options.file);
}

void text_heartbeat(struct sink *sink, const struct join *join, const struct heartbeat *heartbeat)
{
	char buffer[300];
	struct text text = text_of(buffer);

	text_clock(sink, &text, join, heartbeat->time_ns);
	text_add(&text, " ");
	say_heartbeat(&text, heartbeat);
	fprintf(sink->options.file, "%s\n", buffer);
}
