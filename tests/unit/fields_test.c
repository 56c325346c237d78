// SPDX-License-Identifier: GPL-2.0-or-later
/* fields_test.c - the field tables cover the records, and every value prints */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <errno.h>
#include <limits.h>
#include <linux/neighbour.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "decode/decode.h"
#include "decode/names.h"
#include "util/array.h"

static void check_table(const struct field *fields, size_t body)
{
	__u8 covered[EVENT_SIZE_MAX] = { 0 };
	unsigned int hole = 0;

	assert_non_null(fields);
	assert_non_null(fields->name);
	for (const struct field *f = fields; f->name; f++) {
		for (const struct field *other = fields; other != f; other++)
			assert_string_not_equal(other->name, f->name);
		assert_true((size_t)f->offset + f->size <= body);
		for (size_t i = f->offset; i < (size_t)f->offset + f->size; i++)
			assert_int_equal(covered[i]++, 0);
		assert_true(f->type < FIELD_TYPE_COUNT);
		assert_int_equal(f->known & (f->known - 1), 0);
		if (f->type == FIELD_NAME)
			assert_non_null(f->names);
		switch (f->type) {
		case FIELD_U8:
		case FIELD_STATE:
			assert_int_equal(f->size, 1);
			break;
		case FIELD_U16:
			assert_int_equal(f->size, 2);
			break;
		case FIELD_U32:
		case FIELD_S32:
		case FIELD_ERRNO:
			assert_int_equal(f->size, 4);
			break;
		case FIELD_U64:
		case FIELD_S64:
			assert_int_equal(f->size, 8);
			break;
		case FIELD_ADDRESS:
			assert_int_equal(f->size, EVENT_ADDRESS_SIZE);
			break;
		case FIELD_RAW:
			assert_int_equal(f->size, sizeof(struct ev_raw));
			break;
		}
	}
	/* what no field covers is padding, which is never 8 bytes */
	for (size_t i = 0; i < body; i++) {
		hole = covered[i] ? 0 : hole + 1;
		assert_true(hole < 8);
	}
}

static void tables_cover_the_bodies(void **state)
{
	(void)state;
	for (unsigned int kind = 1; kind < EVENT_KIND_COUNT; kind++) {
		if (kind == EVENT_LOST || kind == EVENT_SUPPRESSED)
			continue; /* one number a kind: see below */
		check_table(decode_fields(kind), decode_body_size(kind));
	}
	check_table(decode_header_fields(), sizeof(struct event_header));
	assert_null(decode_fields(EVENT_NONE));
	assert_null(decode_fields(EVENT_KIND_COUNT));
	assert_int_equal(decode_body_size(EVENT_NONE), 0);
	assert_int_equal(decode_body_size(EVENT_KIND_COUNT), 0);
	assert_int_equal(decode_body_size(UINT_MAX), 0);
}

static void body_sizes(void **state)
{
	(void)state;
#define X(id, text, body, what) assert_int_equal(decode_body_size(EVENT_##id), sizeof(struct body));
	EVENT_KINDS(X)
#undef X
}

static void lost_has_a_number_for_every_kind(void **state)
{
	const struct field *field = decode_fields(EVENT_LOST);
	unsigned int kind = 1;

	(void)state;
	for (; field->name; field++, kind++) {
		assert_string_equal(field->name, decode_kind_name(kind));
		assert_int_equal(field->offset, 8 * kind);
	}
	assert_int_equal(kind, EVENT_KIND_COUNT);
}

static void print(const char *expected, unsigned int kind, const char *name, const void *body)
{
	for (const struct field *f = decode_fields(kind); f->name; f++) {
		char buffer[256];
		struct text text = text_of(buffer);

		if (strcmp(f->name, name))
			continue;
		field_print(&text, f, body);
		assert_string_equal(text.at, expected);
		return;
	}
	fail_msg("no field %s", name);
}

