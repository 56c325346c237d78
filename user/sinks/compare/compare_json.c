// SPDX-License-Identifier: GPL-2.0-or-later
/* compare_json.c - two captures compared, as JSON lines */

#include "sinks/compare/compare_words.h"
#include "sinks/json_parts.h"
#include "util/array.h"

static const char *const sides[] = { "a", "b" };
static const char *const ways[] = { "client", "server" };
static const char *const orders[] = {
	[ORDER_TTL] = "ttl",
	[ORDER_TIMES] = "times",
	[ORDER_OTHERS] = "others",
	[ORDER_GIVEN] = "given",
};

static void put_signed(struct json *json, const char *key, __s64 value)
{
	json_key(json, key);
	json_number(json, value);
}

static void put_unsure(struct json *json, __u32 unsure)
{
	if (!unsure)
		return;
	json_key(json, "unsure");
	json_open(json, '[');
	for (unsigned int bit = 0; bit < COMPARE_UNSURE_COUNT; bit++)
		if (unsure & BIT(bit))
			json_string(json, compare_unsure_name(bit));
	json_close(json, ']');
}

static void put_found(struct json *json, __u8 found)
{
	static const char *const names[] = { "ends", "sequence", "timestamps", "payload" };

	if (!found)
		return;
	json_key(json, "found_by");
	json_open(json, '[');
	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
		if (found & BIT(i))
			json_string(json, names[i]);
	json_close(json, ']');
}

static void put_side(struct json *json, const struct compare_end *end, unsigned int side)
{
	if (!end->seen)
		return;
	json_key(json, sides[side]);
	json_open(json, '{');
	json_put_real_time(json, "first", end->first_ns);
	json_put_real_time(json, "last", end->last_ns);
	json_pair_unsigned(json, "first_frame", end->first_frame);
	json_put_end(json, "client", end->address[0], end->port[0]);
	json_put_end(json, "server", end->address[1], end->port[1]);
	if (end->icmp.count) {
		json_pair_unsigned(json, "icmp", end->icmp.count);
		json_pair(json, "icmp_error",
			  decode_icmp_name(end->icmp.ipv6, end->icmp.type, end->icmp.code));
		json_put_address(json, "icmp_sender", end->icmp.sender);
	}
	json_close(json, '}');
}

/* By kind: how many, and the first of them. */
static void put_only(struct json *json, const struct compare_way *way, unsigned int side)
{
	__u32 count = comparison_only(way, side), unsure = comparison_unsure(way, side);

	if (!count && !unsure)
		return;
	json_key(json, side ? "only_b" : "only_a");
	json_open(json, '{');
	json_pair_unsigned(json, "packets", count);
	json_pair_unsigned(json, "bytes", way->only_bytes[side]);
	if (unsure)
		json_pair_unsigned(json, "cannot_tell", unsure);
	json_key(json, "kinds");
	json_open(json, '[');
	for (unsigned int kind = 0; kind < COMPARE_KIND_COUNT; kind++) {
		const struct compare_only *only = &way->only[side][kind];

		if (!only->count)
			continue;
		json_open(json, '{');
		json_pair(json, "kind", compare_kind_name(kind));
		json_pair_unsigned(json, "packets", only->count);
		if (only->least_bytes)
			json_pair_unsigned(json, "least_bytes", only->least_bytes);
		json_pair_unsigned(json, "first_frame", only->first_frame);
		json_close(json, '}');
	}
	json_close(json, ']');
	json_close(json, '}');
}

