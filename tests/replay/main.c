// SPDX-License-Identifier: GPL-2.0-or-later
/* main.c - assemble TEXT RECORDING: a recording from its text (see assemble.h), for sockwhy read */

#include <stdio.h>

#include "assemble.h"
#include "collect/collect.h"
#include "util/outfile.h"

static int take(void *writer, const void *record, size_t size)
{
	return record_writer_take(writer, record, size);
}

int main(int argc, char **argv)
{
	const struct outfile_limits limits = { .force = true };
	struct record_writer *writer;
	int err, closed;

	if (argc != 3) {
		fprintf(stderr, "usage: assemble TEXT RECORDING\n");
		return 2;
	}
	if (record_writer_open(&writer, argv[2], &limits))
		return 1;
	err = assemble_file(argv[1], take, writer);
	closed = record_writer_close(writer);
	return err || closed;
}
