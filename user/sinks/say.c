// SPDX-License-Identifier: GPL-2.0-or-later
/* say.c - the words that every format shares */

#include <ctype.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "sinks/sink.h"
#include "util/address.h"
#include "util/array.h"
#include "util/time.h"

static bool break_down(__u64 real_ns, bool utc, struct tm *tm)
{
	time_t seconds = (time_t)(real_ns / NS_PER_S);

	return utc ? gmtime_r(&seconds, tm) : localtime_r(&seconds, tm);
}

/* "Z", "+01:00" */
static void add_zone(struct text *text, const struct tm *tm, bool utc)
{
	long minutes = labs(tm->tm_gmtoff) / 60;

	if (utc)
		text_add(text, "Z");
	else
		text_add(text, "%c%02ld:%02ld", tm->tm_gmtoff < 0 ? '-' : '+', minutes / 60,
			 minutes % 60);
}

static void add_realtime(struct text *text, __u64 real_ns, bool utc, const char *format,
			 bool fraction)
{
	struct tm tm;
	char date[32];

	if (!break_down(real_ns, utc, &tm))
		return;
	strftime(date, sizeof(date), format, &tm);
	text_add(text, "%s", date);
	if (fraction)
		text_add(text, ".%03llu", real_ns / NS_PER_MS % 1000);
	add_zone(text, &tm, utc);
}

void say_realtime(struct text *text, __u64 real_ns, bool utc)
{
	add_realtime(text, real_ns, utc, "%Y-%m-%d %H:%M:%S", true);
}

bool say_day(struct text *text, const struct join *join, __u64 ns, bool utc)
{
	__u64 real_ns = join_realtime_ns(join, ns);
	struct tm tm;
	char date[32];

	if (!real_ns || !break_down(real_ns, utc, &tm))
		return false;
	strftime(date, sizeof(date), "%Y-%m-%d", &tm);
	text_add(text, "%s", date);
	return true;
}

void say_daytime(struct text *text, const struct join *join, __u64 ns, bool utc)
{
	add_realtime(text, join_realtime_ns(join, ns), utc, "%H:%M:%S", true);
}

void say_since(struct text *text, const struct join *join, __u64 ns, bool utc)
{
	__u64 real_ns = join_realtime_ns(join, ns);

	if (real_ns)
		add_realtime(text, real_ns, utc, "%H:%M:%S", false);
	else
		say_time(text, join, ns, utc);
}

/* The zone of the rules' words is UTC, so that they are the same everywhere; people have one zone. */
void say_scope(struct text *text, const struct join *join, const struct finding *finding, bool utc)
{
	static const char zone[] = " UTC";
	const char *words = finding->scope_text, *since = strstr(words, " since ");
	const char *rest = since ? strstr(since, zone) : NULL;

	if (!finding->scope.failures || !rest) {
		text_add(text, "%s", words);
		return;
	}
	text_add(text, "%.*s since ", (int)(since - words), words);
	say_since(text, join, finding->scope.first_failure_ns, utc);
	text_add(text, "%s", rest + strlen(zone));
}

void say_time(struct text *text, const struct join *join, __u64 ns, bool utc)
{
	__u64 real_ns = join_realtime_ns(join, ns);

	if (real_ns)
		say_realtime(text, real_ns, utc);
	else
		text_add(text, "+%llu.%03llu", ns / NS_PER_S, ns / NS_PER_MS % 1000);
}

int say_priority(__u8 severity)
{
	static const int priorities[] = {
		[SEVERITY_INFO] = LOG_INFO,
		[SEVERITY_WARNING] = LOG_WARNING,
		[SEVERITY_ERROR] = LOG_ERR,
	};

	_Static_assert(ARRAY_SIZE(priorities) == SEVERITY_COUNT, "a priority for every severity");
	return priorities[severity];
}

bool say_rfc3339(struct text *text, __u64 real_ns)
{
	time_t seconds = (time_t)(real_ns / NS_PER_S);
	struct tm tm;
	char date[32];

	if (!real_ns || !gmtime_r(&seconds, &tm))
		return false;
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	text_add(text, "%s.%09lluZ", date, real_ns % NS_PER_S);
	return true;
}

void say_duration(struct text *text, __u64 us)
{
	if (us < 10 * US_PER_MS)
		text_add(text, "%llu.%02llu ms", us / US_PER_MS, us % US_PER_MS / 10);
	else if (us < US_PER_S)
		text_add(text, "%llu ms", us / US_PER_MS);
	else if (us < 100 * US_PER_S)
		text_add(text, "%llu.%llu s", us / US_PER_S, us / (US_PER_S / 10) % 10);
	else
		text_add(text, "%llu s", us / US_PER_S);
}

