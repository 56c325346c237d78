// SPDX-License-Identifier: GPL-2.0-or-later
/* notify_test.c - what the service manager hears */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/live/notify.h"
#include "util/log.h"

/* A manager of the abstract kind, which no file is left of. Sets $NOTIFY_SOCKET. */
static int manager(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	char name[64];
	int length = snprintf(name, sizeof(name), "@sockwhy-unit-%d", getpid());

	memcpy(address.sun_path + 1, name + 1, (size_t)length - 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)),
			 0);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static const char *heard(int fd)
{
	static char buffer[256];
	ssize_t n = recv(fd, buffer, sizeof(buffer) - 1, 0);

	buffer[n > 0 ? n : 0] = '\0';
	return buffer;
}

static void test_words(void **state)
{
	int fd = manager();
	struct notify notify;

	(void)state;
	setenv("WATCHDOG_USEC", "2000000", 1);
	notify = notify_open();
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_null(getenv("WATCHDOG_USEC"));
	notify_ready(&notify);
	assert_string_equal(heard(fd), "READY=1\nSTATUS=Watching connections");
	/* half of what it waits */
	notify_alive(&notify, 5000000000);
	assert_string_equal(heard(fd), "WATCHDOG=1");
	notify_alive(&notify, 5999999999);
	assert_string_equal(heard(fd), "");
	notify_alive(&notify, 6000000000);
	assert_string_equal(heard(fd), "WATCHDOG=1");
	notify_reloading(&notify, 7000000);
	assert_string_equal(heard(fd), "RELOADING=1\nMONOTONIC_USEC=7000");
	notify_stopping(&notify);
	assert_string_equal(heard(fd), "STOPPING=1");
	notify_close(&notify);
	close(fd);
}

static void test_nobody_asks(void **state)
{
	static const char *const names[] = { "", "x", "@", "/", "/no/such/socket" };
	struct notify notify = notify_open();

	(void)state;
	assert_int_equal(notify.fd, -1);
	notify_ready(&notify);
	notify_alive(&notify, 1);
	notify_close(&notify);
	log_set_level(-1);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		setenv("NOTIFY_SOCKET", names[i], 1);
		notify = notify_open();
		assert_int_equal(notify.fd, -1);
		assert_null(getenv("NOTIFY_SOCKET"));
	}
	log_set_level(LOG_LEVEL_INFO);
}

static void test_watchdog_of_others(void **state)
{
	static const char *const wrong[][2] = { { "1000000", "1" },
						{ "soon", "" },
						{ "99999999999999999999", "" },
						{ "86400000000", "" } };
	int fd = manager();
	struct notify notify;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char name[64];

		snprintf(name, sizeof(name), "@sockwhy-unit-%d", getpid());
		setenv("NOTIFY_SOCKET", name, 1);
		setenv("WATCHDOG_USEC", wrong[i][0], 1);
		if (wrong[i][1][0])
			setenv("WATCHDOG_PID", wrong[i][1], 1);
		notify = notify_open();
		notify_alive(&notify, 5000000000);
		assert_string_equal(heard(fd), "");
		assert_null(getenv("WATCHDOG_PID"));
		notify_close(&notify);
	}
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_nobody_asks),
		cmocka_unit_test(test_watchdog_of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
