/* SPDX-License-Identifier: GPL-2.0-or-later */
/* evidence.h - what was seen, in bounded lists out of one pool; private to join */
#pragma once

#include "join/join.h"

/*
 * Whoever sees something adds it to a list that it was given and knows nothing of who will read it:
 * the list of an opening is that of its attempt. Of a long list the first entries and the last stay.
 */

#define EVIDENCE_HEAD 16 /* of the kept entries, so many are the first ones */

struct evidence_slot {
	struct evidence evidence;
	struct evidence_slot *next;
};

struct evidence_list {
	struct evidence_slot *first; /* oldest first */
	struct evidence_slot *middle; /* the last of the first ones */
	struct evidence_slot *last;
	__u32 kept; /* at most JOIN_EVIDENCE_MAX */
	__u32 count; /* may exceed what is kept */
};

struct evidence_pool;

/* Room for @room entries of all lists; it is touched only when used. Returns 0 or -ENOMEM. */
int evidence_pool_new(struct evidence_pool **out, size_t room);
void evidence_pool_free(struct evidence_pool *pool);

/* Counts it, and keeps it if the pool has room. */
void evidence_add(struct evidence_pool *pool, struct evidence_list *list,
		  const struct evidence *evidence);

/* Moves what @from keeps to the end of @to, as of the opening @index, and empties @from. */
void evidence_move(struct evidence_pool *pool, struct evidence_list *from, struct evidence_list *to,
		   __u8 index);

/* Gives back what the list keeps. */
void evidence_release(struct evidence_pool *pool, struct evidence_list *list);

/* What was placed late stands where it belongs in time. Returns how many were copied, at most @room. */
size_t evidence_copy(const struct evidence_list *list, struct evidence *evidence, size_t room);

/* Of a record, with what every kind has. */
struct evidence evidence_of(const struct event *event);
/* The same, of a record of a socket: with its states, errors and what was sent again in a row. */
struct evidence evidence_of_socket(const struct event *event);
/* Fills in what the packet tells of itself. */
void evidence_note_packet(struct evidence *evidence, const struct packet *packet);
