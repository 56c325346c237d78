// SPDX-License-Identifier: GPL-2.0-or-later
/* screen.c - the terminal as a whole, by ncurses */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NCURSES_NOMACROS 1
#define NCURSES_WIDECHAR 1
#include <ncurses.h>

#include "agent/output/screen.h"
#include "util/array.h"
#include "util/log.h"
#include "util/text.h"

#define ESCAPE_MS 25 /* a terminal sends the rest of a key's sequence at once */
#define STACK_BYTES 65536 /* of the handler: the fault may be that the other one is used up */
#define SAID_MOST 8192 /* bytes that are kept of what is said */
#define ROW_MOST 8192 /* bytes of a row; a wider terminal's is put in pieces */

struct screen {
	SCREEN *terminal;
	bool colors;
	void *stack;
	int error_fd; /* standard error as it was; -1: it is no terminal, and is left alone */
	int said_fd; /* what is said comes here */
	char said[SAID_MOST];
	size_t said_length;
	size_t line; /* where the last line begins that was not yet had */
};

/* What may end the process at any place. A handler cannot be handed a state: ncurses keeps its own. */
static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS };

/* It was reset as it was entered: raised again it ends the process as if nobody had looked. */
static void give_back(int signal)
{
	endwin();
	raise(signal);
}

static int catch_faults(struct screen *screen)
{
	const struct sigaction action = { .sa_handler = give_back,
					  .sa_flags = (int)SA_RESETHAND | SA_NODEFER | SA_ONSTACK };
	stack_t stack = { .ss_size = STACK_BYTES };

	screen->stack = stack.ss_sp = malloc(STACK_BYTES);
	if (!screen->stack || sigaltstack(&stack, NULL))
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		if (sigaction(faults[i], &action, NULL))
			return -errno;
	return 0;
}

static void leave_faults(struct screen *screen)
{
	const stack_t none = { .ss_flags = SS_DISABLE };

	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		signal(faults[i], SIG_DFL);
	sigaltstack(&none, NULL);
	free(screen->stack);
}

/* ---- standard error ---- */

/* Lines that were written into the screen would stand anywhere. */
static int take_error(struct screen *screen)
{
	int ends[2];

	if (!isatty(STDERR_FILENO))
		return 0;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	screen->said_fd = ends[0];
	screen->error_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	fflush(stderr);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	return screen->error_fd < 0 ? -errno : 0;
}

static void read_said(struct screen *screen)
{
	char buffer[512];
	ssize_t got;

	if (screen->said_fd < 0)
		return;
	while ((got = read(screen->said_fd, buffer, sizeof(buffer))) > 0) {
		size_t size = (size_t)got, over;

		/* the last ones are kept */
		over = screen->said_length + size < SAID_MOST ?
			       0 :
			       screen->said_length + size - SAID_MOST + 1;
		memmove(screen->said, screen->said + over, screen->said_length - over);
		screen->said_length -= over;
		screen->line = screen->line > over ? screen->line - over : 0;
		memcpy(screen->said + screen->said_length, buffer, size);
		screen->said_length += size;
	}
	screen->said[screen->said_length] = '\0';
}

const char *screen_said(struct screen *screen)
{
	char *end, *begin;

	read_said(screen);
	end = screen->said + screen->said_length;
	if (end == screen->said + screen->line || end[-1] != '\n')
		return NULL;
	end[-1] = '\0';
	begin = strrchr(screen->said + screen->line, '\n');
	begin = begin ? begin + 1 : screen->said + screen->line;
	screen->line = screen->said_length;
	return begin;
}

static void give_error(struct screen *screen)
{
	size_t at = 0;

	if (screen->said_fd < 0)
		return;
	fflush(stderr);
	read_said(screen);
	close(screen->said_fd);
	if (screen->error_fd < 0)
		return;
	/* the lowest that is free: dup2() is a call more to be allowed */
	close(STDERR_FILENO);
	if (fcntl(screen->error_fd, F_DUPFD, STDERR_FILENO) != STDERR_FILENO)
		return;
	close(screen->error_fd);
	/* ends of lines that were had are zeros */
	for (; at < screen->said_length; at++)
		fputc(screen->said[at] ? screen->said[at] : '\n', stderr);
}

/* ---- open and close ---- */

/* NO_COLOR leaves what is no colour: a bar, a cursor, bold. */
static void begin_colors(struct screen *screen, bool wanted)
{
	screen->colors = wanted && has_colors() && start_color() == OK;
	if (!screen->colors)
		return;
	use_default_colors();
	init_pair(TOP_ERROR, COLOR_RED, -1);
	init_pair(TOP_WARNING, COLOR_YELLOW, -1);
	init_pair(TOP_INFO, COLOR_CYAN, -1);
}

