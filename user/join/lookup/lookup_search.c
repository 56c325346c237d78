// SPDX-License-Identifier: GPL-2.0-or-later
/* lookup_search.c - names of one search list are one wish */

#include <string.h>

#include "join/lookup/lookup.h"
#include "util/address.h"
#include "util/time.h"

/*
 * Labels of both from the front as long as they are the same: what is left of each. True if one of
 * those labels is a host's: nobody wishes for "_ldap._tcp" alone.
 */
static bool strip_common(const char **a, const char **b)
{
	bool host = false;

	for (;;) {
		size_t n = strcspn(*a, "."), m = strcspn(*b, ".");

		if (!n || n != m || strncmp(*a, *b, n) != 0)
			return host;
		host = host || **a != '_';
		*a += n + ((*a)[n] == '.');
		*b += m + ((*b)[m] == '.');
	}
}

static bool is_suffix(const char *whole, const char *end)
{
	size_t n = strlen(whole), m = strlen(end);

	return !m || (m <= n && !strcmp(whole + n - m, end) && (m == n || whole[n - m - 1] == '.'));
}

/* Whoever goes through a search list asks for the next name when the last one was refused. */
#define SEARCH_NEXT_NS (100 * NS_PER_MS)

/*
 * One wish with two suffixes of a search list, or with one and without: @failed was refused before
 * @next was asked for. Suffixes that have nothing in common ("search one.test two.test") belong
 * together only if the one follows the other at once.
 */
static bool are_expansions(const struct lookup_slot *failed, const struct lookup_slot *next)
{
	const char *left = failed->lookup.name, *right = next->lookup.name;
	__u64 asked_ns = next->lookup.started_ns;
	bool host = strip_common(&left, &right);

	if (left == failed->lookup.name) /* not even the first label */
		return false;
	return is_suffix(left, right) || is_suffix(right, left) ||
	       (host && asked_ns >= failed->failed_ns &&
		asked_ns - failed->failed_ns < SEARCH_NEXT_NS);
}

bool lookup_is_denied(const struct lookup *lookup)
{
	return lookup->rcode == DNS_NXDOMAIN || lookup->empty;
}

static bool is_expansion(const struct lookup_slot *failed, const struct lookup_slot *mine)
{
	return failed != mine && failed->failed_ns && failed->asker == mine->asker &&
	       (mine->asker || address_equal(failed->lookup.client, mine->lookup.client)) &&
	       are_expansions(failed, mine);
}

void lookup_fold(struct join *join, struct lookup_slot *mine, struct lookup_slot *slot)
{
	struct lookup *lookup = &mine->lookup;
	const struct lookup *other = &slot->lookup;

	lookup->expansions += !other->empty + other->expansions;
	lookup->expansions_empty += other->empty + other->expansions_empty;
	lookup_drop(join, slot);
}

void lookup_fold_denied(struct join *join, struct lookup_slot *mine)
{
	struct lookup_slot *slot, *next;

	if (join->lookups->failed_count <= !!mine->failed_ns)
		return;
	for (slot = TAILQ_FIRST(&join->lookups->waiting); slot; slot = next) {
		next = TAILQ_NEXT(slot, by_time);
		if (lookup_is_denied(&slot->lookup) && is_expansion(slot, mine))
			lookup_fold(join, mine, slot);
	}
}

void lookup_forget_expansions(struct join *join, struct lookup_slot *mine)
{
	struct lookup_slot *slot, *next;

	if (join->lookups->failed_count <= !!mine->failed_ns)
		return;
	for (slot = TAILQ_FIRST(&join->lookups->waiting); slot; slot = next) {
		next = TAILQ_NEXT(slot, by_time);
		if (is_expansion(slot, mine))
			lookup_drop(join, slot);
	}
}

struct lookup_slot *lookup_find_untold(struct join *join, const struct lookup_slot *mine)
{
	struct lookup_slot *slot;

	if (join->lookups->failed_count > !!mine->failed_ns)
		TAILQ_FOREACH(slot, &join->lookups->waiting, by_time)
			if (!lookup_is_denied(&slot->lookup) && is_expansion(slot, mine))
				return slot;
	return NULL;
}
