// SPDX-License-Identifier: GPL-2.0-or-later
/* counting.c - what --metrics and --listen tell: the same counters, counted once */

#include <errno.h>

#include "agent/output/counting.h"
#include "util/clock.h"
#include "util/log.h"

int counting_open(struct counting *counting)
{
	struct sink_options sink = { .ops = &sink_metrics_ops };
	int err;

	counting->start_ns = clock_read_ns(CLOCK_REALTIME);
	sink.state = counting->metrics = metrics_new();
	err = counting->metrics ? sink_open(&counting->sink, &sink) : -ENOMEM;
	return err ? log_error_r(err, "metrics") : 0;
}

void counting_close(struct counting *counting)
{
	sink_close(counting->sink);
	metrics_free(counting->metrics);
	*counting = (struct counting){ 0 };
}

void counting_print(const struct counting *counting, const struct pipeline *pipeline, FILE *file)
{
	const struct metrics_more more = {
		.version = SOCKWHY_VERSION,
		.start_ns = counting->start_ns,
		.now_ns = clock_read_ns(CLOCK_REALTIME),
		.ended = counting->ended,
		.failed_writes = pipeline->outlets.failed,
		.counted = pipeline_counted(pipeline),
	};

	metrics_print(counting->metrics, file, pipeline->join, &more);
}
