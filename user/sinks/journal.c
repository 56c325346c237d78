// SPDX-License-Identifier: GPL-2.0-or-later
/* journal.c - findings as entries of systemd's journal */

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "sinks/journal.h"
#include "sinks/local_socket.h"
#include "sinks/message_id.h"
#include "sinks/sink.h"
#include "sinks/text.h"
#include "util/address.h"
#include "util/time.h"

#define ENTRY_BYTES (32 << 10) /* a finding with all its evidence has some 8 KiB */

struct journal {
	struct local_socket socket;
	bool (*is_alive)(const struct event_owner *owner);
	int error; /* of the last entry, until it is taken */
	size_t length;
	char entry[ENTRY_BYTES];
};

/* ---- the socket ---- */

int journal_open(struct journal **out, const char *path,
		 bool (*is_alive)(const struct event_owner *owner))
{
	struct journal *journal = calloc(1, sizeof(*journal));
	int err;

	if (!journal)
		return -ENOMEM;
	journal->is_alive = is_alive;
	/* net.core.wmem_default may be less than an entry */
	err = local_socket_open(&journal->socket, path, 4 * ENTRY_BYTES);
	if (err)
		free(journal);
	else
		*out = journal;
	return err;
}

void journal_close(struct journal *journal)
{
	if (journal)
		local_socket_close(&journal->socket);
	free(journal);
}

int journal_take_error(void *of)
{
	struct journal *journal = of;
	int err = journal->error;

	journal->error = 0;
	return err;
}

/* ---- fields ---- */

/* What does not fit is left out whole: a field that is cut would be another value. */
static void put(struct journal *journal, const char *field, const char *value)
{
	size_t name = strlen(field), size = strlen(value);
	bool lines = strchr(value, '\n');
	size_t needed = name + size + 2 + (lines ? sizeof(__u64) : 0);
	char *at = journal->entry + journal->length;
	__u64 size_le = htole64(size);

	if (!size || needed > sizeof(journal->entry) - journal->length)
		return;
	at = mempcpy(at, field, name);
	*at++ = lines ? '\n' : '=';
	if (lines)
		at = mempcpy(at, &size_le, sizeof(size_le));
	at = mempcpy(at, value, size);
	*at = '\n';
	journal->length += needed;
}

static void put_foreign(struct journal *journal, const char *field, const char *foreign,
			size_t size)
{
	char buffer[1200];
	struct text text = text_of(buffer);

	text_add_foreign(&text, foreign, size);
	put(journal, field, buffer);
}

static void put_number(struct journal *journal, const char *field, __u64 number)
{
	char buffer[24];

	snprintf(buffer, sizeof(buffer), "%llu", number);
	put(journal, field, buffer);
}

static void put_hex(struct journal *journal, const char *field, __u64 number)
{
	char buffer[24];

	snprintf(buffer, sizeof(buffer), "%016llx", number);
	put(journal, field, buffer);
}

static void put_end(struct journal *journal, const char *field, const char *port_field,
		    const __u8 *address, __u16 port)
{
	static const __u8 unset[EVENT_ADDRESS_SIZE];
	char buffer[64];
	struct text text = text_of(buffer);

	if (memcmp(address, unset, sizeof(unset)) != 0) {
		address_print(&text, address);
		put(journal, field, buffer);
	}
	if (port)
		put_number(journal, port_field, port);
}

/* "curl[4121] could not connect to 10.0.0.2:8080: ECONNREFUSED after 0.33 ms; likely: … [connect-refused]" */
static void put_message(struct journal *journal, const struct join *join,
			const struct finding *finding)
{
	char buffer[1600];
	struct text text = text_of(buffer);

	text_headline(&text, join, finding);
	if (finding->state != FINDING_FINAL)
		text_add(&text, " (%s)", finding_state_name(finding->state));
	if (finding->total > 1)
		text_add(&text, " (%llu in all)", finding->total);
	if (finding->cause[0] && finding->state != FINDING_CLEARED)
		text_add(&text, "; %s: %s", confidence_name(finding->confidence), finding->cause);
	text_add(&text, " [%s]", rule_id(finding->rule));
	put(journal, "MESSAGE", buffer);
}

