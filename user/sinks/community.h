/* SPDX-License-Identifier: GPL-2.0-or-later */
/* community.h - Community ID flow hashing, version 1, seed 0 */
#pragma once

#include "event.h"
#include "util/text.h"

/* SHA-1 (RFC 3174) of at most 119 bytes: enough for a flow, and not for keeping secrets. */
void community_sha1(const __u8 *bytes, size_t size, __u8 digest[20]);

/* Appends "1:" and the base64 of the hash of the flow, the same for both directions. */
void community_print(struct text *text, const struct event_tuple *tuple);
