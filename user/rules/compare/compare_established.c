// SPDX-License-Identifier: GPL-2.0-or-later
/* compare_established.c - how a connection that stood ended, by what either side saw of it */

#include "rules/compare/compare_view.h"
#include "util/address.h"
#include "util/time.h"

/* So much later than the fastest packet of its direction makes a packet late. */
#define LATE_NS ((__s64)(100 * NS_PER_MS))
/* So many packets in a row lost at the end are no accident. */
#define DIED_LEAST 3
/* What was lost is larger by more than options differ: 40 bytes (RFC 9293 3.1). Twice may be an accident. */
#define OPTIONS_MOST 40
#define LARGE_LEAST 2
#define LARGE_LIKELY 3
#define ETHERNET_MSS 1460

/* ---- resets ---- */

/* The direction of the earliest reset by the clock of side 0; COMPARE_WAYS none. */
static unsigned int first_reset(const struct compare_result *result,
				const struct compare_clock *clock)
{
	unsigned int first = COMPARE_WAYS;
	__u64 first_ns = 0;

	for (unsigned int way = 0; way < COMPARE_WAYS; way++)
		for (unsigned int side = 0; side < COMPARE_SIDES; side++) {
			__u64 ns = result->way[way].reset_ns[side];

			if (!ns)
				continue;
			if (side)
				ns = compare_map_time(clock, 1, ns);
			if (first == COMPARE_WAYS || ns < first_ns) {
				first = way;
				first_ns = ns;
			}
		}
	return first;
}

static void add_reset_ttl(struct text *text, const struct view *view, unsigned int way,
			  unsigned int side)
{
	const struct compare_way *w = &view->result->way[way];

	if (w->ttl_matched && w->ttl[side] != w->reset_ttl[side])
		text_add(text, "; its TTL is %u, that of other packets from there %u",
			 w->reset_ttl[side], w->ttl[side]);
}

/* Which of the two captures it passed first is known, and that it is one and the same packet. */
static bool is_passing_known(const struct view *view, unsigned int way)
{
	return !(view->result->blind[0] & BIT(UNSURE_ORDER)) &&
	       view->result->way[way].times.samples;
}

/* What is not translated comes from somebody whom the host knows no connection with. */
static bool add_untranslated(const struct view *view, unsigned int way, unsigned int up)
{
	const struct compare_end *stranger = &view->result->end[!up];
	struct text text = text_of(view->verdict->why);
	char buffer[64];
	struct text name = text_of(buffer);

	if (!view->result->way[way].untranslated[up] || !view->result->way[!way].untranslated[up])
		return false;
	address_print_port(&name, stranger->address[!way], stranger->port[!way]);
	text_add(&text,
		 "the %s itself reset what came from %s untranslated: it has no connection with "
		 "that address",
		 way ? "server" : "client", buffer);
	return true;
}

/* One reset that both captures hold. */
static void decide_reset_by(const struct view *view, unsigned int way, enum severity severity)
{
	unsigned int up = way ? view->far : view->near;
	const char *who = way ? "server" : "client";
	char u = side_letter(up), d = side_letter(!up);
	struct text text =
		decide(view, way ? VERDICT_RESET_BY_SERVER : VERDICT_RESET_BY_CLIENT, severity);

	if (is_passing_known(view, way)) {
		text_add(&text, "a reset of the %s was first seen at %c, then at %c", who, u, d);
	} else {
		text_add(&text, "a reset of the %s is in both captures", who);
		view->verdict->confidence = CONFIDENCE_POSSIBLE;
	}
	if (add_untranslated(view, way, up))
		return;
	text = text_of(view->verdict->why);
	text_add(&text, "the %s, or something on its side of %c, sent it", who, u);
}

void compare_decide_two_resets(const struct view *view, unsigned int way)
{
	struct text text = decide(view, VERDICT_CANNOT_TELL, SEVERITY_WARNING);

	text_add(&text, "A and B both hold a reset of the %s, with different numbers",
		 way ? "server" : "client");
	view->verdict->confidence = CONFIDENCE_POSSIBLE;
	view->verdict->unsure = view->result->blind[1];
	view->verdict->unsure_of = 1;
}