void say_heartbeat(struct text *text, const struct heartbeat *heartbeat)
{
	const struct join_counters *counters = heartbeat->counters;

	text_add(text, "alive for ");
	say_duration(text, heartbeat->duration_ns / NS_PER_US);
	text_add(text, ": %llu records, %llu lost, %llu shed; findings:", counters->records,
		 counters->lost, counters->suppressed);
	for (int severity = SEVERITY_ERROR; severity >= 0; severity--)
		text_add(text, " %s %llu", severity_name(severity), heartbeat->findings[severity]);
	text_add(text, "; %llu.%llu MiB, ", heartbeat->memory_bytes >> 20,
		 (heartbeat->memory_bytes & 0xfffff) * 10 >> 20);
	say_duration(text, heartbeat->cpu_ns / NS_PER_US);
	text_add(text, " of CPU");
}

const char *say_message(const struct dns *dns)
{
	if (!dns)
		return "icmp";
	return dns->response ? "answer" : "query";
}

const char *say_ended(const struct finding *finding)
{
	if (finding->state == FINDING_CLEARED)
		return "cleared";
	switch ((enum wait_end)finding->end) {
	case WAIT_ERRNO:
		return "errno";
	case WAIT_CANCELED:
	case WAIT_EXITED:
		return "canceled";
	case WAIT_KILLED:
		return "killed";
	case WAIT_ANSWERED:
	case WAIT_UNSEEN:
	case WAIT_NONE:
		break;
	}
	return NULL;
}

const char *say_outcome(const struct finding *finding)
{
	if (finding->state != FINDING_FINAL)
		return "unknown";
	if (finding->error || finding->severity == SEVERITY_ERROR)
		return "failure";
	return finding->end == WAIT_ANSWERED ? "success" : "unknown";
}

void say_end(struct text *text, const struct finding *finding)
{
	const char *name = decode_errno_name(finding->error);
	const char *signal = decode_signal_name(finding->signal);

	if (finding->state == FINDING_PENDING) {
		text_add(text, "waiting");
	} else if (finding->end == WAIT_KILLED) {
		text_add(text, "killed%s%s", signal ? " by " : "", signal ? signal : "");
	} else if (finding->end == WAIT_CANCELED) {
		text_add(text, "canceled");
	} else if (finding->end == WAIT_EXITED) {
		text_add(text, "process exited");
	} else if (name) {
		text_add(text, "%s", name);
	} else if (finding->error) {
		text_add(text, "errno %d", finding->error);
	}
	if (!finding->duration_known)
		return;
	text_add(text, "%s",
		 text->length ? finding->state == FINDING_PENDING ? " for " : " after " : "after ");
	say_duration(text, finding->duration_us);
}

/* What an interpreter runs: "worker.py" of "python3 -u /srv/worker.py --all"; its length, 0 none. */
static size_t find_script(const struct ev_process *process, const char **script)
{
	static const char *const interpreters[] = { "python", "perl", "ruby", "node", "php",
						    "java",   "bash", "dash", "sh" };
	const char *exe = strrchr(process->exe, '/'), *word = process->command, *slash;
	bool known = false;
	size_t length;

	exe = exe ? exe + 1 : process->exe;
	for (size_t i = 0; i < ARRAY_SIZE(interpreters); i++) {
		size_t n = strlen(interpreters[i]);

		known = known ||
			(!strncmp(exe, interpreters[i], n) && !isalpha((unsigned char)exe[n]));
	}
	do {
		word += strcspn(word, " ");
		word += strspn(word, " ");
		if (!known || !strncmp(word, "-c ", 3) || !strncmp(word, "-e ", 3))
			return 0; /* a program in a word */
	} while (word[0] == '-');
	length = strcspn(word, " ");
	slash = memrchr(word, '/', length);
	*script = slash ? slash + 1 : word;
	return length - (*script - word);
}

/* " in pod shop/web-7d9f container app", " in container db": what engines call them, else its id */
static void add_container(struct text *text, const struct ev_process *process)
{
	if (!process->container[0])
		return;
	text_add(text, " in");
	if (process->pod[0]) {
		text_add(text, " pod ");
		text_add_foreign(text, process->pod_namespace, sizeof(process->pod_namespace));
		text_add(text, process->pod_namespace[0] ? "/" : "");
		text_add_foreign(text, process->pod, sizeof(process->pod));
	}
	text_add(text, " container ");
	if (process->container_name[0])
		text_add_foreign(text, process->container_name, sizeof(process->container_name));
	else
		text_add_foreign(text, process->container, 12);
}

void say_place(struct text *text, const struct ev_process *process)
{
	if (process->unit[0]) {
		text_add(text, " ");
		text_add_foreign(text, process->unit, sizeof(process->unit));
	}
	add_container(text, process);
}

