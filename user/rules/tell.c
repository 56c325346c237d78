// SPDX-License-Identifier: GPL-2.0-or-later
/* tell.c - the parts of a finding that do not depend on its rule */

#include <string.h>

#include "rules/look.h"
#include "rules/tell.h"
#include "rules/words.h"
#include "util/address.h"
#include "util/hash.h"
#include "util/time.h"

static void tell_connection(const struct view *view, struct finding *finding)
{
	const struct opening *opening = view->opening;
	const struct interface *interface;
	struct text text = text_of(finding->interface);

	finding->cookie = opening->cookie;
	finding->captured = opening_is_captured(opening);
	finding->netns = opening->netns;
	finding->tuple = opening->tuple;
	finding->asked_known = opening->asked_known;
	memcpy(finding->asked, opening->asked, sizeof(finding->asked));
	finding->asked_port = opening->asked_port;
	finding->translated_known = opening->translated;
	finding->translated = look_far(opening).tuple;
	if (opening->translated) {
		memcpy(finding->translated.local, opening->translated_from,
		       sizeof(finding->translated.local));
		finding->translated.local_port = opening->translated_from_port;
	}
	interface = join_interface(view->join, opening->netns, opening->syn_ifindex);
	if (interface && opening->syn_netns == opening->netns)
		text_add_foreign(&text, interface->name, sizeof(interface->name));
}

/* From the caller's first opening to the end of the one that decided. */
static void tell_times(const struct view *view, const struct verdict *verdict,
		       struct finding *finding)
{
	const struct attempt *attempt = view->attempt;
	const struct opening *opening = view->opening;

	finding->time_ns = attempt->due_ns;
	finding->started_ns = attempt->started_ns;
	if (verdict->state == FINDING_CLEARED || !opening)
		return;
	if (verdict->state == FINDING_FINAL && opening->ended_ns)
		finding->time_ns = opening->ended_ns;
	if (view->wake == WAKE_WORKED)
		finding->time_ns = opening->established_ns;
	finding->duration_known = !opening_call_alone(opening) && look_begin_seen(view);
	if (finding->time_ns > finding->started_ns)
		finding->duration_us = (finding->time_ns - finding->started_ns) / NS_PER_US;
}

/* Of what is no opening. */
static void tell_subject(const struct view *view, struct finding *finding)
{
	const struct attempt *attempt = view->attempt;
	struct subject_about about = { .cookie = 0 };

	attempt->subject->about(attempt, &about);
	finding->captured = about.sources & SOURCE_CAPTURE;
	finding->checks_on = finding->captured ? attempt->subject->checks_on : NULL;
	finding->tuple = about.tuple;
	finding->cookie = about.cookie;
	if (about.path)
		memcpy(finding->socket_path, about.path, sizeof(finding->socket_path));
	if (about.error) {
		finding->end = WAIT_ERRNO;
		finding->error = about.error;
	}
	if (!finding->owner_known && about.owner) {
		finding->owner_known = true;
		finding->owner = *about.owner;
	}
	if (about.lasted && finding->time_ns > finding->started_ns) {
		finding->duration_known = true;
		finding->duration_us = (finding->time_ns - finding->started_ns) / NS_PER_US;
	}
}

static void tell_who(const struct view *view, const struct verdict *verdict,
		     struct finding *finding)
{
	const struct attempt *attempt = view->attempt;
	const struct ev_process *process;

	finding->role = attempt->subject->role;
	finding->owner_known = attempt->owner_known;
	finding->owner_by = attempt->owner_by;
	finding->owner = *attempt->owner;
	finding->netns = attempt->netns;
	if (view->opening) {
		tell_connection(view, finding);
		finding->end = verdict->state == FINDING_CLEARED ? WAIT_NONE : view->opening->end;
		finding->error = view->opening->error;
		finding->signal = view->opening->signal;
	} else {
		tell_subject(view, finding);
	}
	if (!finding->owner_known)
		return;
	process = join_process(view->join, finding->owner.tgid, finding->owner.start_ns);
	if (process)
		finding->process = *process;
}

static void tell_name(const struct view *view, struct finding *finding)
{
	const char *name = attempt_remote_name(view->join, view->attempt, view->opening);

	if (name)
		memcpy(finding->name, name, strnlen(name, sizeof(finding->name) - 1));
}

/* ---- scope, changes, path ---- */

