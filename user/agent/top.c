// SPDX-License-Identifier: GPL-2.0-or-later
/* top.c - the command top: what goes on here, on a terminal's screen, while it goes on */

#include <errno.h>
#include <langinfo.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/live/live.h"
#include "agent/options/behind.h"
#include "agent/top.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/time.h"

/*
 * Theory of operation
 *
 * It hears and judges as watch does. Beside that each connection's begin, end and figures are told, as
 * for flows. Every two seconds all sockets are looked at: the records of that are for figures alone,
 * and the first tick behind them is where the model is handed every connection that is open.
 */

#define LOOK_NS (2 * NS_PER_S)
#define LOOK_SHARE 20 /* of its time: no more than a twentieth of a CPU */
#define DRAW_NS (NS_PER_S / 4)

/* ---- the model ---- */

int top_run_open(struct top_run *run, const struct options *options)
{
	const struct top_options shown = {
		.ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0,
		.utc = options->utc,
	};
	int err;

	*run = (struct top_run){ .options = options };
	run->grid.ascii = shown.ascii;
	err = top_new(&run->top, &shown);
	err = err ? err : top_view_new(&run->view, &shown, options->file);
	err = err ? err : top_grid_resize(&run->grid, 80, 24);
	return err ? log_error_r(err, "tables of top") : 0;
}

void top_run_close(struct top_run *run)
{
	screen_close(run->screen);
	sink_close(run->sink);
	top_view_free(run->view);
	top_free(run->top);
	top_grid_free(&run->grid);
	*run = (struct top_run){ 0 };
}

int top_run_empty(struct top_run *run)
{
	const struct top_options shown = { .ascii = run->grid.ascii, .utc = run->options->utc };

	sink_close(run->sink);
	run->sink = NULL;
	top_free(run->top);
	run->top = NULL;
	run->sockets_told = false;
	top_view_forget(run->view);
	return top_new(&run->top, &shown);
}

/* ---- figures ---- */

static bool is_chosen(const struct top_run *run, const struct flow *flow)
{
	const struct pipeline *pipeline = run->pipeline;

	return filter_connection(pipeline->filter, pipeline->join, flow->owner, &flow->tuple);
}

static void look(struct top_run *run)
{
	const struct join *join = run->pipeline->join;
	const struct flow *flow;
	__u32 at = 0;

	top_look_begin(run->top);
	while ((flow = join_flow_look(join, &at)))
		if (is_chosen(run, flow))
			top_look_take(run->top, join, flow);
	top_look_end(run->top, join_now_ns(join));
}

/* Nothing, of records that tell no sockets as flows. */
static void take_event(void *ctx, const struct event *event)
{
	struct top_run *run = ctx;
	struct join *join = run->pipeline->join;
	const struct flow *flow;

	while ((flow = join_flow_due(join, false)))
		if (is_chosen(run, flow))
			top_take_ended(run->top, join, flow);
	run->sockets_told |= event->head.kind == EVENT_SOCKET;
	if (event->head.kind != EVENT_TICK || !run->sockets_told || !join_flow_counters(join))
		return;
	run->sockets_told = false;
	look(run);
}

int top_run_attach(struct top_run *run, struct pipeline *pipeline)
{
	const struct sink_options options = { .ops = &sink_top_ops, .state = run->top };
	int err = sink_open(&run->sink, &options);

	if (err)
		return log_error_r(err, "tables of top");
	run->pipeline = pipeline;
	pipeline->outlets = (struct outlets){ 0 };
	outlets_add(&pipeline->outlets, (struct outlet){ .sink = run->sink, .main = true });
	pipeline->beside = take_event;
	pipeline->beside_ctx = run;
	return 0;
}

/* ---- the screen ---- */

enum top_act top_run_keys(struct top_run *run)
{
	enum top_act act = TOP_ACT_NONE;
	unsigned int key;

	while (act == TOP_ACT_NONE && (key = screen_key(run->screen)) != TOP_KEY_NONE)
		act = top_view_key(run->view, run->top, key);
	if (act == TOP_ACT_LOOK && join_flow_counters(run->pipeline->join))
		look(run);
	return act;
}

