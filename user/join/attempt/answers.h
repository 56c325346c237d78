/* SPDX-License-Identifier: GPL-2.0-or-later */
/* answers.h - answers that say an error, to a command that is followed; private to join */
#pragma once

#include "join/core.h"

/*
 * Theory of operation
 *
 * A connection that works may still be why a command fails: HTTP 404, a wrong password. The kernel side tells such an
 * answer of a followed connection by how it begins, wherever it stands; here it is looked at once more, because what
 * begins like one may be the middle of something else. Nobody judges it: run says it where it has nothing better to say.
 */

int answers_new(struct answers **out); /* 0 or -ENOMEM */
void answers_free(struct answers *answers);

/* A packet with payload of a followed connection, in either direction. */
void answers_packet(struct join *join, const struct event *event);
