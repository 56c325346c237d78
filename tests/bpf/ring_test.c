// SPDX-License-Identifier: GPL-2.0-or-later
/* ring_test.c - the ring is drained before its tick, also while programs write to it */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <bpf/bpf.h>
#include <cmocka.h>

#include "collect/collect.h"

#define RING_BYTES (1 << 16)
#define RECORD_BYTES 64

struct bench {
	int map_fd;
	int quiet_fd; /* writes one record a run, wakes nobody */
	int loud_fd; /* the same, and wakes */
};

#define INSN(c, d, s, o, i) \
	((struct bpf_insn){ .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) })
#define MOV(d, s) INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define MOV_IMM(d, i) INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define CALL(f) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, f)
#define STORE(size, d, o, i) INSN(BPF_ST | BPF_MEM | (size), d, 0, o, i)

/* Reserves a record, then reads the clock into it as the real programs do, and submits it. */
static int load_program(int map_fd, int submit_flags)
{
	const struct bpf_insn code[] = {
		INSN(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, map_fd),
		INSN(0, 0, 0, 0, 0),
		MOV_IMM(2, RECORD_BYTES),
		MOV_IMM(3, 0),
		CALL(BPF_FUNC_ringbuf_reserve),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 8, 0), /* full: leave */
		MOV(6, 0),
		CALL(BPF_FUNC_ktime_get_ns),
		INSN(BPF_STX | BPF_MEM | BPF_DW, 6, 0, offsetof(struct event_header, ts_ns), 0),
		STORE(BPF_H, 6, offsetof(struct event_header, kind), EVENT_NEIGHBOR),
		STORE(BPF_H, 6, offsetof(struct event_header, size), RECORD_BYTES),
		MOV(1, 6),
		MOV_IMM(2, submit_flags),
		CALL(BPF_FUNC_ringbuf_submit),
		MOV_IMM(0, 0),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};

	return bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "ring_test", "GPL", code,
			     sizeof(code) / sizeof(code[0]), NULL);
}

static void write_records(int program_fd, int count)
{
	__u8 packet[64] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet, .data_size_in = sizeof(packet),
		    .repeat = count);

	assert_int_equal(bpf_prog_test_run_opts(program_fd, &options), 0);
}

static int make_bench(void **state)
{
	static struct bench bench;

	bench.map_fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ring_test", 0, 0, RING_BYTES, NULL);
	bench.quiet_fd = load_program(bench.map_fd, BPF_RB_NO_WAKEUP);
	bench.loud_fd = load_program(bench.map_fd, BPF_RB_FORCE_WAKEUP);
	*state = &bench;
	return bench.map_fd < 0 || bench.quiet_fd < 0 || bench.loud_fd < 0;
}

static int end_bench(void **state)
{
	struct bench *bench = *state;

	close(bench->map_fd);
	close(bench->quiet_fd);
	close(bench->loud_fd);
	return 0;
}

struct heard {
	int records;
	int ticks;
	__u64 last_tick_ns;
	__u32 sequence;
	__u32 pending_bytes;
	int fail_at; /* record that the sink refuses, 0: none */
	int early; /* records that came after the tick of a later time */
};

static int hear(void *ctx, const void *record, size_t size)
{
	struct heard *heard = ctx;
	const struct event_header *head = record;

	assert_int_equal(head->size, size);
	if (head->kind == EVENT_TICK) {
		const struct ev_tick *tick = (const void *)(head + 1);

		assert_true(head->ts_ns >= heard->last_tick_ns);
		assert_int_equal(tick->sequence, heard->ticks);
		heard->last_tick_ns = head->ts_ns;
		heard->pending_bytes = tick->pending_bytes;
		heard->ticks++;
		return 0;
	}
	assert_int_equal(head->kind, EVENT_NEIGHBOR);
	heard->early += head->ts_ns < heard->last_tick_ns;
	heard->records++;
	return heard->records == heard->fail_at ? -ENOSPC : 0;
}

static void a_tick_follows_every_record(void **state)
{
	struct bench *bench = *state;
	struct heard heard = { 0 };
	const struct record_sink sink = { hear, &heard };
	struct ring *ring;

	assert_int_equal(ring_open(&ring, bench->map_fd, &sink), 0);
	assert_int_equal(ring_drain(ring), 0);
	assert_int_equal(heard.ticks, 1);
	write_records(bench->quiet_fd, 100);
	assert_int_equal(ring_drain(ring), 100);
	assert_int_equal(heard.records, 100);
	assert_int_equal(heard.ticks, 2);
	assert_int_equal(heard.pending_bytes, 0);
	assert_int_equal(heard.early, 0);
	ring_close(ring);
}

