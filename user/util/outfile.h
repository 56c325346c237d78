/* SPDX-License-Identifier: GPL-2.0-or-later */
/* outfile.h - a file that grows: rotated, limited in number, and kept from filling the disk */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

/*
 * Theory of operation
 *
 * Without rotation there is one file, of the name given. With it "out.pcapng" becomes
 * out.00001.pcapng, out.00002.pcapng, …: numbers grow and never come back, so that the order of
 * names is that of time and no file is renamed under a reader. A number whose file exists is passed
 * over (with --force it is overwritten). When there are more than .files of them, the oldest is
 * removed; only files that this process made are, proven by device and inode. The folder is opened
 * once: who swaps it for a link does not lead later files elsewhere.
 *
 * Whoever writes asks outfile_is_full() where one file may end and another begin.
 *
 * On a file system that is nearly full nothing more is written: OUTFILE_RESERVE_PART of it stays
 * free for others, at most OUTFILE_RESERVE_MOST.
 */

#define OUTFILE_RESERVE_PART 20 /* a twentieth */
#define OUTFILE_RESERVE_MOST (256ull << 20)

struct outfile_limits {
	bool force;
	__u64 rotate_bytes; /* 0: one file */
	__u64 files; /* kept at most, 0: all */
};

struct outfile;

/* Creates the (first) file. Logs what is wrong. Returns 0 or a negative errno. */
int outfile_open(struct outfile **out, const char *path, const struct outfile_limits *limits);

/* With rotation: would @more bytes make this file too large? A file without content is never full. */
bool outfile_is_full(const struct outfile *outfile, size_t more);

/* Goes on in the next file. Logs what is wrong. Returns 0 or a negative errno: writing has ended. */
int outfile_turn(struct outfile *outfile);

/*
 * Was the file moved away (logrotate)? Then one of the same name is made, which outfile_turn() goes
 * on in. Returns 1; 0 it is in its place; a negative errno, told: the old one is written on.
 */
int outfile_prepare(struct outfile *outfile);

/*
 * Writes all of it, or nothing where the reserve would be touched or the file would grow beyond the
 * process's limit (-ENOSPC, said once: see outfile_is_at_reserve()). Other errors are the caller's to say. Returns 0 or a negative errno.
 */
int outfile_write(struct outfile *outfile, const void *bytes, size_t size);

bool outfile_is_at_reserve(const struct outfile *outfile); /* the last write was refused for it */
const char *outfile_path(const struct outfile *outfile); /* of the file that is written now */

/* Would @size bytes more in this regular file touch the reserve? */
bool outfile_would_fill(int fd, size_t size);

int outfile_close(struct outfile *outfile); /* NULL is fine */
