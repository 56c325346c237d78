// SPDX-License-Identifier: GPL-2.0-or-later
/* dns_fuzz.c - a DNS message of any bytes */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "decode/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	__u8 addresses[4][EVENT_ADDRESS_SIZE];
	struct dns dns, cut;

	memset(&dns, 0xa5, sizeof(dns));
	if (!dns_parse(data, size, &dns))
		return 0;
	if (dns.content > DNS_CONTENT_REFERRAL || (dns.content && (!dns.response || dns.rcode)) ||
	    dns.aliases > dns.answers)
		abort();
	if (dns.rcode > 15 || !memchr(dns.name, '\0', sizeof(dns.name)) || !dns.name[0])
		abort();
	/* what goes into output is printable, and in one case */
	for (const char *c = dns.name; *c; c++)
		if (*c <= ' ' || *c > '~' || (*c >= 'A' && *c <= 'Z'))
			abort();
	/* the question is whole or it is not there */
	if (dns_addresses(&dns, addresses, 4) > (dns.answers < 4 ? dns.answers : 4))
		abort();
	if (!dns_parse(data, size / 2, &cut))
		return 0;
	if (strcmp(cut.name, dns.name) != 0)
		abort();
	/* what is known of a part is so of the whole */
	if (cut.content != DNS_CONTENT_UNKNOWN && cut.content != dns.content)
		abort();
	return 0;
}
