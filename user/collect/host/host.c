// SPDX-License-Identifier: GPL-2.0-or-later
/* host.c - the watched network namespaces, as they come and go */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "collect/host/host.h"
#include "collect/tell.h"
#include "util/descriptors.h"
#include "util/log.h"
#include "util/own.h"
#include "util/time.h"

#define SCAN_PAUSE_NS (20 * NS_PER_MS) /* between two scans when mounts come in bursts */
#define SCAN_PERIOD_NS NS_PER_S /* namespaces that only processes keep give no news */
#define NEWS_AT_ONCE 32

int host_enter(struct host *host, __u32 inode, int fd)
{
	if (inode == host->own_inode)
		return 0;
	if (setns(fd, CLONE_NEWNET))
		return -errno;
	host->away = true;
	return 0;
}

int host_leave(struct host *host)
{
	if (host->away && setns(host->own_fd, CLONE_NEWNET))
		/* Nothing that follows could be trusted to be about the right namespace. */
		return log_error_r(-errno, "cannot return to the own network namespace");
	host->away = false;
	return 0;
}

struct watch *host_find_watch(struct host *host, __u32 inode)
{
	for (size_t i = 0; i < host->watch_count; i++)
		if (host->watches[i]->inode == inode)
			return host->watches[i];
	return NULL;
}

void host_visit(struct host *host, void (*visit)(void *ctx), void *ctx)
{
	for (size_t i = 0; i < host->watch_count; i++) {
		const struct watch *watch = host->watches[i];

		if (watch->is_own || host_enter(host, watch->inode, watch->fd))
			continue;
		visit(ctx);
		if (host_leave(host))
			return;
	}
}

/* ---- netns records ---- */

/* Tells of a namespace, once for each name it has. */
static int tell_netns(struct host *host, const struct netns_entry *entry)
{
	struct ev_netns body = { .is_own = entry->inode == host->own_inode };
	struct tell_where where = { .netns = entry->inode };
	const struct netns_entry *before = namespaces_find(&host->told, entry->inode);

	if (before && !strcmp(before->name, entry->name))
		return 0;
	if (!before && host->told.count < NAMESPACES_MAX)
		before = &host->told.at[host->told.count++];
	if (before)
		host->told.at[before - host->told.at] = *entry;
	tell_copy(body.name, entry->name, sizeof(body.name));
	return tell(host->options.sink, EVENT_NETNS, &where, &body, sizeof(body));
}

/* Every namespace that has a name is told, so that findings can use it. */
static int tell_named(struct host *host)
{
	struct namespaces *told = &host->told;
	int err = 0;

	for (size_t i = told->count; i-- > 0;)
		if (!namespaces_find(&host->seen, told->at[i].inode))
			told->at[i] = told->at[--told->count]; /* its inode may be used again */
	for (size_t i = 0; i < host->seen.count && err >= 0; i++)
		if (host->seen.at[i].name[0])
			err = tell_netns(host, &host->seen.at[i]);
	return err;
}

/* ---- which namespaces are watched ---- */

/* Takes over @fd. */
static int add_watch(struct host *host, __u32 inode, int fd)
{
	const struct netns_entry nameless = { .inode = inode };
	int err;

	if (host_find_watch(host, inode)) {
		close(fd);
		return 0;
	}
	if (host->watch_count == WATCHES_MAX) {
		close(fd);
		return -ENOSPC;
	}
	if (host->watch_count && descriptors_are_short(fd)) {
		close(fd);
		return -EMFILE;
	}
	err = tell_netns(host, namespaces_find(&host->seen, inode) ?: &nameless);
	if (err < 0) {
		close(fd);
		return err;
	}
	err = watch_open(&host->watches[host->watch_count], host, inode, fd);
	if (!err)
		host->watch_count++;
	return err;
}

static int add_path(struct host *host, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	__u32 inode;
	int err;

	if (fd < 0)
		return log_error_r(-errno, "network namespace %s", path);
	inode = namespace_inode(fd);
	if (!inode) {
		close(fd);
		log_error("%s: not a network namespace", path);
		log_hint(
			"ip netns list; named ones are in /run/netns, a process's is /proc/PID/ns/net");
		return -EINVAL;
	}
	err = add_watch(host, inode, fd);
	return err < 0 ? log_error_r(err, "network namespace %s", path) : 0;
}

static int add_seen(struct host *host)
{
	int err = 0;

	for (size_t i = 0; i < host->seen.count && err != -ENOSPC && err != -EMFILE; i++) {
		const struct netns_entry *entry = &host->seen.at[i];
		int fd;

		if (host_find_watch(host, entry->inode))
			continue;
		fd = namespace_open(entry);
		err = fd < 0 ? (errno == EMFILE ? -EMFILE : 0) : add_watch(host, entry->inode, fd);
		if (err < 0)
			log_debug("network namespace %u: %s", entry->inode, strerror(-err));
	}
	if (err == -EMFILE && !host->said_descriptors) {
		log_error_r(err, "further network namespaces are not watched");
		log_hint("each takes six: ulimit -n, or LimitNOFILE= of the service");
		host->said_descriptors = true;
	}
	if (err == -ENOSPC)
		log_debug("more than %d network namespaces: the rest is not watched", WATCHES_MAX);
	return 0;
}

/*
 * Our sockets would keep a namespace alive that everybody else has left: let go of it. One that
 * was too many for the list may still be there, so then nothing is let go.
 */
