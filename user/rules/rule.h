/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rule.h - what a row of the table is made of, and what its functions share; private to rules/ */
#pragma once

#include "rules/rules.h"
#include "util/array.h"
#include "util/text.h"
#include "util/time.h"

/*
 * A finding is one row: a const struct rule in the file of its family, listed in rules.c. match()
 * and tell() are pure: they read the view and write the guess or the finding, nothing else.
 */

/* What an attempt has come to when it is judged. */
enum wake {
	WAKE_PENDING = 1 << 0, /* connect: still open, the second SYN was sent */
	WAKE_FAILED = 1 << 1, /* connect: the last opening failed */
	WAKE_WORKED = 1 << 2, /* connect: an opening worked */
	WAKE_BIND = 1 << 3, /* bind() or listen() failed */
	WAKE_OVERFLOW = 1 << 4, /* a listener's accept queue overflowed */
	WAKE_LOOKUP =
		1 << 5, /* a lookup of a capture failed or was late, or a datagram met trouble */
	WAKE_CONNECTION = 1 << 6, /* an established connection of a capture is over */
	WAKE_CLAIMS = 1 << 7, /* two link addresses of a capture claim one address */
};

struct view {
	const struct join *join;
	const struct thresholds *thresholds;
	const struct attempt *attempt;
	const struct opening *opening; /* the one judged; NULL for bind, listen, overflow */
	const struct connection *connection; /* WAKE_CONNECTION, else NULL */
	enum wake wake;
	bool facts; /* facts of this attempt were fetched */
};

/* What match() fills in; it comes with the row's severity and the row's cap. */
struct guess {
	__u8 severity;
	__u8 confidence;
	bool absence; /* rests on something that was not seen */
	bool errno_alone; /* rests on the call's errno: no packet and no hook has a part in it */
	bool silent; /* is a cause, and no failure: nothing is told */
	__u32 blind; /* blind spots of this very judgement */
	const struct opening *opening; /* the one it speaks of; NULL: the view's */
};

struct rule {
	const char *id;
	const char *stage;
	__u8 severity;
	__u8 cap; /* the most confidence it may claim */
	__u16 rank; /* unique; the lower one wins */
	__u32 wakes; /* WAKE_* */
	bool (*match)(const struct view *view, struct guess *guess);
	void (*tell)(const struct view *view, struct finding *finding);

	__u32 facts; /* BIT(FACT_*) it quotes */
	bool (*decide)(const struct verdict *verdict); /* facts may change the verdict; NULL never */
	/* Refines what is wanted: another namespace, another process; NULL: the attempt's own. */
	void (*want)(const struct view *view, struct wanted_facts *wanted);
	const char *sysctls[7]; /* NULL-ended */
	const char *counters[3];
	const char *capability;

	/* explain */
	const char *means;
	const char *evidence;
	const char *gate;
	const char *general_check;
	const char *kernels;
};

/* connect.c */
extern const struct rule rule_connect_refused;
extern const struct rule rule_connect_refused_local;
extern const struct rule rule_connect_reset_in_handshake;
/* icmp.c */
extern const struct rule rule_connect_rejected;
extern const struct rule rule_connect_unreachable;
/* answer.c */
extern const struct rule rule_connect_no_answer;
extern const struct rule rule_connect_reply_dropped;
extern const struct rule rule_connect_canceled;
extern const struct rule rule_connect_stale_peer;
/* worked.c */
extern const struct rule rule_connect_slow;
extern const struct rule rule_connect_fallback;
/* route.c */
extern const struct rule rule_local_no_route;
extern const struct rule rule_local_route_rejects;
extern const struct rule rule_local_neighbor_failed;
/* local.c */
extern const struct rule rule_local_firewall;
extern const struct rule rule_local_forward_dropped;
/* port.c */
extern const struct rule rule_local_ports_exhausted;
extern const struct rule rule_local_tuple_in_use;
extern const struct rule rule_local_port_in_use;
extern const struct rule rule_local_port_privileged;
extern const struct rule rule_local_address_absent;
/* accept.c */
extern const struct rule rule_accept_queue_full;
extern const struct rule rule_accept_unfinished;
/* dns.c */
extern const struct rule rule_dns_no_answer;
extern const struct rule rule_dns_server_down;
extern const struct rule rule_dns_servfail;
extern const struct rule rule_dns_nxdomain;
extern const struct rule rule_dns_no_data;
extern const struct rule rule_dns_slow;
extern const struct rule rule_dns_truncated;
/* udp.c */
extern const struct rule rule_udp_port_unreachable;
extern const struct rule rule_udp_reply_from_other_address;
extern const struct rule rule_udp_too_big;
/* tls.c, tls_silent.c */
extern const struct rule rule_tls_alert;
extern const struct rule rule_tls_rejected;
extern const struct rule rule_tls_no_server_hello;
extern const struct rule rule_tls_not_tls;
/* closed.c, turned_away.c */
extern const struct rule rule_conn_keepalive_race;
extern const struct rule rule_conn_broken_pipe;
extern const struct rule rule_conn_app_timeout;
extern const struct rule rule_conn_client_gave_up;
extern const struct rule rule_conn_idle_dropped;
extern const struct rule rule_conn_closed_early;
extern const struct rule rule_conn_reset_by_peer;
/* stalled.c */
extern const struct rule rule_conn_mtu_blackhole;
extern const struct rule rule_conn_keepalive_timeout;
extern const struct rule rule_conn_timed_out;
extern const struct rule rule_conn_peer_window_zero;
extern const struct rule rule_conn_loss;
extern const struct rule rule_conn_reordered;
extern const struct rule rule_conn_slow_peer;
extern const struct rule rule_conn_silent;
/* host.c */
extern const struct rule rule_host_duplicate_address;
/* failed.c */
extern const struct rule rule_connect_failed;
extern const struct rule rule_bind_failed;

