// SPDX-License-Identifier: GPL-2.0-or-later
/* text.c - findings for people: one block each, and one line each (brief) */

#include <netinet/in.h>
#include <string.h>

#include "sinks/text.h"
#include "sinks/wrap.h"
#include "util/address.h"
#include "util/array.h"
#include "util/time.h"

/* Evidence shown of one finding outside `run`; the middle gives way. */
#define SEEN_MOST 10

#define LABEL_WIDTH 7 /* "possible" and "listener" stand out by one */
#define INDENT_HEAD 8
#define INDENT_LABEL 14

#define DIM "\033[2m"
#define BOLD "\033[1m"

static const char *const severity_colors[] = {
	[SEVERITY_INFO] = "\033[36m",
	[SEVERITY_WARNING] = "\033[33m",
	[SEVERITY_ERROR] = "\033[31m",
};
_Static_assert(ARRAY_SIZE(severity_colors) == SEVERITY_COUNT, "a colour for every severity");

const char *text_severity_color(__u8 severity)
{
	return severity_colors[severity];
}

const char *text_color(const struct sink *sink, const char *code)
{
	return sink->options.color ? code : "";
}

void text_clock(struct sink *sink, struct text *text, const struct join *join, __u64 ns)
{
	char day[sizeof(sink->day)];
	struct text date = text_of(day);

	/* lines of a file are found by grep, and the file may be a later one of several */
	if (!sink->options.width || !say_day(&date, join, ns, sink->options.utc)) {
		say_time(text, join, ns, sink->options.utc);
		return;
	}
	if (strcmp(day, sink->day) != 0) {
		memcpy(sink->day, day, sizeof(day));
		fprintf(sink->options.file, "%s%s%s\n", text_color(sink, DIM), day,
			text_color(sink, TEXT_PLAIN));
	}
	say_daytime(text, join, ns, sink->options.utc);
}

void text_add_label(const struct sink *sink, struct text *text, const char *label)
{
	static const char blanks[] = "        ";
	size_t length = strlen(label);

	text_add(text, "%s      %s%s%s", text_color(sink, DIM), label,
		 blanks + (length < LABEL_WIDTH ? length : LABEL_WIDTH),
		 text_color(sink, TEXT_PLAIN));
}

/* @keep: bytes of @words that stay in one piece */
static void line_kept(struct sink *sink, const char *label, const char *words, size_t keep)
{
	char buffer[1200];
	struct text text = text_of(buffer);

	if (!words[0])
		return;
	text_add_label(sink, &text, label);
	keep += text.length;
	text_add(&text, "%s", words);
	wrap_line(sink->options.file, buffer, sink->options.width, INDENT_LABEL, keep);
}

static void line(struct sink *sink, const char *label, const char *words)
{
	line_kept(sink, label, words, 0);
}

/* ---- the first line ---- */

/* "10:31:07.412+01:00 error  " */
static void add_begin(struct sink *sink, struct text *text, const struct join *join, __u64 ns,
		      __u8 severity)
{
	text_clock(sink, text, join, ns);
	text_add(text, " %s%-6s%s ", text_color(sink, severity_colors[severity]),
		 severity_name(severity), text_color(sink, TEXT_PLAIN));
}

static void add_id(const struct sink *sink, struct text *text, const struct rule *rule)
{
	text_add(text, "   %s%s%s", text_color(sink, DIM), rule_id(rule),
		 text_color(sink, TEXT_PLAIN));
}

/* What "curl does not read …" or "curl[4121] keeps …" goes on with behind "curl[4121]"; NULL: another begins. */
static const char *behind_name(const struct finding *finding)
{
	const struct event_owner *owner = &finding->owner;
	char buffer[100];
	struct text text = text_of(buffer);
	size_t length;

	if (finding->captured || !finding->owner_known)
		return NULL;
	say_process(&text, owner);
	length = text.length;
	if (strncmp(finding->summary, buffer, length) != 0)
		length = strrchr(buffer, '[') - buffer;
	if (!length || strncmp(finding->summary, buffer, length) != 0 ||
	    finding->summary[length] != ' ')
		return NULL;
	return finding->summary + length;
}

