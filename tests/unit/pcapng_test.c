// SPDX-License-Identifier: GPL-2.0-or-later
/* pcapng_test.c - blocks of a pcapng file: structure, padding, hostile lengths, rotation */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <errno.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "folder.h"
#include "sinks/packets/pcapng.h"

enum { SECTION = 0x0a0d0d0a, INTERFACE = 1, STATISTICS = 5, PACKET = 6, JOURNAL = 9, SECRETS = 10 };

static const struct outfile_limits plain;
static const struct pcapng_about about = { .hardware = "x86_64", .os = "Linux 6.18" };

static int make_folder(void **state)
{
	return folder_make(state, "out.pcapng");
}

struct file {
	__u8 bytes[4 << 20];
	size_t size;
	size_t at;
};

static struct file *load(const char *path)
{
	struct file *file = calloc(1, sizeof(*file));
	FILE *from = fopen(path, "r");

	assert_non_null(from);
	file->size = fread(file->bytes, 1, sizeof(file->bytes), from);
	fclose(from);
	return file;
}

static __u32 u32_at(const struct file *file, size_t at)
{
	__u32 value;

	assert_true(at + sizeof(value) <= file->size);
	memcpy(&value, file->bytes + at, sizeof(value));
	return value;
}

static __u16 u16_at(const struct file *file, size_t at)
{
	__u16 value;

	assert_true(at + sizeof(value) <= file->size);
	memcpy(&value, file->bytes + at, sizeof(value));
	return value;
}

/* Takes a block: both of its lengths agree, it is padded, it lies in the file. Returns its start. */
static size_t take_block(struct file *file, __u32 type)
{
	size_t at = file->at;
	__u32 size = u32_at(file, at + 4);

	assert_int_equal(u32_at(file, at), type);
	assert_int_equal(size & 3, 0);
	assert_true(at + size <= file->size);
	assert_int_equal(u32_at(file, at + size - 4), size);
	file->at += size;
	return at;
}

/* Value of an option; walks from @at to its end option. @nth from 0. Returns its length, -1 none. */
static int find_option(const struct file *file, size_t at, __u16 code, int nth, const __u8 **value)
{
	for (;;) {
		__u16 number = u16_at(file, at), size = u16_at(file, at + 2);

		if (!number) {
			assert_int_equal(size, 0);
			return -1;
		}
		if (number == code && !nth--) {
			*value = file->bytes + at + 4;
			return size;
		}
		at += 4 + ((size + 3u) & ~3u);
	}
}

static struct pcapng *begin(const char *path)
{
	struct pcapng *pcapng;

	assert_int_equal(pcapng_open(&pcapng, path, &plain, &about, NULL, 0), 0);
	return pcapng;
}

