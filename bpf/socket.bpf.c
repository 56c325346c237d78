// SPDX-License-Identifier: GPL-2.0-only
/* socket.bpf.c - what happens to TCP sockets: states, errors, retransmits, resets */
#include "answer_note.h"
#include "flow.h"
#include "hello_note.h"

#include <asm-generic/errno.h>

/*
 * tcp_reset() and the state change it leads to are one step of one CPU; a virtual CPU may stand still
 * in between for a while (23 ms seen). The limit keeps what was left behind by a step that moved to
 * another CPU from being taken for that of a later socket at the same address.
 */
#define RESET_STEP_JIFFIES 1000 /* 1 to 10 s, as the kernel was built */

static __always_inline __u32 socket_netns(const struct tcp_sock *tp)
{
	return tp->inet_conn.icsk_inet.sk.__sk_common.skc_net.net->ns.inum;
}

/* The lock is held by a process, else a softirq or a timer works on the socket. */
static __always_inline __u8 socket_context(const struct sock *sk)
{
	return sk->sk_lock.owned ? EVENT_F_TASK : EVENT_F_SOFTIRQ;
}

/* The address given to connect(), if the current system call is one. */
static __always_inline bool socket_asked(struct ev_open *open)
{
	struct pt_regs *regs = compat_task_registers();
	long number, address;

	if (compat_has_task_registers()) {
		number = SYSCALL_NUMBER(regs);
		address = PT_REGS_PARM2_SYSCALL(regs);
	} else {
		number = SYSCALL_NUMBER_READ(regs);
		address = PT_REGS_PARM2_CORE_SYSCALL(regs);
	}
	return number == SYSCALL_NUMBER_CONNECT &&
	       fill_asked(open->asked, &open->asked_port, (const void *)address);
}

static __always_inline void socket_emit_open(const struct sock *sk, struct tcp_sock *tp,
					     enum event_open_how how)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	__u32 flags = fill_task_flags();
	struct emit_cpu *cpu;
	struct open_record *record;
	struct ev_open *open;
	__u64 cookie;
	__u8 one = 1;

	if (tgid == knobs.agent_tgid)
		return;
	if (knobs.follow && !bpf_map_lookup_elem(&followed_processes, &tgid))
		return;
	cookie = compat_socket_cookie(sk);
	if (knobs.all_packets)
		bpf_map_update_elem(&followed_cookies, &cookie, &one, BPF_ANY);
	cpu = emit_cpu();
	if (!cpu)
		return;
	record = (void *)emit_reserve(cpu, EVENT_OPEN, sizeof(*record), VANTAGE_SOCKET);
	if (!record)
		return;
	open = &record->body;
	record->head.cookie = cookie;
	record->head.netns = socket_netns(tp);
	record->head.flags = knobs.follow ? EVENT_F_TASK | EVENT_F_FOLLOWED : EVENT_F_TASK;
	fill_tuple(&open->tuple, &sk->__sk_common, sk->__sk_common.skc_num, IPPROTO_TCP);
	record->head.known = EVENT_K_TUPLE | fill_current_fast(&open->owner);
	open->owner.cgroup_id = compat_socket_cgroup(&tp->inet_conn.icsk_inet.sk);
	open->mark = sk->sk_mark;
	open->bound_ifindex = sk->__sk_common.skc_bound_dev_if;
	open->backlog_max = how == OPEN_LISTEN ? sk->sk_max_ack_backlog : 0;
	open->how = how;
	open->socket_flags = fill_socket_options(tp);
	if (flags & PF_KTHREAD)
		open->socket_flags |= SOCKET_F_KERNEL;
	__builtin_memset(open->asked, 0, sizeof(open->asked));
	open->asked_port = 0;
	open->questions = 0;
	open->questions_ms = 0;
	if (how == OPEN_CONNECT && socket_asked(open))
		record->head.known |= EVENT_K_ASKED;
	emit_submit(cpu, &record->head);
}

/* Was tcp_reset() called for this socket just now? Asked once. */
static __always_inline bool socket_take_reset(struct emit_cpu *cpu, const struct sock *sk)
{
	if (!cpu->reset_socket || cpu->reset_socket != (__u64)sk)
		return false;
	cpu->reset_socket = 0;
	return bpf_jiffies64() - cpu->reset_jiffies < RESET_STEP_JIFFIES;
}

