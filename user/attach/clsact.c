// SPDX-License-Identifier: GPL-2.0-or-later
/* clsact.c - packet programs as filters of a clsact, on kernels without TC links */
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdio.h>
#include <string.h>

#include "attach/tc.h"

/*
 * In front of what tools number by themselves (from 49152 down), so that a filter that ends the
 * chain hides nothing from us; never 1, which Cilium and others take for their own. Further ones
 * are tried when another classifier sits on the number.
 */
#define PRIORITY_FIRST 7
#define PRIORITY_TRIES 8

struct nl_sock *tc_open(void)
{
	struct nl_sock *socket = nl_socket_alloc();

	if (!socket)
		return NULL;
	nl_socket_disable_auto_ack(socket);
	if (nl_connect(socket, NETLINK_ROUTE)) {
		nl_socket_free(socket);
		return NULL;
	}
	return socket;
}

void tc_close(struct nl_sock *socket)
{
	if (socket)
		nl_socket_free(socket);
}

/* libnl's error codes hide the errno: the acknowledgement is read here instead. */
struct answer {
	int (*take)(void *ctx, struct nlmsghdr *header);
	void *ctx;
	int error;
	bool done;
};

static int on_valid(struct nl_msg *message, void *ctx)
{
	struct answer *answer = ctx;

	if (answer->take)
		answer->take(answer->ctx, nlmsg_hdr(message));
	return NL_OK;
}

static int on_end(struct nl_msg *message, void *ctx)
{
	struct answer *answer = ctx;

	(void)message;
	answer->done = true;
	return NL_STOP;
}

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *error, void *ctx)
{
	struct answer *answer = ctx;

	(void)from;
	answer->error = error->error;
	answer->done = true;
	return NL_STOP;
}

/* Sends @message (and frees it), and hands every message of the answer to @take. */
static int talk(struct nl_sock *socket, struct nl_msg *message,
		int (*take)(void *ctx, struct nlmsghdr *header), void *ctx)
{
	struct answer answer = { .take = take, .ctx = ctx };
	struct nl_cb *callbacks = nl_cb_alloc(NL_CB_DEFAULT);
	int err = callbacks ? nl_send_auto(socket, message) : -NLE_NOMEM;

	nlmsg_free(message);
	if (callbacks) {
		nl_cb_set(callbacks, NL_CB_VALID, NL_CB_CUSTOM, on_valid, &answer);
		nl_cb_set(callbacks, NL_CB_FINISH, NL_CB_CUSTOM, on_end, &answer);
		nl_cb_set(callbacks, NL_CB_ACK, NL_CB_CUSTOM, on_end, &answer);
		nl_cb_err(callbacks, NL_CB_CUSTOM, on_error, &answer);
	}
	while (err >= 0 && !answer.done)
		err = nl_recvmsgs(socket, callbacks);
	nl_cb_put(callbacks);
	if (answer.error)
		return answer.error;
	return answer.done ? 0 : -EIO;
}

static struct nl_msg *new_message(int type, int flags, const struct tcmsg *body)
{
	struct nl_msg *message = nlmsg_alloc_simple(type, flags);

	if (message && nlmsg_append(message, (void *)body, sizeof(*body), NLMSG_ALIGNTO)) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

static __u32 parent_of(enum tc_direction direction)
{
	return TC_H_MAKE(TC_H_CLSACT, direction == TC_IN ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
}

/* ---- qdiscs ---- */

struct qdisc_walk {
	void (*each)(void *ctx, __u32 ifindex);
	void *ctx;
};

static int take_qdisc(void *ctx, struct nlmsghdr *header)
{
	struct nlattr *attributes[TCA_MAX + 1];
	struct qdisc_walk *walk = ctx;
	struct tcmsg *body = nlmsg_data(header);

	if (header->nlmsg_type != RTM_NEWQDISC ||
	    nlmsg_parse(header, sizeof(*body), attributes, TCA_MAX, NULL) || !attributes[TCA_KIND])
		return 0;
	if (strcmp(nla_get_string(attributes[TCA_KIND]), "clsact") == 0)
		walk->each(walk->ctx, body->tcm_ifindex);
	return 0;
}

int tc_clsact_list(struct nl_sock *socket, void (*each)(void *ctx, __u32 ifindex), void *ctx)
{
	struct qdisc_walk walk = { each, ctx };
	struct tcmsg body = { .tcm_family = AF_UNSPEC };
	struct nl_msg *message = new_message(RTM_GETQDISC, NLM_F_REQUEST | NLM_F_DUMP, &body);

	return message ? talk(socket, message, take_qdisc, &walk) : -ENOMEM;
}

/* Returns 0 made now, -EEXIST there is one, another negative errno. */
static int make_clsact(struct nl_sock *socket, __u32 ifindex)
{
	struct tcmsg body = {
		.tcm_family = AF_UNSPEC,
		.tcm_ifindex = ifindex,
		.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0),
		.tcm_parent = TC_H_CLSACT,
	};
	struct nl_msg *message = new_message(
		RTM_NEWQDISC, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &body);

	if (!message)
		return -ENOMEM;
	if (nla_put_string(message, TCA_KIND, "clsact")) {
		nlmsg_free(message);
		return -ENOMEM;
	}
	return talk(socket, message, NULL, NULL);
}

static void count_filter(void *ctx, const struct tc_filter *filter)
{
	(void)filter;
	++*(unsigned int *)ctx;
}

int tc_clsact_remove_empty(struct nl_sock *socket, __u32 ifindex)
{
	struct tcmsg body = {
		.tcm_family = AF_UNSPEC,
		.tcm_ifindex = ifindex,
		.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0),
		.tcm_parent = TC_H_CLSACT,
	};
	unsigned int count = 0;
	struct nl_msg *message;
	int err;

