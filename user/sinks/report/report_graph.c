// SPDX-License-Identifier: GPL-2.0-or-later
/* report_graph.c - bytes over time, as tcptrace draws them: data, acknowledgments, window (SVG) */

#include <stdlib.h>
#include <string.h>

#include "sinks/report/report.h"
#include "util/array.h"
#include "util/seq.h"
#include "util/time.h"

enum {
	WIDTH = 900,
	HEIGHT = 330,
	LEFT = 76, /* the frame of the plot */
	RIGHT = 884,
	TOP = 26,
	BOTTOM = 286,
	TICKS_MOST = 7,
	TICK_WIDTH = 62, /* of a label */
	PAUSE_WIDTH = 40, /* however long it was */
	PAUSES_MOST = 6,
	SEGMENTS_LEAST = 3, /* a line of two points says nothing that the ladder does not */
};

#define FLAGS_AGAIN                                                     \
	(BIT(STREAM_RETRANSMISSION) | BIT(STREAM_FAST_RETRANSMISSION) | \
	 BIT(STREAM_SPURIOUS_RETRANSMISSION))

struct pause {
	__u64 from_ns, to_ns;
};

/* One direction. */
struct panel {
	const struct report_entry *entry;
	bool from_left; /* whose bytes */
	__s64 *at; /* of every point: where it lies in this direction's bytes */
	__u64 from_ns, to_ns;
	struct pause pauses[PAUSES_MOST]; /* in the order of time, drawn short */
	size_t pauses_count;
	__u64 active_ns; /* the rest of the time, to scale */
	__s64 low, high;
	size_t segments, again, odd, resets, closed;
};

/* Which data: sent once, again, or out of order. */
enum shape { SHAPE_DATA, SHAPE_AGAIN, SHAPE_ODD };

static enum shape shape_of(const struct report_point *point)
{
	if (point->flags & FLAGS_AGAIN)
		return SHAPE_AGAIN;
	return point->flags & (BIT(STREAM_OUT_OF_ORDER) | BIT(STREAM_LOST_SEGMENT)) ? SHAPE_ODD :
										      SHAPE_DATA;
}

/*
 * Sequence numbers wrap: each lies where it is nearest to the highest one before it (RFC 9293 3.4).
 * Acknowledgments of the other direction are places in the same bytes.
 */
static void panel_place(struct panel *panel)
{
	const struct report_entry *entry = panel->entry;
	__s64 highest = 0;
	bool begun = false;

	for (size_t i = 0; i < entry->points_count; i++) {
		const struct report_point *point = &entry->points[i];
		bool own = point->lower == panel->from_left;
		__u32 number = own ? point->seq : point->ack;
		__s64 at = begun ? highest + seq_distance((__u32)highest, number) : number;

		panel->at[i] = highest;
		if ((!own && !point->ack_known) || (point->tcp_flags & TCP_F_RST))
			continue;
		panel->at[i] = at;
		at += own ? point->length : 0;
		highest = at > highest || !begun ? at : highest;
		begun = true;
	}
}

static void panel_measure(struct panel *panel)
{
	const struct report_entry *entry = panel->entry;
	bool begun = false;
	__s64 window = 0;

	panel->from_ns = panel->to_ns = entry->points[0].ts_ns;
	for (size_t i = 0; i < entry->points_count; i++) {
		const struct report_point *point = &entry->points[i];
		bool own = point->lower == panel->from_left;
		__s64 low = panel->at[i], high = low + (own ? point->length : 0);

		panel->from_ns = point->ts_ns < panel->from_ns ? point->ts_ns : panel->from_ns;
		panel->to_ns = point->ts_ns > panel->to_ns ? point->ts_ns : panel->to_ns;
		panel->low = !begun || low < panel->low ? low : panel->low;
		panel->high = !begun || high > panel->high ? high : panel->high;
		begun = true;
		panel->segments += own && point->length;
		panel->again += own && point->length && shape_of(point) == SHAPE_AGAIN;
		panel->odd += own && point->length && shape_of(point) == SHAPE_ODD;
		panel->resets += !!(point->tcp_flags & TCP_F_RST);
		panel->closed += !own && (point->flags & BIT(STREAM_ZERO_WINDOW));
		if (!own && point->ack_known && point->window != STREAM_WINDOW_UNKNOWN &&
		    low + point->window > window)
			window = low + point->window;
	}
	/* the window is often far above what was sent: it may take the upper third */
	if (window > panel->high)
		panel->high += (panel->high - panel->low) / 2 < window - panel->high ?
				       (panel->high - panel->low) / 2 :
				       window - panel->high;
	panel->high += panel->high == panel->low;
	panel->to_ns += panel->to_ns == panel->from_ns;
}

