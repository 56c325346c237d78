/* SPDX-License-Identifier: GPL-2.0-or-later */
/* calls.h - which system calls act on sockets; private to attach/ */
#pragma once

#include "knobs.h"

/* Fills struct knobs' .calls for this machine's numbers. */
void calls_number(__u8 calls[KNOBS_CALLS]);
