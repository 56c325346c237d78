// SPDX-License-Identifier: GPL-2.0-or-later
/* packets_write.c - one packet with its interface and its comments */

#include <stdio.h>
#include <string.h>

#include "sinks/packets/mask_message.h"
#include "sinks/packets/mask_packet.h"
#include "sinks/packets/packets_table.h"
#include "sinks/sink.h"
#include "util/port.h"

/* Dropped packets stand at an interface of their own: they were seen elsewhere, too. */
#define DROPS_AT 0x80000000u

static __u64 real_time(const struct join *join, __u64 ts_ns)
{
	__u64 real_ns = join_realtime_ns(join, ts_ns);

	return real_ns ? real_ns : ts_ns;
}

/* What a file lacks, one made of its packets lacks as well. */
static void say_holds(const struct packets *packets, const struct held *held, char *buffer,
		      size_t size)
{
	const struct packets_options *options = &packets->options;
	bool some = options->choose ? held->how & FRAME_F_SOME : !options->whole;
	bool chosen = options->choose && (!options->all || held->how & FRAME_F_CHOSEN);
	struct text text = text_in(buffer, size);

	text_add(&text, PCAPNG_HOLDS "%s%s%s", some ? "handshakes" : "", some && chosen ? "," : "",
		 chosen ? "findings" :
		 some	? "" :
			  "all");
	if (options->snap_bytes)
		text_add(&text, " bytes=%llu", options->snap_bytes);
	else
		text_add(&text, " bytes=headers");
}

/* "eth0", in another namespace "web/eth0" */
static __u32 find_interface(struct packets *packets, const struct join *join,
			    const struct held *held)
{
	bool drop = held->kind == EVENT_DROP;
	__u32 key = held->ifindex | (drop ? DROPS_AT : 0), known;
	const struct interface *interface;
	const char *netns = NULL;
	char name[80], about[120], holds[80];
	struct text text = text_of(name), more = text_of(about);

	if (pcapng_knows_interface(packets->pcapng, held->mark.netns, key, &known))
		return known;
	interface = join_interface(join, held->mark.netns, held->ifindex);
	if (drop)
		text_add(&text, held->ifindex ? "drop:" : "drop");
	if (held->mark.netns && held->mark.netns != join_netns_own(join)) {
		netns = join_netns_name(join, held->mark.netns);
		if (netns)
			text_add_foreign(&text, netns, strlen(netns));
		else
			text_add(&text, "%u", held->mark.netns);
		text_add(&text, "/");
	}
	if (interface && interface->name[0])
		text_add_foreign(&text, interface->name, sizeof(interface->name));
	else if (held->ifindex || !drop)
		text_add(&text, "if%u", held->ifindex);
	if (drop)
		text_add(&more, "dropped by the kernel of this host, ");
	if (held->mark.netns)
		text_add(&more, "interface %u of network namespace %u%s", held->ifindex,
			 held->mark.netns, netns ? ", " : "");
	if (netns)
		text_add_foreign(&more, netns, strlen(netns));
	say_holds(packets, held, holds, sizeof(holds));
	return pcapng_interface(packets->pcapng, held->mark.netns, key, name, about, holds);
}

static void comment_party(struct text *text, const char *what, const struct party_name *name)
{
	if (!name->pid)
		return;
	text_add(text, "%s%s ", text->length ? " " : "process ", what);
	text_add_foreign(text, name->comm, sizeof(name->comm));
	text_add(text, "[%u]", name->pid);
}

static void say_drop(struct text *text, const struct join *join, const struct held *held)
{
	const char *reason =
		held->reason_known ? join_name(join, NAME_DROP_REASON, held->reason) : NULL;
	const char *place = held->location ? join_name(join, NAME_SYMBOL, held->location) : NULL;

	text_add(text, "dropped by this host%s%s%s%s", reason ? ": " : "", reason ? reason : "",
		 place ? " at " : "", place ? place : "");
}

static const char *masked(struct packets *packets, const char *comment, size_t which)
{
	if (!packets->options.mask)
		return comment;
	if (mask_is_full(packets->options.mask))
		return "";
	mask_text(packets->options.mask, comment, strlen(comment), false, packets->masked[which],
		  sizeof(packets->masked[which]));
	return packets->masked[which];
}

