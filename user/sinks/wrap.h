/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wrap.h - a line for a terminal: broken between words, with a hanging indent */
#pragma once

#include <stddef.h>
#include <stdio.h>

/*
 * Writes @line and its end. @width: columns of the terminal, 0: nothing is broken. What follows a
 * break is indented by @indent. The first @keep bytes stay in one piece: a command is to be pasted.
 * Escape sequences of colours take no column; every character takes one.
 */
void wrap_line(FILE *file, const char *line, size_t width, size_t indent, size_t keep);