/* ---- look.c: questions about an opening that several rules ask ---- */

/* The call itself failed, before any state change and any packet. */
bool look_call_alone(const struct opening *opening);

/* Gone without an answer: timed out, given up, killed, or still waiting. */
bool look_unanswered(const struct view *view);

/* It came before the end of the opening: what comes later did not decide it. */
bool look_in_time(const struct opening *opening, __u64 ns);

/* Nothing that could be an answer reached this host. */
bool look_nothing_back(const struct opening *opening);

/* An answer to our SYN was dropped by this machine while the opening lasted. */
bool look_reply_dropped(const struct opening *opening);

/* A SYN/ACK or a reset of our SYN was seen on the wire while the opening lasted. */
bool look_answer_in_time(const struct opening *opening);

/* Had this machine's TCP sent the reset, it would have been seen. */
#define KERNEL(major, minor) ((__u32)(major) << 16 | (minor) << 8)
bool look_reset_author(const struct view *view);

/* The destination is this host: loopback, or the socket's own address. */
bool look_remote_is_own(const struct view *view);

/* The host's kernel refused a SYN on the way in a way that only a filter does. */
bool look_drop_is_filter(const struct join *join, const struct drop_seen *drop);
bool look_drop_is_neighbor(const struct join *join, const struct drop_seen *drop);
bool look_drop_is_no_route(const struct join *join, const struct drop_seen *drop);

const char *look_drop_reason(const struct join *join, const struct drop_seen *drop); /* NULL */
const char *look_drop_place(const struct join *join, const struct drop_seen *drop); /* NULL */

/* A reset that answers our SYN arrived: at the socket, or on the wire. */
bool look_refused(const struct opening *opening);

/* One opening of the attempt worked late: the SYN was repeated, or it took long (connect-slow). */
bool look_slow(const struct view *view);

/* Milliseconds that earlier openings cost before the one that worked was begun. */
bool look_fallback(const struct view *view, const struct opening **first, __u64 *lost_ms);

/* Whether a namespace has that address, from the facts; KNOWN_NOT: its addresses were not fetched. */
enum known { KNOWN_NOT, KNOWN_NO, KNOWN_YES };
enum known look_address(const struct view *view, __u32 netns, const __u8 *address);

/* The listener nearest to where the opening went, and in what it differs. */
enum nearness { NEAR_NONE, NEAR_V6ONLY, NEAR_ADDRESS, NEAR_NETNS };
enum nearness look_near_listener(const struct view *view, __u32 netns,
				 const struct listener **listener);

const struct ev_fact *look_sysctl(const struct view *view, const char *name); /* NULL absent */
const struct ev_fact *look_route(const struct view *view); /* NULL not fetched */

enum {
	ROUTE_UNICAST = 1,
	ROUTE_LOCAL = 2,
	ROUTE_BLACKHOLE = 6,
	ROUTE_UNREACHABLE,
	ROUTE_PROHIBIT,
	ROUTE_THROW
};

/* The same opening in time: SYN to now (pending), to its end, or to the handshake's end. */
__u64 look_lasted_ns(const struct view *view);

/* When the attempt and this opening of it began was seen: else no duration is the whole one. */
bool look_begin_seen(const struct view *view);

/* ---- look_connection.c: the same about an established connection of a capture ---- */

/* Both directions are there, which is what every rule asks for; fills in what was not seen of it. */
bool look_connection(const struct view *view, struct guess *guess);

const struct connection_side *look_side(const struct view *view, int side);

__u8 look_client(const struct view *view); /* index of the side that opened, or is taken for it */

/* Where the packets were taken, as far as hop limits tell. */
enum vantage_point { VANTAGE_POINT_UNKNOWN, VANTAGE_POINT_CLIENT, VANTAGE_POINT_SERVER };
enum vantage_point look_vantage_point(const struct view *view);

