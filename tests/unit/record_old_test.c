// SPDX-License-Identifier: GPL-2.0-or-later
/* record_old_test.c - recordings of format 1, written byte by byte as version 0.1.0 wrote them */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "collect/collect.h"
#include "decode/decode.h"

#define OLD_SOCKET 224 /* bytes of these bodies */
#define OLD_SOCKET_CUT 104
#define OLD_SNAPSHOT 272
#define OLD_SNAPSHOT_CUT 152

/* Numbers of the kinds in such a file, of no meaning to this program. */
enum { OLD_STATE = 20, OLD_RETRANSMIT, OLD_SOCKETS, OLD_TICK, OLD_END };

struct file {
	FILE *stream;
	char path[64];
	__u8 body[OLD_SNAPSHOT];
	__u64 records;
};

static void put(struct file *file, size_t at, __u64 value, size_t bytes)
{
	memcpy(file->body + at, &value, bytes);
}

static void add_kind(struct file *file, __u16 number, __u16 size, const char *name)
{
	char text[28] = { 0 };

	strcpy(text, name);
	fwrite(&number, 2, 1, file->stream);
	fwrite(&size, 2, 1, file->stream);
	fwrite(text, sizeof(text), 1, file->stream);
}

static void add_record(struct file *file, __u16 kind, size_t size, __u32 known)
{
	struct event_header head = { .ts_ns = 5,
				     .cookie = 7,
				     .known = known,
				     .kind = kind,
				     .size = (__u16)(sizeof(head) + size) };

	fwrite(&head, sizeof(head), 1, file->stream);
	fwrite(file->body, size, 1, file->stream);
	memset(file->body, 0, sizeof(file->body));
	file->records++;
}

static void begin(struct file *file)
{
	static const __u32 head[] = { 1 /* format */, 0x01020304, 40, 5 };

	memset(file, 0, sizeof(*file));
	strcpy(file->path, "/tmp/sockwhy-old-XXXXXX");
	file->stream = fdopen(mkstemp(file->path), "w");
	assert_non_null(file->stream);
	fwrite("sockwhy", 8, 1, file->stream);
	fwrite(head, sizeof(head), 1, file->stream);
	add_kind(file, OLD_STATE, OLD_SOCKET, "state");
	add_kind(file, OLD_RETRANSMIT, OLD_SOCKET, "retransmit");
	add_kind(file, OLD_SOCKETS, OLD_SNAPSHOT, "socket");
	add_kind(file, OLD_TICK, 8, "tick");
	add_kind(file, OLD_END, 16, "end");
}

/* Ends the file, reads it, and decodes all of its records but the end, of which there are @count. */
static void read_back(struct file *file, struct event *events, int count)
{
	struct record_reader *reader;
	const void *record;
	const char *why;
	size_t size;

	put(file, 0, file->records, 8);
	add_record(file, OLD_END, 16, 0);
	fclose(file->stream);
	assert_int_equal(record_reader_open(&reader, file->path), 0);
	for (int i = 0; i < count; i++) {
		assert_int_equal(record_reader_next(reader, &record, &size, &why), 1);
		assert_int_equal(decode_event(record, size, &events[i]), 0);
		assert_int_equal(events[i].head.cookie, 7);
	}
	assert_int_equal(record_reader_next(reader, &record, &size, &why), 1);
	assert_int_equal(((const struct event_header *)record)->kind, EVENT_END);
	assert_int_equal(record_reader_next(reader, &record, &size, &why), 0);
	record_reader_close(reader);
	unlink(file->path);
}

/* The counters that a socket record had of its own. */
static void put_counters(struct file *file)
{
	put(file, 32, 45678, 2); /* tuple.local_port */
	put(file, 40, 111, 4); /* error */
	put(file, 44, 113, 4); /* soft_error */
	put(file, 48, 0x11223344, 4); /* isn */
	put(file, 52, 9, 4); /* signal */
	put(file, 56, 1001, 8); /* bytes_sent: acknowledged */
	put(file, 64, 2001, 8); /* bytes_received, the FIN too */
	put(file, 72, 3, 4); /* packets_out: on their way */
	put(file, 76, 41, 4); /* unread_bytes */
	put(file, 80, 51, 4); /* unsent_bytes */
	put(file, 84, 600, 4); /* srtt_us */
	put(file, 88, 700, 4); /* snd_wnd */
	put(file, 92, 8, 4); /* total_retransmits */
	put(file, 96, 1, 1); /* old_state */
	put(file, 97, 7, 1); /* new_state */
	put(file, 98, 6, 1); /* retransmits */
	put(file, 99, 5, 1); /* probes */
	put(file, 100, SOCKET_F_EXITING, 1); /* how */
}

