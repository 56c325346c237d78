// SPDX-License-Identifier: GPL-2.0-or-later
/* report_escape.c - text of any origin becomes text of a report, and nothing else */

#include <string.h>

#include "sinks/report/report.h"

/* Takes the next character off @text: what is to be shown for it, before escaping. */
static const char *next_shown(const char **text, char *shown, size_t size)
{
	unsigned int c;
	size_t length = text_utf8_decode(*text, strnlen(*text, 4), &c);

	if (length && c < 0xa0 && !text_is_shown(c))
		length = 0; /* a control: byte by byte */
	if (!length)
		snprintf(shown, size, "\\x%02x", (unsigned char)**text);
	else if (!text_is_shown(c))
		snprintf(shown, size, "\\u%04x", c);
	else
		snprintf(shown, size, "%.*s", (int)length, *text);
	*text += length ? length : 1;
	return shown;
}

void report_put_html(FILE *file, const char *text)
{
	char shown[16];

	while (*text)
		for (const char *c = next_shown(&text, shown, sizeof(shown)); *c; c++) {
			switch (*c) {
			case '&':
				fputs("&amp;", file);
				break;
			case '<':
				fputs("&lt;", file);
				break;
			case '>':
				fputs("&gt;", file);
				break;
			case '"':
				fputs("&quot;", file);
				break;
			case '\'':
				fputs("&#39;", file);
				break;
			default:
				fputc(*c, file);
			}
		}
}

/*
 * CommonMark 2.4 lets every ASCII punctuation be escaped; GitHub's extensions also make links of bare
 * addresses and formulas of $.
 */
void report_put_markdown(FILE *file, const char *text)
{
	char shown[16];

	while (*text) {
		bool link = !strncmp(text, "://", 3) || !strncasecmp(text, "www.", 4);

		for (const char *c = next_shown(&text, shown, sizeof(shown)); *c; c++) {
			if (*c == '<')
				fputs("&lt;", file);
			else if (*c == '>')
				fputs("&gt;", file);
			else if (*c == '&')
				fputs("&amp;", file);
			else if (link && *c != ':') /* www. */
				fprintf(file, "&#%u;", (unsigned char)*c);
			else if (link || strchr("\\`*_[]#~!|$^@{}", *c))
				fprintf(file, "\\%c", *c);
			else
				fputc(*c, file);
		}
	}
}

/* A fence that the text cannot close: longer than any run of its own (CommonMark 4.5). */
void report_put_fenced(FILE *file, const char *text)
{
	size_t longest = 2, run = 0;
	char shown[16];

	for (const char *c = text; *c; c++) {
		run = *c == '`' ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	for (size_t i = 0; i <= longest; i++)
		fputc('`', file);
	fputc('\n', file);
	while (*text)
		fputs(next_shown(&text, shown, sizeof(shown)), file);
	fputc('\n', file);
	for (size_t i = 0; i <= longest; i++)
		fputc('`', file);
	fputc('\n', file);
}
