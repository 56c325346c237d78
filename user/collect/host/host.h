/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host.h - the inside of struct host: watched namespaces, their news, the way in and out */
#pragma once

#include "collect/collect.h"
#include "collect/host/namespaces.h"
#include "collect/host/netlink.h"

#define WATCHES_MAX 256
#define INTERFACES_MAX 4096 /* of one namespace */
#define CHANGES_PER_SECOND 100 /* a routing daemon makes thousands: the rest is counted */

struct interface_entry {
	__u32 ifindex;
	__u32 seen; /* the dump that saw it last */
	bool hooked; /* the agent's callback knows it */
	struct ev_interface body;
};

/* What a transaction of nftables did, gathered until its generation message ends it. */
struct ruleset_news {
	__u32 added;
	__u32 removed;
};

/* A network namespace whose news are followed. */
struct watch {
	struct host *host;
	__u32 inode;
	int fd; /* for setns() */
	bool is_own;
	bool lost_news; /* resynchronise by a dump */
	__u32 dumps;
	struct netlink route; /* questions */
	struct netlink nsids; /* questions asked while an answer of the other is walked */
	struct netlink news; /* links, addresses, routes */
	struct netlink rulesets; /* nftables; closed where there is no right or no such kernel */
	struct ruleset_news ruleset;
	struct interface_entry *interfaces;
	size_t interface_count;
	size_t interface_room;
	__u32 (*peers)[2]; /* nsid as seen from here, inode; of the last scan */
	size_t peer_count;
	__u64 peers_ns; /* when it was made */
	bool looked; /* at its gauges: .pressures and .aborted are what was told last */
	bool filled; /* the last look found the table of connections half full */
	__u64 pressures;
	__u64 aborted;
};

struct host {
	struct host_options options;
	int own_fd; /* the way back */
	__u32 own_inode;
	int epoll_fd;
	int timer_fd;
	int mounts_fd; /* /proc/self/mountinfo: says when a mount came or went */
	__u64 scanned_ns;
	bool said_descriptors; /* that they do not suffice for all namespaces */
	bool scan_waits; /* the timer is set for it */
	__u64 changes_second;
	__u32 changes; /* in that second */
	__u32 changes_shed;
	struct watch *watches[WATCHES_MAX];
	size_t watch_count;
	bool away; /* the calling thread is in another namespace */
	struct namespaces seen; /* by the last scan; the own one always */
	struct namespaces told; /* whose netns record was delivered with that name */
	struct namespaces nearby; /* when a veth's other end was last looked for */
};

/* ---- host.c ---- */

/*
 * Takes the calling thread into a namespace; for the own one that needs no right and no call.
 * host_leave() is due on success, and only then.
 */
int host_enter(struct host *host, __u32 inode, int fd);
int host_leave(struct host *host);
struct watch *host_find_watch(struct host *host, __u32 inode);

/* ---- watch.c ---- */

/* Takes over @fd, also on failure. Delivers the interfaces that are there. */
int watch_open(struct watch **out, struct host *host, __u32 inode, int fd);

/* @gone: the namespace ended; its interfaces are told as gone. */
void watch_close(struct watch *watch, bool gone);
int watch_poll(struct watch *watch);

/* The name of an interface, also of one that has just gone; empty if it was never seen. */
void watch_device(struct watch *watch, __u32 ifindex, char name[16]);

/* ---- change.c ---- */

int change_address(struct watch *watch, struct nlmsghdr *message);
int change_route(struct watch *watch, struct nlmsghdr *message);
int change_rule(struct watch *watch, struct nlmsghdr *message);
int change_ruleset(struct watch *watch, struct nlmsghdr *message);

/* @was: NULL it appeared; @now: NULL it is gone. */
int change_link(struct watch *watch, __u32 ifindex, const struct ev_interface *was,
		const struct ev_interface *now);

/* Tells how many changes were shed in a second that is over. */
int change_flush(struct host *host);

/* ---- route.c ---- */

struct route {
	__u8 type; /* RTN_* */
	__u8 family;
	__u8 prefix_bits;
	__u8 protocol; /* RTPROT_* */
	__u32 table;
	__u32 metric;
	__u32 mtu;
	__u32 oif;
	__u32 flags; /* RTM_F_* */
	bool has_gateway;
	bool has_source;
	bool multipath; /* the first next hop is given */
	__u8 destination[EVENT_ADDRESS_SIZE];
	__u8 gateway[EVENT_ADDRESS_SIZE];
	__u8 source[EVENT_ADDRESS_SIZE];
	char device[16];
};

/* Returns 0 or -EBADMSG. */
int route_parse(const struct netlink *netlink, struct nlmsghdr *message, struct route *route);

/* As ip-route(8) prints it: "default via 10.0.0.1 dev eth0 proto dhcp metric 100". */
void route_print(struct text *text, const struct route *route);
