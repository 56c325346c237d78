// SPDX-License-Identifier: GPL-2.0-or-later
/* fact_unix_listener.c - who listens at a Unix socket: sock_diag(7), and who holds it */

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "collect/facts/fact_unix.h"
#include "collect/host/process.h"
#include "collect/tell.h"
#include "util/own.h"
#include "util/tcp.h"

#define MINOR_BITS 20 /* of a device's number in the kernel */
#define LINKS_MAX 32768 /* descriptors looked at for a socket's holder: some 50 ms */

struct search {
	const char *path;
	struct stat file; /* what the path leads to */
	bool file_known;
	bool found;
	bool same_name; /* and another file, as far as is known */
	__u32 inode;
	__u32 queue;
	__u32 queue_max;
	__u8 type;
};

static bool is_same_file(const struct search *search, const struct nlattr *attribute)
{
	struct unix_diag_vfs vfs;

	if (!search->file_known || !attribute || nla_len(attribute) < (int)sizeof(vfs))
		return false;
	memcpy(&vfs, nla_data(attribute), sizeof(vfs));
	return vfs.udiag_vfs_ino == (__u32)search->file.st_ino &&
	       vfs.udiag_vfs_dev ==
		       (major(search->file.st_dev) << MINOR_BITS | minor(search->file.st_dev));
}

/* An abstract name begins with a zero, and is all of its length. */
static bool is_same_name(const struct search *search, const struct nlattr *attribute)
{
	size_t length = strlen(search->path), given = attribute ? (size_t)nla_len(attribute) : 0;
	const char *name = given ? nla_data(attribute) : NULL;

	if (!given)
		return false;
	if (search->path[0] == '@')
		return given == length && !name[0] &&
		       !memcmp(name + 1, search->path + 1, length - 1);
	return search->path[0] == '/' && strnlen(name, given) == length &&
	       !memcmp(name, search->path, length);
}

static int take_listener(void *ctx, struct nlmsghdr *message)
{
	struct search *search = ctx;
	struct nlattr *table[UNIX_DIAG_MAX + 1];
	struct unix_diag_msg head;
	struct unix_diag_rqlen queue = { 0 };
	bool same_file, same_name;

	if (message->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    netlink_attributes(message, sizeof(head), table, UNIX_DIAG_MAX))
		return 0;
	memcpy(&head, nlmsg_data(message), sizeof(head));
	same_file = is_same_file(search, table[UNIX_DIAG_VFS]);
	same_name = is_same_name(search, table[UNIX_DIAG_NAME]);
	if (head.udiag_state != TCP_STATE_LISTEN || (!same_file && !same_name) ||
	    (search->found && !same_file))
		return 0;
	if (table[UNIX_DIAG_RQLEN] && nla_len(table[UNIX_DIAG_RQLEN]) >= (int)sizeof(queue))
		memcpy(&queue, nla_data(table[UNIX_DIAG_RQLEN]), sizeof(queue));
	search->found = true;
	search->same_name = !same_file && search->path[0] != '@';
	search->inode = head.udiag_ino;
	search->queue = queue.udiag_rqueue;
	search->queue_max = queue.udiag_wqueue;
	search->type = head.udiag_type;
	return 0;
}

static int ask(struct search *search)
{
	const struct unix_diag_req request = {
		.sdiag_family = AF_UNIX,
		.udiag_states = 1u << TCP_STATE_LISTEN,
		.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_VFS | UDIAG_SHOW_RQLEN,
	};
	struct netlink netlink;
	int err = netlink_open(&netlink, NETLINK_SOCK_DIAG);

	if (err)
		return err;
	err = netlink_ask(&netlink,
			  netlink_message(SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, &request,
					  sizeof(request)),
			  take_listener, search);
	netlink_close(&netlink);
	return err;
}

/* ---- whose ---- */

/* Has the process whose folder is @process that socket? Counts the descriptors that it looked at. */
static bool holds(int process, const char *socket, unsigned int *looked)
{
	int fd = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd); /* the descriptor is the stream's then */
	struct dirent *entry;
	bool found = false;

	if (!dir) {
		own_close(&fd);
		return false;
	}
	while (!found && *looked < LINKS_MAX && (entry = readdir(dir))) {
		char target[40];
		ssize_t length = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

		*looked += 1;
		if (length <= 0)
			continue;
		target[length] = 0;
		found = !strcmp(target, socket);
	}
	closedir(dir);
	return found;
}

static void add_holder(struct ev_fact *fact, __u32 inode)
{
	DIR *proc = opendir("/proc");
	unsigned int looked = 0;
	struct dirent *entry;
	struct process_stat stat;
	char socket[40];

	snprintf(socket, sizeof(socket), "socket:[%u]", inode);
	while (proc && !fact->pid && looked < LINKS_MAX && (entry = readdir(proc))) {
		_cleanup_close_ int process = -1;
		__u32 pid = isdigit((unsigned char)entry->d_name[0]) ?
				    (__u32)strtoul(entry->d_name, NULL, 10) :
				    0;

		process = pid ? process_open(pid) : -1;
		if (process < 0 || !holds(process, socket, &looked) ||
		    process_read_stat(process, &stat))
			continue;
		fact->pid = pid;
		memcpy(fact->name, stat.comm, sizeof(stat.comm));
		process_read_exe(process, fact->text, sizeof(fact->text));
	}
	if (proc)
		closedir(proc);
}

bool fact_fetch_unix_listener(struct fetch *fetch)
{
	struct ev_fact fact = fact_make(FACT_UNIX_LISTENER);
	struct search search = { .path = fetch->request->path };
	int err;

	search.file_known = search.path[0] != '@' && !fact_unix_stat(fetch->request, &search.file);
	err = ask(&search);
	if (err || !search.found)
		return false;
	fact.number = search.queue;
	fact.limit = search.queue_max;
	fact.port = search.type;
	fact.flags = search.same_name ? FACT_F_OTHER_MOUNTS : 0;
	add_holder(&fact, search.inode);
	fact_tell(fetch, &fact);
	return true;
}
