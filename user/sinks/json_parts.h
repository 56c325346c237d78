/* SPDX-License-Identifier: GPL-2.0-or-later */
/* json_parts.h - what the lines of JSON have in common */
#pragma once

#include "sinks/json_write.h"
#include "sinks/sink.h"

#define JSON_SCHEMA 1
/* A line with its newline: readers of lines have buffers. */
#define LINE_MOST 16384

/* Unknown is absent: a time before the first clock, an address of zeros, errno 0. */
void json_put_time(struct json *json, const char *key, const struct join *join, __u64 ns);
void json_put_real_time(struct json *json, const char *key, __u64 realtime_ns);
void json_put_hex(struct json *json, const char *key, __u64 value); /* 16 digits */
void json_put_host(struct json *json, const struct join *join);
void json_put_errno(struct json *json, const char *key, __s32 error);
void json_put_address(struct json *json, const char *key, const __u8 *address);
void json_put_end(struct json *json, const char *key, const __u8 *address, __u16 port);
/* @name: "" or NULL unknown */
void json_put_end_named(struct json *json, const char *key, const __u8 *address, __u16 port,
			const char *name);
bool json_address_set(const __u8 *address);

/* Opens the object: type, schema, time. */
void json_put_begin(struct json *json, const struct join *join, const char *type, __u64 ns);

/* Opens the host's object, with its name; false: nobody knows it, and nothing is open. */
bool json_open_host(struct json *json, const struct join *join, struct text *boot_id);

/* The same, as text: false nobody knows. @name: of the size of ev_start's .host, not ended by a zero */
bool json_say_host(const struct json *json, const struct join *join, char *name,
		   struct text *boot_id);

/* ---- json.c: of findings ---- */

const char *json_protocol(const struct event_tuple *tuple); /* "tcp" */
void json_put_community(struct json *json, const struct event_tuple *tuple);
void json_put_group(struct json *json, const struct finding *finding);
void json_put_checks(struct json *json, const struct finding *finding);
void json_put_counts(struct json *json, const struct finding *finding); /* and what was not seen */

/*
 * What stands in a line before, and behind, what every form of it tells alike: who else was there, what changed, evidence.
 * The line of @head is open, that of @tail (400 bytes at most) closed. Not @checks: there was no room for them.
 */
struct json_shape {
	void (*head)(struct json *json, const struct join *join, const struct finding *finding,
		     bool checks);
	void (*tail)(struct json *json, const struct finding *finding);
};

void json_finding_as(struct sink *sink, const struct join *join, const struct finding *finding,
		     const struct json_shape *shape);

/* Of sink_json_ops. */
void json_finding(struct sink *sink, const struct join *join, const struct finding *finding);
