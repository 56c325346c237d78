// SPDX-License-Identifier: GPL-2.0-or-later
/* log.c - what the program says about itself */

#include <stdio.h>
#include <string.h>

#include "util/log.h"
#include "util/text.h"

/* The state that is not passed: diagnostics must work before anything exists. */
static enum log_level log_level = LOG_LEVEL_INFO;
/* Whose words are wrong is known far above of who finds it. */
static const char *log_place;

void log_set_level(enum log_level level)
{
	log_level = level;
}

void log_set_place(const char *place)
{
	log_place = place;
}

void log_put_shown(FILE *file, const char *text)
{
	size_t left = strlen(text);

	while (left) {
		size_t length = text_utf8_length(text, left);

		if (length)
			fwrite(text, 1, length, file);
		else
			fprintf(file, "\\x%02x", (unsigned char)*text);
		length += !length;
		text += length;
		left -= length;
	}
}

static void print_line(enum log_level level, const char *prefix, const char *format, va_list args,
		       int error)
{
	char line[8192]; /* a path is at most 4096 */

	if (level > log_level)
		return;
	vsnprintf(line, sizeof(line), format, args);
	flockfile(stderr);
	fputs(prefix, stderr);
	if (log_place && prefix[0] == 's')
		log_put_shown(stderr, log_place);
	log_put_shown(stderr, line);
	if (error)
		fprintf(stderr, ": %s", strerror(-error));
	fputc('\n', stderr);
	funlockfile(stderr);
}

#define LOG_LINE(level, prefix, error)                          \
	do {                                                    \
		va_list args;                                   \
		va_start(args, format);                         \
		print_line(level, prefix, format, args, error); \
		va_end(args);                                   \
	} while (0)

void log_error(const char *format, ...)
{
	LOG_LINE(LOG_LEVEL_ERROR, "sockwhy: ", 0);
}

void log_info(const char *format, ...)
{
	LOG_LINE(LOG_LEVEL_INFO, "sockwhy: ", 0);
}

void log_debug(const char *format, ...)
{
	LOG_LINE(LOG_LEVEL_DEBUG, "sockwhy: ", 0);
}

void log_hint(const char *format, ...)
{
	LOG_LINE(LOG_LEVEL_ERROR, "hint: ", 0);
}

int log_error_r(int error, const char *format, ...)
{
	LOG_LINE(LOG_LEVEL_ERROR, "sockwhy: ", error);
	return error;
}
