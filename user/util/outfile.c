// SPDX-License-Identifier: GPL-2.0-or-later
/* outfile.c - a file that grows: rotated, limited in number, and kept from filling the disk */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "util/file.h"
#include "util/log.h"
#include "util/outfile.h"
#include "util/own.h"

/* Numbers that are taken by files of others and passed over at one turn. */
#define PASSED_OVER_MAX 10000

struct made {
	__u64 number;
	dev_t device;
	ino_t inode;
};

struct outfile {
	int fd;
	int folder;
	int next_fd; /* made by outfile_prepare(); -1 none */
	bool said_limit;
	bool is_regular;
	bool at_reserve;
	bool said_reserve;
	struct outfile_limits limits;
	__u64 size; /* of this file */
	__u64 number; /* of this file, from 1 */
	char *name; /* as given */
	struct made *made; /* ring of limits.files, the oldest is removed */
	size_t made_count;
	size_t made_first;
	char path[PATH_MAX];
};

/* "out.pcapng" with a number: "out.00007.pcapng"; without an extension "out.00007" */
static int make_path(const struct outfile *outfile, __u64 number, char *path, size_t size)
{
	const char *name = outfile->name, *slash = strrchr(name, '/');
	const char *base = slash ? slash + 1 : name, *dot = strrchr(base, '.');
	int n;

	if (!outfile->limits.rotate_bytes)
		n = snprintf(path, size, "%s", name);
	else if (!dot || dot == base)
		n = snprintf(path, size, "%s.%05llu", name, number);
	else
		n = snprintf(path, size, "%.*s.%05llu%s", (int)(dot - name), name, number, dot);
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

/* Is there a name already, be it a link that leads nowhere? */
static bool is_taken(const struct outfile *outfile, const char *path)
{
	struct stat status;

	return !fstatat(outfile->folder, file_base(path), &status, AT_SYMLINK_NOFOLLOW);
}

/* Does the name still lead to the file that was made? */
static bool is_in_place(const struct outfile *outfile, const char *path, dev_t device, ino_t inode)
{
	struct stat status;

	return !fstatat(outfile->folder, file_base(path), &status, AT_SYMLINK_NOFOLLOW) &&
	       status.st_dev == device && status.st_ino == inode;
}

/* Removes the oldest file of ours, if what bears its name is still that file. */
static void remove_oldest(struct outfile *outfile)
{
	const struct made *made = &outfile->made[outfile->made_first];
	char path[PATH_MAX];

	outfile->made_first = (outfile->made_first + 1) % outfile->limits.files;
	outfile->made_count--;
	if (make_path(outfile, made->number, path, sizeof(path)) || !is_taken(outfile, path))
		return;
	if (is_in_place(outfile, path, made->device, made->inode) &&
	    !unlinkat(outfile->folder, file_base(path), 0))
		return;
	log_error("%s: is not removed: it is not the file that was written here", path);
}

static void note_made(struct outfile *outfile, const struct stat *status)
{
	struct made *made;

	if (!outfile->made || !outfile->is_regular)
		return;
	if (outfile->made_count == outfile->limits.files)
		remove_oldest(outfile);
	made = &outfile->made[(outfile->made_first + outfile->made_count++) % outfile->limits.files];
	*made = (struct made){ outfile->number, status->st_dev, status->st_ino };
}

/* The next file, under a name that is free. Returns a file descriptor or a negative errno. */
static int create_next(struct outfile *outfile)
{
	int err, passed = 0;

	do {
		outfile->number++;
		err = make_path(outfile, outfile->number, outfile->path, sizeof(outfile->path));
		if (err)
			return log_error_r(err, "%s", outfile->name);
	} while (outfile->limits.rotate_bytes && !outfile->limits.force &&
		 is_taken(outfile, outfile->path) && ++passed < PASSED_OVER_MAX);
	return file_create_in(outfile->folder, outfile->path, outfile->limits.force);
}

/* Takes @fd over as the file that is written from now on. */
static int begin(struct outfile *outfile, int fd)
{
	struct stat status;

	if (fd < 0)
		return fd;
	outfile->fd = fd;
	outfile->size = 0;
	outfile->is_regular = !fstat(outfile->fd, &status) && S_ISREG(status.st_mode);
	note_made(outfile, &status);
	return 0;
}

int outfile_open(struct outfile **out, const char *path, const struct outfile_limits *limits)
{
	struct outfile *outfile = calloc(1, sizeof(*outfile));
	int err = -ENOMEM;

	if (!outfile)
		return log_error_r(-ENOMEM, "%s", path);
	outfile->fd = outfile->folder = outfile->next_fd = -1;
	outfile->limits = *limits;
	outfile->name = strdup(path);
	if (limits->rotate_bytes && limits->files)
		outfile->made = calloc(limits->files, sizeof(*outfile->made));
	if (outfile->name && (outfile->made || !limits->rotate_bytes || !limits->files))
		err = outfile->folder = file_open_folder(path);
	else
		log_error_r(err, "%s", path);
	err = err < 0 ? err : begin(outfile, create_next(outfile));
	if (err) {
		outfile_close(outfile);
		return err;
	}
	*out = outfile;
	return 0;
}

bool outfile_is_full(const struct outfile *outfile, size_t more)
{
	return outfile->limits.rotate_bytes && outfile->is_regular && outfile->size &&
	       outfile->size + more > outfile->limits.rotate_bytes;
}

int outfile_turn(struct outfile *outfile)
{
	int fd = outfile->fd, next = take_fd(&outfile->next_fd);

	outfile->fd = -1;
	if (fd >= 0 && close(fd))
		log_error_r(-errno, "%s: closing", outfile->path);
	return begin(outfile, next >= 0 ? next : create_next(outfile));
}

int outfile_prepare(struct outfile *outfile)
{
	const __u64 number = outfile->number;
	struct stat status;

	if (outfile->fd < 0 || fstat(outfile->fd, &status))
		return 0;
	if (!S_ISREG(status.st_mode) ||
	    is_in_place(outfile, outfile->path, status.st_dev, status.st_ino))
		return 0;
	outfile->next_fd = create_next(outfile);
	if (outfile->next_fd >= 0)
		return 1;
	log_hint("what comes is written into the file that was moved away");
	outfile->number = number;
	make_path(outfile, number, outfile->path, sizeof(outfile->path));
	return take_fd(&outfile->next_fd);
}

/* What the file system had free is not known everywhere: then the write itself tells. */
bool outfile_would_fill(int fd, size_t size)
{
	struct statvfs fs;
	__u64 all, reserve;

	if (fstatvfs(fd, &fs) || !fs.f_blocks)
		return false;
	all = (__u64)fs.f_blocks * fs.f_frsize;
	reserve = all / OUTFILE_RESERVE_PART;
	if (reserve > OUTFILE_RESERVE_MOST)
		reserve = OUTFILE_RESERVE_MOST;
	return (__u64)fs.f_bavail * fs.f_frsize < reserve + size;
}

/* Half a block would spoil all that follows. Returns @err. */
static int take_back(struct outfile *outfile, size_t size, int err)
{
	outfile->size -= size;
	if (size && outfile->is_regular && !ftruncate(outfile->fd, outfile->size))
		lseek(outfile->fd, outfile->size, SEEK_SET);
	return err;
}

/* Why a write failed. A limit on the size of files (SIGXFSZ is ignored) is a full disk. */
static int refused(struct outfile *outfile)
{
	if (errno != EFBIG)
		return -errno;
	outfile->at_reserve = true;
	if (!outfile->said_limit)
		log_error("%s: writing stops: no file may be larger (ulimit -f, LimitFSIZE=)",
			  outfile->path);
	outfile->said_limit = true;
	return -ENOSPC;
}

int outfile_write(struct outfile *outfile, const void *bytes, size_t size)
{
	const __u8 *from = bytes;
	size_t at = 0;

	if (outfile->fd < 0)
		return -EBADF;
	outfile->at_reserve = outfile->is_regular && outfile_would_fill(outfile->fd, size);
	if (outfile->at_reserve && !outfile->said_reserve) {
		outfile->said_reserve = true;
		log_error("%s: writing stops: the file system is nearly full", outfile->path);
		log_hint("a twentieth of it, at most %llu MiB, is left free for others",
			 OUTFILE_RESERVE_MOST >> 20);
	}
	if (outfile->at_reserve)
		return -ENOSPC;
	while (at < size) {
		ssize_t n = write(outfile->fd, from + at, size - at);

		if (n > 0) {
			at += n;
			outfile->size += n;
		} else if (n == 0 || errno != EINTR) {
			return take_back(outfile, at, n ? refused(outfile) : -EIO);
		}
	}
	return 0;
}

bool outfile_is_at_reserve(const struct outfile *outfile)
{
	return outfile->at_reserve;
}

const char *outfile_path(const struct outfile *outfile)
{
	return outfile->path;
}

int outfile_close(struct outfile *outfile)
{
	int err = 0;

	if (!outfile)
		return 0;
	if (outfile->fd >= 0 && close(outfile->fd))
		err = -errno;
	own_close(&outfile->next_fd);
	own_close(&outfile->folder);
	free(outfile->made);
	free(outfile->name);
	free(outfile);
	return err;
}
