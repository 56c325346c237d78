// SPDX-License-Identifier: GPL-2.0-or-later
/* user.c - users and groups of /etc/passwd and /etc/group */

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/options/user.h"
#include "util/own.h"

static int read_passwd(struct user *user, const char *name, unsigned long number)
{
	_cleanup_file_ FILE *file = fopen("/etc/passwd", "re");
	const struct passwd *entry;

	if (!file)
		return -errno;
	while ((entry = fgetpwent(file))) {
		if (strcmp(entry->pw_name, name) != 0 && entry->pw_uid != number)
			continue;
		snprintf(user->name, sizeof(user->name), "%s", entry->pw_name);
		snprintf(user->home, sizeof(user->home), "%s", entry->pw_dir);
		snprintf(user->shell, sizeof(user->shell), "%s", entry->pw_shell);
		user->uid = entry->pw_uid;
		user->gid = entry->pw_gid;
		return 0;
	}
	return -ENOENT;
}

static int read_groups(struct user *user)
{
	_cleanup_file_ FILE *file = fopen("/etc/group", "re");
	const struct group *entry;

	user->groups[user->groups_count++] = user->gid;
	if (!file)
		return errno == ENOENT ? 0 : -errno;
	while (user->name[0] && (entry = fgetgrent(file))) {
		for (char **member = entry->gr_mem; *member; member++) {
			if (strcmp(*member, user->name) != 0 || entry->gr_gid == user->gid)
				continue;
			if (user->groups_count == USER_GROUPS_MAX)
				return -E2BIG;
			user->groups[user->groups_count++] = entry->gr_gid;
			break;
		}
	}
	return 0;
}

int user_find(struct user *user, const char *name)
{
	unsigned long number;
	char *end;
	int err;

	*user = (struct user){ .uid = (uid_t)-1 };
	number = strtoul(name, &end, 10);
	if (!*name || *end || number >= (uid_t)-1)
		number = (uid_t)-1;
	err = read_passwd(user, name, number);
	if (err == -ENOENT && number != (uid_t)-1) {
		/* a user without an entry has a number and a group of the same number */
		user->uid = (uid_t)number;
		user->gid = (gid_t)number;
		snprintf(user->home, sizeof(user->home), "/");
		err = 0;
	}
	return err ? err : read_groups(user);
}
