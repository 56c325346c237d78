// SPDX-License-Identifier: GPL-2.0-or-later
/* nft_rule.c - a rule of nftables as a dump gives it, in the words of nft(8) */

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>
#include <string.h>

#include "collect/facts/fact.h"
#include "collect/facts/nft_reading.h"
#include "util/address.h"

__u32 nft_number(const struct nlattr *attribute, __u32 otherwise)
{
	return attribute && nla_len(attribute) >= 4 ? ntohl(nla_get_u32(attribute)) : otherwise;
}

struct loaded *nft_word(struct reading *reading, const struct nlattr *attribute)
{
	__u32 reg = nft_number(attribute, ~0u);
	__u32 word = reg <= NFT_REG_4 ? reg * 4 : reg - NFT_REG32_00 + 4;

	if (word < WORDS)
		return &reading->words[word];
	reading->nowhere = (struct loaded){ .what = LOAD_UNKNOWN };
	return &reading->nowhere;
}

void nft_parse(const struct nlattr *data, struct nlattr **table, int max)
{
	memset(table, 0, (max + 1) * sizeof(struct nlattr *));
	if (data && nla_parse_nested(table, max, (struct nlattr *)data, NULL) < 0)
		memset(table, 0, (max + 1) * sizeof(struct nlattr *));
}

void nft_not_understood(struct reading *reading, const char *name)
{
	reading->rule.whole = false;
	text_add(reading->text, "[");
	text_add_foreign(reading->text, name, 32);
	text_add(reading->text, "] ");
}

/* ---- loads ---- */

static void read_meta(struct reading *reading, const struct nlattr *data)
{
	static const __u8 loads[] = {
		[NFT_META_MARK] = LOAD_MARK,	    [NFT_META_IIFNAME] = LOAD_IN_NAME,
		[NFT_META_OIFNAME] = LOAD_OUT_NAME, [NFT_META_SKUID] = LOAD_UID,
		[NFT_META_SKGID] = LOAD_GID,	    [NFT_META_NFPROTO] = LOAD_NFPROTO,
		[NFT_META_L4PROTO] = LOAD_PROTOCOL,
	};
	struct nlattr *table[NFTA_META_MAX + 1];
	__u32 key;

	nft_parse(data, table, NFTA_META_MAX);
	if (!table[NFTA_META_DREG])
		return; /* sets something: no condition */
	key = nft_number(table[NFTA_META_KEY], ~0u);
	*nft_word(reading, table[NFTA_META_DREG]) = (struct loaded){
		.what = key < ARRAY_SIZE(loads) && loads[key] ? loads[key] : LOAD_UNKNOWN,
	};
}

/* RFC 791 3.1, RFC 8200 3, RFC 9293 3.1: which field that is; @ipv6 is told by the offsets. */
static enum load field_of(__u32 base, __u32 offset, __u32 length)
{
	if (base == NFT_PAYLOAD_NETWORK_HEADER) {
		if ((offset == 12 && length <= 4) || (offset == 8 && length > 4))
			return LOAD_SOURCE;
		if ((offset == 16 && length <= 4) || (offset == 24 && length > 4))
			return LOAD_DESTINATION;
		if (offset == 9 && length == 1)
			return LOAD_PROTOCOL;
	}
	if (base == NFT_PAYLOAD_TRANSPORT_HEADER) {
		if (length == 2 && offset <= 2)
			return offset ? LOAD_DESTINATION_PORT : LOAD_SOURCE_PORT;
		if (offset == 13 && length == 1)
			return LOAD_TCP_FLAGS;
	}
	return LOAD_UNKNOWN;
}

