/* SPDX-License-Identifier: GPL-2.0-or-later */
/* keylog.h - a TLS key log as browsers and libraries write it (SSLKEYLOGFILE) */
#pragma once

#include <stddef.h>

#include <linux/types.h>

/*
 * Reads the lines of secrets; comments and empty lines are left out, and a last line without its
 * newline, which somebody still writes. A line that is no secret refuses the file: what is embedded
 * must be known to be a key log. Logs what is wrong. Returns 0 or a negative errno; *@text is the
 * caller's to free and NULL when there is no secret in it.
 */
int keylog_read(const char *path, char **text, size_t *size, size_t *lines);

/*
 * A key log that grows while its secrets are wanted. What it held at the start is of connections
 * from before, and left out. It need not be there yet.
 */
struct keylog;

/* Logs what is wrong. Returns 0 or a negative errno. */
int keylog_follow(struct keylog **out, const char *path);

/* Reads what has come. Returns the secrets so far, the keylog's own; their bytes only grow. */
const char *keylog_poll(struct keylog *keylog, size_t *size);

struct keylog_counts {
	__u64 lines;
	__u64 refused; /* lines that are no secrets, or for which there was no room */
};

struct keylog_counts keylog_counts(const struct keylog *keylog);
void keylog_free(struct keylog *keylog); /* NULL is fine */

/* Is this one line of a key log, without its newline: LABEL, client random, secret (RFC 9850 2)? */
int keylog_check_line(const char *line, size_t size);
