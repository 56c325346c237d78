// SPDX-License-Identifier: GPL-2.0-or-later
/* attach_test.c - what the kernel side says of real connections (root) */
#include "lab.h"

#include <signal.h>

#include <bpf/btf.h>

#include "attach/features.h"
#include "util/types.h"

#define OPEN_PORT 4010

static const void *body(const struct event_header *header)
{
	assert_non_null(header);
	return header + 1;
}

/* ---- records ---- */

static void check_address(const __u8 *address, const char *text)
{
	__u8 wanted[EVENT_ADDRESS_SIZE] = { [10] = 0xff, 0xff };

	inet_pton(AF_INET, text, wanted + 12);
	assert_memory_equal(address, wanted, EVENT_ADDRESS_SIZE);
}

/* Why this host refused: the reset without a socket (6.10), before that the drop of the SYN. */
static void check_refusal(const struct lab *lab, __u32 isn)
{
	const struct event_header *head;
	const struct ev_reset *reset;
	const struct ev_drop *drop;

	if (features_kernel_version() < KERNEL(6, 10)) {
		head = lab_find(lab, EVENT_DROP, 0);
		drop = body(head);
		assert_int_equal(head->known, EVENT_K_PACKET | EVENT_K_REASON);
		assert_int_equal(drop->raw.captured_bytes, 60);
		assert_int_equal(ntohl(*(const __u32 *)(drop->raw.bytes + 24)), isn);
		return;
	}
	head = lab_find(lab, EVENT_RESET_SENT, 0);
	reset = body(head);
	assert_int_equal(head->known, EVENT_K_PACKET | EVENT_K_REASON);
	assert_int_equal(reset->reason, 1); /* NO_SOCKET on every kernel that tells reasons */
	assert_int_equal(reset->raw.captured_bytes, 60);
	assert_int_equal(ntohl(*(const __u32 *)(reset->raw.bytes + 24)), isn);
}

static void test_refused_connect(void **state)
{
	struct lab *lab = lab_enter();
	const struct event_header *head;
	const struct ev_open *open;
	const struct ev_socket *end;
	const struct ev_packet *syn, *rst;
	pid_t pid;
	__u64 cookie;

	(void)state;
	lab_start(lab, (struct attach_options){ 0 });
	pid = lab_run(connect_refused);
	lab_drain(lab);

	head = lab_find(lab, EVENT_OPEN, 0);
	open = body(head);
	cookie = head->cookie;
	assert_true(cookie != 0);
	assert_int_equal(head->known, EVENT_K_OWNER | EVENT_K_EXE | EVENT_K_TUPLE | EVENT_K_ASKED);
	assert_int_equal(open->how, OPEN_CONNECT);
	assert_int_equal(open->owner.tgid, pid);
	assert_int_equal(open->owner.tid, pid);
	assert_int_equal(open->owner.ppid, getpid());
	assert_true(open->owner.start_ns != 0);
	assert_string_equal(open->owner.comm, "attach_test");
	assert_string_equal(open->owner.exe, "attach_test");
	check_address(open->asked, "127.0.0.1");
	assert_int_equal(open->asked_port, CLOSED_PORT);
	check_address(open->tuple.remote, "127.0.0.1");
	assert_int_equal(open->tuple.remote_port, CLOSED_PORT);
	assert_int_equal(open->tuple.family, AF_INET);
	assert_int_equal(open->socket_flags & SOCKET_F_BOUND_PORT, 0);

	head = lab_find(lab, EVENT_STATE, 0);
	end = body(head);
	assert_int_equal(head->cookie, cookie);
	assert_true(head->known & EVENT_K_RESET_SEEN);
	assert_true(head->known & EVENT_K_ISN);
	assert_int_equal(end->old_state, 2);
	assert_int_equal(end->new_state, 7);
	assert_int_equal(end->error, ECONNREFUSED);
	assert_true(end->how & SOCKET_F_RESET);
	assert_true(end->tuple.local_port != 0);
	assert_int_equal(end->flow.bytes_delivered, 0);

	check_refusal(lab, end->isn);

	head = lab_find(lab, EVENT_PACKET, 0);
	syn = body(head);
	assert_int_equal(head->cookie, cookie);
	assert_int_equal(head->flags, EVENT_F_OUT | EVENT_F_LOOPBACK);
	assert_int_equal(head->ifindex, 1);
	assert_int_equal(syn->raw.captured_bytes, 60);
	assert_int_equal(syn->raw.bytes[33], 0x02);
	head = lab_find(lab, EVENT_PACKET, 1);
	rst = body(head);
	assert_int_equal(head->cookie, 0); /* from the kernel's own socket */
	assert_int_equal(rst->raw.bytes[33], 0x14);

	assert_int_equal(lab->count, 5);
	lab_leave(lab);
}