/* ---- time: a wait that would squeeze all the rest is drawn short, and marked ---- */

static bool is_pause(const struct panel *panel, __u64 from_ns)
{
	for (size_t i = 0; i < panel->pauses_count; i++)
		if (panel->pauses[i].from_ns == from_ns)
			return true;
	return false;
}

/* The longest time without a packet that is not a pause yet. */
static struct pause find_pause(const struct panel *panel)
{
	const struct report_entry *entry = panel->entry;
	struct pause longest = { 0 };
	__u64 before_ns = panel->from_ns;

	for (size_t i = 0; i < entry->points_count; i++) {
		__u64 ts_ns = entry->points[i].ts_ns;

		if (ts_ns <= before_ns) /* times may go back */
			continue;
		if (ts_ns - before_ns > longest.to_ns - longest.from_ns &&
		    !is_pause(panel, before_ns))
			longest = (struct pause){ before_ns, ts_ns };
		before_ns = ts_ns;
	}
	return longest;
}

static void panel_pause(struct panel *panel)
{
	panel->active_ns = panel->to_ns - panel->from_ns;
	while (panel->pauses_count < PAUSES_MOST) {
		struct pause pause = find_pause(panel);
		__u64 length_ns = pause.to_ns - pause.from_ns;
		size_t at = panel->pauses_count;

		if (length_ns <= panel->active_ns / 4 || length_ns == panel->active_ns)
			return;
		for (; at && panel->pauses[at - 1].from_ns > pause.from_ns; at--)
			panel->pauses[at] = panel->pauses[at - 1];
		panel->pauses[at] = pause;
		panel->pauses_count++;
		panel->active_ns -= length_ns;
	}
}

static double x_of(const struct panel *panel, __u64 ts_ns)
{
	double width = RIGHT - LEFT - (double)panel->pauses_count * PAUSE_WIDTH;
	double x = LEFT;
	__u64 active_ns = ts_ns - panel->from_ns;

	for (size_t i = 0; i < panel->pauses_count; i++) {
		const struct pause *pause = &panel->pauses[i];
		__u64 length_ns = pause->to_ns - pause->from_ns;
		__u64 gone_ns = ns_between(pause->from_ns, ts_ns);

		gone_ns = gone_ns > length_ns ? length_ns : gone_ns;
		active_ns -= gone_ns;
		x += (double)gone_ns * PAUSE_WIDTH / (double)length_ns;
	}
	return x + (double)active_ns * width / (double)panel->active_ns;
}

static double y_of(const struct panel *panel, __s64 at)
{
	double y = BOTTOM -
		   (double)(at - panel->low) * (BOTTOM - TOP) / (double)(panel->high - panel->low);

	return y < TOP ? TOP : y;
}

/* ---- axes ---- */

/* 1, 2 or 5 times a power of ten, so that there are at most TICKS_MOST of them. */
static __u64 tick_step(__u64 span)
{
	static const __u8 factors[] = { 1, 2, 5 };

	for (__u64 power = 1;; power *= 10)
		for (size_t i = 0; i < ARRAY_SIZE(factors); i++)
			if (span / (power * factors[i]) < TICKS_MOST || power > span)
				return power * factors[i];
}

static void put_time(FILE *file, double x, __u64 us, __u64 step)
{
	fprintf(file,
		"<path class=\"grid\" d=\"M%.1f %dV%d\"/><text x=\"%.1f\" y=\"%d\" class=\"t m\">",
		x, TOP, BOTTOM, x, BOTTOM + 16);
	if (step >= US_PER_S)
		fprintf(file, "%llu s", us / US_PER_S);
	else if (step >= US_PER_S / 10)
		fprintf(file, "%llu.%llu s", us / US_PER_S, us / (US_PER_S / 10) % 10);
	else if (step >= US_PER_MS)
		fprintf(file, "%llu ms", us / US_PER_MS);
	else
		fprintf(file, "%llu.%03llu ms", us / US_PER_MS, us % US_PER_MS);
	fputs("</text>\n", file);
}

/* Between two pauses, or an end and a pause; @last_x: of the label before. */
static void put_times(FILE *file, const struct panel *panel, __u64 from_ns, __u64 to_ns,
		      double *last_x)
{
	__u64 step = tick_step(panel->active_ns / NS_PER_US ?: 1);
	__u64 us = (from_ns - panel->from_ns + 999) / NS_PER_US;

	for (us = (us + step - 1) / step * step; us <= (to_ns - panel->from_ns) / NS_PER_US;
	     us += step) {
		double x = x_of(panel, panel->from_ns + us * NS_PER_US);

		if (x < *last_x + TICK_WIDTH)
			continue;
		put_time(file, x, us, step);
		*last_x = x;
	}
}

