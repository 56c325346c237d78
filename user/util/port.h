/* SPDX-License-Identifier: GPL-2.0-or-later */
/* port.h - the ports that mean something here (IANA's registry of service names) */
#pragma once

#include "event.h"

enum port {
	PORT_DNS = EVENT_PORT_DNS,
	PORT_KERBEROS = 88,
	PORT_NTP = 123,
	PORT_SNMP = 161,
	PORT_HTTPS = 443, /* QUIC */
	PORT_IKE = 500,
	PORT_RADIUS = 1812,
	PORT_RADIUS_ACCOUNT = 1813,
	PORT_SSDP = 1900,
	PORT_STUN = 3478,
	PORT_STUN_OTHER = 3479, /* RFC 5780 4: the server's second port, one above its first */
	PORT_TEREDO = 3544,
	PORT_MDNS = 5353,
	PORT_LLMNR = 5355,
};
