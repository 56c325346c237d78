// SPDX-License-Identifier: GPL-2.0-or-later
/* claim.c - who says that an address is his: ARP (RFC 826, 5227), neighbour advertisements (RFC 4861) */

#include <netinet/in.h>
#include <string.h>

#include "decode/decode.h"
#include "util/address.h"

#define ARP_BYTES 28 /* of Ethernet and IPv4 */
#define ADVERTISED_AT 16 /* behind the 8 bytes of ICMP: the options (RFC 4861 4.4) */

enum { ARP_REQUEST = 1, ARP_REPLY = 2 };
enum { TYPE_ADVERTISEMENT = 136, OPTION_TARGET = 2 };
enum { ADVERTISED_SOLICITED = 0x40, ADVERTISED_OVERRIDE = 0x20 };

/* A multicast address is shared by design (a cluster's), zeros are nobody's. */
static bool is_machine(const __u8 *mac)
{
	static const __u8 zeros[CLAIM_MAC_SIZE];

	return !(mac[0] & 1) && memcmp(mac, zeros, CLAIM_MAC_SIZE) != 0;
}

static bool is_one_host(const __u8 *address)
{
	if (address_is_any(address) || address_is_loopback(address))
		return false;
	if (!address_is_ipv4(address))
		return address[0] != 0xff;
	return address[12] && address[12] < 224;
}

void claim_parse_arp(const __u8 *bytes, size_t captured, struct claim *claim)
{
	static const __u8 ethernet_ipv4[] = { 0, 1, 8, 0, 6, 4, 0 };
	const __u8 *sender = bytes + 8, *target = bytes + 18;

	memset(claim, 0, sizeof(*claim));
	if (captured < ARP_BYTES || memcmp(bytes, ethernet_ipv4, sizeof(ethernet_ipv4)) != 0 ||
	    !is_machine(sender))
		return;
	memcpy(claim->mac, sender, CLAIM_MAC_SIZE);
	address_from_ipv4(claim->address, sender + CLAIM_MAC_SIZE);
	if (bytes[7] == ARP_REQUEST && memcmp(sender + 6, target + 6, 4) != 0) {
		/* a probe asks without an address of its own (RFC 5227 2.1.1) */
		address_from_ipv4(claim->address, target + CLAIM_MAC_SIZE);
		memcpy(claim->asker, sender, CLAIM_MAC_SIZE);
		claim->how = CLAIM_ASKED;
	} else if (bytes[7] == ARP_REQUEST || bytes[7] == ARP_REPLY) {
		claim->how = CLAIM_ANNOUNCED;
	}
	if (bytes[7] == ARP_REPLY && memcmp(sender + 6, target + 6, 4) != 0 && is_machine(target)) {
		memcpy(claim->asker, target, CLAIM_MAC_SIZE);
		claim->how = CLAIM_ANSWERED;
	}
	if (!is_one_host(claim->address))
		claim->how = CLAIM_NONE;
}

/* The target's link-layer address (RFC 4861 4.6.1); NULL: none, or the options are broken. */
static const __u8 *find_target_mac(const __u8 *options, size_t size)
{
	const __u8 *found = NULL;

	while (size >= 8) {
		size_t length = (size_t)options[1] * 8;

		if (!length || length > size)
			return NULL;
		if (options[0] == OPTION_TARGET && length == 8)
			found = options + 2;
		options += length;
		size -= length;
	}
	return found;
}

void claim_parse_advertisement(const struct packet *packet, const __u8 *bytes, size_t captured,
			       struct claim *claim)
{
	const __u8 *body, *mac;
	size_t left;

	memset(claim, 0, sizeof(*claim));
	if (packet->what != PACKET_ICMP || packet->protocol != IPPROTO_ICMPV6 ||
	    packet->icmp_type != TYPE_ADVERTISEMENT || packet->icmp_code || packet->ttl != 255 ||
	    (packet->flags & PACKET_F_CUT) || packet->payload_at < 8 ||
	    captured < packet->payload_at)
		return;
	body = bytes + packet->payload_at;
	left = captured - packet->payload_at;
	if (left > packet->payload_bytes)
		left = packet->payload_bytes;
	/* without the override flag it is an anycast address's, or a proxy's: RFC 4861 7.2.7, 7.2.8 */
	if (left < ADVERTISED_AT || !(body[-4] & ADVERTISED_OVERRIDE))
		return;
	address_from_ipv6(claim->address, body);
	mac = find_target_mac(body + ADVERTISED_AT, left - ADVERTISED_AT);
	if (!mac || !is_machine(mac) || !is_one_host(claim->address))
		return;
	memcpy(claim->mac, mac, CLAIM_MAC_SIZE);
	claim->how = CLAIM_ANNOUNCED;
	if (!(body[-4] & ADVERTISED_SOLICITED))
		return;
	memcpy(claim->asker, packet->destination, sizeof(claim->asker));
	claim->how = CLAIM_ANSWERED;
}
