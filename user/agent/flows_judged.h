/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flows_judged.h - what was judged of connections, for the rows of flows */
#pragma once

#include "join/join.h"
#include "rules/rules.h"
#include "sinks/sinks.h"

/*
 * An attempt is judged before its connection's row is told, and is gone by then. Verdicts are kept
 * by the connection's socket or stream; the oldest makes room.
 */
struct flows_judged;

int flows_judged_new(struct flows_judged **out, size_t room); /* 0 or -ENOMEM */
void flows_judged_free(struct flows_judged *judged);

/* What was judged of all the connections of @attempt: what is cleared is forgotten. */
void flows_judged_note(struct flows_judged *judged, const struct join *join,
		       const struct attempt *attempt, const struct verdict *verdict);

/*
 * Of the socket's connection that was open from @from_ns to @until_ns; 0 from before, and still.
 * NULL: nothing was found. Of several the worst, of equals the last.
 */
const struct flow_verdict *flows_judged_socket(const struct flows_judged *judged, __u64 cookie,
					       __u64 from_ns, __u64 until_ns);
const struct flow_verdict *flows_judged_stream(const struct flows_judged *judged, __u64 number);
