// SPDX-License-Identifier: GPL-2.0-or-later
/* report_ladder.c - an entry's steps as arrows between two ends, time running down (inline SVG) */

#include <string.h>

#include "sinks/report/report.h"
#include "util/array.h"
#include "util/time.h"

/* In the picture's own units; a letter of its text is 6.3 wide. */
enum {
	WIDTH = 900,
	LEFT = 118, /* the two life lines */
	RIGHT = 668,
	TOP = 44,
	ROW = 27,
	SLOPE = 5, /* an arrow takes time */
	PAUSE = 22, /* a wait that stands out */
	LABEL_MOST = 84, /* letters between the lines */
	NOTE_MOST = 33, /* letters behind the right one */
};

/* A wait of at least this is drawn as one: a person sees it, and so does every timer of TCP. */
#define PAUSE_NS (100 * NS_PER_MS)

static const char *const mark_classes[] = {
	[MARK_PLAIN] = "p",	 [MARK_AGAIN] = "again", [MARK_RESET] = "reset",
	[MARK_STOPPED] = "stop", [MARK_FAILED] = "stop", [MARK_WINDOW] = "win",
	[MARK_ODD] = "odd",
};
_Static_assert(ARRAY_SIZE(mark_classes) == MARK_COUNT, "a class for every mark");

/* At most @most letters; what was cut stands whole in the table. */
static void put_label(FILE *file, const char *label, size_t most)
{
	char cut[4 * LABEL_MOST + 8];
	size_t letters = 0, bytes = 0;

	for (; label[bytes] && bytes + 5 < sizeof(cut); bytes++) {
		bool begins = (label[bytes] & 0xc0) != 0x80;

		if (begins && letters++ == most - 1 && strlen(label + bytes) > 1)
			break;
	}
	memcpy(cut, label, bytes);
	strcpy(cut + bytes, label[bytes] ? "…" : "");
	report_put_html(file, cut);
}

static void put_text(FILE *file, int x, int y, const char *css_class, const char *label,
		     size_t most)
{
	fprintf(file, "<text x=\"%d\" y=\"%d\" class=\"%s\">", x, y, css_class);
	put_label(file, label, most);
	fputs("</text>\n", file);
}

static void put_cross(FILE *file, int x, int y)
{
	fprintf(file, "<path class=\"x\" d=\"M%d %dl10 10m0 -10l-10 10\"/>", x - 5, y - 5);
}

/* One that was stopped on its way ends in the middle. */
static void put_arrow(FILE *file, const struct report_step *step, int y)
{
	bool out = step->direction == DIRECTION_OUT;
	bool whole = step->mark != MARK_STOPPED || !strcmp(step->layer, "packet");
	int from = out ? LEFT : RIGHT, to = out ? RIGHT : LEFT;
	int end = whole ? to : (from + to) / 2, head = out ? -9 : 9;
	int end_y = whole ? y + SLOPE : y + SLOPE / 2;

	fprintf(file, "<path class=\"a\" d=\"M%d %dL%d %d\"/>", from, y, end, end_y);
	if (whole)
		fprintf(file, "<path class=\"h\" d=\"M%d %dl%d -4v8z\"/>", to, end_y, head);
	if (!whole || step->mark == MARK_RESET)
		put_cross(file, whole ? to + 2 * head : end, end_y);
	if (step->mark == MARK_WINDOW)
		fprintf(file, "<rect class=\"h\" x=\"%d\" y=\"%d\" width=\"8\" height=\"8\"/>",
			from - 4, y - 4);
	fputc('\n', file);
}

