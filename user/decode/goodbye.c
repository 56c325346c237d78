// SPDX-License-Identifier: GPL-2.0-or-later
/* goodbye.c - the words with which protocols end a connection, of any port */

#include <string.h>
#include <strings.h>

#include "decode/first.h"

static bool begins(const __u8 *bytes, size_t size, const char *word)
{
	size_t length = strlen(word);

	return size >= length && !strncasecmp((const char *)bytes, word, length);
}

static bool ends(const __u8 *bytes, size_t size, const char *word)
{
	size_t length = strlen(word);

	return size >= length && !memcmp(bytes + size - length, word, length);
}

/* What follows a command: the end of its line, or an argument. */
static bool is_command(const __u8 *bytes, size_t size, const char *word)
{
	size_t length = strlen(word);

	return begins(bytes, size, word) && size > length &&
	       (bytes[length] == ' ' || bytes[length] == '\r' || bytes[length] == '\n');
}

/* IMAP has a tag of the client's choice before each command (RFC 9051 2.2.1). */
static const __u8 *behind_tag(const __u8 *bytes, size_t *size)
{
	const __u8 *space = memchr(bytes, ' ', *size);

	if (!space)
		return bytes;
	*size -= (size_t)(space + 1 - bytes);
	return space + 1;
}

/*
 * One line, or one command of RESP: QUIT of SMTP (RFC 5321 4.1.1.10), FTP (RFC 959 4.1.1), POP3 (RFC 1939 6) and
 * Redis, the answer 221 of the first two, LOGOUT and BYE of IMAP (RFC 9051 6.1.3, 7.1.5), BYE of SIP (RFC
 * 3261 15), the closing tag of XMPP (RFC 6120 4.4).
 */
static bool is_text(const __u8 *bytes, size_t size)
{
	size_t rest = size;
	const __u8 *command;

	if (bytes[size - 1] == '>')
		return ends(bytes, size, "</stream:stream>");
	if (bytes[size - 1] != '\n')
		return false;
	command = behind_tag(bytes, &rest);
	return is_command(bytes, size, "QUIT") || is_command(bytes, size, "221") ||
	       begins(bytes, size, "221-") || is_command(bytes, size, "* BYE") ||
	       begins(bytes, size, "BYE sip") || is_command(command, rest, "LOGOUT") ||
	       begins(bytes, size, "*1\r\n$4\r\nQUIT");
}

/* RFC 6455 5.5.1: a frame of that opcode alone; from a client with a mask of four bytes. */
static bool is_websocket_close(const __u8 *bytes, size_t size)
{
	size_t payload = bytes[1] & 0x7f, mask = bytes[1] & 0x80 ? 4 : 0;

	return bytes[0] == 0x88 && payload != 1 && payload <= 125 && size == 2 + mask + payload;
}

/*
 * RFC 9113 4.1, 6.8: frames, of which one is a GOAWAY, of stream 0 and with eight bytes at least. A
 * frame is shorter than 64 KiB, or it fills no packet.
 */
static bool is_goaway(const __u8 *bytes, size_t size)
{
	enum { HEADER = 9, DATA = 0, GOAWAY = 7, GOAWAY_LEAST = 8 };
	bool found = false;

	while (size >= HEADER) {
		size_t length = (size_t)bytes[0] << 16 | (size_t)bytes[1] << 8 | bytes[2];
		bool stream = bytes[5] | bytes[6] | bytes[7] | bytes[8];

		if (length > size - HEADER || bytes[3] > 9 || (bytes[3] == DATA && !stream))
			return false; /* 6.1: data is of a stream */
		if (bytes[3] == GOAWAY && length >= GOAWAY_LEAST && !bytes[4] && !stream)
			found = true;
		bytes += HEADER + length;
		size -= HEADER + length;
	}
	return found && !size;
}

/* RFC 4511 4.3: SEQUENCE { messageID INTEGER, [APPLICATION 2] NULL }, perhaps with controls behind it. */
static bool is_ldap_unbind(const __u8 *bytes, size_t size)
{
	size_t id;

	if (size < 7 || bytes[0] != 0x30 || bytes[1] != size - 2 || bytes[2] != 0x02)
		return false;
	id = bytes[3];
	return id >= 1 && id <= 4 && size >= 6 + id && bytes[4 + id] == 0x42 && !bytes[5 + id];
}

/* Of fixed bytes: PostgreSQL's Terminate, MySQL's COM_QUIT, MQTT's DISCONNECT (3.1.1, and 5 with a reason). */
static bool is_fixed(const __u8 *bytes, size_t size)
{
	static const __u8 postgresql[] = { 'X', 0, 0, 0, 4 }, mysql[] = { 1, 0, 0, 0, 1 };

	return (size == sizeof(postgresql) &&
		(!memcmp(bytes, postgresql, size) || !memcmp(bytes, mysql, size))) ||
	       (bytes[0] == 0xe0 && bytes[1] == size - 2 && size <= 4);
}

/* Every packet with payload is asked: what it begins with decides what it may be. */
bool first_is_goodbye(const __u8 *bytes, size_t size)
{
	if (size < 2)
		return false;
	switch (bytes[0]) {
	case 0x00:
		return is_goaway(bytes, size);
	case 0x88:
		return is_websocket_close(bytes, size);
	case 0x30:
		return is_ldap_unbind(bytes, size) || is_text(bytes, size);
	case 0x01:
	case 'X':
	case 0xe0:
		return is_fixed(bytes, size) || is_text(bytes, size);
	default:
		return is_text(bytes, size);
	}
}
