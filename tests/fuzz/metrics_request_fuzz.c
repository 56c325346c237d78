// SPDX-License-Identifier: GPL-2.0-or-later
/* metrics_request_fuzz.c - what whoever connects to --listen sends */

#include <string.h>

#include "agent/output/metrics_request.h"
#include "fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

/* What came cannot be unsaid: of a head that is whole, more bytes change nothing. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum metrics_status status = METRICS_MORE, before;
	bool head;

	for (size_t come = 0; come <= size && come <= 4096; come++) {
		char *bytes = malloc(
			come ? come : 1); /* exactly so long: the sanitizer sees a byte more */

		demand(bytes != NULL);
		memcpy(bytes, data, come);
		before = status;
		status = metrics_request_read(bytes, come, &head);
		demand(before == METRICS_MORE || status == before);
		demand(!head || status == METRICS_OK || status == METRICS_MORE);
		free(bytes);
	}
	return 0;
}
