// SPDX-License-Identifier: GPL-2.0-or-later
/* syslog_test.c - messages of RFC 5424: their form, whatever is in them */

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "local_listener.h"
#include "sinks/syslog.h"

static struct finding finding; /* too large for a stack */

struct house {
	char path[64];
	int fd;
	struct join *join;
	struct syslog_to *syslog;
	struct sink *sink;
	char heard[SYSLOG_BYTES + 2];
};

static void move_in(struct house *house)
{
	struct sink_options options = { .ops = &sink_syslog_ops, .take_error = syslog_take_error };

	snprintf(house->path, sizeof(house->path), "/tmp/sockwhy-syslog-%d", getpid());
	unlink(house->path);
	assert_int_equal(syslog_open(&house->syslog, house->path, 812), -ENOENT);
	house->fd = local_listen(house->path);
	assert_int_equal(syslog_open(&house->syslog, house->path, 812), 0);
	assert_int_equal(join_new(&house->join, &join_limits_default), 0);
	options.state = options.ctx = house->syslog;
	assert_int_equal(sink_open(&house->sink, &options), 0);
	memset(&finding, 0, sizeof(finding));
	finding.rule = rules_find("connect-refused");
	finding.severity = SEVERITY_ERROR;
	finding.state = FINDING_FINAL;
	finding.did = "could not connect to";
	finding.attempt = 0xab;
	finding.count = finding.total = 1;
	finding.owner_known = true;
	finding.owner.tgid = 41;
	strcpy(finding.cause, "nothing listens there");
}

static void move_out(struct house *house)
{
	sink_close(house->sink);
	syslog_close(house->syslog);
	join_free(house->join);
	close(house->fd);
	unlink(house->path);
}

static const char *tell(struct house *house)
{
	ssize_t size;

	assert_int_equal(sink_finding(house->sink, house->join, &finding), 0);
	size = recv(house->fd, house->heard, sizeof(house->heard) - 1, 0);
	assert_true(size > 0 && size <= SYSLOG_BYTES);
	house->heard[size] = '\0';
	assert_int_equal(strlen(house->heard), size);
	return house->heard;
}

static void test_form(void **state)
{
	static const char head[] =
		"<27>1 - - sockwhy 812 connect-refused [sockwhy@32473 severity=\"error\" ";
	struct house house;
	const char *said;

	(void)state;
	move_in(&house);
	strcpy(finding.owner.comm, "curl");
	said = tell(&house);
	assert_memory_equal(said, head, strlen(head));
	assert_non_null(strstr(said, " attempt=\"00000000000000ab\" "));
	assert_non_null(strstr(said, " pid=\"41\" "));
	assert_non_null(strstr(said, " comm=\"curl\""));
	assert_non_null(strstr(said, "] \xef\xbb\xbf"));
	assert_non_null(strstr(said, "nothing listens there"));
	finding.severity = SEVERITY_INFO;
	assert_memory_equal(tell(&house), "<30>1 ", 6);
	move_out(&house);
}

/* What ends a value, or an element, does not; nor does it end a line. */
static void test_hostile(void **state)
{
	struct house house;
	const char *said;

	(void)state;
	move_in(&house);
	strcpy(finding.owner.comm, "a\"b]\\c\n\x01");
	said = tell(&house);
	assert_non_null(strstr(said, " comm=\"a"));
	assert_null(strchr(said, '\n'));
	assert_null(strchr(said, '\x01'));
	assert_null(strstr(said, "a\"b"));
	assert_null(strstr(strstr(said, "comm="), "b]\\c"));
	move_out(&house);
}

/* All of it is as large as what every receiver takes, and no character is cut. */
static void test_large(void **state)
{
	struct house house;
	const char *said, *text;

	(void)state;
	move_in(&house);
	memset(finding.process.pod, 'p', sizeof(finding.process.pod));
	memset(finding.process.unit, 0x80, sizeof(finding.process.unit));
	memset(finding.process.container_name, 0x80, sizeof(finding.process.container_name));
	memset(finding.process.pod_namespace, 0x80, sizeof(finding.process.pod_namespace));
	memset(finding.name, 'n', sizeof(finding.name) - 1);
	for (size_t i = 0; i + 3 < sizeof(finding.cause); i += 2)
		memcpy(finding.cause + i, "\xc3\xa9", 3);
	said = tell(&house);
	text = strstr(said, "] \xef\xbb\xbf");
	assert_non_null(text);
	assert_true(strlen(text) > 100);
	assert_true((unsigned char)text[strlen(text) - 1] == 0xa9);
	move_out(&house);
}

/* Who was started anew is found again; who is not there costs the message. */
static void test_reconnects(void **state)
{
	struct house house;

	(void)state;
	move_in(&house);
	close(house.fd);
	assert_true(sink_finding(house.sink, house.join, &finding) != 0);
	house.fd = local_listen(house.path);
	tell(&house);
	move_out(&house);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_reconnects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
