/* SPDX-License-Identifier: GPL-2.0-or-later */
/* words.h - pieces of text and checks that several findings use; private to rules/ */
#pragma once

#include "rules/look.h"
#include "util/text.h"

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

/* "bind() on 0.0.0.0 port 80 failed with EADDRINUSE", "socket() for IPv6 failed with EPERM" */
void words_call(struct text *text, const struct attempt *attempt);

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
/* On another machine that is neither end. */
struct words_check words_check_at(struct finding *finding, const __u8 *address);
void words_check_end(struct words_check *check, const char *why, ...)
	__attribute__((format(printf, 2, 3)));

/* "; of 16384 looked at 60001 are from 10.0.0.9, 61234 are in SYN_SENT", as its facts tell. */
void words_conntrack_fill(struct text *text, const struct view *view);
/* Adds a check of how long entries stay, and what may be changed. */
void words_check_conntrack(const struct view *view, struct finding *finding, __u32 netns);

/* Adds a check where the opening went, here or on the far host: "ss -ltnp 'sport = :8080'". */
void words_check_listener(const struct view *view, struct finding *finding,
			  const struct opening *opening, const char *why);
/* The same in a namespace of this host: who has the port. */
void words_check_port(const struct view *view, struct finding *finding, __u32 netns, __u16 port);

/* The hooks that a packet passes: that this namespace sent, that came for it, that it passed on. */
#define WORDS_HOOKS_OUT (FILTER_HOOK_OUTPUT | FILTER_HOOK_POSTROUTING | FILTER_HOOK_EGRESS)
#define WORDS_HOOKS_IN (FILTER_HOOK_INGRESS | FILTER_HOOK_PREROUTING | FILTER_HOOK_INPUT)
#define WORDS_HOOKS_FORWARD                                                   \
	(FILTER_HOOK_INGRESS | FILTER_HOOK_PREROUTING | FILTER_HOOK_FORWARD | \
	 FILTER_HOOK_POSTROUTING | FILTER_HOOK_EGRESS)
#define WORDS_HOOKS_EITHER (FILTER_HOOK_INPUT | WORDS_HOOKS_FORWARD) /* of the last two */
/*
 * "; its ruleset has inet filter/input: policy drop": a rule or policy that the packet can have met at @hooks
 * (FILTER_HOOK_*), if one is known; quoted, for which of it matched is not known.
 */
void words_ruleset(struct text *text, const struct view *view, __u32 hooks);

#define WORDS_IPV6_OFF "net.ipv6.conf.all.disable_ipv6"
#define WORDS_BE_LIBERAL "net.netfilter.nf_conntrack_tcp_be_liberal"
/* "; IPv6 is switched off (net.ipv6.conf.all.disable_ipv6=1)", where the facts say so. */
void words_family_off(struct text *text, const struct view *view, const __u8 *address, __u32 netns);

/* Adds "ip route get …" as the socket's route look-up would ask. */
void words_check_route(const struct view *view, struct finding *finding, const char *why);

/* ---- words_source.c: a packet that is refused for where it comes from ---- */

#define WORDS_RP_FILTER "net.ipv4.conf.all.rp_filter"
#define WORDS_RP_FILTER_OWN "net/ipv4/conf/%/rp_filter"
#define WORDS_RP_FILTER_END "/rp_filter"
bool words_is_of_source(const struct view *view, const struct drop_seen *drop);
/* The reason in words, with what facts tell of it, and how to look at it. @source: the packet's. */
void words_refused_source(struct text *text, const struct view *view, struct finding *finding,
			  const struct drop_seen *drop, const __u8 *source);
/* What of it is to be fetched: the interface's filter, and the way back to @source. */
void words_want_source(const struct view *view, const struct drop_seen *drop,
		       struct fact_request *wanted, const __u8 *source);

/* ---- words_accept.c: why an accept queue is full; who listens elsewhere ---- */

/* "EMFILE: it has 20 of at most 20 files open, 12 of them connections …": as far as facts tell. */
void words_starved(struct text *text, const struct view *view, __s32 error);
/* "python3[5034] calls accept(), which fails with EMFILE: …", or that it does not call it. */
void words_why_full(struct text *text, const struct view *view, const struct listener *listener);
/* "postgres[812]", or "a process" where it is not known. */
void words_listener(struct text *text, const struct listener *listener);
/*
 * "gunicorn[812] closed its listener, and with it every connection that it had not accepted": the one
 * at @tuple's remote side, in @netns (0: any), at @ns; also where who that was is not known.
 */
