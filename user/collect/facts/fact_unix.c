// SPDX-License-Identifier: GPL-2.0-or-later
/* fact_unix.c - what of a Unix socket's path stops a process, seen with its own file systems */

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "collect/facts/fact_unix.h"
#include "collect/host/process.h"
#include "collect/tell.h"
#include "util/own.h"

#define GROUPS_MAX 64 /* of a process that has more, more is not known */

/* As whom a process opens files; what is not known of one that is gone is not guessed. */
struct walker {
	int root; /* where its paths begin */
	__u64 resolve; /* RESOLVE_* */
	bool passes; /* modes are nothing to it (capabilities(7), CAP_DAC_OVERRIDE) */
	bool groups_known;
	__u32 uid;
	__u32 gid;
	__u32 groups[GROUPS_MAX];
	size_t groups_count;
};

/* "Uid:\t1000\t1000\t1000\t1000": the last one is that of files (proc(5)). */
static bool read_last_id(const char *status, const char *field, __u32 *id)
{
	const char *line = strstr(status, field);

	return line && sscanf(line + strlen(field), "%*u %*u %*u %u", id) == 1;
}

static bool read_groups(struct walker *walker, const char *status)
{
	const char *at = strstr(status, "\nGroups:");
	char *end;

	if (!at)
		return false;
	for (at += strlen("\nGroups:"); *at == '\t' || *at == ' ';) {
		unsigned long group = strtoul(at, &end, 10);

		if (end == at)
			break;
		if (walker->groups_count == GROUPS_MAX)
			return false;
		walker->groups[walker->groups_count++] = (__u32)group;
		at = end;
	}
	return true;
}

static void read_credentials(struct walker *walker, int process)
{
	const unsigned long long overrides = 1ull << 1; /* CAP_DAC_OVERRIDE */
	unsigned long long effective = 0;
	char status[8192];
	const char *line;

	if (tell_read_at(process, "status", status, sizeof(status)) <= 0)
		return;
	line = strstr(status, "\nCapEff:");
	if (line && sscanf(line, "\nCapEff: %llx", &effective) == 1)
		walker->passes = effective & overrides;
	if (read_last_id(status, "\nUid:", &walker->uid) &&
	    read_last_id(status, "\nGid:", &walker->gid))
		walker->groups_known = read_groups(walker, status);
}

/* The inode of a mount namespace, 0: not to be seen. */
static __u32 mount_namespace(int process)
{
	struct stat status;

	return fstatat(process, "ns/mnt", &status, 0) ? 0 : (__u32)status.st_ino;
}

/* Returns 0, or -ESRCH: the process is gone, and its file systems are not the agent's. */
static int open_root(struct walker *walker, const struct fact_request *request)
{
	_cleanup_close_ int process = process_open(request->pid);
	_cleanup_close_ int own = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool alive = process >= 0 && request->mntns && mount_namespace(process) == request->mntns;
	bool relative = request->path[0] != '/';

	walker->uid = request->uid;
	walker->resolve = relative ? RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS :
				     RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
	if (alive) {
		read_credentials(walker, process);
		walker->root = openat(process, relative ? "cwd" : "root",
				      O_PATH | O_DIRECTORY | O_CLOEXEC);
	} else if (!relative && own >= 0 && mount_namespace(own) == request->mntns) {
		walker->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	return walker->root < 0 ? -ESRCH : 0;
}

/* ---- may it pass? ---- */

enum answer { ANSWER_YES, ANSWER_NO, ANSWER_UNKNOWN };

static bool is_member(const struct walker *walker, __u32 gid)
{
	for (size_t i = 0; i < walker->groups_count; i++)
		if (walker->groups[i] == gid)
			return true;
	return walker->gid == gid;
}

/* @bit: of others, as path_resolution(7) asks for it: search of a directory, write of a socket. */
static enum answer may_pass(const struct walker *walker, const struct stat *status, mode_t bit)
{
	bool group = status->st_mode & bit << 3, other = status->st_mode & bit;

	if (walker->passes)
		return ANSWER_YES;
	if (walker->uid == 0 && !walker->groups_known)
		return ANSWER_UNKNOWN; /* root, as a rule with its capability, and it is gone */
	if (walker->uid == status->st_uid)
		return status->st_mode & bit << 6 ? ANSWER_YES : ANSWER_NO;
	if (!walker->groups_known && group != other)
		return ANSWER_UNKNOWN;
	return (is_member(walker, status->st_gid) ? group : other) ? ANSWER_YES : ANSWER_NO;
}

/* ---- the way ---- */

struct obstacle {
	size_t length; /* of the path, up to what it is */
	struct stat status;
	int error; /* positive; 0 none */
};

static int look_at(const struct walker *walker, const char *path, size_t length,
		   struct stat *status)
{
	const struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = walker->resolve };
	char part[EVENT_PATH_SIZE];
	_cleanup_close_ int fd = -1;

	snprintf(part, sizeof(part), "%.*s", (int)length, path);
	fd = (int)syscall(SYS_openat2, walker->root, part, &how, sizeof(how));
	return fd < 0 || fstat(fd, status) ? -errno : 0;
}

