// SPDX-License-Identifier: GPL-2.0-or-later
/* assemble_field.c - one field of a record, by its table or by a shorthand */

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "assemble_field.h"
#include "assemble_value.h"
#include "util/address.h"

int mistake(const struct context *context, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s:%u: ", context->file, context->line);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return -EINVAL;
}

const struct field *record_field(const struct field *fields, const char *name)
{
	for (; fields && fields->name; fields++)
		if (!strcmp(fields->name, name))
			return fields;
	return NULL;
}

static const struct field *find_body_field(unsigned int kind, const char *name)
{
	const struct field *fields = decode_fields(kind);
	const struct field *field = record_field(fields, name);
	char full[64];

	if (!field) {
		snprintf(full, sizeof(full), "tuple.%s", name);
		field = record_field(fields, full);
	}
	if (!field) {
		snprintf(full, sizeof(full), "owner.%s", name);
		field = record_field(fields, full);
	}
	return field;
}

/* A reason or location by the name that a name record gave it. */
static bool value_learned(const struct context *context, unsigned int kind, const char *field,
			  const char *text, __s64 *number)
{
	__u32 space = !strcmp(field, "location") ? NAME_SYMBOL :
		      kind == EVENT_RESET_SENT	 ? NAME_RESET_REASON :
						   NAME_DROP_REASON;

	if (strcmp(field, "location") && strcmp(field, "reason"))
		return false;
	for (unsigned int i = 0; i < context->names; i++) {
		if (context->name[i].space == space && !strcmp(context->name[i].text, text)) {
			*number = (__s64)context->name[i].value;
			return true;
		}
	}
	return false;
}

static int set_text(const struct context *context, const struct field *field, char *at,
		    const char *value)
{
	/* an id fills its place, and no zero ends it */
	unsigned int most = field->size - (strcmp(field->name, "container") ? 1 : 0);

	if (strlen(value) > most)
		return mistake(context, "%s: at most %u bytes", field->name, most);
	memset(at, 0, field->size);
	memcpy(at, value, strlen(value));
	return 0;
}

static int set_bytes(const struct context *context, const struct field *field, __u8 *at,
		     const char *value)
{
	size_t digits = strlen(value);

	if (digits > 2u * field->size || digits % 2)
		return mistake(context, "%s: an even number of at most %u hexadecimal digits",
			       field->name, 2 * field->size);
	memset(at, 0, field->size);
	for (size_t i = 0; i < digits / 2; i++) {
		int high = value_hex_digit(value[2 * i]), low = value_hex_digit(value[2 * i + 1]);

		if (high < 0 || low < 0)
			return mistake(context, "%s: not hexadecimal", field->name);
		at[i] = (__u8)(high << 4 | low);
	}
	return 0;
}

static int set_flags(const struct context *context, unsigned int kind, const struct field *field,
		     bool header, void *at, char *value)
{
	const char *bad = NULL;
	__u64 base = 0;
	__u32 flags;

	memcpy(&base, at, field->size); /* little endian, as every recording of the tests */
	if (field->size > sizeof(flags)) {
		__s64 number;

		if (!value_learned(context, kind, field->name, value, &number) &&
		    !value_number(value, &number))
			return mistake(context, "%s: \"%s\" is no number and no name record has it",
				       field->name, value);
		value_store(at, field->size, number);
		return 0;
	}
	if (!value_flags(value, value_flag_names(kind, field, header), (__u32)base, &flags, &bad))
		return mistake(context, "%s: no flag \"%s\"", field->name, bad);
	if (!value_store(at, field->size, flags))
		return mistake(context, "%s: 0x%x does not fit", field->name, flags);
	return 0;
}

