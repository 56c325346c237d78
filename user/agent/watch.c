// SPDX-License-Identifier: GPL-2.0-or-later
/* watch.c - findings of the whole host, as they happen */

#include <errno.h>

#include "agent/agent.h"
#include "agent/options/behind.h"
#include "agent/live/live.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/time.h"

/* What ended just before Ctrl-C has a verdict too: the settle time of a connect, and a tick. */
#define SETTLE_NS (300 * NS_PER_MS)

int command_watch(const struct options *options)
{
	struct live live;
	int status, err;

	if (options->file) {
		log_error("-r %s: with watch a file cannot be read", options->file);
		log_hint("sockwhy read %s", options->file);
		return EXIT_USAGE;
	}
	status = live_prepare(&live, options, false);
	if (status != EXIT_DONE) {
		live_close(&live);
		return status;
	}
	live.notify = notify_open();
	err = live_start(&live);
	if (err) {
		live_close(&live);
		/* a hook's name is known to the kernel side alone */
		return err == -EINVAL && options->without.count ? EXIT_USAGE : EXIT_FAILED;
	}
	if (behind_fences(options, true)) {
		live_close(&live);
		return EXIT_FAILED;
	}
	notify_ready(&live.notify);
	heartbeat_begin(&live.heartbeat, options, clock_read_ns(CLOCK_MONOTONIC));
	progress_begin(&live.status, options);
	live.pipeline.progress = &live.status;
	if (!live_run(&live))
		live_settle(&live, SETTLE_NS);
	return live_finish(&live);
}
