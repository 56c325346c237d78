// SPDX-License-Identifier: GPL-2.0-or-later
/* decode_test.c - records whole, short, long, hostile */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decode/decode.h"
#include "util/array.h"

struct record {
	struct event_header head;
	__u8 body[EVENT_SIZE_MAX];
};

static const __u8 syn[] = {
	0x45, 0,    0,	  40,	0, 0, 0, 0, 64, 6, 0, 0, 10,   0, 0,	1,    10, 0, 0, 2,
	0xb2, 0x6e, 0x1f, 0x90, 0, 0, 0, 5, 0,	0, 0, 0, 0x50, 2, 0xfa, 0xf0, 0,  0, 0, 0,
};

/* Where the raw packet of a kind begins; -1: it has none. */
static int raw_offset(unsigned int kind)
{
	for (const struct field *field = decode_fields(kind); field->name; field++)
		if (field->type == FIELD_RAW)
			return field->offset;
	return -1;
}

/* The longest valid record of a kind: every byte of the body is @fill, but what must be in range. */
static struct record record_of(unsigned int kind, int fill)
{
	struct record record = {
		.head = {
			.ts_ns = 77, .cookie = 7, .known = 0xffffffff, .kind = (__u16)kind,
			.size = (__u16)(sizeof(struct event_header) + decode_body_size(kind)),
			.vantage = VANTAGE_SOCKET,
		},
	};
	int at = raw_offset(kind);

	memset(record.body, fill, decode_body_size(kind));
	for (const struct field *field = decode_fields(kind); field->name; field++)
		if (field->type == FIELD_NAME || field->type == FIELD_ERRNO)
			memset(record.body + field->offset, 0, field->size);
	if (kind == EVENT_FACT)
		record.body[offsetof(struct ev_fact, what)] = FACT_DONE;
	if (kind == EVENT_PIECE) {
		const struct ev_piece piece = { .offset = EVENT_PACKET_MAX,
						.size = EVENT_PIECE_MAX };

		memcpy(record.body, &piece, offsetof(struct ev_piece, bytes));
	}
	if (kind == EVENT_CLAIM) {
		const struct ev_claim claim = { .captured_bytes = EVENT_CLAIM_MAX };

		memcpy(record.body, &claim, offsetof(struct ev_claim, bytes));
	}
	if (at >= 0) {
		struct ev_raw raw = { .wire_bytes = sizeof(syn), .captured_bytes = sizeof(syn) };

		memcpy(raw.bytes, syn, sizeof(syn));
		memcpy(record.body + at, &raw, sizeof(raw));
		record.head.size = (__u16)(sizeof(record.head) + at +
					   offsetof(struct ev_raw, bytes) + sizeof(syn));
	}
	return record;
}

/* Decodes from a copy of exactly @size bytes, so that the sanitizer sees a byte read too far. */
static int decode_exact(const void *record, size_t size, struct event *event)
{
	void *exact = malloc(size ? size : 1);
	int err;

	assert_non_null(exact);
	memcpy(exact, record, size);
	err = decode_event(exact, size, event);
	free(exact);
	return err;
}

static void every_kind_whole(void **state)
{
	(void)state;
	for (unsigned int kind = 1; kind < EVENT_KIND_COUNT; kind++) {
		struct record record = record_of(kind, 0x41);
		struct event event;

		memset(&event, 0xa5, sizeof(event));
		assert_int_equal(decode_exact(&record, record.head.size, &event), 0);
		assert_memory_equal(&event.head, &record.head, sizeof(event.head));
		for (const struct field *field = decode_fields(kind); field->name; field++) {
			const __u8 *body = (const __u8 *)&event.open + field->offset;
			size_t same = field->size;

			/* a container's id fills its place, and no zero ends it */
			if (field->type == FIELD_TEXT && strcmp(field->name, "container") != 0) {
				same--;
				assert_int_equal(body[same], 0);
			}
			if (field->type == FIELD_RAW)
				same = offsetof(struct ev_raw, bytes) + sizeof(syn);
			assert_memory_equal(body, record.body + field->offset, same);
		}
		assert_int_equal(event.packet.what,
				 raw_offset(kind) < 0 ? PACKET_NONE : PACKET_TCP);
		if (raw_offset(kind) >= 0)
			assert_int_equal(event.packet.seq, 5);
	}
}