/* @id: of a finding, or "heartbeat" */
static void put_kind(struct journal *journal, const char *id, __u8 severity)
{
	char buffer[40];
	struct text text = text_of(buffer);

	message_id_print(&text, id);
	put(journal, "MESSAGE_ID", buffer);
	put_number(journal, "PRIORITY", (__u64)say_priority(severity));
	put_number(journal, "SYSLOG_FACILITY", LOG_DAEMON >> 3);
	put(journal, "SYSLOG_IDENTIFIER", "sockwhy");
}

static void put_verdict(struct journal *journal, const struct join *join,
			const struct finding *finding)
{
	char buffer[120];
	struct text text = text_of(buffer);

	put_kind(journal, rule_id(finding->rule), finding->severity);
	put(journal, "SOCKWHY_FINDING", rule_id(finding->rule));
	put(journal, "SOCKWHY_STAGE", stage_name((enum stage)finding->stage) ?: "");
	put(journal, "SOCKWHY_SEVERITY", severity_name(finding->severity));
	put(journal, "SOCKWHY_CONFIDENCE", confidence_name(finding->confidence));
	put(journal, "SOCKWHY_STATE", finding_state_name(finding->state));
	put_hex(journal, "SOCKWHY_ATTEMPT", finding->attempt);
	put_hex(journal, "SOCKWHY_GROUP", finding->group);
	put_number(journal, "SOCKWHY_COUNT", finding->count);
	put_number(journal, "SOCKWHY_TOTAL", finding->total);
	text = text_of(buffer);
	if (say_rfc3339(&text, join_realtime_ns(join, finding->time_ns)))
		put(journal, "SOCKWHY_TIME", buffer);
	if (finding->duration_known)
		put_number(journal, "SOCKWHY_DURATION_US", finding->duration_us);
	if (finding->error > 0) { /* ERRNO: systemd.journal-fields(7) */
		put_number(journal, "ERRNO", (__u64)finding->error);
		put(journal, "SOCKWHY_ERRNO", decode_errno_name(finding->error) ?: "");
	}
	put(journal, "SOCKWHY_SUMMARY", finding->summary);
	put(journal, "SOCKWHY_CAUSE", finding->cause);
	text = text_of(buffer);
	say_blind(&text, finding);
	put(journal, "SOCKWHY_BLIND", buffer);
}

static void put_owner(struct journal *journal, const struct finding *finding)
{
	const struct event_owner *owner = &finding->owner;
	const struct ev_process *process = &finding->process;

	if (!finding->owner_known)
		return;
	if (owner->tgid && owner->start_ns && journal->is_alive(owner))
		put_number(journal, "OBJECT_PID", owner->tgid);
	put_number(journal, "SOCKWHY_PID", owner->tgid);
	put_number(journal, "SOCKWHY_UID", owner->uid);
	put_foreign(journal, "SOCKWHY_COMM", owner->comm, sizeof(owner->comm));
	if (process->exe[0])
		put_foreign(journal, "SOCKWHY_EXE", process->exe, sizeof(process->exe));
	else
		put_foreign(journal, "SOCKWHY_EXE", owner->exe, sizeof(owner->exe));
	put_foreign(journal, "SOCKWHY_UNIT", process->unit, sizeof(process->unit));
	put_foreign(journal, "SOCKWHY_CONTAINER_ID", process->container,
		    sizeof(process->container));
	put_foreign(journal, "SOCKWHY_CONTAINER_NAME", process->container_name,
		    sizeof(process->container_name));
	put_foreign(journal, "SOCKWHY_POD", process->pod, sizeof(process->pod));
	put_foreign(journal, "SOCKWHY_POD_NAMESPACE", process->pod_namespace,
		    sizeof(process->pod_namespace));
}

