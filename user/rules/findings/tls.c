// SPDX-License-Identifier: GPL-2.0-or-later
/* tls.c - a TLS handshake that ended in the open: by an alert, or without TLS */

#include "rules/look.h"
#include "rules/standing.h"
#include "rules/words.h"

/* ---- tls-not-tls ---- */

/* The client begins with TLS, and the server's first word is of something else. */
static bool server_is_plain(const struct view *view)
{
	const struct handshake *handshake = view->outcome->tls;
	__u8 client = look_client(view);

	return look_client_hello(handshake) && handshake->side[!client].flags & TLS_SIDE_NOT_TLS &&
	       look_side(view, !client)->first_word.kind != FIRST_NONE;
}

/* Fewer may be how a record of TLS begins, and an alert then answers that the client left. */
static bool can_be_judged(const struct outcome_side *client)
{
	return client->first_bytes >= TLS_HEADER_BYTES;
}

/* The server says that it wants TLS: by an alert, or in words. */
static bool client_is_plain(const struct view *view)
{
	const struct handshake *handshake = view->outcome->tls;
	__u8 client = look_client(view);
	const struct first *said = &look_side(view, client)->first_word;
	const struct tls_side *server;

	if (said->kind == FIRST_NONE || said->kind == FIRST_TLS ||
	    (handshake && handshake_is_upgrade(handshake)))
		return false;
	if (look_side(view, !client)->first_word.wants_tls)
		return true;
	if (!handshake || !can_be_judged(look_side(view, client)))
		return false;
	server = &handshake->side[!client];
	return server->alerts && !server->records[TLS_HANDSHAKE - TLS_TYPE_FIRST];
}

/*
 * HTTP/2 in clear, and the server ended it without its SETTINGS, which come first from whoever
 * speaks HTTP/2 in clear (RFC 9113 3.4).
 */
static bool refuses_plain_http2(const struct view *view)
{
	__u8 client = look_client(view);
	const struct outcome_side *server = look_side(view, !client);

	return look_side(view, client)->first_word.kind == FIRST_HTTP2_REQUEST && !server->spoke &&
	       server->closed_ns && view->outcome->closed_first == !client &&
	       server->closed_ns >= look_side(view, client)->first_ns;
}

static bool match_not_tls(const struct view *view, struct guess *guess)
{
	if (look_tls_refused(view))
		return true;
	if (server_is_plain(view) || client_is_plain(view))
		return true;
	guess->absence = true;
	guess->confidence = CONFIDENCE_POSSIBLE;
	return refuses_plain_http2(view);
}

static bool is_mail_or_file(const struct first *said)
{
	return said->kind == FIRST_SMTP || said->kind == FIRST_FTP || said->kind == FIRST_REPLY ||
	       said->kind == FIRST_IMAP || said->kind == FIRST_POP3;
}

static void tell_server_is_plain(const struct view *view, struct text *what, struct text *why)
{
	const struct handshake *handshake = view->outcome->tls;
	const struct outcome_side *server = look_side(view, !look_client(view));

	words_client(what, view);
	if (handshake->before[!handshake->client]) {
		text_add(what, " turns to TLS, ");
		words_server(what, view);
		text_add(what, ", which began with ");
		first_print(what, &server->first_word);
		text_add(what, ", goes on without TLS");
		words_hello(what, handshake);
		text_add(why, "the server did not agree to turn to TLS (STARTTLS and its like), "
			      "and the client did not look at its answer; or that answer was "
			      "still on its way");
		return;
	}
	text_add(what, " begins with TLS, ");
	words_server(what, view);
	text_add(what, server->first_ns < handshake->hello_ns ? " began with " : " answers with ");
	first_print(what, &server->first_word);
	words_hello(what, handshake);
	text_add(why, "that port serves something without TLS, and the client's URL or setting "
		      "asks for TLS there");
	if (is_mail_or_file(&server->first_word))
		text_add(why, "; TLS begins after STARTTLS there, or on another port");
}

static void tell_client_is_plain(const struct view *view, struct text *what, struct text *why)
{
	const struct outcome_side *client = look_side(view, look_client(view));
	const struct outcome_side *server = look_side(view, !look_client(view));

	words_client(what, view);
	text_add(what, " begins with ");
	first_print(what, &client->first_word);
	text_add(what, ", ");
	words_server(what, view);
	if (refuses_plain_http2(view)) {
		text_add(what, " %s ", server->fin_ns ? "closed" : "reset the connection");
		words_duration(what, ns_between(client->first_ns, server->closed_ns));
		text_add(what, " later without the SETTINGS that HTTP/2 in clear begins with");
		words_http2_not_taken(why);
		return;
	}
	if (server->first_word.wants_tls)
		text_add(what, " answers HTTP 400, saying that it wants TLS");
	else
		text_add(what, " answers with a TLS alert");
	words_tls_not_asked(
		why, client->first_word.kind == FIRST_HTTP_REQUEST ? "http:// for https://" : NULL);
}

static void tell_not_tls(const struct view *view, struct finding *finding)
{
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	if (look_tls_refused(view))
		words_tls_refused(&what, &why, view);
	else if (server_is_plain(view))
		tell_server_is_plain(view, &what, &why);
	else
		tell_client_is_plain(view, &what, &why);
	words_check_server_port(view, finding, "what serves that port");
}

