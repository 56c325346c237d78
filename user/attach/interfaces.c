// SPDX-License-Identifier: GPL-2.0-or-later
/* interfaces.c - the interfaces that packet programs are attached to */
#include "attach/interfaces.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attach/attach.h"
#include "attach/tc.h"
#include "util/descriptors.h"
#include "util/log.h"
#include "util/own.h"

#define LOOPBACK_IFINDEX 1 /* of lo, in every namespace */
#define INTERFACES_MAX 16384

struct interface {
	__u32 netns;
	__u32 ifindex;
	int links[TC_DIRECTIONS]; /* tcx; -1 none */
};

/* A namespace that was visited. */
struct place {
	__u32 netns;
	int fd; /* to come back and remove filters; -1 where links need no removal */
};

struct interfaces {
	enum interfaces_means means;
	int programs[TC_DIRECTIONS];
	struct interface *list;
	size_t count, room;
	struct place *places;
	size_t places_count;
	char name[TC_FILTER_NAME_SIZE]; /* of our filters */
};

int interfaces_open(struct interfaces **out, enum interfaces_means means, int in_fd, int out_fd)
{
	struct interfaces *interfaces = calloc(1, sizeof(*interfaces));
	int err;

	if (!interfaces)
		return -ENOMEM;
	interfaces->means = means;
	interfaces->programs[TC_IN] = in_fd;
	interfaces->programs[TC_OUT] = out_fd;
	err = tc_filter_own_name(interfaces->name);
	if (err && means == INTERFACES_CLSACT) {
		free(interfaces);
		return err;
	}
	*out = interfaces;
	return 0;
}

static void close_links(struct interface *interface)
{
	for (enum tc_direction d = TC_IN; d < TC_DIRECTIONS; d++) {
		if (interface->links[d] >= 0)
			close(interface->links[d]);
		interface->links[d] = -1;
	}
}

/* Removes our filters in one namespace; the calling thread is in it. */
static void remove_filters(const struct interfaces *interfaces, __u32 netns)
{
	struct nl_sock *socket = tc_open();

	if (!socket)
		return;
	for (size_t i = 0; i < interfaces->count; i++) {
		int err;

		if (interfaces->list[i].netns != netns)
			continue;
		err = tc_filter_detach(socket, interfaces->list[i].ifindex, interfaces->name);
		if (err && err != -ENODEV && err != -EINVAL)
			log_debug("interface %u: filter not removed: %s",
				  interfaces->list[i].ifindex, strerror(-err));
	}
	tc_close(socket);
}

static void remove_all_filters(const struct interfaces *interfaces)
{
	_cleanup_close_ int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	for (size_t i = 0; i < interfaces->places_count; i++) {
		if (setns(interfaces->places[i].fd, CLONE_NEWNET) == 0)
			remove_filters(interfaces, interfaces->places[i].netns);
	}
	if (home >= 0 && setns(home, CLONE_NEWNET))
		log_debug("network namespace: cannot go back: %s", strerror(errno));
}

void interfaces_close(struct interfaces *interfaces)
{
	if (!interfaces)
		return;
	if (interfaces->means == INTERFACES_CLSACT)
		remove_all_filters(interfaces);
	for (size_t i = 0; i < interfaces->count; i++)
		close_links(&interfaces->list[i]);
	for (size_t i = 0; i < interfaces->places_count; i++)
		if (interfaces->places[i].fd >= 0)
			close(interfaces->places[i].fd);
	free(interfaces->places);
	free(interfaces->list);
	free(interfaces);
}

static struct interface *find(struct interfaces *interfaces, __u32 netns, __u32 ifindex)
{
	for (size_t i = 0; i < interfaces->count; i++)
		if (interfaces->list[i].netns == netns && interfaces->list[i].ifindex == ifindex)
			return &interfaces->list[i];
	return NULL;
}

static struct interface *add(struct interfaces *interfaces, __u32 netns, __u32 ifindex)
{
	struct interface *list = interfaces->list;

