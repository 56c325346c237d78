// SPDX-License-Identifier: GPL-2.0-or-later
/* live.c - the kernel side and the host as sources of one pipeline */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "agent/options/config.h"
#include "agent/live/live.h"
#include "agent/live/process.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/own.h"
#include "util/time.h"

#define TICKS_PER_LOST 10 /* how often the kernel side's counts are read */
#define TICKS_PER_CLOCK 500 /* records.md: every 10 s, and on steps */
#define TICKS_PER_STEP 25
#define TICKS_PER_HEALTH 50
#define CLOCK_STEP_NS (50 * (__s64)NS_PER_MS)

__s64 live_clock_offset_ns(void)
{
	return (__s64)(clock_read_ns(CLOCK_REALTIME) - clock_read_ns(CLOCK_MONOTONIC));
}

/* ---- the loop ---- */

static int tell_counts(struct live *live, enum event_kind kind, struct ev_lost *told,
		       const struct ev_lost *now)
{
	struct {
		struct event_header head;
		struct ev_lost body;
	} record = { .body = *now };

	if (!memcmp(told, now, sizeof(*told)))
		return 0;
	*told = *now;
	collect_header(&record.head, kind, sizeof(record.body));
	return live->sink.take(live, &record, sizeof(record));
}

static int tell_lost(struct live *live)
{
	struct ev_lost lost = { 0 }, suppressed = { 0 };
	int err;

	if (attach_read_lost(live->attach, &lost, &suppressed))
		return 0;
	err = tell_counts(live, EVENT_LOST, &live->lost, &lost);
	return err ? err : tell_counts(live, EVENT_SUPPRESSED, &live->suppressed, &suppressed);
}

/* What doctor finds, also of an agent that has hung since. */
static void tell_health(struct live *live)
{
	const struct join_counters *counters = join_counters(live->pipeline.join);
	__u64 now_ns = clock_read_ns(CLOCK_MONOTONIC);
	struct agent_health health = {
		.version = AGENT_HEALTH_VERSION,
		.pid = (__u32)getpid(),
		.started_ns = live->started_ns,
		.turned_ns = now_ns,
		.records = counters->records,
		.lost = counters->lost,
		.suppressed = counters->suppressed,
	};

	_Static_assert(AGENT_HEALTH_SEVERITIES == SEVERITY_COUNT, "one member each");
	memcpy(health.findings, live->pipeline.found, sizeof(health.findings));
	attach_tell_health(live->attach, &health);
}

static int tick(struct live *live)
{
	int err;

	notify_alive(&live->notify, clock_read_ns(CLOCK_MONOTONIC));
	metrics_file_poll(&live->metrics, &live->counting, &live->pipeline,
			  clock_read_ns(CLOCK_MONOTONIC));
	flight_poll(&live->flight, groups_errors_begun(live->pipeline.groups),
		    clock_read_ns(CLOCK_MONOTONIC));
	to_exec_poll(&live->exec, clock_read_ns(CLOCK_MONOTONIC));
	heartbeat_poll(&live->heartbeat, &live->pipeline, clock_read_ns(CLOCK_MONOTONIC));
	write_poll(&live->output.write); /* secrets before the packets that they open */
	err = ring_drain(live->ring);
	if (err < 0)
		return err;
	err = live_look(live);
	err = err ? err : live_gauges(live);
	if (err)
		return err;
	if (live->ticks++ % TICKS_PER_HEALTH == 0)
		tell_health(live);
	if (live->ticks % TICKS_PER_LOST == 0)
		err = tell_lost(live);
	if (!err && live->ticks % TICKS_PER_STEP == 0) {
		__s64 offset_ns = live_clock_offset_ns(),
		      moved_ns = offset_ns - live->clock_offset_ns;

		if (live->ticks % TICKS_PER_CLOCK == 0 || moved_ns > CLOCK_STEP_NS ||
		    moved_ns < -CLOCK_STEP_NS) {
			live->clock_offset_ns = offset_ns;
			err = host_tell_clock(&live->sink);
		}
	}
	return err;
}

/* What is told so far stands in front of it. */
static void show_status(struct live *live)
{
	char line[160];
	struct text text = text_of(line);

	if (!progress_due(&live->status))
		return;
	outlets_flush(&live->pipeline.outlets);
	progress_say(&live->status, output_say_state(&live->pipeline, &text));
}

