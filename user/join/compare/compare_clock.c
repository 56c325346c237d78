// SPDX-License-Identifier: GPL-2.0-or-later
/* compare_clock.c - two clocks, related by packets that passed both */

#include <math.h>
#include <stdint.h>

#include "join/compare/compare_parts.h"
#include "util/time.h"

/* NTP slews by 500 ppm at most; what needs more than twice that was set, not slewed. */
#define DRIFT_MOST 1e-3

static double lesser(double a, double b)
{
	return a < b ? a : b;
}

static double greater(double a, double b)
{
	return a > b ? a : b;
}

/* Bounds keep their own times: which window they stand in only says which of them is dropped. */
static void halve_windows(struct clocks *clocks)
{
	for (int i = 0; i < CLOCK_WINDOWS; i++) {
		struct clock_bound old[2][2] = { { { 0 } } };

		if (i < CLOCK_WINDOWS / 2)
			memcpy(old, clocks->bound[2 * i], sizeof(old));
		for (int back = 0; back < 2; back++) {
			const struct clock_bound *one = &old[0][back], *two = &old[1][back];
			bool second = two->known &&
				      (!one->known ||
				       (back ? two->value > one->value : two->value < one->value));

			clocks->bound[i][back] = second ? *two : *one;
		}
	}
	clocks->width_ns *= 2;
}

static size_t window_of(struct clocks *clocks, __u64 at_ns)
{
	__u64 since;

	if (!clocks->begun) {
		clocks->begun = true;
		clocks->begin_ns = at_ns;
		clocks->width_ns = NS_PER_S;
	}
	since = ns_between(clocks->begin_ns, at_ns);
	while (since / clocks->width_ns >= CLOCK_WINDOWS)
		halve_windows(clocks);
	return since / clocks->width_ns;
}

void clocks_add(struct clocks *clocks, bool back, __u64 at_ns, __s64 difference)
{
	struct clock_bound *bound = &clocks->bound[window_of(clocks, at_ns)][back];

	clocks->clock.samples[back]++;
	if (bound->known && (back ? difference <= bound->value : difference >= bound->value))
		return;
	*bound = (struct clock_bound){ true, difference, at_ns };
	clocks->fresh = false;
}

/* Times of damaged captures may be as far apart as the type allows. */
static double apart(__s64 a, __s64 b)
{
	return a > b ? (double)((__u64)a - (__u64)b) : -(double)((__u64)b - (__u64)a);
}

/* Clamped: beyond what the type holds a conversion is undefined (C11 6.3.1.4). Not a number is 0. */
static __s64 whole(double ns)
{
	if (isnan(ns))
		return 0;
	if (ns >= 0x1p63)
		return INT64_MAX;
	return ns <= -0x1p63 ? INT64_MIN : (__s64)ns;
}

/* Sums of times wrap around as the times themselves do. */
static __s64 plus(__s64 a, __s64 b)
{
	return (__s64)((__u64)a + (__u64)b);
}

static __s64 negated(__s64 a)
{
	return (__s64)(0 - (__u64)a);
}

struct slopes {
	double low, high; /* what the bounds allow */
	bool broken; /* two bounds of one moment exclude each other */
};

static void slopes_narrow(struct slopes *slopes, const struct clock_bound *upper,
			  const struct clock_bound *lower)
{
	double dt = (double)(__s64)(upper->at_ns - lower->at_ns);
	double room = apart(upper->value, lower->value);

	if (dt > 0)
		slopes->high = lesser(slopes->high, room / dt);
	else if (dt < 0)
		slopes->low = greater(slopes->low, room / dt);
	else if (room < 0)
		slopes->broken = true;
}

/* A slope is allowed if some line of it lies between every upper and every lower bound. */
static struct slopes slopes_of(const struct clocks *clocks)
{
	struct slopes slopes = { -INFINITY, INFINITY, false };

	for (int i = 0; i < CLOCK_WINDOWS; i++)
		for (int j = 0; j < CLOCK_WINDOWS; j++)
			if (clocks->bound[i][0].known && clocks->bound[j][1].known)
				slopes_narrow(&slopes, &clocks->bound[i][0], &clocks->bound[j][1]);
	return slopes;
}

