/* SPDX-License-Identifier: GPL-2.0-or-later */
/* metrics_request.h - what a client of --listen asks for */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Statuses of HTTP (RFC 9110 15); 0: its head is not whole yet. */
enum metrics_status {
	METRICS_MORE = 0,
	METRICS_OK = 200,
	METRICS_BAD = 400,
	METRICS_NOT_FOUND = 404,
	METRICS_NOT_ALLOWED = 405,
	METRICS_UNAVAILABLE = 503,
};

/* The head of a request (RFC 9112 3), as far as it came. @head: HEAD, whose answer has no body */
enum metrics_status metrics_request_read(const char *bytes, size_t size, bool *head);
