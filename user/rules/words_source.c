// SPDX-License-Identifier: GPL-2.0-or-later
/* words_source.c - a packet that the kernel refuses for where it comes from (RFC 3704, RFC 1812 5.3.7) */

#include <string.h>

#include "rules/look.h"
#include "rules/words.h"
#include "util/address.h"

/* fib_validate_source() and ip_rcv() tell these apart since 6.16; before, they have no reason. */
static const struct {
	const char *reason;
	const char *means;
} martians[] = {
	{ "IP_LOCAL_SOURCE", "the source is an address of that very namespace" },
	{ "IP_INVALID_SOURCE", "no packet may come from that source" },
	{ "IP_LOCALNET", "an address of 127.0.0.0/8 comes or goes by lo alone (route_localnet)" },
	{ "IP_INVALID_DEST", "no packet may go to that destination" },
};

static bool is_reverse_path(const struct view *view, const struct drop_seen *drop)
{
	const char *reason = look_drop_reason(view->join, drop);

	return reason && !strcmp(reason, "IP_RPFILTER");
}

static const char *martian(const struct view *view, const struct drop_seen *drop)
{
	const char *reason = look_drop_reason(view->join, drop);

	for (size_t i = 0; reason && i < ARRAY_SIZE(martians); i++)
		if (!strcmp(martians[i].reason, reason))
			return martians[i].means;
	return NULL;
}

bool words_is_of_source(const struct view *view, const struct drop_seen *drop)
{
	return drop->count && (is_reverse_path(view, drop) || martian(view, drop));
}

/* ip-sysctl.rst: the larger of all's and the interface's counts. NULL: not both are known. */
static const struct ev_fact *effective(const struct view *view)
{
	const struct ev_fact *all = look_sysctl(view, WORDS_RP_FILTER), *fact;

	for (size_t i = 0; (fact = attempt_fact(view->join, view->attempt, FACT_SYSCTL, i)); i++) {
		size_t length = strnlen(fact->name, sizeof(fact->name));
		size_t end = strlen(WORDS_RP_FILTER_END);

		if (all && !(fact->flags & FACT_F_ABSENT) && length > end &&
		    !strncmp(fact->name + length - end, WORDS_RP_FILTER_END, end))
			return fact->number > all->number ? fact : all;
	}
	return NULL;
}

static bool is_own(const struct view *view, const struct drop_seen *drop)
{
	return view->opening && (!drop->netns || drop->netns == view->opening->netns);
}

static void add_way_back(struct text *text, const struct view *view, const struct drop_seen *drop)
{
	const struct interface *came = join_interface(view->join, drop->netns, drop->ifindex);
	const struct ev_fact *route = is_own(view, drop) ? NULL : look_route_in(view, drop->netns);

	if (route && (route->flags & FACT_F_ABSENT)) {
		text_add(text, ": there is no way back to it");
	} else if (route && route->name[0] &&
		   (!came || strncmp(route->name, came->name, sizeof(came->name)) != 0)) {
		text_add(text, ": the way back to it leads out of ");
		text_add_foreign(text, route->name, sizeof(route->name));
	} else {
		text_add(text, ": the way back to it does not lead out where it came in");
	}
}

static void add_reverse_path(struct text *text, const struct view *view,
			     const struct drop_seen *drop, const __u8 *source)
{
	const struct ev_fact *value = effective(view);

	text_add(text, "the reverse path filter (");
	if (value) {
		text_add_foreign(text, value->name, sizeof(value->name));
		text_add(text, "=%lld)", value->number);
	} else {
		text_add(text, "rp_filter)");
	}
	if (drop->ifindex) {
		text_add(text, " of ");
		words_interface(text, view->join, drop->netns, drop->ifindex);
	}
	words_in_netns(text, view->join, drop->netns);
	text_add(text, " refuses the source ");
	address_print(text, source);
	add_way_back(text, view, drop);
}

static void check_reverse_path(const struct view *view, struct finding *finding,
			       const struct drop_seen *drop, const __u8 *source)
{
	const struct interface *came = join_interface(view->join, drop->netns, drop->ifindex);
	struct words_check check = words_check(view, finding, drop->netns);

	text_add(&check.run, "ip route get ");
	address_print(&check.run, source);
	words_check_end(&check, "the way back: another interface than the one it came in at");
	check = words_check(view, finding, drop->netns);
	/* with slashes: an interface's name may have dots */
	text_add(&check.run, "sysctl net/ipv4/conf/all/rp_filter");
	if (came) {
		text_add(&check.run, " net/ipv4/conf/");
		words_argument(&check.run, came->name, sizeof(came->name));
		text_add(&check.run, "/rp_filter");
	}
	words_check_end(
		&check,
		"the greater counts; 1: only from where the way back leads, 2: any way back");
}

void words_refused_source(struct text *text, const struct view *view, struct finding *finding,
			  const struct drop_seen *drop, const __u8 *source)
{
	struct words_check check;

	if (is_reverse_path(view, drop)) {
		add_reverse_path(text, view, drop, source);
		check_reverse_path(view, finding, drop, source);
		return;
	}
	words_netns(text, view->join, drop->netns);
	text_add(text, " takes no packet of ");
	address_print(text, source);
	if (drop->ifindex) {
		text_add(text, " at ");
		words_interface(text, view->join, drop->netns, drop->ifindex);
	}
	text_add(text, ": %s", martian(view, drop));
	check = words_check(view, finding, drop->netns);
	text_add(&check.run, "ip route get ");
	address_print(&check.run, source);
	words_check_end(&check, "whose that address is there");
	check = words_check(view, finding, drop->netns);
	text_add(&check.run, "nstat -az IpExtInNoRoutes TcpExtIPReversePathFilter IpInAddrErrors");
	words_check_end(&check, "which of these grows with each try");
}

void words_want_source(const struct view *view, const struct drop_seen *drop,
		       struct fact_request *wanted, const __u8 *source)
{
	memset(wanted->sysctls, 0, sizeof(wanted->sysctls));
	wanted->sysctls[0] = WORDS_RP_FILTER;
	wanted->sysctls[1] = WORDS_RP_FILTER_OWN;
	wanted->ifindex = drop->ifindex;
	if (is_own(view, drop))
		return; /* the route is that of the socket, which policy may lead elsewhere */
	wanted->wanted = BIT(FACT_ROUTE) | BIT(FACT_SYSCTL) | BIT(FACT_ADDRESS);
	memset(wanted->tuple.local, 0, sizeof(wanted->tuple.local));
	memcpy(wanted->tuple.remote, source, sizeof(wanted->tuple.remote));
	wanted->mark = 0;
	wanted->uid = 0;
	wanted->bound_ifindex = 0;
}