int packets_write(struct packets *packets, const struct join *join, const struct held *held,
		  const __u8 *bytes, size_t captured, const char *const *texts, size_t count)
{
	char party[120] = "", drop[160] = "";
	struct text text = text_of(party);
	struct pcapng_packet packet = {
		.time_ns = real_time(join, held->mark.ts_ns),
		.interface = find_interface(packets, join, held),
		.direction = held->direction,
		.wire = held->wire,
		.offload = held->offload,
		.lost = held->lost,
	};

	packet.pid = held->direction == PCAPNG_INBOUND ? held->receiver.pid : held->sender.pid;
	packet.tid = held->direction == PCAPNG_INBOUND ? held->receiver.tid : held->sender.tid;
	comment_party(&text, "from", &held->sender);
	comment_party(&text, "to", &held->receiver);
	if (party[0])
		packet.comments[packet.comments_count++] = party;
	text = text_of(drop);
	if (held->kind == EVENT_DROP) {
		say_drop(&text, join, held);
		packet.comments[packet.comments_count++] = drop;
	}
	for (size_t i = 0; i < count && i < 2; i++)
		packet.comments[packet.comments_count++] = masked(packets, texts[i], i);
	if (captured > PCAPNG_PACKET_MAX)
		captured = PCAPNG_PACKET_MAX;
	if (packets->options.mask && captured) {
		memcpy(packets->scratch, bytes, captured);
		captured = mask_packet(packets->options.mask, packets->scratch, captured);
		bytes = packets->scratch;
	}
	packet.bytes = bytes;
	packet.captured = captured;
	if (packet.wire < captured)
		packet.wire = captured;
	return pcapng_packet(packets->pcapng, &packet);
}

int packets_write_entry(struct packets *packets, const struct join *join, __u64 ts_ns,
			enum severity severity, const char *text)
{
	static const int priorities[] = {
		[SEVERITY_INFO] = 6,
		[SEVERITY_WARNING] = 4,
		[SEVERITY_ERROR] = 3,
	};

	return pcapng_entry(packets->pcapng, real_time(join, ts_ns), priorities[severity],
			    masked(packets, text, 0));
}

/* ---- how much of a packet ---- */

static bool is_dns(const struct packet *packet)
{
	return packet->source_port == PORT_DNS || packet->destination_port == PORT_DNS ||
	       packet->source_port == PORT_MDNS || packet->destination_port == PORT_MDNS;
}

/* RFC 8446 5.1: alert, handshake; what follows them in a segment is kept with them */
static bool is_tls_hello(const __u8 *payload, size_t size)
{
	return size >= 5 && (payload[0] == 21 || payload[0] == 22) && payload[1] == 3;
}

enum { HELLO_MOST = 1024 }; /* of its packet: as much as the kernel side tells of a ClientHello */

/* All that was asked for, of a packet that came in pieces. */
static void count_cut(struct packets *packets, const struct event *event)
{
	__u64 all = event->packet_raw.raw.wire_bytes;

	if (event->head.kind != EVENT_PACKET || !(event->head.known & EVENT_K_PIECES))
		return;
	if (all > packets->options.snap_bytes)
		all = packets->options.snap_bytes;
	if (all > EVENT_SNAP_MAX)
		all = EVENT_SNAP_MAX;
	packets->counts.cut += event->bytes_captured < all;
}

size_t packets_keep(struct packets *packets, const struct event *event)
{
	const struct packet *packet = &event->packet;
	size_t captured = event->bytes_captured, payload = packet->payload_at;

	if (packets->options.snap_bytes) {
		count_cut(packets, event);
		return captured < packets->options.snap_bytes ? captured :
								packets->options.snap_bytes;
	}
	if (event->head.kind == EVENT_PACKET && packet->what == PACKET_TCP && payload &&
	    payload < captured && is_tls_hello(event->bytes + payload, captured - payload))
		return captured < HELLO_MOST ? captured : HELLO_MOST;
	/* what its record holds is enough for a diagnosis */
	if (event->head.kind == EVENT_PACKET && captured > EVENT_PACKET_MAX)
		captured = EVENT_PACKET_MAX;
	/* of what it dropped the kernel side has kept what is needed */
	if (event->head.kind == EVENT_DROP || !payload || payload >= captured)
		return captured;
	if (packet->what != PACKET_TCP && packet->what != PACKET_UDP)
		return captured;
	if (is_dns(packet) || (packet->what == PACKET_TCP &&
			       is_tls_hello(event->bytes + payload, captured - payload)))
		return captured;
	return payload;
}
