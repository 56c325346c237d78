// SPDX-License-Identifier: GPL-2.0-or-later
/* compare.c - where a connection failed, by what either side saw of it */

#include "rules/compare/compare.h"

#include <string.h>

#include "rules/rules.h"
#include "util/address.h"
#include "util/array.h"
#include "util/time.h"

/* So much later than the fastest packet of its direction makes a packet late. */
#define LATE_NS ((__s64)(100 * NS_PER_MS))
/* RFC 6298 2.1: a SYN is sent again after a second; a server that does not answer in it is silent. */
#define ANSWER_NS NS_PER_S
/* So many packets in a row lost at the end are no accident. */
#define DIED_LEAST 3

static const char *const names[] = {
#define X(id, name, what) [VERDICT_##id] = name,
	VERDICTS(X)
#undef X
};

static const char *const meanings[] = {
#define X(id, name, what) [VERDICT_##id] = what,
	VERDICTS(X)
#undef X
};

const char *comparison_name(unsigned int id)
{
	return id < ARRAY_SIZE(names) ? names[id] : NULL;
}

const char *comparison_meaning(unsigned int id)
{
	return id < ARRAY_SIZE(meanings) ? meanings[id] : NULL;
}

/* ---- words ---- */

static const char *const unsure_words[] = {
	[UNSURE_BEGAN_LATER] = "capture %c begins later",
	[UNSURE_ENDED_EARLIER] = "capture %c ends before it could have seen it",
	[UNSURE_EMPTY] =
		"no connection is in both captures, so that nothing tells what %c would see",
	[UNSURE_ONE_WAY] = "capture %c holds no packet of that direction at all",
	[UNSURE_FILTER] =
		"capture %c holds no other connection of that server: a filter or another "
		"path would look the same",
	[UNSURE_CLOCK] = "the offset of %c's clock is not known",
	[UNSURE_DROPS] = "the capturing program of %c lost packets",
	[UNSURE_DAMAGED] = "file %c is damaged or ends in the middle",
	[UNSURE_GAPS] = "capture %c lacks packets that were acknowledged",
	[UNSURE_ORDER] = "which side is nearer to the client is taken from the command line",
	[UNSURE_ROOM] = "packets were let go before they could be compared with %c "
			"(--max-connections)",
	[UNSURE_CUT] = "capture %c holds headers in part only",
};
_Static_assert(ARRAY_SIZE(unsure_words) == COMPARE_UNSURE_COUNT, "words for every bit");

static char side_letter(unsigned int side)
{
	return side ? 'B' : 'A';
}

void comparison_print_unsure(struct text *text, unsigned int unsure, unsigned int side)
{
	const char *words = unsure < ARRAY_SIZE(unsure_words) ? unsure_words[unsure] : "";
	const char *letter = strstr(words, "%c");

	if (!letter) {
		text_add(text, "%s", words);
		return;
	}
	text_add(text, "%.*s%c%s", (int)(letter - words), words, side_letter(side), letter + 2);
}

static void add_times(struct text *text, __u32 count)
{
	if (count > 1)
		text_add(text, " %u times", count);
}

/* ---- what was seen ---- */

struct view {
	const struct compare_result *result;
	const struct compare_clock *clock;
	struct comparison *verdict;
	unsigned int near, far;
	char n, f; /* their letters */
};

static bool saw(const struct view *view, unsigned int side, unsigned int way,
		enum compare_kind kind)
{
	return view->result->way[way].seen[side][kind];
}

/* An acknowledgment, payload or FIN: what comes behind the handshake's SYN. */
static bool saw_more(const struct view *view, unsigned int side, unsigned int way)
{
	return saw(view, side, way, COMPARE_ACK) || saw(view, side, way, COMPARE_DATA) ||
	       saw(view, side, way, COMPARE_FIN);
}

static bool matched(const struct view *view, unsigned int way, enum compare_kind kind)
{
	return view->result->way[way].matched[kind];
}

/* Seen by @side alone, where the other could have seen it. */
static __u32 only(const struct view *view, unsigned int side, unsigned int way,
		  enum compare_kind kind)
{
	return view->result->way[way].only[side][kind].count;
}

static struct text decide(const struct view *view, enum comparison_id id, enum severity severity)
{
	struct comparison *verdict = view->verdict;

	verdict->id = (__u8)id;
	verdict->severity = (__u8)severity;
	verdict->confidence = CONFIDENCE_LIKELY;
	return text_of(verdict->what);
}

/* The verdict rests on what @side did not see. */
static void rest_on_absence(const struct view *view, unsigned int side)
{
	__u32 unsure = view->result->blind[side] & ~BIT(UNSURE_CUT);

	view->verdict->unsure = unsure;
	view->verdict->unsure_of = (__u8)side;
	if (unsure)
		view->verdict->confidence = CONFIDENCE_POSSIBLE;
}

