// SPDX-License-Identifier: GPL-2.0-or-later
/* top_test.c - the screen of top without a terminal: what is counted, kept, sorted, drawn */

#include "top_fixture.h"
#include "util/array.h"

/* ---- the model ---- */

static void looks_give_rates(void **state)
{
	struct shown *shown = *state;
	struct flow flow = flow_of(&curl, 2, 1000, 1);
	const struct top_row *row;

	look(shown, 1, &flow);
	row = row_named(shown, TOP_PROCESSES, "curl[7]");
	assert_non_null(row);
	assert_int_equal(row->open, 1);
	assert_int_equal(row->again, 1);
	assert_int_equal(row->rtt_us, 300);
	assert_false(row->rate_known);
	/* as join_flow_look() leaves it, and 4000 bytes later */
	flow.looked_known = true;
	flow.looked = (struct flow_counted){ .sent_bytes = 1000, .again = 1 };
	flow.counts.bytes_delivered = 5000;
	flow.counts.retransmits = 3;
	look(shown, 3, &flow);
	assert_true(row->rate_known);
	assert_int_equal(row->rate, 2000);
	assert_int_equal(row->again, 3);
	assert_int_equal(row_named(shown, TOP_DESTINATIONS, "10.0.0.2:80")->rate, 2000);
	look(shown, 5, NULL);
	assert_int_equal(row->open, 0);
	assert_int_equal(row->rate, 0);
	assert_int_equal(row->rtt_us, 0);
}

/* What went before anybody looked is nobody's rate, and no loss of this time. */
static void open_before_is_no_growth(void **state)
{
	struct shown *shown = *state;
	struct flow flow = flow_of(&curl, 2, 1000000, 50);

	flow.opened_ns = 0;
	look(shown, 1, &flow);
	look(shown, 3, &flow);
	assert_int_equal(row_named(shown, TOP_PROCESSES, "curl[7]")->again, 0);
	assert_int_equal(row_named(shown, TOP_PROCESSES, "curl[7]")->rate, 0);
}

static void what_ended_between_looks_counts(void **state)
{
	struct shown *shown = *state;
	struct flow flow = flow_of(&curl, 2, 4000, 2), refused = flow_of(&curl, 3, 0, 0);
	const struct top_row *row;

	look(shown, 1, NULL);
	flow.ended_ns = 2 * NS_PER_S;
	flow.reset_received = true;
	top_take_ended(shown->top, shown->join, &flow);
	refused.ended_ns = 2 * NS_PER_S;
	refused.state = TCP_STATE_SYN_SENT;
	refused.reset_received = true;
	top_take_ended(shown->top, shown->join, &refused);
	look(shown, 3, NULL);
	row = row_named(shown, TOP_PROCESSES, "curl[7]");
	assert_int_equal(row->resets, 1);
	assert_int_equal(row->again, 2);
	assert_int_equal(row->rate, 2000);
	assert_int_equal(row->open, 0);
	assert_null(row_named(shown, TOP_DESTINATIONS, "10.0.0.3:80"));
}

static void processes_of_one_name_are_a_row(void **state)
{
	struct shown *shown = *state;
	struct flow one = flow_of(&curl, 2, 0, 0), other = flow_of(&other_curl, 2, 0, 0);
	struct flow served = flow_of(NULL, 2, 0, 0);

	served.client = false;
	top_look_begin(shown->top);
	top_look_take(shown->top, shown->join, &one);
	top_look_take(shown->top, shown->join, &other);
	top_look_take(shown->top, shown->join, &served);
	top_look_end(shown->top, NS_PER_S);
	assert_int_equal(row_named(shown, TOP_PROCESSES, "curl")->open, 2);
	assert_int_equal(row_named(shown, TOP_PROCESSES, "unknown process")->open, 1);
	assert_int_equal(row_named(shown, TOP_DESTINATIONS, "10.0.0.2:80")->open, 2);
	assert_int_equal(row_named(shown, TOP_DESTINATIONS, "at 10.0.0.1:40000")->open, 1);
}