/* Who has no place is told apart by what it runs. */
static void add_script(struct text *text, const struct ev_process *process)
{
	const char *script;
	size_t length;

	if (process->unit[0] || process->container[0])
		return;
	length = find_script(process, &script);
	if (!length)
		return;
	text_add(text, " ");
	text_add_foreign(text, script, length);
}

void say_process(struct text *text, const struct event_owner *owner)
{
	text_add_foreign(text, owner->leader[0] ? owner->leader : owner->comm,
			 sizeof(owner->leader));
	text_add(text, "[%u]", owner->tgid);
}

void say_namespace(struct text *text, const struct join *join, __u32 netns)
{
	const char *name = join_netns_name(join, netns);

	if (name)
		text_add_foreign(text, name, strlen(name));
	else
		text_add(text, "%u", netns);
}

void say_owner_name(struct text *text, const struct finding *finding)
{
	const struct event_owner *owner = &finding->owner;

	text_add_foreign(text, owner->leader[0] ? owner->leader : owner->comm,
			 sizeof(owner->leader));
	say_place(text, &finding->process);
}

void say_owner(struct text *text, const struct finding *finding)
{
	const struct event_owner *owner = &finding->owner;

	if (finding->captured)
		return;
	if (!finding->owner_known) {
		text_add(text, "unknown process");
		return;
	}
	say_process(text, owner);
	say_place(text, &finding->process);
	add_script(text, &finding->process);
}

/* Neither zeros nor 0.0.0.0 or :: */
static bool is_set(const __u8 *address)
{
	return !address_is_any(address);
}

/* "db.internal (10.0.0.2:8080)" */
static void add_named(struct text *text, const char *name, const __u8 *address, __u16 port)
{
	if (name[0])
		text_add(text, "%s (", name);
	address_print_port(text, address, port);
	text_add(text, "%s", name[0] ? ")" : "");
}

/* The name is of what was asked for, where that differs from the remote. */
static void add_remote(struct text *text, const struct finding *finding)
{
	const struct event_tuple *tuple = &finding->tuple;

	add_named(text, finding->asked_known ? "" : finding->name, tuple->remote,
		  tuple->remote_port);
}

static void add_asked(struct text *text, const struct finding *finding)
{
	if (!finding->asked_known)
		return;
	text_add(text, " (asked for ");
	if (finding->name[0]) {
		text_add_foreign(text, finding->name, sizeof(finding->name));
		text_add(text, ", ");
	}
	address_print_port(text, finding->asked, finding->asked_port);
	text_add(text, ")");
}

static void add_translated(struct text *text, const struct finding *finding)
{
	const struct event_tuple *as = &finding->translated, *tuple = &finding->tuple;

	if (!finding->translated_known ||
	    (as->remote_port == tuple->remote_port && address_equal(as->remote, tuple->remote)))
		return;
	text_add(text, " (translated to ");
	address_print_port(text, as->remote, as->remote_port);
	text_add(text, ")");
}

static void add_socket_path(struct text *text, const struct finding *finding)
{
	text_add_foreign(text, finding->socket_path, sizeof(finding->socket_path));
}

void say_connection(struct text *text, const struct finding *finding, bool ascii)
{
	const struct event_tuple *tuple = &finding->tuple;
	bool client = subject_role_asks(finding->role);
	const char *arrow = ascii ? (client ? " -> " : " <- ") : (client ? " → " : " ← ");
	bool local = is_set(tuple->local) || tuple->local_port;
	bool remote = is_set(tuple->remote) || tuple->remote_port;

	add_socket_path(text, finding);
	if (local)
		address_print_port(text, tuple->local, tuple->local_port);
	if (remote) {
		text_add(text, "%s", local ? arrow : arrow + 1);
		add_remote(text, finding);
	}
	add_asked(text, finding);
	add_translated(text, finding);
}

void say_who(struct text *text, const struct join *join, const struct finding *finding)
{
	const struct event_tuple *tuple = &finding->tuple;

	if (finding->captured && finding->did) {
		address_print_port(text, tuple->local, tuple->local_port);
		return;
	}
	/* at a port that nobody has there is no process to name */
	if (!finding->owner_known && !finding->did && !subject_role_asks(finding->role))
		return;
	say_owner(text, finding);
	if (finding->captured || !finding->netns || !join_netns_own(join) ||
	    finding->netns == join_netns_own(join))
		return;
	text_add(text, " in namespace ");
	say_namespace(text, join, finding->netns);
}

