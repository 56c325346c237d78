/* SPDX-License-Identifier: GPL-2.0-only */
/* answer.h - how long an answer of HTTP/1 is going to be, and where it has come to */
#pragma once

#include "answer_note.h"
#include "load.h"

/*
 * Theory of operation
 *
 * A segment that begins as an answer of HTTP/1 does leaves a note in a table of fixed size (as in
 * hello_note.h): where the answer begins and, as its header says (RFC 9112 6.3), where it ends. Nothing else of
 * it is kept, and no record is made: whether it came to its end the client's socket knows when it ends,
 * and tells with it (answer_note.h). A header that does not end in its first segment, or not within
 * ANSWER_LOOK_BYTES, says nothing.
 *
 * Of an answer in chunks the end is not known before: of each of its segments it is noted whether it could be the last.
 */

#define ANSWER_STATUS_BYTES 12 /* "HTTP/1.1 200" */
#define ANSWER_LINE_END 0x0a0d /* as a number */
#define ANSWER_ODD ANSWER_F_CUT /* while a header is looked at: how long it is cannot be told */

/* A client asks for what has no body, and hears of it from @begin on. @how: ANSWER_F_*. */
static __always_inline void answer_ask(__u32 mark, __u32 begin, __u8 how)
{
	struct answer_note *note = answer_note_at(mark);

	if (!note)
		return;
	note->mark = mark;
	note->begin = begin;
	note->body = begin;
	note->end = begin;
	note->status = 0;
	note->how = how;
}

/* ---- the header ---- */

static __always_inline __u64 answer_load(const struct answer_look *look, __u32 at)
{
	__u64 word;

	__builtin_memcpy(&word, look->bytes + (at & (ANSWER_LOOK_BYTES - 1)), sizeof(word));
	return word;
}

#define ANSWER_LOWER 0x2020202020202020ull
#define ANSWER_SEVEN 0x00ffffffffffffffull

/* Digits after at most one space, and the line's end behind them. */
static __always_inline void answer_take_length(struct answer_look *look, __u32 at)
{
	__u32 bytes = 0;
	__u8 c = 0;
	int i;

	if (look->bytes[at & (ANSWER_LOOK_BYTES - 1)] == ' ')
		at++;
	for (i = 0; i < 10; i++) { /* fewer than 2^31 */
		c = look->bytes[(at + i) & (ANSWER_LOOK_BYTES - 1)];
		if (c < '0' || c > '9' || bytes > 0x7fffffff / 10 - 1)
			break;
		bytes = bytes * 10 + (c - '0');
	}
	if (!i || c != '\r' || (look->how & ANSWER_F_LENGTH)) {
		look->how |= ANSWER_ODD;
		return;
	}
	look->how |= ANSWER_F_LENGTH;
	look->length = bytes;
}

/*
 * The line that begins at @at; 1: it is the empty one behind the header. A global function: verified once, not for
 * every place where a line may begin. It is passed numbers only, as 5.10 wants it.
 */
__noinline int answer_line(__u32 at)
{
	__u32 zero = 0;
	struct answer_look *look = bpf_map_lookup_elem(&answer_looks, &zero);
	__u64 first, second;

	if (!look)
		return 1;
	first = answer_load(look, at);
	if ((__u16)first == ANSWER_LINE_END) {
		look->header = at + 2;
		return 1;
	}
	first |= ANSWER_LOWER;
	if (first == LOAD_LETTERS('c', 'o', 'n', 't', 'e', 'n', 't', '-')) {
		second = (answer_load(look, at + 8) | ANSWER_LOWER) & ANSWER_SEVEN;
		if (second == LOAD_LETTERS('l', 'e', 'n', 'g', 't', 'h', ':', 0))
			answer_take_length(look, at + 15);
	} else if (first == LOAD_LETTERS('t', 'r', 'a', 'n', 's', 'f', 'e', 'r')) {
		second = answer_load(look, at + 8) | ANSWER_LOWER;
		if (second == LOAD_LETTERS('-', 'e', 'n', 'c', 'o', 'd', 'i', 'n')) {
			second = answer_load(look, at + 19) | ANSWER_LOWER;
			if ((second & ANSWER_SEVEN) ==
			    LOAD_LETTERS('c', 'h', 'u', 'n', 'k', 'e', 'd', 0))
				look->how |= ANSWER_F_CHUNKED;
			else
				look->how |= ANSWER_ODD;
		}
	}
	return 0;
}

/* Where the lowest byte is whose highest bit is set, of those where no other bit is. */
static __always_inline __u32 answer_lowest(__u64 marks)
{
	return ((marks & -marks) >> 7) * 0x0001020304050607ull >> 56;
}

/*
 * Eight bytes of the header: the lines that begin behind a line feed. 1: that was the last. A global function as well: a
 * loop that calls it costs the verifier little, and 5.10 loads no program with a callback of bpf_loop() in it.
 */
__noinline int answer_word(__u32 at)
{
	__u32 zero = 0, i;
	struct answer_look *look = bpf_map_lookup_elem(&answer_looks, &zero);
	__u64 word, feeds;

	if (!look || at >= look->size)
		return 1;
	word = answer_load(look, at) ^ 0x0a0a0a0a0a0a0a0aull;
	feeds = (word - 0x0101010101010101ull) & ~word & 0x8080808080808080ull;
	for (i = 0; i < 2 && feeds; i++) { /* a line is hardly ever shorter than that */
		if (answer_line(at + answer_lowest(feeds) + 1))
			return 1;
		feeds &= feeds - 1;
	}
	return 0;
}

