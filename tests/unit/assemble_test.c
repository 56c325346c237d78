// SPDX-License-Identifier: GPL-2.0-or-later
/* assemble_test.c - the language that replays are written in */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "../replay/assemble.h"
#include "decode/decode.h"
#include "util/address.h"
#include "util/array.h"

#define BASE 1000000000000ull
#define EVENTS_MAX 256

struct taken {
	unsigned int count;
	int stop_after; /* 0: never */
	struct event event[EVENTS_MAX];
};

static int take(void *ctx, const void *record, size_t size)
{
	struct taken *taken = ctx;

	assert_true(taken->count < EVENTS_MAX);
	assert_int_equal(decode_event(record, size, &taken->event[taken->count]), 0);
	taken->count++;
	return taken->stop_after && (int)taken->count == taken->stop_after ? -ENOSPC : 0;
}

static struct taken *assemble(const char *text)
{
	static struct taken taken;

	memset(&taken, 0, sizeof(taken));
	assert_int_equal(assemble_text("test", text, take, &taken), 0);
	return &taken;
}

static const struct event *assemble_one(const char *line)
{
	struct taken *taken = assemble(line);

	assert_int_equal(taken->count, 1);
	return &taken->event[0];
}

static void assert_address(const __u8 *address, const char *printed)
{
	char buffer[64];
	struct text text = text_of(buffer);

	address_print(&text, address);
	assert_string_equal(text.at, printed);
}

static void a_state_record(void **state)
{
	const struct event *e = assemble_one("0.25 state cookie=7 netns=42 cpu=1 softirq "
					     "tuple=10.0.0.1:45678>10.0.0.2:8080 "
					     "state=SYN_SENT>CLOSE error=ECONNREFUSED isn=5");

	(void)state;
	assert_int_equal(e->head.kind, EVENT_STATE);
	assert_int_equal(e->head.ts_ns, BASE + 250000);
	assert_int_equal(e->head.cookie, 7);
	assert_int_equal(e->head.netns, 42);
	assert_int_equal(e->head.cpu, 1);
	assert_int_equal(e->head.vantage, VANTAGE_SOCKET);
	assert_int_equal(e->head.flags, EVENT_F_SOFTIRQ);
	assert_int_equal(e->head.known,
			 EVENT_K_TUPLE | EVENT_K_STATE | EVENT_K_ISN | EVENT_K_RESET_SEEN);
	assert_address(e->socket.tuple.local, "10.0.0.1");
	assert_address(e->socket.tuple.remote, "10.0.0.2");
	assert_int_equal(e->socket.tuple.local_port, 45678);
	assert_int_equal(e->socket.tuple.remote_port, 8080);
	assert_int_equal(e->socket.tuple.family, AF_INET);
	assert_int_equal(e->socket.tuple.protocol, IPPROTO_TCP);
	assert_int_equal(e->socket.old_state, 2);
	assert_int_equal(e->socket.new_state, 7);
	assert_int_equal(e->socket.error, ECONNREFUSED);
	assert_int_equal(e->socket.isn, 5);
}

static void shorthands(void **state)
{
	const struct event *e = assemble_one(
		"0 open tuple=[fe80::1]:1>[fe80::2]:80 owner=my-app[4121/4125] owner.uid=33 "
		"asked=[fe80::3]:443 how=connect socket_flags=mptcp,bound-port");

	(void)state;
	assert_int_equal(e->open.tuple.family, AF_INET6);
	assert_int_equal(e->open.tuple.local_port, 1);
	assert_string_equal(e->open.owner.comm, "my-app");
	assert_string_equal(e->open.owner.leader, "my-app");
	assert_string_equal(e->open.owner.exe, "my-app");
	assert_int_equal(e->open.owner.tgid, 4121);
	assert_int_equal(e->open.owner.tid, 4125);
	assert_int_equal(e->open.owner.uid, 33);
	assert_address(e->open.asked, "fe80::3");
	assert_int_equal(e->open.asked_port, 443);
	assert_int_equal(e->open.socket_flags, SOCKET_F_MPTCP | SOCKET_F_BOUND_PORT);
	assert_int_equal(e->head.flags, EVENT_F_TASK);
	assert_int_equal(e->head.known,
			 EVENT_K_TUPLE | EVENT_K_OWNER | EVENT_K_EXE | EVENT_K_ASKED);
	/* the address alone: the port is not chosen yet; parts of tuple and owner by themselves */
	e = assemble_one("0 open tuple=10.0.0.1>10.0.0.2:80 family=ipv6 protocol=mptcp tgid=9");
	assert_int_equal(e->open.tuple.local_port, 0);
	assert_int_equal(e->open.tuple.family, AF_INET6);
	assert_int_equal(e->open.tuple.protocol, 262);
	assert_int_equal(e->open.owner.tgid, 9);
	e = assemble_one("0 retransmit state=SYN_SENT retransmits=2 error=-EBUSY");
	assert_int_equal(e->socket.old_state, 2);
	assert_int_equal(e->socket.new_state, 2);
	assert_int_equal(e->socket.error, -EBUSY);
	assert_int_equal(e->head.known, EVENT_K_STATE | EVENT_K_COUNTERS | EVENT_K_ERROR);
	e = assemble_one("0 state old=CLOSE new=LISTEN");
	assert_int_equal(e->socket.old_state, 7);
	assert_int_equal(e->socket.new_state, 10);
	e = assemble_one("0 state state=CLOSE");
	assert_int_equal(e->socket.old_state, 0);
	assert_int_equal(e->socket.new_state, 7);
}

