// SPDX-License-Identifier: GPL-2.0-or-later
/* to_journal.c - --journal: findings into systemd's journal */

#include "agent/output/to_journal.h"
#include "collect/host/process.h"
#include "util/log.h"
#include "util/own.h"

/* A dead one that nobody has waited for yet has left its unit. */
static bool is_alive(const struct event_owner *owner)
{
	_cleanup_close_ int dir = process_open(owner->tgid);
	struct process_stat stat;

	return dir >= 0 && !process_read_stat(dir, &stat) && process_is(&stat, owner->start_ns) &&
	       stat.state != 'Z' && stat.state != 'X';
}

int to_journal_open(struct to_journal *to, const struct options *options)
{
	struct sink_options sink = { .ops = &sink_journal_ops, .take_error = journal_take_error };
	int err;

	*to = (struct to_journal){ 0 };
	if (!options->journal)
		return 0;
	err = journal_open(&to->journal, JOURNAL_SOCKET, is_alive);
	sink.state = sink.ctx = to->journal;
	err = err ? err : sink_open(&to->sink, &sink);
	if (!err)
		return 0;
	to_journal_close(to);
	log_error_r(err, "--journal: %s", JOURNAL_SOCKET);
	log_hint("systemd-journald makes it; --json -o FILE needs no journal");
	return err;
}

bool to_journal_alone(const struct options *options)
{
	return (options->journal || options->syslog) && !options->output && !options_forms(options);
}

void to_journal_close(struct to_journal *to)
{
	sink_close(to->sink);
	journal_close(to->journal);
	*to = (struct to_journal){ 0 };
}
