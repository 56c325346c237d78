// SPDX-License-Identifier: GPL-2.0-or-later
/* nft_compare.c - the comparisons of a rule of nftables, in words and against a connection */

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>
#include <string.h>

#include "collect/facts/fact.h"
#include "collect/facts/nft_reading.h"
#include "util/address.h"

static const char *operator_text(__u32 op)
{
	static const char *const texts[] = { "", "!= ", "< ", "<= ", "> ", ">= " };

	return op < ARRAY_SIZE(texts) ? texts[op] : "? ";
}

static bool compare(__u32 op, long long difference)
{
	switch (op) {
	case NFT_CMP_EQ:
		return difference == 0;
	case NFT_CMP_NEQ:
		return difference != 0;
	case NFT_CMP_LT:
		return difference < 0;
	case NFT_CMP_LTE:
		return difference <= 0;
	case NFT_CMP_GT:
		return difference > 0;
	default:
		return difference >= 0;
	}
}

const char *nft_protocol_name(unsigned int protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_ICMP:
		return "icmp";
	case IPPROTO_ICMPV6:
		return "ipv6-icmp";
	default:
		return NULL;
	}
}

static unsigned int mask_bits(const struct loaded *loaded)
{
	unsigned int bits = 0;

	if (!loaded->masked)
		return loaded->length * 8;
	for (; bits < loaded->length * 8u; bits++)
		if (!(loaded->mask[bits / 8] & 0x80 >> bits % 8))
			break;
	return bits;
}

/* Clears the ways in which the tuple's address on that side cannot match. */
static void weigh_address(struct reading *reading, enum load what, __u32 op, const __u8 *value,
			  unsigned int bits, int family)
{
	const struct event_tuple *tuple = reading->tuple;
	const __u8 *out = what == LOAD_SOURCE ? tuple->local : tuple->remote;
	const __u8 *in = what == LOAD_SOURCE ? tuple->remote : tuple->local;
	bool equal = op == NFT_CMP_EQ;

	if (op > NFT_CMP_NEQ)
		return;
	if (!address_is_any(out) && fact_prefix_covers(value, bits, family, out) != equal)
		reading->rule.ways &= ~NFT_WAY_OUT;
	if (!address_is_any(in) && fact_prefix_covers(value, bits, family, in) != equal)
		reading->rule.ways &= ~NFT_WAY_IN;
}

static void compare_address(struct reading *reading, const struct loaded *loaded, __u32 op,
			    const __u8 *value, int length)
{
	/* A prefix of whole bytes is loaded shorter than the address: the offset told the family. */
	bool ipv4 = loaded->length <= 4;
	int family = ipv4 ? AF_INET : AF_INET6;
	__u8 address[EVENT_ADDRESS_SIZE] = { 0 }, raw[16] = { 0 };
	unsigned int bits = mask_bits(loaded);

	memcpy(raw, value, length < 16 ? length : 16);
	if (ipv4)
		address_from_ipv4(address, raw);
	else
		address_from_ipv6(address, raw);
	text_add(reading->text, "%s %s %s", ipv4 ? "ip" : "ip6",
		 loaded->what == LOAD_SOURCE ? "saddr" : "daddr", operator_text(op));
	address_print(reading->text, address);
	if (bits < (ipv4 ? 32u : 128u))
		text_add(reading->text, "/%u", bits);
	text_add(reading->text, " ");
	reading->family_waits = false;
	weigh_address(reading, loaded->what, op, address, bits, family);
}

static void weigh_port(struct reading *reading, enum load what, __u32 op, __u16 port)
{
	const struct event_tuple *tuple = reading->tuple;
	__u16 out = what == LOAD_SOURCE_PORT ? tuple->local_port : tuple->remote_port;
	__u16 in = what == LOAD_SOURCE_PORT ? tuple->remote_port : tuple->local_port;

	if (out && !compare(op, (long long)out - port))
		reading->rule.ways &= ~NFT_WAY_OUT;
	if (in && !compare(op, (long long)in - port))
		reading->rule.ways &= ~NFT_WAY_IN;
}

