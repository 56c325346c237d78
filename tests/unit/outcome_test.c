// SPDX-License-Identifier: GPL-2.0-or-later
/* outcome_test.c - what became of a connection: the same from its packets and from its socket */

#include "join_fixture.h"
#include "util/array.h"

#define S TCP_F_SYN
#define A TCP_F_ACK
#define F TCP_F_FIN
#define R TCP_F_RST

enum { CLIENT_ISN = 1000, SERVER_ISN = 5000, PORT = 40000 };

/* One segment; numbers relative to the ISN of who sends it and of the other side. */
struct row {
	char from; /* 'c' or 's' */
	__u8 flags;
	__u32 seq;
	__u32 ack;
	__u32 length;
	__u64 ms;
};

#define HANDSHAKE                                           \
	{ 'c', S, .ms = 1 }, { 's', S | A, 0, 1, .ms = 2 }, \
	{                                                   \
		'c', A, 1, 1, .ms = 2                       \
	}

static struct join *join_of(bool capture)
{
	struct join_limits limits = join_limits_default;
	struct event start = event(EVENT_START, 0, 0);
	struct join *join;

	limits.connections = 64;
	limits.strays = 16;
	limits.flows = 4;
	limits.segments = true;
	limits.established = true;
	assert_int_equal(join_new(&join, &limits), 0);
	if (capture)
		start.head.vantage = VANTAGE_FILE;
	else
		start.head.known = EVENT_K_FLOW;
	feed(join, start);
	return join;
}

static void feed_frame(struct join *join, const struct row *row, __u64 frame)
{
	static const __u8 payload[] = "a";
	bool in = row->from == 's';
	struct event e = tcp_packet(row->ms, 0, in, PORT, row->flags,
				    (in ? SERVER_ISN : CLIENT_ISN) + row->seq,
				    row->flags & A ? (in ? CLIENT_ISN : SERVER_ISN) + row->ack : 0);

	e.head.kind = EVENT_FRAME;
	e.head.vantage = VANTAGE_FILE;
	e.head.netns = 0;
	memset(&e.frame, 0, sizeof(e.frame));
	e.frame.frame = frame;
	e.bytes = payload;
	e.bytes_captured = 0;
	e.packet.payload_bytes = row->length;
	e.packet.window = 1000;
	e.packet.ttl = in ? 60 : 64;
	e.packet.ip_id = (__u16)frame;
	if (row->flags & S) {
		e.packet.mss = 1460;
		e.packet.flags = PACKET_F_MSS;
	}
	feed(join, e);
}

/* Of all that is due: what became of the connection. */
static bool judged(struct join *join, struct outcome *outcome)
{
	struct attempt *attempt;
	bool found = false;

	while (!found && (attempt = join_due(join))) {
		found = attempt_outcome(join, attempt, outcome);
		join_told(join, attempt, NULL);
	}
	return found;
}

/* What the packets tell, once the connection is judged or the capture ends. */
static bool play(const struct row *rows, size_t count, struct outcome *outcome)
{
	struct join *join = join_of(true);
	bool found = false;

	for (size_t i = 0; i < count && !found; i++) {
		feed_frame(join, &rows[i], i + 1);
		found = judged(join, outcome);
	}
	if (!found)
		join_finish(join);
	found = found || judged(join, outcome);
	outcome->tls = NULL;
	join_free(join);
	return found;
}

#define PLAY(outcome, ...)                                              \
	do {                                                            \
		const struct row rows_[] = { __VA_ARGS__ };             \
		assert_true(play(rows_, ARRAY_SIZE(rows_), (outcome))); \
	} while (0)

/* The client's socket, as the kernel tells of its end at @ms, 7 its own bytes sent and 9 received. */
struct ending {
	__u64 ms;
	__u8 state;
	__s32 error;
	__u8 how; /* SOCKET_F_* */
	struct event_flow counts;
};

static void end_socket(const struct ending *ending, struct outcome *outcome)
{
	struct join *join = join_of(false);
	struct event e = opens(1, 1, 5, 2, 80);
	struct figures figures;
	const struct flow *flow;

	feed(join, e);
	e = state_to(2, 1, 1, 0);
	e.socket.tuple.local_port = PORT;
	feed(join, e);
	e = state_to(ending->ms, 1, 7, ending->error);
	e.socket.old_state = ending->state;
	e.socket.how = ending->how;
	e.socket.flow = ending->counts;
	e.head.known = EVENT_K_TUPLE | EVENT_K_FLOW | EVENT_K_COUNTERS;
	feed(join, e);
	flow = join_flow_due(join, true);
	assert_non_null(flow);
	figures_take_flow(&figures, flow, ending->ms * MS);
	outcome_take_figures(outcome, &figures);
	join_free(join);
}