	if (interfaces->count == interfaces->room) {
		size_t room = interfaces->room ? interfaces->room * 2 : 16;

		if (room > INTERFACES_MAX)
			return NULL;
		list = reallocarray(list, room, sizeof(*list));
		if (!list)
			return NULL;
		interfaces->list = list;
		interfaces->room = room;
	}
	list[interfaces->count] = (struct interface){ netns, ifindex, { -1, -1 } };
	return &list[interfaces->count++];
}

/* Remembers the calling thread's namespace; cleans it up when it is seen for the first time. */
static int visit(struct interfaces *interfaces, __u32 netns)
{
	struct place *places;
	int fd = -1;

	for (size_t i = 0; i < interfaces->places_count; i++)
		if (interfaces->places[i].netns == netns)
			return 0;
	if (interfaces->means == INTERFACES_CLSACT) {
		fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return -errno;
	}
	places = reallocarray(interfaces->places, interfaces->places_count + 1, sizeof(*places));
	if (!places) {
		if (fd >= 0)
			close(fd);
		return -ENOMEM;
	}
	interfaces->places = places;
	places[interfaces->places_count++] = (struct place){ netns, fd };
	attach_clean(false, NULL, NULL);
	return 0;
}

static int attach_direction(struct interfaces *interfaces, struct interface *interface,
			    struct nl_sock *socket, enum tc_direction direction, bool *chained)
{
	int program_fd = interfaces->programs[direction];
	int fd;

	if (interfaces->means == INTERFACES_CLSACT)
		return tc_filter_attach(socket, program_fd, interface->ifindex, direction,
					interfaces->name, chained);
	fd = tc_link_attach(program_fd, interface->ifindex, direction);
	if (fd < 0)
		return fd;
	if (descriptors_are_short(fd)) {
		close(fd);
		return -EMFILE;
	}
	interface->links[direction] = fd;
	*chained = tc_link_is_chained(program_fd, interface->ifindex, direction);
	return 0;
}

int interfaces_attach(struct interfaces *interfaces, __u32 netns, __u32 ifindex, const char *name,
		      __u32 *flags)
{
	static const __u32 attached[] = {
		[TC_IN] = INTERFACE_F_TC_IN,
		[TC_OUT] = INTERFACE_F_TC_OUT,
	};
	struct interface *interface;
	struct nl_sock *socket = NULL;
	int err = visit(interfaces, netns);

	*flags &= ~(INTERFACE_F_TC_IN | INTERFACE_F_TC_OUT | INTERFACE_F_CHAINED);
	if (err)
		return err;
	if (find(interfaces, netns, ifindex))
		return -EALREADY;
	interface = add(interfaces, netns, ifindex);
	if (!interface)
		return -ENOMEM;
	if (interfaces->means == INTERFACES_CLSACT && !(socket = tc_open()))
		err = -ENOMEM;
	for (enum tc_direction d = TC_IN; d < TC_DIRECTIONS && !err; d++) {
		bool chained = false;

		/* on lo a packet that leaves is the packet that arrives: once is enough */
		if (ifindex == LOOPBACK_IFINDEX && d == TC_IN)
			continue;
		err = attach_direction(interfaces, interface, socket, d, &chained);
		if (!err)
			*flags |= attached[d] | (chained ? INTERFACE_F_CHAINED : 0);
	}
	tc_close(socket);
	if (err) {
		log_debug("interface %s: packets not attached: %s", name, strerror(-err));
		/* one direction alone would look like a network that does not answer */
		if (err == -EMFILE)
			*flags &= ~(INTERFACE_F_TC_IN | INTERFACE_F_TC_OUT);
		if (!(*flags & (INTERFACE_F_TC_IN | INTERFACE_F_TC_OUT)))
			interfaces_forget(interfaces, netns, ifindex);
	}
	return err;
}

void interfaces_forget(struct interfaces *interfaces, __u32 netns, __u32 ifindex)
{
	struct interface *interface = find(interfaces, netns, ifindex);

	if (!interface)
		return;
	close_links(interface);
	*interface = interfaces->list[--interfaces->count];
}
