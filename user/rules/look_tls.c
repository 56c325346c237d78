// SPDX-License-Identifier: GPL-2.0-or-later
/* look_tls.c - questions about a TLS handshake that several rules ask, and its words */

#include <string.h>

#include "rules/look.h"
#include "rules/words.h"

bool look_client_hello(const struct handshake *handshake)
{
	return handshake && (tls_side_sent(&handshake->side[handshake->client], TLS_CLIENT_HELLO) ||
			     handshake->side[handshake->client].flags & TLS_SIDE_SSL2);
}

/* A proxy that refuses a tunnel says nothing of TLS: that is conn-closed-early. */
bool look_tls_refused(const struct view *view)
{
	return view->outcome->refused && view->outcome->refused != UPGRADE_CONNECT;
}

/* ---- words ---- */

void words_tls_refused(struct text *what, struct text *why, const struct view *view)
{
	const struct outcome *outcome = view->outcome;

	words_server(what, view);
	text_add(what, " answers %s with ", upgrade_name(outcome->refused));
	if (outcome->refusal_unseen) {
		text_add(what, "one byte, and the client leaves without a ClientHello");
		text_add(why, "the server has no TLS there (N); or the client could not go on "
			      "after its yes: a certificate or key of its own that is missing");
		return;
	}
	upgrade_print_refusal(what, outcome->refused, &outcome->refusal);
	text_add(what, ", and the client leaves");
	text_add(why, "the server does not turn to TLS there: it is not set up for it, has no "
		      "certificate, or not for this client; and the client does not go on "
		      "without");
}

void words_tls_not_asked(struct text *why, const char *example)
{
	text_add(why, "that port serves TLS, and the client's URL or setting does not ask for it");
	if (example)
		text_add(why, " (%s)", example);
}

void words_http2_not_taken(struct text *why)
{
	text_add(
		why,
		"that port takes no HTTP/2 in clear: it serves TLS, and the client's URL or setting "
		"does not ask for it (http for https, a gRPC channel without credentials); or a "
		"proxy there has no backend");
}

void words_client(struct text *text, const struct view *view)
{
	words_side(text, view, look_client(view));
}

void words_server(struct text *text, const struct view *view)
{
	words_side(text, view, !look_client(view));
}

/* ", name db.internal": a longer one than hosts have in practice is cut, and says so. */
void words_hello_name(struct text *text, const struct tls_hello *hello)
{
	enum { NAME_MOST = 64 };

	if (hello->flags & TLS_HELLO_NAME) {
		text_add(text, ", name ");
		text_add_foreign(text, hello->name, NAME_MOST);
		text_add(text, strnlen(hello->name, TLS_NAME_SIZE) > NAME_MOST ? "..." : "");
	} else if (hello->flags & TLS_HELLO_WHOLE) {
		text_add(text, ", no name");
	}
}

/* "; the client offers TLS 1.2 to TLS 1.3, ALPN h2, name db.internal" */
void words_hello(struct text *text, const struct handshake *handshake)
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
	words_hello_name(text, hello);
}

/* As the client asked for it, where it did. */
static void add_starttls(struct text *run, const struct view *view)
{
	const char *word = upgrade_openssl(view->outcome->asked);

	if (word)
		text_add(run, " -starttls %s", word);
}

/* Names come from the wire and never stand inside a command. */
void words_check_certificate(const struct view *view, struct finding *finding, const char *why)
{
	struct words_check check = words_check(view, finding, 0);

	text_add(&check.run, "openssl s_client -connect ");
	words_server(&check.run, view);
	add_starttls(&check.run, view);
	text_add(&check.run,
		 " -showcerts </dev/null | openssl x509 -noout -subject -issuer -dates");
	words_check_end(&check, "%s", why);
}

void words_check_server_port(const struct view *view, struct finding *finding, const char *why)
{
	struct words_check check = words_check_remote(finding);

	text_add(&check.run, "ss -ltnp 'sport = :%u'",
		 look_figures(view, !look_client(view))->port);
	words_check_end(&check, "%s", why);
}

void words_check_hello(const struct view *view, struct finding *finding, const char *why)
{
	struct words_check check = words_check(view, finding, 0);

	text_add(&check.run, "openssl s_client -connect ");
	words_server(&check.run, view);
	add_starttls(&check.run, view);
	text_add(&check.run, " </dev/null");
	words_check_end(&check, "%s", why);
}

void words_client_rejects(struct text *why, const struct view *view, struct finding *finding)
{
	text_add(why, "the client does not accept the server's certificate: an authority it does "
		      "not trust, another name, expired, or an incomplete chain; its own log says "
		      "which. Or it was canceled at that moment");
	words_check_certificate(
		view, finding,
		"who signed the server's certificate, for whom, until when; -servername "
		"asks for the name quoted above");
}

void words_server_rejects(struct text *why, const struct view *view, struct finding *finding,
			  const char *none)
{
	if (none)
		text_add(why,
			 "the server wants a certificate of the client, which has none to give: %s",
			 none);
	else
		text_add(why, "the server does not accept the client's certificate, or misses one: "
			      "its own log says which");
	words_check_hello(
		view, finding,
		"whether the server asks for a certificate (\"Acceptable client certificate "
		"CA names\")");
}
