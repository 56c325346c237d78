// SPDX-License-Identifier: GPL-2.0-or-later
/* conn_closed.c - an established connection was closed or reset before it had done its work */

#include "rules/look.h"
#include "rules/words.h"

/* Who closes right behind its own words does not wait for an answer to them. */
#define GOODBYE_NS (20 * NS_PER_MS)

/* The server had answered on this connection before its client's last word. */
static bool answered_before(const struct view *view)
{
	const struct connection *connection = view->connection;
	const struct connection_side *server = look_side(view, !look_client(view));

	return server->data.ts_ns && connection->burst[0].side == look_client(view) &&
	       server->data.ts_ns <= connection->burst[0].first_ns;
}

/* ---- conn-keepalive-race ---- */

/* A reset with an acknowledgment tells what its sender had received: not the last question. */
static bool reset_before_it_came(const struct view *view)
{
	const struct connection_mark *reset = &look_side(view, !look_client(view))->reset;
	const struct connection_side *client = look_side(view, look_client(view));

	return reset->ts_ns && (reset->tcp_flags & TCP_F_ACK) &&
	       (__s32)(reset->ack - client->data.seq) <= 0;
}

static bool match_race(const struct view *view, struct guess *guess)
{
	const struct connection *connection = view->connection;
	__u8 client = look_client(view);
	const struct connection_side *server = look_side(view, !client);

	if (!look_connection(view, guess) || !answered_before(view) ||
	    connection_said_goodbye(connection, client) ||
	    connection->burst[0].idle_ns <
		    view->thresholds->value[THRESHOLD_KEEPALIVE_IDLE] * NS_PER_MS)
		return false;
	if (server->fin.ts_ns)
		return connection_crossed_fin(connection, client);
	return reset_before_it_came(view);
}

static void tell_race(const struct view *view, struct finding *finding)
{
	const struct connection *connection = view->connection;
	const struct connection_burst *asked = &connection->burst[0];
	const struct connection_side *server = look_side(view, !look_client(view));
	const struct connection_mark *closed = server->fin.ts_ns ? &server->fin : &server->reset;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	words_side(&what, view, !look_client(view));
	text_add(&what, " closed the connection, idle for ");
	words_duration(&what, ns_between(server->data.ts_ns, closed->ts_ns));
	text_add(&what,
		 ", while a request of %u bytes was on its way to it; no byte of answer came",
		 asked->bytes);
	text_add(&why, "the server's keep-alive time-out is not longer than the time for which the "
		       "client keeps connections for reuse");
	words_check_server(view, finding,
			   "its keep-alive time-out: it must be longer than the client's");
}

const struct rule rule_conn_keepalive_race = {
	.id = "conn-keepalive-race",
	.stage = "established",
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_LIKELY,
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
		    look_side(view, !side)->reset.ts_ns &&
		    !connection_said_goodbye(connection, side))
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
	const struct connection_mark *fin = &look_side(view, !writer)->fin;
	const struct connection_mark *late = &look_side(view, writer)->data;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;

	words_side(&what, view, writer);
	text_add(&what, " wrote %u bytes ", late->payload_bytes);
	words_duration(&what, ns_between(fin->ts_ns, late->ts_ns));
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
	const struct connection_side *client = look_side(view, look_client(view));
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
		.kind = asked->kind,
		.acked = true,
	};
	return true;
}

/* It closed or reset while its last word had no answer, before the server did either. */
static bool closed_waiting(const struct view *view, struct connection_wait *wait)
{
	const struct connection *connection = view->connection;
	__u8 client = look_client(view);
	const struct connection_side *own = look_side(view, client),
				     *peer = look_side(view, !client);
	__u64 peer_ns = peer->fin.ts_ns ? peer->fin.ts_ns : peer->reset.ts_ns;

	if (!connection_waits(connection, wait) || wait->side != client || !wait->acked)
		return false;
	if (own->fin.ts_ns != wait->until_ns && own->reset.ts_ns != wait->until_ns)
		return false;
	return !peer_ns || peer_ns > wait->until_ns;
}

static bool gave_up(const struct view *view, struct guess *guess, struct connection_wait *wait)
{
	if (!look_connection(view, guess) || !view->connection->stream->ends->client_known)
		return false;
	if (answered_too_late(view, wait))
		return true;
	if (!closed_waiting(view, wait))
		return false;
	guess->absence = true;
	if (look_owes_answer(wait->kind))
		return true;
	/* a protocol may be one-way: whether an answer was owed is not known from silence */
	guess->confidence = CONFIDENCE_POSSIBLE;
	guess->severity = SEVERITY_INFO;
	return true;
}

static bool waited_long(const struct view *view, const struct connection_wait *wait)
{
	return ns_between(wait->since_ns, wait->until_ns) >=
	       view->thresholds->value[THRESHOLD_ANSWER_WAIT] * NS_PER_MS;
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
	       (waited_long(view, &wait) || look_side(view, look_client(view))->reset.ts_ns);
}

static void add_wait(struct text *what, const struct view *view)
{
	const struct connection_mark *reset = &look_side(view, look_client(view))->reset;
	const struct connection *connection = view->connection;
	struct connection_wait wait;
	bool late = answered_too_late(view, &wait);

	if (!late && !closed_waiting(view, &wait))
		return;
	words_side(what, view, look_client(view));
	text_add(what, reset->ts_ns == wait.until_ns ? " reset" : " closed");
	text_add(what, " the connection ");
	words_duration(what, ns_between(wait.since_ns, wait.until_ns));
	text_add(what, " after its last %u bytes, which ", wait.bytes);
	words_side(what, view, !look_client(view));
	text_add(what, " had acknowledged and not answered");
	if (!late)
		return;
	text_add(what, "; the answer came ");
	words_duration(what, ns_between(wait.until_ns, connection->burst[0].first_ns));
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
	.stage = "established",
	.severity = SEVERITY_WARNING,
	.cap = CONFIDENCE_LIKELY,
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
	const struct connection_mark *reset = &look_side(view, !last->side)->reset;

	if (!connection->bursts || !reset->ts_ns || look_side(view, !last->side)->fin.ts_ns)
		return false;
	/* RFC 9293 3.10.7.1: it takes its number from the acknowledgment of what provoked it */
	return !(reset->tcp_flags & TCP_F_ACK) && reset->ts_ns >= last->first_ns &&
	       reset->seq == look_side(view, last->side)->data.ack;
}

static bool stuck_after_idle(const struct view *view)
{
	const struct connection *connection = view->connection;
	const struct connection_burst *last = &connection->burst[0];
	const struct connection_side *side = look_side(view, last->side);

	return connection->bursts && connection_stuck(connection, last->side) &&
	       side->stuck_count >= view->thresholds->value[THRESHOLD_STUCK] &&
	       side->stuck_peer_packets == (__u32)connection->stream->side[!last->side].packets;
}

static bool match_idle_dropped(const struct view *view, struct guess *guess)
{
	if (!look_connection(view, guess) ||
	    view->connection->burst[0].idle_ns <
		    view->thresholds->value[THRESHOLD_LONG_IDLE] * NS_PER_S)
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
			 look_side(view, last->side)->stuck_count);
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
