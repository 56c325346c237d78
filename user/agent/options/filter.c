// SPDX-License-Identifier: GPL-2.0-or-later
/* filter.c - which attempts, findings and events the user asked for */

#include <errno.h>
#include <fnmatch.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/options/config.h"
#include "agent/options/expression.h"
#include "agent/options/filter.h"
#include "agent/options/named.h"
#include "agent/options/user.h"
#include "util/array.h"
#include "util/log.h"
#include "util/own.h"
#include "util/text.h"

/* Followed processes remembered; the oldest give way. Pids are at most 4 million on 64 bits. */
#define FOLLOWED_MAX 8192

struct filter {
	const struct options *options;
	struct expression *expression;
	__u32 uids[WORDS_MAX];
	enum severity severity;
	bool follows;
	bool follows_marked; /* the processes that the records mark as followed */
	__u32 followed_next;
	__u32 followed[FOLLOWED_MAX];
};

/* ---- making one ---- */

static int read_uids(struct filter *filter)
{
	const struct words *uids = &filter->options->uids;
	struct user user;

	for (size_t i = 0; i < uids->count; i++) {
		int err = user_find(&user, uids->at[i]);

		if (err == -ENOENT) {
			log_error("--uid %s: no such user in /etc/passwd", uids->at[i]);
			log_hint("give the number: no name service is asked");
			return -EINVAL;
		}
		if (err)
			return log_error_r(err, "--uid %s", uids->at[i]);
		filter->uids[i] = user.uid;
	}
	return 0;
}

/* What a filter can begin with: any other first word was meant as a command. */
static bool begins_filter(const char *word)
{
	static const char *const words[] = { "host", "net", "port",  "portrange", "src", "dst",
					     "tcp",  "udp", "icmp",  "ip",	  "ip6", "not",
					     "and",  "or",  "proto", "icmp6" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strncmp(word, words[i], strlen(words[i])) &&
		    strchr(" [", word[strlen(words[i])]))
			return true;
	return strchr("!(", word[0]) || strchr(word, ' ');
}

bool filter_is_words(const struct options *options)
{
	if (!options->rest_count)
		return false;
	if (options->command == COMMAND_WATCH || options->command == COMMAND_STATES ||
	    options->command == COMMAND_TOP)
		return true;
	/* the words of flows are files, unless there is none of that name */
	return options->command == COMMAND_FLOWS && begins_filter(options->rest[0]) &&
	       access(options->rest[0], F_OK) != 0;
}

/* Is it of files, in which a process may be that is gone? */
static bool is_of_files(const struct options *options)
{
	return options->file || options->command == COMMAND_READ ||
	       (options->command == COMMAND_FLOWS && options->rest_count &&
		!filter_is_words(options));
}

static const char *command_at(void *ctx, size_t index)
{
	const struct options *options = ctx;

	if (!options->commands || index > COMMAND_COUNT)
		return NULL;
	return index < COMMAND_COUNT ? options->commands[index].name : "help";
}

/* The first word is neither a command nor the begin of a filter: what may have been meant. */
static void hint_command(const struct options *options, struct text *hint)
{
	const char *word = options->rest[0];
	const char *near =
		strlen(word) > 2 ? options_nearest(word, command_at, (void *)options) : NULL;

	text_add(hint, "'%s' is no command", word);
	if (near)
		text_add(hint, "; did you mean %s?", near);
	text_add(hint, "%s to trace one: sockwhy run -- %s", near ? "" : ";", word);
}

static int read_pids(struct filter *filter)
{
	const struct words *pids = &filter->options->pids;

	for (size_t i = 0; i < pids->count; i++) {
		char *end;
		unsigned long pid = strtoul(pids->at[i], &end, 10);

		if (*end || !pid || pid > 4194304) {
			log_error("-p %s: not a process id", pids->at[i]);
			log_hint("pidof NAME gives it; --comm NAME needs none");
			return -EINVAL;
		}
		if (!is_of_files(filter->options) && kill((pid_t)pid, 0) && errno == ESRCH) {
			log_error("-p %s: no such process", pids->at[i]);
			log_hint("--comm NAME needs no number, and takes what starts later");
			return -EINVAL;
		}
		filter_follow(filter, (__u32)pid);
	}
	return 0;
}