static void decide_reset(const struct view *view, unsigned int way, enum severity severity)
{
	unsigned int up = way ? view->far : view->near;
	const char *who = way ? "server" : "client";
	char u = side_letter(up), d = side_letter(!up);
	struct text text;

	if (matched(view, way, COMPARE_RESET)) {
		decide_reset_by(view, way, severity);
	} else if (saw(view, up, way, COMPARE_RESET) && saw(view, !up, way, COMPARE_RESET)) {
		compare_decide_two_resets(view, way);
	} else if (only(view, !up, way, COMPARE_RESET)) {
		text = decide(view, VERDICT_RESET_BETWEEN, severity);
		text_add(&text, "%c got a reset in the %s's name that %c never saw", d, who, u);
		add_reset_ttl(&text, view, way, !up);
		rest_on_absence(view, up);
		why(view, "something between %c and %c sent it", u, d);
	} else if (only(view, up, way, COMPARE_RESET)) {
		text = decide(view, VERDICT_RESET_LOST, severity);
		text_add(&text, "a reset of the %s left %c and never reached %c", who, u, d);
		rest_on_absence(view, !up);
		why(view, "dropped between %c and %c", u, d);
	} else {
		decide_cannot_tell(view, saw(view, up, way, COMPARE_RESET) ? up : !up, way,
				   COMPARE_RESET);
	}
}

/* A FIN of @way, and not behind the reset. */
static bool saw_fin(const struct view *view, unsigned int way, unsigned int reset)
{
	for (unsigned int side = 0; side < COMPARE_SIDES; side++) {
		__u64 fin_ns = view->result->way[way].fin_ns[side];
		__u64 reset_ns = view->result->way[reset].reset_ns[side];

		if (fin_ns && (!reset_ns || fin_ns <= reset_ns))
			return true;
	}
	return false;
}

bool compare_judge_reset(const struct view *view)
{
	unsigned int way = first_reset(view->result, view->clock);

	bool fin[2];

	if (way == COMPARE_WAYS)
		return false;
	fin[0] = saw_fin(view, 0, way);
	fin[1] = saw_fin(view, 1, way);
	if (fin[0] && fin[1])
		return false;
	decide_reset(view, way, fin[0] || fin[1] ? SEVERITY_WARNING : SEVERITY_ERROR);
	return true;
}

/* ---- established ---- */

/* Payload of a segment on the wire: what is captured before it is cut (offload) is longer. */
static __u32 wire_bytes(const struct view *view, unsigned int way, __u32 bytes)
{
	const struct compare_syn *syn = view->result->way[!way].syn;
	__u16 mss = syn[0].mss > syn[1].mss ? syn[0].mss : syn[1].mss;

	if (!mss)
		mss = ETHERNET_MSS;
	return bytes < mss ? bytes : mss;
}

/* How large the least of those is that were lost, if all that came through was less; 0: it was not. */
static __u32 large_bytes(const struct view *view, unsigned int way)
{
	const struct compare_way *w = &view->result->way[way];
	const struct compare_only *lost = &w->only[way ? view->far : view->near][COMPARE_DATA];
	__u32 least = wire_bytes(view, way, lost->least_bytes);

	if (lost->count < LARGE_LEAST ||
	    least <= wire_bytes(view, way, w->matched_most_bytes) + OPTIONS_MOST)
		return 0;
	return least;
}