/* Of both ends, as of their packets: see hello_note.h. */
static __always_inline __u32 socket_mark(const struct tcp_sock *tp)
{
	const struct inet_sock *inet = &tp->inet_conn.icsk_inet;
	const struct sock_common *common = &inet->sk.__sk_common;
	__u32 fold = common->skc_daddr ^ common->skc_rcv_saddr;

	if (common->skc_family == AF_INET6)
		fold = hello_fold_ipv6(common->skc_v6_daddr.in6_u.u6_addr32,
				       common->skc_v6_rcv_saddr.in6_u.u6_addr32);
	return hello_mark(fold, inet->inet_sport, common->skc_dport);
}

/* What its last answer of HTTP/1 came to: see answer_tell(). */
static __always_inline bool socket_tell_answer(const struct tcp_sock *tp, __u32 mark, int old_state,
					       struct event_flow *told, __u32 *known)
{
	const struct sock *sk = &tp->inet_conn.icsk_inet.sk;
	bool peer_first = old_state == TCP_LAST_ACK || old_state == TCP_CLOSE_WAIT ||
			  old_state == TCP_ESTABLISHED;

	return answer_tell(tp, told, answer_mark(mark, sk->__sk_common.skc_dport), peer_first,
			   flow_peer_fin(sk), known);
}

/*
 * Everything but the signal. @tp: trusted. @whole: there is room for all of its figures. Returns what
 * is known.
 */
static __always_inline __u32 socket_fill(struct ev_socket *body, const struct sock *sk,
					 const struct tcp_sock *tp, __u8 old_state, __u8 new_state,
					 bool whole)
{
	__u32 known = EVENT_K_TUPLE | EVENT_K_STATE;

	/* skc_num is 0 once the port is given back; inet_sport stays */
	fill_tuple(&body->tuple, &sk->__sk_common, bpf_ntohs(tp->inet_conn.icsk_inet.inet_sport),
		   IPPROTO_TCP);
	body->error = sk->sk_err;
	body->soft_error = sk->sk_err_soft;
	body->signal = 0;
	body->old_state = old_state;
	body->new_state = new_state;
	body->how = 0;
	if (bpf_core_field_exists(tp->is_mptcp) && tp->is_mptcp)
		body->how = SOCKET_F_MPTCP;
	body->isn = 0;
	known |= flow_fill(&body->flow, tp, new_state == TCP_CLOSE ? old_state : new_state, whole);
	/* no port was found: the numbers of an earlier try are still there, or none */
	if (old_state == TCP_SYN_SENT && tp->inet_conn.icsk_inet.inet_sport && tp->write_seq) {
		body->isn = new_state == TCP_ESTABLISHED ? tp->snd_una - 1 : tp->snd_una;
		known |= EVENT_K_ISN;
	}
	return known;
}

/* @sk: trusted, and the same as @tp. */
static __always_inline struct socket_record *socket_reserve(struct emit_cpu *cpu, __u16 kind,
							    const struct sock *sk,
							    const struct tcp_sock *tp, __u64 size)
{
	struct socket_record *record = (void *)emit_reserve(cpu, kind, size, VANTAGE_SOCKET);

	if (!record)
		return NULL;
	record->head.cookie = compat_socket_cookie(sk);
	record->head.netns = socket_netns(tp);
	record->head.flags = socket_context(sk);
	return record;
}

