// SPDX-License-Identifier: GPL-2.0-or-later
/* text.c - findings for people: one block each, and one line each (brief) */

#include <string.h>

#include "sinks/sink.h"
#include "util/address.h"
#include "util/array.h"

/* Evidence shown of one finding outside `run`; the middle gives way. */
#define SEEN_MOST 14

#define LABEL_WIDTH 7 /* "possible" and "listener" stand out by one */
#define LABEL_REST "              "

static const char *const severity_colors[] = {
	[SEVERITY_INFO] = "\033[36m",
	[SEVERITY_WARNING] = "\033[33m",
	[SEVERITY_ERROR] = "\033[31m",
};
_Static_assert(ARRAY_SIZE(severity_colors) == SEVERITY_COUNT, "a colour for every severity");

static const char *color(const struct sink *sink, const char *code)
{
	return sink->options.color ? code : "";
}

static void print(struct sink *sink, const struct text *text)
{
	fwrite(text->at, 1, text->length, sink->options.file);
}

/* "      seen    " */
static void add_label(const struct sink *sink, struct text *text, const char *label)
{
	static const char blanks[] = "        ";
	size_t length = strlen(label);

	text_add(text, "%s      %s%s%s", color(sink, "\033[2m"), label,
		 blanks + (length < LABEL_WIDTH ? length : LABEL_WIDTH), color(sink, "\033[0m"));
}

static void line(struct sink *sink, const char *label, const char *words)
{
	char buffer[64];
	struct text text = text_of(buffer);

	if (!words[0])
		return;
	add_label(sink, &text, label);
	print(sink, &text);
	fputs(words, sink->options.file);
	fputc('\n', sink->options.file);
}

/* ---- the first line ---- */

static void print_head(struct sink *sink, const struct join *join, const struct finding *finding)
{
	char head[1024], buffer[512];
	struct text text = text_of(head), part = text_of(buffer);

	say_time(&text, join, finding->time_ns, sink->options.utc);
	text_add(&text, " %s%s %s%s%s", color(sink, severity_colors[finding->severity]),
		 severity_name(finding->severity), color(sink, "\033[1m"), rule_id(finding->rule),
		 color(sink, "\033[0m"));
	if (finding->state != FINDING_FINAL)
		text_add(&text, " %s", finding_state_name(finding->state));

	say_owner(&part, finding);
	text_add(&text, "%s%s", buffer[0] ? "  " : "", buffer);
	part = text_of(buffer);
	say_connection(&part, finding, sink->options.ascii);
	text_add(&text, "%s%s", buffer[0] ? "  " : "", buffer);
	part = text_of(buffer);
	say_end(&part, finding);
	text_add(&text, "%s%s", buffer[0] ? "  " : "", buffer);
	if (finding->count > 1)
		text_add(&text, "  %s%llu", sink->options.ascii ? "x" : "×", finding->count);
	if (finding->total > finding->count)
		text_add(&text, " (%llu in all)", finding->total);
	print(sink, &text);
}

/* ---- evidence ---- */

static void add_offset(struct text *text, __u64 ts_ns, __u64 started_ns)
{
	__u64 us = ts_ns > started_ns ? (ts_ns - started_ns) / 1000 : 0;

	text_add(text, "+%llu.%03llu ms ", us / 1000, us % 1000);
}

static void print_seen(struct sink *sink, const struct join *join, const struct evidence *evidence,
		       __u64 started_ns, bool first)
{
	char buffer[512], words[320];
	struct text text = text_of(buffer), part = text_of(words);

	evidence_print(join, evidence, sink->options.ascii, &part);
	if (first)
		add_label(sink, &text, "seen");
	else
		text_add(&text, LABEL_REST);
	add_offset(&text, evidence->ts_ns, started_ns);
	text_add(&text, "%s %s\n", evidence_layer(evidence), words);
	print(sink, &text);
}

static void print_evidence(struct sink *sink, const struct join *join,
			   const struct evidence *evidence, size_t count, size_t omitted,
			   __u64 started_ns)
{
	size_t most = sink->options.timeline || count <= SEEN_MOST ? count : SEEN_MOST;
	size_t head = most == count ? count : most / 2;

	for (size_t i = 0; i < count; i++) {
		if (i == head)
			fprintf(sink->options.file, LABEL_REST "(%zu more)\n", count - most);
		if (i < head || i >= count - (most - head))
			print_seen(sink, join, &evidence[i], started_ns, i == 0);
	}
	if (omitted)
		fprintf(sink->options.file, LABEL_REST "(%zu more were not kept)\n", omitted);
}

