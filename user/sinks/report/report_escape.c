// SPDX-License-Identifier: GPL-2.0-or-later
/* report_escape.c - text of any origin becomes text of a report, and nothing else */

#include <string.h>

#include "sinks/report/report.h"

/* Characters that change the order or the sight of others: a name must not dress up as another. */
static bool is_invisible(unsigned int c)
{
	return c == 0xad || c == 0x61c || c == 0x180e || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
	       (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f);
}

static unsigned int code_point(const char *bytes, size_t length)
{
	const unsigned char *s = (const unsigned char *)bytes;
	unsigned int c = length == 1 ? s[0] : s[0] & (0x7f >> length);

	for (size_t i = 1; i < length; i++)
		c = c << 6 | (s[i] & 0x3f);
	return c;
}

/* Takes the next character off @text: what is to be shown for it, before escaping. */
static const char *next_shown(const char **text, char *shown, size_t size)
{
	size_t length = text_utf8_length(*text, strnlen(*text, 4));
	unsigned int c = length ? code_point(*text, length) : 0;

	if (!length)
		snprintf(shown, size, "\\x%02x", (unsigned char)**text);
	else if (c < 0x20 || c == 0x7f)
		snprintf(shown, size, "\\x%02x", c);
	else if (is_invisible(c))
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