void text_headline(struct text *text, const struct join *join, const struct finding *finding)
{
	const char *rest = behind_name(finding);
	char buffer[200];
	struct text part = text_of(buffer);
	bool begins;

	say_who(text, join, finding);
	if (!finding->did) {
		text_add(text, "%s%s", text->length && !rest ? ": " : "",
			 rest ? rest : finding->summary);
		return;
	}
	text_add(text, " %s ", finding->did);
	say_target(text, finding);
	say_end(&part, finding);
	begins = !strncmp(buffer, "after ", 6); /* how it ended is not known, or it did not fail */
	text_add(text, "%s%s", buffer[0] ? begins ? ", " : ": " : "", buffer);
}

static void add_head(struct sink *sink, struct text *text, const struct join *join,
		     const struct finding *finding)
{
	char buffer[1000];
	struct text part = text_of(buffer);

	add_begin(sink, text, join, finding->time_ns, finding->severity);
	text_headline(&part, join, finding);
	text_add(text, "%s", buffer);
}

static void print_head(struct sink *sink, const struct text *text)
{
	wrap_line(sink->options.file, text->at, sink->options.width, INDENT_HEAD, 0);
}

/* ---- evidence ---- */

void text_add_offset(struct text *text, __u64 ts_ns, __u64 started_ns)
{
	__u64 us = ns_between(started_ns, ts_ns) / NS_PER_US;

	if (us < 10 * US_PER_S)
		text_add(text, "+%llu.%03llu ms ", us / US_PER_MS, us % US_PER_MS);
	else
		text_add(text, "+%llu.%03llu s ", us / US_PER_S, us / US_PER_MS % 1000);
}

/* One packet, seen at several interfaces. */
static bool is_same_packet(const struct evidence *a, const struct evidence *b)
{
	return a->kind == EVENT_PACKET && b->kind == EVENT_PACKET && !a->frame && !b->frame &&
	       a->packet_what == PACKET_TCP && b->packet_what == PACKET_TCP &&
	       a->direction == b->direction && a->tcp_flags == b->tcp_flags && a->seq == b->seq &&
	       a->ack == b->ack && a->payload_bytes == b->payload_bytes &&
	       (a->ifindex != b->ifindex || a->netns != b->netns) && b->ts_ns >= a->ts_ns &&
	       b->ts_ns - a->ts_ns < NS_PER_MS;
}

#define ALIKE_FROM 3 /* as many lines without news are one */

/* How many, from the first on, are the same line again, but for when: of a queue that drops, say. */
static size_t count_alike(const struct join *join, const struct evidence *evidence, size_t left,
			  unsigned int how, const char *words)
{
	size_t alike = 1;
	char buffer[320];

	if (!(how & EVIDENCE_SHORT) || evidence->kind == EVENT_PACKET)
		return 1;
	for (; alike < left && evidence[alike].kind == evidence->kind; alike++) {
		struct text text = text_of(buffer);

		evidence_print(join, &evidence[alike], how, &text);
		if (strcmp(buffer, words) != 0)
			break;
	}
	return alike < ALIKE_FROM ? 1 : alike;
}

/* Returns how many of @evidence are told by this line. */
static size_t print_seen(struct sink *sink, const struct join *join,
			 const struct evidence *evidence, size_t left, __u64 started_ns, bool first)
{
	unsigned int how = (sink->options.ascii ? EVIDENCE_ASCII : 0) |
			   (sink->options.details ? 0 : EVIDENCE_SHORT);
	char buffer[700], words[320], place[100];
	struct text text = text_of(buffer), part = text_of(words);
	size_t same = 1;

	evidence_print(join, evidence, how, &part);
	if (first)
		text_add_label(sink, &text, "seen");
	else
		text_add(&text, TEXT_LABEL_REST);
	text_add_offset(&text, evidence->ts_ns, started_ns);
	text_add(&text, "%s %s", evidence_layer(evidence), words);
	same = count_alike(join, evidence, left, how, words);
	if (same > 1) {
		text_add(&text, "  %zu times, for ", same);
		say_duration(&text,
			     ns_between(evidence->ts_ns, evidence[same - 1].ts_ns) / NS_PER_US);
	}
	if ((how & EVIDENCE_SHORT) && evidence->kind == EVENT_PACKET) {
		while (same < left && is_same_packet(evidence, &evidence[same]))
			same++;
		for (size_t i = 0; i < same; i++) {
			part = text_of(place);
			evidence_print_place(join, &evidence[i], &part);
			text_add(&text, "%s%s", place[0] ? i ? ", " : "  " : "", place);
		}
	}
	wrap_line(sink->options.file, buffer, sink->options.width, TEXT_INDENT_SEEN, 0);
	return same;
}

