// SPDX-License-Identifier: GPL-2.0-or-later
/* compare.c - two captures compared, for people: one block a connection, or one line */

#include "sinks/compare/compare_words.h"
#include "sinks/sink.h"
#include "util/address.h"
#include "util/array.h"
#include "util/time.h"

static const char *const severity_colors[] = {
	[SEVERITY_INFO] = "\033[36m",
	[SEVERITY_WARNING] = "\033[33m",
	[SEVERITY_ERROR] = "\033[31m",
};

static const char side_letters[] = { 'A', 'B' };
static const char *const way_names[] = { "client", "server" };

/* ---- counts ---- */

__u32 comparison_matched(const struct compare_way *way)
{
	__u32 sum = way->resegmented;

	for (unsigned int kind = 0; kind < COMPARE_KIND_COUNT; kind++)
		sum += way->matched[kind];
	return sum;
}

__u32 comparison_only(const struct compare_way *way, unsigned int side)
{
	__u32 sum = 0;

	for (unsigned int kind = 0; kind < COMPARE_KIND_COUNT; kind++)
		sum += way->only[side][kind].count;
	return sum;
}

__u32 comparison_unsure(const struct compare_way *way, unsigned int side)
{
	__u32 sum = way->unjudged[side];

	for (unsigned int kind = 0; kind < COMPARE_KIND_COUNT; kind++)
		sum += way->only[side][kind].unsure;
	return sum;
}

/* ---- changes ---- */

static void say_syn_option(struct text *text, const struct compare_syn *syn, __u16 option)
{
	if (!(syn->options & option))
		text_add(text, "none");
	else if (option == PACKET_F_MSS)
		text_add(text, "%u", syn->mss);
	else if (option == PACKET_F_WSCALE)
		text_add(text, "%u", syn->wscale);
	else
		text_add(text, "offered");
}

void comparison_say_change(struct text *text, const struct compare_result *result, unsigned int way,
			   unsigned int change, unsigned int side)
{
	const struct compare_way *w = &result->way[way];
	const struct compare_end *end = &result->end[side];

	switch ((enum compare_change)change) {
	case CHANGED_SOURCE:
		address_print(text, end->address[way]);
		return;
	case CHANGED_SOURCE_PORT:
		text_add(text, "%u", end->port[way]);
		return;
	case CHANGED_DESTINATION:
		address_print(text, end->address[!way]);
		return;
	case CHANGED_DESTINATION_PORT:
		text_add(text, "%u", end->port[!way]);
		return;
	case CHANGED_TTL:
		text_add(text, "%u", w->ttl[side]);
		return;
	case CHANGED_MSS:
		say_syn_option(text, &w->syn[side], PACKET_F_MSS);
		return;
	case CHANGED_WSCALE:
		say_syn_option(text, &w->syn[side], PACKET_F_WSCALE);
		return;
	case CHANGED_SACK:
		say_syn_option(text, &w->syn[side], PACKET_F_SACK);
		return;
	case CHANGED_TIMESTAMPS:
		say_syn_option(text, &w->syn[side], PACKET_F_TIMESTAMPS);
		return;
	case CHANGED_SEQUENCE:
		if (side)
			text_add(text, "+%u", w->sequence_added);
		return;
	case CHANGED_TIMESTAMP_VALUES:
	case CHANGED_IP_ID:
	case CHANGED_WINDOW:
	case CHANGED_PAYLOAD:
	case CHANGED_SEGMENTS:
	case COMPARE_CHANGE_COUNT:
		return;
	}
}

/* "mss 1460 in A, 1200 in B"; what has no value: "payload" */
static void add_change(struct text *text, const struct compare_result *result, unsigned int way,
		       unsigned int change)
{
	text_add(text, "%s%s", text->length ? ", " : "", compare_change_name(change));
	for (unsigned int side = 0; side < COMPARE_SIDES; side++) {
		char buffer[80];
		struct text value = text_of(buffer);

		comparison_say_change(&value, result, way, change, side);
		if (value.length)
			text_add(text, "%s %s in %c", side ? " ->" : "", buffer,
				 side_letters[side]);
	}
}

/* ---- one connection ---- */

static const char *arrow(const struct comparison_options *options)
{
	return options->ascii ? "->" : "→";
}

static void say_ends(struct text *text, const struct comparison_options *options,
		     const struct compare_end *end)
{
	address_print_port(text, end->address[0], end->port[0]);
	text_add(text, " %s ", arrow(options));
	address_print_port(text, end->address[1], end->port[1]);
}

static void line(const struct comparison_options *options, const char *label, const char *words)
{
	if (words[0])
		fprintf(options->file, "%s      %-7s%s %s\n", options->color ? "\033[2m" : "",
			label, options->color ? "\033[0m" : "", words);
}

