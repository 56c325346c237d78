// SPDX-License-Identifier: GPL-2.0-or-later
/* assemble_packet.c - the bytes of a packet, from words */

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <string.h>

#include "assemble_value.h"
#include "util/address.h"
#include "util/array.h"

/* What the words say. Numbers of options that were not given are negative. */
struct words {
	__u8 source[EVENT_ADDRESS_SIZE];
	__u8 destination[EVENT_ADDRESS_SIZE];
	__u16 source_port;
	__u16 destination_port;
	__u8 protocol;
	__u8 tcp_flags;
	bool sack;
	bool ts;
	__u8 payload[200];
	size_t payload_length;
	__s64 seq, ack, win, mss, wscale, ttl, id, len, cut, mtu, type, code, ts_value, ts_echo;
	__s64 block_left, block_right; /* of a SACK option; both 0: none */
};

/* A packet under construction. */
struct build {
	__u8 bytes[EVENT_PACKET_MAX];
	size_t length;
};

static void put(struct build *build, __u64 value, size_t size)
{
	for (size_t i = size; i--;)
		if (build->length < sizeof(build->bytes))
			build->bytes[build->length++] = (__u8)(value >> (8 * i));
}

static void put_address(struct build *build, const __u8 *address, bool ipv6)
{
	for (size_t i = ipv6 ? 0 : 12; i < EVENT_ADDRESS_SIZE; i++)
		put(build, address[i], 1);
}

static void put_ip(struct build *build, const struct words *words, bool ipv6, size_t upper)
{
	if (ipv6) {
		put(build, 0x60000000, 4);
		put(build, upper, 2);
		put(build, words->protocol, 1);
		put(build, words->ttl, 1);
	} else {
		put(build, 0x4500, 2);
		put(build, upper + 20, 2);
		put(build, words->id, 2);
		put(build, 0x4000, 2); /* don't fragment */
		put(build, words->ttl, 1);
		put(build, words->protocol, 1);
		put(build, 0, 2); /* nobody checks */
	}
	put_address(build, words->source, ipv6);
	put_address(build, words->destination, ipv6);
}

/* Options in the order Linux writes them, padded to four bytes. */
static void put_tcp_options(struct build *build, const struct words *words)
{
	if (words->mss >= 0)
		put(build, 0x02040000 | (words->mss & 0xffff), 4);
	if (words->sack)
		put(build, words->ts ? 0x0402 : 0x01010402, words->ts ? 2 : 4);
	if (words->ts) {
		if (!words->sack)
			put(build, 0x0101, 2);
		put(build, 0x080a, 2);
		put(build, words->ts_value, 4);
		put(build, words->ts_echo, 4);
	}
	if (words->block_right) {
		put(build, 0x0101050a, 4);
		put(build, words->block_left, 4);
		put(build, words->block_right, 4);
	}
	if (words->wscale >= 0)
		put(build, 0x01030300 | (words->wscale & 0xff), 4);
}

static void put_tcp(struct build *build, const struct words *words)
{
	struct build options = { .length = 0 };

	put_tcp_options(&options, words);
	put(build, words->source_port, 2);
	put(build, words->destination_port, 2);
	put(build, words->seq, 4);
	put(build, words->ack, 4);
	put(build, (20 + options.length) / 4 << 4, 1);
	put(build, words->tcp_flags, 1);
	put(build, words->win, 2);
	put(build, 0, 4);
	for (size_t i = 0; i < options.length; i++)
		put(build, options.bytes[i], 1);
}

/* The upper header, without payload. */
static void put_upper(struct build *build, const struct words *words)
{
	switch (words->protocol) {
	case IPPROTO_TCP:
		put_tcp(build, words);
		break;
	case IPPROTO_UDP:
		put(build, words->source_port, 2);
		put(build, words->destination_port, 2);
		put(build, words->len + 8, 2);
		put(build, 0, 2);
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		put(build, words->type, 1);
		put(build, words->code, 1);
		put(build, 0, 2);
		put(build, words->mtu > 0 ? words->mtu : 0, 4);
		break;
	}
}