static void put_changes(struct json *json, const struct compare_result *result, unsigned int way)
{
	if (!result->way[way].changed)
		return;
	json_key(json, "changed");
	json_open(json, '[');
	for (unsigned int change = 0; change < COMPARE_CHANGE_COUNT; change++) {
		if (!(result->way[way].changed & BIT(change)))
			continue;
		json_open(json, '{');
		json_pair(json, "what", compare_change_name(change));
		for (unsigned int side = 0; side < COMPARE_SIDES; side++) {
			char buffer[80];
			struct text text = text_of(buffer);

			comparison_say_change(&text, result, way, change, side);
			json_pair(json, sides[side], buffer);
		}
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void put_way(struct json *json, const struct compare_result *result,
		    const struct compare_clock *clock, unsigned int w)
{
	const struct compare_way *way = &result->way[w];
	struct compare_delay delay;

	json_key(json, ways[w]);
	json_open(json, '{');
	json_pair_unsigned(json, "both", comparison_matched(way));
	json_pair_unsigned(json, "both_bytes", way->matched_bytes);
	if (way->matched_most_bytes)
		json_pair_unsigned(json, "both_largest", way->matched_most_bytes);
	if (way->resegmented)
		json_pair_unsigned(json, "resegmented", way->resegmented);
	put_only(json, way, 0);
	put_only(json, way, 1);
	for (unsigned int side = 0; side < COMPARE_SIDES; side++)
		if (way->copies[side])
			json_pair_unsigned(json, side ? "copies_b" : "copies_a", way->copies[side]);
	for (unsigned int side = 0; side < COMPARE_SIDES; side++)
		if (way->untranslated[side])
			json_pair_unsigned(json, side ? "untranslated_b" : "untranslated_a",
					   way->untranslated[side]);
	if (compare_delay(clock, result, w, &delay)) {
		json_key(json, "delay_ns");
		json_open(json, '{');
		put_signed(json, "least", delay.least_ns);
		put_signed(json, "mean", delay.mean_ns);
		put_signed(json, "most", delay.most_ns);
		json_pair_unsigned(json, "packets", way->times.samples);
		json_close(json, '}');
	}
	put_changes(json, result, w);
	json_close(json, '}');
}

static void put_begin(struct json *json, const char *type)
{
	json_open(json, '{');
	json_pair(json, "type", type);
	json_pair_unsigned(json, "schema", JSON_SCHEMA);
}

void comparison_json(FILE *file, const struct compare_result *result,
		     const struct compare_clock *clock, const struct comparison *comparison)
{
	char line[LINE_MOST];
	struct json json = json_in(line, sizeof(line));

	put_begin(&json, "comparison");
	json_put_real_time(&json, "time", result->end[!result->end[0].seen].first_ns);
	json_pair(&json, "verdict", comparison_name(comparison->id));
	json_pair(&json, "severity", severity_name(comparison->severity));
	json_pair(&json, "confidence", confidence_name(comparison->confidence));
	json_pair(&json, "summary", comparison->what);
	json_pair(&json, "cause", comparison->why);
	put_unsure(&json, comparison->unsure);
	if (comparison->unsure)
		json_pair(&json, "unsure_of", sides[comparison->unsure_of]);
	if (result->order_by != ORDER_UNKNOWN) {
		json_pair(&json, "near_client", sides[result->near]);
		json_pair(&json, "order_by", orders[result->order_by]);
	}
	put_found(&json, result->found);
	put_side(&json, &result->end[0], 0);
	put_side(&json, &result->end[1], 1);
	put_way(&json, result, clock, 0);
	put_way(&json, result, clock, 1);
	json_close(&json, '}');
	fprintf(file, "%s\n", line);
}

/* ---- the end ---- */

static void put_counters(struct json *json, const struct comparison_summary *summary,
			 unsigned int side)
{
	const struct compare_counters *c = summary->counters[side];

	json_key(json, sides[side]);
	json_open(json, '{');
	json_pair(json, "file", summary->path[side]);
	json_put_real_time(json, "first", c->first_ns);
	json_put_real_time(json, "last", c->last_ns);
	json_pair_unsigned(json, "packets", c->frames);
	json_pair_unsigned(json, "connections", c->connections);
	json_pair_unsigned(json, "tcp", c->tcp);
	json_pair_unsigned(json, "udp", c->udp);
	json_pair_unsigned(json, "icmp", c->icmp);
	json_pair_unsigned(json, "other", c->other);
	json_pair_unsigned(json, "unread", c->unread + c->cut);
	json_pair_unsigned(json, "copies", c->copies);
	json_pair_unsigned(json, "let_go", c->unjudged);
	json_pair_unsigned(json, "dropped", summary->dropped[side]);
	json_key(json, "damaged");
	json_bool(json, summary->damaged[side]);
	json_close(json, '}');
}

static void put_clock(struct json *json, const struct compare_clock *clock)
{
	json_key(json, "clock");
	json_open(json, '{');
	json_key(json, "known");
	json_bool(json, clock->known);
	if (clock->known) {
		put_signed(json, "offset_ns", clock->offset_ns);
		json_pair_unsigned(json, "uncertainty_ns", clock->uncertainty_ns);
		json_put_real_time(json, "at", clock->reference_ns);
		if (clock->drifts)
			put_signed(json, "drift_ppb", (__s64)(clock->drift * 1e9));
	} else if (clock->stepped) {
		json_key(json, "stepped");
		json_bool(json, true);
	}
	json_pair_unsigned(json, "packets_ab", clock->samples[0]);
	json_pair_unsigned(json, "packets_ba", clock->samples[1]);
	json_close(json, '}');
}

void comparison_json_summary(FILE *file, const struct comparison_summary *summary)
{
	char line[LINE_MOST];
	struct json json = json_in(line, sizeof(line));

	put_begin(&json, "comparison-summary");
	put_counters(&json, summary, 0);
	put_counters(&json, summary, 1);
	put_clock(&json, summary->clock);
	json_pair_unsigned(&json, "connections", summary->connections);
	json_pair_unsigned(&json, "pairs", summary->pairs);
	json_pair_unsigned(&json, "untold", summary->untold);
	json_key(&json, "verdicts");
	json_open(&json, '{');
	for (unsigned int id = 0; id < VERDICT_COUNT; id++)
		if (summary->verdicts[id])
			json_pair_unsigned(&json, comparison_name(id), summary->verdicts[id]);
	json_close(&json, '}');
	json_close(&json, '}');
	fprintf(file, "%s\n", line);
}