static void drop_unseen(struct host *host)
{
	if (host->seen.full)
		return;
	for (size_t i = host->watch_count; i-- > 0;) {
		struct watch *watch = host->watches[i];

		if (watch->is_own || namespaces_find(&host->seen, watch->inode))
			continue;
		host->watches[i] = host->watches[--host->watch_count];
		watch_close(watch, true);
	}
}

static bool follows_others(const struct host *host)
{
	return host->options.all_namespaces || host->watch_count > 1;
}

static void set_timer(const struct host *host, __u64 first_ns, __u64 period_ns)
{
	const struct itimerspec spec = {
		.it_value = { first_ns / NS_PER_S, first_ns % NS_PER_S },
		.it_interval = { period_ns / NS_PER_S, period_ns % NS_PER_S },
	};

	timerfd_settime(host->timer_fd, 0, &spec, NULL);
}

static int scan(struct host *host)
{
	host->scan_waits = false;
	host->scanned_ns = clock_read_ns(CLOCK_MONOTONIC);
	namespaces_scan(&host->seen, follows_others(host));
	namespaces_add(&host->seen, host->own_inode);
	if (host->options.all_namespaces)
		add_seen(host);
	drop_unseen(host);
	if (follows_others(host))
		set_timer(host, SCAN_PERIOD_NS, SCAN_PERIOD_NS);
	return tell_named(host);
}

/* Mounts come in bursts: scan now, or soon. */
static int scan_if_due(struct host *host)
{
	__u64 since_ns = clock_read_ns(CLOCK_MONOTONIC) - host->scanned_ns;

	if (since_ns >= SCAN_PAUSE_NS)
		return scan(host);
	if (!host->scan_waits)
		set_timer(host, SCAN_PAUSE_NS, 0);
	host->scan_waits = true;
	return 0;
}

/* ---- life ---- */

static int poll_fd(const struct host *host, int fd, __u32 events)
{
	struct epoll_event event = { .events = events };

	return epoll_ctl(host->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int open_files(struct host *host)
{
	int err;

	host->own_fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (host->own_fd < 0)
		return log_error_r(-errno, "/proc/thread-self/ns/net");
	host->own_inode = namespace_inode(host->own_fd);
	host->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	host->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (host->epoll_fd < 0 || host->timer_fd < 0)
		return -errno;
	err = poll_fd(host, host->timer_fd, EPOLLIN);
	host->mounts_fd = open("/proc/thread-self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (!err && host->mounts_fd >= 0)
		err = poll_fd(host, host->mounts_fd, EPOLLPRI | EPOLLERR);
	return err;
}

static int open_watches(struct host *host)
{
	const char *const *paths = host->options.namespaces;
	int own = fcntl(host->own_fd, F_DUPFD_CLOEXEC, 0);
	int err = own < 0 ? -errno : add_watch(host, host->own_inode, own);

	if (err)
		return log_error_r(err, "netlink");
	for (size_t i = 0; paths && paths[i] && !err; i++)
		err = add_path(host, paths[i]);
	return err;
}

int host_open(struct host **out, const struct host_options *options)
{
	struct host *host = calloc(1, sizeof(*host));
	const struct netns_entry *own;
	int err;

	if (!host)
		return -ENOMEM;
	host->options = *options;
	host->own_fd = host->epoll_fd = host->timer_fd = host->mounts_fd = -1;
	err = open_files(host);
	if (!err) {
		namespaces_scan(&host->seen, true);
		own = namespaces_add(&host->seen, host->own_inode);
		err = own ? tell_netns(host, own) : 0; /* else with its watch */
	}
	if (err >= 0)
		err = tell_named(host);
	if (err >= 0)
		err = open_watches(host);
	if (!err)
		err = scan(host);
	if (err < 0) {
		host_close(host);
		return err;
	}
	*out = host;
	return 0;
}

void host_close(struct host *host)
{
	if (!host)
		return;
	for (size_t i = 0; i < host->watch_count; i++)
		watch_close(host->watches[i], false);
	if (host->mounts_fd >= 0)
		close(host->mounts_fd);
	if (host->timer_fd >= 0)
		close(host->timer_fd);
	if (host->epoll_fd >= 0)
		close(host->epoll_fd);
	if (host->own_fd >= 0)
		close(host->own_fd);
	free(host);
}

int host_fd(const struct host *host)
{
	return host->epoll_fd;
}

int host_poll(struct host *host)
{
	struct epoll_event events[NEWS_AT_ONCE];
	__u64 expired;
	int err = 0;

	/*
	 * Only empties what is ready: the poll through the agent's own epoll has already taken the
	 * notice of a changed mount, so that its absence here says nothing.
	 */
	if (epoll_wait(host->epoll_fd, events, NEWS_AT_ONCE, 0) < 0 && errno != EINTR)
		return -errno;
	if (read(host->timer_fd, &expired, sizeof(expired)) < 0 && errno != EAGAIN)
		return -errno;
	for (size_t i = 0; i < host->watch_count && err >= 0; i++)
		err = watch_poll(host->watches[i]);
	if (err >= 0)
		err = change_flush(host);
	if (err >= 0)
		err = scan_if_due(host);
	if (host->changes_shed && !host->scan_waits && !follows_others(host))
		set_timer(host, NS_PER_S, 0); /* to tell of them even if nothing follows */
	return err < 0 ? err : 0;
}