/* ---- the rest ---- */

static void print_related(struct sink *sink, const struct join *join, const struct finding *finding)
{
	for (size_t i = 0; i < finding->related_count; i++) {
		char buffer[256];
		struct text text = text_of(buffer);

		say_party(&text, join, finding, &finding->related[i]);
		line(sink, finding->related[i].role, buffer);
	}
}

static void print_changed(struct sink *sink, const struct finding *finding)
{
	for (size_t i = 0; i < finding->changed_count; i++) {
		char buffer[256];
		struct text text = text_of(buffer);

		say_changed(&text, finding, &finding->changed[i]);
		line(sink, i ? "" : "changed", buffer);
	}
}

static void print_facts(struct sink *sink, const struct finding *finding)
{
	bool first = true;

	for (size_t i = 0; i < finding->facts_count; i++) {
		const struct ev_fact *fact = &finding->facts[i];
		char buffer[320];
		struct text text = text_of(buffer);

		if (say_fact_stands_above(finding, fact))
			continue;
		say_fact(&text, fact);
		line(sink, first ? "host" : "", buffer);
		first = false;
	}
}

static void print_checks(struct sink *sink, const struct finding *finding)
{
	for (size_t i = 0; i < finding->checks_count; i++) {
		const struct check *check = &finding->checks[i];
		char buffer[512];
		struct text text = text_of(buffer);

		if (finding->role &&
		    !strcmp(finding->role, "neighbor")) { /* not where the address is */
			text_add(&text, "on its network: ");
		} else if (strcmp(check->on, "local") != 0) {
			text_add(&text, "on ");
			address_print(&text, strcmp(check->on, "client") ? finding->tuple.remote :
									   finding->tuple.local);
			text_add(&text, ": ");
		}
		text_add(&text, "%s", check->run);
		if (check->why[0])
			text_add(&text, "%s%s", check->run[0] ? "   # " : "", check->why);
		line(sink, i ? "" : "check", buffer);
	}
}

static void print_blind(struct sink *sink, const struct finding *finding)
{
	char buffer[200];
	struct text text = text_of(buffer);

	say_blind(&text, finding);
	line(sink, "blind", buffer);
}

static void text_finding(struct sink *sink, const struct join *join, const struct finding *finding)
{
	char buffer[320];
	struct text text = text_of(buffer);

	print_head(sink, join, finding);
	fputc('\n', sink->options.file);
	line(sink, "what", finding->summary);
	line(sink, confidence_name(finding->confidence), finding->cause);
	if (finding->supersedes) {
		text_add(&text, "%s, told before", rule_id(finding->supersedes));
		line(sink, "instead", buffer);
	}
	line(sink, "scope", finding->scope_text);
	print_changed(sink, finding);
	print_related(sink, join, finding);
	print_evidence(sink, join, finding->evidence, finding->evidence_count,
		       finding->evidence_omitted, finding->started_ns);
	print_facts(sink, finding);
	text = text_of(buffer);
	say_path(&text, finding);
	line(sink, "path", buffer);
	print_checks(sink, finding);
	print_blind(sink, finding);
}

/* ---- what worked ---- */

static void text_worked(struct sink *sink, const struct join *join, const struct attempt *attempt)
{
	const struct opening *opening = attempt_decider(attempt);
	struct evidence evidence[JOIN_EVIDENCE_MAX];
	struct finding shown = { .role = "client" };
	char time[40], owner[160], connection[160], duration[32];
	struct text text = text_of(time);
	size_t count, omitted;

	if (!opening)
		return;
	shown.owner_known = attempt->owner_known;
	shown.owner = attempt->owner;
	shown.tuple = opening->tuple;
	shown.captured = opening->captured;
	say_time(&text, join, attempt->started_ns, sink->options.utc);
	text = text_of(owner);
	say_owner(&text, &shown);
	text = text_of(connection);
	say_connection(&text, &shown, sink->options.ascii);
	text = text_of(duration);
	if (opening->established_ns > opening->started_ns)
		say_duration(&text, (opening->established_ns - opening->started_ns) / 1000);
	fprintf(sink->options.file, "%s connected  %s%s%s%s%s\n", time, owner, owner[0] ? "  " : "",
		connection, duration[0] ? "  after " : "", duration);
	count = attempt_evidence(join, attempt, evidence, ARRAY_SIZE(evidence), &omitted);
	print_evidence(sink, join, evidence, count, omitted, attempt->started_ns);
}

