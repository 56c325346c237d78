// SPDX-License-Identifier: GPL-2.0-or-later
/* tls_standing.c - TLS handshakes of this host: their hellos and alerts, and what the socket counted */

#include <string.h>

#include "rules/look.h"
#include "rules/standing.h"
#include "rules/words.h"
#include "util/tcp.h"

/*
 * Live no record header behind the hellos is seen. That a side was content follows from how many
 * bytes it sent, which its socket knows, and by the shortest Finished there can be. So a handshake that
 * failed late may be taken for one that worked, and never one that worked for a failed one.
 */

/* Behind the server's hello: extensions and Finished of TLS 1.3, and the least that X.509 takes. */
enum { SERVER_FLIGHT_BYTES = 300 };

static const struct handshake *handshake_of(const struct view *view)
{
	return view->outcome->tls;
}

static bool is_client(const struct view *view)
{
	return look_client(view) == FIGURES_LOCAL;
}

static bool hangs(const struct view *view)
{
	return view->wake == WAKE_STALLED;
}

/* What both sides sent is known: the socket has told its end. */
static bool is_counted(const struct view *view)
{
	return (view->outcome->known & OUTCOME_SPOKE) && look_standing(view)->flow.ended_ns;
}

/* Bytes that a side sent since it turned to TLS, each once. */
static __u64 sent_bytes(const struct view *view, int side)
{
	const struct event_flow *counts = &look_standing(view)->flow.counts;
	__u64 sent = side == FIGURES_LOCAL ? counts->bytes_sent - counts->bytes_again :
					     counts->bytes_received;
	__u64 before = handshake_of(view)->before[side];

	return sent > before ? sent - before : 0;
}

/* .. behind its hello, also what stood in the same segment */
static __u64 sent_after_hello(const struct view *view, int side)
{
	__u64 hello_bytes = TLS_HEADER_BYTES + handshake_of(view)->hello[side].bytes;
	__u64 sent = sent_bytes(view, side);

	return sent > hello_bytes ? sent - hello_bytes : 0;
}

/* Of TLS 1.2 and before: a change of cipher and 12 bytes that are encrypted (RFC 5246 7.4.9). */
enum { FINISHED_BYTES_OLD = 6 + TLS_HEADER_BYTES + 16 };

/* Whether the client's bytes can hold its Finished. */
static bool client_finished(const struct view *view)
{
	__u64 least = handshake_version(handshake_of(view)) == TLS_1_3 ?
			      TLS_HEADER_BYTES + TLS_FINISHED_BYTES :
			      FINISHED_BYTES_OLD;

	return sent_after_hello(view, look_client(view)) >= least;
}

/* ---- tls-not-tls ---- */

/* The client speaks TLS, and what answers it is neither a hello nor an alert. */
static bool server_is_plain(const struct view *view)
{
	const struct handshake *handshake = handshake_of(view);
	__u8 server = !look_client(view);

	return look_client_hello(handshake) && !handshake->answer_ns && handshake->heard &&
	       !handshake->side[server].alerts && is_counted(view) && sent_bytes(view, server);
}

/*
 * The server has nothing but an alert for what the client began with: it had more than the header of
 * a record, and no segment of the client began with one. OpenSSL's server answers with an alert, too, who leaves
 * before that, or without a word. Who asked in clear to turn to TLS has had other words of the server.
 */
static bool client_is_plain(const struct view *view)
{
	const struct handshake *handshake = handshake_of(view);
	__u8 client = look_client(view);

	return !handshake->side[client].next && handshake->heard && handshake->alert_ns &&
	       handshake->alert_from != client && !handshake->answer_ns &&
	       !handshake->before[!client] && handshake->alert_acks > TLS_HEADER_BYTES;
}

/*
 * The server's process, on this host, read as much as the header of a TLS record, was content with no
 * more, and closed: OpenSSL says nothing to what is no TLS at all. No ClientHello was among what passed where the
 * reset did.
 */
