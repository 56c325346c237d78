/* SPDX-License-Identifier: GPL-2.0-or-later */
/* assemble_field.h - a record under construction; for assemble.c */
#pragma once

#include <stdbool.h>

#include "decode/decode.h"

#define NAMES_MAX 512

/* Where in the text we are, and what the records before taught. */
struct context {
	const char *file;
	unsigned int line;
	unsigned int names;
	struct {
		__u64 value;
		__u32 space;
		char text[60];
	} name[NAMES_MAX]; /* what the name records said */
};

struct record {
	struct event_header head;
	__u8 body[EVENT_SIZE_MAX] __attribute__((aligned(8)));
	__u32 known; /* of the fields given */
	bool vantage_given;
};

/* Tells it with file and line. Returns -EINVAL. */
int mistake(const struct context *context, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* NULL if the table has no field of that name. */
const struct field *record_field(const struct field *fields, const char *name);

/* Does what one word of the line says, "field=value" or a flag of the header; alters the word. */
int record_set(const struct context *context, struct record *record, char *token);

/* Sets header.known: the bits of the fields given, altered by the words "known=…" of the line. */
int record_set_known(const struct context *context, struct record *record, char **tokens,
		     int count);
