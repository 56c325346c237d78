// SPDX-License-Identifier: GPL-2.0-or-later
/* assemble_tls.c - TLS records, from words */

#include <stdlib.h>
#include <string.h>

#include "assemble_value.h"

/* Records of any length; only the first bytes of a packet's payload are kept. */
struct build {
	__u8 *bytes;
	size_t room;
	size_t length;
};

static void put(struct build *build, __u64 value, size_t size)
{
	for (size_t i = size; i--; build->length++)
		if (build->length < build->room)
			build->bytes[build->length] = (__u8)(value >> (8 * i));
}

static void put_text(struct build *build, const char *text)
{
	while (*text)
		put(build, (__u8)*text++, 1);
}

static void put_record(struct build *build, enum tls_type type, size_t body)
{
	put(build, type, 1);
	put(build, TLS_1_2, 2);
	put(build, body, 2);
}

static void put_message(struct build *build, enum tls_message type, size_t body)
{
	put_record(build, TLS_HANDSHAKE, TLS_MESSAGE_HEADER_BYTES + body);
	put(build, type, 1);
	put(build, body, 3);
}

static void put_random(struct build *build)
{
	put(build, TLS_1_2, 2);
	for (int i = 0; i < 32; i++)
		put(build, 0x5a, 1);
	put(build, 0, 1);
}

/* Versions 1.2 and 1.3, and the name. RFC 8446 4.1.2 */
static void put_client_hello(struct build *build, const char *name)
{
	size_t length = strlen(name), extensions = 9 + (length ? 9 + length : 0);

	put_message(build, TLS_CLIENT_HELLO, 35 + 4 + 2 + 2 + extensions);
	put_random(build);
	put(build, 0x00021301, 4);
	put(build, 0x0100, 2);
	put(build, extensions, 2);
	put(build, 0x002b0005, 4);
	put(build, 0x0403040303, 5);
	if (!length)
		return;
	put(build, length + 5, 4);
	put(build, length + 3, 2);
	put(build, length, 3);
	put_text(build, name);
}

static void put_server_hello(struct build *build, const char *version)
{
	bool hidden = !strcmp(version, "1.3");

	put_message(build, TLS_SERVER_HELLO, 35 + 3 + 2 + (hidden ? 6 : 0));
	put_random(build);
	put(build, 0x130100, 3);
	put(build, hidden ? 6 : 0, 2);
	if (hidden)
		put(build, 0x002b00020304, 6);
}

static void put_body(struct build *build, size_t size)
{
	while (size--)
		put(build, 0xee, 1);
}

/* One record: "hello,NAME", "server,1.3", "data,53", "alert,2,40" … */
static bool put_word(struct build *build, char *word)
{
	char *rest, *what = strtok_r(word, ",", &rest);
	char *first = strtok_r(NULL, ",", &rest), *second = strtok_r(NULL, ",", &rest);
	__s64 number = 0, alert = 0;

	if (!what || (second && !value_number(second, &alert)))
		return false;
	if (!strcmp(what, "hello")) {
		put_client_hello(build, first ? first : "");
		return true;
	}
	if (!strcmp(what, "server")) {
		put_server_hello(build, first ? first : "1.2");
		return true;
	}
	if (first && !value_number(first, &number))
		return false;
	if (!strcmp(what, "data")) {
		put_record(build, TLS_DATA, (size_t)number);
	} else if (!strcmp(what, "finished")) {
		put_record(build, TLS_HANDSHAKE, (size_t)number);
	} else if (!strcmp(what, "cipher")) {
		put_record(build, TLS_CHANGE_CIPHER, 1);
		number = 1;
	} else if (!strcmp(what, "alert")) {
		put_record(build, TLS_ALERT, 2);
		put(build, (__u64)number, 1);
		put(build, (__u64)alert, 1);
		return true;
	} else {
		return false;
	}
	put_body(build, (size_t)number);
	return true;
}

const char *tls_assemble(char *words, __u8 *bytes, size_t room, size_t *length)
{
	struct build build = { .bytes = bytes, .room = room };
	char *rest;

	for (char *word = words ? strtok_r(words, "+", &rest) : NULL; word;
	     word = strtok_r(NULL, "+", &rest))
		if (!put_word(&build, word))
			return "tls: hello,NAME server,VERSION cipher finished,N data,N alert,LEVEL,N, joined by +";
	*length = build.length;
	return build.length ? NULL : "tls: a record expected";
}