static bool server_wants_tls(const struct view *view)
{
	const struct outcome *outcome = view->outcome;
	const struct flow *flow = &look_standing(view)->flow;

	return !outcome->tls && is_client(view) && flow->role_known && is_counted(view) &&
	       outcome->reset_by == FIGURES_REMOTE && !flow->counts.bytes_received &&
	       look_side(view, FIGURES_REMOTE)->hops_reset && outcome->peer_unread_bytes &&
	       outcome->peer_read_bytes == TLS_HEADER_BYTES;
}

/* HTTP/2 in clear, and the server ended it without its own first frame: as of captures (tls.c). */
static bool refuses_plain_http2(const struct view *view)
{
	const struct flow *flow = &look_standing(view)->flow;

	return is_client(view) && is_counted(view) &&
	       look_side(view, FIGURES_LOCAL)->first_word.kind == FIRST_HTTP2_REQUEST &&
	       !flow->counts.segments_in &&
	       (flow->state == TCP_STATE_LAST_ACK || view->outcome->reset_by == FIGURES_REMOTE);
}

bool standing_match_not_tls(const struct view *view, struct guess *guess)
{
	if (hangs(view))
		return false;
	if (is_client(view) && look_tls_refused(view)) {
		if (view->outcome->refusal_unseen)
			guess->confidence = CONFIDENCE_POSSIBLE;
		return true;
	}
	if (is_client(view) && look_side(view, FIGURES_REMOTE)->first_word.wants_tls)
		return true;
	guess->absence = true;
	if (!handshake_of(view) && server_wants_tls(view))
		return true;
	if (!handshake_of(view)) {
		guess->confidence = CONFIDENCE_POSSIBLE;
		return refuses_plain_http2(view);
	}
	return is_client(view) && (server_is_plain(view) || client_is_plain(view));
}

static void tell_wants_tls(const struct view *view, struct text *what, struct text *why)
{
	words_client(what, view);
	text_add(what, " begins without TLS, with %llu bytes; ",
		 look_standing(view)->flow.counts.bytes_sent);
	words_server(what, view);
	text_add(
		what,
		" read %u of them, as many as the header of a TLS record has, and reset the connection",
		view->outcome->peer_read_bytes);
	words_tls_not_asked(why, "with HTTP: http:// for https://");
}

static void tell_answer(const struct view *view, struct text *what, struct text *why)
{
	words_client(what, view);
	text_add(what, " begins without TLS, ");
	words_server(what, view);
	text_add(what, " answers HTTP 400, saying that it wants TLS");
	words_tls_not_asked(why, "http:// for https://");
}

static void tell_plain_http2(const struct view *view, struct text *what, struct text *why)
{
	const struct flow *flow = &look_standing(view)->flow;

	words_client(what, view);
	text_add(what, " begins with ");
	first_print(what, &look_side(view, FIGURES_LOCAL)->first_word);
	text_add(what, ", ");
	words_server(what, view);
	text_add(
		what,
		" %s after %llu bytes of it, without the SETTINGS that HTTP/2 in clear begins with",
		view->outcome->reset_by == FIGURES_REMOTE ? "reset the connection" : "closed",
		flow->counts.bytes_sent);
	words_http2_not_taken(why);
}

void standing_tell_not_tls(const struct view *view, struct finding *finding)
{
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	if (look_tls_refused(view)) {
		words_tls_refused(&what, &why, view);
		words_check_server_port(view, finding, "what serves that port");
		return;
	}
	if (!handshake_of(view)) {
		if (look_side(view, FIGURES_REMOTE)->first_word.wants_tls)
			tell_answer(view, &what, &why);
		else if (server_wants_tls(view))
			tell_wants_tls(view, &what, &why);
		else
			tell_plain_http2(view, &what, &why);
		words_check_server_port(view, finding, "what serves that port");
		return;
	}
	words_client(&what, view);
	if (server_is_plain(view)) {
		text_add(&what, " begins with TLS, ");
		words_server(&what, view);
		text_add(&what, " answers with %llu bytes of something else",
			 sent_bytes(view, !look_client(view)));
		words_hello(&what, handshake_of(view));
		text_add(&why, "that port serves something without TLS, and the client's URL or "
			       "setting asks for TLS there");
	} else {
		text_add(&what, " begins without TLS, ");
		words_server(&what, view);
		text_add(&what, " answers with a TLS alert");
		words_tls_not_asked(&why, "with HTTP: http:// for https://");
	}
	words_check_server_port(view, finding, "what serves that port");
}

