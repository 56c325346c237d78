// SPDX-License-Identifier: GPL-2.0-or-later
/* tls.c - a TLS handshake of a capture that did not come to its end */

#include "rules/rule.h"
#include "util/address.h"
#include "util/text.h"

#define NS_PER_MS 1000000ull

/* NULL: no TLS, or both sides were content. */
static const struct handshake *handshake_of(const struct view *view)
{
	return join_handshake(view->join, view->connection);
}

static const struct connection_side *connection_side(const struct view *view, int side)
{
	return &view->connection->side[side];
}

static __u64 between(__u64 from_ns, __u64 to_ns)
{
	return to_ns > from_ns ? to_ns - from_ns : 0;
}

static __u64 wait_ns(const struct view *view)
{
	return view->thresholds->value[THRESHOLD_ANSWER_WAIT] * NS_PER_MS;
}

/* When a side ended it by FIN or reset; 0: it did not. */
static __u64 closed_ns(const struct view *view, int side)
{
	__u64 fin_ns = connection_side(view, side)->fin.ts_ns;
	__u64 reset_ns = connection_side(view, side)->reset.ts_ns;

	return !fin_ns || (reset_ns && reset_ns < fin_ns) ? reset_ns : fin_ns;
}

/* The side that ended it; -1: nobody did. */
static int closed_first(const struct view *view)
{
	__u64 first_ns = closed_ns(view, 0), second_ns = closed_ns(view, 1);

	if (!first_ns && !second_ns)
		return -1;
	return !second_ns || (first_ns && first_ns <= second_ns) ? 0 : 1;
}

/* ---- words ---- */

static void add_client(struct text *text, const struct view *view)
{
	words_side(text, view, look_client(view));
}

static void add_server(struct text *text, const struct view *view)
{
	words_side(text, view, !look_client(view));
}

/* "; the client offers TLS 1.2 to TLS 1.3, ALPN h2, name db.internal": the name may be long. */
static void add_offer(struct text *text, const struct handshake *handshake)
{
	const struct tls_hello *hello = &handshake->hello[handshake->client];
	const char *least = tls_version_name(hello->version_least);
	const char *most = tls_version_name(hello->version_most);

	if (hello->kind != TLS_CLIENT_HELLO)
		return;
	text_add(text, "; the client offers ");
	if (!most)
		text_add(text, "unknown versions");
	else if (!least)
		text_add(text, "at most %s", most);
	else if (hello->version_least == hello->version_most)
		text_add(text, "%s alone", most);
	else
		text_add(text, "%s to %s", least, most);
	if (hello->protocols[0])
		text_add(text, ", ALPN %s", hello->protocols);
	if (hello->flags & TLS_HELLO_NAME) {
		text_add(text, ", name ");
		text_add_foreign(text, hello->name, sizeof(hello->name));
	} else if (hello->flags & TLS_HELLO_WHOLE) {
		text_add(text, ", no name");
	}
}

/* Names come from the wire and never stand inside a command. */
static void check_certificate(const struct view *view, struct finding *finding, const char *why)
{
	struct words_check check = words_check(view, finding, 0);

	text_add(&check.run, "openssl s_client -connect ");
	add_server(&check.run, view);
	text_add(&check.run,
		 " -showcerts </dev/null | openssl x509 -noout -subject -issuer -dates");
	words_check_end(&check, "%s", why);
}

static void check_server_port(const struct view *view, struct finding *finding, const char *why)
{
	const struct stream *stream = view->connection->stream;
	struct words_check check = words_check_remote(finding);

	text_add(&check.run, "ss -ltnp 'sport = :%u'", stream->port[!look_client(view)]);
	words_check_end(&check, "%s", why);
}

static void check_hello(const struct view *view, struct finding *finding, const char *why)
{
	struct words_check check = words_check(view, finding, 0);

	text_add(&check.run, "openssl s_client -connect ");
	add_server(&check.run, view);
	text_add(&check.run, " </dev/null");
	words_check_end(&check, "%s", why);
}

