// SPDX-License-Identifier: GPL-2.0-or-later
/* host_test.c - namespaces, interfaces and changes, watched in real ones */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <errno.h>

#include <cmocka.h>

#include "netns.h"

static struct heard heard;
static const struct record_sink sink = { netns_hear, &heard };

/* What the agent's callback saw. */
struct callback {
	int calls;
	int gone;
	__u32 netns;
	__u32 thread_netns;
	char name[16];
};

static void attach(void *ctx, __u32 netns, __u32 ifindex, struct ev_interface *interface)
{
	struct callback *callback = ctx;

	assert_true(ifindex > 0);
	callback->netns = netns;
	callback->thread_netns = netns_inode("/proc/thread-self/ns/net");
	memcpy(callback->name, interface->name, sizeof(callback->name));
	if (interface->flags & INTERFACE_F_GONE) {
		callback->gone++;
		return;
	}
	callback->calls++;
	interface->flags |= INTERFACE_F_TC_IN;
}

static const struct heard_record *last_interface(const char *name)
{
	for (size_t i = heard.count; i-- > 0;)
		if (heard.at[i].head.kind == EVENT_INTERFACE &&
		    !strcmp(heard.at[i].interface.name, name))
			return &heard.at[i];
	return NULL;
}

static const struct heard_record *find_change(enum event_change what, const char *text)
{
	for (size_t i = 0; i < heard.count; i++)
		if (heard.at[i].head.kind == EVENT_CHANGE && heard.at[i].change.what == what &&
		    strstr(heard.at[i].change.text, text))
			return &heard.at[i];
	return NULL;
}

static int begin(void **state)
{
	(void)state;
	heard.count = 0;
	netns_enter_fresh();
	return 0;
}

static void what_is_there_is_told(void **state)
{
	struct callback callback = { 0 };
	const struct host_options options = { .sink = &sink,
					      .interface = attach,
					      .ctx = &callback };
	const struct heard_record *record;
	struct host *host;

	(void)state;
	netns_run("ip link add swA type veth peer name swB");
	netns_run("ip link add swD type bridge");
	assert_int_equal(host_open(&host, &options), 0);
	assert_int_equal(callback.calls, 4);
	assert_int_equal(heard.at[0].head.kind, EVENT_NETNS);
	assert_int_equal(heard.at[0].head.netns, netns_inode("/proc/self/ns/net"));
	assert_int_equal(heard.at[0].netns.is_own, 1);

	record = last_interface("lo");
	assert_non_null(record);
	assert_int_equal(record->head.ifindex, 1);
	assert_int_equal(record->head.netns, netns_inode("/proc/self/ns/net"));
	assert_int_equal(record->interface.flags, INTERFACE_F_UP | INTERFACE_F_CARRIER |
							  INTERFACE_F_LOOPBACK | INTERFACE_F_TC_IN);
	assert_int_equal(record->interface.mtu, 65536);
	record = last_interface("swA");
	assert_string_equal(record->interface.type, "veth");
	assert_int_equal(record->interface.peer_ifindex, last_interface("swB")->head.ifindex);
	assert_int_equal(record->interface.peer_netns, netns_inode("/proc/self/ns/net"));
	assert_false(record->interface.flags & (INTERFACE_F_PEER_ELSEWHERE | INTERFACE_F_UP));
	assert_string_equal(last_interface("swD")->interface.type, "bridge");
	assert_int_equal(last_interface("swD")->interface.peer_ifindex, 0);
	/* Nothing that was there before is a change. */
	for (size_t i = 0; i < heard.count; i++)
		assert_int_not_equal(heard.at[i].head.kind, EVENT_CHANGE);
	host_close(host);
}

