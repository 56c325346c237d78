/* SPDX-License-Identifier: GPL-2.0-or-later */
/* syslog.h - findings as messages of syslog (RFC 5424) */
#pragma once

#include "sinks/sinks.h"

/*
 * Theory of operation
 *
 * One datagram a finding, to a path of this host:
 *
 *   <27>1 2026-11-20T10:31:07.412345Z web1 sockwhy 812 connect-refused [sockwhy@32473 severity="error" …] text
 *
 * Facility daemon, severity by the finding's, MSGID its id, and structured data of its main members; what
 * does not fit into SYSLOG_BYTES, which every receiver takes (6.1 asks for 2,048), is left out, member by
 * member. No number of an enterprise is ours: 32473 is the one that RFC 5612 keeps for examples.
 */

#define SYSLOG_BYTES 2048

struct syslog_to;

extern const struct sink_ops sink_syslog_ops; /* its options' state: syslog_open()'s */

/* @pid: PROCID. Returns 0, -ENOMEM, or the error of connecting to the socket at @path. */
int syslog_open(struct syslog_to **out, const char *path, int pid);
void syslog_close(struct syslog_to *to);

int syslog_take_error(void *to); /* the sink's take_error(): of the last message, not yet told */
