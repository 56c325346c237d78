// SPDX-License-Identifier: GPL-2.0-or-later
/* fact_conntrack.c - how full the table of connections of the calling thread's namespace is, and of what */

#include <errno.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collect/facts/fact.h"
#include "collect/tell.h"
#include "util/address.h"
#include "util/hash.h"
#include "util/own.h"

#define FOLDER "/proc/sys/net/netfilter/nf_conntrack_"
#define ENTRIES_READ 16384 /* a dump goes by hash values: as good as drawn by lot */
#define SOURCES 4096 /* told apart; later ones are not seen */
#define NEARLY_FULL(count, most) ((count)*10 >= (most)*9)

/* As net/netfilter/nf_conntrack_proto_tcp.c names them. */
static const char *const states[] = {
	[TCP_CONNTRACK_SYN_SENT] = "SYN_SENT",	     [TCP_CONNTRACK_SYN_RECV] = "SYN_RECV",
	[TCP_CONNTRACK_ESTABLISHED] = "ESTABLISHED", [TCP_CONNTRACK_FIN_WAIT] = "FIN_WAIT",
	[TCP_CONNTRACK_CLOSE_WAIT] = "CLOSE_WAIT",   [TCP_CONNTRACK_LAST_ACK] = "LAST_ACK",
	[TCP_CONNTRACK_TIME_WAIT] = "TIME_WAIT",     [TCP_CONNTRACK_CLOSE] = "CLOSE",
	[TCP_CONNTRACK_SYN_SENT2] = "SYN_SENT2",
};

struct source {
	__u32 count;
	__u8 address[EVENT_ADDRESS_SIZE];
};

struct fill {
	__u32 read;
	__u32 by_state[ARRAY_SIZE(states)];
	struct source sources[SOURCES];
	__u32 sources_count;
	struct hash by_address;
};

static long long read_number(const char *name)
{
	char path[80], text[32];
	int length;

	snprintf(path, sizeof(path), FOLDER "%s", name);
	length = tell_read_file(path, text, sizeof(text));
	return length < 0 ? length : strtoll(text, NULL, 10);
}

static void count_source(struct fill *fill, const __u8 *address)
{
	__u64 hash = address_hash(address);
	__u32 i = hash_first(&fill->by_address, hash);

	while (i != HASH_END && !address_equal(fill->sources[i].address, address))
		i = hash_next(&fill->by_address, i);
	if (i == HASH_END && fill->sources_count == SOURCES)
		return;
	if (i == HASH_END) {
		i = fill->sources_count++;
		hash_add(&fill->by_address, hash, i);
		memcpy(fill->sources[i].address, address, EVENT_ADDRESS_SIZE);
	}
	fill->sources[i].count++;
}

static bool read_source(struct nlattr *tuple, __u8 *address)
{
	struct nlattr *parts[CTA_TUPLE_MAX + 1], *ip[CTA_IP_MAX + 1];

	if (!tuple || nla_parse_nested(parts, CTA_TUPLE_MAX, tuple, NULL) || !parts[CTA_TUPLE_IP] ||
	    nla_parse_nested(ip, CTA_IP_MAX, parts[CTA_TUPLE_IP], NULL))
		return false;
	return netlink_address(ip[CTA_IP_V4_SRC] ? ip[CTA_IP_V4_SRC] : ip[CTA_IP_V6_SRC], address);
}

static void count_state(struct fill *fill, struct nlattr *info)
{
	struct nlattr *protocols[CTA_PROTOINFO_MAX + 1], *tcp[CTA_PROTOINFO_TCP_MAX + 1];
	unsigned int state;

	if (!info || nla_parse_nested(protocols, CTA_PROTOINFO_MAX, info, NULL) ||
	    !protocols[CTA_PROTOINFO_TCP] ||
	    nla_parse_nested(tcp, CTA_PROTOINFO_TCP_MAX, protocols[CTA_PROTOINFO_TCP], NULL) ||
	    !tcp[CTA_PROTOINFO_TCP_STATE])
		return;
	state = nla_get_u8(tcp[CTA_PROTOINFO_TCP_STATE]);
	if (state < ARRAY_SIZE(states) && states[state])
		fill->by_state[state]++;
}

