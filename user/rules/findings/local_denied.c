// SPDX-License-Identifier: GPL-2.0-or-later
/* local_denied.c - this host did not permit a call: a program of the cgroup, seccomp, a security module */

#include <errno.h>
#include <string.h>

#include "rules/look.h"
#include "rules/words.h"
#include "util/address.h"

#define BLOCKED "XfrmOutPolBlock"

/* The call that was refused, whichever attempt it is of. */
struct denied {
	enum event_syscall call;
	__s32 error;
	__u16 family;
	const struct denial *denial;
};

/* False: it was refused for another reason, or by what came later. */
static bool denied_of(const struct view *view, struct denied *denied)
{
	const struct opening *opening = view->opening;
	const struct failed_call *failed = opening ? NULL : view->attempt->call;

	if (opening && !opening_call_alone(opening))
		return false;
	*denied = (struct denied){
		.call = opening ? SYSCALL_CONNECT : failed->call.call,
		.error = opening ? opening->error : failed->call.error,
		.family = opening ? opening->tuple.family : failed->call.tuple.family,
		.denial = opening ? &opening->denial : &failed->denial,
	};
	return denied->error == EPERM || denied->error == EACCES;
}

static const struct ev_fact *module_fact(const struct view *view, const char *name)
{
	const struct ev_fact *fact;

	for (size_t i = 0; (fact = attempt_fact(view->join, view->attempt, FACT_LSM, i)); i++)
		if (!strcmp(fact->name, name) && !(fact->flags & FACT_F_ABSENT))
			return fact;
	return NULL;
}

static const struct ev_fact *program_fact(const struct view *view, size_t index)
{
	const struct ev_fact *fact =
		attempt_fact(view->join, view->attempt, FACT_BPF_PROGRAM, index);

	return fact && !(fact->flags & FACT_F_ABSENT) ? fact : NULL;
}

/* IPsec answers connect() with EPERM where a policy blocks (xfrm_lookup_with_ifid()). */
static long long blocked_count(const struct view *view)
{
	const struct ev_fact *fact = attempt_fact(view->join, view->attempt, FACT_COUNTER, 0);

	return fact && !(fact->flags & FACT_F_ABSENT) ? fact->number : 0;
}

/* Is there one that answers calls of sockets with @error? Those of the kernel's own do so with EACCES. */
static bool module_answers(const struct ev_fact *modules, __s32 error)
{
	static const char *const with_access[] = { "apparmor", "selinux", "smack", "landlock" };

	if (error == EPERM)
		return strstr(modules->text, "tomoyo");
	for (size_t i = 0; i < ARRAY_SIZE(with_access); i++)
		if (strstr(modules->text, with_access[i]))
			return true;
	return false;
}

/* Who can have done it, as far as is known. */
struct suspects {
	bool program;
	bool seccomp;
	bool blocked; /* a policy of IPsec */
	long long modules; /* BPF programs that are security modules */
	const struct ev_fact *label; /* of a process whom a security module confines */
	bool others; /* more are possible, or could not be looked for */
};

static struct suspects suspects_of(const struct view *view, const struct denied *denied)
{
	const struct ev_fact *modules = module_fact(view, "modules");
	const struct ev_fact *programs = module_fact(view, "programs");
	const struct ev_fact *label = module_fact(view, "label");

	return (struct suspects){
		.program = denied->denial->program,
		.seccomp = denied->denial->seccomp,
		.blocked = denied->call == SYSCALL_CONNECT && denied->error == EPERM &&
			   blocked_count(view),
		.modules = programs ? programs->number : 0,
		.label = denied->error == EACCES && label && label->number ? label : NULL,
		/* a route that prohibits answers so, too */
		.others = !denied->denial->known || !modules || !programs ||
			  (denied->error == EACCES && view->opening && !look_route(view)) ||
			  module_answers(modules, denied->error),
	};
}

static int count_suspects(const struct suspects *suspects)
{
	return suspects->program + suspects->seccomp + suspects->blocked + !!suspects->modules +
	       !!suspects->label;
}

/*
 * A program that was asked and says no answers with EPERM, unless it chooses another (5.18); a filter as it
 * likes, and is the only one left where nobody else can have been.
 */
static __u8 confidence_of(const struct view *view, const struct denied *denied)
{
	const struct suspects suspects = suspects_of(view, denied);

	if (count_suspects(&suspects) != 1)
		return CONFIDENCE_POSSIBLE;
	if (suspects.program)
		return denied->error == EPERM ? CONFIDENCE_LIKELY : CONFIDENCE_POSSIBLE;
	return suspects.others || suspects.label ? CONFIDENCE_POSSIBLE : CONFIDENCE_LIKELY;
}

