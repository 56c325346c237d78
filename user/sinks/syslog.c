// SPDX-License-Identifier: GPL-2.0-or-later
/* syslog.c - findings as messages of syslog (RFC 5424) */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "sinks/local_socket.h"
#include "sinks/sink.h"
#include "sinks/syslog.h"
#include "sinks/text.h"
#include "util/address.h"

#define BOM "\xef\xbb\xbf" /* 6.4: the text is UTF-8 */
#define TEXT_LEAST 600 /* of the message, for its text: members give way before it */

struct syslog_to {
	struct local_socket socket;
	int pid;
	int error; /* of the last message, until it is taken */
};

int syslog_open(struct syslog_to **out, const char *path, int pid)
{
	struct syslog_to *to = calloc(1, sizeof(*to));
	int err;

	if (!to)
		return -ENOMEM;
	to->pid = pid;
	err = local_socket_open(&to->socket, path, 16 * SYSLOG_BYTES);
	if (err)
		free(to);
	else
		*out = to;
	return err;
}

void syslog_close(struct syslog_to *to)
{
	if (to)
		local_socket_close(&to->socket);
	free(to);
}

int syslog_take_error(void *of)
{
	struct syslog_to *to = of;
	int err = to->error;

	to->error = 0;
	return err;
}

/* ---- structured data (6.3) ---- */

/* Whole, or not at all. */
static void put(struct text *text, const char *name, const char *value)
{
	char buffer[700];
	struct text param = text_of(buffer);

	if (!*value)
		return;
	text_add(&param, " %s=\"", name);
	for (; *value; value++) {
		if (strchr("\"\\]", *value))
			text_put(&param, "\\", 1);
		text_put(&param, value, 1);
	}
	text_put(&param, "\"", 1);
	if (!param.cut && text->length + param.length + TEXT_LEAST < text->size)
		text_put(text, buffer, param.length);
}

static void put_foreign(struct text *text, const char *name, const char *foreign, size_t size)
{
	char buffer[600];
	struct text value = text_of(buffer);

	text_add_foreign(&value, foreign, size);
	put(text, name, buffer);
}

static void put_number(struct text *text, const char *name, __u64 number)
{
	char buffer[24];
	struct text value = text_of(buffer);

	text_add(&value, "%llu", number);
	put(text, name, buffer);
}

static void put_end(struct text *text, const char *name, const char *port_name, const __u8 *address,
		    __u16 port)
{
	static const __u8 unset[EVENT_ADDRESS_SIZE];
	char buffer[64];
	struct text value = text_of(buffer);

	if (memcmp(address, unset, sizeof(unset)) != 0) {
		address_print(&value, address);
		put(text, name, buffer);
	}
	if (port)
		put_number(text, port_name, port);
}

static void put_owner(struct text *text, const struct finding *finding)
{
	const struct ev_process *process = &finding->process;

	if (!finding->owner_known)
		return;
	put_number(text, "pid", finding->owner.tgid);
	put_number(text, "uid", finding->owner.uid);
	put_foreign(text, "comm", finding->owner.comm, sizeof(finding->owner.comm));
	put_foreign(text, "unit", process->unit, sizeof(process->unit));
	put_foreign(text, "container_id", process->container, sizeof(process->container));
	put_foreign(text, "container", process->container_name, sizeof(process->container_name));
	put_foreign(text, "pod_namespace", process->pod_namespace, sizeof(process->pod_namespace));
	put_foreign(text, "pod", process->pod, sizeof(process->pod));
}

static void put_members(struct text *text, const struct finding *finding)
{
	const struct event_tuple *tuple = &finding->tuple;
	char hex[24];
	struct text number = text_of(hex);

	text_add(text, "[sockwhy@32473");
	put(text, "severity", severity_name(finding->severity));
	put(text, "confidence", confidence_name(finding->confidence));
	put(text, "state", finding_state_name(finding->state));
	text_add(&number, "%016llx", finding->attempt);
	put(text, "attempt", hex);
	put_number(text, "total", finding->total);
	if (finding->error > 0)
		put(text, "errno", decode_errno_name(finding->error) ?: "");
	put_owner(text, finding);
	put(text, "role", finding->role ?: "");
	put_end(text, "local_address", "local_port", tuple->local, tuple->local_port);
	put_end(text, "remote_address", "remote_port", tuple->remote, tuple->remote_port);
	put_foreign(text, "remote_name", finding->name, sizeof(finding->name));
	text_add(text, "]");
}

/* ---- the message ---- */

/* 6.2.3: six digits of a second at most; "-": the clock is not known */
static void put_time(struct text *text, __u64 real_ns)
{
	char buffer[40];
	struct text time = text_of(buffer);

	if (say_rfc3339(&time, real_ns))
		text_add(text, "%.*sZ", (int)time.length - 4, buffer);
	else
		text_add(text, "-");
}

/* 6.2.4: letters of ASCII that are seen; "-": not known. */
static void put_host(struct text *text, const struct join *join)
{
	const struct ev_start *start = join_start(join);
	size_t length = 0;

	while (start && length < sizeof(start->host) && start->host[length] > ' ' &&
	       start->host[length] < 0x7f)
		length++;
	text_put(text, " ", 1);
	if (length)
		text_add_foreign(text, start->host, length);
	else
		text_put(text, "-", 1);
}

static void put_head(struct text *text, const struct syslog_to *to, const struct join *join,
		     __u8 severity, __u64 time_ns, const char *id)
{
	text_add(text, "<%d>1 ", LOG_DAEMON | say_priority(severity));
	put_time(text, join_realtime_ns(join, time_ns));
	put_host(text, join);
	text_add(text, " sockwhy %d %s ", to->pid, id);
}

/* Where it was cut no part of a character is left. */
static void end_whole(struct text *text)
{
	while (text->cut && text->length && (text->at[text->length - 1] & 0xc0) == 0x80)
		text->length--;
	if (text->cut && text->length && (text->at[text->length - 1] & 0x80))
		text->length--;
}

static void put_text(struct text *text, const struct join *join, const struct finding *finding)
{
	char buffer[1600];
	struct text words = text_of(buffer);

	text_headline(&words, join, finding);
	if (finding->state != FINDING_FINAL)
		text_add(&words, " (%s)", finding_state_name(finding->state));
	if (finding->cause[0] && finding->state != FINDING_CLEARED)
		text_add(&words, "; %s: %s", confidence_name(finding->confidence), finding->cause);
	end_whole(&words);
	text_put(text, buffer, words.length);
}

static void syslog_finding(struct sink *sink, const struct join *join,
			   const struct finding *finding)
{
	struct syslog_to *to = sink->state;
	char message[SYSLOG_BYTES + 1];
	struct text text = text_of(message);

	put_head(&text, to, join, finding->severity, finding->time_ns, rule_id(finding->rule));
	put_members(&text, finding);
	text_add(&text, " " BOM);
	put_text(&text, join, finding);
	end_whole(&text);
	to->error = local_socket_send(&to->socket, message, text.length);
}

static void syslog_heartbeat(struct sink *sink, const struct join *join,
			     const struct heartbeat *heartbeat)
{
	struct syslog_to *to = sink->state;
	char message[SYSLOG_BYTES + 1];
	struct text text = text_of(message);

	put_head(&text, to, join, SEVERITY_INFO, heartbeat->time_ns, "heartbeat");
	text_add(&text, "- " BOM);
	say_heartbeat(&text, heartbeat);
	to->error = local_socket_send(&to->socket, message, text.length);
}

const struct sink_ops sink_syslog_ops = { .finding = syslog_finding,
					  .heartbeat = syslog_heartbeat };
