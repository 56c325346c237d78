// SPDX-License-Identifier: GPL-2.0-or-later
/* fact_resolver.c - the name servers that a process's resolv.conf names */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "collect/facts/fact.h"
#include "collect/host/process.h"
#include "collect/tell.h"
#include "util/address.h"
#include "util/own.h"

/*
 * In the process's own mount namespace and root: the links on the way are followed as it would
 * follow them (openat2(), 5.6), and lead nowhere else.
 */
static int open_config(__u32 pid)
{
	const struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
		.resolve = RESOLVE_IN_ROOT,
	};
	_cleanup_close_ int dir = process_open(pid);
	_cleanup_close_ int root = dir < 0 ? dir : openat(dir, "root", O_PATH | O_CLOEXEC);
	struct stat stat;
	int fd;

	if (root < 0)
		return -ESRCH;
	fd = (int)syscall(SYS_openat2, root, "etc/resolv.conf", &how, sizeof(how));
	if (fd < 0)
		return -errno;
	if (!fstat(fd, &stat) && S_ISREG(stat.st_mode))
		return fd;
	close(fd); /* whoever put something else there is not waited for */
	return -EINVAL;
}

/* resolv.conf(5). False: the line names none. */
static bool read_line(const char *line, __u8 *address)
{
	char word[64];
	__u8 bytes[EVENT_ADDRESS_SIZE];

	if (sscanf(line, "nameserver %63s", word) != 1)
		return false;
	word[strcspn(word, "%")] = '\0'; /* the interface of a link-local address */
	if (inet_pton(AF_INET, word, bytes) == 1)
		address_from_ipv4(address, bytes);
	else if (inet_pton(AF_INET6, word, bytes) == 1)
		address_from_ipv6(address, bytes);
	else
		return false;
	return true;
}

void fact_fetch_resolvers(struct fetch *fetch)
{
	__u32 pid = fetch->request->pid;
	_cleanup_close_ int fd = pid ? open_config(pid) : -ESRCH;
	__u8 found[FACT_RESOLVERS_MAX][EVENT_ADDRESS_SIZE];
	ssize_t size;
	char text[4096], *rest = text, *line;
	size_t count = 0;

	size = fd < 0 ? fd : read(fd, text, sizeof(text) - 1);
	if (size < 0) {
		fact_tell_absent(fetch, FACT_RESOLVER, NULL, fd < 0 ? fd : -errno);
		return;
	}
	text[size] = '\0';
	while (count < FACT_RESOLVERS_MAX && (line = strsep(&rest, "\n")))
		count += read_line(line, found[count]);
	for (size_t i = 0; i < count; i++) {
		struct ev_fact fact = fact_make(FACT_RESOLVER);

		fact.pid = pid;
		fact.number = (__s64)i + 1;
		fact.limit = (__s64)count;
		memcpy(fact.address, found[i], sizeof(fact.address));
		fact_tell(fetch, &fact);
	}
	if (!count)
		fact_tell_absent(fetch, FACT_RESOLVER, NULL, 0);
}
