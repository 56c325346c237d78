// SPDX-License-Identifier: GPL-2.0-or-later
/* flow_test.c - what flows ask of the kernel side: few records, and the socket's own figures (root) */
#include "lab.h"

#include <poll.h>
#include <signal.h>

#include "attach/features.h"

#define OPEN_PORT 4020
#define UP_BYTES 3000
#define DOWN_BYTES 70
#define WHOLE(body) (sizeof(struct event_header) + sizeof(struct body))
#define SOON_NS 5000000000ull
#define CUT(body) (sizeof(struct event_header) + offsetof(struct body, flow) + EVENT_FLOW_COUNTERS)

static void move(int from, int to, size_t bytes)
{
	char buffer[UP_BYTES] = { 0 };
	ssize_t got;

	must(write(from, buffer, bytes) == (ssize_t)bytes, "write");
	for (size_t left = bytes; left; left -= got) {
		got = read(to, buffer, left);
		must(got > 0, "read");
	}
}

static void open_connection(int *listener, int *client, int *server)
{
	*listener = open_listener(OPEN_PORT, 8);
	must(try_connect(OPEN_PORT, 0, client) == 0, "connect");
	*server = accept(*listener, NULL, NULL);
	must(*server >= 0, "accept");
	move(*client, *server, UP_BYTES);
	move(*server, *client, DOWN_BYTES);
}

static void converse_and_close(void)
{
	int listener, client, server;
	char byte;

	open_connection(&listener, &client, &server);
	close(client);
	must(read(server, &byte, 1) == 0, "end of stream");
	close(server);
}

static void converse_and_wait(void)
{
	int listener, client, server;

	open_connection(&listener, &client, &server);
	raise(SIGSTOP);
}

static const struct ev_socket *state(const struct lab *lab, __u8 from, __u8 to,
				     const struct event_header **head)
{
	for (size_t i = 0; (*head = lab_find(lab, EVENT_STATE, i)); i++) {
		const struct ev_socket *body = (const void *)(*head + 1);

		if (body->old_state == from && body->new_state == to)
			return body;
	}
	fail_msg("no state record from %u to %u", from, to);
	return NULL;
}

/* A begin, a word who it is, an end: three records for each of the two ends, however much it carries. */
static void test_three_records_an_end(void **state_)
{
	struct lab *lab = lab_enter();
	const struct event_header *head;
	const struct ev_socket *client, *server;
	bool counts_timeouts;
	pid_t pid;

	(void)state_;
	lab_start(lab, (struct attach_options){
			       .packets = PACKETS_NONE, .flows = true, .accepts = true });
	pid = lab_run(converse_and_close);
	lab_drain(lab);
	/* beside the listener's own two */
	assert_int_equal(lab->count, 6 + 2);
	assert_int_equal(lab_count(lab, EVENT_OPEN), 3);
	state(lab, 2, 1, &head);
	state(lab, 3, 1, &head);
	client = state(lab, 5, 7, &head); /* FIN_WAIT2: it closed first */
	assert_int_equal(head->size, WHOLE(ev_socket));
	assert_true(head->known & EVENT_K_FLOW);
	counts_timeouts = features_kernel_version() >= KERNEL(6, 7);
	assert_int_equal(!!(head->known & EVENT_K_TIMEOUTS), counts_timeouts);
	assert_int_equal(client->flow.bytes_sent, UP_BYTES);
	assert_int_equal(client->flow.bytes_delivered, UP_BYTES);
	assert_int_equal(client->flow.bytes_received, DOWN_BYTES);
	assert_true(client->flow.srtt_us && client->flow.rtt_least_us);
	assert_int_equal(client->flow.unacked_bytes, 0);
	assert_true(head->ts_ns >= client->flow.active_ns);
	assert_true(head->ts_ns - client->flow.active_ns < 1000000000ull);
	server = state(lab, 9, 7, &head);
	assert_int_equal(server->flow.bytes_sent, DOWN_BYTES);
	assert_int_equal(server->flow.bytes_delivered, DOWN_BYTES);
	assert_int_equal(server->flow.bytes_received, UP_BYTES);
	assert_int_equal(server->flow.unread_bytes, 0);
	assert_true(server->flow.how & FLOW_F_PEER_FIN);
	assert_int_equal(server->flow.mss_local, client->flow.mss_remote);
	assert_int_equal(server->flow.wscale_local, client->flow.wscale_remote);
	for (size_t i = 0; i < 3; i++) {
		const struct ev_open *open = (const void *)(lab_find(lab, EVENT_OPEN, i) + 1);

		assert_int_equal(open->owner.tgid, pid);
	}
	lab_leave(lab);
}

