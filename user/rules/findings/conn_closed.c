// SPDX-License-Identifier: GPL-2.0-or-later
/* conn_closed.c - an established connection was closed or reset before it had done its work */

#include "rules/look.h"
#include "rules/standing.h"
#include "rules/words.h"

/* Who closes right behind its own words does not wait for an answer to them. */
#define GOODBYE_NS (20 * NS_PER_MS)

/* What is said only to say no more (a close_notify, a GOAWAY), and how soon a process does that at an end. */
#define GOODBYE_BYTES 128
#define GOODBYE_REACTION_NS (200 * NS_PER_MS)

/* The server had answered on this connection before its client's last word. */
static bool answered_before(const struct view *view)
{
	const struct outcome *outcome = view->outcome;
	const struct outcome_side *server = look_side(view, !look_client(view));

	return server->data_ns && outcome->last.side == look_client(view) &&
	       server->data_ns <= outcome->last.first_ns;
}

/* ---- conn-keepalive-race ---- */

static bool match_race(const struct view *view, struct guess *guess)
{
	const struct outcome_side *client = look_side(view, look_client(view));
	const struct outcome_side *server = look_side(view, !look_client(view));

	if (!answered_before(view) || client->goodbye ||
	    view->outcome->last.idle_ns <
		    view->thresholds->value[THRESHOLD_KEEPALIVE_IDLE] * NS_PER_MS)
		return false;
	/* what was asked again and again did not cross the FIN: it did not arrive */
	if (server->fin_ns)
		return client->crossed_fin &&
		       client->stuck < view->thresholds->value[THRESHOLD_STUCK];
	if (!server->reset_ns)
		return false;
	/* a reset with an acknowledgment tells what its sender had received: not the last question */
	if (server->reset_acks)
		return server->reset_unheard;
	/* to its host the connection is none: closed, its FIN lost or slower; or forgotten, as after long silence */
	guess->confidence = CONFIDENCE_POSSIBLE;
	return server->reset_of_last && !client->stuck &&
	       view->outcome->last.idle_ns <
		       view->thresholds->value[THRESHOLD_LONG_IDLE] * NS_PER_S;
}

static void tell_race(const struct view *view, struct finding *finding)
{
	const struct outcome_side *server = look_side(view, !look_client(view));
	__u64 closed_ns = server->fin_ns ? server->fin_ns : server->reset_ns;
	/* a FIN that the request crossed says more than the reset that follows it */
	bool reset = !server->fin_ns && server->reset_of_last;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	words_side(&what, view, !look_client(view));
	text_add(&what, " %s the connection, idle for ", reset ? "reset" : "closed");
	words_duration(&what, ns_between(server->data_ns, closed_ns));
	text_add(
		&what,
		reset ? ", and had not heard the request of %u bytes; no byte of answer came" :
			", while a request of %u bytes was on its way to it; no byte of answer came",
		view->outcome->last.bytes);
	text_add(&why, "the server's keep-alive time-out is not longer than the time for which the "
		       "client keeps connections for reuse");
	if (reset)
		text_add(&why, "; or its host has started anew, or something on the way forgot the "
			       "connection");
	words_check_server(view, finding,
			   "its keep-alive time-out: it must be longer than the client's");
}

const struct rule rule_conn_keepalive_race = {
	.id = "conn-keepalive-race",
	.stage = STAGE_EXCHANGED,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_LIKELY,
	.heard = true,
	.wakes = WAKE_CONNECTION,
	.needs = OUTCOME_WORDS | OUTCOME_ORDER,
	.match = match_race,
	.tell = tell_race,
	.match_socket = standing_match_race,
	.tell_socket = standing_tell_race,
	.means =
		"the server closed an idle connection while the client's next request was on its way",
	.evidence =
		"the server's FIN (or reset) does not acknowledge the request, and the request does not acknowledge that FIN: they crossed; it had answered before; no byte of answer; live: the client's socket sent its last data before the peer's FIN was heard, and was reset over it; or, at most possible, the peer's reset does not acknowledge it and no FIN came before",
	.gate = "the connection was idle for threshold keepalive-idle; a request that was sent again threshold stuck times was lost, and none that crossed; a goodbye (close_notify, GOAWAY) that crosses the FIN is none; an info where (live) the process closed before any call of it was told of the reset",
	.general_check = "the keep-alive time-outs of server, proxy and client's connection pool",
	.kernels = "every kernel tells it; that a reset heard nothing: where packets are in sight",
};

