// SPDX-License-Identifier: GPL-2.0-or-later
/* health.c - what an agent says of itself, and finding those that run */
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "attach/load.h"
#include "knobs.h"
#include "sockwhy.skel.h"
#include "util/own.h"
#include "util/types.h"

#define HEALTH_MAP "sockwhy_health" /* a name of the kernel's has 15 letters at most */

int attach_tell_health(const struct attach *attach, const struct agent_health *health)
{
	__u32 zero = 0;

	return bpf_map_update_elem(bpf_map__fd(attach->skeleton->maps.sockwhy_health), &zero,
				   health, BPF_ANY) ?
		       -errno :
		       0;
}

/* Reads the map of this number, where it is one of ours and told of. A map may go meanwhile. */
static bool read_health(__u32 id, struct agent_health *health)
{
	_cleanup_close_ int fd = bpf_map_get_fd_by_id(id);
	struct bpf_map_info info = { 0 };
	__u32 size = sizeof(info), zero = 0;

	return fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &size) &&
	       !strcmp(info.name, HEALTH_MAP) && info.value_size == sizeof(*health) &&
	       !bpf_map_lookup_elem(fd, &zero, health) && health->version == AGENT_HEALTH_VERSION;
}

int attach_find_agents(void (*found)(void *ctx, const struct agent_health *health), void *ctx)
{
	struct agent_health health;
	__u32 id = 0;
	int count = 0;

	while (!bpf_map_get_next_id(id, &id)) {
		if (!read_health(id, &health))
			continue;
		found(ctx, &health);
		count++;
	}
	return errno == ENOENT ? count : -errno;
}