static const struct outcome_side *client_of(const struct outcome *outcome)
{
	return &outcome->side[outcome->figures.client];
}

static const struct outcome_side *server_of(const struct outcome *outcome)
{
	return &outcome->side[!outcome->figures.client];
}

/* "client", "server" or nobody: the indexes of the sides differ. */
static int role_of(const struct outcome *outcome, int side)
{
	return side == FIGURES_NEITHER ? 0 : side == outcome->figures.client ? 'c' : 's';
}

static void assert_same_side(const struct outcome_side *a, const struct outcome_side *b)
{
	__u32 known = a->known & b->known;

	if (known & OUTCOME_SPOKE)
		assert_int_equal(a->spoke, b->spoke);
	if (known & OUTCOME_ACKED)
		assert_int_equal(a->acked_bytes, b->acked_bytes);
	if (known & OUTCOME_UNACKED)
		assert_int_equal(a->unacked_bytes, b->unacked_bytes);
	if (known & OUTCOME_RESETS)
		assert_int_equal(a->reset_ns, b->reset_ns);
	if (known & OUTCOME_STUCK)
		assert_int_equal(a->stuck, b->stuck);
	if (known & OUTCOME_PROBES)
		assert_int_equal(a->probes, b->probes);
}

static void assert_same(const struct outcome *a, const struct outcome *b)
{
	const __u32 both = OUTCOME_ENDED | OUTCOME_ESTABLISHED | OUTCOME_SPOKE | OUTCOME_ACKED |
			   OUTCOME_RESETS;

	assert_int_equal(a->known & both, both);
	assert_int_equal(b->known & both, both);
	assert_int_equal(role_of(a, a->closed_first), role_of(b, b->closed_first));
	assert_int_equal(role_of(a, a->reset_by), role_of(b, b->reset_by));
	assert_int_equal(a->established_ns, b->established_ns);
	assert_same_side(client_of(a), client_of(b));
	assert_same_side(server_of(a), server_of(b));
	assert_int_equal(a->figures.side[a->figures.client].mss,
			 b->figures.side[b->figures.client].mss);
	assert_int_equal(a->figures.side[!a->figures.client].mss,
			 b->figures.side[!b->figures.client].mss);
}

#define COUNTS                                                                         \
	.bytes_sent = 7, .bytes_delivered = 7, .bytes_received = 9, .mss_local = 1460, \
	.mss_remote = 1460

static void closed_in_order(void **state)
{
	const struct ending ending = { .ms = 30, .state = 9, .counts = { COUNTS } };
	struct outcome wire, socket;

	(void)state;
	PLAY(&wire, HANDSHAKE, { 'c', A, 1, 1, 7, 10 }, { 's', A, 1, 8, 9, 11 },
	     { 's', F | A, 10, 8, 0, 20 }, { 'c', A, 8, 11, 0, 20 }, { 'c', F | A, 8, 11, 0, 29 },
	     { 's', A, 11, 9, 0, 30 });
	end_socket(&ending, &socket);
	assert_same(&wire, &socket);
	assert_int_equal(wire.figures.end, CONN_CLOSED);
	assert_int_equal(socket.figures.end, CONN_CLOSED);
	assert_int_equal(role_of(&wire, wire.closed_first), 's');
	assert_int_equal(client_of(&wire)->acked_bytes, 7);
	assert_int_equal(server_of(&wire)->acked_bytes, 9);
}

static void reset_by_the_server(void **state)
{
	const struct ending ending = {
		.ms = 20,
		.state = 1,
		.error = ECONNRESET,
		.how = SOCKET_F_RESET,
		.counts = { .bytes_sent = 7,
			    .unacked_bytes = 7,
			    .mss_local = 1460,
			    .mss_remote = 1460 },
	};
	struct outcome wire, socket;

	(void)state;
	PLAY(&wire, HANDSHAKE, { 'c', A, 1, 1, 7, 10 }, { 's', R | A, 1, 1, 0, 20 });
	end_socket(&ending, &socket);
	assert_same(&wire, &socket);
	assert_int_equal(wire.figures.end, CONN_RESET);
	assert_int_equal(socket.figures.end, CONN_RESET);
	assert_int_equal(role_of(&wire, wire.reset_by), 's');
	assert_int_equal(server_of(&socket)->reset_ns, 20 * MS);
	assert_int_equal(client_of(&socket)->unacked_bytes, 7);
	assert_false(server_of(&socket)->spoke);
	assert_true(server_of(&wire)->reset_acks);
	assert_true(server_of(&wire)->reset_unheard);
	assert_true(wire.waits);
	assert_int_equal(role_of(&wire, wire.wait.side), 'c');
	assert_false(wire.wait.acked);
}

