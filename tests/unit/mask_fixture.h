/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mask_fixture.h - a mask for each test, and addresses as they are printed */
#pragma once

#include <arpa/inet.h>

#include "packet_bytes.h"
#include "util/mask.h"

static inline int make_mask(void **state)
{
	struct mask *mask;
	int err = mask_new(&mask);

	*state = mask;
	return err;
}

static inline int free_mask(void **state)
{
	mask_free(*state);
	return 0;
}

static inline void parse_address(const char *printed, __u8 *address)
{
	__u8 four[4];

	if (inet_pton(AF_INET, printed, four) == 1)
		address_from_ipv4(address, four);
	else
		assert_int_equal(inet_pton(AF_INET6, printed, address), 1);
}
