// SPDX-License-Identifier: GPL-2.0-or-later
/* conn_turned_away.c - a server accepted a connection, then closed or reset it instead of an answer */

#include "rules/look.h"
#include "rules/standing.h"
#include "rules/words.h"

/* Who closes so soon behind its question may still read the answer. */
#define HALF_CLOSE_NS (20 * NS_PER_MS)

/* No request is as long: a log, a backup, a measurement. */
#define ONE_WAY_BYTES 65536

/* The server took a stream of no protocol that is known to be answered, and never said a word. */
static bool is_one_way(const struct view *view)
{
	const struct outcome_side *client = look_side(view, look_client(view));
	__u8 kind = client->first_word.kind;

	return client->acked_bytes > ONE_WAY_BYTES && !client->unacked_bytes &&
	       !look_side(view, !look_client(view))->spoke &&
	       (kind == FIRST_NONE || kind == FIRST_TEXT || kind == FIRST_BINARY);
}

/* ---- conn-closed-early ---- */

enum { CANCEL_REQUEST_BYTES = 16 };

/* In the middle of an answer that said how long it would be. */
static bool cut_answer(const struct view *view)
{
	return view->outcome->cut_short && look_ended_unprovoked(view);
}

/* PostgreSQL's CancelRequest has a connection of its own and gets no answer. */
static bool asks_for_nothing(const struct outcome_side *client)
{
	return client->first_word.kind == FIRST_POSTGRESQL_REQUEST &&
	       client->first_bytes == CANCEL_REQUEST_BYTES;
}

/*
 * It ended its own direction alone: a host whose process has closed resets what comes then (RFC 9293 3.6.1), and this one
 * took it all.
 */
static bool reads_on(const struct view *view)
{
	const struct outcome_side *client = look_side(view, look_client(view));
	const struct outcome_side *server = look_side(view, !look_client(view));

	return look_closed_speechless(view) && client->spoke_after_fin && client->acked_bytes &&
	       !client->unacked_bytes && !server->reset_ns;
}

static bool match_closed_early(const struct view *view, struct guess *guess)
{
	const struct outcome *outcome = view->outcome;
	const struct outcome_side *server = look_side(view, !look_client(view));

	if (cut_answer(view))
		return true;
	if (look_refused_tunnel(view)) {
		guess->severity = SEVERITY_WARNING;
		return true;
	}
	if (look_turned_away(view)) {
		if (server->first_word.kind == FIRST_HTTP)
			guess->severity = SEVERITY_WARNING;
		return true;
	}
	if (look_only_greeted(view)) {
		if (outcome->words > 1)
			return true;
		guess->severity = SEVERITY_INFO;
		guess->confidence = CONFIDENCE_POSSIBLE;
		return true;
	}
	if (!look_closed_speechless(view) || asks_for_nothing(look_side(view, look_client(view))))
		return false;
	guess->absence = true;
	if (outcome->words && !is_one_way(view) && !reads_on(view))
		return true;
	/* a port check ends so, too; and a server that waits for a word of the client closes later */
	guess->severity = SEVERITY_INFO;
	guess->confidence = CONFIDENCE_POSSIBLE;
	return outcome->words || look_closed_at_once(view);
}

static void tell_closed_early(const struct view *view, struct finding *finding)
{
	const struct outcome *outcome = view->outcome;
	const struct outcome_side *client = look_side(view, look_client(view));
	const struct outcome_side *server = look_side(view, !look_client(view));
	const struct first *first_word = &server->first_word;
	bool left = !look_closed_speechless(view) && !look_ended_unprovoked(view);
	__u64 closed_ns = left ? client->closed_ns : server->closed_ns;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	if (cut_answer(view)) {
		words_cut_answer(view, finding, server->fin_ns ? "closed" : "reset");
		return;
	}
	if (look_refused_tunnel(view)) {
		words_refused_tunnel(view, finding);
		return;
	}
	words_side(&what, view, !look_client(view));
	text_add(&what, " accepted the connection and %s ",
		 reads_on(view) ? "ended its own direction of it" :
		 left		? "refused the session, which ended" :
		 server->fin_ns ? "closed it" :
				  "reset it");
	words_duration(&what, ns_between(outcome->established_ns, closed_ns));
	if (look_turned_away(view)) {
		text_add(&what, " later with ");
		first_print(&what, first_word);
	} else if (look_only_greeted(view)) {
		text_add(&what, " later with nothing but its ");
		first_print(&what, first_word);
	} else {
		text_add(&what, " later without a word");
	}
	if (client->first_ns && client->first_ns <= closed_ns) {
		text_add(&what, ", ");
		words_duration(&what, ns_between(client->first_ns, closed_ns));
		text_add(&what, " after the client's first %u bytes", client->first_bytes);
	} else if (look_only_greeted(view)) {
		text_add(&what, ", before the client had said a word");
	}
	if (look_turned_away(view))
		words_turned_away(&why, first_word);
	else if (reads_on(view))
		text_add(&why, "the server only reads there: what came after its FIN it took, and "
			       "its host did not reset; an answer is not to be expected");
	else if (look_only_greeted(view))
		text_add(&why, "the server's application did not go on: a limit of connections or "
			       "clients, an access list, a back end that it lacks, or it crashed");
	else
		text_add(&why,
			 "the server's application did not want it: a limit of connections or "
			 "clients, an access list, another protocol, or a proxy without a backend");
	words_check_server(view, finding, "what serves that port; its own log says why it closes");
}

