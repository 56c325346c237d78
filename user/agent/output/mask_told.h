/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mask_told.h - names that only records of this host hold, replaced before a sink is told */
#pragma once

#include "decode/decode.h"
#include "rules/rules.h"
#include "util/mask.h"

/* Names that text is searched for: the host's, and those of a packet. */
void mask_learn_event(struct mask *mask, const struct event *event);

/*
 * Paths, cgroups, units, containers and namespaces, in place; names of programs stay, and what text
 * is searched for (addresses, names of the network) is left to mask_text().
 */
void mask_told_namespace(const struct mask *mask,
			 struct ev_netns *netns); /* before join knows it */
void mask_told_event(const struct mask *mask, struct event *event);
void mask_told_finding(const struct mask *mask, struct finding *finding);