/* Of what begins so, enum first_kind, it is known that the other side owes an answer. */
bool look_owes_answer(__u8 first_kind);

/* "10.0.0.1:45678" */
void words_side(struct text *text, const struct view *view, int side);

/* Adds a check on the server: its connections and what their processes left unread. */
void words_check_server(const struct view *view, struct finding *finding, const char *why);

/* ---- look_tls.c: the same about its TLS handshake, where that did not come to its end ---- */

/* NULL: no TLS, or both sides were content. */
const struct handshake *look_handshake(const struct view *view);

const struct connection_side *look_connection_side(const struct view *view, int side);

/* When a side ended the connection by FIN or reset; 0: it did not. */
__u64 look_closed_ns(const struct view *view, int side);

/* The side that ended it; -1: nobody did. */
int look_closed_first(const struct view *view);

/* @handshake may be NULL. */
bool look_client_hello(const struct handshake *handshake);

void words_client(struct text *text, const struct view *view); /* "10.0.0.1:45678" */
void words_server(struct text *text, const struct view *view);

/* ", name db.internal": a longer one than hosts have in practice is cut, and says so. */
void words_hello_name(struct text *text, const struct tls_hello *hello);

/* "; the client offers TLS 1.2 to TLS 1.3, ALPN h2, name db.internal" */
void words_hello(struct text *text, const struct handshake *handshake);

/* Names come from the wire and never stand inside a command. */
void words_check_certificate(const struct view *view, struct finding *finding, const char *why);
void words_check_server_port(const struct view *view, struct finding *finding, const char *why);
void words_check_hello(const struct view *view, struct finding *finding, const char *why);

/* ---- words.c: pieces of text that several findings use ---- */

/* "0.33 ms", "3.1 s", "2 min 10 s" */
void words_duration(struct text *text, __u64 ns);

/* "1 SYN", "3 SYNs" */
void words_count(struct text *text, __u64 count, const char *one, const char *many);

/* "3 SYNs", "at least 3 SYNs" of an opening whose begin was not seen */
void words_syns(struct text *text, const struct opening *opening);

/* "curl", escaped; "the process" when unknown. */
void words_who(struct text *text, const struct attempt *attempt);

/* "02:00:00:00:00:01" */
void words_mac(struct text *text, const __u8 *mac);

/* "this host", "namespace web", "namespace 4026531840": as the agent sees it. */
void words_netns(struct text *text, const struct join *join, __u32 netns);

/* " in namespace web" where that is not the agent's own; nothing else. */
void words_in_netns(struct text *text, const struct join *join, __u32 netns);

/* "eth0", by number when the name is unknown. */
void words_interface(struct text *text, const struct join *join, __u32 netns, __u32 ifindex);

/* "10.0.0.1" of the far side, "fe80::1%eth0" of a link-local one (RFC 4007 11) */
void words_host(struct text *text, const struct view *view, const struct opening *opening);

/* The same with its port: "10.0.0.1:80", "[fe80::1%eth0]:80" */
void words_remote(struct text *text, const struct view *view, const struct opening *opening);

/* "nginx[812]" */
void words_owner(struct text *text, const struct event_owner *owner);

/* Appends a word to a command line, quoted if the shell needs it. */
void words_argument(struct text *text, const char *argument, size_t size);

/* "ended" in words: "until ETIMEDOUT after 3.1 s", "when curl gave up after 2.0 s" … */
void words_end(struct text *text, const struct view *view);

/* "net.core.somaxconn=128", from the facts; false: not there. */
bool words_sysctl(struct text *text, const struct view *view, const char *name);

/* "via 10.0.0.254 dev eth0 (table main)" … of the fetched route; false: not there. */
bool words_route(struct text *text, const struct view *view);

/*
 * Begins a check to be run on this host, in @netns: the nsenter it needs goes in front; the command
 * is appended to .run. Counts when words_check_end() finds that it fitted. First the read-only ones.
 */
struct words_check {
	struct finding *finding;
	struct check *check;
	struct text run;
};

struct words_check words_check(const struct view *view, struct finding *finding, __u32 netns);
struct words_check words_check_remote(struct finding *finding);
void words_check_end(struct words_check *check, const char *why, ...)
	__attribute__((format(printf, 2, 3)));

/* Adds a check where the opening went, here or on the far host: "ss -ltnp 'sport = :8080'". */
void words_check_listener(const struct view *view, struct finding *finding,
			  const struct opening *opening, const char *why);

/* "; its ruleset has inet filter/input: policy drop": quoted; which of it matched is not known. */
void words_ruleset(struct text *text, const struct view *view);

/* Adds "ip route get …" as the socket's route look-up would ask. */
void words_check_route(const struct view *view, struct finding *finding, const char *why);

/* Adds a related party, as far as there is room. */
struct party *words_party(struct finding *finding, const char *role);
void words_party_listener(struct finding *finding, const struct listener *listener,
			  const char *role);
