// SPDX-License-Identifier: GPL-2.0-or-later
/* link_fuzz.c - a frame of any bytes; before them its link type, and how much longer it was */

#include "frame_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frame_bytes frame;

	if (size < 4)
		return 0;
	frame = (struct frame_bytes){
		.bytes = data + 4,
		.captured = size - 4,
		.wire = size - 4 + (size_t)(data[2] << 8 | data[3]),
		.link = (uint16_t)(data[0] << 8 | data[1]),
	};
	check_frame(NULL, &frame, 1);
	return 0;
}