/* ---- tls-not-tls ---- */

static bool client_hello_seen(const struct handshake *handshake)
{
	return handshake && (tls_side_sent(&handshake->side[handshake->client], TLS_CLIENT_HELLO) ||
			     handshake->side[handshake->client].flags & TLS_SIDE_SSL2);
}

/* The client begins with TLS, and the server's first word is of something else. */
static bool server_is_plain(const struct view *view)
{
	const struct handshake *handshake = handshake_of(view);
	__u8 client = look_client(view);

	return client_hello_seen(handshake) && handshake->side[!client].flags & TLS_SIDE_NOT_TLS &&
	       connection_side(view, !client)->opening.class != FIRST_NONE;
}

/* The server says that it wants TLS: by an alert, or in words. */
static bool client_is_plain(const struct view *view)
{
	const struct handshake *handshake = handshake_of(view);
	__u8 client = look_client(view);
	const struct first *said = &connection_side(view, client)->opening;
	const struct tls_side *server;

	if (said->class == FIRST_NONE || said->class == FIRST_TLS)
		return false;
	if (connection_side(view, !client)->opening.wants_tls)
		return true;
	if (!handshake)
		return false;
	server = &handshake->side[!client];
	return server->alerts && !server->records[TLS_HANDSHAKE - TLS_TYPE_FIRST];
}

static bool match_not_tls(const struct view *view, struct guess *guess)
{
	return look_connection(view, guess) && (server_is_plain(view) || client_is_plain(view));
}

static bool is_mail_or_file(const struct first *said)
{
	return said->class == FIRST_SMTP || said->class == FIRST_FTP ||
	       said->class == FIRST_REPLY || said->class == FIRST_IMAP || said->class == FIRST_POP3;
}

static void tell_server_is_plain(const struct view *view, struct text *what, struct text *why)
{
	const struct handshake *handshake = handshake_of(view);
	const struct connection_side *server = connection_side(view, !look_client(view));

	add_client(what, view);
	text_add(what, " begins with TLS, ");
	add_server(what, view);
	text_add(what,
		 server->first.ts_ns < handshake->hello_ns ? " began with " : " answers with ");
	first_print(what, &server->opening);
	add_offer(what, handshake);
	text_add(why, "that port serves something without TLS, and the client's URL or setting "
		      "asks for TLS there");
	if (is_mail_or_file(&server->opening))
		text_add(why, "; TLS begins after STARTTLS there, or on another port");
}

static void tell_client_is_plain(const struct view *view, struct text *what, struct text *why)
{
	const struct connection_side *client = connection_side(view, look_client(view));
	const struct connection_side *server = connection_side(view, !look_client(view));

	add_client(what, view);
	text_add(what, " begins with ");
	first_print(what, &client->opening);
	text_add(what, ", ");
	add_server(what, view);
	if (server->opening.wants_tls)
		text_add(what, " answers HTTP 400, saying that it wants TLS");
	else
		text_add(what, " answers with a TLS alert");
	text_add(why, "that port serves TLS, and the client's URL or setting does not ask for it "
		      "(http:// for https://)");
}

static void tell_not_tls(const struct view *view, struct finding *finding)
{
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	if (server_is_plain(view))
		tell_server_is_plain(view, &what, &why);
	else
		tell_client_is_plain(view, &what, &why);
	check_server_port(view, finding, "what serves that port");
}

const struct rule rule_tls_not_tls = {
	.id = "tls-not-tls",
	.stage = "tls",
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_LIKELY,
	.rank = 232,
	.wakes = WAKE_CONNECTION,
	.match = match_not_tls,
	.tell = tell_not_tls,
	.means = "one side speaks TLS, the other does not",
	.evidence =
		"the first bytes of each side: a ClientHello answered by another protocol; or another protocol answered by a TLS alert, or by HTTP 400 with a text that asks for TLS; captures only",
	.gate = "a server that closes without a word is tls-no-server-hello or conn-closed-early; upgrades (STARTTLS and its like) begin without TLS and are not looked at",
	.general_check =
		"ss -ltnp 'sport = :PORT' on the server; the client's URL, scheme and port",
	.kernels = "captures only so far",
};

