// SPDX-License-Identifier: GPL-2.0-or-later
/* words.c - pieces of text that several findings use */

#include <stdarg.h>
#include <string.h>

#include "rules/look.h"
#include "rules/words.h"
#include "util/address.h"
#include "util/time.h"

void words_duration(struct text *text, __u64 ns)
{
	__u64 us = ns / NS_PER_US;
	__u64 ms = us / US_PER_MS;

	if (ms < 10)
		text_add(text, "%llu.%02llu ms", ms, us % 1000 / 10);
	else if (ms < 1000)
		text_add(text, "%llu ms", ms);
	else if (ms < 120000)
		text_add(text, "%llu.%llu s", ms / 1000, ms % 1000 / 100);
	else
		text_add(text, "%llu min %llu s", ms / 60000, ms / 1000 % 60);
}

void words_count(struct text *text, __u64 count, const char *one, const char *many)
{
	text_add(text, "%llu %s", count, count == 1 ? one : many);
}

void words_syns(struct text *text, const struct opening *opening)
{
	if (!opening->seen_whole)
		text_add(text, "at least ");
	words_count(text, opening->syn_sent, "SYN", "SYNs");
}

void words_who(struct text *text, const struct attempt *attempt)
{
	if (attempt->owner_known && attempt->owner->leader[0])
		text_add_foreign(text, attempt->owner->leader, sizeof(attempt->owner->leader));
	else if (attempt->owner_known && attempt->owner->comm[0])
		text_add_foreign(text, attempt->owner->comm, sizeof(attempt->owner->comm));
	else if (attempt->openings_count && opening_is_captured(attempt->openings[0]))
		address_print(text, attempt->openings[0]->tuple.local);
	else
		text_add(text, "the process");
}

void words_owner(struct text *text, const struct event_owner *owner)
{
	text_add_foreign(text, owner->leader[0] ? owner->leader : owner->comm, EVENT_COMM_SIZE);
	text_add(text, "[%u]", owner->tgid);
}

static bool is_own_netns(const struct join *join, __u32 netns)
{
	__u32 own = join_netns_own(join);

	return !own || !netns || own == netns;
}

void words_mac(struct text *text, const __u8 *mac)
{
	for (size_t i = 0; i < CLAIM_MAC_SIZE; i++)
		text_add(text, "%s%02x", i ? ":" : "", mac[i]);
}

void words_netns(struct text *text, const struct join *join, __u32 netns)
{
	const char *name = join_netns_name(join, netns);

	if (is_own_netns(join, netns)) {
		text_add(text, "this host's own namespace");
	} else if (name) {
		text_add(text, "namespace ");
		text_add_foreign(text, name, JOIN_NAME_SIZE);
	} else {
		text_add(text, "namespace %u", netns);
	}
}

void words_in_netns(struct text *text, const struct join *join, __u32 netns)
{
	if (is_own_netns(join, netns))
		return;
	text_add(text, " in ");
	words_netns(text, join, netns);
}

void words_interface(struct text *text, const struct join *join, __u32 netns, __u32 ifindex)
{
	const struct interface *interface = join_interface(join, netns, ifindex);

	if (interface && interface->name[0])
		text_add_foreign(text, interface->name, sizeof(interface->name));
	else
		text_add(text, "interface %u", ifindex);
}

void words_host(struct text *text, const struct view *view, const struct opening *opening)
{
	__u32 ifindex = opening->bound_ifindex;
	const struct interface *interface;

	address_print(text, opening->tuple.remote);
	if (!address_is_link_local(opening->tuple.remote) || address_is_ipv4(opening->tuple.remote))
		return;
	if (!ifindex && opening->syn_netns == opening->netns)
		ifindex = opening->syn_ifindex;
	interface = join_interface(view->join, opening->netns, ifindex);
	if (!interface || !interface->name[0])
		return;
	text_add(text, "%%");
	text_add_foreign(text, interface->name, sizeof(interface->name));
}

