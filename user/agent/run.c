// SPDX-License-Identifier: GPL-2.0-or-later
/* run.c - starts a command, follows it and its descendants, then explains what failed */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "agent/agent.h"
#include "agent/options/behind.h"
#include "agent/live/child.h"
#include "agent/live/live.h"
#include "sinks/sink.h"
#include "util/address.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/time.h"

/* What the last connection left open settles within this; an overflow takes the longest (1.5 s). */
#define SETTLE_MOST_NS (1800 * NS_PER_MS)
#define SETTLE_LEAST_NS (60 * NS_PER_MS)
/* A descendant whose connect still hangs gets so long; then it is told as pending. */
#define PENDING_MOST_NS (3000 * NS_PER_MS)

/* A signal of the terminal reaches the command by itself; one of a process is passed on. */
static void pass_on(const struct child *child, const struct live_signal *signal)
{
	if (signal->code == SI_KERNEL || signal->pid == child->pid || child->ended)
		return;
	kill(child->pid, signal->number);
}

static int follow_child(struct live *live, struct child *child)
{
	struct live_signal signal;
	int err = 0;

	while (!child->ended && !err) {
		err = live_step(live, &signal);
		if (signal.number == SIGCHLD)
			child_reap(child);
		else if (signal.number)
			pass_on(child, &signal);
	}
	return err;
}

/*
 * The command has ended: attempts of it and of its descendants are waited for while they settle,
 * for a while also those that hang.
 */
static void settle(struct live *live)
{
	__u64 begun_ns = clock_read_ns(CLOCK_MONOTONIC);
	const struct pipeline *pipeline = &live->pipeline;
	__u64 gone_ns;

	do {
		live_settle(live, SETTLE_LEAST_NS);
		gone_ns = clock_read_ns(CLOCK_MONOTONIC) - begun_ns;
		/* what settles else, on this host, is nobody's here */
	} while (pipeline->opened &&
		 ((join_settling(pipeline->join) && gone_ns < SETTLE_MOST_NS) ||
		  (gone_ns < PENDING_MOST_NS && join_connecting(pipeline->join))));
}

/* "HTTP 404 from 127.0.0.1:8080 to curl[4121], 3 times"; of --mask not whose it is. */
static void say_answer(const struct answer *answer, bool masked)
{
	char line[200];
	struct text text = text_of(line);

	first_print(&text, &answer->first);
	if (!masked) {
		text_add(&text, " from ");
		address_print_port(&text, answer->address, answer->port);
	}
	if (answer->owner.tgid) {
		text_add(&text, " to ");
		say_process(&text, &answer->owner);
	}
	if (answer->count > 1)
		text_add(&text, ", %llu times", answer->count);
	log_info("an answer says that something failed: %s", line);
}

/* No connection of the command failed, and yet it did: what else may have been the cause. */
static void say_not_looked_at(const struct live *live, bool tried, int status)
{
	__u64 veiled = join_counters(live->pipeline.join)->veiled;
	const struct answer *answer;

	for (size_t i = 0; (answer = join_answer(live->pipeline.join, i)); i++)
		say_answer(answer, live->options->mask);
	if (veiled)
		log_info(
			"the command asked for names %llu time%s out of sight (of a socket of this host, "
			"over TLS, HTTPS or another lo): what came of that is not known",
			veiled, veiled == 1 ? "" : "s");
	log_info("the command ended with status %d all the same; %s", status,
		 tried ? "of what was said on connections that worked only the hellos and alerts "
			 "of TLS and answers that begin with an error were looked at" :
			 "Unix sockets, and datagrams other than lookups, were not looked at");
	if (tried && !live->options->write)
		log_hint("sockwhy run -w FILE.pcapng --snaplen 2048 -- ..., then sockwhy read "
			 "FILE.pcapng judges what was said on them");
}

/* What was left open or unsaid when the command ended. */
struct rest {
	char running[200]; /* descendants, empty none */
	size_t connecting;
	bool pending; /* something is told of as such */
};

