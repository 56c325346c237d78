// SPDX-License-Identifier: GPL-2.0-or-later
/* capture_fuzz.c - the readers of capture files, packed or not, on hostile bytes; two files at once */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "collect/collect.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return fuzz_quietly();
}

static void add_file(struct captures *captures, const uint8_t *data, size_t size)
{
	int fd = memfd_create("capture", MFD_CLOEXEC);
	struct input *input;
	char path[32];

	demand(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!input_open(&input, path)) {
		enum input_kind kind = input_kind(input);

		if (kind == INPUT_PCAP || kind == INPUT_PCAPNG)
			captures_add(captures, input);
		else
			input_close(input);
	}
	close(fd);
}

/* What collect.h promises of a frame; reading all of its bytes shows whether they are there. */
static void check_frame(const struct captures *captures, const struct capture_frame *frame,
			const uint64_t *numbers)
{
	uint8_t sum = 0;

	demand(frame->file < captures_count(captures));
	demand(frame->number == numbers[frame->file] + 1);
	demand(frame->captured <= frame->wire && frame->captured <= 262144);
	demand(frame->ifindex && frame->ts_ns <= INT64_MAX && frame->name);
	demand(strlen(frame->name) < 16);
	demand(!frame->out || frame->direction_known);
	for (uint32_t i = 0; i < frame->captured; i++)
		sum ^= frame->bytes[i];
	__asm__ volatile("" ::"r"(sum));
}

/* The first two bytes say how long the first file is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct capture_frame *frame;
	struct captures *captures;
	uint64_t numbers[2] = { 0 };
	size_t first;
	int result;

	if (size < 2)
		return 0;
	first = (size_t)(data[0] << 8 | data[1]);
	data += 2;
	size -= 2;
	first = first < size ? first : size;
	demand(!captures_new(&captures));
	add_file(captures, data, first);
	add_file(captures, data + first, size - first);
	while ((result = captures_next(captures, &frame)) == 1) {
		check_frame(captures, frame, numbers);
		numbers[frame->file]++;
	}
	demand(result == 0 && captures_next(captures, &frame) == 0);
	demand(captures_damaged(captures) <= 2);
	captures_free(captures);
	return 0;
}
