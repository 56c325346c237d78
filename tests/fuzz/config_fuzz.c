// SPDX-License-Identifier: GPL-2.0-or-later
/* config_fuzz.c - a configuration file of any bytes */

#include <string.h>

#include "agent/options/config.h"
#include "fuzz.h"
#include "util/log.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return fuzz_quietly();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct options options = { .command = COMMAND_WATCH, .severity = -1, .fail_on = -1 };
	struct config *config = config_new();
	char *text = malloc(size + 1);
	const struct mute *mute;

	demand(config && text);
	memcpy(text, data, size);
	config_parse(config, &options, "f", text, size);
	for (size_t i = 0; (mute = config_mute(config, i)); i++) {
		demand(memchr(mute->pattern, '\0', sizeof(mute->pattern)) && mute->pattern[0]);
		demand(!mute->until_ns == !mute->until[0]);
		/* what is printed holds no control character */
		for (const char *c = mute->reason; *c; c++)
			demand((unsigned char)*c >= ' ' || *c == '\t');
	}
	options_free(&options);
	config_free(config);
	free(text);
	return 0;
}
