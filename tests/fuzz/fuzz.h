/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz.h - what fuzz targets share */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void demand(int holds)
{
	if (!holds)
		abort();
}

/* A reader says what is wrong with every file; libFuzzer keeps the stream it began with. */
static inline int fuzz_quietly(void)
{
	stderr = fopen("/dev/null", "w");
	return stderr ? 0 : 1;
}
