// SPDX-License-Identifier: GPL-2.0-or-later
/* drop_test.c - what this host drops, sends again and answers by ICMP (root) */
#include "lab.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/pkt_cls.h>
#include <signal.h>
#include <time.h>

#include <bpf/bpf.h>

#include "attach/tc.h"

#define OPEN_PORT 4020
#define AWAIT_SECONDS 8

#define body(header) body_at(header, __LINE__)
static const void *body_at(const struct event_header *header, int line)
{
	if (!header)
		print_error("line %d: no such record\n", line);
	assert_non_null(header);
	return header + 1;
}

static void run(const char *command)
{
	if (system(command) != 0) {
		print_error("%s: failed\n", command);
		fail();
	}
}

/* Drains until a record of this kind is there. */
static const struct event_header *await(struct lab *lab, enum event_kind kind)
{
	time_t end = time(NULL) + AWAIT_SECONDS;

	while (!lab_find(lab, kind, 0) && time(NULL) < end) {
		lab_drain(lab);
		usleep(10000);
	}
	return lab_find(lab, kind, 0);
}

static void want_every_reason(struct lab *lab)
{
	for (__u32 reason = 2; reason < 256; reason++)
		assert_int_equal(attach_want_drop_reason(lab->attach, reason), 0);
}

/* A filter that throws every packet away, behind our hook if there is one. */
static void drop_at_lo(enum tc_direction direction)
{
	struct bpf_insn shoot[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = TC_ACT_SHOT },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "shoot", "GPL", shoot, ARRAY_SIZE(shoot),
			       NULL);
	struct nl_sock *socket = tc_open();
	bool chained;

	assert_true(fd >= 0);
	assert_int_equal(tc_filter_attach(socket, fd, 1, direction, "shoot", &chained), 0);
	tc_close(socket);
	close(fd);
}

static void connect_in_vain(void)
{
	int fd;

	must(try_connect(OPEN_PORT, SOCK_NONBLOCK, &fd) == EINPROGRESS, "connect");
}

static void connect_and_wait(void)
{
	int fd;

	must(try_connect(OPEN_PORT, SOCK_NONBLOCK, &fd) == EINPROGRESS, "connect");
	pause();
}

static void test_a_dropped_syn(void **state)
{
	struct lab *lab = lab_enter();
	const struct event_header *head;
	const struct ev_drop *drop;
	const struct ev_socket *again;
	__u64 cookie;
	pid_t pid;

	(void)state;
	lab_start(lab, (struct attach_options){ 0 });
	drop_at_lo(TC_OUT);

	/* nobody wants it */
	lab_run(connect_in_vain);
	lab_drain(lab);
	assert_int_equal(lab_count(lab, EVENT_DROP), 0);

	want_every_reason(lab);
	lab->count = 0;
	pid = lab_spawn(connect_and_wait);
	head = await(lab, EVENT_DROP);
	drop = body(head);
	cookie = lab_find(lab, EVENT_OPEN, 0)->cookie;
	assert_int_equal(head->cookie, cookie);
	assert_true(head->known & EVENT_K_REASON);
	assert_true(head->known & EVENT_K_TUPLE);
	assert_true(head->known & EVENT_K_PACKET);
	assert_true(head->flags & EVENT_F_OUT);
	assert_int_equal(drop->state, 2);
	assert_int_equal(drop->tuple.remote_port, OPEN_PORT);
	assert_int_equal(drop->raw.captured_bytes, 60);
	assert_int_equal(drop->raw.bytes[33], 0x02);
	assert_true(drop->location != 0);
	/* handed to the interface all the same, unless the filter stands in front of ours there */
	if (lab_has_hook(lab, "tcx"))
		assert_int_equal(lab_find(lab, EVENT_PACKET, 0)->cookie, cookie);
	else
		assert_int_equal(lab_count(lab, EVENT_PACKET), 0);

	/* until 6.17 a retransmission is told only if it could be sent */
	run("tc filter del dev lo egress");
	head = await(lab, EVENT_RETRANSMIT);
	again = body(head);
	assert_int_equal(head->cookie, cookie);
	assert_int_equal(again->old_state, 2);
	assert_int_equal(again->new_state, 2);
	assert_int_equal(again->flow.again_in_row, 1);
	assert_true(head->flags & EVENT_F_SOFTIRQ);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	lab_leave(lab);
}

/* From the moment that it stops on nobody hears what it says. */
static void write_in_vain(void)
{
	int fd, listener = open_listener(OPEN_PORT, 1);

	must(try_connect(OPEN_PORT, 0, &fd) == 0, "connect");
	raise(SIGSTOP);
	must(write(fd, "x", 1) == 1, "write");
	pause();
	close(listener);
}

