/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netlink.h - one netlink socket: questions to the kernel, and its news */
#pragma once

#include <stdbool.h>

#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include "event.h"

struct text;

/* Belongs for ever to the network namespace in which it was opened. */
struct netlink {
	int fd; /* -1: closed */
	__u32 sequence;
};

#define NETLINK_CLOSED   \
	(struct netlink) \
	{                \
		.fd = -1 \
	}

/* Called for each message; a negative errno ends the walk. */
typedef int netlink_each(void *ctx, struct nlmsghdr *message);

int netlink_open(struct netlink *netlink, int protocol);
void netlink_close(struct netlink *netlink);

/* Subscribes to a multicast group (RTNLGRP_*, NFNLGRP_*). */
int netlink_join(struct netlink *netlink, int group);

/*
 * Sends the message and hands out every answer, to the last one of a dump. Frees @message, which
 * may be NULL (-ENOMEM). Returns 0 or a negative errno: the kernel's, @each's, -ETIMEDOUT.
 */
int netlink_ask(struct netlink *netlink, struct nl_msg *message, netlink_each *each, void *ctx);

/*
 * Hands out the news that wait. Returns 0 when none are left, a negative errno else; -ENOBUFS: the
 * kernel had more than the socket could hold, some are lost.
 */
int netlink_receive(struct netlink *netlink, netlink_each *each, void *ctx);

/* A message of @type with the family's own header in front. NULL: no memory. */
struct nl_msg *netlink_message(int type, int flags, const void *head, size_t head_size);

/* Attributes of @message behind a header of @head_size into a table of @max + 1. */
int netlink_attributes(struct nlmsghdr *message, size_t head_size, struct nlattr **table, int max);

/* An address attribute of 4 or 16 bytes into the one type; false if it is absent or neither. */
bool netlink_address(const struct nlattr *attribute, __u8 *address);
__u32 netlink_u32(const struct nlattr *attribute, __u32 otherwise);

/* The name of an interface of the socket's namespace, empty if there is none. */
void netlink_device(const struct netlink *netlink, __u32 ifindex, char name[16]);
