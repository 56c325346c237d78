// SPDX-License-Identifier: GPL-2.0-or-later
/* assemble.c - lines of the replay language become records */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assemble.h"
#include "assemble_field.h"
#include "assemble_value.h"
#include "util/own.h"

#define BASE_NS 1000000000000ull /* monotonic time of offset 0 */
#define BASE_REAL_NS 1795170667000000000ull /* 2026-11-20T10:31:07Z */
#define TICK_NS 20000000ull
#define LINE_MAX_BYTES 4096
#define TOKENS_MAX 64
#define DEFINES_MAX 64
#define SETS_MAX 16
#define DEPTH_MAX 8

struct define {
	char name[32];
	char words[512];
};

struct assembly {
	int (*take)(void *ctx, const void *record, size_t size);
	void *ctx;
	__u64 now_ns; /* of the record before */
	__u64 tick_ns; /* of the last tick */
	__u32 ticks;
	__u64 frames;
	unsigned int depth;
	struct context context;
	unsigned int defines, sets;
	struct define define[DEFINES_MAX];
	char set[SETS_MAX][128]; /* "netns=…" */
};

static int assemble_lines(struct assembly *assembly, const char *text);

/* ---- words of a line ---- */

/* The character that a backslash in a quoted text stands before; moves *@at past it. */
static int unescape(const char **at)
{
	const char *s = *at;

	*at += 1;
	switch (*s) {
	case 'n':
		return '\n';
	case '"':
	case '\\':
		return *s;
	case 'x':
		if (value_hex_digit(s[1]) < 0 || value_hex_digit(s[2]) < 0)
			return -1;
		*at += 2;
		return value_hex_digit(s[1]) << 4 | value_hex_digit(s[2]);
	}
	return -1;
}

/* Splits at blanks outside quotes, in place; a comment ends the line. Returns the count or -EINVAL. */
static int split_line(const struct assembly *assembly, char *line, char *tokens[TOKENS_MAX])
{
	const char *from = line;
	char *to = line;
	int count = 0;

	for (;;) {
		from += strspn(from, " \t");
		if (!*from || *from == '#')
			return count;
		if (count == TOKENS_MAX)
			return mistake(&assembly->context, "more than %d words", TOKENS_MAX);
		tokens[count++] = to;
		for (bool quoted = false; *from && (quoted || !strchr(" \t", *from));) {
			int c = (unsigned char)*from++;

			if (c == '"') {
				quoted = !quoted;
				if (!quoted || strchr(from, '"'))
					continue;
				return mistake(&assembly->context, "a quote is not closed");
			}
			if (quoted && c == '\\')
				c = unescape(&from);
			if (c <= 0)
				return mistake(&assembly->context,
					       "after \\ only \\ \" n or xNN, not x00");
			*to++ = (char)c;
		}
		if (*from)
			from++;
		*to++ = '\0';
	}
}