/* @whole: a constant, because the ring wants one. @known: EVENT_K_TIMELINE, or nothing. */
static __always_inline void socket_emit_state(const struct sock *sk, const struct tcp_sock *tp,
					      __u8 old_state, __u8 new_state, bool whole,
					      __u32 known)
{
	struct emit_cpu *cpu = emit_cpu();
	struct socket_record *record;
	bool is_reset;

	if (!cpu)
		return;
	is_reset = knobs.has_reset_hook && socket_take_reset(cpu, sk);
	record = socket_reserve(cpu, EVENT_STATE, sk, tp,
				whole ? sizeof(*record) : SOCKET_RECORD_SIZE);
	if (!record)
		return;
	known |= socket_fill(&record->body, sk, tp, old_state, new_state, whole);
	if (whole && new_state == TCP_CLOSE)
		socket_tell_answer(tp, socket_mark(tp), old_state, &record->body.flow, &known);
	if (knobs.has_reset_hook)
		known |= EVENT_K_RESET_SEEN;
	if (is_reset)
		record->body.how |= SOCKET_F_RESET;
	/* what a process closes has its file until it has left these states */
	if (new_state == TCP_CLOSE && !sk->sk_socket &&
	    (old_state == TCP_ESTABLISHED || old_state == TCP_CLOSE_WAIT))
		record->body.how |= SOCKET_F_UNACCEPTED;
	if ((new_state == TCP_CLOSE || new_state == TCP_FIN_WAIT1) &&
	    record->head.flags & EVENT_F_TASK && fill_task_flags() & PF_EXITING) {
		struct task_struct *task = (struct task_struct *)bpf_get_current_task();

		record->body.how |= SOCKET_F_EXITING;
		record->body.signal = BPF_CORE_READ(task, exit_code) & 0x7f;
		if (BPF_CORE_READ(task, signal, oom_mm))
			record->body.how |= SOCKET_F_OOM;
	}
	record->head.known = known;
	emit_submit(cpu, &record->head);
}

/* Its handshake was over: what it has counted tells something. */
static __always_inline bool socket_stood(int state)
{
	return state != TCP_SYN_SENT && state != TCP_SYN_RECV && state != TCP_LISTEN;
}

/* So much was sent again that the rule for it may have something to say. */
static __always_inline bool socket_is_lossy(const struct tcp_sock *tp)
{
	return tp->total_retrans > 1 &&
	       (__u64)tp->total_retrans * 100 > (__u64)tp->data_segs_out * knobs.loss_floor_percent;
}

/* So many segments with data a server got at least by the end of a handshake, the ClientHello with them. */
#define HELLO_SEGMENTS_MAX 2

/*
 * It turned to TLS, or asked for it, and so little went afterwards that this may have failed: the client
 * sends its Finished, and then what it wants. Or the server's first words turned it away.
 */
static __always_inline bool socket_shook_in_vain(const struct tcp_sock *tp, __u32 mark)
{
	__u32 segments;

	if (!hello_is_noted(mark, &segments))
		return false;
	return tp->data_segs_in <= HELLO_SEGMENTS_MAX ||
	       (segments && tp->data_segs_out - segments < HELLO_SEGMENTS_MAX);
}

/*
 * An end of a connection that stood, without an error: is there anything to say of it? What closes
 * without a FIN of its own sends a reset; what closes behind the peer's and never heard a word was
 * turned away.
 */
static __always_inline bool socket_is_end_notable(const struct tcp_sock *tp, int old_state)
{
	bool own_fin =
		old_state == TCP_FIN_WAIT1 || old_state == TCP_CLOSING || old_state == TCP_LAST_ACK;
	__u32 mark;

	if (old_state == TCP_ESTABLISHED || old_state == TCP_CLOSE_WAIT)
		return true;
	if (old_state == TCP_LAST_ACK && !tp->data_segs_in)
		return true;
	if (tp->inet_conn.icsk_probes_out || tp->write_seq - tp->snd_una > own_fin ||
	    socket_is_lossy(tp))
		return true;
	mark = socket_mark(tp);
	return socket_shook_in_vain(tp, mark) ||
	       socket_tell_answer(tp, mark, old_state, NULL, NULL);
}

/* The process closes, all that it has said has arrived, if anything, and nobody ever said a word to it. */
static __always_inline bool socket_is_unheard(const struct tcp_sock *tp, int old_state,
					      int new_state)
{
	return old_state == TCP_ESTABLISHED && new_state == TCP_FIN_WAIT1 && !tp->data_segs_in &&
	       tp->write_seq == tp->snd_una && flow_is_past(tp->lsndtime, knobs.unheard_floor_ms);
}

/*
 * What is told beside openings: how an active opening ends, every end with an error, and that of a
 * connection where something was notable; for flows every end and the begin of a connection that
 * comes in.
 */
