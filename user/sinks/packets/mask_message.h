/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mask_message.h - names and addresses in the two kinds of payload that a diagnosis needs */
#pragma once

#include <stddef.h>

#include "util/mask.h"

/* A DNS message (RFC 1035), in place. Returns how many bytes stay: up to where it can be read. */
size_t mask_dns(struct mask *mask, __u8 *message, size_t size);

/* TCP payload that begins with a TLS ClientHello (RFC 8446 4.1.2); anything else is cut: 0. */
size_t mask_client_hello(struct mask *mask, __u8 *payload, size_t size);
