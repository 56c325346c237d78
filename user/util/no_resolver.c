// SPDX-License-Identifier: GPL-2.0-or-later
/* no_resolver.c - this program asks no name service, and neither does what it links */

/*
 * libpcap resolves host, network and protocol names it meets in a filter expression. A tool that
 * explains failed lookups must not make lookups, and a static binary must not need the host's NSS
 * libraries. So the C library's functions are defined here, for literals only: addresses in digits,
 * port names from /etc/services. libpcap then says "unknown host 'x'" by itself.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVICES_PATH "/etc/services"

/* one allocation an answer: the address stands behind the addrinfo that points to it */
struct answer {
	struct addrinfo info;
	union {
		struct sockaddr generic;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} address;
};

/* "https  443/tcp  # comment": is it this service and transport? Returns the port, else -1. */
static int line_port(char *line, const char *service, const char *transport)
{
	char *save = NULL, *name, *port, *slash, *alias;

	line[strcspn(line, "#\n")] = '\0';
	name = strtok_r(line, " \t", &save);
	port = name ? strtok_r(NULL, " \t", &save) : NULL;
	slash = port ? strchr(port, '/') : NULL;
	if (!slash || strcmp(slash + 1, transport) != 0)
		return -1;
	for (alias = name; alias; alias = strtok_r(NULL, " \t", &save))
		if (strcmp(alias, service) == 0)
			return (int)strtoul(port, NULL, 10);
	return -1;
}

/* Port of a service in host byte order, -1 when it is neither a number nor listed. */
static int service_port(const char *service, int socktype)
{
	const char *transport = socktype == SOCK_DGRAM ? "udp" : "tcp";
	char line[512], *end;
	unsigned long number;
	FILE *file;
	int port = -1;

	number = strtoul(service, &end, 10);
	if (*service && !*end)
		return number <= 65535 ? (int)number : -1;
	file = fopen(SERVICES_PATH, "re");
	if (!file)
		return -1;
	while (port < 0 && fgets(line, sizeof(line), file))
		port = line_port(line, service, transport);
	fclose(file);
	return port;
}

static int answer_fill(struct answer *answer, const char *node, int family)
{
	answer->info.ai_addr = &answer->address.generic;
	if (family != AF_INET6 &&
	    (!node || inet_pton(AF_INET, node, &answer->address.v4.sin_addr) == 1)) {
		answer->info.ai_family = AF_INET;
		answer->info.ai_addrlen = sizeof(answer->address.v4);
	} else if (family != AF_INET &&
		   (!node || inet_pton(AF_INET6, node, &answer->address.v6.sin6_addr) == 1)) {
		answer->info.ai_family = AF_INET6;
		answer->info.ai_addrlen = sizeof(answer->address.v6);
	} else {
		return EAI_NONAME;
	}
	answer->address.generic.sa_family = (sa_family_t)answer->info.ai_family;
	return 0;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
		struct addrinfo **result)
{
	int socktype = hints && hints->ai_socktype ? hints->ai_socktype : SOCK_STREAM;
	int port = service ? service_port(service, socktype) : 0;
	struct answer *answer;
	int err;

	if (port < 0)
		return EAI_NONAME;
	answer = calloc(1, sizeof(*answer));
	if (!answer)
		return EAI_MEMORY;
	err = answer_fill(answer, node, hints ? hints->ai_family : AF_UNSPEC);
	if (err) {
		free(answer);
		return err;
	}
	answer->info.ai_socktype = socktype;
	answer->info.ai_protocol = socktype == SOCK_DGRAM ? IPPROTO_UDP : IPPROTO_TCP;
	/* the port stands at the same place in both families */
	answer->address.v4.sin_port = htons((uint16_t)port);
	*result = &answer->info;
	return 0;
}

void freeaddrinfo(struct addrinfo *info)
{
	/* info is the first member of its answer */
	free(info);
}

struct hostent *gethostbyname(const char *name)
{
	(void)name;
	return NULL;
}

int getnetbyname_r(const char *name, struct netent *net, char *buffer, size_t size,
		   struct netent **result, int *h_error)
{
	(void)name;
	(void)net;
	(void)buffer;
	(void)size;
	*result = NULL;
	*h_error = HOST_NOT_FOUND;
	return 0;
}

int getprotobyname_r(const char *name, struct protoent *proto, char *buffer, size_t size,
		     struct protoent **result)
{
	(void)name;
	(void)proto;
	(void)buffer;
	(void)size;
	*result = NULL;
	return 0;
}

/* libnl names protocols with these when it prints; the number will do */
struct protoent *getprotobyname(const char *name)
{
	(void)name;
	return NULL;
}

struct protoent *getprotobynumber(int proto)
{
	(void)proto;
	return NULL;
}