static void values_of_sockets(void **state)
{
	struct ev_socket socket = {
		.tuple = { .local = { [10] = 0xff, [11] = 0xff, 10, 0, 0, 1 },
			   .remote = { 0xfe, 0x80, [15] = 1 },
			   .local_port = 45678,
			   .family = AF_INET,
			   .protocol = IPPROTO_TCP },
		.error = ECONNREFUSED,
		.soft_error = 4000,
		.isn = UINT_MAX,
		.signal = 9,
		.old_state = 2,
		.new_state = 99,
		.how = 0x21,
		.flow = { .bytes_delivered = UINT64_MAX, .probes = 3 },
	};

	(void)state;
	print("10.0.0.1", EVENT_STATE, "tuple.local", &socket);
	print("fe80::1", EVENT_STATE, "tuple.remote", &socket);
	print("45678", EVENT_STATE, "tuple.local_port", &socket);
	print("0", EVENT_STATE, "tuple.remote_port", &socket);
	print("ipv4", EVENT_STATE, "tuple.family", &socket);
	print("tcp", EVENT_STATE, "tuple.protocol", &socket);
	print("ECONNREFUSED", EVENT_STATE, "error", &socket);
	print("4000", EVENT_STATE, "soft_error", &socket);
	print("4294967295", EVENT_STATE, "isn", &socket);
	print("SIGKILL", EVENT_STATE, "signal", &socket);
	print("18446744073709551615", EVENT_STATE, "bytes_sent", &socket);
	print("SYN_SENT", EVENT_STATE, "old_state", &socket);
	print("99", EVENT_STATE, "new_state", &socket);
	print("0x21", EVENT_STATE, "how", &socket);
	print("3", EVENT_STATE, "probes", &socket);
	socket.error = -EBUSY; /* as a retransmit has it */
	print("-EBUSY", EVENT_RETRANSMIT, "error", &socket);
	socket.error = INT_MIN;
	print("-2147483648", EVENT_RETRANSMIT, "error", &socket);
	socket.error = 0;
	print("0", EVENT_STATE, "error", &socket);
}

static void values_of_the_rest(void **state)
{
	struct ev_fact fact = { .number = INT64_MIN, .what = FACT_ROUTE, .port = 7, .name = "a\nb" };
	struct ev_start start = { .boot_id = { 0x01, 0xab }, .kernel_version = 0x06122c };
	struct ev_task task = { .exit_code = -9, .how = TASK_EXEC };
	struct ev_name name = { .space = NAME_SYMBOL };
	struct ev_neighbor neighbor = { .state = NUD_FAILED };
	struct ev_drop drop = { .location = 0xffffffff81000000ull, .reason = 12 };
	struct ev_interface interface = { .flags = 3, .name = "sixteen bytes+++" };

	(void)state;
	print("-9223372036854775808", EVENT_FACT, "number", &fact);
	print("route", EVENT_FACT, "what", &fact);
	print("7", EVENT_FACT, "port", &fact);
	print("a\\x0ab", EVENT_FACT, "name", &fact);
	print("::", EVENT_FACT, "address", &fact);
	print("01ab0000000000000000000000000000", EVENT_START, "boot_id", &start);
	print("0x6122c", EVENT_START, "kernel_version", &start);
	print("-9", EVENT_TASK, "exit_code", &task);
	print("exec", EVENT_TASK, "how", &task);
	print("symbol", EVENT_NAME, "space", &name);
	print("FAILED", EVENT_NEIGHBOR, "state", &neighbor);
	print("0xffffffff81000000", EVENT_DROP, "location", &drop);
	print("12", EVENT_DROP, "reason", &drop);
	print("", EVENT_DROP, "packet", &drop);
	print("0x3", EVENT_INTERFACE, "flags", &interface);
	print("sixteen bytes+++", EVENT_INTERFACE, "name", &interface);
}

static void value_of_a_packet(void **state)
{
	static const __u8 udp[] = { 0x45, 0, 0, 30, 0, 0, 0, 0, 64, 17, 0,  0, 1, 1, 1,
				    1,	  2, 2, 2,  2, 0, 1, 0, 2,  0,	10, 0, 0, 0, 0 };
	struct ev_icmp icmp = { .raw = { .wire_bytes = 1, .captured_bytes = sizeof(udp) } };

	(void)state;
	memcpy(icmp.raw.bytes, udp, sizeof(udp));
	print("UDP len 2 ttl 64", EVENT_ICMP_SENT, "packet", &icmp);
	icmp.raw.captured_bytes = EVENT_PACKET_MAX + 1; /* never decoded: nothing to print */
	print("", EVENT_ICMP_SENT, "packet", &icmp);
}

