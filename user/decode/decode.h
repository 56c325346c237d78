/* SPDX-License-Identifier: GPL-2.0-or-later */
/* decode.h - bytes of a record become a struct event; trusts nothing */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "decode/first.h"
#include "decode/tls.h"
#include "decode/upgrade.h"
#include "event.h"
#include "util/text.h"

/*
 * Theory of operation
 *
 * decode_event() checks every length of a record, copies its body zero-extended into the union,
 * terminates its texts, and parses the packet it carries, if any. After it, every field is safe
 * to read: enums that index tables (how, call, what, space, vantage) are in range, or the record
 * was refused.
 *
 * The packet parser works on raw bytes from the IP header on and is the same for records of the
 * TC hook, for the segment inside a drop or reset record, and for capture files.
 *
 * A frame of a capture file passes decode_frame() instead: link layers (link.c) and tunnels
 * (tunnel.c) are taken off, fragments put together (fragment.c), and the packet parser sees the
 * innermost packet. What cannot be read is an event, too, with the reason in .frame.unread; of ARP
 * it also has who claims which address (claim.c).
 *
 * Payloads: DNS messages below, TLS in tls.h, and what the first bytes of a side are in first.h.
 *
 * Every kind has a table of its fields (name, type, offset): printing a record, assembling one
 * from text in tests and the documentation all walk it, so no sink knows a kind.
 */

enum packet_what {
	PACKET_NONE,
	PACKET_TCP,
	PACKET_UDP,
	PACKET_ICMP,
	PACKET_OTHER,
	PACKET_UNPARSED
};

enum { TCP_F_FIN = 1, TCP_F_SYN = 2, TCP_F_RST = 4, TCP_F_PSH = 8, TCP_F_ACK = 16, TCP_F_URG = 32 };

enum {
	PACKET_F_FRAGMENT = 1 << 0, /* not the first fragment: no ports */
	PACKET_F_CUT = 1 << 1, /* the capture ends inside a header; what is set is right */
	PACKET_F_MSS = 1 << 2,
	PACKET_F_WSCALE = 1 << 3,
	PACKET_F_SACK = 1 << 4, /* SACK permitted */
	PACKET_F_TIMESTAMPS = 1 << 5,
	PACKET_F_INNER = 1 << 6, /* icmp: the packet that provoked it is in .inner */
	PACKET_F_INNER_SEQ = 1 << 7,
	PACKET_F_DATA_ACK = 1 << 12, /* tcp: MPTCP's own acknowledgment (RFC 8684 3.3) */
	PACKET_F_MPTCP = 1 << 13, /* tcp: a signal of MPTCP, other than of its data (RFC 8684) */
	PACKET_F_SHORT = 1 << 14, /* tcp: not even its 20 bytes were captured */
	PACKET_F_DSACK = 1 << 15, /* tcp: tells of something that came twice (RFC 2883) */
};

/* Ports and numbers in host byte order. */
struct packet {
	__u8 source[EVENT_ADDRESS_SIZE];
	__u8 destination[EVENT_ADDRESS_SIZE];
	__u16 source_port;
	__u16 destination_port;
	__u8 what; /* enum packet_what */
	__u8 protocol; /* IPPROTO_*: the upper layer's */
	__u8 ttl; /* or hop limit */
	__u8 tcp_flags;
	__u32 seq;
	__u32 ack;
	__u32 payload_bytes; /* from the IP lengths, not from what was captured */
	__u32 ts_value;
	__u32 ts_echo;
	__u32 data_ack; /* its last four bytes */
	__u16 window; /* as on the wire, not scaled */
	__u16 mss;
	__u16 ip_id;
	__u16 flags; /* PACKET_F_* */
	__u8 wscale;
	__u8 icmp_type; /* of ICMP or ICMPv6: .protocol tells */
	__u8 icmp_code;
	__u8 pad;
	__u32 icmp_mtu;
	__u32 payload_at; /* where the payload begins, from the IP header on; 0 unknown */
	struct {
		__u8 source[EVENT_ADDRESS_SIZE];
		__u8 destination[EVENT_ADDRESS_SIZE];
		__u16 source_port;
		__u16 destination_port;
		__u32 seq; /* TCP, PACKET_F_INNER_SEQ */
		__u8 protocol;
		__u8 pad;
		__u16 bytes; /* its length as its own IP header tells */
	} inner;
};

#define CLAIM_MAC_SIZE 6

enum claim_how {
	CLAIM_NONE,
	CLAIM_ASKED, /* .asker wants to know who has .address */
	CLAIM_ANSWERED, /* .mac has it, says an answer to .asker */
	CLAIM_ANNOUNCED, /* .mac has it, says somebody to all */
};

/* Who says that an address is his, on the link where it was captured. */
struct claim {
	__u8 how; /* enum claim_how */
	__u8 mac[CLAIM_MAC_SIZE];
	__u8 address[EVENT_ADDRESS_SIZE];
	__u8 asker[EVENT_ADDRESS_SIZE]; /* ARP: its link address, else its address; to compare */
};