/* "since 10:29:51 UTC": a zone would make two hosts tell the same recording differently. */
static void add_since(struct text *text, const struct join *join, __u64 ns)
{
	__u64 seconds = join_realtime_ns(join, ns) / NS_PER_S;

	if (!ns || !seconds)
		return;
	text_add(text, " since %02llu:%02llu:%02llu UTC", seconds / 3600 % 24, seconds / 60 % 60,
		 seconds % 60);
}

static void tell_scope(const struct view *view, struct finding *finding)
{
	const struct opening *opening = view->opening;
	const struct scope *scope = &finding->scope;
	const struct scope *other = &finding->scope_other;
	struct text text = text_of(finding->scope_text);

	if (!opening || !opening->tuple.remote_port)
		return;
	join_scope(view->join, opening->netns, opening->tuple.remote, opening->tuple.remote_port,
		   &finding->scope);
	if (!scope->openings)
		return;
	finding->scope_known = true;
	if (scope->failures)
		text_add(&text, "%llu of %llu to this port failed", scope->failures,
			 scope->openings);
	else
		text_add(&text, "%llu of %llu to this port worked", scope->openings,
			 scope->openings);
	if (scope->failures)
		add_since(&text, view->join, scope->first_failure_ns);
	if (scope->last_success_ns && scope->failures) {
		text_add(&text, ", the last success ");
		words_duration(&text, ns_between(scope->last_success_ns, finding->time_ns));
		text_add(&text, " before");
	}
	finding->scope_other_port =
		join_scope_other_port(view->join, opening->netns, opening->tuple.remote,
				      opening->tuple.remote_port, &finding->scope_other);
	if (finding->scope_other_port)
		text_add(&text, "; %llu of %llu to its port %u worked",
			 other->openings - other->failures, other->openings,
			 finding->scope_other_port);
}

/* Mostly only asked for to decide by: told where the row says that it quotes them. */
static bool is_rarely_told(const struct ev_fact *fact)
{
	switch (fact->what) {
	case FACT_ADDRESS:
		return true;
	case FACT_COUNTER:
		return !strncmp(fact->name, FACT_CONNTRACK, strlen(FACT_CONNTRACK));
	case FACT_SYSCTL:
		return !strcmp(fact->name, WORDS_BE_LIBERAL) ||
		       (!strcmp(fact->name, WORDS_IPV6_OFF) && !fact->number);
	default:
		return false;
	}
}

static bool quotes(const struct rule *rule, const struct ev_fact *fact)
{
	return !is_rarely_told(fact) || (rule->quotes && rule->quotes(fact));
}

static void tell_facts(const struct view *view, struct finding *finding)
{
	static const __u8 path[] = { FACT_ROUTE, FACT_NEIGHBOR };
	const struct ev_fact *fact;

	for (size_t i = 0; i < ARRAY_SIZE(path); i++) {
		fact = path[i] == FACT_ROUTE ? look_route_in(view, finding->netns) :
					       attempt_fact(view->join, view->attempt, path[i], 0);
		/* that there is no route is the path, too */
		if (fact && (path[i] == FACT_ROUTE || !(fact->flags & FACT_F_ABSENT)) &&
		    attempt_fact_netns(view->join, fact) == finding->netns)
			finding->path[finding->path_count++] = *fact;
	}
	for (int what = FACT_NONE + 1; what < FACT_COUNT; what++) {
		if (what == FACT_ROUTE || what == FACT_NEIGHBOR)
			continue;
		for (size_t i = 0; (fact = attempt_fact(view->join, view->attempt, what, i)); i++)
			if (quotes(finding->rule, fact) &&
			    finding->facts_count < ARRAY_SIZE(finding->facts))
				finding->facts[finding->facts_count++] = *fact;
	}
}

/* Between who and where. */
static const char *headline(const struct view *view, const struct verdict *verdict)
{
	const struct subject *subject = view->attempt->subject;

	if (!subject->failed || verdict->state == FINDING_CLEARED)
		return NULL;
	if (view->attempt->call && !look_call_known(view))
		return NULL; /* where to is not known */
	if (verdict->state == FINDING_PENDING)
		return "is still connecting to";
	if (verdict->rule->did)
		return verdict->rule->did;
	return view->wake == WAKE_WORKED ? "connected to" : subject->failed;
}

