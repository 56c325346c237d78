// SPDX-License-Identifier: GPL-2.0-or-later
/* accept_knock.c - clients of other machines come, and this host does not take them in */

#include <string.h>

#include "rules/look.h"
#include "rules/words.h"
#include "util/address.h"

/*
 * Whoever can reach a host from everywhere is asked for every port all day, and does right to refuse.
 * So what comes from a public address, or from one that tries one port after another, is no more than
 * an info.
 */
static bool is_everyday(const struct knock *knock)
{
	return knock->scanned || address_is_global(knock->tuple.remote);
}

static bool is_knock(const struct view *view, enum knock_what what, struct guess *guess)
{
	const struct knock *knock = view->attempt->knock;

	if (knock->what != what)
		return false;
	if (knock->unseen)
		guess->blind |= BLIND_LOST_RECORDS; /* it may be a client of this machine */
	if (is_everyday(knock))
		guess->severity = SEVERITY_INFO;
	return true;
}

/* As look_near_listener() asks: from the client's side. */
static struct event_tuple asked_of(const struct knock *knock)
{
	struct event_tuple asked = { .remote_port = knock->tuple.local_port,
				     .family = knock->tuple.family };

	memcpy(asked.remote, knock->tuple.local, sizeof(asked.remote));
	return asked;
}

static enum nearness near_of(const struct view *view, const struct listener **near)
{
	const struct knock *knock = view->attempt->knock;
	struct event_tuple asked = asked_of(knock);

	return look_near_listener(view->join, knock->netns, &asked, view->attempt->ended_ns, near);
}

/* "the SYN of 10.0.0.9 for 10.0.0.1:5432 in namespace web" */
static void add_syn(struct text *text, const struct view *view)
{
	const struct knock *knock = view->attempt->knock;

	text_add(text, "the SYN of ");
	address_print(text, knock->tuple.remote);
	text_add(text, " for ");
	address_print_port(text, knock->tuple.local, knock->tuple.local_port);
	words_in_netns(text, view->join, knock->netns);
}

/* " (3 SYNs of at least 2 clients)": nothing of one */
static void add_count(struct text *text, const struct view *view)
{
	const struct knock *knock = view->attempt->knock;

	if (knock->syns < 2)
		return;
	text_add(text, " (%u SYNs", knock->syns);
	if (knock->clients > 1)
		text_add(text, " of at least %u clients", knock->clients);
	text_add(text, ")");
}

/* All of what is seen where TCP refuses. */
static void add_refused(struct text *text, const struct view *view)
{
	text_add(text, "this host answered ");
	add_syn(text, view);
	text_add(text, " with a reset");
	add_count(text, view);
}

static void check_listener(const struct view *view, struct finding *finding)
{
	const struct knock *knock = view->attempt->knock;
	struct words_check check = words_check(view, finding, knock->netns);

	text_add(&check.run, "ss -ltnp 'sport = :%u'", knock->tuple.local_port);
	words_check_end(&check, "what listens on port %u, on which address",
			knock->tuple.local_port);
}

/* ---- accept-wrong-bind ---- */

static bool match_wrong_bind(const struct view *view, struct guess *guess)
{
	const struct listener *near;

	return is_knock(view, KNOCK_REFUSED, guess) && near_of(view, &near) != NEAR_NONE;
}

static void tell_wrong_bind(const struct view *view, struct finding *finding)
{
	const struct knock *knock = view->attempt->knock;
	struct event_tuple asked = asked_of(knock);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	const struct listener *near = NULL;
	enum nearness how = near_of(view, &near);

	add_refused(&what, view);
	text_add(&why, "nothing listens on ");
	address_print_port(&why, knock->tuple.local, knock->tuple.local_port);
	words_in_netns(&why, view->join, knock->netns);
	if (near) {
		text_add(&why, "; ");
		words_near_listener(&why, view->join, knock->netns, &asked, near, how);
		words_party_listener(finding, near, "listener");
	}
	check_listener(view, finding);
}

const struct rule rule_accept_wrong_bind = {
	.id = "accept-wrong-bind",
	.stage = STAGE_ACCEPT,
	.severity = SEVERITY_WARNING,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_KNOCK,
	.match = match_wrong_bind,
	.tell = tell_wrong_bind,
	.means =
		"another machine asks for a port that is served here on another address only (loopback), in another family or namespace",
	.evidence =
		"this host's TCP answers a SYN with a reset because no socket takes it (NO_SOCKET), while a process listens on that very port elsewhere on this host",
	.gate = "a client of this machine has connect-refused-local; an info where the client's address is a public one, or it asks for three ports or more that nobody serves: both are everyday; who began to listen after the refusal does not count",
	.general_check =
		"ss -ltnp 'sport = :PORT'; the address, the family and the namespace it is bound to, and the service's own setting for it (listen_addresses, bind, host)",
	.kernels = "reset without a socket: 6.10 on, before: drop NO_SOCKET (5.17 on)",
};

/* ---- accept-no-listener ---- */

static bool match_no_listener(const struct view *view, struct guess *guess)
{
	return is_knock(view, KNOCK_REFUSED, guess);
}

static void tell_no_listener(const struct view *view, struct finding *finding)
{
	const struct knock *knock = view->attempt->knock;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	add_refused(&what, view);
	if (knock->ports > 1)
		text_add(&what, "; that client asked for %u ports or more", knock->ports);
	text_add(&why, "nothing listens there");
	if (knock->scanned || knock->ports > 2)
		text_add(&why, ": a scanner tries one port after another");
	else
		text_add(&why, ": the client's configuration is old, the service does not run, or "
			       "it is a scanner");
	check_listener(view, finding);
}

const struct rule rule_accept_no_listener = {
	.id = "accept-no-listener",
	.stage = STAGE_ACCEPT,
	.severity = SEVERITY_INFO,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_KNOCK,
	.match = match_no_listener,
	.tell = tell_no_listener,
	.means = "another machine asks for a port on which nothing listens here",
	.evidence =
		"this host's TCP answers a SYN with a reset because no socket takes it (NO_SOCKET), and no process of this host listens on that port",
	.gate = "told on request (--finding, --all); one finding a client, 64 clients at a time; a client of this machine has connect-refused-local",
	.general_check =
		"ss -ltn: is something meant to listen there; whose the client's address is",
	.kernels = "reset without a socket: 6.10 on, before: drop NO_SOCKET (5.17 on)",
};
