/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flow_columns.h - the figures of a connection by name; private to this folder */
#pragma once

#include "sinks/sink.h"

enum flow_type {
	FLOW_NUMBER,
	FLOW_ID, /* 16 digits, as findings have it */
	FLOW_TIME, /* of a record */
	FLOW_WORD,
	FLOW_TEXT, /* of foreign origin: a process's name */
	FLOW_ADDRESS,
	FLOW_TRUTH,
};

/* What a column holds for one connection. */
struct flow_value {
	bool known;
	__u64 number; /* FLOW_NUMBER, FLOW_ID, FLOW_TIME, FLOW_TRUTH */
	const char *word;
	size_t size; /* FLOW_TEXT: most bytes of .word */
	const __u8 *address;
};

struct flow_column {
	const char *name;
	__u8 type; /* enum flow_type */
	bool ascending; /* --sort: the smallest first, which is no figure but a place */
	/* @side: index of the side, for the columns of one side. */
	void (*get)(const struct flow_source *source, __u8 side, struct flow_value *value);
};

/* Of the connection, and of each of its sides; ended by a row without a name. */
extern const struct flow_column flow_columns[];
extern const struct flow_column flow_side_columns[];

struct flow_value flow_get(const struct flow_column *column, const struct flow_source *source,
			   __u8 side);

/* "client" or "server"; NULL of FIGURES_NEITHER. */
const char *flow_side_name(const struct figures *figures, int side);
const char *
flow_state_name(const struct figures *figures); /* "ESTABLISHED"; NULL unknown, or over */
const char *flow_role(const struct figures *figures); /* of this host's end; NULL unknown */

/* flow_text.c: a line for people */
void flow_text_head(const struct flows_options *options, bool sockets);
void flow_text_row(const struct flows_options *options, const struct flow_source *source,
		   bool sockets);