/* ---- conn-broken-pipe ---- */

/* Who wrote after the other's FIN had arrived, and was reset for it. */
static int wrote_late(const struct view *view)
{
	for (int side = 0; side < 2; side++)
		if (look_side(view, side)->spoke_after_fin && look_side(view, !side)->reset_ns &&
		    !look_side(view, side)->goodbye)
			return side;
	return FIGURES_NEITHER;
}

/* Few bytes right behind the other's FIN, and no request: it may have answered that with a goodbye of its protocol. */
static bool may_be_goodbye(const struct view *view, int writer)
{
	const struct outcome_side *late = look_side(view, writer);

	return late->data_bytes <= GOODBYE_BYTES && !view->outcome->last.owed &&
	       !view->outcome->last.tls &&
	       ns_between(look_side(view, !writer)->fin_ns, late->data_ns) < GOODBYE_REACTION_NS;
}

static bool match_pipe(const struct view *view, struct guess *guess)
{
	int writer = wrote_late(view);

	if (writer == FIGURES_NEITHER)
		return false;
	/* it was not wanted from the begin on: what it wrote into that is how it learned so */
	if (writer == look_client(view) &&
	    (look_turned_away(view) || look_closed_at_once(view) || look_only_greeted(view)))
		return false;
	if (may_be_goodbye(view, writer)) {
		guess->severity = SEVERITY_INFO;
		guess->confidence = CONFIDENCE_POSSIBLE;
	}
	return true;
}

/* It had been idle before the client's last word, as a connection that waits for its next use is. */
static bool is_used_again(const struct view *view)
{
	const struct outcome_word *last = &view->outcome->last;

	return last->side == look_client(view) &&
	       last->idle_ns >= view->thresholds->value[THRESHOLD_KEEPALIVE_IDLE] * NS_PER_MS;
}

/* An upload that the server does not want: it answers before it has read everything, and closes. */
static bool refuses_rest(const struct view *view)
{
	enum { REQUEST_ANSWER_REST = 3, HTTP_ERROR = 400 };
	const struct first *answer = &look_side(view, !look_client(view))->first_word;

	return answer->kind == FIRST_HTTP && answer->number >= HTTP_ERROR &&
	       view->outcome->words == REQUEST_ANSWER_REST && !view->outcome->last.owed &&
	       !is_used_again(view);
}

static void tell_pipe(const struct view *view, struct finding *finding)
{
	int writer = wrote_late(view);
	const struct outcome_side *late = look_side(view, writer);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	words_side(&what, view, writer);
	text_add(&what, " wrote %u bytes ", late->data_bytes);
	words_duration(&what, ns_between(look_side(view, !writer)->fin_ns, late->data_ns));
	text_add(&what, " after ");
	words_side(&what, view, !writer);
	text_add(&what, " had closed, and was reset");
	if (writer == look_client(view)) {
		if (refuses_rest(view))
			text_add(&why,
				 "the server answered with HTTP %u and closed without taking the "
				 "rest of what the client sends",
				 look_side(view, !look_client(view))->first_word.number);
		else
			words_wrote_to_closed(&why, is_used_again(view));
		text_add(&why, "; its write fails with EPIPE or ECONNRESET");
	} else {
		text_add(&why, "the client closed without waiting for everything the server had to "
			       "say; the server's write fails with EPIPE or ECONNRESET");
	}
	if (writer == look_client(view))
		check = words_check(view, finding, 0);
	else
		check = words_check_remote(finding);
	text_add(&check.run, "ss -tnp state close-wait");
	words_check_end(&check,
			"connections that the other side has closed and a process still holds");
}