static void read_payload(struct reading *reading, const struct nlattr *data)
{
	struct nlattr *table[NFTA_PAYLOAD_MAX + 1];
	__u32 length;

	nft_parse(data, table, NFTA_PAYLOAD_MAX);
	if (!table[NFTA_PAYLOAD_DREG])
		return;
	length = nft_number(table[NFTA_PAYLOAD_LEN], 0);
	*nft_word(reading, table[NFTA_PAYLOAD_DREG]) = (struct loaded){
		.what = length > 16 ? LOAD_UNKNOWN :
				      field_of(nft_number(table[NFTA_PAYLOAD_BASE], ~0u),
					       nft_number(table[NFTA_PAYLOAD_OFFSET], ~0u), length),
		.length = length,
	};
}

static void read_ct(struct reading *reading, const struct nlattr *data)
{
	struct nlattr *table[NFTA_CT_MAX + 1];

	nft_parse(data, table, NFTA_CT_MAX);
	if (table[NFTA_CT_DREG])
		*nft_word(reading, table[NFTA_CT_DREG]) = (struct loaded){
			.what = nft_number(table[NFTA_CT_KEY], ~0u) == NFT_CT_STATE ?
					LOAD_CT_STATE :
					LOAD_UNKNOWN,
		};
}

static void read_bitwise(struct reading *reading, const struct nlattr *data)
{
	struct nlattr *table[NFTA_BITWISE_MAX + 1], *mask[NFTA_DATA_MAX + 1];
	struct loaded loaded;
	int length;

	nft_parse(data, table, NFTA_BITWISE_MAX);
	nft_parse(table[NFTA_BITWISE_MASK], mask, NFTA_DATA_MAX);
	loaded = *nft_word(reading, table[NFTA_BITWISE_SREG]);
	length = mask[NFTA_DATA_VALUE] ? nla_len(mask[NFTA_DATA_VALUE]) : 0;
	if (loaded.masked || !length || length > (int)sizeof(loaded.mask) ||
	    nft_number(table[NFTA_BITWISE_OP], 0) != NFT_BITWISE_BOOL) {
		loaded.what = LOAD_UNKNOWN;
	} else {
		loaded.masked = true;
		loaded.length = length;
		memcpy(loaded.mask, nla_data(mask[NFTA_DATA_VALUE]), length);
	}
	*nft_word(reading, table[NFTA_BITWISE_DREG]) = loaded;
}

static const char *load_text(struct reading *reading, const struct loaded *loaded)
{
	bool ipv4 = loaded->length <= 4;

	if (loaded->what == LOAD_SOURCE || loaded->what == LOAD_DESTINATION)
		reading->family_waits = false;
	switch (loaded->what) {
	case LOAD_SOURCE:
		return ipv4 ? "ip saddr" : "ip6 saddr";
	case LOAD_DESTINATION:
		return ipv4 ? "ip daddr" : "ip6 daddr";
	case LOAD_SOURCE_PORT:
	case LOAD_DESTINATION_PORT:
		return nft_port_side(reading, loaded->what);
	case LOAD_PROTOCOL:
		return "meta l4proto";
	case LOAD_IN_NAME:
		return "iifname";
	case LOAD_OUT_NAME:
		return "oifname";
	case LOAD_MARK:
		return "meta mark";
	case LOAD_CT_STATE:
		return "ct state";
	default:
		return "[…]";
	}
}

static void read_lookup(struct reading *reading, const struct nlattr *data)
{
	struct nlattr *table[NFTA_LOOKUP_MAX + 1];
	bool inverted, map;

	nft_parse(data, table, NFTA_LOOKUP_MAX);
	if (!table[NFTA_LOOKUP_SET]) {
		nft_not_understood(reading, "lookup");
		return;
	}
	reading->rule.whole = false; /* what is in the set is not looked at */
	inverted = nft_number(table[NFTA_LOOKUP_FLAGS], 0) & NFT_LOOKUP_F_INV;
	map = table[NFTA_LOOKUP_DREG];
	text_add(reading->text, "%s %s%s@",
		 load_text(reading, nft_word(reading, table[NFTA_LOOKUP_SREG])),
		 inverted ? "!= " : "", map ? "vmap " : "");
	text_add_foreign(reading->text, nla_data(table[NFTA_LOOKUP_SET]),
			 nla_len(table[NFTA_LOOKUP_SET]));
	text_add(reading->text, " ");
}

