// SPDX-License-Identifier: GPL-2.0-or-later
/* load.c - chooses programs by what the kernel has and what is wanted, sets the knobs, loads */
#include "attach/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "attach/exits.h"
#include "attach/calls.h"
#include "attach/excerpt.h"
#include "attach/features.h"
#include "knobs.h"
#include "sockwhy.skel.h"
#include "util/descriptors.h"
#include "util/log.h"
#include "util/own.h"

#define PROGRAMS_MAX 64 /* of the object */
#define LOAD_LOG_BYTES (64 << 10) /* of the verifier; only a refused program's is written */

#define UNUSED_ENTRIES 64 /* of maps that are allocated whole: 5 MB when they are in use */

/* design.md, promise 3: data is told of as pending after its third retransmission timeout */
#define RETRANSMIT_FLOOR 3
/* As the threshold loss-percent: what is below no rule tells. */
#define LOSS_FLOOR_PERCENT 2

void load_set_state(struct attach *attach, size_t i, enum event_hook_state state, int error,
		    const char *why)
{
	struct attach_hook *hook = &attach->list[i];

	hook->state = state;
	hook->error = error;
	hook->why = NULL;
	if (why) {
		snprintf(attach->why[i], sizeof(attach->why[i]), "%s", why);
		hook->why = attach->why[i];
	}
}

/* A tp_btf program needs the tracepoint of its section's name. */
static bool has_tracepoints(const struct features *features, const struct hook *hook)
{
	char name[64];

	for (size_t p = 0; p < HOOK_PROGRAMS_MAX && hook->programs[p]; p++) {
		const char *section = bpf_program__section_name(hook->programs[p]);

		snprintf(name, sizeof(name), "btf_trace_%s", strchr(section, '/') + 1);
		if (!features_has_typedef(features, name))
			return false;
	}
	return true;
}

static bool is_left_out(const struct attach_options *options, const char *name)
{
	for (size_t i = 0; options->left_out && options->left_out[i]; i++)
		if (strcmp(options->left_out[i], name) == 0)
			return true;
	return false;
}

/* Finds the programs of a hook in the object; what it does not want is not loaded. */
static int find_programs(struct attach *attach, size_t i)
{
	const struct hook_row *row = &HOOKS[i];
	bool at_functions = attach->at_functions && row->functions[0];
	const char *const *wanted = at_functions ? row->functions : row->programs;

	for (size_t p = 0; p < HOOK_PROGRAMS_MAX && wanted[p]; p++) {
		attach->hooks[i].programs[p] =
			bpf_object__find_program_by_name(attach->skeleton->obj, wanted[p]);
		if (!attach->hooks[i].programs[p])
			return log_error_r(-ENOENT, "program %s", wanted[p]);
	}
	return 0;
}

/* Two hooks may share a program: it is loaded if one of them wants it. */
static void choose_programs(struct attach *attach)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, attach->skeleton->obj)
		bpf_program__set_autoload(program, false);
	for (size_t i = 0; i < HOOKS_COUNT; i++)
		for (size_t p = 0; p < HOOK_PROGRAMS_MAX && attach->hooks[i].programs[p]; p++)
			if (load_is_usable(&attach->list[i]))
				bpf_program__set_autoload(attach->hooks[i].programs[p], true);
}

