/* SPDX-License-Identifier: GPL-2.0-or-later */
/* subject.h - what an attempt may be about: a row each */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "event.h"

/*
 * An attempt is about openings, a call, a listener, a lookup, a connection or an address. Who judges
 * it, tells it or writes its packets asks the row of its subject and never which one it is. The
 * rules of a subject alone read what only that subject has. Another subject is another row, what
 * feeds it, and its rules.
 */

struct attempt;
struct evidence;
struct join;
struct opening;
struct outcome;
struct packet_span;
struct standing;

/* What an attempt has come to when it is judged. */
enum wake {
	WAKE_NONE, /* there is nothing to judge */
	WAKE_PENDING = 1 << 0, /* connect: still open, the second SYN was sent */
	WAKE_FAILED = 1 << 1, /* connect: the last opening failed */
	WAKE_WORKED = 1 << 2, /* connect: an opening worked */
	WAKE_BIND =
		1 << 3, /* bind() or listen() failed, or socket() or accept() got no descriptor */
	WAKE_OVERFLOW = 1 << 4, /* a listener's accept queue overflowed */
	/* a lookup of a capture failed or was late, or a datagram met trouble */
	WAKE_LOOKUP = 1 << 5,
	WAKE_CONNECTION = 1 << 6, /* an established connection is over */
	WAKE_CLAIMS = 1 << 7, /* two link addresses claim one address */
	WAKE_STALLED = 1 << 8, /* data of an established connection hangs */
	WAKE_UNIX = 1 << 9, /* connect() to a Unix socket failed */
	WAKE_KNOCK = 1 << 14, /* clients of other machines were not let in */
	WAKE_KEPT = 1 << 15, /* a process keeps more and more half-closed connections */
	WAKE_GAUGE = 1 << 13, /* something of the host is full, or short */
};

/* What can be said of any subject. Zeros are unknown. */
struct subject_about {
	struct event_tuple tuple; /* from the side of whom it is told of */
	__u64 cookie;
	__s32 error; /* errno of the call that failed, positive; 0 none */
	const struct event_owner *owner; /* where the attempt itself has none; NULL */
	const char *name; /* that is looked up; NULL none */
	__u8 sources; /* enum source: what tells of it */
	const char *path; /* of a Unix socket, instead of addresses; NULL none */
	bool lasted; /* how long it took from its begin to its end is known */
};

/* Findings of one rule and one owner make a group when these bytes are the same. */
struct subject_key {
	__u8 bytes[320];
	size_t size;
};

struct subject {
	const char *name; /* "connect" */
	const char *failed; /* "could not connect to": of a headline; NULL: what was seen says it */
	const char *role; /* of whom it is told of: "client", "listener", "neighbor" */
	/* Where to check what a capture holds, whatever its rules name: "its network"; NULL: there. */
	const char *checks_on;
	/* Goes into the ids of groups, which stand in output: never again another's. */
	__u8 number;
	__u16 wakes; /* WAKE_*: what it may come to */
	/* how many work is not known, or most are no failures: the sum of attempts leaves it out */
	bool uncounted;
	/* its verdict has the time of its end, however long it settled: nothing came of it since */
	bool told_at_end;
	/*
	 * What it has come to, of several of .wakes, and the opening that stands for it, NULL none.
	 * NULL: its only wake.
	 */
	enum wake (*wake)(const struct attempt *attempt, const struct opening **opening);
	void (*about)(const struct attempt *attempt, struct subject_about *about);
	/* @opening: which its verdict speaks of, NULL none; @severity: for where it tells groups apart */
	void (*key)(const struct attempt *attempt, const struct opening *opening, __u8 severity,
		    struct subject_key *key);
	/* As attempt_evidence(). */
	size_t (*evidence)(const struct attempt *attempt, struct evidence *evidence, size_t room,
			   size_t *omitted);
	/* What became of its connection; NULL: it is about none, or not that far. */
	void (*outcome)(const struct join *join, const struct attempt *attempt,
			struct outcome *outcome);
	/* The same as its packets tell it beside that; false: not all of them came. NULL: never. */
	bool (*by_packets)(const struct join *join, const struct attempt *attempt,
			   struct outcome *outcome);
	/* The @index-th span of its packets (whose.h), to its end; false: no more. NULL: none. */
	bool (*packets)(const struct attempt *attempt, size_t index, struct packet_span *span);
	/* It was told: what its attempt held is given back. NULL: there is nothing. */
	void (*release)(struct join *join, const struct attempt *attempt);
};

#define SUBJECTS(X)                                                     \
	X(connect)                                                      \
	X(bind)                                                         \
	X(listen)                                                       \
	X(socket)                                                       \
	X(accept)                                                       \
	X(unix) /* connect() to a Unix socket */                        \
	X(overflow)                                                     \
	X(knock) /* clients of other machines that are not let in */    \
	X(lookup) /* of a name, or another datagram that nobody took */ \
	X(send) /* a datagram that was not let go */                    \
	X(receiver) /* a UDP socket whose queue is full */              \
	X(connection) /* an established one of a capture */             \
	X(standing) /* an established one of this host, as client */    \
	X(served) /* .. and as server */                                \
	X(kept) /* half-closed ones, of a client */                     \
	X(kept_served) /* .. of a server */                             \
	X(claims) /* of one address by two machines */                  \
	X(host) /* something of it is full, or short */

#define SUBJECT_DECLARE(name) extern const struct subject subject_##name;
SUBJECTS(SUBJECT_DECLARE)

/* Does who has that role ask, and the remote side is where? Else it stands where others come to. NULL asks. */
bool subject_role_asks(const char *role);

/* Appends to a key; what does not fit is left out. */
void subject_key_add(struct subject_key *key, const void *bytes, size_t size);

/* Its ends, from the side of whom it is told of; ports and addresses may be zero. */
void subject_tuple(const struct attempt *attempt, struct event_tuple *tuple);

/*
 * What attempt_outcome() has of its socket, by its packets: of a followed command, where every one of them came
 * (OUTCOME_SOCKET is not known); false: they did not. Where the socket tells nothing attempt_outcome() has it.
 */
bool attempt_packets_outcome(const struct join *join, const struct attempt *attempt,
			     struct outcome *outcome);

/* attempt_evidence(), and the packets that such an outcome rests on. */
size_t attempt_packets_evidence(const struct join *join, const struct attempt *attempt,
				struct evidence *evidence, size_t room, size_t *omitted);