struct event {
	struct event_header head;
	union {
		struct ev_open open;
		struct ev_socket socket; /* state, error, retransmit, reset-received */
		struct ev_listener listener; /* synack-retransmit, listen-full */
		struct ev_reset reset;
		struct ev_drop drop;
		struct ev_syscall syscall;
		struct ev_packet packet_raw;
		struct ev_icmp icmp;
		struct ev_neighbor neighbor;
		struct ev_task task;
		struct ev_piece piece;
		struct ev_claim claim_raw;
		struct ev_start start;
		struct ev_hook hook;
		struct ev_clock clock;
		struct ev_tick tick;
		struct ev_interface interface;
		struct ev_netns netns;
		struct ev_name name;
		struct ev_process process;
		struct ev_snapshot snapshot;
		struct ev_fact fact;
		struct ev_change change;
		struct ev_lost lost;
		struct ev_end end;
		struct ev_frame frame;
		struct ev_gauge gauge;
	};
	/* of packet, frame, drop, reset-sent, icmp-sent; .what is PACKET_NONE without */
	struct packet packet;
	/*
	 * All that was captured of .packet, which may be more than a record keeps; valid while the
	 * event is being taken. 0 bytes without a packet.
	 */
	const __u8 *bytes;
	size_t bytes_captured;
	/* of a claim, and of a frame that is "not-ip" because it is ARP; else .how is CLAIM_NONE */
	struct claim claim;
};

/*
 * The ends between which it went, its sender's as local; of an ICMP error those of the packet that it
 * quotes, to whose connection it belongs. False: it has none.
 */
bool packet_tuple(const struct packet *packet, struct event_tuple *tuple);

/* What an ICMP error (.what is PACKET_ICMP, with PACKET_F_INNER) says of the packet that it quotes. */
bool packet_says_too_big(const struct packet *packet); /* RFC 1191 4, RFC 4443 3.2 */
bool packet_says_unreachable(
	const struct packet *packet); /* for another reason: RFC 792, RFC 4443 3.1 */
bool packet_says_port_unreachable(
	const struct packet *packet); /* only the port is told to have nobody */

/* So much of the payload was captured, from event->bytes + event->packet.payload_at on. */
static inline size_t packet_payload_captured(const struct event *event)
{
	const struct packet *packet = &event->packet;
	size_t captured;

	if (!packet->payload_at || packet->payload_at >= event->bytes_captured)
		return 0;
	captured = event->bytes_captured - packet->payload_at;
	/* Ethernet pads short frames */
	return captured < packet->payload_bytes ? captured : packet->payload_bytes;
}

/*
 * Decodes one record.
 * @size: bytes at @bytes; must be at least the record's own size.
 * Returns 0; -EBADMSG for a record that contradicts itself; -ENOTSUP for an unknown kind.
 * For speed only the part of @event that the kind uses is written.
 */
int decode_event(const void *bytes, size_t size, struct event *event);

/*
 * Parses a packet from its IP header on.
 * @captured: bytes that are there. @wire: the packet's length on the wire, at least @captured.
 * Never fails: what cannot be told is PACKET_UNPARSED or PACKET_OTHER, a short capture sets
 * PACKET_F_CUT. RFC 791, RFC 8200, RFC 9293, RFC 792, RFC 4443.
 */
void packet_parse(const __u8 *bytes, size_t captured, size_t wire, struct packet *packet);

/* ---- frames of capture files ---- */

struct fragments; /* datagrams of which fragments are awaited: a bounded number */

int fragments_new(struct fragments **out); /* 0 or -ENOMEM */
void fragments_free(struct fragments *fragments); /* NULL is fine */
/* Datagrams that were never whole so far; of those that still wait it is known at the end. */
__u64 fragments_abandoned(const struct fragments *fragments);

/* Bytes of a frame, from its link layer on. */
struct frame_bytes {
	const __u8 *bytes;
	size_t captured;
	size_t wire; /* at least .captured */
	__u16 link; /* LINKTYPE_* */
};

/*
 * Finds the innermost IP packet in a frame and parses it. Before: event->head with the frame's time.
 * Sets what decode_event() would set for the record of that frame, but what only the file knows:
 * the rest of the header, .frame.frame, .file, .interface. @event begins with the bytes of the
 * record, once head.size is set from the result. @fragments NULL: fragments stay apart.
 * Returns the size of the body.
 */
size_t decode_frame(struct fragments *fragments, const struct frame_bytes *frame,
		    struct event *event);

/* ARP, from its own header on; .how is CLAIM_NONE of what says nothing or is cut. */
void claim_parse_arp(const __u8 *bytes, size_t captured, struct claim *claim);

/* The same of a packet from its IP header on, which packet_parse() has parsed. */
void claim_parse_advertisement(const struct packet *packet, const __u8 *bytes, size_t captured,
			       struct claim *claim);

/* "SYN seq 3812440907 win 64240 mss 1460 sack ts wscale 7 ttl 64"; "ICMP 3/1 host unreachable …" */
void packet_print(struct text *text, const struct packet *packet);

/* ---- payloads ---- */