/* ---- tls-alert ---- */

struct reason {
	__u8 alert;
	const char *client; /* why the client says so; NULL: it is not told apart */
	const char *server;
};

static const struct reason reasons[] = {
	{ TLS_UNKNOWN_CA,
	  "the client does not trust the authority behind the server's certificate: a private one that is not installed, an intermediate certificate the server does not send, or a proxy that signs anew",
	  "the server does not trust the authority behind the client's certificate" },
	{ TLS_CERTIFICATE_EXPIRED,
	  "the server's certificate is expired or not yet valid, by the client's clock",
	  "the client's certificate is expired or not yet valid, by the server's clock" },
	{ TLS_BAD_CERTIFICATE,
	  "the client does not accept the server's certificate: it is for another name, damaged, or its chain is incomplete",
	  "the server does not accept the client's certificate: it is damaged, or its chain is incomplete" },
	{ TLS_CERTIFICATE_UNKNOWN,
	  "the client does not accept the server's certificate, and does not say why: its own log does",
	  "the server does not accept the client's certificate, and does not say why: its own log does" },
	{ TLS_UNSUPPORTED_CERTIFICATE,
	  "the server's certificate is of a kind or for a use that the client does not take",
	  "the client's certificate is of a kind or for a use that the server does not take" },
	{ TLS_CERTIFICATE_REVOKED, "the server's certificate is revoked",
	  "the client's certificate is revoked" },
	{ TLS_HANDSHAKE_FAILURE, "what the server chose does not suit the client",
	  "nothing in common: cipher suites, groups or signatures; or the server has no certificate for that name, or wants one of the client" },
	{ TLS_PROTOCOL_VERSION, "the client does not accept the version that the server chose",
	  "the server accepts none of the versions that the client offers" },
	{ TLS_INSUFFICIENT_SECURITY, "what the server chose is too weak for the client",
	  "what the client offers is too weak for the server" },
	{ TLS_UNRECOGNIZED_NAME, NULL,
	  "the server serves no such name: the client asks for another one, or the server's (or proxy's) configuration lacks it" },
	{ TLS_NO_APPLICATION_PROTOCOL,
	  "the client does not speak the protocol that the server chose (ALPN)",
	  "the server speaks none of the protocols that the client offers (ALPN)" },
	{ TLS_CERTIFICATE_REQUIRED, NULL,
	  "the server wants a certificate of the client, which sent none" },
	{ TLS_ACCESS_DENIED, "the server's certificate is valid, and refused by a rule",
	  "the client's certificate is valid, and refused by a rule" },
	{ TLS_INTERNAL_ERROR, "the client failed for a reason of its own: its log has it",
	  "the server failed for a reason of its own (often: no certificate or key for that name): its log has it" },
};

static const char *reason_of(const struct handshake *handshake)
{
	const struct tls_side *side = &handshake->side[handshake->alert_from];
	bool client = handshake->alert_from == handshake->client;

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		const char *reason = client ? reasons[i].client : reasons[i].server;

		if (reasons[i].alert == side->alert && reason)
			return reason;
	}
	return "one side could not take what the other sent: an implementation at fault, or "
	       "something on the way that changes it";
}

/* The server asked for a certificate, in TLS 1.2 in clear, and then refused the handshake. */
static bool wanted_certificate(const struct handshake *handshake)
{
	return handshake->alert_from != handshake->client &&
	       tls_side_sent(&handshake->side[!handshake->client], TLS_CERTIFICATE_REQUEST);
}