/* "0.12 ms"; the clocks' uncertainty can make it negative */
static void add_delay(struct text *text, __s64 ns)
{
	if (ns < 0)
		text_add(text, "-");
	say_duration(text, (__u64)(ns < 0 ? -ns : ns) / NS_PER_US);
}

/* "2 in A only (1 SYN, 1 data; first frame 12)" */
static void add_only(struct text *text, const struct compare_way *way, unsigned int side)
{
	__u32 count = comparison_only(way, side), unsure = comparison_unsure(way, side);
	const char *separator = " (";
	__u64 first = 0;

	if (count)
		text_add(text, ", %u in %c only", count, side_letters[side]);
	for (unsigned int kind = 0; count && kind < COMPARE_KIND_COUNT; kind++) {
		const struct compare_only *only = &way->only[side][kind];

		if (!only->count)
			continue;
		text_add(text, "%s%u %s", separator, only->count, compare_kind_name(kind));
		separator = ", ";
		if (!first || only->first_frame < first)
			first = only->first_frame;
	}
	if (count)
		text_add(text, "; first is frame %llu)", first);
	if (unsure)
		text_add(text, ", %u in %c that cannot be told", unsure, side_letters[side]);
}

static void tell_way(const struct comparison_options *options, const struct compare_result *result,
		     const struct compare_clock *clock, unsigned int w)
{
	const struct compare_way *way = &result->way[w];
	__u32 matched = comparison_matched(way);
	struct compare_delay delay;
	char buffer[400];
	struct text text = text_of(buffer);

	text_add(&text, "%u packet%s in both", matched, matched == 1 ? "" : "s");
	add_only(&text, way, 0);
	add_only(&text, way, 1);
	if (compare_delay(clock, result, w, &delay)) {
		text_add(&text, "; took ");
		add_delay(&text, delay.least_ns);
		text_add(&text, " to ");
		add_delay(&text, delay.most_ns);
		text_add(&text, ", ");
		add_delay(&text, delay.mean_ns);
		text_add(&text, " on average");
	}
	line(options, way_names[w], buffer);
}

/* They are counted with the connection that they belong to. */
static void tell_untranslated(const struct comparison_options *options,
			      const struct compare_result *result, unsigned int side)
{
	__u32 count[2] = { result->way[0].untranslated[side], result->way[1].untranslated[side] };
	char buffer[300];
	struct text text = text_of(buffer);

	if (!count[0] && !count[1])
		return;
	text_add(&text,
		 "%u of the client and %u of the server passed %c with the addresses of %c: ",
		 count[0], count[1], side_letters[side], side_letters[!side]);
	say_ends(&text, options, &result->end[!side]);
	line(options, "as is", buffer);
}

static void tell_changes(const struct comparison_options *options,
			 const struct compare_result *result, unsigned int way)
{
	char buffer[600], words[640];
	struct text text = text_of(buffer);

	for (unsigned int change = 0; change < COMPARE_CHANGE_COUNT; change++)
		if (result->way[way].changed & BIT(change))
			add_change(&text, result, way, change);
	if (!text.length)
		return;
	text = text_of(words);
	text_add(&text, "of the %s: %s", way_names[way], buffer);
	line(options, "changed", words);
}

static void tell_unsure(const struct comparison_options *options,
			const struct comparison *comparison)
{
	for (unsigned int bit = 0; bit < COMPARE_UNSURE_COUNT; bit++) {
		char buffer[200];
		struct text text = text_of(buffer);

		if (!(comparison->unsure & BIT(bit)))
			continue;
		comparison_print_unsure(&text, bit, comparison->unsure_of);
		line(options, "unsure", buffer);
	}
}

static const struct compare_end *told_end(const struct compare_result *result)
{
	return &result->end[!result->end[0].seen];
}

static void tell_head(const struct comparison_options *options, const struct compare_result *result,
		      const struct comparison *comparison)
{
	const struct compare_end *end = told_end(result);
	char buffer[300];
	struct text text = text_of(buffer);

	say_realtime(&text, end->first_ns, options->utc);
	fprintf(options->file, "%s %s%s%s %s  ", buffer,
		options->color ? severity_colors[comparison->severity] : "",
		severity_name(comparison->severity), options->color ? "\033[0m" : "",
		comparison_name(comparison->id));
	text = text_of(buffer);
	say_ends(&text, options, end);
	fprintf(options->file, "%s", buffer);
}