/* A connect that fails and one that works, through the join that tells of them. */
static void attempts_are_counted(void **state)
{
	struct shown *shown = *state;
	const struct top_row *row;
	struct attempt *attempt;
	struct event e;

	for (__u64 cookie = 1; cookie <= 2; cookie++) {
		e = opens(10 * cookie, cookie, 100, (__u32)cookie, 80);
		strcpy(e.open.owner.leader, "app");
		e.open.owner.tgid = (__u32)(100 + cookie);
		join_event(shown->join, &e);
		e = event(EVENT_STATE, 10 * cookie + 1, cookie);
		set_tuple(&e.socket.tuple, (__u16)(40000 + cookie), (__u32)cookie, 80);
		e.head.known = EVENT_K_TUPLE | EVENT_K_STATE;
		e.socket.old_state = TCP_STATE_SYN_SENT;
		e.socket.new_state = cookie == 1 ? TCP_STATE_CLOSE : TCP_STATE_ESTABLISHED;
		e.socket.error = cookie == 1 ? ECONNREFUSED : 0;
		join_event(shown->join, &e);
	}
	e = event(EVENT_TICK, 5000, 0);
	join_event(shown->join, &e);
	join_finish(shown->join);
	while ((attempt = join_due(shown->join))) {
		struct verdict verdict;

		rules_judge(shown->join, &thresholds_default, attempt, &verdict);
		sink_attempt(shown->sink, shown->join, attempt);
		if (verdict.rule)
			sink_verdict(shown->sink, shown->join, attempt, &verdict, NULL);
		join_told(shown->join, attempt, verdict.rule);
	}
	row = row_named(shown, TOP_PROCESSES, "app");
	assert_non_null(row);
	assert_int_equal(row->tries, 2);
	assert_int_equal(row->failed, 1);
	assert_non_null(row->rule);
	assert_int_equal(row_named(shown, TOP_DESTINATIONS, "10.0.0.1:80")->failed, 1);
	assert_int_equal(row_named(shown, TOP_DESTINATIONS, "10.0.0.2:80")->failed, 0);
	assert_false(row_named(shown, TOP_DESTINATIONS, "10.0.0.2:80")->counted);
}

static void findings_of_a_group_are_one(void **state)
{
	struct shown *shown = *state;
	const struct top_finding *finding;

	finding_of(shown, 1, 5, FINDING_FINAL, "nothing listens");
	finding_of(shown, 2, 6, FINDING_FINAL, "another");
	finding_of(shown, 3, 5, FINDING_FINAL, "nothing listens now");
	assert_int_equal(findings_kept(shown), 2);
	finding = finding_of_group(shown, 5);
	assert_int_equal(finding->attempt, 3);
	assert_true(finding->number > finding_of_group(shown, 6)->number);
	assert_non_null(strstr(finding->text, "nothing listens now"));
	assert_non_null(strstr(finding->text, "SYN_SENT"));
	assert_non_null(strstr(finding->headline, "curl[7] → 10.0.0.5:80"));
	assert_ptr_equal(top_finding_by_id(shown->top, finding->id), finding);
}

static void what_waited_becomes_its_verdict(void **state)
{
	struct shown *shown = *state;

	finding_of(shown, 1, 5, FINDING_PENDING, "no answer yet");
	assert_int_equal(finding_of_group(shown, 5)->state, FINDING_PENDING);
	finding_of(shown, 1, 9, FINDING_FINAL, "a firewall dropped it");
	assert_int_equal(findings_kept(shown), 1);
	assert_int_equal(finding_of_group(shown, 9)->state, FINDING_FINAL);
}

static void the_newest_findings_are_kept(void **state)
{
	struct shown *shown = *state;

	for (__u64 i = 1; i <= TOP_FINDINGS_MOST + 20; i++)
		finding_of(shown, i, i, FINDING_FINAL, "cause");
	assert_int_equal(findings_kept(shown), TOP_FINDINGS_MOST);
	assert_null(finding_of_group(shown, 20));
	assert_non_null(finding_of_group(shown, 21));
	assert_null(top_finding_by_id(shown->top, 20));
}

