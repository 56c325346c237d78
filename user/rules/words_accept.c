// SPDX-License-Identifier: GPL-2.0-or-later
/* words_accept.c - why an accept queue is full, a call found no descriptor; who listens elsewhere */

#include <errno.h>
#include <string.h>

#include "rules/look.h"
#include "rules/words.h"
#include "util/address.h"

#define FILES_MAX "fs.file-max"
#define FILES_NOW "fs.file-nr"

static const struct ev_fact *open_files(const struct view *view, const char *name)
{
	const struct ev_fact *fact;

	for (size_t i = 0; (fact = attempt_fact(view->join, view->attempt, FACT_OPEN_FILES, i));
	     i++)
		if (!strcmp(fact->name, name) && !(fact->flags & FACT_F_ABSENT))
			return fact;
	return NULL;
}

static void add_files(struct text *text, const struct view *view)
{
	const struct ev_fact *total = open_files(view, "total");
	const struct ev_fact *closing = open_files(view, "CLOSE_WAIT");

	if (!total) {
		text_add(text, ": it has as many files open as it may");
		return;
	}
	text_add(text, ": it has %lld of at most %lld files open", total->number, total->limit);
	if (closing && closing->number)
		text_add(text,
			 ", %lld of them connections that the peer has closed and it has not "
			 "(CLOSE_WAIT)",
			 closing->number);
}

void words_starved(struct text *text, const struct view *view, __s32 error)
{
	const char *name = decode_errno_name(error);

	text_add(text, "%s", name ? name : "an error");
	if (error == EMFILE) {
		add_files(text, view);
	} else if (error == ENFILE) {
		text_add(text, ": this host has as many files open as it may");
		if (look_sysctl(view, FILES_MAX)) {
			text_add(text, ", ");
			words_sysctl(text, view, FILES_MAX);
		}
	} else {
		text_add(text, ": the kernel had no memory for it");
	}
}

void words_why_full(struct text *text, const struct view *view, const struct listener *listener)
{
	const struct attempt *attempt = view->attempt;

	if (look_accept_fails(view, listener)) {
		words_owner(text, listener->accept_owner);
		text_add(text, " calls accept(), which fails with ");
		words_starved(text, view, listener->accept_error);
		return;
	}
	if (listener && listener->owner)
		words_owner(text, listener->owner);
	else if (!view->opening && attempt->owner_known)
		words_owner(text, attempt->owner);
	else
		text_add(text, "the listener");
	text_add(text, " does not call accept() as fast as connections come");
}

void words_want_starved(const struct view *view, struct fact_request *wanted)
{
	const struct listener *listener = look_full_listener(view);

	if (look_accept_fails(view, listener) && listener->accept_error == EMFILE)
		wanted->pid = listener->accept_owner->tgid;
	else
		wanted->wanted &= ~BIT(FACT_OPEN_FILES);
}

void words_check_starved(const struct view *view, struct finding *finding,
			 const struct event_owner *owner, __s32 error)
{
	struct words_check check = words_check(view, finding, 0);

	if (error == EMFILE) {
		text_add(&check.run, "ls -l /proc/%u/fd", owner->tgid);
		words_check_end(&check, "what they are; to change: close what is over, or a larger "
					"LimitNOFILE= in the unit");
	} else if (error == ENFILE) {
		text_add(&check.run, "sysctl " FILES_NOW " " FILES_MAX);
		words_check_end(&check, "open, free and most of all processes together");
	} else {
		text_add(&check.run, "grep -i sock /proc/net/sockstat");
		words_check_end(&check, "mem: pages that sockets hold, against net.ipv4.tcp_mem");
	}
}

void words_listener(struct text *text, const struct listener *listener)
{
	if (listener->owner)
		words_owner(text, listener->owner);
	else
		text_add(text, "a process");
}

/* It has the very address: then something else (a device it is bound to) keeps the SYN from it. */
static bool has_address(const struct listener *listener, const __u8 *asked)
{
	const __u8 *own = listener->tuple.local;

	if (address_is_any(own)) /* 0.0.0.0 has no IPv6 */
		return !address_is_ipv4(own) || address_is_ipv4(asked);
	return address_equal(own, asked);
}

void words_near_listener(struct text *text, const struct join *join, __u32 netns,
			 const struct event_tuple *asked, const struct listener *near,
			 enum nearness how)
{
	words_listener(text, near);
	text_add(text, " listens on ");
	address_print_port(text, near->tuple.local, near->tuple.local_port);
	if (near->netns != netns) {
		text_add(text, " in ");
		words_netns(text, join, near->netns);
	}
	if (how == NEAR_V6ONLY)
		text_add(text, " for IPv6 only (IPV6_V6ONLY)");
	else if (how == NEAR_ADDRESS && address_is_loopback(near->tuple.local))
		text_add(text, " only, which no other address reaches");
	else if (how == NEAR_ADDRESS && !has_address(near, asked->remote))
		text_add(text, " only");
}

void words_listener_closed(struct text *text, const struct view *view, __u32 netns,
			   const struct event_tuple *tuple, __u64 ns)
{
	const struct listener *closed = join_listener_closed(view->join, netns, tuple, ns);
	const struct listener *now = join_listener_for(view->join, netns, tuple);
	const char *signal;

	if (closed)
		words_listener(text, closed);
	else
		text_add(text, "its server");
	text_add(text, " closed its listener, and with it every connection that no accept() had "
		       "taken yet");
	if (closed && (closed->closed_how & SOCKET_F_EXITING)) {
		signal = decode_signal_name(closed->closed_signal);
		text_add(text, "; it was ending");
		if (closed->closed_signal && signal)
			text_add(text, " by %s", signal);
		else if (closed->closed_signal)
			text_add(text, " by signal %u", closed->closed_signal);
	}
	if (!now)
		return;
	text_add(text, "; by now ");
	words_listener(text, now);
	text_add(text, " listens there");
}