/* ---- tls-alert ---- */

static bool is_about_certificate(__u8 alert)
{
	return (alert >= TLS_BAD_CERTIFICATE && alert <= TLS_CERTIFICATE_UNKNOWN) ||
	       alert == TLS_UNKNOWN_CA || alert == TLS_ACCESS_DENIED ||
	       alert == TLS_CERTIFICATE_REQUIRED;
}

/* OpenSSL's client says decode_error where the server has closed: that is what happened. */
static bool answers_silence(const struct view *view)
{
	const struct handshake *handshake = handshake_of(view);

	return handshake->alert_from == handshake->client && !handshake->answer_ns &&
	       is_counted(view) && !sent_bytes(view, !look_client(view));
}

/*
 * .. and its server where the client has left: that alert acknowledges the client's end. Where the socket has
 * not told how much it sent, decode_error may be that, and so is any alert for a client without a word of TLS.
 */
static bool answers_end(const struct view *view)
{
	const struct handshake *handshake = handshake_of(view);
	const struct event_flow *counts = &look_standing(view)->flow.counts;
	__u8 client = look_client(view);

	if (!is_client(view) || handshake->alert_from == client)
		return false;
	if (!handshake->side[client].next)
		return true;
	if (!is_counted(view))
		return handshake->side[!client].alert == TLS_DECODE_ERROR;
	return handshake->alert_acks > counts->bytes_sent - counts->bytes_again;
}

/*
 * A warning is one where the client sent no Finished after it. Whoever likes tries a server out: of
 * what it refuses only certificates are of this host.
 */
bool standing_match_alert(const struct view *view, struct guess *guess)
{
	const struct handshake *handshake = handshake_of(view);
	const struct tls_side *side;

	if (!handshake || hangs(view) || !handshake->alert_ns || answers_silence(view) ||
	    answers_end(view))
		return false;
	side = &handshake->side[handshake->alert_from];
	if (side->alert_level == TLS_WARNING && (!is_counted(view) || client_finished(view)))
		return false;
	if (!is_client(view) && !is_about_certificate(side->alert))
		return false;
	if (!is_client(view))
		guess->severity = SEVERITY_WARNING;
	guess->confidence = CONFIDENCE_LIKELY;
	return true;
}

/* ---- tls-rejected ---- */

static bool has_certificate(const struct view *view)
{
	return sent_after_hello(view, !look_client(view)) >= SERVER_FLIGHT_BYTES;
}

static __u64 client_waited_ns(const struct view *view)
{
	const struct flow *flow = &look_standing(view)->flow;

	if (!(flow->known & EVENT_K_TIMES) || !flow->counts.received_ns)
		return ns_between(handshake_of(view)->answer_ns, flow->ended_ns);
	return ns_between(flow->counts.received_ns, flow->ended_ns);
}

/* A process that ended before it could say why judged nothing: killed, or canceled. */
static bool was_killed(const struct view *view)
{
	const struct standing *standing = look_standing(view);

	return (standing->how & SOCKET_F_EXITING) && standing->signal;
}

/* A handshake of TLS 1.3 that came as far as the ServerHello, and no alert in clear. */
static bool is_hidden(const struct view *view)
{
	const struct handshake *handshake = handshake_of(view);
	__u8 client = look_client(view);

	return handshake && !hangs(view) && is_counted(view) && look_client_hello(handshake) &&
	       handshake_version(handshake) == TLS_1_3 && !handshake->side[client].alerts &&
	       !(handshake->hello[client].flags & TLS_HELLO_EARLY_DATA) &&
	       !(handshake->hello[!client].flags & TLS_HELLO_RETRY) && handshake->answer_ns;
}

static bool client_rejects(const struct view *view)
{
	__u8 client = look_client(view);

	if (client_finished(view) || !has_certificate(view) || was_killed(view) ||
	    look_side(view, client)->stuck)
		return false;
	/* who looks at a certificate decides at once; a server that read an alert closes, too */
	return view->outcome->closed_first == client || sent_after_hello(view, client);
}

