/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fact_proxy.h - which proxy an environment names; private to collect */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "event.h"

/*
 * Which variables of @environment ("NAME=value", each with a zero behind it, and one behind @size) name the proxy
 * that @remote and @port are; @name: what that address was looked up by, NULL not known. Fills name and text of
 * @fact: "http_proxy https_proxy", the first one's value without user and password. False: none does.
 */
bool proxy_find(const char *environment, size_t size, const __u8 *remote, __u16 port,
		const char *name, struct ev_fact *fact);
