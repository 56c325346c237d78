// SPDX-License-Identifier: GPL-2.0-or-later
/* exits.c - see exits.h */
#include "attach/exits.h"

#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "util/array.h"
#include "util/log.h"
#include "util/own.h"

/* return 0 */
static const struct bpf_insn NOTHING[] = {
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
	{ .code = BPF_JMP | BPF_EXIT },
};

bool exits_attach(const struct features *features)
{
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_TRACE_FEXIT,
		    .attach_btf_id = features_function_id(features, FEATURES_SYSCALL "listen"));
	_cleanup_close_ int program = -1, link = -1;

	if (!options.attach_btf_id)
		return false;
	program = bpf_prog_load(BPF_PROG_TYPE_TRACING, "try_exit", "GPL", NOTHING,
				ARRAY_SIZE(NOTHING), &options);
	if (program >= 0)
		link = bpf_raw_tracepoint_open(NULL, program);
	if (link < 0)
		log_debug("no programs at functions: %s", strerror(errno));
	return link >= 0;
}
