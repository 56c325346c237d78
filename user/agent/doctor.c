// SPDX-License-Identifier: GPL-2.0-or-later
/* doctor.c - what this kernel and these privileges offer, and what an ended agent left behind */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/options/config.h"
#include "agent/live/leftovers.h"
#include "attach/attach.h"
#include "fence/fence.h"
#include "sinks/json_write.h"
#include "sinks/sink.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/time.h"

#define CHECKS_MAX 32
#define RING_BYTES (64u << 10) /* enough to load with; nothing is attached */

static void print_json(const struct json *json)
{
	if (!json->cut)
		puts(json->at);
}

static void print_check(const struct options *options, const struct attach_check *check)
{
	char line[1024];
	struct json json = json_in(line, sizeof(line));

	if (!options->json) {
		printf("  %-20s %-8s %s\n", check->name,
		       check->ok     ? "ok" :
		       check->needed ? "MISSING" :
				       "missing",
		       check->detail);
		if (!check->ok && check->hint)
			printf("  %-20s %-8s hint: %s\n", "", "", check->hint);
		return;
	}
	json_open(&json, '{');
	json_pair(&json, "type", "check");
	json_pair(&json, "name", check->name);
	json_key(&json, "ok");
	json_bool(&json, check->ok);
	json_key(&json, "needed");
	json_bool(&json, check->needed);
	json_pair(&json, "detail", check->detail);
	json_pair(&json, "hint", check->ok ? NULL : check->hint);
	json_close(&json, '}');
	print_json(&json);
}

static const char *hook_word(const struct attach_hook *hook)
{
	switch (hook->state) {
	case HOOK_ATTACHED:
	case HOOK_DETACHED:
		return "ok";
	case HOOK_MISSING:
		return "missing";
	case HOOK_LEFT_OUT:
	case HOOK_STATE_COUNT:
		break;
	}
	return "unused";
}

static void print_hook(const struct options *options, const struct attach_hook *hook)
{
	bool ok = !strcmp(hook_word(hook), "ok");
	char line[1024];
	struct json json = json_in(line, sizeof(line));

	if (!options->json) {
		printf("  %-20s %-8s %s%s%s\n", hook->name, hook_word(hook), hook->lost,
		       ok || !hook->why ? "" : ": ", ok || !hook->why ? "" : hook->why);
		return;
	}
	json_open(&json, '{');
	json_pair(&json, "type", "hook");
	json_pair(&json, "name", hook->name);
	json_pair(&json, "state", hook_word(hook));
	json_pair(&json, "tells", hook->lost);
	json_pair(&json, "why", ok ? NULL : hook->why);
	json_close(&json, '}');
	print_json(&json);
}

/* One that this kernel lacks is a second line that is missing: watch and read work without. */
static void print_fence(const struct options *options, enum fence fence)
{
	const char *missing = fence_missing(fence);
	char line[1024];
	struct json json = json_in(line, sizeof(line));

	if (!options->json) {
		printf("  %-20s %-8s %s%s%s\n", fence_name(fence), missing ? "missing" : "ok",
		       fence_what(fence), missing ? ": " : "", missing ? missing : "");
		return;
	}
	json_open(&json, '{');
	json_pair(&json, "type", "fence");
	json_pair(&json, "name", fence_name(fence));
	json_key(&json, "ok");
	json_bool(&json, !missing);
	json_pair(&json, "what", fence_what(fence));
	json_pair(&json, "why", missing);
	json_close(&json, '}');
	print_json(&json);
}

static void print_fences(const struct options *options)
{
	if (!options->json)
		puts("\nFences, behind which it works (--no-fence leaves them out):\n");
	for (enum fence fence = 0; fence < FENCE_COUNT; fence++)
		print_fence(options, fence);
}

/* @status, unless what was printed did not arrive; an earlier write may have failed, too. */
static int finished(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	log_error_r(-errno, "output: writing");
	return EXIT_FAILED;
}

