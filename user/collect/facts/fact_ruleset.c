// SPDX-License-Identifier: GPL-2.0-or-later
/* fact_ruleset.c - what nftables would drop, quoted from a dump; a rule is never named by guess */

#include <errno.h>
#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collect/facts/fact.h"
#include "collect/facts/nft_rule.h"
#include "collect/tell.h"
#include "util/own.h"

#define CHAINS_MAX 128 /* base chains: hooks */
#define CALLS_MAX 512 /* rules that jump or go to another chain */
#define NAME_SIZE 48

struct chain {
	char name[NAME_SIZE]; /* "inet filter/output" */
	char hook[16];
	char type[16];
	unsigned int ways;
	unsigned int hooks; /* FILTER_HOOK_* */
	bool drops; /* by policy */
	__s32 priority;
};

/* How likely a chain or rule is what dropped the packet; the first to be told is the likeliest. */
enum score {
	SCORE_NONE, /* not told: also a rule that this connection cannot meet */
	SCORE_ACCEPTING_CHAIN,
	SCORE_MAYBE, /* a rule whose conditions are not all understood */
	SCORE_DROPPING_CHAIN, /* by its policy: of what no rule accepts */
	SCORE_CALLED, /* a rule all of whose conditions hold, in a chain that others may call */
	SCORE_HOOKED, /* the same in a chain at a hook */
};

struct call {
	char from[NAME_SIZE], to[NAME_SIZE];
	unsigned int hooks; /* of .from, and with it of .to */
};

struct quoted {
	enum score score;
	struct ev_fact fact;
};

struct ruleset {
	struct fetch *fetch;
	size_t chain_count;
	struct chain chains[CHAINS_MAX];
	struct quoted quoted[FACT_RULES_MAX];
	size_t call_count;
	struct call calls[CALLS_MAX];
	bool any;
};

static const char *family_name(unsigned int family)
{
	switch (family) {
	case NFPROTO_INET:
		return "inet";
	case NFPROTO_IPV4:
		return "ip";
	case NFPROTO_IPV6:
		return "ip6";
	case NFPROTO_ARP:
		return "arp";
	case NFPROTO_NETDEV:
		return "netdev";
	case NFPROTO_BRIDGE:
		return "bridge";
	default:
		return NULL;
	}
}

struct hook {
	const char *name;
	unsigned int ways; /* NFT_WAY_* */
	unsigned int bit; /* FILTER_HOOK_* */
};

static const struct hook *hook_of(unsigned int family, __u32 number)
{
	static const struct hook hooks[] = {
		{ "prerouting", NFT_WAY_IN, FILTER_HOOK_PREROUTING },
		{ "input", NFT_WAY_IN, FILTER_HOOK_INPUT },
		{ "forward", NFT_WAY_IN | NFT_WAY_OUT, FILTER_HOOK_FORWARD },
		{ "output", NFT_WAY_OUT, FILTER_HOOK_OUTPUT },
		{ "postrouting", NFT_WAY_OUT, FILTER_HOOK_POSTROUTING },
		{ "ingress", NFT_WAY_IN, FILTER_HOOK_INGRESS },
	};
	static const struct hook of_device[] = {
		{ "ingress", NFT_WAY_IN, FILTER_HOOK_INGRESS },
		{ "egress", NFT_WAY_OUT, FILTER_HOOK_EGRESS },
	};

	if (family == NFPROTO_NETDEV)
		return &of_device[!!number];
	return number < ARRAY_SIZE(hooks) ? &hooks[number] : NULL;
}

/* "inet filter/output"; false: the message lacks a name. */
static bool chain_name(char *name, unsigned int family, const struct nlattr *table,
		       const struct nlattr *chain)
{
	char table_name[64], chain_name[64];

	if (!table || !chain || !family_name(family))
		return false;
	nla_strlcpy(table_name, table, sizeof(table_name));
	nla_strlcpy(chain_name, chain, sizeof(chain_name));
	snprintf(name, NAME_SIZE, "%s %.20s/%.19s", family_name(family), table_name, chain_name);
	return true;
}