void words_remote(struct text *text, const struct view *view, const struct opening *opening)
{
	bool brackets = opening->tuple.remote_port && !address_is_ipv4(opening->tuple.remote);

	text_add(text, "%s", brackets ? "[" : "");
	words_host(text, view, opening);
	text_add(text, "%s", brackets ? "]" : "");
	if (opening->tuple.remote_port)
		text_add(text, ":%u", opening->tuple.remote_port);
}

void words_call(struct text *text, const struct attempt *attempt)
{
	const struct ev_syscall *failed = &attempt->call->call;
	const char *call = decode_syscall_name(failed->call);
	const char *name = decode_errno_name(failed->error);
	struct event_tuple tuple;

	subject_tuple(attempt, &tuple);
	if (failed->call == SYSCALL_SOCKET) {
		text_add(text, "socket() for %s", tuple.family == FAMILY_IPV6 ? "IPv6" : "IPv4");
	} else {
		text_add(text, "%s() on ", call ? call : "bind");
		address_print(text, tuple.local);
	}
	if (failed->call == SYSCALL_BIND || tuple.local_port)
		text_add(text, " port %u", tuple.local_port);
	text_add(text, " failed with %s", name ? name : "an error");
}

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("_-./:@%+,", c));
}

void words_argument(struct text *text, const char *argument, size_t size)
{
	size_t length = strnlen(argument, size);
	bool plain = length;

	for (size_t i = 0; i < length; i++)
		plain = plain && is_plain(argument[i]);
	if (plain) {
		text_add(text, "%.*s", (int)length, argument);
		return;
	}
	text_add(text, "'");
	for (size_t i = 0; i < length; i++) {
		unsigned char c = argument[i];

		if (c == '\'')
			text_add(text, "'\\''");
		else if (c < 0x20 || c >= 0x7f)
			text->cut = true; /* what cannot be typed cannot be pasted */
		else
			text_add(text, "%c", c);
	}
	text_add(text, "'");
}

/* Of an opening whose begin was not seen only what it lasted at least, if that is something. */
static void add_lasted(struct text *text, const struct view *view)
{
	__u64 ns = look_lasted_ns(view);

	if (!view->opening->seen_whole && ns < NS_PER_MS)
		return;
	text_add(text, " after %s", view->opening->seen_whole ? "" : "at least ");
	words_duration(text, ns);
}

void words_end(struct text *text, const struct view *view)
{
	const struct opening *opening = view->opening;
	const char *name = decode_errno_name(opening->error);
	const char *signal = decode_signal_name(opening->signal);

	text_add(text, "; ");
	if (opening->end == WAIT_UNSEEN) {
		text_add(text, "watched for ");
		words_duration(text, look_lasted_ns(view));
		return;
	}
	if (view->wake == WAKE_PENDING) {
		words_who(text, view->attempt);
		text_add(text, " still waits");
		add_lasted(text, view);
		return;
	}
	words_who(text, view->attempt);
	switch (opening->end) {
	case WAIT_ERRNO:
		text_add(text, " got ");
		if (name)
			text_add(text, "%s", name);
		else
			text_add(text, "error %d", opening->error);
		break;
	case WAIT_KILLED:
		if (signal)
			text_add(text, " was ended by %s", signal);
		else
			text_add(text, " was ended by signal %u", opening->signal);
		break;
	case WAIT_EXITED:
		text_add(text, " exited");
		break;
	default:
		text_add(text, " gave up");
		break;
	}
	add_lasted(text, view);
}

bool words_sysctl(struct text *text, const struct view *view, const char *name)
{
	const struct ev_fact *fact = look_sysctl(view, name);

	if (!fact)
		return false;
	text_add(text, "%s=", name);
	text_add_foreign(text, fact->text, sizeof(fact->text));
	return true;
}

bool words_route(struct text *text, const struct view *view)
{
	const struct ev_fact *route = look_route(view);

	if (!route || (route->flags & FACT_F_ABSENT) || !route->text[0])
		return false;
	text_add_foreign(text, route->text, sizeof(route->text));
	return true;
}