static int set_field(const struct context *context, struct record *record,
		     const struct field *field, bool header, char *value)
{
	unsigned int kind = record->head.kind;
	__u8 *at = (header ? (__u8 *)&record->head : record->body) + field->offset;
	const char *wrong;
	__s64 number = 0;
	bool ok;

	if (!header)
		record->known |= field->known;
	switch ((enum field_type)field->type) {
	case FIELD_ADDRESS:
		if (value_address(value, at))
			return 0;
		return mistake(context, "%s: \"%s\" is no address", field->name, value);
	case FIELD_TEXT:
		return set_text(context, field, (char *)at, value);
	case FIELD_BYTES:
		return set_bytes(context, field, at, value);
	case FIELD_FLAGS:
		return set_flags(context, kind, field, header, at, value);
	case FIELD_RAW:
		record->known |= EVENT_K_PACKET;
		wrong = packet_assemble(value, (struct ev_raw *)at);
		return wrong ? mistake(context, "packet: %s", wrong) : 0;
	case FIELD_STATE:
		ok = value_name(value, decode_state_name, &number);
		break;
	case FIELD_ERRNO:
		ok = value_errno(value, &number);
		break;
	case FIELD_NAME:
		ok = value_name(value, field->names, &number);
		break;
	default:
		ok = value_learned(context, kind, field->name, value, &number) ||
		     value_number(value, &number);
	}
	if (!ok)
		return mistake(context, "%s: \"%s\" is neither a number nor a name", field->name,
			       value);
	if (!value_store(at, field->size, number))
		return mistake(context, "%s: %s does not fit", field->name, value);
	return 0;
}

/* ---- shorthands ---- */

/* The offset of a member that bodies of several kinds have, by name; NULL: this kind has it not. */
static void *body_member(struct record *record, const char *name)
{
	const struct field *field = record_field(decode_fields(record->head.kind), name);

	return field ? record->body + field->offset : NULL;
}

static int set_tuple(const struct context *context, struct record *record, char *value)
{
	struct event_tuple *tuple = body_member(record, "tuple.local");
	char *arrow = strchr(value, '>');

	if (!tuple)
		return mistake(context, "this kind has no tuple");
	if (!arrow)
		return mistake(context, "tuple: LOCAL:PORT>REMOTE:PORT expected");
	*arrow = '\0';
	if (!value_address_port(value, tuple->local, &tuple->local_port) ||
	    !value_address_port(arrow + 1, tuple->remote, &tuple->remote_port))
		return mistake(context, "tuple: LOCAL:PORT>REMOTE:PORT expected");
	tuple->family = address_is_ipv4(tuple->local) && address_is_ipv4(tuple->remote) ? AF_INET :
											  AF_INET6;
	tuple->protocol = IPPROTO_TCP;
	record->known |= EVENT_K_TUPLE;
	return 0;
}

static int set_asked(const struct context *context, struct record *record, char *value)
{
	void *asked = body_member(record, "asked"), *port = body_member(record, "asked_port");
	__u16 number;

	if (!asked || !port)
		return mistake(context, "this kind has no asked address");
	if (!value_address_port(value, asked, &number))
		return mistake(context, "asked: ADDRESS:PORT expected");
	memcpy(port, &number, sizeof(number));
	record->known |= EVENT_K_ASKED;
	return 0;
}

/* "curl[4121]" or "curl[4121/4125]" */
static int set_owner(const struct context *context, struct record *record, char *value)
{
	struct event_owner *owner = body_member(record, "owner.start_ns");
	char *open = strchr(value, '['), *close = strchr(value, ']'), *slash = strchr(value, '/');
	__s64 pid, tid;

	if (!owner)
		return mistake(context, "this kind has no owner");
	if (!open || !close || close[1] || (size_t)(open - value) >= EVENT_COMM_SIZE)
		return mistake(context, "owner: COMM[PID] expected");
	*open = '\0';
	*close = '\0';
	slash = slash && slash > open ? slash : NULL;
	if (slash)
		*slash = '\0';
	if (!value_number(open + 1, &pid) || pid <= 0 || pid > INT_MAX)
		return mistake(context, "owner: \"%s\" is no pid", open + 1);
	tid = pid;
	if (slash && (!value_number(slash + 1, &tid) || tid <= 0 || tid > INT_MAX))
		return mistake(context, "owner: \"%s\" is no tid", slash + 1);
	memset(owner, 0, sizeof(*owner));
	owner->start_ns = (__u64)pid * 1000000;
	owner->tgid = (__u32)pid;
	owner->tid = (__u32)tid;
	owner->ppid = 1;
	owner->uid = 1000;
	strcpy(owner->comm, value);
	strcpy(owner->leader, value);
	strcpy(owner->exe, value);
	record->known |= EVENT_K_OWNER | EVENT_K_EXE;
	return 0;
}