/*
 * What the modes refuse first; where that depends on groups of a process that is gone, it is that if nothing
 * else comes into question. Returns 0, or a negative errno: the way could not be seen.
 */
static int walk(const struct walker *walker, const char *path, struct obstacle *found)
{
	size_t whole = strlen(path), length = path[0] == '/';
	struct obstacle unknown = { .length = 0 };
	bool several = false;

	while (length <= whole) {
		struct obstacle here = { .length = length };
		enum answer answer;
		bool last;

		here.length += strcspn(path + length, "/");
		last = here.length == whole;
		here.error = -look_at(walker, path, here.length, &here.status);
		*found = here;
		if (here.error)
			return here.error == ENOENT || here.error == ENOTDIR ? 0 : -here.error;
		answer = may_pass(walker, &here.status, last ? S_IWOTH : S_IXOTH);
		if (answer == ANSWER_UNKNOWN) {
			several = unknown.length;
			unknown = here;
		}
		found->error = EACCES;
		if (answer == ANSWER_NO && !unknown.length)
			return 0;
		if (answer == ANSWER_NO)
			return -EAGAIN;
		found->error = 0;
		length = here.length + 1;
	}
	if (several)
		return -EAGAIN;
	if (unknown.length) {
		*found = unknown;
		found->error = EACCES;
	}
	return 0;
}

static const char *kind_of(const struct stat *status)
{
	if (S_ISSOCK(status->st_mode))
		return "socket";
	return S_ISDIR(status->st_mode) ? "directory" : "file";
}

void fact_fetch_unix_path(struct fetch *fetch)
{
	const struct fact_request *request = fetch->request;
	_cleanup_close_ int own = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct walker walker = { .root = -1 };
	struct ev_fact fact = fact_make(FACT_UNIX_PATH);
	struct obstacle found = { .length = 0 };
	int err = open_root(&walker, request);

	if (!err)
		err = walk(&walker, request->path, &found);
	own_close(&walker.root);
	if (err) {
		fact_tell_absent(fetch, FACT_UNIX_PATH, NULL, err);
		return;
	}
	snprintf(fact.text, sizeof(fact.text), "%.*s", (int)found.length, request->path);
	fact.error = found.error;
	if (own >= 0 && mount_namespace(own) != request->mntns)
		fact.flags = FACT_F_OTHER_MOUNTS;
	if (found.error != ENOENT && found.error != ENOTDIR) {
		tell_copy(fact.name, kind_of(&found.status), sizeof(fact.name));
		fact.number = found.status.st_mode & 07777;
		fact.limit = found.status.st_uid;
		fact.pid = found.status.st_gid;
	}
	fact_tell(fetch, &fact);
}

int fact_unix_stat(const struct fact_request *request, struct stat *status)
{
	struct walker walker = { .root = -1 };
	int err = open_root(&walker, request);

	if (!err)
		err = look_at(&walker, request->path, strlen(request->path), status);
	own_close(&walker.root);
	return err;
}