static void put_figures(struct file *file, size_t at)
{
	put(file, at, 1100, 8); /* bytes_sent */
	put(file, at + 8, 100, 8); /* bytes_again */
	put(file, at + 16, 1000, 8); /* bytes_delivered */
	put(file, at + 24, 2000, 8); /* bytes_received */
	put(file, at + 32, 99, 8); /* active_ns */
	for (unsigned int i = 0; i < 17; i++) /* packets_out to unread_bytes */
		put(file, at + 40 + 4 * i, 10 + i, 4);
	put(file, at + 108, 1388, 2);
	put(file, at + 110, 1460, 2);
	put(file, at + 112, 1400, 2);
	put(file, at + 114, 7, 1);
	put(file, at + 115, 9, 1);
	put(file, at + 116, FLOW_F_SACK, 1);
}

static void check_socket(const struct ev_socket *socket)
{
	assert_int_equal(socket->tuple.local_port, 45678);
	assert_int_equal(socket->error, 111);
	assert_int_equal(socket->soft_error, 113);
	assert_int_equal(socket->isn, 0x11223344);
	assert_int_equal(socket->signal, 9);
	assert_int_equal(socket->old_state, 1);
	assert_int_equal(socket->new_state, 7);
	assert_int_equal(socket->how, SOCKET_F_EXITING);
	assert_int_equal(socket->flow.flight_packets, 3);
	assert_int_equal(socket->flow.again_in_row, 6);
	assert_int_equal(socket->flow.probes, 5);
}

static void check_figures(const struct event_flow *flow)
{
	assert_int_equal(flow->bytes_sent, 1100);
	assert_int_equal(flow->bytes_again, 100);
	assert_int_equal(flow->bytes_delivered, 1000);
	assert_int_equal(flow->bytes_received, 2000);
	assert_int_equal(flow->active_ns, 99);
	assert_int_equal(flow->packets_out, 10);
	assert_int_equal(flow->packets_in, 11);
	assert_int_equal(flow->segments_out, 12);
	assert_int_equal(flow->segments_in, 13);
	assert_int_equal(flow->retransmits, 14);
	assert_int_equal(flow->timeouts, 15);
	assert_int_equal(flow->dsacks, 16);
	assert_int_equal(flow->out_of_order, 17);
	assert_int_equal(flow->reorderings, 18);
	assert_int_equal(flow->srtt_us, 19);
	assert_int_equal(flow->rttvar_us, 20);
	assert_int_equal(flow->rtt_least_us, 21);
	assert_int_equal(flow->snd_wnd, 22);
	assert_int_equal(flow->rcv_wnd, 23);
	assert_int_equal(flow->cwnd, 24);
	assert_int_equal(flow->unacked_bytes, 25);
	assert_int_equal(flow->unread_bytes, 26);
	assert_int_equal(flow->mss, 1388);
	assert_int_equal(flow->mss_local, 1460);
	assert_int_equal(flow->mss_remote, 1400);
	assert_int_equal(flow->wscale_local, 7);
	assert_int_equal(flow->wscale_remote, 9);
	assert_int_equal(flow->how, FLOW_F_SACK);
}

#define SOCKET_KNOWN (EVENT_K_TUPLE | EVENT_K_STATE | EVENT_K_ISN | EVENT_K_COUNTERS)