/* Twice as many destinations as there is room for. */
static void rows_are_bounded(void **state)
{
	struct shown *shown = *state;
	const struct top_row *row;
	size_t at = 0, count = 0;

	top_look_begin(shown->top);
	for (__u32 i = 1; i <= 2 * TOP_ROWS_MOST; i++) {
		struct flow flow = flow_of(&curl, 2, 0, 0);

		memcpy(flow.tuple.remote + 12, &i, 4);
		top_look_take(shown->top, shown->join, &flow);
	}
	top_look_end(shown->top, NS_PER_S);
	while ((row = top_row_next(shown->top, TOP_DESTINATIONS, &at)))
		count++;
	assert_true(count <= TOP_ROWS_MOST && count > TOP_ROWS_MOST * 9 / 10);
	assert_int_equal(top_gone(shown->top) + count, 2 * TOP_ROWS_MOST);
}

/* ---- the view ---- */

static const struct top_told told = { .time = "10:31:07+00:00", .attempts = 12, .failed = 3 };

static const char *line(struct shown *shown, size_t row)
{
	static _Thread_local char buffer[2000];

	return top_grid_text(&shown->grid, row, buffer, sizeof(buffer));
}

static void draw(struct shown *shown, size_t width, size_t height)
{
	assert_int_equal(top_grid_resize(&shown->grid, width, height), 0);
	top_view_refresh(shown->view, shown->top, &told);
	top_view_draw(shown->view, &shown->grid);
}

static enum top_act press(struct shown *shown, unsigned int key)
{
	return top_view_key(shown->view, shown->top, key);
}

static void press_word(struct shown *shown, const char *word)
{
	for (; *word; word++)
		press(shown, (unsigned int)*word);
}

static size_t line_with(struct shown *shown, const char *words)
{
	for (size_t row = 0; row < shown->grid.height; row++)
		if (strstr(line(shown, row), words))
			return row;
	return SIZE_MAX;
}

/* Rows aa, bb, cc, with one, two, three segments that were sent again. */
static void three_rows(struct shown *shown)
{
	struct event_owner owners[3] = { { .tgid = 1 }, { .tgid = 2 }, { .tgid = 3 } };

	top_look_begin(shown->top);
	for (int i = 0; i < 3; i++) {
		struct flow flow = flow_of(&owners[i], (__u32)(2 + i), 0, (__u32)(1 + i));

		memset(owners[i].leader, 'a' + i, 2);
		top_look_take(shown->top, shown->join, &flow);
	}
	top_look_end(shown->top, NS_PER_S);
}

static void the_first_page(void **state)
{
	struct shown *shown = *state;

	three_rows(shown);
	finding_of(shown, 1, 5, FINDING_FINAL, "nothing listens on 80");
	draw(shown, 80, 24);
	assert_string_equal(line(shown, 0), "sockwhy top  10:31:07+00:00  12 attempts, 3 failed, "
					    "0 records lost");
	assert_int_equal(line_with(shown, "PROCESSES 3"), 1);
	assert_int_not_equal(line_with(shown, "FINDINGS, the newest first: 1"), SIZE_MAX);
	assert_int_not_equal(line_with(shown, "error   curl[7] → 10.0.0.5:80"), SIZE_MAX);
	assert_int_equal(line_with(shown, "? help  q quit"), 23);
	for (size_t row = 0; row < 24; row++)
		assert_true(top_grid_columns(line(shown, row)) <= 80);
}

