/* SPDX-License-Identifier: GPL-2.0-or-later */
/* record_format.h - the first bytes of a recording */
#pragma once

#include "event.h"

/*
 * file header, a row for every kind, records until the end record. A record is the bytes that
 * crossed the pipeline: struct event_header and body, one after the other without padding.
 * Numbers stand in the byte order of the machine that recorded; a foreign one is refused.
 */

#define RECORD_MAGIC "sockwhy" /* with its terminator: 8 bytes */
#define RECORD_VERSION 2 /* 1, of program version 0.1.0, is read, too (record_old.h) */
#define RECORD_BYTE_ORDER 0x01020304
#define RECORD_KINDS_MAX 256

struct record_file {
	char magic[8];
	__u32 version; /* of this layout, not of the program */
	__u32 byte_order;
	__u32 header_size; /* of struct event_header */
	__u32 kinds; /* rows that follow */
};

/* Kinds are known by name: numbers may shift between versions. */
struct record_kind {
	__u16 number;
	__u16 body_size;
	char name[28];
};

_Static_assert(sizeof(struct record_file) == 24, "in recordings");
_Static_assert(sizeof(struct record_kind) == 32, "in recordings");
