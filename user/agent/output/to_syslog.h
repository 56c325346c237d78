/* SPDX-License-Identifier: GPL-2.0-or-later */
/* to_syslog.h - --syslog: findings as messages of syslog */
#pragma once

#include "agent/options/options.h"
#include "sinks/syslog.h"

struct to_syslog {
	struct syslog_to *syslog;
	struct sink *sink; /* NULL: not asked for */
};

/* Logs what is wrong. Returns 0 or a negative errno. */
int to_syslog_open(struct to_syslog *to, const struct options *options);
void to_syslog_close(struct to_syslog *to);
