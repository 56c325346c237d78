// SPDX-License-Identifier: GPL-2.0-or-later
/* dns.c - the header and the question of a DNS message, and whether it answers (RFC 1035 4.1) */

#include <string.h>

#include "decode/decode.h"
#include "util/address.h"

enum { HEADER_BYTES = 12, LABEL_MAX = 63, WIRE_NAME_MAX = 255 }; /* RFC 1035 2.3.4 */

static __u16 get_16(const __u8 *bytes)
{
	return (__u16)(bytes[0] << 8 | bytes[1]);
}

/* Letters are alike in both cases (RFC 4343 3); what is no letter, digit, - or _ is escaped. */
static void add_label(struct text *text, const __u8 *label, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		__u8 c = label[i];

		if (c >= 'A' && c <= 'Z')
			c += 'a' - 'A';
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_')
			text_add(text, "%c", c);
		else
			text_add(text, "\\%03u", c); /* RFC 1035 5.1 */
	}
}

/* Returns where the name ends; 0 if it is cut, compressed (a question never is) or too long. */
static size_t read_name(const __u8 *bytes, size_t size, size_t at, struct text *text)
{
	size_t begin = at;

	while (at < size && bytes[at]) {
		size_t length = bytes[at];

		if (length > LABEL_MAX || at + 1 + length >= size ||
		    at + 1 + length - begin >= WIRE_NAME_MAX)
			return 0;
		if (at > begin)
			text_add(text, ".");
		add_label(text, bytes + at + 1, length);
		at += 1 + length;
	}
	if (at >= size || text->cut)
		return 0;
	if (at == begin)
		text_add(text, ".");
	return at + 1;
}

/* ---- the records ---- */

enum { TYPE_NS = 2, TYPE_CNAME = 5, TYPE_SOA = 6, TYPE_ANY = 255 };

/* A message with its place, which moves behind each record. */
struct reader {
	const __u8 *bytes;
	size_t size;
	size_t at;
};

/* Behind the name at @at, however it is compressed (RFC 1035 4.1.4); 0: it is cut or none. */
static size_t skip_name(const struct reader *reader)
{
	size_t at = reader->at;

	while (at < reader->size && reader->bytes[at]) {
		if (reader->bytes[at] >= 0xc0)
			return at + 2 <= reader->size ? at + 2 : 0;
		if (reader->bytes[at] > LABEL_MAX)
			return 0;
		at += 1 + (size_t)reader->bytes[at];
	}
	return at < reader->size ? at + 1 : 0;
}

/* The type of the next record; -1: it is cut. Its data may be: nobody reads it. */
static int next_type(struct reader *reader)
{
	enum { TYPE_BYTES = 2, FIXED_BYTES = 10 };
	size_t at = skip_name(reader);

	if (!at || reader->size - at < TYPE_BYTES)
		return -1;
	reader->at = reader->size;
	if (reader->size - at >= FIXED_BYTES &&
	    reader->size - at - FIXED_BYTES >= get_16(reader->bytes + at + 8))
		reader->at = at + FIXED_BYTES + get_16(reader->bytes + at + 8);
	return get_16(reader->bytes + at);
}

/*
 * RFC 2308 2.2: no relevant answer means that there is none if a SOA says so, or if there is no NS
 * record that would make it a referral. A server that looks nothing up for others (no RA) and gives
 * an alias into another zone leaves the rest to the asker.
 */
static __u8 denial_of(const struct dns *dns, unsigned int flags, bool soa, bool ns)
{
	bool authoritative = flags & 0x0400, recursive = flags & 0x0080;

	if (soa)
		return DNS_CONTENT_NONE;
	if (ns || !(recursive || (authoritative && !dns->aliases)))
		return DNS_CONTENT_REFERRAL;
	return DNS_CONTENT_NONE;
}

static void read_records(struct reader *reader, struct dns *dns)
{
	unsigned int authorities = get_16(reader->bytes + 8);
	bool soa = false, ns = false;
	int type;

	for (unsigned int i = 0; i < dns->answers; i++) {
		type = next_type(reader);
		if (type < 0)
			return;
		if (type == dns->type || dns->type == TYPE_ANY) {
			dns->content = DNS_CONTENT_DATA;
			return;
		}
		dns->aliases += type == TYPE_CNAME;
	}
	for (unsigned int i = 0; i < authorities; i++) {
		type = next_type(reader);
		if (type < 0)
			return;
		soa |= type == TYPE_SOA;
		ns |= type == TYPE_NS;
	}
	dns->content = denial_of(dns, get_16(reader->bytes + 2), soa, ns);
}