/*
 * In front of its Finished the client said that it has no certificate: asked for one, it says so in 8
 * bytes (RFC 8446 4.4.2). Nothing else was said, so the lengths add up; a change of cipher for old
 * boxes on the way may stand before (RFC 8446 D.4).
 */
static bool client_has_none(const struct view *view)
{
	enum { RECORD_BYTES = TLS_HEADER_BYTES + 1 + 16, NONE_BYTES = RECORD_BYTES + 8 };
	enum { CHANGE_BYTES = TLS_HEADER_BYTES + 1, LONGER_HASH_BYTES = 16 };
	__u64 sent = sent_after_hello(view, look_client(view));
	__u64 least = NONE_BYTES + TLS_HEADER_BYTES + TLS_FINISHED_BYTES;

	return sent == least || sent == least + CHANGE_BYTES || sent == least + LONGER_HASH_BYTES ||
	       sent == least + CHANGE_BYTES + LONGER_HASH_BYTES;
}

/* What the server said behind the segment of its hello, in which the rest of its flight may stand, too. */
static __u64 said_after_flight(const struct view *view)
{
	__u8 server = !look_client(view);
	__u64 sent = sent_bytes(view, server), flight = handshake_of(view)->side[server].next;

	return sent > flight ? sent - flight : 0;
}

/*
 * Who is content with a Finished sends tickets or what it was asked for. This server said as much as an
 * alert, or nothing, and ended the connection.
 */
static bool server_rejects(const struct view *view)
{
	const struct outcome *outcome = view->outcome;
	__u8 server = !look_client(view);
	__u64 said = said_after_flight(view);

	if (!client_finished(view) ||
	    (outcome->closed_first != server && outcome->reset_by != server))
		return false;
	return said == TLS_HEADER_BYTES + TLS_ALERT_BYTES || (!said && client_has_none(view));
}

bool standing_match_rejected(const struct view *view, struct guess *guess)
{
	__u64 wait_ns = view->thresholds->value[THRESHOLD_ANSWER_WAIT] * NS_PER_MS;

	if (!is_hidden(view))
		return false;
	guess->absence = true;
	if (!is_client(view))
		guess->severity = SEVERITY_WARNING;
	if (server_rejects(view)) {
		if (!client_has_none(view) || !said_after_flight(view))
			guess->confidence = CONFIDENCE_POSSIBLE;
		return true;
	}
	if (client_waited_ns(view) >= wait_ns)
		guess->confidence = CONFIDENCE_POSSIBLE;
	return client_rejects(view);
}

static void tell_client_rejects(const struct view *view, struct finding *finding, struct text *what,
				struct text *why)
{
	const struct handshake *handshake = handshake_of(view);
	__u8 client = look_client(view);
	__u64 rest = sent_after_hello(view, client);

	words_client(what, view);
	text_add(what, " closed ");
	words_duration(what, ns_between(handshake->answer_ns, look_standing(view)->flow.ended_ns));
	text_add(what, " after the ServerHello and %llu bytes more, and never sent its Finished",
		 sent_after_hello(view, !client));
	if (rest)
		text_add(what, ", only %llu bytes, as short as an alert", rest);
	text_add(what, "; %s", tls_version_name(handshake_version(handshake)));
	words_hello_name(what, &handshake->hello[client]);
	words_client_rejects(why, view, finding);
}

static void tell_server_rejects(const struct view *view, struct finding *finding, struct text *what,
				struct text *why)
{
	const struct handshake *handshake = handshake_of(view);
	__u64 said = said_after_flight(view);

	words_server(what, view);
	text_add(what, " ended the connection when it had the client's Finished, ");
	if (said)
		text_add(what, "with %llu bytes, as many as an encrypted alert", said);
	else
		text_add(what, "without a word");
	text_add(what, "; %s", tls_version_name(handshake_version(handshake)));
	words_hello_name(what, &handshake->hello[handshake->client]);
	words_server_rejects(
		why, view, finding,
		client_has_none(view) ?
			"behind its ClientHello it sent as much as an empty one and a Finished" :
			NULL);
}

void standing_tell_rejected(const struct view *view, struct finding *finding)
{
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	if (server_rejects(view))
		tell_server_rejects(view, finding, &what, &why);
	else
		tell_client_rejects(view, finding, &what, &why);
}