static void connect_and_close(void)
{
	int listener = open_listener(OPEN_PORT, 8), client, server;
	char byte = 'x';

	must(try_connect(OPEN_PORT, 0, &client) == 0, "connect");
	server = accept(listener, NULL, NULL);
	must(write(client, &byte, 1) == 1 && read(server, &byte, 1) == 1, "a byte");
	close(server);
	must(read(client, &byte, 1) == 0, "end of stream");
	close(client);
}

static void ask_and_close(void)
{
	int listener = open_listener(OPEN_PORT, 8), client, server;
	char byte = 'x';

	must(try_connect(OPEN_PORT, 0, &client) == 0, "connect");
	server = accept(listener, NULL, NULL);
	must(write(client, &byte, 1) == 1 && read(server, &byte, 1) == 1, "a byte");
	must(write(server, &byte, 1) == 1 && read(client, &byte, 1) == 1, "its answer");
	close(server);
	must(read(client, &byte, 1) == 0, "end of stream");
	close(client);
}

/* Beside the listener's own two, a healthy connection costs both ends together four records. */
static void test_healthy_connection_costs_four_records(void **state)
{
	struct lab *lab = lab_enter();
	const struct ev_socket *established;

	(void)state;
	lab_start(lab, (struct attach_options){ 0 });
	lab_run(ask_and_close);
	lab_drain(lab);
	assert_int_equal(lab_count(lab, EVENT_OPEN), 2);
	assert_int_equal(lab_count(lab, EVENT_STATE), 2);
	assert_int_equal(lab_count(lab, EVENT_PACKET), 2);
	established = body(lab_find(lab, EVENT_STATE, 0));
	assert_int_equal(established->old_state, 2);
	assert_int_equal(established->new_state, 1);
	assert_int_equal(lab->count, 6);
	lab_leave(lab);
}

static void fail_calls(void)
{
	struct sockaddr_in nowhere = at_port(80), absent = at_port(5000),
			   taken = at_port(OPEN_PORT);
	int fd;

	inet_pton(AF_INET, "192.0.2.1", &nowhere.sin_addr);
	inet_pton(AF_INET, "192.0.2.9", &absent.sin_addr);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	must(connect(fd, (void *)&nowhere, sizeof(nowhere)) && errno == ENETUNREACH, "connect");
	must(bind(fd, (void *)&absent, sizeof(absent)) && errno == EADDRNOTAVAIL, "bind");
	open_listener(OPEN_PORT, 1);
	must(bind(fd, (void *)&taken, sizeof(taken)) && errno == EADDRINUSE, "bind");
	must(listen(fd, 1) == 0 && listen(fd, 1) == 0, "listen");
	must(accept(-1, NULL, NULL) && errno == EBADF, "accept");
	shutdown(fd, SHUT_RD);
	must(accept(fd, NULL, NULL) && errno == EINVAL, "accept");
	must(socket(AF_INET, SOCK_STREAM, IPPROTO_ICMP) && errno == EPROTONOSUPPORT, "socket");
	/* these end nothing, or a state record says it */
	must(connect(-1, (void *)&nowhere, sizeof(nowhere)) && errno == EBADF, "connect");
	must(try_connect(CLOSED_PORT, SOCK_NONBLOCK, &fd) != 0, "connect");
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	must(connect(fd, (void *)&nowhere, sizeof(nowhere)) && errno == ENETUNREACH, "connect");
	/* a datagram socket's bind() is an attempt too */
	must(bind(fd, (void *)&absent, sizeof(absent)) && errno == EADDRNOTAVAIL, "bind");
}

