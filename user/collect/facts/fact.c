// SPDX-License-Identifier: GPL-2.0-or-later
/* fact.c - fetches facts of this host, each family in its own file */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "collect/facts/fact.h"
#include "collect/tell.h"
#include "util/own.h"

struct ev_fact fact_make(enum event_fact what)
{
	return (struct ev_fact){ .what = what };
}

void fact_tell_in(struct fetch *fetch, struct ev_fact *fact, __u32 netns)
{
	struct tell_where where = { .netns = netns };
	int err;

	if (fetch->error)
		return;
	fact->request = fetch->request->attempt;
	err = tell(fetch->host->options.sink, EVENT_FACT, &where, fact, sizeof(*fact));
	if (err < 0)
		fetch->error = err;
}

void fact_tell(struct fetch *fetch, struct ev_fact *fact)
{
	fact_tell_in(fetch, fact, fetch->request->netns);
}

void fact_tell_absent(struct fetch *fetch, enum event_fact what, const char *name, int error)
{
	struct ev_fact fact = fact_make(what);

	fact.flags = FACT_F_ABSENT;
	fact.error = -error;
	fact.pid = fetch->request->pid;
	tell_copy(fact.name, name ? name : "", sizeof(fact.name));
	fact_tell(fetch, &fact);
}

bool fact_prefix_covers(const __u8 *prefix, unsigned int bits, int family, const __u8 *address)
{
	unsigned int bytes;

	if (family == AF_INET)
		bits += 96;
	if (bits > 128)
		return false;
	bytes = bits / 8;
	if (memcmp(prefix, address, bytes) != 0)
		return false;
	return bits % 8 == 0 || (prefix[bytes] ^ address[bytes]) >> (8 - bits % 8) == 0;
}

/*
 * A file descriptor of the namespace asked for: watched already, that of the process, kept by a
 * mount, or that of any process in it.
 */
static int open_namespace(struct host *host, const struct fact_request *request)
{
	struct netns_entry entry = { .inode = request->netns, .pid = request->pid };
	struct watch *watch = host_find_watch(host, request->netns);
	const struct netns_entry *seen = namespaces_find(&host->seen, request->netns);
	int fd = -ENOENT;

	if (watch)
		return fcntl(watch->fd, F_DUPFD_CLOEXEC, 0);
	if (entry.pid)
		fd = namespace_open(&entry);
	if (fd < 0 && seen)
		fd = namespace_open(seen);
	if (fd < 0) {
		entry.pid = namespace_find_process(request->netns);
		fd = entry.pid ? namespace_open(&entry) : -ENOENT;
	}
	return fd;
}

static void fetch_inside(struct fetch *fetch)
{
	__u32 wanted = fetch->request->wanted;

	if (wanted & (BIT(FACT_ROUTE) | BIT(FACT_NEIGHBOR)))
		fact_fetch_route(fetch);
	if (wanted & BIT(FACT_ADDRESS))
		fact_fetch_addresses(fetch);
	if (wanted & BIT(FACT_SYSCTL))
		fact_fetch_sysctls(fetch);
	if (wanted & BIT(FACT_COUNTER))
		fact_fetch_counters(fetch);
	if (wanted & (BIT(FACT_HOLDER) | BIT(FACT_LISTENER) | BIT(FACT_PORT_USE)))
		fact_fetch_sockets(fetch);
	if (wanted & BIT(FACT_RULESET))
		fact_fetch_ruleset(fetch);
	if (wanted & BIT(FACT_BPF_PROGRAM))
		fact_fetch_programs(fetch);
	if (wanted & BIT(FACT_UNIX_LISTENER))
		fetch->listener_found = fact_fetch_unix_listener(fetch);
}