static void header_lengths(void **state)
{
	struct record record = record_of(EVENT_STATE, 0);
	size_t size = record.head.size;
	struct event event;

	(void)state;
	for (size_t n = 0; n < size; n++)
		assert_int_equal(decode_exact(&record, n, &event), -EBADMSG);
	record.head.size = sizeof(struct event_header) - 1;
	assert_int_equal(decode_exact(&record, size, &event), -EBADMSG);
	record.head.size = 0;
	assert_int_equal(decode_exact(&record, size, &event), -EBADMSG);
	record.head.size = EVENT_SIZE_MAX + 1;
	assert_int_equal(decode_event(&record, sizeof(record), &event), -EBADMSG);
	record.head.size = EVENT_SIZE_MAX;
	assert_int_equal(decode_event(&record, sizeof(record), &event), 0);
}

static void kinds_and_vantages_unknown(void **state)
{
	struct record record = record_of(EVENT_STATE, 0);
	struct event event;

	(void)state;
	record.head.kind = EVENT_NONE;
	assert_int_equal(decode_exact(&record, record.head.size, &event), -ENOTSUP);
	record.head.kind = EVENT_KIND_COUNT;
	assert_int_equal(decode_exact(&record, record.head.size, &event), -ENOTSUP);
	record.head.kind = 0xffff;
	assert_int_equal(decode_exact(&record, record.head.size, &event), -ENOTSUP);
	record = record_of(EVENT_STATE, 0);
	record.head.vantage = VANTAGE_COUNT;
	assert_int_equal(decode_exact(&record, record.head.size, &event), -EBADMSG);
}

/* Every length of every kind: a shorter body is an older program's, zero-extended. */
static void every_truncation(void **state)
{
	(void)state;
	for (unsigned int kind = 1; kind < EVENT_KIND_COUNT; kind++) {
		struct record whole = record_of(kind, 0x41);
		int at = raw_offset(kind);

		for (size_t size = sizeof(whole.head); size <= whole.head.size; size++) {
			struct record record = whole;
			struct event event;
			size_t body = size - sizeof(whole.head);
			int err;

			record.head.size = (__u16)size;
			memset(&event, 0xa5, sizeof(event));
			err = decode_exact(&record, size, &event);
			if ((at >= 0 || kind == EVENT_PIECE) && size < whole.head.size) {
				/* the packet is cut off: never less than it says */
				assert_int_equal(err, -EBADMSG);
				continue;
			}
			if (kind == EVENT_FACT && body <= offsetof(struct ev_fact, what)) {
				assert_int_equal(err, -EBADMSG);
				continue;
			}
			assert_int_equal(err, 0);
			for (const struct field *f = decode_fields(kind); f->name; f++) {
				const __u8 *got = (const __u8 *)&event.open + f->offset;

				if (f->offset < body || f->type == FIELD_RAW)
					continue;
				for (size_t i = 0; i < f->size; i++)
					assert_int_equal(got[i], 0);
				if (f->known)
					assert_false(event.head.known & f->known);
			}
		}
	}
}

static void truncation_clears_only_what_is_missing(void **state)
{
	struct record record = record_of(EVENT_STATE, 1);
	struct event event;

	(void)state;
	/* up to and with .isn: the counters stand behind it */
	record.head.size = sizeof(struct event_header) + offsetof(struct ev_socket, signal);
	assert_int_equal(decode_exact(&record, record.head.size, &event), 0);
	assert_true(event.head.known & EVENT_K_ISN);
	assert_true(event.head.known & EVENT_K_TUPLE);
	assert_false(event.head.known & EVENT_K_COUNTERS);
	assert_int_equal(event.socket.isn, 0x01010101);
	/* cut through .isn: half a number is none */
	record.head.size--;
	assert_int_equal(decode_exact(&record, record.head.size, &event), 0);
	assert_false(event.head.known & EVENT_K_ISN);
}