static void test_failing_calls(void **state)
{
	static const struct {
		enum event_syscall call;
		int error;
		int type;
		__u16 port; /* asked; 0: nothing asked */
	} wanted[] = {
		{ SYSCALL_CONNECT, ENETUNREACH, SOCK_STREAM, 80 },
		{ SYSCALL_BIND, EADDRNOTAVAIL, SOCK_STREAM, 5000 },
		{ SYSCALL_BIND, EADDRINUSE, SOCK_STREAM, OPEN_PORT },
		{ SYSCALL_ACCEPT, EINVAL, SOCK_STREAM, 0 },
		{ SYSCALL_SOCKET, EPROTONOSUPPORT, SOCK_STREAM, 0 },
		{ SYSCALL_BIND, EADDRNOTAVAIL, SOCK_DGRAM, 5000 },
	};
	struct lab *lab = lab_enter();

	(void)state;
	lab_start(lab, (struct attach_options){ 0 });
	lab_run(fail_calls);
	lab_drain(lab);
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		const struct event_header *head = lab_find(lab, EVENT_SYSCALL, i);
		const struct ev_syscall *call = body(head);

		assert_int_equal(call->call, wanted[i].call);
		assert_int_equal(call->error, wanted[i].error);
		assert_int_equal(call->type, wanted[i].type);
		assert_int_equal(call->asked_port, wanted[i].port);
		assert_int_equal(!(head->known & EVENT_K_ASKED), !wanted[i].port);
		assert_string_equal(call->owner.comm, "attach_test");
	}
	assert_int_equal(lab_count(lab, EVENT_SYSCALL), ARRAY_SIZE(wanted));
	lab_leave(lab);
}

static void fill_accept_queue(void)
{
	int fd;

	open_listener(OPEN_PORT, 1);
	for (int i = 0; i < 3; i++)
		try_connect(OPEN_PORT, SOCK_NONBLOCK, &fd);
}

static void test_full_accept_queue(void **state)
{
	struct lab *lab = lab_enter();
	const struct ev_listener *full;
	const struct event_header *head;
	const struct ev_socket *end;

	(void)state;
	lab_start(lab, (struct attach_options){ 0 });
	lab_run(fill_accept_queue);
	lab_drain(lab);
	head = lab_find(lab, EVENT_LISTEN_FULL, 0);
	full = body(head);
	assert_int_equal(head->cookie, lab_find(lab, EVENT_OPEN, 0)->cookie);
	assert_int_equal(full->backlog, 2);
	assert_int_equal(full->backlog_max, 1);
	assert_int_equal(full->tuple.local_port, OPEN_PORT);
	/* the third client's SYN, and only that one */
	assert_int_equal(lab_count(lab, EVENT_LISTEN_FULL), 1);
	for (size_t i = 0; (head = lab_find(lab, EVENT_STATE, i)); i++) {
		end = body(head);
		if (end->old_state == 2 && end->new_state == 7)
			break;
	}
	end = body(head);
	assert_int_equal(full->isn, end->isn);
	assert_int_equal(full->tuple.remote_port, end->tuple.local_port);
	assert_true(end->how & SOCKET_F_EXITING);
	lab_leave(lab);
}

