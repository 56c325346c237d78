/* SPDX-License-Identifier: GPL-2.0-or-later */
/* collect.h - the sources of records */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "event.h"
#include "fact_request.h"

/*
 * Theory of operation
 *
 * Every source hands finished records (header and body, bytes) to one struct record_sink: the
 * pipeline. Live these are the ring, the snapshot of open sockets, /proc, the host (names, clock,
 * interfaces, changes, facts) and the tick; offline it is a recording, in which all of the above
 * stand in the order in which they were delivered. No source looks into a record of another.
 *
 * The tick of time T is sent only after every record reserved before T was delivered: the ring
 * reads the clock first, drains until it is empty at the producer position seen then, and only
 * then hands out the tick.
 */

struct record_sink {
	/* Takes one record. Returns 0, or a negative errno that ends the source. */
	int (*take)(void *ctx, const void *record, size_t size);
	void *ctx;
};

/* Fills a header for a record made in user space: now, this kind, sizes set. */
void collect_header(struct event_header *header, enum event_kind kind, size_t body_size);

/* ---- ring ---- */

struct ring;

int ring_open(struct ring **out, int map_fd, const struct record_sink *sink);
void ring_close(struct ring *ring);
int ring_fd(const struct ring *ring); /* for epoll: readable when a quarter is full */

/*
 * Delivers every record reserved before now, then a tick of that time.
 * Returns the number of records delivered or the sink's error.
 */
int ring_drain(struct ring *ring);
/* A look at all sockets was delivered whole: the next tick says so. */
void ring_looked(struct ring *ring);

/* ---- recordings ---- */

struct record_writer;
struct outfile_limits;

/*
 * Creates a recording: mode 0600, never through a link, never over an existing file unless
 * @limits->force. With rotation every file is a recording of its own, which begins with what holds
 * from before: start, hooks, names, namespaces, interfaces, the clock. A write error (full disk) is kept: every later call returns it, record_writer_close() too.
 */
int record_writer_open(struct record_writer **out, const char *path,
		       const struct outfile_limits *limits);
int record_writer_take(struct record_writer *writer, const void *record, size_t size);
/* Where the file was moved away, goes on in a new one of its name. Returns 0 or the writer's error. */
int record_writer_reopen(struct record_writer *writer);
int record_writer_close(struct record_writer *writer); /* adds the end record; NULL is fine */

/*
 * A file or standard input ("-"), opened and its first bytes looked at: what it is called does not
 * matter. gzip and zstd are unpacked on the way.
 */
struct input;

enum input_kind { INPUT_EMPTY, INPUT_RECORDING, INPUT_PCAP, INPUT_PCAPNG, INPUT_OTHER };

/* Logs what is wrong. Returns 0 or a negative errno. */
int input_open(struct input **out, const char *path);

/* The same of one that is open: @fd is the input's, also after an error. */
int input_open_fd(struct input **out, int fd, const char *name);

/* In front of a number: standard input, kept so that it can be read twice, and called that. */
#define COLLECT_SPOOL "/proc/self/fd/"
enum input_kind input_kind(struct input *input);
void input_close(struct input *input); /* NULL is fine */

struct record_reader;

/* Reads the recording in @input, which is the reader's from now on, also after an error. */
int record_reader_new(struct record_reader **out, struct input *input);

/* @path "-" is standard input. Logs what is wrong with a file that cannot be read at all. */
int record_reader_open(struct record_reader **out, const char *path);

/*
 * Gives the next record; the bytes are valid until the next call. Records of kinds that this
 * program does not know are skipped and counted; shorter bodies of older versions are given as
 * they are (decode zero-extends).
 * Returns 1; 0 at the end; -EBADMSG damaged here, what was before stands; -EPIPE the recording ends
 * early (no end record). *@why says which in words.
 */
int record_reader_next(struct record_reader *reader, const void **record, size_t *size,
		       const char **why);

/* The same record again, without taking it: how a replay finds the facts that follow a tick. */
int record_reader_peek(struct record_reader *reader, const void **record, size_t *size);
__u64 record_reader_skipped(const struct record_reader *reader);
void record_reader_close(struct record_reader *reader);

/* ---- capture files ---- */

/*
 * Theory of operation
 *
 * Framing and files only: where a frame begins and ends, when it was captured, on which interface
 * of which link type. What is inside is decode/'s. libpcap is left out of this loop because it
 * refuses a pcapng file whose interfaces differ in link type or snapshot length, because it copies,
 * and because it has no answer but "error" where a file ends early.
 *
 * Several files are merged by time, as they would be by mergecap: the earliest frame at the front
 * of any file is next. Within a file the order stays as it is, even where time runs backwards. A
 * stamp more than a day ahead of both its neighbours is damage: the one before has the better time.
 */

struct captures;

/* What a file that this program wrote says that it lacks: bits of an interface. */
enum capture_holds {
	CAPTURE_HOLDS_HANDSHAKES = 1 << 0, /* what opens and ends connections, and not the rest */
	CAPTURE_HOLDS_FINDINGS = 1 << 1, /* what findings spoke of, and nothing else */
};

