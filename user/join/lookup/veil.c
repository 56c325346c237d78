// SPDX-License-Identifier: GPL-2.0-or-later
/* veil.c - who asks for names where no packet shows it */

#include "join/lookup/veil.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "join/host/host.h"
#include "join/lookup/lookup.h"
#include "util/address.h"
#include "util/array.h"
#include "util/port.h"
#include "util/time.h"

#define VEILS 1024 /* a power of two */
#define SOCKET_NS (60 * NS_PER_S) /* each lookup asks anew, but for what nscd shows in its memory */
#define SESSION_NS (600 * NS_PER_S) /* one connection carries many lookups */

enum { PORT_DNS_TLS = 853 }; /* RFC 7858 3.1 */

struct veil {
	__u64 whose; /* 0: nobody's */
	__u64 since_ns;
	__u64 until_ns;
};

struct veils {
	struct veil veils[VEILS];
};

/* The addresses of public resolvers, at which port 443 serves names (RFC 8484) and nothing else. */
static const __u8 RESOLVERS4[][4] = {
	{ 1, 1, 1, 1 },	     { 1, 0, 0, 1 },	     { 8, 8, 8, 8 },	    { 8, 8, 4, 4 },
	{ 9, 9, 9, 9 },	     { 149, 112, 112, 112 }, { 208, 67, 222, 222 }, { 208, 67, 220, 220 },
	{ 94, 140, 14, 14 }, { 94, 140, 15, 15 },
};

static const __u8 RESOLVERS6[][EVENT_ADDRESS_SIZE] = {
	{ 0x26, 0x06, 0x47, 0, 0x47, 0, [14] = 0x11, 0x11 },
	{ 0x26, 0x06, 0x47, 0, 0x47, 0, [14] = 0x10, 0x01 },
	{ 0x20, 0x01, 0x48, 0x60, 0x48, 0x60, [14] = 0x88, 0x88 },
	{ 0x20, 0x01, 0x48, 0x60, 0x48, 0x60, [14] = 0x88, 0x44 },
	{ 0x26, 0x20, 0, 0xfe, [15] = 0xfe },
	{ 0x26, 0x20, 0, 0xfe, [15] = 0x09 },
};

static const char *const RESOLVER_NAMES[] = {
	"dns.google",
	"cloudflare-dns.com",
	"mozilla.cloudflare-dns.com",
	"chrome.cloudflare-dns.com",
	"one.one.one.one",
	"dns.quad9.net",
	"doh.opendns.com",
	"dns.adguard-dns.com",
	"dns.nextdns.io",
	"firefox.dns.nextdns.io",
};

int veils_new(struct veils **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void veils_free(struct veils *veils)
{
	free(veils);
}

static struct veil *veil_at(const struct join *join, __u64 whose)
{
	return &join->lookups->veils->veils[hash_mix(7, whose) & (VEILS - 1)];
}

static void note(struct join *join, __u64 whose, __u64 now_ns, __u64 lasts_ns)
{
	struct veil *veil = veil_at(join, whose);
	bool goes_on = veil->whose == whose && veil->until_ns > now_ns;

	*veil = (struct veil){
		.whose = whose,
		.since_ns = goes_on ? veil->since_ns : now_ns,
		.until_ns = now_ns + lasts_ns,
	};
}

static bool is_of(const struct join *join, __u64 whose, __u64 now_ns)
{
	const struct veil *veil = veil_at(join, whose);

	return veil->whose == whose && veil->since_ns < now_ns && veil->until_ns > now_ns;
}

static __u64 of_netns(__u32 netns)
{
	return hash_mix(11, netns) | 1;
}

static bool is_resolver(const __u8 *address)
{
	__u8 one[EVENT_ADDRESS_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(RESOLVERS4); i++) {
		address_from_ipv4(one, RESOLVERS4[i]);
		if (address_equal(one, address))
			return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(RESOLVERS6); i++)
		if (address_equal(RESOLVERS6[i], address))
			return true;
	return false;
}

bool veil_is_socket(__u8 how)
{
	return how == OPEN_NSCD || how == OPEN_RESOLVED || how == OPEN_AVAHI;
}

/* Over the loopback device of a namespace of which no packet is in sight, as Docker's own server is asked. */
static bool is_out_of_sight(const struct join *join, const struct event *event)
{
	const struct netns_slot *netns = host_netns(join, event->head.netns);

	return event->open.how == OPEN_LOOKUP && address_is_loopback(event->open.tuple.remote) &&
	       !(netns && netns->covered);
}

/* How long what it asks for may be heard of; 0: it is no such opening. */
static __u64 lasts_ns(const struct join *join, const struct event *event)
{
	const struct ev_open *open = &event->open;

	if (veil_is_socket(open->how) || is_out_of_sight(join, event))
		return SOCKET_NS;
	if (open->how != OPEN_CONNECT)
		return 0;
	return open->tuple.remote_port == PORT_DNS_TLS || (open->tuple.remote_port == PORT_HTTPS &&
							   is_resolver(open->tuple.remote)) ?
		       SESSION_NS :
		       0;
}

void veil_open(struct join *join, const struct event *event)
{
	const struct ev_open *open = &event->open;
	__u64 now_ns = event->head.ts_ns, lasts = lasts_ns(join, event);

	if (!lasts || !(event->head.known & EVENT_K_OWNER))
		return;
	join->counters.veiled++;
	note(join, lookup_asker(&open->owner), now_ns, lasts);
	if (open->how == OPEN_CONNECT && open->tuple.remote_port == PORT_DNS_TLS)
		note(join, of_netns(event->head.netns), now_ns, lasts);
}

void veil_hello(struct join *join, const struct event_owner *owner, const char *name, size_t size,
		__u64 now_ns)
{
	for (size_t i = 0; owner && i < ARRAY_SIZE(RESOLVER_NAMES); i++)
		if (!strncmp(RESOLVER_NAMES[i], name, size))
			note(join, lookup_asker(owner), now_ns, SESSION_NS);
}

bool veil_of_owner(const struct join *join, const struct event_owner *owner, __u64 now_ns)
{
	return is_of(join, lookup_asker(owner), now_ns);
}

bool veil_of_netns(const struct join *join, __u32 netns, __u64 now_ns)
{
	return is_of(join, of_netns(netns), now_ns);
}
