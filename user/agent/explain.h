/* SPDX-License-Identifier: GPL-2.0-or-later */
/* explain.h - which findings end a call with which errno, and which are behind a word */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct explain_errno {
	int error;
	const char *findings[12]; /* NULL-ended */
	const char *check;
};

const struct explain_errno *explain_errno_row(size_t index); /* NULL at the end */

/* What getaddrinfo() says: no errno, and no connection was tried. */
struct explain_lookup {
	int error; /* EAI_* */
	const char *name;
	const char *means;
	const char *findings[6]; /* NULL-ended */
	const char *check;
};

/* By "EAI_AGAIN" or by the C library's words of it; NULL: it is none. */
const struct explain_lookup *explain_lookup_named(const char *word);
const struct explain_lookup *explain_lookup_row(size_t index); /* NULL at the end */

/* The errno of "ECONNREFUSED", "111" or "Connection refused"; 0: it is none. */
int explain_errno_of(const char *word);

struct rule;

/* Is the word ("refused", "timeout", "reset") in its name or its meaning, or in an errno that it ends with? */
bool explain_behind(const struct rule *rule, const char *word);