/* Replaces $NAME by what was defined. @out: LINE_MAX_BYTES. */
static int expand_line(const struct assembly *assembly, const char *line, char *out)
{
	struct text text = text_in(out, LINE_MAX_BYTES);

	while (*line) {
		size_t plain = strcspn(line, "$"), name;

		text_add(&text, "%.*s", (int)plain, line);
		line += plain;
		if (!*line)
			break;
		line++;
		name = strspn(line,
			      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
		for (unsigned int i = 0;; i++) {
			const struct define *define = &assembly->define[i];

			if (i == assembly->defines)
				return mistake(&assembly->context, "$%.*s is not defined",
					       (int)name, line);
			if (strlen(define->name) == name && !strncmp(define->name, line, name)) {
				text_add(&text, "%s", define->words);
				break;
			}
		}
		line += name;
	}
	return text.cut ? mistake(&assembly->context, "the line is too long") : 0;
}

/* ---- records ---- */

static __u8 vantage_of_kind(unsigned int kind)
{
	if (kind == EVENT_SYSCALL)
		return VANTAGE_SYSCALL;
	if (kind == EVENT_SOCKET)
		return VANTAGE_ITERATOR;
	if (kind == EVENT_FRAME)
		return VANTAGE_FILE;
	return kind < EVENT_KERNEL_KIND_COUNT ? VANTAGE_SOCKET : VANTAGE_USER;
}

/* What stands in a record if the line does not say otherwise. */
static void record_begin(struct assembly *assembly, struct record *record, unsigned int kind,
			 __u64 ts_ns)
{
	memset(record, 0, sizeof(*record));
	record->head.kind = (__u16)kind;
	record->head.ts_ns = ts_ns;
	record->head.vantage = vantage_of_kind(kind);
	if (kind == EVENT_OPEN || kind == EVENT_SYSCALL)
		record->head.flags = EVENT_F_TASK;
	if (kind == EVENT_STATE || kind == EVENT_ERROR)
		record->known = EVENT_K_RESET_SEEN;
	if (kind == EVENT_CLOCK) {
		struct ev_clock *clock = (struct ev_clock *)record->body;

		clock->monotonic_ns = ts_ns;
		clock->realtime_ns = BASE_REAL_NS + (ts_ns - BASE_NS);
		clock->boottime_ns = ts_ns;
	}
	if (kind == EVENT_FRAME)
		((struct ev_frame *)record->body)->frame = ++assembly->frames;
	if (kind == EVENT_TICK)
		((struct ev_tick *)record->body)->sequence = assembly->ticks++;
}

/* The size of the record, and of a packet the flags and where it was seen. */
static void record_end(struct record *record)
{
	const struct field *packet = record_field(decode_fields(record->head.kind), "packet");
	size_t size = decode_body_size(record->head.kind);
	const struct ev_raw *raw;

	if (packet && packet->type == FIELD_RAW) { /* lost has a number of that name */
		raw = (const struct ev_raw *)(record->body + packet->offset);
		size = packet->offset + offsetof(struct ev_raw, bytes) + raw->captured_bytes;
		if (raw->wire_bytes > raw->captured_bytes)
			record->head.flags |= EVENT_F_TRUNCATED;
		if (raw->captured_bytes && raw->bytes[0] >> 4 == 6)
			record->head.flags |= EVENT_F_IPV6;
	}
	record->head.size = (__u16)(sizeof(record->head) + size);
	if (record->head.vantage == VANTAGE_TC_OUT || record->head.vantage == VANTAGE_CGROUP_OUT)
		record->head.flags |= EVENT_F_OUT;
	else if (record->head.kind == EVENT_PACKET && !record->vantage_given)
		record->head.vantage =
			record->head.flags & EVENT_F_OUT ? VANTAGE_TC_OUT : VANTAGE_TC_IN;
}

static int learn_name(struct context *context, const struct record *record)
{
	const struct ev_name *name = (const struct ev_name *)record->body;

	if (record->head.kind != EVENT_NAME)
		return 0;
	if (context->names == NAMES_MAX)
		return mistake(context, "more than %d names", NAMES_MAX);
	context->name[context->names].value = name->value;
	context->name[context->names].space = name->space;
	memcpy(context->name[context->names].text, name->text, sizeof(name->text));
	context->names++;
	return 0;
}

static int record_give(struct assembly *assembly, struct record *record)
{
	__u8 bytes[sizeof(record->head) + sizeof(record->body)] __attribute__((aligned(8)));

	record_end(record);
	memcpy(bytes, &record->head, sizeof(record->head));
	memcpy(bytes + sizeof(record->head), record->body,
	       record->head.size - sizeof(record->head));
	assembly->now_ns = record->head.ts_ns;
	if (record->head.kind == EVENT_TICK && record->head.ts_ns > assembly->tick_ns)
		assembly->tick_ns = record->head.ts_ns;
	return assembly->take(assembly->ctx, bytes, record->head.size);
}

/* "12.5": of the recording's beginning; "+0.3": of the record before. */
static bool read_offset(const struct assembly *assembly, const char *word, __u64 *ts_ns)
{
	char *end;
	double ms = strtod(word + (*word == '+'), &end);

	if (*end || end == word || !(ms >= 0 && ms <= 1e9))
		return false;
	*ts_ns = (*word == '+' ? assembly->now_ns : BASE_NS) + (__u64)(ms * 1e6 + 0.5);
	return true;
}

static int assemble_record(struct assembly *assembly, char **tokens, int count)
{
	struct record record;
	__u64 ts_ns;
	__s64 kind;
	int err = 0;

	if (!read_offset(assembly, tokens[0], &ts_ns))
		return mistake(&assembly->context,
			       "\"%s\": an offset in ms, include, define, set or tick", tokens[0]);
	if (count < 2 || !value_name(tokens[1], decode_kind_name, &kind) || kind <= EVENT_NONE ||
	    kind >= EVENT_KIND_COUNT)
		return mistake(&assembly->context, "\"%s\" is no kind of record",
			       count < 2 ? "" : tokens[1]);
	record_begin(assembly, &record, (unsigned int)kind, ts_ns);
	for (unsigned int i = 0; i < assembly->sets && !err; i++) {
		char copy[sizeof(assembly->set[0])];

		memcpy(copy, assembly->set[i], sizeof(copy));
		err = record_set(&assembly->context, &record, copy);
	}
	for (int i = 2; i < count && !err; i++)
		err = record_set(&assembly->context, &record, tokens[i]);
	if (!err)
		err = record_set_known(&assembly->context, &record, tokens + 2, count - 2);
	if (!err)
		err = learn_name(&assembly->context, &record);
	return err ? err : record_give(assembly, &record);
}

static int assemble_ticks(struct assembly *assembly, char **tokens, int count)
{
	struct record record;
	__u64 until;
	int err = 0;

	if (count != 2 || !read_offset(assembly, tokens[1], &until))
		return mistake(&assembly->context, "tick OFFSET expected");
	if (until <= assembly->tick_ns)
		return mistake(&assembly->context, "the last tick is not before %s ms", tokens[1]);
	while (!err && assembly->tick_ns < until) {
		__u64 next = assembly->tick_ns + TICK_NS;

		record_begin(assembly, &record, EVENT_TICK, next < until ? next : until);
		err = record_give(assembly, &record);
	}
	return err;
}

static int assemble_set(struct assembly *assembly, char **tokens, int count)
{
	for (int i = 1; i < count; i++) {
		size_t key = strcspn(tokens[i], "=") + 1;
		struct record scratch = { .head.kind = EVENT_TICK };
		char copy[sizeof(assembly->set[0])];
		unsigned int slot = 0;

		if (strlen(tokens[i]) >= sizeof(copy))
			return mistake(&assembly->context, "%s is too long", tokens[i]);
		while (slot < assembly->sets && strncmp(assembly->set[slot], tokens[i], key))
			slot++;
		if (slot == SETS_MAX)
			return mistake(&assembly->context, "more than %d fields set", SETS_MAX);
		strcpy(assembly->set[slot], tokens[i]);
		strcpy(copy, tokens[i]);
		if (!strchr(copy, '=') || record_set(&assembly->context, &scratch, copy))
			return mistake(&assembly->context, "set: header fields only");
		if (slot == assembly->sets)
			assembly->sets++;
	}
	return 0;
}

/* Cuts the comment off a line whose words are not split; @line is not its first character. */
static void cut_comment(char *line)
{
	bool quoted = false;

	for (char *c = line; *c; c++) {
		if (quoted && *c == '\\' && c[1])
			c++;
		else if (*c == '"')
			quoted = !quoted;
		else if (*c == '#' && !quoted && strchr(" \t", c[-1])) {
			*c = '\0';
			return;
		}
	}
}

/* Takes the line as it is: quotes stay for the lines that use the name. */
static int assemble_define(struct assembly *assembly, char *line)
{
	struct define *define = NULL;
	char name[sizeof(define->name)];
	int words = 0;

	if (sscanf(line, " define %31s %n", name, &words) == 1 && words && line[words])
		cut_comment(line + words + (line[words] == '#')); /* a # may be the first word */
	if (!words || strlen(line + words) >= sizeof(define->words))
		return mistake(&assembly->context, "define NAME WORDS expected");
	for (unsigned int i = 0; i < assembly->defines; i++)
		if (!strcmp(assembly->define[i].name, name))
			define = &assembly->define[i];
	if (!define && assembly->defines == DEFINES_MAX)
		return mistake(&assembly->context, "more than %d names defined", DEFINES_MAX);
	if (!define)
		define = &assembly->define[assembly->defines++];
	strcpy(define->name, name);
	strcpy(define->words, line + words);
	return 0;
}

static int read_whole(const char *path, char **text)
{
	_cleanup_file_ FILE *file = fopen(path, "r");
	size_t size = 0;
	ssize_t n;

	if (!file)
		return -errno;
	n = getdelim(text, &size, EOF, file);
	if (n < 0 && ferror(file))
		return -EIO;
	if (n < 0) { /* an empty file */
		free(*text);
		*text = strdup("");
	}
	return *text ? 0 : -ENOMEM;
}

static int assemble_one_file(struct assembly *assembly, const char *path)
{
	_cleanup_free_ char *text = NULL;
	const char *outer_file = assembly->context.file;
	unsigned int outer_line = assembly->context.line;
	int err = read_whole(path, &text);

	if (err && outer_file)
		return mistake(&assembly->context, "%s: %s", path, strerror(-err));
	if (err) {
		fprintf(stderr, "%s: %s\n", path, strerror(-err));
		return err;
	}
	assembly->context.file = path;
	err = assemble_lines(assembly, text);
	assembly->context.file = outer_file;
	assembly->context.line = outer_line;
	return err;
}

static int assemble_include(struct assembly *assembly, char **tokens, int count)
{
	const char *slash = strrchr(assembly->context.file, '/');
	char path[4096];
	int err;

	if (count != 2)
		return mistake(&assembly->context, "include FILE expected");
	if (assembly->depth == DEPTH_MAX)
		return mistake(&assembly->context, "files include each other %d deep", DEPTH_MAX);
	snprintf(path, sizeof(path), "%.*s%s",
		 slash ? (int)(slash - assembly->context.file) + 1 : 0, assembly->context.file,
		 tokens[1]);
	assembly->depth++;
	err = assemble_one_file(assembly, path);
	assembly->depth--;
	return err;
}

static int assemble_line(struct assembly *assembly, const char *line)
{
	char expanded[LINE_MAX_BYTES];
	char *tokens[TOKENS_MAX];
	int count, err;

	if (line[strspn(line, " \t")] == '#')
		return 0;
	err = expand_line(assembly, line, expanded);
	if (err)
		return err;
	if (!strncmp(expanded, "define ", 7))
		return assemble_define(assembly, expanded);
	count = split_line(assembly, expanded, tokens);
	if (count <= 0)
		return count;
	if (!strcmp(tokens[0], "include"))
		return assemble_include(assembly, tokens, count);
	if (!strcmp(tokens[0], "set"))
		return assemble_set(assembly, tokens, count);
	if (!strcmp(tokens[0], "tick"))
		return assemble_ticks(assembly, tokens, count);
	return assemble_record(assembly, tokens, count);
}

static int assemble_lines(struct assembly *assembly, const char *text)
{
	int err = 0;

	assembly->context.line = 0;
	while (*text && !err) {
		size_t length = strcspn(text, "\n");
		char line[LINE_MAX_BYTES];

		assembly->context.line++;
		if (length >= sizeof(line))
			return mistake(&assembly->context, "the line is too long");
		memcpy(line, text, length);
		line[length] = '\0';
		err = assemble_line(assembly, line);
		text += length + (text[length] == '\n');
	}
	return err;
}

static int assemble(const char *name, const char *text,
		    int (*take)(void *ctx, const void *record, size_t size), void *ctx)
{
	_cleanup_free_ struct assembly *assembly = calloc(1, sizeof(*assembly));

	if (!assembly)
		return -ENOMEM;
	assembly->take = take;
	assembly->ctx = ctx;
	assembly->now_ns = BASE_NS;
	assembly->tick_ns = BASE_NS;
	if (!text)
		return assemble_one_file(assembly, name);
	assembly->context.file = name;
	return assemble_lines(assembly, text);
}

int assemble_file(const char *path, int (*take)(void *ctx, const void *record, size_t size),
		  void *ctx)
{
	return assemble(path, NULL, take, ctx);
}

int assemble_text(const char *name, const char *text,
		  int (*take)(void *ctx, const void *record, size_t size), void *ctx)
{
	return assemble(name, text, take, ctx);
}