/* ---- agents that run ---- */

#define STILL_NS (5 * NS_PER_S) /* its loop comes round 50 times a second, and says so once */

static void print_agent(void *ctx, const struct agent_health *health)
{
	const struct options *options = ctx;
	__u64 now_ns = clock_read_ns(CLOCK_MONOTONIC);
	__u64 ago_ns = now_ns > health->turned_ns ? now_ns - health->turned_ns : 0;
	char line[1024], since[40];
	struct json json = json_in(line, sizeof(line));
	struct text text = text_of(since);

	if (!options->json) {
		say_realtime(&text, health->started_ns, options->utc);
		printf("  sockwhy[%u] since %s: %llu records, %llu lost, %llu shed; %s%llu.%llu s ago\n",
		       health->pid, since, health->records, health->lost, health->suppressed,
		       ago_ns > STILL_NS ? "STANDS STILL: it came round " : "it came round ",
		       ago_ns / NS_PER_S, ago_ns / (NS_PER_S / 10) % 10);
		return;
	}
	say_rfc3339(&text, health->started_ns);
	json_open(&json, '{');
	json_pair(&json, "type", "agent");
	json_pair_unsigned(&json, "pid", health->pid);
	json_pair(&json, "started", since);
	json_key(&json, "ok");
	json_bool(&json, ago_ns <= STILL_NS);
	json_pair_unsigned(&json, "turned_us_ago", ago_ns / NS_PER_US);
	json_pair_unsigned(&json, "records", health->records);
	json_pair_unsigned(&json, "lost", health->lost);
	json_pair_unsigned(&json, "suppressed", health->suppressed);
	json_key(&json, "findings");
	json_open(&json, '{');
	for (int severity = SEVERITY_ERROR; severity >= 0; severity--)
		json_pair_unsigned(&json, severity_name(severity), health->findings[severity]);
	json_close(&json, '}');
	json_close(&json, '}');
	print_json(&json);
}

static void print_agents(const struct options *options)
{
	int count;

	if (!options->json)
		puts("\nAgents that run on this kernel:\n");
	count = attach_find_agents(print_agent, (void *)options);
	if (!options->json && count <= 0)
		printf("  %s\n", count ? "cannot be looked for without CAP_SYS_ADMIN" : "none");
}

/* ---- leftovers ---- */

struct leftovers {
	const struct options *options;
	bool dry_run;
	size_t count;
};

static void print_leftover(void *ctx, const struct attach_leftover *leftover)
{
	struct leftovers *leftovers = ctx;
	char line[1024];
	struct json json = json_in(line, sizeof(line));

	leftovers->count++;
	if (!leftovers->options->json) {
		fputs("  ", stdout);
		log_put_shown(stdout, leftover->netns);
		fputs(" ", stdout);
		log_put_shown(stdout, leftover->interface);
		printf(": %s%s\n", leftover->what,
		       leftover->removed  ? ", removed" :
		       leftovers->dry_run ? "" :
					    ", could not be removed");
		return;
	}
	json_open(&json, '{');
	json_pair(&json, "type", "leftover");
	json_pair(&json, "netns", leftover->netns);
	json_pair(&json, "interface", leftover->interface);
	json_pair(&json, "what", leftover->what);
	json_key(&json, "removed");
	json_bool(&json, leftover->removed);
	json_close(&json, '}');
	print_json(&json);
}

/* In the agent's own namespace and in those with a name. */
static int find_leftovers(struct leftovers *leftovers)
{
	int found = attach_clean(leftovers->dry_run, print_leftover, leftovers);

	return found < 0 ? found :
			   leftovers_clean_named(leftovers->dry_run, print_leftover, leftovers);
}