/* Afterwards a hook is HOOK_DETACHED (to be loaded), missing or left out. */
static int choose_hooks(struct attach *attach, const struct features *features)
{
	int tcx = hooks_find("tcx"), clsact = hooks_find("clsact");
	int send = hooks_find("send"), syscall_send = hooks_find("syscall-send");

	for (size_t i = 0; i < HOOKS_COUNT; i++) {
		const struct hook_row *row = &HOOKS[i];
		struct hook *hook = &attach->hooks[i];
		const char *why;
		int err = find_programs(attach, i);

		if (err)
			return err;
		attach->list[i].name = row->name;
		attach->list[i].lost = row->lost;
		if (hook->why_refused)
			continue;
		if (is_left_out(&attach->options, row->name))
			load_set_state(attach, i, HOOK_LEFT_OUT, 0, "left out on request");
		else if (attach->options.sockets_only && !row->open_sockets)
			load_set_state(attach, i, HOOK_LEFT_OUT, 0, "nothing is watched");
		else if (row->unwanted && (why = row->unwanted(&attach->options)))
			load_set_state(attach, i, HOOK_LEFT_OUT, 0, why);
		else if (row->missing && (why = row->missing(features)))
			load_set_state(attach, i, HOOK_MISSING, ENOTSUP, why);
		else if (row->kind == HOOK_BTF && !has_tracepoints(features, hook))
			load_set_state(attach, i, HOOK_MISSING, ENOTSUP,
				       "the kernel has no such tracepoint");
		else
			load_set_state(attach, i, HOOK_DETACHED, 0, NULL);
	}
	if (load_is_usable(&attach->list[tcx]) && load_is_usable(&attach->list[clsact]))
		load_set_state(attach, clsact, HOOK_LEFT_OUT, 0, "not needed beside TC links");
	if (load_is_usable(&attach->list[send]) && load_is_usable(&attach->list[syscall_send]))
		load_set_state(attach, syscall_send, HOOK_LEFT_OUT, 0, "not needed beside send");
	choose_programs(attach);
	return 0;
}

static bool is_hook_usable(const struct attach *attach, const char *name)
{
	return load_is_usable(&attach->list[hooks_find(name)]);
}

/* The coarse clocks go on with every jiffy. 0: not known. */
static __u32 tick_ns(void)
{
	struct timespec tick;

	return clock_getres(CLOCK_MONOTONIC_COARSE, &tick) || tick.tv_sec ? 0 : (__u32)tick.tv_nsec;
}

static void set_knobs(struct attach *attach, const struct features *features)
{
	struct knobs *knobs = (struct knobs *)&attach->skeleton->rodata->knobs;
	const struct attach_options *options = &attach->options;

	if (getrandom(&knobs->secret, sizeof(knobs->secret), GRND_NONBLOCK) < 0)
		knobs->secret = (__u64)getpid() << 32 | (__u32)(uintptr_t)attach;
	knobs->agent_tgid = getpid();
	knobs->ring_bytes = options->ring_bytes;
	knobs->has_cookies = features_has_function(features, "bpf_get_socket_ptr_cookie");
	knobs->has_reset_hook = is_hook_usable(attach, "reset-received");
	knobs->follow = options->follow;
	knobs->all_packets = options->all_packets;
	knobs->accepts = options->accepts;
	knobs->fins = options->all_packets || options->fins;
	knobs->flows = options->flows;
	knobs->timeline = options->timeline;
	calls_number(knobs->calls);
	knobs->retransmit_floor = options->retransmits ? 0 : RETRANSMIT_FLOOR;
	knobs->tick_ns = tick_ns();
	knobs->loss_floor_percent = LOSS_FLOOR_PERCENT;
	knobs->look_closed_ms = options->look_closed_ms;
	knobs->look_window_ms = options->look_window_ms;
	knobs->unheard_floor_ms = options->unheard_floor_ms;
	knobs->snap_bytes =
		options->snap_bytes < EVENT_SNAP_MAX ? options->snap_bytes : EVENT_SNAP_MAX;
}

/* ---- loading ---- */

/* The last line of the verifier's log but its statistics says why. */
static void log_refusal(const char *program, const char *log)
{
	const char *end = strstr(log, "\nprocessed ");
	const char *start = end ? end : log + strlen(log);

	end = start;
	while (start > log && start[-1] != '\n')
		start--;
	log_debug("program %s: %.*s", program, (int)(end - start), start);
}