const struct rule rule_conn_broken_pipe = {
	.id = "conn-broken-pipe",
	.stage = STAGE_REACHED,
	.severity = SEVERITY_WARNING,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_CONNECTION,
	.needs = OUTCOME_WORDS | OUTCOME_ORDER,
	.match = match_pipe,
	.tell = tell_pipe,
	.match_socket = standing_match_pipe,
	.tell_socket = standing_tell_pipe,
	.means = "one side wrote after the other had closed",
	.evidence =
		"data that acknowledges the other side's FIN, answered with a reset; live: EPIPE with more unacknowledged than a goodbye has, or returned to the process that writes on; whether SIGPIPE ends it",
	.gate = "a half-closed connection that still reads answers with no reset; a goodbye (close_notify, GOAWAY) after the FIN is none, and so is what a client writes to a server that had turned it away, in words, at once, or behind nothing but a greeting; what is as short and as soon as a goodbye, but no request, is an info; a server that is told EPIPE because its client left is an info, unless SIGPIPE ends it",
	.general_check = "ss -tnp state close-wait on the side that wrote",
	.kernels = "every kernel tells it; that a write failed: 6.3 (sock_send_length)",
};

/* ---- conn-app-timeout, conn-client-gave-up ---- */

/* The client waited and closed, the answer came after that, and was met with a reset. */
static bool answered_too_late(const struct view *view, struct outcome_wait *wait)
{
	const struct outcome *outcome = view->outcome;
	const struct outcome_side *client = look_side(view, look_client(view));
	const struct outcome_word *answer = &outcome->last, *asked = &outcome->before;

	if (outcome->words < 2 || !client->fin_ns || !client->reset_ns ||
	    answer->side == look_client(view) || asked->side != look_client(view) ||
	    client->fin_ns > answer->first_ns)
		return false;
	/* who half-closes behind a question reads its answer, and does not reset it */
	if (!asked->owed && client->fin_ns < asked->last_ns + GOODBYE_NS)
		return false;
	*wait = (struct outcome_wait){
		.side = asked->side,
		.since_ns = asked->last_ns,
		.until_ns = client->fin_ns,
		.bytes = asked->bytes,
		.owed = asked->owed,
		.acked = true,
	};
	return true;
}

/* It closed or reset while its last word had no answer, before the server did either. */
static bool closed_waiting(const struct view *view, struct outcome_wait *wait)
{
	const struct outcome *outcome = view->outcome;
	__u8 client = look_client(view);
	const struct outcome_side *own = look_side(view, client), *peer = look_side(view, !client);
	__u64 peer_ns = peer->fin_ns ? peer->fin_ns : peer->reset_ns;

	*wait = outcome->wait;
	if (!outcome->waits || wait->side != client || !wait->acked)
		return false;
	if (own->fin_ns != wait->until_ns && own->reset_ns != wait->until_ns)
		return false;
	return !peer_ns || peer_ns > wait->until_ns;
}

static bool gave_up(const struct view *view, struct guess *guess, struct outcome_wait *wait)
{
	if (!view->outcome->figures.client_known)
		return false;
	if (answered_too_late(view, wait))
		return true;
	if (!closed_waiting(view, wait))
		return false;
	guess->absence = true;
	if (wait->owed)
		return true;
	/* a protocol may be one-way: whether an answer was owed is not known from silence */
	guess->confidence = CONFIDENCE_POSSIBLE;
	guess->severity = SEVERITY_INFO;
	return true;
}

static bool waited_long(const struct view *view, const struct outcome_wait *wait)
{
	return ns_between(wait->since_ns, wait->until_ns) >=
	       view->thresholds->value[THRESHOLD_ANSWER_WAIT] * NS_PER_MS;
}

/* The answer came to a halt in its middle, and the client, which had room for it, waited and closed. */
static bool stalled(const struct view *view)
{
	const struct outcome *outcome = view->outcome;
	const struct outcome_side *client = look_side(view, look_client(view));
	const struct outcome_side *server = look_side(view, !look_client(view));

	return outcome->cut_short && client->closed_ns &&
	       (!server->closed_ns || server->closed_ns > client->closed_ns) &&
	       client->closed_window_ns <
		       view->thresholds->value[THRESHOLD_WINDOW_CLOSED] * NS_PER_MS &&
	       !server->stuck && !server->hole_bytes &&
	       ns_between(server->data_ns, client->closed_ns) >=
		       view->thresholds->value[THRESHOLD_ANSWER_WAIT] * NS_PER_MS;
}

static bool match_stalled(const struct view *view, struct guess *guess)
{
	if (!stalled(view))
		return false;
	guess->absence = true;
	guess->severity = SEVERITY_ERROR;
	return true;
}

