// SPDX-License-Identifier: GPL-2.0-or-later
/* fact_program.c - BPF programs and filters that stand in a connection's way, other than ours */

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

#include "collect/facts/fact.h"
#include "collect/host/process.h"
#include "collect/tell.h"
#include "util/own.h"

#define TCX_INGRESS 46 /* BPF_TCX_INGRESS and _EGRESS: Linux 6.6, newer than Debian 12's header */
#define TCX_EGRESS 47
#define TAG_BYTES 8

#define OF_PACKETS (-1)

static const struct {
	enum bpf_attach_type type;
	const char *name;
	int call; /* enum event_syscall, OF_PACKETS */
	int family; /* 0: both */
} attach_points[] = {
	{ BPF_CGROUP_INET_EGRESS, "egress", OF_PACKETS, 0 },
	{ BPF_CGROUP_INET_INGRESS, "ingress", OF_PACKETS, 0 },
	{ BPF_CGROUP_INET4_CONNECT, "connect4", SYSCALL_CONNECT, AF_INET },
	{ BPF_CGROUP_INET6_CONNECT, "connect6", SYSCALL_CONNECT, AF_INET6 },
	{ BPF_CGROUP_INET4_BIND, "bind4", SYSCALL_BIND, AF_INET },
	{ BPF_CGROUP_INET6_BIND, "bind6", SYSCALL_BIND, AF_INET6 },
	{ BPF_CGROUP_INET4_POST_BIND, "post_bind4", SYSCALL_BIND, AF_INET },
	{ BPF_CGROUP_INET6_POST_BIND, "post_bind6", SYSCALL_BIND, AF_INET6 },
	{ BPF_CGROUP_UDP4_SENDMSG, "sendmsg4", SYSCALL_SEND, AF_INET },
	{ BPF_CGROUP_UDP6_SENDMSG, "sendmsg6", SYSCALL_SEND, AF_INET6 },
	{ BPF_CGROUP_INET_SOCK_CREATE, "sock_create", SYSCALL_SOCKET, 0 },
};

#define PROGRAMS_QUERIED_MAX 16 /* of one attach point */
#define OWN_PROGRAMS_MAX 64

/*
 * Programs that this process holds drop nothing, and neither do those of another agent of the same
 * build: same tag, which is a hash of the program's instructions.
 */
struct own_program {
	__u32 id;
	__u8 tag[TAG_BYTES];
};

struct program_search {
	struct fetch *fetch;
	int told;
	size_t own_count;
	struct own_program own[OWN_PROGRAMS_MAX];
};

/* Returns 0, or a negative errno if the program is gone. */
static int read_program(__u32 id, struct bpf_prog_info *info)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);
	__u32 size = sizeof(*info);

	memset(info, 0, sizeof(*info));
	if (fd < 0)
		return fd;
	return bpf_obj_get_info_by_fd(fd, info, &size);
}

static void find_own_programs(struct program_search *search)
{
	DIR *dir = opendir("/proc/self/fdinfo");
	struct dirent *entry;

	while (dir && (entry = readdir(dir)) && search->own_count < OWN_PROGRAMS_MAX) {
		struct bpf_prog_info info;
		struct own_program *own;
		char text[1024];
		const char *line;
		__u32 id;

		if (!isdigit((unsigned char)entry->d_name[0]) ||
		    tell_read_at(dirfd(dir), entry->d_name, text, sizeof(text)) < 0)
			continue;
		line = strstr(text, "\nprog_id:");
		if (!line || sscanf(line, "\nprog_id: %u", &id) != 1 || read_program(id, &info))
			continue;
		own = &search->own[search->own_count++];
		own->id = id;
		memcpy(own->tag, info.tag, sizeof(own->tag));
	}
	if (dir)
		closedir(dir);
}

/* An agent of another build has those of the same name (bpf/refused.h passes them over as well). */
static bool is_of_agents(const char *name)
{
	return !strncmp(name, "lookup_connect", strlen("lookup_connect")) ||
	       !strncmp(name, "lookup_send", strlen("lookup_send"));
}

static bool is_own(const struct program_search *search, __u32 id, const struct bpf_prog_info *info)
{
	if (is_of_agents(info->name))
		return true;
	for (size_t i = 0; i < search->own_count; i++)
		if (search->own[i].id == id ||
		    !memcmp(search->own[i].tag, info->tag, sizeof(info->tag)))
			return true;
	return false;
}