static int take_entry(void *ctx, struct nlmsghdr *message)
{
	struct fill *fill = ctx;
	struct nlattr *table[CTA_MAX + 1];
	__u8 address[EVENT_ADDRESS_SIZE];

	if (netlink_attributes(message, sizeof(struct nfgenmsg), table, CTA_MAX))
		return 0;
	if (fill->read >= ENTRIES_READ)
		return -E2BIG;
	fill->read++;
	if (read_source(table[CTA_TUPLE_ORIG], address))
		count_source(fill, address);
	count_state(fill, table[CTA_PROTOINFO]);
	return 0;
}

static void tell_number(struct fetch *fetch, const char *name, long long number, long long limit,
			const __u8 *address)
{
	struct ev_fact fact = fact_make(FACT_COUNTER);

	tell_copy(fact.name, name, sizeof(fact.name));
	fact.number = number;
	fact.limit = limit;
	if (address)
		memcpy(fact.address, address, sizeof(fact.address));
	fact_tell(fetch, &fact);
}

/* The source that has most of them, and the state that most are in. */
static void tell_fill(struct fetch *fetch, const struct fill *fill)
{
	const struct source *source = &fill->sources[0];
	size_t state = 0;
	char name[48];

	for (size_t i = 1; i < fill->sources_count; i++)
		if (fill->sources[i].count > source->count)
			source = &fill->sources[i];
	for (size_t i = 1; i < ARRAY_SIZE(states); i++)
		if (fill->by_state[i] > fill->by_state[state])
			state = i;
	if (source->count)
		tell_number(fetch, "Conntrack:source", source->count, fill->read, source->address);
	if (!fill->by_state[state])
		return;
	snprintf(name, sizeof(name), "Conntrack:%s", states[state]);
	tell_number(fetch, name, fill->by_state[state], fill->read, NULL);
}

static void fetch_fill(struct fetch *fetch)
{
	struct nfgenmsg head = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 };
	_cleanup_free_ struct fill *fill = calloc(1, sizeof(*fill));
	struct netlink netlink = NETLINK_CLOSED;
	int err;

	if (!fill || hash_new(&fill->by_address, SOURCES))
		return;
	if (netlink_open(&netlink, NETLINK_NETFILTER)) {
		hash_free(&fill->by_address);
		return;
	}
	err = netlink_ask(&netlink,
			  netlink_message(NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET,
					  NLM_F_DUMP, &head, sizeof(head)),
			  take_entry, fill);
	netlink_close(&netlink);
	if (!err || err == -E2BIG)
		tell_fill(fetch, fill);
	hash_free(&fill->by_address);
}

/* Packets that found no entry, of all CPUs since the namespace began: hexadecimal, a line each. */
static long long read_drops(void)
{
	_cleanup_file_ FILE *file = fopen("/proc/thread-self/net/stat/nf_conntrack", "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	long long drops = 0;
	int column = -1;

	while (file && getline(&line, &size, file) > 0) {
		char *at, *word = strtok_r(line, " \n", &at);
		int i = 0;

		for (; word; word = strtok_r(NULL, " \n", &at), i++) {
			if (column < 0 && !strcmp(word, "drop"))
				break;
			if (i == column)
				drops += strtoll(word, NULL, 16);
		}
		if (column < 0)
			column = word ? i : 0;
	}
	return column > 0 ? drops : -ENOENT;
}

void fact_fetch_conntrack(struct fetch *fetch)
{
	long long count = read_number("count");
	long long most = count < 0 ? count : read_number("max");
	long long drops;

	if (most <= 0) {
		fact_tell_absent(fetch, FACT_COUNTER, FACT_CONNTRACK_ENTRIES, (int)most);
		return;
	}
	tell_number(fetch, FACT_CONNTRACK_ENTRIES, count, most, NULL);
	if (!NEARLY_FULL(count, most))
		return;
	drops = read_drops();
	if (drops >= 0)
		tell_number(fetch, "Conntrack:drop", drops, 0, NULL);
	fetch_fill(fetch);
}
