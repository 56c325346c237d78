/* SPDX-License-Identifier: GPL-2.0-or-later */
/* to_journal.h - --journal: findings into systemd's journal */
#pragma once

#include "agent/options/options.h"
#include "sinks/journal.h"

struct to_journal {
	struct journal *journal;
	struct sink *sink; /* NULL: not asked for */
};

/* Logs what is wrong. Returns 0 or a negative errno. */
int to_journal_open(struct to_journal *to, const struct options *options);

/* Is it, or --syslog, instead of standard output? Not where a form or a file was asked for. */
bool to_journal_alone(const struct options *options);

void to_journal_close(struct to_journal *to);
