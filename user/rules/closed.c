// SPDX-License-Identifier: GPL-2.0-or-later
/* closed.c - an established connection was closed or reset before it had done its work */

#include "rules/rule.h"
#include "util/address.h"
#include "util/text.h"

#define NS_PER_MS 1000000ull
#define NS_PER_S 1000000000ull
/* Who closes right behind its own words does not wait for an answer to them. */
#define GOODBYE_NS (20 * NS_PER_MS)

static __u64 threshold_ns(const struct view *view, enum threshold threshold, __u64 unit_ns)
{
	return view->thresholds->value[threshold] * unit_ns;
}

static const struct connection_side *side_of(const struct view *view, int side)
{
	return &view->connection->side[side];
}

static __u64 between(__u64 from_ns, __u64 to_ns)
{
	return to_ns > from_ns ? to_ns - from_ns : 0;
}

/* "10.0.0.2:80" of the server, "10.0.0.1:45678" of the client */
static void add_server(struct text *text, const struct view *view)
{
	words_side(text, view, !look_client(view));
}

static void add_client(struct text *text, const struct view *view)
{
	words_side(text, view, look_client(view));
}

static void check_server_log(const struct view *view, struct finding *finding, const char *why)
{
	const struct stream *stream = view->connection->stream;
	struct words_check check = words_check_remote(finding);

	text_add(&check.run, "ss -tnpi 'sport = :%u'", stream->port[!look_client(view)]);
	words_check_end(&check, "%s", why);
}

/* The server had answered on this connection before its client's last word. */
static bool answered_before(const struct view *view)
{
	const struct connection *connection = view->connection;
	const struct connection_side *server = side_of(view, !look_client(view));

	return server->data.ts_ns && connection->burst[0].side == look_client(view) &&
	       server->data.ts_ns <= connection->burst[0].first_ns;
}

/* ---- conn-keepalive-race ---- */

/* A reset with an acknowledgment tells what its sender had received: not the last question. */
static bool reset_before_it_came(const struct view *view)
{
	const struct connection_mark *reset = &side_of(view, !look_client(view))->reset;
	const struct connection_side *client = side_of(view, look_client(view));

	return reset->ts_ns && (reset->tcp_flags & TCP_F_ACK) &&
	       (__s32)(reset->ack - client->data.seq) <= 0;
}

static bool match_race(const struct view *view, struct guess *guess)
{
	const struct connection *connection = view->connection;
	__u8 client = look_client(view);
	const struct connection_side *server = side_of(view, !client);

	if (!look_connection(view, guess) || !answered_before(view) ||
	    connection_said_goodbye(connection, client) ||
	    connection->burst[0].idle_ns < threshold_ns(view, THRESHOLD_KEEPALIVE_IDLE, NS_PER_MS))
		return false;
	if (server->fin.ts_ns)
		return connection_crossed_fin(connection, client);
	return reset_before_it_came(view);
}

static void tell_race(const struct view *view, struct finding *finding)
{
	const struct connection *connection = view->connection;
	const struct connection_burst *asked = &connection->burst[0];
	const struct connection_side *server = side_of(view, !look_client(view));
	const struct connection_mark *closed = server->fin.ts_ns ? &server->fin : &server->reset;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	add_server(&what, view);
	text_add(&what, " closed the connection, idle for ");
	words_duration(&what, between(server->data.ts_ns, closed->ts_ns));
	text_add(&what,
		 ", while a request of %u bytes was on its way to it; no byte of answer came",
		 asked->bytes);
	text_add(&why, "the server's keep-alive time-out is not longer than the time for which the "
		       "client keeps connections for reuse");
	check_server_log(view, finding,
			 "its keep-alive time-out: it must be longer than the client's");
}

