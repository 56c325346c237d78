/* SPDX-License-Identifier: GPL-2.0-or-later */
/* journal.h - findings as entries of systemd's journal */
#pragma once

#include <stdbool.h>

#include "sinks/sinks.h"

/*
 * Theory of operation
 *
 * The journal's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL) is one datagram an entry, of
 * FIELD=value lines: fewer lines than what linking libsystemd takes, which Debian has no static archive
 * of (make static). MESSAGE_ID is the finding's, so that journalctl -x finds its text in the catalog.
 * OBJECT_PID makes journald add what it knows of the process, so that the finding stands in the log of
 * the unit whose connection failed; it is left out when the process is gone, because its number may
 * be another's.
 *
 * A journal that takes nothing for a while (local_socket.h) costs the entry, which is counted, not the agent.
 */

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

struct journal;

extern const struct sink_ops sink_journal_ops; /* its options' state: journal_open()'s */

/*
 * @is_alive: whether this very process lives now. Returns 0, -ENOMEM, or the error of connecting to
 * the socket at @path.
 */
int journal_open(struct journal **out, const char *path,
		 bool (*is_alive)(const struct event_owner *owner));
void journal_close(struct journal *journal);

/* The sink's take_error(): of the last entry, not yet told. */
int journal_take_error(void *journal);