static void why(const struct view *view, const char *format, char letter, char other)
{
	struct text text = text_of(view->verdict->why);

	text_add(&text, format, letter, other);
}

/* @side alone saw it, and it is no evidence that the other did not. */
static void decide_cannot_tell(const struct view *view, unsigned int side, unsigned int way,
			       enum compare_kind kind)
{
	struct text text = decide(view, VERDICT_CANNOT_TELL, SEVERITY_WARNING);
	const struct compare_only *o = &view->result->way[way].only[side][kind];

	text_add(&text, "%c has the %s's %s, %c does not", side_letter(side),
		 way ? "server" : "client", compare_kind_name(kind), side_letter(!side));
	view->verdict->confidence = CONFIDENCE_POSSIBLE;
	view->verdict->unsure = o->blind | view->result->blind[!side];
	view->verdict->unsure_of = !side;
}

static bool add_icmp(struct text *text, const struct compare_result *result, unsigned int side)
{
	const struct compare_icmp *icmp = &result->end[side].icmp;
	const char *name = decode_icmp_name(icmp->ipv6, icmp->type, icmp->code);

	if (!icmp->count)
		return false;
	text_add(text, "; ICMP %s from ", name ? name : "error");
	address_print(text, icmp->sender);
	text_add(text, " came to %c", side_letter(side));
	return true;
}

/* ---- the SYN ---- */

static void decide_syn_lost(const struct view *view)
{
	__u32 sent = view->result->way[0].seen[view->near][COMPARE_SYN];
	bool rejected =
		saw(view, view->near, 1, COMPARE_RESET) || view->result->end[view->near].icmp.count;
	struct text text =
		decide(view, rejected ? VERDICT_SYN_REJECTED : VERDICT_SYN_LOST, SEVERITY_ERROR);

	text_add(&text, "the SYN left %c", view->n);
	add_times(&text, sent);
	text_add(&text, " and never reached %c", view->f);
	if (saw(view, view->near, 1, COMPARE_RESET))
		text_add(&text, "; a reset came back to %c that %c never saw", view->n, view->f);
	add_icmp(&text, view->result, view->near);
	rest_on_absence(view, view->far);
	why(view, rejected ? "something between %c and %c refused it" : "dropped between %c and %c",
	    view->n, view->f);
}

static void decide_one_sided(const struct view *view, unsigned int side)
{
	bool worked = saw_more(view, side, 0) &&
		      (saw_more(view, side, 1) || saw(view, side, 1, COMPARE_SYN_ACK));
	struct text text =
		decide(view, VERDICT_ONE_SIDED, worked ? SEVERITY_INFO : SEVERITY_WARNING);

	text_add(&text, "%c has this connection, %c nothing of it", side_letter(side),
		 side_letter(!side));
	rest_on_absence(view, !side);
	view->verdict->confidence = CONFIDENCE_POSSIBLE;
	why(view, "it passes %c and not %c, or a filter left it out", side_letter(side),
	    side_letter(!side));
}

/* One capture alone has anything of it. */
static void judge_alone(const struct view *view, unsigned int side)
{
	const struct compare_only *syn = &view->result->way[0].only[side][COMPARE_SYN];

	if (saw_more(view, side, 0) || !saw(view, side, 0, COMPARE_SYN)) {
		decide_one_sided(view, side);
	} else if (!syn->count || view->result->order_by == ORDER_UNKNOWN) {
		decide_cannot_tell(view, side, 0, COMPARE_SYN);
	} else if (side == view->far) {
		decide_one_sided(view, side);
	} else if (saw(view, side, 1, COMPARE_SYN_ACK)) {
		struct text text = decide(view, VERDICT_ANSWER_BETWEEN, SEVERITY_ERROR);

		text_add(&text, "%c has SYN and SYN/ACK, %c nothing of it", view->n, view->f);
		rest_on_absence(view, view->far);
		why(view, "something between %c and %c answers for the server", view->n, view->f);
	} else {
		decide_syn_lost(view);
	}
}

/* ---- the answer ---- */