const struct rule rule_conn_keepalive_race = {
	.id = "conn-keepalive-race",
	.stage = "established",
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_LIKELY,
	.rank = 250,
	.wakes = WAKE_CONNECTION,
	.match = match_race,
	.tell = tell_race,
	.means =
		"the server closed an idle connection while the client's next request was on its way",
	.evidence =
		"the server's FIN (or reset) does not acknowledge the request, and the request does not acknowledge that FIN: they crossed; it had answered before; no byte of answer; so far of captures only",
	.gate = "the connection was idle for threshold keepalive-idle; a goodbye (close_notify, GOAWAY) that crosses the FIN is none",
	.general_check = "the keep-alive time-outs of server, proxy and client's connection pool",
	.kernels = "captures only so far",
};

/* ---- conn-broken-pipe ---- */

/* Who wrote after the other's FIN had arrived, and was reset for it; -1 nobody. */
static int wrote_late(const struct view *view)
{
	const struct connection *connection = view->connection;

	for (int side = 0; side < 2; side++)
		if (connection_spoke_after_fin(connection, side) &&
		    side_of(view, !side)->reset.ts_ns && !connection_said_goodbye(connection, side))
			return side;
	return -1;
}

static bool match_pipe(const struct view *view, struct guess *guess)
{
	return look_connection(view, guess) && wrote_late(view) >= 0;
}

static void tell_pipe(const struct view *view, struct finding *finding)
{
	int writer = wrote_late(view);
	const struct connection_mark *fin = &side_of(view, !writer)->fin;
	const struct connection_mark *late = &side_of(view, writer)->data;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	words_side(&what, view, writer);
	text_add(&what, " wrote %u bytes ", late->payload_bytes);
	words_duration(&what, between(fin->ts_ns, late->ts_ns));
	text_add(&what, " after ");
	words_side(&what, view, !writer);
	text_add(&what, " had closed, and was reset");
	if (writer == look_client(view))
		text_add(&why, "the client used a connection again that the server had closed "
			       "(a pool that does not look before it writes); its write fails with "
			       "EPIPE or ECONNRESET");
	else
		text_add(&why, "the client closed without waiting for everything the server had to "
			       "say; the server's write fails with EPIPE or ECONNRESET");
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
	.stage = "established",
	.severity = SEVERITY_WARNING,
	.cap = CONFIDENCE_CERTAIN,
	.rank = 256,
	.wakes = WAKE_CONNECTION,
	.match = match_pipe,
	.tell = tell_pipe,
	.means = "one side wrote after the other had closed",
	.evidence =
		"data that acknowledges the other side's FIN, answered with a reset; so far of captures only, where EPIPE and SIGPIPE are not seen",
	.gate = "a half-closed connection that still reads answers with no reset; a goodbye (close_notify, GOAWAY) after the FIN is none",
	.general_check = "ss -tnp state close-wait on the side that wrote",
	.kernels = "captures only so far",
};

/* ---- conn-app-timeout, conn-client-gave-up ---- */

/* The client waited and closed, the answer came after that, and was met with a reset. */
static bool answered_too_late(const struct view *view, struct connection_wait *wait)
{
	const struct connection *connection = view->connection;
	const struct connection_side *client = side_of(view, look_client(view));
	const struct connection_burst *answer = &connection->burst[0],
				      *asked = &connection->burst[1];

	if (connection->bursts < 2 || !client->fin.ts_ns || !client->reset.ts_ns ||
	    answer->side == look_client(view) || asked->side != look_client(view) ||
	    client->fin.ts_ns < asked->last_ns + GOODBYE_NS || client->fin.ts_ns > answer->first_ns)
		return false;
	*wait = (struct connection_wait){
		.side = asked->side,
		.since_ns = asked->last_ns,
		.until_ns = client->fin.ts_ns,
		.idle_ns = asked->idle_ns,
		.bytes = asked->bytes,
		.acked = true,
	};
	return true;
}

