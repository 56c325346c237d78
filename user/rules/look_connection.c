// SPDX-License-Identifier: GPL-2.0-or-later
/* look_connection.c - questions about an established connection that several rules ask */

#include <stdint.h>
#include <string.h>

#include "rules/look.h"
#include "rules/words.h"
#include "util/address.h"
#include "util/tcp.h"
#include "util/time.h"

const struct outcome_side *look_side(const struct view *view, int side)
{
	return &view->outcome->side[side];
}

const struct standing *look_standing(const struct view *view)
{
	return view->outcome->known & OUTCOME_SOCKET ? view->outcome->standing : NULL;
}

const struct figures_side *look_figures(const struct view *view, int side)
{
	return &view->outcome->figures.side[side];
}

__u8 look_client(const struct view *view)
{
	return view->outcome->figures.client;
}

/* When it was reset, or what was sent again in vain began to be. UINT64_MAX: neither is known. */
static __u64 trouble_ns(const struct outcome *outcome)
{
	__u64 first_ns = UINT64_MAX;

	for (int i = 0; i < 2; i++) {
		const struct outcome_side *side = &outcome->side[i];
		const __u64 times[] = { side->reset_ns, side->stuck_ns, side->probes_ns };

		for (size_t k = 0; k < ARRAY_SIZE(times); k++)
			if (times[k] && times[k] < first_ns)
				first_ns = times[k];
	}
	return first_ns;
}

/* A side had sent its FIN before: to the socket that was reset or gave up, its state tells. */
static bool had_closed(const struct view *view)
{
	const struct standing *standing = look_standing(view);
	__u64 before_ns = trouble_ns(view->outcome);

	if (standing)
		return (standing->flow.known & EVENT_K_STATE) &&
		       standing->flow.state != TCP_STATE_ESTABLISHED;
	for (int i = 0; i < 2; i++)
		if (look_side(view, i)->fin_ns && look_side(view, i)->fin_ns < before_ns)
			return true;
	return false;
}

/* That a side said nothing must be known. */
static bool is_mute(const struct outcome_side *side)
{
	return (side->known & OUTCOME_SPOKE) && !side->spoke && !side->acked_bytes &&
	       !side->unacked_bytes;
}

enum stage look_stage(const struct view *view, bool closing)
{
	if (view->outcome->tls)
		return STAGE_TLS;
	if (closing && had_closed(view))
		return STAGE_CLOSE;
	return is_mute(look_side(view, 0)) || is_mute(look_side(view, 1)) ? STAGE_REQUEST :
									    STAGE_TRANSFER;
}

__u32 look_connection_holes(const struct view *view)
{
	const struct standing *standing = look_standing(view);
	__u32 holes = 0;

	if (standing) {
		holes = view->outcome->unseen ? BLIND_LOST_RECORDS : 0;
		if (!join_hook_attached(view->join, "drop")) /* this host may have done it */
			holes |= BLIND_HOOK_MISSING;
		return standing->before ? holes | BLIND_STARTED_LATE : holes;
	}

	if (view->outcome->unseen || join_counters(view->join)->lost)
		holes |= BLIND_LOST_RECORDS;
	if (!view->outcome->figures.client_known)
		holes |= BLIND_STARTED_LATE;
	return holes;
}

/* Hop limits that hosts begin with; 128 and 255 are of other systems and of routers. */
static bool is_initial(__u8 ttl)
{
	return ttl == 64 || ttl == 128 || ttl == 255;
}

enum vantage_point look_vantage_point(const struct view *view)
{
	__u8 near_hops = look_side(view, look_client(view))->hops;
	__u8 far_hops = look_side(view, !look_client(view))->hops;

	if (!near_hops || !far_hops || is_initial(near_hops) == is_initial(far_hops))
		return VANTAGE_POINT_UNKNOWN;
	return is_initial(near_hops) ? VANTAGE_POINT_CLIENT : VANTAGE_POINT_SERVER;
}

/* What the server never got, it did not refuse. */
static bool never_got(const struct view *view)
{
	const struct outcome_side *client = look_side(view, look_client(view));

	return client->stuck >= view->thresholds->value[THRESHOLD_STUCK] || client->hole_bytes;
}

bool look_closed_speechless(const struct view *view)
{
	const struct outcome_side *client = look_side(view, look_client(view));
	const struct outcome_side *server = look_side(view, !look_client(view));

	if (never_got(view))
		return false;
	return server->fin_ns && !server->spoke && !server->acked_bytes &&
	       (!client->closed_ns || server->fin_ns < client->closed_ns ||
		(server->fin_ns == client->closed_ns && server->fin_unprovoked));
}

