// SPDX-License-Identifier: GPL-2.0-or-later
/* unix.c - connect() to a Unix socket of this host failed */

#include <errno.h>
#include <string.h>

#include "rules/look.h"
#include "rules/words.h"
#include "util/address.h"

/*
 * Libraries and helpers of a session look there for somebody who may be there, or not, and go on without:
 * name services, the bus, the journal, sound, keyrings, and those who count for iproute2. Paths begin so.
 */
static const char *const routine_paths[] = {
	"/dev/log",
	"/run/avahi-daemon/",
	"/run/dbus/",
	"/run/nscd/",
	"/run/nslcd/",
	"/run/pcscd/",
	"/run/samba/winbindd/",
	"/run/setrans/",
	"/run/sssd/",
	"/run/systemd/",
	"/run/udev/",
	"/run/user/",
	"/run/uuidd/",
	"/var/lib/sss/pipes/",
	"ifstat",
	"nstat",
	"rtacct",
};

/* Whose library goes on by another way: TCP, UDP, keys and credentials of files. */
static const char *const optional_paths[] = {
	"/run/cups/", "/run/gssproxy.sock", "/run/rpcbind.sock", "/tmp/ssh-", "/var/lib/gssproxy/",
};

static bool begins(const char *path, const char *const *paths, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strncmp(path, paths[i], strlen(paths[i])))
			return true;
	return false;
}

/* Without the sign of an abstract name, and by the name that /var/run/ leads to. */
static const char *usual_path(const struct ev_syscall *call)
{
	static const char run[] = "/var/run/";
	const char *path = call->path[0] == '@' ? call->path + 1 : call->path;

	return path + (strncmp(path, run, strlen(run)) ? 0 : strlen("/var"));
}

/* A directory whose name begins with a dot: ~/.gnupg/S.gpg-agent, ~/.ssh/master, /tmp/.X11-unix/X0 */
static bool is_of_session(const char *path)
{
	const char *hidden = strstr(path, "/.");

	return hidden && hidden[2] != '/' && hidden[2] != '.' && strchr(hidden + 2, '/');
}

static bool is_routine(const struct ev_syscall *call)
{
	const char *path = usual_path(call);

	return begins(path, routine_paths, ARRAY_SIZE(routine_paths)) || is_of_session(path);
}

static const struct ev_fact *look_unix(const struct view *view, enum event_fact what)
{
	const struct ev_fact *fact = attempt_fact(view->join, view->attempt, what, 0);

	return fact && !(fact->flags & FACT_F_ABSENT) ? fact : NULL;
}

/* It was looked for, and nobody listens there. */
static bool nobody_listens(const struct view *view)
{
	const struct ev_fact *fact = attempt_fact(view->join, view->attempt, FACT_UNIX_LISTENER, 0);

	return fact && (fact->flags & FACT_F_ABSENT) && !fact->error;
}

/* Who listens there now, at the very file. */
static const struct ev_fact *look_listener(const struct view *view)
{
	const struct ev_fact *fact = look_unix(view, FACT_UNIX_LISTENER);

	return fact && !(fact->flags & FACT_F_OTHER_MOUNTS) ? fact : NULL;
}

/* What the path is now speaks against it: it has been changed since. */
static const struct ev_fact *look_obstacle(const struct view *view, int error)
{
	const struct ev_fact *fact = look_unix(view, FACT_UNIX_PATH);

	return fact && fact->error == error ? fact : NULL;
}

/* tmux, screen: who finds no server becomes one. */
static bool became_server(const struct view *view)
{
	const struct ev_fact *listener = look_listener(view);
	const struct event_owner *owner = view->attempt->owner;

	return listener && listener->name[0] &&
	       (!strncmp(listener->name, owner->leader, strlen(owner->leader)) ||
		listener->pid == owner->tgid);
}

static bool match_unix(const struct view *view, struct guess *guess)
{
	const struct ev_syscall *call = &view->attempt->call->call;
	bool nobody = call->error == ENOENT || call->error == ECONNREFUSED;

	guess->errno_alone = true;
	guess->silent = nobody && is_routine(call);
	if (nobody && (became_server(view) ||
		       begins(usual_path(call), optional_paths, ARRAY_SIZE(optional_paths))))
		guess->severity = SEVERITY_INFO;
	/* an access control list, which is not read, may let in whom the mode refuses */
	if (call->error == EACCES && look_obstacle(view, EACCES))
		guess->confidence = CONFIDENCE_LIKELY;
	else if (call->error == EACCES || call->error == EPERM)
		guess->confidence = CONFIDENCE_POSSIBLE;
	return true;
}

/* ---- why ---- */

