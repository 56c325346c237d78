/* SPDX-License-Identifier: GPL-2.0-or-later */
/* named.h - findings as people name them: an id, or a pattern of the shell */
#pragma once

#include <stdbool.h>

#include "agent/options/options.h"
#include "rules/rules.h"

/* Does @pattern ("conn-*") name this finding? */
bool named_is(const struct rule *rule, const char *pattern);
bool named_in(const struct rule *rule, const struct words *patterns);

/* Each of @patterns names some finding: 0; else -EINVAL, after a line that begins with @option. */
int named_check(const struct words *patterns, const char *option);