/* The first record of a connection's retransmissions. */
static const struct ev_socket *first_retransmit(struct lab *lab, bool every)
{
	const struct event_header *head;
	int status;
	pid_t pid;

	lab_start(lab, (struct attach_options){ .packets = PACKETS_NONE, .retransmits = every });
	pid = lab_spawn(write_in_vain);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	drop_at_lo(TC_IN);
	kill(pid, SIGCONT);
	head = await(lab, EVENT_RETRANSMIT);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return body(head);
}

/* The third in a row and later ones, unless every one is asked for. */
static void test_retransmissions_of_a_connection(void **state)
{
	struct lab *lab = lab_enter();
	const struct ev_socket *again;

	(void)state;
	again = first_retransmit(lab, false);
	assert_int_equal(again->old_state, 1);
	assert_int_equal(again->flow.again_in_row, 3);
	assert_true(again->flow.retransmits >= 3);
	assert_int_equal(again->flow.unacked_bytes, 1);
	assert_int_equal(again->flow.flight_packets, 1);
	assert_int_equal(again->flow.bytes_delivered, 0);
	lab_leave(lab);

	lab = lab_enter();
	again = first_retransmit(lab, true);
	assert_true(again->flow.again_in_row <= 1); /* or by a probe for lost tails */
	assert_int_equal(again->flow.retransmits, 1);
	lab_leave(lab);
}

static void connect_to_nobody(void)
{
	struct sockaddr_in nobody = at_port(80);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	inet_pton(AF_INET, "10.9.0.77", &nobody.sin_addr);
	must(connect(fd, (void *)&nobody, sizeof(nobody)) && errno == EHOSTUNREACH, "connect");
}

static void test_a_next_hop_that_does_not_answer(void **state)
{
	struct lab *lab = lab_enter();
	const struct ev_neighbor *neighbor;
	const struct event_header *head;
	const struct ev_icmp *icmp;
	const struct ev_socket *end;
	const struct ev_drop *drop;
	__u8 nobody[EVENT_ADDRESS_SIZE] = { [10] = 0xff, 0xff, 10, 9, 0, 77 };
	__u64 cookie;

	(void)state;
	run("ip link add v0 type veth peer name v1 && ip link set v1 up &&"
	    "ip addr add 10.9.0.1/24 dev v0 && ip link set v0 up");
	lab_start(lab, (struct attach_options){ 0 });
	want_every_reason(lab);
	lab_run(connect_to_nobody);
	head = await(lab, EVENT_NEIGHBOR);
	neighbor = body(head);
	assert_memory_equal(neighbor->address, nobody, EVENT_ADDRESS_SIZE);
	assert_int_equal(neighbor->state, 0x20);
	assert_int_equal(head->ifindex, if_nametoindex("v0"));

	cookie = lab_find(lab, EVENT_OPEN, 0)->cookie;
	head = await(lab, EVENT_ICMP_SENT);
	icmp = body(head);
	assert_int_equal(head->cookie, cookie);
	assert_int_equal(icmp->type, 3);
	assert_int_equal(icmp->code, 1);
	assert_int_equal(icmp->raw.bytes[9], IPPROTO_TCP);
	head = await(lab, EVENT_DROP);
	drop = body(head);
	assert_int_equal(head->cookie, cookie);
	assert_int_equal(drop->state, 2);
	end = body(await(lab, EVENT_STATE));
	assert_int_equal(end->error, EHOSTUNREACH);
	assert_false(end->how & SOCKET_F_RESET);
	lab_leave(lab);
}

/* A host behind a tun device, played by the test. */
static int open_tun(void)
{
	struct ifreq request = { .ifr_name = "t0", .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, TUNSETIFF, &request), 0);
	run("ip addr add 10.9.9.1/24 dev t0 && ip link set t0 up");
	return fd;
}

static __u16 checksum(const __u8 *bytes, size_t size, __u32 sum)
{
	for (size_t i = 0; i < size; i += 2)
		sum += bytes[i] << 8 | (i + 1 < size ? bytes[i + 1] : 0);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons(~sum);
}

/* A SYN of 10.9.9.2:12345 with sequence number 0x01020304. */
static void send_syn(int tun, const __u8 destination[4], __u16 port)
{
	__u8 packet[40] = {
		0x45,
		0,
		0,
		40,
		0,
		1,
		0,
		0,
		64,
		IPPROTO_TCP,
		0,
		0,
		10,
		9,
		9,
		2,
		destination[0],
		destination[1],
		destination[2],
		destination[3],
		0x30,
		0x39,
		port >> 8,
		port & 0xff,
		1,
		2,
		3,
		4,
		0,
		0,
		0,
		0,
		0x50,
		2,
		4,
	};
	__u16 sum = checksum(packet, 20, 0);

	memcpy(packet + 10, &sum, 2);
	sum = checksum(packet + 12, 28, IPPROTO_TCP + 20);
	memcpy(packet + 36, &sum, 2);
	assert_int_equal(write(tun, packet, sizeof(packet)), sizeof(packet));
}

