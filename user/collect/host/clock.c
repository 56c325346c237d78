// SPDX-License-Identifier: GPL-2.0-or-later
/* clock.c - the header of records made here, the clocks, and who and where the agent is */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "collect/collect.h"
#include "collect/tell.h"
#include "util/clock.h"
#include "util/own.h"

void collect_header(struct event_header *header, enum event_kind kind, size_t body_size)
{
	*header = (struct event_header){
		.ts_ns = clock_read_ns(CLOCK_MONOTONIC),
		.kind = kind,
		.size = sizeof(*header) + body_size,
		.vantage = VANTAGE_USER,
	};
}

int tell(const struct record_sink *sink, enum event_kind kind, const struct tell_where *where,
	 const void *body, size_t body_size)
{
	struct {
		struct event_header head;
		__u8 body[EVENT_SIZE_MAX - sizeof(struct event_header)];
	} record;

	collect_header(&record.head, kind, body_size);
	if (where) {
		record.head.netns = where->netns;
		record.head.ifindex = where->ifindex;
		record.head.known = where->known;
	}
	memcpy(record.body, body, body_size);
	return sink->take(sink->ctx, &record, record.head.size);
}

int host_tell_clock(const struct record_sink *sink)
{
	struct ev_clock body = {
		.monotonic_ns = clock_read_ns(CLOCK_MONOTONIC),
		.realtime_ns = clock_read_ns(CLOCK_REALTIME),
		.boottime_ns = clock_read_ns(CLOCK_BOOTTIME),
	};

	return tell(sink, EVENT_CLOCK, NULL, &body, sizeof(body));
}

/* "0a1b2c3d-…" without the dashes, 16 bytes. Left zero where /proc does not tell. */
static void read_boot_id(__u8 *id)
{
	char text[64] = "";
	size_t digits = 0;
	unsigned int byte;

	if (tell_read_file("/proc/sys/kernel/random/boot_id", text, sizeof(text)) < 0)
		return;
	for (char *at = text; *at && digits < 32;) {
		if (*at == '-') {
			at++;
			continue;
		}
		if (sscanf(at, "%2x", &byte) != 1)
			break;
		id[digits / 2] = byte;
		digits += 2;
		at += 2;
	}
}

int host_tell_start(const struct record_sink *sink, const char *version, const char *arguments)
{
	struct ev_start body = { .pid = getpid() };
	unsigned int major = 0, minor = 0, patch = 0;
	struct utsname names;

	if (uname(&names))
		return -errno;
	sscanf(names.release, "%u.%u.%u", &major, &minor, &patch);
	body.kernel_version = major << 16 | (minor & 0xff) << 8 | (patch > 255 ? 255 : patch);
	tell_copy(body.version, version, sizeof(body.version));
	tell_copy(body.release, names.release, sizeof(body.release));
	tell_copy(body.machine, names.machine, sizeof(body.machine));
	tell_copy(body.host, names.nodename, sizeof(body.host));
	tell_copy(body.arguments, arguments ? arguments : "", sizeof(body.arguments));
	read_boot_id(body.boot_id);
	return tell(sink, EVENT_START, NULL, &body, sizeof(body));
}

void tell_copy(char *to, const char *from, size_t size)
{
	size_t length = strnlen(from, size - 1);

	memcpy(to, from, length);
	memset(to + length, 0, size - length);
}

int tell_read_at(int dir, const char *path, char *buffer, size_t size)
{
	_cleanup_close_ int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	size_t length = 0;

	if (fd < 0)
		return -errno;
	while (length < size - 1) {
		ssize_t n = read(fd, buffer + length, size - 1 - length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		length += n;
	}
	buffer[length] = '\0';
	return length;
}

int tell_read_file(const char *path, char *buffer, size_t size)
{
	return tell_read_at(AT_FDCWD, path, buffer, size);
}