static void known_bits_overridden(void **state)
{
	(void)state;
	assert_int_equal(assemble_one("0 state known=+counters,-reset-seen isn=4")->head.known,
			 EVENT_K_ISN | EVENT_K_COUNTERS);
	assert_int_equal(assemble_one("0 state isn=4 known=owner")->head.known, EVENT_K_OWNER);
	assert_int_equal(assemble_one("0 state isn=4 known=none")->head.known, 0);
	assert_int_equal(assemble_one("0 state isn=4 head.known=0x10")->head.known, 0x10);
}

static void packets(void **state)
{
	const struct event *e = assemble_one(
		"1 packet out ifindex=2 packet=\"10.0.0.1:45678 > 10.0.0.2:8080 SYN seq 3812440907 "
		"win 29200 mss 1460 sack ts 5/6 wscale 7 ttl 61 id 99\"");
	char buffer[256];
	struct text text = text_of(buffer);

	(void)state;
	assert_int_equal(e->head.vantage, VANTAGE_TC_OUT);
	assert_int_equal(e->head.flags, EVENT_F_OUT);
	assert_int_equal(e->head.known, EVENT_K_PACKET);
	assert_int_equal(e->packet.what, PACKET_TCP);
	assert_address(e->packet.source, "10.0.0.1");
	assert_int_equal(e->packet.source_port, 45678);
	assert_int_equal(e->packet.ip_id, 99);
	assert_int_equal(e->packet.ts_value, 5);
	assert_int_equal(e->packet.ts_echo, 6);
	assert_int_equal(e->packet_raw.raw.wire_bytes, 60);
	packet_print(&text, &e->packet);
	assert_string_equal(text.at,
			    "SYN seq 3812440907 win 29200 mss 1460 sack ts wscale 7 ttl 61");

	e = assemble_one("1 packet packet=\"[fe80::1]:53 > [fe80::2]:99 UDP len 500\"");
	assert_int_equal(e->head.vantage, VANTAGE_TC_IN);
	assert_int_equal(e->head.flags, EVENT_F_IPV6 | EVENT_F_TRUNCATED);
	assert_int_equal(e->packet.what, PACKET_UDP);
	assert_int_equal(e->packet.payload_bytes, 500);

	e = assemble_one("1 packet vantage=cgroup-out packet=\"1.1.1.1 > 2.2.2.2 PROTO 47 len 4\"");
	assert_int_equal(e->head.flags, EVENT_F_OUT | EVENT_F_TRUNCATED);
	assert_int_equal(e->packet.protocol, 47);
	assert_int_equal(e->packet.payload_bytes, 4);

	e = assemble_one(
		"1 packet packet=\"1.1.1.1:1 > 2.2.2.2:2 FIN,PSH,ACK seq 9 len 10 cut 24\"");
	assert_int_equal(e->packet.flags, PACKET_F_CUT | PACKET_F_SHORT);
	assert_int_equal(e->packet.source_port, 1);
	assert_int_equal(e->packet_raw.raw.wire_bytes, 50);

	e = assemble_one("1 packet packet=hex:45000014000000004006000001010101020202");
	assert_int_equal(e->packet.what, PACKET_UNPARSED);
	assert_int_equal(e->packet_raw.raw.captured_bytes, 19);
	e = assemble_one("1 packet unparsed packet=none");
	assert_int_equal(e->packet.what, PACKET_UNPARSED);
}

