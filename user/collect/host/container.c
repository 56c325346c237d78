// SPDX-License-Identifier: GPL-2.0-or-later
/* container.c - what a container is called, by the files that its engine keeps */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collect/host/cgroup.h"
#include "collect/host/container.h"
#include "util/json_find.h"
#include "util/array.h"
#include "util/own.h"

#define KNOWN 64 /* ids kept; the one asked for the longest ago gives way, and is read again */
#define FILE_MOST (1 << 20) /* what engines write of one container is some 10 to 40 KiB */
#define NAMESPACES_MOST 16 /* of containerd: k8s.io, default, moby */

struct known {
	char id[CGROUP_CONTAINER_SIZE]; /* a longer one is cut, as in a record */
	__u64 used; /* age: larger is later; 0 free */
	struct container_names names;
};

struct containers {
	int root;
	__u64 clock;
	struct known known[KNOWN];
};

struct containers *containers_new(const char *root)
{
	struct containers *containers = calloc(1, sizeof(*containers));

	if (containers)
		containers->root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return containers;
}

void containers_free(struct containers *containers)
{
	if (containers && containers->root >= 0)
		close(containers->root);
	free(containers);
}

/* A file of an engine of root: what another user could have put there is not read. */
static struct json_at read_json(int folder, const char *path, char *buffer)
{
	_cleanup_close_ int fd =
		openat(folder, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat status;
	size_t length = 0;
	ssize_t got = 1;

	if (fd < 0 || fstat(fd, &status) || !S_ISREG(status.st_mode) ||
	    (status.st_uid && status.st_uid != geteuid()) || (status.st_mode & (S_IWGRP | S_IWOTH)))
		return (struct json_at){ 0 };
	while (got > 0 && length < FILE_MOST) {
		got = read(fd, buffer + length, FILE_MOST - length);
		length += got > 0 ? got : 0;
	}
	return (struct json_at){ buffer, buffer + length };
}

static void take_text(struct json_at object, const char *const *keys, size_t count, char *out,
		      size_t size)
{
	for (size_t i = 0; i < count && !out[0]; i++)
		json_find_text(json_find_key(object, keys[i]), out, size);
}

/* Labels of Docker, annotations of a bundle: cri-dockerd and CRI-O, containerd, nerdctl. */
static void take_labels(struct json_at labels, struct container_names *names)
{
	static const char *const name[] = { "io.kubernetes.container.name",
					    "io.kubernetes.cri.container-name", "nerdctl/name" };
	static const char *const pod[] = { "io.kubernetes.pod.name",
					   "io.kubernetes.cri.sandbox-name" };
	static const char *const space[] = { "io.kubernetes.pod.namespace",
					     "io.kubernetes.cri.sandbox-namespace" };
	static const char *const uid[] = { "io.kubernetes.pod.uid",
					   "io.kubernetes.cri.sandbox-uid" };

	take_text(labels, name, ARRAY_SIZE(name), names->name, sizeof(names->name));
	take_text(labels, pod, ARRAY_SIZE(pod), names->pod, sizeof(names->pod));
	take_text(labels, space, ARRAY_SIZE(space), names->pod_namespace,
		  sizeof(names->pod_namespace));
	take_text(labels, uid, ARRAY_SIZE(uid), names->pod_uid, sizeof(names->pod_uid));
}

static bool read_docker(int root, const char *id, char *buffer, struct container_names *names)
{
	char path[160], name[sizeof(names->name) + 1];
	struct json_at json;

	snprintf(path, sizeof(path), "var/lib/docker/containers/%s/config.v2.json", id);
	json = read_json(root, path, buffer);
	if (json.at == json.end)
		return false;
	take_labels(json_find_key(json_find_key(json, "Config"), "Labels"), names);
	if (!names->name[0] && json_find_text(json_find_key(json, "Name"), name, sizeof(name)))
		snprintf(names->name, sizeof(names->name), "%s", name + (name[0] == '/'));
	return true;
}

static bool read_bundle(int folder, const char *path, char *buffer, struct container_names *names)
{
	struct json_at json = read_json(folder, path, buffer);

	take_labels(json_find_key(json, "annotations"), names);
	return json.at != json.end;
}

static bool read_containerd(int root, const char *id, char *buffer, struct container_names *names)
{
	int folder = openat(root, "run/containerd/io.containerd.runtime.v2.task",
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = folder < 0 ? NULL : fdopendir(folder);
	unsigned int looked = 0;
	struct dirent *entry;
	bool found = false;
	char path[400];

	while (dir && !found && (entry = readdir(dir)) && looked < NAMESPACES_MOST) {
		if (entry->d_name[0] == '.')
			continue;
		looked++;
		snprintf(path, sizeof(path), "%s/%s/config.json", entry->d_name, id);
		found = read_bundle(folder, path, buffer, names);
	}
	if (dir)
		closedir(dir);
	else if (folder >= 0)
		close(folder);
	return found;
}

/* The name that podman gave stands in the index of all containers only. */
static void read_index(int root, const char *path, const char *id, char *buffer,
		       struct container_names *names)
{
	struct json_at json = read_json(root, path, buffer);
	struct json_at one = json_find_next(json, NULL);

	for (; one.at != one.end && !names->name[0]; one = json_find_next(json, &one)) {
		char of[CGROUP_CONTAINER_SIZE];

		if (json_find_text(json_find_key(one, "id"), of, sizeof(of)) && !strcmp(of, id))
			json_find_text(json_find_next(json_find_key(one, "names"), NULL),
				       names->name, sizeof(names->name));
	}
}

/* Podman and CRI-O */
static void read_storage(int root, const char *id, char *buffer, struct container_names *names)
{
	static const char *const indexes[] = {
		"var/lib/containers/storage/overlay-containers/containers.json",
		"run/containers/storage/overlay-containers/volatile-containers.json",
	};
	char path[160];

	snprintf(path, sizeof(path),
		 "run/containers/storage/overlay-containers/%s/userdata/config.json", id);
	if (!read_bundle(root, path, buffer, names))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(indexes) && !names->name[0]; i++)
		read_index(root, indexes[i], id, buffer, names);
}

static void read_names(struct containers *containers, struct known *known)
{
	_cleanup_free_ char *buffer = NULL;
	size_t length = strlen(known->id);

	/* of LXC and systemd-nspawn the id is the name; a name never becomes part of a path */
	if (length != CGROUP_CONTAINER_DIGITS || strspn(known->id, "0123456789abcdef") != length) {
		memcpy(known->names.name, known->id,
		       strnlen(known->id, sizeof(known->names.name) - 1));
		return;
	}
	buffer = malloc(FILE_MOST);
	if (!buffer || containers->root < 0)
		return;
	if (!read_docker(containers->root, known->id, buffer, &known->names) &&
	    !read_containerd(containers->root, known->id, buffer, &known->names))
		read_storage(containers->root, known->id, buffer, &known->names);
}

const struct container_names *containers_find(struct containers *containers, const char *id)
{
	struct known *oldest = &containers->known[0];

	for (size_t i = 0; i < KNOWN; i++) {
		struct known *known = &containers->known[i];

		if (known->used && !strcmp(known->id, id)) {
			known->used = ++containers->clock;
			return &known->names;
		}
		if (known->used < oldest->used)
			oldest = known;
	}
	*oldest = (struct known){ .used = ++containers->clock };
	snprintf(oldest->id, sizeof(oldest->id), "%s", id);
	read_names(containers, oldest);
	return &oldest->names;
}
