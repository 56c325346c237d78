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

/* json.c, of sink_json_ops */
void json_finding(struct sink *sink, const struct join *join, const struct finding *finding);
