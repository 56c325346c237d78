// SPDX-License-Identifier: GPL-2.0-or-later
/* cgroup_test.c - unit and container out of a cgroup's path */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include "collect/host/cgroup.h"
#include "util/array.h"

#define ID "9f2c7e1a4b5d6c8e0f1a2b3c4d5e6f708192a3b4c5d6e7f80123456789abcdef"

static void path_of_a_process(void **state)
{
	static const struct {
		const char *text, *path;
	} cases[] = {
		{ "0::/system.slice/nginx.service\n", "/system.slice/nginx.service" },
		{ "0::/\n", "/" },
		/* hybrid: v1 controllers beside v2 */
		{ "12:pids:/a\n1:name=systemd:/system.slice/x.service\n0::/system.slice/x.service\n",
		  "/system.slice/x.service" },
		/* v1 alone */
		{ "12:pids:/a\n1:name=systemd:/system.slice/x.service\n",
		  "/system.slice/x.service" },
		/* v2 mounted and not used */
		{ "1:name=systemd:/system.slice/x.service\n0::/\n", "/system.slice/x.service" },
		{ "4:memory:/a\n", "" },
		{ "", "" },
		{ "0::/no-newline", "/no-newline" },
	};
	char path[64], short_path[6];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cgroup_find_path(cases[i].text, path, sizeof(path));
		assert_string_equal(path, cases[i].path);
	}
	cgroup_find_path(cases[0].text, short_path, sizeof(short_path));
	assert_string_equal(short_path, "/syst");
}

static void unit_and_container(void **state)
{
	static const struct {
		const char *path, *unit, *container;
	} cases[] = {
		{ "/system.slice/nginx.service", "nginx.service", "" },
		{ "/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service", "" },
		{ "/init.scope", "init.scope", "" },
		{ "/user.slice/user-1000.slice/session-3.scope", "session-3.scope", "" },
		{ "/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service",
		  "foo.service", "" },
		{ "/user.slice/user-1000.slice/user@1000.service/init.scope", "init.scope", "" },
		/* delegated: the unit's own children are no units */
		{ "/system.slice/php.service/pool-a", "php.service", "" },
		/* systemd's escape */
		{ "/system.slice/_cpu.service", "cpu.service", "" },
		{ "/", "", "" },
		{ "", "", "" },
		{ "/system.slice", "", "" },
		{ "/system.slice/.service", "", "" },
		/* engines: the scope only wraps the container */
		{ "/system.slice/docker-" ID ".scope", "", ID },
		{ "/docker/" ID, "", ID },
		{ "/machine.slice/libpod-" ID ".scope/container", "", ID },
		{ "/machine.slice/libpod-conmon-" ID ".scope", "libpod-conmon-" ID ".scope", "" },
		{ "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod12.slice/"
		  "cri-containerd-" ID ".scope",
		  "", ID },
		{ "/kubepods/besteffort/pod1234/" ID, "", ID },
		{ "/kubepods.slice/kubepods-pod1.slice/crio-" ID ".scope", "", ID },
		/* systemd inside a container, a container inside a service */
		{ "/docker/" ID "/system.slice/nginx.service", "nginx.service", ID },
		{ "/system.slice/docker.service/docker/" ID, "", ID },
		/* LXC and systemd-nspawn: the name; the monitor and virtual machines are this host's */
		{ "/lxc.payload.db/system.slice/nginx.service", "nginx.service", "db" },
		{ "/lxc.monitor.db", "", "" },
		{ "/lxc/db/init.scope", "init.scope", "db" },
		{ "/machine.slice/systemd-nspawn@my\\x2dbox.service/payload/system.slice/a.service",
		  "a.service", "my-box" },
		{ "/machine.slice/machine-box.scope/payload", "", "box" },
		{ "/machine.slice/systemd-nspawn@box.service/supervisor",
		  "systemd-nspawn@box.service", "" },
		{ "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/libvirt/emulator",
		  "machine-qemu\\x2d1\\x2dvm.scope", "" },
		{ "/machine.slice/machine-box.scope/payloads", "machine-box.scope", "" },
		/* 63 and 65 digits are something else */
		{ "/docker/" ID "0", "", "" },
		{ "/x/9f2c7e1a4b5d6c8e0f1a2b3c4d5e6f708192a3b4c5d6e7f80123456789abcde", "", "" },
	};
	char unit[128], id[65];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cgroup_find_unit(cases[i].path, unit, sizeof(unit));
		assert_string_equal(unit, cases[i].unit);
		cgroup_find_container(cases[i].path, id, sizeof(id));
		assert_string_equal(id, cases[i].container);
	}
}

static void pod(void **state)
{
	static const char hyphens[] = "1b4e28ba-2fa1-11d2-883f-0016d3cca427";
	static const struct {
		const char *path, *uid;
	} cases[] = {
		{ "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1b4e28ba_2fa1_11d2_883f_"
		  "0016d3cca427.slice/cri-containerd-" ID ".scope",
		  hyphens },
		{ "/kubepods/besteffort/pod1b4e28ba-2fa1-11d2-883f-0016d3cca427/" ID, hyphens },
		{ "/kubelet.slice/kubelet-kubepods.slice/x", "" },
		{ "/kubepods/pod0123456789abcdef0123456789abcdef/" ID,
		  "0123456789abcdef0123456789abcdef" },
		{ "/kubepods/podx/" ID, "" },
		{ "/machine.slice/pod1b4e28ba-2fa1-11d2-883f-0016d3cca427", "" },
		{ "", "" },
	};
	char uid[40];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cgroup_find_pod(cases[i].path, uid, sizeof(uid));
		assert_string_equal(uid, cases[i].uid);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(path_of_a_process),
		cmocka_unit_test(unit_and_container),
		cmocka_unit_test(pod),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