/* Live bodies end before the figures that nobody asked for, and their bits say so. */
static void figures_may_be_cut_off(void **state)
{
	const __u32 first = EVENT_K_COUNTERS, rest = EVENT_K_FLOW | EVENT_K_TIMEOUTS;
	struct record record = record_of(EVENT_STATE, 1);
	struct event event;

	(void)state;
	record.head.size = sizeof(struct event_header) + offsetof(struct ev_socket, flow) +
			   EVENT_FLOW_COUNTERS;
	record.head.known = EVENT_K_TUPLE | first;
	assert_int_equal(decode_exact(&record, record.head.size, &event), 0);
	assert_int_equal(event.head.known, EVENT_K_TUPLE | first);
	assert_int_equal(event.socket.flow.probes, 1);
	assert_int_equal(event.socket.flow.bytes_sent, 0);
	record.head.known |= rest; /* it claims what it does not hold */
	assert_int_equal(decode_exact(&record, record.head.size, &event), 0);
	assert_int_equal(event.head.known, EVENT_K_TUPLE | first);

	record = record_of(EVENT_SOCKET, 1);
	record.head.size = sizeof(struct event_header) + offsetof(struct ev_snapshot, flow);
	assert_int_equal(decode_exact(&record, record.head.size, &event), 0);
	assert_false(event.head.known & (first | rest));
	assert_true(event.head.known & EVENT_K_STATE);
}

/* Records with a place for 32 kinds: of those that came later none was counted. */
static void counts_of_fewer_kinds(void **state)
{
	struct record record = record_of(EVENT_LOST, 1);
	struct event event;

	(void)state;
	memset(&event, 0xa5, sizeof(event));
	record.head.size = sizeof(struct event_header) + 32 * sizeof(__u64);
	assert_int_equal(decode_exact(&record, record.head.size, &event), 0);
	assert_int_equal(event.lost.by_kind[31], 0x0101010101010101);
	for (size_t kind = 32; kind < EVENT_KINDS_MAX; kind++)
		assert_int_equal(event.lost.by_kind[kind], 0);
}

static void longer_bodies(void **state)
{
	(void)state;
	for (unsigned int kind = 1; kind < EVENT_KIND_COUNT; kind++) {
		struct record record = record_of(kind, 0x41);
		struct event event, plain;

		memset(&plain, 0, sizeof(plain));
		memset(&event, 0, sizeof(event));
		assert_int_equal(decode_exact(&record, record.head.size, &plain), 0);
		record.head.size += 24;
		assert_int_equal(decode_exact(&record, record.head.size, &event), 0);
		event.head.size -= 24;
		/* the last two say where the packet's bytes are: in each event its own */
		assert_memory_equal(&event, &plain, offsetof(struct event, bytes));
		assert_int_equal(event.bytes_captured, plain.bytes_captured);
	}
}

static void errnos_out_of_range(void **state)
{
	static const __s32 values[] = { 0,    111,   -16,	  4095,	    -4095,
					4096, -4096, -2147483537, INT32_MAX };

	(void)state;
	for (unsigned int kind = EVENT_NONE + 1; kind < EVENT_KIND_COUNT; kind++) {
		for (const struct field *field = decode_fields(kind); field->name; field++) {
			for (size_t i = 0; field->type == FIELD_ERRNO && i < ARRAY_SIZE(values);
			     i++) {
				struct record record = record_of(kind, 0);
				bool known = values[i] <= 4095 && values[i] >= -4095;
				struct event event;

				memcpy(record.body + field->offset, &values[i], sizeof(values[i]));
				assert_int_equal(decode_exact(&record, record.head.size, &event),
						 known ? 0 : -EBADMSG);
			}
		}
	}
}