static int take_chain(void *ctx, struct nlmsghdr *message)
{
	struct ruleset *ruleset = ctx;
	struct nfgenmsg *head = nlmsg_data(message);
	struct nlattr *table[NFTA_CHAIN_MAX + 1], *hook[NFTA_HOOK_MAX + 1];
	struct chain *chain = &ruleset->chains[ruleset->chain_count];
	const struct hook *at;

	if (netlink_attributes(message, sizeof(*head), table, NFTA_CHAIN_MAX))
		return 0;
	ruleset->any = true;
	if (head->nfgen_family == NFPROTO_ARP || head->nfgen_family == NFPROTO_BRIDGE ||
	    !table[NFTA_CHAIN_HOOK] || ruleset->chain_count == CHAINS_MAX ||
	    nla_parse_nested(hook, NFTA_HOOK_MAX, table[NFTA_CHAIN_HOOK], NULL) < 0)
		return 0;
	*chain = (struct chain){ 0 };
	at = hook_of(head->nfgen_family, ntohl(netlink_u32(hook[NFTA_HOOK_HOOKNUM], 0)));
	if (!at || !chain_name(chain->name, head->nfgen_family, table[NFTA_CHAIN_TABLE],
			       table[NFTA_CHAIN_NAME]))
		return 0;
	chain->ways = at->ways;
	chain->hooks = at->bit;
	tell_copy(chain->hook, at->name, sizeof(chain->hook));
	if (table[NFTA_CHAIN_TYPE])
		nla_strlcpy(chain->type, table[NFTA_CHAIN_TYPE], sizeof(chain->type));
	chain->priority = ntohl(netlink_u32(hook[NFTA_HOOK_PRIORITY], 0));
	chain->drops = ntohl(netlink_u32(table[NFTA_CHAIN_POLICY], htonl(NF_ACCEPT))) == NF_DROP;
	ruleset->chain_count++;
	return 0;
}

static const struct chain *find_chain(const struct ruleset *ruleset, const char *name)
{
	for (size_t i = 0; i < ruleset->chain_count; i++)
		if (!strcmp(ruleset->chains[i].name, name))
			return &ruleset->chains[i];
	return NULL;
}

/* Where packets come to a chain: at its own hook, or through the chains that call it. */
static unsigned int hooks_of(const struct ruleset *ruleset, const char *name)
{
	const struct chain *chain = find_chain(ruleset, name);
	unsigned int hooks = chain ? chain->hooks : 0;

	for (size_t i = 0; !chain && i < ruleset->call_count; i++)
		if (!strcmp(ruleset->calls[i].to, name))
			hooks |= ruleset->calls[i].hooks;
	return hooks;
}

/* Chains call chains: until nothing new is learned. The kernel allows 16 of them in a row. */
static void follow_calls(struct ruleset *ruleset)
{
	bool learned = true;

	for (int round = 0; learned && round < 16; round++) {
		learned = false;
		for (size_t i = 0; i < ruleset->call_count; i++) {
			struct call *call = &ruleset->calls[i];
			unsigned int hooks = hooks_of(ruleset, call->from);

			learned |= hooks != call->hooks;
			call->hooks = hooks;
		}
	}
}

/* Of the same table as the rule at @from. */
static void keep_call(struct ruleset *ruleset, const char *from, unsigned int family,
		      const struct nlattr *table, const struct nlattr *to)
{
	struct call *call = &ruleset->calls[ruleset->call_count];

	if (ruleset->call_count == CALLS_MAX)
		return;
	*call = (struct call){ 0 };
	tell_copy(call->from, from, sizeof(call->from));
	ruleset->call_count += chain_name(call->to, family, table, to);
}

/* Keeps the best, best first, and among equals the order of the dump. */
static void keep(struct ruleset *ruleset, enum score score, const struct ev_fact *fact)
{
	size_t at = FACT_RULES_MAX;

	if (score == SCORE_NONE)
		return;
	while (at > 0 && ruleset->quoted[at - 1].score < score)
		at--;
	if (at == FACT_RULES_MAX)
		return;
	memmove(&ruleset->quoted[at + 1], &ruleset->quoted[at],
		(FACT_RULES_MAX - 1 - at) * sizeof(ruleset->quoted[0]));
	ruleset->quoted[at] = (struct quoted){ .score = score, .fact = *fact };
}

static enum score score_rule(const struct nft_rule *rule, const struct chain *chain)
{
	if (!rule->ways)
		return SCORE_NONE;
	if (!rule->whole)
		return SCORE_MAYBE;
	return chain ? SCORE_HOOKED : SCORE_CALLED;
}

/*
 * Rules that drop or reject and that a packet of this connection could meet, those first that it
 * surely met: in a chain at a hook, with conditions that it fulfils.
 */
