// SPDX-License-Identifier: GPL-2.0-or-later
/* join_whose_test.c - owners kept once, and whose a packet is */

#include "join_fixture.h"

#include "join/core.h"
#include "join/host/owner.h"
#include "join/lookup/lookup.h"
#include "util/tcp.h"

static struct event_owner owner_named(__u32 tgid, const char *comm)
{
	struct event_owner owner = { .tgid = tgid, .tid = tgid, .start_ns = 100 + tgid };

	strcpy(owner.comm, comm);
	strcpy(owner.leader, comm);
	return owner;
}

/* ---- owners ---- */

static void kept_once(void **state)
{
	struct event_owner curl = owner_named(7, "curl"), again = owner_named(7, "curl");
	struct event_owner sh = owner_named(7, "sh"), later = curl;
	struct owners *owners;
	__u32 number, other;

	(void)state;
	assert_int_equal(owners_new(&owners, 8), 0);
	number = owners_take(owners, &curl);
	assert_int_not_equal(number, 0);
	assert_int_equal(owners_take(owners, &again), number);
	assert_int_equal(owners_used(owners), 1);
	later.start_ns++; /* the pid was given to another process */
	other = owners_take(owners, &later);
	assert_int_not_equal(other, number);
	assert_int_not_equal(owners_take(owners, &sh), number); /* before its exec */
	assert_int_equal(owners_used(owners), 3);
	assert_string_equal(owners_at(owners, number)->comm, "curl");
	owners_drop(owners, number);
	assert_int_equal(owners_used(owners), 3);
	owners_keep(owners, number);
	owners_drop(owners, number);
	owners_drop(owners, number);
	assert_int_equal(owners_used(owners), 2);
	assert_int_equal(owners_at(owners, other)->start_ns, later.start_ns);
	assert_null(owners_at(owners, 0));
	owners_drop(owners, owners_keep(owners, 0));
	owners_free(owners);
}

static void no_place_left(void **state)
{
	struct owners *owners;
	__u32 numbers[300];

	(void)state;
	assert_int_equal(owners_new(&owners, 200), 0);
	for (__u32 round = 0; round < 3; round++) {
		for (__u32 i = 0; i < 300; i++) {
			struct event_owner owner = owner_named(round * 1000 + i, "x");

			numbers[i] = owners_take(owners, &owner);
			assert_int_equal(!numbers[i], i >= 200);
		}
		for (__u32 i = 0; i < 300; i += 1) {
			if (numbers[i])
				assert_int_equal(owners_at(owners, numbers[i])->tgid,
						 round * 1000 + i);
			owners_drop(owners, numbers[i]);
		}
		assert_int_equal(owners_used(owners), 0);
	}
	owners_free(owners);
}

/* Whoever shows an owner keeps one at a time: the same again, another, nobody. */
static void shown(void **state)
{
	struct event_owner curl = owner_named(7, "curl"), sh = owner_named(7, "sh");
	const struct event_owner *kept = NULL, *other = NULL;
	struct owners *owners;

	(void)state;
	assert_int_equal(owners_new(&owners, 1), 0);
	owners_set(owners, &kept, NULL);
	assert_null(kept);
	owners_set(owners, &kept, &curl);
	owners_set(owners, &kept, kept);
	assert_string_equal(kept->comm, "curl");
	owners_set(owners, &other, kept);
	assert_ptr_equal(kept, other);
	owners_set(owners, &other, &sh); /* there is no place */
	assert_null(other);
	assert_int_equal(owners_used(owners), 1);
	owners_set(owners, &kept, NULL);
	assert_null(kept);
	assert_int_equal(owners_used(owners), 0);
	owners_free(owners);
}

/* ---- what is over keeps nobody ---- */

static void a_listener(void **state)
{
	struct join *join = *state;
	struct event listen = event(EVENT_OPEN, 10, 9), call = event(EVENT_SYSCALL, 11, 9);
	struct event close = state_to(20, 9, 7, 0);
	__u32 at = 0;

	listen.head.known = EVENT_K_OWNER;
	listen.open.how = OPEN_LISTEN;
	listen.open.owner = owner_named(3, "nginx");
	listen.open.tuple.local_port = 80;
	join_event(join, &listen);
	call.head.known = EVENT_K_OWNER;
	call.syscall.call = SYSCALL_ACCEPT;
	call.syscall.error = ENOMEM;
	call.syscall.owner = owner_named(4, "worker");
	join_event(join, &call);
	assert_int_equal(owners_used(join->owners), 2);
	assert_int_equal(join_listener(join, &at)->accept_owner->tgid, 4);
	close.socket.old_state = TCP_STATE_LISTEN;
	join_event(join, &close);
	assert_int_equal(owners_used(join->owners), 2); /* what it closed is asked for it */
	listen.head.known = 0;
	for (int i = 0; i < 8; i++) { /* as many as are kept so */
		join_event(join, &listen);
		join_event(join, &close);
	}
	assert_int_equal(owners_used(join->owners), 0);
}