/* FILTER words and -f must both hold. */
static int read_expression(struct filter *filter)
{
	const struct options *options = filter->options;
	bool words = filter_is_words(options);
	_cleanup_free_ char *text = NULL;
	size_t size = 16;
	char hint[160] = "";
	struct text build = text_of(hint);

	if (!words && !options->expression)
		return 0;
	size += options->expression ? strlen(options->expression) : 0;
	for (size_t i = 0; words && i < options->rest_count; i++)
		size += strlen(options->rest[i]) + 1;
	text = malloc(size);
	if (!text)
		return log_error_r(-ENOMEM, "filter");
	build = text_in(text, size);
	if (words && options->expression)
		text_add(&build, "(%s) and (", options->expression);
	else if (options->expression)
		text_add(&build, "%s", options->expression);
	for (size_t i = 0; words && i < options->rest_count; i++)
		text_add(&build, "%s%s", i ? " " : "", options->rest[i]);
	if (words && options->expression)
		text_add(&build, ")");
	build = text_of(hint);
	if (words && !options->command_given && !begins_filter(options->rest[0]))
		hint_command(options, &build);
	return expression_new(&filter->expression, text, hint[0] ? hint : NULL);
}

int filter_new(struct filter **out, const struct options *options)
{
	struct filter *filter = calloc(1, sizeof(*filter));
	/*
	 * What is normal but worth knowing is told where somebody asks; a replay tells what was told
	 * live, and no more.
	 */
	bool asked = options->all || options->findings.count || options->command == COMMAND_RUN;
	int err;

	if (!filter)
		return log_error_r(-ENOMEM, "filter");
	filter->options = options;
	filter->severity = options->severity >= 0 ? (enum severity)options->severity :
			   asked		  ? SEVERITY_INFO :
						    SEVERITY_WARNING;
	err = read_expression(filter);
	err = err ? err : named_check(&options->findings, "--finding");
	err = err ? err : named_check(&options->mutes, "--mute");
	err = err ? err : read_uids(filter);
	err = err ? err : read_pids(filter);
	if (err)
		filter_free(filter);
	else
		*out = filter;
	return err;
}

void filter_free(struct filter *filter)
{
	if (!filter)
		return;
	expression_free(filter->expression);
	free(filter);
}

/* ---- whose ---- */

static bool is_followed(const struct filter *filter, __u32 pid)
{
	for (size_t i = 0; pid && i < FOLLOWED_MAX; i++)
		if (filter->followed[i] == pid)
			return true;
	return false;
}

void filter_follow(struct filter *filter, __u32 pid)
{
	filter->follows = true;
	if (is_followed(filter, pid))
		return;
	filter->followed[filter->followed_next] = pid;
	filter->followed_next = (filter->followed_next + 1) % FOLLOWED_MAX;
}

static bool follow_owner(struct filter *filter, const struct event_owner *owner)
{
	if (is_followed(filter, owner->tgid))
		return true;
	if (!is_followed(filter, owner->ppid))
		return false;
	filter_follow(filter, owner->tgid);
	return true;
}

static const struct event_owner *event_owner_of(const struct event *event)
{
	if (event->head.kind == EVENT_TASK)
		return &event->task.owner;
	if (!(event->head.known & EVENT_K_OWNER))
		return NULL;
	switch (event->head.kind) {
	case EVENT_OPEN:
		return &event->open.owner;
	case EVENT_SYSCALL:
		return &event->syscall.owner;
	case EVENT_SOCKET:
		return &event->snapshot.owner;
	default:
		return NULL;
	}
}

/*
 * run tells of its command alone, and so does a replay: the scope stands in the records. Processes
 * that the user names weigh more.
 */
static void learn_scope(struct filter *filter, const struct event *event)
{
	if (!(event->head.flags & EVENT_F_FOLLOWED) || filter->options->pids.count)
		return;
	filter->follows = true;
	filter->follows_marked = true;
	if (filter->options->severity < 0)
		filter->severity = SEVERITY_INFO;
}

void filter_learn(struct filter *filter, const struct event *event)
{
	const struct event_owner *owner;

	if (event->head.kind == EVENT_START)
		learn_scope(filter, event);
	owner = filter->follows ? event_owner_of(event) : NULL;
	if (!owner)
		return;
	if (filter->follows_marked && (event->head.flags & EVENT_F_FOLLOWED))
		filter_follow(filter, owner->tgid);
	else if (event->head.kind == EVENT_TASK && event->task.how == TASK_FORK)
		follow_owner(filter, owner);
}

static bool words_match(const struct words *words, const char *name, size_t size)
{
	char copy[160];

	if (!words->count)
		return true;
	snprintf(copy, sizeof(copy), "%.*s", (int)size, name);
	for (size_t i = 0; i < words->count; i++)
		if (!fnmatch(words->at[i], copy, 0))
			return true;
	return false;
}

