// SPDX-License-Identifier: GPL-2.0-or-later
/* endless.c - writes a capture of any number of connections to standard output */

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * endless CONNECTIONS [STEP]
 *
 * A connection begins every 100 us and lasts 80 ms, so that hundreds are under way at any time;
 * each has ends of its own. Of a thousand one is refused, one never answered, one asked again
 * before it works, one ends without a FIN, and one client asks for a name that nobody tells it.
 *
 * After every STEP connections the number so far is written to standard error, and a byte from
 * standard input is awaited: meanwhile the reader can be looked at.
 */

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };
enum { ETHERNET = 14, IP = 20, TCP = 20, UDP = 8, DATA = 100 };

#define BEGIN_S 1700000000u
#define EVERY_US 100u
#define UNDER_WAY 800u /* connections: each waits so many turns from one packet group to the next */

struct record {
	uint32_t seconds, microseconds, captured, wire;
	uint8_t frame[ETHERNET + IP + TCP + DATA];
};

struct way {
	uint32_t number; /* of the connection: both ends are made from it */
	int from_server;
};

static uint64_t now_us;

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value);
}

/* Everything up to the IP header's end. Checksums are left out, as offload leaves them. */
static uint8_t *begin_packet(struct record *record, const struct way *way, int protocol,
			     size_t length)
{
	uint8_t *ip = record->frame + ETHERNET;
	/* 4,000 servers; of clients no two are the same within 65,536 connections and more */
	uint32_t client = 0x0a000000u + way->number / 50000 % 0x400000u;
	uint32_t server = 0xac100000u + way->number % 4000;

	memset(record->frame, 0, sizeof(record->frame));
	record->seconds = BEGIN_S + (uint32_t)(now_us / 1000000);
	record->microseconds = (uint32_t)(now_us % 1000000);
	record->captured = record->wire = (uint32_t)(ETHERNET + IP + length);
	record->frame[0] = record->frame[6] = 2;
	put16(record->frame + 12, 0x0800);
	ip[0] = 0x45;
	put16(ip + 2, (uint32_t)(IP + length));
	put16(ip + 4, (uint32_t)now_us & 0xffff);
	ip[8] = 64;
	ip[9] = (uint8_t)protocol;
	put32(ip + 12, way->from_server ? server : client);
	put32(ip + 16, way->from_server ? client : server);
	return ip + IP;
}

static void write_record(const struct record *record)
{
	if (fwrite(record, 16 + record->captured, 1, stdout) != 1)
		exit(1);
	now_us++;
}

static void tcp(uint32_t number, int from_server, int flags, uint32_t seq, uint32_t ack,
		size_t data)
{
	const struct way way = { number, from_server };
	struct record record;
	uint8_t *at = begin_packet(&record, &way, IPPROTO_TCP, TCP + data);
	uint32_t port = 10000 + number % 50000;

	put16(at, from_server ? 443 : port);
	put16(at + 2, from_server ? port : 443);
	put32(at + 4, seq);
	put32(at + 8, ack);
	at[12] = TCP / 4 << 4;
	at[13] = (uint8_t)flags;
	put16(at + 14, 1000);
	write_record(&record);
}

static void dns_query(uint32_t number)
{
	static const uint8_t question[] = "\0\0\1\0\0\1\0\0\0\0\0\0\10xxxxxxxx\7example\0\0\1\0\1";
	const struct way way = { number, 0 };
	struct record record;
	uint8_t *at = begin_packet(&record, &way, IPPROTO_UDP, UDP + sizeof(question) - 1);
	char name[12];

	put16(at, 10000 + number % 50000);
	put16(at + 2, 53);
	put16(at + 4, UDP + sizeof(question) - 1);
	memcpy(at + UDP, question, sizeof(question) - 1);
	snprintf(name, sizeof(name), "%08x", number);
	memcpy(at + UDP + 13, name, 8);
	write_record(&record);
}

static void begin(uint32_t number)
{
	uint32_t isn = number * 2654435761u;

	tcp(number, 0, SYN, isn, 0, 0);
	switch (number % 1000) {
	case 1:
		tcp(number, 1, RST | ACK, 0, isn + 1, 0);
		return;
	case 2:
		return;
	case 5:
		dns_query(number);
		break;
	}
	if (number % 1000 != 3)
		tcp(number, 1, SYN | ACK, ~isn, isn + 1, 0);
}

static void speak(uint32_t number)
{
	uint32_t isn = number * 2654435761u, kind = number % 1000;

	if (kind == 1 || kind == 2)
		return;
	if (kind == 3) {
		tcp(number, 0, SYN, isn, 0, 0);
		tcp(number, 1, SYN | ACK, ~isn, isn + 1, 0);
	}
	tcp(number, 0, ACK, isn + 1, ~isn + 1, 0);
	tcp(number, 0, PSH | ACK, isn + 1, ~isn + 1, DATA);
	tcp(number, 1, PSH | ACK, ~isn + 1, isn + 1 + DATA, DATA);
}

static void end(uint32_t number)
{
	uint32_t isn = number * 2654435761u, kind = number % 1000;

	if (kind == 1 || kind == 2 || kind == 4)
		return;
	tcp(number, 0, FIN | ACK, isn + 1 + DATA, ~isn + 1 + DATA, 0);
	tcp(number, 1, FIN | ACK, ~isn + 1 + DATA, isn + 2 + DATA, 0);
	tcp(number, 0, ACK, isn + 2 + DATA, ~isn + 2 + DATA, 0);
}

/* Says how far it is, and waits to be told to go on. */
static void halt(uint32_t number)
{
	char byte;

	if (fflush(stdout) || dprintf(STDERR_FILENO, "%u\n", number) < 0)
		exit(1);
	if (read(STDIN_FILENO, &byte, 1) < 0)
		exit(1);
}

int main(int argc, char **argv)
{
	static const uint32_t header[] = { 0xa1b2c3d4, 4u << 16 | 2, 0, 0, 65535, 1 };
	uint32_t connections = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0;
	uint32_t step = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;

	if (!connections) {
		fprintf(stderr, "endless CONNECTIONS [STEP]\n");
		return 2;
	}
	fwrite(header, sizeof(header), 1, stdout);
	for (uint32_t turn = 0; turn < connections + 2 * UNDER_WAY; turn++) {
		now_us = (uint64_t)turn * EVERY_US;
		if (turn < connections)
			begin(turn);
		if (turn >= UNDER_WAY && turn - UNDER_WAY < connections)
			speak(turn - UNDER_WAY);
		if (turn >= 2 * UNDER_WAY)
			end(turn - 2 * UNDER_WAY);
		if (step && turn >= 2 * UNDER_WAY && (turn - 2 * UNDER_WAY + 1) % step == 0)
			halt(turn - 2 * UNDER_WAY + 1);
	}
	return fflush(stdout) != 0;
}