bool dns_parse(const __u8 *bytes, size_t captured, struct dns *dns)
{
	struct text name;
	struct reader reader = { .bytes = bytes, .size = captured };
	size_t end;

	memset(dns, 0, sizeof(*dns));
	name = text_of(dns->name);
	if (captured < HEADER_BYTES || get_16(bytes + 4) != 1)
		return false;
	dns->id = get_16(bytes);
	dns->response = bytes[2] & 0x80;
	dns->truncated = bytes[2] & 0x02;
	dns->recursive = bytes[2] & 0x01;
	dns->rcode = bytes[3] & 0x0f;
	if (bytes[2] & 0x78)
		return false; /* no standard query */
	dns->answers = get_16(bytes + 6);
	end = read_name(bytes, captured, HEADER_BYTES, &name);
	if (!end || captured - end < 4)
		return false;
	dns->message = bytes;
	dns->size = captured;
	dns->type = get_16(bytes + end);
	reader.at = end + 4;
	if (dns->response && dns->rcode == DNS_NOERROR)
		read_records(&reader, dns);
	return true;
}

/* The data of a record of that type at @at, all of it captured; NULL: it is none, or not whole. */
static const __u8 *data_of(const struct reader *reader, const struct dns *dns, size_t bytes)
{
	enum { FIXED_BYTES = 10, CLASS_INTERNET = 1 };
	size_t at = skip_name(reader);

	if (!at || reader->size - at < FIXED_BYTES + bytes ||
	    get_16(reader->bytes + at) != dns->type ||
	    get_16(reader->bytes + at + 2) != CLASS_INTERNET ||
	    get_16(reader->bytes + at + 8) != bytes)
		return NULL;
	return reader->bytes + at + FIXED_BYTES;
}

size_t dns_addresses(const struct dns *dns, __u8 (*addresses)[EVENT_ADDRESS_SIZE], size_t room)
{
	enum { QUESTION_BYTES = 4, IPV4_BYTES = 4, IPV6_BYTES = 16 };
	struct reader reader = { .bytes = dns->message, .size = dns->size, .at = HEADER_BYTES };
	size_t bytes = dns->type == DNS_TYPE_A ? IPV4_BYTES : IPV6_BYTES, count = 0;
	const __u8 *data;

	if (!dns->message || !dns->response ||
	    (dns->type != DNS_TYPE_A && dns->type != DNS_TYPE_AAAA))
		return 0;
	reader.at = skip_name(&reader) + QUESTION_BYTES;
	for (unsigned int i = 0; i < dns->answers && count < room; i++) {
		data = data_of(&reader, dns, bytes);
		if (data && bytes == IPV4_BYTES)
			address_from_ipv4(addresses[count++], data);
		else if (data)
			address_from_ipv6(addresses[count++], data);
		if (next_type(&reader) < 0)
			break;
	}
	return count;
}

const char *dns_rcode_name(unsigned int rcode)
{
	/* RFC 1035 4.1.1, RFC 2136 2.2 */
	static const char *const names[] = { "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN",
					     "NOTIMP",	"REFUSED", "YXDOMAIN", "YXRRSET",
					     "NXRRSET", "NOTAUTH", "NOTZONE" };

	return rcode < sizeof(names) / sizeof(names[0]) ? names[rcode] : NULL;
}

const char *dns_type_name(unsigned int type)
{
	switch (type) {
	case DNS_TYPE_A:
		return "A";
	case TYPE_NS:
		return "NS";
	case TYPE_CNAME:
		return "CNAME";
	case TYPE_SOA:
		return "SOA";
	case 12:
		return "PTR";
	case 15:
		return "MX";
	case 16:
		return "TXT";
	case DNS_TYPE_AAAA:
		return "AAAA";
	case 33:
		return "SRV";
	case 64:
		return "SVCB";
	case 65:
		return "HTTPS";
	default:
		return NULL;
	}
}