static bool match_app_timeout(const struct view *view, struct guess *guess)
{
	struct outcome_wait wait;

	if (look_vantage_point(view) == VANTAGE_POINT_SERVER)
		return false;
	return match_stalled(view, guess) ||
	       (gave_up(view, guess, &wait) && waited_long(view, &wait));
}

/* Without the wait: a reset is a deed, a FIN behind a request may be a half-close (HTTP/1.0). */
static bool match_gave_up(const struct view *view, struct guess *guess)
{
	struct outcome_wait wait;

	return match_stalled(view, guess) ||
	       (gave_up(view, guess, &wait) &&
		(waited_long(view, &wait) || look_side(view, look_client(view))->reset_ns));
}

static void add_stall(struct text *what, const struct view *view)
{
	const struct outcome *outcome = view->outcome;
	const struct outcome_side *client = look_side(view, look_client(view));

	words_side(what, view, look_client(view));
	text_add(what, client->reset_ns == client->closed_ns ? " reset" : " closed");
	text_add(what, " the connection ");
	words_duration(what,
		       ns_between(look_side(view, !look_client(view))->data_ns, client->closed_ns));
	text_add(what, " after the HTTP answer of ");
	words_side(what, view, !look_client(view));
	if (outcome->announced_bytes)
		text_add(what, " had stopped at %u of %u bytes", outcome->body_bytes,
			 outcome->announced_bytes);
	else
		text_add(what, " had stopped at %u bytes, before its last chunk",
			 outcome->body_bytes);
}

static void add_wait(struct text *what, const struct view *view)
{
	const struct outcome_side *client = look_side(view, look_client(view));
	struct outcome_wait wait;
	bool late = answered_too_late(view, &wait);

	if (stalled(view)) {
		add_stall(what, view);
		return;
	}
	if (!late && !closed_waiting(view, &wait))
		return;
	words_side(what, view, look_client(view));
	text_add(what, client->reset_ns == wait.until_ns ? " reset" : " closed");
	text_add(what, " the connection ");
	words_duration(what, ns_between(wait.since_ns, wait.until_ns));
	text_add(what, " after its last %u bytes, which ", wait.bytes);
	words_side(what, view, !look_client(view));
	text_add(what, " had acknowledged and not answered");
	if (!late)
		return;
	text_add(what, "; the answer came ");
	words_duration(what, ns_between(wait.until_ns, view->outcome->last.first_ns));
	text_add(what, " after that");
}

static void tell_app_timeout(const struct view *view, struct finding *finding)
{
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	add_wait(&what, view);
	text_add(&why, "the client's own time-out ended before the server's application answered; "
		       "its host was there all the time");
	words_check_server(view, finding,
			   "whether its application reads (Recv-Q), and what it waits for");
}

static void tell_gave_up(const struct view *view, struct finding *finding)
{
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	add_wait(&what, view);
	text_add(&why, "the client gave up (a time-out, a user who cancels, a process that ends) "
		       "while the server worked on its request");
	words_check_server(view, finding,
			   "whether its application reads (Recv-Q), and what it waits for");
}

const struct rule rule_conn_app_timeout = {
	.id = "conn-app-timeout",
	.stage = STAGE_EXCHANGED,
	.severity = SEVERITY_WARNING,
	.cap = CONFIDENCE_LIKELY,
	.wakes = WAKE_CONNECTION,
	.needs = OUTCOME_WORDS | OUTCOME_HOPS,
	.match = match_app_timeout,
	.tell = tell_app_timeout,
	.match_socket = standing_match_app_timeout,
	.tell_socket = standing_tell_app_timeout,
	.means = "the client's application gave up waiting for an answer",
	.evidence =
		"the request was acknowledged by the server's host, no byte of answer came, then the client's FIN or reset; an answer after that, met with a reset, proves it; or an HTTP answer stopped before its announced end, and the client closed; live: the client's process closes when its few segments are acknowledged and not a byte of answer ever came, a whole number of seconds after the last of them",
	.gate = "the client spoke last, waited for threshold answer-wait; where nothing tells that the protocol owes an answer it is an info, at most possible; live also where the wait is no whole number of seconds, and none at the end of a process; captures taken at the server call it conn-client-gave-up",
	.general_check = "the client's configured time-outs; the server's application",
	.kernels = "every kernel tells it; live of a connection's first answer only",
};

