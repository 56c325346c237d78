// SPDX-License-Identifier: GPL-2.0-or-later
/* wrap_test.c - lines for a terminal are broken between words, and lose none */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sinks/wrap.h"

static void assert_wrapped(const char *line, size_t width, size_t indent, size_t keep,
			   const char *wanted)
{
	char *got = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&got, &size);

	wrap_line(file, line, width, indent, keep);
	fclose(file);
	assert_string_equal(got, wanted);
	free(got);
}

static void between_words(void **state)
{
	(void)state;
	assert_wrapped("one two three four five six seven eight", 24, 2, 0,
		       "one two three four five\n  six seven eight\n");
	/* exactly as wide */
	assert_wrapped("one two three four fives six", 24, 2, 0,
		       "one two three four fives\n  six\n");
	assert_wrapped("one two three four fivesx six", 24, 2, 0,
		       "one two three four\n  fivesx six\n");
	assert_wrapped("", 24, 2, 0, "\n");
	/* blanks in front and between stand as they are */
	assert_wrapped("    a   b", 24, 2, 0, "    a   b\n");
}

static void no_terminal(void **state)
{
	(void)state;
	assert_wrapped("one two three four five six seven eight", 0, 2, 0,
		       "one two three four five six seven eight\n");
	/* so narrow that nothing is gained */
	assert_wrapped("one two three four five six seven eight", 12, 8, 0,
		       "one two three four five six seven eight\n");
}

static void long_word(void **state)
{
	(void)state;
	assert_wrapped("abc 0123456789012345678901234567890 b", 24, 2, 0,
		       "abc\n  0123456789012345678901234567890\n  b\n");
}

static void command_in_one_piece(void **state)
{
	(void)state;
	/* 10 bytes of label and 25 of command */
	assert_wrapped("    check ss -ltnp sport  # why it is so", 30, 10, 24,
		       "    check ss -ltnp sport\n          # why it is so\n");
	assert_wrapped("    check ss -ltnp 'sport = :8080'  # why it is so", 30, 10, 34,
		       "    check ss -ltnp 'sport = :8080'\n          # why it is so\n");
}

static void characters_and_colors(void **state)
{
	(void)state;
	/* an arrow is one column, a colour none */
	assert_wrapped("\033[1m→→→→ bbbb cccc dddd\033[0m eeee ffff", 24, 2, 0,
		       "\033[1m→→→→ bbbb cccc dddd\033[0m eeee\n  ffff\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(between_words),
		cmocka_unit_test(no_terminal),
		cmocka_unit_test(long_word),
		cmocka_unit_test(command_in_one_piece),
		cmocka_unit_test(characters_and_colors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