static void every_block_as_the_format_has_it(void **state)
{
	struct folder *folder = *state;
	struct pcapng *pcapng = begin(folder->file);
	const __u8 bytes[7] = { 0x45, 1, 2, 3, 4, 5, 6 };
	struct pcapng_packet packet = {
		.time_ns = 0x123456789abcdef0ull,
		.interface = pcapng_interface(pcapng, 1, 2, "eth0", "in the office", ""),
		.direction = PCAPNG_OUTBOUND,
		.bytes = bytes,
		.captured = sizeof(bytes),
		.wire = 1500,
		.comments = { "one", "zwei", "drei!" },
		.comments_count = 3,
	};
	const __u8 *value = NULL;
	struct file *file;
	struct stat status;
	size_t at;

	assert_int_equal(pcapng_packet(pcapng, &packet), 0);
	assert_int_equal(pcapng_entry(pcapng, 1700000000123456789ull, 3, "no route\nMESSAGE=x"), 0);
	assert_int_equal(pcapng_close(pcapng), 0);
	assert_int_equal(stat(folder->file, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);

	file = load(folder->file);
	at = take_block(file, SECTION);
	assert_int_equal(u32_at(file, at + 8), 0x1a2b3c4d);
	assert_int_equal(u16_at(file, at + 12), 1);
	assert_int_equal(find_option(file, at + 24, 2, 0, &value), 6);
	assert_memory_equal(value, "x86_64", 6);
	assert_true(find_option(file, at + 24, 4, 0, &value) > 7);
	assert_memory_equal(value, "sockwhy", 7);

	at = take_block(file, INTERFACE);
	assert_int_equal(u16_at(file, at + 8), 101);
	assert_int_equal(find_option(file, at + 16, 2, 0, &value), 4);
	assert_memory_equal(value, "eth0", 4);
	assert_int_equal(find_option(file, at + 16, 9, 0, &value), 1);
	assert_int_equal(value[0], 9);

	at = take_block(file, PACKET);
	assert_int_equal(u32_at(file, at + 8), 0);
	assert_int_equal(u32_at(file, at + 12), 0x12345678);
	assert_int_equal(u32_at(file, at + 16), 0x9abcdef0);
	assert_int_equal(u32_at(file, at + 20), 7);
	assert_int_equal(u32_at(file, at + 24), 1500);
	assert_memory_equal(file->bytes + at + 28, bytes, 7);
	assert_int_equal(file->bytes[at + 35], 0);
	assert_int_equal(find_option(file, at + 36, 1, 2, &value), 5);
	assert_memory_equal(value, "drei!", 5);
	assert_int_equal(find_option(file, at + 36, 1, 3, &value), -1);
	assert_int_equal(find_option(file, at + 36, 2, 0, &value), 4);
	assert_int_equal(value[0], 2);

	/* a newline would have begun a field of the entry that nobody wrote */
	at = take_block(file, JOURNAL);
	value = memmem(file->bytes + at, file->at - at, "MESSAGE=no route MESSAGE=x\n", 27);
	assert_non_null(value);
	assert_non_null(memmem(file->bytes + at, file->at - at,
			       "__REALTIME_TIMESTAMP=1700000000123456\n", 38));
	assert_int_equal(file->at, file->size);
	free(file);
}

/* Every padding, no comment, no direction. */
static void every_length(void **state)
{
	struct folder *folder = *state;
	struct pcapng *pcapng = begin(folder->file);
	__u32 interface = pcapng_interface(pcapng, 0, 0, "", "", "");
	__u8 bytes[40];
	struct file *file;

	for (size_t size = 0; size < sizeof(bytes); size++) {
		struct pcapng_packet packet = {
			.interface = interface, .bytes = bytes, .captured = size, .wire = size
		};

		memset(bytes, (int)size, sizeof(bytes));
		assert_int_equal(pcapng_packet(pcapng, &packet), 0);
	}
	assert_int_equal(pcapng_close(pcapng), 0);
	file = load(folder->file);
	take_block(file, SECTION);
	take_block(file, INTERFACE);
	for (__u32 size = 0; size < sizeof(bytes); size++) {
		size_t at = take_block(file, PACKET);

		assert_int_equal(u32_at(file, at + 20), size);
		assert_int_equal(file->at - at, 32 + ((size + 3) & ~3u));
		for (__u32 i = 0; i < size; i++)
			assert_int_equal(file->bytes[at + 28 + i], size);
	}
	assert_int_equal(file->at, file->size);
	free(file);
}

static void too_much_is_cut(void **state)
{
	struct folder *folder = *state;
	struct pcapng *pcapng = begin(folder->file);
	__u8 *bytes = malloc(PCAPNG_PACKET_MAX + 5);
	char *comment = malloc(100000);
	struct pcapng_packet packet = {
		.interface = pcapng_interface(pcapng, 0, 0, comment, "x", ""),
		.bytes = bytes,
		.captured = PCAPNG_PACKET_MAX + 5,
		.wire = 1 << 30,
		.comments_count = PCAPNG_COMMENTS_MAX + 10,
	};
	const __u8 *value = NULL;
	struct file *file;
	size_t at;

	memset(bytes, 0x45, PCAPNG_PACKET_MAX + 5);
	/* the last character that would fit has two bytes */
	memset(comment, 'c', 100000);
	memcpy(comment + PCAPNG_COMMENT_MAX - 1, "\xc3\xa4", 2);
	comment[99999] = 0;
	for (size_t i = 0; i < PCAPNG_COMMENTS_MAX; i++)
		packet.comments[i] = comment;
	assert_int_equal(pcapng_packet(pcapng, &packet), 0);
	assert_int_equal(pcapng_packet(pcapng, &packet), 0);
	assert_int_equal(pcapng_entry(pcapng, 0, 6, comment), 0);
	assert_int_equal(pcapng_close(pcapng), 0);
	file = load(folder->file);
	take_block(file, SECTION);
	take_block(file, INTERFACE);
	take_block(file, PACKET);
	at = take_block(file, PACKET);
	assert_int_equal(u32_at(file, at + 20), PCAPNG_PACKET_MAX);
	assert_int_equal(u32_at(file, at + 24), 1 << 30);
	assert_int_equal(find_option(file, at + 28 + PCAPNG_PACKET_MAX, 1, 0, &value),
			 PCAPNG_COMMENT_MAX - 1);
	assert_int_equal(
		find_option(file, at + 28 + PCAPNG_PACKET_MAX, 1, PCAPNG_COMMENTS_MAX, &value), -1);
	take_block(file, JOURNAL);
	assert_int_equal(file->at, file->size);
	free(file);
	free(bytes);
	free(comment);
}

/* More interfaces than there is room for share one; none is made known without a packet. */
static void many_interfaces(void **state)
{
	struct folder *folder = *state;
	struct pcapng *pcapng = begin(folder->file);
	struct pcapng_packet packet = { .bytes = (const __u8 *)"E", .captured = 1, .wire = 1 };
	struct file *file;
	__u32 known = 0;

	for (__u32 i = 0; i < 2 * PCAPNG_INTERFACES_MAX; i++)
		known = pcapng_interface(pcapng, 1, i, "veth", "", "");
	assert_int_equal(known, PCAPNG_INTERFACES_MAX - 1);
	packet.interface = known;
	assert_int_equal(pcapng_packet(pcapng, &packet), 0);
	packet.interface = 3;
	assert_int_equal(pcapng_packet(pcapng, &packet), 0);
	assert_int_equal(pcapng_close(pcapng), 0);
	file = load(folder->file);
	take_block(file, SECTION);
	take_block(file, INTERFACE);
	assert_int_equal(u32_at(file, take_block(file, PACKET) + 8), 0);
	take_block(file, INTERFACE);
	assert_int_equal(u32_at(file, take_block(file, PACKET) + 8), 1);
	assert_int_equal(file->at, file->size);
	free(file);
}

/* Every file of a rotation is whole: section, secrets, its interfaces; the oldest ones go. */
static void rotation(void **state)
{
	static const char secrets[] = "CLIENT_RANDOM 00 00\n";
	struct folder *folder = *state;
	const struct outfile_limits limits = { .rotate_bytes = 5000, .files = 3 };
	__u8 bytes[400] = { 0x45 };
	struct pcapng_packet packet = { .bytes = bytes, .captured = 400, .wire = 400 };
	struct pcapng *pcapng;
	size_t files = 0;
	char path[128];

	assert_int_equal(pcapng_open(&pcapng, folder->file, &limits, &about, secrets,
				     sizeof(secrets) - 1),
			 0);
	packet.interface = pcapng_interface(pcapng, 1, 1, "eth0", "", "");
	for (int i = 0; i < 100; i++)
		assert_int_equal(pcapng_packet(pcapng, &packet), 0);
	assert_int_equal(pcapng_close(pcapng), 0);
	for (int i = 0; i < 100; i++) {
		struct file *file;
		int packets = 0;

		snprintf(path, sizeof(path), "%s/out.%05d.pcapng", folder->path, i);
		if (access(path, F_OK))
			continue;
		files++;
		file = load(path);
		assert_true(file->size <= 5000);
		take_block(file, SECTION);
		assert_int_equal(u32_at(file, file->at + 8), 0x544c534b);
		assert_int_equal(u32_at(file, take_block(file, SECRETS) + 12), sizeof(secrets) - 1);
		take_block(file, INTERFACE);
		for (; file->at < file->size; packets++)
			take_block(file, PACKET);
		assert_true(packets > 0);
		free(file);
	}
	assert_int_equal(files, 3);
}

/* What a key log got meanwhile stands in front of the next packet, all of it in every later file. */
static void growing_secrets(void **state)
{
	static const char secrets[] = "CLIENT_RANDOM 00 00\nCLIENT_RANDOM 01 01\nEXPORTER 2 2\n";
	struct folder *folder = *state;
	const struct outfile_limits limits = { .rotate_bytes = 1800 };
	__u8 bytes[400] = { 0x45 };
	struct pcapng_packet packet = { .bytes = bytes, .captured = 400, .wire = 400 };
	struct pcapng *pcapng;
	struct file *file;
	char path[128];
	size_t at;

	assert_int_equal(pcapng_open(&pcapng, folder->file, &limits, &about, NULL, 0), 0);
	packet.interface = pcapng_interface(pcapng, 1, 1, "eth0", "", "");
	assert_int_equal(pcapng_packet(pcapng, &packet), 0);
	pcapng_secrets(pcapng, secrets, 20);
	pcapng_secrets(pcapng, secrets, 40);
	assert_int_equal(pcapng_packet(pcapng, &packet), 0);
	pcapng_secrets(pcapng, secrets, sizeof(secrets) - 1);
	assert_int_equal(pcapng_packet(pcapng, &packet), 0);
	assert_int_equal(pcapng_close(pcapng), 0);
	for (int i = 1; i <= 2; i++) {
		snprintf(path, sizeof(path), "%s/out.%05d.pcapng", folder->path, i);
		file = load(path);
		take_block(file, SECTION);
		if (i == 1) {
			take_block(file, INTERFACE);
			take_block(file, PACKET);
		}
		at = take_block(file, SECRETS);
		assert_int_equal(u32_at(file, at + 12), i == 1 ? 40 : sizeof(secrets) - 1);
		assert_memory_equal(file->bytes + at + 16, secrets,
				    i == 1 ? 40 : sizeof(secrets) - 1);
		if (i == 2)
			take_block(file, INTERFACE);
		take_block(file, PACKET);
		assert_int_equal(file->at, file->size);
		free(file);
	}
}

/* How long the file may get; the kernel writes what fits and refuses the rest, like a full disk. */
static void limit_size(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* What is refused is counted and leaves nothing behind; the interface lost with it comes again. */
static void room_comes_back(void **state)
{
	struct folder *folder = *state;
	struct pcapng *pcapng = begin(folder->file);
	struct pcapng_packet packet = { .bytes = (const __u8 *)"E", .captured = 1, .wire = 1 };
	struct stat status;
	struct file *file;

	signal(SIGXFSZ, SIG_IGN);
	packet.interface = pcapng_interface(pcapng, 1, 1, "eth0", "", "");
	assert_int_equal(stat(folder->file, &status), 0);
	limit_size(status.st_size + 30);
	assert_int_equal(pcapng_packet(pcapng, &packet), 0);
	assert_int_equal(pcapng_flush(pcapng), -ENOSPC);
	limit_size(RLIM_INFINITY);
	assert_int_equal(pcapng_counts(pcapng)->not_written, 1);
	assert_int_equal(pcapng_packet(pcapng, &packet), 0);
	assert_int_equal(pcapng_flush(pcapng), 0);
	assert_int_equal(pcapng_counts(pcapng)->packets, 1);
	assert_int_equal(pcapng_counts(pcapng)->not_written, 1);
	assert_int_equal(pcapng_close(pcapng), 0);
	file = load(folder->file);
	take_block(file, SECTION);
	take_block(file, INTERFACE);
	assert_int_equal(u32_at(file, take_block(file, PACKET) + 8), 0);
	/* and the file says that one is missing */
	take_block(file, STATISTICS);
	assert_int_equal(file->at, file->size);
	free(file);
}

static void full_disk_shows_at_once(void **state)
{
	struct pcapng *pcapng;
	const struct outfile_limits forced = { .force = true };

	(void)state;
	assert_int_equal(pcapng_open(&pcapng, "/dev/full", &forced, &about, NULL, 0), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_block_as_the_format_has_it, make_folder,
						folder_remove),
		cmocka_unit_test_setup_teardown(every_length, make_folder, folder_remove),
		cmocka_unit_test_setup_teardown(too_much_is_cut, make_folder, folder_remove),
		cmocka_unit_test_setup_teardown(many_interfaces, make_folder, folder_remove),
		cmocka_unit_test_setup_teardown(rotation, make_folder, folder_remove),
		cmocka_unit_test_setup_teardown(growing_secrets, make_folder, folder_remove),
		cmocka_unit_test_setup_teardown(room_comes_back, make_folder, folder_remove),
		cmocka_unit_test(full_disk_shows_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
