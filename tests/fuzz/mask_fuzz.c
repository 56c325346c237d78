// SPDX-License-Identifier: GPL-2.0-or-later
/* mask_fuzz.c - packets, text and key log lines of any bytes are masked or refused, never believed */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "agent/output/keylog.h"
#include "sinks/packets/mask_packet.h"

static void mask_as_packet(struct mask *mask, const uint8_t *data, size_t size)
{
	/* a copy of exactly this size: the sanitizer sees a byte too far */
	__u8 *bytes = malloc(size ? size : 1);

	memcpy(bytes, data, size);
	demand(mask_packet(mask, bytes, size) <= size);
	free(bytes);
}

static void mask_as_text(struct mask *mask, const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	char out[512];

	memcpy(text, data, size);
	for (size_t i = 0; i < size; i++)
		text[i] = text[i] ? text[i] : ' ';
	demand(mask_text(mask, text, size, size & 1, out, sizeof(out)) < sizeof(out));
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct mask *mask;

	if (!mask)
		demand(!mask_new(&mask));
	mask_as_packet(mask, data, size);
	mask_as_text(mask, data, size);
	(void)keylog_check_line((const char *)data, size);
	return 0;
}
