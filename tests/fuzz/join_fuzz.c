// SPDX-License-Identifier: GPL-2.0-or-later
/* join_fuzz.c - any capture of few ends: what becomes of it is joined, judged and told within bounds */

#include <string.h>

#include "fuzz.h"
#include "join/join.h"
#include "rules/rules.h"
#include "util/array.h"

#define ROOM 64
#define HEADERS 40 /* of IPv4 and TCP without options */
#define STEP_BYTES 10 /* of the input, before the payload */

struct writer {
	__u8 bytes[HEADERS + 256];
	size_t size;
};

static void put_u16(__u8 *at, unsigned int value)
{
	at[0] = (__u8)(value >> 8);
	at[1] = (__u8)value;
}

static void put_u32(__u8 *at, __u32 value)
{
	put_u16(at, value >> 16);
	put_u16(at + 2, value & 0xffff);
}

/* What servers and clients say first: the beginnings that a fuzzer would search for too long. */
static size_t put_payload(__u8 *at, unsigned int which, const uint8_t *data, size_t size)
{
	static const char *const words[] = { "GET / HTTP/1.1\r\n\r\n",
					     "HTTP/1.1 503 No\r\n",
					     "421 too many\r\n",
					     "-ERR max clients\r\n",
					     "\x16\x03\x01\x01\x40\x01\x00\x01\x3c\x03\x03",
					     "\x15\x03\x03\x00\x02\x02\x28" };
	static const __u8 lengths[] = { 18, 17, 14, 18, 11, 7 };
	size_t length = 0;

	if (which < ARRAY_SIZE(words)) {
		length = lengths[which];
		memcpy(at, words[which], length);
	}
	if (size > 200)
		size = 200;
	memcpy(at + length, data, size);
	return length + size;
}

/* The input's next step as a packet of one of few connections or lookups. */
static size_t write_packet(struct writer *writer, const uint8_t *step, size_t left)
{
	static const unsigned int ports[4] = { 53, 80, 443, 8080 };
	static const __u32 bases[4] = { 0, 1000, 0x7fffffff, 0xfffffff0 };
	bool out = step[0] & 1, udp = (step[0] & 0x0e) == 0x0e;
	unsigned int server = ports[step[0] >> 4 & 3], client = 40000 + (step[0] >> 6);
	size_t payload = step[9] & 0x3f, header = udp ? 28 : HEADERS;
	__u8 *ip = writer->bytes, *l4 = ip + 20;

	if (payload > left)
		payload = left;
	memset(ip, 0, HEADERS);
	writer->size = header + put_payload(ip + header, step[8] & 7, step + STEP_BYTES, payload);
	ip[0] = 0x45;
	put_u16(ip + 2, (unsigned int)writer->size);
	put_u16(ip + 4, step[7] >> 4);
	ip[8] = step[8] >> 3 | 0x20;
	ip[9] = udp ? 17 : 6;
	ip[12] = ip[16] = 10;
	ip[out ? 15 : 19] = 1;
	ip[out ? 19 : 15] = 2 + (step[9] >> 7);
	put_u16(l4, out ? client : server);
	put_u16(l4 + 2, out ? server : client);
	if (udp) {
		put_u16(l4 + 4, (unsigned int)writer->size - 20);
		return payload;
	}
	put_u32(l4 + 4, bases[step[2] & 3] + (step[2] >> 2) + (step[3] & 15) * 20);
	put_u32(l4 + 8, bases[step[4] & 3] + (step[4] >> 2) + (step[5] & 15) * 20);
	l4[12] = 0x50;
	l4[13] = step[1] & 0x3f;
	put_u16(l4 + 14, step[6] & 3 ? step[6] * 256u : 0);
	if (!(step[1] & 0x40)) /* the headers of a data packet need not carry any */
		writer->size = step[1] & 0x80 ? header : writer->size;
	return payload;
}

