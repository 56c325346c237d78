// SPDX-License-Identifier: GPL-2.0-or-later
/* mask_message.c - names and addresses in DNS messages and TLS hellos */

#include <string.h>

#include "sinks/packets/mask_message.h"
#include "util/address.h"

static size_t load_u16(const __u8 *at)
{
	return (size_t)at[0] << 8 | at[1];
}

/* ---- DNS ---- */

#define DNS_HEADER 12
#define DNS_RECORDS_MOST 512 /* of a message; what stands behind them is cut */
#define DNS_HOPS_MOST 64 /* pointers of one name */

enum { TYPE_A = 1, TYPE_NS = 2, TYPE_CNAME = 5, TYPE_SOA = 6, TYPE_PTR = 12, TYPE_MX = 15 };
enum { TYPE_AAAA = 28, TYPE_SRV = 33, TYPE_DNAME = 39 };

struct dns {
	struct mask *mask;
	__u8 *bytes;
	size_t size;
	size_t at; /* everything before was read */
};

/* The name that begins at @at, with its pointers followed, so that text can be searched for it. */
static void learn_name(const struct dns *dns, size_t at)
{
	char name[MASK_NAME_SIZE];
	size_t length = 0;
	int hops = 0;

	while (at < dns->size && dns->bytes[at]) {
		size_t label = dns->bytes[at];

		if (label >= 0xc0) {
			if (at + 1 >= dns->size || ++hops > DNS_HOPS_MOST)
				return;
			at = load_u16(dns->bytes + at) & 0x3fff;
			continue;
		}
		if (label > 63 || at + 1 + label > dns->size || length + label + 1 > sizeof(name))
			return;
		if (length)
			name[length++] = '.';
		memcpy(name + length, dns->bytes + at + 1, label);
		length += label;
		at += 1 + label;
	}
	mask_learn_name(dns->mask, name, length);
}

/* Walks over a name; @change: replaces its labels. False: it cannot be read to its end. */
static bool walk_name(struct dns *dns, size_t end, bool change)
{
	if (!change)
		learn_name(dns, dns->at);
	while (dns->at < end) {
		size_t label = dns->bytes[dns->at];

		if (!label) {
			dns->at++;
			return true;
		}
		if (label >= 0xc0) {
			if (end - dns->at < 2)
				return false;
			dns->at += 2;
			return true;
		}
		if (label > 63 || label >= end - dns->at)
			return false;
		if (change)
			mask_name(dns->mask, (char *)dns->bytes + dns->at + 1, label,
				  (char *)dns->bytes + dns->at + 1);
		dns->at += 1 + label;
	}
	return false;
}

static void change_address(struct dns *dns, size_t bytes)
{
	__u8 address[EVENT_ADDRESS_SIZE];
	__u8 *at = dns->bytes + dns->at;

	if (bytes == 4)
		address_from_ipv4(address, at);
	else
		address_from_ipv6(address, at);
	mask_address(dns->mask, address, address);
	memcpy(at, bytes == 4 ? address + 12 : address, bytes);
}

/* What a record says, by its type; what is of no known type is emptied. */
static bool walk_data(struct dns *dns, size_t type, size_t end, bool change)
{
	size_t size = end - dns->at;
	bool whole = true;

	switch (type) {
	case TYPE_NS:
	case TYPE_CNAME:
	case TYPE_PTR:
	case TYPE_DNAME:
		whole = walk_name(dns, end, change);
		break;
	case TYPE_SOA:
		/* NOLINTNEXTLINE(misc-redundant-expression): two names in a row */
		whole = walk_name(dns, end, change) && walk_name(dns, end, change);
		break;
	case TYPE_MX:
	case TYPE_SRV:
		whole = size >= (type == TYPE_MX ? 2 : 6);
		dns->at += !whole ? 0 : type == TYPE_MX ? 2 : 6;
		whole = whole && walk_name(dns, end, change);
		break;
	case TYPE_A:
	case TYPE_AAAA:
		whole = size == (type == TYPE_A ? 4 : 16);
		if (whole && change)
			change_address(dns, size);
		break;
	default:
		if (change)
			memset(dns->bytes + dns->at, 0, size);
	}
	if (whole)
		dns->at = end;
	return whole;
}