	for (enum tc_direction d = TC_IN; d < TC_DIRECTIONS; d++) {
		err = tc_filter_list(socket, ifindex, d, count_filter, &count);
		if (err)
			return err;
	}
	if (count)
		return 0;
	message = new_message(RTM_DELQDISC, NLM_F_REQUEST | NLM_F_ACK, &body);
	if (!message)
		return -ENOMEM;
	err = talk(socket, message, NULL, NULL);
	return err ? err : 1;
}

/* ---- filters ---- */

struct filter_walk {
	void (*each)(void *ctx, const struct tc_filter *filter);
	void *ctx;
	enum tc_direction direction;
};

static void parse_bpf_options(struct tc_filter *filter, struct nlattr *options)
{
	struct nlattr *attributes[TCA_BPF_MAX + 1];

	if (nla_parse_nested(attributes, TCA_BPF_MAX, options, NULL))
		return;
	if (attributes[TCA_BPF_ID])
		filter->program_id = nla_get_u32(attributes[TCA_BPF_ID]);
	if (attributes[TCA_BPF_TAG])
		nla_memcpy(filter->tag, attributes[TCA_BPF_TAG], sizeof(filter->tag));
	if (attributes[TCA_BPF_NAME])
		nla_strlcpy(filter->name, attributes[TCA_BPF_NAME], sizeof(filter->name));
}

static int take_filter(void *ctx, struct nlmsghdr *header)
{
	struct nlattr *attributes[TCA_MAX + 1];
	struct filter_walk *walk = ctx;
	struct tcmsg *body = nlmsg_data(header);
	struct tc_filter filter = { .direction = walk->direction };

	if (header->nlmsg_type != RTM_NEWTFILTER ||
	    nlmsg_parse(header, sizeof(*body), attributes, TCA_MAX, NULL) || !attributes[TCA_KIND])
		return 0;
	/* each classifier announces itself once with handle 0, apart from its filters */
	if (!body->tcm_handle)
		return 0;
	filter.ifindex = body->tcm_ifindex;
	filter.handle = body->tcm_handle;
	filter.priority = TC_H_MAJ(body->tcm_info) >> 16;
	filter.protocol_be = TC_H_MIN(body->tcm_info);
	filter.is_bpf = strcmp(nla_get_string(attributes[TCA_KIND]), "bpf") == 0;
	if (filter.is_bpf && attributes[TCA_OPTIONS])
		parse_bpf_options(&filter, attributes[TCA_OPTIONS]);
	walk->each(walk->ctx, &filter);
	return 0;
}

int tc_filter_list(struct nl_sock *socket, __u32 ifindex, enum tc_direction direction,
		   void (*each)(void *ctx, const struct tc_filter *filter), void *ctx)
{
	struct filter_walk walk = { each, ctx, direction };
	struct tcmsg body = {
		.tcm_family = AF_UNSPEC,
		.tcm_ifindex = ifindex,
		.tcm_parent = parent_of(direction),
	};
	struct nl_msg *message = new_message(RTM_GETTFILTER, NLM_F_REQUEST | NLM_F_DUMP, &body);

	return message ? talk(socket, message, take_filter, &walk) : -ENOMEM;
}

static int add_filter(struct nl_sock *socket, int program_fd, __u32 ifindex,
		      enum tc_direction direction, __u16 priority, const char *name)
{
	struct tcmsg body = {
		.tcm_family = AF_UNSPEC,
		.tcm_ifindex = ifindex,
		.tcm_parent = parent_of(direction),
		.tcm_info = TC_H_MAKE((__u32)priority << 16, __builtin_bswap16(ETH_P_ALL)),
	};
	struct nl_msg *message = new_message(
		RTM_NEWTFILTER, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &body);
	struct nlattr *options;

	if (!message)
		return -ENOMEM;
	if (nla_put_string(message, TCA_KIND, "bpf"))
		goto full;
	options = nla_nest_start(message, TCA_OPTIONS);
	if (!options || nla_put_u32(message, TCA_BPF_FD, program_fd) ||
	    nla_put_string(message, TCA_BPF_NAME, name) ||
	    nla_put_u32(message, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT))
		goto full;
	nla_nest_end(message, options);
	return talk(socket, message, NULL, NULL);
full:
	nlmsg_free(message);
	return -ENOMEM;
}