static int take_rule(void *ctx, struct nlmsghdr *message)
{
	struct ruleset *ruleset = ctx;
	struct nfgenmsg *head = nlmsg_data(message);
	struct nlattr *table[NFTA_RULE_MAX + 1];
	struct ev_fact fact = fact_make(FACT_RULESET);
	struct text text = text_of(fact.text);
	const struct chain *chain;
	struct nft_rule rule;
	__u64 handle = 0;

	if (netlink_attributes(message, sizeof(*head), table, NFTA_RULE_MAX) ||
	    !chain_name(fact.name, head->nfgen_family, table[NFTA_RULE_TABLE],
			table[NFTA_RULE_CHAIN]))
		return 0;
	if (table[NFTA_RULE_HANDLE] && nla_len(table[NFTA_RULE_HANDLE]) >= 8)
		handle = be64toh(nla_get_u64(table[NFTA_RULE_HANDLE]));
	chain = find_chain(ruleset, fact.name);
	text_add(&text, "rule handle %llu: ", (unsigned long long)handle);
	rule = nft_rule_read(table[NFTA_RULE_EXPRESSIONS], head->nfgen_family,
			     &ruleset->fetch->request->tuple,
			     chain ? chain->ways : NFT_WAY_IN | NFT_WAY_OUT, &text);
	if (rule.calls)
		keep_call(ruleset, fact.name, head->nfgen_family, table[NFTA_RULE_TABLE],
			  rule.calls);
	if (rule.end == NFT_END_OTHER)
		return 0;
	fact.number = handle;
	fact.port = rule.end;
	keep(ruleset, score_rule(&rule, chain), &fact);
	return 0;
}

static int dump(struct netlink *netlink, int what, netlink_each *each, struct ruleset *ruleset)
{
	struct nfgenmsg head = { .nfgen_family = NFPROTO_UNSPEC, .version = NFNETLINK_V0 };

	return netlink_ask(netlink,
			   netlink_message(NFNL_SUBSYS_NFTABLES << 8 | what, NLM_F_DUMP, &head,
					   sizeof(head)),
			   each, ruleset);
}

static void keep_chain(struct ruleset *ruleset, const struct chain *chain)
{
	struct ev_fact fact = fact_make(FACT_RULESET);
	struct text text = text_of(fact.text);

	tell_copy(fact.name, chain->name, sizeof(fact.name));
	text_add(&text, "type ");
	text_add_foreign(&text, chain->type, sizeof(chain->type));
	text_add(&text, " hook %s priority %d, policy %s", chain->hook, chain->priority,
		 chain->drops ? "drop" : "accept");
	fact.port = chain->drops ? NFT_END_DROP : NFT_END_OTHER;
	keep(ruleset, chain->drops ? SCORE_DROPPING_CHAIN : SCORE_ACCEPTING_CHAIN, &fact);
}

/* nat and the like decide nothing, except by their policy. */
static void keep_chains(struct ruleset *ruleset)
{
	for (size_t i = 0; i < ruleset->chain_count; i++)
		if (ruleset->chains[i].drops || !strcmp(ruleset->chains[i].type, "filter"))
			keep_chain(ruleset, &ruleset->chains[i]);
}

/* Tables of the older interface: that they are there is all that netlink could tell. */
static bool tell_legacy(struct fetch *fetch, const char *path, const char *family)
{
	_cleanup_file_ FILE *file = fopen(path, "re");
	char table[33];
	bool any = false;

	while (file && fscanf(file, "%32s", table) == 1) {
		struct ev_fact fact = fact_make(FACT_RULESET);

		any = true;
		snprintf(fact.name, sizeof(fact.name), "%s-legacy %s", family, table);
		tell_copy(fact.text,
			  "a table of iptables-legacy, whose rules nftables does not list",
			  sizeof(fact.text));
		fact_tell(fetch, &fact);
	}
	return any;
}

void fact_fetch_ruleset(struct fetch *fetch)
{
	_cleanup_free_ struct ruleset *ruleset = calloc(1, sizeof(*ruleset));
	struct netlink netlink = NETLINK_CLOSED;
	int err = ruleset ? netlink_open(&netlink, NETLINK_NETFILTER) : -ENOMEM;
	bool legacy;

	if (!err) {
		ruleset->fetch = fetch;
		err = dump(&netlink, NFT_MSG_GETCHAIN, take_chain, ruleset);
	}
	if (!err)
		err = dump(&netlink, NFT_MSG_GETRULE, take_rule, ruleset);
	netlink_close(&netlink);
	if (!err) {
		keep_chains(ruleset);
		follow_calls(ruleset);
		for (size_t i = 0; i < FACT_RULES_MAX && ruleset->quoted[i].score; i++) {
			struct ev_fact *fact = &ruleset->quoted[i].fact;

			fact->limit = hooks_of(ruleset, fact->name);
			fact_tell(fetch, fact);
		}
	}
	legacy = tell_legacy(fetch, "/proc/thread-self/net/ip_tables_names", "ip");
	legacy |= tell_legacy(fetch, "/proc/thread-self/net/ip6_tables_names", "ip6");
	if (err || (!ruleset->any && !legacy))
		fact_tell_absent(fetch, FACT_RULESET, NULL, err);
}
