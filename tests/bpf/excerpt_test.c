// SPDX-License-Identifier: GPL-2.0-or-later
/* excerpt_test.c - programs read the same places by an excerpt of the kernel's types as by all (root) */
#include "lab.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "attach/excerpt.h"
#include "knobs.h"
#include "sockwhy.skel.h"

static struct sockwhy *load(const char *types)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .btf_custom_path = types);
	struct sockwhy *skeleton = sockwhy__open_opts(&options);
	struct bpf_program *program;

	assert_non_null(skeleton);
	/* what is attached to functions many kernels do not take, and it reads what the others do */
	bpf_object__for_each_program(program,
				     skeleton->obj) if (strncmp(bpf_program__section_name(program),
								"fexit/", 6) == 0)
		bpf_program__set_autoload(program, false);
	if (!sockwhy__load(skeleton))
		return skeleton;
	sockwhy__destroy(skeleton);
	return NULL;
}

static int write_excerpt(char *path, size_t room)
{
	size_t size;
	const void *object = sockwhy__elf_bytes(&size);
	int fd = excerpt_write(object, size);

	assert_true(fd >= 0);
	snprintf(path, room, "/proc/self/fd/%d", fd);
	return fd;
}

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

/* Of the loads of an address two loads differ: a map's descriptor stands there. */
static void check_program(const struct bpf_program *all, const struct bpf_program *few)
{
	size_t count = bpf_program__insn_cnt(all);

	assert_int_equal(count, bpf_program__insn_cnt(few));
	for (size_t i = 0; i < count; i++) {
		struct bpf_insn wanted = bpf_program__insns(all)[i];
		struct bpf_insn got = bpf_program__insns(few)[i];

		if (wanted.code == (BPF_LD | BPF_IMM | BPF_DW) && wanted.src_reg)
			wanted.imm = got.imm;
		if (memcmp(&wanted, &got, sizeof(got)) != 0)
			fail_msg("%s: instruction %zu differs", bpf_program__name(all), i);
	}
}

static void test_programs_are_the_same(void **state)
{
	struct bpf_program *all, *few = NULL;
	struct sockwhy *by_all, *by_few;
	size_t count = 0;
	char path[32];
	int fd = write_excerpt(path, sizeof(path));

	(void)state;
	libbpf_set_print(quiet);
	by_all = load(NULL);
	by_few = load(path);
	close(fd);
	/* a kernel that lacks a tracepoint takes neither */
	assert_int_equal(!by_all, !by_few);
	if (!by_all) {
		print_message("skipped: this kernel does not take every program\n");
		skip();
	}
	bpf_object__for_each_program(all, by_all->obj)
	{
		few = bpf_object__next_program(by_few->obj, few);
		assert_non_null(few);
		assert_string_equal(bpf_program__name(all), bpf_program__name(few));
		check_program(all, few);
		count++;
	}
	assert_in_range(count, 30, 100);
	sockwhy__destroy(by_all);
	sockwhy__destroy(by_few);
}

/* 127,000 on 6.18: what libbpf goes through for each name. */
static void test_few_types_are_left(void **state)
{
	char path[32];
	int fd = write_excerpt(path, sizeof(path));
	struct btf *all = btf__load_vmlinux_btf(), *few = btf__parse(path, NULL);

	(void)state;
	close(fd);
	assert_non_null(all);
	assert_non_null(few);
	assert_true(btf__find_by_name_kind(few, "tcp_sock", BTF_KIND_STRUCT) > 0);
	assert_in_range(btf__type_cnt(few), 500, btf__type_cnt(all) / 10);
	btf__free(all);
	btf__free(few);
}

static void test_what_is_no_object_has_none(void **state)
{
	static const char words[64] = "no object";

	(void)state;
	assert_true(excerpt_write(words, sizeof(words)) < 0);
	assert_true(excerpt_write(words, 0) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_programs_are_the_same),
		cmocka_unit_test(test_few_types_are_left),
		cmocka_unit_test(test_what_is_no_object_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