static void rows_are_sorted(void **state)
{
	struct shown *shown = *state;

	three_rows(shown);
	draw(shown, 80, 24);
	assert_int_equal(line_with(shown, "aa[1]"), 2); /* of equal ones by name */
	press(shown, 's');
	press(shown, 's');
	draw(shown, 80, 24);
	assert_int_not_equal(line_with(shown, "▼AGAIN"), SIZE_MAX);
	assert_int_equal(line_with(shown, "cc[3]"), 2);
	assert_int_equal(line_with(shown, "aa[1]"), 4);
	press(shown, 'r');
	draw(shown, 80, 24);
	assert_int_equal(line_with(shown, "aa[1]"), 2);
	press(shown, 'S');
	press(shown, 'S');
	draw(shown, 80, 24);
	assert_int_not_equal(line_with(shown, "▼FAILED"), 1);
}

static bool is_chosen(struct shown *shown, size_t row)
{
	return top_grid_at(&shown->grid, row, 0)->style == TOP_CHOSEN;
}

/* The cursor stays on its row when others pass it, and in the first line when it was never moved. */
static void the_cursor_stays_with_its_row(void **state)
{
	struct shown *shown = *state;

	three_rows(shown);
	draw(shown, 80, 24);
	assert_true(is_chosen(shown, 2));
	press(shown, TOP_KEY_DOWN);
	draw(shown, 80, 24);
	assert_true(is_chosen(shown, line_with(shown, "bb[2]")));
	press(shown, 'S'); /* by name, the other way round */
	press(shown, 'r');
	press(shown, TOP_KEY_DOWN);
	press(shown, 'r');
	draw(shown, 80, 24);
	assert_int_equal(line_with(shown, "aa[1]"), 2);
	assert_true(is_chosen(shown, 2));
	press(shown, TOP_KEY_END);
	draw(shown, 80, 24);
	assert_true(is_chosen(shown, 4));
	press(shown, TOP_KEY_HOME);
	press(shown, 'r');
	draw(shown, 80, 24);
	assert_int_equal(line_with(shown, "cc[3]"), 2);
	assert_true(is_chosen(shown, 2));
}

static void words_choose_and_find(void **state)
{
	struct shown *shown = *state;

	three_rows(shown);
	finding_of(shown, 1, 5, FINDING_FINAL, "cause");
	draw(shown, 80, 24);
	press_word(shown, "/CC");
	draw(shown, 80, 24);
	assert_string_equal(line(shown, 23), "search: CC_");
	assert_true(is_chosen(shown, line_with(shown, "cc[3]")));
	press(shown, TOP_KEY_ENTER);
	press_word(shown, "fbx");
	press(shown, TOP_KEY_BACKSPACE);
	press_word(shown, "b");
	press(shown, TOP_KEY_ENTER);
	draw(shown, 80, 24);
	assert_int_not_equal(line_with(shown, "PROCESSES 1 of 3"), SIZE_MAX);
	assert_int_equal(line_with(shown, "only what has bb"), 23);
	assert_int_equal(line_with(shown, "cc[3]"), SIZE_MAX);
	assert_int_equal(line_with(shown, "curl[7]"), SIZE_MAX);
	press(shown, TOP_KEY_ESCAPE);
	draw(shown, 80, 24);
	assert_int_not_equal(line_with(shown, "cc[3]"), SIZE_MAX);
	press_word(shown, "/nowhere");
	press(shown, TOP_KEY_ENTER);
	press(shown, 'n');
	draw(shown, 80, 24);
	assert_int_not_equal(line_with(shown, "nothing here has that"), SIZE_MAX);
}

static void a_pause_keeps_the_screen(void **state)
{
	struct shown *shown = *state;
	struct flow flow = flow_of(&curl, 9, 0, 0);

	three_rows(shown);
	draw(shown, 80, 24);
	assert_int_equal(press(shown, ' '), TOP_ACT_PAUSE);
	look(shown, 3, &flow);
	draw(shown, 80, 24);
	assert_int_equal(line_with(shown, "curl[7]"), SIZE_MAX);
	assert_int_equal(line_with(shown, "PAUSED"), 0);
	press(shown, ' ');
	draw(shown, 80, 24);
	assert_int_not_equal(line_with(shown, "curl[7]"), SIZE_MAX);
}