static void put_step(FILE *file, const struct report_step *step, int y)
{
	bool arrow = step->packet && step->direction != DIRECTION_NONE;
	const char *note = step->note[0] ? step->note : step->packet ? "" : step->layer;

	if (arrow && !note[0])
		note = report_mark_name(step->mark);
	fprintf(file, "<g class=\"%s\">", mark_classes[step->mark]);
	put_text(file, LEFT - 10, y + 4, "t e", step->offset, 16);
	if (arrow)
		put_arrow(file, step, y);
	else
		fprintf(file, "<circle class=\"h\" cx=\"%d\" cy=\"%d\" r=\"4\"/>\n", LEFT, y);
	if (arrow)
		put_text(file, (LEFT + RIGHT) / 2, y - 5, "l m", step->text, LABEL_MOST);
	else
		put_text(file, LEFT + 12, y + 4, "l", step->text, LABEL_MOST);
	if (note[0])
		put_text(file, RIGHT + 12, y + 4, "n", note, NOTE_MOST);
	fputs("</g>\n", file);
}

static __u64 pause_before(const struct report_entry *entry, size_t i)
{
	const struct report_step *step = &entry->steps[i];

	if (!i || step->ts_ns < entry->steps[i - 1].ts_ns + PAUSE_NS)
		return 0;
	return step->ts_ns - entry->steps[i - 1].ts_ns;
}

static int step_height(const struct report_entry *entry, size_t i)
{
	bool skipped = entry->steps[i].skipped || pause_before(entry, i);

	return ROW + (skipped ? PAUSE : 0);
}

static void put_between(FILE *file, const struct report_entry *entry, size_t i, int y)
{
	__u64 pause_ns = pause_before(entry, i);
	char words[80];
	struct text text = text_of(words);

	if (entry->steps[i].skipped)
		text_add(&text, "%u packet%s not shown%s", entry->steps[i].skipped,
			 entry->steps[i].skipped == 1 ? "" : "s", pause_ns ? ", " : "");
	if (pause_ns) {
		say_duration(&text, pause_ns / NS_PER_US);
		text_add(&text, entry->steps[i].skipped ? "" : " later");
	}
	if (words[0])
		put_text(file, (LEFT + RIGHT) / 2, y, "w m", words, LABEL_MOST);
}

static void put_head(FILE *file, const struct report_entry *entry, size_t number, int height)
{
	fprintf(file,
		"<svg class=\"ladder\" viewBox=\"0 0 %d %d\" role=\"img\" "
		"aria-labelledby=\"lt%zu ld%zu\">\n<title id=\"lt%zu\">Finding %zu: what passed "
		"between ",
		WIDTH, height, number, number, number, number);
	report_put_html(file, entry->left);
	fputs(" and ", file);
	report_put_html(file, entry->right[0] ? entry->right : "its peer");
	fprintf(file, "</title>\n<desc id=\"ld%zu\">%zu steps, time running down; ", number,
		entry->steps_count);
	for (int mark = MARK_PLAIN + 1; mark < MARK_COUNT; mark++) {
		size_t count = 0;

		for (size_t i = 0; i < entry->steps_count; i++)
			count += entry->steps[i].mark == mark;
		if (count)
			fprintf(file, "%s: %zu; ", report_mark_name(mark), count);
	}
	fputs("the table below has the same rows.</desc>\n", file);
}

void report_draw_ladder(FILE *file, const struct report_entry *entry, size_t number)
{
	int y = TOP, height = TOP + 12;

	for (size_t i = 0; i < entry->steps_count; i++)
		height += step_height(entry, i);
	put_head(file, entry, number, height);
	put_text(file, LEFT - 10, 16, "b", entry->left, 60);
	if (entry->right[0])
		put_text(file, RIGHT + 10, 16, "b e", entry->right, 50);
	fprintf(file, "<path class=\"life\" d=\"M%d 24V%d\"/>\n", LEFT, height - 4);
	if (entry->right[0])
		fprintf(file, "<path class=\"life\" d=\"M%d 24V%d\"/>\n", RIGHT, height - 4);
	for (size_t i = 0; i < entry->steps_count; i++) {
		put_between(file, entry, i, y + 6);
		y += step_height(entry, i);
		put_step(file, &entry->steps[i], y - ROW / 2);
	}
	fputs("</svg>\n", file);
}