/* The whole header. */
static __always_inline void answer_header(void)
{
	__u32 at;

	for (at = 0; at < ANSWER_LOOK_BYTES; at += sizeof(__u64))
		if (answer_word(at))
			return;
}

/* ---- what it says of TLS ---- */

/*
 * What stands where in the body by which nginx ("The plain HTTP request was sent to HTTPS port"), Apache ("You're speaking
 * plain HTTP to an SSL-enabled server port") and Go ("Client sent an HTTP request to an HTTPS server") answer plain HTTP.
 */
#define ANSWER_NGINX_AT 29
#define ANSWER_APACHE_AT 230

static __always_inline bool answer_wants_tls(const struct answer_look *look)
{
	const __u64 plain = LOAD_LETTERS('p', 'l', 'a', 'i', 'n', ' ', 'H', 'T');
	__u32 body = look->header;

	return answer_load(look, body + ANSWER_NGINX_AT) == plain ||
	       answer_load(look, body + ANSWER_APACHE_AT) == plain ||
	       (answer_load(look, body) == LOAD_LETTERS('C', 'l', 'i', 'e', 'n', 't', ' ', 's') &&
		answer_load(look, body + 8) ==
			LOAD_LETTERS('e', 'n', 't', ' ', 'a', 'n', ' ', 'H'));
}

/* ---- packets ---- */

static __always_inline __u16 answer_status(const __u8 *bytes)
{
	if (bytes[8] != ' ' || bytes[9] < '1' || bytes[9] > '5' || bytes[10] < '0' ||
	    bytes[10] > '9' || bytes[11] < '0' || bytes[11] > '9')
		return 0;
	return (bytes[9] - '0') * 100 + (bytes[10] - '0') * 10 + (bytes[11] - '0');
}

static __always_inline void answer_put(struct answer_note *note, const struct answer_look *look,
				       __u32 mark, __u32 seq, __u32 size)
{
	bool known = look->header && !(look->how & ANSWER_ODD);

	note->mark = mark;
	note->begin = seq;
	note->body = seq + look->header;
	note->end = seq + size;
	note->status = look->status;
	note->how = look->how & ANSWER_F_WANTS_TLS;
	if (!known || look->status == 204 || look->status == 304)
		return;
	if (look->how & ANSWER_F_CHUNKED) {
		note->how |= ANSWER_F_CHUNKED;
	} else if (look->how & ANSWER_F_LENGTH) {
		note->how |= ANSWER_F_LENGTH;
		note->end = note->body + look->length;
	}
}

/* It stands in the middle of another answer's body, or there is none to come. */
static __always_inline bool answer_is_none(struct answer_note *note, __u16 status, __u32 seq,
					   __u32 size)
{
	if (note->how & (ANSWER_F_HEAD | ANSWER_F_TUNNEL) && note->begin == seq) {
		if (status < 200)
			note->begin += size;
		else
			note->status = status;
		return true;
	}
	if (note->how & ANSWER_F_LENGTH)
		return (__s32)(seq - note->begin) > 0 && (__s32)(seq - note->end) < 0;
	return note->how & ANSWER_F_CHUNKED && note->end == seq && !(note->how & ANSWER_F_OVER);
}

/* The last four bytes of a segment may be the end of the chunks (RFC 9112 7.1). */
static __always_inline void answer_look_at_end(struct __sk_buff *skb, struct answer_note *note,
					       __u32 behind, __u32 end)
{
	__u32 last = 0;

	if ((__s32)(end - note->end) < 0 ||
	    packet_load(skb, behind - sizeof(last), &last, sizeof(last)))
		return;
	note->end = end;
	note->how &= ~ANSWER_F_OVER;
	if (last == 0x0a0d0a0d)
		note->how |= ANSWER_F_OVER;
}

/*
 * A segment that begins as an answer does. @at: its payload of @size bytes, from the network header.
 * A global function: verified once. Returns 0.
 */
__noinline int answer_see(struct __sk_buff *skb, __u32 at, __u32 size, __u32 seq, __u32 mark)
{
	struct answer_note *note = answer_note_at(mark);
	struct answer_look *look;
	__u32 zero = 0;
	__s64 load = size;

	look = bpf_map_lookup_elem(&answer_looks, &zero);
	if (!note || !look)
		return 0;
	if (load > ANSWER_LOOK_BYTES)
		load = ANSWER_LOOK_BYTES;
	asm volatile("" : "+r"(load));
	if (load < ANSWER_STATUS_BYTES || load > ANSWER_LOOK_BYTES ||
	    packet_load(skb, at, look->bytes, load))
		return 0;
	look->size = load;
	look->header = 0;
	look->length = 0;
	look->how = 0;
	look->status = answer_status(look->bytes);
	if (!look->status ||
	    (note->mark == mark && answer_is_none(note, look->status, seq, size)) ||
	    look->status < 200)
		return 0;
	answer_header();
	if (look->header > look->size)
		look->header = 0;
	if (look->status == 400 && look->header && answer_wants_tls(look))
		look->how |= ANSWER_F_WANTS_TLS;
	answer_put(note, look, mark, seq, size);
	if (note->how & ANSWER_F_CHUNKED)
		answer_look_at_end(skb, note, at + size, seq + size);
	return 0;
}

/* Any other segment of a server: see answer_see(). */
static __always_inline void answer_go_on(struct __sk_buff *skb, __u32 at, __u32 size, __u32 seq,
					 __u32 mark)
{
	struct answer_note *note = answer_note_at(mark);

	if (note && note->mark == mark && note->how & ANSWER_F_CHUNKED)
		answer_look_at_end(skb, note, at + size, seq + size);
}