/* Into a process, its connection, its finding and the text of that, and back. */
static void pages_lead_down_and_back(void **state)
{
	struct shown *shown = *state;
	struct flow flow = flow_of(&curl, 9, 1234, 2);

	finding_of(shown, 1, 5, FINDING_FINAL, "nothing listens on 80");
	look(shown, 1, &flow);
	draw(shown, 80, 24);
	assert_int_equal(press(shown, TOP_KEY_ENTER), TOP_ACT_LOOK);
	look(shown, 3, &flow);
	draw(shown, 80, 24);
	assert_string_equal(line(shown, 1), "curl[7]");
	assert_int_equal(line_with(shown, "FINDINGS: 1, OPEN CONNECTIONS: 1"), 3);
	assert_int_equal(line_with(shown, "10.0.0.5:80"), 4);
	assert_int_equal(line_with(shown, "10.0.0.1:40000 → 10.0.0.9:80"), 5);
	press(shown, TOP_KEY_ENTER);
	draw(shown, 80, 24);
	assert_int_not_equal(line_with(shown, "possible nothing listens on 80"), SIZE_MAX);
	assert_int_not_equal(line_with(shown, "socket SYN_SENT"), SIZE_MAX);
	press(shown, TOP_KEY_ESCAPE);
	press(shown, TOP_KEY_DOWN);
	press(shown, TOP_KEY_ENTER);
	draw(shown, 80, 24);
	assert_int_not_equal(line_with(shown, "1234 bytes (1.2 kB) that the peer"), SIZE_MAX);
	press(shown, '?');
	draw(shown, 80, 24);
	assert_int_not_equal(line_with(shown, "Tab, p, d"), SIZE_MAX);
	press(shown, 'q');
	press(shown, 'q');
	press(shown, 'q');
	draw(shown, 80, 24);
	assert_int_not_equal(line_with(shown, "PROCESSES 1"), SIZE_MAX);
	assert_int_equal(press(shown, 'q'), TOP_ACT_QUIT);
}

static void lists_take_turns(void **state)
{
	struct shown *shown = *state;

	three_rows(shown);
	finding_of(shown, 1, 5, FINDING_FINAL, "cause");
	draw(shown, 80, 24);
	press(shown, TOP_KEY_TAB);
	draw(shown, 80, 24);
	assert_int_equal(line_with(shown, "DESTINATIONS 3"), 1);
	press(shown, TOP_KEY_TAB);
	draw(shown, 80, 24);
	assert_true(is_chosen(shown, line_with(shown, "error   curl[7]")));
	press(shown, TOP_KEY_ENTER);
	draw(shown, 80, 24);
	assert_int_not_equal(line_with(shown, "cause"), SIZE_MAX);
	press(shown, TOP_KEY_ESCAPE);
	press(shown, TOP_KEY_TAB);
	draw(shown, 80, 24);
	assert_int_equal(line_with(shown, "PROCESSES 3"), 1);
}

static void time_keys_are_of_recordings(void **state)
{
	static const struct {
		unsigned int key;
		enum top_act act;
	} keys[] = {
		{ TOP_KEY_LEFT, TOP_ACT_BACK },	 { TOP_KEY_RIGHT, TOP_ACT_ON },
		{ TOP_KEY_HOME, TOP_ACT_BEGIN }, { TOP_KEY_END, TOP_ACT_END },
		{ '+', TOP_ACT_FASTER },	 { '-', TOP_ACT_SLOWER },
	};
	const struct top_options options = { .utc = true };
	struct shown *shown = *state;
	struct top_view *replay;

	assert_int_equal(top_view_new(&replay, &options, true), 0);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		assert_int_equal(top_view_key(replay, shown->top, keys[i].key), keys[i].act);
		assert_int_equal(press(shown, keys[i].key), TOP_ACT_NONE);
	}
	top_view_free(replay);
}

/* ---- the grid ---- */