static void print_evidence(struct sink *sink, const struct join *join,
			   const struct evidence *evidence, size_t count, size_t omitted,
			   __u64 started_ns)
{
	size_t most = sink->options.timeline || count <= SEEN_MOST ? count : SEEN_MOST;
	size_t head = most == count ? count : most / 2, tail = count - (most - head);

	for (size_t i = 0; i < head;)
		i += print_seen(sink, join, &evidence[i], head - i, started_ns, i == 0);
	if (tail > head)
		fprintf(sink->options.file, TEXT_LABEL_REST "(%zu more)\n", tail - head);
	for (size_t i = tail; i < count;)
		i += print_seen(sink, join, &evidence[i], count - i, started_ns, false);
	if (omitted)
		fprintf(sink->options.file, TEXT_LABEL_REST "(%zu more were not kept)\n", omitted);
}

/* ---- the rest ---- */

static void print_related(struct sink *sink, const struct join *join, const struct finding *finding)
{
	for (size_t i = 0; i < finding->related_count; i++) {
		char buffer[256];
		struct text text = text_of(buffer);

		if (say_party_stands_above(finding, &finding->related[i]))
			continue;
		say_party(&text, join, finding, &finding->related[i]);
		line(sink, finding->related[i].role, buffer);
	}
}

static void print_changed(struct sink *sink, const struct join *join, const struct finding *finding)
{
	for (size_t i = 0; i < finding->changed_count; i++) {
		char buffer[256];
		struct text text = text_of(buffer);

		say_changed(&text, join, finding, &finding->changed[i]);
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
		size_t command;

		if (finding->checks_on) {
			text_add(&text, "on %s: ", finding->checks_on);
		} else if (strcmp(check->on, "local") != 0) {
			text_add(&text, "on ");
			if (!strcmp(check->on, "remote"))
				address_print(&text, finding->tuple.remote);
			else if (!strcmp(check->on, "client"))
				address_print(&text, finding->tuple.local);
			else
				text_add(&text, "%s", check->on);
			text_add(&text, ": ");
		}
		text_add(&text, "%s", check->run);
		command = text.length;
		if (check->why[0])
			text_add(&text, "%s%s", check->run[0] ? "   # " : "", check->why);
		line_kept(sink, i ? "" : "check", buffer, check->run[0] ? command : 0);
	}
}

static void print_scope(struct sink *sink, const struct join *join, const struct finding *finding)
{
	char buffer[240];
	struct text text = text_of(buffer);

	if (finding->scope_known && finding->scope.openings == 1 && !finding->scope_other_port)
		return; /* of one, and this is it */
	say_scope(&text, join, finding, sink->options.utc);
	line(sink, "scope", buffer);
}

/* Between whom, where the first line does not say so; else the way there. */
static void print_path(struct sink *sink, const struct finding *finding)
{
	const struct event_tuple *tuple = &finding->tuple;
	bool both = tuple->local_port && tuple->remote_port;
	char buffer[700];
	struct text text = text_of(buffer);

	if (!finding->did) {
		say_connection(&text, finding, sink->options.ascii);
		if (!both && strstr(finding->summary, buffer))
			text = text_of(buffer);
		if (text.length && finding->duration_known && !finding->error) {
			text_add(&text, tuple->protocol == IPPROTO_UDP ? ", for " : ", open for ");
			say_duration(&text, finding->duration_us);
		}
		line(sink, both ? "between" : "at", buffer);
		text = text_of(buffer);
	}
	say_path(&text, finding);
	/* "unreachable", "no route: ENETUNREACH" */
	if (!strncmp(buffer, "no route", 8) ?
		    !strncmp(finding->cause, buffer, 8) :
		    !strchr(buffer, ' ') && strstr(finding->cause, buffer))
		text = text_of(buffer);
	if (finding->did && finding->owner_known && finding->tuple.local_port &&
	    finding->tuple.remote_port)
		text_add(&text, "%sfrom port %u", text.length ? ", " : "",
			 finding->tuple.local_port);
	if (finding->did && finding->translated_known &&
	    (finding->translated.local_port != finding->tuple.local_port ||
	     !address_equal(finding->translated.local, finding->tuple.local))) {
		text_add(&text, "%stranslated to ", text.length ? ", " : "");
		address_print_port(&text, finding->translated.local,
				   finding->translated.local_port);
	}
	line(sink, "path", buffer);
}

