// SPDX-License-Identifier: GPL-2.0-or-later
/* report_steps.c - the rows of an entry's table: packets, and what the sockets said between them */

#include <string.h>

#include "sinks/report/report.h"
#include "util/array.h"
#include "util/time.h"

/* Beside packets so many rows are for what sockets and this host said. */
#define WORDS_MOST 16

#define FLAGS_AGAIN                                                     \
	(BIT(STREAM_RETRANSMISSION) | BIT(STREAM_FAST_RETRANSMISSION) | \
	 BIT(STREAM_SPURIOUS_RETRANSMISSION))
#define FLAGS_WINDOW                                                                         \
	(BIT(STREAM_ZERO_WINDOW) | BIT(STREAM_WINDOW_FULL) | BIT(STREAM_ZERO_WINDOW_PROBE) | \
	 BIT(STREAM_ZERO_WINDOW_PROBE_ACK))

const char *report_mark_name(enum report_mark mark)
{
	static const char *const names[] = {
		[MARK_PLAIN] = "",
		[MARK_AGAIN] = "sent again",
		[MARK_RESET] = "reset",
		[MARK_STOPPED] = "dropped or refused",
		[MARK_FAILED] = "failed",
		[MARK_WINDOW] = "window",
		[MARK_ODD] = "out of order or missing",
	};
	_Static_assert(ARRAY_SIZE(names) == MARK_COUNT, "a name for every mark");

	return names[mark];
}

const char *report_step_note(const struct report_step *step)
{
	return step->note[0] ? step->note : report_mark_name(step->mark);
}

const char *report_step_arrow(const struct report_step *step)
{
	static const char *const arrows[] = { "", "→", "←" };

	return step->direction < ARRAY_SIZE(arrows) ? arrows[step->direction] : "";
}

static void say_offset(struct text *text, __u64 ts_ns, __u64 started_ns)
{
	bool before = ts_ns < started_ns;
	__u64 us = (before ? started_ns - ts_ns : ts_ns - started_ns) / NS_PER_US;

	text_add(text, "%s%llu.%03llu ms", before && us ? "-" : "+", us / US_PER_MS,
		 us % US_PER_MS);
}

static void say_tcp_flags(struct text *text, __u8 flags)
{
	static const struct {
		__u8 flag;
		const char *name;
	} names[] = { { TCP_F_SYN, "SYN" }, { TCP_F_RST, "RST" }, { TCP_F_FIN, "FIN" },
		      { TCP_F_PSH, "PSH" }, { TCP_F_ACK, "ACK" }, { TCP_F_URG, "URG" } };
	size_t before = text->length;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (flags & names[i].flag)
			text_add(text, "%s%s", text->length > before ? "," : "", names[i].name);
	if (text->length == before)
		text_add(text, "no flags");
}

/* ---- packets ---- */

static enum report_mark mark_of_point(const struct report_point *point)
{
	if (point->tcp_flags & TCP_F_RST)
		return MARK_RESET;
	if (point->flags & FLAGS_AGAIN)
		return MARK_AGAIN;
	if (point->flags & FLAGS_WINDOW)
		return MARK_WINDOW;
	if (point->flags & ~BIT(STREAM_WINDOW_UPDATE))
		return MARK_ODD;
	return MARK_PLAIN;
}

static void step_of_point(struct report_step *step, const struct report_point *point,
			  const struct finding *finding)
{
	struct text text = text_of(step->text), note = text_of(step->note);
	struct text offset = text_of(step->offset);

	step->ts_ns = point->ts_ns;
	step->frame = point->frame;
	step->packet = true;
	step->layer = "packet";
	step->direction = point->lower ? DIRECTION_OUT : DIRECTION_IN;
	step->mark = mark_of_point(point);
	say_offset(&offset, point->ts_ns, finding->started_ns);
	say_tcp_flags(&text, point->tcp_flags);
	text_add(&text, "  seq %u", point->seq);
	if (point->ack_known)
		text_add(&text, " ack %u", point->ack);
	if (point->window != STREAM_WINDOW_UNKNOWN)
		text_add(&text, " win %u", point->window);
	if (point->length)
		text_add(&text, " len %u", point->length);
	if (point->ttl)
		text_add(&text, "  ttl %u", point->ttl);
	for (unsigned int flag = 0; flag < STREAM_FLAG_COUNT; flag++) {
		if (!(point->flags & BIT(flag)))
			continue;
		text_add(&note, "%s", note.length ? ", " : "");
		for (const char *c = stream_flag_name(flag); *c; c++)
			text_add(&note, "%c", *c == '-' ? ' ' : *c);
	}
	if (point->copy)
		text_add(&note, "%scaptured twice", note.length ? ", " : "");
}

/* Which points are shown of more than @room: the first, the last, what is notable between. */
static bool point_is_shown(const struct report_entry *entry, size_t index, size_t room,
			   size_t *middle)
{
	size_t head = room / 2 - room / 8, tail = room / 4;

	if (entry->points_count <= room || index < head || index >= entry->points_count - tail)
		return true;
	if (mark_of_point(&entry->points[index]) == MARK_PLAIN || *middle == room - head - tail)
		return false;
	++*middle;
	return true;
}