static enum stage stage_of(const struct view *view, const struct rule *rule)
{
	if (rule->stage > STAGE_REACHED)
		return (enum stage)rule->stage;
	/* a connection whose end nobody saw is still a connection */
	return view->outcome ? look_stage(view, rule->stage == STAGE_REACHED) : STAGE_TRANSFER;
}

void tell_frame(const struct view *view, const struct verdict *verdict, struct finding *finding)
{
	const struct attempt *attempt = view->attempt;

	finding->rule = verdict->rule;
	if (attempt->pending_rule && attempt->pending_rule != verdict->rule &&
	    verdict->state == FINDING_FINAL)
		finding->supersedes = attempt->pending_rule;
	finding->attempt = attempt->id;
	finding->group = tell_group(view->join, attempt, verdict);
	finding->storm = tell_storm(view->join, attempt, verdict);
	finding->did = headline(view, verdict);
	finding->severity = verdict->severity;
	finding->confidence = verdict->confidence;
	finding->state = verdict->state;
	finding->stage = (__u8)stage_of(view, verdict->rule);
	finding->blind = verdict->blind;
	tell_times(view, verdict, finding);
	tell_who(view, verdict, finding);
	tell_name(view, finding);
	if (verdict->state == FINDING_CLEARED)
		return;
	tell_scope(view, finding);
	tell_changes(view, finding);
	tell_facts(view, finding);
	finding->evidence_count =
		(verdict->by_packets ? attempt_packets_evidence : attempt_evidence)(
			view->join, attempt, finding->evidence, ARRAY_SIZE(finding->evidence),
			&finding->evidence_omitted);
}

void tell_cleared(const struct view *view, struct finding *finding)
{
	struct text what = text_of(finding->summary);
	struct text why = text_of(finding->cause);

	finding->end = WAIT_NONE;
	if (view->attempt->worked) {
		text_add(&what, "what had been waiting worked after all");
		if (view->attempt->claimed)
			text_add(&why, "the name was looked up at last; the connect that followed "
				       "failed and is told by itself");
		else if (view->outcome && look_standing(view) && look_standing(view)->moves)
			text_add(&why, "the next look at the sockets did not find it so any more");
		else if (view->outcome)
			text_add(&why, "what hung was not sent again for two minutes");
		else
			text_add(&why, "another try of the same attempt was answered");
	} else {
		text_add(&what, "what had been waiting was not watched to its end");
		text_add(&why, "the agent ended first, or had to make room");
	}
}

/* ---- groups ---- */

static __u64 hash_text(__u64 h, const char *text, size_t size)
{
	return hash_stable(hash_stable(h, text, strnlen(text, size)), "", 1);
}

static __u64 hash_owner(__u64 h, const struct join *join, const struct event_owner *owner)
{
	const struct ev_process *process = join_process(join, owner->tgid, owner->start_ns);

	if (process && process->unit[0])
		return hash_text(h, process->unit, sizeof(process->unit));
	if (process && process->container[0])
		return hash_text(h, process->container, sizeof(process->container));
	if (process && process->exe[0])
		return hash_text(h, process->exe, sizeof(process->exe));
	if (owner->exe[0])
		return hash_text(h, owner->exe, sizeof(owner->exe));
	return hash_text(h, owner->leader, sizeof(owner->leader));
}

static __u64 hash_kind(const struct join *join, const struct attempt *attempt,
		       const struct verdict *verdict)
{
	__u64 h = hash_text(HASH_STABLE, verdict->rule->id, 64);

	if (attempt->owner_known)
		h = hash_owner(h, join, attempt->owner);
	h = hash_stable(h, &attempt->subject->number, sizeof(attempt->subject->number));
	/* an address means another host in another namespace */
	return hash_stable(h, &attempt->netns, sizeof(attempt->netns));
}

__u64 tell_storm(const struct join *join, const struct attempt *attempt,
		 const struct verdict *verdict)
{
	return attempt->owner_known ? hash_kind(join, attempt, verdict) : 0;
}

__u64 tell_group(const struct join *join, const struct attempt *attempt,
		 const struct verdict *verdict)
{
	struct subject_key key = { .size = 0 };
	__u64 h = hash_kind(join, attempt, verdict);

	attempt->subject->key(attempt, verdict->opening, verdict->severity, &key);
	return hash_stable(h, key.bytes, key.size);
}
