/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tc.h - packet programs at interfaces */
#pragma once

#include <stdbool.h>

#include "event.h"

enum tc_direction { TC_IN, TC_OUT, TC_DIRECTIONS };

/* tcx (6.6): a link each, gone with its file descriptor. */

/* Attaches at the head of the chain. Returns the link's descriptor or a negative errno. */
int tc_link_attach(int program_fd, __u32 ifindex, enum tc_direction direction);

/* Does a program other than @program_fd stand in front of it? */
bool tc_link_is_chained(int program_fd, __u32 ifindex, enum tc_direction direction);

/* clsact with a filter of ours: it stays until somebody removes it. */

#define TC_FILTER_NAME_SIZE 64

/* "sockwhy:PID:STARTTIME" of this process, or -errno. */
int tc_filter_own_name(char *name);

/* Is @name such a name (with or without the mark of a clsact made by us), and whose? */
bool tc_filter_parse_name(const char *name, __u32 *pid, __u64 *start_ticks, bool *made_clsact);

/* Is that process gone, or another one under its number? */
bool tc_filter_is_orphan(const char *name);

/* A filter of cls_bpf as the kernel tells of it. */
struct tc_filter {
	__u32 ifindex;
	__u32 handle;
	__u32 program_id;
	__u16 priority;
	__u16 protocol_be;
	enum tc_direction direction;
	__u8 tag[8];
	bool is_bpf;
	char name[TC_FILTER_NAME_SIZE];
};

struct nl_sock;

/* A socket to rtnetlink of the calling thread's network namespace; NULL: out of memory, errno. */
struct nl_sock *tc_open(void);
void tc_close(struct nl_sock *socket);

/*
 * Adds a filter named @name; makes the clsact if there is none, and then marks the name.
 * *@chained: a filter stands in front of it. Returns 0 or a negative errno.
 */
int tc_filter_attach(struct nl_sock *socket, int program_fd, __u32 ifindex,
		     enum tc_direction direction, const char *name, bool *chained);

/* Calls @each for every filter of the interface and direction. Negative errno, or 0. */
int tc_filter_list(struct nl_sock *socket, __u32 ifindex, enum tc_direction direction,
		   void (*each)(void *ctx, const struct tc_filter *filter), void *ctx);

/*
 * Removes a filter, if the kernel still tells the same of it. Returns 0; -ESTALE it is another one
 * now; another negative errno.
 */
int tc_filter_remove(struct nl_sock *socket, const struct tc_filter *filter);

/* Removes every filter named @name, marked or not, and a clsact that we made and that is empty. */
int tc_filter_detach(struct nl_sock *socket, __u32 ifindex, const char *name);

/* Removes the interface's clsact if it holds no filter. Returns 1 removed, 0 left, negative errno. */
int tc_clsact_remove_empty(struct nl_sock *socket, __u32 ifindex);

/* Calls @each for every interface with a clsact. Negative errno, or 0. */
int tc_clsact_list(struct nl_sock *socket, void (*each)(void *ctx, __u32 ifindex), void *ctx);
