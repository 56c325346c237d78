// SPDX-License-Identifier: GPL-2.0-or-later
/* container_test.c - names of containers out of the files of their engines */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "collect/host/container.h"
#include "util/json_find.h"
#include "util/array.h"

#define ID "9f2c7e1a4b5d6c8e0f1a2b3c4d5e6f708192a3b4c5d6e7f80123456789abcdef"
#define OTHER "0000000000000000000000000000000000000000000000000000000000000000"
#define UID "1b4e28ba-2fa1-11d2-883f-0016d3cca427"

struct root {
	char path[40];
	struct containers *containers;
};

static int make_root(void **state)
{
	struct root *root = calloc(1, sizeof(*root));

	strcpy(root->path, "/tmp/sockwhy-test-XXXXXX");
	if (!mkdtemp(root->path))
		return -1;
	root->containers = containers_new(root->path);
	*state = root;
	return 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *at)
{
	(void)status;
	(void)type;
	(void)at;
	return remove(path);
}

static int remove_root(void **state)
{
	struct root *root = *state;

	containers_free(root->containers);
	nftw(root->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(root);
	return 0;
}

/* A file below the root, with the folders on its way. */
static void put(const struct root *root, const char *path, const char *text)
{
	char full[PATH_MAX];
	FILE *file;

	snprintf(full, sizeof(full), "%s/%s", root->path, path);
	for (char *slash = strchr(full + strlen(root->path) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(full, 0700);
		*slash = '/';
	}
	file = fopen(full, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void assert_names(const struct container_names *names, const char *name, const char *space,
			 const char *pod, const char *uid)
{
	assert_string_equal(names->name, name);
	assert_string_equal(names->pod_namespace, space);
	assert_string_equal(names->pod, pod);
	assert_string_equal(names->pod_uid, uid);
}

static void docker(void **state)
{
	struct root *root = *state;

	put(root, "var/lib/docker/containers/" ID "/config.v2.json",
	    "{\"StreamConfig\":{},\"State\":{\"Name\":\"no\"},\"ID\":\"" ID "\",\"Config\":"
	    "{\"Env\":[\"Name=\\\"x\\\"\"],\"Labels\":{\"a\":\"b\"}},\"Name\":\"/web\"}");
	put(root, "var/lib/docker/containers/" OTHER "/config.v2.json",
	    "{\"Name\":\"/k8s_app\",\"Config\":{\"Labels\":{\"io.kubernetes.container.name\":\"app\","
	    "\"io.kubernetes.pod.name\":\"web-7d9f\",\"io.kubernetes.pod.namespace\":\"shop\","
	    "\"io.kubernetes.pod.uid\":\"" UID "\"}}}");
	assert_names(containers_find(root->containers, ID), "web", "", "", "");
	assert_names(containers_find(root->containers, OTHER), "app", "shop", "web-7d9f", UID);
}

static void containerd(void **state)
{
	struct root *root = *state;
	const char *task = "run/containerd/io.containerd.runtime.v2.task";
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/moby/" OTHER "/config.json", task);
	put(root, path, "{\"annotations\":{\"nerdctl/name\":\"no\"}}");
	snprintf(path, sizeof(path), "%s/k8s.io/" ID "/config.json", task);
	put(root, path,
	    "{\"ociVersion\":\"1.1.0\",\"process\":{\"args\":[\"/app\"]},\"annotations\":{"
	    "\"io.kubernetes.cri.container-name\":\"app\","
	    "\"io.kubernetes.cri.sandbox-name\":\"web-7d9f\","
	    "\"io.kubernetes.cri.sandbox-namespace\":\"shop\","
	    "\"io.kubernetes.cri.sandbox-uid\":\"" UID "\"}}");
	assert_names(containers_find(root->containers, ID), "app", "shop", "web-7d9f", UID);
}

static void podman_and_cri_o(void **state)
{
	struct root *root = *state;
	const char *bundles = "run/containers/storage/overlay-containers";
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/" ID "/userdata/config.json", bundles);
	put(root, path, "{\"annotations\":{\"io.container.manager\":\"libpod\"}}");
	put(root, "var/lib/containers/storage/overlay-containers/containers.json",
	    "[ {\"id\":\"" OTHER "\",\"names\":[\"no\"]},\n"
	    "{\"id\":\"" ID "\",\"names\":[\"web\",\"alias\"],\"metadata\":\"{\\\"name\\\":1}\"}]");
	assert_names(containers_find(root->containers, ID), "web", "", "", "");

	snprintf(path, sizeof(path), "%s/" OTHER "/userdata/config.json", bundles);
	put(root, path,
	    "{\"annotations\":{\"io.kubernetes.container.name\":\"app\","
	    "\"io.kubernetes.pod.name\":\"web-0\",\"io.kubernetes.pod.namespace\":\"shop\"}}");
	assert_names(containers_find(root->containers, OTHER), "app", "shop", "web-0", "");
}

static void names_that_are_ids(void **state)
{
	struct root *root = *state;

	put(root, "var/lib/docker/containers/x/config.v2.json", "{\"Name\":\"/no\"}");
	put(root, "etc/config.v2.json", "{\"Name\":\"/no\"}");
	assert_names(containers_find(root->containers, "box"), "box", "", "", "");
	assert_names(containers_find(root->containers, "../../../../etc"), "../../../../etc", "",
		     "", "");
}

/* What is there when it is first asked for counts; where there are no files nothing is known. */
static void read_once(void **state)
{
	struct root *root = *state;

	assert_names(containers_find(root->containers, ID), "", "", "", "");
	put(root, "var/lib/docker/containers/" ID "/config.v2.json", "{\"Name\":\"/web\"}");
	assert_names(containers_find(root->containers, ID), "", "", "", "");
	for (unsigned int i = 0; i < 64; i++) { /* others take its place */
		char id[65];

		snprintf(id, sizeof(id), "%064x", i);
		containers_find(root->containers, id);
	}
	assert_names(containers_find(root->containers, ID), "web", "", "", "");
}

/* A link, a fifo, a file that others may write: of no engine. */
static void files_of_nobody(void **state)
{
	struct root *root = *state;
	char file[PATH_MAX], link[PATH_MAX];

	put(root, "else", "{\"Name\":\"/no\"}");
	put(root, "var/lib/docker/containers/" ID "/x", "");
	snprintf(file, sizeof(file), "%s/else", root->path);
	snprintf(link, sizeof(link), "%s/var/lib/docker/containers/" ID "/config.v2.json",
		 root->path);
	assert_int_equal(symlink(file, link), 0);
	assert_names(containers_find(root->containers, ID), "", "", "", "");

	put(root, "var/lib/docker/containers/" OTHER "/x", "");
	snprintf(file, sizeof(file), "%s/var/lib/docker/containers/" OTHER "/config.v2.json",
		 root->path);
	assert_int_equal(mkfifo(file, 0600), 0);
	assert_names(containers_find(root->containers, OTHER), "", "", "", "");
	containers_free(root->containers);
	root->containers = containers_new(root->path);
	unlink(file);
	put(root, "var/lib/docker/containers/" OTHER "/config.v2.json", "{\"Name\":\"/no\"}");
	assert_int_equal(chmod(file, 0666), 0);
	assert_names(containers_find(root->containers, OTHER), "", "", "", "");
}

static void strings(void **state)
{
	static const struct {
		const char *json, *text;
	} cases[] = {
		{ "{\"a\":\"b\"}", "b" },
		{ " { \"x\" : [ {\"a\":1}, \"}\" ] , \"a\" : \"b\" } ", "b" },
		{ "{\"a\":\"q\\\"\\\\\\/\\n\\t\"}", "q\"\\/\n\t" },
		{ "{\"a\":\"\\u00fc\\u20ac\\ud83d\\ude00\\u0000!\"}",
		  "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80!" },
		{ "{\"a\":\"\\ud83d!\\udc00\\ud83d\\u0041\\uzzzz\"}", NULL },
		{ "{\"a\":\"12345678901234567890\"}", "123456789012345" },
		{ "{\"a\":1}", "" },
		{ "{\"b\":\"a\"}", "" },
		{ "[\"a\"]", "" },
		{ "{\"a\":\"cut", "cut" },
		{ "{\"a\":\"\\", "" },
		{ "{\"a\"", "" },
		{ "{\"x\":{[}]],\"a\":\"b\"}", "" },
		{ "", "" },
	};
	char text[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t length = strlen(cases[i].json);
		char *copy = malloc(length + 1); /* the sanitizer watches its end */
		struct json_at json;

		memcpy(copy, cases[i].json, length);
		copy = realloc(copy, length ? length : 1);
		json = (struct json_at){ copy, copy + length };
		json_find_text(json_find_key(json, "a"), text, sizeof(text));
		if (cases[i].text)
			assert_string_equal(text, cases[i].text);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(docker, make_root, remove_root),
		cmocka_unit_test_setup_teardown(containerd, make_root, remove_root),
		cmocka_unit_test_setup_teardown(podman_and_cri_o, make_root, remove_root),
		cmocka_unit_test_setup_teardown(names_that_are_ids, make_root, remove_root),
		cmocka_unit_test_setup_teardown(read_once, make_root, remove_root),
		cmocka_unit_test_setup_teardown(files_of_nobody, make_root, remove_root),
		cmocka_unit_test(strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
