/* SPDX-License-Identifier: GPL-2.0-or-later */
/* log.h - what the program says about itself: one line each on standard error */
#pragma once

#include <stdarg.h>
#include <stdio.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/*
 * What is said holds names of files, of options and of what else somebody typed: in every line, what
 * would drive a terminal, end the line or change the order of characters is written as \xNN.
 */

/* The same of text that goes elsewhere. */
void log_put_shown(FILE *file, const char *text);

/* Lines above this level are not printed (-q: ERROR, default INFO, -vv: DEBUG). */
void log_set_level(enum log_level level);

/* What stands before every error from now on: "FILE:3: ", of which it speaks; NULL nothing. */
void log_set_place(const char *place);

/* "sockwhy: SUBJECT: what failed: why" on standard error. */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A second line, "hint: how to mend it". */
void log_hint(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Logs the line with ": " and the text of errno -@error, and returns @error.
 * @error: negative errno.
 */
int log_error_r(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));
