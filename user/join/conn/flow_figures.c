// SPDX-License-Identifier: GPL-2.0-or-later
/* flow_figures.c - what a socket tells of its connection in numbers */

#include <errno.h>
#include <string.h>

#include "join/conn/flow.h"
#include "util/tcp.h"
#include "util/time.h"

/* ---- the end ---- */

static bool was_reset(const struct flow *flow)
{
	return flow->reset_received || flow->error == ECONNRESET || flow->error == EPIPE ||
	       flow->error == ECONNABORTED; /* ss -K */
}

static enum conn_end end_of_connecting(const struct flow *flow)
{
	switch (flow->error) {
	case 0:
		return flow->reset_received ? CONN_REFUSED : CONN_CANCELED;
	case ECONNREFUSED:
		return CONN_REFUSED;
	case ETIMEDOUT:
		return CONN_UNANSWERED;
	default:
		return CONN_FAILED;
	}
}

static enum conn_end end_of(const struct flow *flow)
{
	if (!flow->ended_ns)
		return flow->state == TCP_STATE_SYN_SENT ? CONN_CONNECTING : CONN_OPEN;
	if (!(flow->known & EVENT_K_STATE))
		return CONN_END_UNKNOWN;
	if (flow->state == TCP_STATE_SYN_SENT)
		return end_of_connecting(flow);
	if (was_reset(flow))
		return CONN_RESET;
	if (flow->error)
		return flow->error == ETIMEDOUT ? CONN_TIMED_OUT : CONN_FAILED;
	switch (flow->state) {
	case TCP_STATE_FIN_WAIT2:
	case TCP_STATE_CLOSING:
	case TCP_STATE_LAST_ACK:
		return CONN_CLOSED;
	case TCP_STATE_FIN_WAIT1:
		return CONN_HALF_CLOSED;
	default:
		/* without a FIN: unread data, SO_LINGER of 0, connect() to AF_UNSPEC */
		return CONN_RESET;
	}
}

/*
 * What the kernel calls a reset in FIN_WAIT may be its own: data came that nobody will read. Then it
 * has sent one, which is told.
 */
static int reset_by(const struct flow *flow, enum conn_end end)
{
	if (end != CONN_RESET && end != CONN_REFUSED)
		return FIGURES_NEITHER;
	if (flow->state == TCP_STATE_SYN_SENT)
		return flow->reset_received ? FIGURES_REMOTE : FIGURES_NEITHER;
	if (flow->error == ECONNABORTED || (!flow->reset_received && !flow->error))
		return FIGURES_LOCAL;
	if (flow->state == TCP_STATE_ESTABLISHED || flow->state == TCP_STATE_CLOSE_WAIT)
		return FIGURES_REMOTE;
	if (flow->reset_sent)
		return FIGURES_LOCAL;
	return flow->resets_told ? FIGURES_REMOTE : FIGURES_NEITHER;
}

/* By the state in which it ended. */
static int closed_first(const struct flow *flow, const struct figures *figures)
{
	switch (flow->state) {
	case TCP_STATE_FIN_WAIT1:
	case TCP_STATE_FIN_WAIT2:
		return FIGURES_LOCAL;
	case TCP_STATE_CLOSE_WAIT:
	case TCP_STATE_LAST_ACK:
		return FIGURES_REMOTE;
	default: /* CLOSING: both at once */
		return figures->end == CONN_RESET ? figures->reset_by : FIGURES_NEITHER;
	}
}

static void take_end(struct figures *figures, const struct flow *flow)
{
	enum conn_end end = end_of(flow);

	figures->end = (__u8)end;
	figures->closed_first = FIGURES_NEITHER;
	figures->reset_by = (__s8)reset_by(flow, end);
	if (figures->reset_by != FIGURES_NEITHER) /* it closes the socket at once */
		figures->reset_ns = flow->ended_ns;
	if (!flow->ended_ns || !(flow->known & EVENT_K_STATE))
		return;
	figures->known |= FIGURES_END;
	figures->closed_first = (__s8)closed_first(flow, figures);
	if (end != CONN_CLOSED)
		return;
	figures->known |= FIGURES_AT_ONCE;
	figures->at_once = figures->closed_first == FIGURES_NEITHER;
}

/* ---- the begin ---- */

static void take_begin(struct figures *figures, const struct flow *flow)
{
	if (flow->opened_ns)
		figures->known |= FIGURES_BEGIN;
	figures->started_ns = flow->opened_ns;
	figures->established_ns = flow->established_ns;
	if (flow->opened_ns && flow->established_ns)
		figures->handshake = HANDSHAKE_WHOLE;
	else if (flow->opened_ns || flow->established_ns)
		figures->handshake = HANDSHAKE_PART;
	if (!flow->client || figures->handshake != HANDSHAKE_WHOLE || flow->syn_again)
		return;
	figures->known |= FIGURES_HANDSHAKE;
	figures->handshake_us =
		(__u32)(ns_between(flow->opened_ns, flow->established_ns) / NS_PER_US);
}

/* A guess by port, the higher, where the role is unknown. */
static void take_role(struct figures *figures, const struct flow *flow)
{
	bool client =
		flow->role_known ? flow->client : flow->tuple.local_port > flow->tuple.remote_port;

	if (flow->role_known)
		figures->known |= FIGURES_ROLE;
	figures->client = client ? FIGURES_LOCAL : FIGURES_REMOTE;
	figures->client_known = flow->role_known;
}