bool look_closed_at_once(const struct view *view)
{
	return look_closed_speechless(view) &&
	       ns_between(view->outcome->established_ns,
			  look_side(view, !look_client(view))->fin_ns) <
		       view->thresholds->value[THRESHOLD_CLOSED_AT_ONCE] * NS_PER_MS;
}

enum { FIRST_EXCHANGE_WORDS = 3, INTERIM_WORDS = 2 };

bool look_unavailable(__u16 status)
{
	return ANSWER_SAYS_UNAVAILABLE(status);
}

bool look_refused_tunnel(const struct view *view)
{
	return view->outcome->refused == UPGRADE_CONNECT;
}

bool look_ended_unprovoked(const struct view *view)
{
	const struct outcome_side *client = look_side(view, look_client(view));
	const struct outcome_side *server = look_side(view, !look_client(view));

	if (server->fin_ns)
		return server->fin_unprovoked;
	/* it did not read what the client had said meanwhile */
	return server->reset_ns && (!client->closed_ns || client->closed_ns > server->reset_ns);
}

bool look_ends_session(const struct first *first_word)
{
	return first_word->error &&
	       (first_word->kind == FIRST_MYSQL || first_word->kind == FIRST_SSH ||
		(first_word->kind == FIRST_POSTGRESQL && first_word->state[0]));
}

bool look_turned_away(const struct view *view)
{
	const struct outcome_side *server = look_side(view, !look_client(view));
	const struct first *first_word = &server->first_word;

	if (look_ends_session(first_word))
		return server->closed_ns || look_side(view, look_client(view))->closed_ns;
	if (!look_ended_unprovoked(view) || !first_word->error ||
	    view->outcome->words > FIRST_EXCHANGE_WORDS + (server->interim ? INTERIM_WORDS : 0))
		return false;
	return first_word->kind != FIRST_HTTP || look_unavailable(first_word->number);
}

/* A first word that asks the client to speak: none of them is all that a server has to say. */
static bool is_greeting(const struct first *first)
{
	switch (first->kind) {
	case FIRST_REPLY:
	case FIRST_SMTP:
	case FIRST_FTP:
	case FIRST_SSH:
	case FIRST_POP3:
	case FIRST_IMAP:
	case FIRST_MYSQL:
		return !first->error;
	}
	return false;
}

bool look_only_greeted(const struct view *view)
{
	const struct outcome *outcome = view->outcome;
	const struct outcome_side *server = look_side(view, !look_client(view));

	if (!is_greeting(&server->first_word) || !server->fin_ns || !server->fin_unprovoked ||
	    server->unseen_bytes || outcome->last.leave || never_got(view))
		return false;
	/* it waits for who says nothing: how long is the server's matter */
	if (outcome->words == 1)
		return outcome->last.side != look_client(view) &&
		       ns_between(outcome->last.last_ns, server->fin_ns) <
			       view->thresholds->value[THRESHOLD_CLOSED_AT_ONCE] * NS_PER_MS;
	return outcome->words == 2 && outcome->last.side == look_client(view);
}

void words_wrote_to_closed(struct text *why, bool used_again)
{
	if (used_again)
		text_add(why, "the client used a connection again that the server had closed (a "
			      "pool that does not look before it writes)");
	else
		text_add(why, "the client wrote on, and did not see that the server had ended the "
			      "connection: a limit, an error or a crash of its application, or it "
			      "keeps none behind an answer");
}

void words_unheard(struct text *what, const struct view *view)
{
	if (!view->outcome->unheard)
		return;
	text_add(what, "; ");
	words_who(what, view->attempt);
	text_add(what, " closed it without having heard of that");
}

void words_side(struct text *text, const struct view *view, int side)
{
	const struct figures_side *figures = look_figures(view, side);

	address_print_port(text, figures->address, figures->port);
}

void words_check_server(const struct view *view, struct finding *finding, const char *why)
{
	struct words_check check = words_check_remote(finding);

	text_add(&check.run, "ss -tnpi 'sport = :%u'",
		 look_figures(view, !look_client(view))->port);
	words_check_end(&check, "%s", why);
}

void words_cut_answer(const struct view *view, struct finding *finding, const char *how)
{
	const struct outcome *outcome = view->outcome;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	words_side(&what, view, !look_client(view));
	text_add(&what, " %s the connection in the middle of its HTTP answer: ", how);
	if (outcome->announced_bytes)
		text_add(&what, "%u of %u bytes had come", outcome->body_bytes,
			 outcome->announced_bytes);
	else
		text_add(&what, "%u bytes of chunks had come, and not the last one",
			 outcome->body_bytes);
	text_add(&why, "the server's application, or a proxy's backend, broke off: it crashed, was "
		       "restarted, or came to a time-out or limit of its own");
	words_check_server(view, finding,
			   "what serves that port; its own log says why it broke off");
}

