/* SPDX-License-Identifier: GPL-2.0-or-later */
/* agent.h - the commands: each takes the command line and returns an exit status */
#pragma once

#include "agent/options/options.h"

int command_watch(const struct options *options);
int command_run(const struct options *options);
int command_read(const struct options *options);
int command_states(const struct options *options);
int command_flows(const struct options *options);
int command_top(const struct options *options);
int command_compare(const struct options *options);
int command_explain(const struct options *options);
int command_doctor(const struct options *options);
