/* SPDX-License-Identifier: GPL-2.0-or-later */
/* look.h - questions that several rules ask, each answered in one place; private to rules/ */
#pragma once

#include "rules/rule.h"
#include "util/time.h"

/* struct rule's .decide, of a rule whose facts may always change the verdict. */
bool look_decide_always(const struct verdict *verdict);
/* Its .quotes, of one that is about an address of this host. */
bool look_quotes_addresses(const struct ev_fact *fact);

/* ---- look.c: about an opening ---- */

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

/* Where the drop may be conntrack's own, and its table there is full; NULL: not, or not fetched. */
const struct ev_fact *look_conntrack_full(const struct view *view, const struct drop_seen *drop);
/* By the packet filter's hooks, and no rule of nftables: conntrack, iptables or another module. */
bool look_drop_is_hook(const struct join *join, const struct drop_seen *drop);

const char *look_drop_reason(const struct join *join, const struct drop_seen *drop); /* NULL */
const char *look_drop_place(const struct join *join, const struct drop_seen *drop); /* NULL */

/* Source NAT of this machine had given our SYN another address or port when it was dropped. */
bool look_translated(const struct opening *opening);
/* The ends that it had then. */
struct event_tuple look_stopped(const struct opening *opening);

/* The opening with the remote side that it had where it left this machine: NAT here may have changed it. */
struct opening look_far(const struct opening *opening);

/* A reset that answers our SYN arrived: at the socket, or on the wire. */
bool look_refused(const struct opening *opening);

/* What drops or rejects at @hooks (FILTER_HOOK_*), the likeliest; NULL: nothing that was fetched. */
const struct ev_fact *look_ruleset(const struct view *view, __u32 hooks);
/* The whole ruleset was fetched, and nothing in it drops or rejects at @hooks. */
bool look_no_rule(const struct view *view, __u32 hooks);
/* Plain ACKs that came instead of a SYN/ACK, of other numbers: packets, else what the socket refused. */
__u32 look_challenges(const struct view *view);
/* One opening of the attempt worked late: the SYN was repeated, or it took long (connect-slow). */
bool look_slow(const struct view *view);
/* What a handshake with that address usually takes from here; 0 not known. */
__u32 look_usual_handshake_us(const struct view *view);
/* Of a capture: the SYN/ACK was sent again, and never acknowledged. */
bool look_never_completed(const struct opening *opening);

/* Milliseconds that earlier openings cost before the one that worked was begun. */
bool look_fallback(const struct view *view, const struct opening **first, __u64 *lost_ms);

/* Whether a namespace has that address, from the facts; KNOWN_NOT: its addresses were not fetched. */
enum known { KNOWN_NOT, KNOWN_NO, KNOWN_YES };
enum known look_address(const struct view *view, __u32 netns, const __u8 *address);

/* The listener nearest to where the opening went, and in what it differs. */
enum nearness { NEAR_NONE, NEAR_V6ONLY, NEAR_ADDRESS, NEAR_NETNS };
/* @asked: its remote side. @before_ns: one that began to listen later says nothing; 0: whenever */
enum nearness look_near_listener(const struct join *join, __u32 netns,
				 const struct event_tuple *asked, __u64 before_ns,
				 const struct listener **listener);

/* The listener whose queue the opening met full, or whose own matter that is; NULL: not known. */
const struct listener *look_full_listener(const struct view *view);
/* Its accept() failed for want of a descriptor or memory, so that the queue is not emptied. */
bool look_accept_fails(const struct view *view, const struct listener *listener);

const struct ev_fact *look_sysctl(const struct view *view, const char *name); /* NULL absent */
const struct ev_fact *look_route(const struct view *view); /* NULL not fetched */
/* The route that was looked up in a namespace of this machine, whatever it says; NULL: none was. */
const struct ev_fact *look_route_in(const struct view *view, __u32 netns);

enum { FAMILY_IPV4 = 2, FAMILY_IPV6 = 10 }; /* AF_INET, AF_INET6 */

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

/* It is known what the call that failed was about: of bind(), which address and port it was given. */
bool look_call_known(const struct view *view);
/* Of a call for IPv6: the process opened something of IPv4 within the settle. */
bool look_went_on_by_ipv4(const struct view *view);
/* The port that a bind() or listen() was about. */
__u16 look_call_port(const struct attempt *attempt);
/* struct rule's .want, of a rule about a call: facts of the address and port that it was about. */
void look_want_call(const struct view *view, struct fact_request *wanted);