static const char *split_address(char *word, __u8 *address, __u16 *port)
{
	return word && value_address_port(word, address, port) ? NULL :
								 "SOURCE > DESTINATION expected";
}

static bool read_tcp_flags(char *word, __u8 *flags)
{
	static const struct {
		const char *name;
		__u8 flag;
	} names[] = {
		{ "FIN", TCP_F_FIN }, { "SYN", TCP_F_SYN }, { "RST", TCP_F_RST },
		{ "PSH", TCP_F_PSH }, { "ACK", TCP_F_ACK }, { "URG", TCP_F_URG },
	};
	char *rest;

	for (char *one = strtok_r(word, ",", &rest); one; one = strtok_r(NULL, ",", &rest)) {
		size_t i = 0;

		while (i < ARRAY_SIZE(names) && strcmp(names[i].name, one))
			i++;
		if (i == ARRAY_SIZE(names))
			return false;
		*flags |= names[i].flag;
	}
	return true;
}

/* "3/13" */
static bool read_pair(const char *word, char between, __s64 *first, __s64 *second)
{
	char copy[32];
	char *at;

	if (!word || strlen(word) >= sizeof(copy))
		return false;
	strcpy(copy, word);
	at = strchr(copy, between);
	if (!at)
		return false;
	*at = '\0';
	return value_number(copy, first) && value_number(at + 1, second);
}

static const char *read_protocol(char **rest, bool ipv6, struct words *words)
{
	char *word = strtok_r(NULL, " \t", rest);

	if (!word)
		return "what the packet is is missing: SYN, UDP, ICMP 3/1 …";
	if (!strcmp(word, "UDP")) {
		words->protocol = IPPROTO_UDP;
	} else if (!strcmp(word, "ICMP") || !strcmp(word, "ICMPv6")) {
		words->protocol = ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
		if (!read_pair(strtok_r(NULL, " \t", rest), '/', &words->type, &words->code))
			return "TYPE/CODE expected after ICMP";
	} else if (!strcmp(word, "PROTO")) {
		__s64 number;

		word = strtok_r(NULL, " \t", rest);
		if (!word || !value_number(word, &number) || number < 0 || number > 255)
			return "number expected after PROTO";
		words->protocol = (__u8)number;
	} else {
		words->protocol = IPPROTO_TCP;
		if (!read_tcp_flags(word, &words->tcp_flags))
			return "neither TCP flags (SYN,ACK) nor UDP, ICMP or PROTO";
	}
	return NULL;
}

static void put_name(struct build *build, const char *name)
{
	while (*name) {
		size_t length = strcspn(name, ".");

		put(build, length, 1);
		for (size_t i = 0; i < length; i++)
			put(build, (__u8)name[i], 1);
		name += length + (name[length] == '.');
	}
	put(build, 0, 1);
}

/* A record about the name of the question, with data that nobody reads. */
static void put_record(struct build *build, unsigned int type)
{
	put(build, 0xc00c, 2);
	put(build, type, 2);
	put(build, 1, 2);
	put(build, 300, 4);
	put(build, 2, 2);
	put(build, 0xc00c, 2);
}

/* A record about the name of the question that gives this address. */
static void put_address_record(struct build *build, unsigned int type, const __u8 *address)
{
	size_t size = type == DNS_TYPE_A ? 4 : EVENT_ADDRESS_SIZE;

	put(build, 0xc00c, 2);
	put(build, type, 2);
	put(build, 1, 2);
	put(build, 300, 4);
	put(build, size, 2);
	for (size_t i = EVENT_ADDRESS_SIZE - size; i < EVENT_ADDRESS_SIZE; i++)
		put(build, address[i], 1);
}