static void read_signal(struct live *live, struct live_signal *signal)
{
	struct signalfd_siginfo info;

	if (read(live->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	*signal = (struct live_signal){ .number = (int)info.ssi_signo,
					.code = info.ssi_code,
					.pid = (pid_t)info.ssi_pid };
}

int live_step(struct live *live, struct live_signal *signal)
{
	struct epoll_event events[5];
	__u64 expired;
	int count, err = 0;

	*signal = (struct live_signal){ 0 };
	count = epoll_wait(live->epoll_fd, events, ARRAY_SIZE(events), -1);
	if (count < 0)
		return errno == EINTR ? 0 : log_error_r(-errno, "event loop");
	for (int i = 0; i < count && !err; i++) {
		int fd = events[i].data.fd;

		if (fd == live->signal_fd) {
			read_signal(live, signal);
		} else if (fd == live->timer_fd) {
			if (read(fd, &expired, sizeof(expired)) == sizeof(expired))
				err = tick(live);
			show_status(live);
		} else if (fd == ring_fd(live->ring)) {
			err = ring_drain(live->ring);
			err = err < 0 ? err : 0;
		} else if (fd == metrics_listen_fd(&live->listen)) {
			/* when nobody is there any more that was told, and the rest goes on */
			metrics_listen_answer(&live->listen, &live->counting, &live->pipeline);
		} else if (fd != STDIN_FILENO) { /* keys of top: who waits asks for them */
			err = host_poll(live->host);
			err = err < 0 ? err : 0;
		}
	}
	if (err && err != -ECANCELED)
		log_error_r(err, "records");
	return err;
}

bool live_has_terminal(void)
{
	_cleanup_close_ int fd = open("/dev/tty", O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	return fd >= 0;
}

/*
 * SIGHUP: whoever moved our files away (logrotate) wants new ones of their names; whoever changed the
 * configuration wants its mutes.
 */
static void reopen(struct live *live)
{
	notify_reloading(&live->notify, clock_read_ns(CLOCK_MONOTONIC));
	config_reload(live->options);
	output_reopen(&live->output);
	if (live->writer && !live->pipeline.record_error)
		live->pipeline.record_error = record_writer_reopen(live->writer);
	notify_ready(&live->notify);
}

bool live_is_end(const struct live *live, const struct live_signal *signal)
{
	return signal->number == SIGINT || signal->number == SIGTERM ||
	       (signal->number == SIGHUP && live->has_terminal && !live_has_terminal());
}

int live_run(struct live *live)
{
	__u64 duration_ns = live->options->duration_ns;
	__u64 until_ns = duration_ns ? clock_read_ns(CLOCK_MONOTONIC) + duration_ns : 0;
	struct live_signal signal;
	int err;

	do {
		err = live_step(live, &signal);
		if (live_is_end(live, &signal))
			break;
		if (signal.number == SIGHUP)
			reopen(live);
		if (signal.number == SIGUSR1)
			flight_ask(&live->flight);
	} while (!err && (!until_ns || clock_read_ns(CLOCK_MONOTONIC) < until_ns));
	return err;
}

void live_settle(struct live *live, __u64 most_ns)
{
	__u64 until_ns = clock_read_ns(CLOCK_MONOTONIC) + most_ns;
	struct live_signal signal = { 0 };

	while (clock_read_ns(CLOCK_MONOTONIC) < until_ns && !live_step(live, &signal))
		if (signal.number && signal.number != SIGCHLD)
			break;
}

/* ---- following ---- */

int live_follow(struct live *live, __u32 pid)
{
	struct dirent *entry;
	DIR *proc;
	int err;

	/* before the walk: what is forked meanwhile joins by itself */
	err = attach_follow(live->attach, pid);
	if (err)
		return log_error_r(err, "process %u: cannot be followed", pid);
	filter_follow(live->pipeline.filter, pid);
	proc = opendir("/proc");
	while (proc && (entry = readdir(proc))) {
		__u32 other = (__u32)strtoul(entry->d_name, NULL, 10);

		if (!other || other == pid || !process_descends_from(other, pid))
			continue;
		attach_follow(live->attach, other);
		filter_follow(live->pipeline.filter, other);
	}
	if (proc)
		closedir(proc);
	return 0;
}

/* ---- end ---- */

void live_end(struct live *live)
{
	if (live->ended)
		return;
	live->ended = true;
	notify_stopping(&live->notify);
	progress_clear(&live->status);
	live->status.on = false;
	write_poll(&live->output.write);
	if (!live->pipeline.stop && !live->pipeline.outlets.closed) {
		ring_drain(live->ring);
		tell_lost(live);
	}
	pipeline_finish(&live->pipeline, false);
	outlets_flush(&live->pipeline.outlets);
}

int live_finish(struct live *live)
{
	int err, status;

	live_end(live);
	if (live->writer && record_writer_close(take_ptr(live->writer)) &&
	    !live->pipeline.record_error)
		live->pipeline.record_error = -EIO;
	status = pipeline_status(&live->pipeline);
	if ((live->options->command == COMMAND_WATCH || live->options->command == COMMAND_FLOWS ||
	     live->options->command == COMMAND_TOP) &&
	    !outlets_unread(&live->pipeline.outlets))
		output_log_summary(&live->pipeline, false);
	live->counting.ended = true;
	metrics_file_poll(&live->metrics, &live->counting, &live->pipeline, 0);
	if (metrics_file_close(&live->metrics))
		status = EXIT_FAILED;
	if (report_close(&live->output.report, live->options))
		status = EXIT_FAILED;
	err = output_close(&live->output);
	if (err && err != -EPIPE && status != EXIT_FAILED) {
		log_error_r(err, "output: writing");
		status = EXIT_FAILED;
	}
	live_close(live);
	return status;
}

void live_close(struct live *live)
{
	if (live->ring)
		ring_close(live->ring);
	if (live->host)
		host_close(live->host);
	if (live->attach)
		attach_close(live->attach);
	if (live->proc)
		proc_close(live->proc);
	record_writer_close(live->writer);
	report_close(&live->output.report, live->options);
	output_close(&live->output);
	pipeline_close(&live->pipeline);
	for (size_t i = 0; i < ARRAY_SIZE(live->namespace_paths); i++)
		free(live->namespace_paths[i]);
	notify_close(&live->notify);
	metrics_file_close(&live->metrics);
	metrics_listen_close(&live->listen);
	counting_close(&live->counting);
	flight_close(&live->flight);
	to_exec_close(&live->exec);
	own_close(&live->epoll_fd);
	own_close(&live->timer_fd);
	own_close(&live->signal_fd);
	*live = (struct live){ .epoll_fd = -1,
			       .timer_fd = -1,
			       .signal_fd = -1,
			       .notify.fd = -1,
			       .metrics.folder = -1,
			       .listen.beside.fd = -1,
			       .flight.bundler.fd = -1,
			       .exec.beside.fd = -1 };
}