/* What stands on an interface before we come. */
struct survey {
	unsigned int foreign;
	unsigned int first_priority; /* of the foreign filters, 0 none */
	bool ours_made_clsact; /* another agent made it, and leaves its removal to the last */
};

static void survey_filter(void *ctx, const struct tc_filter *filter)
{
	struct survey *survey = ctx;
	__u64 start_ticks;
	bool made;
	__u32 pid;

	if (filter->is_bpf && tc_filter_parse_name(filter->name, &pid, &start_ticks, &made)) {
		survey->ours_made_clsact |= made;
		return;
	}
	survey->foreign++;
	if (!survey->first_priority || filter->priority < survey->first_priority)
		survey->first_priority = filter->priority;
}

int tc_filter_attach(struct nl_sock *socket, int program_fd, __u32 ifindex,
		     enum tc_direction direction, const char *name, bool *chained)
{
	struct survey here = { 0 }, both = { 0 };
	char marked[TC_FILTER_NAME_SIZE];
	int err = make_clsact(socket, ifindex);
	bool made = err == 0;

	if (err && err != -EEXIST)
		return err;
	tc_filter_list(socket, ifindex, direction, survey_filter, &here);
	for (enum tc_direction d = TC_IN; d < TC_DIRECTIONS; d++)
		tc_filter_list(socket, ifindex, d, survey_filter, &both);
	snprintf(marked, sizeof(marked), "%s%s", name,
		 made || both.ours_made_clsact ? "+clsact" : "");
	for (unsigned int i = 0; i < PRIORITY_TRIES; i++) {
		err = add_filter(socket, program_fd, ifindex, direction, PRIORITY_FIRST + i,
				 marked);
		*chained = here.first_priority && here.first_priority <= PRIORITY_FIRST + i;
		/* another kind or protocol of filter sits on this priority */
		if (err != -EEXIST && err != -EINVAL)
			break;
	}
	if (err && made)
		tc_clsact_remove_empty(socket, ifindex);
	return err;
}

struct search {
	const struct tc_filter *wanted;
	bool found;
};

static void match_filter(void *ctx, const struct tc_filter *filter)
{
	const struct tc_filter *wanted = ((struct search *)ctx)->wanted;

	if (filter->is_bpf && filter->handle == wanted->handle &&
	    filter->priority == wanted->priority && filter->protocol_be == wanted->protocol_be &&
	    filter->program_id == wanted->program_id &&
	    memcmp(filter->tag, wanted->tag, sizeof(filter->tag)) == 0 &&
	    strcmp(filter->name, wanted->name) == 0)
		((struct search *)ctx)->found = true;
}

int tc_filter_remove(struct nl_sock *socket, const struct tc_filter *filter)
{
	struct search search = { .wanted = filter };
	struct tcmsg body = {
		.tcm_family = AF_UNSPEC,
		.tcm_ifindex = filter->ifindex,
		.tcm_parent = parent_of(filter->direction),
		.tcm_handle = filter->handle,
		.tcm_info = TC_H_MAKE((__u32)filter->priority << 16, filter->protocol_be),
	};
	struct nl_msg *message;
	int err = tc_filter_list(socket, filter->ifindex, filter->direction, match_filter, &search);

	if (err)
		return err;
	if (!search.found)
		return -ESTALE;
	message = new_message(RTM_DELTFILTER, NLM_F_REQUEST | NLM_F_ACK, &body);
	if (!message)
		return -ENOMEM;
	if (nla_put_string(message, TCA_KIND, "bpf")) {
		nlmsg_free(message);
		return -ENOMEM;
	}
	return talk(socket, message, NULL, NULL);
}

#define DETACH_MAX 16

struct collection {
	const char *name;
	struct tc_filter filters[DETACH_MAX];
	unsigned int count;
	bool made_clsact;
};

static void collect_named(void *ctx, const struct tc_filter *filter)
{
	struct collection *collection = ctx;
	size_t length = strlen(collection->name);
	__u64 start_ticks;
	bool made;
	__u32 pid;

	if (!filter->is_bpf || !tc_filter_parse_name(filter->name, &pid, &start_ticks, &made) ||
	    strncmp(filter->name, collection->name, length) != 0 ||
	    (filter->name[length] != '\0' && filter->name[length] != '+'))
		return;
	if (collection->count < DETACH_MAX)
		collection->filters[collection->count++] = *filter;
	collection->made_clsact |= made;
}

int tc_filter_detach(struct nl_sock *socket, __u32 ifindex, const char *name)
{
	struct collection collection = { .name = name };
	int err = 0;

	for (enum tc_direction d = TC_IN; d < TC_DIRECTIONS && !err; d++)
		err = tc_filter_list(socket, ifindex, d, collect_named, &collection);
	for (unsigned int i = 0; i < collection.count && !err; i++)
		err = tc_filter_remove(socket, &collection.filters[i]);
	if (!err && collection.made_clsact)
		err = tc_clsact_remove_empty(socket, ifindex);
	return err < 0 ? err : 0;
}