/* "docker[812]" */
static void add_listener(struct text *text, const struct ev_fact *listener)
{
	if (!listener->name[0]) {
		text_add(text, "a process that was not found");
		return;
	}
	text_add_foreign(text, listener->name, sizeof(listener->name));
	text_add(text, "[%u]", listener->pid);
}

static void add_part(struct text *text, const struct ev_fact *fact)
{
	text_add_foreign(text, fact->text, sizeof(fact->text));
}

/* "; by now dockerd[812] listens there": it was started, or made its socket again, just then */
static void add_now(struct text *text, const struct view *view)
{
	const struct ev_fact *listener = look_listener(view);

	if (!listener)
		return;
	text_add(text, "; by now ");
	add_listener(text, listener);
	text_add(text, " listens there: it was started, or made its socket again, since");
}

static void say_absent(struct text *why, const struct view *view)
{
	const struct ev_syscall *call = &view->attempt->call->call;
	const struct ev_fact *part = look_obstacle(view, ENOENT);
	const struct ev_fact *other = look_unix(view, FACT_UNIX_LISTENER);
	bool last = part && !strcmp(part->text, call->path);

	if (other && (other->flags & FACT_F_OTHER_MOUNTS) && part) {
		add_listener(why, other);
		text_add(why, " listens at that path, but in other file systems than ");
		words_who(why, view->attempt);
		text_add(why, " sees there: a container's, or those of a unit with PrivateTmp=");
		return;
	}
	text_add(why, "there is no ");
	if (part)
		add_part(why, part);
	else
		text_add(why, "such file");
	if (part && (part->flags & FACT_F_OTHER_MOUNTS)) {
		text_add(why, " in the file systems that ");
		words_who(why, view->attempt);
		text_add(why, " sees (they are not the host's)");
	}
	text_add(why, part && !last ? ", the directory it should be in: " : ": ");
	text_add(why, "the service does not run, or makes its socket elsewhere");
	add_now(why, view);
}

static void say_refused(struct text *why, const struct view *view)
{
	const struct ev_syscall *call = &view->attempt->call->call;
	const struct ev_fact *part = look_obstacle(view, 0);

	if (call->path[0] == '@') {
		text_add(why, "nobody listens at that abstract name in ");
		words_netns(why, view->join, view->attempt->netns);
		text_add(why, "; abstract names are of one network namespace");
	} else if (part && strcmp(part->name, "socket") != 0) {
		text_add(why, "it is no socket, but a ");
		text_add_foreign(why, part->name, sizeof(part->name));
	} else {
		text_add(why, "the socket's file is there, and nobody listens: ");
		text_add(why, nobody_listens(view) ?
				      "who made it is gone, or has closed it, and left the file" :
				      "who made it was gone, or did not listen yet");
	}
	add_now(why, view);
}

static void say_denied(struct text *why, const struct view *view)
{
	const struct ev_syscall *call = &view->attempt->call->call;
	const struct ev_fact *part = look_obstacle(view, EACCES);

	if (!part) {
		text_add(
			why,
			"a directory on the way or the socket does not let uid %u in, or a security module refused",
			view->attempt->owner->uid);
		return;
	}
	add_part(why, part);
	text_add(why, " (");
	text_add_foreign(why, part->name, sizeof(part->name));
	text_add(why, ", mode %04llo, of uid %lld and gid %u) does not let uid %u ",
		 (unsigned long long)part->number, part->limit, part->pid,
		 view->attempt->owner->uid);
	if (!strcmp(part->text, call->path))
		text_add(why, "write to it, which connecting takes");
	else
		text_add(why, "pass");
	if (view->attempt->owner->uid != (__u32)part->limit)
		text_add(why, ": it is not the owner, and not in a group that may");
}

static void say_full(struct text *why, const struct view *view)
{
	const struct ev_fact *listener = look_listener(view);

	if (!listener) {
		text_add(why, "the queue of who listens there was full: it does not accept as fast "
			      "as connections come");
		return;
	}
	text_add(why, "the queue of ");
	add_listener(why, listener);
	text_add(why, " was full (");
	words_count(why, listener->number, "connection waits", "connections wait");
	text_add(why, " now, maximum %lld): it does not accept as fast as they come",
		 listener->limit);
}

static const char *type_name(const struct ev_fact *listener)
{
	return listener ? decode_socket_type_name(listener->port) : NULL;
}

static void say_wrong_type(struct text *why, const struct view *view)
{
	const struct ev_syscall *call = &view->attempt->call->call;
	const char *own = decode_socket_type_name(call->type);
	const char *other = type_name(look_listener(view));

	text_add(why, "the socket there is of another type than ");
	words_who(why, view->attempt);
	text_add(why, "'s");
	if (own)
		text_add(why, " (%s)", own);
	if (other)
		text_add(why, ": %s", other);
}

