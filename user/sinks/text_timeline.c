// SPDX-License-Identifier: GPL-2.0-or-later
/* text_timeline.c - what every socket of the command went through, for people (run -v) */

#include <stdlib.h>
#include <sys/socket.h>

#include "join/timeline/timeline.h"
#include "sinks/text.h"
#include "sinks/wrap.h"
#include "util/address.h"
#include "util/own.h"
#include "util/time.h"

/* A call that came back sooner did not wait. */
#define WAITED_NS (100 * NS_PER_US)

/* ---- calls in words ---- */

static void add_bytes(struct text *text, const struct call_made *call)
{
	if (call->error && call->bytes)
		text_add(text, " of %u bytes", call->bytes);
	else if (!call->error && call->call == SYSCALL_RECEIVE && !call->result && call->bytes)
		text_add(text, " nothing: the peer has closed");
	else if (!call->error && call->call == SYSCALL_SEND && call->bytes > call->result)
		text_add(text, " %u of %u bytes", call->result, call->bytes);
	else if (!call->error)
		text_add(text, " %u bytes", call->result);
}

static void add_wait(struct text *text, const struct call_made *call)
{
	if (call->call != SYSCALL_EPOLL_WAIT && call->count != 1)
		text_add(text,
			 call->call == SYSCALL_SELECT ? " below descriptor %u" :
							" for %u descriptors",
			 call->count);
	if (!call->error && !call->result)
		text_add(text, " nothing came");
	else if (!call->error)
		text_add(text, " %u ready", call->result);
}

static void add_shutdown(struct text *text, const struct call_made *call)
{
	static const char *const ways[] = { "receiving", "sending", "both ways" };

	if (call->count <= SHUT_RDWR)
		text_add(text, " of %s", ways[call->count]);
}

static void add_what(struct text *text, const struct call_made *call)
{
	switch (call->call) {
	case SYSCALL_SOCKET:
		if (!call->error)
			text_add(text, " %s", call->type == SOCK_DGRAM ? "UDP" : "TCP");
		break;
	case SYSCALL_BIND:
	case SYSCALL_CONNECT:
		if (!call->asked_known)
			break;
		text_add(text, " to ");
		address_print_port(text, call->asked, call->asked_port);
		break;
	case SYSCALL_LISTEN:
		text_add(text, " backlog %u", call->count);
		break;
	case SYSCALL_SEND:
	case SYSCALL_RECEIVE:
		add_bytes(text, call);
		break;
	case SYSCALL_POLL:
	case SYSCALL_SELECT:
	case SYSCALL_EPOLL_WAIT:
		add_wait(text, call);
		break;
	case SYSCALL_SHUTDOWN:
		add_shutdown(text, call);
		break;
	}
}

static void add_call(struct text *text, const struct timeline *timeline,
		     const struct moment *moment)
{
	const struct call_made *call = &moment->call;
	const char *name = decode_syscall_name(call->call), *error = decode_errno_name(call->error);

	text_add(text, "call   %s()", name ? name : "call");
	add_what(text, call);
	if (error)
		text_add(text, " = %s", error);
	else if (call->error)
		text_add(text, " = error %d", call->error);
	if (call->took_ns >= WAITED_NS) {
		text_add(text, ", after ");
		say_duration(text, call->took_ns / NS_PER_US);
	}
	if (moment->tid != timeline->owner.tid)
		text_add(text, "  thread %u", moment->tid);
}

/* ---- one socket ---- */

static void print_moment(struct sink *sink, const struct join *join,
			 const struct timeline *timeline, const struct moment *moment,
			 __u64 started_ns)
{
	unsigned int how = sink->options.ascii ? EVIDENCE_ASCII : 0;
	bool first = moment->at_ns == started_ns;
	char buffer[700], words[320];
	struct text text = text_of(buffer), part = text_of(words);

	if (first)
		text_add_label(sink, &text, "seen");
	else
		text_add(&text, TEXT_LABEL_REST);
	text_add_offset(&text, moment->at_ns, started_ns);
	if (moment->is_call) {
		add_call(&part, timeline, moment);
		text_add(&text, "%s", words);
	} else {
		evidence_print(join, &moment->seen, how, &part);
		text_add(&text, "%s %s", evidence_layer(&moment->seen), words);
	}
	wrap_line(sink->options.file, buffer, sink->options.width, TEXT_INDENT_SEEN, 0);
}

/* "2026-11-20 10:31:07.412+01:00 socket curl[4121]  10.0.0.1:45678 → 10.0.0.2:8080" */
static void print_head(struct sink *sink, const struct join *join, const struct timeline *timeline,
		       __u64 started_ns)
{
	struct finding shown = { .owner_known = true,
				 .owner = timeline->owner,
				 .tuple = timeline->tuple,
				 .role = timeline->accepted ? "listener" : "client" };
	char buffer[700];
	struct text text = text_of(buffer);

	text_clock(sink, &text, join, started_ns);
	text_add(&text, " socket ");
	say_owner(&text, &shown);
	text_add(&text, "  ");
	if (timeline->tuple.remote_port)
		say_connection(&text, &shown, sink->options.ascii);
	else
		address_print_port(&text, timeline->tuple.local, timeline->tuple.local_port);
	wrap_line(sink->options.file, buffer, sink->options.width, TEXT_INDENT_SEEN, 0);
}

static void print_timeline(struct sink *sink, const struct join *join,
			   const struct timeline *timeline)
{
	_cleanup_free_ struct moment *moments = NULL;
	__u64 omitted = 0;
	size_t count = timeline_moments(sink->options.timelines, timeline, &moments, &omitted);

	if (!count)
		return;
	print_head(sink, join, timeline, moments[0].at_ns);
	for (size_t i = 0; i < count; i++) {
		if (omitted && i == TIMELINE_HEAD)
			fprintf(sink->options.file, TEXT_LABEL_REST "(%llu more were not kept)\n",
				omitted);
		print_moment(sink, join, timeline, &moments[i], moments[0].at_ns);
	}
}

void text_tell_timelines(struct sink *sink, const struct join *join)
{
	const struct timelines *timelines = sink->options.timelines;
	const struct timeline *timeline;
	size_t at = 0;

	if (!timelines)
		return;
	while ((timeline = timelines_next(timelines, &at)))
		print_timeline(sink, join, timeline);
	if (timelines_untold(timelines))
		fprintf(sink->options.file, "%llu further sockets are not shown\n",
			timelines_untold(timelines));
}