static void tell_filter(struct program_search *search, const char *name, __u32 id,
			const char *where, const char *point)
{
	struct ev_fact fact = fact_make(FACT_BPF_PROGRAM);
	struct text text = text_of(fact.text);

	if (search->told == FACT_PROGRAMS_MAX)
		return;
	tell_copy(fact.name, name, sizeof(fact.name));
	fact.number = id;
	if (where)
		text_add(&text, "%s, %s", where, point);
	fact_tell(search->fetch, &fact);
	search->told++;
}

static void tell_program(struct program_search *search, __u32 id, const char *where,
			 const char *point)
{
	struct bpf_prog_info info;
	char name[sizeof(info.name) + 1];

	if (read_program(id, &info) || is_own(search, id, &info))
		return;
	tell_copy(name, info.name, sizeof(name));
	tell_filter(search, name, id, where, point);
}

/* ---- along the cgroup path ---- */

static bool is_asked(const struct fact_request *request, size_t point)
{
	int call = request->of_call ? request->call : OF_PACKETS;
	int family = attach_points[point].family;

	return attach_points[point].call == call && (!family || family == request->tuple.family);
}

static void query_cgroup(struct program_search *search, int fd, const char *cgroup)
{
	for (size_t i = 0; i < ARRAY_SIZE(attach_points); i++) {
		__u32 ids[PROGRAMS_QUERIED_MAX], count = ARRAY_SIZE(ids);
		char where[120];

		if (!is_asked(search->fetch->request, i) ||
		    bpf_prog_query(fd, attach_points[i].type, 0, NULL, ids, &count))
			continue;
		snprintf(where, sizeof(where), "cgroup %s", cgroup);
		for (__u32 k = 0; k < count && k < ARRAY_SIZE(ids); k++)
			tell_program(search, ids[k], where, attach_points[i].name);
	}
}

/* Where cgroup v2 is mounted; empty if it is not. */
static void find_cgroup_mount(char *path, size_t size)
{
	_cleanup_file_ FILE *file = fopen("/proc/self/mountinfo", "re");
	char line[4096], mount[1024];

	path[0] = '\0';
	while (file && fgets(line, sizeof(line), file))
		if (strstr(line, " - cgroup2 ") &&
		    sscanf(line, "%*u %*u %*s %*s %1023s", mount) == 1 && strlen(mount) < size)
			strcpy(path, mount);
}

/* The v2 line alone: programs hang on no other hierarchy. */
static void read_cgroup_path(__u32 pid, char *path, size_t size)
{
	_cleanup_close_ int dir = process_open(pid);
	char text[4096];
	const char *line;

	path[0] = '\0';
	if (dir < 0 || tell_read_at(dir, "cgroup", text, sizeof(text)) < 0)
		return;
	line = !strncmp(text, "0::", 3) ? text : strstr(text, "\n0::");
	if (!line)
		return;
	line = strchr(line, '/');
	if (line)
		snprintf(path, size, "%.*s", (int)strcspn(line, "\n"), line);
}

/* From the process's own cgroup up to the root: a program acts on all below it. */
static void search_cgroups(struct program_search *search)
{
	char mount[256], path[1024];
	size_t length, base;

	find_cgroup_mount(mount, sizeof(mount));
	read_cgroup_path(search->fetch->request->pid, path, sizeof(path));
	if (!path[0] && search->fetch->request->cgroup)
		tell_copy(path, search->fetch->request->cgroup, sizeof(path));
	base = strlen(mount);
	length = base ? strlen(path) : 0;
	while (length) {
		char full[sizeof(mount) + sizeof(path)];
		_cleanup_close_ int fd = -1;

		snprintf(full, sizeof(full), "%s%.*s", mount, (int)length, path);
		fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0)
			query_cgroup(search, fd, full + base);
		if (length == 1)
			break; /* that was the root */
		while (length > 1 && path[length - 1] != '/')
			length--;
		if (length > 1)
			length--;
	}
}

/* ---- at the interface ---- */

struct device {
	struct program_search *search;
	char where[32]; /* "dev eth0" */
};

