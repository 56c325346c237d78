/* SPDX-License-Identifier: GPL-2.0-or-later */
/* names.h - which name gave an address to whom; private to join */
#pragma once

#include "join/core.h"

/*
 * Theory of operation
 *
 * An answer is remembered twice an address: for the process that asked, and for everybody in its
 * namespace, because a resolver may have asked for somebody (a daemon behind a socket). Of a capture
 * both are the client's address. Who connects to the address later is told the name that this process
 * was given last; else the namespace's, if it was one name alone: many share an address.
 *
 * Of a fixed size; an address keeps its last few names, so that a connection is named by what was
 * answered before it began. What is not used for longest is forgotten.
 */

struct names;

int names_new(struct names **out); /* 0 or -ENOMEM */
void names_free(struct names *names);

/* @asker: a process's number (lookup.h), 0 unknown; @place: namespace, or of a capture the client. */
void names_note(struct names *names, __u64 asker, __u64 place, const struct dns *dns, __u64 ts_ns);

/* The name under which @address was given until @until_ns; NULL: none, or it may be several. */
const char *names_of(const struct names *names, __u64 asker, __u64 place, const __u8 *address,
		     __u64 until_ns);

__u64 names_place(__u32 netns); /* of a namespace, for the above */
__u64 names_place_of_client(const __u8 *client);