static void put_pause(FILE *file, const struct panel *panel, const struct pause *pause)
{
	double x = x_of(panel, pause->from_ns);
	char words[32];
	struct text text = text_of(words);

	say_duration(&text, (pause->to_ns - pause->from_ns) / NS_PER_US);
	fprintf(file,
		"<rect class=\"pause\" x=\"%.1f\" y=\"%d\" width=\"%d\" height=\"%d\"/>"
		"<text x=\"%.1f\" y=\"%d\" class=\"w m\">%s</text>\n",
		x, TOP, PAUSE_WIDTH, BOTTOM - TOP, x + PAUSE_WIDTH / 2.0, TOP - 7, words);
}

static void put_time_axis(FILE *file, const struct panel *panel)
{
	__u64 from_ns = panel->from_ns;
	double last_x = 0;

	for (size_t i = 0; i < panel->pauses_count; i++) {
		put_pause(file, panel, &panel->pauses[i]);
		put_times(file, panel, from_ns, panel->pauses[i].from_ns, &last_x);
		from_ns = panel->pauses[i].to_ns;
	}
	put_times(file, panel, from_ns, panel->to_ns, &last_x);
}

static void put_byte_axis(FILE *file, const struct panel *panel)
{
	__s64 step = (__s64)tick_step((__u64)(panel->high - panel->low));
	__s64 at = panel->low / step * step;

	for (; at <= panel->high; at += step) {
		double y = y_of(panel, at);

		if (at < panel->low)
			continue;
		fprintf(file,
			"<path class=\"grid\" d=\"M%d %.1fH%d\"/><text x=\"%d\" y=\"%.1f\" "
			"class=\"t e\">",
			LEFT, y, RIGHT, LEFT - 6, y + 4);
		if (step >= 1000000)
			fprintf(file, "%lld MB", at / 1000000);
		else if (step >= 1000)
			fprintf(file, "%lld kB", at / 1000);
		else
			fprintf(file, "%lld B", at);
		fputs("</text>\n", file);
	}
}

/* ---- what passed ---- */

static bool is_own(const struct panel *panel, const struct report_point *point)
{
	return point->lower == panel->from_left;
}

/* A step line of what the receiver said: of its acknowledgments, or of the end of its window. */
static void put_receiver(FILE *file, const struct panel *panel, bool window)
{
	const struct report_entry *entry = panel->entry;
	bool begun = false;

	fprintf(file, "<path class=\"%s\" d=\"", window ? "window" : "acks");
	for (size_t i = 0; i < entry->points_count; i++) {
		const struct report_point *point = &entry->points[i];
		__s64 at = panel->at[i];

		if (is_own(panel, point) || !point->ack_known || (point->tcp_flags & TCP_F_RST) ||
		    (window && point->window == STREAM_WINDOW_UNKNOWN))
			continue;
		at += window ? point->window : 0;
		if (begun)
			fprintf(file, "H%.1fV%.1f", x_of(panel, point->ts_ns), y_of(panel, at));
		else
			fprintf(file, "M%.1f %.1f", x_of(panel, point->ts_ns), y_of(panel, at));
		begun = true;
	}
	fputs("\"/>\n", file);
}

static void put_data(FILE *file, const struct panel *panel, enum shape shape)
{
	static const char *const classes[] = { "data", "again", "odd" };
	const struct report_entry *entry = panel->entry;

	fprintf(file, "<path class=\"%s\" d=\"", classes[shape]);
	for (size_t i = 0; i < entry->points_count; i++) {
		const struct report_point *point = &entry->points[i];
		double x = x_of(panel, point->ts_ns), low, high;

		if (!is_own(panel, point) || !point->length || shape_of(point) != shape)
			continue;
		low = y_of(panel, panel->at[i]);
		high = y_of(panel, panel->at[i] + point->length);
		high = high > low - 2 ? low - 2 : high; /* a byte must be seen, too */
		fprintf(file, "M%.1f %.1fV%.1f", x, low, high);
		if (shape == SHAPE_AGAIN) /* a diamond on top */
			fprintf(file, "m0 -9l4 4l-4 4l-4 -4z");
		else if (shape == SHAPE_ODD) /* a square */
			fprintf(file, "m-3 -7h6v6h-6z");
	}
	fputs("\"/>\n", file);
}

