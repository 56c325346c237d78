/* SPDX-License-Identifier: GPL-2.0-or-later */
/* compare.h - what two captures together say of one connection: one verdict */
#pragma once

#include <stdbool.h>

#include "join/compare/compare.h"
#include "util/text.h"

/*
 * Theory of operation
 *
 * A and B are the captures in the order of the command line. The verdict names the place where a
 * connection failed: the first step that one side saw and the other did not. Not seen counts only
 * where join/compare/compare.h has no reason against it; with such a reason the verdict is cannot-tell, and says
 * it. What two captures tell of other machines is at most likely; possible where a capture may
 * have missed something.
 */

#define VERDICTS(X)                                                                         \
	X(PASSED, "passed", "it went through")                                              \
	X(DELAYED, "delayed", "it went through, some packets late")                         \
	X(LOSSY, "lossy", "it went through, some packets were lost between")                \
	X(LARGE_LOST, "large-lost", "only large packets were lost between")                 \
	X(SYN_LOST, "syn-lost", "the SYN never reached the other side")                     \
	X(SYN_REJECTED, "syn-rejected", "something between refused the SYN")                \
	X(SERVER_SILENT, "server-silent", "the SYN arrived and was not answered")           \
	X(SERVER_REFUSED, "server-refused", "the server's side refused")                    \
	X(ANSWER_LOST, "answer-lost", "the server's answer never came back")                \
	X(ANSWER_BETWEEN, "answer-between", "something between answered for the server")    \
	X(ACK_LOST, "ack-lost", "the handshake's last ACK was lost between")                \
	X(CLIENT_SILENT, "client-silent", "the client did not finish the handshake")        \
	X(RESET_BY_CLIENT, "reset-by-client", "the client's side reset it")                 \
	X(RESET_BY_SERVER, "reset-by-server", "the server's side reset it")                 \
	X(RESET_BETWEEN, "reset-between", "something between reset it")                     \
	X(RESET_LOST, "reset-lost", "a reset was sent and never reached the other side")    \
	X(PATH_DIED, "path-died", "from some time on nothing got through in one direction") \
	X(ONE_SIDED, "one-sided", "one capture alone has it, and there it worked")          \
	X(CANNOT_TELL, "cannot-tell", "the captures do not tell")

enum comparison_id {
#define X(id, name, what) VERDICT_##id,
	VERDICTS(X)
#undef X
		VERDICT_COUNT
};

struct comparison {
	__u8 id; /* enum comparison_id */
	__u8 severity; /* enum severity */
	__u8 confidence; /* enum confidence */
	__u32 unsure; /* BIT(enum compare_unsure): why it is not more than possible, or cannot be told */
	__u8 unsure_of; /* the side that may have missed something */
	char what[320];
	char why[320];
};

const char *comparison_name(unsigned int id); /* "syn-lost" */

/* "A's capture begins later": what a bit of .unsure means of side @side. */
void comparison_print_unsure(struct text *text, unsigned int unsure, unsigned int side);

void comparison_of(const struct compare_result *result, const struct compare_clock *clock,
		   struct comparison *verdict);