static void choices_out_of_range(void **state)
{
	static const struct {
		unsigned int kind, offset, size, first, count;
	} cases[] = {
		{ EVENT_OPEN, offsetof(struct ev_open, how), 1, 0, OPEN_HOW_COUNT },
		{ EVENT_SYSCALL, offsetof(struct ev_syscall, call), 1, 0, SYSCALL_COUNT },
		{ EVENT_TASK, offsetof(struct ev_task, how), 1, 0, TASK_HOW_COUNT },
		{ EVENT_HOOK, offsetof(struct ev_hook, state), 1, 0, HOOK_STATE_COUNT },
		{ EVENT_NAME, offsetof(struct ev_name, space), 4, 0, NAME_SPACE_COUNT },
		{ EVENT_FACT, offsetof(struct ev_fact, what), 2, FACT_NONE + 1, FACT_COUNT },
		{ EVENT_CHANGE, offsetof(struct ev_change, what), 2, 0, CHANGE_COUNT },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (unsigned int value = 0; value < 0x200; value++) {
			struct record record = record_of(cases[i].kind, 0);
			bool known = value >= cases[i].first && value < cases[i].count;
			struct event event;

			if (cases[i].size == 1 && value > 0xff)
				break;
			memcpy(record.body + cases[i].offset, &value, cases[i].size);
			assert_int_equal(decode_exact(&record, record.head.size, &event),
					 known ? 0 : -EBADMSG);
		}
	}
}

static void set_raw(struct record *record, __u32 wire, __u16 captured)
{
	struct ev_raw raw;
	int at = raw_offset(record->head.kind);

	memcpy(&raw, record->body + at, sizeof(raw));
	raw.wire_bytes = wire;
	raw.captured_bytes = captured;
	memcpy(record->body + at, &raw, sizeof(raw));
}

static void raw_lengths(void **state)
{
	static const unsigned int kinds[] = { EVENT_PACKET, EVENT_DROP, EVENT_RESET_SENT,
					      EVENT_ICMP_SENT };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct record record = record_of(kinds[i], 0);
		struct event event;

		set_raw(&record, 100, sizeof(syn) + 1); /* more than the record holds */
		assert_int_equal(decode_exact(&record, record.head.size, &event), -EBADMSG);
		set_raw(&record, sizeof(syn) - 1, sizeof(syn)); /* more than was on the wire */
		assert_int_equal(decode_exact(&record, record.head.size, &event), -EBADMSG);
		set_raw(&record, 0xffffffff, EVENT_PACKET_MAX + 1);
		record.head.size = EVENT_SIZE_MAX;
		assert_int_equal(decode_exact(&record, record.head.size, &event), -EBADMSG);
		set_raw(&record, 0xffffffff, EVENT_PACKET_MAX);
		assert_int_equal(decode_exact(&record, record.head.size, &event), 0);
		set_raw(&record, 1000, 0); /* nothing captured: nothing can be told */
		assert_int_equal(decode_exact(&record, record.head.size, &event), 0);
		assert_int_equal(event.packet.what, PACKET_UNPARSED);
	}
}

