/* SPDX-License-Identifier: GPL-2.0-or-later */
/* message_id.h - the 128-bit number by which the journal knows a finding */
#pragma once

struct text;

/*
 * "0f6f1a…", 32 digits: the name-based UUID (version 5, RFC 9562 5.5) of the finding's id. Nothing is to
 * be kept in step: an id never changes, so its number never does.
 */
void message_id_print(struct text *text, const char *id);
