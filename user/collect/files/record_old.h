/* SPDX-License-Identifier: GPL-2.0-or-later */
/* record_old.h - bodies of recordings of format 1, as this program has them */
#pragma once

#include <stddef.h>

#include "event.h"

#define RECORD_VERSION_OLD 1

/*
 * Sockets had two sets of counters there: their own, which counted a FIN as a byte, and struct
 * event_flow, where figures were asked for. The other kinds stand as they are.
 *
 * Puts the body of @size bytes at @from, of a kind with @head->kind (ours), to @to, which has room for
 * any body, and clears the bits of @head->known that it does not have. Returns the bytes at @to,
 * 0: this kind did not change.
 */
size_t record_old_body(struct event_header *head, const void *from, size_t size, void *to);