/* A process that lives in @netns, to enter it by: a listener's rather than one that came and went. */
static __u32 pid_in_netns(const struct view *view, __u32 netns)
{
	const struct listener *listener;

	for (__u32 at = 0; (listener = join_listener(view->join, &at));)
		if (listener->netns == netns && listener->owner)
			return listener->owner->tgid;
	if (view->attempt->netns == netns && view->attempt->owner_known)
		return view->attempt->owner->tgid;
	return 0;
}

static struct words_check begin_check(struct finding *finding, const char *on)
{
	size_t last = ARRAY_SIZE(finding->checks) - 1; /* never counted: where surplus ones end */
	struct words_check check = {
		.finding = finding,
		.check = &finding->checks[finding->checks_count < last ? finding->checks_count :
									 last],
	};
	struct text where = text_of(check.check->on);

	text_add(&where, "%s", on);
	check.run = text_of(check.check->run);
	return check;
}

struct words_check words_check(const struct view *view, struct finding *finding, __u32 netns)
{
	struct words_check check = begin_check(finding, finding->captured ? "client" : "local");
	const char *name = join_netns_name(view->join, netns);
	__u32 pid;

	if (is_own_netns(view->join, netns))
		return check;
	if (name) {
		char path[JOIN_NAME_SIZE + 16] = "/run/netns/";

		memcpy(path + strlen(path), name, strnlen(name, JOIN_NAME_SIZE));
		text_add(&check.run, "nsenter --net=");
		words_argument(&check.run, path, sizeof(path));
		text_add(&check.run, " ");
		return check;
	}
	pid = pid_in_netns(view, netns);
	if (pid)
		text_add(&check.run, "nsenter -t %u -n ", pid);
	return check;
}

struct words_check words_check_remote(struct finding *finding)
{
	if (finding->translated_known &&
	    !address_equal(finding->translated.remote, finding->tuple.remote))
		return words_check_at(finding, finding->translated.remote);
	return begin_check(finding, "remote");
}

struct words_check words_check_at(struct finding *finding, const __u8 *address)
{
	char where[48];
	struct text text = text_of(where);

	address_print(&text, address);
	return begin_check(finding, where);
}

void words_check_end(struct words_check *check, const char *why, ...)
{
	struct finding *finding = check->finding;
	va_list args;

	va_start(args, why);
	__builtin_vsnprintf(check->check->why, sizeof(check->check->why), why, args);
	va_end(args);
	/* half a command is worse than none */
	if (check->run.cut || finding->checks_count == ARRAY_SIZE(finding->checks) - 1)
		return;
	finding->checks_count++;
}

/* Where on this machine the far end was seen to be; 0: nowhere that is known. */
static __u32 far_netns(const struct opening *opening)
{
	if (opening->refused_here)
		return opening->refused_netns;
	if (opening->full.seen)
		return opening->full.netns;
	if (address_is_loopback(opening->tuple.remote) ||
	    address_equal(opening->tuple.local, opening->tuple.remote))
		return opening->netns;
	return opening->reset_here ? opening->reset_here_netns : 0;
}

void words_check_listener(const struct view *view, struct finding *finding,
			  const struct opening *opening, const char *why)
{
	__u32 netns = far_netns(opening);
	bool rewritten = opening->refused_here && opening->refused_rewritten;
	struct words_check check =
		netns ? words_check(view, finding, netns) : words_check_remote(finding);

	text_add(&check.run, "ss -ltnp 'sport = :%u'",
		 rewritten ? opening->refused_to_port : opening->tuple.remote_port);
	words_check_end(&check, "%s", why);
}

void words_check_port(const struct view *view, struct finding *finding, __u32 netns, __u16 port)
{
	struct words_check check = words_check(view, finding, netns);

	text_add(&check.run, "ss -ltnp 'sport = :%u'", port);
	words_check_end(&check, "what listens on port %u, on which address", port);
}