static void reset_by_the_client(void **state)
{
	const struct ending ending = { .ms = 20, .state = 1, .counts = { COUNTS } };
	struct outcome wire, socket;

	(void)state;
	PLAY(&wire, HANDSHAKE, { 'c', A, 1, 1, 7, 10 }, { 's', A, 1, 8, 9, 11 },
	     { 'c', A, 8, 10, 0, 11 }, { 'c', R | A, 8, 10, 0, 20 });
	end_socket(&ending, &socket);
	assert_same(&wire, &socket);
	assert_int_equal(role_of(&socket, socket.closed_first), 'c');
	assert_int_equal(client_of(&socket)->reset_ns, 20 * MS);
}

/* What a socket does not count is not known of it, and no rule that needs it is asked. */
static void what_is_not_known(void **state)
{
	const struct ending ending = { .ms = 30, .state = 9, .counts = { COUNTS } };
	struct outcome socket, wire;

	(void)state;
	end_socket(&ending, &socket);
	assert_false(socket.known &
		     (OUTCOME_WORDS | OUTCOME_ORDER | OUTCOME_REPEATS | OUTCOME_HOPS |
		      OUTCOME_SEGMENTS | OUTCOME_TLS | OUTCOME_ANSWER));
	assert_true(client_of(&socket)->known & OUTCOME_UNACKED);
	assert_false(server_of(&socket)->known & OUTCOME_UNACKED);
	/* one direction alone says nothing of what was answered */
	PLAY(&wire, { 'c', A, 1, 1, 7, 10 }, { 'c', A, 8, 1, 7, 11 }, { 'c', R, 15, 1, 0, 12 });
	assert_int_equal(wire.known, 0);
	assert_int_equal(client_of(&wire)->known, 0);
}

static void a_reset_out_of_the_window_ends_nothing(void **state)
{
	struct outcome wire;

	(void)state;
	PLAY(&wire, HANDSHAKE, { 'c', A, 1, 1, 7, 10 }, { 's', R, 0x40000000, 0, 0, 11 },
	     { 's', A, 1, 8, 9, 12 }, { 'c', F | A, 8, 10, 0, 20 });
	assert_int_equal(role_of(&wire, wire.closed_first), 'c');
	assert_int_equal(wire.reset_by, FIGURES_NEITHER);
	assert_int_equal(server_of(&wire)->reset_ns, 0);
	assert_int_equal(wire.figures.side[!wire.figures.client].resets, 1);
}

/* That it gave up only the socket says. */
static void sent_again_in_vain(void **state)
{
	const struct ending ending = {
		.ms = 1500,
		.state = 1,
		.error = ETIMEDOUT,
		.counts = { .bytes_sent = 2800,
			    .unacked_bytes = 700,
			    .again_in_row = 3,
			    .mss_local = 1460,
			    .mss_remote = 1460 },
	};
	struct outcome wire, socket;

	(void)state;
	PLAY(&wire, HANDSHAKE, { 'c', A, 1, 1, 700, 10 }, { 'c', A, 1, 1, 700, 210 },
	     { 'c', A, 1, 1, 700, 610 }, { 'c', A, 1, 1, 700, 1410 });
	end_socket(&ending, &socket);
	assert_same(&wire, &socket);
	assert_int_equal(socket.figures.end, CONN_TIMED_OUT);
	assert_true(client_of(&wire)->known & client_of(&socket)->known & OUTCOME_STUCK);
	assert_int_equal(client_of(&wire)->stuck, 3);
	assert_int_equal(client_of(&wire)->stuck_bytes, 700);
	assert_int_equal(client_of(&wire)->stuck_ns, 210 * MS);
	assert_int_equal(client_of(&wire)->again_ns, 1410 * MS);
	assert_true(client_of(&wire)->stuck_silent);
	assert_true(client_of(&wire)->stuck_longest);
	assert_false(client_of(&wire)->stuck_asked_for);
	assert_int_equal(client_of(&wire)->unacked_bytes, 700);
	/* it arrived: it goes on */
	PLAY(&wire, HANDSHAKE, { 'c', A, 1, 1, 700, 10 }, { 'c', A, 1, 1, 700, 210 },
	     { 's', A, 1, 701, 0, 220 }, { 'c', A, 701, 1, 7, 230 });
	assert_int_equal(client_of(&wire)->stuck, 0);
	assert_int_equal(client_of(&wire)->unacked_bytes, 7);
}