static void judge_no_answer(const struct view *view)
{
	const struct compare_result *result = view->result;
	__u32 syns = result->way[0].seen[view->far][COMPARE_SYN];
	bool icmp = result->end[view->far].icmp.count;
	struct text text;

	if (result->end[view->near].icmp.count && !icmp) {
		text = decide(view, VERDICT_SYN_REJECTED, SEVERITY_ERROR);
		text_add(&text, "the SYN reached %c, which sent no answer", view->f);
		add_icmp(&text, result, view->near);
		rest_on_absence(view, view->far);
		return;
	}
	text = decide(view, icmp ? VERDICT_SERVER_REFUSED : VERDICT_SERVER_SILENT, SEVERITY_ERROR);
	text_add(&text, "the SYN reached %c", view->f);
	add_times(&text, syns);
	if (add_icmp(&text, result, view->far)) {
		why(view, "the server, or something beyond %c, refused it", view->f, view->f);
		return;
	}
	text_add(&text, ", and no answer left it");
	rest_on_absence(view, view->far);
	view->verdict->unsure &= ~(BIT(UNSURE_CLOCK) | BIT(UNSURE_ORDER));
	if (!result->sees[view->far][1]) {
		view->verdict->id = VERDICT_CANNOT_TELL;
		view->verdict->severity = SEVERITY_WARNING;
		view->verdict->unsure |= BIT(UNSURE_ONE_WAY);
	}
	if (result->side_last_ns[view->far] < result->end[view->far].last_ns + ANSWER_NS)
		view->verdict->unsure |= BIT(UNSURE_ENDED_EARLIER);
	view->verdict->confidence = view->verdict->unsure ? CONFIDENCE_POSSIBLE : CONFIDENCE_LIKELY;
	why(view, "the server did not answer, or something beyond %c dropped the SYN", view->f,
	    view->f);
}

static void decide_answer_between(const struct view *view)
{
	struct text text = decide(view, VERDICT_ANSWER_BETWEEN, SEVERITY_ERROR);

	text_add(&text, "%c got a SYN/ACK that %c never sent", view->n, view->f);
	if (only(view, view->far, 1, COMPARE_RESET))
		text_add(&text, "; %c answered the SYN with a reset", view->f);
	rest_on_absence(view, view->far);
	why(view, "something between %c and %c answers for the server", view->n, view->f);
}

/* The SYN arrived, and no SYN/ACK was seen at the server's side: a reset, or nothing. */
static void judge_refusal(const struct view *view)
{
	bool answered = only(view, view->near, 1, COMPARE_SYN_ACK);
	struct text text;

	if (matched(view, 1, COMPARE_RESET)) {
		text = decide(view, VERDICT_SERVER_REFUSED, SEVERITY_ERROR);
		text_add(&text, "%c answered the SYN with a reset, and %c got it", view->f,
			 view->n);
		why(view, "nothing listens there, or something beyond %c refuses for it", view->f,
		    view->f);
	} else if (answered && only(view, view->far, 1, COMPARE_RESET)) {
		/* behind a SYN proxy: the reset may have come through with the proxy's numbers */
		decide_answer_between(view);
	} else if (only(view, view->far, 1, COMPARE_RESET)) {
		text = decide(view, VERDICT_RESET_LOST, SEVERITY_ERROR);
		text_add(&text, "%c answered the SYN with a reset, %c never got it", view->f,
			 view->n);
		rest_on_absence(view, view->near);
		why(view, "the reset was dropped between %c and %c", view->f, view->n);
	} else if (only(view, view->near, 1, COMPARE_RESET)) {
		text = decide(view, VERDICT_RESET_BETWEEN, SEVERITY_ERROR);
		text_add(&text, "%c got a reset for its SYN that %c never sent", view->n, view->f);
		rest_on_absence(view, view->far);
		why(view, "something between %c and %c sent it in the server's name", view->n,
		    view->f);
	} else if (saw(view, view->far, 1, COMPARE_RESET)) {
		decide_cannot_tell(view, view->far, 1, COMPARE_RESET);
	} else if (saw(view, view->near, 1, COMPARE_RESET)) {
		decide_cannot_tell(view, view->near, 1, COMPARE_RESET);
	} else if (answered) {
		decide_answer_between(view);
	} else if (saw(view, view->near, 1, COMPARE_SYN_ACK)) {
		decide_cannot_tell(view, view->near, 1, COMPARE_SYN_ACK);
	} else {
		judge_no_answer(view);
	}
}

static void judge_last_ack(const struct view *view)
{
	struct text text;

	if (only(view, view->near, 0, COMPARE_ACK) || only(view, view->near, 0, COMPARE_DATA)) {
		text = decide(view, VERDICT_ACK_LOST, SEVERITY_ERROR);
		text_add(&text, "the ACK of the SYN/ACK left %c and never reached %c", view->n,
			 view->f);
		rest_on_absence(view, view->far);
		why(view, "dropped between %c and %c", view->n, view->f);
	} else if (saw_more(view, view->near, 0)) {
		decide_cannot_tell(view, view->near, 0, COMPARE_ACK);
	} else {
		text = decide(view, VERDICT_CLIENT_SILENT, SEVERITY_ERROR);
		text_add(&text, "the SYN/ACK reached %c, and no ACK left it", view->n);
		rest_on_absence(view, view->near);
		why(view, "the client is gone, or something before %c dropped the SYN/ACK", view->n,
		    view->n);
	}
}

static bool judge_reset(const struct view *view);