/* What concerns both directions: the ends of the connection, and a closed window. */
static void put_events(FILE *file, const struct panel *panel)
{
	const struct report_entry *entry = panel->entry;

	for (size_t i = 0; i < entry->points_count; i++) {
		const struct report_point *point = &entry->points[i];
		double x = x_of(panel, point->ts_ns), y = y_of(panel, panel->at[i]);

		if (point->tcp_flags & TCP_F_RST)
			fprintf(file,
				"<g class=\"reset\"><path class=\"a\" d=\"M%.1f %dV%d\"/>"
				"<path class=\"x\" d=\"M%.1f %dl10 10m0 -10l-10 10\"/></g>\n",
				x, TOP, BOTTOM, x - 5, TOP - 5);
		else if (!is_own(panel, point) && (point->flags & BIT(STREAM_ZERO_WINDOW)))
			fprintf(file,
				"<circle class=\"zero\" cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\"/>\n", x,
				y);
		else if (is_own(panel, point) && (point->tcp_flags & (TCP_F_SYN | TCP_F_FIN)))
			fprintf(file, "<text x=\"%.1f\" y=\"%.1f\" class=\"t m\">%s</text>\n", x,
				y - 6, point->tcp_flags & TCP_F_SYN ? "SYN" : "FIN");
	}
}

static void put_desc(FILE *file, const struct panel *panel, size_t number)
{
	char side = panel->from_left ? 'a' : 'b';

	fprintf(file,
		"<figure><svg class=\"graph\" viewBox=\"0 0 %d %d\" role=\"img\" "
		"aria-labelledby=\"gt%zu%c gd%zu%c\">\n<title id=\"gt%zu%c\">Finding %zu: bytes over "
		"time, sent by ",
		WIDTH, HEIGHT, number, side, number, side, number, side, number);
	report_put_html(file, panel->from_left ? panel->entry->left : panel->entry->right);
	fprintf(file,
		"</title>\n<desc id=\"gd%zu%c\">%zu segments with data, %zu of them sent again, %zu "
		"out of order or behind a gap; resets: %zu; acknowledgments with a closed window: "
		"%zu.</desc>\n",
		number, side, panel->segments, panel->again, panel->odd, panel->resets,
		panel->closed);
}

static void put_caption(FILE *file, const struct panel *panel)
{
	fputs("<figcaption>Bytes over time, sent by ", file);
	report_put_html(file, panel->from_left ? panel->entry->left : panel->entry->right);
	fputs(". <span class=\"key data\">data</span> <span class=\"key acks\">acknowledged</span> "
	      "<span class=\"key window\">end of the receiver’s window</span>",
	      file);
	if (panel->again)
		fprintf(file, " <span class=\"key again\">◆ sent again: %zu</span>", panel->again);
	if (panel->odd)
		fprintf(file, " <span class=\"key odd\">■ out of order or behind a gap: %zu</span>",
			panel->odd);
	if (panel->closed)
		fprintf(file, " <span class=\"key zero\">● window closed: %zu</span>",
			panel->closed);
	if (panel->resets)
		fprintf(file, " <span class=\"key reset\">✕ reset: %zu</span>", panel->resets);
	if (panel->pauses_count)
		fputs(" <span class=\"key\">▒ pause, drawn short</span>", file);
	fputs("</figcaption></figure>\n", file);
}

static void put_panel(FILE *file, const struct panel *panel, size_t number)
{
	put_desc(file, panel, number);
	put_time_axis(file, panel);
	put_byte_axis(file, panel);
	fprintf(file, "<rect class=\"frame\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>\n",
		LEFT, TOP, RIGHT - LEFT, BOTTOM - TOP);
	put_receiver(file, panel, true);
	put_receiver(file, panel, false);
	put_data(file, panel, SHAPE_DATA);
	put_data(file, panel, SHAPE_ODD);
	put_data(file, panel, SHAPE_AGAIN);
	put_events(file, panel);
	fprintf(file,
		"<text x=\"%d\" y=\"%d\" class=\"t m\">time since the first packet shown</text>"
		"</svg>\n",
		(LEFT + RIGHT) / 2, BOTTOM + 36);
	put_caption(file, panel);
}

bool report_draw_graph(FILE *file, const struct report_entry *entry, size_t number)
{
	bool any = false;

	for (int side = 1; side >= 0 && entry->points_count; side--) {
		struct panel panel = { .entry = entry, .from_left = side };

		panel.at = calloc(entry->points_count, sizeof(*panel.at));
		if (!panel.at)
			return any;
		panel_place(&panel);
		panel_measure(&panel);
		panel_pause(&panel);
		if (panel.segments >= SEGMENTS_LEAST) {
			put_panel(file, &panel, number);
			any = true;
		}
		free(panel.at);
	}
	return any;
}