static bool words_begin(const struct words *words, const char *name, size_t size)
{
	if (!words->count)
		return true;
	for (size_t i = 0; i < words->count; i++) {
		size_t length = strlen(words->at[i]);

		if (length <= size && !strncmp(name, words->at[i], length))
			return true;
	}
	return false;
}

static bool uid_matches(const struct filter *filter, __u32 uid)
{
	for (size_t i = 0; i < filter->options->uids.count; i++)
		if (filter->uids[i] == uid)
			return true;
	return !filter->options->uids.count;
}

static bool asks_owner(const struct filter *filter)
{
	const struct options *o = filter->options;

	return filter->follows || o->comms.count || o->uids.count;
}

static bool owner_matches(struct filter *filter, const struct event_owner *owner)
{
	const struct words *comms = &filter->options->comms;

	return (!filter->follows || follow_owner(filter, owner)) &&
	       uid_matches(filter, owner->uid) &&
	       (words_match(comms, owner->comm, sizeof(owner->comm)) ||
		words_match(comms, owner->leader, sizeof(owner->leader)));
}

/* "web" means web.service, as for systemctl */
static bool unit_matches(const struct words *units, const char *unit)
{
	char full[80];

	if (words_match(units, unit, sizeof(((struct ev_process *)0)->unit)))
		return true;
	for (size_t i = 0; i < units->count; i++) {
		snprintf(full, sizeof(full), "%s.service", units->at[i]);
		if (!fnmatch(full, unit, 0))
			return true;
	}
	return false;
}

/* By the name that its engine gave it, or the begin of its id. */
static bool container_matches(const struct words *containers, const struct ev_process *process)
{
	return words_begin(containers, process->container, sizeof(process->container)) ||
	       (process->container_name[0] &&
		words_match(containers, process->container_name, sizeof(process->container_name)));
}

/* "web-7d9f", or with its namespace: "shop/web-7d9f" */
static bool pod_matches(const struct words *pods, const struct ev_process *process)
{
	char full[sizeof(process->pod_namespace) + sizeof(process->pod) + 1] = "";
	size_t above = strnlen(process->pod_namespace, sizeof(process->pod_namespace));

	if (!pods->count)
		return true;
	if (!process->pod[0])
		return false;
	memcpy(full, process->pod_namespace, above);
	full[above] = '/';
	memcpy(full + above + 1, process->pod, strnlen(process->pod, sizeof(process->pod)));
	return words_match(pods, process->pod, sizeof(process->pod)) ||
	       words_match(pods, full, sizeof(full));
}

static bool process_matches(const struct filter *filter, const struct ev_process *process)
{
	const struct options *o = filter->options;

	if (!o->units.count && !o->containers.count && !o->pods.count && !o->cgroups.count)
		return true;
	return process && unit_matches(&o->units, process->unit) &&
	       container_matches(&o->containers, process) && pod_matches(&o->pods, process) &&
	       words_begin(&o->cgroups, process->cgroup, sizeof(process->cgroup));
}

/* ---- what ---- */

static bool expression_matches(const struct filter *filter, const struct attempt *attempt)
{
	struct event_tuple tuple;

	if (!filter->expression)
		return true;
	for (size_t i = 0; i < attempt_openings(attempt); i++) {
		const struct opening *opening = attempt->openings[i];

		if (expression_match(filter->expression, &opening->tuple))
			return true;
		if (!opening->asked_known)
			continue;
		tuple = opening->tuple;
		memcpy(tuple.remote, opening->asked, sizeof(tuple.remote));
		tuple.remote_port = opening->asked_port;
		if (expression_match(filter->expression, &tuple))
			return true;
	}
	if (attempt->openings_count)
		return false;
	subject_tuple(attempt, &tuple);
	return expression_match(filter->expression, &tuple);
}

/* Capitals are alike (RFC 4343). */
static bool is_called(const struct filter *filter, const char *name)
{
	const struct words *names = &filter->options->names;

	for (size_t i = 0; name && name[0] && i < names->count; i++)
		if (!fnmatch(names->at[i], name, FNM_CASEFOLD))
			return true;
	return false;
}

