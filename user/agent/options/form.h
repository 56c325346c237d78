/* SPDX-License-Identifier: GPL-2.0-or-later */
/* form.h - every form in which findings are told, a row each */
#pragma once

#include "agent/options/options.h"
#include "sinks/sinks.h"

/* What the options ask for on the output. */
const struct sink_ops *form_of_output(const struct options *options);
bool form_is_json(const struct options *options); /* lines of it, which --mask has to know */

/* Of --report FILE, by the end of its name; NULL: there is none that ends so. */
const struct sink_ops *form_of_report(const char *path);
