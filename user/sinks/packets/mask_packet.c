// SPDX-License-Identifier: GPL-2.0-or-later
/* mask_packet.c - a packet of which addresses, names and payload are gone */

#include <netinet/in.h>
#include <string.h>

#include "sinks/packets/mask_message.h"
#include "sinks/packets/mask_packet.h"
#include "util/address.h"
#include "util/port.h"

#define IPV4_BYTES 20
#define IPV6_BYTES 40
#define TCP_BYTES 20
#define UDP_BYTES 8
#define ICMP_BYTES 8
#define NESTED_MOST 2 /* an ICMP error about an ICMP error is not sent (RFC 1122 3.2.2) */

enum { OPTION_END = 0, OPTION_NOP = 1, OPTION_MPTCP = 30, MPTCP_ADD_ADDR = 3 };

static size_t mask_ip(struct mask *mask, __u8 *bytes, size_t captured, int nested);

static __u16 load_u16(const __u8 *at)
{
	return (__u16)(at[0] << 8 | at[1]);
}

static void store_u16(__u8 *at, __u16 value)
{
	at[0] = value >> 8;
	at[1] = (__u8)value;
}

/* ---- checksums ---- */

/* One's complement sum of 16-bit words, not folded (RFC 1071). */
static __u64 sum_bytes(const __u8 *bytes, size_t size)
{
	__u64 sum = 0;

	for (size_t i = 0; i + 1 < size; i += 2)
		sum += load_u16(bytes + i);
	return size & 1 ? sum + ((__u64)bytes[size - 1] << 8) : sum;
}

static __u16 fold(__u64 sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)sum;
}

/* RFC 1624: HC' = ~(~HC + ~m + m'). @before, @after: sums of what changed, checksum included. */
static __u16 checksum_follow(__u16 checksum, __u64 before, __u64 after)
{
	return ~fold((__u64)(__u16)~checksum + (__u16)~fold(before) + fold(after));
}

/* ---- transport ---- */

/* MPTCP tells addresses of its own in an option (RFC 8684 3.4.1). */
static void blank_options(__u8 *option, size_t size)
{
	for (size_t at = 0; at < size && option[at] != OPTION_END;) {
		size_t length = option[at] == OPTION_NOP ? 1 : at + 1 < size ? option[at + 1] : 0;

		if (!length || at + length > size || (option[at] != OPTION_NOP && length < 2)) {
			memset(option + at, OPTION_NOP, size - at);
			return;
		}
		if (option[at] == OPTION_MPTCP && length > 2 &&
		    option[at + 2] >> 4 == MPTCP_ADD_ADDR)
			memset(option + at, OPTION_NOP, length);
		at += length;
	}
}

/* Each returns how many bytes stay, from the transport header on. */

static size_t mask_tcp(struct mask *mask, __u8 *tcp, size_t size)
{
	size_t header = size < TCP_BYTES ? size : (size_t)(tcp[12] >> 4) * 4;
	__u8 *payload;

	if (header < TCP_BYTES)
		return size < TCP_BYTES ? size : TCP_BYTES;
	if (header > size)
		header = size;
	blank_options(tcp + TCP_BYTES, header - TCP_BYTES);
	payload = tcp + header;
	size -= header;
	if (load_u16(tcp) == PORT_DNS || load_u16(tcp + 2) == PORT_DNS) {
		if (size < 2)
			return header;
		return header + 2 + mask_dns(mask, payload + 2, size - 2);
	}
	return header + mask_client_hello(mask, payload, size);
}

static bool is_dns_port(__u16 port)
{
	return port == PORT_DNS || port == PORT_MDNS || port == PORT_LLMNR;
}

static size_t mask_udp(struct mask *mask, __u8 *udp, size_t size)
{
	if (size < UDP_BYTES)
		return size;
	if (!is_dns_port(load_u16(udp)) && !is_dns_port(load_u16(udp + 2)))
		return UDP_BYTES;
	return UDP_BYTES + mask_dns(mask, udp + UDP_BYTES, size - UDP_BYTES);
}

static bool quotes_packet(const __u8 *icmp, bool ipv6)
{
	if (ipv6)
		return icmp[0] >= 1 && icmp[0] <= 4;
	return icmp[0] == 3 || icmp[0] == 4 || icmp[0] == 5 || icmp[0] == 11 || icmp[0] == 12;
}

static size_t mask_icmp(struct mask *mask, __u8 *icmp, size_t size, bool ipv6, int nested)
{
	__u8 address[EVENT_ADDRESS_SIZE];

	if (size < ICMP_BYTES || !quotes_packet(icmp, ipv6) || nested == NESTED_MOST)
		return size < ICMP_BYTES ? size : ICMP_BYTES;
	if (!ipv6 && icmp[0] == 5) { /* redirect: names the other gateway */
		address_from_ipv4(address, icmp + 4);
		mask_address(mask, address, address);
		memcpy(icmp + 4, address + 12, 4);
	}
	return ICMP_BYTES + mask_ip(mask, icmp + ICMP_BYTES, size - ICMP_BYTES, nested + 1);
}