static void tell_text(const struct comparison_options *options, const struct compare_result *result,
		      const struct compare_clock *clock, const struct comparison *comparison)
{
	const __u16 ends = BIT(CHANGED_SOURCE) | BIT(CHANGED_SOURCE_PORT) |
			   BIT(CHANGED_DESTINATION) | BIT(CHANGED_DESTINATION_PORT);
	char buffer[200];
	struct text text = text_of(buffer);

	tell_head(options, result, comparison);
	fprintf(options->file, "\n");
	line(options, "what", comparison->what);
	line(options, confidence_name(comparison->confidence), comparison->why);
	tell_unsure(options, comparison);
	if (result->found && (result->way[0].changed & ends)) {
		say_ends(&text, options, &result->end[1]);
		line(options, "in B", buffer);
	}
	for (unsigned int way = 0; way < COMPARE_WAYS; way++)
		tell_way(options, result, clock, way);
	for (unsigned int side = 0; side < COMPARE_SIDES; side++)
		tell_untranslated(options, result, side);
	for (unsigned int way = 0; way < COMPARE_WAYS; way++)
		tell_changes(options, result, way);
}

void comparison_tell(const struct comparison_options *options, const struct compare_result *result,
		     const struct compare_clock *clock, const struct comparison *comparison)
{
	if (options->format == COMPARISON_JSON) {
		comparison_json(options->file, result, clock, comparison);
	} else if (options->format == COMPARISON_BRIEF) {
		tell_head(options, result, comparison);
		fprintf(options->file, "  %s\n", comparison->what);
	} else {
		tell_text(options, result, clock, comparison);
	}
}

/* ---- the end ---- */

static void say_clock(struct text *text, const struct compare_clock *clock)
{
	__s64 ns = clock->offset_ns;

	if (!clock->known) {
		text_add(
			text, "the offset of the clocks cannot be told: %s",
			clock->stepped ?
				"one of them was set, or is too uneven" :
			!clock->samples[0] && !clock->samples[1] ?
				"of no packet in both captures is it sure that it is the same one" :
				"packets of one direction only are in both captures");
		return;
	}
	text_add(text, "clock B is %llu.%06llu s %s of clock A, give or take %llu.%03llu ms",
		 (ns < 0 ? -ns : ns) / NS_PER_S, (ns < 0 ? -ns : ns) / NS_PER_US % 1000000,
		 ns < 0 ? "behind" : "ahead", clock->uncertainty_ns / NS_PER_MS,
		 clock->uncertainty_ns / NS_PER_US % 1000);
	if (clock->drifts)
		text_add(text, ", and drifts by %.2f ppm", clock->drift * 1e6);
	else
		text_add(text, "; no drift can be told");
}

static void say_side(struct text *text, const struct comparison_summary *summary, unsigned int side)
{
	const struct compare_counters *c = summary->counters[side];

	text_add(text, "%c ", side_letters[side]);
	text_add_foreign(text, summary->path[side], 200);
	text_add(text, ": %llu packets, %llu TCP connections", c->frames, c->connections);
	if (c->udp || c->icmp || c->other)
		text_add(text, "; not compared: %llu UDP, %llu ICMP, %llu other", c->udp, c->icmp,
			 c->other);
	if (c->unread || c->cut)
		text_add(text, "; %llu not readable", c->unread + c->cut);
	if (c->copies)
		text_add(text, "; %llu captured twice", c->copies);
	if (c->unjudged)
		text_add(text, "; %llu let go before they could be compared", c->unjudged);
	if (summary->dropped[side])
		text_add(text, "; %llu lost by the capturing program", summary->dropped[side]);
	if (summary->damaged[side])
		text_add(text, "; the file ends early");
}

void comparison_tell_summary(const struct comparison_options *options,
			     const struct comparison_summary *summary)
{
	char buffer[700];
	struct text text;

	if (options->format == COMPARISON_JSON)
		comparison_json_summary(options->file, summary);
	if (options->format != COMPARISON_TEXT)
		return;
	for (unsigned int side = 0; side < COMPARE_SIDES; side++) {
		text = text_of(buffer);
		say_side(&text, summary, side);
		fprintf(options->file, "%s\n", buffer);
	}
	text = text_of(buffer);
	say_clock(&text, summary->clock);
	fprintf(options->file, "%s\n", buffer);
	text = text_of(buffer);
	text_add(&text, "%llu connections, %llu of them in both captures", summary->connections,
		 summary->pairs);
	for (unsigned int id = 0; id < VERDICT_COUNT; id++)
		if (summary->verdicts[id])
			text_add(&text, ", %llu %s", summary->verdicts[id], comparison_name(id));
	if (summary->untold)
		text_add(&text, "; %llu not shown (--all)", summary->untold);
	fprintf(options->file, "%s\n", buffer);
}
