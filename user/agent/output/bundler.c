// SPDX-License-Identifier: GPL-2.0-or-later
/* bundler.c - who makes a bundle of a recording */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/output/bundler.h"
#include "util/log.h"
#include "util/own.h"

#define CPU_SECONDS_MOST 60 /* of one command: 16 MiB of records are read in less than two */

/* ---- the process beside ---- */

struct place {
	int program; /* this one, also when another was installed meanwhile */
	int folder;
	const char *path; /* of the folder */
};

/* @name NULL: nowhere */
static int open_output(int folder, const char *name)
{
	return name ? openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			     0600) :
		      open("/dev/null", O_WRONLY | O_CLOEXEC);
}

static void become(int program, int folder, const char *const *words, const char *out,
		   const char *err)
{
	static const char *const environment[] = { "LC_ALL=C.UTF-8", "PATH=/usr/sbin:/usr/bin",
						   NULL };
	const struct rlimit cpu = { CPU_SECONDS_MOST, CPU_SECONDS_MOST };
	int none = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int out_fd = open_output(folder, out), err_fd = open_output(folder, err);

	if (none < 0 || out_fd < 0 || err_fd < 0 || fchdir(folder) || dup2(none, 0) < 0 ||
	    dup2(out_fd, 1) < 0 || dup2(err_fd, 2) < 0)
		_exit(1);
	setrlimit(RLIMIT_CPU, &cpu);
	fexecve(program, (char *const *)words, (char *const *)environment);
	_exit(1);
}

static void run(const struct place *place, int folder, const char *const *words, const char *out,
		const char *err)
{
	pid_t pid = fork();

	if (!pid)
		become(place->program, folder, words, out, err);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static void fill(const struct place *place, int folder)
{
	static const char *const judge[] = { "sockwhy",	     "read",	    "--utc",
					     "--report",     "report.html", "-o",
					     "findings.txt", "flight.rec",  NULL };
	static const char *const packets[] = { "sockwhy", "read",	    "-q",	  "-v",
					       "-w",	  "packets.pcapng", "flight.rec", NULL };
	static const char *const doctor[] = { "sockwhy", "doctor", "--json", NULL };

	run(place, folder, judge, NULL, "summary.txt");
	run(place, folder, packets, NULL, NULL);
	run(place, folder, doctor, "doctor.json", NULL);
}

static bool is_name(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

	while (*name && (*name == '-' || (*name >= '0' && *name <= '9') || strchr(letters, *name)))
		name++;
	return !*name;
}

/* A bundle has its name when it is whole. */
static int make_bundle(const struct place *place, const char *name)
{
	char record[BUNDLE_NAME_SIZE + 8], part[BUNDLE_NAME_SIZE + 8];
	_cleanup_close_ int folder = -1;

	snprintf(record, sizeof(record), "%s.rec", name);
	snprintf(part, sizeof(part), "%s.part", name);
	if (mkdirat(place->folder, part, 0700))
		return -errno;
	folder = openat(place->folder, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0 || renameat(place->folder, record, folder, "flight.rec"))
		return -errno;
	fill(place, folder);
	return renameat(place->folder, part, place->folder, name) ? -errno : 0;
}

static void hear(const void *ctx, char *name)
{
	const struct place *place = ctx;
	int err = strlen(name) < BUNDLE_NAME_SIZE && is_name(name) ? make_bundle(place, name) :
								     -EINVAL;

	if (err)
		log_error_r(err, "%s: no bundle", place->path);
	else
		log_info("bundle: %s/%s", place->path, name);
}

/* ---- who watches ---- */

int bundler_open(struct beside *bundler, const char *folder)
{
	struct place place = { .path = folder };
	int err;

	place.folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (place.folder < 0) {
		err = log_error_r(-errno, "--flight-to %s", folder);
		log_hint("a folder in which bundles are made: mkdir -m 700 %s", folder);
		return err;
	}
	place.program = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	err = place.program < 0 ? -errno : beside_open(bundler, hear, &place);
	own_close(&place.program);
	close(place.folder);
	return err ? log_error_r(err, "--flight") : 0;
}

void bundler_make(const struct beside *bundler, const char *name)
{
	int err = beside_tell(bundler, name, strlen(name));

	if (err)
		log_error_r(err, "--flight: %s.rec stays as it is", name);
}