void words_ruleset(struct text *text, const struct view *view, __u32 hooks)
{
	const struct ev_fact *fact = look_ruleset(view, hooks);

	if (!fact)
		return;
	text_add(text, "; its ruleset has ");
	text_add_foreign(text, fact->name, sizeof(fact->name));
	text_add(text, ": ");
	text_add_foreign(text, fact->text, sizeof(fact->text));
}

void words_family_off(struct text *text, const struct view *view, const __u8 *address, __u32 netns)
{
	const struct ev_fact *off = look_sysctl(view, WORDS_IPV6_OFF);

	if (address_is_ipv4(address) || !off || !off->number)
		return;
	text_add(text, "; IPv6 is switched off");
	words_in_netns(text, view->join, netns);
	text_add(text, " (");
	words_sysctl(text, view, WORDS_IPV6_OFF);
	text_add(text, ")");
}

void words_check_route(const struct view *view, struct finding *finding, const char *why)
{
	const struct opening *opening = view->opening;
	const bool here = opening->translated && opening->translated_netns == opening->netns;
	const __u8 *to = here ? opening->translated_to : opening->tuple.remote;
	struct words_check check = words_check(view, finding, opening->netns);
	const struct interface *bound =
		join_interface(view->join, opening->netns, opening->bound_ifindex);

	text_add(&check.run, "ip %sroute get ", address_is_ipv4(to) ? "" : "-6 ");
	address_print(&check.run, to);
	if (bound) {
		text_add(&check.run, " oif ");
		words_argument(&check.run, bound->name, sizeof(bound->name));
	}
	if (opening->mark)
		text_add(&check.run, " mark 0x%x", opening->mark);
	words_check_end(&check, "%s", why);
}

struct party *words_party(struct finding *finding, const char *role)
{
	struct party *party;
	struct text text;

	if (finding->related_count == ARRAY_SIZE(finding->related))
		return NULL;
	party = &finding->related[finding->related_count++];
	memset(party, 0, sizeof(*party));
	text = text_of(party->role);
	text_add(&text, "%s", role);
	return party;
}

void words_party_listener(struct finding *finding, const struct listener *listener,
			  const char *role)
{
	struct party *party = words_party(finding, role);

	if (!party)
		return;
	party->owner_known = listener->owner;
	if (listener->owner)
		party->owner = *listener->owner;
	party->netns = listener->netns;
	party->tuple = listener->tuple;
	party->state = 10; /* LISTEN */
}

/* ---- the table of connections ---- */

void words_conntrack_fill(struct text *text, const struct view *view)
{
	const struct ev_fact *fact;
	const char *joint = "; of ";

	for (size_t i = 0; (fact = attempt_fact(view->join, view->attempt, FACT_COUNTER, i)); i++) {
		bool source = !strcmp(fact->name, FACT_CONNTRACK "source");

		if (strncmp(fact->name, FACT_CONNTRACK, strlen(FACT_CONNTRACK)) != 0 ||
		    !strcmp(fact->name, FACT_CONNTRACK_PORTS) || (fact->flags & FACT_F_ABSENT) ||
		    !fact->limit || !strcmp(fact->name, FACT_CONNTRACK_ENTRIES))
			continue;
		if (*joint == ';')
			text_add(text, "; of %lld looked at ", fact->limit);
		else
			text_add(text, ", ");
		joint = "";
		text_add(text, "%lld are %s", fact->number, source ? "from " : "in ");
		if (source)
			address_print(text, fact->address);
		else
			text_add_foreign(text, fact->name + strlen(FACT_CONNTRACK),
					 sizeof(fact->name) - strlen(FACT_CONNTRACK));
	}
}

void words_check_conntrack(const struct view *view, struct finding *finding, __u32 netns)
{
	struct words_check check = words_check(view, finding, netns);

	text_add(&check.run, "sysctl -ar 'net.netfilter.nf_conntrack.*timeout'");
	words_check_end(&check,
			"how long an entry stays; to change: net.netfilter.nf_conntrack_max, "
			"or what makes so many");
}