const struct rule rule_conn_closed_early = {
	.id = "conn-closed-early",
	.stage = STAGE_EXCHANGED,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_LIKELY,
	.wakes = WAKE_CONNECTION,
	.needs = OUTCOME_ESTABLISHED | OUTCOME_WORDS | OUTCOME_ORDER | OUTCOME_RESETS,
	.match = match_closed_early,
	.tell = tell_closed_early,
	.match_socket = standing_match_closed_early,
	.tell_socket = standing_tell_closed_early,
	.means =
		"the server accepted, then closed before it answered anything, or in the middle of its answer; or turned the client away",
	.evidence =
		"the server's FIN before the client's, in the first exchange, and not a byte of it, or nothing but the greeting of a protocol in which it speaks first; or its FIN or reset behind a first line that says that it turns the client away: HTTP 408, 429, 502 to 504, SMTP or FTP 4xx and 5xx; or sshd's own words, or an error of a database in place of its greeting or behind its no to TLS, whoever closes first (what MySQL's and PostgreSQL's codes mean is said); or before an HTTP answer is as long as its Content-Length, or its last chunk came; or a proxy answers CONNECT with another status than 2xx and the client leaves; live: the server's FIN first and no segment with payload of it, or a first one that turns the client away; and of HTTP/1 the same, where the header of an answer stands in its first segment, within 1,024 bytes",
	.gate = "other HTTP answers are answers, 404 and 500 too; an answer to HEAD has no body, and what a client breaks off is none; PostgreSQL's CancelRequest gets none; a client that said nothing either is an info, where the server closed within threshold closed-at-once: a port check ends so, too, and later the server may have waited for a request; what took more than 64 KiB without a word, or took what came after its own FIN, may be one-way, and is one; what it never got, sent again threshold stuck times or missing in front of what came, it did not refuse",
	.general_check = "the server's log and its limits",
	.kernels = "every kernel tells it",
};

/* ---- conn-reset-by-peer ---- */

/* It closed before the reset, and not right behind its last word, as a half-close would: it waits no more. */
static bool has_left(const struct view *view, int by)
{
	const struct outcome_side *client = look_side(view, !by);

	return client->fin_ns && client->fin_ns < look_side(view, by)->reset_ns &&
	       ns_between(view->outcome->last.last_ns, client->fin_ns) > HALF_CLOSE_NS;
}

/* The server reset while the client's last word had no answer. */
static bool owed_answer(const struct view *view, int by)
{
	const struct outcome *outcome = view->outcome;
	__u8 client = look_client(view);

	return by != client && outcome->words && outcome->last.side == client &&
	       !is_one_way(view) && !has_left(view, by) && !look_side(view, client)->goodbye &&
	       !look_side(view, by)->unseen_bytes;
}

/* What of the other side never arrived, but for a goodbye. */
static __u32 lost_bytes(const struct view *view, int by)
{
	const struct outcome_side *other = look_side(view, !by);
	const struct outcome_word *last = &view->outcome->last;

	if (!other->goodbye || last->side != !by)
		return other->unacked_bytes;
	return other->unacked_bytes > last->bytes ? other->unacked_bytes - last->bytes : 0;
}

/* What lies outside of the window, or has another number altogether, is of no connection there. */
static bool answers_stray(const struct view *view, int by)
{
	const struct outcome_side *resetter = look_side(view, by), *other = look_side(view, !by);

	return other->stray_ns && !resetter->reset_acks && other->stray_ns <= resetter->reset_ns &&
	       ns_between(other->stray_ns, resetter->reset_ns) < NS_PER_S &&
	       other->data_ns <= other->stray_ns;
}

static bool match_reset(const struct view *view, struct guess *guess)
{
	const struct outcome *outcome = view->outcome;
	int by = outcome->reset_by;
	__u32 lost;

	if (by == FIGURES_NEITHER)
		return false;
	/* over and done: the reset only tells that nobody is there any more */
	lost = lost_bytes(view, by);
	if (look_side(view, by)->fin_ns)
		return false;
	/* it waited for what was lost: that is what is to be told */
	if (look_has_hole(view, !by))
		return false;
	if (!lost && (look_side(view, !by)->goodbye || look_side(view, by)->goodbye))
		return false;
	if (look_side(view, !by)->fin_ns && outcome->words && !owed_answer(view, by) && !lost)
		return false;
	if (!outcome->words &&
	    ns_between(outcome->figures.started_ns, outcome->ended_ns) < NS_PER_S)
		return false; /* a health check */
	if (!owed_answer(view, by) && !lost && !answers_stray(view, by))
		guess->severity = SEVERITY_INFO;
	else if (by == look_client(view))
		guess->severity = SEVERITY_WARNING; /* it chose not to read on */
	return true;
}