static void check_finding(const struct join *join, const struct finding *finding)
{
	char line[400];

	demand(finding->rule && finding->summary[0] && finding->cause[0]);
	demand(memchr(finding->summary, 0, sizeof(finding->summary)) &&
	       memchr(finding->cause, 0, sizeof(finding->cause)));
	demand(finding->severity < SEVERITY_COUNT &&
	       finding->confidence <= rule_cap(finding->rule));
	demand(finding->evidence_count <= JOIN_EVIDENCE_MAX && finding->checks_count <= 3);
	for (size_t i = 0; i < finding->evidence_count; i++) {
		struct text text = text_of(line);

		evidence_print(join, &finding->evidence[i], 0, &text);
		demand(!i || finding->evidence[i - 1].ts_ns <= finding->evidence[i].ts_ns);
	}
}

static void judge_due(struct join *join, struct finding *finding)
{
	struct attempt *attempt;
	struct verdict verdict;

	while ((attempt = join_due(join))) {
		rules_judge(join, &thresholds_default, attempt, &verdict);
		if (verdict.rule) {
			rules_tell(join, &thresholds_default, attempt, &verdict, finding);
			check_finding(join, finding);
		}
		join_told(join, attempt,
			  verdict.rule && verdict.state == FINDING_PENDING ? verdict.rule : NULL);
	}
}

static void send(struct join *join, enum event_kind kind, __u64 ts_ns, const struct writer *writer,
		 __u64 frame)
{
	struct event event;

	memset(&event, 0, sizeof(event));
	event.head.kind = kind;
	event.head.ts_ns = ts_ns;
	event.head.vantage = VANTAGE_FILE;
	event.head.known = EVENT_K_PACKET;
	if (writer) {
		event.frame.frame = frame;
		packet_parse(writer->bytes, writer->size, writer->size, &event.packet);
		event.bytes = writer->bytes;
		event.bytes_captured = writer->size;
	}
	join_event(join, &event);
}

/* An ARP frame: one of few machines says of one of few addresses that it is his, or asks. */
static void send_claim(struct join *join, __u64 ts_ns, const uint8_t *step, __u64 frame)
{
	struct event event;

	memset(&event, 0, sizeof(event));
	event.head.kind = EVENT_FRAME;
	event.head.ts_ns = ts_ns;
	event.head.vantage = VANTAGE_FILE;
	event.frame.frame = frame;
	event.frame.unread = UNREAD_NOT_IP;
	event.frame.vlan = step[6] & 1;
	event.frame.link = step[6] & 2 ? 113 : 1;
	event.claim.how = (__u8)(CLAIM_ASKED + step[1] % 3);
	event.claim.mac[5] = step[2] & 3;
	event.claim.address[15] = step[3] & 7;
	event.claim.asker[0] = step[4] & 3;
	join_event(join, &event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const __s64 steps_ns[8] = { 0,	       1000,	    1000000,	  300000000,
					   1100000000, 61000000000, 200000000000, -500000000 };
	struct join_limits limits = join_limits_default;
	static struct finding finding;
	__u64 ts_ns = 1000000000000ull, frames = 0;
	struct writer writer;
	struct join *join;

	limits.connections = ROOM;
	limits.segments = true;
	limits.established = true;
	limits.listeners = limits.strays = 16;
	if (join_new(&join, &limits))
		return 0;
	send(join, EVENT_START, ts_ns, NULL, 0);
	while (size >= STEP_BYTES) {
		size_t used = STEP_BYTES;

		ts_ns += (__u64)steps_ns[data[7] & 7];
		if ((data[0] & 0x0e) == 0x0c) {
			send_claim(join, ts_ns, data, ++frames);
		} else {
			used += write_packet(&writer, data, size - STEP_BYTES);
			send(join, EVENT_FRAME, ts_ns, &writer, ++frames);
		}
		judge_due(join, &finding);
		if (data[7] & 8)
			send(join, EVENT_TICK, ts_ns, NULL, 0);
		judge_due(join, &finding);
		data += used;
		size -= used;
	}
	join_finish(join);
	judge_due(join, &finding);
	demand(join_counters(join)->frames == frames);
	join_free(join);
	return 0;
}