void words_listener_closed(struct text *text, const struct view *view, __u32 netns,
			   const struct event_tuple *tuple, __u64 ns);

/*
 * "postgres[812] listens on 127.0.0.1:5432 only, which no other address reaches": who comes nearest to
 * what was asked for, @asked's remote side in @netns (look_near_listener()).
 */
void words_near_listener(struct text *text, const struct join *join, __u32 netns,
			 const struct event_tuple *asked, const struct listener *near,
			 enum nearness how);
/* Whose descriptors are to be looked at; nothing where accept() does not fail for them. */
void words_want_starved(const struct view *view, struct fact_request *wanted);
void words_check_starved(const struct view *view, struct finding *finding,
			 const struct event_owner *owner, __s32 error);

/* Adds a related party, as far as there is room. */
struct party *words_party(struct finding *finding, const char *role);
void words_party_listener(struct finding *finding, const struct listener *listener,
			  const char *role);

/* ---- look_send.c: of a datagram that this host did not let go ---- */

void words_not_sent(struct text *text, const struct view *view);
void words_check_not_sent(const struct view *view, struct finding *finding, const char *why);
void words_tell_filtered(const struct view *view, struct finding *finding); /* all of it */

/* ---- look_connection.c: of an established connection of a capture ---- */

/* "10.0.0.1:45678" */
void words_side(struct text *text, const struct view *view, int side);

/* Adds a check on the server: its connections and what their processes left unread. */
void words_check_server(const struct view *view, struct finding *finding, const char *why);
/* On the host of that side of a connection: words_check() or words_check_remote(). */
struct words_check words_check_on(const struct view *view, struct finding *finding, int side);
/* Why a server repeats a SYN/ACK that was acknowledged. */
void words_not_taken(struct text *why, const struct view *view);

/* All of a finding: an answer of HTTP that was cut short, a proxy that opens no tunnel. @how: "closed", "reset" */
void words_cut_answer(const struct view *view, struct finding *finding, const char *how);
void words_refused_tunnel(const struct view *view, struct finding *finding);

/* Why a server may begin with @error. */
void words_turned_away(struct text *why, const struct first *error);

/* Why a client writes to a server that has closed. @used_again: the connection was idle before. */
void words_wrote_to_closed(struct text *why, bool used_again);

/* "; python3 closed it without having heard of that"; nothing where it may have. Of a socket. */
void words_unheard(struct text *what, const struct view *view);

/* ---- look_tls.c: of its TLS handshake ---- */

void words_client(struct text *text, const struct view *view); /* "10.0.0.1:45678" */
void words_server(struct text *text, const struct view *view);

void words_tls_refused(struct text *what, struct text *why, const struct view *view);

/* Why a client begins without TLS where TLS is served; how it looks in its protocol, or NULL. */
void words_tls_not_asked(struct text *why, const char *example);
void words_http2_not_taken(struct text *why); /* and the server ended it */

/* ", name db.internal": a longer one than hosts have in practice is cut, and says so. */
void words_hello_name(struct text *text, const struct tls_hello *hello);

/* "; the client offers TLS 1.2 to TLS 1.3, ALPN h2, name db.internal" */
void words_hello(struct text *text, const struct handshake *handshake);

/* Names come from the wire and never stand inside a command. */
void words_check_certificate(const struct view *view, struct finding *finding, const char *why);
void words_check_server_port(const struct view *view, struct finding *finding, const char *why);
void words_check_hello(const struct view *view, struct finding *finding, const char *why);

/*
 * The client, or the server, does not accept the other's certificate, as far as that can be known. @none:
 * how it shows that the client has none, NULL where it does not.
 */
void words_client_rejects(struct text *why, const struct view *view, struct finding *finding);
void words_server_rejects(struct text *why, const struct view *view, struct finding *finding,
			  const char *none);

/*
 * What became of the query that the server asked made of its own, where that one forwards on this
 * host: "dnsmasq[812] asked 10.0.0.1 for it and got no answer". False: none was seen.
 */
bool words_upstream(struct text *text, const struct lookup *lookup, struct finding *finding);

/*
 * The server that was asked beside the resolv.conf of the process: a resolver of its own, or a file
 * that changed since it was read, asks another one.
 */
void words_place_of_server(const struct view *view, struct text *text);