static __always_inline bool socket_is_told(const struct sock *sk, const struct tcp_sock *tp,
					   int old_state, int new_state)
{
	if (old_state == TCP_SYN_SENT)
		return true;
	if (knobs.flows &&
	    (new_state == TCP_CLOSE || (old_state == TCP_SYN_RECV && new_state == TCP_ESTABLISHED)))
		return true;
	if (new_state == TCP_CLOSE)
		return old_state == TCP_LISTEN || sk->sk_err ||
		       (old_state != TCP_SYN_RECV && socket_is_end_notable(tp, old_state));
	if (socket_is_unheard(tp, old_state, new_state))
		return true;
	/* simultaneous opening: a passive one has no struct socket before accept() */
	return old_state == TCP_SYN_RECV && tp->inet_conn.icsk_inet.sk.sk_socket;
}

/* A state that tells nothing but how a followed connection went on. */
static __always_inline void socket_emit_shown(const struct sock *sk, const struct tcp_sock *tp,
					      __u8 old_state, __u8 new_state)
{
	__u64 cookie;

	if (!knobs.timeline)
		return;
	cookie = compat_socket_cookie(sk);
	if (bpf_map_lookup_elem(&followed_cookies, &cookie))
		socket_emit_state(sk, tp, old_state, new_state, false, EVENT_K_TIMELINE);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, const struct sock *sk, int old_state, int new_state)
{
	struct tcp_sock *tp;
	bool opens;

	if (sk->sk_protocol != IPPROTO_TCP) /* the parent of an MPTCP connection is no tcp_sock */
		return 0;
	opens = old_state == TCP_CLOSE && (new_state == TCP_SYN_SENT || new_state == TCP_LISTEN);
	tp = bpf_skc_to_tcp_sock((void *)sk);
	if (!tp || fill_is_subflow(tp))
		return 0;
	if (opens)
		socket_emit_open(sk, tp, new_state == TCP_LISTEN ? OPEN_LISTEN : OPEN_CONNECT);
	else if (!socket_is_told(sk, tp, old_state, new_state))
		socket_emit_shown(sk, tp, old_state, new_state);
	else if (knobs.flows || new_state == TCP_FIN_WAIT1 ||
		 (new_state == TCP_CLOSE && socket_stood(old_state)))
		socket_emit_state(sk, tp, old_state, new_state, true, 0);
	else
		socket_emit_state(sk, tp, old_state, new_state, false, 0);
	return 0;
}

/* An error of a socket that is in @state, if it is one of TCP that somebody asked for. */
static __always_inline int socket_emit_error(const struct sock *sk, __u8 state)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);
	struct emit_cpu *cpu = emit_cpu();
	struct socket_record *record;

	if (!tp || !cpu || fill_is_subflow(tp))
		return 0;
	record = socket_reserve(cpu, EVENT_ERROR, sk, tp, SOCKET_RECORD_SIZE);
	if (!record)
		return 0;
	record->head.known = socket_fill(&record->body, sk, tp, state, state, false);
	emit_submit(cpu, &record->head);
	return 0;
}

SEC("tp_btf/inet_sk_error_report")
int BPF_PROG(on_error, const struct sock *sk)
{
	if (sk->sk_protocol != IPPROTO_TCP || sk->__sk_common.skc_state != TCP_SYN_SENT)
		return 0;
	return socket_emit_error(sk, TCP_SYN_SENT);
}

/*
 * Every SYN that is sent again. Of a connection that stands what the timer sends again and again: the
 * first ones, and what goes out early, are loss, of which a healthy connection has some; all of them
 * are counted in its figures.
 */
static __always_inline bool socket_is_retransmit_told(const struct tcp_sock *tp, __u8 state)
{
	return state == TCP_SYN_SENT || state == TCP_SYN_RECV ||
	       tp->inet_conn.icsk_retransmits >= knobs.retransmit_floor;
}

/* Of a segment in the write queue: its headers are not there yet. */
static __always_inline __u16 socket_segment_bytes(const struct sk_buff *skb)
{
	__u32 bytes = BPF_CORE_READ(skb, len);

	return bytes < 65535 ? bytes : 65535;
}