/* Where the checksum stands; 0: nowhere, or not captured. */
static size_t checksum_place(__u8 protocol, const __u8 *transport, size_t size)
{
	size_t at = protocol == IPPROTO_TCP ? 16 : protocol == IPPROTO_UDP ? 6 : 2;

	if (size < at + 2 || (protocol == IPPROTO_UDP && !load_u16(transport + at)))
		return 0; /* RFC 768: zero is none */
	return at;
}

/*
 * @pseudo_before, @pseudo_after: sums of the addresses, of those protocols whose checksum covers
 * them. Of the payload the same bytes are summed up before and after: what is cut off afterwards is
 * as it was.
 */
static size_t mask_transport(struct mask *mask, __u8 protocol, __u8 *transport, size_t size,
			     __u64 pseudo_before, __u64 pseudo_after, int nested)
{
	bool ipv6 = protocol == IPPROTO_ICMPV6;
	size_t kept, place = checksum_place(protocol, transport, size);
	__u64 before = sum_bytes(transport, size), after;
	__u16 checksum = place ? load_u16(transport + place) : 0;

	if (protocol == IPPROTO_TCP)
		kept = mask_tcp(mask, transport, size);
	else if (protocol == IPPROTO_UDP)
		kept = mask_udp(mask, transport, size);
	else if (protocol == IPPROTO_ICMP || ipv6)
		kept = mask_icmp(mask, transport, size, ipv6, nested);
	else
		return 0;
	if (!place)
		return kept;
	after = sum_bytes(transport, size);
	if (protocol != IPPROTO_ICMP) {
		before += pseudo_before;
		after += pseudo_after;
	}
	checksum = checksum_follow(checksum, before, after);
	if (protocol == IPPROTO_UDP && !checksum)
		checksum = 0xffff;
	store_u16(transport + place, checksum);
	return kept;
}

/* ---- IP ---- */

static size_t mask_ipv4(struct mask *mask, __u8 *ip, size_t captured, int nested)
{
	size_t header = (size_t)(ip[0] & 0xf) * 4;
	__u8 address[EVENT_ADDRESS_SIZE];
	__u64 whole, before, after;
	bool later;

	if (captured < IPV4_BYTES || header < IPV4_BYTES)
		return 0;
	if (header > captured)
		header = captured;
	whole = sum_bytes(ip, header);
	before = sum_bytes(ip + 12, 8);
	for (int at = 12; at <= 16; at += 4) {
		address_from_ipv4(address, ip + at);
		mask_address(mask, address, address);
		memcpy(ip + at, address + 12, 4);
	}
	after = sum_bytes(ip + 12, 8);
	memset(ip + IPV4_BYTES, OPTION_NOP, header - IPV4_BYTES); /* routes are addresses */
	if (load_u16(ip + 10)) /* 0: the device fills it in */
		store_u16(ip + 10,
			  checksum_follow(load_u16(ip + 10), whole, sum_bytes(ip, header)));
	later = load_u16(ip + 6) & 0x1fff;
	if (later)
		return header;
	return header +
	       mask_transport(mask, ip[9], ip + header, captured - header, before, after, nested);
}

static size_t mask_ipv6(struct mask *mask, __u8 *ip, size_t captured, int nested)
{
	__u64 before, after;
	size_t at = IPV6_BYTES;
	__u8 next;

	if (captured < IPV6_BYTES)
		return 0;
	next = ip[6];
	before = sum_bytes(ip + 8, 32);
	mask_address(mask, ip + 8, ip + 8);
	mask_address(mask, ip + 24, ip + 24);
	after = sum_bytes(ip + 8, 32);
	/* routing headers and destination options hold addresses: the packet ends before them */
	while (next == IPPROTO_HOPOPTS || next == IPPROTO_FRAGMENT) {
		size_t size;

		if (captured - at < 8)
			return at;
		size = next == IPPROTO_FRAGMENT ? 8 : ((size_t)ip[at + 1] + 1) * 8;
		if (next == IPPROTO_FRAGMENT && (load_u16(ip + at + 2) & 0xfff8))
			return at + 8;
		if (captured - at < size)
			return at;
		next = ip[at];
		at += size;
	}
	return at + mask_transport(mask, next, ip + at, captured - at, before, after, nested);
}

static size_t mask_ip(struct mask *mask, __u8 *bytes, size_t captured, int nested)
{
	if (captured && bytes[0] >> 4 == 4)
		return mask_ipv4(mask, bytes, captured, nested);
	if (captured && bytes[0] >> 4 == 6)
		return mask_ipv6(mask, bytes, captured, nested);
	return 0;
}

size_t mask_packet(struct mask *mask, __u8 *bytes, size_t captured)
{
	return mask_ip(mask, bytes, captured, 0);
}

#define LEARN_MOST 4096 /* a ClientHello, and more than a DNS message of UDP is */

void mask_learn_packet(struct mask *mask, const __u8 *bytes, size_t captured)
{
	__u8 copy[LEARN_MOST];

	captured = captured < sizeof(copy) ? captured : sizeof(copy);
	memcpy(copy, bytes, captured);
	mask_packet(mask, copy, captured);
}
