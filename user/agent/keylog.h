/* SPDX-License-Identifier: GPL-2.0-or-later */
/* keylog.h - a TLS key log as browsers and libraries write it (SSLKEYLOGFILE) */
#pragma once

#include <stddef.h>

/*
 * Reads the lines of secrets; comments and empty lines are left out, and a last line without its
 * newline, which somebody still writes. A line that is no secret refuses the file: what is embedded
 * must be known to be a key log. Logs what is wrong. Returns 0 or a negative errno; *@text is the
 * caller's to free and NULL when there is no secret in it.
 */
int keylog_read(const char *path, char **text, size_t *size, size_t *lines);

/* Is this one line of a key log, without its newline: LABEL, client random, secret (RFC 9850 2)? */
int keylog_check_line(const char *line, size_t size);
