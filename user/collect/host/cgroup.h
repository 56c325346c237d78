/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cgroup.h - what the path of a cgroup tells: the unit and the container */
#pragma once

#include <stddef.h>

/*
 * The path in the text of /proc/PID/cgroup: of the v2 line, else of systemd's own v1 hierarchy.
 * Empty where neither stands there. @path is always terminated; a longer one is cut.
 */
void cgroup_find_path(const char *proc_text, char *path, size_t size);

/*
 * The innermost systemd unit (service, scope, …) on the path, a user's units too; empty if there is
 * none, or if it only wraps a container.
 */
void cgroup_find_unit(const char *path, char *unit, size_t size);

#define CGROUP_CONTAINER_DIGITS 64
#define CGROUP_CONTAINER_SIZE (CGROUP_CONTAINER_DIGITS + 1)

/*
 * The innermost container: the id of 64 hexadecimal digits that engines put into the path, or the
 * name of one of LXC or systemd-nspawn.
 */
void cgroup_find_container(const char *path, char *id, size_t size);

/* The uid of the Kubernetes pod, with hyphens; empty if it is in none. */
void cgroup_find_pod(const char *path, char *uid, size_t size);
