/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fact_unix.h - facts of Unix sockets: of their paths, and who listens */
#pragma once

#include <sys/stat.h>

#include "collect/facts/fact.h"

/* What the path of @request leads to, as its process sees it. Returns 0 or a negative errno. */
int fact_unix_stat(const struct fact_request *request, struct stat *status);