static void say_why(struct text *why, const struct view *view)
{
	const struct ev_fact *part;

	switch (view->attempt->call->call.error) {
	case ENOENT:
		say_absent(why, view);
		break;
	case ECONNREFUSED:
		say_refused(why, view);
		break;
	case EACCES:
		say_denied(why, view);
		break;
	case EAGAIN:
		say_full(why, view);
		break;
	case EPROTOTYPE:
		say_wrong_type(why, view);
		break;
	case ENOTDIR:
		part = look_obstacle(view, ENOTDIR);
		text_add(why, "a part of the path is no directory");
		if (part) {
			text_add(why, ": ");
			add_part(why, part);
			text_add(why, " leads through a file");
		}
		break;
	case ELOOP:
		text_add(why, "symbolic links of the path lead to each other");
		break;
	case ENOMEM:
		text_add(why, "the kernel had no memory for it");
		break;
	default:
		text_add(why, "a security module or seccomp may have refused the call");
	}
}

/* ---- what to check ---- */

/* In the file systems of a process that lives, else as they are here. */
static void add_view(struct text *run, const struct view *view)
{
	const struct ev_fact *part = look_unix(view, FACT_UNIX_PATH);

	if (part && (part->flags & FACT_F_OTHER_MOUNTS))
		text_add(run, "nsenter -t %u -m ", view->attempt->owner->tgid);
}

static void check_path(const struct view *view, struct finding *finding)
{
	const struct ev_syscall *call = &view->attempt->call->call;
	struct words_check check = words_check(view, finding, 0);

	add_view(&check.run, view);
	text_add(&check.run, "namei -l ");
	words_argument(&check.run, call->path, sizeof(call->path));
	words_check_end(&check, "what is there, and whom it lets in");
}

static void check_listener(const struct view *view, struct finding *finding)
{
	const struct ev_syscall *call = &view->attempt->call->call;
	bool abstract = call->path[0] == '@';
	struct words_check check = words_check(view, finding, abstract ? view->attempt->netns : 0);

	text_add(&check.run, "ss -lxp src ");
	words_argument(&check.run, call->path, sizeof(call->path));
	words_check_end(&check, "who listens there");
}

static void tell_unix(const struct view *view, struct finding *finding)
{
	const struct failed_call *failed = view->attempt->call;
	const struct ev_syscall *call = &failed->call;
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);
	const char *name = decode_errno_name(call->error);

	text_add(&what, "connect() to ");
	text_add_foreign(&what, call->path, sizeof(call->path));
	text_add(&what, " failed with %s", name ? name : "an error");
	if (failed->count > 1)
		text_add(&what, " %u times within 1 s", failed->count);
	say_why(&why, view);
	if (call->error == EAGAIN || call->error == EPROTOTYPE || call->path[0] == '@') {
		check_listener(view, finding);
	} else {
		check_path(view, finding);
		if (call->error == ENOENT || call->error == ECONNREFUSED)
			check_listener(view, finding);
	}
}

static void want_unix(const struct view *view, struct fact_request *wanted)
{
	const struct ev_syscall *call = &view->attempt->call->call;

	wanted->path = call->path;
	wanted->mntns = call->mntns;
	if (call->path[0] == '@')
		wanted->wanted &= ~BIT(FACT_UNIX_PATH);
}

const struct rule rule_unix_connect_failed = {
	.id = "unix-connect-failed",
	.stage = STAGE_LOCAL,
	.severity = SEVERITY_ERROR,
	.cap = CONFIDENCE_CERTAIN,
	.wakes = WAKE_UNIX,
	.match = match_unix,
	.tell = tell_unix,
	.facts = BIT(FACT_UNIX_PATH) | BIT(FACT_UNIX_LISTENER),
	.decide = look_decide_always,
	.want = want_unix,
	.means =
		"connect() to a Unix socket failed: no file, nobody listens, not allowed, or a full queue",
	.evidence =
		"the errno of the call (ENOENT, ECONNREFUSED, EACCES, EAGAIN …); read afterwards in the file systems of the process: the part of the path that is missing, or whose mode refuses it, and who listens there with what queue. ENOENT, ECONNREFUSED, EAGAIN and EPROTOTYPE have one cause; EACCES is likely where a mode explains it (access control lists are not read), else possible",
	.gate = "never what every process looks for and does without (name services, the bus, the journal, helpers of a session in /run/user or a directory whose name begins with a dot) where nobody is there; info where the process became the server itself, or its library goes on by another way (CUPS, rpcbind, gssproxy, agents of keys); what one process asks for in vain within a second is told once; datagram sockets are not told of",
	.general_check = "namei -l PATH; ss -lxp src PATH",
	.kernels =
		"all; the errno by the exit of connect(), not of io_uring's; queue and listener by sock_diag",
};