static void header_values(void **state)
{
	struct event_header head = { .kind = EVENT_DROP, .vantage = VANTAGE_TC_IN, .known = 0x41 };
	char line[512];
	struct text text = text_of(line);

	(void)state;
	for (const struct field *f = decode_header_fields(); f->name; f++) {
		text_add(&text, "%s=", f->name);
		field_print(&text, f, &head);
		text_add(&text, " ");
	}
	assert_string_equal(text.at,
			    "ts_ns=0 cookie=0 netns=0 ifindex=0 lost=0 known=0x41 kind=drop "
			    "size=0 cpu=0 vantage=tc-in flags=0x0 ");
}

/* Names by number; every table ends where the enum does. */
static void check_names(const char *(*names)(unsigned int), const char *const *expected,
			size_t count)
{
	for (unsigned int i = 0; i < count; i++) {
		if (expected[i])
			assert_string_equal(names(i), expected[i]);
		else
			assert_null(names(i));
	}
	assert_null(names((unsigned int)count));
	assert_null(names(UINT_MAX));
}

#define CHECK_NAMES(names, ...)                                        \
	do {                                                           \
		static const char *const expected[] = { __VA_ARGS__ }; \
		check_names(names, expected, ARRAY_SIZE(expected));    \
	} while (0)

static void names_by_number(void **state)
{
	(void)state;
	CHECK_NAMES(decode_kind_name, NULL, "open", "state", "error", "retransmit",
		    "synack-retransmit", "reset-sent", "reset-received", "drop", "syscall",
		    "listen-full", "packet", "icmp-sent", "neighbor", "task", "piece", "claim",
		    "start", "hook", "clock", "tick", "interface", "netns", "name", "process",
		    "socket", "fact", "change", "lost", "suppressed", "end", "frame", "gauge");
	CHECK_NAMES(decode_gauge_name, "conntrack", "tcp-memory", "tcp-pressures", "tcp-aborted");
	CHECK_NAMES(decode_state_name, NULL, "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1",
		    "FIN_WAIT2", "TIME_WAIT", "CLOSE", "CLOSE_WAIT", "LAST_ACK", "LISTEN",
		    "CLOSING", "NEW_SYN_RECV");
	CHECK_NAMES(decode_syscall_name, "socket", "bind", "listen", "connect", "accept", "send",
		    "receive", "poll", "select", "epoll_wait", "shutdown", "close");
	CHECK_NAMES(decode_vantage_name, "user", "socket", "syscall", "tc-in", "tc-out",
		    "cgroup-in", "cgroup-out", "iterator", "file");
	CHECK_NAMES(decode_unread_name, "", "link", "not-ip", "cut", "malformed", "fragment");
	CHECK_NAMES(decode_unread_meaning, NULL, "of an unknown link type", "not IP",
		    "cut short before the IP header", "malformed", "fragments of others");
	CHECK_NAMES(decode_fact_name, NULL, "route", "neighbor", "sysctl", "address", "holder",
		    "listener", "port-use", "ruleset", "counter", "task-state", "capability",
		    "bpf-program", "done", "resolver", "open-files", "unix-path", "unix-listener",
		    "lsm", "proxy");
	CHECK_NAMES(decode_open_name, "connect", "listen", "bind", "accept", "lookup", "datagram",
		    "unanswered", "nscd", "resolved", "avahi");
	CHECK_NAMES(decode_task_name, "fork", "exec", "exit");
	CHECK_NAMES(decode_hook_state_name, "attached", "missing", "left-out", "detached");
	CHECK_NAMES(decode_name_space_name, "drop-reason", "reset-reason", "symbol");
	CHECK_NAMES(decode_change_name, "route", "address", "link", "ruleset", "listener");
	CHECK_NAMES(decode_socket_type_name, NULL, "stream", "dgram", "raw", NULL, "seqpacket");
	CHECK_NAMES(decode_neighbor_name, "NONE", "INCOMPLETE", "REACHABLE", NULL, "STALE");
	assert_string_equal(decode_neighbor_name(NUD_NOARP), "NOARP");
	assert_string_equal(decode_neighbor_name(NUD_PERMANENT), "PERMANENT");
	assert_string_equal(decode_neighbor_name(NUD_DELAY), "DELAY");
	assert_string_equal(decode_neighbor_name(NUD_PROBE), "PROBE");
	assert_string_equal(decode_family_name(AF_INET6), "ipv6");
	assert_string_equal(decode_family_name(AF_UNIX), "unix");
	assert_null(decode_family_name(AF_PACKET));
	assert_string_equal(decode_protocol_name(IPPROTO_ICMPV6), "icmpv6");
	assert_string_equal(decode_protocol_name(262), "mptcp");
	assert_null(decode_protocol_name(47));
}

