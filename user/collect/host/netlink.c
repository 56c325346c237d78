// SPDX-License-Identifier: GPL-2.0-or-later
/* netlink.c - one netlink socket: questions to the kernel, and its news */

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "collect/host/netlink.h"
#include "util/address.h"
#include "util/own.h"

/* The kernel fills up to 32 KiB a read in a dump (linux/net/netlink/af_netlink.c). */
#define RECEIVE_BYTES 32768
#define NEWS_BUFFER_BYTES (1 << 20) /* a ruleset or a container host's start in one burst */
#define NEWS_READS_MAX 256 /* at one call: other sources wait */
#define ANSWER_SECONDS 2

int netlink_open(struct netlink *netlink, int protocol)
{
	const struct timeval patience = { .tv_sec = ANSWER_SECONDS };
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	int size = NEWS_BUFFER_BYTES, on = 1, err;

	*netlink = NETLINK_CLOSED;
	netlink->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	if (netlink->fd < 0)
		return -errno;
	if (bind(netlink->fd, (struct sockaddr *)&address, sizeof(address)) ||
	    setsockopt(netlink->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience))) {
		err = -errno;
		netlink_close(netlink);
		return err;
	}
	/* Neither is needed: old kernels lack the second, the first wants CAP_NET_ADMIN. */
	setsockopt(netlink->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(netlink->fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	return 0;
}

void netlink_close(struct netlink *netlink)
{
	if (netlink->fd >= 0)
		close(netlink->fd);
	netlink->fd = -1;
}

int netlink_join(struct netlink *netlink, int group)
{
	if (setsockopt(netlink->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)))
		return -errno;
	return 0;
}

/* Returns the bytes read, 0 for a message that is not the kernel's, or a negative errno. */
static int receive(const struct netlink *netlink, void *buffer, size_t size, int flags)
{
	struct sockaddr_nl from = { 0 };
	struct iovec part = { buffer, size };
	struct msghdr head = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &part,
		.msg_iovlen = 1,
	};
	ssize_t n;

	do {
		n = recvmsg(netlink->fd, &head, flags);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (head.msg_flags & MSG_TRUNC)
		return -EMSGSIZE;
	return from.nl_pid ? 0 : n;
}

static int send_message(struct netlink *netlink, struct nl_msg *message)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct nlmsghdr *head = nlmsg_hdr(message);
	ssize_t n;

	head->nlmsg_flags |= NLM_F_REQUEST;
	head->nlmsg_seq = ++netlink->sequence;
	n = sendto(netlink->fd, head, head->nlmsg_len, 0, (struct sockaddr *)&kernel,
		   sizeof(kernel));
	return n < 0 ? -errno : 0;
}

static int error_of(struct nlmsghdr *message)
{
	struct nlmsgerr *error = nlmsg_data(message);

	return nlmsg_datalen(message) < (int)sizeof(error->error) ? -EBADMSG : error->error;
}

/* Returns 1 when the last answer was seen, 0 when more come, or a negative errno. */
static int walk_answer(struct netlink *netlink, void *buffer, int length, netlink_each *each,
		       void *ctx)
{
	struct nlmsghdr *message = buffer;
	int err;

	for (; nlmsg_ok(message, length); message = nlmsg_next(message, &length)) {
		if (message->nlmsg_seq != netlink->sequence)
			continue; /* of a question that was given up */
		if (message->nlmsg_type == NLMSG_ERROR)
			return error_of(message) ?: 1;
		if (message->nlmsg_type == NLMSG_DONE) {
			err = nlmsg_datalen(message) >= (int)sizeof(int) ?
				      *(int *)nlmsg_data(message) :
				      0;
			return err < 0 ? err : 1;
		}
		err = each ? each(ctx, message) : 0;
		if (err < 0)
			return err;
		if (!(message->nlmsg_flags & NLM_F_MULTI))
			return 1;
	}
	return 0;
}

int netlink_ask(struct netlink *netlink, struct nl_msg *message, netlink_each *each, void *ctx)
{
	char buffer[RECEIVE_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));
	int err;

	if (!message)
		return -ENOMEM;
	err = send_message(netlink, message);
	nlmsg_free(message);
	while (!err) {
		int n = receive(netlink, buffer, sizeof(buffer), 0);

		if (n < 0)
			return n == -EAGAIN ? -ETIMEDOUT : n;
		err = walk_answer(netlink, buffer, n, each, ctx);
	}
	return err < 0 ? err : 0;
}

int netlink_receive(struct netlink *netlink, netlink_each *each, void *ctx)
{
	char buffer[RECEIVE_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));

	for (int reads = 0; reads < NEWS_READS_MAX; reads++) {
		struct nlmsghdr *message = (void *)buffer;
		int n = receive(netlink, buffer, sizeof(buffer), MSG_DONTWAIT);

		if (n < 0)
			return n == -EAGAIN ? 0 : n;
		for (; nlmsg_ok(message, n); message = nlmsg_next(message, &n)) {
			int err = each(ctx, message);

			if (err < 0)
				return err;
		}
	}
	return 0;
}

struct nl_msg *netlink_message(int type, int flags, const void *head, size_t head_size)
{
	struct nl_msg *message = nlmsg_alloc_simple(type, flags);

	if (message && nlmsg_append(message, (void *)head, head_size, NLMSG_ALIGNTO)) {
		nlmsg_free(message);
		message = NULL;
	}
	return message;
}

int netlink_attributes(struct nlmsghdr *message, size_t head_size, struct nlattr **table, int max)
{
	memset(table, 0, (max + 1) * sizeof(struct nlattr *));
	if (!nlmsg_valid_hdr(message, head_size))
		return -EBADMSG;
	return nla_parse(table, max, nlmsg_attrdata(message, head_size),
			 nlmsg_attrlen(message, head_size), NULL) ?
		       -EBADMSG :
		       0;
}

bool netlink_address(const struct nlattr *attribute, __u8 *address)
{
	if (!attribute)
		return false;
	if (nla_len(attribute) == 4)
		address_from_ipv4(address, nla_data(attribute));
	else if (nla_len(attribute) == EVENT_ADDRESS_SIZE)
		address_from_ipv6(address, nla_data(attribute));
	else
		return false;
	return true;
}

__u32 netlink_u32(const struct nlattr *attribute, __u32 otherwise)
{
	return attribute && nla_len(attribute) >= 4 ? nla_get_u32(attribute) : otherwise;
}

void netlink_device(const struct netlink *netlink, __u32 ifindex, char name[16])
{
	struct ifreq request = { .ifr_ifindex = ifindex };

	/* SIOCGIFNAME asks the namespace of the socket, whatever its family. */
	if (!ifindex || ioctl(netlink->fd, SIOCGIFNAME, &request))
		request.ifr_name[0] = '\0';
	request.ifr_name[IFNAMSIZ - 1] = '\0';
	memcpy(name, request.ifr_name, IFNAMSIZ);
}
