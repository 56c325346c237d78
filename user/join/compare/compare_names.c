// SPDX-License-Identifier: GPL-2.0-or-later
/* compare_names.c - the words of compare.h's enums */

#include "join/compare/compare.h"
#include "util/array.h"

static const char *const kinds[] = {
	[COMPARE_SYN] = "SYN",	 [COMPARE_SYN_ACK] = "SYN/ACK", [COMPARE_ACK] = "ACK",
	[COMPARE_DATA] = "data", [COMPARE_FIN] = "FIN",		[COMPARE_RESET] = "RST",
};

static const char *const blinds[] = {
	[UNSURE_BEGAN_LATER] = "began-later",
	[UNSURE_ENDED_EARLIER] = "ended-earlier",
	[UNSURE_EMPTY] = "nothing-in-common",
	[UNSURE_ONE_WAY] = "one-way",
	[UNSURE_FILTER] = "filter",
	[UNSURE_CLOCK] = "clock-unknown",
	[UNSURE_DROPS] = "capture-drops",
	[UNSURE_DAMAGED] = "file-damaged",
	[UNSURE_GAPS] = "capture-gaps",
	[UNSURE_ORDER] = "order-unknown",
	[UNSURE_ROOM] = "no-room",
	[UNSURE_CUT] = "headers-cut",
	[UNSURE_SOME] = "some-packets",
};

static const char *const changes[] = {
	[CHANGED_SOURCE] = "source",
	[CHANGED_SOURCE_PORT] = "source-port",
	[CHANGED_DESTINATION] = "destination",
	[CHANGED_DESTINATION_PORT] = "destination-port",
	[CHANGED_TTL] = "ttl",
	[CHANGED_MSS] = "mss",
	[CHANGED_WSCALE] = "window-scale",
	[CHANGED_SACK] = "sack",
	[CHANGED_TIMESTAMPS] = "timestamps",
	[CHANGED_TIMESTAMP_VALUES] = "timestamp-values",
	[CHANGED_SEQUENCE] = "sequence",
	[CHANGED_IP_ID] = "ip-id",
	[CHANGED_WINDOW] = "window",
	[CHANGED_PAYLOAD] = "payload",
	[CHANGED_SEGMENTS] = "segments",
};

_Static_assert(ARRAY_SIZE(kinds) == COMPARE_KIND_COUNT, "a word for every kind");
_Static_assert(ARRAY_SIZE(blinds) == COMPARE_UNSURE_COUNT, "a word for every blind spot");
_Static_assert(ARRAY_SIZE(changes) == COMPARE_CHANGE_COUNT, "a word for every change");
_Static_assert(COMPARE_CHANGE_COUNT <= 16, "compare_way.changed has a bit for every change");

const char *compare_kind_name(unsigned int kind)
{
	return kind < ARRAY_SIZE(kinds) ? kinds[kind] : NULL;
}

const char *compare_unsure_name(unsigned int blind)
{
	return blind < ARRAY_SIZE(blinds) ? blinds[blind] : NULL;
}

const char *compare_change_name(unsigned int change)
{
	return change < ARRAY_SIZE(changes) ? changes[change] : NULL;
}
