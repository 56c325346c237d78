// SPDX-License-Identifier: GPL-2.0-or-later
/* dns.c - the header and the question of a DNS message (RFC 1035 4.1) */

#include <string.h>

#include "decode/decode.h"

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

bool dns_parse(const __u8 *bytes, size_t captured, struct dns *dns)
{
	struct text name;
	size_t end;

	memset(dns, 0, sizeof(*dns));
	name = text_of(dns->name);
	if (captured < HEADER_BYTES || get_16(bytes + 4) != 1)
		return false;
	dns->id = get_16(bytes);
	dns->response = bytes[2] & 0x80;
	dns->truncated = bytes[2] & 0x02;
	dns->rcode = bytes[3] & 0x0f;
	if (bytes[2] & 0x78)
		return false; /* no standard query */
	dns->answers = get_16(bytes + 6);
	end = read_name(bytes, captured, HEADER_BYTES, &name);
	if (!end || captured - end < 4)
		return false;
	dns->type = get_16(bytes + end);
	return true;
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
	case 2:
		return "NS";
	case 5:
		return "CNAME";
	case 6:
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