static void print_blind(struct sink *sink, const struct finding *finding)
{
	char buffer[200];
	struct text text = text_of(buffer);

	say_blind(&text, finding);
	line(sink, "blind", buffer);
}

/* What stands out. */
static void print_cause(struct sink *sink, const struct finding *finding)
{
	char buffer[600];
	struct text text = text_of(buffer);

	if (!finding->cause[0])
		return;
	text_add(&text, "%s%s%s", text_color(sink, BOLD), finding->cause,
		 text_color(sink, TEXT_PLAIN));
	line(sink, confidence_name(finding->confidence), buffer);
}

/* An early word, or that nobody waits any more: one line. */
static void print_early(struct sink *sink, const struct join *join, const struct finding *finding)
{
	char buffer[1400];
	struct text text = text_of(buffer);

	add_head(sink, &text, join, finding);
	if (finding->state == FINDING_PENDING && finding->cause[0])
		text_add(&text, "; %s: %s", confidence_name(finding->confidence), finding->cause);
	else if (finding->cause[0])
		text_add(&text, ": %s", finding->cause);
	add_id(sink, &text, finding->rule);
	text_add(&text, " %s", finding_state_name(finding->state));
	print_head(sink, &text);
}

/* "…; again 7 times, 8 in all since 10:29:51+01:00" */
static void print_again(struct sink *sink, const struct join *join, const struct finding *finding)
{
	char buffer[1400], headline[700];
	struct text text = text_of(buffer), part = text_of(headline);

	add_begin(sink, &text, join, finding->time_ns, finding->severity);
	text_add(&text, "again: ");
	text_headline(&part, join, finding);
	text_add(&text, "%s", headline);
	if (finding->count > 1)
		text_add(&text, "; %llu times", finding->count);
	text_add(&text, "%s %llu in all", finding->count > 1 ? "," : ";", finding->total);
	if (finding->first_ns) {
		text_add(&text, " since ");
		say_since(&text, join, finding->first_ns, sink->options.utc);
	}
	add_id(sink, &text, finding->rule);
	print_head(sink, &text);
}

void text_tell_block(struct sink *sink, const struct join *join, const struct finding *finding)
{
	char buffer[1600];
	struct text text = text_of(buffer);

	add_head(sink, &text, join, finding);
	add_id(sink, &text, finding->rule);
	print_head(sink, &text);
	print_cause(sink, finding);
	print_checks(sink, finding);
	print_scope(sink, join, finding);
	print_changed(sink, join, finding);
	if (finding->did)
		line(sink, "what", finding->summary);
	if (finding->supersedes) {
		text = text_of(buffer);
		text_add(&text, "%s, told before", rule_id(finding->supersedes));
		line(sink, "instead", buffer);
	}
	print_related(sink, join, finding);
	print_evidence(sink, join, finding->evidence, finding->evidence_count,
		       finding->evidence_omitted, finding->started_ns);
	print_facts(sink, finding);
	print_path(sink, finding);
	print_blind(sink, finding);
}

static void text_finding(struct sink *sink, const struct join *join, const struct finding *finding)
{
	if (storms_take(sink->state, finding))
		return;
	if (finding->state != FINDING_FINAL)
		print_early(sink, join, finding);
	else if (finding->total > 1)
		print_again(sink, join, finding);
	else
		text_tell_block(sink, join, finding);
}

/* ---- storms ---- */

static void print_storm(struct sink *sink, const struct join *join, const struct storm *storm)
{
	char buffer[1600];
	struct text text = text_of(buffer);

	add_begin(sink, &text, join, storm->last_ns, storm->severity);
	text_add_storm(sink, &text, join, storm);
	add_id(sink, &text, storm->rule);
	print_head(sink, &text);
}

static void text_verdict(struct sink *sink, const struct join *join, const struct attempt *attempt,
			 const struct verdict *verdict, const struct finding *finding)
{
	(void)finding;
	text_count_storm(sink, join, attempt, verdict, print_storm);
}

static int text_end(struct sink *sink, const struct join *join)
{
	text_tell_storms(sink, join, print_storm);
	text_tell_timelines(sink, join);
	return 0;
}

const struct sink_ops sink_text_ops = {
	.open = text_open_storms,
	.close = text_close_storms,
	.event = text_event,
	.look = text_look,
	.message = text_message,
	.lost = text_lost,
	.heartbeat = text_heartbeat,
	.finding = text_finding,
	.verdict = text_verdict,
	.end = text_end,
};