/* The hook whose program the verifier refused, by the log it left; -ENOENT none. */
static int find_refused(const struct attach *attach)
{
	for (size_t i = 0; i < HOOKS_COUNT; i++) {
		for (size_t p = 0; p < HOOK_PROGRAMS_MAX && attach->hooks[i].programs[p]; p++) {
			size_t size;
			const char *log = bpf_program__log_buf(attach->hooks[i].programs[p], &size);

			if (!load_is_usable(&attach->list[i]) || !log || !log[0])
				continue;
			log_refusal(bpf_program__name(attach->hooks[i].programs[p]), log);
			return i;
		}
	}
	return -ENOENT;
}

/* @types: a file of the kernel's types; NULL: the kernel's own. */
static int load_once(struct attach *attach, const struct features *features, const char *types,
		     char *logs)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .btf_custom_path = types);
	struct bpf_program *program;
	int err, refused;

	attach->skeleton = sockwhy__open_opts(&options);
	if (!attach->skeleton)
		return -errno;
	err = choose_hooks(attach, features);
	if (err)
		return err;
	set_knobs(attach, features);
	bpf_map__set_max_entries(attach->skeleton->maps.ring, attach->options.ring_bytes);
	if (!attach->options.all_packets) {
		bpf_map__set_max_entries(attach->skeleton->maps.followed_cookies, UNUSED_ENTRIES);
		bpf_map__set_max_entries(attach->skeleton->maps.followed_flows, UNUSED_ENTRIES);
	}
	bpf_object__for_each_program(program, attach->skeleton->obj)
	{
		logs[0] = '\0';
		bpf_program__set_log_buf(program, logs, LOAD_LOG_BYTES);
		logs += LOAD_LOG_BYTES;
	}
	err = sockwhy__load(attach->skeleton);
	if (!err)
		return 0;
	refused = find_refused(attach);
	sockwhy__destroy(attach->skeleton);
	attach->skeleton = NULL;
	if (refused < 0 || descriptors_or_memory(err))
		return err;
	attach->hooks[refused].why_refused = "the kernel refused its program";
	load_set_state(attach, refused, HOOK_MISSING, -err, attach->hooks[refused].why_refused);
	log_debug("hook %s: the kernel refused its program: %s", HOOKS[refused].name,
		  strerror(-err));
	return -EAGAIN;
}

/* What load_once() is to be shown of the kernel's types. @fd: holds them. NULL: all. */
static const char *open_excerpt(int *fd, char *path, size_t room)
{
	size_t size;
	const void *object = sockwhy__elf_bytes(&size);

	*fd = excerpt_write(object, size);
	snprintf(path, room, "/proc/self/fd/%d", *fd);
	if (*fd >= 0 && access(path, R_OK) == 0)
		return path;
	log_debug("types: libbpf asks all the kernel's: %s", strerror(*fd < 0 ? -*fd : errno));
	return NULL;
}

int load_programs(struct attach *attach)
{
	_cleanup_free_ char *logs = malloc(PROGRAMS_MAX * LOAD_LOG_BYTES);
	_cleanup_close_ int types_fd = -1;
	struct features features;
	const char *types;
	char path[32];
	int err;

	if (!logs)
		return -ENOMEM;
	err = features_open(&features);
	if (descriptors_or_memory(err))
		return err;
	if (err) {
		log_error("the kernel tells no types (BTF)");
		log_hint(
			"it needs CONFIG_DEBUG_INFO_BTF, as the kernels of Debian 11 and later have");
		return err;
	}
	attach->at_functions = exits_attach(&features);
	types = open_excerpt(&types_fd, path, sizeof(path));
	/* each round leaves one hook out */
	do
		err = load_once(attach, &features, types, logs);
	while (err == -EAGAIN);
	features_close(&features);
	for (size_t i = 0; attach->skeleton && i < HOOKS_COUNT; i++)
		for (size_t p = 0; p < HOOK_PROGRAMS_MAX && attach->hooks[i].programs[p]; p++)
			bpf_program__set_log_buf(attach->hooks[i].programs[p], NULL, 0);
	return err;
}
