// SPDX-License-Identifier: GPL-2.0-or-later
/* flows_live.c - flows without a file: the TCP connections of this host while it runs */

#include <errno.h>

#include "agent/options/behind.h"
#include "agent/agent.h"
#include "agent/flows.h"
#include "agent/live/live.h"
#include "util/log.h"

/*
 * Connections that are open already come with the snapshot of the start, those that begin with their
 * openings; both are told when they end, the rest at the end with the figures of a last snapshot.
 * Packets tell nothing but what verdicts need, as under watch.
 */

static int check(const struct options *options)
{
	if (options->since.given || options->until.given || options->interfaces.count) {
		log_error("%s: of captures, not of live connections",
			  options->interfaces.count ? "-i" : "--since, --until");
		log_hint("sockwhy flows FILE; -f EXPR and --netns choose live ones");
		return -EINVAL;
	}
	return 0;
}

int flows_live(const struct options *options)
{
	struct flows *flows = NULL;
	struct live live;
	int status, err;

	if (check(options))
		return EXIT_USAGE;
	status = live_prepare(&live, options, false);
	if (status == EXIT_DONE)
		status = flows_open(&flows, options, live.output.file);
	if (status == EXIT_DONE) {
		live.output.flows = flows;
		output_attach(&live.output, &live.pipeline);
		err = live_start(&live);
		if (err == -EINVAL && options->without.count)
			status = EXIT_USAGE;
		else if ((err && err != -ECANCELED) || behind_fences(options, true))
			status = EXIT_FAILED;
	}
	if (status != EXIT_DONE) {
		live_close(&live);
		flows_free(flows);
		return status;
	}
	if (!live_run(&live))
		live_look_again(&live);
	status = live_finish(&live);
	flows_free(flows);
	return status;
}
