// SPDX-License-Identifier: GPL-2.0-or-later
/* local_limit.c - a call found no descriptor for its socket */

#include <errno.h>

#include "rules/look.h"
#include "rules/words.h"
#include "util/address.h"

static bool match_fd_limit(const struct view *view, struct guess *guess)
{
	const struct ev_syscall *call = &view->attempt->call->call;

	guess->errno_alone = true;
	return (call->call == SYSCALL_SOCKET || call->call == SYSCALL_ACCEPT) &&
	       (call->error == EMFILE || call->error == ENFILE);
}

static void tell_fd_limit(const struct view *view, struct finding *finding)
{
	const struct attempt *attempt = view->attempt;
	const struct ev_syscall *call = &attempt->call->call;
	const char *name = decode_errno_name(call->error);
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	if (call->call == SYSCALL_ACCEPT) {
		text_add(&what, "accept() on ");
		address_print_port(&what, call->tuple.local, call->tuple.local_port);
	} else {
		text_add(&what, "socket()");
	}
	text_add(&what, " failed with %s", name);
	if (attempt->call->count > 1)
		text_add(&what, " %u times within 1 s", attempt->call->count);
	if (call->call == SYSCALL_ACCEPT && call->backlog) {
		text_add(&what, ", while ");
		words_count(&what, call->backlog, "connection waits", "connections wait");
		text_add(&what, " in the accept queue (maximum %u)", call->backlog_max);
	}
	words_who(&why, attempt);
	text_add(&why, " got ");
	words_starved(&why, view, call->error);
	words_check_starved(view, finding, attempt->owner, call->error);
}

static void want_fd_limit(const struct view *view, struct fact_request *wanted)
{
	if (view->attempt->call->call.error == EMFILE)
		wanted->wanted &= ~BIT(FACT_SYSCTL);
	else
		wanted->wanted &= ~BIT(FACT_OPEN_FILES);
}

const struct rule rule_local_fd_limit = {
	.id = "local-fd-limit",
	.stage = STAGE_LOCAL,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_BIND,
	.match = match_fd_limit,
	.tell = tell_fd_limit,
	.facts = BIT(FACT_OPEN_FILES) | BIT(FACT_SYSCTL),
	.want = want_fd_limit,
	.sysctls = { "fs.file-nr", "fs.file-max" },
	.means = "socket() or accept() failed with EMFILE or ENFILE: no descriptor is left",
	.evidence =
		"the errno of the call, which has one cause; how many files the process has open, of how many it may, and how many of them are connections that their peers have closed (CLOSE_WAIT), read afterwards",
	.gate = "what one process calls in vain within a second is told once; clients of this host that meet the queue which nobody empties have accept-queue-full as their own",
	.general_check =
		"ls -l /proc/PID/fd; grep 'open files' /proc/PID/limits; sysctl fs.file-nr",
	.kernels = "all",
};