/* ---- what was counted ---- */

static void take_local(struct figures_side *local, const struct flow *flow)
{
	const struct event_flow *counts = &flow->counts;

	local->known |= FIGURES_COUNTS | FIGURES_AGAIN | FIGURES_DELIVERED | FIGURES_UNACKED |
			FIGURES_WINDOW | FIGURES_SOCKET;
	local->packets = counts->packets_out;
	local->segments = counts->segments_out;
	local->bytes = counts->bytes_sent;
	local->bytes_again = counts->bytes_again;
	local->again = counts->retransmits;
	if (flow->known & EVENT_K_TIMEOUTS)
		local->known |= FIGURES_TIMEOUTS;
	local->timeouts = counts->timeouts;
	local->delivered_bytes = counts->bytes_delivered;
	local->unacked_bytes = counts->unacked_bytes;
	local->window = counts->rcv_wnd;
	local->unread_bytes = counts->unread_bytes;
	local->received_out_of_order = counts->out_of_order;
	local->reorderings = counts->reorderings;
	local->cwnd = counts->cwnd;
	local->mss_now = counts->mss;
	if (counts->rtt_least_us)
		local->known |= FIGURES_RTT_LEAST;
	local->rtt.least_us = counts->rtt_least_us;
	if (counts->srtt_us)
		local->known |= FIGURES_SRTT;
	local->srtt_us = counts->srtt_us;
	local->rttvar_us = counts->rttvar_us;
}

/* Of a closed window and keep-alives the kernel counts the probes in one. */
static void take_in_row(struct figures_side *local, const struct event_flow *counts)
{
	local->known |= FIGURES_IN_ROW;
	local->again_in_row = counts->again_in_row;
	local->probes_in_row = counts->probes;
}

static void take_remote(struct figures_side *remote, const struct event_flow *counts)
{
	remote->known |= FIGURES_COUNTS | FIGURES_DSACKS | FIGURES_DELIVERED;
	remote->packets = counts->packets_in;
	remote->segments = counts->segments_in;
	remote->bytes = counts->bytes_received;
	remote->dsacks = counts->dsacks;
	remote->delivered_bytes = counts->bytes_received;
	if (counts->mss_remote) /* a SYN of it came, and with it a window */
		remote->known |= FIGURES_WINDOW;
	remote->window = counts->snd_wnd;
}

/* Options that were not agreed on: who did not offer them is not known. */
static void take_offers(struct figures_side *side, const struct event_flow *counts, __u16 mss,
			__u8 wscale)
{
	if (mss)
		side->known |= FIGURES_MSS;
	side->mss = mss;
	if (counts->how & FLOW_F_WSCALE)
		side->known |= FIGURES_WSCALE;
	side->wscale = wscale;
	if (counts->how & FLOW_F_SACK)
		side->known |= FIGURES_SACK;
	side->sack = counts->how & FLOW_F_SACK;
	if (counts->how & FLOW_F_TIMESTAMPS)
		side->known |= FIGURES_TIMESTAMPS;
	side->timestamps = counts->how & FLOW_F_TIMESTAMPS;
}

static void take_counts(struct figures *figures, const struct flow *flow, __u64 now_ns)
{
	const struct event_flow *counts = &flow->counts;
	struct figures_side *side = figures->side;

	take_local(&side[FIGURES_LOCAL], flow);
	take_remote(&side[FIGURES_REMOTE], counts);
	take_offers(&side[FIGURES_LOCAL], counts, counts->mss_local, counts->wscale_local);
	take_offers(&side[FIGURES_REMOTE], counts, counts->mss_remote, counts->wscale_remote);
	if (counts->srtt_us)
		figures->known |= FIGURES_ROUND_TRIP;
	figures->rtt_us = counts->srtt_us;
	if (flow->ended_ns || !counts->active_ns)
		return;
	figures->known |= FIGURES_IDLE_NOW;
	figures->idle_now_ns = ns_between(counts->active_ns, now_ns);
}

void figures_take_flow(struct figures *figures, const struct flow *flow, __u64 now_ns)
{
	const struct event_tuple *tuple = &flow->tuple;

	*figures = (struct figures){
		.ended = flow->ended_ns,
		.error = flow->error,
		.netns = flow->netns,
		.cookie = flow->cookie,
		.number = flow->number,
		.last_ns = flow->ended_ns ? flow->ended_ns : now_ns,
	};
	memcpy(figures->side[FIGURES_LOCAL].address, tuple->local, EVENT_ADDRESS_SIZE);
	memcpy(figures->side[FIGURES_REMOTE].address, tuple->remote, EVENT_ADDRESS_SIZE);
	figures->side[FIGURES_LOCAL].port = tuple->local_port;
	figures->side[FIGURES_REMOTE].port = tuple->remote_port;
	take_begin(figures, flow);
	take_role(figures, flow);
	take_end(figures, flow);
	if (!flow->ended_ns && (flow->known & EVENT_K_STATE)) {
		figures->known |= FIGURES_STATE;
		figures->state = flow->state;
	}
	if (flow->known & EVENT_K_COUNTERS)
		take_in_row(&figures->side[FIGURES_LOCAL], &flow->counts);
	if (flow->known & EVENT_K_FLOW)
		take_counts(figures, flow, now_ns);
}