const struct rule rule_conn_client_gave_up = {
	.id = "conn-client-gave-up",
	.stage = STAGE_EXCHANGED,
	.severity = SEVERITY_WARNING,
	.cap = CONFIDENCE_LIKELY, /* what the client sent tells it */
	.wakes = WAKE_CONNECTION,
	.needs = OUTCOME_WORDS,
	.match = match_gave_up,
	.tell = tell_gave_up,
	.match_socket = standing_match_gave_up,
	.tell_socket = standing_tell_gave_up,
	.means = "the client closed or reset while the server still owed it the answer",
	.evidence =
		"the last data came from the client, then its FIN or reset before the server's; an answer after that, met with a reset, proves it; or an HTTP answer stopped before its announced end; live, of a server here: its first answer came threshold answer-wait and more after the request and met a reset, because the client had closed before; or the client resets, not a byte of answer was sent, a whole number of seconds after its few segments",
	.gate = "a FIN right behind a request may be a half-close and is none; where nothing tells that the protocol owes an answer it is an info, at most possible; live also where the wait is no whole number of seconds; not told where the client on this host tells it",
	.general_check = "how long the server's application takes; who is its client",
	.kernels = "every kernel tells it; live of a connection's first answer only",
};

/* ---- conn-idle-dropped ---- */

/* Who spoke after a long silence and got only a reset, from a host that knows no such connection. */
static bool reset_after_idle(const struct view *view)
{
	const struct outcome *outcome = view->outcome;
	const struct outcome_side *other = look_side(view, !outcome->last.side);

	return outcome->words && !other->fin_ns && other->reset_of_last &&
	       other->reset_ns >= outcome->last.first_ns;
}

static bool stuck_after_idle(const struct view *view)
{
	return view->outcome->words && look_never_heard(view, view->outcome->last.side);
}

static bool match_idle_dropped(const struct view *view, struct guess *guess)
{
	if (view->outcome->last.idle_ns < view->thresholds->value[THRESHOLD_LONG_IDLE] * NS_PER_S)
		return false;
	guess->confidence = CONFIDENCE_POSSIBLE;
	return reset_after_idle(view) || stuck_after_idle(view);
}

static void tell_idle_dropped(const struct view *view, struct finding *finding)
{
	const struct outcome_word *last = &view->outcome->last;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check = words_check(view, finding, 0);

	words_side(&what, view, last->side);
	text_add(&what, " spoke after a silence of ");
	words_duration(&what, last->idle_ns);
	if (reset_after_idle(view))
		text_add(&what, " and was reset as if there were no such connection");
	else
		text_add(&what, " and heard nothing, though it sent that again %u times",
			 look_side(view, last->side)->stuck);
	text_add(&why,
		 "a NAT, firewall or balancer between the hosts forgot the idle connection, or "
		 "the other host has started anew");
	text_add(&check.run, "sysctl net.ipv4.tcp_keepalive_time net.ipv4.tcp_keepalive_intvl");
	words_check_end(&check, "keep-alives more often than every %llu s would keep it known",
			last->idle_ns / NS_PER_S);
}

const struct rule rule_conn_idle_dropped = {
	.id = "conn-idle-dropped",
	.stage = STAGE_EXCHANGED,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_LIKELY,
	.wakes = WAKE_CONNECTION | WAKE_STALLED,
	.needs = OUTCOME_WORDS | OUTCOME_ORDER | OUTCOME_STUCK | OUTCOME_REPEATS,
	.match = match_idle_dropped,
	.tell = tell_idle_dropped,
	.match_socket = standing_match_idle,
	.tell_socket = standing_tell_idle,
	.means = "a connection was forgotten while it was idle",
	.evidence =
		"silence for threshold long-idle, then data that gets a reset without acknowledgment (no such connection) or nothing at all; one case is possible at most; live: the times of the last word and of the last acknowledgment, and how it ended",
	.gate = "a FIN or reset before that data tells who closed it; shorter silences are none",
	.general_check = "idle time-outs on the way; keep-alives of the application or socket",
	.kernels = "every kernel tells it",
};
