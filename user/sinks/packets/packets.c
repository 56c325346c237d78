// SPDX-License-Identifier: GPL-2.0-or-later
/* packets.c - packets wait for their verdict, then they are written */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sinks/packets/packets_table.h"
#include "util/log.h"

#define FLUSH_TICKS 10 /* 200 ms, as recordings */

static bool allocate(struct packets *packets)
{
	if (hash_new(&packets->by, packets->options.choose ? PACKETS_CHOSEN_MAX : PACKETS_HELD_MAX))
		return false;
	packets->scratch = malloc(PCAPNG_PACKET_MAX);
	if (packets->options.choose) {
		packets->chosen = calloc(PACKETS_CHOSEN_MAX, sizeof(*packets->chosen));
		packets->chosen_texts = calloc(PACKETS_TOLD_MAX, sizeof(*packets->chosen_texts));
	} else {
		packets->texts = calloc(PACKETS_TEXTS_MAX, sizeof(*packets->texts));
	}
	return packets->scratch &&
	       (packets->options.choose ? packets->chosen && packets->chosen_texts :
					  packets->texts && !packets_hold_allocate(packets));
}

int packets_open(struct packets **out, const struct packets_options *options)
{
	struct packets *packets = calloc(1, sizeof(*packets));
	int err;

	if (!packets)
		return log_error_r(-ENOMEM, "%s", options->path);
	packets->options = *options;
	packets->text_alike = NONE;
	if (allocate(packets))
		err = pcapng_open(&packets->pcapng, options->path, &options->limits,
				  &options->about, options->secrets, options->secrets_size);
	else
		err = log_error_r(-ENOMEM, "%s", options->path);
	if (err) {
		packets_close(packets);
		return err;
	}
	*out = packets;
	return 0;
}

int packets_close(struct packets *packets)
{
	int err;

	if (!packets)
		return 0;
	err = pcapng_close(packets->pcapng);
	hash_free(&packets->by);
	free(packets->scratch);
	free(packets->held);
	free(packets->bytes);
	free(packets->texts);
	free(packets->chosen);
	free(packets->chosen_texts);
	free(packets);
	return err;
}

int packets_reopen(struct packets *packets)
{
	return pcapng_reopen(packets->pcapng);
}

bool packets_chooses(const struct packets *packets)
{
	return packets->options.choose;
}

struct packets_counts packets_counts(const struct packets *packets)
{
	const struct pcapng_counts *written = pcapng_counts(packets->pcapng);
	struct packets_counts counts = packets->counts;

	counts.written = written->packets;
	counts.not_written = written->not_written;
	return counts;
}

void packets_secrets(struct packets *packets, const char *secrets, size_t secrets_size)
{
	pcapng_secrets(packets->pcapng, secrets, secrets_size);
}

/* ---- what waits ---- */

static struct party_name name_of(const struct event_owner *owner)
{
	struct party_name name = { 0 };

	if (!owner)
		return name;
	name.pid = owner->tgid;
	name.tid = owner->tid;
	memcpy(name.comm, owner->leader[0] ? owner->leader : owner->comm, sizeof(name.comm));
	return name;
}

static enum pcapng_direction direction_of(const struct event *event)
{
	if (event->head.kind == EVENT_DROP ||
	    (event->head.kind == EVENT_FRAME && !(event->frame.how & FRAME_F_DIRECTION)))
		return PCAPNG_UNKNOWN;
	return event->head.flags & EVENT_F_OUT ? PCAPNG_OUTBOUND : PCAPNG_INBOUND;
}

/* Everything of a packet but its bytes. */
static void describe(const struct join *join, const struct event *event, struct held *held)
{
	const struct ev_raw *raw = event->head.kind == EVENT_DROP  ? &event->drop.raw :
				   event->head.kind == EVENT_FRAME ? &event->frame.raw :
								     &event->packet_raw.raw;

	const struct parties parties = join_parties(join, event);

	held->mark = packet_mark_of(event);
	held->sender = name_of(parties.sender);
	held->receiver = name_of(parties.receiver);
	held->kind = (__u8)event->head.kind;
	held->ifindex = event->head.ifindex;
	held->wire = raw->wire_bytes;
	held->direction = direction_of(event);
	if (event->head.kind == EVENT_FRAME)
		held->how = event->frame.how;
	else /* of who is not followed a few are told */
		held->how = event->head.flags & EVENT_F_FOLLOWED ? 0 : FRAME_F_SOME;
	held->offload = held->direction == PCAPNG_OUTBOUND && raw->gso_bytes;
	held->reason_known = false;
	if (event->head.kind == EVENT_DROP) {
		held->reason = event->drop.reason;
		held->reason_known = event->head.known & EVENT_K_REASON;
		held->location = event->drop.location;
	}
}

static bool has_packet(const struct event *event)
{
	return (event->head.kind == EVENT_PACKET || event->head.kind == EVENT_DROP ||
		event->head.kind == EVENT_FRAME) &&
	       (event->head.known & EVENT_K_PACKET) && event->bytes_captured;
}

