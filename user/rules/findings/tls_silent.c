// SPDX-License-Identifier: GPL-2.0-or-later
/* tls_silent.c - a TLS handshake of which nobody said why it ended */

#include "rules/look.h"
#include "rules/standing.h"
#include "rules/words.h"

static __u64 wait_ns(const struct view *view)
{
	return view->thresholds->value[THRESHOLD_ANSWER_WAIT] * NS_PER_MS;
}

static int closed_first(const struct view *view)
{
	return view->outcome->closed_first;
}

/* ---- tls-rejected ---- */

static const struct tls_side *client_side(const struct handshake *handshake)
{
	return &handshake->side[handshake->client];
}

static const struct tls_side *server_side(const struct handshake *handshake)
{
	return &handshake->side[!handshake->client];
}

static bool is_whole(const struct tls_side *side)
{
	return !(side->flags & (TLS_SIDE_LOST | TLS_SIDE_NOT_TLS)) && !side->body_left;
}

/* All of what the server had to say before it is the client's turn has come. */
static bool flight_is_whole(const struct handshake *handshake)
{
	if (handshake_version(handshake) == TLS_1_3)
		return is_whole(server_side(handshake));
	return tls_side_sent(server_side(handshake), TLS_SERVER_HELLO_DONE);
}

/*
 * In place of its Finished the client sent one encrypted record that is too short for one: an alert,
 * padded or not (Java's has 35 bytes). Whatever it says is in there.
 */
static bool client_objects(const struct handshake *handshake)
{
	const struct tls_side *client = client_side(handshake);

	return handshake_version(handshake) == TLS_1_3 && client->data_count == 1 &&
	       client->last_type == TLS_DATA && client->data_longest < TLS_FINISHED_BYTES;
}

/* What the server sent has reached the client's host: what never arrived was not judged. */
static bool flight_arrived(const struct view *view)
{
	return !look_side(view, !view->outcome->tls->client)->unacked_bytes;
}

/*
 * The client has the server's certificate, and ends without its Finished. That it sends
 * close_notify in clear is a cancel; so is that it closed before the server said anything.
 */
static bool client_rejects(const struct view *view)
{
	const struct handshake *handshake = view->outcome->tls;
	const struct tls_side *client = client_side(handshake);
	__u64 closed_ns = look_side(view, handshake->client)->closed_ns;

	if (!handshake->answer_ns || handshake->finished || !handshake_has_certificate(handshake) ||
	    !is_whole(client) || client->alerts || !flight_arrived(view) ||
	    (handshake->hello[handshake->client].flags & TLS_HELLO_EARLY_DATA))
		return false;
	if (closed_first(view) == handshake->client)
		return closed_ns >= handshake->answer_ns;
	return closed_first(view) >= 0 && client_objects(handshake);
}

/* The last record of the client is no close_notify that the server's short one may answer. */
static bool server_speaks_first(const struct view *view, const struct handshake *handshake)
{
	const struct tls_side *client = client_side(handshake);
	__u64 client_ns = look_side(view, handshake->client)->closed_ns;

	if (client->last_type == TLS_DATA && client->last_bytes == TLS_ALERT_BYTES)
		return false;
	return handshake->reply_ns && (!client_ns || handshake->reply_ns < client_ns);
}

static bool server_rejects_1_3(const struct view *view, const struct handshake *handshake)
{
	const struct tls_side *server = server_side(handshake);

	if (!handshake_client_certificate(handshake) || !is_whole(server))
		return false;
	if (server->data_count)
		return server_speaks_first(view, handshake);
	return closed_first(view) != handshake->client && closed_first(view) >= 0;
}

/* The client has finished; the server ends it with an alert, or without a word. */
static bool server_rejects(const struct view *view)
{
	const struct handshake *handshake = view->outcome->tls;

	if (!handshake->finished)
		return false;
	if (handshake_version(handshake) == TLS_1_3)
		return server_rejects_1_3(view, handshake);
	return is_whole(server_side(handshake)) && closed_first(view) >= 0 &&
	       closed_first(view) != handshake->client &&
	       tls_side_sent(server_side(handshake), TLS_CERTIFICATE_REQUEST);
}

