// SPDX-License-Identifier: GPL-2.0-or-later
/* metrics_request_test.c - what a client of --listen asks for */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>

#include <cmocka.h>

#include "agent/output/metrics_request.h"
#include "util/array.h"

static void test_statuses(void **state)
{
	static const struct {
		const char *request;
		enum metrics_status status;
	} rows[] = {
		{ "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", METRICS_OK },
		{ "GET /metrics HTTP/1.0\n\n", METRICS_OK },
		{ "GET /metrics?name[]=up HTTP/1.1\r\n\r\n", METRICS_OK },
		{ "GET http://a:9435/metrics HTTP/1.1\r\n\r\n", METRICS_OK },
		{ "HEAD /metrics HTTP/1.1\r\n\r\n", METRICS_OK },
		{ "POST /metrics HTTP/1.1\r\n\r\n", METRICS_NOT_ALLOWED },
		{ "get /metrics HTTP/1.1\r\n\r\n", METRICS_NOT_ALLOWED },
		{ "GET / HTTP/1.1\r\n\r\n", METRICS_NOT_FOUND },
		{ "GET /metrics/ HTTP/1.1\r\n\r\n", METRICS_NOT_FOUND },
		{ "GET /metric HTTP/1.1\r\n\r\n", METRICS_NOT_FOUND },
		{ "GET /x/../metrics HTTP/1.1\r\n\r\n", METRICS_NOT_FOUND },
		{ "GET http://a HTTP/1.1\r\n\r\n", METRICS_NOT_FOUND },
		{ "POST /other HTTP/1.1\r\n\r\n", METRICS_NOT_FOUND },
		{ "GET /metrics\r\n\r\n", METRICS_BAD },
		{ "GET  /metrics HTTP/1.1\r\n\r\n", METRICS_BAD },
		{ "GET /metrics HTTP/2\r\n\r\n", METRICS_BAD },
		{ "\r\n\r\n", METRICS_BAD },
		{ "\x16\x03\x01\n\n", METRICS_BAD },
	};
	bool head;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *request = rows[i].request;

		assert_int_equal(metrics_request_read(request, strlen(request), &head),
				 rows[i].status);
		assert_int_equal(head, !strncmp(request, "HEAD", 4));
	}
}

/* Whatever a client sends first, nothing is answered before its head is whole. */
static void test_pieces(void **state)
{
	static const char request[] = "HEAD /metrics HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n";
	bool head;

	(void)state;
	for (size_t size = 0; size < sizeof(request) - 1; size++)
		assert_int_equal(metrics_request_read(request, size, &head), METRICS_MORE);
	assert_int_equal(metrics_request_read(request, sizeof(request) - 1, &head), METRICS_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statuses),
		cmocka_unit_test(test_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
