/* SPDX-License-Identifier: GPL-2.0-or-later */
/* write.h - what the command line says of the files that are written, and -w itself */
#pragma once

#include "agent/options/options.h"
#include "sinks/packets/packets.h"

/* Do the options for files go together? Returns 0 or -EINVAL after one line and a hint. */
int write_check(const struct options *options);

/* --force, --rotate and --files, for every file that is written. */
struct outfile_limits write_limits(const struct options *options);

/* read -w reads its files twice: can it? Returns 0 or a negative errno after one line and a hint. */
int write_check_input(const char *name, int fd);

struct write {
	struct sink *sink; /* NULL: no -w */
	struct packets *packets; /* what it is a sink of */
	char *secrets; /* read: of the key log */
	struct keylog *keylog; /* run: it grows */
};

/* Creates the file of -w, with its key log. Logs what is wrong. Returns 0 or a negative errno. */
int write_open(struct write *write, const struct options *options, struct mask *mask);

/* The secrets that have come go in front of the packets that are written from now on. */
void write_poll(struct write *write);

/* Ends it, says on standard error what is in it. Returns 0 or an error, told. */
int write_close(struct write *write, const struct options *options);