/* ---- verdicts ---- */

static void flush_waiting(struct reading *reading)
{
	const char *name = nft_protocol_name(reading->protocol);

	if (reading->family_waits && !reading->protocol_waits)
		text_add(reading->text, "meta nfproto %s ",
			 reading->nfproto == NFPROTO_IPV4 ? "ipv4" : "ipv6");
	reading->family_waits = false;
	if (reading->protocol_waits && name)
		text_add(reading->text, "meta l4proto %s ", name);
	else if (reading->protocol_waits)
		text_add(reading->text, "meta l4proto %u ", reading->protocol);
	reading->protocol_waits = false;
}

static void read_immediate(struct reading *reading, const struct nlattr *data)
{
	struct nlattr *table[NFTA_IMMEDIATE_MAX + 1], *value[NFTA_DATA_MAX + 1];
	struct nlattr *verdict[NFTA_VERDICT_MAX + 1];
	int code;

	nft_parse(data, table, NFTA_IMMEDIATE_MAX);
	nft_parse(table[NFTA_IMMEDIATE_DATA], value, NFTA_DATA_MAX);
	if (!value[NFTA_DATA_VERDICT])
		return; /* a value for a later expression to set */
	nft_parse(value[NFTA_DATA_VERDICT], verdict, NFTA_VERDICT_MAX);
	code = nft_number(verdict[NFTA_VERDICT_CODE], NFT_CONTINUE);
	flush_waiting(reading);
	if (code == NF_DROP) {
		text_add(reading->text, "drop");
		reading->rule.end = NFT_END_DROP;
	} else if (code == NF_ACCEPT) {
		text_add(reading->text, "accept");
	} else if (code == NFT_JUMP || code == NFT_GOTO) {
		text_add(reading->text, code == NFT_JUMP ? "jump " : "goto ");
		reading->rule.calls = verdict[NFTA_VERDICT_CHAIN];
		if (verdict[NFTA_VERDICT_CHAIN])
			text_add_foreign(reading->text, nla_data(verdict[NFTA_VERDICT_CHAIN]),
					 nla_len(verdict[NFTA_VERDICT_CHAIN]));
	} else if (code == NFT_RETURN) {
		text_add(reading->text, "return");
	}
}

/* RFC 792, RFC 1812 5.2.7.1; RFC 4443 3.1. Port unreachable is the usual one. */
static const char *icmp_with(__u32 code, bool ipv6)
{
	static const char *const icmp[] = {
		[0] = "icmp net-unreachable",  [1] = "icmp host-unreachable",
		[2] = "icmp prot-unreachable", [9] = "icmp net-prohibited",
		[10] = "icmp host-prohibited", [13] = "icmp admin-prohibited",
	};
	static const char *const icmpv6[] = {
		[0] = "icmpv6 no-route",	 [1] = "icmpv6 admin-prohibited",
		[3] = "icmpv6 addr-unreachable", [5] = "icmpv6 policy-fail",
		[6] = "icmpv6 reject-route",
	};

	if (ipv6)
		return code < ARRAY_SIZE(icmpv6) ? icmpv6[code] : NULL;
	return code < ARRAY_SIZE(icmp) ? icmp[code] : NULL;
}

/* An answer other than the usual one, in the words of nft(8); NULL: the usual one. */
static const char *reject_with(__u32 type, __u32 code, bool ipv6)
{
	static const char *const icmpx[] = {
		[NFT_REJECT_ICMPX_NO_ROUTE] = "icmpx no-route",
		[NFT_REJECT_ICMPX_HOST_UNREACH] = "icmpx host-unreachable",
		[NFT_REJECT_ICMPX_ADMIN_PROHIBITED] = "icmpx admin-prohibited",
	};

	if (type == NFT_REJECT_TCP_RST)
		return "tcp reset";
	if (type == NFT_REJECT_ICMP_UNREACH)
		return icmp_with(code, ipv6);
	return type == NFT_REJECT_ICMPX_UNREACH && code < ARRAY_SIZE(icmpx) ? icmpx[code] : NULL;
}