/* The name that was looked up, that gave the address, or that TLS was asked for. */
static bool name_matches(const struct filter *filter, const struct join *join,
			 const struct attempt *attempt)
{
	struct subject_about about = { .cookie = 0 };
	struct outcome outcome;

	if (!filter->options->names.count)
		return true;
	attempt->subject->about(attempt, &about);
	if (is_called(filter, about.name))
		return true;
	for (size_t i = 0; i < attempt_openings(attempt); i++)
		if (is_called(filter, attempt_remote_name(join, attempt, attempt->openings[i])))
			return true;
	if (attempt_openings(attempt))
		return false;
	if (is_called(filter, attempt_remote_name(join, attempt, NULL)))
		return true;
	return attempt_outcome(join, attempt, &outcome) && outcome.tls &&
	       is_called(filter, outcome.tls->hello[outcome.tls->client].name);
}

/* Packets seen at another interface only: not of this one. Unknown is not hidden. */
static bool interface_matches(const struct filter *filter, const struct join *join,
			      const struct attempt *attempt)
{
	const struct words *names = &filter->options->interfaces;
	const struct opening *opening = attempt_decider(attempt);
	const struct interface *interface;

	if (!names->count || !opening || !opening->syn_ifindex)
		return true;
	interface = join_interface(join, opening->syn_netns, opening->syn_ifindex);
	if (!interface)
		return true;
	for (size_t i = 0; i < names->count; i++)
		if (!strcmp(interface->name, names->at[i]))
			return true;
	return false;
}

bool filter_chooses(const struct filter *filter)
{
	const struct options *o = filter->options;

	return asks_owner(filter) || filter->expression || o->interfaces.count || o->units.count ||
	       o->containers.count || o->pods.count || o->cgroups.count || o->names.count;
}

bool filter_attempt(struct filter *filter, const struct join *join, const struct attempt *attempt)
{
	const struct ev_process *process = NULL;

	if (asks_owner(filter) && !(attempt->owner_known && owner_matches(filter, attempt->owner)))
		return false;
	if (attempt->owner_known)
		process = join_process(join, attempt->owner->tgid, attempt->owner->start_ns);
	return process_matches(filter, process) && interface_matches(filter, join, attempt) &&
	       expression_matches(filter, attempt) && name_matches(filter, join, attempt);
}

bool filter_verdict(struct filter *filter, const struct join *join, const struct attempt *attempt,
		    const struct verdict *verdict)
{
	const struct options *o = filter->options;

	if (verdict->severity < filter->severity || named_in(verdict->rule, &o->mutes))
		return false;
	if (o->findings.count ?
		    !named_in(verdict->rule, &o->findings) :
		    config_mutes(o->read, verdict->rule, join_realtime_ns(join, join_now_ns(join))))
		return false;
	return filter_attempt(filter, join, attempt);
}

/* ---- events ---- */

/* The tuple that an event speaks of: its socket's, else its packet's. */
static bool event_tuple_of(const struct event *event, struct event_tuple *tuple)
{
	switch (event->head.kind) {
	case EVENT_OPEN:
		*tuple = event->open.tuple;
		return true;
	case EVENT_STATE:
	case EVENT_ERROR:
	case EVENT_RETRANSMIT:
	case EVENT_RESET_RECEIVED:
		*tuple = event->socket.tuple;
		return true;
	case EVENT_SYNACK_RETRANSMIT:
	case EVENT_LISTEN_FULL:
		*tuple = event->listener.tuple;
		return true;
	case EVENT_SYSCALL:
		*tuple = event->syscall.tuple;
		return true;
	case EVENT_SOCKET:
		*tuple = event->snapshot.tuple;
		return true;
	case EVENT_PACKET:
	case EVENT_FRAME:
	case EVENT_DROP:
	case EVENT_RESET_SENT:
	case EVENT_ICMP_SENT:
		break;
	default:
		return false;
	}
	return packet_tuple(&event->packet, tuple);
}

bool filter_tuple(struct filter *filter, const struct event_tuple *tuple)
{
	return expression_match(filter->expression, tuple);
}

bool filter_connection(struct filter *filter, const struct join *join,
		       const struct event_owner *owner, const struct event_tuple *tuple)
{
	const struct ev_process *process = NULL;

	if (asks_owner(filter) && !(owner && owner_matches(filter, owner)))
		return false;
	if (owner)
		process = join_process(join, owner->tgid, owner->start_ns);
	return process_matches(filter, process) && expression_match(filter->expression, tuple);
}

bool filter_event(struct filter *filter, const struct event *event)
{
	const struct event_owner *owner = event_owner_of(event);
	struct event_tuple tuple;

	/* an event without an owner, or without addresses, is not known to be of another */
	if (owner && asks_owner(filter) && !owner_matches(filter, owner))
		return false;
	return !event_tuple_of(event, &tuple) || expression_match(filter->expression, &tuple);
}
