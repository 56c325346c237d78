/* SPDX-License-Identifier: GPL-2.0-or-later */
/* assemble.h - records from text, so that a replay is read and written by hand */
#pragma once

#include <stddef.h>

/*
 * The language. One record a line:
 *
 *     <offset ms>  <kind>  <field>=<value> …  <flag> …
 *
 *     0      start   release=6.18.44 pid=900
 *     0.02   open    cookie=7 tuple=10.0.0.1:45678>10.0.0.2:8080 owner=curl[4121]
 *     0.04   packet  cookie=7 ifindex=2 out packet="10.0.0.1:45678 > 10.0.0.2:8080 SYN seq 5"
 *     0.30   state   cookie=7 state=SYN_SENT>CLOSE error=ECONNREFUSED
 *     tick 1000
 *
 * Offset: milliseconds since the recording began (monotonic 1,000 s, 2026-11-20T10:31:07Z), with
 * a fraction if need be; "+0.3" is after the record before.
 * Kind: as decode_kind_name() says.
 * Field: as in decode_fields(), of the body, else of the header; "tuple." and "owner." may be left
 * out (local_port=, tgid=); "head.flags=" means the header where the body has the name too.
 * Value, by the field's type: a number (decimal, 0x…, negative); a text ("…" when it holds blanks;
 * \" \\ \n \xNN); an address; a name (state=SYN_SENT error=ECONNREFUSED how=connect); of a
 * reason or location the name that a `name` record gave it (reason=NETFILTER_DROP);
 * of flags a list of names and numbers (flags=out,loopback).
 * Flag: a name of header.flags alone: out, loopback, softirq, task, truncated, unparsed, ipv6,
 * followed. "in" is the absence of out, for the reader.
 *
 * Shorthands:
 *     tuple=LOCAL[:PORT]>REMOTE[:PORT]   the tuple, its family and protocol tcp; IPv6 with a port
 *                                        is [ADDRESS]:PORT; family= and protocol= may follow
 *     asked=ADDRESS[:PORT]               asked and asked_port
 *     owner=COMM[PID]                    tgid, tid, comm, leader, exe; ppid 1, uid 1000 and a start
 *     owner=COMM[PID/TID]                time made from the pid; owner.*= may follow
 *     state=OLD>NEW                      old_state and new_state; state=X sets both (of a state
 *                                        record: the new one); old=, new= alone
 *     packet="WORDS", packet=hex:4500…   see below; packet=none: no bytes
 *
 * Packet words: SOURCE[:PORT] > DESTINATION[:PORT], then one of
 *     SYN | SYN,ACK | ACK | RST | RST,ACK | FIN,ACK | PSH,ACK …  seq N, ack N, win N, mss N, sack, sack LEFT-RIGHT,
 *                                          ts [VALUE/ECHO], wscale N
 *     UDP
 *     ICMP TYPE/CODE  mtu N, of SOURCE[:PORT] > DESTINATION[:PORT] [UDP] seq N  (ICMPv6 for IPv6)
 *     PROTO N
 * and anywhere before "of": ttl N (64), id N, len N (payload bytes), cut N (capture so many bytes),
 *     dns ID,TYPE,NAME (a query), dns ID,TYPE,RCODE,NAME (its answer), with one record of that type,
 *     or with a last word: the address that it gives (10.0.0.2), chain (behind a CNAME), empty (a SOA and nothing), bare (nothing at all),
 *     alias (a CNAME that ends in nothing), alias-elsewhere (of an authoritative server, into another
 *     zone), referral, truncated. Over TCP its length stands in front.
 *     tls hello,NAME+server,VERSION+cipher+finished,N+data,N+alert,LEVEL,N (those records that are
 *     wanted), text WORDS (_ for a space)
 *
 * Filled in by itself, before the fields are read:
 *     vantage    packet: tc-out with out, else tc-in; a syscall's, socket's, frame's and user's by
 *                kind; vantage=tc-out and cgroup-out set the flag out; start vantage=file begins
 *                the replay of a capture
 *     frame      of a frame: 1, 2, 3 …
 *     flags      task of open and syscall; truncated, ipv6 of a packet
 *     known      the bits of the fields that are given; reset-seen of state and error.
 *                known=+isn,-counters alters that, known=tuple,owner is exactly that
 *     clock      its three clocks; tick: its sequence
 *
 * Other lines:
 *     include FILE          beside this file
 *     define NAME WORDS     $NAME in later lines stands for WORDS, which may be nothing, or a # that
 *                           makes a comment of the rest of the line
 *     set FIELD=VALUE …     for every later record that does not say otherwise; header fields
 *     tick OFFSET           a tick every 20 ms after the last one, up to and including OFFSET
 *     # comment             to the end of the line
 */

/*
 * Hands every record of the file to @take, in order; the bytes are valid during the call.
 * A mistake in the text is told as "FILE:LINE: what" on standard error.
 * Returns 0, -errno (-EINVAL for a mistake in the text), or what @take returned if not 0.
 */
int assemble_file(const char *path, int (*take)(void *ctx, const void *record, size_t size),
		  void *ctx);

/* The same from a text in memory. @name stands for the file in messages and for include. */
int assemble_text(const char *name, const char *text,
		  int (*take)(void *ctx, const void *record, size_t size), void *ctx);