static int clean(const struct options *options)
{
	struct leftovers leftovers = { options, options->dry_run, 0 };
	int err = find_leftovers(&leftovers);

	if (err) {
		log_error_r(err, "leftovers: cannot be looked for");
		if (err == -EPERM)
			log_hint("run it as root");
		return EXIT_FAILED;
	}
	if (!leftovers.count && !options->json)
		puts("nothing was left behind");
	return EXIT_DONE;
}

/* ---- configuration ---- */

static void print_path(const char *path)
{
	log_put_shown(stdout, path);
	puts(": read");
}

static void print_mute(const struct mute *mute)
{
	bool over = mute->until_ns && mute->until_ns <= clock_read_ns(CLOCK_REALTIME);
	int room = 24 - (int)strlen(mute->pattern);

	fputs("  mute ", stdout);
	log_put_shown(stdout, mute->pattern);
	printf("%*s %s", room > 0 ? room : 0, "", mute->until_ns ? "until " : "without end");
	log_put_shown(stdout, mute->until);
	printf("%s%s", over ? ", which is over" : "",
	       mute->reason[0] ? ": " : "; no reason is given");
	log_put_shown(stdout, mute->reason);
	puts("");
}

/* It was read before, or this is not reached: what it says. */
static int print_config(const struct options *options)
{
	const struct mute *mute;

	if (!config_files(options->read))
		puts("no configuration file: the defaults hold");
	for (size_t i = 0; i < config_files(options->read); i++)
		print_path(config_path(options->read, i));
	for (size_t i = 0; (mute = config_mute(options->read, i)); i++)
		print_mute(mute);
	return finished(EXIT_DONE);
}

/* ---- the whole ---- */

/* Loads the kernel side, without attaching it: the verifier has the last word. */
static bool print_hooks(const struct options *options)
{
	const struct attach_options attach_options = {
		.ring_bytes = RING_BYTES,
		.packets = options->packets,
		.left_out = options->without.count ? options->without.at : NULL,
		.follow = true,
		.all_packets = true,
		.accepts = true,
		.timeline = true,
	};
	const struct attach_hook *hooks;
	struct attach *attach;
	size_t count;

	if (attach_open(&attach, &attach_options))
		return false;
	hooks = attach_hooks(attach, &count);
	if (!options->json)
		puts("\nHooks, and what they tell:\n");
	for (size_t i = 0; i < count; i++)
		print_hook(options, &hooks[i]);
	attach_close(attach);
	return true;
}

int command_doctor(const struct options *options)
{
	struct attach_check checks[CHECKS_MAX];
	struct leftovers leftovers = { options, true, 0 };
	bool able = true;
	size_t count;

	if (options->rest_count || (options->dry_run && !options->clean)) {
		log_error("doctor: %s",
			  options->rest_count ? "takes no words" : "--dry-run goes with --clean");
		log_hint("sockwhy doctor --help");
		return EXIT_USAGE;
	}
	if (options->config && (options->json || options->clean)) {
		log_error("doctor: --config goes without --json and --clean");
		log_hint("sockwhy doctor --config [FILE]");
		return EXIT_USAGE;
	}
	if (options->config)
		return print_config(options);
	if (options->clean)
		return clean(options);

	count = attach_probe(checks, ARRAY_SIZE(checks));
	if (!options->json)
		puts("This kernel and these privileges:\n");
	for (size_t i = 0; i < count; i++) {
		print_check(options, &checks[i]);
		able &= checks[i].ok || !checks[i].needed;
	}
	fflush(stdout);
	print_fences(options);
	print_agents(options);
	if (able) {
		able = print_hooks(options);
		if (!options->json)
			puts("\nLeft behind by ended agents:\n");
		if (!find_leftovers(&leftovers) && !leftovers.count && !options->json)
			puts("  nothing");
	}
	if (!options->json)
		printf("\n%s\n", able ? "watch and run can be used." :
					"watch and run cannot be used: see MISSING above.");
	return finished(able ? EXIT_DONE : EXIT_FAILED);
}