static void put_connection(struct journal *journal, const struct join *join,
			   const struct finding *finding)
{
	const struct event_tuple *tuple = &finding->tuple;
	const char *name = finding->netns ? join_netns_name(join, finding->netns) : NULL;

	put(journal, "SOCKWHY_ROLE", finding->role ?: "");
	if (finding->netns)
		put_number(journal, "SOCKWHY_NETNS", finding->netns);
	if (name)
		put_foreign(journal, "SOCKWHY_NETNS_NAME", name, strlen(name));
	put_end(journal, "SOCKWHY_LOCAL_ADDRESS", "SOCKWHY_LOCAL_PORT", tuple->local,
		tuple->local_port);
	put_end(journal, "SOCKWHY_REMOTE_ADDRESS", "SOCKWHY_REMOTE_PORT", tuple->remote,
		tuple->remote_port);
	put_foreign(journal, "SOCKWHY_REMOTE_NAME", finding->name, sizeof(finding->name));
	put_foreign(journal, "SOCKWHY_SOCKET_PATH", finding->socket_path,
		    sizeof(finding->socket_path));
	put_foreign(journal, "SOCKWHY_INTERFACE", finding->interface, sizeof(finding->interface));
}

/* A field that stands in an entry several times has several values. */
static void put_lists(struct journal *journal, const struct join *join,
		      const struct finding *finding)
{
	char buffer[640];

	for (size_t i = 0; i < finding->checks_count; i++) {
		struct text text = text_of(buffer);

		text_add(&text, "%s: %s", finding->checks[i].on, finding->checks[i].run);
		put(journal, "SOCKWHY_CHECK", buffer);
	}
	for (size_t i = 0; i < finding->evidence_count; i++) {
		const struct evidence *seen = &finding->evidence[i];
		__u64 offset_us = ns_between(finding->started_ns, seen->ts_ns) / NS_PER_US;
		struct text text = text_of(buffer);

		text_add(&text, "+%llu.%03llu ms %s ", offset_us / US_PER_MS, offset_us % US_PER_MS,
			 evidence_layer(seen));
		evidence_print(join, seen, EVIDENCE_SHORT, &text);
		put(journal, "SOCKWHY_EVIDENCE", buffer);
	}
}

static void journal_finding(struct sink *sink, const struct join *join,
			    const struct finding *finding)
{
	struct journal *journal = sink->state;

	journal->length = 0;
	put_message(journal, join, finding);
	put_verdict(journal, join, finding);
	put_owner(journal, finding);
	put_connection(journal, join, finding);
	put_lists(journal, join, finding);
	journal->error = local_socket_send(&journal->socket, journal->entry, journal->length);
}

static void journal_heartbeat(struct sink *sink, const struct join *join,
			      const struct heartbeat *heartbeat)
{
	struct journal *journal = sink->state;
	char buffer[300];
	struct text text = text_of(buffer);

	(void)join;
	journal->length = 0;
	say_heartbeat(&text, heartbeat);
	put(journal, "MESSAGE", buffer);
	put_kind(journal, "heartbeat", SEVERITY_INFO);
	put_number(journal, "SOCKWHY_DURATION_US", heartbeat->duration_ns / NS_PER_US);
	put_number(journal, "SOCKWHY_RECORDS", heartbeat->counters->records);
	put_number(journal, "SOCKWHY_LOST", heartbeat->counters->lost);
	put_number(journal, "SOCKWHY_SHED", heartbeat->counters->suppressed);
	put_number(journal, "SOCKWHY_MEMORY_BYTES", heartbeat->memory_bytes);
	put_number(journal, "SOCKWHY_CPU_US", heartbeat->cpu_ns / NS_PER_US);
	journal->error = local_socket_send(&journal->socket, journal->entry, journal->length);
}

const struct sink_ops sink_journal_ops = { .finding = journal_finding,
					   .heartbeat = journal_heartbeat };