static void tell_all_absent(struct fetch *fetch, int error)
{
	static const enum event_fact inside[] = { FACT_ROUTE,	   FACT_NEIGHBOR, FACT_ADDRESS,
						  FACT_SYSCTL,	   FACT_COUNTER,  FACT_HOLDER,
						  FACT_LISTENER,   FACT_PORT_USE, FACT_RULESET,
						  FACT_BPF_PROGRAM };

	for (size_t i = 0; i < ARRAY_SIZE(inside); i++)
		if (fetch->request->wanted & BIT(inside[i]))
			fact_tell_absent(fetch, inside[i], NULL, error);
}

/* Returns 0, or the errno that makes every further look at this host wrong. */
static int fetch_in_namespace(struct fetch *fetch)
{
	struct host *host = fetch->host;
	__u32 netns = fetch->request->netns;
	_cleanup_close_ int fd = -1;
	int err = 0;

	if (netns != host->own_inode) {
		fd = open_namespace(host, fetch->request);
		err = fd < 0 ? fd : 0;
	}
	if (!err)
		err = host_enter(host, netns, fd);
	if (err) {
		tell_all_absent(fetch, err);
		return 0;
	}
	err = netlink_open(&fetch->route, NETLINK_ROUTE);
	if (err)
		tell_all_absent(fetch, err);
	else
		fetch_inside(fetch);
	netlink_close(&fetch->route);
	return host_leave(host);
}

/*
 * A file is the same from any network namespace, and who listens at it is mostly in the host's. An abstract
 * name is of one.
 */
static int find_listener_here(struct fetch *fetch, struct fact_request *asked)
{
	const __u32 netns = asked->netns, wanted = asked->wanted;
	int err = 0;

	if (!(wanted & BIT(FACT_UNIX_LISTENER)))
		return 0;
	asked->netns = fetch->host->own_inode;
	asked->wanted = BIT(FACT_UNIX_LISTENER);
	if (!fetch->listener_found && netns != asked->netns && asked->path[0] != '@')
		err = fetch_in_namespace(fetch);
	asked->netns = netns;
	asked->wanted = wanted;
	if (!fetch->listener_found)
		fact_tell_absent(fetch, FACT_UNIX_LISTENER, NULL, err);
	return err;
}

int host_fetch(struct host *host, const struct fact_request *request,
	       int (*iterate)(void *ctx, bool owners), void *ctx)
{
	struct fact_request asked = *request;
	struct fetch fetch = {
		.host = host,
		.request = &asked,
		.route = NETLINK_CLOSED,
		.iterate = iterate,
		.ctx = ctx,
	};
	struct ev_fact done = fact_make(FACT_DONE);
	const __u32 inside =
		~(BIT(FACT_TASK_STATE) | BIT(FACT_CAPABILITY) | BIT(FACT_RESOLVER) |
		  BIT(FACT_OPEN_FILES) | BIT(FACT_UNIX_PATH) | BIT(FACT_LSM) | BIT(FACT_PROXY));
	int err = 0;

	if (!asked.netns)
		asked.netns = host->own_inode;
	if (!asked.path)
		asked.wanted &= ~(BIT(FACT_UNIX_PATH) | BIT(FACT_UNIX_LISTENER));
	if (asked.wanted & inside)
		err = fetch_in_namespace(&fetch);
	err = err ?: find_listener_here(&fetch, &asked);
	if (asked.wanted & BIT(FACT_TASK_STATE))
		fact_fetch_task_state(&fetch);
	if (asked.wanted & BIT(FACT_CAPABILITY))
		fact_fetch_capability(&fetch);
	if (asked.wanted & BIT(FACT_OPEN_FILES))
		fact_fetch_open_files(&fetch);
	if (asked.wanted & BIT(FACT_UNIX_PATH))
		fact_fetch_unix_path(&fetch);
	if (asked.wanted & BIT(FACT_RESOLVER))
		fact_fetch_resolvers(&fetch);
	if (asked.wanted & BIT(FACT_PROXY))
		fact_fetch_proxy(&fetch);
	if (asked.wanted & BIT(FACT_LSM))
		fact_fetch_lsm(&fetch);
	fact_tell(&fetch, &done);
	return err ?: fetch.error;
}