static void lookups(void **state)
{
	struct join *join = *state;
	struct lookup_from from = { 0 };
	struct lookup_slot *slot = NULL;
	__u8 client[EVENT_ADDRESS_SIZE];
	struct event_owner owner;

	set_address(client, 1);
	from.owner = &owner;
	for (__u32 i = 0; i < LOOKUPS_MAX + 3; i++) { /* the last ones in place of the first */
		owner = owner_named(i + 1, "app");
		from.asker = i + 1;
		slot = lookups_take(join, &from, client, "db.test", 1, LOOKUP_WORKED);
		assert_int_equal(slot->lookup.owner->tgid, i + 1);
		assert_int_equal(owners_used(join->owners), i < LOOKUPS_MAX ? i + 1 : LOOKUPS_MAX);
	}
	owner = owner_named(1, "dnsmasq");
	owners_set(join->owners, &slot->lookup.upstream.owner, &owner);
	assert_int_equal(owners_used(join->owners), LOOKUPS_MAX + 1);
	lookup_drop(join, slot);
	assert_int_equal(owners_used(join->owners), LOOKUPS_MAX - 1);
}

/* ---- parties ---- */

static int set_up_parties(void **state)
{
	struct join_limits limits = join_limits_default;

	limits.connections = 64;
	limits.parties = true;
	return join_new((struct join **)state, &limits);
}

static struct event opened(__u64 cookie, __u32 tgid, const char *comm, __u16 port)
{
	struct event open = event(EVENT_OPEN, 10, cookie);

	open.head.known = EVENT_K_OWNER;
	open.open.how = OPEN_CONNECT;
	open.open.owner = owner_named(tgid, comm);
	set_tuple(&open.open.tuple, port, 2, 80);
	return open;
}

/* From .1 to .2 port 80, or back. */
static struct event packet_of(__u64 cookie, bool out, __u16 port, __u8 flags)
{
	struct event e = tcp_packet(11, cookie, !out, port, flags, 0, 0);

	e.head.flags = out ? EVENT_F_OUT : 0;
	return e;
}

/* The pids at its ends, 0 unknown. */
static void parties_are(struct join *join, const struct event *e, __u32 sender, __u32 receiver)
{
	struct parties parties;

	join_event(join, e);
	parties = join_parties(join, e);
	assert_int_equal(parties.sender ? parties.sender->tgid : 0, sender);
	assert_int_equal(parties.receiver ? parties.receiver->tgid : 0, receiver);
}

static void by_cookie_and_by_ends(void **state)
{
	struct join *join = *state;
	struct event open = opened(5, 7, "curl", 4000), packet;

	packet = packet_of(5, true, 4000, TCP_F_SYN);
	parties_are(join, &packet, 0, 0); /* before it was opened */
	join_event(join, &open);
	parties_are(join, &packet, 7, 0);
	packet = packet_of(0, false, 4000, TCP_F_SYN | TCP_F_ACK);
	parties_are(join, &packet, 0, 7);
	packet.head.netns = OTHER_NETNS; /* there its ends are not known */
	parties_are(join, &packet, 0, 0);
	packet = packet_of(5, true, 4999, TCP_F_ACK); /* but a packet of it teaches them */
	packet.head.netns = OTHER_NETNS;
	parties_are(join, &packet, 7, 0);
	packet = packet_of(0, false, 4999, TCP_F_ACK);
	packet.head.netns = OTHER_NETNS;
	parties_are(join, &packet, 0, 7);
}