/* It closed or reset while its last word had no answer, before the server did either. */
static bool closed_waiting(const struct view *view, struct connection_wait *wait)
{
	const struct connection *connection = view->connection;
	__u8 client = look_client(view);
	const struct connection_side *own = side_of(view, client), *peer = side_of(view, !client);
	__u64 peer_ns = peer->fin.ts_ns ? peer->fin.ts_ns : peer->reset.ts_ns;

	if (!connection_waits(connection, wait) || wait->side != client || !wait->acked)
		return false;
	if (own->fin.ts_ns != wait->until_ns && own->reset.ts_ns != wait->until_ns)
		return false;
	return !peer_ns || peer_ns > wait->until_ns;
}

static bool gave_up(const struct view *view, struct guess *guess, struct connection_wait *wait)
{
	if (!look_connection(view, guess) || !view->connection->stream->client_known)
		return false;
	if (answered_too_late(view, wait))
		return true;
	if (!closed_waiting(view, wait))
		return false;
	guess->absence = true;
	/* a protocol may be one-way: whether an answer was owed is not known from silence */
	guess->confidence = CONFIDENCE_POSSIBLE;
	guess->severity = SEVERITY_INFO;
	return true;
}

static bool waited_long(const struct view *view, const struct connection_wait *wait)
{
	return between(wait->since_ns, wait->until_ns) >=
	       threshold_ns(view, THRESHOLD_ANSWER_WAIT, NS_PER_MS);
}

static bool match_app_timeout(const struct view *view, struct guess *guess)
{
	struct connection_wait wait;

	return gave_up(view, guess, &wait) && waited_long(view, &wait) &&
	       look_vantage_point(view) != VANTAGE_POINT_SERVER;
}

/* Without the wait: a reset is a deed, a FIN behind a request may be a half-close (HTTP/1.0). */
static bool match_gave_up(const struct view *view, struct guess *guess)
{
	struct connection_wait wait;

	return gave_up(view, guess, &wait) &&
	       (waited_long(view, &wait) || side_of(view, look_client(view))->reset.ts_ns);
}

static void add_wait(struct text *what, const struct view *view)
{
	const struct connection_mark *reset = &side_of(view, look_client(view))->reset;
	const struct connection *connection = view->connection;
	struct connection_wait wait;
	bool late = answered_too_late(view, &wait);

	if (!late && !closed_waiting(view, &wait))
		return;
	add_client(what, view);
	text_add(what, reset->ts_ns == wait.until_ns ? " reset" : " closed");
	text_add(what, " the connection ");
	words_duration(what, between(wait.since_ns, wait.until_ns));
	text_add(what, " after its last %u bytes, which ", wait.bytes);
	add_server(what, view);
	text_add(what, " had acknowledged and not answered");
	if (!late)
		return;
	text_add(what, "; the answer came ");
	words_duration(what, between(wait.until_ns, connection->burst[0].first_ns));
	text_add(what, " after that");
}

static void tell_app_timeout(const struct view *view, struct finding *finding)
{
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	add_wait(&what, view);
	text_add(&why, "the client's own time-out ended before the server's application answered; "
		       "its host was there all the time");
	check_server_log(view, finding,
			 "whether its application reads (Recv-Q), and what it waits for");
}

static void tell_gave_up(const struct view *view, struct finding *finding)
{
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	add_wait(&what, view);
	text_add(&why, "the client gave up (a time-out, a user who cancels, a process that ends) "
		       "while the server worked on its request");
	check_server_log(view, finding,
			 "whether its application reads (Recv-Q), and what it waits for");
}

