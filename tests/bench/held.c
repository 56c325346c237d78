// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * held.c - what connections cost where they are kept: held CONNECTIONS
 *
 * Records of so many connections pass decode and join, and nothing else: of each that it begins, that
 * it is established, and a tick every 20 ms; one begins every 0.1 ms and stays open. Prints the resident
 * memory once all have proven themselves, and the CPU time that a record took.
 */

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "join/join.h"
#include "util/address.h"
#include "util/tcp.h"
#include "util/time.h"

enum {
	MOST = 131072, /* connections at once, as --max-connections has it */
	PORTS = 60000, /* of the client's, to each port of the server */
	FIRST_PORT = 1024,
	SERVER_PORT = 8080,
	TICK_EVERY = 200, /* connections */
	NETNS = 1,
	TGID = 4121,
};
#define APART_NS (100 * NS_PER_US)

struct feed {
	struct join *join;
	__u64 now_ns;
	__u64 records;
};

union record {
	struct event_header head;
	__u8 bytes[EVENT_PACKET_MAX];
};

static double resident_mib(void)
{
	long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (!file || fscanf(file, "%*d %ld", &pages) != 1)
		exit(1);
	fclose(file);
	return (double)pages * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

static double cpu_ns(void)
{
	struct timespec used;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (double)used.tv_sec * NS_PER_S + (double)used.tv_nsec;
}

static void feed(struct feed *feed, enum event_kind kind, __u64 cookie, __u32 known,
		 const void *body, size_t size)
{
	struct attempt *attempt;
	struct event event;
	union record record = {
		.head = {
			.ts_ns = feed->now_ns,
			.cookie = cookie,
			.netns = NETNS,
			.known = known,
			.kind = (__u16)kind,
			.size = (__u16)(sizeof(record.head) + size),
		},
	};

	memcpy(record.bytes + sizeof(record.head), body, size);
	if (decode_event(record.bytes, record.head.size, &event))
		exit(1);
	join_event(feed->join, &event);
	while ((attempt = join_due(feed->join)))
		join_told(feed->join, attempt, NULL);
	feed->records++;
}

static void tick(struct feed *at)
{
	const struct ev_tick tick = { 0 };

	feed(at, EVENT_TICK, 0, 0, &tick, sizeof(tick));
}

static void connect_one(struct feed *at, __u32 number)
{
	struct ev_open open = { .how = OPEN_CONNECT, .owner = { .tgid = TGID, .tid = TGID } };
	struct ev_socket state = { .old_state = TCP_STATE_SYN_SENT,
				   .new_state = TCP_STATE_ESTABLISHED };
	struct event_tuple *tuple = &open.tuple;

	open.owner.start_ns = NS_PER_S;
	address_from_ipv4(tuple->local, "\x0a\x00\x00\x01");
	address_from_ipv4(tuple->remote, "\x0a\x00\x00\x02");
	tuple->local_port = (__u16)(FIRST_PORT + number % PORTS);
	tuple->remote_port = (__u16)(SERVER_PORT + number / PORTS);
	tuple->family = AF_INET;
	tuple->protocol = IPPROTO_TCP;
	state.tuple = *tuple;
	feed(at, EVENT_OPEN, number + 1, EVENT_K_OWNER | EVENT_K_TUPLE, &open, sizeof(open));
	at->now_ns += APART_NS / 2;
	feed(at, EVENT_STATE, number + 1, EVENT_K_TUPLE, &state, sizeof(state));
	at->now_ns += APART_NS / 2;
	if (number % TICK_EVERY == TICK_EVERY - 1)
		tick(at);
}

int main(int argc, char **argv)
{
	struct join_limits limits = join_limits_default;
	struct feed at = { .now_ns = NS_PER_S };
	__u32 connections = argc == 2 ? (__u32)strtoul(argv[1], NULL, 10) : 0;
	double before_ns, used_ns;

	if (!connections || connections > MOST) {
		fprintf(stderr, "usage: held CONNECTIONS (at most %d)\n", MOST);
		return 2;
	}
	limits.connections = MOST;
	if (join_new(&at.join, &limits))
		return 1;
	before_ns = cpu_ns();
	for (__u32 i = 0; i < connections; i++)
		connect_one(&at, i);
	used_ns = cpu_ns() - before_ns;
	for (int i = 0; i < 200; i++) { /* 4 s: each has proven itself */
		at.now_ns += TICK_EVERY * APART_NS;
		tick(&at);
	}
	printf("%u connections: %.1f MiB resident, %.0f ns a record\n", connections, resident_mib(),
	       used_ns / (double)(at.records - 200));
	join_free(at.join);
	return 0;
}
