/* SPDX-License-Identifier: GPL-2.0-or-later */
/* notify.h - tells the service manager that watch is ready, alive, reloading, stopping */
#pragma once

#include <linux/types.h>

/*
 * Theory of operation
 *
 * sd_notify(3)'s protocol is one datagram of VAR=VALUE lines to the socket that $NOTIFY_SOCKET names,
 * and sd_watchdog_enabled(3) is two variables: fewer lines than what linking libsystemd takes, which
 * Debian has no static archive of (make static). Without the variable nothing is sent.
 *
 * The word that it lives comes from the loop that handles records, between two of them: what hangs
 * in a write or in the kernel says nothing, and is started anew.
 */

struct notify {
	int fd; /* connected; -1: nobody asked */
	__u64 every_ns; /* 0: no watchdog */
	__u64 next_ns;
};

/* Takes the variables away: what this process starts is not the service. */
struct notify notify_open(void);

void notify_ready(struct notify *notify);
void notify_alive(struct notify *notify, __u64 now_ns); /* as often as one likes */
void notify_reloading(struct notify *notify, __u64 now_ns); /* until notify_ready() */
void notify_stopping(struct notify *notify);
void notify_close(struct notify *notify);