static bool walk_record(struct dns *dns, bool question, bool change)
{
	size_t fixed = question ? 4 : 10, type, size;

	if (!walk_name(dns, dns->size, change) || dns->size - dns->at < fixed)
		return false;
	type = load_u16(dns->bytes + dns->at);
	size = question ? 0 : load_u16(dns->bytes + dns->at + 8);
	dns->at += fixed;
	if (question)
		return true;
	return size <= dns->size - dns->at && walk_data(dns, type, dns->at + size, change);
}

/* Returns where it can be read to: the end of the last whole record. */
static size_t walk_message(struct dns *dns, bool change)
{
	size_t questions = load_u16(dns->bytes + 4);
	size_t records = questions + load_u16(dns->bytes + 6) + load_u16(dns->bytes + 8) +
			 load_u16(dns->bytes + 10);
	size_t whole = DNS_HEADER;

	dns->at = DNS_HEADER;
	for (size_t i = 0; i < records && i < DNS_RECORDS_MOST; i++) {
		if (!walk_record(dns, i < questions, change))
			break;
		whole = dns->at;
	}
	return whole;
}

/* First the names are learned, as long as those that pointers lead to are what they were. */
size_t mask_dns(struct mask *mask, __u8 *message, size_t size)
{
	struct dns dns = { mask, message, size, 0 };

	if (size < DNS_HEADER)
		return 0;
	dns.size = walk_message(&dns, false);
	return walk_message(&dns, true);
}

/* ---- TLS ---- */

enum { RECORD_HANDSHAKE = 22, HANDSHAKE_CLIENT_HELLO = 1, EXTENSION_SERVER_NAME = 0 };

#define HELLO_FIXED (5 + 4 + 2 + 32) /* record, handshake, version, random */

/* RFC 6066 3: a list of names, each with its type. */
static void change_server_names(struct mask *mask, __u8 *list, size_t size)
{
	size_t at = 2;

	while (at + 3 <= size) {
		size_t length = load_u16(list + at + 1);

		at += 3;
		if (length > size - at)
			length = size - at;
		mask_learn_name(mask, (char *)list + at, length);
		mask_name(mask, (char *)list + at, length, (char *)list + at);
		at += length;
	}
}

/* Passes over a field that begins with its length. False: it is not all there. */
static bool skip_field(const __u8 *bytes, size_t size, size_t *at, size_t length_bytes)
{
	size_t length;

	if (size - *at < length_bytes)
		return false;
	length = length_bytes == 1 ? bytes[*at] : load_u16(bytes + *at);
	if (size - *at - length_bytes < length)
		return false;
	*at += length_bytes + length;
	return true;
}

size_t mask_client_hello(struct mask *mask, __u8 *payload, size_t size)
{
	size_t at = HELLO_FIXED;

	if (size < HELLO_FIXED || payload[0] != RECORD_HANDSHAKE || payload[1] != 3 ||
	    payload[5] != HANDSHAKE_CLIENT_HELLO)
		return 0;
	if (load_u16(payload + 3) + 5 < size)
		size = load_u16(payload + 3) + 5; /* what follows is another record */
	if (size < HELLO_FIXED)
		return 0;
	/* session, ciphers, compression, and the length of all extensions */
	if (!skip_field(payload, size, &at, 1) || !skip_field(payload, size, &at, 2) ||
	    !skip_field(payload, size, &at, 1) || size - at < 2)
		return at;
	at += 2;
	while (size - at >= 4) {
		size_t begin = at, type = load_u16(payload + at);

		at += 2;
		if (!skip_field(payload, size, &at, 2))
			return begin; /* a name cut in its middle is cut off */
		if (type == EXTENSION_SERVER_NAME)
			change_server_names(mask, payload + begin + 4, at - begin - 4);
	}
	return at;
}
