// SPDX-License-Identifier: GPL-2.0-or-later
/* local_family.c - an address family that this host, or this socket, does not have */

#include <errno.h>

#include "rules/look.h"
#include "rules/words.h"
#include "util/address.h"

/* The call, whichever attempt it is of. */
struct refused {
	bool connects;
	bool makes; /* socket() itself */
	bool ipv6; /* the socket, or what it was to be */
	const __u8 *asked; /* NULL unknown, or socket() */
	const struct denial *denial;
};

static bool refused_of(const struct view *view, struct refused *refused)
{
	const struct opening *opening = view->opening;
	const struct failed_call *failed = view->attempt->call;

	if (opening) {
		*refused = (struct refused){
			.connects = true,
			.ipv6 = opening->tuple.family == FAMILY_IPV6,
			.asked = opening->tuple.remote,
			.denial = &opening->denial,
		};
		return opening_call_alone(opening) && opening->error == EAFNOSUPPORT;
	}
	*refused = (struct refused){
		.makes = failed->call.call == SYSCALL_SOCKET,
		.ipv6 = failed->call.tuple.family == FAMILY_IPV6,
		.asked = failed->asked_known ? failed->call.asked : NULL,
		.denial = &failed->denial,
	};
	return failed->call.error == EAFNOSUPPORT;
}

/* The kernel has no IPv6: ipv6.disable=1, or no such module; then it has no such sysctl. */
static bool is_absent(const struct view *view, const struct refused *refused)
{
	const struct ev_fact *off = attempt_fact(view->join, view->attempt, FACT_SYSCTL, 0);

	return refused->ipv6 && off && (off->flags & FACT_F_ABSENT) && off->error == ENOENT;
}

/* The address is of the other family than the socket; IPv4 may be mapped, and is then of IPv6. */
static bool is_mixed(const struct refused *refused)
{
	return refused->asked && address_is_ipv4(refused->asked) == refused->ipv6;
}

static bool match_family(const struct view *view, struct guess *guess)
{
	struct refused refused;

	guess->errno_alone = true;
	if (!refused_of(view, &refused))
		return false;
	if (!refused.makes) {
		/* tcp_v4_connect(), inet_bind() and their like have no other reason */
		if (!is_mixed(&refused) || refused.denial->seccomp)
			guess->confidence = CONFIDENCE_LIKELY;
		return true;
	}
	/* whether there is IPv6 is asked by socket() itself, as Go and Java begin: then there is not */
	if (refused.ipv6)
		guess->severity = SEVERITY_INFO;
	if (look_went_on_by_ipv4(view))
		guess->silent = true;
	if (!is_absent(view, &refused))
		guess->confidence =
			refused.denial->seccomp ? CONFIDENCE_LIKELY : CONFIDENCE_POSSIBLE;
	return true;
}

static void add_call(struct text *text, const struct view *view, const struct refused *refused)
{
	if (refused->connects) {
		text_add(text, "connect() to ");
		words_remote(text, view, view->opening);
		text_add(text, " failed with EAFNOSUPPORT before any packet was made");
	} else if (look_call_known(view)) {
		words_call(text, view->attempt);
	} else {
		text_add(text, "bind() failed with EAFNOSUPPORT");
	}
}

static void tell_of_socket(const struct view *view, struct finding *finding,
			   const struct refused *refused, struct text *why)
{
	const char *family = refused->ipv6 ? "IPv6" : "IPv4";
	struct words_check check;

	if (is_absent(view, refused)) {
		text_add(why,
			 "the kernel has no IPv6: ipv6.disable=1, or the module is not loaded");
		check = words_check(view, finding, 0);
		text_add(&check.run, "cat /sys/module/ipv6/parameters/disable");
		words_check_end(&check, "1: it was switched off as the machine started");
		return;
	}
	if (refused->denial->seccomp)
		text_add(why,
			 "a seccomp filter of the process does not let it use %s "
			 "(RestrictAddressFamilies= is one)",
			 family);
	else
		text_add(why, "the kernel has %s, and something keeps this process from using it",
			 family);
	if (finding->process.unit[0]) {
		check = words_check(view, finding, 0);
		text_add(&check.run, "systemctl show -p RestrictAddressFamilies ");
		words_argument(&check.run, finding->process.unit, sizeof(finding->process.unit));
		words_check_end(&check, "the families that the unit may use");
	}
	check = words_check(view, finding, 0);
	text_add(&check.run, "grep Seccomp /proc/%u/status", view->attempt->owner->tgid);
	words_check_end(&check, "2: it has filters");
}

static void tell_family(const struct view *view, struct finding *finding)
{
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct words_check check;
	struct refused refused;

	if (!refused_of(view, &refused))
		return;
	add_call(&what, view, &refused);
	if (refused.makes) {
		tell_of_socket(view, finding, &refused, &why);
		return;
	}
	text_add(&why, "the socket is of %s, and the address %s", refused.ipv6 ? "IPv6" : "IPv4",
		 !is_mixed(&refused) ? "was given as one of another family" :
		 refused.ipv6	     ? "of IPv4" :
				       "of IPv6");
	check = words_check(view, finding, 0);
	text_add(&check.run, "strace -f -e trace=socket,connect,bind -p %u",
		 view->attempt->owner->tgid);
	words_check_end(&check,
			"the family in socket(), and that of the address; to change: the one "
			"that getaddrinfo() gives with it");
}

static void want_family(const struct view *view, struct fact_request *wanted)
{
	struct refused refused;

	if (!refused_of(view, &refused) || !refused.makes || !refused.ipv6)
		wanted->wanted = 0;
}

const struct rule rule_local_family_unsupported = {
	.id = "local-family-unsupported",
	.stage = STAGE_LOCAL,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_FAILED | WAKE_BIND,
	.match = match_family,
	.tell = tell_family,
	.facts = BIT(FACT_SYSCTL),
	.sysctls = { WORDS_IPV6_OFF },
	.decide = look_decide_always,
	.want = want_family,
	.means =
		"EAFNOSUPPORT: socket() of a family that there is not or that the process may not use, or an address of another family than the socket",
	.evidence =
		"the errno; of socket() whether the kernel has IPv6 (it has no such sysctl: certain) and whether the process has a seccomp filter (likely); of connect() and bind() the families of socket and address",
	.gate = "silent where the process then opens something of IPv4 within 1 s; IPv6 that there is not is info, for programs ask so whether there is. disable_ipv6=1 leaves the family and takes the addresses: local-address-absent, local-no-route",
	.general_check =
		"cat /sys/module/ipv6/parameters/disable; systemctl show -p RestrictAddressFamilies UNIT; grep Seccomp /proc/PID/status",
	.kernels = "all; what a seccomp filter refuses: as of local-denied",
};
