// SPDX-License-Identifier: GPL-2.0-or-later
/* keylog.c - a TLS key log as browsers and libraries write it (SSLKEYLOGFILE) */

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "agent/output/keylog.h"
#include "sinks/packets/pcapng.h"
#include "util/log.h"
#include "util/own.h"
#include "util/privilege.h"

#define LABEL_MAX 40
#define RANDOM_DIGITS 64 /* RFC 8446 4.1.2: 32 bytes */
#define SECRET_DIGITS_MAX 512

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static size_t count_hex(const char *at, size_t size)
{
	size_t n = 0;

	while (n < size && is_hex(at[n]))
		n++;
	return n;
}

int keylog_check_line(const char *line, size_t size)
{
	size_t label = 0, digits;

	while (label < size && ((line[label] >= 'A' && line[label] <= 'Z') || line[label] == '_' ||
				(line[label] >= '0' && line[label] <= '9')))
		label++;
	if (!label || label > LABEL_MAX || label == size || line[label] != ' ')
		return -EINVAL;
	line += label + 1;
	size -= label + 1;
	digits = count_hex(line, size);
	/* "RSA": the first 8 bytes of the encrypted premaster secret stand for the random */
	if ((digits != RANDOM_DIGITS && digits != 16) || digits == size || line[digits] != ' ')
		return -EINVAL;
	line += digits + 1;
	size -= digits + 1;
	digits = count_hex(line, size);
	return digits && digits == size && !(digits & 1) && digits <= SECRET_DIGITS_MAX ? 0 :
											  -EINVAL;
}

static int load(int fd, char *text, size_t room, size_t *size)
{
	*size = 0;
	while (*size < room) {
		ssize_t n = read(fd, text + *size, room - *size);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (!n)
			return 0;
		*size += n > 0 ? n : 0;
	}
	return -EFBIG;
}

/* Moves the good lines together. Returns how long they are. */
static int sift(const char *path, char *text, size_t *size, size_t *lines)
{
	size_t kept = 0, number = 0;
	char *at = text, *end = text + *size, *newline;

	for (; (newline = memchr(at, '\n', (size_t)(end - at))); at = newline + 1) {
		size_t length = (size_t)(newline - at);

		number++;
		if (length && at[length - 1] == '\r')
			length--;
		if (!length || at[0] == '#')
			continue;
		if (keylog_check_line(at, length)) {
			log_error("%s: line %zu is no line of a TLS key log", path, number);
			log_hint(
				"SSLKEYLOGFILE=FILE makes a program write one, openssl has -keylogfile");
			return -EINVAL;
		}
		memmove(text + kept, at, length);
		kept += length;
		text[kept++] = '\n';
		(*lines)++;
	}
	*size = kept;
	return 0;
}

int keylog_read(const char *path, char **text, size_t *size, size_t *lines)
{
	_cleanup_close_ int fd = privilege_open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	_cleanup_free_ char *loaded = NULL;
	int err;

	*text = NULL;
	*lines = 0;
	if (fd < 0)
		return log_error_r(-errno, "--keylog %s", path);
	loaded = malloc(PCAPNG_SECRETS_MAX);
	if (!loaded)
		return log_error_r(-ENOMEM, "--keylog %s", path);
	err = load(fd, loaded, PCAPNG_SECRETS_MAX, size);
	if (err)
		return log_error_r(err, "--keylog %s", path);
	err = sift(path, loaded, size, lines);
	if (!err && !*lines) {
		log_error("--keylog %s: there is no secret in it", path);
		return -ENODATA;
	}
	if (!err)
		*text = take_ptr(loaded);
	return err;
}