/* @whole: a constant. */
static __always_inline int socket_emit_retransmit(const __u64 *ctx, struct emit_cpu *cpu,
						  const struct sock *sk, const struct tcp_sock *tp,
						  bool whole)
{
	__u8 state = sk->__sk_common.skc_state;
	struct socket_record *record = socket_reserve(cpu, EVENT_RETRANSMIT, sk, tp,
						      whole ? sizeof(*record) : SOCKET_RECORD_SIZE);

	if (!record)
		return 0;
	record->head.known = socket_fill(&record->body, sk, tp, state, state, whole);
	record->body.error = 0;
	record->body.flow.again_bytes = socket_segment_bytes((const struct sk_buff *)ctx[1]);
	record->head.known |= EVENT_K_SEGMENT;
	if (compat_tells_retransmit_error()) {
		record->body.error = (int)ctx[2];
		record->head.known |= EVENT_K_ERROR;
	}
	emit_submit(cpu, &record->head);
	return 0;
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(on_retransmit, const struct sock *sk)
{
	__u8 state = sk->__sk_common.skc_state;
	struct emit_cpu *cpu;
	struct tcp_sock *tp;

	tp = bpf_skc_to_tcp_sock((void *)sk);
	if (!tp || !socket_is_retransmit_told(tp, state) || fill_is_subflow(tp))
		return 0;
	cpu = emit_cpu();
	if (!cpu)
		return 0;
	if (socket_stood(state))
		return socket_emit_retransmit(ctx, cpu, sk, tp, true);
	return socket_emit_retransmit(ctx, cpu, sk, tp, false);
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(on_reset_received, struct sock *sk)
{
	__u8 state = sk->__sk_common.skc_state;
	struct emit_cpu *cpu = emit_cpu();
	struct socket_record *record;
	struct tcp_sock *tp;

	if (!cpu)
		return 0;
	cpu->reset_socket = (__u64)sk;
	cpu->reset_jiffies = bpf_jiffies64(); /* 20 ns and more less than to read the clock */
	/* the state record that follows says it, in the same step */
	if (state == TCP_SYN_SENT)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp || fill_is_subflow(tp))
		return 0;
	record = socket_reserve(cpu, EVENT_RESET_RECEIVED, sk, tp, SOCKET_RECORD_SIZE);
	if (!record)
		return 0;
	record->head.known = socket_fill(&record->body, sk, tp, state, state, false);
	emit_submit(cpu, &record->head);
	return 0;
}

SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(on_synack_retransmit, const struct sock *sk, const struct request_sock *req)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);
	struct listener_record *record;
	struct emit_cpu *cpu = emit_cpu();

	if (!cpu || !tp || sk->__sk_common.skc_state != TCP_LISTEN)
		return 0;
	record =
		(void *)emit_reserve(cpu, EVENT_SYNACK_RETRANSMIT, sizeof(*record), VANTAGE_SOCKET);
	if (!record)
		return 0;
	record->head.cookie = compat_socket_cookie(sk);
	record->head.netns = socket_netns(tp);
	record->head.flags = EVENT_F_SOFTIRQ;
	record->head.known = EVENT_K_TUPLE | EVENT_K_BACKLOG | EVENT_K_ISN | EVENT_K_PENDING;
	fill_tuple(&record->body.tuple, &req->__req_common, req->__req_common.skc_num, IPPROTO_TCP);
	record->body.backlog = sk->sk_ack_backlog;
	record->body.backlog_max = sk->sk_max_ack_backlog;
	record->body.isn = BPF_CORE_READ((struct tcp_request_sock *)req, rcv_isn);
	record->body.retransmits = req->num_retrans + 1; /* counted after the send */
	record->body.pending = tp->inet_conn.icsk_accept_queue.qlen.counter;
	record->body.pad = 0;
	emit_submit(cpu, &record->head);
	return 0;
}

/*
 * A process that closes its socket, or ends, without having been told of the reset: no call of it has taken the error.
 * Of a socket that its process had closed before, it never is; which it was, the reset's own record says.
 */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(on_destroy, const struct sock *sk)
{
	return sk->sk_err == ECONNRESET ? socket_emit_error(sk, TCP_CLOSE) : 0;
}