/* A router or firewall on the way counts hops of its own. */
static void add_author(struct text *why, const struct view *view, int by)
{
	const struct outcome_side *side = look_side(view, by);
	__u8 usual = side->hops_data;

	if (!usual || usual == side->hops_reset)
		return;
	text_add(why,
		 "; the reset's hop limit is %u, that of its data %u: it may come from something "
		 "on the way",
		 side->hops_reset, usual);
}

static void say_why_reset(struct text *why, const struct view *view, int by)
{
	/* RFC 9293 3.10.7.1; Linux resets where data was left unread at close() */
	if (answers_stray(view, by)) {
		text_add(why, "it answered a segment of ");
		words_side(why, view, !by);
		text_add(why,
			 " that begins %u bytes behind what it had acknowledged, outside of its "
			 "window: to its host that is of no connection, as where a translator let "
			 "it pass untranslated",
			 look_side(view, !by)->stray_bytes);
	} else if (by != look_client(view) && look_not_taken(view)) {
		words_not_taken(why, view);
	} else if (!look_side(view, by)->reset_acks) {
		text_add(why,
			 "its host reset without an acknowledgment, as it does for a connection "
			 "that it does not know (any more)");
	} else if (by == look_client(view)) {
		text_add(why,
			 "the client ended it without reading what was left, or its process died");
	} else {
		text_add(why,
			 "its application closed without reading everything, crashed, or was told "
			 "to reset");
	}
	add_author(why, view, by);
}

static void tell_reset(const struct view *view, struct finding *finding)
{
	const struct outcome *outcome = view->outcome;
	int by = outcome->reset_by;
	const struct outcome_side *resetter = look_side(view, by);
	__u32 lost = lost_bytes(view, by);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	words_side(&what, view, by);
	if (!outcome->words) {
		text_add(&what, " reset the connection on which nobody had said a word for ");
		words_duration(&what, ns_between(outcome->figures.started_ns, resetter->reset_ns));
	} else if (owed_answer(view, by)) {
		text_add(&what, " reset the connection instead of an answer, ");
		words_duration(&what, ns_between(outcome->last.last_ns, resetter->reset_ns));
		text_add(&what, " after the client's last %u bytes", outcome->last.bytes);
	} else {
		text_add(&what, " reset the connection ");
		words_duration(&what, ns_between(outcome->last.last_ns, resetter->reset_ns));
		text_add(&what, " after the last data");
	}
	if (lost)
		text_add(&what, "; %u bytes to it were never acknowledged", lost);
	say_why_reset(&why, view, by);
	check = by == look_client(view) ? words_check(view, finding, 0) :
					  words_check_remote(finding);
	text_add(&check.run, "journalctl --since -1h -p warning");
	words_check_end(&check, "whether the application crashed or was restarted at that time");
}

const struct rule rule_conn_reset_by_peer = {
	.id = "conn-reset-by-peer",
	.stage = STAGE_REACHED,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_LIKELY,
	.heard = true,
	.wakes = WAKE_CONNECTION,
	.needs = OUTCOME_ENDED | OUTCOME_RESETS | OUTCOME_UNACKED | OUTCOME_WORDS,
	.match = match_reset,
	.tell = tell_reset,
	.match_socket = standing_match_reset,
	.tell_socket = standing_tell_reset,
	.means = "one side, or something on the way in its name, reset an established connection",
	.evidence =
		"a reset whose number is in the window; what was unacknowledged and whether an answer was owed; a hop limit unlike that of its data is told; live: ECONNRESET, what was unacknowledged, and who spoke last",
	.gate = "an error only if an answer was owed (not to more than 64 KiB that were taken without a word) or bytes were lost, a warning where the client itself reset, or (live) a process of this host left more than 128 bytes of its client unread, else an info, and so where (live) the process closed, or ended, before any call of it was told of the reset (poll() tells of it, too, and leaves no trace); a reset after both had closed, after a goodbye (close_notify, GOAWAY, a close frame of WebSocket, QUIT, 221, BYE, LOGOUT, an unbind) behind which nothing was lost, or of a connection without a byte within 1 s (a health check) is none; a side that waited for threshold answer-wait for a hole to be filled is conn-loss",
	.general_check = "the log of the application that reset; nstat on its host",
	.kernels = "every kernel tells it",
};
