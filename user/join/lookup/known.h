/* SPDX-License-Identifier: GPL-2.0-or-later */
/* known.h - what is known of a lookup, or of another datagram that met trouble */
#pragma once

#include <stdbool.h>

#include "decode/decode.h"
#include "event.h"
#include "join/source.h"

/* What a lookup is about. */
enum lookup_about {
	LOOKUP_NAME, /* what a client wanted to know of a name */
	LOOKUP_UNREACHABLE, /* a datagram that nobody took */
	LOOKUP_TOO_BIG, /* a datagram that was too big for its path */
	LOOKUP_OTHER_ADDRESS, /* a datagram that another address answered than was asked */
	LOOKUP_NOT_SENT, /* a datagram that this host did not let go */
	LOOKUP_QUEUE_FULL, /* datagrams for which a socket of this host had no room */
	LOOKUP_NO_REPLY, /* what a socket of this host asks again and again */
};

/* What the ports tell of a datagram that found nobody. */
enum lookup_kind { DATAGRAM_QUESTION, DATAGRAM_ANSWER, DATAGRAM_TRACE };

/* How far the query over TCP came that follows a truncated answer. */
enum lookup_tcp {
	LOOKUP_TCP_NONE,
	LOOKUP_TCP_TRIED, /* a SYN, and nothing came back */
	LOOKUP_TCP_REFUSED,
	LOOKUP_TCP_CONNECTED, /* a connection, and no answer on it */
};

/* What became of a forwarder's own query. */
enum lookup_upstream_how {
	LOOKUP_UPSTREAM_NONE, /* no such query was seen */
	LOOKUP_UPSTREAM_ASKED, /* and nothing came back */
	LOOKUP_UPSTREAM_ANSWERED,
	LOOKUP_UPSTREAM_UNREACHABLE, /* ICMP */
};

struct lookup {
	/* of this host's sockets; zeros of a capture, which knows none */
	__u64 cookie;
	__u32 netns; /* of the socket */
	__u8 sources; /* enum source: what tells of it */
	bool at_home; /* the server is at this host: what it asked went over the loopback device */
	bool unknown; /* nothing more was learned of it, and no failure is known */
	const struct event_owner *owner; /* NULL: not known */
	bool owner_by_file; /* it has the socket open: who sent was not seen */
	/* who asked another server for it, as the one that was asked is a forwarder (dnsmasq, a stub) */
	struct lookup_upstream {
		__u8 how; /* enum lookup_upstream_how */
		__u8 rcode; /* valid with LOOKUP_UPSTREAM_ANSWERED */
		__u32 queries;
		__u8 server[EVENT_ADDRESS_SIZE]; /* the last one that it asked */
		const struct event_owner *owner; /* NULL: not known */
	} upstream;

	__u8 client[EVENT_ADDRESS_SIZE];
	__u8 server[EVENT_ADDRESS_SIZE]; /* the last one asked, or the one that answered */
	__u8 first_server[EVENT_ADDRESS_SIZE];
	/* who sent the ICMP error; of a datagram also who answered it */
	__u8 sender[EVENT_ADDRESS_SIZE];
	__u16 client_port;
	__u16 server_port; /* 0: DNS */
	__u16 type; /* asked last */
	__u8 about; /* enum lookup_about */
	__u8 asked; /* LOOKUP_A, _AAAA, _OTHER */
	__u8 rcode; /* 0: no error came, or no answer at all */
	__u8 tcp; /* enum lookup_tcp, valid with .truncated */
	__u16 tcp_port; /* the client's, of the last query over TCP; 0 none */
	bool worked; /* every type was answered, one of them well; told because it took long */
	bool empty; /* every type was answered; the name exists, and has no address of them */
	bool exists; /* of a type that was asked for the answer was that there is none */
	bool aliased; /* .. but aliases (CNAME) */
	bool truncated; /* an answer did not fit (TC), and nothing better came over UDP */
	bool too_big; /* an answer was too big for its path, as an ICMP error tells */
	bool half_lost; /* one of two queries sent together was not answered until asked again */
	bool unreachable; /* ICMP destination unreachable came, of .icmp_code, from .sender */
	__u32 refused; /* so many, since the last answer */
	__u8 icmp_code;
	bool other_servers; /* several were asked */
	/* of a datagram of this host: the kernel gave its socket the error, and so its process */
	bool told;
	bool awaited; /* and somebody waited at the socket then */
	__u32 dropped; /* LOOKUP_QUEUE_FULL: at least so many */
	__u32 queue_bytes; /* .. that waited to be read, and at most */
	__u32 queue_max;
	__s32 error; /* LOOKUP_NOT_SENT: errno of the call, else what the socket is told; positive */
	__u8 call; /* .. enum event_syscall */
	bool drop_seen; /* .. the kernel told of its drop */
	bool drop_reason_known;
	__u32 drop_reason; /* NAME_DROP_REASON */
	__u64 drop_location;
	bool blind_wire; /* nothing that goes to the client is captured */
	bool blind_late; /* .. because the hooks were attached after it began */
	bool blind_tcp; /* the capture holds no TCP at all */
	bool blind_lost;
	bool blind_upstream; /* somebody where its server is asks others over TLS */
	__u32 queries;
	__u32 repeats; /* of them: of a type that was asked for already */
	__u32 expansions; /* names of the same search list that do not exist either */
	__u32 expansions_empty; /* those that exist and have no address either */
	__u32 bytes; /* of a datagram that was too big: from its IP header on; 0 unknown */
	__u32 mtu; /* what the ICMP error offers; 0 nothing */
	__u32 again; /* further ICMP errors of that kind; queries after an answer from elsewhere */
	__u32 later; /* datagrams after the last of these ICMP errors */
	__u64 started_ns;
	__u64 asked_ns; /* the last query */
	__u64 answer_ns;
	__u64 ended_ns;
	char name[DNS_NAME_SIZE]; /* empty of a mere datagram */
};

/* It is known from packets alone: no socket, process or host is. */
static inline bool lookup_is_captured(const struct lookup *lookup)
{
	return lookup->sources & SOURCE_CAPTURE;
}

enum lookup_kind lookup_kind_of(const struct lookup *lookup); /* .about LOOKUP_UNREACHABLE */

enum { LOOKUP_A = 1 << 0, LOOKUP_AAAA = 1 << 1, LOOKUP_OTHER = 1 << 2 };
