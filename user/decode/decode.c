// SPDX-License-Identifier: GPL-2.0-or-later
/* decode.c - one record: every length checked, the body copied, texts ended, the packet parsed */

#include <errno.h>
#include <string.h>

#include "decode/decode.h"
#include "util/array.h"

#define TEXTS_MAX 13
#define ERRNO_MAX 4095 /* MAX_ERRNO of the kernel */

/* What must be checked or ended in a body; offsets are of the body. */
struct layout {
	__u16 raw; /* where its struct ev_raw begins; 0: it has none, or it is all of the body */
	__u8 has_raw;
	__u8 raw_optional; /* there only with EVENT_K_PACKET */
	__u8 has_piece; /* a struct ev_piece, of whose bytes there may be few */
	__u8 choice_size; /* of the enum that indexes tables, 0: none */
	__u8 texts; /* how many */
	__u16 choice;
	__u16 choice_first;
	__u16 choice_count;
	__u16 errnos; /* how many, side by side */
	__u16 errno_first; /* offset of the first */
	__u16 flow; /* where its struct event_flow begins, 0: it has none */
	struct { /* its char arrays */
		__u16 at;
		__u16 size;
		bool full; /* it may fill its place: no zero ends it then */
	} text[TEXTS_MAX];
};

#define TEXT(body, member)                                                               \
	{                                                                                \
		offsetof(struct body, member), sizeof(((struct body *)0)->member), false \
	}
#define TEXT_FULL(body, member)                                                         \
	{                                                                               \
		offsetof(struct body, member), sizeof(((struct body *)0)->member), true \
	}
#define OWNER_TEXTS(body) TEXT(body, owner.comm), TEXT(body, owner.leader), TEXT(body, owner.exe)
#define CHOICE(body, member, first, count)                                        \
	.choice = offsetof(struct body, member),                                  \
	.choice_size = sizeof(((struct body *)0)->member), .choice_first = first, \
	.choice_count = count
#define ERRNOS(body, member, count) .errno_first = offsetof(struct body, member), .errnos = count
#define FLOW_AT(body) .flow = offsetof(struct body, flow)
#define RAW(body, optional) \
	.raw = offsetof(struct body, raw), .has_raw = 1, .raw_optional = optional

/* Of the bodies whole. */
static const __u16 sizes[EVENT_KIND_COUNT] = {
#define X(id, text, body, what) [EVENT_##id] = sizeof(struct body),
	EVENT_KINDS(X)
#undef X
};

/* Of kinds whose bodies hold numbers alone there is nothing to say. */
static const struct layout layouts[EVENT_KIND_COUNT] = {
	[EVENT_OPEN] = { .texts = 3,
			 .text = { OWNER_TEXTS(ev_open) },
			 CHOICE(ev_open, how, 0, OPEN_HOW_COUNT) },
	[EVENT_STATE] = { ERRNOS(ev_socket, error, 2), FLOW_AT(ev_socket) },
	[EVENT_ERROR] = { ERRNOS(ev_socket, error, 2), FLOW_AT(ev_socket) },
	[EVENT_RETRANSMIT] = { ERRNOS(ev_socket, error, 2), FLOW_AT(ev_socket) },
	[EVENT_RESET_SENT] = { RAW(ev_reset, 1) },
	[EVENT_RESET_RECEIVED] = { ERRNOS(ev_socket, error, 2), FLOW_AT(ev_socket) },
	[EVENT_DROP] = { RAW(ev_drop, 1) },
	[EVENT_SYSCALL] = { .texts = 4,
			    .text = { OWNER_TEXTS(ev_syscall), TEXT(ev_syscall, path) },
			    ERRNOS(ev_syscall, error, 1),
			    CHOICE(ev_syscall, call, 0, SYSCALL_COUNT) },
	[EVENT_PACKET] = { RAW(ev_packet, 0) },
	[EVENT_ICMP_SENT] = { RAW(ev_icmp, 1) },
	[EVENT_TASK] = { .texts = 4,
			 .text = { OWNER_TEXTS(ev_task), TEXT(ev_task, path) },
			 CHOICE(ev_task, how, 0, TASK_HOW_COUNT) },
	[EVENT_PIECE] = { .has_piece = 1 },
	[EVENT_START] = { .texts = 5,
			  .text = { TEXT(ev_start, version), TEXT(ev_start, release),
				    TEXT(ev_start, machine), TEXT(ev_start, host),
				    TEXT(ev_start, arguments) } },
	[EVENT_HOOK] = { .texts = 2,
			 .text = { TEXT(ev_hook, name), TEXT(ev_hook, why) },
			 ERRNOS(ev_hook, error, 1),
			 CHOICE(ev_hook, state, 0, HOOK_STATE_COUNT) },
	[EVENT_INTERFACE] = { .texts = 2,
			      .text = { TEXT(ev_interface, name), TEXT(ev_interface, type) } },
	[EVENT_NETNS] = { .texts = 1, .text = { TEXT(ev_netns, name) } },
	[EVENT_NAME] = { .texts = 1,
			 .text = { TEXT(ev_name, text) },
			 CHOICE(ev_name, space, 0, NAME_SPACE_COUNT) },
	[EVENT_PROCESS] = { .texts = 13,
			    .text = { TEXT(ev_process, exe), TEXT(ev_process, unit),
				      TEXT_FULL(ev_process, container), TEXT(ev_process, cgroup),
				      TEXT(ev_process, command), TEXT(ev_process, container_name),
				      TEXT(ev_process, pod), TEXT(ev_process, pod_namespace),
				      TEXT(ev_process, pod_uid), TEXT(ev_process, parents[0].comm),
				      TEXT(ev_process, parents[1].comm),
				      TEXT(ev_process, parents[2].comm),
				      TEXT(ev_process, parents[3].comm) } },
	[EVENT_SOCKET] = { FLOW_AT(ev_snapshot), .texts = 3, .text = { OWNER_TEXTS(ev_snapshot) } },
	[EVENT_FACT] = { .texts = 2,
			 .text = { TEXT(ev_fact, name), TEXT(ev_fact, text) },
			 ERRNOS(ev_fact, error, 1),
			 CHOICE(ev_fact, what, FACT_NONE + 1, FACT_COUNT) },
	[EVENT_CHANGE] = { .texts = 1,
			   .text = { TEXT(ev_change, text) },
			   CHOICE(ev_change, what, 0, CHANGE_COUNT) },
	[EVENT_END] = { ERRNOS(ev_end, why, 1) },
	[EVENT_FRAME] = { RAW(ev_frame, 1), CHOICE(ev_frame, unread, 0, UNREAD_COUNT) },
	[EVENT_GAUGE] = { CHOICE(ev_gauge, what, 0, GAUGE_COUNT) },
};