static void take_packets(struct report_entry *entry, const struct finding *finding, size_t room)
{
	size_t middle = 0;
	__u32 index = 0;

	for (size_t i = 0; i < entry->points_count; i++) {
		const struct report_point *point = &entry->points[i];
		struct report_step *step = &entry->steps[entry->steps_count];

		if (!point_is_shown(entry, i, room, &middle))
			continue;
		step_of_point(step, point, finding);
		if (point->index > index + 1)
			step->skipped = point->index - index - 1;
		index = point->index;
		entry->steps_count++;
	}
}

/* ---- evidence ---- */

/* The same segment of the same opening, seen before. */
static bool was_sent_before(const struct finding *finding, size_t index)
{
	const struct evidence *now = &finding->evidence[index];

	for (size_t i = 0; i < index; i++) {
		const struct evidence *then = &finding->evidence[i];

		if (then->kind == EVENT_PACKET && then->packet_what == PACKET_TCP &&
		    then->direction == now->direction && then->seq == now->seq &&
		    then->tcp_flags == now->tcp_flags &&
		    then->opening_index == now->opening_index && then->netns == now->netns &&
		    then->ifindex == now->ifindex)
			return true;
	}
	return false;
}

static enum report_mark mark_of_packet(const struct finding *finding, size_t index)
{
	const struct evidence *evidence = &finding->evidence[index];

	if (evidence->packet_what == PACKET_ICMP)
		return MARK_STOPPED;
	if (evidence->packet_what != PACKET_TCP)
		return MARK_PLAIN;
	if (evidence->tcp_flags & TCP_F_RST)
		return MARK_RESET;
	return was_sent_before(finding, index) ? MARK_AGAIN : MARK_PLAIN;
}

static enum report_mark mark_of_evidence(const struct finding *finding, size_t index)
{
	const struct evidence *evidence = &finding->evidence[index];

	switch (evidence->kind) {
	case EVENT_PACKET:
		return mark_of_packet(finding, index);
	case EVENT_RETRANSMIT:
	case EVENT_SYNACK_RETRANSMIT:
		return MARK_AGAIN;
	case EVENT_RESET_SENT:
	case EVENT_RESET_RECEIVED:
		return MARK_RESET;
	case EVENT_DROP:
	case EVENT_ICMP_SENT:
	case EVENT_NEIGHBOR:
	case EVENT_LISTEN_FULL:
		return MARK_STOPPED;
	default:
		return evidence->error ? MARK_FAILED : MARK_PLAIN;
	}
}

static void step_of_evidence(struct report_step *step, const struct join *join,
			     const struct finding *finding, size_t index)
{
	const struct evidence *evidence = &finding->evidence[index];
	static const char *const arrows[] = { "→ ", "← " };
	struct text text = text_of(step->text), offset = text_of(step->offset);

	*step = (struct report_step){
		.ts_ns = evidence->ts_ns,
		.layer = evidence_layer(evidence),
		.mark = mark_of_evidence(finding, index),
		.packet = evidence->kind == EVENT_PACKET || evidence->kind == EVENT_DROP,
	};
	if (step->packet) /* else it is that of a packet which the words do not speak of */
		step->direction = evidence->direction;
	say_offset(&offset, evidence->ts_ns, finding->started_ns);
	evidence_print(join, evidence, 0, &text);
	for (size_t i = 0; i < ARRAY_SIZE(arrows); i++) /* the direction has a column of its own */
		if (!strncmp(step->text, arrows[i], strlen(arrows[i])))
			memmove(step->text, step->text + strlen(arrows[i]),
				text.length + 1 - strlen(arrows[i]));
	if (step->packet && step->mark == MARK_AGAIN)
		strcpy(step->note, "sent again");
}

/* Behind what is not later. */
static void insert_step(struct report_entry *entry, const struct report_step *step)
{
	size_t at = entry->steps_count++;

	for (; at && entry->steps[at - 1].ts_ns > step->ts_ns; at--)
		entry->steps[at] = entry->steps[at - 1];
	entry->steps[at] = *step;
	/* packets left out stand before what followed them */
	if (at + 1 < entry->steps_count && entry->steps[at + 1].skipped) {
		entry->steps[at].skipped = entry->steps[at + 1].skipped;
		entry->steps[at + 1].skipped = 0;
	}
}

/* The packets are there by themselves, unless the evidence is all there is. */
static bool is_wanted(const struct finding *finding, size_t index, bool packets)
{
	const struct evidence *evidence = &finding->evidence[index];

	return !packets || evidence->kind != EVENT_PACKET || evidence->packet_what != PACKET_TCP;
}

void report_take_steps(const struct join *join, const struct finding *finding,
		       struct report_entry *entry)
{
	bool packets = entry->points_count > 0;
	size_t words = 0, seen = 0, room = REPORT_STEPS_MAX;

	/* evidence that was left out is nearly all packets, which have their points */
	entry->omitted = packets ? 0 : finding->evidence_omitted;
	for (size_t i = 0; i < finding->evidence_count; i++)
		words += is_wanted(finding, i, packets);
	if (packets && words > WORDS_MOST) {
		entry->omitted += words - WORDS_MOST;
		room = WORDS_MOST;
	} else {
		room = words;
	}
	if (packets)
		take_packets(entry, finding, REPORT_STEPS_MAX - room);
	for (size_t i = 0; i < finding->evidence_count; i++) {
		struct report_step step;

		if (!is_wanted(finding, i, packets))
			continue;
		/* the first and the last */
		if (seen < room / 2 || seen >= words - (room - room / 2)) {
			step_of_evidence(&step, join, finding, i);
			insert_step(entry, &step);
		}
		seen++;
	}
}