static void letters_keep_their_width(void **state)
{
	struct shown *shown = *state;
	struct top_grid *grid = &shown->grid;

	assert_int_equal(top_grid_resize(grid, 6, 2), 0);
	assert_int_equal(top_grid_put(grid, 0, 0, 6, TOP_PLAIN, "漢字漢字"), 6);
	assert_string_equal(line(shown, 0), "漢字漢");
	assert_int_equal(top_grid_put(grid, 0, 0, 5, TOP_PLAIN, "漢字漢"), 4);
	/* half a letter is none */
	top_grid_put(grid, 0, 1, 1, TOP_PLAIN, "x");
	assert_string_equal(line(shown, 0), " x字漢");
	top_grid_put(grid, 0, 4, 1, TOP_PLAIN, "y");
	assert_string_equal(line(shown, 0), " x字y");
	assert_int_equal(top_grid_put(grid, 1, 0, 6, TOP_PLAIN, "e\xcc\x81z"), 2);
	assert_string_equal(line(shown, 1), "e\xcc\x81z");
	/* what drives a terminal, and what is no letter */
	assert_int_equal(top_grid_put(grid, 1, 0, 6, TOP_PLAIN, "\x1b[\xff\xe2\x80\xae"), 6);
	assert_string_equal(line(shown, 1), "?[????");
	grid->ascii = true;
	assert_int_equal(top_grid_put(grid, 0, 0, 6, TOP_PLAIN, "a→漢"), 3);
	assert_string_equal(line(shown, 0), "a?? y");
	assert_int_equal(top_grid_put(grid, 9, 0, 6, TOP_PLAIN, "a"), 0);
	assert_int_equal(top_grid_put(grid, 0, 6, 6, TOP_PLAIN, "a"), 0);
}

/* Any size, any page: the sanitizers look on. */
static void every_size_is_drawn(void **state)
{
	struct shown *shown = *state;
	struct event_owner hostile = { .tgid = 1, .leader = "\x1b[2J\xe6\xbc\xa2\xe5\xad\x97\n" };
	struct flow flow = flow_of(&hostile, 9, 1ull << 62, 1u << 31);

	three_rows(shown);
	finding_of(shown, 1, 5, FINDING_FINAL, "漢字 cause \x1b[31m");
	look(shown, 3, &flow);
	for (int page = 0; page < 4; page++) {
		size_t step = page ? 7 : 1;

		for (size_t width = 1; width <= 300; width += step)
			for (size_t height = 1; height <= 100;
			     height += step * (width > 90 ? 9 : 1))
				draw(shown, width, height);
		press(shown, page == 2 ? '?' : TOP_KEY_ENTER);
		look(shown, 5, &flow);
	}
	draw(shown, 40, 10);
	for (size_t row = 0; row < 10; row++)
		assert_null(strchr(line(shown, row), '\x1b'));
}

int main(void)
{
#define SHOWN(name) cmocka_unit_test_setup_teardown(name, set_up_shown, tear_down_shown)
	const struct CMUnitTest tests[] = {
		SHOWN(looks_give_rates),
		SHOWN(open_before_is_no_growth),
		SHOWN(what_ended_between_looks_counts),
		SHOWN(processes_of_one_name_are_a_row),
		SHOWN(attempts_are_counted),
		SHOWN(findings_of_a_group_are_one),
		SHOWN(what_waited_becomes_its_verdict),
		SHOWN(the_newest_findings_are_kept),
		SHOWN(rows_are_bounded),
		SHOWN(the_first_page),
		SHOWN(rows_are_sorted),
		SHOWN(the_cursor_stays_with_its_row),
		SHOWN(words_choose_and_find),
		SHOWN(a_pause_keeps_the_screen),
		SHOWN(pages_lead_down_and_back),
		SHOWN(lists_take_turns),
		SHOWN(time_keys_are_of_recordings),
		SHOWN(letters_keep_their_width),
		SHOWN(every_size_is_drawn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
