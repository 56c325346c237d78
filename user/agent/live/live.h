/* SPDX-License-Identifier: GPL-2.0-or-later */
/* live.h - the kernel side and the host as sources of one pipeline */
#pragma once

#include <sys/types.h>

#include "agent/output/metrics_file.h"
#include "agent/output/metrics_listen.h"
#include "agent/live/notify.h"
#include "agent/options/options.h"
#include "agent/output/flight.h"
#include "agent/output/heartbeat.h"
#include "agent/output/to_exec.h"
#include "agent/output/output.h"
#include "agent/pipeline.h"
#include "attach/attach.h"
#include "collect/collect.h"

/*
 * Theory of operation
 *
 * One epoll waits for four things: a timer of 20 ms (poll, tick and flush in one), the ring when
 * it is a quarter full, changes of the host, and signals. Whatever arrives is handed to the
 * pipeline as records, in this order at the start: start, clock, names of numbers, namespaces and
 * interfaces (each gets its packet hooks), hooks, open sockets; then the ring with its ticks.
 *
 * live_prepare() does what can fail for the user's reasons and costs nothing: files, filters,
 * names. live_start() brings the kernel side in.
 */

#define LIVE_SYMBOLS_MAX 512 /* code addresses asked for: drop locations, a few dozen on any host */

struct live {
	const struct options *options;
	struct pipeline pipeline;
	struct output output;
	struct progress status; /* watch: it lives, and what it saw */
	struct counting counting; /* watch --metrics, --listen */
	struct metrics_file metrics;
	struct metrics_listen listen;
	struct flight flight; /* watch --flight */
	struct heartbeat_timer heartbeat; /* watch --heartbeat */
	struct to_exec exec; /* watch --exec */
	struct notify notify; /* watch: the service manager */
	struct record_writer *writer;
	struct record_sink sink;
	struct attach *attach;
	struct ring *ring;
	struct host *host;
	struct proc *proc;
	const char *namespaces[WORDS_MAX + 1];
	char *namespace_paths[WORDS_MAX];

	int epoll_fd, timer_fd, signal_fd;
	__u64 interfaces; /* with packet hooks */
	__u64 sockets; /* open before the start */
	bool ended; /* live_end() */
	bool has_terminal; /* at the start: when it hangs up, that is the end */
	bool said_descriptors; /* that they do not suffice for all packet hooks */
	bool counting_foreign; /* count sockets of other namespaces only */
	bool wants_no_socket; /* resets without a socket are told by drops alone */
	bool more_facts; /* of this set come from another request */
	__u64 ticks;
	__u64 started_ns; /* realtime */
	__u64 gauges_ns; /* when the next look at the host is due; 0: none is made */
	__u64 look_ns; /* when the next look at all sockets is due; 0: none is made */
	__u64 datagrams_next_ns; /* before that nobody looks who holds which UDP socket */
	__s64 clock_offset_ns; /* realtime less monotonic, as last told */
	struct ev_lost lost, suppressed; /* as last told */

	__u64 symbols[LIVE_SYMBOLS_MAX];
	size_t symbols_count;
};

/*
 * From now on these signals are read instead of delivered: those that ask for the end or for new files, of who
 * runs a @command all that concern that, of a @flight recorder the one that asks for a bundle. Returns a descriptor
 * or a negative errno, logged.
 */
int live_signals_open(bool command, bool flight);

struct live_signal {
	int number; /* 0: none */
	int code; /* SI_USER …: who sent it */
	pid_t pid;
};

/*
 * Opens the output and the recording, checks filters, interfaces and namespaces; @hold: keep what
 * is said for the end. Returns an exit status.
 */
int live_prepare(struct live *live, const struct options *options, bool hold);

/* Loads, attaches, tells what is there. Returns 0 or a negative errno; what is wrong is logged. */
int live_start(struct live *live);

/* Follows a process and what descends from it now and later. */
int live_follow(struct live *live, __u32 pid);

/*
 * Waits for the next thing to happen, at most one tick, and takes it through the pipeline.
 * Returns 0; -ECANCELED when nothing more is wanted; another negative errno when it cannot go on.
 */
int live_step(struct live *live, struct live_signal *signal);

/* Does it ask for the end? A hangup only of a terminal that is gone. */
bool live_is_end(const struct live *live, const struct live_signal *signal);

/*
 * Steps until a signal asks for the end, or for --duration. Returns as live_step(). SIGHUP reopens
 * files that were moved away; it is the end only of a terminal that hung up.
 */
int live_run(struct live *live);

/* Delivers what has happened, then the sockets that are open, once more: their figures now. */
void live_look_again(struct live *live);

/* Steps until what ended just now has settled; another signal cuts it short. */
void live_settle(struct live *live, __u64 most_ns);

/* No record comes any more: tells the rest and the summary. Once; live_finish() does it where nobody has. */
void live_end(struct live *live);

/* Tells the rest and the summary, takes everything out again. Returns an exit status. */
int live_finish(struct live *live);

/* Frees what was prepared or started; live_finish() has done so already. */
void live_close(struct live *live);

/* ---- live_look.c: what processes leave undone, which no event tells ---- */

/* The kernel side tells no sooner than a rule would. */
void live_look_floors(const struct live *live, struct attach_options *attach);
void live_look_begin(struct live *live, bool can); /* from now on at intervals */
/* Looks at all sockets when it is time to. Returns 0 or -ECANCELED: nothing more is wanted. */
int live_look(struct live *live);
void live_gauges_begin(struct live *live); /* the first one is due now */
int live_gauges(struct live *live);

/*
 * Delivers what has happened, then every socket that is open, for its figures alone. Returns 0 or
 * a negative errno: -ECANCELED when nothing more is wanted.
 */
int live_look_figures(struct live *live);

bool live_has_terminal(void); /* one that controls this process */
__s64 live_clock_offset_ns(void); /* realtime less monotonic */