static void many_times_around(void **state)
{
	struct bench *bench = *state;
	struct heard heard = { 0 };
	const struct record_sink sink = { hear, &heard };
	struct ring *ring;

	assert_int_equal(ring_open(&ring, bench->map_fd, &sink), 0);
	for (int i = 0; i < 50; i++) {
		write_records(bench->quiet_fd, 700); /* 72 bytes each: most of the ring */
		assert_int_equal(ring_drain(ring), 700);
	}
	assert_int_equal(heard.records, 50 * 700);
	assert_int_equal(heard.ticks, 50);
	ring_close(ring);
}

static void the_sink_ends_a_drain(void **state)
{
	struct bench *bench = *state;
	struct heard heard = { .fail_at = 7 };
	const struct record_sink sink = { hear, &heard };
	struct ring *ring;

	assert_int_equal(ring_open(&ring, bench->map_fd, &sink), 0);
	write_records(bench->quiet_fd, 10);
	assert_int_equal(ring_drain(ring), -ENOSPC);
	assert_int_equal(heard.records, 7);
	assert_int_equal(heard.ticks, 0); /* not everything before it was delivered */
	assert_int_equal(ring_drain(ring), 3);
	assert_int_equal(heard.ticks, 1);
	ring_close(ring);
}

static void only_a_wake_up_wakes(void **state)
{
	struct bench *bench = *state;
	struct heard heard = { 0 };
	const struct record_sink sink = { hear, &heard };
	struct pollfd wait = { .events = POLLIN };
	struct ring *ring;

	assert_int_equal(ring_open(&ring, bench->map_fd, &sink), 0);
	wait.fd = ring_fd(ring);
	assert_int_equal(poll(&wait, 1, 0), 0);
	write_records(bench->loud_fd, 1);
	assert_int_equal(poll(&wait, 1, 5000), 1);
	assert_int_equal(ring_drain(ring), 1);
	/* Neither what was drained nor what comes quietly asks for another drain. */
	assert_int_equal(poll(&wait, 1, 0), 0);
	write_records(bench->quiet_fd, 1);
	assert_int_equal(poll(&wait, 1, 0), 0);
	write_records(bench->loud_fd, 1);
	assert_int_equal(poll(&wait, 1, 5000), 1);
	assert_int_equal(ring_drain(ring), 2);
	ring_close(ring);
}

struct producer {
	int program_fd;
	atomic_bool stop;
};

static void *produce(void *ctx)
{
	struct producer *producer = ctx;

	while (!atomic_load(&producer->stop))
		write_records(producer->program_fd, 1000);
	return NULL;
}

/*
 * Two programs write without a pause: every drain ends, its tick comes, and no record that was
 * reserved before a tick's time comes after it.
 */
static void ticks_hold_in_a_flood(void **state)
{
	struct bench *bench = *state;
	struct heard heard = { 0 };
	const struct record_sink sink = { hear, &heard };
	struct producer producer = { .program_fd = bench->quiet_fd };
	pthread_t threads[2];
	struct ring *ring;

	assert_int_equal(ring_open(&ring, bench->map_fd, &sink), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, produce, &producer), 0);
	/* A tenth of a second is enough; ten are for a busy machine. */
	for (time_t end = time(NULL) + 10; heard.records < 200000 && time(NULL) < end;)
		assert_true(ring_drain(ring) >= 0);
	atomic_store(&producer.stop, true);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_true(ring_drain(ring) >= 0);
	assert_true(heard.records >= 200000);
	assert_true(heard.ticks > 10);
	assert_int_equal(heard.early, 0);
	print_message("%d records, %d ticks\n", heard.records, heard.ticks);
	ring_close(ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_tick_follows_every_record, make_bench, end_bench),
		cmocka_unit_test_setup_teardown(many_times_around, make_bench, end_bench),
		cmocka_unit_test_setup_teardown(the_sink_ends_a_drain, make_bench, end_bench),
		cmocka_unit_test_setup_teardown(only_a_wake_up_wakes, make_bench, end_bench),
		cmocka_unit_test_setup_teardown(ticks_hold_in_a_flood, make_bench, end_bench),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
