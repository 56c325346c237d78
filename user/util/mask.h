/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mask.h - addresses and names replaced, the same by the same, for what is to be shared */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "event.h"

/*
 * Theory of operation
 *
 * A mask has a random key of its own, so that what two runs wrote cannot be laid side by side, and
 * nobody can try addresses out. Under one key:
 *
 * Addresses keep their common prefixes (two of one /24 are two of one /24 afterwards): bit i is
 * flipped or not by a keyed hash of the bits before it. What an address is for stays to be seen:
 * loopback, multicast and unspecified ones stay as they are, private and link-local ones stay
 * private and link-local, others do not become so.
 *
 * A name becomes one of the same length, label by label, in which only the dots are true.
 *
 * Text is searched for addresses, link-layer addresses and the names that were learned.
 */

struct mask;

#define MASK_NAMES_MAX 262144 /* learned names */
#define MASK_NAME_SIZE 1024 /* of 255 bytes, each written as an escape */

int mask_new(struct mask **out); /* 0 or a negative errno */
void mask_free(struct mask *mask);

/* @masked may be @address. */
void mask_address(struct mask *mask, const __u8 *address, __u8 *masked);

/* A label, or a name with dots; @masked has room for @size bytes and may be @name. */
void mask_name(const struct mask *mask, const char *name, size_t size, char *masked);

/*
 * A name that is to be replaced wherever text has it as a whole word: as it is, and as it is written
 * where odd bytes are escaped. With more than MASK_NAMES_MAX of them the mask is full.
 */
void mask_learn_name(struct mask *mask, const char *name, size_t size);

/* A name is not known that may stand in text: nothing more may be written. */
bool mask_is_full(const struct mask *mask);

/*
 * Names that a path, a cgroup or a unit is made of, in place: "/srv/jane/bin/curl" keeps srv, bin
 * and the program's name, "/system.slice/payroll.service" keeps system.slice and service.
 */
void mask_path(const struct mask *mask, char *path, size_t size);
void mask_unit(const struct mask *mask, char *path, size_t size);

/* The names that mask_path() replaces, wherever text has them as whole words. */
void mask_learn_path(struct mask *mask, const char *path, size_t size);

/* A number of 64 bits that addresses went into. */
__u64 mask_number(const struct mask *mask, __u64 number);

/*
 * Copies text and replaces in it. Returns how many bytes stand in @out; what does not fit is left
 * out. Every piece is looked at by itself: give whole lines. @json: keys stay as they are.
 */
size_t mask_text(struct mask *mask, const char *text, size_t size, bool json, char *out,
		 size_t room);