static bool match_denied(const struct view *view, struct guess *guess)
{
	struct denied denied;

	guess->errno_alone = true;
	if (!denied_of(view, &denied))
		return false;
	/* of a port that is not known nobody can say that it was none for privileged processes */
	if (denied.call == SYSCALL_BIND && denied.error == EACCES && !look_call_known(view))
		return false;
	if (denied.call == SYSCALL_SOCKET && look_went_on_by_ipv4(view))
		guess->silent = true;
	guess->confidence = confidence_of(view, &denied);
	return true;
}

/* ---- in words ---- */

/* Nothing, or what joins this suspect to those before. */
static const char *join_with(unsigned int *said, unsigned int of)
{
	unsigned int at = (*said)++;

	if (of == 1)
		return "";
	return !at ? "either " : at + 1 < of ? ", " : " or ";
}

/* "the BPF program sd_bind4 (id 81) of cgroup /system.slice/app.service, bind4" */
static void add_programs(struct text *text, const struct view *view, __u32 asked)
{
	const struct ev_fact *fact = program_fact(view, 0);

	if (!fact) {
		text_add(text, "the BPF program of its cgroup with id %u", asked);
		return;
	}
	text_add(text, program_fact(view, 1) ? "one of the BPF programs " : "the BPF program ");
	for (size_t i = 0; (fact = program_fact(view, i)); i++) {
		text_add(text, "%s", i ? ", " : "");
		text_add_foreign(text, fact->name, sizeof(fact->name));
		text_add(text, " (id %lld%s", fact->number, fact->text[0] ? ", at " : "");
		text_add_foreign(text, fact->text, sizeof(fact->text));
		text_add(text, ")");
	}
}

static void add_suspects(struct text *text, const struct view *view, const struct denied *denied)
{
	const struct suspects suspects = suspects_of(view, denied);
	const struct ev_fact *modules = module_fact(view, "modules");
	unsigned int said = 0, of = count_suspects(&suspects);

	if (suspects.program) {
		text_add(text, "%s", join_with(&said, of));
		add_programs(text, view, denied->denial->program);
	}
	if (suspects.seccomp)
		text_add(text,
			 "%sa seccomp filter of the process (as SystemCallFilter=, or a "
			 "container's profile)",
			 join_with(&said, of));
	if (suspects.blocked)
		text_add(text, "%san IPsec policy that blocks (" BLOCKED "=%lld)",
			 join_with(&said, of), blocked_count(view));
	if (suspects.modules) {
		const struct ev_fact *programs = module_fact(view, "programs");

		text_add(text, "%sa BPF program that is a security module (", join_with(&said, of));
		text_add_foreign(text, programs->text, sizeof(programs->text));
		text_add(text, ")");
	}
	if (suspects.label) {
		text_add(text, "%sthe security policy of ", join_with(&said, of));
		text_add_foreign(text, suspects.label->text, sizeof(suspects.label->text));
	}
	if (of) {
		text_add(text, " refused the call");
	} else if (modules && module_answers(modules, denied->error)) {
		text_add(text,
			 "a security module of the kernel may have refused the call (active: ");
		text_add_foreign(text, modules->text, sizeof(modules->text));
		text_add(text, ")");
	} else if (denied->denial->known) {
		text_add(text, "no BPF program of its cgroup was asked and no seccomp filter can "
			       "have answered: a security module may have refused the call");
	} else {
		text_add(text, "a BPF program of its cgroup, a seccomp filter or a security module "
			       "may have refused the call");
	}
}

static bool is_of_systemd(const struct view *view, const char *begin)
{
	const struct ev_fact *fact = program_fact(view, 0);

	return fact && !strncmp(fact->name, begin, strlen(begin));
}