/* Nobody asked: no record more than before, and none longer. */
static void test_nothing_of_it_otherwise(void **state_)
{
	struct lab *lab = lab_enter();
	const struct event_header *head;

	(void)state_;
	lab_start(lab, (struct attach_options){ .packets = PACKETS_NONE });
	lab_run(converse_and_close);
	lab_drain(lab);
	assert_int_equal(lab->count, 2 + 2);
	state(lab, 2, 1, &head);
	assert_int_equal(head->size, CUT(ev_socket));
	assert_false(head->known & (EVENT_K_FLOW | EVENT_K_TIMEOUTS));
	lab_leave(lab);
}

/* The server says something, sends its FIN, and then a reset; the client reads nothing of it. */
static void close_and_reset(void)
{
	static const struct linger now = { .l_onoff = 1 };
	char bytes[DOWN_BYTES] = { 0 };
	int listener = open_listener(OPEN_PORT, 8), client, server;
	struct pollfd end = { .events = POLLRDHUP };

	must(try_connect(OPEN_PORT, 0, &client) == 0, "connect");
	server = accept(listener, NULL, NULL);
	must(server >= 0, "accept");
	must(write(client, bytes, 1) == 1 && read(server, bytes, 1) == 1, "up");
	must(write(server, bytes, sizeof(bytes)) == sizeof(bytes), "down");
	must(shutdown(server, SHUT_WR) == 0, "shutdown");
	end.fd = client;
	must(poll(&end, 1, 5000) == 1, "poll");
	setsockopt(server, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(server);
	must(write(client, bytes, 1) < 0 && errno == EPIPE, "write");
}

/* Nor has anybody read it, nor is it payload: counted in records that nobody asked figures of, too. */
static void test_a_fin_is_no_byte(void **state_)
{
	struct lab *lab = lab_enter();
	const struct event_header *head;
	const struct ev_socket *end, *reset;

	(void)state_;
	lab_start(lab, (struct attach_options){ .packets = PACKETS_NONE });
	signal(SIGPIPE, SIG_IGN);
	lab_run(close_and_reset);
	lab_drain(lab);
	end = state(lab, 8, 7,
		    &head); /* CLOSE_WAIT: with an error, so all is told, and when what came */
	assert_int_equal(head->size, WHOLE(ev_socket));
	assert_true(head->known & EVENT_K_COUNTERS);
	assert_true(head->known & EVENT_K_FLOW && head->known & EVENT_K_TIMES);
	assert_true(end->flow.sent_ns && end->flow.received_ns && end->flow.heard_ns);
	assert_true(end->flow.sent_ns <= head->ts_ns && head->ts_ns - end->flow.sent_ns < SOON_NS);
	assert_true(head->ts_ns - end->flow.received_ns < SOON_NS);
	head = lab_find(lab, EVENT_RESET_RECEIVED, 0);
	assert_non_null(head);
	reset = (const void *)(head + 1);
	for (int i = 0; i < 2; i++, end = reset) {
		assert_int_equal(end->flow.bytes_delivered, 1);
		assert_int_equal(end->flow.bytes_received, DOWN_BYTES);
		assert_int_equal(end->flow.unread_bytes, DOWN_BYTES);
		assert_int_equal(end->flow.unacked_bytes, 0);
		assert_int_equal(end->flow.flight_packets, 0);
	}
	lab_leave(lab);
}

/* Both ends of a connection that was open before, with who opened it. */
static void test_snapshot(void **state_)
{
	struct lab *lab = lab_enter();
	struct {
		struct event_header head;
		struct ev_snapshot body;
	} record;
	unsigned int clients = 0, servers = 0;
	int fd, status;
	pid_t pid;

	(void)state_;
	pid = lab_spawn(converse_and_wait);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	lab_start(lab, (struct attach_options){ .packets = PACKETS_NONE, .flows = true });
	fd = attach_iterate(lab->attach, ITERATOR_OWNERS);
	assert_true(fd >= 0);
	while (read(fd, &record, sizeof(record)) == sizeof(record)) {
		bool is_client = record.body.flow.how & FLOW_F_CLIENT;

		assert_int_equal(record.head.size, sizeof(record));
		if (record.head.netns != lab->netns)
			continue;
		if (record.body.state == 10) {
			assert_false(record.head.known & EVENT_K_FLOW);
			continue;
		}
		assert_true(record.head.known & EVENT_K_FLOW);
		assert_int_equal(record.body.owner.tgid, pid);
		assert_true(record.body.flow.how & FLOW_F_ROLE);
		assert_int_equal(record.body.tuple.remote_port == OPEN_PORT, is_client);
		assert_int_equal(record.body.flow.bytes_sent, is_client ? UP_BYTES : DOWN_BYTES);
		assert_int_equal(record.body.flow.bytes_received,
				 is_client ? DOWN_BYTES : UP_BYTES);
		*(is_client ? &clients : &servers) += 1;
	}
	close(fd);
	assert_int_equal(clients, 1);
	assert_int_equal(servers, 1);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	lab_leave(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_three_records_an_end),
		cmocka_unit_test(test_nothing_of_it_otherwise),
		cmocka_unit_test(test_a_fin_is_no_byte),
		cmocka_unit_test(test_snapshot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
