// SPDX-License-Identifier: GPL-2.0-or-later
/* rules.c - the table of findings, and the engine that picks one of them for an attempt */

#include <string.h>

#include "rules/look.h"
#include "rules/tell.h"
#include "rules/words.h"

static const struct rule *const table[] = {
#define X(name) [RULE_##name] = &rule_##name,
	RULES(X)
#undef X
};

const struct rule *rules_row(size_t index)
{
	return index < ARRAY_SIZE(table) ? table[index] : NULL;
}

const struct rule *rules_find(const char *id)
{
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (!strcmp(table[i]->id, id))
			return table[i];
	return NULL;
}

const char *rule_id(const struct rule *rule)
{
	return rule->id;
}

enum severity rule_severity(const struct rule *rule)
{
	return rule->severity;
}

enum confidence rule_cap(const struct rule *rule)
{
	return rule->cap;
}

enum stage rule_stage(const struct rule *rule)
{
	return (enum stage)rule->stage;
}

const char *rule_means(const struct rule *rule)
{
	return rule->means;
}

const char *rule_evidence(const struct rule *rule)
{
	return rule->evidence;
}

const char *rule_gate(const struct rule *rule)
{
	return rule->gate;
}

const char *rule_check(const struct rule *rule)
{
	return rule->general_check;
}

const char *rule_kernels(const struct rule *rule)
{
	return rule->kernels;
}

const char *severity_name(enum severity severity)
{
	static const char *const names[] = { "info", "warning", "error" };
	_Static_assert(ARRAY_SIZE(names) == SEVERITY_COUNT, "a name for every severity");

	return names[severity < SEVERITY_COUNT ? severity : SEVERITY_ERROR];
}

const char *confidence_name(enum confidence confidence)
{
	static const char *const names[] = { "possible", "likely", "certain" };
	_Static_assert(ARRAY_SIZE(names) == CONFIDENCE_COUNT, "a name for every confidence");

	return names[confidence < CONFIDENCE_COUNT ? confidence : CONFIDENCE_POSSIBLE];
}

const char *stage_name(enum stage stage)
{
	static const char *const names[] = {
		[STAGE_LOOKUP] = "lookup",     [STAGE_LOCAL] = "local", [STAGE_CONNECT] = "connect",
		[STAGE_ACCEPT] = "accept",     [STAGE_TLS] = "tls",	[STAGE_REQUEST] = "request",
		[STAGE_TRANSFER] = "transfer", [STAGE_CLOSE] = "close",
	};
	_Static_assert(ARRAY_SIZE(names) == STAGE_COUNT, "a name for every stage");

	return stage < STAGE_COUNT ? names[stage] : NULL;
}

const char *finding_state_name(enum finding_state state)
{
	static const char *const names[] = { "pending", "final", "cleared" };
	_Static_assert(ARRAY_SIZE(names) == FINDING_STATE_COUNT, "a name for every state");

	return names[state < FINDING_STATE_COUNT ? state : FINDING_FINAL];
}

const char *blind_name(unsigned int bit)
{
	static const char *const names[] = { "lost-records", "hook-missing", "started-late",
					     "packets-out-of-sight", "lookup-not-on-wire" };
	_Static_assert(ARRAY_SIZE(names) == BLIND_COUNT, "a name for every blind spot");

	return bit < ARRAY_SIZE(names) ? names[bit] : NULL;
}

/* ---- the view ---- */

static bool facts_there(const struct join *join, const struct attempt *attempt)
{
	for (int what = FACT_NONE + 1; what < FACT_COUNT; what++)
		if (attempt_fact(join, attempt, what, 0))
			return true;
	return false;
}

/* False: nothing to judge. @room: for its outcome, which most have none of. */
static bool view_of(const struct join *join, const struct thresholds *thresholds,
		    const struct attempt *attempt, struct outcome *room, struct view *view)
{
	const struct subject *subject = attempt->subject;

	*view = (struct view){
		.join = join,
		.thresholds = thresholds,
		.attempt = attempt,
		.facts = facts_there(join, attempt),
	};
	view->wake =
		subject->wake ? subject->wake(attempt, &view->opening) : (enum wake)subject->wakes;
	if (attempt_outcome(join, attempt, room))
		view->outcome = room;
	return view->wake != WAKE_NONE;
}