/* Packets that the kernel side had to leave out since the last one. */
static __u64 lost_since(struct packets *packets, const struct join *join)
{
	__u64 lost = join_counters(join)->lost_by_kind[EVENT_PACKET], since;

	since = lost - packets->lost_before;
	packets->lost_before = lost;
	pcapng_lost(packets->pcapng, lost);
	return since;
}

static int hold(struct packets *packets, const struct join *join, const struct event *event)
{
	int err = 0;
	struct held *held =
		packets_hold_slot(packets, join, event->bytes, packets_keep(packets, event), &err);

	describe(join, event, held);
	held->lost = lost_since(packets, join);
	hash_add(&packets->by, packet_mark_hash(&held->mark), (__u32)(held - packets->held));
	return err;
}

static int tick(struct packets *packets, const struct join *join)
{
	int err = 0, worst = 0;

	while (packets->held_first != packets->held_end &&
	       packets_held_at(packets, packets->held_first)->mark.ts_ns + PACKETS_HOLD_NS <=
		       packets->now_ns) {
		err = packets_write_oldest(packets, join);
		worst = worst ? worst : err;
	}
	if (++packets->ticks % FLUSH_TICKS == 0) {
		err = pcapng_flush(packets->pcapng);
		worst = worst ? worst : err;
	}
	return worst;
}

int packets_event(struct packets *packets, const struct join *join, const struct event *event,
		  bool wanted)
{
	if (event->head.ts_ns > packets->now_ns)
		packets->now_ns = event->head.ts_ns;
	if (packets->options.choose)
		return 0;
	if (event->head.kind == EVENT_TICK)
		return tick(packets, join);
	return wanted && has_packet(event) ? hold(packets, join, event) : 0;
}

int packets_finish(struct packets *packets, const struct join *join)
{
	int err, worst = 0;

	if (packets->options.choose)
		return 0;
	while (packets->held_first != packets->held_end) {
		err = packets_write_oldest(packets, join);
		worst = worst ? worst : err;
	}
	lost_since(packets, join);
	err = pcapng_flush(packets->pcapng);
	return worst ? worst : err;
}

/* ---- verdicts ---- */

static void say_verdict(char *buffer, size_t size, const struct verdict *verdict,
			const struct finding *finding)
{
	struct text text = text_in(buffer, size);

	if (verdict->state != FINDING_FINAL)
		text_add(&text, "%s ", finding_state_name(verdict->state));
	text_add(&text, "%s %s (%s)", severity_name(verdict->severity), rule_id(verdict->rule),
		 confidence_name(verdict->confidence));
	if (!finding) {
		text_add(&text, ": one of several alike");
		return;
	}
	text_add(&text, ": %s", finding->summary);
	if (finding->cause[0])
		text_add(&text, "; %s", finding->cause);
}

/* Returns how many packets that wait it speaks of; each of them has the text now. */
static size_t mark(struct packets *packets, const struct packet_span *span, __u32 text)
{
	__u32 slot = hash_first(&packets->by, packet_span_hash(span));
	size_t count = 0;

	for (; slot != HASH_END; slot = hash_next(&packets->by, slot)) {
		struct held *held = &packets->held[slot];

		if (!packet_span_has(span, &held->mark))
			continue;
		count++;
		if (held->texts[0] == NONE)
			held->texts[0] = text;
		else /* an early word and the last one; further ones repeat */
			held->texts[1] = text;
	}
	return count;
}

static void hold_entry(struct packets *packets, const struct join *join,
		       const struct attempt *attempt, const struct verdict *verdict, __u32 text)
{
	int err = 0;
	struct held *held = packets_hold_slot(packets, join, NULL, 0, &err);

	/* what the disk refused is counted */
	memset(&held->mark, 0, sizeof(held->mark));
	held->mark.ts_ns = attempt->due_ns ? attempt->due_ns : packets->now_ns;
	held->kind = EVENT_NONE;
	held->severity = verdict->severity;
	held->texts[0] = text;
}

/* Of many alike one text is enough: a storm of failures does not push out the words of others. */
static __u32 keep_text(struct packets *packets, const struct verdict *verdict,
		       const struct finding *finding)
{
	__u32 alike = packets->text_alike, number = packets->texts_end;
	char text[TEXT_SIZE];

	say_verdict(text, sizeof(text), verdict, finding);
	if (!finding && alike != NONE && number - alike <= PACKETS_TEXTS_MAX / 2 &&
	    !strcmp(text, packets->texts[alike % PACKETS_TEXTS_MAX]))
		return alike;
	packets->texts_end++;
	memcpy(packets->texts[number % PACKETS_TEXTS_MAX], text, sizeof(text));
	if (!finding)
		packets->text_alike = number;
	return number;
}