/* When the attempt is long over its packets still have an owner; a later one takes the port over. */
static void longer_than_its_attempt(void **state)
{
	struct join *join = *state;
	struct event open = opened(5, 7, "curl", 4000), close = state_to(20, 5, 7, ECONNREFUSED);
	struct event packet;
	struct attempt *attempt;

	join_event(join, &open);
	set_tuple(&close.socket.tuple, 4000, 2, 80);
	join_event(join, &close);
	for (__u64 ms = 30; ms < 3000; ms += 20) {
		tick(join, ms);
		while ((attempt = join_due(join)))
			join_told(join, attempt, NULL);
	}
	packet = packet_of(0, false, 4000, TCP_F_RST);
	parties_are(join, &packet, 0, 7);
	open = opened(6, 8, "wget", 4000);
	join_event(join, &open);
	parties_are(join, &packet, 0, 8);
	packet = packet_of(5, true, 4000, TCP_F_RST); /* the first one's very own */
	parties_are(join, &packet, 7, 0);
}

static void who_listens(void **state)
{
	struct join *join = *state;
	struct event listen = event(EVENT_OPEN, 10, 9), packet;

	listen.head.known = EVENT_K_OWNER;
	listen.open.how = OPEN_LISTEN;
	listen.open.owner = owner_named(3, "nginx");
	set_tuple(&listen.open.tuple, 80, 2, 0);
	memset(listen.open.tuple.local, 0, EVENT_ADDRESS_SIZE);
	listen.open.tuple.local_port = 80;
	join_event(join, &listen);
	packet = packet_of(0, true, 4000, TCP_F_SYN);
	parties_are(join, &packet, 0, 0); /* it leaves */
	packet.head.flags = 0;
	parties_are(join, &packet, 0, 3);
	packet.packet.tcp_flags = TCP_F_ACK;
	parties_are(join, &packet, 0, 0);
}

/* The second time the first owner of a port is the first again. */
static void once_more(void **state)
{
	struct join *join = *state;
	struct event first = opened(5, 7, "curl", 4000), second = opened(6, 8, "wget", 4000);
	struct event packet = packet_of(0, false, 4000, TCP_F_ACK);
	struct event clock = event(EVENT_CLOCK, 1, 0);

	join_event(join, &first);
	join_event(join, &second);
	parties_are(join, &packet, 0, 8);
	join_event_again(join, &first);
	assert_int_equal(join_parties(join, &packet).receiver->tgid, 7);
	clock.clock.monotonic_ns = 5;
	clock.clock.realtime_ns = 1005;
	join_event_again(join, &clock);
	assert_int_equal(join_realtime_ns(join, 10), 1010);
	join_event_again(join, &second);
	assert_int_equal(join_parties(join, &packet).receiver->tgid, 8);
}

/* Nobody is forgotten for a stranger's sake while there is room; then the oldest is. */
static void as_many_as_there_are(void **state)
{
	struct join *join = *state;
	const __u16 port = 1000, room = 16384;
	struct event packet;

	for (__u16 i = 0; i <= room; i++) {
		struct event open = opened(5 + i, 7 + i % 2, "curl", port + i);

		join_event(join, &open);
		if (i != room - 1)
			continue;
		for (__u16 at = 0; at < room; at++) {
			packet = packet_of(5 + at, true, port + at, TCP_F_SYN);
			assert_int_equal(join_parties(join, &packet).sender->tgid, 7 + at % 2);
			packet = packet_of(0, false, port + at, TCP_F_ACK);
			assert_int_equal(join_parties(join, &packet).receiver->tgid, 7 + at % 2);
		}
	}
	packet = packet_of(5, true, port, TCP_F_SYN);
	assert_null(join_parties(join, &packet).sender);
	packet = packet_of(0, false, port + 1, TCP_F_ACK);
	assert_int_equal(join_parties(join, &packet).receiver->tgid, 8);
}

static void nobody_asks(void **state)
{
	struct join *join = *state;
	struct event open = opened(5, 7, "curl", 4000);
	struct event packet = packet_of(5, true, 4000, TCP_F_SYN);

	join_event(join, &open);
	parties_are(join, &packet, 0, 0);
}

#define PARTIES(name) cmocka_unit_test_setup_teardown(name, set_up_parties, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kept_once),
		cmocka_unit_test(no_place_left),
		cmocka_unit_test(shown),
		TEST(a_listener),
		TEST(lookups),
		PARTIES(by_cookie_and_by_ends),
		PARTIES(longer_than_its_attempt),
		PARTIES(who_listens),
		PARTIES(once_more),
		PARTIES(as_many_as_there_are),
		TEST(nobody_asks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