const struct rule rule_conn_app_timeout = {
	.id = "conn-app-timeout",
	.stage = "established",
	.severity = SEVERITY_WARNING,
	.cap = CONFIDENCE_LIKELY,
	.rank = 252,
	.wakes = WAKE_CONNECTION,
	.match = match_app_timeout,
	.tell = tell_app_timeout,
	.means = "the client's application gave up waiting for an answer",
	.evidence =
		"the request was acknowledged by the server's host, no byte of answer came, then the client's FIN or reset; an answer after that, met with a reset, proves it; so far of captures only",
	.gate = "the client spoke last, waited for threshold answer-wait; where nothing tells that the protocol owes an answer it is an info, at most possible; captures taken at the server call it conn-client-gave-up",
	.general_check = "the client's configured time-outs; the server's application",
	.kernels = "captures only so far",
};

const struct rule rule_conn_client_gave_up = {
	.id = "conn-client-gave-up",
	.stage = "established",
	.severity = SEVERITY_WARNING,
	.cap = CONFIDENCE_CERTAIN,
	.rank = 254,
	.wakes = WAKE_CONNECTION,
	.match = match_gave_up,
	.tell = tell_gave_up,
	.means = "the client closed or reset while the server still owed it the answer",
	.evidence =
		"the last data came from the client, then its FIN or reset before the server's; an answer after that, met with a reset, proves it; so far of captures only",
	.gate = "a FIN right behind a request may be a half-close and is none; where nothing tells that the protocol owes an answer it is an info, at most possible",
	.general_check = "how long the server's application takes; who is its client",
	.kernels = "captures only so far",
};

/* ---- conn-idle-dropped ---- */

/* Who spoke after a long silence and got only a reset, from a host that knows no such connection. */
static bool reset_after_idle(const struct view *view)
{
	const struct connection *connection = view->connection;
	const struct connection_burst *last = &connection->burst[0];
	const struct connection_mark *reset = &side_of(view, !last->side)->reset;

	if (!connection->bursts || !reset->ts_ns || side_of(view, !last->side)->fin.ts_ns)
		return false;
	/* RFC 9293 3.10.7.1: it takes its number from the acknowledgment of what provoked it */
	return !(reset->tcp_flags & TCP_F_ACK) && reset->ts_ns >= last->first_ns &&
	       reset->seq == side_of(view, last->side)->data.ack;
}

static bool stuck_after_idle(const struct view *view)
{
	const struct connection *connection = view->connection;
	const struct connection_burst *last = &connection->burst[0];
	const struct connection_side *side = side_of(view, last->side);

	return connection->bursts && connection_stuck(connection, last->side) &&
	       side->stuck_count >= view->thresholds->value[THRESHOLD_STUCK] &&
	       side->stuck_peer_packets == (__u32)connection->stream->side[!last->side].packets;
}

static bool match_idle_dropped(const struct view *view, struct guess *guess)
{
	if (!look_connection(view, guess) ||
	    view->connection->burst[0].idle_ns < threshold_ns(view, THRESHOLD_LONG_IDLE, NS_PER_S))
		return false;
	guess->confidence = CONFIDENCE_POSSIBLE;
	return reset_after_idle(view) || stuck_after_idle(view);
}

static void tell_idle_dropped(const struct view *view, struct finding *finding)
{
	const struct connection_burst *last = &view->connection->burst[0];
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
			 side_of(view, last->side)->stuck_count);
	text_add(&why,
		 "a NAT, firewall or balancer between the hosts forgot the idle connection, or "
		 "the other host has started anew");
	text_add(&check.run, "sysctl net.ipv4.tcp_keepalive_time net.ipv4.tcp_keepalive_intvl");
	words_check_end(&check, "keep-alives more often than every %llu s would keep it known",
			last->idle_ns / NS_PER_S);
}

const struct rule rule_conn_idle_dropped = {
	.id = "conn-idle-dropped",
	.stage = "established",
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_LIKELY,
	.rank = 258,
	.wakes = WAKE_CONNECTION,
	.match = match_idle_dropped,
	.tell = tell_idle_dropped,
	.means = "a connection was forgotten while it was idle",
	.evidence =
		"silence for threshold long-idle, then data that gets a reset without acknowledgment (no such connection) or nothing at all; one case is possible at most; so far of captures only",
	.gate = "a FIN or reset before that data tells who closed it; shorter silences are none",
	.general_check = "idle time-outs on the way; keep-alives of the application or socket",
	.kernels = "captures only so far",
};