void words_refused_tunnel(const struct view *view, struct finding *finding)
{
	const struct outcome *outcome = view->outcome;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	words_side(&what, view, !look_client(view));
	text_add(&what, " answers CONNECT with ");
	upgrade_print_refusal(&what, outcome->refused, &outcome->refusal);
	text_add(&what, ", and the client leaves");
	if (outcome->refusal.number == 407)
		text_add(&why, "the proxy wants to know who asks, and got no name and password "
			       "that it takes");
	else if (look_unavailable(outcome->refusal.number))
		text_add(&why, "the proxy could not reach the host that it was asked for: its own "
			       "lookup or connect failed");
	else
		text_add(&why, "the proxy does not let this client through to that host or port");
	words_check_server(view, finding,
			   "what serves that port; its own log says what it was asked for");
}

/*
 * What codes of data bases mean, where they mean one thing. MySQL's and MariaDB's error list (1040 and 1129 to 1130 come in
 * place of the greeting); PostgreSQL's appendix A.
 */
static const char *say_data_base(const struct first *error)
{
	static const struct {
		char state[FIRST_STATE_SIZE];
		__u16 number;
		const char *words;
	} rows[] = {
		{ "", 1040, "it has as many connections as max_connections allows" },
		{ "", 1129,
		  "it blocks this client's address after too many connects that came to nothing "
		  "(max_connect_errors)" },
		{ "", 1130, "it has no account that may come from this client's address" },
		{ "", 1203, "this user has as many connections as max_user_connections allows" },
		{ "53300", 0,
		  "it, this user or this data base has as many connections as allowed" },
		{ "57P01", 0, "it is being stopped" },
		{ "57P03", 0, "it is starting, recovering or stopping, and takes nobody now" },
		{ "3D000", 0, "it has no data base of the name that the client asks for" },
	};

	if (error->kind != FIRST_MYSQL && error->kind != FIRST_POSTGRESQL)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].number == error->number && !strcmp(rows[i].state, error->state))
			return rows[i].words;
	return NULL;
}

void words_turned_away(struct text *why, const struct first *error)
{
	enum { HTTP_REQUEST_TIMEOUT = 408 };
	const char *meaning = say_data_base(error);

	if (meaning)
		text_add(why, "the server turns the client away and says so: %s", meaning);
	else if (error->kind != FIRST_HTTP)
		text_add(why,
			 "the server turns clients away and says so: a limit of connections or "
			 "clients, an access list, or it is about to stop");
	else if (error->number == HTTP_REQUEST_TIMEOUT)
		text_add(
			why,
			"the server waited for the client's request, and the client did not send it "
			"(whole), or it never arrived: large packets lost on the way, for one");
	else
		text_add(
			why,
			"a proxy without a backend that answers in time, or a limit of the server");
}

int look_which(const struct view *view, bool (*test)(const struct view *view, int side))
{
	__u8 client = look_client(view);

	if (test(view, client))
		return client;
	return test(view, !client) ? !client : FIGURES_NEITHER;
}

struct words_check words_check_on(const struct view *view, struct finding *finding, int side)
{
	return side == look_client(view) ? words_check(view, finding, 0) :
					   words_check_remote(finding);
}

void words_not_taken(struct text *why, const struct view *view)
{
	words_side(why, view, !look_client(view));
	text_add(why, " sent its SYN/ACK again, though it had been acknowledged, as a host does "
		      "whose queue of connections to be accepted is full; or what the client sends "
		      "is lost on the way there");
}

bool look_not_taken(const struct view *view)
{
	return view->outcome->syn_acks_again && !look_side(view, look_client(view))->acked_bytes &&
	       !look_side(view, !look_client(view))->spoke;
}

bool look_has_hole(const struct view *view, int side)
{
	const struct outcome_side *own = look_side(view, side);

	return own->hole_bytes &&
	       ns_between(own->hole_ns, view->outcome->ended_ns) >=
		       view->thresholds->value[THRESHOLD_ANSWER_WAIT] * NS_PER_MS;
}

bool look_never_heard(const struct view *view, int side)
{
	const struct outcome_side *own = look_side(view, side);

	return own->stuck >= view->thresholds->value[THRESHOLD_STUCK] && own->stuck &&
	       (own->stuck_silent || own->stuck_till_fin ||
		(side == look_client(view) && look_not_taken(view)));
}

/* RFC 9293 3.7.1; RFC 8200 5: 1280 bytes of IPv6, here less the headers and time stamps. */
__u32 look_carried_bytes(const struct view *view)
{
	enum { IPV4 = 536, IPV6 = 1280 - 40 - 20 - 12 };

	return address_is_ipv4(look_figures(view, 0)->address) ? IPV4 : IPV6;
}

bool look_mirrored(const struct view *view)
{
	return look_figures(view, 0)->copies + look_figures(view, 1)->copies > 2;
}