/* ---- judging ---- */

static __u32 holes_of(const struct opening *opening)
{
	__u32 blind = 0;

	if (!opening)
		return 0;
	if (opening->blind_lost)
		blind |= BLIND_LOST_RECORDS;
	if (opening->blind_hook)
		blind |= BLIND_HOOK_MISSING;
	if (opening->blind_start || opening->blind_wire_late)
		blind |= BLIND_STARTED_LATE;
	if (opening->blind_wire)
		blind |= BLIND_PACKETS_OUT_OF_SIGHT;
	return blind;
}

static __u8 at_most(__u8 confidence, __u8 cap)
{
	return confidence < cap ? confidence : cap;
}

/*
 * What was not seen proves nothing where it could not be seen. Lost records may have refuted
 * anything but an errno with a single cause; and who did not see the packets is not certain.
 */
static void weigh(struct verdict *verdict, const struct guess *guess)
{
	__u32 holes = guess->errno_alone ? 0 : holes_of(verdict->opening);

	verdict->confidence = at_most(guess->confidence, verdict->rule->cap);
	if ((holes | guess->blind) & BLIND_LOST_RECORDS)
		verdict->confidence = CONFIDENCE_POSSIBLE;
	if (holes || guess->blind & (BLIND_HOOK_MISSING | BLIND_PACKETS_OUT_OF_SIGHT))
		verdict->confidence = at_most(verdict->confidence, CONFIDENCE_LIKELY);
	if (guess->absence && (holes | guess->blind))
		verdict->confidence = CONFIDENCE_POSSIBLE;
	verdict->blind = holes | guess->blind;
	verdict->severity = guess->severity;
}

/* A reset that no call of the process was told of hurt nobody: it had what it wanted. */
static void spare_unheard(const struct view *view, const struct rule *rule, struct guess *guess)
{
	if (rule->heard && view->outcome && view->outcome->unheard)
		guess->severity = SEVERITY_INFO;
}

static bool is_asked(const struct rule *rule, __u32 known)
{
	if (known & OUTCOME_SOCKET)
		return rule->match_socket;
	return rule->match && !(rule->needs & ~known);
}

/* Of a connection: it only tells how it ended, and that may have been in order. */
static bool is_faint(const struct view *view, const struct rule *rule, const struct guess *guess)
{
	return view->outcome && !guess->silent && guess->severity == SEVERITY_INFO &&
	       rule->severity != SEVERITY_INFO;
}

/*
 * The first that matches; one that makes an info of itself gives way to one that does not. NULL: none. @asks: the first
 * before it that would match with the right facts; NULL none.
 */
static const struct rule *first_match(const struct view *view, struct guess *guess,
				      const struct rule **asks)
{
	__u32 known = view->outcome ? view->outcome->known : 0;
	__u32 holes = view->outcome ? look_connection_holes(view) : 0;
	const struct rule *faint = NULL;

	if (view->outcome && view->outcome->mirrored)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct rule *rule = table[i];
		struct guess next = { .severity = rule->severity,
				      .confidence = rule->cap,
				      .blind = holes };

		if (!(rule->wakes & view->wake) || !is_asked(rule, known))
			continue;
		if (known & OUTCOME_SOCKET ? !rule->match_socket(view, &next) :
					     !rule->match(view, &next))
			continue;
		if (next.asks) {
			*asks = *asks ? *asks : rule;
			continue;
		}
		spare_unheard(view, rule, &next);
		if (is_faint(view, rule, &next)) {
			if (!faint)
				*guess = next;
			faint = faint ? faint : rule;
			continue;
		}
		*guess = next;
		return rule;
	}
	return faint;
}

/*
 * Of a connection of this host whose every packet came: where its socket tells of no failure its packets may. Returns
 * @rule, the socket's, or the packets'.
 */