static void icmp_packets(void **state)
{
	const struct event *e = assemble_one(
		"1 packet packet=\"10.0.0.9 > 10.0.0.1 ICMP 3/13 ttl 63 of 10.0.0.1:45678 > "
		"10.0.0.2:8080 seq 5\"");

	(void)state;
	assert_int_equal(e->packet.what, PACKET_ICMP);
	assert_int_equal(e->packet.ttl, 63);
	assert_int_equal(e->packet.icmp_code, 13);
	assert_int_equal(e->packet.flags, PACKET_F_INNER | PACKET_F_INNER_SEQ);
	assert_int_equal(e->packet.inner.seq, 5);
	assert_int_equal(e->packet.inner.protocol, IPPROTO_TCP);
	assert_int_equal(e->packet.inner.destination_port, 8080);
	e = assemble_one("1 packet packet=\"fe80::9 > fe80::1 ICMP 2/0 mtu 1280 of [fe80::1]:5 > "
			 "[fe80::2]:53 UDP\"");
	assert_int_equal(e->packet.protocol, IPPROTO_ICMPV6);
	assert_int_equal(e->packet.icmp_mtu, 1280);
	assert_int_equal(e->packet.inner.protocol, IPPROTO_UDP);
	assert_int_equal(e->packet.inner.source_port, 5);
	e = assemble_one("1 icmp-sent type=3 code=1 packet=\"1.1.1.1:1 > 2.2.2.2:2 SYN\"");
	assert_int_equal(e->icmp.type, 3);
	assert_int_equal(e->packet.tcp_flags, TCP_F_SYN);
}

static void reasons_by_the_names_of_the_recording(void **state)
{
	struct taken *taken = assemble(
		"0 name space=drop-reason value=12 text=NETFILTER_DROP\n"
		"0 name space=reset-reason value=4 text=NETFILTER_DROP\n"
		"0 name space=symbol value=0xffffffff81001000 text=nf_hook_slow\n"
		"1 drop reason=NETFILTER_DROP location=nf_hook_slow rx_cookie=9 state=SYN_SENT\n"
		"1 drop reason=77\n"
		"1 reset-sent reason=NETFILTER_DROP\n");
	const struct event *e = taken->event;

	(void)state;
	assert_int_equal(taken->count, 6);
	assert_int_equal(e[3].drop.reason, 12);
	assert_int_equal(e[3].drop.location, 0xffffffff81001000ull);
	assert_int_equal(e[3].head.known, EVENT_K_REASON | EVENT_K_RX_SOCKET | EVENT_K_STATE);
	assert_int_equal(e[3].packet.what, PACKET_NONE);
	assert_int_equal(e[4].drop.reason, 77);
	assert_int_equal(e[5].reset.reason, 4);
}

static void ticks(void **state)
{
	struct taken *taken = assemble("tick 50\n"
				       "55 state\n"
				       "tick +25\n");
	const struct event *e = taken->event;

	(void)state;
	assert_int_equal(taken->count, 6);
	assert_int_equal(e[0].head.ts_ns, BASE + 20000000);
	assert_int_equal(e[1].head.ts_ns, BASE + 40000000);
	assert_int_equal(e[2].head.ts_ns, BASE + 50000000);
	assert_int_equal(e[2].tick.sequence, 2);
	assert_int_equal(e[3].head.kind, EVENT_STATE);
	assert_int_equal(e[4].head.ts_ns, BASE + 70000000);
	assert_int_equal(e[5].head.ts_ns, BASE + 80000000);
}

static void set_and_define(void **state)
{
	struct taken *taken =
		assemble("set netns=42 ifindex=2\n"
			 "define peer 10.0.0.2:80\n"
			 "define conn cookie=7 tuple=10.0.0.1:9>$peer # the one\n"
			 "0 state $conn\n"
			 "set ifindex=3\n"
			 "+1.5 state $conn netns=43  # another\n"
			 "\n"
			 "   # nothing\n"
			 "+0 hook name=\"a # b\" why=\"say \\\"no\\\"\\x41\\n\\\\\"\n");
	const struct event *e = taken->event;

	(void)state;
	assert_int_equal(taken->count, 3);
	assert_int_equal(e[0].head.netns, 42);
	assert_int_equal(e[0].head.ifindex, 2);
	assert_int_equal(e[0].socket.tuple.remote_port, 80);
	assert_int_equal(e[1].head.netns, 43);
	assert_int_equal(e[1].head.ifindex, 3);
	assert_int_equal(e[1].head.ts_ns, BASE + 1500000);
	assert_int_equal(e[2].head.ts_ns, BASE + 1500000);
	assert_string_equal(e[2].hook.name, "a # b");
	assert_string_equal(e[2].hook.why, "say \"no\"A\n\\");
}