static __u64 flight_ns(const struct view *view, const struct handshake *handshake)
{
	__u64 last_ns = look_side(view, !handshake->client)->data_ns;

	return last_ns > handshake->answer_ns ? last_ns : handshake->answer_ns;
}

static bool match_rejected(const struct view *view, struct guess *guess)
{
	const struct handshake *handshake = view->outcome->tls;
	__u64 decided_ns;

	guess->absence = true;
	if (server_rejects(view)) {
		if (handshake_version(handshake) == TLS_1_3 && !server_side(handshake)->data_count)
			guess->confidence = CONFIDENCE_POSSIBLE;
		return true;
	}
	if (!client_rejects(view))
		return false;
	/* who looks at a certificate decides at once */
	decided_ns = client_objects(handshake) ? look_side(view, handshake->client)->data_ns :
						 look_side(view, handshake->client)->closed_ns;
	if (!flight_is_whole(handshake) ||
	    ns_between(flight_ns(view, handshake), decided_ns) >= wait_ns(view))
		guess->confidence = CONFIDENCE_POSSIBLE;
	return true;
}

/* "10.0.0.1:45678 closed 8.00 ms after the server's certificate came and never sent its Finished" */
static void add_client_end(struct text *what, const struct view *view,
			   const struct handshake *handshake)
{
	const struct outcome_side *side = look_side(view, handshake->client);
	const struct tls_side *client = client_side(handshake);

	words_client(what, view);
	text_add(what, " %s ",
		 side->reset_ns == side->closed_ns ? "reset the connection" : "closed");
	words_duration(what, ns_between(flight_ns(view, handshake), side->closed_ns));
	text_add(what, " after the server's certificate came and never sent its Finished");
	if (client->data_count)
		text_add(what, "; before that one encrypted record of %u bytes%s",
			 client->last_bytes,
			 client_objects(handshake) ? ", as short as an alert" : "");
}

/* The server only closed when it had read what the client said. */
static void add_client_alert(struct text *what, const struct view *view,
			     const struct handshake *handshake)
{
	const struct outcome_side *side = look_side(view, handshake->client);

	words_client(what, view);
	text_add(what, " answered the server's certificate ");
	words_duration(what, ns_between(flight_ns(view, handshake), side->data_ns));
	text_add(what,
		 " later with one encrypted record of %u bytes, too short for a Finished, as an "
		 "alert is; then the server closed",
		 client_side(handshake)->last_bytes);
}

static void tell_client_rejects(const struct view *view, struct finding *finding, struct text *what,
				struct text *why)
{
	const struct handshake *handshake = view->outcome->tls;

	if (closed_first(view) == handshake->client)
		add_client_end(what, view, handshake);
	else
		add_client_alert(what, view, handshake);
	text_add(what, "; %s", tls_version_name(handshake_version(handshake)));
	words_hello_name(what, &handshake->hello[handshake->client]);
	words_client_rejects(why, view, finding);
}

/* The statement that there is no certificate has 8 bytes (RFC 8446 4.4.2), as a record 25. */
static bool sent_none(const struct handshake *handshake)
{
	enum { NO_CERTIFICATE_BYTES = 8 + 1 + 16 };

	return handshake_version(handshake) == TLS_1_3 &&
	       client_side(handshake)->data_bytes[0] == NO_CERTIFICATE_BYTES;
}

static void tell_server_rejects(const struct view *view, struct finding *finding, struct text *what,
				struct text *why)
{
	const struct handshake *handshake = view->outcome->tls;
	const struct tls_side *server = server_side(handshake);

	words_server(what, view);
	if (handshake_version(handshake) == TLS_1_3 && server->data_count) {
		text_add(what, " answered the client's Finished ");
		words_duration(what, ns_between(handshake->finished_ns, handshake->reply_ns));
		text_add(what, " later with one encrypted record of %u bytes, as long as an alert",
			 server->data_bytes[0]);
	} else {
		text_add(what, " closed ");
		words_duration(what, ns_between(handshake->finished_ns,
						look_side(view, !handshake->client)->closed_ns));
		text_add(what, " after the client's Finished without a word");
	}
	text_add(what, "; %s", tls_version_name(handshake_version(handshake)));
	words_hello_name(what, &handshake->hello[handshake->client]);
	words_server_rejects(
		why, view, finding,
		sent_none(handshake) ?
			"in front of its Finished stands a record as long as an empty one" :
			NULL);
}