/* What an answer brings: its flags, and the types of its records (RFC 1035 4.1). */
struct dns_answer {
	const char *name;
	unsigned int flags;
	unsigned int answers[2]; /* 0 none; the type of the question is TYPE_ASKED */
	unsigned int authority;
};

enum { TYPE_NS = 2, TYPE_CNAME = 5, TYPE_SOA = 6, TYPE_ASKED = 0xffff };

/* "7,A,NOERROR,db.internal,alias": the last word, the first row without */
static const struct dns_answer *find_answer(const char *word, unsigned int rcode)
{
	static const struct dns_answer rows[] = {
		{ "record", 0x8180, { TYPE_ASKED } },
		{ "chain", 0x8180, { TYPE_CNAME, TYPE_ASKED } },
		{ "empty", 0x8180, { 0 }, TYPE_SOA },
		{ "bare", 0x8180, { 0 } },
		{ "alias", 0x8180, { TYPE_CNAME }, TYPE_SOA },
		{ "alias-elsewhere", 0x8500, { TYPE_CNAME } },
		{ "referral", 0x8100, { 0 }, TYPE_NS },
		{ "truncated", 0x8380, { 0 } },
	};
	static const struct dns_answer error = { "error", 0x8180, { 0 } };

	if (!word)
		return rcode ? &error : &rows[0];
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (!strcmp(rows[i].name, word))
			return &rows[i];
	return NULL;
}

static void put_answer(struct build *build, const struct dns_answer *answer, unsigned int type)
{
	for (size_t i = 0; i < ARRAY_SIZE(answer->answers); i++)
		if (answer->answers[i])
			put_record(build,
				   answer->answers[i] == TYPE_ASKED ? type : answer->answers[i]);
	if (answer->authority)
		put_record(build, answer->authority);
}

/*
 * "7,A,db.internal", "7,A,NXDOMAIN,db.internal", "7,A,NOERROR,db.internal,empty",
 * "7,A,NOERROR,db.internal,10.0.0.2"
 */
static const char *read_dns(char *word, struct words *words)
{
	char *rest = NULL, *id = word ? strtok_r(word, ",", &rest) : NULL;
	char *type = id ? strtok_r(NULL, ",", &rest) : NULL;
	char *name = type ? strtok_r(NULL, ",", &rest) : NULL;
	char *last = name ? strtok_r(NULL, ",", &rest) : NULL;
	const struct dns_answer *answer;
	struct build build = { .length = 0 };
	unsigned int code = 1, rcode = 0;
	__u8 address[EVENT_ADDRESS_SIZE];
	char *what = last ? strtok_r(NULL, ",", &rest) : NULL;
	bool gives = what && value_address(what, address);
	__s64 number;

	if (!name || !value_number(id, &number))
		return "dns ID,TYPE,NAME or ID,TYPE,RCODE,NAME[,WHAT] expected";
	while (code < 256 && (!dns_type_name(code) || strcmp(dns_type_name(code), type) != 0))
		code++;
	while (last && rcode < 16 &&
	       (!dns_rcode_name(rcode) || strcmp(dns_rcode_name(rcode), name) != 0))
		rcode++;
	answer = find_answer(gives ? NULL : what, rcode);
	if (code == 256 || rcode == 16 || !answer)
		return "dns: unknown type, rcode or kind of answer";
	if (words->protocol == IPPROTO_TCP)
		put(&build, 0, 2); /* RFC 7766 8: the length, which nobody reads */
	put(&build, (__u64)number, 2);
	put(&build, last ? answer->flags | rcode : 0x0100, 2);
	put(&build, 1, 2);
	put(&build, last ? !!answer->answers[0] + !!answer->answers[1] : 0, 2);
	put(&build, last ? !!answer->authority : 0, 2);
	put(&build, 0, 2);
	put_name(&build, last ? last : name);
	put(&build, code, 2);
	put(&build, 1, 2);
	if (gives)
		put_address_record(&build, code, address);
	else if (last)
		put_answer(&build, answer, code);
	if (build.length > sizeof(words->payload))
		return "dns: the name is too long";
	memcpy(words->payload, build.bytes, build.length);
	words->payload_length = build.length;
	words->len = (__s64)build.length;
	return NULL;
}