static struct rest look_at_rest(const struct live *live)
{
	struct rest rest = { .pending = live->pipeline.pending_count };

	if (live->pipeline.opened)
		rest.connecting = join_connecting(live->pipeline.join);
	child_print_left(rest.running, sizeof(rest.running));
	return rest;
}

/* Every finding has been told. An info is no failure: it does not say why the command failed. */
static void say_last(const struct live *live, const struct rest *rest, int status)
{
	const struct pipeline *pipeline = &live->pipeline;
	const struct join_counters *counters = join_counters(pipeline->join);
	bool failed = rest->pending || pipeline->found[SEVERITY_ERROR] ||
		      pipeline->found[SEVERITY_WARNING];
	__u64 seen = pipeline->chosen.attempts + rest->connecting;

	if (rest->running[0])
		log_info("still running, no longer watched: %s", rest->running);
	if (!failed && (status || !pipeline->told))
		log_info("no connection failed; %llu connection attempt%s seen%s", seen,
			 seen == 1 ? "" : "s", rest->connecting ? ", not all of them ended" : "");
	if (!failed && status)
		say_not_looked_at(live, seen, status);
	if (counters->lost || counters->suppressed)
		log_info("%llu records lost, %llu shed", counters->lost, counters->suppressed);
}

static int finish(struct live *live, struct child *child)
{
	const struct options *options = live->options;
	int status = child_exit_status(child, options->rest[0]), own;
	struct rest rest = look_at_rest(live);

	live_end(live);
	/* what is found, also by the end of all, stands above what is said of it; it is closed below */
	output_show_held(&live->output);
	if (!child->not_started)
		say_last(live, &rest, status);
	child_cancel(child);
	own = live_finish(live);
	if (own == EXIT_FAILED && !status)
		return EXIT_RUN_FAILED;
	return own == EXIT_FOUND && !status ? EXIT_FOUND : status;
}

static int find_user(struct user *user, const struct options *options)
{
	const char *sudo_user = getenv("SUDO_USER");
	int err;

	if (!options->user) {
		if (sudo_user && sudo_user[0] && !geteuid() && !options->quiet)
			log_hint(
				"the command runs as root; to start it as %s: sockwhy run -u %s -- ...",
				sudo_user, sudo_user);
		return 0;
	}
	err = user_find(user, options->user);
	if (err == -ENOENT) {
		log_error("-u %s: no such user in /etc/passwd", options->user);
		log_hint("give the number: no name service is asked");
	} else if (err) {
		log_error_r(err, "-u %s", options->user);
	}
	return err;
}

int command_run(const struct options *options)
{
	struct user user;
	struct child child;
	struct live live;
	int status, err;

	if (!options->rest_count) {
		log_error("run: no command given");
		log_hint("sockwhy run -- curl http://10.0.0.2/");
		return EXIT_USAGE;
	}
	if (options->json && !options->output)
		log_info("JSON lines follow on standard error; -o - or -o FILE keeps them apart");
	status = live_prepare(&live, options, true);
	if (status != EXIT_DONE || find_user(&user, options)) {
		live_close(&live);
		return status == EXIT_USAGE ? EXIT_USAGE : EXIT_RUN_FAILED;
	}
	live.pipeline.hold_pending = !options->json;
	err = child_spawn(&child, options->rest, options->user ? &user : NULL);
	if (err)
		log_error_r(err, "%s: cannot be started", options->rest[0]);
	if (!err)
		err = live_start(&live);
	if (!err)
		err = live_follow(&live, (__u32)child.pid);
	if (!err)
		err = behind_fences(options, true);
	if (err) {
		child_cancel(&child);
		live_close(&live);
		return EXIT_RUN_FAILED;
	}
	err = child_go(&child);
	if (!err)
		err = follow_child(&live, &child);
	if (!child.ended) {
		/* the agent cannot go on; the command can */
		waitpid(child.pid, &child.status, 0);
		child.ended = true;
	} else if (!err) {
		settle(&live);
	}
	return finish(&live, &child);
}