static void tell_rejected(const struct view *view, struct finding *finding)
{
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	if (server_rejects(view))
		tell_server_rejects(view, finding, &what, &why);
	else
		tell_client_rejects(view, finding, &what, &why);
}

const struct rule rule_tls_rejected = {
	.id = "tls-rejected",
	.stage = STAGE_TLS,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_LIKELY,
	.wakes = WAKE_CONNECTION,
	.needs = OUTCOME_TLS | OUTCOME_ENDED | OUTCOME_WORDS,
	.match = match_rejected,
	.tell = tell_rejected,
	.match_socket = standing_match_rejected,
	.tell_socket = standing_tell_rejected,
	.means = "one side ended the TLS handshake, and encryption hides why",
	.evidence =
		"the client ends after the server's certificate and never sent a record that can hold its Finished (53 bytes in TLS 1.3), or sent a shorter encrypted one in its place, upon which the server ends; or the client sent a certificate, or that it has none, and the server answered its Finished with one record as long as an alert (19 bytes), or closed, which captures alone show; live: the client's socket sent too few bytes behind its ClientHello to hold a Finished, and received enough for a certificate; or it sent enough, and the server said as much as an alert behind its first flight and ended (likely where the client sent exactly as much as the statement that it has no certificate and a Finished)",
	.gate = "19 bytes is also close_notify: only what comes before the other side's counts; without a certificate in sight, or where its host never acknowledged it, it is none; so is a client that closes before the server's first byte; a client that waited for threshold answer-wait before it closed is possible at most",
	.general_check =
		"the log of the side that ended it; openssl s_client -connect HOST:PORT -showcerts",
	.kernels =
		"live, hellos and alerts: every kernel whose packets are in sight; what was sent and received: every kernel",
};

/* ---- tls-no-server-hello ---- */

enum no_answer { ANSWERED, NO_ANSWER_CLOSE, NO_ANSWER_RESET, NO_ANSWER_SILENCE };

/* Of what turns to TLS later the server's words before are no answer. */
static bool server_answered(const struct handshake *handshake, const struct outcome_side *server)
{
	if (handshake->before[!handshake->client])
		return server_side(handshake)->next || server->unseen_bytes;
	return server->spoke || server->first_word.kind != FIRST_NONE;
}

/* Of the client's bytes, those since it turned to TLS that the server's host has acknowledged. */
static __u32 acked_bytes(const struct view *view, const struct handshake *handshake)
{
	__u32 acked = look_side(view, handshake->client)->acked_bytes;
	__u32 before = handshake->before[handshake->client];

	return acked > before ? acked - before : 0;
}

/* What the client got instead. What never arrived is a matter of TCP: conn-timed-out, conn-mtu-blackhole, conn-loss. */
static enum no_answer no_answer(const struct view *view)
{
	const struct handshake *handshake = view->outcome->tls;
	const struct outcome_side *server;
	__u64 until_ns;

	if (!look_client_hello(handshake))
		return ANSWERED;
	server = look_side(view, !handshake->client);
	if (server_answered(handshake, server))
		return ANSWERED;
	if (closed_first(view) == !handshake->client) {
		if (look_side(view, !handshake->client)->closed_ns < handshake->hello_ns ||
		    look_side(view, handshake->client)->stuck >=
			    view->thresholds->value[THRESHOLD_STUCK] ||
		    look_side(view, handshake->client)->hole_bytes)
			return ANSWERED;
		return server->reset_ns == look_side(view, !handshake->client)->closed_ns ?
			       NO_ANSWER_RESET :
			       NO_ANSWER_CLOSE;
	}
	until_ns = look_side(view, handshake->client)->closed_ns;
	if (!until_ns)
		until_ns = view->outcome->ended_ns;
	if (ns_between(handshake->hello_end_ns, until_ns) < wait_ns(view) ||
	    look_side(view, handshake->client)->stuck)
		return ANSWERED;
	return NO_ANSWER_SILENCE;
}

static bool match_no_server_hello(const struct view *view, struct guess *guess)
{
	guess->absence = true;
	return no_answer(view) != ANSWERED;
}