const char *nft_port_side(struct reading *reading, enum load what)
{
	text_add(reading->text, "%s ", nft_protocol_name(reading->protocol) ?: "th");
	reading->protocol_waits = false;
	return what == LOAD_SOURCE_PORT ? "sport" : "dport";
}

static void compare_port(struct reading *reading, const struct loaded *loaded, __u32 op,
			 const __u8 *value)
{
	__u16 port = value[0] << 8 | value[1];

	text_add(reading->text, "%s ", nft_port_side(reading, loaded->what));
	text_add(reading->text, "%s%u ", operator_text(op), port);
	weigh_port(reading, loaded->what, op, port);
}

static void compare_protocol(struct reading *reading, __u32 op, __u8 protocol)
{
	const char *name = nft_protocol_name(protocol);

	if (reading->tuple->protocol &&
	    !compare(op, (long long)reading->tuple->protocol - protocol))
		reading->rule.ways = 0;
	reading->protocol = op == NFT_CMP_EQ ? protocol : 0;
	reading->protocol_waits = op == NFT_CMP_EQ;
	if (reading->protocol_waits)
		return;
	text_add(reading->text, "meta l4proto %s", operator_text(op));
	if (name)
		text_add(reading->text, "%s ", name);
	else
		text_add(reading->text, "%u ", protocol);
}

static void compare_nfproto(struct reading *reading, __u32 op, __u8 nfproto)
{
	bool ipv4 = address_is_ipv4(reading->tuple->remote);
	bool same = nfproto == (ipv4 ? NFPROTO_IPV4 : NFPROTO_IPV6);

	if (op <= NFT_CMP_NEQ && same != (op == NFT_CMP_EQ))
		reading->rule.ways = 0;
	reading->nfproto = nfproto;
	reading->family_waits = op == NFT_CMP_EQ;
	if (!reading->family_waits)
		text_add(reading->text, "meta nfproto %s%s ", operator_text(op),
			 nfproto == NFPROTO_IPV4 ? "ipv4" : "ipv6");
}

/* A name without its terminator is a wildcard. */
static void compare_name(struct reading *reading, const struct loaded *loaded, __u32 op,
			 const __u8 *value, int length)
{
	text_add(reading->text, "%s %s\"", loaded->what == LOAD_IN_NAME ? "iifname" : "oifname",
		 operator_text(op));
	text_add_foreign(reading->text, (const char *)value, length);
	text_add(reading->text, memchr(value, '\0', length) ? "\" " : "*\" ");
}

static void compare_host_number(struct reading *reading, const struct loaded *loaded, __u32 op,
				const __u8 *value, int length)
{
	__u32 host = 0, mask = 0;

	memcpy(&host, value, length < 4 ? length : 4);
	memcpy(&mask, loaded->mask, sizeof(mask));
	text_add(reading->text, loaded->what == LOAD_MARK ? "meta mark " :
				loaded->what == LOAD_UID  ? "meta skuid " :
							    "meta skgid ");
	if (loaded->masked)
		text_add(reading->text, "and 0x%x ", mask);
	text_add(reading->text, loaded->what == LOAD_MARK ? "%s0x%x " : "%s%u ", operator_text(op),
		 host);
}

static void compare_ct_state(struct reading *reading, const struct loaded *loaded, __u32 op)
{
	static const struct {
		const char *name;
		__u32 bit;
	} states[] = { { "invalid", 1 },
		       { "established", 2 },
		       { "related", 4 },
		       { "new", 8 },
		       { "untracked", 64 } };
	const char *separator = "";
	__u32 mask = 0;

	memcpy(&mask, loaded->mask, sizeof(mask));
	text_add(reading->text, "ct state %s", op == NFT_CMP_EQ ? "!= " : "");
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		if (!(mask & states[i].bit))
			continue;
		text_add(reading->text, "%s%s", separator, states[i].name);
		separator = ",";
	}
	text_add(reading->text, " ");
}

