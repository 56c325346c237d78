// SPDX-License-Identifier: GPL-2.0-or-later
/* decode_fuzz.c - a record of any bytes is refused or every field of it is safe to read */

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "decode/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What decode.h promises of an accepted record; a broken promise aborts. */
static void check(const struct event *event)
{
	const struct event_header *head = &event->head;

	if (head->kind == EVENT_NONE || head->kind >= EVENT_KIND_COUNT ||
	    head->vantage >= VANTAGE_COUNT || event->packet.what > PACKET_UNPARSED)
		abort();
	if ((head->kind == EVENT_OPEN && event->open.how >= OPEN_HOW_COUNT) ||
	    (head->kind == EVENT_SYSCALL && event->syscall.call >= SYSCALL_COUNT) ||
	    (head->kind == EVENT_TASK && event->task.how >= TASK_HOW_COUNT) ||
	    (head->kind == EVENT_HOOK && event->hook.state >= HOOK_STATE_COUNT) ||
	    (head->kind == EVENT_NAME && event->name.space >= NAME_SPACE_COUNT) ||
	    (head->kind == EVENT_CHANGE && event->change.what >= CHANGE_COUNT) ||
	    (head->kind == EVENT_FACT && !decode_fact_name(event->fact.what)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char buffer[2048];
	struct event event;
	int err;

	memset(&event, 0xa5, sizeof(event));
	err = decode_event(data, size, &event);
	if (err) {
		if (err != -EBADMSG && err != -ENOTSUP)
			abort();
		return 0;
	}
	check(&event);
	for (const struct field *field = decode_header_fields(); field->name; field++) {
		struct text text = text_of(buffer);

		field_print(&text, field, &event.head);
	}
	for (const struct field *field = decode_fields(event.head.kind); field->name; field++) {
		struct text text = text_of(buffer);

		/* a container's id may fill its place */
		if (field->type == FIELD_TEXT && strcmp(field->name, "container") != 0 &&
		    ((const char *)&event.open)[field->offset + field->size - 1])
			abort();
		field_print(&text, field, &event.open);
		if (strlen(buffer) != text.length)
			abort();
	}
	return 0;
}
