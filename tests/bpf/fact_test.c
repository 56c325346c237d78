// SPDX-License-Identifier: GPL-2.0-or-later
/* fact_test.c - facts of a namespace made for it, fetched from outside */

#include "child.h"
#include "fact_fixture.h"

static void a_route_that_leads_somewhere(void **state)
{
	struct fact_request request = request_to("10.80.1.2", BIT(FACT_ROUTE));
	const struct ev_fact *route;
	__u8 expected[EVENT_ADDRESS_SIZE];

	(void)state;
	fetch(&request, NULL);
	route = fact(FACT_ROUTE, 0);
	assert_int_equal(route->flags, 0);
	assert_int_equal(route->port, RTN_UNICAST);
	assert_int_equal(route->number, 1300);
	assert_int_equal(route->limit, RT_TABLE_MAIN);
	assert_string_equal(route->name, "swB");
	assert_string_equal(route->text,
			    "10.80.0.0/16 via 10.77.0.1 dev swB src 10.77.0.2 mtu 1300");
	parse("10.77.0.1", expected);
	assert_memory_equal(route->address2, expected, sizeof(expected));
	parse("10.77.0.2", expected);
	assert_memory_equal(route->address, expected, sizeof(expected));
	assert_null(fact(FACT_ROUTE, 1));

	request = request_to("10.77.0.2", BIT(FACT_ROUTE)); /* its own address */
	fetch(&request, NULL);
	assert_int_equal(fact(FACT_ROUTE, 0)->port, RTN_LOCAL);

	request = request_to("2001:db8:77::1", BIT(FACT_ROUTE));
	fetch(&request, NULL);
	assert_int_equal(fact(FACT_ROUTE, 0)->port, RTN_UNICAST);
	assert_int_equal(fact(FACT_ROUTE, 0)->number, 1500); /* the device's */
	assert_true(address_is_any(fact(FACT_ROUTE, 0)->address2));
}

static void a_route_by_mark(void **state)
{
	struct fact_request request = request_to("10.94.1.1", BIT(FACT_ROUTE));

	(void)state;
	fetch(&request, NULL);
	assert_int_equal(fact(FACT_ROUTE, 0)->flags, FACT_F_ABSENT);
	assert_int_equal(fact(FACT_ROUTE, 0)->error, ENETUNREACH);
	request.mark = 5;
	fetch(&request, NULL);
	assert_int_equal(fact(FACT_ROUTE, 0)->flags, 0);
	assert_int_equal(fact(FACT_ROUTE, 0)->limit, 100);
}

