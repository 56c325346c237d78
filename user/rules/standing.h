/* SPDX-License-Identifier: GPL-2.0-or-later */
/* standing.h - connections that their sockets tell of, for the rows that captures feed as well; private to rules/ */
#pragma once

#include "rules/rule.h"

/*
 * What a socket counts decides the same finding as what packets show, but by other facts: the errno
 * that the kernel gave, the states it went through, what it had sent and not seen acknowledged. These
 * are the .match_socket and .tell_socket of such rows.
 */

bool standing_match_timed_out(const struct view *view, struct guess *guess);
void standing_tell_timed_out(const struct view *view, struct finding *finding);
bool standing_match_keepalive(const struct view *view, struct guess *guess);
void standing_tell_keepalive(const struct view *view, struct finding *finding);
bool standing_match_window(const struct view *view, struct guess *guess);
void standing_tell_window(const struct view *view, struct finding *finding);
bool standing_match_loss(const struct view *view, struct guess *guess);
void standing_tell_loss(const struct view *view, struct finding *finding);
bool standing_match_not_tls(const struct view *view, struct guess *guess);
void standing_tell_not_tls(const struct view *view, struct finding *finding);
bool standing_match_alert(const struct view *view, struct guess *guess);
bool standing_match_rejected(const struct view *view, struct guess *guess);
void standing_tell_rejected(const struct view *view, struct finding *finding);
bool standing_match_no_hello(const struct view *view, struct guess *guess);
void standing_tell_no_hello(const struct view *view, struct finding *finding);
bool standing_match_closed_early(const struct view *view, struct guess *guess);
void standing_tell_closed_early(const struct view *view, struct finding *finding);
bool standing_match_reset(const struct view *view, struct guess *guess);
void standing_tell_reset(const struct view *view, struct finding *finding);

/* ---- conn_written.c ---- */

bool standing_match_race(const struct view *view, struct guess *guess);
void standing_tell_race(const struct view *view, struct finding *finding);
bool standing_match_pipe(const struct view *view, struct guess *guess);
void standing_tell_pipe(const struct view *view, struct finding *finding);

/* ---- conn_figures.c ---- */

bool standing_match_mtu(const struct view *view, struct guess *guess);
void standing_tell_mtu(const struct view *view, struct finding *finding);
bool standing_match_app_timeout(const struct view *view, struct guess *guess);
void standing_tell_app_timeout(const struct view *view, struct finding *finding);
bool standing_match_gave_up(const struct view *view, struct guess *guess);
void standing_tell_gave_up(const struct view *view, struct finding *finding);
bool standing_match_idle(const struct view *view, struct guess *guess);
void standing_tell_idle(const struct view *view, struct finding *finding);
