/* SPDX-License-Identifier: GPL-2.0-or-later */
/* namespaces.h - the network namespaces of this host, by inode */
#pragma once

#include <stdbool.h>

#include "event.h"

#define NAMESPACES_MAX 512

struct netns_entry {
	__u32 inode;
	__u32 pid; /* a process in it, 0 none seen */
	char name[60]; /* under /run/netns, else empty */
	char path[128]; /* a mount that keeps it, empty: none seen */
};

struct namespaces {
	size_t count;
	bool full; /* there are more than fit */
	struct netns_entry at[NAMESPACES_MAX];
};

/*
 * Lists the namespaces that a mount keeps, and with @processes those that a process is in. Bounded;
 * what cannot be looked at is left out.
 */
void namespaces_scan(struct namespaces *list, bool processes);

const struct netns_entry *namespaces_find(const struct namespaces *list, __u32 inode);

/* The entry of that inode, made if there was none; NULL: the list is full. */
struct netns_entry *namespaces_add(struct namespaces *list, __u32 inode);

/* A file descriptor for setns(), checked to be that inode; negative errno. */
int namespace_open(const struct netns_entry *entry);

/* The inode behind a file descriptor or path of a network namespace, 0 if it is none. */
__u32 namespace_inode(int fd);

/* A process in the namespace, found by walking /proc; 0 none. */
__u32 namespace_find_process(__u32 inode);
