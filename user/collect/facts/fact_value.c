// SPDX-License-Identifier: GPL-2.0-or-later
/* fact_value.c - sysctls and counters of the namespace that the calling thread is in */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collect/facts/fact.h"
#include "collect/tell.h"
#include "util/own.h"

/*
 * "net.ipv4.tcp_syn_retries" under /proc/sys. As sysctl(8) has it, a name with slashes may hold dots
 * (net/ipv4/conf/eth0.1/rp_filter); dots after a first slash stay.
 */
static int sysctl_path(const char *name, char *path, size_t size)
{
	bool slashes = name[strcspn(name, "./")] == '/';
	int n = snprintf(path, size, "/proc/sys/%s", name);

	if (n < 0 || (size_t)n >= size || strstr(name, ".."))
		return -EINVAL;
	for (char *at = path + strlen("/proc/sys/"); *at && !slashes; at++)
		if (*at == '.')
			*at = '/';
	return 0;
}

/* @name with that of the interface in place of a %; false: there is none. */
static bool name_interface(struct fetch *fetch, const char **name, char *buffer, size_t size)
{
	const char *at = strchr(*name, '%');
	char device[16] = "";

	if (!at)
		return true;
	netlink_device(&fetch->route, fetch->request->ifindex, device);
	if (!device[0] || strchr(device, '/'))
		return false;
	snprintf(buffer, size, "%.*s%.16s%s", (int)(at - *name), *name, device, at + 1);
	*name = buffer;
	return true;
}

static void fetch_sysctl(struct fetch *fetch, const char *name)
{
	char named[sizeof(((struct ev_fact *)NULL)->name)];
	struct ev_fact fact = fact_make(FACT_SYSCTL);
	char path[128], value[sizeof(fact.text)];
	int length = -ENOENT;
	char *end;

	if (name_interface(fetch, &name, named, sizeof(named)))
		length = sysctl_path(name, path, sizeof(path));

	if (length >= 0)
		length = tell_read_file(path, value, sizeof(value));
	if (length < 0) {
		fact_tell_absent(fetch, FACT_SYSCTL, name, length);
		return;
	}
	while (length && isspace((unsigned char)value[length - 1]))
		value[--length] = '\0';
	for (char *at = value; *at; at++)
		if (isspace((unsigned char)*at))
			*at = ' '; /* ranges come with a tabulator */
	tell_copy(fact.name, name, sizeof(fact.name));
	tell_copy(fact.text, value, sizeof(fact.text));
	fact.number = strtoll(value, &end, 10);
	if (*end)
		fact.number = 0;
	fact_tell(fetch, &fact);
}

void fact_fetch_sysctls(struct fetch *fetch)
{
	const struct fact_request *request = fetch->request;

	/* The net part of /proc/sys is that of the reading thread's namespace (net/sysctl_net.c). */
	for (size_t i = 0; i < ARRAY_SIZE(request->sysctls) && request->sysctls[i]; i++)
		fetch_sysctl(fetch, request->sysctls[i]);
}

/*
 * Both files have lines in pairs, "TcpExt: Name Name …" and "TcpExt: 1 2 …"; finds the value of
 * "TcpExt:Name". Returns 0, or -ENOENT.
 */
static int find_counter(FILE *file, const char *name, long long *value)
{
	size_t group = strcspn(name, ":") + 1;
	_cleanup_free_ char *names = NULL, *values = NULL;
	size_t names_size = 0, values_size = 0;

	while (getline(&names, &names_size, file) > 0 && getline(&values, &values_size, file) > 0) {
		char *names_at, *values_at, *key, *text;

		if (strncmp(names, name, group) != 0)
			continue;
		key = strtok_r(names, " \n", &names_at);
		text = strtok_r(values, " \n", &values_at);
		while (key && text) {
			if (!strcmp(key, name + group)) {
				*value = strtoll(text, NULL, 10);
				return 0;
			}
			key = strtok_r(NULL, " \n", &names_at);
			text = strtok_r(NULL, " \n", &values_at);
		}
	}
	return -ENOENT;
}

/* One to a line, "XfrmOutPolBlock 3" (net/xfrm/xfrm_proc.c). Returns 0, or a negative errno. */
static int find_policy_counter(const char *name, long long *value)
{
	_cleanup_file_ FILE *file = fopen("/proc/thread-self/net/xfrm_stat", "re");
	char line[128], key[64];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%63s %lld", key, value) == 2 && !strcmp(key, name))
			return 0;
	return -ENOENT;
}

static void fetch_counter(struct fetch *fetch, const char *name)
{
	/* Not /proc/net: that is of the process's first thread. */
	static const char *const files[] = { "/proc/thread-self/net/netstat",
					     "/proc/thread-self/net/snmp" };
	struct ev_fact fact = fact_make(FACT_COUNTER);
	long long value = 0;
	int err = strchr(name, ':') ? -ENOENT : find_policy_counter(name, &value);

	for (size_t i = 0; i < ARRAY_SIZE(files) && err == -ENOENT; i++) {
		_cleanup_file_ FILE *file = fopen(files[i], "re");

		if (file)
			err = find_counter(file, name, &value);
	}
	if (err) {
		fact_tell_absent(fetch, FACT_COUNTER, name, err);
		return;
	}
	tell_copy(fact.name, name, sizeof(fact.name));
	fact.number = value;
	fact_tell(fetch, &fact);
}

void fact_fetch_counters(struct fetch *fetch)
{
	const struct fact_request *request = fetch->request;

	for (size_t i = 0; i < ARRAY_SIZE(request->counters) && request->counters[i]; i++)
		if (!strcmp(request->counters[i], FACT_CONNTRACK_ENTRIES))
			fact_fetch_conntrack(fetch);
		else if (!strcmp(request->counters[i], FACT_CONNTRACK_PORTS))
			fact_fetch_translated(fetch);
		else if (!strcmp(request->counters[i], FACT_CONNTRACK_ENTRY))
			fact_fetch_entry(fetch);
		else
			fetch_counter(fetch, request->counters[i]);
}