static void say_attempts(struct top_run *run, struct top_told *told)
{
	const struct pipeline *pipeline = run->pipeline;
	const struct join_counters *counters = join_counters(pipeline->join);
	const struct counted counted = pipeline_counted(pipeline);
	char buffer[40];
	struct text time = text_of(buffer), text = text_of(told->time);

	told->attempts = counted.attempts;
	told->failed = counted.failures;
	told->lost = counters->lost + counters->suppressed;
	say_since(&time, pipeline->join, join_now_ns(pipeline->join), run->options->utc);
	text_add(&text, "%s", buffer);
}

void top_run_draw(struct top_run *run, struct top_told *told)
{
	size_t width, height;
	const char *said = screen_said(run->screen);

	if (said)
		top_view_say(run->view, said);
	say_attempts(run, told);
	top_view_refresh(run->view, run->top, told);
	screen_measure(run->screen, &width, &height);
	if (top_grid_resize(&run->grid, width, height))
		return;
	top_view_draw(run->view, &run->grid);
	screen_put(run->screen, &run->grid);
}

/* ---- this host ---- */

/* Keys wake it up as records do. */
static int wait_for_keys(const struct live *live)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = STDIN_FILENO };

	if (epoll_ctl(live->epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &event))
		return log_error_r(-errno, "keys");
	return 0;
}

static int watch(struct live *live, struct top_run *run)
{
	__u64 now_ns = clock_read_ns(CLOCK_MONOTONIC), begun_ns, looks_ns = now_ns, draws_ns = 0;
	__u64 until_ns = live->options->duration_ns ? now_ns + live->options->duration_ns : 0;
	struct top_told told = { .file = NULL };
	struct live_signal signal = { 0 };
	enum top_act act = TOP_ACT_NONE;
	int err = 0;

	while (!err && act != TOP_ACT_QUIT && !live_is_end(live, &signal) &&
	       (!until_ns || now_ns < until_ns)) {
		if (now_ns >= looks_ns) {
			err = live_look_figures(live);
			begun_ns = now_ns;
			now_ns = clock_read_ns(CLOCK_MONOTONIC);
			looks_ns = begun_ns + LOOK_NS;
			if ((now_ns - begun_ns) * LOOK_SHARE > LOOK_NS)
				looks_ns = begun_ns + (now_ns - begun_ns) * LOOK_SHARE;
		}
		if (now_ns >= draws_ns) {
			top_run_draw(run, &told);
			draws_ns = now_ns + DRAW_NS;
		}
		err = err ? err : live_step(live, &signal);
		act = top_run_keys(run);
		now_ns = clock_read_ns(CLOCK_MONOTONIC);
		if (act != TOP_ACT_NONE)
			draws_ns = 0;
	}
	return err;
}

static int start(struct live *live, struct top_run *run)
{
	int status = live_prepare(live, run->options, false), err;

	if (status != EXIT_DONE)
		return status;
	if (top_run_attach(run, &live->pipeline))
		return EXIT_FAILED;
	err = live_start(live);
	if (err)
		return err == -EINVAL && run->options->without.count ? EXIT_USAGE : EXIT_FAILED;
	if (wait_for_keys(live) || screen_open(&run->screen, live->output.color) ||
	    behind_fences(run->options, true))
		return EXIT_FAILED;
	return EXIT_DONE;
}

static int show(const struct options *options)
{
	struct top_run run;
	struct live live;
	int status;

	if (top_run_open(&run, options)) {
		top_run_close(&run);
		return EXIT_FAILED;
	}
	status = start(&live, &run);
	if (status == EXIT_DONE)
		watch(&live, &run);
	screen_close(run.screen);
	run.screen = NULL;
	if (status == EXIT_DONE)
		status = live_finish(&live);
	else
		live_close(&live);
	top_run_close(&run);
	return status;
}

int command_top(const struct options *options)
{
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		log_error("top: standard input and output have to be a terminal");
		log_hint(
			"sockwhy watch tells findings, sockwhy states and flows tables, into files too");
		return EXIT_USAGE;
	}
	return options->file ? top_play(options) : show(options);
}
