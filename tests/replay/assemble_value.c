// SPDX-License-Identifier: GPL-2.0-or-later
/* assemble_value.c - single values of the replay language */

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assemble_value.h"
#include "util/address.h"

#define NAMES_END 1024 /* no table of names goes further */

int value_hex_digit(char digit)
{
	const char *digits = "0123456789abcdef";
	const char *at = digit ? strchr(digits, digit) : NULL;

	return at ? (int)(at - digits) : -1;
}

bool value_number(const char *text, __s64 *number)
{
	char *end;

	if (!*text)
		return false;
	errno = 0;
	/* Addresses in the kernel's text fill all 64 bits. */
	*number = text[0] == '-' ? strtoll(text, &end, 0) : (__s64)strtoull(text, &end, 0);
	return !*end && !errno;
}

bool value_address(const char *text, __u8 *address)
{
	__u8 four[4];

	if (inet_pton(AF_INET6, text, address) == 1)
		return true;
	if (inet_pton(AF_INET, text, four) != 1)
		return false;
	address_from_ipv4(address, four);
	return true;
}

bool value_address_port(const char *text, __u8 *address, __u16 *port)
{
	char copy[INET6_ADDRSTRLEN + sizeof("[]:65535")];
	char *host = copy, *colon = NULL;
	__s64 number = 0;

	if (strlen(text) >= sizeof(copy))
		return false;
	strcpy(copy, text);
	if (copy[0] == '[') {
		char *close = strchr(copy, ']');

		if (!close || (close[1] && close[1] != ':'))
			return false;
		host++;
		*close = '\0';
		colon = close[1] ? close + 1 : NULL;
	} else if (strchr(copy, ':') == strrchr(copy, ':')) {
		colon = strchr(copy, ':');
	}
	if (colon) {
		*colon = '\0';
		if (!value_number(colon + 1, &number) || number < 0 || number > 65535)
			return false;
	}
	*port = (__u16)number;
	return value_address(host, address);
}

bool value_name(const char *text, const char *(*names)(unsigned int), __s64 *number)
{
	for (unsigned int i = 0; i < NAMES_END; i++) {
		const char *name = names(i);

		if (name && !strcmp(name, text)) {
			*number = i;
			return true;
		}
	}
	return value_number(text, number);
}

bool value_errno(const char *text, __s64 *number)
{
	bool negative = text[0] == '-' && text[1] == 'E';

	for (int i = 1; i < NAMES_END; i++) {
		const char *name = decode_errno_name(i);

		if (name && !strcmp(name, text + negative)) {
			*number = negative ? -i : i;
			return true;
		}
	}
	return value_number(text, number);
}

bool value_store(void *at, size_t size, __s64 number)
{
	__u8 one = (__u8)number;
	__u16 two = (__u16)number;
	__u32 four = (__u32)number;

	switch (size) {
	case 1:
		memcpy(at, &one, size);
		return number >= 0 && number <= 0xff;
	case 2:
		memcpy(at, &two, size);
		return number >= 0 && number <= 0xffff;
	case 4:
		memcpy(at, &four, size);
		return number >= -0x80000000LL && number <= 0xffffffffLL;
	case 8:
		memcpy(at, &number, size);
		return true;
	}
	return false;
}