static void lines_of_some_kernels_only(void **state)
{
	struct taken *taken = assemble("define new\n"
				       "define old #\n"
				       "$new 1 state\n"
				       "$old 2 drop\n"
				       "define old\n"
				       "define new # no longer\n"
				       "$new 3 state\n"
				       "$old 4 drop\n"
				       "define named name=\"a # b\" # c\n"
				       "5 hook $named\n");

	(void)state;
	assert_int_equal(taken->count, 3);
	assert_string_equal(taken->event[2].hook.name, "a # b");
	assert_int_equal(taken->event[0].head.kind, EVENT_STATE);
	assert_int_equal(taken->event[1].head.kind, EVENT_DROP);
}

static void other_kinds(void **state)
{
	const struct event *e = assemble_one("100 clock");

	(void)state;
	assert_int_equal(e->clock.monotonic_ns, BASE + 100000000);
	assert_int_equal(e->clock.realtime_ns, 1795170667100000000ull);
	assert_int_equal(e->clock.boottime_ns, e->clock.monotonic_ns);
	e = assemble_one("0 start boot_id=0123456789abcdef0123456789abcdef release=6.18.44");
	assert_int_equal(e->start.boot_id[1], 0x23);
	assert_string_equal(e->start.release, "6.18.44");
	e = assemble_one("0 interface name=lo flags=up,loopback,tc-out");
	assert_int_equal(e->interface.flags,
			 INTERFACE_F_UP | INTERFACE_F_LOOPBACK | INTERFACE_F_TC_OUT);
	assert_int_equal(e->head.flags, 0);
	assert_int_equal(e->head.vantage, VANTAGE_USER);
	e = assemble_one("0 interface name=lo head.flags=loopback");
	assert_int_equal(e->head.flags, EVENT_F_LOOPBACK);
	e = assemble_one(
		"0 fact what=holder flags=absent,reuseport number=-3 limit=0x10 request=9");
	assert_int_equal(e->fact.flags, FACT_F_ABSENT | SOCKET_F_REUSEPORT << 8);
	assert_int_equal(e->fact.number, -3);
	assert_int_equal(e->fact.limit, 16);
	e = assemble_one("0 neighbor address=10.0.0.254 state=FAILED probes=3");
	assert_int_equal(e->neighbor.state, 0x20);
	e = assemble_one("0 syscall call=bind error=EADDRINUSE asked=0.0.0.0:80 type=stream "
			 "backlog=3 tuple=0.0.0.0>0.0.0.0");
	assert_int_equal(e->head.vantage, VANTAGE_SYSCALL);
	assert_int_equal(e->head.known, EVENT_K_TUPLE | EVENT_K_ASKED | EVENT_K_BACKLOG);
	assert_int_equal(e->syscall.error, EADDRINUSE);
	e = assemble_one("0 lost packet=5 drop=2");
	assert_int_equal(e->lost.by_kind[EVENT_PACKET], 5);
	assert_int_equal(e->lost.by_kind[EVENT_DROP], 2);
	e = assemble_one(
		"0 listen-full tuple=10.0.0.1:80>10.0.0.9:1 backlog=129 backlog_max=128 isn=3");
	assert_int_equal(e->head.known, EVENT_K_TUPLE | EVENT_K_BACKLOG | EVENT_K_ISN);
	e = assemble_one(
		"0 socket tuple=0.0.0.0:80>0.0.0.0 state=LISTEN owner=nginx[80] flags=v6only");
	assert_int_equal(e->head.vantage, VANTAGE_ITERATOR);
	assert_int_equal(e->snapshot.state, 10);
	assert_int_equal(e->snapshot.flags, SOCKET_F_V6ONLY);
}

