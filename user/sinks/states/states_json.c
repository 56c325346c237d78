// SPDX-License-Identifier: GPL-2.0-or-later
/* states_json.c - the sockets of this host as JSON lines */

#include "sinks/json_parts.h"
#include "sinks/states/states.h"
#include "util/time.h"

static void put_socket(struct json *json, const struct join *join,
		       const struct states_socket *socket)
{
	const char *name = join_netns_name(join, socket->netns);

	json_pair(json, "state", decode_state_name(socket->state));
	json_pair(json, "mark", states_mark_name(socket->mark));
	if (socket->netns)
		json_pair_unsigned(json, "netns", socket->netns);
	json_pair(json, "netns_name", name);
	if (!socket->owned)
		return;
	json_pair_unsigned(json, "pid", socket->owner.tgid);
	json_pair_unsigned(json, "uid", socket->owner.uid);
	json_pair_of(json, "comm", socket->owner.leader, sizeof(socket->owner.leader));
}

static void put_ends(struct json *json, const struct states_socket *socket)
{
	if (socket->timed)
		json_pair_unsigned(json, "quiet_us", socket->quiet_ns / NS_PER_US);
	if (socket->queued) {
		json_pair_unsigned(json, "backlog", socket->backlog);
		json_pair_unsigned(json, "backlog_max", socket->backlog_max);
	}
	json_put_end(json, "local", socket->tuple.local, socket->tuple.local_port);
	if (socket->state != TCP_STATE_LISTEN)
		json_put_end(json, "remote", socket->tuple.remote, socket->tuple.remote_port);
}

static void write_line(const struct states_form *form, struct json *json)
{
	json_close(json, '}');
	if (!json->cut)
		fprintf(form->file, "%.*s\n", (int)json->length, json->at);
}

void states_json_socket(const struct states_form *form, const struct join *join,
			const struct states_socket *socket)
{
	char buffer[LINE_MOST];
	struct json json = json_in(buffer, sizeof(buffer));

	json_put_begin(&json, join, "socket", join_now_ns(join));
	put_socket(&json, join, socket);
	if (socket->counted) {
		json_pair_unsigned(&json, "unread_bytes", socket->unread_bytes);
		json_pair_unsigned(&json, "unsent_bytes", socket->unsent_bytes);
	}
	put_ends(&json, socket);
	if (socket->cookie)
		json_pair_unsigned(&json, "cookie", socket->cookie);
	write_line(form, &json);
}

/* The ends of a group are those of the socket that is quiet for longest. */
static void write_group(const struct states_form *form, const struct join *join,
			const struct states_group *group)
{
	char buffer[LINE_MOST];
	struct json json = json_in(buffer, sizeof(buffer));

	json_put_begin(&json, join, "sockets", join_now_ns(join));
	put_socket(&json, join, &group->quietest);
	json_pair_unsigned(&json, "count", group->sockets);
	if (group->quietest.counted) {
		json_pair_unsigned(&json, "unread_bytes", group->unread_bytes);
		json_pair_unsigned(&json, "unsent_bytes", group->unsent_bytes);
	}
	put_ends(&json, &group->quietest);
	write_line(form, &json);
}

void states_json(const struct states_form *form, const struct join *join,
		 const struct states *states)
{
	const struct states_group *group;
	char buffer[LINE_MOST];
	struct json json = json_in(buffer, sizeof(buffer));

	for (size_t i = 0; (group = states_at(states, i)); i++)
		write_group(form, join, group);
	json_put_begin(&json, join, "states", join_now_ns(join));
	json_put_host(&json, join);
	json_pair_unsigned(&json, "sockets", states_sockets(states));
	json_key(&json, "states");
	json_open(&json, '{');
	for (unsigned int state = 1; state < TCP_STATE_COUNT; state++)
		if (states_total(states, state))
			json_pair_unsigned(&json, decode_state_name(state) ?: "?",
					   states_total(states, state));
	json_close(&json, '}');
	if (states_ungrouped(states))
		json_pair_unsigned(&json, "ungrouped", states_ungrouped(states));
	write_line(form, &json);
}
