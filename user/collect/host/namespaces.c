// SPDX-License-Identifier: GPL-2.0-or-later
/* namespaces.c - the network namespaces of this host, by inode */

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "collect/host/namespaces.h"
#include "util/array.h"
#include "util/own.h"

#define PROCESSES_MAX 65536 /* looked at in one walk: some 2 µs each */

static struct netns_entry *find(struct namespaces *list, __u32 inode)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->at[i].inode == inode)
			return &list->at[i];
	return NULL;
}

const struct netns_entry *namespaces_find(const struct namespaces *list, __u32 inode)
{
	return find((struct namespaces *)list, inode);
}

struct netns_entry *namespaces_add(struct namespaces *list, __u32 inode)
{
	struct netns_entry *entry = find(list, inode);

	if (entry)
		return entry;
	if (list->count == ARRAY_SIZE(list->at)) {
		list->full = true;
		return NULL;
	}
	entry = &list->at[list->count++];
	*entry = (struct netns_entry){ .inode = inode };
	return entry;
}

/* The kernel writes blanks in a path as \040 (proc(5), mountinfo). */
static void unescape(char *path)
{
	char *to = path;
	unsigned int byte;

	for (; *path; path++) {
		if (*path == '\\' && sscanf(path + 1, "%3o", &byte) == 1) {
			*to++ = byte;
			path += 3;
		} else {
			*to++ = *path;
		}
	}
	*to = '\0';
}

static const char *name_of_mount(const char *path)
{
	static const char *const folders[] = { "/run/netns/", "/var/run/netns/" };

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		if (!strncmp(path, folders[i], strlen(folders[i])))
			return path + strlen(folders[i]);
	return "";
}

/* `ip netns`, container engines and CNI plugins keep a namespace by mounting it somewhere. */
static void scan_mounts(struct namespaces *list)
{
	_cleanup_file_ FILE *file = fopen("/proc/thread-self/mountinfo", "re");
	char line[4096], path[1024];
	unsigned int inode;

	while (file && fgets(line, sizeof(line), file)) {
		struct netns_entry *entry;

		if (sscanf(line, "%*u %*u %*s net:[%u] %1023s", &inode, path) != 2)
			continue;
		unescape(path);
		entry = namespaces_add(list, inode);
		if (!entry || entry->name[0] || strlen(path) >= sizeof(entry->path))
			continue;
		strcpy(entry->path, path);
		snprintf(entry->name, sizeof(entry->name), "%s", name_of_mount(path));
	}
}

/* Calls @each with every process and its namespace until it returns true. */
static void walk_processes(bool (*each)(void *ctx, __u32 pid, __u32 inode), void *ctx)
{
	DIR *proc = opendir("/proc");
	unsigned int looked = 0;
	struct dirent *entry;

	while (proc && (entry = readdir(proc)) && looked < PROCESSES_MAX) {
		char path[32];
		struct stat status;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		looked++;
		snprintf(path, sizeof(path), "%.10s/ns/net", entry->d_name);
		if (fstatat(dirfd(proc), path, &status, 0))
			continue;
		if (each(ctx, strtoul(entry->d_name, NULL, 10), status.st_ino))
			break;
	}
	if (proc)
		closedir(proc);
}

static bool add_process(void *ctx, __u32 pid, __u32 inode)
{
	struct netns_entry *entry = namespaces_add(ctx, inode);

	if (entry && !entry->pid)
		entry->pid = pid;
	return false;
}

void namespaces_scan(struct namespaces *list, bool processes)
{
	list->count = 0;
	list->full = false;
	scan_mounts(list);
	if (processes)
		walk_processes(add_process, list);
}

struct process_search {
	__u32 inode;
	__u32 pid;
};

static bool match_process(void *ctx, __u32 pid, __u32 inode)
{
	struct process_search *search = ctx;

	if (inode != search->inode)
		return false;
	search->pid = pid;
	return true;
}

__u32 namespace_find_process(__u32 inode)
{
	struct process_search search = { .inode = inode };

	walk_processes(match_process, &search);
	return search.pid;
}

__u32 namespace_inode(int fd)
{
	struct stat status;

	if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET || fstat(fd, &status))
		return 0;
	return status.st_ino;
}

static int open_checked(const char *path, __u32 inode)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return namespace_inode(fd) == inode ? take_fd(&fd) : -ESTALE;
}

int namespace_open(const struct netns_entry *entry)
{
	char path[32];
	int fd = -ENOENT;

	if (entry->path[0])
		fd = open_checked(entry->path, entry->inode);
	if (fd < 0 && entry->pid) {
		snprintf(path, sizeof(path), "/proc/%u/ns/net", entry->pid);
		fd = open_checked(path, entry->inode);
	}
	return fd;
}