bool value_flags(char *list, const struct flag_name *names, __u32 base, __u32 *flags,
		 const char **bad)
{
	bool exact = false;
	__u32 given = 0;
	char *rest;

	for (char *word = strtok_r(list, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
		char sign = *word == '+' || *word == '-' ? *word++ : 0;
		const struct flag_name *name = names;
		__s64 bits = 0;

		while (name && name->name && strcmp(name->name, word))
			name++;
		if (name && name->name) {
			bits = name->bit;
		} else if (!value_number(word, &bits) || bits < 0 || bits > 0xffffffffLL) {
			*bad = word;
			return false;
		}
		if (!sign)
			exact = true;
		if (sign == '-')
			base &= ~(__u32)bits;
		else
			given |= (__u32)bits;
	}
	*flags = exact ? given : base | given;
	return true;
}

static const struct flag_name header_flags[] = {
	{ "out", EVENT_F_OUT },		  { "in", 0 },
	{ "loopback", EVENT_F_LOOPBACK }, { "softirq", EVENT_F_SOFTIRQ },
	{ "task", EVENT_F_TASK },	  { "truncated", EVENT_F_TRUNCATED },
	{ "unparsed", EVENT_F_UNPARSED }, { "ipv6", EVENT_F_IPV6 },
	{ "followed", EVENT_F_FOLLOWED }, { 0 },
};

static const struct flag_name known_flags[] = {
	{ "owner", EVENT_K_OWNER },
	{ "tuple", EVENT_K_TUPLE },
	{ "asked", EVENT_K_ASKED },
	{ "isn", EVENT_K_ISN },
	{ "counters", EVENT_K_COUNTERS },
	{ "reason", EVENT_K_REASON },
	{ "packet", EVENT_K_PACKET },
	{ "rx-socket", EVENT_K_RX_SOCKET },
	{ "backlog", EVENT_K_BACKLOG },
	{ "exe", EVENT_K_EXE },
	{ "error", EVENT_K_ERROR },
	{ "reset-seen", EVENT_K_RESET_SEEN },
	{ "state", EVENT_K_STATE },
	{ "flow", EVENT_K_FLOW },
	{ "timeouts", EVENT_K_TIMEOUTS },
	{ "times", EVENT_K_TIMES },
	{ "answer", EVENT_K_ANSWER },
	{ "none", 0 },
	{ 0 },
};

#define SOCKET_FLAGS(prefix, shift)                                      \
	{ prefix "exiting", SOCKET_F_EXITING << (shift) },               \
		{ prefix "reset", SOCKET_F_RESET << (shift) },           \
		{ prefix "mptcp", SOCKET_F_MPTCP << (shift) },           \
		{ prefix "kernel", SOCKET_F_KERNEL << (shift) },         \
		{ prefix "v6only", SOCKET_F_V6ONLY << (shift) },         \
		{ prefix "reuseaddr", SOCKET_F_REUSEADDR << (shift) },   \
		{ prefix "unaccepted", SOCKET_F_UNACCEPTED << (shift) }, \
		{ prefix "reuseport", SOCKET_F_REUSEPORT << (shift) },   \
	{                                                                \
		prefix "bound-port", SOCKET_F_BOUND_PORT << (shift)      \
	}

static const struct flag_name socket_flags[] = { SOCKET_FLAGS("", 0), { 0 } };

static const struct flag_name fact_flags[] = {
	{ "absent", FACT_F_ABSENT },
	SOCKET_FLAGS("", 8),
	{ 0 },
};

static const struct flag_name interface_flags[] = {
	{ "up", INTERFACE_F_UP },
	{ "carrier", INTERFACE_F_CARRIER },
	{ "loopback", INTERFACE_F_LOOPBACK },
	{ "tc-in", INTERFACE_F_TC_IN },
	{ "tc-out", INTERFACE_F_TC_OUT },
	{ "gone", INTERFACE_F_GONE },
	{ "peer-elsewhere", INTERFACE_F_PEER_ELSEWHERE },
	{ "chained", INTERFACE_F_CHAINED },
	{ 0 },
};

static const struct flag_name frame_flags[] = {
	{ "direction", FRAME_F_DIRECTION },
	{ "tunnel", FRAME_F_TUNNEL },
	{ "whole", FRAME_F_WHOLE },
	{ "no-time", FRAME_F_NO_TIME },
	{ 0 },
};

const struct flag_name *value_flag_names(unsigned int kind, const struct field *field, bool header)
{
	if (header)
		return !strcmp(field->name, "known") ? known_flags : header_flags;
	if (kind == EVENT_FRAME)
		return frame_flags;
	if (kind == EVENT_INTERFACE)
		return interface_flags;
	if (kind == EVENT_FACT)
		return fact_flags;
	if (!strcmp(field->name, "how") || !strcmp(field->name, "socket_flags") ||
	    kind == EVENT_SOCKET)
		return socket_flags;
	return NULL;
}