static void read_reject(struct reading *reading, const struct nlattr *data)
{
	struct nlattr *table[NFTA_REJECT_MAX + 1];
	const char *with;
	__u32 code = 0;

	nft_parse(data, table, NFTA_REJECT_MAX);
	if (table[NFTA_REJECT_ICMP_CODE])
		code = nla_get_u8(table[NFTA_REJECT_ICMP_CODE]);
	with = reject_with(nft_number(table[NFTA_REJECT_TYPE], NFT_REJECT_ICMP_UNREACH), code,
			   reading->family == NFPROTO_IPV6 || reading->nfproto == NFPROTO_IPV6);
	flush_waiting(reading);
	text_add(reading->text, "reject%s%s", with ? " with " : "", with ?: "");
	reading->rule.end = NFT_END_REJECT;
}

/* iptables-nft keeps some of its extensions as they were; names of <linux/netfilter/nf_tables_compat.h> */
static void read_extension(struct reading *reading, const struct nlattr *data, bool target)
{
	struct nlattr *table[4];
	char name[32] = "?";

	nft_parse(data, table, 3);
	if (table[1])
		nla_strlcpy(name, table[1], sizeof(name));
	if (!target) {
		nft_not_understood(reading, name);
		return;
	}
	flush_waiting(reading);
	if (!strcmp(name, "REJECT"))
		reading->rule.end = NFT_END_REJECT;
	if (!strcmp(name, "DROP"))
		reading->rule.end = NFT_END_DROP;
	text_add_foreign(reading->text, name, sizeof(name));
}

static bool is_silent(const char *name)
{
	static const char *const names[] = { "counter", "log", "notrack", "last" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

static void read_expression(struct reading *reading, const struct nlattr *element)
{
	static const struct {
		const char *name;
		void (*read)(struct reading *reading, const struct nlattr *data);
	} expressions[] = {
		{ "meta", read_meta },	     { "payload", read_payload },
		{ "ct", read_ct },	     { "bitwise", read_bitwise },
		{ "cmp", nft_read_compare }, { "range", nft_read_range },
		{ "lookup", read_lookup },   { "immediate", read_immediate },
		{ "reject", read_reject },
	};
	struct nlattr *table[NFTA_EXPR_MAX + 1];
	char name[32] = "?";

	nft_parse(element, table, NFTA_EXPR_MAX);
	if (table[NFTA_EXPR_NAME])
		nla_strlcpy(name, table[NFTA_EXPR_NAME], sizeof(name));
	for (size_t i = 0; i < ARRAY_SIZE(expressions); i++)
		if (!strcmp(expressions[i].name, name))
			return expressions[i].read(reading, table[NFTA_EXPR_DATA]);
	if (!strcmp(name, "match") || !strcmp(name, "target"))
		read_extension(reading, table[NFTA_EXPR_DATA], name[0] == 't');
	else if (!is_silent(name))
		nft_not_understood(reading, name);
}

struct nft_rule nft_rule_read(const struct nlattr *expressions, unsigned int family,
			      const struct event_tuple *tuple, unsigned int ways, struct text *text)
{
	struct reading reading = {
		.tuple = tuple,
		.text = text,
		.family = family,
		.rule = { .ways = ways, .whole = true },
	};
	bool ipv4 = address_is_ipv4(tuple->remote);
	struct nlattr *element;
	int left;

	if (family == (ipv4 ? NFPROTO_IPV6 : NFPROTO_IPV4))
		reading.rule.ways = 0;
	if (!expressions)
		return reading.rule;
	nla_for_each_nested(element, expressions, left) read_expression(&reading, element);
	flush_waiting(&reading);
	return reading.rule;
}