/* Numbers that reach beyond the record, or beyond any packet, refuse it. */
/* ARP or an advertisement says who has an address; the rest is not asked. */
static void claims(void **state)
{
	static const __u8 arp[] = { 0,	1, 8, 0, 6, 4, 0, 2, 2, 0, 0,  0, 0, 1,
				    10, 0, 0, 5, 2, 0, 0, 0, 0, 9, 10, 0, 0, 9 };
	struct record record = record_of(EVENT_CLAIM, 0);
	struct ev_claim claim = { .captured_bytes = sizeof(arp) };
	struct event event;

	(void)state;
	memcpy(claim.bytes, arp, sizeof(arp));
	memcpy(record.body, &claim, sizeof(claim));
	assert_int_equal(decode_exact(&record, record.head.size, &event), 0);
	assert_int_equal(event.claim.how, CLAIM_ANSWERED);
	assert_int_equal(event.claim.mac[5], 1);
	assert_int_equal(event.claim.address[15], 5);
	assert_int_equal(event.packet.what, PACKET_NONE);
	record.head.flags = EVENT_F_IPV6; /* it is none */
	assert_int_equal(decode_exact(&record, record.head.size, &event), 0);
	assert_int_equal(event.claim.how, CLAIM_NONE);
	claim.captured_bytes = EVENT_CLAIM_MAX + 1;
	memcpy(record.body, &claim, sizeof(claim));
	assert_int_equal(decode_exact(&record, record.head.size, &event), -EBADMSG);
}

static void piece_lengths(void **state)
{
	static const struct {
		__u32 offset;
		__u16 size;
		size_t there; /* bytes in the record */
		int result;
	} cases[] = {
		{ EVENT_PACKET_MAX, 100, 100, 0 },
		{ EVENT_PACKET_MAX, 100, EVENT_PIECE_MAX, 0 },
		{ EVENT_PACKET_MAX, 101, 100, -EBADMSG },
		{ EVENT_PACKET_MAX, 0, 100, -EBADMSG },
		{ EVENT_PACKET_MAX, EVENT_PIECE_MAX + 1, EVENT_PIECE_MAX + 1, -EBADMSG },
		{ EVENT_SNAP_MAX - 100, 100, 100, 0 },
		{ EVENT_SNAP_MAX - 99, 100, 100, -EBADMSG },
		{ 0xffffffff, 100, 100, -EBADMSG },
	};
	const size_t fixed = offsetof(struct ev_piece, bytes);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct record record = record_of(EVENT_PIECE, 0x41);
		struct ev_piece piece = { .offset = cases[i].offset, .size = cases[i].size };
		struct event event;

		memcpy(record.body, &piece, fixed);
		record.head.size = (__u16)(sizeof(record.head) + fixed + cases[i].there);
		assert_int_equal(decode_exact(&record, record.head.size, &event), cases[i].result);
		for (size_t k = 0; !cases[i].result && k < cases[i].size; k++)
			assert_int_equal(event.piece.bytes[k], 0x41);
		assert_int_equal(event.bytes_captured, 0); /* no packet of its own */
		for (size_t n = sizeof(record.head); n < sizeof(record.head) + fixed; n++) {
			record.head.size = (__u16)n;
			assert_int_equal(decode_exact(&record, n, &event), -EBADMSG);
		}
	}
}

/* Equal texts are equal bytes, whatever stood in the ring before: owners are compared so. */
static void nothing_stands_behind_a_text(void **state)
{
	static const __u8 nothing[EVENT_SIZE_MAX];

	(void)state;
	for (unsigned int kind = 1; kind < EVENT_KIND_COUNT; kind++) {
		struct record record = record_of(kind, 0x41);
		struct event event;

		for (const struct field *field = decode_fields(kind); field->name; field++)
			if (field->type == FIELD_TEXT)
				record.body[field->offset + 1] = 0;
		assert_int_equal(decode_exact(&record, record.head.size, &event), 0);
		for (const struct field *field = decode_fields(kind); field->name; field++) {
			const __u8 *body = (const __u8 *)&event.open + field->offset;

			if (field->type != FIELD_TEXT)
				continue;
			assert_int_equal(body[0], 0x41);
			assert_memory_equal(body + 1, nothing, field->size - 1u);
		}
	}
}

