/* SPDX-License-Identifier: GPL-2.0-or-later */
/* container.h - what a container is called, by the files that its engine keeps */
#pragma once

#include "event.h"

struct containers; /* those whose files were read, each once */

struct container_names {
	char name[sizeof(((struct ev_process *)0)->container_name)];
	char pod[sizeof(((struct ev_process *)0)->pod)];
	char pod_namespace[sizeof(((struct ev_process *)0)->pod_namespace)];
	char pod_uid[sizeof(((struct ev_process *)0)->pod_uid)];
};

/* @root: the folder in which engines have var/ and run/, "/" but in tests. NULL: no memory. */
struct containers *containers_new(const char *root);
void containers_free(struct containers *containers);

/*
 * The names of the container with this id (cgroup_find_container()); what is unknown is empty. No
 * daemon is asked: Docker's config.v2.json, containerd's bundle, and of Podman and CRI-O the bundle and
 * the index of their storage, those of root alone.
 */
const struct container_names *containers_find(struct containers *containers, const char *id);
