// SPDX-License-Identifier: GPL-2.0-or-later
/* states_text.c - the sockets of this host as a table for people */

#include <stdint.h>

#include "sinks/sink.h"
#include "sinks/states/states.h"
#include "util/address.h"
#include "util/array.h"
#include "util/time.h"

#define MARKED "\033[33m"
#define PLAIN "\033[0m"

/* Lines that are no rows: sum, head, what is left out, and room for the cursor. */
#define LINES_BESIDE 5

/* Cut where the terminal ends; a character has as many bytes as it has. */
static void put_line(const struct states_form *form, struct text *line, bool marked)
{
	size_t length = line->length;

	if (form->width && length > form->width) {
		size_t shown = 0;

		for (length = 0; length < line->length && shown < form->width; shown++) {
			size_t bytes = text_utf8_length(line->at + length, line->length - length);

			length += bytes ? bytes : 1;
		}
	}
	if (form->color && marked)
		fputs(MARKED, form->file);
	fwrite(line->at, 1, length, form->file);
	if (form->color && marked)
		fputs(PLAIN, form->file);
	fputc('\n', form->file);
}

static void add_ends(struct text *text, const struct states_form *form,
		     const struct states_socket *socket)
{
	const struct event_tuple *tuple = &socket->tuple;

	address_print_port(text, tuple->local, tuple->local_port);
	if (socket->state == TCP_STATE_LISTEN) {
		if (socket->queued)
			text_add(text, ", %u of %u wait to be accepted", socket->backlog,
				 socket->backlog_max);
		return;
	}
	text_add(text, form->ascii ? " - " : " ↔ ");
	address_print_port(text, tuple->remote, tuple->remote_port);
}

static void put_head(const struct states_form *form)
{
	char buffer[160];
	struct text line = text_of(buffer);

	text_add(&line, "  %-12s%8s%11s%11s%11s  %-22s %s", "state", "sockets", "quiet for",
		 "unread", "unsent", "process", "where");
	put_line(form, &line, false);
}

/* @sockets: in the row's group; 0: the row is of one socket, and they are not counted. */
static void put_row(const struct states_form *form, const struct join *join,
		    const struct states_group *group, __u64 sockets)
{
	const struct states_socket *socket = &group->quietest;
	char buffer[400], quiet_buffer[32] = "", process_buffer[80];
	struct text line = text_of(buffer), quiet = text_of(quiet_buffer),
		    process = text_of(process_buffer);

	if (socket->timed && socket->state != TCP_STATE_LISTEN)
		say_duration(&quiet, socket->quiet_ns / NS_PER_US);
	if (socket->owned)
		say_process(&process, &socket->owner);
	else
		text_add(&process, "-");
	text_add(&line, "%c %-12s", socket->mark ? '!' : ' ',
		 decode_state_name(socket->state) ?: "?");
	text_add(&line, "%8llu%11s", sockets ? sockets : 1, quiet.length ? quiet.at : "-");
	if (socket->counted && socket->state != TCP_STATE_LISTEN)
		text_add(&line, "%11llu%11llu", group->unread_bytes, group->unsent_bytes);
	else
		text_add(&line, "%11s%11s", "-", "-");
	text_add(&line, "  %-22s %s", process.at, sockets > 1 ? "e.g. " : "");
	add_ends(&line, form, socket);
	if (socket->netns && socket->netns != join_netns_own(join)) {
		text_add(&line, " in namespace ");
		say_namespace(&line, join, socket->netns);
	}
	put_line(form, &line, socket->mark);
}

void states_tell_socket(const struct states_form *form, const struct join *join,
			const struct states_socket *socket)
{
	const struct states_group group = {
		.quietest = *socket,
		.sockets = 1,
		.unread_bytes = socket->unread_bytes,
		.unsent_bytes = socket->unsent_bytes,
	};

	if (form->json)
		states_json_socket(form, join, socket);
	else
		put_row(form, join, &group, 0);
}

static void put_sum(const struct states_form *form, const struct states *states)
{
	char buffer[300];
	struct text line = text_of(buffer);
	const char *between = ": ";

	text_add(&line, "%llu TCP socket%s", states_sockets(states),
		 states_sockets(states) == 1 ? "" : "s");
	for (size_t i = 0; states_state(i); i++) {
		if (!states_total(states, states_state(i)))
			continue;
		text_add(&line, "%s%llu %s", between, states_total(states, states_state(i)),
			 decode_state_name(states_state(i)) ?: "?");
		between = ", ";
	}
	put_line(form, &line, false);
}

/* Each mark that was given, once: what it means, and how to see more of it. */
static size_t put_marks(const struct states_form *form, const struct states *states, bool count)
{
	const struct states_group *group;
	__u32 told = 0;
	size_t lines = 0;

	for (size_t i = 0; (group = states_at(states, i)) && group->quietest.mark; i++) {
		char buffer[400];
		struct text line = text_of(buffer);

		if (told & BIT(group->quietest.mark))
			continue;
		told |= BIT(group->quietest.mark);
		lines++;
		if (count)
			continue;
		text_add(&line,
			 "! %s: %s; check: ", decode_state_name(group->quietest.state) ?: "?",
			 states_mark_what(group->quietest.mark));
		states_say_check(&line, group);
		put_line(form, &line, true);
	}
	if (states_total(states, TCP_STATE_TIME_WAIT)) {
		char buffer[200];
		struct text line = text_of(buffer);

		lines++;
		text_add(&line,
			 "  TIME_WAIT is normal: who closes first keeps the pair of ports for a "
			 "minute, so that nothing late is taken for a new connection's");
		if (!count)
			put_line(form, &line, false);
	}
	return lines;
}

void states_tell(const struct states_form *form, const struct join *join,
		 const struct states *states)
{
	const struct states_group *group;
	size_t beside = LINES_BESIDE + put_marks(form, states, true), rows = SIZE_MAX, i;

	if (form->json) {
		states_json(form, join, states);
		return;
	}
	if (form->height)
		rows = form->height > beside ? form->height - beside : 1;
	put_sum(form, states);
	put_head(form);
	for (i = 0; (group = states_at(states, i)) && i < rows; i++)
		put_row(form, join, group, group->sockets);
	if (group || states_ungrouped(states)) {
		char buffer[120];
		struct text line = text_of(buffer);
		__u64 sockets = states_ungrouped(states);

		for (; (group = states_at(states, i)); i++)
			sockets += group->sockets;
		text_add(&line, "  and %llu socket%s in further rows", sockets,
			 sockets == 1 ? "" : "s");
		put_line(form, &line, false);
	}
	put_marks(form, states, false);
}