/* The SYN/ACK arrived. A client whose ACKs are lost may give up with a reset that is lost, too. */
static void judge_last_step(const struct view *view)
{
	bool reset = matched(view, 0, COMPARE_RESET) || matched(view, 1, COMPARE_RESET) ||
		     only(view, view->near, 1, COMPARE_RESET);

	if ((!reset && saw_more(view, view->near, 0)) || !judge_reset(view))
		judge_last_ack(view);
}

/* Both captures have a part of it, and the server's side never saw more than a SYN. */
static void judge_handshake(const struct view *view)
{
	struct text text;

	if (!saw(view, view->far, 0, COMPARE_SYN) && !saw(view, view->far, 1, COMPARE_SYN_ACK)) {
		if (only(view, view->near, 0, COMPARE_SYN))
			decide_syn_lost(view);
		else
			decide_cannot_tell(view, view->near, 0, COMPARE_SYN);
	} else if (!saw(view, view->far, 1, COMPARE_SYN_ACK)) {
		judge_refusal(view);
	} else if (saw(view, view->near, 1, COMPARE_SYN_ACK)) {
		judge_last_step(view);
	} else if (only(view, view->far, 1, COMPARE_SYN_ACK)) {
		text = decide(view, VERDICT_ANSWER_LOST, SEVERITY_ERROR);
		text_add(&text, "%c answered with a SYN/ACK", view->f);
		add_times(&text, only(view, view->far, 1, COMPARE_SYN_ACK));
		text_add(&text, ", %c never got it", view->n);
		if (add_icmp(&text, view->result, view->far))
			text_add(&text, " for it");
		rest_on_absence(view, view->near);
		why(view, "dropped between %c and %c", view->f, view->n);
	} else {
		decide_cannot_tell(view, view->far, 1, COMPARE_SYN_ACK);
	}
}

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

static void decide_reset(const struct view *view, unsigned int way, enum severity severity)
{
	unsigned int up = way ? view->far : view->near;
	const char *who = way ? "server" : "client";
	char u = side_letter(up), d = side_letter(!up);
	struct text text;

	if (matched(view, way, COMPARE_RESET)) {
		text = decide(view, way ? VERDICT_RESET_BY_SERVER : VERDICT_RESET_BY_CLIENT,
			      severity);
		text_add(&text, "a reset of the %s was first seen at %c, then at %c", who, u, d);
		text = text_of(view->verdict->why);
		text_add(&text, "the %s, or something on its side of %c, sent it", who, u);
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

static bool saw_fin(const struct view *view, unsigned int way)
{
	return saw(view, 0, way, COMPARE_FIN) || saw(view, 1, way, COMPARE_FIN);
}

static bool judge_reset(const struct view *view)
{
	unsigned int way = first_reset(view->result, view->clock);

	if (way == COMPARE_WAYS || (saw_fin(view, 0) && saw_fin(view, 1)))
		return false;
	decide_reset(view, way,
		     saw_fin(view, 0) || saw_fin(view, 1) ? SEVERITY_WARNING : SEVERITY_ERROR);
	return true;
}

/* ---- established ---- */

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
		return judge_reset(view);
	return judge_death(view) || judge_reset(view);
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

/* What the sides could not tell of one another, of any kind. */
static bool is_untold(const struct view *view)
{
	for (unsigned int way = 0; way < COMPARE_WAYS; way++)
		for (unsigned int kind = 0; kind < COMPARE_KIND_COUNT; kind++)
			if (matched(view, way, kind))
				return false;
	return true;
}

static void judge_untold(const struct view *view)
{
	struct text text = decide(view, VERDICT_CANNOT_TELL, SEVERITY_WARNING);

	text_add(&text, "both captures have it, and no packet of it is in both");
	view->verdict->confidence = CONFIDENCE_POSSIBLE;
	for (unsigned int way = 0; way < COMPARE_WAYS; way++)
		for (unsigned int kind = 0; kind < COMPARE_KIND_COUNT; kind++)
			view->verdict->unsure |= view->result->way[way].only[0][kind].blind;
	view->verdict->unsure_of = 1;
}

void comparison_of(const struct compare_result *result, const struct compare_clock *clock,
		   struct comparison *verdict)
{
	struct view view = { result, clock, verdict, result->near, !result->near };

	*verdict = (struct comparison){ 0 };
	view.n = side_letter(view.near);
	view.f = side_letter(view.far);
	if (!result->end[0].seen || !result->end[1].seen)
		judge_alone(&view, result->end[1].seen);
	else if ((saw(&view, 0, 0, COMPARE_SYN) || saw(&view, 1, 0, COMPARE_SYN)) &&
		 !saw_more(&view, view.far, 0))
		judge_handshake(&view);
	else if (is_untold(&view))
		judge_untold(&view);
	else if (!judge_end(&view) && !judge_loss(&view))
		judge_passed(&view);
}
