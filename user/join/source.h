/* SPDX-License-Identifier: GPL-2.0-or-later */
/* source.h - what feeds what is known of a connection, a lookup or another subject */
#pragma once

/* Bits: what is absent is missing only if the source would have brought it. */
enum source {
	SOURCE_SOCKET = 1 << 0, /* records of its socket */
	SOURCE_SOME_PACKETS = 1 << 1, /* the notable ones, where its own pass */
	SOURCE_ALL_PACKETS = 1 << 2, /* every one that passed the hook */
	SOURCE_CAPTURE = 1 << 3, /* every one that was captured, and nothing of the host */
	SOURCE_CHOSEN =
		1 << 4, /* those that findings spoke of: what else there was, nobody knows */
};

/* How it is known who has a socket. */
enum owner_by {
	OWNER_BY_CALL, /* the process that called connect(), accept(), bind() ... */
	OWNER_BY_FILE, /* a process that has it open: who opened it was not seen */
	OWNER_BY_LISTENER, /* who listens where it came in: who accepted it was not seen */
	OWNER_BY_COUNT,
};
