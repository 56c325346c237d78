// SPDX-License-Identifier: GPL-2.0-or-later
/* to_exec.c - --exec: a program of the user's for each finding */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/output/to_exec.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/json_find.h"
#include "util/log.h"
#include "util/own.h"

/* ---- the process beside ---- */

/* Words of the catalogue: nothing from outside is in them. */
static void set_environment(const char *line)
{
	static const struct {
		const char *key, *name;
	} words[] = {
		{ "finding", "SOCKWHY_FINDING" },	{ "severity", "SOCKWHY_SEVERITY" },
		{ "confidence", "SOCKWHY_CONFIDENCE" }, { "state", "SOCKWHY_STATE" },
		{ "attempt", "SOCKWHY_ATTEMPT" },	{ "time", "SOCKWHY_TIME" },
	};
	const struct json_at object = { line, line + strlen(line) };
	char value[64];

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (json_find_text(json_find_key(object, words[i].key), value, sizeof(value)))
			setenv(words[i].name, value, 1);
		else
			unsetenv(words[i].name);
}

/* @in: where its standard input comes from. What it says is a diagnostic, as what we say there. */
static void become(const char *program, int in, const char *line)
{
	static const int defaults[] = {
		SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE
	};
	char *words[] = { (char *)program, NULL };

	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
		signal(defaults[i], SIG_DFL);
	set_environment(line);
	if (setsid() < 0 || dup2(in, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		_exit(127);
	execv(program, words);
	_exit(127);
}

/* What it started ends with it when its time is over. */
static void await(const char *program, pid_t pid)
{
	_cleanup_close_ int process = pidfd_open(pid, 0);
	struct pollfd ended = { .fd = process, .events = POLLIN };
	int status;

	if (process >= 0 && !poll(&ended, 1, TO_EXEC_MOST_MS)) {
		log_error("--exec %s: killed after %d s", program, TO_EXEC_MOST_MS / 1000);
		kill(-pid, SIGKILL);
		waitpid(pid, NULL, 0);
	} else if (waitpid(pid, &status, 0) == pid && status) {
		if (WIFSIGNALED(status))
			log_error("--exec %s: ended by signal %d", program, WTERMSIG(status));
		else
			log_error("--exec %s: status %d", program, WEXITSTATUS(status));
	}
}

/* A line is shorter than what a pipe holds: it is written before anybody reads. */
static void hear(const void *ctx, char *line)
{
	const char *program = ctx;
	size_t size = strlen(line);
	int pipe_fds[2];
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC)) {
		log_error_r(-errno, "--exec %s", program);
		return;
	}
	if (write(pipe_fds[1], line, size) != (ssize_t)size)
		log_error_r(-EIO, "--exec %s", program);
	pid = fork();
	if (!pid)
		become(program, pipe_fds[0], line);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	if (pid < 0)
		log_error_r(-errno, "--exec %s", program);
	else
		await(program, pid);
}

/* ---- who watches ---- */

int to_exec_open(struct to_exec *to, const struct options *options)
{
	struct sink_options sink = { .ops = &sink_json_ops };
	int err;

	*to = (struct to_exec){ .beside.fd = -1 };
	if (!options->exec)
		return 0;
	if (options->exec[0] != '/' || access(options->exec, X_OK)) {
		err = options->exec[0] == '/' ? -errno : -EINVAL;
		log_error_r(err, "--exec %s", options->exec);
		log_hint("the path of a program, from / on: it gets no arguments, and no shell");
		return err;
	}
	to->program = options->exec;
	err = beside_open(&to->beside, hear, to->program);
	if (err)
		return log_error_r(err, "--exec");
	sink.file = to->file = open_memstream(&to->lines, &to->size);
	err = to->file ? sink_open(&to->sink, &sink) : -ENOMEM;
	return err ? log_error_r(err, "--exec") : 0;
}

/* A bucket that has TO_EXEC_BURST when it is full. */
static bool may_run(struct to_exec *to, __u64 now_ns)
{
	__u64 full_ns = to->full_ns > now_ns ? to->full_ns : now_ns;

	if (full_ns - now_ns > (TO_EXEC_BURST - 1) * TO_EXEC_APART_NS)
		return false;
	to->full_ns = full_ns + TO_EXEC_APART_NS;
	return true;
}

void to_exec_poll(struct to_exec *to, __u64 now_ns)
{
	static const char finding[] = "{\"type\":\"finding\"";
	char *line, *end;

	if (!to->file || fflush(to->file) || !to->size)
		return;
	for (line = to->lines; (end = memchr(line, '\n', to->lines + to->size - line));
	     line = end + 1) {
		if (strncmp(line, finding, strlen(finding)) != 0)
			continue;
		if (!may_run(to, now_ns) || beside_tell(&to->beside, line, end + 1 - line))
			to->unheard++;
	}
	rewind(to->file);
}

void to_exec_close(struct to_exec *to)
{
	if (to->program)
		to_exec_poll(to, clock_read_ns(CLOCK_MONOTONIC));
	if (to->unheard)
		log_info("--exec: %llu findings had no run", to->unheard);
	sink_close(to->sink);
	if (to->file)
		fclose(to->file);
	free(to->lines);
	beside_close(&to->beside);
	*to = (struct to_exec){ .beside.fd = -1 };
}