struct capture_frame {
	__u64 ts_ns; /* since the epoch */
	__u64 number; /* in its file, from 1 */
	const __u8 *bytes; /* valid until the next call */
	__u32 captured; /* how many */
	__u32 wire; /* how many it had, at least .captured */
	__u32 file; /* in the order of captures_add(), from 0 */
	__u32 interface; /* of its file, from 0, counted over all sections */
	__u32 ifindex; /* the same counted over all files, from 1: no two have the same */
	__u16 link; /* LINKTYPE_* */
	bool time_known; /* else it is the time of the frame before: the file has none, or a wrong one */
	bool direction_known;
	bool out;
	bool first; /* of its interface */
	__u8 holds; /* CAPTURE_HOLDS_* */
	const char *name; /* of the interface; "" the file has none */
};

int captures_new(struct captures **out);

/* Reads its header; @input is closed with the captures, also after an error. Logs what is wrong. */
int captures_add(struct captures *captures, struct input *input);

/*
 * Gives the next frame, valid until the next call. Returns 1; 0 when all files have ended; -ENOMEM.
 * A file that ends early or is damaged is told in one line and counted in captures_damaged(); what
 * stands before that was given, and the other files go on.
 */
int captures_next(struct captures *captures, const struct capture_frame **frame);
size_t captures_count(const struct captures *captures);
size_t captures_damaged(const struct captures *captures);
/* Bytes of the files that nobody has read yet; @total: of all, 0 where one is no file (a pipe). */
__u64 captures_left(const struct captures *captures, __u64 *total);
__u8 captures_hold(const struct captures *captures); /* CAPTURE_HOLDS_* of all frames so far */
__u64 captures_dropped(const struct captures *captures); /* by who captured, as the files tell */
void captures_free(struct captures *captures);

/* ---- snapshot ---- */

/* Delivers every record that can be read from @fd (an iterator), to its end; closes nothing. */
int snapshot_read(int fd, const struct record_sink *sink);

/* ---- processes ---- */

/*
 * Delivers a process record of @owner's process: what /proc has of it, if it still has it with that start
 * time; else what its parent tells, if that lives (lineage; unit, container and cgroup where it was in
 * the same). Returns 0; -ESRCH neither is there (nothing is delivered).
 */
struct proc;
int proc_open(struct proc **out, const struct record_sink *sink); /* remembers whom it told of */
/* At most once a process and name: exec() makes it another program. -EAGAIN: too many just now. */
int proc_look(struct proc *proc, const struct event_owner *owner);
void proc_close(struct proc *proc);

/* ---- host ---- */

struct host;

struct host_options {
	const struct record_sink *sink;
	/*
	 * An interface appeared in a watched namespace (the calling thread is in it) or went; sets
	 * the INTERFACE_F_TC_* of @interface before its record is delivered.
	 */
	void (*interface)(void *ctx, __u32 netns, __u32 ifindex, struct ev_interface *interface);
	void *ctx;
	const char *const *interfaces; /* only these by name, NULL-ended; NULL: every one */
	const char *const *namespaces; /* further namespaces by path, NULL-ended; NULL: none */
	bool all_namespaces;
};

/*
 * Opens the watchers (netlink: links, addresses, routes, rulesets) of the agent's own network
 * namespace and of those named; delivers netns and interface records of what is there.
 */
int host_open(struct host **out, const struct host_options *options);
void host_close(struct host *host);

/* Calls @visit in each further namespace that is watched: the calling thread is in it. */
void host_visit(struct host *host, void (*visit)(void *ctx), void *ctx);
int host_fd(const struct host *host); /* for epoll */
int host_poll(struct host *host); /* delivers what changed: interface, netns, change records */

/*
 * A look at each watched namespace: delivers gauge records of what is worth one: the table of
 * connections from half full on, TCP's memory when it was short of it since the last look. Returns 0
 * or the sink's error.
 */
int host_look(struct host *host);

int host_tell_start(const struct record_sink *sink, const char *version, const char *arguments);
int host_tell_clock(const struct record_sink *sink);

/*
 * Delivers the names of drop reasons, reset reasons and, lazily, symbols, from the running kernel's
 * BTF and /proc/kallsyms. @each_drop is called with every drop reason (number, name).
 */
int host_tell_names(const struct record_sink *sink,
		    void (*each_drop)(void *ctx, __u32 value, const char *name), void *ctx);
int host_tell_symbol(const struct record_sink *sink, __u64 address);

/*
 * Fetches facts in the socket's own network namespace, sending nothing on any wire, and delivers a
 * fact record for each, the last one FACT_DONE. Absent facts are told as absent.
 * @holders: gives a file descriptor of the owners' iterator (attach_iterate), negative if none.
 */
int host_fetch(struct host *host, const struct fact_request *request,
	       int (*iterate)(void *ctx, bool owners), void *ctx);
