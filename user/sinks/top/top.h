/* SPDX-License-Identifier: GPL-2.0-or-later */
/* top.h - what a host goes through while one watches: processes, destinations, the newest findings */
#pragma once

#include "sinks/sink.h"
#include "sinks/top/top_grid.h"

/*
 * Theory of operation
 *
 * The *model* (struct top) is a sink, which counts attempts and keeps findings, and is handed the
 * figures of sockets beside them. It knows neither terminal nor clock, and its tables are bounded.
 *
 * The *view* is what somebody looks at: a copy of the model, taken by top_view_refresh() and not
 * while it is paused; what it is sorted and filtered by, where the cursor stands, which page is open.
 * It takes keys and is drawn into a grid of any size.
 *
 * Who has the terminal (agent/top.c) hands keys in and puts the grid on the screen.
 */

enum top_table { TOP_PROCESSES, TOP_DESTINATIONS, TOP_TABLE_COUNT };

enum {
	TOP_ROWS_MOST = 32768, /* of each table */
	TOP_FINDINGS_MOST = 256,
	TOP_CONNECTIONS_MOST = 256, /* of the row that is looked into */
	TOP_NAME_SIZE = 120,
	TOP_HEADLINE_SIZE = 300,
	TOP_WORD_SIZE = 64, /* that is searched for */
};

/* ---- the model ---- */

/* A process (all of one name and cgroup), or the server's end of connections. */
struct top_row {
	__u64 key; /* 0: a free place */
	char name[TOP_NAME_SIZE];
	bool placed; /* .name says the unit, or the name that was looked up */
	bool several; /* processes of that name: .name has no pid */
	__u32 pid;
	__u64 last_ns; /* when something was told of it */
	__u64 tries; /* attempts that are over */
	__u64 failed; /* .. that failed, and connections that did */
	const struct rule *rule; /* the newest finding of it; NULL none */
	__u8 severity; /* .. its */
	/* of sockets, valid with .counted */
	bool counted;
	__u64 again; /* segments sent again */
	__u64 resets; /* connections that one ended */
	__u32 open; /* at the last look */
	__u32 rtt_us; /* mean of the smoothed ones at the last look; 0 unknown */
	bool rate_known; /* two looks have passed */
	__u64 rate; /* payload both ways, bytes a second between the last two looks */
	/* while a look goes on */
	__u64 bytes;
	__u64 rtt_sum_us;
	__u32 rtt_count;
	__u32 open_now;
};

struct top_finding {
	__u64 number; /* in the order of the last time that it was told; 0: a free place */
	__u64 id; /* stays */
	__u64 group;
	__u64 attempt;
	__u64 key[TOP_TABLE_COUNT]; /* rows that it speaks of; 0 none */
	__u64 time_ns;
	__u64 total; /* of its group */
	const struct rule *rule;
	__u8 severity;
	__u8 state; /* enum finding_state */
	char time[24]; /* "10:31:07" */
	char headline[TOP_HEADLINE_SIZE];
	char *text; /* all of it; NULL: no memory */
};

/* One that was open at the last look, of the row that is looked into. */
struct top_connection {
	char name[TOP_NAME_SIZE]; /* "curl[4121] 10.0.0.1:45678 → 10.0.0.2:8080" */
	__u64 cookie;
	__u8 state;
	__u32 again;
	__u32 rtt_us; /* 0 unknown */
	__u64 sent_bytes; /* payload */
	__u64 received_bytes;
	__u64 opened_ns; /* 0: before */
	__u64 unread_bytes;
	__u64 unacked_bytes;
};

struct top;

struct top_options {
	bool ascii;
	bool utc;
};

int top_new(struct top **out, const struct top_options *options); /* 0 or -ENOMEM */
void top_free(struct top *top); /* NULL is fine */

/* The sink's .state is the model. */
extern const struct sink_ops sink_top_ops;

/* Figures of one connection that has ended. */
void top_take_ended(struct top *top, const struct join *join, const struct flow *flow);

/* A look at all that are open: begin, each of them, end. */
void top_look_begin(struct top *top);
void top_look_take(struct top *top, const struct join *join, const struct flow *flow);
void top_look_end(struct top *top, __u64 now_ns);

/* Whose connections are kept, from the next look on; 0: nobody's. */
void top_follow(struct top *top, enum top_table table, __u64 key);

/* Walks: NULL at the end. */
const struct top_row *top_row_next(const struct top *top, enum top_table table, size_t *at);
const struct top_finding *top_finding_next(const struct top *top, size_t *at);
const struct top_connection *top_connection_at(const struct top *top, size_t index);
__u64 top_connections_seen(const struct top *top); /* of the followed row, kept or not */
const struct top_finding *top_finding_by_id(const struct top *top, __u64 id); /* NULL: gone */
__u64 top_gone(const struct top *top); /* rows that had to make room */

/* ---- the view ---- */

/* Characters are their code points; others stand behind the last one. */
enum top_key {
	TOP_KEY_NONE = 0,
	TOP_KEY_TAB = '\t',
	TOP_KEY_ENTER = '\n',
	TOP_KEY_ESCAPE = 27,
	TOP_KEY_OTHER = 0x110000,
	TOP_KEY_UP,
	TOP_KEY_DOWN,
	TOP_KEY_LEFT,
	TOP_KEY_RIGHT,
	TOP_KEY_PAGE_UP,
	TOP_KEY_PAGE_DOWN,
	TOP_KEY_HOME,
	TOP_KEY_END,
	TOP_KEY_BACKSPACE,
	TOP_KEY_BACK_TAB,
};

/* What a key asks of who plays a recording, or of all. */
enum top_act {
	TOP_ACT_NONE,
	TOP_ACT_QUIT,
	TOP_ACT_LOOK, /* another row is looked into: its connections are wanted */
	TOP_ACT_PAUSE, /* .paused of the view has changed */
	TOP_ACT_BACK, /* 10 s */
	TOP_ACT_ON,
	TOP_ACT_BEGIN,
	TOP_ACT_END,
	TOP_ACT_FASTER,
	TOP_ACT_SLOWER,
};

/* What the first line says. */
struct top_told {
	char time[32]; /* "10:31:07+01:00", or "" */
	__u64 attempts, failed, lost;
	const char *file; /* that is played; NULL: this host */
	char place[64]; /* where: "+63.2 s, 4 times as fast"; "" */
};

struct top_view;

int top_view_new(struct top_view **out, const struct top_options *options, bool replay);
void top_view_free(struct top_view *view); /* NULL is fine */

/* Copies what the model holds now; while it is paused only @told. Returns 0. */
void top_view_refresh(struct top_view *view, const struct top *top, const struct top_told *told);
/* The model was emptied: nothing is kept of what it said. */
void top_view_forget(struct top_view *view);

enum top_act top_view_key(struct top_view *view, struct top *top, unsigned int key);
bool top_view_paused(const struct top_view *view);
/* A line that stays at the bottom until the next key. */
void top_view_say(struct top_view *view, const char *words);

/* Into a grid that has its size. */
void top_view_draw(struct top_view *view, struct top_grid *grid);
