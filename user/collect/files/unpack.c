// SPDX-License-Identifier: GPL-2.0-or-later
/* unpack.c - gzip and zstd, known by their first bytes */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>
#include <zstd.h>

#include "collect/files/input.h"

#define PACKED_BYTES ((size_t)64 << 10) /* at least what input.c reads before it knows */
#define GZIP_WINDOW (15 + 16) /* the largest window, gzip's header and checksum (zlib.h) */

struct unpacker {
	bool is_zstd;
	bool inside; /* a member or frame has begun and not ended */
	bool ended; /* no packed bytes are left to read */
	z_stream gzip;
	ZSTD_DStream *zstd;
	size_t first; /* packed bytes it wants at the begin of a frame */
	size_t wanted; /* and next */
	size_t at, length; /* in packed */
	__u8 packed[PACKED_BYTES];
};

/* RFC 1952 2.3.1: two bytes, and 8 for the only method. RFC 8878 3.1.1. */
static bool begins_gzip(const __u8 *first, size_t size)
{
	return size >= 3 && first[0] == 0x1f && first[1] == 0x8b && first[2] == 8;
}

static bool begins_zstd(const __u8 *first, size_t size)
{
	return size >= 4 && first[0] == 0x28 && first[1] == 0xb5 && first[2] == 0x2f &&
	       first[3] == 0xfd;
}

int unpacker_new(struct unpacker **out, const __u8 *first, size_t size)
{
	bool is_zstd = begins_zstd(first, size);
	struct unpacker *unpacker;

	*out = NULL;
	if (!is_zstd && !begins_gzip(first, size))
		return 0;
	unpacker = calloc(1, sizeof(*unpacker));
	if (!unpacker || size > sizeof(unpacker->packed)) {
		free(unpacker);
		return -ENOMEM;
	}
	unpacker->is_zstd = is_zstd;
	if (is_zstd)
		unpacker->zstd = ZSTD_createDStream();
	if (unpacker->zstd)
		unpacker->first = unpacker->wanted = ZSTD_initDStream(unpacker->zstd);
	if (is_zstd ? !unpacker->zstd : inflateInit2(&unpacker->gzip, GZIP_WINDOW) != Z_OK) {
		unpacker_free(unpacker);
		return -ENOMEM;
	}
	unpacker->inside = true;
	memcpy(unpacker->packed, first, size);
	unpacker->length = size;
	*out = unpacker;
	return 0;
}

void unpacker_free(struct unpacker *unpacker)
{
	if (!unpacker)
		return;
	if (unpacker->is_zstd)
		ZSTD_freeDStream(unpacker->zstd);
	else
		inflateEnd(&unpacker->gzip);
	free(unpacker);
}

/* Reads packed bytes if none are left. Returns 0, or negative errno. */
static int refill(struct unpacker *unpacker, int fd, const char **why)
{
	ssize_t n;

	if (unpacker->at < unpacker->length || unpacker->ended)
		return 0;
	do
		n = read(fd, unpacker->packed, sizeof(unpacker->packed));
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		*why = "reading failed";
		return -errno;
	}
	unpacker->ended = !n;
	unpacker->at = 0;
	unpacker->length = (size_t)n;
	return 0;
}

static ssize_t unpack_gzip(struct unpacker *unpacker, __u8 *to, size_t room, const char **why)
{
	z_stream *gzip = &unpacker->gzip;
	int result;

	if (!unpacker->inside) { /* RFC 1952 2.2: members follow each other */
		inflateReset(gzip);
		unpacker->inside = true;
	}
	gzip->next_in = unpacker->packed + unpacker->at;
	gzip->avail_in = (uInt)(unpacker->length - unpacker->at);
	gzip->next_out = to;
	gzip->avail_out = (uInt)room;
	result = inflate(gzip, Z_NO_FLUSH);
	unpacker->at = unpacker->length - gzip->avail_in;
	if (result == Z_STREAM_END)
		unpacker->inside = false;
	else if (result != Z_OK && result != Z_BUF_ERROR && gzip->avail_out == room) {
		/* else what it made comes first: the error stays and is told the next time */
		*why = "its gzip data is damaged";
		return -EBADMSG;
	}
	return (ssize_t)(room - gzip->avail_out);
}

/*
 * Not more at once than the bytes of one block: what the blocks before gave is lost when the same
 * call meets an error.
 */
static ssize_t unpack_zstd(struct unpacker *unpacker, __u8 *to, size_t room, const char **why)
{
	size_t has = unpacker->length - unpacker->at;
	ZSTD_inBuffer in = { unpacker->packed + unpacker->at,
			     has < unpacker->wanted ? has : unpacker->wanted, 0 };
	ZSTD_outBuffer out = { to, room, 0 };
	size_t result = ZSTD_decompressStream(unpacker->zstd, &out, &in);

	unpacker->at += in.pos;
	if (ZSTD_isError(result)) {
		*why = "its zstd data is damaged";
		return -EBADMSG;
	}
	unpacker->inside = result != 0; /* 0: a frame ended, and all of it was given */
	unpacker->wanted = result ? result : unpacker->first;
	return (ssize_t)out.pos;
}

ssize_t unpacker_read(struct unpacker *unpacker, int fd, __u8 *to, size_t room, const char **why)
{
	for (;;) {
		ssize_t n;
		int err = refill(unpacker, fd, why);

		if (err)
			return err;
		if (unpacker->ended && !unpacker->inside)
			return 0;
		n = unpacker->is_zstd ? unpack_zstd(unpacker, to, room, why) :
					unpack_gzip(unpacker, to, room, why);
		if (n)
			return n;
		if (unpacker->ended && unpacker->inside) {
			*why = "its packed data ends early";
			return -EPIPE;
		}
	}
}
