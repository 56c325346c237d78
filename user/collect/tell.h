/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tell.h - what the sources share: making a record, reading a small file */
#pragma once

#include <fcntl.h>

#include "collect/collect.h"
#include "util/clock.h"

struct tell_where {
	__u32 netns;
	__u32 ifindex;
	__u32 known;
};

/*
 * Makes a record of @kind and gives it to @sink. @where may be NULL; @body_size is at most
 * EVENT_SIZE_MAX less the header. Returns what the sink returns.
 */
int tell(const struct record_sink *sink, enum event_kind kind, const struct tell_where *where,
	 const void *body, size_t body_size);

/* Copies a text, cut to fit and filled up with zeros: records carry no stack bytes. */
void tell_copy(char *to, const char *from, size_t size);

/*
 * Reads a small file, at most @size - 1 bytes, and terminates it.
 * Returns its length or a negative errno.
 */
int tell_read_file(const char *path, char *buffer, size_t size);
int tell_read_at(int dir, const char *path, char *buffer, size_t size);
