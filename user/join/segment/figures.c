// SPDX-License-Identifier: GPL-2.0-or-later
/* figures.c - what the packets of a connection tell of it in numbers */

#include <stdint.h>
#include <string.h>

#include "join/segment/figures.h"
#include "util/array.h"
#include "util/time.h"

static const char *const end_names[] = {
	[CONN_OPEN] = "open",
	[CONN_CONNECTING] = "connecting",
	[CONN_UNANSWERED] = "unanswered",
	[CONN_REFUSED] = "refused",
	[CONN_CANCELED] = "canceled",
	[CONN_FAILED] = "failed",
	[CONN_CLOSED] = "closed",
	[CONN_HALF_CLOSED] = "half-closed",
	[CONN_RESET] = "reset",
	[CONN_TIMED_OUT] = "timed-out",
};
_Static_assert(ARRAY_SIZE(end_names) == CONN_END_COUNT, "an end has no name");

const char *conn_end_name(enum conn_end end)
{
	return (unsigned int)end < CONN_END_COUNT ? end_names[end] : NULL;
}

/* ---- of the connection ---- */

static enum conn_end end_of(const struct stream *stream)
{
	const struct stream_side *client = &stream->side[stream->ends->client];
	const struct stream_side *server = &stream->side[!stream->ends->client];
	bool opened = (client->state & SIDE_SYN) && !(server->state & SIDE_SYN) &&
		      client->packets == client->syns + client->copies;

	if ((client->state | server->state) & SIDE_RESET)
		return opened && (server->state & SIDE_RESET) ? CONN_REFUSED : CONN_RESET;
	if ((client->state & SIDE_FIN) && (server->state & SIDE_FIN))
		return CONN_CLOSED;
	if ((client->state | server->state) & SIDE_FIN)
		return CONN_HALF_CLOSED;
	if (opened && !server->packets)
		return CONN_UNANSWERED;
	return CONN_OPEN;
}

static int closed_first_of(const struct stream *stream)
{
	const struct stream_side *side = stream->side;
	int first = FIGURES_NEITHER;

	if ((side[0].state & SIDE_FIN) && (side[1].state & SIDE_FIN))
		first = side[1].fin_ns < side[0].fin_ns;
	else if (side[0].state & SIDE_FIN)
		first = 0;
	else if (side[1].state & SIDE_FIN)
		first = 1;
	if (((side[0].state | side[1].state) & SIDE_RESET) &&
	    (first < 0 || stream->reset_ns < side[first].fin_ns))
		return stream->reset_by;
	return first;
}

static void take_end(struct figures *figures, const struct stream *stream)
{
	__u16 either = stream->side[0].state | stream->side[1].state;
	__u16 both = stream->side[0].state & stream->side[1].state;

	figures->known |= FIGURES_END;
	figures->end = (__u8)end_of(stream);
	figures->closed_first = (__s8)closed_first_of(stream);
	figures->reset_by = either & SIDE_RESET ? (__s8)stream->reset_by : FIGURES_NEITHER;
	figures->reset_ns = stream->reset_ns;
	if (both & SIDE_FIN) {
		figures->known |= FIGURES_AT_ONCE;
		figures->at_once = stream->crossed;
	}
}

/* Of a SYN that was repeated it is not known which one was answered. */
static void take_handshake(struct figures *figures, const struct stream *stream)
{
	__u64 us = stream->handshake_ns / NS_PER_US;

	if ((stream->side[0].state & stream->side[1].state & SIDE_SYN) && stream->handshake_ns)
		figures->handshake = HANDSHAKE_WHOLE;
	else
		figures->handshake = stream->ends->client_known ? HANDSHAKE_PART : HANDSHAKE_UNSEEN;
	if (stream->side[stream->ends->client].syns != 1 || !stream->synack_ns || !us)
		return;
	figures->known |= FIGURES_HANDSHAKE;
	figures->handshake_us = us > UINT32_MAX ? UINT32_MAX : (__u32)us;
}

static void take_round_trip(struct figures *figures, const struct stream *stream)
{
	const struct stream_rtt *rtt = &stream->side[stream->ends->client].rtt;

	if (!rtt->samples)
		rtt = &stream->side[!stream->ends->client].rtt;
	if (!rtt->samples)
		return;
	figures->known |= FIGURES_ROUND_TRIP;
	figures->rtt_us = stream_rtt_mean_us(rtt);
}

/* ---- of a side ---- */

static void take_offers(struct figures_side *to, const struct stream_side *from)
{
	if (from->state & SIDE_SYN)
		to->known |= FIGURES_SACK | FIGURES_TIMESTAMPS;
	to->sack = from->state & SIDE_SACK;
	to->timestamps = from->state & SIDE_TIMESTAMPS;
	if (from->state & SIDE_MSS)
		to->known |= FIGURES_MSS;
	to->mss = from->mss;
	if (from->wscale > 14)
		return;
	to->known |= FIGURES_WSCALE;
	to->wscale = from->wscale;
}

static void take_side(struct figures_side *to, const struct stream_side *from)
{
	to->known = FIGURES_COUNTS | FIGURES_AGAIN | FIGURES_TIMEOUTS | FIGURES_DSACKS |
		    FIGURES_SEGMENTS;
	to->packets = from->packets;
	to->segments = from->segments;
	to->bytes = from->bytes;
	to->bytes_again = from->bytes_again;
	to->again = stream_side_retransmissions(from);
	to->timeouts = from->timeouts;
	to->waits_ns = from->waits_ns;
	to->dsacks = from->dsacks;
	to->last_ns = from->last_ns;
	if (from->state & SIDE_FIN) {
		to->known |= FIGURES_FIN;
		to->fin_ns = from->fin_ns;
	}
	memcpy(to->flagged, from->flagged, sizeof(to->flagged));
	to->again_soon = from->again_soon;
	to->copies = from->copies;
	to->syns = from->syns;
	to->resets = from->resets;
	to->longest = from->longest;
	to->window_most = from->window_most;
	to->zero_ns = from->zero_ns;
	to->zero_since_ns = from->zero_since_ns;
	to->rtt = from->rtt;
	if (from->rtt.samples)
		to->known |= FIGURES_RTT_LEAST;
	take_offers(to, from);
}

void figures_take_stream(struct figures *figures, const struct stream *stream)
{
	*figures = (struct figures){
		.known = FIGURES_BEGIN | FIGURES_PAUSES,
		.client = stream->ends->client,
		.client_known = stream->ends->client_known,
		.number = stream->number,
		.first_frame = stream->first_frame,
		.last_frame = stream->last_frame,
		.started_ns = stream->first_ns,
		.established_ns = stream->synack_ns,
		.last_ns = stream->last_ns,
		.idle_most_ns = stream->idle_most_ns,
		.idle_at_ns = stream->idle_at_ns,
		.idle_ns = stream->idle_ns,
	};
	take_end(figures, stream);
	take_handshake(figures, stream);
	take_round_trip(figures, stream);
	for (int i = 0; i < 2; i++) {
		memcpy(figures->side[i].address, stream->ends->address[i], EVENT_ADDRESS_SIZE);
		figures->side[i].port = stream->ends->port[i];
		take_side(&figures->side[i], &stream->side[i]);
		figures->side[i].narrowed = stream->narrowed[i];
	}
}