static void mark_attempt(struct packets *packets, const struct join *join,
			 const struct attempt *attempt, const struct verdict *verdict,
			 const struct finding *finding)
{
	__u32 text = keep_text(packets, verdict, finding);
	struct packet_span span;
	size_t count = 0;

	for (size_t i = 0; attempt_span(attempt, i, &span); i++)
		count += mark(packets, &span, text);
	if (!count && finding && verdict->state == FINDING_FINAL)
		hold_entry(packets, join, attempt, verdict, text);
}

/* ---- files ---- */

static void choose(struct packets *packets, const struct packet_span *span, __u32 text)
{
	if (packets->chosen_count == PACKETS_CHOSEN_MAX) {
		packets->counts.comments_lost++;
		return;
	}
	hash_add(&packets->by, packet_span_hash(span), packets->chosen_count);
	packets->chosen[packets->chosen_count++] = (struct chosen){ *span, text };
}

static void choose_attempt(struct packets *packets, const struct attempt *attempt,
			   const struct verdict *verdict, const struct finding *finding)
{
	struct chosen_text *text;
	struct packet_span span;
	__u32 index = packets->chosen_texts_count;

	if (index == PACKETS_TOLD_MAX) {
		packets->counts.comments_lost++;
		return;
	}
	packets->chosen_texts_count++;
	text = &packets->chosen_texts[index];
	text->time_ns = attempt->due_ns;
	text->severity = verdict->severity;
	text->final = verdict->state == FINDING_FINAL && finding;
	text->used = false;
	say_verdict(text->text, sizeof(text->text), verdict, finding);
	for (size_t i = 0; attempt_span(attempt, i, &span); i++)
		choose(packets, &span, index);
}

void packets_verdict(struct packets *packets, const struct join *join,
		     const struct attempt *attempt, const struct verdict *verdict,
		     const struct finding *finding)
{
	if (packets->options.choose)
		choose_attempt(packets, attempt, verdict, finding);
	else
		mark_attempt(packets, join, attempt, verdict, finding);
}

/* Verdicts before @ns that no packet has get an entry of their own. */
static int tell_without_packet(struct packets *packets, const struct join *join, __u64 ns)
{
	int err = 0, worst = 0;

	while (packets->chosen_told < packets->chosen_texts_count &&
	       packets->chosen_texts[packets->chosen_told].time_ns < ns) {
		const struct chosen_text *text = &packets->chosen_texts[packets->chosen_told++];

		if (!text->final || text->used)
			continue;
		err = packets_write_entry(packets, join, text->time_ns, text->severity, text->text);
		worst = worst ? worst : err;
	}
	return worst;
}

/* Who speaks of the packet, of one hash value; @last: the last two of them, the later one first. */
static void find_last(struct packets *packets, const struct packet_mark *mark, __u64 hash,
		      __u32 last[2])
{
	__u32 index = hash_first(&packets->by, hash);

	for (; index != HASH_END; index = hash_next(&packets->by, index)) {
		__u32 text = packets->chosen[index].text;

		if (!packet_span_has(&packets->chosen[index].span, mark))
			continue;
		packets->chosen_texts[text].used = true;
		if (last[0] == NONE || text > last[0]) {
			last[1] = last[0];
			last[0] = text;
		} else if (text != last[0] && (last[1] == NONE || text > last[1])) {
			last[1] = text;
		}
	}
}

/* The last two words on a packet, the older one first. Returns how many there are. */
static size_t find_texts(struct packets *packets, const struct packet_mark *mark,
			 const char *texts[2])
{
	__u32 last[2] = { NONE, NONE };
	size_t count = 0;

	find_last(packets, mark, packet_mark_hash(mark), last);
	if (mark->frame)
		find_last(packets, mark, packet_frame_hash(mark->frame), last);
	for (int i = 1; i >= 0; i--)
		if (last[i] != NONE)
			texts[count++] = packets->chosen_texts[last[i]].text;
	return count;
}

static int pick_packet(struct packets *packets, const struct join *join, const struct event *event)
{
	const char *texts[2] = { NULL, NULL };
	struct held held;
	size_t count;

	memset(&held, 0, sizeof(held));
	describe(join, event, &held);
	count = packets->chosen_count ? find_texts(packets, &held.mark, texts) : 0;
	if (!count && !packets->options.all)
		return 0;
	return packets_write(packets, join, &held, event->bytes, packets_keep(packets, event),
			     texts, count);
}

int packets_pick(struct packets *packets, const struct join *join, const struct event *event,
		 bool wanted)
{
	int err = 0, told;

	told = tell_without_packet(packets, join, event->head.ts_ns);
	if (wanted && has_packet(event))
		err = pick_packet(packets, join, event);
	return told ? told : err;
}

int packets_picked(struct packets *packets, const struct join *join)
{
	int err = tell_without_packet(packets, join, ~0ull), flushed;

	for (__u32 i = 0; i < packets->chosen_count; i++)
		hash_remove(&packets->by, i);
	packets->chosen_count = packets->chosen_texts_count = packets->chosen_told = 0;
	flushed = pcapng_flush(packets->pcapng);
	return err ? err : flushed;
}