static void counters_alone(void **state)
{
	struct event event;
	struct file file;

	(void)state;
	begin(&file);
	put_counters(&file);
	add_record(&file, OLD_STATE, OLD_SOCKET_CUT, SOCKET_KNOWN);
	read_back(&file, &event, 1);
	assert_int_equal(event.head.kind, EVENT_STATE);
	assert_int_equal(event.head.known, SOCKET_KNOWN);
	check_socket(&event.socket);
	assert_int_equal(event.socket.flow.bytes_delivered, 1001);
	assert_int_equal(event.socket.flow.bytes_received, 2001);
	assert_int_equal(event.socket.flow.unread_bytes, 41);
	assert_int_equal(event.socket.flow.unacked_bytes, 51);
	assert_int_equal(event.socket.flow.srtt_us, 600);
	assert_int_equal(event.socket.flow.snd_wnd, 700);
	assert_int_equal(event.socket.flow.retransmits, 8);
	assert_int_equal(event.socket.flow.packets_out, 0);
}

/* Of what both sets said the figures are right: a FIN is no byte. */
static void figures_over_counters(void **state)
{
	const __u32 known = SOCKET_KNOWN | EVENT_K_FLOW | EVENT_K_TIMEOUTS;
	struct event event;
	struct file file;

	(void)state;
	begin(&file);
	put_counters(&file);
	put_figures(&file, OLD_SOCKET_CUT);
	add_record(&file, OLD_RETRANSMIT, OLD_SOCKET, known);
	read_back(&file, &event, 1);
	assert_int_equal(event.head.kind, EVENT_RETRANSMIT);
	assert_int_equal(event.head.known, known);
	check_socket(&event.socket);
	check_figures(&event.socket.flow);
}

static void snapshots(void **state)
{
	const __u32 known = EVENT_K_TUPLE | EVENT_K_STATE | EVENT_K_OWNER | EVENT_K_BACKLOG |
			    EVENT_K_FLOW | EVENT_K_TIMEOUTS;
	struct event events[2];
	struct file file;

	(void)state;
	begin(&file);
	for (int i = 0; i < 2; i++) {
		put(&file, 32, 45678, 2);
		put(&file, 40 + 16, 4121, 4); /* owner.tgid */
		put(&file, 136, 3, 4); /* backlog */
		put(&file, 140, 128, 4); /* backlog_max */
		put(&file, 148, 10, 1); /* state */
		put(&file, 149, SOCKET_F_V6ONLY, 1);
		put_figures(&file, OLD_SNAPSHOT_CUT);
		add_record(&file, OLD_SOCKETS, i ? OLD_SNAPSHOT : OLD_SNAPSHOT_CUT,
			   i ? known : known & ~(EVENT_K_FLOW | EVENT_K_TIMEOUTS));
	}
	read_back(&file, events, 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(events[i].head.kind, EVENT_SOCKET);
		assert_int_equal(events[i].snapshot.tuple.local_port, 45678);
		assert_int_equal(events[i].snapshot.owner.tgid, 4121);
		assert_int_equal(events[i].snapshot.backlog, 3);
		assert_int_equal(events[i].snapshot.backlog_max, 128);
		assert_int_equal(events[i].snapshot.state, 10);
		assert_int_equal(events[i].snapshot.flags, SOCKET_F_V6ONLY);
	}
	assert_false(events[0].head.known & (EVENT_K_FLOW | EVENT_K_TIMEOUTS));
	assert_int_equal(events[1].head.known, known); /* not the counters, which it never had */
	check_figures(&events[1].snapshot.flow);
}

/* A body that ends early knows nothing of what is missing; bits do not make it so. */
static void cut_anywhere(void **state)
{
	const __u32 known = SOCKET_KNOWN | EVENT_K_FLOW | EVENT_K_TIMEOUTS;
	struct event events[2];
	struct file file;

	(void)state;
	begin(&file);
	put_counters(&file);
	add_record(&file, OLD_STATE, 52, known); /* up to and with .isn */
	put(&file, 0, 77, 4);
	add_record(&file, OLD_TICK, 8, 0); /* the other kinds stand as they are */
	read_back(&file, events, 2);
	assert_int_equal(events[0].head.known, EVENT_K_TUPLE | EVENT_K_ISN);
	assert_int_equal(events[0].socket.isn, 0x11223344);
	assert_int_equal(events[0].socket.new_state, 0);
	assert_int_equal(events[1].head.kind, EVENT_TICK);
	assert_int_equal(events[1].tick.sequence, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_alone),
		cmocka_unit_test(figures_over_counters),
		cmocka_unit_test(snapshots),
		cmocka_unit_test(cut_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