/* ---- conn-closed-early ---- */

/* The server closed first and never said a word. */
static bool closed_speechless(const struct view *view)
{
	const struct connection *connection = view->connection;
	__u8 client = look_client(view);
	const struct connection_side *server = side_of(view, !client);
	const struct connection_side *own = side_of(view, client);

	return server->fin.ts_ns && !server->data.ts_ns &&
	       !connection_acked_bytes(connection, !client) &&
	       (!own->fin.ts_ns || server->fin.ts_ns <= own->fin.ts_ns) &&
	       (!own->reset.ts_ns || server->fin.ts_ns <= own->reset.ts_ns);
}

static bool match_closed_early(const struct view *view, struct guess *guess)
{
	const struct connection *connection = view->connection;
	const struct connection_side *server = side_of(view, !look_client(view));

	if (!look_connection(view, guess) || !connection->syn_ack.ts_ns || !closed_speechless(view))
		return false;
	guess->absence = true;
	if (connection->bursts)
		return true;
	/* it may have waited for a word of the client: that was the client's turn */
	return between(connection->syn_ack.ts_ns, server->fin.ts_ns) <
	       threshold_ns(view, THRESHOLD_CLOSED_AT_ONCE, NS_PER_MS);
}

static void tell_closed_early(const struct view *view, struct finding *finding)
{
	const struct connection *connection = view->connection;
	const struct connection_side *client = side_of(view, look_client(view));
	const struct connection_mark *fin = &side_of(view, !look_client(view))->fin;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	add_server(&what, view);
	text_add(&what, " accepted the connection and closed it ");
	words_duration(&what, between(connection->syn_ack.ts_ns, fin->ts_ns));
	text_add(&what, " later without a word");
	if (client->first.ts_ns && client->first.ts_ns <= fin->ts_ns) {
		text_add(&what, ", ");
		words_duration(&what, between(client->first.ts_ns, fin->ts_ns));
		text_add(&what, " after the client's first %u bytes", client->first.payload_bytes);
	}
	text_add(&why,
		 "the server's application did not want it: a limit of connections or clients, "
		 "an access list, another protocol, or a proxy without a backend");
	check_server_log(view, finding, "what serves that port; its own log says why it closes");
}

const struct rule rule_conn_closed_early = {
	.id = "conn-closed-early",
	.stage = "established",
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_LIKELY,
	.rank = 260,
	.wakes = WAKE_CONNECTION,
	.match = match_closed_early,
	.tell = tell_closed_early,
	.means = "the server accepted, then closed cleanly before it answered anything",
	.evidence =
		"the server's FIN before the client's, and not a byte of it; so far of captures only",
	.gate = "a client that said nothing either is only counted where the server closed within threshold closed-at-once: it may have waited for a request",
	.general_check = "the server's log and its limits",
	.kernels = "captures only so far",
};

/* ---- conn-reset-by-peer ---- */

static int resetter(const struct view *view)
{
	const struct stream *stream = view->connection->stream;

	for (int side = 0; side < 2; side++)
		if (side_of(view, side)->reset.ts_ns)
			return side_of(view, !side)->reset.ts_ns ? stream->reset_by : side;
	return -1;
}

/* The server reset while the client's last word had no answer. */
static bool owed_answer(const struct view *view, int by)
{
	const struct connection *connection = view->connection;
	__u8 client = look_client(view);

	return by != client && connection->bursts && connection->burst[0].side == client &&
	       !connection_said_goodbye(connection, client);
}

