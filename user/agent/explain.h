/* SPDX-License-Identifier: GPL-2.0-or-later */
/* explain.h - which findings end a call with which errno */
#pragma once

#include <stddef.h>

struct explain_errno {
	int error;
	const char *findings[6]; /* NULL-ended */
	const char *check;
};

const struct explain_errno *explain_errno_row(size_t index); /* NULL at the end */
