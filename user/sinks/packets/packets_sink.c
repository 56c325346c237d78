// SPDX-License-Identifier: GPL-2.0-or-later
/* packets_sink.c - the file of packets as a sink among others */

#include "sinks/packets/packets.h"
#include "sinks/sink.h"

static int record(struct sink *sink, const struct join *join, const struct event *event,
		  bool wanted)
{
	return packets_event(sink->state, join, event, wanted);
}

static bool wants_again(const struct sink *sink)
{
	return packets_chooses(sink->state);
}

static int again(struct sink *sink, const struct join *join, const struct event *event, bool wanted)
{
	return packets_pick(sink->state, join, event, wanted);
}

static int again_end(struct sink *sink, const struct join *join)
{
	return packets_picked(sink->state, join);
}

static void verdict(struct sink *sink, const struct join *join, const struct attempt *attempt,
		    const struct verdict *of, const struct finding *finding)
{
	packets_verdict(sink->state, join, attempt, of, finding);
}

static int end(struct sink *sink, const struct join *join)
{
	return packets_finish(sink->state, join);
}

const struct sink_ops sink_packets_ops = {
	.record = record,
	.wants_again = wants_again,
	.again = again,
	.again_end = again_end,
	.end = end,
	.verdict = verdict,
};