static void listen_and_wait(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(OPEN_PORT) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	must(bind(fd, (void *)&any, sizeof(any)) == 0 && listen(fd, 7) == 0, "listen");
	pause();
}

static void test_a_syn_ack_that_is_not_answered(void **state)
{
	static const __u8 here[] = { 10, 9, 9, 1 };
	struct lab *lab = lab_enter();
	const struct ev_listener *again;
	const struct event_header *head;
	int tun = open_tun();
	__u32 flags = 0;
	pid_t pid;

	(void)state;
	lab_start(lab, (struct attach_options){ 0 });
	assert_int_equal(
		attach_interface(lab->attach, lab->netns, if_nametoindex("t0"), "t0", &flags), 0);
	assert_int_equal(flags, INTERFACE_F_TC_IN | INTERFACE_F_TC_OUT);
	pid = lab_spawn(listen_and_wait);
	assert_non_null(await(lab, EVENT_OPEN));
	send_syn(tun, here, OPEN_PORT);
	head = await(lab, EVENT_SYNACK_RETRANSMIT);
	again = body(head);
	assert_int_equal(head->cookie, lab_find(lab, EVENT_OPEN, 0)->cookie);
	assert_int_equal(head->known,
			 EVENT_K_TUPLE | EVENT_K_BACKLOG | EVENT_K_ISN | EVENT_K_PENDING);
	assert_int_equal(again->isn, 0x01020304);
	assert_int_equal(again->pending, 1);
	assert_int_equal(again->backlog, 0);
	assert_int_equal(again->backlog_max, 7);
	assert_int_equal(again->retransmits, 1);
	assert_int_equal(again->tuple.local_port, OPEN_PORT);
	assert_int_equal(again->tuple.remote_port, 12345);
	/* the packets of a device without a link header */
	head = lab_find(lab, EVENT_PACKET, 0);
	assert_non_null(head);
	assert_int_equal(head->vantage, VANTAGE_TC_IN);
	assert_int_equal(((const struct ev_packet *)body(head))->raw.bytes[33], 0x02);
	head = lab_find(lab, EVENT_PACKET, 1);
	assert_non_null(head);
	assert_int_equal(head->vantage, VANTAGE_TC_OUT);
	assert_int_equal(((const struct ev_packet *)body(head))->raw.bytes[33], 0x12);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(tun);
	lab_leave(lab);
}

/* A router's answer: the packet is not from here, and no socket of ours knows it. */
static void test_an_icmp_error_for_a_forwarded_packet(void **state)
{
	static const __u8 nowhere[] = { 10, 8, 0, 1 };
	struct lab *lab = lab_enter();
	const struct event_header *head;
	const struct ev_icmp *icmp;
	int tun = open_tun();

	(void)state;
	run("echo 1 > /proc/sys/net/ipv4/ip_forward && ip route add unreachable 10.8.0.0/24");
	lab_start(lab, (struct attach_options){ 0 });
	send_syn(tun, nowhere, 80);
	head = await(lab, EVENT_ICMP_SENT);
	icmp = body(head);
	assert_int_equal(head->cookie, 0);
	assert_int_equal(head->ifindex, if_nametoindex("t0"));
	assert_int_equal(icmp->type, 3);
	assert_int_equal(icmp->code, 1);
	assert_int_equal(icmp->raw.captured_bytes, 40);
	assert_int_equal(icmp->raw.bytes[16], 10);
	assert_int_equal(icmp->raw.bytes[17], 8);
	close(tun);
	lab_leave(lab);
}

static void test_numbers_of_reasons_are_checked(void **state)
{
	struct lab *lab = lab_enter();

	(void)state;
	lab_start(lab, (struct attach_options){ .packets = PACKETS_NONE });
	assert_int_equal(attach_want_drop_reason(lab->attach, 0), 0);
	assert_int_equal(attach_want_drop_reason(lab->attach, 3 << 16 | 1), 0);
	assert_int_equal(attach_want_drop_reason(lab->attach, 256), -ERANGE);
	assert_int_equal(attach_want_drop_reason(lab->attach, 8 << 16), -ERANGE);
	lab_leave(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_dropped_syn),
		cmocka_unit_test(test_retransmissions_of_a_connection),
		cmocka_unit_test(test_a_next_hop_that_does_not_answer),
		cmocka_unit_test(test_a_syn_ack_that_is_not_answered),
		cmocka_unit_test(test_an_icmp_error_for_a_forwarded_packet),
		cmocka_unit_test(test_numbers_of_reasons_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