static int take_xdp(void *ctx, struct nlmsghdr *message)
{
	struct device *device = ctx;
	struct nlattr *table[IFLA_MAX + 1], *xdp[IFLA_XDP_MAX + 1];
	__u32 id;

	if (netlink_attributes(message, sizeof(struct ifinfomsg), table, IFLA_MAX) ||
	    !table[IFLA_XDP] || nla_parse_nested(xdp, IFLA_XDP_MAX, table[IFLA_XDP], NULL) < 0)
		return 0;
	id = netlink_u32(xdp[IFLA_XDP_PROG_ID], 0);
	if (id)
		tell_program(device->search, id, device->where, "xdp");
	return 0;
}

struct filters {
	struct device *device;
	const char *point;
};

/* Filters of other kinds may drop too: flower, u32, matchall. */
static int take_filter(void *ctx, struct nlmsghdr *message)
{
	struct filters *filters = ctx;
	struct program_search *search = filters->device->search;
	struct nlattr *table[TCA_MAX + 1], *options[TCA_BPF_MAX + 1];
	char kind[16];
	__u32 id;

	if (message->nlmsg_type != RTM_NEWTFILTER ||
	    netlink_attributes(message, sizeof(struct tcmsg), table, TCA_MAX) || !table[TCA_KIND] ||
	    !table[TCA_OPTIONS])
		return 0;
	nla_strlcpy(kind, table[TCA_KIND], sizeof(kind));
	if (strcmp(kind, "bpf") != 0) {
		tell_filter(search, kind, 0, filters->device->where, filters->point);
		return 0;
	}
	if (nla_parse_nested(options, TCA_BPF_MAX, table[TCA_OPTIONS], NULL) < 0)
		return 0;
	id = netlink_u32(options[TCA_BPF_ID], 0);
	if (id)
		tell_program(search, id, filters->device->where, filters->point);
	return 0;
}

static void search_filters(struct device *device, __u32 ifindex, __u32 parent, const char *point)
{
	struct tcmsg head = {
		.tcm_ifindex = ifindex,
		.tcm_parent = TC_H_MAKE(TC_H_CLSACT, parent),
	};
	struct filters filters = { device, point };

	netlink_ask(&device->search->fetch->route,
		    netlink_message(RTM_GETTFILTER, NLM_F_DUMP, &head, sizeof(head)), take_filter,
		    &filters);
}

static void search_tcx(struct device *device, __u32 ifindex, int type, const char *point)
{
	__u32 ids[PROGRAMS_QUERIED_MAX], count = ARRAY_SIZE(ids);

	/* For these types the kernel takes the number in the file descriptor's place as ifindex. */
	if (bpf_prog_query(ifindex, type, 0, NULL, ids, &count))
		return;
	for (__u32 i = 0; i < count && i < ARRAY_SIZE(ids); i++)
		tell_program(device->search, ids[i], device->where, point);
}

static void search_device(struct program_search *search, __u32 ifindex)
{
	struct ifinfomsg head = { .ifi_index = ifindex };
	struct device device = { .search = search };
	char name[16];

	netlink_device(&search->fetch->route, ifindex, name);
	if (!name[0])
		return;
	snprintf(device.where, sizeof(device.where), "dev %.16s", name);
	search_tcx(&device, ifindex, TCX_EGRESS, "tc egress");
	search_filters(&device, ifindex, TC_H_MIN_EGRESS, "tc egress");
	search_tcx(&device, ifindex, TCX_INGRESS, "tc ingress");
	search_filters(&device, ifindex, TC_H_MIN_INGRESS, "tc ingress");
	netlink_ask(&search->fetch->route, netlink_message(RTM_GETLINK, 0, &head, sizeof(head)),
		    take_xdp, &device);
}

void fact_fetch_programs(struct fetch *fetch)
{
	struct program_search search = { .fetch = fetch };
	__u32 ifindex = fetch->request->of_call ? 0 : fact_route_ifindex(fetch);

	find_own_programs(&search);
	search_cgroups(&search);
	if (ifindex)
		search_device(&search, ifindex);
	/* it was asked, and its cgroup is gone */
	if (!search.told && fetch->request->program)
		tell_program(&search, fetch->request->program, NULL, NULL);
	if (!search.told)
		fact_tell_absent(fetch, FACT_BPF_PROGRAM, NULL, 0);
}
