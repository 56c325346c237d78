// SPDX-License-Identifier: GPL-2.0-or-later
/* top_play.c - top of a recording: the same screen, with a clock that can be stopped and wound */

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/input/opened.h"
#include "agent/live/live.h"
#include "agent/options/behind.h"
#include "agent/output/output.h"
#include "agent/top.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/own.h"
#include "util/privilege.h"
#include "util/time.h"

#define STEP_NS (10 * NS_PER_S)
#define SLICE_NS (50 * NS_PER_MS) /* so long records are taken before keys are asked for */
#define SPEED_MOST 64

struct play {
	const struct options *options;
	const struct opened *file;
	struct top_run run;
	struct pipeline pipeline;
	struct record_sink sink;
	struct record_reader *reader;
	struct facts_replay replay;
	bool over; /* no record is left */
	__u64 until_ns; /* records up to then are to be taken */
	__u64 speed; /* times as fast */
	int signal_fd;
};

/* ---- the stream ---- */

static void close_stream(struct play *play)
{
	if (play->reader)
		record_reader_close(take_ptr(play->reader));
	pipeline_close(&play->pipeline);
}

/* From its begin. */
static int open_stream(struct play *play)
{
	struct input *input;
	int err = opened_input(play->file, &input);

	if (err)
		return err;
	if (input_kind(input) != INPUT_RECORDING) {
		log_error("%s: no recording of sockwhy", play->file->name);
		log_hint(
			"sockwhy top --record FILE makes one; of captures: sockwhy read, sockwhy flows");
		input_close(input);
		return -EINVAL;
	}
	err = record_reader_new(&play->reader, input);
	err = err ? err : pipeline_open(&play->pipeline, play->options);
	err = err ? err : top_run_attach(&play->run, &play->pipeline);
	if (err)
		return err;
	play->sink = (struct record_sink){ pipeline_take, &play->pipeline };
	play->replay = (struct facts_replay){ .reader = play->reader, .sink = &play->sink };
	play->pipeline.facts = (struct facts){ .fetch = facts_replay_fetch, .ctx = &play->replay };
	play->over = false;
	return 0;
}

/* What waits for its end is told; a file that ends early says so. */
static void end_stream(struct play *play, int err, const char *why)
{
	play->over = true;
	if (err < 0)
		log_error("%s: %s", play->file->name, why);
	pipeline_finish(&play->pipeline, err == -EPIPE);
}

/* Takes records up to .until_ns, but for no longer than a slice. True: it got there, or to the end. */
static bool advance(struct play *play)
{
	__u64 begun_ns = clock_read_ns(CLOCK_MONOTONIC);
	const char *why = "";
	const void *record;
	size_t size;

	while (!play->over && play->pipeline.last_ns < play->until_ns) {
		int err = record_reader_next(play->reader, &record, &size, &why);

		if (err == 1)
			play->sink.take(play->sink.ctx, record, size);
		else
			end_stream(play, err, why);
		if (!(play->pipeline.taken % 64) &&
		    clock_read_ns(CLOCK_MONOTONIC) - begun_ns > SLICE_NS)
			return false;
	}
	return true;
}

/* Back is from the begin on. */
static int wind_back(struct play *play, __u64 until_ns)
{
	int err;

	close_stream(play);
	err = top_run_empty(&play->run);
	err = err ? log_error_r(err, "tables of top") : open_stream(play);
	play->until_ns = until_ns;
	return err;
}

/* ---- keys ---- */

static int act(struct play *play, enum top_act act)
{
	__u64 first_ns = play->pipeline.first_ns, now_ns = play->pipeline.last_ns;

	switch (act) {
	case TOP_ACT_BACK:
		return wind_back(play, now_ns > first_ns + STEP_NS ? now_ns - STEP_NS : first_ns);
	case TOP_ACT_BEGIN:
		return wind_back(play, first_ns);
	case TOP_ACT_ON:
		play->until_ns = now_ns + STEP_NS;
		break;
	case TOP_ACT_END:
		play->until_ns = UINT64_MAX;
		break;
	case TOP_ACT_FASTER:
		play->speed *= play->speed < SPEED_MOST ? 2 : 1;
		break;
	case TOP_ACT_SLOWER:
		play->speed /= play->speed > 1 ? 2 : 1;
		break;
	case TOP_ACT_NONE:
	case TOP_ACT_QUIT:
	case TOP_ACT_LOOK:
	case TOP_ACT_PAUSE:
		break;
	}
	return 0;
}

static void draw(struct play *play)
{
	struct top_told told = { .file = play->file->name };
	struct text text = text_of(told.place);
	__u64 ms = (play->pipeline.last_ns - play->pipeline.first_ns) / NS_PER_MS;

	text_add(&text, "+%llu.%llu s", ms / 1000, ms % 1000 / 100);
	if (play->over)
		text_add(&text, ", its end");
	else if (play->speed > 1)
		text_add(&text, ", %llu times as fast", play->speed);
	top_run_draw(&play->run, &told);
}

/* ---- playing ---- */

/* A key, a signal or some time. True: a signal asks for the end. */
static bool wait_for_keys(const struct play *play, int ms)
{
	struct pollfd fds[] = { { STDIN_FILENO, POLLIN, 0 }, { play->signal_fd, POLLIN, 0 } };

	return poll(fds, 2, ms) > 0 && (fds[1].revents || (fds[0].revents & ~POLLIN));
}

/* Where nothing was told for long, time goes on all the same. */
static void go_on(struct play *play, __u64 passed_ns)
{
	__u64 last_ns = play->pipeline.last_ns;

	play->until_ns = play->until_ns > last_ns ? play->until_ns : last_ns;
	play->until_ns += passed_ns * play->speed;
}

static int play_all(struct play *play)
{
	__u64 before_ns = clock_read_ns(CLOCK_MONOTONIC), now_ns;
	enum top_act asked = TOP_ACT_NONE;
	int err = 0;

	/* the first record says when it begins */
	play->until_ns = 1;
	while (!err && asked != TOP_ACT_QUIT) {
		bool there = advance(play);

		now_ns = clock_read_ns(CLOCK_MONOTONIC);
		if (there && !play->over && !top_view_paused(play->run.view))
			go_on(play, now_ns - before_ns);
		before_ns = now_ns;
		draw(play);
		if (wait_for_keys(play, there ? (int)(SLICE_NS / NS_PER_MS) : 0))
			break;
		asked = top_run_keys(&play->run);
		err = act(play, asked);
	}
	return err;
}

static int start(struct play *play)
{
	if (top_run_open(&play->run, play->options) || open_stream(play))
		return -EINVAL;
	play->signal_fd = live_signals_open(false, false);
	if (play->signal_fd < 0 ||
	    screen_open(&play->run.screen, output_wants_color(play->options, false)) ||
	    behind_fences(play->options, false))
		return -EINVAL;
	return 0;
}

int top_play(const struct options *options)
{
	struct options of_file = *options;
	struct opened_files files;
	struct play play = { .options = options, .speed = 1, .signal_fd = -1 };
	int status = EXIT_DONE;

	/* words are a filter, and no files */
	of_file.rest_count = 0;
	privilege_drop();
	if (opened_files(&files, &of_file))
		return EXIT_FAILED;
	play.file = files.at;
	if (start(&play) || play_all(&play))
		status = EXIT_FAILED;
	screen_close(take_ptr(play.run.screen));
	close_stream(&play);
	top_run_close(&play.run);
	own_close(&play.signal_fd);
	opened_free(&files);
	return status;
}
