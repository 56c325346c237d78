// SPDX-License-Identifier: GPL-2.0-or-later
/* progress.c - one line on a terminal that says what goes on, gone when it is done */

#include <stdio.h>
#include <unistd.h>

#include "agent/output/progress.h"
#include "util/clock.h"
#include "util/text.h"
#include "util/time.h"

#define QUIET_NS (1000 * NS_PER_MS) /* what is over by then needs none */
#define EVERY_NS (200 * NS_PER_MS)

void progress_begin(struct progress *progress, const struct options *options)
{
	*progress = (struct progress){
		.on = isatty(STDERR_FILENO) && !options->quiet && !options->verbose,
		.begun_ns = clock_read_ns(CLOCK_MONOTONIC),
	};
	progress->next_ns = progress->begun_ns + QUIET_NS;
}

bool progress_due(struct progress *progress)
{
	return progress->on && clock_read_ns(CLOCK_MONOTONIC) >= progress->next_ns;
}

void progress_show(struct progress *progress, __u64 packets, __u64 left, __u64 total)
{
	__u64 ms = (clock_read_ns(CLOCK_MONOTONIC) - progress->begun_ns) / NS_PER_MS + 1;
	char line[120];
	struct text text = text_of(line);

	if (total && left <= total)
		text_add(&text, "%llu %% read, ", (total - left) * 100 / total);
	text_add(&text, "%llu packets, %llu a second", packets, packets * 1000 / ms);
	if (total > left && left)
		text_add(&text, ", %llu s left", left * ms / (total - left) / 1000);
	progress_say(progress, line);
}

void progress_say(struct progress *progress, const char *line)
{
	fprintf(stderr, "\r\033[K%s", line);
	fflush(stderr);
	progress->shown = true;
	progress->next_ns = clock_read_ns(CLOCK_MONOTONIC) + EVERY_NS;
}

void progress_clear(struct progress *progress)
{
	if (!progress->shown)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	progress->shown = false;
}
