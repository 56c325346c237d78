/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fact_fixture.h - a namespace with everything that rejects, and facts fetched from it from outside */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <linux/neighbour.h>

#include <cmocka.h>

#include "netns.h"
#include "util/address.h"
#include "util/array.h"

static struct heard heard;
static const struct record_sink sink = { netns_hear, &heard };
static struct host *host;
static char name[32];
static __u32 inode;

static inline void parse(const char *printed, __u8 *address)
{
	__u8 bytes[16];

	if (inet_pton(AF_INET, printed, bytes) == 1) {
		address_from_ipv4(address, bytes);
		return;
	}
	assert_int_equal(inet_pton(AF_INET6, printed, bytes), 1);
	address_from_ipv6(address, bytes);
}

/* A namespace beside the test's own, with everything that rejects. */
static inline int make_namespace(void **state)
{
	const struct host_options options = { .sink = &sink };
	char path[64];

	(void)state;
	netns_enter_fresh();
	netns_name(name, sizeof(name), "f");
	netns_run("ip netns add %s", name);
	netns_run("ip link add swA type veth peer name swB netns %s", name);
	netns_run("ip link set swA up; ip addr add 10.77.0.1/24 dev swA");
	netns_run("ip netns exec %s sh -e <<'END'\n"
		  "ip link set lo up; ip link set swB up; ip addr add 10.77.0.2/24 dev swB\n"
		  "ip -6 addr add 2001:db8:77::2/64 dev swB nodad\n"
		  "ip route add 10.80.0.0/16 via 10.77.0.1 src 10.77.0.2 mtu 1300\n"
		  "ip route add prohibit 10.99.0.0/16\n"
		  "ip route add unreachable 10.98.0.0/15\n"
		  "ip route add unreachable 10.98.7.0/24\n"
		  "ip route add blackhole 10.97.1.0/24\n"
		  "ip route add throw 10.96.0.0/16\n"
		  "END",
		  name);
	netns_run("ip netns exec %s sh -e <<'END'\n"
		  "ip -6 route add prohibit 2001:db8:99::/48\n"
		  "ip -6 route add blackhole 2001:db8:97::/48\n"
		  "ip rule add to 10.95.0.0/16 prohibit pref 500\n"
		  "ip route add 10.94.0.0/16 via 10.77.0.1 table 100\n"
		  "ip rule add fwmark 5 lookup 100 pref 600\n"
		  "ip neigh add 10.77.0.9 dev swB lladdr 02:00:00:00:00:09 nud permanent\n"
		  "sysctl -q -w net.ipv4.ip_local_port_range='40000 40009' net.core.somaxconn=17\n"
		  "END",
		  name);
	snprintf(path, sizeof(path), "/run/netns/%s", name);
	inode = netns_inode(path);
	return host_open(&host, &options);
}

static inline int remove_namespace(void **state)
{
	(void)state;
	host_close(host);
	netns_run("ip netns del %s", name);
	return 0;
}

static inline struct fact_request request_to(const char *remote, __u32 wanted)
{
	struct fact_request request = { .attempt = 4711, .wanted = wanted, .netns = inode };

	parse(remote, request.tuple.remote);
	request.tuple.remote_port = 80;
	request.tuple.protocol = IPPROTO_TCP;
	return request;
}

static inline void fetch(const struct fact_request *request, int (*iterate)(void *ctx, bool owners))
{
	__u32 own = netns_inode("/proc/thread-self/ns/net");

	heard.count = 0;
	assert_int_equal(host_fetch(host, request, iterate, NULL), 0);
	/* Back where it was, every fact for this request, DONE last and once. */
	assert_int_equal(netns_inode("/proc/thread-self/ns/net"), own);
	assert_true(heard.count > 0);
	for (size_t i = 0; i < heard.count; i++) {
		assert_int_equal(heard.at[i].head.kind, EVENT_FACT);
		assert_int_equal(heard.at[i].fact.request, request->attempt);
		assert_int_equal(heard.at[i].fact.what == FACT_DONE, i == heard.count - 1);
	}
}

/* The n-th fact of a kind, NULL if there are not so many. */
static inline const struct ev_fact *fact(enum event_fact what, size_t n)
{
	for (size_t i = 0; i < heard.count; i++)
		if (heard.at[i].fact.what == what && !n--)
			return &heard.at[i].fact;
	return NULL;
}

static inline const struct ev_fact *fact_named(enum event_fact what, const char *of,
					       const char *text)
{
	for (size_t i = 0; i < heard.count; i++)
		if (heard.at[i].fact.what == what && !strcmp(heard.at[i].fact.name, of) &&
		    strstr(heard.at[i].fact.text, text))
			return &heard.at[i].fact;
	return NULL;
}
