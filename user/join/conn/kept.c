// SPDX-License-Identifier: GPL-2.0-or-later
/* kept.c - half-closed connections counted by who keeps them, from look to look */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "join/conn/kept_table.h"
#include "util/tcp.h"

enum { ROOM = 128, GREW_ENOUGH = 3 };

struct entry {
	struct kept kept;
	struct kept now; /* what the look under way has found so far */
	__u32 most; /* ever */
	__u32 told; /* how many it was when it was given last */
	bool used;
	bool due;
};

struct kept_table {
	struct owners *owners;
	struct entry entries[ROOM];
};

int kept_new(struct kept_table **out, struct owners *owners)
{
	struct kept_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	table->owners = owners;
	*out = table;
	return 0;
}

void kept_free(struct kept_table *table)
{
	free(table); /* the owners go with their table */
}

static __u16 port_of(const struct event_tuple *tuple, bool served)
{
	return served ? tuple->local_port : tuple->remote_port;
}

/* Its entry, or a free one; NULL: there is none. */
static struct entry *entry_of(struct kept_table *table, const struct event *event, bool served)
{
	const struct ev_snapshot *socket = &event->snapshot;
	struct entry *unused = NULL;

	for (struct entry *entry = table->entries; entry < table->entries + ROOM; entry++) {
		const struct kept *now = &entry->now;

		if (!entry->used) {
			unused = unused ?: entry;
			continue;
		}
		if (now->owner->tgid == socket->owner.tgid &&
		    now->owner->start_ns == socket->owner.start_ns &&
		    now->netns == event->head.netns && now->state == socket->state &&
		    now->served == served &&
		    port_of(&now->tuple, served) == port_of(&socket->tuple, served))
			return entry;
	}
	return unused;
}

void kept_add(struct kept_table *table, const struct event *event, bool served)
{
	const struct ev_snapshot *socket = &event->snapshot;
	__u64 heard_ns = socket->flow.heard_ns;
	struct entry *entry = entry_of(table, event, served);
	struct kept *now;

	if (!entry)
		return;
	now = &entry->now;
	if (!entry->used) {
		*entry = (struct entry){ 0 };
		owners_set(table->owners, &now->owner, &socket->owner);
		if (!now->owner)
			return;
		entry->used = true;
		now->since_ns = event->head.ts_ns;
		now->netns = event->head.netns;
		now->state = socket->state;
		now->served = served;
	}
	now->seen_ns = event->head.ts_ns;
	now->unread += !!(socket->flow.how & FLOW_F_END_UNREAD);
	if (!now->count++ || heard_ns < now->oldest_ns) {
		now->oldest_ns = heard_ns;
		now->tuple = socket->tuple;
		now->cookie = event->head.cookie;
	}
}

static void look_over(struct kept_table *table, struct entry *entry)
{
	struct kept *now = &entry->now;

	if (!now->count) {
		owners_set(table->owners, &now->owner, NULL);
		entry->used = false;
		return;
	}
	if (now->count < entry->most / 2) { /* it cleans up */
		now->grew = 0;
		now->since_ns = now->seen_ns;
		entry->most = 0;
		entry->told = 0;
	}
	entry->due = now->count > entry->most;
	if (entry->due) {
		entry->most = now->count;
		now->grew++;
	}
	entry->kept = *now;
	now->count = 0;
	now->unread = 0;
}

void kept_look_over(struct kept_table *table)
{
	for (struct entry *entry = table->entries; entry < table->entries + ROOM; entry++)
		if (entry->used)
			look_over(table, entry);
}

const struct kept *kept_next(struct kept_table *table, __u64 least_ns)
{
	for (struct entry *entry = table->entries; entry < table->entries + ROOM; entry++) {
		const struct kept *kept = &entry->kept;
		bool due = entry->used && entry->due;

		entry->due = false;
		if (!due || kept->grew < GREW_ENOUGH || kept->count < 2 * entry->told ||
		    kept->seen_ns - kept->since_ns < least_ns)
			continue;
		entry->told = kept->count;
		return kept;
	}
	return NULL;
}