/* signal(7), table "Standard signals", x86 and arm; printed by `kill -l` too. */
static void signal_names(void **state)
{
	(void)state;
	CHECK_NAMES(decode_signal_name, NULL, "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP",
		    "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1", "SIGSEGV", "SIGUSR2",
		    "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP",
		    "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGXCPU", "SIGXFSZ", "SIGVTALRM",
		    "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR", "SIGSYS");
}

static void errno_names(void **state)
{
	static const struct {
		int error;
		const char *name;
	} cases[] = {
		{ 1, "EPERM" },
		{ 2, "ENOENT" },
		{ 11, "EAGAIN" },
		{ 13, "EACCES" },
		{ 22, "EINVAL" },
		{ 24, "EMFILE" },
		{ 32, "EPIPE" },
		{ 35, "EDEADLK" },
		{ 40, "ELOOP" },
		{ 71, "EPROTO" },
		{ 88, "ENOTSOCK" },
		{ 95, "EOPNOTSUPP" },
		{ 97, "EAFNOSUPPORT" },
		{ 98, "EADDRINUSE" },
		{ 99, "EADDRNOTAVAIL" },
		{ 100, "ENETDOWN" },
		{ 101, "ENETUNREACH" },
		{ 103, "ECONNABORTED" },
		{ 104, "ECONNRESET" },
		{ 105, "ENOBUFS" },
		{ 106, "EISCONN" },
		{ 110, "ETIMEDOUT" },
		{ 111, "ECONNREFUSED" },
		{ 112, "EHOSTDOWN" },
		{ 113, "EHOSTUNREACH" },
		{ 114, "EALREADY" },
		{ 115, "EINPROGRESS" },
		{ 125, "ECANCELED" },
		{ 133, "EHWPOISON" },
		{ 512, "ERESTARTSYS" },
		{ 513, "ERESTARTNOINTR" },
		{ 514, "ERESTARTNOHAND" },
		{ 516, "ERESTART_RESTARTBLOCK" },
	};
	unsigned int named = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(decode_errno_name(cases[i].error), cases[i].name);
	/* all of asm-generic/errno.h: 133 numbers of which 41 and 58 are unused */
	for (int error = 1; error <= 133; error++) {
		named += !!decode_errno_name(error);
		assert_int_equal(!decode_errno_name(error), error == 41 || error == 58);
	}
	assert_int_equal(named, 131);
	assert_null(decode_errno_name(0));
	assert_null(decode_errno_name(-1));
	assert_null(decode_errno_name(134));
	assert_null(decode_errno_name(511));
	assert_null(decode_errno_name(INT_MAX));
	assert_null(decode_errno_name(INT_MIN));
}

static void errno_meanings(void **state)
{
	/* ip(7), tcp(7), socket(2), bind(2), listen(2), connect(2), accept(2): what they can give */
	static const int calls[] = {
		EPERM,	      ENOENT,	    EINTR,	     EBADF,	      EAGAIN,
		ENOMEM,	      EACCES,	    EFAULT,	     ENOTDIR,	      EINVAL,
		ENFILE,	      EMFILE,	    EROFS,	     EPIPE,	      ENAMETOOLONG,
		ELOOP,	      EPROTO,	    ENOTSOCK,	     EDESTADDRREQ,    EMSGSIZE,
		EPROTOTYPE,   ENOPROTOOPT,  EPROTONOSUPPORT, ESOCKTNOSUPPORT, EOPNOTSUPP,
		EAFNOSUPPORT, EADDRINUSE,   EADDRNOTAVAIL,   ENETDOWN,	      ENETUNREACH,
		ECONNABORTED, ECONNRESET,   ENOBUFS,	     EISCONN,	      ENOTCONN,
		ETIMEDOUT,    ECONNREFUSED, EHOSTDOWN,	     EHOSTUNREACH,    EALREADY,
		EINPROGRESS,  EBUSY,	    ENODEV,	     ENOSYS,	      ENETRESET,
		ESHUTDOWN,    ECANCELED,
	};
	unsigned int explained = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		assert_non_null(decode_errno_meaning(calls[i]));
	for (int error = -1; error < 600; error++) {
		const char *meaning = decode_errno_meaning(error);

		if (!meaning)
			continue;
		explained++;
		assert_non_null(decode_errno_name(error));
		assert_string_not_equal(meaning, strerror(error)); /* whose words have a locale */
		assert_true(meaning[0] >= 'a' && meaning[0] <= 'z');
		assert_true(meaning[strlen(meaning) - 1] != '.');
	}
	assert_int_equal(explained, 54);
	assert_null(decode_errno_meaning(0));
	assert_null(decode_errno_meaning(EXDEV));
}