/* Runs @text and gives what it wrote to standard error. */
/* A capture: its start says so, its frames count themselves. */
static void frames(void **state)
{
	struct taken *taken = assemble(
		"0 start vantage=file\n0 clock\n"
		"1 frame packet=\"10.0.0.1:45678 > 10.0.0.2:8080 SYN seq 5\"\n"
		"2 frame out how=direction,tunnel vlan=7 link=113 packet=\"[fe80::1]:5 > [fe80::2]:80 "
		"RST seq 9\"\n"
		"3 frame unread=not-ip file=1 frame=40\n"
		"4 frame unread=cut\n");
	const struct event *e = taken->event;

	(void)state;
	assert_int_equal(taken->count, 6);
	assert_int_equal(e[0].head.vantage, VANTAGE_FILE);
	assert_int_equal(e[2].head.vantage, VANTAGE_FILE);
	assert_int_equal(e[2].head.known, EVENT_K_PACKET);
	assert_int_equal(e[2].frame.frame, 1);
	assert_int_equal(e[2].packet.what, PACKET_TCP);
	assert_int_equal(e[2].packet.seq, 5);
	assert_int_equal(e[2].bytes_captured, e[2].frame.raw.captured_bytes);
	assert_int_equal(e[3].frame.frame, 2);
	assert_int_equal(e[3].frame.how, FRAME_F_DIRECTION | FRAME_F_TUNNEL);
	assert_int_equal(e[3].frame.vlan, 7);
	assert_int_equal(e[3].frame.link, 113);
	assert_int_equal(e[3].head.flags, EVENT_F_OUT | EVENT_F_IPV6);
	assert_int_equal(e[4].head.known, 0);
	assert_int_equal(e[4].frame.unread, UNREAD_NOT_IP);
	assert_int_equal(e[4].frame.frame, 40);
	assert_int_equal(e[4].packet.what, PACKET_NONE);
	assert_int_equal(e[5].frame.frame, 4);
	assert_int_equal(e[5].frame.unread, UNREAD_CUT);
}

static void mistake_of(const char *text, char *said, size_t size)
{
	struct taken taken = { .count = 0 };
	FILE *file = tmpfile();
	int kept = dup(STDERR_FILENO);
	size_t n;

	assert_non_null(file);
	fflush(stderr);
	assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
	assert_int_equal(assemble_text("dir/test", text, take, &taken), -EINVAL);
	fflush(stderr);
	dup2(kept, STDERR_FILENO);
	close(kept);
	rewind(file);
	n = fread(said, 1, size - 1, file);
	said[n] = '\0';
	fclose(file);
}

