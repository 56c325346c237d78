// SPDX-License-Identifier: GPL-2.0-or-later
/* main.c - which command, and whose arguments */

#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/options/config.h"
#include "util/log.h"

static const struct command_row commands[COMMAND_COUNT] = {
	[COMMAND_WATCH] = { "watch", "[OPTION...] [FILTER]",
			    "findings as they happen (the default)", command_watch },
	[COMMAND_RUN] = { "run", "[OPTION...] -- CMD [ARG...]",
			  "start a command, follow it, then explain what failed", command_run },
	[COMMAND_READ] = { "read", "[OPTION...] FILE...",
			   "judge captures and recordings, without root", command_read },
	[COMMAND_STATES] = { "states", "[OPTION...] [FILTER]",
			     "TCP sockets of this host by state, owner and age", command_states },
	[COMMAND_FLOWS] = { "flows", "[OPTION...] [FILE...]",
			    "a table of TCP connections: of this host, or of captures",
			    command_flows },
	[COMMAND_TOP] = { "top", "[OPTION...] [-r FILE] [FILTER]",
			  "a screen: who fails, where to, and why; or of a recording",
			  command_top },
	[COMMAND_COMPARE] = { "compare", "[OPTION...] A B",
			      "two captures of the same traffic: lost, delayed, changed between",
			      command_compare },
	[COMMAND_EXPLAIN] = { "explain", "[--json] [ID|ERRNO|STATE|WORD]",
			      "what it means and what to check", command_explain },
	[COMMAND_DOCTOR] = { "doctor", "[--clean [--dry-run]] [--json]",
			     "what this kernel and these privileges offer", command_doctor },
};

/*
 * Whoever starts this with a closed standard stream must not have a file or map of ours in its
 * place. Standard output stays unwritable: what was asked for is refused, not thrown away.
 */
static void open_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv)
{
	struct options options;
	int status = EXIT_USAGE;

	open_standard_streams();
	/* the locale decides about arrows alone: numbers and messages stay as they are */
	setlocale(LC_CTYPE, "");
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a write tells of it */

	if (!options_parse(&options, commands, argc, argv) &&
	    (options.help || options.version || !config_load(&options))) {
		if (options.quiet)
			log_set_level(LOG_LEVEL_ERROR);
		else if (options.verbose > 1)
			log_set_level(LOG_LEVEL_DEBUG);
		config_say(&options);
		if (options.help) {
			options_help(stdout, commands,
				     options.command_given ? options.command : COMMAND_COUNT);
			status = fflush(stdout) || ferror(stdout) ? EXIT_FAILED : EXIT_DONE;
		} else if (options.version) {
			puts("sockwhy " SOCKWHY_VERSION);
			status = fflush(stdout) || ferror(stdout) ? EXIT_FAILED : EXIT_DONE;
		} else {
			status = commands[options.command].run(&options);
		}
	}
	options_free(&options);
	return status;
}
