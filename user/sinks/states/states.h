/* SPDX-License-Identifier: GPL-2.0-or-later */
/* states.h - the sockets of this host, told */
#pragma once

#include "join/states/states.h"
#include "rules/states/states.h"
#include "sinks/sinks.h"

struct states_form {
	FILE *file;
	bool json;
	bool ascii;
	bool color;
	size_t width; /* at which a line is cut; 0: it is not */
	size_t height; /* lines that fit; 0: all */
};

/* One socket, as it is met (-v). */
void states_tell_socket(const struct states_form *form, const struct join *join,
			const struct states_socket *socket);

/* The groups, sorted; then what their marks mean. */
void states_tell(const struct states_form *form, const struct join *join,
		 const struct states *states);

/* ---- private to this folder ---- */

void states_json_socket(const struct states_form *form, const struct join *join,
			const struct states_socket *socket);
void states_json(const struct states_form *form, const struct join *join,
		 const struct states *states);