static void what_rejects_is_quoted(void **state)
{
	static const struct {
		const char *remote, *text;
		int error, type;
	} cases[] = {
		{ "10.99.1.1", "prohibit 10.99.0.0/16", EACCES, RTN_PROHIBIT },
		{ "10.98.0.1", "unreachable 10.98.0.0/15", EHOSTUNREACH, RTN_UNREACHABLE },
		{ "10.98.7.1", "unreachable 10.98.7.0/24", EHOSTUNREACH, RTN_UNREACHABLE },
		{ "10.97.1.9", "blackhole 10.97.1.0/24", EINVAL, RTN_BLACKHOLE },
		{ "10.96.0.1", "throw 10.96.0.0/16", ENETUNREACH, RTN_THROW },
		{ "10.95.1.1", "rule 500: from all to 10.95.0.0/16 prohibit", EACCES,
		  RTN_PROHIBIT },
		{ "2001:db8:99::1", "prohibit 2001:db8:99::/48 dev lo metric 1024", EACCES,
		  RTN_PROHIBIT },
		{ "2001:db8:97::1", "blackhole 2001:db8:97::/48 dev lo metric 1024", EINVAL,
		  RTN_BLACKHOLE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fact_request request = request_to(cases[i].remote, BIT(FACT_ROUTE));

		fetch(&request, NULL);
		assert_string_equal(fact(FACT_ROUTE, 0)->text, cases[i].text);
		assert_int_equal(fact(FACT_ROUTE, 0)->error, cases[i].error);
		assert_int_equal(fact(FACT_ROUTE, 0)->port, cases[i].type);
		assert_int_equal(fact(FACT_ROUTE, 0)->flags, 0);
	}
}

/* The kernel says EINVAL for a source that is not there: no blackhole may be blamed for it. */
static void a_source_that_is_not_there(void **state)
{
	struct fact_request request = request_to("10.80.1.2", BIT(FACT_ROUTE));

	(void)state;
	parse("10.1.2.3", request.tuple.local);
	fetch(&request, NULL);
	assert_int_equal(fact(FACT_ROUTE, 0)->flags, 0);
	assert_int_equal(fact(FACT_ROUTE, 0)->port, RTN_UNICAST);
}

static void no_route_at_all(void **state)
{
	static const char *const remotes[] = { "8.8.8.8", "2001:db8:1::1" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(remotes); i++) {
		struct fact_request request =
			request_to(remotes[i], BIT(FACT_ROUTE) | BIT(FACT_NEIGHBOR));

		fetch(&request, NULL);
		assert_int_equal(fact(FACT_ROUTE, 0)->flags, FACT_F_ABSENT);
		assert_int_equal(fact(FACT_ROUTE, 0)->error, ENETUNREACH);
		assert_int_equal(fact(FACT_ROUTE, 0)->port, 0);
		assert_int_equal(fact(FACT_NEIGHBOR, 0)->flags, FACT_F_ABSENT);
	}
}

static void next_hops(void **state)
{
	struct fact_request request = request_to("10.77.0.9", BIT(FACT_NEIGHBOR));
	__u8 hop[EVENT_ADDRESS_SIZE];

	(void)state;
	fetch(&request, NULL);
	assert_int_equal(fact(FACT_NEIGHBOR, 0)->flags, 0);
	assert_int_equal(fact(FACT_NEIGHBOR, 0)->port, NUD_PERMANENT);
	assert_string_equal(fact(FACT_NEIGHBOR, 0)->text, "02:00:00:00:00:09");
	assert_string_equal(fact(FACT_NEIGHBOR, 0)->name, "swB");
	assert_null(fact(FACT_ROUTE, 0)); /* not asked for */

	/* Never spoken to; asking must not make it known. */
	for (int i = 0; i < 2; i++) {
		request = request_to("10.80.1.2", BIT(FACT_NEIGHBOR));
		fetch(&request, NULL);
		assert_int_equal(fact(FACT_NEIGHBOR, 0)->flags, FACT_F_ABSENT);
		assert_int_equal(fact(FACT_NEIGHBOR, 0)->error, ENOENT);
		parse("10.77.0.1", hop);
		assert_memory_equal(fact(FACT_NEIGHBOR, 0)->address, hop, sizeof(hop));
	}
}

static void addresses_of_that_namespace(void **state)
{
	struct fact_request request = request_to("10.80.1.2", BIT(FACT_ADDRESS));
	__u8 asked[EVENT_ADDRESS_SIZE];
	bool found = false;
	size_t count = 0;

	(void)state;
	/* More than are told, and the one in question among the last. */
	netns_run("for i in $(seq 20 60); do echo addr add 10.66.0.$i/32 dev swB; done | "
		  "ip -n %s -batch -",
		  name);
	parse("10.66.0.59", request.tuple.local);
	memcpy(asked, request.tuple.local, sizeof(asked));
	fetch(&request, NULL);
	for (; fact(FACT_ADDRESS, count); count++)
		found |= address_equal(fact(FACT_ADDRESS, count)->address, asked);
	assert_int_equal(count, 16);
	assert_true(found);
	netns_run("for i in $(seq 20 60); do echo addr del 10.66.0.$i/32 dev swB; done | "
		  "ip -n %s -batch -",
		  name);
}

static void values_of_that_namespace(void **state)
{
	struct fact_request request = request_to("10.80.1.2", BIT(FACT_SYSCTL) | BIT(FACT_COUNTER));

	(void)state;
	request.sysctls[0] = "net.ipv4.ip_local_port_range";
	request.sysctls[1] = "net.core.somaxconn";
	request.sysctls[2] = "net/ipv4/conf/swB/rp_filter";
	request.sysctls[3] = "net.ipv4.no_such_thing";
	request.sysctls[4] = "../../etc/passwd";
	request.counters[0] = "TcpExt:ListenOverflows";
	request.counters[1] = "Tcp:ActiveOpens";
	request.counters[2] = "TcpExt:NoSuchThing";
	fetch(&request, NULL);
	assert_non_null(fact_named(FACT_SYSCTL, "net.ipv4.ip_local_port_range", "40000 40009"));
	assert_int_equal(fact_named(FACT_SYSCTL, "net.core.somaxconn", "17")->number, 17);
	assert_int_equal(fact_named(FACT_SYSCTL, "net/ipv4/conf/swB/rp_filter", "")->flags, 0);
	assert_int_equal(fact_named(FACT_SYSCTL, "net.ipv4.no_such_thing", "")->flags,
			 FACT_F_ABSENT);
	assert_int_equal(fact_named(FACT_SYSCTL, "../../etc/passwd", "")->flags, FACT_F_ABSENT);
	assert_int_equal(fact_named(FACT_COUNTER, "TcpExt:ListenOverflows", "")->number, 0);
	assert_int_equal(fact_named(FACT_COUNTER, "Tcp:ActiveOpens", "")->flags, 0);
	assert_int_equal(fact_named(FACT_COUNTER, "TcpExt:NoSuchThing", "")->flags, FACT_F_ABSENT);
}

static void rules_that_drop_are_quoted(void **state)
{
	struct fact_request request = request_to("10.77.0.1", BIT(FACT_RULESET));

	(void)state;
	fetch(&request, NULL);
	assert_int_equal(fact(FACT_RULESET, 0)->flags, FACT_F_ABSENT);
	netns_run("ip netns exec %s nft -f - <<'END'\n"
		  "table inet filter {\n"
		  "	set blocked { type ipv4_addr; elements = { 10.1.1.1 }; }\n"
		  "	chain other { ip daddr != 10.0.0.0/8 drop; }\n"
		  "	chain output {\n"
		  "		type filter hook output priority 0; policy drop;\n"
		  "		ct state established,related accept\n"
		  "		udp dport 53 drop\n"
		  "		tcp dport 80 counter log reject with tcp reset\n"
		  "		ip daddr 10.77.0.0/24 meta skuid 1000 drop\n"
		  "		jump other\n"
		  "	}\n"
		  "	chain input {\n"
		  "		type filter hook input priority 0\n"
		  "		iifname \"sw*\" ip saddr @blocked drop\n"
		  "	}\n"
		  "}\n"
		  "END",
		  name);
	fetch(&request, NULL);
	assert_non_null(fact_named(FACT_RULESET, "inet filter/output",
				   "type filter hook output priority 0, policy drop"));
	assert_non_null(fact_named(FACT_RULESET, "inet filter/input",
				   "type filter hook input priority 0, policy accept"));
	assert_non_null(fact_named(FACT_RULESET, "inet filter/output",
				   ": tcp dport 80 reject with tcp reset"));
	assert_non_null(fact_named(FACT_RULESET, "inet filter/output",
				   ": ip daddr 10.77.0.0/24 meta skuid 1000 drop"));
	assert_non_null(
		fact_named(FACT_RULESET, "inet filter/other", ": ip daddr != 10.0.0.0/8 drop"));
	assert_non_null(fact_named(FACT_RULESET, "inet filter/input",
				   ": iifname \"sw*\" ip saddr @blocked drop"));
	/* What accepts is no cause, nor is what cannot meet this connection. */
	assert_null(fact_named(FACT_RULESET, "inet filter/output", "accept"));
	assert_null(fact_named(FACT_RULESET, "inet filter/output", "udp dport 53"));
	netns_run("ip netns exec %s nft flush ruleset", name);
}

/* In the namespace of the server, which a SYN enters by its input chain. */
static void rules_that_meet_what_comes_in(void **state)
{
	struct fact_request request = request_to("10.77.0.1", BIT(FACT_RULESET));

	(void)state;
	parse("10.77.0.2", request.tuple.local);
	request.tuple.local_port = 8104;
	request.tuple.remote_port = 45678;
	netns_run("ip netns exec %s nft -f - <<'END'\n"
		  "table inet filter {\n"
		  "	chain input {\n"
		  "		type filter hook input priority 0\n"
		  "		tcp dport 8101 drop\n"
		  "		tcp sport 8104 drop\n"
		  "		tcp dport 8104 reject with icmpx type admin-prohibited\n"
		  "	}\n"
		  "	chain output {\n"
		  "		type filter hook output priority 0\n"
		  "		tcp dport 8104 drop\n"
		  "	}\n"
		  "}\n"
		  "END",
		  name);
	fetch(&request, NULL);
	assert_non_null(strstr(fact(FACT_RULESET, 0)->text,
			       ": tcp dport 8104 reject with icmpx admin-prohibited"));
	assert_null(fact_named(FACT_RULESET, "inet filter/input", "dport 8101"));
	assert_null(fact_named(FACT_RULESET, "inet filter/input", "sport 8104"));
	assert_null(fact_named(FACT_RULESET, "inet filter/output", "dport 8104"));
	netns_run("ip netns exec %s nft flush ruleset", name);
}

static void a_process(void **state)
{
	struct fact_request request = request_to(
		"10.80.1.2", BIT(FACT_TASK_STATE) | BIT(FACT_CAPABILITY) | BIT(FACT_BPF_PROGRAM));
	int status;

	(void)state;
	request.capability = "CAP_NET_BIND_SERVICE";
	request.pid = child_fork();
	if (!request.pid) {
		pause();
		_exit(0);
	}
	kill(request.pid, SIGSTOP);
	assert_int_equal(waitpid(request.pid, &status, WUNTRACED), request.pid);
	fetch(&request, NULL);
	assert_string_equal(fact(FACT_TASK_STATE, 0)->text, "stopped");
	assert_string_equal(fact(FACT_TASK_STATE, 0)->name, "fact_test");
	assert_int_equal(fact(FACT_TASK_STATE, 0)->pid, request.pid);
	assert_int_equal(fact(FACT_CAPABILITY, 0)->number, 1);
	assert_non_null(fact(FACT_BPF_PROGRAM, 0));
	kill(request.pid, SIGKILL);
	assert_int_equal(waitpid(request.pid, &status, 0), request.pid);
	fetch(&request, NULL);
	assert_int_equal(fact(FACT_TASK_STATE, 0)->flags, FACT_F_ABSENT);
	assert_int_equal(fact(FACT_CAPABILITY, 0)->flags, FACT_F_ABSENT);
	assert_int_equal(fact(FACT_BPF_PROGRAM, 0)->flags, FACT_F_ABSENT);
}

static void a_namespace_that_is_gone(void **state)
{
	struct fact_request request =
		request_to("10.80.1.2", BIT(FACT_ROUTE) | BIT(FACT_SYSCTL) | BIT(FACT_HOLDER));

	(void)state;
	request.netns = 1;
	fetch(&request, NULL);
	assert_int_equal(heard.count, 4);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(heard.at[i].fact.flags, FACT_F_ABSENT);
}

/* Without a name and a mount: found by the process in it. */
static void a_namespace_that_only_a_process_keeps(void **state)
{
	struct fact_request request = request_to("127.0.0.1", BIT(FACT_ROUTE));
	int ready[2];
	char path[64], byte;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	child = child_fork();
	if (!child) {
		if (unshare(CLONE_NEWNET) || system("ip link set lo up") ||
		    write(ready[1], "", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", child);
	request.netns = netns_inode(path);
	fetch(&request, NULL);
	assert_int_equal(fact(FACT_ROUTE, 0)->flags, 0);
	assert_int_equal(fact(FACT_ROUTE, 0)->port, RTN_LOCAL);
	request.pid = child;
	fetch(&request, NULL);
	assert_int_equal(fact(FACT_ROUTE, 0)->flags, 0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(ready[0]);
	close(ready[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_route_that_leads_somewhere),
		cmocka_unit_test(a_route_by_mark),
		cmocka_unit_test(what_rejects_is_quoted),
		cmocka_unit_test(a_source_that_is_not_there),
		cmocka_unit_test(no_route_at_all),
		cmocka_unit_test(next_hops),
		cmocka_unit_test(addresses_of_that_namespace),
		cmocka_unit_test(values_of_that_namespace),
		cmocka_unit_test(rules_that_drop_are_quoted),
		cmocka_unit_test(rules_that_meet_what_comes_in),
		cmocka_unit_test(a_process),
		cmocka_unit_test(a_namespace_that_is_gone),
		cmocka_unit_test(a_namespace_that_only_a_process_keeps),
	};

	return cmocka_run_group_tests(tests, make_namespace, remove_namespace);
}