void say_target(struct text *text, const struct finding *finding)
{
	const struct event_tuple *tuple = &finding->tuple;

	if (finding->socket_path[0])
		add_socket_path(text, finding);
	else if (subject_role_asks(finding->role))
		add_remote(text, finding);
	else if (tuple->protocol == IPPROTO_RAW)
		text_add(text, "this host"); /* no connection's, all of them */
	else
		address_print_port(text, tuple->local, tuple->local_port);
	add_asked(text, finding);
	add_translated(text, finding);
}

bool say_party_stands_above(const struct finding *finding, const struct party *party)
{
	const struct event_owner *owner = &party->owner;
	char buffer[48];
	struct text text = text_of(buffer);

	if (!party->owner_known || (party->netns && finding->netns != party->netns))
		return false;
	say_process(&text, owner);
	return strstr(finding->cause, buffer);
}

const char *say_neighbor_state(unsigned int nud)
{
	static const struct {
		unsigned int bit;
		const char *name;
	} names[] = {
		{ NUD_INCOMPLETE, "INCOMPLETE" }, { NUD_REACHABLE, "REACHABLE" },
		{ NUD_STALE, "STALE" },		  { NUD_DELAY, "DELAY" },
		{ NUD_PROBE, "PROBE" },		  { NUD_FAILED, "FAILED" },
		{ NUD_NOARP, "NOARP" },		  { NUD_PERMANENT, "PERMANENT" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (nud & names[i].bit)
			return names[i].name;
	return NULL;
}

const struct ev_fact *finding_path_fact(const struct finding *finding, enum event_fact what)
{
	for (size_t i = 0; i < finding->path_count && i < ARRAY_SIZE(finding->path); i++)
		if (finding->path[i].what == what)
			return &finding->path[i];
	return NULL;
}

static const char *route_type(unsigned int type)
{
	static const char *const names[] = {
		[RTN_LOCAL] = "local",	       [RTN_BROADCAST] = "broadcast",
		[RTN_ANYCAST] = "anycast",     [RTN_MULTICAST] = "multicast",
		[RTN_BLACKHOLE] = "blackhole", [RTN_UNREACHABLE] = "unreachable",
		[RTN_PROHIBIT] = "prohibit",   [RTN_THROW] = "throw",
	};

	return type < ARRAY_SIZE(names) ? names[type] : NULL;
}

void say_path(struct text *text, const struct finding *finding)
{
	const struct ev_fact *route = finding_path_fact(finding, FACT_ROUTE);
	const struct ev_fact *neighbor = finding_path_fact(finding, FACT_NEIGHBOR);
	const char *name;
	const __u8 *source;

	if (!route)
		return;
	if (route->flags & FACT_F_ABSENT) {
		name = decode_errno_name(route->error < 0 ? -route->error : route->error);
		text_add(text, "no route: %s", name ? name : "the look-up failed");
		return;
	}
	name = route_type(route->port);
	text_add(text, "%s%s", name ? name : "", name && route->name[0] ? " " : "");
	if (route->name[0]) {
		text_add(text, "dev ");
		text_add_foreign(text, route->name, sizeof(route->name));
	}
	source = is_set(route->address) ? route->address : finding->tuple.local;
	if (is_set(source)) {
		text_add(text, " src ");
		address_print(text, source);
	}
	if (is_set(route->address2)) {
		text_add(text, " via ");
		address_print(text, route->address2);
	}
	if (neighbor) {
		name = neighbor->flags & FACT_F_ABSENT ? "no neighbour entry" :
							 say_neighbor_state(neighbor->port);
		if (name)
			text_add(text, " (%s)", name);
	}
	if (route->number > 0)
		text_add(text, " mtu %lld", route->number);
}

const char *say_reason(const struct join *join, const struct evidence *evidence)
{
	if (!(evidence->known & EVENT_K_REASON))
		return NULL;
	if (evidence->kind == EVENT_DROP)
		return join_name(join, NAME_DROP_REASON, evidence->reason);
	if (evidence->kind == EVENT_RESET_SENT)
		return join_name(join, NAME_RESET_REASON, evidence->reason);
	return NULL;
}

void say_party(struct text *text, const struct join *join, const struct finding *finding,
	       const struct party *party)
{
	if (party->owner_known) {
		say_process(text, &party->owner);
		text_add(text, " ");
	}
	address_print_port(text, party->tuple.local, party->tuple.local_port);
	if (party->state)
		text_add(text, " %s", decode_state_name(party->state) ?: "");
	if (!party->netns || !finding->netns || party->netns == finding->netns)
		return;
	text_add(text, " in namespace ");
	say_namespace(text, join, party->netns);
}

void say_blind(struct text *text, const struct finding *finding)
{
	for (unsigned int bit = 0; bit < BLIND_COUNT; bit++)
		if (finding->blind & BIT(bit))
			text_add(text, "%s%s", text->length ? ", " : "", blind_name(bit));
}
