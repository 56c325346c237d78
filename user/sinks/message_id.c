// SPDX-License-Identifier: GPL-2.0-or-later
/* message_id.c - the 128-bit number by which the journal knows a finding */

#include <string.h>

#include "sinks/community.h"
#include "sinks/message_id.h"
#include "util/text.h"

/* 5432cc14-9232-4508-b4df-5e99bd33b979, drawn once: ids of findings are names below it */
static const __u8 name_space[16] = { 0x54, 0x32, 0xcc, 0x14, 0x92, 0x32, 0x45, 0x08,
				     0xb4, 0xdf, 0x5e, 0x99, 0xbd, 0x33, 0xb9, 0x79 };

#define ID_MAX 100 /* what one block pair of community_sha1() holds, less the name space */

void message_id_print(struct text *text, const char *id)
{
	__u8 name[sizeof(name_space) + ID_MAX], digest[20];
	size_t length = strnlen(id, ID_MAX);

	memcpy(name, name_space, sizeof(name_space));
	memcpy(name + sizeof(name_space), id, length);
	community_sha1(name, sizeof(name_space) + length, digest);
	digest[6] = (digest[6] & 0x0f) | 0x50; /* RFC 9562 5.5: version, then 4.1: variant */
	digest[8] = (digest[8] & 0x3f) | 0x80;
	for (size_t i = 0; i < 16; i++)
		text_add(text, "%02x", digest[i]);
}
