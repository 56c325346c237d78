// SPDX-License-Identifier: GPL-2.0-or-later
/* child.c - the command of run */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/live/child.h"
#include "agent/options/options.h"
#include "agent/live/process.h"
#include "util/array.h"
#include "util/log.h"
#include "util/own.h"
#include "util/text.h"

/* What leads to what is root's, or tells who that was: agents, sessions, mail, credentials. */
static const char *const not_theirs[] = {
	"SUDO_",      "XDG_",	     "DBUS_SESSION_BUS_", "SSH_",     "GPG_AGENT_INFO",
	"KRB5CCNAME", "KRB5_KTNAME", "XAUTHORITY",	  "MAIL",     "OLDPWD",
	"PWD",	      "DOAS_USER",   "PKEXEC_UID",	  "BASH_ENV", "ENV",
	"IFS",
};

static bool is_theirs(const char *entry)
{
	for (size_t i = 0; i < ARRAY_SIZE(not_theirs); i++) {
		size_t length = strlen(not_theirs[i]);

		if (strncmp(entry, not_theirs[i], length))
			continue;
		/* one that ends with an underscore is the begin of many */
		if (not_theirs[i][length - 1] == '_' || entry[length] == '=')
			return false;
	}
	return true;
}

static void set_or_remove(const char *name, const char *value)
{
	if (value[0])
		setenv(name, value, 1);
	else
		unsetenv(name);
}

/* As su(1) does without "-", and what su leaves behind of the session goes, too. */
static void change_environment(const struct user *user)
{
	size_t kept = 0;

	for (size_t i = 0; environ[i]; i++)
		if (is_theirs(environ[i]))
			environ[kept++] = environ[i];
	environ[kept] = NULL;
	set_or_remove("HOME", user->home[0] ? user->home : "/");
	set_or_remove("SHELL", user->shell[0] ? user->shell : "/bin/sh");
	set_or_remove("USER", user->name);
	set_or_remove("LOGNAME", user->name);
}

static int become_user(const struct user *user)
{
	if (setgroups(user->groups_count, user->groups) || setgid(user->gid) || setuid(user->uid))
		return -errno;
	change_environment(user);
	return 0;
}

static void child_main(char **argv, const struct user *user, int go_fd, int error_fd)
{
	sigset_t none;
	char go;
	int err;

	/* what main() set for itself is not for the command */
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	while ((err = (int)read(go_fd, &go, 1)) < 0 && errno == EINTR)
		;
	if (err != 1)
		_exit(EXIT_RUN_FAILED);
	err = user ? become_user(user) : 0;
	if (!err) {
		execvp(argv[0], argv);
		err = -errno;
	}
	if (write(error_fd, &err, sizeof(err)) != sizeof(err))
		_exit(EXIT_RUN_FAILED);
	_exit(EXIT_NOT_FOUND);
}

int child_spawn(struct child *child, char **argv, const struct user *user)
{
	int go[2], error[2];

	*child = (struct child){ .pid = -1, .go_fd = -1, .error_fd = -1 };
	if (pipe2(go, O_CLOEXEC))
		return -errno;
	if (pipe2(error, O_CLOEXEC)) {
		close(go[0]);
		close(go[1]);
		return -errno;
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	child->pid = fork();
	if (!child->pid) {
		close(go[1]);
		close(error[0]);
		child_main(argv, user, go[0], error[1]);
	}
	close(go[0]);
	close(error[1]);
	child->go_fd = go[1];
	child->error_fd = error[0];
	return child->pid < 0 ? -errno : 0;
}

int child_go(struct child *child)
{
	ssize_t n = write(child->go_fd, "", 1);

	close(child->go_fd);
	child->go_fd = -1;
	return n == 1 ? 0 : -EPIPE;
}

void child_cancel(struct child *child)
{
	if (child->go_fd >= 0)
		close(child->go_fd);
	if (child->error_fd >= 0)
		close(child->error_fd);
	if (child->pid > 0 && !child->ended)
		waitpid(child->pid, &child->status, 0);
	*child = (struct child){ .pid = -1, .go_fd = -1, .error_fd = -1 };
}

void child_reap(struct child *child)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != child->pid)
			continue;
		child->ended = true;
		child->status = status;
	}
}

int child_exit_status(struct child *child, const char *command)
{
	int err = 0;

	if (child->error_fd >= 0 && read(child->error_fd, &err, sizeof(err)) == sizeof(err)) {
		child->not_started = true;
		log_error_r(err, "%s", command);
		if (err == -ENOENT)
			log_hint("the command comes behind --, looked up in PATH: "
				 "sockwhy run -- curl http://10.0.0.2/");
		else if (err == -EPERM)
			log_hint("-u needs root");
		return err == -ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
	}
	if (WIFSIGNALED(child->status))
		return EXIT_SIGNAL + WTERMSIG(child->status);
	return WEXITSTATUS(child->status);
}

size_t child_print_left(char *buffer, size_t size)
{
	struct text text = text_in(buffer, size);
	struct dirent *entry;
	DIR *proc = opendir("/proc");
	size_t count = 0;

	while (proc && (entry = readdir(proc))) {
		__u32 pid = (__u32)strtoul(entry->d_name, NULL, 10);
		char name[32];

		if (!pid || !process_descends_from(pid, (__u32)getpid()) ||
		    process_name(pid, name, sizeof(name)))
			continue;
		if (count++)
			text_add(&text, ", ");
		text_add_foreign(&text, name, sizeof(name));
		text_add(&text, "[%u]", pid);
	}
	if (proc)
		closedir(proc);
	return count;
}
