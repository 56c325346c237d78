// SPDX-License-Identifier: GPL-2.0-or-later
/* hooks.c - the table of hooks */
#include "attach/hooks.h"

#include <errno.h>
#include <string.h>

#include "util/array.h"

static const char *missing_tcx(const struct features *features)
{
	return features_has_struct(features, "tcx_link") ? NULL :
							   "the kernel has no TC links (6.6)";
}

static const char *missing_owners(const struct features *features)
{
	if (!features_has_function(features, "bpf_iter_task_file"))
		return "the kernel has no iterator of files (5.8)";
	return features_has_helper(features, "BPF_FUNC_sock_from_file") ?
		       NULL :
		       "the kernel cannot tell sockets from files (5.11)";
}

static const char *missing_iter_tcp(const struct features *features)
{
	return features_has_function(features, "bpf_iter_tcp") ?
		       NULL :
		       "the kernel has no iterator of TCP sockets (5.9)";
}

static const char *missing_results(const struct features *features)
{
	return features_has_struct(features, "io_cqe") ?
		       NULL :
		       "the kernel does not keep the results of io_uring's requests (5.19)";
}

static const char *unwanted_tc(const struct attach_options *options)
{
	return options->packets == PACKETS_TC ? NULL : "packets are taken elsewhere";
}

static const char *unwanted_cgroup(const struct attach_options *options)
{
	return options->packets == PACKETS_CGROUP ? NULL : "packets are taken elsewhere";
}

static const char *unwanted_process(const struct attach_options *options)
{
	return options->follow ? NULL : "no process is followed";
}

static const char *unwanted_calls(const struct attach_options *options)
{
	return options->timeline ? NULL : "no timeline of calls is asked for";
}