const struct rule rule_tls_not_tls = {
	.id = "tls-not-tls",
	.stage = STAGE_TLS,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_LIKELY,
	.wakes = WAKE_CONNECTION,
	.needs = OUTCOME_WORDS | OUTCOME_ENDED,
	.match = match_not_tls,
	.tell = tell_not_tls,
	.match_socket = standing_match_not_tls,
	.tell_socket = standing_tell_not_tls,
	.means = "one side speaks TLS, the other does not",
	.evidence =
		"the first bytes of each side: a ClientHello answered by another protocol; or another protocol answered by a TLS alert, or by HTTP 400 with a text that asks for TLS; or HTTP/2 in clear that the server ends without its own first frame, then at most possible (live, too, both of HTTP); live: a ClientHello, and what the socket received is neither a ServerHello nor an alert; or an alert of the server, and no ClientHello before it; or the client asks to turn to TLS (STARTTLS of SMTP, IMAP, POP3, LDAP, XMPP, AUTH TLS of FTP, PostgreSQL's SSLRequest), the server refuses (454, NO, -ERR, a result, N) and the client leaves; or the server, on this host, read the 5 bytes of a TLS record's header, left the rest and reset",
	.gate = "a server that closes without a word is tls-no-server-hello or conn-closed-early; what is said before the client turns to TLS (STARTTLS and its like, a PROXY header, CONNECT) is none of it, and a client that goes on without TLS where it is refused is content; an alert for a client that said less than the header of a TLS record has, or nothing, only answers that it left",
	.general_check =
		"ss -ltnp 'sport = :PORT' on the server; the client's URL, scheme and port",
	.kernels =
		"live, hellos and alerts: every kernel whose packets are in sight; what was sent and received: every kernel",
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

/* The server refuses a name, and the client gave none that it could know (RFC 6066 3). */
static bool named_none(const struct handshake *handshake)
{
	const struct tls_hello *hello = &handshake->hello[handshake->client];

	return handshake->alert_from != handshake->client &&
	       handshake->side[handshake->alert_from].alert == TLS_UNRECOGNIZED_NAME &&
	       (hello->flags & TLS_HELLO_WHOLE) && !(hello->flags & TLS_HELLO_NAME);
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
	const struct handshake *handshake = view->outcome->tls;
	const struct tls_side *side;
	__u64 other_ns;

	if (!handshake->alert_ns)
		return false;
	side = &handshake->side[handshake->alert_from];
	if (side->alert_level == TLS_WARNING && handshake->finished)
		return false;
	/* OpenSSL's client says decode_error where the server has closed: that is what happened */
	other_ns = look_side(view, !handshake->alert_from)->closed_ns;
	if (other_ns && other_ns < handshake->alert_ns)
		return false;
	/* whoever decides says why, but it says so itself */
	guess->confidence = CONFIDENCE_LIKELY;
	return true;
}

static void tell_alert(const struct view *view, struct finding *finding)
{
	const struct handshake *handshake = view->outcome->tls;
	const struct tls_side *side = &handshake->side[handshake->alert_from];
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	words_side(&what, view, handshake->alert_from);
	text_add(&what, " ended the TLS handshake with alert %s (%u, %s)",
		 tls_alert_name(side->alert), side->alert,
		 side->alert_level == TLS_FATAL ? "fatal" : "warning");
	words_hello(&what, handshake);
	if (wanted_certificate(handshake) && side->alert == TLS_HANDSHAKE_FAILURE)
		text_add(
			&why,
			"the server asked for a certificate of the client and got none that it takes");
	else if (named_none(handshake))
		text_add(&why, "the client sent no name (SNI), and the server serves none without "
			       "one: the client connects by address, or its TLS library was not "
			       "given the name");
	else
		text_add(&why, "%s", reason_of(handshake));
	if (handshake->alert_from == handshake->client)
		words_check_certificate(
			view, finding,
			"who signed the server's certificate, for whom, until when; "
			"-servername asks for the name quoted above");
	else if (named_none(handshake))
		words_check_hello(view, finding,
				  "the same without a name; with -servername and the name of the "
				  "service it is answered if that is all that is missing");
	else
		words_check_hello(
			view, finding,
			"what the server says to another client; -servername, -alpn, -tls1_2 "
			"ask for what is quoted above");
}

const struct rule rule_tls_alert = {
	.id = "tls-alert",
	.stage = STAGE_TLS,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_LIKELY,
	.wakes = WAKE_CONNECTION,
	.needs = OUTCOME_TLS,
	.match = match_alert,
	.tell = tell_alert,
	.match_socket = standing_match_alert,
	.tell_socket = tell_alert,
	.means = "the TLS handshake ended in an alert that the wire shows in clear",
	.evidence =
		"the alert: who sent it, its level and description (RFC 8446 6), beside the versions, ALPN and name that the client offered",
	.gate = "close_notify and user_canceled are no errors; an alert after the other side had closed only says that it did; a warning after which the handshake went on is none; what comes after it is encrypted, see tls-rejected; live, what a server here says of clients elsewhere is told of certificates only, as a warning",
	.general_check =
		"openssl s_client -connect HOST:PORT -servername NAME; the log of the side that sent it",
	.kernels =
		"live, hellos and alerts: every kernel whose packets are in sight; what was sent and received: every kernel",
};
