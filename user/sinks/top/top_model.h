/* SPDX-License-Identifier: GPL-2.0-or-later */
/* top_model.h - what the files of the model share; private to this folder */
#pragma once

#include "sinks/top/top.h"

#define TOP_TEXT_MOST 16384 /* bytes of a finding's text; what is longer is cut */

struct top {
	struct top_options options;
	struct top_row *rows[TOP_TABLE_COUNT]; /* sets */
	__u64 gone;
	__u64 looked_ns; /* when the last look ended; 0: none was made */

	enum top_table followed_table;
	__u64 followed;
	struct top_connection kept[TOP_CONNECTIONS_MOST];
	size_t connections;
	__u64 connections_seen;

	struct top_finding findings[TOP_FINDINGS_MOST];
	__u64 numbers; /* given out */
	FILE *file; /* into .text */
	char *text;
	size_t text_size;
};

/* Whose something is, and at which server's end. */
struct top_whose {
	const struct event_owner *owner; /* NULL unknown */
	const __u8 *address;
	const char *name; /* that was looked up; NULL unknown */
	__u16 port;
	bool client; /* the owner's end is the client's */
	__u32 netns;
};

struct top_whose top_whose_of(const struct event_owner *owner, const struct event_tuple *tuple,
			      bool client, __u32 netns);
/* @tuple: where the address stands. */
struct top_whose top_whose_of_attempt(const struct join *join, const struct attempt *attempt,
				      struct event_tuple *tuple);
__u64 top_key(enum top_table table, const struct top_whose *whose); /* 0: none */

/* Its row, made if there is none; NULL: it has none. */
struct top_row *top_row_of(struct top *top, enum top_table table, const struct join *join,
			   const struct top_whose *whose, __u64 now_ns);

/* ---- top_findings.c ---- */

int top_findings_open(struct top *top); /* 0 or -ENOMEM */
void top_findings_close(struct top *top);
void top_findings_take(struct top *top, const struct join *join, const struct finding *finding,
		       const __u64 keys[TOP_TABLE_COUNT]);
void top_findings_count(struct top *top, __u64 group); /* another one that is not told */