const struct hook_row HOOKS[] = {
	{
		.name = "state",
		.kind = HOOK_BTF,
		.programs = { "on_state" },
		.lost = "attempts, their owners and how they end",
	},
	{
		.name = "error",
		.kind = HOOK_BTF,
		.programs = { "on_error" },
		.lost = "ICMP errors that a connecting socket survives",
	},
	{
		.name = "retransmit",
		.kind = HOOK_BTF,
		.programs = { "on_retransmit" },
		.lost = "retransmitted segments",
	},
	{
		.name = "synack-retransmit",
		.kind = HOOK_BTF,
		.programs = { "on_synack_retransmit" },
		.lost = "SYN/ACKs sent again; full accept queues before 6.16",
	},
	{
		.name = "reset-sent",
		.kind = HOOK_BTF,
		.programs = { "on_reset_sent" },
		.lost = "resets of this host and their reasons",
	},
	{
		.name = "reset-received",
		.kind = HOOK_BTF,
		.programs = { "on_reset_received" },
		.lost = "whether a reset or an ICMP error refused",
	},
	{
		.name = "destroy",
		.kind = HOOK_BTF,
		.programs = { "on_destroy" },
		.lost = "whether a process ever heard of the reset of its connection",
	},
	{
		.name = "drop",
		.kind = HOOK_BTF,
		.programs = { "on_drop" },
		.lost = "packets that this host drops, and why",
	},
	{
		.name = "icmp-sent",
		.kind = HOOK_BTF,
		.programs = { "on_icmp_sent" },
		.lost = "ICMP errors of this host (IPv4)",
	},
	{
		.name = "neighbor",
		.kind = HOOK_BTF,
		.programs = { "on_neighbor_timer" },
		.lost = "next hops that do not answer",
	},
	{
		.name = "neighbor-update",
		.kind = HOOK_BTF,
		.programs = { "on_neighbor_update" },
		.lost = "next hops that are declared failed",
	},
	{
		.name = "syscall-socket",
		.kind = HOOK_SYSCALL,
		.programs = { "on_socket" },
		.functions = { "exit_socket" },
		.lost = "errors of socket()",
	},
	{
		.name = "syscall-bind",
		.kind = HOOK_SYSCALL,
		.programs = { "on_bind" },
		.functions = { "exit_bind" },
		.lost = "errors of bind()",
	},
	{
		.name = "syscall-listen",
		.kind = HOOK_SYSCALL,
		.programs = { "on_listen" },
		.functions = { "exit_listen" },
		.lost = "errors of listen()",
	},
	{
		.name = "syscall-connect",
		.kind = HOOK_SYSCALL,
		.programs = { "on_connect" },
		.functions = { "exit_connect" },
		.lost = "errors of connect() before any packet: no route, port or address",
	},
	{
		.name = "syscall-accept",
		.kind = HOOK_SYSCALL,
		.programs = { "on_accept", "on_accept4" },
		.functions = { "exit_accept", "exit_accept4" },
		.lost = "errors of accept()",
	},
	{
		.name = "uring",
		.kind = HOOK_BTF,
		.programs = { "on_uring_complete" },
		.lost = "errors of socket calls by io_uring: connect() before any packet, accept(), bind()",
		.missing = missing_results,
	},
	{
		.name = "send",
		.kind = HOOK_BTF,
		.programs = { "on_send" },
		.lost = "writes to connections that the peer has reset; datagrams that could not be sent, unless syscall-send stands in",
	},
	{
		.name = "syscall-send",
		.kind = HOOK_SYSCALL,
		.programs = { "on_sendto", "on_sendmsg", "on_sendmmsg" },
		.functions = { "exit_sendto", "exit_sendmsg", "exit_sendmmsg" },
		.lost = "datagrams that could not be sent, on kernels without sock_send_length (6.3)",
	},
	{
		.name = "datagram-error",
		.kind = HOOK_BTF,
		.programs = { "on_datagram_error" },
		.lost = "ICMP errors that UDP sockets are told of, and whose those are",
	},
	{
		.name = "datagram-full",
		.kind = HOOK_BTF,
		.programs = { "on_receive_full" },
		.lost = "datagrams that find no room at a socket",
	},
	{
		.name = "process",
		.kind = HOOK_BTF,
		.programs = { "on_fork", "on_exec", "on_exit" },
		.lost = "descendants of followed processes",
		.unwanted = unwanted_process,
	},
	{
		.name = "calls",
		.kind = HOOK_BTF,
		.programs = { "on_call_begun", "on_call_returned" },
		.lost = "what the command calls at its sockets, in the timelines of run -v",
		.unwanted = unwanted_calls,
	},
	{
		.name = "listen-full",
		.kind = HOOK_CGROUP,
		.programs = { "listen_full" },
		.lost = "SYNs that meet a full accept queue",
	},
	{
		.name = "lookup",
		.kind = HOOK_CGROUP,
		.programs = { "lookup_connect4", "lookup_connect6", "lookup_send4",
			      "lookup_send6" },
		.lost = "whose a lookup is: then none is judged",
	},
	{
		.name = "cgroup",
		.kind = HOOK_CGROUP,
		.programs = { "cgroup_in", "cgroup_out" },
		.lost = "packets of local sockets",
		.unwanted = unwanted_cgroup,
	},
	{
		.name = "tcx",
		.kind = HOOK_PACKET,
		.programs = { "packet_in", "packet_out" },
		.lost = "packets, unless clsact stands in: its filters outlive a crash",
		.missing = missing_tcx,
		.unwanted = unwanted_tc,
	},
	{
		.name = "clsact",
		.kind = HOOK_PACKET,
		.programs = { "packet_in", "packet_out" },
		.lost = "packets on kernels without TC links",
		.unwanted = unwanted_tc,
	},
	{
		.name = "snapshot",
		.kind = HOOK_ITERATOR,
		.programs = { "snapshot_tcp" },
		.lost = "sockets that were open before the start",
		.open_sockets = true,
		.missing = missing_iter_tcp,
	},
	{
		.name = "snapshot-owners",
		.kind = HOOK_ITERATOR,
		.programs = { "snapshot_owners" },
		.lost = "owners of sockets that were open before the start",
		.open_sockets = true,
		.missing = missing_owners,
	},
	{
		.name = "look",
		.kind = HOOK_ITERATOR,
		.programs = { "look_sockets" },
		.lost = "what processes leave undone: connections not closed, not read",
		.missing = missing_owners,
	},
	{
		.name = "datagram-owners",
		.kind = HOOK_ITERATOR,
		.programs = { "datagram_owners" },
		.lost = "owners of UDP sockets that were not connected, or before the start",
		.missing = missing_owners,
	},
};

const size_t HOOKS_COUNT = ARRAY_SIZE(HOOKS);

int hooks_find(const char *name)
{
	for (size_t i = 0; i < HOOKS_COUNT; i++)
		if (strcmp(HOOKS[i].name, name) == 0)
			return i;
	return -ENOENT;
}
