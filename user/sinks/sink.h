/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sink.h - what a sink is made of, and the words that all of them share */
#pragma once

#include "sinks/sinks.h"
#include "util/text.h"

/* Behind enum stream_flag: a TLS alert in clear. */
enum { LOOK_ALERT = STREAM_FLAG_COUNT };

struct sink {
	const struct sink_ops *ops;
	struct sink_options options;
	__u64 lost; /* told so far */
	__u64 suppressed;
	char day[12]; /* of the last line of a text, "2026-11-20" */
	void *state; /* of a format that has one: what .open made, else the options' */
};

/* A format's functions write to options.file; sink.c looks at the file's errors. NULL: says nothing. */
struct sink_ops {
	int (*open)(struct sink *sink); /* 0 or -ENOMEM */
	int (*close)(struct sink *sink); /* frees .state; 0 or the error of a write */
	/* every record; @wanted: with a packet that no filter leaves out. 0 or the error of a write */
	int (*record)(struct sink *sink, const struct join *join, const struct event *event,
		      bool wanted);
	/* all of them once more; NULL where .wants_again is not */
	bool (*wants_again)(const struct sink *sink);
	int (*again)(struct sink *sink, const struct join *join, const struct event *event,
		     bool wanted);
	int (*again_end)(struct sink *sink, const struct join *join);
	int (*end)(struct sink *sink, const struct join *join); /* no record is left */
	/* one that is over, whether there is something to tell of it or not */
	void (*attempt)(struct sink *sink, const struct join *join, const struct attempt *attempt);
	void (*verdict)(struct sink *sink, const struct join *join, const struct attempt *attempt,
			const struct verdict *verdict, const struct finding *finding);
	void (*event)(struct sink *sink, const struct join *join, const struct event *event);
	/* @flag: enum stream_flag, or LOOK_ALERT: join_tls_alert(); the rest of what is known of the packet: join_look() */
	void (*look)(struct sink *sink, const struct join *join, const struct event *event,
		     unsigned int flag);
	/* a DNS message of a capture; @dns NULL: an ICMP error, with what it quotes */
	void (*message)(struct sink *sink, const struct join *join, const struct event *event,
			const struct dns *dns);
	/* by kind, since the start; @total: their sum; the sum grew since the last call */
	void (*lost)(struct sink *sink, const struct join *join, const struct event *event,
		     __u64 total);
	void (*finding)(struct sink *sink, const struct join *join, const struct finding *finding);
	void (*heartbeat)(struct sink *sink, const struct join *join,
			  const struct heartbeat *heartbeat);
	void (*summary)(struct sink *sink, const struct join *join, const struct summary *summary);
};

/* ---- words ---- */

/* "2026-11-20 10:31:07.412+01:00" local or UTC; "+12.345" since the start while the clock is unknown */
void say_time(struct text *text, const struct join *join, __u64 ns, bool utc);

/* The same of a time since the epoch. */
void say_realtime(struct text *text, __u64 real_ns, bool utc);

/* "2026-11-20"; false: the clock is unknown */
bool say_day(struct text *text, const struct join *join, __u64 ns, bool utc);

/* "10:31:07.412+01:00", of a clock that is known */
void say_daytime(struct text *text, const struct join *join, __u64 ns, bool utc);

/* "10:29:51+01:00": behind "since" */
void say_since(struct text *text, const struct join *join, __u64 ns, bool utc);

/* What syslog and the journal call a severity: LOG_ERR, LOG_WARNING, LOG_INFO (syslog(3)). */
int say_priority(__u8 severity);

/* "2026-11-20T10:31:07.412345678Z"; false when @realtime_ns is 0, unknown */
bool say_rfc3339(struct text *text, __u64 realtime_ns);

/* "0.33 ms", "3.0 s", "2 min" */
void say_duration(struct text *text, __u64 duration_us);

/* "ECONNREFUSED after 0.33 ms", "canceled after 3.0 s", "killed by SIGTERM", "" */
void say_end(struct text *text, const struct finding *finding);

/* "alive for 300 s: 1234 records, 0 lost, 0 shed; findings: error 3 warning 1 info 0; 21.3 MiB, 1.2 s of CPU" */
void say_heartbeat(struct text *text, const struct heartbeat *heartbeat);

/* "query", "answer", "icmp"; @dns NULL: the last */
const char *say_message(const struct dns *dns);

/* JSON's `ended`: NULL unknown */
const char *say_ended(const struct finding *finding);

/*
 * "failure"; "success": it worked in the end, late; "unknown": it hangs, or is told only as that it went on, or its end
 * is not known
 */
const char *say_outcome(const struct finding *finding);

/* "curl[4121]" */
void say_process(struct text *text, const struct event_owner *owner);

/* "web", or the number of one without a name */
void say_namespace(struct text *text, const struct join *join, __u32 netns);

/* " web.service in container db": where a process runs; nothing of one that is in neither */
void say_place(struct text *text, const struct ev_process *process);

/* "curl[4121] web.service" */
void say_owner(struct text *text, const struct finding *finding);

/* "curl web.service": of many processes of one kind */
void say_owner_name(struct text *text, const struct finding *finding);

/*
 * Whom it is told of: say_owner(), with the namespace where it is another; of a capture its address; nothing
 * where a port has nobody
 */
void say_who(struct text *text, const struct join *join, const struct finding *finding);

/* "10.0.0.2:8080 (asked for 10.96.0.10:80)": whereto, or of a listener where */
void say_target(struct text *text, const struct finding *finding);

/* "41 of 41 to this port failed since 10:29:51+01:00; 212 of 212 to its port 22 worked" */
void say_scope(struct text *text, const struct join *join, const struct finding *finding, bool utc);

/* A party that the cause has named. */
bool say_party_stands_above(const struct finding *finding, const struct party *party);

/* "10.0.0.1:45678 → 10.0.0.2:8080" */
void say_connection(struct text *text, const struct finding *finding, bool ascii);

/* "net.core.somaxconn=128": a fact of this host, one line */
void say_fact(struct text *text, const struct ev_fact *fact);

/* "dev eth0 src 10.0.0.1 via 10.0.0.254 (REACHABLE) mtu 1500" */
void say_path(struct text *text, const struct finding *finding);

/* The parties of a finding are told with more than the fact has; of what is not there nothing is. */
bool say_fact_stands_above(const struct finding *finding, const struct ev_fact *fact);

/* "nginx[30102] 127.0.0.1:8080 LISTEN in namespace web" */
void say_party(struct text *text, const struct join *join, const struct finding *finding,
	       const struct party *party);

/* "2.0 s before: route added: 10.0.0.0/24 dev eth0", "1.2 s before in namespace web: …" where that is another */
void say_changed(struct text *text, const struct join *join, const struct finding *finding,
		 const struct change *change);

/* "lost-records, started-late"; "" */
void say_blind(struct text *text, const struct finding *finding);

const char *say_change(const struct change *change); /* "route added", "link" … */
const char *say_neighbor_state(unsigned int nud); /* NULL unknown */
const char *say_reason(const struct join *join, const struct evidence *evidence);

const struct ev_fact *finding_path_fact(const struct finding *finding, enum event_fact what);
