// SPDX-License-Identifier: GPL-2.0-or-later
/* journal_test.c - what the journal is sent, and what becomes of it when nobody takes it */

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "local_listener.h"
#include "sinks/journal.h"
#include "sinks/message_id.h"
#include "util/array.h"
#include "util/text.h"

static struct finding finding; /* too large for a stack */
static char entry[65536];
static size_t entry_size;

static bool lives(const struct event_owner *owner)
{
	return owner->tgid == 41;
}

static bool hear(int fd)
{
	ssize_t size = recv(fd, entry + 1, sizeof(entry) - 2, 0);

	entry[0] = '\n';
	entry_size = size > 0 ? (size_t)size + 1 : 1;
	return size > 0;
}

/* Lengths stand in an entry as bytes: it is no string. */
static bool says(const char *words)
{
	return memmem(entry, entry_size, words, strlen(words));
}

static void fill(__u32 pid, const char *comm)
{
	memset(&finding, 0, sizeof(finding));
	finding.rule = rules_find("connect-refused");
	finding.severity = SEVERITY_WARNING;
	finding.state = FINDING_FINAL;
	finding.did = "could not connect to";
	finding.count = finding.total = 1;
	finding.owner_known = true;
	finding.owner.tgid = pid;
	finding.owner.start_ns = 7;
	memcpy(finding.owner.comm, comm, strlen(comm));
	strcpy(finding.cause, "nothing listens\nthere");
}

struct house {
	char path[64];
	int fd;
	struct join *join;
	struct journal *journal;
	struct sink *sink;
};

static void move_in(struct house *house)
{
	struct sink_options options = { .ops = &sink_journal_ops,
					.take_error = journal_take_error };

	snprintf(house->path, sizeof(house->path), "/tmp/sockwhy-journal-%d", getpid());
	unlink(house->path);
	assert_int_equal(journal_open(&house->journal, house->path, lives), -ENOENT);
	house->fd = local_listen(house->path);
	assert_int_equal(journal_open(&house->journal, house->path, lives), 0);
	assert_int_equal(join_new(&house->join, &join_limits_default), 0);
	options.state = options.ctx = house->journal;
	assert_int_equal(sink_open(&house->sink, &options), 0);
}

static void move_out(struct house *house)
{
	sink_close(house->sink);
	journal_close(house->journal);
	join_free(house->join);
	close(house->fd);
	unlink(house->path);
}

/* RFC 9562's own construction, of Python's uuid.uuid5(). */
static void test_number(void **state)
{
	char buffer[40];
	struct text text = text_of(buffer);

	(void)state;
	message_id_print(&text, "connect-refused");
	assert_string_equal(buffer, "3a1e412c5f985da1baacd7b82a4a256c");
}

static void test_fields(void **state)
{
	struct house house;

	(void)state;
	move_in(&house);
	fill(41, "a=b\nPRIORITY=0\xff");
	assert_int_equal(sink_finding(house.sink, house.join, &finding), 0);
	assert_true(hear(house.fd));
	assert_true(says("\nMESSAGE_ID=3a1e412c5f985da1baacd7b82a4a256c\n"));
	assert_true(says("\nPRIORITY=4\n"));
	assert_true(says("\nOBJECT_PID=41\n"));
	/* a name makes no field of its own */
	assert_true(says("\nSOCKWHY_COMM=a=b\\x0aPRIORITY=0\\xff\n"));
	assert_false(says("\nPRIORITY=0"));
	/* a value of several lines has its length in front, which is not text */
	assert_true(says("\nSOCKWHY_CAUSE\n\x15"));
	fill(42, "curl");
	assert_int_equal(sink_finding(house.sink, house.join, &finding), 0);
	assert_true(hear(house.fd));
	assert_false(says("\nOBJECT_PID="));
	move_out(&house);
}

static void test_nobody_takes_it(void **state)
{
	struct house house;
	int err = 0;

	(void)state;
	move_in(&house);
	fill(42, "curl");
	/* full: each costs a tenth of a second, and is told */
	for (int i = 0; i < 100000 && !err; i++)
		err = sink_finding(house.sink, house.join, &finding);
	assert_int_equal(err, -EAGAIN);
	while (hear(house.fd))
		;
	assert_int_equal(sink_finding(house.sink, house.join, &finding), 0);
	/* gone, and then another in its place */
	close(house.fd);
	assert_true(sink_finding(house.sink, house.join, &finding) < 0);
	house.fd = local_listen(house.path);
	assert_int_equal(sink_finding(house.sink, house.join, &finding), 0);
	assert_true(hear(house.fd));
	move_out(&house);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_number),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_nobody_takes_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
