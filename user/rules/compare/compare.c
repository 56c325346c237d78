// SPDX-License-Identifier: GPL-2.0-or-later
/* compare.c - where a connection failed, by what either side saw of it: its handshake */

#include "rules/compare/compare_view.h"
#include "util/address.h"
#include "util/time.h"

/* RFC 6298 2.1: a SYN is sent again after a second; a server that does not answer in it is silent. */
#define ANSWER_NS NS_PER_S

static void add_times(struct text *text, __u32 count)
{
	if (count > 1)
		text_add(text, " %u times", count);
}

/* An acknowledgment, payload or FIN: what comes behind the handshake's SYN. */
static bool saw_more(const struct view *view, unsigned int side, unsigned int way)
{
	return saw(view, side, way, COMPARE_ACK) || saw(view, side, way, COMPARE_DATA) ||
	       saw(view, side, way, COMPARE_FIN);
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
	bool two = saw(view, 0, 1, COMPARE_RESET) && saw(view, 1, 1, COMPARE_RESET);
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
	} else if (two) {
		compare_decide_two_resets(view, 1);
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

/* The SYN/ACK arrived. A client whose ACKs are lost may give up with a reset that is lost, too. */
static void judge_last_step(const struct view *view)
{
	bool reset = matched(view, 0, COMPARE_RESET) || matched(view, 1, COMPARE_RESET) ||
		     only(view, view->near, 1, COMPARE_RESET);

	if ((!reset && saw_more(view, view->near, 0)) || !compare_judge_reset(view))
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

/* ---- all of it ---- */

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
	else
		compare_judge_established(&view);
}
