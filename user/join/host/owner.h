/* SPDX-License-Identifier: GPL-2.0-or-later */
/* owner.h - processes that own sockets, each kept once; for join */
#pragma once

#include <stddef.h>

#include "event.h"

/*
 * Theory of operation
 *
 * An owner is 96 bytes, and a process has many sockets. So an owner is kept once, as long as
 * somebody uses it, and everybody else keeps its number. It is found by process and start time, but
 * two are the same only when everything that is told of them is: a thread of another name, or what
 * the process became by exec, is another owner.
 *
 * Every use is counted: owners_take() and owners_keep() begin one, owners_drop() ends it; whoever
 * shows a pointer to one instead keeps it by owners_set(). When every place is in use a further
 * owner has no number, and its socket none that is known.
 */

struct owners;

int owners_new(struct owners **out, size_t room); /* 0 or -ENOMEM */
void owners_free(struct owners *owners); /* NULL is fine */

/* The owner's number, with one use more; 0: there is no place for it. */
__u32 owners_take(struct owners *owners, const struct event_owner *owner);
__u32 owners_keep(struct owners *owners, __u32 number); /* gives @number back; 0 is fine */
void owners_drop(struct owners *owners, __u32 number); /* 0 is fine */

const struct event_owner *owners_at(const struct owners *owners, __u32 number); /* NULL of 0 */

/*
 * Ends the use of the owner that *@kept points to, begins one of @owner and points there. NULL, in
 * both: none. *@kept is NULL as well where there is no place.
 */
void owners_set(struct owners *owners, const struct event_owner **kept,
		const struct event_owner *owner);

size_t owners_used(const struct owners *owners);