static void only_chosen_interfaces_are_attached(void **state)
{
	static const char *const names[] = { "swB", NULL };
	struct callback callback = { 0 };
	const struct host_options options = {
		.sink = &sink, .interface = attach, .ctx = &callback, .interfaces = names
	};
	struct host *host;

	(void)state;
	netns_run("ip link add swA type veth peer name swB");
	assert_int_equal(host_open(&host, &options), 0);
	assert_int_equal(callback.calls, 1);
	assert_string_equal(callback.name, "swB");
	assert_true(last_interface("swB")->interface.flags & INTERFACE_F_TC_IN);
	/* The others are told, without our hook: packets there are out of sight. */
	assert_non_null(last_interface("swA"));
	assert_false(last_interface("swA")->interface.flags & INTERFACE_F_TC_IN);
	host_close(host);
}

static bool both_came(const struct heard *all)
{
	(void)all;
	return last_interface("swA") &&
	       last_interface("swA")->interface.flags & INTERFACE_F_CARRIER;
}

static bool mtu_changed(const struct heard *all)
{
	(void)all;
	return find_change(CHANGE_LINK, "swA, mtu 1400, was 1500");
}

static bool both_went(const struct heard *all)
{
	(void)all;
	return find_change(CHANGE_LINK, "swA is gone") && find_change(CHANGE_LINK, "swB is gone");
}

static void interfaces_come_and_go(void **state)
{
	struct callback callback = { 0 };
	const struct host_options options = { .sink = &sink,
					      .interface = attach,
					      .ctx = &callback };
	struct host *host;

	(void)state;
	assert_int_equal(host_open(&host, &options), 0);
	netns_run("ip link add swA type veth peer name swB");
	netns_run("ip link set swA up; ip link set swB up");
	netns_await(host, both_came, &heard, "both up");
	assert_int_equal(callback.calls, 3);
	assert_non_null(find_change(CHANGE_LINK, "swA appeared"));
	assert_true(last_interface("swA")->interface.flags & INTERFACE_F_TC_IN);
	netns_run("ip link set swA mtu 1400");
	netns_await(host, mtu_changed, &heard, "mtu");
	assert_int_equal(callback.calls, 3);
	netns_run("ip link del swA");
	netns_await(host, both_went, &heard, "both gone");
	assert_int_equal(callback.gone, 2);
	assert_true(last_interface("swA")->interface.flags & INTERFACE_F_GONE);
	assert_false(last_interface("swA")->interface.flags & INTERFACE_F_TC_IN);
	assert_int_equal(find_change(CHANGE_LINK, "swA is gone")->change.removed, 1);
	host_close(host);
}

static bool routes_changed(const struct heard *all)
{
	(void)all;
	return find_change(CHANGE_ROUTE, "rule 900: from all fwmark 0x5 lookup 100") &&
	       find_change(CHANGE_ADDRESS, "2001:db8::1/64 dev swA");
}

static void changes_are_told(void **state)
{
	const struct host_options options = { .sink = &sink };
	struct host *host;

	(void)state;
	netns_run("ip link add swA type veth peer name swB");
	netns_run("ip link set swA up; ip link set swB up");
	assert_int_equal(host_open(&host, &options), 0);
	netns_run("ip addr add 10.77.0.1/24 dev swA");
	netns_run("ip route add 10.78.0.0/16 via 10.77.0.2 metric 7");
	netns_run("ip route add unreachable 10.79.0.0/16");
	netns_run("ip route del 10.78.0.0/16");
	netns_run("ip -6 addr add 2001:db8::1/64 dev swA nodad");
	netns_run("ip rule add fwmark 5 lookup 100 pref 900");
	netns_await(host, routes_changed, &heard, "addresses, routes, rule");
	assert_non_null(find_change(CHANGE_ADDRESS, "10.77.0.1/24 dev swA"));
	assert_non_null(find_change(CHANGE_ROUTE, "10.78.0.0/16 via 10.77.0.2 dev swA metric 7"));
	assert_non_null(find_change(CHANGE_ROUTE, "unreachable 10.79.0.0/16"));
	assert_int_equal(find_change(CHANGE_ROUTE, "10.78.0.0/16")->change.removed, 0);
	/* What the kernel derives from an address is not told beside the address. */
	assert_null(find_change(CHANGE_ROUTE, "10.77.0.0/24"));
	host_close(host);
}

static bool ruleset_changed(const struct heard *all)
{
	(void)all;
	return find_change(CHANGE_RULESET, "0 added, 1 removed");
}