static void drop_without_packet(void **state)
{
	struct record record = record_of(EVENT_DROP, 0);
	struct event event;

	(void)state;
	record.head.known &= ~EVENT_K_PACKET;
	memset(&event, 0xa5, sizeof(event));
	assert_int_equal(decode_exact(&record, record.head.size, &event), 0);
	assert_int_equal(event.packet.what, PACKET_NONE);
	assert_int_equal(event.drop.raw.captured_bytes, 0);
	/* and when the record ends where the packet would begin */
	record.head.size = sizeof(struct event_header) + offsetof(struct ev_drop, raw);
	memset(&event, 0xa5, sizeof(event));
	assert_int_equal(decode_exact(&record, record.head.size, &event), 0);
	assert_int_equal(event.packet.what, PACKET_NONE);
	assert_int_equal(event.drop.raw.wire_bytes, 0);
	record.head.known |= EVENT_K_PACKET;
	assert_int_equal(decode_exact(&record, record.head.size, &event), -EBADMSG);
}

static void unparsed_by_the_hook(void **state)
{
	struct record record = record_of(EVENT_PACKET, 0);
	struct event event;

	(void)state;
	record.head.flags = EVENT_F_UNPARSED;
	memset(&event, 0xa5, sizeof(event));
	assert_int_equal(decode_exact(&record, record.head.size, &event), 0);
	assert_int_equal(event.packet.what, PACKET_UNPARSED);
	assert_int_equal(event.packet.source_port, 0);
	assert_int_equal(event.packet.flags, 0);
}

static void only_the_used_part_is_written(void **state)
{
	struct record record = record_of(EVENT_TICK, 1);
	struct event event;
	const __u8 *rest = (const __u8 *)&event.tick + sizeof(event.tick);

	(void)state;
	memset(&event, 0xa5, sizeof(event));
	assert_int_equal(decode_exact(&record, record.head.size, &event), 0);
	for (; rest < (const __u8 *)&event.packet; rest++)
		assert_int_equal(*rest, 0xa5);
}

/* A generator of its own: the same records on every machine and run. */
static __u32 next_random(__u64 *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return (__u32)(*seed >> 33);
}

static void random_mutations(void **state)
{
	__u64 seed = 20261120;
	unsigned int accepted = 0, refused = 0;

	(void)state;
	for (unsigned int round = 0; round < 40000; round++) {
		struct record record = record_of(1 + round % (EVENT_KIND_COUNT - 1), 0x41);
		size_t size = record.head.size;
		struct event event;
		int err;

		for (__u32 n = next_random(&seed) % 8; n; n--)
			((__u8 *)&record)[next_random(&seed) % size] = (__u8)next_random(&seed);
		memset(&event, 0xa5, sizeof(event));
		err = decode_exact(&record, size, &event);
		if (err) {
			assert_true(err == -EBADMSG || err == -ENOTSUP);
			refused++;
			continue;
		}
		accepted++;
		for (const struct field *f = decode_fields(event.head.kind); f->name; f++) {
			char buffer[1024];
			struct text text = text_of(buffer);

			field_print(&text, f, &event.open);
		}
		assert_in_range(event.packet.what, PACKET_NONE, PACKET_UNPARSED);
	}
	assert_true(accepted > 10000);
	assert_true(refused > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_whole),
		cmocka_unit_test(header_lengths),
		cmocka_unit_test(kinds_and_vantages_unknown),
		cmocka_unit_test(every_truncation),
		cmocka_unit_test(truncation_clears_only_what_is_missing),
		cmocka_unit_test(figures_may_be_cut_off),
		cmocka_unit_test(counts_of_fewer_kinds),
		cmocka_unit_test(longer_bodies),
		cmocka_unit_test(choices_out_of_range),
		cmocka_unit_test(errnos_out_of_range),
		cmocka_unit_test(raw_lengths),
		cmocka_unit_test(claims),
		cmocka_unit_test(piece_lengths),
		cmocka_unit_test(nothing_stands_behind_a_text),
		cmocka_unit_test(drop_without_packet),
		cmocka_unit_test(unparsed_by_the_hook),
		cmocka_unit_test(only_the_used_part_is_written),
		cmocka_unit_test(random_mutations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
