// SPDX-License-Identifier: GPL-2.0-or-later
/* claim_test.c - ARP and neighbour advertisements: what they claim, whole, cut and malformed */

#include "frame_bytes.h"

#define MAC_A 2, 0, 0, 0, 0, 0xa
#define MAC_B 2, 0, 0, 0, 0, 0xb
#define NOBODY 0, 0, 0, 0, 0, 0
#define ARP(op) ETHERNET(0x0806), 0, 1, 8, 0, 6, 4, 0, op
#define FIVE 10, 0, 0, 5
#define NINE 10, 0, 0, 9
#define ZERO 0, 0, 0, 0

/* The whole frame's claim; of every cut one nothing is said. It is "not IP" all the same. */
static struct claim claim_of(const __u8 *bytes, size_t size)
{
	struct framed *framed = frame_cut(NULL, LINK_ETHERNET, bytes, size, size);
	struct claim claim = framed->event.claim;

	assert_int_equal(framed->event.frame.unread, UNREAD_NOT_IP);
	assert_int_equal(framed->event.packet.what, PACKET_NONE);
	framed_free(framed);
	for (size_t cut = 0; cut < size; cut++) {
		framed = frame_cut(NULL, LINK_ETHERNET, bytes, cut, size);
		assert_int_equal(framed->event.claim.how, CLAIM_NONE);
		framed_free(framed);
	}
	return claim;
}

#define CLAIM_OF(...)                                         \
	({                                                    \
		static const __u8 frame_[] = { __VA_ARGS__ }; \
		claim_of(frame_, sizeof(frame_));             \
	})

static void assert_claim(struct claim claim, enum claim_how how, unsigned int mac,
			 unsigned int address, unsigned int asker)
{
	static const __u8 prefix[] = { 10, 0, 0, 5 };

	assert_int_equal(claim.how, how);
	assert_int_equal(claim.mac[5], mac);
	assert_memory_equal(claim.address + 12, prefix, 3);
	assert_int_equal(claim.address[15], address);
	assert_int_equal(claim.asker[5], asker);
}

static void arp_is_a_question_an_answer_or_an_announcement(void **state)
{
	(void)state;
	assert_claim(CLAIM_OF(ARP(1), MAC_B, NINE, NOBODY, FIVE), CLAIM_ASKED, 0xb, 5, 0xb);
	assert_claim(CLAIM_OF(ARP(2), MAC_A, FIVE, MAC_B, NINE), CLAIM_ANSWERED, 0xa, 5, 0xb);
	assert_claim(CLAIM_OF(ARP(1), MAC_A, FIVE, NOBODY, FIVE), CLAIM_ANNOUNCED, 0xa, 5, 0);
	assert_claim(CLAIM_OF(ARP(2), MAC_A, FIVE, MAC_A, FIVE), CLAIM_ANNOUNCED, 0xa, 5, 0);
	/* an answer to all has no asker */
	assert_claim(CLAIM_OF(ARP(2), MAC_A, FIVE, 255, 255, 255, 255, 255, 255, NINE),
		     CLAIM_ANNOUNCED, 0xa, 5, 0);
}

/* RFC 5227 2.1.1: who probes asks, and claims nothing. */
static void a_probe_claims_nothing(void **state)
{
	(void)state;
	assert_claim(CLAIM_OF(ARP(1), MAC_B, ZERO, NOBODY, FIVE), CLAIM_ASKED, 0xb, 5, 0xb);
}

static void assert_nothing(struct claim claim)
{
	assert_int_equal(claim.how, CLAIM_NONE);
}

static void what_is_nobodys_claims_nothing(void **state)
{
	(void)state;
	assert_nothing(CLAIM_OF(ARP(2), MAC_A, ZERO, MAC_B, NINE));
	assert_nothing(CLAIM_OF(ARP(2), MAC_A, 224, 0, 0, 5, MAC_B, NINE));
	assert_nothing(CLAIM_OF(ARP(2), MAC_A, 255, 255, 255, 255, MAC_B, NINE));
	assert_nothing(CLAIM_OF(ARP(2), MAC_A, 127, 0, 0, 5, MAC_B, NINE));
	assert_nothing(CLAIM_OF(ARP(2), NOBODY, FIVE, MAC_B, NINE));
	assert_nothing(CLAIM_OF(ARP(2), 3, 0xbf, 0, 0, 0, 1, FIVE, MAC_B, NINE)); /* a cluster's */
	assert_nothing(CLAIM_OF(ARP(3), MAC_A, FIVE, MAC_B, NINE)); /* reverse ARP */
	assert_nothing(
		CLAIM_OF(ETHERNET(0x0806), 0, 6, 8, 0, 6, 4, 0, 2, MAC_A, FIVE, MAC_B, NINE));
	assert_nothing(
		CLAIM_OF(ETHERNET(0x0806), 0, 1, 8, 0, 8, 4, 0, 2, MAC_A, FIVE, MAC_B, NINE));
	assert_nothing(
		CLAIM_OF(ETHERNET(0x88cc), 0, 1, 8, 0, 6, 4, 0, 2, MAC_A, FIVE, MAC_B, NINE));
}