static void rulesets_are_told(void **state)
{
	const struct host_options options = { .sink = &sink };
	const struct heard_record *record;
	struct host *host;

	(void)state;
	assert_int_equal(host_open(&host, &options), 0);
	netns_run("nft add table inet swtest");
	netns_run("nft delete table inet swtest");
	netns_await(host, ruleset_changed, &heard, "ruleset");
	record = find_change(CHANGE_RULESET, "1 added, 0 removed");
	assert_non_null(record);
	assert_true(record->change.pid > 0);
	assert_non_null(strstr(record->change.text, "by nft["));
	assert_int_equal(record->change.removed, 0);
	assert_int_equal(find_change(CHANGE_RULESET, "0 added, 1 removed")->change.removed, 1);
	host_close(host);
}

static bool flood_told(const struct heard *all)
{
	(void)all;
	return find_change(CHANGE_ROUTE, "further changes");
}

static void a_flood_of_changes_is_bounded(void **state)
{
	const struct host_options options = { .sink = &sink };
	struct host *host;

	(void)state;
	netns_run(
		"ip link add swA type veth peer name swB; ip link set swA up; ip link set swB up");
	netns_run("ip addr add 10.7.0.1/24 dev swA");
	assert_int_equal(host_open(&host, &options), 0);
	netns_run("for i in $(seq 1 250); do for k in 1 2 3 4; do "
		  "echo route add 10.$k.$i.0/24 via 10.7.0.9; done; done | ip -batch -");
	netns_await(host, flood_told, &heard, "the count of what was shed");
	assert_true(heard.count < 500);
	host_close(host);
}

static char other_name[32], other_path[64];
static char near_end[16], far_end[16]; /* of a veth: names that no other run has */

static int begin_two(void **state)
{
	begin(state);
	netns_name(other_name, sizeof(other_name), "b");
	snprintf(other_path, sizeof(other_path), "/run/netns/%s", other_name);
	snprintf(near_end, sizeof(near_end), "swn%d", getpid());
	snprintf(far_end, sizeof(far_end), "swf%d", getpid());
	netns_run("ip netns add %s", other_name);
	return 0;
}

static int end_two(void **state)
{
	(void)state;
	/* A test may have deleted it. */
	if (!access(other_path, F_OK))
		netns_run("ip netns del %s", other_name);
	return 0;
}

static bool peer_elsewhere(const struct heard *all)
{
	const struct heard_record *record = last_interface("swA");

	(void)all;
	return record && record->interface.flags & INTERFACE_F_PEER_ELSEWHERE;
}

static void the_other_end_elsewhere(void **state)
{
	const struct host_options options = { .sink = &sink };
	const struct heard_record *record;
	struct host *host;
	bool named = false;

	(void)state;
	assert_int_equal(host_open(&host, &options), 0);
	for (size_t i = 0; i < heard.count; i++)
		if (heard.at[i].head.kind == EVENT_NETNS &&
		    heard.at[i].head.netns == netns_inode(other_path)) {
			assert_string_equal(heard.at[i].netns.name, other_name);
			assert_int_equal(heard.at[i].netns.is_own, 0);
			named = true;
		}
	assert_true(named);
	netns_run("ip link add swA type veth peer name swB netns %s", other_name);
	netns_await(host, peer_elsewhere, &heard, "the veth");
	record = last_interface("swA");
	assert_int_equal(record->interface.peer_netns, netns_inode(other_path));
	assert_true(record->interface.peer_ifindex > 0);
	host_close(host);
}

static void further_namespaces_are_watched(void **state)
{
	const char *const paths[] = { other_path, NULL };
	struct callback callback = { 0 };
	const struct host_options options = {
		.sink = &sink, .interface = attach, .ctx = &callback, .namespaces = paths
	};
	__u32 own = netns_inode("/proc/self/ns/net");
	struct host *host;

	(void)state;
	netns_run("ip link add swA type veth peer name swB netns %s", other_name);
	assert_int_equal(host_open(&host, &options), 0);
	assert_non_null(last_interface("swB"));
	assert_int_equal(last_interface("swB")->head.netns, netns_inode(other_path));
	assert_int_equal(last_interface("swB")->interface.peer_netns, own);
	/* The callback runs where the interface is; afterwards the thread is back. */
	assert_int_equal(callback.netns, netns_inode(other_path));
	assert_int_equal(callback.thread_netns, netns_inode(other_path));
	assert_int_equal(netns_inode("/proc/thread-self/ns/net"), own);
	host_close(host);
}

