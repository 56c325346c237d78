// SPDX-License-Identifier: GPL-2.0-or-later
/* sink.c - hands findings and events to a format and watches its file */

#include <errno.h>
#include <stdlib.h>

#include "sinks/sink.h"
#include "util/array.h"
#include "util/port.h"

int sink_open(struct sink **out, const struct sink_options *options)
{
	struct sink *sink = calloc(1, sizeof(*sink));
	int err;

	if (!sink)
		return -ENOMEM;
	sink->ops = options->ops;
	sink->options = *options;
	sink->state = options->state;
	err = sink->ops->open ? sink->ops->open(sink) : 0;
	if (err)
		free(sink);
	else
		*out = sink;
	return err;
}

int sink_close(struct sink *sink)
{
	int err = 0, flushed;

	if (!sink)
		return 0;
	if (sink->ops->close)
		err = sink->ops->close(sink);
	flushed = sink_flush(sink);
	free(sink);
	return err ? err : flushed;
}

/*
 * Writes out what was printed. A line that failed is gone: the next one may find room again, so the
 * file's error is taken off.
 */
int sink_flush(struct sink *sink)
{
	FILE *file = sink->options.file;
	int err = 0;

	errno = 0;
	if (file && (fflush(file) || ferror(file)))
		err = errno ? -errno : -EIO;
	if (file)
		clearerr(file);
	if (!err && sink->options.take_error)
		err = sink->options.take_error(sink->options.ctx);
	return err;
}

/* by_kind counts since the start: a record that says nothing new tells nothing */
static int tell_lost(struct sink *sink, const struct join *join, const struct event *event)
{
	__u64 *told = event->head.kind == EVENT_LOST ? &sink->lost : &sink->suppressed;
	__u64 total = 0;

	for (size_t i = 0; i < EVENT_KIND_COUNT; i++)
		total += event->lost.by_kind[i];
	if (total <= *told || !sink->ops->lost)
		return 0;
	*told = total;
	sink->ops->lost(sink, join, event, total);
	return sink_flush(sink);
}

int sink_event(struct sink *sink, const struct join *join, const struct event *event)
{
	if (event->head.kind == EVENT_LOST || event->head.kind == EVENT_SUPPRESSED)
		return tell_lost(sink, join, event);
	/* many, so that they are not flushed one by one: the tick does it */
	if (sink->options.events && sink->ops->event)
		sink->ops->event(sink, join, event);
	return 0;
}

bool sink_wants_records(const struct sink *sink)
{
	return sink->ops->record;
}

int sink_record(struct sink *sink, const struct join *join, const struct event *event, bool wanted)
{
	return sink_wants_records(sink) ? sink->ops->record(sink, join, event, wanted) : 0;
}

bool sink_wants_again(const struct sink *sink)
{
	return sink->ops->wants_again && sink->ops->wants_again(sink);
}

int sink_again(struct sink *sink, const struct join *join, const struct event *event, bool wanted)
{
	return sink_wants_again(sink) ? sink->ops->again(sink, join, event, wanted) : 0;
}

int sink_again_end(struct sink *sink, const struct join *join)
{
	return sink_wants_again(sink) ? sink->ops->again_end(sink, join) : 0;
}

int sink_look(struct sink *sink, const struct join *join, const struct event *event)
{
	__u32 flags = join_look(join)->flags;

	for (unsigned int flag = 0; flag < STREAM_FLAG_COUNT && sink->options.events; flag++)
		if ((flags & BIT(flag)) && sink->ops->look)
			sink->ops->look(sink, join, event, flag);
	if (join_tls_alert(join) && sink->options.events && sink->ops->look)
		sink->ops->look(sink, join, event, LOOK_ALERT);
	return 0;
}

static bool is_dns(const struct packet *packet)
{
	return packet->what == PACKET_UDP && packet->payload_at &&
	       (packet->source_port == PORT_DNS || packet->destination_port == PORT_DNS);
}

int sink_message(struct sink *sink, const struct join *join, const struct event *event)
{
	const struct packet *packet = &event->packet;
	struct dns dns;

	if (event->head.kind != EVENT_FRAME || !sink->options.events || !sink->ops->message)
		return 0;
	if (packet->what == PACKET_ICMP && (packet->flags & PACKET_F_INNER))
		sink->ops->message(sink, join, event, NULL);
	else if (is_dns(packet) && packet->payload_at < event->bytes_captured &&
		 dns_parse(event->bytes + packet->payload_at,
			   event->bytes_captured - packet->payload_at, &dns))
		sink->ops->message(sink, join, event, &dns);
	return 0;
}

int sink_finding(struct sink *sink, const struct join *join, const struct finding *finding)
{
	if (sink->ops->finding)
		sink->ops->finding(sink, join, finding);
	return sink->options.unhurried ? 0 : sink_flush(sink);
}

bool sink_wants_attempts(const struct sink *sink)
{
	return sink->ops->attempt;
}

int sink_attempt(struct sink *sink, const struct join *join, const struct attempt *attempt)
{
	if (sink->ops->attempt)
		sink->ops->attempt(sink, join, attempt);
	return 0;
}

int sink_verdict(struct sink *sink, const struct join *join, const struct attempt *attempt,
		 const struct verdict *verdict, const struct finding *finding)
{
	if (sink->ops->verdict)
		sink->ops->verdict(sink, join, attempt, verdict, finding);
	return 0;
}

int sink_heartbeat(struct sink *sink, const struct join *join, const struct heartbeat *heartbeat)
{
	if (!sink->ops->heartbeat)
		return 0;
	sink->ops->heartbeat(sink, join, heartbeat);
	return sink_flush(sink);
}

int sink_end(struct sink *sink, const struct join *join)
{
	return sink->ops->end ? sink->ops->end(sink, join) : 0;
}

int sink_summary(struct sink *sink, const struct join *join, const struct summary *summary)
{
	if (sink->ops->summary)
		sink->ops->summary(sink, join, summary);
	return sink_flush(sink);
}