static void mistakes_have_a_line(void **state)
{
	static const struct {
		const char *text;
		const char *says;
	} cases[] = {
		{ "0 state\n0 stat\n", "dir/test:2: \"stat\" is no kind of record\n" },
		{ "0", "dir/test:1: \"\" is no kind of record\n" },
		{ "x state", "dir/test:1: \"x\": an offset in ms, include, define, set or tick\n" },
		{ "-1 state",
		  "dir/test:1: \"-1\": an offset in ms, include, define, set or tick\n" },
		{ "nan state",
		  "dir/test:1: \"nan\": an offset in ms, include, define, set or tick\n" },
		{ "0 state colour=red", "dir/test:1: a state record has no field \"colour\"\n" },
		{ "0 state green", "dir/test:1: \"green\": FIELD=VALUE or a flag expected\n" },
		{ "0 state state=SYN", "dir/test:1: state: OLD>NEW or a state expected\n" },
		{ "0 state error=EFOO",
		  "dir/test:1: error: \"EFOO\" is neither a number nor a name\n" },
		{ "0 state isn=4294967296", "dir/test:1: isn: 4294967296 does not fit\n" },
		{ "0 state isn=", "dir/test:1: isn: \"\" is neither a number nor a name\n" },
		{ "0 state tuple=1.1.1.1", "dir/test:1: tuple: LOCAL:PORT>REMOTE:PORT expected\n" },
		{ "0 state tuple=1.1.1.1:70000>2.2.2.2:1",
		  "dir/test:1: tuple: LOCAL:PORT>REMOTE:PORT expected\n" },
		{ "0 state owner=a[1]", "dir/test:1: this kind has no owner\n" },
		{ "0 open owner=a", "dir/test:1: owner: COMM[PID] expected\n" },
		{ "0 open owner=a[0]", "dir/test:1: owner: \"0\" is no pid\n" },
		{ "0 tick tuple=1.1.1.1>2.2.2.2", "dir/test:1: this kind has no tuple\n" },
		{ "0 netns name=0123456789012345678901234567890123456789012345678901234567890",
		  "dir/test:1: name: at most 59 bytes\n" },
		{ "0 hook name=\"x", "dir/test:1: a quote is not closed\n" },
		{ "0 state $conn", "dir/test:1: $conn is not defined\n" },
		{ "0 state flags=out,inn", "dir/test:1: flags: no flag \"inn\"\n" },
		{ "0 drop reason=NETFILTER_DROP",
		  "dir/test:1: reason: \"NETFILTER_DROP\" is neither a number nor a name\n" },
		{ "0 drop location=x",
		  "dir/test:1: location: \"x\" is no number and no name record has it\n" },
		{ "0 packet packet=\"1.1.1.1 > ::1 SYN\"",
		  "dir/test:1: packet: source and destination are of different families\n" },
		{ "0 packet packet=\"1.1.1.1 2.2.2.2 SYN\"",
		  "dir/test:1: packet: SOURCE > DESTINATION expected\n" },
		{ "0 packet packet=\"1.1.1.1 > 2.2.2.2 SIN\"",
		  "dir/test:1: packet: neither TCP flags (SYN,ACK) nor UDP, ICMP or PROTO\n" },
		{ "0 packet packet=\"1.1.1.1 > 2.2.2.2 SYN seq\"",
		  "dir/test:1: packet: a word of the packet wants a number behind it\n" },
		{ "0 packet packet=\"1.1.1.1 > 2.2.2.2 SYN of 1.1.1.1 > 2.2.2.2\"",
		  "dir/test:1: packet: only an ICMP is of another packet\n" },
		{ "tick 100\ntick 90", "dir/test:2: the last tick is not before 90 ms\n" },
		{ "set", "" },
		{ "set colour=1", "dir/test:1: a tick record has no field \"colour\"\n"
				  "dir/test:1: set: header fields only\n" },
		{ "include no-such-file",
		  "dir/test:1: dir/no-such-file: No such file or directory\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char said[512];

		if (!*cases[i].says) {
			assert_int_equal(assemble(cases[i].text)->count, 0);
			continue;
		}
		mistake_of(cases[i].text, said, sizeof(said));
		assert_string_equal(said, cases[i].says);
	}
}

static void the_taker_ends_it(void **state)
{
	struct taken taken = { .stop_after = 2 };

	(void)state;
	assert_int_equal(assemble_text("t", "0 state\n0 state\n0 state\n", take, &taken), -ENOSPC);
	assert_int_equal(taken.count, 2);
}

static void both_preambles(void **state)
{
	static const struct {
		const char *path;
		unsigned int netfilter_drop, neigh_failed, reset_names;
	} cases[] = {
		/* numbers as in the enums of these kernels' BTF */
		{ "tests/replay/preamble-6.18.events", 12, 58, 25 },
		{ "tests/replay/preamble-6.1.events", 7, 41, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		static struct taken taken;
		unsigned int seen = 0, reset_names = 0, interfaces = 0;

		memset(&taken, 0, sizeof(taken));
		assert_int_equal(assemble_file(cases[i].path, take, &taken), 0);
		assert_int_equal(taken.event[0].head.kind, EVENT_START);
		assert_int_equal(taken.event[1].head.kind, EVENT_CLOCK);
		assert_int_equal(taken.event[taken.count - 1].head.kind, EVENT_TICK);
		for (unsigned int n = 0; n < taken.count; n++) {
			const struct event *e = &taken.event[n];

			interfaces += e->head.kind == EVENT_INTERFACE;
			if (e->head.kind != EVENT_NAME)
				continue;
			reset_names += e->name.space == NAME_RESET_REASON;
			if (e->name.space != NAME_DROP_REASON)
				continue;
			if (!strcmp(e->name.text, "NETFILTER_DROP"))
				seen += e->name.value == cases[i].netfilter_drop;
			if (!strcmp(e->name.text, "NEIGH_FAILED"))
				seen += e->name.value == cases[i].neigh_failed;
		}
		assert_int_equal(seen, 2);
		assert_int_equal(reset_names, cases[i].reset_names);
		assert_int_equal(interfaces, 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_state_record),
		cmocka_unit_test(shorthands),
		cmocka_unit_test(known_bits_overridden),
		cmocka_unit_test(packets),
		cmocka_unit_test(icmp_packets),
		cmocka_unit_test(reasons_by_the_names_of_the_recording),
		cmocka_unit_test(ticks),
		cmocka_unit_test(set_and_define),
		cmocka_unit_test(lines_of_some_kernels_only),
		cmocka_unit_test(other_kinds),
		cmocka_unit_test(frames),
		cmocka_unit_test(mistakes_have_a_line),
		cmocka_unit_test(the_taker_ends_it),
		cmocka_unit_test(both_preambles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
