// SPDX-License-Identifier: GPL-2.0-or-later
/* states.c - the command states: the TCP sockets of this host by state, owner and age */

#include <errno.h>
#include <langinfo.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/live/live.h"
#include "rules/states/states.h"
#include "sinks/states/states.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/own.h"
#include "util/time.h"

/*
 * Theory of operation
 *
 * Of the kernel side only the iterators are loaded. A look reads the sockets that processes hold,
 * then the tables of this network namespace and of those that --netns names, and counts them as
 * they come. On a terminal it is made again every two seconds, over the last one; else once.
 */

#define EVERY_NS (2 * NS_PER_S)
#define GROUPS_MOST 16384

/* The cursor goes up; what a shorter line leaves of a longer one, and what is below, is cleared. */
#define TERMINAL_HOME "\033[H\033[2J"

struct look {
	struct live *live;
	struct states *states;
	struct states_form form;
	bool each; /* -v: every socket is told */
};

static int take(void *ctx, const void *record, size_t size)
{
	struct look *look = ctx;
	struct pipeline *pipeline = &look->live->pipeline;
	const struct event_owner *owner;
	struct states_socket socket;
	struct event event;

	if (decode_event(record, size, &event) || !states_meet(look->states, &event, &socket))
		return 0;
	owner = socket.owned ? &socket.owner : NULL;
	if (owner && filter_chooses(pipeline->filter))
		proc_look(look->live->proc, owner);
	if (!filter_connection(pipeline->filter, pipeline->join, owner, &socket.tuple))
		return 0;
	socket.mark = states_judge(&socket, &pipeline->thresholds);
	states_count(look->states, &socket);
	if (look->each)
		states_tell_socket(&look->form, pipeline->join, &socket);
	return ferror(look->form.file) ? -ECANCELED : 0;
}

static int read_sockets(struct look *look, enum attach_iterator which)
{
	const struct record_sink sink = { take, look };
	_cleanup_close_ int fd = attach_iterate(look->live->attach, which);

	return fd < 0 ? fd : snapshot_read(fd, &sink);
}

static void visit(void *ctx)
{
	read_sockets(ctx, ITERATOR_TCP);
}

/* Owners come first: a socket is counted when it is met, and nobody asks for it again. */
static int look_once(struct look *look)
{
	int owners, err;

	states_begin(look->states);
	owners = read_sockets(look, ITERATOR_OWNERS);
	err = read_sockets(look, ITERATOR_TCP);
	host_visit(look->live->host, visit, look);
	states_sort(look->states);
	return owners && err ? err : 0;
}

/* A terminal may have another size each time. */
static void measure(struct states_form *form)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		return;
	form->width = size.ws_col;
	form->height = size.ws_row;
}

static int tell(struct look *look, bool again)
{
	if (again) {
		measure(&look->form);
		fputs(TERMINAL_HOME, look->form.file);
	}
	states_tell(&look->form, look->live->pipeline.join, look->states);
	return fflush(look->form.file) || ferror(look->form.file) ? -errno : 0;
}

/* Until a signal ends it. */
static int look_again(struct look *look)
{
	__u64 next_ns = clock_read_ns(CLOCK_MONOTONIC) + EVERY_NS;
	struct live_signal signal;
	int err;

	do {
		err = live_step(look->live, &signal);
		if (err || live_is_end(look->live, &signal) ||
		    clock_read_ns(CLOCK_MONOTONIC) < next_ns)
			continue;
		err = look_once(look);
		err = err ? err : tell(look, true);
		next_ns = clock_read_ns(CLOCK_MONOTONIC) + EVERY_NS;
	} while (!err && !live_is_end(look->live, &signal));
	return err;
}

static int run(struct look *look)
{
	const struct options *options = look->live->options;
	const struct output *output = &look->live->output;
	bool again =
		!options->json && !options->verbose && !options->output && isatty(STDOUT_FILENO);
	int err;

	look->each = options->verbose;
	look->form = (struct states_form){
		.file = output->file,
		.json = options->json,
		.ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0,
		.color = output->color,
	};
	err = look_once(look);
	if (err) {
		log_error_r(err, "sockets of this host");
		return err;
	}
	err = tell(look, again);
	return err || !again ? err : look_again(look);
}

int command_states(const struct options *options)
{
	struct live live;
	struct look look = { .live = &live };
	int status, err;

	status = live_prepare(&live, options, false);
	if (status == EXIT_DONE && live_start(&live))
		status = EXIT_FAILED;
	if (status == EXIT_DONE && states_new(&look.states, GROUPS_MOST)) {
		log_error_r(-ENOMEM, "table of sockets");
		status = EXIT_FAILED;
	}
	if (status == EXIT_DONE && run(&look) && !live.output.lines)
		status = EXIT_FAILED;
	states_free(look.states);
	err = output_close(&live.output);
	if (err && err != -EPIPE) {
		log_error_r(err, "output: writing");
		status = EXIT_FAILED;
	}
	live_close(&live);
	return status;
}
