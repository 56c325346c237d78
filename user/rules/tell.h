/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tell.h - the parts of a finding that do not depend on its rule; private to rules/ */
#pragma once

#include "rules/rule.h"

/* Everything but summary, cause, checks and related parties. */
void tell_frame(const struct view *view, const struct verdict *verdict, struct finding *finding);

/* The words of a cleared finding. */
void tell_cleared(const struct view *view, struct finding *finding);

__u64 tell_group(const struct join *join, const struct attempt *attempt,
		 const struct verdict *verdict);

/* As rules_storm(). */
__u64 tell_storm(const struct join *join, const struct attempt *attempt,
		 const struct verdict *verdict);

/* ---- tell_changes.c ---- */

/* What changed on this host shortly before, and concerns this connection: the last that did. */
void tell_changes(const struct view *view, struct finding *finding);