static int begin(struct screen *screen, bool color)
{
	const char *term = getenv("TERM");

	screen->terminal = newterm(NULL, stdout, stdin);
	if (!screen->terminal) {
		log_error("TERM=%s: no such terminal is known", term ? term : "");
		log_hint("sockwhy watch needs none");
		return -EINVAL;
	}
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(ESCAPE_MS);
	curs_set(0);
	begin_colors(screen, color);
	return 0;
}

int screen_open(struct screen **out, bool color)
{
	struct screen *screen = calloc(1, sizeof(*screen));
	int err;

	if (!screen)
		return log_error_r(-ENOMEM, "screen");
	screen->error_fd = screen->said_fd = -1;
	err = begin(screen, color);
	if (err) {
		free(screen);
		return err;
	}
	err = catch_faults(screen);
	err = err ? err : take_error(screen);
	if (err) {
		screen_close(screen);
		return log_error_r(err, "screen");
	}
	*out = screen;
	return 0;
}

void screen_close(struct screen *screen)
{
	if (!screen)
		return;
	endwin();
	delscreen(screen->terminal);
	leave_faults(screen);
	give_error(screen);
	free(screen);
}

/* ---- keys ---- */

unsigned int screen_key(struct screen *screen)
{
	wint_t code;
	int got = get_wch(&code);

	(void)screen;
	if (got == OK)
		return code == '\r'		 ? TOP_KEY_ENTER :
		       code == 0x7f || code == 8 ? TOP_KEY_BACKSPACE :
						   code;
	if (got != KEY_CODE_YES)
		return TOP_KEY_NONE;
	switch (code) {
	case KEY_UP:
		return TOP_KEY_UP;
	case KEY_DOWN:
		return TOP_KEY_DOWN;
	case KEY_LEFT:
		return TOP_KEY_LEFT;
	case KEY_RIGHT:
		return TOP_KEY_RIGHT;
	case KEY_PPAGE:
		return TOP_KEY_PAGE_UP;
	case KEY_NPAGE:
		return TOP_KEY_PAGE_DOWN;
	case KEY_HOME:
		return TOP_KEY_HOME;
	case KEY_END:
		return TOP_KEY_END;
	case KEY_BACKSPACE:
		return TOP_KEY_BACKSPACE;
	case KEY_BTAB:
		return TOP_KEY_BACK_TAB;
	case KEY_ENTER:
		return TOP_KEY_ENTER;
	}
	return TOP_KEY_OTHER; /* also another size: what is drawn next has it */
}

void screen_measure(const struct screen *screen, size_t *width, size_t *height)
{
	int rows = getmaxy(stdscr), columns = getmaxx(stdscr);

	(void)screen;
	*width = columns > 0 ? (size_t)columns : 1;
	*height = rows > 0 ? (size_t)rows : 1;
}

/* ---- what is shown ---- */

static attr_t attributes(const struct screen *screen, enum top_style style)
{
	attr_t color = screen->colors ? (attr_t)COLOR_PAIR(style) : 0;

	switch (style) {
	case TOP_BAR:
		return A_REVERSE;
	case TOP_BAR_SORTED:
		return A_REVERSE | A_BOLD;
	case TOP_CHOSEN:
		return A_REVERSE | A_BOLD;
	case TOP_BOLD:
		return A_BOLD;
	case TOP_DIM:
		return A_DIM;
	case TOP_ERROR:
		return color | A_BOLD;
	case TOP_WARNING:
	case TOP_INFO:
		return color;
	case TOP_PLAIN:
	case TOP_STYLE_COUNT:
		break;
	}
	return A_NORMAL;
}

/* From @column on, all of one style: returns where that ends. */
static size_t put_run(const struct screen *screen, const struct top_grid *grid, size_t row,
		      size_t column)
{
	const struct top_cell *first = top_grid_at(grid, row, column), *cell;
	char buffer[ROW_MOST];
	struct text text = text_of(buffer);
	size_t at = column;

	while ((cell = top_grid_at(grid, row, at)) && cell->style == first->style &&
	       text.length + sizeof(cell->letter) < sizeof(buffer)) {
		if (!cell->follows)
			text_add(&text, "%s", cell->letter[0] ? cell->letter : " ");
		at++;
	}
	attrset((int)attributes(screen, first->style));
	mvaddnstr((int)row, (int)column, buffer, (int)text.length);
	return at;
}

void screen_put(struct screen *screen, const struct top_grid *grid)
{
	erase();
	for (size_t row = 0; row < grid->height; row++)
		for (size_t column = 0; column < grid->width;)
			column = put_run(screen, grid, row, column);
	attrset(A_NORMAL);
	refresh();
}