static const struct rule *match_packets(const struct view *view, const struct rule *rule,
					struct guess *guess)
{
	struct view by_packets = *view;
	struct guess next = { 0 };
	const struct rule *told, *asks = NULL; /* the socket's is asked */
	struct outcome outcome;

	if (view->wake != WAKE_CONNECTION || !view->outcome || !look_standing(view) ||
	    view->outcome->mirrored ||
	    (rule && (guess->silent || guess->severity != SEVERITY_INFO)) ||
	    !attempt_packets_outcome(view->join, view->attempt, &outcome))
		return rule;
	by_packets.outcome = &outcome;
	told = first_match(&by_packets, &next, &asks);
	if (!told || next.silent || (rule && next.severity == SEVERITY_INFO))
		return rule;
	*guess = next;
	guess->by_packets = true;
	return told;
}

/* What its verdict rests on, where that is not what its socket tells. @room: for it. */
static void take_packets(const struct verdict *verdict, struct outcome *room, struct view *view)
{
	if (verdict->by_packets && attempt_packets_outcome(view->join, view->attempt, room))
		view->outcome = room;
}

void rules_judge(const struct join *join, const struct thresholds *thresholds,
		 const struct attempt *attempt, struct verdict *verdict)
{
	const struct rule *rule = NULL;
	struct guess guess = { 0 };
	struct outcome outcome;
	struct view view;

	*verdict = (struct verdict){ 0 };
	if (!attempt->unknown && !attempt->claimed &&
	    view_of(join, thresholds, attempt, &outcome, &view))
		rule = match_packets(&view, first_match(&view, &guess, &verdict->asks), &guess);
	if (rule && !guess.silent) {
		verdict->rule = rule;
		verdict->state = view.wake == WAKE_PENDING || attempt->state == ATTEMPT_OPEN ?
					 FINDING_PENDING :
					 FINDING_FINAL;
		verdict->by_packets =
			guess.by_packets ||
			(view.outcome && attempt->subject->by_packets && !look_standing(&view));
		verdict->opening = view.opening;
		if (guess.opening)
			verdict->opening = guess.opening;
		weigh(verdict, &guess);
		if (attempt_is_veiled(join, attempt, verdict->opening))
			verdict->blind |= BLIND_LOOKUP_NOT_ON_WIRE; /* of its name alone */
		return;
	}
	if (!attempt->pending_rule || (attempt->state == ATTEMPT_OPEN && !attempt->unknown))
		return;
	/* it worked after all, or its end was not seen: what was said while it waited is over */
	verdict->rule = attempt->pending_rule;
	verdict->state = FINDING_CLEARED;
	verdict->severity = verdict->rule->severity;
	verdict->confidence = CONFIDENCE_POSSIBLE;
	verdict->opening = attempt_decider(attempt);
	verdict->blind = holes_of(verdict->opening);
}

bool rules_facts_decide(const struct verdict *verdict)
{
	if (verdict->asks)
		return true;
	return verdict->rule && verdict->state != FINDING_CLEARED && verdict->rule->decide &&
	       verdict->rule->decide(verdict);
}

bool rules_want(const struct join *join, const struct thresholds *thresholds,
		const struct attempt *attempt, const struct verdict *verdict,
		struct fact_request *wanted)
{
	const struct rule *rule = verdict->asks ? verdict->asks : verdict->rule;
	struct outcome outcome;
	struct view view;

	*wanted = (struct fact_request){ .attempt = attempt->id };
	if (!rule || (!verdict->asks && verdict->state == FINDING_CLEARED) || !rule->facts ||
	    !view_of(join, thresholds, attempt, &outcome, &view))
		return false;
	take_packets(verdict, &outcome, &view);
	if (verdict->opening)
		view.opening = verdict->opening;
	wanted->wanted = rule->facts;
	wanted->netns = attempt->netns;
	wanted->pid = attempt->owner->tgid;
	wanted->uid = attempt->owner->uid;
	wanted->capability = rule->capability;
	memcpy(wanted->sysctls, rule->sysctls, sizeof(rule->sysctls));
	memcpy(wanted->counters, rule->counters, sizeof(rule->counters));
	if (view.opening) {
		wanted->netns = view.opening->netns;
		wanted->tuple = view.opening->tuple;
		wanted->mark = view.opening->mark;
		wanted->bound_ifindex = view.opening->bound_ifindex;
		if (look_translated(view.opening))
			wanted->translated = look_stopped(view.opening);
	}
	if (rule->want)
		rule->want(&view, wanted);
	return wanted->wanted;
}

