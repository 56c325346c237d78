// SPDX-License-Identifier: GPL-2.0-or-later
/* cgroup.c - what the path of a cgroup tells: the unit and the container */

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "collect/host/cgroup.h"
#include "util/array.h"

#define SYSTEMD_V1 ":name=systemd:" /* in "1:name=systemd:/path" */

static void copy_part(char *to, size_t size, const char *from, size_t length)
{
	if (length > size - 1)
		length = size - 1;
	memcpy(to, from, length);
	to[length] = '\0';
}

void cgroup_find_path(const char *proc_text, char *path, size_t size)
{
	const char *line = proc_text;
	bool unified = false;

	path[0] = '\0';
	while (*line && !unified) {
		const char *end = strchrnul(line, '\n');
		const char *colon = memchr(line, ':', end - line);

		if (!strncmp(line, "0::", 3)) {
			/* On hybrid hosts (v1 controllers beside v2) both lines exist and agree. */
			unified = true;
			copy_part(path, size, line + 3, end - line - 3);
		} else if (colon && !strncmp(colon, SYSTEMD_V1, strlen(SYSTEMD_V1))) {
			colon += strlen(SYSTEMD_V1);
			copy_part(path, size, colon, end - colon);
		}
		line = *end ? end + 1 : end;
	}
	/* A host may mount v2 empty and keep its processes in v1: then "/" says nothing. */
	if (unified && !strcmp(path, "/")) {
		line = strstr(proc_text, SYSTEMD_V1);
		if (line) {
			line += strlen(SYSTEMD_V1);
			copy_part(path, size, line, strcspn(line, "\n"));
		}
	}
}

static bool ends_with(const char *text, size_t length, const char *tail)
{
	size_t tail_length = strlen(tail);

	return length > tail_length && !memcmp(text + length - tail_length, tail, tail_length);
}

/* systemd.unit(5): the kinds of unit that hold processes. */
static bool is_unit(const char *part, size_t length)
{
	static const char *const kinds[] = { ".service", ".scope", ".socket", ".mount", ".swap" };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (ends_with(part, length, kinds[i]))
			return true;
	return false;
}

/* Offset of 64 hexadecimal digits in the part with nothing of their kind around them, or -1. */
static int find_id(const char *part, size_t length)
{
	size_t run = 0;

	for (size_t i = 0; i <= length; i++) {
		if (i < length && isxdigit((unsigned char)part[i])) {
			run++;
			continue;
		}
		if (run == CGROUP_CONTAINER_DIGITS)
			return i - run;
		run = 0;
	}
	return -1;
}

/*
 * "/docker/ID", "/kubepods/burstable/podUID/ID" bare, or "docker-ID.scope", "cri-containerd-ID.scope",
 * "libpod-ID.scope", "crio-ID.scope", and "libpod-conmon-ID.scope", which is the monitor outside.
 */
static bool holds_id(const char *part, size_t length, char *id, size_t size)
{
	int at = find_id(part, length);

	if (at < 0 || (at > 0 && part[at - 1] != '-'))
		return false;
	for (int i = 0; i + 7 <= at; i++)
		if (!strncmp(part + i, "conmon-", 7))
			return false;
	copy_part(id, size, part + at, CGROUP_CONTAINER_DIGITS);
	return true;
}

/* What stands between @head and @tail of a part; false: it is another part. */
static bool holds_between(const char *part, size_t length, const char *head, const char *tail,
			  char *name, size_t size)
{
	size_t before = strlen(head), behind = strlen(tail);

	if (length <= before + behind || strncmp(part, head, before) != 0 ||
	    strncmp(part + length - behind, tail, behind) != 0)
		return false;
	copy_part(name, size, part + before, length - before - behind);
	return true;
}

/* systemd.unit(5): "\\x2d" in the name of a unit is a hyphen of the machine's. */
static void unescape_unit(char *name)
{
	char *to = name;
	unsigned int byte;

	for (; *name; name++) {
		if (!strncmp(name, "\\x", 2) && sscanf(name + 2, "%2x", &byte) == 1 && byte) {
			*to++ = (char)byte;
			name += 3;
		} else {
			*to++ = *name;
		}
	}
	*to = '\0';
}

/*
 * lxc.container.conf(5) "lxc.cgroup.dir", and LXC before 4.0; systemd-nspawn(1): what runs inside is in
 * "payload", its monitor beside it. A virtual machine of libvirt has a scope as well, and no payload.
 */
static bool holds_name(const char *part, size_t length, const char *above, char *name, size_t size)
{
	static const char payload[] = "/payload";
	const char *inside = part + length;

	if (holds_between(part, length, "lxc.payload.", "", name, size))
		return true;
	if (!strncmp(above, "lxc/", 4)) {
		copy_part(name, size, part, length);
		return true;
	}
	if (strncmp(inside, payload, strlen(payload)) != 0 ||
	    (inside[strlen(payload)] && inside[strlen(payload)] != '/'))
		return false;
	if (!holds_between(part, length, "systemd-nspawn@", ".service", name, size) &&
	    !holds_between(part, length, "machine-", ".scope", name, size))
		return false;
	unescape_unit(name);
	return true;
}

/* @above: the part before it, with what follows, empty: it is the first. */
static bool holds_container(const char *part, size_t length, const char *above, char *id,
			    size_t size)
{
	return holds_id(part, length, id, size) || holds_name(part, length, above, id, size);
}

void cgroup_find_unit(const char *path, char *unit, size_t size)
{
	char id[CGROUP_CONTAINER_SIZE];
	const char *above = "";

	unit[0] = '\0';
	while (*path) {
		size_t length;

		path += strspn(path, "/");
		length = strcspn(path, "/");
		if (is_unit(path, length)) {
			/* systemd puts '_' before a name that the kernel would take for its own. */
			size_t escape = path[0] == '_';

			copy_part(unit, size, path + escape, length - escape);
		}
		if (holds_container(path, length, above, id, sizeof(id)))
			unit[0] = '\0'; /* units further in are the container's own */
		above = path;
		path += length;
	}
}

void cgroup_find_container(const char *path, char *id, size_t size)
{
	char found[CGROUP_CONTAINER_SIZE];
	const char *above = "";

	id[0] = '\0';
	while (*path) {
		size_t length;

		path += strspn(path, "/");
		length = strcspn(path, "/");
		if (holds_container(path, length, above, found, sizeof(found)))
			copy_part(id, size, found, strlen(found));
		above = path;
		path += length;
	}
}

/*
 * "/kubepods/burstable/podUID/…", or "kubepods-burstable-podUID.slice", with "_" for what systemd would
 * take for another slice. Of a pod that a file defines the uid is a hash of 32 digits.
 */
void cgroup_find_pod(const char *path, char *uid, size_t size)
{
	const char *at = strstr(path, "/kubepods");

	uid[0] = '\0';
	for (; at && (at = strstr(at, "pod")); at += 3) {
		size_t length = strspn(at + 3, "0123456789abcdef-_");

		if (length == 32 || length == 36)
			copy_part(uid, size, at + 3, length);
	}
	for (; *uid; uid++)
		if (*uid == '_')
			*uid = '-';
}