#define DNS_NAME_SIZE \
	256 /* as text, lower case, escaped as RFC 1035 5.1 does; longer ones are refused */
enum { DNS_TYPE_A = 1, DNS_TYPE_AAAA = 28 };
enum { DNS_NOERROR = 0, DNS_FORMERR, DNS_SERVFAIL, DNS_NXDOMAIN, DNS_NOTIMP, DNS_REFUSED };

/* What a response without error brings (RFC 2308 2.2). */
enum dns_content {
	DNS_CONTENT_UNKNOWN, /* a query, an error, or too little of it was captured */
	DNS_CONTENT_DATA, /* a record of the type that was asked for */
	DNS_CONTENT_NONE, /* the name exists and has none */
	DNS_CONTENT_REFERRAL, /* it only tells who may know: no answer and no denial */
};

struct dns {
	__u16 id;
	__u16 type; /* of the question */
	__u16 answers;
	__u16 aliases; /* CNAMEs on the way to .content; a chain that ends in nothing has none */
	__u8 rcode;
	__u8 content; /* enum dns_content */
	bool response;
	bool truncated;
	bool recursive; /* RD: the asker leaves the rest to the server; resolvers among themselves do not */
	const __u8 *message; /* what was parsed, of .size bytes: dns_addresses() */
	size_t size;
	char name[DNS_NAME_SIZE]; /* of the question, without the last dot; "." is the root */
};

/*
 * Parses a DNS message of @captured bytes, as UDP carries it (RFC 1035 4.1): header, question, and
 * of the records only of which types there are.
 * Returns false for what is no standard query or answer with one question, or is cut in it.
 */
bool dns_parse(const __u8 *bytes, size_t captured, struct dns *dns);

/*
 * The addresses that an answer gives for the type of its question (A, AAAA), at most @room; returns how
 * many. Those whose owner is another name count too: aliases lead there. Reads the message again.
 */
size_t dns_addresses(const struct dns *dns, __u8 (*addresses)[EVENT_ADDRESS_SIZE], size_t room);
const char *dns_rcode_name(unsigned int rcode); /* "NXDOMAIN"; NULL unknown */
const char *dns_type_name(unsigned int type); /* "AAAA"; NULL unknown */

/* ---- names ---- */

const char *decode_kind_name(unsigned int kind); /* "state"; "kind-77" is NULL */
const char *decode_state_name(unsigned int state); /* "SYN_SENT"; NULL unknown */
const char *decode_errno_name(int error); /* "ECONNREFUSED", of a positive errno; NULL unknown */
const char *decode_errno_meaning(int error); /* our own words, never libc's */
const char *decode_syscall_name(unsigned int call); /* "connect" */
const char *decode_socket_type_name(unsigned int type); /* "stream" */
const char *decode_vantage_name(unsigned int vantage); /* "tc-in" */
const char *decode_fact_name(unsigned int what);
const char *decode_gauge_name(unsigned int what); /* "conntrack" */
const char *decode_icmp_name(bool ipv6, unsigned int type,
			     unsigned int code); /* "port unreachable" */
const char *decode_unread_name(unsigned int unread); /* "not-ip"; empty of UNREAD_NONE */
const char *decode_unread_meaning(unsigned int unread); /* "not IP" */
/* The errno that Linux gives a connecting socket for an ICMP destination unreachable; 0 none. */
int decode_icmp_errno(bool ipv6, unsigned int type, unsigned int code);
const char *decode_signal_name(unsigned int signal); /* "SIGKILL"; NULL unknown */

/* ---- fields ---- */

enum field_type {
	FIELD_U8,
	FIELD_U16,
	FIELD_U32,
	FIELD_U64,
	FIELD_S32,
	FIELD_S64,
	FIELD_ADDRESS, /* 16 bytes */
	FIELD_TEXT, /* char array of .size bytes */
	FIELD_BYTES, /* hexadecimal */
	FIELD_RAW, /* struct ev_raw: the packet */
	FIELD_STATE, /* u8, TCP state by name */
	FIELD_ERRNO, /* s32, by name */
	FIELD_FLAGS, /* u8 to u64 by .size, hexadecimal */
	FIELD_NAME, /* u8/u16/u32 by .size, through .names */
	FIELD_TYPE_COUNT,
};

struct field {
	const char *name; /* "local_port", "owner.comm": unique within its kind */
	__u16 offset; /* in the body */
	__u16 size;
	__u8 type; /* enum field_type */
	__u32 known; /* EVENT_K_* bit that says it is known, 0: always */
	const char *(*names)(unsigned int value);
};

/* The fields of a kind in wire order, ended by a row without a name; NULL for an unknown kind. */
const struct field *decode_fields(unsigned int kind);

/* The header's own fields, in the same form (offsets in struct event_header). */
const struct field *decode_header_fields(void);

/* Size of a kind's body struct; 0 for an unknown kind. */
size_t decode_body_size(unsigned int kind);

/* Appends the value of one field: "ECONNREFUSED", "10.0.0.1", "SYN_SENT", "17". */
void field_print(struct text *text, const struct field *field, const void *body);