/* "tls RECORDS", "text WORDS" with _ for a space: the payload. False: it is another word. */
static bool read_payload(const char *word, char **rest, struct words *words, const char **wrong)
{
	size_t length = 0;
	char *text;

	*wrong = NULL;
	if (strcmp(word, "tls") && strcmp(word, "text"))
		return false;
	text = strtok_r(NULL, " \t", rest);
	if (!strcmp(word, "tls")) {
		*wrong = tls_assemble(text, words->payload, sizeof(words->payload), &length);
	} else if (!text || strlen(text) > sizeof(words->payload)) {
		*wrong = "text: at most 200 characters, _ for a space";
	} else {
		for (; text[length]; length++)
			words->payload[length] = text[length] == '_' ? ' ' : (__u8)text[length];
	}
	words->len = (__s64)length;
	words->payload_length = length < sizeof(words->payload) ? length : sizeof(words->payload);
	return true;
}

/* "seq 5 win 64240 …" up to the end or "of"; *@of tells which. */
static const char *read_numbers(char **rest, struct words *words, bool *of)
{
	const struct {
		const char *name;
		__s64 *number;
	} names[] = {
		{ "seq", &words->seq }, { "ack", &words->ack },	      { "win", &words->win },
		{ "mss", &words->mss }, { "wscale", &words->wscale }, { "ttl", &words->ttl },
		{ "id", &words->id },	{ "len", &words->len },	      { "cut", &words->cut },
		{ "mtu", &words->mtu },
	};
	const char *wrong;
	char *word;

	*of = false;
	while ((word = strtok_r(NULL, " \t", rest))) {
		size_t i = 0;

		if (!strcmp(word, "of")) {
			*of = true;
			return NULL;
		}
		if (read_payload(word, rest, words, &wrong)) {
			if (wrong)
				return wrong;
			continue;
		}
		if (!strcmp(word, "dns")) {
			wrong = read_dns(strtok_r(NULL, " \t", rest), words);
			if (wrong)
				return wrong;
			continue;
		}
		if (!strcmp(word, "sack")) {
			*rest += strspn(*rest, " \t");
			if (!isdigit((unsigned char)**rest))
				words->sack = true;
			else if (!read_pair(strtok_r(NULL, " \t", rest), '-', &words->block_left,
					    &words->block_right))
				return "LEFT-RIGHT expected after sack";
			continue;
		}
		if (!strcmp(word, "ts")) {
			words->ts = true;
			*rest += strspn(*rest, " \t");
			if (isdigit((unsigned char)**rest) &&
			    !read_pair(strtok_r(NULL, " \t", rest), '/', &words->ts_value,
				       &words->ts_echo))
				return "VALUE/ECHO expected after ts";
			continue;
		}
		while (i < ARRAY_SIZE(names) && strcmp(names[i].name, word))
			i++;
		if (i == ARRAY_SIZE(names))
			return "unknown word of a packet (see tests/replay/assemble.h)";
		word = strtok_r(NULL, " \t", rest);
		if (!word || !value_number(word, names[i].number) || *names[i].number < 0)
			return "a word of the packet wants a number behind it";
	}
	return NULL;
}

static const struct words nothing = { .win = 64240,
				      .ttl = 64,
				      .mss = -1,
				      .wscale = -1,
				      .cut = -1,
				      .protocol = IPPROTO_TCP,
				      .ts_value = 1000 };