/* What is small still passed after the first that did not: the size decides. */
static bool judge_large(const struct view *view)
{
	for (unsigned int way = 0; way < COMPARE_WAYS; way++) {
		unsigned int up = way ? view->far : view->near;
		char u = side_letter(up), d = side_letter(!up);
		const struct compare_way *w = &view->result->way[way];
		const struct compare_only *lost = &w->only[up][COMPARE_DATA];
		__u32 least = large_bytes(view, way);
		struct text text;

		if (!least || w->matched_last_ns[up] <= lost->first_ns)
			continue;
		text = decide(view, VERDICT_LARGE_LOST,
			      w->matched_data_ns[up] > lost->last_ns ? SEVERITY_WARNING :
								       SEVERITY_ERROR);
		text_add(&text,
			 "only packets of the %s with %u bytes and more were lost: %u of them",
			 way ? "server" : "client", least, lost->count);
		text_add(&text, " left %c and never reached %c; the largest that did had %u", u, d,
			 w->matched_most_bytes);
		rest_on_absence(view, !up);
		if (lost->count < LARGE_LIKELY)
			view->verdict->confidence = CONFIDENCE_POSSIBLE;
		why(view, "something between %c and %c lets nothing of that size pass (its MTU)", u,
		    d);
		return true;
	}
	return false;
}

/* Everything that one direction sent at last is missing on the other side. */
static bool judge_death(const struct view *view)
{
	for (unsigned int way = 0; way < COMPARE_WAYS; way++) {
		unsigned int up = way ? view->far : view->near;
		const struct compare_way *w = &view->result->way[way];
		struct text text;

		if (w->after_last[up] < DIED_LEAST || matched(view, way, COMPARE_FIN))
			continue;
		text = decide(view, VERDICT_PATH_DIED, SEVERITY_ERROR);
		text_add(&text, "the last %u packets of the %s left %c and never reached %c",
			 w->after_last[up], way ? "server" : "client", side_letter(up),
			 side_letter(!up));
		if (large_bytes(view, way))
			text_add(&text,
				 "; all payload among them in packets of %u bytes and more, the "
				 "largest that passed before had %u",
				 large_bytes(view, way), w->matched_most_bytes);
		rest_on_absence(view, !up);
		why(view, "dropped between %c and %c", side_letter(up), side_letter(!up));
		return true;
	}
	return false;
}

/* Who gives up on a dead path may send a reset, which is lost like the rest. */
static bool judge_end(const struct view *view)
{
	if (matched(view, 0, COMPARE_RESET) || matched(view, 1, COMPARE_RESET))
		return compare_judge_reset(view);
	return judge_death(view) || compare_judge_reset(view);
}

static __u32 lost_of(const struct view *view, unsigned int way)
{
	unsigned int up = way ? view->far : view->near;
	__u32 lost = 0;

	for (unsigned int kind = 0; kind < COMPARE_KIND_COUNT; kind++)
		lost += only(view, up, way, kind);
	return lost;
}

static bool judge_loss(const struct view *view)
{
	__u32 lost[2] = { lost_of(view, 0), lost_of(view, 1) };
	bool most = lost[1] > lost[0];
	struct text text;

	if (!lost[0] && !lost[1])
		return false;
	text = decide(view, VERDICT_LOSSY, SEVERITY_WARNING);
	text_add(&text, "%u packets of the client and %u of the server were lost between %c and %c",
		 lost[0], lost[1], view->n, view->f);
	rest_on_absence(view, most ? view->near : view->far);
	return true;
}

static void judge_passed(const struct view *view)
{
	const struct compare_result *result = view->result;
	struct compare_delay delay;
	struct text text;

	for (unsigned int way = 0; way < COMPARE_WAYS; way++) {
		if (!compare_delay(view->clock, result, way, &delay) ||
		    delay.most_ns - delay.least_ns < LATE_NS)
			continue;
		text = decide(view, VERDICT_DELAYED, SEVERITY_WARNING);
		text_add(&text, "packets of the %s were up to %lld ms late between %c and %c",
			 way ? "server" : "client",
			 (delay.most_ns - delay.least_ns) / (__s64)NS_PER_MS, view->n, view->f);
		return;
	}
	text = decide(view, VERDICT_PASSED, SEVERITY_INFO);
	text_add(&text, "what %c sent, %c got, and back", view->n, view->f);
}

void compare_judge_established(const struct view *view)
{
	if (!judge_large(view) && !judge_end(view) && !judge_loss(view))
		judge_passed(view);
}