/* ---- telling ---- */

static void add_to_summary(struct finding *finding, const char *words)
{
	size_t length = strnlen(finding->summary, sizeof(finding->summary));

	if (length + strlen(words) < sizeof(finding->summary))
		memcpy(finding->summary + length, words, strlen(words) + 1);
}

/* The verdict is of the whole wish, and the lookup was a part of it. */
static void add_lookup(const struct view *view, const struct verdict *verdict,
		       struct finding *finding)
{
	char buffer[64];
	struct text text = text_of(buffer);

	if (verdict->state != FINDING_FINAL || !view->attempt->lookup_ns)
		return;
	text_add(&text, "; its lookup had taken ");
	words_duration(&text, view->attempt->lookup_ns);
	add_to_summary(finding, buffer);
}

/* The verdict speaks of one address; that the others failed too belongs to what was observed. */
static void add_others(const struct view *view, const struct verdict *verdict,
		       struct finding *finding)
{
	char buffer[64];
	struct text text = text_of(buffer);

	if (view->wake != WAKE_FAILED || verdict->state != FINDING_FINAL ||
	    view->attempt->openings_count < 2)
		return;
	text_add(&text, "; none of the %u addresses tried worked", view->attempt->openings_count);
	add_to_summary(finding, buffer);
}

/* An address that nobody asked for may be that of a proxy. */
static void add_proxy(const struct view *view, struct finding *finding)
{
	const struct ev_fact *fact = attempt_proxy(view->join, view->attempt);
	char buffer[128];
	struct text text = text_of(buffer);
	size_t length = strnlen(finding->cause, sizeof(finding->cause));

	if (!view->opening || !fact)
		return;
	if (finding->facts_count < ARRAY_SIZE(finding->facts))
		finding->facts[finding->facts_count++] = *fact;
	text_add(&text, "; it is the proxy that ");
	text_add_foreign(&text, fact->name, strcspn(fact->name, " "));
	text_add(&text, " in the environment of ");
	words_who(&text, view->attempt);
	text_add(&text, " names");
	if (length + text.length < sizeof(finding->cause))
		memcpy(finding->cause + length, buffer, text.length + 1);
}

void rules_tell(const struct join *join, const struct thresholds *thresholds,
		const struct attempt *attempt, const struct verdict *verdict,
		struct finding *finding)
{
	struct outcome outcome;
	struct view view;

	memset(finding, 0, offsetof(struct finding, related));
	if (!view_of(join, thresholds, attempt, &outcome, &view) && !verdict->opening)
		view.wake = WAKE_PENDING; /* all that is left to say is that it is over */
	take_packets(verdict, &outcome, &view);
	if (verdict->opening)
		view.opening = verdict->opening;
	tell_frame(&view, verdict, finding);
	if (verdict->state == FINDING_CLEARED) {
		tell_cleared(&view, finding);
		return;
	}
	if (view.outcome && look_standing(&view))
		verdict->rule->tell_socket(&view, finding);
	else
		verdict->rule->tell(&view, finding);
	add_proxy(&view, finding);
	add_others(&view, verdict, finding);
	add_lookup(&view, verdict, finding);
}

__u64 rules_group(const struct join *join, const struct attempt *attempt,
		  const struct verdict *verdict)
{
	return tell_group(join, attempt, verdict);
}

__u64 rules_storm(const struct join *join, const struct attempt *attempt,
		  const struct verdict *verdict)
{
	return tell_storm(join, attempt, verdict);
}