/* A warning is one where the handshake did not go on after it. */
static bool match_alert(const struct view *view, struct guess *guess)
{
	const struct handshake *handshake = handshake_of(view);
	const struct tls_side *side;
	__u64 other_ns;

	look_connection(view, guess);
	if (!handshake || !handshake->alert_ns)
		return false;
	side = &handshake->side[handshake->alert_from];
	if (side->alert_level == TLS_WARNING && handshake->finished)
		return false;
	/* OpenSSL's client says decode_error where the server has closed: that is what happened */
	other_ns = closed_ns(view, !handshake->alert_from);
	if (other_ns && other_ns < handshake->alert_ns)
		return false;
	/* whoever decides says why, but it says so itself */
	guess->confidence = CONFIDENCE_LIKELY;
	return true;
}

static void tell_alert(const struct view *view, struct finding *finding)
{
	const struct handshake *handshake = handshake_of(view);
	const struct tls_side *side = &handshake->side[handshake->alert_from];
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	words_side(&what, view, handshake->alert_from);
	text_add(&what, " ended the TLS handshake with alert %s (%u, %s)",
		 tls_alert_name(side->alert), side->alert,
		 side->alert_level == TLS_FATAL ? "fatal" : "warning");
	add_offer(&what, handshake);
	if (wanted_certificate(handshake) && side->alert == TLS_HANDSHAKE_FAILURE)
		text_add(
			&why,
			"the server asked for a certificate of the client and got none that it takes");
	else
		text_add(&why, "%s", reason_of(handshake));
	if (handshake->alert_from == handshake->client)
		check_certificate(view, finding,
				  "who signed the server's certificate, for whom, until when; "
				  "-servername asks for the name quoted above");
	else
		check_hello(view, finding,
			    "what the server says to another client; -servername, -alpn, -tls1_2 "
			    "ask for what is quoted above");
}

const struct rule rule_tls_alert = {
	.id = "tls-alert",
	.stage = "tls",
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_LIKELY,
	.rank = 234,
	.wakes = WAKE_CONNECTION,
	.match = match_alert,
	.tell = tell_alert,
	.means = "the TLS handshake ended in an alert that the wire shows in clear",
	.evidence =
		"the alert: who sent it, its level and description (RFC 8446 6), beside the versions, ALPN and name that the client offered; captures only",
	.gate = "close_notify and user_canceled are no errors; an alert after the other side had closed only says that it did; a warning after which the handshake went on is none; what comes after it is encrypted, see tls-rejected",
	.general_check =
		"openssl s_client -connect HOST:PORT -servername NAME; the log of the side that sent it",
	.kernels = "captures only so far",
};

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
 * The client has the server's certificate, and ends without its Finished. That it sends
 * close_notify in clear is a cancel.
 */
static bool client_rejects(const struct view *view)
{
	const struct handshake *handshake = handshake_of(view);

	return handshake && handshake->answer_ns && !handshake->finished &&
	       handshake_has_certificate(handshake) && is_whole(client_side(handshake)) &&
	       !client_side(handshake)->alerts && closed_first(view) == handshake->client &&
	       !(handshake->hello[handshake->client].flags & TLS_HELLO_EARLY_DATA);
}

/* The last record of the client is no close_notify that the server's short one may answer. */
static bool server_speaks_first(const struct view *view, const struct handshake *handshake)
{
	const struct tls_side *client = client_side(handshake);
	__u64 client_ns = closed_ns(view, handshake->client);

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
	const struct handshake *handshake = handshake_of(view);

	if (!handshake || !handshake->finished)
		return false;
	if (handshake_version(handshake) == TLS_1_3)
		return server_rejects_1_3(view, handshake);
	return is_whole(server_side(handshake)) && closed_first(view) >= 0 &&
	       closed_first(view) != handshake->client &&
	       tls_side_sent(server_side(handshake), TLS_CERTIFICATE_REQUEST);
}

static __u64 flight_ns(const struct view *view, const struct handshake *handshake)
{
	__u64 last_ns = connection_side(view, !handshake->client)->data.ts_ns;

	return last_ns > handshake->answer_ns ? last_ns : handshake->answer_ns;
}