static void arp_of_a_vlan_keeps_its_tag(void **state)
{
	static const __u8 bytes[] = { ETHERNET(0x8100),
				      0,
				      7,
				      TYPE(0x0806),
				      0,
				      1,
				      8,
				      0,
				      6,
				      4,
				      0,
				      2,
				      MAC_A,
				      FIVE,
				      MAC_B,
				      NINE };
	struct framed *framed = frame_cut(NULL, LINK_ETHERNET, bytes, sizeof(bytes), sizeof(bytes));

	(void)state;
	assert_int_equal(framed->event.frame.vlan, 7);
	assert_claim(framed->event.claim, CLAIM_ANSWERED, 0xa, 5, 0xb);
	framed_free(framed);
}

/* ---- neighbour advertisements ---- */

#define TARGET 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5
#define ASKER 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9
#define IPV6(size, limit) 0x60, 0, 0, 0, 0, size, 58, limit, TARGET, ASKER
#define ADVERTISED(flags) 136, 0, 0, 0, flags, 0, 0, 0, TARGET

/* Of exactly these bytes; one byte fewer says nothing. */
static struct claim advertised(const __u8 *bytes, size_t size)
{
	struct claim claim = { 0 };

	for (size_t cut = 0; cut <= size; cut++) {
		__u8 *exact = malloc(cut ? cut : 1);
		struct packet packet;

		assert_non_null(exact);
		memcpy(exact, bytes, cut);
		packet_parse(exact, cut, size, &packet);
		claim_parse_advertisement(&packet, exact, cut, &claim);
		if (cut < size)
			assert_int_equal(claim.how, CLAIM_NONE);
		free(exact);
	}
	return claim;
}

#define ADVERTISEMENT(...)                                     \
	({                                                     \
		static const __u8 packet_[] = { __VA_ARGS__ }; \
		advertised(packet_, sizeof(packet_));          \
	})

static void an_advertisement_names_its_target(void **state)
{
	static const __u8 target[] = { TARGET }, asker[] = { ASKER }, mac[] = { MAC_A };
	struct claim claim = ADVERTISEMENT(IPV6(32, 255), ADVERTISED(0x60), 2, 1, MAC_A);

	(void)state;
	assert_int_equal(claim.how, CLAIM_ANSWERED);
	assert_memory_equal(claim.address, target, sizeof(target));
	assert_memory_equal(claim.asker, asker, sizeof(asker));
	assert_memory_equal(claim.mac, mac, sizeof(mac));
	claim = ADVERTISEMENT(IPV6(40, 255), ADVERTISED(0x20), 14, 1, 1, 2, 3, 4, 5, 6, 2, 1,
			      MAC_A);
	assert_int_equal(claim.how, CLAIM_ANNOUNCED);
	assert_memory_equal(claim.mac, mac, sizeof(mac));
}

static void other_advertisements_claim_nothing(void **state)
{
	(void)state;
	/* without the override flag; passed on by a router; without an option; options that are broken */
	assert_nothing(ADVERTISEMENT(IPV6(32, 255), ADVERTISED(0x40), 2, 1, MAC_A));
	assert_nothing(ADVERTISEMENT(IPV6(32, 254), ADVERTISED(0x60), 2, 1, MAC_A));
	assert_nothing(ADVERTISEMENT(IPV6(24, 255), ADVERTISED(0x60)));
	assert_nothing(ADVERTISEMENT(IPV6(32, 255), ADVERTISED(0x60), 2, 0, MAC_A));
	assert_nothing(ADVERTISEMENT(IPV6(32, 255), ADVERTISED(0x60), 2, 2, MAC_A));
	assert_nothing(ADVERTISEMENT(IPV6(32, 255), ADVERTISED(0x60), 1, 1, MAC_A));
	assert_nothing(
		ADVERTISEMENT(IPV6(32, 255), 135, 0, 0, 0, 0x60, 0, 0, 0, TARGET, 2, 1, MAC_A));
	/* behind the end of the datagram stands padding */
	assert_nothing(ADVERTISEMENT(IPV6(24, 255), ADVERTISED(0x60), 2, 1, MAC_A));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arp_is_a_question_an_answer_or_an_announcement),
		cmocka_unit_test(a_probe_claims_nothing),
		cmocka_unit_test(what_is_nobodys_claims_nothing),
		cmocka_unit_test(arp_of_a_vlan_keeps_its_tag),
		cmocka_unit_test(an_advertisement_names_its_target),
		cmocka_unit_test(other_advertisements_claim_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
