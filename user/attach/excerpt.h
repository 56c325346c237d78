/* SPDX-License-Identifier: GPL-2.0-or-later */
/* excerpt.h - those of the kernel's types that programs read */
#pragma once

#include <stddef.h>

/*
 * libbpf asks all the kernel's types for the name of each type that a program reads: 61 times
 * 127,000 of them, 90 ms of a start (libbpf 1.1.2, 6.18). So the few hundred are written out whose names the object
 * knows, with what they hold by value and what prototypes of tracepoints say, and libbpf is shown those
 * (btf_custom_path). Numbers of types are others there: programs are attached by those of the kernel.
 */

/*
 * Writes them into memory that a descriptor stands for. @object: the programs, ELF. Returns the descriptor, which the
 * caller closes; a negative errno: libbpf has to ask all.
 */
int excerpt_write(const void *object, size_t size);