static bool match_rejected(const struct view *view, struct guess *guess)
{
	const struct handshake *handshake = handshake_of(view);

	if (!look_connection(view, guess))
		return false;
	guess->absence = true;
	if (server_rejects(view)) {
		if (handshake_version(handshake) == TLS_1_3 && !server_side(handshake)->data_count)
			guess->confidence = CONFIDENCE_POSSIBLE;
		return true;
	}
	if (!client_rejects(view))
		return false;
	/* who looks at a certificate decides at once */
	if (!flight_is_whole(handshake) ||
	    between(flight_ns(view, handshake), closed_ns(view, handshake->client)) >=
		    wait_ns(view))
		guess->confidence = CONFIDENCE_POSSIBLE;
	return true;
}

static void tell_client_rejects(const struct view *view, struct finding *finding, struct text *what,
				struct text *why)
{
	const struct handshake *handshake = handshake_of(view);
	const struct tls_side *client = client_side(handshake);
	bool reset = connection_side(view, handshake->client)->reset.ts_ns ==
		     closed_ns(view, handshake->client);

	add_client(what, view);
	text_add(what, " %s ", reset ? "reset the connection" : "closed");
	words_duration(what,
		       between(flight_ns(view, handshake), closed_ns(view, handshake->client)));
	text_add(what, " after the server's certificate came (%s) and never sent its Finished",
		 tls_version_name(handshake_version(handshake)));
	if (client->data_count)
		text_add(what, "; before that one encrypted record of %u bytes%s",
			 client->last_bytes,
			 client->last_bytes == TLS_ALERT_BYTES ? ", as long as an alert" : "");
	add_offer(what, handshake);
	text_add(why, "the client does not accept the server's certificate: an authority it does "
		      "not trust, another name, expired, or an incomplete chain; its own log says "
		      "which. Or it was canceled at that moment");
	check_certificate(view, finding,
			  "who signed the server's certificate, for whom, until when; -servername "
			  "asks for the name quoted above");
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
	const struct handshake *handshake = handshake_of(view);
	const struct tls_side *server = server_side(handshake);

	add_server(what, view);
	if (handshake_version(handshake) == TLS_1_3 && server->data_count) {
		text_add(what, " answered the client's Finished ");
		words_duration(what, between(handshake->finished_ns, handshake->reply_ns));
		text_add(what, " later with one encrypted record of %u bytes, as long as an alert",
			 server->data_bytes[0]);
	} else {
		text_add(what, " closed ");
		words_duration(what, between(handshake->finished_ns,
					     closed_ns(view, !handshake->client)));
		text_add(what, " after the client's Finished without a word");
	}
	text_add(what, " (%s)", tls_version_name(handshake_version(handshake)));
	if (sent_none(handshake))
		text_add(what, "; the client's record before its Finished is as long as an empty "
			       "certificate");
	add_offer(what, handshake);
	if (sent_none(handshake))
		text_add(why, "the server wants a certificate of the client, which has none to "
			      "give");
	else
		text_add(why, "the server does not accept the client's certificate, or misses one: "
			      "its own log says which");
	check_hello(view, finding,
		    "whether the server asks for a certificate (\"Acceptable client certificate "
		    "CA names\")");
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
	.stage = "tls",
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_LIKELY,
	.rank = 236,
	.wakes = WAKE_CONNECTION,
	.match = match_rejected,
	.tell = tell_rejected,
	.means = "one side ended the TLS handshake, and encryption hides why",
	.evidence =
		"the client ends after the server's certificate and never sent a record that can hold its Finished (53 bytes in TLS 1.3); or the client sent a certificate, or that it has none, and the server answered its Finished with one record as long as an alert (19 bytes), or closed; captures only",
	.gate = "19 bytes is also close_notify: only what comes before the other side's counts; without a certificate in sight it is none; a client that waited for threshold answer-wait before it closed is possible at most",
	.general_check =
		"the log of the side that ended it; openssl s_client -connect HOST:PORT -showcerts",
	.kernels = "captures only so far",
};