static bool match_reset(const struct view *view, struct guess *guess)
{
	const struct connection *connection = view->connection;
	int by = resetter(view);
	__u32 lost;

	if (by < 0 || !look_connection(view, guess))
		return false;
	/* over and done: the reset only tells that nobody is there any more */
	if (side_of(view, by)->fin.ts_ns || connection_said_goodbye(connection, !by) ||
	    connection_said_goodbye(connection, by))
		return false;
	if (side_of(view, !by)->fin.ts_ns && connection->bursts && !owed_answer(view, by) &&
	    !connection_unacked_bytes(connection, !by))
		return false;
	if (!connection->bursts &&
	    between(connection->stream->first_ns, connection->ended_ns) < NS_PER_S)
		return false; /* a health check */
	lost = connection_unacked_bytes(connection, !by);
	if (!owed_answer(view, by) && !lost)
		guess->severity = SEVERITY_INFO;
	else if (by == look_client(view))
		guess->severity = SEVERITY_WARNING; /* it chose not to read on */
	return true;
}

/* A router or firewall on the way counts hops of its own. */
static void add_author(struct text *why, const struct view *view, int by)
{
	const struct connection_side *side = side_of(view, by);
	__u8 usual = side->data.ttl ? side->data.ttl : 0;

	if (!usual || usual == side->reset.ttl)
		return;
	text_add(why,
		 "; the reset's hop limit is %u, that of its data %u: it may come from something "
		 "on the way",
		 side->reset.ttl, usual);
}

static void tell_reset(const struct view *view, struct finding *finding)
{
	const struct connection *connection = view->connection;
	int by = resetter(view);
	const struct connection_mark *reset = &side_of(view, by)->reset;
	__u32 lost = connection_unacked_bytes(connection, !by);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	words_side(&what, view, by);
	if (!connection->bursts) {
		text_add(&what, " reset the connection on which nobody had said a word for ");
		words_duration(&what, between(connection->stream->first_ns, reset->ts_ns));
	} else if (owed_answer(view, by)) {
		text_add(&what, " reset the connection instead of an answer, ");
		words_duration(&what, between(connection->burst[0].last_ns, reset->ts_ns));
		text_add(&what, " after the client's last %u bytes", connection->burst[0].bytes);
	} else {
		text_add(&what, " reset the connection ");
		words_duration(&what, between(connection->burst[0].last_ns, reset->ts_ns));
		text_add(&what, " after the last data");
	}
	if (lost)
		text_add(&what, "; %u bytes to it were never acknowledged", lost);
	/* RFC 9293 3.10.7.1; Linux resets where data was left unread at close() */
	if (!(reset->tcp_flags & TCP_F_ACK))
		text_add(&why,
			 "its host reset without an acknowledgment, as it does for a connection "
			 "that it does not know (any more)");
	else if (by == look_client(view))
		text_add(&why,
			 "the client ended it without reading what was left, or its process died");
	else
		text_add(&why,
			 "its application closed without reading everything, crashed, or was told "
			 "to reset");
	add_author(&why, view, by);
	check = by == look_client(view) ? words_check(view, finding, 0) :
					  words_check_remote(finding);
	text_add(&check.run, "journalctl --since -1h -p warning");
	words_check_end(&check, "whether the application crashed or was restarted at that time");
}

const struct rule rule_conn_reset_by_peer = {
	.id = "conn-reset-by-peer",
	.stage = "established",
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_LIKELY,
	.rank = 270,
	.wakes = WAKE_CONNECTION,
	.match = match_reset,
	.tell = tell_reset,
	.means = "one side, or something on the way in its name, reset an established connection",
	.evidence =
		"a reset whose number is in the window; what was unacknowledged and whether an answer was owed; a hop limit unlike that of its data is told; so far of captures only",
	.gate = "an error only if an answer was owed or bytes were lost, a warning where the client itself reset, else an info; a reset after both had closed, after a goodbye, or of a connection without a byte within 1 s (a health check) is none",
	.general_check = "the log of the application that reset; nstat on its host",
	.kernels = "captures only so far",
};
