// SPDX-License-Identifier: GPL-2.0-or-later
/* packet_fuzz.c - a packet of any bytes; the first two say how much longer it was on the wire */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "decode/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Must not depend on bytes that were not captured; of an option given twice the last counts. */
static void check_cut(const uint8_t *bytes, size_t captured, size_t wire,
		      const struct packet *whole)
{
	struct packet cut;

	packet_parse(bytes, captured / 2, wire, &cut);
	if (cut.what != PACKET_TCP || whole->what != PACKET_TCP)
		return;
	if ((cut.source_port && cut.source_port != whole->source_port) ||
	    (cut.seq && cut.seq != whole->seq) ||
	    (cut.flags & ~whole->flags & ~(PACKET_F_CUT | PACKET_F_SHORT)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet packet;
	struct claim claim;
	char buffer[512];
	struct text text = text_of(buffer);
	size_t wire;

	if (size < 2)
		return 0;
	wire = size - 2 + (size_t)(data[0] << 8 | data[1]);
	memset(&packet, 0xa5, sizeof(packet));
	packet_parse(data + 2, size - 2, wire, &packet);
	if (packet.what == PACKET_NONE || packet.what > PACKET_UNPARSED || packet.wscale > 14)
		abort();
	if (packet.payload_bytes > wire && packet.payload_bytes > 65535)
		abort();
	packet_print(&text, &packet);
	if (text.cut)
		abort();
	memset(&claim, 0xa5, sizeof(claim));
	claim_parse_advertisement(&packet, data + 2, size - 2, &claim);
	if (claim.how && (claim.how == CLAIM_ASKED || claim.how > CLAIM_ANNOUNCED ||
			  claim.mac[0] & 1 || packet.what != PACKET_ICMP))
		abort();
	check_cut(data + 2, size - 2, wire, &packet);
	return 0;
}