_Static_assert(offsetof(struct ev_socket, soft_error) ==
		       offsetof(struct ev_socket, error) + sizeof(__s32),
	       "ev_socket's two errnos stand side by side");
#define X(id, text, body, what)                                                                    \
	_Static_assert(sizeof(struct body) <= sizeof(struct event) - offsetof(struct event, open), \
		       "struct " #body " is in the union of struct event");
EVENT_KINDS(X)
#undef X

/*
 * Is what the body lacks only what its bits do not claim? Most live ones end before the figures that
 * nobody asked for.
 */
static bool is_cut_honestly(const struct layout *layout, size_t length, __u32 known)
{
	const __u32 all = EVENT_K_COUNTERS | EVENT_K_FLOW | EVENT_K_TIMEOUTS | EVENT_K_TIMES;

	if (!layout->flow)
		return false;
	if (length == layout->flow)
		return !(known & all);
	return length == (size_t)layout->flow + EVENT_FLOW_COUNTERS &&
	       !(known & all & ~EVENT_K_COUNTERS);
}

/* All bodies share this address: the union of struct event. */
static __u8 *body_of(struct event *event)
{
	return (__u8 *)&event->open;
}

static bool choice_is_known(const struct layout *layout, const __u8 *body)
{
	__u32 value = 0;

	switch (layout->choice_size) {
	case 0:
		return true;
	case 1:
		value = body[layout->choice];
		break;
	case 2: {
		__u16 half;

		memcpy(&half, body + layout->choice, sizeof(half));
		value = half;
		break;
	}
	default:
		memcpy(&value, body + layout->choice, sizeof(value));
	}
	return value >= layout->choice_first && value < layout->choice_count;
}

/* Numbers no kernel ever gave would be told as if one had. */
static bool errnos_are_known(const struct layout *layout, const __u8 *body)
{
	for (unsigned int i = 0; i < layout->errnos; i++) {
		__s32 value;

		memcpy(&value, body + layout->errno_first + i * sizeof(value), sizeof(value));
		if (value > ERRNO_MAX || value < -ERRNO_MAX)
			return false;
	}
	return true;
}

/* An older recording: what its body did not have yet is unknown, whatever its bits say. */
static void clear_known(struct event_header *head, size_t length)
{
	for (const struct field *field = decode_fields(head->kind); field->name; field++)
		if ((size_t)field->offset + field->size > length && field->type != FIELD_RAW)
			head->known &= ~field->known;
}

/*
 * Copies the body's struct ev_raw and parses the packet in it.
 * @length: bytes of the whole body in the record.
 */
static int decode_raw(const struct layout *layout, const __u8 *bytes, size_t length,
		      struct event *event)
{
	struct ev_raw *raw = (struct ev_raw *)(body_of(event) + layout->raw);
	const size_t fixed = offsetof(struct ev_raw, bytes);

	event->bytes = raw->bytes;
	if (length < layout->raw + fixed) {
		/* A record cut in the middle of its lengths is damaged, not old. */
		if (length > layout->raw || !layout->raw_optional ||
		    (event->head.known & EVENT_K_PACKET))
			return -EBADMSG;
		memset(raw, 0, fixed);
		return 0;
	}
	if (layout->raw_optional && !(event->head.known & EVENT_K_PACKET)) {
		memset(raw, 0, fixed);
		return 0;
	}
	memcpy(raw, bytes + layout->raw, fixed);
	if (raw->captured_bytes > EVENT_PACKET_MAX ||
	    raw->captured_bytes > length - layout->raw - fixed ||
	    raw->wire_bytes < raw->captured_bytes)
		return -EBADMSG;
	memcpy(raw->bytes, bytes + layout->raw + fixed, raw->captured_bytes);
	event->bytes_captured = raw->captured_bytes;
	if (event->head.flags & EVENT_F_UNPARSED) {
		memset(&event->packet, 0, sizeof(event->packet));
		event->packet.what = PACKET_UNPARSED;
		return 0;
	}
	packet_parse(raw->bytes, raw->captured_bytes, raw->wire_bytes, &event->packet);
	return 0;
}

/*
 * Ends a text within its @size bytes, or @full behind them, and clears what stands behind it: of a
 * record from the ring that is what was there before, and equal owners are equal bytes.
 */
static void end_text(char *text, size_t size, bool full)
{
	size_t length = strnlen(text, full ? size : size - 1);

	memset(text + length, 0, size - length);
}

/* @length: bytes of the whole body in the record. */
static int decode_piece(const __u8 *bytes, size_t length, struct event *event)
{
	const size_t fixed = offsetof(struct ev_piece, bytes);
	struct ev_piece *piece = &event->piece;

	if (length < fixed || !piece->size || piece->size > EVENT_PIECE_MAX ||
	    piece->size > length - fixed || piece->offset > EVENT_SNAP_MAX ||
	    piece->offset + piece->size > EVENT_SNAP_MAX)
		return -EBADMSG;
	memcpy(piece->bytes, bytes + fixed, piece->size);
	return 0;
}

/* Of such a packet nothing but the claim is wanted. */
static int decode_claim(struct event *event)
{
	const struct ev_claim *body = &event->claim_raw;
	struct packet packet;

	if (body->captured_bytes > sizeof(body->bytes))
		return -EBADMSG;
	if (!(event->head.flags & EVENT_F_IPV6)) {
		claim_parse_arp(body->bytes, body->captured_bytes, &event->claim);
		return 0;
	}
	packet_parse(body->bytes, body->captured_bytes, body->captured_bytes, &packet);
	claim_parse_advertisement(&packet, body->bytes, body->captured_bytes, &event->claim);
	return 0;
}

int decode_event(const void *bytes, size_t size, struct event *event)
{
	const __u8 *from = (const __u8 *)bytes + sizeof(event->head);
	const struct layout *layout;
	size_t length, copied;
	__u8 *body = body_of(event);
	int err = 0;

	if (size < sizeof(event->head))
		return -EBADMSG;
	memcpy(&event->head, bytes, sizeof(event->head));
	if (event->head.size < sizeof(event->head) || event->head.size > size ||
	    event->head.size > EVENT_SIZE_MAX)
		return -EBADMSG;
	if (event->head.kind == EVENT_NONE || event->head.kind >= EVENT_KIND_COUNT)
		return -ENOTSUP;
	if (event->head.vantage >= VANTAGE_COUNT)
		return -EBADMSG;
	layout = &layouts[event->head.kind];
	length = event->head.size - sizeof(event->head);

	/*
	 * A longer body is a newer program's: what it added stands behind what we know. A shorter
	 * one is an older program's, or one whose figures nobody asked for, as most are live.
	 */
	copied = layout->has_raw   ? layout->raw :
		 layout->has_piece ? offsetof(struct ev_piece, bytes) :
				     sizes[event->head.kind];
	if (length < copied) {
		memcpy(body, from, length);
		memset(body + length, 0, copied - length);
		if (!is_cut_honestly(layout, length, event->head.known))
			clear_known(&event->head, length);
	} else {
		memcpy(body, from, copied);
	}
	event->packet.what = PACKET_NONE;
	event->claim.how = CLAIM_NONE;
	event->bytes = NULL;
	event->bytes_captured = 0;
	if (layout->has_raw)
		err = decode_raw(layout, from, length, event);
	else if (layout->has_piece)
		err = decode_piece(from, length, event);
	else if (event->head.kind == EVENT_CLAIM)
		err = decode_claim(event);
	if (err)
		return err;
	if (!choice_is_known(layout, body) || !errnos_are_known(layout, body))
		return -EBADMSG;
	for (unsigned int i = 0; i < layout->texts; i++)
		end_text((char *)body + layout->text[i].at, layout->text[i].size,
			 layout->text[i].full);
	return 0;
}

size_t decode_body_size(unsigned int kind)
{
	return kind < ARRAY_SIZE(sizes) ? sizes[kind] : 0;
}