static void reset_established(void)
{
	struct linger now = { 1, 0 };
	int listener = open_listener(OPEN_PORT, 8), client, server;
	char byte;

	must(try_connect(OPEN_PORT, 0, &client) == 0, "connect");
	server = accept(listener, NULL, NULL);
	setsockopt(server, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(server);
	must(read(client, &byte, 1) < 0 && errno == ECONNRESET, "read");
}

static void test_reset_of_an_established_connection(void **state)
{
	struct lab *lab = lab_enter();
	const struct event_header *open;
	const struct ev_socket *received, *end;
	const struct ev_reset *sent;

	(void)state;
	lab_start(lab, (struct attach_options){ 0 });
	lab_run(reset_established);
	lab_drain(lab);
	open = lab_find(lab, EVENT_OPEN, 1);
	received = body(lab_find(lab, EVENT_RESET_RECEIVED, 0));
	assert_int_equal(lab_find(lab, EVENT_RESET_RECEIVED, 0)->cookie, open->cookie);
	assert_int_equal(received->old_state, 1);
	end = body(lab_find(lab, EVENT_STATE, 1)); /* of who resets */
	assert_int_equal(end->old_state, 1);
	assert_int_equal(end->error, 0);
	assert_false(end->how & SOCKET_F_RESET);
	end = body(lab_find(lab, EVENT_STATE, 2));
	assert_int_equal(end->old_state, 1);
	assert_int_equal(end->error, ECONNRESET);
	assert_true(end->how & SOCKET_F_RESET);
	assert_int_equal(end->flow.bytes_delivered, 0);
	assert_int_equal(end->flow.bytes_received, 0);
	sent = body(lab_find(lab, EVENT_RESET_SENT, 0));
	assert_true(lab_find(lab, EVENT_RESET_SENT, 0)->known & EVENT_K_TUPLE);
	assert_false(lab_find(lab, EVENT_RESET_SENT, 0)->known & EVENT_K_PACKET);
	assert_int_equal(sent->tuple.local_port, OPEN_PORT);
	assert_int_equal(sent->tuple.remote_port, end->tuple.local_port);
	lab_leave(lab);
}

static void run_followed(void)
{
	int fd;

	raise(SIGSTOP); /* until it is followed */
	if (fork() == 0) {
		try_connect(CLOSED_PORT, 0, &fd);
		execl("/bin/sh", "sh", "-c", "exit 3", NULL);
		_exit(1);
	}
	wait(NULL);
}

static void test_follows_descendants_only(void **state)
{
	struct lab *lab = lab_enter();
	const struct ev_task *task;
	const struct event_header *head;
	int status;
	pid_t pid;

	(void)state;
	lab_start(lab, (struct attach_options){ .follow = true, .all_packets = true });
	lab_run(connect_refused);
	pid = lab_spawn(run_followed);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_int_equal(attach_follow(lab->attach, pid), 0);
	kill(pid, SIGCONT);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	lab_drain(lab);

	/* of two refused connects one is told, but all that is no birth is told of both */
	assert_int_equal(lab_count(lab, EVENT_OPEN), 1);
	assert_int_equal(lab_count(lab, EVENT_PACKET), 4);
	head = lab_find(lab, EVENT_OPEN, 0);
	assert_true(head->flags & EVENT_F_FOLLOWED);
	task = body(lab_find(lab, EVENT_TASK, 0));
	assert_int_equal(task->how, TASK_FORK);
	assert_int_equal(task->owner.ppid, pid);
	assert_int_equal(((const struct ev_open *)body(head))->owner.tgid, task->owner.tgid);
	task = body(lab_find(lab, EVENT_TASK, 1));
	assert_int_equal(task->how, TASK_EXEC);
	assert_string_equal(task->path, "/bin/sh");
	task = body(lab_find(lab, EVENT_TASK, 2));
	assert_int_equal(task->how, TASK_EXIT);
	assert_int_equal(task->exit_code, 3 << 8);
	lab_leave(lab);
}

static void test_every_packet_of_followed_connections(void **state)
{
	struct lab *lab = lab_enter();
	const struct event_header *head;
	const struct ev_packet *packet;
	size_t data = 0;

	(void)state;
	lab_start(lab,
		  (struct attach_options){ .follow = true, .all_packets = true, .accepts = true });
	assert_int_equal(attach_follow(lab->attach, getpid()), 0);
	lab_run(connect_and_close);
	lab_drain(lab);
	for (size_t i = 0; (head = lab_find(lab, EVENT_PACKET, i)); i++) {
		packet = body(head);
		assert_true(head->flags & EVENT_F_FOLLOWED);
		/* headers only */
		assert_true(packet->raw.captured_bytes <= 60);
		data += packet->raw.wire_bytes == 53;
	}
	assert_int_equal(data, 1);
	assert_in_range(lab_count(lab, EVENT_PACKET), 8, 10);
	/* bind, listen, connect, accept */
	assert_int_equal(lab_count(lab, EVENT_OPEN), 4);
	lab_leave(lab);
}

/* ---- loss ---- */

static void connect_refused_often(void)
{
	for (int i = 0; i < 200; i++) {
		int fd;

		must(try_connect(CLOSED_PORT, 0, &fd) == ECONNREFUSED, "connect");
		close(fd);
	}
}

static void test_overflow_is_counted_by_kind(void **state)
{
	struct lab *lab = lab_enter();
	struct ev_lost lost, suppressed;
	const struct event_header *head;
	cpu_set_t cpus;

	(void)state;
	/* header.lost is that of one CPU */
	CPU_ZERO(&cpus);
	CPU_SET(sched_getcpu(), &cpus);
	assert_int_equal(sched_setaffinity(0, sizeof(cpus), &cpus), 0);
	lab_start(lab, (struct attach_options){ .ring_bytes = 64 << 10 });
	lab_run(connect_refused_often);
	assert_int_equal(attach_read_lost(lab->attach, &lost, &suppressed), 0);
	lab_drain(lab);
	/* every record is there or counted; others on this host may add to it */
	assert_true(lab_count(lab, EVENT_OPEN) + lost.by_kind[EVENT_OPEN] >= 200);
	assert_true(lost.by_kind[EVENT_OPEN] > 0);
	assert_true(lost.by_kind[EVENT_STATE] > 0);
	/* packets went first, before anything was lost for want of room */
	assert_true(suppressed.by_kind[EVENT_PACKET] > 0);
	assert_int_equal(suppressed.by_kind[EVENT_STATE], 0);
	assert_true(lab_count(lab, EVENT_PACKET) < lab_count(lab, EVENT_OPEN) * 2);
	/* the next record says how many are missing in front of it */
	lab->count = 0;
	lab_run(connect_refused);
	lab_drain(lab);
	head = lab_find(lab, EVENT_OPEN, 0);
	assert_non_null(head);
	assert_true(head->lost > 0);
	lab_leave(lab);
}

/* ---- sockets that were open before ---- */

static void hold_listener(void)
{
	open_listener(OPEN_PORT, 5);
	raise(SIGSTOP);
}

static const struct ev_snapshot *read_snapshot(const struct lab *lab, enum attach_iterator which,
					       struct event_header *head, char *buffer)
{
	int fd = attach_iterate(lab->attach, which);
	const size_t size = sizeof(struct event_header) + offsetof(struct ev_snapshot, flow);
	const struct ev_snapshot *found = NULL;

	assert_true(fd >= 0);
	while (read(fd, buffer, size) == (ssize_t)size) {
		memcpy(head, buffer, sizeof(*head));
		assert_int_equal(head->kind, EVENT_SOCKET);
		assert_int_equal(head->size, size);
		if (head->netns == lab->netns) {
			found = (const void *)(buffer + sizeof(*head));
			break;
		}
	}
	close(fd);
	return found;
}

static void test_iterators(void **state)
{
	struct lab *lab = lab_enter();
	const struct ev_snapshot *socket;
	struct event_header head;
	char buffer[EVENT_SIZE_MAX];
	__u64 cookie;
	int status;
	pid_t pid;

	(void)state;
	pid = lab_spawn(hold_listener);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	lab_start(lab, (struct attach_options){ .packets = PACKETS_NONE });
	socket = read_snapshot(lab, ITERATOR_TCP, &head, buffer);
	assert_non_null(socket);
	cookie = head.cookie;
	assert_int_equal(socket->state, 10);
	assert_int_equal(socket->tuple.local_port, OPEN_PORT);
	assert_int_equal(socket->backlog_max, 5);
	assert_false(head.known & EVENT_K_OWNER);
	socket = read_snapshot(lab, ITERATOR_OWNERS, &head, buffer);
	assert_non_null(socket);
	assert_true(head.known & EVENT_K_OWNER);
	assert_int_equal(socket->owner.tgid, pid);
	assert_true(cookie != 0);
	assert_int_equal(head.cookie, cookie);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	lab_leave(lab);
}

/* One after the other as libbpf numbers them. */
static void test_types_of_the_kernel(void **state)
{
	struct btf *btf = btf__load_vmlinux_btf();
	const struct btf_type *type;
	struct types types;

	(void)state;
	assert_non_null(btf);
	assert_int_equal(types_open(&types), 0);
	while ((type = types_next(&types))) {
		const struct btf_type *wanted = btf__type_by_id(btf, types.id);

		assert_non_null(wanted);
		assert_int_equal(types_kind(type), btf_kind(wanted));
		assert_string_equal(types_name(&types, type->name_off),
				    btf__name_by_offset(btf, wanted->name_off));
	}
	assert_int_equal(types.id, btf__type_cnt(btf) - 1);
	types_close(&types);
	btf__free(btf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused_connect),
		cmocka_unit_test(test_healthy_connection_costs_four_records),
		cmocka_unit_test(test_failing_calls),
		cmocka_unit_test(test_full_accept_queue),
		cmocka_unit_test(test_reset_of_an_established_connection),
		cmocka_unit_test(test_follows_descendants_only),
		cmocka_unit_test(test_every_packet_of_followed_connections),
		cmocka_unit_test(test_overflow_is_counted_by_kind),
		cmocka_unit_test(test_iterators),
		cmocka_unit_test(test_types_of_the_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
