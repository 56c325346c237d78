/* SPDX-License-Identifier: GPL-2.0-or-later */
/* user.h - users and groups as /etc/passwd and /etc/group know them: no name service is asked */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#define USER_GROUPS_MAX 256

struct user {
	char name[64];
	char home[256];
	char shell[256];
	uid_t uid;
	gid_t gid;
	gid_t groups[USER_GROUPS_MAX]; /* supplementary ones and .gid */
	size_t groups_count;
};

/* @name: a name of /etc/passwd, or a number. Returns 0; -ENOENT no such user; -errno. */
int user_find(struct user *user, const char *name);