/* ---- events ---- */

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
	text_add_foreign(text, owner->leader, sizeof(owner->leader));
	text_add(text, "[%u]", owner->tgid);
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

static void text_event(struct sink *sink, const struct join *join, const struct event *event)
{
	const struct interface *interface = NULL;
	char time[40], buffer[1200];
	struct text text = text_of(time);

	if (event->head.ifindex)
		interface = join_interface(join, event->head.netns, event->head.ifindex);
	say_time(&text, join, event->head.ts_ns, sink->options.utc);
	text = text_of(buffer);
	if (interface && event->head.kind != EVENT_INTERFACE)
		text_add(&text, "  %s", interface->name);
	if (event->packet.what != PACKET_NONE)
		print_packet(sink, &text, &event->packet);
	print_fields(sink, join, &text, event);
	if (event->head.netns && event->head.netns != join_netns_own(join))
		text_add(&text, "  netns %u", event->head.netns);
	fprintf(sink->options.file, "%s%s event %s%s%s\n", color(sink, "\033[2m"), time,
		decode_kind_name(event->head.kind), buffer, color(sink, "\033[0m"));
}

static void text_look(struct sink *sink, const struct join *join, const struct event *event,
		      unsigned int flag)
{
	const struct stream_look *look = join_look(join);
	char time[40], buffer[1200];
	struct text text = text_of(time);

	say_time(&text, join, event->head.ts_ns, sink->options.utc);
	text = text_of(buffer);
	if (event->head.kind == EVENT_FRAME)
		text_add(&text, "  frame %llu", event->frame.frame);
	print_packet(sink, &text, &event->packet);
	if (flag == LOOK_ALERT)
		text_add(&text, "  %s", tls_alert_name(join_tls_alert(join)->alert_bytes[1]));
	fprintf(sink->options.file, "%s%s event %s%s%s%s\n", color(sink, "\033[2m"), time,
		flag == LOOK_ALERT ? "alert" : stream_flag_name(flag), buffer,
		look->copy ? "  captured twice" : "", color(sink, "\033[0m"));
}

static void text_message(struct sink *sink, const struct join *join, const struct event *event,
			 const struct dns *dns)
{
	char time[40], buffer[1200];
	struct text text = text_of(time);

	say_time(&text, join, event->head.ts_ns, sink->options.utc);
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
	fprintf(sink->options.file, "%s%s event %s%s%s\n", color(sink, "\033[2m"), time,
		say_message(dns), buffer, color(sink, "\033[0m"));
}

static void text_lost(struct sink *sink, const struct join *join, const struct event *event,
		      __u64 total)
{
	char buffer[40];
	struct text text = text_of(buffer);

	say_time(&text, join, event->head.ts_ns, sink->options.utc);
	fprintf(sink->options.file, "%s %llu records %s so far:", buffer, total,
		event->head.kind == EVENT_LOST ? "lost" : "shed");
	for (unsigned int kind = 0; kind < EVENT_KIND_COUNT; kind++)
		if (event->lost.by_kind[kind])
			fprintf(sink->options.file, " %s %llu", decode_kind_name(kind) ?: "other",
				event->lost.by_kind[kind]);
	fputc('\n', sink->options.file);
}

const struct sink_ops sink_text_ops = {
	.event = text_event,
	.look = text_look,
	.message = text_message,
	.lost = text_lost,
	.finding = text_finding,
	.worked = text_worked,
};

/* ---- brief: one line a finding ---- */

static void brief_finding(struct sink *sink, const struct join *join, const struct finding *finding)
{
	print_head(sink, join, finding);
	fprintf(sink->options.file, "  %s\n", finding->summary);
}

const struct sink_ops sink_brief_ops = {
	.event = text_event,
	.lost = text_lost,
	.finding = brief_finding,
	.worked = text_worked,
};