/* "517 bytes in 1 segment, all acknowledged" */
static void add_hello(struct text *text, const struct view *view, const struct handshake *handshake)
{
	__u32 acked = acked_bytes(view, handshake);
	const struct tls_hello *hello = &handshake->hello[handshake->client];
	__u32 bytes = TLS_HEADER_BYTES + hello->bytes;

	if (hello->kind != TLS_CLIENT_HELLO)
		return;
	text_add(text, " (%u bytes in ", bytes);
	words_count(text, handshake->hello_segments, "segment", "segments");
	if (acked >= bytes)
		text_add(text, ", all acknowledged");
	else if (acked)
		text_add(text, ", %u acknowledged", acked);
	else
		text_add(text, ", none acknowledged");
	if (client_side(handshake)->body_left)
		text_add(text, ", %u not in the capture", client_side(handshake)->body_left);
	text_add(text, ")");
}

static void explain_no_answer(struct text *why, const struct view *view, enum no_answer what)
{
	const struct handshake *handshake = view->outcome->tls;
	__u32 acked = acked_bytes(view, handshake);
	__u32 bytes = TLS_HEADER_BYTES + handshake->hello[handshake->client].bytes;

	if (what == NO_ANSWER_CLOSE)
		text_add(why,
			 "its application closed instead: it does not speak TLS there, does not "
			 "serve that name, or is a proxy or balancer without a backend");
	else if (what == NO_ANSWER_RESET)
		text_add(why, "its application closed without reading it, or something on the way "
			      "that reads names reset in its name");
	else if (acked && acked < bytes)
		text_add(why, "only the first part of a long ClientHello arrived: the rest is lost "
			      "on the way, or something there cannot take hellos of several "
			      "segments");
	else
		text_add(why,
			 "its host has the ClientHello, its application does not answer: it is "
			 "stuck, expects another protocol, or waits for something else first");
}

static void tell_no_server_hello(const struct view *view, struct finding *finding)
{
	const struct handshake *handshake = view->outcome->tls;
	enum no_answer instead = no_answer(view);
	__u64 end_ns = instead == NO_ANSWER_SILENCE ?
			       look_side(view, handshake->client)->closed_ns :
			       look_side(view, !handshake->client)->closed_ns;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	words_server(&what, view);
	text_add(&what, instead == NO_ANSWER_CLOSE ? " closed" :
			instead == NO_ANSWER_RESET ? " reset the connection" :
						     " said nothing for");
	text_add(&what, " ");
	words_duration(&what, ns_between(handshake->hello_end_ns,
					 end_ns ? end_ns : view->outcome->ended_ns));
	text_add(&what, " after the ClientHello");
	add_hello(&what, view, handshake);
	if (instead == NO_ANSWER_SILENCE)
		text_add(&what, end_ns ? ", then the client gave up" : "; there the capture ends");
	words_hello(&what, handshake);
	explain_no_answer(&why, view, instead);
	words_check_hello(
		view, finding,
		"whether another client is answered; -servername asks for the name quoted above");
	words_check_server_port(view, finding, "what serves that port");
}

const struct rule rule_tls_no_server_hello = {
	.id = "tls-no-server-hello",
	.stage = STAGE_TLS,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_LIKELY,
	.wakes = WAKE_CONNECTION | WAKE_STALLED,
	.needs = OUTCOME_TLS | OUTCOME_ENDED | OUTCOME_WORDS | OUTCOME_STUCK,
	.match = match_no_server_hello,
	.tell = tell_no_server_hello,
	.match_socket = standing_match_no_hello,
	.tell_socket = standing_tell_no_hello,
	.means = "the ClientHello was answered by a close, a reset or silence",
	.evidence =
		"a ClientHello and not a byte of the server: its FIN or reset, or nothing for threshold answer-wait; how long the hello is, in how many segments, and what of it was acknowledged; live it is pending after 2 s",
	.gate = "a client that closes before threshold answer-wait had its own reason; a hello that is sent again and again without an acknowledgment is conn-timed-out or conn-mtu-blackhole; live it is told of clients, and pending where the SYN/ACK was seen",
	.general_check =
		"openssl s_client -connect HOST:PORT from the client; the server's log; a capture at the server",
	.kernels =
		"live, hellos and alerts: every kernel whose packets are in sight; what was sent and received: every kernel",
};