/* "SYN_SENT>CLOSE" or one state, for the kinds that have two. */
static int set_states(const struct context *context, struct record *record, char *value)
{
	struct ev_socket *socket = (struct ev_socket *)record->body;
	char *arrow = strchr(value, '>');
	__s64 before, after;

	if (arrow)
		*arrow = '\0';
	if (!value_name(value, decode_state_name, &before) ||
	    !value_name(arrow ? arrow + 1 : value, decode_state_name, &after) || before < 0 ||
	    before > 255 || after < 0 || after > 255)
		return mistake(context, "state: OLD>NEW or a state expected");
	socket->new_state = (__u8)after;
	if (arrow || record->head.kind != EVENT_STATE)
		socket->old_state = (__u8)before;
	record->known |= EVENT_K_STATE;
	return 0;
}

/* Returns 1 if @key is no shorthand of this kind. */
static int set_shorthand(const struct context *context, struct record *record, const char *key,
			 char *value)
{
	bool two_states = record_field(decode_fields(record->head.kind), "old_state");

	if (!strcmp(key, "tuple"))
		return set_tuple(context, record, value);
	if (!strcmp(key, "owner"))
		return set_owner(context, record, value);
	if (!strcmp(key, "asked"))
		return set_asked(context, record, value);
	if (two_states && !strcmp(key, "state"))
		return set_states(context, record, value);
	return 1;
}

/* One "key=value", or the name of a header flag. */
int record_set(const struct context *context, struct record *record, char *token)
{
	char *equals = strchr(token, '='), *key = token;
	const struct field *field;
	const char *bad = NULL;
	__u32 flags;
	int err;

	if (!equals) {
		if (!value_flags(token,
				 value_flag_names(0, record_field(decode_header_fields(), "flags"),
						  true),
				 0, &flags, &bad))
			return mistake(context, "\"%s\": FIELD=VALUE or a flag expected", bad);
		record->head.flags |= (__u8)flags;
		return 0;
	}
	*equals = '\0';
	err = set_shorthand(context, record, key, equals + 1);
	if (err <= 0)
		return err;
	if (!strncmp(key, "head.", 5)) {
		key += 5;
	} else {
		bool two_states = record_field(decode_fields(record->head.kind), "old_state");

		if (two_states && (!strcmp(key, "old") || !strcmp(key, "new")))
			key = !strcmp(key, "old") ? "old_state" : "new_state";
		field = find_body_field(record->head.kind, key);
		if (field) {
			if (!strncmp(field->name, "backlog", 7))
				record->known |= EVENT_K_BACKLOG;
			return set_field(context, record, field, false, equals + 1);
		}
	}
	if (!strcmp(key, "known"))
		return 0; /* at the end, when every field has been seen */
	field = record_field(decode_header_fields(), key);
	if (!field)
		return mistake(context, "a %s record has no field \"%s\"",
			       decode_kind_name(record->head.kind), key);
	if (!strcmp(key, "vantage"))
		record->vantage_given = true;
	return set_field(context, record, field, true, equals + 1);
}

/* The last known= of the line, applied to what the fields gave. */
int record_set_known(const struct context *context, struct record *record, char **tokens, int count)
{
	const struct field *field = record_field(decode_header_fields(), "known");
	int err = 0;

	record->head.known = record->known;
	for (int i = 0; i < count && !err; i++)
		if (!strncmp(tokens[i], "known", 6) || !strncmp(tokens[i], "head.known", 11))
			err = set_field(context, record, field, true,
					tokens[i] + strlen(tokens[i]) + 1);
	return err;
}
