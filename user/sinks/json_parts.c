// SPDX-License-Identifier: GPL-2.0-or-later
/* json_parts.c - what the lines of JSON have in common */

#include <string.h>

#include "sinks/json_parts.h"
#include "util/address.h"

void json_put_real_time(struct json *json, const char *key, __u64 realtime_ns)
{
	char buffer[48];
	struct text text = text_of(buffer);

	if (say_rfc3339(&text, realtime_ns))
		json_pair(json, key, buffer);
}

void json_put_time(struct json *json, const char *key, const struct join *join, __u64 ns)
{
	if (ns)
		json_put_real_time(json, key, join_realtime_ns(join, ns));
}

void json_put_hex(struct json *json, const char *key, __u64 value)
{
	char buffer[20];
	struct text text = text_of(buffer);

	json_pair(json, key, text_add(&text, "%016llx", value));
}

bool json_say_host(const struct json *json, const struct join *join, char *name,
		   struct text *boot_id)
{
	const struct ev_start *start = join_start(join);
	__u8 bytes[sizeof(start->boot_id)];

	if (!start)
		return false;
	memcpy(bytes, start->boot_id, sizeof(bytes));
	for (size_t i = 0; json->mask && i < sizeof(bytes); i++)
		bytes[i] = (__u8)mask_number(json->mask, i << 8 | bytes[i]);
	for (size_t i = 0; i < sizeof(bytes); i++)
		text_add(boot_id, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
			 bytes[i]);
	memcpy(name, start->host, sizeof(start->host));
	if (json->mask) /* here even where it is too short to be searched for */
		mask_name(json->mask, name, strnlen(name, sizeof(start->host)), name);
	return true;
}

bool json_open_host(struct json *json, const struct join *join, struct text *boot_id)
{
	char name[sizeof(((struct ev_start *)0)->host)];

	if (!json_say_host(json, join, name, boot_id))
		return false;
	json_key(json, "host");
	json_open(json, '{');
	json_pair_of(json, "name", name, sizeof(name));
	return true;
}

void json_put_host(struct json *json, const struct join *join)
{
	char buffer[40];
	struct text boot_id = text_of(buffer);

	if (!json_open_host(json, join, &boot_id))
		return;
	json_pair(json, "boot_id", buffer);
	json_close(json, '}');
}

void json_put_begin(struct json *json, const struct join *join, const char *type, __u64 ns)
{
	json_open(json, '{');
	json_pair(json, "type", type);
	json_pair_unsigned(json, "schema", JSON_SCHEMA);
	json_put_time(json, "time", join, ns);
}

void json_put_errno(struct json *json, const char *key, __s32 error)
{
	char number[16];
	struct text text = text_of(number);

	if (error > 0) /* a hostile recording can hold anything */
		json_pair(json, key, decode_errno_name(error) ?: text_add(&text, "%d", error));
}

bool json_address_set(const __u8 *address)
{
	static const __u8 zero[EVENT_ADDRESS_SIZE];

	return memcmp(address, zero, sizeof(zero)) != 0;
}

void json_put_address(struct json *json, const char *key, const __u8 *address)
{
	char buffer[64];
	struct text text = text_of(buffer);

	if (!json_address_set(address))
		return;
	address_print(&text, address);
	json_pair(json, key, buffer);
}

void json_put_end_named(struct json *json, const char *key, const __u8 *address, __u16 port,
			const char *name)
{
	if (address_is_any(address) && !port)
		return;
	json_key(json, key);
	json_open(json, '{');
	json_put_address(json, "address", address);
	if (port)
		json_pair_unsigned(json, "port", port);
	json_pair(json, "name", name);
	json_close(json, '}');
}

void json_put_end(struct json *json, const char *key, const __u8 *address, __u16 port)
{
	json_put_end_named(json, key, address, port, NULL);
}