/* The server closes an idle connection while the next request is on its way. */
static void words_that_cross(void **state)
{
	struct outcome wire;

	(void)state;
	PLAY(&wire, HANDSHAKE, { 'c', A, 1, 1, 7, 10 }, { 's', A, 1, 8, 9, 11 },
	     { 'c', A, 8, 10, 0, 11 }, { 's', F | A, 10, 8, 0, 5000 }, { 'c', A, 8, 10, 7, 5001 },
	     { 's', R, 11, 0, 0, 5002 });
	assert_true(client_of(&wire)->crossed_fin);
	assert_false(client_of(&wire)->spoke_after_fin);
	assert_true(server_of(&wire)->fin_unprovoked);
	assert_false(server_of(&wire)->reset_acks);
	assert_int_equal(wire.words, 3);
	assert_int_equal(wire.last.bytes, 7);
	assert_int_equal(wire.last.idle_ns, 4990 * MS);
	assert_int_equal(role_of(&wire, wire.before.side), 's');
	assert_int_equal(client_of(&wire)->hops, 64);
	assert_int_equal(server_of(&wire)->hops, 60);
}

static void every_end_of_a_socket(void **state)
{
	static const struct {
		struct flow flow;
		enum conn_end end;
		int first;
		int reset_by;
	} rows[] = {
		{ { .state = 2 }, CONN_CONNECTING, -1, -1 },
		{ { .state = 1 }, CONN_OPEN, -1, -1 },
		{ { .ended_ns = 9 }, CONN_END_UNKNOWN, -1, -1 },
		{ { .ended_ns = 9, .known = EVENT_K_STATE, .state = 2 }, CONN_CANCELED, -1, -1 },
		{ { .ended_ns = 9, .known = EVENT_K_STATE, .state = 2, .error = ETIMEDOUT },
		  CONN_UNANSWERED,
		  -1,
		  -1 },
		{ { .ended_ns = 9,
		    .known = EVENT_K_STATE,
		    .state = 2,
		    .error = ECONNREFUSED,
		    .reset_received = true },
		  CONN_REFUSED,
		  -1,
		  FIGURES_REMOTE },
		{ { .ended_ns = 9, .known = EVENT_K_STATE, .state = 2, .error = EHOSTUNREACH },
		  CONN_FAILED,
		  -1,
		  -1 },
		{ { .ended_ns = 9, .known = EVENT_K_STATE, .state = 1, .error = ETIMEDOUT },
		  CONN_TIMED_OUT,
		  -1,
		  -1 },
		{ { .ended_ns = 9, .known = EVENT_K_STATE, .state = 4 },
		  CONN_HALF_CLOSED,
		  FIGURES_LOCAL,
		  -1 },
		{ { .ended_ns = 9, .known = EVENT_K_STATE, .state = 5 },
		  CONN_CLOSED,
		  FIGURES_LOCAL,
		  -1 },
		{ { .ended_ns = 9, .known = EVENT_K_STATE, .state = 11 }, CONN_CLOSED, -1, -1 },
		{ { .ended_ns = 9, .known = EVENT_K_STATE, .state = 8, .error = EPIPE },
		  CONN_RESET,
		  FIGURES_REMOTE,
		  FIGURES_REMOTE },
		{ { .ended_ns = 9,
		    .known = EVENT_K_STATE,
		    .state = 5,
		    .reset_received = true,
		    .reset_sent = true },
		  CONN_RESET,
		  FIGURES_LOCAL,
		  FIGURES_LOCAL },
		{ { .ended_ns = 9, .known = EVENT_K_STATE, .state = 5, .reset_received = true },
		  CONN_RESET,
		  FIGURES_LOCAL,
		  -1 }, /* resets that this host sends are not told of */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct figures figures;

		figures_take_flow(&figures, &rows[i].flow, 9);
		assert_int_equal(figures.end, rows[i].end);
		assert_int_equal(figures.closed_first, rows[i].first);
		assert_int_equal(figures.reset_by, rows[i].reset_by);
		assert_int_equal(figures.at_once, rows[i].flow.state == 11);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closed_in_order),
		cmocka_unit_test(reset_by_the_server),
		cmocka_unit_test(reset_by_the_client),
		cmocka_unit_test(what_is_not_known),
		cmocka_unit_test(a_reset_out_of_the_window_ends_nothing),
		cmocka_unit_test(sent_again_in_vain),
		cmocka_unit_test(words_that_cross),
		cmocka_unit_test(every_end_of_a_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