static bool other_told(const struct heard *all)
{
	(void)all;
	return last_interface(far_end) != NULL;
}

static bool other_gone(const struct heard *all)
{
	const struct heard_record *record = last_interface(far_end);

	(void)all;
	return record && record->interface.flags & INTERFACE_F_GONE;
}

static bool own_end_gone(const struct heard *all)
{
	const struct heard_record *record = last_interface(near_end);

	(void)all;
	return record && record->interface.flags & INTERFACE_F_GONE;
}

/* Watching must not keep alive what its owner has given up. */
static void all_namespaces_come_and_go(void **state)
{
	struct callback callback = { 0 };
	const struct host_options options = {
		.sink = &sink, .interface = attach, .ctx = &callback, .all_namespaces = true
	};
	struct host *host;

	(void)state;
	netns_run("ip netns del %s", other_name);
	assert_int_equal(host_open(&host, &options), 0);
	assert_null(last_interface(far_end));
	netns_run("ip netns add %s", other_name);
	netns_run("ip link add %s type veth peer name %s netns %s", near_end, far_end, other_name);
	netns_await(host, other_told, &heard, "an interface of the new namespace");
	netns_run("ip netns del %s", other_name);
	netns_await(host, other_gone, &heard, "the namespace let go");
	/* Its end in this namespace goes with it: the kernel has destroyed the other. */
	netns_await(host, own_end_gone, &heard, "the veth's end");
	host_close(host);
}

static void what_is_no_namespace_is_refused(void **state)
{
	static const char *const none[] = { "/run/netns/swcol-no-such-name", NULL };
	static const char *const file[] = { "/proc/self/status", NULL };
	static const char *const other_kind[] = { "/proc/self/ns/uts", NULL };
	struct host_options options = { .sink = &sink, .namespaces = none };
	struct host *host;

	(void)state;
	assert_int_equal(host_open(&host, &options), -ENOENT);
	options.namespaces = file;
	assert_int_equal(host_open(&host, &options), -EINVAL);
	options.namespaces = other_kind;
	assert_int_equal(host_open(&host, &options), -EINVAL);
}

/* Far more interfaces than fit in one answer, with their other ends elsewhere. */
static void many_interfaces(void **state)
{
	const struct host_options options = { .sink = &sink };
	struct host *host;
	size_t count = 0;

	(void)state;
	netns_run("for i in $(seq 1 200); do "
		  "echo link add sw$i type veth peer name sw$i netns %s; done | ip -batch -",
		  other_name);
	assert_int_equal(host_open(&host, &options), 0);
	for (size_t i = 0; i < heard.count; i++) {
		if (heard.at[i].head.kind != EVENT_INTERFACE || heard.at[i].head.ifindex == 1)
			continue;
		assert_int_equal(heard.at[i].interface.peer_netns, netns_inode(other_path));
		count++;
	}
	assert_int_equal(count, 200);
	host_close(host);
}

int main(void)
{
#define ONE(name) cmocka_unit_test_setup(name, begin)
#define TWO(name) cmocka_unit_test_setup_teardown(name, begin_two, end_two)
	const struct CMUnitTest tests[] = {
		ONE(what_is_there_is_told),
		ONE(only_chosen_interfaces_are_attached),
		ONE(interfaces_come_and_go),
		ONE(changes_are_told),
		ONE(rulesets_are_told),
		ONE(a_flood_of_changes_is_bounded),
		TWO(the_other_end_elsewhere),
		TWO(further_namespaces_are_watched),
		TWO(all_namespaces_come_and_go),
		ONE(what_is_no_namespace_is_refused),
		TWO(many_interfaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
