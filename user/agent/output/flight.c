// SPDX-License-Identifier: GPL-2.0-or-later
/* flight.c - --flight: when a bundle is made, and its recording */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "agent/output/flight.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/outfile.h"
#include "util/time.h"

#define APART_NS (600 * NS_PER_S)
#define ASKED_APART_NS NS_PER_S
#define UNASKED_MOST 32

int flight_open(struct flight *flight, const struct options *options)
{
	int err;

	*flight = (struct flight){ .bundler.fd = -1, .folder = options->flight_to };
	if (!options->flight_bytes)
		return 0;
	if (!flight->folder)
		flight->folder = FLIGHT_FOLDER;
	err = bundler_open(&flight->bundler, flight->folder);
	if (err)
		return err;
	err = record_kept_new(&flight->kept, options->flight_bytes);
	return err ? log_error_r(err, "--flight") : 0;
}

void flight_keep(struct flight *flight, const void *record, size_t size)
{
	if (flight->kept)
		record_kept_add(flight->kept, record, size);
}

void flight_ask(struct flight *flight)
{
	flight->asked = true;
}

/* "sockwhy-20261130T232405Z-4121-1": no other of this host has that */
static void say_name(char *name, size_t size, unsigned int number)
{
	time_t now = (time_t)(clock_read_ns(CLOCK_REALTIME) / NS_PER_S);
	struct tm utc;
	char when[24];

	gmtime_r(&now, &utc);
	strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &utc);
	snprintf(name, size, "sockwhy-%s-%d-%u", when, (int)getpid(), number);
}

static int take(void *writer, const void *record, size_t size)
{
	return record_writer_take(writer, record, size);
}

/* What is wrong is told by who writes: a disk that is nearly full keeps its reserve. */
static void make(struct flight *flight)
{
	const struct outfile_limits limits = { 0 };
	struct record_writer *writer;
	struct record_sink sink = { .take = take };
	char name[BUNDLE_NAME_SIZE], path[PATH_MAX];
	int err;

	say_name(name, sizeof(name), ++flight->number);
	snprintf(path, sizeof(path), "%s/%s.rec", flight->folder, name);
	err = record_writer_open(&writer, path, &limits);
	if (!err) {
		sink.ctx = writer;
		record_kept_tell(flight->kept, &sink);
		err = record_writer_close(writer);
	}
	if (err)
		unlink(path);
	else
		bundler_make(&flight->bundler, name);
}

void flight_poll(struct flight *flight, __u64 begun, __u64 now_ns)
{
	bool failed = begun != flight->begun;
	bool due = failed && now_ns >= flight->next_ns && flight->unasked < UNASKED_MOST;

	flight->begun = begun;
	if (!flight->kept)
		return;
	if (flight->asked && now_ns >= flight->asked_ns + ASKED_APART_NS) {
		flight->asked = false;
		flight->asked_ns = now_ns;
		make(flight);
	} else if (due) {
		flight->next_ns = now_ns + APART_NS;
		if (++flight->unasked == UNASKED_MOST)
			log_info("--flight: from now on only what SIGUSR1 asks for");
		make(flight);
	}
}

void flight_close(struct flight *flight)
{
	beside_close(&flight->bundler);
	record_kept_free(flight->kept);
	*flight = (struct flight){ .bundler.fd = -1 };
}