/* ---- tls-no-server-hello ---- */

enum no_hello { NO_HELLO_ANSWERED, NO_HELLO_CLOSE, NO_HELLO_RESET, NO_HELLO_GAVE_UP };

static enum no_hello no_hello(const struct view *view)
{
	const struct handshake *handshake = handshake_of(view);
	const struct outcome *outcome = view->outcome;
	__u8 client = look_client(view);
	__u64 wait_ns = view->thresholds->value[THRESHOLD_ANSWER_WAIT] * NS_PER_MS;

	if (!is_counted(view) || sent_bytes(view, !client))
		return NO_HELLO_ANSWERED;
	if (outcome->reset_by == !client)
		return NO_HELLO_RESET;
	if (outcome->closed_first == !client)
		return NO_HELLO_CLOSE;
	if (look_side(view, client)->stuck || look_standing(view)->flow.error ||
	    ns_between(handshake->hello_end_ns, look_standing(view)->flow.ended_ns) < wait_ns)
		return NO_HELLO_ANSWERED;
	return NO_HELLO_GAVE_UP;
}

bool standing_match_no_hello(const struct view *view, struct guess *guess)
{
	const struct handshake *handshake = handshake_of(view);

	if (!handshake || !look_client_hello(handshake) || handshake->answer_ns ||
	    handshake->side[!look_client(view)].alerts || !is_client(view))
		return false;
	guess->confidence = CONFIDENCE_LIKELY;
	if (!hangs(view))
		return no_hello(view) != NO_HELLO_ANSWERED;
	guess->absence = true;
	return handshake->heard && !look_standing(view)->stuck_ns;
}

/* "324 bytes, all acknowledged" */
static void add_hello(struct text *text, const struct view *view)
{
	const struct handshake *handshake = handshake_of(view);
	const struct tls_hello *hello = &handshake->hello[handshake->client];
	__u64 delivered = look_standing(view)->flow.counts.bytes_delivered;
	__u64 before = handshake->before[handshake->client];
	__u64 acked = delivered > before ? delivered - before : 0;
	__u32 bytes = TLS_HEADER_BYTES + hello->bytes;

	if (hello->kind != TLS_CLIENT_HELLO)
		return;
	text_add(text, " (%u bytes", bytes);
	if (is_counted(view) && acked >= bytes)
		text_add(text, ", all acknowledged");
	else if (is_counted(view))
		text_add(text, ", %llu acknowledged", acked);
	text_add(text, ")");
}

static void explain_no_hello(struct text *why, enum no_hello instead)
{
	if (instead == NO_HELLO_CLOSE)
		text_add(why,
			 "its application closed instead: it does not speak TLS there, does not "
			 "serve that name, or is a proxy or balancer without a backend");
	else if (instead == NO_HELLO_RESET)
		text_add(why, "its application closed without reading it, or something on the way "
			      "that reads names reset in its name");
	else
		text_add(
			why,
			"the server's host took the connection, its application does not answer: it "
			"is stuck, expects another protocol, or waits for something else first");
}

void standing_tell_no_hello(const struct view *view, struct finding *finding)
{
	const struct handshake *handshake = handshake_of(view);
	enum no_hello instead = hangs(view) ? NO_HELLO_ANSWERED : no_hello(view);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	words_server(&what, view);
	text_add(&what, instead == NO_HELLO_CLOSE ? " closed" :
			instead == NO_HELLO_RESET ? " reset the connection" :
						    " said nothing for");
	text_add(&what, " ");
	words_duration(&what, ns_between(handshake->hello_end_ns,
					 hangs(view) ? view->attempt->due_ns :
						       look_standing(view)->flow.ended_ns));
	text_add(&what, " after the ClientHello");
	add_hello(&what, view);
	if (instead == NO_HELLO_GAVE_UP)
		text_add(&what, ", then the client gave up");
	words_hello(&what, handshake);
	explain_no_hello(&why, instead);
	words_check_hello(
		view, finding,
		"whether another client is answered; -servername asks for the name quoted above");
	words_check_server_port(view, finding, "what serves that port");
}
