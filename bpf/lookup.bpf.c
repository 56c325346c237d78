// SPDX-License-Identifier: GPL-2.0-only
/* lookup.bpf.c - who looks a name up: sockets that turn to port 53 */
#include "emit.h"
#include "fill.h"

/*
 * A datagram's sender is known only where it acts: connect() once a socket, as glibc and Go do, or
 * each send without it (musl, dig). What they send is told by packets (packet.bpf.c), which have
 * the same cookie. Every connect() and unconnected send of the host passes: type and port come first.
 */

#define CGROUP_PASS 1

static __always_inline bool lookup_is_wanted(const struct bpf_sock_addr *ctx)
{
	return ctx->type == SOCK_DGRAM && ctx->user_port == bpf_htons(EVENT_PORT_DNS);
}

/* Those of a flood are shed with its packets: see emit_is_sheddable(). */
static __always_inline struct open_record *lookup_reserve(struct emit_cpu *cpu)
{
	if (emit_is_shed(cpu, EVENT_OPEN))
		return NULL;
	return (void *)emit_reserve(cpu, EVENT_OPEN, sizeof(struct open_record), VANTAGE_SOCKET);
}

/* The tuple: where it turns to, and from where as far as that is known by now. */
static __always_inline void lookup_fill(struct open_record *record, struct bpf_sock_addr *ctx,
					bool is_ipv6)
{
	struct bpf_sock *shown = ctx->sk;
	const struct sock *sk = NULL;
	struct ev_open *open = &record->body;
	struct event_tuple *tuple = &open->tuple;
	__u32 *local = (__u32 *)tuple->local, *remote = (__u32 *)tuple->remote;

	__builtin_memset(tuple, 0, sizeof(*tuple));
	tuple->protocol = IPPROTO_UDP;
	tuple->family = shown->family;
	tuple->local_port = shown->src_port;
	tuple->remote_port = EVENT_PORT_DNS;
	if (!is_ipv6) {
		fill_ipv4(tuple->local, shown->src_ip4);
		fill_ipv4(tuple->remote, ctx->user_ip4);
	} else {
		local[0] = shown->src_ip6[0];
		local[1] = shown->src_ip6[1];
		local[2] = shown->src_ip6[2];
		local[3] = shown->src_ip6[3];
		remote[0] = ctx->user_ip6[0];
		remote[1] = ctx->user_ip6[1];
		remote[2] = ctx->user_ip6[2];
		remote[3] = ctx->user_ip6[3];
	}
	open->mark = shown->mark;
	open->bound_ifindex = shown->bound_dev_if;
	/* arithmetic with the pointer itself is forbidden, not with a copy of its bytes */
	bpf_probe_read_kernel(&sk, sizeof(sk), &shown);
	open->owner.cgroup_id = compat_read_socket_cgroup(sk);
	record->head.netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
}

/* @is_ipv6: of the program, which may read that address alone. */
static __always_inline int lookup_begin(struct bpf_sock_addr *ctx, bool is_ipv6)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct open_record *record;
	struct emit_cpu *cpu;

	if (tgid == knobs.agent_tgid)
		return CGROUP_PASS;
	if (knobs.follow && !bpf_map_lookup_elem(&followed_processes, &tgid))
		return CGROUP_PASS;
	cpu = emit_cpu();
	if (!cpu)
		return CGROUP_PASS;
	record = lookup_reserve(cpu);
	if (!record)
		return CGROUP_PASS;
	record->head.cookie = bpf_get_socket_cookie(ctx);
	record->head.flags = knobs.follow ? EVENT_F_TASK | EVENT_F_FOLLOWED : EVENT_F_TASK;
	record->head.known = EVENT_K_TUPLE | fill_current_fast(&record->body.owner);
	__builtin_memset(record->body.asked, 0, sizeof(record->body.asked));
	record->body.asked_port = 0;
	record->body.questions = 0;
	record->body.questions_ms = 0;
	record->body.backlog_max = 0;
	record->body.how = OPEN_LOOKUP;
	record->body.socket_flags = 0;
	lookup_fill(record, ctx, is_ipv6);
	emit_submit(cpu, &record->head);
	return CGROUP_PASS;
}

/*
 * Whose any other datagram socket is, is only written down: it is told where that socket meets
 * trouble (datagram.bpf.c, question.h). Port 0 is getaddrinfo() that sorts addresses.
 * @again: by connect(); of sends without one the first says it.
 */
static __always_inline int lookup_note(struct bpf_sock_addr *ctx, bool again)
{
	struct bpf_sock *shown = ctx->sk;
	const struct sock *sk = NULL;
	struct datagram_note *note;
	__u64 cookie;
	__u32 place;

	if (ctx->type != SOCK_DGRAM || !ctx->user_port)
		return CGROUP_PASS;
	cookie = bpf_get_socket_cookie(ctx);
	place = datagram_place(cookie);
	note = bpf_map_lookup_elem(&datagram_notes, &place);
	if (!note || (!again && note->cookie == cookie))
		return CGROUP_PASS;
	bpf_probe_read_kernel(&sk, sizeof(sk), &shown);
	note->cookie = 0;
	note->told_ns = 0;
	note->questions = 0;
	note->known = fill_current_fast(&note->owner);
	note->owner.cgroup_id = compat_read_socket_cgroup(sk);
	note->cookie = cookie;
	return CGROUP_PASS;
}

SEC("cgroup/connect4")
int lookup_connect4(struct bpf_sock_addr *ctx)
{
	return lookup_is_wanted(ctx) ? lookup_begin(ctx, false) : lookup_note(ctx, true);
}

SEC("cgroup/connect6")
int lookup_connect6(struct bpf_sock_addr *ctx)
{
	return lookup_is_wanted(ctx) ? lookup_begin(ctx, true) : lookup_note(ctx, true);
}

SEC("cgroup/sendmsg4")
int lookup_send4(struct bpf_sock_addr *ctx)
{
	return lookup_is_wanted(ctx) ? lookup_begin(ctx, false) : lookup_note(ctx, false);
}

SEC("cgroup/sendmsg6")
int lookup_send6(struct bpf_sock_addr *ctx)
{
	return lookup_is_wanted(ctx) ? lookup_begin(ctx, true) : lookup_note(ctx, false);
}