static void icmp_names(void **state)
{
	static const struct {
		bool ipv6;
		unsigned int type, code;
		const char *name;
	} cases[] = {
		{ false, 3, 0, "network unreachable" },
		{ false, 3, 1, "host unreachable" },
		{ false, 3, 2, "protocol unreachable" },
		{ false, 3, 3, "port unreachable" },
		{ false, 3, 4, "fragmentation needed" },
		{ false, 3, 5, "source route failed" },
		{ false, 3, 6, "network unknown" },
		{ false, 3, 7, "host unknown" },
		{ false, 3, 9, "network prohibited" },
		{ false, 3, 10, "host prohibited" },
		{ false, 3, 13, "administratively prohibited" },
		{ false, 3, 15, "precedence cutoff" },
		{ false, 3, 16, "unreachable" },
		{ false, 5, 1, "redirect for the host" },
		{ false, 5, 9, "redirect" },
		{ false, 8, 0, "echo request" },
		{ false, 11, 0, "time to live exceeded" },
		{ false, 11, 1, "reassembly time exceeded" },
		{ false, 12, 0, "parameter problem" },
		{ false, 42, 0, NULL },
		{ false, 300, 0, NULL },
		{ true, 1, 0, "no route" },
		{ true, 1, 1, "administratively prohibited" },
		{ true, 1, 2, "beyond the scope of the source address" },
		{ true, 1, 3, "address unreachable" },
		{ true, 1, 4, "port unreachable" },
		{ true, 1, 5, "source address failed policy" },
		{ true, 1, 6, "route rejects" },
		{ true, 1, 9, "unreachable" },
		{ true, 2, 0, "packet too big" },
		{ true, 3, 0, "hop limit exceeded" },
		{ true, 4, 1, "unrecognized next header" },
		{ true, 135, 0, "neighbor solicitation" },
		{ true, 136, 0, "neighbor advertisement" },
		{ true, 0, 0, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *name = decode_icmp_name(cases[i].ipv6, cases[i].type, cases[i].code);

		if (cases[i].name)
			assert_string_equal(name, cases[i].name);
		else
			assert_null(name);
	}
}

/* What net/ipv4/icmp.c and net/ipv6/icmp.c make of them; the live tests ask the kernel itself. */
static void icmp_errors_give_the_kernels_errno(void **state)
{
	(void)state;
	assert_int_equal(decode_icmp_errno(false, 3, 0), ENETUNREACH);
	assert_int_equal(decode_icmp_errno(false, 3, 3), ECONNREFUSED);
	assert_int_equal(decode_icmp_errno(false, 3, 15), EHOSTUNREACH);
	assert_int_equal(decode_icmp_errno(true, 1, 1), EACCES);
	assert_int_equal(decode_icmp_errno(true, 1, 6), EACCES);
	assert_int_equal(decode_icmp_errno(false, 3, 4), 0); /* too big: no refusal */
	assert_int_equal(decode_icmp_errno(false, 3, 16), 0);
	assert_int_equal(decode_icmp_errno(false, 11, 0), 0);
	assert_int_equal(decode_icmp_errno(true, 1, 7), 0);
	assert_int_equal(decode_icmp_errno(true, 3, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(icmp_errors_give_the_kernels_errno),
		cmocka_unit_test(tables_cover_the_bodies),
		cmocka_unit_test(body_sizes),
		cmocka_unit_test(lost_has_a_number_for_every_kind),
		cmocka_unit_test(values_of_sockets),
		cmocka_unit_test(values_of_the_rest),
		cmocka_unit_test(value_of_a_packet),
		cmocka_unit_test(header_values),
		cmocka_unit_test(names_by_number),
		cmocka_unit_test(signal_names),
		cmocka_unit_test(errno_names),
		cmocka_unit_test(errno_meanings),
		cmocka_unit_test(icmp_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
