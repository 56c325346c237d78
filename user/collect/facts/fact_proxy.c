// SPDX-License-Identifier: GPL-2.0-or-later
/* fact_proxy.c - a proxy that the environment of the process names, and that is where it went */

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "collect/facts/fact.h"
#include "collect/facts/fact_proxy.h"
#include "collect/host/process.h"
#include "collect/tell.h"
#include "util/address.h"
#include "util/own.h"

#define ENVIRONMENT_MOST (256 * 1024) /* of more the begin: where the kernel puts it may be 2 MiB */

/* Where curl, wget and the libraries of Python, Go and Node look. */
static const char *const variables[] = { "http_proxy", "https_proxy", "all_proxy",
					 "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY" };

/* Without a port: of the scheme (wget, Go, Python), or curl's. */
static const __u16 usual_ports[] = { 80, 443, 1080 };

/* "http://jane:secret@[fd00::1]:3128/" in parts, which are not terminated */
struct proxy {
	const char *host; /* without brackets */
	size_t host_size;
	const char *user; /* "jane:secret@"; NULL none */
	size_t user_size;
	unsigned int port; /* 0: none is given */
};

static bool parse(const char *value, struct proxy *proxy)
{
	const char *scheme = strstr(value, "://");
	const char *at = scheme ? scheme + 3 : value;
	size_t size = strcspn(at, "/?#");
	const char *user = memrchr(at, '@', size), *end = at + size, *port;

	*proxy = (struct proxy){ 0 };
	if (user) {
		proxy->user = at;
		proxy->user_size = user + 1 - at;
		at = user + 1;
	}
	if (*at == '[') {
		const char *close = memchr(at, ']', end - at);

		if (!close)
			return false;
		proxy->host = at + 1;
		proxy->host_size = close - at - 1;
		port = close + 1;
	} else {
		port = memchr(at, ':', end - at) ?: end;
		proxy->host = at;
		proxy->host_size = port - at;
	}
	if (port < end && *port == ':')
		proxy->port = (unsigned int)strtoul(port + 1, NULL, 10);
	return proxy->host_size;
}

static bool is_port(const struct proxy *proxy, __u16 port)
{
	if (proxy->port)
		return proxy->port == port;
	for (size_t i = 0; i < ARRAY_SIZE(usual_ports); i++)
		if (usual_ports[i] == port)
			return true;
	return false;
}

static bool is_host(const struct proxy *proxy, const __u8 *remote, const char *name)
{
	char host[256];
	__u8 address[EVENT_ADDRESS_SIZE], bytes[EVENT_ADDRESS_SIZE];

	if (proxy->host_size >= sizeof(host))
		return false;
	memcpy(host, proxy->host, proxy->host_size);
	host[proxy->host_size] = '\0';
	if (inet_pton(AF_INET, host, bytes) == 1)
		address_from_ipv4(address, bytes);
	else if (inet_pton(AF_INET6, host, bytes) == 1)
		address_from_ipv6(address, bytes);
	else if (!strcasecmp(host, "localhost"))
		return address_is_loopback(remote);
	else
		return name && !strcasecmp(host, name);
	return address_equal(address, remote);
}

/* The value without who asks, and his password. */
static void copy_masked(char *to, size_t size, const char *value, const struct proxy *proxy)
{
	struct text text = text_in(to, size);
	const char *rest = proxy->user ? proxy->user + proxy->user_size : value;

	memset(to, 0, size);
	if (proxy->user)
		text_add(&text, "%.*s...@", (int)(proxy->user - value), value);
	text_add(&text, "%.*s", (int)strcspn(rest, "?#"), rest);
}

bool proxy_find(const char *environment, size_t size, const __u8 *remote, __u16 port,
		const char *name, struct ev_fact *fact)
{
	const char *end = environment + size;
	struct text found = text_of(fact->name);

	fact->name[0] = '\0';
	for (const char *at = environment; at < end; at += strnlen(at, end - at) + 1) {
		const char *equals = memchr(at, '=', strnlen(at, end - at));
		struct proxy proxy;

		for (size_t i = 0; equals && i < ARRAY_SIZE(variables); i++) {
			if (strlen(variables[i]) != (size_t)(equals - at) ||
			    strncmp(at, variables[i], equals - at) != 0 ||
			    !parse(equals + 1, &proxy) || !is_port(&proxy, port) ||
			    !is_host(&proxy, remote, name))
				continue;
			if (!found.length)
				copy_masked(fact->text, sizeof(fact->text), equals + 1, &proxy);
			text_add(&found, "%s%s", found.length ? " " : "", variables[i]);
		}
	}
	return found.length;
}

void fact_fetch_proxy(struct fetch *fetch)
{
	const struct fact_request *request = fetch->request;
	_cleanup_close_ int dir = request->pid ? process_open(request->pid) : -1;
	_cleanup_free_ char *environment = dir < 0 ? NULL : malloc(ENVIRONMENT_MOST);
	struct ev_fact fact = fact_make(FACT_PROXY);
	int length = environment ? tell_read_at(dir, "environ", environment, ENVIRONMENT_MOST) : -1;

	if (length > 0 && proxy_find(environment, (size_t)length, request->tuple.remote,
				     request->tuple.remote_port, request->name, &fact)) {
		fact.pid = request->pid;
		fact_tell(fetch, &fact);
	}
	if (environment)
		explicit_bzero(environment, length > 0 ? (size_t)length : 0); /* holds secrets */
}