static void add_checks(const struct view *view, struct finding *finding,
		       const struct denied *denied)
{
	const struct suspects suspects = suspects_of(view, denied);
	struct words_check check;

	if (suspects.program && is_of_systemd(view, "sd_bind") && finding->process.unit[0]) {
		check = words_check(view, finding, 0);
		text_add(&check.run, "systemctl show -p SocketBindAllow,SocketBindDeny ");
		words_argument(&check.run, finding->process.unit, sizeof(finding->process.unit));
		words_check_end(&check, "what the unit may bind to");
	} else if (suspects.program || !denied->denial->known) {
		check = words_check(view, finding, 0);
		text_add(&check.run, "bpftool cgroup tree");
		words_check_end(&check, "programs that may refuse %s()",
				decode_syscall_name(denied->call));
	}
	if ((suspects.seccomp || !denied->denial->known) && view->attempt->owner_known) {
		check = words_check(view, finding, 0);
		text_add(&check.run, "grep Seccomp /proc/%u/status", view->attempt->owner->tgid);
		words_check_end(&check, "2: it has filters");
	}
	if (suspects.blocked) {
		check = words_check(view, finding, view->opening->netns);
		text_add(&check.run, "ip xfrm policy");
		words_check_end(&check, "policies with action block");
	}
	if (count_suspects(&suspects) && !suspects.others && !suspects.modules)
		return;
	check = words_check(view, finding, 0);
	text_add(&check.run,
		 "cat /sys/kernel/security/lsm; journalctl -kg 'apparmor|avc|landlock'");
	words_check_end(&check, "which security modules are active, and what they logged");
}

static void tell_denied(const struct view *view, struct finding *finding)
{
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	struct denied denied;

	if (!denied_of(view, &denied))
		return;
	if (view->opening) {
		text_add(&what, "connect() to ");
		words_remote(&what, view, view->opening);
		text_add(&what, " failed with %s before any packet was made",
			 decode_errno_name(denied.error));
	} else if (look_call_known(view)) {
		words_call(&what, view->attempt);
	} else {
		text_add(&what, "%s() failed with %s", decode_syscall_name(denied.call),
			 decode_errno_name(denied.error));
	}
	add_suspects(&why, view, &denied);
	add_checks(view, finding, &denied);
}

static void want_denied(const struct view *view, struct fact_request *wanted)
{
	const struct attempt *attempt = view->attempt;
	const struct ev_process *process = NULL;
	struct denied denied;

	if (!denied_of(view, &denied))
		return;
	if (attempt->owner_known)
		process = join_process(view->join, attempt->owner->tgid, attempt->owner->start_ns);
	if (!view->opening) {
		subject_tuple(attempt, &wanted->tuple);
		wanted->counters[0] = NULL;
		wanted->wanted &= ~(BIT(FACT_ROUTE) | BIT(FACT_ADDRESS) | BIT(FACT_COUNTER));
	}
	if (denied.call != SYSCALL_BIND) { /* no low port has a part in it */
		wanted->sysctls[0] = wanted->capability = NULL;
		wanted->wanted &= ~(BIT(FACT_SYSCTL) | BIT(FACT_CAPABILITY));
	}
	wanted->tuple.family = denied.family;
	wanted->of_call = true;
	wanted->call = denied.call;
	wanted->program = denied.denial->program;
	wanted->cgroup = process && process->cgroup[0] ? process->cgroup : NULL;
	if (!denied.denial->program)
		wanted->wanted &= ~BIT(FACT_BPF_PROGRAM);
}

const struct rule rule_local_denied = {
	.id = "local-denied",
	.stage = STAGE_LOCAL,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_LIKELY,
	.wakes = WAKE_FAILED | WAKE_BIND,
	.match = match_denied,
	.tell = tell_denied,
	.facts = BIT(FACT_ROUTE) | BIT(FACT_ADDRESS) | BIT(FACT_SYSCTL) | BIT(FACT_CAPABILITY) |
		 BIT(FACT_COUNTER) | BIT(FACT_BPF_PROGRAM) | BIT(FACT_LSM),
	.decide = look_decide_always,
	.want = want_denied,
	.sysctls = { "net.ipv4.ip_unprivileged_port_start" },
	.counters = { BLOCKED },
	.capability = "CAP_NET_BIND_SERVICE",
	.means =
		"socket(), connect(), bind() or listen() was refused with EPERM or EACCES, and no packet was made",
	.evidence =
		"the errno, and who could refuse: whether a BPF program of the socket's cgroup is asked about such a call, and whether the process has a seccomp filter, both read as the call failed; programs by name and cgroup, security modules, and blocked packets of IPsec, read afterwards. One that is the only one: likely; several, or none: possible, and all are named",
	.gate = "a route that prohibits it is local-route-rejects, a low port without privilege local-port-privileged. Programs and filters that answer with another errno are not looked for",
	.general_check =
		"bpftool cgroup tree; grep Seccomp /proc/PID/status; cat /sys/kernel/security/lsm",
	.kernels =
		"all. What a seccomp filter refuses is heard of where calls are seen by their trace events alone: where programs stand at functions (sockwhy doctor), such a call never gets there",
};
