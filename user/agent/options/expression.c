// SPDX-License-Identifier: GPL-2.0-or-later
/* expression.c - pcap-filter expressions */

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "agent/options/expression.h"
#include "util/address.h"
#include "util/array.h"
#include "util/log.h"
#include "util/own.h"

#define HINT_WORDS \
	"addresses, networks, ports and protocols can be asked for: host 10.0.0.2 and port 443"

struct expression {
	struct bpf_program program;
};

/* pcap-filter(7): words that ask for what a connection does not have */
static const struct refused {
	const char *word;
	const char *what;
} refused_words[] = {
	{ "ether", "the link layer" },
	{ "link", "the link layer" },
	{ "wlan", "the link layer" },
	{ "fddi", "the link layer" },
	{ "tr", "the link layer" },
	{ "ppp", "the link layer" },
	{ "slip", "the link layer" },
	{ "vlan", "the link layer" },
	{ "mpls", "the link layer" },
	{ "pppoed", "the link layer" },
	{ "pppoes", "the link layer" },
	{ "geneve", "the link layer" },
	{ "arp", "the link layer" },
	{ "rarp", "the link layer" },
	{ "decnet", "the link layer" },
	{ "atalk", "the link layer" },
	{ "aarp", "the link layer" },
	{ "iso", "the link layer" },
	{ "stp", "the link layer" },
	{ "ipx", "the link layer" },
	{ "netbeui", "the link layer" },
	{ "gateway", "the link layer" },
	{ "broadcast", "the link layer" },
	{ "multicast", "the link layer" },
	{ "inbound", "a capture" },
	{ "outbound", "a capture" },
	{ "ifname", "a capture" },
	{ "ifindex", "a capture" },
	{ "on", "a capture" },
	{ "rnr", "a capture" },
	{ "rulenum", "a capture" },
	{ "reason", "a capture" },
	{ "action", "a capture" },
	{ "len", "a packet's length" },
	{ "less", "a packet's length" },
	{ "greater", "a packet's length" },
	{ "protochain", "a packet's headers" },
};

/* Words that libpcap would take for something else than an address of a connection. */
static int expression_scan(const char *text)
{
	const char *at = text;

	while (*at) {
		size_t length = 0;

		while (isalnum((unsigned char)at[length]) ||
		       strchr("_.-", at[length] ? at[length] : ' '))
			length++;
		for (size_t i = 0; length && i < ARRAY_SIZE(refused_words); i++) {
			if (strlen(refused_words[i].word) != length ||
			    strncmp(at, refused_words[i].word, length) != 0)
				continue;
			log_error("filter '%s': '%s' is about %s, which a connection does not have",
				  text, refused_words[i].word, refused_words[i].what);
			log_hint(HINT_WORDS);
			return -EINVAL;
		}
		if (*at == '[') {
			log_error("filter '%s': a connection has no bytes at an offset ('[')",
				  text);
			log_hint(HINT_WORDS);
			return -EINVAL;
		}
		at += length ? length : 1;
	}
	return 0;
}

int expression_new(struct expression **out, const char *text, const char *hint)
{
	struct expression *expression;
	pcap_t *pcap;
	int err = 0;

	if (expression_scan(text))
		return -EINVAL;
	expression = calloc(1, sizeof(*expression));
	pcap = pcap_open_dead(DLT_RAW, 65535);
	if (!expression || !pcap) {
		err = log_error_r(-ENOMEM, "filter");
	} else if (pcap_compile(pcap, &expression->program, text, 1, PCAP_NETMASK_UNKNOWN)) {
		const char *why = pcap_geterr(pcap);

		log_error("filter '%s': %s", text, why);
		if (hint)
			log_hint("%s", hint);
		else if (strstr(why, "unknown host") || strstr(why, "unknown network"))
			log_hint("no name is resolved here: give the address");
		else
			log_hint(
				"a filter is a pcap-filter(7) expression: host 10.0.0.2 and port 443");
		err = -EINVAL;
	}
	if (pcap)
		pcap_close(pcap);
	if (err)
		free(expression);
	else
		*out = expression;
	return err;
}

void expression_free(struct expression *expression)
{
	if (!expression)
		return;
	pcap_freecode(&expression->program);
	free(expression);
}

struct synthetic {
	union {
		struct ip v4;
		struct ip6_hdr v6;
		__u8 bytes[sizeof(struct ip6_hdr) + sizeof(struct tcphdr)];
	};
	size_t size;
};

static void synthetic_make(struct synthetic *packet, const __u8 *source, const __u8 *destination,
			   __u16 source_port, __u16 destination_port, __u8 protocol)
{
	struct tcphdr *tcp;

	memset(packet, 0, sizeof(*packet));
	if (address_is_ipv4(source) || address_is_ipv4(destination)) {
		packet->size = sizeof(struct ip) + sizeof(*tcp);
		packet->v4.ip_v = 4;
		packet->v4.ip_hl = sizeof(struct ip) / 4;
		packet->v4.ip_len = htons((__u16)packet->size);
		packet->v4.ip_ttl = 64;
		packet->v4.ip_p = protocol;
		memcpy(&packet->v4.ip_src, source + 12, 4);
		memcpy(&packet->v4.ip_dst, destination + 12, 4);
		tcp = (struct tcphdr *)(packet->bytes + sizeof(struct ip));
	} else {
		packet->size = sizeof(struct ip6_hdr) + sizeof(*tcp);
		packet->v6.ip6_vfc = 6 << 4;
		packet->v6.ip6_plen = htons(sizeof(*tcp));
		packet->v6.ip6_nxt = protocol;
		packet->v6.ip6_hlim = 64;
		memcpy(&packet->v6.ip6_src, source, sizeof(packet->v6.ip6_src));
		memcpy(&packet->v6.ip6_dst, destination, sizeof(packet->v6.ip6_dst));
		tcp = (struct tcphdr *)(packet->bytes + sizeof(struct ip6_hdr));
	}
	/* the ports stand at the same place in TCP and UDP */
	tcp->source = htons(source_port);
	tcp->dest = htons(destination_port);
	tcp->doff = sizeof(*tcp) / 4;
}

static bool program_match(const struct bpf_program *program, const struct synthetic *packet)
{
	const struct pcap_pkthdr header = { .caplen = (bpf_u_int32)packet->size,
					    .len = (bpf_u_int32)packet->size };

	return pcap_offline_filter(program, &header, packet->bytes) != 0;
}

bool expression_match(const struct expression *expression, const struct event_tuple *tuple)
{
	__u8 protocol = tuple->protocol ? (__u8)tuple->protocol : IPPROTO_TCP;
	struct synthetic packet;

	if (!expression)
		return true;
	synthetic_make(&packet, tuple->local, tuple->remote, tuple->local_port, tuple->remote_port,
		       protocol);
	if (program_match(&expression->program, &packet))
		return true;
	synthetic_make(&packet, tuple->remote, tuple->local, tuple->remote_port, tuple->local_port,
		       protocol);
	return program_match(&expression->program, &packet);
}