static void compare_tcp_flags(struct reading *reading, const struct loaded *loaded, __u32 op,
			      const __u8 *value)
{
	text_add(reading->text, "tcp flags ");
	if (loaded->masked)
		text_add(reading->text, "and 0x%02x ", loaded->mask[0]);
	text_add(reading->text, "%s0x%02x ", operator_text(op), value[0]);
	reading->protocol_waits = false;
}

void nft_read_compare(struct reading *reading, const struct nlattr *data)
{
	struct nlattr *table[NFTA_CMP_MAX + 1], *value_table[NFTA_DATA_MAX + 1];
	const struct nlattr *value;
	const struct loaded *loaded;
	const __u8 *bytes;
	__u32 op;

	nft_parse(data, table, NFTA_CMP_MAX);
	nft_parse(table[NFTA_CMP_DATA], value_table, NFTA_DATA_MAX);
	loaded = nft_word(reading, table[NFTA_CMP_SREG]);
	op = nft_number(table[NFTA_CMP_OP], ~0u);
	value = value_table[NFTA_DATA_VALUE];
	if (!value || nla_len(value) < 1 || op > NFT_CMP_GTE) {
		nft_not_understood(reading, "cmp");
		return;
	}
	bytes = nla_data(value);
	switch (loaded->what) {
	case LOAD_PROTOCOL:
		return compare_protocol(reading, op, bytes[0]);
	case LOAD_NFPROTO:
		return compare_nfproto(reading, op, bytes[0]);
	case LOAD_SOURCE:
	case LOAD_DESTINATION:
		return compare_address(reading, loaded, op, bytes, nla_len(value));
	case LOAD_IN_NAME:
	case LOAD_OUT_NAME:
		return compare_name(reading, loaded, op, bytes, nla_len(value));
	case LOAD_MARK:
	case LOAD_UID:
	case LOAD_GID:
		return compare_host_number(reading, loaded, op, bytes, nla_len(value));
	case LOAD_TCP_FLAGS:
		return compare_tcp_flags(reading, loaded, op, bytes);
	case LOAD_SOURCE_PORT:
	case LOAD_DESTINATION_PORT:
		if (!loaded->masked && nla_len(value) >= 2)
			return compare_port(reading, loaded, op, bytes);
		break;
	case LOAD_CT_STATE:
		if (loaded->masked)
			return compare_ct_state(reading, loaded, op);
		break;
	default:
		break;
	}
	nft_not_understood(reading, "compare");
}

void nft_read_range(struct reading *reading, const struct nlattr *data)
{
	struct nlattr *table[NFTA_RANGE_MAX + 1], *from[NFTA_DATA_MAX + 1], *to[NFTA_DATA_MAX + 1];
	const struct loaded *loaded;
	__u16 low, high;

	nft_parse(data, table, NFTA_RANGE_MAX);
	nft_parse(table[NFTA_RANGE_FROM_DATA], from, NFTA_DATA_MAX);
	nft_parse(table[NFTA_RANGE_TO_DATA], to, NFTA_DATA_MAX);
	loaded = nft_word(reading, table[NFTA_RANGE_SREG]);
	if ((loaded->what != LOAD_SOURCE_PORT && loaded->what != LOAD_DESTINATION_PORT) ||
	    !from[NFTA_DATA_VALUE] || !to[NFTA_DATA_VALUE] || nla_len(from[NFTA_DATA_VALUE]) < 2 ||
	    nla_len(to[NFTA_DATA_VALUE]) < 2) {
		nft_not_understood(reading, "range");
		return;
	}
	low = ntohs(nla_get_u16(from[NFTA_DATA_VALUE]));
	high = ntohs(nla_get_u16(to[NFTA_DATA_VALUE]));
	text_add(reading->text, "%s ", nft_port_side(reading, loaded->what));
	text_add(reading->text, "%s%u-%u ",
		 nft_number(table[NFTA_RANGE_OP], 0) == NFT_RANGE_NEQ ? "!= " : "", low, high);
	if (nft_number(table[NFTA_RANGE_OP], 0) == NFT_RANGE_EQ) {
		weigh_port(reading, loaded->what, NFT_CMP_GTE, low);
		weigh_port(reading, loaded->what, NFT_CMP_LTE, high);
	}
}
