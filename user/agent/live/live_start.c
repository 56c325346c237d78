// SPDX-License-Identifier: GPL-2.0-or-later
/* live_start.c - what the user asked for, then the kernel side and the host brought in */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/utsname.h>

#include "agent/live/leftovers.h"
#include "agent/live/live.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/descriptors.h"
#include "util/drop.h"
#include "util/log.h"
#include "util/own.h"
#include "util/tcp.h"

#define TICK_NS (20 * NS_PER_MS)

/* ---- what the user asked for ---- */

static int check_interfaces(const struct options *options)
{
	char buffer[160] = "";
	struct text text = text_of(buffer);

	for (size_t i = 0; i < options->interfaces.count; i++) {
		struct if_nameindex *all;

		if (options->netns.count || if_nametoindex(options->interfaces.at[i]))
			continue;
		all = if_nameindex();
		for (size_t k = 0; all && all[k].if_index; k++)
			text_add(&text, "%s%s", k ? ", " : "", all[k].if_name);
		if (all)
			if_freenameindex(all);
		log_error("-i %s: there is no such interface", options->interfaces.at[i]);
		log_hint("there are %s", buffer);
		return -EINVAL;
	}
	return 0;
}

/* "blue" is /run/netns/blue, as for ip-netns(8). */
static int find_namespaces(struct live *live)
{
	const struct words *netns = &live->options->netns;
	size_t count = 0;

	for (size_t i = 0; i < netns->count; i++) {
		_cleanup_close_ int fd = -1;
		char path[PATH_MAX];

		if (!strcmp(netns->at[i], "all"))
			continue;
		snprintf(path, sizeof(path), "%s%s", strchr(netns->at[i], '/') ? "" : "/run/netns/",
			 netns->at[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0) {
			int err = log_error_r(-errno, "--netns %s", path);

			log_hint("ip netns lists names; /proc/PID/ns/net is a path, too");
			return err;
		}
		live->namespace_paths[count] = strdup(path);
		live->namespaces[count] = live->namespace_paths[count];
		if (!live->namespaces[count++])
			return log_error_r(-ENOMEM, "--netns");
	}
	return 0;
}

static bool all_namespaces(const struct options *options)
{
	for (size_t i = 0; i < options->netns.count; i++)
		if (!strcmp(options->netns.at[i], "all"))
			return true;
	return false;
}

/* Two requests make one set of facts: the first one's DONE is not told. */
static bool is_done(const void *record, size_t size)
{
	struct event event;

	return !decode_event(record, size, &event) && event.head.kind == EVENT_FACT &&
	       event.fact.what == FACT_DONE;
}

static int take(void *ctx, const void *record, size_t size)
{
	struct live *live = ctx;

	if (live->more_facts && is_done(record, size))
		return 0;
	flight_keep(&live->flight, record, size);
	return pipeline_take(&live->pipeline, record, size);
}

int live_prepare(struct live *live, const struct options *options, bool hold)
{
	const struct outfile_limits limits = write_limits(options);
	int err;

	*live = (struct live){
		.options = options,
		.epoll_fd = -1,
		.timer_fd = -1,
		.signal_fd = -1,
		.notify.fd = -1,
		.metrics.folder = -1,
		.listen.beside.fd = -1,
		.flight.bundler.fd = -1,
		.exec.beside.fd = -1,
	};
	live->started_ns = clock_read_ns(CLOCK_REALTIME);
	live->sink = (struct record_sink){ take, live };
	err = write_check(options);
	if (!err && (metrics_listen_open(&live->listen, options) ||
		     flight_open(&live->flight, options) || to_exec_open(&live->exec, options)))
		return EXIT_FAILED;
	/* a huge page makes 2 MiB of the first entry of each table; what run starts would inherit it */
	if (options->command != COMMAND_RUN)
		prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	err = err ? err : pipeline_open(&live->pipeline, options);
	err = err ? err : check_interfaces(options);
	if (err)
		return err == -EINVAL ? EXIT_USAGE : EXIT_FAILED;
	if (find_namespaces(live) || output_open(&live->output, options, hold) ||
	    report_open(&live->output.report, options, live->output.mask))
		return EXIT_FAILED;
	if (metrics_file_open(&live->metrics, options) ||
	    ((options->metrics || options->listen) && counting_open(&live->counting)))
		return EXIT_FAILED;
	output_attach(&live->output, &live->pipeline);
	outlets_add(&live->pipeline.outlets,
		    (struct outlet){ .sink = live->counting.sink, .path = "metrics" });
	outlets_add(&live->pipeline.outlets,
		    (struct outlet){ .sink = live->exec.sink, .path = options->exec });
	if (options->record && record_writer_open(&live->writer, options->record, &limits))
		return EXIT_FAILED;
	live->pipeline.writer = live->writer;
	return EXIT_DONE;
}

/* ---- facts ---- */

static int iterate(void *ctx, bool owners)
{
	const struct live *live = ctx;

	return attach_iterate(live->attach, owners ? ITERATOR_OWNERS : ITERATOR_TCP);
}

static int fetch_facts(void *ctx, const struct fact_request *wanted,
		       const struct fact_request *path)
{
	struct live *live = ctx;
	int err = 0;

	if (path) {
		live->more_facts = wanted;
		err = host_fetch(live->host, path, iterate, live);
		live->more_facts = false;
	}
	return wanted ? host_fetch(live->host, wanted, iterate, live) : err;
}

static void tell_symbol(struct live *live, __u64 address)
{
	if (!address || join_name(live->pipeline.join, NAME_SYMBOL, address))
		return;
	for (size_t i = 0; i < live->symbols_count; i++)
		if (live->symbols[i] == address)
			return;
	if (live->symbols_count == LIVE_SYMBOLS_MAX)
		return;
	live->symbols[live->symbols_count++] = address;
	host_tell_symbol(&live->sink, address);
}

/*
 * Who holds which UDP socket, when one met trouble and nobody knows whose it is. To look through all
 * files takes 1 us each: so it never takes more than a fiftieth of the time.
 */
static void tell_datagram_owners(struct live *live)
{
	enum { APART_FACTOR = 50 };
	const __u64 apart_least_ns = NS_PER_S / 5;
	__u64 now_ns = clock_read_ns(CLOCK_MONOTONIC), took_ns;
	_cleanup_close_ int fd = -1;

	if (now_ns < live->datagrams_next_ns || !join_wants_datagram_owners(live->pipeline.join))
		return;
	fd = attach_iterate(live->attach, ITERATOR_DATAGRAMS);
	if (fd >= 0)
		snapshot_read(fd, &live->sink);
	took_ns = clock_read_ns(CLOCK_MONOTONIC) - now_ns;
	live->datagrams_next_ns =
		now_ns +
		(took_ns * APART_FACTOR > apart_least_ns ? took_ns * APART_FACTOR : apart_least_ns);
}

/* What stands in /proc of those who open sockets, while they live; names of drop locations. */
static void complete(void *ctx, const struct event *event)
{
	struct live *live = ctx;
	bool known = event->head.known & EVENT_K_OWNER;

	switch (event->head.kind) {
	case EVENT_OPEN:
		if (known)
			proc_look(live->proc, &event->open.owner);
		break;
	case EVENT_SYSCALL:
		if (known)
			proc_look(live->proc, &event->syscall.owner);
		break;
	case EVENT_SOCKET:
		/* of the sockets that were open before, listeners are named as holders and peers */
		if (known &&
		    (options_count_flows(live->options) ||
		     (event->snapshot.look && event->snapshot.tuple.protocol != IPPROTO_UDP) ||
		     event->snapshot.state == TCP_STATE_LISTEN ||
		     join_took_datagram_owner(live->pipeline.join)))
			proc_look(live->proc, &event->snapshot.owner);
		break;
	case EVENT_TICK:
		tell_datagram_owners(live);
		break;
	case EVENT_DROP:
		tell_symbol(live, event->drop.location);
		break;
	default:
		break;
	}
}

/* ---- start ---- */

static void want_drop(void *ctx, __u32 value, const char *name)
{
	struct live *live = ctx;

	enum drop_class drop = drop_class_of(name);

	if (drop == DROP_COPY || drop == DROP_NOISE)
		return;
	if (!strcmp(name, "NO_SOCKET") && !live->wants_no_socket)
		return;
	attach_want_drop_reason(live->attach, value);
}

static bool hook_is_attached(const struct live *live, const char *name)
{
	const struct attach_hook *hooks;
	size_t count;

	hooks = attach_hooks(live->attach, &count);
	for (size_t i = 0; i < count; i++)
		if (!strcmp(hooks[i].name, name))
			return hooks[i].state == HOOK_ATTACHED;
	return false;
}

/* From 6.10 on a reset that no socket sent is told as such; before, only the drop tells of it. */
static bool resets_tell_no_socket(const struct live *live)
{
	unsigned int major = 0, minor = 0;
	struct utsname name;

	if (uname(&name) || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return false;
	return hook_is_attached(live, "reset-sent") && (major > 6 || (major == 6 && minor >= 10));
}

/* Once: whoever has that many interfaces would be told of each of them. */
static void say_descriptors(struct live *live, const char *name)
{
	if (!live->said_descriptors) {
		log_error("%s: no file descriptor is left: its packets and those of further "
			  "interfaces go unseen",
			  name);
		log_hint("each takes two: ulimit -n, or LimitNOFILE= of the service");
	}
	live->said_descriptors = true;
}

static void interface_appeared(void *ctx, __u32 netns, __u32 ifindex,
			       struct ev_interface *interface)
{
	struct live *live = ctx;
	const __u32 attached = INTERFACE_F_TC_IN | INTERFACE_F_TC_OUT;
	int err;

	if (interface->flags & INTERFACE_F_GONE) {
		attach_forget_interface(live->attach, netns, ifindex);
		return;
	}
	err = attach_interface(live->attach, netns, ifindex, interface->name, &interface->flags);
	if (err == -EMFILE)
		say_descriptors(live, interface->name);
	else if (err && err != -EALREADY)
		log_debug("%s: no packet hooks: %s", interface->name, strerror(-err));
	if (!err && (interface->flags & attached))
		live->interfaces++;
}

static bool is_left_out(const struct live *live, const char *name)
{
	for (size_t i = 0; i < live->options->without.count; i++)
		if (!strcmp(live->options->without.at[i], name))
			return true;
	return false;
}

/* Returns how many hooks are missing, those left out on request among them. */
static size_t tell_hooks(struct live *live)
{
	const struct attach_hook *hooks;
	size_t count, missing = 0;

	hooks = attach_hooks(live->attach, &count);
	for (size_t i = 0; i < count; i++) {
		struct {
			struct event_header head;
			struct ev_hook body;
		} record = { .body = { .error = hooks[i].error, .state = hooks[i].state } };

		snprintf(record.body.name, sizeof(record.body.name), "%s", hooks[i].name);
		snprintf(record.body.why, sizeof(record.body.why), "%s",
			 hooks[i].why ? hooks[i].why : "");
		collect_header(&record.head, EVENT_HOOK, sizeof(record.body));
		live->sink.take(live, &record, sizeof(record));
		missing += hooks[i].state == HOOK_MISSING ||
			   (hooks[i].state == HOOK_LEFT_OUT && is_left_out(live, hooks[i].name));
	}
	return missing;
}

/* Counts the sockets of a snapshot on their way into the pipeline. */
static int count_socket(void *ctx, const void *record, size_t size)
{
	struct live *live = ctx;
	struct event_header head;

	if (size >= sizeof(head)) {
		memcpy(&head, record, sizeof(head));
		live->sockets += !live->counting_foreign ||
				 head.netns != join_netns_own(live->pipeline.join);
	}
	return live->sink.take(live, record, size);
}

/* Sockets that no process holds are told only where one looks: in a watched namespace. */
static void tell_sockets_here(void *ctx)
{
	struct live *live = ctx;
	_cleanup_close_ int fd = attach_iterate(live->attach, ITERATOR_TCP);

	if (fd >= 0)
		snapshot_read(fd, &live->sink);
}

static void tell_sockets(struct live *live)
{
	const struct record_sink sink = { count_socket, live };

	for (int which = ITERATOR_TCP; which <= ITERATOR_OWNERS; which++) {
		_cleanup_close_ int fd = attach_iterate(live->attach, which);

		live->counting_foreign = which == ITERATOR_OWNERS;
		if (fd >= 0)
			snapshot_read(fd, &sink);
	}
	if (live->options->command == COMMAND_FLOWS)
		host_visit(live->host, tell_sockets_here, live);
}

void live_look_again(struct live *live)
{
	if (ring_drain(live->ring) >= 0)
		tell_sockets(live);
}

int live_signals_open(bool command, bool flight)
{
	sigset_t signals;
	int fd;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	if (command || flight)
		sigaddset(&signals, SIGUSR1);
	if (command) {
		sigaddset(&signals, SIGQUIT);
		sigaddset(&signals, SIGUSR2);
		sigaddset(&signals, SIGCHLD);
	}
	sigprocmask(SIG_BLOCK, &signals, NULL);
	fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? log_error_r(-errno, "signals") : fd;
}

static int open_waits(struct live *live)
{
	const struct itimerspec period = { { 0, TICK_NS }, { 0, TICK_NS } };
	int fds[5];

	live->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	live->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (live->timer_fd < 0 || live->epoll_fd < 0 ||
	    timerfd_settime(live->timer_fd, 0, &period, NULL))
		return log_error_r(-errno, "event loop");
	fds[0] = live->signal_fd;
	fds[1] = live->timer_fd;
	fds[2] = ring_fd(live->ring);
	fds[3] = host_fd(live->host);
	fds[4] = metrics_listen_fd(&live->listen);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		struct epoll_event event = { .events = EPOLLIN, .data.fd = fds[i] };

		if (fds[i] >= 0 && epoll_ctl(live->epoll_fd, EPOLL_CTL_ADD, fds[i], &event))
			return log_error_r(-errno, "event loop");
	}
	return 0;
}

static int open_attach(struct live *live)
{
	const struct options *options = live->options;
	bool states = options->command == COMMAND_STATES;
	struct attach_options attach = {
		.ring_bytes = 4096,
		.packets = states ? PACKETS_NONE : (enum attach_packets)options->packets,
		.left_out = options->without.count ? options->without.at : NULL,
		.follow = options->command == COMMAND_RUN || options->pids.count,
		.flows = options_count_flows(options) || states,
		.sockets_only = states,
		.retransmits =
			options->command == COMMAND_RUN || options->verbose || options->record,
		.all_packets = options->command == COMMAND_RUN,
		.timeline = options->command == COMMAND_RUN && options->verbose,
		.accepts = options->command == COMMAND_RUN || options->command == COMMAND_FLOWS,
		.fins = options->write,
		.snap_bytes = (__u32)options->snap_bytes,
	};
	int err;

	live_look_floors(live, &attach);
	/* the kernel wants a power of two */
	while (attach.ring_bytes < options->ring_bytes)
		attach.ring_bytes *= 2;
	err = attach_open(&live->attach, &attach);
	if (err)
		return err;
	/* of agents that were killed: those of the own namespace go in attach_start() */
	if (all_namespaces(options))
		leftovers_clean_named(false, NULL, NULL);
	for (size_t i = 0; live->namespaces[i]; i++)
		leftovers_clean(live->namespaces[i], false, NULL, NULL);
	return attach_start(live->attach);
}

/*
 * The recording of run holds what its findings need, but is one of its command; that of flows holds
 * what its table needs.
 */
static int take_start(void *ctx, const void *record, size_t size)
{
	struct live *live = ctx;
	struct {
		struct event_header head;
		struct ev_start body;
	} start;

	if (size != sizeof(start))
		return live->sink.take(live, record, size);
	memcpy(&start, record, sizeof(start));
	if (live->options->command == COMMAND_RUN)
		start.head.flags |= EVENT_F_FOLLOWED;
	if (options_count_flows(live->options))
		start.head.known |= EVENT_K_FLOW;
	return live->sink.take(live, &start, sizeof(start));
}

static int open_sources(struct live *live)
{
	const struct options *options = live->options;
	const struct host_options host = {
		.sink = &live->sink,
		.interface = interface_appeared,
		.ctx = live,
		.interfaces = options->interfaces.count ? options->interfaces.at : NULL,
		.namespaces = live->namespaces[0] ? live->namespaces : NULL,
		.all_namespaces = all_namespaces(options),
	};
	const struct record_sink start = { take_start, live };
	int err;

	err = ring_open(&live->ring, attach_ring_fd(live->attach), &live->sink);
	if (err)
		return log_error_r(err, "ring buffer");
	err = proc_open(&live->proc, &live->sink);
	if (err)
		return log_error_r(err, "processes");
	live->pipeline.facts =
		(struct facts){ .fetch = fetch_facts, .complete = complete, .ctx = live };
	live->clock_offset_ns = live_clock_offset_ns();
	live->wants_no_socket = !resets_tell_no_socket(live);
	err = host_tell_start(&start, SOCKWHY_VERSION, options->arguments);
	err = err ? err : host_tell_clock(&live->sink);
	err = err ? err : host_tell_names(&live->sink, want_drop, live);
	if (err)
		return err;
	err = host_open(&live->host, &host);
	return err ? log_error_r(err, "interfaces and routes") : 0;
}

static void say_start(const struct live *live, size_t missing)
{
	char buffer[200];
	struct text text = text_of(buffer);

	text_add(&text, "%llu interface%s, %llu socket%s", live->interfaces,
		 live->interfaces == 1 ? "" : "s", live->sockets, live->sockets == 1 ? "" : "s");
	if (missing)
		text_add(&text, ", %zu hook%s missing (see doctor)", missing,
			 missing == 1 ? "" : "s");
	log_info("%s; Ctrl-C ends", buffer);
}

static void say_flows_start(const struct live *live, size_t missing)
{
	const struct flow_counters *counters = join_flow_counters(live->pipeline.join);
	char buffer[200];
	struct text text = text_of(buffer);

	text_add(&text, "%llu connection%s open already", counters->before,
		 counters->before == 1 ? "" : "s");
	if (missing)
		text_add(&text, ", %zu hook%s missing (see doctor)", missing,
			 missing == 1 ? "" : "s");
	log_info("%s; each is told when it ends, the rest on Ctrl-C", buffer);
}

int live_start(struct live *live)
{
	size_t missing;
	int err;

	live->has_terminal = live_has_terminal();
	descriptors_raise();
	/* first of all: a signal that comes while hooks are being attached must not leave half of them */
	live->signal_fd = live_signals_open(live->options->command == COMMAND_RUN,
					    live->options->flight_bytes);
	err = live->signal_fd < 0 ? live->signal_fd : 0;
	err = err ? err : open_attach(live);
	err = err ? err : open_sources(live);
	if (err)
		return err;
	missing = tell_hooks(live);
	if (live->options->command != COMMAND_STATES)
		tell_sockets(live);
	err = open_waits(live);
	if (err)
		return err;
	live_look_begin(live, hook_is_attached(live, "look"));
	if (live->options->command == COMMAND_WATCH)
		live_gauges_begin(live);
	for (size_t i = 0; i < live->options->pids.count && !err; i++)
		err = live_follow(live, (__u32)strtoul(live->options->pids.at[i], NULL, 10));
	if (!err && live->options->command == COMMAND_WATCH)
		say_start(live, missing);
	if (!err && live->options->command == COMMAND_FLOWS)
		say_flows_start(live, missing);
	return err;
}
