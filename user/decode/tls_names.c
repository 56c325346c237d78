// SPDX-License-Identifier: GPL-2.0-or-later
/* tls_names.c - the names of TLS alerts and versions */

#include "decode/tls.h"

const char *tls_alert_name(unsigned int alert)
{
	/* RFC 8446 6 and B.2, IANA's registry of TLS Alerts; 41 is of RFC 6101 5.4 (SSL 3) */
	static const char *const names[] = {
		[0] = "close_notify",
		[10] = "unexpected_message",
		[20] = "bad_record_mac",
		[21] = "decryption_failed",
		[22] = "record_overflow",
		[30] = "decompression_failure",
		[40] = "handshake_failure",
		[41] = "no_certificate",
		[42] = "bad_certificate",
		[43] = "unsupported_certificate",
		[44] = "certificate_revoked",
		[45] = "certificate_expired",
		[46] = "certificate_unknown",
		[47] = "illegal_parameter",
		[48] = "unknown_ca",
		[49] = "access_denied",
		[50] = "decode_error",
		[51] = "decrypt_error",
		[60] = "export_restriction",
		[70] = "protocol_version",
		[71] = "insufficient_security",
		[80] = "internal_error",
		[86] = "inappropriate_fallback",
		[90] = "user_canceled",
		[100] = "no_renegotiation",
		[109] = "missing_extension",
		[110] = "unsupported_extension",
		[111] = "certificate_unobtainable",
		[112] = "unrecognized_name",
		[113] = "bad_certificate_status_response",
		[114] = "bad_certificate_hash_value",
		[115] = "unknown_psk_identity",
		[116] = "certificate_required",
		[120] = "no_application_protocol",
		[121] = "ech_required",
	};

	return alert < sizeof(names) / sizeof(names[0]) ? names[alert] : NULL;
}

const char *tls_version_name(unsigned int version)
{
	static const char *const names[] = { "SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.2",
					     "TLS 1.3" };

	return version >= 0x0300 && version <= TLS_1_3 ? names[version - 0x0300] : NULL;
}

bool tls_alert_is_closure(unsigned int alert)
{
	return alert == TLS_CLOSE_NOTIFY || alert == TLS_USER_CANCELED;
}
