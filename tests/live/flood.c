// SPDX-License-Identifier: GPL-2.0-or-later
/* flood.c - as much at once as an agent has to bear: SYNs, lookups, destinations; bounded in count */

#include <arpa/inet.h>
#include <errno.h>
#include <linux/types.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/*
 *   flood syn SOURCE DESTINATION PORT COUNT RATE    SYNs of nobody's sockets, from as many ports as there are
 *   flood lookup SERVER COUNT RATE                  questions for COUNT names, whose answers nobody reads
 *   flood connect NETWORK PORT COUNT                refused connects to as many addresses of 127.NETWORK.0.0,
 *                                                   each at a port of its own: who tries one port of many
 *                                                   addresses has one wish
 *
 * RATE a second at most. IPv4: a flood is one of packets, not of their families. Prints what was sent.
 */

#define BATCH 100

static void die(const char *what)
{
	fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* Waits until it is time for packet @number. */
static void pace(double start, long number, long rate)
{
	const double wait = start + (double)number / rate - now_s();
	const struct timespec span = { .tv_nsec = wait * 1e9 };

	if (wait > 0 && wait < 1)
		nanosleep(&span, NULL);
}

static void say(long count, double start)
{
	printf("{\"op\":\"flood\",\"pid\":%d,\"sent\":%ld,\"seconds\":%.3f}\n", (int)getpid(),
	       count, now_s() - start);
}

static struct sockaddr_in address_of(const char *text, int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };

	if (inet_pton(AF_INET, text, &address.sin_addr) != 1)
		die(text);
	return address;
}

static __u16 sum_of(const void *data, size_t bytes, __u32 sum)
{
	const __u16 *word = data;

	for (; bytes; bytes -= 2)
		sum += *word++;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

struct syn {
	struct iphdr ip;
	struct tcphdr tcp;
};

static void make_syn(struct syn *syn, const struct sockaddr_in *from, const struct sockaddr_in *to,
		     long number)
{
	__u32 sum;

	*syn = (struct syn){
		.ip = { .version = 4,
			.ihl = 5,
			.tot_len = htons(sizeof(*syn)),
			.ttl = 64,
			.protocol = IPPROTO_TCP,
			.saddr = from->sin_addr.s_addr,
			.daddr = to->sin_addr.s_addr },
		.tcp = { .source = htons(1024 + number % 60000),
			 .dest = to->sin_port,
			 .seq = htonl(number),
			 .doff = 5,
			 .syn = 1,
			 .window = htons(1000) },
	};
	/* of the pseudo header */
	sum = (syn->ip.saddr & 0xffff) + (syn->ip.saddr >> 16) + (syn->ip.daddr & 0xffff) +
	      (syn->ip.daddr >> 16) + htons(IPPROTO_TCP) + htons(sizeof(syn->tcp));
	syn->tcp.check = sum_of(&syn->tcp, sizeof(syn->tcp), sum);
}

static void flood_syn(char **args)
{
	const struct sockaddr_in from = address_of(args[0], 0),
				 to = address_of(args[1], atoi(args[2]));
	const long count = atol(args[3]), rate = atol(args[4]);
	const int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	const double start = now_s();

	if (fd < 0)
		die("socket");
	for (long i = 0; i < count; i++) {
		struct syn syn;

		if (i % BATCH == 0)
			pace(start, i, rate);
		make_syn(&syn, &from, &to, i);
		if (sendto(fd, &syn, sizeof(syn), 0, (const void *)&to, sizeof(to)) < 0 &&
		    errno != ENOBUFS)
			die("sendto");
	}
	say(count, start);
}

static void flood_lookup(char **args)
{
	const struct sockaddr_in to = address_of(args[0], 53);
	const long count = atol(args[1]), rate = atol(args[2]);
	const int fd = socket(AF_INET, SOCK_DGRAM, 0);
	const double start = now_s();

	if (fd < 0)
		die("socket");
	for (long i = 0; i < count; i++) {
		/* header: one question; the name is eight digits under "test" */
		unsigned char query[] = "nn\1\0\0\1\0\0\0\0\0\0\10dddddddd\4test\0\0\1\0\1";
		char digits[9];

		if (i % BATCH == 0)
			pace(start, i, rate);
		query[0] = i >> 8;
		query[1] = i;
		snprintf(digits, sizeof(digits), "%08ld", i % 100000000);
		memcpy(query + 13, digits, 8);
		if (sendto(fd, query, sizeof(query) - 1, 0, (const void *)&to, sizeof(to)) < 0 &&
		    errno != ENOBUFS && errno != EAGAIN)
			die("sendto");
	}
	say(count, start);
}

static void flood_connect(char **args)
{
	const int network = atoi(args[0]), port = atoi(args[1]);
	const long count = atol(args[2]);
	const double start = now_s();

	for (long i = 0; i < count; i++) {
		struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port + i) };
		const int fd = socket(AF_INET, SOCK_STREAM, 0);

		to.sin_addr.s_addr = htonl(127u << 24 | (__u32)network << 16 | (__u32)(i + 1));
		if (fd < 0 || !connect(fd, (void *)&to, sizeof(to)) || errno != ECONNREFUSED)
			die("connect");
		close(fd);
	}
	say(count, start);
}

int main(int argc, char **argv)
{
	if (argc == 7 && !strcmp(argv[1], "syn"))
		flood_syn(argv + 2);
	else if (argc == 5 && !strcmp(argv[1], "lookup"))
		flood_lookup(argv + 2);
	else if (argc == 5 && !strcmp(argv[1], "connect"))
		flood_connect(argv + 2);
	else {
		fputs("usage: flood syn SOURCE DESTINATION PORT COUNT RATE | lookup SERVER COUNT RATE | "
		      "connect NETWORK PORT COUNT\n",
		      stderr);
		return 2;
	}
	return 0;
}
