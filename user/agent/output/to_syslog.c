// SPDX-License-Identifier: GPL-2.0-or-later
/* to_syslog.c - --syslog: findings as messages of syslog */

#include <unistd.h>

#include "agent/output/to_syslog.h"
#include "util/log.h"

int to_syslog_open(struct to_syslog *to, const struct options *options)
{
	struct sink_options sink = { .ops = &sink_syslog_ops, .take_error = syslog_take_error };
	int err;

	*to = (struct to_syslog){ 0 };
	if (!options->syslog)
		return 0;
	err = syslog_open(&to->syslog, options->syslog, (int)getpid());
	sink.state = sink.ctx = to->syslog;
	err = err ? err : sink_open(&to->sink, &sink);
	if (!err)
		return 0;
	to_syslog_close(to);
	log_error_r(err, "--syslog %s", options->syslog);
	log_hint("a socket for datagrams of RFC 5424; contrib/rsyslog.conf has rsyslog make one");
	return err;
}

void to_syslog_close(struct to_syslog *to)
{
	sink_close(to->sink);
	syslog_close(to->syslog);
	*to = (struct to_syslog){ 0 };
}