/* ---- tls-no-server-hello ---- */

enum no_answer { ANSWERED, NO_ANSWER_CLOSE, NO_ANSWER_RESET, NO_ANSWER_SILENCE };

/* What the client got instead. What was never acknowledged is a matter of TCP: conn-timed-out. */
static enum no_answer no_answer(const struct view *view)
{
	const struct handshake *handshake = handshake_of(view);
	const struct connection *connection = view->connection;
	const struct connection_side *server;
	__u64 until_ns;

	if (!client_hello_seen(handshake))
		return ANSWERED;
	server = connection_side(view, !handshake->client);
	if (server->first.ts_ns || server->opening.class != FIRST_NONE)
		return ANSWERED;
	if (closed_first(view) == !handshake->client) {
		if (closed_ns(view, !handshake->client) < handshake->hello_ns)
			return ANSWERED;
		return server->reset.ts_ns == closed_ns(view, !handshake->client) ?
			       NO_ANSWER_RESET :
			       NO_ANSWER_CLOSE;
	}
	until_ns = closed_ns(view, handshake->client);
	if (!until_ns)
		until_ns = connection->ended_ns;
	if (between(handshake->hello_end_ns, until_ns) < wait_ns(view) ||
	    connection_stuck(connection, handshake->client))
		return ANSWERED;
	return NO_ANSWER_SILENCE;
}

static bool match_no_server_hello(const struct view *view, struct guess *guess)
{
	if (!look_connection(view, guess) || no_answer(view) == ANSWERED)
		return false;
	guess->absence = true;
	return true;
}

/* "517 bytes in 1 segment, all acknowledged" */
static void add_hello(struct text *text, const struct view *view, const struct handshake *handshake)
{
	__u32 acked = connection_acked_bytes(view->connection, handshake->client);
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
	const struct handshake *handshake = handshake_of(view);
	__u32 acked = connection_acked_bytes(view->connection, handshake->client);
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
	const struct handshake *handshake = handshake_of(view);
	enum no_answer instead = no_answer(view);
	__u64 end_ns = instead == NO_ANSWER_SILENCE ? closed_ns(view, handshake->client) :
						      closed_ns(view, !handshake->client);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	add_server(&what, view);
	text_add(&what, instead == NO_ANSWER_CLOSE ? " closed" :
			instead == NO_ANSWER_RESET ? " reset the connection" :
						     " said nothing for");
	text_add(&what, " ");
	words_duration(&what, between(handshake->hello_end_ns,
				      end_ns ? end_ns : view->connection->ended_ns));
	text_add(&what, " after the ClientHello");
	add_hello(&what, view, handshake);
	if (instead == NO_ANSWER_SILENCE)
		text_add(&what, end_ns ? ", then the client gave up" : "; there the capture ends");
	add_offer(&what, handshake);
	explain_no_answer(&why, view, instead);
	check_hello(
		view, finding,
		"whether another client is answered; -servername asks for the name quoted above");
	check_server_port(view, finding, "what serves that port");
}

const struct rule rule_tls_no_server_hello = {
	.id = "tls-no-server-hello",
	.stage = "tls",
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_LIKELY,
	.rank = 238,
	.wakes = WAKE_CONNECTION,
	.match = match_no_server_hello,
	.tell = tell_no_server_hello,
	.means = "the ClientHello was answered by a close, a reset or silence",
	.evidence =
		"a ClientHello and not a byte of the server: its FIN or reset, or nothing for threshold answer-wait; how long the hello is, in how many segments, and what of it was acknowledged; captures only",
	.gate = "a client that closes before threshold answer-wait had its own reason; a hello that is sent again and again without an acknowledgment is conn-timed-out or conn-mtu-blackhole",
	.general_check =
		"openssl s_client -connect HOST:PORT from the client; the server's log; a capture at the server",
	.kernels = "captures only so far",
};