/* ---- look_connection.c: about an established connection ---- */

const struct outcome_side *look_side(const struct view *view, int side);
/* NULL: no socket of this host tells of it. Else side FIGURES_LOCAL is that socket. */
const struct standing *look_standing(const struct view *view);
const struct figures_side *look_figures(const struct view *view, int side);
/* Payload of a segment that every path carries. */
__u32 look_carried_bytes(const struct view *view);
/*
 * Segments that may be sent again while a sender finds out how much the path carries (RFC 1191 3), and are no
 * loss of the network's: what it sent before anything was said of it (ten, RFC 6928 2), each in two pieces.
 */
enum { LOOK_FIRST_WINDOW = 20 };
/* Of a mirror that shows packets twice: it doubles acknowledgments, which then look like duplicates. */
bool look_mirrored(const struct view *view);

__u8 look_client(const struct view *view); /* index of the side that opened, or is taken for it */

/* How far it had come; never STAGE_REACHED or STAGE_EXCHANGED. @closing: the last stage is asked for, too. */
enum stage look_stage(const struct view *view, bool closing);

/* The server closed first and never said a word; it did so within threshold closed-at-once. */
bool look_closed_speechless(const struct view *view);
bool look_closed_at_once(const struct view *view);
/* A proxy that opens no tunnel has done all it will, whoever closes. */
bool look_refused_tunnel(const struct view *view);
/* The server closed or reset it, and the client had not ended it before. */
bool look_ended_unprovoked(const struct view *view);
/*
 * A server's first word behind which there is no session, whoever closes first: an error of MySQL in place of
 * its greeting, one of PostgreSQL that has a SQLSTATE, what sshd says instead of its identification.
 */
bool look_ends_session(const struct first *first_word);

/*
 * The server's first and only words tell why it ended that. What HTTP answers otherwise, 404 or 500,
 * answers the request: the connection has done its work.
 */
bool look_turned_away(const struct view *view);
/*
 * The server greeted, as protocols do in which it speaks first, and ended the connection before it answered anything: the
 * client's first words came too late, were not answered, or (at once) were not awaited.
 */
bool look_only_greeted(const struct view *view);

/* The statuses of HTTP with which a server or proxy says that it cannot serve anybody (now). */
bool look_unavailable(__u16 status);

/* What was not seen of it: BLIND_*. */
__u32 look_connection_holes(const struct view *view);

/* Of which side it is true, of the client's first; FIGURES_NEITHER. */
int look_which(const struct view *view, bool (*test)(const struct view *view, int side));

/*
 * The server repeated its SYN/ACK though the client had acknowledged it, and never acknowledged a byte: a queue of
 * connections to be accepted that is full ignores the client's ACK and data.
 */
bool look_not_taken(const struct view *view);

/* What never arrived at the other side, though what stood behind it did, and it waited for that. */
bool look_has_hole(const struct view *view, int side);

/*
 * It sent the same threshold stuck times, and the other side fell silent, did not take the connection, or its FIN tells
 * that it heard none.
 */
bool look_never_heard(const struct view *view, int side);

/* Where the packets were taken, as far as hop limits tell. */
enum vantage_point { VANTAGE_POINT_UNKNOWN, VANTAGE_POINT_CLIENT, VANTAGE_POINT_SERVER };
enum vantage_point look_vantage_point(const struct view *view);

/* ---- look_send.c: about a datagram that this host did not let go ---- */

bool look_not_sent(const struct view *view); /* is it about one? Then there is no opening */
void look_want_not_sent(const struct view *view, struct fact_request *wanted);
bool look_not_sent_no_route(const struct view *view, struct guess *guess);
bool look_not_sent_route_rejects(const struct view *view, struct guess *guess);
bool look_not_sent_filtered(const struct view *view, struct guess *guess);
bool look_not_sent_neighbor(const struct view *view, struct guess *guess);

/* ---- look_tls.c: about its TLS handshake, where that did not come to its end ---- */

/* @handshake may be NULL. */
bool look_client_hello(const struct handshake *handshake);
/* The server does not turn to TLS, which the client asked for, and the client left. */
bool look_tls_refused(const struct view *view);

/*
 * Is it a question to a block list (2.0.0.127.LIST, an IPv6 address by its digits)? There a name that
 * does not exist is good news: the address is not listed.
 */
bool look_is_list_query(const char *name);