static double at_reference(const struct compare_clock *clock, const struct clock_bound *bound,
			   __s64 base)
{
	return apart(bound->value, base) -
	       clock->drift * (double)(__s64)(bound->at_ns - clock->reference_ns);
}

/* The range of offsets that the slope leaves, its middle and half its width. */
static void find_offset(const struct clocks *clocks, struct compare_clock *clock)
{
	double high = INFINITY, low = -INFINITY;
	__s64 base = 0;

	for (int i = 0; i < CLOCK_WINDOWS && !base; i++)
		base = clocks->bound[i][0].known ? clocks->bound[i][0].value : 0;
	for (int i = 0; i < CLOCK_WINDOWS; i++) {
		const struct clock_bound *bound = clocks->bound[i];

		if (bound[0].known)
			high = lesser(high, at_reference(clock, &bound[0], base));
		if (bound[1].known)
			low = greater(low, at_reference(clock, &bound[1], base));
	}
	clock->offset_ns = plus(base, whole((high + low) / 2));
	clock->uncertainty_ns = high > low ? (__u64)whole((high - low) / 2) : 0;
}

const struct compare_clock *clocks_estimate(struct clocks *clocks)
{
	struct compare_clock *clock = &clocks->clock;
	struct slopes slopes;

	if (clocks->fresh)
		return clock;
	clocks->fresh = true;
	clock->known = clock->stepped = clock->drifts = false;
	clock->drift = clock->drift_uncertainty = 0;
	if (!clock->samples[0] || !clock->samples[1])
		return clock;
	slopes = slopes_of(clocks);
	if (slopes.broken || slopes.low > slopes.high || slopes.low > DRIFT_MOST ||
	    slopes.high < -DRIFT_MOST) {
		clock->stepped = true;
		return clock;
	}
	clock->known = true;
	clock->drifts = slopes.low > 0 || slopes.high < 0;
	if (isfinite(slopes.low) && isfinite(slopes.high))
		clock->drift_uncertainty = (slopes.high - slopes.low) / 2;
	if (clock->drifts && clock->drift_uncertainty > 0)
		clock->drift = (slopes.high + slopes.low) / 2;
	else if (clock->drifts)
		clock->drift = slopes.low > 0 ? slopes.low : slopes.high;
	clock->reference_ns = clocks->begin_ns;
	find_offset(clocks, clock);
	return clock;
}

__u64 compare_map_time(const struct compare_clock *clock, unsigned int from_side, __u64 ns)
{
	double since;
	__s64 add;

	if (!clock->known)
		return ns;
	since = (double)(__s64)(ns - clock->reference_ns -
				(from_side ? (__u64)clock->offset_ns : 0));
	add = plus(clock->offset_ns, whole(clock->drift * since));
	return from_side ? ns - (__u64)add : ns + (__u64)add;
}

/* The offset when side 0's clock shows @at_ns. */
static __s64 offset_at(const struct compare_clock *clock, __u64 at_ns)
{
	return (__s64)(compare_map_time(clock, 0, at_ns) - at_ns);
}

bool compare_delay(const struct compare_clock *clock, const struct compare_result *result,
		   unsigned int way, struct compare_delay *delay)
{
	const struct compare_times *times = &result->way[way].times;
	bool back = result->near != way;
	__u64 mean_at;
	__s64 least, mean, most;

	if (!clock->known || !times->samples || result->order_by == ORDER_UNKNOWN)
		return false;
	mean_at = times->begin_ns + times->sum_at / times->samples * NS_PER_US;
	least = plus(times->least, negated(offset_at(clock, times->least_at)));
	mean = plus(plus(times->first, times->sum / (__s64)times->samples),
		    negated(offset_at(clock, mean_at)));
	most = plus(times->most, negated(offset_at(clock, times->most_at)));
	*delay = (struct compare_delay){ back ? negated(most) : least, back ? negated(mean) : mean,
					 back ? negated(least) : most };
	return true;
}