/* "A:1 > B:2" of @words; @first is the word before, already taken. */
static const char *read_ends(char *first, char **rest, struct words *words, bool *ipv6)
{
	const char *wrong = split_address(first, words->source, &words->source_port);
	char *arrow = strtok_r(NULL, " \t", rest);

	if (!wrong && (!arrow || strcmp(arrow, ">")))
		wrong = "SOURCE > DESTINATION expected";
	if (!wrong)
		wrong = split_address(strtok_r(NULL, " \t", rest), words->destination,
				      &words->destination_port);
	*ipv6 = !address_is_ipv4(words->source);
	if (!wrong && *ipv6 == address_is_ipv4(words->destination))
		wrong = "source and destination are of different families";
	return wrong;
}

/* The quoted packet of an ICMP error: IP header and the first 8 bytes behind it. */
static const char *read_inner(char **rest, struct build *inner)
{
	struct words words = nothing;
	struct build upper = { .length = 0 };
	bool ipv6, of;
	const char *wrong = read_ends(strtok_r(NULL, " \t", rest), rest, &words, &ipv6);

	if (wrong)
		return wrong;
	*rest += strspn(*rest, " \t");
	if (!strncmp(*rest, "UDP", 3)) {
		strtok_r(NULL, " \t", rest);
		words.protocol = IPPROTO_UDP;
	}
	words.tcp_flags = TCP_F_SYN;
	wrong = read_numbers(rest, &words, &of);
	if (wrong)
		return wrong;
	if (of)
		return "a packet inside a packet inside a packet";
	put_upper(&upper, &words);
	put_ip(inner, &words, ipv6, upper.length + (size_t)words.len);
	for (size_t i = 0; i < 8; i++)
		put(inner, upper.bytes[i], 1);
	return NULL;
}

static const char *assemble_hex(const char *hex, struct ev_raw *raw)
{
	size_t length = strlen(hex);

	if (length % 2 || length / 2 > EVENT_PACKET_MAX)
		return "hex: an even number of at most 512 digits";
	for (size_t i = 0; i < length; i++) {
		int digit = value_hex_digit(hex[i]);

		if (digit < 0)
			return "hex: a digit is wrong";
		raw->bytes[i / 2] = (__u8)(raw->bytes[i / 2] << 4 | digit);
	}
	raw->captured_bytes = (__u16)(length / 2);
	raw->wire_bytes = raw->captured_bytes;
	return NULL;
}

const char *packet_assemble(char *text, struct ev_raw *raw)
{
	struct words words = nothing;
	struct build upper = { .length = 0 }, inner = { .length = 0 }, whole = { .length = 0 };
	bool ipv6, of = false;
	const char *wrong;
	char *rest;

	memset(raw, 0, sizeof(*raw));
	if (!strncmp(text, "hex:", 4))
		return assemble_hex(text + 4, raw);
	if (!strcmp(text, "none"))
		return NULL;
	wrong = read_ends(strtok_r(text, " \t", &rest), &rest, &words, &ipv6);
	if (!wrong)
		wrong = read_protocol(&rest, ipv6, &words);
	if (!wrong)
		wrong = read_numbers(&rest, &words, &of);
	if (!wrong && of)
		wrong = words.protocol == IPPROTO_ICMP || words.protocol == IPPROTO_ICMPV6 ?
				read_inner(&rest, &inner) :
				"only an ICMP is of another packet";
	if (wrong)
		return wrong;
	put_upper(&upper, &words);
	put_ip(&whole, &words, ipv6, upper.length + inner.length + (size_t)words.len);
	raw->wire_bytes = (__u32)(whole.length + upper.length + inner.length + words.len);
	for (size_t i = 0; i < upper.length; i++)
		put(&whole, upper.bytes[i], 1);
	for (size_t i = 0; i < inner.length; i++)
		put(&whole, inner.bytes[i], 1);
	for (size_t i = 0; i < words.payload_length; i++)
		put(&whole, words.payload[i], 1);
	if (words.cut >= 0 && (size_t)words.cut < whole.length)
		whole.length = (size_t)words.cut;
	memcpy(raw->bytes, whole.bytes, whole.length);
	raw->captured_bytes = (__u16)whole.length;
	return NULL;
}
